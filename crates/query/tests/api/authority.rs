//! Whose word counts when something is decided, and what attempts of others leave.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::http::Request;
use event::{Application, Credential, CredentialRevoked, Fact, Timestamp};
use projector::{Decision, Durability};
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

use crate::harness::{Reply, START, Server, draft};

/// A token of a role, and its id.
async fn issue(server: &Server, body: Value) -> (String, String) {
    let reply = server.post("/api/v1/tokens", &server.admin, body).await.json();
    let text = |name: &str| reply[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

async fn revoke(server: &Server, token: &str, id: &str) -> Reply {
    let request = Request::delete(format!("/api/v1/tokens/{id}"));
    let request = request.header("authorization", format!("Bearer {token}"));
    server.send(request.body(Body::empty()).unwrap()).await
}

/// Sends a body that arrives after the token that sends it was taken back.
async fn sent_too_late(server: &Arc<Server>, path: &str, body: &str) -> (Reply, Credential) {
    let (token, id) = issue(server, json!({"role": "admin"})).await;
    let number = Credential(id.parse().unwrap());
    let (revoking, body) = (Arc::clone(server), Bytes::from(body.to_owned()));
    let piece = service_fn(move |_: Result<Bytes, axum::Error>| {
        let (server, id, body) = (Arc::clone(&revoking), id.clone(), body.clone());
        async move {
            assert_eq!(revoke(&server, &server.admin, &id).await.status, 200);
            Ok::<_, io::Error>(body)
        }
    });
    let request = Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from_stream(piece.call_all(Body::from("begun").into_data_stream())));
    (server.send(request.unwrap()).await, number)
}

#[tokio::test]
async fn a_token_that_was_taken_back_meanwhile_changes_nothing() {
    let server = Arc::new(Server::with_application().await);
    let user = server.user(1, None).await;
    let evidence = format!("/api/v1/operations/{user}/evidence");
    let kinds = async || {
        let last = server.committer().store().log_size().unwrap();
        let bytes = |seq| server.committer().store().event_bytes(seq).unwrap().unwrap();
        let header = |seq| event::codec::decode_header(&bytes(seq)).unwrap();
        (0..last).map(header).collect::<Vec<_>>()
    };
    let check = async |path: &str, body: &str| {
        let before = kinds().await.len();
        let (reply, credential) = sent_too_late(&server, path, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.problem()),
            (401, "unauthenticated".into()),
            "{path}"
        );
        let after = kinds().await;
        // The token, its revocation, and the attempt.
        assert_eq!(after.len(), before + 3, "{path}");
        let last = after.last().unwrap();
        let Fact::Access(attempt) = &last.fact else { panic!("{path}: {last:?}") };
        assert_eq!((attempt.status, attempt.rows), (401, 0));
        assert_eq!(last.origin.as_ref().unwrap().credential, credential);
    };
    check("/api/v1/tokens", r#"{"role": "admin"}"#).await;
    check("/api/v1/apps", r#"{"application": "kite"}"#).await;
    check("/api/v1/reference-lists?name=staff", "userName\nu1@northwind.test\n").await;
    check(&evidence, r#"{"kind": "ticket", "ref": "T-1"}"#).await;
    // The importer of these tests fails; whoever may not ask is not told so.
    check("/api/v1/apps/paperboat/imports", "{}").await;
}

#[tokio::test]
async fn of_two_admins_that_revoke_each_other_one_is_left() {
    let server = Server::start().await;
    let (first, first_id) = issue(&server, json!({"role": "admin"})).await;
    let (second, second_id) = issue(&server, json!({"role": "admin"})).await;
    let own = revoke(&server, &first, &first_id).await;
    assert_eq!((own.status.as_u16(), own.problem()), (409, "token-in-use".into()));
    assert_eq!(revoke(&server, &first, "1").await.status, 200, "the first one of all, too");
    let (one, other) =
        tokio::join!(revoke(&server, &first, &second_id), revoke(&server, &second, &first_id));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", one.text, other.text);
    let (left, id) = match one.status.as_u16() {
        200 => (first, first_id),
        _ => (second, second_id),
    };
    let refused = revoke(&server, &left, &id).await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (409, "last-admin".into()));
    assert_eq!(server.get_as("/api/v1/tokens", &left).await.status, 200);
}

#[tokio::test]
async fn a_clock_that_is_behind_keeps_no_token_valid() {
    let server = Server::start().await;
    let (auditor, id) = issue(&server, json!({"role": "auditor"})).await;
    server.clock.set(Timestamp(START.0 - 3_600_000_000));
    let refused = server.post("/api/v1/tokens", &server.admin, json!({"role": "auditor"})).await;
    assert_eq!(refused.problem(), "clock-behind");
    assert_eq!(revoke(&server, &server.admin, &id).await.status, 200);
    assert_eq!(server.get_as("/api/v1/apps", &auditor).await.status, 401);
}

#[tokio::test]
async fn an_attempt_with_a_known_token_is_recorded_and_one_with_an_unknown_is_not() {
    let server = Server::with_application().await;
    let of_app = |role: &str| json!({"role": role, "application": "paperboat"});
    let (auditor, auditor_id) = issue(&server, json!({"role": "auditor"})).await;
    let (scim, scim_id) = issue(&server, of_app("scim")).await;
    let (revoked, revoked_id) = issue(&server, of_app("app-auditor")).await;
    assert_eq!(revoke(&server, &server.admin, &revoked_id).await.status, 200);

    let newest = async |path: &str, token: &str, status: u16| {
        let before = server.committer().store().log_size().unwrap();
        let reply = match path {
            "/api/v1/tokens" => server.post(path, token, json!({"role": "admin"})).await,
            path => server.get_as(path, token).await,
        };
        assert_eq!(reply.status, status, "{path}");
        let recorded = server.committer().store().log_size().unwrap() - before;
        let row = server.ask("/api/v1/access-log?limit=1").await["rows"][0].clone();
        (recorded, row)
    };
    let path = "/api/v1/apps/paperboat/users?at=2026-03-02";
    let graph = "/v1.0/auditLogs/provisioning";
    for (path, token, status, id, application) in [
        (path, &revoked, 401, &revoked_id, json!("paperboat")),
        (graph, &revoked, 401, &revoked_id, json!("paperboat")),
        (path, &scim, 403, &scim_id, json!("paperboat")),
        (graph, &scim, 403, &scim_id, json!("paperboat")),
        ("/api/v1/tokens", &auditor, 403, &auditor_id, json!(null)),
    ] {
        let (recorded, row) = newest(path, token, status).await;
        assert_eq!(recorded, 1, "{path}");
        assert_eq!((&row["status"], &row["actorId"]), (&json!(status), &json!(id)), "{row}");
        assert_eq!((&row["target"], &row["application"]), (&json!(path), &application));
        assert!(!row.to_string().contains(token));
    }
    let long = format!("{path}&tz={}", "x".repeat(4_000));
    let (_, row) = newest(&long, &revoked, 401).await;
    assert_eq!(row["target"].as_str().unwrap().len(), 256);
    let (recorded, _) = newest(&format!("/api/v1/apps?cursor={revoked}"), &revoked, 401).await;
    assert_eq!(recorded, 1);
    assert_eq!(newest(path, "plg_nobody", 401).await.0, 0);
}

/// Whoever has a token that was taken back fills no disk with it either.
#[tokio::test]
async fn attempts_are_counted_above_a_rate() {
    let server = Server::start().await;
    let (revoked, id) = issue(&server, json!({"role": "auditor"})).await;
    assert_eq!(revoke(&server, &server.admin, &id).await.status, 200);
    let before = server.committer().store().log_size().unwrap();
    for _ in 0..1_000 {
        assert_eq!(server.get_as("/api/v1/apps", &revoked).await.status, 401);
    }
    let recorded = server.committer().store().log_size().unwrap() - before;
    let counted: u64 = server
        .committer()
        .take_unauthenticated_counts()
        .iter()
        .map(|draft| match &draft.fact {
            Fact::Unauthenticated(counted) => counted.count,
            other => panic!("{other:?}"),
        })
        .sum();
    assert!(counted > 0 && recorded + counted >= 1_000, "{recorded} {counted}");
}

/// Runs a test on one thread, beside one that looks things up: what is looked up waits in a line.
fn in_line(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.max_blocking_threads(1).enable_all().build().unwrap().block_on(test);
}

/// Lets something go on as far as it comes without waiting.
async fn begun<T>(work: &mut (impl Future<Output = T> + Unpin)) {
    poll_fn(|task| {
        assert!(std::pin::Pin::new(&mut *work).poll(task).is_pending(), "it waits");
        Poll::Ready(())
    })
    .await;
}

/// What was looked up for a token is not shown to it once it is taken back.
#[test]
fn a_token_that_is_taken_back_while_its_question_is_answered_is_told_nothing() {
    in_line(async {
        let server = Server::with_application().await;
        let (token, id) = issue(&server, json!({"role": "auditor"})).await;
        assert_eq!(server.get_as("/api/v1/apps", &token).await.status, 200);

        let (go, gate) = channel::<()>();
        let hold = move |_: &projector::View<'_>, _| {
            gate.recv().unwrap();
            Ok(Decision { events: vec![], reply: () })
        };
        let mut holding = pin!(server.committer().submit(Durability::Appended, hold));
        begun(&mut holding).await;
        let revoked = CredentialRevoked { number: Credential(id.parse().unwrap()) };
        let revoked = draft(Application::RECORDER, Fact::CredentialRevoked(revoked), vec![]);
        let mut revoking = pin!(server.append(revoked));
        begun(&mut revoking).await;
        let mut asking = pin!(server.get_as("/api/v1/apps", &token));
        begun(&mut asking).await;
        // Behind the look of the question, which therefore saw a valid token.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        begun(&mut asking).await;

        go.send(()).unwrap();
        let ((), _, reply) = {
            let (held, seq, reply) = tokio::join!(holding, revoking, asking);
            (held.unwrap(), seq, reply)
        };
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (401, "unauthenticated"));
        assert!(!reply.text.contains("paperboat"), "{}", reply.text);
        let row = server.ask("/api/v1/access-log?limit=1").await["rows"][0].clone();
        assert_eq!((&row["status"], &row["actorId"]), (&json!(401), &json!(id)), "{row}");
    });
}

/// A client that gives its question up makes no room for another one as long as it is worked on; nor does
/// one that asks how long the answer is.
#[test]
fn a_question_that_nobody_waits_for_counts_until_it_was_answered() {
    for method in ["GET", "HEAD"] {
        for path in ["/api/v1/apps", "/api/v1/operations", "/v1.0/auditLogs/provisioning"] {
            in_line(async {
                let server = Server::start().await;
                let (go, gate) = channel::<()>();
                let busy = tokio::task::spawn_blocking(move || gate.recv().unwrap());
                let ask = || {
                    let request = Request::builder().method(method).uri(path);
                    let token = format!("Bearer {}", server.admin);
                    request.header("authorization", token).body(Body::empty()).unwrap()
                };
                {
                    let mut asking = pin!(server.send(ask()));
                    begun(&mut asking).await;
                }
                assert_eq!(server.budget.bytes(), budget::UNMADE_BYTES, "{method} {path}");
                go.send(()).unwrap();
                busy.await.unwrap();
                tokio::task::spawn_blocking(|| ()).await.unwrap();
                assert_eq!(server.budget.bytes(), 0, "{method} {path}");
                let reply = server.send(ask()).await;
                assert_eq!(
                    (reply.status, reply.text.is_empty()),
                    (200.try_into().unwrap(), method == "HEAD")
                );
            });
        }
    }
}

/// `+1` and `01` are read as 1 by a number's own reading.
#[tokio::test]
async fn a_number_in_an_address_has_one_name() {
    let server = Server::start().await;
    let (_, id) = issue(&server, json!({"role": "admin"})).await;
    for other in [
        format!("+{id}"),
        format!("%2B{id}"),
        format!("0{id}"),
        format!("00{id}"),
        format!("-{id}"),
    ] {
        assert_eq!(revoke(&server, &server.admin, &other).await.status, 404, "{other}");
        assert_eq!(server.get(&format!("/api/v1/operations/{other}")).await.status, 404, "{other}");
    }
    assert_eq!(revoke(&server, &server.admin, &id).await.status, 200);
}
