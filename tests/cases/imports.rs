//! Imported entries: once each, joined to what was recorded, told apart where the record alone cannot,
//! and never state.

use std::path::Path;

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::patch;

const SECOND: i64 = 1_000_000;

/// A server with an application, and somebody who imports.
pub(super) struct Imports {
    pub(super) server: InProcess,
    token: String,
    _folder: tempfile::TempDir,
}

/// The checks of scope in an entry: active, assigned, role, filter.
#[derive(Clone, Copy)]
pub(super) struct Scope(bool, bool, bool, bool);

impl Scope {
    /// Whether the person is active, assigned, in a role and let through by the filter.
    pub(super) fn of([active, assigned, role, filter]: [bool; 4]) -> Scope {
        Scope(active, assigned, role, filter)
    }
}

pub(super) const IN_SCOPE: Scope = Scope(true, true, true, true);

impl Imports {
    pub(super) async fn new() -> Imports {
        let folder = tempfile::tempdir().unwrap();
        let server = InProcess::open(&folder.path().join("data"), START).await;
        let token = server.add_app("paperboat").await;
        Imports { server, token, _folder: folder }
    }

    pub(super) fn pass(&self, seconds: i64) {
        let now = self.server.clock.now();
        self.server.clock.set(Timestamp(now.0 + seconds * SECOND));
    }

    pub(super) async fn scim(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/apps/paperboat/scim/v2{path}");
        let answer = self.server.send(method, &path, &self.token, body).await;
        assert!(answer.status < 500, "{answer:?}");
        answer.body
    }

    pub(super) async fn create(&self, name: &str) -> String {
        let body = json!({"userName": name, "displayName": name, "active": true});
        self.scim("POST", "/Users", &body).await["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn switch_off(&self, id: &str) {
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        self.scim("PATCH", &format!("/Users/{id}"), &patch(&off)).await;
    }

    pub(super) async fn import(&self, records: &[Value]) -> Value {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        let path = "/api/v1/apps/paperboat/imports?run=7";
        let answer = self.server.admin_text("POST", path, &lines.join("\n")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub(super) async fn ask(&self, path: &str) -> Value {
        let answer = self.server.admin("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    pub(super) async fn why(&self, user: &str) -> Value {
        self.ask(&format!("/api/v1/apps/paperboat/users/{user}/why")).await["resource"].clone()
    }

    pub(super) fn now(&self) -> String {
        self.server.clock.now().to_string()
    }
}

/// An entry as Graph has it.
pub(super) fn entry(
    id: u32,
    at: &str,
    name: &str,
    (action, status): (&str, &str),
    scope: Scope,
) -> Value {
    let word = |value: bool| if value { "True" } else { "False" };
    json!({
        "id": format!("6f0c9e0a-2f3d-4c55-9f0e-{id:012}"),
        "activityDateTime": at,
        "jobId": "scim.1.2",
        "cycleId": "cycle-1",
        "changeId": format!("change-{id}"),
        "provisioningAction": action,
        "provisioningStatusInfo": {"status": status, "errorInformation": null},
        "provisioningSteps": [
            {"name": "EntryImportUpdate", "provisioningStepType": "import", "status": "success",
             "description": "It came.", "details": {"accountEnabled": "True"}},
            {"name": "EntrySynchronizationScoping", "provisioningStepType": "scoping",
             "status": "success", "description": "Checks ran.", "details": {
                "Active in the source system": word(scope.0),
                "Assigned to the application": word(scope.1),
                "User has the required role": word(scope.2),
                "Scoping filter evaluation passed": word(scope.3),
                "ScopeEvaluationResult":
                    json!({"Staff.country EQUALS 'NO'": scope.3}).to_string(),
             }},
        ],
        "modifiedProperties": [],
        "servicePrincipal": {"id": "sp-1", "displayName": "Paperboat"},
        "sourceIdentity": {"id": format!("source-{name}"), "displayName": name,
            "identityType": "User", "details": {"UserPrincipalName": name}},
        "targetIdentity": {"id": "", "displayName": "", "identityType":
            "urn:ietf:params:scim:schemas:core:2.0:User", "details": {}},
    })
}

pub(super) fn disable(id: u32, at: &str, name: &str, target: &str, scope: Scope) -> Value {
    let mut entry = entry(id, at, name, ("disable", "success"), scope);
    entry["targetIdentity"]["id"] = target.into();
    entry["modifiedProperties"] =
        json!([{"displayName": "active", "oldValue": "True", "newValue": "False"}]);
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_causes_of_a_switched_off_account_are_told_apart_after_an_import() {
    let imports = Imports::new().await;
    let mut entries = vec![];
    for (place, (name, kind)) in [
        ("ada@fjord.example", "unassigned"),
        ("bo@fjord.example", "filteredOut"),
        ("cleo@fjord.example", "softDeleted"),
        ("dag@fjord.example", "disabledAtSource"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = imports.create(name).await;
        imports.pass(600);
        imports.switch_off(&id).await;
        let at = imports.now();
        let number = u32::try_from(place).unwrap() + 1;
        let scope = match kind {
            "unassigned" => Scope(true, false, false, true),
            "filteredOut" => Scope(true, true, true, false),
            _ => IN_SCOPE,
        };
        let mut told = disable(number, &at, name, &id, scope);
        match kind {
            "softDeleted" => told["provisioningSteps"][0]["name"] = "EntryImportDelete".into(),
            "disabledAtSource" => {
                told["provisioningSteps"][0]["details"]["accountEnabled"] = "False".into();
            }
            _ => {}
        }
        entries.push((name, kind, told));
        imports.pass(600);
    }
    for (name, ..) in &entries {
        let before = imports.why(&format!("userName:{name}")).await;
        assert_eq!(before["cause"]["known"], false, "{before}");
        let candidates = ["unassigned", "filteredOut", "softDeleted", "disabledAtSource"];
        assert_eq!(before["cause"]["candidates"], json!(candidates));
    }
    let records: Vec<Value> = entries.iter().map(|(_, _, entry)| entry.clone()).collect();
    let done = imports.import(&records).await;
    assert_eq!((&done["read"], &done["new"], &done["known"]), (&json!(4), &json!(4), &json!(0)));
    for (name, kind, _) in &entries {
        let after = imports.why(&format!("userName:{name}")).await;
        assert_eq!(after["cause"]["kind"], *kind, "{name}: {after}");
        assert_eq!(after["active"], false);
        assert!(after["remedy"].as_str().unwrap().len() > 10);
        // The cause names the request and the entry that explains it.
        let seqs = after["cause"]["seqs"].as_array().unwrap();
        let request = imports.ask(&format!("/api/v1/operations/{}", seqs[0])).await;
        let explained = &request["resource"]["explainedBy"][0];
        assert_eq!(explained["confidence"], "certain", "{request}");
        assert_eq!(explained["seq"], seqs[1]);
        assert_eq!(request["resource"]["cycleId"], "cycle-1");
        let entry = imports.ask(&format!("/api/v1/operations/{}", seqs[1])).await;
        assert_eq!(entry["resource"]["explains"]["seq"], seqs[0]);
    }
    let again = imports.import(&records).await;
    assert_eq!((&again["new"], &again["known"]), (&json!(0), &json!(4)), "once each");
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_was_skipped_learns_why_and_what_to_do() {
    let imports = Imports::new().await;
    let mut skipped = entry(
        1,
        "2020-03-09T08:02:13Z",
        "eir@fjord.example",
        ("create", "skipped"),
        Scope(true, true, false, true),
    );
    skipped["provisioningSteps"][0]["details"]["appRoleAssignments"] = "Default Access".into();
    let steps = skipped["provisioningSteps"].as_array_mut().unwrap();
    steps.push(json!({"name": "EntrySynchronizationSkip", "provisioningStepType": "processing",
        "status": "skipped", "description": "Passed over.",
        "details": {"SkipReason": "NotEffectivelyEntitled"}}));
    imports.import(&[skipped]).await;
    let why = imports.why("userName:eir@fjord.example").await;
    assert_eq!(why["exists"], false);
    assert!(why["conclusion"].as_str().unwrap().contains("Default Access"), "{why}");
    assert!(why["remedy"].as_str().unwrap().contains("restart provisioning"), "{why}");
    let state = |name: &str| {
        let nodes = why["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap()["state"].clone()
    };
    for (name, expected) in [
        ("knownToSource", "yes"),
        ("assigned", "yes"),
        ("role", "no"),
        ("scopeFilters", "yes"),
        ("requested", "no"),
        ("stillSo", "no"),
    ] {
        assert_eq!(state(name), expected, "{name}: {why}");
    }
    let skips = imports.ask("/api/v1/operations?skipReason=NotEffectivelyEntitled").await;
    assert_eq!(skips["rowCount"], 1);
    assert_eq!(skips["rows"][0]["occurredAt"], "2020-03-09T08:02:13.000000Z");
    assert_eq!(skips["rows"][0]["source"], "imported");
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_imports_the_scim_evidence_alone_answers() {
    let imports = Imports::new().await;
    let lookup = "/Users?filter=userName%20eq%20%22finn@fjord.example%22";
    imports.scim("GET", lookup, &Value::Null).await;
    let why = imports.why("userName:finn@fjord.example").await;
    assert!(why["conclusion"].as_str().unwrap().contains("found none"), "{why}");
    let matched = why["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "matched");
    assert_eq!(matched.unwrap()["state"], "no", "the lookup before a create is the matching step");
    let assigned = why["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "assigned");
    assert_eq!(assigned.unwrap()["state"], "notObservable");

    imports.create("gry@fjord.example").await;
    imports.scim("POST", "/Users", &json!({"userName": "gry@fjord.example"})).await;
    let there = imports.why("userName:gry@fjord.example").await;
    assert_eq!(there["conclusion"], "The account is there and active.");
    let unknown = "/api/v1/apps/paperboat/users/userName:nobody/why";
    let unknown = imports.server.admin("GET", unknown, &Value::Null).await;
    assert_eq!(unknown.status, 404);
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_known_from_imports_alone_has_users_and_no_memberships() {
    let imports = Imports::new().await;
    let create = |id: u32, at: &str, name: &str| {
        let mut told = entry(id, at, name, ("create", "success"), IN_SCOPE);
        told["targetIdentity"]["id"] = format!("target-{name}").into();
        told["modifiedProperties"] =
            json!([{"displayName": "userName", "oldValue": null, "newValue": name}]);
        told
    };
    let (hal, ida) = ("hal@fjord.example", "ida@fjord.example");
    // Out of order: the source's time counts.
    imports
        .import(&[
            disable(3, "2026-01-20T08:00:00Z", hal, "target-hal@fjord.example", IN_SCOPE),
            create(2, "2026-01-12T08:00:00Z", ida),
            create(1, "2026-01-10T08:00:00Z", hal),
        ])
        .await;
    let check = async |at: &str, expected: &[(&str, bool)]| {
        let users = imports.ask(&format!("/api/v1/apps/paperboat/users?at={at}")).await;
        let found: Vec<_> = users["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["userName"].as_str().unwrap(), row["active"].as_bool().unwrap()))
            .collect();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{at}: {users}");
        assert_eq!(users["basis"], "imported");
        users
    };
    check("2026-01-09", &[]).await;
    check("2026-01-11", &[(hal, true)]).await;
    check("2026-01-15", &[(hal, true), (ida, true)]).await;
    let late = check("2026-01-20T08:00:00Z", &[(hal, false), (ida, true)]).await;
    assert_eq!(late["coverage"]["state"], "partial", "what lies after the import was not seen");
    let one = imports.ask("/api/v1/apps/paperboat/users/userName:hal@fjord.example").await;
    assert_eq!(one["resource"]["active"], false);
    let gaps = one["coverage"]["gaps"].as_array().unwrap();
    let told = gaps.iter().any(|gap| gap["reason"].as_str().unwrap().contains("memberships"));
    assert!(told, "{one}");
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_named_and_the_rest_goes_in() {
    let imports = Imports::new().await;
    let good =
        entry(1, "2026-01-10T08:00:00Z", "joy@fjord.example", ("create", "success"), IN_SCOPE);
    let mut bad =
        entry(2, "2026-01-10T08:00:00Z", "kai@fjord.example", ("create", "success"), IN_SCOPE);
    bad["activityDateTime"] = "yesterday, kai@fjord.example".into();
    let body = format!("{good}\n\nno json\n{bad}\n");
    let path = "/api/v1/apps/paperboat/imports";
    let done = imports.server.admin_text("POST", path, &body).await;
    assert_eq!(done.status, 200, "{done:?}");
    let counts = ["read", "new", "known", "refused"].map(|name| done.body[name].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 0, 2]);
    let refusals = done.body["refusals"].as_array().unwrap();
    assert_eq!((&refusals[0]["line"], &refusals[1]["line"]), (&json!(3), &json!(4)));
    assert_eq!(refusals[1]["path"], "activityDateTime");
    assert!(!done.body.to_string().contains("kai@"), "no value is repeated: {done:?}");

    // An auditor may not add to the record.
    let body = json!({"role": "auditor"});
    let auditor = imports.server.admin("POST", "/api/v1/tokens", &body).await;
    let auditor = auditor.body["token"].as_str().unwrap().to_owned();
    let refused = imports.server.send("POST", path, &auditor, &good).await;
    assert_eq!(refused.status, 403);
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_changes_no_recorded_state_and_a_rebuild_changes_no_answer() {
    let imports = Imports::new().await;
    let id = imports.create("lea@fjord.example").await;
    imports.pass(60);
    let users = "/api/v1/apps/paperboat/users?at=2026-03-02T09:20:00Z";
    let before = imports.ask(users).await["rows"].clone();
    let at = imports.now();
    imports.import(&[disable(1, &at, "lea@fjord.example", &id, IN_SCOPE)]).await;
    assert_eq!(imports.ask(users).await["rows"], before);
    let timeline = "/api/v1/apps/paperboat/users/userName:lea@fjord.example/timeline?limit=1";
    let first = imports.ask(timeline).await;
    assert_eq!((&first["rowCount"], &first["rows"][0]["source"]), (&json!(2), &json!("imported")));
    let next = first["next"].as_str().unwrap();
    let second = imports.ask(&format!("{timeline}&cursor={next}")).await;
    assert_eq!(second["rows"][0]["source"], "recorded");
    assert_eq!(second["next"], Value::Null);

    let questions = [
        "/api/v1/operations?to=2026-03-02T10:00:00Z",
        "/api/v1/apps/paperboat/users/userName:lea@fjord.example/why?at=2026-03-02T10:00:00Z",
    ];
    let rows = |answer: &Value| (answer["rows"].clone(), answer["resource"].clone());
    let mut told = vec![];
    for question in questions {
        told.push(rows(&imports.ask(question).await));
    }
    let folder = imports._folder;
    imports.server.close().await;
    rebuild(&folder.path().join("data"));
    let server =
        InProcess::open(&folder.path().join("data"), Timestamp(START.0 + 3_600 * SECOND)).await;
    for (question, told) in questions.iter().zip(told) {
        let answer = server.admin("GET", question, &Value::Null).await;
        assert_eq!(rows(&answer.body), told, "{question}");
    }
    server.close().await;
}

fn rebuild(data: &Path) {
    let (mut out, mut err) = (vec![], vec![]);
    let arguments = ["provlog", "rebuild", "--data", data.to_str().unwrap()].map(Into::into);
    let code = provlog::cli::run(arguments, &mut out, &mut err);
    assert_eq!(code, 0, "{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
}

/// What was imported later is not known earlier, whatever its own time, and whether or not its import
/// came to an end.
#[tokio::test(flavor = "multi_thread")]
async fn later_imports_change_no_answer_about_what_was_known() {
    let imports = Imports::new().await;
    let told = |id: u32, at: &str, name: &str| {
        let mut told = entry(id, at, name, ("create", "success"), IN_SCOPE);
        told["targetIdentity"]["id"] = format!("target-{name}").into();
        told
    };
    imports.import(&[told(1, "2026-01-10T08:00:00Z", "una@fjord.example")]).await;
    let known = imports.server.events().len() - 1;
    imports.pass(60);
    let app = "/api/v1/apps/paperboat";
    let questions = [
        "/api/v1/operations?app=paperboat&".to_owned(),
        "/api/v1/operations?from=2026-01-01&to=2026-02-01&".to_owned(),
        "/api/v1/operations?cycleId=cycle-1&".to_owned(),
        "/api/v1/coverage?".to_owned(),
        format!("{app}/users?at=2026-01-20&"),
        format!("{app}/users/userName:una@fjord.example/why?"),
        format!("{app}/users/userName:una@fjord.example/timeline?"),
    ];
    let ask = async |question: &str| {
        let mut answer = imports.ask(&format!("{question}knownAt={known}")).await;
        for name in ["generatedAt", "head"] {
            answer.as_object_mut().unwrap().remove(name);
        }
        answer
    };
    let mut before = vec![];
    for question in &questions {
        before.push(ask(question).await);
    }
    assert_eq!((&before[1]["rowCount"], &before[4]["rowCount"]), (&json!(1), &json!(1)));

    // An import that was broken off: the entry is there, and nothing says that it ended.
    let events = imports.server.events();
    let first = events.iter().find(|one| matches!(one.header.fact, event::Fact::Imported(_)));
    let mut draft = first.unwrap().clone();
    if let event::Fact::Imported(entry) = &mut draft.header.fact {
        entry.entry = "broken-off".into();
        entry.occurred_at.0 += 86_400 * SECOND;
    }
    let draft = projector::Draft {
        application: draft.header.application,
        origin: draft.header.origin,
        fact: draft.header.fact,
        parts: draft.parts,
        passed: vec![],
    };
    let decide = move |_: &projector::View<'_>, _| {
        Ok(projector::Decision { events: vec![draft], reply: () })
    };
    let durability = projector::Durability::Appended;
    imports.server.server.committer().submit(durability, decide).await.unwrap();
    for (question, told) in questions.iter().zip(&before) {
        assert_eq!(ask(question).await, *told, "{question}");
    }
    let all = imports.ask("/api/v1/operations?from=2026-01-01&to=2026-02-01").await;
    assert_eq!((&all["rowCount"], all["rows"].as_array().unwrap().len()), (&json!(2), 2));

    imports.import(&[told(2, "2026-01-05T08:00:00Z", "una@fjord.example")]).await;
    imports.import(&[told(3, "2026-01-09T08:00:00Z", "vår@fjord.example")]).await;
    for (question, told) in questions.iter().zip(&before) {
        assert_eq!(ask(question).await, *told, "{question}");
    }
    imports.server.close().await;
}

/// An entry of the audit log about the job itself.
pub(super) fn of_the_job(id: u32, at: &str, activity: &str, details: &[(&str, &str)]) -> Value {
    let details = details.iter().map(|(key, value)| json!({"key": key, "value": value}));
    json!({
        "id": format!("Sync_{id}"), "activityDateTime": at, "category": "ProvisioningManagement",
        "activityDisplayName": activity, "result": "success", "resultReason": "",
        "initiatedBy": {"app": null, "user": {"id": "admin-1", "displayName": "Ada Moe"}},
        "targetResources": [{"id": "sp-1", "displayName": "Paperboat", "type": "ServicePrincipal",
            "modifiedProperties": [{"displayName": "SyncAll", "oldValue": null, "newValue": "true"}]}],
        "additionalDetails": details.collect::<Vec<_>>(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_lasts_until_something_ends_it() {
    let imports = Imports::new().await;
    let id = imports.create("nora@fjord.example").await;
    let mut number = 0;
    let mut told = async |activity: &str, details: &[(&str, &str)]| {
        imports.pass(60);
        number += 1;
        imports.import(&[of_the_job(number, &imports.now(), activity, details)]).await;
        imports.now()
    };
    let job = async || imports.ask("/api/v1/jobs/paperboat").await["resource"].clone();
    let free = async || {
        let job = job().await;
        assert_eq!((&job["state"], &job["quarantine"]), (&json!("active"), &Value::Null));
    };
    told("Update attribute mappings or scope", &[("ErrorCode", "None")]).await;
    free().await;

    // Whatever the activity is called, kept up once, for another reason.
    let since = told(" QUARANTINE", &[("Details", "The credentials are refused.")]).await;
    let code = "EncounteredEscrowProportionThreshold";
    told("Synchronization rule action", &[("ErrorCode", code)]).await;
    let one = job().await;
    assert_eq!(
        (&one["state"], &one["quarantine"]["since"]),
        (&json!("quarantined"), &json!(since))
    );
    assert_eq!(one["quarantine"]["reason"], code);
    let seq = &one["quarantine"]["seq"];
    let first = imports.ask(&format!("/api/v1/operations/{seq}")).await["resource"].clone();
    assert_eq!((&first["occurredAt"], &first["actorName"]), (&json!(since), &json!("Ada Moe")));
    assert_eq!(
        first["changes"],
        json!([{"path": "SyncAll", "op": "add", "oldValue": null,
                                         "newValue": "true"}])
    );

    // Neither a failure nor other settings end it; a restart does.
    let failed = ("create", "failure");
    let at = imports.now();
    imports.import(&[entry(1, &at, "nora@fjord.example", failed, IN_SCOPE)]).await;
    told("Update provisioning setting or credentials", &[]).await;
    assert_eq!(job().await["state"], "quarantined");
    told("Enable/restart provisioning configuration", &[]).await;
    free().await;
    // What the provider says that it wrote does.
    told("Quarantine", &[]).await;
    assert_eq!(job().await["state"], "quarantined");
    imports.pass(60);
    let done = ("update", "success");
    imports.import(&[entry(2, &imports.now(), "nora@fjord.example", done, IN_SCOPE)]).await;
    free().await;
    // So does what it wrote here; what it reads is only a try.
    told("Quarantine", &[]).await;
    imports.pass(60);
    imports.scim("GET", &format!("/Users/{id}"), &Value::Null).await;
    assert_eq!(job().await["state"], "quarantined");
    imports.switch_off(&id).await;
    free().await;
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_logs_are_told_apart() {
    let imports = Imports::new().await;
    imports.create("pia@fjord.example").await;
    let at = "2026-03-01T08:00:00Z";
    let done = ("update", "success");
    imports
        .import(&[
            entry(1, at, "pia@fjord.example", done, IN_SCOPE),
            of_the_job(1, at, "Update attribute mappings or scope", &[]),
            of_the_job(2, "2026-02-01T08:00:00Z", "Add provisioning configuration", &[]),
        ])
        .await;
    let count = async |query: &str| {
        let answer = imports.ask(&format!("/api/v1/operations?{query}")).await;
        let rows = answer["rows"].as_array().unwrap().len();
        assert_eq!(answer["rowCount"], rows, "{query}");
        for row in answer["rows"].as_array().unwrap() {
            let log = row["log"].as_str();
            assert!(log.is_none_or(|log| query.contains(&format!("log={log}"))), "{query}: {row}");
        }
        rows
    };
    assert_eq!(count("log=provisioning").await, 1);
    assert_eq!(count("log=directoryAudit").await, 2);
    assert_eq!(count("log=directoryAudit&app=paperboat&from=2026-02-15").await, 1);
    assert_eq!(count("log=directoryAudit&source=recorded").await, 0, "no log has what we recorded");
    let refused = imports.server.admin("GET", "/api/v1/operations?log=audits", &Value::Null).await;
    assert_eq!(refused.status, 400);
    let told = refused.body["detail"].as_str().unwrap();
    assert_eq!(told, "parameter `log` takes provisioning or directoryAudit");
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_an_application_known_from_imports_alone_have_no_members() {
    let imports = Imports::new().await;
    let mut told = entry(1, "2026-01-10T08:00:00Z", "Deck crew", ("create", "success"), IN_SCOPE);
    told["sourceIdentity"]["identityType"] = "Group".into();
    told["targetIdentity"] = json!({"id": "target-crew", "displayName": "", "identityType":
        "urn:ietf:params:scim:schemas:core:2.0:Group", "details": {}});
    imports.import(&[told]).await;
    let groups = imports.ask("/api/v1/apps/paperboat/groups?at=2026-01-11").await;
    assert_eq!((&groups["basis"], &groups["rowCount"]), (&json!("imported"), &json!(1)));
    let row = &groups["rows"][0];
    assert_eq!(
        (&row["groupId"], &row["displayName"]),
        (&json!("target-crew"), &json!("Deck crew"))
    );
    assert_eq!((&row["memberCount"], &row["startKnown"]), (&Value::Null, &json!(false)));
    let gaps = groups["coverage"]["gaps"].to_string();
    assert!(gaps.contains("memberships are not observable"), "{groups}");
    let before = imports.ask("/api/v1/apps/paperboat/groups?at=2026-01-09").await;
    assert_eq!(before["rowCount"], 0);
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_an_application_known_from_imports_alone_is_shown_as_the_log_tells_it() {
    let imports = Imports::new().await;
    let target = json!({"id": "target-crew", "displayName": "", "identityType":
        "urn:ietf:params:scim:schemas:core:2.0:Group", "details": {}});
    let told = |place, time, what| {
        let mut told = entry(place, time, "Deck crew", (what, "success"), IN_SCOPE);
        told["sourceIdentity"]["identityType"] = "Group".into();
        told["targetIdentity"] = target.clone();
        told
    };
    imports
        .import(&[
            told(1, "2026-01-10T08:00:00Z", "create"),
            told(2, "2026-01-20T08:00:00Z", "delete"),
        ])
        .await;
    let group = async |name: &str, at: &str| {
        imports.ask(&format!("/api/v1/apps/paperboat/groups/{name}?at={at}")).await
    };
    let there = group("target-crew", "2026-01-11").await;
    assert_eq!((&there["exists"], &there["basis"]), (&json!("yes"), &json!("imported")));
    assert_eq!((&there["startKnown"], &there["rowCount"]), (&json!(false), &json!(1)));
    let resource = &there["resource"];
    assert_eq!(
        (&resource["id"], &resource["displayName"]),
        (&json!("target-crew"), &json!("Deck crew"))
    );
    // What a user alone has.
    assert!(resource.get("active").is_none() && resource.get("userName").is_none(), "{there}");
    let row = imports.ask("/api/v1/apps/paperboat/groups?at=2026-01-11").await["rows"][0].clone();
    assert_eq!(there["existsSeq"], row["createdSeq"]);
    let gaps = there["coverage"]["gaps"].to_string();
    assert!(gaps.contains("memberships are not observable"), "{there}");
    assert_eq!(group("displayName:Deck%20crew", "2026-01-11").await["resource"], *resource);

    let before = group("target-crew", "2026-01-09").await;
    assert_eq!((&before["exists"], &before["existsSeq"]), (&json!("no"), &Value::Null));
    assert_eq!((&before["resource"], &before["rowCount"]), (&Value::Null, &json!(0)));
    let after = group("target-crew", "2026-01-21").await;
    assert_eq!((&after["exists"], &after["resource"]), (&json!("deleted"), &Value::Null));
    assert!(after["existsSeq"].as_u64() > there["existsSeq"].as_u64(), "{after}");
    let path = "/api/v1/apps/paperboat/groups/displayName:Nobody";
    assert_eq!(imports.server.admin("GET", path, &Value::Null).await.status, 404);
    imports.server.close().await;
}

/// The files of each form, as they are exported.
pub(super) const FORMS: [(&str, &[&str]); 6] = [
    ("graph", &["graph.json"]),
    ("portal-json", &["portal-json.json"]),
    (
        "portal-csv",
        &[
            "portal-csv.ProvisioningLogs.csv",
            "portal-csv.ProvisioningLogs_ModifiedProperties.csv",
            "portal-csv.ProvisioningLogs_ProvisioningSteps.csv",
        ],
    ),
    ("stream", &["stream.json"]),
    ("log-analytics", &["log-analytics.json"]),
    ("audit", &["audit.json"]),
];

#[test]
fn each_form_is_imported_once_by_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = crate::harness::server::Server::start(&folder.path().join("data"));
    let token = folder.path().join("data/admin.token");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/import");
    for (form, files) in FORMS {
        server.add_app(form);
        let import = |files: &[std::path::PathBuf]| {
            let mut arguments =
                vec!["provlog".into(), "import".into(), "--app".into(), form.into()];
            arguments.extend(files.iter().map(|file| file.clone().into_os_string()));
            if form == "portal-csv" {
                // Its entries are all of 3/9/2026, which may be in March or in September.
                arguments.extend(["--dates", "mdy"].map(Into::into));
            }
            arguments.extend(["--json", "--server", &server.url, "--token-file"].map(Into::into));
            arguments.push(token.clone().into_os_string());
            let (mut out, mut err) = (vec![], vec![]);
            let code = provlog::run(arguments, &mut out, &mut err);
            let told: Value = serde_json::from_slice(&out)
                .unwrap_or_else(|_| panic!("{form}: {}", String::from_utf8_lossy(&err)));
            (code, told)
        };
        let paths: Vec<_> = files.iter().map(|file| data.join(file)).collect();
        let (code, first) = import(&paths);
        assert_eq!((code, &first["refused"]), (0, &json!(0)), "{form}: {first}");
        let read = first["read"].as_u64().unwrap();
        assert!(read >= 3 && first["new"] == read, "{form}: {first}");
        let (_, again) = import(&paths);
        assert_eq!((&again["new"], &again["known"]), (&json!(0), &json!(read)), "{form}: {again}");

        // One record is broken: it is named with its file and line, and the others go in.
        if form == "graph" {
            server.add_app("broken");
            let text = std::fs::read_to_string(&paths[0]).unwrap();
            let place = text.match_indices("\"activityDateTime\"").nth(1).unwrap().0;
            let broken = format!("{}\"activityDateTime\" 7{}", &text[..place], &text[place + 18..]);
            let file = folder.path().join("broken.json");
            std::fs::write(&file, broken).unwrap();
            let mut arguments: Vec<std::ffi::OsString> =
                ["provlog", "import", "--app", "broken"].map(Into::into).to_vec();
            arguments.push(file.clone().into_os_string());
            arguments.extend(["--server", &server.url, "--token-file"].map(Into::into));
            arguments.push(token.clone().into_os_string());
            let (mut out, mut err) = (vec![], vec![]);
            assert_eq!(provlog::run(arguments, &mut out, &mut err), 1);
            let told = String::from_utf8(out).unwrap();
            let line =
                1 + text[..text[..place].rfind("\n    {").unwrap() + 1].matches('\n').count();
            let expected = format!("{read} read: {} new, 0 known, 1 refused", read - 1);
            assert!(told.starts_with(&expected), "{told}");
            assert!(told.contains(&format!("{}:{line}: ", file.display())), "{line}: {told}");
        }
    }
    server.stop();
}

/// An import may give somebody who was known before another id. What was known before the import had no
/// such id.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_an_import_tells_was_not_known_before_it() {
    let imports = Imports::new().await;
    imports.create("mira").await;
    let before = imports.ask("/api/v1/operations?limit=1").await["atSeq"].as_u64().unwrap();
    let path = |known: u64| format!("/api/v1/apps/paperboat/users/elsewhere-1/why?knownAt={known}");
    let status = async |known| {
        let answer = imports.server.admin("GET", &path(known), &Value::Null).await;
        (answer.status, answer.body["detail"].clone())
    };
    imports.pass(3600);
    let earlier = status(before).await;
    assert_eq!(earlier.0, 404);
    let told = disable(1, &imports.now(), "mira", "elsewhere-1", IN_SCOPE);
    assert_eq!(imports.import(&[told]).await["new"], 1);
    let after = imports.ask("/api/v1/operations?limit=1").await["atSeq"].as_u64().unwrap();
    assert_eq!(status(after).await.0, 200, "the import told who that is");
    assert_eq!(status(before).await, earlier);
}

/// Who was only looked for stands on the record alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_why_without_imports_stands_on_the_record() {
    let imports = Imports::new().await;
    imports.scim("GET", "/Users?filter=userName%20eq%20%22ole%22", &Value::Null).await;
    let why = imports.why("userName:ole").await;
    assert_eq!((&why["basis"], &why["exists"]), (&json!("recorded"), &json!(false)));
}

/// An account that was made switched off has the cause that the entry of its creation tells.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_never_on_has_a_cause() {
    let imports = Imports::new().await;
    let body = json!({"userName": "nils", "displayName": "nils", "active": false});
    let id = imports.scim("POST", "/Users", &body).await["id"].as_str().unwrap().to_owned();
    let mut told = entry(1, &imports.now(), "nils", ("create", "success"), IN_SCOPE);
    told["targetIdentity"]["id"] = id.as_str().into();
    told["provisioningSteps"][0]["details"]["accountEnabled"] = "False".into();
    assert_eq!(imports.why(&id).await["cause"]["kind"], Value::Null);
    assert_eq!(imports.import(&[told]).await["new"], 1);
    assert_eq!(imports.why(&id).await["cause"]["kind"], "disabledAtSource");
}

/// Somebody whom only imports tell of, and who was renamed at the source, is found by both names.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_renamed_at_the_source_is_found_by_both_names() {
    let imports = Imports::new().await;
    let mut before = entry(1, &imports.now(), "ida.berg", ("create", "success"), IN_SCOPE);
    imports.pass(60);
    let mut after = entry(2, &imports.now(), "ida.lund", ("update", "success"), IN_SCOPE);
    for entry in [&mut before, &mut after] {
        entry["sourceIdentity"]["id"] = "source-1".into();
        entry["targetIdentity"]["id"] = "target-1".into();
    }
    assert_eq!(imports.import(&[before, after]).await["new"], 2);
    for name in ["ida.berg", "ida.lund"] {
        let path = format!("/api/v1/apps/paperboat/users/userName:{name}");
        let found = imports.ask(&path).await;
        assert_eq!(found["resource"]["userName"], "ida.lund", "{name}: {found}");
    }
}
