//! New applications and tokens.

use event::{Application, Credential, Fact, Role, Timestamp};
use serde_json::{Value, json};

use crate::harness::{START, Server};

#[tokio::test]
async fn an_application_comes_with_its_token_in_one_decision() {
    let server = Server::start().await;
    let settings = json!({"lenient": true});
    let body = json!({"application": "paperboat", "profile": "generic", "settings": settings});
    let reply = server.post("/api/v1/apps", &server.admin, body).await;
    assert_eq!(reply.status, 201);
    let added = reply.json();
    assert_eq!(added["application"], "paperboat");
    assert_eq!(added["tenantUrl"], "https://provlog.test/apps/paperboat/scim/v2");
    let secret = added["secretToken"].as_str().unwrap();

    let event = |seq| {
        let bytes = server.committer().store().event_bytes(seq).unwrap().unwrap();
        event::codec::decode(seq, &bytes).unwrap()
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
        "application": "paperboat", "profile": "generic", "addedSeq": 2,
        "tenantUrl": "https://provlog.test/apps/paperboat/scim/v2",
        "addedAt": "2026-03-02T09:00:00.000000Z",
    });
    assert_eq!(listed["rows"], json!([row]));
    assert_eq!(listed["head"], json!({"seq": 3}));
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
    assert_eq!(server.ask("/api/v1/apps").await["head"]["seq"], 3, "nothing was recorded");

    server.clock.set(Timestamp(START.0 - 61_000_000));
    check(json!({"application": "kite"}), 503, "clock-behind").await;
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
