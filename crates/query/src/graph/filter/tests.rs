//! What filters mean, one case per sentence.

use serde_json::json;

use super::*;

pub(super) fn entry() -> Map<String, Value> {
    let value = json!({
        "id": "Entry-1",
        "activityDateTime": "2026-07-30T08:15:27.1234567Z",
        "tenantId": "tenant-1",
        "jobId": "scim.tenant-1.7",
        "cycleId": "cycle-1",
        "changeId": "change-1",
        "provisioningAction": "create",
        "durationInMilliseconds": 1874,
        "provisioningStatusInfo": {
            "status": "failure",
            "errorInformation": {
                "errorCode": "DuplicateTargetEntries",
                "errorCategory": "nonServiceFailure",
                "reason": "two accounts match",
                "additionalDetails": "see the matching step",
                "recommendedAction": "remove one",
            },
        },
        "servicePrincipal": {"id": "4", "displayName": "Paperboat"},
        "sourceSystem": {
            "id": "source-1",
            "displayName": "Microsoft Entra ID",
            "details": {"Region": "north", "region": "south"},
        },
        "targetSystem": {
            "id": "target-1",
            "displayName": "customappsso",
            "details": {"ApplicationId": "app-1"},
        },
        "initiatedBy": {"id": "", "displayName": "the service", "initiatorType": "system"},
        "sourceIdentity": {
            "id": "source-user-1",
            "displayName": "Siobhan O'Dell",
            "identityType": "User",
            "details": {"UserPrincipalName": "siobhan.odell@fjord.example", "level": 3, "gone": null},
        },
        "targetIdentity": {
            "id": "user-1",
            "displayName": "Åsa",
            "identityType": "urn:ietf:params:scim:schemas:core:2.0:User",
            "details": {"userName": "siobhan"},
        },
        "provisioningSteps": [
            {
                "name": "EntryImportAdd",
                "provisioningStepType": "import",
                "status": "success",
                "description": "arrived",
                "details": {},
            },
            {
                "name": "EntrySynchronizationSkip",
                "provisioningStepType": "processing",
                "status": "skipped",
                "description": "left alone",
                "details": {"SkipReason": "NotEffectivelyEntitled"},
            },
            "no object",
        ],
        "modifiedProperties": [
            {"displayName": "active", "oldValue": null, "newValue": "True"},
            {"displayName": "title", "oldValue": "Pilot", "newValue": "Captain"},
        ],
    });
    value.as_object().unwrap().clone()
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(filter.fits(&entry()), expected, "{text}: {filter:?}");
}

#[test]
fn every_property_is_found_in_any_case() {
    for (path, value) in [
        ("id", "'Entry-1'"),
        ("activityDateTime", "2026-07-30T08:15:27.1234567Z"),
        ("tenantId", "'tenant-1'"),
        ("jobId", "'scim.tenant-1.7'"),
        ("cycleId", "'cycle-1'"),
        ("changeId", "'change-1'"),
        ("provisioningAction", "'create'"),
        ("durationInMilliseconds", "1874"),
        ("provisioningStatusInfo/status", "'failure'"),
        ("provisioningStatusInfo/errorInformation/errorCode", "'DuplicateTargetEntries'"),
        ("provisioningStatusInfo/errorInformation/errorCategory", "'nonServiceFailure'"),
        ("provisioningStatusInfo/errorInformation/reason", "'two accounts match'"),
        ("provisioningStatusInfo/errorInformation/additionalDetails", "'see the matching step'"),
        ("provisioningStatusInfo/errorInformation/recommendedAction", "'remove one'"),
        ("servicePrincipal/id", "'4'"),
        ("servicePrincipal/displayName", "'Paperboat'"),
        ("sourceSystem/id", "'source-1'"),
        ("sourceSystem/displayName", "'Microsoft Entra ID'"),
        ("targetSystem/id", "'target-1'"),
        ("targetSystem/displayName", "'customappsso'"),
        ("targetSystem/details/ApplicationId", "'app-1'"),
        ("initiatedBy/id", "''"),
        ("initiatedBy/displayName", "'the service'"),
        ("initiatedBy/initiatorType", "'system'"),
        ("sourceIdentity/id", "'source-user-1'"),
        ("sourceIdentity/displayName", "'Siobhan O''Dell'"),
        ("sourceIdentity/identityType", "'User'"),
        ("sourceIdentity/details/UserPrincipalName", "'siobhan.odell@fjord.example'"),
        ("targetIdentity/id", "'user-1'"),
        ("targetIdentity/displayName", "'Åsa'"),
        ("targetIdentity/identityType", "'urn:ietf:params:scim:schemas:core:2.0:User'"),
        ("targetIdentity/details/userName", "'siobhan'"),
    ] {
        for path in [path.to_owned(), path.to_uppercase(), path.to_lowercase()] {
            check(&format!("{path} eq {value}"), true);
            check(&format!("{path} ne {value}"), false);
            check(&format!("{path} eq null"), false);
        }
    }
    for (list, member, value) in [
        ("provisioningSteps", "name", "EntrySynchronizationSkip"),
        ("provisioningSteps", "provisioningStepType", "processing"),
        ("provisioningSteps", "status", "skipped"),
        ("provisioningSteps", "description", "left alone"),
        ("provisioningSteps", "details/SkipReason", "NotEffectivelyEntitled"),
        ("modifiedProperties", "displayName", "title"),
        ("modifiedProperties", "oldValue", "Pilot"),
        ("modifiedProperties", "newValue", "Captain"),
    ] {
        for member in [member.to_owned(), member.to_uppercase(), member.to_lowercase()] {
            check(&format!("{list}/any(one: one/{member} eq '{value}')"), true);
            check(&format!("{list}/any(one: one/{member} eq '{value}?')"), false);
            check(&format!("{}/ALL(One:ONE/{member} EQ '{value}')", list.to_uppercase()), false);
        }
    }
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    check("id eq 'Entry-1' or id eq 'x' and id eq 'y'", true);
    check("(id eq 'Entry-1' or id eq 'x') and id eq 'y'", false);
    check("id eq 'x' and id eq 'y' or id eq 'Entry-1'", true);
    check("id eq 'x' and (id eq 'y' or id eq 'Entry-1')", false);
    check("not (id eq 'Entry-1') or id eq 'Entry-1'", true);
    check("not (id eq 'Entry-1' or id eq 'Entry-1')", false);
    check("not (id eq 'x') and id eq 'y'", false);
    check("not not (id eq 'Entry-1')", true);
    check("not contains(id, 'x') eq true", true);
    check("((id) eq ('Entry-1'))AND(NOT(id EQ 'x'))", true);
    check(
        "activityDateTime gt 2026-07-30 and (provisioningAction eq 'create' \
         or not (provisioningStatusInfo/status eq 'success'))",
        true,
    );
}

#[test]
fn texts_are_compared_with_regard_to_case() {
    check("id eq 'entry-1'", false);
    check("contains(id, 'ntry')", true);
    check("contains(id, 'NTRY')", false);
    check("startswith(id, 'Entry')", true);
    check("startswith(id, 'ntry')", false);
    check("endswith(id, '-1')", true);
    check("endswith(id, '-')", false);
    check("contains(tolower(servicePrincipal/displayName), 'paper')", true);
    check("CONTAINS(ToLower(servicePrincipal/displayName), tolower('PAPER'))", true);
    check("toupper(targetIdentity/displayName) eq 'ÅSA'", true);
    check("'åsa' eq tolower(toupper(targetIdentity/displayName))", true);
    check("contains('Entry-1 and more', id)", true);
    check("contains(id, '')", true);
    check("contains(sourceIdentity/displayName, '''')", true);
    check("contains(sourceIdentity/displayName, '''''')", false);
    check("sourceIdentity/id eq targetIdentity/id", false);
    check("sourceIdentity/id ne targetIdentity/id", true);
    check("id in ('x', 'Entry-1')", true);
    check("id in('x','entry-1')", false);
}

#[test]
fn integers_and_conditions_have_values() {
    check("durationInMilliseconds gt 1873", true);
    check("durationInMilliseconds gt 1874", false);
    check("durationInMilliseconds ge 1874", true);
    check("durationInMilliseconds lt 1874", false);
    check("durationInMilliseconds le 1874", true);
    check("durationInMilliseconds gt -5", true);
    check("1873 lt durationInMilliseconds", true);
    check("1873 gt durationInMilliseconds", false);
    check("1874 le durationInMilliseconds", true);
    check("1875 ge durationInMilliseconds", true);
    check("durationInMilliseconds in (1, 1874)", true);
    check("contains(id, 'x') eq false", true);
    check("true ne contains(id, 'x')", true);
    check("(id eq 'x') eq true", false);
    check("true and not false", true);
    check("false", false);
}

#[test]
fn a_date_is_its_first_instant_and_times_are_exact() {
    check("activityDateTime gt 2026-07-30", true);
    check("activityDateTime lt 2026-07-31", true);
    check("activityDateTime eq 2026-07-30", false);
    check("activityDateTime eq 2026-07-30T08:15:27.123456700Z", true);
    check("activityDateTime eq 2026-07-30T08:15:27.123456701Z", false);
    check("activityDateTime eq 2026-07-30T10:15:27.1234567+02:00", true);
    check("activityDateTime eq 2026-07-30T10:15:27.1234567 02:00", true);
    check("activityDateTime eq 2026-07-30T06:45:27.1234567-01:30", true);
    check("activityDateTime eq '2026-07-30T10:15:27.1234567+02:00'", true);
    check("activityDateTime ge '2026-07-30'", true);
    check("activityDateTime gt 2026-07-30T08:15Z", true);
    check("activityDateTime lt 2026-07-30T10:16+02:00", true);
    check("activityDateTime lt 2026-07-30T10:15 02:00", false);
    check("'2026-07-31' gt activityDateTime", true);
    check("activityDateTime in (2026-07-30, '2026-07-30T08:15:27.1234567Z')", true);
    check("activityDateTime in (2026-07-30)", false);
}

#[test]
fn what_is_missing_equals_null_and_nothing_else() {
    let text = "sourceIdentity/details/none";
    for missing in [text, "sourceIdentity/details/gone", "sourceIdentity/details/level"] {
        check(&format!("{missing} eq null"), true);
        check(&format!("{missing} ne null"), false);
        check(&format!("null eq {missing}"), true);
        check(&format!("{missing} eq ''"), false);
        check(&format!("{missing} ne 'x'"), true);
        check(&format!("{missing} in ('x', '')"), false);
        check(&format!("{missing} in ('x', null)"), true);
        check(&format!("contains({missing}, '')"), false);
        check(&format!("contains('', {missing})"), false);
        check(&format!("startswith({missing}, '')"), false);
        check(&format!("endswith({missing}, '')"), false);
        check(&format!("not endswith({missing}, '')"), true);
        check(&format!("tolower({missing}) eq ''"), false);
        check(&format!("toupper({missing}) eq null"), true);
        check(&format!("{missing} eq {missing}"), true);
    }
    for (path, value) in [("durationInMilliseconds", "5"), ("activityDateTime", "2026-07-30")] {
        for member in [None, Some(Value::Null), Some(json!("soon")), Some(json!(1.5))] {
            let mut entry = entry();
            entry.remove(path);
            entry.extend(member.map(|member| (path.to_owned(), member)));
            for (operator, value, expected) in [
                ("eq", "null", true),
                ("ne", "null", false),
                ("eq", value, false),
                ("ne", value, true),
                ("gt", value, false),
                ("ge", value, false),
                ("lt", value, false),
                ("le", value, false),
            ] {
                let filter = Filter::parse(&format!("{path} {operator} {value}")).unwrap();
                assert_eq!(filter.fits(&entry), expected, "{filter:?}");
            }
        }
    }
}

#[test]
fn any_is_about_one_element_and_all_about_each() {
    check("provisioningSteps/any(s: s/status eq 'success' and s/name eq 'EntryImportAdd')", true);
    check("provisioningSteps/any(s: s/status eq 'skipped' and s/name eq 'EntryImportAdd')", false);
    check("provisioningSteps/any(s: s/details/skipreason eq 'NotEffectivelyEntitled')", true);
    check("provisioningSteps/any(s: s/details/SkipReason eq null)", true);
    check("provisioningSteps/all(s: s/status in ('success', 'skipped'))", true);
    check("provisioningSteps/all(s: s/status eq 'success')", false);
    check("not modifiedProperties/any(p:p/displayName eq 'active')", false);
    check("modifiedProperties/any(p: p/oldValue eq null and p/newValue eq 'True')", true);
    check("modifiedProperties/any(not: not (not/displayName eq 'active'))", true);
    check("modifiedProperties/any(p: contains(p/newValue, 'Capt') or p/oldValue eq 'x')", true);
    check("modifiedProperties/any(p: true) and modifiedProperties/any()", true);
    for list in [json!([]), json!(null), json!("none"), json!([7])] {
        let mut entry = entry();
        entry.insert("modifiedProperties".to_owned(), list);
        let fits = |text: &str| Filter::parse(text).unwrap().fits(&entry);
        assert!(!fits("modifiedProperties/any()"));
        assert!(!fits("modifiedProperties/any(p: p/newValue eq null)"));
        assert!(fits("modifiedProperties/all(p: p/newValue eq 'x')"));
    }
}

#[test]
fn a_key_in_its_own_spelling_comes_first() {
    check("sourceSystem/details/region eq 'south'", true);
    check("sourceSystem/details/Region eq 'north'", true);
    check("sourceSystem/details/REGION eq 'north'", true);
}

/// Checks `required`, as `path operator values`, with ` = all` if they are the whole filter.
#[track_caller]
fn check_required(text: &str, expected: &str) {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut found: Vec<String> = vec![];
    for one in filter.required() {
        let key = one.key.map(|key| format!("/{key}")).unwrap_or_default();
        let values = one.values.iter().map(|value| match value {
            Literal::Text(text) => text.clone(),
            Literal::Integer(integer) => integer.to_string(),
            Literal::Time(time) => time.to_rfc3339(),
            Literal::Null => "null".to_owned(),
        });
        let values = values.collect::<Vec<_>>().join(",");
        found.push(format!("{}{key} {:?} {values}", one.property, one.operator));
    }
    let all = if filter.is_all_required() { " = all" } else { "" };
    assert_eq!(format!("{}{all}", found.join("; ")), expected, "{text}");
}

#[test]
fn what_an_index_can_answer_is_told() {
    check_required("ID eq 'a'", "id Eq a = all");
    check_required(
        "activityDateTime ge 2026-07-30 and (9 gt durationInMilliseconds and (jobId ne null))",
        "activityDateTime Ge 2026-07-30T00:00:00+00:00; durationInMilliseconds Lt 9; jobId Ne null \
         = all",
    );
    check_required("id in ('a', null) and jobId eq 'b'", "id Eq a,null; jobId Eq b = all");
    check_required("contains(id, 'A') and id eq tolower('B')", "id Contains A; id Eq b = all");
    check_required("contains('A', id) and jobId eq 'b'", "jobId Eq b");
    check_required("id eq jobId and startswith(id, 'a')", "id StartsWith a");
    check_required("tolower(id) eq 'a' and endswith(id, 'b')", "id EndsWith b");
    check_required("id eq 'a' or jobId eq 'b'", "");
    check_required("not (id eq 'a') and jobId eq 'b'", "jobId Eq b");
    check_required("id eq 'a' and (id eq 'b' or id eq 'c')", "id Eq a");
    check_required(
        "provisioningSteps/any(s: s/NAME eq 'x') and id eq 'a'",
        "provisioningSteps/name Eq x; id Eq a = all",
    );
    check_required(
        "provisioningSteps/any(s: s/details/skipReason eq 'x')",
        "provisioningSteps/details/skipReason Eq x = all",
    );
    check_required(
        "provisioningSteps/any(s: s/name eq 'x' and s/status eq 'y')",
        "provisioningSteps/name Eq x; provisioningSteps/status Eq y",
    );
    check_required("provisioningSteps/any(s: s/name eq 'x' or s/name eq 'y')", "");
    check_required("modifiedProperties/all(p: p/displayName eq 'x')", "");
    check_required("modifiedProperties/any()", "");
    check_required("true", "");
}

#[test]
fn words_of_enumerations_have_no_case_and_may_say_their_type() {
    for (filter, expected) in [
        ("provisioningAction eq 'Create'", true),
        ("provisioningAction ne 'CREATE'", false),
        ("provisioningAction in ('Update','CREATE')", true),
        ("contains(provisioningAction, 'CREA')", true),
        ("startswith(provisioningAction, 'Cre')", true),
        ("tolower(provisioningAction) eq 'create'", true),
        ("provisioningStatusInfo/status eq microsoft.graph.provisioningResult'failure'", true),
        ("provisioningStatusInfo/status eq Microsoft.Graph.ProvisioningResult'Failure'", true),
        ("microsoft.graph.provisioningResult'failure' eq provisioningStatusInfo/status", true),
        ("provisioningStatusInfo/status eq microsoft.graph.provisioningResult'1'", true),
        ("provisioningStatusInfo/status ne microsoft.graph.provisioningResult'success'", true),
        ("provisioningAction in (microsoft.graph.provisioningAction'create','x')", true),
        ("initiatedBy/initiatorType eq 'System'", true),
        ("provisioningSteps/any(s: s/status eq microsoft.graph.provisioningResult'SKIPPED')", true),
        ("provisioningSteps/any(s: s/provisioningStepType eq 'Processing')", true),
        ("provisioningStatusInfo/errorInformation/errorCategory eq 'NonServiceFailure'", true),
        // Other texts keep their case.
        ("jobId eq 'SCIM.tenant-1.7'", false),
    ] {
        check(filter, expected);
    }
    let refused = |text: &str, expected: &str| {
        let error = Filter::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    };
    refused(
        "provisioningStatusInfo/status eq microsoft.graph.provisioningResult'nope'",
        "success, failure",
    );
    refused("provisioningStatusInfo/status eq microsoft.graph.colour'red'", "no type of literals");
    refused(
        "provisioningAction eq microsoft.graph.provisioningResult'failure'",
        "a word of provisioningAction",
    );
    refused("jobId eq microsoft.graph.provisioningResult'failure'", "no such type");
    refused(
        "provisioningAction in (microsoft.graph.initiatorType'user')",
        "a word of provisioningAction",
    );
}

#[test]
fn the_beta_s_names_are_those_of_their_successors() {
    let fits = |text: &str| Filter::parse_beta(text).unwrap().fits(&entry());
    assert!(fits("action eq 'Create' and statusInfo/status eq 'Failure'"));
    assert!(fits("statusInfo/errorCode eq 'DuplicateTargetEntries'"));
    assert!(fits("provisioningAction eq 'create'"));
    assert!(Filter::parse("action eq 'Create'").is_err());
}
