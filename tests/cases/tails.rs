//! The live tail of operations: what it sends, and what ends it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use event::Fact;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};

/// A tail that sends nothing for so long has failed.
const WAIT_MAX: Duration = Duration::from_secs(60);
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// A tail that is being read.
struct Tail {
    body: Body,
    text: String,
}

impl Tail {
    async fn open(server: &InProcess, path: &str, token: &str, last: Option<u64>) -> Tail {
        let response = begin(server, path, token, last).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Tail { body: response.into_body(), text: String::new() }
    }

    /// Reads until the text has this; gives all that was read since the last time.
    async fn until(&mut self, wanted: &str) -> String {
        let read = async {
            while !self.text.contains(wanted) {
                let frame = self.body.frame().await;
                let frame = frame.unwrap_or_else(|| panic!("{wanted}: ended: {}", self.text));
                let bytes = frame.unwrap().into_data().unwrap();
                self.text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        };
        let waited = tokio::time::timeout(WAIT_MAX, read).await;
        assert!(waited.is_ok(), "{wanted}: {}", self.text);
        std::mem::take(&mut self.text)
    }

    async fn ends(mut self) {
        let rest = tokio::time::timeout(WAIT_MAX, self.body.frame()).await.unwrap();
        assert!(rest.is_none(), "{rest:?}");
    }
}

async fn begin(server: &InProcess, path: &str, token: &str, last: Option<u64>) -> Response<Body> {
    let request = Request::get(path).header("accept", "text/event-stream");
    let mut request = request.header("authorization", format!("Bearer {token}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    server.begun(request.body(Body::empty()).unwrap()).await
}

/// Creates a user, and gives the number of the event.
async fn create(server: &InProcess, app: &str, scim: &str, name: &str) -> u64 {
    let before = server.events().len() as u64;
    let user = json!({"schemas": [USER], "userName": name});
    let made = server.send("POST", &format!("/apps/{app}/scim/v2/Users"), scim, &user).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    before
}

async fn issue(server: &InProcess, role: &str, app: Option<&str>) -> (String, String) {
    let body = json!({"role": role, "application": app});
    let issued = server.admin("POST", "/api/v1/tokens", &body).await.body;
    let text = |name: &str| issued[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_sends_each_new_operation_once_and_ends_with_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let (boat, kite) = (server.add_app("boat").await, server.add_app("kite").await);
    let (id, token) = issue(&server, "auditor", None).await;
    create(&server, "boat", &boat, "before").await;

    let before = server.events().len() as u64;
    let mut tail = Tail::open(&server, "/operations/tail?app=boat", &token, None).await;
    tail.until("id: ").await;
    let first = create(&server, "boat", &boat, "mira").await;
    create(&server, "kite", &kite, "elsewhere").await;
    let text = tail.until("mira").await;
    assert!(text.contains(&format!("id: {first}\n")), "{text}");
    assert!(text.contains("data: <tr id=\"op-"), "{text}");
    assert!(!text.contains("before") && !text.contains("elsewhere"), "{text}");
    let second = create(&server, "boat", &boat, "<b>nils").await;
    let text = tail.until("nils").await;
    assert!(text.contains("&#60;b&#62;nils") && !text.contains("mira"), "{text}");

    let reads =
        server.events_from(before).into_iter().filter_map(|event| match event.header.fact {
            Fact::Access(access) => Some((access.route, access.status)),
            _ => None,
        });
    assert_eq!(reads.collect::<Vec<_>>(), [("/api/v1/operations".to_owned(), 200)]);

    // A browser whose connection broke says what it saw last.
    let mut again = Tail::open(&server, "/operations/tail?app=boat", &token, Some(first)).await;
    let text = again.until("nils").await;
    assert!(text.contains(&format!("id: {second}\n")) && !text.contains("mira"), "{text}");

    // A page says up to where it shows, so nothing is missed until it follows.
    let path = format!("/operations/tail?app=boat&after={first}");
    let mut of_page = Tail::open(&server, &path, &token, None).await;
    let text = of_page.until("nils").await;
    assert!(text.contains(&format!("id: {second}\n")) && !text.contains("mira"), "{text}");

    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 200);
    for mut tail in [tail, again, of_page] {
        let text = tail.until("event: end").await;
        assert!(text.contains("data: Following has ended"), "{text}");
        tail.ends().await;
    }
    assert_eq!(begin(&server, "/operations/tail", &token, None).await.status(), 401);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_of_one_application_shows_no_other_and_each_reader_has_few() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let (boat, kite) = (server.add_app("boat").await, server.add_app("kite").await);
    let (_, token) = issue(&server, "app-auditor", Some("kite")).await;
    let refused = begin(&server, "/operations/tail?app=boat", &token, None).await;
    assert_eq!(refused.status(), 404);
    assert_eq!(begin(&server, "/operations/tail?colour=red", &token, None).await.status(), 400);

    let mut tail = Tail::open(&server, "/operations/tail", &token, None).await;
    tail.until("id: ").await;
    create(&server, "boat", &boat, "mira").await;
    create(&server, "kite", &kite, "nils").await;
    let text = tail.until("nils").await;
    assert!(!text.contains("mira"), "{text}");

    let mut others = vec![];
    let refused = loop {
        let response = begin(&server, "/operations/tail", &token, None).await;
        if response.status() != 200 {
            break response;
        }
        others.push(response);
        assert!(others.len() < 100, "a reader has any number of tails");
    };
    assert_eq!(refused.status(), 429);
    // Another reader has places of their own, and one that leaves makes room.
    let (_, other) = issue(&server, "auditor", None).await;
    assert_eq!(begin(&server, "/operations/tail", &other, None).await.status(), 200);
    others.pop();
    let freed = async {
        while begin(&server, "/operations/tail", &token, None).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT_MAX, freed).await.unwrap();
    drop((others, tail));
    server.close().await;
}
