//! The complete server without a socket and with a manual clock.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use event::{Clock, Event, Seq, Stopwatch, Timestamp};
use provlog::run::{RunError, Server, ServerConfig};
use serde_json::{Value, json};
use store::StoreError;
use tower::ServiceExt;

/// When the clocks of these tests start.
pub const START: Timestamp = Timestamp(1_772_442_847_000_000); // 2026-03-02T09:14:07Z

/// A server in this process.
pub struct InProcess {
    pub server: Server,
    pub clock: Clock,
    router: Router,
    pub admin_token: String,
    // Dropped last.
    _folder: Released,
}

/// Waits, when it is dropped, until the folder of a log is locked by nobody any more. The committer's thread
/// closes the database after the last one who held it is gone, and RocksDB must be closed before the test's
/// process ends.
struct Released(PathBuf);

impl Drop for Released {
    fn drop(&mut self) {
        // A folder that is gone has no lock.
        let Ok(folder) = File::open(&self.0) else { return };
        let begin = Stopwatch::start();
        while folder.try_lock().is_err() && begin.elapsed() < RELEASE_MAX {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whoever holds it longer is waited for no more.
const RELEASE_MAX: Duration = Duration::from_secs(10);

/// An answer of a server in this process.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl InProcess {
    /// Opens the log of a folder with the clock at `time`.
    pub async fn open(data: &Path, time: Timestamp) -> InProcess {
        InProcess::try_open(data, time, false).await.unwrap()
    }

    /// The same with `accept_clock`; the error text if it does not start.
    pub async fn try_open(
        data: &Path,
        time: Timestamp,
        accept_clock: bool,
    ) -> Result<InProcess, RunError> {
        let clock = Clock::manual(time);
        let (registry, profiles) = scim::Profiles::built_in();
        let server = Server::open(ServerConfig {
            pages: true,
            sign_in: None,
            master: Default::default(),
            signing: provlog::signing::SigningKeys::default(),
            witnesses: vec![],
            witness_every: Duration::from_secs(60),
            data: data.to_owned(),
            public_url: "http://audit.example".to_owned(),
            trusted_proxies: vec![],
            memtable_bytes: 1 << 20,
            registry,
            profiles,
            disk_reserve_bytes: 0,
            scrub_bytes_per_second: 0,
            clock: clock.clone(),
            accept_clock,
            clock_ahead_days_max: 365,
            upstream_secrets: data.parent().map(Path::to_owned),
            read_back_after: vec![],
        })
        .await?;
        let router = server.router();
        let admin_token = std::fs::read_to_string(data.join("admin.token")).unwrap();
        let admin_token = admin_token.trim_end().to_owned();
        Ok(InProcess { server, clock, router, admin_token, _folder: Released(data.to_owned()) })
    }

    /// Adds an application and returns its secret token.
    pub async fn add_app(&self, slug: &str) -> String {
        let added = self.admin("POST", "/api/v1/apps", &json!({ "application": slug })).await;
        added.body["secretToken"].as_str().unwrap().to_owned()
    }

    /// A request with the admin token.
    pub async fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &self.admin_token, body).await
    }

    /// A request with the admin token and a text body.
    pub async fn admin_text(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send_text(method, path, &self.admin_token, body).await
    }

    /// A request with a token and a text body, which may be empty.
    pub async fn send_text(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        self.send_bytes(method, path, token, body.as_bytes().to_vec()).await
    }

    /// A request with a token; `Value::Null` sends no body.
    pub async fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let bytes = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
        self.send_bytes(method, path, token, bytes).await
    }

    /// The files of an export of a question, asked with a token.
    pub async fn export(&self, question: &str, token: &str) -> BTreeMap<String, String> {
        let encoded: String = question.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/export?question={encoded}");
        let (status, bytes) = self.bytes("GET", &path, token, vec![]).await;
        assert_eq!(status, 200, "{question}");
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let files = (0..archive.len()).map(|place| {
            let mut file = archive.by_index(place).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        });
        files.collect()
    }

    async fn send_bytes(&self, method: &str, path: &str, token: &str, bytes: Vec<u8>) -> Answer {
        let (status, bytes) = self.bytes(method, path, token, bytes).await;
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// Any request, and its response whole.
    pub async fn request(&self, request: Request<Body>) -> Response<String> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Response::from_parts(head, String::from_utf8(bytes.into()).unwrap())
    }

    /// Any request, and its response as its body begins.
    pub async fn begun(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn bytes(
        &self,
        method: &str,
        path: &str,
        token: &str,
        bytes: Vec<u8>,
    ) -> (u16, axum::body::Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/scim+json")
            .body(Body::from(bytes))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        (status, axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap())
    }

    /// Stops in order and closes the store.
    pub async fn close(self) {
        drop(self.router);
        self.server.close().await;
    }

    /// Every event of the log, decoded.
    pub fn events(&self) -> Vec<Event> {
        self.events_from(0)
    }

    /// The bytes of every event.
    pub fn stored(&self) -> Vec<Vec<u8>> {
        let store = self.server.committer().store();
        let size = store.log_size().unwrap();
        (0..size).map(|seq| store.event_bytes(seq).unwrap().unwrap()).collect()
    }

    /// The events from `seq` on, decoded.
    pub fn events_from(&self, seq: Seq) -> Vec<Event> {
        let mut events = Vec::new();
        let store = self.server.committer().store();
        store
            .scan_log(seq, |seq, bytes| {
                events.push(event::codec::decode(seq, bytes, store.parts()).unwrap());
                Ok::<_, StoreError>(ControlFlow::Continue(()))
            })
            .unwrap();
        events
    }
}
