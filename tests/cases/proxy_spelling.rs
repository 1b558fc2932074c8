//! Different spellings behind the proxy: ids in another letter case, addresses as ids, attributes with
//! URNs, and names in odd forms. They mean what they mean to the application.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Stopwatch;
use serde_json::{Value, json};

use crate::cases::proxy_doubt::{NEVER, Proxied, list};
use crate::harness::server::{bulk, patch};
use crate::harness::stub::{Reply, Request};

const AT_ONCE: &str = "0,1,2";
const LOWER: &str = "3f2a77c0-94d1-4c6b-8f7e-0a5b6c7d8e9f";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn person(id: &str, name: &str) -> Value {
    json!({"id": id, "userName": format!("{name}@fjord.example"), "active": true})
}

fn switch_off() -> Value {
    json!([{"op": "replace", "path": "active", "value": false}])
}

/// An application that compares ids without letter case, as some databases do, and strips `.json` from
/// a path.
#[derive(Clone, Default)]
struct Lenient(Arc<Mutex<BTreeMap<String, Value>>>);

impl Lenient {
    fn put(&self, resource: Value) {
        let id = resource["id"].as_str().unwrap().to_lowercase();
        self.0.lock().unwrap().insert(id, resource);
    }

    fn remove(&self, path: &str) -> bool {
        self.0.lock().unwrap().remove(&key(path)).is_some()
    }

    /// With `silent`, a PATCH is answered without a body.
    fn answer(&self, request: &Request, silent: bool) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let is_user = path.starts_with("/Users/");
        match request.method.as_str() {
            "GET" if is_user => match self.0.lock().unwrap().get(&key(path)) {
                Some(one) => Reply::json(200, one),
                None => Reply::error(404),
            },
            "GET" if path == "/Users" && query.contains("startIndex=1&") => {
                let all: Vec<_> = self.0.lock().unwrap().values().cloned().collect();
                Reply::json(200, &list(&all))
            }
            "GET" => Reply::json(200, &list(&[])),
            "DELETE" => Reply::empty(if self.remove(path) { 204 } else { 404 }),
            "PATCH" => {
                let mut all = self.0.lock().unwrap();
                let Some(one) = all.get_mut(&key(path)) else { return Reply::error(404) };
                one["active"] = json!(false);
                if silent { Reply::empty(204) } else { Reply::json(200, one) }
            }
            "POST" => {
                for operation in request.body["Operations"].as_array().unwrap() {
                    self.remove(operation["path"].as_str().unwrap());
                }
                Reply::json(200, &json!({"Operations": []}))
            }
            other => panic!("{other}"),
        }
    }
}

fn key(path: &str) -> String {
    let id = path.trim_start_matches("/Users/").to_lowercase().replace("%c3%b8", "ø");
    id.strip_suffix(".json").unwrap_or(&id).to_owned()
}

#[test]
fn a_uuid_in_another_case_means_the_same_resource() {
    let upper = LOWER.to_uppercase();
    for (known, sent) in [(LOWER, upper.as_str()), (&upper, LOWER), (LOWER, LOWER)] {
        for (write, silent) in [("PATCH", false), ("PATCH", true), ("DELETE", true), ("POST", true)]
        {
            let why = format!("{write} {known} {sent} {silent}");
            let folder = tempfile::tempdir().unwrap();
            let fleet = Lenient::default();
            fleet.put(person(known, "mira"));
            let behind = fleet.clone();
            let answer = move |request: &Request| behind.answer(request, silent);
            let proxied = Proxied::start(folder.path(), AT_ONCE, answer);
            assert_eq!(proxied.baseline().status, 200);
            let path = format!("/Users/{sent}");
            let status = match write {
                "PATCH" => proxied.app.patch(&path, &switch_off()).status,
                "DELETE" => proxied.app.delete(&path).status,
                _ => {
                    let one = json!([{"method": "DELETE", "path": path}]);
                    proxied.app.post("/Bulk", &bulk(&one)).status
                }
            };
            assert!(status < 300, "{why}");
            let row = proxied.last_write();
            if write != "POST" {
                assert_eq!(row["resourceId"], known, "{why}");
            }
            if silent {
                assert_eq!(proxied.settled(&row)["verdict"], "confirmed", "{why}");
            }
            let mira = proxied.user(known);
            assert_eq!(mira["coverage"]["state"], "complete", "{why}");
            match write {
                "PATCH" => assert_eq!(mira["resource"]["active"], false, "{why}"),
                _ => assert_eq!(mira["exists"], "deleted", "{why}"),
            }
        }
    }
}

/// For an unknown resource, the application's spelling counts.
#[test]
fn a_uuid_in_another_case_is_settled_for_an_unknown_resource() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Lenient::default();
    fleet.put(person(LOWER, "mira"));
    let answer = move |request: &Request| fleet.answer(request, true);
    let proxied = Proxied::start(folder.path(), AT_ONCE, answer);
    let path = format!("/Users/{}", LOWER.to_uppercase());
    assert_eq!(proxied.app.patch(&path, &switch_off()).status, 204);
    assert_eq!(proxied.settled(&proxied.last_write())["verdict"], "confirmed");
    assert_eq!(proxied.user(LOWER)["resource"]["active"], false);
}

/// A case-sensitive application has no resource with the other spelling.
#[test]
fn a_404_for_the_other_case_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mira = person(LOWER, "mira");
    let proxied = Proxied::start(folder.path(), AT_ONCE, move |request| {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        match (request.method.as_str(), path.strip_prefix("/Users/")) {
            ("GET", Some(LOWER)) => Reply::json(200, &mira),
            ("GET", None) if path == "/Users" && query.contains("startIndex=1&") => {
                Reply::json(200, &list(std::slice::from_ref(&mira)))
            }
            ("GET", None) => Reply::json(200, &list(&[])),
            // Some applications answer 204 when there is nothing to delete.
            ("DELETE", _) => Reply::empty(204),
            _ => Reply::error(404),
        }
    });
    assert_eq!(proxied.baseline().status, 200);
    let path = format!("/Users/{}", LOWER.to_uppercase());
    assert_eq!(proxied.app.get(&path).status, 404);
    assert_eq!(proxied.user(LOWER)["exists"], "yes");
    assert_eq!(proxied.app.patch(&path, &switch_off()).status, 404);
    assert_eq!(proxied.app.delete(&path).status, 204);
    assert_eq!(proxied.settled(&proxied.last_write())["verdict"], "contradicted");
    assert_eq!(proxied.user(LOWER)["exists"], "yes");
    assert_eq!(proxied.user(LOWER)["resource"]["active"], true);
}

#[test]
fn a_write_that_may_hit_another_resource_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Lenient::default();
    for id in ["u1", "U2", "ø3", "42"] {
        fleet.put(person(id, id));
    }
    let behind = fleet.clone();
    let proxied = Proxied::start(folder.path(), NEVER, move |request| behind.answer(request, true));
    assert_eq!(proxied.baseline().status, 200);
    let writes = || {
        let seen = proxied.stub.seen();
        seen.into_iter().filter(|one| !one.starts_with("GET")).collect::<Vec<_>>()
    };
    for id in ["U1", "u2", "%C3%983", "u1.json", "U1.JSON", "u2.xml", "42.json", "u1%E2%80%AE"] {
        let path = format!("/Users/{id}");
        assert_eq!(proxied.app.delete(&path).status, 400, "{id}");
        assert_eq!(proxied.app.patch(&path, &switch_off()).status, 400, "{id}");
        let one = bulk(&json!([{"method": "DELETE", "path": path}]));
        assert_eq!(proxied.app.post("/Bulk", &one).status, 400, "{id}");
    }
    assert_eq!(writes(), Vec::<String>::new());
    // These match no other resource on record.
    for id in ["u4", "U4", "u4.json", "u1.jsonx", "u1.lund", "4"] {
        assert_eq!(proxied.app.delete(&format!("/Users/{id}")).status, 404, "{id}");
    }
    for id in ["u1", "U2", "%C3%B83", "42"] {
        assert_eq!(proxied.app.delete(&format!("/Users/{id}")).status, 204, "{id}");
    }
}

/// A write that sets an attribute in an unusual form still sets it.
#[test]
fn an_answer_without_the_attributes_that_were_set_leaves_a_doubt() {
    let name = json!({"id": "u1", "userName": "mira@fjord.example"});
    let urn = format!("{USER}:active");
    let of = |value: Value| patch(&json!([{"op": "replace", "value": value}])).to_string();
    let json_type = "application/scim+json";
    let twice = r#"{"Operations":[{"op":"replace","path":"active","value":false}],"a":1,"a":2}"#;
    let bare = switch_off().to_string();
    let whole = patch(&switch_off()).to_string();
    let put = |value: Value| {
        let mut body = name.clone();
        body.as_object_mut().unwrap().append(&mut value.as_object().unwrap().clone());
        body.to_string()
    };
    for (method, media_type, body) in [
        ("PATCH", json_type, of(json!({urn.as_str(): false}))),
        ("PATCH", json_type, of(json!({USER: {"active": false}}))),
        ("PUT", json_type, put(json!({urn.as_str(): false}))),
        ("PUT", json_type, put(json!({USER: {"active": false}}))),
        ("PATCH", json_type, twice.to_owned()),
        ("PATCH", json_type, bare),
        ("PATCH", "text/plain", whole),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Lenient::default();
        fleet.put(person("u1", "mira"));
        let (behind, reply) = (fleet.clone(), Reply::json(200, &name));
        let proxied = Proxied::start(folder.path(), NEVER, move |request| {
            if request.method == "GET" {
                return behind.answer(request, true);
            }
            let mut off = person("u1", "mira");
            off["active"] = json!(false);
            behind.put(off);
            reply.clone()
        });
        assert_eq!(proxied.baseline().status, 200);
        let headers = [("content-type", media_type)];
        let sent = proxied.app.send(method, "/Users/u1", &headers, body.as_bytes()).unwrap();
        assert_eq!(sent.status, 200, "{method} {body}");
        assert_eq!(proxied.last_write()["effect"], "unverified", "{method} {media_type} {body}");
        assert_eq!(proxied.user("u1")["coverage"]["state"], "partial", "{method} {body}");
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        assert_eq!(proxied.user("u1")["resource"]["active"], false, "{method} {body}");
        assert_eq!(proxied.user("u1")["coverage"]["state"], "complete", "{method} {body}");
    }
}

#[test]
fn references_are_compared_as_ids() {
    let upper = LOWER.to_uppercase();
    let manager =
        |value: Value| json!([{"op": "replace", "value": {ENTERPRISE: {"manager": value}}}]);
    let add = |value: Value| json!([{"op": "add", "path": "members", "value": [value]}]);
    let remove = |id: &str| {
        let path = format!("members[value eq \"{id}\"]");
        json!([{"op": "remove", "path": path}])
    };
    let user = json!({"id": "u1", "userName": "mira@fjord.example", "active": true});
    let mut led = user.clone();
    led[ENTERPRISE] = json!({"manager": {"value": LOWER, "displayName": "Liv"}});
    let group = json!({"id": "g1", "displayName": "Deck", "members": []});
    let mut joined = group.clone();
    joined["members"] = json!([{"value": LOWER}]);
    let relative = format!("../Users/{LOWER}");
    for address in ["", "ours", "upstream", "upper"] {
        let folder = tempfile::tempdir().unwrap();
        let shown = Arc::new(Mutex::new((user.clone(), group.clone())));
        let behind = Arc::clone(&shown);
        let liv = person(LOWER, "liv");
        let proxied = Proxied::start(folder.path(), AT_ONCE, move |request| {
            let shown = behind.lock().unwrap();
            match (request.method.as_str(), request.target.as_str()) {
                ("GET", "/Users/u1") => Reply::json(200, &shown.0),
                ("GET", "/Groups/g1") => Reply::json(200, &shown.1),
                ("GET", path) if path.contains("startIndex=1&") => {
                    let is_users = path.starts_with("/Users");
                    let users = [shown.0.clone(), liv.clone()];
                    let groups = [shown.1.clone()];
                    Reply::json(200, &list(if is_users { &users } else { &groups }))
                }
                ("GET", _) => Reply::json(200, &list(&[])),
                _ => Reply::empty(204),
            }
        });
        assert_eq!(proxied.baseline().status, 200);
        let (name, text) = match address {
            "" => ("$ref", relative.clone()),
            "ours" => ("$ref", format!("{}/apps/boat/scim/v2/Users/{LOWER}", proxied.server.url)),
            "upstream" => ("value", format!("{}/Users/{LOWER}", proxied.stub.url)),
            _ => ("value", upper.clone()),
        };
        let reference = json!({name: text});
        let check = |path: &str, operations: Value, user: &Value, group: &Value, expected: &str| {
            *shown.lock().unwrap() = (user.clone(), group.clone());
            assert_eq!(proxied.app.patch(path, &operations).status, 204);
            let settled = proxied.settled(&proxied.last_write());
            assert_eq!(settled["verdict"], expected, "{path} {operations}");
        };
        check("/Users/u1", manager(reference.clone()), &led, &group, "confirmed");
        check("/Users/u1", manager(json!({"value": "u9"})), &led, &group, "contradicted");
        check("/Groups/g1", add(reference.clone()), &led, &joined, "confirmed");
        check("/Groups/g1", remove(&text), &led, &joined, "contradicted");
        check("/Groups/g1", remove(&text), &led, &group, "confirmed");
        check("/Groups/g1", add(reference), &led, &group, "contradicted");
    }
}

/// An unanswered create belongs to the subject that it names, in whatever form.
#[test]
fn a_create_in_doubt_is_not_in_the_timeline_of_another_user() {
    let mut mira = person("u1", "mira");
    mira["externalId"] = json!("e-1");
    let long = "x".repeat(2 << 10);
    let urn = |name: &str| format!("{USER}:{name}");
    for (own, body) in [
        (json!("2"), json!({"userName": "mira@fjord.example", "externalId": 2})),
        (Value::Null, json!({"userName": "mira@fjord.example", "externalId": long})),
        (json!("e-2"), json!({urn("userName"): "mira@fjord.example", urn("externalId"): "e-2"})),
        (json!("e-2"), json!({USER: {"userName": "mira@fjord.example", "externalId": "e-2"}})),
        (Value::Null, json!({urn("userName"): "liv@fjord.example"})),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let users = [mira.clone()];
        let proxied = Proxied::start(folder.path(), AT_ONCE, move |request| {
            let target = request.target.replace("%22", "\"").replace("%40", "@");
            match request.method.as_str() {
                "POST" => Reply::none(),
                _ if target.contains("startIndex=1&") && target.starts_with("/Users") => {
                    Reply::json(200, &list(&users))
                }
                _ if target.contains("filter=userName") && target.contains("\"mira@") => {
                    Reply::json(200, &list(&users))
                }
                _ => Reply::json(200, &list(&[])),
            }
        });
        assert_eq!(proxied.baseline().status, 200);
        let story = |proxied: &Proxied| {
            let rows = proxied.rows("operations?app=boat");
            rows.iter().filter(|row| row["resourceId"] == "u1").count()
        };
        let before = story(&proxied);
        assert_eq!(proxied.app.post("/Users", &body).status, 504);
        let row = proxied.last_write();
        assert_ne!(row["resourceId"], "u1", "{body} {row}");
        assert_eq!(proxied.settled(&row)["verdict"], "contradicted", "{body}");
        let looks: Vec<String> = proxied.stub.seen();
        let looks_for = |name: &str| looks.iter().any(|one| one.contains(name));
        assert!(looks_for("filter=userName"), "{looks:?}");
        assert_eq!(looks_for("filter=externalId"), !own.is_null(), "{looks:?}");
        assert_eq!(story(&proxied), before, "{body}");
        assert_eq!(proxied.user("u1")["coverage"]["state"], "complete", "{body}");
    }
}

/// A failed write may still be carried out later, even if another was confirmed meanwhile.
#[test]
fn the_late_attempt_is_made_even_if_a_doubt_was_settled() {
    let folder = tempfile::tempdir().unwrap();
    let looks = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&looks);
    let proxied = Proxied::start(folder.path(), "1000,2000", move |request| {
        let mut mira = person("u1", "mira");
        match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/Users/u1") => {
                let mut count = counted.lock().unwrap();
                *count += 1;
                mira["title"] = json!("Mate");
                mira["active"] = json!(*count == 1);
                Reply::json(200, &mira)
            }
            ("GET", target) if target.starts_with("/Users?startIndex=1&") => {
                Reply::json(200, &list(&[mira]))
            }
            ("GET", _) => Reply::json(200, &list(&[])),
            _ if request.body["Operations"][0]["path"] == "title" => Reply::empty(204),
            _ => Reply::text(504, "text/html", "<html>Gateway Timeout</html>"),
        }
    });
    assert_eq!(proxied.baseline().status, 200);
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    assert_eq!(proxied.app.patch("/Users/u1", &title).status, 204);
    let row = proxied.last_write();
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 504);
    assert_eq!(proxied.settled(&row)["verdict"], "confirmed");
    let watch = Stopwatch::start();
    while proxied.user("u1")["resource"]["active"] != false {
        assert!(watch.elapsed() < Duration::from_secs(30), "the last look was not made");
        std::thread::yield_now();
    }
}

/// The recorder does not send a request for each invented id.
#[test]
fn unknown_ids_are_not_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Lenient::default();
    fleet.put(person("u1", "mira"));
    let behind = fleet.clone();
    let proxied = Proxied::start(folder.path(), AT_ONCE, move |request| {
        if request.method == "GET" { behind.answer(request, true) } else { Reply::error(404) }
    });
    assert_eq!(proxied.baseline().status, 200);
    for number in 0..5 {
        let path = format!("/Users/made-up-{number}");
        assert_eq!(proxied.app.patch(&path, &switch_off()).status, 404);
    }
    // Read-backs run in the order in which they were added.
    fleet.remove("/Users/u1");
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 404);
    let watch = Stopwatch::start();
    while proxied.user("u1")["exists"] != "deleted" {
        assert!(watch.elapsed() < Duration::from_secs(30), "nobody looked for Mira");
        std::thread::yield_now();
    }
    let seen = proxied.stub.seen();
    let made_up: Vec<_> = seen.iter().filter(|one| one.starts_with("GET /Users/made")).collect();
    assert_eq!(made_up, Vec::<&String>::new());
}
