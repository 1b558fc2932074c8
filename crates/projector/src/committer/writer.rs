//! The committer's thread: takes what waits as one batch, decides and folds each command in order,
//! appends the events in one synced write, publishes the rows in another, and lets the replies leave.
//!
//! `upkeep` has what it does between batches.

mod upkeep;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use event::codec::{Parts, decode, encode, holds_token, seal};
use event::{Content, Event, Fact, Header, Part, Seq, Stopwatch, Structure, Timestamp};
use store::{Snapshot, Store, with_causes};
use tlog::SignedCheckpoint;
use tokio::sync::oneshot;

use super::handles::Handles;
use super::shared::{Message, Shared};
use crate::command::{Command, Durability, Stamp};
use crate::draft::Draft;
use crate::error::{CommitError, ProjectorError};
use crate::fold::FOLD_VERSION;
use crate::gate::{self, Gate};
use crate::memory::Memory;
use crate::overlay::{Changed, Overlay};
use crate::queue::Queue;
use crate::structure::Completion;
use crate::tree::fold_stored;
use crate::view::View;

/// Limits of one batch, so that its first reply does not wait too long.
const BATCH_COMMANDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 16 << 20;
/// No further command joins a batch that has been decided and folded for this long.
const BATCH_MAX: Duration = Duration::from_millis(50);

/// The committer's thread.
pub(super) struct Writer {
    store: Arc<Store>,
    shared: Arc<Shared>,
    handles: Handles,
    disk_reserve_bytes: u64,
    disk_asked_at: Stopwatch,
    disk_warned: bool,
    next_seq: Seq,
    memory: Memory,
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
    /// Who waits for a checkpoint.
    asked: Vec<oneshot::Sender<Option<Arc<SignedCheckpoint>>>>,
}

impl Writer {
    /// A writer of a log that has `next_seq` events, all of them synced.
    pub(super) fn new(
        store: Arc<Store>,
        shared: Arc<Shared>,
        disk_reserve_bytes: u64,
        next_seq: Seq,
        last_recorded_at: Timestamp,
    ) -> Writer {
        Writer {
            store,
            shared,
            handles: Handles::new(),
            disk_reserve_bytes,
            disk_asked_at: Stopwatch::start(),
            disk_warned: false,
            next_seq,
            memory: if next_seq == 0 { Memory::of_no_rows() } else { Memory::new() },
            last_recorded_at,
            synced: next_seq,
            unsynced_since: None,
            kept: next_seq,
            kept_at: Stopwatch::start(),
            flushed: next_seq,
            flushed_at: Stopwatch::start(),
            asked: vec![],
        }
    }

    /// Works until the last committer is gone or one says stop.
    pub(super) fn run(mut self, waiting: &Receiver<Message>) {
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
                    Message::Sign(sender) => self.asked.push(sender),
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
        let mut overlay = Overlay::with_memory(&snapshot, &self.memory);
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
            let parts = store.parts();
            let decided =
                decide_one(command.as_mut(), stamp, (gate, parts), &mut overlay, &mut spent);
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
                    overlay = refold(&store, &snapshot, &self.memory, &events)?;
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
        let changed = overlay.into_changed();
        drop(snapshot);
        if self.store.needs_rebuild() {
            // A command may have been decided without a row that could not be read.
            finished.drain(..).for_each(|command| command.finish(Err(CommitError::RowsDamaged)));
            return Ok(());
        }
        let watch = Stopwatch::start();
        self.append(&events, sync)?;
        spent.append = watch.elapsed();
        self.publish(&changed, &events)?;
        self.memory.learn(changed);
        spent.publish = watch.elapsed() - spent.append;
        spent.record(&self.handles);
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
            Err(store::StoreError::File { attempt: "append to", path, source }.into())
        });
        let watch = Stopwatch::start();
        self.store.append(events, sync)?;
        let seconds = watch.elapsed().as_secs_f64();
        self.handles.append_took(sync).record(seconds);
        self.handles.events.increment(events.len() as u64);

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
        changes: &Changed,
        events: &[(Seq, Vec<u8>)],
    ) -> Result<(), ProjectorError> {
        if events.is_empty() {
            return Ok(());
        }
        fail::fail_point!("publish");
        let size = self.next_seq + events.len() as Seq;
        changes.publish(&self.store, size, FOLD_VERSION)?;
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
    fn record(&self, handles: &Handles) {
        handles.decide.add(self.decide);
        handles.encode.add(self.encode);
        handles.fold.add(self.fold);
        handles.append.add(self.append);
        handles.publish.add(self.publish);
    }
}

/// Decides one command and folds its events into `rows`.
fn decide_one(
    command: &mut dyn Command,
    stamp: Stamp,
    (gate, parts): (&Gate, &dyn Parts),
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
        | Fact::ReviewAdded(_)
        | Fact::ReferenceListAdded(_)
        | Fact::GroupMarked(_)
        | Fact::QuestionSaved(_)
        | Fact::QuestionRemoved(_)
        | Fact::SubjectsErased(_)
        | Fact::ErasureCompleted(_)
        | Fact::LegalHold(_)
        | Fact::RetentionSet(_)
        | Fact::SentErased(_)
        | Fact::StateCommitted(_) => true,
        Fact::RecorderStarted(_)
        | Fact::RecorderStopped(_)
        | Fact::ApplicationAdded(_)
        | Fact::UpstreamSet(_)
        | Fact::ServicePrincipalSet(_)
        | Fact::CredentialAdded(_)
        | Fact::CredentialRevoked(_)
        | Fact::IdentitySet(_)
        | Fact::ProfileChanged(_)
        | Fact::ResourceTypeAdded(_) => false,
    };
    let configures = drafts.iter().any(|draft| !is_routine(&draft.fact));
    let decided_after = watch.elapsed();
    // Encode all events before folding the first, so an event that cannot be stored changes no row.
    let mut decided = Vec::with_capacity(drafts.len());
    let mut events = Vec::with_capacity(drafts.len());
    let mut completion = Completion::default();
    for (seq, draft) in (stamp.seq..).zip(drafts) {
        let view = View::new(rows);
        let event = event_of(draft, seq, stamp, &mut completion, (&view, parts));
        let (event, encoded) = event.map_err(Refusal::Undecided)?;
        decided.push(event);
        events.push((seq, encoded));
    }
    let encoded_after = watch.elapsed();
    for (event, (seq, stored)) in decided.iter().zip(&events) {
        catch_unwind(AssertUnwindSafe(|| fold_stored(rows, stamp.log, event, stored)))
            .map_err(|_| Refusal::FoldPanicked { seq: *seq })?
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
    store: &Store,
    snapshot: &'a Snapshot<'_>,
    memory: &'a Memory,
    events: &[(Seq, Vec<u8>)],
) -> Result<Overlay<'a>, ProjectorError> {
    let mut rows = Overlay::with_memory(snapshot, memory);
    for (seq, bytes) in events {
        let event = decode(*seq, bytes, store.parts()).map_err(ProjectorError::event(*seq))?;
        fold_stored(&mut rows, store.log_id(), &event, bytes)?;
    }
    Ok(rows)
}

/// The event made of a draft that passed the gate, complete, and its stored bytes.
pub(super) fn event_of(
    draft: Draft,
    seq: Seq,
    stamp: Stamp,
    completion: &mut Completion,
    (view, cipher): (&View<'_>, &dyn Parts),
) -> Result<(Event, Vec<u8>), ProjectorError> {
    let Draft { application, origin, fact, parts, passed } = draft;
    let Stamp { recorded_at, raw_clock, .. } = stamp;
    let header = Header { application, recorded_at, raw_clock, origin, fact };
    let mut event = Event { seq, header, structure: Structure::default(), parts };
    if passed.is_empty() {
        completion.complete(&mut event, view)?;
    }
    let encoded = |event: &Event| encode(event).map_err(ProjectorError::event(seq));
    let sealed = |event: &Event, plain: &[u8]| {
        seal(event, plain, cipher).map_err(ProjectorError::event(seq))
    };
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
        let bytes = sealed(&event, &bytes)?;
        return Ok((event, bytes));
    }
    let behind = |part: &Part| !matches!(part.content, Content::Target(_));
    let place = event.parts.iter().position(behind).unwrap_or(event.parts.len());
    let passed = passed.into_iter().map(|part| Part {
        subject: part.subject,
        others: part.others,
        content: part.content.into_content(),
    });
    event.parts.splice(place..place, passed);
    completion.complete(&mut event, view)?;
    let bytes = sealed(&event, &encoded(&event)?)?;
    Ok((event, bytes))
}
