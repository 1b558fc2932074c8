//! What a client without a token can learn, and how much it can write to the disk.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use event::{Content, Fact};

use crate::harness::server::{Answer, Client, Server};

/// An answer without what varies. A connection is closed if the body of a refused request was still
/// arriving.
fn seen(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id", "connection"].contains(&name.as_str()));
    let headers = headers.map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    (answer.status, answer.text.clone(), headers.collect())
}

#[test]
fn existing_and_unknown_applications_are_indistinguishable() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (known, other) = (server.add_app("boat"), server.add_app("other"));
    let unknown = Client::new(&known.base().replace("/boat/", "/nobody/"), "");
    let admin = server.admin().token;
    let long = format!("/Users/{}", "x".repeat(5_000));
    for token in ["", "plg_0123", &other.token, &admin] {
        for (method, path) in [
            ("GET", ""),
            ("GET", "/"),
            ("GET", "/Users"),
            ("GET", "/Users/1"),
            ("GET", "/Users/1/2/3"),
            ("GET", "/Cabins"),
            ("GET", "/Me"),
            ("GET", "/ServiceProviderConfig"),
            ("GET", "/Schemas"),
            ("GET", long.as_str()),
            ("HEAD", "/Users"),
            ("POST", "/Users"),
            ("POST", "/Bulk"),
            ("POST", "/.search"),
            ("PUT", "/Users/1"),
            ("PATCH", "/Groups/1"),
            ("DELETE", "/Users/1"),
            ("OPTIONS", "/Users"),
            ("BREW", "/Users"),
        ] {
            let has_body = ["POST", "PUT", "PATCH"].contains(&method);
            let body: &[u8] = if has_body { b"{}" } else { b"" };
            let ask = |client: &Client| {
                seen(&client.with_token(token).send(method, path, &[], body).unwrap())
            };
            let (at_known, at_unknown) = (ask(&known), ask(&unknown));
            assert_eq!(at_known, at_unknown, "{method} {path}");
            assert_eq!(at_known.0, 401, "{method} {path}");
        }
    }
}

/// The error text is correct for the request, and so is the record.
#[test]
fn a_401_says_what_is_wrong_with_the_authorization() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let bare = scim.with_token("");
    for (index, (value, words)) in [
        ("", "the Authorization header is missing"),
        ("Basic bWlyYTpzZWNyZXQ=", "no Bearer token"),
        (scim.token.as_str(), "no Bearer token"),
        ("Bearer", "no Bearer token"),
        ("Digest username=\"mira\"", "no Bearer token"),
        ("Bearer plg_0123", "the token is not a secret token of an application at this address"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("refused-{index}");
        let mut headers = vec![("x-request-id", id.as_str())];
        if !value.is_empty() {
            headers.push(("authorization", value));
        }
        let answer = bare.send("GET", "/Users", &headers, b"").unwrap();
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(words) && detail.contains("check the tenant URL"), "{detail}");
        let row = server.admin().rows(&format!("/api/v1/operations?requestId={id}")).remove(0);
        let recorded = server.admin().get(&format!("/api/v1/operations/{}", row["seq"])).text;
        assert!(recorded.contains(words), "{recorded}");
        assert!(!recorded.contains(&scim.token) && !recorded.contains("bWlyYTp"), "{recorded}");
    }
}

/// Every interface accepts the same spellings of the Authorization header.
#[test]
fn every_interface_accepts_the_same_authorization_headers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (admin, scim) = (server.admin().token, server.add_app("boat").token);
    let address = server.url.trim_start_matches("http://");
    for (spelled, is_known) in [
        ("Authorization: Bearer TOKEN", true),
        ("authorization: bearer TOKEN", true),
        ("Authorization: BEARER \t  TOKEN \t", true),
        ("Authorization: Bearer TOKEN\r\nAuthorization: Basic eDp5", true),
        ("Authorization: Basic eDp5\r\nAuthorization: Bearer TOKEN", false),
        ("Authorization: Bearer\r\nAuthorization: Bearer TOKEN", false),
        ("Authorization: Bearer TOKEN, Bearer TOKEN", false),
        ("Authorization: Bearer TOKEN\u{f6}", false),
        ("Authorization: Bearer\u{a0}TOKEN", false),
        ("Authorization: Bearer", false),
        ("Authorization: Bearer ", false),
        ("Authorization: Bearer \t", false),
        ("Authorization: TOKEN", false),
    ] {
        for (path, token) in [
            ("/apps/boat/scim/v2/Users", &scim),
            ("/api/v1/apps", &admin),
            ("/v1.0/auditLogs/provisioning", &admin),
        ] {
            let mut socket = TcpStream::connect(address).unwrap();
            let line = spelled.replace("TOKEN", token);
            write!(
                socket,
                "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{line}\r\n\r\n"
            )
            .unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            let expected = if is_known { "HTTP/1.1 200 " } else { "HTTP/1.1 401 " };
            assert!(answer.starts_with(expected), "{path} {spelled:?}: {answer}");
        }
    }
}

/// Repeated requests with a long path and user agent: events are small, and few.
#[test]
fn unauthenticated_requests_are_stored_shortened() {
    const REQUESTS: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let nobody = Client::new(&scim.base().replace("/boat/", "/nobody/"), "plg_0123");
    let statuses = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for client in [scim.with_token(""), nobody] {
            let statuses = &statuses;
            scope.spawn(move || {
                let (path, agent) = (format!("/Users/{}", "y".repeat(6_000)), "z".repeat(4_000));
                for _ in 0..REQUESTS {
                    let headers = [("user-agent", agent.as_str())];
                    let answer = client.send("GET", &path, &headers, b"").unwrap();
                    statuses.lock().unwrap().push(answer.status);
                }
            });
        }
    });
    assert_eq!(statuses.into_inner().unwrap(), vec![401; 2 * REQUESTS]);
    server.stop();
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let (mut alone, mut counted) = (0, 0);
    for seq in 0..store.log_size().unwrap() {
        let bytes = store.event_bytes(seq).unwrap().unwrap();
        let event = event::codec::decode_facts(seq, &bytes).unwrap();
        match &event.header.fact {
            Fact::Unauthenticated(requests) => counted += requests.count as usize,
            Fact::Operation(_) => {
                alone += 1;
                assert!(bytes.len() < 1_200, "{}", bytes.len());
                assert!(event.header.origin.unwrap().user_agent.len() <= 256);
                for part in &event.parts {
                    if let Content::Target(target) = &part.content {
                        assert!(target.len() <= 256, "{}", target.len());
                    }
                }
            }
            _ => {}
        }
    }
    assert_eq!(alone + counted, 2 * REQUESTS, "each is recorded or counted");
}
