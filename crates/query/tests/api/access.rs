//! Who may ask what, and how refusals look.

use axum::body::Body;
use axum::http::Request;
use event::ResourceType;
use query::Token;
use serde_json::json;

use crate::harness::Server;

#[tokio::test]
async fn health_and_metrics_need_no_token() {
    let server = Server::start().await;
    let bare =
        async |path: &str| server.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let live = bare("/livez").await;
    assert_eq!((live.status.as_u16(), live.text.as_str()), (200, "ok"));
    let ready = bare("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.text.as_str()), (200, "ok"));
    let checks = bare("/readyz?verbose").await.text.to_owned();
    let words: Vec<&str> = checks.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert!(
        matches!(words[..], ["ok", "ok", free, "1.2.3"] if free.ends_with(" MiB free")),
        "{checks}"
    );
    let metrics = bare("/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4");
    assert_eq!(metrics.text, "provlog_up 1\n");
}

#[tokio::test]
async fn every_role_sees_what_it_may_and_no_more() {
    let server = Server::with_application().await;
    server.post("/api/v1/apps", &server.admin, json!({"application": "kite"})).await;
    server.user(1, None).await;
    let auditor = server.token(json!({"role": "auditor"})).await;
    let of_app = |role: &str| json!({"role": role, "application": "paperboat"});
    let app_auditor = server.token(of_app("app-auditor")).await;
    let scim = server.token(of_app("scim")).await;
    let kite = server.token(json!({"role": "app-auditor", "application": "kite"})).await;

    let check = async |path: &str, expected: [u16; 5]| {
        let tokens = [&server.admin, &auditor, &app_auditor, &scim, &kite];
        for (token, expected) in tokens.into_iter().zip(expected) {
            assert_eq!(server.get_as(path, token).await.status, expected, "{path}");
        }
    };
    check("/api/v1/apps", [200, 200, 200, 403, 200]).await;
    check("/api/v1/apps/paperboat/users", [200, 200, 200, 403, 404]).await;
    check("/api/v1/apps/paperboat/users/user-1", [200, 200, 200, 403, 404]).await;
    check("/api/v1/operations", [200, 200, 200, 403, 200]).await;
    check("/api/v1/operations?app=paperboat", [200, 200, 200, 403, 404]).await;
    check("/api/v1/operations/6", [200, 200, 200, 403, 404]).await;

    let narrowed = async |path: &str, token: &str| server.get_as(path, token).await.json();
    assert_eq!(narrowed("/api/v1/apps", &server.admin).await["rowCount"], 2);
    let apps = narrowed("/api/v1/apps", &kite).await;
    assert_eq!((&apps["rowCount"], &apps["rows"][0]["application"]), (&json!(1), &json!("kite")));
    assert_eq!(narrowed("/api/v1/operations", &app_auditor).await["rowCount"], 1);
    assert_eq!(narrowed("/api/v1/operations", &kite).await["rowCount"], 0);

    // What may not be seen does not differ from what is not there.
    let hidden = server.get_as("/api/v1/apps/paperboat/users", &kite).await.json();
    let absent = server.get_as("/api/v1/apps/nothing/users", &kite).await.json();
    assert_eq!(hidden["detail"], absent["detail"]);

    for token in [&auditor, &app_auditor, &scim] {
        for path in ["/api/v1/apps", "/api/v1/tokens"] {
            let reply = server.post(path, token, json!({})).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (403, "forbidden"));
        }
    }
}

#[tokio::test]
async fn without_a_known_token_there_is_a_challenge() {
    let server = Server::with_application().await;
    let check = async |authorization: Option<&str>| {
        let mut request = Request::get("/api/v1/apps?unknown=1");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let reply = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.headers["www-authenticate"], r#"Bearer realm="provlog""#);
        assert_eq!(reply.problem(), "unauthenticated");
    };
    check(None).await;
    check(Some("Bearer")).await;
    check(Some("Bearer plg_unknown")).await;
    check(Some(&format!("Basic {}", server.admin))).await;
    let lower = format!("bearer {}", server.admin);
    let request = Request::get("/api/v1/apps").header("authorization", lower);
    assert_eq!(server.send(request.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn refusals_are_problems() {
    let server = Server::with_application().await;
    let check = async |path: &str, status: u16, slug: &str| {
        assert_eq!(server.refused(path).await, (status, slug.to_owned()), "{path}");
    };
    check("/", 404, "not-found").await;
    check("/api/v1/nothing", 404, "not-found").await;
    check("/api/v1/apps/%FF/users", 404, "not-found").await;
    check("/api/v1/apps?sort=name", 400, "unknown-parameter").await;
    check("/api/v1/apps/paperboat/users?at=2026-03-02&at=-1d", 400, "repeated-parameter").await;
    check("/api/v1/apps/paperboat/users?active=yes", 400, "invalid-parameter").await;
    check("/api/v1/apps/paperboat/users?limit=0", 400, "invalid-parameter").await;
    check("/api/v1/apps/paperboat/users?at=yesterday", 400, "invalid-parameter").await;
    for filter in ["status=ok", "action=read", "credential=one", "credential=%2B1", "from=soon"] {
        check(&format!("/api/v1/operations?{filter}"), 400, "invalid-parameter").await;
    }
    check("/api/v1/operations?from=-1d&to=-2d", 400, "invalid-parameter").await;
    check("/api/v1/operations?app=nothing", 404, "not-found").await;
    check("/api/v1/tokens/1", 405, "method-not-allowed").await;

    let reply = server.get("/api/v1/apps/paperboat/users?at=a@northwind.test").await;
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`at`") && detail.contains("RFC 3339"), "{detail}");
    assert!(!reply.text.contains("northwind"), "values are not repeated");
    assert_eq!(reply.json()["instance"], "/api/v1/apps/{app}/users");

    let reply = server.get("/api/v1/operations?since=-1d").await;
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`since`") && detail.contains("requestId"), "{detail}");

    let request = Request::delete("/api/v1/apps").header("x-request-id", "abc");
    let reply = server.send(request.body(Body::empty()).unwrap()).await;
    let mut allowed: Vec<_> = reply.headers["allow"].to_str().unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!((reply.status.as_u16(), allowed), (405, vec!["GET", "HEAD", "POST"]));
    assert_eq!(reply.problem(), "method-not-allowed");
    // RFC 9110 §15.5.6: a 405 says what is allowed, in Graph's form too.
    let request = Request::post("/v1.0/auditLogs/provisioning");
    let reply = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
}

#[tokio::test]
async fn a_request_id_is_kept_or_made() {
    let server = Server::start().await;
    let id_for = async |sent: Option<&str>| {
        let mut request = Request::get("/livez");
        if let Some(sent) = sent {
            request = request.header("x-request-id", sent);
        }
        let reply = server.send(request.body(Body::empty()).unwrap()).await;
        reply.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id_for(Some("req-42")).await, "req-42");
    assert_eq!(id_for(Some(&"x".repeat(128))).await, "x".repeat(128));
    let token = Token::generate().unwrap();
    let loud = format!("id-{}", token.as_str().to_uppercase());
    assert_eq!(id_for(Some(&token.as_str()[..19])).await, token.as_str()[..19]);
    for replaced in [Some(token.as_str()), Some(&loud), Some(&token.as_str()[..67])] {
        assert_eq!(id_for(replaced).await.len(), 36, "a token is no id");
    }
    for replaced in [None, Some(""), Some("two words"), Some("x".repeat(129).as_str())] {
        let id = id_for(replaced).await;
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "ours is a UUIDv4");
    }
}

#[tokio::test]
async fn no_error_repeats_what_was_sent() {
    let server = Server::with_application().await;
    server.group(1, &[]).await;
    server.delete(ResourceType::GROUP, 1, &[]).await;
    let apps = "/api/v1/apps";
    let paths = [
        "/ana-secret".to_owned(),
        format!("{apps}/ana-secret"),
        format!("{apps}?ana-secret"),
        format!("{apps}?cursor=ana-secret"),
        format!("{apps}/ana-secret/users"),
        format!("{apps}/ana-secret/users/ana-secret"),
        format!("{apps}/paperboat/users/ana-secret"),
        format!("{apps}/paperboat/users/ana-secret?at=ana-secret"),
        format!("{apps}/paperboat/users?at=ana-secret"),
        format!("{apps}/paperboat/users?active=ana-secret"),
        format!("{apps}/paperboat/users?limit=ana-secret"),
        format!("{apps}/paperboat/users?at=ana-secret&at=ana-secret"),
        format!("{apps}/paperboat/groups/ana-secret"),
        format!("{apps}/paperboat/groups/ana-secret/members"),
        format!("{apps}/paperboat/groups/group-1/members?ana-secret=ana-secret"),
        "/api/v1/operations/ana-secret".to_owned(),
        "/api/v1/operations?app=ana-secret".to_owned(),
        "/api/v1/operations?requestId=ana-secret&cursor=ana-secret".to_owned(),
        "/api/v1/operations?requestId=ana-secret&%61na-secret".to_owned(),
    ];
    for path in paths {
        let reply = server.get(&path).await;
        assert!(matches!(reply.status.as_u16(), 400 | 404), "{path}: {}", reply.status);
        reply.problem();
        assert!(!reply.text.contains("ana-secret"), "{path}: {}", reply.text);
        for value in reply.headers.values() {
            assert!(!value.to_str().unwrap().contains("ana-secret"), "{path}: {value:?}");
        }
    }
}
