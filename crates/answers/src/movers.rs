//! Who changed department, or something else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Column, GROUPS_MAX, any, first, number, or_nothing, second, several};
use crate::words::{in_application, marked};
use crate::{AppFilter, AttributePath, Lead, Moment, Nothing, Question, Shape, Time};

/// Who changed department or another attribute, and which groups they kept
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Movers {
    /// The attribute that changed: title or another path; department without it
    pub on: Option<AttributePath>,
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// Somebody whose attribute changed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Mover {
    /// The application's name in addresses
    pub application: String,
    /// SCIM id
    pub user_id: Option<String>,
    /// SCIM `userName` at the end of the time span, or the last one before
    pub user_name: Option<String>,
    /// SCIM `externalId` at that time
    pub external_id: Option<String>,
    /// SCIM `displayName` at that time
    pub display_name: Option<String>,
    /// The path that changed
    pub path: String,
    /// Its value before
    pub old_value: Value,
    /// Its value after
    pub new_value: Value,
    /// When it changed
    pub changed_at: Moment,
    /// The event that changed it
    pub changed_seq: u64,
    /// The groups that the user was in before the change and at the end of the time span
    pub held_groups: Vec<HeldGroup>,
}

/// A group that somebody was in before and still is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct HeldGroup {
    /// SCIM id
    pub group_id: Option<String>,
    /// Its display name at the end of the time span
    pub group_name: Option<String>,
    /// When the membership began
    pub member_since: Moment,
    /// Whether it was marked as privileged at the end of the time span
    pub privileged: bool,
}

impl Question for Movers {
    type Row = Mover;
    type Beside = Nothing;
    const COMMAND: &'static str = "report movers";
    const PATH: &'static str = "/api/v1/reports/movers";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "movers" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("userId", "the names tell who it is"), ("externalId", "the names tell who it is")];

    fn title(&self, _: &Nothing) -> String {
        let on = self.on.as_ref().map(|on| format!(" by {}", on.0)).unwrap_or_default();
        format!("Movers{on}{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Mover>> {
        vec![
            Column::application(|row: &Mover| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::text("User name", &["userName"], |row: &Mover| {
                or_nothing(row.user_name.as_ref())
            })
            .leads(user),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::extra("Attribute", &["path"], |row| row.path.clone()),
            Column::text("Before", &["oldValue"], |row| any(&row.old_value)),
            Column::text("After", &["newValue"], |row| any(&row.new_value)),
            Column::time("Changed", &["changedAt"], |row| second(Some(&row.changed_at))),
            Column::event("Event", &["changedSeq"], |row: &Mover| number(Some(row.changed_seq)))
                .leads(|row| Lead::operation(Some(row.changed_seq))),
            Column::text("Groups kept", &["heldGroups"], |row| {
                let groups = row.held_groups.iter();
                let names = groups.map(|group| {
                    marked(Some(&first(&[&group.group_name, &group.group_id])), group.privileged)
                });
                several(&names.collect::<Vec<_>>(), GROUPS_MAX)
            }),
        ]
    }
}

fn user(row: &Mover) -> Option<Lead> {
    Lead::user(Some(&row.application), row.user_id.as_ref(), row.user_name.as_ref())
}
