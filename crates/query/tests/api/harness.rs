//! A server without a socket, and events as SCIM requests would leave them.

use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use budget::Budget;
use event::{
    Application, Attribute, Changes, Clock, Content, CredentialAdded, Detail, Effect, Fact, LogId,
    Mention, Number, Operation, Origin, Part, Path, RecorderStarted, ResourceType, Role, Route,
    Seq, Timestamp, ValueChange,
};
use projector::{Committer, CommitterOptions, Decision, Draft, Durability};
use query::{Query, Token, router};
use serde_json::{Value, json};
use store::{Options, Store};
use tower::ServiceExt;

/// 2026-03-02T09:00:00Z
pub const START: Timestamp = Timestamp(1_772_442_000_000_000);
pub const PAPERBOAT: Application = Application(1);
pub const MINUTE: i64 = 60_000_000;

/// A server with an admin; its clock stands at [`START`].
pub struct Server {
    pub clock: Clock,
    pub admin: String,
    pub budget: Budget,
    // All that holds a committer, and its thread; `None` only while it is dropped.
    running: Option<(Committer, Router, JoinHandle<()>)>,
    folder: tempfile::TempDir,
}

/// RocksDB must be closed before the program ends, and the committer's thread holds it.
impl Drop for Server {
    fn drop(&mut self) {
        if let Some((committer, router, thread)) = self.running.take() {
            drop((committer, router));
            let _ = thread.join();
        }
    }
}

/// An answer as a client gets it.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The last segment of the problem's type, after looking at the problem's shape.
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let body = self.json();
        let mut names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["detail", "instance", "requestId", "status", "title", "type"]);
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["requestId"], self.headers["x-request-id"].to_str().unwrap());
        body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}

/// The key of the log.
fn signer() -> Arc<projector::Signer> {
    let name = tlog::KeyName::parse("log.example/test").unwrap();
    let key = tlog::SignerKey::from_seed(name, tlog::KeyKind::Ed25519, [7; 32]).unwrap();
    Arc::new(projector::Signer::new(vec![key]).unwrap())
}

impl Server {
    pub async fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), &Options::default(), 7).unwrap());
        let clock = Clock::manual(START);
        let options = CommitterOptions {
            clock: clock.clone(),
            accept_clock: false,
            commands_max: 64,
            disk_reserve_bytes: 0,
            signer: Some(signer()),
        };
        let (committer, thread) = Committer::start(store, options).unwrap();
        let budget = Budget::new(2);
        let router = router(Arc::new(Query {
            committer: committer.clone(),
            states: projector::StateCommitter::new(committer.clone()),
            verification: Arc::default(),
            witnessed: Arc::default(),
            sessions: query::session::Sessions::new(false).unwrap(),
            public_url: "https://provlog.test".into(),
            metrics: Arc::new(|| "provlog_up 1\n".into()),
            took: query::Took::default(),
            budget: budget.clone(),
            cursor_key: scim::CursorKey::new([7; 32]),
            sign_in: None,
            version: "1.2.3",
            look: Arc::new(|_| {
                Box::pin(async { Err(query::LookFailure::Request("no upstream".to_owned())) })
            }),
            import: Arc::new(|_| {
                Box::pin(async { Err(query::ImportFailure::Log("no importer".into())) })
            }),
            profiles: Arc::new(scim::Profiles::built_in().1),
            secrets: store::SecretFolder::new(folder.path(), folder.path()),
            // Nothing is sealed here: that it was ordered is enough.
            erase: Arc::new(|request| Box::pin(async move { Ok(request.seq) })),
            retention: Arc::default(),
        }));
        let token = Token::generate().unwrap();
        let admin = token.as_str().to_owned();
        let running = Some((committer, router, thread));
        let server = Server { clock, admin, budget, running, folder };
        server.restarted(None).await;
        let sha256 = token.sha256();
        let number = event::Credential(1);
        let added =
            CredentialAdded { number, role: Role::Admin, sha256, name: None, expires_at: None };
        server.append(draft(Application::RECORDER, Fact::CredentialAdded(added), vec![])).await;
        server
    }

    pub fn committer(&self) -> &Committer {
        &self.running.as_ref().unwrap().0
    }

    /// With the application `paperboat`, added by seq 2 and 3; its token is credential 2.
    pub async fn with_application() -> Server {
        let server = Server::start().await;
        let body = json!({"application": "paperboat"});
        let reply = server.post("/api/v1/apps", &server.admin, body).await;
        assert_eq!(reply.status, StatusCode::CREATED);
        server
    }

    pub async fn restarted(&self, last_alive: Option<Timestamp>) -> Seq {
        let log = LogId::from_random(7).get();
        let started = RecorderStarted { log, version: "1.2.3".into(), last_alive };
        self.append(draft(Application::RECORDER, Fact::RecorderStarted(started), vec![])).await
    }

    pub async fn append(&self, draft: Draft) -> Seq {
        self.committer()
            .submit(Durability::Appended, |_, stamp| {
                Ok(Decision { events: vec![draft], reply: stamp.seq })
            })
            .await
            .unwrap()
    }

    /// A file in the folder of the log.
    pub fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Moves the clock on.
    pub fn pass(&self, micros: i64) {
        self.clock.set(Timestamp(self.clock.now().0 + micros));
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let router = &self.running.as_ref().unwrap().1;
        let response = router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Reply { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// An answer whose body nobody has read yet.
    pub async fn begin(&self, path: &str) -> Response {
        let token = &self.admin;
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        let router = &self.running.as_ref().unwrap().1;
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response
    }

    /// The bytes of an answer that is no text.
    pub async fn get_bytes(&self, path: &str) -> Vec<u8> {
        to_bytes(self.begin(path).await.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    pub async fn get_as(&self, path: &str, token: &str) -> Reply {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.get_as(path, &self.admin).await
    }

    /// The answer to a question that is answered.
    pub async fn ask(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        reply.json()
    }

    /// The problem of a question that is not.
    pub async fn refused(&self, path: &str) -> (u16, String) {
        let reply = self.get(path).await;
        (reply.status.as_u16(), reply.problem())
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    /// A new token of a role.
    pub async fn token(&self, body: Value) -> String {
        let reply = self.post("/api/v1/tokens", &self.admin, body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    pub async fn user(&self, number: u32, active: Option<bool>) -> Seq {
        let mut values = vec![
            set("id", json!(format!("user-{number}"))),
            set("userName", json!(format!("u{number}@northwind.test"))),
            set("displayName", json!(format!("User {number}"))),
        ];
        values.extend(active.map(|active| set("active", json!(active))));
        let changes = created(ResourceType::USER, values, &[]);
        let operation = operation(event::Method::Post, ResourceType::USER, number, 201);
        self.append(applied(operation, vec![part(number, changes)])).await
    }

    pub async fn group(&self, number: u32, members: &[u32]) -> Seq {
        let values =
            vec![set("id", json!(format!("group-{number}"))), set("displayName", json!("Finance"))];
        let changes = created(ResourceType::GROUP, values, members);
        let operation = operation(event::Method::Post, ResourceType::GROUP, number, 201);
        self.append(applied(operation, vec![part(number, changes)])).await
    }

    /// Deletes a resource; a deleted group loses the members that are named.
    pub async fn delete(&self, kind: ResourceType, number: u32, members: &[u32]) -> Seq {
        let lifecycle = Some(event::Lifecycle::Deleted);
        let changes = Changes { lifecycle, left: numbers(members), ..Changes::default() };
        let operation = operation(event::Method::Delete, kind, number, 204);
        self.append(applied(operation, vec![part(number, changes)])).await
    }
}

pub fn numbers(numbers: &[u32]) -> Vec<Number> {
    numbers.iter().map(|number| Number(*number)).collect()
}

pub fn set(attribute: &str, value: Value) -> ValueChange {
    change(attribute, None, Some(value))
}

pub fn change(attribute: &str, old: Option<Value>, new: Option<Value>) -> ValueChange {
    let text = |value: Option<Value>| value.map(|value| serde_json::to_vec(&value).unwrap());
    let path = Path { schema: None, attribute: attribute.into(), element: None, sub: None };
    ValueChange { path, old: text(old), new: text(new) }
}

pub fn created(kind: ResourceType, values: Vec<ValueChange>, members: &[u32]) -> Changes {
    let lifecycle = Some(event::Lifecycle::Created(kind));
    Changes { lifecycle, values: values.into(), joined: numbers(members), ..Changes::default() }
}

/// The changes that give a number to an id that nobody has.
pub fn mentioned(id: &str) -> Changes {
    let mention = Mention {
        attribute: Attribute::Id,
        name: Some(event::MentionedName { value: id.into(), display: None }),
        resource_type: ResourceType::NONE,
    };
    Changes { mention: Some(mention), ..Changes::default() }
}

pub fn part(subject: u32, changes: Changes) -> Part {
    Part::new(Number(subject), Content::Changes(changes))
}

pub fn detail(detail: Detail) -> Part {
    Part::new(Number::NOBODY, Content::Detail(detail))
}

pub fn operation(
    method: event::Method,
    resource_type: ResourceType,
    number: u32,
    status: u16,
) -> Operation {
    Operation {
        route: if method == event::Method::Post { Route::Collection } else { Route::Resource },
        method,
        resource_type,
        number: Number(number),
        touches: vec![],
        status,
        scim_type: 0,
        effect: if status < 400 { Effect::Applied } else { Effect::Rejected },
        index: 0,
        saw_seq: None,
        results: None,
        decided_after_us: 1_500,
    }
}

pub fn applied(operation: Operation, parts: Vec<Part>) -> Draft {
    draft(PAPERBOAT, Fact::Operation(operation), parts)
}

pub fn draft(application: Application, fact: Fact, parts: Vec<Part>) -> Draft {
    let origin = Origin {
        credential: event::Credential(2),
        client: Some([192, 0, 2, 14].into()),
        user_agent: "harness".into(),
        request_id: "req-0".into(),
    };
    Draft { application, origin: Some(origin), fact, parts, passed: vec![] }
}
