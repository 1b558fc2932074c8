//! An answer as the server sent it, with the envelope that every answer has.

use answers::{Coverage, Envelope, Exists, Gap};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::text::{escaped, second};

/// An answer to a question.
pub(crate) struct Answer<'a> {
    /// All its members. Only the question knows the types of its own ones.
    pub(crate) members: &'a Map<String, Value>,
    pub(crate) envelope: Envelope,
    pub(crate) existence: Existence,
}

/// Whether the thing in question existed. Only some answers say so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Existence {
    exists: Option<Exists>,
    pub(crate) exists_seq: Option<u64>,
}

impl Answer<'_> {
    /// Reads the members that every answer has.
    pub(crate) fn of(members: &Map<String, Value>) -> Result<Answer<'_>, serde_json::Error> {
        let envelope = Envelope::deserialize(members)?;
        Ok(Answer { members, envelope, existence: Existence::deserialize(members)? })
    }

    /// The one thing that was asked for; `None` if it did not exist.
    pub(crate) fn resource(&self) -> Option<&Value> {
        self.members.get("resource").filter(|resource| !resource.is_null())
    }

    /// `as of` the instant of the answer, and the last event it uses.
    pub(crate) fn as_of(&self) -> String {
        let at = self.asked("at").unwrap_or_else(|| "now".to_owned());
        format!("as of {at} {}", self.stands())
    }

    /// The time range of the answer.
    pub(crate) fn stretch(&self) -> String {
        let mut text = String::new();
        for (name, word) in [("from", "from"), ("to", "before")] {
            if let Some(time) = self.asked(name) {
                text.push_str(&format!(" {word} {time}"));
            }
        }
        text
    }

    /// The last event that the answer uses, and its `knownAt` if one was given.
    pub(crate) fn stands(&self) -> String {
        let mut text = match self.envelope.at_seq {
            Some(seq) => format!("(event {seq})"),
            None => "(before the first event)".to_owned(),
        };
        if let Some(known) = self.asked("knownAt") {
            let event = if known.bytes().all(|byte| byte.is_ascii_digit()) { "event " } else { "" };
            text.push_str(&format!(", as known at {event}{known}"));
        }
        text
    }

    /// A time parameter of the question, as the server understood it.
    fn asked(&self, name: &str) -> Option<String> {
        Some(second(self.envelope.asked(name)?).into_owned())
    }

    /// Says that the thing did not exist. Says nothing when it did.
    pub(crate) fn existence(&self, thing: &str) -> String {
        match (self.existence.exists, self.existence.exists_seq) {
            (Some(Exists::Deleted), seq) => {
                let seq = seq.map(|seq| seq.to_string()).unwrap_or_default();
                format!("The {thing} was deleted by event {seq}.\n")
            }
            // Imported logs may lack the event that created it.
            (Some(Exists::No), None) => format!("The {thing} was not there yet.\n"),
            (Some(Exists::No), Some(seq)) => {
                format!("The {thing} was not there yet; event {seq} created it.\n")
            }
            (Some(Exists::Yes) | None, _) => String::new(),
        }
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.envelope.coverage.state != "complete"
    }

    /// One line for each gap in the record.
    pub(crate) fn gaps(&self) -> String {
        let Coverage { gaps, .. } = &self.envelope.coverage;
        let line = |gap: &Gap| {
            let end = |time: &Option<answers::Moment>, open: &str| {
                time.as_ref().map_or(open.to_owned(), |time| second(&time.0).into_owned())
            };
            let (from, to) = (end(&gap.from, "the beginning"), end(&gap.to, "now"));
            let whose = gap.application.iter().flatten().next();
            let whose = whose.map(|application| format!(" in {}", escaped(application)));
            let whose = whose.unwrap_or_default();
            format!("Not watched{whose}: {from} to {to} ({})\n", escaped(&gap.reason))
        };
        gaps.iter().map(line).collect()
    }

    /// The footer of an answer about one thing: the gaps in the record.
    pub(crate) fn end_of_one(&self) -> String {
        let words = if self.is_partial() { "Not everything was watched.\n" } else { "" };
        words.to_owned() + &self.gaps()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::answer;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_heading_says_on_what_an_answer_stands() {
        let check = |query: Value, at_seq: Value, expected: [&str; 2]| {
            let members = answer(json!({"query": query, "atSeq": at_seq}));
            let answer = Answer::of(&members).unwrap();
            let stretch = format!("{} {}", answer.stretch(), answer.stands());
            assert_eq!([answer.as_of(), stretch], expected);
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

    #[test]
    fn an_answer_that_does_not_say_what_was_watched_is_none() {
        let mut members = answer(json!({}));
        assert!(Answer::of(&members).is_ok());
        members.remove("coverage");
        assert!(Answer::of(&members).is_err(), "no word is no promise");
    }
}
