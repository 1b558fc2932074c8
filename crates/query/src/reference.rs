//! Reference lists: who is employed, who left and when; SCIM does not have them. An upload is CSV with a
//! heading row, or a JSON array of objects. Only known columns are kept.

use std::collections::BTreeSet;

use canonical::Document;
use event::{Application, Attribute, Timestamp};
use projector::{NameHolder, ProjectorError, View, case_folded};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::instant::{self, Role, Zone};

/// Most rows of an upload.
pub(crate) const ROWS_MAX: usize = 200_000;
/// Longest value of an upload.
const VALUE_BYTES_MAX: usize = 1_024;

/// One person of a list.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Person {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// In microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) terminated_at: Option<i64>,
}

const COLUMNS: [&str; 4] = ["userName", "externalId", "email", "terminatedAt"];

/// A parsed upload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) people: Vec<Person>,
    /// The number of ignored columns. Not their names, which may hold anything.
    pub(crate) ignored_columns: usize,
}

/// Parses an upload. The error names the line, but never repeats its content.
pub(crate) fn parse(bytes: &[u8]) -> Result<Upload, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'[') => parse_json(bytes),
        Some(_) => parse_csv(bytes),
        None => Err("the list is empty".to_owned()),
    }
}

fn parse_json(bytes: &[u8]) -> Result<Upload, String> {
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the list is no JSON array of objects (line {line}, column {column})")
    })?;
    let mut ignored = BTreeSet::new();
    let mut people = vec![];
    for (row, place) in rows.iter().zip(1_usize..) {
        let place = format!("element {place}");
        ignored.extend(row.keys().filter(|name| column(name).is_none()).cloned());
        let value = |wanted: &str| -> Result<Option<&str>, String> {
            match row.iter().find(|(name, _)| column(name) == Some(wanted)) {
                None | Some((_, Value::Null)) => Ok(None),
                Some((_, Value::String(text))) => Ok(Some(text)),
                Some(_) => Err(format!("{place}: `{wanted}` takes a text")),
            }
        };
        people.push(person(&place, value)?);
        if people.len() > ROWS_MAX {
            return Err(format!("a list has at most {ROWS_MAX} rows"));
        }
    }
    Ok(Upload { people, ignored_columns: ignored.len() })
}

fn parse_csv(bytes: &[u8]) -> Result<Upload, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let headings = reader.headers().map_err(|_| "the first line is no CSV".to_owned())?.clone();
    let known: Vec<Option<&str>> = headings.iter().map(column).collect();
    if known.iter().flatten().all(|name| *name == "terminatedAt") {
        return Err(format!(
            "the first line has to name columns, at least one of userName, externalId and email; \
             known ones are {}",
            COLUMNS.join(", ")
        ));
    }
    let mut people = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            format!("line {line} is no row of {} columns in UTF-8", known.len())
        })?;
        let place = format!("line {}", record.position().map_or(0, csv::Position::line));
        let value = |wanted: &str| {
            let place = known.iter().position(|name| *name == Some(wanted));
            Ok(place.and_then(|place| record.get(place)).filter(|text| !text.is_empty()))
        };
        people.push(person(&place, value)?);
        if people.len() > ROWS_MAX {
            return Err(format!("a list has at most {ROWS_MAX} rows"));
        }
    }
    let ignored_columns = known.iter().filter(|name| name.is_none()).count();
    Ok(Upload { people, ignored_columns })
}

/// The known column of a heading. Compares letters only, in any case.
fn column(heading: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_ascii_alphanumeric());
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let heading = plain(heading);
    COLUMNS.into_iter().find(|name| plain(name) == heading)
}

fn person<'a>(
    place: &str,
    value: impl Fn(&str) -> Result<Option<&'a str>, String>,
) -> Result<Person, String> {
    let text = |name: &str| -> Result<Option<String>, String> {
        let text = value(name)?.filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.len() > VALUE_BYTES_MAX) {
            return Err(format!("{place}: `{name}` has more than {VALUE_BYTES_MAX} bytes"));
        }
        Ok(text.map(str::to_owned))
    };
    let (user_name, external_id) = (text("userName")?, text("externalId")?);
    let email = text("email")?;
    if user_name.is_none() && external_id.is_none() && email.is_none() {
        return Err(format!("{place} has neither userName nor externalId nor email"));
    }
    let terminated_at = match value("terminatedAt")? {
        None => None,
        Some(text) => {
            // A date means its last instant: access may last until the end of the day.
            let time = instant::parse(text, Role::At, Timestamp(0), Zone::UTC);
            let time = time.filter(|_| !text.starts_with('-'));
            let wrong = format!("{place}: `terminatedAt` takes an RFC 3339 time or a date");
            Some(time.ok_or(wrong)?.0)
        }
    };
    Ok(Person { user_name, external_id, email, terminated_at })
}

impl Person {
    /// The person's name in answers.
    pub(crate) fn subject(&self) -> &str {
        let names = [&self.user_name, &self.external_id, &self.email];
        names.into_iter().flatten().next().map_or("", String::as_str)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (Attribute, &str)> {
        let names = [
            (Attribute::UserName, &self.user_name),
            (Attribute::ExternalId, &self.external_id),
            (Attribute::Email, &self.email),
        ];
        names.into_iter().filter_map(|(attribute, name)| Some((attribute, name.as_deref()?)))
    }

    /// The users of an application that ever had one of the person's names.
    pub(crate) fn users(
        &self,
        view: &View<'_>,
        application: Application,
    ) -> Result<Vec<NameHolder>, ProjectorError> {
        let user = event::ResourceType::USER;
        let mut found: Vec<NameHolder> = vec![];
        for (attribute, name) in self.names() {
            found.append(&mut view.name_holders(
                application,
                user,
                attribute,
                &case_folded(attribute, name),
            )?);
        }
        Ok(found)
    }
}

/// The names of all people on a list, for lookups.
pub(crate) struct Roster(BTreeSet<(Attribute, String)>);

impl Roster {
    pub(crate) fn of(people: &[Person]) -> Roster {
        let names = people.iter().flat_map(Person::names);
        Roster(names.map(|(attribute, name)| (attribute, case_folded(attribute, name))).collect())
    }

    /// Whether a user's state has one of the names.
    pub(crate) fn has(&self, state: &Document) -> bool {
        let has = |attribute: Attribute, value: &str| {
            self.0.contains(&(attribute, case_folded(attribute, value)))
        };
        let named = |attribute: Attribute| {
            state.text(attribute.name()).is_some_and(|value| has(attribute, &value))
        };
        let mut by_email = false;
        state.each_text("emails", "value", |value| by_email |= has(Attribute::Email, &value));
        by_email || named(Attribute::UserName) || named(Attribute::ExternalId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, terminated_at: Option<i64>) -> Person {
        Person { user_name: Some(name.into()), terminated_at, ..Person::default() }
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let expected = [user("mira", Some(1_774_994_399_999_999)), user("ole", None)];
        let csv = "\u{feff}User Name,Terminated at,shoeSize\r\nmira,2026-03-31T21:59:59.999999Z,41\r\nole,,\r\n";
        let upload = parse(csv.as_bytes()).unwrap();
        assert_eq!(upload, Upload { people: expected.to_vec(), ignored_columns: 1 });
        let json = r#"[{"userName":"mira","terminatedAt":"2026-03-31T23:59:59.999999+02:00"},
                       {"userName":"ole","terminatedAt":null,"shoeSize":41}]"#;
        assert_eq!(parse(json.as_bytes()).unwrap(), upload);
        assert_eq!(
            parse(b"email\na@fjord.example\n").unwrap().people[0].subject(),
            "a@fjord.example"
        );
        let date = parse(b"userName,terminatedAt\nmira,2026-03-31").unwrap();
        assert_eq!(date.people[0].terminated_at, Some(1_775_001_599_999_999), "its last instant");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_without_its_value() {
        let check = |text: &str, expected: &str| {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        };
        check("", "empty");
        check("[{]", "line 1, column 3");
        check(r#"[{"userName":"x"},{"shoe":"secret"}]"#, "element 2 has neither");
        check(r#"[{"userName":7}]"#, "element 1: `userName` takes a text");
        check("shoe\nsecret", "the first line has to name columns");
        check("userName,terminatedAt\nx,secret", "line 2: `terminatedAt`");
        check("userName,terminatedAt\nx,-1d", "line 2: `terminatedAt`");
        check("userName,email\nx", "line 2 is no row of 2 columns");
        check("userName,email\n\"\",", "line 2 has neither");
        let long = format!("userName\n{}", "x".repeat(2_000));
        check(&long, "line 2: `userName` has more than 1024 bytes");
    }
}
