//! Errors about the files of a log.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use event::{LogId, Seq};
use rustix::io::Errno;

/// A failed attempt on the files of a log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something reads an old state for too long.
    #[error("an answer or an export still shows what was removed, for more than {seconds} s")]
    SnapshotHeld {
        /// How long was waited.
        seconds: u64,
    },
    /// RocksDB failed.
    #[error("cannot {attempt}")]
    Rocks {
        /// What was tried.
        attempt: &'static str,
        /// RocksDB's own words.
        #[source]
        source: rocksdb::Error,
    },
    /// Another process has locked the folder.
    #[error("{} is in use by another process", folder.display())]
    Locked {
        /// The data folder.
        folder: PathBuf,
    },
    /// The folder that was locked at the start was moved, or another process wrote the kept file.
    #[error(
        "{} was moved while it was in use, or another process writes there too. Stop all of them, \
         and keep the folder whose log has more events", folder.display()
    )]
    NotAlone {
        /// The data folder.
        folder: PathBuf,
    },
    /// Other users may access the folder, and its mode was not changed for the reason in `why`.
    #[error(
        "{} can be accessed by other users (mode {mode:04o}) and {why}: run `chmod -R go-rwx {}` as \
         its owner, or use a folder that holds nothing else", folder.display(), folder.display()
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
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The folder holds no log, although the command needs one.
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
        "the data has format {found}, this program reads format {known} only: use the program that \
         wrote it, or start a new log in an empty folder"
    )]
    Older {
        /// The version found.
        found: u32,
        /// The oldest version that this program reads.
        known: u32,
    },
    /// The log has fewer events than were known to be synced.
    #[error(
        "the log is damaged: it ends after {found} events, but {kept} were synced before. \
         Restore the data folder from a backup"
    )]
    Truncated {
        /// Number of events found.
        found: Seq,
        /// Number of synced events according to the kept file.
        kept: Seq,
    },
    /// The rows, or their files, cannot be read. They can be made again from the log.
    #[error(
        "the rows are damaged (cannot {attempt}): stop the server and run `provlog rebuild --data \
         DIR`, which makes them again from the log"
    )]
    RowsUnreadable {
        /// What was tried.
        attempt: &'static str,
        /// RocksDB's own words.
        #[source]
        source: rocksdb::Error,
    },
    /// The watermark is not in the form that a publish writes.
    #[error(
        "the rows are damaged (their watermark): stop the server and run `provlog rebuild --data \
         DIR`, which makes them again from the log"
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
    /// The path for a new folder is taken.
    #[error("{} exists already: name a folder that does not exist", path.display())]
    Taken {
        /// The path.
        path: PathBuf,
    },
    /// The path for a new folder is inside the folder it is to be made from.
    #[error("{} is inside {}: name a folder outside of it", path.display(), folder.display())]
    Inside {
        /// The path.
        path: PathBuf,
        /// The data folder.
        folder: PathBuf,
    },
    /// RocksDB's list of its files is damaged or missing. The files themselves may be undamaged.
    #[error(
        "the database does not open: run `provlog rebuild --data {} --into NEW`, which makes a new \
         folder from the log's files if they can be read", folder.display()
    )]
    DatabaseDamaged {
        /// The data folder.
        folder: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A record of the write-ahead log is incomplete or corrupt in a way that no crash causes.
    #[error(
        "the log is damaged: {} has a record at byte {offset} that is not whole, although it was synced \
         or the machine was not restarted since. Restore the data folder from a backup", path.display()
    )]
    WalDamaged {
        /// Which file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
    },
    /// The kept file is gone although the log is not empty.
    #[error(
        "{} is missing although there is a log: the data folder is damaged, and nothing says whether the \
         log is complete. Restore the folder from a backup", path.display()
    )]
    KeptMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The kept file is damaged.
    #[error(
        "the kept file {} is damaged, so nothing says whether the log is complete. Restore it from a \
         backup, together with the database of the same time", path.display()
    )]
    KeptDamaged {
        /// Where it is.
        path: PathBuf,
    },
    /// The kept file belongs to another log.
    #[error(
        "the kept file belongs to log {kept}, the database to log {found}: restore both from the same \
         backup"
    )]
    OtherLog {
        /// The id in the kept file.
        kept: LogId,
        /// The id in the database.
        found: LogId,
    },
    /// There is a kept file, but the database is missing or empty.
    #[error(
        "the kept file belongs to log {kept}, but the database is missing: restore the data folder \
         from a backup, or remove the whole folder to start a new log"
    )]
    LogMissing {
        /// The id in the kept file.
        kept: LogId,
    },
    /// A file or record is not in a form that we write.
    #[error("{what} is damaged")]
    Damaged {
        /// Which file or record.
        what: String,
    },
    /// The file of the secret key has the wrong length.
    #[error(
        "{} has {found} bytes instead of the 32 of a key: remove it, and the next start makes a new \
         one; only page cursors given out before become invalid", path.display()
    )]
    SecretLength {
        /// Which file.
        path: PathBuf,
        /// How many bytes it has.
        found: usize,
    },
    /// The log lacks an event.
    #[error(
        "the log is damaged: event {expected} is missing. Restore the data folder from a backup"
    )]
    Gap {
        /// The missing seq.
        expected: Seq,
    },
}

impl StoreError {
    pub(crate) fn rocks(attempt: &'static str) -> impl Fn(rocksdb::Error) -> StoreError {
        move |source| StoreError::Rocks { attempt, source }
    }
}

/// Errors of the operating system that have a cause outside of the file, such as a full disk or missing
/// permission, and so are no sign of damage.
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

/// Whether an error has a cause outside of the file.
pub(crate) fn is_hindered(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    number.is_some_and(|number| HINDRANCES.contains(&number))
}

/// The same for an error of RocksDB, which only has a text.
pub(crate) fn is_rocksdb_hindered(error: &rocksdb::Error) -> bool {
    let words = error.to_string();
    HINDRANCES.iter().any(|number| {
        let hindrance = io::Error::from(*number).to_string();
        words.contains(hindrance.split(" (os error").next().unwrap_or(&hindrance))
    })
}

/// An error and all its causes in one line, for log lines and refused commands.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
