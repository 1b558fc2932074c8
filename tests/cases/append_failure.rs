//! An append that fails: nothing is shown as applied, and the log alone decides after a restart.

#![cfg(feature = "failpoints")]

use serde_json::json;

use crate::harness::server::{Client, Server, user};

#[test]
fn a_failed_append_is_503_shows_nothing_and_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let variables = [("FAILPOINTS", "append=20*off->return")];
    let server = Server::start_with(&data, &[], &variables).unwrap();
    let scim = server.add_app("boat");
    let token = folder.path().join("app.token");
    std::fs::write(&token, "any").unwrap();
    let upstream = json!({"url": "http://127.0.0.1:9/scim", "tokenFile": token});
    let proxied = json!({"application": "ship", "upstream": upstream});
    assert_eq!(server.admin().post("/api/v1/apps", &proxied).status, 201);
    let mut created = vec![];
    let failed = loop {
        assert!(created.len() < 100, "a failed append was answered as a success");
        let user_name = format!("user-{}", created.len());
        let answer = scim.post("/Users", &user(&user_name));
        if answer.status != 201 {
            break (user_name, answer);
        }
        created.push((user_name, answer.id()));
    };
    let (failed_name, answer) = failed;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
    assert!(created.len() > 5, "the failpoint was reached under way");

    // The process no longer knows what the log holds, so it answers nothing.
    let lookup = format!("/Users?filter=userName%20eq%20%22{failed_name}%22");
    assert_eq!(scim.get(&lookup).status, 503);
    assert_eq!(scim.post("/Users", &user("another")).status, 503);
    let admin = server.admin();
    assert_eq!(admin.get("/api/v1/operations").status, 503);
    assert_eq!(admin.get("/api/v1/apps/boat/users").status, 503);
    for how in ["drift", "baseline"] {
        let looked = admin.post(&format!("/api/v1/apps/ship/{how}"), &serde_json::Value::Null);
        assert_eq!(looked.status, 503, "{how}: {}", looked.text);
    }
    assert_eq!(admin.get("/readyz").status, 503);
    assert_eq!(admin.get("/livez").status, 200);
    let metrics = admin.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("provlog_poisoned 1"), "{}", metrics.text);
    server.kill();

    let server = Server::start(&data);
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    assert_eq!(server.admin().get("/readyz").status, 200);
    for (user_name, id) in &created {
        assert_eq!(scim.get(&format!("/Users/{id}")).body["userName"], user_name.as_str());
    }
    assert_eq!(scim.get(&lookup).body["totalResults"], 0, "it was never appended");
    assert_eq!(scim.post("/Users", &user(&failed_name)).status, 201);
    server.stop();
}

/// A panic ends the committer's thread: the server must not look as if it could still write.
#[test]
fn a_committer_that_panics_is_not_ready_and_its_log_decides_after_a_restart() {
    for place in ["append", "publish", "chores"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let failpoint = format!("{place}=20*off->panic");
        let variables = [("FAILPOINTS", failpoint.as_str())];
        let server = Server::start_with(&data, &[], &variables).unwrap();
        let scim = server.add_app("boat");
        let admin = server.admin();
        let mut created = vec![];
        let failed = loop {
            assert!(created.len() < 100, "{place}: a panic was answered as a success");
            let user_name = format!("user-{}", created.len());
            let answer = scim.post("/Users", &user(&user_name));
            if answer.status != 201 {
                break answer;
            }
            created.push(answer.id());
        };
        assert_eq!(failed.status, 503, "{place}");
        assert_eq!(admin.get("/readyz").status, 503, "{place}");
        assert_eq!(admin.get("/livez").status, 200, "{place}");
        assert_eq!(admin.get("/api/v1/operations").status, 503, "{place}");
        assert!(admin.get("/metrics").text.contains("provlog_poisoned 1"), "{place}");
        server.kill();

        let server = Server::start(&data);
        let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
        for id in &created {
            assert_eq!(scim.get(&format!("/Users/{id}")).status, 200, "{place}");
        }
        server.stop();
    }
}
