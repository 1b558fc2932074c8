//! One intent in the words of several clients, and operations of any kind.

use super::*;

/// One intent in two dialects: the same state, hence the same changes.
#[track_caller]
fn check_dialects(one: Value, other: Value) {
    let [one, other] = [one, other].map(|operations| {
        let patched = run("User", &Settings::generic(), &stored(), &operations).unwrap();
        diff(stored().as_object().unwrap(), &patched.attributes)
    });
    assert!(!one.is_empty());
    assert_eq!(one, other);
}

#[test]
fn dialects() {
    check_dialects(
        json!([{"op": "Replace", "path": "active", "value": "False"}]),
        json!([{"op": "replace", "value": {"active": false}}]),
    );
    check_dialects(
        json!([
            {"op": "Replace", "path": "name.givenName", "value": "Al"},
            {"op": "Add", "path": format!("{ENT}:department"), "value": "Deck"},
            {"op": "Add", "path": format!("{ENT}:manager"), "value": "u-7"},
            {"op": "Replace", "path": r#"emails[type eq "work"].value"#, "value": "al@fjord.example"},
            {"op": "Add", "path": r#"phoneNumbers[type eq "mobile"].value"#, "value": "+47 555 0101"},
        ]),
        json!([
            {"op": "replace", "value": {
                "name.givenName": "Al",
                format!("{ENT}:department"): "Deck",
                format!("{ENT}:manager"): [{"value": "u-7", "$ref": "../Users/u-7"}],
            }},
            {"op": "replace", "path": r#"emails[type eq "work"].value"#, "value": "al@fjord.example"},
            {"op": "add", "path": "phoneNumbers", "value": [{"type": "mobile", "value": "+47 555 0101"}]},
        ]),
    );
    check_dialects(
        json!([{"op": "Remove", "path": format!("{ENT}:manager")}]),
        json!([{"op": "replace", "value": {ENT: {"manager": ""}}}]),
    );
    // A manager is set without the extension's URN.
    check_dialects(
        json!([{"op": "Add", "path": "manager", "value": [{"$ref": "../Users/u-7", "value": "u-7"}]}]),
        json!([{"op": "add", "path": format!("{ENT}:manager"), "value": {"value": "u-7"}}]),
    );
    check_dialects(
        json!([{"op": "Remove", "path": "manager"}, {"op": "Replace", "path": "Department", "value": "Deck"}]),
        json!([{"op": "replace", "value": {ENT: {"manager": "", "department": "Deck"}}}]),
    );
    check_dialects(
        json!([{"op": "Remove", "path": r#"emails[type eq "home"].value"#}]),
        json!([{"op": "remove", "path": r#"emails[type eq "home"]"#}]),
    );
    check_dialects(
        json!([{"op": "replace", "path": "displayName", "value": "Bo Ek"}]),
        json!([{"op": "add", "value": {"urn:ietf:params:scim:schemas:core:2.0:User:DISPLAYNAME": ["Bo Ek"]}}]),
    );
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        "[a-z]{0,2}|True|work".prop_map(Value::from),
    ];
    let name = prop_oneof![
        r"value|type|primary|display|givenName|\$ref|emails|name|manager|roles|members|x",
        Just("name.givenName".to_owned()),
        Just(ENT.to_owned()),
        Just(format!("{ENT}:manager")),
        Just("emails[type eq \"work\"].value".to_owned()),
        "\\PC{0,3}",
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name.clone(), inner, 0..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

fn operation() -> impl Strategy<Value = Value> {
    let path = prop_oneof![
        Just(Value::Null),
        Just("emails".into()),
        Just("emails[type eq \"work\"]".into()),
        Just("emails[primary eq true].primary".into()),
        Just("emails.primary".into()),
        Just("roles[value sw \"a\" or not (type pr)].type".into()),
        Just("name".into()),
        Just("active".into()),
        Just(ENT.into()),
        Just(format!("{ENT}:manager").into()),
        "\\PC{0,3}".prop_map(Value::from),
    ];
    ("add|remove|replace", path, anything())
        .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Whatever comes in, what comes out is well-formed: reading it changes nothing.
    #[test]
    fn results_are_well_formed(operations in prop::collection::vec(operation(), 1..4)) {
        let operations = Value::Array(operations);
        if let Ok(patched) = run("User", &Settings::generic(), &stored(), &operations) {
            let body = Value::Object(patched.attributes);
            let rt = Registry::core().resource_type("User").unwrap();
            let read = Resource::read(rt, Registry::core(), &Settings { lenient_booleans: false, ..Settings::generic() }, &body);
            prop_assert_eq!(read.map(|one| Value::Object(one.attributes)), Ok(body));
        }
    }

    #[test]
    fn envelope_never_panics(body in anything()) {
        let _ = parse_patch(body.clone(), 3);
        let _ = parse_patch(json!({"Operations": body}), 3);
    }
}
