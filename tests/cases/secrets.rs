//! No token, password or personal data where it does not belong: log lines, metrics, error bodies,
//! and, for what is secret, the stored files.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::server::{Server, patch};

const PASSWORD: &str = "hunter2-Zx9-secret";
const EMAIL: &str = "planted.person@fjord.example";
const FAMILY: &str = "Plantedfamily";

#[test]
fn planted_secrets_and_people_are_in_no_log_line_metric_or_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with(&data, &["--log", "debug"], &[]).unwrap();
    let scim = server.add_app("boat");
    let admin = server.admin();
    let foreign = scim.with_token("plg_foreign_token_of_somebody");
    let person = json!({
        "userName": EMAIL,
        "password": PASSWORD,
        "name": {"familyName": FAMILY},
        "emails": [{"type": "work", "value": EMAIL}],
    });
    let mut errors = Vec::new();
    let id = scim.post("/Users", &person).id();
    errors.push(scim.post("/Users", &person)); // taken
    errors.push(foreign.post("/Users", &person));
    errors.push(scim.post("/Users", &json!({"userName": EMAIL, "active": EMAIL})));
    errors.push(scim.post("/Users", &json!({"password": PASSWORD, "emails": [EMAIL]})));
    errors.push(scim.put(&format!("/Users/{EMAIL}"), &person));
    errors.push(scim.get(&format!("/Users/{EMAIL}")));
    errors.push(scim.get(&format!("/Users?filter=password%20eq%20%22{PASSWORD}%22")));
    errors.push(scim.get(&format!("/Users?filter=userName%20zz%20%22{EMAIL}%22")));
    errors.push(scim.get(&format!("/{EMAIL}")));
    let broken = format!("{{\"userName\": \"{EMAIL}\", \"password\": \"{PASSWORD}\"");
    errors.push(scim.send("POST", "/Users", &[], broken.as_bytes()).unwrap());
    let twice = format!("{{\"{EMAIL}\": 1, \"{EMAIL}\": \"{PASSWORD}\"}}");
    errors.push(scim.send("POST", "/Users", &[], twice.as_bytes()).unwrap());
    for path in
        ["emails[value zz \"x\"]", &format!("emails[value eq \"{EMAIL}\"].nope.nope"), EMAIL]
    {
        let operations = json!([{"op": "replace", "path": path, "value": {"a": EMAIL}}]);
        let answer = scim.patch(&format!("/Users/{id}"), &operations);
        if answer.status >= 400 {
            errors.push(answer);
        }
    }
    let password = json!([
        {"op": "replace", "path": "password", "value": PASSWORD},
        {"op": "replace", "value": {"Password": PASSWORD, "title": "Clerk"}},
    ]);
    assert_eq!(scim.patch(&format!("/Users/{id}"), &password).status, 200);
    errors.push(admin.get(&format!("/api/v1/apps/boat/users/{EMAIL}")));
    errors.push(admin.get(&format!("/api/v1/operations?userName={EMAIL}")));
    errors.push(admin.with_token(PASSWORD).get("/api/v1/operations"));
    errors.push(admin.post("/api/v1/apps", &json!({"application": EMAIL})));
    assert_eq!(scim.get(&format!("/Users?access_token={}", scim.token)).status, 200);

    // What clients do wrong: passwords under odd names, tokens where none belongs.
    let token = &scim.token;
    let escaped = token.replace('p', "%70");
    for path in [
        format!("/Users/{token}"),
        format!("/Users/{escaped}"),
        format!("/Users?filter=userName%20eq%20%22{token}%22"),
        format!("/Users?count=1;password={PASSWORD}"),
        format!("/Users?%20password={PASSWORD}&filter=password%5Bvalue%20eq%20%22{PASSWORD}%22%5D"),
    ] {
        let headers = [("user-agent", token.as_str()), ("x-request-id", token)];
        let answer = scim.send("GET", &path, &headers, b"").unwrap();
        assert!(answer.status >= 400 || path.contains("password"), "{path}");
        assert_ne!(answer.header("x-request-id"), token);
    }
    let bodies = [
        json!({"userName": token}),
        json!({"userName": "a", " password": PASSWORD, "password\t": PASSWORD}),
        json!({"userName": "b", "password[x eq \"a:b\"]": PASSWORD}),
    ];
    for body in bodies {
        let media = format!("application/json;password={PASSWORD}");
        let headers = [("content-type", media.as_str())];
        scim.send("POST", "/Users", &headers, body.to_string().as_bytes()).unwrap();
    }
    for path in [" password", "password[x eq \"a:b\"]", "/password", "password=", "\"password\""] {
        let operations = json!([
            {"op": "replace", "path": path, "value": PASSWORD},
            {"op": "remove", "path": format!("password[value eq \"{PASSWORD}\"]")},
        ]);
        scim.patch(&format!("/Users/{id}"), &operations);
    }

    let secrets = [PASSWORD, &scim.token, &admin.token, &foreign.token];
    let people = [EMAIL, FAMILY, "planted.person"];
    let absent = |what: &str, text: &str, words: &[&str]| {
        for word in words {
            assert!(!text.contains(word), "{what} shows {word}: {text}");
        }
    };
    for error in &errors {
        assert!(error.status >= 400, "{error:?}");
        absent("an error", &error.text, &secrets);
        absent("an error", &error.text, &people);
    }
    let metrics = admin.get("/metrics").text;
    assert!(metrics.contains("provlog_scim_request_duration_seconds"), "{metrics}");
    absent("a metric", &metrics, &secrets);
    absent("a metric", &metrics, &people);
    let lines = server.log_lines();
    assert!(lines.contains("scim request"), "{lines}");
    absent("a log line", &lines, &secrets);
    absent("a log line", &lines, &people);

    // What the operation shows has its cuts, and what is on disk too.
    for row in admin.rows("/api/v1/operations") {
        let detail = admin.get(&format!("/api/v1/operations/{}", row["seq"])).text;
        absent("an operation", &detail, &secrets);
    }
    server.stop();
    let admin_token = data.join("admin.token");
    each_file(&data, &mut |path, bytes| {
        for secret in secrets {
            if path != admin_token {
                let found = bytes.windows(secret.len()).any(|at| at == secret.as_bytes());
                assert!(!found, "{} holds {secret}", path.display());
            }
        }
    });
}

/// The stored body is the received one, with `null` where a secret was.
#[test]
fn the_stored_body_is_what_was_received_with_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let body = json!({"userName": "mira", "PASSWORD": PASSWORD, "unheardOf": {"x": [1, 2]}});
    let headers = [("x-request-id", "stored-1")];
    let answer = scim.send("POST", "/Users", &headers, body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 201);
    assert!(answer.body.get("password").is_none() && answer.body.get("unheardOf").is_none());
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": answer.id(), "display": FAMILY}]}]);
    let group_id = scim.post("/Groups", &json!({"displayName": "Crew"})).id();
    let headers = [("x-request-id", "stored-2")];
    let path = format!("/Groups/{group_id}");
    let sent = patch(&operations).to_string();
    assert_eq!(scim.send("PATCH", &path, &headers, sent.as_bytes()).unwrap().status, 204);

    let stored = |request_id: &str| {
        let admin = server.admin();
        let row = admin.rows(&format!("/api/v1/operations?requestId={request_id}")).remove(0);
        admin.get(&format!("/api/v1/operations/{}", row["seq"])).body["resource"]["request"]["body"]
            .clone()
    };
    let expected = json!({"userName": "mira", "PASSWORD": null, "unheardOf": {"x": [1, 2]}});
    assert_eq!(stored("stored-1"), expected);
    assert_eq!(stored("stored-2")["Operations"][0]["value"][0]["display"], json!(null));
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, visit);
        } else {
            visit(&path, &fs::read(&path).unwrap());
        }
    }
}
