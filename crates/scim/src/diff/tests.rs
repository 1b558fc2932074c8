use super::*;
use proptest::prelude::*;
use serde_json::json;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What a reader of changes does, as plainly as it can be said.
fn apply(old: &Map<String, Value>, changes: &[Change]) -> Map<String, Value> {
    let mut state = old.clone();
    for change in changes {
        let path = &change.path;
        let scope = match &path.schema {
            None => &mut state,
            Some(urn) => state.entry(urn).or_insert_with(|| json!({})).as_object_mut().unwrap(),
        };
        let set = |object: &mut Map<String, Value>, name: &String| match &change.new {
            Some(new) => object.insert(name.clone(), new.clone()),
            None => object.remove(name),
        };
        match (&path.element, &path.sub) {
            (None, None) => assert_eq!(set(scope, &path.attribute), change.old),
            (None, Some(sub)) => {
                let whole = scope.entry(&path.attribute).or_insert_with(|| json!({}));
                assert_eq!(set(whole.as_object_mut().unwrap(), sub), change.old);
            }
            (Some(element), sub) => {
                let whole = scope.entry(&path.attribute).or_insert_with(|| json!([]));
                let list = whole.as_array_mut().unwrap();
                let place = list.iter().position(|one| match element {
                    Element::Type(text) => {
                        case_folded(one["type"].as_str().unwrap()) == case_folded(text)
                    }
                    Element::Value(text) => one["value"] == *text,
                });
                match (sub, &change.new) {
                    (Some(sub), _) => {
                        let object = list[place.unwrap()].as_object_mut().unwrap();
                        assert_eq!(set(object, sub), change.old);
                    }
                    (None, Some(new)) => {
                        assert_eq!(place, None);
                        list.push(new.clone());
                    }
                    (None, None) => assert_eq!(Some(list.remove(place.unwrap())), change.old),
                }
            }
        }
        let filled = |value: &Value| *value != json!({}) && *value != json!([]);
        scope.retain(|_, value| filled(value));
        state.retain(|_, value| filled(value));
    }
    state
}

#[track_caller]
fn check(old: Value, new: Value, expected: &[&str]) {
    let (old, new) = (map(old), map(new));
    let changes = diff(&old, &new);
    let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
    let shown: Vec<String> = changes
        .iter()
        .map(|one| format!("{}: {} > {}", one.path, text(&one.old), text(&one.new)))
        .collect();
    assert_eq!(shown, expected);
    let settled = settle(&old, new.clone());
    assert_eq!(apply(&old, &changes), settled);
    assert_eq!(diff(&old, &settled), changes, "settling changes no meaning");
    assert_eq!(diff(&settled, &new), []);
}

#[test]
fn simple_and_complex() {
    check(
        json!({"userName": "bo", "title": "Cook", "name": {"givenName": "Bo", "familyName": "Ek"}}),
        json!({"userName": "bo", "active": true, "name": {"familyName": "Al", "formatted": "Al"}}),
        &[
            "active: - > true",
            r#"name.familyName: "Ek" > "Al""#,
            r#"name.formatted: - > "Al""#,
            r#"name.givenName: "Bo" > -"#,
            r#"title: "Cook" > -"#,
        ],
    );
    check(json!({}), json!({"name": {"givenName": "Bo"}}), &[r#"name.givenName: - > "Bo""#]);
}

#[test]
fn extensions() {
    check(
        json!({"urn:x:2.0:User": {"department": "A", "manager": {"value": "u-1"}}}),
        json!({"urn:x:2.0:User": {"manager": {"value": "u-2"}}, "urn:y": {"rank": 1}}),
        &[
            r#"urn:x:2.0:User:department: "A" > -"#,
            r#"urn:x:2.0:User:manager.value: "u-1" > "u-2""#,
            "urn:y:rank: - > 1",
        ],
    );
    check(json!({"urn:y": {"rank": 1}}), json!({}), &["urn:y:rank: 1 > -"]);
}

#[test]
fn elements_by_type() {
    check(
        json!({"emails": [
            {"type": "work", "value": "a@x", "primary": true},
            {"type": "home", "value": "b@x"},
        ]}),
        json!({"emails": [
            {"type": "other\"", "value": "c@x"},
            {"type": "Work", "value": "d@x", "display": "D"},
        ]}),
        &[
            r#"emails[type eq "work"].display: - > "D""#,
            r#"emails[type eq "work"].primary: true > -"#,
            r#"emails[type eq "work"].type: "work" > "Work""#,
            r#"emails[type eq "work"].value: "a@x" > "d@x""#,
            r#"emails[type eq "home"]: {"type":"home","value":"b@x"} > -"#,
            r#"emails[type eq "other\""]: - > {"type":"other\"","value":"c@x"}"#,
        ],
    );
}

#[test]
fn types_are_one_in_any_case() {
    check(
        json!({"emails": [{"type": "straße", "value": "a"}, {"type": "ſam", "value": "b"}]}),
        json!({"emails": [{"type": "STRASSE", "value": "c"}, {"type": "ſam", "value": "b"}]}),
        &[
            r#"emails[type eq "straße"].type: "straße" > "STRASSE""#,
            r#"emails[type eq "straße"].value: "a" > "c""#,
        ],
    );
}

#[test]
fn elements_by_value_or_whole() {
    check(
        json!({"roles": [{"value": "a"}, {"value": "b", "type": "t"}]}),
        json!({"roles": [{"value": "A"}, {"value": "b"}]}),
        &[
            r#"roles[value eq "a"]: {"value":"a"} > -"#,
            r#"roles[value eq "b"].type: "t" > -"#,
            r#"roles[value eq "A"]: - > {"value":"A"}"#,
        ],
    );
    // Both types are "work" in the new list, so neither list is named by type.
    check(
        json!({"emails": [{"type": "work", "value": "a"}]}),
        json!({"emails": [{"type": "work", "value": "a"}, {"type": "WORK", "value": "b"}]}),
        &[r#"emails[value eq "b"]: - > {"type":"WORK","value":"b"}"#],
    );
    check(
        json!({"addresses": [{"locality": "Moss"}]}),
        json!({"addresses": [{"locality": "Bod"}]}),
        &[r#"addresses: [{"locality":"Moss"}] > [{"locality":"Bod"}]"#],
    );
}

#[test]
fn order_alone_is_no_change() {
    let (a, b) = (json!({"type": "a", "value": "1"}), json!({"type": "b", "value": "2"}));
    check(json!({"emails": [a, b]}), json!({"emails": [b, a]}), &[]);
    check(json!({"tags": [2, "x"]}), json!({"tags": ["x", 2]}), &[]);
    let settled =
        settle(&map(json!({"emails": [a]})), map(json!({"emails": [b, {"type": "0"}, a]})));
    assert_eq!(
        settled,
        map(json!({"emails": [a, b, {"type": "0"}]})),
        "old ones first, new ones as they came"
    );
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("A"), Just("b"), Just("c\"]")].prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![text().prop_map(Value::from), any::<bool>().prop_map(Value::from)]
}

fn complex() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("type"), Just("value"), Just("primary"), Just("display")];
    let name = name.prop_map(str::to_owned);
    prop::collection::btree_map(name, scalar(), 1..4)
        .prop_map(|parts| Value::Object(parts.into_iter().collect()))
}

fn typed() -> impl Strategy<Value = Value> {
    let part = |name: &'static str, text: Option<String>| text.map(|text| (name, text));
    (text(), prop::option::of(text()), prop::option::of(text())).prop_map(
        move |(kind, value, display)| {
            let parts = [part("type", Some(kind)), part("value", value), part("display", display)];
            parts
                .into_iter()
                .flatten()
                .map(|(name, text)| (name.to_owned(), Value::from(text)))
                .collect()
        },
    )
}

fn attribute() -> impl Strategy<Value = Value> {
    let list =
        |element: BoxedStrategy<Value>| prop::collection::vec(element, 1..4).prop_map(Value::Array);
    prop_oneof![
        scalar(),
        complex(),
        list(complex().boxed()),
        list(typed().boxed()),
        list(scalar().boxed()),
    ]
}

fn attributes() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![Just("p"), Just("q"), Just("urn:z")].prop_map(str::to_owned);
    prop::collection::btree_map(name, attribute(), 0..4)
        .prop_map(|attributes| attributes.into_iter().collect())
}

fn state() -> impl Strategy<Value = Map<String, Value>> {
    (attributes(), attributes()).prop_map(|(mut state, extension)| {
        if !extension.is_empty() {
            state.insert("urn:x:1.0".to_owned(), Value::Object(extension));
        }
        state
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn changes_lead_from_old_to_new(old in state(), new in state()) {
        let changes = diff(&old, &new);
        let settled = settle(&old, new.clone());
        prop_assert_eq!(&apply(&old, &changes), &settled);
        prop_assert_eq!(diff(&settled, &new), vec![]);
        prop_assert_eq!(settle(&old, settled.clone()), settled);
        prop_assert_eq!(diff(&old, &old), vec![]);
        for change in changes {
            prop_assert!(change.old != change.new);
        }
    }
}
