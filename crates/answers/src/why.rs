//! Why somebody has an account, or has none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, activity, or_nothing};
use crate::{App, Lead, Nothing, Question, Shape, Time, User};

/// Why a user has an account or has none, as far as the record shows
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The application's name in addresses
    pub app: App,
    /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; on the command line any other text is
    /// a user name
    pub user: User,
}

/// What is concluded, and each step that it is concluded from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Reasons {
    /// SCIM id; null if no event created the user
    pub user_id: Option<String>,
    /// SCIM `userName`
    pub user_name: Option<String>,
    /// SCIM `externalId`
    pub external_id: Option<String>,
    /// SCIM `displayName`
    pub display_name: Option<String>,
    /// Whether there was an account
    pub exists: bool,
    /// Whether it was active; null when there was none
    pub active: Option<bool>,
    /// `recorded`, or `imported` if the account is known only from imported logs
    pub basis: String,
    /// The conclusion, in a sentence
    pub conclusion: String,
    /// What would have to change; null if nothing has to, or if it is not known
    pub remedy: Option<String>,
    /// Why the account is switched off; null if it is not
    pub cause: Option<Cause>,
    /// The steps from the provider's directory to the application
    pub nodes: Vec<Node>,
}

/// Why an account is switched off.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Whether the cause is known
    pub known: bool,
    /// `unassigned`, `filteredOut`, `softDeleted` or `disabledAtSource`; null if not known
    pub kind: Option<String>,
    /// The event that switched the account off, and the imported entry that says why
    pub seqs: Vec<u64>,
    /// The possible causes, if it is not known
    pub candidates: Vec<String>,
}

/// A step, and the steps below it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// `knownToSource` (with `activeInSource`), `assigned`, `role` (with `roleName`), `scopeFilters` (with
    /// `scopeFilter`), `matched`, `requested`, `answered`, `applied`, `stillSo` or `configuration` (with
    /// `change`)
    pub name: String,
    /// `yes`, `no`, `unknown` if there is evidence that does not decide it, or `notObservable` if nothing at
    /// hand could show it
    pub state: String,
    /// What is known, in a sentence
    pub text: String,
    /// The events that show it
    pub seqs: Vec<u64>,
    /// The steps below it
    pub nodes: Vec<Node>,
}

impl Node {
    /// Its name in words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self.name.as_str() {
            "knownToSource" => "known to the source",
            "activeInSource" => "active in the source",
            "roleName" => "name of the role",
            "scopeFilters" => "scope filters",
            "scopeFilter" => "scope filter",
            "stillSo" => "still so",
            name => name,
        }
    }

    /// The mark for its state, and the word for the mark.
    #[must_use]
    pub fn mark(&self) -> (char, &'static str) {
        match self.state.as_str() {
            "yes" => ('✓', "yes"),
            "no" => ('✗', "no"),
            "notObservable" => ('·', "not observable from here"),
            _ => ('?', "unknown"),
        }
    }
}

impl Question for Why {
    type Row = Reasons;
    type Beside = Nothing;
    const COMMAND: &'static str = "why";
    const PATH: &'static str = "/api/v1/apps/{app}/users/{user}/why";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::One;
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("conclusion", "a sentence above the lines"),
        ("basis", "a sentence above the lines"),
        ("nodes", "a tree below the lines"),
        ("remedy", "a sentence below the tree"),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Why user {} in {}", self.user.0, self.app.0)
    }

    /// What is no sentence and no step.
    fn columns(&self) -> Vec<Column<Reasons>> {
        vec![
            Column::status("Account", &["exists", "active"], |row| {
                match (row.exists, row.active) {
                    (true, Some(active)) => activity(active),
                    (true, None) => "there",
                    (false, _) => "none",
                }
                .to_owned()
            }),
            Column::text("Cause", &["cause"], |row: &Reasons| {
                row.cause.as_ref().map_or_else(String::new, cause)
            })
            .leads(|row| match row.cause.as_ref()?.seqs.as_slice() {
                [seq] => Some(Lead::Operation(*seq)),
                _ => None,
            }),
            Column::text("User name", &["userName"], |row: &Reasons| {
                or_nothing(row.user_name.as_ref())
            })
            .leads(user),
            Column::text("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::id("External id", &["externalId"], |row| or_nothing(row.external_id.as_ref())),
            Column::id("Id", &["userId"], |row: &Reasons| or_nothing(row.user_id.as_ref()))
                .leads(user),
        ]
    }
}

fn user(row: &Reasons) -> Option<Lead> {
    Lead::user(None, row.user_id.as_ref(), None)
}

fn cause(cause: &Cause) -> String {
    let mut text = match &cause.kind {
        Some(kind) => in_words(kind).to_owned(),
        None => {
            let candidates: Vec<&str> = cause.candidates.iter().map(|one| in_words(one)).collect();
            format!("not known; it can be: {}", candidates.join(", "))
        }
    };
    if !cause.seqs.is_empty() {
        let seqs: Vec<String> = cause.seqs.iter().map(u64::to_string).collect();
        let word = if seqs.len() == 1 { "event" } else { "events" };
        text.push_str(&format!(" ({word} {})", seqs.join(", ")));
    }
    text
}

fn in_words(cause: &str) -> &str {
    match cause {
        "filteredOut" => "out of scope",
        "softDeleted" => "deleted at the source",
        "disabledAtSource" => "switched off at the source",
        other => other,
    }
}
