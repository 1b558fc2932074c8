//! Promise 6, gaps are shown: an answer about a time without a recorder says so.

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{Server, user};

fn after(seconds: i64) -> Timestamp {
    Timestamp(START.0 + seconds * 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_a_time_without_a_recorder_is_partial() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = InProcess::open(&data, START).await;
    let token = server.add_app("boat").await;
    let created = server.send("POST", "/apps/boat/scim/v2/Users", &token, &user("mira")).await;
    assert_eq!(created.status, 201);
    server.clock.set(after(100));
    server.close().await;

    let server = InProcess::open(&data, after(1000)).await;
    server.clock.set(after(2000));
    let ask = async |path: &str, at: Timestamp| {
        let path = format!("/api/v1/apps/boat/{path}at={at}");
        let answer = server.admin("GET", &path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };
    let complete = json!({"state": "complete", "gaps": []});
    let gap = json!({"state": "partial", "gaps": [{
        "from": after(100).to_string(), "to": after(1000).to_string(), "reason": "recorder stopped",
    }]});
    let id = created.body["id"].as_str().unwrap();
    for path in ["users?".to_owned(), format!("users/{id}?")] {
        assert_eq!(ask(&path, after(50)).await["coverage"], complete, "{path}");
        assert_eq!(ask(&path, after(1500)).await["coverage"], complete, "{path}");
        assert_eq!(ask(&path, after(500)).await["coverage"], gap, "{path}");
        let before = ask(&path, after(-1)).await;
        assert_eq!(before["coverage"]["state"], "partial", "{path}");
        assert_eq!(before["atSeq"], Value::Null);
        let future = ask(&path, after(9000)).await;
        assert_eq!(future["coverage"]["state"], "partial", "{path}");
    }
    // During the gap the state is the last known one, not "no access".
    assert_eq!(ask("users?", after(500)).await["rows"][0]["userName"], "mira");
    let before = ask("users?", after(-1)).await;
    assert_eq!(before["rows"], json!([]));
    let operations = server.admin("GET", "/api/v1/operations", &Value::Null).await.body;
    assert_eq!(operations["coverage"], gap, "a list covers the whole record");
    server.close().await;
}

#[test]
fn a_killed_recorder_leaves_a_gap_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_app("boat");
    server.kill();
    let server = Server::start(&data);
    let operations = server.admin().get("/api/v1/operations");
    let gaps = operations.body["coverage"]["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0]["reason"], "recorder killed");
    assert!(gaps[0]["from"].as_str() < gaps[0]["to"].as_str());
}
