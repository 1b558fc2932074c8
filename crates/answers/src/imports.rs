//! The imports of an application's provider log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, or_nothing, second};
use crate::{App, Look, Moment, Nothing, Question, Shape, Time};

/// The imports of a provider's log: what came of each, and which times its entries are of
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Imports {
    /// The application's name in addresses
    pub app: App,
}

/// An import: all requests with one number.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ImportRun {
    /// Its number, in hexadecimal digits: `run` of its requests
    pub run: String,
    /// The event that recorded its last request
    pub seq: u64,
    /// When its first request was recorded
    pub began_at: Moment,
    /// When its last request was recorded
    pub recorded_at: Moment,
    /// The id of the token with which the last request was made
    pub actor_id: Option<String>,
    /// How many requests it took
    pub requests: u64,
    /// How many entries were recorded
    pub new: u64,
    /// How many entries had been imported before
    pub known: u64,
    /// How many records the server refused; those that could not be read at all were never sent
    pub refused: u64,
    /// The time of the earliest entry, also of those that had been imported before; null without entries
    pub first_entry_at: Option<Moment>,
    /// The time of the latest entry, likewise
    pub last_entry_at: Option<Moment>,
}

impl Question for Imports {
    type Row = ImportRun;
    type Beside = Nothing;
    const COMMAND: &'static str = "imports";
    const PATH: &'static str = "/api/v1/apps/{app}/imports";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::List { file: "imports" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("beganAt", "an import takes minutes, and its end is shown")];

    fn title(&self, _: &Nothing) -> String {
        format!("Imports into {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<ImportRun>> {
        vec![
            Column::time("Imported", &["recordedAt"], |row| second(Some(&row.recorded_at))),
            Column::number("New", &["new"], |row| count(row.new)),
            Column::number("Known", &["known"], |row| count(row.known)),
            Column::number("Refused", &["refused"], |row| count(row.refused)),
            Column::time("First entry", &["firstEntryAt"], |row| {
                second(row.first_entry_at.as_ref())
            }),
            Column::time("Last entry", &["lastEntryAt"], |row| second(row.last_entry_at.as_ref())),
            Column::id("By", &["actorId"], |row| or_nothing(row.actor_id.as_ref())),
            Column::event("Event", &["seq"], |row| number(Some(row.seq))),
            Column::extra("Run", &["run"], |row: &ImportRun| row.run.clone()).looks(Look::Id),
            Column::number("Requests", &["requests"], |row| count(row.requests)),
        ]
    }
}
