//! Values that rows of many kinds have in common.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{AppFilter, Group, ListName, User};

/// A time in an answer: RFC 3339 in UTC, with microseconds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct Moment(pub String);

impl Moment {
    /// The time to the second, for people.
    #[must_use]
    pub fn second(&self) -> String {
        match self.0.split_once('.') {
            Some((seconds, rest))
                if rest.ends_with('Z') && seconds.len() == "2026-03-31T17:00:00".len() =>
            {
                format!("{seconds}Z")
            }
            _ => self.0.clone(),
        }
    }
}

impl From<String> for Moment {
    fn from(text: String) -> Moment {
        Moment(text)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Reads a member that may be absent, null, or a value. The field needs the attributes `default`,
/// `skip_serializing_if = "Option::is_none"` and `deserialize_with = "Present::read"`.
#[derive(Clone, Copy, Debug)]
pub struct Present;

impl Present {
    /// Reads a member that is present, even if it is null.
    ///
    /// # Errors
    /// Those of deserializing the value.
    pub fn read<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(deserializer).map(Some)
    }
}

/// A group's name, marked if the group is privileged.
pub(crate) fn marked(name: Option<&String>, privileged: bool) -> String {
    let name = name.map(String::as_str).unwrap_or_default();
    if privileged { format!("{name} (privileged)") } else { name.to_owned() }
}

/// A word of JSON in plain words: `stagedDelete` and `no_op` become `staged delete` and `no change`. Words
/// that a person would understand only in their place have a function of their own beside their type.
#[must_use]
pub fn plain(word: &str) -> String {
    if word == "no_op" {
        return "no change".to_owned();
    }
    let mut words = String::with_capacity(word.len() + 4);
    let mut is_start = true;
    for one in word.chars() {
        if one == '_' {
            words.push(' ');
        } else if one.is_uppercase() && !is_start {
            words.push(' ');
            words.extend(one.to_lowercase());
        } else {
            words.extend(one.to_lowercase());
        }
        is_start = one == '_' || one.is_uppercase();
    }
    words
}

/// The end of a title that names the application, if the answer is limited to one.
pub(crate) fn in_application(app: Option<&AppFilter>) -> String {
    app.map(|app| format!(" in {}", app.0)).unwrap_or_default()
}

/// A list's name and the event that uploaded it, because a later list may replace it under the same name.
pub(crate) fn of_list(name: &ListName, seq: Option<u64>) -> String {
    match seq {
        Some(seq) => format!("{} (event {seq})", name.0),
        None => name.0.clone(),
    }
}

/// Whether something was there at the instant that was asked about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Exists {
    /// It was there
    Yes,
    /// It was not there yet
    No,
    /// It was there before, and was deleted
    Deleted,
}

/// The user that all rows of an answer are about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct OfUser {
    /// SCIM id of the user; of the newest one, if several had the name
    pub user_id: Option<String>,
    /// SCIM `userName` at the end of the times asked about, or the last one before
    pub user_name: Option<String>,
}

/// The group that all rows of an answer are about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct OfGroup {
    /// SCIM id of the group; of the newest one, if several had the name
    pub group_id: Option<String>,
    /// SCIM `displayName` at the end of the times asked about, or the last one before
    pub group_name: Option<String>,
}

impl OfUser {
    /// Its name, or else the name that the question gave.
    pub(crate) fn or<'a>(&'a self, asked: &'a User) -> &'a str {
        self.user_name.as_ref().unwrap_or(&asked.0)
    }
}

impl OfGroup {
    /// Its name, or else the name that the question gave.
    pub(crate) fn or<'a>(&'a self, asked: &'a Group) -> &'a str {
        self.group_name.as_ref().unwrap_or(&asked.0)
    }
}

/// A user or group in the words of SCIM (RFC 7643 §3), with whatever attributes it had, but for members
/// and groups. Of one that imported logs alone tell of, every value but `active` is a text.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(transparent)]
pub struct ScimResource(pub Map<String, Value>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_json_is_told_in_plain_words() {
        let check = |word: &str, expected: &str| assert_eq!(plain(word), expected);
        check("create", "create");
        check("stagedDelete", "staged delete");
        check("servicePrincipal", "service principal");
        check("no_op", "no change");
        check("not_yet", "not yet");
        check("knownToSource", "known to source");
        check("Staged", "staged");
        check("sourceIP", "source ip");
        check("app-auditor", "app-auditor");
        check("", "");
    }
}
