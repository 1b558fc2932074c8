//! Why a bundle shows nothing.

use event::Seq;
use tlog::{InclusionError, PolicyRefusal, SignedCheckpointError};

use super::form::{BUNDLE_BYTES_MAX, BUNDLE_FORMAT};
use crate::entry::EntryError;
use crate::state::StateError;

/// Why a bundle shows nothing. Each is about the first thing that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleRefusal {
    /// It is longer than any may be.
    #[error("a bundle has at most {BUNDLE_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JSON, or has other members.
    #[error("this is no bundle: line {line}, column {column}")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is of another version.
    #[error("the bundle is not of the version that this program knows, `{BUNDLE_FORMAT}`")]
    Version,
    /// It is not written in the one form.
    #[error("the bundle is not in the form in which it was written")]
    Form,
    /// The checkpoint cannot be read.
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[from] SignedCheckpointError),
    /// The checkpoint is not to be believed.
    #[error("the checkpoint is not to be believed")]
    Policy(#[from] PolicyRefusal),
    /// The events do not ascend.
    #[error("event {seq} is not behind the one before it in the file")]
    Order {
        /// Its place.
        seq: Seq,
    },
    /// An entry cannot be read.
    #[error("the entry of event {seq} cannot be read")]
    Entry {
        /// Its place.
        seq: Seq,
        /// Why.
        source: EntryError,
    },
    /// An entry is of another event, or of another log than the first one.
    #[error("the entry of event {seq} is of another event or log")]
    OtherEvent {
        /// Its place.
        seq: Seq,
    },
    /// A list of hashes is none.
    #[error("the proof at {place} is no list of hashes")]
    Hashes {
        /// Where.
        place: &'static str,
    },
    /// The event is not in the log of the checkpoint.
    #[error("event {seq} is not shown to be in the log")]
    NotInLog {
        /// Its place.
        seq: Seq,
        /// Why.
        source: InclusionError,
    },
    /// Header or structural facts are not those of the entry.
    #[error("what is shown of event {seq} is not what was recorded")]
    OtherFacts {
        /// Its place.
        seq: Seq,
    },
    /// They cannot be decoded.
    #[error("what is shown of event {seq} cannot be read by this program")]
    Undecodable {
        /// Its place.
        seq: Seq,
    },
    /// An event is missing that the answer needs.
    #[error("event {seq} is missing, which {why}")]
    Missing {
        /// Its place.
        seq: Seq,
        /// What for.
        why: &'static str,
    },
    /// The events do not show which one the instant is at.
    #[error("the bundle does not show that event {seq} is the last one up to the instant: {why}")]
    Instant {
        /// The event that the bundle says it is.
        seq: Seq,
        /// What is wrong.
        why: &'static str,
    },
    /// The bundle lacks a commitment that the question needs.
    #[error(
        "the bundle has no commitment behind the answer, so it does not show that nothing is missing"
    )]
    NoLater,
    /// An event is no commitment, or one of another application, state or time.
    #[error("event {seq} does not commit to the state that the bundle shows: {why}")]
    OtherCommitment {
        /// Its place.
        seq: Seq,
        /// What differs.
        why: &'static str,
    },
    /// A piece of a state cannot be read.
    #[error("what is shown of the state at event {at} cannot be read")]
    State {
        /// The event of the state.
        at: Seq,
        /// Why.
        source: StateError,
    },
    /// The leaf is not in the state.
    #[error("the leaf is not shown to be in the state at event {at}")]
    OtherLeaf {
        /// The event of the state.
        at: Seq,
        /// Why.
        source: InclusionError,
    },
    /// A leaf is missing, or there is one of a number that was not given yet.
    #[error("the state at event {at} does not have the leaf that the question is about")]
    Leaf {
        /// The event of the state.
        at: Seq,
    },
    /// A list is not the one of the state.
    #[error("the list is not the one that was committed to at event {at}")]
    OtherList {
        /// The event of the state.
        at: Seq,
    },
    /// The chain of links leads past the earlier commitment.
    #[error(
        "event {seq} names {before} as the change before it, which the earlier commitment denies"
    )]
    Chain {
        /// The event whose link does not fit.
        seq: Seq,
        /// What it names.
        before: String,
    },
    /// An event has no link of the kind that leads to it.
    #[error("event {seq} does not change what the chain that leads to it is about")]
    NoLink {
        /// Its place.
        seq: Seq,
    },
    /// An event removes what is not there, or adds what is.
    #[error("event {seq} does not fit the list before it")]
    Fold {
        /// Its place.
        seq: Seq,
    },
    /// What an opening shows is not what the event committed to.
    #[error("what is opened of event {seq} is not what was recorded: {why}")]
    Opening {
        /// Its place.
        seq: Seq,
        /// What differs.
        why: &'static str,
    },
    /// The question is none that a bundle answers.
    #[error("the question has no answer by a bundle: {why}")]
    Question {
        /// Why.
        why: &'static str,
    },
}
