//! Who changed the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::table::{Column, any, number, or_nothing, second, word};
use crate::words::plain;
use crate::{AppFilter, Lead, Moment, Nothing, Question, Shape, Time, TokenId};

/// Who changed the configuration, newest first
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ConfigurationLog {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
    /// Only changes made with the token of this id
    pub credential: Option<TokenId>,
    /// Only changes of this kind
    pub kind: Option<Configured>,
}

/// What kind of thing was configured.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Configured {
    /// Applications
    Application,
    /// The application that requests are sent on to
    Upstream,
    /// The service principal at the provider
    ServicePrincipal,
    /// What the profile of an application says
    Profile,
    /// Tokens
    Token,
    /// Resource types beyond User and Group
    ResourceType,
    /// Evidence of operations
    Evidence,
    /// Lists of people
    ReferenceList,
    /// Which groups are privileged
    PrivilegedGroup,
    /// Saved questions
    SavedQuestion,
    /// Erasures of people
    Erasure,
    /// Legal holds of people
    LegalHold,
    /// For how long what is sent is kept
    Retention,
}

/// A change of the configuration.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationChange {
    /// The event that recorded it
    pub seq: u64,
    /// When it was changed
    pub recorded_at: Moment,
    /// What kind of thing: `application`, `upstream`, `servicePrincipal`, `profile`, `token`,
    /// `resourceType`, `evidence`, `referenceList`, `privilegedGroup`, `savedQuestion`,
    /// `erasure`, `legalHold` or `retention`
    pub kind: String,
    /// `added`, `changed` or `removed`
    pub change: String,
    /// Whose configuration: the application by its name in addresses; null for the whole server
    pub application: Option<String>,
    /// What was changed: the id of a token or group, the name of a list or a question, the event of an
    /// operation; null where the application has only one
    pub subject: Option<String>,
    /// Its name for people: the name of a token, the display name of a group
    pub subject_name: Option<String>,
    /// What was configured before; null if nothing was
    pub old_value: Option<Map<String, Value>>,
    /// What is configured from then on; null if nothing is
    pub new_value: Option<Map<String, Value>>,
    /// The id of the token that changed it; null for a change on the server itself
    pub actor_id: Option<String>,
    /// What that token is for
    pub actor_name: Option<String>,
    /// The client's address; null if not known
    pub source_ip: Option<String>,
    /// The client's `User-Agent`
    pub user_agent: Option<String>,
    /// The id of the request
    pub request_id: Option<String>,
}

impl Question for ConfigurationLog {
    type Row = ConfigurationChange;
    type Beside = Nothing;
    const COMMAND: &'static str = "configuration-log";
    const PATH: &'static str = "/api/v1/configuration-log";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "configuration-log" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("userAgent", "long, and the token and its address tell who changed it"),
        ("requestId", "it only helps to find the line of a log"),
    ];

    fn title(&self, _: &Nothing) -> String {
        let mut title = "Changes of the configuration".to_owned();
        if let Some(app) = &self.app {
            title.push_str(&format!(" of {}", app.0));
        }
        if let Some(id) = &self.credential {
            title.push_str(&format!(" by credential {}", id.0));
        }
        if let Some(kind) = &self.kind {
            title.push_str(&format!(" of kind {}", plain(&word(kind))));
        }
        title
    }

    fn columns(&self) -> Vec<Column<ConfigurationChange>> {
        vec![
            Column::time("Time", &["recordedAt"], |row| second(Some(&row.recorded_at))),
            Column::application(|row: &ConfigurationChange| match &row.application {
                Some(application) => application.clone(),
                None => "server".to_owned(),
            })
            .leads(|row| Lead::application(row.application.as_ref())),
            Column::whole("What", &["kind", "change"], |row| {
                format!("{} {}", plain(&row.kind), row.change)
            }),
            Column::text("Which", &["subject", "subjectName"], |row: &ConfigurationChange| match (
                &row.subject,
                &row.subject_name,
            ) {
                (Some(id), Some(name)) => format!("{name} ({id})"),
                (id, name) => or_nothing(name.as_ref().or(id.as_ref())),
            })
            .leads(subject),
            Column::text("Change", &["oldValue", "newValue"], difference),
            Column::whole("By", &["actorId", "actorName"], |row| {
                match (&row.actor_id, &row.actor_name) {
                    (Some(id), Some(name)) => format!("{id} ({name})"),
                    (Some(id), None) => id.clone(),
                    (None, _) => "the server".to_owned(),
                }
            }),
            Column::id("From", &["sourceIp"], |row| or_nothing(row.source_ip.as_ref())),
            Column::event("Event", &["seq"], |row| number(Some(row.seq))),
        ]
    }
}

/// What was configured, if it has a question of its own.
fn subject(row: &ConfigurationChange) -> Option<Lead> {
    let subject = row.subject.as_ref();
    match row.kind.as_str() {
        "evidence" => Lead::operation(subject?.parse().ok()),
        "privilegedGroup" => Lead::group(Some(row.application.as_ref()?), subject, None),
        // A question that was removed has no address any more.
        "savedQuestion" if row.new_value.is_some() => subject.cloned().map(Lead::Saved),
        _ => None,
    }
}

/// The name of a configured value in words.
fn in_words(name: &str) -> String {
    match name {
        "caFile" => "CA file".to_owned(),
        "expiresAt" => "expires".to_owned(),
        "profileSha256" => "SHA-256 of the profile".to_owned(),
        "ref" => "reference".to_owned(),
        "rewritesLocations" => "rewrite locations".to_owned(),
        "sha256" => "SHA-256".to_owned(),
        "showsMembers" => "show members".to_owned(),
        "url" => "URL".to_owned(),
        name => plain(name),
    }
}

/// What differs, member by member; of something new all that it has.
fn difference(row: &ConfigurationChange) -> String {
    let empty = Map::new();
    let (old, new) = (row.old_value.as_ref(), row.new_value.as_ref());
    let (before, after) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let told = names.into_iter().filter_map(|name| {
        let (old, new) = (before.get(name), after.get(name));
        if old == new || row.change == "removed" {
            return None;
        }
        let (old, new) = (shown(name, old), shown(name, new));
        let name = in_words(name);
        match row.old_value {
            None => new.map(|new| format!("{name} {new}")),
            Some(_) => {
                let word = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                Some(format!("{name} {} -> {}", word(old), word(new)))
            }
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A value for people; `None` for one that says nothing. The beginning of a digest tells it from others.
fn shown(name: &str, value: Option<&Value>) -> Option<String> {
    const DIGEST_CHARS: usize = 12;
    match value? {
        Value::Null => None,
        Value::Object(object) if object.is_empty() => None,
        Value::String(digest) if name.to_lowercase().ends_with("sha256") => {
            Some(digest.chars().take(DIGEST_CHARS).chain(['…']).collect())
        }
        other => Some(any(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_configured_leads_to_its_page_if_it_has_one() {
        let check = |kind: &str, subject: &str, new: Value, expected: Option<&str>| {
            let row: ConfigurationChange = serde_json::from_value(json!({
                "seq": 7, "recordedAt": "2026-01-12T08:00:04.5Z", "kind": kind, "change": "added",
                "application": "kite", "subject": subject, "newValue": new,
            }))
            .unwrap();
            let address = super::subject(&row).and_then(|lead| lead.address(None));
            assert_eq!(address.as_deref(), expected);
        };
        check("evidence", "311", json!({}), Some("/operations/311"));
        check("privilegedGroup", "7", json!({}), Some("/apps/kite/groups/7"));
        check("savedQuestion", "weekly", json!({}), Some("/saved-questions/weekly"));
        check("savedQuestion", "weekly", Value::Null, None);
        check("token", "5", json!({}), None);
    }

    #[test]
    fn a_change_is_told_by_what_differs() {
        let check = |old: Value, new: Value, change: &str, expected: &str| {
            let row: ConfigurationChange = serde_json::from_value(json!({
                "seq": 7, "recordedAt": "2026-01-12T08:00:04.5Z", "kind": "upstream",
                "change": change, "oldValue": old, "newValue": new,
            }))
            .unwrap();
            assert_eq!(difference(&row), expected);
        };
        let token = json!({"role": "scim", "name": null, "expiresAt": null});
        check(Value::Null, token.clone(), "added", "role scim");
        check(token, Value::Null, "removed", "");
        let digest = "05482b31ca941da25fc7047461a1eaacec2c048e0559f1cf05d2e1514638cd63";
        let application = json!({"profile": "generic", "profileSha256": digest, "settings": {}});
        let expected = "profile generic, SHA-256 of the profile 05482b31ca94…";
        check(Value::Null, application, "added", expected);
        let upstream = |file: Value| json!({"url": "https://a.example", "caFile": file});
        let (none, some) = (upstream(Value::Null), upstream(json!("/etc/ca.pem")));
        check(none.clone(), some.clone(), "changed", "CA file none -> /etc/ca.pem");
        check(some, none, "changed", "CA file /etc/ca.pem -> none");
    }
}
