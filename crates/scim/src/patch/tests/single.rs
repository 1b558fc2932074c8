//! What a path names one of, or none.

use super::*;

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
