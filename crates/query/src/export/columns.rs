//! Which columns the rows of each question have as CSV, by the names of their members.
//!
//! Files that auditors exchange have the columns of an export's file of the same name; some of those
//! say what the answer is about, and some have nothing in them here; what we add comes last. Every
//! other question has the members of its rows, in the order in which the answer is documented.

use answers::{Described, Shape, fields, row};

/// Of the steps of imported entries, as `steps.csv`.
#[must_use]
pub fn steps() -> &'static [&'static str] {
    fields::<row::ExportedStep>()
}

/// Of what operations changed, as `changes.csv`.
#[must_use]
pub fn changes() -> &'static [&'static str] {
    fields::<row::ExportedChange>()
}

/// As what the answer of a question is exported.
#[derive(Clone, Copy, Debug)]
pub struct Exported {
    /// The name of the file that has the rows, without its ending.
    pub name: &'static str,
    /// The columns of that file.
    pub columns: &'static [&'static str],
    /// Whether the rows are operations, whose steps and changes have files of their own beside it.
    pub are_operations: bool,
    /// The question itself.
    pub described: &'static Described,
}

/// As what a question is exported, by its address below `/api/v1`; `None` for what has no rows.
pub(crate) fn of_question(path: &str) -> Option<Exported> {
    let path = format!("/api/v1/{}", path.trim_matches('/'));
    let one = answers::question_at(&path)?;
    let are_operations = matches!(one.shape, Shape::Operations { .. });
    Some(Exported { name: one.file()?, columns: &one.columns, are_operations, described: one })
}
