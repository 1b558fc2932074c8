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
//! What the thread does between batches stands in `upkeep`.

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
    /// Go on although the clock stands far behind the last event.
    pub accept_clock: bool,
    /// Commands of one application that may wait or be in work; further ones wait before they are taken.
    pub commands_max: usize,
    /// When less of the disk is free, decide is told so.
    pub disk_reserve_bytes: u64,
}

/// A batch ends here, so that its first reply does not wait for ever.
const BATCH_COMMANDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 16 << 20;
/// And once deciding has taken so long: whoever comes now is to wait for little more.
const BATCH_MAX: Duration = Duration::from_millis(50);

/// Hands commands to the committer's thread. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    handle: Arc<Handle>,
    /// In whose lane its commands wait.
    application: Application,
}

/// The thread ends when this is gone.
struct Handle {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<Store>,
    clock: ClockGuard,
    poisoned: AtomicBool,
    disk_free_bytes: AtomicU64,
    /// Counts the batches that configured something.
    configurations: AtomicU64,
    gate: Gate,
    commands_max: usize,
    /// How many commands each application may still have queued. Bounded by their number.
    permits: Mutex<BTreeMap<Application, Arc<Semaphore>>>,
    unauthenticated: UnauthenticatedLimit,
}

/// A committer that may have ended.
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
    /// Starts the thread over a store whose rows stand at the log's end.
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
            // Before the first event: a log without a kept file counts as damaged. Later starts
            // leave the file alone until they have recorded how long nobody was watching.
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

    /// The same committer for commands of one application. They wait in a lane of their own, and the
    /// lanes take turns, so that costly requests of one application hold up no other.
    pub fn of(&self, application: Application) -> Committer {
        Committer { handle: Arc::clone(&self.handle), application }
    }

    fn permits(&self) -> Arc<Semaphore> {
        let shared = &self.handle.shared;
        // A panic while this was held leaves no half-made state.
        let mut permits = shared.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(shared.commands_max));
        Arc::clone(permits.entry(self.application).or_insert_with(new))
    }

    /// Queues a decision and waits for its reply, which leaves after its events are appended (and
    /// synced, when so asked) and published. `decide` runs on the committer's thread: it must be
    /// pure over its arguments and short. When the caller goes away, the decision still counts.
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

    /// Why nobody answers any more.
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

    /// Bytes that were free on the disk when it was last asked, a second ago at most under load.
    pub fn disk_free_bytes(&self) -> u64 {
        self.handle.shared.disk_free_bytes.load(Ordering::Relaxed)
    }

    /// Changes after every publish of events that configured something. What is read from a snapshot
    /// that was taken after this was asked holds as long as the answer stays the same.
    pub fn configuration(&self) -> u64 {
        self.handle.shared.configurations.load(Ordering::SeqCst)
    }

    /// What keeps secrets out of the log.
    pub fn gate(&self) -> &Gate {
        &self.handle.shared.gate
    }

    /// The store behind it, for reading.
    pub fn store(&self) -> &Arc<Store> {
        &self.handle.shared.store
    }

    /// The clock that stamps events, as it is, believed or not.
    pub fn clock(&self) -> &Clock {
        self.handle.shared.clock.clock()
    }

    /// The present, as far as the clock is believed: what it shows, unless it jumped ahead.
    pub fn now(&self) -> Timestamp {
        self.handle.shared.clock.now()
    }

    pub(crate) fn unauthenticated(&self) -> &UnauthenticatedLimit {
        &self.handle.shared.unauthenticated
    }

    pub(crate) fn downgrade(&self) -> WeakCommitter {
        WeakCommitter(Arc::downgrade(&self.handle))
    }

    /// Finishes what waits, makes everything durable and ends the thread.
    pub async fn stop(&self) {
        let (sender, done) = oneshot::channel();
        if self.handle.queue.send(Message::Stop(sender)).is_ok() {
            let _ = done.await;
        }
    }
}

/// When the log's last event was recorded; the beginning of time for an empty log.
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
    /// Events known to be synced.
    synced: Seq,
    unsynced_since: Option<Stopwatch>,
    /// Events that the kept file vouches for.
    kept: Seq,
    kept_at: Stopwatch,
    /// Events at the last flush.
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
                // Whoever is about to queue a command gets the chance: on a busy machine the first one
                // would else make a batch of its own, and each batch costs a sync. On an idle one this
                // comes back at once.
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

    /// Runs one batch of the commands that wait, or refuses all when nothing can be written any more.
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

    /// Decides, folds, appends and publishes one batch. Commands that came through both decide and
    /// fold go to `finished`, whatever happens then; the others are refused at once, each alone.
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
            // Whoever looked for a row got an error instead of it, and may have decided something else.
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
            // One write-ahead log: what was appended before is synced with it.
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

/// A panic outside of decide and fold is a failed append, publish or chore: what the log holds is not
/// known then.
fn unwound(work: impl FnOnce() -> Result<(), ProjectorError>) -> Result<(), ProjectorError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ProjectorError::CommitterPanicked))
}

impl Drop for Writer {
    /// Whatever else ends the thread: nobody is there to write any more.
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                "the committer panicked and the log is poisoned; start the server again"
            );
            self.shared.poisoned.store(true, Ordering::SeqCst);
        }
    }
}

/// Why a command's events do not go into the batch. Nothing of it is a fact yet.
enum Refusal {
    /// A row that it stands on cannot be read, or its event is too large to be stored.
    Undecided(ProjectorError),
    /// A row that its event builds on cannot be read: some of its changes may be among the rows.
    Unfolded(ProjectorError),
    /// Decide panicked.
    Panicked,
    /// The fold panicked: a defect that would come back at every start.
    FoldPanicked { seq: Seq },
}

/// What one command brings into the batch.
struct Decided {
    /// Its events, encoded.
    events: Vec<(Seq, Vec<u8>)>,
    /// Whether one of them is no operation, and so configures something.
    configures: bool,
}

/// Where the time of a batch went; recorded once for all its commands.
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

/// Decides and folds one command over the rows as they stand.
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
    let is_daily = |fact: &Fact| match fact {
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
    let configures = drafts.iter().any(|draft| !is_daily(&draft.fact));
    let decided_after = watch.elapsed();
    // All are encoded before the first is folded: what cannot be stored leaves nothing behind.
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

/// The rows with what a batch's events make of them: made anew where a command that failed half-way
/// left something behind, which happens only when the disk cannot be read.
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

/// The event of a draft that has passed the gate, and its bytes.
fn event_of(draft: Draft, seq: Seq, stamp: Stamp) -> Result<(Event, Vec<u8>), ProjectorError> {
    let Draft { application, origin, fact, parts, passed } = draft;
    let Stamp { recorded_at, raw_clock, .. } = stamp;
    let header = Header { application, recorded_at, raw_clock, origin, fact };
    let mut event = Event { seq, header, parts };
    let encoded =
        |event: &Event| encode(event).map_err(|source| ProjectorError::Event { seq, source });
    let mut bytes = encoded(&event)?;
    // A token that came through the gate is a defect, for which the record must not lose what happened. What
    // has passed before ends with the same look.
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
