//! Who read or exported the record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, count, number, or_nothing, second, yes_or_no};
use crate::{AppFilter, Lead, Moment, Nothing, Question, Shape, Time, TokenId};

/// Who read or exported the audit data, newest first
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct AccessLog {
    /// Only questions about this application; without it, about all that the token may see
    pub app: Option<AppFilter>,
    /// Only questions asked with the token of this id
    pub credential: Option<TokenId>,
}

/// A question that somebody asked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The event that recorded it
    pub seq: u64,
    /// When it was asked
    pub recorded_at: Moment,
    /// The application that it was about; null if it was about several or none
    pub application: Option<String>,
    /// Whether it was about all applications
    pub all_applications: bool,
    /// The id of the token with which it was asked
    pub actor_id: String,
    /// The role of that token: `admin`, `auditor`, `app-auditor` or `scim`
    pub role: Option<String>,
    /// The template of its address
    pub route: String,
    /// Its address; null for an app-auditor if it was not about their application alone
    pub target: Option<String>,
    /// The HTTP status of its answer
    pub status: u16,
    /// How many rows were shown; null where the address is null
    pub rows: Option<u64>,
    /// Whether it was an export
    pub exported: bool,
    /// The last event that existed when the answer was made; null before the first
    pub saw_seq: Option<u64>,
    /// The client's address; null if not known
    pub source_ip: Option<String>,
    /// The client's `User-Agent`
    pub user_agent: String,
    /// The id of the request
    pub request_id: String,
}

impl Question for AccessLog {
    type Row = Access;
    type Beside = Nothing;
    const COMMAND: &'static str = "access-log";
    const PATH: &'static str = "/api/v1/access-log";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "access-log" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("sawSeq", "it is near the event's own number, and `atSeq` of the answer tells it too"),
        ("userAgent", "long, and the token and its address tell who asked"),
        ("requestId", "it only helps to find the line of a log"),
    ];

    fn title(&self, _: &Nothing) -> String {
        let mut title = "Questions that were asked".to_owned();
        if let Some(app) = &self.app {
            title.push_str(&format!(" about {}", app.0));
        }
        if let Some(id) = &self.credential {
            title.push_str(&format!(" by credential {}", id.0));
        }
        title
    }

    fn columns(&self) -> Vec<Column<Access>> {
        vec![
            Column::time("Time", &["recordedAt"], |row| second(Some(&row.recorded_at))),
            // Shown though the title names one: questions about all concern it too.
            Column::text("Application", &["application", "allApplications"], |row: &Access| {
                match row.all_applications {
                    true => "all".to_owned(),
                    false => or_nothing(row.application.as_ref()),
                }
            })
            .leads(|row| Lead::application(row.application.as_ref())),
            Column::id("Token", &["actorId"], |row| row.actor_id.clone()),
            Column::whole("Role", &["role"], |row| or_nothing(row.role.as_ref())),
            Column::text("Question", &["target", "route"], |row: &Access| {
                row.target.clone().unwrap_or_else(|| row.route.clone())
            })
            .leads(|row| Lead::question(row.target.as_ref()?)),
            Column::number("HTTP", &["status"], |row| number(Some(row.status))),
            Column::number("Rows", &["rows"], |row| row.rows.map(count).unwrap_or_default()),
            Column::whole("Export", &["exported"], |row| yes_or_no(row.exported).to_owned()),
            Column::id("From", &["sourceIp"], |row| or_nothing(row.source_ip.as_ref())),
            Column::event("Event", &["seq"], |row| number(Some(row.seq))),
        ]
    }
}
