//! The cycles in which a provider works through its accounts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, second, span};
use crate::{App, Lead, Look, Moment, Nothing, Question, Shape, Time};

/// The provisioning cycles that the imported log of a provider names, and what came of each
///
/// A cycle counts as of the time in which it began, and has all of its entries. Requests that were recorded here do not
/// say to which cycle they belong.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Cycles {
    /// The application's name in addresses
    pub app: App,
}

/// A cycle.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Cycle {
    /// The provider's id of it
    pub cycle_id: String,
    /// The time of its first entry
    pub started_at: Moment,
    /// The event that recorded its first entry
    pub started_seq: u64,
    /// The time of its last entry so far
    pub last_at: Moment,
    /// The seconds between them
    pub seconds: u64,
    /// How many entries it has
    pub entries: u64,
    /// Of these: how many did what was asked
    pub success: u64,
    /// How many succeeded with a warning
    pub warning: u64,
    /// How many failed
    pub failure: u64,
    /// How many were passed over
    pub skipped: u64,
}

impl Question for Cycles {
    type Row = Cycle;
    type Beside = Nothing;
    const COMMAND: &'static str = "cycles";
    const PATH: &'static str = "/api/v1/apps/{app}/cycles";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "cycles" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("lastAt", "how long it took is shown")];

    fn title(&self, _: &Nothing) -> String {
        format!("Provisioning cycles of {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Cycle>> {
        vec![
            Column::time("Began", &["startedAt"], |row| second(Some(&row.started_at))),
            Column::whole("Took", &["seconds"], |row| span(row.seconds)),
            Column::number("Entries", &["entries"], |row| count(row.entries)),
            Column::number("Success", &["success"], |row| count(row.success)),
            Column::number("Warning", &["warning"], |row| count(row.warning)),
            Column::number("Failure", &["failure"], |row| count(row.failure)),
            Column::number("Skipped", &["skipped"], |row| count(row.skipped)),
            Column::event("First event", &["startedSeq"], |row: &Cycle| {
                number(Some(row.started_seq))
            })
            .leads(|row| Lead::operation(Some(row.started_seq))),
            Column::text("Cycle", &["cycleId"], |row: &Cycle| row.cycle_id.clone())
                .looks(Look::Id)
                .leads(|row| Lead::cycle(&row.cycle_id)),
        ]
    }
}
