//! A request and its answer, as they were kept.

use answers::row::{BodyNote, WholeOperation};
use answers::table::count;
use askama::Template;
use serde_json::Value;

use crate::view::{Cell, Fact, Facts};

/// A longer body is cut; the JSON of the operation has it whole.
const BODY_CHARS_MAX: usize = 64_000;

/// A request or an answer.
#[derive(Template)]
#[template(path = "operation/message.html")]
pub(super) struct Message {
    title: &'static str,
    facts: Facts,
    body: Option<Body>,
    note: Option<String>,
}

/// A body as text.
struct Body {
    text: String,
    /// Whether it is only the beginning.
    is_cut: bool,
}

/// What was kept of a request and its answer, or of an imported entry.
pub(super) fn messages(one: &WholeOperation, is_raw: bool) -> Vec<Message> {
    let mut all = vec![];
    if let Some(request) = &one.request {
        let line = format!("{} {}", request.method, request.target.as_deref().unwrap_or_default());
        let facts = [
            Some(Fact::new("Request", Cell::id(line.trim_end()))),
            one.row.user_agent.as_ref().map(|text| Fact::new("Client", Cell::text(text))),
            one.row.source_ip.as_ref().map(|text| Fact::new("From", Cell::id(text))),
            one.row.request_id.as_ref().map(|text| Fact::new("Request id", Cell::id(text))),
            Some(Fact::new("Token", Cell::text("never kept"))),
        ];
        all.push(Message {
            title: "Request",
            facts: facts_of(facts),
            body: body(&request.body, is_raw),
            note: request.body_note.as_ref().map(note),
        });
    }
    if let Some(response) = &one.response {
        let location = response.location.iter().flatten().next();
        let waited = response.answered_after_ms.as_ref().map(|ms| format!("after {ms} ms"));
        let facts = [
            Some(Fact::new(
                "Status",
                Cell::status(format!("{} ({})", one.row.status, response.status)),
            )),
            response.error.as_ref().map(|text| Fact::new("Error", Cell::text(text))),
            location.map(|text| Fact::new("Location", Cell::id(text))),
            waited.map(|text| Fact::new("Upstream answered", Cell::text(text))),
        ];
        let kept = response.body.iter().flatten().next().unwrap_or(&Value::Null);
        all.push(Message {
            title: "Response",
            facts: facts_of(facts),
            body: body(kept, is_raw),
            note: response.body_note.iter().flatten().next().map(note),
        });
    }
    if let Some(entry) = &one.entry {
        all.push(Message {
            title: "Entry of the provider's log",
            facts: Facts::default(),
            body: body(&Value::Object(entry.clone()), is_raw),
            note: None,
        });
    }
    all
}

fn facts_of<const N: usize>(facts: [Option<Fact>; N]) -> Facts {
    Facts { caption: None, facts: facts.into_iter().flatten().collect() }
}

/// A body as text; nothing if there is none.
fn body(body: &Value, is_raw: bool) -> Option<Body> {
    if body.is_null() {
        return None;
    }
    let text = match is_raw {
        true => body.to_string(),
        false => serde_json::to_string_pretty(body).unwrap_or_default(),
    };
    let shown = crate::text::cut(&text, BODY_CHARS_MAX);
    Some(Body { is_cut: shown.len() != text.len(), text: shown.into_owned() })
}

/// Why a body was not kept.
fn note(note: &BodyNote) -> String {
    let BodyNote { reason, length_bytes, media_type, line, column } = note;
    let more = [
        length_bytes.map(|bytes| format!("{} bytes", count(bytes))),
        media_type.clone(),
        line.map(|line| format!("line {line}")),
        column.map(|column| format!("column {column}")),
    ];
    let words: Vec<String> =
        std::iter::once(reason.clone()).chain(more.into_iter().flatten()).collect();
    format!("The body was not kept: {}.", words.join(", "))
}
