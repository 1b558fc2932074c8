//! Promise 1, nothing unrecorded: every request on a SCIM address leaves exactly one event.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::task::Poll;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{Client, Server, group, patch, user};

/// One request of each kind of error, and some successful ones.
#[test]
fn every_request_leaves_exactly_one_operation_event() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let id = scim.post("/Users", &user("mira.lund@fjord.example")).id();
    let other = server.add_app("other");

    let unknown_app = Client::new(&scim.base().replace("boat", "unknown"), &scim.token);
    let anonymous = scim.with_token("");
    let wrong = scim.with_token("plg_0123");
    let foreign = scim.with_token(&other.token);
    let oversized = vec![b' '; 9 << 20];
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let good = user("nils@fjord.example").to_string();
    let taken = user("MIRA.LUND@fjord.example").to_string();
    let renamed = patch(&json!([{"op": "Replace", "path": "title", "value": "Clerk"}])).to_string();
    let bad_path = patch(&json!([{"op": "add", "path": "a[", "value": 1}])).to_string();
    let one = format!("/Users/{id}");

    #[rustfmt::skip]
    let requests: Vec<(&Client, &str, &str, &[u8], u16)> = vec![
        (&scim, "POST", "/Users", good.as_bytes(), 201),
        (&scim, "POST", "/Users", taken.as_bytes(), 409),
        (&scim, "POST", "/Users", b"{}", 400),
        (&scim, "POST", "/Users", b"", 400),
        (&scim, "POST", "/Users", b"{\"userName\":\"a\",\"userName\":\"b\"}", 400),
        (&scim, "POST", "/Users", b"{\"userName\": nonsense", 400),
        (&scim, "POST", "/Users", b"\xff\xfe", 400),
        (&scim, "POST", "/Users", deep.as_bytes(), 400),
        (&scim, "POST", "/Users", &oversized, 413),
        (&scim, "PATCH", &one, renamed.as_bytes(), 200),
        (&scim, "PATCH", &one, bad_path.as_bytes(), 400),
        (&scim, "PATCH", "/Users/absent", renamed.as_bytes(), 404),
        (&scim, "DELETE", "/Groups/absent", b"", 404),
        (&scim, "GET", &one, b"", 200),
        (&scim, "HEAD", &one, b"", 200),
        (&scim, "GET", "/Users/absent", b"", 404),
        (&scim, "GET", "/Users?filter=userName%20eq%20%22nobody%22", b"", 200),
        (&scim, "GET", "/Users?filter=userName%20xx", b"", 400),
        (&scim, "GET", "/ServiceProviderConfig", b"", 200),
        (&scim, "GET", "/Schemas", b"", 200),
        (&scim, "GET", "/ResourceTypes/User", b"", 200),
        (&scim, "GET", "/Cabins", b"", 404),
        (&scim, "GET", "/Users/a/b/c", b"", 404),
        (&scim, "GET", "/%zz", b"", 404),
        (&scim, "POST", "/Bulk", b"{}", 400),
        (&scim, "POST", "/.search", b"{}", 200),
        (&scim, "POST", "/Users/.search", b"[]", 400),
        (&scim, "GET", "/Users?cursor=x", b"", 400),
        (&scim, "GET", "/Me", b"", 501),
        (&scim, "GET", "", b"", 200),
        (&scim, "GET", "/", b"", 200),
        (&scim, "POST", &one, good.as_bytes(), 405),
        (&scim, "DELETE", "/Users", b"", 405),
        (&scim, "BREW", "/Users", b"", 405),
        (&scim, "OPTIONS", "/Users", b"", 405),
        (&anonymous, "GET", "/Users", b"", 401),
        (&anonymous, "POST", "/Users", good.as_bytes(), 401),
        (&wrong, "POST", "/Users", good.as_bytes(), 401),
        (&foreign, "GET", "/Users", b"", 401),
        (&unknown_app, "GET", "/Users", b"", 401),
        (&unknown_app, "BREW", "/Users", b"", 401),
        (&scim, "DELETE", &one, b"", 204),
        (&scim, "DELETE", &one, b"", 404),
    ];

    let admin = server.admin();
    let before = admin.get("/api/v1/operations?limit=1").body["rowCount"].as_u64().unwrap();
    for (index, (client, method, path, body, status)) in requests.iter().enumerate() {
        let request_id = format!("unrecorded-{index}");
        let headers = [("x-request-id", request_id.as_str())];
        let answer = client.send(method, path, &headers, body).unwrap();
        assert_eq!(answer.status, *status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("x-request-id"), request_id);
        if *status >= 400 && *method != "HEAD" {
            assert_eq!(answer.header("content-type"), "application/scim+json");
            assert_eq!(answer.body["status"], status.to_string(), "{answer:?}");
            let schema = &answer.body["schemas"][0];
            assert_eq!(schema, "urn:ietf:params:scim:api:messages:2.0:Error");
        }
        if *status == 401 {
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
        let rows = admin.rows(&format!("/api/v1/operations?requestId={request_id}"));
        assert_eq!(rows.len(), 1, "{method} {path} left {rows:?}");
        assert_eq!(rows[0]["httpStatus"], *status);
        assert_eq!(rows[0]["requestId"], request_id);
    }
    let after = admin.get("/api/v1/operations?limit=1").body["rowCount"].as_u64().unwrap();
    assert_eq!(after - before, requests.len() as u64, "nothing else left an operation");
}

#[test]
fn a_bulk_request_leaves_one_event_for_each_operation() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    scim.post("/Users", &user("mira"));
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 2,
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": user("nils")},
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("MIRA")},
            {"method": "BREW", "path": "/Users"},
            {"method": "POST", "path": "/Users", "bulkId": "c", "data": user("olga")},
        ],
    });
    let headers = [("x-request-id", "bulk-1")];
    let answer = scim.send("POST", "/Bulk", &headers, body.to_string().as_bytes()).unwrap();
    let statuses: Vec<&str> = answer.body["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["201", "409", "400"], "what was not carried out has no result");

    let mut rows = server.admin().rows("/api/v1/operations?requestId=bulk-1");
    rows.reverse(); // oldest first
    let seen: Vec<(u64, &str, &str, u64)> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            let number = |name: &str| row[name].as_u64().unwrap();
            (number("index"), text("operation"), text("effect"), number("httpStatus"))
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, "POST User", "applied", 201),
            (1, "POST User", "rejected", 409),
            (2, "BREW User", "rejected", 400),
            (3, "POST User", "skipped", 424),
        ]
    );
    let whole = json!({"Operations": [{"method": "POST"}, 7]});
    assert_eq!(scim.post("/Bulk", &whole).status, 400);
    let last = server.admin().get("/api/v1/operations?app=boat&limit=1");
    assert_eq!(last.body["rows"][0]["operation"], "POST Bulk");
}

/// A client that knows only the address cannot fill the disk.
#[test]
fn a_flood_without_a_token_leaves_few_events_and_the_full_count() {
    const REQUESTS: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let before =
        server.admin().get("/api/v1/operations?limit=1").body["rowCount"].as_u64().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let anonymous = scim.with_token("");
            scope.spawn(move || {
                for _ in 0..REQUESTS / 8 {
                    assert_eq!(anonymous.get("/Users").status, 401);
                }
            });
        }
    });
    server.stop();
    let server = Server::start(&data);
    let rows = server.admin().rows("/api/v1/operations?app=boat");
    let counted: u64 = rows.iter().filter_map(|row| row["count"].as_u64()).sum();
    let alone = rows.iter().filter(|row| row["count"].is_null()).count() as u64;
    assert!(counted > 0, "the client is slower than the rate, so this test shows nothing");
    assert_eq!(alone + counted, REQUESTS + before, "each is recorded or counted");
    for row in rows.iter().filter(|row| !row["count"].is_null()) {
        assert_eq!(row["httpStatus"], 401, "{row}");
        assert!(row["firstAt"].as_str() <= row["lastAt"].as_str(), "{row}");
    }
}

/// Requests leave an event even if the client disconnects in the middle of the body, or right after it.
#[test]
fn requests_of_disconnected_clients_leave_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let address = server.url.trim_start_matches("http://");
    let hang_up = |request_id: &str, announced: usize, body: &str| {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let request = format!(
            "POST /apps/boat/scim/v2/Users HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer {}\r\nX-Request-Id: {request_id}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {announced}\r\n\r\n{body}",
            scim.token
        );
        socket.write_all(request.as_bytes()).unwrap();
    };
    let mut expected = vec![];
    for index in 0..50 {
        let body = user(&format!("user-{index}")).to_string();
        let (whole, half) = (format!("whole-{index}"), format!("half-{index}"));
        hang_up(&whole, body.len(), &body);
        hang_up(&half, 5000, &body);
        expected.extend([(whole, 201), (half, 400)]);
    }
    let admin = server.admin();
    for (request_id, status) in expected {
        // Poll until the server has noticed the end of the connection.
        let row = (0..1000)
            .find_map(|_| admin.rows(&format!("/api/v1/operations?requestId={request_id}")).pop())
            .unwrap_or_else(|| panic!("{request_id} is not recorded"));
        assert_eq!(row["httpStatus"], status, "{row}");
    }
}

/// A connection that is closed, or a stream that is reset, drops what answers its request. What it began
/// ends all the same, and a stop waits for it.
#[tokio::test]
async fn a_request_that_its_connection_drops_is_recorded_to_its_end() {
    const OPERATIONS: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = InProcess::open(&data, START).await;
    let token = server.add_app("boat").await;
    let operation = |index| {
        let data = user(&format!("user-{index}@fjord.example"));
        json!({"method": "POST", "path": "/Users", "bulkId": format!("b{index}"), "data": data})
    };
    let operations: Vec<_> = (0..OPERATIONS).map(operation).collect();
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    let request = Request::post("/apps/boat/scim/v2/Bulk")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/scim+json")
        .body(Body::from(bulk.to_string()))
        .unwrap();
    let mut answering = Box::pin(server.begun(request));
    let polled = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await;
    assert!(polled.is_pending(), "one operation is decided after the other");
    drop(answering);
    server.close().await;

    let server = InProcess::open(&data, START).await;
    let rows = server.admin("GET", "/api/v1/operations?limit=1000", &Value::Null).await;
    let rows = rows.body["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), OPERATIONS, "{rows:?}");
    assert!(rows.iter().all(|row| row["httpStatus"] == 201), "{rows:?}");
    server.close().await;
}

#[test]
fn the_detail_of_an_operation_shows_request_and_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let user_id = scim.post("/Users", &user("mira")).id();
    let group_id = scim.post("/Groups", &group("Harbour crew")).id();
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": user_id}]}]);
    let sent = patch(&operations);
    let headers = [("x-request-id", "join-1"), ("user-agent", "fjord-sync/1.2")];
    let answer = scim
        .send("PATCH", &format!("/Groups/{group_id}"), &headers, sent.to_string().as_bytes())
        .unwrap();
    assert_eq!(answer.status, 204);

    let admin = server.admin();
    let row = admin.rows("/api/v1/operations?requestId=join-1").pop().unwrap();
    assert_eq!(row["effect"], "applied");
    assert_eq!(row["resourceId"], group_id.as_str());
    let event_id = row["eventId"].as_str().unwrap();
    let by_id = admin.get(&format!("/api/v1/operations/{event_id}"));
    let by_seq = admin.get(&format!("/api/v1/operations/{}", row["seq"]));
    assert_eq!(by_id.body["resource"], by_seq.body["resource"]);
    let operation = &by_id.body["resource"];
    let expected = json!([
        {"path": "members", "op": "add", "oldValue": null, "newValue": user_id}
    ]);
    assert_eq!(operation["changes"], expected);
    assert_eq!(operation["request"]["body"], sent, "a group has no secrets to cut");
    assert_eq!(operation["userAgent"], "fjord-sync/1.2");
    assert_eq!(operation["sourceIp"], "127.0.0.1");
}

/// A broken request line leaves no event; it is counted, and the recorder's stop event has the count.
#[test]
fn broken_requests_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let address = server.url.trim_start_matches("http://");
    for _ in 0..3 {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(b"POST /apps/boat/scim/v2/Users HTTP/9.9\r\nno header\r\n\r\n").unwrap();
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let counted = |metrics: &str| metrics.contains("provlog_broken_requests_total 3");
    // The connection's task counts after it answered, so poll.
    assert!((0..1000).any(|_| counted(&server.admin().get("/metrics").text)));
    server.stop();
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let last = store.log_size().unwrap() - 1;
    let bytes = store.event_bytes(last).unwrap().unwrap();
    let event::Fact::RecorderStopped(stopped) = event::codec::decode_header(&bytes).unwrap().fact
    else {
        panic!("the last event is the stop");
    };
    assert_eq!(stopped.broken_requests, 3);
}
