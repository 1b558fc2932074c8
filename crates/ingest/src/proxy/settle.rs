//! Settles open writes when the recorder starts, and after everything was listed.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{
    Action, Answer, Content, Fact, Method, Number, Observation, Occasion, Origin, Part,
    ResourceType, Route, Seq, Verdict,
};
use projector::{CommitError, Decision, Draft, Durability, ProjectorError, View, case_folded};

use crate::context::Context;
use crate::http::Ingest;
use crate::numbers::is_recorded_with_other_external_id;
use crate::proxy::request::UpstreamRequest;
use crate::proxy::waiting::WAITING_MAX;

impl Ingest {
    /// Records an unknown outcome for each intent without an operation: its write may have been sent
    /// before the recorder ended. Returns their number.
    ///
    /// # Errors
    /// If one cannot be read or recorded.
    pub async fn settle_intents(&self) -> Result<u64, CommitError> {
        let open = self
            .committer
            .submit(Durability::Appended, |view, _| {
                Ok(Decision { events: vec![], reply: view.intents()? })
            })
            .await?;
        let count = open.len() as u64;
        for seq in open {
            let store = self.committer.store();
            let bytes = store.event_bytes(seq).ok().flatten().unwrap_or_default();
            let Ok(intent) = event::codec::decode(seq, &bytes, store.parts()) else {
                tracing::error!(seq, "an intent cannot be read");
                continue;
            };
            let application = intent.header.application;
            let context = self.context_of_proxied(application).ok().flatten();
            let requests =
                context.as_ref().map(|context| UpstreamRequest::of_event(context, store, &intent));
            let Fact::Intent(mut operation) = intent.header.fact else { continue };
            // The effect of a Bulk request is read from all of its operations together, even if it has
            // only one.
            let requests = requests.filter(|_| operation.route != Route::Bulk);
            let requests: Option<[UpstreamRequest; 1]> =
                requests.and_then(|requests| requests.try_into().ok());
            let target =
                intent.parts.into_iter().filter(|part| matches!(part.content, Content::Target(_)));
            let mut parts: Vec<Part> = target.collect();
            let origin = intent.header.origin;
            self.committer
                .submit(Durability::Synced, move |view, _| {
                    if let (Some(context), Some([request])) = (&context, &requests) {
                        let id = request.id.as_deref();
                        let (number, mut mentions) =
                            crate::decide::subject_of(context, request, id, view)?;
                        operation.number = number;
                        parts.append(&mut mentions);
                    }
                    let subject = operation.number;
                    parts.push(Part::new(subject, Content::Answer(no_answer(Some(seq)))));
                    let fact = Fact::Operation(operation);
                    let event = Draft { application, origin, fact, parts, passed: vec![] };
                    Ok(Decision { events: vec![event], reply: () })
                })
                .await?;
        }
        Ok(count)
    }

    /// Restarts the read-backs that the last stop cancelled.
    ///
    /// # Errors
    /// If the rows cannot be read.
    pub fn resume_read_backs(self: &Arc<Self>) -> Result<(), ProjectorError> {
        let applications = {
            let snapshot = self.committer.store().snapshot();
            View::new(&snapshot).applications()?
        };
        for row in applications.into_iter().filter(|row| row.upstream.is_some()) {
            let Some(context) = self.context_of_proxied(row.number)? else { continue };
            let doubts = {
                let snapshot = self.committer.store().snapshot();
                View::new(&snapshot).doubts(row.number, Some(View::NOW))?
            };
            let open = doubts.into_iter().filter(|doubt| doubt.settled.is_none());
            for doubt in open.take(WAITING_MAX) {
                let requests =
                    UpstreamRequest::recorded(&context, self.committer.store(), doubt.seq);
                self.read_back(&context, requests, doubt.seq);
            }
        }
        Ok(())
    }

    /// Settles the doubts that a complete listing leaves. A create of a resource that is not listed did
    /// not happen; a request for several resources, or for unknown ones, is judged by the state that is
    /// now known. `listed` are the types that were listed, `saw_seq` is the last event before.
    ///
    /// # Errors
    /// If an event cannot be recorded.
    pub(crate) async fn settle_after_listing(
        &self,
        context: &Context,
        listed: BTreeSet<ResourceType>,
        (occasion, origin): (Occasion, Origin),
        saw_seq: Option<Seq>,
    ) -> Result<(), CommitError> {
        let open = {
            let snapshot = self.committer.store().snapshot();
            let doubts = View::new(&snapshot).doubts(context.application, Some(View::NOW));
            doubts.unwrap_or_default()
        };
        let open = open.into_iter().filter(|doubt| doubt.settled.is_none());
        for doubt in open.filter(|doubt| Some(doubt.seq) <= saw_seq) {
            let requests = UpstreamRequest::recorded(context, self.committer.store(), doubt.seq);
            let is_listed = |one: &UpstreamRequest| listed.contains(&one.stored_type);
            let names: Vec<_> = requests.iter().flat_map(UpstreamRequest::lookups).collect();
            let is_busy = self.in_flight.is_creating(context.application, Some(&names));
            if is_busy || !requests.iter().all(is_listed) {
                continue;
            }
            let (context, origin) = (context.clone(), Some(origin.clone()));
            let committer = self.committer.of(context.application);
            let settled = committer.submit(Durability::Appended, move |view, _| {
                let nothing = Decision { events: vec![], reply: () };
                if view.settled(doubt.seq)?.is_some() {
                    return Ok(nothing);
                }
                let verdict = match doubt.number {
                    Number::NOBODY => verdict_from_state(&context, &requests, view)?,
                    number => {
                        let summary = view.operation(doubt.seq)?;
                        let creates =
                            summary.is_some_and(|summary| summary.action == Action::Create);
                        if !creates || view.was_resource(context.application, number)? {
                            return Ok(nothing);
                        }
                        Verdict::Contradicted
                    }
                };
                let stored_type = match requests.as_slice() {
                    [one] => one.stored_type,
                    _ => ResourceType::NONE,
                };
                let whom = (doubt.number, stored_type);
                let event = settling_event(&context, whom, doubt.seq, verdict, (occasion, origin));
                Ok(Decision { events: vec![event], reply: () })
            });
            settled.await?;
        }
        Ok(())
    }
}

/// The stored answer if none came.
pub(crate) fn no_answer(intent: Option<Seq>) -> Answer {
    Answer { intent, body: None, body_note: None, location: None, answered_after_us: 0 }
}

/// Whether the current state shows the writes of one request; `Verdict::None` if one of them is
/// unclear.
pub(crate) fn verdict_from_state(
    context: &Context,
    requests: &[UpstreamRequest],
    view: &View<'_>,
) -> Result<Verdict, ProjectorError> {
    let mut verdict = if requests.is_empty() { Verdict::None } else { Verdict::Confirmed };
    for one in requests {
        let is_there = match &one.id {
            Some(id) => {
                let number = view.number_of_id(context.application, one.stored_type, id)?;
                let version = match number {
                    Some(number) => view.version(context.application, number, View::NOW)?,
                    None => None,
                };
                version.is_some_and(|version| version.state.is_some())
            }
            None => {
                let lookups = one.lookups();
                if lookups.is_empty() {
                    verdict = Verdict::None;
                    continue;
                }
                let (app, mut is_there) = (context.application, false);
                for (attribute, value) in lookups {
                    let case_folded = case_folded(attribute, &value);
                    for holder in view.lookup(app, one.stored_type, attribute, &case_folded)? {
                        is_there |=
                            !is_recorded_with_other_external_id(view, app, &one.names, holder)?;
                    }
                }
                is_there
            }
        };
        if is_there == (one.method == Method::Delete) {
            return Ok(Verdict::Contradicted);
        }
        if matches!(one.method, Method::Put | Method::Patch) {
            // It exists; whether the write changed it is unknown.
            verdict = Verdict::None;
        }
    }
    Ok(verdict)
}

/// An observation that only settles an operation.
pub(crate) fn settling_event(
    context: &Context,
    (number, resource_type): (Number, ResourceType),
    doubt: Seq,
    verdict: Verdict,
    (occasion, origin): (Occasion, Option<Origin>),
) -> Draft {
    let (touches, settles) = (vec![], vec![doubt]);
    let seen = Observation { resource_type, number, touches, occasion, settles, verdict };
    let application = context.application;
    Draft { application, origin, fact: Fact::Observation(seen), parts: vec![], passed: vec![] }
}
