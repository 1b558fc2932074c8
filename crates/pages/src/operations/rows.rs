//! Rows of operations: those of the page, and those that a live tail adds.

use std::collections::BTreeMap;

use answers::row::Operation;
use answers::{Column, Operations, Question, plain};
use askama::Template;

use crate::around::Around;
use crate::question::Shown;
use crate::view::{Cell, Fact, Facts, Heading, Look, Row};

/// What makes rows of operations.
pub(super) struct Rows<'a> {
    columns: Vec<Column<Operation>>,
    around: Around<'a>,
    /// The names of tokens.
    tokens: BTreeMap<String, String>,
    /// The row that is open.
    open: Option<&'a str>,
}

/// What an open row shows.
#[derive(Template)]
#[template(path = "operations/detail.html")]
struct Detail {
    facts: Facts,
    json: String,
    href: String,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        asked: &Operations,
        given: &'a crate::address::Given,
        tokens: BTreeMap<String, String>,
    ) -> Rows<'a> {
        let around = Around { app: given.app(), given };
        let mut columns = asked.columns();
        // The application stands in the title.
        columns.retain(|one| !(one.heading.is_application && around.app.is_some()));
        Rows { columns, around, tokens, open: given.own("open") }
    }

    pub(super) fn of(shown: &Shown<'a, Operations>, tokens: BTreeMap<String, String>) -> Rows<'a> {
        Rows::new(shown.question, shown.given, tokens)
    }

    /// The headings: those of every list of operations, and two of this page before the last.
    pub(super) fn headings(&self) -> Vec<Heading> {
        let of_list = self.columns.iter();
        let of_list = of_list.map(|one| Heading::new(one.heading.look, one.heading.text));
        let own = [Heading::new(Look::Text, "By"), Heading::new(Look::Number, "Took")];
        with_own(of_list.collect(), own.into())
    }

    pub(super) fn row(&self, one: &Operation) -> Row {
        let of_list = self.columns.iter().map(|column| {
            let cell = self.around.cell(column.heading.look, column.cell(one));
            let term = column.heading.members.first().and_then(|member| term(one, member));
            Cell { term, ..cell }
        });
        let by = Cell::text(self.by(one));
        let took = Cell::new(Look::Number, took(one));
        let own = [by, took].map(|cell| Cell { is_own: true, ..cell });
        let seq = one.seq.to_string();
        let is_open = self.open == Some(seq.as_str());
        let toggled = self.around.given.with(&[("open", (!is_open).then_some(seq.as_str()))]);
        Row {
            id: Some(format!("op-{seq}")),
            expand: Some(toggled.page()),
            detail: is_open.then(|| self.detail(one)),
            ..Row::new(with_own(of_list.collect(), own.into()))
        }
    }

    fn by(&self, one: &Operation) -> String {
        by(one, &self.tokens)
    }

    fn detail(&self, one: &Operation) -> String {
        let facts = Facts { caption: None, facts: facts(one, &self.tokens) };
        let json = serde_json::to_string_pretty(one).unwrap_or_default();
        let detail = Detail { facts, json, href: format!("/operations/{}", one.seq) };
        detail.to_string()
    }
}

/// The own columns stand before the last of the list, which is the number of the event.
fn with_own<T>(mut of_list: Vec<T>, own: Vec<T>) -> Vec<T> {
    let last = of_list.len().saturating_sub(1);
    of_list.splice(last..last, own);
    of_list
}

/// The term of the line that finds operations with the same value.
fn term(one: &Operation, member: &str) -> Option<String> {
    let (word, text) = match member {
        "application" => ("app", one.application.clone()?),
        "action" => ("action", one.action.clone()),
        "status" => ("status", one.status.clone()),
        "httpStatus" => ("http", one.http_status?.to_string()),
        "userName" => ("user", one.user_name.clone()?),
        _ => return None,
    };
    let is_plain = !text.contains([' ', '"']);
    Some(match is_plain {
        true => format!("{word}:{text}"),
        false => format!("{word}:\"{}\"", text.replace('"', "\"\"")),
    })
}

/// Who did it.
pub(crate) fn by(one: &Operation, tokens: &BTreeMap<String, String>) -> String {
    let name = one.actor_name.iter().flatten().next().or(one.actor_id.as_ref());
    match (one.actor_type.as_str(), name) {
        ("token", Some(id)) => match tokens.get(id) {
            Some(name) => name.clone(),
            None => format!("token {id}"),
        },
        ("none" | "", _) => String::new(),
        (kind, Some(name)) => format!("{kind} {name}"),
        (kind, None) => kind.to_owned(),
    }
}

/// How long it took.
pub(crate) fn took(one: &Operation) -> String {
    let Some(ms) = one.duration_ms.as_ref().and_then(serde_json::Number::as_f64) else {
        return String::new();
    };
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// What the columns do not show.
fn facts(one: &Operation, tokens: &BTreeMap<String, String>) -> Vec<Fact> {
    let text = |label: &str, text: Option<String>| {
        Some(Fact::new(label, Cell::text(text.filter(|text| !text.is_empty())?)))
    };
    let id = |label: &str, text: Option<String>| Some(Fact::new(label, Cell::id(text?)));
    let part = one.index.map(|index| format!(", part {index}")).unwrap_or_default();
    let facts = [
        Some(Fact::new("Recorded", Cell::time(one.recorded_at.0.clone()))),
        one.effect.as_deref().map(|effect| Fact::new("Effect", Cell::status(plain(effect)))),
        text("By", Some(by(one, tokens))),
        id("From", one.source_ip.clone()),
        text("Client", one.user_agent.clone()),
        id("Request id", one.request_id.as_ref().map(|id| format!("{id}{part}"))),
        id("SCIM id", one.resource_id.clone()),
        id("External id", one.external_id.clone()),
        text("Error", one.scim_type.clone()),
        id("Error code", one.error_code.clone().flatten()),
        id("Skip reason", one.skip_reason.clone().flatten()),
        id("Cycle", one.cycle_id.clone().flatten()),
        text("Changed", Some(one.changed_paths.join(", "))),
    ];
    facts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_short() {
        let check = |ms: f64, expected: &str| {
            let duration_ms = serde_json::Number::from_f64(ms);
            assert_eq!(took(&Operation { duration_ms, ..Operation::default() }), expected);
        };
        check(0.42, "0.4 ms");
        check(12.3, "12 ms");
        check(1_250.0, "1.2 s");
        assert_eq!(took(&Operation::default()), "");
    }

    #[test]
    fn whoever_did_it_has_a_name() {
        let tokens = BTreeMap::from([("3".to_owned(), "Okta".to_owned())]);
        let check = |kind: &str, id: Option<&str>, name: Option<&str>, expected: &str| {
            let row = Operation {
                actor_type: kind.to_owned(),
                actor_id: id.map(str::to_owned),
                actor_name: Some(name.map(str::to_owned)),
                ..Operation::default()
            };
            assert_eq!(by(&row, &tokens), expected);
        };
        check("token", Some("3"), None, "Okta");
        check("token", Some("4"), None, "token 4");
        check("none", None, None, "");
        check("provider", Some("x"), Some("Sync"), "provider Sync");
        check("provider", None, None, "provider");
    }
}
