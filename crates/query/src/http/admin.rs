//! Requests that change something, and attempts of those who may not.
//!
//! Whoever sends a body is let in before it has arrived. So what an admin asks for is decided for their
//! credential: when it was taken back meanwhile, nothing happens, and the attempt is recorded.
//!
//! What changes something is recorded by that. What an admin asks for and changes nothing, because it
//! is refused, only looks or was done before, is recorded as a question is: [`recorded`] sees to that
//! for all addresses.

use std::sync::{Arc, Mutex, PoisonError};

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

/// A longer address of an attempt is stored cut.
const TARGET_BYTES_MAX: usize = 256;

/// What an admin asked for and has left no event yet.
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
    /// An admin asks.
    fn begin(&self, asked: Asked, origin: Origin, head: Seq) {
        self.with(|place| *place = Some(Pending { asked, origin, head, application: None }));
    }

    /// It left an event of its own; or that is what is written now.
    fn take(&self) -> Option<Pending> {
        self.with(Option::take)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Option<Pending>) -> T) -> T {
        // A panic while this was held leaves no half-made state.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Records what an admin asked for when it left no event of its own, before the answer leaves.
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

/// An admin whose request changes something.
pub(super) struct Admin {
    origin: Origin,
    attempt: Attempt,
    unrecorded: Unrecorded,
}

impl Admin {
    /// What the request leaves in an event.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The request asks a question, which is on record if nothing comes of it.
    pub(super) fn asks(&self, question: &str) {
        self.unrecorded.with(|place| {
            if let Some(pending) = place {
                pending.asked.ask(question);
            }
        });
    }

    /// The request concerns one application, or the server where it is the recorder's.
    pub(super) fn concerns(&self, application: Application) {
        self.unrecorded.with(|place| {
            if let Some(pending) = place {
                pending.application = Some(application).filter(|one| *one != Application::RECORDER);
            }
        });
    }
}

impl Ask {
    /// Finds out whether an admin asks, and looks.
    pub(super) async fn admin<T: Send + 'static>(
        self,
        look: impl FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<(Admin, T), Error> {
        let (attempt, asked) = (Attempt::of(&self), Asked::of(&self));
        let unrecorded = self.unrecorded.clone();
        self.read(move |reading| {
            let origin = reading.caller.clone().into_admin()?;
            unrecorded.begin(asked, origin.clone(), reading.record.head);
            let seen = look(&reading)?;
            Ok((Admin { origin, attempt, unrecorded }, seen))
        })
        .await
    }
}

impl Query {
    /// Decides what an admin asks for, if their token still counts.
    pub(super) async fn decide<T: Send + 'static>(
        &self,
        admin: Admin,
        decide: impl FnOnce(
            Origin,
            &View<'_>,
            Stamp,
        ) -> Result<Decision<Result<T, Error>>, ProjectorError>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let Admin { origin, attempt, unrecorded } = admin;
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

    /// Hands over what came of something that an admin asked for and was decided elsewhere, if their
    /// token still counts. Where it brought something, `is_recorded` says whether that left an event.
    pub(super) async fn hand_over<T: Send + 'static>(
        &self,
        admin: Admin,
        done: Result<T, Error>,
        is_recorded: bool,
    ) -> Result<T, Error> {
        let unrecorded = admin.unrecorded.clone();
        let is_recorded = is_recorded && done.is_ok();
        let decide = move |_, _: &View<'_>, _| Ok(Decision { events: vec![], reply: done });
        let told = self.decide(admin, decide).await;
        if is_recorded && told.is_ok() {
            unrecorded.take();
        }
        told
    }
}

/// A decision that leaves nothing.
pub(super) fn refusal<T>(error: Error) -> Result<Decision<Result<T, Error>>, ProjectorError> {
    Ok(Decision { events: vec![], reply: Err(error) })
}

/// What is kept of an attempt that is refused.
pub(super) struct Attempt {
    route: String,
    target: String,
}

impl Attempt {
    pub(super) fn of(ask: &Ask) -> Attempt {
        let target = ask.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        Attempt { route: ask.route.clone(), target: kept(&target, TARGET_BYTES_MAX) }
    }

    /// Records an attempt of somebody whose token is known and does not allow it. Those of one
    /// application are as many as may come from strangers; what comes above is counted with those.
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
        let part = Part { subject: Number::NOBODY, content: Content::Target(self.target) };
        let (origin, fact) = (Some(origin), Fact::Access(access));
        Draft { application, origin, fact, parts: vec![part], passed: vec![] }
    }
}
