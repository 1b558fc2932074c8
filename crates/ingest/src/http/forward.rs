//! Forwards requests to the upstream and records them with its answers.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{self, HeaderMap, HeaderValue};
use budget::Owner;
use event::{
    Answer, BodyNote, Content, Effect, Fact, Number, Occasion, Part, ResourceType, Route, Seq,
    UpstreamSet, secret,
};
use projector::{CommitError, Decision, Draft, Durability, PassedPart, View};
use scim::{MemberIds, ScimError, ScimType};
use serde_json::Value;

use crate::address::Address;
use crate::context::Context;
use crate::cuts;
use crate::decide::Intent;
use crate::errors::{clock_refusal, defect, disk_full, revoked, unavailable};
use crate::http::ambiguous;
use crate::http::client::Client;
use crate::http::provider::Ingest;
use crate::http::submission::{Submission, is_read};
use crate::http::understand::intent as intent_of;
use crate::members::resolve_id;
use crate::numbers::Names;
use crate::outcome::{Body, Outcome, Reply};
use crate::proxy::derive::{self, Forwarded};
use crate::proxy::effect::{self, AnswerContent, FollowUp};
use crate::proxy::in_flight;
use crate::proxy::request::{AsksFor, UpstreamRequest};
use crate::proxy::rewrite::Rewrite;
use crate::proxy::settle::no_answer;
use crate::proxy::upstream::{Answered, Broken};
use crate::record::{Arrival, ReceivedBody};

/// The status for a client that has left, which may read it all the same.
const UNSENT: u16 = 503;
/// At most this many of the resources in a stored answer are looked up.
const LISTED_MAX: usize = 1_000;
/// A longer answer to a read is described, not stored: most are lists that are polled.
const READ_BODY_BYTES_MAX: usize = 64 << 10;

/// A request to be forwarded.
pub(super) struct Forward {
    pub context: Context,
    pub upstream: Arc<UpstreamSet>,
    pub address: Address,
    pub method: axum::http::Method,
    pub headers: HeaderMap,
    /// The connection whose memory the answer is charged to.
    pub owner: Owner,
    pub bytes: Vec<u8>,
    pub parsed: Result<Option<Value>, ScimError>,
}

/// Forwards the request and records the result. A write first records an intent, synced before anything
/// is sent. Then one operation event is written, before the answer is relayed. A write is not sent if
/// its client left while it waited for other writes.
pub(super) async fn carry_out(
    ingest: &Arc<Ingest>,
    mut arrival: Arrival,
    mut forward: Forward,
    client: &Client,
) -> (Reply, &'static str) {
    let requests = ingest.requests(&arrival, &mut forward);
    let unrecorded = |error: CommitError| (Reply::error(&unavailable(error)), "unrecorded");
    let is_write = !is_safe(&arrival);
    if ingest.reads_otherwise(&forward.context, &requests) {
        let error = ambiguous::id();
        let outcome = Outcome::refused(error, arrival.resource_type, Number::NOBODY);
        return ingest.record(arrival, Submission::Answered(Box::new(outcome))).await;
    }
    let mut write = None;
    if is_write {
        let (began, has_waited) = begin(ingest, &arrival, &forward, &requests).await;
        // A client may close its own half and still read; so only a write that waited is dropped.
        if has_waited && client.has_left() {
            let skipped = record_skipped(ingest, arrival, &forward).await;
            return skipped.unwrap_or_else(unrecorded);
        }
        write = Some(began);
    }
    let intent = if !is_write {
        None
    } else {
        match record_intent(ingest, &mut arrival, &forward).await {
            Ok(Ok(seq)) => Some(seq),
            Ok(Err(refused)) => return refused,
            Err(error) => return unrecorded(error),
        }
    };
    let Forward { context, upstream, address, method, headers, owner, bytes, parsed } = forward;
    let saw_seq = ingest.last_seq();
    let room = (&ingest.budget, owner);
    let sent =
        ingest.upstreams.send(&upstream, method, &address.target, &headers, bytes, room).await;
    let secrets = match &parsed {
        Ok(Some(body)) => cuts::secrets_of(body, ingest.catalog.secrets()),
        Ok(None) | Err(_) => vec![],
    };
    let sent_request =
        SentRequest { context, upstream, address, parsed, secrets, requests, intent, saw_seq };
    let (reply, effect) = match sent {
        Ok(answered) => sent_request.answered(ingest, arrival, answered).await,
        Err(broken) => sent_request.broken(ingest, arrival, broken).await,
    }
    .unwrap_or_else(|error| match is_write {
        true => (Reply::error(&sent_and_unrecorded()), "unrecorded"),
        false => unrecorded(error),
    });
    drop(write);
    (reply, effect)
}

/// Waits for other writes of the same resource, and returns whether it waited.
async fn begin(
    ingest: &Ingest,
    arrival: &Arrival,
    forward: &Forward,
    requests: &[UpstreamRequest],
) -> (in_flight::WriteGuard, bool) {
    let (in_flight, application) = (&ingest.in_flight, arrival.application);
    match (&forward.address.id, requests) {
        (Some(id), _) => {
            if !in_flight.is_busy(application, id) {
                return (in_flight.begin(application, id).await, false);
            }
            let waiting = metrics::gauge!("provlog_forwarded_writes_waiting");
            waiting.increment(1.0);
            let began = in_flight.begin(application, id).await;
            waiting.decrement(1.0);
            (began, true)
        }
        (None, [one]) => (in_flight.begin_creation(application, &one.lookups()), false),
        (None, _) => (in_flight.begin_creation(application, &[]), false),
    }
}

/// Records a write that was not sent because its client has left.
async fn record_skipped(
    ingest: &Arc<Ingest>,
    arrival: Arrival,
    forward: &Forward,
) -> Result<(Reply, &'static str), CommitError> {
    let (context, id) = (forward.context.clone(), forward.address.id.clone());
    let names = match (&forward.parsed, arrival.route) {
        (Ok(Some(body)), Route::Collection) => {
            Names::of(&forward.context, arrival.resource_type, body)
        }
        _ => Names::default(),
    };
    ingest
        .committer
        .of(arrival.application)
        .submit(Durability::Synced, move |view, stamp| {
            let stored_type = arrival.resource_type;
            let detail = "the client disconnected before the request could be forwarded";
            let error = ScimError::new(UNSENT, None, detail);
            let whom = Intent::refused(error.clone(), id, names);
            let mut outcome =
                crate::decide::apply_assumed(&context, stored_type, whom, view, stamp)?;
            outcome.reply = Reply::error(&error);
            outcome.error = Some(error);
            outcome.effect = Effect::Skipped;
            let mut event = arrival.into_draft(&outcome);
            let content = Content::Answer(no_answer(None));
            event.parts.push(Part::new(outcome.number, content));
            let reply = (outcome.reply, outcome.effect.name());
            Ok(Decision { events: vec![event], reply })
        })
        .await
}

/// Records that a write is about to be sent; the intent holds the body from then on. If it may not be
/// sent, returns the answer to the client.
async fn record_intent(
    ingest: &Arc<Ingest>,
    arrival: &mut Arrival,
    forward: &Forward,
) -> Result<Result<Seq, (Reply, &'static str)>, CommitError> {
    let body = std::mem::replace(&mut arrival.body, ReceivedBody::None);
    let copy = Arrival { body, ..arrival.clone() };
    let context = forward.context.clone();
    let (id, credential) = (forward.address.id.clone(), arrival.origin.credential);
    let decided = ingest
        .committer
        .of(arrival.application)
        .submit_for(credential, Durability::Synced, move |authority, view, stamp| {
            let stored_type = copy.resource_type;
            let fault = match (authority, stamp.clock_fault) {
                (Err(_), _) => Some(revoked()),
                (Ok(()), _) if stamp.disk_full => Some(disk_full()),
                (Ok(()), fault) => fault.map(clock_refusal),
            };
            if let Some(error) = fault {
                let outcome = Outcome::refused(error, stored_type, Number::NOBODY);
                let event = copy.into_draft(&outcome);
                return Ok(Decision { events: vec![event], reply: Err(outcome.reply) });
            }
            let number = match &id {
                Some(id) => view.number_of_id(context.application, stored_type, id)?,
                None => None,
            };
            let number = number.unwrap_or(Number::NOBODY);
            let outcome = plain(0, Effect::Unknown, stored_type, number);
            let Draft { application, origin, fact, parts, passed } = copy.into_draft(&outcome);
            let fact = match fact {
                Fact::Operation(operation) => Fact::Intent(operation),
                other => other,
            };
            let event = Draft { application, origin, fact, parts, passed };
            Ok(Decision { events: vec![event], reply: Ok(stamp.seq) })
        })
        .await?;
    Ok(decided.map_err(|reply| (reply, Effect::Rejected.name())))
}

/// A request that was sent to the upstream.
pub(super) struct SentRequest {
    pub context: Context,
    pub upstream: Arc<UpstreamSet>,
    pub address: Address,
    parsed: Result<Option<Value>, ScimError>,
    /// Secret values in the request's body, which the answer may repeat.
    secrets: Vec<String>,
    /// The writes of the request; none for a read.
    requests: Vec<UpstreamRequest>,
    intent: Option<Seq>,
    /// The last event before the request was sent.
    saw_seq: Option<Seq>,
}

impl SentRequest {
    async fn answered(
        mut self,
        ingest: &Arc<Ingest>,
        arrival: Arrival,
        answered: Answered,
    ) -> Result<(Reply, &'static str), CommitError> {
        let answered = self.without_secrets(ingest, answered);
        let read = answered.json();
        let is_empty = matches!(read, Ok(None));
        let answer = self.answer(ingest, &arrival, &answered, &read);
        let parsed = read.ok().flatten().map(|(value, _)| value);
        // Keeps its memory charged until the relayed answer is charged.
        let Answered { status, mut headers, body, share: _share, .. } = answered;
        let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let relayed = if self.upstream.rewrites_locations {
            let rewrite = Rewrite { from: &self.upstream.url, to: &self.context.base_url };
            rewrite.headers(&mut headers);
            rewrite.body(body, parsed.as_ref())
        } else {
            body
        };
        let reads = is_read(arrival.method, arrival.route);
        let is_partial = self.asks_for_a_part(arrival.route);
        let states = match (reads, &parsed) {
            // Other successful statuses show a part, or another resource (RFC 9110 §15.3).
            (true, Some(value)) if matches!(status, 200 | 203) => {
                self.states(ingest, &arrival, value, !is_partial)
            }
            (true, _) if status == 404 => self.not_found(ingest, &arrival, parsed.as_ref()),
            _ => vec![],
        };
        let answered =
            ParsedAnswer { answer, status, parsed, is_empty, location, is_whole: !is_partial };
        let origin = arrival.origin.clone();
        let (effect, seq, reads_back) = match self.record(ingest, arrival, answered).await? {
            Ok(recorded) => recorded,
            Err(refused) => return Ok((refused, Effect::Rejected.name())),
        };
        for (stored_type, state) in states {
            let occasion = (Occasion::Read, Some(origin.clone()));
            let context = &self.context;
            ingest.observe(context, stored_type, state, occasion, self.saw_seq, true).await?;
        }
        match FollowUp::of(&self.requests, reads_back, status) {
            FollowUp::ReadBack => ingest.read_back(&self.context, self.requests, seq),
            FollowUp::CheckLater => ingest.check_later(&self.context, self.requests),
            FollowUp::Confirm(stored_type, id) => ingest.confirm(&self.context, stored_type, &id),
            FollowUp::None => {}
        }
        let body = Body::Relayed(headers, relayed);
        let reply = Reply { status: relayed_status(status), headers: vec![], body };
        Ok((reply, effect))
    }

    /// Cuts our tokens, the upstream's token and the request's secrets from an answer, before it is
    /// recorded or relayed.
    fn without_secrets(&self, ingest: &Ingest, answered: Answered) -> Answered {
        let mut known = ingest.committer.gate().known();
        known.extend(self.secrets.iter().cloned());
        let Answered { status, mut headers, body, unread, share, after_us } = answered;
        for value in headers.values_mut() {
            if let Ok(Cow::Owned(cut)) = value.to_str().map(|text| secret::cut(text, &known)) {
                *value = HeaderValue::from_str(&cut).unwrap_or(HeaderValue::from_static("null"));
            }
        }
        let cut = body_without(&body, &known);
        Answered { status, headers, body: cut.map_or(body, Bytes::from), unread, share, after_us }
    }

    /// Whether the query, or the body of a search (RFC 7644 §3.4.3), selects attributes.
    fn asks_for_a_part(&self, route: Route) -> bool {
        let selects = |name: &str| {
            ["attributes", "excludedattributes"].contains(&name.to_ascii_lowercase().as_str())
        };
        let body = self.parsed.as_ref().ok().and_then(Option::as_ref).and_then(Value::as_object);
        let mut body = body.filter(|_| route == Route::Search).into_iter().flatten();
        self.address.parameters().iter().any(|(name, _)| selects(name))
            || body.any(|(name, value)| {
                let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
                selects(name) && !is_empty
            })
    }

    fn asks_for(&self, method: event::Method) -> AsksFor {
        match &self.parsed {
            Ok(Some(body)) => AsksFor::of(method, body),
            Ok(None) => AsksFor::default(),
            // The upstream may be able to read a body that we cannot.
            Err(_) if method == event::Method::Delete => AsksFor::default(),
            Err(_) => AsksFor::ANYTHING,
        }
    }

    /// What is stored of an answer.
    fn answer(
        &self,
        ingest: &Ingest,
        arrival: &Arrival,
        answered: &Answered,
        read: &Result<Option<(Value, Bytes)>, String>,
    ) -> Answer {
        let body = &answered.body;
        let note = |reason: &str| BodyNote {
            reason: format!("it {reason}"),
            length_bytes: Some(body.len() as u64),
            media_type: answered.media_type(),
            line: 0,
            column: 0,
        };
        let is_long = body.len() > READ_BODY_BYTES_MAX && is_safe(arrival);
        let (kept, body_note) = match read {
            Ok(None) => (None, None),
            Err(words) => (None, Some(note(words))),
            Ok(Some(_)) if is_long => (None, Some(note("answers a read and is long"))),
            Ok(Some((value, _))) if !value.is_object() => (None, Some(note("is no object"))),
            Ok(Some((_, text))) => {
                let cut = cuts::cut_body(text, ingest.catalog.secrets()).into_owned();
                (Some(cut), None)
            }
        };
        let location = answered.headers.get(header::LOCATION).and_then(|one| one.to_str().ok());
        Answer {
            intent: self.intent,
            body: kept,
            body_note,
            location: location.map(str::to_owned),
            answered_after_us: answered.after_us,
        }
    }

    /// Records the operation with its answer. Returns its effect, its seq, and whether to read the
    /// resource back; or the answer to a client whose token was revoked meanwhile.
    async fn record(
        &mut self,
        ingest: &Arc<Ingest>,
        arrival: Arrival,
        parsed_answer: ParsedAnswer,
    ) -> Result<Result<(&'static str, Seq, bool), Reply>, CommitError> {
        let credential = arrival.origin.credential;
        let (context, id) = (self.context.clone(), self.address.id.clone());
        let read = is_safe(&arrival);
        let stored_type = arrival.resource_type;
        let resource_type = context.catalog.resource_type(stored_type);
        let ParsedAnswer { answer, status, parsed, is_empty, location, is_whole } = parsed_answer;
        let content = match read {
            true => AnswerContent::Nothing,
            false => effect::answer_content(
                &context,
                &self.upstream,
                &effect::ExpectedAnswer {
                    stored_type,
                    id: id.as_deref(),
                    asks_for: self.asks_for(arrival.method),
                    is_whole,
                },
                (is_empty, parsed.as_ref()),
                location.as_deref(),
            ),
        };
        let content = match (arrival.method, &id) {
            // A DELETE of a collection does not say what it deleted.
            (event::Method::Delete, None) => AnswerContent::Other,
            _ => content,
        };
        let meaning = effect::meaning(arrival.method, status, &content);
        let write = match (self.requests.as_slice(), resource_type, arrival.route) {
            ([request], Some(resource_type), Route::Collection | Route::Resource) if !read => {
                // Nobody reads the body afterwards.
                let parsed = std::mem::replace(&mut self.parsed, Ok(None));
                let intent = intent_of(&context, resource_type, arrival.method, id.clone(), parsed);
                Some((intent, request.clone()))
            }
            _ => None,
        };
        // Whom a listing shows, as far as they are on record.
        let shown: Vec<String> = match read {
            true => ids_in(parsed.as_ref()),
            false => vec![],
        };
        let application = context.application;
        let scim_type = parsed.as_ref().and_then(|answer| answer.get("scimType")?.as_str());
        let scim_type = scim_type.and_then(ScimType::parse);
        let durability = if read { Durability::Appended } else { Durability::Synced };
        let status = relayed_status(status);
        // Checked for secrets here, so that the committer's thread need not.
        let answer = ingest.committer.gate().passed(Content::Answer(answer));
        ingest
            .committer
            .of(arrival.application)
            .submit_for(credential, durability, move |authority, view, stamp| {
                // A write has happened; its token was checked with the intent.
                if read && authority.is_err() {
                    let outcome = Outcome::refused(revoked(), stored_type, Number::NOBODY);
                    let event = arrival.into_draft(&outcome);
                    return Ok(Decision { events: vec![event], reply: Err(outcome.reply) });
                }
                let outcome = match write {
                    Some((intent, request)) => {
                        let (context, request) = (&context, &request);
                        let forwarded = Forwarded {
                            context,
                            request,
                            intent,
                            status,
                            meaning,
                            content,
                            answer: parsed.as_ref(),
                            scim_type,
                        };
                        derive::outcome(forwarded, view, stamp)?
                    }
                    None if read => {
                        let results = results(parsed.as_ref(), status);
                        let number = match &id {
                            Some(id) => view.number_of_id(context.application, stored_type, id)?,
                            None => None,
                        };
                        let number = number.unwrap_or(Number::NOBODY);
                        let reply = Reply::empty(status);
                        Outcome::read(reply, stored_type, number, stamp.seq.checked_sub(1), results)
                    }
                    // It concerns several resources, or none that is known.
                    None => {
                        let effect = match meaning.effect {
                            Effect::Rejected => Effect::Rejected,
                            _ => Effect::Unverified,
                        };
                        plain(status, effect, stored_type, Number::NOBODY)
                    }
                };
                let effect = outcome.effect.name();
                let mut event = arrival.into_draft(&outcome);
                let mut others = outcome.others();
                for id in &shown {
                    others.extend(view.number_of_id(application, stored_type, id)?);
                }
                others.sort_unstable();
                others.dedup();
                others.retain(|other| *other != outcome.number);
                let subject = outcome.number;
                event.passed.push(PassedPart { subject, others, content: answer });
                let reads_back =
                    !read && (meaning.reads_back || outcome.effect == Effect::Unverified);
                let reply = Ok((effect, stamp.seq, reads_back));
                Ok(Decision { events: vec![event], reply })
            })
            .await
    }

    /// Records that no answer came, and answers the client with an error.
    async fn broken(
        self,
        ingest: &Arc<Ingest>,
        arrival: Arrival,
        broken: Broken,
    ) -> Result<(Reply, &'static str), CommitError> {
        let (status, effect, detail) = match &broken {
            Broken::NotSent(words) => {
                tracing::warn!(
                    app = arrival.application.0,
                    words,
                    "could not forward a request: nothing was sent"
                );
                let detail = "the application cannot be reached; nothing was sent to it";
                (502, Effect::Rejected, detail)
            }
            Broken::Unknown(words) => {
                tracing::warn!(
                    app = arrival.application.0,
                    words,
                    "no answer to a forwarded request"
                );
                let detail = "the application gave no answer; whether it did what was asked is not \
                              known until it is read again";
                (504, Effect::Unknown, detail)
            }
        };
        let read = is_safe(&arrival);
        // A failed read changed nothing.
        let effect = if read { Effect::Rejected } else { effect };
        let error = ScimError::new(status, None, detail);
        // The effect of a Bulk request is read from all of its operations together, even if it has only
        // one.
        let is_one = self.requests.len() == 1 && arrival.route != Route::Bulk;
        let request = self.requests.first().filter(|_| is_one).cloned();
        let names = request.as_ref().map(|request| request.names.clone()).unwrap_or_default();
        let (context, id) = (self.context.clone(), self.address.id.clone());
        let answer = no_answer(self.intent);
        let recorded = ingest
            .committer
            .of(arrival.application)
            .submit(Durability::Synced, move |view, stamp| {
                let stored_type = arrival.resource_type;
                // Its subject is found as for a refusal: by id, or by the userName.
                let intent = Intent::refused(error.clone(), id, names);
                let mut outcome =
                    crate::decide::apply_assumed(&context, stored_type, intent, view, stamp)?;
                if let (Effect::Unknown, Some(request)) = (effect, &request) {
                    // Or by another name, so that later observations get the same number.
                    let id = request.id.as_deref();
                    (outcome.number, outcome.changes) =
                        crate::decide::subject_of(&context, request, id, view)?;
                }
                outcome.reply = Reply::error(&error);
                outcome.error = Some(error);
                outcome.effect = effect;
                let reply = outcome.reply.clone();
                let mut event = arrival.into_draft(&outcome);
                let subject = outcome.number;
                event.parts.push(Part::new(subject, Content::Answer(answer)));
                Ok(Decision { events: vec![event], reply: (reply, stamp.seq) })
            })
            .await?;
        let (reply, seq) = recorded;
        if effect == Effect::Unknown {
            ingest.read_back(&self.context, self.requests, seq);
        }
        Ok((reply, effect.name()))
    }
}

impl Ingest {
    /// The writes of a request, with ids as they are on record; none for a read. Changes the id of the
    /// request's address likewise.
    fn requests(&self, arrival: &Arrival, forward: &mut Forward) -> Vec<UpstreamRequest> {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let Forward { context, address, parsed, .. } = forward;
        resolve_id(context, &view, arrival.resource_type, address);
        let body = parsed.as_ref().ok().and_then(Option::as_ref);
        match is_safe(arrival) {
            true => vec![],
            false => UpstreamRequest::all(context, &view, address, arrival.method, body),
        }
    }

    /// Whether a write names an unknown resource by an id that the upstream may take for the id of
    /// another resource.
    fn reads_otherwise(&self, context: &Context, requests: &[UpstreamRequest]) -> bool {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let in_any_case = context.settings.member_ids == MemberIds::AnyCase;
        requests.iter().any(|one| {
            let is_known = |id: &str| {
                let number = view.number_of_id(context.application, one.stored_type, id);
                matches!(number, Ok(Some(_)))
            };
            one.id.as_deref().filter(|id| !is_known(id)).is_some_and(|id| {
                ambiguous::hides_another(id)
                    || ambiguous::taken_for(id, in_any_case).iter().any(|id| is_known(id))
            })
        })
    }
}

/// The answer to a forwarded request, as it was read.
struct ParsedAnswer {
    answer: Answer,
    /// The upstream's status.
    status: u16,
    parsed: Option<Value>,
    is_empty: bool,
    /// The upstream's `Location` header.
    location: Option<String>,
    /// Whether it shows all attributes; `false` if the request selected some.
    is_whole: bool,
}

/// Whether a request changes nothing, by its method (RFC 9110 §9.2.1) or because it is a search.
fn is_safe(arrival: &Arrival) -> bool {
    let name = arrival.method_name.as_deref();
    is_read(arrival.method, arrival.route) || matches!(name, Some("OPTIONS" | "TRACE"))
}

/// A status below 200 concerns the connection, not the request, so it is relayed as 502.
fn relayed_status(status: u16) -> u16 {
    if status < 200 { 502 } else { status }
}

/// The body without these secrets; `None` if it holds none.
fn body_without(body: &[u8], known: &[String]) -> Option<Vec<u8>> {
    let begin = body.trim_ascii_start();
    if begin.starts_with(b"{") || begin.starts_with(b"[") {
        return match secret::cut_json(body, known) {
            Cow::Owned(cut) => Some(cut),
            Cow::Borrowed(_) => None,
        };
    }
    match secret::cut(std::str::from_utf8(body).ok()?, known) {
        Cow::Owned(cut) => Some(cut.into_bytes()),
        Cow::Borrowed(_) => None,
    }
}

/// The number of resources in an answer.
fn results(parsed: Option<&Value>, status: u16) -> u32 {
    let listed = parsed.and_then(|value| value.get("Resources")?.as_array()).map(Vec::len);
    match listed {
        Some(count) => u32::try_from(count).unwrap_or(u32::MAX),
        None => u32::from(status < 300 && parsed.is_some_and(|value| value.get("id").is_some())),
    }
}

/// The ids of the resources that an answer lists, as many as a page may have.
fn ids_in(answer: Option<&Value>) -> Vec<String> {
    let listed = answer.and_then(|answer| answer.get("Resources")?.as_array());
    let ids = listed.into_iter().flatten().filter_map(|one| one.get("id")?.as_str());
    ids.take(LISTED_MAX).map(str::to_owned).collect()
}

fn plain(status: u16, effect: Effect, stored_type: ResourceType, number: Number) -> Outcome {
    let mut outcome = Outcome::refused(defect(), stored_type, number);
    outcome.reply = Reply::empty(status);
    outcome.effect = effect;
    outcome.error = None;
    outcome
}

/// The intent is recorded, so the next start or comparison finds out.
fn sent_and_unrecorded() -> ScimError {
    let detail = "the request was sent to the application, and what became of it could not be \
                  recorded; restart the server";
    ScimError::new(503, None, detail)
}
