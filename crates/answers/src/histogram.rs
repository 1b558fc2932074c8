//! How many operations there were over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation_filter::filtered;
use crate::table::{Column, count, second, span};
use crate::{Below, Moment, Question, Shape, Time};

filtered! {
    /// How many operations there were over time, by how they ended
    OperationHistogram {
        /// At most this many stretches of time of equal length; 100 without it. Their length is the shortest of 1
        /// minute, 5 minutes, 15 minutes, 1 hour, 6 hours, 1 day, 7 days and 30 days that gives no more
        #[schemars(range(min = 2, max = 1000), extend("x-label" = "Steps at most"))]
        pub buckets: Option<u16>,
    }
}

/// The operations of a stretch of time, by how they ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OperationBucket {
    /// The start of the stretch, in UTC a multiple of its length; the first starts at `from`, or with the first
    /// operation
    pub start: Moment,
    /// Its end, which is excluded; the last ends at `to`, or now
    pub end: Moment,
    /// How many did what was asked
    pub success: u64,
    /// How many succeeded with a warning
    pub warning: u64,
    /// How many were refused
    pub failure: u64,
    /// How many were not carried out
    pub skipped: u64,
}

/// What a histogram says beside its rows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct HistogramSeen {
    /// The length of each stretch, in seconds; the first and the last may be shorter
    pub bucket_seconds: u64,
    /// How many operations all stretches have
    pub operations: u64,
}

impl Question for OperationHistogram {
    type Row = OperationBucket;
    type Beside = HistogramSeen;
    const COMMAND: &'static str = "log-histogram";
    const PATH: &'static str = "/api/v1/operations/histogram";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "log-histogram" };

    fn title(&self, _: &HistogramSeen) -> String {
        format!("Operations over time{}", self.filters().in_words())
    }

    fn columns(&self) -> Vec<Column<OperationBucket>> {
        vec![
            Column::time("From", &["start"], |row| second(Some(&row.start))),
            Column::time("To", &["end"], |row| second(Some(&row.end))),
            Column::number("Success", &["success"], |row| count(row.success)),
            Column::number("Warning", &["warning"], |row| count(row.warning)),
            Column::number("Failure", &["failure"], |row| count(row.failure)),
            Column::number("Skipped", &["skipped"], |row| count(row.skipped)),
        ]
    }

    fn below(&self, beside: &HistogramSeen, _: u64) -> Below {
        let all = count(beside.operations);
        let line = format!("{all} operations in all, in steps of {}.", span(beside.bucket_seconds));
        Below { lines: vec![line], ..Below::default() }
    }
}
