//! One-time links for a browser.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method};
use crate::question::Who;
use crate::{Moment, Nothing};

/// Make a link that signs a browser in, once, with the role of the token that asks
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct LoginLink {}

/// A link that was made.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AddedLoginLink {
    /// The link; whoever opens it first is signed in
    pub url: String,
    /// From when on it is refused
    pub expires_at: Moment,
}

impl Act for LoginLink {
    type Body = Nothing;
    type Reply = AddedLoginLink;
    const COMMAND: &'static str = "login-link";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/login-links";
    const WHO: Who = Who::Reader;
    const STATUS: u16 = 201;
}
