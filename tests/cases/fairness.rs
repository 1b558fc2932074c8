//! Applications share one server, and none starves another.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use event::Stopwatch;
use serde_json::{Value, json};

use crate::harness::server::{Server, group, patch, user};

/// Bodies that announce a large length and send almost nothing.
#[test]
fn slow_bodies_of_one_application_do_not_hold_up_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (slow, other) = (server.add_app("slow"), server.add_app("other"));
    let address = server.url.trim_start_matches("http://");
    let begun = || {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(
            socket,
            "POST /apps/slow/scim/v2/Users HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/scim+json\r\n\
             Content-Length: 8000000\r\nExpect: 100-continue\r\n\r\n",
            slow.token
        )
        .unwrap();
        let mut interim = [0; 25];
        socket.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        socket.write_all(&vec![b' '; 20 << 10]).unwrap();
        socket
    };
    let slow: Vec<TcpStream> = (0..32).map(|_| begun()).collect();
    let watch = Stopwatch::start();
    for turn in 0..5 {
        let mut body = user(&format!("user-{turn}"));
        body["title"] = "x".repeat(50 << 10).into();
        assert_eq!(other.post("/Users", &body).status, 201);
    }
    // Slow bodies are dropped after 30 seconds; these requests must not have waited for that.
    assert!(watch.elapsed().as_secs() < 15, "{:?}", watch.elapsed());
    drop(slow);
}

#[test]
fn costly_changes_of_one_group_do_not_hold_up_another_application() {
    const COSTLY: usize = 24;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (costly, other) = (server.add_app("costly"), server.add_app("other"));
    let ghosts: Value = (0..1_000).map(|index| json!({"value": format!("g-{index}")})).collect();
    let crowd = json!({"displayName": "Crowd", "members": ghosts});
    let path = format!("/Groups/{}", costly.post("/Groups", &crowd).id());
    let look = json!({"op": "remove", "path": "members[value sw \"zz\"]"});
    let looks: Value = (0..100).map(|_| look.clone()).collect();
    let body = patch(&looks).to_string();
    let done = AtomicUsize::new(0);
    let (first, begun) = channel();
    std::thread::scope(|scope| {
        for _ in 0..COSTLY {
            let (client, first) = (costly.with_token(&costly.token), first.clone());
            let (path, body, done) = (&path, &body, &done);
            scope.spawn(move || {
                let answer = client.send("PATCH", path, &[], body.as_bytes()).unwrap();
                assert_eq!(answer.status, 204, "{answer:?}");
                done.fetch_add(1, Ordering::SeqCst);
                first.send(()).unwrap();
            });
        }
        begun.recv().unwrap();
        let before = done.load(Ordering::SeqCst);
        assert_eq!(other.post("/Groups", &group("Crew")).status, 201);
        let after = done.load(Ordering::SeqCst);
        assert!(
            after < COSTLY,
            "{after} of {COSTLY} costly ones were answered before, from {before} on"
        );
    });
}
