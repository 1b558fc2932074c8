use super::*;
use proptest::prelude::*;
use serde_json::json;

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn read(operations: Value) -> BulkRequest {
    parse_bulk(json!({"Operations": operations}), 10_000).unwrap()
}

fn post(bulk_id: &str, refers_to: &[&str]) -> Value {
    let members: Vec<String> = refers_to.iter().map(|name| format!("bulkId:{name}")).collect();
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {"members": members}})
}

#[test]
fn envelope() {
    let check = |body: Value, expected: Result<Option<usize>, (u16, Option<ScimType>)>| {
        let got = parse_bulk(body.clone(), 2).map(|bulk| bulk.fail_on_errors);
        let got = got.map_err(|error| {
            assert!(!error.detail.contains("secret"), "{error}");
            assert_eq!(error.detail.contains("more than 2 operations"), error.status == 413);
            (error.status, error.scim_type)
        });
        assert_eq!(got, expected, "{body}");
    };
    let one = json!({"method": "DELETE", "path": "/Users/1"});
    let syntax = Err((400, Some(ScimType::InvalidSyntax)));
    let value = Err((400, Some(ScimType::InvalidValue)));
    check(json!({"operations": [one]}), Ok(None));
    check(json!({"Operations": [one], "FAILONERRORS": 3, "schemas": "x"}), Ok(Some(3)));
    check(json!({"Operations": [one], "failOnErrors": null}), Ok(None));
    check(json!({"Operations": [one], "failOnErrors": 0}), Ok(None));
    for bad in [json!(-1), json!(-0.5), json!("0"), json!(1.5), json!("secret"), json!(true)] {
        check(json!({"Operations": [one], "failOnErrors": bad}), value);
    }
    for bad in [
        json!("secret"),
        json!({}),
        json!({"Operations": []}),
        json!({"Operations": {"secret": 1}}),
        json!({"Operations": [one, "secret"]}),
    ] {
        check(bad, syntax);
    }
    check(json!({"Operations": [one, one]}), Ok(None));
    check(json!({"Operations": [one, one, one]}), Err((413, None)));
}

#[test]
fn operations() {
    let bulk = read(json!([{
        "METHOD": "pOst", "Path": "/Users", "BULKID": "q", "Version": "W/\"1\"", "DATA": {"a": 1},
    }, {
        "method": "Delete", "path": "/Users/1", "bulkId": null, "data": {"a": 1},
    }]));
    let expected = BulkOperation {
        method: "POST".to_owned(),
        verb: Some(BulkMethod::Post),
        path: "/Users".to_owned(),
        bulk_id: Some("q".to_owned()),
        version: Some("W/\"1\"".to_owned()),
        data: Some(json!({"a": 1})),
        problem: None,
    };
    assert_eq!(bulk.operations[0], expected);
    let delete = &bulk.operations[1];
    assert_eq!(
        (delete.verb, &delete.data, &delete.problem),
        (Some(BulkMethod::Delete), &None, &None)
    );
}

#[test]
fn the_operations_of_a_patch_may_stand_alone() {
    let bulk = read(json!([
        {"method": "PATCH", "path": "/Users/1", "data": [
            {"op": "replace", "path": "active", "value": false},
            {"op": "remove", "path": "members[value eq \"bulkId:q\"]"},
        ]},
        {"method": "PUT", "path": "/Users/1", "data": [{"op": "replace"}]},
        {"method": "PATCH", "path": "/Users/1", "data": []},
    ]));
    let [list, put, empty] = bulk.operations.as_slice() else { panic!("three operations") };
    assert_eq!(list.references(), ["q"]);
    let resolved = list.clone().resolve(&|_| Some("u-1".to_owned()));
    let operations = crate::parse_patch(resolved.data.unwrap(), 10).unwrap();
    assert_eq!(operations[0].path.as_deref(), Some("active"));
    assert_eq!(operations[1].path.as_deref(), Some("members[value eq \"u-1\"]"));
    assert_eq!(put.data, Some(json!([{"op": "replace"}])));
    let refused = crate::parse_patch(empty.data.clone().unwrap(), 10).unwrap_err();
    assert_eq!(refused.status, 400);
}

#[test]
fn problems_are_those_of_one_operation() {
    let check = |changed: Value, scim_type: ScimType, named: &str| {
        let mut bad = post("q", &[]);
        bad.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let bulk = read(json!([post("p", &[]), bad, post("r", &[])]));
        assert_eq!((&bulk.operations[0].problem, &bulk.operations[2].problem), (&None, &None));
        let problem = bulk.operations[1].problem.clone().unwrap();
        assert_eq!((problem.status, problem.scim_type), (400, Some(scim_type)), "{problem}");
        assert!(problem.detail.starts_with("Operations[1]: "), "{problem}");
        assert!(problem.detail.contains(named), "{problem}");
        assert!(!problem.detail.contains("secret"), "{problem}");
    };
    for method in [json!("GET"), json!("secret"), json!(7), json!(null)] {
        check(json!({"method": method}), ScimType::InvalidSyntax, "method");
    }
    for path in [
        json!(null),
        json!(7),
        json!(""),
        json!("Users"),
        json!("https://scim.example/secret"),
        json!("//scim.example/secret"),
    ] {
        check(json!({"path": path}), ScimType::InvalidSyntax, "path");
    }
    for bulk_id in [json!(null), json!(""), json!(["secret"])] {
        check(json!({"bulkId": bulk_id}), ScimType::InvalidSyntax, "bulkId");
    }
    check(json!({"bulkId": "secret".repeat(200)}), ScimType::InvalidValue, "1024");
    check(json!({"bulkId": "p"}), ScimType::InvalidValue, "same bulkId");
    check(json!({"version": 7}), ScimType::InvalidVers, "version");
    for method in ["POST", "PUT", "PATCH"] {
        check(json!({"method": method, "data": null}), ScimType::InvalidSyntax, "data");
    }
    assert_eq!(read(json!([{"method": "secret, and more of it"}])).operations[0].method, "");
    assert_eq!(read(json!([{"method": "purge"}])).operations[0].method, "PURGE");
    // Only POSTs are referred to; others may use a name twice.
    let put = json!({"method": "PUT", "path": "/Users/1", "bulkId": "p", "data": {}});
    assert_eq!(read(json!([put, put, post("p", &[])])).operations[2].problem, None);
}

#[test]
fn references() {
    let check = |path: &str, data: Value, expected: &[&str]| {
        let bulk = read(json!([{"method": "PUT", "path": path, "data": data}]));
        assert_eq!(bulk.operations[0].references(), expected);
    };
    check("/Users/bulkId:a", json!({"x": ["BULKID:B", {"y": "bulkId:a"}]}), &["a", "B"]);
    check(
        "/Users/xbulkId:a?filter=/bulkId:b",
        json!({"bulkId:c": "see bulkId:d", "e": "bulkId:"}),
        &[],
    );
    check("/Groups/bulkid:a?count=1", json!(["bulkÏd:x", "bulkId:é"]), &["a", "é"]);
}

#[track_caller]
fn check_order(operations: Value, expected: &[usize]) {
    assert_eq!(read(operations.clone()).order(), expected, "{operations}");
}

#[test]
fn order() {
    let delete = |path: &str| json!({"method": "DELETE", "path": path});
    check_order(json!([post("a", &[]), delete("/Users/1"), post("b", &["a"])]), &[0, 1, 2]);
    check_order(json!([post("a", &["c"]), post("b", &[]), post("c", &["b"])]), &[1, 2, 0]);
    check_order(json!([delete("/Users/bulkId:b"), post("a", &[]), post("b", &[])]), &[1, 2, 0]);
    check_order(json!([post("a", &["x", "A"]), post("A", &[])]), &[1, 0]);
    // The first of those with the same name is meant.
    check_order(json!([post("a", &["b"]), post("b", &[]), post("b", &["a"])]), &[1, 0, 2]);
    // A PUT makes nothing that could be referred to.
    let put = json!({"method": "PUT", "path": "/Users/1", "bulkId": "p", "data": {}});
    check_order(json!([post("a", &["p"]), put]), &[0, 1]);
}

#[test]
fn order_of_circles() {
    check_order(json!([post("a", &["a"])]), &[0]);
    check_order(json!([post("a", &["b"]), post("b", &["a"])]), &[0, 1]);
    check_order(json!([post("a", &["b"]), post("b", &["c"]), post("c", &["a"])]), &[0, 2, 1]);
    // One that only needs a circle waits for it; one that a circle needs comes before.
    check_order(
        json!([post("x", &["a"]), post("a", &["b"]), post("b", &["a", "y"]), post("y", &[])]),
        &[1, 0, 3, 2],
    );
    // The first one of a circle is first also where it has to wait for another.
    check_order(
        json!([post("a", &["b", "d"]), post("b", &["c", "a"]), post("c", &["b"]), post("d", &[])]),
        &[3, 0, 2, 1],
    );
    // A circle in a circle.
    check_order(json!([post("a", &["b"]), post("b", &["a", "c"]), post("c", &["b"])]), &[0, 2, 1]);
}

#[test]
fn long_chains() {
    let count = 10_000;
    let chain = |last: &[&str]| {
        let name = |n: usize| format!("n{n}");
        let chained = (0..count - 1).map(|n| post(&name(n), &[&name(n + 1)]));
        read(chained.chain([post(&name(count - 1), last)]).collect())
    };
    assert_eq!(chain(&[]).order(), (0..count).rev().collect::<Vec<_>>());
    let circle = chain(&["n0"]).order();
    assert_eq!((circle[0], circle[1], circle[count - 1]), (0, count - 1, 1));
}

fn known(name: &str) -> Option<String> {
    name.strip_prefix("k").map(|rest| format!("u-{rest}"))
}

#[test]
fn resolving_a_post() {
    let check = |data: Value, left: Value, held_back: Value, unresolved: &[&str]| {
        let mut bulk = read(json!([
            {"method": "POST", "path": "/Users", "bulkId": "q", "data": data},
        ]));
        let got = bulk.operations[0].resolve(&known);
        assert_eq!((got.path.as_str(), got.data), ("/Users", Some(left)));
        assert_eq!(got.held_back.unwrap_or_default(), held_back);
        assert_eq!(got.unresolved, unresolved);
    };
    check(json!({"a": "bulkId:k1"}), json!({"a": "u-1"}), json!(null), &[]);
    check(
        json!({"displayName": "Crew", "members": [
            {"value": "bulkId:k1"}, {"value": "BulkId:x", "type": "User"}, "bulkId:y", "u-9",
        ]}),
        json!({"displayName": "Crew", "members": [{"value": "u-1"}, "u-9"]}),
        json!({"members": [{"value": "BulkId:x", "type": "User"}, "bulkId:y"]}),
        &["x", "y"],
    );
    check(
        json!({"a": 1, "members": ["bulkId:x"]}),
        json!({"a": 1}),
        json!({"members": ["bulkId:x"]}),
        &["x"],
    );
    let manager = |value: &str| json!({"manager": {"value": value, "displayName": "bulkId:k2"}});
    let resolved = json!({"manager": {"value": "bulkId:x", "displayName": "u-2"}});
    check(
        json!({"a": 1, ENT: manager("bulkId:x")}),
        json!({"a": 1}),
        json!({ENT: resolved}),
        &["x"],
    );
    let mut department = manager("bulkId:x");
    department["department"] = json!("Galley");
    check(
        json!({ENT: department}),
        json!({ENT: {"department": "Galley"}}),
        json!({ENT: resolved}),
        &["x"],
    );
    check(
        json!({"a": "bulkId:x", "b": null}),
        json!({"b": null}),
        json!({"a": "bulkId:x"}),
        &["x"],
    );
}

#[test]
fn resolving_other_operations() {
    let mut bulk = read(json!([{
        "method": "PATCH", "path": "/Groups/bulkId:k1/bulkId:x?a=bulkId:k1",
        "data": {"Operations": [{"op": "add", "path": "members", "value": ["bulkId:k2", "bulkId:y"]}]},
    }, {
        "method": "DELETE", "path": "/Users/bulkId:k1",
    }]));
    let expected = Resolved {
        path: "/Groups/u-1/bulkId:x?a=bulkId:k1".to_owned(),
        data: Some(
            json!({"Operations": [{"op": "add", "path": "members", "value": ["u-2", "bulkId:y"]}]}),
        ),
        held_back: None,
        unresolved: vec!["x".to_owned(), "y".to_owned()],
    };
    assert_eq!(bulk.operations[0].resolve(&known), expected);
    let delete = bulk.operations[1].resolve(&known);
    assert_eq!(
        (delete.path.as_str(), delete.data, delete.unresolved),
        ("/Users/u-1", None, vec![])
    );
}

#[test]
fn resolving_what_was_held_back() {
    let value = json!({"members": ["bulkId:k1", {"value": "bulkId:x"}, "bulkId:x"]});
    let expected = json!({"members": ["u-1", {"value": "bulkId:x"}, "bulkId:x"]});
    assert_eq!(resolve_value(&value, &known), (expected, vec!["x".to_owned()]));
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (-1..3_i8).prop_map(Value::from),
        "bulkId:[a-dk]?|POST|PATCH|DELETE|/Users|/Users/bulkId:[a-d]|\\PC{0,2}"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let name = "method|path|bulkId|data|members|urn:x|a";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

#[test]
fn a_filter_in_the_path_of_a_patch_may_refer_to_others() {
    let data = |path: &str| json!({"Operations": [{"op": "remove", "Path": path}]});
    let path = r#"members[value eq "bulkId:a" or value eq "x"]"#;
    let operation = json!([{"method": "PATCH", "path": "/Groups/1", "data": data(path)}]);
    let mut bulk = read(operation);
    assert_eq!(bulk.operations[0].references(), ["a"]);
    let mut unknown = bulk.operations[0].clone();
    assert_eq!(unknown.resolve(&|_| None).unresolved, ["a"]);
    let resolved = bulk.operations[0].resolve(&|name| Some(format!("id-{name}")));
    let expected = r#"members[value eq "id-a" or value eq "x"]"#;
    assert_eq!((resolved.data, resolved.unresolved), (Some(data(expected)), vec![]));
}

proptest! {
    #[test]
    fn never_panics(body in anything(), operations in prop::collection::vec(anything(), 0..4)) {
        let _ = parse_bulk(body.clone(), 3);
        if let Ok(bulk) = parse_bulk(json!({"Operations": operations}), 3) {
            prop_assert_eq!(bulk.order().len(), bulk.operations.len());
            for mut operation in bulk.operations {
                operation.resolve(&known);
            }
        }
    }

    /// Nothing is lost on the way, and nothing that is sent now is unknown.
    #[test]
    fn held_back_or_resolved(data in anything()) {
        let mut bulk = read(json!([{"method": "POST", "path": "/Users", "bulkId": "q", "data": {"a": data}}]));
        let got = bulk.operations[0].resolve(&known);
        let (_, left) = resolve_value(&got.data.unwrap(), &known);
        prop_assert_eq!(left, Vec::<String>::new());
        let (_, held) = resolve_value(&got.held_back.unwrap_or_default(), &known);
        let all: HashSet<String> = got.unresolved.into_iter().collect();
        prop_assert_eq!(held.into_iter().collect::<HashSet<_>>(), all);
    }

    /// Every operation once; what it refers to before it, unless they need each other.
    #[test]
    fn order_is_right(edges in prop::collection::vec(prop::collection::vec(0..8_usize, 0..3), 8)) {
        let operations = edges.iter().enumerate().map(|(index, to)| {
            let names: Vec<String> = to.iter().map(usize::to_string).collect();
            post(&index.to_string(), &names.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let order = read(operations.collect()).order();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..8).collect::<Vec<_>>());
        let mut reaches: Vec<[bool; 8]> = (0..8).map(|_| [false; 8]).collect();
        for (from, to) in edges.iter().enumerate() {
            to.iter().for_each(|&to| reaches[from][to] = true);
        }
        for middle in 0..8 {
            for from in 0..8 {
                for to in 0..8 {
                    reaches[from][to] |= reaches[from][middle] && reaches[middle][to];
                }
            }
        }
        let place = |one: usize| order.iter().position(|&other| other == one).unwrap();
        for (from, to) in edges.iter().enumerate() {
            for &to in to {
                prop_assert!(reaches[to][from] || place(to) < place(from), "{} {}", from, to);
            }
            let circle = (0..8).filter(|&one| reaches[from][one] && reaches[one][from]);
            if let Some(first) = circle.min() {
                prop_assert!(place(first) <= place(from), "{} before {}", first, from);
            }
        }
    }
}
