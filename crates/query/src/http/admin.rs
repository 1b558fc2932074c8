//! Requests that change something, and attempts of those who may not.
//!
//! Whoever sends a body is let in before it has arrived. So what an admin asks for is decided for their
//! credential: when it was taken back meanwhile, nothing happens, and the attempt is recorded.

use event::{Access, Application, Content, Fact, Number, Origin, Part};
use projector::{Decision, Draft, Durability, ProjectorError, Stamp, View};

use super::access::kept;
use super::{Ask, Reading};
use crate::Query;
use crate::caller::Caller;
use crate::error::Error;

/// A longer address of an attempt is stored cut.
const TARGET_BYTES_MAX: usize = 256;

/// An admin whose request changes something.
pub(super) struct Admin {
    origin: Origin,
    attempt: Attempt,
}

impl Admin {
    /// What the request leaves in an event.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Ask {
    /// Finds out whether an admin asks, and looks.
    pub(super) async fn admin<T: Send + 'static>(
        self,
        look: impl FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<(Admin, T), Error> {
        let attempt = Attempt::of(&self);
        self.read(move |reading| {
            let origin = reading.caller.clone().into_admin()?;
            let seen = look(&reading)?;
            Ok((Admin { origin, attempt }, seen))
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
        let Admin { origin, attempt } = admin;
        let credential = origin.credential;
        let decide = move |authority: Result<(), projector::Revoked>, view: &View<'_>, stamp| {
            if authority.is_err() {
                let error = Error::Unauthenticated;
                let status = error.status().as_u16();
                let event = attempt.into_draft(Application::RECORDER, origin, status);
                return Ok(Decision { events: vec![event], reply: Err(error) });
            }
            decide(origin, view, stamp)
        };
        self.committer.submit_for(credential, Durability::Synced, decide).await?
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
        if !query.committer.admits_stranger(application, bytes) {
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
