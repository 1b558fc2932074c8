//! Whose accounts were switched off or deleted, against when their owners left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{
    Column, GROUPS_MAX, first, number, or_nothing, second, several, span, yes_or_no,
};
use crate::words::{in_application, marked, of_list};
use crate::{AppFilter, Duration, Lead, ListName, Look, Moment, Question, Shape, Time};

/// Accounts that were switched off or deleted; with a list, how long after the person left
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Leavers {
    /// The uploaded list of people who left, with the time in its column terminatedAt
    pub list: Option<ListName>,
    /// The time in which an account must be off, such as 1h30m; 24h without it
    pub within: Option<Duration>,
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// Somebody who left, and the account that they had.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Leaver {
    /// The person as the list names them; without a list the user name
    pub subject: Option<String>,
    /// SCIM `userName` at the end of the time span, or the last one before; null without an account
    pub user_name: Option<String>,
    /// When the person left, by the list; null without a list
    pub terminated_at: Option<Moment>,
    /// When the account was switched off or deleted; null while it is active
    pub disabled_at: Option<Moment>,
    /// The event that switched it off or deleted it
    pub disabled_by_seq: Option<u64>,
    /// Seconds from leaving to `disabledAt`; null if one of the two is not known
    pub lag_seconds: Option<u64>,
    /// The seconds that this may take at most; null without a list
    pub limit_seconds: Option<u64>,
    /// Whether it was off in time; null without a list, and while there is time left
    pub within: Option<bool>,
    /// The groups that the account is in at the end of the time span, by name or else by id
    pub remaining_groups: Vec<Option<String>>,
    /// When it became active again
    pub reactivated_at: Option<Moment>,
    /// Whether the time from leaving to `disabledAt` was recorded: `complete` or `partial`
    pub coverage: String,
    /// The application's name in addresses; null if the person has no account in any
    pub application: Option<String>,
    /// `deactivated` or `deleted`; null while it is active
    pub how: Option<String>,
    /// SCIM id; null without an account
    pub user_id: Option<String>,
    /// SCIM `externalId`, likewise
    pub external_id: Option<String>,
    /// SCIM `displayName`, likewise
    pub display_name: Option<String>,
    /// The event that made it active again
    pub reactivated_seq: Option<u64>,
    /// Those of the remaining groups that are marked as privileged at the end of the time span
    pub privileged_groups: Vec<Option<String>>,
}

/// The list by which somebody left or by which an account has an owner.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ListSeen {
    /// The event of the list that was used; absent without a list. A later list may have the same name
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
            Column::application(|row: &Leaver| or_nothing(row.application.as_ref()))
                .leads(|row| Lead::application(row.application.as_ref())),
            Column::text("User name", &["userName", "subject"], |row: &Leaver| {
                first(&[&row.user_name, &row.subject])
            })
            .leads(user),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::time("Left", &["terminatedAt"], |row| second(row.terminated_at.as_ref())),
            Column::time("Disabled", &["disabledAt"], |row| second(row.disabled_at.as_ref())),
            Column::status("How", &["how", "disabledAt", "reactivatedAt", "application"], how),
            Column::status("In time", &["within", "lagSeconds", "coverage"], in_time),
            Column::extra("Still in", &["remainingGroups", "privilegedGroups"], |row| {
                // What needs care first: only some are shown.
                let of = |privileged| {
                    let is_wanted = move |group: &&Option<String>| {
                        row.privileged_groups.contains(group) == privileged
                    };
                    let groups = row.remaining_groups.iter().filter(is_wanted).flatten();
                    groups.map(move |name| marked(Some(name), privileged))
                };
                let groups: Vec<String> = of(true).chain(of(false)).collect();
                several(&groups, GROUPS_MAX)
            }),
            Column::extra("Active again", &["reactivatedAt", "reactivatedSeq"], |row: &Leaver| {
                match (&row.reactivated_at, row.reactivated_seq) {
                    (Some(at), Some(seq)) => format!("{} (event {seq})", second(Some(at))),
                    _ => String::new(),
                }
            })
            .looks(Look::Time)
            .leads(|row| Lead::operation(row.reactivated_seq)),
            Column::event("Event", &["disabledBySeq"], |row: &Leaver| number(row.disabled_by_seq))
                .leads(|row| Lead::operation(row.disabled_by_seq)),
        ]
    }
}

/// The account, if the person has one.
fn user(row: &Leaver) -> Option<Lead> {
    Lead::user(Some(row.application.as_ref()?), row.user_id.as_ref(), row.user_name.as_ref())
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
