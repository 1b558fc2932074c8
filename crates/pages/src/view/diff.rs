//! What changed: paths with the value before and after.

use askama::Template;

use super::{Cell, Tone};

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffRow {
    /// What changed.
    pub path: Cell,
    /// The value before; none if there was none.
    pub old: Option<Cell>,
    /// The value after; none if there is none.
    pub new: Option<Cell>,
    /// Whether a value was cut out because it is secret or was erased.
    pub is_redacted: bool,
}

impl DiffRow {
    fn word(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, Some(_)) => "added",
            (Some(_), None) => "removed",
            _ => "changed",
        }
    }

    fn mark(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, Some(_)) => "+",
            (Some(_), None) => "−",
            _ => "~",
        }
    }

    fn tone(&self) -> Tone {
        super::tone(self.word())
    }
}

/// Changes, as a table.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/diff.html")]
pub struct DiffView {
    /// What changed.
    pub caption: String,
    /// The changes.
    pub rows: Vec<DiffRow>,
    /// The heading of the values before; `Before` if empty.
    pub old_heading: String,
    /// The heading of the values after; `After` if empty.
    pub new_heading: String,
}
