//! Reads the whole log and all rows, and reports what cannot be read.

use std::ops::ControlFlow;

use event::Seq;
use event::codec::decode;
use store::Store;

use crate::error::ProjectorError;

/// Bytes read between two calls of `pace`.
const PIECE_BYTES: usize = 1 << 20;

/// What a scrub read, and the first error of the log and of the rows.
#[derive(Default, Debug)]
pub struct Scrubbed {
    /// Events read and decoded.
    pub events: u64,
    /// Rows read.
    pub rows: u64,
    /// Why reading the log stopped early: an event is missing, unreadable or cannot be decoded.
    pub log: Option<ProjectorError>,
    /// Why reading the rows stopped early.
    pub damaged_rows: Option<ProjectorError>,
    /// Whether `pace` stopped the scrub.
    pub broken_off: bool,
}

/// Reads log and rows once, past the block cache. After each piece `pace` is called with its bytes; it
/// may sleep, or stop the scrub. Damage is also noted in the store ([`Store::damage`]).
pub fn scrub(store: &Store, mut pace: impl FnMut(usize) -> ControlFlow<()>) -> Scrubbed {
    let mut done = Scrubbed::default();
    match scrub_log(store, &mut done, &mut pace) {
        Ok(ControlFlow::Continue(())) => {}
        Ok(ControlFlow::Break(())) => return Scrubbed { broken_off: true, ..done },
        Err(error) => {
            store.note_log_damage(&error);
            done.log = Some(error);
        }
    }
    let mut from = vec![];
    loop {
        match store.scrub_rows(&from, PIECE_BYTES) {
            Ok((next, rows, bytes)) => {
                done.rows += rows;
                if pace(bytes).is_break() {
                    return Scrubbed { broken_off: true, ..done };
                }
                let Some(next) = next else { return done };
                from = next;
            }
            Err(error) => {
                store.note_rows_damage(&error);
                done.damaged_rows = Some(error.into());
                return done;
            }
        }
    }
}

fn scrub_log(
    store: &Store,
    done: &mut Scrubbed,
    pace: &mut impl FnMut(usize) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, ProjectorError> {
    let size = store.log_size()?;
    let mut next: Seq = 0;
    while next < size {
        let mut piece_bytes = 0;
        let read = store.scrub_log(next, size, PIECE_BYTES, |seq, bytes| {
            done.events += 1;
            piece_bytes += bytes.len();
            decode(seq, bytes).map_err(|source| ProjectorError::Event { seq, source })?;
            Ok::<_, ProjectorError>(())
        });
        // The seq of an event in an unreadable block is not known; the count of events read is close.
        next = read
            .map_err(|error| ProjectorError::Scrub { seq: done.events, source: Box::new(error) })?;
        if pace(piece_bytes).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
