//! The public SCIM test suites, each against a server with a single application.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::server::{Server, run};

/// Runs a suite against a new application and returns how many of its checks passed and failed.
#[expect(clippy::print_stdout, reason = "tools/test shows the report")]
fn suite(name: &str, settings: &Value) -> (u32, u32) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let added =
        server.admin().post("/api/v1/apps", &json!({"application": "suite", "settings": settings}));
    assert_eq!(added.status, 201, "{}", added.text);
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");
    let output = run(Command::new(format!("{scripts}/{name}"))
        .env("BASE_URL", added.body["tenantUrl"].as_str().unwrap())
        .env("TOKEN", added.body["secretToken"].as_str().unwrap()));
    let report = String::from_utf8(output.stdout).unwrap();
    println!("{name}:\n{report}");
    let counts = report.lines().last().and_then(|line| {
        let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some((passed.parse().ok()?, failed.parse().ok()?))
    });
    let (passed, failed) = counts.unwrap_or_else(|| {
        panic!("{name} told no counts: {}", String::from_utf8_lossy(&output.stderr))
    });
    assert_eq!(output.status.success(), failed == 0, "{name}: {report}");
    (passed, failed)
}

#[test]
fn scim2_tester_finds_nothing() {
    let (passed, failed) = suite("scim2-tester", &json!({"patch_response": "representation"}));
    assert_eq!(failed, 0);
    // The suite skips checks of features that a server does not announce: fewer checks mean a lost
    // feature.
    assert!(passed >= 135, "only {passed} checks");
}

#[test]
fn scim_sanity_finds_nothing() {
    let settings = json!({
        "patch_miss": "error",
        "lenient_booleans": false,
        "require_schemas": true,
        "patch_response": "representation",
    });
    let (passed, failed) = suite("scim-sanity", &settings);
    assert_eq!(failed, 0);
    assert!(passed >= 28, "only {passed} checks");
}
