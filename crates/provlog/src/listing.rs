//! Lists: their pages one after the other, as a table or as one JSON object.

use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::output::Output;
use crate::readable::Shape;
use crate::table::Table;
use crate::{readable, text};

/// The most rows that the server puts on one page.
const PAGE_ROWS_MAX: u64 = 1_000;

/// A list and how people read it.
pub(crate) struct List<'a> {
    /// Path and query, without what pages take.
    pub(crate) path: String,
    /// How many rows are shown; `None` for all.
    pub(crate) rows_max: Option<u64>,
    pub(crate) shape: &'static Shape,
    /// What `exists` in the answer speaks of.
    pub(crate) thing: &'static str,
    /// Says what was asked and on what the answer stands.
    pub(crate) heading: &'a dyn Fn(&Map<String, Value>) -> String,
}

/// Asks for a list and prints it. No more than a page is held at once.
pub(crate) fn show(
    config: &ClientConfig,
    list: &List<'_>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let client = Client::new(config)?;
    let pages = Pages { client: &client, path: &list.path, left: list.rows_max, next: Next::First };
    if config.json { show_json(pages, output) } else { show_table(pages, list, output) }
}

fn show_table(
    mut pages: Pages<'_>,
    list: &List<'_>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut table = Table::new(list.shape.columns, output.columns);
    let (mut shown, mut last) = (0, Map::new());
    while let Some(page) = pages.turn()? {
        if last.is_empty() {
            output.print(&format!("{}\n\n", (list.heading)(&page.envelope)))?;
        }
        if !page.rows.is_empty() {
            shown += page.rows.len() as u64;
            output.print(&table.page(page.rows.iter().map(list.shape.row).collect()))?;
        }
        last = page.envelope;
    }
    let space = if shown > 0 { "\n" } else { "" };
    output.print(&format!("{space}{}", readable::footer(list.thing, shown, &last)))
}

/// One object with the rows of all pages. They come first, since only the last page knows every
/// stretch that was not watched; an answer that breaks off is no JSON.
fn show_json(mut pages: Pages<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let (mut question, mut last, mut rows) = (None, Map::new(), 0_u64);
    while let Some(page) = pages.turn()? {
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
        // That of a later page has the cursor too.
        let asked = last.remove("query").unwrap_or_default();
        question.get_or_insert(asked);
    }
    last.insert("query".to_owned(), question.unwrap_or_default());
    let rest = text::json(&last.into());
    output.print(&format!("],{}\n", rest.strip_prefix('{').unwrap_or(&rest)))
}

/// Where the next page begins.
enum Next {
    First,
    After(String),
    Nowhere,
}

/// The pages of a list.
struct Pages<'a> {
    client: &'a Client,
    path: &'a str,
    /// How many rows are still wanted; `None` for all.
    left: Option<u64>,
    next: Next,
}

/// A page: its rows, and the rest of the answer.
struct Page {
    rows: Vec<Value>,
    envelope: Map<String, Value>,
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
