//! Which attributes answers show (RFC 7644 §3.9).

use serde_json::{Map, Value, json};

use super::served;
use crate::harness::server::{Client, Server, bulk, encoded, group, patch};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn mira() -> Value {
    json!({
        "schemas": [CORE, ENT],
        "userName": "mira",
        "password": "sesame",
        "name": {"givenName": "Mira", "familyName": "Lund"},
        "emails": [
            {"type": "work", "value": "mira@fjord.example", "primary": true},
            {"type": "home", "value": "mira@home.example"},
        ],
        ENT: {"department": "Harbour", "costCenter": "7"},
    })
}

/// A resource without the attributes that are always shown.
fn shown(resource: &Value) -> Value {
    let mut object: Map<String, Value> = resource.as_object().unwrap().clone();
    assert!(object.remove("id").is_some(), "always shown: {resource}");
    assert_eq!(object.remove("schemas").unwrap(), json!([CORE, ENT]), "always shown");
    Value::Object(object)
}

#[test]
fn attributes_shows_the_named_and_the_always_returned_ones() {
    served(|scim| {
        let created = scim.post("/Users", &mira());
        assert_eq!(created.status, 201, "{created:?}");
        let path = format!("/Users/{}", created.id());
        let check = |names: &str, expected: Value| {
            let query = [("attributes", names)];
            assert_eq!(shown(&scim.query(&path, &query).body), expected, "{names}");
            let list = scim.query("/Users", &query).body;
            assert_eq!(shown(&list["Resources"][0]), expected, "{names} in a list");
            let names: Vec<&str> = names.split(',').collect();
            let found = scim.post("/Users/.search", &json!({ "attributes": names })).body;
            assert_eq!(shown(&found["Resources"][0]), expected, "{names:?} in a search");
        };
        check("userName", json!({"userName": "mira"}));
        check("USERNAME, active", json!({"userName": "mira", "active": true}));
        check("id", json!({}));
        check("name.givenName", json!({"name": {"givenName": "Mira"}}));
        check("emails.value", {
            json!({"emails": [{"value": "mira@fjord.example"}, {"value": "mira@home.example"}]})
        });
        check("emails[type eq \"work\"]", json!({"emails": created.body["emails"]}));
        check(&format!("{CORE}:userName"), json!({"userName": "mira"}));
        check(&format!("{CORE}:name.familyName"), json!({"name": {"familyName": "Lund"}}));
        check(&format!("{ENT}:department"), json!({ENT: {"department": "Harbour"}}));
        check(&ENT.to_uppercase(), json!({ENT: created.body[ENT]}));
        check("shoeSize,name.shoe,urn:x:y", json!({}));
        check("password", json!({}));
        check("meta.resourceType", json!({"meta": {"resourceType": "User"}}));
    });
}

#[test]
fn excluded_attributes_never_hides_the_always_returned_ones() {
    served(|scim| {
        let created = scim.post("/Users", &mira());
        let path = format!("/Users/{}", created.id());
        let check = |names: &str, change: &dyn Fn(&mut Map<String, Value>)| {
            let mut expected = created.body.clone();
            change(expected.as_object_mut().unwrap());
            let query = [("excludedAttributes", names)];
            assert_eq!(scim.query(&path, &query).body, expected, "{names}");
            let list = scim.query("/Users", &query).body;
            assert_eq!(list["Resources"][0], expected, "{names} in a list");
            let body = json!({ "excludedAttributes": names });
            let found = scim.post("/.search", &body).body;
            assert_eq!(found["Resources"][0], expected, "{names} in a search");
        };
        check("emails", &|user| drop(user.remove("emails")));
        check("EMAILS,active", &|user| {
            user.remove("emails");
            user.remove("active");
        });
        check("id,schemas", &|_| {});
        check("shoeSize", &|_| {});
        check("meta", &|user| drop(user.remove("meta")));
        check("name.familyName", &|user| user["name"] = json!({"givenName": "Mira"}));
        check("emails.primary", &|user| {
            user["emails"][0].as_object_mut().unwrap().remove("primary");
        });
        check(ENT, &|user| drop(user.remove(ENT)));
        check(&format!("{ENT}:costCenter"), &|user| user[ENT] = json!({"department": "Harbour"}));
    });
}

#[test]
fn attributes_and_excluded_attributes_together_are_refused() {
    served(|scim| {
        let id = scim.post("/Users", &mira()).id();
        let body = mira().to_string();
        let search = json!({"attributes": "id", "excludedAttributes": ["name"]}).to_string();
        let operations = patch(&json!([{"op": "add", "path": "title", "value": "x"}])).to_string();
        for (method, path, body) in [
            ("GET", format!("/Users/{id}?"), ""),
            ("GET", "/Users?".to_owned(), ""),
            ("GET", "/?".to_owned(), ""),
            ("POST", "/Users?".to_owned(), body.as_str()),
            ("PUT", format!("/Users/{id}?"), body.as_str()),
            ("PATCH", format!("/Users/{id}?"), operations.as_str()),
        ] {
            let path = format!("{path}attributes=userName&excludedAttributes=name");
            let refused = scim.send(method, &path, &[], body.as_bytes()).unwrap();
            assert_eq!(refused.status, 400, "{method} {path}");
            assert_eq!(refused.body["scimType"], "invalidValue", "{method} {path}");
        }
        let refused = scim.send("POST", "/Users/.search", &[], search.as_bytes()).unwrap();
        assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("invalidValue")));
        assert_eq!(scim.get(&format!("/Users/{id}")).body.get("title"), None);
    });
}

#[test]
fn answers_to_writes_are_projected_too() {
    served(|scim| {
        let created = scim.post("/Users?attributes=userName", &mira());
        assert_eq!(created.status, 201);
        assert_eq!(shown(&created.body), json!({"userName": "mira"}));
        let id = created.id();
        assert_eq!(created.header("location"), format!("{}/Users/{id}", scim.base()));
        let put = scim.put(&format!("/Users/{id}?excludedAttributes=meta,name,emails"), &mira());
        assert_eq!(put.status, 200);
        let expected = json!({"userName": "mira", "active": true, ENT: mira()[ENT]});
        assert_eq!(shown(&put.body), expected);
        let title = json!([{"op": "add", "path": "title", "value": "Clerk"}]);
        let patched = scim.patch(&format!("/Users/{id}?attributes=title"), &title);
        assert_eq!((patched.status, shown(&patched.body)), (200, json!({"title": "Clerk"})));

        // A PATCH of a group is answered without a body unless the client selects attributes.
        let id = scim.post("/Groups", &group("Crew")).id();
        let rename = json!([{"op": "replace", "path": "displayName", "value": "Watch"}]);
        assert_eq!(scim.patch(&format!("/Groups/{id}"), &rename).status, 204);
        let path = format!("/Groups/{id}?attributes=displayName");
        let patched = scim.patch(&path, &rename);
        assert_eq!((patched.status, &patched.body["displayName"]), (200, &json!("Watch")));
        assert_eq!(patched.body.get("meta"), None, "it was not asked for");
    });
}

/// Hidden members must cost nothing: some clients hide them in every read of a group.
#[test]
fn members_that_are_not_shown_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let ids = users(&scim, 2_000);
    let members: Value = ids.iter().map(|id| json!({ "value": id })).collect();
    let path = "/Groups?excludedAttributes=members";
    let created = scim.post(path, &json!({"displayName": "Crew", "members": members}));
    assert_eq!((created.status, created.body.get("members")), (201, None));
    let id = created.id();
    let cost = |path: &str, members: usize| {
        let before = server.rows_read();
        let answer = scim.get(path);
        let cost = server.rows_read() - before;
        let group = answer.body.get("Resources").map_or(&answer.body, |list| &list[0]);
        assert_eq!(group["id"], id.as_str(), "{path}: {answer:?}");
        let found = group.get("members").map_or(0, |members| members.as_array().unwrap().len());
        assert_eq!(found, members, "{path}");
        cost
    };
    let whole = cost(&format!("/Groups/{id}"), 2_000);
    assert!(whole >= 2_000, "{whole} rows: the metric does not count");
    let filter = encoded("displayName eq \"crew\"");
    for (path, rows_max) in [
        (format!("/Groups/{id}?excludedAttributes=members"), 50),
        (format!("/Groups/{id}?excludedAttributes=displayName,MEMBERS"), 50),
        (format!("/Groups/{id}?attributes=displayName"), 50),
        (format!("/Groups?filter={filter}&excludedAttributes=members"), 50),
        (format!("/Groups?filter={filter}&attributes=id"), 50),
        ("/Groups?excludedAttributes=members".to_owned(), 50),
        (format!("/Groups?filter={}&attributes=id", encoded("displayName sw \"cr\"")), 50),
    ] {
        let cost = cost(&path, 0);
        assert!(cost <= rows_max, "{path} reads {cost} rows");
    }
    let added = patch(&json!([{"op": "remove", "path": "members", "value": [{"value": ids[7]}]}]));
    let before = server.rows_read();
    let path = format!("/Groups/{id}?attributes=displayName");
    let patched = scim.send("PATCH", &path, &[], added.to_string().as_bytes()).unwrap();
    let cost = server.rows_read() - before;
    assert_eq!((patched.status, patched.body.get("members")), (200, None));
    assert!(cost <= 200, "a change of one member reads {cost} rows");
    server.stop();
}

/// Creates users; returns their ids.
pub fn users(scim: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for from in (0..count).step_by(1_000) {
        let operations: Value = (from..count.min(from + 1_000))
            .map(|index| {
                let data = json!({
                    "userName": format!("user-{index}@fjord.example"),
                    "externalId": format!("x-{index}"),
                    "displayName": format!("User {index}"),
                    "emails": [{"type": "work", "value": format!("user-{index}@fjord.example")}],
                });
                json!({"method": "POST", "path": "/Users", "bulkId": format!("b{index}"), "data": data})
            })
            .collect();
        let answer = scim.post("/Bulk", &bulk(&operations));
        assert_eq!(answer.status, 200, "{answer:?}");
        for done in answer.body["Operations"].as_array().unwrap() {
            assert_eq!(done["status"], "201", "{done}");
            ids.push(done["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        }
    }
    ids
}
