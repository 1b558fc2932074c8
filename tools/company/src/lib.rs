//! An invented company whose provisioning history is played into provlog, through its real SCIM
//! router: what `tools/demo` shows, and a long history for tests.
//!
//! [`play`] invents and plays; [`ask`](fn@ask) asks a running server the [`Question`]s, and [`Why`]
//! accounts are as they are, before and after an import of the provider's log. A [`Plan`] decides
//! everything that an answer says, save the ids that the server draws.
//!
//! ```text
//!  history   who comes, moves, marries, goes      (a seed)
//!  provider  the requests of each cycle           in terms of people and groups
//!  mapping   what of a person goes where          as the profile of the application lists it
//!  play      call ─▶ router ─▶ status as scripted ─▶ book
//!  questions what the book expects of the answers
//!  entra     the log that the provider keeps       a file for each application
//!  why       what nothing but that log can tell
//! ```
//!
//! Stories that every history has:
//!
//! - An account is refused for a value that is none, made, renamed, switched off, deleted, and made
//!   again: the second question.
//! - Somebody who could approve posts has left since; somebody leaves in the hour in which the recorder
//!   is killed: the first and the third.
//! - Two people have one name. Where accounts are matched by `userName`, the other's is found and
//!   nothing is made. Howspace, configured by hand, is asked for an `externalId`, finds nobody and
//!   refuses the create. All of its lookups are flagged: its profile does not list `externalId` as
//!   filterable.
//! - An old mapping of the title is left in place in Jostle for the first days. What it writes is
//!   flagged, until somebody takes it out.
//! - The recorder is stopped for an upgrade, and killed when nobody looks.
//! - Four people's accounts are switched off in Jostle by the same request in the same hour: one was
//!   unassigned, one filtered out, one deleted at the source, one disabled there. The provider's log
//!   tells which.
//! - Long before the recorder, in 2020, somebody with the role Default Access got no account in
//!   Hootsuite. The provider's log of that time is all that is left of it.
//! - A token is changed in an application before it is changed at the identity provider.

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

/// The fewest days in which the story of the questions has room.
pub const DAYS_MIN: u32 = 14;

/// What decides a history.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// How long the history is, at least [`DAYS_MIN`].
    pub days: u32,
    /// When it ends.
    pub end: Timestamp,
    /// People on the first day, roughly.
    pub headcount: usize,
}
