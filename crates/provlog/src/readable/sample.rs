//! Helpers for the tests of the tables.

use answers::Question;
use serde_json::{Map, Value, json};

use super::texts;
use crate::table::{Column, Table};

pub(crate) const USER_ID: &str = "2819c223-7f76-453a-919d-413861904646";
pub(crate) const GROUP_ID: &str = "70b6ea2e-1c45-4c9e-9d2a-5f0c8a3e9b11";

/// Checks the table of these rows, given the parameters of the question, without a terminal's width.
pub(crate) fn check_question<Q: Question>(asked: &[(&str, &str)], rows: &[Value], expected: &str) {
    same(&drawn::<Q>(asked, rows, None), expected);
}

/// The table itself, cut to the width of a terminal if there is one.
fn drawn<Q: Question>(asked: &[(&str, &str)], rows: &[Value], columns: Option<usize>) -> String {
    let table = answers::described::<Q>().unwrap().table(asked).unwrap();
    let headings = table.headings.iter().map(|one| Column::of(one.text, one.width));
    let cells = rows.iter().map(|row| texts(&table.cells(row.clone()).unwrap()));
    Table::new(&headings.collect::<Vec<_>>(), columns).page(cells.collect())
}

/// Compares the texts without the rules under the heads of tables.
pub(crate) fn same(text: &str, expected: &str) {
    let is_rule = |line: &str| line.starts_with('─');
    let kept = text.split_inclusive('\n').filter(|line| !is_rule(line)).collect::<String>();
    assert_eq!(kept, expected, "\n{text}");
}

/// Checks that a row with long names and event numbers of five digits fits into 120 columns, without any
/// id or time being cut.
pub(crate) fn question_fits<Q: Question>(asked: &[(&str, &str)], row: Value) {
    let row = long(row);
    let table = answers::described::<Q>().unwrap().table(asked).unwrap();
    let cells = texts(&table.cells(row.clone()).unwrap());
    has_whole(&drawn::<Q>(asked, &[row], Some(120)), &cells);
}

fn long(mut row: Value) -> Value {
    for (name, value) in row.as_object_mut().unwrap() {
        if name.ends_with("Name") {
            *value = "a.name.with.many.words.that.is.longer@fjord.example".into();
        } else if name.to_lowercase().ends_with("seq") && value.is_number() {
            *value = 54_321.into();
        }
    }
    row
}

fn has_whole(text: &str, cells: &[String]) {
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    let whole = |cell: &&String| cell.contains(USER_ID) || cell.starts_with("20");
    for cell in cells.iter().filter(whole) {
        assert!(text.contains(cell.as_str()), "{cell} in\n{text}");
    }
}

/// An answer with the members that every answer has, and these.
pub(crate) fn answer(members: Value) -> Map<String, Value> {
    let mut answer = json!({
        "query": {}, "generatedAt": "2026-03-31T17:00:00.000000Z", "atSeq": null,
        "head": {"seq": null}, "rowCount": 0, "coverage": {"state": "complete", "gaps": []},
    });
    let answer = answer.as_object_mut().unwrap();
    answer.extend(members.as_object().unwrap().clone());
    std::mem::take(answer)
}
