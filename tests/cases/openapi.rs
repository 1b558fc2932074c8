//! The OpenAPI document: two public validators find nothing in it, and a public tester that asks the
//! server everything that it describes finds no answer that it does not.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use answers::Place;
use serde_json::{Map, Value, json};

use crate::harness::repetitions;
use crate::harness::samples::Samples;
use crate::harness::server::{Server, group, run, user};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");

/// The folder that a script prints when it has installed something.
fn installed(script: &str, name: &str) -> String {
    let output = run(Command::new(format!("{SCRIPTS}/{script}")).arg(name));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn two_public_validators_find_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let answer = server.admin().with_token("none").get("/openapi.json");
    assert_eq!(answer.status, 200, "it needs no token");
    let path = folder.path().join("openapi.json");
    std::fs::File::create(&path).unwrap().write_all(answer.text.as_bytes()).unwrap();

    let python = installed("venv", "openapi");
    let output = run(Command::new(format!("{python}/openapi-spec-validator")).arg(&path));
    assert!(output.status.success(), "{output:?}");

    let modules = installed("node", "openapi");
    let output = run(Command::new("node")
        .arg(format!("{SCRIPTS}/openapi.mjs"))
        .arg(&path)
        .env("MODULES", modules));
    assert!(output.status.success(), "{output:?}");
}

/// How many answers each operation had, by status.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

#[test]
fn every_answer_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let (behind, data) = (folder.path().join("upstream"), folder.path().join("data"));
    let upstream = Server::start(&behind);
    let server = Server::start(&data);
    let admin = server.admin();
    let token_file = data.join("upstream.token");
    let target = upstream.add_app("raft");
    write_private(&token_file, &target.token);
    let proxied = json!({"application": "raft", "upstream": {
        "url": target.base(), "tokenFile": token_file,
    }});
    assert_eq!(admin.post("/api/v1/apps", &proxied).status, 201);

    // Somebody to ask about.
    let boat = server.add_app("boat");
    let mira = boat.post("/Users", &user("mira@fjord.example")).id();
    for name in ["Crew", "Deck"] {
        let mut group = group(name);
        group["members"] = json!([{"value": mira}]);
        assert_eq!(boat.post("/Groups", &group).status, 201);
    }
    // Names that nobody has, of which some are erased and held.
    for index in 0..10 {
        let filter = format!("userName eq \"x{index}\"");
        assert_eq!(boat.query("/Users", &[("filter", &filter)]).status, 200);
    }
    let held = json!({"application": "boat", "numbers": [10], "reason": "case 1"});
    assert_eq!(admin.post("/api/v1/subjects/hold", &held).status, 200);
    let list = b"userName,terminatedAt\nmira@fjord.example,2026-01-01\n";
    let path = "/api/v1/reference-lists?name=staff";
    assert_eq!(admin.send("POST", path, &[], list).unwrap().status, 201);
    let saved = json!({"name": "weekly", "question": "/api/v1/apps/boat/groups"});
    assert_eq!(admin.post("/api/v1/saved-questions", &saved).status, 201);
    let review = json!({"question": "/api/v1/apps/boat/matrix", "outcome": "approved"});
    let review = admin.post("/api/v1/reviews", &review);
    assert_eq!(review.status, 201);
    let sacrificial = admin.post("/api/v1/tokens", &json!({"role": "auditor"}));
    let operations = admin.rows("/api/v1/operations?app=boat");
    let created = operations.iter().find(|row| row["operation"] == "POST User").unwrap();

    // Nobody guesses what there is to ask about.
    let samples = Samples {
        app: "boat",
        user: "userName:mira@fjord.example",
        group: "displayName:Crew",
        groups: "displayName:Crew,displayName:Deck",
        list: "staff",
        saved: "weekly",
        token: sacrificial.body["id"].as_str().unwrap().to_owned(),
        operation: created["seq"].to_string(),
        review: review.body["seq"].to_string(),
    };
    let mut values = json!({"query.app": "boat", "query.list": "staff"});
    let questions = answers::all().iter().map(|one| &one.parameters);
    for parameters in questions.chain(answers::act::acts().iter().map(|one| &one.parameters)) {
        for (parameter, value) in samples.needed(parameters) {
            let place = if parameter.place == Place::Path { "path" } else { "query" };
            values[format!("{place}.{}", parameter.name)] = value.into();
        }
    }
    // A look needs an upstream.
    let looks = ["baseline", "drift"]
        .map(|what| (format!("/api/v1/apps/{{app}}/{what}"), json!({"path.app": "raft"})));
    let mut own: Map<String, Value> = looks.into_iter().collect();
    // The same name has another meaning there.
    own.insert("/api/v1/apps/{app}/imports".to_owned(), json!({"query.list": "others"}));
    let examples = repetitions("PROVLOG_TEST_EXAMPLES", 15);
    let phases = match examples {
        0..=15 => "examples,coverage,fuzzing",
        _ => "examples,coverage,fuzzing,stateful",
    };
    let python = installed("venv", "openapi");
    let output = run(Command::new(format!("{python}/python"))
        .arg(format!("{SCRIPTS}/openapi.py"))
        .env("BASE_URL", &server.url)
        .env("TOKEN", &admin.token)
        .env("VALUES", values.to_string())
        .env("OPERATIONS", Value::from(own).to_string())
        .env("EXAMPLES", examples.to_string())
        .env("PHASES", phases));
    let report = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}\n{stderr}");

    // An operation that never succeeded was not looked at.
    let counts: Counts = serde_json::from_str(report.lines().last().unwrap()).unwrap();
    let questions = answers::all().iter().map(|one| ("GET", one.path));
    let acts = answers::act::acts().iter().map(|one| (one.method.name(), one.path));
    for (method, path) in questions.chain(acts) {
        let name = format!("{method} {path}");
        let by_status = counts.get(&name).unwrap_or_else(|| panic!("{name} was not asked"));
        let succeeded = by_status.iter().any(|(status, _)| status.starts_with('2'));
        assert!(succeeded, "{name} never succeeded: {by_status:?}");
    }
}

/// A file that only its owner reads.
fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
