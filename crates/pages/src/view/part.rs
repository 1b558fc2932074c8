//! A part of a page: a heading, a table, lines of text.

use askama::Template;

use super::TableView;

/// A part.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/part.html")]
pub struct PartView {
    /// Its heading; may be empty.
    pub title: String,
    /// Its table.
    pub table: Option<TableView>,
    /// Lines below.
    pub lines: Vec<String>,
}
