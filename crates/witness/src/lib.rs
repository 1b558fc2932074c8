//! Witnesses of a log (C2SP tlog-witness and tlog-cosignature): the one that signs, and the client with
//! which a log asks others to sign.
//!
//! A log alone can show different trees to different people. A witness is run by somebody else. It
//! remembers the last checkpoint of the log that it signed, and signs another one only if it is shown that
//! the tree has only grown. So people who demand a witness's signature all see the same tree, as far as
//! that witness can be believed.
//!
//! ```text
//!  the log                                           the witness
//!    Witnesses::ask                                    router        one request, within its bounds
//!      │ for each witness that is due                    │
//!      │ ask ───────── POST /add-checkpoint ───────────▶ Witness::add_checkpoint
//!      │                                                 │ which log? signed by it?
//!      │                                                 │ the state: does it go on from there?
//!      │                                                 │ sign, and write the new state to disk
//!      │ ◀──────────── 200, the cosignature ──────────── answer
//!      ▼
//!    verified cosignature, and the size that the witness knows now
//! ```
//!
//! # What is on disk
//!
//! In the folder of a witness each log has one file, which [`Witness`] replaces as a whole before it
//! answers, and one more for each pair of checkpoints that show a split view:
//!
//! ```text
//! HASH.state                    HASH.split-SIZE-OTHER      HASH: SHA-256 of the origin, hexadecimal
//!   provlog witness state 1       two signed checkpoints   OTHER: of the second checkpoint's text,
//!   time 1772539200               of one size with                16 digits
//!   log.example/audit             different roots
//!   20852163
//!   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//!   — log.example/audit Az3grlgtzPICa5OS8npV…
//!   — witness.example/w1 CMp+6LWBU0anHGH5aNDT…
//!   sha256 5b1f…                  of all lines before it
//! ```
//!
//! # What this crate does not decide
//!
//! When a log asks, what it does with the signatures, and where it keeps the sizes. The clock is handed in.

#![warn(unreachable_pub)]

mod client;
mod folder;
mod http;
mod peers;
mod split;
mod state;
mod witness;

#[cfg(test)]
mod tests;

pub use client::{ANSWER_BYTES_MAX, ANSWER_MAX, AskError, agent, ask};
pub use http::{BODY_MAX, REQUESTS_MAX, router};
pub use peers::{
    Answer, AskFailure, BACK_OFF_S_MAX, BACK_OFF_S_MIN, Cosigned, PEERS_MAX, Peer, PeersError,
    TIME_DIFFERENCE_S_MAX, Witnesses,
};
pub use split::SPLITS_MAX;
pub use state::StateError;
/// The client's connections; see [`agent`].
pub use ureq::Agent;
pub use witness::{CLOCK_BEHIND_S_MAX, KnownLog, LOGS_MAX, OpenError, Refusal, Witness};
