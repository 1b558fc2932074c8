//! Requests that change something, and attempts of callers who may not. Most are for admins; the
//! description of each says for whom ([`Act::WHO`]).
//!
//! A caller is identified before the body arrives. So the token is checked again when the request is
//! decided: if it was revoked meanwhile, nothing changes and the attempt is recorded.
//!
//! A change is recorded by its own event. A request that may change something and does not (it is refused,
//! only reads, or repeats an earlier one) is recorded like a question, by [`recorded`] for all addresses.

use std::sync::{Arc, Mutex, PoisonError};

use answers::act::Act;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use event::{Access, Application, Content, Fact, Number, Origin, Part, Seq};
use projector::{Decision, Draft, Durability, ProjectorError, Stamp, View};

use super::access::{Asked, kept};
use super::ask::{Ask, Reading};
use crate::Query;
use crate::caller::Caller;
use crate::error::Error;

/// The address of an attempt is cut here.
const TARGET_BYTES_MAX: usize = 256;

/// A request that may change something and has left no event yet.
#[derive(Clone, Default)]
pub(super) struct Unrecorded(Arc<Mutex<Option<Pending>>>);

struct Pending {
    asked: Asked,
    origin: Origin,
    head: Seq,
    /// The application that it concerns, once that is known.
    application: Option<Application>,
}

impl Unrecorded {
    /// Notes the request.
    fn begin(&self, asked: Asked, origin: Origin, head: Seq) {
        self.with(|place| *place = Some(Pending { asked, origin, head, application: None }));
    }

    /// Takes the request out: it left its own event, or is about to be recorded.
    fn take(&self) -> Option<Pending> {
        self.with(Option::take)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Option<Pending>) -> T) -> T {
        // A panic under this lock leaves no half-made state.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Records a request that may change something and left no event of its own, before the answer leaves.
pub(super) async fn recorded(
    State(query): State<Arc<Query>>,
    mut request: Request,
    next: Next,
) -> Response {
    let unrecorded = Unrecorded::default();
    request.extensions_mut().insert(unrecorded.clone());
    let response = next.run(request).await;
    let Some(Pending { asked, origin, head, application }) = unrecorded.take() else {
        return response;
    };
    let about = application.map(|application| (application, Number::NOBODY));
    let came = (response.status().as_u16(), 0, about);
    match asked.record_as(&query, origin, head, came).await {
        Ok(()) => response,
        Err(error) => error.into_response(),
    }
}

/// Somebody whose request changes something.
pub(super) struct Actor {
    origin: Origin,
    attempt: Attempt,
    unrecorded: Unrecorded,
}

impl Actor {
    /// The origin to store in an event.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The request asks a question, which is recorded if the request leaves no event of its own.
    pub(super) fn asks(&self, question: &str) {
        self.unrecorded.with(|place| {
            if let Some(pending) = place {
                pending.asked.ask(question);
            }
        });
    }

    /// The request concerns one application, or the whole server (the recorder).
    pub(super) fn concerns(&self, application: Application) {
        self.unrecorded.with(|place| {
            if let Some(pending) = place {
                pending.application = Some(application).filter(|one| *one != Application::RECORDER);
            }
        });
    }
}

impl Ask {
    /// Checks that the caller may send this request, then runs `look` over a snapshot.
    pub(super) async fn act<A: Act, T: Send + 'static>(
        self,
        look: impl FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<(Actor, T), Error> {
        let (attempt, asked) = (Attempt::of(&self), Asked::of(&self));
        let unrecorded = self.unrecorded.clone();
        self.read(move |reading| {
            reading.caller.check_may(A::WHO)?;
            let origin = reading.caller.origin().clone();
            unrecorded.begin(asked, origin.clone(), reading.record.head);
            let seen = look(&reading)?;
            Ok((Actor { origin, attempt, unrecorded }, seen))
        })
        .await
    }
}

impl Query {
    /// Decides a request, if the token of its sender is still valid.
    pub(super) async fn decide<T: Send + 'static>(
        &self,
        actor: Actor,
        decide: impl FnOnce(
            Origin,
            &View<'_>,
            Stamp,
        ) -> Result<Decision<Result<T, Error>>, ProjectorError>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let Actor { origin, attempt, unrecorded } = actor;
        let credential = origin.credential;
        let decide = move |authority: Result<(), projector::Revoked>, view: &View<'_>, stamp| {
            let Decision { events, reply } = match authority {
                Ok(()) => decide(origin, view, stamp)?,
                Err(projector::Revoked) => {
                    let error = Error::Unauthenticated;
                    let status = error.status().as_u16();
                    let event = attempt.into_draft(Application::RECORDER, origin, status);
                    Decision { events: vec![event], reply: Err(error) }
                }
            };
            let is_recorded = !events.is_empty();
            Ok(Decision { events, reply: (reply, is_recorded) })
        };
        let decided = self.committer.submit_for(credential, Durability::Synced, decide).await?;
        let (reply, is_recorded) = decided;
        if is_recorded {
            unrecorded.take();
        }
        reply
    }

    /// Returns the result of a request that was decided elsewhere, if the token of its sender is still
    /// valid. `is_recorded` says whether a successful request left an event.
    pub(super) async fn hand_over<T: Send + 'static>(
        &self,
        actor: Actor,
        done: Result<T, Error>,
        is_recorded: bool,
    ) -> Result<T, Error> {
        let unrecorded = actor.unrecorded.clone();
        let is_recorded = is_recorded && done.is_ok();
        let decide = move |_, _: &View<'_>, _| Ok(Decision { events: vec![], reply: done });
        let told = self.decide(actor, decide).await;
        if is_recorded && told.is_ok() {
            unrecorded.take();
        }
        told
    }
}

/// A refusal without an event.
pub(super) fn refusal<T>(error: Error) -> Result<Decision<Result<T, Error>>, ProjectorError> {
    Ok(Decision { events: vec![], reply: Err(error) })
}

/// What is recorded of a refused attempt.
pub(super) struct Attempt {
    route: String,
    target: String,
}

impl Attempt {
    pub(super) fn of(ask: &Ask) -> Attempt {
        let target = ask.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        Attempt { route: ask.route.clone(), target: kept(&target, TARGET_BYTES_MAX) }
    }

    /// Records an attempt with a known token that does not allow it. An application's attempts have the
    /// limit of unauthenticated requests; those above it are only counted, together with those.
    pub(super) async fn record(
        self,
        query: &Query,
        caller: Caller,
        status: u16,
    ) -> Result<(), Error> {
        let (application, origin) = caller.into_parts();
        let chosen = [&self.target, &origin.user_agent, &origin.request_id];
        let bytes = chosen.iter().map(|text| text.len()).sum();
        if !query.committer.admits_unauthenticated(application, bytes) {
            return Ok(());
        }
        let event = self.into_draft(application, origin, status);
        let decide = move |_: &View<'_>, _| Ok(Decision { events: vec![event], reply: () });
        Ok(query.committer.submit(Durability::Appended, decide).await?)
    }

    fn into_draft(self, application: Application, origin: Origin, status: u16) -> Draft {
        let access = Access {
            route: self.route,
            exported: false,
            status,
            rows: 0,
            saw_seq: None,
            number: Number::NOBODY,
            all_applications: false,
        };
        let part = Part::new(Number::NOBODY, Content::Target(self.target));
        let (origin, fact) = (Some(origin), Fact::Access(access));
        Draft { application, origin, fact, parts: vec![part], passed: vec![] }
    }
}
