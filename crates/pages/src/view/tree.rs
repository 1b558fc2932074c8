//! A tree of reasons: why something is as it is.

use askama::Template;

use super::{Cell, Link};

/// What a node found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It was not asked, because an earlier node decides.
    #[default]
    NotAsked,
    /// Nothing at hand could show it.
    NotObservable,
    /// There is evidence, and it does not decide.
    Unknown,
}

impl Mark {
    fn glyph(self) -> &'static str {
        match self {
            Mark::Yes => "✓",
            Mark::No => "✗",
            Mark::NotAsked | Mark::NotObservable => "·",
            Mark::Unknown => "?",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Mark::Yes => "yes",
            Mark::No => "no",
            Mark::NotAsked => "does not matter",
            Mark::NotObservable => "not observable from here",
            Mark::Unknown => "not known",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Mark::Yes => "good",
            Mark::No => "bad",
            Mark::NotAsked | Mark::NotObservable => "quiet",
            Mark::Unknown => "warn",
        }
    }
}

/// A node and those below it.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/tree.html")]
pub struct TreeNode {
    /// What is asked.
    pub name: String,
    /// What was found.
    pub mark: Mark,
    /// What was found, in a sentence.
    pub text: String,
    /// The events that show it.
    pub links: Vec<Link>,
    /// The nodes below.
    pub children: Vec<TreeNode>,
    /// Whether it is the one that decides.
    pub is_decisive: bool,
}

impl TreeNode {
    fn told(&self) -> askama::filters::Safe<String> {
        askama::filters::Safe(Cell::text(self.text.clone()).to_string())
    }
}
