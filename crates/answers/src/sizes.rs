//! How many members a group had over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, second};
use crate::{App, Below, Group, Lead, Moment, Question, Shape, Time};

/// How many direct members a group had over time
///
/// From the first change on, or from `from`. A count holds until the next row.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct GroupSizes {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name
    pub group: Group,
    /// At most this many rows; 200 without it. When the members changed more often, the rows are counts at so many
    /// instants, equally far apart
    #[schemars(range(min = 2, max = 1000), extend("x-label" = "Rows at most"))]
    pub points: Option<u16>,
}

/// The size of a group at an instant.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupSize {
    /// When
    pub at: Moment,
    /// The event that last changed the members up to then
    pub seq: u64,
    /// How many direct members it had
    pub count: u64,
}

/// The group, and what its rows are.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupSized {
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// Its display name at the end, or the last one before
    pub group_name: Option<String>,
    /// True if the rows are counts at equally spaced instants; false if there is a row for each change
    pub sampled: bool,
}

impl Question for GroupSizes {
    type Row = GroupSize;
    type Beside = GroupSized;
    const COMMAND: &'static str = "sizes";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/sizes";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "sizes" };

    fn title(&self, group: &GroupSized) -> String {
        let name = group.group_name.as_ref().unwrap_or(&self.group.0);
        format!("Number of members of {name} in {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<GroupSize>> {
        vec![
            Column::time("From", &["at"], |row| second(Some(&row.at))),
            Column::number("Members", &["count"], |row| count(row.count)),
            Column::event("Event", &["seq"], |row: &GroupSize| number(Some(row.seq)))
                .leads(|row| Lead::operation(Some(row.seq))),
        ]
    }

    fn below(&self, group: &GroupSized, _: u64) -> Below {
        let text = "The members changed more often than this; these are counts at equally spaced times.";
        let lines = group.sampled.then(|| text.to_owned()).into_iter().collect();
        Below { lines, ..Below::default() }
    }
}
