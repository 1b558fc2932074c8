//! Who was in a group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, activity, count, first, number, or_nothing, since};
use crate::words::marked;
use crate::{App, Group, Lead, Moment, Question, Shape, Time};

/// Who was in a group
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Members {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name
    pub group: Group,
    /// Also show the members of groups within the group, however deep
    #[serde(default)]
    #[schemars(extend("x-label" = "Members of nested groups too"))]
    pub nested: bool,
}

/// A member of a group.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// SCIM id; null if no event created the user
    pub user_id: Option<String>,
    /// The type of the member, such as `User` or `Group`; null for one that no event created
    pub member_type: Option<String>,
    /// SCIM `userName`; null for a group
    pub user_name: Option<String>,
    /// SCIM `externalId`
    pub external_id: Option<String>,
    /// Whether it is a direct member, not only through another group
    pub direct: bool,
    /// When the current membership began
    pub member_since: Moment,
    /// The event that began it
    pub added_by_seq: u64,
    /// Always empty; auditors expect a column of this name
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_by: Option<String>,
    /// Whether the account was active; null for a group, or if no event created it
    pub account_active: Option<bool>,
    /// SCIM ids of the groups in between, the outermost first; null for a direct member
    pub via: Option<Vec<Option<String>>>,
    /// SCIM `displayName`
    pub display_name: Option<String>,
    /// False if it was only seen at an upstream: it began then or earlier
    pub start_known: bool,
    /// Whether no event created this member: the group names an id that no resource has
    pub dangling: bool,
}

/// The group whose members are shown.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupSeen {
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// Its display name at that instant; null if it did not exist
    pub group_name: Option<String>,
    /// Whether the rows include members of groups within the group
    pub nested: bool,
    /// Whether the group existed
    pub exists: crate::Exists,
    /// The event that created it, perhaps later than that instant, or that deleted it
    pub exists_seq: u64,
    /// Whether the group was marked as privileged
    pub privileged: bool,
}

impl Question for Members {
    type Row = Member;
    type Beside = GroupSeen;
    const COMMAND: &'static str = "members";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/members";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "members" };
    const CONTEXT: &'static [&'static str] = &["at", "atSeq", "groupId", "groupName"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("externalId", "the name and the id tell who it is"), ("addedBy", "always empty")];

    fn title(&self, group: &GroupSeen) -> String {
        let what = if self.nested { "Direct and indirect members" } else { "Members" };
        let name = group.group_name.as_ref().unwrap_or(&self.group.0);
        let name = marked(Some(name), group.privileged);
        format!("{what} of {name} in {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Member>> {
        let names: &[Column<Member>] = match self.nested {
            // Groups have no user name.
            true => &[Column::text("Name", &["userName", "displayName"], |row: &Member| {
                first(&[&row.user_name, &row.display_name])
            })
            .leads(resource)],
            false => &[
                Column::text("User name", &["userName"], |row: &Member| {
                    or_nothing(row.user_name.as_ref())
                })
                .leads(resource),
                Column::extra("Display name", &["displayName"], |row: &Member| {
                    or_nothing(row.display_name.as_ref())
                })
                .leads(resource),
            ],
        };
        let account =
            Column::status("Account", &["dangling", "accountActive", "memberType"], |row: &Member| {
                account_of(row.dangling, row.account_active, row.member_type.as_ref())
            });
        let way: &[Column<Member>] = match self.nested {
            true => &[Column::whole("Member", &["direct", "via"], |row| {
                way(row.direct, row.via.as_ref().map_or(0, Vec::len))
            })],
            false => &[],
        };
        let since_heading = if self.nested { "Since" } else { "Member since" };
        let rest = [
            Column::time(since_heading, &["memberSince", "startKnown"], |row: &Member| {
                since(Some(&row.member_since), row.start_known)
            }),
            Column::event("Event", &["addedBySeq"], |row: &Member| number(Some(row.added_by_seq)))
                .leads(|row| Lead::operation(Some(row.added_by_seq))),
            Column::id("Id", &["userId"], |row: &Member| or_nothing(row.user_id.as_ref()))
                .leads(resource),
        ];
        [names, &[account], way, &rest].concat()
    }
}

fn resource(row: &Member) -> Option<Lead> {
    Lead::resource(None, row.member_type.as_ref(), row.user_id.as_ref())
}

/// The words for a member's account, or the type of a member that is no account.
pub(crate) fn account_of(
    dangling: bool,
    account_active: Option<bool>,
    member_type: Option<&String>,
) -> String {
    match (dangling, account_active) {
        (true, _) => "unknown".to_owned(),
        (_, Some(active)) => activity(active).to_owned(),
        // Somebody of the other instant of a comparison, who has no account at this one.
        _ if member_type.is_some_and(|kind| kind == "User") => "none".to_owned(),
        _ => or_nothing(member_type).to_lowercase(),
    }
}

/// Whether somebody is in a group themselves, or through how many others.
pub(crate) fn way(direct: bool, groups: usize) -> String {
    match (direct, groups) {
        (true, _) => "direct".to_owned(),
        (_, 0) => "indirect".to_owned(),
        (_, 1) => "via 1 group".to_owned(),
        (_, groups) => format!("via {} groups", count(groups as u64)),
    }
}
