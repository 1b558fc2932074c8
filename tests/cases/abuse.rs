//! Requests that exceed a bound: each is refused, and no other client is affected.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::server::{Client, Server, group, patch, user};

fn served(test: impl FnOnce(&Server, &Client)) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    test(&server, &scim);
    let metrics = server.admin().get("/metrics").text;
    assert!(metrics.contains("provlog_poisoned 0"), "{metrics}");
    server.stop();
}

/// Without a bound a resource could grow until its event cannot be read back.
#[test]
fn a_resource_cannot_grow_beyond_its_bound() {
    served(|server, scim| {
        let id = scim.post("/Users", &user("mira")).id();
        let path = format!("/Users/{id}");
        let entitlements = |round: usize, count: usize, bytes: usize| -> Value {
            let value = |index| json!({"value": format!("{round}-{index}-{}", "x".repeat(bytes))});
            (0..count).map(value).collect()
        };
        let mut statuses = vec![];
        for round in 0..4 {
            let value = entitlements(round, 8, 60_000);
            let add = json!([{"op": "add", "path": "entitlements", "value": value}]);
            statuses.push(scim.patch(&path, &add).status);
        }
        assert_eq!(statuses, [200, 200, 413, 413], "1 MiB in all");
        let many =
            json!([{"op": "add", "path": "entitlements", "value": entitlements(9, 2_000, 1)}]);
        assert_eq!(scim.patch(&path, &many).status, 400, "1,000 elements");
        let body = json!({"userName": "nils", "entitlements": entitlements(9, 40_000, 1)});
        assert_eq!(scim.post("/Users", &body).status, 400);
        assert_eq!(scim.delete(&path).status, 204);
        for row in server.admin().rows("/api/v1/operations") {
            let detail = server.admin().get(&format!("/api/v1/operations/{}", row["seq"]));
            assert_eq!(detail.status, 200, "every event can be read back");
        }
    });
}

#[test]
fn members_and_values_of_one_request_are_bounded() {
    served(|_, scim| {
        let ghosts = |count: usize| -> Value {
            (0..count).map(|index| json!({"value": format!("ghost-{index}")})).collect()
        };
        let crowd = json!({"displayName": "Crowd", "members": ghosts(1_001)});
        assert_eq!(scim.post("/Groups", &crowd).status, 413);
        let crowd = json!({"displayName": "Crowd", "members": ghosts(1_000)});
        let created = scim.post("/Groups", &crowd);
        assert_eq!(created.status, 201);
        assert_eq!(created.body["members"][0], json!({"value": "ghost-0"}), "as it was named");
        let path = format!("/Groups/{}", created.id());
        let look = json!({"op": "remove", "path": "members[value sw \"zz\"]"});
        let looks = |count: usize| -> Value { (0..count).map(|_| look.clone()).collect() };
        assert_eq!(scim.patch(&path, &looks(100)).status, 204);
        assert_eq!(scim.patch(&path, &looks(1_000)).status, 413);
        assert_eq!(scim.patch(&path, &looks(10_001)).status, 413);
        let zeros = format!("{{\"userName\":\"x\",\"y\":[{}0]}}", "0,".repeat(1 << 20));
        let refused = scim.send("POST", "/Users", &[], zeros.as_bytes()).unwrap();
        assert_eq!(refused.status, 413, "{refused:?}");
    });
}

/// Idle connections must not use up the file descriptors that the log needs.
#[test]
fn idle_connections_do_not_stop_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with_files(&data, 350);
    let scim = server.add_app("boat");
    assert_eq!(scim.get("/Users").status, 200); // opens its connection before the idle ones
    let address = server.url.trim_start_matches("http://").to_owned();
    let idle: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for index in 0..50 {
        assert_eq!(scim.post("/Users", &user(&format!("user-{index}"))).status, 201);
    }
    drop(idle);
    assert_eq!(scim.with_token(&scim.token).get("/Users").body["totalResults"], 50);
    assert_eq!(server.admin().get("/readyz").status, 200);
    assert!(!server.log_lines().contains("poisoned"), "{}", server.log_lines());
    server.stop();
}

#[test]
fn a_stop_does_not_wait_for_a_silent_connection() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let silent = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    assert_eq!(server.admin().get("/livez").status, 200); // so the silent connection was accepted too
    server.stop();
    drop(silent);
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(!log.contains("connections were still open"), "{log}");
}

#[test]
fn a_stop_does_not_wait_for_a_slow_body_and_records_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let address = server.url.trim_start_matches("http://");
    let mut slow = TcpStream::connect(address).unwrap();
    write!(
        slow,
        "POST /apps/boat/scim/v2/Users HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         X-Request-Id: slow-1\r\nContent-Type: application/scim+json\r\nContent-Length: 500\r\n\
         Expect: 100-continue\r\n\r\n",
        scim.token
    )
    .unwrap();
    // The server answered 100 Continue, so the request is in progress.
    let mut interim = [0; 12];
    slow.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100");
    server.stop();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 503"), "{answer}");

    let server = Server::start(&data);
    let row = server.admin().rows("/api/v1/operations?requestId=slow-1").remove(0);
    assert_eq!((&row["httpStatus"], &row["effect"]), (&json!(503), &json!("rejected")));
    server.stop();
}

/// A userName is unique whatever its letter case.
#[test]
fn user_names_are_unique_in_every_letter_case() {
    served(|_, scim| {
        for (first, second) in [
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{17f}am", "SAM"),
            ("\u{b5}m", "\u{39c}M"),
            ("\u{fb01}n", "FIN"),
        ] {
            assert_eq!(scim.post("/Users", &user(first)).status, 201);
            assert_eq!(scim.post("/Users", &user(second)).status, 409, "{first} {second}");
        }
        let id = scim.post("/Groups", &group("Crew")).id();
        let twice = patch(&json!([{"op": "add", "path": "displayName", "value": ""}]));
        let refused =
            scim.send("PATCH", &format!("/Groups/{id}"), &[], twice.to_string().as_bytes());
        assert_eq!(refused.unwrap().status, 400, "a required attribute");
    });
}
