//! What is known of one thing.

use askama::Template;

use super::Cell;

/// One fact: its name and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// What is told.
    pub label: String,
    /// The value.
    pub cell: Cell,
}

impl Fact {
    /// A fact.
    pub fn new(label: impl Into<String>, cell: Cell) -> Fact {
        Fact { label: label.into(), cell }
    }
}

/// A list of facts.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/facts.html")]
pub struct Facts {
    /// Its heading, if it needs one.
    pub caption: Option<String>,
    /// The facts in the order of reading.
    pub facts: Vec<Fact>,
}
