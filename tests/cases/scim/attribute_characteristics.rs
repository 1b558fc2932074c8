//! The effects of an attribute's characteristics (RFC 7643 §2.2 to §2.5, §7).

use serde_json::{Value, json};

use super::{check_no_empty, check_refused, ids, served, served_with};
use crate::harness::server::{Answer, Server, encoded, group, user};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn user_names_are_unique_in_any_case_and_per_application() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (boat, ship) = (server.add_app("boat"), server.add_app("ship"));
    let mira = boat.post("/Users", &user("mira")).id();
    let taken = boat.post("/Users", &user("MIRA"));
    assert_eq!((taken.status, &taken.body["scimType"]), (409, &json!("uniqueness")));
    let nils = boat.post("/Users", &user("nils")).id();
    let rename = json!([{"op": "replace", "path": "userName", "value": "Mira"}]);
    assert_eq!(boat.patch(&format!("/Users/{nils}"), &rename).status, 409);
    assert_eq!(boat.patch(&format!("/Users/{mira}"), &rename).status, 200, "its own name");
    assert_eq!(boat.put(&format!("/Users/{nils}"), &user("mIra")).status, 409);
    assert_eq!(ship.post("/Users", &user("mira")).status, 201);
    assert_eq!(ship.get(&format!("/Users/{mira}")).status, 404, "applications are apart");
}

/// A user without the attributes that every user has.
fn own(body: &Value) -> Value {
    let mut own = body.clone();
    let object = own.as_object_mut().unwrap_or_else(|| panic!("no resource: {body}"));
    for name in ["schemas", "id", "userName", "meta", "active"] {
        assert!(object.remove(name).is_some(), "{name} is missing in {body}");
    }
    own
}

#[test]
fn names_are_known_in_any_case_and_kept_in_one() {
    served(|scim| {
        let sent = json!({
            "SCHEMAS": ["URN:IETF:params:scim:schemas:core:2.0:user"],
            "USERNAME": "mira",
            "displayname": "Mira",
            "Name": {"GIVENNAME": "Mira", "familyname": "Lund"},
            "eMails": [{"Value": "m@fjord.example", "TYPE": "Work", "Primary": true}],
            "URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:user": {
                "EmployeeNumber": "7",
                "MANAGER": {"VALUE": "u-1"},
            },
        });
        let created = scim.post("/Users", &sent);
        let expected = json!({
            "displayName": "Mira",
            "name": {"givenName": "Mira", "familyName": "Lund"},
            "emails": [{"value": "m@fjord.example", "type": "Work", "primary": true}],
            ENT: {"employeeNumber": "7", "manager": {"value": "u-1"}},
        });
        assert_eq!(created.status, 201, "{created:?}");
        assert_eq!(own(&created.body), expected);
        let path = format!("/Users/{}", created.id());
        let operations = json!([
            {"OP": "aDD", "PATH": "NAME.honorificprefix", "Value": "Dr"},
            {"Op": "REPLACE", "Path": "EMAILS[Type EQ \"work\"].VALUE", "value": "n@fjord.example"},
            {"op": "rEMOVE", "path": format!("{}:Manager", ENT.to_uppercase())},
        ]);
        let changed = scim.patch(&path, &operations);
        let expected = json!({
            "displayName": "Mira",
            "name": {"givenName": "Mira", "familyName": "Lund", "honorificPrefix": "Dr"},
            "emails": [{"value": "n@fjord.example", "type": "Work", "primary": true}],
            ENT: {"employeeNumber": "7"},
        });
        assert_eq!(own(&changed.body), expected);
        let found =
            scim.get("/Users?FILTER=DISPLAYNAME%20Eq%20%22mira%22&ATTRIBUTES=nickname,TITLE");
        assert_eq!(ids(&found.body), [created.id()]);
    });
}

#[test]
fn null_empty_and_absent_are_the_same() {
    served(|scim| {
        let empty = json!({
            "userName": "empty", "title": null, "nickName": "", "name": {}, "emails": [],
            "roles": null, "phoneNumbers": [{}], "addresses": [{"country": null}],
            "externalId": null, "active": null, ENT: {"department": null, "manager": {}},
        });
        let created = scim.post("/Users", &empty);
        assert_eq!((created.status, own(&created.body)), (201, json!({})));
        assert_eq!(created.body["active"], true);
        let core = "urn:ietf:params:scim:schemas:core:2.0:User";
        assert_eq!(created.body["schemas"], json!([core]));
        check_no_empty(&created.body);

        let full = json!({
            "title": "Clerk", "name": {"givenName": "Mira", "familyName": "Lund"},
            "emails": [{"value": "m@fjord.example"}], "externalId": "E-1",
            ENT: {"department": "Quay", "manager": {"value": "u-1"}},
        });
        let clearings = [
            ("title", vec![json!(null), json!(""), json!([])]),
            ("name.givenName", vec![json!(null), json!("")]),
            ("name", vec![json!(null), json!([])]),
            ("emails", vec![json!(null), json!([])]),
            ("externalId", vec![json!(null), json!("")]),
            (ENT, vec![json!(null)]),
        ];
        let manager = format!("{ENT}:manager");
        let department = format!("{ENT}:department");
        let enterprise = [
            (manager.as_str(), vec![json!(null), json!(""), json!([])]),
            (department.as_str(), vec![json!(null), json!("")]),
        ];
        for (index, (path, values)) in clearings.into_iter().chain(enterprise).enumerate() {
            for (turn, value) in values.iter().enumerate() {
                let mut body = full.clone();
                body["userName"] = format!("user-{index}-{turn}").into();
                let created = scim.post("/Users", &body);
                let address = format!("/Users/{}", created.id());
                let operation = json!({"op": "replace", "path": path, "value": value});
                let cleared = scim.patch(&address, &json!([operation]));
                let mut expected = full.as_object().unwrap().clone();
                match path {
                    "name.givenName" => expected["name"] = json!({"familyName": "Lund"}),
                    _ if path == manager => expected[ENT] = json!({"department": "Quay"}),
                    _ if path == department => expected[ENT] = json!({"manager": {"value": "u-1"}}),
                    whole => drop(expected.remove(whole)),
                }
                assert_eq!(own(&cleared.body), Value::Object(expected), "{path} {value}");
                check_no_empty(&cleared.body);
                // The same as omitting it in a PUT.
                let again = scim.put(&address, &cleared.body);
                assert_eq!(again.body, cleared.body, "{path} {value}");
            }
        }
    });
}

/// Unknown attributes are ignored, and the event stores what was sent.
#[test]
fn unknown_attributes_are_in_the_event_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let stored_body = |request_id: &str| {
        let admin = server.admin();
        let row = admin.rows(&format!("/api/v1/operations?requestId={request_id}")).remove(0);
        let operation = admin.get(&format!("/api/v1/operations/{}", row["seq"])).body;
        operation["resource"]["request"]["body"].clone()
    };
    let send = |method: &str, path: &str, body: &str, id: &str| {
        let headers = [("x-request-id", id)];
        let answer = scim.send(method, path, &headers, body.as_bytes()).unwrap();
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        let sent: Value = serde_json::from_str(body).unwrap();
        assert_eq!(stored_body(id), sent, "with its names as they were sent");
        answer
    };
    let sent = r#"{"userName":"mira", "usrName":"x","emails":[{"Primary":true,"value":"m@fjord.example","colour":"red"}],
        "urn:example:robots:2.0:User":{"arms":2}}"#;
    let created = send("POST", "/Users", sent, "post");
    let expected = json!({"emails": [{"value": "m@fjord.example", "primary": true}]});
    assert_eq!(own(&created.body), expected);
    let path = format!("/Users/{}", created.id());
    let misspelt = r#"{"userName":"mira","dispalyName":"Mira","title":"Clerk"}"#;
    let put = send("PUT", &path, misspelt, "put");
    assert_eq!(own(&put.body), json!({"title": "Clerk"}));
    for (index, operation) in [
        r#"{"op":"add","path":"arms","value":2}"#,
        r#"{"op":"replace","path":"name.colour","value":"red"}"#,
        r#"{"op":"replace","path":"emails[colour eq \"red\"].shade","value":"x"}"#,
        r#"{"op":"remove","path":"urn:example:robots:2.0:User:arms"}"#,
        r#"{"op":"add","value":{"arms":2,"name":{"colour":"red"}}}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!(r#"{{"Operations":[{operation}]}}"#);
        let patched = send("PATCH", &path, &body, &format!("patch-{index}"));
        assert_eq!(patched.body, put.body, "nothing of it is kept, and nothing changes");
    }
    server.stop();
}

#[test]
fn read_only_attributes_are_ignored() {
    served(|scim| {
        let manager = scim.post("/Users", &user("boss")).id();
        let sent = json!({
            "userName": "mira", "id": "x", "groups": [{"value": "g"}], "schemas": ["urn:x"],
            "meta": {"version": "W/\"1\"", "created": "1999-01-01T00:00:00Z"},
            ENT: {"manager": {"value": manager, "displayName": "The boss", "$ref": "http://x"}},
        });
        let created = scim.post("/Users", &sent);
        let path = format!("/Users/{}", created.id());
        let derived = json!({
            "value": manager,
            "$ref": format!("{}/Users/{manager}", scim.base()),
            "displayName": "boss",
        });
        assert_eq!(own(&created.body), json!({ENT: {"manager": derived}}));
        let put = scim.put(&path, &sent);
        assert_eq!((put.status, &put.body), (200, &created.body), "passed over, and no change");

        let named = format!("{ENT}:manager.displayName");
        let reference = format!("{ENT}:manager.$ref");
        for target in ["id", "meta", "meta.version", "groups", "groups.value", &named, &reference] {
            for operation in [
                json!({"op": "add", "path": target, "value": "x"}),
                json!({"op": "replace", "path": target, "value": "x"}),
                json!({"op": "remove", "path": target}),
            ] {
                let refused = scim.patch(&path, &json!([operation]));
                check_refused(&refused, 400, Some("mutability"));
            }
        }
        // `schemas` follows from the content; clients announce an extension by writing it.
        for op in ["add", "replace", "remove"] {
            let operation = json!({"op": op, "path": "schemas", "value": ["urn:x:2.0:Y"]});
            let patched = scim.patch(&path, &json!([operation]));
            assert_eq!((patched.status, &patched.body), (200, &created.body), "no change");
        }
        // Without a path, the value is what the client read before.
        let mut whole = sent.clone();
        whole["title"] = "Clerk".into();
        let operations = json!([{"op": "replace", "value": whole}]);
        let patched = scim.patch(&path, &operations);
        assert_eq!(patched.status, 200, "{patched:?}");
        assert_eq!(own(&patched.body), json!({"title": "Clerk", ENT: {"manager": derived}}));
        assert_eq!(patched.body["meta"]["created"], created.body["meta"]["created"]);
    });
}

#[test]
fn a_password_is_accepted_and_never_returned() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let secret = "S3a-legs-and-rum";
    let hidden = |answer: &Answer| {
        assert!(!answer.text.contains(secret) && answer.body.get("password").is_none());
    };
    let mut body = user("mira");
    body["password"] = secret.into();
    let created = scim.post("/Users?attributes=password,userName", &body);
    assert_eq!((created.status, &created.body["userName"]), (201, &json!("mira")));
    hidden(&created);
    let path = format!("/Users/{}", created.id());
    let put = scim.put(&path, &body);
    assert_eq!((put.status, put.header("etag")), (200, created.header("etag")));
    hidden(&put);
    for operation in [
        json!({"op": "replace", "path": "password", "value": secret}),
        json!({"op": "add", "path": "PassWord", "value": secret}),
        json!({"op": "replace", "value": {"password": secret}}),
        json!({"op": "remove", "path": "password"}),
    ] {
        let patched = scim.patch(&path, &json!([operation]));
        assert_eq!(patched.status, 200);
        hidden(&patched);
    }
    hidden(&scim.get(&format!("{path}?attributes=password")));
    hidden(&scim.get("/Users?attributes=password"));
    // Every comparison would confirm a guess.
    for filter in [
        format!("password eq \"{secret}\""),
        "password pr".to_owned(),
        "not (password sw \"S\")".to_owned(),
        "userName eq \"mira\" or password co \"a\"".to_owned(),
        "urn:ietf:params:scim:schemas:core:2.0:User:password pr".to_owned(),
    ] {
        for endpoint in ["/Users", "/"] {
            let answer = scim.get(&format!("{endpoint}?filter={}", encoded(&filter)));
            check_refused(&answer, 400, Some("invalidFilter"));
            hidden(&answer);
        }
    }
    for row in server.admin().rows("/api/v1/operations") {
        let operation = server.admin().get(&format!("/api/v1/operations/{}", row["seq"]));
        assert!(!operation.text.contains(secret), "{}", operation.text);
    }
    assert!(!server.log_lines().contains(secret));
    server.stop();
}

/// `immutable`, `request` and the rest on a type that core SCIM does not have.
#[test]
fn characteristics_of_a_schema_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = folder.path().join("schemas");
    std::fs::create_dir(&schemas).unwrap();
    let urn = "urn:example:params:scim:schemas:harbour:2.0:Berth";
    let schema = json!({"id": urn, "name": "Berth", "attributes": [
        {"name": "label", "required": true},
        {"name": "serial", "mutability": "immutable", "caseExact": true},
        {"name": "chart", "type": "complex", "subAttributes": [
            {"name": "edition", "mutability": "immutable"},
            {"name": "note"}]},
        {"name": "history", "returned": "request"},
        {"name": "keyword", "returned": "never"},
        {"name": "code", "returned": "always"},
        {"name": "secret", "mutability": "writeOnly", "returned": "never"},
        {"name": "depth", "type": "integer"},
        {"name": "tags", "multiValued": true},
    ]});
    let resource_type = json!({
        "name": "Berth", "endpoint": "/Berths", "schema": urn, "schemaExtensions": [],
    });
    std::fs::write(schemas.join("berth.json"), schema.to_string()).unwrap();
    std::fs::write(schemas.join("type.json"), resource_type.to_string()).unwrap();
    let flags = ["--schemas", schemas.to_str().unwrap()];
    let server = Server::start_with(&folder.path().join("data"), &flags, &[]).unwrap();
    let scim = server.add_app("boat");

    // Characteristics that a schema omits have the defaults of RFC 7643 §2.2.
    let shown = scim.get(&format!("/Schemas/{urn}")).body;
    let silent = json!({
        "name": "label", "type": "string", "multiValued": false, "description": "",
        "required": true, "caseExact": false, "mutability": "readWrite", "returned": "default",
        "uniqueness": "none",
    });
    assert_eq!(shown["attributes"][0], silent);

    let sent = json!({
        "label": "North", "history": "built", "keyword": "k", "code": "c", "secret": "hush",
        "depth": 7, "tags": ["deep", "DEEP", "wide"],
    });
    let created = scim.post("/Berths", &sent);
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("/Berths/{}", created.id());
    let names = |answer: &Answer| {
        let names = answer.body.as_object().unwrap().keys().cloned();
        names.collect::<Vec<_>>().join(" ")
    };
    let check = |query: &str, expected: &str| {
        assert_eq!(names(&scim.get(&format!("{path}?{query}"))), expected, "{query}");
        let listed = scim.get(&format!("/Berths?{query}"));
        let listed = listed.body["Resources"][0].as_object().unwrap().keys().cloned();
        assert_eq!(listed.collect::<Vec<_>>().join(" "), expected, "{query}");
    };
    assert_eq!(names(&created), "code depth id label meta schemas tags");
    check("", "code depth id label meta schemas tags");
    check("attributes=history", "code history id schemas");
    check("attributes=keyword,secret", "code id schemas");
    check("attributes=label", "code id label schemas");
    check("excludedAttributes=id,schemas,code,label,meta,tags", "code depth id schemas");
    assert_eq!(created.body["tags"], json!(["deep", "wide"]), "the same in another case");
    let filter = encoded("secret eq \"hush\"");
    check_refused(&scim.get(&format!("/Berths?filter={filter}")), 400, Some("invalidFilter"));
    let found = |filter: &str| {
        scim.get(&format!("/Berths?filter={}", encoded(filter))).body["totalResults"] == 1
    };
    assert!(found("tags eq \"WIDE\"") && found("depth gt 6.5") && found("label sw \"no\""));
    assert!(!found("tags eq \"narrow\"") && !found("depth gt 7"));

    // Immutable: set once, by any of the three methods; a PUT may repeat it.
    let change = |operation: Value| scim.patch(&path, &json!([operation]));
    let set = change(json!({"op": "add", "path": "serial", "value": "A-1"}));
    assert_eq!((set.status, &set.body["serial"]), (200, &json!("A-1")));
    let set = change(json!({"op": "add", "path": "chart", "value": {"edition": "2", "note": "n"}}));
    assert_eq!(set.body["chart"], json!({"edition": "2", "note": "n"}));
    for operation in [
        json!({"op": "add", "path": "serial", "value": "A-2"}),
        json!({"op": "add", "path": "serial", "value": "a-1"}),
        json!({"op": "replace", "path": "serial", "value": "A-2"}),
        json!({"op": "replace", "value": {"serial": "A-2"}}),
        json!({"op": "remove", "path": "serial"}),
        json!({"op": "replace", "path": "chart.edition", "value": "3"}),
        json!({"op": "remove", "path": "chart"}),
    ] {
        check_refused(&change(operation), 400, Some("mutability"));
    }
    for same in [
        json!({"op": "add", "path": "serial", "value": "A-1"}),
        json!({"op": "replace", "value": {"serial": "A-1"}}),
    ] {
        let same = change(same);
        assert_eq!((same.status, same.header("etag")), (200, set.header("etag")));
    }
    let noted = change(json!({"op": "replace", "path": "chart.note", "value": "m"}));
    assert_eq!(noted.body["chart"], json!({"edition": "2", "note": "m"}));
    let put = |body: Value| scim.put(&path, &body);
    let chart = json!({"edition": "2"});
    check_refused(&put(json!({"label": "N", "chart": chart})), 400, Some("mutability"));
    let other = json!({"label": "N", "serial": "A-2", "chart": chart});
    check_refused(&put(other), 400, Some("mutability"));
    assert_eq!(scim.get(&path).body, noted.body, "nothing of a refused change is kept");
    let kept = put(json!({"label": "N", "serial": "A-1", "chart": chart}));
    assert_eq!((kept.status, &kept.body["serial"]), (200, &json!("A-1")));
    assert_eq!(kept.body["chart"], chart);

    for wrong in [json!("seven"), json!(7.5), json!("7"), json!(true)] {
        let wrong = change(json!({"op": "replace", "path": "depth", "value": wrong}));
        check_refused(&wrong, 400, Some("invalidValue"));
    }
    check_refused(&scim.post("/Berths", &json!({"depth": 1})), 400, Some("invalidValue"));
    let removed = change(json!({"op": "remove", "path": "label"}));
    check_refused(&removed, 400, Some("mutability"));
    server.stop();
}

#[test]
fn only_the_user_name_must_be_unique() {
    served(|scim| {
        let both = json!({
            "externalId": "E-1", "displayName": "Mira", "nickName": "M",
            "emails": [{"value": "m@fjord.example", "type": "work", "primary": true}],
            "phoneNumbers": [{"value": "+47 555 0101", "type": "mobile"}],
            ENT: {"employeeNumber": "7"},
        });
        let named = |name: &str| {
            let mut body = both.clone();
            body["userName"] = name.into();
            body
        };
        let mira = scim.post("/Users", &named("mira.ÅS"));
        let nils = scim.post("/Users", &named("nils"));
        assert_eq!((mira.status, nils.status), (201, 201), "{nils:?}");
        assert_eq!(own(&mira.body), both);
        assert_eq!(own(&nils.body), both);
        for taken in ["mira.ÅS", "MIRA.åS", "Mira.ås"] {
            check_refused(&scim.post("/Users", &user(taken)), 409, Some("uniqueness"));
            let path = format!("/Users/{}", nils.id());
            check_refused(&scim.put(&path, &named(taken)), 409, Some("uniqueness"));
            for operation in [
                json!({"op": "replace", "path": "userName", "value": taken}),
                json!({"op": "add", "value": {"userName": taken}}),
            ] {
                let refused = scim.patch(&path, &json!([operation]));
                check_refused(&refused, 409, Some("uniqueness"));
            }
        }
        assert_eq!(scim.get(&format!("/Users/{}", nils.id())).body, nils.body);
        // A released name is free.
        let path = format!("/Users/{}", mira.id());
        let renamed = json!([{"op": "replace", "path": "userName", "value": "olga"}]);
        assert_eq!(scim.patch(&path, &renamed).body["userName"], "olga");
        assert_eq!(scim.post("/Users", &user("MIRA.ås")).status, 201);
        let crews = [scim.post("/Groups", &group("Crew")), scim.post("/Groups", &group("crew"))];
        assert_eq!(crews.map(|one| one.status), [201, 201], "names of groups need not be");
    });
    served_with(json!({"unique_group_names": true}), |scim| {
        assert_eq!(scim.post("/Groups", &group("Crew")).status, 201);
        check_refused(&scim.post("/Groups", &group("crew")), 409, Some("uniqueness"));
        let other = scim.post("/Groups", &group("Cooks")).id();
        let path = format!("/Groups/{other}");
        check_refused(&scim.put(&path, &group("CREW")), 409, Some("uniqueness"));
        assert_eq!(scim.put(&path, &group("cooks")).status, 200, "its own name");
    });
}

#[test]
fn required_attributes() {
    served(|scim| {
        for body in [
            json!({}),
            json!({"userName": null}),
            json!({"userName": ""}),
            json!({"displayName": "Mira"}),
        ] {
            check_refused(&scim.post("/Users", &body), 400, Some("invalidValue"));
            check_refused(
                &scim.post("/Groups", &json!({"members": []})),
                400,
                Some("invalidValue"),
            );
        }
        let path = format!("/Users/{}", scim.post("/Users", &user("mira")).id());
        check_refused(&scim.put(&path, &json!({"title": "Clerk"})), 400, Some("invalidValue"));
        assert_eq!(scim.get(&path).body["userName"], "mira");
        // Clients that send no externalId, and no schemas.
        assert_eq!(scim.post("/Users", &json!({"userName": "nils"})).status, 201);
    });
    served_with(json!({"require_schemas": true}), |scim| {
        let bare = json!({"userName": "nils"});
        check_refused(&scim.post("/Users", &bare), 400, Some("invalidValue"));
        assert_eq!(scim.post("/Users", &user("nils")).status, 201);
    });
}

#[test]
fn a_user_is_active_by_default() {
    served(|scim| {
        assert_eq!(scim.post("/Users", &user("mira")).body["active"], true);
        let mut body = user("nils");
        body["active"] = false.into();
        let created = scim.post("/Users", &body);
        assert_eq!(created.body["active"], false);
        let listed = scim.get("/Users").body;
        let shown: Vec<_> =
            listed["Resources"].as_array().unwrap().iter().map(|one| &one["active"]).collect();
        assert_eq!(shown, [true, false], "whoever is switched off is listed");
    });
    // Removing the value does not activate the account.
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let mut body = user("nils");
    body["active"] = false.into();
    let path = format!("/Users/{}", scim.post("/Users", &body).id());
    for operation in [
        json!({"op": "remove", "path": "active"}),
        json!({"op": "replace", "path": "active", "value": null}),
        json!({"op": "replace", "value": {"active": null}}),
    ] {
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        assert_eq!(scim.patch(&path, &off).body["active"], false);
        let answer = scim.patch(&path, &json!([operation]));
        assert_eq!((answer.status, answer.body.get("active")), (200, None), "{operation}");
        assert!(server.admin().rows("/api/v1/apps/boat/users?active=true").is_empty());
        assert_eq!(scim.put(&path, &user("nils")).body.get("active"), None, "nothing to keep");
        assert_eq!(server.admin().rows("/api/v1/apps/boat/users?active=false").len(), 1);
    }
    let check = |lenient: bool, value: Value, expected: Option<bool>| {
        served_with(json!({"lenient_booleans": lenient}), |scim| {
            let mut body = user("mira");
            body["active"] = value.clone();
            let created = scim.post("/Users", &body);
            let path = format!("/Users/{}", scim.post("/Users", &user("nils")).id());
            body["userName"] = "nils".into();
            let put = scim.put(&path, &body);
            let operations = json!([{"op": "replace", "path": "active", "value": value}]);
            let patched = scim.patch(&path, &operations);
            for answer in [created, put, patched] {
                match expected {
                    Some(expected) => assert_eq!(answer.body["active"], expected, "{value}"),
                    None => check_refused(&answer, 400, Some("invalidValue")),
                }
            }
        });
    };
    check(true, json!("False"), Some(false));
    check(true, json!("tRUE"), Some(true));
    check(true, json!("no"), None);
    check(true, json!(0), None);
    check(false, json!("False"), None);
    check(false, json!(false), Some(false));
}

#[test]
fn one_element_is_primary() {
    served(|scim| {
        let email = |name: &str, primary: Option<bool>| {
            let mut email = json!({"value": format!("{name}@fjord.example"), "type": name});
            if let Some(primary) = primary {
                email["primary"] = primary.into();
            }
            email
        };
        let with = |emails: Value| json!({"userName": "mira", "emails": emails});
        let two = with(json!([email("work", Some(true)), email("home", Some(true))]));
        check_refused(&scim.post("/Users", &two), 400, Some("invalidValue"));
        let start = json!([email("work", Some(true)), email("home", None)]);
        let created = scim.post("/Users", &with(start.clone()));
        let path = format!("/Users/{}", created.id());
        check_refused(&scim.put(&path, &two), 400, Some("invalidValue"));
        assert_eq!(scim.get(&path).body, created.body);

        let check = |operations: Value, expected: Value| {
            assert_eq!(scim.put(&path, &with(start.clone())).body["emails"], start);
            let changed = scim.patch(&path, &operations);
            assert_eq!(changed.body["emails"], expected, "{operations}");
            assert_eq!(scim.get(&path).body["emails"], expected);
        };
        let exchanged = json!([email("work", Some(false)), email("home", Some(true))]);
        let home = "emails[type eq \"home\"]";
        let to =
            |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
        let primary = format!("{home}.primary");
        check(to("replace", &primary, json!(true)), exchanged.clone());
        check(to("add", &primary, json!(true)), exchanged.clone());
        check(to("add", "emails", json!([email("home", Some(true))])), exchanged.clone());
        check(to("replace", home, email("home", Some(true))), exchanged);
        let third = email("alternate1", Some(true));
        let all = json!([email("work", Some(false)), email("home", None), third]);
        check(to("add", "emails", json!(third)), all);
        check(to("replace", "emails", json!([third])), json!([third]));
        let of_two_the_last_set_wins = json!([
            {"op": "replace", "path": &primary, "value": true},
            {"op": "replace", "path": "emails[type eq \"work\"].primary", "value": true},
        ]);
        let last = json!([email("work", Some(true)), email("home", Some(false))]);
        check(of_two_the_last_set_wins, last);
        for operations in [
            to("replace", "emails", two["emails"].clone()),
            to("replace", "emails[value pr].primary", json!(true)),
        ] {
            let before = scim.get(&path).body;
            check_refused(&scim.patch(&path, &operations), 400, Some("invalidValue"));
            assert_eq!(scim.get(&path).body, before);
        }
    });
}

#[test]
fn equal_elements_are_one_and_any_type_is_taken() {
    served(|scim| {
        let sent = json!({"userName": "mira", "emails": [
            {"value": "m@fjord.example", "type": "work"},
            {"value": "M@Fjord.example", "type": "WORK", "display": "Mira"},
            {"value": "m@fjord.example", "type": "personal"},
            {"value": "a@fjord.example", "type": "alternate1"},
            {"value": "b@fjord.example"},
        ], "phoneNumbers": [{"type": "satellite", "value": " +870 (7) 555-01 "}]});
        let kept = json!([
            {"value": "m@fjord.example", "type": "work", "display": "Mira"},
            {"value": "m@fjord.example", "type": "personal"},
            {"value": "a@fjord.example", "type": "alternate1"},
            {"value": "b@fjord.example"},
        ]);
        let created = scim.post("/Users", &sent);
        assert_eq!(created.status, 201, "{created:?}");
        assert_eq!(created.body["emails"], kept);
        let number = &created.body["phoneNumbers"][0];
        assert_eq!(
            (&number["type"], &number["value"]),
            (&json!("satellite"), &json!(" +870 (7) 555-01 "))
        );
        let path = format!("/Users/{}", created.id());
        let again = scim.put(&path, &sent);
        assert_eq!(again.body, created.body, "the same once more is no change");
    });
}

#[test]
fn members_are_shown_with_what_follows_from_their_id() {
    served(|scim| {
        let mira = scim.post("/Users", &user("mira")).id();
        let cooks = scim.post("/Groups", &group("Cooks")).id();
        let sent = json!({"displayName": "Crew", "members": [
            {"value": mira, "$ref": "http://elsewhere/1", "type": "Robot", "display": "x"},
            {"value": cooks},
            {"value": mira, "display": "again"},
        ]});
        let created = scim.post("/Groups", &sent);
        let reference = |endpoint: &str, id: &str, kind: &str, name: &str| {
            json!({
                "value": id, "$ref": format!("{}/{endpoint}/{id}", scim.base()),
                "type": kind, "display": name,
            })
        };
        let members = [
            reference("Users", &mira, "User", "mira"),
            reference("Groups", &cooks, "Group", "Cooks"),
        ];
        let mut shown = created.body["members"].as_array().unwrap().clone();
        shown.sort_by_key(|one| one["type"] == "Group");
        assert_eq!(shown, members);
        let path = format!("/Groups/{}", created.id());
        let of_member = format!("members[value eq \"{mira}\"]");
        for (op, target) in [
            ("replace", "members.value".to_owned()),
            ("add", "members.display".to_owned()),
            ("replace", format!("{of_member}.value")),
            ("replace", format!("{of_member}.display")),
            ("add", format!("{of_member}.type")),
            ("replace", of_member),
        ] {
            let operations = json!([{"op": op, "path": target, "value": "x"}]);
            check_refused(&scim.patch(&path, &operations), 400, Some("mutability"));
        }
        assert_eq!(scim.get(&path).body, created.body);
        let mut direct = reference("Groups", &created.id(), "direct", "Crew");
        assert_eq!(scim.get(&format!("/Users/{mira}")).body["groups"], json!([direct]));
        // Both show a new name without being changed themselves.
        let renamed = json!([{"op": "replace", "path": "displayName", "value": "Hands"}]);
        assert_eq!(scim.patch(&path, &renamed).status, 204);
        direct["display"] = "Hands".into();
        assert_eq!(scim.get(&format!("/Users/{mira}")).body["groups"], json!([direct]));
    });
}

/// Reactivation by a POST changes the existing user, and cannot change immutable attributes.
#[test]
fn a_post_that_reactivates_a_user_keeps_immutable_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = folder.path().join("schemas");
    std::fs::create_dir(&schemas).unwrap();
    let urn = "urn:example:params:scim:schemas:extension:harbour:2.0:User";
    let schema = json!({
        "id": urn, "name": "HarbourUser", "extends": ["User"],
        "attributes": [{"name": "badge", "mutability": "immutable"}, {"name": "berth"}],
    });
    std::fs::write(schemas.join("harbour.json"), schema.to_string()).unwrap();
    let flags = ["--schemas", schemas.to_str().unwrap()];
    let server = Server::start_with(&folder.path().join("data"), &flags, &[]).unwrap();
    let scim = server.add_app_with("boat", json!({"reactivate_on_post": true}));
    let body = |own: Value| json!({"userName": "mira", "externalId": "E-1", urn: own});
    let mut off = body(json!({"badge": "7", "berth": "North"}));
    off["active"] = false.into();
    let created = scim.post("/Users", &off);
    for own in [json!({"badge": "8"}), json!({"berth": "South"})] {
        check_refused(&scim.post("/Users", &body(own)), 400, Some("mutability"));
        assert_eq!(scim.get(&format!("/Users/{}", created.id())).body, created.body);
    }
    let back = scim.post("/Users", &body(json!({"badge": "7", "berth": "South"})));
    assert_eq!((back.status, back.id()), (201, created.id()));
    assert_eq!(back.body[urn], json!({"badge": "7", "berth": "South"}));
    assert_eq!(back.body["active"], true);
    server.stop();
}
