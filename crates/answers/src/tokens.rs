//! The tokens that were issued.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, or_nothing, second};
use crate::{Lead, Look, Moment, Nothing, Question, Shape, Time, Who};

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
    /// The event that revoked it; null if it was not revoked
    pub revoked_seq: Option<u64>,
    /// What it is for, as the issuer wrote it
    pub name: Option<String>,
    /// The id of the token with which it was issued; null if it was issued on the server itself
    pub added_by: Option<String>,
    /// From when on it is refused; null if it has no end
    pub expires_at: Option<Moment>,
    /// Whether it is valid now
    pub valid: bool,
    /// When the last request with it arrived; null if it was never used. SCIM requests count only while it
    /// was valid
    pub last_used_at: Option<Moment>,
    /// The event of that request
    pub last_used_seq: Option<u64>,
    /// The identity provider that the person signs in with; null for a token. Such a row has no secret:
    /// `added…` is the first sign-in, and `name` is as the provider gives it
    pub issuer: Option<String>,
}

impl Question for Tokens {
    type Row = IssuedToken;
    type Beside = Nothing;
    const COMMAND: &'static str = "token list";
    const PATH: &'static str = "/api/v1/tokens";
    const WHO: Who = Who::Admin;
    const TIME: Time = Time::Now;
    const SHAPE: Shape = Shape::List { file: "tokens" };

    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("addedSeq", "the time tells when it was issued"),
        ("lastUsedSeq", "the time tells when it was used"),
    ];

    fn title(&self, _: &Nothing) -> String {
        "Tokens".to_owned()
    }

    fn columns(&self) -> Vec<Column<IssuedToken>> {
        vec![
            Column::id("Id", &["id"], |row| row.id.clone()),
            Column::whole("Role", &["role"], |row| row.role.clone()),
            Column::text("Application", &["application"], |row: &IssuedToken| {
                or_nothing(row.application.as_ref())
            })
            .leads(|row| Lead::application(row.application.as_ref())),
            Column::text("Name", &["name"], |row| or_nothing(row.name.as_ref())),
            Column::time("Issued", &["addedAt"], |row| second(Some(&row.added_at))),
            Column::extra("By", &["addedBy"], |row: &IssuedToken| {
                or_nothing(row.added_by.as_ref())
            })
            .looks(Look::Id),
            Column::status("Valid", &["valid", "revokedSeq", "expiresAt"], validity),
            Column::time("Last used", &["lastUsedAt"], |row| match &row.last_used_at {
                Some(at) => second(Some(at)),
                None => "never".to_owned(),
            }),
            Column::extra("Signs in with", &["issuer"], |row: &IssuedToken| {
                or_nothing(row.issuer.as_ref())
            }),
        ]
    }
}

/// Until when a token was or is valid.
fn validity(row: &IssuedToken) -> String {
    match (row.revoked_seq, &row.expires_at, row.valid) {
        (Some(seq), ..) => format!("revoked (event {seq})"),
        (None, Some(at), true) => format!("until {}", at.second()),
        (None, Some(at), false) => format!("expired {}", at.second()),
        (None, None, _) => "yes".to_owned(),
    }
}
