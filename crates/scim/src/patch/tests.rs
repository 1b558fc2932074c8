use super::*;
use crate::error::ScimType;
use crate::resource::Resource;
use crate::settings::PatchMiss;
use crate::{Bounds, diff, parse_json};
use proptest::prelude::*;
use serde_json::json;

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn stored() -> Value {
    json!({
        "userName": "bo",
        "title": "Cook",
        "name": {"givenName": "Bo", "familyName": "Ek"},
        "emails": [
            {"type": "work", "value": "bo@fjord.example", "primary": true},
            {"type": "home", "value": "bo@home.example"},
        ],
        ENT: {"department": "Galley", "manager": {"value": "u-1"}},
    })
}

fn run(
    rt: &str,
    settings: &Settings,
    stored: &Value,
    operations: &Value,
) -> Result<Patched, ScimError> {
    let registry = Registry::core();
    let operations = parse_patch(json!({"Operations": operations}), 100)?;
    let rt = registry.resource_type(rt).unwrap();
    apply_patch(rt, registry, settings, stored.as_object().unwrap(), &operations)
}

/// `expected` is the stored user with some attributes exchanged (`null`: gone), or the refusal.
#[track_caller]
fn check_with(settings: &Settings, operations: Value, expected: Result<Value, ScimType>) {
    let expected = expected.map(|changed| {
        let mut all = stored();
        let all_attributes = all.as_object_mut().unwrap();
        all_attributes.extend(changed.as_object().unwrap().clone());
        all_attributes.retain(|_, value| !value.is_null());
        all
    });
    match (run("User", settings, &stored(), &operations), expected) {
        (Ok(got), Ok(expected)) => {
            assert_eq!(Value::Object(got.attributes), expected, "{operations}");
        }
        (Err(error), Err(scim_type)) => {
            assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{error}");
            assert!(!error.detail.contains("secret"), "{error}");
        }
        (got, expected) => panic!("{operations}: {got:?} is not {expected:?}"),
    }
}

#[track_caller]
fn check(operations: Value, expected: Result<Value, ScimType>) {
    check_with(&Settings::generic(), operations, expected);
}

#[track_caller]
fn check_members(operations: Value, expected: Result<Vec<MemberOperation>, ScimType>) {
    let group = json!({"displayName": "Crew"});
    let got = run("Group", &Settings::generic(), &group, &operations);
    let got = got.map(|patched| {
        assert_eq!(Value::Object(patched.attributes), group);
        patched.members
    });
    assert_eq!(got.map_err(|error| error.scim_type.unwrap()), expected, "{operations}");
}

fn add(path: &str, value: Value) -> Value {
    json!([{"op": "add", "path": path, "value": value}])
}

fn replace(path: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": path, "value": value}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

fn work() -> Value {
    stored()["emails"][0].clone()
}

fn home() -> Value {
    stored()["emails"][1].clone()
}

#[test]
fn add_to_single_attributes() {
    check(
        json!([{"op": "add", "value": {"nickName": "B", "name": {"middleName": "M"}}}]),
        Ok(
            json!({"nickName": "B", "name": {"givenName": "Bo", "middleName": "M", "familyName": "Ek"}}),
        ),
    );
    check(json!([{"op": "add", "value": "secret"}]), Err(ScimType::InvalidValue));
    check(add("nickName", json!("B")), Ok(json!({"nickName": "B"})));
    check(add("title", json!("Mate")), Ok(json!({"title": "Mate"})));
    check(
        add("name", json!({"givenName": "Al"})),
        Ok(json!({"name": {"givenName": "Al", "familyName": "Ek"}})),
    );
    check(add("title", json!("Cook")), Ok(json!({})));
}

#[test]
fn add_to_lists() {
    let other = json!({"type": "other", "value": "o@fjord.example"});
    let all = json!({"emails": [work(), home(), other]});
    check(add("emails", json!([other])), Ok(all.clone()));
    check(add("emails", other), Ok(all));
    check(add("emails", home()), Ok(json!({})));
    // Values that differ only in case are the same: there is nothing to change.
    check(add("emails", json!({"type": "HOME", "value": "BO@home.example"})), Ok(json!({})));
    check(
        add("emails", json!([{"type": "HOME", "value": "bo@home.example", "display": "Bo"}])),
        Ok(
            json!({"emails": [work(), {"type": "home", "value": "bo@home.example", "display": "Bo"}]}),
        ),
    );
    check(
        add("emails", json!([{"type": "work", "value": "bo@home.example"}])),
        Ok(json!({"emails": [work(), home(), {"type": "work", "value": "bo@home.example"}]})),
    );
    // Without a value all parts tell elements apart, and their case does not either.
    let two = json!([{"locality": "Moss"}, {"locality": "MOSS"}]);
    check(add("addresses", two), Ok(json!({"addresses": [{"locality": "Moss"}]})));
    check(add("emails", json!([])), Ok(json!({})));
    check(add("roles", json!("chef")), Ok(json!({"roles": [{"value": "chef"}]})));
    check(
        add(
            "addresses",
            json!([{"type": "work", "locality": "Moss"}, {"type": "work", "locality": "Bod"}]),
        ),
        Ok(
            json!({"addresses": [{"type": "work", "locality": "Moss"}, {"type": "work", "locality": "Bod"}]}),
        ),
    );
}

#[test]
fn filtered_parts() {
    let mut renamed = home();
    renamed["value"] = json!("new@home.example");
    for op in [add, replace] {
        check(
            op(r#"emails[type eq "home"].value"#, json!("new@home.example")),
            Ok(json!({"emails": [work(), renamed]})),
        );
        // A miss makes the element; it is never primary by itself.
        check(
            op(r#"emails[type eq "other"].value"#, json!("o@x")),
            Ok(json!({"emails": [work(), home(), {"type": "other", "value": "o@x"}]})),
        );
        check(
            op(r#"emails[type eq "other" and display eq "O"].value"#, json!("o@x")),
            Ok(
                json!({"emails": [work(), home(), {"type": "other", "display": "O", "value": "o@x"}]}),
            ),
        );
        check(
            op(r#"roles[primary eq "True"].value"#, json!("chef")),
            Ok(json!({"roles": [{"primary": true, "value": "chef"}]})),
        );
        for shape in [
            r#"type ne "work" and type ne "home""#,
            r#"type eq "x" or type eq "y""#,
            r#"type eq "x" and type eq "y""#,
            r#"shoe eq "x""#,
            r#"type eq """#,
        ] {
            check(op(&format!("emails[{shape}].value"), json!("secret")), Err(ScimType::NoTarget));
        }
        check(op(r#"emails[type eq "other"].value"#, json!("")), Ok(json!({})));
        for path in [r#"title[value eq "secret"]"#, r#"active[value eq "true"]"#] {
            check(op(path, json!("x")), Err(ScimType::InvalidPath));
            check(remove(path), Err(ScimType::InvalidPath));
        }
    }
    let strict = Settings { patch_miss: PatchMiss::Error, ..Settings::generic() };
    let path = r#"emails[type eq "other"].value"#;
    for value in [json!("secret"), json!(null)] {
        check_with(&strict, replace(path, value), Err(ScimType::NoTarget));
    }
    let whole = r#"emails[type eq "other"]"#;
    for value in [json!({"value": "secret"}), json!("secret"), json!(null)] {
        check_with(&strict, replace(whole, value), Err(ScimType::NoTarget));
    }
    check(replace(whole, json!(null)), Ok(json!({})));
    check_with(
        &strict,
        replace(r#"emails[type eq "home"]"#, json!(null)),
        Ok(json!({"emails": [work()]})),
    );
    check_with(
        &strict,
        add(path, json!("o@x")),
        Ok(json!({"emails": [work(), home(), {"type": "other", "value": "o@x"}]})),
    );
}

/// What a client encoded twice would take the place of every element, and be none.
#[test]
fn a_text_that_holds_json_is_no_element() {
    let list = json!([{"type": "work", "value": "secret@x.example"}]);
    for text in [list.to_string(), list[0].to_string(), format!(" {list}\n")] {
        for path in ["emails", "emails[type eq \"work\"]", "manager", &format!("{ENT}:manager")] {
            for op in ["add", "replace"] {
                for value in [json!(text), json!([text])] {
                    let operation = json!([{"op": op, "path": path, "value": value}]);
                    check(operation, Err(ScimType::InvalidValue));
                }
            }
        }
        let selected = json!([{"op": "remove", "path": "emails", "value": text}]);
        check(selected, Err(ScimType::InvalidValue));
        check(json!([{"op": "replace", "value": {"emails": text}}]), Err(ScimType::InvalidValue));
    }
    // A text is one, if it only looks so, and where the client says that it is the value.
    check(replace("emails", json!("[bo")), Ok(json!({"emails": [{"value": "[bo"}]})));
    let said = json!([{"op": "replace", "path": "emails", "value": [{"value": "{}"}]}]);
    check(said, Ok(json!({"emails": [{"value": "{}"}]})));
}

/// The enterprise extension with this manager.
fn managed(manager: Value) -> Value {
    json!({ENT: {"department": "Galley", "manager": manager}})
}

#[test]
fn a_filter_selects_the_one_value_of_a_single_attribute() {
    let unmanaged = json!({ENT: {"department": "Galley"}});
    for path in [
        "manager".to_owned(),
        "MANAGER".to_owned(),
        format!("{ENT}:manager"),
        format!("{}:Manager", ENT.to_lowercase()),
    ] {
        let found = format!(r#"{path}[Value EQ "u-1"]"#);
        let missed = format!(r#"{path}[value eq "u-2"]"#);
        check(remove(&found), Ok(unmanaged.clone()));
        check(remove(&format!("{found}.value")), Ok(unmanaged.clone()));
        check(replace(&found, json!(null)), Ok(unmanaged.clone()));
        for op in [add, replace] {
            check(
                op(&format!("{found}.VALUE"), json!("u-3")),
                Ok(managed(json!({"value": "u-3"}))),
            );
            check(op(&found, json!("u-3")), Ok(managed(json!({"value": "u-3"}))));
            check(op(&found, json!([{"value": "u-3"}])), Ok(managed(json!({"value": "u-3"}))));
            // What is read-only is refused, as without a filter.
            check(op(&format!("{found}.displayName"), json!("Al")), Err(ScimType::Mutability));
            // What does not match gives way to what the filter describes.
            check(
                op(&format!("{missed}.value"), json!("u-3")),
                Ok(managed(json!({"value": "u-3"}))),
            );
            check(op(&missed, json!({})), Ok(json!({})));
            check(op(&format!("{missed}.value"), json!("")), Ok(json!({})));
        }
        check(remove(&missed), Ok(json!({})));
        check(remove(&format!("{missed}.value")), Ok(json!({})));
        check(replace(&missed, json!(null)), Ok(json!({})));
        check(add(&missed, json!(null)), Ok(json!({})));
        let strict = Settings::strict();
        for operations in [
            remove(&missed),
            remove(&format!("{missed}.value")),
            replace(&missed, json!("secret")),
            replace(&missed, json!(null)),
            replace(&format!("{missed}.value"), json!("secret")),
        ] {
            check_with(&strict, operations, Err(ScimType::NoTarget));
        }
        check_with(&strict, remove(&found), Ok(unmanaged.clone()));
        check(remove(&format!("{path}[value is 1]")), Err(ScimType::InvalidFilter));
    }
    check(
        json!([
            {"op": "Remove", "path": "manager[value eq \"u-1\"]"},
            {"op": "Replace", "path": "active", "value": "False"},
        ]),
        Ok(json!({ENT: {"department": "Galley"}, "active": false})),
    );
    check(
        replace(r#"name[givenName eq "bo"].familyName"#, json!("Aa")),
        Ok(json!({"name": {"givenName": "Bo", "familyName": "Aa"}})),
    );
    check(
        replace(r#"name[givenName eq "Al"].familyName"#, json!("Aa")),
        Ok(json!({"name": {"givenName": "Al", "familyName": "Aa"}})),
    );
    check(
        remove(r#"name[givenName eq "Bo"].givenName"#),
        Ok(json!({"name": {"familyName": "Ek"}})),
    );
    check(
        replace(r#"name[givenName sw "A" or familyName pr].givenName"#, json!("Al")),
        Ok(json!({"name": {"givenName": "Al", "familyName": "Ek"}})),
    );
    check(replace(r#"name[givenName sw "A"].givenName"#, json!("secret")), Err(ScimType::NoTarget));
    // Nothing is there that could match.
    check(remove("name[middleName pr].givenName"), Ok(json!({})));
    check(remove(r#"shoe[size eq "1"]"#), Ok(json!({})));
}

#[test]
fn a_removal_that_finds_nothing_is_told_where_the_settings_want_that() {
    let strict = Settings { patch_miss: PatchMiss::Error, ..Settings::generic() };
    for path in [
        r#"emails[type eq "zz"]"#,
        r#"emails[type eq "zz"].value"#,
        r#"roles[value eq "chef"]"#,
        r#"roles[value eq "chef"].display"#,
    ] {
        check_with(&strict, remove(path), Err(ScimType::NoTarget));
        check(remove(path), Ok(json!({})));
    }
    check_with(&strict, remove(r#"emails[type eq "work"]"#), Ok(json!({"emails": [home()]})));
    // The element is there, and that is what the filter is for.
    check_with(&strict, remove(r#"emails[type eq "work"].display"#), Ok(json!({})));
    // Without a filter nothing is missed: what is not there is removed.
    for path in ["nickName", "roles", "roles.value", "name.middleName"] {
        check_with(&strict, remove(path), Ok(json!({})));
    }
    // A removal of members that is sent again must succeed.
    for path in [r#"members[value eq "u-1"]"#, r#"members[value eq "u-1" and type eq "User"]"#] {
        assert!(run("Group", &strict, &json!({"displayName": "Crew"}), &remove(path)).is_ok());
    }
}

#[test]
fn an_object_with_nothing_but_a_value_stands_for_it() {
    let off = json!({"active": false});
    for value in [
        json!([{"$ref": null, "value": "False"}]),
        json!({"$ref": null, "value": "False"}),
        json!({"VALUE": false}),
        json!([{"value": false, "type": "Boolean"}]),
        json!({"value": [false]}),
    ] {
        check(replace("active", value.clone()), Ok(off.clone()));
        check(json!([{"op": "Replace", "value": {"active": value}}]), Ok(off.clone()));
    }
    check(replace("title", json!({"value": "Mate"})), Ok(json!({"title": "Mate"})));
    check(
        replace("name.givenName", json!([{"$ref": null, "value": "Al"}])),
        Ok(json!({"name": {"givenName": "Al", "familyName": "Ek"}})),
    );
    check(
        replace(r#"emails[type eq "home"].value"#, json!([{"$ref": null, "value": "n@x"}])),
        Ok(json!({"emails": [work(), {"type": "home", "value": "n@x"}]})),
    );
    check(
        replace(&format!("{ENT}:department"), json!({"$ref": null, "value": "Deck"})),
        Ok(json!({ENT: {"department": "Deck", "manager": {"value": "u-1"}}})),
    );
    for empty in [json!({"value": null}), json!([{"$ref": null, "value": ""}])] {
        check(replace("title", empty.clone()), Ok(json!({"title": null})));
        check(replace("userName", empty), Err(ScimType::InvalidValue));
    }
    // Whatever says more, or nothing, is no value; nor are two of them.
    for wrong in [
        json!({"value": "secret", "display": "x"}),
        json!({"$ref": "secret"}),
        json!({"type": "secret"}),
        json!([{"value": "secret"}, {"value": "secret"}]),
        json!({"value": {"x": "secret"}}),
    ] {
        check(replace("title", wrong), Err(ScimType::InvalidValue));
    }
    check_with(
        &Settings::strict(),
        replace("active", json!([{"value": "False"}])),
        Err(ScimType::InvalidValue),
    );
}

#[test]
fn schemas_are_passed_over_also_where_a_path_names_them() {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:schemas";
    for path in ["schemas", "SCHEMAS", urn] {
        for op in ["add", "replace", "remove"] {
            let operations = json!([
                {"op": op, "path": path, "value": [ENT]},
                {"op": "replace", "path": "title", "value": "Mate"},
            ]);
            check(operations.clone(), Ok(json!({"title": "Mate"})));
            check_with(&Settings::strict(), operations, Ok(json!({"title": "Mate"})));
        }
        check(remove(path), Ok(json!({})));
        check(remove(&format!(r#"{path}[value eq "{ENT}"]"#)), Ok(json!({})));
    }
}

#[test]
fn same_filter_meets_in_one_element() {
    check(
        json!([
            {"op": "Add", "path": r#"addresses[type eq "work"].locality"#, "value": "Moss"},
            {"op": "Add", "path": r#"addresses[type eq "work"].country"#, "value": "NO"},
            {"op": "Replace", "path": r#"roles[primary eq "True"].value"#, "value": "chef"},
            {"op": "Replace", "path": r#"roles[primary eq "True"].display"#, "value": "Chef"},
        ]),
        Ok(json!({
            "addresses": [{"type": "work", "locality": "Moss", "country": "NO"}],
            "roles": [{"primary": true, "value": "chef", "display": "Chef"}],
        })),
    );
}

#[test]
fn replace_values() {
    check(
        json!([{"op": "replace", "value": {"title": "Mate", "name": {"givenName": "Al"}}}]),
        Ok(json!({"title": "Mate", "name": {"givenName": "Al", "familyName": "Ek"}})),
    );
    check(replace("nickName", json!("B")), Ok(json!({"nickName": "B"})));
    check(
        replace("name", json!({"givenName": "Al", "familyName": null})),
        Ok(json!({"name": {"givenName": "Al"}})),
    );
    check(replace("emails", json!([home()])), Ok(json!({"emails": [home()]})));
    check(
        replace(r#"emails[type eq "home"]"#, json!({"value": "x", "display": "X"})),
        Ok(json!({"emails": [work(), {"value": "x", "display": "X"}]})),
    );
    check(
        replace(r#"emails[type eq "home"]"#, json!("x")),
        Ok(json!({"emails": [work(), {"type": "home", "value": "x"}]})),
    );
    check(replace(r#"emails[type eq "home"]"#, json!(null)), Ok(json!({"emails": [work()]})));
    check(
        replace("emails.display", json!("Bo")),
        Ok(json!({"emails": [
            {"type": "work", "value": "bo@fjord.example", "primary": true, "display": "Bo"},
            {"type": "home", "value": "bo@home.example", "display": "Bo"},
        ]})),
    );
    for clearing in [json!(null), json!(""), json!([])] {
        check(replace("title", clearing.clone()), Ok(json!({"title": null})));
        check(replace("emails", clearing.clone()), Ok(json!({"emails": null})));
        check(replace("name", clearing), Ok(json!({"name": null})));
    }
    check(json!([{"op": "replace", "path": "title"}]), Err(ScimType::InvalidValue));
}

#[test]
fn remove_values() {
    check(json!([{"op": "remove"}]), Err(ScimType::NoTarget));
    check(json!([{"op": "remove", "path": ""}]), Err(ScimType::NoTarget));
    check(remove("title"), Ok(json!({"title": null})));
    check(remove("nickName"), Ok(json!({})));
    check(remove("emails"), Ok(json!({"emails": null})));
    check(remove("name.givenName"), Ok(json!({"name": {"familyName": "Ek"}})));
    check(remove(r#"emails[type eq "work"]"#), Ok(json!({"emails": [home()]})));
    check(remove(r#"emails[type eq "other"]"#), Ok(json!({})));
    check(
        remove(r#"emails[type eq "work"].primary"#),
        Ok(json!({"emails": [{"type": "work", "value": "bo@fjord.example"}, home()]})),
    );
    check(remove(r#"emails[type eq "work"].value"#), Ok(json!({"emails": [home()]})));
    check(replace(r#"emails[type eq "work"].value"#, json!(null)), Ok(json!({"emails": [home()]})));
    check(remove("emails.value"), Ok(json!({"emails": null})));
    check(remove(ENT), Ok(json!({ENT: null})));
    check(remove(&format!("{ENT}:manager.value")), Ok(json!({ENT: {"department": "Galley"}})));
    // The selection of members holds for other lists too.
    check(
        json!([{"op": "Remove", "path": "emails", "value": [{"value": "BO@home.example"}]}]),
        Ok(json!({"emails": [work()]})),
    );
    check(json!([{"op": "Remove", "path": "emails", "value": []}]), Ok(json!({})));
    // A selection is only compared: it need not be a list that could be kept.
    let primaries = json!([{"primary": true}, {"primary": true, "type": "a"}]);
    check(
        json!([{"op": "remove", "path": "emails", "value": primaries}]),
        Ok(json!({"emails": [home()]})),
    );
}

#[test]
fn what_may_not_be_written() {
    for path in ["userName", "id", "meta", "groups", "meta.version"] {
        check(remove(path), Err(ScimType::Mutability));
    }
    for path in
        ["id", "groups", "meta.created", "meta.secret", &format!("{ENT}:manager.displayName")]
    {
        check(replace(path, json!("secret")), Err(ScimType::Mutability));
    }
    for empty in [json!(null), json!(""), json!([])] {
        check(replace("userName", empty.clone()), Err(ScimType::InvalidValue));
        check(
            json!([{"op": "replace", "value": {"userName": empty}}]),
            Err(ScimType::InvalidValue),
        );
    }
    check(
        json!([{"op": "replace", "value": {
            "id": "u-9", "schemas": [], "meta": {"version": "1"}, "groups": [{"value": "g"}],
            "title": "Mate", ENT: {"manager": {"displayName": "Al"}},
        }}]),
        Ok(json!({"title": "Mate"})),
    );
    for path in ["password", "PASSWORD", "urn:ietf:params:scim:schemas:core:2.0:User:password"] {
        check(replace(path, json!("secret")), Ok(json!({})));
        check(remove(path), Ok(json!({})));
        check(json!([{"op": "add", "value": {path: "secret"}}]), Ok(json!({})));
    }
    // Unknown to every schema, or to this resource type.
    for path in [
        "shoeSize",
        "name.shoe",
        "emails[type eq \"work\"].shoe",
        "urn:x:2.0:Y:shoe",
        "members",
        "userName.x",
    ] {
        check(replace(path, json!("44")), Ok(json!({})));
        check(remove(path), Ok(json!({})));
    }
}

#[test]
fn the_last_required_value_stays() {
    let schema = r#"{"id":"urn:x:Device","attributes":[
        {"name":"tags","multiValued":true,"required":true},
        {"name":"ports","type":"complex","multiValued":true,"required":true,"subAttributes":[
            {"name":"value"},{"name":"type"}]}]}"#;
    let rt = r#"{"name":"Device","endpoint":"/Devices","schema":"urn:x:Device"}"#;
    let registry = Registry::parse(&[schema], &[rt]).unwrap();
    let stored = json!({"tags": ["a"], "ports": [{"value": "1", "type": "x"}]});
    let check = |path: &str, value: Value, expected: Result<(), ScimType>| {
        let operation = json!({"op": "remove", "path": path, "value": value});
        let operations = parse_patch(json!({"Operations": [operation]}), 1).unwrap();
        let attributes = stored.as_object().unwrap();
        let rt = &registry.resource_types()[0];
        let got = apply_patch(rt, &registry, &Settings::generic(), attributes, &operations);
        let got = got.map(|_| ()).map_err(|error| error.scim_type.unwrap());
        assert_eq!(got, expected, "{path}");
    };
    let refused = Err(ScimType::Mutability);
    check(r#"ports[type eq "x"]"#, json!(null), refused);
    check(r#"ports[type eq "x"].value"#, json!(null), refused);
    check("ports.value", json!(null), refused);
    check("ports", json!([{"value": "1"}]), refused);
    check("tags", json!(["A"]), refused);
    check("tags", json!(["b"]), Ok(()));
    check(r#"ports[type eq "y"]"#, json!(null), Ok(()));
}

#[test]
fn values_are_checked() {
    let long = |bytes: usize| json!("x".repeat(bytes));
    check(replace("active", json!("secret")), Err(ScimType::InvalidValue));
    check(replace("active", json!("tRue")), Ok(json!({"active": true})));
    check_with(&Settings::strict(), replace("active", json!("True")), Err(ScimType::InvalidValue));
    check(replace("title", json!(["Mate"])), Ok(json!({"title": "Mate"})));
    check(replace("title", json!(["secret", "secret"])), Err(ScimType::InvalidValue));
    // A text is a text; what templates forget the quotes of is the client's own name of somebody.
    for number in [json!(7), json!(-7), json!(7.5), json!(u64::MAX)] {
        check(replace("title", number.clone()), Err(ScimType::InvalidValue));
        check(replace("userName", number.clone()), Err(ScimType::InvalidValue));
        let kept = json!({"externalId": number.to_string()});
        let whole = !number.is_f64();
        let expected = if whole { Ok(kept) } else { Err(ScimType::InvalidValue) };
        check(replace("externalId", number), expected);
    }
    check(replace("externalId", json!(1e20)), Err(ScimType::InvalidValue));
    check(replace("name", json!("secret")), Err(ScimType::InvalidValue));
    check(replace("userName", long(1025)), Err(ScimType::InvalidValue));
    check(replace("title", long(65_537)), Err(ScimType::InvalidValue));
    check(replace("title", long(65_536)), Ok(json!({"title": long(65_536)})));
    check(replace("emails[type is 1]", json!("secret")), Err(ScimType::InvalidFilter));
    check(replace("a b", json!("secret")), Err(ScimType::InvalidPath));
}

#[test]
fn one_primary() {
    let plain = json!({"type": "work", "value": "bo@fjord.example", "primary": false});
    let mut chosen = home();
    chosen["primary"] = json!(true);
    let exchanged = json!({"emails": [plain, chosen]});
    check(replace(r#"emails[type eq "home"].primary"#, json!("True")), Ok(exchanged.clone()));
    check(add("emails", chosen.clone()), Ok(exchanged.clone()));
    check(replace(r#"emails[type eq "home"]"#, chosen.clone()), Ok(exchanged));
    let new = json!({"type": "other", "value": "o", "primary": true});
    check(add("emails", new.clone()), Ok(json!({"emails": [plain, home(), new]})));
    check(replace("emails.primary", json!(true)), Err(ScimType::InvalidValue));
    check(replace("emails", json!([new, chosen])), Err(ScimType::InvalidValue));
    check(
        json!([
            {"op": "add", "path": r#"emails[type eq "other" and primary eq true].value"#, "value": "o"},
        ]),
        Ok(json!({"emails": [plain, home(), {"type": "other", "value": "o", "primary": true}]})),
    );
}

#[test]
fn all_or_nothing_and_the_culprit_is_named() {
    let operations = json!([
        {"op": "replace", "path": "title", "value": "Mate"},
        {"op": "replace", "path": "active", "value": "secret"},
    ]);
    let error = run("User", &Settings::generic(), &stored(), &operations).unwrap_err();
    assert_eq!(error.detail, "Operations[1]: active must be true or false");
    // Each works on the result of the one before.
    check(
        json!([
            {"op": "remove", "path": "emails"},
            {"op": "add", "path": "emails", "value": [home()]},
        ]),
        Ok(json!({"emails": [home()]})),
    );
}

#[test]
fn envelope() {
    let check = |body: &[u8], expected: Result<usize, u16>| {
        let body = parse_json(body, &Bounds::default()).unwrap();
        let got = parse_patch(body.clone(), 2);
        assert_eq!(got.map(|list| list.len()).map_err(|error| error.status), expected);
    };
    check(br#"{"operations": [{"OP": "ADD", "Path": "title", "VALUE": 1}]}"#, Ok(1));
    check(br#"{"Operations": []}"#, Err(400));
    check(b"{}", Err(400));
    check(b"[]", Err(400));
    check(br#"{"Operations": [{"op": "move"}]}"#, Err(400));
    check(br#"{"Operations": [{"path": "title"}]}"#, Err(400));
    check(br#"{"Operations": [{"op": "add", "path": 7}]}"#, Err(400));
    check(br#"{"Operations": ["add"]}"#, Err(400));
    check(br#"{"Operations": [{"op": "add"}, {"op": "add"}]}"#, Ok(2));
    check(br#"{"Operations": [{"op": "add"}, {"op": "add"}, {"op": "add"}]}"#, Err(413));
}

#[test]
fn members() {
    let one = |value: &str| Member { value: value.to_owned(), kind: None, display: None };
    let al = Member { display: Some("Al".to_owned()), ..one("a") };
    let ids = |values: &[&str]| values.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let list = json!([{"value": "a", "display": "Al"}, "b", {"VALUE": "a", "display": "Bo"}]);
    check_members(
        add("members", list.clone()),
        Ok(vec![MemberOperation::Add(vec![al.clone(), one("b")])]),
    );
    check_members(
        add("members", json!({"value": "a"})),
        Ok(vec![MemberOperation::Add(vec![one("a")])]),
    );
    check_members(add("members", json!([])), Ok(vec![]));
    check_members(
        replace("members", list.clone()),
        Ok(vec![MemberOperation::Replace(vec![al, one("b")])]),
    );
    check_members(replace("members", json!([])), Ok(vec![MemberOperation::Replace(vec![])]));
    check_members(remove("members"), Ok(vec![MemberOperation::RemoveAll]));
    check_members(
        json!([{"op": "remove", "path": "members", "value": null}]),
        Ok(vec![MemberOperation::RemoveAll]),
    );
    check_members(
        json!([{"op": "remove", "path": "members", "value": [{"$ref": null, "value": "a"}]}]),
        Ok(vec![MemberOperation::Remove(ids(&["a"]))]),
    );
    check_members(json!([{"op": "remove", "path": "members", "value": []}]), Ok(vec![]));
    check_members(
        remove(r#"members[value eq "a"]"#),
        Ok(vec![MemberOperation::Remove(ids(&["a"]))]),
    );
    check_members(
        remove(r#"members[value eq "a" or Value eq "b"]"#),
        Ok(vec![MemberOperation::Remove(ids(&["a", "b"]))]),
    );
    let got = run(
        "Group",
        &Settings::generic(),
        &json!({"displayName": "Crew"}),
        &remove(r#"members[value eq "a" and type eq "Group"]"#),
    );
    let [MemberOperation::RemoveMatching(filter)] = &got.unwrap().members[..] else {
        panic!("needs the filter");
    };
    let (rt, registry) = (Registry::core().resource_type("Group").unwrap(), Registry::core());
    assert!(!filter.matches_member(rt, registry, &one("a")));
    check_members(
        json!([
            {"op": "replace", "value": {"displayName": "Crew", "id": "g", "members": ["b"]}},
            {"op": "add", "path": "members", "value": [{"value": "c", "type": "Group"}]},
        ]),
        Ok(vec![
            MemberOperation::Replace(vec![one("b")]),
            MemberOperation::Add(vec![Member {
                display: None,
                value: "c".to_owned(),
                kind: Some("Group".to_owned()),
            }]),
        ]),
    );
    check_members(
        replace(r#"members[value eq "a"].display"#, json!("x")),
        Err(ScimType::Mutability),
    );
    check_members(
        replace(r#"members[value eq "a"]"#, json!({"value": "b"})),
        Err(ScimType::Mutability),
    );
    check_members(add("members", json!([{"display": "x"}])), Err(ScimType::InvalidValue));
    check_members(add("members", json!([""])), Err(ScimType::InvalidValue));
    let text = r#"[{"value":"a"}]"#;
    for no_id in [
        json!(text),
        json!([text]),
        json!([{"value": text}]),
        json!([{"value": "a"}, {"value": " b"}]),
        json!({"value": "a\n"}),
        json!({"$ref": text}),
        json!("null"),
    ] {
        check_members(add("members", no_id.clone()), Err(ScimType::InvalidValue));
        check_members(replace("members", no_id.clone()), Err(ScimType::InvalidValue));
        check_members(
            json!([{"op": "remove", "path": "members", "value": no_id}]),
            Err(ScimType::InvalidValue),
        );
        check_members(
            json!([{"op": "add", "value": {"members": no_id}}]),
            Err(ScimType::InvalidValue),
        );
    }
    for path in [r#"members[value eq "[{}]"]"#, r#"members[value eq " a"]"#] {
        check_members(remove(path), Err(ScimType::InvalidValue));
    }
    check_members(
        add("members", json!([{"$ref": "../Users/a"}, {"$REF": "../Users/b", "value": null}])),
        Ok(vec![MemberOperation::Add(vec![one("../Users/a"), one("../Users/b")])]),
    );
    check_members(
        add("members", json!([{"$ref": "../Users/b", "value": "a"}])),
        Ok(vec![MemberOperation::Add(vec![one("a")])]),
    );
    check_members(
        remove(r#"members[$ref eq "../Users/a"]"#),
        Ok(vec![MemberOperation::Remove(ids(&["../Users/a"]))]),
    );
    check_members(add("members", json!(["x".repeat(1025)])), Err(ScimType::InvalidValue));
    check_members(remove("displayName"), Err(ScimType::Mutability));
}

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
