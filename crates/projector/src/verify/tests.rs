//! Every way to alter a log is found, at the right place.

use event::codec::encode;
use event::{
    Changes, Content, Effect, Fact, Header, Lifecycle, Method, Operation, Part, RecorderStopped,
    ResourceType, Route, Structure, Values,
};
use store::{Options, ReadRows as _};

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
    verify(store, &extent, |_, _, _| ControlFlow::Continue(())).unwrap().unwrap()
}

fn faults(store: &Store, checkpoints: &[TreeHead]) -> Vec<Fault> {
    let size = store.log_size().unwrap();
    whole(store, size, checkpoints).faults
}

/// The log with another event somewhere.
fn altered(log: &[Vec<u8>], seq: Seq) -> Vec<u8> {
    let mut event = decode(seq, &log[seq as usize]).unwrap();
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
    let broken_off = verify(store, &extent, |_, _, _| ControlFlow::Break(())).unwrap();
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
        // Without any checkpoint too, as long as the rows are as they were.
        assert_eq!(faults(store, &[]), [Fault::Altered { seq }]);
    }
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
    for seq in [0, 299, EVENTS - 1] {
        let key = key::tile_hash(0, seq);
        let was = store.snapshot().get(&key).unwrap();
        for value in [Some(vec![7; 32]), None] {
            let version = crate::fold::FOLD_VERSION;
            store.publish(&[(key.clone(), value)].into(), EVENTS, version).unwrap();
            assert_eq!(faults(store, &anchors), [Fault::Rows { seq }]);
        }
        store.publish(&[(key, was)].into(), EVENTS, crate::fold::FOLD_VERSION).unwrap();
    }
    assert_eq!(faults(store, &anchors), []);
}

/// A log that was written with links that leave out an event, and signed so.
#[test]
fn a_link_that_leaves_out_an_event_is_found() {
    let mut log = log();
    let mut event = decode(300, &log[300]).unwrap();
    event.structure.population = event.structure.population.map(|before| before - 3);
    log[300] = encode(&event).unwrap();
    let Copy { store, .. } = &store(&log);
    let anchors = [head(store, EVENTS)];
    assert_eq!(faults(store, &anchors), [Fault::Link { seq: 300 }]);
}
