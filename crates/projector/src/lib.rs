//! The one writer, and the way from events to rows.
//!
//! ```text
//!  command ──▶ Committer   decide(&View, Stamp) ─▶ Decision { events, reply }
//!                          fold(event)          ─▶ row changes, into the overlay
//!                          append the batch's events, synced      the truth
//!                          publish overlay and watermark          the cache
//!              ◀── reply
//! ```
//!
//! [`Committer`] takes waiting commands as one batch and knows no SCIM. The fold turns an event's
//! resolved changes into rows: state, history, sets, the log's index. [`catch_up`] brings rows to
//! the log's end with the same fold, and [`rebuild`] makes them anew; there is no other repair.
//! [`View`] reads rows, live or as of a seq.

#![warn(unreachable_pub)]

mod asked;
mod authority;
mod bundle;
mod claim;
mod class;
mod clock_guard;
mod command;
mod committer;
mod configuration;
mod draft;
mod error;
mod failing;
mod fold;
mod gate;
mod holder;
mod listing;
mod memory;
mod names;
mod operation;
mod overlay;
mod privacy;
mod queue;
mod reads;
mod rebuild;
mod resource;
mod row;
mod scrub;
mod set;
mod signer;
mod state;
mod structure;
mod text;
mod tree;
mod unauthenticated;
mod unsettled;
mod verify;
mod view;

pub use asked::{AccessSummary, ReferenceList};
pub use authority::Revoked;
pub use bundle::{BundleAsk, BundleError, bundle};
pub use claim::{Claim, ClaimFilter, ClaimKind, Import};
pub use clock_guard::ClockFault;
pub use command::{Decision, Durability, Stamp};
pub use committer::{Committer, CommitterOptions, last_recorded_at};
pub use configuration::{ConfigurationKind, ConfigurationSummary, PrivilegedGroup, SavedQuestion};
pub use draft::{Draft, PassedPart};
pub use error::{CommitError, ProjectorError};
pub use failing::Failing;
pub use fold::names_of;
pub use gate::{Gate, Passed};
pub use listing::Listing;
pub use operation::{OperationSummary, effect_of_observation, request_id_hash, status_of};
pub use privacy::{Erasure, Retention};
pub use rebuild::{Rebuilt, catch_up, rebuild};
pub use row::{
    ApplicationRow, CredentialRow, Gap, GapReason, Identity, Mentioned, OperationCounts,
    SignInIdentity, Version,
};
pub use scrub::{Scrubbed, Scrubbing, scrub};
pub use set::{MemberSince, SetChange, SetSize, Stay};
pub use signer::{Signer, SignerError, kept_checkpoint, unverified_checkpoint};
pub use state::{
    Commitment, CommitmentError, FalseCommitment, Schedule, StateCommitter, StateTree, replayed,
    verify_commitments,
};
pub use text::{LOOKUP_BYTES_MAX, case_folded};
pub use tree::{ScrubbedTiles, TileRows};
pub use unsettled::{Doubt, Settled};
pub use verify::{Extent, Fault, Verified, verify};
pub use view::{NameHolder, NamesAt, Order, View, identity_sha256, seq_at, token_sha256};
