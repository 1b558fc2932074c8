//! Random histories: the tree of the rows against the one that the events alone give.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Changes, Clock, ConnectionsRefused, Content, Effect, Lifecycle, Method, Operation, Part,
    RecorderStarted, RecorderStopped, Route, Timestamp, Values,
};
use store::Options;
use tlog::{KeyKind, KeyName, Policy, SignedCheckpoint, SignerKey};

use super::*;
use crate::{CommitterOptions, Signer};

pub(crate) const APP: Application = Application(1);
const OTHER: Application = Application(2);
pub(crate) const START: i64 = 1_772_442_847_000_000;

/// A seeded source of random numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len())])
    }
}

/// What the generator knows of an application, so that it decides only what could be.
#[derive(Default)]
struct Known {
    last: u32,
    users: BTreeSet<Number>,
    groups: BTreeSet<Number>,
    gone: Vec<Number>,
    /// Numbers that were only mentioned.
    dangling: Vec<Number>,
    members: BTreeMap<Number, BTreeSet<Number>>,
}

/// A log that grows by random events.
pub(crate) struct History {
    _folder: tempfile::TempDir,
    pub(crate) committer: Committer,
    pub(crate) states: Arc<StateCommitter>,
    clock: Clock,
    known: BTreeMap<Application, Known>,
    pub(crate) policy: Policy,
}

impl History {
    pub(crate) async fn begin() -> History {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), &Options::default(), 7).unwrap());
        let name = KeyName::parse("log.example/a").unwrap();
        let key = SignerKey::from_seed(name, KeyKind::Ed25519, [1; 32]).unwrap();
        let verifier = key.verifier().clone();
        let policy = Policy::new("log.example/a", vec![verifier], vec![], 0).unwrap();
        let clock = Clock::manual(Timestamp(START));
        let options = CommitterOptions {
            clock: clock.clone(),
            accept_clock: true,
            commands_max: 64,
            disk_reserve_bytes: 0,
            signer: Some(Arc::new(Signer::new(vec![key]).unwrap())),
        };
        let (committer, _) = Committer::start(store, options).unwrap();
        let states = StateCommitter::new(committer.clone());
        let known = BTreeMap::new();
        let mut history = History { _folder: folder, committer, states, clock, known, policy };
        history.start(None).await;
        history
    }

    async fn start(&mut self, last_alive: Option<Timestamp>) {
        let version = "1.0.0".to_owned();
        let started = Fact::RecorderStarted(RecorderStarted { log: 7, version, last_alive });
        self.record(Application::RECORDER, started, vec![]).await;
    }

    async fn record(&mut self, application: Application, fact: Fact, parts: Vec<Part>) -> Seq {
        let draft = Draft { application, origin: None, fact, parts, passed: vec![] };
        let recorded = self.committer.submit(Durability::Appended, move |_, stamp| {
            Ok(Decision { events: vec![draft], reply: stamp.seq })
        });
        recorded.await.unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, random: &mut Random) {
        // Often several events at one time.
        let later = self.now().0 + [0, 0, 1, 700_000][random.below(4)];
        self.clock.set(Timestamp(later));
    }

    /// One more event.
    pub(crate) async fn step(&mut self, random: &mut Random) {
        self.pass(random);
        match random.below(40) {
            0 => {
                self.record(
                    Application::RECORDER,
                    Fact::RecorderStopped(RecorderStopped { broken_requests: 0 }),
                    vec![],
                )
                .await;
                let last_alive = Some(self.now());
                self.pass(random);
                self.start(last_alive).await;
            }
            1 => {
                let (count, first) = (1, self.now());
                let fact =
                    Fact::ConnectionsRefused(ConnectionsRefused { count, first, last: first });
                self.record(Application::RECORDER, fact, vec![]).await;
            }
            _ => {
                let application = if random.below(5) == 0 { OTHER } else { APP };
                self.operate(application, random).await;
            }
        }
    }

    async fn operate(&mut self, application: Application, random: &mut Random) {
        let known = self.known.entry(application).or_default();
        let all = |set: &BTreeSet<Number>| set.iter().copied().collect::<Vec<_>>();
        let (users, groups) = (all(&known.users), all(&known.groups));
        let state = |active: Option<bool>| {
            let text = match active {
                Some(active) => format!(r#"{{"active":{active},"userName":"a"}}"#),
                None => r#"{"userName":"a"}"#.to_owned(),
            };
            Values::State(Arc::new(text.into_bytes()))
        };
        let active = [None, Some(true), Some(false)][random.below(3)];
        let mut target = Number::NOBODY;
        let mut kind = ResourceType::USER;
        let mut changed: BTreeMap<Number, Changes> = BTreeMap::new();
        match random.below(12) {
            0..=2 => {
                let mentioned = known.dangling.pop().filter(|_| random.below(2) == 0);
                target = mentioned.unwrap_or_else(|| {
                    known.last += 1;
                    Number(known.last)
                });
                known.users.insert(target);
                let lifecycle = Some(Lifecycle::Created(kind));
                changed.insert(
                    target,
                    Changes { lifecycle, values: state(active), ..Changes::default() },
                );
            }
            3 => {
                known.last += 1;
                (target, kind) = (Number(known.last), ResourceType::GROUP);
                known.groups.insert(target);
                let lifecycle = Some(Lifecycle::Created(kind));
                let joined: Vec<Number> =
                    users.iter().copied().filter(|_| random.below(3) == 0).collect();
                known.members.entry(target).or_default().extend(&joined);
                let values = state(None);
                changed.insert(target, Changes { lifecycle, values, joined, ..Changes::default() });
            }
            4 => {
                if let Some(user) = random.one_of(&users) {
                    target = user;
                    changed.insert(target, Changes { values: state(active), ..Changes::default() });
                }
            }
            5 => {
                if let Some(gone) = random.one_of(&users) {
                    target = gone;
                    known.users.remove(&gone);
                    known.gone.push(gone);
                    let lifecycle = Some(Lifecycle::Deleted);
                    changed.insert(target, Changes { lifecycle, ..Changes::default() });
                    for (group, members) in &mut known.members {
                        if members.remove(&gone) {
                            let left = vec![gone];
                            changed.insert(*group, Changes { left, ..Changes::default() });
                        }
                    }
                }
            }
            6 => {
                if let Some(again) = random.one_of(&known.gone) {
                    target = again;
                    known.gone.retain(|one| *one != again);
                    known.users.insert(again);
                    let lifecycle = Some(Lifecycle::Restored);
                    changed.insert(
                        target,
                        Changes { lifecycle, values: state(active), ..Changes::default() },
                    );
                }
            }
            7 => {
                known.last += 1;
                let number = Number(known.last);
                known.dangling.push(number);
                target = number;
                let mention = Some(event::Mention {
                    attribute: event::Attribute::Id,
                    resource_type: ResourceType::NONE,
                    name: Some(event::MentionedName {
                        value: format!("id-{number}"),
                        display: None,
                    }),
                });
                changed.insert(number, Changes { mention, ..Changes::default() });
            }
            _ => {
                if let Some(group) = random.one_of(&groups) {
                    (target, kind) = (group, ResourceType::GROUP);
                    let members = known.members.entry(group).or_default();
                    let candidates: Vec<Number> =
                        users.iter().chain(&known.dangling).copied().collect();
                    let mut changes = Changes::default();
                    for _ in 0..1 + random.below(3) {
                        let Some(one) = random.one_of(&candidates) else { continue };
                        if changes.joined.contains(&one) || changes.left.contains(&one) {
                            continue;
                        }
                        match members.remove(&one) {
                            true => changes.left.push(one),
                            false => {
                                members.insert(one);
                                changes.joined.push(one);
                            }
                        }
                    }
                    changes.joined.sort_unstable();
                    changes.left.sort_unstable();
                    changed.insert(group, changes);
                }
            }
        }
        let effect = if changed.is_empty() { Effect::Read } else { Effect::Applied };
        let touches = changed.keys().copied().filter(|number| *number != target).collect();
        let operation = Operation {
            route: Route::Resource,
            method: Method::Patch,
            resource_type: kind,
            number: target,
            touches,
            status: 200,
            scim_type: 0,
            effect,
            index: 0,
            saw_seq: None,
            results: None,
            decided_after_us: 0,
        };
        let parts = changed.into_iter();
        let parts = parts.map(|(number, changes)| Part::new(number, Content::Changes(changes)));
        self.record(application, Fact::Operation(operation), parts.collect()).await;
    }

    pub(crate) async fn commit(&self) -> Commitment {
        self.states.commit(APP, [9; 32]).await.unwrap()
    }

    pub(crate) async fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.committer.sign().await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn the_tree_of_the_rows_is_the_one_that_the_events_give() {
    for seed in 0..6 {
        let mut history = History::begin().await;
        let mut random = Random(seed);
        for round in 0..6 {
            for _ in 0..25 {
                history.step(&mut random).await;
            }
            history.commit().await;
            if round == 3 {
                // As after a start: nothing is remembered.
                history.states = StateCommitter::new(history.committer.clone());
            }
        }
        let store = history.committer.store();
        assert_eq!(verify_commitments(store).unwrap(), [], "seed {seed}");
        // The events of the commitments are no part of any state.
        let (size, _) = store.snapshot().watermark().unwrap().unwrap();
        assert_eq!(View::new(&store.snapshot()).commitments_around(APP, size).unwrap().1, None);
        // What the rows say of an old state is what the tree had.
        for commitment in history.states.remembered(APP) {
            let last = commitment.tree.top.numbers.count;
            let again = replayed(store, commitment.event).unwrap().unwrap();
            assert_eq!(again.tree.top, commitment.tree.top);
            assert_eq!(again.tree.hashes, commitment.tree.hashes);
            for number in (0..last).map(Number) {
                let leaf = commitment.tree.leaf(store, &store.snapshot(), number);
                assert!(leaf.unwrap().is_some(), "{number}");
            }
        }
        history.committer.stop().await;
    }
}

#[tokio::test]
async fn a_false_commitment_is_found() {
    let mut history = History::begin().await;
    let mut random = Random(3);
    for _ in 0..40 {
        history.step(&mut random).await;
    }
    let commitment = history.commit().await;
    let top = &commitment.tree.top;
    let root = StateRoot {
        at: top.at,
        numbers: top.numbers.count,
        root: *top.root().as_bytes(),
        secret: commitment.tree.secret,
    };
    let other = [
        StateRoot { at: top.at - 1, ..root },
        StateRoot { numbers: root.numbers + 1, ..root },
        StateRoot { root: [0; 32], ..root },
        StateRoot { secret: root.secret + 1, ..root },
        StateRoot { at: 1 << 40, ..root },
    ];
    let mut expected = vec![];
    for root in other {
        let fact = Fact::StateCommitted(StateCommitted::Root(root));
        expected.push(FalseCommitment { seq: history.record(APP, fact, vec![]).await });
    }
    let fact = Fact::StateCommitted(StateCommitted::Root(root));
    history.record(APP, fact.clone(), vec![]).await;
    // The same root, claimed of another application.
    expected.push(FalseCommitment { seq: history.record(OTHER, fact, vec![]).await });
    let found = verify_commitments(history.committer.store()).unwrap();
    // An operation that changed nothing may stand behind the other seq, save that the top says which seq.
    assert_eq!(found, expected);
    history.committer.stop().await;
}

#[tokio::test]
async fn an_application_is_due_behind_so_many_events_and_once_a_day() {
    let mut history = History::begin().await;
    let added = event::ApplicationAdded {
        number: APP,
        slug: "boat".into(),
        profile: "generic".into(),
        settings: vec![],
        profile_sha256: None,
    };
    let day_us = 24 * 3_600 * 1_000_000;
    let schedule = Schedule { events: 10, time_us: day_us };
    let at = |history: &History, now| schedule.due(history.committer.store(), now).unwrap();
    let now = history.now();
    assert_eq!(at(&history, now), [], "there is no application");
    history.record(Application::RECORDER, Fact::ApplicationAdded(added), vec![]).await;
    let later = |us: i64| Timestamp(now.0 + us);
    assert_eq!(at(&history, later(day_us - 1)), []);
    assert_eq!(at(&history, later(day_us)), [APP]);
    history.commit().await;
    assert_eq!(at(&history, later(2 * day_us)), [], "nothing happened since");
    let stopped = || Fact::RecorderStopped(RecorderStopped { broken_requests: 0 });
    for events in 1..=10 {
        assert_eq!(at(&history, now), [], "{events}");
        history.record(Application::RECORDER, stopped(), vec![]).await;
    }
    assert_eq!(at(&history, now), [APP]);
    // One at a time: whoever comes meanwhile is left out.
    let turn = history.states.running.lock().await;
    let late = history.states.commit_if_idle(APP, [1; 32]).await.unwrap();
    assert!(late.is_none());
    drop(turn);
    assert!(history.states.commit_if_idle(APP, [1; 32]).await.unwrap().is_some());
    assert_eq!(at(&history, now), []);
    history.committer.stop().await;
}
