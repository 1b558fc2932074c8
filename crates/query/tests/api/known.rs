//! Promise 4, the past stays put, and promise 8, nobody looks unseen.

use event::{Changes, Method, ResourceType};
use serde_json::{Value, json};

use crate::harness::{MINUTE, Server, applied, change, operation, part};

/// An answer without what may differ when it is asked again.
fn lasting(mut answer: Value) -> Value {
    for name in ["generatedAt", "head"] {
        assert!(answer.as_object_mut().unwrap().remove(name).is_some());
    }
    answer
}

const QUESTIONS: [&str; 9] = [
    "/api/v1/apps/paperboat/users?",
    "/api/v1/apps/paperboat/users?active=true&",
    "/api/v1/apps/paperboat/users/user-1?",
    "/api/v1/apps/paperboat/users/userName:u1@northwind.test?",
    "/api/v1/apps/paperboat/users/user-1/timeline?",
    "/api/v1/apps/paperboat/groups/group-9?",
    "/api/v1/apps/paperboat/groups/group-9/members?",
    "/api/v1/operations?",
    "/api/v1/coverage?",
];

#[tokio::test]
async fn what_was_known_then_is_the_answer_for_ever() {
    let server = Server::with_application().await;
    server.pass(MINUTE); // 09:01
    server.user(1, Some(true)).await;
    server.user(2, None).await;
    server.pass(MINUTE); // 09:02
    let known = server.group(9, &[1, 2]).await;
    server.pass(MINUTE); // 09:03

    let by_seq = format!("knownAt={known}");
    let stretches =
        [by_seq.as_str(), "knownAt=2026-03-02T09:02:00Z", "knownAt=2026-03-02T09:02:59Z"];
    let mut before = vec![];
    for question in QUESTIONS {
        for stretch in stretches {
            let path = format!("{question}{stretch}");
            before.push((lasting(server.ask(&path).await), path));
        }
    }
    assert_eq!(before[0].0["rowCount"], 2, "there is something to lose");

    server.pass(MINUTE); // 09:04
    let rename = Changes {
        values: vec![
            change("userName", Some(json!("u1@northwind.test")), Some(json!("ana@northwind.test"))),
            change("active", Some(json!(true)), Some(json!(false))),
        ],
        ..Changes::default()
    };
    let patch = operation(Method::Patch, ResourceType::USER, 1, 200);
    server.append(applied(patch, vec![part(1, rename)])).await;
    server.user(3, None).await;
    server.delete(ResourceType::GROUP, 9, &[1, 2]).await;
    server.pass(MINUTE); // 09:05
    server.restarted(Some(crate::harness::START)).await;
    for (answer, path) in before {
        assert_eq!(lasting(server.ask(&path).await), answer, "{path}");
    }

    let unknown = server.refused(&format!("/api/v1/apps/paperboat/users/user-3?{by_seq}")).await;
    assert_eq!(unknown.0, 404, "nobody knew user 3 then");
    let earlier = server.ask("/api/v1/apps/paperboat/users?knownAt=2026-03-01").await;
    assert_eq!(earlier["rowCount"], 0, "nothing was known the day before");
}

#[tokio::test]
async fn what_may_still_change_is_no_fixed_answer() {
    let server = Server::with_application().await;
    let users = "/api/v1/apps/paperboat/users";
    for known in ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.000001Z", "99", "x", "-1", ""] {
        let refused = server.refused(&format!("{users}?knownAt={known}")).await;
        assert_eq!(refused, (400, "invalid-parameter".into()), "{known}");
    }
    let then = server.ask(&format!("{users}?knownAt=-1h&at=2026-03-02T12:00:00Z")).await;
    let gaps = then["coverage"]["gaps"].as_array().unwrap();
    assert_eq!(gaps.last().unwrap()["reason"], "after what was known then");
    assert_eq!(then["atSeq"], Value::Null, "nothing was known an hour ago");
}

#[tokio::test]
async fn every_question_is_recorded_with_who_asked() {
    let server = Server::with_application().await;
    let auditor = server.token(json!({"role": "app-auditor", "application": "paperboat"})).await;
    let user = server.user(1, None).await;
    server.ask("/api/v1/apps/paperboat/users?active=true&limit=5").await;
    server.refused("/api/v1/apps/paperboat/users/nobody").await;
    server.get_as("/api/v1/apps/paperboat/users/user-1", &auditor).await;
    server.get_as("/api/v1/operations", "plg_unknown").await;

    let log = server.ask("/api/v1/access-log").await;
    let rows = log["rows"].as_array().unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (&row["role"], &row["application"], &row["target"], &row["status"], &row["rows"])
        })
        .collect();
    let users = "/api/v1/apps/paperboat/users";
    assert_eq!(
        told,
        [
            (
                &json!("app-auditor"),
                &json!("paperboat"),
                &json!(format!("{users}/user-1")),
                &json!(200),
                &json!(1)
            ),
            (
                &json!("admin"),
                &Value::Null,
                &json!(format!("{users}/nobody")),
                &json!(404),
                &json!(0)
            ),
            (
                &json!("admin"),
                &json!("paperboat"),
                &json!(format!("{users}?active=true&limit=5")),
                &json!(200),
                &json!(1)
            ),
        ]
    );
    assert_eq!(rows[0]["sawSeq"], json!(user + 2));
    assert_eq!(rows[0]["route"], "/api/v1/apps/{app}/users/{user}");
    assert_eq!(log["rowCount"], 3);

    // The question about who asked is one itself.
    let again = server.ask("/api/v1/access-log?limit=1").await;
    assert_eq!(
        (&again["rowCount"], &again["rows"][0]["route"]),
        (&json!(4), &json!("/api/v1/access-log"))
    );
    let next = again["next"].as_str().unwrap();
    let second = server.ask(&format!("/api/v1/access-log?limit=1&cursor={next}")).await;
    assert_eq!(second["rows"][0]["target"], json!(format!("{users}/user-1")), "pages do not shift");

    let own = server.get_as("/api/v1/access-log", &auditor).await.json();
    let routes: Vec<_> =
        own["rows"].as_array().unwrap().iter().map(|row| &row["application"]).collect();
    assert_eq!(routes, [&json!("paperboat"), &json!("paperboat")], "only what concerns it");
}
