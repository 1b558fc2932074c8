//! Versions and conditions (RFC 7644 §3.14, RFC 9110 §13.1).

use serde_json::{Value, json};

use super::served;
use crate::harness::server::{Answer, Client, bulk, group, patch, user};

fn send(scim: &Client, method: &str, path: &str, header: (&str, &str), body: &Value) -> Answer {
    let bytes = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
    scim.send(method, path, &[header], &bytes).unwrap()
}

#[test]
fn only_effective_changes_give_a_new_version() {
    served(|scim| {
        let id = scim.post("/Users", &user("mira")).id();
        let crew = scim.post("/Groups", &group("Crew")).id();
        let check = |path: &str, method: &str, body: &Value, moves: bool| {
            let before = scim.get(path);
            let answer = scim.send(method, path, &[], body.to_string().as_bytes()).unwrap();
            assert!([200, 204].contains(&answer.status), "{method} {body}: {answer:?}");
            let after = scim.get(path);
            assert_eq!(after.header("etag"), answer.header("etag"), "{method} {body}");
            assert_eq!(after.header("etag"), after.body["meta"]["version"].as_str().unwrap());
            assert!(after.header("etag").starts_with("W/\""), "a weak tag");
            assert_eq!(before.header("etag") != after.header("etag"), moves, "{method} {body}");
            let modified = |answer: &Answer| answer.body["meta"]["lastModified"].clone();
            assert_eq!(modified(&before) != modified(&after), moves, "{method} {body}");
            assert_eq!(before.body["meta"]["created"], after.body["meta"]["created"]);
            assert_eq!(before.body == after.body, !moves, "{method} {body}");
        };
        let path = format!("/Users/{id}");
        let with = |op: &str, path: &str, value: Value| {
            patch(&json!([{"op": op, "path": path, "value": value}]))
        };
        check(&path, "PATCH", &with("replace", "active", json!("True")), false);
        check(&path, "PATCH", &with("remove", "title", Value::Null), false);
        check(&path, "PATCH", &with("add", "title", json!("Clerk")), true);
        check(&path, "PATCH", &with("add", "title", json!("Clerk")), false);
        check(&path, "PATCH", &with("replace", "title", json!("clerk")), true);
        let mail = json!([{"type": "work", "value": "mira@fjord.example"}]);
        check(&path, "PATCH", &with("add", "emails", mail.clone()), true);
        check(&path, "PATCH", &with("add", "emails", mail), false);
        // A value that is changed and changed back in one request is no change.
        let there_and_back = patch(&json!([
            {"op": "add", "path": "nickName", "value": "Mimi"},
            {"op": "remove", "path": "nickName"},
        ]));
        check(&path, "PATCH", &there_and_back, false);
        check(&path, "PUT", &scim.get(&path).body, false);
        check(&path, "PUT", &user("mira"), true);
        check(&path, "PUT", &user("mira"), false);
        check(&path, "PUT", &user("MIRA"), true);
        check(&path, "PATCH", &with("add", "password", json!("sesame-2")), false);

        let path = format!("/Groups/{crew}");
        let member = json!([{"value": id}]);
        check(&path, "PATCH", &with("add", "members", member.clone()), true);
        check(&path, "PATCH", &with("add", "members", member.clone()), false);
        check(&path, "PATCH", &with("replace", "members", member.clone()), false);
        check(&path, "PUT", &json!({"displayName": "Crew", "members": member}), false);
        check(&path, "PATCH", &with("remove", "members", member.clone()), true);
        check(&path, "PATCH", &with("remove", "members", member), false);
        check(&path, "PATCH", &with("remove", "members[value eq \"x\"]", Value::Null), false);
    });
}

#[test]
fn a_reader_with_the_current_version_gets_304() {
    served(|scim| {
        let created = scim.post("/Users", &user("mira"));
        let (address, etag) =
            (format!("/Users/{}", created.id()), created.header("etag").to_owned());
        let path = format!("{address}?excludedAttributes=groups");
        let check = |tags: &str, status: u16| {
            for method in ["GET", "HEAD"] {
                let answer = send(scim, method, &path, ("if-none-match", tags), &Value::Null);
                assert_eq!(answer.status, status, "{method} {tags}");
                assert_eq!(answer.header("etag"), etag, "{method} {tags}");
                let empty = status == 304 || method == "HEAD";
                assert_eq!(answer.text.is_empty(), empty, "{method} {tags}");
            }
        };
        let bare = etag.trim_start_matches("W/").to_owned();
        check(&etag, 304);
        check(&bare, 304);
        check("*", 304);
        check(&format!("\"7\", {etag}"), 304);
        check("W/\"7\"", 200);
        check("\"nothing\", W/\"0\"", 200);
        let title = json!([{"op": "add", "path": "title", "value": "Clerk"}]);
        scim.patch(&address, &title);
        let answer = send(scim, "GET", &path, ("if-none-match", &etag), &Value::Null);
        assert_eq!((answer.status, &answer.body["title"]), (200, &json!("Clerk")));
        let gone = send(scim, "GET", "/Users/absent", ("if-none-match", "*"), &Value::Null);
        assert_eq!(gone.status, 404);
    });
}

/// A version covers only the resource itself, so an answer that shows derived values is never 304.
#[test]
fn derived_values_are_never_answered_304() {
    served(|scim| {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let boss = scim.post("/Users", &user("boss")).id();
        let mut led = user("mira");
        led[enterprise] = json!({"manager": {"value": boss}});
        let mira = scim.post("/Users", &led).id();
        let members = json!({"displayName": "Crew", "members": [{"value": mira}]});
        let crew = scim.post("/Groups", &members).id();
        let check = |path: String, status: u16| {
            let etag = scim.get(&path).header("etag").to_owned();
            for tags in [etag.as_str(), "*"] {
                let answer = send(scim, "GET", &path, ("if-none-match", tags), &Value::Null);
                assert_eq!(answer.status, status, "{path} {tags}");
            }
        };
        for (parameters, status) in [
            ("", 200),
            ("?attributes=groups", 200),
            ("?attributes=groups.display", 200),
            ("?excludedAttributes=groups", 200),
            ("?attributes=manager", 200),
            ("?attributes=manager.displayName", 200),
            ("?attributes=manager.value", 304),
            ("?attributes=userName", 304),
            ("?excludedAttributes=groups,manager", 304),
        ] {
            check(format!("/Users/{mira}{parameters}"), status);
        }
        check(format!("/Users/{boss}?excludedAttributes=groups"), 304);
        for (parameters, status) in [
            ("", 200),
            ("?attributes=members", 200),
            ("?attributes=members.display", 200),
            ("?attributes=members.value", 304),
            ("?attributes=displayName", 304),
            ("?excludedAttributes=members", 304),
        ] {
            check(format!("/Groups/{crew}{parameters}"), status);
        }
        // The names of a member and a manager change without a new version.
        let read = |path: String| scim.get(&path);
        let before = [read(format!("/Groups/{crew}")), read(format!("/Users/{mira}"))];
        for (id, name) in [(&mira, "Mira Lund"), (&boss, "The Boss")] {
            let rename = json!([{"op": "replace", "path": "displayName", "value": name}]);
            assert_eq!(scim.patch(&format!("/Users/{id}"), &rename).status, 200);
        }
        let etag = before[0].header("etag");
        let group =
            send(scim, "GET", &format!("/Groups/{crew}"), ("if-none-match", etag), &Value::Null);
        assert_eq!((group.status, group.header("etag")), (200, etag));
        assert_eq!(group.body["members"][0]["display"], "Mira Lund");
        let shown = read(format!("/Users/{mira}")).body;
        assert_eq!(shown[enterprise]["manager"]["displayName"], "The Boss");
    });
}

#[test]
fn the_version_of_a_group_covers_its_members() {
    served(|scim| {
        let mira = scim.post("/Users", &user("mira")).id();
        let ole = scim.post("/Users", &user("ole")).id();
        let both = json!([{"value": mira}, {"value": ole}]);
        let crew = scim.post("/Groups", &json!({"displayName": "Crew", "members": both})).id();
        let idle = scim.post("/Groups", &group("Idle")).id();
        let path = format!("/Groups/{crew}");
        let (before, other) = (scim.get(&path), scim.get(&format!("/Groups/{idle}")));
        assert_eq!(scim.delete(&format!("/Users/{mira}")).status, 204);
        let after = scim.get(&path);
        assert_ne!(after.header("etag"), before.header("etag"));
        let meta = |answer: &Answer, name: &str| answer.body["meta"][name].clone();
        assert_eq!(meta(&after, "version"), after.header("etag"));
        assert!(meta(&after, "lastModified").as_str() > meta(&before, "lastModified").as_str());
        assert_eq!(meta(&after, "created"), meta(&before, "created"));
        assert_eq!(after.body["members"].as_array().unwrap().len(), 1);
        assert_eq!(scim.get(&format!("/Groups/{idle}")).header("etag"), other.header("etag"));
        for tag in ["", "?attributes=members.value", "?attributes=displayName"] {
            let path = format!("{path}{tag}");
            let old = ("if-none-match", before.header("etag"));
            assert_eq!(send(scim, "GET", &path, old, &Value::Null).status, 200, "{path}");
        }
        // A client that read the group before a member left has an old version.
        let rename = patch(&json!([{"op": "replace", "path": "displayName", "value": "Deck"}]));
        let late = send(scim, "PATCH", &path, ("if-match", before.header("etag")), &rename);
        assert_eq!(late.status, 412);
        let listed = scim.get("/Groups?filter=displayName%20eq%20%22Crew%22").body;
        assert_eq!(listed["Resources"][0]["meta"], after.body["meta"]);
        // The last member leaves; a deleted group has no version.
        assert_eq!(scim.delete(&format!("/Users/{ole}")).status, 204);
        let empty = scim.get(&path);
        assert_ne!(empty.header("etag"), after.header("etag"));
        assert_eq!(empty.body["members"], json!([]));
        assert_eq!(scim.delete(&path).status, 204);
        assert_eq!(scim.get(&path).status, 404);
    });
}

#[test]
fn a_write_that_expects_another_version_is_412_and_changes_nothing() {
    served(|scim| {
        let created = scim.post("/Users", &user("mira"));
        let path = format!("/Users/{}", created.id());
        let old = created.header("etag").to_owned();
        let title = patch(&json!([{"op": "add", "path": "title", "value": "Clerk"}]));
        let current = send(scim, "PATCH", &path, ("if-match", &old), &title);
        assert_eq!(current.status, 200, "the expected version");
        let before = scim.get(&path);
        let nothing = Value::Null;
        for (method, body) in [("PUT", &user("x")), ("PATCH", &title), ("DELETE", &nothing)] {
            for (name, value, status) in [
                ("if-match", old.as_str(), 412),
                ("if-match", "\"7\", W/\"8\"", 412),
                ("if-none-match", "*", 412),
                ("if-none-match", before.header("etag"), 412),
                ("if-match", "W/", 400),
                ("if-match", "\"open", 400),
                ("if-none-match", "a b", 400),
            ] {
                let refused = send(scim, method, &path, (name, value), body);
                assert_eq!(refused.status, status, "{method} {name}: {value}");
                assert_eq!(refused.body["status"], status.to_string(), "{method} {name}: {value}");
                let scim_type = refused.body.get("scimType").cloned();
                let expected = (status == 400).then(|| json!("invalidVers"));
                assert_eq!(scim_type, expected, "{method} {name}: {value}");
            }
            assert_eq!(scim.get(&path).body, before.body, "{method}");
            // `*` matches any version of an existing resource.
            let absent = send(scim, method, "/Users/absent", ("if-match", "*"), body);
            assert_eq!(absent.status, 404, "{method}");
        }
        assert_eq!(send(scim, "PATCH", &path, ("if-match", "*"), &title).status, 200);
        let both = format!("\"7\", {}", before.header("etag"));
        let put = send(scim, "PUT", &path, ("if-match", &both), &user("nils"));
        assert_eq!(put.status, 200);

        // The `version` of a Bulk operation is the same condition.
        let now = put.header("etag");
        let bulk_of = |method: &str, version: &str, data: Value| {
            let operation =
                json!({"method": method, "path": path, "version": version, "data": data});
            let answer = scim.post("/Bulk", &bulk(&json!([operation]))).body;
            answer["Operations"][0].clone()
        };
        for (method, data) in
            [("PUT", user("x")), ("PATCH", title.clone()), ("DELETE", Value::Null)]
        {
            let refused = bulk_of(method, &old, data.clone());
            assert_eq!(refused["status"], "412", "{method}: {refused}");
            assert_eq!(refused["response"]["status"], "412", "{method}: {refused}");
            let refused = bulk_of(method, "W/", data);
            assert_eq!(refused["response"]["scimType"], "invalidVers", "{method}: {refused}");
        }
        assert_eq!(scim.get(&path).header("etag"), now);
        let patched = bulk_of("PATCH", now, title);
        assert_eq!(patched["status"], "200", "{patched}");
        assert_ne!(patched["version"], now);
        assert_eq!(bulk_of("PUT", "*", user("nils"))["status"], "200");
        let latest = scim.get(&path).header("etag").to_owned();
        assert_eq!(send(scim, "DELETE", &path, ("if-match", &latest), &Value::Null).status, 204);
        assert_eq!(scim.get(&path).status, 404);
    });
}

/// Without conditions, the server must not lose concurrent changes.
#[test]
fn concurrent_changes_of_one_group_are_all_kept() {
    served(|scim| {
        let path = format!("/Groups/{}", scim.post("/Groups", &group("Crew")).id());
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let (scim, path) = (scim.clone(), &path);
                scope.spawn(move || {
                    for round in 0..10 {
                        let value = json!([{"value": format!("member-{writer}-{round}")}]);
                        let add = json!([{"op": "add", "path": "members", "value": value}]);
                        assert_eq!(scim.patch(path, &add).status, 204);
                    }
                });
            }
        });
        let shown = scim.get(&path).body;
        assert_eq!(shown["members"].as_array().unwrap().len(), 80);
    });
}
