//! An answer as the server sent it, with the envelope that every answer has.

use answers::{Envelope, Exists};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::text::escaped;

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

    /// Says that the thing did not exist. Says nothing when it did.
    pub(crate) fn existence(&self, thing: &str) -> String {
        let Existence { exists, exists_seq } = &self.existence;
        let words = exists.and_then(|exists| exists.in_words(thing, *exists_seq));
        words.map(|words| format!("{words}\n")).unwrap_or_default()
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.envelope.coverage.state != "complete"
    }

    /// One line for each gap in the record.
    pub(crate) fn gaps(&self) -> String {
        let gaps = self.envelope.coverage.gaps.iter();
        gaps.map(|gap| format!("{}\n", escaped(&gap.in_words()))).collect()
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
    fn an_answer_that_does_not_say_what_was_watched_is_none() {
        let mut members = answer(json!({}));
        assert!(Answer::of(&members).is_ok());
        members.remove("coverage");
        assert!(Answer::of(&members).is_err(), "no word is no promise");
    }
}
