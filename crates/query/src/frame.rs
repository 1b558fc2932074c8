//! What every request gets: an id, a log line, a memory limit, and the body of an error.

use std::sync::Arc;

use axum::Json;
use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use budget::Counted;
use event::{Stopwatch, Timestamp, secret};
use incoming::{Durations, REQUEST_ID};
use serde_json::json;
use tracing::Instrument;

use crate::Query;
use crate::error::{Error, Problem};
use crate::http::Kept;
use crate::sign_in;

/// Memory reserved for the metrics text.
const METRICS_BYTES: usize = 32 << 10;
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// How long requests took; see [`Durations`].
pub struct Took(Durations);

impl Default for Took {
    fn default() -> Took {
        Took(Durations::new("provlog_query_duration_seconds", "route"))
    }
}

/// The id of a request, kept in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Handles a request in its frame. Logs nothing that a client can choose, not even its request id, which
/// may contain a person's address.
pub(crate) async fn frame(
    State(query): State<Arc<Query>>,
    mut request: Request,
    next: Next,
) -> Response {
    let watch = Stopwatch::start();
    let id = RequestId(incoming::request_id(request.headers()));
    let method = method_name(request.method());
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "none".to_owned(),
    };
    request.extensions_mut().insert(id.clone());
    let is_graph = is_graph(request.uri().path());
    let client_id = request.headers().get(CLIENT_REQUEST_ID).cloned();
    let client_id = client_id.filter(|id| !secret::stands_in(id.as_bytes(), &[]));

    let span = tracing::info_span!("question", method, route);
    let mut response = bounded(&query, request, next).instrument(span.clone()).await;
    if is_of_axum(&response) {
        let refused = Error::Unreadable(response.status()).into_response();
        response = keeping_headers(response, refused);
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // What is around all routes may show it otherwise.
        let kept = problem.clone();
        response = match is_graph {
            true => {
                let now = query.committer.now();
                with_error(response, problem, &id, client_id.as_ref(), now)
            }
            false => with_body(response, problem, &route, &id),
        };
        response.extensions_mut().insert(kept);
    }
    if let (true, Some(client_id)) = (is_graph, client_id) {
        response.headers_mut().insert(CLIENT_REQUEST_ID, client_id);
    }
    let status = response.status().as_u16();
    let elapsed = watch.elapsed();
    let duration_ms = elapsed.as_secs_f64() * 1e3;
    span.in_scope(|| match incoming::is_notable(status, true, elapsed) {
        true => tracing::info!(status, duration_ms, "answered"),
        false => tracing::debug!(status, duration_ms, "answered"),
    });
    query.took.0.record(method, &route, status, elapsed);

    let headers = response.headers_mut();
    // An answer holds personal data or secrets, so caches must not store it, but for the few that say what
    // they hold.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // An answer is what it says it is, whatever a hostile value in it looks like.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Whether a request was refused by axum, which reads addresses and forms: in its own words, as plain text.
fn is_of_axum(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    response.status().is_client_error()
        && response.extensions().get::<Problem>().is_none()
        && kind.is_some_and(|kind| kind.starts_with(b"text/plain"))
}

/// Whether an address belongs to Microsoft Graph's interface.
pub(crate) fn is_graph(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    ["v1.0", "beta"].iter().any(|version| first.eq_ignore_ascii_case(version))
}

/// Limits a request by the memory that all requests share. A body has a share until the request is
/// carried out; a question waits for a share, which its answer keeps.
async fn bounded(query: &Query, mut request: Request, next: Next) -> Response {
    let owner = incoming::owner(request.extensions());
    let budget = &query.budget;
    let reserved = match Answered::by(&request) {
        Answered::Short => Ok(None),
        Answered::AtOnce(bytes) => budget.reserve_bytes(owner, bytes).await.map(Some),
        Answered::AfterWork => budget.reserve(owner, budget::UNMADE_BYTES).await.map(Some),
    };
    let share = match reserved {
        Ok(share) => share.map(|share| Counted(Arc::new(share))),
        Err(full) => return Error::Full(full).into_response(),
    };
    if let Some(share) = &share {
        request.extensions_mut().insert(share.clone());
    }
    let kept = Kept::default();
    request.extensions_mut().insert(kept.clone());
    let mut response = next.run(request).await;
    drop(kept);
    if let Some(share) = share {
        let bytes = response.body().size_hint().lower();
        share.0.made(usize::try_from(bytes).unwrap_or(usize::MAX));
        response.extensions_mut().insert(share);
    }
    response
}

/// The memory that an answer needs, as known before it is made.
enum Answered {
    /// Little; or an export, which has a limit of its own.
    Short,
    /// This many bytes.
    AtOnce(usize),
    /// An unknown number of bytes, and work to make them.
    AfterWork,
}

impl Answered {
    fn by(request: &Request) -> Answered {
        match request.uri().path() {
            "/metrics" => Answered::AtOnce(METRICS_BYTES),
            "/livez" | "/readyz" | "/openapi.json" | "/api/v1/export" => Answered::Short,
            // It waits for the identity provider, in a place of its own.
            path if path.starts_with(sign_in::ADDRESS) => Answered::Short,
            // HEAD makes the whole answer too, to know its length.
            _ if matches!(*request.method(), Method::GET | Method::HEAD) => Answered::AfterWork,
            _ => Answered::Short,
        }
    }
}

/// The error body in Microsoft Graph's form.
fn with_error(
    response: Response,
    problem: Problem,
    id: &RequestId,
    client_id: Option<&HeaderValue>,
    now: Timestamp,
) -> Response {
    let code = match problem.status {
        StatusCode::UNAUTHORIZED => "InvalidAuthenticationToken",
        StatusCode::FORBIDDEN => "Authorization_RequestDenied",
        StatusCode::NOT_FOUND => "ResourceNotFound",
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        status if status.is_server_error() => "InternalServerError",
        _ => "BadRequest",
    };
    let client_id = client_id.and_then(|id| id.to_str().ok());
    let body = json!({"error": {
        "code": code,
        "message": problem.detail,
        "innerError": {
            "date": now.to_string().split('.').next(),
            "request-id": id.0,
            "client-request-id": client_id.unwrap_or(&id.0),
        },
    }});
    keeping_headers(response, (problem.status, Json(body)).into_response())
}

/// Gives an error response its body, and keeps its headers.
///
/// `instance` is the route, not the path as sent: a path may name a person, and errors repeat no values.
/// The request id identifies the occurrence.
fn with_body(response: Response, problem: Problem, instance: &str, id: &RequestId) -> Response {
    let mut body = json!({
        "type": format!("/problems/{}", problem.slug),
        "title": problem.title,
        "status": problem.status.as_u16(),
        "detail": problem.detail,
        "instance": instance,
        "requestId": id.0,
    });
    if !problem.candidates.is_empty() {
        body["candidates"] = problem.candidates.into();
    }
    let told = (problem.status, Json(body)).into_response();
    let mut told = keeping_headers(response, told);
    let problem_json = HeaderValue::from_static("application/problem+json");
    told.headers_mut().insert(CONTENT_TYPE, problem_json);
    told
}

/// Copies the headers of a response to another, except those that describe the body.
fn keeping_headers(response: Response, mut told: Response) -> Response {
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

/// The method's name if it is a standard one; clients can invent others.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
