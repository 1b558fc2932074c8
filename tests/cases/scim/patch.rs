//! PATCH (RFC 7644 §3.5.2).

use serde_json::{Value, json};

use super::{check_no_empty, check_refused, served, served_with};
use crate::harness::server::{Answer, Client, Server, group, patch, user};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn members_are_added_and_removed_in_both_dialects() {
    served(|scim| {
        let ids: Vec<String> =
            (0..4).map(|index| scim.post("/Users", &user(&format!("user-{index}"))).id()).collect();
        let created = scim.post(
            "/Groups",
            &json!({"displayName": "Crew", "members": [{"value": ids[0], "display": "ignored"}]}),
        );
        assert_eq!(created.body["members"][0]["display"], "user-0", "the member's own name");
        let path = format!("/Groups/{}", created.id());
        let members = || -> Vec<String> {
            let body = scim.get(&path).body;
            let members = body["members"].as_array().cloned().unwrap_or_default();
            members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
        };
        let change = |operations| {
            let answer = scim.patch(&path, &operations);
            assert_eq!(answer.status, 204, "{answer:?}");
            members()
        };
        let value = |indices: &[usize]| {
            let members = indices.iter().map(|index| json!({"value": ids[*index]}));
            members.collect::<Value>()
        };
        let all = change(json!([{"op": "Add", "path": "members", "value": value(&[1, 2, 0])}]));
        assert_eq!(all.len(), 3);
        let left = change(json!([{"op": "Remove", "path": "members", "value": value(&[1])}]));
        assert_eq!(left.len(), 2);
        let filter = format!("members[value eq \"{}\"]", ids[2]);
        let left = change(json!([{"op": "remove", "path": filter}]));
        assert_eq!(left, [ids[0].clone()]);
        let etag = scim.get(&path).header("etag").to_owned();
        change(json!([{"op": "add", "path": "members", "value": value(&[0])}]));
        assert_eq!(scim.get(&path).header("etag"), etag, "nobody joined");
        let both = change(json!([{"op": "replace", "path": "members", "value": value(&[2, 3])}]));
        assert_eq!(both.len(), 2);

        // A user shows its groups. Deleting it ends its memberships, which changes the group.
        let etag = scim.get(&path).header("etag").to_owned();
        let shown = scim.get(&format!("/Users/{}", ids[3])).body;
        assert_eq!(shown["groups"][0]["value"], created.id());
        assert_eq!(scim.delete(&format!("/Users/{}", ids[3])).status, 204);
        assert_eq!(members(), [ids[2].clone()]);
        assert_ne!(scim.get(&path).header("etag"), etag);

        let strangers = json!([{"op": "add", "path": "members", "value": ["string id 1"]}]);
        assert_eq!(change(strangers).len(), 2, "an unknown member is kept as it was named");
        let twice = json!([
            {"op": "add", "path": "members", "value": ["string id 2"]},
            {"op": "add", "path": "members", "value": [{"value": "string id 2"}, {"value": "x"}]},
            {"op": "remove", "path": "members", "value": ["x"]},
        ]);
        assert_eq!(change(twice).len(), 3, "named twice in one request, it is one member");
        assert_eq!(change(json!([{"op": "remove", "path": "members"}])).len(), 0);
        assert_eq!(scim.delete(&path).status, 204);
        let shown = scim.get(&format!("/Users/{}", ids[2])).body;
        assert_eq!(shown.get("groups"), None);
    });
}

#[test]
fn a_failed_patch_leaves_nothing_behind() {
    served(|scim| {
        let created = scim.post("/Users", &user("mira"));
        let path = format!("/Users/{}", created.id());
        let operations = json!([
            {"op": "replace", "path": "title", "value": "Clerk"},
            {"op": "replace", "path": "active", "value": "perhaps"},
        ]);
        let refused = scim.patch(&path, &operations);
        assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("invalidValue")));
        assert_eq!(scim.get(&path).body, created.body);
        for (operation, scim_type) in [
            (json!({"op": "remove"}), "noTarget"),
            (json!({"op": "paint", "path": "title"}), "invalidSyntax"),
            (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
            (json!({"op": "remove", "path": "userName"}), "mutability"),
            (json!({"op": "add", "path": "emails[type", "value": 1}), "invalidFilter"),
            (json!({"op": "add", "path": "name..givenName", "value": "x"}), "invalidPath"),
        ] {
            let refused = scim.patch(&path, &json!([operation]));
            assert_eq!(refused.status, 400, "{operation}");
            assert_eq!(refused.body["scimType"], scim_type, "{operation}: {refused:?}");
        }
    });
}

/// The two dialects of one identity provider are equivalent.
#[test]
fn both_dialects_of_one_intent_leave_the_same_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let legacy = json!([
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "name.givenName", "value": "Mira"},
        {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "mira@fjord.example"},
        {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "u-7"},
    ]);
    let newer = json!([
        {"op": "add", "path": "emails[type eq \"work\"].value", "value": "mira@fjord.example"},
        {"op": "replace", "value": {
            "active": false,
            "name.givenName": "Mira",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager": {"value": "u-7"},
        }},
    ]);
    let changes = |name: &str, operations| {
        let id = scim.post("/Users", &user(name)).id();
        let headers = [("x-request-id", name)];
        let body = patch(operations).to_string();
        let answer = scim.send("PATCH", &format!("/Users/{id}"), &headers, body.as_bytes());
        assert_eq!(answer.unwrap().status, 200);
        let admin = server.admin();
        let row = admin.rows(&format!("/api/v1/operations?requestId={name}")).remove(0);
        assert_eq!(row["action"], "disable");
        let operation = admin.get(&format!("/api/v1/operations/{}", row["seq"])).body;
        operation["resource"]["changes"].clone()
    };
    let first = changes("legacy", &legacy);
    assert_eq!(first, changes("newer", &newer));
    let paths: Vec<_> =
        first.as_array().unwrap().iter().map(|change| change["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "active",
            "emails[type eq \"work\"]",
            "name.givenName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ]
    );
}

/// PATCH requests in two applications: one with default settings, and one with strict settings.
struct Profiles {
    lenient: Client,
    strict: Client,
    users: std::cell::Cell<u32>,
}

impl Profiles {
    fn with(test: impl FnOnce(&Profiles)) {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        let strict = json!({"patch_miss": "error", "lenient_booleans": false});
        let lenient = server.add_app("lenient");
        let strict = server.add_app_with("strict", strict);
        test(&Profiles { lenient, strict, users: 0.into() });
        server.stop();
    }

    /// Checks how the operations change the user below: `expected` has the changed attributes, and
    /// `null` for removed ones.
    #[track_caller]
    fn both(&self, operations: Value, expected: Result<Value, &str>) {
        self.check(&self.lenient, &operations, &expected);
        self.check(&self.strict, &operations, &expected);
    }

    #[track_caller]
    fn differ(&self, operations: Value, lenient: Result<Value, &str>, strict: Result<Value, &str>) {
        self.check(&self.lenient, &operations, &lenient);
        self.check(&self.strict, &operations, &strict);
    }

    #[track_caller]
    fn check(&self, scim: &Client, operations: &Value, expected: &Result<Value, &str>) {
        self.users.set(self.users.get() + 1);
        let mut start = before();
        start["userName"] = format!("user-{}", self.users.get()).into();
        let created = scim.post("/Users", &start);
        assert_eq!(created.status, 201, "{created:?}");
        let path = format!("/Users/{}", created.id());
        let answer = scim.patch(&path, operations);
        let now = scim.get(&path);
        match expected {
            Ok(changes) => {
                assert_eq!(answer.status, 200, "{operations}: {answer:?}");
                let mut expected = created.body.clone();
                for (name, value) in changes.as_object().unwrap() {
                    if value.is_null() {
                        expected.as_object_mut().unwrap().remove(name);
                    } else {
                        expected[name] = value.clone();
                    }
                }
                let mut schemas = vec![CORE];
                schemas.extend(expected.get(ENT).map(|_| ENT));
                expected["schemas"] = json!(schemas);
                let changes = expected != created.body;
                for part in ["version", "lastModified"] {
                    let (old, new) = (&created.body["meta"][part], &answer.body["meta"][part]);
                    assert_eq!(old != new, changes, "{operations}: {part} moves with a change");
                }
                expected["meta"] = answer.body["meta"].clone();
                assert_eq!(answer.body, expected, "{operations}");
                assert_eq!(answer.body["meta"]["version"], answer.header("etag"));
                assert_eq!(now.body, answer.body);
                check_no_empty(&now.body);
            }
            Err(scim_type) => {
                check_refused(&answer, 400, Some(scim_type));
                assert_eq!(now.body, created.body, "{operations}");
            }
        }
    }
}

/// The user before every operation.
fn before() -> Value {
    json!({
        "title": "Clerk",
        "name": {"givenName": "Bo", "familyName": "Ek"},
        "emails": [work(), home()],
        "roles": [{"value": "cook", "primary": true}],
        ENT: {"department": "Quay"},
    })
}

fn work() -> Value {
    json!({"value": "bo@fjord.example", "type": "work", "primary": true})
}

fn home() -> Value {
    json!({"value": "bo@lake.example", "type": "home"})
}

fn one(op: &str, path: &str, value: Value) -> Value {
    json!([{"op": op, "path": path, "value": value}])
}

fn remove(path: &str) -> Value {
    json!([{"op": "remove", "path": path}])
}

#[test]
fn add() {
    Profiles::with(|users| {
        let add = |path: &str, value: Value| one("add", path, value);
        // Without a path, each member of the value is added separately.
        let other = json!({"value": "bo@sea.example", "type": "other"});
        users.both(
            json!([{"op": "add", "value": {
                "title": "Mate", "nickName": "B", "name": {"honorificPrefix": "Dr"},
                "emails": [other], ENT: {"division": "North"},
            }}]),
            Ok(json!({
                "title": "Mate", "nickName": "B",
                "name": {"givenName": "Bo", "familyName": "Ek", "honorificPrefix": "Dr"},
                "emails": [work(), home(), other],
                ENT: {"department": "Quay", "division": "North"},
            })),
        );
        users.both(json!([{"op": "add", "value": {}}]), Ok(json!({})));
        // An empty value adds nothing to a list, and removes a single value.
        for nothing in [json!(null), json!([]), json!([{}]), json!("")] {
            users.both(add("emails", nothing), Ok(json!({})));
        }
        for nothing in [json!(null), json!("")] {
            users.both(add("title", nothing), Ok(json!({"title": null})));
        }
        for value in [json!("x"), json!(7), json!(["title"]), json!(null)] {
            users.both(json!([{"op": "add", "value": value}]), Err("invalidValue"));
        }
        users.both(json!([{"op": "add", "path": "title"}]), Err("invalidValue"));
        // A missing attribute is set, a single value replaced, a complex one merged.
        users.both(add("nickName", json!("B")), Ok(json!({"nickName": "B"})));
        users.both(add("title", json!("Mate")), Ok(json!({"title": "Mate"})));
        users.both(
            add("name", json!({"givenName": "Åse", "middleName": "M"})),
            Ok(json!({"name": {"givenName": "Åse", "familyName": "Ek", "middleName": "M"}})),
        );
        users.both(
            add("name.middleName", json!("M")),
            Ok(json!({"name": {"givenName": "Bo", "familyName": "Ek", "middleName": "M"}})),
        );
        // Lists get the elements that they lack.
        let grown = json!({"emails": [work(), home(), other]});
        users.both(add("emails", json!([other])), Ok(grown.clone()));
        users.both(add("emails", other.clone()), Ok(grown.clone()));
        users.both(add("emails", json!([home(), other, other])), Ok(grown));
        let same_value = json!({"value": "bo@fjord.example", "type": "other"});
        users.both(
            add("emails", json!([same_value])),
            Ok(json!({"emails": [work(), home(), same_value]})),
        );
        users.both(
            add("roles", json!("clerk")),
            Ok(json!({"roles": [{"value": "cook", "primary": true}, {"value": "clerk"}]})),
        );
        users.both(add("emails", json!([])), Ok(json!({})));
        let shown = json!({"value": "bo@lake.example", "type": "home", "display": "Bo"});
        users.both(add("emails", shown.clone()), Ok(json!({"emails": [work(), shown]})));
        // An existing value is no change.
        for (path, value) in [
            ("title", json!("Clerk")),
            ("name", json!({"familyName": "Ek"})),
            ("name.givenName", json!("Bo")),
            ("emails", json!([home(), work()])),
            ("emails", json!({"value": "BO@lake.example", "type": "Home"})),
            ("emails[type eq \"home\"].value", json!("bo@lake.example")),
            ("roles", json!("cook")),
        ] {
            users.both(add(path, value), Ok(json!({})));
        }
        // With a filter: each match is changed, or the described element is created.
        users.both(
            add("emails[type eq \"home\"].display", json!("Bo")),
            Ok(json!({"emails": [work(), shown]})),
        );
        users.both(
            add("emails[value co \"bo\"].display", json!("Bo")),
            Ok(json!({"emails": [
                {"value": "bo@fjord.example", "type": "work", "primary": true, "display": "Bo"},
                shown,
            ]})),
        );
        users.both(
            add("emails[type eq \"home\"]", json!({"display": "Bo"})),
            Ok(json!({"emails": [work(), shown]})),
        );
        users.both(
            add("emails[type eq \"other\"].value", json!("bo@sea.example")),
            Ok(json!({"emails": [work(), home(), other]})),
        );
        users.both(
            add("addresses[type eq \"work\"].country", json!("NO")),
            Ok(json!({"addresses": [{"type": "work", "country": "NO"}]})),
        );
    });
}

#[test]
fn add_and_replace_create_the_element_of_a_filter() {
    Profiles::with(|users| {
        let made = |element: Value| Ok(json!({"emails": [work(), home(), element]}));
        let refused = || Err("noTarget");
        for (filter, element) in [
            ("type eq \"other\"", json!({"type": "other", "value": "x@fjord.example"})),
            ("TYPE Eq \"alternate1\"", json!({"type": "alternate1", "value": "x@fjord.example"})),
            (
                "type eq \"other\" and display eq \"Bo\"",
                json!({"type": "other", "display": "Bo", "value": "x@fjord.example"}),
            ),
            (
                "(type eq \"other\") and primary eq false",
                json!({"type": "other", "primary": false, "value": "x@fjord.example"}),
            ),
        ] {
            let path = format!("emails[{filter}].value");
            let value = json!("x@fjord.example");
            users.both(one("add", &path, value.clone()), made(element.clone()));
            users.differ(one("replace", &path, value), made(element), refused());
        }
        // Other filters do not describe an element.
        for filter in [
            "type co \"oth\"",
            "type sw \"oth\"",
            "type eq \"other\" or type eq \"fax\"",
            "not (value pr)",
            "display pr",
            "type eq \"other\" and display pr",
            "type eq \"other\" and type eq \"fax\"",
            "colour eq \"red\"",
            "type eq null and value eq \"x\"",
        ] {
            for op in ["add", "replace"] {
                let path = format!("emails[{filter}].value");
                users.both(one(op, &path, json!("x@fjord.example")), refused());
            }
        }
        // A complete element, and one from filter and value together.
        let whole = json!({"value": "x@fjord.example", "display": "X"});
        let element = json!({"type": "other", "value": "x@fjord.example", "display": "X"});
        users.both(one("add", "emails[type eq \"other\"]", whole.clone()), made(element.clone()));
        users.differ(one("replace", "emails[type eq \"other\"]", whole), made(element), refused());
        // Operations with the same filter create one element, which is not made primary.
        let operations = |op: &str| {
            json!([
                {"op": op, "path": "addresses[type eq \"work\"].country", "value": "NO"},
                {"op": op, "path": "addresses[type eq \"work\"].locality", "value": "Bergen"},
                {"op": op, "path": "addresses[type eq \"work\"].postalCode", "value": "5003"},
            ])
        };
        let address = json!({"addresses": [
            {"type": "work", "country": "NO", "locality": "Bergen", "postalCode": "5003"},
        ]});
        users.both(operations("add"), Ok(address.clone()));
        users.differ(operations("replace"), Ok(address), refused());
        // The client makes it primary, so no other element is.
        let element = json!({"type": "other", "primary": true, "value": "x@fjord.example"});
        let before = json!({"value": "bo@fjord.example", "type": "work", "primary": false});
        users.both(
            one(
                "add",
                "emails[type eq \"other\" and primary eq \"True\"].value",
                json!("x@fjord.example"),
            ),
            Ok(json!({"emails": [before, home(), element]})),
        );
        // An empty value creates no element.
        users.both(one("add", "emails[type eq \"other\"].value", json!(null)), Ok(json!({})));
        users.differ(
            one("replace", "emails[type eq \"other\"].value", json!("")),
            Ok(json!({})),
            refused(),
        );
    });
}

#[test]
fn replace() {
    Profiles::with(|users| {
        let replace = |path: &str, value: Value| one("replace", path, value);
        // Without a path, other attributes stay.
        users.both(
            json!([{"op": "replace", "value": {"active": false}}]),
            Ok(json!({"active": false})),
        );
        users.both(
            json!([{"op": "replace", "value": {
                "id": "x", "groups": [], "meta": {"version": "x"},
                "name": {"givenName": "Åse"}, "emails": [home()], "title": null,
                ENT: {"division": "North"},
            }}]),
            Ok(json!({
                "name": {"givenName": "Åse", "familyName": "Ek"}, "emails": [home()],
                "title": null, ENT: {"department": "Quay", "division": "North"},
            })),
        );
        for value in [json!("x"), json!([]), json!(null)] {
            users.both(json!([{"op": "replace", "value": value}]), Err("invalidValue"));
        }
        // A missing attribute: the same as add.
        users.both(replace("nickName", json!("B")), Ok(json!({"nickName": "B"})));
        users.both(
            replace("phoneNumbers", json!([{"value": "1"}])),
            Ok(json!({"phoneNumbers": [{"value": "1"}]})),
        );
        users.both(
            replace(&format!("{ENT}:division"), json!("North")),
            Ok(json!({ENT: {"department": "Quay", "division": "North"}})),
        );
        users.both(replace("title", json!("Mate")), Ok(json!({"title": "Mate"})));
        users.both(replace("title", json!("Clerk")), Ok(json!({})));
        users.both(
            replace("name", json!({"givenName": "Åse"})),
            Ok(json!({"name": {"givenName": "Åse", "familyName": "Ek"}})),
        );
        users.both(
            replace("name.familyName", json!("Lund")),
            Ok(json!({"name": {"givenName": "Bo", "familyName": "Lund"}})),
        );
        // A list is replaced as a whole.
        let other = json!({"value": "bo@sea.example", "type": "other"});
        users.both(
            replace("emails", json!([other, home()])),
            Ok(json!({"emails": [home(), other]})),
        );
        users.both(replace("emails", other.clone()), Ok(json!({"emails": [other]})));
        users.both(replace("emails", json!([home(), work()])), Ok(json!({})));
        users.both(replace("emails", json!([])), Ok(json!({"emails": null})));
        users.both(replace("emails", json!([other, other])), Ok(json!({"emails": [other]})));
        // Each element that matches.
        users.both(
            replace("emails[type eq \"home\"]", other.clone()),
            Ok(json!({"emails": [work(), other]})),
        );
        users.both(
            replace("emails[type eq \"work\"]", json!({"value": "x@fjord.example"})),
            Ok(json!({"emails": [home(), {"value": "x@fjord.example"}]})),
        );
        users.both(
            replace("emails[type eq \"work\" and primary eq true].value", json!("x@fjord.example")),
            Ok(json!({"emails": [
                {"value": "x@fjord.example", "type": "work", "primary": true}, home(),
            ]})),
        );
        users.both(
            replace("emails[value ew \".example\"].display", json!("Bo")),
            Ok(json!({"emails": [
                {"value": "bo@fjord.example", "type": "work", "primary": true, "display": "Bo"},
                {"value": "bo@lake.example", "type": "home", "display": "Bo"},
            ]})),
        );
        // Both are equal now, so one remains.
        users.both(
            replace(
                "emails[type eq \"home\"]",
                json!({"type": "work", "value": "bo@fjord.example"}),
            ),
            Ok(json!({"emails": [work()]})),
        );
        // A boolean as a string in the filter, as one identity provider writes it.
        users.both(
            replace("roles[primary eq \"True\"].value", json!("mate")),
            Ok(json!({"roles": [{"value": "mate", "primary": true}]})),
        );
    });
}

#[test]
fn remove_deletes_values() {
    Profiles::with(|users| {
        users.both(json!([{"op": "remove"}]), Err("noTarget"));
        users.both(json!([{"op": "remove", "path": "", "value": "x"}]), Err("noTarget"));
        users.both(json!([{"op": "remove", "value": {"title": "Clerk"}}]), Err("noTarget"));
        users.both(remove("title"), Ok(json!({"title": null})));
        users.both(remove("nickName"), Ok(json!({})));
        users.both(remove("name"), Ok(json!({"name": null})));
        users.both(remove("name.givenName"), Ok(json!({"name": {"familyName": "Ek"}})));
        users.both(remove("name.middleName"), Ok(json!({})));
        users.both(remove("emails"), Ok(json!({"emails": null})));
        users.both(remove(ENT), Ok(json!({ENT: null})));
        users.both(remove(&format!("{ENT}:department")), Ok(json!({ENT: null})));
        users.both(remove(&format!("{ENT}:manager")), Ok(json!({})));
        let parts = json!([
            {"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"},
        ]);
        users.both(parts, Ok(json!({"name": null})));
        // Matching elements are removed; no match is an error only with strict settings.
        users.both(remove("emails[type eq \"work\"]"), Ok(json!({"emails": [home()]})));
        users.both(remove("emails[value pr]"), Ok(json!({"emails": null})));
        for nothing in
            ["emails[type eq \"fax\"]", "emails[type eq \"fax\"].value", "photos[value pr]"]
        {
            users.differ(remove(nothing), Ok(json!({})), Err("noTarget"));
        }
        users.both(
            remove("emails[type eq \"work\"].primary"),
            Ok(json!({"emails": [{"value": "bo@fjord.example", "type": "work"}, home()]})),
        );
        users.both(
            remove("emails[type eq \"home\"].type"),
            Ok(json!({"emails": [work(), {"value": "bo@lake.example"}]})),
        );
        // An element with only type and primary is removed.
        users.both(remove("emails[type eq \"work\"].value"), Ok(json!({"emails": [home()]})));
        users.both(remove("roles[value eq \"cook\"].value"), Ok(json!({"roles": null})));
        for required in ["userName", &format!("{CORE}:userName"), "USERNAME"] {
            users.both(remove(required), Err("mutability"));
        }
        for read_only in ["id", "groups", "meta", "meta.version", "groups[value pr]"] {
            users.both(remove(read_only), Err("mutability"));
        }
        for op in ["add", "replace"] {
            users.both(one(op, "userName", json!(null)), Err("invalidValue"));
        }
        // A value selects the elements, for every list.
        let select = |value: Value| one("remove", "emails", value);
        users.both(select(json!([{"type": "work"}])), Ok(json!({"emails": [home()]})));
        users.both(select(json!({"value": "BO@lake.example"})), Ok(json!({"emails": [work()]})));
        users.both(select(json!([home(), work()])), Ok(json!({"emails": null})));
        users.both(select(json!([{"value": "nobody@fjord.example"}])), Ok(json!({})));
        users.both(select(json!([])), Ok(json!({})));
        users.both(select(json!(null)), Ok(json!({"emails": null})));
    });
}

#[test]
fn operations_apply_one_after_the_other() {
    Profiles::with(|users| {
        users.both(
            json!([
                {"op": "replace", "path": "title", "value": "Mate"},
                {"op": "remove", "path": "title"},
                {"op": "add", "path": "title", "value": "Cook"},
            ]),
            Ok(json!({"title": "Cook"})),
        );
        users.both(
            json!([
                {"op": "add", "path": "emails", "value": {"value": "x@fjord.example", "type": "fax"}},
                {"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "y@fjord.example"},
                {"op": "remove", "path": "emails[type ne \"fax\"]"},
            ]),
            Ok(json!({"emails": [{"value": "y@fjord.example", "type": "fax"}]})),
        );
        users.both(
            json!([
                {"op": "replace", "path": "title", "value": "Mate"},
                {"op": "replace", "path": "title", "value": "Clerk"},
            ]),
            Ok(json!({})),
        );
        // A failure undoes the operations before it.
        for (bad, scim_type) in [
            (json!({"op": "remove"}), "noTarget"),
            (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
            (json!({"op": "replace", "path": "title", "value": 7}), "invalidValue"),
            (json!({"op": "replace", "path": "a b", "value": 7}), "invalidPath"),
            (json!({"op": "move", "path": "title"}), "invalidSyntax"),
        ] {
            let good = json!({"op": "replace", "path": "title", "value": "Mate"});
            let more = json!({"op": "remove", "path": "emails"});
            users.both(json!([good, more, bad]), Err(scim_type));
            users.both(json!([good, bad, {"op": "remove"}]), Err(scim_type));
        }
    });
}

#[test]
fn invalid_patches() {
    Profiles::with(|users| {
        let value = |path: &str, value: Value| one("replace", path, value);
        for (path, scim_type) in [
            ("a b", "invalidPath"),
            ("name..givenName", "invalidPath"),
            ("name.given.name", "invalidPath"),
            (".title", "invalidPath"),
            ("title.", "invalidPath"),
            ("title[value eq \"x\"]", "invalidPath"),
            ("active[value eq \"true\"]", "invalidPath"),
            ("name[givenName is \"Bo\"].familyName", "invalidFilter"),
            ("emails[type eq \"work\"]value", "invalidPath"),
            ("emails[type eq \"work\"].value.x", "invalidPath"),
            ("emails.value[type eq \"work\"]", "invalidPath"),
            ("emails[type eq \"work\"", "invalidFilter"),
            ("emails[]", "invalidFilter"),
            ("emails[type is \"work\"].value", "invalidFilter"),
            ("emails[type eq].value", "invalidFilter"),
            ("emails[emails[type eq \"work\"]]", "invalidFilter"),
            ("emails[primary gt true].value", "invalidFilter"),
        ] {
            users.both(value(path, json!("x")), Err(scim_type));
            users.both(remove(path), Err(scim_type));
        }
        for (path, wrong) in [
            ("title", json!(7)),
            ("title", json!(true)),
            ("title", json!({"value": "x", "display": "x"})),
            ("title", json!({"$ref": "x"})),
            ("title", json!(["x", "y"])),
            ("active", json!("perhaps")),
            ("active", json!(1)),
            ("name", json!("Bo Ek")),
            ("name", json!([{"givenName": "Bo"}, {"givenName": "Åse"}])),
            ("name.givenName", json!(7)),
            ("emails", json!([7])),
            ("emails", json!([{"value": 7}])),
            ("emails", json!([{"value": "x@fjord.example", "primary": "perhaps"}])),
            ("emails[type eq \"work\"].value", json!(7)),
            ("emails[type eq \"work\"].primary", json!("perhaps")),
            (ENT, json!("Quay")),
        ] {
            users.both(value(path, wrong), Err("invalidValue"));
        }
        // A list of one and a single value are equivalent.
        users.both(value("title", json!(["Mate"])), Ok(json!({"title": "Mate"})));
        users.both(
            value("emails[type eq \"home\"].value", json!(["x@lake.example"])),
            Ok(json!({"emails": [work(), {"value": "x@lake.example", "type": "home"}]})),
        );
        // So is an object with only the value, a provider's old form.
        users.both(
            value("title", json!([{"$ref": null, "value": "Mate"}])),
            Ok(json!({"title": "Mate"})),
        );
        let old_form = value("active", json!([{"$ref": null, "value": "False"}]));
        users.differ(old_form, Ok(json!({"active": false})), Err("invalidValue"));
        // Booleans as strings are accepted only with lenient settings.
        for text in ["False", "false", "FALSE"] {
            let off = Ok(json!({"active": false}));
            users.differ(value("active", json!(text)), off, Err("invalidValue"));
        }
        for op in ["Replace", "REPLACE"] {
            users.both(one(op, "title", json!("Mate")), Ok(json!({"title": "Mate"})));
        }

        let path = format!("/Users/{}", users.lenient.post("/Users", &user("mira")).id());
        let before = users.lenient.get(&path).body;
        for body in [
            json!([]),
            json!("x"),
            json!({}),
            json!({"Operations": []}),
            json!({"Operations": {"op": "remove", "path": "title"}}),
            json!({"Operations": ["remove"]}),
            json!({"Operations": [{"path": "title", "value": "x"}]}),
            json!({"Operations": [{"op": "move", "path": "title"}]}),
            json!({"Operations": [{"op": 7, "path": "title"}]}),
            json!({"Operations": [{"op": "replace", "path": 7, "value": "x"}]}),
            json!({"Operations": [{"op": "replace", "path": ["title"], "value": "x"}]}),
            json!({"title": "x"}),
        ] {
            let body = body.to_string();
            let answer = users.lenient.send("PATCH", &path, &[], body.as_bytes()).unwrap();
            check_refused(&answer, 400, Some("invalidSyntax"));
        }
        assert_eq!(users.lenient.get(&path).body, before);
        // A PATCH body needs neither `schemas` nor the capital letter.
        let bare = br#"{"operations":[{"op":"add","path":"title","value":"x"}]}"#;
        let answer = users.lenient.send("PATCH", &path, &[], bare).unwrap();
        assert_eq!((answer.status, &answer.body["title"]), (200, &json!("x")));
        let many = vec![json!({"op": "remove", "path": "title"}); 10_001];
        check_refused(&users.lenient.patch(&path, &json!(many)), 413, None);
        assert_eq!(users.lenient.get(&path).body["title"], "x");
    });
}

#[test]
fn a_no_op_is_recorded_and_keeps_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let mut body = before();
    body["userName"] = "mira".into();
    let mira = scim.post("/Users", &body);
    let mut crew = group("Crew");
    crew["members"] = json!([{"value": mira.id()}]);
    let crew = scim.post("/Groups", &crew).id();
    let mut turn = 0;
    let mut check = |path: &str, operations: Value, effect: &str| {
        turn += 1;
        let id = format!("turn-{turn}");
        let before = scim.get(path);
        let body = patch(&operations).to_string();
        let answer = scim.send("PATCH", path, &[("x-request-id", &id)], body.as_bytes()).unwrap();
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
        let after = scim.get(path);
        assert_eq!(after.body == before.body, effect == "no_op", "{operations}");
        assert_eq!(answer.header("etag"), after.header("etag"));
        assert_eq!(after.header("etag") == before.header("etag"), effect == "no_op");
        let rows = server.admin().rows(&format!("/api/v1/operations?requestId={id}"));
        let effects: Vec<_> = rows.iter().map(|row| &row["effect"]).collect();
        assert_eq!(effects, [effect], "{operations}: one event for the request");
    };
    let (mira, member) = (format!("/Users/{}", mira.id()), json!([{"value": mira.id()}]));
    let crew = format!("/Groups/{crew}");
    check(&mira, one("add", "title", json!("Clerk")), "no_op");
    check(&mira, one("replace", "emails", json!([home(), work()])), "no_op");
    check(&mira, remove("emails[type eq \"fax\"]"), "no_op");
    check(&mira, remove("nickName"), "no_op");
    check(&mira, json!([{"op": "replace", "value": {"active": true, "id": "x"}}]), "no_op");
    check(&mira, one("add", "title", json!("Mate")), "applied");
    check(&crew, one("add", "members", member.clone()), "no_op");
    check(&crew, one("replace", "members", member.clone()), "no_op");
    check(&crew, one("remove", "members", json!([{"value": "nobody"}])), "no_op");
    check(&crew, remove("members[value eq \"nobody\"]"), "no_op");
    let away_and_back = json!([
        {"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": member},
    ]);
    check(&crew, away_and_back, "no_op");
    check(&crew, one("remove", "members", member), "applied");
    server.stop();
}

#[test]
fn members_in_every_form() {
    served(|scim| {
        let ids: Vec<String> =
            (0..4).map(|index| scim.post("/Users", &user(&format!("user-{index}"))).id()).collect();
        let values = |indices: &[usize]| -> Value {
            indices.iter().map(|index| json!({"value": ids[*index]})).collect()
        };
        let of = |index: usize| format!("members[value eq \"{}\"]", ids[index]);
        // The group starts with the first two members each time.
        let check = |operations: Value, expected: Result<&[usize], &str>| {
            let body = json!({"displayName": "Crew", "members": values(&[0, 1])});
            let created = scim.post("/Groups", &body);
            let path = format!("/Groups/{}", created.id());
            let answer = scim.patch(&path, &operations);
            let now = scim.get(&path);
            let members = now.body["members"].as_array().cloned().unwrap_or_default();
            let mut got: Vec<&str> =
                members.iter().map(|one| one["value"].as_str().unwrap()).collect();
            let expected = match expected {
                Ok(expected) => {
                    assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{operations}");
                    expected
                }
                Err(scim_type) => {
                    check_refused(&answer, 400, Some(scim_type));
                    &[0, 1]
                }
            };
            let mut expected: Vec<&str> = expected.iter().map(|one| ids[*one].as_str()).collect();
            got.sort_unstable();
            expected.sort_unstable();
            assert_eq!(got, expected, "{operations}");
            let mut start = [ids[0].as_str(), &ids[1]];
            start.sort_unstable();
            let unchanged = expected == start;
            let renamed = now.body["displayName"] != "Crew";
            assert_eq!(now.header("etag") == created.header("etag"), unchanged && !renamed);
            now
        };
        for path in ["members", "Members", "urn:ietf:params:scim:schemas:core:2.0:Group:members"] {
            let add = |value: Value| one("Add", path, value);
            check(add(values(&[2, 3])), Ok(&[0, 1, 2, 3]));
            check(add(json!({"value": ids[2]})), Ok(&[0, 1, 2]));
            check(add(json!([ids[2], ids[2]])), Ok(&[0, 1, 2]));
            check(add(json!(ids[2])), Ok(&[0, 1, 2]));
            check(add(json!([])), Ok(&[0, 1]));
            // An existing member stays one, whatever the value says besides.
            check(add(json!([{"value": ids[0], "display": "other", "type": "User"}])), Ok(&[0, 1]));
            check(one("replace", path, values(&[1, 2])), Ok(&[1, 2]));
            check(one("replace", path, json!([])), Ok(&[]));
            check(remove(path), Ok(&[]));
            check(one("remove", path, json!(null)), Ok(&[]));
            check(one("remove", path, json!([])), Ok(&[0, 1]));
            check(one("remove", path, values(&[0])), Ok(&[1]));
            check(one("remove", path, json!([{"value": ids[0], "$ref": null}])), Ok(&[1]));
            check(one("remove", path, json!({"value": ids[0]})), Ok(&[1]));
            check(one("remove", path, json!([ids[1]])), Ok(&[0]));
            check(one("remove", path, values(&[2, 3])), Ok(&[0, 1]));
        }
        check(remove(&of(0)), Ok(&[1]));
        check(remove(&of(3)), Ok(&[0, 1]));
        check(
            remove(&format!("members[value eq \"{}\" or value eq \"{}\"]", ids[0], ids[1])),
            Ok(&[]),
        );
        check(remove(&format!("members[value ne \"{}\"]", ids[0])), Ok(&[0]));
        check(remove("members[type eq \"User\"]"), Ok(&[]));
        check(remove("members[type eq \"Group\"]"), Ok(&[0, 1]));
        check(json!([{"op": "add", "value": {"members": values(&[2])}}]), Ok(&[0, 1, 2]));
        check(json!([{"op": "replace", "value": {"members": values(&[2])}}]), Ok(&[2]));
        // One operation for each member.
        let each = json!([
            {"op": "add", "path": "members", "value": values(&[2])},
            {"op": "add", "path": "members", "value": values(&[3])},
            {"op": "remove", "path": of(2)},
        ]);
        check(each, Ok(&[0, 1, 3]));
        // Some clients send the name with every change of members.
        let push = json!([
            {"op": "replace", "value": {"id": "x", "displayName": "Hands"}},
            {"op": "remove", "path": of(0)},
            {"op": "add", "path": "members", "value": values(&[2])},
        ]);
        assert_eq!(check(push, Ok(&[1, 2])).body["displayName"], "Hands");
        // A failure also undoes a change of members.
        let add = json!({"op": "add", "path": "members", "value": values(&[2])});
        check(json!([add, {"op": "remove"}]), Err("noTarget"));
        check(json!([add, {"op": "remove", "path": "displayName"}]), Err("mutability"));
        check(
            json!([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": [7]}]),
            Err("invalidValue"),
        );
        check(one("add", "members", json!([{"display": "nobody"}])), Err("invalidValue"));
        check(remove("members[value is 1]"), Err("invalidFilter"));
    });
}

#[test]
fn answers_to_patches() {
    let check = |settings: Value, expected: [u16; 2]| {
        served_with(settings, |scim| {
            let made = [scim.post("/Users", &user("mira")), scim.post("/Groups", &group("Crew"))];
            for ((created, endpoint), expected) in
                made.iter().zip(["Users", "Groups"]).zip(expected)
            {
                let path = format!("/{endpoint}/{}", created.id());
                let change = |query: &str, value: &str| -> Answer {
                    let answer = scim.patch(
                        &format!("{path}{query}"),
                        &one("replace", "externalId", json!(value)),
                    );
                    let now = scim.get(&path);
                    assert_eq!(now.body["externalId"], value);
                    assert_eq!(answer.header("etag"), now.header("etag"));
                    assert_eq!(answer.header("location"), now.header("location"));
                    answer
                };
                for value in ["1", "1", "2"] {
                    let answer = change("", value);
                    assert_eq!(answer.status, expected, "{endpoint}");
                    match expected {
                        204 => assert_eq!(answer.text, ""),
                        _ => assert_eq!(answer.body, scim.get(&path).body),
                    }
                }
                let answer = change("?attributes=externalId", "3");
                assert_eq!((answer.status, &answer.body["externalId"]), (200, &json!("3")));
                assert_eq!(answer.body.get("meta"), None);
            }
        });
    };
    check(json!({}), [200, 204]);
    check(json!({"patch_response": "auto"}), [200, 204]);
    check(json!({"patch_response": "representation"}), [200, 200]);
    check(json!({"patch_response": "empty"}), [204, 204]);
}

/// An unknown member is shown as the client described it; an existing one by its own name.
#[test]
fn an_unknown_member_is_shown_as_the_client_described_it() {
    served(|scim| {
        let mira = scim.post("/Users", &user("mira")).id();
        let path = format!("/Groups/{}", scim.post("/Groups", &group("Crew")).id());
        let members = json!([
            {"value": "string id 1", "displayName": "new User", "type": "user"},
            {"value": "string id 2", "type": "Robot"},
            "string id 3",
            {"value": mira, "display": "somebody else"},
        ]);
        let add = json!([{"op": "add", "path": "members", "value": members}]);
        assert_eq!(scim.patch(&path, &add).status, 204);
        let shown = scim.get(&path).body["members"].as_array().unwrap().clone();
        let of = |id: &str| shown.iter().find(|one| one["value"] == id).unwrap().clone();
        let named = json!({"value": "string id 1", "type": "User", "display": "new User"});
        assert_eq!(of("string id 1"), named);
        assert_eq!(of("string id 2"), json!({"value": "string id 2"}), "no such type");
        assert_eq!(of("string id 3"), json!({"value": "string id 3"}));
        assert_eq!(of(&mira)["display"], "mira");
        let removed = json!([{"op": "remove", "path": "members[display eq \"NEW user\"]"}]);
        assert_eq!(scim.patch(&path, &removed).status, 204);
        assert_eq!(scim.get(&path).body["members"].as_array().unwrap().len(), 3);
    });
}
