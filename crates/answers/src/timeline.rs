//! What happened to a user, and to a group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operations::{NOT_SHOWN, Operation, columns};
use crate::table::Column;
use crate::words::{OfGroup, OfUser};
use crate::{App, Group, Question, Shape, Time, User};

/// What happened to a user or a group, newest first
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct TimelineOfUser {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; on the command line any other text is
    /// a user name
    pub user: User,
}

/// What happened to a group, newest first
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct TimelineOfGroup {
    /// The application's name in addresses
    pub app: App,
    /// The group to ask about: SCIM id, displayName:NAME or externalId:ID; on the command line any
    /// other text is a display name
    pub group: Group,
}

impl Question for TimelineOfUser {
    type Row = Operation;
    type Beside = OfUser;
    const COMMAND: &'static str = "timeline";
    const PATH: &'static str = "/api/v1/apps/{app}/users/{user}/timeline";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::Operations { file: "operations" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, user: &OfUser) -> String {
        format!("Timeline of user {} in {}", user.or(&self.user), self.app.0)
    }

    fn columns(&self) -> Vec<Column<Operation>> {
        columns()
    }
}

impl Question for TimelineOfGroup {
    type Row = Operation;
    type Beside = OfGroup;
    const COMMAND: &'static str = "timeline";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/timeline";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::Operations { file: "operations" };
    const ORDER: &'static str = "newest first";
    const FLAGS: &'static [&'static str] = &["group"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, group: &OfGroup) -> String {
        format!("Timeline of group {} in {}", group.or(&self.group), self.app.0)
    }

    fn columns(&self) -> Vec<Column<Operation>> {
        columns()
    }
}
