//! Provisioning jobs and their state.

use std::collections::BTreeSet;

use event::{Application, Event, Seq, Source, Status, Timestamp};
use serde_json::{Value, json};

use super::imports::{self, text};
use super::known::Known;
use super::operations::{has_failed, operation_of, recorded_action};
use super::questions::{Expected, Parameters};

const SECOND: i64 = 1_000_000;

/// The application with this slug, or else the first one whose entries have a job with this id.
fn application_of(known: &Known<'_>, job: &str) -> Option<Application> {
    let all = known.applications(None);
    let named = all.iter().find(|application| known.slug(**application) == job);
    let has =
        |application: &&Application| jobs(&imports::entries(known, **application)).contains(job);
    named.or(all.iter().find(has)).copied()
}

fn jobs(entries: &[&Event]) -> BTreeSet<String> {
    let job = |event: &&Event| text(&imports::said(event), "/jobId").map(str::to_owned);
    entries.iter().filter_map(job).collect()
}

/// `GET /jobs/{job}`
pub fn job(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let Some(application) = application_of(known, &parameters.job) else {
        return Expected::not_found();
    };
    let (time, at) = (parameters.at.unwrap_or(known.now), parameters.at_count(known));
    let events = known.events()[..at].iter();
    let requests: Vec<&Event> = events
        .filter(|event| event.header.application == application && operation_of(event).is_some())
        .collect();
    let succeeds = |event: &&&Event| operation_of(event).is_some_and(|one| !has_failed(one));
    let writes = |event: &&&Event| {
        let action = recorded_action(event, operation_of(event).expect("a request"));
        action != "other"
    };
    let time_of = |event: Option<&&Event>| event.map(|event| event.header.recorded_at);
    let last_request = time_of(requests.last());
    let last_success = time_of(requests.iter().rfind(succeeds));
    let last_write = time_of(requests.iter().rfind(writes));
    let last_written = time_of(requests.iter().rfind(|one| succeeds(one) && writes(one)));
    let day_ago = Timestamp(time.0 - 86_400 * SECOND);
    let day: Vec<&&Event> =
        requests.iter().filter(|event| event.header.recorded_at > day_ago).collect();
    let failures = day.iter().filter(|event| !succeeds(event)).count();
    let entries = imports::entries_until(known, application, time);
    let quarantine =
        quarantine(&entries).filter(|one| last_written.is_none_or(|written| written < one.last));
    let since = last_request.map(|last| (time.0 - last.0) / SECOND);
    let state = match since {
        None => "never",
        Some(_) if quarantine.is_some() => "quarantined",
        Some(_) if failures * 2 > day.len() => "failing",
        Some(86_401..) => "silent",
        Some(2_401..) => "late",
        Some(_) => "active",
    };
    let shown = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let told = json!({
        "application": known.slug(application),
        "jobIds": jobs(&entries),
        "state": state,
        "lastRequestAt": shown(last_request),
        "lastSuccessAt": shown(last_success),
        "lastWriteAt": shown(last_write),
        "lastEntryAt": shown(entries.iter().map(|event| imports::occurred(event)).max()),
        "expectedIntervalSeconds": 2_400,
        "secondsSinceLastRequest": since,
        "requestsInLastDay": day.len(),
        "failuresInLastDay": failures,
        "quarantine": quarantine.map(|one| {
            json!({"since": one.since.to_string(), "reason": one.reason, "seq": one.seq})
        }),
    });
    Expected::answer().with("resource", told).with("rowCount", 1)
}

struct Quarantine {
    since: Timestamp,
    seq: Seq,
    last: Timestamp,
    reason: Value,
}

/// The current quarantine after some entries: a success ends it, and so does a restart of the job.
fn quarantine(entries: &[&Event]) -> Option<Quarantine> {
    let mut found: Option<Quarantine> = None;
    for event in entries {
        let (entry, said) = (imports::imported_of(event).expect("an entry"), imports::said(event));
        if entry.source == Source::Provisioning {
            if entry.status == Status::Success {
                found = None;
            }
            continue;
        }
        let activity = text(&said, "/activityDisplayName").expect("an activity").to_lowercase();
        let last = entry.occurred_at;
        if activity.contains("quarantine") {
            let reason = said["resultReason"].clone();
            found = Some(match found {
                Some(before) => Quarantine { last, reason, ..before },
                None => Quarantine { since: last, seq: event.seq, last, reason },
            });
        } else if activity.contains("provisioning configuration") {
            found = None;
        }
    }
    found
}
