//! Operations on the members of a group.

use super::*;

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
