//! Promise 3, state is a fold, asked about the past: random histories through the real router, and
//! at every event and around every instant the answers of a naive oracle.

use std::collections::BTreeMap;

use event::{Application, Attribute, Event, Fact, Number, ResourceType, Seq, Timestamp};
use projector::{View, seq_at};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use query::as_of::{self, Existence, Slice};
use query::name::{Found, Name};
use serde_json::{Map, Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::repetitions;
use crate::harness::server::patch;
use crate::oracle::World;

const WHOLE: Slice = Slice { after: None, limit: usize::MAX };

/// One step of a history. Indices choose among what exists by then, so most steps do something;
/// names come from a small pool, so deleted ones are created again.
#[derive(Clone, Debug)]
enum Step {
    CreateUser {
        name: u8,
        active: Option<bool>,
    },
    CreateGroup {
        name: u8,
        members: Vec<u8>,
    },
    Delete {
        resource: u8,
    },
    Set {
        resource: u8,
        attribute: u8,
        value: u8,
    },
    Emails {
        resource: u8,
        emails: Vec<(u8, u8)>,
    },
    Join {
        group: u8,
        members: Vec<u8>,
    },
    Leave {
        group: u8,
        members: Vec<u8>,
    },
    Members {
        group: u8,
        members: Vec<u8>,
    },
    JoinUnknown {
        group: u8,
        name: u8,
    },
    Lookup {
        name: u8,
    },
    /// The next events get a later time. Without one they tie.
    Pass {
        micros: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let few = || prop::collection::vec(0..12_u8, 0..4);
    prop_oneof![
        4 => (0..6_u8, any::<Option<bool>>())
            .prop_map(|(name, active)| Step::CreateUser { name, active }),
        2 => (0..3_u8, few()).prop_map(|(name, members)| Step::CreateGroup { name, members }),
        2 => any::<u8>().prop_map(|resource| Step::Delete { resource }),
        5 => (any::<u8>(), 0..5_u8, 0..3_u8)
            .prop_map(|(resource, attribute, value)| Step::Set { resource, attribute, value }),
        2 => (any::<u8>(), prop::collection::vec((0..3_u8, 0..3_u8), 0..3))
            .prop_map(|(resource, emails)| Step::Emails { resource, emails }),
        4 => (any::<u8>(), few()).prop_map(|(group, members)| Step::Join { group, members }),
        3 => (any::<u8>(), few()).prop_map(|(group, members)| Step::Leave { group, members }),
        1 => (any::<u8>(), few()).prop_map(|(group, members)| Step::Members { group, members }),
        1 => (any::<u8>(), 0..3_u8).prop_map(|(group, name)| Step::JoinUnknown { group, name }),
        1 => (0..6_u8).prop_map(|name| Step::Lookup { name }),
        3 => prop_oneof![Just(1), 1..1000_i64, 1..5_000_000_i64]
            .prop_map(|micros| Step::Pass { micros }),
    ]
}

/// Plays steps against a server and remembers the ids that it gave.
struct Player<'a> {
    server: &'a InProcess,
    token: String,
    /// Type and id, living and deleted: requests for deleted ones belong into a history too.
    ids: Vec<(&'static str, String)>,
}

impl Player<'_> {
    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/apps/boat/scim/v2{path}");
        let answer = self.server.send(method, &path, &self.token, body).await;
        assert!(answer.status < 500, "{method} {path}: {answer:?}");
        answer.body
    }

    fn pick(&self, kind: Option<&str>, index: u8) -> Option<&(&'static str, String)> {
        let fitting: Vec<_> =
            self.ids.iter().filter(|(found, _)| kind.is_none_or(|kind| kind == *found)).collect();
        let index = usize::from(index).checked_rem(fitting.len())?;
        Some(fitting[index])
    }

    fn members(&self, members: &[u8]) -> Value {
        let ids = members.iter().filter_map(|index| self.pick(None, *index));
        ids.map(|(_, id)| json!({ "value": id })).collect()
    }

    async fn create(&mut self, kind: &'static str, body: Value) {
        let created = self.send("POST", &format!("/{kind}"), &body).await;
        if let Some(id) = created["id"].as_str() {
            self.ids.push((kind, id.to_owned()));
        }
    }

    async fn patch(&mut self, kind: Option<&str>, index: u8, operation: Value) {
        if let Some((kind, id)) = self.pick(kind, index).cloned() {
            self.send("PATCH", &format!("/{kind}/{id}"), &patch(&json!([operation]))).await;
        }
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::CreateUser { name, active } => {
                let mut body = json!({ "userName": format!("user-{name}") });
                if let Some(active) = active {
                    body["active"] = json!(active);
                }
                self.create("Users", body).await;
            }
            Step::CreateGroup { name, members } => {
                let members = self.members(members);
                let body = json!({"displayName": format!("group-{name}"), "members": members});
                self.create("Groups", body).await;
            }
            Step::Delete { resource } => {
                if let Some((kind, id)) = self.pick(None, *resource).cloned() {
                    self.send("DELETE", &format!("/{kind}/{id}"), &Value::Null).await;
                }
            }
            Step::Set { resource, attribute, value } => {
                let (path, value) = match attribute {
                    0 => ("active", json!(*value == 0)),
                    1 => ("title", json!(format!("title-{value}"))),
                    2 => ("name.givenName", json!(format!("name-{value}"))),
                    3 => ("userName", json!(format!("User-{value}"))),
                    _ => (
                        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                        json!(format!("department-{value}")),
                    ),
                };
                let operation = json!({"op": "replace", "path": path, "value": value});
                self.patch(Some("Users"), *resource, operation).await;
            }
            Step::Emails { resource, emails } => {
                let emails: Value = emails
                    .iter()
                    .map(|(kind, value)| match kind {
                        0 => json!({"value": format!("{value}@fjord.example")}),
                        1 => json!({"type": "work", "value": format!("{value}@fjord.example")}),
                        _ => json!({"type": "home", "value": format!("{value}@fjord.example")}),
                    })
                    .collect();
                let operation = json!({"op": "replace", "path": "emails", "value": emails});
                self.patch(Some("Users"), *resource, operation).await;
            }
            Step::Join { group, members } => {
                let operation =
                    json!({"op": "add", "path": "members", "value": self.members(members)});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::Leave { group, members } => {
                let operation =
                    json!({"op": "remove", "path": "members", "value": self.members(members)});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::Members { group, members } => {
                let operation =
                    json!({"op": "replace", "path": "members", "value": self.members(members)});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::JoinUnknown { group, name } => {
                let stranger = format!("stranger-{name}");
                let operation = json!({"op": "add", "path": "members", "value": stranger});
                if let Some((kind, id)) = self.pick(Some("Groups"), *group).cloned() {
                    let twice = patch(&json!([operation, operation]));
                    self.send("PATCH", &format!("/{kind}/{id}"), &twice).await;
                }
            }
            Step::Lookup { name } => {
                let path = format!("/Users?filter=userName%20eq%20%22user-{name}%22");
                self.send("GET", &path, &Value::Null).await;
            }
            Step::Pass { micros } => {
                let now = self.server.clock.now();
                self.server.clock.set(Timestamp(now.0 + micros));
            }
        }
    }
}

const BOAT: Application = Application(1);

/// Compares every answer of the engine at one place with the oracle's.
fn compare_at(view: &View<'_>, events: &[Event], ids: &[(&str, String)], at: Option<Seq>) {
    let world = World::at(events, BOAT, at);
    for active in [None, Some(true), Some(false)] {
        let page = as_of::users_at(view, BOAT, active, at, WHOLE).unwrap();
        let found: Vec<Number> = page.rows.iter().map(|user| user.number).collect();
        assert_eq!(found, world.users(active), "users, active {active:?}, at {at:?}");
        for user in &page.rows {
            let (_, attributes) = &world.resources[&user.number];
            assert_eq!(user.version.state.as_ref(), Some(attributes), "{} at {at:?}", user.number);
        }
    }
    compare_names_at(view, &world, at);
    for (kind, id) in ids {
        let resource_type = if *kind == "Users" { ResourceType::USER } else { ResourceType::GROUP };
        let resource = as_of::resource_at(view, BOAT, resource_type, id, at).unwrap();
        let resource = resource.expect("every id was given by some event");
        let expected = world.resources.get(&resource.number);
        match &resource.existence {
            Existence::Exists(version) => {
                let expected = expected.map(|(_, attributes)| attributes);
                assert_eq!(version.state.as_ref(), expected, "{id} at {at:?}");
            }
            Existence::NotYet { created_seq } => {
                assert_eq!(expected, None, "{id} at {at:?}");
                assert!(at.is_none_or(|at| at < *created_seq));
            }
            Existence::Deleted { seq } => {
                assert_eq!(expected, None, "{id} at {at:?}");
                assert!(at.is_some_and(|at| at >= *seq));
            }
        }
        if *kind == "Groups" {
            let page = as_of::members_at(view, BOAT, resource.number, at, WHOLE).unwrap();
            let found: BTreeMap<Number, Seq> =
                page.rows.iter().map(|member| (member.number, member.since)).collect();
            let expected = world.members.get(&resource.number).cloned().unwrap_or_default();
            assert_eq!(found, expected, "members of {id} at {at:?}");
            assert_eq!(page.count, expected.len() as u64);
        }
    }
}

/// Compares who bears each name that a history can give.
fn compare_names_at(view: &View<'_>, world: &World, at: Option<Seq>) {
    let names =
        (0..6).map(|name| (ResourceType::USER, Attribute::UserName, format!("user-{name}")));
    let groups =
        (0..3).map(|name| (ResourceType::GROUP, Attribute::DisplayName, format!("group-{name}")));
    for (resource_type, attribute, value) in names.chain(groups) {
        let bears = |attributes: &Map<String, Value>| {
            let found = attributes.get(attribute.name()).and_then(Value::as_str);
            found.is_some_and(|found| found.eq_ignore_ascii_case(&value))
        };
        let bearers: Vec<Number> = world
            .resources
            .iter()
            .filter(|(_, (kind, attributes))| *kind == resource_type && bears(attributes))
            .map(|(number, _)| *number)
            .collect();
        let name = Name { attribute, value: &value };
        match (name.at(view, BOAT, resource_type, at).unwrap(), &bearers[..]) {
            (Found::One(found), [bearer]) => assert_eq!(found, *bearer, "{value} at {at:?}"),
            (Found::Several(found), [_, _, ..]) => assert_eq!(found, bearers, "{value} at {at:?}"),
            // Whoever bore it at another time, or nobody ever.
            (Found::Nobody | Found::One(_), []) => {}
            (found, _) => panic!("{value} at {at:?}: {found:?}, not {bearers:?}"),
        }
    }
}

async fn compare(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let token = server.add_app("boat").await;
    let mut player = Player { server: &server, token, ids: vec![] };
    for step in steps {
        player.play(step).await;
    }
    let events = server.events();
    let ids = player.ids;
    let store = server.server.committer().store();
    let snapshot = store.snapshot();
    let view = View::new(&snapshot);
    let size = events.len() as Seq;
    assert_eq!(snapshot.watermark().unwrap().map(|(next, _)| next), Some(size));
    compare_at(&view, &events, &ids, None);
    for seq in 0..size {
        compare_at(&view, &events, &ids, Some(seq));
    }

    // Instants: at, just before and just after every event; ties belong to the last of them.
    for event in &events {
        for micros in [-1, 0, 1, 1_000_000] {
            let time = Timestamp(event.header.recorded_at.0 + micros);
            let expected = events.iter().rfind(|other| other.header.recorded_at <= time);
            let found = seq_at(store, &view, size, time).unwrap();
            assert_eq!(found, expected.map(|event| event.seq), "the seq at {time}");
        }
    }

    // A number is at most one incarnation, and numbers are dense.
    let mut created = std::collections::BTreeSet::new();
    let mut given = std::collections::BTreeSet::new();
    for event in events.iter().filter(|event| event.header.application == BOAT) {
        for part in &event.parts {
            if let event::Content::Changes(changes) = &part.content {
                given.insert(part.subject);
                if matches!(changes.lifecycle, Some(event::Lifecycle::Created(_))) {
                    assert!(created.insert(part.subject), "{} was born twice", part.subject);
                }
            }
        }
    }
    assert_eq!(given.last().map_or(0, |last| last.0 as usize), given.len(), "numbers are dense");

    // The same over HTTP, with the instant of some event from the middle.
    if let Some(event) = events.get(events.len() / 2) {
        let time = event.header.recorded_at;
        let at = seq_at(store, &view, size, time).unwrap();
        let world = World::at(&events, BOAT, at);
        let path = format!("/api/v1/apps/boat/users?active=true&at={time}");
        let answer = server.admin("GET", &path, &Value::Null).await.body;
        assert_eq!(answer["atSeq"], json!(at));
        let names = |value: &Value| value["userName"].as_str().map(str::to_owned);
        let found: Vec<_> = answer["rows"].as_array().unwrap().iter().map(names).collect();
        let expected: Vec<_> = world
            .users(Some(true))
            .iter()
            .map(|number| names(&Value::Object(world.resources[number].1.clone())))
            .collect();
        assert_eq!(found, expected);
    }
    drop(snapshot);
    server.close().await;
}

#[test]
fn answers_about_any_moment_are_those_of_a_naive_fold() {
    let config = Config {
        cases: repetitions("PROVLOG_TEST_HISTORIES", 24),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let history = prop::collection::vec(step(), 1..60);
    TestRunner::new(config)
        .run(&history, |steps| {
            runtime.block_on(compare(&steps));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Histories that only random ones would not reach: so many changes that bases are written.
#[tokio::test(flavor = "multi_thread")]
async fn answers_across_bases_are_those_of_a_naive_fold() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let token = server.add_app("boat").await;
    let mut player = Player { server: &server, token, ids: vec![] };
    player.create("Groups", json!({"displayName": "crew"})).await;
    for index in 0..300 {
        player.create("Users", json!({"userName": format!("user-{index}")})).await;
    }
    for index in 0..=255 {
        let leave = Step::Leave { group: 0, members: vec![index / 2] };
        let join = Step::Join { group: 0, members: vec![index, index.wrapping_mul(7)] };
        player.play(&join).await;
        player.play(&leave).await;
    }
    let events = server.events();
    let operations =
        events.iter().filter(|event| matches!(event.header.fact, Fact::Operation(_))).count();
    assert!(operations > 800, "long enough for several bases");
    let snapshot = server.server.committer().store().snapshot();
    let view = View::new(&snapshot);
    let size = events.len() as Seq;
    for seq in (0..size).step_by(37).chain([size - 1]) {
        compare_at(&view, &events, &player.ids[..1], Some(seq));
    }
    drop(snapshot);
    server.close().await;
}
