//! Operations: as rows, and one whole.

use serde_json::{Map, Value};

use super::{labelled, list, name_of, sections, time};
use crate::table::{Column, Table};
use crate::text::{count, escaped, shown};

/// What an operation was about, by the name that it has for people.
pub(super) fn target(row: &Value) -> String {
    name_of(row, &["userName", "displayName", "resourceId"])
}

const EVIDENCE: [Column; 8] = [
    Column::whole("Recorded"),
    Column::whole("Token"),
    Column::text("Kind"),
    Column::text("Reference"),
    Column::text("Approved by"),
    Column::whole("Approved"),
    Column::extra("URL"),
    Column::number("Event"),
];

/// The cells of a piece of evidence.
fn evidence(row: &Value) -> Vec<String> {
    vec![
        time(&row["recordedAt"]),
        shown(&row["actorId"]),
        shown(&row["kind"]),
        shown(&row["ref"]),
        shown(&row["approvedBy"]),
        time(&row["approvedAt"]),
        shown(&row["url"]),
        shown(&row["seq"]),
    ]
}

const CHANGES: [Column; 4] = [
    Column::text("Path"),
    Column::whole("Op"),
    Column::text("Old value"),
    Column::text("New value"),
];
const CHANGES_OF_SEVERAL: [Column; 5] = [
    Column::text("Path"),
    Column::whole("Op"),
    Column::text("Old value"),
    Column::text("New value"),
    Column::whole("Of"),
];
const STEPS: [Column; 5] = [
    Column::number("No"),
    Column::whole("Type"),
    Column::text("Name"),
    Column::whole("Status"),
    Column::text("Description"),
];

/// An operation with all that belongs to it; the answer has its evidence beside it.
pub(crate) fn whole_operation(answer: &Map<String, Value>, columns: Option<usize>) -> String {
    let one = answer.get("resource").unwrap_or(&Value::Null);
    let heading = format!("Operation {} ({})\n", shown(&one["seq"]), shown(&one["eventId"]));
    let evidence = answer.get("evidence").unwrap_or(&Value::Null);
    sections([
        heading,
        head(one),
        titled("Changes", changes(one, columns)),
        titled("Steps", steps(&one["steps"], columns)),
        titled("Request", sent(&one["request"])),
        titled("Response", answered(&one["response"])),
        titled("Evidence", all_evidence(evidence, columns)),
    ])
}

fn titled(title: &str, text: String) -> String {
    if text.is_empty() { text } else { format!("{title}\n{text}") }
}

/// What it was, who did it, when, and what came of it.
fn head(one: &Value) -> String {
    let member = |name: &str| shown(&one[name]);
    let with = |text: String, name: &str, words: &str| match &one[name] {
        Value::Null => text,
        value => format!("{text} ({words}{})", shown(value)),
    };
    let about = match (target(one), member("resourceId")) {
        (name, id) if id.is_empty() || name == id => name,
        (name, id) => format!("{name} ({id})"),
    };
    let actor = match member("actorType").as_str() {
        // What is no request was asked by nobody.
        "" | "none" if one["request"].is_null() => String::new(),
        "" | "none" => "without a valid token".to_owned(),
        kind => format!("{kind} {}", name_of(one, &["actorName", "actorId"])).trim_end().to_owned(),
    };
    let requests = one["count"].as_u64().map(count).unwrap_or_default();
    let took = one["durationMs"].as_f64().map(|ms| format!("{ms} ms")).unwrap_or_default();
    let settled = &one["settled"];
    let settled = match settled["bySeq"].is_number() {
        true => format!("{} by event {}", shown(&settled["verdict"]), shown(&settled["bySeq"])),
        false => String::new(),
    };
    labelled(&[
        ("Operation", member("operation")),
        ("Application", member("application")),
        ("About", about),
        ("Action", member("action")),
        ("Status", with(member("status"), "httpStatus", "HTTP ")),
        ("Effect", member("effect")),
        ("Reason", with(member("reason"), "scimType", "")),
        ("Error code", member("errorCode")),
        ("Skip reason", member("skipReason")),
        ("Requests", requests),
        ("Occurred", time(&one["occurredAt"])),
        ("Recorded", time(&one["recordedAt"])),
        ("Took", took),
        ("By", actor),
        ("From", member("sourceIp")),
        ("Client", member("userAgent")),
        ("Request id", with(member("requestId"), "index", "part ")),
        ("Log entry", member("entryId")),
        ("Job", member("jobId")),
        ("Cycle", member("cycleId")),
        ("Change", member("changeId")),
        ("Settled", settled),
        ("Explained by", linked(&one["explainedBy"])),
        ("Explains", linked(&one["explains"])),
    ])
}

/// The events to which an operation is joined, and how surely.
fn linked(links: &Value) -> String {
    // A request can have several entries, an entry has one request.
    let links = match links {
        Value::Object(_) => std::slice::from_ref(links),
        links => list(links),
    };
    let links = links.iter().map(|link| {
        let seq = shown(&link["seq"]);
        let confidence = match link["confidence"].as_str() {
            Some(confidence) => format!(" ({})", escaped(confidence)),
            None => String::new(),
        };
        let entry = match link["entryId"].as_str() {
            Some(entry) => format!(", entry {}", escaped(entry)),
            None => String::new(),
        };
        format!("event {seq}{entry}{confidence}")
    });
    links.collect::<Vec<_>>().join("; ")
}

/// The paths that changed. An operation on one resource can change others.
fn changes(one: &Value, columns: Option<usize>) -> String {
    let rows = list(&one["changes"]);
    let of_several = rows.iter().any(|row| row["resourceId"].is_string());
    let cells = rows.iter().map(|row| {
        let mut cells = vec![
            shown(&row["path"]),
            shown(&row["op"]),
            shown(&row["oldValue"]),
            shown(&row["newValue"]),
        ];
        if of_several {
            let own = if row["resourceId"].is_string() { row } else { one };
            cells.push(shown(&own["resourceId"]));
        }
        cells
    });
    let names = if of_several { &CHANGES_OF_SEVERAL[..] } else { &CHANGES[..] };
    table(names, cells.collect(), columns)
}

fn steps(rows: &Value, columns: Option<usize>) -> String {
    let cells = list(rows).iter().enumerate().map(|(place, row)| {
        vec![
            (place + 1).to_string(),
            name_of(row, &["type", "provisioningStepType"]),
            shown(&row["name"]),
            shown(&row["status"]),
            shown(&row["description"]),
        ]
    });
    table(&STEPS, cells.collect(), columns)
}

fn sent(request: &Value) -> String {
    if request.is_null() {
        return String::new();
    }
    let line = format!("{} {}\n", shown(&request["method"]), shown(&request["target"]));
    line + &body(request)
}

fn answered(response: &Value) -> String {
    if response.is_null() {
        return String::new();
    }
    let error = shown(&response["error"]);
    let error = if error.is_empty() { error } else { format!(": {error}") };
    format!("{}{error}\n{}", shown(&response["status"]), body(response))
}

/// A body over several lines, or why there is none.
fn body(message: &Value) -> String {
    let mut text = String::new();
    if !message["body"].is_null() {
        let pretty = serde_json::to_string_pretty(&message["body"]).unwrap_or_default();
        for line in pretty.lines() {
            text.push_str(&format!("{}\n", escaped(line)));
        }
    }
    let note = &message["bodyNote"];
    if note.is_object() {
        let length = note["lengthBytes"].as_u64().map(|bytes| format!(", {} bytes", count(bytes)));
        let length = length.unwrap_or_default();
        text.push_str(&format!("(the body was not kept: {}{length})\n", shown(&note["reason"])));
    }
    text
}

fn all_evidence(answer: &Value, columns: Option<usize>) -> String {
    let rows = list(&answer["rows"]);
    if rows.is_empty() {
        return "None.\n".to_owned();
    }
    let cells = rows.iter().map(evidence).collect();
    let mut text = table(&EVIDENCE, cells, columns);
    if answer["next"].is_string() {
        text.push_str("`provlog evidence list` has more.\n");
    }
    text
}

/// A table, or nothing where there are no rows.
fn table(names: &[Column], cells: Vec<Vec<String>>, columns: Option<usize>) -> String {
    if cells.is_empty() { String::new() } else { Table::new(names, columns).page(cells) }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{GROUP_ID, USER_ID, check_question, question_fits, same};
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_is_about_whoever_it_names_best() {
        assert_eq!(
            target(&json!({"userName": "mira", "displayName": "M", "resourceId": "26"})),
            "mira"
        );
        let group = json!({"userName": null, "displayName": "Crew", "resourceId": "7"});
        assert_eq!(target(&group), "Crew");
        assert_eq!(target(&json!({"userName": null, "resourceId": "26"})), "26");
        assert_eq!(target(&json!({"resourceId": null})), "");
    }

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

    fn whole() -> Value {
        json!({
            "seq": 4182, "eventId": "0198c1b2-7d3e-8a4f-9b5c-6d7e8f9a0b1c",
            "occurredAt": "2026-03-31T17:00:00.5Z", "recordedAt": "2026-03-31T17:00:00.5Z",
            "application": "paperboat", "operation": "PATCH Group", "action": "update",
            "status": "success", "httpStatus": 204, "scimType": null, "reason": null,
            "effect": "applied", "resourceType": "Group", "resourceId": GROUP_ID,
            "userName": null, "displayName": "Crew", "externalId": null, "actorType": "token",
            "actorId": "3", "sourceIp": "192.0.2.14", "userAgent": "idp/1.0",
            "requestId": "r-1", "index": null, "durationMs": 1.25, "changedPaths": ["members"],
            "jobId": null, "cycleId": "c-7", "changeId": "h-9", "steps": [],
            "explainedBy": [{"seq": 4190, "entryId": "e-1", "confidence": "certain"}],
            "changes": [
                {"path": "members", "op": "add", "oldValue": null, "newValue": USER_ID},
                {"path": "displayName", "op": "replace", "oldValue": "Crew", "newValue": "Deck"},
            ],
            "request": {"method": "PATCH", "target": "/Groups/7\u{9b}",
                        "body": {"a": ["x\u{9b}"]}, "bodyNote": null},
            "response": {"status": 204, "error": null},
        })
    }

    fn told(one: Value, evidence: Value) -> String {
        let answer = json!({"resource": one, "evidence": {"rows": evidence}});
        whole_operation(answer.as_object().unwrap(), None)
    }

    #[test]
    fn an_operation_is_told_whole() {
        let expected = format!(
            r#"Operation 4182 (0198c1b2-7d3e-8a4f-9b5c-6d7e8f9a0b1c)

Operation     PATCH Group
Application   paperboat
About         Crew ({GROUP_ID})
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

Evidence
None.
"#
        );
        let text = told(whole(), json!([]));
        same(&text, &expected);
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
        one["steps"] = json!([{"type": "export", "name": "Export", "status": "failure",
                               "description": "it answered 409"}]);
        one["request"] = json!({"method": "DELETE", "target": "/Users/7", "body": null,
                                "bodyNote": {"reason": "too large", "lengthBytes": 9_000_000}});
        one["actorType"] = "none".into();
        let evidence = json!([{"seq": 4190, "recordedAt": "2026-03-31T17:00:00.5Z",
                               "kind": "ticket", "ref": "OPS-7"}]);
        let text = told(one, evidence);
        let has = |start: &str, end: &str| {
            let found = text.lines().any(|line| line.starts_with(start) && line.ends_with(end));
            assert!(found, "{start} … {end} in\n{text}");
        };
        has("active   remove  true", USER_ID);
        has("members  remove", GROUP_ID);
        has(" 1  export  Export  failure  it answered 409", "");
        let note = "DELETE /Users/7\n(the body was not kept: too large, 9,000,000 bytes)\n";
        assert!(text.contains(note), "{text}");
        has("By            without a valid token", "");
        assert!(text.contains("\nEvidence\nRecorded ") && text.contains("OPS-7"), "{text}");
    }

    #[test]
    fn an_imported_entry_names_the_request_that_it_explains() {
        let mut one = whole();
        for name in ["request", "response", "httpStatus", "actorId", "sourceIp", "explainedBy"] {
            one[name] = json!(null);
        }
        one["actorType"] = "provider".into();
        one["entryId"] = "e-1".into();
        one["errorCode"] = "SystemForCrossDomainIdentityManagementConflict".into();
        one["explains"] = json!({"seq": 4100, "confidence": "probable"});
        let text = told(one.clone(), json!([]));
        let has = |line: &str| assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        has("Log entry    e-1");
        has("Error code   SystemForCrossDomainIdentityManagementConflict");
        has("Explains     event 4100 (probable)");
        has("By           provider");
        assert!(!text.contains("\nRequest\n"), "{text}");
        one["actorName"] = "Ada Moe".into();
        assert!(told(one.clone(), json!([])).contains("\nBy           provider Ada Moe\n"));
        // A look at an upstream is nobody's request either.
        one["actorType"] = "none".into();
        assert!(!told(one, json!([])).contains("\nBy "));
    }
}
