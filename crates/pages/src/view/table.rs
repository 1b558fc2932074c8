//! Tables, with their pages and what to do when they are empty.

use answers::Look;
use askama::Template;

use super::{Cell, Link};
use crate::text;

/// How a column is sorted, and where the other order is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// Whether this column gives the order, and whether that is ascending.
    pub order: Option<bool>,
    /// The address of the table in the other order.
    pub href: Option<String>,
}

/// The heading of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What is read.
    pub text: String,
    /// How the column's values are written.
    pub look: Look,
    /// How it is sorted.
    pub sort: Option<Sort>,
    /// Whether the column holds what can be done with a row, not what is known of it.
    pub is_act: bool,
}

impl Heading {
    /// A heading.
    pub fn new(look: Look, text: impl Into<String>) -> Heading {
        Heading { text: text.into(), look, sort: None, is_act: false }
    }

    fn aria_sort(&self) -> Option<&'static str> {
        let ascending = self.sort.as_ref()?.order?;
        Some(if ascending { "ascending" } else { "descending" })
    }

    fn is_time(&self) -> bool {
        self.look == Look::Time
    }
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// One cell for each heading.
    pub cells: Vec<Cell>,
    /// The address of the table with this row open, or closed if it is.
    pub expand: Option<String>,
    /// What an open row shows: HTML that a template made.
    pub detail: Option<String>,
    /// The row's anchor.
    pub id: Option<String>,
    /// Whether the row is the one that the address points at.
    pub is_current: bool,
}

impl Row {
    /// A row of cells.
    #[must_use]
    pub fn new(cells: Vec<Cell>) -> Row {
        Row { cells, ..Row::default() }
    }
}

/// What a table says that has no rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Empty {
    /// What there is none of.
    pub what: String,
    /// What to relax, and what was not watched.
    pub hints: Vec<Link>,
}

/// A page of a table.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/table.html")]
pub struct TableView {
    /// What the rows are.
    pub caption: String,
    /// Whether a heading above says the caption already: then only the count is seen.
    pub is_named_above: bool,
    /// The columns.
    pub headings: Vec<Heading>,
    /// The rows of this page.
    pub rows: Vec<Row>,
    /// The number of this page's first row in the whole answer, from 1; 0 if not known.
    pub shown_from: u64,
    /// How many rows the whole answer has.
    pub row_count: Option<u64>,
    /// The address of the next page.
    pub next: Option<String>,
    /// The address of the first page, if this is another.
    pub first: Option<String>,
    /// What is shown if there are no rows.
    pub empty: Option<Empty>,
}

impl TableView {
    /// Which rows of how many are shown.
    #[must_use]
    pub fn count(&self) -> String {
        let shown = self.rows.len() as u64;
        let rows = |count: u64| {
            format!("{} {}", text::grouped(count), if count == 1 { "row" } else { "rows" })
        };
        let is_whole = self.next.is_none() && self.first.is_none();
        match (self.shown_from, self.row_count) {
            (_, Some(0)) => "no rows".to_owned(),
            (_, None) if is_whole => rows(shown),
            (_, Some(all)) if is_whole && all == shown => rows(all),
            (0, Some(all)) => format!("{} of {}", text::grouped(shown), rows(all)),
            (0, None) => format!("{} shown, and more", rows(shown)),
            (from, all) => {
                let to = from.saturating_add(shown.saturating_sub(1));
                let range = format!("{}–{}", text::grouped(from), text::grouped(to));
                match all {
                    Some(all) => format!("{range} of {}", rows(all)),
                    None => format!("rows {range}"),
                }
            }
        }
    }

    fn short_caption(&self) -> std::borrow::Cow<'_, str> {
        if self.caption.is_empty() { "Rows".into() } else { text::cut(&self.caption, 200) }
    }

    fn can_expand(&self) -> bool {
        self.rows.iter().any(|row| row.expand.is_some())
    }

    fn width(&self) -> usize {
        self.headings.len() + usize::from(self.can_expand())
    }
}

/// Rows alone, for a table that stands already.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/rows.html")]
pub struct NewRows {
    /// The rows. All can be opened, or none.
    pub rows: Vec<Row>,
}

impl NewRows {
    fn can_expand(&self) -> bool {
        self.rows.iter().any(|row| row.expand.is_some())
    }

    fn width(&self) -> usize {
        let cells = self.rows.first().map_or(0, |row| row.cells.len());
        cells + usize::from(self.can_expand())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_says_what_part_is_shown() {
        let check = |rows: usize, from, all, is_first: bool, has_next: bool, expected: &str| {
            let link = |is: bool| is.then(|| "/x".to_owned());
            let table = TableView {
                rows: vec![Row::default(); rows],
                shown_from: from,
                row_count: all,
                first: link(!is_first),
                next: link(has_next),
                ..TableView::default()
            };
            assert_eq!(table.count(), expected);
        };
        check(0, 0, Some(0), true, false, "no rows");
        check(1, 1, Some(1), true, false, "1 row");
        check(1, 0, None, true, false, "1 row");
        check(100, 1, Some(36_000), true, true, "1–100 of 36,000 rows");
        check(100, 101, None, false, true, "rows 101–200");
        check(100, 0, Some(250), false, true, "100 of 250 rows");
        check(100, 0, None, false, true, "100 rows shown, and more");
    }

    #[test]
    fn a_table_without_rows_says_what_to_do() {
        let table = TableView {
            caption: "Members".into(),
            headings: vec![Heading::new(Look::Text, "User")],
            empty: Some(Empty {
                what: "Nobody was in <Finance>.".into(),
                hints: vec![Link::to("Ask about a later date", "/x?at=now")],
            }),
            ..TableView::default()
        };
        let text = table.to_string();
        assert!(text.contains("Nobody was in &#60;Finance&#62;."), "{text}");
        assert!(text.contains("<a href=\"/x?at=now\">Ask about a later date</a>"), "{text}");
    }
}
