use super::*;
use crate::error::ScimType;
use crate::patch::{MemberOperation, Patched, apply_patch, parse_patch};
use crate::resource::Resource;
use crate::schema::Registry;
use crate::settings::Settings;
use serde_json::json;

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0";

fn read(rt: &str, body: &Value) -> Result<Resource, ScimError> {
    let registry = Registry::core();
    Resource::read(registry.resource_type(rt).unwrap(), registry, &Settings::generic(), body)
}

fn patch(rt: &str, stored: &Value, operations: Vec<Value>) -> Result<Patched, ScimError> {
    let registry = Registry::core();
    let operations = parse_patch(json!({"Operations": operations}), 10_000)?;
    let rt = registry.resource_type(rt).unwrap();
    apply_patch(rt, registry, &Settings::generic(), stored.as_object().unwrap(), &operations)
}

fn user(emails: &Value) -> Value {
    json!({"userName": "bo", "emails": emails})
}

fn group(members: &Value) -> Value {
    json!({"displayName": "Crew", "members": members})
}

fn emails(range: std::ops::Range<usize>) -> Value {
    range.map(|n| json!({"value": format!("secret{n}@x")})).collect()
}

fn ids(count: usize) -> Value {
    (0..count).map(|n| format!("secret{n}")).collect()
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(got: Result<T, ScimError>, status: u16, named: &[&str]) {
    let error = got.unwrap_err();
    let scim_type = (status == 400).then_some(ScimType::InvalidValue);
    assert_eq!((error.status, error.scim_type), (status, scim_type), "{error}");
    for one in named {
        assert!(error.detail.contains(one), "{error}");
    }
    assert!(!error.detail.contains("secret"), "{error}");
}

#[test]
fn elements_that_come_in() {
    let named = ["emails must have at most 1000"];
    assert!(read("User", &user(&emails(0..ELEMENTS_MAX))).is_ok());
    check_refused(read("User", &user(&emails(0..ELEMENTS_MAX + 1))), 400, &named);
    // Counted as they come, not when they have become one.
    check_refused(read("User", &user(&json!(vec!["secret"; 1_001]))), 400, &named);
    check_refused(read("User", &user(&json!(vec![Value::Null; 1_001]))), 400, &named);
    let stored = user(&emails(0..1));
    for op in ["add", "replace", "remove"] {
        let one = json!({"op": op, "path": "emails", "value": emails(0..ELEMENTS_MAX + 1)});
        check_refused(patch("User", &stored, vec![one]), 400, &named);
    }
}

#[test]
fn elements_that_are_added() {
    let stored = user(&emails(0..ELEMENTS_MAX - 1));
    let add = |range| json!({"op": "add", "path": "emails", "value": emails(range)});
    let named = ["Operations[1]", "emails must have at most 1000"];
    // Those that are there already do not count.
    let patched = patch("User", &stored, vec![add(0..10), add(990..1_000)]).unwrap();
    assert_eq!(patched.attributes["emails"].as_array().unwrap().len(), ELEMENTS_MAX);
    check_refused(patch("User", &stored, vec![add(0..10), add(990..1_001)]), 400, &named);
    let create = |n: usize| {
        let path = format!("emails[value eq \"secret-{n}\"].display");
        json!({"op": "replace", "path": path, "value": "secret"})
    };
    assert!(patch("User", &stored, vec![create(1)]).is_ok());
    check_refused(patch("User", &stored, vec![create(1), create(2)]), 400, &named);
}

#[test]
fn members_of_one_request() {
    let named = ["50000 members"];
    assert_eq!(
        read("Group", &group(&ids(MEMBERS_MAX))).unwrap().members.unwrap().len(),
        MEMBERS_MAX
    );
    check_refused(read("Group", &group(&ids(MEMBERS_MAX + 1))), 413, &named);
    let stored = json!({"displayName": "Crew"});
    let operation = |op: &str, count| json!({"op": op, "path": "members", "value": ids(count)});
    let half = MEMBERS_MAX / 2;
    for (one, other) in [("add", "remove"), ("remove", "replace"), ("replace", "add")] {
        let both = |more| vec![operation(one, half), operation(other, half + more)];
        assert_eq!(patch("Group", &stored, both(0)).unwrap().members.len(), 2);
        check_refused(patch("Group", &stored, both(1)), 413, &["Operations[1]", named[0]]);
    }
    let filtered = json!({"op": "remove", "path": "members[value eq \"secret\"]"});
    let all = vec![operation("add", MEMBERS_MAX - 1), filtered.clone(), filtered];
    assert!(matches!(
        patch("Group", &stored, all[..2].to_vec()).unwrap().members[1],
        MemberOperation::Remove(_)
    ));
    check_refused(patch("Group", &stored, all), 413, &["Operations[2]", named[0]]);
}

#[test]
fn many_operations_on_a_small_list() {
    let stored = user(&emails(0..10));
    let filtered = |op: &str, n: usize, value: Value| {
        let path = format!("emails[value eq \"secret{}@x\" and value pr].display", n % 10);
        json!({"op": op, "path": path, "value": value})
    };
    let all = |one: &dyn Fn(usize) -> Value| (0..10_000).map(one).collect::<Vec<_>>();
    let whole = |op: &str| json!({"op": op, "path": "emails", "value": emails(0..10)});
    for operations in [
        all(&|n| filtered("replace", n, json!(format!("d{n}")))),
        all(&|n| filtered("remove", n, Value::Null)),
        all(&|n| json!({"op": "add", "path": "emails", "value": emails(n % 10..n % 10 + 1)})),
        all(&|_| whole("add")),
        all(&|_| whole("replace")),
        all(&|_| json!({"op": "replace", "path": "emails.display", "value": "d"})),
        all(&|n| json!({"op": "remove", "path": "emails", "value": [{"value": format!("x{n}")}]})),
    ] {
        let patched = patch("User", &stored, operations).unwrap();
        assert!(patched.attributes["emails"].as_array().unwrap().len() >= 10);
    }
}

#[test]
fn many_operations_on_a_long_list() {
    let stored = user(&emails(0..ELEMENTS_MAX));
    let named = ["looks at more than 200000"];
    for one in [
        json!({"op": "add", "path": "emails", "value": {"value": "secret1@x"}}),
        json!({"op": "replace", "path": "emails[value eq \"secret1@x\"].display", "value": "d"}),
        json!({"op": "replace", "path": "emails.display", "value": "d"}),
        json!({"op": "remove", "path": "emails[value eq \"secret\"]"}),
        json!({"op": "remove", "path": "emails[value eq \"secret\"].display"}),
        json!({"op": "remove", "path": "emails.display"}),
        json!({"op": "remove", "path": "emails", "value": ["secret"]}),
        json!({"op": "replace", "path": "emails[value eq \"secret\"]", "value": null}),
    ] {
        assert!(patch("User", &stored, vec![one.clone(); 190]).is_ok(), "{one}");
        check_refused(patch("User", &stored, vec![one; 10_000]), 413, &named);
    }
    let replace = json!({"op": "replace", "value": {"emails": emails(0..ELEMENTS_MAX)}});
    check_refused(patch("User", &stored, vec![replace; 201]), 413, &named);
    // A body can have as many paths as a PATCH has operations.
    let body: Map<String, Value> =
        (0..20_000).map(|n| (format!("emails[value eq {n}].type"), json!("secret"))).collect();
    check_refused(read("User", &Value::Object(body)), 413, &named);
}

#[test]
fn long_filters_and_elements_count_more() {
    let named = ["looks at more than 200000"];
    let terms: Vec<String> = (0..500).map(|n| format!("value eq {n}")).collect();
    for filter in [terms.join(" or "), format!("value eq \"{}\"", "s".repeat(8_000))] {
        let path = format!("emails[{filter}]");
        let remove = json!({"op": "remove", "path": path});
        let stored = user(&emails(0..ELEMENTS_MAX));
        assert!(patch("User", &stored, vec![remove.clone()]).is_ok());
        check_refused(patch("User", &stored, vec![remove; 100]), 413, &named);
    }
    let long: Value =
        (0..100).map(|n| json!({"value": format!("{n}{}", "Σ".repeat(5_000))})).collect();
    let add = json!({"op": "add", "path": "emails", "value": long[0]});
    check_refused(patch("User", &user(&long), vec![add; 500]), 413, &named);
}

#[test]
fn a_selection_is_looked_up() {
    let stored = user(&emails(0..ELEMENTS_MAX));
    let selection: Value = (0..ELEMENTS_MAX)
        .map(|n| match n % 2 {
            0 => json!({"value": format!("SECRET{n}@x")}),
            _ => json!({"value": format!("secret{n}@x"), "type": "work"}),
        })
        .collect();
    let operation = json!({"op": "remove", "path": "emails", "value": selection});
    let patched = patch("User", &stored, vec![operation; 30]).unwrap();
    let left = patched.attributes["emails"].as_array().unwrap();
    assert_eq!(left.len(), ELEMENTS_MAX / 2);
    assert!(left.iter().all(|one| one["value"].as_str().unwrap().len() > 8));
}

#[test]
fn a_resource_has_a_size() {
    let named = ["1048576 bytes"];
    // In `"` two bytes of JSON are one of text.
    let wide = |count: usize| json!("\"".repeat(count));
    let whole = |last: usize| {
        let mut list = vec![wide(32_000); 16];
        list.push(wide(last));
        let list: Value = list
            .iter()
            .enumerate()
            .map(|(n, one)| json!({"value": n.to_string(), "display": one}))
            .collect();
        json!({"userName": "bo", "emails": list})
    };
    let base = canonical::json(&whole(0));
    // An empty text is not kept.
    let room = (RESOURCE_BYTES_MAX - base.len()) / 2;
    let fitting = whole(room);
    assert!(RESOURCE_BYTES_MAX - canonical::json(&fitting).len() < 2);
    let stored = read("User", &fitting).unwrap();
    check_refused(read("User", &whole(room + 1)), 413, &named);
    let stored = Value::Object(stored.attributes);
    let title = |text: &str| vec![json!({"op": "add", "path": "title", "value": text})];
    check_refused(patch("User", &stored, title("secret")), 413, &named);
    let mut operations = title("secret");
    operations.push(json!({"op": "remove", "path": "emails[value eq \"0\"]"}));
    assert!(patch("User", &stored, operations).is_ok());
}

#[test]
fn one_value_does_not_multiply() {
    let stored = user(&emails(0..ELEMENTS_MAX));
    let all = json!({"op": "replace", "path": "emails.display", "value": "x".repeat(60_000)});
    let clear = json!({"op": "remove", "path": "emails"});
    check_refused(patch("User", &stored, vec![all, clear]), 413, &["Operations[0]", "bytes"]);
}

#[test]
fn names_have_no_white_space() {
    for name in [" title", "title ", "\u{a0}title", "title\u{a0}", "\ttitle"] {
        let body = json!({"userName": "bo", name: "secret"});
        assert_eq!(read("User", &body).unwrap().attributes.len(), 1, "{name:?}");
        let stored = json!({"userName": "bo"});
        let patched = patch("User", &stored, vec![json!({"op": "add", "value": {name: "secret"}})]);
        assert_eq!(Value::Object(patched.unwrap().attributes), stored, "{name:?}");
        for path in [name, name.trim_matches(char::is_alphabetic)] {
            let operation = json!({"op": "add", "path": path, "value": "secret"});
            let error = patch("User", &stored, vec![operation]).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidPath), "{path:?}");
        }
        let body = json!({"userName": "bo", format!("{CORE}:User:{name}"): "secret"});
        assert_eq!(read("User", &body).unwrap().attributes.len(), 1, "{name:?}");
    }
    let stored = json!({"userName": "bo"});
    let whole = json!({"op": "add", "path": "", "value": {"title": "Cook"}});
    assert_eq!(patch("User", &stored, vec![whole]).unwrap().attributes["title"], "Cook");
}
