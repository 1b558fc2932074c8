//! Every way to alter a log is found, at the right place.

use event::codec::encode;
use event::{
    Changes, Content, Effect, Fact, Header, Lifecycle, Method, Operation, Part, RecorderStopped,
    ResourceType, Route, Structure, Values,
};
use store::{Options, ReadRows as _, key};

use super::*;
use crate::overlay::Overlay;
use crate::rebuild::catch_up;
use crate::structure::Completion;
use crate::view::View;

const EVENTS: Seq = 700;

/// Users come and change, and the recorder stops now and then.
fn log() -> Vec<Vec<u8>> {
    let base = crate::overlay::tests::MapRows::default();
    let mut rows = Overlay::new(&base);
    let mut log = Vec::new();
    for seq in 0..EVENTS {
        let number = Number(1 + (seq / 3) as u32);
        let state = || std::sync::Arc::new(format!(r#"{{"userName":"u-{seq}"}}"#).into_bytes());
        let changes = Changes {
            lifecycle: (seq % 3 == 0).then_some(Lifecycle::Created(ResourceType::USER)),
            active: (seq % 3 == 1).then_some(seq % 2 == 0),
            values: if seq % 3 == 2 { Values::None } else { Values::State(state()) },
            joined: if seq % 3 == 2 { vec![Number(9_000)] } else { vec![] },
            ..Changes::default()
        };
        let recorded_at = Timestamp(seq as i64 * 1_000);
        let (application, fact, parts) = match seq % 50 {
            7 => {
                let stopped = Fact::RecorderStopped(RecorderStopped { broken_requests: 0 });
                (Application::RECORDER, stopped, vec![])
            }
            _ => {
                let operation = Operation {
                    route: Route::Resource,
                    method: Method::Patch,
                    resource_type: ResourceType::USER,
                    number,
                    touches: changes.joined.clone(),
                    status: 204,
                    scim_type: 0,
                    effect: Effect::Applied,
                    index: 0,
                    saw_seq: None,
                    results: None,
                    decided_after_us: 0,
                };
                let parts = vec![Part::new(number, Content::Changes(changes))];
                (Application(1), Fact::Operation(operation), parts)
            }
        };
        let mut event = Event {
            seq,
            header: Header { application, recorded_at, raw_clock: recorded_at, origin: None, fact },
            structure: Structure::default(),
            parts,
        };
        Completion::default().complete(&mut event, &View::new(&rows)).unwrap();
        crate::fold::fold(&mut rows, &event).unwrap();
        log.push(encode(&event).unwrap());
    }
    log
}

struct Copy {
    store: Store,
    _folder: tempfile::TempDir,
}

/// A store with a log, whose rows have caught up.
fn store(log: &[Vec<u8>]) -> Copy {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &Options::default(), 7).unwrap();
    let events: Vec<_> = (0..).zip(log.iter().cloned()).collect();
    store.append(&events, false).unwrap();
    catch_up(&store, |_, _| ()).unwrap();
    Copy { store, _folder: folder }
}

fn head(store: &Store, size: Seq) -> TreeHead {
    crate::tree::frontier(&store.snapshot(), size).unwrap().head()
}

fn whole(store: &Store, size: Seq, checkpoints: &[TreeHead]) -> Verified {
    let extent = Extent { size, folded: size, checkpoints: checkpoints.to_vec(), links: true };
    verify(store, &extent, |_, _, _| ControlFlow::Continue(())).unwrap()
}

fn faults(store: &Store, checkpoints: &[TreeHead]) -> Vec<Fault> {
    let size = store.log_size().unwrap();
    whole(store, size, checkpoints).faults
}

/// The log with another event somewhere.
fn altered(log: &[Vec<u8>], seq: Seq) -> Vec<u8> {
    let mut event = event::codec::decode(seq, &log[seq as usize], &event::codec::Plain).unwrap();
    event.header.raw_clock.0 += 1;
    encode(&event).unwrap()
}

#[test]
fn a_log_as_it_was_recorded_has_no_fault() {
    let Copy { store, .. } = &store(&log());
    let anchors = [0, 1, 255, 256, 257, EVENTS].map(|size| head(store, size));
    let expected = Verified { head: anchors[5], covered: EVENTS, uncovered: None, faults: vec![] };
    assert_eq!(whole(store, EVENTS, &anchors), expected);
    // Of a log that grows, no more than asked for.
    let verified = whole(store, 300, &anchors[..5]);
    assert_eq!(
        (verified.head, verified.covered, verified.faults.len()),
        (head(store, 300), 257, 0)
    );
    assert_eq!(verified.uncovered, Some((Timestamp(257_000), Timestamp(299_000))));
    let extent = Extent { size: EVENTS, folded: EVENTS, checkpoints: vec![], links: false };
    let broken_off = verify(store, &extent, |_, _, _| ControlFlow::Break(()));
    assert_eq!(broken_off, None);
}

#[test]
fn an_altered_event_is_named() {
    let log = log();
    for seq in [0, 1, 255, 256, 511, EVENTS - 1] {
        let Copy { store, .. } = &store(&log);
        let anchors = [200, EVENTS].map(|size| head(store, size));
        store.append(&[(seq, altered(&log, seq))], false).unwrap();
        assert_eq!(faults(store, &anchors), [Fault::Altered { seq }]);
        // Without any checkpoint nothing tells whether it is the event or its hash in the rows.
        assert_eq!(faults(store, &[]), [Fault::Differs { seq }]);
        assert_eq!(
            faults(store, &anchors[..1]),
            match seq {
                0..200 => [Fault::Altered { seq }],
                _ => [Fault::Differs { seq }],
            }
        );
    }
}

/// The rows blame an event that is as it was, and the hash of the altered one fits.
#[test]
fn an_innocent_event_is_not_named() {
    let log = log();
    for (innocent, seq) in [(3, 150), (150, 3), (210, 400), (650, 400)] {
        let Copy { store, .. } = &store(&log);
        let anchors = [200, EVENTS].map(|size| head(store, size));
        let stored = altered(&log, seq);
        let leaf = Entry::of_stored(store.log_id(), seq, &stored).unwrap().leaf();
        store.append(&[(seq, stored)], false).unwrap();
        let rows = [
            (key::tile_hash(0, seq), Some(leaf.as_bytes().to_vec())),
            (key::tile_hash(0, innocent), Some(vec![7; 32])),
        ];
        store.publish(&rows.into(), EVENTS, crate::fold::FOLD_VERSION).unwrap();
        let (from, to) = if seq < 200 { (0, 200) } else { (200, EVENTS) };
        let found = faults(store, &anchors);
        assert!(found.contains(&Fault::Between { from, to }), "{innocent}, {seq}: {found:?}");
        let names = |fault: &Fault| matches!(fault, Fault::Altered { .. } | Fault::Differs { .. });
        assert!(!found.iter().any(names), "{innocent}, {seq}: {found:?}");
    }
}

/// Of two checkpoints that contradict each other one is of another history, whichever comes first.
#[test]
fn checkpoints_that_contradict_each_other_are_told() {
    let Copy { store, .. } = &store(&log());
    let (small, whole) = (head(store, 200), head(store, EVENTS));
    let other = |size| TreeHead { size, root: Hash::of_leaf(b"another") };
    for anchors in [[small, other(200)], [other(200), small]] {
        assert_eq!(faults(store, &anchors), [Fault::OtherHistory { signed: 200 }]);
    }
    let anew = Fault::SignedAnew { from: 100, to: 200 };
    assert_eq!(faults(store, &[head(store, 100), other(200), other(300), whole]), [anew]);
    for anchors in [vec![other(0)], vec![TreeHead::EMPTY, other(0)], vec![other(0), whole]] {
        assert_eq!(faults(store, &anchors), [Fault::OtherHistory { signed: 0 }]);
    }
    assert_eq!(faults(store, &[small, other(EVENTS)]), [Fault::Between { from: 200, to: EVENTS }]);
    for fault in faults(store, &[other(1)]) {
        assert!(fault.to_string().starts_with("the events 0 to 0 "), "{fault}");
    }
}

/// Nothing can be read of the rows from some place on; the log is compared with what was signed all the same.
#[test]
fn rows_that_cannot_be_read_do_not_stop_the_verification() {
    let log = log();
    let Copy { store, _folder: folder } = store(&log);
    let anchors = [200, EVENTS].map(|size| head(&store, size));
    store.compact().unwrap();
    store.keep(EVENTS, Timestamp(0), None).unwrap();
    drop(store);
    let tables: Vec<_> = std::fs::read_dir(folder.path().join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .collect();
    let mut without_rows = 0;
    for (table, part) in tables.iter().flat_map(|table| (1..8).map(move |part| (table, part))) {
        let whole = std::fs::read(table).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 8] ^= 1;
        std::fs::write(table, flipped).unwrap();
        if let Ok(store) = Store::open(folder.path(), &Options::default(), 7) {
            let verified = self::whole(&store, EVENTS, &anchors);
            match &verified.faults[..] {
                [Fault::RowsUnreadable { seq, .. }] => {
                    assert_eq!((verified.covered, *seq < EVENTS), (EVENTS, true));
                    without_rows += 1;
                }
                [Fault::Unreadable { .. }] | [] => {}
                other => panic!("{other:?}"),
            }
        }
        std::fs::write(table, whole).unwrap();
    }
    assert!(without_rows > 0);
}

/// The rows of the tree were made anew, so that they fit the altered event.
#[test]
fn where_the_tree_was_rewritten_too_the_checkpoints_say_between_which() {
    let log = log();
    for (seq, from, to) in [(0, 0, 200), (199, 0, 200), (200, 200, 600), (599, 200, 600)] {
        let Copy { store, .. } = &store(&log);
        let anchors = [200, 600].map(|size| head(store, size));
        store.append(&[(seq, altered(&log, seq))], false).unwrap();
        store.clear_rows().unwrap();
        catch_up(store, |_, _| ()).unwrap();
        assert_eq!(faults(store, &anchors), [Fault::Between { from, to }], "{seq}");
    }
    // Behind the last checkpoint nothing can tell: it is no fault, and not covered.
    let Copy { store, .. } = &store(&log);
    let anchors = [head(store, 600)];
    store.append(&[(650, altered(&log, 650))], false).unwrap();
    store.clear_rows().unwrap();
    catch_up(store, |_, _| ()).unwrap();
    let verified = whole(store, EVENTS, &anchors);
    assert_eq!((verified.covered, verified.faults), (600, vec![]));
}

#[test]
fn events_that_change_places_that_are_damaged_or_missing_are_named() {
    let log = log();
    let Copy { store: swapped, .. } = &store(&log);
    let anchors = [head(swapped, EVENTS)];
    swapped.append(&[(31, log[34].clone()), (34, log[31].clone())], false).unwrap();
    let found = faults(swapped, &anchors);
    assert_eq!(found.last(), Some(&Fault::Altered { seq: 31 }), "{found:?}");
    assert!(found.contains(&Fault::Time { seq: 32 }), "{found:?}");

    let Copy { store: damaged, .. } = &store(&log);
    damaged.append(&[(300, vec![2, 3, 200])], false).unwrap();
    assert!(matches!(faults(damaged, &anchors)[..], [Fault::Unreadable { seq: 300, .. }]));

    let Copy { store: short, .. } = &store(&log[..680]);
    let found = faults(short, &[head(short, 600), anchors[0]]);
    assert_eq!(found, [Fault::Truncated { log: 680, signed: EVENTS }]);
}

#[test]
fn rows_of_the_tree_that_differ_are_told_apart_from_the_log() {
    let Copy { store, .. } = &store(&log());
    let anchors = [head(store, EVENTS)];
    for (level, index, seq) in
        [(0, 0, 0), (0, 299, 299), (0, EVENTS - 1, EVENTS - 1), (1, 0, 255), (1, 1, 511)]
    {
        let key = key::tile_hash(level, index);
        let was = store.snapshot().get(&key).unwrap();
        for value in [Some(vec![7; 32]), None] {
            let version = crate::fold::FOLD_VERSION;
            store.publish(&[(key.clone(), value)].into(), EVENTS, version).unwrap();
            assert_eq!(faults(store, &anchors), [Fault::Rows { seq }]);
            let behind = if level == 0 { Fault::Differs { seq } } else { Fault::Rows { seq } };
            assert_eq!(faults(store, &[]), [behind]);
        }
        store.publish(&[(key, was)].into(), EVENTS, crate::fold::FOLD_VERSION).unwrap();
    }
    assert_eq!(faults(store, &anchors), []);
}

/// A log that was written with links that leave out an event, and signed so.
#[test]
fn a_link_that_leaves_out_an_event_is_found() {
    let mut log = log();
    let mut event = event::codec::decode(300, &log[300], &event::codec::Plain).unwrap();
    event.structure.population = event.structure.population.map(|before| before - 3);
    log[300] = encode(&event).unwrap();
    let Copy { store, .. } = &store(&log);
    let anchors = [head(store, EVENTS)];
    assert_eq!(faults(store, &anchors), [Fault::Link { seq: 300 }]);
}
