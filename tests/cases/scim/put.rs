//! PUT (RFC 7644 §3.5.1).

use serde_json::{Value, json};

use super::{check_refused, served, served_with};
use crate::harness::server::{Answer, Client, Server, group, user};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn full() -> Value {
    json!({
        "userName": "mira", "externalId": "E-1", "displayName": "Mira", "title": "Clerk",
        "name": {"givenName": "Mira", "familyName": "Lund"},
        "emails": [{"value": "m@fjord.example", "type": "work", "primary": true}],
        "active": true,
        ENT: {"department": "Quay", "manager": {"value": "u-7"}},
    })
}

#[test]
fn omitted_attributes_are_cleared() {
    served(|scim| {
        let created = scim.post("/Users", &full());
        let path = format!("/Users/{}", created.id());
        let before = created.body["meta"].clone();
        // Attributes are left out one after the other, until none is left.
        let mut body = full();
        for name in ["title", "externalId", "displayName", "name", "emails", ENT] {
            body.as_object_mut().unwrap().remove(name);
            let put = scim.put(&path, &body);
            assert_eq!(put.status, 200);
            assert_eq!(put.body.get(name), None);
            let mut expected = body.clone();
            for kept in ["id", "schemas", "meta"] {
                expected[kept] = put.body[kept].clone();
            }
            assert_eq!(put.body, expected);
            assert_eq!(scim.get(&path).body, expected);
        }
        let parts =
            json!({"userName": "mira", "name": {"givenName": "Åse"}, ENT: {"division": "x"}});
        assert_eq!(scim.put(&path, &full()).body["name"], full()["name"]);
        let put = scim.put(&path, &parts);
        assert_eq!((&put.body["name"], &put.body[ENT]), (&parts["name"], &parts[ENT]), "whole");
        assert_eq!(put.body["meta"]["created"], before["created"]);
        assert_ne!(put.body["meta"]["version"], before["version"]);
    });
}

/// Okta reads a user, changes one attribute, and writes all of it back.
#[test]
fn a_resource_that_was_read_can_be_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let manager = scim.post("/Users", &user("boss")).id();
    let mut body = full();
    body[ENT]["manager"]["value"] = manager.into();
    let mira = scim.post("/Users", &body).id();
    let mut crew = group("Crew");
    crew["members"] = json!([{"value": mira}, {"value": "stranger"}]);
    let crew = scim.post("/Groups", &crew).id();
    for path in [format!("/Users/{mira}"), format!("/Groups/{crew}")] {
        let read = scim.get(&path);
        assert!(path.starts_with("/Groups") || read.body["groups"][0]["value"] == crew.as_str());
        let id = format!("put-{}", &path[1..6]);
        let text = read.body.to_string();
        let put = scim.send("PUT", &path, &[("x-request-id", &id)], text.as_bytes()).unwrap();
        assert_eq!((put.status, &put.body), (200, &read.body), "nothing changed");
        assert_eq!(put.header("etag"), read.header("etag"));
        let row = server.admin().rows(&format!("/api/v1/operations?requestId={id}")).remove(0);
        assert_eq!(row["effect"], "no_op");

        let mut changed = read.body.clone();
        changed["displayName"] = "Other".into();
        changed["id"] = "another".into();
        changed["meta"] = json!({"version": "W/\"0\"", "location": "http://example.com"});
        changed["groups"] = json!([]);
        let put = scim.put(&path, &changed);
        let mut expected = read.body.clone();
        expected["displayName"] = "Other".into();
        for name in ["version", "lastModified"] {
            assert_ne!(put.body["meta"][name], read.body["meta"][name]);
            expected["meta"][name] = put.body["meta"][name].clone();
        }
        if path.starts_with("/Users") {
            assert_eq!((put.status, &put.body), (200, &expected), "the id is that of the address");
        } else {
            let display = |answer: &Answer| answer.body["members"].as_array().map(Vec::len);
            assert_eq!((put.body["displayName"].as_str(), display(&put)), (Some("Other"), Some(2)));
        }
        assert_eq!(scim.get("/Users/another").status, 404);
    }
    server.stop();
}

#[test]
fn active_omitted_in_a_put() {
    let check = |scim: &Client, expected: bool| {
        let mut off = user("mira");
        off["active"] = false.into();
        let path = format!("/Users/{}", scim.post("/Users", &off).id());
        for left_out in [user("mira"), json!({"userName": "mira", "active": null})] {
            assert_eq!(scim.put(&path, &off).body["active"], false);
            assert_eq!(scim.put(&path, &left_out).body["active"], expected);
            assert_eq!(scim.get(&path).body["active"], expected);
        }
        let mut on = user("mira");
        on["active"] = true.into();
        assert_eq!(scim.put(&path, &on).body["active"], true);
        assert_eq!(scim.put(&path, &user("mira")).body["active"], true);
    };
    served(|scim| check(scim, false));
    served_with(json!({"omitted_active": "true"}), |scim| check(scim, true));
}

#[test]
fn a_put_replaces_all_members() {
    served(|scim| {
        let ids: Vec<String> =
            (0..3).map(|index| scim.post("/Users", &user(&format!("user-{index}"))).id()).collect();
        let with = |members: Value| json!({"displayName": "Crew", "members": members});
        let of = |indices: &[usize]| -> Value {
            indices.iter().map(|index| json!({"value": ids[*index]})).collect()
        };
        let created = scim.post("/Groups", &with(of(&[0, 1])));
        let path = format!("/Groups/{}", created.id());
        let check = |body: &Value, expected: &[usize]| {
            let put = scim.put(&path, body);
            assert_eq!((put.status, put.body["members"].is_array()), (200, true));
            assert_eq!(put.body, scim.get(&path).body);
            let members = put.body["members"].as_array().cloned().unwrap_or_default();
            let mut got: Vec<&str> =
                members.iter().map(|one| one["value"].as_str().unwrap()).collect();
            let mut expected: Vec<&str> =
                expected.iter().map(|index| ids[*index].as_str()).collect();
            got.sort_unstable();
            expected.sort_unstable();
            assert_eq!(got, expected, "{body}");
        };
        check(&with(of(&[1, 2])), &[1, 2]);
        check(&with(of(&[2, 2])), &[2]);
        check(&group("Crew"), &[]);
        check(&with(of(&[0, 1, 2])), &[0, 1, 2]);
        check(&with(json!([])), &[]);
        check(&with(json!([ids[0]])), &[0]);
        check(&with(json!(null)), &[]);
        check(&with(json!({"value": ids[1]})), &[1]);
    });
}

#[test]
fn a_refused_put_changes_and_creates_nothing() {
    served(|scim| {
        let created = scim.post("/Users", &full());
        let path = format!("/Users/{}", created.id());
        let check = |changed: Value, scim_type: &str| {
            let mut body = full();
            for (name, value) in changed.as_object().unwrap() {
                body[name] = value.clone();
            }
            check_refused(&scim.put(&path, &body), 400, Some(scim_type));
            assert_eq!(scim.get(&path).body, created.body);
        };
        check(json!({"title": 7}), "invalidValue");
        check(json!({"active": "perhaps"}), "invalidValue");
        check(json!({"name": "Mira"}), "invalidValue");
        check(json!({"userName": null}), "invalidValue");
        check(json!({"emails": [7]}), "invalidValue");
        check(json!({ENT: "Quay"}), "invalidValue");
        for id in ["nobody", &created.id().to_uppercase()] {
            check_refused(&scim.put(&format!("/Users/{id}"), &user("nils")), 404, None);
        }
        check_refused(&scim.put(&format!("/Groups/{}", created.id()), &group("x")), 404, None);
        assert_eq!(scim.get("/?count=0").body["totalResults"], 1);
        assert_eq!(scim.delete(&path).status, 204);
        check_refused(&scim.put(&path, &full()), 404, None);
    });
}
