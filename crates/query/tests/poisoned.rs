//! What is answered once an append has failed. Alone in its program: the failure is the process's.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use event::{Clock, Timestamp};
use projector::{Committer, CommitterOptions, Decision, Draft, Durability};
use query::{Query, Token};
use store::{Options, Store};
use tower::ServiceExt;

async fn get(router: &Router, path: &str) -> Response {
    let token = Token::generate().unwrap();
    let request = Request::get(path).header("authorization", format!("Bearer {}", token.as_str()));
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_poisoned_log_answers_nothing_but_that_it_lives() {
    let scenario = fail::FailScenario::setup();
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
    assert_eq!(get(&router, "/readyz").await.status(), 200);
    assert_eq!(get(&router, "/api/v1/apps").await.status(), 401, "an empty log has no tokens");

    fail::cfg("append", "return").unwrap();
    let stopped = Draft {
        application: event::Application::RECORDER,
        origin: None,
        fact: event::Fact::RecorderStopped(event::RecorderStopped { broken_requests: 0 }),
        parts: vec![],
        passed: vec![],
    };
    let decide = |_: &projector::View<'_>, _| Ok(Decision { events: vec![stopped], reply: () });
    committer.submit(Durability::Synced, decide).await.unwrap_err();

    assert_eq!(get(&router, "/livez").await.status(), 200);
    assert_eq!(get(&router, "/metrics").await.status(), 200);
    assert_eq!(get(&router, "/readyz").await.status(), 503);
    let refused = get(&router, "/api/v1/apps").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert!(refused.headers().contains_key("retry-after"));
    scenario.teardown();

    // RocksDB must be closed before the program ends, and the committer's thread holds it.
    drop((committer, router));
    thread.join().unwrap();
}
