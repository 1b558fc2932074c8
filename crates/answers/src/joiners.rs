//! Whose accounts were created.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, activity, number, or_nothing, since};
use crate::words::in_application;
use crate::{AppFilter, Lead, Moment, Nothing, Question, Shape, Time};

/// Accounts that were created
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Joiners {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// Somebody whose account was created.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Joiner {
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
    /// Whether the account is active at the end of the time span; null if it is deleted by then
    pub active: Option<bool>,
    /// When it was created
    pub created_at: Moment,
    /// The event that created it
    pub created_seq: u64,
    /// False if it was only seen at an upstream: it was created then or earlier
    pub start_known: bool,
}

impl Question for Joiners {
    type Row = Joiner;
    type Beside = Nothing;
    const COMMAND: &'static str = "report joiners";
    const PATH: &'static str = "/api/v1/reports/joiners";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "joiners" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("externalId", "the name and the id tell who it is")];

    fn title(&self, _: &Nothing) -> String {
        format!("Joiners{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Joiner>> {
        vec![
            Column::application(|row: &Joiner| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::text("User name", &["userName"], |row: &Joiner| {
                or_nothing(row.user_name.as_ref())
            })
            .leads(user),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::status("Account", &["active"], |row| {
                row.active.map_or("gone", activity).to_owned()
            }),
            Column::time("Created", &["createdAt", "startKnown"], |row| {
                since(Some(&row.created_at), row.start_known)
            }),
            Column::event("Event", &["createdSeq"], |row: &Joiner| number(Some(row.created_seq)))
                .leads(|row| Lead::operation(Some(row.created_seq))),
            Column::id("Id", &["userId"], |row: &Joiner| or_nothing(row.user_id.as_ref()))
                .leads(user),
        ]
    }
}

fn user(row: &Joiner) -> Option<Lead> {
    Lead::user(Some(&row.application), row.user_id.as_ref(), row.user_name.as_ref())
}
