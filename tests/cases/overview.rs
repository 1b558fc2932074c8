//! The overview of applications: what needs attention comes first, and says why.

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{patch, user};

#[tokio::test]
async fn what_needs_attention_comes_first_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(folder.path(), START).await;
    let mut tokens = vec![];
    for app in ["fine", "ending", "failing", "late", "never"] {
        tokens.push((app, server.add_app(app).await));
    }
    let send = async |method: &str, app: &str, path: &str, body: &Value| {
        let (_, token) = tokens.iter().find(|(of, _)| *of == app).unwrap();
        server.send(method, &format!("/apps/{app}/scim/v2{path}"), token, body).await
    };
    let after = |seconds: i64| Timestamp(START.0 + seconds * 1_000_000);
    assert_eq!(send("POST", "late", "/Users", &user("mira")).await.status, 201);
    server.clock.set(after(3_000));
    for app in ["fine", "ending", "failing"] {
        let made = send("POST", app, "/Users", &user("mira")).await;
        assert_eq!(made.status, 201);
        if app == "failing" {
            let path = format!("/Users/{}", made.body["id"].as_str().unwrap());
            assert_eq!(send("GET", app, &path, &Value::Null).await.status, 200);
            let no_text = json!([{"op": "replace", "path": "title", "value": 7}]);
            assert_eq!(send("PATCH", app, &path, &patch(&no_text)).await.status, 400);
        }
    }
    let end = after(10 * 86_400);
    let token = json!({"role": "scim", "application": "ending", "expires": end.to_string()});
    assert_eq!(server.admin("POST", "/api/v1/tokens", &token).await.status, 201);

    let answer = server.admin("GET", "/api/v1/overview", &Value::Null).await.body;
    let rows = answer["rows"].as_array().unwrap();
    let told = |row: &Value| (row["application"].clone(), row["attention"].clone());
    let ends = &end.to_string()[..19];
    assert_eq!(
        rows.iter().map(told).collect::<Vec<_>>(),
        [
            (json!("never"), json!("No request has ever arrived.")),
            (json!("late"), json!("The next request is overdue: the last arrived 50m ago.")),
            (json!("failing"), json!("1 account's last request failed.")),
            (json!("ending"), json!(format!("A SCIM token ends at {ends}Z."))),
            (json!("fine"), Value::Null),
        ]
    );
    let failing = &rows[2];
    assert_eq!((&failing["failing"], &failing["failure"]), (&json!(1), &json!(1)));
    assert_eq!(failing["days"].as_array().unwrap().len(), 90);
    assert_eq!(failing["days"][89]["success"], json!(2));
    assert_eq!(rows[3]["validTokens"], 2);

    // Without a token nothing can arrive. What was urgent is still told.
    let issued = server.admin("GET", "/api/v1/tokens", &Value::Null).await.body;
    let is_of = |one: &&Value| one["application"] == "failing" && one["role"] == "scim";
    let id = issued["rows"].as_array().unwrap().iter().find(is_of).unwrap()["id"].clone();
    let path = format!("/api/v1/tokens/{}", id.as_str().unwrap());
    assert!(server.admin("DELETE", &path, &Value::Null).await.status < 300);
    let answer = server.admin("GET", "/api/v1/overview?app=failing", &Value::Null).await.body;
    assert_eq!(answer["rowCount"], 1);
    assert_eq!(
        answer["rows"][0]["attention"],
        "No SCIM token is valid, so every request is refused. 1 account's last request failed."
    );
    server.close().await;
}
