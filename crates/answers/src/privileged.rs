//! Groups that are marked as privileged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, or_nothing, second};
use crate::words::in_application;
use crate::{AppFilter, Lead, Moment, Nothing, Question, Shape, Time};

/// The groups that were marked as privileged, and how many members each had
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct PrivilegedGroups {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// A group that existed and was marked as privileged.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct PrivilegedGroup {
    /// The application's name in addresses
    pub application: String,
    /// SCIM id
    pub group_id: Option<String>,
    /// SCIM `displayName`
    pub group_name: Option<String>,
    /// How many direct members it had
    pub member_count: u64,
    /// When it was marked
    pub marked_at: Moment,
    /// The event that marked it
    pub marked_seq: u64,
    /// The id of the token with which it was marked
    pub actor_id: Option<String>,
}

impl Question for PrivilegedGroups {
    type Row = PrivilegedGroup;
    type Beside = Nothing;
    const COMMAND: &'static str = "privileged list";
    const PATH: &'static str = "/api/v1/privileged-groups";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "privileged-groups" };
    const CONTEXT: &'static [&'static str] = &["at", "atSeq"];

    fn title(&self, _: &Nothing) -> String {
        format!("Privileged groups{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<PrivilegedGroup>> {
        vec![
            Column::application(|row: &PrivilegedGroup| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::text("Group", &["groupName"], |row: &PrivilegedGroup| {
                or_nothing(row.group_name.as_ref())
            })
            .leads(group),
            Column::number("Members", &["memberCount"], |row| count(row.member_count)),
            Column::time("Marked", &["markedAt"], |row| second(Some(&row.marked_at))),
            Column::id("By", &["actorId"], |row| or_nothing(row.actor_id.as_ref())),
            Column::event("Event", &["markedSeq"], |row| number(Some(row.marked_seq))),
            Column::id("Id", &["groupId"], |row: &PrivilegedGroup| {
                or_nothing(row.group_id.as_ref())
            })
            .leads(group),
        ]
    }
}

fn group(row: &PrivilegedGroup) -> Option<Lead> {
    Lead::group(Some(&row.application), row.group_id.as_ref(), row.group_name.as_ref())
}
