//! Erasing people, holding them back from it, and for how long what was sent is kept.

use crate::id::{Number, Seq};

/// People or resources of the event's application are erased: the keys of all that the log holds about them
/// are destroyed right after this event is synced. It carries no name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubjectsErased {
    /// Who, ascending. None of them exists, and none is held.
    pub numbers: Vec<Number>,
}

impl SubjectsErased {
    /// Maximum number of numbers in one event.
    pub const NUMBERS_MAX: usize = 1_000;
}

/// An erasure was carried out: keys destroyed, and rows removed from all files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErasureCompleted {
    /// The seq of the [`SubjectsErased`].
    pub erasure: Seq,
}

/// People or resources of the event's application must not be erased, or may be again. The reason is a part,
/// [`crate::Content::Note`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LegalHold {
    /// Who, ascending.
    pub numbers: Vec<Number>,
    /// Whether they are held from now on.
    pub held: bool,
}

/// For how long what is sent to the event's application is kept: addresses, bodies, answers, and where they
/// came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetentionSet {
    /// So many whole months behind the present one, at least 1; `None` for ever.
    pub months: Option<u16>,
}

/// The retention of what was sent to the event's application is over up to a month: its keys are destroyed
/// right after this event is synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentErased {
    /// The last month, counted from January 1970 as 0.
    pub through: u32,
}
