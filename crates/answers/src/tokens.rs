//! The tokens that were issued.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, number, or_nothing, second};
use crate::{Moment, Nothing, Question, Shape, Time, Who};

/// The tokens that were issued; the secrets themselves are not stored
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Tokens {}

/// A token that was issued.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct IssuedToken {
    /// Its id, as in the `actorId` of operations
    pub id: String,
    /// `admin`, `auditor`, `app-auditor` or `scim`
    pub role: String,
    /// The application that it is limited to; null if it is not limited
    pub application: Option<String>,
    /// When it was issued
    pub added_at: Moment,
    /// The event that issued it
    pub added_seq: u64,
    /// The event that revoked it; null while it is valid
    pub revoked_seq: Option<u64>,
}

impl Question for Tokens {
    type Row = IssuedToken;
    type Beside = Nothing;
    const COMMAND: &'static str = "token list";
    const PATH: &'static str = "/api/v1/tokens";
    const WHO: Who = Who::Admin;
    const TIME: Time = Time::Now;
    const SHAPE: Shape = Shape::List { file: "tokens" };

    fn title(&self, _: &Nothing) -> String {
        "Tokens".to_owned()
    }

    fn columns(&self) -> Vec<Column<IssuedToken>> {
        vec![
            Column::whole("Id", &["id"], |row| row.id.clone()),
            Column::whole("Role", &["role"], |row| row.role.clone()),
            Column::text("Application", &["application"], |row| {
                or_nothing(row.application.as_ref())
            }),
            Column::whole("Issued", &["addedAt"], |row| second(Some(&row.added_at))),
            Column::whole("Valid", &["revokedSeq"], |row| {
                row.revoked_seq.map_or("yes".to_owned(), |seq| format!("until event {seq}"))
            }),
            Column::number("Event", &["addedSeq"], |row| number(Some(row.added_seq))),
        ]
    }
}
