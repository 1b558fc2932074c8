//! Operations counted over time and by value.

use std::collections::BTreeMap;

use event::Timestamp;
use serde_json::{Map, Value, json};

use super::imports;
use super::known::Known;
use super::operations::{all, selected};
use super::questions::{Expected, Parameters};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;
/// The lengths of buckets in seconds, and the start of one of them in days since 1970-01-01.
const LENGTHS: [(i64, i64); 8] = [
    (60, 0),
    (300, 0),
    (900, 0),
    (3_600, 0),
    (21_600, 0),
    (DAY, 0),
    (7 * DAY, 4), // a Monday
    (30 * DAY, 0),
];

/// The start of the bucket of a time.
fn start(time: i64, (seconds, day): (i64, i64)) -> i64 {
    time - (time - day * DAY * SECOND).rem_euclid(seconds * SECOND)
}

/// `GET /operations/histogram`
pub fn histogram(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let any = Parameters { from: None, to: None, ..Parameters::default() };
    let times = all(known, &any, &known.applications(parameters.app)).into_iter();
    let times: Vec<Timestamp> = times.map(imports::occurred).collect();
    let first = parameters.from.or(times.iter().min().copied());
    let last = times.iter().copied().chain([known.now]).max().expect("now");
    let end = parameters.to.map_or(last.0 + 1, |to| to.0);
    let Some(begin) = first.map(|first| first.0).filter(|first| *first < end) else {
        return Expected::rows(vec![]).with("bucketSeconds", 60).with("operations", 0);
    };
    let most = i64::from(parameters.buckets.unwrap_or(100));
    let count = |length: (i64, i64)| {
        1 + (start(end - 1, length) - start(begin, length)) / (length.0 * SECOND)
    };
    let doubled = (1..).map(|times| (30 * DAY * (1 << times), 0));
    let length = LENGTHS.into_iter().chain(doubled).find(|length| count(*length) <= most);
    let length = length.expect("a length that is long enough");
    let mut starts = vec![];
    let mut next = start(begin, length);
    while next < end {
        starts.push(next);
        next += length.0 * SECOND;
    }
    let rows = selected(known, parameters);
    let buckets = starts.into_iter().map(|start| {
        let (from, to) = (start.max(begin), (start + length.0 * SECOND).min(end));
        let [from, to] = [from, to].map(|time| Timestamp(time).to_string());
        let mut bucket = json!({
            "start": from, "end": to,
            "success": 0, "warning": 0, "failure": 0, "skipped": 0,
        });
        for row in &rows {
            let time = row["occurredAt"].as_str().expect("a time");
            if from.as_str() <= time && time < to.as_str() {
                let count = &mut bucket[row["status"].as_str().expect("a status")];
                *count = json!(count.as_u64().expect("a number") + 1);
            }
        }
        bucket
    });
    let expected = Expected::rows(buckets.collect());
    expected.with("bucketSeconds", length.0).with("operations", rows.len())
}

/// The value of an operation in a facet.
type ValueOf = fn(&Map<String, Value>) -> Value;

/// The facets, and the value of an operation in each.
const FACETS: [(&str, ValueOf); 10] = [
    ("status", |row| row["status"].clone()),
    ("action", |row| row["action"].clone()),
    ("app", |row| row["application"].clone()),
    ("credential", |row| match row.get("importedBy") {
        Some(token) => token.clone(),
        None if row["actorId"].is_null() => "none".into(),
        None => row["actorId"].clone(),
    }),
    ("resourceType", |row| row["resourceType"].clone()),
    ("effect", |row| row["effect"].clone()),
    ("httpStatus", |row| row["httpStatus"].as_u64().map(|one| one.to_string()).into()),
    ("source", |row| row["source"].clone()),
    ("log", |row| row.get("log").cloned().unwrap_or_default()),
    ("errorCode", |row| row.get("errorCode").cloned().unwrap_or_default()),
];

/// `GET /operations/facets`
pub fn facets(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let mut rows = vec![];
    for (facet, value) in FACETS {
        // Its own filter does not count.
        let mut others = parameters.clone();
        others.filters.retain(|(name, _)| *name != facet);
        if facet == "app" {
            others.app = None;
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for row in selected(known, &others) {
            if let Some(value) = value(&row).as_str() {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let row = |(value, count)| json!({"facet": facet, "value": value, "count": count});
        rows.extend(counts.into_iter().map(row));
    }
    Expected::rows(rows).open("label")
}
