//! Bundles of random histories against the answers of the rows, broken in every way, and mutated.

use std::collections::BTreeMap;

use event::codec::decode_header;
use evidence::bundle::{Answer, BundleRefusal, Derived, UserSince, verify};
use tlog::Policy;

use super::*;
use crate::seq_at;
use crate::state::tests::{APP, History, Random, START};

fn asked_for(
    kind: Kind,
    number: Number,
    instant: Option<Timestamp>,
    at_seq: Option<Seq>,
) -> BundleAsk {
    BundleAsk {
        kind,
        application: APP,
        number,
        instant,
        at_seq,
        opens: at_seq.is_some_and(|at| at % 2 == 0),
    }
}

fn since(members: Vec<MemberSince>) -> Vec<Since> {
    let since = |one: MemberSince| Since { number: one.member, since: one.since };
    members.into_iter().map(since).collect()
}

/// What the rows answer.
fn expected(view: &View<'_>, ask: &BundleAsk) -> Option<Answer> {
    let at = ask.at_seq;
    let list = |set| match at {
        Some(at) => since(view.members(APP, set, at).unwrap()),
        None => vec![],
    };
    let version = at.and_then(|at| view.version(APP, ask.number, at).unwrap());
    match ask.kind {
        Kind::Members => Some(Answer::Members(list(Set::Members(ask.number)))),
        Kind::Groups => Some(Answer::Groups(match at {
            Some(at) => groups_at(view, APP, ask.number, at).unwrap(),
            None => vec![],
        })),
        Kind::User => None
            .or(Some(match version {
                None => (ResourceType::NONE, false, false),
                Some(one) => (one.resource_type, one.state.is_some(), one.active),
            }))
            .map(|(resource_type, exists, active)| Answer::User {
                resource_type,
                exists,
                active,
                changed: None,
            }),
        Kind::Users => {
            let active: BTreeMap<Number, Seq> =
                list(Set::Active).into_iter().map(|one| (one.number, one.since)).collect();
            let users = list(Set::Existing(ResourceType::USER)).into_iter();
            let users = users.map(|one| UserSince {
                number: one.number,
                since: one.since,
                active_since: active.get(&one.number).copied(),
            });
            Some(Answer::Users(users.collect()))
        }
        Kind::Why | Kind::Operation => None,
    }
}

/// All answers of a history, and bundles of which one event is missing, altered or moved.
#[tokio::test]
async fn a_bundle_gives_the_answer_of_the_rows_and_none_without_any_of_its_events() {
    let questions = 1_000;
    let mut asked = 0;
    let mut seed = 0;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut with_earlier = 0;
    while asked < questions {
        seed += 1;
        let mut history = History::begin().await;
        let mut random = Random(seed * 7_919);
        let mut kept: Vec<Commitment> = vec![];
        let times = [20, 3, 40, 25];
        for (place, steps) in times.into_iter().enumerate() {
            for _ in 0..steps + random.below(20) {
                history.step(&mut random).await;
            }
            if place > 0 {
                kept.push(history.commit().await);
            }
        }
        let signed = history.checkpoint().await;
        let store = history.committer.store();
        let snapshot = store.snapshot();
        let view = View::new(&snapshot);
        let size = signed.unverified().head().size;
        let last = kept.last().unwrap().tree.top.at;
        let highest = view.next_number(APP).unwrap().0 as usize;
        for _ in 0..100 {
            let kind = Kind::ALL[random.below(4)];
            let number = match kind {
                Kind::Users => Number::NOBODY,
                // Sometimes one that was never given.
                _ => Number(1 + random.below(highest + 1) as u32),
            };
            let mut instant = None;
            let mut seq = Some(random.below(last as usize + 1) as Seq);
            if random.below(3) > 0 {
                let at = seq.filter(|_| random.below(20) > 0);
                let recorded = at.map(|at| {
                    let bytes = store.event_bytes(at).unwrap().unwrap();
                    decode_header(&bytes).unwrap().recorded_at.0
                });
                let time = Timestamp(recorded.unwrap_or(START - 1));
                instant = Some(time);
                seq = seq_at(store, &view, size, time).unwrap();
                if seq.is_some_and(|seq| seq > last) {
                    continue;
                }
            }
            asked += 1;
            let ask = asked_for(kind, number, instant, seq);
            let (earlier, later) = ask.around(&kept);
            let earlier = earlier.filter(|_| random.below(4) > 0);
            with_earlier += usize::from(earlier.is_some());
            let made = bundle(store, &ask, (earlier, later), &signed).unwrap();
            let bytes = made.to_bytes().unwrap();
            let derived = verify(&bytes, &history.policy)
                .unwrap_or_else(|error| panic!("seed {seed}, {ask:?}: {error:?}"));
            let mut answer = derived.answer.clone();
            if let Answer::User { changed, .. } = &mut answer {
                *changed = None;
            }
            assert_eq!(Some(answer), expected(&view, &ask), "seed {seed}, {ask:?}");
            assert_eq!(derived.at_seq, seq);
            let refused = |broken: &Bundle, what: &str| {
                let bytes = broken.to_bytes().unwrap();
                match verify(&bytes, &history.policy) {
                    Err(refusal) => refusal,
                    Ok(_) => panic!("seed {seed}, {ask:?}: taken although {what}"),
                }
            };
            if let Some(time) = made.question.at_us {
                let mut told = |at_us: i64| {
                    let mut other = made.clone();
                    other.question.at_us = Some(at_us);
                    let refusal = refused(&other, "it is about another instant");
                    assert!(matches!(refusal, BundleRefusal::Instant { .. }), "{refusal:?}");
                    *reasons.entry(word(&refusal)).or_default() += 1;
                };
                let recorded = |seq: Seq| {
                    let bytes = store.event_bytes(seq).unwrap().unwrap();
                    decode_header(&bytes).unwrap().recorded_at.0
                };
                told(recorded(seq.map_or(0, |seq| seq + 1)));
                if let Some(seq) = seq {
                    told(recorded(seq) - 1);
                    assert!(recorded(seq) <= time);
                }
            }
            for place in 0..made.events.len() {
                let mut without = made.clone();
                without.events.remove(place);
                let refusal = refused(&without, "an event is missing");
                assert!(matches!(refusal, BundleRefusal::Missing { .. }), "{refusal:?}");
                *reasons.entry(word(&refusal)).or_default() += 1;
                for part in 0..4 {
                    let mut altered = made.clone();
                    let shown = &mut altered.events[place];
                    let bytes = match (part, &mut shown.facts) {
                        (0, _) => &mut shown.entry.0,
                        (1, _) => &mut shown.proof.0,
                        (2, Some(facts)) => &mut facts.header.0,
                        (3, Some(facts)) => &mut facts.structure.0,
                        _ => continue,
                    };
                    if bytes.is_empty() {
                        continue;
                    }
                    let at = random.below(bytes.len());
                    bytes[at] ^= 1 << random.below(8);
                    *reasons.entry(word(&refused(&altered, "an event is altered"))).or_default() +=
                        1;
                }
                let other = random.below(made.events.len());
                if other != place {
                    let mut moved = made.clone();
                    moved.events.swap(place, other);
                    refused(&moved, "two events changed places");
                    let (one, two) = (made.events[place].seq, made.events[other].seq);
                    (moved.events[place].seq, moved.events[other].seq) = (one, two);
                    *reasons
                        .entry(word(&refused(&moved, "two events changed names")))
                        .or_default() += 1;
                }
            }
        }
        history.committer.stop().await;
    }
    assert!(with_earlier > questions / 4, "{with_earlier}");
    assert!(reasons.len() >= 5, "{reasons:?}");
}

/// The name of a reason.
fn word(refusal: &BundleRefusal) -> String {
    let text = format!("{refusal:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// A claim, without the instant: any one between two events names the same event.
fn claim(derived: Derived) -> Derived {
    Derived { instant: None, ..derived }
}

fn around_of<'a>(
    ask: &BundleAsk,
    kept: &'a [Commitment],
) -> (Option<&'a Commitment>, Option<&'a Commitment>) {
    match ask.kind {
        Kind::Operation => (None, None),
        _ => ask.around(kept),
    }
}

/// Changes a few bytes, or puts a piece of the file somewhere else.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = b"0123456789,:{}[]ABn"[random.below(19)],
        2 => {
            bytes.remove(at);
        }
        3 => bytes.insert(at, b'0' + random.below(10) as u8),
        4 => {
            let (to, length) = (random.below(bytes.len()), random.below(60));
            let piece: Vec<u8> = bytes.iter().skip(at).take(length).copied().collect();
            bytes.splice(to..to, piece);
        }
        _ => {
            bytes.drain(at..(at + random.below(200)).min(bytes.len()));
        }
    }
}

#[tokio::test]
async fn mutated_bundles_are_refused_with_a_reason() {
    let count = match std::env::var("PROVLOG_TEST_MUTATIONS") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_MUTATIONS must be a number"),
        Err(_) => 100_000,
    };
    let mut history = History::begin().await;
    let mut random = Random(11);
    let mut kept = vec![];
    for _ in 0..2 {
        for _ in 0..40 {
            history.step(&mut random).await;
        }
        kept.push(history.commit().await);
    }
    let signed = history.checkpoint().await;
    let store = history.committer.store();
    let snapshot = store.snapshot();
    let highest = View::new(&snapshot).next_number(APP).unwrap().0 as usize;
    let mut documents: Vec<(Vec<u8>, Derived)> = vec![];
    while documents.len() < 24 {
        let seq = random.below(kept[1].tree.top.at as usize) as Seq;
        let kind = Kind::ALL[documents.len() % Kind::ALL.len()];
        let mut ask = asked_for(kind, Number(1 + random.below(highest) as u32), None, Some(seq));
        match kind {
            Kind::Users => ask.number = Number::NOBODY,
            Kind::Operation => {
                let bytes = store.event_bytes(seq).unwrap().unwrap();
                let header = decode_header(&bytes).unwrap();
                let event::Fact::Operation(operation) = header.fact else { continue };
                (ask.number, ask.application) = (operation.number, header.application);
            }
            _ => {}
        }
        let bytes =
            bundle(store, &ask, around_of(&ask, &kept), &signed).unwrap().to_bytes().unwrap();
        let derived = verify(&bytes, &history.policy).unwrap();
        documents.push((bytes, claim(derived)));
    }
    assert!(documents.iter().any(|(_, derived)| !derived.opened.is_empty()));
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..count {
        let (whole, derived) = &documents[round % documents.len()];
        let mut bytes = whole.clone();
        for _ in 0..1 + random.below(2) {
            mutate(&mut bytes, &mut random);
        }
        match verify(&bytes, &history.policy) {
            // The question stands in the file unsigned: another one may be answered, but not wrongly.
            Ok(other) if claim(other.clone()) != *derived => {
                let mut ask = asked_for(other.kind, other.number, None, other.at_seq);
                ask.application = other.application;
                let true_bytes = bundle(store, &ask, around_of(&ask, &kept), &signed).unwrap();
                let truth = verify(&true_bytes.to_bytes().unwrap(), &history.policy).unwrap();
                assert_eq!(other.answer, truth.answer, "round {round}: a false answer is believed");
            }
            Ok(_) => {}
            Err(refusal) => {
                assert!(!refusal.to_string().is_empty());
                *reasons.entry(word(&refusal)).or_default() += 1;
            }
        }
    }
    assert!(reasons.values().sum::<usize>() > count * 9 / 10, "{reasons:?}");
    assert!(count < 10_000 || reasons.len() >= 8, "{reasons:?}");
    history.committer.stop().await;
}

/// Another key is not believed, and what hides the other numbers stands in no bundle.
#[tokio::test]
async fn a_bundle_is_believed_by_its_key_alone_and_hides_the_rest() {
    let mut history = History::begin().await;
    let mut random = Random(5);
    for _ in 0..30 {
        history.step(&mut random).await;
    }
    let commitment = history.commit().await;
    let signed = history.checkpoint().await;
    let ask = asked_for(Kind::Users, Number::NOBODY, None, Some(commitment.tree.top.at));
    let store = history.committer.store();
    let made = bundle(store, &ask, (None, Some(&commitment)), &signed).unwrap();
    let bytes = made.to_bytes().unwrap();
    verify(&bytes, &history.policy).unwrap();
    let name = tlog::KeyName::parse("log.example/a").unwrap();
    let other = tlog::SignerKey::from_seed(name, tlog::KeyKind::Ed25519, [2; 32]).unwrap();
    let other = Policy::new("log.example/a", vec![other.verifier().clone()], vec![], 0).unwrap();
    assert!(matches!(verify(&bytes, &other), Err(BundleRefusal::Policy(_))));
    let secret: &[u8] = &[9; 32];
    for shown in &made.events {
        let facts = shown.facts.iter().flat_map(|facts| [&facts.header.0, &facts.structure.0]);
        for bytes in facts.chain([&shown.entry.0]) {
            assert!(!bytes.windows(32).any(|window| window == secret), "the secret is shown");
        }
    }
    history.committer.stop().await;
}

/// Writes the file that `evidence` is held to: a bundle of today, its answer and its key. It stays as it is once
/// a release has written bundles, so it is written on request only.
#[tokio::test]
async fn a_bundle_of_the_golden_file_is_still_read() {
    let data =
        std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/evidence");
    let mut history = History::begin().await;
    let mut random = Random(2);
    let mut kept = vec![];
    for _ in 0..2 {
        for _ in 0..20 {
            history.step(&mut random).await;
        }
        kept.push(history.commit().await);
    }
    let signed = history.checkpoint().await;
    let at = kept[0].tree.top.at + 9;
    let ask = asked_for(Kind::Users, Number::NOBODY, None, Some(at));
    let store = history.committer.store();
    let bytes = bundle(store, &ask, ask.around(&kept), &signed).unwrap().to_bytes().unwrap();
    let told = verify(&bytes, &history.policy).unwrap().to_string();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(data.join("bundle.json"), &bytes).unwrap();
        std::fs::write(data.join("bundle.txt"), &told).unwrap();
        let key = history.committer.signer().unwrap().verifiers().next().unwrap().to_string();
        std::fs::write(data.join("bundle.vkey"), format!("{key}\n")).unwrap();
    }
    let kept_file = std::fs::read(data.join("bundle.json")).unwrap();
    let kept_told = std::fs::read_to_string(data.join("bundle.txt")).unwrap();
    assert_eq!(verify(&kept_file, &history.policy).unwrap().to_string(), kept_told);
    history.committer.stop().await;
}
