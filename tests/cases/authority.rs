//! A token is valid until the event that revokes it, even for requests in progress.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::server::{Client, Server, bulk, patch, user};

/// A request whose body has arrived in part.
struct Begun {
    socket: TcpStream,
    rest: Vec<u8>,
}

impl Begun {
    /// Sends the head and part of the body, and waits until the server expects the rest.
    fn send(client: &Client, method: &str, path: &str, id: &str, body: &Value) -> Begun {
        let address = client.base().trim_start_matches("http://");
        let (address, base) = address.split_once('/').map_or((address, ""), |pair| pair);
        let slash = if base.is_empty() { "" } else { "/" };
        let body = body.to_string().into_bytes();
        let mut socket = TcpStream::connect(address).unwrap();
        write!(
            socket,
            "{method} {slash}{base}{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\nX-Request-Id: {id}\r\nExpect: 100-continue\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            client.token,
            body.len()
        )
        .unwrap();
        let mut interim = [0; 25];
        socket.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        socket.write_all(&body[..1]).unwrap();
        Begun { socket, rest: body[1..].to_vec() }
    }

    /// Sends the rest; returns status and text of the answer.
    fn finish(mut self) -> (u16, String) {
        self.socket.write_all(&self.rest).unwrap();
        let mut answer = String::new();
        self.socket.read_to_string(&mut answer).unwrap();
        (answer["HTTP/1.1 ".len()..][..3].parse().unwrap(), answer)
    }
}

#[test]
fn requests_in_progress_with_a_revoked_token_are_refused_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (admin, scim) = (server.admin(), server.add_app("boat"));
    let id = scim.post("/Users", &user("mira")).id();
    let issued = admin.post("/api/v1/tokens", &json!({"role": "scim", "application": "boat"}));
    let second = scim.with_token(issued.body["token"].as_str().unwrap());
    let title = json!([{"op": "replace", "path": "title", "value": "Clerk"}]);
    let create = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": user("olga")});
    let requests = [
        ("POST", "/Users".to_owned(), user("nils")),
        ("PUT", format!("/Users/{id}"), user("mira.lund")),
        ("PATCH", format!("/Users/{id}"), patch(&title)),
        ("POST", "/.search".to_owned(), json!({})),
    ];
    let begun = requests.iter().enumerate().map(|(index, (method, path, body))| {
        Begun::send(&second, method, path, &format!("late-{index}"), body)
    });
    let mut begun: Vec<Begun> = begun.collect();
    begun.push(Begun::send(&second, "POST", "/Bulk", "late-bulk", &bulk(&json!([create]))));
    let revoked = admin.delete(&format!("/api/v1/tokens/{}", issued.body["id"].as_str().unwrap()));
    assert_eq!(revoked.status, 200);

    let bulk = begun.pop().unwrap();
    for one in begun {
        let (status, text) = one.finish();
        assert_eq!(status, 401, "{text}");
        assert!(text.contains("urn:ietf:params:scim:api:messages:2.0:Error"), "{text}");
    }
    let (_, text) = bulk.finish();
    assert!(text.contains(r#""status":"401""#) && !text.contains(r#""201""#), "{text}");
    for id in ["late-0", "late-1", "late-2", "late-3", "late-bulk"] {
        let rows = admin.rows(&format!("/api/v1/operations?requestId={id}"));
        let [row] = rows.as_slice() else { panic!("{id}: {rows:?}") };
        assert_eq!(
            (&row["httpStatus"], &row["effect"]),
            (&json!(401), &json!("rejected")),
            "{row}"
        );
    }
    let users = scim.get("/Users").body;
    assert_eq!(users["totalResults"], 1, "{users}");
    assert_eq!(users["Resources"][0]["userName"], "mira");
    assert_eq!(users["Resources"][0].get("title"), None);
}

#[test]
fn a_revoked_admin_creates_no_other_admin() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let admin = server.admin();
    let issued = admin.post("/api/v1/tokens", &json!({"role": "admin"}));
    let old = admin.with_token(issued.body["token"].as_str().unwrap());
    let begun = Begun::send(&old, "POST", "/api/v1/tokens", "late", &json!({"role": "admin"}));
    let id = issued.body["id"].as_str().unwrap();
    assert_eq!(admin.delete(&format!("/api/v1/tokens/{id}")).status, 200);
    let (status, text) = begun.finish();
    assert_eq!(status, 401, "{text}");
    assert!(!text.contains("plg_"), "{text}");
    let attempt = admin.get(&format!("/api/v1/access-log?credential={id}&limit=1"));
    assert_eq!(attempt.body["rows"][0]["status"], 401, "{}", attempt.text);
    assert_eq!(attempt.body["rows"][0]["requestId"], "late");
}
