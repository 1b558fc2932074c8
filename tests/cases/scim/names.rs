//! Equivalent Unicode names are equal (RFC 7644 §5), and bodies are JSON in UTF-8 (RFC 8259 §8.1).

use serde_json::{Value, json};

use super::{check_refused, ids, served, served_with};
use crate::harness::server::{Server, encoded, group, user};

/// One name in three spellings: composed, decomposed, and in the other letter case.
const NAMES: [&str; 3] =
    ["j\u{fc}rgen@x.example", "ju\u{308}rgen@x.example", "JU\u{308}RGEN@X.example"];

#[test]
fn user_names_are_unique_in_every_normal_form() {
    for (place, name) in NAMES.iter().enumerate() {
        served(|scim| {
            let created = scim.post("/Users", &user(name));
            assert_eq!(created.body["userName"], *name, "shown as it was sent");
            let other = scim.post("/Users", &user("ole")).id();
            for twin in NAMES {
                check_refused(&scim.post("/Users", &user(twin)), 409, Some("uniqueness"));
                let rename = json!([{"op": "replace", "path": "userName", "value": twin}]);
                let path = format!("/Users/{other}");
                check_refused(&scim.patch(&path, &rename), 409, Some("uniqueness"));
                check_refused(&scim.put(&path, &user(twin)), 409, Some("uniqueness"));
                for filter in [
                    format!("userName eq \"{twin}\""),
                    format!("userName sw \"{}\"", &twin[..twin.find('g').unwrap_or(5)]),
                    format!("userName co \"{}\"", twin.split('@').next().unwrap()),
                    format!("not (userName ne \"{twin}\")"),
                    format!("active eq true and userName eq \"{twin}\""),
                ] {
                    let found = scim.get(&format!("/Users?filter={}", encoded(&filter))).body;
                    assert_eq!(ids(&found), [created.id()], "{filter}");
                }
            }
            // The account itself may change its spelling, which is a change of the shown value.
            let twin = NAMES[(place + 1) % NAMES.len()];
            let renamed = scim.put(&format!("/Users/{}", created.id()), &user(twin));
            assert_eq!((renamed.status, &renamed.body["userName"]), (200, &json!(twin)));
            check_refused(&scim.post("/Users", &user(name)), 409, Some("uniqueness"));
            assert_eq!(scim.delete(&format!("/Users/{}", created.id())).status, 204);
            assert_eq!(scim.post("/Users", &user(name)).status, 201, "the name is free again");
        });
    }
}

#[test]
fn names_of_groups_and_e_mails_are_compared_alike() {
    served_with(json!({"unique_group_names": true}), |scim| {
        let crew = scim.post("/Groups", &group("R\u{f8}rv\u{e5}gens Ma\u{308}ste"));
        let twin = "r\u{f8}rva\u{30a}gens m\u{e4}ste";
        check_refused(&scim.post("/Groups", &group(twin)), 409, Some("uniqueness"));
        let find = |filter: String| {
            let path = format!("/?filter={}", encoded(&filter));
            scim.get(&path).body
        };
        assert_eq!(ids(&find(format!("displayName eq \"{twin}\""))), [crew.id()]);
        let mut mira = user("mira");
        mira["emails"] = json!([{"type": "work", "value": NAMES[1]}]);
        mira["externalId"] = NAMES[1].into();
        let id = scim.post("/Users", &mira).id();
        for name in NAMES {
            assert_eq!(ids(&find(format!("emails eq \"{name}\""))), [id.as_str()], "{name}");
            let element = format!("emails[type eq \"work\" and value eq \"{name}\"]");
            assert_eq!(ids(&find(element)), [id.as_str()], "{name}");
        }
        // externalId is caseExact (RFC 7643 §3.1).
        let none: [&str; 0] = [];
        assert_eq!(ids(&find(format!("externalId eq \"{}\"", NAMES[0]))), none);
        assert_eq!(ids(&find(format!("externalId eq \"{}\"", NAMES[1]))), [id.as_str()]);
        // The same value in another form is the existing element.
        let add = json!([{"op": "add", "path": "emails",
            "value": [{"type": "work", "value": NAMES[0]}]}]);
        let patched = scim.patch(&format!("/Users/{id}"), &add);
        assert_eq!(patched.body["emails"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn lists_are_sorted_independently_of_the_normal_form() {
    served(|scim| {
        let names = ["z\u{f6}e", "zo\u{308}f", "z\u{f6}g", "zzz", "zo"];
        for name in names {
            assert_eq!(scim.post("/Users", &user(name)).status, 201);
        }
        let sorted = scim.get("/Users?sortBy=userName&attributes=userName").body;
        let shown = sorted["Resources"].as_array().unwrap().iter();
        let shown: Vec<_> = shown.map(|one| one["userName"].as_str().unwrap()).collect();
        assert_eq!(shown, ["zo", "zzz", "z\u{f6}e", "zo\u{308}f", "z\u{f6}g"]);
    });
}

/// The holder of a name is found by every form of it, at any time.
#[test]
fn questions_find_a_name_in_every_normal_form() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let created = scim.post("/Users", &user(NAMES[1]));
    let id = created.id();
    let ask = |name: &str, at: &str| {
        let path = format!("/api/v1/apps/boat/users/userName:{}{at}", encoded(name));
        server.admin().get(&path).body["resource"]["id"].clone()
    };
    let then = encoded(created.body["meta"]["created"].as_str().unwrap());
    for name in NAMES {
        assert_eq!(ask(name, ""), id.as_str(), "{name}");
    }
    let rename = json!([{"op": "replace", "path": "userName", "value": "mira"}]);
    assert_eq!(scim.patch(&format!("/Users/{id}"), &rename).status, 200);
    for name in NAMES {
        assert_eq!(ask(name, &format!("?at={then}")), id.as_str(), "{name}");
    }
    assert_eq!(ask("mira", ""), id.as_str());
    // A lookup in one form and a create in the other have the same subject.
    let filter = encoded("userName eq \"A\u{30a}sa\"");
    assert_eq!(scim.get(&format!("/Users?filter={filter}")).body["totalResults"], 0);
    let asa = scim.post("/Users", &user("\u{c5}sa")).id();
    let rows = server.admin().rows(&format!("/api/v1/operations?app=boat&resource={asa}"));
    let asked: Vec<&Value> = rows.iter().map(|row| &row["action"]).collect();
    assert_eq!(rows.len(), 2, "the lookup and the creation: {asked:?}");
    server.stop();
}

#[test]
fn a_body_is_json_in_utf_8_with_or_without_a_mark() {
    served(|scim| {
        let json = user("j\u{fc}rgen").to_string();
        let marked = [b"\xef\xbb\xbf", json.as_bytes()].concat();
        let created = scim.send("POST", "/Users", &[], &marked).unwrap();
        assert_eq!((created.status, &created.body["userName"]), (201, &json!("j\u{fc}rgen")));
        let latin_1: Vec<u8> = json.chars().map(|c| c as u8).collect();
        let refused = scim.send("POST", "/Users", &[], &latin_1).unwrap();
        check_refused(&refused, 400, Some("invalidSyntax"));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("not UTF-8") && detail.contains("line 1, column"), "{detail}");
        let utf_16: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let utf_16 = [b"\xfe\xff".as_slice(), &utf_16].concat();
        let refused = scim.send("POST", "/Users", &[], &utf_16).unwrap();
        assert!(refused.body["detail"].as_str().unwrap().contains("not UTF-8"), "{refused:?}");
        let twice = [b"\xef\xbb\xbf", marked.as_slice()].concat();
        check_refused(
            &scim.send("POST", "/Users", &[], &twice).unwrap(),
            400,
            Some("invalidSyntax"),
        );
        // In a query too, where the replacement character would find nothing.
        let latin_1 = scim.get("/Users?filter=userName%20eq%20%22j%FCrgen%22");
        check_refused(&latin_1, 400, Some("invalidFilter"));
        let mark_alone = scim.send("POST", "/Users", &[], b"\xef\xbb\xbf").unwrap();
        check_refused(&mark_alone, 400, Some("invalidSyntax"));
    });
}
