//! Groups that are privileged: marked, and not any more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method};
use crate::{App, Group, Nothing};

/// Mark a group as privileged: its members need more care than others
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct MarkGroup {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name
    pub group: Group,
}

/// Remove the mark of a privileged group
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct UnmarkGroup {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name
    pub group: Group,
}

/// A group as it is marked now.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MarkedGroup {
    /// The application's name in addresses
    pub application: String,
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// Its display name
    pub group_name: Option<String>,
    /// Whether it is privileged
    pub privileged: bool,
    /// The event that says so, now or before; null if the group was never marked
    pub seq: Option<u64>,
}

impl Act for MarkGroup {
    type Body = Nothing;
    type Reply = MarkedGroup;
    const COMMAND: &'static str = "privileged add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/privileged";
}

impl Act for UnmarkGroup {
    type Body = Nothing;
    type Reply = MarkedGroup;
    const COMMAND: &'static str = "privileged remove";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/privileged";
}
