//! The applications at a glance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::Quarantine;
use crate::histogram::OperationBucket;
use crate::table::{Column, count, number, or_nothing, second};
use crate::words::in_application;
use crate::{AppFilter, Gap, Lead, Moment, Nothing, Question, Shape, Time};

/// How each application is doing, those that need attention first
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Overview {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// How an application is doing.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSeen {
    /// The application's name in addresses
    pub application: String,
    /// Why it needs attention, in sentences, the most urgent first; null if it does not
    pub attention: Option<String>,
    /// The state of its provisioning, as the question `job` has it; `never` if no request has ever arrived
    pub state: String,
    /// Whether its requests are sent on to an upstream now
    pub proxied: bool,
    /// When the last request arrived; null if none has
    pub last_request_at: Option<Moment>,
    /// The event of that request
    pub last_request_seq: Option<u64>,
    /// How it ended: `success`, `failure`, `skipped` or `warning`
    pub last_request_status: Option<String>,
    /// When the last request that succeeded arrived
    pub last_success_at: Option<Moment>,
    /// The event of that request
    pub last_success_seq: Option<u64>,
    /// How many seconds ago the last request arrived
    pub seconds_since_last_request: Option<i64>,
    /// How many requests arrived in the last 24 hours
    pub requests_in_last_day: u64,
    /// How many of them failed
    pub failures_in_last_day: u64,
    /// How many operations of the last 90 days did what was asked
    pub success: u64,
    /// How many succeeded with a warning
    pub warning: u64,
    /// How many were refused
    pub failure: u64,
    /// How many were not carried out
    pub skipped: u64,
    /// These operations for each of the 90 days in UTC, the current one included; oldest first
    pub days: Vec<OperationBucket>,
    /// How many users exist; null if the application is known only from imported logs
    pub users: Option<u64>,
    /// How many of them are active
    pub active_users: Option<u64>,
    /// How many groups exist
    pub groups: Option<u64>,
    /// How many users and groups there are whose last request failed, as the question `failing` has them
    pub failing: u64,
    /// The quarantine that the provider imposed, while it lasts; null if none is known
    pub quarantine: Option<Quarantine>,
    /// The times in the last 90 days that were not recorded
    pub gaps: Vec<Gap>,
    /// How many of its SCIM tokens are valid
    pub valid_tokens: u64,
    /// When the oldest of these was issued
    pub oldest_token_at: Option<Moment>,
    /// When the newest of these was issued
    pub newest_token_at: Option<Moment>,
    /// When the first of these ends; null if none does
    pub next_token_end_at: Option<Moment>,
}

impl Question for Overview {
    type Row = ApplicationSeen;
    type Beside = Nothing;
    const COMMAND: &'static str = "overview";
    const PATH: &'static str = "/api/v1/overview";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "overview" };
    const ORDER: &'static str = "what needs attention first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("lastRequestSeq", "the time tells which request it was"),
        ("lastSuccessSeq", "the time tells which request it was"),
        ("secondsSinceLastRequest", "the time of the last request tells it"),
        ("days", "`provlog log-histogram` shows them"),
        ("gaps", "`provlog coverage` shows them"),
        ("quarantine", "`provlog job` shows it"),
        ("oldestTokenAt", "`provlog token list` shows it"),
        ("newestTokenAt", "`provlog token list` shows it"),
        ("nextTokenEndAt", "`provlog token list` shows it"),
        ("proxied", "`provlog app show` shows it"),
        ("requestsInLastDay", "`provlog job` shows it"),
        ("failuresInLastDay", "`provlog job` shows it"),
        ("warning", "`provlog log-histogram` shows it"),
        ("skipped", "`provlog log-histogram` shows it"),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Overview{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<ApplicationSeen>> {
        vec![
            Column::application(|row: &ApplicationSeen| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::status("State", &["state"], |row| row.state.clone()),
            Column::time("Last request", &["lastRequestAt"], |row| {
                second(row.last_request_at.as_ref())
            }),
            Column::status("Ended", &["lastRequestStatus"], |row| {
                or_nothing(row.last_request_status.as_ref())
            }),
            Column::time("Last success", &["lastSuccessAt"], |row| {
                second(row.last_success_at.as_ref())
            }),
            Column::number("Succeeded in 90 days", &["success"], |row| count(row.success)),
            Column::number("Failed", &["failure"], |row| count(row.failure)),
            Column::number("Users", &["users"], |row| number(row.users)),
            Column::number("Active", &["activeUsers"], |row| number(row.active_users)),
            Column::number("Groups", &["groups"], |row| number(row.groups)),
            Column::number("Failing now", &["failing"], |row| count(row.failing)),
            Column::number("Tokens", &["validTokens"], |row| count(row.valid_tokens)),
            Column::text("Attention", &["attention"], |row| or_nothing(row.attention.as_ref())),
        ]
    }
}
