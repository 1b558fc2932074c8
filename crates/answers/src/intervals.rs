//! Every stay of somebody in a group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, first, number, or_nothing, second, since};
use crate::words::{OfGroup, OfUser, marked};
use crate::{App, Group, Lead, Moment, Question, Shape, Time, User};

/// Every membership of a user or group, from when until when
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct StaysInGroup {
    /// The application's name in addresses
    pub app: App,
    /// The group; without a user, all its members: SCIM id, displayName:NAME or externalId:ID; on the
    /// command line any other text is a display name
    pub group: Group,
    /// The user; without a group, all their groups: SCIM id, userName:NAME, externalId:ID or
    /// displayName:NAME; on the command line any other text is a user name
    pub user: Option<User>,
}

/// Every membership of a user, from when until when
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct StaysOfUser {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; on the command line any other text is
    /// a user name
    pub user: User,
    /// Only this group: SCIM id, displayName:NAME or externalId:ID; on the command line any other text
    /// is a display name
    pub group: Option<Group>,
}

/// A membership, from its beginning to its end.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Stay {
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// SCIM id of the member
    pub user_id: Option<String>,
    /// SCIM `userName` of the member; null for a group
    pub user_name: Option<String>,
    /// When it began
    pub start: Moment,
    /// The event in which it began
    pub start_seq: u64,
    /// When it ended; null while it lasts
    pub end: Option<Moment>,
    /// The event in which it ended
    pub end_seq: Option<u64>,
    /// False if it was only seen at an upstream: it began then or earlier
    pub start_known: bool,
    /// `removed`, `groupDeleted` or `userDeleted`; null while it lasts
    pub end_reason: Option<String>,
    /// Display name of the group at the end of the time span, or the last one before
    pub group_name: Option<String>,
    /// SCIM `externalId` of the member
    pub external_id: Option<String>,
    /// SCIM `displayName` of the member
    pub display_name: Option<String>,
    /// The type of the member, such as `User` or `Group`; null for one that no event created
    pub member_type: Option<String>,
    /// Whether the group was marked as privileged at the end of the time span
    pub privileged: bool,
}

impl Question for StaysInGroup {
    type Row = Stay;
    type Beside = OfGroup;
    const COMMAND: &'static str = "intervals";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/intervals";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "intervals" };
    const FLAGS: &'static [&'static str] = &["group", "user"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("groupId", "the title names the group"),
        ("groupName", "the title names the group"),
        ("externalId", "the name and the id tell who it is"),
        ("memberType", "the id tells what it is"),
        ("privileged", "it is the same in all rows, and `groups` shows it"),
    ];

    fn title(&self, group: &OfGroup) -> String {
        let user = self.user.as_ref().map(|user| format!(" of user {}", user.0));
        let user = user.unwrap_or_default();
        format!("Stays{user} in {} of {}", group.or(&self.group), self.app.0)
    }

    fn columns(&self) -> Vec<Column<Stay>> {
        let name = Column::text("Name", &["userName", "displayName"], |row: &Stay| {
            first(&[&row.user_name, &row.display_name])
        });
        let member =
            |row: &Stay| Lead::resource(None, row.member_type.as_ref(), row.user_id.as_ref());
        let id = Column::id("Id", &["userId"], |row: &Stay| or_nothing(row.user_id.as_ref()));
        columns(name.leads(member), id.leads(member))
    }
}

impl Question for StaysOfUser {
    type Row = Stay;
    type Beside = OfUser;
    const COMMAND: &'static str = "intervals";
    const PATH: &'static str = "/api/v1/apps/{app}/users/{user}/intervals";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "intervals" };
    const FLAGS: &'static [&'static str] = &["group", "user"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("userId", "the title names the user"),
        ("userName", "the title names the user"),
        ("externalId", "the title names the user"),
        ("displayName", "the title names the user"),
        ("memberType", "it is a user"),
    ];

    fn title(&self, user: &OfUser) -> String {
        let place = self.group.as_ref().map_or("the groups", |group| &group.0);
        format!("Stays of user {} in {place} of {}", user.or(&self.user), self.app.0)
    }

    fn columns(&self) -> Vec<Column<Stay>> {
        let name = Column::text("Group", &["groupName", "privileged"], |row: &Stay| {
            marked(row.group_name.as_ref(), row.privileged)
        });
        let group = |row: &Stay| Lead::group(None, row.group_id.as_ref(), row.group_name.as_ref());
        let id = Column::id("Id", &["groupId"], |row: &Stay| or_nothing(row.group_id.as_ref()));
        columns(name.leads(group), id.leads(group))
    }
}

/// When a membership began and ended, between who or where it was.
fn columns(name: Column<Stay>, id: Column<Stay>) -> Vec<Column<Stay>> {
    vec![
        name,
        Column::time("From", &["start", "startKnown"], |row| {
            since(Some(&row.start), row.start_known)
        }),
        Column::event("Event", &["startSeq"], |row: &Stay| number(Some(row.start_seq)))
            .leads(|row| Lead::operation(Some(row.start_seq))),
        Column::time("To", &["end"], |row| second(row.end.as_ref())),
        Column::event("Event", &["endSeq"], |row: &Stay| number(row.end_seq))
            .leads(|row| Lead::operation(row.end_seq)),
        Column::whole("End", &["endReason"], end),
        id,
    ]
}

fn end(row: &Stay) -> String {
    match row.end_reason.as_deref() {
        None => "lasts",
        Some("groupDeleted") => "group gone",
        Some("userDeleted") => "user gone",
        Some(reason) => reason,
    }
    .to_owned()
}
