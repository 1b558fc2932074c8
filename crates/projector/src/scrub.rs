//! Verifies the whole log and reads all rows, and reports what is wrong.

use std::ops::ControlFlow;

use store::Store;
use tlog::TreeHead;

use crate::error::ProjectorError;
use crate::fold::FOLD_VERSION;
use crate::verify::{Extent, Fault, Verified, verify};

/// Bytes of rows read between two calls of `pace`.
const PIECE_BYTES: usize = 1 << 20;

/// What a scrub read and found.
#[derive(Default, Debug)]
pub struct Scrubbed {
    /// What the log is; `None` if the scrub was stopped before its end.
    pub log: Option<Verified>,
    /// Rows read.
    pub rows: u64,
    /// Why reading the rows stopped early.
    pub damaged_rows: Option<ProjectorError>,
    /// Whether `pace` stopped the scrub.
    pub broken_off: bool,
}

/// How far a scrub is.
#[derive(Clone, Copy, Debug)]
pub struct Scrubbing {
    /// Events verified.
    pub events: u64,
    /// Events to verify.
    pub size: u64,
    /// Bytes of the last piece, of events or of rows.
    pub bytes: usize,
}

impl Scrubbed {
    /// What is wrong with the log.
    pub fn faults(&self) -> &[Fault] {
        self.log.as_ref().map_or(&[], |log| &log.faults)
    }
}

/// Verifies the log against checkpoints and reads the rows once, past the block cache. After each piece
/// `pace` is called; it may sleep, or stop the scrub. Damage is also noted in the store
/// ([`Store::damage`]).
///
/// # Errors
/// When the log's end cannot be found, or the rows do not even say how many events they were made from.
pub fn scrub(
    store: &Store,
    checkpoints: Vec<TreeHead>,
    mut pace: impl FnMut(Scrubbing) -> ControlFlow<()>,
) -> Result<Scrubbed, ProjectorError> {
    let mut done = Scrubbed::default();
    let size = store.log_size()?;
    // Rows of another fold version have another tree, or none.
    let folded = match store.snapshot().watermark()? {
        Some((folded, FOLD_VERSION)) => folded,
        Some(_) | None => 0,
    };
    let extent = Extent { size, folded, checkpoints, links: false };
    match verify(store, &extent, |events, size, bytes| pace(Scrubbing { events, size, bytes })) {
        None => return Ok(Scrubbed { broken_off: true, ..done }),
        Some(verified) => {
            for fault in &verified.faults {
                match fault {
                    Fault::Rows { .. } | Fault::RowsUnreadable { .. } => {
                        store.note_rows_damage(fault);
                    }
                    Fault::Unreadable { .. }
                    | Fault::Altered { .. }
                    | Fault::Between { .. }
                    | Fault::SignedAnew { .. }
                    | Fault::OtherHistory { .. }
                    | Fault::Differs { .. }
                    | Fault::Truncated { .. }
                    | Fault::Time { .. }
                    | Fault::Link { .. } => store.note_log_damage(fault),
                }
            }
            done.log = Some(verified);
        }
    }
    let mut from = vec![];
    loop {
        match store.scrub_rows(&from, PIECE_BYTES) {
            Ok((next, rows, bytes)) => {
                done.rows += rows;
                if pace(Scrubbing { events: size, size, bytes }).is_break() {
                    return Ok(Scrubbed { broken_off: true, ..done });
                }
                let Some(next) = next else { break };
                from = next;
            }
            Err(error) => {
                done.damaged_rows = Some(error.into());
                break;
            }
        }
    }
    if let Some(error) = &done.damaged_rows {
        store.note_rows_damage(error);
    }
    Ok(done)
}
