//! What can go wrong between the log and the rows. Nothing here is about a request: whatever is
//! wrong with one is found by decide, before it becomes a fact.

use event::Seq;
use event::codec::CodecError;
use store::StoreError;

/// A failed attempt to read or make rows.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The files failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not what the fold writes.
    #[error("a row of {what} is damaged: stop the server and run `provlog rebuild --data DIR`")]
    Row {
        /// Which kind of row.
        what: &'static str,
        /// What the codec found, where the codec was asked.
        #[source]
        source: Option<CodecError>,
    },
    /// A row that the fold made is too large to be stored.
    #[error("a row of {what} cannot be encoded")]
    RowEncoding {
        /// Which kind of row.
        what: &'static str,
        /// What the codec found.
        #[source]
        source: CodecError,
    },
    /// A value that stands in an event is no JSON.
    #[error("a value in an event's changes is no JSON")]
    Value(#[source] serde_json::Error),
    /// The fold panicked: a defect, which would come back at every start.
    #[error("the fold of event {seq} ended in a panic")]
    FoldPanicked {
        /// The event's place in the log.
        seq: Seq,
    },
    /// The committer panicked while it wrote.
    #[error("the committer ended in a panic")]
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
    /// A scrub stopped at the log.
    #[error("the log cannot be read from about event {seq} on")]
    Scrub {
        /// How many events were read before.
        seq: Seq,
        /// What stopped it.
        #[source]
        source: Box<ProjectorError>,
    },
    /// An event would hold a secret token where nobody thought of one.
    #[error("event {seq} would hold a secret token, and is not stored")]
    Secret {
        /// The place that it would have had.
        seq: Seq,
    },
    /// The rows claim events that the log does not have.
    #[error(
        "the log is damaged: its rows were made of {rows} events, and it ends after {log}. \
         Restore the data folder from a backup"
    )]
    RowsAhead {
        /// Events that the rows were made of.
        rows: Seq,
        /// Events that there are.
        log: Seq,
    },
}

impl ProjectorError {
    /// Whether rows are what cannot be read: they can be made anew.
    pub fn is_row_damage(&self) -> bool {
        match self {
            ProjectorError::Row { .. }
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
            | ProjectorError::Scrub { .. }
            | ProjectorError::Secret { .. }
            | ProjectorError::RowsAhead { .. } => false,
        }
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

/// Why a command got no reply. In each case the log alone says whether its events are in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommitError {
    /// An append or publish failed; nothing is decided until the process is started again.
    #[error("the log cannot be written; the server must be started again")]
    Poisoned,
    /// A row that was needed cannot be read; nothing is decided or shown until the rows were made anew.
    #[error(
        "the rows are damaged: stop the server and run `provlog rebuild --data DIR`, which makes them \
         anew from the log"
    )]
    RowsDamaged,
    /// The log cannot be written because a file of it is damaged.
    #[error("the log is damaged: restore the data folder from a backup")]
    LogDamaged,
    /// This command could not be decided: a defect, or a row that cannot be read. It is refused,
    /// nothing of it is stored, the others go on.
    #[error("the request could not be decided because of a defect")]
    Defect,
    /// The committer has stopped.
    #[error("the server is stopping")]
    Stopped,
}
