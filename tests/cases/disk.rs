//! A disk that fills up: requests are refused before the log cannot be written.

use crate::harness::server::{Client, Server, user};

#[test]
fn with_too_little_free_disk_requests_are_refused_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    server.stop();

    // No disk has this much free space.
    let reserve = ["--disk-reserve-bytes", "9000000000000000000"];
    let server = Server::start_with(&data, &reserve, &[]).unwrap();
    let full = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    let headers = [("x-request-id", "full-1")];
    let body = user("mira").to_string();
    let refused = full.send("POST", "/Users", &headers, body.as_bytes()).unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.body["detail"].as_str().unwrap().contains("disk"), "{refused:?}");
    assert_eq!(full.get("/Users").status, 503);
    let admin = server.admin();
    let rows = admin.rows("/api/v1/operations?requestId=full-1");
    assert_eq!((rows.len(), &rows[0]["effect"]), (1, &"rejected".into()));
    assert!(admin.get("/readyz?verbose").text.contains("MiB free"));
    server.stop();

    let server = Server::start(&data);
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    assert_eq!(scim.post("/Users", &user("mira")).status, 201, "it was not carried out before");
    server.stop();
}
