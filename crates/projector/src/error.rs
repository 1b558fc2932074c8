//! Errors between the log and the rows. None is about a request: decide finds what is wrong with a
//! request before it becomes an event.

use event::Seq;
use event::codec::CodecError;
use store::StoreError;
use tlog::{Tile, VerifyError};

/// A failed attempt to read or make rows.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not in the form that the fold writes.
    #[error("a row of {what} is damaged: stop the server and run `provlog rebuild --data DIR`")]
    Row {
        /// Which kind of row.
        what: &'static str,
        /// The codec's error, if the codec was used.
        #[source]
        source: Option<CodecError>,
    },
    /// A row made by the fold is too large to store.
    #[error("a row of {what} cannot be encoded")]
    RowEncoding {
        /// Which kind of row.
        what: &'static str,
        /// What the codec found.
        #[source]
        source: CodecError,
    },
    /// A value in an event's changes is not JSON.
    #[error("a value in an event's changes is not JSON")]
    Value(#[source] serde_json::Error),
    /// The fold panicked. This is a defect, and the same event would panic at every start.
    #[error("the fold of event {seq} panicked: a defect in provlog, please report it")]
    FoldPanicked {
        /// The event's place in the log.
        seq: Seq,
    },
    /// The committer panicked while writing.
    #[error("the committer panicked: a defect in provlog, please report it")]
    CommitterPanicked,
    /// The committer's thread cannot be started.
    #[error("cannot start the committer's thread")]
    Thread(#[source] std::io::Error),
    /// An event cannot be decoded.
    #[error("event {seq} cannot be read")]
    Event {
        /// Its place in the log.
        seq: Seq,
        /// What the codec found.
        #[source]
        source: CodecError,
    },
    /// An event still held a secret token after all cuts, and was not stored. A defect.
    #[error("event {seq} would hold a secret token, and is not stored")]
    Secret {
        /// The seq that it would have had.
        seq: Seq,
    },
    /// The rows were made from more events than the log has.
    #[error(
        "the log is damaged: its rows were made from {rows} events, but it ends after {log}. \
         Restore the data folder from a backup"
    )]
    RowsAhead {
        /// Number of events that the rows were made from.
        rows: Seq,
        /// Number of events in the log.
        log: Seq,
    },
    /// Rows of the log's tree are missing or damaged.
    #[error(
        "the rows of {tile} of the log's tree are damaged: stop the server and run \
         `provlog rebuild --data DIR`"
    )]
    Tile {
        /// Which of them.
        tile: Tile,
    },
    /// The tree is not of the size at which an event is appended. A defect, or damaged rows.
    #[error("the log's tree has {size} events, and event {seq} comes next")]
    TreeSize {
        /// Events in the tree.
        size: u64,
        /// The next event.
        seq: Seq,
    },
    /// A checkpoint cannot be made or read.
    #[error("the checkpoint: {0}")]
    Sign(String),
    /// The kept file has no checkpoint, though there are events.
    #[error(
        "the kept file of a log of {log} events has no checkpoint: it was removed, since the first start \
         signs one. Restore the data folder from a backup"
    )]
    NoCheckpoint {
        /// Events in the log.
        log: Seq,
    },
    /// The last checkpoint is not by a key of the log.
    #[error(
        "the last checkpoint of the log was not signed by the key that is given: the kept file was forged, \
         or the key was replaced. Restore both from a backup; to replace a key, give the old one too"
    )]
    NotSigned(#[source] VerifyError),
    /// The log ends before the last checkpoint.
    #[error(
        "the log is damaged: a checkpoint of {signed} events was signed, and the log ends after {log}. \
         Restore the data folder from a backup"
    )]
    BelowCheckpoint {
        /// Events in the checkpoint.
        signed: u64,
        /// Events in the log.
        log: Seq,
    },
    /// The tree is not the one that was signed.
    #[error(
        "the log is damaged: the tree of its first {signed} events is not the one that was signed. \
         `provlog verify --data DIR` says where. Restore the data folder from a backup"
    )]
    Contradicted {
        /// Events in the checkpoint.
        signed: u64,
    },
    /// Events that no checkpoint covers yet are not those of which the rows have the hashes.
    #[error(
        "the events {signed} to {} are not those of which the rows of the log's tree have the hashes, and no \
         checkpoint covers them: either was altered. `provlog verify --data DIR` says where", log - 1
    )]
    Differs {
        /// Events in the checkpoint.
        signed: u64,
        /// Events in the log.
        log: Seq,
    },
    /// The key is one of another log.
    #[error(
        "the log was signed as {was}, and the key signs as {is}: use a key with the log's name"
    )]
    OtherOrigin {
        /// The log's name so far.
        was: String,
        /// The name of the key.
        is: String,
    },
}

impl ProjectorError {
    /// The error of an event that cannot be read or made.
    pub fn event(seq: Seq) -> impl Fn(CodecError) -> ProjectorError {
        move |source| ProjectorError::Event { seq, source }
    }

    /// Whether only rows are damaged, which a rebuild makes again from the log.
    pub fn is_row_damage(&self) -> bool {
        match self {
            ProjectorError::Row { .. }
            | ProjectorError::Tile { .. }
            | ProjectorError::Store(
                StoreError::RowsUnreadable { .. } | StoreError::WatermarkDamaged,
            ) => true,
            ProjectorError::Store(_)
            | ProjectorError::RowEncoding { .. }
            | ProjectorError::Value(_)
            | ProjectorError::FoldPanicked { .. }
            | ProjectorError::CommitterPanicked
            | ProjectorError::Thread(_)
            | ProjectorError::Event { .. }
            | ProjectorError::Secret { .. }
            | ProjectorError::RowsAhead { .. }
            | ProjectorError::TreeSize { .. }
            | ProjectorError::Sign(_)
            | ProjectorError::NoCheckpoint { .. }
            | ProjectorError::NotSigned(_)
            | ProjectorError::BelowCheckpoint { .. }
            | ProjectorError::Contradicted { .. }
            | ProjectorError::Differs { .. }
            | ProjectorError::OtherOrigin { .. } => false,
        }
    }

    /// A row whose value is not what it should be.
    pub fn damaged(what: &'static str) -> ProjectorError {
        ProjectorError::row(what)
    }

    pub(crate) fn row(what: &'static str) -> ProjectorError {
        ProjectorError::Row { what, source: None }
    }

    pub(crate) fn undecodable(what: &'static str) -> impl Fn(CodecError) -> ProjectorError {
        move |source| ProjectorError::Row { what, source: Some(source) }
    }

    pub(crate) fn encoding(what: &'static str) -> impl Fn(CodecError) -> ProjectorError {
        move |source| ProjectorError::RowEncoding { what, source }
    }
}

/// Why a command got no reply. Whether its events were stored can only be told from the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommitError {
    /// An append or publish failed. Nothing is decided until the process is restarted.
    #[error("the log cannot be written; the server must be restarted")]
    Poisoned,
    /// A row that was needed cannot be read. Nothing is decided or answered until a rebuild.
    #[error(
        "the rows are damaged: stop the server and run `provlog rebuild --data DIR`, which makes them \
         again from the log"
    )]
    RowsDamaged,
    /// The log cannot be written because one of its files is damaged.
    #[error("the log is damaged: restore the data folder from a backup")]
    LogDamaged,
    /// This command could not be decided: a defect, or a row that cannot be read. Nothing of it is
    /// stored, and other commands go on.
    #[error("the request could not be decided because of a defect")]
    Defect,
    /// The committer has stopped.
    #[error("the server is stopping")]
    Stopped,
}
