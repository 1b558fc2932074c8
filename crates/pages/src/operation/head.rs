//! What one operation was, at a glance: what, who, when, and what it belongs to.

use answers::row::WholeOperation;
use answers::{Column, Look, OneOperation, Question};

use crate::around::Around;
use crate::view::{Cell, Fact, Facts};

/// The lines of an operation in the order of reading. The others follow them.
const FIRST: [&str; 9] =
    ["Status", "Effect", "Reason", "About", "Application", "Action", "By", "Occurred", "Recorded"];
/// Lines that others say: the title, or facts with a link of their own.
const SAID: [&str; 5] = ["Operation", "Explained by", "Explains", "Settles", "Settled"];

pub(super) fn head(asked: &OneOperation, one: &WholeOperation, around: &Around<'_>) -> Facts {
    let columns = asked.columns();
    let fact = |column: &Column<WholeOperation>| {
        Fact::new(column.heading.text, around.cell(column.heading.look, column.cell(one)))
    };
    let place = |text: &str| FIRST.iter().position(|first| *first == text).unwrap_or(FIRST.len());
    let mut shown: Vec<_> =
        columns.iter().filter(|column| !SAID.contains(&column.heading.text)).collect();
    shown.sort_by_key(|column| place(column.heading.text));
    let mut facts: Vec<Fact> =
        shown.into_iter().map(fact).filter(|fact| !fact.cell.text.is_empty()).collect();
    facts.extend(joined(one));
    Facts { caption: None, facts }
}

/// The events that belong to it, each with a link.
fn joined(one: &WholeOperation) -> Vec<Fact> {
    let event = |label: &str, seq: u64, note: Option<String>| {
        let cell = Cell::new(Look::Event, format!("event {seq}"));
        Fact::new(label, Cell { note, ..cell.linked(format!("/operations/{seq}")) })
    };
    let mut facts = vec![];
    for link in one.explained_by.iter().flatten() {
        let entry = link.entry_id.as_ref().map(|id| format!(", entry {id}")).unwrap_or_default();
        let note = format!("{}{entry}", link.confidence);
        facts.push(event("Explained by", link.seq, Some(note)));
    }
    if let Some(link) = one.explains.iter().flatten().next() {
        facts.push(event("Explains", link.seq, Some(link.confidence.clone())));
    }
    if let Some(settled) = one.row.settled.iter().flatten().next() {
        let verdict = match settled.verdict.as_str() {
            "none" => "could not tell",
            verdict => verdict,
        };
        facts.push(event("Settled by", settled.by_seq, Some(verdict.to_owned())));
    }
    let verdict = one.row.verdict.iter().flatten().next();
    for seq in one.row.settles.iter().flatten() {
        facts.push(event("Settles", *seq, verdict.cloned()));
    }
    facts
}
