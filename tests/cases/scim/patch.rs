//! PATCH (RFC 7644 §3.5.2).

use serde_json::json;

use super::served;
use crate::harness::server::{Server, patch, user};

#[test]
fn members_come_and_go_in_both_dialects() {
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
            members.collect::<serde_json::Value>()
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

        // A user shows its groups, and takes its memberships with it; the group's ETag stays.
        let etag = scim.get(&path).header("etag").to_owned();
        let shown = scim.get(&format!("/Users/{}", ids[3])).body;
        assert_eq!(shown["groups"][0]["value"], created.id());
        assert_eq!(scim.delete(&format!("/Users/{}", ids[3])).status, 204);
        assert_eq!(members(), [ids[2].clone()]);
        assert_eq!(scim.get(&path).header("etag"), etag);

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

/// The two dialects of one identity provider say the same thing in different words.
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
