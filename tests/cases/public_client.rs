//! A public client: `scim2` of the Python package scim2-cli.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::server::{Client, Server, run};

/// Runs one `scim2` command and returns what it printed.
fn scim2(clients: &Path, scim: &Client, arguments: &[&str]) -> Value {
    let output = run(Command::new(clients.join("scim2"))
        .args(["--url", scim.base()])
        .env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {}", scim.token))
        .args(arguments));
    assert!(output.status.success(), "scim2 {arguments:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    if text.trim().is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("scim2 {arguments:?} printed {text}"))
}

#[test]
fn a_public_client_creates_reads_changes_and_deletes_and_each_request_is_recorded() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/clients");
    let installed = run(&mut Command::new(script));
    assert!(installed.status.success(), "{installed:?}");
    let clients = String::from_utf8(installed.stdout).unwrap();
    let clients = Path::new(clients.trim());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let call = |arguments: &[&str]| scim2(clients, &scim, arguments);
    let id = |resource: &Value| resource["id"].as_str().unwrap().to_owned();

    let mira = call(&[
        "create",
        "user",
        "--user-name",
        "mira.lund@fjord.example",
        "--display-name",
        "Mira Lund",
    ]);
    let mira_id = id(&mira);
    assert_eq!(mira["active"], true);
    let nils_id = id(&call(&["create", "user", "--user-name", "nils.berg@fjord.example"]));
    let read = call(&["query", "user", &mira_id]);
    assert_eq!(read["userName"], "mira.lund@fjord.example");
    let found = call(&["query", "user", "--filter", "userName eq \"MIRA.lund@fjord.example\""]);
    assert_eq!(found["totalResults"], 1);

    let changed = call(&[
        "modify",
        "user",
        &mira_id,
        "replace",
        "title",
        "Clerk",
        "add",
        "emails",
        r#"[{"type": "work", "value": "mira.lund@fjord.example"}]"#,
    ]);
    assert_eq!(changed["title"], "Clerk");
    assert_eq!(changed["emails"][0]["type"], "work");
    call(&["replace", "user", "--id", &nils_id, "--user-name", "nils.b@fjord.example"]);
    assert_eq!(call(&["query", "user", &nils_id])["userName"], "nils.b@fjord.example");

    let crew_id = id(&call(&["create", "group", "--display-name", "Harbour crew"]));
    let join = format!(r#"[{{"value": "{mira_id}"}}, {{"value": "{nils_id}"}}]"#);
    call(&["modify", "group", &crew_id, "add", "members", &join]);
    let leave = format!("members[value eq \"{nils_id}\"]");
    call(&["modify", "group", &crew_id, "remove", &leave]);
    let crew = call(&["query", "group", &crew_id]);
    assert_eq!(crew["members"].as_array().unwrap().len(), 1);
    assert_eq!(crew["members"][0]["value"], mira_id.as_str());
    call(&["delete", "user", &nils_id]);
    call(&["delete", "group", &crew_id]);
    assert_eq!(call(&["query", "user"])["totalResults"], 1);

    // Each command was recorded. The client also reads discovery at every start.
    let operations = server.admin().rows("/api/v1/operations?app=boat");
    let mut seen: Vec<(String, String, u64)> = operations
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            (text("operation"), text("effect"), row["httpStatus"].as_u64().unwrap())
        })
        .filter(|(operation, _, _)| operation.ends_with(" User") || operation.ends_with(" Group"))
        .collect();
    seen.reverse(); // oldest first
    let seen: Vec<(&str, &str, u64)> =
        seen.iter().map(|(operation, effect, status)| (&**operation, &**effect, *status)).collect();
    assert_eq!(
        seen,
        [
            ("POST User", "applied", 201),
            ("POST User", "applied", 201),
            ("GET User", "read", 200),
            ("GET User", "read", 200),
            ("PATCH User", "applied", 200),
            ("PUT User", "applied", 200),
            ("GET User", "read", 200),
            ("POST Group", "applied", 201),
            ("PATCH Group", "applied", 204),
            ("PATCH Group", "applied", 204),
            ("GET Group", "read", 200),
            ("DELETE User", "applied", 204),
            ("DELETE Group", "applied", 204),
            ("GET User", "read", 200),
        ]
    );
    for row in &operations {
        assert!(row["userAgent"].as_str().unwrap().contains("python"), "{row}");
    }
}
