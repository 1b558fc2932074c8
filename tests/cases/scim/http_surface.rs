//! Addresses, methods, statuses and headers (RFC 7644 §3).

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::{check_no_empty, check_refused, ids, served, served_with};
use crate::harness::server::{Answer, encoded, group, user};

#[test]
fn a_user_from_create_to_delete() {
    served(|scim| {
        let created = scim.post("/Users", &user("Mira.Lund@fjord.example"));
        assert_eq!(created.status, 201);
        let id = created.id();
        assert_eq!(created.header("content-type"), "application/scim+json");
        assert_eq!(created.header("location"), format!("{}/Users/{id}", scim.base()));
        assert_eq!(created.body["meta"]["location"], created.header("location"));
        assert_eq!(created.body["meta"]["version"], created.header("etag"));
        assert_eq!(created.body["active"], true, "absent means active");
        let path = format!("/Users/{id}");
        assert_eq!(scim.get(&path).body, created.body);

        let again =
            scim.patch(&path, &json!([{"op": "Replace", "path": "active", "value": "True"}]));
        assert_eq!(again.status, 200);
        assert_eq!(again.body["meta"], created.body["meta"], "nothing changed");
        let off = scim.patch(&path, &json!([{"op": "replace", "value": {"active": false}}]));
        assert_eq!(off.body["active"], false);
        assert_ne!(off.header("etag"), created.header("etag"));
        let found = scim.get("/Users?filter=userName%20eq%20%22mira.lund@FJORD.example%22");
        assert_eq!(found.body["Resources"][0]["active"], false, "inactive users are found");

        let full =
            json!({"id": "x", "userName": "mira", "title": "Clerk", "groups": [{"value": "g"}]});
        let put = scim.put(&path, &full);
        assert_eq!((put.status, &put.body["active"]), (200, &json!(false)), "kept, not revived");
        assert_eq!(put.body["id"], id.as_str());
        assert_eq!(scim.put("/Users/absent", &full).status, 404);

        assert_eq!(scim.delete(&path).status, 204);
        assert_eq!(scim.get(&path).status, 404);
        assert_eq!(scim.delete(&path).status, 404);
        let reborn = scim.post("/Users", &user("mira"));
        assert_eq!(reborn.status, 201, "the name is free again");
        assert_ne!(reborn.id(), id);
    });
}

#[test]
fn discovery_describes_what_is_served() {
    served(|scim| {
        let config = scim.get("/ServiceProviderConfig").body;
        assert_eq!(config["patch"]["supported"], true);
        assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
        let types = scim.get("/ResourceTypes").body;
        let names: Vec<_> =
            types["Resources"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
        assert_eq!(names, ["User", "Group"]);
        let schemas = scim.get("/Schemas").body;
        for schema in schemas["Resources"].as_array().unwrap() {
            let one = scim.get(&format!("/Schemas/{}", schema["id"].as_str().unwrap()));
            assert_eq!((one.status, &one.body), (200, schema));
        }
        assert_eq!(scim.get("/Schemas/urn:x").status, 404);
    });
}

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

#[test]
fn reads_answer_200_304_or_404() {
    served(|scim| {
        let users = [scim.post("/Users", &user("mira")), scim.post("/Groups", &group("Crew"))];
        for (created, endpoint) in users.iter().zip(["Users", "Groups"]) {
            let path = format!("/{endpoint}/{}", created.id());
            let read = scim.get(&path);
            assert_eq!((read.status, &read.body), (200, &created.body));
            assert_eq!(read.header("etag"), created.header("etag"));
            assert_eq!(read.header("location"), created.header("location"));
            // Derived values can change without a new version.
            let own = format!("{path}?excludedAttributes=groups,members");
            for (path, status) in [(&own, 304), (&path, 200)] {
                let known = scim.send("GET", path, &[("if-none-match", read.header("etag"))], b"");
                let known = known.unwrap();
                assert_eq!((known.status, known.text.is_empty()), (status, status == 304));
                assert_eq!(known.header("etag"), read.header("etag"));
            }
            let other = scim.send("GET", &path, &[("if-none-match", "W/\"0\"")], b"").unwrap();
            assert_eq!((other.status, &other.body), (200, &read.body));
            let head = scim.send("HEAD", &path, &[], b"").unwrap();
            assert_eq!((head.status, head.text.as_str()), (200, ""));
            assert_eq!(head.header("etag"), read.header("etag"));

            check_refused(&scim.get(&format!("/{endpoint}/nobody")), 404, None);
            let id = created.id().to_uppercase();
            check_refused(&scim.get(&format!("/{endpoint}/{id}")), 404, None);
            let deleted = scim.delete(&path);
            assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
            check_refused(&scim.get(&path), 404, None);
            check_refused(&scim.delete(&path), 404, None);
            check_refused(&scim.patch(&path, &json!([{"op": "remove", "path": "x"}])), 404, None);
        }
        // Each type has its own endpoint.
        let id = scim.post("/Users", &user("mira")).id();
        check_refused(&scim.get(&format!("/Groups/{id}")), 404, None);
    });
}

#[test]
fn lists_and_searches_give_the_same_result() {
    served(|scim| {
        let mira = scim.post("/Users", &user("mira")).id();
        let nils = scim.post("/Users", &user("nils")).id();
        let crew = scim.post("/Groups", &group("Crew")).id();
        let check = |endpoint: &str, filter: &str, expected: &[&str]| {
            let listed = scim.get(&format!("{endpoint}?filter={}", encoded(filter)));
            let body = json!({"schemas": [SEARCH], "filter": filter});
            let search = format!("{}/.search", endpoint.trim_end_matches('/'));
            let searched = scim.post(&search, &body);
            for answer in [&listed, &searched] {
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(answer.header("content-type"), "application/scim+json");
                assert_eq!(answer.body["schemas"], json!([LIST]));
                assert_eq!(answer.body["totalResults"], expected.len());
                assert_eq!(answer.body["itemsPerPage"], expected.len());
                assert_eq!(answer.body["startIndex"], 1);
                assert_eq!(ids(&answer.body), expected, "{filter} at {endpoint}");
            }
        };
        check("/Users", "id pr", &[&mira, &nils]);
        check("/Users", "userName eq \"nils\"", &[&nils]);
        check("/Users", "userName eq \"nobody\"", &[]);
        check("/Users", "title pr", &[]);
        check("/Groups", "id pr", &[&crew]);
        check("/Groups", "displayName eq \"nobody\"", &[]);
        check("/", "id pr", &[&mira, &nils, &crew]);
        check("/", "userName eq \"mira\" or displayName eq \"crew\"", &[&mira, &crew]);
        check("/", "meta.resourceType eq \"Group\"", &[&crew]);
        check("/", "userName eq \"nobody\"", &[]);
        assert_eq!(ids(&scim.get("").body), [&mira, &nils, &crew], "the base itself");
        // Microsoft's clients add their own parameters.
        assert_eq!(ids(&scim.get("/Users?aadOptscim062020&x=1").body), [&mira, &nils]);
    });
}

#[test]
fn writes_answer_with_the_current_resource() {
    served(|scim| {
        let sent = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "mine",
            "userName": "mira",
            "externalId": "E-1",
            "name": {"givenName": "Mira"},
            "meta": {"resourceType": "Robot", "created": "1999-01-01T00:00:00Z", "version": "1"},
            "groups": [{"value": "crew"}],
        });
        let created = scim.post("/Users", &sent);
        assert_eq!(created.status, 201);
        let id = created.id();
        assert_ne!(id, "mine");
        let location = format!("{}/Users/{id}", scim.base());
        assert_eq!(created.header("location"), location);
        let meta = created.body["meta"].clone();
        let expected = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": id,
            "userName": "mira",
            "externalId": "E-1",
            "name": {"givenName": "Mira"},
            "active": true,
            "meta": meta,
        });
        assert_eq!(created.body, expected);
        assert_eq!((&meta["resourceType"], &meta["location"]), (&json!("User"), &json!(location)));
        assert_ne!(meta["created"], "1999-01-01T00:00:00Z");

        let path = format!("/Users/{id}");
        let put = scim.put(&path, &json!({"userName": "mira", "title": "Clerk"}));
        assert_eq!(put.status, 200);
        assert_eq!((put.header("location"), put.header("etag")), (&*location, meta_version(&put)));
        assert_ne!(put.header("etag"), created.header("etag"));
        assert_eq!((&put.body["title"], put.body.get("name")), (&json!("Clerk"), None));
        assert_eq!(put.body, scim.get(&path).body);
        let patched = scim.patch(&path, &json!([{"op": "remove", "path": "title"}]));
        assert_eq!(patched.status, 200);
        assert_eq!(patched.header("etag"), meta_version(&patched));
        assert_eq!(patched.body, scim.get(&path).body);
        [&created, &put, &patched].into_iter().for_each(|one| check_no_empty(&one.body));

        check_refused(&scim.put("/Users/absent", &user("absent")), 404, None);
        check_refused(&scim.put("/Groups/absent", &group("absent")), 404, None);
        assert_eq!(scim.get("/?count=0").body["totalResults"], 1, "a PUT makes nothing");

        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "n", "data": user("nils")},
                {"method": "DELETE", "path": path},
                {"method": "DELETE", "path": path},
            ],
        });
        let bulk = scim.post("/Bulk", &bulk);
        assert_eq!(bulk.status, 200);
        let of = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
        assert_eq!(bulk.body["schemas"], json!([of]));
        let statuses: Vec<_> =
            bulk.body["Operations"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(statuses, ["201", "204", "404"]);
    });
}

fn meta_version(answer: &Answer) -> &str {
    answer.body["meta"]["version"].as_str().unwrap()
}

#[test]
fn ids_are_assigned_by_the_server_and_never_reused() {
    served(|scim| {
        let mut seen = std::collections::BTreeSet::new();
        for name in ["mira", "nils", "mira"] {
            let mut body = user(name);
            body["id"] = "u-1".into();
            body["externalId"] = "same".into();
            let created = scim.post("/Users", &body);
            assert_eq!(created.status, 201, "externalId is no key: {created:?}");
            assert_eq!(created.body["externalId"], "same");
            assert!(seen.insert(created.id()), "an id that was there before");
            assert_eq!(scim.get("/Users/u-1").status, 404);
            if name == "mira" {
                assert_eq!(scim.delete(&format!("/Users/{}", created.id())).status, 204);
            }
        }
        let mut body = user("olga");
        body["externalId"] = json!(1042);
        assert_eq!(scim.post("/Users", &body).body["externalId"], "1042", "a key without quotes");
        assert_eq!(scim.post("/Users", &user("per")).body.get("externalId"), None);
    });
}

#[test]
fn every_resource_has_its_meta() {
    served(|scim| {
        let check = |endpoint: &str, resource_type: &str, body: &serde_json::Value| {
            let created = scim.post(endpoint, body);
            let path = format!("{endpoint}/{}", created.id());
            let name = if resource_type == "User" { "title" } else { "externalId" };
            let operations = json!([{"op": "add", "path": name, "value": "x"}]);
            let changed = scim.patch(&format!("{path}?attributes=meta,{name}"), &operations);
            assert_eq!((changed.status, &changed.body[name]), (200, &json!("x")));
            for answer in [&created, &changed] {
                let meta = &answer.body["meta"];
                let mut names: Vec<_> = meta.as_object().unwrap().keys().collect();
                names.sort();
                let all = ["created", "lastModified", "location", "resourceType", "version"];
                assert_eq!(names, all);
                assert_eq!(meta["resourceType"], resource_type);
                assert_eq!(meta["location"], format!("{}{path}", scim.base()));
                assert_eq!(meta["location"], answer.header("location"));
                assert_eq!(meta["version"], answer.header("etag"));
                let version = meta_version(answer);
                assert!(version.starts_with("W/\"") && version.ends_with('"'), "{version}");
                for name in ["created", "lastModified"] {
                    let text = meta[name].as_str().unwrap();
                    let shape = text.replace(|c: char| c.is_ascii_digit(), "0");
                    let (seconds, rest) = shape.split_at(19);
                    assert_eq!(seconds, "0000-00-00T00:00:00", "{text}");
                    let fraction = rest.strip_suffix('Z').expect(text);
                    assert!(fraction.trim_start_matches('.').bytes().all(|c| c == b'0'), "{text}");
                }
            }
            assert_eq!(created.body["meta"]["created"], created.body["meta"]["lastModified"]);
            let (old, new) = (&created.body["meta"], &changed.body["meta"]);
            assert_eq!(old["created"], new["created"]);
            assert!(old["lastModified"].as_str() < new["lastModified"].as_str());
            assert_ne!(old["version"], new["version"]);
            // A list shows the same.
            let listed = scim.get(&format!("{endpoint}?attributes=meta")).body;
            assert_eq!(listed["Resources"][0]["meta"], *new);
        };
        check("/Users", "User", &user("mira"));
        check("/Groups", "Group", &group("Crew"));
    });
}

#[test]
fn both_media_types_of_json_are_accepted() {
    served(|scim| {
        let check = |index: usize, media_type: &str, status: u16| {
            let body = user(&format!("user-{index}")).to_string();
            let headers = [("content-type", media_type)];
            let answer = scim.send("POST", "/Users", &headers, body.as_bytes()).unwrap();
            assert_eq!(answer.header("content-type"), "application/scim+json", "no charset");
            match status {
                201 => assert_eq!(answer.body["userName"], format!("user-{index}"), "{media_type}"),
                status => check_refused(&answer, status, None),
            }
        };
        let accepted = [
            "application/scim+json",
            "application/json",
            "application/scim+json; charset=utf-8",
            "application/json;charset=UTF-8",
            "Application/SCIM+JSON",
        ];
        accepted.iter().enumerate().for_each(|(index, one)| check(index, one, 201));
        let refused =
            ["text/plain", "application/xml", "application/x-www-form-urlencoded", "text/json"];
        refused.iter().enumerate().for_each(|(index, one)| check(10 + index, one, 415));
        let id = scim.post("/Users", &user("mira")).id();
        let path = format!("/Users/{id}");
        for method in ["PUT", "PATCH"] {
            let body = user("mira").to_string();
            let headers = [("content-type", "text/plain")];
            let answer = scim.send(method, &path, &headers, body.as_bytes()).unwrap();
            check_refused(&answer, 415, None);
        }
        for broken in ["", "{", "{\"userName\":\"a\",\"userName\":\"b\"}", "[]", "\"mira\""] {
            let answer = scim.send("POST", "/Users", &[], broken.as_bytes()).unwrap();
            check_refused(&answer, 400, Some("invalidSyntax"));
        }
        assert_eq!(scim.get("/Users?count=0").body["totalResults"], 6);
        // `Accept` is ignored: there is only one format.
        for accept in ["application/json", "application/scim+json", "*/*", "text/html"] {
            let answer = scim.send("GET", &path, &[("accept", accept)], b"").unwrap();
            assert_eq!((answer.status, answer.body["id"].as_str()), (200, Some(id.as_str())));
            assert_eq!(answer.header("content-type"), "application/scim+json");
        }
    });
}

/// A body without a Content-Type is accepted if it is JSON. The test client always sends one, so use a
/// socket.
#[test]
fn a_body_without_a_media_type_is_tolerated() {
    served(|scim| {
        let send = |body: &str| {
            let (host, path) =
                scim.base().strip_prefix("http://").unwrap().split_once('/').unwrap();
            let mut socket = TcpStream::connect(host).unwrap();
            let (token, length) = (&scim.token, body.len());
            let request = format!(
                "POST /{path}/Users HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
                 content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            socket.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            answer
        };
        let made = send(&user("mira").to_string());
        assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
        let refused = send("userName=mira");
        assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
        assert!(refused.contains(r#""scimType":"invalidSyntax""#), "{refused}");
        assert_eq!(scim.get("/Users").body["Resources"][0]["userName"], "mira");
    });
}

#[test]
fn unauthenticated_requests_get_a_scim_401() {
    served(|scim| {
        let created = scim.post("/Users", &user("mira"));
        let path = format!("/Users/{}", created.id());
        let admin_like = format!("{}x", scim.token);
        for token in ["", "wrong", &admin_like] {
            let stranger = scim.with_token(token);
            for (method, path, body) in [
                ("GET", path.as_str(), ""),
                ("GET", "/Users", ""),
                ("GET", "/ServiceProviderConfig", ""),
                ("POST", "/Users", r#"{"userName":"nils"}"#),
                ("PUT", &path, r#"{"userName":"nils"}"#),
                ("PATCH", &path, r#"{"Operations":[{"op":"remove","path":"title"}]}"#),
                ("DELETE", &path, ""),
                ("GET", "/nothing", ""),
            ] {
                let answer = stranger.send(method, path, &[], body.as_bytes()).unwrap();
                check_refused(&answer, 401, None);
                let challenge = answer.header("www-authenticate");
                assert!(challenge.starts_with("Bearer "), "{challenge}");
            }
        }
        let basic = scim.with_token("");
        let basic = basic.send("GET", &path, &[("authorization", "Basic bWlyYTp4")], b"").unwrap();
        check_refused(&basic, 401, None);
        assert_eq!(scim.get(&path).body, created.body);
        assert_eq!(scim.get("/?count=0").body["totalResults"], 1);
    });
}

#[test]
fn path_segments_are_accepted_in_any_letter_case() {
    served(|scim| {
        for (index, endpoint) in ["/users", "/USERS", "/uSers/"].into_iter().enumerate() {
            let created = scim.post(endpoint, &user(&format!("user-{index}")));
            let location = format!("{}/Users/{}", scim.base(), created.id());
            assert_eq!((created.status, created.header("location")), (201, &*location));
            let path = format!("{}/{}", endpoint.trim_end_matches('/'), created.id());
            let read = scim.get(&path);
            assert_eq!((read.status, &read.body["meta"]["location"]), (200, &json!(location)));
            assert_eq!(scim.get(&format!("{path}/")).body, read.body, "a slash too many");
            assert_eq!(scim.get(endpoint).body["totalResults"], index + 1);
        }
        let created = scim.post("/groups", &group("Crew"));
        assert_eq!(created.header("location"), format!("{}/Groups/{}", scim.base(), created.id()));
        for (one, other) in [
            ("/serviceproviderconfig", "/ServiceProviderConfig"),
            ("/serviceConfiguration", "/ServiceProviderConfig"),
            ("/resourcetypes", "/ResourceTypes"),
            ("/resourceTypes/user", "/ResourceTypes/User"),
            ("/SCHEMAS", "/Schemas"),
        ] {
            let (one, other) = (scim.get(one), scim.get(other));
            assert_eq!((one.status, &one.body), (200, &other.body));
        }
        assert_eq!(scim.post("/users/.SEARCH", &json!({})).body["totalResults"], 3);
        check_refused(&scim.get("/Robots"), 404, None);
        check_refused(&scim.get("/Users/1/2"), 404, None);
    });
}

#[test]
fn methods_that_a_route_does_not_know_are_405_and_me_is_501() {
    served(|scim| {
        let created = scim.post("/Users", &user("mira"));
        let one = format!("/Users/{}", created.id());
        let all = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"];
        let check = |path: &str, allowed: &[&str]| {
            for method in all.iter().filter(|method| !allowed.contains(method)) {
                let answer = scim.send(method, path, &[], b"").unwrap();
                check_refused(&answer, 405, None);
                let allow: Vec<&str> = answer.header("allow").split(", ").collect();
                let allow: Vec<&str> = allow.into_iter().filter(|one| *one != "HEAD").collect();
                assert_eq!(allow, allowed, "{method} {path}");
            }
        };
        check("/ServiceProviderConfig", &["GET"]);
        check("/ResourceTypes", &["GET"]);
        check("/ResourceTypes/User", &["GET"]);
        check("/Schemas", &["GET"]);
        check("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", &["GET"]);
        check("/Users", &["GET", "POST"]);
        check("/Groups", &["GET", "POST"]);
        check("/", &["GET"]);
        check(&one, &["GET", "PUT", "PATCH", "DELETE"]);
        check("/.search", &["POST"]);
        check("/Users/.search", &["POST"]);
        check("/Bulk", &["POST"]);
        for method in all {
            check_refused(&scim.send(method, "/Me", &[], b"").unwrap(), 501, None);
        }
        assert_eq!(scim.get(&one).body, created.body);
    });
}

#[test]
fn discovery_is_one_object_and_two_lists() {
    served(|scim| {
        let config = scim.get("/ServiceProviderConfig");
        let of = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
        assert_eq!((config.status, &config.body["schemas"]), (200, &json!([of])));
        for (path, names) in [("/ResourceTypes", "name"), ("/Schemas", "id")] {
            let list = scim.get(path);
            assert_eq!((list.status, &list.body["schemas"]), (200, &json!([LIST])));
            let resources = list.body["Resources"].as_array().unwrap();
            assert!(resources.len() >= 2);
            assert_eq!(list.body["totalResults"], resources.len());
            for one in resources {
                let name = one[names].as_str().unwrap();
                assert_eq!(scim.get(&format!("{path}/{name}")).body, *one);
                assert_eq!(scim.get(&format!("{path}/{}", name.to_uppercase())).body, *one);
            }
            check_refused(&scim.get(&format!("{path}/nothing")), 404, None);
        }
    });
}

#[test]
fn a_post_may_reactivate_an_inactive_user() {
    let named = |name: &str, external_id: Option<&str>| {
        let mut body = user(name);
        if let Some(external_id) = external_id {
            body["externalId"] = external_id.into();
        }
        body
    };
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    served(|scim| {
        let id = scim.post("/Users", &named("mira", Some("E-1"))).id();
        assert_eq!(scim.patch(&format!("/Users/{id}"), &off).status, 200);
        let again = scim.post("/Users", &named("mira", Some("E-1")));
        check_refused(&again, 409, Some("uniqueness"));
    });
    served_with(json!({"reactivate_on_post": true}), |scim| {
        for (name, external_id) in [("mira", Some("E-1")), ("nils", None)] {
            let mut first = named(name, external_id);
            first["title"] = "Clerk".into();
            let created = scim.post("/Users", &first);
            let path = format!("/Users/{}", created.id());
            let again = named(&name.to_uppercase(), external_id);
            check_refused(&scim.post("/Users", &again), 409, Some("uniqueness"));
            assert_eq!(scim.patch(&path, &off).body["active"], false);
            let other = named(name, Some("e-1"));
            check_refused(&scim.post("/Users", &other), 409, Some("uniqueness"));
            let back = scim.post("/Users", &again);
            assert_eq!((back.status, back.id()), (201, created.id()));
            assert_eq!(back.header("location"), created.header("location"));
            assert_eq!(back.header("etag"), meta_version(&back));
            assert_eq!((&back.body["active"], back.body.get("title")), (&json!(true), None));
            assert_eq!(back.body["userName"], name.to_uppercase(), "as it was sent last");
            assert_eq!(back.body["meta"]["created"], created.body["meta"]["created"]);
            assert_eq!(scim.get(&path).body, back.body);
        }
        assert_eq!(scim.get("/Users?count=0").body["totalResults"], 2);
    });
}
