//! What can go wrong with the files.

use std::path::PathBuf;

use event::{LogId, Seq};

/// A failed attempt on the files of a log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// RocksDB refused.
    #[error("cannot {attempt}")]
    Rocks {
        /// What was tried.
        attempt: &'static str,
        /// RocksDB's own words.
        #[source]
        source: rocksdb::Error,
    },
    /// Another process has the folder.
    #[error("{} is in use by another process", folder.display())]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// RocksDB's own words.
        #[source]
        source: rocksdb::Error,
    },
    /// A file beside the database could not be read or written.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// The operating system's words.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds no log, and one was expected.
    #[error("{} holds no log; `provlog serve` makes one at its first start", folder.display())]
    NoLog {
        /// The data folder.
        folder: PathBuf,
    },
    /// The data was written by a newer program.
    #[error("the data has format {found}, this program reads up to {known}: use a newer release")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// The log ends before the place up to which it was known to be synced.
    #[error(
        "the log is damaged: it ends after {found} events, but {kept} were synced before. \
         Restore the data folder from a backup"
    )]
    Truncated {
        /// Events found.
        found: Seq,
        /// Events that the kept file vouches for.
        kept: Seq,
    },
    /// The kept file is gone although the log is not empty.
    #[error(
        "{} is missing although the log holds {found} events: the data folder is damaged. \
         Restore it from a backup", path.display()
    )]
    KeptMissing {
        /// Where it should be.
        path: PathBuf,
        /// Events found.
        found: Seq,
    },
    /// The kept file belongs to another log.
    #[error("the kept file names log {kept}, the database is log {found}: the folder is mixed up")]
    OtherLog {
        /// The name in the kept file.
        kept: LogId,
        /// The name in the database.
        found: LogId,
    },
    /// The kept file names a log, and the database is gone or empty.
    #[error(
        "the kept file vouches for log {kept}, but the database is gone: restore the data folder \
         from a backup, or remove it whole to begin a new log"
    )]
    LogMissing {
        /// The name in the kept file.
        kept: LogId,
    },
    /// A file or record has a form that we never write.
    #[error("{what} is damaged")]
    Damaged {
        /// Which file or record.
        what: String,
    },
    /// The secret key's file holds something else.
    #[error(
        "{} has {found} bytes and not the 32 of a key: remove it, and the next start makes a new \
         one; only page cursors that were given out before become invalid", path.display()
    )]
    SecretLength {
        /// Which file.
        path: PathBuf,
        /// How many bytes it has.
        found: usize,
    },
    /// The log has no event where one must be.
    #[error("the log has a gap: event {expected} is missing")]
    Gap {
        /// The missing place.
        expected: Seq,
    },
}

impl StoreError {
    pub(crate) fn rocks(attempt: &'static str) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| StoreError::Rocks { attempt, source }
    }
}
