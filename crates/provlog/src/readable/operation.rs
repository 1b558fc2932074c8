//! The evidence of one operation, shown below the operation.

use serde_json::{Map, Value};

use super::texts;
use crate::table::{Column, Table};

/// Renders one page of evidence.
pub(crate) fn evidence(
    table: answers::Table,
) -> impl Fn(&Map<String, Value>, Option<usize>) -> Result<String, serde_json::Error> {
    move |answer, columns| {
        let rows = answer.get("rows").and_then(Value::as_array).into_iter().flatten();
        let cells = rows.map(|row| Ok(texts(&table.cells(row.clone())?)));
        let cells = cells.collect::<Result<Vec<Vec<String>>, serde_json::Error>>()?;
        if cells.is_empty() {
            return Ok("Evidence\nNone.\n".to_owned());
        }
        let headings = table.headings.iter().map(|one| Column::of(one.text, one.width));
        let headings: Vec<Column> = headings.collect();
        let mut text = format!("Evidence\n{}", Table::new(&headings, columns).page(cells));
        if answer.contains_key("next") {
            text.push_str("`provlog evidence list` has more.\n");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::super::sample::{self, GROUP_ID, USER_ID, check_question, question_fits, same};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_log_is_a_table() {
        let row = json!({
            "seq": 4182, "eventId": "0198c1b2-7d3e-8a4f-9b5c-6d7e8f9a0b1c",
            "occurredAt": "2026-03-31T17:00:00.500000Z",
            "recordedAt": "2026-03-31T17:00:00.500000Z", "source": "recorded",
            "application": "paperboat", "operation": "POST User", "action": "create",
            "status": "failure", "httpStatus": 409, "scimType": "uniqueness",
            "reason": "the userName is taken", "effect": "rejected", "resourceType": "User",
            "resourceId": null, "userName": "mira", "displayName": null, "externalId": null,
            "actorType": "token", "actorId": "3", "sourceIp": "192.0.2.14",
            "userAgent": "idp/1.0", "requestId": "r-1", "index": 0, "durationMs": 1.25,
            "results": null, "sawSeq": null, "changedPaths": [],
            "flags": [{"kind": "noSchema", "path": "shoe"}],
            "holderId": USER_ID, "holderName": "m.moe",
        });
        let mut entry = row.clone();
        for (name, value) in [
            ("seq", json!(4190)),
            ("source", json!("imported")),
            ("log", json!("provisioning")),
            ("operation", json!("imported entry (provisioning)")),
            ("httpStatus", json!(null)),
            ("reason", json!(null)),
            ("durationMs", json!(17)),
            ("jobId", json!(null)),
            ("flags", json!([])),
            ("changedPaths", json!(["active", "title"])),
        ] {
            entry[name] = value;
        }
        let mut counted = entry.clone();
        (counted["count"], counted["userName"]) = (json!(1_200), json!(null));
        check_question::<answers::Operations>(
            &[],
            &[row.clone(), entry, counted],
            "\
Time                  Application  Action  Status   HTTP  Operation                      Target  Reason or change                                                       Event
2026-03-31T17:00:00Z  paperboat    create  failure   409  POST User                      mira    the userName is taken; the name belongs to m.moe [shoe: in no schema]   4182
2026-03-31T17:00:00Z  paperboat    create  failure        imported entry (provisioning)  mira    active, title                                                           4190
2026-03-31T17:00:00Z  paperboat    create  failure        imported entry (provisioning)          1,200 requests                                                          4190
",
        );
        question_fits::<answers::Operations>(&[], row);
    }

    /// A change of a group, with every member that an operation can have.
    fn whole() -> Value {
        let mut one = json!({
            "seq": 4182, "eventId": "0198c1b2-7d3e-8a4f-9b5c-6d7e8f9a0b1c",
            "occurredAt": "2026-03-31T17:00:00.5Z", "recordedAt": "2026-03-31T17:00:00.5Z",
            "source": "recorded", "application": "paperboat", "operation": "PATCH Group",
            "action": "update", "status": "success", "httpStatus": 204, "scimType": null,
            "reason": null, "effect": "applied", "resourceType": "Group",
            "resourceId": GROUP_ID, "userName": null, "displayName": "Crew",
            "externalId": null, "actorType": "token", "actorId": "3",
            "sourceIp": "192.0.2.14", "userAgent": "idp/1.0", "requestId": "r-1",
            "index": null, "durationMs": 1.25, "results": null, "sawSeq": null, "flags": [],
            "changedPaths": ["members"], "jobId": null, "cycleId": "c-7", "changeId": "h-9",
        });
        let rest = json!({
            "steps": [],
            "explainedBy": [{"seq": 4190, "entryId": "e-1", "confidence": "certain",
                             "occurredAt": "2026-03-31T17:00:00.5Z", "action": "update",
                             "status": "success"}],
            "changes": [
                {"path": "members", "op": "add", "oldValue": null, "newValue": USER_ID},
                {"path": "displayName", "op": "replace", "oldValue": "Crew", "newValue": "Deck"},
            ],
            "request": {"method": "PATCH", "target": "/Groups/7\u{9b}",
                        "body": {"a": ["x\u{9b}"]}, "bodyNote": null},
            "response": {"status": 204, "error": null},
        });
        one.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        one
    }

    fn told(one: Value) -> String {
        let answer = json!({"resource": one, "query": {"knownAt": "9000"}, "atSeq": 9000,
                            "coverage": {"state": "complete", "gaps": []}});
        let described = answers::described::<answers::OneOperation>().unwrap();
        let table = described.table(&[("operation", "4182")]).unwrap();
        lines(described, table)(&sample::answer(answer), None).unwrap()
    }

    /// Asserts that the text has this line. Runs of blanks count as one.
    fn has(text: &str, line: &str) {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = text.lines().any(|one| words(one) == words(line));
        assert!(found, "{line} in\n{text}");
    }

    #[test]
    fn an_operation_is_told_whole() {
        let expected = format!(
            r#"Operation 4182 (event 9000), as known at event 9000

Operation     PATCH Group
Application   paperboat
About         Crew ({GROUP_ID})
Type          Group
Action        update
Status        success (HTTP 204)
Effect        applied
Occurred      2026-03-31T17:00:00Z
Recorded      2026-03-31T17:00:00Z
Took          1.25 ms
By            token 3
From          192.0.2.14
Client        idp/1.0
Request id    r-1
Cycle         c-7
Change        h-9
Explained by  event 4190, entry e-1 (certain)
Event         4182
Event id      0198c1b2-7d3e-8a4f-9b5c-6d7e8f9a0b1c

Changes
Path         Op       Old value  New value
members      add                 {USER_ID}
displayName  replace  Crew       Deck

Request
PATCH /Groups/7\u{{9b}}
{{
  "a": [
    "x\u{{9b}}"
  ]
}}

Response
204
"#
        );
        same(&told(whole()), &expected);
    }

    #[test]
    fn what_an_operation_did_to_others_names_them() {
        let mut one = whole();
        one["operation"] = "DELETE User".into();
        one["resourceId"] = USER_ID.into();
        one["changes"] = json!([
            {"path": "active", "op": "remove", "oldValue": true, "newValue": null},
            {"path": "members", "op": "remove", "oldValue": USER_ID, "newValue": null,
             "resourceId": GROUP_ID},
        ]);
        one["steps"] = json!([{"stepNo": 1, "type": "export", "name": "Export",
                               "status": "failure", "description": "it answered 409",
                               "details": {}}]);
        one["request"] = json!({"method": "DELETE", "target": "/Users/7", "body": null,
                                "bodyNote": {"reason": "not JSON", "lengthBytes": 9_000,
                                             "mediaType": "text/plain", "line": 1,
                                             "column": 3}});
        one["actorType"] = "none".into();
        let text = told(one);
        has(&text, &format!("active remove true {USER_ID}"));
        has(&text, &format!("members remove {USER_ID} {GROUP_ID}"));
        has(&text, "1 export Export failure it answered 409");
        let note = "DELETE /Users/7\n(the body was not kept: not JSON, 9,000 bytes, text/plain, \
                    line 1, column 3)\n";
        assert!(text.contains(note), "{text}");
        has(&text, "By without a valid token");
    }

    #[test]
    fn what_lists_leave_out_is_told_of_one() {
        let mut one = whole();
        for (name, value) in [
            ("status", json!("failure")),
            ("httpStatus", json!(409)),
            ("reason", json!("the userName is taken")),
            ("scimType", json!("uniqueness")),
            ("externalId", json!("26")),
            ("holderId", json!(USER_ID)),
            ("holderName", json!("m.moe")),
            ("results", json!(1200)),
            ("sawSeq", json!(4181)),
            ("index", json!(0)),
            ("forwarded", json!(true)),
            ("intentSeq", json!(4180)),
            ("settled", json!({"bySeq": 4200, "verdict": "contradicted"})),
        ] {
            one[name] = value;
        }
        one["flags"] = json!(
            (0..14)
                .map(|place| json!({"kind": "noSchema", "path": format!("shoe{place}")}))
                .collect::<Vec<_>>()
        );
        one["response"] = json!({"status": 409, "error": "the userName is taken",
                                 "body": {"detail": "taken"}, "bodyNote": null,
                                 "location": "/Users/8", "answeredAfterMs": 12.5});
        let text = told(one.clone());
        for line in [
            "External id 26",
            "Status failure (HTTP 409)",
            "Reason the userName is taken (uniqueness)",
            &format!("Taken by m.moe ({USER_ID})"),
            "Results 1200",
            "Saw up to event 4181",
            "Request id r-1 (part 0)",
            "Sent on to the upstream; event 4180 has what was sent",
            "Settled contradicted by event 4200",
            "shoe13 in no schema",
            "409: the userName is taken",
            "Location: /Users/8",
            "The upstream answered after 12.5 ms",
            "\"detail\": \"taken\"",
        ] {
            has(&text, line);
        }
        one["settled"]["verdict"] = json!("none");
        one["holderName"] = json!(null);
        let text = told(one);
        has(&text, "Settled event 4200 could not tell");
        has(&text, &format!("Taken by {USER_ID}"));
    }

    #[test]
    fn a_look_names_the_requests_that_it_settles() {
        let mut one = whole();
        for name in ["request", "response", "httpStatus", "actorId"] {
            one[name] = json!(null);
        }
        one["actorType"] = "none".into();
        (one["settles"], one["verdict"]) = (json!([12, 13]), json!("confirmed"));
        let text = told(one.clone());
        has(&text, "Settles events 12, 13: confirmed");
        assert!(!text.contains("\nBy "), "a look at an upstream is nobody's request");
        (one["settles"], one["verdict"]) = (json!([12]), json!(null));
        has(&told(one.clone()), "Settles event 12, and cannot tell");
        one["settles"] = json!([]);
        assert!(!told(one).contains("Settles"));
    }

    #[test]
    fn counted_requests_say_how_many_and_when() {
        let mut one = whole();
        one["request"] = json!(null);
        one["count"] = json!(70_000);
        one["firstAt"] = json!("2026-03-31T16:59:00.5Z");
        one["lastAt"] = json!("2026-03-31T16:59:59.5Z");
        let text = told(one);
        has(&text, "Requests 70,000");
        has(&text, "First 2026-03-31T16:59:00Z");
        has(&text, "Last 2026-03-31T16:59:59Z");
    }

    #[test]
    fn an_imported_entry_names_the_request_that_it_explains() {
        let mut one = whole();
        for name in ["request", "response", "httpStatus", "actorId", "sourceIp"] {
            one[name] = json!(null);
        }
        one.as_object_mut().unwrap().remove("explainedBy");
        for (name, value) in [
            ("source", json!("imported")),
            ("log", json!("provisioning")),
            ("actorType", json!("provider")),
            ("actorName", json!(null)),
            ("entryId", json!("e-1")),
            ("tenant", json!("fjord")),
            ("importedBy", json!("4")),
            ("errorCode", json!("EntryConflict")),
            ("errorCategory", json!("nonServiceFailure")),
            ("skipReason", json!("NotEffectivelyEntitled")),
            ("explains", json!({"seq": 4100, "confidence": "probable"})),
            ("entry", json!({"id": "e-1"})),
        ] {
            one[name] = value;
        }
        let text = told(one.clone());
        for line in [
            "Log entry e-1",
            "Tenant fjord",
            "Imported by token 4",
            "Error code EntryConflict (nonServiceFailure)",
            "Skip reason NotEffectivelyEntitled",
            "Explains event 4100 (probable)",
            "By provider",
        ] {
            has(&text, line);
        }
        assert!(!text.contains("\nRequest\n") && !text.contains("\nResponse\n"), "{text}");
        one["actorName"] = "Ada Moe".into();
        has(&told(one), "By provider Ada Moe");
    }

    #[test]
    fn evidence_stands_below_an_operation() {
        let described = answers::described::<answers::EvidenceOf>().unwrap();
        let check = |answer: Value, expected: &str| {
            let table = described.table(&[("operation", "4182")]).unwrap();
            let text = evidence(table)(answer.as_object().unwrap(), None).unwrap();
            same(&text, expected);
        };
        check(json!({"rows": []}), "Evidence\nNone.\n");
        let row = json!({"seq": 4190, "recordedAt": "2026-03-31T17:00:00.5Z", "actorId": "3",
                         "sourceIp": null, "kind": "ticket", "ref": "OPS-7\u{1b}", "url": null,
                         "approvedBy": null, "approvedAt": null});
        check(
            json!({"rows": [row], "next": "x"}),
            r"Evidence
Recorded              Token  Kind    Reference    Approved by  Approved  URL  From  Event
2026-03-31T17:00:00Z  3      ticket  OPS-7\u{1b}                                     4190
`provlog evidence list` has more.
",
        );
    }
}
