//! Errors about keys and their files. None names more of a key than whose it is.

use std::io;
use std::path::PathBuf;

use event::{Application, LogId, Seq};
use sealing::{MasterKeyId, Owner, RandomError};

/// Why there is no key, or why keys cannot be made or destroyed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The operating system refuses something.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The operating system gives no random bytes for new keys.
    #[error("cannot make keys")]
    Random(#[from] RandomError),
    /// A write to this file failed before. What is on disk is then unknown until the file is opened anew.
    #[error("{} could not be written before: restart the server", path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
    },
    /// It is a folder, a link, a pipe or a device.
    #[error("{} is not a plain file: restore it from a backup of the keys", path.display())]
    NotPlain {
        /// Which.
        path: PathBuf,
    },
    /// Neither header is whole.
    #[error("{} is damaged (its header): restore it from a backup of the keys", path.display())]
    Header {
        /// Which file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "{} has format {found}, this program reads up to {known}: use a newer release", path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version found.
        found: u16,
        /// The newest version that this program reads.
        known: u16,
    },
    /// It belongs to another application or table than its name says.
    #[error("{} has the keys of another file: restore it from a backup of the keys", path.display())]
    Misnamed {
        /// Which file.
        path: PathBuf,
    },
    /// It belongs to another log.
    #[error(
        "{} has keys of log {found}, but this is log {log}: restore both from backups of the same log",
        path.display()
    )]
    OtherLog {
        /// Which file.
        path: PathBuf,
        /// The log's id in the file.
        found: LogId,
        /// This log's id.
        log: LogId,
    },
    /// Its keys are wrapped by another master key.
    #[error(
        "the keys in {} are wrapped by master key {found}, and the one given is {given}: give the right \
         one; if the keys were being wrapped anew, do that again with both", path.display()
    )]
    OtherMaster {
        /// Which file.
        path: PathBuf,
        /// The id in the file.
        found: MasterKeyId,
        /// The id of the key that was given.
        given: MasterKeyId,
    },
    /// It is shorter than its header says.
    #[error(
        "{} is damaged: it has {found} bytes, and its header says {expected}. Restore it from a backup of \
         the keys", path.display()
    )]
    Short {
        /// Which file.
        path: PathBuf,
        /// How long it is.
        found: u64,
        /// How long it is at least.
        expected: u64,
    },
    /// There are no keys of this application.
    #[error(
        "the keys of application {application} are missing: restore them from a backup of the keys"
    )]
    Missing {
        /// Which application.
        application: Application,
    },
    /// There are fewer keys than the log uses numbers.
    #[error(
        "application {application} has keys for {made} numbers, and the log uses {used}: the keys are older \
         than the log. Restore the newest ones"
    )]
    TooFew {
        /// Which application.
        application: Application,
        /// For how many numbers there are keys, 0 included.
        made: u32,
        /// How many the log uses, 0 included.
        used: u32,
    },
    /// There is no key yet.
    #[error("no key was made for {owner}")]
    NeverMade {
        /// Whose key it would be.
        owner: Owner,
    },
    /// Number 0 is nobody and has no key.
    #[error("nobody has no key: what concerns no person belongs to a month")]
    Nobody,
    /// No more slots can be counted.
    #[error("application {application} has no room for more keys")]
    Full {
        /// Which application.
        application: Application,
    },
    /// The key was destroyed. This is no damage if the log has the erasure.
    #[error("the key of {owner} was destroyed for the erasure at seq {seq}")]
    Erased {
        /// Whose key it was.
        owner: Owner,
        /// The seq of the erasure's event.
        seq: Seq,
    },
    /// The slot is not whole, or not of this owner.
    #[error(
        "{} is damaged (the key of {owner}): restore it from a backup of the keys", path.display()
    )]
    Damaged {
        /// Whose key it would be.
        owner: Owner,
        /// Which file.
        path: PathBuf,
    },
}
