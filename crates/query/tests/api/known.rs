//! Promise 4, the past stays put, and promise 8, nobody looks unseen.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use event::{Changes, Method, ResourceType, Seq};
use serde_json::{Value, json};

use crate::harness::{MINUTE, Server, applied, change, operation, part};
use crate::samples::Samples;

/// An answer without what may differ when it is asked again.
fn lasting(mut answer: Value) -> Value {
    for name in ["generatedAt", "head"] {
        assert!(answer.as_object_mut().unwrap().remove(name).is_some());
    }
    answer
}

/// What there is to ask about in these tests.
fn samples(operation: Seq, review: Seq) -> Samples {
    Samples {
        app: "paperboat",
        user: "user-1",
        group: "group-9",
        groups: "group-9,group-9",
        list: "staff",
        saved: "weekly",
        token: "1".to_owned(),
        operation: operation.to_string(),
        review: review.to_string(),
    }
}

/// Uploads the list of people, with some users in it.
async fn upload(server: &Server, users: &[u32]) {
    let rows =
        users.iter().map(|number| format!("u{number}@northwind.test,2026-03-02T09:01:30Z\n"));
    let csv = format!("userName,terminatedAt\n{}", rows.collect::<String>());
    let request = Request::post("/api/v1/reference-lists?name=staff");
    let request = request.header("authorization", format!("Bearer {}", server.admin));
    let reply = server.send(request.body(Body::from(csv)).unwrap()).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}

/// Saves the question that is asked for by its name.
async fn save(server: &Server) {
    let question = json!({"name": "weekly", "question": "/api/v1/apps/paperboat/groups"});
    let reply = server.post("/api/v1/saved-questions", &server.admin, question).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}

/// Reviews who is in the groups; the event that holds it.
async fn review(server: &Server) -> Seq {
    let review = json!({"question": "/api/v1/apps/paperboat/matrix", "outcome": "approved"});
    let reply = server.post("/api/v1/reviews", &server.admin, review).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.json()["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn what_was_known_then_is_the_answer_for_ever() {
    let server = Server::with_application().await;
    server.pass(MINUTE); // 09:01
    server.user(1, Some(true)).await;
    server.pass(MINUTE); // 09:02
    let user = server.user(2, None).await;
    upload(&server, &[1]).await;
    save(&server).await;
    let review = review(&server).await;
    let evidence = format!("/api/v1/operations/{user}/evidence");
    let ticket = json!({"kind": "ticket", "ref": "T-1"});
    assert_eq!(server.post(&evidence, &server.admin, ticket.clone()).await.status, 201);
    let known = server.group(9, &[1, 2]).await;
    server.pass(MINUTE); // 09:03

    let by_seq = format!("knownAt={known}");
    let stretches =
        [by_seq.as_str(), "knownAt=2026-03-02T09:02:00Z", "knownAt=2026-03-02T09:02:59Z"];
    let mut before = vec![];
    for one in answers::all().iter().filter(|one| one.known.contains(&"knownAt")) {
        for form in samples(user, review).forms(one.path, &one.parameters) {
            for stretch in stretches {
                let mut asked = form.clone();
                asked.with(stretch);
                before.push((lasting(server.ask(&asked.text).await), asked.text));
            }
        }
    }
    let has_rows = |(answer, path): &&(Value, String)| {
        path.starts_with("/api/v1/apps/paperboat/users?") && answer["rowCount"] == 2
    };
    assert!(before.iter().any(|one| has_rows(&one)), "there is something to lose");

    server.pass(MINUTE); // 09:04
    let rename = Changes {
        values: vec![
            change("userName", Some(json!("u1@northwind.test")), Some(json!("ana@northwind.test"))),
            change("active", Some(json!(true)), Some(json!(false))),
        ]
        .into(),
        ..Changes::default()
    };
    let patch = operation(Method::Patch, ResourceType::USER, 1, 200);
    server.append(applied(patch, vec![part(1, rename)])).await;
    server.user(3, None).await;
    server.delete(ResourceType::GROUP, 9, &[1, 2]).await;
    upload(&server, &[2, 3]).await;
    assert_eq!(server.post(&evidence, &server.admin, ticket).await.status, 201);
    server.post("/api/v1/apps", &server.admin, json!({"application": "kite"})).await;
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
    // Its own questions, and those that were about all applications.
    let (all, one) = (&Value::Null, &json!("paperboat"));
    assert_eq!(routes, [all, all, all, one, one]);
    let row = &own["rows"][0];
    assert_eq!((&row["allApplications"], &row["target"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn every_address_leaves_one_event_of_who_asked() {
    let server = Server::with_application().await;
    let user = server.user(1, None).await;
    server.group(9, &[1]).await;
    upload(&server, &[1]).await;
    save(&server).await;
    let review = review(&server).await;
    let samples = samples(user, review);
    let mut all = vec![
        "/v1.0/auditLogs/provisioning".to_owned(),
        "/v1.0/auditLogs/provisioning?$top=1".to_owned(),
        // Not described yet.
        format!("/api/v1/operations/{user}"),
    ];
    let mut of_application = BTreeSet::new();
    let questions = answers::all().iter().map(|one| (one.path, &one.parameters));
    let acts = answers::act::acts().iter().filter(|one| one.method == answers::act::Method::Get);
    for (path, parameters) in questions.chain(acts.map(|one| (one.path, &one.parameters))) {
        for form in samples.forms(path, parameters) {
            if form.is_of_application {
                of_application.insert(form.text.clone());
            }
            all.push(form.text);
        }
    }
    // All users have no subject.
    all.retain(|path| !path.contains("/bundles/users?subject="));
    for path in all {
        let before = server.ask("/api/v1/access-log?limit=1").await["rowCount"].as_u64().unwrap();
        let reply = server.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let log = server.ask("/api/v1/access-log?limit=2").await;
        // The question before, this one, and the one that tells of both.
        assert_eq!(log["rowCount"].as_u64().unwrap(), before + 2, "{path}");
        let told = &log["rows"][0];
        assert_eq!(
            (&told["status"], &told["exported"]),
            (&json!(200), &json!(path.contains("export?")))
        );
        if of_application.contains(&path) {
            assert_eq!(told["application"], "paperboat", "{path}");
        }
        // An export is found as its question is.
        let question =
            path.split_once("export?question=").and_then(|(_, rest)| rest.split('&').next());
        let target = question.unwrap_or(&path);
        assert!(told["target"].as_str().unwrap().contains(target), "{path}: {told}");
    }
}

#[tokio::test]
async fn an_export_has_the_rows_that_are_shown_and_is_recorded_once() {
    let server = Server::with_application().await;
    for number in 1..=7 {
        server.user(number, Some(number % 2 == 0)).await;
    }
    let question = "apps/paperboat/users?active=true";
    let shown = server.ask(&format!("/api/v1/{question}")).await["rows"].clone();
    let before = server.ask("/api/v1/access-log").await["rowCount"].as_u64().unwrap();
    let export = async |format: &str| {
        let question = question.replace('?', "%3F").replace('=', "%3D");
        let path = format!("/api/v1/export?question={question}&format={format}");
        let bytes = server.get_bytes(&path).await;
        zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap()
    };
    let read = |zip: &mut zip::ZipArchive<std::io::Cursor<Vec<u8>>>, name: &str| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut zip.by_name(name).unwrap(), &mut text).unwrap();
        text
    };
    let mut lines = export("ndjson").await;
    let rows = read(&mut lines, "users.ndjson");
    let mut rows: Vec<Value> =
        rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: BTreeSet<String> = rows[0].as_object().unwrap().keys().cloned().collect();
    let manifest: Value = serde_json::from_str(&read(&mut lines, "manifest.json")).unwrap();
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        assert_eq!(row.remove("at").unwrap(), manifest["query"]["query"]["at"]);
        assert_eq!(row.remove("atSeq").unwrap(), manifest["atSeq"]);
    }
    assert_eq!(json!(rows), shown);
    let mut table = export("csv").await;
    let text = read(&mut table, "users.csv");
    let always_empty = ["deletedAt", "deletedSeq"];
    let columns = text.lines().next().unwrap().split(',');
    let columns = columns.filter(|name| !always_empty.contains(name)).map(str::to_owned);
    assert_eq!(columns.collect::<BTreeSet<_>>(), names, "both forms have the same members");
    assert_eq!(text.lines().count(), 1 + 3, "{text}");
    assert!(text.lines().nth(1).unwrap().contains("u2@northwind.test"), "{text}");
    let manifest: Value = serde_json::from_str(&read(&mut table, "manifest.json")).unwrap();
    assert_eq!((&manifest["rowCount"], &manifest["files"][0]["rows"]), (&json!(3), &json!(3)));
    let log = server.ask("/api/v1/access-log").await;
    assert_eq!(
        log["rowCount"].as_u64().unwrap(),
        before + 1 + 2,
        "two exports, and the question before"
    );
    assert_eq!((&log["rows"][0]["exported"], &log["rows"][0]["rows"]), (&json!(true), &json!(3)));
    for wrong in ["apps/paperboat", "operations/3", "x", "../v1/apps", ""] {
        let refused = server.refused(&format!("/api/v1/export?question={wrong}")).await;
        assert_eq!(refused.0, 400, "{wrong}");
    }
    let unknown = server.get("/api/v1/export?question=apps/ferry/users").await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}
