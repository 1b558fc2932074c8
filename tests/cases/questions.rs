//! Promises 3 and 4 over HTTP: every answer about a random history equals that of a naive oracle. It is
//! the same after more events and after a rebuild, and answers to different questions agree.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use event::{Seq, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

use crate::harness::history::{Player, Step, group_name, step};
use crate::harness::in_process::{InProcess, START};
use crate::harness::repetitions;
use crate::oracle::known::{History, Known};
use crate::oracle::questions::{
    Expected, Kind, NESTED, NOT_ASKED, Parameters, SHAPES, Shape, Texts, address, expected,
};
use crate::oracle::record::{access_of, target_of};
use crate::oracle::reports::Termination;

/// How far the clock advances after the last step, so that the events of the questions are later than
/// the history.
const REST_MICROS: i64 = 10_000_000;

/// A time in a question, relative to the events of the history.
#[derive(Clone, Copy, Debug)]
enum Instant {
    /// Not given.
    None,
    /// Microseconds after an event.
    Event(u16, i64),
    /// Thousandths of the time between the first event and now.
    Between(u16),
    /// Before the first event.
    Early,
    /// Now or later.
    Late(i64),
}

/// The `knownAt` of a question.
#[derive(Clone, Copy, Debug)]
enum KnownAt {
    Now,
    Seq(u16),
    Instant(Instant),
}

/// One question. Indexes choose among what the history has.
#[derive(Clone)]
struct Pick {
    shape: u8,
    app: bool,
    times: (Instant, Instant),
    known: KnownAt,
    resources: [u8; 4],
    /// By which attribute users and groups are named in the address.
    name: u8,
    active: Option<bool>,
    flags: [bool; 3],
    what: u8,
    event: u16,
}

/// On one line, since a failure prints many of them.
impl fmt::Debug for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pick { shape, app, times, known, resources, name, active, flags, what, event } = self;
        let whom = (resources, name);
        write!(f, "Pick {:?}", (shape, app, times, known, whom, active, flags, what, event))
    }
}

fn instant() -> impl Strategy<Value = Instant> {
    prop_oneof![
        2 => Just(Instant::None),
        6 => (any::<u16>(), -1..=1_i64).prop_map(|(event, micros)| Instant::Event(event, micros)),
        3 => (0..1000_u16).prop_map(Instant::Between),
        1 => Just(Instant::Early),
        1 => prop_oneof![Just(0), Just(1), Just(3_600_000_000_i64)].prop_map(Instant::Late),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    let known = prop_oneof![
        3 => Just(KnownAt::Now),
        2 => any::<u16>().prop_map(KnownAt::Seq),
        1 => instant().prop_map(KnownAt::Instant),
    ];
    let times = (instant(), instant());
    let rest =
        (any::<[u8; 4]>(), 0..4_u8, any::<Option<bool>>(), any::<[bool; 3]>(), any::<(u8, u16)>());
    (any::<u8>(), any::<bool>(), times, known, rest).prop_map(|(shape, app, times, known, rest)| {
        let (resources, name, active, flags, (what, event)) = rest;
        Pick { shape, app, times, known, resources, name, active, flags, what, event }
    })
}

/// The server, and the history for the oracle.
struct Tester<'a> {
    server: &'a InProcess,
    history: History,
    /// Ids of users and groups.
    users: Vec<String>,
    groups: Vec<String>,
    lists: Vec<(Seq, Vec<Termination>)>,
    /// The seq of the event that added the application.
    begin: Seq,
}

/// An answered question: the part of the answer that must not change.
struct Answered {
    path: String,
    lasting: Value,
}

type Checked<T> = Result<T, String>;

fn one<T>(list: &[T], index: u8) -> Option<&T> {
    list.get(usize::from(index).checked_rem(list.len())?)
}

impl Tester<'_> {
    fn time(&self, instant: Instant) -> Option<Timestamp> {
        let events = &self.history.events;
        let now = self.history.now;
        match instant {
            Instant::None => None,
            Instant::Event(index, micros) => {
                let event = &events[usize::from(index) % events.len()];
                Some(Timestamp(event.header.recorded_at.0 + micros))
            }
            Instant::Between(share) => {
                let first = events[0].header.recorded_at.0;
                Some(Timestamp(first + (now.0 - first) / 1000 * i64::from(share)))
            }
            Instant::Early => Some(Timestamp(events[0].header.recorded_at.0 - 86_400_000_000)),
            Instant::Late(micros) => Some(Timestamp(now.0 + micros)),
        }
    }

    /// What is known, and the `knownAt` parameter.
    fn known(&self, known: KnownAt) -> (Known<'_>, Option<String>) {
        let size = self.history.events.len() as Seq;
        match known {
            KnownAt::Now => (self.history.whole(), None),
            KnownAt::Seq(index) => {
                let seq = self.begin + Seq::from(index) % (size - self.begin);
                (self.history.known_at_seq(seq), Some(seq.to_string()))
            }
            KnownAt::Instant(instant) => {
                // Not before the application existed, and not in the future.
                let begun = self.history.events[self.begin as usize].header.recorded_at;
                let time = self.time(instant).filter(|time| *time >= begun);
                match time.filter(|time| *time < self.history.now) {
                    Some(time) => (self.history.known_at(time), Some(time.to_string())),
                    None => (self.history.whole(), None),
                }
            }
        }
    }

    /// An event to ask about: six of eight are operations, and one has evidence.
    fn event(&self, shape: &Shape, pick: &Pick) -> Seq {
        let events = &self.history.events;
        let is_shown = |event: &&event::Event| {
            matches!(event.header.fact, event::Fact::Operation(_) | event::Fact::Imported(_))
        };
        let shown: Vec<Seq> = events.iter().filter(is_shown).map(|event| event.seq).collect();
        let approved = events.iter().filter_map(|event| match &event.header.fact {
            event::Fact::EvidenceAdded(added) => Some(added.operation),
            _ => None,
        });
        let approved: Vec<Seq> = approved.collect();
        let reviews =
            events.iter().filter(|event| matches!(event.header.fact, event::Fact::ReviewAdded(_)));
        let reviews: Vec<Seq> = reviews.map(|event| event.seq).collect();
        if shape.kind == Kind::Review && !reviews.is_empty() && pick.what % 8 > 1 {
            return reviews[usize::from(pick.event) % reviews.len()];
        }
        match pick.what % 8 {
            0 => Seq::from(pick.event) % (events.len() as Seq + 1),
            1 if !approved.is_empty() => approved[usize::from(pick.event) % approved.len()],
            _ => shown[usize::from(pick.event) % shown.len()],
        }
    }

    /// The question of a pick; `None` if the history has no subject for it.
    fn asked(&self, shape: &Shape, pick: &Pick) -> Option<(Known<'_>, Parameters)> {
        let (known, known_at) = self.known(pick.known);
        let [user, group, other_user, other_group] = pick.resources;
        let (first, second) = (self.time(pick.times.0), self.time(pick.times.1));
        let is_turned = first.zip(second).is_some_and(|(first, second)| first > second);
        let (from, to) = if is_turned { (second, first) } else { (first, second) };
        let user_id = one(&self.users, user).cloned().unwrap_or("nobody".to_owned());
        let group_id = one(&self.groups, group).cloned().unwrap_or("nothing".to_owned());
        // Users known only from imports have ids that we did not give.
        let is_foreign =
            matches!(shape.kind, Kind::ImportedUser | Kind::ImportedTimeline | Kind::ImportedWhy);
        let name = |id: String, prefix: &str, value: String| match pick.name {
            0 => format!("{prefix}:{value}"),
            1 if is_foreign || pick.flags[2] => format!("target-{}", user % 9),
            _ if is_foreign => format!("{prefix}:{value}"),
            _ => id,
        };
        let groups = [group, other_user, other_group];
        let groups: BTreeSet<&String> =
            groups.iter().filter_map(|index| one(&self.groups, *index)).collect();
        if shape.kind == Kind::Overlap && groups.len() < 2 {
            return None;
        }
        let names_groups = shape.kind != Kind::Matrix || pick.active.is_some();
        let on = [None, Some("title"), Some("department"), Some("name.givenName")];
        let paths =
            [None, Some("title"), Some("name.givenName"), Some("groups"), Some("department")];
        let within = [None, Some(0), Some(3_600), Some(86_400 * 2)];
        let asked = Parameters {
            app: pick.app.then_some("boat"),
            at: first,
            from,
            to,
            known_at,
            user: match user % 5 {
                0 => name(user_id, "externalId", format!("external-{}", user % 3)),
                _ => name(user_id, "userName", format!("user-{}", user % 9)),
            },
            group: name(group_id, "displayName", group_name(group % 3).to_uppercase()),
            other_user: one(&self.users, other_user).filter(|_| pick.flags[0]).cloned(),
            other_group: one(&self.groups, other_group).filter(|_| pick.flags[0]).cloned(),
            groups: groups.into_iter().filter(|_| names_groups).cloned().collect(),
            compare: second.filter(|time| *time <= first.unwrap_or(known.now)),
            all: pick.flags[2],
            active: pick.active,
            nested: NESTED && pick.flags[1],
            include_groups: NESTED && pick.flags[2],
            on: *one(&on, pick.what)?,
            path: *one(&paths, pick.what)?,
            within_seconds: *one(&within, pick.what)?,
            resource: None,
            filters: filters(pick.what),
            event: self.event(shape, pick),
            credential: pick.flags[1].then(|| (pick.what % 12).to_string()),
            buckets: *one(&[Some(2), Some(3), Some(7), Some(20)], pick.what)?,
            job: (*one(&["boat", "boat", "raft", "punt", "scim.0"], pick.what)?).to_owned(),
        };
        let resource = if pick.flags[1] { asked.user.clone() } else { asked.group.clone() };
        let mut asked = Parameters { resource: pick.flags[2].then_some(resource), ..asked };
        if shape.kind == Kind::Accesses && !known.is_repeatable {
            // This test asks its questions now; they are not part of the history.
            let now = self.history.now;
            asked.to = Some(asked.to.map_or(now, |to| to.min(now)));
            asked.from = asked.from.map(|from| from.min(now));
        }
        Some((known, asked))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.server.admin("GET", path, &Value::Null).await;
        (answer.status, answer.body)
    }

    /// Asks and compares with the oracle. Returns the answer, or `None` if there was nothing to ask.
    async fn check(&self, shape: &Shape, pick: &Pick) -> Checked<Option<Answered>> {
        let Some((known, asked)) = self.asked(shape, pick) else { return Ok(None) };
        let list = self.lists.iter().rfind(|(seq, _)| *seq < known.size as Seq);
        let list = list.map(|(seq, list)| (*seq, &list[..]));
        let Some(expected) = expected(shape, &known, &asked, list) else { return Ok(None) };
        let bare = address(shape, &asked);
        let path = if shape.has_pages { with(&bare, "limit=1000") } else { bare.clone() };
        let size = self.server.server.committer().store().log_size().unwrap();
        let (status, answer) = self.get(&path).await;
        compare(&path, (status, &answer), &expected, &asked)?;
        self.check_access(&path, (status, &answer), size)?;
        if status == 200 && shape.has_pages && pick.flags[0] {
            self.check_pages(&bare, &answer).await?;
        }
        let is_lasting = asked.known_at.is_some() && status == 200;
        Ok(is_lasting.then(|| Answered { path, lasting: lasting(answer) }))
    }

    /// A question adds one event: who asked what, and how many rows were returned.
    fn check_access(&self, path: &str, (status, answer): (u16, &Value), size: Seq) -> Checked<()> {
        let left = self.server.events_from(size);
        let [event] = &left[..] else { return Err(format!("{path}\nleft {} events", left.len())) };
        let shown = match answer["rows"].as_array() {
            Some(rows) => rows.len() as u64,
            None => answer["rowCount"].as_u64().unwrap_or(0),
        };
        let access = access_of(event);
        let kept = access.map(|access| (access.status, access.rows, target_of(event)));
        let wanted = Some((status, shown, Some(path)));
        match kept == wanted {
            true => Ok(()),
            false => Err(format!("{path}\nis kept as {kept:?}, and not as {wanted:?}")),
        }
    }

    /// The pages of a list together equal the list.
    async fn check_pages(&self, bare: &str, whole: &Value) -> Checked<()> {
        let (mut rows, mut cursor) = (vec![], String::new());
        loop {
            let path = with(bare, &format!("limit=2{cursor}"));
            let (status, page) = self.get(&path).await;
            let Some(found) = page["rows"].as_array().filter(|_| status == 200) else {
                return Err(format!("{path}\nis refused as a page:\n{page:#}"));
            };
            rows.extend(found.iter().cloned());
            if page["rowCount"] != whole["rowCount"] || found.len() > 2 {
                return Err(format!("{path}\nis no page of {} rows", whole["rowCount"]));
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        same_rows(&with(bare, "limit=2"), &rows, &array(&whole["rows"]))
    }

    /// Asks again and compares with the first answer.
    async fn check_again(&self, answered: &[Answered], why: &str) -> Checked<()> {
        for Answered { path, lasting: before } in answered {
            let (_, answer) = self.get(path).await;
            let after = lasting(answer);
            if after != *before {
                return Err(format!(
                    "{path}\nhas another answer {why}\n{after:#}\nbefore\n{before:#}"
                ));
            }
        }
        Ok(())
    }

    /// The diffs of two consecutive periods add up to the diff of both.
    async fn check_diffs(&self, pick: &Pick) -> Checked<()> {
        let Some(group) = one(&self.groups, pick.resources[1]) else { return Ok(()) };
        let middle = self.time(pick.times.0);
        let (from, to) = (self.history.events[0].header.recorded_at, self.history.now);
        let middle = middle.map_or(from, |middle| middle.clamp(from, to));
        let mut sets = vec![];
        for (from, to) in [(from, middle), (middle, to), (from, to)] {
            let path =
                format!("/api/v1/apps/boat/groups/{group}/diff?from={from}&to={to}&limit=1000");
            let (status, answer) = self.get(&path).await;
            if status != 200 {
                return Err(format!("{path}\n{answer:#}"));
            }
            let (mut came, mut went) = (BTreeSet::new(), BTreeSet::new());
            for row in array(&answer["rows"]) {
                let id = row["userId"].to_string();
                match row["change"].as_str() {
                    Some("added") => came.insert(id),
                    Some("removed") => went.insert(id),
                    _ => true,
                };
            }
            sets.push((came, went));
        }
        let members = |steps: &[(BTreeSet<String>, BTreeSet<String>)]| {
            // The first period starts before any member.
            let mut members = BTreeSet::new();
            for (came, went) in steps {
                members.retain(|member| !went.contains(member));
                members.extend(came.iter().cloned());
            }
            members
        };
        let (parts, whole) = (members(&sets[..2]), members(&sets[2..]));
        match parts == whole {
            true => Ok(()),
            false => Err(format!("diffs of {group} at {middle}: {parts:?}, together {whole:?}")),
        }
    }

    /// The intervals of all users equal those of all groups.
    async fn check_mirror(&self, pick: &Pick) -> Checked<()> {
        let (known, known_at) = self.known(pick.known);
        let last = known.last(known.application("boat"));
        let ids = |kind: &str| -> Vec<String> {
            let gone = last.gone.values().map(|(resource, _)| resource);
            let all = last.resources.values().chain(gone);
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let ids = all.filter_map(|resource| text(&resource.attributes["id"]));
            let own = if kind == "users" { &self.users } else { &self.groups };
            ids.filter(|id| own.contains(id)).collect()
        };
        let tail = known_at.map_or(String::new(), |known| format!("&knownAt={known}"));
        let mut sides = vec![];
        for side in ["users", "groups"] {
            let mut stays = BTreeSet::new();
            for id in ids(side) {
                let path = format!("/api/v1/apps/boat/{side}/{id}/intervals?limit=1000{tail}");
                let (status, answer) = self.get(&path).await;
                if status != 200 {
                    return Err(format!("{path}\n{answer:#}"));
                }
                for row in array(&answer["rows"]) {
                    // Members that are groups or unknown have no intervals as users.
                    if row["memberType"] == "User" {
                        stays.insert(row.to_string());
                    }
                }
            }
            sides.push(stays);
        }
        match sides[0] == sides[1] {
            true => Ok(()),
            false => {
                Err(format!("the stays of users\n{:#?}\nof groups\n{:#?}", sides[0], sides[1]))
            }
        }
    }

    /// Without a time a question is about now.
    async fn check_now(&self) -> Checked<()> {
        let path = "/api/v1/apps/boat/users?limit=1000";
        let (_, bare) = self.get(path).await;
        let (_, now) = self.get(&format!("{path}&at={}", self.history.now)).await;
        same_rows(path, &array(&bare["rows"]), &array(&now["rows"]))
    }
}

fn with(path: &str, parameter: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{parameter}")
}

/// Filters for a list of operations.
fn filters(what: u8) -> Vec<(&'static str, String)> {
    let one = |name: &'static str, values: &[&str]| {
        vec![(name, values[usize::from(what / 16) % values.len()].to_owned())]
    };
    let source = || one("source", &["recorded", "imported"]);
    let status = || one("status", &["success", "failure", "skipped", "warning"]);
    let actions = ["create", "update", "disable", "delete", "other", "stagedDelete"];
    match what % 16 {
        0 => source(),
        1 => status(),
        2 => one("action", &actions),
        3 => one("errorCode", &["EntryConflict", "InsufficientRights"]),
        4 => one("skipReason", &["NotEffectivelyEntitled", "RedundantExport", "JoinNotFound"]),
        5 => one("cycleId", &["cycle-0", "cycle-1"]),
        6 => one("changeId", &["change-0", "change-1"]),
        7 => [source(), status()].concat(),
        8 => [status(), one("action", &actions)].concat(),
        9 => [one("cycleId", &["cycle-0", "cycle-1"]), status()].concat(),
        10 => [one("changeId", &["change-0", "change-2"]), source()].concat(),
        11 => one("resourceType", &["User", "Group"]),
        12 => one("effect", &["applied", "no_op", "read", "rejected", "skipped", "unknown"]),
        13 => one("httpStatus", &["200", "201", "404", "409"]),
        14 => [one("effect", &["skipped", "rejected"]), status()].concat(),
        _ => vec![],
    }
}

/// Sorts the gaps of an answer; their order is not specified.
fn in_order(mut coverage: Value) -> Value {
    if let Some(gaps) = coverage["gaps"].as_array_mut() {
        gaps.sort_by_key(canonical::text);
    }
    coverage
}

fn array(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// An answer without the time at which it was made.
fn lasting(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.remove("generatedAt");
        members.remove("head");
    }
    answer
}

/// Compares an answer with the oracle's.
fn compare(
    path: &str,
    (status, answer): (u16, &Value),
    expected: &Expected,
    asked: &Parameters,
) -> Checked<()> {
    if status != expected.status {
        return Err(format!("{path}\nis answered {status}, not {}:\n{answer:#}", expected.status));
    }
    let mut answer = answer.clone();
    if let Some(texts) = &expected.texts {
        check_texts(path, &mut answer["resource"], texts)?;
    }
    let answer = &answer;
    for (name, value) in expected.members.iter().filter(|(name, _)| *name != "rows") {
        let (got, value) = match name.as_str() {
            "coverage" => (&in_order(answer[name].clone()), &in_order(value.clone())),
            _ => (&answer[name], value),
        };
        if got != value {
            let different = differences(&members(got), &members(value));
            return Err(format!(
                "{path}\n`{name}` is\n{got:#}\nand must be\n{value:#}\n{different}"
            ));
        }
    }
    if status != 200 {
        return Ok(());
    }
    if let Some(rows) = expected.members.get("rows") {
        let (mut got, mut wanted) = (array(&answer["rows"]), array(rows));
        if let Some(path) = expected.without {
            got.retain(|row| !row["path"].as_str().is_some_and(|text| text.starts_with(path)));
        }
        if let Some(column) = expected.open {
            for row in &mut got {
                row.as_object_mut().and_then(|row| row.remove(column));
            }
        }
        if !expected.is_ordered {
            got.sort_by_key(canonical::text);
            wanted.sort_by_key(canonical::text);
        }
        same_rows(path, &got, &wanted)?;
    }
    if !expected.members.contains_key("atSeq") && answer["atSeq"] != answer["head"]["seq"] {
        return Err(format!("{path}\nstands at {}, not at the end", answer["atSeq"]));
    }
    let times =
        [("at", asked.at), ("compare", asked.compare), ("from", asked.from), ("to", asked.to)];
    for (name, time) in times {
        let text = time.map(|time| json!(time.to_string()));
        if path.contains(&format!("{name}=")) && Some(&answer["query"][name]) != text.as_ref() {
            return Err(format!("{path}\nrepeats `{name}` as {}", answer["query"][name]));
        }
    }
    Ok(())
}

/// Removes the sentences of an answer, so that the rest can be compared.
fn check_texts(path: &str, told: &mut Value, texts: &Texts) -> Checked<()> {
    fn take(place: &mut Value, name: &str) -> Option<String> {
        let text = place.as_object_mut()?.remove(name)?;
        text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }
    fn take_all(nodes: &mut Value) -> bool {
        let mut nodes = nodes.as_array_mut().into_iter().flatten();
        nodes.all(|node| take(node, "text").is_some() && take_all(&mut node["nodes"]))
    }
    if !take_all(&mut told["nodes"]) {
        return Err(format!("{path}\nhas a step without a text:\n{told:#}"));
    }
    let conclusion = take(told, "conclusion").unwrap_or_default();
    let has_all = texts.concluding.iter().all(|word| conclusion.contains(word));
    let remedy = take(told, "remedy");
    if conclusion.is_empty() || !has_all || remedy.is_some() != texts.has_remedy {
        return Err(format!("{path}\nconcludes {conclusion:?}, {remedy:?}; must be {texts:?}"));
    }
    Ok(())
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The members in which two objects differ, one line each.
fn differences(got: &Map<String, Value>, wanted: &Map<String, Value>) -> String {
    let names: BTreeSet<&String> = got.keys().chain(wanted.keys()).collect();
    let different = names.into_iter().filter(|name| got.get(*name) != wanted.get(*name));
    let lines = different.map(|name| {
        let text =
            |row: &Map<String, Value>| row.get(name).map_or("missing".into(), Value::to_string);
        format!("  {name}: {}, must be {}", text(got), text(wanted))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Compares rows; reports the members in which the first ones differ.
fn same_rows(path: &str, got: &[Value], wanted: &[Value]) -> Checked<()> {
    if got == wanted {
        return Ok(());
    }
    let place = got.iter().zip(wanted).take_while(|(got, wanted)| got == wanted).count();
    let of = |rows: &[Value]| rows.get(place).map(members).unwrap_or_default();
    let different = differences(&of(got), &of(wanted));
    let (got, wanted) = (json!(got), json!(wanted));
    Err(format!("{path}\nrow {place} differs\n{different}\nrows\n{got:#}\nmust be\n{wanted:#}"))
}

/// The player of a step.
fn player<'a, 'b>(players: &'a mut [&'a mut Player<'b>], step: &Step) -> &'a mut Player<'b> {
    let mut players = players.iter_mut();
    players.find(|player| player.app == step.application()).expect("somebody plays it")
}

fn is_on(kind: Kind) -> bool {
    SHAPES.iter().any(|shape| shape.kind == kind && shape.on)
}

/// Plays a history, asks, plays more, asks again, rebuilds the rows, and asks again.
async fn compare_all(steps: &[Step], more: &[Step], picks: &[Pick]) -> Checked<()> {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let checked = compare_with(&server, folder.path(), steps, more, picks).await;
    server.close().await;
    checked
}

async fn compare_with(
    server: &InProcess,
    folder: &Path,
    steps: &[Step],
    more: &[Step],
    picks: &[Pick],
) -> Checked<()> {
    let mut kite = Player::new(server, "kite").await;
    let mut raft = Player::new(server, "raft").await;
    let mut punt = Player::proxied(server, "punt", folder).await;
    let mut boat = Player::new(server, "boat").await;
    let begin = server.server.committer().store().log_size().unwrap() - 1;
    let (early, late) = steps.split_at(steps.len() / 2);
    // So that every history has a user.
    boat.play(&Step::CreateUser { name: 0, active: None }).await;
    boat.play(&Step::CreateGroup { name: 0, members: vec![0] }).await;
    for step in early {
        player(&mut [&mut boat, &mut raft, &mut punt], step).play(step).await;
    }
    // Events of another application must appear only in answers about all applications.
    let active = Some(true);
    kite.play(&Step::CreateUser { name: 1, active }).await;
    kite.play(&Step::CreateGroup { name: 1, members: vec![0] }).await;
    for step in late {
        player(&mut [&mut boat, &mut raft, &mut punt], step).play(step).await;
    }
    kite.play(&Step::Switch { resource: 0, active: false }).await;
    let now = Timestamp(server.clock.now().0 + REST_MICROS);
    server.clock.set(now);
    let ids = |kind: &str| -> Vec<String> {
        let fitting = boat.ids.iter().filter(|(found, _)| *found == kind);
        fitting.map(|(_, id)| id.clone()).collect()
    };
    let tester = Tester {
        server,
        history: History::new(server.events(), server.stored(), now),
        users: ids("Users"),
        groups: ids("Groups"),
        lists: boat.lists.clone(),
        begin,
    };
    let shapes: Vec<&Shape> = SHAPES.iter().filter(|shape| shape.on).collect();
    let mut answered = vec![];
    for pick in picks {
        let shape = shapes[usize::from(pick.shape) % shapes.len()];
        answered.extend(tester.check(shape, pick).await?);
    }
    if let Some(pick) = picks.first() {
        // Each check takes several questions, so run one per history.
        match pick.what % 3 {
            0 if is_on(Kind::Diff) => tester.check_diffs(pick).await?,
            1 if is_on(Kind::GroupIntervals) && is_on(Kind::UserIntervals) => {
                tester.check_mirror(pick).await?;
            }
            _ => tester.check_now().await?,
        }
    }
    for step in more {
        player(&mut [&mut boat, &mut raft, &mut punt], step).play(step).await;
    }
    tester.check_again(&answered, "after more happened").await?;
    let rebuilt = projector::rebuild(server.server.committer().store(), |_, _| ()).unwrap();
    if rebuilt.digest_before != Some(rebuilt.digest_after) {
        return Err("a rebuild gives other rows".to_owned());
    }
    tester.check_again(&answered, "after a rebuild").await
}

/// Whether an address matches a template.
fn is_of(template: &str, address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(one, other)| one == other || one.starts_with('{'))
}

#[test]
fn every_question_is_compared_with_the_oracle_or_listed_with_a_reason() {
    let asked = Parameters {
        user: "u".into(),
        group: "g".into(),
        job: "j".into(),
        ..Parameters::default()
    };
    let addresses: Vec<String> = SHAPES.iter().map(|shape| address(shape, &asked)).collect();
    let is_asked = |template: &str| addresses.iter().any(|address| is_of(template, address));
    for one in answers::all() {
        let reason = NOT_ASKED.iter().find(|(path, _)| *path == one.path);
        match (is_asked(one.path), reason) {
            (true, None) => {}
            (false, Some((_, reason))) => assert!(!reason.is_empty(), "{}", one.path),
            (true, Some(_)) => {
                panic!("{} is compared with the oracle: take it off the list", one.path)
            }
            (false, None) => {
                panic!("{} is not compared with the oracle: give it a shape", one.path)
            }
        }
    }
    for (path, _) in NOT_ASKED {
        assert!(answers::all().iter().any(|one| one.path == path), "{path} is no question");
    }
}

#[test]
fn every_answer_equals_that_of_a_naive_oracle_and_stays_the_same() {
    let config = Config {
        cases: repetitions("PROVLOG_TEST_HISTORIES", 24),
        failure_persistence: None,
        max_shrink_iters: 1_500,
        ..Config::default()
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // In the order in which a failure is shrunk.
    let history = (
        prop::collection::vec(pick(), 1..32),
        prop::collection::vec(step(), 0..6),
        prop::collection::vec(step(), 1..60),
    );
    TestRunner::new(config)
        .run(&history, |(picks, more, steps)| {
            runtime.block_on(compare_all(&steps, &more, &picks)).map_err(TestCaseError::fail)
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
