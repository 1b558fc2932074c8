//! Partial answers, answers about something else, and answers that deny a write: what they leave open
//! is in doubt, and what they say about other resources is ignored.

use std::sync::Mutex;
use std::time::Duration;

use event::Stopwatch;
use serde_json::{Value, json};

use crate::cases::proxy_doubt::{NEVER, Proxied, list};
use crate::cases::upstream_habits::{Before, crew, raw};
use crate::harness::habits::{Response, Upstream};
use crate::harness::server::patch;
use crate::harness::stub::{Reply, Request};

const AT_ONCE: &str = "0,1,2";

fn mira() -> Value {
    json!({"id": "u1", "userName": "mira@fjord.example", "active": true, "displayName": "Mira",
        "emails": [{"value": "mira@fjord.example", "type": "work"}]})
}

fn ole() -> Value {
    json!({"id": "u2", "userName": "ole@fjord.example", "active": true})
}

/// An application with Mira and Ole that lists them correctly and answers everything else with `reply`.
fn answering(reply: Reply) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| match (request.method.as_str(), request.target.as_str()) {
        ("GET", target) if target.starts_with("/Users?startIndex=1&") => {
            Reply::json(200, &list(&[mira(), ole()]))
        }
        ("GET", target) if target.starts_with("/Users?") => Reply::json(200, &list(&[])),
        ("GET", target) if target.starts_with("/Groups?") => Reply::json(200, &list(&[])),
        _ => reply.clone(),
    }
}

fn switch_off() -> Value {
    json!([{"op": "replace", "path": "active", "value": false}])
}

/// A user as the record has them.
#[track_caller]
fn recorded(proxied: &Proxied, id: &str) -> Value {
    let mut known = proxied.user(id)["resource"].clone();
    known.as_object_mut().unwrap().retain(|name, _| !["meta", "schemas"].contains(&name.as_str()));
    known
}

/// The record has Mira's actual state, whatever was answered.
#[track_caller]
fn check_mira(proxied: &Proxied, active: bool, why: &str) {
    let mut expected = mira();
    expected["active"] = json!(active);
    assert_eq!(recorded(proxied, "u1"), expected, "{why}");
}

/// Waits until a condition holds.
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let watch = Stopwatch::start();
    while !is_so() {
        assert!(watch.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_partial_answer_leaves_the_other_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::empty(500)));
    assert_eq!(proxied.baseline().status, 200);
    let mut off = mira();
    off["active"] = json!(false);
    let name = json!({"id": "u1", "userName": "mira@fjord.example"});
    let without = |name: &str| {
        let mut shown = off.clone();
        shown.as_object_mut().unwrap().remove(name);
        shown
    };
    let mut untyped = off.clone();
    untyped["emails"] = json!([{"value": "mira@fjord.example"}]);
    let few = json!({"id": "u1", "userName": "mira@fjord.example", "active": false});
    for (target, status, body) in [
        ("/Users/u1", 200, few),
        ("/Users/u1", 200, without("emails")),
        ("/Users/u1", 203, without("displayName")),
        ("/Users/u1", 200, untyped),
        ("/Users/u1", 200, json!({"id": "u1", "active": false})),
        ("/Users/u1", 200, name.clone()),
        ("/Users/u1?attributes=userName", 200, name.clone()),
        ("/Users/u1?excludedAttributes=active", 200, name.clone()),
        ("/Users/u1", 200, json!({"id": "u1", "userName": "mira@fjord.example", "active": "off"})),
        ("/Users/u1", 206, off.clone()),
        ("/Users/u1", 207, off.clone()),
        ("/Users/u1", 226, off.clone()),
    ] {
        let why = format!("{target} {status} {body}");
        proxied.stub.answer(answering(Reply::json(status, &body)));
        assert_eq!(proxied.app.patch(target, &switch_off()).status, status, "{why}");
        let row = proxied.last_write();
        assert_eq!(row["effect"], "unverified", "{why}");
        check_mira(&proxied, false, &why);
        assert_eq!(proxied.user("u1")["coverage"]["state"], "partial", "{why}");
        // An application that never shows `active` does not contradict a deactivation.
        proxied.stub.answer(answering(Reply::json(200, &name)));
        assert_eq!(proxied.app.get("/Users/u1?attributes=userName").status, 200);
        check_mira(&proxied, false, &why);
        proxied.stub.answer(answering(Reply::json(200, &mira())));
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], "contradicted", "{why}");
        check_mira(&proxied, true, &why);
    }
}

#[test]
fn attributes_that_a_write_removes_may_be_missing_from_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::empty(500)));
    assert_eq!(proxied.baseline().status, 200);
    let answer = |shown: &Value| proxied.stub.answer(answering(Reply::json(200, shown)));
    let mut known = mira();
    let check = |known: &Value, effect: &str| {
        let row = proxied.last_write();
        assert_eq!(row["effect"], effect, "{known}");
        assert_eq!(&recorded(&proxied, "u1"), known);
        let is_certain = effect != "unverified";
        let state = if is_certain { "complete" } else { "partial" };
        assert_eq!(proxied.user("u1")["coverage"]["state"], state, "{known}");
        row
    };
    known.as_object_mut().unwrap().remove("displayName");
    answer(&known);
    let remove = json!([{"op": "remove", "path": "displayName"}]);
    assert_eq!(proxied.app.patch("/Users/u1", &remove).status, 200);
    check(&known, "applied");
    // An attribute shown as empty is not missing.
    known["active"] = json!(false);
    let mut empty = known.clone();
    empty["emails"] = json!([]);
    known.as_object_mut().unwrap().remove("emails");
    answer(&empty);
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 200);
    check(&known, "applied");
    known["active"] = json!(true);
    answer(&known);
    assert_eq!(proxied.app.put("/Users/u1", &mira()).status, 200);
    known = mira();
    let row = check(&known, "unverified");
    known.as_object_mut().unwrap().remove("emails");
    known.as_object_mut().unwrap().remove("displayName");
    answer(&known);
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.settled(&row)["verdict"], "contradicted");
    // The application never shows this attribute; nothing else is in doubt because of that.
    known["active"] = json!(false);
    answer(&known);
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 200);
    check(&known, "applied");
    known["title"] = json!("Mate");
    answer(&known);
    assert_eq!(proxied.app.put("/Users/u1", &known).status, 200);
    check(&known, "applied");
    known.as_object_mut().unwrap().remove("title");
    answer(&known);
    assert_eq!(proxied.app.put("/Users/u1", &known).status, 200);
    check(&known, "applied");
}

#[test]
fn attributes_missing_from_the_answer_to_a_create_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::empty(500)));
    assert_eq!(proxied.baseline().status, 200);
    let new = json!({"userName": "liv@fjord.example", "displayName": "Liv", "password": "xyzzy-1",
        "emails": [{"value": "liv@fjord.example", "type": "work"}]});
    let shown = json!({"id": "u3", "userName": "liv@fjord.example"});
    proxied.stub.answer(answering(Reply::json(201, &shown)));
    assert_eq!(proxied.app.post("/Users", &new).status, 201);
    let row = proxied.last_write();
    assert_eq!(row["effect"], "unverified");
    let mut whole = new.clone();
    whole["id"] = json!("u3");
    whole.as_object_mut().unwrap().remove("password");
    proxied.stub.answer(answering(Reply::json(200, &whole)));
    assert_eq!(proxied.app.get("/Users/u3").status, 200);
    assert_eq!(proxied.settled(&row)["verdict"], "confirmed");
    assert_eq!(recorded(&proxied, "u3"), whole);
    assert_eq!(proxied.user("u3")["coverage"]["state"], "complete");
    // Passwords are never shown, and accounts are active by default.
    let (mut ann, mut response) = (new, whole);
    ann["userName"] = json!("ann@fjord.example");
    response["userName"] = json!("ann@fjord.example");
    response["id"] = json!("u4");
    proxied.stub.answer(answering(Reply::json(201, &response)));
    assert_eq!(proxied.app.post("/Users", &ann).status, 201);
    assert_eq!(proxied.last_write()["effect"], "applied");
    assert_eq!(recorded(&proxied, "u4"), response);
}

#[test]
fn a_partial_attribute_leaves_its_other_parts() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let whole = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise],
        "id": "u1", "userName": "mira@fjord.example", "active": true,
        "name": {"givenName": "Mira", "familyName": "Lund"},
        "emails": [{"value": "mira@fjord.example", "type": "work", "primary": true}],
        enterprise: {"department": "Deck", "manager": {"value": "u9"}},
    });
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::json(200, &whole)));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    let known = recorded(&proxied, "u1");
    for name in ["name", "emails", enterprise] {
        assert!(known.get(name).is_some(), "{known}");
    }
    let with = |name: &str, value: Value| {
        let mut shown = json!({"id": "u1", "userName": "mira@fjord.example", "active": true});
        shown[name] = value;
        shown
    };
    let parts = [
        ("name.familyName", with("name", json!({"familyName": "Lund"}))),
        ("emails.value", with("emails", json!([{"value": "mira@fjord.example"}]))),
        ("department", with(enterprise, json!({"department": "Deck"}))),
        ("manager", with(enterprise, json!({"manager": {"value": "u9"}}))),
        ("name", with("name", json!({"formatted": "Mira Lund"}))),
    ];
    for (name, part) in parts {
        proxied.stub.answer({
            let (one, all) = (part.clone(), list(std::slice::from_ref(&part)));
            move |request: &Request| {
                let is_one = request.target.starts_with("/Users/u1");
                Reply::json(200, if is_one { &one } else { &all })
            }
        });
        let mut expected = known.clone();
        if let Some(formatted) = part.pointer("/name/formatted") {
            expected["name"]["formatted"] = formatted.clone();
        }
        let search = json!({"attributes": [name]});
        assert_eq!(proxied.app.get(&format!("/Users/u1?attributes={name}")).status, 200);
        assert_eq!(recorded(&proxied, "u1"), expected, "{name}: one");
        assert_eq!(proxied.app.get(&format!("/Users?attributes={name}")).status, 200);
        assert_eq!(recorded(&proxied, "u1"), expected, "{name}: a list");
        assert_eq!(proxied.app.post("/Users/.search", &search).status, 200);
        assert_eq!(recorded(&proxied, "u1"), expected, "{name}: a search");
        assert_eq!(proxied.app.get("/Users?startIndex=1").status, 200);
        assert_eq!(recorded(&proxied, "u1"), expected, "{name}: a list that shows less");
    }
    // What a partial answer shows counts.
    let other = with("name", json!({"familyName": "Berg"}));
    proxied.stub.answer(answering(Reply::json(200, &other)));
    assert_eq!(proxied.app.get("/Users/u1?attributes=name.familyName").status, 200);
    let name = recorded(&proxied, "u1")["name"].clone();
    assert_eq!((&name["givenName"], &name["familyName"]), (&json!("Mira"), &json!("Berg")));
}

#[test]
fn a_deleted_user_seen_partially_is_restored_with_all_attributes() {
    let part = json!({"id": "u1", "userName": "mira@fjord.example"});
    let as_one = |shown: Value| {
        move |request: &Request| match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/Users/u1") => Reply::error(500),
            ("GET", target) if target.starts_with("/Users?filter=") => {
                Reply::json(200, &list(std::slice::from_ref(&shown)))
            }
            ("GET", target) if target.starts_with("/Users/u1?") => Reply::json(200, &shown),
            _ => answering(Reply::empty(204))(request),
        }
    };
    for target in ["/Users/u1?attributes=userName", "/Users?filter=userName%20sw%20%22mira%22"] {
        let folder = tempfile::tempdir().unwrap();
        let proxied = Proxied::start(folder.path(), AT_ONCE, as_one(part.clone()));
        assert_eq!(proxied.baseline().status, 200);
        assert_eq!(proxied.app.delete("/Users/u1").status, 204);
        let row = proxied.last_write();
        assert_eq!(proxied.user("u1")["exists"], "deleted");
        let looks = || proxied.stub.seen().iter().filter(|one| *one == "GET /Users/u1").count();
        wait("it was looked at", || looks() == 3);
        assert_eq!(proxied.app.get(target).status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], "contradicted", "{target}");
        check_mira(&proxied, true, target);
        // The recorder requests what the partial answer leaves open.
        wait("it was asked for", || looks() >= 4);
        let mut off = mira();
        off["active"] = json!(false);
        let whole = off.clone();
        proxied.stub.answer(move |request: &Request| {
            let is_one = request.method == "GET" && request.target == "/Users/u1";
            if is_one { Reply::json(200, &whole) } else { Reply::empty(500) }
        });
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        check_mira(&proxied, false, target);
    }
}

#[test]
fn a_deletion_answered_partially_removes_no_other_attribute() {
    let folder = tempfile::tempdir().unwrap();
    let part = json!({"id": "u1", "userName": "mira@fjord.example", "active": false});
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::json(200, &part)));
    assert_eq!(proxied.baseline().status, 200);
    assert_eq!(proxied.app.delete("/Users/u1").status, 200);
    check_mira(&proxied, false, "it was switched off");
}

#[test]
fn an_answer_without_members_removes_no_member() {
    let folder = tempfile::tempdir().unwrap();
    let deck = |members: Value| json!({"id": "g1", "displayName": "Deck", "members": members});
    let (one, two) = (json!([{"value": "u1"}]), json!([{"value": "u1"}, {"value": "u2"}]));
    let silent = json!({"id": "g1", "displayName": "Deck"});
    let behind = |shown: Value, reply: Value| {
        move |request: &Request| match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/Groups/g1") => Reply::json(200, &shown),
            ("GET", target) if target.starts_with("/Groups?startIndex=1&") => {
                Reply::json(200, &list(std::slice::from_ref(&shown)))
            }
            ("GET", _) => answering(Reply::error(404))(request),
            _ => Reply::json(200, &reply),
        }
    };
    let start = behind(deck(one.clone()), Value::Null);
    let proxied = Proxied::start(folder.path(), NEVER, start);
    assert_eq!(proxied.baseline().status, 200);
    let members = || {
        let rows = proxied.rows("apps/boat/groups/g1/members");
        let mut ids: Vec<String> =
            rows.iter().map(|row| row["userId"].as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    let add = json!([{"op": "add", "path": "members", "value": [{"value": "u2"}]}]);
    for reply in [silent.clone(), deck(Value::Null)] {
        proxied.stub.answer(behind(deck(two.clone()), reply.clone()));
        assert_eq!(proxied.app.patch("/Groups/g1", &add).status, 200);
        let row = proxied.last_write();
        assert_eq!(row["effect"], "unverified", "{reply}");
        assert_eq!(members(), ["u1", "u2"], "{reply}");
        assert_eq!(proxied.app.get("/Groups/g1").status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], "confirmed", "{reply}");
    }
    let mut renamed = silent;
    renamed["displayName"] = json!("Galley");
    proxied.stub.answer(behind(deck(two), renamed));
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Galley"}]);
    assert_eq!(proxied.app.patch("/Groups/g1", &rename).status, 200);
    assert_eq!(proxied.last_write()["effect"], "applied");
    assert_eq!(members(), ["u1", "u2"]);
}

#[test]
fn an_answer_about_another_resource_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::empty(500)));
    assert_eq!(proxied.baseline().status, 200);
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let error = "urn:ietf:params:scim:api:messages:2.0:Error";
    let others = [
        json!({"id": "u1", "displayName": "Deck", "meta": {"resourceType": "Group"}}),
        json!({"id": "u1", "displayName": "Deck", "schemas": [group]}),
        json!({"id": "u1", "userName": "x", "schemas": [error], "status": "500"}),
        json!({"id": "u2", "userName": "ole@fjord.example", "active": false}),
    ];
    for body in &others {
        let why = body.to_string();
        proxied.stub.answer(answering(Reply::json(200, body)));
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        check_mira(&proxied, true, &why);
        assert_eq!(proxied.user("u2")["resource"]["active"], true, "{why}");
        assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 200);
        assert_eq!(proxied.last_write()["effect"], "unverified", "{why}");
        check_mira(&proxied, true, &why);
    }
    // Ole existed before and has none of the names in the POST.
    let new = json!({"userName": "liv@fjord.example", "externalId": "7"});
    for body in [others[0].clone(), ole()] {
        proxied.stub.answer(answering(Reply::json(201, &body)));
        assert_eq!(proxied.app.post("/Users", &new).status, 201);
        assert_eq!(proxied.last_write()["effect"], "unverified", "{body}");
        assert_eq!(proxied.rows("apps/boat/users").len(), 2, "{body}");
    }
    // A partial user is not a user without the other attributes.
    for reply in [
        Reply::json(200, &json!({"id": "u1"})),
        Reply::json(200, &json!({"id": "u1", "active": true})),
        Reply::json(206, &json!({"id": "u1", "userName": "mira@fjord.example"})),
    ] {
        proxied.stub.answer(answering(reply.clone()));
        assert!(proxied.app.get("/Users/u1").status < 300);
        check_mira(&proxied, true, &format!("{reply:?}"));
    }
}

#[test]
fn a_404_with_another_status_inside_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:Error"]);
    let inside = Reply::json(404, &json!({"schemas": schemas, "status": "503"}));
    let proxied = Proxied::start(folder.path(), NEVER, answering(inside));
    assert_eq!(proxied.baseline().status, 200);
    assert_eq!(proxied.app.get("/Users/u1").status, 404);
    check_mira(&proxied, true, "something else was not found");
    proxied.stub.answer(answering(Reply::error(404)));
    assert_eq!(proxied.app.get("/Users/u1").status, 404);
    assert_eq!(proxied.user("u1")["exists"], "deleted");
}

#[test]
fn a_write_answered_404_is_checked() {
    for status in [404, 410] {
        let folder = tempfile::tempdir().unwrap();
        let proxied = Proxied::start(folder.path(), AT_ONCE, answering(Reply::error(404)));
        assert_eq!(proxied.baseline().status, 200);
        let gone = Mutex::new(status);
        proxied.stub.answer(move |request| match request.method.as_str() {
            "GET" => answering(Reply::error(404))(request),
            _ => Reply::error(*gone.lock().unwrap()),
        });
        assert_eq!(proxied.app.delete("/Users/u1").status, status);
        assert_eq!(proxied.last_write()["effect"], "rejected");
        wait("Mira is gone", || proxied.user("u1")["exists"] == "deleted");
        assert_eq!(proxied.user("u2")["exists"], "yes");
    }
}

#[test]
fn a_failed_write_may_have_been_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), AT_ONCE, answering(Reply::empty(500)));
    assert_eq!(proxied.baseline().status, 200);
    let mut off = mira();
    off["active"] = json!(false);
    proxied.stub.answer(move |request| match request.method.as_str() {
        "GET" => answering(Reply::json(200, &off))(request),
        _ => Reply::text(504, "text/html", "<html>Gateway Timeout</html>"),
    });
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 504);
    assert_eq!(proxied.last_write()["effect"], "rejected");
    wait("Mira is off", || proxied.user("u1")["resource"]["active"] == false);
}

#[test]
fn a_write_without_names_is_settled_by_a_listing() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::empty(204)));
    assert_eq!(proxied.baseline().status, 200);
    let asked = proxied.app.send("OPTIONS", "/Users/u1", &[], b"").unwrap();
    assert_eq!(asked.status, 204);
    assert_eq!(proxied.user("u1")["coverage"]["state"], "complete", "it asks, and changes nothing");
    assert_eq!(proxied.app.delete("/Users").status, 204);
    let row = proxied.last_write();
    assert_eq!(row["effect"], "unverified", "whom it took away is not known");
    assert_eq!(proxied.user("u1")["coverage"]["state"], "partial");
    assert_eq!(proxied.baseline().status, 200);
    assert_eq!(proxied.settled(&row)["verdict"], "none");
    assert_eq!(proxied.user("u1")["coverage"]["state"], "complete");
}

#[test]
fn a_custom_method_does_not_stay_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), AT_ONCE, answering(Reply::json(200, &mira())));
    assert_eq!(proxied.baseline().status, 200);
    assert_eq!(proxied.app.send("LOCK", "/Users/u1", &[], b"").unwrap().status, 200);
    assert_eq!(proxied.settled(&proxied.last_write())["verdict"], "none");
    assert_eq!(proxied.user("u1")["coverage"]["state"], "complete");
}

#[test]
fn a_request_without_a_stored_body_gets_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, answering(Reply::empty(204)));
    assert_eq!(proxied.baseline().status, 200);
    let twice =
        br#"{"Operations": [{"op": "replace", "path": "active", "value": 1, "value": false}]}"#;
    let json: &[(&str, &str)] = &[("content-type", "application/scim+json")];
    let text: &[(&str, &str)] = &[("content-type", "text/plain")];
    let plain = patch(&switch_off()).to_string();
    for (headers, body) in [(json, twice.as_slice()), (text, plain.as_bytes())] {
        proxied.stub.answer(answering(Reply::empty(204)));
        assert_eq!(proxied.app.send("PATCH", "/Users/u1", headers, body).unwrap().status, 204);
        let row = proxied.last_write();
        assert_eq!(row["effect"], "unverified");
        let mut off = mira();
        off["active"] = json!(false);
        proxied.stub.answer(answering(Reply::json(200, &off)));
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], "none");
        check_mira(&proxied, false, "the application did it");
    }
}

#[test]
fn a_write_by_an_ambiguous_id_is_not_sent() {
    let mut odd = crew(2);
    odd[1]["id"] = json!("a;b/c");
    let upstream = Upstream::start(move |received| match received.method.as_str() {
        "GET" => Response::of_users(received, &odd),
        _ => Response::empty(204),
    });
    let before = Before::start(&upstream);
    for line in [
        "DELETE /Users/u1;x=1",
        "DELETE /Users/u1%3Bx=1",
        "PATCH /Users/u1%2F",
        "PUT /Users/%2Fu1",
        "DELETE /Users/u1%5C",
        "DELETE /Users/u1%3Fx",
        "DELETE /Users/u1%23",
        "DELETE /Users/u1%00",
        "DELETE /Users/u1%20",
        "DELETE /Users/%2575%2531",
        "DELETE /Users/%EF%BB%BFu1",
        "DELETE /Users/a%3Bb%2Fc",
    ] {
        assert_eq!(raw(&before.app, line, ""), 400, "{line}");
        assert_eq!(before.last()["effect"], "rejected", "{line}");
    }
    let path = json!({"Operations": [{"method": "DELETE", "path": "/Users/u1;x"}]});
    assert_eq!(before.app.post("/Bulk", &path).status, 400);
    assert_eq!(upstream.received().len(), 0);
    // An id of that form that is on record is fine.
    before.looked("baseline");
    assert_eq!(raw(&before.app, "DELETE /Users/a%3Bb%2Fc", ""), 204);
    assert_eq!(raw(&before.app, "DELETE /Users/u1;x=1", ""), 400);
}

#[test]
fn a_list_may_have_cursors_and_retry_after() {
    let is_first = Mutex::new(true);
    let upstream = Upstream::start(move |received| {
        if received.path() != "/Users" {
            return Response::list(0, &[]);
        }
        if std::mem::take(&mut *is_first.lock().unwrap()) {
            return Response::empty(429).with("retry-after", "1");
        }
        let start = received.number("cursor").unwrap_or(0);
        let crew = crew(5);
        let shown: Vec<Value> = crew.iter().skip(start as usize).take(2).cloned().collect();
        let next = Some((start + 2).to_string()).filter(|_| start + 2 < 5);
        Response::json(200, &json!({"Resources": shown, "nextCursor": next}))
    });
    let before = Before::start(&upstream);
    let looked = before.looked("baseline");
    assert_eq!((&looked["seen"]["User"], &looked["incomplete"]), (&json!(5), &json!(false)));
    before.check_coverage(false);
}

#[test]
fn a_group_in_a_list_of_users_is_ignored() {
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let upstream = Upstream::start(move |received| {
        let mut all = crew(2);
        all.push(json!({"id": "g1", "displayName": "Deck", "schemas": [group]}));
        Response::of_users(received, &all)
    });
    let before = Before::start(&upstream);
    let looked = before.looked("baseline");
    assert_eq!(looked["seen"]["User"], 2);
    assert_eq!(looked["refused"]["User"], 1);
    before.check_coverage(true);
}

#[test]
fn a_list_with_fewer_attributes_removes_none() {
    let alone = Mutex::new(mira());
    let folder = tempfile::tempdir().unwrap();
    let part = json!({"id": "u1", "userName": "mira@fjord.example", "active": true});
    let proxied = Proxied::start(folder.path(), AT_ONCE, move |request: &Request| {
        match (request.method.as_str(), request.target.as_str()) {
            ("PUT", _) => {
                *alone.lock().unwrap() = part.clone();
                Reply::json(200, &part)
            }
            ("GET", "/Users/u1") => Reply::json(200, &alone.lock().unwrap()),
            ("GET", target) if target.starts_with("/Users?startIndex=1&") => {
                Reply::json(200, &list(std::slice::from_ref(&part)))
            }
            _ => Reply::json(200, &list(&[])),
        }
    });
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.baseline().status, 200);
    check_mira(&proxied, true, "what the list lacks, the resource has");
    assert_eq!(proxied.app.get("/Users?startIndex=1&count=9").status, 200);
    wait("it was asked for", || {
        proxied.stub.seen().iter().filter(|one| *one == "GET /Users/u1").count() == 3
    });
    check_mira(&proxied, true, "what the list lacks, the resource has");
    // An attribute counts as removed only once the resource itself, requested by id, lacks it too.
    proxied.app.put("/Users/u1", &mira());
    let row = proxied.last_write();
    assert_eq!(row["effect"], "unverified");
    assert_eq!(proxied.settled(&row)["verdict"], "contradicted");
    let drift = proxied.server.admin().post("/api/v1/apps/boat/drift", &Value::Null);
    assert_eq!(drift.status, 200);
    assert!(proxied.user("u1")["resource"].get("displayName").is_none());
}
