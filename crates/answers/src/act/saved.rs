//! Saved questions: kept under a name, and removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method, Takes};
use crate::{Nothing, QuestionName};

/// Save a question under a name
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct SaveQuestion {}

/// A question and its name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct NewQuestion {
    /// Its name: 1 to 63 of a-z, 0-9 and -. One of the same name is replaced
    #[schemars(regex(pattern = "^[a-z0-9-]{1,63}$"))]
    pub name: String,
    /// Its address with its parameters, as a path: at most 4,096 bytes. Times such as -7d count from when
    /// it is asked
    pub question: String,
}

/// A question that was saved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct SavedAs {
    /// Its name
    pub name: String,
    /// Its address
    pub question: String,
    /// The event that recorded it
    pub seq: u64,
}

impl Act for SaveQuestion {
    type Body = NewQuestion;
    type Reply = SavedAs;
    const COMMAND: &'static str = "saved add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/saved-questions";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "application/json",
        r#"{"name": "failed-this-week", "question": "/api/v1/operations?status=failure&from=-7d"}"#,
    )];
    const STATUS: u16 = 201;
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

/// Remove a saved question
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct RemoveQuestion {
    /// Its name
    pub name: QuestionName,
}

/// A saved question that was removed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct RemovedQuestion {
    /// Its name
    pub name: String,
    /// The event that removed it
    pub removed_seq: u64,
}

impl Act for RemoveQuestion {
    type Body = Nothing;
    type Reply = RemovedQuestion;
    const COMMAND: &'static str = "saved remove";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/saved-questions/{name}";
}
