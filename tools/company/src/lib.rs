//! An invented company whose provisioning history is played into provlog, through its real SCIM
//! router: what `tools/demo` shows, and a long history for tests.
//!
//! [`play`] invents and plays; [`ask`] asks the [`Question`]s of a running server. A [`Plan`] decides
//! everything that an answer says, save the ids that the server draws.
//!
//! ```text
//!  history   who comes, moves, marries, goes      (a seed)
//!  provider  the requests of each cycle           in terms of people and groups
//!  mapping   what of a person goes where          as the profile of the application lists it
//!  play      call ─▶ router ─▶ status as scripted ─▶ book
//!  questions what the book expects of the answers
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
//! - A token is changed in an application before it is changed at the identity provider.

mod ask;
mod book;
mod calendar;
mod call;
mod company;
mod history;
mod mapping;
mod names;
mod play;
mod provider;
mod questions;
mod random;

pub use ask::ask;
pub use book::Operation;
pub use calendar::Ending;
pub use company::App;
pub use play::{PlayError, Played, play};
pub use questions::{Expected, Gap, Question};

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
