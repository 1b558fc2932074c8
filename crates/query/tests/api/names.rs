//! Users and groups by what they are called, at an instant.

use event::{Attribute, Changes, Mention, Method, ResourceType, Seq};
use serde_json::json;

use crate::harness::{MINUTE, Server, applied, change, operation, part};

async fn rename(server: &Server, number: u32, old: &str, new: &str) {
    let values = vec![change("userName", Some(json!(old)), Some(json!(new)))];
    let patch = operation(Method::Patch, ResourceType::USER, number, 200);
    let changes = Changes { values: values.into(), ..Changes::default() };
    server.append(applied(patch, vec![part(number, changes)])).await;
}

/// User 1 is u1 at 09:00, Mira from 09:01 on; user 2 is u1 from 09:02 to its deletion at 09:03; the
/// clock stands at 09:05.
async fn renamed() -> Server {
    let server = Server::with_application().await;
    server.user(1, None).await;
    server.pass(MINUTE);
    rename(&server, 1, "u1@northwind.test", "Mira@northwind.test").await;
    server.pass(MINUTE);
    server.user(2, None).await;
    rename(&server, 2, "u2@northwind.test", "U1@northwind.test").await;
    server.pass(MINUTE);
    server.delete(ResourceType::USER, 2, &[]).await;
    server.pass(2 * MINUTE);
    server
}

#[tokio::test]
async fn a_name_finds_who_bore_it_then() {
    let server = renamed().await;
    let check = async |name: &str, at: &str, exists: &str, id: Option<&str>| {
        let path = format!("/api/v1/apps/paperboat/users/{name}?at={at}");
        let answer = server.ask(&path).await;
        assert_eq!(answer["exists"], exists, "{path}");
        let found = answer["resource"]["id"].as_str();
        assert_eq!(found, id, "{path}");
    };
    let u1 = "userName:u1@northwind.test";
    check(u1, "2026-03-02T09:00:30Z", "yes", Some("user-1")).await;
    check(u1, "2026-03-02T09:02:30Z", "yes", Some("user-2")).await;
    // Nobody bears it now: the last who did, and they are deleted.
    check(u1, "-0s", "deleted", None).await;
    // Nobody bore it between: the last who did, under the new name.
    check(u1, "2026-03-02T09:01:30Z", "yes", Some("user-1")).await;
    check(u1, "2026-03-02T08:00:00Z", "no", None).await;
    check("userName:MIRA@northwind.test", "-0s", "yes", Some("user-1")).await;
    check("userName:mira@northwind.test", "2026-03-02T09:00:00Z", "yes", Some("user-1")).await;
    check("displayName:user%201", "-0s", "yes", Some("user-1")).await;
    check("id:user-1", "-0s", "yes", Some("user-1")).await;
    check("user-1", "-0s", "yes", Some("user-1")).await;
    for unknown in ["userName:ole@northwind.test", "userName:", "externalId:user-1", "mira"] {
        let path = format!("/api/v1/apps/paperboat/users/{unknown}");
        assert_eq!(server.refused(&path).await, (404, "not-found".to_owned()), "{unknown}");
    }
}

#[tokio::test]
async fn a_name_of_several_names_them() {
    let server = Server::with_application().await;
    server.group(3, &[]).await;
    server.pass(MINUTE);
    server.group(4, &[]).await;
    let members = "/api/v1/apps/paperboat/groups/displayName:finance/members";
    let one = server.ask(&format!("{members}?at=-1m")).await;
    assert_eq!((&one["groupId"], &one["rowCount"]), (&json!("group-3"), &json!(0)));
    let refused = server.get(members).await.json();
    assert_eq!(refused["type"], "/problems/ambiguous-name");
    assert_eq!(refused["candidates"], json!(["group-3", "group-4"]));
    // A timeline is that of all.
    let both = server.ask("/api/v1/apps/paperboat/groups/displayName:finance/timeline").await;
    let ids: Vec<_> =
        both["rows"].as_array().unwrap().iter().map(|row| &row["resourceId"]).collect();
    assert_eq!(ids, ["group-4", "group-3"]);
}

#[tokio::test]
async fn a_timeline_has_all_that_concerns_somebody() {
    let server = Server::with_application().await;
    let created = server.user(1, None).await;
    server.user(2, None).await;
    server.pass(MINUTE);
    let mut made = operation(Method::Post, ResourceType::GROUP, 3, 201);
    made.touches = crate::harness::numbers(&[1]);
    let values = vec![
        crate::harness::set("id", json!("group-3")),
        crate::harness::set("displayName", json!("Finance")),
    ];
    let changes = crate::harness::created(ResourceType::GROUP, values, &[1]);
    let joined = server.append(applied(made, vec![part(3, changes)])).await;
    server.pass(MINUTE);
    let mut patch = operation(Method::Patch, ResourceType::GROUP, 3, 204);
    patch.touches = crate::harness::numbers(&[1]);
    let changes = Changes { left: crate::harness::numbers(&[1]), ..Changes::default() };
    let left = server.append(applied(patch, vec![part(3, changes)])).await;
    let seqs = async |path: &str| {
        let answer = server.ask(&format!("/api/v1/apps/paperboat/{path}")).await;
        let rows = answer["rows"].as_array().unwrap().clone();
        assert_eq!(answer["rowCount"], rows.len());
        rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("users/user-1/timeline").await, [left, joined, created]);
    assert_eq!(seqs("users/userName:u1@northwind.test/timeline").await, [left, joined, created]);
    let unknown = "/api/v1/apps/paperboat/users/userName:nobody/timeline";
    assert_eq!(server.refused(unknown).await, (404, "not-found".to_owned()));
    assert_eq!(seqs("groups/group-3/timeline").await, [left, joined]);
    let within = "users/user-1/timeline?from=2026-03-02T09:01:00Z&to=2026-03-02T09:02:00Z";
    assert_eq!(seqs(within).await, [joined], "the end does not belong to the stretch");
    let answer = server.ask("/api/v1/apps/paperboat/users/user-1/timeline?limit=2").await;
    let told = |place: usize| {
        let row = &answer["rows"][place];
        (row["membership"].clone(), row["groupId"].clone(), row["groupName"].clone())
    };
    assert_eq!(told(0), (json!("left"), json!("group-3"), json!("Finance")));
    assert_eq!(told(1), (json!("joined"), json!("group-3"), json!("Finance")));
    assert_eq!(answer["rowCount"], 3);
    let next = answer["next"].as_str().unwrap();
    assert_eq!(
        seqs_of(
            &server
                .ask(&format!("/api/v1/apps/paperboat/users/user-1/timeline?cursor={next}"))
                .await
        ),
        [created]
    );
    let other = format!("/api/v1/apps/paperboat/users/user-2/timeline?cursor={next}");
    assert_eq!(server.refused(&other).await, (400, "cursor-mismatch".to_owned()));
}

fn seqs_of(answer: &serde_json::Value) -> Vec<u64> {
    answer["rows"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect()
}

/// One operation on a group may concern several who bore a name, and is one row of their timeline.
#[tokio::test]
async fn an_operation_stands_in_a_timeline_once() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    rename(&server, 1, "u1@northwind.test", "mira@northwind.test").await;
    server.user(2, None).await;
    rename(&server, 2, "u2@northwind.test", "u1@northwind.test").await;
    let mut made = operation(Method::Post, ResourceType::GROUP, 3, 201);
    made.touches = crate::harness::numbers(&[1, 2]);
    let values = vec![crate::harness::set("id", json!("group-3"))];
    let changes = crate::harness::created(ResourceType::GROUP, values, &[1, 2]);
    let joined = server.append(applied(made, vec![part(3, changes)])).await;
    let path = "/api/v1/apps/paperboat/users/userName:u1@northwind.test/timeline";
    let answer = server.ask(path).await;
    let seqs: Vec<_> = answer["rows"].as_array().unwrap().iter().map(|row| &row["seq"]).collect();
    assert_eq!(answer["rowCount"], 5);
    assert_eq!(seqs.iter().filter(|seq| seq.as_u64() == Some(joined)).count(), 1, "{seqs:?}");
    assert_eq!(seqs.len(), 5);
}

/// What concerns somebody does not hide the last request on them.
#[tokio::test]
async fn why_knows_the_last_request_behind_many_on_groups() {
    let server = Server::with_application().await;
    let created = server.user(1, None).await;
    server.group(3, &[]).await;
    for turn in 0..100 {
        let mut patch = operation(Method::Patch, ResourceType::GROUP, 3, 204);
        patch.touches = crate::harness::numbers(&[1]);
        let member = crate::harness::numbers(&[1]);
        let changes = match turn % 2 {
            0 => Changes { joined: member, ..Changes::default() },
            _ => Changes { left: member, ..Changes::default() },
        };
        server.append(applied(patch, vec![part(3, changes)])).await;
    }
    let why = server.ask("/api/v1/apps/paperboat/users/user-1/why").await;
    let nodes = why["resource"]["nodes"].as_array().unwrap();
    let requested = nodes.iter().find(|node| node["name"] == "requested").unwrap();
    assert_eq!((&requested["state"], &requested["seqs"]), (&json!("yes"), &json!([created])));
}

/// A request to create Ole that is refused.
async fn refuse(server: &Server, number: u32) -> Seq {
    let mention = Mention {
        attribute: Attribute::UserName,
        name: Some(event::MentionedName { value: "Ole@northwind.test".into(), display: None }),
        resource_type: ResourceType::USER,
    };
    let refused = operation(Method::Post, ResourceType::USER, number, 400);
    let changes = Changes { mention: Some(mention), ..Changes::default() };
    server.append(applied(refused, vec![part(number, changes)])).await
}

/// Whoever was mentioned by a name may be created under another one; the name then means somebody else,
/// and what it meant before is not forgotten.
#[tokio::test]
async fn a_name_that_was_only_mentioned_means_all_of_whom_it_was_said() {
    let server = Server::with_application().await;
    let first = refuse(&server, 1).await;
    let created = server.user(1, None).await;
    let path = "/api/v1/operations?resource=userName:ole@northwind.test";
    let before = format!("{path}&knownAt={created}");
    assert_eq!(seqs_of(&server.ask(&before).await), [created, first]);
    let second = refuse(&server, 2).await;
    assert_eq!(seqs_of(&server.ask(path).await), [second, created, first]);
    assert_eq!(seqs_of(&server.ask(&before).await), [created, first], "it was known then");
}

#[tokio::test]
async fn operations_on_a_name_know_the_names_that_were_known() {
    let server = Server::with_application().await;
    let created = server.user(1, None).await;
    rename(&server, 1, "u1@northwind.test", "mira@northwind.test").await;
    let path = "/api/v1/operations?resource=userName:mira@northwind.test";
    assert_eq!(seqs_of(&server.ask(path).await), [created + 1, created]);
    let before = server.ask(&format!("{path}&knownAt={created}")).await;
    assert_eq!(seqs_of(&before), [0; 0], "nobody was called so");
}

#[tokio::test]
async fn somebody_who_was_never_created_has_a_timeline_too() {
    let server = Server::with_application().await;
    let seq = refuse(&server, 1).await;
    let timeline = "/api/v1/apps/paperboat/users/userName:ole@northwind.test/timeline";
    let answer = server.ask(timeline).await;
    assert_eq!(seqs_of(&answer), [seq]);
    let row = &answer["rows"][0];
    assert_eq!(
        (&row["userName"], &row["resourceId"]),
        (&json!("Ole@northwind.test"), &json!(null))
    );
    let found = server.ask("/api/v1/operations?resource=userName:OLE@northwind.test").await;
    assert_eq!(seqs_of(&found), [seq]);
}
