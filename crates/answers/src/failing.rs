//! Whose last write was refused or failed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, first, number, second};
use crate::words::in_application;
use crate::{AppFilter, Lead, Moment, Nothing, Question, Shape, Time};

/// Whose last write was refused or failed
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Failing {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// Somebody whose last write failed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The application's name in addresses
    pub application: String,
    /// SCIM id; null if there never was an account
    pub user_id: Option<String>,
    /// SCIM `userName` at that instant or the last one before, else as the request gave it
    pub user_name: Option<String>,
    /// SCIM `externalId`, likewise
    pub external_id: Option<String>,
    /// SCIM `displayName`, likewise
    pub display_name: Option<String>,
    /// The resource type of the request
    pub resource_type: Option<String>,
    /// When the last write failed
    pub failed_at: Moment,
    /// The event that recorded it
    pub failed_seq: u64,
    /// Method and type of that request
    pub operation: String,
    /// The HTTP status of the answer
    pub http_status: Option<u16>,
    /// The `scimType` of the answer
    pub scim_type: Option<String>,
    /// Why it failed
    pub reason: Option<String>,
    /// SCIM id of the account that has the requested name
    pub holder_id: Option<String>,
    /// The name of that account
    pub holder_name: Option<String>,
    /// How many writes have failed in a row
    pub failures: u64,
}

impl Question for Failing {
    type Row = Failed;
    type Beside = Nothing;
    const COMMAND: &'static str = "report failing";
    const PATH: &'static str = "/api/v1/reports/failing";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "failing" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("resourceType", "the operation names it")];

    fn title(&self, _: &Nothing) -> String {
        format!("Those whose last write failed{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Failed>> {
        vec![
            Column::application(|row: &Failed| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::text(
                "Target",
                &["userName", "displayName", "externalId", "userId"],
                |row: &Failed| {
                    first(&[&row.user_name, &row.display_name, &row.external_id, &row.user_id])
                },
            )
            .leads(|row| {
                let (kind, id) = (row.resource_type.as_ref(), row.user_id.as_ref());
                Lead::resource(Some(&row.application), kind, id)
            }),
            Column::time("Failed", &["failedAt"], |row| second(Some(&row.failed_at))),
            Column::whole("Operation", &["operation"], |row| row.operation.clone()),
            Column::number("HTTP", &["httpStatus"], |row| number(row.http_status)),
            Column::number("Failures", &["failures"], |row| count(row.failures)),
            Column::text(
                "Reason",
                &["reason", "scimType", "holderName", "holderId"],
                |row: &Failed| {
                    let reason = first(&[&row.reason, &row.scim_type]);
                    match first(&[&row.holder_name, &row.holder_id]) {
                        holder if holder.is_empty() => reason,
                        holder => format!("{reason}; the name belongs to {holder}"),
                    }
                },
            )
            .leads(|row| {
                let (kind, id) = (row.resource_type.as_ref(), row.holder_id.as_ref());
                Lead::resource(Some(&row.application), kind, id)
            }),
            Column::event("Event", &["failedSeq"], |row: &Failed| number(Some(row.failed_seq)))
                .leads(|row| Lead::operation(Some(row.failed_seq))),
        ]
    }
}
