//! An invented company whose provisioning history is played into provlog through its real SCIM router:
//! for `tools/demo`, and as a long history for tests.
//!
//! [`play`] invents and plays a history; [`ask`](fn@ask) asks a running server the [`Question`]s, and
//! [`Why`] before and after an import of the provider's log. A [`Plan`] decides everything in an answer
//! except the ids that the server generates.
//!
//! ```text
//!  history   who comes, moves, marries, goes      (a seed)
//!  provider  the requests of each cycle           in terms of people and groups
//!  mapping   a person's values by attribute       as the profile of the application lists it
//!  play      call ─▶ router ─▶ status as scripted ─▶ book
//!  questions the answers that the book expects
//!  entra     the log that the provider keeps       a file for each application
//!  why       questions that need that log
//! ```
//!
//! Stories that every history has:
//!
//! - An account is refused for an invalid value, created, renamed, deactivated, deleted, and created
//!   again: the second question.
//! - An approver has left since; somebody leaves in the hour in which the recorder is killed: the
//!   first and the third question.
//! - Two people have the same name. Where accounts are matched by `userName`, the other's account is
//!   found and nothing is created. Howspace, configured by hand, is asked for an `externalId`, finds
//!   nobody, and refuses the create. All of its lookups are flagged: its profile does not list
//!   `externalId` as filterable.
//! - An old mapping of the title stays in place in Jostle for the first days. Its writes are flagged
//!   until somebody removes it.
//! - The recorder is stopped for an upgrade, and killed once unnoticed.
//! - Four accounts in Jostle are deactivated by the same request in the same hour: one person was
//!   unassigned, one filtered out, one deleted at the source, one disabled there. Only the provider's
//!   log tells which.
//! - Long before the recorder, in 2020, somebody with the role Default Access got no account in
//!   Hootsuite. Only the provider's log of that time tells why.
//! - A token changes in an application before it is changed at the identity provider.

mod ask;
mod book;
mod calendar;
mod call;
mod company;
mod entra;
mod history;
mod mapping;
mod names;
mod play;
mod provider;
mod questions;
mod random;
mod why;

pub use ask::{Refused, answer, ask};
pub use book::Operation;
pub use calendar::Ending;
pub use company::App;
pub use entra::Cause;
pub use play::{PlayError, Played, play};
pub use questions::{Expected, Gap, Question};
pub use why::{Reason, Why, table};

use event::Timestamp;

/// The fewest days that the demo's story needs.
pub const DAYS_MIN: u32 = 14;

/// The parameters of a history.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of everything random.
    pub seed: u64,
    /// How long the history is, at least [`DAYS_MIN`].
    pub days: u32,
    /// When it ends.
    pub end: Timestamp,
    /// People on the first day, roughly.
    pub headcount: usize,
}
