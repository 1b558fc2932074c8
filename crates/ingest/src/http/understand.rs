//! Everything before the committer: identifies the client, reads and parses the body, interprets the
//! request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use budget::Full;
use event::{
    Application, BodyNote, Content, Effect, Method, Number, ResourceType, Route, Timestamp, secret,
};
use incoming::{Presented, owner};
use projector::{ProjectorError, View};
use scim::{Bounds, Resource, ScimError, SearchRequest, Selection};
use serde_json::Value;
use store::with_causes;

use crate::address::Address;
use crate::conditions::Conditions;
use crate::context::Context;
use crate::cuts;
use crate::decide::{Intent, NewResource, Write};
use crate::errors::defect;
use crate::http::bulk::Bulk;
use crate::http::forward::Forward;
use crate::http::provider::Ingest;
use crate::http::shares::Shares;
use crate::http::submission::{Submission, is_read};
use crate::http::work::{Weight, light, work};
use crate::http::{ambiguous, body, identity};
use crate::limits::{BULK_OPERATIONS_MAX, OPERATIONS_MAX};
use crate::numbers::Names;
use crate::outcome::{Outcome, Reply};
use crate::read::{Answered, Reading};
use crate::record::{Arrival, ReceivedBody};

/// A larger body is parsed on a blocking thread.
const LIGHT_BYTES_MAX: usize = 16 << 10;

/// How a request goes on.
pub(super) enum Understood {
    /// One event.
    Record(Submission),
    /// One event for each operation.
    Bulk(Box<Bulk>),
    /// To be forwarded to the upstream.
    Forward(Box<Forward>),
    /// No event of its own: counted in a summary.
    Counted(Reply),
}

impl Ingest {
    /// Everything before the committer. `shares` receives the memory reserved for body and answer.
    pub(super) async fn understand(
        self: &Arc<Self>,
        arrival: &mut Arrival,
        shares: &mut Shares,
        parts: &mut Parts,
        address: Address,
        body: Body,
    ) -> Understood {
        let refuse = |arrival: &Arrival, error: ScimError| {
            let outcome = Outcome::refused(error, arrival.resource_type, Number::NOBODY);
            Understood::Record(Submission::Answered(Box::new(outcome)))
        };
        let presented = Presented::of(&parts.headers);
        let identified = match light(|| self.identify(&address.slug, presented.token())) {
            Ok(identified) => identified,
            Err(error) => return refuse(arrival, error),
        };
        arrival.application = identified.application;
        let Some(identity::Client { context, credential, .. }) = &identified.client else {
            let error = unauthenticated(&presented);
            arrival.cut_for_unauthenticated();
            let bytes = arrival.chosen_bytes();
            // If the log is poisoned, the committer answers 503.
            if self.committer.check().is_ok()
                && !self.committer.admits_unauthenticated(arrival.application, bytes)
            {
                return Understood::Counted(Reply::error(&error));
            }
            let reason = match arrival.application {
                Application::RECORDER => "the application is unknown",
                _ => "the request was not authenticated",
            };
            arrival.body = body::describe_unread(&parts.headers, reason);
            return refuse(arrival, error);
        };
        let token = presented.into_token();
        arrival.origin.credential = *credential;

        let per_second = context.settings.requests_per_second_max;
        if let Err(wait) = self.rates.acquire(context.application, per_second) {
            arrival.body = body::describe_unread(&parts.headers, "there were too many requests");
            return Understood::Record(Submission::Answered(Box::new(too_fast(
                arrival, per_second, wait,
            ))));
        }
        if let Some(error) = ambiguous::in_head(parts, &address) {
            arrival.body = body::describe_unread(&parts.headers, "the request was refused before");
            return refuse(arrival, error);
        }
        let mut received =
            match body::receive(&self.reception, context.application, &parts.headers, body).await {
                Ok(received) => received,
                Err((note, error)) => {
                    arrival.body = ReceivedBody::Described(note);
                    return refuse(arrival, error);
                }
            };
        shares.body = received.share.take();
        let conditions = match Conditions::of(&parts.headers) {
            Ok(conditions) => conditions,
            Err(error) => return refuse(arrival, error),
        };
        let this = Arc::clone(self);
        let (resource_type, method) = (arrival.resource_type, arrival.method);
        let context = context.clone();
        if let Some(upstream) = context.upstream.clone() {
            let (bytes, media_type) = (received.bytes.clone(), received.media_type.clone());
            let parsing = move || Ok::<_, ProjectorError>(this.parse(received, token.as_deref()));
            let (stored, parsed) = match work(Weight::Heavy, parsing).await {
                Ok(parsed) => parsed,
                Err(error) => return refuse(arrival, error),
            };
            arrival.body = stored;
            let value = parsed.as_ref().ok().and_then(Option::as_ref);
            let registry = self.catalog.registry();
            let media_type = media_type.as_deref();
            if let Some(error) = ambiguous::in_forwarded(&address, registry, media_type, value) {
                return refuse(arrival, error);
            }
            let (method, headers) = (parts.method.clone(), std::mem::take(&mut parts.headers));
            let owner = owner(&parts.extensions);
            let forward =
                Forward { context, upstream, address, method, headers, owner, bytes, parsed };
            return Understood::Forward(Box::new(forward));
        }
        let client_request = ClientRequest { context, address, method, resource_type, conditions };
        let route = client_request.address.route;
        if is_list(method, route) {
            if received.bytes.is_empty()
                && let Some(answered) =
                    light(|| Ok::<_, ProjectorError>(self.lookup(&client_request))).transpose()
            {
                arrival.body = ReceivedBody::None;
                return answered.map_or_else(|error| refuse(arrival, error), Understood::Record);
            }
            match self.budget.reserve(owner(&parts.extensions), budget::UNMADE_BYTES).await {
                Ok(share) => shares.answer = Some(share),
                Err(full) => {
                    let reason = "too many answers were being made or read";
                    arrival.body = body::describe_unread(&parts.headers, reason);
                    return Understood::Record(Submission::Answered(Box::new(no_room(
                        arrival, full,
                    ))));
                }
            }
        }
        let weight = weight(&received, method, route);
        let parsing = move || {
            if let Some((stored, write)) = this.plain(&client_request, &received, token.as_deref())
            {
                let ClientRequest { context, resource_type, conditions, .. } = client_request;
                let selection = Selection::Default;
                return Ok((
                    stored,
                    Ok(written(context, resource_type, write, conditions, selection)),
                ));
            }
            let (stored, parsed) = this.parse(received, token.as_deref());
            Ok::<_, ProjectorError>((stored, this.interpret(client_request, parsed)))
        };
        let (stored, understood) = match work(weight, parsing).await {
            Ok(understood) => understood,
            Err(error) => return refuse(arrival, error),
        };
        arrival.body = stored;
        match understood {
            Ok(understood) => understood,
            Err(error) => refuse(arrival, error),
        }
    }

    /// The answer to a list that takes only a few rows. `None` leaves it to [`Ingest::interpret`], which
    /// would come to the same.
    fn lookup(&self, request: &ClientRequest) -> Option<Submission> {
        let ClientRequest { context, address, method, resource_type, conditions } = request;
        if *method == Method::Post || !address.allows(*method) {
            return None;
        }
        context.resource_type(*resource_type)?;
        let search = request_of(address).ok()?;
        let read =
            self.reading((context, address), &search, conditions, |reading| reading.lookup());
        match read {
            Ok(answered) => answered.map(|answered| submitted(context, answered)),
            Err(failed) => Some(Submission::Answered(failed)),
        }
    }

    /// The quick way of a create whose body is plain: what is stored of the body, and what it asks for.
    /// `None` leaves it to [`Ingest::parse`] and [`Ingest::interpret`], which would come to the same.
    fn plain(
        &self,
        request: &ClientRequest,
        received: &body::Received,
        token: Option<&str>,
    ) -> Option<(ReceivedBody, Intent)> {
        let ClientRequest { context, address, method, resource_type: stored_type, .. } = request;
        let is_create = *method == Method::Post && address.route == Route::Collection;
        if !is_create
            || !address.allows(*method)
            || !address.query.is_empty()
            || !body::is_json(received.media_type.as_deref())
        {
            return None;
        }
        context.resource_type(*stored_type)?;
        let id = uuid::Uuid::new_v4().to_string();
        let new = NewResource::of_plain(context, *stored_type, id, &received.bytes)?;
        let repeats = |token: &str| secret::stands_in(&received.bytes, &[token.to_owned()]);
        if token.is_some_and(|token| token.is_empty() || repeats(token)) {
            return None;
        }
        let stored = self.committer.gate().passed_plain(Content::Body(received.bytes.to_vec()))?;
        Some((ReceivedBody::Stored(stored), Intent::Create(Box::new(new))))
    }

    /// The body as it is stored, and as parsed JSON.
    fn parse(
        &self,
        received: body::Received,
        token: Option<&str>,
    ) -> (ReceivedBody, Result<Option<Value>, ScimError>) {
        let body::Received { bytes, media_type, .. } = received;
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
        let json = scim::without_mark(&bytes);
        match scim::parse_json(&bytes, &Bounds::default()) {
            Err(error) => (
                describe(error.kind.to_string(), error.line, error.column),
                Err(ScimError::from(error)),
            ),
            Ok(value) if cuts::json_holds_token(&value) => {
                // An accepted body would put the token into the state.
                let detail = "the body holds a secret token: send it without the token. None of it was \
                              stored";
                let stored = describe("it holds a secret token".to_owned(), 0, 0);
                (stored, Err(ScimError::invalid_value(detail)))
            }
            Ok(value) if !value.is_object() => {
                // SCIM has no such body, so what in it is secret is unknown.
                (describe("it is no object".to_owned(), 0, 0), Ok(Some(value)))
            }
            Ok(value) => {
                let cut = cuts::cut_body(json, self.catalog.secrets());
                let token = token.filter(|token| !token.is_empty()).map(|token| [token.to_owned()]);
                let holds_token = token.is_some_and(|token| secret::stands_in(&cut, &token));
                let stored = if holds_token {
                    describe("it repeats the token of the request".to_owned(), 0, 0)
                } else {
                    // Checked for secrets here, so that the committer's thread need not.
                    let cut = Content::Body(cut.into_owned());
                    ReceivedBody::Stored(self.committer.gate().passed(cut))
                };
                (stored, Ok(Some(value)))
            }
        }
    }

    /// What the request asks for.
    fn interpret(
        &self,
        client_request: ClientRequest,
        parsed: Result<Option<Value>, ScimError>,
    ) -> Result<Understood, ScimError> {
        let ClientRequest { context, address, method, resource_type: stored_type, conditions } =
            client_request;
        match address.route {
            Route::Unknown => {
                let detail = "no SCIM resource has this address; see /ResourceTypes";
                return Err(ScimError::not_found(detail));
            }
            Route::Me => {
                let detail = "/Me is not supported: a secret token belongs to an identity provider, not to \
                              a user";
                return Err(ScimError::new(501, None, detail));
            }
            _ => {}
        }
        if stored_type != ResourceType::NONE && context.resource_type(stored_type).is_none() {
            let detail = "this application has no such resources; see /ResourceTypes";
            return Err(ScimError::not_found(detail));
        }
        if !address.allows(method) {
            let allowed = address.allowed();
            let detail =
                format!("this address does not support the method; it supports: {allowed}");
            let error = ScimError::new(405, None, detail);
            let mut outcome = Outcome::refused(error, stored_type, Number::NOBODY);
            outcome.reply.headers.push(("allow", allowed.to_owned()));
            return Ok(Understood::Record(Submission::Answered(Box::new(outcome))));
        }
        if method != Method::Post && is_read(method, address.route) {
            let request = request_of(&address)?;
            return Ok(Understood::Record(self.read(&context, &address, &request, &conditions)));
        }
        let body = || ScimError::invalid_syntax("the body is missing");
        match address.route {
            Route::Search => {
                let request = SearchRequest::from_body(&parsed?.ok_or_else(body)?)?;
                Ok(Understood::Record(self.read(&context, &address, &request, &conditions)))
            }
            Route::Bulk => {
                let body = parsed?.ok_or_else(body)?;
                scim::check_schemas(&context.settings, &body, scim::BULK_URN)?;
                let request = scim::parse_bulk(body, BULK_OPERATIONS_MAX)?;
                Ok(Understood::Bulk(Box::new(Bulk { context, address, request })))
            }
            _ => {
                let Some(resource_type) = context.resource_type(stored_type) else {
                    return Err(ScimError::not_found(
                        "this application has no such resource type; see /ResourceTypes",
                    ));
                };
                let (selection, intent) = match selection(&address) {
                    Ok(selection) => {
                        (selection, intent(&context, resource_type, method, address.id, parsed))
                    }
                    Err(error) => {
                        let body = parsed.ok().flatten();
                        let whom = (address.id, body.as_ref());
                        let effect = Effect::Rejected;
                        let refused = refusal(&context, stored_type, method, whom, error, effect);
                        (Selection::Default, refused)
                    }
                };
                Ok(written(context, stored_type, intent, conditions, selection))
            }
        }
    }

    fn read(
        &self,
        context: &Context,
        address: &Address,
        request: &SearchRequest,
        conditions: &Conditions,
    ) -> Submission {
        let read =
            self.reading((context, address), request, conditions, |reading| reading.answer());
        read.map_or_else(Submission::Answered, |answered| submitted(context, answered))
    }

    /// Asks something of one snapshot. The error is the outcome to record and answer if that fails.
    fn reading<T>(
        &self,
        (context, address): (&Context, &Address),
        request: &SearchRequest,
        conditions: &Conditions,
        ask: impl FnOnce(&Reading<'_>) -> Result<T, ProjectorError>,
    ) -> Result<T, Box<Outcome>> {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let answered = snapshot.watermark().map_err(ProjectorError::from).and_then(|watermark| {
            ask(&Reading {
                view: &view,
                context,
                address,
                request,
                conditions,
                key: &self.cursor_key,
                saw_seq: watermark.and_then(|(next, _)| next.checked_sub(1)),
                now: self.now(),
            })
        });
        answered.map_err(|error| {
            tracing::error!(error = with_causes(&error), "a read failed");
            let name = address.resource_type.as_deref();
            let resource_type =
                name.map_or(ResourceType::NONE, |name| context.catalog.stored_type(name));
            Box::new(Outcome::refused(defect(), resource_type, Number::NOBODY))
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.committer.now()
    }
}

/// A read that was answered.
fn submitted(context: &Context, (outcome, failed_lookup): Answered) -> Submission {
    let failed_lookup = failed_lookup.map(|failed_lookup| (context.clone(), failed_lookup));
    Submission::Read(Box::new(outcome), failed_lookup)
}

/// How much work it is to interpret a request, and to answer it if it is a read.
fn weight(received: &body::Received, method: Method, route: Route) -> Weight {
    match received.bytes.len() > LIGHT_BYTES_MAX || is_list(method, route) {
        true => Weight::Heavy,
        false => Weight::Light,
    }
}

/// Whether a request may return any number of resources.
fn is_list(method: Method, route: Route) -> bool {
    match route {
        Route::Collection | Route::Root => is_read(method, route),
        Route::Search => true,
        Route::Unknown
        | Route::Resource
        | Route::ServiceProviderConfig
        | Route::ResourceTypes
        | Route::Schemas
        | Route::Bulk
        | Route::Me => false,
    }
}

/// A client's request before it is interpreted.
struct ClientRequest {
    context: Context,
    address: Address,
    method: Method,
    resource_type: ResourceType,
    conditions: Conditions,
}

/// A write that was understood.
fn written(
    context: Context,
    resource_type: ResourceType,
    intent: Intent,
    conditions: Conditions,
    selection: Selection,
) -> Understood {
    let write = Write { context, resource_type, intent, conditions, selection };
    Understood::Record(Submission::Write(Box::new(write)))
}

/// Reads the parameters of a GET. Parameters for paging and sorting count only for lists; elsewhere
/// they are ignored, even if invalid (RFC 7644 §4).
fn request_of(address: &Address) -> Result<SearchRequest, ScimError> {
    match address.route {
        Route::Collection | Route::Root => {
            if address.is_garbled("filter") {
                let detail = "the filter must be UTF-8 after percent-decoding";
                return Err(ScimError::invalid_filter(detail));
            }
            let parameters = address.parameters();
            SearchRequest::from_parameters(
                parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            )
        }
        Route::Resource => {
            Ok(SearchRequest { selection: selection(address)?, ..SearchRequest::default() })
        }
        _ => named(address, &["filter"]),
    }
}

/// Reads only these parameters.
fn named(address: &Address, names: &[&str]) -> Result<SearchRequest, ScimError> {
    let parameters = address.parameters();
    let wanted =
        parameters.iter().filter(|(name, _)| names.contains(&name.to_lowercase().as_str()));
    SearchRequest::from_parameters(wanted.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Which attributes of one resource the client selects (RFC 7644 §3.9). Other parameters are ignored.
pub(super) fn selection(address: &Address) -> Result<Selection, ScimError> {
    Ok(named(address, &["attributes", "excludedattributes"])?.selection)
}

/// The 401 for a request without a valid token. It depends on the request alone, so that it does not
/// reveal which applications exist.
fn unauthenticated(presented: &Presented) -> ScimError {
    let what = match presented {
        Presented::Nothing => "the Authorization header is missing",
        Presented::NoBearer => {
            "the Authorization header holds no Bearer token (`Bearer`, a space, the secret token)"
        }
        Presented::Token(_) => "the token is not a secret token of an application at this address",
    };
    let detail = format!(
        "{what}: check the tenant URL and the secret token that are configured at the identity \
         provider"
    );
    ScimError::new(401, None, detail)
}

fn too_fast(arrival: &Arrival, per_second: u32, wait: Duration) -> Outcome {
    let detail = format!("more than {per_second} requests a second: wait, then send it again");
    let error = ScimError::new(429, None, detail);
    let mut outcome = Outcome::refused(error, arrival.resource_type, Number::NOBODY);
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    outcome.reply.headers.push(("retry-after", format!("{seconds}")));
    outcome
}

/// Refuses a list for which there is no memory.
fn no_room(arrival: &Arrival, full: Full) -> Outcome {
    let error = ScimError::new(full.status(), None, full.to_string());
    let mut outcome = Outcome::refused(error, arrival.resource_type, Number::NOBODY);
    outcome.reply.headers.push(("retry-after", Full::RETRY_AFTER_S.to_string()));
    outcome
}

/// A write that is refused or skipped unexamined. The event still names its subject, which for a create
/// follows from the body.
pub(super) fn refusal(
    context: &Context,
    stored_type: ResourceType,
    method: Method,
    (id, body): (Option<String>, Option<&Value>),
    error: ScimError,
    effect: Effect,
) -> Intent {
    let created = body.filter(|_| method == Method::Post);
    let names = created.map(|body| Names::of(context, stored_type, body)).unwrap_or_default();
    Intent::Refused { error, effect, id, names }
}

/// Turns method and body into an intent. An error in the body becomes a refused intent.
pub(super) fn intent(
    context: &Context,
    resource_type: &scim::ResourceType,
    method: Method,
    id: Option<String>,
    parsed: Result<Option<Value>, ScimError>,
) -> Intent {
    let refused = |error: ScimError, id: Option<String>, body: Option<&Value>| {
        let stored_type = context.catalog.stored_type(&resource_type.name);
        refusal(context, stored_type, method, (id, body), error, Effect::Rejected)
    };
    if method == Method::Delete {
        return Intent::Delete { id: id.unwrap_or_default() };
    }
    let body = match parsed {
        Ok(Some(body)) => body,
        Ok(None) => return refused(ScimError::invalid_syntax("the body is missing"), id, None),
        Err(error) => return refused(error, id, None),
    };
    let read = || {
        let (registry, settings) = (context.registry(), &context.settings);
        let mut resource = Resource::read(resource_type, registry, settings, &body)?;
        context.check_required(resource_type, &resource.attributes)?;
        context.resolve_references(resource_type, &mut resource.attributes);
        Ok(resource)
    };
    let id_or_empty = id.clone().unwrap_or_default();
    match method {
        Method::Post => match read() {
            Ok(resource) => {
                let id = uuid::Uuid::new_v4().to_string();
                Intent::Create(Box::new(NewResource::of(context, resource_type, id, resource)))
            }
            Err(error) => refused(error, None, Some(&body)),
        },
        Method::Put => match read() {
            Ok(resource) => Intent::Replace { id: id_or_empty, resource },
            Err(error) => refused(error, id, None),
        },
        _ => match scim::check_schemas(&context.settings, &body, scim::PATCH_URN)
            .and_then(|()| scim::parse_patch(body, OPERATIONS_MAX))
        {
            Ok(operations) => Intent::Patch { id: id_or_empty, operations },
            Err(error) => refused(error, id, None),
        },
    }
}
