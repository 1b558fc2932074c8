//! Promise 3, state is a fold, for the past: random histories are played through the real router, and
//! the answers at and around every event are compared with a naive oracle.

use std::collections::BTreeMap;

use event::{Application, Attribute, Event, Fact, Number, ResourceType, Seq, Timestamp};
use projector::{View, seq_at};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use query::as_of::{self, Existence, Slice};
use query::name::{Found, Name};
use serde_json::{Map, Value, json};

use crate::harness::history::{Player, Step, group_name, step};
use crate::harness::in_process::{InProcess, START};
use crate::harness::repetitions;
use crate::oracle::World;
use crate::oracle::resources::comparable;

const WHOLE: Slice = Slice { after: None, limit: usize::MAX };

const BOAT: Application = Application(1);

/// Compares every answer of the engine at one seq with the oracle's.
fn compare_at(view: &View<'_>, events: &[Event], ids: &[(&str, String)], at: Option<Seq>) {
    let world = World::at(events, BOAT, at);
    for active in [None, Some(true), Some(false)] {
        let page = as_of::users_at(view, BOAT, active, at, WHOLE).unwrap();
        let found: Vec<Number> = page.rows.iter().map(|user| user.number).collect();
        assert_eq!(found, world.users(active), "users, active {active:?}, at {at:?}");
        for user in &page.rows {
            let attributes = &world.resources[&user.number].attributes;
            assert_eq!(
                user.version.attributes().unwrap(),
                *attributes,
                "{} at {at:?}",
                user.number
            );
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
                let expected = expected.map(|expected| &expected.attributes);
                let found = version.attributes().unwrap();
                assert_eq!(Some(&found), expected, "{id} at {at:?}");
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

/// Compares the holders of every name that a history can give.
fn compare_names_at(view: &View<'_>, world: &World, at: Option<Seq>) {
    let names =
        (0..6).map(|name| (ResourceType::USER, Attribute::UserName, format!("user-{name}")));
    let groups = (0..3).map(|name| (ResourceType::GROUP, Attribute::DisplayName, group_name(name)));
    for (resource_type, attribute, value) in names.chain(groups) {
        let bears = |attributes: &Map<String, Value>| {
            let found = attributes.get(attribute.name()).and_then(Value::as_str);
            found.is_some_and(|found| comparable(found) == comparable(&value))
        };
        let bearers: Vec<Number> = world
            .resources
            .iter()
            .filter(|(_, one)| one.kind == resource_type && bears(&one.attributes))
            .map(|(number, _)| *number)
            .collect();
        let name = Name { attribute, value: &value };
        match (name.at(view, BOAT, resource_type, at).unwrap(), &bearers[..]) {
            (Found::One(found), [bearer]) => assert_eq!(found, *bearer, "{value} at {at:?}"),
            (Found::Several(found), [_, _, ..]) => assert_eq!(found, bearers, "{value} at {at:?}"),
            // Somebody held it at another time, or nobody ever did.
            (Found::Nobody | Found::One(_), []) => {}
            (found, _) => panic!("{value} at {at:?}: {found:?}, not {bearers:?}"),
        }
    }
}

async fn compare(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let mut player = Player::new(&server, "boat").await;
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

    // Times at, just before and just after every event. With ties the last event counts.
    for event in &events {
        for micros in [-1, 0, 1, 1_000_000] {
            let time = Timestamp(event.header.recorded_at.0 + micros);
            let expected = events.iter().rfind(|other| other.header.recorded_at <= time);
            let found = seq_at(store, &view, size, time).unwrap();
            assert_eq!(found, expected.map(|event| event.seq), "the seq at {time}");
        }
    }

    // A number belongs to at most one resource, and numbers are dense.
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

    // The same over HTTP, at the time of an event in the middle. If no user was recorded, the answer
    // would be made from imports.
    let last = World::at(&events, BOAT, Some(size));
    let mut recorded = last.resources.values().chain(last.gone.values().map(|(gone, _)| gone));
    let has_users = recorded.any(|one| one.kind == ResourceType::USER);
    if let Some(event) = events.get(events.len() / 2).filter(|_| has_users) {
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
            .map(|number| names(&Value::Object(world.resources[number].attributes.clone())))
            .collect();
        assert_eq!(found, expected);
    }
    drop(snapshot);
    server.close().await;
}

#[test]
fn answers_about_any_time_equal_a_naive_fold() {
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

/// Histories with so many changes that bases are written, which random ones would not reach.
#[tokio::test(flavor = "multi_thread")]
async fn answers_across_bases_equal_a_naive_fold() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let mut player = Player::new(&server, "boat").await;
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
