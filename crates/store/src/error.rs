//! What can go wrong with the files, and the words for it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use event::{LogId, Seq};
use rustix::io::Errno;

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
    },
    /// The folder that was locked at the start is not there any more, or somebody else wrote the kept
    /// file.
    #[error(
        "{} is not this process's alone any more: it was moved, or another process writes there. \
         Stop both, and keep the one whose log goes further", folder.display()
    )]
    NotAlone {
        /// The data folder.
        folder: PathBuf,
    },
    /// Others than the owner can get at the folder, and it cannot be helped from here.
    #[error(
        "{} is open to others (mode {mode:04o}) and {why}: run `chmod -R go-rwx {}` as its owner, or \
         use a folder that holds nothing else", folder.display(), folder.display()
    )]
    NotPrivate {
        /// The data folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Why its mode was left alone.
        why: &'static str,
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
        source: io::Error,
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
    /// The data was written by a program from before the first release.
    #[error(
        "the data has format {found}, this program reads format {known} alone: go on with the program \
         that wrote it, or begin a new log in an empty folder"
    )]
    Older {
        /// The version found.
        found: u32,
        /// The oldest version that this program reads.
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
    /// The rows, or their files, cannot be read. They can be made anew of the log.
    #[error(
        "the rows are damaged (cannot {attempt}): stop the server and run `provlog rebuild --data \
         DIR`, which makes them anew from the log"
    )]
    RowsUnreadable {
        /// What was tried.
        attempt: &'static str,
        /// RocksDB's own words.
        #[source]
        source: rocksdb::Error,
    },
    /// The watermark is not what a publish writes.
    #[error(
        "the rows are damaged (their watermark): stop the server and run `provlog rebuild --data \
         DIR`, which makes them anew from the log"
    )]
    WatermarkDamaged,
    /// An event, or a file of the log, cannot be read.
    #[error(
        "the log is damaged (cannot {attempt}): restore the data folder from a backup; \
         `provlog scrub --data DIR` names the first event that cannot be read"
    )]
    LogUnreadable {
        /// What was tried.
        attempt: &'static str,
        /// RocksDB's own words.
        #[source]
        source: rocksdb::Error,
    },
    /// A new folder is asked for where something is.
    #[error("{} is there already: name a folder that is not", path.display())]
    Taken {
        /// The path.
        path: PathBuf,
    },
    /// A new folder is asked for within the one that it is made of.
    #[error("{} is within {}: name a folder beside it", path.display(), folder.display())]
    Inside {
        /// The path.
        path: PathBuf,
        /// The data folder.
        folder: PathBuf,
    },
    /// The database's own list of its files is damaged or gone. The files may be whole.
    #[error(
        "the database does not open: run `provlog rebuild --data {} --into NEW`, which makes a new \
         folder from the log's own files, where they can be read", folder.display()
    )]
    DatabaseDamaged {
        /// The data folder.
        folder: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A record of the write-ahead log is not whole, and no crash leaves it so.
    #[error(
        "the log is damaged: {} has a record at byte {offset} that is not whole, and it was synced or \
         the machine has run ever since. Restore the data folder from a backup", path.display()
    )]
    WalDamaged {
        /// Which file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
    },
    /// The kept file is gone although the log is not empty.
    #[error(
        "{} is missing although there is a log: the data folder is damaged, and nothing vouches for \
         the end of the log. Restore it from a backup", path.display()
    )]
    KeptMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The kept file is not what was written.
    #[error(
        "the kept file {} is damaged, so nothing vouches for the end of the log. Restore it from a \
         backup, with the database of the same moment", path.display()
    )]
    KeptDamaged {
        /// Where it is.
        path: PathBuf,
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
    #[error(
        "the log is damaged: event {expected} is missing. Restore the data folder from a backup"
    )]
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

/// What the operating system says when a file cannot be opened or written for reasons that lie outside of
/// it: no room, no permission. It says nothing of what is in the file.
const HINDRANCES: [Errno; 9] = [
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOMEM,
    Errno::INTR,
    Errno::NOSPC,
    Errno::DQUOT,
    Errno::ROFS,
    Errno::ACCESS,
    Errno::PERM,
];

/// Whether an attempt failed for reasons that lie outside of the file.
pub(crate) fn is_hindered(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    number.is_some_and(|number| HINDRANCES.contains(&number))
}

/// The same of what RocksDB failed with, which has the words alone.
pub(crate) fn is_rocksdb_hindered(error: &rocksdb::Error) -> bool {
    let words = error.to_string();
    HINDRANCES.iter().any(|number| {
        let hindrance = io::Error::from(*number).to_string();
        words.contains(hindrance.split(" (os error").next().unwrap_or(&hindrance))
    })
}

/// An error and all its causes in one line: what a log line and a refused command say.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
