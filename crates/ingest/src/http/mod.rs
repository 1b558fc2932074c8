//! SCIM over HTTP (RFC 7644 §3): one handler for every address and method, so that nothing can pass
//! by without an event.

mod body;
mod head;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use event::{BodyNote, Method, Number, ResourceType, Route, Stopwatch};
use projector::{CommitError, Committer, Decision, Draft, Durability, ProjectorError, View};
use scim::{Bounds, Registry, Resource, ScimError};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Address;
use crate::context::{Context, stored_type};
use crate::cuts::{self, Secrets};
use crate::decide::{self, Intent, Write};
use crate::http::body::Reception;
use crate::numbers;
use crate::outcome::{Outcome, Reply};
use crate::read::{self, Missed};
use crate::record::{Arrival, ReceivedBody};

/// A larger body is refused.
pub(crate) const BODY_BYTES_MAX: usize = 8 << 20;
/// A PATCH with more operations is refused.
pub(crate) const OPERATIONS_MAX: usize = 10_000;
/// A longer path and query is stored cut.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// The SCIM service provider of all applications.
pub struct Ingest {
    committer: Committer,
    public_url: String,
    secrets: Secrets,
    tasks: TaskTracker,
    reception: Reception,
}

impl Ingest {
    /// A service provider whose addresses begin with `public_url` (without a slash at the end) and
    /// whose requests run as tasks of `tasks`: when those have ended, every request that arrived is
    /// recorded. Once `stopping` is cancelled, bodies that are still on their way are refused.
    pub fn new(
        committer: Committer,
        public_url: String,
        tasks: TaskTracker,
        stopping: CancellationToken,
    ) -> Ingest {
        let secrets = Secrets::of(Registry::core());
        Ingest { committer, public_url, secrets, tasks, reception: Reception::new(stopping) }
    }
}

/// Routes for every address below `/apps/{app}/scim/v2`.
pub fn router(ingest: Arc<Ingest>) -> Router {
    Router::new()
        .route("/apps/{app}/scim/v2", any(handle))
        .route("/apps/{app}/scim/v2/", any(handle))
        .route("/apps/{app}/scim/v2/{*rest}", any(handle))
        .with_state(ingest)
}

/// The request runs in a task of its own: a client that hangs up must not take the record with it.
async fn handle(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let served = Arc::clone(&ingest);
    let task = ingest.tasks.spawn(async move { served.serve(request).await });
    match task.await {
        Ok(response) => response,
        Err(_panicked) => to_response(Reply::error(&defect()), "", Method::Get),
    }
}

/// What a request asks for, once it was understood.
enum Asked {
    /// Answered already, without looking at any resource.
    Answered(Outcome),
    /// Answered from a snapshot; the name that a lookup missed is numbered by the committer.
    Read(Outcome, Option<(Context, Missed)>),
    /// To be decided by the committer.
    Write(Box<Write>),
}

impl Ingest {
    async fn serve(self: Arc<Self>, request: Request) -> Response {
        let watch = Stopwatch::start();
        let (parts, body) = request.into_parts();
        let address = Address::parse(parts.uri.path(), parts.uri.query(), Registry::core());
        let mut arrival = head::arrival(watch, &parts, &address, &self.secrets);
        let method = arrival.method;
        let request_id = arrival.origin.request_id.clone();
        let route = arrival.route;

        let asked = self.understand(&mut arrival, &parts, address, body).await;
        let (reply, effect) = match self.commit(arrival.clone(), asked).await {
            Ok(done) => done,
            Err(CommitError::Defect) => {
                // The request is refused because of a defect of ours, and that is a fact too.
                let outcome = Outcome::refused(defect(), arrival.resource_type, Number::NOBODY);
                match self.commit(arrival.clone(), Asked::Answered(outcome)).await {
                    Ok(done) => done,
                    Err(error) => (Reply::error(&unavailable(error)), "unrecorded"),
                }
            }
            Err(error) => (Reply::error(&unavailable(error)), "unrecorded"),
        };
        let elapsed = watch.elapsed();
        metrics::histogram!(
            "provlog_scim_request_duration_seconds",
            "method" => method.name(),
            "resource" => resource_label(arrival.resource_type),
            "code" => reply.status.to_string(),
        )
        .record(elapsed.as_secs_f64());
        tracing::info!(
            app = arrival.application.0,
            method = method.name(),
            route = ?route,
            status = reply.status,
            effect,
            duration_ms = elapsed.as_secs_f64() * 1e3,
            "scim request"
        );
        to_response(reply, &request_id, method)
    }

    /// Everything before the committer: application, credential, body, meaning.
    async fn understand(
        self: &Arc<Self>,
        arrival: &mut Arrival,
        parts: &axum::http::request::Parts,
        address: Address,
        body: Body,
    ) -> Asked {
        let refuse = |arrival: &Arrival, error: ScimError| {
            Asked::Answered(Outcome::refused(error, arrival.resource_type, Number::NOBODY))
        };
        let token = head::bearer_token(&parts.headers);
        let identified = {
            let this = Arc::clone(self);
            let (slug, token) = (address.slug.clone(), token.clone());
            blocking(move || this.identify(&slug, token.as_deref())).await
        };
        let (context, credential) = match identified {
            Ok(Identified { context, credential }) => (context, credential),
            Err(error) => return refuse(arrival, error),
        };
        let Some(context) = context else {
            arrival.body = body::describe_unread(&parts.headers, "the application is unknown");
            let detail = "no application has this address: check the tenant URL that is \
                          configured at the identity provider";
            return refuse(arrival, ScimError::not_found(detail));
        };
        arrival.application = context.application;
        let Some(credential) = credential else {
            arrival.body =
                body::describe_unread(&parts.headers, "the request was not authenticated");
            let detail = match token {
                None => "the Authorization header with the application's secret token is missing",
                Some(_) => "the secret token is not one of this application",
            };
            return refuse(arrival, ScimError::new(401, None, detail));
        };
        arrival.origin.credential = credential;

        let received = match body::receive(&self.reception, &parts.headers, body).await {
            Ok(received) => received,
            Err((note, error)) => {
                arrival.body = ReceivedBody::Described(note);
                return refuse(arrival, error);
            }
        };
        let this = Arc::clone(self);
        let (resource_type, method) = (arrival.resource_type, arrival.method);
        let parsing = (context, address, method, received, token);
        let understood = blocking(move || {
            let (context, address, method, received, token) = parsing;
            let (stored, parsed) = this.parse(received, token.as_deref());
            let asked = this.mean(context, address, method, resource_type, parsed);
            Ok::<_, ProjectorError>((stored, asked))
        })
        .await;
        let (stored, asked) = match understood {
            Ok(understood) => understood,
            Err(error) => return refuse(arrival, error),
        };
        arrival.body = stored;
        match asked {
            Ok(asked) => asked,
            Err(error) => refuse(arrival, error),
        }
    }

    fn identify(&self, slug: &str, token: Option<&str>) -> Result<Identified, ProjectorError> {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let Some(row) = view.application(slug)? else {
            return Ok(Identified { context: None, credential: None });
        };
        let credential = match token {
            None => None,
            Some(token) => view.credential(token)?,
        };
        let credential = credential
            .filter(|found| found.role == event::Role::Scim && found.application == row.number)
            .map(|found| found.number);
        Ok(Identified { context: Some(Context::of(&row, &self.public_url)), credential })
    }

    /// The body as it is stored, and as it is understood.
    fn parse(
        &self,
        received: body::Received,
        token: Option<&str>,
    ) -> (ReceivedBody, Result<Option<Value>, ScimError>) {
        let body::Received { bytes, media_type } = received;
        if bytes.is_empty() {
            return (ReceivedBody::None, Ok(None));
        }
        let describe = |reason: String, line: usize, column: usize| {
            ReceivedBody::Described(BodyNote {
                reason,
                length_bytes: Some(bytes.len() as u64),
                media_type: media_type.clone(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
            })
        };
        if !body::is_json(media_type.as_deref()) {
            let detail = "the media type must be application/scim+json or application/json";
            let stored = describe("the media type is not JSON".to_owned(), 0, 0);
            return (stored, Err(ScimError::new(415, None, detail)));
        }
        match scim::parse_json(&bytes, &Bounds::default()) {
            Err(error) => (
                describe(error.kind.to_string(), error.line, error.column),
                Err(ScimError::from(error)),
            ),
            Ok(value) if cuts::json_holds_token(&value) => {
                // What is accepted goes into the state, where no token may ever be.
                let detail = "the body holds a secret token; nothing of it is stored";
                let stored = describe("it holds a secret token".to_owned(), 0, 0);
                (stored, Err(ScimError::invalid_value(detail)))
            }
            Ok(value) => {
                let cut = cuts::cut_body(&bytes, &self.secrets);
                let holds_token = token.is_some_and(|token| {
                    !token.is_empty() && cut.windows(token.len()).any(|at| at == token.as_bytes())
                });
                let stored = if holds_token {
                    describe("it repeats the token of the request".to_owned(), 0, 0)
                } else {
                    ReceivedBody::Stored(cut.into_owned())
                };
                (stored, Ok(Some(value)))
            }
        }
    }

    /// What the request asks for.
    fn mean(
        &self,
        context: Context,
        address: Address,
        method: Method,
        stored_type: ResourceType,
        parsed: Result<Option<Value>, ScimError>,
    ) -> Result<Asked, ScimError> {
        if address.unsupported {
            let detail = "this part of SCIM is not served here; see /ServiceProviderConfig";
            return Err(ScimError::new(501, None, detail));
        }
        if address.route == Route::Unknown {
            let detail = "no SCIM resource has this address; see /ResourceTypes";
            return Err(ScimError::not_found(detail));
        }
        if !address.allows(method) {
            let allowed = address.allowed();
            let detail = format!("this method is not served here; these are: {allowed}");
            let error = ScimError::new(405, None, detail);
            let mut outcome = Outcome::refused(error, stored_type, Number::NOBODY);
            outcome.reply.headers.push(("allow", allowed.to_owned()));
            return Ok(Asked::Answered(outcome));
        }
        if matches!(method, Method::Get | Method::Head) {
            return Ok(self.read(context, &address));
        }
        let Some(resource_type) = context.resource_type(stored_type) else {
            return Err(ScimError::not_found("no such resource type"));
        };
        let body_asked = address
            .query
            .split('&')
            .any(|parameter| parameter.to_ascii_lowercase().starts_with("attributes="));
        let intent = intent(&context, resource_type, method, address.id, parsed);
        Ok(Asked::Write(Box::new(Write { context, resource_type, intent, body_asked })))
    }

    fn read(&self, context: Context, address: &Address) -> Asked {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let answered = snapshot.watermark().map_err(ProjectorError::from).and_then(|watermark| {
            let saw_seq = watermark.and_then(|(next, _)| next.checked_sub(1));
            read::answer(&view, &context, address, saw_seq)
        });
        match answered {
            Ok((outcome, missed)) => {
                Asked::Read(outcome, missed.map(|missed| (context.clone(), missed)))
            }
            Err(error) => {
                tracing::error!(error = %error, "a read failed");
                let resource_type =
                    address.resource_type.as_deref().map_or(ResourceType::NONE, stored_type);
                Asked::Answered(Outcome::refused(defect(), resource_type, Number::NOBODY))
            }
        }
    }

    /// Hands arrival and outcome to the committer and waits until the event is written.
    async fn commit(
        &self,
        arrival: Arrival,
        asked: Asked,
    ) -> Result<(Reply, &'static str), CommitError> {
        // The answer to a write leaves after a sync; what changes nothing may be a second old.
        let is_read = matches!(arrival.method, Method::Get | Method::Head);
        let authenticated = arrival.origin.credential != event::Credential::NONE;
        let durability =
            if authenticated && !is_read { Durability::Synced } else { Durability::Appended };
        self.committer
            .submit(durability, move |view, stamp| {
                let outcome = match asked {
                    _ if stamp.disk_full => {
                        let resource_type = arrival.resource_type;
                        Outcome::refused(disk_full(), resource_type, Number::NOBODY)
                    }
                    Asked::Answered(outcome) | Asked::Read(outcome, None) => outcome,
                    Asked::Read(mut outcome, Some((context, missed))) => {
                        let resource_type = outcome.resource_type;
                        let (number, mentions) =
                            numbers::mention_missed(view, &context, resource_type, &missed)?;
                        outcome.number = number;
                        outcome.changes = mentions;
                        outcome
                    }
                    Asked::Write(write) => decide::decide(*write, view, stamp)?,
                };
                let event: Draft = arrival.into_draft(&outcome);
                let reply = (outcome.reply, outcome.effect.name());
                Ok(Decision { events: vec![event], reply })
            })
            .await
    }
}

struct Identified {
    context: Option<Context>,
    credential: Option<event::Credential>,
}

/// Turns method and body into what the client wants to happen. What is wrong with the body is
/// carried along: the event shall say whom a refused request concerned.
fn intent(
    context: &Context,
    resource_type: &scim::ResourceType,
    method: Method,
    id: Option<String>,
    parsed: Result<Option<Value>, ScimError>,
) -> Intent {
    let refused = |error: ScimError, id: Option<String>, body: Option<&Value>| {
        let user_name = body.and_then(user_name_of).filter(|_| resource_type.name == "User");
        Intent::Refused { error, id, user_name }
    };
    if method == Method::Delete {
        return Intent::Delete { id: id.unwrap_or_default() };
    }
    let body = match parsed {
        Ok(Some(body)) => body,
        Ok(None) => return refused(ScimError::invalid_syntax("the body is missing"), id, None),
        Err(error) => return refused(error, id, None),
    };
    let read = || Resource::read(resource_type, context.registry, &context.settings, &body);
    let id_or_empty = id.clone().unwrap_or_default();
    match method {
        Method::Post => match read() {
            Ok(resource) => Intent::Create { id: uuid::Uuid::new_v4().to_string(), resource },
            Err(error) => refused(error, None, Some(&body)),
        },
        Method::Put => match read() {
            Ok(resource) => Intent::Replace { id: id_or_empty, resource },
            Err(error) => refused(error, id, None),
        },
        _ => match scim::parse_patch(&body, OPERATIONS_MAX) {
            Ok(operations) => Intent::Patch { id: id_or_empty, operations },
            Err(error) => refused(error, id, None),
        },
    }
}

/// The userName of a body that was refused, as long as it can be told and looked up.
fn user_name_of(body: &Value) -> Option<String> {
    const LOOKED_UP_BYTES_MAX: usize = 1 << 10;
    let (_, name) =
        body.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case("userName"))?;
    let name = name.as_str()?;
    (!name.is_empty() && name.len() <= LOOKED_UP_BYTES_MAX).then(|| name.to_owned())
}

/// Runs something that reads the store or a large body where it may block, and survives a panic in
/// it: the request then fails as a defect and is recorded as such.
async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ScimError> {
    let ran = tokio::task::spawn_blocking(move || catch_unwind(AssertUnwindSafe(work))).await;
    match ran {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => {
            tracing::error!(error = %error, "a request could not be understood");
            Err(defect())
        }
        Ok(Err(_)) | Err(_) => {
            tracing::error!("a request panicked while it was understood");
            Err(defect())
        }
    }
}

fn defect() -> ScimError {
    ScimError::new(500, None, "the server failed because of a defect; its log says more")
}

fn disk_full() -> ScimError {
    let detail = "the server's disk is almost full; nothing is carried out until there is room";
    ScimError::new(503, None, detail)
}

fn unavailable(error: CommitError) -> ScimError {
    let detail = match error {
        CommitError::Poisoned => {
            "the request could not be recorded, so it was not carried out; the server must be \
             started again"
        }
        CommitError::Defect => "the request could not be decided because of a defect",
        CommitError::Stopped => "the server is stopping; ask again later",
    };
    ScimError::new(503, None, detail)
}

fn resource_label(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::USER => "User",
        ResourceType::GROUP => "Group",
        _ => "other",
    }
}

fn to_response(reply: Reply, request_id: &str, method: Method) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", value);
    }
    if let Some(body) = reply.body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
        let bytes = scim::canonical(&body);
        if method == Method::Head {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        } else {
            *response.body_mut() = Body::from(bytes);
        }
    }
    response
}
