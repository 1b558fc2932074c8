//! The commands that other programs rely on, and their errors.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;

use crate::harness::server::{Client, Server, provlog, run, user};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn refused(output: &Output, code: i32, words: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let line = text(&output.stderr);
    assert!(line.contains(words), "{line}");
    assert!(output.stdout.is_empty());
}

#[test]
fn an_application_and_tokens_are_added_to_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let token_file = data.join("admin.token");
    let token = std::fs::read_to_string(&token_file).unwrap();
    assert_eq!(token.lines().count(), 1);
    assert_eq!(std::fs::metadata(&token_file).unwrap().permissions().mode() & 0o777, 0o600);

    let added = server.command(&["app", "add", "paperboat", "--profile", "generic", "--json"]);
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!(added["application"], "paperboat");
    assert_eq!(added["tenantUrl"], format!("{}/apps/paperboat/scim/v2", server.url));
    let scim =
        Client::new(added["tenantUrl"].as_str().unwrap(), added["secretToken"].as_str().unwrap());
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);

    let readable = server.command(&["app", "add", "second"]);
    assert!(text(&readable.stdout).contains("Secret token  plg_"), "{readable:?}");
    refused(&server.command(&["app", "add", "second"]), 2, "already there");
    refused(&server.command(&["app", "add", "Not A Slug"]), 2, "application");
    refused(&server.command(&["app", "add", "third", "--profile", "nope"]), 2, "profile");

    let auditor = server.command(&["token", "add", "--role", "auditor", "--json"]);
    let auditor: Value = serde_json::from_slice(&auditor.stdout).unwrap();
    assert_eq!(auditor["role"], "auditor");
    let auditor = Client::new(&server.url, auditor["token"].as_str().unwrap());
    assert_eq!(auditor.get("/api/v1/apps").status, 200);
    let body = serde_json::json!({"application": "fourth"});
    assert_eq!(auditor.post("/api/v1/apps", &body).status, 403);
    // Rotation: a second secret token while the first still works.
    let second =
        server.command(&["token", "add", "--role", "scim", "--app", "paperboat", "--json"]);
    let second: Value = serde_json::from_slice(&second.stdout).unwrap();
    let second = scim.with_token(second["token"].as_str().unwrap());
    assert_eq!(second.get("/Users").body["totalResults"], 1);
    assert_eq!(scim.get("/Users").body["totalResults"], 1);
    server.stop();
}

#[test]
fn wrong_commands_end_with_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let command = |arguments: &[&str]| run(provlog().current_dir(folder.path()).args(arguments));
    refused(&command(&["serve", "--listen", "nowhere"]), 2, "--listen");
    refused(&command(&["serve", "--memtable-bytes", "1"]), 2, "--memtable-bytes");
    refused(&command(&["serve", "--public-url", "example"]), 2, "--public-url");
    refused(&command(&["serve", "--log", "a=b=c"]), 2, "--log");
    refused(&command(&["fly"]), 2, "fly");
    refused(&command(&["app", "add", "x"]), 2, "a token is missing");
    let unreachable = ["app", "add", "x", "--token", "t", "--server", "http://127.0.0.1:1"];
    refused(&command(&unreachable), 1, "is the server running?");
    let data = absent.to_str().unwrap();
    refused(&command(&["digest", "--data", data]), 1, "holds no log");
    refused(&command(&["rebuild", "--data", data]), 1, "holds no log");
    assert!(!absent.exists(), "asking makes nothing");
    assert!(!folder.path().join("data").exists(), "a wrong serve opens nothing");
}

#[test]
fn a_folder_in_use_and_a_port_in_use_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let second = Server::start_with(&data, &[], &[]).err().unwrap();
    assert!(second.contains("in use by another process"), "{second}");
    let address = server.url.trim_start_matches("http://");
    let other = folder.path().join("other");
    let output = run(provlog().args(["serve", "--listen", address, "--data"]).arg(&other));
    refused(&output, 1, "cannot listen on");
    assert!(!other.exists(), "nothing was opened");
}

#[test]
fn the_recorded_client_address_comes_from_a_trusted_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let address = |flags: &[&str], data: &str| {
        let server = Server::start_with(&folder.path().join(data), flags, &[]).unwrap();
        let scim = server.add_app("boat");
        let headers = [("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
        scim.send("GET", "/Users", &headers, b"").unwrap();
        server.admin().rows("/api/v1/operations")[0]["sourceIp"].clone()
    };
    assert_eq!(address(&[], "plain"), "127.0.0.1");
    assert_eq!(address(&["--trusted-proxies", "127.0.0.0/8,::1"], "behind"), "198.51.100.7");
}
