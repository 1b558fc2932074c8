//! Whose accounts were switched off or deleted, against when their owners left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{
    Column, GROUPS_MAX, first, number, or_nothing, second, several, span, yes_or_no,
};
use crate::words::{in_application, of_list};
use crate::{AppFilter, Duration, ListName, Moment, Question, Shape, Time};

/// Whose accounts were switched off or deleted; with a list, how soon after they left
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Leavers {
    /// Those whom this uploaded list has with the time at which they left, in its column terminatedAt
    pub list: Option<ListName>,
    /// How soon an account has to be off, such as 24h, which it is when missing
    pub within: Option<Duration>,
    /// Only this application's; of all that the token may see when it is missing
    pub app: Option<AppFilter>,
}

/// Somebody who left, and the account that they had.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Leaver {
    /// How the list names them; without a list their user name
    pub subject: Option<String>,
    /// SCIM `userName` at the end of the stretch, or as it was last; null for somebody without an
    /// account
    pub user_name: Option<String>,
    /// When they left by the list; null without one
    pub terminated_at: Option<Moment>,
    /// When the account was off; null while it is not
    pub disabled_at: Option<Moment>,
    /// The event that switched it off or deleted it
    pub disabled_by_seq: Option<u64>,
    /// The seconds from when they left to when it was off; null where one of the two is not known
    pub lag_seconds: Option<u64>,
    /// The seconds that it may take at most; null without a list
    pub limit_seconds: Option<u64>,
    /// Whether it was off in time; null without a list, and while there is time left
    pub within: Option<bool>,
    /// The groups that the account is in at the end of the stretch, by name or else by id
    pub remaining_groups: Vec<Option<String>>,
    /// When it became active again
    pub reactivated_at: Option<Moment>,
    /// Whether all was watched from when they left to when it was off: `complete` or `partial`
    pub coverage: String,
    /// The application, by its name in addresses; null for somebody who has an account in none
    pub application: Option<String>,
    /// How it was switched off: `deactivated` or `deleted`; null while it is not
    pub how: Option<String>,
    /// SCIM id; null for somebody without an account
    pub user_id: Option<String>,
    /// SCIM `externalId`, as the user name
    pub external_id: Option<String>,
    /// SCIM `displayName`, as the user name
    pub display_name: Option<String>,
    /// The event that made it active again
    pub reactivated_seq: Option<u64>,
}

/// The list by which somebody left or by which an account has an owner.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ListSeen {
    /// The event that has the list; absent without one. A list of the same name may be another later
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_seq: Option<u64>,
}

impl Question for Leavers {
    type Row = Leaver;
    type Beside = ListSeen;
    const COMMAND: &'static str = "report leavers";
    const PATH: &'static str = "/api/v1/reports/leavers";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "leavers" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("limitSeconds", "the title repeats it, or it is a day"),
        ("userId", "the names tell who it is"),
        ("externalId", "the names tell who it is"),
    ];

    fn title(&self, list: &ListSeen) -> String {
        let list = match &self.list {
            Some(name) => format!(" by list {}", of_list(name, list.list_seq)),
            None => String::new(),
        };
        let within = self.within.as_ref().map(|within| format!(" within {}", within.0));
        let within = within.unwrap_or_default();
        format!("Leavers{list}{within}{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Leaver>> {
        vec![
            Column::application(|row| or_nothing(row.application.as_ref())),
            Column::text("User name", &["userName", "subject"], |row| {
                first(&[&row.user_name, &row.subject])
            }),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::whole("Left", &["terminatedAt"], |row| second(row.terminated_at.as_ref())),
            Column::whole("Disabled", &["disabledAt"], |row| second(row.disabled_at.as_ref())),
            Column::whole("How", &["how", "disabledAt", "reactivatedAt", "application"], how),
            Column::whole("In time", &["within", "lagSeconds", "coverage"], in_time),
            Column::extra("Still in", &["remainingGroups"], |row| {
                let groups: Vec<String> = row.remaining_groups.iter().flatten().cloned().collect();
                several(&groups, GROUPS_MAX)
            }),
            Column::extra("Active again", &["reactivatedAt", "reactivatedSeq"], |row| {
                match (&row.reactivated_at, row.reactivated_seq) {
                    (Some(at), Some(seq)) => format!("{} (event {seq})", second(Some(at))),
                    _ => String::new(),
                }
            }),
            Column::number("Event", &["disabledBySeq"], |row| number(row.disabled_by_seq)),
        ]
    }
}

fn how(row: &Leaver) -> String {
    match (&row.reactivated_at, &row.application, &row.disabled_at) {
        (Some(_), ..) => "active again".to_owned(),
        (None, None, _) => "no account".to_owned(),
        (None, Some(_), None) => "still active".to_owned(),
        (None, Some(_), Some(_)) => or_nothing(row.how.as_ref()),
    }
}

/// Whether the account was off in time, and after how long; and that not all of it was watched.
fn in_time(row: &Leaver) -> String {
    let gaps = row.coverage != "complete";
    let Some(within) = row.within else {
        return if gaps { "(gaps)".to_owned() } else { String::new() };
    };
    let lag = row.lag_seconds.map(|seconds| format!(", {}", span(seconds))).unwrap_or_default();
    let gaps = if gaps { " (gaps)" } else { "" };
    format!("{}{lag}{gaps}", yes_or_no(within))
}
