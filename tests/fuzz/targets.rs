//! The parsers of requests and of stored bytes, with the properties that hold for any input.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use canonical::Document;
use caseless::case_folded;
use scim::{
    AttrPath, Bounds, Change, ChangePath, Element, Filter, JsonErrorKind, PatchPath, Plan,
    Profiles, Registry, Resource, ResourceType, ScimError, ScimType, Settings, apply_patch, diff,
    parse_bulk, parse_json, parse_patch, settle, without_mark,
};
use serde_json::{Map, Value, json};

/// Inputs hold it as a value; no error may repeat it.
const SECRET: &str = "s3cret";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn resource_types() -> &'static [ResourceType] {
    Registry::core().resource_types()
}

/// An error is a client error and repeats no value.
#[track_caller]
fn check_refusal(error: &ScimError, expected: &[Option<ScimType>]) {
    assert!(expected.contains(&error.scim_type), "{error:?}");
    let status = if error.scim_type.is_some() { 400 } else { 413 };
    assert_eq!(error.status, status, "{error:?}");
    assert!(!error.detail.contains(SECRET), "{error:?}");
    assert!(error.detail.len() < 1_000, "{error:?}");
}

/// A filter is parsed or refused, the same with spaces and parentheses around it, and its negation
/// matches the opposite.
pub fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let registry = Registry::core();
    for rt in resource_types() {
        for scope in [Some(rt), None] {
            let filter = match Filter::parse(text, scope, registry) {
                Ok(filter) => filter,
                Err(error) => {
                    check_refusal(&error, &[Some(ScimType::InvalidFilter)]);
                    continue;
                }
            };
            // The additions may exceed a limit.
            if let Ok(same) = Filter::parse(&format!(" ({text}\t)"), scope, registry) {
                assert_eq!(same, filter);
            }
            let matches = filter.matches(rt, registry, stored(&rt.name));
            if let Ok(not) = Filter::parse(&format!("not ({text})"), scope, registry) {
                assert_ne!(not.matches(rt, registry, stored(&rt.name)), matches);
            }
            if let Some((path, _)) = filter.as_equality() {
                assert_eq!(AttrPath::parse(&path.to_string(), scope, registry).as_ref(), Ok(path));
            }
        }
    }
}

/// A path is parsed or refused; a parsed path survives writing and parsing.
pub fn patch_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let registry = Registry::core();
    for rt in resource_types() {
        let path = match PatchPath::parse(rt, registry, text) {
            Ok(path) => path,
            Err(error) => {
                let expected = [Some(ScimType::InvalidPath), Some(ScimType::InvalidFilter)];
                check_refusal(&error, &expected);
                continue;
            }
        };
        match path {
            PatchPath::Schema(urn) => assert!(registry.schema(&urn).is_some()),
            PatchPath::Attribute(ref attribute) => {
                let again = PatchPath::parse(rt, registry, &attribute.to_string());
                assert_eq!(again.as_ref(), Ok(&path));
            }
            PatchPath::Filtered { path: attribute, filter } => {
                let bracket = text.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']'));
                let (inner, _) = bracket.expect("a filter stands in brackets");
                let whole = AttrPath { sub: None, ..attribute.clone() };
                let tail = attribute.sub.map_or_else(String::new, |sub| format!(".{sub}"));
                let again =
                    PatchPath::parse(rt, registry, &format!("{whole}[{inner}]{tail}")).unwrap();
                let PatchPath::Filtered { filter: same, .. } = again else {
                    panic!("{again:?}");
                };
                assert_eq!(same, filter);
            }
        }
    }
}

fn stored(rt: &str) -> &'static Map<String, Value> {
    static STORED: LazyLock<BTreeMap<&str, Map<String, Value>>> = LazyLock::new(|| {
        let user = json!({
            "userName": "Åsa@fjord.example",
            "externalId": "jdoe",
            "active": false,
            "name": {"givenName": "Åsa", "familyName": "Lund"},
            "emails": [
                {"type": "work", "value": "asa@fjord.example", "primary": true},
                {"type": "home", "value": "asa@home.example"},
                {"value": "asa@boat.example", "display": "Boat"},
            ],
            "roles": [{"value": "7", "primary": true}, {"display": "Cook"}],
            "x509Certificates": [{"value": "AAEC"}],
            ENT: {"department": "Pilots", "manager": {"value": "u-7"}},
        });
        let group = json!({"displayName": "Harbour crew", "externalId": "g-1"});
        [("User", user), ("Group", group)]
            .into_iter()
            .map(|(name, value)| (name, value.as_object().unwrap().clone()))
            .collect()
    });
    &STORED[rt]
}

/// A PATCH is applied or refused. The result is in stored form, and the diff leads to it.
pub fn patch_body(bytes: &[u8]) {
    let bounds = Bounds::default();
    let Ok(body) = parse_json(bytes, &bounds) else {
        return;
    };
    let operations = match parse_patch(body, bounds.operations_max) {
        Ok(operations) => operations,
        Err(error) => return check_refusal(&error, &[Some(ScimType::InvalidSyntax), None]),
    };
    let registry = Registry::core();
    for rt in resource_types() {
        for settings in [Settings::generic(), Settings::strict()] {
            let old = stored(&rt.name);
            let patched = match apply_patch(rt, registry, &settings, old, &operations) {
                Ok(patched) => patched,
                Err(error) => {
                    let expected = [
                        ScimType::InvalidPath,
                        ScimType::InvalidFilter,
                        ScimType::InvalidValue,
                        ScimType::Mutability,
                        ScimType::NoTarget,
                    ];
                    let mut expected: Vec<_> = expected.into_iter().map(Some).collect();
                    expected.push(None);
                    check_refusal(&error, &expected);
                    continue;
                }
            };
            let new = patched.attributes;
            check_kept(&Value::Object(new.clone()));
            let read =
                Resource::read(rt, registry, &Settings::generic(), &Value::Object(new.clone()));
            assert_eq!(read.map(|read| read.attributes), Ok(new.clone()), "read again");

            let changes = diff(old, &new);
            let settled = settle(old, new.clone());
            assert_eq!(play(old, &changes), settled, "{changes:#?}");
            assert_eq!(settle(old, settled.clone()), settled);
            assert_eq!(diff(old, &settled), changes);
            assert!(diff(&settled, &new).is_empty(), "order alone is no change");
        }
    }
}

/// A stored state holds nothing empty and nothing secret.
fn check_kept(value: &Value) {
    match value {
        Value::Null => panic!("null is kept"),
        Value::String(text) => assert!(!text.is_empty(), "an empty text is kept"),
        Value::Array(list) => {
            assert!(!list.is_empty(), "an empty list is kept");
            list.iter().for_each(check_kept);
        }
        Value::Object(object) => {
            assert!(!object.is_empty(), "an empty object is kept");
            assert!(!object.contains_key("password"));
            object.values().for_each(check_kept);
        }
        Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Applies changes to a state, as a reader of the log would.
fn play(old: &Map<String, Value>, changes: &[Change]) -> Map<String, Value> {
    let mut state = old.clone();
    for Change { path, new, .. } in changes {
        let ChangePath { schema, attribute, element, sub } = path;
        let holder = match schema {
            Some(urn) => object(state.entry(urn.clone()).or_insert_with(|| json!({}))),
            None => &mut state,
        };
        match (element, sub) {
            (None, None) => put(holder, attribute, new.clone()),
            (None, Some(sub)) => {
                let whole = object(holder.entry(attribute.clone()).or_insert_with(|| json!({})));
                put(whole, sub, new.clone());
                if whole.is_empty() {
                    holder.remove(attribute);
                }
            }
            (Some(element), sub) => {
                let list = holder.entry(attribute.clone()).or_insert_with(|| json!([]));
                let Value::Array(list) = list else {
                    panic!("{attribute} is no list");
                };
                let place = list.iter().position(|one| is_named(one, element));
                match (place, sub, new) {
                    (Some(place), Some(sub), new) => {
                        put(object(&mut list[place]), sub, new.clone())
                    }
                    (Some(place), None, None) => drop(list.remove(place)),
                    (None, None, Some(new)) => list.push(new.clone()),
                    other => panic!("{path}: {other:?}"),
                }
                if list.is_empty() {
                    holder.remove(attribute);
                }
            }
        }
    }
    state.retain(|_, value| *value != json!({}));
    state
}

fn is_named(one: &Value, element: &Element) -> bool {
    let text = |part: &str| one.get(part).and_then(Value::as_str);
    match element {
        Element::Type(name) => {
            text("type").is_some_and(|text| case_folded(text) == case_folded(name))
        }
        Element::Value(name) => text("value") == Some(name),
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(object.insert(name.to_owned(), value)),
        None => drop(object.remove(name)),
    }
}

/// A Bulk request is parsed or refused. Its order holds each operation once, and references are
/// resolved, known or not.
pub fn bulk(bytes: &[u8]) {
    const OPERATIONS_MAX: usize = 1_000;
    let Ok(body) = parse_json(bytes, &Bounds::default()) else {
        return;
    };
    let request = match parse_bulk(body, OPERATIONS_MAX) {
        Ok(request) => request,
        Err(error) => {
            let expected = [Some(ScimType::InvalidSyntax), Some(ScimType::InvalidValue), None];
            return check_refusal(&error, &expected);
        }
    };
    let count = request.operations.len();
    assert!(count <= OPERATIONS_MAX, "{count} operations");
    let mut order = request.order();
    order.sort_unstable();
    assert!(order.into_iter().eq(0..count), "an order of other operations");
    for mut operation in request.operations {
        let mut known = operation.clone();
        let resolved = known.resolve(&|id| Some(format!("u-{id}")));
        assert!(resolved.unresolved.is_empty() && resolved.held_back.is_none(), "all are known");
        let _ = operation.resolve(&|_| None);
    }
}

/// Accepted input is JSON within the bounds and equals serde_json's result; refused input is no JSON or
/// exceeds a bound.
pub fn json_bounds(bytes: &[u8]) {
    let bounds = Bounds::default();
    let whole = serde_json::from_slice::<Value>(without_mark(bytes));
    match parse_json(bytes, &bounds) {
        Ok(value) => {
            let (values, depth) = size(&value);
            assert!(values <= bounds.values_max && depth <= bounds.depth_max);
            assert_eq!(whole.ok().as_ref(), Some(&value));
            assert_eq!(parse_json(&canonical::json(&value), &bounds), Ok(value));
        }
        Err(error) => {
            assert!(error.line >= 1 && error.column <= bytes.len(), "{error:?}");
            check_refusal(&ScimError::from(error), &[Some(ScimType::InvalidSyntax), None]);
            let Ok(whole) = whole else {
                return;
            };
            let (values, depth) = size(&whole);
            match error.kind {
                JsonErrorKind::Syntax | JsonErrorKind::NotUtf8 => panic!("is JSON"),
                JsonErrorKind::TooDeep => {
                    assert!(depth > bounds.depth_max || repeats_a_name(bytes), "is not so deep");
                }
                JsonErrorKind::TooMany => {
                    assert!(values > bounds.values_max || repeats_a_name(bytes), "are not so many");
                }
                JsonErrorKind::DuplicateName => assert!(repeats_a_name(bytes), "is not said twice"),
            }
        }
    }
}

/// The number of values and names, and the depth.
fn size(value: &Value) -> (usize, usize) {
    let inner: Vec<(usize, usize)> = match value {
        Value::Array(list) => list.iter().map(size).collect(),
        Value::Object(object) => {
            object.values().map(size).map(|(values, depth)| (values + 1, depth)).collect()
        }
        _ => return (1, 0),
    };
    let values = inner.iter().map(|(values, _)| values).sum::<usize>() + 1;
    (values, inner.iter().map(|(_, depth)| depth).max().unwrap_or(&0) + 1)
}

/// Whether an object in valid JSON repeats a name, ignoring letter case; found without a map.
fn repeats_a_name(bytes: &[u8]) -> bool {
    let mut open: Vec<Vec<String>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => open.push(Vec::new()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let start = at;
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let text: String = serde_json::from_slice(&bytes[start..=at]).unwrap();
                let mut rest = bytes[at + 1..].iter().filter(|byte| !byte.is_ascii_whitespace());
                // A string before a colon is a name.
                if rest.next() == Some(&b':')
                    && let Some(names) = open.last_mut()
                {
                    let name = text.to_ascii_lowercase();
                    if names.contains(&name) {
                        return true;
                    }
                    names.push(name);
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// A body that is read in one pass gives what the general way gives.
pub fn plain_body(bytes: &[u8]) {
    static PLANS: LazyLock<Vec<(&'static ResourceType, Plan, Settings)>> = LazyLock::new(|| {
        let (registry, profiles) = Profiles::built_in();
        let generic = profiles.get("generic").expect("a built-in profile");
        let profile = generic.at(0).0;
        let settings = profile.settings(b"{}");
        let plans = resource_types().iter().map(|rt| {
            let plan = Plan::of(&registry, rt, &settings, profile, &[], |_, _| false);
            (rt, plan.expect("core types have plans"), settings.clone())
        });
        plans.collect()
    });
    for (rt, plan, settings) in &*PLANS {
        let Some(flat) = plan.read(bytes, Some("the-id"), None) else { continue };
        let value = parse_json(bytes, &Bounds::default()).expect("what is plain is JSON");
        let read = Resource::read(rt, Registry::core(), settings, &value);
        let mut read = read.expect("what is plain is accepted");
        read.attributes.insert("id".to_owned(), "the-id".into());
        let state = settle(&Map::new(), read.attributes);
        assert_eq!(flat.state, Document::of(&state));
        assert_eq!(flat.members, read.members);
        assert!(read.unknown.is_empty());
    }
}

/// Stored bytes are refused or decoded; what is decoded is encoded to the same bytes, and its header and
/// structural facts alone say the same of what is structural.
pub fn stored_event(bytes: &[u8]) {
    const SEQ: u64 = 42;
    let Ok(event) = event::codec::decode(SEQ, bytes, &event::codec::Plain) else {
        // Damage within a part is not looked for.
        let _ = event::codec::decode_facts(SEQ, bytes);
        return;
    };
    let facts = event::codec::decode_facts(SEQ, bytes).expect("the whole event can be read");
    assert_eq!(facts.structure, event.structure);
    assert_eq!(facts.header.fact, event.header.fact);
    let again = event::codec::encode(&event).expect("what was read can be written");
    assert_eq!(
        event::codec::decode(SEQ, &again, &event::codec::Plain).expect("and read again"),
        event
    );
}
