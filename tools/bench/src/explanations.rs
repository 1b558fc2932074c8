//! Diffs, blame and why; the log in Graph's shape; and imports. Each is measured as a complete answer,
//! with the router called in process. An answer that finds nothing is measured in between and
//! subtracted: authentication, recording the access, and HTTP.

use event::{Stopwatch, Timestamp};
use serde_json::{Value, json};

use crate::figures::percentile;
use crate::in_process::{self, InProcess, Message};
use crate::log_pages::{answer, answered, graph_filters};
use crate::play::{Filled, request_id};
use crate::questions::samples;
use crate::random::Random;
use crate::table::{Goal, Row};
use crate::{Outcome, Plan};

/// Entries imported in a round, and in one request.
const IMPORTED: usize = 20_000;
const PER_REQUEST: usize = 2_000;
/// The diff covers this many requests, since in a larger workload more happens in a day.
const DIFF_REQUESTS: u64 = 350_000;
/// A larger workload has the same users, and more happens to each. So questions about a user are also
/// asked as known after this many requests: the same answer from a larger log.
const EARLIER_REQUESTS: u64 = 1_000_000;

/// Measures on an open copy of the filled store.
pub fn measure(
    plan: &Plan,
    filled: &Filled,
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Vec<Row>> {
    let (slug, _) = filled.applications.first().ok_or("no application")?;
    let (group, _) = filled.groups.first().ok_or("no group")?;
    let mut random = Random::new(plan.seed);
    let app = format!("/api/v1/apps/{slug}");
    let log = "/v1.0/auditLogs/provisioning?$top=50&$filter=";
    let nothing = "/v1.0/auditLogs/provisioning/nothing";
    let (mut rows, mut nothing_us) = (Vec::new(), Vec::new());
    let mut measured =
        |name: &str, goal: Option<Goal>, ask: &mut dyn FnMut() -> Outcome<String>| {
            let (mut whole_us, mut engine_us) = (Vec::new(), Vec::new());
            for _ in 0..plan.rounds {
                let mut taken = samples(plan, || answer(open, runtime, ask()?))?;
                let whole = percentile(&mut taken, 50.0) as f64 / 1e3;
                let mut taken = samples(plan, || answered(open, runtime, nothing.to_owned(), 404))?;
                let frame = percentile(&mut taken, 50.0) as f64 / 1e3;
                nothing_us.push(frame);
                whole_us.push(whole);
                engine_us.push((whole - frame).max(0.0));
            }
            rows.push(Row::new(format!("{name}, HTTP answer"), "µs", &whole_us).compared());
            let row = Row::new(format!("{name}, without its frame"), "µs", &engine_us).compared();
            rows.push(match goal {
                Some(goal) => row.with_goal(goal),
                None => row,
            });
            Outcome::Ok(())
        };
    let name = "what changed in the largest group in the last 350,000 requests";
    let since = came(open, runtime, filled.operations.saturating_sub(DIFF_REQUESTS))?;
    measured(name, None, &mut || Ok(format!("{app}/groups/{group}/diff?from={since}&limit=100")))?;
    let earlier = came(open, runtime, EARLIER_REQUESTS.min(filled.operations) - 1)?;
    let why = Goal::at_most(5_000.0, 5_000.0);
    for earlier in [None, Some(earlier)] {
        let when = if earlier.is_some() { "as known after a million requests" } else { "now" };
        let then = |name: &str| {
            let then = earlier.as_ref().map(|time| format!("{name}={time}&knownAt={time}"));
            then.unwrap_or_default()
        };
        let (to, at) = (then("to"), then("at"));
        // The holder of the name may have had an account with another id then.
        let mut user = || -> Outcome<String> {
            let (id, name) = random.pick(&filled.users).ok_or("no users")?;
            Ok(if earlier.is_some() { format!("userName:{name}") } else { id.to_string() })
        };
        measured(&format!("one user's stays in the largest group, {when}"), None, &mut || {
            Ok(format!("{app}/groups/{group}/intervals?user={}&{to}", user()?))
        })?;
        measured(&format!("all stays of a user, {when}"), None, &mut || {
            Ok(format!("{app}/users/{}/intervals?{to}", user()?))
        })?;
        measured(&format!("blame of a user, {when}"), None, &mut || {
            Ok(format!("{app}/users/{}/blame?{at}", user()?))
        })?;
        measured(&format!("why a user has an account, {when}"), Some(why), &mut || {
            Ok(format!("{app}/users/{}/why?{at}", user()?))
        })?;
    }
    for (name, filter) in graph_filters(filled) {
        let target = format!("{log}{}", filter.replace(' ', "%20"));
        measured(&format!("Graph page of 50 under {name}"), None, &mut || Ok(target.clone()))?;
    }
    rows.push(Row::new("nothing, HTTP answer", "µs", &nothing_us).compared());
    rows.push(imported(plan, filled, open, runtime)?);
    Ok(rows)
}

/// When a request was recorded.
fn came(open: &InProcess, runtime: &tokio::runtime::Runtime, number: u64) -> Outcome<String> {
    let message = Message {
        method: "GET",
        target: format!("/api/v1/operations?requestId={}", request_id(number)),
        token: open.admin_token.clone(),
        request_id: None,
        body: vec![],
    };
    let (status, body) = runtime.block_on(in_process::send(open.router(), message))?;
    let answer: Value = serde_json::from_slice(&body)?;
    let came = answer["rows"][0]["recordedAt"].as_str().map(str::to_owned);
    came.ok_or_else(|| format!("request {number} is not found, {status}").into())
}

/// Imports entries in Graph's form into an application of their own; entries per second.
fn imported(
    plan: &Plan,
    filled: &Filled,
    open: &InProcess,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Row> {
    runtime.block_on(open.add_application("imported"))?;
    let mut per_second = Vec::new();
    for round in 0..plan.rounds {
        let bodies: Vec<Vec<u8>> = (0..IMPORTED / PER_REQUEST)
            .map(|request| body(filled, (round * IMPORTED + request * PER_REQUEST) as u64))
            .collect();
        let watch = Stopwatch::start();
        for body in bodies {
            let message = Message {
                method: "POST",
                target: format!("/api/v1/apps/imported/imports?run={round:x}"),
                token: open.admin_token.clone(),
                request_id: None,
                body,
            };
            let (status, text) = runtime.block_on(in_process::send(open.router(), message))?;
            if status != 200 || !String::from_utf8_lossy(&text).contains("\"refused\":0") {
                return Err(format!("an import answers {status}").into());
            }
        }
        per_second.push(IMPORTED as f64 / watch.elapsed().as_secs_f64());
    }
    let row = Row::new("imported entries, in process", "/s", &per_second).compared();
    Ok(row.with_goal(Goal::at_least(20_000.0, 60_000.0)))
}

fn body(filled: &Filled, first: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for number in first..first + PER_REQUEST as u64 {
        let at = Timestamp(filled.end_us - (number as i64) * 1_000_000);
        let person = number % 5_000;
        let name = format!("person-{person}@fjord.example");
        let skipped = number.is_multiple_of(3);
        let entry = json!({
            "id": format!("entry-{number}"),
            "activityDateTime": at.to_string(),
            "tenantId": "1b7e2f90-4c1d-4e8a-9a55-0f6d3c2b1a00",
            "jobId": "scim.1b7e2f904c1d4e8a9a550f6d3c2b1a00.c0a8d6f1",
            "cycleId": format!("cycle-{}", number / 5_000),
            "changeId": format!("change-{number}"),
            "provisioningAction": if skipped { "other" } else { "update" },
            "durationInMilliseconds": 92,
            "provisioningStatusInfo":
                {"status": if skipped { "skipped" } else { "success" }, "errorInformation": null},
            "provisioningSteps": [
                {"name": "EntryImportUpdate", "provisioningStepType": "import", "status": "success",
                 "description": "It arrived as a change.", "details": {"objectId": format!("source-{person}"),
                 "accountEnabled": "True", "displayName": name, "IsSoftDeleted": "False",
                 "appRoleAssignments": "Member"}},
                {"name": "EntrySynchronizationScoping", "provisioningStepType": "scoping",
                 "status": "success", "description": "Checks ran.", "details": {
                 "Active in the source system": "True", "Assigned to the application": "True",
                 "User has the required role": "True", "Scoping filter evaluation passed": "True",
                 "ScopeEvaluationResult": "{}"}},
                {"name": if skipped { "EntrySynchronizationSkip" } else { "EntryExportUpdate" },
                 "provisioningStepType": "export", "status": if skipped { "skipped" } else { "success" },
                 "description": "Done.", "details": if skipped { json!({"SkipReason": "RedundantExport"}) }
                 else { json!({"title": "Mate", "ReportableIdentifier": name}) }},
            ],
            "modifiedProperties": if skipped { json!([]) }
                else { json!([{"displayName": "title", "oldValue": "Hand", "newValue": "Mate"}]) },
            "servicePrincipal": {"id": "e3b0a9d8", "displayName": "Harborboard"},
            "sourceSystem": {"id": "b1c2d3e4", "displayName": "Microsoft Entra ID", "details": {}},
            "targetSystem": {"id": "c2d3e4f5", "displayName": "customappsso", "details": {}},
            "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service",
                "initiatorType": "system"},
            "sourceIdentity": {"id": format!("source-{person}"), "displayName": name,
                "identityType": "User", "details": {"UserPrincipalName": name}},
            "targetIdentity": {"id": format!("target-{person}"), "displayName": "",
                "identityType": "urn:ietf:params:scim:schemas:core:2.0:User", "details": {}},
        });
        body.extend_from_slice(entry.to_string().as_bytes());
        body.push(b'\n');
    }
    body
}
