//! What set the values of a user, and of a group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Column, any, number, or_nothing, second};
use crate::words::{OfGroup, OfUser};
use crate::{App, AttributePath, Exists, Group, Lead, Moment, Question, Shape, Time, User};

/// Which operation set each value and membership of a user or group
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct BlameOfUser {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; on the command line any other text is
    /// a user name
    pub user: User,
    /// Only this attribute, such as title; use groups for memberships
    pub path: Option<AttributePath>,
}

/// Which operation set each value of a group
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct BlameOfGroup {
    /// The application's name in addresses
    pub app: App,
    /// The group to ask about: SCIM id, displayName:NAME or externalId:ID; on the command line any
    /// other text is a display name
    pub group: Group,
    /// Only this attribute, such as title; use groups for memberships
    pub path: Option<AttributePath>,
}

/// A value and what set it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Blamed {
    /// The path of the attribute; `groups` for a membership
    pub path: String,
    /// The value that was set; for a membership the group, with `groupId` and `groupName`; null if it was
    /// removed
    pub value: Value,
    /// Whether it was removed
    pub removed: bool,
    /// When it was set or removed
    pub set_at: Moment,
    /// The event that set or removed it
    pub set_seq: u64,
    /// The id of that event
    pub event_id: String,
    /// The id of the token of the request; null if none is known
    pub actor_id: Option<String>,
    /// The client's address; null if none is known
    pub source_ip: Option<String>,
    /// The method and resource type, such as `PATCH User`
    pub operation: String,
    /// The id of the request; null when it has none
    pub request_id: Option<String>,
    /// The value before; for a membership that ended, the group; null if there was none
    pub old_value: Value,
    /// `token` for a request with a token, `none` for what the server did by itself
    pub actor_type: String,
}

/// Whether what is asked about was there. What was deleted is answered with the values that it had.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Existence {
    /// Whether it was there
    pub exists: Exists,
    /// The event that created it, perhaps later than that instant, or that deleted it
    pub exists_seq: u64,
}

/// The user, and whether it was there.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ExistingUser {
    /// The user
    #[serde(flatten)]
    pub user: OfUser,
    /// Whether it was there
    #[serde(flatten)]
    pub existence: Existence,
}

/// The group, and whether it was there.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ExistingGroup {
    /// The group
    #[serde(flatten)]
    pub group: OfGroup,
    /// Whether it was there
    #[serde(flatten)]
    pub existence: Existence,
}

const NOT_SHOWN: &[(&str, &str)] = &[
    ("actorType", "where there was a token, it is shown"),
    ("eventId", "the number of the event leads to it"),
    ("requestId", "the number of the event leads to it"),
];

impl Question for BlameOfUser {
    type Row = Blamed;
    type Beside = ExistingUser;
    const COMMAND: &'static str = "blame";
    const PATH: &'static str = "/api/v1/apps/{app}/users/{user}/blame";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "blame" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, one: &ExistingUser) -> String {
        let (what, user) = (what(self.path.as_ref()), one.user.or(&self.user));
        format!("{what} of user {user} in {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Blamed>> {
        columns()
    }
}

impl Question for BlameOfGroup {
    type Row = Blamed;
    type Beside = ExistingGroup;
    const COMMAND: &'static str = "blame";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/blame";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "blame" };
    const FLAGS: &'static [&'static str] = &["group"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, one: &ExistingGroup) -> String {
        let (what, group) = (what(self.path.as_ref()), one.group.or(&self.group));
        format!("{what} of group {group} in {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Blamed>> {
        columns()
    }
}

fn what(path: Option<&AttributePath>) -> String {
    match path {
        Some(AttributePath(path)) => format!("What set {path}"),
        None => "What set the values".to_owned(),
    }
}

fn columns() -> Vec<Column<Blamed>> {
    vec![
        Column::text("Path", &["path"], |row| row.path.clone()),
        Column::text("Value", &["value", "removed"], |row: &Blamed| match row.removed {
            true => "(removed)".to_owned(),
            false => value(&row.value),
        })
        .leads(|row| group(&row.value)),
        Column::extra("Value before", &["oldValue"], |row: &Blamed| value(&row.old_value))
            .leads(|row| group(&row.old_value)),
        Column::time("Set", &["setAt"], |row| second(Some(&row.set_at))),
        Column::whole("Operation", &["operation"], |row| row.operation.clone()),
        Column::id("Token", &["actorId"], |row| or_nothing(row.actor_id.as_ref())),
        Column::id("From", &["sourceIp"], |row| or_nothing(row.source_ip.as_ref())),
        Column::event("Event", &["setSeq"], |row: &Blamed| number(Some(row.set_seq)))
            .leads(|row| Lead::operation(Some(row.set_seq))),
    ]
}

/// The group, if a value is a membership.
fn group(value: &Value) -> Option<Lead> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Lead::group(None, text("groupId").as_ref(), text("groupName").as_ref())
}

/// A value as a cell; a group by its name, or else by its id.
fn value(value: &Value) -> String {
    match (&value["groupName"], &value["groupId"]) {
        (Value::Null, Value::String(id)) => id.clone(),
        (Value::Null, _) => any(value),
        (name, _) => any(name),
    }
}
