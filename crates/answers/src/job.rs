//! Whether provisioning into an application is alive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, second, several, span};
use crate::{Lead, Look, Moment, Nothing, Question, Shape, Time};

/// More ids of jobs than these are only counted.
const JOBS_MAX: usize = 20;

/// Whether provisioning is running, late or in quarantine
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Job {
    /// An application, by its name in addresses, or the id of a provider's job
    #[schemars(extend("x-label" = "Application or job"))]
    pub job: String,
}

/// The state of provisioning into an application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Provisioning {
    /// The application's name in addresses
    pub application: String,
    /// The provider's jobs that its newest imported entries name
    pub job_ids: Vec<String>,
    /// The state: `active`, `late` (the next request is overdue), `silent` (no request for
    /// more than a day), `failing` (more than half of the last day's requests failed), `quarantined` (the
    /// provider has all but stopped) or `never` (no request has ever arrived)
    pub state: String,
    /// When the last request arrived; null when none has
    pub last_request_at: Option<Moment>,
    /// When the last one that succeeded arrived
    pub last_success_at: Option<Moment>,
    /// When the last one that asked for a change arrived
    pub last_write_at: Option<Moment>,
    /// The time of the last imported entry
    pub last_entry_at: Option<Moment>,
    /// How often a provider usually sends requests, in seconds
    pub expected_interval_seconds: u64,
    /// How many seconds ago the last request arrived; null when none has
    pub seconds_since_last_request: Option<i64>,
    /// How many requests arrived in the last 24 hours
    pub requests_in_last_day: u64,
    /// How many of them failed
    pub failures_in_last_day: u64,
    /// The quarantine that the provider imposed, while it lasts; null where none is known
    pub quarantine: Option<Quarantine>,
}

/// A provider's quarantine: it sends requests less and less often.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Quarantine {
    /// Since when
    pub since: Moment,
    /// Why, in the provider's words; null where it gave none
    pub reason: Option<String>,
    /// The imported entry that says so
    pub seq: u64,
}

impl Question for Job {
    type Row = Provisioning;
    type Beside = Nothing;
    const COMMAND: &'static str = "job";
    const PATH: &'static str = "/api/v1/jobs/{job}";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::One;

    fn title(&self, _: &Nothing) -> String {
        format!("Provisioning of {}", self.job)
    }

    fn columns(&self) -> Vec<Column<Provisioning>> {
        vec![
            Column::status("State", &["state"], |row| in_words(&row.state)),
            Column::text("Quarantine", &["quarantine"], |row: &Provisioning| {
                quarantine(row.quarantine.as_ref())
            })
            .looks(Look::Time)
            .leads(|row| Lead::operation(row.quarantine.as_ref().map(|one| one.seq))),
            Column::time("Last request", &["lastRequestAt"], |row| {
                second(row.last_request_at.as_ref())
            }),
            Column::whole("Since then", &["secondsSinceLastRequest"], |row| {
                let seconds = row.seconds_since_last_request;
                seconds.and_then(|seconds| seconds.try_into().ok()).map(span).unwrap_or_default()
            }),
            Column::whole("Expected every", &["expectedIntervalSeconds"], |row| {
                span(row.expected_interval_seconds)
            }),
            Column::time("Last success", &["lastSuccessAt"], |row| {
                second(row.last_success_at.as_ref())
            }),
            Column::time("Last write", &["lastWriteAt"], |row| second(row.last_write_at.as_ref())),
            Column::time("Last log entry", &["lastEntryAt"], |row| {
                second(row.last_entry_at.as_ref())
            }),
            Column::number("Requests in a day", &["requestsInLastDay"], |row| {
                count(row.requests_in_last_day)
            }),
            Column::number("Failures in a day", &["failuresInLastDay"], |row| {
                count(row.failures_in_last_day)
            }),
            Column::id("Job ids", &["jobIds"], |row| several(&row.job_ids, JOBS_MAX)),
            // The title may name a job of it.
            Column::text("Application", &["application"], |row: &Provisioning| {
                row.application.clone()
            })
            .leads(|row| Lead::application(Some(&row.application))),
        ]
    }
}

/// The state as a person reads it; a word of a newer server as it is.
fn in_words(state: &str) -> String {
    let meaning = match state {
        "active" => "requests arrive as expected",
        "late" => "the next request is overdue",
        "silent" => "no request has arrived for long",
        "failing" => "requests arrive, and fail",
        "quarantined" => "the provider has all but stopped",
        "never" => "no request has ever arrived",
        _ => return state.to_owned(),
    };
    format!("{state}: {meaning}")
}

fn quarantine(quarantine: Option<&Quarantine>) -> String {
    let Some(Quarantine { since, reason, seq }) = quarantine else {
        return "none is known".to_owned();
    };
    let reason = reason.as_deref().unwrap_or("no reason is known");
    format!("since {}: {reason} (event {seq})", since.second())
}
