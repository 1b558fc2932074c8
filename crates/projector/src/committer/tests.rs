//! The committer over a real store: order, batches, failures.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::writer::event_of;
use super::*;
use crate::clock_guard::ClockFault;
use crate::draft::Draft;
use crate::fold::FOLD_VERSION;
use crate::overlay::tests::MapRows;
use crate::structure::Completion;
use crate::view::View;
use event::codec::{decode, encode, holds_token};
use event::{
    Application, Changes, Content, Effect, Fact, Method, Number, Operation, Part, RecorderStopped,
    ResourceType, Route, Stopwatch,
};
use store::Options;
use store::key::{self, Set};

const START: Timestamp = Timestamp(1_772_442_847_000_000);

fn store(folder: &std::path::Path) -> Arc<Store> {
    Arc::new(Store::open(folder, &Options::default(), 7).unwrap())
}

#[tokio::test]
async fn what_cannot_be_stored_refuses_its_command_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (committer, _) = Committer::start(store(folder.path()), options(&clock)).unwrap();
    let oversized = committer
        .submit(Durability::Synced, |_, _| {
            let settings = vec![b' '; 65 << 20];
            let fact = Fact::ApplicationAdded(event::ApplicationAdded {
                number: Application(1),
                slug: "boat".into(),
                profile: "generic".into(),
                settings,
                profile_sha256: None,
            });
            // The first event of the two could be stored; neither may be.
            Ok(Decision { events: vec![stopped(), Draft { fact, ..stopped() }], reply: () })
        })
        .await;
    assert_eq!(oversized, Err(CommitError::Defect));
    assert_eq!(one(&committer).await.unwrap().seq, 0);
    assert_eq!(committer.check(), Ok(()));
    committer.stop().await;
    assert_eq!(committer.store().log_size().unwrap(), 1);
}

/// The gate is passed before; whatever it left behind, what happened is recorded.
#[test]
fn an_event_is_made_without_the_token_that_its_draft_holds() {
    let token = format!("plg_{}", "0a".repeat(32));
    let origin = event::Origin {
        user_agent: format!("agent {token}"),
        request_id: "r-1".to_owned(),
        ..event::Origin::default()
    };
    let body = serde_json::json!({ "a": token, "b": 1 }).to_string().into_bytes();
    let target = Content::Target(format!("/Users/{token}"));
    let contents = [target, Content::Body(body), Content::Entry(token.clone().into_bytes())];
    let parts = contents.map(|content| Part::new(Number::NOBODY, content)).to_vec();
    let draft = Draft { origin: Some(origin), parts, ..stopped() };
    let clock_fault = None;
    let (recorded_at, raw_clock, disk_full) = (START, START, false);
    let log = event::LogId::from_random(7);
    let stamp = Stamp { log, seq: 3, recorded_at, raw_clock, clock_fault, disk_full };
    let rows = MapRows::default();
    let completed = event_of(
        draft,
        3,
        stamp,
        &mut Completion::default(),
        (&View::new(&rows), &event::codec::Plain),
    );
    let (event, bytes) = completed.unwrap();
    assert_eq!(decode(3, &bytes, &event::codec::Plain).unwrap(), event);
    assert!(!holds_token(&event, &bytes));
    let origin = event.header.origin.unwrap();
    assert_eq!((origin.user_agent.as_str(), origin.request_id.as_str()), ("agent null", "r-1"));
    let contents: Vec<Content> = event.parts.into_iter().map(|part| part.content).collect();
    let expected = [
        Content::Target("/Users/null".to_owned()),
        Content::Body(br#"{"a":"null","b":1}"#.to_vec()),
        Content::Entry(b"null".to_vec()),
    ];
    assert_eq!(contents, expected);
}

/// Where two texts stand side by side, the length of the second may look like a digit between them.
#[tokio::test]
async fn texts_that_look_like_a_token_only_side_by_side_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (committer, _) = Committer::start(store(folder.path()), options(&clock)).unwrap();
    let submit = |user_agent: String, request_id: String| {
        let origin = event::Origin { user_agent, request_id, ..event::Origin::default() };
        let draft = Draft { origin: Some(origin), ..stopped() };
        committer.submit(Durability::Synced, |_, _| Ok(Decision { events: vec![draft], reply: () }))
    };
    for length in (b'0'..=b'9').chain(b'a'..=b'f').map(usize::from) {
        let agent = format!("plg_{}", "0".repeat(15));
        submit(agent.clone(), "0".repeat(length)).await.unwrap();
        let seq = committer.store().log_size().unwrap() - 1;
        let stored = committer.store().event_bytes(seq).unwrap().unwrap();
        assert!(event::secret::stands_in(&stored, &[]), "{length}: or nothing is shown here");
        let origin = decode(seq, &stored, &event::codec::Plain).unwrap().header.origin.unwrap();
        assert_eq!((origin.user_agent, origin.request_id.len()), (agent, length));
    }
    committer.stop().await;
}

/// After a loss of power the kept file says until when the recorder watched: nothing that it recorded
/// until then may be lost.
#[tokio::test]
async fn what_was_recorded_before_the_kept_time_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (committer, _) = Committer::start(store(folder.path()), options(&clock)).unwrap();
    let kept = || {
        let text = std::fs::read_to_string(folder.path().join("kept")).unwrap();
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.parse::<i64>().unwrap()
        };
        (number("size "), number("alive "))
    };
    let (mut events, mut keeps, mut before) = (0, 0, kept());
    while keeps < 3 {
        clock.set(Timestamp(START.0 + events));
        // Now and then one is synced, and so the oldest of the others is never a second old.
        let durability = if events % 20 == 0 { Durability::Synced } else { Durability::Appended };
        let append = |_: &View<'_>, _| Ok(Decision { events: vec![stopped()], reply: () });
        committer.submit(durability, append).await.unwrap();
        events += 1;
        let found = kept();
        if found != before {
            keeps += 1;
            before = found;
            let (size, alive) = found;
            // The event of this number is recorded so many microseconds after the start, so those
            // before it were recorded by then.
            assert!(size >= alive - START.0, "{size} synced, alive {} us", alive - START.0);
        }
    }
    committer.stop().await;
}

/// A change of a group's members: two parts, so that the first is folded before the second fails.
fn members_of(groups: [u32; 2], member: u32) -> Draft {
    let operation = Operation {
        route: Route::Resource,
        method: Method::Patch,
        resource_type: ResourceType::GROUP,
        number: Number(groups[0]),
        touches: vec![],
        status: 204,
        scim_type: 0,
        effect: Effect::Applied,
        index: 0,
        saw_seq: None,
        results: None,
        decided_after_us: 0,
    };
    let part = |group| {
        let changes = Changes { joined: vec![Number(member)], ..Changes::default() };
        Part::new(Number(group), Content::Changes(changes))
    };
    let parts = groups.map(part).into();
    let fact = Fact::Operation(operation);
    Draft { application: Application(1), origin: None, fact, parts, passed: vec![] }
}

#[tokio::test]
async fn a_command_that_fails_half_way_leaves_nothing_among_the_rows() {
    const DAMAGED: u32 = 9;
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let store = store(folder.path());
    let (committer, thread) = Committer::start(Arc::clone(&store), options(&clock)).unwrap();
    let head = key::set_head(Application(1), Set::Members(Number(DAMAGED)));
    store.publish(&[(head.clone(), Some(vec![1]))].into(), 0, FOLD_VERSION).unwrap();

    // The first command waits in decide until the others are queued, so they make one batch.
    let (go, gate) = channel::<()>();
    let submit = |draft: Draft, gate: Option<Receiver<()>>| {
        committer.submit(Durability::Synced, move |_, _| {
            gate.map(|gate| gate.recv());
            Ok(Decision { events: vec![draft], reply: () })
        })
    };
    let first = submit(members_of([1, 2], 100), Some(gate));
    let good = submit(members_of([1, 3], 101), None);
    let bad = submit(members_of([4, DAMAGED], 102), None);
    let last = submit(members_of([4, 5], 103), None);
    let (first, good, bad, last, ()) =
        tokio::join!(biased; first, good, bad, last, async { go.send(()).unwrap() });
    assert_eq!([first, good, last], [Ok(()); 3]);
    assert_eq!(bad, Err(CommitError::Defect));
    assert_eq!(committer.check(), Ok(()));
    // A batch of its own: it goes on from what is remembered of the first.
    assert_eq!(submit(members_of([4, 6], 104), None).await, Ok(()));
    committer.stop().await;
    drop(committer);
    thread.join().unwrap();

    assert_eq!(store.log_size().unwrap(), 4);
    let members = {
        let snapshot = store.snapshot();
        let set = Set::Members(Number(4));
        let members = View::new(&snapshot).members(Application(1), set, View::NOW).unwrap();
        members.iter().map(|standing| standing.member).collect::<Vec<_>>()
    };
    assert_eq!(members, [Number(103), Number(104)], "nothing of what failed");
    // Apart from the damage the rows are what the log says.
    store.publish(&[(head, None)].into(), 4, FOLD_VERSION).unwrap();
    let live = store::digest(&store.snapshot()).unwrap();
    store.clear_rows().unwrap();
    crate::rebuild::catch_up(&store, |_, _| ()).unwrap();
    assert_eq!(store::digest(&store.snapshot()).unwrap(), live);
}

fn options(clock: &Clock) -> CommitterOptions {
    CommitterOptions {
        clock: clock.clone(),
        accept_clock: false,
        commands_max: 64,
        disk_reserve_bytes: 0,
        signer: None,
    }
}

fn stopped() -> Draft {
    Draft {
        application: Application::RECORDER,
        origin: None,
        fact: Fact::RecorderStopped(RecorderStopped { broken_requests: 0 }),
        parts: vec![],
        passed: vec![],
    }
}

async fn one(committer: &Committer) -> Result<Stamp, CommitError> {
    committer
        .submit(Durability::Synced, |_, stamp| {
            Ok(Decision { events: vec![stopped()], reply: stamp })
        })
        .await
}

#[tokio::test]
async fn a_panic_in_decide_refuses_that_command_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (committer, _) = Committer::start(store(folder.path()), options(&clock)).unwrap();
    assert_eq!(one(&committer).await.unwrap().seq, 0);
    let panicked = committer
        .submit(Durability::Synced, |_, _| -> Result<Decision<()>, ProjectorError> {
            panic!("a defect")
        })
        .await;
    assert_eq!(panicked, Err(CommitError::Defect));
    assert_eq!(one(&committer).await.unwrap().seq, 1);
    committer.stop().await;
    assert_eq!(one(&committer).await.unwrap_err(), CommitError::Stopped);
}

#[tokio::test]
async fn recorded_time_never_goes_back_and_a_clock_far_behind_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (committer, _) = Committer::start(store(folder.path()), options(&clock)).unwrap();
    one(&committer).await.unwrap();
    clock.set(Timestamp(START.0 - 60_000_000));
    let stamp = one(&committer).await.unwrap();
    assert_eq!((stamp.recorded_at, stamp.clock_fault), (START, None));
    assert_eq!(stamp.raw_clock, clock.now());
    clock.set(Timestamp(START.0 - 60_000_001));
    assert!(one(&committer).await.unwrap().clock_fault.is_some());
    clock.set(Timestamp(START.0 + 1));
    let stamp = one(&committer).await.unwrap();
    assert_eq!((stamp.recorded_at, stamp.clock_fault), (clock.now(), None));
}

#[tokio::test]
async fn a_start_goes_on_behind_the_last_event() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let store = store(folder.path());
    let (committer, thread) = Committer::start(Arc::clone(&store), options(&clock)).unwrap();
    one(&committer).await.unwrap();
    committer.stop().await;
    thread.join().unwrap();
    clock.set(Timestamp(0));
    let (committer, _) = Committer::start(store, options(&clock)).unwrap();
    let stamp = one(&committer).await.unwrap();
    assert_eq!(
        (stamp.seq, stamp.recorded_at, stamp.clock_fault),
        (1, START, Some(ClockFault::Behind))
    );
}

#[tokio::test]
async fn costly_commands_of_one_application_do_not_keep_another_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (committer, _) = Committer::start(store(folder.path()), options(&clock)).unwrap();
    let (go, gate) = channel::<()>();
    let order = Arc::new(Mutex::new(vec![]));
    // The first command waits in decide until the others are queued.
    let first = committer.submit(Durability::Appended, move |_, _| {
        let _ = gate.recv();
        Ok(Decision { events: vec![], reply: () })
    });
    let submit = |application: Application, costs: Duration| {
        let (committer, order) = (committer.of(application), Arc::clone(&order));
        async move {
            let decide = move |_: &View<'_>, _| {
                let watch = Stopwatch::start();
                while watch.elapsed() < costs {
                    std::hint::spin_loop();
                }
                order.lock().unwrap().push(application.0);
                Ok(Decision { events: vec![], reply: () })
            };
            committer.submit(Durability::Appended, decide).await.unwrap();
        }
    };
    let costly = || submit(Application(1), Duration::from_millis(20));
    let cheap = || submit(Application(2), Duration::ZERO);
    tokio::join!(
        biased;
        async { first.await.unwrap() },
        costly(), costly(), costly(), costly(), costly(), cheap(), cheap(),
        async { go.send(()).unwrap() },
    );
    assert_eq!(*order.lock().unwrap(), [1, 2, 2, 1, 1, 1, 1]);
}

/// Signs as the log of these tests.
fn signing(clock: &Clock) -> CommitterOptions {
    signing_by(clock, "log.example/a", &[1])
}

fn signing_by(clock: &Clock, name: &str, seeds: &[u8]) -> CommitterOptions {
    let name = tlog::KeyName::parse(name).unwrap();
    let key = |seed: &u8| {
        tlog::SignerKey::from_seed(name.clone(), tlog::KeyKind::Ed25519, [*seed; 32]).unwrap()
    };
    let signer = Signer::new(seeds.iter().map(key).collect()).unwrap();
    CommitterOptions { signer: Some(Arc::new(signer)), ..options(clock) }
}

fn signed_size(checkpoint: Option<&SignedCheckpoint>) -> Option<u64> {
    Some(checkpoint?.unverified().head().size)
}

/// The first start signs before there is an event, so that a checkpoint that is missing later was removed.
#[tokio::test]
async fn a_log_with_events_has_a_checkpoint_from_its_first_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let store = store(folder.path());
    let kept = |store: &Store| signed_size(crate::unverified_checkpoint(store).unwrap().as_ref());
    for _ in 0..2 {
        let (committer, thread) = Committer::start(Arc::clone(&store), signing(&clock)).unwrap();
        assert_eq!(kept(&store), Some(0));
        assert_eq!(signed_size(committer.checkpoint().as_deref()), Some(0));
        committer.stop().await;
        drop(committer);
        thread.join().unwrap();
    }
    let (committer, thread) = Committer::start(Arc::clone(&store), signing(&clock)).unwrap();
    one(&committer).await.unwrap();
    assert_eq!(signed_size(committer.sign().await.unwrap().as_deref()), Some(1));
    committer.stop().await;
    drop(committer);
    thread.join().unwrap();
    assert_eq!(kept(&store), Some(1));
    store.keep(1, START, None).unwrap();
    let refused = Committer::start(Arc::clone(&store), signing(&clock)).err();
    assert!(matches!(refused, Some(ProjectorError::NoCheckpoint { log: 1 })), "{refused:?}");
    // The same where the log was cut back to nothing.
    store.keep(0, START, None).unwrap();
    assert!(Committer::start(store, signing(&clock)).is_err());
}

/// Behind the checkpoint the events are hashed, and the rows are not believed.
#[tokio::test]
async fn an_event_that_was_altered_behind_the_checkpoint_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let store = store(folder.path());
    let (committer, thread) = Committer::start(Arc::clone(&store), signing(&clock)).unwrap();
    one(&committer).await.unwrap();
    committer.sign().await.unwrap();
    let kept = store.kept_checkpoint();
    for _ in 0..5 {
        one(&committer).await.unwrap();
    }
    committer.stop().await;
    drop(committer);
    thread.join().unwrap();
    store.keep(1, START, kept).unwrap();
    let stored = store.event_bytes(3).unwrap().unwrap();
    let mut event = decode(3, &stored, &event::codec::Plain).unwrap();
    event.header.raw_clock.0 += 1;
    store.append(&[(3, encode(&event).unwrap())], true).unwrap();
    let refused = Committer::start(Arc::clone(&store), signing(&clock)).err();
    assert!(matches!(refused, Some(ProjectorError::Differs { signed: 1, log: 6 })), "{refused:?}");
    store.append(&[(3, stored)], true).unwrap();
    let (committer, thread) = Committer::start(store, signing(&clock)).unwrap();
    assert_eq!(signed_size(committer.sign().await.unwrap().as_deref()), Some(6));
    committer.stop().await;
    drop(committer);
    thread.join().unwrap();
}

/// A key takes over from another only when both sign for a while.
#[tokio::test]
async fn a_start_believes_a_checkpoint_by_one_of_its_keys_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let store = store(folder.path());
    let start = |name, seeds: &[u8]| {
        let started = Committer::start(Arc::clone(&store), signing_by(&clock, name, seeds));
        started.map(|(committer, thread)| async move {
            one(&committer).await.unwrap();
            committer.stop().await;
            drop(committer);
            thread.join().unwrap();
        })
    };
    let (own, other) = ("log.example/a", "log.example/b");
    start(own, &[1]).unwrap().await;
    assert!(matches!(start(own, &[2]).err(), Some(ProjectorError::NotSigned(_))));
    assert!(matches!(start(other, &[1]).err(), Some(ProjectorError::OtherOrigin { .. })));
    start(own, &[2, 1]).unwrap().await;
    start(own, &[2]).unwrap().await;
    assert!(matches!(start(own, &[1]).err(), Some(ProjectorError::NotSigned(_))));
}
