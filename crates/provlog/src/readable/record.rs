//! What is configured, what was not watched, who looked, and whether provisioning is alive.

use query::export::columns;
use serde_json::{Map, Value};

use super::{
    Shape, as_of, counted, end_of_one, ends, labelled, list, sections, several, time, yes_or_no,
};
use crate::table::{Column, Table};
use crate::text::{count, escaped, shown, span};

/// More ids of jobs than these are only counted.
const JOBS_MAX: usize = 20;

/// Of `profiles`.
pub(crate) const PROFILES: Shape = Shape {
    columns: &[
        Column::whole("Profile"),
        Column::text("Application"),
        Column::whole("Groups"),
        Column::text("Versions from"),
    ],
    application: None,
    row: profile,
    csv: columns::PROFILES,
};

/// The cells of a profile. Whether it has groups is said of its last version.
fn profile(row: &Value) -> Vec<String> {
    let versions = list(&row["versions"]);
    let dates: Vec<String> = versions
        .iter()
        .map(|version| shown(&version["from"]))
        .filter(|from| !from.is_empty())
        .collect();
    let groups = versions.last().is_some_and(|version| version["groups"] == true);
    vec![
        shown(&row["profile"]),
        shown(&row["title"]),
        if groups { "yes" } else { "no" }.to_owned(),
        dates.join(", "),
    ]
}

/// Of `token list`.
pub(crate) const TOKENS: Shape = Shape {
    columns: &[
        Column::whole("Id"),
        Column::whole("Role"),
        Column::text("Application"),
        Column::whole("Issued"),
        Column::whole("Valid"),
        Column::number("Event"),
    ],
    application: None,
    row: token,
    csv: columns::TOKENS,
};

/// The cells of a token.
fn token(row: &Value) -> Vec<String> {
    let revoked = shown(&row["revokedSeq"]);
    vec![
        shown(&row["id"]),
        shown(&row["role"]),
        shown(&row["application"]),
        time(&row["addedAt"]),
        if revoked.is_empty() { "yes".to_owned() } else { format!("until event {revoked}") },
        shown(&row["addedSeq"]),
    ]
}

const DIFFERENCES: &[Column] = &[
    Column::whole("Type"),
    Column::whole("Id"),
    Column::text("Path"),
    Column::text("Recorded"),
    Column::text("Seen"),
];

/// What a look at an upstream brought. A baseline takes over what there is, so its differences are only
/// counted.
pub(crate) fn looked(
    slug: &str,
    what: &str,
    answer: &Map<String, Value>,
    columns: Option<usize>,
) -> String {
    let seen = answer.get("seen").and_then(Value::as_object).into_iter().flatten();
    let seen = seen.map(|(name, number)| format!("{} {}", shown(number), name.to_lowercase()));
    let seen: Vec<String> = seen.map(|one| format!("{one} resources")).collect();
    let recorded = answer.get("recorded").map(shown).unwrap_or_default();
    let mut text = format!(
        "{} at the upstream of {}; {recorded} not as recorded before\n",
        seen.join(", "),
        escaped(slug)
    );
    for (member, words) in [
        ("refused", "not recorded, because they cannot be told"),
        ("flagged", "kept as they are, although their schema does not allow it"),
    ] {
        for (name, number) in answer.get(member).and_then(Value::as_object).into_iter().flatten() {
            let name = name.to_lowercase();
            let name = escaped(&name);
            text.push_str(&format!("{} {name} resources {words}\n", shown(number)));
        }
    }
    for name in answer.get("notServed").map(list).unwrap_or_default() {
        text.push_str(&format!("it has no list of {} resources\n", shown(name).to_lowercase()));
    }
    for problem in answer.get("problems").map(list).unwrap_or_default() {
        let (name, detail) = (shown(&problem["resourceType"]), shown(&problem["detail"]));
        text.push_str(&format!("incomplete: {}: {detail}\n", name.to_lowercase()));
    }
    let rows = answer.get("rows").map(list).unwrap_or_default();
    if what == "drift" && !rows.is_empty() {
        let cell = |value: &Value| match value {
            Value::Null => "–".to_owned(),
            other => shown(other),
        };
        let cells = rows.iter().map(|row| {
            let path = shown(&row["path"]);
            vec![
                shown(&row["resourceType"]),
                shown(&row["resourceId"]),
                if path.is_empty() { "the resource".to_owned() } else { path },
                cell(&row["recorded"]),
                cell(&row["seen"]),
            ]
        });
        text.push('\n');
        text.push_str(&Table::new(DIFFERENCES, columns).page(cells.collect()));
    }
    text
}

/// Of `coverage`.
pub(crate) const COVERAGE: Shape = Shape {
    columns: &[
        Column::text("Application"),
        Column::whole("From"),
        Column::whole("To"),
        Column::text("Reason"),
    ],
    application: Some(0),
    row: hole,
    csv: columns::COVERAGE,
};

/// The cells of a stretch that was not watched.
fn hole(row: &Value) -> Vec<String> {
    let (from, to) = ends(row);
    let application = match &row["application"] {
        Value::Null => "all".to_owned(),
        application => shown(application),
    };
    vec![application, from, to, shown(&row["reason"])]
}

/// What stands below the stretches that were not watched: their number alone, since the answer names
/// them once more as what it lacks itself.
pub(crate) fn below_coverage(
    _thing: &str,
    rows_shown: u64,
    answer: &Map<String, Value>,
    _columns: Option<usize>,
) -> String {
    match answer.get("rowCount").and_then(Value::as_u64) {
        Some(0) => "Everything was watched.\n".to_owned(),
        _ => format!("{}\n", counted(rows_shown, answer)),
    }
}

/// Of `access-log`.
pub(crate) const ACCESS_LOG: Shape = Shape {
    columns: &[
        Column::whole("Time"),
        Column::text("Application"),
        Column::whole("Token"),
        Column::whole("Role"),
        Column::text("Question"),
        Column::number("HTTP"),
        Column::number("Rows"),
        Column::whole("Export"),
        Column::whole("From"),
        Column::number("Event"),
    ],
    application: Some(1),
    row: access,
    csv: columns::ACCESS_LOG,
};

/// The cells of a question that somebody asked.
fn access(row: &Value) -> Vec<String> {
    let question = if row["target"].is_string() { "target" } else { "route" };
    let application = match row["allApplications"].as_bool() {
        Some(true) => "all".to_owned(),
        Some(false) | None => shown(&row["application"]),
    };
    vec![
        time(&row["recordedAt"]),
        application,
        shown(&row["actorId"]),
        shown(&row["role"]),
        shown(&row[question]),
        shown(&row["status"]),
        row["rows"].as_u64().map(count).unwrap_or_default(),
        yes_or_no(&row["exported"]),
        shown(&row["sourceIp"]),
        shown(&row["seq"]),
    ]
}

/// Of `list ls`.
pub(crate) const REFERENCE_LISTS: Shape = Shape {
    columns: &[
        Column::text("List"),
        Column::number("Rows"),
        Column::whole("Uploaded"),
        Column::number("Event"),
        Column::whole("SHA-256"),
    ],
    application: None,
    row: reference_list,
    csv: columns::REFERENCE_LISTS,
};

/// The cells of an uploaded list.
fn reference_list(row: &Value) -> Vec<String> {
    vec![
        shown(&row["name"]),
        row["rows"].as_u64().map(count).unwrap_or_default(),
        time(&row["recordedAt"]),
        shown(&row["seq"]),
        shown(&row["sha256"]),
    ]
}

/// Whether provisioning into an application is alive; `asked` is how the question named it.
pub(crate) fn job(asked: &str, answer: &Map<String, Value>) -> String {
    let job = answer.get("resource").unwrap_or(&Value::Null);
    let name = job["application"].as_str().unwrap_or(asked);
    let heading = format!("Provisioning of {} {}\n", escaped(name), as_of(answer));
    let seconds = |name: &str| job[name].as_u64().map(span).unwrap_or_default();
    let number = |name: &str| job[name].as_u64().map(count).unwrap_or_default();
    let state = match job["state"].as_str() {
        Some("active") => "active: requests arrive as expected".to_owned(),
        Some("late") => "late: the next request is overdue".to_owned(),
        Some("silent") => "silent: no request has arrived for long".to_owned(),
        Some("failing") => "failing: requests arrive, and fail".to_owned(),
        Some("quarantined") => "quarantined: the provider has all but stopped".to_owned(),
        Some("never") => "never: no request has ever arrived".to_owned(),
        _ => shown(&job["state"]),
    };
    let quarantine = &job["quarantine"];
    let quarantine = match quarantine.is_object() {
        true => format!(
            "since {}: {} (event {})",
            time(&quarantine["since"]),
            shown(&quarantine["reason"]),
            shown(&quarantine["seq"])
        ),
        false => "none is known".to_owned(),
    };
    let lines = labelled(&[
        ("State", state),
        ("Quarantine", quarantine),
        ("Last request", time(&job["lastRequestAt"])),
        ("Since then", seconds("secondsSinceLastRequest")),
        ("Expected every", seconds("expectedIntervalSeconds")),
        ("Last success", time(&job["lastSuccessAt"])),
        ("Last write", time(&job["lastWriteAt"])),
        ("Last log entry", time(&job["lastEntryAt"])),
        ("Requests in a day", number("requestsInLastDay")),
        ("Failures in a day", number("failuresInLastDay")),
        ("Job ids", several(list(&job["jobIds"]).iter(), JOBS_MAX)),
    ]);
    sections([heading, lines, end_of_one(answer)])
}

#[cfg(test)]
mod tests {
    use super::super::sample::{USER_ID, check, fits, same};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hole_has_two_ends_and_a_reason() {
        let rows = [
            json!({"application": null, "from": null, "to": "2026-03-01T08:00:00.5Z",
                   "reason": "before the record began"}),
            json!({"application": "paperboat", "from": "2026-03-04T09:00:00.1Z", "to": null,
                   "reason": "no imported log"}),
        ];
        check(
            &COVERAGE,
            &rows,
            "\
Application  From                  To                    Reason
all          the beginning         2026-03-01T08:00:00Z  before the record began
paperboat    2026-03-04T09:00:00Z  now                   no imported log
",
        );
        let told = |rows: u64, answer: Value| {
            below_coverage("application", rows, answer.as_object().unwrap(), None)
        };
        let gaps = json!({"state": "partial", "gaps": [rows[0]]});
        assert_eq!(told(2, json!({"rowCount": 2, "coverage": gaps})), "2 rows\n");
        assert_eq!(told(0, json!({"rowCount": 0})), "Everything was watched.\n");
        assert_eq!(told(0, json!({})), "0 rows\n", "no word is no promise");
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
        check(&ACCESS_LOG, std::slice::from_ref(&row), "\
Time                  Application  Token  Role     Question                                    HTTP   Rows  Export  From        Event
2026-03-31T17:00:00Z  paperboat    3      auditor  /api/v1/apps/paperboat/users?at=2026-03-31   200  1,200  no      192.0.2.14   4190
");
        fits(&ACCESS_LOG, row.clone());
        let mut untold = row;
        untold["target"] = json!(null);
        untold["allApplications"] = json!(true);
        let cells = access(&untold);
        assert_eq!([&cells[1], &cells[4]], ["all", "/api/v1/apps/{app}/users"]);
    }

    #[test]
    fn an_uploaded_list_keeps_its_digest_whole() {
        let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let row = json!({"name": "staff", "application": null, "seq": 977, "recordedAt": "2026-03-31T17:00:00.5Z",
                         "rows": 1200, "sha256": sha256});
        check(
            &REFERENCE_LISTS,
            std::slice::from_ref(&row),
            &format!(
                "\
List    Rows  Uploaded              Event  SHA-256
staff  1,200  2026-03-31T17:00:00Z    977  {sha256}
"
            ),
        );
        fits(&REFERENCE_LISTS, row);
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
            let text = job("scim.1", answer.as_object().unwrap());
            same(&text, expected);
        };
        check(
            &answer,
            "\
Provisioning of paperboat as of 2026-03-31T17:00:00Z (event 1842)

State              late: the next request is overdue
Quarantine         none is known
Last request       2026-03-31T16:00:00Z
Since then         59m 59s
Expected every     40m
Last success       2026-03-31T15:00:00Z
Requests in a day  1,200
Failures in a day  0
Job ids            scim.1, scim.2
",
        );
        answer["resource"] = json!({
            "application": "paperboat", "state": "never", "jobIds": [],
            "quarantine": {"since": "2026-03-01T08:00:00Z", "reason": "bad credentials",
                           "seq": 12},
        });
        answer["coverage"] = json!({"state": "partial", "gaps": [
            {"from": "2026-03-04T09:00:00.1Z", "to": null, "reason": "no imported log"},
        ]});
        check(
            &answer,
            "\
Provisioning of paperboat as of 2026-03-31T17:00:00Z (event 1842)

State       never: no request has ever arrived
Quarantine  since 2026-03-01T08:00:00Z: bad credentials (event 12)

Not everything was watched.
Not watched: 2026-03-04T09:00:00Z to now (no imported log)
",
        );
    }
}
