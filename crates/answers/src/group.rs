//! What a group looked like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::Column;
use crate::words::ScimResource;
use crate::{App, Exists, Group, Question, Shape, Time};

/// What a group looked like at an instant
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OneGroup {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name
    pub group: Group,
}

/// What is said of a group beside its attributes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupState {
    /// Whether the group was there
    pub exists: Exists,
    /// The event that created it, will create it or deleted it; null when imported logs alone tell of the
    /// group, and none tells that
    pub exists_seq: Option<u64>,
    /// `imported` when nothing was recorded and imported logs alone tell of the group
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// False when the group may be older than the event: imported logs alone tell of it, or it was first
    /// seen at an upstream
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_known: Option<bool>,
}

impl Question for OneGroup {
    type Row = ScimResource;
    type Beside = GroupState;
    const COMMAND: &'static str = "group";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::One;

    fn title(&self, _: &GroupState) -> String {
        format!("Group {} in {}", self.group.0, self.app.0)
    }

    /// Its attributes are those of the group, so they are no columns.
    fn columns(&self) -> Vec<Column<ScimResource>> {
        vec![]
    }
}
