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
    #[error("a row of {what} is damaged: `provlog rebuild` makes the rows anew from the log")]
    Row {
        /// Which kind of row.
        what: &'static str,
        /// What the codec found, where the codec was asked.
        #[source]
        source: Option<CodecError>,
    },
    /// An event cannot be decoded.
    #[error("event {seq} cannot be read")]
    Event {
        /// Its place in the log.
        seq: Seq,
        /// What the codec found.
        #[source]
        source: CodecError,
    },
    /// The rows claim events that the log does not have.
    #[error("the rows stand at {rows} events and the log ends after {log}: the folder is damaged")]
    RowsAhead {
        /// Events that the rows were made of.
        rows: Seq,
        /// Events that there are.
        log: Seq,
    },
}

impl ProjectorError {
    pub(crate) fn row(what: &'static str) -> ProjectorError {
        ProjectorError::Row { what, source: None }
    }

    pub(crate) fn undecodable(what: &'static str) -> impl Fn(CodecError) -> ProjectorError {
        move |source| ProjectorError::Row { what, source: Some(source) }
    }
}
