//! No token, password or personal data in log lines, metrics or error bodies; no secret in the stored
//! files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ::answers::Place;
use event::secret::holds_token;
use serde_json::{Value, json};

use crate::harness::samples::{Address, Samples};
use crate::harness::server::{Answer, Client, Server, patch};
use crate::harness::upstream::Answering;

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

    // Mistakes of clients: passwords under odd names, tokens in wrong places.
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

    // Secrets are cut in the operation's answer and on disk.
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
fn the_stored_body_is_the_received_one_without_secrets() {
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

/// Tokens in every spelling are planted at every address and in every part of a request. They are in no
/// stored byte, answer, log line or metric.
#[test]
fn tokens_planted_everywhere_are_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with(&data, &["--log", "debug"], &[]).unwrap();
    let scim = server.add_app("boat");
    let admin = server.admin();
    let user = scim.post("/Users", &json!({"userName": "mira"})).id();
    assert_eq!(scim.post("/Groups", &json!({"displayName": "Crew"})).status, 201);
    let operation = admin.rows("/api/v1/operations")[0]["seq"].to_string();
    // A different token for each place, so that a leak shows where it came from.
    let mut digits = 0_u64;
    let mut planted: Vec<(String, String)> = vec![];
    let mut plant = |place: &str, spelling: usize| {
        digits += 1;
        let token = format!("plg_{digits:064x}");
        planted.push((place.to_owned(), format!("{digits:064x}")));
        match spelling {
            0 => token,
            1 => token.to_uppercase(),
            2 => token.replacen('p', "%70", 1),
            3 => token.replacen('p', "%2570", 1),
            _ => token.replacen("pl", "\\u0070\\u006c", 1),
        }
    };
    let told = |answer: &Answer| format!("{} {:?}", answer.text, answer.headers);
    let mut answers = vec![];

    // Every address as it is asked, with its own parameters: those that are described, and those that the
    // router's source names.
    let samples = Samples {
        app: "boat",
        user: "userName:mira",
        group: "displayName:Crew",
        groups: "displayName:Crew,displayName:Deck",
        list: "staff",
        saved: "weekly",
        token: "2".to_owned(),
        operation: operation.clone(),
        review: "0".to_owned(),
    };
    let mut addresses: BTreeMap<&str, (Address, BTreeSet<&str>)> = BTreeMap::new();
    let questions = ::answers::all().iter().map(|one| (one.path, &one.parameters));
    let acts = ::answers::act::acts().iter().map(|one| (one.path, &one.parameters));
    for (route, parameters) in questions.chain(acts) {
        let new = || (samples.smallest(route, parameters), BTreeSet::new());
        let (_, names) = addresses.entry(route).or_insert_with(new);
        names.extend(parameters.iter().filter(|one| one.place != Place::Path).map(|one| one.name));
    }
    let router = include_str!("../../crates/query/src/http/mod.rs").split(".route(").skip(1);
    for route in router.filter_map(|rest| rest.split('"').nth(1)) {
        let text = route.replace("{*rest}", "auditLogs/provisioning");
        let other = || (Address { text, is_of_application: false }, BTreeSet::new());
        addresses.entry(route).or_insert_with(other);
    }
    assert!(addresses.len() > 45, "{addresses:?}");
    // What somebody may think that there is.
    let odd = ["filter", "$filter", "$select", "token", "userName", "plg"];
    for (route, (address, names)) in &addresses {
        let real = address.text.as_str();
        // In the place of what it has of that name.
        let with = |pair: &str| {
            let (path, query) = real.split_once('?').unwrap_or((real, ""));
            let name = pair.split_inclusive('=').next().unwrap_or_default();
            let kept = query.split('&').filter(|one| !one.is_empty() && !one.starts_with(name));
            format!("{path}?{}", kept.chain([pair]).collect::<Vec<_>>().join("&"))
        };
        for spelling in 0..4 {
            let mut one = || plant(route, spelling);
            let (token, agent, id) = (one(), one(), one());
            let odd: String = route
                .split('/')
                .map(|part| if part.starts_with('{') { token.as_str() } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let headers = [
                ("user-agent", agent.as_str()),
                ("x-request-id", id.as_str()),
                ("client-request-id", id.as_str()),
            ];
            answers.push(told(&admin.send("GET", &odd, &headers, b"").unwrap()));
            // A token across the limit of 256 bytes.
            let late = format!("{}{}", "a".repeat(220), one());
            let headers = [("user-agent", late.as_str())];
            answers.push(told(&admin.send("GET", real, &headers, b"").unwrap()));
        }
        for (place, name) in names.iter().chain(&odd).enumerate() {
            let token = plant(&format!("{route}?{name}"), place % 4);
            let value = match *name {
                "$filter" => format!("id%20eq%20'{token}'"),
                "question" => format!("apps/boat/users%3Fat%3D{token}"),
                _ => token,
            };
            answers.push(told(&admin.get(&with(&format!("{name}={value}")))));
        }
        for spelling in [0, 1, 4] {
            let token = plant(&format!("POST {route}"), spelling);
            for body in [
                format!("{{\"kind\":\"ticket\",\"ref\":\"{token}\",\"url\":\"{token}\"}}"),
                format!(
                    "{{\"application\":\"{token}\",\"profile\":\"{token}\",\"role\":\"{token}\"}}"
                ),
                format!("userName,email\n{token},{token}\n"),
                format!(
                    "{{\"id\":\"{token}\",\"activityDateTime\":\"2026-01-01T00:00:00Z\",\
                     \"changeId\":\"{token}\",\"sourceIdentity\":{{\"id\":\"{token}\",\
                     \"identityType\":\"User\",\"details\":{{\"UserPrincipalName\":\"{token}\"}}}}}}"
                ),
            ] {
                for path in [real.to_owned(), with("name=staff"), with("run=7")] {
                    // An address that accepts no body closes the connection, so the next request opens
                    // a new one.
                    let fresh = admin.with_token(&admin.token);
                    let answer = fresh.send("POST", &path, &[], body.as_bytes());
                    answers.push(told(&answer.unwrap()));
                }
            }
        }
    }
    // SCIM, where an accepted body becomes state.
    for spelling in 0..5 {
        let mut one = || plant("SCIM", spelling);
        let bodies = [
            format!("{{\"userName\":\"{}\"}}", one()),
            format!("{{\"userName\":\"a{spelling}\",\"title\":\"{}\"}}", one()),
            format!("{{\"userName\":\"b{spelling}\",\"{}\":1}}", one()),
            format!(
                "{{\"userName\":\"c{spelling}\",\"emails\":[{{\"type\":\"{}\",\"value\":\"x\"}}]}}",
                one()
            ),
        ];
        for body in &bodies {
            answers.push(told(&scim.send("POST", "/Users", &[], body.as_bytes()).unwrap()));
            let path = format!("/Users/{user}");
            let patch = format!(
                "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":\
                 [{{\"op\":\"replace\",\"value\":{body}}}]}}"
            );
            answers.push(told(&scim.send("PATCH", &path, &[], patch.as_bytes()).unwrap()));
        }
        let (agent, id, media) = (one(), one(), one());
        let headers = [("user-agent", &*agent), ("x-request-id", &*id), ("content-type", &*media)];
        let target = format!("/Users/{}?filter={}&x={}", one(), one(), one());
        if !target.contains('\\') {
            answers.push(told(&scim.send("GET", &target, &headers, b"{}").unwrap()));
        }
    }

    let metrics = admin.get("/metrics").text;
    let lines = server.log_lines();
    server.stop();
    let mut files = vec![];
    each_file(&data, &mut |path, bytes| files.push((path.to_owned(), bytes.to_ascii_lowercase())));
    for (place, digits) in &planted {
        let holds = |text: &str| text.to_lowercase().contains(digits.as_str());
        assert!(!holds(&metrics), "{place}: a metric");
        assert!(!holds(&lines), "{place}: a log line");
        if let Some(answer) = answers.iter().find(|answer| holds(answer)) {
            panic!("{place}: an answer: {answer}");
        }
        for (path, bytes) in &files {
            let found = bytes.windows(digits.len()).any(|at| at == digits.as_bytes());
            assert!(!found, "{place}: {}", path.display());
        }
    }
}

/// A token under more layers of escapes than are searched appears when they are decoded for a name in
/// the same text. No request fails because of that, and each leaves its event.
#[test]
fn tokens_in_many_layers_of_escapes_lose_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let token = format!("plg_{}", "0a".repeat(32));
    let layered = move |layers: usize| {
        let once = token.replacen('p', "%70", 1);
        let token = (1..layers).fold(once, |text, _| text.replacen('%', "%25", 1));
        format!("{token};pass%77ord=x")
    };
    let shown = layered(4);
    let upstream = Answering::start(move |asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let name = body["userName"].as_str().unwrap_or("u4");
        let said = json!({"id": name, "userName": name, "displayName": shown, "title": shown});
        (if asked.method == "POST" { 201 } else { 200 }, said.to_string())
    });
    let server = Server::start_with(&data, &["--log", "debug"], &[]).unwrap();
    let scim = server.add_app("boat");
    let file = data.join("ferry.token");
    fs::write(&file, "upstream-token-Qx7").unwrap();
    let admin = server.admin();
    let ferry =
        json!({"application": "ferry", "upstream": {"url": upstream.url, "tokenFile": file}});
    let added = admin.post("/api/v1/apps", &ferry).body;
    let text = |name: &str| added[name].as_str().unwrap().to_owned();
    let ferry = Client::new(&text("tenantUrl"), &text("secretToken"));
    let user = scim.post("/Users", &json!({"userName": "mira"})).id();
    let operations = || admin.rows("/api/v1/operations");
    let before = operations().len();
    let mut sent = 0;
    let mut check = |expected: u16, answer: Answer| {
        assert_eq!(answer.status, expected, "{}", answer.text);
        assert!(!holds_token(&answer.text), "{}", answer.text);
        sent += 1;
    };
    for layers in 4..=6 {
        let text = layered(layers);
        let headers = [("user-agent", text.as_str()), ("x-request-id", text.as_str())];
        let stranger = scim.with_token("");
        check(401, stranger.send("GET", "/Users", &headers, b"").unwrap());
        check(200, scim.send("GET", "/Users", &headers, b"").unwrap());
        check(404, scim.get(&format!("/Users/{text}")));
        check(200, scim.get(&format!("/Users?x={text}")));
        check(200, scim.query("/Users", &[("filter", &format!("userName eq \"{text}\""))]));
        let person = |name: String| json!({"userName": name, "displayName": text, "title": text});
        check(201, scim.post("/Users", &person(format!("u{layers}"))));
        let named = json!([{"op": "replace", "path": "displayName", "value": text}]);
        check(200, scim.patch(&format!("/Users/{user}"), &named));
        check(201, scim.post("/Groups", &json!({"displayName": text})));
        // An upstream's answer that repeats the request.
        let answer = ferry.post("/Users", &person(format!("u{layers}")));
        assert_eq!(answer.status, 201, "{}", answer.text);
        let answer = ferry.get("/Users/u4");
        assert_eq!(answer.status, 200, "{}", answer.text);

        let asked = admin.send("GET", "/api/v1/apps", &headers, b"").unwrap();
        assert_eq!(asked.status, 200, "{}", asked.text);
        let refused = admin.with_token(&scim.token).send("GET", "/api/v1/apps", &headers, b"");
        assert_eq!(refused.unwrap().status, 403);
        let asked = admin.get(&format!("/api/v1/operations?requestId={text}"));
        assert_eq!(asked.status, 200, "{}", asked.text);
        let evidence = json!({"kind": "ticket", "ref": text});
        let of = format!("/api/v1/operations/{}/evidence", operations()[0]["seq"]);
        assert_eq!(admin.post(&of, &evidence).status, 201);
        let principal = admin.send(
            "PATCH",
            "/api/v1/apps/boat",
            &[],
            json!({"servicePrincipal": text}).to_string().as_bytes(),
        );
        assert_eq!(principal.unwrap().status, 400, "it would be no name of anything");
    }
    let rows = operations();
    let of_boat = rows.iter().filter(|row| row["application"] == "boat").count();
    assert_eq!(of_boat, before + sent);
    for row in rows {
        let detail = admin.get(&format!("/api/v1/operations/{}", row["seq"])).text;
        assert!(!holds_token(&detail), "{detail}");
    }
    let attempts = admin.rows("/api/v1/access-log").into_iter().filter(|row| row["status"] == 403);
    assert_eq!(attempts.count(), 3);
    assert!(!admin.get("/metrics").text.contains("provlog_tokens_cut_late_total"));
    let lines = server.log_lines();
    assert!(!lines.contains("could not be") && !lines.contains("panicked"), "{lines}");
    server.stop();
}

/// A password in JSON within a string is not stored either.
#[test]
fn passwords_within_strings_are_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let admin = server.admin();
    let inner = json!({"password": PASSWORD, "shoe": 41}).to_string();
    let texts = [
        inner.clone(),
        json!({"a": inner}).to_string(),
        inner.replace("password", "Pass\\u0077ord"),
        format!("x=1&password={PASSWORD}"),
        format!("[{{\"path\":\"password\",\"value\":\"{PASSWORD}\"}}]"),
    ];
    for (place, text) in texts.iter().enumerate() {
        let body = json!({"userName": format!("u{place}"), "title": text});
        let id = scim.post("/Users", &body).id();
        let operations = json!([{"op": "replace", "path": "nickName", "value": text}]);
        assert_eq!(scim.patch(&format!("/Users/{id}"), &operations).status, 200);
        let stored = admin.get(&format!("/api/v1/apps/boat/users/{id}")).text;
        assert!(!stored.contains(PASSWORD), "{text}: {stored}");
    }
    // A text that only looks like a password stays.
    let name = "Password: reset team";
    let id = scim.post("/Groups", &json!({"displayName": name})).id();
    let stored = admin.get(&format!("/api/v1/apps/boat/groups/{id}")).body["resource"].clone();
    assert_eq!(stored["displayName"], name);
    let evidence = json!({"kind": "ticket", "ref": format!("password={PASSWORD}")});
    assert_eq!(admin.post("/api/v1/operations/4/evidence", &evidence).status, 201);
    for row in admin.rows("/api/v1/operations") {
        let detail = admin.get(&format!("/api/v1/operations/{}", row["seq"])).text;
        assert!(!detail.contains(PASSWORD), "{detail}");
    }
    assert!(admin.get(&format!("/api/v1/operations?password={PASSWORD}")).status == 400);
    server.stop();
    each_file(&data, &mut |path, bytes| {
        let found = bytes.windows(PASSWORD.len()).any(|at| at == PASSWORD.as_bytes());
        assert!(!found, "{}", path.display());
    });
}

/// An upstream may repeat its own token and the password that it received.
#[test]
fn secrets_repeated_by_an_upstream_are_neither_stored_nor_relayed() {
    const TOKEN: &str = "upstream-token-Qx7";
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let upstream = Answering::start(|asked| {
        let given = asked.header("authorization").to_owned();
        assert!(given.ends_with(TOKEN), "{given}");
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let escaped = given.replace('u', "%75");
        match asked.method.as_str() {
            "POST" if body["userName"] == "weak" => {
                let detail = format!("{given}: the password {} is too weak", body["password"]);
                (400, json!({"detail": detail, "scimType": "invalidValue"}).to_string())
            }
            "POST" => (
                201,
                json!({"id": "u-1", "userName": body["userName"], "title": given,
                "nickName": body["password"], "displayName": escaped})
                .to_string(),
            ),
            _ => (200, json!({"id": "u-1", "userName": "mira", "title": escaped}).to_string()),
        }
    });
    let server = Server::start_with(&data, &["--log", "debug"], &[]).unwrap();
    let file = folder.path().join("data").join("boat.token");
    fs::write(&file, TOKEN).unwrap();
    let added = server.admin().post(
        "/api/v1/apps",
        &json!({"application": "boat", "upstream": {"url": upstream.url, "tokenFile": file}}),
    );
    let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
    let scim = Client::new(&text("tenantUrl"), &text("secretToken"));
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let person = |name: &str| json!({"schemas": [schema], "userName": name, "password": PASSWORD});
    let mut answers = vec![];
    for name in ["mira", "weak"] {
        answers.push(scim.post("/Users", &person(name)).text);
    }
    answers.push(scim.get("/Users/u-1").text);
    // A password that equals the userName does not count as secret: the created user is on record.
    let same = json!({"schemas": [schema], "userName": "ole.berg", "password": "ole.berg"});
    assert_eq!(scim.post("/Users", &same).body["userName"], "ole.berg");
    let admin = server.admin();
    for row in admin.rows("/api/v1/operations") {
        answers.push(admin.get(&format!("/api/v1/operations/{}", row["seq"])).text);
    }
    answers.push(admin.get("/api/v1/apps/boat/users/u-1").text);
    answers.push(server.log_lines());
    for answer in &answers {
        assert!(!answer.contains(TOKEN) && !answer.contains(PASSWORD), "{answer}");
        assert!(!answer.contains("%75pstream"), "{answer}");
    }
    server.stop();
    each_file(&data, &mut |path, bytes| {
        if path == file {
            return;
        }
        for secret in [TOKEN, PASSWORD, &TOKEN[1..]] {
            let found = bytes.windows(secret.len()).any(|at| at == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    });
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
