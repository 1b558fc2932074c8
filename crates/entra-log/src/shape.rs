//! Normalises an object to Graph's form by a table of its documented members.
//!
//! The exports write the same members differently: `Name` for `displayName`, `2` or `"Skipped"` for
//! `skipped`, JSON in a string for an object. A table has Graph's form of each member, and other forms
//! are converted. Unknown members stay where they are.
//!
//! A member that does not have its documented shape, such as a column that was cut off, does not spoil
//! the entry: it is stored as text under `irregular`, and becomes null in its place.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::dates::DateOrder;
use super::entry::Refused;
use super::time::{self, NotRead};

pub(super) const ID_BYTES_MAX: usize = 256;

/// A documented member.
pub(super) struct Member {
    /// Graph's name.
    pub name: &'static str,
    /// Its other names. Letter case does not matter.
    pub also: &'static [&'static str],
    pub shape: Shape,
    pub need: Need,
}

/// Whether an entry needs a member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// The entry is accepted without it.
    Optional,
    /// It may be missing, but if it cannot be read the entry is refused.
    Readable,
    Required,
}

/// The shape of a documented member.
pub(super) enum Shape {
    /// A string. A boolean becomes `True` or `False`, as the source writes it elsewhere.
    Text,
    /// A string of at most this many bytes, or a number. If required, it must not be empty.
    Key(usize),
    /// Only a string of at most this many bytes. A UUID becomes lower case, so that every export gives an
    /// entry the same id.
    Id(usize),
    /// A string, or any other value as JSON text.
    AnyText,
    Instant,
    /// A number, or a string of one.
    Count,
    /// One of these words, or its index. Other words are kept.
    Word(&'static [&'static str]),
    Object(&'static [Member]),
    /// An object with any members.
    Free,
    /// A list of objects with these members, of at most this length.
    List(&'static [Member], usize),
}

pub(super) const fn member(name: &'static str, shape: Shape) -> Member {
    Member { name, also: &[], shape, need: Need::Optional }
}

impl Member {
    pub(super) const fn also(self, also: &'static [&'static str]) -> Member {
        Member { also, ..self }
    }

    pub(super) const fn required(self) -> Member {
        Member { need: Need::Required, ..self }
    }

    pub(super) const fn readable(self) -> Member {
        Member { need: Need::Readable, ..self }
    }
}

/// A place in a record.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Record,
    Name(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    pub(super) fn refused(&self, what: impl Into<String>) -> Refused {
        Refused { path: self.text(), what: what.into() }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Path::Record => String::new(),
            Path::Name(Path::Record, name) => (*name).to_owned(),
            Path::Name(above, name) => format!("{}.{name}", above.text()),
            Path::Index(above, index) => format!("{}[{index}]", above.text()),
        }
    }
}

/// State while a record is read.
#[derive(Default)]
pub(super) struct Reading {
    /// The order of day and month in the file.
    pub dates: Option<DateOrder>,
    /// Parts that could not be read, as text, by their path in the entry.
    pub irregular: Map<String, Value>,
}

impl Reading {
    pub(super) fn of(dates: Option<DateOrder>) -> Reading {
        Reading { dates, irregular: Map::new() }
    }

    /// Stores a value that does not have its shape as text.
    fn keep(&mut self, path: &Path<'_>, given: Value) {
        let text = match given {
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.irregular.insert(path.text(), Value::String(text));
    }
}

/// Gives the object every member of the table, null if absent, and leaves all others. Does not change
/// what is in Graph's form already.
pub(super) fn object(
    given: &mut Map<String, Value>,
    table: &'static [Member],
    path: &Path<'_>,
    reading: &mut Reading,
) -> Result<(), Refused> {
    unwrap_open(given);
    for Member { name, also, shape, need } in table {
        // Graph's own name comes first, then the first other name whose value is not null.
        let is_called = |other: &str| {
            name.eq_ignore_ascii_case(other)
                || also.iter().any(|also| also.eq_ignore_ascii_case(other))
        };
        let own = given.get(*name).filter(|held| !held.is_null()).map(|_| (*name).to_owned());
        let other = own.or_else(|| {
            let mut others =
                given.iter().filter(|(other, held)| !held.is_null() && is_called(other));
            others.next().map(|(other, _)| other.clone())
        });
        let Some((other, mut held)) = other.and_then(|other| given.remove_entry(&other)) else {
            if *need == Need::Required {
                let null = given.keys().find(|other| is_called(other));
                let what = if null.is_some() { "is null" } else { "is missing" };
                return Err(Path::Name(path, null.map_or(name, String::as_str)).refused(what));
            }
            given.entry(*name).or_insert(Value::Null);
            continue;
        };
        let is_required = *need == Need::Required;
        let read = value(&mut held, shape, is_required, &Path::Name(path, &other), reading);
        match read {
            Ok(()) => {}
            Err(_) if *need == Need::Optional => {
                reading.keep(&Path::Name(path, name), std::mem::take(&mut held));
            }
            Err(refused) => return Err(refused),
        }
        given.insert((*name).to_owned(), held);
    }
    Ok(())
}

/// Graph's client libraries put members that their types do not have into a member with one of these
/// names.
const OPEN: [&str; 2] = ["AdditionalProperties", "AdditionalData"];

/// Moves the members out of such a wrapper. A member that contradicts another of its name stays in it.
pub(super) fn unwrap_open(given: &mut Map<String, Value>) {
    let mut left = Map::new();
    // A wrapper may be inside another; the depth of a record limits how often.
    for _ in 0..DEPTH_MAX {
        let wrapper = given.iter().find(|(name, held)| {
            OPEN.iter().any(|open| open.eq_ignore_ascii_case(name))
                && (held.is_object() || held.is_null())
        });
        let Some(name) = wrapper.map(|(name, _)| name.clone()) else { break };
        let Some(Value::Object(inner)) = given.remove(&name) else { continue };
        let mut contradicted = Map::new();
        for (member, value) in inner {
            match get(given, &member) {
                None | Some(Value::Null) => {
                    given.insert(member, value);
                }
                Some(held) if *held == value => {}
                Some(_) => {
                    contradicted.insert(member, value);
                }
            }
        }
        if !contradicted.is_empty() {
            left.insert(name, Value::Object(contradicted));
        }
    }
    given.extend(left);
}

/// The id of an entry in the form in which it is stored: a UUID in lower case, other ids unchanged.
pub fn entry_id(text: &str) -> Cow<'_, str> {
    if is_uuid(text) { text.to_ascii_lowercase().into() } else { text.into() }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a text is the name of a type, which PowerShell writes in place of some values.
pub(super) fn is_type_name(text: &str) -> bool {
    let begins = |any: &[&str]| any.iter().any(|begin| text.starts_with(begin));
    let is_name = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_name
        && (begins(&[
            "Microsoft.Graph.",
            "Microsoft.Open.",
            "System.Collections.",
            "System.Management.",
        ]) || ["System.Object", "System.Object[]", "System.String[]"].contains(&text))
}

/// Converts the value to Graph's form.
pub(super) fn value(
    given: &mut Value,
    shape: &Shape,
    required: bool,
    path: &Path<'_>,
    reading: &mut Reading,
) -> Result<(), Refused> {
    if given.is_null() {
        return if required { Err(path.refused("is null")) } else { Ok(()) };
    }
    if given.as_str().is_some_and(is_type_name) {
        return Err(path.refused("expected a value, and this is the name of its type"));
    }
    match shape {
        Shape::Text => {
            if !given.is_string() {
                let text = scalar(given).ok_or_else(|| path.refused("expected text"))?;
                *given = Value::String(text);
            }
        }
        Shape::Key(bytes_max) | Shape::Id(bytes_max) => {
            let least = usize::from(required);
            let fits = |text: &&mut String| (least..=*bytes_max).contains(&text.len());
            if let (Shape::Key(_), Value::Number(number)) = (shape, &*given) {
                *given = Value::String(number.to_string());
            }
            let text = match given {
                Value::String(text) => Some(text).filter(fits),
                _ => None,
            };
            let Some(text) = text else {
                return Err(path.refused(format!("expected text of {least} to {bytes_max} bytes")));
            };
            if matches!(shape, Shape::Id(_)) && is_uuid(text) {
                text.make_ascii_lowercase();
            }
        }
        Shape::AnyText => {
            if !given.is_string() {
                let text = scalar(given).unwrap_or_else(|| given.to_string());
                *given = Value::String(text);
            }
        }
        Shape::Instant => {
            // Windows PowerShell writes some dates as `{"value": "/Date(ms)/", "DateTime": …}`.
            if let Value::Object(members) = given
                && let Some(value) = get(members, "value").cloned()
            {
                *given = value;
            }
            // An empty cell is null.
            if given.as_str().is_some_and(|text| text.trim().is_empty()) {
                *given = Value::Null;
                return if required { Err(path.refused("is null")) } else { Ok(()) };
            }
            let at = match given {
                Value::String(text) => time::parse(text, reading.dates),
                Value::Number(number) => time::of_number(number).ok_or(NotRead::NoInstant),
                _ => Err(NotRead::NoInstant),
            };
            let at = at.and_then(|at_us| time::text(at_us).ok_or(NotRead::NoInstant));
            *given = Value::String(at.map_err(|error| path.refused(error.text()))?);
        }
        Shape::Count => match given {
            Value::String(text) if text.trim().is_empty() => *given = Value::Null,
            Value::String(text) => match text.trim().parse::<serde_json::Number>() {
                Ok(number) => *given = Value::Number(number),
                Err(_) => return Err(path.refused("expected a number")),
            },
            Value::Number(_) => {}
            _ => return Err(path.refused("expected a number")),
        },
        Shape::Word(words) => word(given, words, path)?,
        Shape::Object(table) => {
            unfold(given, path)?;
            // Some documentation shows a list here; a list of one object means that object.
            if let Value::Array(items) = given
                && let [one @ Value::Object(_)] = items.as_slice()
            {
                let one = one.clone();
                reading.keep(path, std::mem::replace(given, one));
            }
            if let Value::Object(members) = given {
                object(members, table, path, reading)?;
            } else if !given.is_null() {
                return Err(path.refused("expected an object"));
            }
        }
        Shape::Free => {
            unfold(given, path)?;
            if let Value::Object(members) = given {
                unwrap_open(members);
            } else if !given.is_null() {
                return Err(path.refused("expected an object"));
            }
        }
        Shape::List(table, count_max) => {
            unfold(given, path)?;
            unroll(given);
            if let Value::Array(items) = given {
                list(items, table, *count_max, path, reading)?;
            } else if !given.is_null() {
                return Err(path.refused("expected a list"));
            }
        }
    }
    Ok(())
}

/// PowerShell writes a list of one item as that item, and old versions write any list as an object with
/// `value` and `Count`.
fn unroll(given: &mut Value) {
    let Value::Object(members) = given else { return };
    let is_counted = members.len() == 2 && get(members, "Count").is_some_and(Value::is_u64);
    let is_empty = members.is_empty();
    let items = match members.get_mut("value") {
        Some(Value::Array(items)) if is_counted => std::mem::take(items),
        _ if is_empty => vec![],
        _ => vec![given.take()],
    };
    *given = Value::Array(items);
}

fn list(
    items: &mut Vec<Value>,
    table: &'static [Member],
    count_max: usize,
    path: &Path<'_>,
    reading: &mut Reading,
) -> Result<(), Refused> {
    if items.len() > count_max {
        return Err(path.refused(format!("expected at most {count_max} of these")));
    }
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.drain(..).enumerate() {
        let path = Path::Index(path, index);
        match item {
            Value::Object(mut members) => {
                object(&mut members, table, &path, reading)?;
                read.push(Value::Object(members));
            }
            other => reading.keep(&path, other),
        }
    }
    *items = read;
    Ok(())
}

/// Parses JSON in a string, which Log Analytics and CSV use for objects and lists.
fn unfold(given: &mut Value, path: &Path<'_>) -> Result<(), Refused> {
    let Value::String(text) = given else { return Ok(()) };
    if text.trim().is_empty() {
        *given = Value::Null;
        return Ok(());
    }
    let what = "expected an object or a list, or JSON of one within a text";
    let parsed: Value = serde_json::from_str(text).map_err(|_| path.refused(what))?;
    // Its depth was not checked while it was a string.
    weigh(&parsed, path)?;
    if parsed.is_string() {
        return Err(path.refused(what));
    }
    *given = parsed;
    Ok(())
}

fn scalar(given: &Value) -> Option<String> {
    match given {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn word(given: &mut Value, words: &[&str], path: &Path<'_>) -> Result<(), Refused> {
    let known = match given {
        Value::Number(number) => ordinal(number.as_u64(), words),
        Value::String(text) if words.contains(&text.as_str()) => return Ok(()),
        Value::String(text) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .or_else(|| ordinal(text.parse().ok(), words)),
        _ => return Err(path.refused("expected a word or its number")),
    };
    if let Some(word) = known {
        *given = Value::String((*word).to_owned());
    }
    Ok(())
}

fn ordinal<'a>(number: Option<u64>, words: &'a [&'a str]) -> Option<&'a &'a str> {
    words.get(usize::try_from(number?).ok()?)
}

const RECORD_BYTES_MAX: usize = 1024 * 1024;
const DEPTH_MAX: usize = 32;

/// Refuses a value that is too large or too deep, before it is processed.
pub(super) fn weigh(record: &Value, path: &Path<'_>) -> Result<(), Refused> {
    match bytes(record, DEPTH_MAX) {
        None => Err(path.refused(format!("is nested more than {DEPTH_MAX} deep"))),
        Some(bytes) if bytes > RECORD_BYTES_MAX => {
            Err(path.refused(format!("is larger than {RECORD_BYTES_MAX} bytes")))
        }
        Some(_) => Ok(()),
    }
}

/// The approximate size of the value as text; `None` if it is deeper than `depth`.
fn bytes(value: &Value, depth: usize) -> Option<usize> {
    Some(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            let mut sum = 2;
            for item in items {
                sum += bytes(item, depth)? + 1;
            }
            sum
        }
        Value::Object(members) => {
            let depth = depth.checked_sub(1)?;
            let mut sum = 2;
            for (name, member) in members {
                sum += name.len() + 4 + bytes(member, depth)?;
            }
            sum
        }
    })
}

/// The member with a name, whatever its letter case.
pub(super) fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        let mut named = members.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    })
}

/// The same, if it is a string that is not empty.
pub(super) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    get(members, name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
