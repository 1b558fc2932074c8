//! What a user looked like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::members::way;
use crate::question::{Below, Grid};
use crate::table::{Cell, Column, Heading, number, or_nothing, since};
use crate::words::{ScimResource, marked};
use crate::{App, Exists, Lead, Moment, Question, Shape, Time, User};

/// What a user looked like at an instant
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OneUser {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; on the command line any other text is
    /// a user name
    pub user: User,
    /// Also show the groups that the user was in
    #[schemars(extend("x-label" = "With the groups"))]
    pub include: Option<Include>,
    /// Also show groups that contain those groups
    #[serde(default)]
    #[schemars(extend("x-requires" = "include", "x-label" = "Groups of these groups too"))]
    pub nested: bool,
}

/// What is shown beside a user.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Include {
    /// The groups that it was in
    Groups,
}

/// What is said of a user beside its attributes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct UserSeen {
    /// Whether the user existed
    pub exists: Exists,
    /// The event that created the user, perhaps later than that instant, or that deleted it; null if the
    /// user is known only from imported logs that do not say
    pub exists_seq: Option<u64>,
    /// The groups that the user was in, if asked for; empty if the user is known only from imported logs,
    /// which have no memberships
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<GroupOf>>,
    /// Whether `groups` includes groups that the user was in through other groups
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nested: Option<bool>,
    /// `imported` if the user is known only from imported logs
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// False if the account may be older than the event: the user is known only from imported logs, or was
    /// first seen at an upstream
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_known: Option<bool>,
}

/// A group that a user was in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupOf {
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// Its display name
    pub group_name: Option<String>,
    /// Whether the user is a direct member, not only through another group
    pub direct: bool,
    /// SCIM ids of the groups in between, the outermost first; null for a direct member
    pub via: Option<Vec<Option<String>>>,
    /// When the current membership began
    pub member_since: Moment,
    /// The event that began it
    pub added_by_seq: u64,
    /// False if it was only seen at an upstream: it began then or earlier
    pub start_known: bool,
    /// Whether the group was marked as privileged
    pub privileged: bool,
}

impl Question for OneUser {
    type Row = ScimResource;
    type Beside = UserSeen;
    const COMMAND: &'static str = "user";
    const PATH: &'static str = "/api/v1/apps/{app}/users/{user}";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::One;

    fn title(&self, _: &UserSeen) -> String {
        format!("User {} in {}", self.user.0, self.app.0)
    }

    /// Its attributes are those of the user, so they are no columns.
    fn columns(&self) -> Vec<Column<ScimResource>> {
        vec![]
    }

    fn below(&self, user: &UserSeen, _: u64) -> Below {
        // Where groups were not asked for there is no word of them.
        let Some(groups) = &user.groups else { return Below::default() };
        if groups.is_empty() {
            let words = match user.basis.as_deref() {
                Some("imported") => "Which groups it was in is not known.",
                _ => "In no group.",
            };
            return Below { lines: vec![words.to_owned()], ..Below::default() };
        }
        let headings = vec![
            Heading::text("Group"),
            Heading::whole("Member"),
            Heading::time("Since"),
            Heading::event("Event"),
            Heading::id("Id"),
        ];
        let rows = groups.iter().map(|group| {
            let (id, name) = (group.group_id.as_ref(), group.group_name.as_ref());
            let (lead, event) = (Lead::group(None, id, name), Some(group.added_by_seq));
            vec![
                Cell::from(marked(name, group.privileged)).leads(lead.clone()),
                way(group.direct, group.via.as_ref().map_or(0, Vec::len)).into(),
                since(Some(&group.member_since), group.start_known).into(),
                Cell::from(number(event)).leads(Lead::operation(event)),
                Cell::from(or_nothing(id)).leads(lead),
            ]
        });
        let table = Some(Grid { headings, rows: rows.collect() });
        Below { table, ..Below::default() }
    }
}
