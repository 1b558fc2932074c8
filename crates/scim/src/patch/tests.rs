//! PATCH on what is stored: attributes of every kind, refusals, the envelope.

mod dialects;
mod members;
mod single;

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
