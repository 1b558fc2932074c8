//! What the tree of the log holds of an event, and what can be shown by it. Pure: bytes in, bytes or
//! refusals out.
//!
//! `tlog` proves that an entry is in a tree and does not know what an event is; `event` knows events and
//! no tree. This crate is between the two.
//!
//! [`Entry`] draws every byte of an entry, [`state::Top`] those of a state that is committed to. [`bundle`]
//! derives an answer from a file, and shows that it is complete.

#![warn(unreachable_pub)]

pub mod bundle;
mod entry;
mod file;
mod opening;
mod proof;
pub mod state;

pub use entry::{ENTRY_BYTES, Entry, EntryError, Rooted, part_records};
pub use file::{Evidence, Refusal, verify_file};
pub use opening::{OpeningError, Salt, ValueOpening, WholeOpening, value_hash, whole_hash};
pub use proof::{ProofRefusal, Proven, verify_proof};
