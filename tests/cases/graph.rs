//! The log in Microsoft Graph's shape: Microsoft's own clients read all of it, filters find what a
//! plain predicate finds in both orders, and errors have Graph's form.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{Client, Server, run, user};
use crate::harness::tls::Certificate;

const CONFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");
const LOG: &str = "/v1.0/auditLogs/provisioning";

/// The folder that a script of `tests/conformance` prints.
fn folder(script: &str) -> String {
    let output = run(Command::new(format!("{CONFORMANCE}/{script}")).arg("graph"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn entry(id: usize, at: &str, name: &str, action: &str, status: &str) -> Value {
    let error = (status == "failure").then(|| {
        json!({"errorCode": "EntryConflict", "errorCategory": "nonServiceFailure",
            "reason": "It is taken.", "additionalDetails": null, "recommendedAction": null})
    });
    let reason = if id.is_multiple_of(2) { "NotEffectivelyEntitled" } else { "RedundantExport" };
    let skip = json!([{"name": "EntrySynchronizationSkip", "provisioningStepType": "processing",
        "status": "skipped", "description": "Passed over.", "details": {"SkipReason": reason}}]);
    json!({
        "id": format!("entry-{id}"),
        "activityDateTime": at,
        "jobId": "scim.1.2",
        "cycleId": format!("cycle-{}", id / 4),
        "changeId": format!("change-{id}"),
        "provisioningAction": action,
        "durationInMilliseconds": id * 100,
        "provisioningStatusInfo": {"status": status, "errorInformation": error},
        "provisioningSteps": if status == "skipped" { skip } else { json!([]) },
        "modifiedProperties": [],
        "servicePrincipal": {"id": "sp-1", "displayName": "Paper Boat"},
        "sourceIdentity": {"id": format!("source-{name}"), "displayName": name,
            "identityType": "User", "details": {"UserPrincipalName": name}},
        "targetIdentity": {"id": format!("target-{name}"), "displayName": "",
            "identityType": "urn:ietf:params:scim:schemas:core:2.0:User", "details": {}},
    })
}

/// Entries from a spring before the recorder started.
fn entries() -> Vec<Value> {
    let actions = ["create", "update", "disable", "delete", "other", "stagedDelete"];
    let statuses = ["success", "failure", "skipped", "warning"];
    let of = |id: usize| {
        let at = format!("2025-03-{:02}T08:{:02}:00Z", 1 + id / 3, id);
        entry(id, &at, &format!("user-{}@fjord.example", id % 5), actions[id % 6], statuses[id % 4])
    };
    (0..24).map(of).collect()
}

fn lines(entries: &[Value]) -> String {
    entries.iter().map(|entry| format!("{entry}\n")).collect()
}

/// Fills a server with recorded requests and imported entries.
fn fill(admin: &Client, scim: &Client) -> usize {
    for number in 0..23 {
        scim.post("/Users", &user(&format!("user-{number}@fjord.example")));
    }
    scim.post("/Users", &user("user-1@fjord.example"));
    let path = "/api/v1/apps/boat/imports";
    let body = lines(&entries());
    let done = admin.send("POST", path, &[], body.as_bytes()).unwrap();
    assert_eq!(done.body["new"], 24, "{done:?}");
    48
}

fn ids(output: &std::process::Output) -> Vec<String> {
    let (out, err) = (&output.stdout, &output.stderr);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(err));
    let text = String::from_utf8(out.clone()).unwrap();
    let id = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        entry["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

/// All ids, page by page over plain HTTP.
fn whole(admin: &Client, filter: &str) -> Vec<String> {
    let page = admin.query(LOG, &[("$top", "1000"), ("$filter", filter)]);
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.body.get("@odata.nextLink"), None);
    let values = page.body["value"].as_array().unwrap().iter();
    values.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

const FILTERS: [&str; 3] = [
    "provisioningAction eq 'create' and provisioningStatusInfo/status eq 'success'",
    "activityDateTime ge 2025-03-02 and activityDateTime lt 2025-03-06T00:00:00Z",
    "contains(tolower(sourceIdentity/displayName), 'user-1') or id eq 'entry-7'",
];

#[test]
fn the_graph_client_for_python_reads_the_whole_log_and_filters_it() {
    let python = format!("{}/python", folder("venv"));
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (scim, admin) = (server.add_app("boat"), server.admin());
    let count = fill(&admin, &scim);
    let read = |filter: &str| {
        run(Command::new(&python)
            .arg(format!("{CONFORMANCE}/graph.py"))
            .args([&server.url, filter, "10"])
            .env("TOKEN", &admin.token))
    };
    let all = ids(&read(""));
    assert_eq!(all.len(), count);
    assert_eq!(all, whole(&admin, "id ne ''"));
    for filter in FILTERS {
        let found = ids(&read(filter));
        assert!(!found.is_empty() && found.len() < count, "{filter}");
        assert_eq!(found, whole(&admin, filter), "{filter}");
    }
    let refused = read("provisioningAction eqq 'create'");
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.starts_with("BadRequest: $filter: position 20: `eqq` is no operator"), "{told}");
    server.stop();
}

#[test]
fn the_graph_client_for_javascript_reads_the_whole_log_over_tls() {
    let modules = folder("node");
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::issue(folder.path());
    let data = folder.path().join("data");
    let server = Server::start_with(&data, &certificate.flags(), &[]).unwrap();
    let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
    let admin = Client::trusting(&server.url, token.trim_end(), &certificate.trusted());
    let added = admin.post("/api/v1/apps", &json!({"application": "boat"}));
    let secret = added.body["secretToken"].as_str().unwrap();
    let base = format!("{}/apps/boat/scim/v2", server.url);
    let scim = Client::trusting(&base, secret, &certificate.trusted());
    let count = fill(&admin, &scim);
    let read = |filter: &str| {
        run(Command::new("node")
            .arg(format!("{CONFORMANCE}/graph.mjs"))
            .args([&server.url, filter, "10"])
            .env("TOKEN", &admin.token)
            .env("NODE_PATH", &modules)
            .env("NODE_EXTRA_CA_CERTS", Path::new(&certificate.file)))
    };
    let all = ids(&read(""));
    assert_eq!(all.len(), count);
    assert_eq!(all, whole(&admin, "id ne ''"));
    for filter in FILTERS {
        assert_eq!(ids(&read(filter)), whole(&admin, filter), "{filter}");
    }
    server.stop();
}

/// Requests every page.
async fn pages(server: &InProcess, options: &str, top: usize) -> Vec<Value> {
    let mut path = format!("{LOG}?$top={top}&{options}");
    let mut found = vec![];
    loop {
        let page = server.admin("GET", &path, &Value::Null).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        found.extend(page.body["value"].as_array().unwrap().iter().cloned());
        let Some(next) = page.body["@odata.nextLink"].as_str() else { return found };
        // Clients may change the letter case of the parameter's name.
        path = next.strip_prefix("http://audit.example").unwrap().replace("skiptoken", "skipToken");
    }
}

type Predicate = fn(&Value) -> bool;

/// Filters and the equivalent predicates.
const CASES: &[(&str, Predicate)] = &[
    ("id ne ''", |_| true),
    ("provisioningAction eq 'create'", |one| one["provisioningAction"] == "create"),
    ("provisioningAction eq 'Create'", |one| one["provisioningAction"] == "create"),
    ("provisioningAction eq 'created'", |_| false),
    ("provisioningStatusInfo/status eq 'failure'", |one| {
        one["provisioningStatusInfo"]["status"] == "failure"
    }),
    (
        "provisioningAction eq 'create' and provisioningStatusInfo/status eq 'failure' and \
         activityDateTime ge 2025-03-01",
        |one| {
            one["provisioningAction"] == "create"
                && one["provisioningStatusInfo"]["status"] == "failure"
        },
    ),
    ("provisioningStatusInfo/errorInformation/errorCode eq 'EntryConflict'", |one| {
        one["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "EntryConflict"
    }),
    ("provisioningSteps/any(s: s/details/SkipReason eq 'NotEffectivelyEntitled')", |one| {
        one["provisioningSteps"][0]["details"]["SkipReason"] == "NotEffectivelyEntitled"
    }),
    (
        "provisioningSteps/any(s: s/name eq 'EntrySynchronizationSkip') and cycleId eq 'cycle-1'",
        |one| {
            one["provisioningSteps"][0]["name"] == "EntrySynchronizationSkip"
                && one["cycleId"] == "cycle-1"
        },
    ),
    ("cycleId eq 'cycle-2'", |one| one["cycleId"] == "cycle-2"),
    ("changeId eq 'change-3'", |one| one["changeId"] == "change-3"),
    ("id eq 'entry-5'", |one| one["id"] == "entry-5"),
    ("id eq 'entry-5' and provisioningAction eq 'create'", |_| false),
    ("jobId eq null", |one| one["jobId"].is_null()),
    ("jobId eq 'scim.1.2' and durationInMilliseconds gt 900", |one| {
        one["jobId"] == "scim.1.2" && one["durationInMilliseconds"].as_i64().unwrap() > 900
    }),
    ("servicePrincipal/displayName eq 'boat'", |one| {
        one["servicePrincipal"]["displayName"] == "boat"
    }),
    ("servicePrincipal/displayName eq 'Paper Boat'", |one| {
        one["servicePrincipal"]["displayName"] == "Paper Boat"
    }),
    ("targetIdentity/id eq 'target-user-2@fjord.example'", |one| {
        one["targetIdentity"]["id"] == "target-user-2@fjord.example"
    }),
    ("contains(sourceIdentity/displayName, 'user-3')", |one| {
        one["sourceIdentity"]["displayName"].as_str().unwrap().contains("user-3")
    }),
    ("not (provisioningStatusInfo/status eq 'success')", |one| {
        one["provisioningStatusInfo"]["status"] != "success"
    }),
    ("activityDateTime eq 2025-03-02T08:03:00Z", |one| {
        one["activityDateTime"] == "2025-03-02T08:03:00.000000Z"
    }),
    (
        "activityDateTime gt 2025-03-02T08:03:00Z and activityDateTime le 2025-03-02T08:05:00Z",
        |one| {
            let at = one["activityDateTime"].as_str().unwrap();
            at > "2025-03-02T08:03:00.000000Z" && at <= "2025-03-02T08:05:00.000000Z"
        },
    ),
    ("activityDateTime lt 2026-01-01 or provisioningStatusInfo/status eq 'failure'", |one| {
        one["activityDateTime"].as_str().unwrap() < "2026"
            || one["provisioningStatusInfo"]["status"] == "failure"
    }),
];

async fn filled() -> (tempfile::TempDir, InProcess) {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let token = server.add_app("boat").await;
    for number in 0..17 {
        let body = json!({"userName": format!("user-{}@fjord.example", number % 14)});
        server.send("POST", "/apps/boat/scim/v2/Users", &token, &body).await;
        if number % 3 == 0 {
            let now = server.clock.now();
            server.clock.set(Timestamp(now.0 + 1_000_000));
        }
    }
    let path = "/api/v1/apps/boat/imports";
    let (early, late) = (lines(&entries()[12..]), lines(&entries()[..12]));
    for body in [early, late] {
        assert_eq!(server.admin_text("POST", path, &body).await.status, 200);
    }
    (folder, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_finds_what_a_plain_predicate_finds_in_both_orders() {
    let (_folder, server) = filled().await;
    let mut all = pages(&server, "", 1000).await;
    assert_eq!(all.len(), 17 + 24);
    let at = |one: &Value| one["activityDateTime"].as_str().unwrap().to_owned();
    assert!(all.is_sorted_by(|one, next| at(one) >= at(next)), "newest first");
    for (filter, fits) in CASES {
        let expected: Vec<&Value> = all.iter().filter(|one| fits(one)).collect();
        let option = format!("$filter={}", crate::harness::server::encoded(filter));
        for top in [1, 7, 1000] {
            let found = pages(&server, &option, top).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}, {top} at a time");
        }
        let path = format!("{LOG}?$count=true&$top=1&{option}");
        let counted = server.admin("GET", &path, &Value::Null).await;
        assert_eq!(counted.body["@odata.count"], expected.len(), "{filter}");
    }
    all.reverse();
    for (filter, fits) in CASES {
        let expected: Vec<&Value> = all.iter().filter(|one| fits(one)).collect();
        let filter = crate::harness::server::encoded(filter);
        let option = format!("$orderby=activityDateTime&$filter={filter}");
        let found = pages(&server, &option, 3).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}, oldest first");
    }
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_have_every_member_and_options_are_never_ignored() {
    let (_folder, server) = filled().await;
    let names =
        |one: &Value| -> BTreeSet<String> { one.as_object().unwrap().keys().cloned().collect() };
    let all = pages(&server, "", 1000).await;
    let first = names(&all[0]);
    assert_eq!(first.len(), 17, "{first:?}");
    assert!(all.iter().all(|one| names(one) == first), "recorded and imported alike");
    let some = pages(&server, "$select=id,provisioningAction", 1000).await;
    assert_eq!(names(&some[3]).into_iter().collect::<Vec<_>>(), ["id", "provisioningAction"]);
    let failed = all.iter().find(|one| {
        one["servicePrincipal"]["displayName"] == "boat"
            && one["provisioningStatusInfo"]["status"] == "failure"
    });
    let error = &failed.unwrap()["provisioningStatusInfo"]["errorInformation"];
    assert_eq!(
        (&error["errorCode"], &error["errorCategory"]),
        (&json!("EntryConflict"), &json!("nonServiceFailure"))
    );

    let id = all[5]["id"].as_str().unwrap();
    let one = server.admin("GET", &format!("{LOG}/{id}"), &Value::Null).await;
    assert_eq!(one.body["id"], id);
    let refused = async |options: &str, expected: &str| {
        let answer = server.admin("GET", &format!("{LOG}?{options}"), &Value::Null).await;
        assert_eq!(
            (answer.status, &answer.body["error"]["code"]),
            (400, &json!("BadRequest")),
            "{options}"
        );
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{options}: {message}");
        assert!(answer.body["error"]["innerError"]["request-id"].is_string());
    };
    refused("$skip=3", "unknown query option").await;
    refused("format=json", "unknown query option").await;
    refused("filter=id%20eq", "$filter: position").await;
    refused("top=1&$top=2", "more than once").await;
    let plain = server.admin("GET", &format!("{LOG}?top=2&count=true"), &Value::Null).await;
    assert_eq!(plain.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(plain.body["@odata.count"], all.len() as u64);
    refused("$top=0", "$top takes").await;
    refused("$top=1001", "$top takes").await;
    refused("$orderby=id", "$orderby takes").await;
    refused("$select=shoeSize", "$select takes").await;
    refused("$count=maybe", "$count takes").await;
    refused("$top=1&$TOP=2", "more than once").await;
    refused("$skiptoken=x", "$skiptoken belongs").await;
    refused("$filter=id%20eq", "$filter: position").await;
    let first = server.admin("GET", &format!("{LOG}?$top=1"), &Value::Null).await.body;
    let token = first["@odata.nextLink"].as_str().unwrap().rsplit('=').next().unwrap().to_owned();
    refused(&format!("$skiptoken={token}&$filter=id%20ne%20''"), "$skiptoken belongs").await;
    let nobody = server.send("GET", LOG, "plg_nobody", &Value::Null).await;
    assert_eq!(
        (nobody.status, &nobody.body["error"]["code"]),
        (401, &json!("InvalidAuthenticationToken"))
    );
    let missing = server.admin("GET", &format!("{LOG}/entry-99"), &Value::Null).await;
    assert_eq!((missing.status, &missing.body["error"]["code"]), (404, &json!("ResourceNotFound")));
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_auditor_reads_only_its_application() {
    let (_folder, server) = filled().await;
    let token = server.add_app("ferry").await;
    server.send("POST", "/apps/ferry/scim/v2/Users", &token, &json!({"userName": "x"})).await;
    let body = json!({"role": "app-auditor", "application": "ferry"});
    let auditor = server.admin("POST", "/api/v1/tokens", &body).await;
    let auditor = auditor.body["token"].as_str().unwrap().to_owned();
    for options in
        ["", "?$filter=id%20eq%20'entry-5'", "?$filter=servicePrincipal/displayName%20eq%20'boat'"]
    {
        let seen = server.send("GET", &format!("{LOG}{options}"), &auditor, &Value::Null).await;
        let expected = usize::from(options.is_empty());
        assert_eq!(seen.body["value"].as_array().unwrap().len(), expected, "{options}: {seen:?}");
    }
    let hidden = server.send("GET", &format!("{LOG}/entry-5"), &auditor, &Value::Null).await;
    assert_eq!(hidden.status, 404);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_the_address_is_served_and_the_rest_refused_as_graph_does() {
    let (_folder, server) = filled().await;
    let get = async |path: &str| server.admin("GET", path, &Value::Null).await;
    let whole = get(LOG).await.body;
    let first = whole["value"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("{LOG}/"),
        "/v1.0/auditlogs/provisioning".to_owned(),
        "/v1.0/AuditLogs/Provisioning/".to_owned(),
        "/V1.0/AuditLogs/Provisioning".to_owned(),
    ] {
        let answer = get(&path).await;
        assert_eq!((answer.status, &answer.body["value"]), (200, &whole["value"]), "{path}");
    }
    for path in [format!("{LOG}/{first}/"), format!("{LOG}('{first}')")] {
        assert_eq!(get(&path).await.body["id"], first.as_str(), "{path}");
    }

    let beta = get("/beta/auditlogs/provisioning?$top=2").await.body;
    assert!(beta["@odata.context"].as_str().unwrap().contains("/beta/$metadata#auditLogs"));
    let next = beta["@odata.nextLink"].as_str().unwrap();
    let (_, next) = next.split_once("audit.example").unwrap();
    assert!(next.starts_with("/beta/auditLogs/provisioning?"), "{next}");
    assert_eq!(get(next).await.body["value"][0]["id"], whole["value"][2]["id"]);
    let entry = &beta["value"][0];
    assert_eq!(entry["statusInfo"]["status"], entry["provisioningStatusInfo"]["status"]);
    let action = entry["provisioningAction"].as_str().unwrap();
    assert!(entry["action"].as_str().unwrap().eq_ignore_ascii_case(action));
    assert!(whole["value"][0].get("action").is_none(), "v1.0 has no such member");
    let some = get("/beta/auditLogs/provisioning?$select=action,statusInfo&$top=1").await.body;
    assert_eq!(some["value"][0].as_object().unwrap().len(), 2);

    let count = async |path: &str| {
        let answer = get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body.as_u64().unwrap_or_else(|| panic!("{path}: {answer:?}"))
    };
    let all = whole["value"].as_array().unwrap().len() as u64;
    assert_eq!(count(&format!("{LOG}/$count")).await, all);
    let failed = |words: &str| format!("$filter=provisioningStatusInfo/status%20eq%20{words}");
    let plain = count(&format!("{LOG}/$count?{}", failed("'failure'"))).await;
    assert!(plain > 0 && plain < all);
    for words in ["'Failure'", "microsoft.graph.provisioningResult'failure'"] {
        assert_eq!(count(&format!("{LOG}/$count?{}", failed(words))).await, plain, "{words}");
    }
    let beta = "/beta/auditLogs/provisioning/$count?$filter=statusInfo/status%20eq%20'Failure'";
    assert_eq!(count(beta).await, plain);
    assert_eq!(get(&format!("{LOG}/$count?$top=1")).await.status, 400);

    for (path, method, status, code) in [
        ("/v1.0/users", "GET", 404, "ResourceNotFound"),
        ("/v1.0", "GET", 404, "ResourceNotFound"),
        ("/v1.0/", "GET", 404, "ResourceNotFound"),
        ("/beta/auditLogs/signIns", "GET", 404, "ResourceNotFound"),
        ("/V1.0/users", "GET", 404, "ResourceNotFound"),
        ("/Beta", "GET", 404, "ResourceNotFound"),
        ("/BETA/auditLogs/provisioning", "POST", 405, "MethodNotAllowed"),
        ("/v1.0/auditLogs/provisioning/a/b", "GET", 404, "ResourceNotFound"),
        ("/v1.0/$batch", "POST", 404, "ResourceNotFound"),
        (LOG, "POST", 405, "MethodNotAllowed"),
        ("/beta/auditlogs/provisioning/", "DELETE", 405, "MethodNotAllowed"),
    ] {
        let answer = server.admin(method, path, &Value::Null).await;
        assert_eq!(
            (answer.status, &answer.body["error"]["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
    server.close().await;
}

/// The index finds exactly the entries that match the filter.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_hides_no_matching_entry() {
    let (_folder, server) = filled().await;
    let at = "2025-04-02T08:00:00Z";
    let step = |name: &str, details: Value| {
        json!({"name": name, "provisioningStepType": "processing", "status": "skipped",
            "description": "Passed over.", "details": details})
    };
    let long = "x".repeat(300);
    let mut one = entry(100, at, "ada@fjord.example", "create", "skipped");
    one["id"] = json!("6F0C9E0A-2F3D-4C55-9F0E-0000000000AB");
    one["provisioningSteps"] = json!([
        step("EntryImport", json!({"SkipReason": "JoinNotFound"})),
        step("EntrySynchronizationSkip", json!({"SkipReason": "RedundantExport"})),
        step("EntrySynchronizationSkip", json!({"skipReason": "AttributeValidationFailed"})),
        step("EntrySynchronizationSkip", json!({"SkipReason": long})),
        step("EntrySynchronizationSkip", json!({"SkipReason": "[Redact]"})),
    ]);
    one["provisioningStatusInfo"]["errorInformation"] = json!({"errorCode": "None"});
    let path = "/api/v1/apps/boat/imports?run=8";
    let done = server.admin_text("POST", path, &one.to_string()).await;
    assert_eq!((done.status, &done.body["new"]), (200, &json!(1)), "{done:?}");

    let pages = async |filter: &str, top: usize| {
        let options = filter.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        pages(&server, &format!("$filter={options}"), top).await
    };
    let id = "6f0c9e0a-2f3d-4c55-9f0e-0000000000ab";
    let upper = id.to_uppercase();
    let reason =
        |reason: &str| format!("provisioningSteps/any(s: s/details/SkipReason eq '{reason}')");
    let both = format!("{} and {}", reason("JoinNotFound"), reason("RedundantExport"));
    let none = "provisioningStatusInfo/errorInformation/errorCode eq 'None'";
    for filter in [
        &format!("id eq '{id}'"),
        &format!("id eq '{upper}'"),
        &format!("'{upper}' eq id"),
        &format!("id in ('{upper}', 'other')"),
        &reason("JoinNotFound"),
        &reason("AttributeValidationFailed"),
        &reason(&long),
        &reason("[Redact]"),
        &both,
        &none.to_owned(),
    ] {
        let found = pages(filter, 50).await;
        let found: Vec<_> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(found, [id], "{filter}");
    }
    let redundant = pages(&reason("RedundantExport"), 50).await;
    let is_it = |one: &&Value| one["id"] == id;
    assert_eq!(redundant.iter().filter(is_it).count(), 1);
    for path in [format!("{LOG}/{upper}"), format!("{LOG}('{upper}')")] {
        let answer = server.admin("GET", &path, &Value::Null).await;
        assert_eq!((answer.status, &answer.body["id"]), (200, &json!(id)), "{path}");
    }
    // Recorded operations have ids of the same form.
    let recorded = pages("servicePrincipal/displayName eq 'boat'", 50).await;
    let own = recorded[0]["id"].as_str().unwrap();
    let filter = format!("id eq '{}'", own.to_uppercase());
    assert_eq!(pages(&filter, 5).await[0]["id"], own);
    // It still has a single skip reason.
    let operations = "/api/v1/operations?app=boat&source=imported&from=2025-04-01&to=2025-05-01";
    let rows = server.admin("GET", operations, &Value::Null).await.body["rows"].clone();
    assert_eq!(rows[0]["skipReason"], "RedundantExport", "{rows}");
    server.close().await;
}
