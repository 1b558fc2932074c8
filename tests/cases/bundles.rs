//! Bundles: what the server answers, derived again from a file, the key and nothing else.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::server::{Client, Server, encoded, provlog, run, user};

/// What the verifier prints of a file: exit code, all of it, and the rows of its table.
fn verified(file: &Path, key: &str) -> (i32, String, Vec<Vec<String>>) {
    let output = run(provlog().arg("verify-evidence").arg(file).args(["--key", key]));
    let told = String::from_utf8(output.stdout).unwrap();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let table = told.split("\n\n").nth(1).unwrap_or_default();
    let rows = table.lines().skip(1).map(words).collect();
    (output.status.code().unwrap(), told + &String::from_utf8_lossy(&output.stderr), rows)
}

/// The second column of a table: the event since which something is so.
fn since(rows: &[Vec<String>]) -> Vec<u64> {
    let mut all: Vec<u64> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
    all.sort_unstable();
    all
}

fn numbers(rows: &[Value], member: &str) -> Vec<u64> {
    let mut all: Vec<u64> = rows.iter().map(|row| row[member].as_u64().unwrap()).collect();
    all.sort_unstable();
    all
}

/// Asks for a bundle by the command, and verifies it.
fn bundle(server: &Server, folder: &Path, key: &str, words: &[&str]) -> (String, Vec<Vec<String>>) {
    let file = folder.join(words.join("-").replace(['/', ':'], "_"));
    let arguments =
        [&["bundle"], words, &["--app", "boat", "--out", file.to_str().unwrap()]].concat();
    let made = server.command(&arguments);
    assert!(made.status.success(), "{words:?}: {made:?}");
    let (code, told, rows) = verified(&file, key);
    assert_eq!(code, 0, "{words:?}: {told}");
    (told, rows)
}

fn group(scim: &Client, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let created = scim.post("/Groups", &json!({"displayName": name, "members": members}));
    assert_eq!(created.status, 201, "{created:?}");
    created.id()
}

#[test]
fn every_answer_is_derived_from_the_file_and_the_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data);
    let boat = server.add_app("boat");
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &boat.token);
    let ids: Vec<String> =
        ["mira", "ole", "kari"].map(|name| scim.post("/Users", &user(name)).id()).into();
    let crew = group(&scim, "Crew", &[&ids[0], &ids[1]]);
    group(&scim, "Deck", &[&ids[1]]);
    let change = scim.patch(
        &format!("/Users/{}", ids[2]),
        &json!([{"op": "replace", "path": "active", "value": false}]),
    );
    assert!(change.status < 300, "{change:?}");
    let admin = server.admin();
    let last = admin.get("/api/v1/operations?limit=1").body["rows"][0].clone();
    let (then, operation) = (last["recordedAt"].as_str().unwrap(), last["seq"].to_string());
    // What happens later must not count.
    let path = format!("/Groups/{crew}");
    let left = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[0])}]);
    assert!(scim.patch(&path, &left).status < 300);
    assert_eq!(scim.delete(&format!("/Users/{}", ids[1])).status, 204);
    let key = admin.post("/api/v1/checkpoint", &json!({})).body["keys"][0].clone();
    let key = key.as_str().unwrap();

    for round in ["as it runs", "after a start"] {
        if round == "after a start" {
            server.stop();
            server = Server::start(&data);
        }
        let server = &server;
        let admin = server.admin();
        let out = folder.path().join(round);
        fs::create_dir(&out).unwrap();
        let make = |words: &[&str]| bundle(server, &out, key, words);
        for at in [Some(then), None] {
            let with = |words: &[&str]| {
                let at = at.map_or_else(Vec::new, |at| vec!["--at", at]);
                make(&[words, &at].concat())
            };
            let ask = |path: &str| {
                let at = at.map_or_else(String::new, |at| format!("?at={}", encoded(at)));
                admin.get(&format!("/api/v1/apps/boat/{path}{at}")).body
            };
            let (told, members) = with(&["members", "Crew"]);
            let asked = ask("groups/displayName%3ACrew/members");
            let expected = numbers(asked["rows"].as_array().unwrap(), "addedBySeq");
            assert_eq!(since(&members), expected, "{round}, {at:?}: {told}");
            assert_eq!(members.len(), if at.is_some() { 2 } else { 0 }, "{round}: {told}");
            assert!(told.contains("Complete: no change is missing"), "{told}");
            let (told, groups) = with(&["groups", &ids[1]]);
            assert_eq!(groups.len(), if at.is_some() { 2 } else { 0 }, "{round}: {told}");
            let (told, users) = with(&["users"]);
            let asked = ask("users");
            let expected = numbers(asked["rows"].as_array().unwrap(), "createdSeq");
            assert_eq!(since(&users), expected, "{round}, {at:?}: {told}");
            let inactive = users.iter().filter(|row| row[2] == "-").count();
            assert_eq!(inactive, 1, "{told}");
            let (told, one) = with(&["user", &ids[1], "--values"]);
            let exists = if at.is_some() { "yes" } else { "no" };
            assert_eq!(one[0][1], exists, "{round}: {told}");
            assert!(told.contains("recorded as state, userName: \"ole\"\n"), "{told}");
            let (told, why) = with(&["why", &ids[1]]);
            let actions: Vec<&str> = why.iter().map(|row| row[3].as_str()).collect();
            let expected: &[&str] = if at.is_some() { &["create"] } else { &["create", "delete"] };
            assert_eq!(actions, expected, "{round}: {told}");
        }
        let (told, step) = make(&["operation", &operation, "--values"]);
        assert_eq!(step[0][0], operation, "{told}");
        assert!(told.contains("recorded as body"), "{told}");
        let (told, _) = make(&["operation", &operation]);
        assert!(!told.contains("recorded as"), "{told}");
    }
    // One byte of a file, another key.
    let file = folder.path().join("as it runs").join("users");
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(verified(&file, other).0, 1);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (code, told, _) = verified(&file, key);
    assert_eq!(code, 1, "{told}");
}

#[test]
fn a_bundle_is_of_a_past_instant_and_for_who_may_see_the_application() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let boat = server.add_app("boat");
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &boat.token);
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    server.add_app("raft");
    let admin = server.admin();
    let token_of = |app: &str| {
        let body = json!({"role": "app-auditor", "application": app});
        let issued = admin.post("/api/v1/tokens", &body);
        admin.with_token(issued.body["token"].as_str().unwrap())
    };
    let path = "/api/v1/apps/boat/bundles/users";
    assert_eq!(token_of("raft").get(path).status, 404);
    assert_eq!(token_of("boat").get(path).status, 200);
    let refused = |query: &str, words: &str| {
        let answer = admin.get(&format!("/api/v1/apps/boat/bundles/{query}"));
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "{answer:?}");
    };
    refused("users?at=9000-01-01", "past");
    refused("users?subject=mira", "nothing");
    refused("members", "what the bundle is about");
    assert_eq!(admin.get("/api/v1/apps/boat/bundles/user?subject=userName%3Anobody").status, 404);
    // Before the first event there was nobody.
    let early = admin.get("/api/v1/apps/boat/bundles/users?at=2001-01-01");
    assert_eq!((early.status, &early.body["atSeq"]), (200, &Value::Null));
    server.stop();
    // What was claimed by then is what the log says.
    let verify = run(provlog().args(["verify", "--deep", "--data"]).arg(&data));
    let told = String::from_utf8_lossy(&verify.stdout);
    assert!(verify.status.success(), "{verify:?}");
    assert!(told.contains("All commitments are to the states that the log gives."), "{told}");
}
