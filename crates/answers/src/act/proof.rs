//! Proofs of single events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method};
use crate::question::Who;
use crate::{App, Instant, Nothing};

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

/// Make a bundle: a file from which anybody derives an answer offline, and sees that no event was left out
///
/// It holds numbers and not names, unless values are asked for. A state of the application is committed to first,
/// if none was since the instant.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MakeBundle {
    /// The application's name in addresses
    pub app: App,
    /// What is asked
    pub kind: BundleKind,
    /// Who or what it is about: a group (`members`), a user (`groups`, `user`, `why`), by id or name as elsewhere;
    /// an operation by its event id or the number of its event; nothing for `users`
    pub subject: Option<String>,
    /// The instant, which is past: 2026-03-31T17:00:00Z, 2026-03-31 (its last instant), -90d; without it, the
    /// last event
    pub at: Option<Instant>,
    /// Also show the recorded values of the user, or the parts of the operation
    #[serde(default)]
    pub values: bool,
}

/// The questions that a bundle answers.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum BundleKind {
    /// The users of the application, and whether each is active
    Users,
    /// The direct members of a group
    Members,
    /// The groups that a user is a direct member of
    Groups,
    /// Whether a user exists and is active
    User,
    /// One operation
    Operation,
    /// All events that changed a user
    Why,
}

/// A bundle.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MadeBundle {
    /// The event that its answer stands at; null if the instant is before the first one
    pub at_seq: Option<u64>,
    /// The number that stands for the subject in it; 0 if it is about all
    pub number: u32,
    /// How many events the checkpoint of the bundle covers
    pub size: u64,
    /// The keys that signed the checkpoint, as texts by which others verify the signatures
    pub keys: Vec<String>,
    /// The bundle, as a file in the form `provlog evidence/1`
    pub bundle: String,
}

impl Act for MakeBundle {
    type Body = Nothing;
    type Reply = MadeBundle;
    const COMMAND: &'static str = "bundle";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/apps/{app}/bundles/{kind}";
    const WHO: Who = Who::Reader;
}
