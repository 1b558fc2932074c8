//! Edge cases of imports: which application an entry belongs to, which account, and when.

use serde_json::{Value, json};

use super::imports::{IN_SCOPE, Imports, Scope, disable, entry, of_the_job};

const PATH: &str = "/api/v1/apps/paperboat/imports";

/// Posts records; returns status and answer.
async fn post(imports: &Imports, query: &str, records: &[Value]) -> (u16, Value) {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let path = format!("{PATH}?run=9{query}");
    let answer = imports.server.admin_text("POST", &path, &lines.join("\n")).await;
    (answer.status, answer.body)
}

fn counts(done: &Value) -> [u64; 6] {
    ["read", "new", "known", "refused", "passedOver", "ofOtherApplications"]
        .map(|name| done[name].as_u64().unwrap())
}

/// An entry of a service principal about one person.
fn of(principal: &str, id: &str, at: &str, action: &str, target: &str) -> Value {
    json!({"id": id, "activityDateTime": at, "provisioningAction": action,
        "provisioningStatusInfo": {"status": "success"},
        "servicePrincipal": {"id": principal, "displayName": format!("App {principal}")},
        "sourceIdentity": {"id": "s-1", "identityType": "User",
            "details": {"UserPrincipalName": "wren@tern.example"}},
        "targetIdentity": {"id": target}})
}

/// A log of a whole tenant: nothing is imported until the application is known, and then only its
/// entries.
#[tokio::test(flavor = "multi_thread")]
async fn entries_of_other_applications_are_kept_out() {
    let imports = Imports::new().await;
    let own = of("sp-a", "t-1", "2026-02-14T08:02:11Z", "create", "tw-1");
    let mut other = of("sp-b", "t-2", "2026-02-15T08:04:11Z", "disable", "gp-1");
    other["modifiedProperties"] =
        json!([{"displayName": "active", "oldValue": "True", "newValue": "False"}]);
    let tenant = [own.clone(), other.clone()];
    let (status, refused) = post(&imports, "", &tenant).await;
    assert_eq!(status, 400, "{refused}");
    assert_eq!(refused["candidates"], json!(["sp-a", "sp-b"]));
    for told in ["sp-a (App sp-a): 1 entries", "servicePrincipal"] {
        assert!(refused["detail"].as_str().unwrap().contains(told), "{refused}");
    }
    let operations = "/api/v1/operations?source=imported&app=paperboat";
    assert_eq!(imports.ask(operations).await["rowCount"], 0, "nothing went in");

    let (_, done) = post(&imports, "&servicePrincipal=sp-a&list=others", &tenant).await;
    assert_eq!(counts(&done), [2, 1, 0, 0, 0, 1]);
    let principal =
        json!({"servicePrincipal": "sp-b", "displayName": "App sp-b", "entries": 1, "joined": 0});
    assert_eq!(done["otherApplications"], json!([principal]));
    assert_eq!(done["others"], json!([{"line": 2, "entryId": "t-2", "servicePrincipal": "sp-b"}]));
    // From then on it is known, and entries of other applications are ignored.
    let app = imports.ask("/api/v1/apps/paperboat").await;
    assert_eq!(app["resource"]["servicePrincipal"], "sp-a");
    let quarantined = {
        let mut audit = of_the_job(1, "2026-02-16T08:00:00Z", "Quarantine", &[]);
        audit["targetResources"][0]["id"] = "sp-b".into();
        audit
    };
    let (_, again) = post(&imports, "", &[own.clone(), other.clone(), quarantined]).await;
    assert_eq!((counts(&again), &again["others"]), ([3, 0, 1, 0, 0, 2], &json!([])));
    let why = imports.why("userName:wren@tern.example").await;
    assert_eq!((&why["exists"], &why["active"]), (&json!(true), &json!(true)), "{why}");
    assert_eq!(imports.ask("/api/v1/jobs/paperboat").await["resource"]["quarantine"], Value::Null);
    // An entry that names none is accepted; another service principal cannot be chosen.
    let mut silent = of("", "t-3", "2026-02-16T08:00:00Z", "update", "tw-1");
    silent.as_object_mut().unwrap().remove("servicePrincipal");
    assert_eq!(counts(&post(&imports, "", &[silent]).await.1), [1, 1, 0, 0, 0, 0]);
    assert_eq!(post(&imports, "&servicePrincipal=sp-b", &tenant).await.0, 400);
    let change = json!({"servicePrincipal": "sp-b"});
    let changed = imports.server.admin("PATCH", "/api/v1/apps/paperboat", &change).await;
    assert_eq!((changed.status, &changed.body["servicePrincipal"]), (200, &json!("sp-b")));
    assert_eq!(counts(&post(&imports, "", &tenant).await.1), [2, 1, 0, 0, 0, 1]);
    let wrong = imports.server.admin("PATCH", "/api/v1/apps/paperboat", &json!({"x": 1})).await;
    assert_eq!(wrong.status, 400);
    imports.server.close().await;
}

/// An entry that names its application only by display name, or not at all, is kept out if the import
/// has entries of others.
#[tokio::test(flavor = "multi_thread")]
async fn entries_without_a_service_principal_are_kept_out_beside_others() {
    let imports = Imports::new().await;
    let own = |id: &str| of("sp-a", id, "2026-02-14T08:02:11Z", "create", "tw-1");
    let with = |id: &str, principal: Value| {
        let mut entry = own(id);
        entry["servicePrincipal"] = principal;
        entry
    };
    let name = |id: &str, name: &str| with(id, json!({"displayName": name}));
    let others =
        |done: &Value| -> Vec<Value> { done["otherApplications"].as_array().unwrap().to_vec() };
    // Two names are ambiguous; choosing one imports its entries.
    let names = [name("n-1", "App sp-a"), name("n-2", "App sp-b"), with("n-3", json!("App sp-b"))];
    let (status, refused) = post(&imports, "", &names).await;
    assert_eq!(
        (status, &refused["candidates"]),
        (400, &json!(["App sp-b", "App sp-a"])),
        "{refused}"
    );
    imports.server.add_app("raft").await;
    let raft = async |records: &[Value]| {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        let path = "/api/v1/apps/raft/imports?servicePrincipal=app%20sp-a";
        imports.server.admin_text("POST", path, &lines.join("\n")).await.body
    };
    let done = raft(&names).await;
    assert_eq!(counts(&done), [3, 1, 0, 0, 0, 2], "{done}");
    assert_eq!(
        others(&done),
        [json!({"servicePrincipal": null, "displayName": "App sp-b",
        "entries": 2, "joined": 0})]
    );
    // One entry has an id beside the name.
    let ids = [own("n-4"), of("sp-b", "n-5", "2026-02-14T08:02:11Z", "create", "gp-1")];
    assert_eq!(counts(&raft(&ids).await), [2, 1, 0, 0, 0, 1]);

    // Chosen by id, in other letter case: the entry with id and name tells whose the name is.
    let mixed =
        [name("m-1", "App sp-b"), name("m-2", "App sp-a"), own("m-3"), with("m-4", Value::Null)];
    let (_, done) = post(&imports, "&servicePrincipal=SP-A&list=others", &mixed).await;
    assert_eq!(counts(&done), [4, 2, 0, 0, 0, 2], "{done}");
    let kept_out: Vec<_> = done["others"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["entryId"].clone(), one["servicePrincipal"].clone()))
        .collect();
    assert_eq!(kept_out, [(json!("m-1"), json!("App sp-b")), (json!("m-4"), Value::Null)]);
    // Without entries of others they are accepted.
    for alone in
        [[name("a-1", "App sp-b"), name("a-2", "App sp-b")], [own("a-3"), with("a-4", Value::Null)]]
    {
        let (_, done) = post(&imports, "&servicePrincipal=sp-a", &alone).await;
        assert_eq!(counts(&done), [2, 2, 0, 0, 0, 0], "{done}");
    }
    let names = [name("b-1", "App sp-b"), name("b-2", "App sp-c")];
    assert_eq!(counts(&post(&imports, "", &names).await.1), [2, 0, 0, 0, 0, 2]);
    imports.server.close().await;
}

/// A value that the provider redacts is no value: it names nobody and joins no two people.
#[tokio::test(flavor = "multi_thread")]
async fn a_redacted_value_is_no_value() {
    let imports = Imports::new().await;
    let create = |name: &str, at: &str| {
        let written =
            |path: &str, new: &str| json!({"displayName": path, "oldValue": null, "newValue": new});
        json!({"id": format!("{name}-{at}"), "activityDateTime": at, "provisioningAction": "create",
            "provisioningStatusInfo": {"status": "success"},
            "sourceIdentity": {"id": format!("s-{name}"), "identityType": "User",
                "details": {"UserPrincipalName": format!("{name}@tern.example")}},
            "modifiedProperties": [written("userName", "[Redact]"), written("externalId", "[Redact]"),
                written("title", &format!("Title of {name}"))]})
    };
    let mut later = create("wren", "2026-02-16T08:00:00Z");
    later["provisioningAction"] = "update".into();
    later["modifiedProperties"] =
        json!([{"displayName": "title", "oldValue": "[Redact]", "newValue": "[Redact]"}]);
    let entries =
        [create("wren", "2026-02-14T08:00:00Z"), create("ilse", "2026-02-15T08:00:00Z"), later];
    assert_eq!(counts(&post(&imports, "", &entries).await.1), [3, 3, 0, 0, 0, 0]);
    let users = imports.ask("/api/v1/apps/paperboat/users").await;
    let names: Vec<_> =
        users["rows"].as_array().unwrap().iter().map(|row| &row["userName"]).collect();
    assert_eq!(names, ["wren@tern.example", "ilse@tern.example"]);
    let title = async |user: &str| {
        let path = format!("/api/v1/apps/paperboat/users/userName:{user}@tern.example");
        imports.ask(&path).await["resource"]["title"].clone()
    };
    assert_eq!(title("ilse").await, "Title of ilse");
    assert_eq!(title("wren").await, Value::Null, "which took the place of the other is not told");
    imports.server.close().await;
}

/// The same entry with an id in other letter case is known.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_known_by_its_id_in_both_letter_cases() {
    let imports = Imports::new().await;
    let id = "6f0c9e0a-2f3d-4c55-9f0e-1a2b3c4d5e10";
    for (id, expected) in
        [(id.to_uppercase(), [1, 1, 0, 0, 0, 0]), (id.to_owned(), [1, 0, 1, 0, 0, 0])]
    {
        let (_, done) =
            post(&imports, "", &[of("sp-a", &id, "2026-02-14T08:02:11Z", "create", "1")]).await;
        assert_eq!(counts(&done), expected, "{id}");
    }
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_learns_its_service_principal_from_matching_requests() {
    let imports = Imports::new().await;
    let id = imports.create("wren@tern.example").await;
    let at = imports.now();
    let other = of("sp-b", "t-2", &at, "create", "12");
    let own = of("sp-a", "t-1", &at, "create", &id);
    // A check records nothing and says what an import would learn.
    let (_, check) = post(&imports, "&check=true", &[other.clone(), own.clone()]).await;
    assert_eq!(check["servicePrincipal"], Value::Null);
    let joined: Vec<_> = check["otherApplications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["servicePrincipal"].as_str().unwrap(), one["joined"].as_u64().unwrap()))
        .collect();
    assert_eq!(joined, [("sp-b", 0), ("sp-a", 1)]);
    let (_, done) = post(&imports, "", &[other, own]).await;
    assert_eq!((counts(&done), &done["servicePrincipal"]), ([2, 1, 0, 0, 0, 1], &json!("sp-a")));
    // With one service principal imported before and a new one, the choice is ambiguous.
    imports.server.add_app("raft").await;
    let raft = async |records: &[Value]| {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        let path = "/api/v1/apps/raft/imports";
        imports.server.admin_text("POST", path, &lines.join("\n")).await.status
    };
    assert_eq!(raft(&[of("sp-a", "t-1", &at, "create", "1")]).await, 200);
    assert_eq!(raft(&[of("sp-b", "t-2", &at, "create", "1")]).await, 400);
    assert_eq!(raft(&[of("sp-a", "t-3", &at, "update", "1")]).await, 200);
    imports.server.close().await;
}

/// Of several entries that match a request the most certain one counts; one about another account does
/// not match.
#[tokio::test(flavor = "multi_thread")]
async fn the_most_certain_entry_counts_and_another_account_excludes_one() {
    let imports = Imports::new().await;
    let id = imports.create("ada@fjord.example").await;
    imports.pass(600);
    imports.switch_off(&id).await;
    let at = imports.now();
    let unassigned = Scope::of([true, false, false, true]);
    let filtered = Scope::of([true, true, true, false]);
    let sure = disable(1, &at, "ada@fjord.example", &id, unassigned);
    imports.pass(60);
    // Newer, but it does not name the account.
    let mut unsure = disable(2, &imports.now(), "ada@fjord.example", "", filtered);
    unsure["cycleId"] = "cycle-2".into();
    let mut elsewhere = disable(3, &imports.now(), "ada@fjord.example", "gp-1", filtered);
    elsewhere["cycleId"] = "cycle-3".into();
    assert_eq!(imports.import(&[sure, unsure, elsewhere]).await["new"], 3);
    let why = imports.why(&id).await;
    assert_eq!(why["cause"]["kind"], "unassigned", "{why}");
    let request = imports.ask(&format!("/api/v1/operations/{}", why["cause"]["seqs"][0])).await;
    let request = &request["resource"];
    assert_eq!(request["cycleId"], "cycle-1", "{request}");
    let told: Vec<_> = request["explainedBy"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["confidence"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["certain", "probable"]);
    let rows = imports.ask("/api/v1/operations?source=imported&app=paperboat").await;
    for row in rows["rows"].as_array().unwrap().iter().filter(|row| row["cycleId"] == "cycle-3") {
        let one = imports.ask(&format!("/api/v1/operations/{}", row["seq"])).await;
        assert_eq!(one["resource"]["explains"], Value::Null);
    }
    imports.server.close().await;
}

/// A user and a group may have the same id, in whatever order the entries come.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_names_one_user_and_one_group() {
    let user = |id: &str, name: &str| {
        let mut told = of("sp-a", id, "2026-02-14T08:02:11Z", "create", "12");
        told["sourceIdentity"]["details"]["UserPrincipalName"] = name.into();
        told
    };
    let group = json!({"id": "i-2", "activityDateTime": "2026-02-14T09:02:11Z",
        "provisioningAction": "create", "provisioningStatusInfo": {"status": "success"},
        "servicePrincipal": {"id": "sp-a"},
        "sourceIdentity": {"id": "s-9", "displayName": "Deck Crew", "identityType": "Group"},
        "targetIdentity": {"id": "12"}});
    let mut later = user("i-3", "wren@tern.example");
    later["provisioningAction"] = "disable".into();
    later["activityDateTime"] = "2026-02-15T09:02:11Z".into();
    for entries in [
        vec![user("i-1", "wren@tern.example"), group.clone(), later.clone()],
        vec![group.clone(), user("i-1", "wren@tern.example"), later.clone()],
        vec![group.clone(), later.clone(), user("i-1", "wren@tern.example")],
    ] {
        for together in [true, false] {
            let imports = Imports::new().await;
            match together {
                true => assert_eq!(imports.import(&entries).await["new"], 3),
                false => {
                    for one in &entries {
                        assert_eq!(imports.import(std::slice::from_ref(one)).await["new"], 1);
                    }
                }
            }
            let at = "at=2026-02-20";
            let users = imports.ask(&format!("/api/v1/apps/paperboat/users?{at}")).await;
            assert_eq!(users["rowCount"], 1, "{users}");
            assert_eq!(users["rows"][0]["userName"], "wren@tern.example");
            assert_eq!(users["rows"][0]["active"], false);
            let groups = imports.ask(&format!("/api/v1/apps/paperboat/groups?{at}")).await;
            assert_eq!(groups["rowCount"], 1, "{groups}");
            assert_eq!(groups["rows"][0]["displayName"], "Deck Crew");
            let one = imports.ask(&format!("/api/v1/apps/paperboat/users/12?{at}")).await;
            assert_eq!(one["resource"]["userName"], "wren@tern.example");
            imports.server.close().await;
        }
    }
}

/// An account that an entry read in the application exists, although no entry created it.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_an_entry_read_exists() {
    let seen = json!({"id": "r-1", "activityDateTime": "2026-02-14T08:02:11Z",
        "provisioningAction": "other", "provisioningStatusInfo": {"status": "skipped"},
        "provisioningSteps": [
            {"name": "EntryImport", "provisioningStepType": "matching", "status": "success",
             "details": {"id": "tw-1", "userName": "wren@tern.example", "active": "True"}},
            {"name": "EntrySynchronizationSkip", "provisioningStepType": "export", "status": "skipped",
             "details": {"SkipReason": "RedundantExport"}}],
        "sourceIdentity": {"id": "s-1", "displayName": "Wren", "identityType": "User",
            "details": {"UserPrincipalName": "wren@tern.example"}},
        "targetIdentity": {"id": "tw-1"}});
    let mut bare = seen.clone();
    bare["provisioningSteps"].as_array_mut().unwrap().remove(0);
    let mut off = seen.clone();
    off["provisioningSteps"][0]["details"]["active"] = "False".into();
    off["provisioningSteps"][0]["name"] = "EntryImportByMatchingProperty".into();
    for (told, active) in [(&seen, true), (&bare, true), (&off, false)] {
        let imports = Imports::new().await;
        imports.import(std::slice::from_ref(told)).await;
        let users = imports.ask("/api/v1/apps/paperboat/users?at=2026-02-20").await;
        assert_eq!(users["rowCount"], 1, "{users}");
        let row = &users["rows"][0];
        assert_eq!((&row["userId"], &row["active"]), (&json!("tw-1"), &json!(active)));
        assert_eq!(row["startKnown"], false);
        let one = imports.ask("/api/v1/apps/paperboat/users/userName:wren@tern.example").await;
        assert_eq!((&one["exists"], &one["startKnown"]), (&json!("yes"), &json!(false)));
        let why = imports.why("userName:wren@tern.example").await;
        assert_eq!((&why["exists"], &why["active"]), (&json!(true), &json!(active)), "{why}");
        let nodes = why["nodes"].as_array().unwrap();
        let state =
            |name: &str| nodes.iter().find(|node| node["name"] == name).unwrap()["state"].clone();
        assert_eq!(state("matched"), "yes", "{why}");
        assert_eq!(state("stillSo"), if active { "yes" } else { "no" });
        let before = imports.ask("/api/v1/apps/paperboat/users?at=2026-02-13").await;
        assert_eq!(before["rowCount"], 0);
        imports.server.close().await;
    }
}

/// A name is read from any place in an entry.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_a_step_is_shown_like_one_in_the_identity() {
    for (step, member) in [
        ("EntryExportAdd", "ReportableIdentifier"),
        ("EntryImportByMatchingProperty", "userName"),
        ("EntryImportByJoiningProperty", "userPrincipalName"),
    ] {
        let imports = Imports::new().await;
        let mut told = entry(1, "2026-02-14T08:02:11Z", "x", ("create", "success"), IN_SCOPE);
        told["sourceIdentity"] = json!({"id": "s-1", "identityType": "User"});
        told["targetIdentity"]["id"] = "tw-1".into();
        told["provisioningSteps"] =
            json!([{"name": step, "details": {member: "wren@tern.example"}}]);
        imports.import(&[told]).await;
        let rows = imports.ask("/api/v1/operations?source=imported").await;
        assert_eq!(rows["rows"][0]["userName"], "wren@tern.example", "{step}: {rows}");
        let users = imports.ask("/api/v1/apps/paperboat/users?at=2026-02-20").await;
        assert_eq!(users["rows"][0]["userName"], "wren@tern.example", "{step}: {users}");
        imports.server.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_entries_are_flagged_and_other_logs_are_skipped() {
    let imports = Imports::new().await;
    let cut = json!({"TimeGenerated": "2026-02-17T10:06:02Z", "Id": "x-1", "ProvisioningAction": "create",
        "ResultType": "Success", "ProvisioningSteps": "[{\"name\":\"EntryImportAdd\",\"det"});
    let sign_in = json!({"TimeGenerated": "2026-02-18T10:06:02Z", "Id": "si-1", "Category": "SignInLogs",
        "OperationName": "Sign-in activity", "ResultType": "0", "CorrelationId": "c0"});
    let (status, done) = post(&imports, "", &[cut, sign_in]).await;
    assert_eq!((status, counts(&done)), (200, [2, 1, 0, 0, 1, 0]), "{done}");
    let rows = imports.ask("/api/v1/operations?source=imported").await;
    assert_eq!(rows["rowCount"], 1);
    let flag = json!([{"kind": "irregular", "path": "provisioningSteps"}]);
    assert_eq!(rows["rows"][0]["flags"], flag);
    let one = imports.ask(&format!("/api/v1/operations/{}", rows["rows"][0]["seq"])).await;
    let kept = &one["resource"]["entry"]["irregular"]["provisioningSteps"];
    assert!(kept.as_str().unwrap().ends_with("\"det"), "{one}");
    let graph = imports.server.admin("GET", "/v1.0/auditLogs/provisioning", &Value::Null).await;
    assert_eq!(graph.body["value"].as_array().unwrap().len(), 1, "{graph:?}");
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_is_far_ahead_is_refused() {
    let imports = Imports::new().await;
    let at = |seconds: i64| {
        let now = imports.server.clock.now();
        event::Timestamp(now.0 + seconds * 1_000_000).to_string()
    };
    let told = |id: &str, at: String| json!({"id": id, "activityDateTime": at, "provisioningAction": "create"});
    let records =
        [told("a", at(86_400)), told("b", at(86_401)), told("c", "2031-01-01T00:00:00Z".into())];
    let (_, done) = post(&imports, "", &records).await;
    assert_eq!(counts(&done), [3, 1, 0, 2, 0, 0], "{done}");
    let lines: Vec<_> =
        done["refusals"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!(lines, [2, 3]);
    assert!(done["refusals"][0]["what"].as_str().unwrap().contains("a day ahead"), "{done}");
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_of_dates_holds_for_all_records() {
    let imports = Imports::new().await;
    let told = |id: &str, at: &str| json!({"Id": id, "TimeGenerated": at, "ProvisioningAction": "create", "ResultType": "Success"});
    let open = [told("d-1", "05/01/2026 08:00:00"), told("d-2", "06/01/2026 08:00:00")];
    let (status, refused) = post(&imports, "", &open).await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("dmy or mdy"), "{refused}");
    let decided = [open[0].clone(), told("d-3", "25/01/2026 08:00:00")];
    assert_eq!(counts(&post(&imports, "", &decided).await.1), [2, 2, 0, 0, 0, 0]);
    let (_, done) = post(&imports, "&dates=mdy", &open[1..]).await;
    assert_eq!(counts(&done), [1, 0, 0, 1, 0, 0], "1 June has not come");
    assert_eq!(post(&imports, "&dates=dmy", &open[1..]).await.1["new"], 1);
    let rows = imports.ask("/api/v1/operations?source=imported").await;
    let times: Vec<_> = rows["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["occurredAt"].as_str().unwrap()[..10].to_owned())
        .collect();
    assert_eq!(times, ["2026-01-25", "2026-01-06", "2026-01-05"]);
    assert_eq!(post(&imports, "&dates=ymd", &open).await.0, 400);
    // Other date formats need no order.
    let others = [
        json!({"id": "n-1", "activityDateTime": "/Date(1767600000000)/", "provisioningAction": "create"}),
        json!({"Id": "n-2", "TimeGenerated": 1_767_600_000_441_i64, "ProvisioningAction": "create"}),
        json!({"id": "n-3", "activityDateTime": "2026/1/5 8:02:11.441", "provisioningAction": "create"}),
    ];
    assert_eq!(counts(&post(&imports, "", &others).await.1), [3, 3, 0, 0, 0, 0]);
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_reads_durations_alike() {
    let imports = Imports::new().await;
    let status = async |path: &str| imports.server.admin("GET", path, &Value::Null).await.status;
    for within in ["1d", "24h", "1h30m", "P1D", "PT24H"] {
        assert_eq!(
            status(&format!("/api/v1/reports/leavers?within={within}")).await,
            200,
            "{within}"
        );
        assert_eq!(status(&format!("/api/v1/operations?from=-{within}")).await, 200, "-{within}");
    }
    for other in ["1", "1y", "d", "-1d"] {
        assert_eq!(
            status(&format!("/api/v1/reports/leavers?within={other}")).await,
            400,
            "{other}"
        );
        assert_eq!(status(&format!("/api/v1/operations?from=-{other}")).await, 400, "-{other}");
    }
    imports.server.close().await;
}
