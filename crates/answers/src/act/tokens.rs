//! Tokens: issued and taken back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method, Takes};
use crate::{Moment, Nothing};

/// Issue a token
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct AddToken {}

/// A token that is asked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it allows
    #[schemars(extend("enum" = ["admin", "auditor", "app-auditor", "scim"]))]
    pub role: String,
    /// The application that it is limited to; needed for `app-auditor` and `scim`, and only there
    #[serde(default)]
    pub application: Option<String>,
    /// What it is for: 1 to 128 bytes
    #[serde(default)]
    pub name: Option<String>,
    /// From when on it is refused: an RFC 3339 time, a date, or a length of time from now such as 90d;
    /// without it, it has no end
    #[serde(default)]
    pub expires: Option<String>,
}

/// A token that was issued.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AddedToken {
    /// The token, shown only this once
    pub token: String,
    /// Its id
    pub id: String,
    /// What it allows
    pub role: String,
    /// The application that it is limited to
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// What it is for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// From when on it is refused
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
}

impl Act for AddToken {
    type Body = NewToken;
    type Reply = AddedToken;
    const COMMAND: &'static str = "token add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/tokens";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"role": "auditor", "name": "yearly audit", "expires": "90d"}"#)];
    const STATUS: u16 = 201;
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

/// Revoke a token: it is refused from the next request on
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct RevokeToken {
    /// Its id, as the list of tokens shows it
    pub id: String,
}

/// A token that was revoked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct RevokedToken {
    /// Its id
    pub id: String,
    /// What it allowed
    pub role: String,
    /// The event that revoked it, now or before
    pub revoked_seq: u64,
}

impl Act for RevokeToken {
    type Body = Nothing;
    type Reply = RevokedToken;
    const COMMAND: &'static str = "token revoke";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/tokens/{id}";
    const REFUSALS: &'static [u16] = &[409];
}
