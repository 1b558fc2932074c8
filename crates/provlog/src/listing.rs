//! Fetches the pages of a list and prints them as a table, as one JSON object, or as CSV.

use std::borrow::Cow;
use std::rc::Rc;

use answers::Described;
use query::export;
use serde_json::{Map, Value};

use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::questions::Paging;
use crate::readable::{self, Answer};
use crate::table::{Column, Table};
use crate::text;

/// The server's limit of rows per page.
const PAGE_ROWS_MAX: u64 = 1_000;

/// The heading of an answer: what was asked, and the last event used.
pub(crate) type Heading = Box<dyn Fn(&Map<String, Value>) -> Result<String, Failure>>;
/// The cells of a row.
pub(crate) type Cells = Box<dyn Fn(Value) -> Result<Vec<String>, Failure>>;
/// The footer below this many rows, given the width of the terminal.
pub(crate) type Below =
    Box<dyn Fn(u64, &Map<String, Value>, Option<usize>) -> Result<String, Failure>>;

/// A list and how it is rendered.
pub(crate) struct List {
    /// Path and query, without `limit` and `cursor`.
    pub(crate) path: String,
    /// The columns of the table.
    pub(crate) columns: Vec<Column>,
    pub(crate) cells: Cells,
    /// The place of the column that names the application, if there is one.
    pub(crate) application: Option<usize>,
    /// Whether the heading names the application. The column is then hidden.
    pub(crate) is_of_application: bool,
    /// The description of the question.
    pub(crate) described: &'static Described,
    /// The kind of thing that `exists` in the answer is about.
    pub(crate) thing: &'static str,
    pub(crate) heading: Heading,
    pub(crate) below: Below,
}

/// The failure when an answer does not fit the question.
pub(crate) fn strange(error: serde_json::Error) -> Failure {
    Failure::Failed(format!("the server's answer is not one to this question: {error}"))
}

impl List {
    /// The list of a described question.
    pub(crate) fn of(path: String, described: &'static Described, table: answers::Table) -> List {
        let table = Rc::new(table);
        let (heading, below) = (Rc::clone(&table), Rc::clone(&table));
        let columns = table.headings.iter().map(|one| Column::of(one.text, one.width));
        let thing = described.thing();
        List {
            path,
            columns: columns.collect(),
            application: table.headings.iter().position(|one| one.is_application),
            is_of_application: false,
            described,
            thing,
            cells: Box::new(move |row| {
                let cells = table.cells(row).map_err(strange)?;
                Ok(readable::texts(&cells))
            }),
            heading: Box::new(move |answer| {
                let heading =
                    readable::heading(described, &heading, &Answer::of(answer).map_err(strange)?);
                heading.map_err(strange)
            }),
            below: Box::new(move |rows, answer, columns| {
                let below = below.below(answer, rows).map_err(strange)?;
                let answer = Answer::of(answer).map_err(strange)?;
                Ok(readable::below_of(thing, below, rows, &answer, columns))
            }),
        }
    }
}

/// Fetches and prints a list. At most one page is in memory at a time.
pub(crate) fn show(
    config: &ClientConfig,
    list: &List,
    paging: &Paging,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let client = Client::new(config)?;
    let left = if paging.csv { None } else { paging.rows_max() };
    let pages = Pages { client: &client, path: &list.path, left, next: Next::First };
    match (config.json, paging.csv) {
        (true, _) => show_json(pages, output),
        (false, true) => show_csv(pages, list, output),
        (false, false) => show_table(pages, list, output),
    }
}

fn show_table(
    pages: impl Iterator<Item = Result<Page, Failure>>,
    list: &List,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let hidden = list.application.filter(|_| list.is_of_application);
    let columns = list.columns.iter().enumerate();
    let columns = columns.filter(|(place, _)| Some(*place) != hidden);
    let columns: Vec<Column> = columns.map(|(_, column)| *column).collect();
    let cells = |row: Value| {
        let mut cells = (list.cells)(row)?;
        if let Some(hidden) = hidden.filter(|hidden| *hidden < cells.len()) {
            cells.remove(hidden);
        }
        Ok(cells)
    };
    let mut table = Table::new(&columns, output.columns);
    let (mut shown, mut last) = (0, Map::new());
    for page in pages {
        let page = page?;
        if last.is_empty() {
            output.print(&format!("{}\n\n", (list.heading)(&page.envelope)?))?;
        }
        if !page.rows.is_empty() {
            shown += page.rows.len() as u64;
            let rows = page.rows.into_iter().map(cells).collect::<Result<_, Failure>>()?;
            output.print(&table.page(rows))?;
        }
        last = page.envelope;
    }
    let space = if shown > 0 { "\n" } else { "" };
    output.print(&format!("{space}{}", (list.below)(shown, &last, output.columns)?))
}

/// Prints one object with the rows of all pages. The rows come first, because only the last page has the
/// complete list of gaps. If a page cannot be fetched, the output is not valid JSON.
fn show_json(
    pages: impl Iterator<Item = Result<Page, Failure>>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let (mut question, mut last, mut rows) = (None, Map::new(), 0_u64);
    for page in pages {
        let page = page?;
        let mut text = if last.is_empty() { "{\"rows\":[".to_owned() } else { String::new() };
        for row in &page.rows {
            if rows > 0 {
                text.push(',');
            }
            text.push_str(&text::json(row));
            rows += 1;
        }
        output.print(&text)?;
        last = page.envelope;
        // The query of a later page includes the cursor, so keep the first.
        let asked = last.remove("query").unwrap_or_default();
        question.get_or_insert(asked);
    }
    last.insert("query".to_owned(), question.unwrap_or_default());
    let rest = text::json(&last.into());
    output.print(&format!("],{}\n", rest.strip_prefix('{').unwrap_or(&rest)))
}

/// Prints CSV. CSV has no place for gaps, so they go to stderr.
fn show_csv(
    pages: impl Iterator<Item = Result<Page, Failure>>,
    list: &List,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let is_terminal = output.columns.is_some();
    let (mut columns, mut last) = (vec![], Map::new());
    for page in pages {
        let page = page?;
        let mut text = String::new();
        if last.is_empty() {
            columns = list.described.file_columns(&page.envelope);
            for column in columns.iter_mut().filter(|_| is_terminal) {
                column.heading = text::escaped(&column.heading).into_owned();
            }
            text.push_str(&export::csv_head(&columns));
        }
        for row in &page.rows {
            text.push_str(&export::csv_record(
                &columns,
                &record(row, &page.envelope, list, is_terminal),
            ));
        }
        output.print(&text)?;
        last = page.envelope;
    }
    output.tell(&readable::caution(list.thing, &Answer::of(&last).map_err(strange)?));
    Ok(())
}

/// A row with the members that its answer has for all rows. Texts are escaped only for a terminal, so that
/// they cannot control it; a file gets them unchanged.
fn record(
    row: &Value,
    answer: &Map<String, Value>,
    list: &List,
    is_terminal: bool,
) -> Map<String, Value> {
    let mut record = row.as_object().cloned().unwrap_or_default();
    list.described.with_context(&mut record, answer);
    for value in record.values_mut().filter(|_| is_terminal) {
        if let Value::String(text) = value
            && let Cow::Owned(escaped) = text::escaped(text)
        {
            *text = escaped;
        }
    }
    record
}

/// Where the next page begins.
enum Next {
    First,
    After(String),
    Nowhere,
}

/// Fetches the pages of a list.
struct Pages<'a> {
    client: &'a Client,
    path: &'a str,
    /// How many more rows are wanted; `None` for all.
    left: Option<u64>,
    next: Next,
}

/// A page: its rows, and the rest of the answer.
struct Page {
    rows: Vec<Value>,
    envelope: Map<String, Value>,
}

impl Iterator for Pages<'_> {
    type Item = Result<Page, Failure>;

    /// Fetches the next page. Ends after a page that could not be fetched.
    fn next(&mut self) -> Option<Result<Page, Failure>> {
        self.turn().transpose().inspect(|page| {
            if page.is_err() {
                self.next = Next::Nowhere;
            }
        })
    }
}

impl Pages<'_> {
    fn turn(&mut self) -> Result<Option<Page>, Failure> {
        let wanted = self.left.map_or(PAGE_ROWS_MAX, |left| left.min(PAGE_ROWS_MAX));
        let sign = if self.path.contains('?') { '&' } else { '?' };
        let page = format!("{}{sign}limit={wanted}", self.path);
        let mut envelope = match &self.next {
            Next::First => self.client.get(&page)?,
            Next::After(cursor) => {
                self.client.get(&format!("{page}&cursor={}", encoded(cursor)))?
            }
            Next::Nowhere => return Ok(None),
        };
        let Some(Value::Array(rows)) = envelope.remove("rows") else {
            return Err(Failure::Failed("the server's answer has no rows".to_owned()));
        };
        self.left = self.left.map(|left| left.saturating_sub(rows.len() as u64));
        let cursor = envelope.get("next").and_then(Value::as_str);
        self.next = match cursor {
            Some(_) if rows.is_empty() => {
                return Err(Failure::Failed("the server's pages do not end".to_owned()));
            }
            Some(cursor) if self.left != Some(0) => Next::After(cursor.to_owned()),
            Some(_) | None => Next::Nowhere,
        };
        Ok(Some(Page { rows, envelope }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readable::sample::{self, same};
    use serde_json::json;

    const MIRA: &str = "2819c223-7f76-453a-919d-413861904646";

    fn pages(answers: &[Value]) -> impl Iterator<Item = Result<Page, Failure>> {
        let page = |answer: &Value| {
            let mut envelope = sample::answer(answer.clone());
            let Some(Value::Array(rows)) = envelope.remove("rows") else { panic!("no rows") };
            Ok(Page { rows, envelope })
        };
        answers.iter().map(page).collect::<Vec<_>>().into_iter()
    }

    /// What is printed to stdout and to stderr.
    fn printed(
        columns: Option<usize>,
        show: impl FnOnce(&mut Output<'_>) -> Result<(), Failure>,
    ) -> (String, String) {
        let mut out = vec![];
        let mut output = Output::new(&mut out, columns);
        show(&mut output).unwrap();
        let told = output.into_told();
        (String::from_utf8(out).unwrap(), told)
    }

    fn members() -> List {
        let path = "/api/v1/apps/paperboat/groups/7/members".to_owned();
        let described = answers::described::<answers::Members>().unwrap();
        let table = described.table(&[("app", "paperboat"), ("group", "7")]).unwrap();
        List::of(path, described, table)
    }

    fn member(name: &str, seq: u64) -> Value {
        json!({"userId": MIRA, "memberType": "User", "userName": name, "displayName": null,
               "externalId": "a,b", "direct": true, "memberSince": "2026-01-12T08:00:04.500000Z",
               "addedBySeq": seq, "startKnown": true, "accountActive": true, "dangling": false})
    }

    fn two_pages() -> [Value; 2] {
        let answer = |rows: Value, gaps: Value| {
            let state = if gaps == json!([]) { "complete" } else { "partial" };
            json!({"query": {"at": "2026-03-31T23:59:59.999999Z"}, "atSeq": 1842, "rowCount": 2,
                   "groupId": "7", "groupName": "Crew", "rows": rows,
                   "coverage": {"state": state, "gaps": gaps}})
        };
        let gap =
            json!([{"from": "2026-03-04T09:00:00.1Z", "to": null, "reason": "recorder killed"}]);
        [
            answer(json!([member("=mira", 311)]), json!([])),
            answer(json!([member("o\u{9b}le", 12)]), gap),
        ]
    }

    #[test]
    fn csv_has_every_row_of_all_pages_and_its_caution_beside_it() {
        let check = |columns: Option<usize>, name: &str| {
            let (csv, told) =
                printed(columns, |output| show_csv(pages(&two_pages()), &members(), output));
            let start = "2026-03-31T23:59:59.999999Z,1842,7,Crew";
            let since = "2026-01-12T08:00:04.500000Z";
            let expected = format!(
                "at,atSeq,groupId,groupName,userId,memberType,userName,externalId,direct,\
                 memberSince,addedBySeq,addedBy,accountActive,via,displayName,startKnown,\
                 dangling\r\n\
                 {start},{MIRA},User,'=mira,\"a,b\",true,{since},311,,true,,,true,false\r\n\
                 {start},{MIRA},User,{name},\"a,b\",true,{since},12,,true,,,true,false\r\n"
            );
            assert_eq!(csv, expected);
            let caution = "Not everything was watched.\n\
                           Not watched: 2026-03-04T09:00:00Z to now (recorder killed)\n";
            assert_eq!(told, caution);
        };
        check(None, "o\u{9b}le");
        check(Some(80), r"o\u{9b}le");
    }

    #[test]
    fn csv_of_a_group_that_was_gone_says_so_beside_it() {
        let answer = json!({"query": {}, "rows": [], "rowCount": 0, "exists": "deleted",
                            "existsSeq": 9, "coverage": {"state": "complete", "gaps": []}});
        let (csv, told) = printed(None, |output| show_csv(pages(&[answer]), &members(), output));
        assert_eq!(csv.lines().count(), 1, "{csv}");
        assert_eq!(told, "The group was deleted by event 9.\n");
    }

    #[test]
    fn the_application_is_named_in_the_heading_or_in_each_row() {
        let row = json!({"application": "paperboat", "userName": "mira.lund", "active": true,
                         "createdAt": "2026-01-12T08:00:04.500000Z", "createdSeq": 311,
                         "startKnown": true, "externalId": null, "displayName": null,
                         "userId": MIRA});
        let answer = json!({"query": {}, "atSeq": 7, "rows": [row], "rowCount": 1,
                            "coverage": {"state": "complete", "gaps": []}});
        let described = answers::described::<answers::Joiners>().unwrap();
        let check = |asked: &[(&str, &str)], expected: &str| {
            let table = described.table(asked).unwrap();
            let mut list = List::of(described.path.to_owned(), described, table);
            list.is_of_application = !asked.is_empty();
            let pages = pages(std::slice::from_ref(&answer));
            let (text, told) = printed(None, |output| show_table(pages, &list, output));
            same(&text, expected);
            assert_eq!(told, "");
        };
        check(
            &[("app", "paperboat")],
            &format!(
                "\
Joiners in paperboat (event 7)

User name  Display name  Account  Created               Event  Id
mira.lund                active   2026-01-12T08:00:04Z    311  {MIRA}

1 row
"
            ),
        );
        check(
            &[],
            &format!(
                "\
Joiners (event 7)

Application  User name  Display name  Account  Created               Event  Id
paperboat    mira.lund                active   2026-01-12T08:00:04Z    311  {MIRA}

1 row
"
            ),
        );
    }

    #[test]
    fn all_pages_are_one_json_object() {
        let (text, _) = printed(None, |output| show_json(pages(&two_pages()), output));
        let value: Value = serde_json::from_str(&text).unwrap();
        let [first, last] = two_pages();
        assert_eq!(value["rows"], json!([first["rows"][0], last["rows"][0]]));
        assert_eq!(value["coverage"], last["coverage"]);
    }
}
