//! The form of errors (RFC 7644 §3.12).

use serde_json::{Value, json};

use crate::harness::server::{Answer, Client, Server, bulk, group, patch, user};

/// Every error has this form; administrators read the detail in their provider's console.
fn check(what: &str, answer: &Answer, status: u16, scim_type: Option<&str>, said: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/scim+json", "{what}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    let body = answer.body.as_object().unwrap_or_else(|| panic!("{what}: {answer:?}"));
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{what}");
    assert_eq!(body["status"], json!(status.to_string()), "{what}: a text");
    assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{what}: {body:?}");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(said), "{what}: {detail} says {said}");
    assert_eq!(body.len(), 3 + usize::from(scim_type.is_some()), "{what}: {body:?}");
}

#[test]
fn every_error_has_a_status_a_scim_type_and_a_detail() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let id = scim.post("/Users", &user("mira")).id();
    let crew = scim.post("/Groups", &group("Crew")).id();
    let path = format!("/Users/{id}");
    let send = |method: &str, path: &str, body: &str| {
        scim.send(method, path, &[], body.as_bytes()).unwrap()
    };
    let filter = |filter: &str| scim.query("/Users", &[("filter", filter)]);
    check("filter", &filter("userName xx \"a\""), 400, Some("invalidFilter"), "");
    check("filter", &filter("active gt true"), 400, Some("invalidFilter"), "");
    check("cursor", &scim.get("/Users?cursor=x"), 400, Some("invalidCursor"), "start again");
    check("count", &scim.get("/Users?cursor=&count=-1"), 400, Some("invalidCount"), "count");
    check("taken", &scim.post("/Users", &user("MIRA")), 409, Some("uniqueness"), "userName");
    check(
        "missing",
        &scim.post("/Users", &json!({"title": "x"})),
        400,
        Some("invalidValue"),
        "userName",
    );
    check("no JSON", &send("POST", "/Users", "{"), 400, Some("invalidSyntax"), "line 1");
    check("no object", &send("POST", "/Users", "7"), 400, Some("invalidSyntax"), "object");
    check("no body", &send("POST", "/Users", ""), 400, Some("invalidSyntax"), "missing");
    check(
        "twice",
        &send("POST", "/Users", "{\"a\":1,\"A\":2}"),
        400,
        Some("invalidSyntax"),
        "twice",
    );
    let patched = |operation: Value| scim.patch(&path, &json!([operation]));
    let mutable = patched(json!({"op": "replace", "path": "meta.version", "value": "x"}));
    check("readOnly", &mutable, 400, Some("mutability"), "Operations[0]");
    let syntax = patched(json!({"op": "paint", "path": "title", "value": "x"}));
    check("op", &syntax, 400, Some("invalidSyntax"), "op");
    let bad_path = patched(json!({"op": "add", "path": "na me", "value": "x"}));
    check("path", &bad_path, 400, Some("invalidPath"), "Operations[0]");
    check("target", &patched(json!({"op": "remove"})), 400, Some("noTarget"), "path");
    let value = patched(json!({"op": "add", "path": "active", "value": "often"}));
    check("value", &value, 400, Some("invalidValue"), "active");
    let malformed = scim.send("DELETE", &path, &[("if-match", "W/")], b"").unwrap();
    check("version", &malformed, 400, Some("invalidVers"), "W/\"1842\"");
    let stale = scim.send("DELETE", &path, &[("if-match", "\"7\"")], b"").unwrap();
    check("stale", &stale, 412, None, "read it again");
    check("password", &filter("password eq \"sesame\""), 400, Some("invalidFilter"), "password");

    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let body = match method {
            "PUT" => user("x").to_string(),
            "PATCH" => patch(&json!([{"op": "remove", "path": "title"}])).to_string(),
            _ => String::new(),
        };
        check(method, &send(method, "/Users/absent", &body), 404, None, "user");
        check(method, &send(method, &format!("/Users/{crew}"), &body), 404, None, "user");
    }
    check("no type", &scim.get("/Boats"), 404, None, "/ResourceTypes");
    check("too deep", &scim.get(&format!("{path}/title")), 404, None, "/ResourceTypes");
    check("me", &scim.get("/Me"), 501, None, "/Me");
    for (method, target, allowed) in [
        ("DELETE", "/Users", "GET, HEAD, POST"),
        ("POST", path.as_str(), "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/Users/.search", "POST"),
        ("PUT", "/", "GET, HEAD"),
        ("BREW", "/Users", "GET, HEAD, POST"),
    ] {
        let answer = send(method, target, "");
        check(&format!("{method} {target}"), &answer, 405, None, allowed);
        assert_eq!(answer.header("allow"), allowed, "{method} {target}");
    }
    let header = [("content-type", "text/plain")];
    let text = scim.send("POST", "/Users", &header, b"{\"userName\": \"x\"}").unwrap();
    check("type", &text, 415, None, "application/scim+json");
    check("nobody", &scim.with_token("").get("/Users"), 401, None, "Authorization");
    let stranger = scim.with_token("abc").get("/Users");
    check("stranger", &stranger, 401, None, "token");
    assert!(stranger.header("www-authenticate").starts_with("Bearer "));
    let elsewhere = Client::new(&scim.base().replace("boat", "ghost"), &scim.token);
    check("no application", &elsewhere.get("/Users"), 401, None, "tenant URL");
    let many: Value = (0..1_001).map(|_| json!({"method": "DELETE", "path": "/Users/x"})).collect();
    check("bulk", &scim.post("/Bulk", &bulk(&many)), 413, None, "1000");

    // Errors of the committer have the same form as earlier ones, and each is recorded.
    let rows = server.admin().rows("/api/v1/operations?app=boat");
    let refused = rows.iter().filter(|row| row["httpStatus"].as_u64() >= Some(400)).count();
    assert!(refused >= 35, "{refused} refusals on record");
    server.stop();
}

/// The limit is off by default, counts per application, and its refusals are recorded.
#[test]
fn too_many_requests_are_429_with_retry_after() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (free, slow) = (
        server.add_app("free"),
        server.add_app_with("slow", json!({"requests_per_second_max": 1})),
    );
    let flood = |scim: &Client| -> Vec<Answer> {
        (0..20).map(|index| scim.post("/Users", &user(&format!("user-{index}")))).collect()
    };
    assert!(flood(&free).iter().all(|answer| answer.status == 201), "no limit by default");
    let answers = flood(&slow);
    assert_eq!(answers[0].status, 201);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 201).collect();
    assert!(refused.len() > 10, "20 requests do not take 10 seconds");
    for answer in &refused {
        check("flood", answer, 429, None, "1 requests a second");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let rows = server.admin().rows("/api/v1/operations?app=slow");
    let recorded = rows.iter().filter(|row| row["httpStatus"] == 429).count();
    assert_eq!(recorded, refused.len(), "{rows:?}");
    let made = answers.len() - refused.len();
    let applied = rows.iter().filter(|row| row["effect"] == "applied").count();
    assert_eq!(applied, made, "nothing of what was refused happened");
    server.stop();
}
