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
//! `upkeep` has what the thread does between batches.

mod upkeep;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use event::codec::{decode, decode_header, encode, holds_token};
use event::{Application, Clock, Content, Event, Fact, Header, Part, Seq, Stopwatch, Timestamp};
use store::{RowChanges, Snapshot, Store, StoreError, with_causes};
use tokio::sync::{Semaphore, oneshot};

use crate::clock_guard::ClockGuard;
use crate::command::{Command, Decision, Durability, Pending, Stamp};
use crate::draft::Draft;
use crate::error::{CommitError, ProjectorError};
use crate::fold::{FOLD_VERSION, fold};
use crate::gate::{self, Gate};
use crate::overlay::Overlay;
use crate::queue::Queue;
use crate::unauthenticated::UnauthenticatedLimit;
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
}

/// Limits of one batch, so that its first reply does not wait too long.
const BATCH_COMMANDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 16 << 20;
/// No further command joins a batch that has been decided and folded for this long.
const BATCH_MAX: Duration = Duration::from_millis(50);

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

struct Shared {
    store: Arc<Store>,
    clock: ClockGuard,
    poisoned: AtomicBool,
    disk_free_bytes: AtomicU64,
    /// How many batches changed configuration.
    configurations: AtomicU64,
    gate: Gate,
    commands_max: usize,
    /// Free queue places, by application. At most one entry for each application.
    permits: Mutex<BTreeMap<Application, Arc<Semaphore>>>,
    unauthenticated: UnauthenticatedLimit,
}

/// Does not keep the committer's thread running.
pub(crate) struct WeakCommitter(Weak<Handle>);

impl WeakCommitter {
    pub(crate) fn upgrade(self) -> Option<Committer> {
        let handle = self.0.upgrade()?;
        Some(Committer { handle, application: Application::RECORDER })
    }
}

impl Shared {
    fn check(&self) -> Result<(), CommitError> {
        if self.store.needs_rebuild() {
            Err(CommitError::RowsDamaged)
        } else if self.poisoned.load(Ordering::SeqCst) {
            let log_damaged = self.store.damage().log.is_some();
            Err(if log_damaged { CommitError::LogDamaged } else { CommitError::Poisoned })
        } else {
            Ok(())
        }
    }
}

enum Message {
    Command(Box<dyn Command>),
    Stop(oneshot::Sender<()>),
}

impl Committer {
    /// Starts the thread. The store's rows must have caught up with the log.
    ///
    /// # Errors
    /// When the log's last event cannot be read, or the kept file cannot be written.
    pub fn start(
        store: Arc<Store>,
        options: CommitterOptions,
    ) -> Result<(Committer, JoinHandle<()>), ProjectorError> {
        let next_seq = store.log_size()?;
        let last_recorded_at = last_recorded_at(&store)?;
        if next_seq == 0 {
            // Written before the first event, because events without a kept file count as damage.
            // Later starts leave the file alone until they have recorded the gap since it was written.
            store.keep(0, options.clock.now())?;
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
        });
        let (queue, waiting) = channel();
        let writer = Writer {
            store,
            shared: Arc::clone(&shared),
            disk_reserve_bytes: options.disk_reserve_bytes,
            disk_asked_at: Stopwatch::start(),
            disk_warned: false,
            next_seq,
            last_recorded_at,
            synced: next_seq,
            unsynced_since: None,
            kept: next_seq,
            kept_at: Stopwatch::start(),
            flushed: next_seq,
            flushed_at: Stopwatch::start(),
        };
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

/// The committer's thread.
struct Writer {
    store: Arc<Store>,
    shared: Arc<Shared>,
    disk_reserve_bytes: u64,
    disk_asked_at: Stopwatch,
    disk_warned: bool,
    next_seq: Seq,
    last_recorded_at: Timestamp,
    /// How many events are known to be synced.
    synced: Seq,
    unsynced_since: Option<Stopwatch>,
    /// How many events the kept file says were synced.
    kept: Seq,
    kept_at: Stopwatch,
    /// How many events there were at the last flush.
    flushed: Seq,
    flushed_at: Stopwatch,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Message>) {
        let mut queue = Queue::default();
        let mut stop = None;
        loop {
            let mut next = match queue.is_empty() {
                true => match waiting.recv_timeout(self.until_next_chore()) {
                    Ok(message) => Some(message),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                },
                false => waiting.try_recv().ok(),
            };
            if next.is_some() {
                // Let other threads queue their commands: on a busy machine the first command would
                // otherwise be a batch alone, and each batch costs a sync. On an idle machine this
                // returns at once.
                std::thread::yield_now();
            }
            while let Some(message) = next {
                match message {
                    Message::Command(command) => queue.push(command),
                    Message::Stop(sender) => stop = Some(sender),
                }
                next = if stop.is_none() { waiting.try_recv().ok() } else { None };
            }
            if stop.is_some() {
                while !queue.is_empty() {
                    self.next_batch(&mut queue);
                }
                self.close();
            } else if !queue.is_empty() {
                self.next_batch(&mut queue);
            }
            if let Some(done) = stop {
                let _ = done.send(());
                break;
            }
            if let Err(error) = unwound(|| self.chores()) {
                self.poison(&error);
            }
        }
    }

    /// Runs one batch of the queued commands, or refuses all of them when the log cannot be written.
    fn next_batch(&mut self, queue: &mut Queue) {
        if let Err(why) = self.shared.check() {
            queue.take_all().for_each(|command| command.finish(Err(why)));
            return;
        }
        let mut finished = Vec::new();
        let outcome = match unwound(|| self.batch(queue, &mut finished)) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.poison(&error);
                Err(self.shared.check().err().unwrap_or(CommitError::Poisoned))
            }
        };
        for command in finished {
            command.finish(outcome);
        }
    }

    /// Decides, folds, appends and publishes one batch. Commands that were decided and folded go to
    /// `finished`, also when the append or publish then fails; the others are refused at once.
    fn batch(
        &mut self,
        queue: &mut Queue,
        finished: &mut Vec<Box<dyn Command>>,
    ) -> Result<(), ProjectorError> {
        let store = Arc::clone(&self.store);
        let snapshot = store.snapshot();
        let mut overlay = Overlay::new(&snapshot);
        let mut events: Vec<(Seq, Vec<u8>)> = Vec::new();
        let mut bytes = 0;
        let mut sync = false;
        let mut configures = false;
        let mut spent = Spent::default();
        let (batch, mut commands, mut spent_until) = (Stopwatch::start(), 0, Duration::ZERO);
        while bytes < BATCH_BYTES_MAX && commands < BATCH_COMMANDS_MAX && spent_until < BATCH_MAX {
            let Some(mut command) = queue.pop() else { break };
            commands += 1;
            let stamp = self.stamp(events.len());
            let gate = &self.shared.gate;
            let decided = decide_one(command.as_mut(), stamp, gate, &mut overlay, &mut spent);
            let now = batch.elapsed();
            queue.spend(command.application(), now - spent_until);
            spent_until = now;
            match decided {
                Ok(decided) => {
                    sync |= command.durability() == Durability::Synced;
                    configures |= decided.configures;
                    bytes += decided.events.iter().map(|(_, event)| event.len()).sum::<usize>();
                    events.extend(decided.events);
                    self.last_recorded_at = stamp.recorded_at;
                    finished.push(command);
                }
                Err(Refusal::Unfolded(error)) => {
                    tracing::error!(error = with_causes(&error), "a command could not be folded");
                    command.finish(Err(CommitError::Defect));
                    overlay = refold(&snapshot, &events)?;
                }
                Err(Refusal::Undecided(error)) => {
                    tracing::error!(error = with_causes(&error), "a command could not be decided");
                    command.finish(Err(CommitError::Defect));
                }
                Err(Refusal::Panicked) => {
                    tracing::error!("a command panicked in decide and was refused");
                    command.finish(Err(CommitError::Defect));
                }
                Err(Refusal::FoldPanicked { seq }) => {
                    finished.push(command);
                    return Err(ProjectorError::FoldPanicked { seq });
                }
            }
        }
        let changes = overlay.into_changes();
        drop(snapshot);
        if self.store.needs_rebuild() {
            // A command may have been decided without a row that could not be read.
            finished.drain(..).for_each(|command| command.finish(Err(CommitError::RowsDamaged)));
            return Ok(());
        }
        let watch = Stopwatch::start();
        self.append(&events, sync)?;
        spent.append = watch.elapsed();
        self.publish(&changes, &events)?;
        spent.publish = watch.elapsed() - spent.append;
        spent.record();
        if configures {
            self.shared.configurations.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn stamp(&self, events_before: usize) -> Stamp {
        let reading = self.shared.clock.read(self.last_recorded_at);
        Stamp {
            log: self.store.log_id(),
            seq: self.next_seq + events_before as Seq,
            recorded_at: reading.time.max(self.last_recorded_at),
            raw_clock: reading.raw,
            clock_fault: reading.fault,
            disk_full: self.disk_free_bytes() < self.disk_reserve_bytes,
        }
    }

    fn append(&mut self, events: &[(Seq, Vec<u8>)], sync: bool) -> Result<(), ProjectorError> {
        if events.is_empty() {
            return Ok(());
        }
        fail::fail_point!("append", |_| {
            let path = "the log (failpoint)".into();
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(StoreError::File { attempt: "append to", path, source }.into())
        });
        let watch = Stopwatch::start();
        self.store.append(events, sync)?;
        let seconds = watch.elapsed().as_secs_f64();
        let kind = if sync { "synced" } else { "appended" };
        metrics::histogram!("provlog_append_duration_seconds", "kind" => kind).record(seconds);
        metrics::counter!("provlog_events_appended_total").increment(events.len() as u64);

        let size = self.next_seq + events.len() as Seq;
        if sync {
            // There is one write-ahead log, so this synced the earlier appends too.
            self.synced = size;
            self.unsynced_since = None;
        } else if self.unsynced_since.is_none() {
            self.unsynced_since = Some(Stopwatch::start());
        }
        fail::fail_point!("appended", |_| -> Result<(), ProjectorError> { std::process::abort() });
        Ok(())
    }

    fn publish(
        &mut self,
        changes: &RowChanges,
        events: &[(Seq, Vec<u8>)],
    ) -> Result<(), ProjectorError> {
        if events.is_empty() {
            return Ok(());
        }
        fail::fail_point!("publish");
        let size = self.next_seq + events.len() as Seq;
        self.store.publish(changes, size, FOLD_VERSION)?;
        self.next_seq = size;
        fail::fail_point!("published", |_| -> Result<(), ProjectorError> { std::process::abort() });
        Ok(())
    }

    fn disk_free_bytes(&self) -> u64 {
        self.shared.disk_free_bytes.load(Ordering::Relaxed)
    }

    fn poison(&self, error: &ProjectorError) {
        tracing::error!(error = with_causes(error), "the log is poisoned; start the server again");
        self.shared.poisoned.store(true, Ordering::SeqCst);
    }
}

/// Turns a panic into an error. Outside of decide and fold it counts as a failed append, publish or
/// chore: what the log holds is not known.
fn unwound(work: impl FnOnce() -> Result<(), ProjectorError>) -> Result<(), ProjectorError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ProjectorError::CommitterPanicked))
}

impl Drop for Writer {
    /// A panic that got past [`unwound`] ended the thread, so nothing can be written any more.
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                "the committer panicked and the log is poisoned; start the server again"
            );
            self.shared.poisoned.store(true, Ordering::SeqCst);
        }
    }
}

/// Why a command's events do not go into the batch. None of them was stored.
enum Refusal {
    /// Decide failed because a row cannot be read, or an event cannot be encoded.
    Undecided(ProjectorError),
    /// The fold could not read a row. It may have left some of the command's changes in the overlay.
    Unfolded(ProjectorError),
    /// Decide panicked.
    Panicked,
    /// The fold panicked. Once stored, the event would make it panic at every start.
    FoldPanicked { seq: Seq },
}

/// The outcome of one command.
struct Decided {
    /// Its events, encoded.
    events: Vec<(Seq, Vec<u8>)>,
    /// Whether one of them changes configuration.
    configures: bool,
}

/// Time spent in each stage of a batch, for the metrics.
#[derive(Default)]
struct Spent {
    decide: Duration,
    encode: Duration,
    fold: Duration,
    append: Duration,
    publish: Duration,
}

impl Spent {
    fn record(&self) {
        for (stage, spent) in [
            ("decide", self.decide),
            ("encode", self.encode),
            ("fold", self.fold),
            ("append", self.append),
            ("publish", self.publish),
        ] {
            let nanoseconds = spent.as_nanos() as u64;
            metrics::counter!("provlog_stage_nanoseconds_total", "stage" => stage)
                .increment(nanoseconds);
        }
    }
}

/// Decides one command and folds its events into `rows`.
fn decide_one(
    command: &mut dyn Command,
    stamp: Stamp,
    gate: &Gate,
    rows: &mut Overlay<'_>,
    spent: &mut Spent,
) -> Result<Decided, Refusal> {
    let watch = Stopwatch::start();
    let decided = catch_unwind(AssertUnwindSafe(|| command.decide(&View::new(rows), stamp)));
    let mut drafts = decided.map_err(|_| Refusal::Panicked)?.map_err(Refusal::Undecided)?;
    drafts.iter_mut().for_each(|draft| gate.pass(draft));
    let is_routine = |fact: &Fact| match fact {
        Fact::Operation(_)
        | Fact::Intent(_)
        | Fact::Observation(_)
        | Fact::Listed(_)
        | Fact::Unauthenticated(_)
        | Fact::ConnectionsRefused(_)
        | Fact::Imported(_)
        | Fact::ImportBatch(_)
        | Fact::Access(_)
        | Fact::EvidenceAdded(_)
        | Fact::ReferenceListAdded(_) => true,
        Fact::RecorderStarted(_)
        | Fact::RecorderStopped(_)
        | Fact::ApplicationAdded(_)
        | Fact::UpstreamSet(_)
        | Fact::ServicePrincipalSet(_)
        | Fact::CredentialAdded(_)
        | Fact::CredentialRevoked(_)
        | Fact::ResourceTypeAdded(_) => false,
    };
    let configures = drafts.iter().any(|draft| !is_routine(&draft.fact));
    let decided_after = watch.elapsed();
    // Encode all events before folding the first, so an event that cannot be stored changes no row.
    let mut decided = Vec::with_capacity(drafts.len());
    let mut events = Vec::with_capacity(drafts.len());
    for (seq, draft) in (stamp.seq..).zip(drafts) {
        let (event, encoded) = event_of(draft, seq, stamp).map_err(Refusal::Undecided)?;
        decided.push(event);
        events.push((seq, encoded));
    }
    let encoded_after = watch.elapsed();
    for event in &decided {
        catch_unwind(AssertUnwindSafe(|| fold(rows, event)))
            .map_err(|_| Refusal::FoldPanicked { seq: event.seq })?
            .map_err(Refusal::Unfolded)?;
    }
    spent.decide += decided_after;
    spent.encode += encoded_after - decided_after;
    spent.fold += watch.elapsed() - encoded_after;
    Ok(Decided { events, configures })
}

/// The overlay made again from the batch's events so far, after a command whose fold failed half-way
/// left changes in it. Happens only when the disk cannot be read.
fn refold<'a>(
    snapshot: &'a Snapshot<'_>,
    events: &[(Seq, Vec<u8>)],
) -> Result<Overlay<'a>, ProjectorError> {
    let mut rows = Overlay::new(snapshot);
    for (seq, bytes) in events {
        let event =
            decode(*seq, bytes).map_err(|source| ProjectorError::Event { seq: *seq, source })?;
        fold(&mut rows, &event)?;
    }
    Ok(rows)
}

/// The event made of a draft that passed the gate, and its stored bytes.
fn event_of(draft: Draft, seq: Seq, stamp: Stamp) -> Result<(Event, Vec<u8>), ProjectorError> {
    let Draft { application, origin, fact, parts, passed } = draft;
    let Stamp { recorded_at, raw_clock, .. } = stamp;
    let header = Header { application, recorded_at, raw_clock, origin, fact };
    let mut event = Event { seq, header, parts };
    let encoded =
        |event: &Event| encode(event).map_err(|source| ProjectorError::Event { seq, source });
    let mut bytes = encoded(&event)?;
    // A token that got through the gate is a defect, but the record must not lose the event for it: cut
    // the token and store the rest.
    if holds_token(&event, &bytes) {
        gate::cut_tokens(&mut event);
        bytes = encoded(&event)?;
        metrics::counter!("provlog_tokens_cut_late_total").increment(1);
        tracing::debug!(seq, "a token came through the gate and was cut from its event");
        if holds_token(&event, &bytes) {
            return Err(ProjectorError::Secret { seq });
        }
    }
    if passed.is_empty() {
        return Ok((event, bytes));
    }
    let behind = |part: &Part| !matches!(part.content, Content::Target(_));
    let place = event.parts.iter().position(behind).unwrap_or(event.parts.len());
    let passed = passed
        .into_iter()
        .map(|(subject, passed)| Part { subject, content: passed.into_content() });
    event.parts.splice(place..place, passed);
    let bytes = encoded(&event)?;
    Ok((event, bytes))
}

#[cfg(test)]
mod tests;
