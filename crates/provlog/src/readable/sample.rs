//! What the tests of the tables have in common.

use serde_json::Value;

use super::Shape;
use crate::table::Table;

pub(crate) const USER_ID: &str = "2819c223-7f76-453a-919d-413861904646";
pub(crate) const GROUP_ID: &str = "70b6ea2e-1c45-4c9e-9d2a-5f0c8a3e9b11";

/// The table of some rows, as it stands in a file.
pub(crate) fn check(shape: &Shape, rows: &[Value], expected: &str) {
    let text = Table::new(shape.columns, None).page(rows.iter().map(shape.row).collect());
    same(&text, expected);
}

/// Compares but for the lines under the heads of tables.
pub(crate) fn same(text: &str, expected: &str) {
    let is_rule = |line: &str| line.starts_with('─');
    let kept = text.split_inclusive('\n').filter(|line| !is_rule(line)).collect::<String>();
    assert_eq!(kept, expected, "\n{text}");
}

/// A row whose names are long and whose events have five digits fits into a terminal of 120 columns
/// with its ids and times whole.
pub(crate) fn fits(shape: &Shape, mut row: Value) {
    for (name, value) in row.as_object_mut().unwrap() {
        if name.ends_with("Name") {
            *value = "a.name.with.many.words.that.is.longer@fjord.example".into();
        } else if name.to_lowercase().ends_with("seq") && value.is_number() {
            *value = 54_321.into();
        }
    }
    let cells = (shape.row)(&row);
    let text = Table::new(shape.columns, Some(120)).page(vec![cells.clone()]);
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    let whole = |cell: &&String| cell.contains(USER_ID) || cell.starts_with("20");
    for cell in cells.iter().filter(whole) {
        assert!(text.contains(cell.as_str()), "{cell} in\n{text}");
    }
}
