//! Which attributes an answer shows (RFC 7644 §3.9; `returned` in RFC 7643 §7).

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::path::AttrPath;
use crate::schema::{Attribute, Mutability, Registry, ResourceType, Returned, is_urn};
use crate::search::Selection;
use crate::value::is_unassigned;

/// Selects the attributes to show of resources of one type. Made once for all resources of an answer.
#[derive(Clone, Debug)]
pub struct Projection {
    core: HashMap<String, Rule>,
    extensions: HashMap<String, HashMap<String, Rule>>,
    /// Whether attributes that no schema has are shown.
    unknown: bool,
}

/// What is shown of one attribute.
#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Nothing,
    All,
    /// These sub-attributes.
    Parts(Vec<String>),
}

/// What a selection names of one schema.
#[derive(Default)]
struct Named {
    whole: bool,
    attributes: HashMap<String, Asked>,
}

/// What a selection names of one attribute.
#[derive(Default)]
struct Asked {
    whole: bool,
    parts: Vec<String>,
}

impl Projection {
    /// The projection for a selection. Names may have any case and a URN; a bare URN names everything
    /// under it, except attributes with `returned: request`. Filters in brackets are ignored, and so
    /// are names that no schema of the type has.
    ///
    /// `returned: always` and `never` override the selection: an id is always shown, a password never.
    pub fn of(selection: &Selection, rt: &ResourceType, registry: &Registry) -> Projection {
        let (names, only) = match selection {
            Selection::Default => ([].as_slice(), false),
            Selection::Only(names) => (names.as_slice(), true),
            Selection::Without(names) => (names.as_slice(), false),
        };
        let named = read_names(names, rt, registry);
        let rules = |schema: Option<&str>| {
            let named = named.get(&schema.map(str::to_owned));
            let rule =
                |attribute: &Attribute| (attribute.name.clone(), rule(attribute, named, only));
            registry.attributes(rt, schema).map(rule).collect()
        };
        Projection {
            core: rules(None),
            extensions: rt
                .extensions
                .iter()
                .map(|(urn, _)| (urn.clone(), rules(Some(urn))))
                .collect(),
            unknown: !only,
        }
    }

    /// Removes what is not shown, and what becomes empty by that. The resource must have the form that
    /// clients see: names spelled as in the schema, extensions under their URN. `schemas` still lists an
    /// extension of which nothing is shown, because the resource has it.
    pub fn apply(&self, resource: &mut Map<String, Value>) {
        resource.retain(|name, value| match (self.extensions.get(name), value) {
            (Some(rules), Value::Object(extension)) => {
                extension.retain(|name, value| self.keep(rules.get(name), value));
                !extension.is_empty()
            }
            (_, value) => self.keep(self.core.get(name), value),
        });
    }

    /// Whether any part of an attribute, or of an extension by its URN, is shown. If not, it need not be
    /// loaded. Names may have any case. False for attributes that the type does not have.
    pub fn shows(&self, attribute: &str) -> bool {
        let shown = |rule: &Rule| *rule != Rule::Nothing;
        if is_urn(attribute) {
            let mut extensions = self.extensions.iter();
            return extensions.any(|(urn, rules)| {
                urn.eq_ignore_ascii_case(attribute) && rules.values().any(shown)
            });
        }
        let mut core = self.core.iter();
        core.any(|(name, rule)| name.eq_ignore_ascii_case(attribute) && shown(rule))
    }

    /// Whether all of an attribute, or of an extension by its URN, is shown, so that its value can be
    /// copied as it is. Names must be spelled as in the schema.
    pub fn shows_whole(&self, attribute: &str) -> bool {
        match (self.extensions.get(attribute), self.core.get(attribute)) {
            (Some(rules), _) => self.unknown && rules.values().all(|rule| *rule == Rule::All),
            (None, Some(rule)) => *rule == Rule::All,
            (None, None) => self.unknown,
        }
    }

    /// Whether any part of a complex attribute other than `part` is shown. Names must be spelled as in
    /// the schema; `schema` is the URN of an extension.
    pub fn shows_beside(&self, schema: Option<&str>, attribute: &str, part: &str) -> bool {
        let rules = match schema {
            None => Some(&self.core),
            Some(urn) => self.extensions.get(urn),
        };
        match rules.and_then(|rules| rules.get(attribute)) {
            None | Some(Rule::Nothing) => false,
            Some(Rule::All) => true,
            Some(Rule::Parts(parts)) => parts.iter().any(|one| one != part),
        }
    }

    fn keep(&self, rule: Option<&Rule>, value: &mut Value) -> bool {
        match rule {
            None => self.unknown,
            Some(Rule::Nothing) => false,
            Some(Rule::All) => true,
            Some(Rule::Parts(parts)) => {
                match value {
                    Value::Object(object) => keep_parts(object, parts),
                    Value::Array(list) => list.retain_mut(|element| {
                        if let Value::Object(object) = element {
                            keep_parts(object, parts);
                        }
                        !is_unassigned(element)
                    }),
                    _ => {}
                }
                !is_unassigned(value)
            }
        }
    }
}

fn keep_parts(object: &mut Map<String, Value>, parts: &[String]) {
    object.retain(|name, _| parts.contains(name));
}

/// The names of a selection, by schema (`None`: the base schema with the common attributes).
fn read_names(
    names: &[String],
    rt: &ResourceType,
    registry: &Registry,
) -> HashMap<Option<String>, Named> {
    let mut named: HashMap<Option<String>, Named> = HashMap::new();
    for name in names {
        if let Some(schema) = registry.schema(name) {
            let urn = Some(schema.id.clone()).filter(|urn| *urn != rt.schema);
            named.entry(urn).or_default().whole = true;
            continue;
        }
        let Some(path) = read_name(name, rt, registry) else { continue };
        let Some(attribute) = registry.attribute(Some(rt), &path) else { continue };
        let schema = named.entry(path.schema).or_default();
        let asked = schema.attributes.entry(path.attribute).or_default();
        let Some(sub) = path.sub else {
            asked.whole = true;
            continue;
        };
        let is_shown = attribute.sub(&sub).is_some_and(|one| returned(one) != Returned::Never);
        // Skip duplicates, so that the list is not longer than the schema.
        if is_shown && !asked.parts.contains(&sub) {
            asked.parts.push(sub);
        }
    }
    named
}

/// The path of a name. A filter in brackets is ignored, because a selection cannot select elements.
fn read_name(name: &str, rt: &ResourceType, registry: &Registry) -> Option<AttrPath> {
    let plain = match (name.split_once('['), name.rsplit_once(']')) {
        (Some((head, _)), Some((_, tail))) => format!("{head}{tail}"),
        _ => name.to_owned(),
    };
    AttrPath::parse(&plain, Some(rt), registry).ok()
}

fn rule(attribute: &Attribute, named: Option<&Named>, only: bool) -> Rule {
    let asked = named.and_then(|named| named.attributes.get(&attribute.name));
    let whole_schema = named.is_some_and(|named| named.whole);
    let is_named = asked.is_some_and(|asked| asked.whole || !asked.parts.is_empty());
    let named_whole = asked.is_some_and(|asked| asked.whole);
    let shown = match (returned(attribute), only) {
        (Returned::Always, _) => true,
        (Returned::Never, _) => false,
        (Returned::Request, _) => only && is_named,
        (Returned::Default, true) => is_named || whole_schema,
        (Returned::Default, false) => !named_whole && !whole_schema,
    };
    if !shown {
        return Rule::Nothing;
    }
    // If only parts are named, the attribute as a whole is not.
    let whole = named_whole || whole_schema || returned(attribute) == Returned::Always;
    let part_shown = |part: &&Attribute| {
        let is_named = asked.is_some_and(|asked| asked.parts.contains(&part.name));
        match (returned(part), only) {
            (Returned::Always, _) => true,
            (Returned::Never, _) => false,
            (Returned::Request, _) => only && is_named,
            (Returned::Default, true) => is_named || whole,
            (Returned::Default, false) => !is_named,
        }
    };
    let parts: Vec<String> =
        attribute.sub_attributes.iter().filter(part_shown).map(|one| one.name.clone()).collect();
    if parts.len() == attribute.sub_attributes.len() { Rule::All } else { Rule::Parts(parts) }
}

/// `returned`; always `never` for a writeOnly attribute, even if its schema forgets to say so.
fn returned(attribute: &Attribute) -> Returned {
    match attribute.mutability {
        Mutability::WriteOnly => Returned::Never,
        Mutability::ReadOnly | Mutability::ReadWrite | Mutability::Immutable => attribute.returned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn stored() -> Value {
        json!({
            "schemas": [CORE, ENT],
            "id": "u-1",
            "meta": {"resourceType": "User", "location": "https://scim.example/Users/u-1"},
            "userName": "bo",
            "password": "secret",
            "name": {"givenName": "Bo", "familyName": "Ek"},
            "emails": [{"type": "work", "value": "bo@x"}, {"type": "home"}],
            "groups": [{"value": "g-1", "type": "direct"}],
            "shoeSize": 44,
            ENT: {"department": "Galley", "manager": {"value": "u-2", "displayName": "Al"}},
        })
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    fn project(selection: &Selection) -> Value {
        let registry = Registry::core();
        let projection =
            Projection::of(selection, registry.resource_type("User").unwrap(), registry);
        let Value::Object(mut resource) = stored() else { unreachable!() };
        let whole = resource.clone();
        projection.apply(&mut resource);
        for (name, value) in whole {
            let mut alone = Map::from_iter([(name.clone(), value.clone())]);
            projection.apply(&mut alone);
            let shown = alone.get(&name);
            assert_eq!(shown, resource.get(&name), "{name} alone for {selection:?}");
            let is_copied = projection.shows_whole(&name);
            assert!(!is_copied || shown == Some(&value), "{name} for {selection:?}");
        }
        assert_eq!(projection.shows("GROUPS"), resource.contains_key("groups"), "{selection:?}");
        // Others of its attributes may be shown than those that are there.
        assert!(projection.shows(ENT) || !resource.contains_key(ENT), "{selection:?}");
        assert!(!projection.shows("members"), "a user has none");
        Value::Object(resource)
    }

    #[test]
    fn what_is_shown_whole() {
        let registry = Registry::core();
        let rt = registry.resource_type("User").unwrap();
        let check = |selection: Selection, expected: [bool; 5]| {
            let projection = Projection::of(&selection, rt, registry);
            let names = ["name", "emails", "password", "shoeSize", ENT];
            assert_eq!(names.map(|name| projection.shows_whole(name)), expected, "{selection:?}");
        };
        check(Selection::Default, [true, true, false, true, true]);
        check(Selection::Only(names(&["name", "emails.type"])), [true, false, false, false, false]);
        check(Selection::Without(names(&["name", ENT])), [false, true, false, true, false]);
        let part = format!("{ENT}:department");
        check(Selection::Without(names(&[&part])), [true, true, false, true, false]);
    }

    #[test]
    fn what_is_shown_beside_a_part() {
        let registry = Registry::core();
        let rt = registry.resource_type("User").unwrap();
        let check = |selection: Selection, expected: [bool; 3]| {
            let projection = Projection::of(&selection, rt, registry);
            let got = [
                projection.shows_beside(None, "groups", "value"),
                projection.shows_beside(Some(ENT), "manager", "value"),
                projection.shows_beside(None, "members", "value"),
            ];
            assert_eq!(got, expected, "{selection:?}");
        };
        let manager = format!("{ENT}:manager");
        check(Selection::Default, [true, true, false]);
        check(Selection::Only(names(&["groups.value", "userName"])), [false, false, false]);
        check(Selection::Only(names(&["groups.value", &manager])), [false, true, false]);
        check(Selection::Only(names(&["manager.value", "groups.$ref"])), [true, false, false]);
        check(Selection::Without(names(&["groups", "manager.displayName"])), [false, true, false]);
        check(Selection::Without(names(&[ENT])), [true, false, false]);
    }

    /// What is shown beside `schemas` and `id`.
    #[track_caller]
    fn check_only(list: &[&str], expected: Value) {
        let mut got = project(&Selection::Only(names(list)));
        let got_object = got.as_object_mut().unwrap();
        assert_eq!(got_object.remove("schemas"), Some(json!([CORE, ENT])), "unchanged");
        assert_eq!(got_object.remove("id"), Some(json!("u-1")));
        assert_eq!(got, expected, "{list:?}");
    }

    /// What is shown differs like this from what is shown by default (`null`: gone).
    #[track_caller]
    fn check_without(list: &[&str], changed: Value) {
        let mut expected = project(&Selection::Default);
        let object = expected.as_object_mut().unwrap();
        object.extend(changed.as_object().unwrap().clone());
        object.retain(|_, value| !value.is_null());
        assert_eq!(project(&Selection::Without(names(list))), expected, "{list:?}");
    }

    #[test]
    fn by_default_all_but_secrets() {
        let mut expected = stored();
        expected.as_object_mut().unwrap().remove("password");
        assert_eq!(project(&Selection::Default), expected);
    }

    #[test]
    fn only_what_is_named() {
        check_only(&[], json!({}));
        check_only(&["shoe", "name.shoe", "a b", "departments", "userName.x", "["], json!({}));
        check_only(&["password", "PASSWORD"], json!({}));
        check_only(&["USERNAME", "id"], json!({"userName": "bo"}));
        check_only(&["Name.GIVENNAME"], json!({"name": {"givenName": "Bo"}}));
        check_only(&["name.givenName", "name"], json!({"name": stored()["name"]}));
        check_only(&["name.middleName"], json!({}));
        check_only(&["meta.resourceType"], json!({"meta": {"resourceType": "User"}}));
        // An element left empty goes.
        check_only(&["emails.value"], json!({"emails": [{"value": "bo@x"}]}));
        check_only(&[r#"emails[type eq "].b"].value"#], json!({"emails": [{"value": "bo@x"}]}));
        check_only(&[r#"emails[type eq "home"]"#], json!({"emails": stored()["emails"]}));
        check_only(&[&format!("{CORE}:userName")], json!({"userName": "bo"}));
    }

    #[test]
    fn extensions() {
        check_only(&[&ENT.to_uppercase()], json!({ENT: stored()[ENT]}));
        check_only(&[&format!("{ENT}:Department")], json!({ENT: {"department": "Galley"}}));
        check_only(&[&format!("{ENT}:manager.value")], json!({ENT: {"manager": {"value": "u-2"}}}));
        check_only(&["Department"], json!({ENT: {"department": "Galley"}}));
        check_without(&["manager"], json!({ENT: {"department": "Galley"}}));
        check_without(&[ENT], json!({ENT: null}));
        let user = Registry::core().resource_type("User").unwrap();
        let hidden = Selection::Without(names(&[ENT]));
        assert!(!Projection::of(&hidden, user, Registry::core()).shows(&ENT.to_lowercase()));
        check_without(&[&format!("{ENT}:manager")], json!({ENT: {"department": "Galley"}}));
        check_without(
            &[&format!("{ENT}:manager.value"), &format!("{ENT}:department")],
            json!({ENT: {"manager": {"displayName": "Al"}}}),
        );
        check_without(
            &[&format!("{ENT}:manager"), &format!("{ENT}:department")],
            json!({ENT: null}),
        );
        let mut whole = stored();
        let object = whole.as_object_mut().unwrap();
        object.retain(|name, _| {
            !["schemas", "id", "password", "shoeSize", ENT].contains(&name.as_str())
        });
        check_only(&[CORE], whole);
    }

    #[test]
    fn all_but_what_is_named() {
        check_without(&["id", "schemas", "shoe", "departments"], json!({}));
        check_without(&["GROUPS", "name"], json!({"groups": null, "name": null}));
        check_without(&["name.familyName"], json!({"name": {"givenName": "Bo"}}));
        check_without(&["emails.type"], json!({"emails": [{"value": "bo@x"}]}));
        check_without(&["emails.type", "emails"], json!({"emails": null}));
        check_without(&["groups.type"], json!({"groups": [{"value": "g-1"}]}));
    }

    #[test]
    fn characteristics_of_other_schemas() {
        let schema = r#"{"id":"urn:x:Device","attributes":[
            {"name":"serial","returned":"always"},
            {"name":"log","returned":"request"},
            {"name":"pin","mutability":"writeOnly"},
            {"name":"port","type":"complex","multiValued":true,"subAttributes":[
                {"name":"number","type":"integer","returned":"always"},
                {"name":"speed"},
                {"name":"trace","returned":"request"},
                {"name":"key","returned":"never"}]}]}"#;
        let rt = r#"{"name":"Device","endpoint":"/Devices","schema":"urn:x:Device"}"#;
        let registry = Registry::parse(&[schema], &[rt]).unwrap();
        let check = |selection: Selection, expected: Value| {
            let Value::Object(mut device) = json!({
                "serial": "1", "log": "l", "pin": "secret",
                "port": [{"number": 1, "speed": "s", "trace": "t", "key": "secret"}],
            }) else {
                unreachable!()
            };
            let projection = Projection::of(&selection, &registry.resource_types()[0], &registry);
            projection.apply(&mut device);
            assert_eq!(Value::Object(device), expected, "{selection:?}");
        };
        let port = json!([{"number": 1, "speed": "s"}]);
        check(Selection::Default, json!({"serial": "1", "port": port}));
        let only = |list: &[&str]| Selection::Only(names(list));
        check(only(&["pin", "port.key"]), json!({"serial": "1"}));
        check(only(&["log"]), json!({"serial": "1", "log": "l"}));
        check(only(&["urn:x:Device"]), json!({"serial": "1", "port": port}));
        check(only(&["port"]), json!({"serial": "1", "port": port}));
        check(only(&["port.trace"]), json!({"serial": "1", "port": [{"number": 1, "trace": "t"}]}));
        check(
            only(&["port.trace", "port"]),
            json!({"serial": "1", "port": [{"number": 1, "speed": "s", "trace": "t"}]}),
        );
        let without = |list: &[&str]| Selection::Without(names(list));
        check(without(&["serial", "log", "port"]), json!({"serial": "1"}));
        check(
            without(&["port.number", "port.speed"]),
            json!({"serial": "1", "port": [{"number": 1}]}),
        );
    }

    proptest! {
        /// No selection shows a secret or hides an id.
        #[test]
        fn holds_for_all_names(
            list in prop::collection::vec("\\PC{0,4}|(password|id|emails|URN|[.\\[\\]:]){0,4}", 0..4),
        ) {
            for selection in [Selection::Only(list.clone()), Selection::Without(list.clone())] {
                let shown = project(&selection);
                prop_assert!(shown.get("password").is_none());
                prop_assert_eq!(&shown["id"], "u-1");
            }
        }
    }
}
