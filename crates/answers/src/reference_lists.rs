//! The lists of people that were uploaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, or_nothing, second};
use crate::{Lead, Look, Moment, Nothing, Question, Shape, Time};

/// The lists of people that were uploaded
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ReferenceLists {}

/// A list that was uploaded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceList {
    /// Its name, as reports take it
    pub name: String,
    /// The application that it belongs to; null for a list of the whole server
    pub application: Option<String>,
    /// The event that recorded it
    pub seq: u64,
    /// When it was uploaded
    pub recorded_at: Moment,
    /// The id of the token with which it was uploaded
    pub actor_id: Option<String>,
    /// How many rows it has
    pub rows: u64,
    /// The SHA-256 of what was uploaded, in hexadecimal digits
    pub sha256: String,
}

impl Question for ReferenceLists {
    type Row = ReferenceList;
    type Beside = Nothing;
    const COMMAND: &'static str = "list ls";
    const PATH: &'static str = "/api/v1/reference-lists";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::List { file: "reference-lists" };

    fn title(&self, _: &Nothing) -> String {
        "Reference lists".to_owned()
    }

    fn columns(&self) -> Vec<Column<ReferenceList>> {
        vec![
            Column::text("List", &["name"], |row| row.name.clone()),
            // Two may have one name: that of an application, and that of the whole server.
            Column::text("Application", &["application"], |row: &ReferenceList| {
                row.application.clone().unwrap_or_else(|| "all".to_owned())
            })
            .leads(|row| Lead::application(row.application.as_ref())),
            Column::number("Rows", &["rows"], |row| count(row.rows)),
            Column::time("Uploaded", &["recordedAt"], |row| second(Some(&row.recorded_at))),
            Column::extra("Token", &["actorId"], |row: &ReferenceList| {
                or_nothing(row.actor_id.as_ref())
            })
            .looks(Look::Id),
            Column::event("Event", &["seq"], |row| number(Some(row.seq))),
            Column::id("SHA-256", &["sha256"], |row| row.sha256.clone()),
        ]
    }
}
