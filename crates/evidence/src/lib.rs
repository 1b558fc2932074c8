//! What the tree of the log holds of an event, and what can be shown by it. Pure: bytes in, bytes or
//! refusals out.
//!
//! `tlog` proves that an entry is in a tree and does not know what an event is; `event` knows events and
//! no tree. This crate is between the two.
//!
//! [`Entry`] draws every byte of an entry.

#![warn(unreachable_pub)]

mod entry;
mod proof;

pub use entry::{ENTRY_BYTES, Entry, EntryError, Rooted};
pub use proof::{ProofRefusal, Proven, verify_proof};
