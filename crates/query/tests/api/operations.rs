//! Operations, in a list and one by one.

use event::{
    Application, Attribute, BodyNote, Changes, Content, Credential, Detail, Effect, Fact, Mention,
    Method, Number, Part, ResourceType, ResourceTypeAdded, Route, Timestamp, Unauthenticated,
};
use serde_json::{Value, json};

use crate::harness::{
    MINUTE, PAPERBOAT, START, Server, applied, change, created, detail, draft, numbers, operation,
    part, set,
};

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
        ]
        .into(),
        joined: numbers(&[2]),
        left: numbers(&[1]),
        ..Changes::default()
    };
    let parts = vec![
        Part::new(Number(3), Content::Target("/Groups/group-3?x=1".into())),
        Part::new(Number(3), Content::Body(br#"{"Operations":[]}"#.to_vec())),
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
        "resourceId": "group-3", "userName": null, "externalId": "g-77", "displayName": "Money",
        "status": "success", "httpStatus": 204, "scimType": null,
        "reason": null, "effect": "applied", "actorType": "token", "actorId": "2",
        "source": "recorded",
        "sourceIp": "192.0.2.14", "userAgent": "harness", "requestId": "req-0",
        "index": 0, "durationMs": 1.5, "results": null, "sawSeq": null,
        "changedPaths": ["displayName", "externalId", "members"],
        "flags": [],
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
    let gone = Changes { lifecycle, values: values.into(), ..Changes::default() };
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
        vec![part(1, Changes { values: vec![value].into(), ..Changes::default() })]
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
async fn further_addresses_and_resource_types_have_their_names() {
    let server = Server::with_application().await;
    let boat = ResourceType(3);
    let check = async |method, route, kind, status: u16, words: [&str; 2]| {
        let mut asked = operation(method, kind, 0, status);
        asked.route = route;
        let seq = server.append(applied(asked, vec![])).await;
        let one = server.ask(&format!("/api/v1/operations/{seq}")).await["resource"].clone();
        assert_eq!(["operation", "action"].map(|name| one[name].clone()).to_vec(), words);
        assert_eq!(one["steps"], json!([]));
        one["resourceType"].clone()
    };
    let (get, post) = (Method::Get, Method::Post);
    let none = ResourceType::NONE;
    check(get, Route::Root, none, 200, ["GET /", "other"]).await;
    check(post, Route::Root, none, 405, ["POST /", "other"]).await;
    check(post, Route::Search, none, 200, ["POST .search", "other"]).await;
    let user = ResourceType::USER;
    assert_eq!(check(post, Route::Search, user, 200, ["POST User/.search", "other"]).await, "User");
    check(post, Route::Bulk, none, 413, ["POST Bulk", "other"]).await;
    check(get, Route::Me, none, 501, ["GET Me", "other"]).await;

    // A type without a name has none; it gets one when it is configured.
    let shown = check(post, Route::Collection, boat, 201, ["POST Collection", "create"]).await;
    assert_eq!(shown, Value::Null);
    let fact = Fact::ResourceTypeAdded(ResourceTypeAdded { number: boat, name: "Boat".into() });
    let seq = server.append(draft(Application::RECORDER, fact, vec![])).await;
    assert_eq!(server.refused(&format!("/api/v1/operations/{seq}")).await.0, 404);
    let shown = check(post, Route::Collection, boat, 201, ["POST Boat", "create"]).await;
    assert_eq!(shown, "Boat");
    check(post, Route::Search, boat, 200, ["POST Boat/.search", "other"]).await;

    let values = vec![set("id", json!("boat-7"))];
    let made = operation(post, boat, 7, 201);
    server.append(applied(made, vec![part(7, created(boat, values, &[]))])).await;
    server.group(8, &[7]).await;
    let members = server.ask("/api/v1/apps/paperboat/groups/group-8/members").await;
    let member = &members["rows"][0];
    assert_eq!((&member["userId"], &member["memberType"]), (&json!("boat-7"), &json!("Boat")));
}

#[tokio::test]
async fn counted_requests_stand_among_the_operations() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    let mut seqs = vec![];
    for application in [PAPERBOAT, Application::RECORDER] {
        let requests = Unauthenticated {
            count: 70_000,
            first: Timestamp(START.0 - 60_000_000),
            last: Timestamp(START.0 - 1),
        };
        let mut counted = draft(application, Fact::Unauthenticated(requests), vec![]);
        counted.origin = None;
        seqs.push(server.append(counted).await);
    }
    let list = server.ask("/api/v1/operations?app=paperboat").await;
    assert_eq!(list["rowCount"], 2);
    let row = list["rows"][0].clone();
    let expected = json!({
        "seq": seqs[0], "eventId": row["eventId"], "occurredAt": "2026-03-02T09:00:00.000000Z",
        "recordedAt": "2026-03-02T09:00:00.000000Z", "application": "paperboat",
        "action": "other", "operation": "unauthenticated requests", "resourceType": null,
        "resourceId": null, "userName": null, "externalId": null, "displayName": null,
        "status": "failure", "httpStatus": 401, "scimType": null,
        "reason": null, "effect": "rejected", "actorType": "none", "actorId": null,
        "source": "recorded",
        "sourceIp": null, "userAgent": null, "requestId": null, "index": null,
        "durationMs": null,
        "results": null, "sawSeq": null, "changedPaths": [], "flags": [], "count": 70_000,
        "firstAt": "2026-03-02T08:59:00.000000Z", "lastAt": "2026-03-02T08:59:59.999999Z",
    });
    assert_eq!(row, expected);
    let names = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut of_request = names(&list["rows"][1]);
    assert!(!of_request.contains(&"count".to_owned()));
    of_request.extend(["count", "firstAt", "lastAt"].map(str::to_owned));
    of_request.sort_unstable();
    let mut of_counted = names(&row);
    of_counted.sort_unstable();
    assert_eq!(of_counted, of_request, "what a request has, and three more");

    let id = row["eventId"].as_str().unwrap();
    let mut whole = expected;
    whole["changes"] = json!([]);
    whole["steps"] = json!([]);
    whole["request"] = Value::Null;
    whole["response"] = json!({"status": 401, "error": null});
    let mut told = server.ask(&format!("/api/v1/operations/{id}")).await["resource"].clone();
    assert!(told.as_object_mut().unwrap().remove("eventHash").unwrap().is_string());
    assert_eq!(told, whole);

    // A reader of one application sees its own and not those of the recorder.
    let body = json!({"role": "app-auditor", "application": "paperboat"});
    let token = server.token(body).await;
    for (seq, status) in [(seqs[0], 200), (seqs[1], 404)] {
        let reply = server.get_as(&format!("/api/v1/operations/{seq}"), &token).await;
        assert_eq!(reply.status.as_u16(), status);
    }
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

#[tokio::test]
async fn a_list_names_the_gaps_of_its_stretch() {
    let server = Server::with_application().await;
    server.pass(10 * MINUTE);
    let alive = server.clock.now(); // 09:10
    server.pass(10 * MINUTE);
    server.restarted(Some(alive)).await;
    server.pass(10 * MINUTE); // 09:30
    let check = async |query: &str, expected: &[[&str; 2]]| {
        let answer = server.ask(&format!("/api/v1/operations?{query}")).await;
        let gaps = answer["coverage"]["gaps"].as_array().unwrap();
        let found: Vec<_> = gaps
            .iter()
            .map(|gap| {
                ["from", "to"].map(|name| gap[name].as_str().map_or("", |time| &time[11..16]))
            })
            .collect();
        assert_eq!(found, expected, "{query}");
        let state = if expected.is_empty() { "complete" } else { "partial" };
        assert_eq!(answer["coverage"]["state"], state, "{query}");
    };
    let day = |time: &str| format!("2026-03-02T{time}:00Z");
    let stretch = |from: &str, to: &str| format!("from={}&to={}", day(from), day(to));
    check("limit=1", &[["09:10", "09:20"]]).await;
    check(&stretch("09:00", "09:10"), &[]).await;
    check(&stretch("09:20", "09:30"), &[]).await;
    check(&stretch("09:00", "09:11"), &[["09:10", "09:20"]]).await;
    check(&stretch("09:19", "09:30"), &[["09:10", "09:20"]]).await;
    check(&stretch("09:12", "09:13"), &[["09:10", "09:20"]]).await;
    check(&stretch("08:00", "09:05"), &[["08:00", "09:00"]]).await;
    check(&stretch("09:25", "09:40"), &[["09:30", "09:40"]]).await;
    // The answer repeats the instants that it understood.
    let answer = server.ask("/api/v1/operations?from=2026-03-02&to=-5m").await;
    assert_eq!(answer["query"]["from"], "2026-03-02T00:00:00.000000Z");
    assert_eq!(answer["query"]["to"], "2026-03-02T09:25:00.000000Z");
}

/// A page of a group's operations costs as much when it has many: they are counted by their places.
#[tokio::test]
async fn a_page_of_one_resource_reads_as_much_of_many_operations_as_of_few() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    server.group(2, &[]).await;
    let pages = [
        "/api/v1/operations?resource=group-2&limit=5",
        "/api/v1/apps/paperboat/groups/group-2/timeline?limit=5",
    ];
    let (mut counts, mut costs) = (vec![], vec![]);
    for round in 1..=40 {
        // Joins and leaves take turns; the user is concerned, and the group is asked.
        let is_join = round % 2 == 1;
        let members = numbers(&[1]);
        let changes = match is_join {
            true => Changes { joined: members, ..Changes::default() },
            false => Changes { left: members, ..Changes::default() },
        };
        let mut patch = operation(Method::Patch, ResourceType::GROUP, 2, 204);
        patch.touches = numbers(&[1]);
        server.append(applied(patch, vec![part(2, changes)])).await;
        if round != 10 && round != 40 {
            continue;
        }
        let store = server.committer().store();
        for page in pages {
            let before = store.rows_read();
            let answer = server.ask(page).await;
            costs.push(store.rows_read() - before);
            counts.push(answer["rowCount"].as_u64().unwrap());
        }
    }
    assert_eq!(counts, [11, 11, 41, 41]);
    let few: u64 = costs[..2].iter().sum();
    let many: u64 = costs[2..].iter().sum();
    // Which blocks of an index are read ahead, and so how many rows, changes a little.
    assert!(many <= few + 20, "{costs:?}");

    // The user was made once, and concerned by the rest.
    let own = server.ask("/api/v1/operations?resource=user-1").await;
    assert_eq!(own["rowCount"], 1);
    let all = server.ask("/api/v1/apps/paperboat/users/user-1/timeline").await;
    assert_eq!(all["rowCount"], 41);
}

/// Of whom no externalId is known, a refused create is theirs who bears the name.
#[tokio::test]
async fn a_refused_create_without_an_external_id_ends_when_an_account_gets_the_name() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    let refused = async |number: u32, external_id: Option<&str>| {
        let name = format!("wanted{number}@northwind.test");
        let called = |attribute: Attribute, value: &str| {
            let mention = Mention {
                attribute,
                name: Some(event::MentionedName { value: value.into(), display: None }),
                resource_type: ResourceType::USER,
            };
            part(number, Changes { mention: Some(mention), ..Changes::default() })
        };
        let own = external_id.map(|own| called(Attribute::ExternalId, own));
        let parts = own.into_iter().chain([called(Attribute::UserName, &name)]).collect();
        let operation = operation(Method::Post, ResourceType::USER, number, 400);
        server.append(applied(operation, parts)).await
    };
    let (plain, own) = (refused(2, None).await, refused(3, Some("e-3")).await);
    let failing = async || {
        let rows = server.ask("/api/v1/reports/failing").await["rows"].clone();
        let seqs = rows.as_array().unwrap().iter().map(|row| row["failedSeq"].as_u64().unwrap());
        seqs.collect::<Vec<_>>()
    };
    assert_eq!(failing().await, [own, plain]);
    for (old, new) in [("u1", "wanted2"), ("wanted2", "wanted3")] {
        let [old, new] = [old, new].map(|name| json!(format!("{name}@northwind.test")));
        let renamed = change("userName", Some(old), Some(new));
        let changes = Changes { values: vec![renamed].into(), ..Changes::default() };
        let operation = operation(Method::Patch, ResourceType::USER, 1, 200);
        server.append(applied(operation, vec![part(1, changes)])).await;
        // Who is known by an externalId is somebody else than whoever gets the name.
        assert_eq!(failing().await, [own]);
    }
}
