//! What of the files could not be read while they were open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{StoreError, with_causes};
use crate::options::{LOG_FAMILY, ROWS_FAMILY};
use crate::store::Store;

/// What was found damaged since the store was opened, in the words of its first error. It stays until
/// the next start.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Of the log: restore the folder from a backup.
    pub log: Option<String>,
    /// Of the rows: `provlog rebuild` makes them anew.
    pub rows: Option<String>,
}

/// The same, with whoever met it.
#[derive(Default)]
pub(crate) struct Found {
    damage: Mutex<Damage>,
    /// A row was needed and could not be read: what is asked next may need it too.
    rows_needed: AtomicBool,
}

impl Store {
    /// What is known to be damaged.
    pub fn damage(&self) -> Damage {
        self.noted().clone()
    }

    /// Whether a row that was needed could not be read. What was looked at by [`Store::scrub_rows`]
    /// alone was not needed.
    pub fn needs_rebuild(&self) -> bool {
        self.found.rows_needed.load(Ordering::SeqCst)
    }

    /// Notes that an event cannot be read or understood, or is missing.
    pub fn note_log_damage(&self, error: &dyn std::error::Error) {
        self.noted().log.get_or_insert_with(|| with_causes(error));
    }

    /// Notes that a row cannot be read, though nobody needed it yet.
    pub fn note_rows_damage(&self, error: &dyn std::error::Error) {
        self.noted().rows.get_or_insert_with(|| with_causes(error));
    }

    /// A row was needed and RocksDB cannot read it.
    pub(crate) fn rows_failed(
        &self,
        attempt: &'static str,
    ) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| {
            let error = StoreError::RowsUnreadable { attempt, source };
            self.note_rows_damage(&error);
            self.found.rows_needed.store(true, Ordering::SeqCst);
            error
        }
    }

    /// RocksDB cannot read an event.
    pub(crate) fn log_failed(
        &self,
        attempt: &'static str,
    ) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| {
            let error = StoreError::LogUnreadable { attempt, source };
            self.note_log_damage(&error);
            error
        }
    }

    /// RocksDB cannot write: perhaps because it met a table that it cannot read, whose name it tells.
    pub(crate) fn write_failed(
        &self,
        attempt: &'static str,
    ) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| {
            let words = source.to_string();
            let files = self.db.live_files().unwrap_or_default();
            let named = files.iter().find(|file| words.contains(file.name.trim_start_matches('/')));
            match named.map(|file| file.column_family_name.as_str()) {
                Some(ROWS_FAMILY) => self.rows_failed(attempt)(source),
                Some(LOG_FAMILY) => self.log_failed(attempt)(source),
                Some(_) | None => StoreError::Rocks { attempt, source },
            }
        }
    }

    fn noted(&self) -> MutexGuard<'_, Damage> {
        self.found.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
