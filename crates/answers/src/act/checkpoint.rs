//! Checkpoints of the log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method};
use crate::Nothing;
use crate::question::Who;

/// Sign a checkpoint of everything recorded so far
///
/// Who keeps it can show later that nothing of it was changed since.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Checkpoint {}

/// A checkpoint that was signed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SignedNow {
    /// The name of the log
    pub origin: String,
    /// How many events it covers
    pub size: u64,
    /// The root of the tree over them, in base64
    pub root: String,
    /// The keys that signed it, as texts by which others verify the signatures
    pub keys: Vec<String>,
    /// The signed checkpoint, as a file that public tools read
    pub checkpoint: String,
}

impl Act for Checkpoint {
    type Body = Nothing;
    type Reply = SignedNow;
    const COMMAND: &'static str = "checkpoint";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/checkpoint";
    const WHO: Who = Who::Reader;
}
