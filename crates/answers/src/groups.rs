//! Which groups there were.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, or_nothing, since};
use crate::users::Rests;
use crate::words::marked;
use crate::{App, Lead, Moment, Question, Shape, Time};

/// The groups, and how many members each had
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct EveryGroup {
    /// The application's name in addresses
    pub app: App,
}

/// A group of an application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// SCIM id; null if the group is known only from imported logs, without its id
    pub group_id: Option<String>,
    /// SCIM `displayName`
    pub display_name: Option<String>,
    /// SCIM `externalId`; null if the group is known only from imported logs
    pub external_id: Option<String>,
    /// How many direct members it had; null if the group is known only from imported logs
    pub member_count: Option<u64>,
    /// When the group was created; null if an imported log does not say
    pub created_at: Option<Moment>,
    /// The event that created it, or the first imported entry about it
    pub created_seq: Option<u64>,
    /// False if it was only seen: it was created then or earlier
    pub start_known: bool,
    /// Whether the group was marked as privileged
    pub privileged: bool,
}

impl Question for EveryGroup {
    type Row = Group;
    type Beside = Rests;
    const COMMAND: &'static str = "groups";
    const PATH: &'static str = "/api/v1/apps/{app}/groups";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "groups" };
    const CONTEXT: &'static [&'static str] = &["at", "atSeq"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("externalId", "the name and the id tell which group it is")];

    fn title(&self, _: &Rests) -> String {
        format!("Groups of {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Group>> {
        vec![
            Column::text("Name", &["displayName", "privileged"], |row: &Group| {
                marked(row.display_name.as_ref(), row.privileged)
            })
            .leads(group),
            Column::number("Members", &["memberCount"], |row| {
                row.member_count.map(count).unwrap_or_default()
            }),
            Column::time("Created", &["createdAt", "startKnown"], |row| {
                since(row.created_at.as_ref(), row.start_known)
            }),
            Column::event("Event", &["createdSeq"], |row: &Group| number(row.created_seq))
                .leads(|row| Lead::operation(row.created_seq)),
            Column::id("Id", &["groupId"], |row: &Group| or_nothing(row.group_id.as_ref()))
                .leads(group),
        ]
    }
}

fn group(row: &Group) -> Option<Lead> {
    Lead::group(None, row.group_id.as_ref(), row.display_name.as_ref())
}
