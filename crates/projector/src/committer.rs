//! The one writer. Commands wait in a queue; a thread of its own takes what waits as one batch:
//! decides each in order, folds it, appends the batch's events in one synced write, publishes the
//! rows in another, and lets the replies leave.
//!
//! What a crash leaves, step by step:
//!
//! ```text
//!  decide, fold   nothing was written; the clients got no answer
//!  append         the events are in the log, the rows are not: the next start folds them. The
//!                 clients got no answer and will ask again
//!  publish        as if it had been answered
//! ```
//!
//! An append or publish that fails poisons the committer: whether the events are in the log is
//! known only after the store was opened again, so nothing more is decided or shown until then.
//!
//! `writer` is the thread.

mod handles;
mod shared;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::thread::JoinHandle;

use event::codec::decode_header;
use event::{Application, Clock, Timestamp};
use store::{Store, StoreError};
use tlog::{SignedCheckpoint, TreeHead};
use tokio::sync::{Semaphore, oneshot};

use self::shared::{Message, Shared};
use self::writer::Writer;
use crate::clock_guard::ClockGuard;
use crate::command::{Decision, Durability, Pending, Stamp};
use crate::error::{CommitError, ProjectorError};
use crate::gate::Gate;
use crate::signer::{Signer, last_checkpoint};
use crate::unauthenticated::limit::UnauthenticatedLimit;
use crate::view::View;

/// How the committer works; nothing here changes what is stored.
#[derive(Clone, Debug)]
pub struct CommitterOptions {
    /// The clock that stamps events.
    pub clock: Clock,
    /// Record changes even while the clock is far behind the last event (`--accept-clock`).
    pub accept_clock: bool,
    /// How many commands of one application may be queued or running. Further calls of
    /// [`Committer::submit`] wait.
    pub commands_max: usize,
    /// Below this much free space [`Stamp::disk_full`] is set.
    pub disk_reserve_bytes: u64,
    /// Signs checkpoints; without it the last one stays as it is.
    pub signer: Option<Arc<Signer>>,
}

/// Hands commands to the committer's thread. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    handle: Arc<Handle>,
    /// The lane of the queue that its commands wait in.
    application: Application,
}

/// The committer's thread ends when this is dropped.
struct Handle {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

/// Does not keep the committer's thread running.
pub(crate) struct WeakCommitter(Weak<Handle>);

impl WeakCommitter {
    pub(crate) fn upgrade(self) -> Option<Committer> {
        let handle = self.0.upgrade()?;
        Some(Committer { handle, application: Application::RECORDER })
    }
}

impl Committer {
    /// Starts the thread. The store's rows must have caught up with the log.
    ///
    /// # Errors
    /// When the log's last event cannot be read; when there is no last checkpoint of a log with events, it
    /// is not signed by a key of the signer, or the log's tree is not the one that was signed; or when the
    /// kept file cannot be written.
    pub fn start(
        store: Arc<Store>,
        options: CommitterOptions,
    ) -> Result<(Committer, JoinHandle<()>), ProjectorError> {
        let next_seq = store.log_size()?;
        let last_recorded_at = last_recorded_at(&store)?;
        let mut checkpoint = last_checkpoint(&store, next_seq, options.signer.as_deref())?;
        if next_seq == 0 {
            // Written before the first event, because events without a kept file, or without a checkpoint
            // in it, count as damage. Later starts leave the file alone until they have recorded the gap
            // since it was written.
            if let (None, Some(signer)) = (&checkpoint, &options.signer) {
                checkpoint = Some(signer.sign(TreeHead::EMPTY)?);
            }
            let text = checkpoint.as_ref().map(ToString::to_string);
            store.keep(0, options.clock.now(), text)?;
        }
        let shared = Arc::new(Shared {
            store: Arc::clone(&store),
            clock: ClockGuard::new(options.clock, options.accept_clock, last_recorded_at),
            poisoned: AtomicBool::new(false),
            disk_free_bytes: AtomicU64::new(store.disk_free_bytes()?),
            configurations: AtomicU64::new(0),
            gate: Gate::default(),
            commands_max: options.commands_max,
            permits: Mutex::default(),
            unauthenticated: UnauthenticatedLimit::default(),
            signer: options.signer,
            checkpoint: RwLock::new(checkpoint.map(Arc::new)),
        });
        let (queue, waiting) = channel();
        let reserve = options.disk_reserve_bytes;
        let writer = Writer::new(store, Arc::clone(&shared), reserve, next_seq, last_recorded_at);
        let thread = std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || writer.run(&waiting))
            .map_err(ProjectorError::Thread)?;
        let handle = Arc::new(Handle { queue, shared });
        Ok((Committer { handle, application: Application::RECORDER }, thread))
    }

    /// The same committer for commands of one application. Each application has its own lane in the
    /// queue and the lanes take turns, so one application's costly requests do not delay others.
    pub fn of(&self, application: Application) -> Committer {
        Committer { handle: Arc::clone(&self.handle), application }
    }

    fn permits(&self) -> Arc<Semaphore> {
        let shared = &self.handle.shared;
        // A panic while the lock is held cannot leave the map half changed.
        let mut permits = shared.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(shared.commands_max));
        Arc::clone(permits.entry(self.application).or_insert_with(new))
    }

    /// Queues a decision and waits for its reply. The reply leaves after the events are appended (with
    /// [`Durability::Synced`] also synced) and the rows published. `decide` runs on the committer's
    /// thread, so it must be short and depend on its arguments alone. Dropping the future does not
    /// withdraw the decision.
    ///
    /// # Errors
    /// [`CommitError`], see there.
    pub async fn submit<R: Send + 'static>(
        &self,
        durability: Durability,
        decide: impl FnOnce(&View<'_>, Stamp) -> Result<Decision<R>, ProjectorError> + Send + 'static,
    ) -> Result<R, CommitError> {
        self.check()?;
        let permit = self.permits().acquire_owned().await.map_err(|_| CommitError::Stopped)?;
        let (sender, receiver) = oneshot::channel();
        let pending = Pending {
            application: self.application,
            durability,
            decide: Some(decide),
            reply: None,
            sender,
            _permit: permit,
        };
        self.handle.queue.send(Message::Command(Box::new(pending))).map_err(|_| self.ended())?;
        receiver.await.map_err(|_| self.ended())?
    }

    /// Why the thread no longer answers.
    fn ended(&self) -> CommitError {
        self.check().err().unwrap_or(CommitError::Stopped)
    }

    /// Whether events can be written, as far as is known.
    ///
    /// # Errors
    /// [`CommitError::Poisoned`] or [`CommitError::LogDamaged`] once an append or publish has failed, and
    /// [`CommitError::RowsDamaged`] once a row could not be read that was needed.
    pub fn check(&self) -> Result<(), CommitError> {
        self.handle.shared.check()
    }

    /// Free bytes on the log's disk; asked once a second under load, less often when idle.
    pub fn disk_free_bytes(&self) -> u64 {
        self.handle.shared.disk_free_bytes.load(Ordering::Relaxed)
    }

    /// A counter that changes with every published change of configuration. Read it before taking a
    /// snapshot: what the snapshot says of configuration holds while the counter stays the same.
    pub fn configuration(&self) -> u64 {
        self.handle.shared.configurations.load(Ordering::SeqCst)
    }

    /// The gate that keeps secrets out of the log.
    pub fn gate(&self) -> &Gate {
        &self.handle.shared.gate
    }

    /// The store behind it, for reading.
    pub fn store(&self) -> &Arc<Store> {
        &self.handle.shared.store
    }

    /// The clock as it is, even while its time is not believed; see [`Committer::now`].
    pub fn clock(&self) -> &Clock {
        self.handle.shared.clock.clock()
    }

    /// The present time: what the clock shows, or the expected time if the clock jumped ahead.
    pub fn now(&self) -> Timestamp {
        self.handle.shared.clock.now()
    }

    pub(crate) fn unauthenticated(&self) -> &UnauthenticatedLimit {
        &self.handle.shared.unauthenticated
    }

    pub(crate) fn downgrade(&self) -> WeakCommitter {
        WeakCommitter(Arc::downgrade(&self.handle))
    }

    /// The checkpoint that was signed last: at most a second behind the log under load, ten seconds when
    /// idle. It is in the kept file. `None` before the first one.
    pub fn checkpoint(&self) -> Option<Arc<SignedCheckpoint>> {
        self.handle.shared.checkpoint()
    }

    /// Signs a checkpoint of all that was recorded so far, and waits for it. `None` if there is no key, or
    /// the kept file cannot be written.
    ///
    /// # Errors
    /// As [`Committer::submit`].
    pub async fn sign(&self) -> Result<Option<Arc<SignedCheckpoint>>, CommitError> {
        self.check()?;
        let (sender, receiver) = oneshot::channel();
        self.handle.queue.send(Message::Sign(sender)).map_err(|_| self.ended())?;
        receiver.await.map_err(|_| self.ended())
    }

    /// The keys that sign checkpoints.
    pub fn signer(&self) -> Option<&Signer> {
        self.handle.shared.signer.as_deref()
    }

    /// Finishes the queued commands, syncs the log and ends the thread.
    pub async fn stop(&self) {
        let (sender, done) = oneshot::channel();
        if self.handle.queue.send(Message::Stop(sender)).is_ok() {
            let _ = done.await;
        }
    }
}

/// When the log's last event was recorded; `i64::MIN` for an empty log.
///
/// # Errors
/// When the event cannot be read.
pub fn last_recorded_at(store: &Store) -> Result<Timestamp, ProjectorError> {
    let Some(seq) = store.log_size()?.checked_sub(1) else { return Ok(Timestamp(i64::MIN)) };
    let bytes = store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
    let header = decode_header(&bytes).map_err(|source| ProjectorError::Event { seq, source })?;
    Ok(header.recorded_at)
}

#[cfg(test)]
mod tests;
