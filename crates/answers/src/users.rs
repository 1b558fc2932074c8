//! Who had an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, activity, number, or_nothing, since};
use crate::{App, Lead, Moment, Question, Shape, Time};

/// Who had an account, or an active one
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Users {
    /// The application's name in addresses
    pub app: App,
    /// Only accounts that were active, or only those that were not
    #[schemars(extend("x-label" = "Account is active"))]
    pub active: Option<bool>,
}

/// A user of an application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// SCIM id; null if the user is known only from imported logs, without the id
    pub user_id: Option<String>,
    /// SCIM `userName`
    pub user_name: Option<String>,
    /// SCIM `externalId`; null if the user is known only from imported logs
    pub external_id: Option<String>,
    /// SCIM `displayName`
    pub display_name: Option<String>,
    /// Whether the account was active
    pub active: bool,
    /// When the account was created; null if an imported log does not say
    pub created_at: Option<Moment>,
    /// The event that created it, or the first imported entry about it
    pub created_seq: Option<u64>,
    /// Always empty; auditors expect a column of this name
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Moment>,
    /// Always empty; auditors expect a column of this name
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_seq: Option<u64>,
    /// False if it was only seen: it was created then or earlier
    pub start_known: bool,
}

/// On what the list of users or groups rests.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Rests {
    /// `imported` if the application is known only from imported logs
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
}

impl Question for Users {
    type Row = User;
    type Beside = Rests;
    const COMMAND: &'static str = "users";
    const PATH: &'static str = "/api/v1/apps/{app}/users";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "users" };
    const CONTEXT: &'static [&'static str] = &["at", "atSeq"];
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("externalId", "the name and the id tell who it is"),
        ("deletedAt", "always empty"),
        ("deletedSeq", "always empty"),
    ];

    fn title(&self, _: &Rests) -> String {
        let who = match self.active {
            None => "Users",
            Some(true) => "Active users",
            Some(false) => "Users that are not active",
        };
        format!("{who} of {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<User>> {
        vec![
            Column::text("User name", &["userName"], |row: &User| {
                or_nothing(row.user_name.as_ref())
            })
            .leads(user),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::status("Account", &["active"], |row| activity(row.active).to_owned()),
            Column::time("Created", &["createdAt", "startKnown"], |row| {
                since(row.created_at.as_ref(), row.start_known)
            }),
            Column::event("Event", &["createdSeq"], |row: &User| number(row.created_seq))
                .leads(|row| Lead::operation(row.created_seq)),
            Column::id("Id", &["userId"], |row: &User| or_nothing(row.user_id.as_ref()))
                .leads(user),
        ]
    }
}

fn user(row: &User) -> Option<Lead> {
    Lead::user(None, row.user_id.as_ref(), row.user_name.as_ref())
}
