//! Reviews: what somebody says of an answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method, Takes};
use crate::{Outcome, Who};

/// Sign off who was in a group, or an access matrix
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct AddReview {}

/// A review of an answer.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewReview {
    /// The question that was answered, as a path with its parameters: the members of a group or an access
    /// matrix; at most 4,096 bytes. `knownAt` says which answer is meant; without it the present one
    pub question: String,
    /// What the reviewer decided
    pub outcome: Outcome,
    /// What the reviewer has to say: at most 4,096 bytes
    pub remark: Option<String>,
    /// The memberships of the answer that are to end, at most 5,000. Needs the outcome
    /// `approvedWithRevocations` or `rejected`
    #[serde(default)]
    pub revoke: Vec<NewRevocation>,
}

/// A direct membership that is to end.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewRevocation {
    /// SCIM id of the member
    pub user_id: String,
    /// SCIM id of the group; not needed if the question is about one group
    pub group_id: Option<String>,
}

/// A review that was added.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AddedReview {
    /// The event that recorded it, which is its id
    pub seq: u64,
    /// The question, pinned to its instant and to what was known
    pub question: String,
    /// How many rows its answer has
    pub rows: u64,
    /// The SHA-256 of these rows, in hexadecimal
    pub sha256: String,
}

/// The body of a review has at most so many bytes.
pub const REVIEW_BYTES_MAX: usize = 1 << 20;

impl Act for AddReview {
    type Body = NewReview;
    type Reply = AddedReview;
    const COMMAND: &'static str = "review add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/reviews";
    const WHO: Who = Who::Reader;
    const TAKES: Takes = Takes::LongJson { bytes_max: REVIEW_BYTES_MAX };
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "application/json",
        r#"{"question": "/api/v1/apps/boat/groups/displayName:Crew/members", "outcome": "approved", "remark": "Reviewed with the captain"}"#,
    )];
    const STATUS: u16 = 201;
    const REFUSALS: &'static [u16] = &[408, 413, 429];
}
