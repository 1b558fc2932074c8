//! What single members mean, and what is refused.

use serde_json::{Value, json};

use crate::import::{Action, Entry, Kind, Status, understand};

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
    let steps = json!({"provisioningSteps": [{"status": 0}, {"Status": {}}]});
    check_refused(&record(steps), "provisioningSteps[1].Status", "word");
    let row =
        json!({"TimeGenerated": "2026-03-09T08:02:11Z", "Id": "e", "ProvisioningSteps": "[{]"});
    check_refused(&row, "ProvisioningSteps", "JSON");
    let row =
        json!({"TimeGenerated": "2026-03-09T08:02:11Z", "Id": "e", "ProvisioningSteps": "[{},1]"});
    check_refused(&row, "ProvisioningSteps[1]", "object");
}

#[test]
fn a_refusal_never_repeats_a_value() {
    let secret = "tuva.lie@fjord.example";
    for member in
        ["activityDateTime", "provisioningSteps", "durationInMilliseconds", "sourceIdentity"]
    {
        let refused = understand(record(json!({member: secret}))).unwrap_err();
        assert_eq!(refused.path, member);
        assert!(!refused.to_string().contains("tuva"), "{refused}");
    }
}

#[test]
fn other_records_are_refused() {
    check_refused(&json!([]), "", "object");
    check_refused(
        &json!({"id": "e", "activityDateTime": "2026-03-09T08:02:11Z"}),
        "",
        "provisioning log",
    );
    check_refused(
        &json!({"category": "SignInLogs", "properties": {}}),
        "category",
        "ProvisioningLogs",
    );
    let pools = json!({
        "category": "ProvisioningLogs",
        "resourceId": "/subscriptions/s/providers/Microsoft.DevOpsInfrastructure/pools/p",
        "properties": {},
    });
    check_refused(&pools, "resourceId", "aadiam");
    let users = json!({"id": "a", "activityDisplayName": "Add user", "category": "UserManagement"});
    check_refused(&users, "category", "ProvisioningManagement");
    let row = json!({"TimeGenerated": "2026-03-09T08:02:11Z", "Id": "e", "Type": "SigninLogs"});
    check_refused(&row, "Type", "AADProvisioningLogs");
}

#[test]
fn what_is_too_large_deep_or_many_is_refused() {
    check_refused(&record(json!({"note": "x".repeat(1024 * 1024)})), "", "1048576 bytes");
    let mut deep = json!(1);
    for _ in 0..31 {
        deep = json!([deep]);
    }
    assert_eq!(entry(json!({"note": deep})).id, "e-1");
    check_refused(&record(json!({"note": [deep]})), "", "32 deep");
    let steps = |count: usize| json!({"provisioningSteps": vec![json!({}); count]});
    assert_eq!(entry(steps(1_000)).step_names.len(), 1_000);
    check_refused(&record(steps(1_001)), "provisioningSteps", "1000");
    let values = |count: usize| json!({"modifiedProperties": vec![json!({}); count]});
    assert_eq!(entry(values(10_000)).modified.len(), 10_000);
    check_refused(&record(values(10_001)), "modifiedProperties", "10000");
    let within = format!("{}{}", "[".repeat(40), "]".repeat(40));
    check_refused(&record(json!({"provisioningSteps": within})), "provisioningSteps", "deep");
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
    }))
    .unwrap();
    assert_eq!(found.body["tenantId"], "tenant");
    assert_eq!(found.body["sourceSystem"], Value::Null);
    let envelope = json!({"SourceSystem": "Azure AD", "TenantId": "workspace"});
    assert_eq!(found.body["envelope"], envelope);
    let row = json!({"TenantId": "workspace", "TimeGenerated": "2026-03-09T08:02:11Z", "Id": "e"});
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
