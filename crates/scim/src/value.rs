//! Brings values as clients write them into the form in which they are stored: names spelled as in the
//! schema, types checked, nothing empty, nothing that clients may not write.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use caseless::case_folded;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::limits::check_length;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, Mutability, Registry};
use crate::settings::Settings;

/// How many ignored names are noted for one request.
const UNKNOWN_MAX: usize = 64;
/// Longer names are cut.
const UNKNOWN_BYTES_MAX: usize = 256;
/// Maximum length of a string.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// The quotes of a JSON string.
const QUOTES_BYTES: usize = 2;
/// Maximum length of a string by which resources are looked up, because it becomes part of keys.
pub(crate) const LOOKUP_BYTES_MAX: usize = 1024;
const LOOKED_UP: [&str; 3] = ["userName", "externalId", "displayName"];

/// What in an upstream's resource does not fit the schema: paths, cut at 256 bytes, the first 64 of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Values kept unchanged.
    pub kept: BTreeSet<String>,
    /// Values left out because they are too large.
    pub left_out: BTreeSet<String>,
}

/// How values are read, and notes about what was ignored or does not fit.
pub(crate) struct Reading<'a> {
    pub(crate) settings: &'a Settings,
    unknown: RefCell<BTreeSet<String>>,
    /// Set for an upstream's resource: notes what does not fit. A client's values are refused instead.
    misfits: Option<(&'a Registry, RefCell<Misfits>)>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Reading<'a> {
        Reading { settings, unknown: RefCell::default(), misfits: None }
    }

    /// For an upstream's resource: refuses nothing.
    pub(crate) fn of_upstream(settings: &'a Settings, registry: &'a Registry) -> Reading<'a> {
        Reading { misfits: Some((registry, RefCell::default())), ..Reading::new(settings) }
    }

    /// Whether values that do not fit are kept and not refused.
    pub(crate) fn keeps_misfits(&self) -> bool {
        self.misfits.is_some()
    }

    /// Notes that a value at a path does not fit and is kept. For a client returns `error` instead.
    pub(crate) fn tolerate(&self, path: &AttrPath, error: ScimError) -> Result<(), ScimError> {
        match self.keeps_misfits() {
            true => {
                self.note_kept(path);
                Ok(())
            }
            false => Err(error),
        }
    }

    /// Notes that a value at a path does not fit and is kept.
    pub(crate) fn note_kept(&self, path: &AttrPath) {
        if let Some((_, misfits)) = &self.misfits {
            note(&mut misfits.borrow_mut().kept, || path.to_string());
        }
    }

    /// The value to keep although it does not fit; `None` if it is too large. For a client returns
    /// `error`.
    pub(crate) fn keep(
        &self,
        path: &AttrPath,
        value: &Value,
        error: ScimError,
    ) -> Result<Option<Value>, ScimError> {
        let Some((registry, misfits)) = &self.misfits else { return Err(error) };
        let mut misfits = misfits.borrow_mut();
        if canonical::json(value).len() > VALUE_BYTES_MAX + QUOTES_BYTES {
            note(&mut misfits.left_out, || path.to_string());
            return Ok(None);
        }
        note(&mut misfits.kept, || path.to_string());
        let mut value = value.clone();
        if matches!(value, Value::Array(_) | Value::Object(_)) {
            drop_secrets(registry, &mut value);
        }
        Ok(Some(value))
    }

    /// Notes that a value at a path is left out because it is too large.
    pub(crate) fn leave_out(&self, path: &AttrPath) {
        if let Some((_, misfits)) = &self.misfits {
            note(&mut misfits.borrow_mut().left_out, || path.to_string());
        }
    }

    /// Notes an ignored name that no schema has, cut to the maximum length.
    pub(crate) fn pass_over(&self, name: impl FnOnce() -> String) {
        note(&mut self.unknown.borrow_mut(), name);
    }

    /// The ignored names, and what does not fit.
    pub(crate) fn into_notes(self) -> (BTreeSet<String>, Misfits) {
        let misfits = self.misfits.map(|(_, misfits)| misfits.into_inner()).unwrap_or_default();
        (self.unknown.into_inner(), misfits)
    }
}

/// Removes members with the name of a writeOnly attribute at any depth, because the structure of a
/// value that does not fit is not known.
fn drop_secrets(registry: &Registry, value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|name, _| !registry.is_secret(name));
            object.values_mut().for_each(|part| drop_secrets(registry, part));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| drop_secrets(registry, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Notes a name, up to the maximum number.
fn note(names: &mut BTreeSet<String>, name: impl FnOnce() -> String) {
    if names.len() < UNKNOWN_MAX {
        let mut name = name();
        name.truncate(name.floor_char_boundary(UNKNOWN_BYTES_MAX));
        names.insert(name);
    }
}

/// Parses a date and time (RFC 7643 §2.3.5); without an offset it is UTC.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .or_else(|_| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|naive| naive.and_utc())
        })
        .ok()
}

/// Whether a value of any attribute means "unassigned" (RFC 7643 §2.5). An empty string does too: clients
/// clear attributes with it.
pub(crate) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether clients may write the attribute and it is stored: neither readOnly nor writeOnly.
pub(crate) fn is_kept(attribute: &Attribute) -> bool {
    match attribute.mutability {
        Mutability::ReadWrite | Mutability::Immutable => true,
        Mutability::ReadOnly | Mutability::WriteOnly => false,
    }
}

/// Reads a whole attribute; `None` is unassigned. `path` is used for messages and selects the limit.
pub(crate) fn read(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &Attribute,
    value: &Value,
) -> Result<Option<Value>, ScimError> {
    if attribute.multi_valued {
        let list = read_list(reading, path, attribute, value)?;
        Ok((!list.is_empty()).then_some(Value::Array(list)))
    } else {
        read_one(reading, path, attribute, value)
    }
}

/// Reads the elements of a multi-valued attribute, at most [`crate::ELEMENTS_MAX`]. A single value is a
/// list of one.
pub(crate) fn read_list(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &Attribute,
    value: &Value,
) -> Result<Vec<Value>, ScimError> {
    let list = read_selection(reading, path, attribute, value)?;
    check_primary(path, &list).or_else(|error| reading.tolerate(&path.with_sub(None), error))?;
    Ok(list)
}

/// The same for elements that are only compared with others and not stored.
pub(crate) fn read_selection(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &Attribute,
    value: &Value,
) -> Result<Vec<Value>, ScimError> {
    let given = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    check_length(path, given.len()).or_else(|error| reading.tolerate(path, error))?;
    let mut list = Vec::with_capacity(given.len());
    for item in given {
        list.extend(read_one(reading, path, attribute, item)?);
    }
    if list.len() > 1 {
        collapse(attribute, &mut list);
    }
    Ok(list)
}

/// Reads the parts of a complex attribute from an object; `None` for parts that it clears. A simple
/// value is the part `value`. Refuses a string that contains a JSON list or object: it was encoded
/// twice and meant to be the parts.
pub(crate) fn read_parts<'a>(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &'a Attribute,
    value: &Value,
) -> Result<Vec<(&'a str, Option<Value>)>, ScimError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => match items.as_slice() {
            [] => Ok(Vec::new()),
            [only] => read_parts(reading, path, attribute, only),
            _ => Err(wrong(path, "a single object")),
        },
        Value::Object(object) => {
            let mut parts = Vec::with_capacity(object.len());
            if !reading.keeps_misfits()
                && let Some((part, address)) = address_alone(attribute, object)
            {
                let path = path.with_sub(Some(&part.name));
                parts.push((part.name.as_str(), read(reading, &path, part, address)?));
            }
            for (name, value) in object {
                let part = attribute.sub(name);
                if part.is_none() {
                    reading.pass_over(|| format!("{path}.{name}"));
                }
                let Some(part) = part.filter(|part| is_kept(part)) else { continue };
                let path = path.with_sub(Some(&part.name));
                let id = id_of(reading, attribute, part, value);
                let value = id.as_ref().unwrap_or(value);
                parts.push((part.name.as_str(), read(reading, &path, part, value)?));
            }
            Ok(parts)
        }
        simple => {
            if is_json_in_text(simple) && !reading.keeps_misfits() {
                return Err(wrong(path, "JSON, and not a text that holds JSON"));
            }
            let Some(part) = attribute.sub("value") else {
                return if is_unassigned(simple) {
                    Ok(Vec::new())
                } else {
                    Err(wrong(path, "an object"))
                };
            };
            let path = path.with_sub(Some(&part.name));
            let value = read(reading, &path, part, simple)?;
            Ok(vec![(part.name.as_str(), value)])
        }
    }
}

fn is_json_in_text(value: &Value) -> bool {
    let text = value.as_str().map(str::trim).filter(|text| text.starts_with(['[', '{']));
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    text.is_some_and(is_json)
}

/// For a reference with `$ref` and without `value`: the part `value`, and the `$ref` to use for it.
fn address_alone<'a, 'v>(
    attribute: &'a Attribute,
    object: &'v Map<String, Value>,
) -> Option<(&'a Attribute, &'v Value)> {
    let part = attribute.sub("value").filter(|part| is_kept(part))?;
    attribute.sub("$ref")?;
    let said = |wanted: &str| {
        object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let address = said("$ref").filter(|address| !is_unassigned(address))?;
    said("value").is_none().then_some((part, address))
}

/// The id in an upstream's reference to a resource (RFC 7643 §2.4: its parts are `value` and `$ref`),
/// if it is a number.
fn id_of(
    reading: &Reading<'_>,
    attribute: &Attribute,
    part: &Attribute,
    value: &Value,
) -> Option<Value> {
    let refers = part.name == "value" && attribute.sub("$ref").is_some();
    let is_number = value.is_number() && reading.keeps_misfits() && refers;
    is_number.then(|| id_text(value)).flatten().map(Value::String)
}

/// The text of an id: a non-empty string itself, or the decimal text of an integer. `None` for anything
/// else, also for a number that is not an integer or exceeds 64 bits, whose digits are not exact (RFC
/// 8259 §6).
pub fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// Reads one value of an attribute, or one element of a multi-valued one.
fn read_one(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &Attribute,
    value: &Value,
) -> Result<Option<Value>, ScimError> {
    if attribute.kind == Kind::Complex {
        let object: Map<String, Value> = read_parts(reading, path, attribute, value)?
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        return Ok((!object.is_empty()).then_some(Value::Object(object)));
    }
    if is_unassigned(value) {
        return Ok(None);
    }
    match value {
        Value::Array(items) => match items.as_slice() {
            [only] => read_one(reading, path, attribute, only),
            _ => reading.keep(path, value, wrong(path, "a single value")),
        },
        Value::Object(object) => match wrapped(object) {
            Some(inner) => read_one(reading, path, attribute, inner),
            None => read_or_keep(reading, path, attribute, value),
        },
        simple => read_or_keep(reading, path, attribute, simple),
    }
}

/// Reads a simple value. An upstream's value that does not fit is kept.
fn read_or_keep(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &Attribute,
    value: &Value,
) -> Result<Option<Value>, ScimError> {
    match read_simple(reading, path, attribute, value) {
        Ok(value) => Ok(Some(value)),
        Err(error) => reading.keep(path, value, error),
    }
}

/// The `value` of an object that a client sent for a simple attribute. Entra ID's old PATCH form is
/// `[{"$ref": null, "value": "False"}]`. `None` if the object has other members than `$ref` and `type`.
fn wrapped(object: &Map<String, Value>) -> Option<&Value> {
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    let said_beside = |name: &str| is(name, "$ref") || is(name, "type");
    let (values, rest): (Vec<_>, Vec<_>) = object.iter().partition(|(name, _)| is(name, "value"));
    match values.as_slice() {
        [(_, value)] if rest.iter().all(|(name, _)| said_beside(name)) => Some(value),
        _ => None,
    }
}

fn read_simple(
    reading: &Reading<'_>,
    path: &AttrPath,
    attribute: &Attribute,
    value: &Value,
) -> Result<Value, ScimError> {
    match (attribute.kind, value) {
        (Kind::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (Kind::Boolean, Value::String(text)) if reading.settings.lenient_booleans => {
            if text.eq_ignore_ascii_case("true") {
                Ok(Value::Bool(true))
            } else if text.eq_ignore_ascii_case("false") {
                Ok(Value::Bool(false))
            } else {
                Err(wrong(path, "true or false"))
            }
        }
        (Kind::Boolean, _) => Err(wrong(path, "true or false")),
        (Kind::Integer, Value::Number(number)) if !number.is_f64() => Ok(value.clone()),
        (Kind::Integer, _) => Err(wrong(path, "an integer")),
        (Kind::Decimal, Value::Number(_)) => Ok(value.clone()),
        (Kind::Decimal, _) => Err(wrong(path, "a number")),
        // Administrators' templates often forget the quotes around a database key. Other numbers than
        // integers are refused, because parsing may have changed their digits.
        (Kind::String, Value::Number(number)) if is_top(path, "externalId") && !number.is_f64() => {
            Ok(Value::String(number.to_string()))
        }
        (_, Value::String(text)) => {
            check_text(path, attribute.kind, text)?;
            Ok(value.clone())
        }
        (_, _) => Err(wrong(path, "a string")),
    }
}

/// Maximum length of the string at a path.
pub(crate) fn bytes_max(path: &AttrPath) -> usize {
    if LOOKED_UP.iter().any(|name| is_top(path, name)) { LOOKUP_BYTES_MAX } else { VALUE_BYTES_MAX }
}

pub(crate) fn is_base64(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "+/-_=\r\n".contains(c))
}

fn check_text(path: &AttrPath, kind: Kind, text: &str) -> Result<(), ScimError> {
    let bytes_max = bytes_max(path);
    if text.len() > bytes_max {
        return Err(wrong(path, &format!("at most {bytes_max} bytes")));
    }
    if kind == Kind::DateTime && instant(text).is_none() {
        return Err(wrong(path, "a date and time such as 2026-03-01T10:00:00Z"));
    }
    if kind == Kind::Binary && !is_base64(text) {
        return Err(wrong(path, "base64"));
    }
    Ok(())
}

fn is_top(path: &AttrPath, name: &str) -> bool {
    path.schema.is_none() && path.sub.is_none() && path.attribute == name
}

pub(crate) fn wrong(path: &AttrPath, expected: &str) -> ScimError {
    ScimError::invalid_value(format!("{path} must be {expected}"))
}

/// The key by which elements of a list are duplicates: `type` and `value`, or the whole element if it
/// has no `value`.
pub(crate) fn identity(attribute: &Attribute, element: &Value) -> Vec<u8> {
    let comparable = |name: &str| match element.get(name) {
        Some(Value::String(text)) if !attribute.sub(name).is_some_and(|one| one.case_exact) => {
            Value::String(case_folded(text))
        }
        Some(other) => other.clone(),
        None => Value::Null,
    };
    match element {
        Value::Object(object) if object.contains_key("value") => {
            canonical::json(&Value::Array(vec![comparable("type"), comparable("value")]))
        }
        Value::Object(object) => {
            let parts = object.keys().map(|name| (name.clone(), comparable(name)));
            canonical::json(&Value::Object(parts.collect()))
        }
        Value::String(text) if !attribute.case_exact => case_folded(text).into_bytes(),
        other => canonical::json(other),
    }
}

/// Merges duplicate elements (RFC 7643 §2.4); the parts of the first one count. Returns the index of each
/// identity.
pub(crate) fn collapse(attribute: &Attribute, list: &mut Vec<Value>) -> HashMap<Vec<u8>, usize> {
    if let [only] = list.as_slice() {
        return HashMap::from([(identity(attribute, only), 0)]);
    }
    let mut seen = HashMap::with_capacity(list.len());
    let mut kept: Vec<Value> = Vec::with_capacity(list.len());
    for element in list.drain(..) {
        let index = *seen.entry(identity(attribute, &element)).or_insert(kept.len());
        match (kept.get_mut(index), element) {
            (None, element) => kept.push(element),
            (Some(Value::Object(first)), Value::Object(second)) => {
                for (name, value) in second {
                    first.entry(name).or_insert(value);
                }
            }
            (Some(_), _) => {}
        }
    }
    *list = kept;
    seen
}

pub(crate) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Refuses more than one primary element (RFC 7643 §2.4).
pub(crate) fn check_primary(path: &AttrPath, list: &[Value]) -> Result<(), ScimError> {
    if list.iter().filter(|element| is_primary(element)).count() > 1 {
        return Err(ScimError::invalid_value(format!(
            "{} has more than one element with primary true",
            path.with_sub(None)
        )));
    }
    Ok(())
}
