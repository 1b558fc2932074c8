//! Schema URNs in bodies, paths and answers (RFC 7643 §3, §3.3; RFC 7644 §3.10).

use serde_json::{Value, json};

use super::{check_refused, ids, served};
use crate::harness::server::{Answer, Client, Server, encoded, user};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Creates a user with these attributes and a name.
fn create(scim: &Client, name: &str, own: &Value) -> Answer {
    let mut body = own.clone();
    body["userName"] = name.into();
    let created = scim.post("/Users", &body);
    assert_eq!(created.status, 201, "{created:?}");
    created
}

#[test]
fn schemas_lists_the_extensions_present() {
    served(|scim| {
        let check = |answer: &Answer, expected: &[&str]| {
            assert_eq!(answer.body["schemas"], json!(expected), "{answer:?}");
            let read = scim.get(&format!("/Users/{}", answer.id()));
            assert_eq!(read.body["schemas"], json!(expected));
        };
        // The content counts, not what the client lists.
        let listed = json!({"schemas": [CORE, ENT, "urn:example:private:2.0:User"]});
        check(&create(scim, "a", &listed), &[CORE]);
        check(
            &create(scim, "b", &json!({"schemas": [CORE], ENT: {"division": "x"}})),
            &[CORE, ENT],
        );
        check(&create(scim, "c", &json!({ENT: {"division": ""}})), &[CORE]);
        let created = create(scim, "d", &json!({}));
        check(&created, &[CORE]);
        let path = format!("/Users/{}", created.id());
        let division = format!("{ENT}:division");
        let operation = json!({"op": "add", "path": division, "value": "x"});
        check(&scim.patch(&path, &json!([operation])), &[CORE, ENT]);
        check(&scim.patch(&path, &json!([{"op": "remove", "path": division}])), &[CORE]);
        check(
            &scim.patch(&path, &json!([{"op": "add", "value": {ENT: {"division": "y"}}}])),
            &[CORE, ENT],
        );
        check(&scim.put(&path, &user("d")), &[CORE]);

        // One identity provider adds its own URN to each group.
        let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
        let sent = json!({
            "schemas": [group, "http://example.com/private/2.0/Group"],
            "displayName": "Crew",
            ENT: {"department": "no group has one"},
        });
        let made = scim.post("/Groups", &sent);
        assert_eq!((made.status, &made.body["schemas"]), (201, &json!([group])));
        assert_eq!(made.body.get(ENT), None);
    });
}

#[test]
fn a_qualified_path_is_split_at_the_urn_and_not_at_a_dot() {
    served(|scim| {
        let start = json!({
            "emails": [{"type": "work", "value": "a@fjord.example"}],
            ENT: {"department": "Quay"},
        });
        let mut turn = 0;
        let mut check = |path: String, value: Value, expected: Value| {
            for path in [path.clone(), path.replace("ietf", "IETF").replace(":User:", ":user:")] {
                for op in ["add", "replace"] {
                    turn += 1;
                    let created = create(scim, &format!("user-{turn}"), &start);
                    let operation = json!({"op": op, "path": path, "value": value});
                    let address = format!("/Users/{}", created.id());
                    let changed = scim.patch(&address, &json!([operation]));
                    let mut whole = created.body.clone();
                    for (name, value) in expected.as_object().unwrap() {
                        whole[name] = value.clone();
                    }
                    whole["meta"] = changed.body["meta"].clone();
                    assert_eq!(changed.body, whole, "{op} {path}");
                    assert_eq!(
                        changed.header("etag") == created.header("etag"),
                        expected == json!({})
                    );
                }
            }
        };
        check(format!("{CORE}:title"), json!("Clerk"), json!({"title": "Clerk"}));
        check(
            format!("{CORE}:name.givenName"),
            json!("Mira"),
            json!({"name": {"givenName": "Mira"}}),
        );
        let email = json!({"emails": [{"type": "work", "value": "b@fjord.example"}]});
        check(format!("{CORE}:emails[type eq \"work\"].value"), json!("b@fjord.example"), email);
        check(format!("{ENT}:department"), json!("Mole"), json!({ENT: {"department": "Mole"}}));
        let with_manager = json!({ENT: {"department": "Quay", "manager": {"value": "u-7"}}});
        check(format!("{ENT}:manager.value"), json!("u-7"), with_manager.clone());
        // A manager may be an object, a string, or a list of one.
        for value in [
            json!("u-7"),
            json!({"value": "u-7"}),
            json!([{"value": "u-7", "$ref": "../Users/u-7"}]),
            json!({"value": "u-7", "displayName": "Boss", "$ref": null}),
        ] {
            check(format!("{ENT}:manager"), value, with_manager.clone());
        }
        // Unknown attributes are ignored, even after a known URN.
        check(format!("{ENT}:berth"), json!("x"), json!({}));
        check(format!("{ENT}.department"), json!("x"), json!({}));
        check("urn:example:nothing:2.0:User:title".to_owned(), json!("x"), json!({}));
    });
}

#[test]
fn a_bare_urn_is_the_whole_extension() {
    served(|scim| {
        let start = json!({"title": "Clerk", ENT: {"department": "Quay", "division": "North"}});
        let mut turn = 0;
        let mut check = |operation: Value, expected: Result<Value, &str>| {
            turn += 1;
            let created = create(scim, &format!("user-{turn}"), &start);
            let path = format!("/Users/{}", created.id());
            let answer = scim.patch(&path, &json!([operation]));
            match expected {
                Ok(expected) => {
                    assert_eq!(
                        answer.body.get(ENT).unwrap_or(&Value::Null),
                        &expected,
                        "{operation}"
                    );
                    assert_eq!(answer.body["title"], "Clerk");
                }
                Err(scim_type) => {
                    check_refused(&answer, 400, Some(scim_type));
                    assert_eq!(scim.get(&path).body, created.body);
                }
            }
        };
        let merged =
            json!({"department": "Mole", "division": "North", "manager": {"value": "u-7"}});
        for op in ["add", "replace"] {
            let value = json!({"department": "Mole", "manager": {"value": "u-7"}});
            check(json!({"op": op, "path": ENT, "value": value}), Ok(merged.clone()));
            let value = json!({"DEPARTMENT": "Mole", "manager.value": "u-7"});
            check(
                json!({"op": op, "path": ENT.to_uppercase(), "value": value}),
                Ok(merged.clone()),
            );
            check(json!({"op": op, "path": ENT, "value": "Mole"}), Err("invalidValue"));
        }
        check(json!({"op": "remove", "path": ENT}), Ok(Value::Null));
        check(json!({"op": "replace", "path": ENT, "value": null}), Ok(Value::Null));
        // The core schema's URN means the resource itself.
        check(json!({"op": "remove", "path": CORE}), Err("noTarget"));
        let value = json!({"nickName": "M", format!("{ENT}:division"): "South"});
        let south = json!({"department": "Quay", "division": "South"});
        check(json!({"op": "replace", "path": CORE, "value": value}), Ok(south));
    });
}

#[test]
fn bodies_may_be_flat() {
    served(|scim| {
        let expected = json!({
            "name": {"givenName": "Mira", "familyName": "Lund"},
            "title": "Clerk",
            ENT: {"department": "Quay", "manager": {"value": "u-7"}},
        });
        let flat = json!({
            "userName": "mira",
            "name": {"familyName": "Lund"},
            "name.givenName": "Mira",
            format!("{CORE}:title"): "Clerk",
            ENT: {"manager": {"value": "u-7"}},
            format!("{ENT}:department"): "Quay",
        });
        let check = |answer: &Answer| {
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&answer.body[name], value, "{answer:?}");
            }
        };
        let created = scim.post("/Users", &flat);
        assert_eq!(created.status, 201);
        check(&created);
        let path = format!("/Users/{}", created.id());
        for op in ["add", "replace"] {
            scim.put(&path, &user("mira"));
            check(&scim.patch(&path, &json!([{"op": op, "value": flat}])));
        }
        scim.put(&path, &user("mira"));
        check(&scim.put(&path, &flat));
        // Some clients use a path with a filter as a key.
        let emails = json!({"emails[type eq \"work\"].value": "m@fjord.example"});
        let changed = scim.patch(&path, &json!([{"op": "replace", "value": emails}]));
        assert_eq!(changed.body["emails"], json!([{"type": "work", "value": "m@fjord.example"}]));
        check(&changed);
    });
}

/// One URN may be a prefix of another, and both may have an attribute of the same name.
#[test]
fn the_longest_registered_urn_wins() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = folder.path().join("schemas");
    std::fs::create_dir(&schemas).unwrap();
    let short = "urn:example:params:scim:schemas:extension:harbour:2.0";
    let long = "urn:example:params:scim:schemas:extension:harbour:2.0:User";
    let start = |further: &str| {
        for (file, id) in [("short.json", short), ("long.json", long)] {
            let schema = json!({
                "id": id, "name": file, "extends": ["User"],
                "attributes": [{"name": "berth"}, {"name": further}],
            });
            std::fs::write(schemas.join(file), schema.to_string()).unwrap();
        }
        let flags = ["--schemas", schemas.to_str().unwrap()];
        Server::start_with(&folder.path().join("data"), &flags, &[])
    };
    // A path that could belong to either URN is refused at start.
    let log = start("user").err().unwrap();
    assert!(log.contains("exit status: 2") && log.contains(long), "{log}");

    let server = start("slip").unwrap();
    let scim = server.add_app("boat");
    let sent = json!({short: {"berth": "1"}, format!("{long}:berth"): "2"});
    let created = create(&scim, "mira", &sent);
    assert_eq!(created.body[short], json!({"berth": "1"}));
    assert_eq!(created.body[long], json!({"berth": "2"}));
    let path = format!("/Users/{}", created.id());
    let operations = json!([
        {"op": "replace", "path": format!("{short}:berth"), "value": "3"},
        {"op": "replace", "path": format!("{long}:slip"), "value": "4"},
    ]);
    let changed = scim.patch(&path, &operations);
    assert_eq!(changed.body[short], json!({"berth": "3"}));
    assert_eq!(changed.body[long], json!({"berth": "2", "slip": "4"}));
    let removed = scim.patch(&path, &json!([{"op": "remove", "path": long}]));
    assert_eq!(removed.body["schemas"], json!([CORE, short]));
    let filter = encoded(&format!("{short}:berth eq \"3\" and not ({long}:berth pr)"));
    assert_eq!(ids(&scim.get(&format!("/Users?filter={filter}")).body), [created.id()]);
    server.stop();
}
