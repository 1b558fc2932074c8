//! The verification of the log by the running server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method};
use crate::question::Who;
use crate::{Moment, Nothing};

/// Verify the whole log now: read every event again, and compare the tree over them with the last checkpoint
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Verify {}

/// How far the verification of the log is, and what the last one found
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ShowVerification {}

/// The verification of the log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct VerificationState {
    /// The number of the one that was begun or asked for last; 0 if none was since the start
    pub round: u64,
    /// How far the one is that runs; null if none does
    pub running: Option<VerificationRunning>,
    /// What the last one since the start found; null if none has ended
    pub last: Option<VerificationEnded>,
}

/// A verification that runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct VerificationRunning {
    /// Events verified
    pub events: u64,
    /// Events to verify
    pub size: u64,
}

/// A verification that has ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct VerificationEnded {
    /// Its number, from 1 at the start of the server on
    pub round: u64,
    /// When it ended
    pub at: Moment,
    /// How many events it verified
    pub events: u64,
    /// How many of them a checkpoint covers
    pub covered: u64,
    /// What is wrong with the log or the rows, or why they could not be read, in words; empty if nothing is
    pub faults: Vec<String>,
}

impl Act for Verify {
    type Body = Nothing;
    type Reply = VerificationState;
    const COMMAND: &'static str = "verification begin";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/verification";
    const WHO: Who = Who::Reader;
    const STATUS: u16 = 202;
}

impl Act for ShowVerification {
    type Body = Nothing;
    type Reply = VerificationState;
    const COMMAND: &'static str = "verification show";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/verification";
    const WHO: Who = Who::Reader;
}
