//! The result of a session, without what differs in every run.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde_json::{Value, json};

use super::each_text;
use super::run::Session;

impl Session<'_> {
    /// All answers and all operations of the application with their changes, as text. Two isolated runs
    /// of one script give the same text.
    ///
    /// Ids are numbered in the order of appearance. Events are numbered within the application, in
    /// ETags too. Dates are masked: changes show in ETags, and two events may have the same time.
    pub fn story(&self) -> Result<String, String> {
        let list = format!("/api/v1/operations?app={}&limit=1000", self.application);
        let list = self.ask(&list).map_err(|problem| problem.text)?;
        let rows = list["rows"].as_array().cloned().unwrap_or_default();
        if list.get("next").is_some_and(Value::is_string) {
            return Err("more than 1000 operations".to_owned());
        }
        let mut operations = Vec::with_capacity(rows.len());
        let mut events = BTreeMap::new();
        for row in rows.iter().rev() {
            let seq = row["seq"].to_string();
            let answer = self.ask(&format!("/api/v1/operations/{seq}"));
            let mut whole = answer.map_err(|problem| problem.text)?["resource"].take();
            events.insert(seq, operations.len() + 1);
            for (name, value) in row.as_object().into_iter().flatten() {
                if whole.get(name) != Some(value) {
                    return Err(format!("the list says another {name}: {row}, {whole}"));
                }
            }
            if let Some(whole) = whole.as_object_mut() {
                // Numbers that count over all applications, and durations.
                for name in ["seq", "eventId", "eventHash", "actorId", "sawSeq", "durationMs"] {
                    whole.remove(name);
                }
            }
            operations.push(whole);
        }
        let story = json!({"answers": self.exchanges, "operations": operations});
        let mut plain = Plain { server: self.scim.base().to_owned(), events, ids: vec![] };
        let Ok(story) = each_text(&story, &mut |text| Ok::<_, Infallible>(plain.text(text)));
        Ok(serde_json::to_string_pretty(&story).expect("values are JSON"))
    }
}

struct Plain {
    /// The tenant URL.
    server: String,
    /// The numbers of the application's events, by seq.
    events: BTreeMap<String, usize>,
    /// In the order in which they appeared.
    ids: Vec<String>,
}

impl Plain {
    fn text(&mut self, text: &str) -> String {
        if is_instant(text) {
            return "(date)".to_owned();
        }
        let etag = text.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"'));
        if let Some(seq) = etag {
            let event = self.events.get(seq);
            return event.map_or_else(|| text.to_owned(), |event| format!("(event {event})"));
        }
        let text = text.replace(&self.server, "(base)");
        let (mut out, mut rest) = (String::with_capacity(text.len()), text.as_str());
        while let Some(at) = (0..rest.len()).find(|at| rest.get(*at..).is_some_and(is_id)) {
            let (before, behind) = rest.split_at(at);
            let (id, behind) = behind.split_at(ID_BYTES);
            let known = self.ids.iter().position(|one| one == id);
            let place = known.unwrap_or_else(|| {
                self.ids.push(id.to_owned());
                self.ids.len() - 1
            });
            out.push_str(&format!("{before}(id {})", place + 1));
            rest = behind;
        }
        out + rest
    }
}

const ID_BYTES: usize = 36;

/// Whether a text begins with a UUID.
fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= ID_BYTES
        && bytes[..ID_BYTES].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a text is a date and time, such as `2026-03-02T09:14:07Z`.
fn is_instant(text: &str) -> bool {
    let form = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    form(4, b'-') && form(7, b'-') && form(10, b'T') && form(13, b':') && text.ends_with('Z')
}

/// The first difference of two texts, with some lines before it; `None` if they are equal.
pub fn first_difference(one: &str, other: &str) -> Option<String> {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let differs = |at: &usize| one.get(*at) != other.get(*at);
    let at = (0..one.len().max(other.len())).find(differs)?;
    let part = |lines: &[&str]| {
        let end = lines.len().min(at + 12);
        lines[at.saturating_sub(12).min(end)..end].join("\n")
    };
    Some(format!("line {}\n--- one\n{}\n--- other\n{}", at + 1, part(&one), part(&other)))
}
