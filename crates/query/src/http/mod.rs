//! Every address of this crate, one file per subject.

mod access;
mod admin;
mod apps;
mod blame;
mod coverage;
mod exports;
mod graph;
mod groups;
mod health;
mod history;
mod imports;
mod jobs;
mod leavers;
mod lists;
mod operations;
mod profiles;
mod reports;
mod resource;
mod timeline;
mod tokens;
mod users;
mod why;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, MatchedPath, Path, Request};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, post};
use budget::{Counted, UnderWay};
use event::Application;
use projector::{Decision, Durability};
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tower::ServiceExt;

use self::access::Asked;
use self::admin::{Attempt, Unrecorded};
use self::exports::OfExport;
use self::graph::Version;
use crate::Query;
use crate::answer::Told;
use crate::caller::{Caller, Sender};
use crate::error::Error;
use crate::frame::frame;
use crate::params::Params;
use crate::record::Record;

const BODY_BYTES_MAX: usize = 64 << 10;
/// A body that takes longer to arrive is refused.
const RECEIVE_MAX: Duration = Duration::from_secs(30);

/// Everything that is served over HTTP save the SCIM addresses. What is no address is a problem
/// with status 404, so a server merges this router with one that has no fallback.
pub fn router(query: Arc<Query>) -> Router {
    let face = Router::new().route("/api/v1/export", get(exports::export));
    let questions = questions(&query);
    let face = face.with_state(Arc::clone(&query)).merge(questions.clone());
    let questions = questions.fallback(nothing);
    face.fallback(move |request: Request| elsewhere(questions, request))
        .method_not_allowed_fallback(async || Error::Method)
        .layer(from_fn_with_state(Arc::clone(&query), frame))
}

/// The questions and what configures, without the frame around them.
fn questions(query: &Arc<Query>) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/apps", get(apps::list).post(apps::add))
        .route("/api/v1/apps/{app}", get(apps::one).patch(apps::change))
        .route("/api/v1/apps/{app}/baseline", post(apps::baseline))
        .route("/api/v1/apps/{app}/drift", post(apps::drift))
        .route("/api/v1/apps/{app}/imports", post(imports::add))
        .route("/api/v1/profiles", get(profiles::list))
        .route("/api/v1/tokens", get(tokens::list).post(tokens::add))
        .route("/api/v1/tokens/{id}", delete(tokens::revoke))
        .route("/api/v1/apps/{app}/users", get(users::list))
        .route("/api/v1/apps/{app}/users/{user}", get(users::one))
        .route("/api/v1/apps/{app}/groups", get(groups::list))
        .route("/api/v1/apps/{app}/groups/{group}", get(groups::one))
        .route("/api/v1/apps/{app}/groups/{group}/members", get(groups::members))
        .route("/api/v1/apps/{app}/groups/{group}/blame", get(blame::of_group))
        .route("/api/v1/apps/{app}/users/{user}/why", get(why::of_user))
        .route("/api/v1/apps/{app}/users/{user}/blame", get(blame::of_user))
        .route("/api/v1/apps/{app}/groups/{group}/diff", get(history::diff))
        .route("/api/v1/apps/{app}/groups/{group}/intervals", get(history::of_group))
        .route("/api/v1/apps/{app}/users/{user}/intervals", get(history::of_user))
        .route("/api/v1/apps/{app}/users/{user}/timeline", get(timeline::of_user))
        .route("/api/v1/apps/{app}/groups/{group}/timeline", get(timeline::of_group))
        .route("/api/v1/reports/drift", get(reports::drift))
        .route("/api/v1/reports/failing", get(reports::failed_last))
        .route("/api/v1/reports/joiners", get(reports::joined))
        .route("/api/v1/reports/leavers", get(leavers::report))
        .route("/api/v1/reports/movers", get(reports::moved))
        .route("/api/v1/reports/orphans", get(lists::orphans))
        .route("/api/v1/reports/overlap", get(reports::overlap))
        .route("/api/v1/reports/reactivated", get(reports::came_back))
        .route("/api/v1/reports/unapproved", get(reports::without_evidence))
        .route("/api/v1/jobs/{job}", get(jobs::one))
        .route("/api/v1/coverage", get(coverage::list))
        .route("/api/v1/access-log", get(access::log))
        .route("/v1.0", graph_of(Version::V1))
        .route("/v1.0/{*rest}", graph_of(Version::V1))
        .route("/beta", graph_of(Version::Beta))
        .route("/beta/{*rest}", graph_of(Version::Beta))
        .route("/api/v1/operations", get(operations::list))
        .route("/api/v1/operations/{id}", get(operations::one))
        .route("/api/v1/operations/{id}/evidence", get(lists::evidence).post(lists::add_evidence))
        .route("/api/v1/reference-lists", get(lists::list).post(lists::add))
        .route_layer(from_fn_with_state(Arc::clone(query), admin::recorded))
        .with_state(Arc::clone(query))
}

/// What no address is. Graph has no regard to case, so its version may be written in another one.
async fn elsewhere(questions: Router, mut request: Request) -> Response {
    if let Some(uri) = Version::respelled(request.uri()) {
        *request.uri_mut() = uri;
    }
    match questions.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn nothing() -> Error {
    Error::NotFound("there is nothing at this address")
}

/// All that is asked of a version of Microsoft Graph.
fn graph_of(version: Version) -> MethodRouter<Arc<Query>> {
    any(move |method: Method, below: Result<Path<String>, PathRejection>, ask: Ask| {
        graph::any(version, method, below, ask)
    })
}

/// A question as it came, by somebody who is not known yet.
struct Ask {
    query: Arc<Query>,
    sender: Sender,
    /// The template of the address.
    route: String,
    /// Set for a page of an export, which is recorded as a whole.
    of_export: Option<OfExport>,
    uri: Uri,
    /// Whether whoever asked has left, where the listener knows it.
    has_left: Option<HasLeft>,
    /// What an admin asks for, until it left an event.
    unrecorded: Unrecorded,
    /// What it takes of what all requests share, until it was answered: also when nobody waits any more.
    _kept: (Option<UnderWay>, Option<Counted>),
}

/// What the listener puts into the request's extensions.
type HasLeft = Arc<dyn Fn() -> bool + Send + Sync>;

impl FromRequestParts<Arc<Query>> for Ask {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, query: &Arc<Query>) -> Result<Ask, Error> {
        let query = Arc::clone(query);
        let route = parts.extensions.get::<MatchedPath>();
        let route = route.map(|route| route.as_str().to_owned()).unwrap_or_default();
        let of_export = parts.extensions.get::<OfExport>().copied();
        let has_left = parts.extensions.get::<HasLeft>().cloned();
        let unrecorded = parts.extensions.get::<Unrecorded>().cloned().unwrap_or_default();
        let (sender, uri) = (Sender::of(parts), parts.uri.clone());
        let _kept = (parts.extensions.get().cloned(), parts.extensions.get().cloned());
        Ok(Ask { query, sender, route, of_export, uri, has_left, unrecorded, _kept })
    }
}

/// A question by a known caller, over the snapshot that answers it.
struct Reading<'a> {
    query: &'a Query,
    record: Record<'a>,
    caller: Caller,
    uri: &'a Uri,
}

impl Reading<'_> {
    /// One application, or all that the caller may see.
    fn applications(&self, one: Option<Application>) -> Result<Vec<Application>, Error> {
        if let Some(one) = one.or(self.caller.scope()) {
            return Ok(vec![one]);
        }
        let all = self.record.view.applications()?;
        Ok(all.into_iter().map(|row| row.number).collect())
    }

    /// The application that `app` names, when it is given.
    fn application_in(&self, params: &Params) -> Result<Option<Application>, Error> {
        let slug = params.get("app");
        let row = slug.map(|slug| self.caller.application(&self.record.view, slug)).transpose()?;
        Ok(row.map(|row| row.number))
    }

    /// What a question about one application or all is about.
    fn asked_application(&self, one: Option<Application>) -> Application {
        one.or(self.caller.scope()).unwrap_or(Application::RECORDER)
    }

    /// The names of all applications.
    fn slugs(&self) -> Result<BTreeMap<Application, String>, Error> {
        let all = self.record.view.applications()?.into_iter();
        Ok(all.map(|row| (row.number, row.slug)).collect())
    }

    /// The parameters of an address that takes `known`.
    fn params(&self, known: &'static [&'static str]) -> Result<Params, Error> {
        Params::read(self.uri, known)
    }
}

impl Ask {
    /// Answers a question, and records that it was asked before the answer leaves: nobody looks unseen.
    async fn answer<T: Told + Send + 'static>(
        self,
        answer: impl FnOnce(Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let query = Arc::clone(&self.query);
        let asked = Asked::of(&self);
        let is_of_export = self.of_export.is_some();
        if asked.names_known_at {
            // What was decided before a past instant is published once this is.
            let nothing = |_: &projector::View<'_>, _| Ok(Decision { events: vec![], reply: () });
            query.committer.submit(Durability::Appended, nothing).await?;
        }
        let seen = self.read(move |reading| {
            let (origin, head) = (reading.caller.origin().clone(), reading.record.head);
            Ok((answer(reading), origin, head))
        });
        let (answer, origin, head) = seen.await?;
        if !is_of_export {
            asked.record(&query, origin, head, &answer).await?;
        }
        answer
    }

    /// Takes a snapshot, finds out who asks, and looks; off the threads that serve connections,
    /// since reading the disk waits.
    async fn read<T: Send + 'static>(
        self,
        look: impl FnOnce(Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Once the log is poisoned nobody knows what is true until the next start.
        self.query.committer.check()?;
        let (span, query) = (tracing::Span::current(), Arc::clone(&self.query));
        let attempt = Attempt::of(&self);
        let thread = query.budget.thread().await;
        let looked = spawn_blocking(move || {
            let (_entered, _thread) = (span.enter(), thread);
            let mut known = None;
            let seen = self.look(&mut known, look);
            (seen, known)
        });
        let (seen, known) = looked.await.map_err(|_| Error::Defect)?;
        if let (Err(error), Some(caller)) = (&seen, known)
            && error.is_denial()
        {
            attempt.record(&query, caller, error.status().as_u16()).await?;
        }
        seen
    }

    /// Looks over one snapshot; `known` becomes who asks, as soon as that is known.
    fn look<T>(
        self,
        known: &mut Option<Caller>,
        look: impl FnOnce(Reading<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Ask { query, sender, uri, of_export, .. } = self;
        let clock_shows = query.committer.now();
        let store = query.committer.store();
        let snapshot = store.snapshot();
        let mut record = Record::new(store, &snapshot, clock_shows, &query.cursor_key)?;
        let caller = sender.identify(&record.view)?;
        *known = Some(caller.clone());
        caller.check()?;
        if let Some(first) = of_export.and_then(|page| page.first) {
            record = record.as_of_then(first.size, first.now);
        }
        record.scope = caller.scope();
        look(Reading { query: &query, record, caller, uri: &uri })
    }
}

/// The names in an address. What cannot be unescaped names nothing.
struct Names<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Names<T>, Error> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Names(names)),
            Err(_) => Err(Error::NotFound("there is nothing at this address")),
        }
    }
}

/// A small JSON body. `form` says what it looks like; serde's own words could repeat values.
async fn read_body<T: DeserializeOwned>(body: Body, form: &str) -> Result<T, Error> {
    let bytes = receive(body, BODY_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::Body(format!("the body is not {form} (line {line}, column {column})"))
    })
}

/// The bytes of a body that arrives whole, and in time.
async fn receive(body: Body, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let late = |_| Error::BodyLate { seconds: RECEIVE_MAX.as_secs() };
    timeout(RECEIVE_MAX, read_whole(body, bytes_max)).await.map_err(late)?
}

/// One that is longer than the bound is read no further.
async fn read_whole(body: Body, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|task| body.as_mut().poll_frame(task)).await {
        let broken = |_| Error::Body("the body broke off before its end".into());
        // Trailers have no data and say nothing to us.
        let data = frame.map_err(broken)?.into_data().unwrap_or_default();
        if bytes.len() + data.len() > bytes_max {
            return Err(Error::BodyTooLarge { bytes_max });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
