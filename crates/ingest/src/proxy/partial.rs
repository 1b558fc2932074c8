//! Partial views of a resource: how they are recognized, and what they leave as it was.
//!
//! An answer is partial if it lacks the name of an attribute, or of a sub-attribute, that the resource
//! should have. An attribute that is shown as empty is not missing. Of a list only the names of
//! sub-attributes are compared, since elements come and go.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use canonical::Document;
use event::{Application, Number, ResourceType};
use projector::{ProjectorError, View};
use scim::Returned;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::decide::ObservedResource;

/// Attributes that may be missing: those that are no state, and `active`, which many leave out.
const NOT_MISSED: [&str; 4] = ["id", "schemas", "meta", "active"];

/// The attributes of a resource on record, or those before its deletion.
///
/// # Errors
/// If the rows cannot be read.
pub(crate) fn known(
    view: &View<'_>,
    application: Application,
    number: Number,
) -> Result<Option<Map<String, Value>>, ProjectorError> {
    let mut known: Option<Document> = None;
    view.versions(application, number, View::NOW, &mut |version| {
        known = version.state;
        match known {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })?;
    known.map(|known| known.to_map()).transpose().map_err(ProjectorError::Value)
}

/// Whether a resource in an answer lacks some of what it should have. `answer` is its original JSON,
/// since `seen` leaves out empty attributes.
pub(crate) fn lacks(
    context: &Context,
    stored_type: ResourceType,
    should_have: &Map<String, Value>,
    (seen, answer): (&ObservedResource, &Value),
) -> bool {
    let shown_unasked = shown_unasked(context, stored_type, should_have);
    lacks_any(&shown_unasked, answer, &seen.resource.attributes)
}

fn lacks_any(
    should_have: &Map<String, Value>,
    answer: &Value,
    attributes: &Map<String, Value>,
) -> bool {
    let mut missed = should_have.iter().filter(|(name, _)| !NOT_MISSED.contains(&name.as_str()));
    let is_lacking = |(name, wanted): (&String, &Value)| {
        let own = answer.as_object().and_then(|answer| named(answer, name));
        // Some applications write `name.familyName` or `URN:department` as one name.
        let read = attributes.get(name);
        own.into_iter().chain(read).all(|shown| is_less(wanted, shown))
    };
    missed.any(is_lacking)
}

/// Without attributes that are returned on request only, or never (RFC 7643 §2.2, "returned").
fn shown_unasked(
    context: &Context,
    stored_type: ResourceType,
    attributes: &Map<String, Value>,
) -> Map<String, Value> {
    let mut shown = attributes.clone();
    let Some(resource_type) = context.resource_type(stored_type) else { return shown };
    let hidden = |urn: &str| {
        let schema = context.registry().schema(urn);
        let attributes = schema.map(|schema| schema.attributes.iter()).into_iter().flatten();
        attributes.filter(|one| matches!(one.returned, Returned::Never | Returned::Request))
    };
    for attribute in hidden(&resource_type.schema) {
        shown.remove(&attribute.name);
    }
    for (urn, _) in &resource_type.extensions {
        if let Some(Value::Object(extension)) = shown.get_mut(urn) {
            for attribute in hidden(urn) {
                extension.remove(&attribute.name);
            }
            if extension.is_empty() {
                shown.remove(urn);
            }
        }
    }
    shown
}

/// Whether a value is shown with fewer sub-attributes than it should have.
fn is_less(wanted: &Value, shown: &Value) -> bool {
    match (wanted, shown) {
        (Value::Object(wanted), Value::Object(shown)) => {
            let is_lacking = |(name, wanted): (&String, &Value)| {
                named(shown, name).is_none_or(|shown| is_less(wanted, shown))
            };
            !shown.is_empty() && wanted.iter().any(is_lacking)
        }
        (Value::Array(_), Value::Null) => false,
        (Value::Array(wanted), shown) => {
            let shown = match shown {
                Value::Array(list) => list.as_slice(),
                single => std::slice::from_ref(single),
            };
            !shown.is_empty() && !parts(wanted).is_subset(&parts(shown))
        }
        _ => false,
    }
}

/// The names of the sub-attributes that any element of a list has.
fn parts(list: &[Value]) -> BTreeSet<String> {
    let names = list.iter().filter_map(Value::as_object).flat_map(Map::keys);
    names.map(|name| name.to_ascii_lowercase()).collect()
}

/// Merges a partial view into what was known: what it does not show stays, down to sub-attributes. A
/// list whose elements are shown partially stays as it was.
pub(crate) fn merge(had: &Map<String, Value>, shown: Map<String, Value>) -> Map<String, Value> {
    let mut merged = had.clone();
    for (name, shown) in shown {
        let value = match (had.get(&name), shown) {
            (Some(Value::Object(had)), Value::Object(shown)) => Value::Object(merge(had, shown)),
            (Some(had @ Value::Array(_)), shown) if is_less(had, &shown) => had.clone(),
            (_, shown) => shown,
        };
        merged.insert(name, value);
    }
    merged
}

/// A member of an object; its name is compared without letter case.
fn named<'a>(object: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn mira() -> Value {
        json!({
            "id": "u1", "userName": "mira", "active": true,
            "name": {"givenName": "Mira", "familyName": "Lund"},
            "emails": [
                {"value": "mira@fjord.example", "type": "work", "primary": true},
                {"value": "mira@home.example", "type": "home"},
            ],
            ENTERPRISE: {"department": "Deck", "manager": {"value": "u9", "displayName": "Ole"}},
        })
    }

    #[test]
    fn a_name_that_is_missing_at_any_depth_is_lacking() {
        let without = |pointer: &str, name: &str| {
            let mut shown = mira();
            shown.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name).unwrap();
            shown
        };
        let check = |shown: Value, expected: bool| {
            let lacks = lacks_any(&object(&mira()), &shown, &Map::new());
            assert_eq!(lacks, expected, "{shown}");
        };
        check(mira(), false);
        for name in ["id", "active"] {
            check(without("", name), false);
        }
        for name in ["userName", "name", "emails", ENTERPRISE] {
            check(without("", name), true);
        }
        check(without("/name", "familyName"), true);
        check(without(&format!("/{ENTERPRISE}"), "department"), true);
        check(without(&format!("/{ENTERPRISE}/manager"), "displayName"), true);
        // A sub-attribute may be missing in one element, but not in all.
        check(without("/emails/1", "type"), false);
        check(without("/emails/0", "primary"), true);
        let with = |name: &str, value: Value| {
            let mut shown = mira();
            shown[name] = value;
            shown
        };
        check(with("emails", json!([{"value": "mira@fjord.example"}])), true);
        check(with("emails", json!({"value": "mira@fjord.example"})), true);
        check(with("emails", json!(["mira@fjord.example"])), true);
        let single = json!({"VALUE": "x", "Type": "work", "primary": false});
        check(with("emails", single), false);
        // An attribute shown as empty is not missing.
        for empty in [Value::Null, json!([])] {
            check(with("emails", empty), false);
        }
        for empty in [Value::Null, json!({}), json!("")] {
            check(with("name", empty), false);
        }
        check(with("name", json!({"givenName": "Mira", "familyName": null})), false);
        // A path written as one name counts as the path.
        let mut flat = without("", "name");
        flat["name.givenName"] = json!("Mira");
        flat["name.familyName"] = json!("Lund");
        assert!(!lacks_any(&object(&mira()), &flat, &object(&mira())));
    }

    #[test]
    fn what_a_partial_view_does_not_show_stays() {
        let check = |shown: Value, expected: &[(&str, Value)]| {
            let mut merged = mira();
            for (pointer, value) in expected {
                *merged.pointer_mut(pointer).unwrap() = value.clone();
            }
            assert_eq!(Value::from(merge(&object(&mira()), object(&shown))), merged, "{shown}");
        };
        check(json!({}), &[]);
        check(json!({"name": {"familyName": "Berg"}}), &[("/name/familyName", json!("Berg"))]);
        let department = format!("/{ENTERPRISE}/department");
        check(json!({ENTERPRISE: {"department": "Galley"}}), &[(&department, json!("Galley"))]);
        let manager = format!("/{ENTERPRISE}/manager/value");
        check(json!({ENTERPRISE: {"manager": {"value": "u8"}}}), &[(&manager, json!("u8"))]);
        check(json!({"emails": [{"value": "mira@fjord.example"}]}), &[]);
        let all = json!([{"value": "new@fjord.example", "type": "work", "primary": true}]);
        check(json!({"emails": all}), &[("/emails", all.clone())]);
        check(json!({"userName": "mira.lund"}), &[("/userName", json!("mira.lund"))]);
    }
}
