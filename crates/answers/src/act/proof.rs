//! Proofs of single events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method};
use crate::Nothing;
use crate::question::Who;

/// Prove that an event is in the log, and what is stored of it there
///
/// The proof is a file that anybody checks offline, without this server.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Prove {
    /// The event, an operation or any other: its event id, or its number
    pub operation: String,
}

/// That an event is in the log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The event
    pub seq: u64,
    /// The hash of its leaf in the log's tree, in base64
    pub event_hash: String,
    /// How many events the checkpoint of the proof covers
    pub size: u64,
    /// The keys that signed the checkpoint, as texts by which others verify the signatures
    pub keys: Vec<String>,
    /// The proof, as a file in the form `c2sp.org/tlog-proof@v1`; its extra data is the entry
    pub proof: String,
}

impl Act for Prove {
    type Body = Nothing;
    type Reply = Proof;
    const COMMAND: &'static str = "proof";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/operations/{operation}/proof";
    const WHO: Who = Who::Reader;
}
