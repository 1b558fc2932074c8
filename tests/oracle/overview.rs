//! The applications at a glance.

use event::{Application, Credential, Event, Fact, ResourceType, Role, Timestamp};
use serde_json::{Value, json};

use super::known::{Known, gap};
use super::operations::{failing, has_failed, operation_of, selected};
use super::questions::{Expected, Parameters};
use super::{imports, jobs};

const DAY: i64 = 86_400_000_000;
const DAYS: i64 = 90;

/// `GET /overview`, without what needs attention, and the order that follows from it.
pub fn overview(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let is_known = |application: &Application| {
        let events = &known.events()[..parameters.at_count(known)];
        events.iter().any(|event| {
            matches!(&event.header.fact, Fact::ApplicationAdded(one) if one.number == *application)
        })
    };
    let applications = known.applications(parameters.app).into_iter().filter(is_known);
    let rows = applications.map(|application| row(known, parameters, application));
    Expected::rows(rows.collect()).unordered().open("attention")
}

fn row(known: &Known<'_>, parameters: &Parameters, application: Application) -> Value {
    let (time, at) = (parameters.at.unwrap_or(known.now), parameters.at_count(known));
    // Parameters live as long as the test.
    let slug: &'static str = known.slug(application).to_owned().leak();
    let asked = Parameters { job: slug.to_owned(), app: Some(slug), ..parameters.clone() };
    let job = jobs::job(known, &asked).members["resource"].clone();
    let requests = || {
        let own = |event: &&Event| event.header.application == application;
        known.events()[..at].iter().filter(own).filter(|event| operation_of(event).is_some())
    };
    let succeeds = |event: &&Event| operation_of(event).is_some_and(|one| !has_failed(one));
    let (last, success) = (requests().next_back(), requests().rfind(succeeds));
    let status = |event: &Event| if succeeds(&event) { "success" } else { "failure" };

    let today = time.0.div_euclid(DAY);
    let first = Timestamp((today - DAYS + 1) * DAY);
    let end = Timestamp(time.0 + 1);
    let (from, to) = (Some(first), Some(end));
    let rows = selected(known, &Parameters { app: Some(slug), from, to, ..Parameters::default() });
    let mut sums = json!({"success": 0, "warning": 0, "failure": 0, "skipped": 0});
    let mut days = vec![];
    for day in today - DAYS + 1..=today {
        let [from, to] =
            [day * DAY, ((day + 1) * DAY).min(end.0)].map(|time| Timestamp(time).to_string());
        let mut bucket = json!({
            "start": from, "end": to, "success": 0, "warning": 0, "failure": 0, "skipped": 0,
        });
        for row in &rows {
            let at = row["occurredAt"].as_str().expect("a time");
            let status = row["status"].as_str().expect("a status");
            if from.as_str() <= at && at < to.as_str() {
                for counts in [&mut bucket, &mut sums] {
                    counts[status] = json!(counts[status].as_u64().expect("a number") + 1);
                }
            }
        }
        days.push(bucket);
    }

    let is_user = |kind: ResourceType| kind == ResourceType::USER;
    let had_users = (0..=known.size).any(|count| {
        known.world(application, count).resources.values().any(|one| is_user(one.kind))
    });
    let is_imported = !imports::entries(known, application).is_empty() && !had_users;
    let world = known.world(application, at);
    let count = |kind: ResourceType, active: bool| {
        let all = world.resources.values().filter(|one| one.kind == kind);
        (!is_imported).then(|| all.filter(|one| one.active || !active).count())
    };
    let began = known.recorded(0);
    let unwatched =
        (first < began).then(|| gap(Some(first), Some(began.min(time)), "before the record began"));

    let is_proxied = known.ever().iter().any(|event| {
        event.header.application == application && matches!(event.header.fact, Fact::UpstreamSet(_))
    });

    let tokens = tokens(known, application, (at, time));
    let shown = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "application": slug,
        "state": job["state"],
        "proxied": is_proxied,
        "lastRequestAt": job["lastRequestAt"],
        "lastRequestSeq": last.map(|event| event.seq),
        "lastRequestStatus": last.map(status),
        "lastSuccessAt": job["lastSuccessAt"],
        "lastSuccessSeq": success.map(|event| event.seq),
        "secondsSinceLastRequest": job["secondsSinceLastRequest"],
        "requestsInLastDay": job["requestsInLastDay"],
        "failuresInLastDay": job["failuresInLastDay"],
        "success": sums["success"],
        "warning": sums["warning"],
        "failure": sums["failure"],
        "skipped": sums["skipped"],
        "days": days,
        "users": count(ResourceType::USER, false),
        "activeUsers": count(ResourceType::USER, true),
        "groups": count(ResourceType::GROUP, false),
        "failing": failing(known, &asked).members["rowCount"],
        "quarantine": job["quarantine"],
        "gaps": unwatched.into_iter().collect::<Vec<_>>(),
        "validTokens": tokens.len(),
        "oldestTokenAt": shown(tokens.iter().map(|(added, _)| *added).min()),
        "newestTokenAt": shown(tokens.iter().map(|(added, _)| *added).max()),
        "nextTokenEndAt": shown(tokens.iter().filter_map(|(_, end)| *end).min()),
    })
}

/// When each valid SCIM token of an application was issued, and when it ends.
fn tokens(
    known: &Known<'_>,
    application: Application,
    (at, time): (usize, Timestamp),
) -> Vec<(Timestamp, Option<Timestamp>)> {
    let mut valid: Vec<(Credential, Timestamp, Option<Timestamp>)> = vec![];
    for event in &known.events()[..at] {
        match &event.header.fact {
            Fact::CredentialAdded(added)
                if event.header.application == application && added.role == Role::Scim =>
            {
                valid.push((added.number, event.header.recorded_at, added.expires_at));
            }
            Fact::CredentialRevoked(revoked) => valid.retain(|(one, ..)| *one != revoked.number),
            _ => {}
        }
    }
    valid.retain(|(_, _, end)| end.is_none_or(|end| time < end));
    valid.into_iter().map(|(_, added, end)| (added, end)).collect()
}
