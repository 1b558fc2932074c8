//! Operations, in a list and one by one.

use event::{
    Application, BodyNote, Changes, Content, Credential, Detail, Effect, Fact, Method, Number,
    Part, ResourceType, Route,
};
use serde_json::{Value, json};

use crate::harness::{Server, applied, change, detail, draft, numbers, operation, part};

#[tokio::test]
async fn a_change_is_shown_whole() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    server.user(2, None).await;
    server.group(3, &[1]).await;
    let changes = Changes {
        values: vec![
            change("displayName", Some(json!("Finance")), Some(json!("Money"))),
            change("externalId", None, Some(json!("g-77"))),
        ],
        joined: numbers(&[2]),
        left: numbers(&[1]),
        ..Changes::default()
    };
    let parts = vec![
        Part { subject: Number(3), content: Content::Target("/Groups/group-3?x=1".into()) },
        Part { subject: Number(3), content: Content::Body(br#"{"Operations":[]}"#.to_vec()) },
        part(3, changes),
    ];
    let patch = operation(Method::Patch, ResourceType::GROUP, 3, 204);
    let seq = server.append(applied(patch, parts)).await;

    let list = server.ask("/api/v1/operations").await;
    assert_eq!(list["rowCount"], 4);
    let row = &list["rows"][0];
    let expected = json!({
        "seq": seq, "eventId": row["eventId"], "occurredAt": "2026-03-02T09:00:00.000000Z",
        "recordedAt": "2026-03-02T09:00:00.000000Z", "application": "paperboat",
        "action": "update", "operation": "PATCH Group", "resourceType": "Group",
        "resourceId": "group-3", "status": "success", "httpStatus": 204, "scimType": null,
        "reason": null, "effect": "applied", "actorType": "token", "actorId": "2",
        "sourceIp": "192.0.2.14", "userAgent": "harness", "requestId": "req-0",
        "durationMs": 1.5, "results": null, "sawSeq": null,
        "changedPaths": ["displayName", "externalId", "members"],
    });
    assert_eq!(row, &expected);

    let id = row["eventId"].as_str().unwrap();
    let one = server.ask(&format!("/api/v1/operations/{id}")).await;
    let by_seq = server.ask(&format!("/api/v1/operations/{seq}")).await;
    assert_eq!(one["resource"], by_seq["resource"]);
    assert_eq!(one["rowCount"], 1);
    let resource = &one["resource"];
    assert_eq!(resource["requestId"], "req-0");
    assert_eq!(
        resource["changes"],
        json!([
            {"path": "displayName", "op": "replace", "oldValue": "Finance", "newValue": "Money"},
            {"path": "externalId", "op": "add", "oldValue": null, "newValue": "g-77"},
            {"path": "members", "op": "add", "oldValue": null, "newValue": "user-2"},
            {"path": "members", "op": "remove", "oldValue": "user-1", "newValue": null},
        ])
    );
    let request = json!({
        "method": "PATCH", "target": "/Groups/group-3?x=1", "body": {"Operations": []},
        "bodyNote": null,
    });
    assert_eq!(resource["request"], request);
    assert_eq!(resource["response"], json!({"status": 204, "error": null}));
    assert_eq!(resource["steps"], json!([]));
}

#[tokio::test]
async fn a_deletion_names_the_groups_it_touches_and_keeps_its_id() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    server.group(2, &[1]).await;
    let gone = Changes { lifecycle: Some(event::Lifecycle::Deleted), ..Changes::default() };
    let left = Changes { left: numbers(&[1]), ..Changes::default() };
    let delete = operation(Method::Delete, ResourceType::USER, 1, 204);
    let seq = server.append(applied(delete, vec![part(1, gone), part(2, left)])).await;
    let one = server.ask(&format!("/api/v1/operations/{seq}")).await["resource"].clone();
    assert_eq!((&one["action"], &one["resourceId"]), (&json!("delete"), &json!("user-1")));
    let row = json!({
        "path": "members", "op": "remove", "oldValue": "user-1", "newValue": null,
        "resourceId": "group-2",
    });
    assert_eq!(one["changes"], json!([row]));
}

#[tokio::test]
async fn a_deletion_shows_what_was_lost() {
    let server = Server::with_application().await;
    server.user(1, Some(true)).await;
    let values = vec![
        change("active", Some(json!(true)), None),
        change("displayName", Some(json!("User 1")), None),
        change("id", Some(json!("user-1")), None),
        change("userName", Some(json!("u1@northwind.test")), None),
    ];
    let lifecycle = Some(event::Lifecycle::Deleted);
    let gone = Changes { lifecycle, values, ..Changes::default() };
    let delete = operation(Method::Delete, ResourceType::USER, 1, 204);
    let seq = server.append(applied(delete, vec![part(1, gone)])).await;
    let one = server.ask(&format!("/api/v1/operations/{seq}")).await["resource"].clone();
    let removed = |path: &str, old: Value| json!({"path": path, "op": "remove", "oldValue": old, "newValue": null});
    let expected = [
        removed("active", json!(true)),
        removed("displayName", json!("User 1")),
        removed("id", json!("user-1")),
        removed("userName", json!("u1@northwind.test")),
    ];
    assert_eq!(one["changes"], json!(expected));
    assert_eq!((&one["action"], &one["resourceId"]), (&json!("delete"), &json!("user-1")));
    assert_eq!(one["changedPaths"], json!(["active", "displayName", "id", "userName"]));
}

#[tokio::test]
async fn actions_and_outcomes_have_their_words() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    let active = |old: Option<bool>, new: Option<bool>| {
        let value = change("active", old.map(Into::into), new.map(Into::into));
        vec![part(1, Changes { values: vec![value], ..Changes::default() })]
    };
    let check = async |operation: event::Operation, parts: Vec<Part>, words: [&str; 3]| {
        let seq = server.append(applied(operation, parts)).await;
        let one = server.ask(&format!("/api/v1/operations/{seq}")).await["resource"].clone();
        let found = ["action", "operation", "status"].map(|name| one[name].clone());
        assert_eq!(found.to_vec(), words);
        one
    };
    let user = |method, status| operation(method, ResourceType::USER, 1, status);
    let patched = |old, new| (user(Method::Patch, 200), active(old, new));
    let (op, parts) = patched(Some(true), Some(false));
    check(op, parts, ["disable", "PATCH User", "success"]).await;
    let (op, parts) = patched(Some(false), Some(true));
    check(op, parts, ["update", "PATCH User", "success"]).await;
    let (op, parts) = patched(None, Some(false));
    check(op, parts, ["disable", "PATCH User", "success"]).await;
    check(user(Method::Put, 200), vec![], ["update", "PUT User", "success"]).await;

    let mut read = user(Method::Get, 200);
    (read.effect, read.results, read.saw_seq) = (Effect::Read, Some(1), Some(4));
    let one = check(read, vec![], ["other", "GET User", "success"]).await;
    assert_eq!((&one["results"], &one["sawSeq"]), (&json!(1), &json!(4)));

    let mut refused = operation(Method::Post, ResourceType::USER, 0, 409);
    refused.scim_type = 3;
    let words = detail(Detail { error: Some("userName is taken".into()), ..Detail::default() });
    let one = check(refused, vec![words], ["create", "POST User", "failure"]).await;
    assert_eq!((&one["scimType"], &one["resourceId"]), (&json!("uniqueness"), &Value::Null));
    assert_eq!(one["reason"], "userName is taken");
    assert_eq!(one["response"], json!({"status": 409, "error": "userName is taken"}));

    let mut odd = operation(Method::Other, ResourceType::NONE, 0, 405);
    odd.route = Route::Schemas;
    let note = BodyNote {
        reason: "not JSON".into(),
        length_bytes: Some(9),
        media_type: Some("text/plain".into()),
        line: 1,
        column: 3,
    };
    let method = Some("PURGE".into());
    let words = detail(Detail { error: None, method, body: Some(note) });
    let one = check(odd, vec![words], ["other", "PURGE Schemas", "failure"]).await;
    let note = json!({
        "reason": "not JSON", "lengthBytes": 9, "mediaType": "text/plain", "line": 1, "column": 3,
    });
    assert_eq!(one["request"]["bodyNote"], note);
    assert_eq!(one["request"]["body"], Value::Null);
}

#[tokio::test]
async fn operations_are_found_by_request_and_application() {
    let server = Server::with_application().await;
    let by = async |request_id: &str, application: Application, credential: Credential| {
        let get = operation(Method::Get, ResourceType::USER, 0, 404);
        let mut event = draft(application, Fact::Operation(get), vec![]);
        if let Some(origin) = &mut event.origin {
            (origin.request_id, origin.credential) = (request_id.into(), credential);
        }
        server.append(event).await
    };
    let first = by("req-1", Application(1), Credential(2)).await;
    let second = by("req-2", Application(1), Credential(2)).await;
    let third = by("req-1", Application::RECORDER, Credential::NONE).await;
    let seqs = async |query: &str| {
        let answer = server.ask(&format!("/api/v1/operations?{query}")).await;
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(answer["rowCount"], rows.len());
        rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("").await, [third, second, first]);
    assert_eq!(seqs("requestId=req-1").await, [third, first]);
    assert_eq!(seqs("requestId=req-1&app=paperboat").await, [first]);
    assert_eq!(seqs("requestId=req-9").await, [0_u64; 0]);
    let row = server.ask("/api/v1/operations?limit=1").await["rows"][0].clone();
    assert_eq!((&row["application"], &row["actorId"]), (&Value::Null, &Value::Null));
    assert_eq!(row["actorType"], "none");
    assert_eq!(server.refused("/api/v1/operations?app=kite").await.0, 404);
}

#[tokio::test]
async fn what_is_no_operation_is_not_found() {
    let server = Server::with_application().await;
    let seq = server.user(1, None).await;
    let other = event::EventId::new(event::LogId::from_random(8), seq);
    let beyond = (seq + 1).to_string();
    for id in ["0", "2", &beyond, "99999999999999999999", "-1", "x", &other.to_string()] {
        assert_eq!(server.refused(&format!("/api/v1/operations/{id}")).await.0, 404, "{id}");
    }
}
