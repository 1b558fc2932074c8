//! Signing in with a browser: with a token or a link, until the session ends.

use axum::body::Body;
use axum::http::{Request, Response};
use event::{Fact, Timestamp};
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};

const HTML: &str = "text/html,*/*;q=0.8";
const HOUR_US: i64 = 3_600_000_000;
/// Where the servers of these tests are reached.
const OWN: &str = "http://audit.example";

/// A browser with at most one session.
struct Browser<'a> {
    server: &'a InProcess,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a InProcess) -> Browser<'a> {
        Browser { server, cookie: None }
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Response<String> {
        let mut request = Request::builder().method(method).uri(path).header("accept", HTML);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if !form.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.server.request(request).await;
        if let Some(set) = response.headers().get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        response
    }

    async fn get(&mut self, path: &str) -> Response<String> {
        self.send("GET", path, &[], "").await
    }

    /// Sends a form of one of our pages.
    async fn post(&mut self, path: &str, form: &str) -> Response<String> {
        self.send("POST", path, &[("origin", OWN)], form).await
    }

    async fn sign_in(&mut self, token: &str) -> Response<String> {
        self.post("/login", &format!("token={token}")).await
    }

    async fn is_signed_in(&mut self) -> bool {
        let page = self.get("/apps").await;
        match page.status().as_u16() {
            200 => true,
            303 => {
                assert_eq!(location(&page), "/login?next=%2Fapps");
                false
            }
            other => panic!("{other}"),
        }
    }
}

fn location(response: &Response<String>) -> &str {
    response.headers()["location"].to_str().unwrap()
}

/// The token of the forms of a page.
fn form_token(page: &Response<String>) -> String {
    let (_, rest) = page.body().split_once("name=\"csrf\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn open(folder: &tempfile::TempDir) -> InProcess {
    InProcess::open(&folder.path().join("data"), START).await
}

fn at(microseconds: i64) -> Timestamp {
    Timestamp(START.0 + microseconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_token_and_counts_for_reading_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let scim = server.add_app("boat").await;
    let mut browser = Browser::new(&server);
    assert!(!browser.is_signed_in().await);

    let before = server.events().len() as u64;
    let refused = browser.sign_in("plg_nobody").await;
    assert_eq!(refused.status(), 401);
    assert!(refused.body().contains("not known"), "{}", refused.body());
    assert_eq!(server.events().len() as u64, before, "nobody's token leaves nothing");
    let refused = browser.sign_in(&scim).await;
    assert_eq!(refused.status(), 403, "a token that provisions reads nothing");
    assert!(!browser.is_signed_in().await);

    let before = server.events().len() as u64;
    let token = server.admin_token.clone();
    let begun = browser.sign_in(&token).await;
    assert_eq!((begun.status().as_u16(), location(&begun)), (303, "/"));
    let cookie = begun.headers()["set-cookie"].to_str().unwrap();
    for rule in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(rule), "{cookie}");
    }
    let left = server.events_from(before);
    let [event] = left.as_slice() else { panic!("{left:?}") };
    let Fact::Access(access) = &event.header.fact else { panic!("{left:?}") };
    assert_eq!((access.route.as_str(), access.status), ("/login", 200));

    assert!(browser.is_signed_in().await);
    assert_eq!(browser.get("/api/v1/apps").await.status(), 200);
    for (method, path) in [
        ("POST", "/api/v1/tokens"),
        ("POST", "/api/v1/login-links"),
        ("DELETE", "/api/v1/tokens/1"),
        ("GET", "/v1.0/auditLogs/provisioning"),
        ("GET", "/apps/boat/scim/v2/Users"),
        ("POST", "/apps/boat/scim/v2/Users"),
    ] {
        let refused = browser.send(method, path, &[("origin", OWN)], "").await;
        assert_eq!(refused.status(), 401, "{method} {path}");
    }
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_leads_back_to_the_page_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let token = server.admin_token.clone();
    for (next, expected) in [
        ("%2Fapps%3Flimit%3D5", "/apps?limit=5"),
        ("%2F%2Fevil.example", "/"),
        ("https%3A%2F%2Fevil.example", "/"),
    ] {
        let mut browser = Browser::new(&server);
        let begun = browser.post("/login", &format!("token={token}&next={next}")).await;
        assert_eq!((begun.status().as_u16(), location(&begun)), (303, expected));
    }
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_idle_old_signed_out_or_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let token = server.admin_token.clone();

    let mut idle = Browser::new(&server);
    idle.sign_in(&token).await;
    server.clock.set(at(HOUR_US - 1));
    assert!(idle.is_signed_in().await, "used within the hour");
    server.clock.set(at(2 * HOUR_US - 1));
    assert!(!idle.is_signed_in().await);

    let mut busy = Browser::new(&server);
    let begun = 2 * HOUR_US;
    server.clock.set(at(begun));
    busy.sign_in(&token).await;
    for half_hours in 1..24 {
        server.clock.set(at(begun + half_hours * HOUR_US / 2));
        assert!(busy.is_signed_in().await, "{half_hours}");
    }
    server.clock.set(at(begun + 12 * HOUR_US));
    assert!(!busy.is_signed_in().await);

    let mut out = Browser::new(&server);
    out.sign_in(&token).await;
    let kept = out.cookie.clone();
    let page = out.get("/apps").await;
    let ended = out.post("/logout", &format!("csrf={}", form_token(&page))).await;
    assert_eq!((ended.status().as_u16(), location(&ended)), (303, "/login"));
    assert_eq!(out.cookie, None, "the browser forgets it");
    out.cookie = kept;
    assert!(!out.is_signed_in().await, "and so does the server");

    let issued = server.admin("POST", "/api/v1/tokens", &json!({"role": "auditor"})).await.body;
    let mut revoked = Browser::new(&server);
    revoked.sign_in(issued["token"].as_str().unwrap()).await;
    assert!(revoked.is_signed_in().await);
    let path = format!("/api/v1/tokens/{}", issued["id"].as_str().unwrap());
    assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 200);
    assert!(!revoked.is_signed_in().await);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sign_in_ends_the_session_before() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let token = server.admin_token.clone();
    let mut browser = Browser::new(&server);
    browser.sign_in(&token).await;
    let planted = browser.cookie.clone();
    browser.sign_in(&token).await;
    assert_ne!(browser.cookie, planted);
    assert!(browser.is_signed_in().await);
    let mut other = Browser { server: &server, cookie: planted };
    assert!(!other.is_signed_in().await);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let token = server.admin_token.clone();
    let form = format!("token={token}");
    let mut browser = Browser::new(&server);
    let foreign: &[&[(&str, &str)]] = &[
        &[],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", OWN), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ];
    for headers in foreign {
        assert_eq!(browser.send("POST", "/login", headers, &form).await.status(), 403);
        assert!(!browser.is_signed_in().await, "{headers:?}");
    }
    browser.sign_in(&token).await;
    let page = browser.get("/apps").await;
    let own = form_token(&page);
    for headers in foreign {
        let sent = browser.send("POST", "/logout", headers, &format!("csrf={own}")).await;
        assert_eq!(sent.status(), 403, "{headers:?}");
    }
    let mut other = Browser::new(&server);
    other.sign_in(&token).await;
    let page = other.get("/apps").await;
    for wrong in ["csrf=", "csrf=00", &format!("csrf={}", form_token(&page))] {
        assert_eq!(browser.post("/logout", wrong).await.status(), 403, "{wrong}");
    }
    assert!(browser.is_signed_in().await);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once_by_its_button() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    let issued = server.admin("POST", "/api/v1/tokens", &json!({"role": "auditor"})).await.body;
    let auditor = issued["token"].as_str().unwrap();
    let make = async || {
        let before = server.events().len() as u64;
        let made = server.send("POST", "/api/v1/login-links", auditor, &Value::Null).await;
        assert_eq!(made.status, 201);
        assert_eq!(server.events_from(before).len(), 1);
        assert_eq!(made.body["expiresAt"], "2026-03-02T09:19:07.000000Z", "five minutes");
        let url = made.body["url"].as_str().unwrap();
        url.strip_prefix(OWN).unwrap().to_owned()
    };
    let link = make().await;
    let mut browser = Browser::new(&server);
    for _ in 0..3 {
        let page = browser.get(&link).await;
        assert_eq!(page.status(), 200);
        assert!(page.body().contains("<button"), "{}", page.body());
        assert!(!browser.is_signed_in().await, "opening it signs nobody in");
    }
    let foreign = browser.send("POST", &link, &[("origin", "http://evil.example")], "").await;
    assert_eq!(foreign.status(), 403, "and does not use it up");
    let before = server.events().len() as u64;
    assert_eq!(browser.post(&link, "").await.status(), 303);
    let left = server.events_from(before);
    assert_eq!(left.len(), 1);
    assert!(!format!("{left:?}").contains(&link[7..]), "the secret is not recorded: {left:?}");
    let page = browser.get("/apps").await;
    assert!(page.body().contains("auditor"), "{}", page.body());
    let mut second = Browser::new(&server);
    let refused = second.post(&link, "").await;
    assert_eq!(refused.status(), 404);
    assert!(refused.body().contains("used already"), "{}", refused.body());

    let late = make().await;
    server.clock.set(at(5 * 60_000_000));
    assert_eq!(second.post(&late, "").await.status(), 404);
    assert!(!second.is_signed_in().await);

    // It is no more than the token: none for one that may not ask, and none of one that was revoked.
    let scim = server.add_app("boat").await;
    let refused = server.send("POST", "/api/v1/login-links", &scim, &Value::Null).await;
    assert_eq!(refused.status, 403);
    let made = server.send("POST", "/api/v1/login-links", auditor, &Value::Null).await.body;
    let path = format!("/api/v1/tokens/{}", issued["id"].as_str().unwrap());
    assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 200);
    let link = made["url"].as_str().unwrap().strip_prefix(OWN).unwrap();
    let refused = second.post(link, "").await;
    assert!(!refused.status().is_success());
    assert!(!second.is_signed_in().await);
    server.close().await;
}
