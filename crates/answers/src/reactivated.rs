//! Accounts that were off and are active again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, number, or_nothing, second};
use crate::words::in_application;
use crate::{AppFilter, Lead, Moment, Nothing, Question, Shape, Time};

/// Accounts that were off and are active again
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Reactivated {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// An account that was off and is active again.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Reactivation {
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
    /// What happened: `reactivated`
    pub kind: String,
    /// When it was switched off
    pub disabled_at: Moment,
    /// The event that switched it off
    pub disabled_seq: u64,
    /// When it became active again
    pub reactivated_at: Moment,
    /// The event that made it active again
    pub reactivated_seq: u64,
}

impl Question for Reactivated {
    type Row = Reactivation;
    type Beside = Nothing;
    const COMMAND: &'static str = "report reactivated";
    const PATH: &'static str = "/api/v1/reports/reactivated";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "reactivated" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("userId", "the names tell who it is"),
        ("externalId", "the names tell who it is"),
        ("kind", "every row has the same"),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Accounts that became active again{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Reactivation>> {
        vec![
            Column::application(|row: &Reactivation| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::text("User name", &["userName"], |row: &Reactivation| {
                or_nothing(row.user_name.as_ref())
            })
            .leads(user),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::time("Disabled", &["disabledAt"], |row| second(Some(&row.disabled_at))),
            Column::event("Event", &["disabledSeq"], |row: &Reactivation| {
                number(Some(row.disabled_seq))
            })
            .leads(|row| Lead::operation(Some(row.disabled_seq))),
            Column::time("Active again", &["reactivatedAt"], |row| {
                second(Some(&row.reactivated_at))
            }),
            Column::event("Event", &["reactivatedSeq"], |row: &Reactivation| {
                number(Some(row.reactivated_seq))
            })
            .leads(|row| Lead::operation(Some(row.reactivated_seq))),
        ]
    }
}

fn user(row: &Reactivation) -> Option<Lead> {
    Lead::user(Some(&row.application), row.user_id.as_ref(), row.user_name.as_ref())
}
