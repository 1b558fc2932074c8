//! The CSV columns of each question's rows, by the names of their members.
//!
//! Files that auditors exchange have the columns of an export's file of the same name; some of those
//! say what the answer is about, and some have nothing in them here; what we add comes last. Every
//! other question has the members of its rows, in the order in which the answer is documented.

use answers::{Described, FileColumn, Shape, fields, row};

/// The columns of `steps.csv`: the steps of imported entries.
#[must_use]
pub fn steps() -> Vec<FileColumn> {
    fields::<row::ExportedStep>().iter().map(|column| FileColumn::of(column)).collect()
}

/// The columns of `changes.csv`: what operations changed.
#[must_use]
pub fn changes() -> Vec<FileColumn> {
    fields::<row::ExportedChange>().iter().map(|column| FileColumn::of(column)).collect()
}

/// How the answer of a question is exported.
#[derive(Clone, Copy, Debug)]
pub struct Exported {
    /// The name of the file with the rows, without its extension.
    pub name: &'static str,
    /// Whether the rows are operations; their steps and changes then have separate files.
    pub are_operations: bool,
    /// The question itself.
    pub described: &'static Described,
}

/// How a question is exported, by its address below `/api/v1`; `None` if it has no rows.
pub(crate) fn of_question(path: &str) -> Option<Exported> {
    let path = format!("/api/v1/{}", path.trim_matches('/'));
    let one = answers::question_at(&path)?;
    let are_operations = matches!(one.shape, Shape::Operations { .. });
    Some(Exported { name: one.file()?, are_operations, described: one })
}
