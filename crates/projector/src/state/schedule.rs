//! When an application is committed to without being asked.

use event::codec::decode_header;
use event::{Application, Seq, Timestamp};
use store::{Store, StoreError};

use crate::error::ProjectorError;
use crate::view::View;

/// How old the last commitment to an application may become. Values, so that a test needs no waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Events of the log since then.
    pub events: Seq,
    /// Time since then, or since the application was added, in microseconds.
    pub time_us: i64,
}

impl Schedule {
    /// Each 65,536 events, and daily.
    pub const DEFAULT: Schedule = Schedule { events: 1 << 16, time_us: 24 * 3_600 * 1_000_000 };

    /// The applications that are to be committed to at `now`, in the order of their numbers.
    ///
    /// # Errors
    /// When rows or events cannot be read.
    pub fn due(&self, store: &Store, now: Timestamp) -> Result<Vec<Application>, ProjectorError> {
        let snapshot = store.snapshot();
        let view = View::new(&snapshot);
        let (size, _) = snapshot.watermark()?.unwrap_or_default();
        let mut due = vec![];
        for row in view.applications()? {
            let last = view.commitments_around(row.number, Seq::MAX - 1)?.0;
            let (since, at) = match last {
                Some(seq) => (seq + 1, recorded_at(store, seq)?),
                None => (row.added_seq, row.added_at),
            };
            let is_old =
                size.saturating_sub(since) >= self.events || now.micros_since(at) >= self.time_us;
            // Without an event since then the state is the one that was committed to.
            if is_old && size > since {
                due.push(row.number);
            }
        }
        Ok(due)
    }
}

fn recorded_at(store: &Store, seq: Seq) -> Result<Timestamp, ProjectorError> {
    let stored = store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
    let header = decode_header(&stored).map_err(|source| ProjectorError::Event { seq, source })?;
    Ok(header.recorded_at)
}
