//! Nobody looks unseen: what is asked of an address that changes something leaves an event, whoever asks
//! and whatever becomes of it.

use axum::body::Body;
use axum::http::{Method, Request};
use event::{Fact, Header};
use serde_json::{Value, json};

use crate::harness::{Reply, Server};

/// An address that changes something: its template, a request that is carried out and some that are not.
struct Address {
    method: Method,
    template: &'static str,
    good: (String, String),
    bad: Vec<(String, String)>,
}

impl Address {
    fn new(
        (method, template): (Method, &'static str),
        (path, body): (&str, Value),
        bad: &[(&str, &str)],
    ) -> Address {
        let text = match body {
            Value::Null => String::new(),
            Value::String(text) => text,
            body => body.to_string(),
        };
        let bad = bad.iter().map(|(path, body)| ((*path).to_owned(), (*body).to_owned()));
        Address { method, template, good: (path.to_owned(), text), bad: bad.collect() }
    }
}

/// All of them; `operation` is the seq of one that can be approved, `token` the id of one to take back.
fn addresses(operation: u64, token: &str) -> Vec<Address> {
    let evidence = format!("/api/v1/operations/{operation}/evidence");
    let revoked = format!("/api/v1/tokens/{token}");
    let ticket = r#"{"kind": "ticket", "ref": "T-1"}"#;
    vec![
        Address::new(
            (Method::POST, "/api/v1/apps"),
            ("/api/v1/apps", json!({"application": "kite"})),
            &[
                ("/api/v1/apps", "{"),
                ("/api/v1/apps", r#"{"application": "No Slug"}"#),
                ("/api/v1/apps", r#"{"application": "boat", "profile": "none"}"#),
                // Taken.
                ("/api/v1/apps", r#"{"application": "paperboat"}"#),
                ("/api/v1/apps?sort=name", r#"{"application": "raft"}"#),
            ],
        ),
        Address::new(
            (Method::PATCH, "/api/v1/apps/{app}"),
            ("/api/v1/apps/paperboat", json!({"servicePrincipal": "sp-boat"})),
            &[
                ("/api/v1/apps/paperboat", r#"{"servicePrincipal": ""}"#),
                ("/api/v1/apps/paperboat", "[]"),
                // What is not said is not taken away.
                ("/api/v1/apps/paperboat", "{}"),
                ("/api/v1/apps/nothing", r#"{"servicePrincipal": null}"#),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/apps/{app}/baseline"),
            // The application has no upstream: what is asked for well is refused too.
            ("/api/v1/apps/paperboat/baseline", Value::Null),
            &[
                ("/api/v1/apps/nothing/baseline", ""),
                ("/api/v1/apps/paperboat/baseline?acceptShrink=7", ""),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/apps/{app}/drift"),
            ("/api/v1/apps/paperboat/drift", Value::Null),
            &[("/api/v1/apps/nothing/drift", ""), ("/api/v1/apps/paperboat/drift?at=now", "")],
        ),
        Address::new(
            (Method::POST, "/api/v1/apps/{app}/imports"),
            // There is no importer here: it fails as one does that cannot write.
            ("/api/v1/apps/paperboat/imports?check=true", Value::Null),
            &[
                ("/api/v1/apps/nothing/imports", ""),
                ("/api/v1/apps/paperboat/imports?run=none", ""),
                ("/api/v1/apps/paperboat/imports?check=perhaps", ""),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/tokens"),
            ("/api/v1/tokens", json!({"role": "auditor"})),
            &[
                ("/api/v1/tokens", r#"{"role": "king"}"#),
                ("/api/v1/tokens", r#"{"role": "scim", "application": "nothing"}"#),
                ("/api/v1/tokens", ""),
            ],
        ),
        Address::new(
            (Method::DELETE, "/api/v1/tokens/{id}"),
            (&revoked, Value::Null),
            // Taken back before, unknown, no id, and the one that asks.
            &[
                (&revoked, ""),
                ("/api/v1/tokens/77", ""),
                ("/api/v1/tokens/one", ""),
                ("/api/v1/tokens/1", ""),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/operations/{operation}/evidence"),
            (&evidence, json!({"kind": "ticket", "ref": "T-1"})),
            &[
                (&evidence, "{}"),
                (&evidence, r#"{"kind": "ticket", "ref": "T-1", "approvedAt": "soon"}"#),
                ("/api/v1/operations/99999/evidence", ticket),
                ("/api/v1/operations/none/evidence", ticket),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/reference-lists"),
            ("/api/v1/reference-lists?name=staff", json!("userName\nu1@northwind.test\n")),
            &[
                ("/api/v1/reference-lists?name=staff", "colour\nred\n"),
                ("/api/v1/reference-lists?name=STAFF", "userName\n"),
                ("/api/v1/reference-lists", "userName\n"),
                ("/api/v1/reference-lists?name=staff&app=nothing", "userName\n"),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/apps/{app}/groups/{group}/privileged"),
            ("/api/v1/apps/paperboat/groups/group-9/privileged", Value::Null),
            &[
                ("/api/v1/apps/paperboat/groups/Nobody/privileged", ""),
                ("/api/v1/apps/nothing/groups/group-9/privileged", ""),
                ("/api/v1/apps/paperboat/groups/group-9/privileged?at=-1d", ""),
            ],
        ),
        Address::new(
            (Method::DELETE, "/api/v1/apps/{app}/groups/{group}/privileged"),
            ("/api/v1/apps/paperboat/groups/group-9/privileged", Value::Null),
            // Not privileged any more, and unknown.
            &[
                ("/api/v1/apps/paperboat/groups/group-9/privileged", ""),
                ("/api/v1/apps/paperboat/groups/Nobody/privileged", ""),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/saved-questions"),
            (
                "/api/v1/saved-questions",
                json!({"name": "failed", "question": "/api/v1/operations?status=failure"}),
            ),
            &[
                ("/api/v1/saved-questions", r#"{"name": "A B", "question": "/api/v1/apps"}"#),
                ("/api/v1/saved-questions", r#"{"name": "a", "question": "/api/v1/nothing"}"#),
                ("/api/v1/saved-questions", r#"{"name": "a", "question": "/api/v1/apps?odd=1"}"#),
                ("/api/v1/saved-questions", "{}"),
            ],
        ),
        Address::new(
            (Method::DELETE, "/api/v1/saved-questions/{name}"),
            ("/api/v1/saved-questions/failed", Value::Null),
            &[("/api/v1/saved-questions/failed", ""), ("/api/v1/saved-questions/nothing", "")],
        ),
        Address::new(
            (Method::POST, "/api/v1/subjects/find"),
            ("/api/v1/subjects/find", json!({"name": "u1@northwind.test"})),
            &[
                ("/api/v1/subjects/find", r#"{"name": ""}"#),
                ("/api/v1/subjects/find", r#"{"name": "u1", "application": "nothing"}"#),
                ("/api/v1/subjects/find?name=u1", "{}"),
            ],
        ),
        // The uploaded list is the first number of the whole server.
        Address::new(
            (Method::POST, "/api/v1/subjects/hold"),
            (
                "/api/v1/subjects/hold",
                json!({"application": null, "numbers": [1], "reason": "case 7"}),
            ),
            &[
                // Held already, without a reason, and nobody.
                (
                    "/api/v1/subjects/hold",
                    r#"{"application": null, "numbers": [1], "reason": "case 8"}"#,
                ),
                ("/api/v1/subjects/hold", r#"{"application": null, "numbers": [1]}"#),
                ("/api/v1/subjects/hold", r#"{"numbers": [1], "reason": "case 8"}"#),
            ],
        ),
        Address::new(
            (Method::POST, "/api/v1/subjects/release"),
            ("/api/v1/subjects/release", json!({"application": null, "numbers": [1]})),
            &[("/api/v1/subjects/release", r#"{"application": null, "numbers": [1]}"#)],
        ),
        Address::new(
            (Method::POST, "/api/v1/subjects/erase"),
            ("/api/v1/subjects/erase", json!({"application": null, "numbers": [1]})),
            &[
                // Erased already, living, unknown, too few and too many.
                ("/api/v1/subjects/erase", r#"{"application": null, "numbers": [1]}"#),
                ("/api/v1/subjects/erase", r#"{"application": "paperboat", "numbers": [1]}"#),
                ("/api/v1/subjects/erase", r#"{"application": "paperboat", "numbers": [777]}"#),
                ("/api/v1/subjects/erase", r#"{"application": "nothing", "numbers": [1]}"#),
                ("/api/v1/subjects/erase", r#"{"application": null, "numbers": []}"#),
                ("/api/v1/subjects/erase", r#"{"application": null, "numbers": [0]}"#),
            ],
        ),
        Address::new(
            (Method::PATCH, "/api/v1/apps/{app}/retention"),
            ("/api/v1/apps/paperboat/retention", json!({"months": 12})),
            &[
                ("/api/v1/apps/paperboat/retention", r#"{"months": 0}"#),
                ("/api/v1/apps/paperboat/retention", "{}"),
                ("/api/v1/apps/nothing/retention", r#"{"months": 1}"#),
            ],
        ),
    ]
}

async fn send(server: &Server, method: &Method, path: &str, body: &str, token: &str) -> Reply {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    server.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn size(server: &Server) -> u64 {
    server.committer().store().log_size().unwrap()
}

fn headers(server: &Server, from: u64) -> Vec<Header> {
    let bytes = |seq| server.committer().store().event_bytes(seq).unwrap().unwrap();
    let decode = |seq| event::codec::decode_header(&bytes(seq)).unwrap();
    (from..size(server)).map(decode).collect()
}

/// What a new address is called, if it stands in no list here.
fn routed() -> Vec<(Method, &'static str)> {
    let methods = [(Method::POST, "post("), (Method::PATCH, "patch("), (Method::DELETE, "delete(")];
    let mut found = vec![];
    for route in include_str!("../../src/http/mod.rs").split(".route(").skip(1) {
        let (_, rest) = route.split_once('"').unwrap();
        let (template, handlers) = rest.split_once('"').unwrap();
        for (method, call) in &methods {
            if handlers.contains(call) {
                found.push((method.clone(), template));
            }
        }
    }
    found
}

#[tokio::test]
async fn whatever_is_asked_of_an_address_that_changes_something_leaves_an_event() {
    let server = Server::with_application().await;
    let user = server.user(1, None).await;
    server.group(9, &[1]).await;
    let of_app = |role: &str| json!({"role": role, "application": "paperboat"});
    let auditor = server.token(json!({"role": "auditor"})).await;
    let app_auditor = server.token(of_app("app-auditor")).await;
    // Of another application: of one, only so many attempts within a second leave an event each.
    let body = json!({"application": "dinghy"});
    let added = server.post("/api/v1/apps", &server.admin, body).await.json();
    let scim = added["secretToken"].as_str().unwrap().to_owned();
    let issue = async || {
        let body = json!({"role": "admin"});
        let issued = server.post("/api/v1/tokens", &server.admin, body).await.json();
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    };
    let (revoked, revoked_id) = issue().await;
    let path = format!("/api/v1/tokens/{revoked_id}");
    assert_eq!(send(&server, &Method::DELETE, &path, "", &server.admin).await.status, 200);
    let (_, other) = issue().await;
    let addresses = addresses(user, &other);

    let known = addresses.iter().map(|one| (one.method.clone(), one.template));
    let (mut known, mut routed) = (known.collect::<Vec<_>>(), routed());
    let by_text = |one: &(Method, &str)| format!("{} {}", one.0, one.1);
    // What readers may ask for has tests of its own.
    let is_of_admins = |one: &&answers::act::DescribedAct| {
        one.method != answers::act::Method::Get && one.who == answers::Who::Admin
    };
    let (acts, others): (Vec<_>, Vec<_>) = answers::act::acts().iter().partition(is_of_admins);
    routed.retain(|(_, path)| others.iter().all(|one| one.path != *path));
    known.sort_by_key(by_text);
    routed.sort_by_key(by_text);
    assert_eq!(known, routed);
    let acts = acts.into_iter();
    let mut described: Vec<_> =
        acts.map(|one| format!("{} {}", one.method.name(), one.path)).collect();
    described.sort();
    assert_eq!(known.iter().map(by_text).collect::<Vec<_>>(), described);

    // Whoever may not: one event each, and nothing for a token that nobody knows.
    for (token, status) in [(&auditor, 403), (&app_auditor, 403), (&scim, 403), (&revoked, 401)] {
        for (place, Address { method, good, bad, .. }) in addresses.iter().enumerate() {
            // Two roles are limited to no application, so together they leave 50 events in a second.
            let is_short = status == 401 || place % 2 == 1;
            let asked = if is_short { vec![good] } else { vec![good, &bad[0]] };
            for (path, body) in asked {
                let before = size(&server);
                let reply = send(&server, method, path, body, token).await;
                assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
                let left = headers(&server, before);
                let [Header { fact: Fact::Access(access), .. }] = left.as_slice() else {
                    panic!("{method} {path}: {left:?}");
                };
                assert_eq!(access.status, status, "{method} {path}");
            }
        }
    }
    for Address { method, good: (path, body), .. } in &addresses {
        let before = size(&server);
        assert_eq!(send(&server, method, path, body, "plg_unknown").await.status, 401);
        assert_eq!(size(&server), before, "{method} {path}");
    }

    // What an admin asks for: the change, or that it was asked for.
    for Address { method, template, good: (path, body), bad } in &addresses {
        let before = size(&server);
        let reply = send(&server, method, path, body, &server.admin).await;
        let left = headers(&server, before);
        assert!(!left.is_empty(), "{method} {path}");
        // To find somebody changes nothing.
        if reply.status.is_success() && *template != "/api/v1/subjects/find" {
            let is_look = |one: &Header| matches!(one.fact, Fact::Access(_));
            assert!(!left.iter().any(is_look), "{method} {path}: {left:?}");
        }
        for (path, body) in bad {
            let before = size(&server);
            let reply = send(&server, method, path, body, &server.admin).await;
            let is_as_before = *path == format!("/api/v1/tokens/{other}")
                || (*method == Method::DELETE && path.ends_with("group-9/privileged"));
            let again = reply.status == 200 && is_as_before;
            assert!(reply.status.is_client_error() || again, "{method} {path}: {}", reply.text);
            let left = headers(&server, before);
            let [Header { fact: Fact::Access(access), origin, .. }] = left.as_slice() else {
                panic!("{method} {path} {body}: {left:?}");
            };
            assert_eq!((&*access.route, access.status), (*template, reply.status.as_u16()));
            assert_eq!(origin.as_ref().unwrap().credential, event::Credential(1), "{path}");
            let row = server.ask("/api/v1/access-log?limit=1").await["rows"][0].clone();
            // A question that is tried before it is saved is what was asked.
            let tried: Value = serde_json::from_str(body).unwrap_or_default();
            let targets = [json!(path), tried["question"].clone()];
            assert!(targets.contains(&row["target"]), "{row}");
            assert_eq!(row["allApplications"], false);
        }
    }
}
