//! What changed in a group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Column, Heading, any, first, number, or_nothing, second};
use crate::{App, Below, Grid, Group, Lead, Moment, Question, Shape, Time};

/// What changed in a group between two instants
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Diff {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name
    pub group: Group,
}

/// A member that joined or left.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// `added`: a member only at the end; `removed`: only before; `returned`: at both, but away in between;
    /// `passed`: only in between
    pub change: String,
    /// SCIM id
    pub user_id: Option<String>,
    /// SCIM `userName`; null for a group
    pub user_name: Option<String>,
    /// SCIM `externalId`
    pub external_id: Option<String>,
    /// SCIM `displayName`
    pub display_name: Option<String>,
    /// The type of the member, such as `User` or `Group`; null for one that no event created
    pub member_type: Option<String>,
    /// When it last joined in that time; null if it did not
    pub joined_at: Option<Moment>,
    /// The event in which it joined
    pub joined_seq: Option<u64>,
    /// When it last left in that time; null if it did not
    pub left_at: Option<Moment>,
    /// The event in which it left
    pub left_seq: Option<u64>,
}

/// The group, and what changed in it beside its members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GroupChanged {
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// Its display name at the end, or the last one before
    pub group_name: Option<String>,
    /// Whether it existed right before the first instant
    pub existed_before: bool,
    /// Whether it existed at the end
    pub exists_after: bool,
    /// The group's own attributes that differ, by name
    pub attributes: Vec<AttributeChanged>,
}

/// An attribute that differs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AttributeChanged {
    /// Its name
    pub path: String,
    /// `add`, `remove` or `replace`
    pub op: String,
    /// Its value before; null if it had none
    pub old_value: Value,
    /// Its value at the end; null if it has none
    pub new_value: Value,
}

impl Question for Diff {
    type Row = Difference;
    type Beside = GroupChanged;
    const COMMAND: &'static str = "diff";
    const PATH: &'static str = "/api/v1/apps/{app}/groups/{group}/diff";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "diff" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("externalId", "the name and the id tell who it is"),
        ("memberType", "the id tells what it is"),
    ];

    fn title(&self, group: &GroupChanged) -> String {
        let name = group.group_name.as_ref().unwrap_or(&self.group.0);
        format!("Changes of the members of {name} in {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Difference>> {
        vec![
            Column::status("Change", &["change"], |row| row.change.clone()),
            Column::text("Name", &["userName", "displayName"], |row: &Difference| {
                first(&[&row.user_name, &row.display_name])
            })
            .leads(resource),
            Column::time("Joined", &["joinedAt"], |row| second(row.joined_at.as_ref())),
            Column::event("Event", &["joinedSeq"], |row: &Difference| number(row.joined_seq))
                .leads(|row| Lead::operation(row.joined_seq)),
            Column::time("Left", &["leftAt"], |row| second(row.left_at.as_ref())),
            Column::event("Event", &["leftSeq"], |row: &Difference| number(row.left_seq))
                .leads(|row| Lead::operation(row.left_seq)),
            Column::id("Id", &["userId"], |row: &Difference| or_nothing(row.user_id.as_ref()))
                .leads(resource),
        ]
    }

    fn below(&self, group: &GroupChanged, _: u64) -> Below {
        let attributes = group.attributes.iter().map(|one| {
            vec![one.path.clone().into(), any(&one.old_value).into(), any(&one.new_value).into()]
        });
        let headings =
            vec![Heading::whole("Attribute"), Heading::text("Before"), Heading::text("After")];
        let table =
            (!group.attributes.is_empty()).then(|| Grid { headings, rows: attributes.collect() });
        let existed = match (group.existed_before, group.exists_after) {
            (true, true) => None,
            (false, true) => Some("The group was not there before; it is at the end."),
            (true, false) => Some("The group was there before; it is not at the end."),
            (false, false) => Some("The group was there neither before nor at the end."),
        };
        let lines = existed.into_iter().map(str::to_owned).collect();
        Below { table, lines, ..Below::default() }
    }
}

fn resource(row: &Difference) -> Option<Lead> {
    Lead::resource(None, row.member_type.as_ref(), row.user_id.as_ref())
}
