//! What single members mean, and what is refused.

use serde_json::{Value, json};

use super::understand;
use crate::said::{Seen, ServicePrincipal, irregular, seen, service_principal};
use crate::{Action, Entry, Kind, Source, Status};

/// An entry in Graph's form with these members besides the two that are needed.
fn entry(members: Value) -> Entry {
    understand(record(members)).unwrap()
}

fn record(members: Value) -> Value {
    let mut record =
        json!({"id": "e-1", "activityDateTime": "2026-03-09T08:02:11Z", "changeId": "c"});
    let all = record.as_object_mut().unwrap();
    for (name, value) in members.as_object().unwrap() {
        all.insert(name.clone(), value.clone());
    }
    record
}

#[track_caller]
fn check_refused(record: &Value, path: &str, what: &str) {
    let refused = understand(record.clone()).unwrap_err();
    assert_eq!(refused.path, path);
    assert!(refused.what.contains(what), "{refused}");
}

#[test]
fn without_an_id_or_a_time_a_record_is_refused() {
    check_refused(
        &json!({"changeId": "c", "activityDateTime": "2026-03-09T08:02:11Z"}),
        "id",
        "missing",
    );
    check_refused(&json!({"changeId": "c", "id": "e"}), "activityDateTime", "missing");
    check_refused(&record(json!({"id": ""})), "id", "1 to 256 bytes");
    check_refused(&record(json!({"id": null})), "id", "is null");
    check_refused(&record(json!({"id": 5})), "id", "1 to 256 bytes");
    assert_eq!(entry(json!({"targetIdentity": {"id": 7}})).target_id.as_deref(), Some("7"));
    check_refused(&record(json!({"id": "x".repeat(257)})), "id", "1 to 256 bytes");
    assert_eq!(entry(json!({"id": "x".repeat(256)})).id.len(), 256);
    for time in
        [json!("soon"), json!("1999-12-31T23:59:59Z"), json!("2200-01-01T00:00:00Z"), json!(1)]
    {
        check_refused(
            &record(json!({"activityDateTime": time})),
            "activityDateTime",
            "2000 to 2199",
        );
    }
}

#[test]
fn a_refusal_names_the_member_as_the_record_spells_it() {
    let stream =
        |properties: Value| json!({"category": "ProvisioningLogs", "properties": properties});
    check_refused(
        &stream(json!({"activityDateTime": "2026-03-09T08:02:11Z"})),
        "properties.id",
        "",
    );
    check_refused(&stream(json!(5)), "properties", "object");
    check_refused(&stream(json!("{\"id\":")), "properties", "JSON");
    check_refused(
        &stream(json!({"id": "e", "activityDateTime": "soon"})),
        "properties.activityDateTime",
        "2000 to 2199",
    );
    check_refused(&stream(json!({"id": "e"})), "properties.activityDateTime", "missing");
}

/// A part that does not have its documented shape is kept as text, flagged, and costs no entry.
#[test]
fn what_cannot_be_read_is_kept_as_text_beside_the_rest() {
    #[track_caller]
    fn check(member: &str, given: Value, place: &str, kept: &str, left: Value) {
        let mut record = record(json!({"provisioningAction": "create"}));
        record[member] = given;
        let found = understand(record).unwrap();
        assert_eq!(found.body["irregular"], json!({place: kept}), "{member}");
        assert_eq!(irregular(&found.body).collect::<Vec<_>>(), [place]);
        let graph = format!("{}{}", member[..1].to_lowercase(), &member[1..]);
        assert_eq!(found.body[graph.as_str()], left, "{member}");
        assert_eq!((found.id.as_str(), found.action), ("e-1", Action::Create));
    }
    let cut = "[{\"name\":\"EntryImportAdd\",\"det";
    check("ProvisioningSteps", json!(cut), "provisioningSteps", cut, Value::Null);
    check("modifiedProperties", json!("[{"), "modifiedProperties", "[{", Value::Null);
    check("sourceIdentity", json!(5), "sourceIdentity", "5", Value::Null);
    check("durationInMilliseconds", json!("long"), "durationInMilliseconds", "long", Value::Null);
    check("jobId", json!({"id": "j"}), "jobId", "{\"id\":\"j\"}", Value::Null);
    let several = json!([{"id": "a"}, {"id": "b"}]);
    check(
        "servicePrincipal",
        several.clone(),
        "servicePrincipal",
        &several.to_string(),
        Value::Null,
    );
    // Documented as a list: with one object in it, it means that object.
    let one = json!([{"id": "a", "displayName": "A"}]);
    check("servicePrincipal", one.clone(), "servicePrincipal", &one.to_string(), one[0].clone());
    // A part of a part costs that part alone.
    let step = json!({"name": "A", "provisioningStepType": null, "status": null, "description": null,
        "details": null});
    let steps = json!([{"name": "A", "status": {}}]);
    check("provisioningSteps", steps, "provisioningSteps[0].status", "{}", json!([step]));
    check(
        "provisioningSteps",
        json!([{"name": "A"}, 1]),
        "provisioningSteps[1]",
        "1",
        json!([step]),
    );
}

#[test]
fn lists_that_powershell_changed_are_lists() {
    let names = |steps: Value| entry(json!({"provisioningSteps": steps})).step_names;
    assert_eq!(names(json!({"Name": "A", "Status": 0})), ["A"]);
    assert_eq!(names(json!({"value": [{"name": "A"}, {"name": "B"}], "Count": 2})), ["A", "B"]);
    assert!(names(json!({})).is_empty());
}

#[test]
fn open_objects_are_taken_out_of_their_wrapper() {
    let found = understand(json!({
        "Id": "p-1",
        "ActivityDateTime": "2026-09-14T08:05:40Z",
        "ProvisioningAction": "create",
        "ProvisioningStatusInfo": {"Status": "skipped", "AdditionalProperties": {}},
        "ProvisioningSteps": [{"Name": "EntrySynchronizationSkip", "Status": "skipped",
            "Details": {"AdditionalProperties": {"SkipReason": "NotEffectivelyEntitled"}},
            "AdditionalProperties": {}}],
        "SourceIdentity": {"Id": "s-2", "DisplayName": "Ilse", "IdentityType": "User",
            "Details": {"additionalData": {"UserPrincipalName": "ilse@tern.example"}}},
        "AdditionalProperties": {"jobId": "j", "id": "other"},
    }))
    .unwrap();
    assert_eq!(found.skip_reason.as_deref(), Some("NotEffectivelyEntitled"));
    assert_eq!(found.user_name.as_deref(), Some("ilse@tern.example"));
    assert_eq!(found.job_id.as_deref(), Some("j"));
    let details = json!({"SkipReason": "NotEffectivelyEntitled"});
    assert_eq!(found.body["provisioningSteps"][0]["details"], details);
    // What the entry contradicts stays where it stood.
    assert_eq!(found.id, "p-1");
    let text =
        json!({"Details": "{\"AdditionalProperties\":{\"UserPrincipalName\":\"a@tern.example\"}}"});
    assert_eq!(entry(json!({"sourceIdentity": text})).user_name.as_deref(), Some("a@tern.example"));
}

#[test]
fn the_time_may_stand_on_the_envelope_alone() {
    let stream = |envelope: &str, time: Value| {
        let mut record = json!({"category": "ProvisioningLogs",
            "properties": {"id": "e", "provisioningAction": "create"}});
        record[envelope] = time;
        understand(record).unwrap().occurred_at_us
    };
    let at = 1_789_372_931_000_000;
    for name in ["time", "TimeGenerated", "activityDateTime"] {
        assert_eq!(stream(name, json!("2026-09-14T08:02:11Z")), at);
    }
    assert_eq!(stream("time", json!(1_789_372_931_000_i64)), at);
    assert_eq!(stream("time", json!("/Date(1789372931000)/")), at);
    let audit = json!({"category": "AuditLogs", "time": "2026-09-14T08:02:11Z",
        "properties": {"id": "e", "category": "ProvisioningManagement"}});
    assert_eq!(understand(audit).unwrap().occurred_at_us, at);
}

#[test]
fn a_refusal_never_repeats_a_value() {
    let secret = "tuva.lie@fjord.example";
    let long = secret.repeat(100);
    for (member, given) in [("activityDateTime", secret), ("id", long.as_str())] {
        let refused = understand(record(json!({member: given}))).unwrap_err();
        assert_eq!(refused.path, member);
        assert!(!refused.to_string().contains("tuva"), "{refused}");
    }
}

#[test]
fn records_of_other_logs_are_passed_over() {
    let time = "2026-03-09T08:02:11Z";
    let envelope =
        |category: &str| json!({"time": time, "category": category, "properties": {"id": "e"}});
    for other in [
        json!({"id": "e", "activityDateTime": time}),
        json!({}),
        json!({"id": "s", "createdDateTime": time, "userPrincipalName": "a@tern.example"}),
        json!({"id": "a", "activityDateTime": time, "action": "org.add_member"}),
        envelope("SignInLogs"),
        json!({"time": time, "properties": {"id": "e"}}),
        json!({"time": time, "properties": "text"}),
        json!({
            "category": "ProvisioningLogs",
            "resourceId": "/subscriptions/s/providers/Microsoft.DevOpsInfrastructure/pools/p",
            "properties": {},
        }),
        json!({"id": "a", "activityDisplayName": "Add user", "category": "UserManagement"}),
        json!({"id": "a", "activityDisplayName": "Add user"}),
        json!({"TimeGenerated": time, "Id": "e", "Type": "SigninLogs", "ProvisioningAction": "create"}),
        // Rows without a type, as a download has them, with the columns of other tables.
        json!({"TimeGenerated": time, "Id": "e", "Category": "SignInLogs", "ResultType": "0"}),
        json!({"TimeGenerated": time, "Id": "e", "OperationName": "Sign-in activity",
            "JobId": "", "ChangeId": null, "ProvisioningSteps": " "}),
        json!({"TimeGenerated": time, "Id": "e", "Category": "UserManagement",
            "ActivityDisplayName": "Add user", "TargetResources": "[]"}),
    ] {
        assert_eq!(crate::understand(other.clone(), None), Ok(None), "{other}");
    }
    check_refused(&json!([]), "", "object");
    // Who says that it is one of ours is one.
    let row = json!({"TimeGenerated": time, "Id": "e", "Type": "AADProvisioningLogs"});
    assert_eq!(understand(row).unwrap().id, "e");
    let bare = json!({"time": time, "properties": {"id": "e", "provisioningAction": "create"}});
    assert_eq!(understand(bare).unwrap().action, Action::Create);
}

#[test]
fn what_is_too_large_or_deep_is_refused_and_too_many_parts_are_kept_as_text() {
    check_refused(&record(json!({"note": "x".repeat(1024 * 1024)})), "", "1048576 bytes");
    let mut deep = json!(1);
    for _ in 0..31 {
        deep = json!([deep]);
    }
    assert_eq!(entry(json!({"note": deep})).id, "e-1");
    check_refused(&record(json!({"note": [deep]})), "", "32 deep");
    let steps = |count: usize| json!({"provisioningSteps": vec![json!({}); count]});
    assert_eq!(entry(steps(1_000)).step_names.len(), 1_000);
    let long = entry(steps(1_001));
    assert_eq!(
        (long.step_names.len(), long.body["irregular"].get("provisioningSteps").is_some()),
        (0, true)
    );
    let values = |count: usize| json!({"modifiedProperties": vec![json!({}); count]});
    assert_eq!(entry(values(10_000)).modified.len(), 10_000);
    assert_eq!(entry(values(10_001)).modified, vec![]);
    let within = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let found = entry(json!({"provisioningSteps": within}));
    assert_eq!(found.body["irregular"]["provisioningSteps"], within);
}

#[test]
fn words_are_read_in_any_letter_case_and_as_numbers() {
    let action = |word: Value| entry(json!({"provisioningAction": word})).action;
    assert_eq!(action(json!("stageddelete")), Action::StagedDelete);
    assert_eq!(action(json!("Create")), Action::Create);
    assert_eq!(action(json!(3)), Action::Disable);
    assert_eq!(action(json!("4")), Action::Update);
    let status = |word: Value| entry(json!({"provisioningStatusInfo": {"Status": word}})).status;
    assert_eq!(status(json!("SKIPPED")), Status::Skipped);
    assert_eq!(status(json!(1)), Status::Failure);
}

#[test]
fn unknown_words_are_kept_and_claim_nothing() {
    let found = entry(json!({
        "provisioningAction": "borrow",
        "provisioningStatusInfo": {"status": "adrift"},
        "provisioningSteps": [{"provisioningStepType": 9, "status": "Adrift"}],
    }));
    assert_eq!((found.action, found.status), (Action::Other, Status::Warning));
    assert_eq!(found.body["provisioningAction"], "borrow");
    assert_eq!(found.body["provisioningStatusInfo"]["status"], "adrift");
    assert_eq!(found.body["provisioningSteps"][0]["provisioningStepType"], 9);
    assert_eq!(found.body["provisioningSteps"][0]["status"], "Adrift");
    assert_eq!(entry(json!({})).status, Status::Warning, "nothing is said of it");
}

#[test]
fn the_old_members_stand_in_and_stay_only_when_they_say_something_else() {
    let found = entry(json!({"action": "Create", "statusInfo": {"Status": 2}}));
    assert_eq!((found.action, found.status), (Action::Create, Status::Skipped));
    assert!(!found.body.contains_key("action") && !found.body.contains_key("statusInfo"));
    let found = entry(json!({"action": "EntryExportUpdateSoftDelete"}));
    assert_eq!(found.action, Action::Disable);
    assert_eq!(found.body["action"], "EntryExportUpdateSoftDelete");
    // The new ones are trusted.
    let found = entry(json!({
        "action": "Delete",
        "provisioningAction": "update",
        "provisioningStatusInfo": {"status": "success"},
        "statusInfo": {"status": "Failure", "errorCode": "Conflict"},
    }));
    assert_eq!((found.action, found.status), (Action::Update, Status::Success));
    assert_eq!(found.error_code, None);
    assert_eq!(found.body["action"], "Delete");
    assert_eq!(found.body["statusInfo"]["errorCode"], "Conflict");
}

#[test]
fn the_envelope_fills_what_the_entry_does_not_say() {
    let found = understand(json!({
        "time": "2026-03-09T08:02:11.000Z",
        "category": "ProvisioningLogs",
        "tenantId": "t",
        "resultType": "Failure",
        "resultSignature": "Conflict",
        "resultDescription": "taken",
        "durationMs": "12",
        "correlationId": "c",
        "identity": "e",
        "Level": 4,
        "properties": {"id": "e", "activityDateTime": "2026-03-09T08:02:11Z", "jobId": "j"},
    }))
    .unwrap();
    assert_eq!((found.status, found.error_code.as_deref()), (Status::Failure, Some("Conflict")));
    assert_eq!((found.change_id.as_deref(), found.duration_ms), (Some("c"), Some(12)));
    assert_eq!(found.body["provisioningStatusInfo"]["errorInformation"]["reason"], "taken");
    assert_eq!(found.body["tenantId"], "t");
    let left = json!({"category": "ProvisioningLogs", "Level": 4});
    assert_eq!(found.body["envelope"], left);
}

#[test]
fn the_envelope_never_overrules_the_entry() {
    let found = understand(json!({
        "time": "2026-03-09T09:00:00Z",
        "category": "ProvisioningLogs",
        "resultType": "Failure",
        "identity": "tuva.lie@fjord.example",
        "tenantId": "other",
        "durationMs": 7,
        "correlationId": "other",
        "properties": {
            "id": "e",
            "tenantId": "t",
            "durationInMilliseconds": 5,
            "changeId": "c",
            "activityDateTime": "2026-03-09T08:02:11Z",
            "provisioningStatusInfo": {"status": "success"},
        },
    }))
    .unwrap();
    assert_eq!((found.status, found.id.as_str()), (Status::Success, "e"));
    assert_eq!((found.duration_ms, found.change_id.as_deref()), (Some(5), Some("c")));
    for name in ["time", "resultType", "identity", "tenantId", "durationMs", "correlationId"] {
        assert!(found.body["envelope"].get(name).is_some(), "{name}");
    }
}

#[test]
fn a_row_names_the_workspace_and_the_collector_which_are_not_the_tenant_and_the_source() {
    let found = understand(json!({
        "TenantId": "workspace",
        "AADTenantId": "tenant",
        "SourceSystem": "Azure AD",
        "TimeGenerated": "2026-03-09T08:02:11Z",
        "Id": "e",
        "ChangeId": "c",
    }))
    .unwrap();
    assert_eq!(found.body["tenantId"], "tenant");
    assert_eq!(found.body["sourceSystem"], Value::Null);
    let envelope = json!({"SourceSystem": "Azure AD", "TenantId": "workspace"});
    assert_eq!(found.body["envelope"], envelope);
    let row = json!({"TenantId": "workspace", "TimeGenerated": "2026-03-09T08:02:11Z", "Id": "e",
        "ChangeId": "c"});
    assert_eq!(understand(row).unwrap().body["tenantId"], Value::Null);
}

#[test]
fn a_duration_may_be_text_and_an_unknown_one_is_none() {
    let ms = |value: Value| entry(json!({"durationInMilliseconds": value})).duration_ms;
    assert_eq!(ms(json!("18")), Some(18));
    assert_eq!(ms(json!(18.9)), Some(18));
    assert_eq!(ms(json!(u32::MAX)), Some(u32::MAX));
    assert_eq!(ms(json!(-1)), None);
    assert_eq!(ms(json!(5_000_000_000_u64)), None);
    assert_eq!(ms(json!("")), None);
}

#[test]
fn values_are_text_as_the_source_writes_it() {
    let found = entry(json!({"modifiedProperties": [
        {"displayName": "active", "oldValue": true, "newValue": false},
        {"displayName": "roles", "oldValue": null, "newValue": ["a", 1]},
    ]}));
    assert_eq!(found.modified[0].old.as_deref(), Some("True"));
    assert_eq!(found.modified[0].new.as_deref(), Some("False"));
    assert_eq!(found.modified[1].new.as_deref(), Some("[\"a\",1]"));
    assert_eq!(found.body["modifiedProperties"][0]["newValue"], "False");
}

#[test]
fn the_name_of_a_user_is_the_sources_then_the_applications_then_any() {
    let name = |principal: &str, imported: &str, written: &str, shown: &str| {
        entry(json!({
            "sourceIdentity": {"identityType": "User", "details": {"UserPrincipalName": principal}},
            "provisioningSteps": [
                {"details": {"userPrincipalName": imported}},
                {"details": {"ReportableIdentifier": shown}},
            ],
            "modifiedProperties": [{"displayName": "userName", "newValue": written}],
        }))
        .user_name
    };
    assert_eq!(name("a", "b", "c", "d").as_deref(), Some("a"));
    assert_eq!(name("", "b", "c", "d").as_deref(), Some("b"));
    assert_eq!(name("", "", "c", "d").as_deref(), Some("c"));
    assert_eq!(name("", "", "", "d").as_deref(), Some("d"));
    assert_eq!(name("", "", "", ""), None);
}

#[test]
fn a_group_has_no_user_name() {
    let found = entry(json!({
        "sourceIdentity": {"identityType": "Group"},
        "provisioningSteps": [{"details": {"ReportableIdentifier": "Deck crew"}}],
    }));
    assert_eq!((found.kind, found.user_name), (Kind::Group, None));
}

#[test]
fn an_object_that_was_never_made_has_no_target() {
    assert_eq!(entry(json!({"targetIdentity": {"id": ""}})).target_id, None);
    assert_eq!(entry(json!({"targetIdentity": {"Id": "t"}})).target_id.as_deref(), Some("t"));
}

#[test]
fn a_second_spelling_of_a_member_stays_where_it_stood() {
    let found =
        entry(json!({"servicePrincipal": {"id": "a", "Id": "b", "Name": "n", "crew": [1]}}));
    let expected = json!({"id": "a", "Id": "b", "displayName": "n", "crew": [1]});
    assert_eq!(found.body["servicePrincipal"], expected);
    let found = entry(json!({"servicePrincipal": {"id": null, "Id": "b"}}));
    assert_eq!(found.body["servicePrincipal"], json!({"id": "b", "displayName": null}));
}

#[test]
fn a_name_is_found_in_every_step_that_read_the_person() {
    for step in ["EntryImportByMatchingProperty", "EntryImportByJoiningProperty", "EntryImport"] {
        for member in ["userPrincipalName", "userName", "ReportableIdentifier", "JoiningProperty"] {
            let found = entry(json!({
                "sourceIdentity": {"id": "s", "identityType": "User"},
                "provisioningSteps": [{"name": step, "details": {member: "wren@tern.example"}}],
            }));
            assert_eq!(found.user_name.as_deref(), Some("wren@tern.example"), "{step} {member}");
        }
    }
    // Nobody says what it is, and it signs in.
    let found =
        entry(json!({"sourceIdentity": {"details": {"UserPrincipalName": "wren@tern.example"}}}));
    assert_eq!((found.kind, found.user_name.as_deref()), (Kind::User, Some("wren@tern.example")));
}

#[test]
fn what_the_source_saw_in_the_application_is_told() {
    let step = |name: &str, kind: &str, details: Value| json!({"name": name, "provisioningStepType": kind, "status": "success", "details": details});
    let found = json!({"active": "True", "id": "tw-1", "userName": "wren"});
    let account = Seen { id: Some("tw-1"), values: vec![("active", "True"), ("userName", "wren")] };
    for name in ["EntryImport", "EntryImportByMatchingProperty", "EntryImportByJoiningProperty"] {
        let steps = json!([
            step("EntryImportUpdate", "import", json!({"objectId": "s"})),
            step(name, "matching", found.clone())
        ]);
        let one = entry(json!({"provisioningSteps": steps}));
        assert_eq!(seen(&one.body), Some(account.clone()), "{name}");
        assert_eq!(one.target_id.as_deref(), Some("tw-1"));
    }
    let skip = |reason: &str, target: &str| {
        let steps =
            json!([step("EntrySynchronizationSkip", "export", json!({"SkipReason": reason}))]);
        entry(json!({"provisioningSteps": steps, "targetIdentity": {"id": target}}))
    };
    let redundant = skip("RedundantExport", "tw-1");
    assert_eq!(seen(&redundant.body), Some(Seen { id: Some("tw-1"), values: vec![] }));
    // Who was looked for and not found, read at the source, or passed over for another reason was not
    // seen.
    assert_eq!(seen(&skip("RedundantExport", "").body), None);
    assert_eq!(seen(&skip("JoinNotFound", "tw-1").body), None);
    for steps in [
        json!([step("EntryImport", "matching", json!({}))]),
        json!([step("EntryImport", "import", found.clone())]),
        json!([{"name": "EntryImport", "provisioningStepType": "matching", "status": "failure",
            "details": found}]),
    ] {
        assert_eq!(seen(&entry(json!({"provisioningSteps": steps})).body), None, "{steps}");
    }
}

#[test]
fn the_service_principal_stands_in_one_of_three_places() {
    let expected = Some(ServicePrincipal { id: Some("sp-a"), name: Some("A") });
    for members in [
        json!({"servicePrincipal": {"Id": "sp-a", "Name": "A"}, "targetSystem": {"details":
            {"ServicePrincipalId": "sp-b"}}}),
        json!({"targetSystem": {"details": {"ServicePrincipalId": "sp-a",
            "ServicePrincipalDisplayName": "A"}}}),
    ] {
        assert_eq!(service_principal(&entry(members).body), expected);
    }
    let audit = understand(json!({"id": "a", "activityDateTime": "2026-03-09T08:02:11Z",
        "category": "ProvisioningManagement", "activityDisplayName": "Quarantine",
        "targetResources": [{"type": "User", "id": "u"},
            {"type": "ServicePrincipal", "id": "sp-a", "displayName": "A"}]}));
    assert_eq!(service_principal(&audit.unwrap().body), expected);
    assert_eq!(service_principal(&entry(json!({"servicePrincipal": {"id": ""}})).body), None);
}

#[test]
fn a_service_principal_may_be_told_by_its_name_alone() {
    let of = |given: Value| {
        let entry = entry(json!({"servicePrincipal": given}));
        service_principal(&entry.body).map(|found| {
            assert_eq!(found.id, None);
            found.name.unwrap().to_owned()
        })
    };
    assert_eq!(of(json!({"id": "", "displayName": "A"})).as_deref(), Some("A"));
    assert_eq!(of(json!("  App A ")).as_deref(), Some("App A"));
    for nobody in [
        json!("@{DisplayName=A; Id=sp-a}"),
        json!("Microsoft.Graph.PowerShell.Models.MicrosoftGraphProvisioningServicePrincipal"),
        json!("System.Object[]"),
        json!([{"id": "sp-a"}, {"id": "sp-b"}]),
        json!("{\"id\": \"sp"),
        Value::Null,
    ] {
        assert_eq!(of(nobody.clone()), None, "{nobody}");
    }
}

#[test]
fn the_name_of_a_type_is_no_value() {
    const TYPE: &str = "Microsoft.Graph.PowerShell.Models.MicrosoftGraphProvisionedIdentity";
    let found = entry(json!({
        "sourceIdentity": {"displayName": TYPE, "identityType": "User"},
        "provisioningStatusInfo": {"status": "Microsoft.Graph.PowerShell.Models.MicrosoftGraphX"},
        "modifiedProperties": "System.Object[]",
        "jobId": "System.Collections.Generic.Dictionary`2[System.String,System.Object]",
    }));
    assert_eq!((found.source_name, found.status, found.job_id), (None, Status::Warning, None));
    let mut places: Vec<&str> = irregular(&found.body).collect();
    places.sort_unstable();
    let expected = [
        "jobId",
        "modifiedProperties",
        "provisioningStatusInfo.status",
        "sourceIdentity.displayName",
    ];
    assert_eq!(places, expected);
    let named = entry(json!({"sourceIdentity": {"displayName": "System Operators"}}));
    assert_eq!(named.source_name.as_deref(), Some("System Operators"));
}

#[test]
fn an_id_is_one_in_both_letter_cases() {
    let id = "6F0C9E0A-2F3D-4C55-9F0E-1A2B3C4D5E10";
    let found = entry(json!({"id": id, "changeId": id}));
    assert_eq!((found.id.as_str(), &found.body["id"]), (&*id.to_lowercase(), &json!(found.id)));
    assert_eq!(found.change_id.as_deref(), Some(id));
    let other = entry(json!({"id": "Sync_ABC"}));
    assert_eq!(other.id, "Sync_ABC", "of what is no UUID nobody knows");
}

#[test]
fn a_date_may_be_wrapped_and_an_empty_one_stands_elsewhere() {
    let at = 1_789_372_931_000_000;
    let wrapped = json!({"value": "/Date(1789372931000)/", "DisplayHint": 2, "DateTime": "Monday"});
    assert_eq!(entry(json!({"activityDateTime": wrapped})).occurred_at_us, at);
    let enveloped = json!({"time": "2026-09-14T08:02:11Z", "category": "ProvisioningLogs",
        "properties": {"id": "e", "activityDateTime": " ", "changeId": "c"}});
    assert_eq!(understand(enveloped).unwrap().occurred_at_us, at);
    check_refused(&record(json!({"activityDateTime": ""})), "activityDateTime", "missing");
    check_refused(&record(json!({"activityDateTime": {"a": 1}})), "activityDateTime", "instant");
}

#[test]
fn both_logs_stand_in_tables_of_log_analytics() {
    let row = json!({"TenantId": "workspace", "SourceSystem": "Azure AD", "Type": "AuditLogs",
        "TimeGenerated": "2026-09-14T08:02:11Z", "Id": "Sync_1", "Category": "ProvisioningManagement",
        "OperationName": "Quarantine", "AADOperationType": "Update", "Result": "success", "DurationMs": 0,
        "CorrelationId": "c-1", "LoggedByService": "Account Provisioning", "InitiatedBy": "{}",
        "AdditionalDetails": "[{\"key\":\"ErrorCode\",\"value\":\"None\"}]",
        "TargetResources": "[{\"id\":\"sp-a\",\"type\":\"ServicePrincipal\",\"displayName\":\"A\"}]"});
    let found = understand(row.clone()).unwrap();
    assert_eq!((found.source, found.id.as_str()), (Source::DirectoryAudit, "Sync_1"));
    assert_eq!(found.occurred_at_us, 1_789_372_931_000_000);
    assert_eq!(found.body["activityDisplayName"], "Quarantine");
    assert_eq!(found.body["operationType"], "Update");
    assert_eq!(found.body["envelope"]["TenantId"], "workspace");
    assert_eq!(service_principal(&found.body).unwrap().id, Some("sp-a"));
    // A download may leave the table's name out; what is of another category is passed over.
    let with = |name: &str, value: Value| {
        let mut row = row.clone();
        row[name] = value;
        crate::understand(row, None).unwrap()
    };
    assert!(with("Type", Value::Null).is_some());
    assert_eq!(with("Category", json!("UserManagement")), None);
    assert_eq!(with("Type", json!("SigninLogs")), None);
}

#[test]
fn a_value_that_is_kept_back_names_nobody() {
    let found = entry(json!({
        "sourceIdentity": {"id": "s", "identityType": "User"},
        "provisioningSteps": [
            {"name": "EntryImportAdd", "details": {"userPrincipalName": "[Redact]"}},
            {"name": "EntryImport", "provisioningStepType": "matching", "status": "success",
                "details": {"id": "tw-1", "userName": "[Redact]", "active": "True"}}],
        "modifiedProperties": [{"displayName": "userName", "oldValue": null, "newValue": "[Redact]"}],
    }));
    assert_eq!(found.user_name, None);
    let account = Seen { id: Some("tw-1"), values: vec![("active", "True")] };
    assert_eq!(seen(&found.body), Some(account));
    assert_eq!(found.modified[0].new.as_deref(), Some("[Redact]"), "what was written is shown");
}
