//! Configuration, and the results of comparing with an upstream.

use answers::act::DriftReport;
use serde_json::Value;

use crate::table::{Column, Table};
use crate::text::{escaped, shown};

const DIFFERENCES: &[Column] = &[
    Column::whole("Type"),
    Column::whole("Id"),
    Column::text("Path"),
    Column::text("Recorded"),
    Column::text("Seen"),
];

/// The result of a baseline or drift check. A baseline adopts the differences that it finds, so they are
/// only counted.
pub(crate) fn looked(
    slug: &str,
    what: &str,
    report: &DriftReport,
    columns: Option<usize>,
) -> String {
    let of_type = |(name, number): (&String, &u64)| {
        format!("{number} {} resources", escaped(&name.to_lowercase()))
    };
    let seen: Vec<String> = report.seen.iter().map(of_type).collect();
    let mut text = format!(
        "{} at the upstream of {}; {} not as recorded before\n",
        seen.join(", "),
        escaped(slug),
        report.recorded
    );
    for (numbers, words) in [
        (&report.refused, "not recorded, because they cannot be told"),
        (&report.flagged, "kept as they are, although their schema does not allow it"),
    ] {
        for one in numbers {
            text.push_str(&format!("{} {words}\n", of_type(one)));
        }
    }
    for name in &report.not_served {
        text.push_str(&format!("it has no list of {} resources\n", escaped(&name.to_lowercase())));
    }
    for problem in &report.problems {
        let name = problem.resource_type.to_lowercase();
        text.push_str(&format!("incomplete: {}: {}\n", escaped(&name), escaped(&problem.detail)));
    }
    if what == "drift" && !report.rows.is_empty() {
        let cell = |value: &Value| match value {
            Value::Null => "–".to_owned(),
            other => shown(other),
        };
        let text_of = |text: &str| escaped(text).into_owned();
        let cells = report.rows.iter().map(|row| {
            vec![
                text_of(&row.resource_type),
                text_of(&row.resource_id),
                if row.path.is_empty() { "the resource".to_owned() } else { text_of(&row.path) },
                cell(&row.recorded),
                cell(&row.seen),
            ]
        });
        text.push('\n');
        text.push_str(&Table::new(DIFFERENCES, columns).page(cells.collect()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, USER_ID, check_question, question_fits, same};
    use super::super::{Answer, below_of, lines};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stretch_has_two_ends_and_a_reason() {
        let rows = [
            json!({"application": null, "from": null, "to": "2026-03-01T08:00:00.5Z",
                   "reason": "before the record began"}),
            json!({"application": "paperboat", "from": "2026-03-04T09:00:00.1Z", "to": null,
                   "reason": "no imported log"}),
        ];
        check_question::<answers::Unwatched>(
            &[("app", "paperboat")],
            &rows,
            "\
Application  From                  To                    Reason
all          the beginning         2026-03-01T08:00:00Z  before the record began
paperboat    2026-03-04T09:00:00Z  now                   no imported log
",
        );
        let told = |rows: u64, answer: Value| {
            let table = answers::described::<answers::Unwatched>().unwrap().table(&[]).unwrap();
            let members = sample::answer(answer);
            let below = table.below(&members, rows).unwrap();
            below_of("application", below, rows, &Answer::of(&members).unwrap(), None)
        };
        let gaps = json!({"state": "partial", "gaps": [rows[0]]});
        assert_eq!(told(2, json!({"rowCount": 2, "coverage": gaps})), "2 rows\n");
        assert_eq!(told(0, json!({"rowCount": 0})), "Everything was watched.\n");
    }

    #[test]
    fn who_looked_is_a_row() {
        let row = json!({"seq": 4190, "recordedAt": "2026-03-31T17:00:00.5Z",
                         "application": "paperboat", "allApplications": false,
                         "actorId": "3", "role": "auditor",
                         "route": "/api/v1/apps/{app}/users",
                         "target": "/api/v1/apps/paperboat/users?at=2026-03-31", "status": 200,
                         "rows": 1200, "exported": false, "sawSeq": 4189,
                         "sourceIp": "192.0.2.14", "userAgent": "curl/8", "requestId": USER_ID});
        check_question::<answers::AccessLog>(&[], std::slice::from_ref(&row), "\
Time                  Application  Token  Role     Question                                    HTTP   Rows  Export  From        Event
2026-03-31T17:00:00Z  paperboat    3      auditor  /api/v1/apps/paperboat/users?at=2026-03-31   200  1,200  no      192.0.2.14   4190
");
        question_fits::<answers::AccessLog>(&[], row.clone());
        let mut untold = row;
        untold["target"] = json!(null);
        untold["allApplications"] = json!(true);
        let table = answers::described::<answers::AccessLog>().unwrap().table(&[]).unwrap();
        let cells = table.cells(untold).unwrap();
        assert_eq!([&cells[1].text, &cells[4].text], ["all", "/api/v1/apps/{app}/users"]);
    }

    #[test]
    fn an_uploaded_list_says_whose_it_is_and_keeps_its_digest_whole() {
        let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let row = |application: Value| {
            json!({"name": "staff", "application": application, "seq": 977, "actorId": "3",
                   "recordedAt": "2026-03-31T17:00:00.5Z", "rows": 1200, "sha256": sha256})
        };
        check_question::<answers::ReferenceLists>(
            &[],
            &[row(json!(null)), row(json!("paperboat"))],
            &format!(
                "\
List   Application   Rows  Uploaded              Token  Event  SHA-256
staff  all          1,200  2026-03-31T17:00:00Z  3        977  {sha256}
staff  paperboat    1,200  2026-03-31T17:00:00Z  3        977  {sha256}
"
            ),
        );
        question_fits::<answers::ReferenceLists>(&[], row(json!("paperboat")));
    }

    #[test]
    fn evidence_is_a_row() {
        let row = json!({"seq": 4190, "recordedAt": "2026-03-31T17:00:00.5Z", "actorId": "3",
                         "sourceIp": "192.0.2.14", "kind": "ticket", "ref": "OPS-7",
                         "url": "https://desk.fjord.example/7", "approvedBy": "Ole Brandt",
                         "approvedAt": "2026-03-30T08:00:00Z"});
        let asked = [("operation", "4182")];
        check_question::<answers::EvidenceOf>(&asked, std::slice::from_ref(&row), "\
Recorded              Token  Kind    Reference  Approved by  Approved              URL                           From        Event
2026-03-31T17:00:00Z  3      ticket  OPS-7      Ole Brandt   2026-03-30T08:00:00Z  https://desk.fjord.example/7  192.0.2.14   4190
");
        question_fits::<answers::EvidenceOf>(&asked, row);
    }

    #[test]
    fn a_profile_says_of_its_last_version_whether_it_has_groups() {
        let versions = json!([{"from": null, "groups": false},
                              {"from": "2026-03-01", "groups": true},
                              {"from": "2026-06-01", "groups": true}]);
        check_question::<answers::Profiles>(
            &[],
            &[json!({"profile": "boat", "title": "Paper boat", "versions": versions})],
            "\
Profile  Application  Groups  Versions from
boat     Paper boat   yes     2026-03-01, 2026-06-01
",
        );
    }

    #[test]
    fn a_token_is_valid_or_was_until_an_event() {
        let row = |revoked: Value, end: Value, valid: bool| {
            json!({"id": "3", "role": "scim", "application": "paperboat", "addedSeq": 311,
                   "addedAt": "2026-01-12T08:00:04.5Z", "revokedSeq": revoked, "name": null,
                   "addedBy": "1", "expiresAt": end, "valid": valid, "lastUsedAt": null,
                   "lastUsedSeq": null})
        };
        let (none, end) = (json!(null), json!("2026-04-01T00:00:00.000000Z"));
        let mut named = row(none.clone(), end.clone(), true);
        named["name"] = json!("yearly audit");
        named["lastUsedAt"] = json!("2026-03-01T08:00:00.000000Z");
        named["lastUsedSeq"] = json!(940);
        named["issuer"] = json!("https://id.example");
        let rows = [
            row(none.clone(), none.clone(), true),
            named.clone(),
            row(none, end.clone(), false),
            row(json!(977), end, false),
        ];
        check_question::<answers::Tokens>(
            &[],
            &rows,
            "\
Id  Role  Application  Name          Issued                By  Valid                         Last used             Signs in with
3   scim  paperboat                  2026-01-12T08:00:04Z  1   yes                           never
3   scim  paperboat    yearly audit  2026-01-12T08:00:04Z  1   until 2026-04-01T00:00:00Z    2026-03-01T08:00:00Z  https://id.example
3   scim  paperboat                  2026-01-12T08:00:04Z  1   expired 2026-04-01T00:00:00Z  never
3   scim  paperboat                  2026-01-12T08:00:04Z  1   revoked (event 977)           never
",
        );
        question_fits::<answers::Tokens>(&[], named);
    }

    #[test]
    fn a_job_says_in_words_how_it_is() {
        let mut answer = json!({
            "query": {"at": "2026-03-31T17:00:00Z"}, "atSeq": 1842,
            "coverage": {"state": "complete", "gaps": []},
            "resource": {
                "application": "paperboat", "jobIds": ["scim.1", "scim.2"], "state": "late",
                "lastRequestAt": "2026-03-31T16:00:00.5Z", "lastSuccessAt": "2026-03-31T15:00:00Z",
                "lastWriteAt": null, "lastEntryAt": null, "expectedIntervalSeconds": 2400,
                "secondsSinceLastRequest": 3599, "requestsInLastDay": 1200,
                "failuresInLastDay": 0, "quarantine": null,
            },
        });
        let check = |answer: &Value, expected: &str| {
            let job = answers::described::<answers::Job>().unwrap();
            let text = lines(job, job.table(&[("job", "scim.1")]).unwrap());
            same(&text(&sample::answer(answer.clone()), None).unwrap(), expected);
        };
        check(
            &answer,
            "\
Provisioning of scim.1 as of 2026-03-31T17:00:00Z (event 1842)

State              late: the next request is overdue
Quarantine         none is known
Last request       2026-03-31T16:00:00Z
Since then         59m 59s
Expected every     40m
Last success       2026-03-31T15:00:00Z
Requests in a day  1,200
Failures in a day  0
Job ids            scim.1, scim.2
Application        paperboat
",
        );
        answer["resource"] = json!({
            "application": "paperboat", "state": "never", "jobIds": [],
            "lastRequestAt": null, "lastSuccessAt": null, "lastWriteAt": null,
            "lastEntryAt": null, "expectedIntervalSeconds": 2400,
            "secondsSinceLastRequest": null, "requestsInLastDay": 0, "failuresInLastDay": 0,
            "quarantine": {"since": "2026-03-01T08:00:00Z", "reason": "bad credentials",
                           "seq": 12},
        });
        answer["coverage"] = json!({"state": "partial", "gaps": [
            {"from": "2026-03-04T09:00:00.1Z", "to": null, "reason": "no imported log"},
        ]});
        check(
            &answer,
            "\
Provisioning of scim.1 as of 2026-03-31T17:00:00Z (event 1842)

State              never: no request has ever arrived
Quarantine         since 2026-03-01T08:00:00Z: bad credentials (event 12)
Expected every     40m
Requests in a day  0
Failures in a day  0
Application        paperboat

Not everything was watched.
Not watched: 2026-03-04T09:00:00Z to now (no imported log)
",
        );
    }
}
