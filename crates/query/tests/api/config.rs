//! New applications and tokens.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::Request;
use event::{Application, Credential, Fact, Role, Timestamp};
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

use crate::harness::{Reply, START, Server};

#[tokio::test]
async fn an_application_comes_with_its_token_in_one_decision() {
    let server = Server::start().await;
    let settings = json!({"lenient_booleans": true});
    let body = json!({"application": "paperboat", "profile": "generic", "settings": settings});
    let reply = server.post("/api/v1/apps", &server.admin, body).await;
    assert_eq!(reply.status, 201);
    let added = reply.json();
    assert_eq!(added["application"], "paperboat");
    assert_eq!(added["tenantUrl"], "https://provlog.test/apps/paperboat/scim/v2");
    let secret = added["secretToken"].as_str().unwrap();

    let event = |seq| {
        let store = server.committer().store();
        let bytes = store.event_bytes(seq).unwrap().unwrap();
        event::codec::decode(seq, &bytes, store.parts()).unwrap()
    };
    let (first, second) = (event(2), event(3));
    let Fact::ApplicationAdded(application) = &first.header.fact else { panic!("seq 2") };
    assert_eq!((application.number, first.header.application), (Application(1), Application(1)));
    assert_eq!(serde_json::from_slice::<Value>(&application.settings).unwrap(), settings);
    let Fact::CredentialAdded(credential) = &second.header.fact else { panic!("seq 3") };
    assert_eq!((credential.number, credential.role), (Credential(2), Role::Scim));
    assert_eq!(credential.sha256, projector::token_sha256(secret));
    assert_eq!(second.header.application, Application(1));
    for event in [first, second] {
        let origin = event.header.origin.unwrap();
        assert_eq!(origin.credential, Credential(1), "the admin's");
        assert_eq!(origin.request_id, reply.headers["x-request-id"]);
    }

    let listed = server.ask("/api/v1/apps").await;
    let row = json!({
        "application": "paperboat", "profile": "generic", "addedSeq": 2, "upstream": null,
        "tenantUrl": "https://provlog.test/apps/paperboat/scim/v2",
        "addedAt": "2026-03-02T09:00:00.000000Z",
    });
    assert_eq!(listed["rows"], json!([row]));
    assert_eq!(listed["head"]["seq"], 3);
}

#[tokio::test]
async fn an_application_that_cannot_be_is_refused() {
    let server = Server::with_application().await;
    let check = async |body: Value, status: u16, slug: &str| {
        let reply = server.post("/api/v1/apps", &server.admin, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, slug), "{body}");
    };
    check(json!({"application": "paperboat"}), 409, "name-taken").await;
    check(json!({"application": "Paper Boat"}), 400, "invalid-body").await;
    check(json!({"application": "kite", "profile": "okta"}), 400, "invalid-body").await;
    check(json!({"application": "kite", "settings": []}), 400, "invalid-body").await;
    check(json!({"application": "kite", "settings": {"odd": 1}}), 400, "invalid-body").await;
    check(json!({"application": "kite", "colour": "red"}), 400, "invalid-body").await;
    check(json!({"application": 7}), 400, "invalid-body").await;
    check(json!({}), 400, "invalid-body").await;
    check(json!({"application": "k".repeat(70_000)}), 413, "body-too-large").await;
    let reply = server.post("/api/v1/apps?dry=1", &server.admin, json!({})).await;
    assert_eq!(reply.problem(), "unknown-parameter");
    let apps = server.ask("/api/v1/apps").await;
    assert_eq!(apps["rowCount"], 1, "nothing was added");
    assert_eq!(apps["head"]["seq"], 3 + 10, "that it was asked for was recorded");

    server.clock.set(Timestamp(START.0 - 61_000_000));
    check(json!({"application": "kite"}), 503, "clock-behind").await;
}

#[tokio::test]
async fn a_refusal_of_settings_repeats_nothing() {
    let server = Server::start().await;
    let settings = json!({"odd": "ana@northwind.test"});
    let body = json!({"application": "kite", "settings": settings});
    let reply = server.post("/api/v1/apps", &server.admin, body).await;
    assert_eq!(reply.problem(), "invalid-body");
    let detail = "`settings` has an unknown member or a value of the wrong kind; see docs/scim.md";
    assert_eq!(reply.json()["detail"], detail);
    assert!(!reply.text.contains("odd") && !reply.text.contains("northwind"), "{}", reply.text);
}

async fn post(server: &Server, body: Body) -> Reply {
    let request = Request::post("/api/v1/apps")
        .header("authorization", format!("Bearer {}", server.admin))
        .body(body);
    server.send(request.unwrap()).await
}

/// A body whose second piece is what `after` makes of it.
fn begun<F>(after: impl Fn() -> F + Send + 'static) -> Body
where
    F: Future<Output = Result<Bytes, io::Error>> + Send + 'static,
{
    let first = Body::from("{").into_data_stream();
    Body::from_stream(service_fn(move |_| after()).call_all(first))
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_too_large() {
    let server = Server::start().await;
    let broken = begun(async || Err(io::ErrorKind::UnexpectedEof.into()));
    let reply = post(&server, broken).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "invalid-body"));
    assert_eq!(reply.json()["detail"], "the body broke off before its end");

    let new = r#"{"application":"kite"}"#;
    let padded = |length: usize| Body::from(format!("{new}{}", " ".repeat(length - new.len())));
    assert_eq!(post(&server, padded((64 << 10) + 1)).await.problem(), "body-too-large");
    assert_eq!(post(&server, padded(64 << 10)).await.status, 201, "just not too large");
}

#[tokio::test]
async fn a_body_has_its_time_to_arrive() {
    let server = Server::start().await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let reply = post(&server, begun(std::future::pending)).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (408, "body-late"));
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_token_fits_its_role() {
    let server = Server::with_application().await;
    let check = async |body: Value, status: u16| {
        let reply = server.post("/api/v1/tokens", &server.admin, body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.text);
        reply.json()
    };
    let auditor = check(json!({"role": "auditor"}), 201).await;
    assert_eq!((&auditor["id"], &auditor["role"]), (&json!("3"), &json!("auditor")));
    assert_eq!(auditor.get("application"), None);
    let app = check(json!({"role": "app-auditor", "application": "paperboat"}), 201).await;
    assert_eq!((&app["id"], &app["application"]), (&json!("4"), &json!("paperboat")));
    check(json!({"role": "scim", "application": "paperboat"}), 201).await;
    check(json!({"role": "admin"}), 201).await;
    check(json!({"role": "scim"}), 400).await;
    check(json!({"role": "auditor", "application": "paperboat"}), 400).await;
    check(json!({"role": "app-auditor", "application": "kite"}), 404).await;
    check(json!({"role": "king"}), 400).await;
    check(json!({"role": "admin", "until": "2027"}), 400).await;
}
