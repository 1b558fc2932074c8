//! What a group looked like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blame::Existence;
use crate::table::Column;
use crate::words::ScimResource;
use crate::{App, Group, Question, Shape, Time};

/// What a group looked like at an instant
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OneGroup {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; any other text is a display name
    pub group: Group,
}

impl Question for OneGroup {
    type Row = ScimResource;
    type Beside = Existence;
    const COMMAND: &'static str = "group";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::One;

    fn title(&self, _: &Existence) -> String {
        format!("Group {} in {}", self.group.0, self.app.0)
    }

    /// Its attributes are those of the group, so they are no columns.
    fn columns(&self) -> Vec<Column<ScimResource>> {
        vec![]
    }
}
