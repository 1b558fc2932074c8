//! Reads everything that is on disk, piece by piece, so that damage is known before it is needed.
//! Every block has a checksum; what is in memory already is not read from the disk again.

use event::Seq;
use rocksdb::{Direction, IteratorMode, ReadOptions};

use crate::error::StoreError;
use crate::key;
use crate::log::seq_of;
use crate::store::Store;

/// Reads past the cache, so that what is asked often stays in memory.
fn options() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    options.fill_cache(false);
    options.set_total_order_seek(true);
    options
}

impl Store {
    /// Shows `visit` the events from `from` on until they have `bytes_max` bytes or end at `to`, and
    /// returns the seq that comes next.
    ///
    /// # Errors
    /// The first event that cannot be read, is missing, or is refused by `visit`.
    pub fn scrub_log<E: From<StoreError>>(
        &self,
        from: Seq,
        to: Seq,
        bytes_max: usize,
        mut visit: impl FnMut(Seq, &[u8]) -> Result<(), E>,
    ) -> Result<Seq, E> {
        let start = key::log(from);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let (mut next, mut bytes) = (from, 0);
        for entry in self.db.iterator_cf_opt(&self.log_family(), options(), mode) {
            if next >= to || bytes >= bytes_max {
                return Ok(next);
            }
            let failed = |source| StoreError::LogUnreadable { attempt: "read an event", source };
            let (key, event) = entry.map_err(failed)?;
            if seq_of(&key)? != next {
                return Err(StoreError::Gap { expected: next }.into());
            }
            visit(next, &event)?;
            next += 1;
            bytes += key.len() + event.len();
        }
        if next < to { Err(StoreError::Gap { expected: next }.into()) } else { Ok(next) }
    }

    /// Reads the rows from a key on until they have `bytes_max` bytes, and returns the key that comes
    /// next, with how many rows and bytes were read.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn scrub_rows(
        &self,
        from: &[u8],
        bytes_max: usize,
    ) -> Result<(Option<Vec<u8>>, u64, usize), StoreError> {
        let mode = IteratorMode::From(from, Direction::Forward);
        let (mut rows, mut bytes) = (0, 0);
        for entry in self.db.iterator_cf_opt(&self.rows_family(), options(), mode) {
            let failed = |source| StoreError::RowsUnreadable { attempt: "read a row", source };
            let (key, value) = entry.map_err(failed)?;
            if bytes >= bytes_max {
                return Ok((Some(key.into()), rows, bytes));
            }
            rows += 1;
            bytes += key.len() + value.len();
        }
        Ok((None, rows, bytes))
    }
}
