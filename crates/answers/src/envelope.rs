//! What every answer says beside its rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::words::Moment;

/// What was asked, what the answer stands on, and how complete it is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The question: its names and parameters, with the instants that they meant
    pub query: Map<String, Value>,
    /// When the answer was made
    pub generated_at: Moment,
    /// The number of the last event that the answer stands on; null before the first
    pub at_seq: Option<u64>,
    /// The end of the log when the answer was made
    pub head: Head,
    /// Whether all of it was watched
    pub coverage: Coverage,
    /// How many rows the whole answer has, not the page alone
    pub row_count: u64,
    /// The cursor of the next page, while there is one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The end of the log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Head {
    /// The number of the last event that the asker may know of
    pub seq: Option<u64>,
}

/// Whether all that the answer speaks of was watched.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Coverage {
    /// `complete` or `partial`
    #[schemars(extend("enum" = ["complete", "partial"]))]
    pub state: String,
    /// What was not watched, in the order of its beginnings
    pub gaps: Vec<Gap>,
}

/// A stretch that was not watched.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Gap {
    /// The application that was not watched, where the question spans several; null where that is all
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::Present::read"
    )]
    pub application: Option<Option<String>>,
    /// Its beginning; null where it has none
    pub from: Option<Moment>,
    /// Its end; null while it lasts
    pub to: Option<Moment>,
    /// Why it was not watched, in the words of the rows of `coverage`
    pub reason: String,
}

impl Envelope {
    /// What was asked under a name, with instants as they were understood.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.as_str()
    }
}
