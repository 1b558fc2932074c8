//! What the committer's thread does between batches: sync, write the kept file, flush, and measure the
//! free disk space.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use event::Stopwatch;
use store::{StoreError, with_causes};
use tlog::SignedCheckpoint;

use super::Writer;
use crate::error::ProjectorError;
use crate::signer::Signer;
use crate::tree;

/// Unsynced events are at most this old.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// The kept file is written at most this often under load, and this often when idle.
const KEEP_AFTER: Duration = Duration::from_secs(1);
const KEEP_IDLE: Duration = Duration::from_secs(10);
/// The free disk space is measured this often.
const DISK_AFTER: Duration = Duration::from_secs(1);
/// A log line warns when the free space falls below this many times the reserve.
const DISK_WARN_RESERVES: u64 = 4;
/// The memtables are flushed this often, which limits how much the next start must fold.
const FLUSH_AFTER: Duration = Duration::from_secs(60);

impl Writer {
    /// Measures the free disk space, and warns once when it becomes low.
    fn ask_disk(&mut self) {
        if self.disk_asked_at.elapsed() < DISK_AFTER {
            return;
        }
        self.disk_asked_at = Stopwatch::start();
        let free_bytes = match self.store.disk_free_bytes() {
            Ok(free_bytes) => free_bytes,
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(error, "the free space of the disk is not known");
                return;
            }
        };
        self.shared.disk_free_bytes.store(free_bytes, Ordering::Relaxed);
        let little = free_bytes < self.disk_reserve_bytes.saturating_mul(DISK_WARN_RESERVES);
        if little && !self.disk_warned {
            tracing::warn!(
                free_bytes,
                reserve_bytes = self.disk_reserve_bytes,
                "the disk fills up"
            );
        }
        self.disk_warned = little;
    }

    /// Fills the filter of names a piece further. Without it everything works, only slower.
    fn fill_memory(&mut self) {
        if let Err(error) = self.memory.fill(&self.store.snapshot()) {
            let error = with_causes(&error);
            tracing::warn!(error, "the names in the rows cannot be read; they are not filtered");
            self.memory.give_names_up();
        }
    }

    pub(super) fn until_next_chore(&self) -> Duration {
        if self.memory.wants_filling() && self.shared.check().is_ok() {
            return Duration::ZERO;
        }
        match &self.unsynced_since {
            Some(since) => self.until_next_keep().min(SYNC_AFTER.saturating_sub(since.elapsed())),
            None => self.until_next_keep(),
        }
    }

    fn until_next_keep(&self) -> Duration {
        let keep_after = if self.synced > self.kept { KEEP_AFTER } else { KEEP_IDLE };
        keep_after.saturating_sub(self.kept_at.elapsed())
    }

    pub(super) fn chores(&mut self) -> Result<(), ProjectorError> {
        fail::fail_point!("chores");
        self.ask_disk();
        if self.shared.check().is_err() {
            // The log is poisoned, so what was synced is not known: leave the kept file as it is.
            self.kept_at = Stopwatch::start();
            self.unsynced_since = None;
            self.asked.clear();
            return Ok(());
        }
        if self.memory.wants_filling() {
            self.fill_memory();
        }
        // The kept file says until when the recorder was alive, so sync what was recorded until then
        // first: a loss of power must not lose it.
        let keeps = self.until_next_keep().is_zero() || !self.asked.is_empty();
        if self.unsynced_since.is_some_and(|since| keeps || since.elapsed() >= SYNC_AFTER) {
            self.store.sync()?;
            self.synced = self.next_seq;
            self.unsynced_since = None;
        }
        if keeps {
            match self.keep() {
                Ok(()) => {}
                // Another process writes in the folder. Only one of the two may go on.
                Err(error @ ProjectorError::Store(StoreError::NotAlone { .. })) => {
                    return Err(error);
                }
                // The old kept file is still there and names fewer events; try again next time.
                Err(error) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        "the kept file could not be replaced"
                    );
                    self.kept_at = Stopwatch::start();
                }
            }
        }
        if !self.asked.is_empty() {
            let whole =
                |signed: &Arc<SignedCheckpoint>| signed.unverified().head().size == self.next_seq;
            let signed = self.shared.checkpoint().filter(whole);
            for waiting in self.asked.drain(..) {
                let _ = waiting.send(signed.clone());
            }
        }
        if self.flushed_at.elapsed() >= FLUSH_AFTER {
            if self.next_seq > self.flushed {
                // Without the flush the next start folds more events; nothing else is lost.
                match self.store.flush(false) {
                    Ok(()) => self.flushed = self.next_seq,
                    Err(error) => {
                        let error = with_causes(&error);
                        tracing::warn!(error, "the memtables could not be flushed");
                    }
                }
            }
            self.flushed_at = Stopwatch::start();
        }
        Ok(())
    }

    /// Writes the kept file, with a checkpoint of all that is synced. Only then does anybody get it.
    fn keep(&mut self) -> Result<(), ProjectorError> {
        let alive = self.shared.clock.now().max(self.last_recorded_at);
        let last = self.shared.checkpoint();
        let next = match &self.shared.signer {
            Some(signer) => self.checkpoint_after(last.as_deref(), signer),
            None => Ok(None),
        };
        // How far the log is synced is kept all the same. The next time it is tried again.
        let next = next.unwrap_or_else(|error| {
            tracing::error!(error = with_causes(&error), "no checkpoint could be signed");
            None
        });
        let text = match &next {
            Some(next) => Some(next.to_string()),
            None => last.map(|last| last.to_string()),
        };
        self.store.keep(self.synced, alive, text)?;
        self.kept = self.synced;
        self.kept_at = Stopwatch::start();
        if let Some(next) = next {
            let mut checkpoint =
                self.shared.checkpoint.write().unwrap_or_else(PoisonError::into_inner);
            *checkpoint = Some(Arc::new(next));
        }
        Ok(())
    }

    /// A checkpoint of all that is synced; `None` if the last one is that already.
    fn checkpoint_after(
        &self,
        last: Option<&SignedCheckpoint>,
        signer: &Signer,
    ) -> Result<Option<SignedCheckpoint>, ProjectorError> {
        let is_new = last.is_none_or(|last| last.unverified().head().size < self.synced);
        // Without unsynced events the tree is the one of the synced events.
        if !is_new || self.synced == 0 || self.synced != self.next_seq {
            return Ok(None);
        }
        let tree = match &self.memory.heads.tree {
            Some(tree) => tree.clone(),
            None => tree::frontier(&self.store.snapshot(), self.next_seq)?,
        };
        if tree.size() != self.synced {
            return Err(ProjectorError::TreeSize { size: tree.size(), seq: self.synced });
        }
        fail::fail_point!("sign", |_| Err(ProjectorError::Sign("a failpoint".to_owned())));
        signer.sign(tree.head()).map(Some)
    }

    /// Syncs, flushes and writes the kept file when the process stops in order.
    pub(super) fn close(&mut self) {
        if self.shared.check().is_err() {
            return;
        }
        let closed = self.store.sync().map_err(ProjectorError::from).and_then(|()| {
            self.synced = self.next_seq;
            let flushed = self.store.flush(true);
            // After the flush, so that the kept file names the database's newest list of files.
            self.keep()?;
            Ok(flushed?)
        });
        if let Err(error) = closed {
            self.poison(&error);
        }
    }
}
