//! What is logged of a request. Alone in its program: the subscriber is the process's.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use event::{Clock, Timestamp};
use projector::{Committer, CommitterOptions};
use query::Query;
use store::{Options, Store};
use tower::ServiceExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// All fields of all spans and events.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<String>>);

impl Visit for Logged {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0.lock().unwrap(), "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn nothing_that_a_client_chooses_is_logged() {
    let logged = Logged::default();
    tracing::subscriber::set_global_default(logged.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), &Options::default(), 7).unwrap());
    let clock = Clock::manual(Timestamp(0));
    let options = CommitterOptions {
        clock,
        accept_clock: false,
        commands_max: 4,
        disk_reserve_bytes: 0,
        signer: None,
    };
    let (committer, thread) = Committer::start(store, options).unwrap();
    let router = query::router(Arc::new(Query {
        committer: committer.clone(),
        states: projector::StateCommitter::new(committer.clone()),
        verification: Arc::default(),
        witnessed: Arc::default(),
        sessions: query::session::Sessions::new(false).unwrap(),
        public_url: "https://provlog.test".into(),
        metrics: Arc::new(String::new),
        took: query::Took::default(),
        budget: budget::Budget::new(2),
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
        erase: Arc::new(|_| panic!("nothing is erased here")),
        retention: Arc::default(),
    }));
    for path in ["/api/v1/apps/paperboat/users/ana-secret?at=ana-secret", "/ana-secret"] {
        let request = Request::get(path)
            .header("authorization", "Bearer ana-secret")
            .header("user-agent", "ana-secret")
            .header("x-request-id", "ana-secret@northwind.test");
        let reply = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(reply.headers()["x-request-id"], "ana-secret@northwind.test");
        let body = axum::body::to_bytes(reply.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["requestId"], "ana-secret@northwind.test");
    }
    let text = logged.0.lock().unwrap().clone();
    assert!(text.contains(r#"route="/api/v1/apps/{app}/users/{user}""#), "{text}");
    assert!(text.contains("status=401") && text.contains("status=404"), "{text}");
    assert!(!text.contains("ana-secret"), "{text}");

    // RocksDB must be closed before the program ends, and the committer's thread holds it.
    drop((router, committer));
    thread.join().unwrap();
}
