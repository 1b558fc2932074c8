//! What people said of an operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, number, or_nothing, second};
use crate::{Look, Moment, Question, Shape, Time};

/// The evidence of an operation
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct EvidenceOf {
    /// The operation: its event id, or the number of its event
    pub operation: String,
}

/// A piece of evidence.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The event that recorded it
    pub seq: u64,
    /// When it was added
    pub recorded_at: Moment,
    /// The id of the token with which it was added
    pub actor_id: Option<String>,
    /// The client's address
    pub source_ip: Option<String>,
    /// Its kind, such as `ticket` or `approval`
    pub kind: String,
    /// Its reference, such as the number of a ticket
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its URL
    pub url: Option<String>,
    /// Who approved the change
    pub approved_by: Option<String>,
    /// When it was approved
    pub approved_at: Option<Moment>,
}

/// Of which operation.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OfOperation {
    /// The number of its event
    pub operation_seq: u64,
}

impl Question for EvidenceOf {
    type Row = Evidence;
    type Beside = OfOperation;
    const COMMAND: &'static str = "evidence list";
    const PATH: &'static str = "/api/v1/operations/{operation}/evidence";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::List { file: "evidence" };

    fn title(&self, _: &OfOperation) -> String {
        format!("Evidence of operation {}", self.operation)
    }

    fn columns(&self) -> Vec<Column<Evidence>> {
        vec![
            Column::time("Recorded", &["recordedAt"], |row| second(Some(&row.recorded_at))),
            Column::id("Token", &["actorId"], |row| or_nothing(row.actor_id.as_ref())),
            Column::text("Kind", &["kind"], |row| row.kind.clone()),
            Column::text("Reference", &["ref"], |row| row.reference.clone()),
            Column::text("Approved by", &["approvedBy"], |row| {
                or_nothing(row.approved_by.as_ref())
            }),
            Column::time("Approved", &["approvedAt"], |row| second(row.approved_at.as_ref())),
            Column::extra("URL", &["url"], |row| or_nothing(row.url.as_ref())),
            Column::extra("From", &["sourceIp"], |row: &Evidence| {
                or_nothing(row.source_ip.as_ref())
            })
            .looks(Look::Id),
            Column::event("Event", &["seq"], |row| number(Some(row.seq))),
        ]
    }
}
