//! A question in progress: its caller, the snapshot that answers it, and the event that records it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Path};
use axum::http::Uri;
use axum::http::request::Parts;
use budget::{Counted, Owner, UnderWay};
use event::Application;
use incoming::HasLeft;
use projector::{Decision, Durability};
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;

use super::access::Asked;
use super::admin::{Attempt, Unrecorded};
use super::of_export::OfExport;
use crate::Query;
use crate::answer::Told;
use crate::caller::{Caller, Sender};
use crate::error::Error;
use crate::record::Record;

/// A question as it arrived; its caller is not identified yet.
pub(crate) struct Ask {
    pub(crate) query: Arc<Query>,
    pub(crate) sender: Sender,
    /// The template of the address.
    pub(crate) route: String,
    /// Set for a page of an export, which is recorded as a whole.
    pub(super) of_export: Option<OfExport>,
    pub(crate) uri: Uri,
    /// Tells whether the client has left, if the listener knows.
    pub(super) has_left: Option<HasLeft>,
    /// Whose share of the memory it uses.
    pub(super) owner: Owner,
    /// The request, if it may change something, until it has left an event.
    pub(super) unrecorded: Unrecorded,
    /// Shared resources that it holds until it is answered, even if the client has left.
    _kept: (Option<UnderWay>, Option<Counted>),
}

impl FromRequestParts<Arc<Query>> for Ask {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, query: &Arc<Query>) -> Result<Ask, Error> {
        Ok(Ask::of(parts, query))
    }
}

impl Ask {
    /// The question of a request with this head.
    pub(crate) fn of(parts: &Parts, query: &Arc<Query>) -> Ask {
        let query = Arc::clone(query);
        let route = parts.extensions.get::<MatchedPath>();
        let route = route.map(|route| route.as_str().to_owned()).unwrap_or_default();
        let of_export = parts.extensions.get::<OfExport>().copied();
        let has_left = parts.extensions.get::<HasLeft>().cloned();
        let unrecorded = parts.extensions.get::<Unrecorded>().cloned().unwrap_or_default();
        let owner = incoming::owner(&parts.extensions);
        let (sender, uri) = (Sender::of(parts, &query.sessions), parts.uri.clone());
        let _kept = (parts.extensions.get().cloned(), parts.extensions.get().cloned());
        Ask { query, sender, route, of_export, uri, has_left, owner, unrecorded, _kept }
    }
}

/// A question by a known caller, with the snapshot that answers it.
pub(crate) struct Reading<'a> {
    pub(crate) query: &'a Query,
    pub(crate) record: Record<'a>,
    pub(crate) caller: Caller,
    pub(crate) uri: &'a Uri,
}

impl Reading<'_> {
    /// One application, or all that the caller may see.
    pub(super) fn applications(&self, one: Option<Application>) -> Result<Vec<Application>, Error> {
        if let Some(one) = one.or(self.caller.scope()) {
            return Ok(vec![one]);
        }
        let all = self.record.view.applications()?;
        Ok(all.into_iter().map(|row| row.number).collect())
    }

    /// The application to record for a question: one, or the recorder for all.
    pub(super) fn asked_application(&self, one: Option<Application>) -> Application {
        one.or(self.caller.scope()).unwrap_or(Application::RECORDER)
    }

    /// The names of all applications.
    pub(super) fn slugs(&self) -> Result<BTreeMap<Application, String>, Error> {
        let all = self.record.view.applications()?.into_iter();
        Ok(all.map(|row| (row.number, row.slug)).collect())
    }
}

impl Ask {
    /// Answers a question. Every read is recorded before the answer leaves.
    pub(crate) async fn answer<T: Told + Send + 'static>(
        self,
        answer: impl FnOnce(Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let query = Arc::clone(&self.query);
        let asked = Asked::of(&self);
        let is_of_export = self.of_export.is_some();
        if asked.names_known_at {
            // Whatever was decided before `knownAt` is published before this empty decision.
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

    /// Takes a snapshot, identifies the caller and runs `look`, on a blocking thread because it reads the
    /// disk.
    pub(crate) async fn read<T: Send + 'static>(
        self,
        look: impl FnOnce(Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Once the log is poisoned, the state is uncertain until the next start.
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

    /// Runs `look` over one snapshot. Sets `known` to the caller as soon as they are identified.
    pub(super) fn look<T>(
        self,
        known: &mut Option<Caller>,
        look: impl FnOnce(Reading<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Ask { query, sender, uri, of_export, .. } = self;
        let clock_shows = query.committer.now();
        let store = query.committer.store();
        let snapshot = store.snapshot();
        let mut record = Record::new(store, &snapshot, clock_shows, &query.cursor_key)?;
        let caller = sender.identify(&record.view, &query.sessions, clock_shows)?;
        *known = Some(caller.clone());
        caller.check(record.now)?;
        if let Some(first) = of_export.and_then(|page| page.first) {
            record = record.as_of_then(first.size, first.now);
        }
        record = record.seen_by(caller.scope(), &query.committer);
        look(Reading { query: &query, record, caller, uri: &uri })
    }
}

impl Query {
    /// Runs `look` over a new snapshot, for a caller who was identified before. Reads the disk, so it runs on
    /// a blocking thread.
    pub(super) async fn look_as<T: Send + 'static>(
        self: &Arc<Query>,
        caller: Caller,
        look: impl FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.committer.check()?;
        let (span, query) = (tracing::Span::current(), Arc::clone(self));
        let thread = query.budget.thread().await;
        let looked = spawn_blocking(move || {
            let (_entered, _thread) = (span.enter(), thread);
            let clock_shows = query.committer.now();
            let store = query.committer.store();
            let snapshot = store.snapshot();
            let record = Record::new(store, &snapshot, clock_shows, &query.cursor_key)?;
            let record = record.seen_by(caller.scope(), &query.committer);
            look(&Reading { query: &query, record, caller, uri: &Uri::from_static("/") })
        });
        looked.await.map_err(|_| Error::Defect)?
    }
}

/// The names in an address. An address that cannot be unescaped is not found.
pub(super) struct Names<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Names<T>, Error> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Names(names)),
            Err(_) => Err(Error::NotFound("there is nothing at this address")),
        }
    }
}
