//! How clients name the members of a group (RFC 7643 §4.2), and which values are refused.

use serde_json::{Value, json};

use super::{check_refused, served, served_with};
use crate::harness::server::{Answer, Client, bulk, group, user};

/// The ids of a group's members, sorted.
fn members(scim: &Client, path: &str) -> Vec<String> {
    let body = scim.get(path).body;
    let members = body["members"].as_array().unwrap_or_else(|| panic!("no members: {body}"));
    let ids = members.iter().map(|member| member["value"].as_str().unwrap().to_owned());
    let mut ids: Vec<String> = ids.collect();
    ids.sort_unstable();
    ids
}

fn patch_one(scim: &Client, path: &str, op: &str, value: &Value) -> Answer {
    scim.patch(path, &json!([{"op": op, "path": "members", "value": value}]))
}

#[test]
fn invalid_member_values_are_refused_and_change_nothing() {
    served(|scim| {
        let id = scim.post("/Users", &user("mira")).id();
        let other = scim.post("/Users", &user("ole")).id();
        let crew = json!({"displayName": "Crew", "members": [{"value": id}, {"value": other}]});
        let path = format!("/Groups/{}", scim.post("/Groups", &crew).id());
        let before = scim.get(&path);
        let list = json!([{"value": id}]).to_string();
        for text in [
            list.as_str(),
            &json!({"value": id}).to_string(),
            &json!([id]).to_string(),
            &json!(id).to_string(),
            &format!(" {id}"),
            &format!("{id}\n"),
            &format!("{id}\t"),
            "a\u{0}b",
            "null",
            " ",
            &format!("{id}\u{200b}"),
            &format!("\u{feff}{id}"),
            "https://other.example/scim/v2/Users/7",
            "../Boats/7",
        ] {
            for value in [json!(text), json!([text]), json!([{"value": text}, {"value": id}])] {
                for op in ["add", "replace", "remove"] {
                    check_refused(&patch_one(scim, &path, op, &value), 400, Some("invalidValue"));
                }
                let body = json!({"displayName": "Crew", "members": value});
                let whole = json!([{"op": "replace", "value": body}]);
                check_refused(&scim.patch(&path, &whole), 400, Some("invalidValue"));
                check_refused(&scim.put(&path, &body), 400, Some("invalidValue"));
                check_refused(&scim.post("/Groups", &body), 400, Some("invalidValue"));
                let operations = json!([
                    {"method": "PUT", "path": path, "data": body},
                    {"method": "POST", "path": "/Groups", "bulkId": "g", "data": body},
                    {"method": "PATCH", "path": path, "data": whole},
                ]);
                let answer = scim.post("/Bulk", &bulk(&operations)).body;
                for result in answer["Operations"].as_array().unwrap() {
                    assert_eq!(result["response"]["scimType"], "invalidValue", "{result}");
                }
            }
            let path_of = format!("members[value eq {}]", json!(text));
            let removal = json!([{"op": "remove", "path": path_of}]);
            check_refused(&scim.patch(&path, &removal), 400, Some("invalidValue"));
            let path_of = format!("members[type eq \"User\" and value eq {}]", json!(text));
            let removal = json!([{"op": "remove", "path": path_of}]);
            check_refused(&scim.patch(&path, &removal), 400, Some("invalidValue"));
        }
        let after = scim.get(&path);
        assert_eq!(after.body, before.body);
        assert_eq!(scim.get("/Groups").body["totalResults"], 1);
    });
}

#[test]
fn a_member_is_named_by_its_id_or_its_address() {
    served(|scim| {
        let created = scim.post("/Users", &user("mira"));
        let (id, location) = (created.id(), created.header("location").to_owned());
        let nested = scim.post("/Groups", &group("Nested"));
        let forms = [
            json!(id),
            json!({"value": id}),
            json!({"$ref": location}),
            json!({"$REF": location, "value": null}),
            json!({"$ref": location, "value": ""}),
            json!({"value": location}),
            json!(location),
            json!({"value": location.replace("/Users/", "/users/")}),
            json!({"value": location.to_owned() + "/"}),
            json!({"$ref": format!("../Users/{id}")}),
            json!({"$ref": format!("/Users/{id}")}),
            json!({"$ref": &location[location.find("/apps/").unwrap()..]}),
            json!({"value": format!("Users/{id}")}),
            json!({"value": id.to_uppercase()}),
            json!({"$ref": format!("../Users/{}", id.to_uppercase())}),
            json!({"value": id, "$ref": "https://other.example/Users/7"}),
        ];
        for form in &forms {
            let list = json!([form]);
            let path = format!("/Groups/{}", scim.post("/Groups", &group("Crew")).id());
            let is_member = |expected: bool| {
                let expected = if expected { vec![id.clone()] } else { vec![] };
                assert_eq!(members(scim, &path), expected, "{form}");
            };
            for op in ["add", "replace"] {
                assert_eq!(patch_one(scim, &path, op, &list).status, 204, "{form}");
                is_member(true);
                assert_eq!(patch_one(scim, &path, "remove", &list).status, 204, "{form}");
                is_member(false);
            }
            let body = json!({"displayName": "Crew", "members": list});
            assert_eq!(scim.put(&path, &body).status, 200, "{form}");
            is_member(true);
            let made = scim.post("/Groups", &body);
            assert_eq!(made.body["members"][0]["value"], id.as_str(), "{form}");
            assert_eq!(made.body["members"][0]["display"], "mira", "{form}");
        }
        // All of them are one member.
        let crew = json!({"displayName": "Crew", "members": forms});
        let crew = scim.post("/Groups", &crew);
        assert_eq!(crew.body["members"].as_array().unwrap().len(), 1);
        let path = format!("/Groups/{}", crew.id());
        for filter in [
            format!("members[value eq \"{}\"]", id.to_uppercase()),
            format!("members[value eq \"{location}\"]"),
            format!("members[$ref eq \"{location}\"]"),
            format!("members[type eq \"User\" and value eq \"{}\"]", id.to_uppercase()),
            format!("members[type eq \"User\" and $ref eq \"../Users/{id}\"]"),
        ] {
            assert_eq!(patch_one(scim, &path, "add", &json!([id])).status, 204);
            assert_eq!(scim.patch(&path, &json!([{"op": "remove", "path": filter}])).status, 204);
            assert_eq!(members(scim, &path), [""; 0], "{filter}");
        }
        // Filters accept the same forms of a member.
        assert_eq!(patch_one(scim, &path, "replace", &json!([id])).status, 204);
        for filter in [
            format!("members.value eq \"{}\"", id.to_uppercase()),
            format!("members eq \"{location}\""),
            format!("members.$ref eq \"../Users/{}\"", id.to_uppercase()),
            format!("members[value eq \"{}\" and type eq \"User\"]", id.to_uppercase()),
            format!("displayName pr and members[value eq \"{location}\"]"),
            format!("not (members.value ne \"{}\")", id.to_uppercase()),
        ] {
            let body = json!({"filter": format!("{filter} and id eq \"{}\"", crew.id())});
            let found = scim.post("/Groups/.search", &body);
            assert_eq!(found.body["totalResults"], 1, "{filter}: {found:?}");
        }
        assert_eq!(patch_one(scim, &path, "replace", &json!([])).status, 204);
        let group_ref = json!([{"$ref": nested.header("location")}]);
        assert_eq!(patch_one(scim, &path, "add", &group_ref).status, 204);
        assert_eq!(members(scim, &path), [nested.id()]);
    });
}

/// A manager is named like a member.
#[test]
fn a_manager_is_named_by_the_id_or_the_address() {
    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    served(|scim| {
        let boss = scim.post("/Users", &user("boss"));
        let (id, location) = (boss.id(), boss.header("location").to_owned());
        for form in [
            json!({"$ref": location}),
            json!({"$ref": format!("../Users/{id}"), "displayName": "Boss"}),
            json!({"value": location}),
            json!(location),
            json!({"value": id, "$ref": "https://other.example/Users/7"}),
        ] {
            let mut body = user("mira");
            body[ENT] = json!({"manager": form});
            let made = scim.post("/Users", &body);
            assert_eq!(made.body[ENT]["manager"]["value"], id.as_str(), "{form}: {made:?}");
            assert_eq!(made.body[ENT]["manager"]["displayName"], "boss");
            let path = format!("/Users/{}", made.id());
            let unset = json!([{"op": "remove", "path": "manager"}]);
            assert_eq!(scim.patch(&path, &unset).body.get(ENT), None);
            let set = json!([{"op": "replace", "path": format!("{ENT}:manager"), "value": form}]);
            let patched = scim.patch(&path, &set).body;
            assert_eq!(patched[ENT]["manager"]["value"], id.as_str(), "{form}: {patched}");
            assert_eq!(scim.put(&path, &body).body[ENT]["manager"]["value"], id.as_str());
            assert_eq!(scim.delete(&path).status, 204);
        }
    });
}

/// Ids are caseExact (RFC 7643 §3.1), so with strict settings another letter case is another id.
#[test]
fn with_strict_settings_an_id_in_another_case_is_another_id() {
    served_with(json!({"member_ids": "exact"}), |scim| {
        let id = scim.post("/Users", &user("mira")).id();
        let crew = json!({"displayName": "Crew", "members": [{"value": id}]});
        let path = format!("/Groups/{}", scim.post("/Groups", &crew).id());
        assert_eq!(patch_one(scim, &path, "remove", &json!([id.to_uppercase()])).status, 204);
        let filter = json!({"filter": format!("members.value eq \"{}\"", id.to_uppercase())});
        assert_eq!(scim.post("/Groups/.search", &filter).body["totalResults"], 0);
        assert_eq!(members(scim, &path), [id]);
    });
}

#[test]
fn an_empty_group_shows_members_unless_a_setting_hides_them() {
    for shown in [true, false] {
        let settings = if shown { json!({}) } else { json!({"empty_members": "omit"}) };
        served_with(settings, |scim| {
            let expected = shown.then(|| json!([]));
            let check = |body: &Value| assert_eq!(body.get("members"), expected.as_ref(), "{body}");
            let created = scim.post("/Groups", &group("Crew"));
            check(&created.body);
            let path = format!("/Groups/{}", created.id());
            check(&scim.get(&path).body);
            check(&scim.get(&format!("{path}?attributes=members")).body);
            check(&scim.get("/Groups").body["Resources"][0]);
            check(&scim.put(&path, &group("Crew")).body);
            let hidden = scim.get(&format!("{path}?excludedAttributes=members")).body;
            assert_eq!(hidden.get("members"), None);
            let hidden = scim.get(&format!("{path}?attributes=displayName")).body;
            assert_eq!(hidden.get("members"), None);
            let user = scim.post("/Users", &user("mira"));
            assert_eq!(user.body.get("members"), None, "a user has none");
            // If the projection hides all of a member, the group is not shown as empty.
            assert_eq!(patch_one(scim, &path, "add", &json!([user.id()])).status, 204);
            let parts = "members.value,members.$ref,members.type,members.display";
            let blank = scim.get(&format!("{path}?excludedAttributes={parts}")).body;
            assert_eq!(blank.get("members"), None, "{blank}");
            assert_eq!(scim.get("/Groups?filter=members+pr").body["totalResults"], 1);
        });
    }
}
