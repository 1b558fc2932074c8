//! The operation log: every filter, and combinations, give the same as a scan of all rows.

use std::collections::{BTreeMap, BTreeSet};

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::patch;

const COMBINATIONS: usize = 50;
const STEPS: usize = 700;

/// Seeded random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % limit
    }

    fn one<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const APPS: [&str; 3] = ["paperboat", "kite", "lantern"];

/// Months in three applications, with every value that a filter distinguishes, unevenly distributed.
async fn history(server: &InProcess, random: &mut Random) {
    let mut tokens = vec![];
    for app in APPS {
        tokens.push((app, server.add_app(app).await));
    }
    // A second token of one application: rotation.
    let body = json!({"role": "scim", "application": "paperboat"});
    let second = server.admin("POST", "/api/v1/tokens", &body).await;
    tokens.push(("paperboat", second.body["token"].as_str().unwrap().to_owned()));
    let mut ids: Vec<(&str, String)> = vec![];
    for step in 0..STEPS {
        if random.below(3) == 0 {
            let pause = random.below(7_200_000_000) as i64;
            server.clock.set(Timestamp(server.clock.now().0 + pause));
        }
        // The third application is rare, and silent in the second half.
        let apps = if step % 40 == 7 && step < STEPS / 2 { 2..3 } else { 0..2 };
        let app = APPS[apps.start + random.below(apps.len())];
        let fitting: Vec<_> = tokens.iter().filter(|(of, _)| *of == app).collect();
        let (_, token) = *random.one(&fitting);
        // Seldom: more than fifty a second would be summarized, and later.
        let token = if step % 20 == 0 { "plg_wrong" } else { token };
        let base = format!("/apps/{app}/scim/v2");
        let of_app: Vec<_> = ids.iter().filter(|(of, _)| *of == app).cloned().collect();
        let send = async |method: &str, path: &str, body: &Value| {
            server.send(method, &format!("{base}{path}"), token, body).await
        };
        let name = random.below(60);
        let id = match of_app.len() {
            0 => "unknown".to_owned(),
            length => of_app[random.below(length)].1.clone(),
        };
        let answer = match random.below(9) {
            0..3 => send("POST", "/Users", &json!({"userName": format!("user-{name}")})).await,
            3 => {
                let set =
                    json!([{"op": "replace", "path": "active", "value": name.is_multiple_of(2)}]);
                send("PATCH", &format!("/Users/{id}"), &patch(&set)).await
            }
            4 => {
                let set =
                    json!([{"op": "replace", "path": "userName", "value": format!("user-{name}")}]);
                send("PATCH", &format!("/Users/{id}"), &patch(&set)).await
            }
            5 => send("DELETE", &format!("/Users/{id}"), &Value::Null).await,
            6 => send("GET", &format!("/Users/{id}"), &Value::Null).await,
            7 => {
                let body = json!({"displayName": "crew", "members": [{"value": id}]});
                send("POST", "/Groups", &body).await
            }
            _ => {
                let operation = json!({
                    "method": "POST", "path": "/Users", "bulkId": "a",
                    "data": {"userName": format!("user-{name}")},
                });
                let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
                let body = json!({"schemas": [schema], "Operations": [operation, operation]});
                send("POST", "/Bulk", &body).await
            }
        };
        if let Some(id) = answer.body["id"].as_str() {
            ids.push((app, id.to_owned()));
        }
    }
}

/// All pages of a list.
async fn pages(server: &InProcess, query: &str, limit: usize) -> (Vec<Value>, u64) {
    let (mut rows, mut cursor) = (vec![], String::new());
    loop {
        let path = format!("/api/v1/operations?limit={limit}{query}{cursor}");
        let answer = server.admin("GET", &path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let page = answer.body["rows"].as_array().unwrap();
        let next = answer.body["next"].as_str();
        assert!(page.len() == limit || next.is_none(), "{path}: a short page is the last");
        rows.extend(page.iter().cloned());
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (rows, answer.body["rowCount"].as_u64().unwrap()),
        }
    }
}

/// A filter: its parameter and the equivalent predicate on a row.
type Filter = (String, Box<dyn Fn(&Value) -> bool>);

fn equal(parameter: &str, member: &'static str, value: &Value) -> Filter {
    let expected = value.clone();
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "none".to_owned(),
    };
    (format!("&{parameter}={text}"), Box::new(move |row| row[member] == expected))
}

/// A filter of each kind, with values that some row has; sometimes with one that none has.
fn filters(all: &[Value], random: &mut Random) -> Vec<Filter> {
    let row = random.one(all).clone();
    let mut filters = vec![
        equal("status", "status", &row["status"]),
        equal("action", "action", &row["action"]),
        equal("credential", "actorId", &row["actorId"]),
        equal("effect", "effect", &row["effect"]),
        equal("httpStatus", "httpStatus", &row["httpStatus"]),
        equal("requestId", "requestId", &random.one(all)["requestId"]),
    ];
    if row["resourceType"].is_string() {
        filters.push(equal("resourceType", "resourceType", &row["resourceType"]));
    }
    if row["application"].is_string() {
        filters.push(equal("app", "application", &row["application"]));
    }
    if row["resourceId"].is_string() {
        filters.push(equal("resource", "resourceId", &row["resourceId"]));
    }
    let name = format!("user-{}", random.below(61));
    let is = |row: &Value, name: &str| row["userName"] == name;
    let bearers: BTreeSet<String> = all
        .iter()
        .filter(|row| is(row, &name))
        .filter_map(|row| row["resourceId"].as_str().map(str::to_owned))
        .collect();
    filters.push((
        format!("&resource=userName:{}", name.to_uppercase()),
        Box::new(move |row| match row["resourceId"].as_str() {
            Some(id) => bearers.contains(id),
            None => is(row, &name),
        }),
    ));
    let time = |row: &Value| row["recordedAt"].as_str().unwrap().to_owned();
    let from = time(random.one(all));
    filters.push((format!("&from={from}"), Box::new(move |row| time(row) >= from)));
    let to = time(random.one(all));
    filters.push((format!("&to={to}"), Box::new(move |row| time(row) < to)));
    filters
}

async fn check(server: &InProcess, all: &[Value], chosen: &[&Filter], limit: usize) {
    let query: String = chosen.iter().map(|(parameter, _)| parameter.as_str()).collect();
    let expected: Vec<&Value> =
        all.iter().filter(|row| chosen.iter().all(|(_, fits)| fits(row))).collect();
    let (rows, count) = pages(server, &query, limit).await;
    let seqs = |rows: &mut dyn Iterator<Item = &Value>| -> Vec<Value> {
        rows.map(|row| row["seq"].clone()).collect()
    };
    assert_eq!(seqs(&mut rows.iter()), seqs(&mut expected.iter().copied()), "{query}");
    assert_eq!(count, expected.len() as u64, "{query}");
}

/// The name of a filter's parameter.
fn name(filter: &Filter) -> &str {
    filter.0.trim_start_matches('&').split('=').next().unwrap()
}

/// The facets, and the member of a row that has the value.
const FACETS: [(&str, &str); 7] = [
    ("status", "status"),
    ("action", "action"),
    ("app", "application"),
    ("credential", "actorId"),
    ("resourceType", "resourceType"),
    ("effect", "effect"),
    ("httpStatus", "httpStatus"),
];

/// The facets and the histogram count what a plain scan counts.
async fn check_counts(server: &InProcess, all: &[Value], chosen: &[&Filter], buckets: usize) {
    let query: String = chosen.iter().map(|(parameter, _)| parameter.as_str()).collect();
    let ask = async |path: &str| {
        let answer = server.admin("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    };
    let found = ask(&format!("/api/v1/operations/facets?limit=1000{query}")).await;
    for (facet, member) in FACETS {
        let others: Vec<_> = chosen.iter().filter(|filter| name(filter) != facet).collect();
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for row in all.iter().filter(|row| others.iter().all(|(_, fits)| fits(row))) {
            let value = match &row[member] {
                Value::String(text) => text.clone(),
                Value::Null if facet == "credential" => "none".to_owned(),
                Value::Null => continue,
                value => value.to_string(),
            };
            *expected.entry(value).or_default() += 1;
        }
        let rows = found["rows"].as_array().unwrap().iter().filter(|row| row["facet"] == facet);
        let count = |row: &Value| {
            (row["value"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap())
        };
        assert_eq!(rows.map(count).collect::<BTreeMap<_, _>>(), expected, "{facet} of {query}");
    }

    let path = format!("/api/v1/operations/histogram?limit=1000&buckets={buckets}{query}");
    let found = ask(&path).await;
    let stretches = found["rows"].as_array().unwrap();
    assert!(stretches.len() <= buckets, "{path}: {found}");
    for (stretch, next) in stretches.iter().zip(&stretches[1.min(stretches.len())..]) {
        assert_eq!(stretch["end"], next["start"], "{path}: no hole");
    }
    let selected: Vec<&Value> =
        all.iter().filter(|row| chosen.iter().all(|(_, fits)| fits(row))).collect();
    assert_eq!(found["operations"], selected.len(), "{path}");
    for stretch in stretches {
        let time = |name: &str| stretch[name].as_str().unwrap();
        for status in ["success", "warning", "failure", "skipped"] {
            let is_in = |row: &&&Value| {
                let at = row["occurredAt"].as_str().unwrap();
                row["status"] == status && time("start") <= at && at < time("end")
            };
            let count = selected.iter().filter(is_in).count();
            assert_eq!(stretch[status], count, "{status} in {stretch} of {path}");
        }
    }
}

#[tokio::test]
async fn every_filter_and_random_combinations_give_what_a_plain_scan_gives() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(folder.path(), START).await;
    let mut random = Random(7);
    history(&server, &mut random).await;
    let (all, count) = pages(&server, "", 1_000).await;
    let is_operation =
        |event: &event::Event| matches!(event.header.fact, event::Fact::Operation(_));
    let mut seqs: Vec<u64> =
        server.events().iter().filter(|event| is_operation(event)).map(|event| event.seq).collect();
    seqs.reverse();
    let found: Vec<u64> = all.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(found, seqs, "all operations, newest first");
    assert_eq!(count, all.len() as u64);

    check_counts(&server, &all, &[], 1_000).await;
    let mut singles = 0;
    while singles < 8 {
        for filter in filters(&all, &mut random) {
            check(&server, &all, &[&filter], 1 + random.below(300)).await;
            check_counts(&server, &all, &[&filter], 2 + random.below(300)).await;
        }
        singles += 1;
    }
    let mut with_rows = 0;
    for _ in 0..COMBINATIONS {
        let filters = filters(&all, &mut random);
        let mut chosen: Vec<&Filter> = vec![];
        for filter in &filters {
            let taken = chosen.iter().any(|other| name(other) == name(filter));
            let from_after_to = filters.iter().any(|other| {
                let values = (filter.0.strip_prefix("&to="), other.0.strip_prefix("&from="));
                matches!(values, (Some(to), Some(from)) if from > to)
            });
            if !taken && !from_after_to && random.below(3) == 0 {
                chosen.push(filter);
            }
        }
        with_rows += usize::from(all.iter().any(|row| chosen.iter().all(|(_, fits)| fits(row))));
        check(&server, &all, &chosen, 1 + random.below(40)).await;
        check_counts(&server, &all, &chosen, 2 + random.below(40)).await;
    }
    assert!(with_rows > COMBINATIONS / 3, "most combinations are of filters that go together");

    // A cursor belongs to its filter.
    let first =
        server.admin("GET", "/api/v1/operations?limit=1&status=failure", &Value::Null).await;
    let next = first.body["next"].as_str().unwrap();
    for other in ["", "&status=success", "&status=failure&app=kite", "&status=failure&to=-1d"] {
        let path = format!("/api/v1/operations?limit=1{other}&cursor={next}");
        let refused = server.admin("GET", &path, &Value::Null).await;
        assert_eq!(
            (refused.status, &refused.body["type"]),
            (400, &json!("/problems/cursor-mismatch"))
        );
    }
    server.close().await;
}
