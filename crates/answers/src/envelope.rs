//! The members that every answer has besides its rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::words::Moment;

/// What was asked, what the answer stands on, and how complete it is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The question as it was understood: names, parameters, and dates as instants
    pub query: Map<String, Value>,
    /// When the answer was made
    pub generated_at: Moment,
    /// The last event that the answer uses; null before the first
    pub at_seq: Option<u64>,
    /// The end of the log when the answer was made
    pub head: Head,
    /// Whether the answer is complete
    pub coverage: Coverage,
    /// How many rows the whole answer has, over all pages
    pub row_count: u64,
    /// The cursor of the next page, while there is one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The end of the log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Head {
    /// The last event that the token may know of
    pub seq: Option<u64>,
    /// The checkpoint that was signed last; missing before the first, and for tokens of one application
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<SignedHead>,
}

/// What a checkpoint says of the log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct SignedHead {
    /// How many events it covers
    pub size: u64,
    /// The root of the tree over them, in base64
    pub root: String,
}

/// How complete an answer is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Coverage {
    /// `complete` or `partial`
    #[schemars(extend("enum" = ["complete", "partial"]))]
    pub state: String,
    /// The times that were not recorded, by their beginnings
    pub gaps: Vec<Gap>,
}

/// A time that was not recorded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Gap {
    /// The application that was not recorded, where the question spans several; null for all
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::Present::read"
    )]
    pub application: Option<Option<String>>,
    /// When it began; null if it has no beginning
    pub from: Option<Moment>,
    /// When it ended; null while it lasts
    pub to: Option<Moment>,
    /// Why it was not recorded, in the words of the question `coverage`
    pub reason: String,
}

impl Envelope {
    /// The value of a parameter, as the server understood it.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.as_str()
    }
}
