//! Answers in the words and columns that people read. Every value goes through [`crate::text`].

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
use answers::{Described, Grid, Time};
use serde_json::{Map, Value};

pub(crate) use self::operation::evidence;
pub(crate) use self::record::looked;
pub(crate) use self::resource::resource;
pub(crate) use self::why::why;
use crate::table::{Column, Table};
use crate::text::{escaped, second, shown};

fn time(value: &Value) -> String {
    value.as_str().map(second).unwrap_or_default().into_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Lines of a label and what stands behind it, without those behind which nothing stands.
fn labelled(lines: &[(&str, String)]) -> String {
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let width = lines.clone().map(|(label, _)| label.len()).max().unwrap_or_default();
    lines.map(|(label, value)| format!("{label:<width$}  {value}\n")).collect()
}

/// Texts that are not empty, with a blank line between two.
fn sections(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

/// `as of` the instant of an answer, and on what it stands.
pub(crate) fn as_of(answer: &Map<String, Value>) -> String {
    let at = asked(answer, "at").unwrap_or_else(|| "now".to_owned());
    format!("as of {at} {}", stands(answer))
}

/// What an answer shows, of which instants, and on what it stands.
pub(crate) fn heading(
    described: &Described,
    table: &answers::Table,
    answer: &Map<String, Value>,
) -> Result<String, serde_json::Error> {
    let title = table.title(answer)?;
    let title = escaped(&title);
    let order = match described.order {
        "" => String::new(),
        order => format!(", {order}"),
    };
    Ok(match described.time {
        Time::Instant => format!("{title}{order} {}", as_of(answer)),
        Time::Stretch => format!("{title}{}{order} {}", stretch(answer), stands(answer)),
        Time::Known | Time::Now => format!("{title}{order} {}", stands(answer)),
    })
}

/// One thing as lines: what it is, then a label and a value each.
pub(crate) fn lines(
    described: &'static Described,
    table: answers::Table,
) -> impl Fn(&Map<String, Value>, Option<usize>) -> Result<String, serde_json::Error> {
    move |answer, columns| {
        let mut text = format!("{}\n", heading(described, &table, answer)?);
        let (mut lines, mut parts) = (String::new(), vec![]);
        if let Some(thing) = answer.get("resource").filter(|thing| !thing.is_null()) {
            let cells = table.cells(thing.clone())?;
            let cells = cells.iter().map(|cell| escaped(cell).into_owned());
            let labels = table.headings.iter().map(|heading| heading.text);
            lines = labelled(&labels.zip(cells).collect::<Vec<_>>());
            parts = table.parts(thing.clone())?;
        }
        let parts = parts.iter().map(|part| part_of(part, columns));
        let below = table.below(answer, 1)?;
        let existence = existence(described.thing(), answer);
        let end = below.lines.iter().map(|line| format!("{}\n", escaped(line))).collect::<String>();
        text.push('\n');
        let last = existence + &end + &end_of_one(answer);
        text.push_str(&sections(std::iter::once(lines).chain(parts).chain([last])));
        Ok(text)
    }
}

/// A part of one thing, under its title.
fn part_of(part: &answers::Part, columns: Option<usize>) -> String {
    let mut text = format!("{}\n", part.title);
    if let Some(table) = &part.table {
        text.push_str(&grid(table, columns));
    }
    text.extend(part.lines.iter().map(|line| format!("{}\n", escaped(line))));
    text
}

/// The stretch of an answer.
pub(crate) fn stretch(answer: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, word) in [("from", "from"), ("to", "before")] {
        if let Some(time) = asked(answer, name) {
            text.push_str(&format!(" {word} {time}"));
        }
    }
    text
}

/// The event after which an answer stands, and what it was allowed to know.
pub(crate) fn stands(answer: &Map<String, Value>) -> String {
    let mut text = match answer.get("atSeq") {
        Some(Value::Number(seq)) => format!("(event {seq})"),
        _ => "(before the first event)".to_owned(),
    };
    if let Some(known) = asked(answer, "knownAt") {
        let event = if known.bytes().all(|byte| byte.is_ascii_digit()) { "event " } else { "" };
        text.push_str(&format!(", as known at {event}{known}"));
    }
    text
}

/// An instant of the question as the server understood it.
fn asked(answer: &Map<String, Value>, name: &str) -> Option<String> {
    let time = answer.get("query")?.get(name)?.as_str()?;
    Some(second(time).into_owned())
}

/// What stands below a list of `rows_shown`: how much of it was shown, and what was not watched.
pub(crate) fn below(
    thing: &str,
    rows_shown: u64,
    answer: &Map<String, Value>,
    _columns: Option<usize>,
) -> String {
    let mut text = existence(thing, answer);
    text.push_str(&counted(rows_shown, answer));
    text.push_str(if is_partial(answer) { "; not everything was watched\n" } else { "\n" });
    text + &gaps(answer)
}

/// The same with what a question says below its rows.
pub(crate) fn below_of(
    thing: &str,
    below: answers::Below,
    rows_shown: u64,
    answer: &Map<String, Value>,
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
        return text + &self::below(thing, rows_shown, answer, columns);
    }
    if below.lines.is_empty() {
        text.push_str(&format!("{}\n", counted(rows_shown, answer)));
    }
    text
}

/// A small table.
fn grid(Grid { headings, rows }: &Grid, columns: Option<usize>) -> String {
    let names: Vec<Column> =
        headings.iter().map(|(name, width)| Column::of(name, *width)).collect();
    let cells = rows.iter().map(|row| row.iter().map(|cell| escaped(cell).into_owned()).collect());
    Table::new(&names, columns).page(cells.collect())
}

/// How many rows of how many.
fn counted(rows_shown: u64, answer: &Map<String, Value>) -> String {
    let all = answer.get("rowCount").and_then(Value::as_u64).unwrap_or(rows_shown);
    let rows = if all == 1 { "row" } else { "rows" };
    if rows_shown < all {
        let (shown, all) = (count(rows_shown), count(all));
        format!("{shown} of {all} {rows} (--all shows the rest)")
    } else {
        format!("{} {rows}", count(rows_shown))
    }
}

/// What has to be known of an answer whose rows stand in a file: what was not there, and what was not
/// watched.
pub(crate) fn caution(thing: &str, answer: &Map<String, Value>) -> String {
    existence(thing, answer) + &end_of_one(answer)
}

/// Says that nothing but imported logs tells of it, where that is so.
fn basis(basis: Option<&str>) -> &'static str {
    match basis {
        Some("imported") => "This rests on imported logs alone, not on what was recorded here.\n",
        _ => "",
    }
}

/// What stands below an answer about one thing: what was not watched.
fn end_of_one(answer: &Map<String, Value>) -> String {
    let words = if is_partial(answer) { "Not everything was watched.\n" } else { "" };
    words.to_owned() + &gaps(answer)
}

/// Says plainly that something was not there. A list of what was there needs no such line.
fn existence(thing: &str, answer: &Map<String, Value>) -> String {
    let seq = answer.get("existsSeq").map(shown).unwrap_or_default();
    match answer.get("exists").and_then(Value::as_str) {
        Some("deleted") => format!("The {thing} was deleted by event {seq}.\n"),
        // Imported logs need not tell of a beginning.
        Some("no") if seq.is_empty() => format!("The {thing} was not there yet.\n"),
        Some("no") => format!("The {thing} was not there yet; event {seq} created it.\n"),
        _ => String::new(),
    }
}

fn is_partial(answer: &Map<String, Value>) -> bool {
    answer.get("coverage").is_none_or(|coverage| coverage["state"] != "complete")
}

/// One line for each stretch that was not watched.
fn gaps(answer: &Map<String, Value>) -> String {
    let gaps = answer.get("coverage").and_then(|coverage| coverage["gaps"].as_array());
    let line = |gap: &Value| {
        let (from, to) = ends(gap);
        let whose = match &gap["application"] {
            Value::Null => String::new(),
            application => format!(" in {}", shown(application)),
        };
        format!("Not watched{whose}: {from} to {to} ({})\n", shown(&gap["reason"]))
    };
    gaps.into_iter().flatten().map(line).collect()
}

/// The ends of a stretch that was not watched.
fn ends(gap: &Value) -> (String, String) {
    let end = |name: &str, open: &str| {
        gap[name].as_str().map_or(open.to_owned(), |time| second(time).into_owned())
    };
    (end("from", "the beginning"), end("to", "now"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn below(rows_shown: u64, answer: Value) -> String {
        super::below("group", rows_shown, answer.as_object().unwrap(), None)
    }

    #[test]
    fn a_footer_counts_and_names_what_was_not_watched() {
        let complete = json!({"state": "complete", "gaps": []});
        let of = |count: u64| json!({"rowCount": count, "coverage": complete});
        assert_eq!(below(1, of(1)), "1 row\n");
        assert_eq!(below(12, of(33_012)), "12 of 33,012 rows (--all shows the rest)\n");
        assert_eq!(below(0, of(0)), "0 rows\n");
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
        assert_eq!(below(0, partial), expected);
        let untold = "0 rows; not everything was watched\n";
        assert_eq!(below(0, json!({"rowCount": 0})), untold, "no word is no promise");
    }

    #[test]
    fn a_heading_says_on_what_an_answer_stands() {
        let check = |query: Value, at_seq: Value, expected: [&str; 2]| {
            let answer = json!({"query": query, "atSeq": at_seq});
            let answer = answer.as_object().unwrap();
            let stretch = format!("{} {}", stretch(answer), stands(answer));
            assert_eq!([as_of(answer), stretch], expected);
        };
        check(
            json!({}),
            json!(null),
            ["as of now (before the first event)", " (before the first event)"],
        );
        let asked = json!({"at": "2026-03-31T23:59:59.999999Z", "from": "2026-03-01T00:00:00Z",
                           "knownAt": "1900"});
        check(
            asked,
            json!(1842),
            [
                "as of 2026-03-31T23:59:59Z (event 1842), as known at event 1900",
                " from 2026-03-01T00:00:00Z (event 1842), as known at event 1900",
            ],
        );
        let asked = json!({"at": "-1d", "to": "2026-03-01T00:00:00Z",
                           "knownAt": "2026-04-01T08:00:00.000001Z"});
        check(
            asked,
            json!(7),
            [
                "as of -1d (event 7), as known at 2026-04-01T08:00:00Z",
                " before 2026-03-01T00:00:00Z (event 7), as known at 2026-04-01T08:00:00Z",
            ],
        );
    }
}
