//! SCIM over HTTP (RFC 7644 §3). One handler serves every address and method, so that every request
//! leaves an event.

mod ambiguous;
mod body;
mod bulk;
mod client;
mod forward;
mod forwarded_read;
mod handles;
mod head;
mod identity;
mod provider;
mod rate;
mod shares;
mod submission;
mod to_the_end;
mod understand;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use budget::Counted;
use event::{Method, Number, ResourceType, Stopwatch};
use incoming::{HasLeft, REQUEST_ID};
use projector::{CommitError, Decision, Draft, Durability, ProjectorError, Revoked, Stamp, View};
use scim::{ScimError, Selection};
use store::with_causes;

use crate::address::Address;
use crate::decide;
use crate::errors::{defect, disk_full, revoked, unavailable};
use crate::http::client::Client;
use crate::http::handles::Handles;
use crate::http::shares::Shares;
use crate::http::submission::{Submission, is_read};
use crate::http::to_the_end::{Panicked, ToTheEnd};
use crate::http::understand::Understood;
use crate::http::work::{Weight, work};
use crate::numbers;
use crate::outcome::{self, Outcome, Reply, Written};
use crate::record::{Arrival, ReceivedBody};
use crate::render::{Living, Renderer};

pub use self::provider::{Ingest, Shared};

/// Routes for every address below `/apps/{app}/scim/v2`.
pub fn router(ingest: Arc<Ingest>) -> Router {
    Router::new()
        .route("/apps/{app}/scim/v2", any(handle))
        .route("/apps/{app}/scim/v2/", any(handle))
        .route("/apps/{app}/scim/v2/{*rest}", any(handle))
        .with_state(ingest)
}

/// The request ends and is recorded even if the client hangs up.
async fn handle(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let is_gone = Arc::<AtomicBool>::default();
    let has_left = request.extensions().get::<HasLeft>().cloned();
    let client = Client { is_gone: Arc::clone(&is_gone), has_left };
    let served = Arc::clone(&ingest);
    let serving = async move { served.serve(request, &client).await };
    match ToTheEnd::new(&ingest.tasks, is_gone, serving).await {
        Ok(response) => response,
        Err(Panicked) => to_response(Reply::error(&defect()), None, None, Method::Get),
    }
}

impl Ingest {
    async fn serve(self: Arc<Self>, request: Request, client: &Client) -> Response {
        let watch = Stopwatch::start();
        let (mut parts, body) = request.into_parts();
        let registry = self.catalog.registry();
        let address = Address::parse(parts.uri.path(), parts.uri.query(), registry);
        let mut arrival = head::arrival(watch, &parts, &address, &self.catalog);
        let method = arrival.method;
        let request_id = HeaderValue::from_str(&arrival.origin.request_id).ok();
        let route = arrival.route;

        let mut shares = Shares::default();
        let understood =
            self.understand(&mut arrival, &mut shares, &mut parts, address, body).await;
        let understood_after = watch.elapsed();
        let (application, resource_type) = (arrival.application, arrival.resource_type);
        let (reply, effect) = match understood {
            Understood::Record(submission) => self.record(arrival, submission).await,
            Understood::Bulk(bulk) => {
                // Each operation stores its own part of the body.
                arrival.body = ReceivedBody::None;
                (bulk::carry_out(&self, &arrival, *bulk).await, "bulk")
            }
            Understood::Forward(forward) => {
                forward::carry_out(&self, arrival, *forward, client).await
            }
            Understood::Counted(reply) => (reply, "counted"),
        };
        let recorded_after = watch.elapsed();
        let (reply, relayed) = relayed(reply);
        let (reply, body) = self.write_out(reply).await;
        let Shares { body: _body, answer } = shares;
        let elapsed = watch.elapsed();
        let Handles { durations, understand, commit, reply: replied } = &self.handles;
        understand.add(understood_after);
        // Includes the wait for the committer, which counts its own stages.
        commit.add(recorded_after - understood_after);
        replied.add(elapsed - recorded_after);
        let resource = resource_label(resource_type);
        durations.record(method.name(), resource, reply.status, elapsed);
        macro_rules! log_line {
            ($level:ident) => {
                tracing::$level!(
                    app = application.0,
                    method = method.name(),
                    route = ?route,
                    status = reply.status,
                    effect,
                    duration_ms = elapsed.as_secs_f64() * 1e3,
                    "scim request"
                )
            };
        }
        // The status of a relayed answer is the upstream's.
        match incoming::is_notable(reply.status, relayed.is_none(), elapsed) {
            true => log_line!(info),
            false => log_line!(debug),
        }
        let mut response = match relayed {
            Some((headers, body)) => to_relayed(reply.status, headers, body, request_id),
            None => to_response(reply, body, request_id, method),
        };
        if let Some(share) = answer {
            let bytes = response.body().size_hint().lower();
            share.made(usize::try_from(bytes).unwrap_or(usize::MAX));
            response.extensions_mut().insert(Counted(Arc::new(share)));
        }
        response
    }

    /// Records one event, and answers once it is written.
    async fn record(&self, arrival: Arrival, submission: Submission) -> (Reply, &'static str) {
        match self.commit(arrival, submission).await {
            Ok(done) => done,
            Err(error) => (Reply::error(&unavailable(error)), "unrecorded"),
        }
    }

    /// Renders the body of a reply. A written resource is shown as of its event, whatever was written
    /// since.
    async fn write_out(self: &Arc<Self>, mut reply: Reply) -> (Reply, Option<Vec<u8>>) {
        match std::mem::take(&mut reply.body) {
            outcome::Body::Empty => (reply, None),
            outcome::Body::Json(text) => (reply, Some(text)),
            outcome::Body::Relayed(_, body) => (reply, Some(body.into())),
            outcome::Body::Written(written) => {
                let this = Arc::clone(self);
                let stored_type = written.version.resource_type;
                let weight = match self.catalog.has_members(stored_type) {
                    true => Weight::Heavy,
                    false => Weight::Light,
                };
                let shown = work(weight, move || this.show(*written)).await;
                match shown {
                    Ok(text) => (reply, Some(text)),
                    Err(error) => {
                        // The event is recorded; only the answer is lost, as with a broken connection.
                        let mut error = Reply::error(&error);
                        match std::mem::take(&mut error.body) {
                            outcome::Body::Json(text) => (error, Some(text)),
                            outcome::Body::Empty
                            | outcome::Body::Written(_)
                            | outcome::Body::Relayed(..) => (error, None),
                        }
                    }
                }
            }
        }
    }

    fn show(&self, written: Written) -> Result<Vec<u8>, ProjectorError> {
        let Written { context, number, seq, version, is_new, schemas, selection } = written;
        let stored_type = version.resource_type;
        let (Some(resource_type), Some(projection)) = (
            context.resource_type(stored_type),
            context.catalog.projection(stored_type, &selection),
        ) else {
            return Ok(b"{}".to_vec());
        };
        let living = Living { number, resource_type, version, is_new };
        if let Some(schemas) = schemas.filter(|_| is_new && selection == Selection::Default) {
            return living.whole(&context, &schemas);
        }
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let renderer = Renderer { view: &view, context: &context, seq };
        renderer.bytes(&living, &projection)
    }

    /// Hands arrival and outcome to the committer and waits until the event is written.
    async fn commit(
        &self,
        arrival: Arrival,
        submission: Submission,
    ) -> Result<(Reply, &'static str), CommitError> {
        // A write is answered after a sync. Other events may be lost up to a second back.
        let is_read = is_read(arrival.method, arrival.route);
        let authenticated = arrival.origin.credential != event::Credential::NONE;
        let durability =
            if authenticated && !is_read { Durability::Synced } else { Durability::Appended };
        let credential = arrival.origin.credential;
        self.committer
            .of(arrival.application)
            .submit_for(credential, durability, move |authority, view, stamp| {
                let refused =
                    |error| Outcome::refused(error, arrival.resource_type, Number::NOBODY);
                let outcome = match authority {
                    Err(Revoked) => refused(revoked()),
                    Ok(()) if stamp.disk_full => refused(disk_full()),
                    Ok(()) => {
                        or_defect(|| decided(submission, view, stamp)).unwrap_or_else(refused)
                    }
                };
                let event: Draft = arrival.into_draft(&outcome);
                let reply = (outcome.reply, outcome.effect.name());
                Ok(Decision { events: vec![event], reply })
            })
            .await
    }
}

/// What the committer decides of a request.
fn decided(
    submission: Submission,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    match submission {
        Submission::Answered(outcome) | Submission::Read(outcome, None) => Ok(*outcome),
        Submission::Read(mut outcome, Some((context, failed_lookup))) => {
            let resource_type = outcome.resource_type;
            let (number, mentions) =
                numbers::mention_failed_lookup(view, &context, resource_type, &failed_lookup)?;
            outcome.number = number;
            outcome.changes = mentions;
            Ok(*outcome)
        }
        Submission::Write(write) => decide::decide(*write, view, stamp),
    }
}

/// What was decided. If that failed or panicked, the error that is recorded and answered instead.
fn or_defect(
    decide: impl FnOnce() -> Result<Outcome, ProjectorError>,
) -> Result<Outcome, ScimError> {
    // Deciding writes nothing, so a panic leaves nothing half-made.
    match catch_unwind(AssertUnwindSafe(decide)) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => {
            tracing::error!(error = with_causes(&error), "a request could not be decided");
            Err(defect())
        }
        Err(_) => {
            tracing::error!("a request panicked when it was decided");
            Err(defect())
        }
    }
}

fn resource_label(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::USER => "User",
        ResourceType::GROUP => "Group",
        _ => "other",
    }
}

/// Splits an upstream's headers and body off a reply.
fn relayed(mut reply: Reply) -> (Reply, Option<(HeaderMap, Bytes)>) {
    match std::mem::take(&mut reply.body) {
        outcome::Body::Relayed(headers, body) => (reply, Some((headers, body))),
        body => (Reply { body, ..reply }, None),
    }
}

fn to_relayed(
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    request_id: Option<HeaderValue>,
) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = headers;
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn to_response(
    reply: Reply,
    body: Option<Vec<u8>>,
    request_id: Option<HeaderValue>,
    method: Method,
) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A resource in the body gets `Content-Location` (RFC 7643 §3.1, RFC 9110 §8.7), and so does a 304
    // (RFC 9110 §15.4.5).
    let shows = body.is_some() || reply.status == 304;
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        // Takes the text over, and copies nothing.
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            if name == "location" && shows {
                headers.insert(header::CONTENT_LOCATION, value.clone());
            }
            headers.insert(name, value);
        }
    }
    if let Some(id) = request_id {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(bytes) = body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
        if method == Method::Head {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        } else {
            *response.body_mut() = Body::from(bytes);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decided_is_answered_as_a_defect() {
        let fails = || Err(ProjectorError::CommitterPanicked);
        assert_eq!(or_defect(fails).err().map(|error| error.status), Some(500));
        let panics = || -> Result<Outcome, ProjectorError> { panic!("a defect") };
        assert_eq!(or_defect(panics).err().map(|error| error.status), Some(500));
        let refused = || Ok(Outcome::refused(disk_full(), ResourceType::USER, Number::NOBODY));
        assert_eq!(or_defect(refused).ok().map(|outcome| outcome.reply.status), Some(503));
    }

    #[test]
    fn a_resource_in_the_body_has_a_content_location() {
        let check = |status: u16, location: Option<&str>, body: Option<&[u8]>, expected: bool| {
            let headers = location.map(|text| ("location", text.to_owned())).into_iter().collect();
            let reply = Reply { headers, ..Reply::empty(status) };
            let response = to_response(reply, body.map(<[u8]>::to_vec), None, Method::Get);
            let got = response.headers().get(header::CONTENT_LOCATION);
            let expected = location.filter(|_| expected);
            assert_eq!(got.map(HeaderValue::as_bytes), expected.map(str::as_bytes), "{status}");
            assert_eq!(response.headers().get(header::LOCATION).is_some(), location.is_some());
        };
        let home = Some("https://scim.example/Users/u-1");
        check(200, home, Some(b"{}"), true);
        check(201, home, Some(b"{}"), true);
        check(304, home, None, true);
        check(204, home, None, false);
        check(200, None, Some(b"{}"), false);
        check(404, None, Some(b"{}"), false);
    }
}
