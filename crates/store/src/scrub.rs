//! Reads log and rows piece by piece, so that damage is found before the data is needed. Every block on
//! disk has a checksum; blocks already in memory are not read from disk again.

use event::Seq;
use rocksdb::{Direction, IteratorMode, ReadOptions};

use crate::error::StoreError;
use crate::key::{self, KeyRange};
use crate::log::seq_of;
use crate::store::Store;

/// Does not fill the cache, so that blocks in use stay in memory.
fn options() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    options.fill_cache(false);
    options.set_total_order_seek(true);
    options
}

impl Store {
    /// Visits the events from `from` on until `bytes_max` bytes were read or `to` is reached, and returns
    /// the next seq.
    ///
    /// # Errors
    /// For the first event that is missing, cannot be read, or that `visit` refuses.
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

    /// Visits the rows of a range, in order. Damage there is noted by whoever asks, and stops nothing.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn scrub_range(
        &self,
        range: &KeyRange,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), StoreError> {
        let mut options = options();
        options.set_iterate_upper_bound(range.to.as_slice());
        let mode = IteratorMode::From(&range.from, Direction::Forward);
        for entry in self.db.iterator_cf_opt(&self.rows_family(), options, mode) {
            let failed = |source| StoreError::RowsUnreadable { attempt: "read a row", source };
            let (key, value) = entry.map_err(failed)?;
            visit(&key, &value);
        }
        Ok(())
    }

    /// Reads rows from a key on until `bytes_max` bytes were read. Returns the next key, `None` at the
    /// end, and how many rows and bytes were read.
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
