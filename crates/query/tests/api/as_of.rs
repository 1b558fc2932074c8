//! Users, groups and members at an instant, and how complete the answers say they are.

use event::{Changes, Method, ResourceType, Timestamp};
use serde_json::{Value, json};

use crate::harness::{
    MINUTE, START, Server, applied, change, created, mentioned, numbers, operation, part, set,
};

#[tokio::test]
async fn a_user_is_shown_as_it_was() {
    let server = Server::with_application().await;
    server.pass(MINUTE); // 09:01
    let made = server.user(1, Some(true)).await;
    server.pass(MINUTE); // 09:02
    let changes = Changes {
        values: vec![
            change("displayName", Some(json!("User 1")), Some(json!("Ana Rey"))),
            set("urn:example:2.0:User", json!({"desk": "4b"})),
        ]
        .into(),
        ..Changes::default()
    };
    let patch = operation(Method::Patch, ResourceType::USER, 1, 200);
    let changed = server.append(applied(patch, vec![part(1, changes)])).await;
    server.pass(MINUTE); // 09:03
    let gone = server.delete(ResourceType::USER, 1, &[]).await;
    server.pass(MINUTE);

    let ask =
        async |at: &str| server.ask(&format!("/api/v1/apps/paperboat/users/user-1{at}")).await;
    let then = ask("?at=2026-03-02T09:01:00Z").await;
    assert_eq!((&then["exists"], &then["existsSeq"]), (&json!("yes"), &json!(made)));
    assert_eq!((&then["atSeq"], &then["rowCount"]), (&json!(made), &json!(1)));
    assert_eq!(
        then["resource"],
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "user-1",
            "userName": "u1@northwind.test",
            "displayName": "User 1",
            "active": true,
            "meta": {
                "resourceType": "User",
                "created": "2026-03-02T09:01:00.000000Z",
                "lastModified": "2026-03-02T09:01:00.000000Z",
                "location": "https://provlog.test/apps/paperboat/scim/v2/Users/user-1",
                "version": format!("W/\"{made}\""),
            },
        })
    );
    let later = ask("?at=2026-03-02T09:02:59.999999Z").await;
    let extended = ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:2.0:User"];
    assert_eq!(later["resource"]["schemas"], json!(extended));
    assert_eq!(later["resource"]["displayName"], "Ana Rey");
    assert_eq!(later["resource"]["meta"]["version"], format!("W/\"{changed}\""));
    assert_eq!(later["existsSeq"], made);

    let check = async |at: &str, exists: &str, seq: u64| {
        let answer = ask(at).await;
        assert_eq!((&answer["exists"], &answer["existsSeq"]), (&json!(exists), &json!(seq)));
        assert_eq!((&answer["resource"], &answer["rowCount"]), (&Value::Null, &json!(0)));
    };
    check("?at=2026-03-02T09:00:59Z", "no", made).await;
    check("?at=2020-01-01", "no", made).await;
    check("?at=2026-03-02T09:03:00Z", "deleted", gone).await;
    check("", "deleted", gone).await;

    let unknown = server.refused("/api/v1/apps/paperboat/users/user-2").await;
    assert_eq!(unknown, (404, "not-found".into()));
    let group = server.refused("/api/v1/apps/paperboat/groups/user-1").await;
    assert_eq!(group.0, 404, "a user is no group");
}

#[tokio::test]
async fn users_are_listed_as_they_were() {
    let server = Server::with_application().await;
    server.pass(MINUTE); // 09:01
    for number in 1..=4 {
        server.user(number, (number % 2 == 0).then_some(false)).await;
    }
    server.pass(MINUTE); // 09:02
    server.delete(ResourceType::USER, 1, &[]).await;
    let names = async |query: &str| {
        let answer = server.ask(&format!("/api/v1/apps/paperboat/users?{query}")).await;
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(answer["rowCount"], rows.len());
        let names = rows.iter().map(|row| row["userId"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["user-2", "user-3", "user-4"]);
    assert_eq!(names("active=true").await, ["user-3"]);
    assert_eq!(names("active=false").await, ["user-2", "user-4"]);
    assert_eq!(names("at=2026-03-02T09:01:30Z&active=true").await, ["user-1", "user-3"]);
    assert_eq!(names("at=2026-03-02T09:00:30Z").await, [""; 0]);
    let rows = server.ask("/api/v1/apps/paperboat/users?limit=1").await["rows"].clone();
    assert_eq!(
        rows,
        json!([{
            "userId": "user-2", "userName": "u2@northwind.test", "externalId": null,
            "displayName": "User 2", "active": false,
            "createdAt": "2026-03-02T09:01:00.000000Z", "createdSeq": 5, "startKnown": true,
        }])
    );
}

#[tokio::test]
async fn members_are_shown_as_they_were_with_who_is_not_there() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    server.user(2, Some(false)).await;
    server.pass(MINUTE); // 09:01
    let members = [1, 3];
    let values = vec![set("id", json!("group-4")), set("displayName", json!("Finance"))];
    let made = server
        .append(applied(
            operation(Method::Post, ResourceType::GROUP, 4, 201),
            vec![
                part(3, mentioned("nobody-yet")),
                part(4, created(ResourceType::GROUP, values, &members)),
            ],
        ))
        .await;
    server.group(5, &[]).await;
    server.pass(MINUTE); // 09:02
    let changes = Changes { joined: numbers(&[2, 5]), left: numbers(&[1]), ..Changes::default() };
    let patch = operation(Method::Patch, ResourceType::GROUP, 4, 204);
    let changed = server.append(applied(patch, vec![part(4, changes)])).await;
    server.pass(MINUTE); // 09:03
    let gone = server.delete(ResourceType::GROUP, 4, &[2, 3, 5]).await;

    let ask = async |at: &str| {
        server.ask(&format!("/api/v1/apps/paperboat/groups/group-4/members?at={at}")).await
    };
    let then = ask("2026-03-02T09:01:00Z").await;
    assert_eq!((&then["groupId"], &then["groupName"]), (&json!("group-4"), &json!("Finance")));
    assert_eq!((&then["exists"], &then["rowCount"]), (&json!("yes"), &json!(2)));
    let member = |id: &str, kind: Value, name: Value, active: Value| {
        let display = match id {
            "user-1" => json!("User 1"),
            "user-2" => json!("User 2"),
            "group-5" => json!("Finance"),
            _ => Value::Null,
        };
        json!({
            "userId": id, "memberType": kind, "userName": name, "displayName": display,
            "externalId": null, "direct": true,
            "via": null, "accountActive": active, "dangling": kind.is_null(),
        })
    };
    let with = |mut row: Value, since: &str, seq: u64| {
        row["memberSince"] = format!("2026-03-02T{since}:00.000000Z").into();
        row["addedBySeq"] = seq.into();
        row["startKnown"] = true.into();
        row
    };
    let user = |id: &str, name: &str, active: bool| {
        member(id, json!("User"), json!(format!("{name}@northwind.test")), json!(active))
    };
    let nobody = || member("nobody-yet", Value::Null, Value::Null, Value::Null);
    let expected = [with(user("user-1", "u1", true), "09:01", made), with(nobody(), "09:01", made)];
    assert_eq!(then["rows"], json!(expected));
    let later = ask("2026-03-02T09:02:30Z").await;
    let group = member("group-5", json!("Group"), Value::Null, Value::Null);
    let expected = [
        with(user("user-2", "u2", false), "09:02", changed),
        with(nobody(), "09:01", made),
        with(group, "09:02", changed),
    ];
    assert_eq!(later["rows"], json!(expected));

    let before = ask("2026-03-02T09:00:59Z").await;
    assert_eq!((&before["exists"], &before["existsSeq"]), (&json!("no"), &json!(made)));
    let after = ask("2026-03-02T09:03:00Z").await;
    assert_eq!((&after["exists"], &after["existsSeq"]), (&json!("deleted"), &json!(gone)));
    for empty in [before, after] {
        assert_eq!((&empty["rows"], &empty["rowCount"]), (&json!([]), &json!(0)));
        assert_eq!((&empty["groupId"], &empty["groupName"]), (&json!("group-4"), &Value::Null));
    }
}

#[tokio::test]
async fn a_member_that_was_added_after_its_deletion_dangles_under_its_last_id() {
    let server = Server::with_application().await;
    server.user(1, Some(true)).await;
    server.group(2, &[]).await;
    server.delete(ResourceType::USER, 1, &[]).await;
    server.pass(MINUTE); // 09:01
    let changes = Changes { joined: numbers(&[1]), ..Changes::default() };
    let patch = operation(Method::Patch, ResourceType::GROUP, 2, 204);
    let added = server.append(applied(patch, vec![part(2, changes)])).await;
    let row = json!({
        "userId": "user-1", "memberType": null, "userName": null, "displayName": null,
        "externalId": null, "direct": true,
            "via": null, "memberSince": "2026-03-02T09:01:00.000000Z",
        "addedBySeq": added, "startKnown": true, "accountActive": null, "dangling": true,
    });
    let members = "/api/v1/apps/paperboat/groups/group-2/members";
    assert_eq!(server.ask(members).await["rows"], json!([row]));
    let before = server.ask(&format!("{members}?at=2026-03-02T09:00:59Z")).await;
    assert_eq!(before["rows"], json!([]), "the deletion was before the membership");
}

#[tokio::test]
async fn an_instant_can_be_written_in_many_ways() {
    let server = Server::with_application().await;
    server.clock.set(Timestamp(START.0 + 2 * 24 * 60 * MINUTE)); // 2026-03-04T09:00:00Z
    let at = async |query: &str| {
        let answer = server.ask(&format!("/api/v1/apps/paperboat/users{query}")).await;
        (answer["query"]["at"].as_str().unwrap().to_owned(), answer["atSeq"].clone())
    };
    let check = async |query: &str, resolved: &str, seq: Value| {
        assert_eq!(at(query).await, (format!("2026-03-{resolved}"), seq), "{query}");
    };
    check("", "04T09:00:00.000000Z", json!(3)).await;
    check("?at=2026-03-02T09:00:00Z", "02T09:00:00.000000Z", json!(3)).await;
    check("?at=2026-03-02T10:30:00+01:30", "02T09:00:00.000000Z", json!(3)).await;
    check("?at=2026-03-02T10:30:00%2B01:30", "02T09:00:00.000000Z", json!(3)).await;
    check("?at=2026-03-02T08:59:59.999999Z", "02T08:59:59.999999Z", Value::Null).await;
    check("?at=2026-03-02", "02T23:59:59.999999Z", json!(3)).await;
    check("?at=2026-03-01", "01T23:59:59.999999Z", Value::Null).await;
    check("?at=-1d", "03T09:00:00.000000Z", json!(3)).await;
    check("?at=-49h", "02T08:00:00.000000Z", Value::Null).await;
}

#[tokio::test]
async fn what_was_not_watched_is_said() {
    let server = Server::with_application().await;
    server.pass(MINUTE); // alive until 09:01, back at 09:03
    let alive = server.clock.now();
    server.pass(2 * MINUTE);
    server.restarted(Some(alive)).await;
    let coverage = async |at: &str| {
        let answer = server.ask(&format!("/api/v1/apps/paperboat/users?at={at}")).await;
        assert_eq!(answer["rows"], json!([]));
        answer["coverage"].clone()
    };
    let complete = json!({"state": "complete", "gaps": []});
    let partial = |from: Value, to: Value, reason: &str| json!({"state": "partial", "gaps": [{"from": from, "to": to, "reason": reason}]});
    let time = |clock: &str| json!(format!("2026-03-02T{clock}.000000Z"));
    let killed = partial(time("09:01:00"), time("09:03:00"), "recorder killed");
    assert_eq!(coverage("2026-03-02T09:00:59Z").await, complete);
    assert_eq!(coverage("2026-03-02T09:01:00Z").await, killed);
    assert_eq!(coverage("2026-03-02T09:02:59Z").await, killed);
    assert_eq!(coverage("2026-03-02T09:03:00Z").await, complete);
    let before = partial(Value::Null, time("09:00:00"), "before the record began");
    assert_eq!(coverage("2026-03-01").await, before);
    let future = partial(time("09:03:00"), time("10:00:00"), "in the future");
    assert_eq!(coverage("2026-03-02T10:00:00Z").await, future);
    let operations = server.ask("/api/v1/operations").await;
    assert_eq!(operations["coverage"], killed, "a list of the whole record has every gap");
}
