//! Applies resolved changes to a resource's attributes.

use std::collections::BTreeSet;

use canonical::Document;
use event::{Element, Path, ValueChange};
use serde_json::{Map, Value};

use crate::error::ProjectorError;

/// The state with the changes applied, in order. Only the members that change are parsed.
///
/// # Errors
/// When the state or a value is not JSON; decide never stores such a value.
pub(crate) fn changed(
    state: &Document,
    changes: &[ValueChange],
) -> Result<Document, ProjectorError> {
    let name = |change: &'_ ValueChange| -> String {
        change.path.schema.as_ref().unwrap_or(&change.path.attribute).clone()
    };
    let names: BTreeSet<String> = changes.iter().map(name).collect();
    let mut members = Map::new();
    for name in &names {
        if let Some(value) = state.get(name) {
            let value = serde_json::from_slice(value).map_err(ProjectorError::Value)?;
            members.insert(name.clone(), value);
        }
    }
    apply_changes(&mut members, changes)?;
    let written: Vec<(&str, Option<Vec<u8>>)> =
        names.iter().map(|name| (name.as_str(), members.get(name).map(canonical::json))).collect();
    let written: Vec<(&str, Option<&[u8]>)> =
        written.iter().map(|(name, value)| (*name, value.as_deref())).collect();
    state.with(&written).map_err(|_| ProjectorError::row("a version"))
}

/// Applies the changes to the state, in order. Absent and empty are the same (RFC 7643 §2.5), so a
/// complex attribute, list or extension that becomes empty is removed. Missing ones are created.
///
/// # Errors
/// When a value is not JSON; decide never stores such a value.
fn apply_changes(
    state: &mut Map<String, Value>,
    changes: &[ValueChange],
) -> Result<(), ProjectorError> {
    for change in changes {
        let new = match &change.new {
            None => None,
            Some(text) => Some(serde_json::from_slice(text).map_err(ProjectorError::Value)?),
        };
        match &change.path.schema {
            None => set_attribute(state, &change.path, new),
            Some(urn) => {
                edit_object(state, urn, |extension| set_attribute(extension, &change.path, new));
            }
        }
    }
    Ok(())
}

fn set_attribute(attributes: &mut Map<String, Value>, path: &Path, new: Option<Value>) {
    match (&path.element, &path.sub) {
        (None, None) => set(attributes, &path.attribute, new),
        (None, Some(sub)) => {
            edit_object(attributes, &path.attribute, |complex| set(complex, sub, new));
        }
        (Some(element), sub) => {
            let mut list = match attributes.remove(&path.attribute) {
                Some(Value::Array(list)) => list,
                Some(_) | None => Vec::new(),
            };
            set_element(&mut list, element, sub.as_deref(), new);
            if !list.is_empty() {
                attributes.insert(path.attribute.clone(), Value::Array(list));
            }
        }
    }
}

fn set_element(list: &mut Vec<Value>, element: &Element, sub: Option<&str>, new: Option<Value>) {
    let place = list.iter().position(|candidate| is_named(candidate, element));
    match (sub, place, new) {
        (None, Some(place), Some(new)) => list[place] = new,
        (None, Some(place), None) => {
            list.remove(place);
        }
        (None, None, Some(new)) => list.push(new),
        (None, None, None) => {}
        (Some(sub), Some(place), new) => {
            if let Value::Object(object) = &mut list[place] {
                set(object, sub, new);
                if object.is_empty() {
                    list.remove(place);
                }
            }
        }
        (Some(sub), None, new) => {
            let (name, text) = match element {
                Element::Type(text) => ("type", text),
                Element::Value(text) => ("value", text),
            };
            let mut object = Map::new();
            object.insert(name.to_owned(), Value::String(text.clone()));
            set(&mut object, sub, new);
            list.push(Value::Object(object));
        }
    }
}

fn is_named(candidate: &Value, element: &Element) -> bool {
    let text = |name| candidate.get(name).and_then(Value::as_str);
    match element {
        // `type` is not caseExact (RFC 7643 §8.7.1), and `scim::diff` compares it the same way.
        Element::Type(name) => text("type")
            .is_some_and(|text| caseless::case_folded(text) == caseless::case_folded(name)),
        Element::Value(name) => text("value") == Some(name),
    }
}

fn set(object: &mut Map<String, Value>, name: &str, new: Option<Value>) {
    match new {
        Some(value) => {
            object.insert(name.to_owned(), value);
        }
        None => {
            object.remove(name);
        }
    }
}

fn edit_object(
    parent: &mut Map<String, Value>,
    name: &str,
    edit: impl FnOnce(&mut Map<String, Value>),
) {
    let mut object = match parent.remove(name) {
        Some(Value::Object(object)) => object,
        Some(_) | None => Map::new(),
    };
    edit(&mut object);
    if !object.is_empty() {
        parent.insert(name.to_owned(), Value::Object(object));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(attribute: &str, element: Option<Element>, sub: Option<&str>) -> Path {
        Path { schema: None, attribute: attribute.into(), element, sub: sub.map(str::to_owned) }
    }

    fn check(old: Value, path: Path, new: Option<Value>, expected: Value) {
        let Value::Object(mut state) = old else { panic!("the state is an object") };
        let new = new.map(|value| serde_json::to_vec(&value).unwrap());
        apply_changes(&mut state, &[ValueChange { path, old: None, new }]).unwrap();
        assert_eq!(Value::Object(state), expected);
    }

    #[test]
    fn values_are_set_and_cleared_where_the_path_says() {
        let work = || Some(Element::Type("work".into()));
        check(
            json!({}),
            path("title", None, None),
            Some(json!("Clerk")),
            json!({"title": "Clerk"}),
        );
        check(json!({"title": "x"}), path("title", None, None), None, json!({}));
        check(
            json!({"name": {"givenName": "Mira"}}),
            path("name", None, Some("givenName")),
            None,
            json!({}),
        );
        check(
            json!({"emails": [{"type": "home", "value": "a"}, {"type": "Work", "value": "b"}]}),
            path("emails", work(), Some("value")),
            Some(json!("c")),
            json!({"emails": [{"type": "home", "value": "a"}, {"type": "Work", "value": "c"}]}),
        );
        check(
            json!({"emails": [{"type": "work", "value": "b"}]}),
            path("emails", work(), None),
            None,
            json!({}),
        );
        check(
            json!({"emails": [{"value": "a"}]}),
            path("emails", Some(Element::Value("b".into())), None),
            Some(json!({"value": "b"})),
            json!({"emails": [{"value": "a"}, {"value": "b"}]}),
        );
        let extension =
            Path { schema: Some("urn:x".into()), ..path("manager", None, Some("value")) };
        check(
            json!({}),
            extension,
            Some(json!("u")),
            json!({"urn:x": {"manager": {"value": "u"}}}),
        );
    }
}
