//! The record as one answer sees it: a snapshot of the rows, and the events.

use event::codec::{decode, decode_header};
use event::{Application, Event, Header, LogId, Seq, Timestamp};
use projector::{Committer, ProjectorError, View, seq_at};
use scim::CursorKey;
use store::{Snapshot, Store, StoreError};
use tlog::TreeHead;

/// How many events are read at a time. An event may have some megabytes.
const EVENTS_TOGETHER: usize = 16;

/// Rows and events, limited to the first `size` events.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The events.
    pub(crate) store: &'a Store,
    /// Seals cursors.
    pub(crate) cursor_key: &'a CursorKey,
    /// The rows that the question may use.
    pub(crate) view: View<'a>,
    /// All rows.
    pub(crate) whole: View<'a>,
    /// How many events the question may use.
    pub(crate) size: Seq,
    /// How many events there were when the question was asked, which is the seq of the next one.
    pub(crate) head: Seq,
    /// How many events the rows were made from. Unlike `head` it is never that of an earlier page.
    pub(crate) rows_until: Seq,
    /// The present time; never before the last event.
    pub(crate) now: Timestamp,
    /// The only application that the caller may see; `None` if all.
    pub(crate) scope: Option<Application>,
    /// What was signed last, if the answer tells it.
    pub(crate) signed: Option<TreeHead>,
}

impl<'a> Record<'a> {
    /// `clock` is the time before the snapshot was taken, so that the snapshot has all events up to it,
    /// except those being written just then.
    pub(crate) fn new(
        store: &'a Store,
        snapshot: &'a Snapshot<'_>,
        clock: Timestamp,
        cursor_key: &'a CursorKey,
    ) -> Result<Record<'a>, ProjectorError> {
        let size = snapshot.watermark()?.map_or(0, |(size, _)| size);
        let view = View::new(snapshot);
        let mut record = Record {
            store,
            cursor_key,
            view,
            whole: view,
            size,
            head: size,
            rows_until: size,
            now: clock,
            scope: None,
            signed: None,
        };
        if let Some(last) = size.checked_sub(1) {
            record.now = clock.max(record.recorded_at(last)?);
        }
        Ok(record)
    }

    /// The same, for a caller who may see one application or all (`None`).
    pub(crate) fn seen_by(mut self, scope: Option<Application>, committer: &Committer) -> Self {
        self.scope = scope;
        // How many events others have is not told to who may see one application.
        let signed = committer.checkpoint().filter(|_| scope.is_none());
        self.signed = signed.map(|signed| *signed.unverified().head());
        self
    }

    /// The record as it was when it had `size` events.
    pub(crate) fn limited_to(&self, size: Seq) -> Record<'a> {
        Record { view: self.view.limited_to(size), size, ..*self }
    }

    /// The record as it was when it had `size` events and `now` was the present.
    pub(crate) fn as_of_then(&self, size: Seq, now: Timestamp) -> Record<'a> {
        Record { head: size, now, ..self.limited_to(size) }
    }

    /// The last of the first `size` events that an answer may mention. For a caller limited to one
    /// application it is the last of that application, because other seqs would reveal how busy others
    /// are.
    pub(crate) fn last_told(&self, size: Seq) -> Result<Option<Seq>, ProjectorError> {
        match self.scope {
            None => Ok(size.checked_sub(1)),
            Some(application) => self.whole.limited_to(size).last_relevant_seq(application),
        }
    }

    /// The hash of an event's leaf in the log's tree, in base64.
    pub(crate) fn event_hash(&self, seq: Seq) -> Result<Option<String>, ProjectorError> {
        Ok(self.view.leaf(seq)?.map(|hash| hash.to_string()))
    }

    /// The log's id.
    pub(crate) fn log(&self) -> LogId {
        self.store.log_id()
    }

    /// An event's header.
    pub(crate) fn header(&self, seq: Seq) -> Result<Header, ProjectorError> {
        decode_header(&self.bytes(seq)?).map_err(|source| ProjectorError::Event { seq, source })
    }

    /// When an event was recorded.
    pub(crate) fn recorded_at(&self, seq: Seq) -> Result<Timestamp, ProjectorError> {
        Ok(self.header(seq)?.recorded_at)
    }

    /// The same, which for an operation reads only its summary.
    pub(crate) fn recorded_briefly(&self, seq: Seq) -> Result<Timestamp, ProjectorError> {
        match self.view.operation(seq)? {
            Some(summary) => Ok(summary.recorded_at),
            None => self.recorded_at(seq),
        }
    }

    /// The same in the form of answers.
    pub(crate) fn moment(&self, seq: Seq) -> Result<answers::Moment, ProjectorError> {
        Ok(self.recorded_at(seq)?.to_string().into())
    }

    /// A whole event.
    pub(crate) fn event(&self, seq: Seq) -> Result<Event, ProjectorError> {
        decode(seq, &self.bytes(seq)?, self.store.parts()).map_err(ProjectorError::event(seq))
    }

    /// Whole events in the given order, read lazily, some at a time.
    pub(crate) fn events(
        &self,
        seqs: &[Seq],
    ) -> impl Iterator<Item = Result<Event, ProjectorError>> {
        seqs.chunks(EVENTS_TOGETHER).flat_map(|some| {
            let mut events = Vec::with_capacity(some.len());
            let read = self.store.read_events(some, |seq, bytes| {
                let event = decode(seq, bytes, self.store.parts());
                events.push(event.map_err(ProjectorError::event(seq)));
                Ok::<(), StoreError>(())
            });
            events.extend(read.err().map(|error| Err(error.into())));
            events
        })
    }

    /// The last of the first `size` events that was recorded at `time` or before.
    pub(crate) fn seq_at(&self, size: Seq, time: Timestamp) -> Result<Option<Seq>, ProjectorError> {
        let Some(last) = size.checked_sub(1) else { return Ok(None) };
        let found = seq_at(self.store, &self.view, size, time)?;
        // The rows may have seconds beyond the first `size` events.
        Ok(found.map(|seq| seq.min(last)))
    }

    fn bytes(&self, seq: Seq) -> Result<Vec<u8>, ProjectorError> {
        let bytes = self.store.event_bytes(seq)?;
        Ok(bytes.ok_or(StoreError::Gap { expected: seq })?)
    }
}
