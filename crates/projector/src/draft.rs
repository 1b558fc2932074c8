//! An event on its way to the log.

use event::{Application, Fact, Number, Origin, Part};

use crate::gate::Passed;

/// An event that has no place in the log yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose event it is.
    pub application: Application,
    /// The request behind it.
    pub origin: Option<Origin>,
    /// What happened.
    pub fact: Fact,
    /// What was sent and what it changed.
    pub parts: Vec<Part>,
    /// Parts that passed the gate earlier. They are stored right behind the address, if there is one, and
    /// before the other parts.
    pub passed: Vec<PassedPart>,
}

/// A part that passed the gate earlier.
#[derive(Clone, Debug)]
pub struct PassedPart {
    /// As [`Part::subject`].
    pub subject: Number,
    /// As [`Part::others`].
    pub others: Vec<Number>,
    /// The content.
    pub content: Passed,
}

impl PassedPart {
    /// A part about one person or resource.
    pub fn new(subject: Number, content: Passed) -> PassedPart {
        PassedPart { subject, others: vec![], content }
    }
}
