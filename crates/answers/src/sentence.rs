//! What an answer says of itself in sentences, the same in the terminal and on a page.

use crate::{Answer, Envelope, Exists, Gap, Moment, Question, Time};

impl Envelope {
    /// The heading of an answer: its title, the order of its rows, the times that it is about, and the last
    /// event that it uses.
    #[must_use]
    pub fn heading(&self, title: &str, order: &str, time: Time) -> String {
        let order = if order.is_empty() { String::new() } else { format!(", {order}") };
        let (as_of, stretch) = match time {
            Time::Instant => (format!(" as of {}", self.at()), String::new()),
            Time::Stretch => (String::new(), self.stretch()),
            Time::Known | Time::Now => (String::new(), String::new()),
        };
        format!("{title}{stretch}{order}{as_of} {}", self.stands())
    }

    /// The instant that was asked about, to the second; `now` without one.
    #[must_use]
    pub fn at(&self) -> String {
        self.time("at").unwrap_or_else(|| "now".to_owned())
    }

    /// The time range that was asked about, after a space; empty without one.
    fn stretch(&self) -> String {
        let times = [("from", "from"), ("to", "before")];
        let words = times.iter().filter_map(|(name, word)| Some((word, self.time(name)?)));
        words.map(|(word, time)| format!(" {word} {time}")).collect()
    }

    /// The last event that the answer uses, and its `knownAt` if one was given.
    fn stands(&self) -> String {
        let mut text = match self.at_seq {
            Some(seq) => format!("(event {seq})"),
            None => "(before the first event)".to_owned(),
        };
        if let Some(known) = self.time("knownAt") {
            let event = if known.bytes().all(|byte| byte.is_ascii_digit()) { "event " } else { "" };
            text.push_str(&format!(", as known at {event}{known}"));
        }
        text
    }

    /// A time parameter of the question, as the server understood it.
    fn time(&self, name: &str) -> Option<String> {
        Some(Moment(self.asked(name)?.to_owned()).second())
    }
}

impl<Q: Question> Answer<Q> {
    /// The heading of the answer, with its times and the last event that it uses.
    #[must_use]
    pub fn heading(&self, question: &Q) -> String {
        self.envelope.heading(&question.title(&self.beside), Q::ORDER, Q::TIME)
    }
}

impl Exists {
    /// That a thing was not there, given the event that created or deleted it; `None` if it was there.
    #[must_use]
    pub fn in_words(self, thing: &str, seq: Option<u64>) -> Option<String> {
        match (self, seq) {
            (Exists::Yes, _) => None,
            // Imported logs may lack the event that created or deleted it.
            (Exists::Deleted, None) => Some(format!("The {thing} was deleted.")),
            (Exists::Deleted, Some(seq)) => {
                Some(format!("The {thing} was deleted by event {seq}."))
            }
            (Exists::No, None) => Some(format!("The {thing} was not there.")),
            (Exists::No, Some(seq)) => {
                Some(format!("The {thing} was not there yet; event {seq} created it."))
            }
        }
    }
}

/// What created a thing that was there, given `existsSeq` and `startKnown`; `None` if it is not known.
#[must_use]
pub fn created(seq: Option<u64>, start_known: Option<bool>) -> Option<String> {
    let seq = seq?;
    Some(match start_known {
        Some(false) => format!("Event {seq} is the first that tells of it."),
        Some(true) | None => format!("Created by event {seq}."),
    })
}

/// A warning about an answer that uses imported logs only, given its `basis`.
#[must_use]
pub fn basis(basis: Option<&str>) -> Option<&'static str> {
    (basis == Some("imported"))
        .then_some("This rests on imported logs alone, not on what was recorded here.")
}

impl Gap {
    /// The times between which nothing was recorded, where, and why.
    #[must_use]
    pub fn in_words(&self) -> String {
        let end = |time: &Option<Moment>, open: &str| {
            time.as_ref().map_or_else(|| open.to_owned(), Moment::second)
        };
        let (from, to) = (end(&self.from, "the beginning"), end(&self.to, "now"));
        let whose = self.application.iter().flatten().next();
        let whose = whose.map(|application| format!(" in {application}")).unwrap_or_default();
        format!("Not watched{whose}: {from} to {to} ({})", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_heading_says_on_what_an_answer_stands() {
        let check = |query: Value, at_seq: Value, time: Time, expected: &str| {
            let envelope: Envelope = serde_json::from_value(json!({
                "query": query, "generatedAt": "2026-04-01T17:00:00.000000Z", "atSeq": at_seq,
                "head": {"seq": null}, "rowCount": 0, "coverage": {"state": "complete", "gaps": []},
            }))
            .unwrap();
            assert_eq!(envelope.heading("All", "newest first", time), expected);
        };
        let none = json!(null);
        check(
            json!({}),
            none,
            Time::Instant,
            "All, newest first as of now (before the first event)",
        );
        let asked = json!({"at": "2026-03-31T23:59:59.999999Z", "from": "2026-03-01T00:00:00Z",
                           "to": "2026-04-01T00:00:00Z", "knownAt": "1900"});
        let known = "(event 1842), as known at event 1900";
        for (time, expected) in [
            (Time::Instant, "All, newest first as of 2026-03-31T23:59:59Z"),
            (
                Time::Stretch,
                "All from 2026-03-01T00:00:00Z before 2026-04-01T00:00:00Z, newest first",
            ),
            (Time::Known, "All, newest first"),
        ] {
            check(asked.clone(), json!(1842), time, &format!("{expected} {known}"));
        }
        let asked = json!({"at": "-1d", "knownAt": "2026-04-01T08:00:00.000001Z"});
        let expected = "All, newest first as of -1d (event 7), as known at 2026-04-01T08:00:00Z";
        check(asked, json!(7), Time::Instant, expected);
    }

    #[test]
    fn what_was_not_there_says_why() {
        let check = |exists: Exists, seq: Option<u64>, expected: Option<&str>| {
            assert_eq!(exists.in_words("user", seq).as_deref(), expected);
        };
        check(Exists::Yes, Some(4), None);
        check(Exists::Deleted, Some(4), Some("The user was deleted by event 4."));
        check(Exists::Deleted, None, Some("The user was deleted."));
        check(Exists::No, Some(4), Some("The user was not there yet; event 4 created it."));
        check(Exists::No, None, Some("The user was not there."));
        assert_eq!(created(Some(4), None).as_deref(), Some("Created by event 4."));
        let first = created(Some(4), Some(false));
        assert_eq!(first.as_deref(), Some("Event 4 is the first that tells of it."));
        assert_eq!(created(None, Some(true)), None);
        assert!(basis(Some("imported")).is_some());
        assert_eq!((basis(Some("recorded")), basis(None)), (None, None));
    }

    #[test]
    fn a_gap_says_when_where_and_why() {
        let gap = |value: Value| serde_json::from_value::<Gap>(value).unwrap().in_words();
        let open = json!({"from": null, "to": null, "reason": "recorder killed"});
        assert_eq!(gap(open), "Not watched: the beginning to now (recorder killed)");
        let closed = json!({"from": "2026-03-01T08:00:00.5Z", "to": "2026-03-02T08:00:00.5Z",
                            "reason": "no imported log", "application": "paperboat"});
        let expected = "Not watched in paperboat: 2026-03-01T08:00:00Z to 2026-03-02T08:00:00Z (no \
                        imported log)";
        assert_eq!(gap(closed), expected);
    }
}
