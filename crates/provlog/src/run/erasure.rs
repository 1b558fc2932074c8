//! Carries out what erases: destroys keys, removes what is left in files, and records that this was done. Also
//! ends the retention of what was sent.
//!
//! An erasure is ordered by its event, which is synced first. All that follows can be repeated, and a start
//! repeats it: so a crash leaves no key, and neither do keys that were restored from an older backup.

use std::sync::Arc;
use std::time::Duration;

use event::codec::decode_header;
use event::{
    Application, ErasureCompleted, Fact, Number, SentErased, Seq, Stopwatch, SubjectsErased,
    Timestamp,
};
use keys::{KeysError, Vault};
use projector::{Committer, Decision, Draft, Durability, Erasure, ProjectorError, Retention, View};
use query::{CarryOut, ErasureFailure, ErasureRequest};
use sealing::{Month, Owner};
use store::{Store, StoreError, key, with_causes};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::unlock::UnlockError;

/// How long to wait for answers that still show what was erased. The longest export ends by then.
const SNAPSHOTS_MAX: Duration = Duration::from_secs(3_600);
/// How long to wait for them at once.
const SNAPSHOT_TRY: Duration = Duration::from_secs(1);
/// Who asked for an erasure is answered after this time, also if it goes on.
const ANSWER_AFTER_MAX: Duration = Duration::from_secs(60);
/// How often the retention is looked after.
const RETENTION_EVERY: Duration = Duration::from_secs(3_600);

/// Carries out erasures on a log.
#[derive(Clone)]
pub(super) struct Eraser {
    committer: Committer,
    vault: Arc<Vault>,
    stopping: CancellationToken,
}

/// Destroys again all keys that the log says were destroyed, and returns the erasures that no event says were
/// carried out.
pub(super) fn repeat(vault: &Vault, store: &Store) -> Result<Vec<ErasureRequest>, UnlockError> {
    let snapshot = store.snapshot();
    let view = View::new(&snapshot);
    let mut unfinished = vec![];
    for Erasure { seq, application, completed_seq } in view.erasures()? {
        let numbers = ordered(store, seq)?;
        if completed_seq.is_none() {
            // Also what is destroyed already: whether that was synced is not known.
            vault.erase(&people(application, &numbers), seq)?;
            unfinished.push(ErasureRequest { seq, application, numbers });
        } else {
            destroy(vault, &people(application, &numbers), seq)?;
        }
    }
    for application in view.applications()? {
        let Retention { erased_through, .. } = view.retention(application.number)?;
        if let (Some(through), Some(first)) = (erased_through, first_month(store)?) {
            destroy(vault, &sent(application.number, first, through), NO_EVENT)?;
        }
    }
    Ok(unfinished)
}

/// What was sent has no event of its own: the retention row says until when it was destroyed.
const NO_EVENT: Seq = 0;

/// Destroys those of these keys that are still there.
fn destroy(vault: &Vault, owners: &[Owner], seq: Seq) -> Result<(), KeysError> {
    let is_there =
        |owner: &&Owner| !matches!(vault.keys().key(**owner), Err(KeysError::Erased { .. }));
    let there: Vec<Owner> = owners.iter().filter(is_there).copied().collect();
    if there.is_empty() { Ok(()) } else { vault.erase(&there, seq) }
}

/// Whom an erasure names.
fn ordered(store: &Store, seq: Seq) -> Result<Vec<Number>, ProjectorError> {
    let bytes = store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
    match decode_header(&bytes).map_err(ProjectorError::event(seq))?.fact {
        Fact::SubjectsErased(SubjectsErased { numbers }) => Ok(numbers),
        _ => Err(ProjectorError::Row { what: "an erasure", source: None }),
    }
}

fn people(application: Application, numbers: &[Number]) -> Vec<Owner> {
    numbers.iter().map(|number| Owner::Person { application, number: *number }).collect()
}

fn sent(application: Application, first: Month, through: u32) -> Vec<Owner> {
    let months = (first.0..=through).map(Month);
    months.map(|month| Owner::Sent { application, month }).collect()
}

/// The month of the log's first event.
fn first_month(store: &Store) -> Result<Option<Month>, ProjectorError> {
    let Some(bytes) = store.event_bytes(0)? else { return Ok(None) };
    let header = decode_header(&bytes).map_err(ProjectorError::event(0))?;
    Ok(Some(Month::of(header.recorded_at)))
}

impl Eraser {
    pub(super) fn new(
        committer: Committer,
        vault: Arc<Vault>,
        stopping: CancellationToken,
    ) -> Eraser {
        Eraser { committer, vault, stopping }
    }

    /// Carries out an erasure whose event is synced. Returns the seq of the event that says so.
    pub(super) async fn carry_out(self, request: ErasureRequest) -> Result<Seq, ErasureFailure> {
        let failed = |error: &dyn std::error::Error| {
            let error = with_causes(error);
            tracing::error!(error, "an erasure could not be carried out");
            ErasureFailure(error)
        };
        let ErasureRequest { seq, application, numbers } = request;
        let Eraser { committer, vault, stopping } = self;
        let personal = key::personal(application, &numbers);
        let destroyed = spawn_blocking(move || {
            let destroyed = vault.erase(&people(application, &numbers), seq);
            #[cfg(feature = "failpoints")]
            fail::fail_point!("keys-destroyed", |_| std::process::abort());
            destroyed
        });
        let destroyed = destroyed.await.map_err(|error| failed(&error))?;
        destroyed.map_err(|error| failed(&error))?;
        let watch = Stopwatch::start();
        loop {
            let (store, personal) = (Arc::clone(committer.store()), personal.clone());
            let purged = spawn_blocking(move || store.purge_rows(&personal, SNAPSHOT_TRY));
            match purged.await.map_err(|error| failed(&error))? {
                Ok(()) => break,
                // An export may go on for long, but a stop does not wait for this.
                Err(StoreError::SnapshotHeld { .. })
                    if watch.elapsed() < SNAPSHOTS_MAX && !stopping.is_cancelled() => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        #[cfg(feature = "failpoints")]
        fail::fail_point!("rows-purged", |_| std::process::abort());
        let completed = ErasureCompleted { erasure: seq };
        let completed = committer.submit(Durability::Synced, move |view, stamp| {
            let all = view.erasures()?;
            let known = all.iter().find(|one| one.seq == seq).and_then(|one| one.completed_seq);
            // Somebody else may have carried it out meanwhile.
            if let Some(known) = known {
                return Ok(Decision { events: vec![], reply: known });
            }
            let fact = Fact::ErasureCompleted(completed);
            let event = own(application, fact);
            Ok(Decision { events: vec![event], reply: stamp.seq })
        });
        completed.await.map_err(|error| failed(&error))
    }

    /// Goes on with what is unfinished, and ends the retention of what was sent: now, each hour and when it is
    /// set, until the server stops.
    pub(super) async fn retain(self, set: Arc<Notify>) {
        loop {
            // What failed before is tried again.
            let (vault, store) = (Arc::clone(&self.vault), Arc::clone(self.committer.store()));
            match spawn_blocking(move || repeat(&vault, &store)).await {
                Ok(Ok(unfinished)) => {
                    for request in unfinished {
                        // It is told where it fails, and tried again.
                        let _ = self.clone().carry_out(request).await;
                    }
                }
                Ok(Err(error)) => {
                    let error = with_causes(&error);
                    tracing::error!(error, "erased keys could not be destroyed again");
                }
                Err(_) => {}
            }
            if let Err(error) = self.end_retention().await {
                let error = with_causes(&*error);
                tracing::error!(
                    error,
                    "what was sent could not be erased at the end of its retention"
                );
            }
            tokio::select! {
                () = self.stopping.cancelled() => return,
                () = set.notified() => {}
                () = tokio::time::sleep(RETENTION_EVERY) => {}
            }
        }
    }

    async fn end_retention(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let now = self.committer.now();
        let Some(first) = first_month(self.committer.store())? else { return Ok(()) };
        let ended = self.committer.submit(Durability::Synced, move |view, stamp| {
            let mut events = vec![];
            let mut ended = vec![];
            // A clock that is not believed erases nothing.
            if stamp.clock_fault.is_none() {
                for application in view.applications()? {
                    let number = application.number;
                    let through = over(view.retention(number)?, now);
                    // Nothing was sent before the log began.
                    if let Some(through) = through.filter(|through| *through >= first.0) {
                        events.push(own(number, Fact::SentErased(SentErased { through })));
                        ended.push((number, through));
                    }
                }
            }
            Ok(Decision { events, reply: ended })
        });
        let ended = ended.await?;
        let vault = Arc::clone(&self.vault);
        let destroyed = spawn_blocking(move || -> Result<(), UnlockError> {
            for (application, through) in ended {
                destroy(&vault, &sent(application, first, through), NO_EVENT)?;
            }
            Ok(())
        });
        Ok(destroyed.await??)
    }
}

/// Carries out erasures as tasks of their own, which go on when whoever asked has left or waited for long.
pub(super) fn carry_out(eraser: Eraser, tasks: TaskTracker) -> CarryOut {
    Arc::new(move |request| {
        let carrying_out = tasks.spawn(eraser.clone().carry_out(request));
        Box::pin(async move {
            match tokio::time::timeout(ANSWER_AFTER_MAX, carrying_out).await {
                Ok(carried_out) => carried_out.map_err(|error| ErasureFailure(error.to_string()))?,
                Err(_) => Err(ErasureFailure(
                    "the keys are destroyed, and files still wait for an answer or export that is being \
                     made"
                        .to_owned(),
                )),
            }
        })
    })
}

/// Up to which month what was sent is to be erased now, if that is further than before.
fn over(retention: Retention, now: Timestamp) -> Option<u32> {
    let months = u32::from(retention.months?);
    let through = Month::of(now).0.checked_sub(months + 1)?;
    Some(through).filter(|through| retention.erased_through.is_none_or(|before| before < *through))
}

fn own(application: Application, fact: Fact) -> Draft {
    Draft { application, origin: None, fact, parts: vec![], passed: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_kept_for_whole_months() {
        // 2026-03-02
        let march = Timestamp(1_772_442_847_120_001);
        let at = |months, erased_through| over(Retention { months, erased_through }, march);
        assert_eq!(Month::of(march).to_string(), "2026-03");
        assert_eq!(at(None, None), None, "for ever");
        let february = Month::of(march).0 - 1;
        // February and all days of March are kept, January is not.
        assert_eq!(at(Some(1), None), Some(february - 1));
        assert_eq!(at(Some(1), Some(february - 2)), Some(february - 1));
        assert_eq!(at(Some(1), Some(february - 1)), None, "it is erased already");
        assert_eq!(at(Some(12), Some(february)), None, "a longer retention brings nothing back");
        assert_eq!(at(Some(600), None), Some(Month::of(march).0 - 601));
        assert_eq!(at(Some(u16::MAX), None), None, "before 1970");
    }
}
