//! Renders answers as text for people. Every value is escaped by [`crate::text`].

mod answer;
mod operation;
#[cfg(test)]
mod people;
mod record;
#[cfg(test)]
mod reports;
mod resource;
#[cfg(test)]
pub(crate) mod sample;
mod why;

use answers::table::count;
use answers::{Described, Grid};
use serde_json::{Map, Value};

pub(crate) use self::answer::Answer;
pub(crate) use self::operation::evidence;
pub(crate) use self::record::looked;
pub(crate) use self::resource::resource;
pub(crate) use self::why::why;
use crate::table::{Column, Table};
use crate::text::escaped;

/// One line per label and value. Empty values are left out.
fn labelled(lines: &[(&str, String)]) -> String {
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let width = lines.clone().map(|(label, _)| label.len()).max().unwrap_or_default();
    lines.map(|(label, value)| format!("{label:<width$}  {value}\n")).collect()
}

/// Joins the texts that are not empty with a blank line.
fn sections(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

/// The title of an answer, the time it is about, and the last event it uses.
pub(crate) fn heading(
    described: &Described,
    table: &answers::Table,
    answer: &Answer<'_>,
) -> Result<String, serde_json::Error> {
    let title = table.title(answer.members)?;
    let heading = answer.envelope.heading(&title, described.order, described.time);
    Ok(escaped(&heading).into_owned())
}

/// Renders an answer about one thing: a heading, then a label and a value per line.
pub(crate) fn lines(
    described: &'static Described,
    table: answers::Table,
) -> impl Fn(&Map<String, Value>, Option<usize>) -> Result<String, serde_json::Error> {
    move |members, columns| {
        let answer = Answer::of(members)?;
        let mut text = format!("{}\n", heading(described, &table, &answer)?);
        let (mut lines, mut parts) = (String::new(), vec![]);
        if let Some(thing) = answer.resource() {
            let cells = table.cells(thing.clone())?;
            let cells = texts(&cells).into_iter();
            let labels = table.headings.iter().map(|heading| heading.text);
            lines = labelled(&labels.zip(cells).collect::<Vec<_>>());
            parts = table.parts(thing.clone())?;
        }
        let parts = parts.iter().map(|part| part_of(part, columns));
        let below = table.below(members, 1)?;
        let existence = answer.existence(described.thing());
        let end = below.lines.iter().map(|line| format!("{}\n", escaped(line))).collect::<String>();
        text.push('\n');
        let last = existence + &end + &answer.end_of_one();
        text.push_str(&sections(std::iter::once(lines).chain(parts).chain([last])));
        Ok(text)
    }
}

/// A part of one thing, below its title.
fn part_of(part: &answers::Part, columns: Option<usize>) -> String {
    let mut text = format!("{}\n", part.title);
    if let Some(table) = &part.table {
        text.push_str(&grid(table, columns));
    }
    text.extend(part.lines.iter().map(|line| format!("{}\n", escaped(line))));
    text
}

/// The footer of a list: how many of its rows were shown, and the gaps in the record.
pub(crate) fn below(thing: &str, rows_shown: u64, answer: &Answer<'_>) -> String {
    let mut text = answer.existence(thing);
    text.push_str(&counted(rows_shown, answer));
    text.push_str(if answer.is_partial() { "; not everything was watched\n" } else { "\n" });
    text + &answer.gaps()
}

/// The same footer, after the table and lines that the question adds below its rows.
pub(crate) fn below_of(
    thing: &str,
    below: answers::Below,
    rows_shown: u64,
    answer: &Answer<'_>,
    columns: Option<usize>,
) -> String {
    let mut text = String::new();
    if let Some(table) = &below.table {
        text.push_str(&grid(table, columns));
        text.push('\n');
    }
    for line in &below.lines {
        text.push_str(&format!("{}\n", escaped(line)));
    }
    if !below.names_gaps {
        return text + &self::below(thing, rows_shown, answer);
    }
    if below.lines.is_empty() {
        text.push_str(&format!("{}\n", counted(rows_shown, answer)));
    }
    text
}

/// The texts of cells, escaped.
pub(crate) fn texts(cells: &[answers::Cell]) -> Vec<String> {
    cells.iter().map(|cell| escaped(&cell.text).into_owned()).collect()
}

fn grid(Grid { headings, rows }: &Grid, columns: Option<usize>) -> String {
    let names: Vec<Column> = headings.iter().map(|one| Column::of(one.text, one.width)).collect();
    let cells = rows.iter().map(|row| texts(row));
    Table::new(&names, columns).page(cells.collect())
}

/// How many rows were shown, and of how many if not all were.
fn counted(rows_shown: u64, answer: &Answer<'_>) -> String {
    let all = answer.envelope.row_count;
    let rows = if all == 1 { "row" } else { "rows" };
    if rows_shown < all {
        let (shown, all) = (count(rows_shown), count(all));
        format!("{shown} of {all} {rows} (--all shows the rest)")
    } else {
        format!("{} {rows}", count(rows_shown))
    }
}

/// What a reader of a CSV file must know beside it: whether the thing existed, and the gaps in the record.
pub(crate) fn caution(thing: &str, answer: &Answer<'_>) -> String {
    answer.existence(thing) + &answer.end_of_one()
}

/// A warning when the answer uses imported logs only.
fn basis(basis: Option<&str>) -> String {
    answers::basis(basis).map(|words| format!("{words}\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::sample::answer;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_footer_counts_and_names_what_was_not_watched() {
        let told = |rows_shown: u64, members: Value| {
            let members = answer(members);
            below("group", rows_shown, &Answer::of(&members).unwrap())
        };
        let complete = json!({"state": "complete", "gaps": []});
        let of = |count: u64| json!({"rowCount": count, "coverage": complete});
        assert_eq!(told(1, of(1)), "1 row\n");
        assert_eq!(told(12, of(33_012)), "12 of 33,012 rows (--all shows the rest)\n");
        assert_eq!(told(0, of(0)), "0 rows\n");
        let gaps = json!([
            {"from": null, "to": "2026-03-01T08:00:00.5Z", "reason": "before the record began"},
            {"from": "2026-03-04T09:00:00.1Z", "to": "2026-03-05T10:00:00Z",
             "reason": "recorder \u{1b}stopped"},
            {"from": "2026-03-06T10:00:00Z", "to": null, "reason": "recorder killed",
             "application": null},
            {"from": "2026-03-07T10:00:00Z", "to": null, "reason": "no imported log",
             "application": "paperboat"},
        ]);
        let partial = json!({"rowCount": 0, "coverage": {"state": "partial", "gaps": gaps}});
        let expected = r"0 rows; not everything was watched
Not watched: the beginning to 2026-03-01T08:00:00Z (before the record began)
Not watched: 2026-03-04T09:00:00Z to 2026-03-05T10:00:00Z (recorder \u{1b}stopped)
Not watched: 2026-03-06T10:00:00Z to now (recorder killed)
Not watched in paperboat: 2026-03-07T10:00:00Z to now (no imported log)
";
        assert_eq!(told(0, partial), expected);
    }
}
