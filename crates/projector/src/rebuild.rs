//! Folds the log into rows: at start-up from the watermark on, in a rebuild from the first event.

use std::ops::ControlFlow;

use event::codec::{decode, decode_to_fold};
use event::{Seq, Stopwatch};
use evidence::Entry;
use store::{RowChanges, Store, digest, with_causes};
use tlog::Frontier;

use crate::error::ProjectorError;
use crate::fold::FOLD_VERSION;
use crate::memory::Memory;
use crate::overlay::{Changed, Overlay};
use crate::signer::unverified_checkpoint;
use crate::tree::fold_stored;

/// Publish after so many changed rows, or so many bytes of them. Rows that many events change are written
/// once for all of them, so the more the faster; but they must fit into memory three times: those that are
/// made, and those that are published meanwhile, here and in the write.
#[derive(Clone, Copy)]
struct Limits {
    rows: usize,
    bytes: usize,
}

const LIMITS: Limits = Limits { rows: 200_000, bytes: 16 << 20 };

/// Folds all events that the rows lack, and returns how many. Rows of another fold version are cleared
/// and made again. A crash leaves rows that end earlier; the next call goes on from there.
///
/// `progress` is called after each publish with the next seq and the log's size.
///
/// # Errors
/// When the log has a gap, or log or rows cannot be read or written.
pub fn catch_up(store: &Store, progress: impl FnMut(Seq, Seq)) -> Result<Seq, ProjectorError> {
    catch_up_within(store, || LIMITS, progress)
}

/// [`catch_up`] with the limits of each publish.
fn catch_up_within(
    store: &Store,
    mut limits: impl FnMut() -> Limits,
    mut progress: impl FnMut(Seq, Seq),
) -> Result<Seq, ProjectorError> {
    let size = store.log_size()?;
    let watermark = store.snapshot().watermark()?;
    let start = match watermark {
        Some((seq, FOLD_VERSION)) => seq,
        Some(_) => {
            store.clear_rows()?;
            0
        }
        None => 0,
    };
    if start > size {
        return Err(ProjectorError::RowsAhead { rows: start, log: size });
    }
    // To fill the filter of names from many rows takes longer than asking for the names of a few events.
    let memory = if start == 0 { Memory::of_no_rows() } else { Memory::new() };
    let mut memory = memory.for_bulk();
    let mut pending = Pending { changed: Changed::default(), next: start };
    while pending.next < size {
        // While this thread folds, another one publishes what was folded before.
        let snapshot = store.snapshot();
        let batch = Overlay::of(pending.changed, &snapshot, &memory);
        let next = std::thread::scope(|scope| {
            let publishing = (pending.next > start)
                .then(|| scope.spawn(publish(store, batch.changed(), pending.next)));
            let next = fold_until(store, Overlay::over(&batch), pending.next, limits());
            if let Some(publishing) = publishing {
                publishing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                progress(pending.next, size);
            }
            next
        })?;
        let published = batch.into_changed();
        drop(snapshot);
        memory.learn(published);
        pending = next;
    }
    if pending.next > start {
        publish(store, &pending.changed, pending.next)()?;
        progress(pending.next, size);
    }
    if start == 0 && size == 0 {
        store.publish(&RowChanges::new(), 0, FOLD_VERSION)?;
    }
    Ok(size - start)
}

/// What was folded and is not published yet.
struct Pending {
    changed: Changed,
    /// The first event that was not folded.
    next: Seq,
}

/// Folds events from `from` on until there are enough changes for a publish.
fn fold_until(
    store: &Store,
    mut overlay: Overlay<'_>,
    from: Seq,
    limits: Limits,
) -> Result<Pending, ProjectorError> {
    let mut next = from;
    store.scan_log(from, |seq, stored| -> Result<_, ProjectorError> {
        let event =
            decode_to_fold(seq, stored, store.parts()).map_err(ProjectorError::event(seq))?;
        fold_stored(&mut overlay, store.log_id(), &event, stored)?;
        next = seq + 1;
        Ok(if overlay.len() >= limits.rows || overlay.bytes() >= limits.bytes {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(Pending { changed: overlay.into_changed(), next })
}

/// Publishes changes, after which the rows have all events before `next`.
fn publish<'a>(
    store: &'a Store,
    changed: &'a Changed,
    next: Seq,
) -> impl FnOnce() -> Result<(), ProjectorError> + Send + 'a {
    move || Ok(changed.publish(store, next, FOLD_VERSION)?)
}

/// Reads the whole log and compares it with the last checkpoint, so that rows are cleared only when they
/// can be made again. The rows of an altered log tell which event it is.
fn check_log(store: &Store) -> Result<(), ProjectorError> {
    let signed = unverified_checkpoint(store)?.map(|signed| *signed.unverified().head());
    let mut tree = Frontier::new();
    let check = |tree: &Frontier| match signed {
        Some(signed) if signed.size == tree.size() && signed.root != tree.root() => {
            Err(ProjectorError::Contradicted { signed: signed.size })
        }
        Some(_) | None => Ok(()),
    };
    store.scan_log(0, |seq, stored| -> Result<_, ProjectorError> {
        check(&tree)?;
        let entry = decode(seq, stored, store.parts())
            .and_then(|event| Entry::of_event(store.log_id(), &event, stored))
            .map_err(ProjectorError::event(seq))?;
        tree.append(entry.leaf());
        Ok(ControlFlow::Continue(()))
    })?;
    check(&tree)?;
    match signed {
        Some(signed) if signed.size > tree.size() => {
            Err(ProjectorError::BelowCheckpoint { signed: signed.size, log: tree.size() })
        }
        Some(_) | None => Ok(()),
    }
}

/// What a rebuild found.
#[derive(Clone, PartialEq, Debug)]
pub struct Rebuilt {
    /// Why the old rows could not be read, in one line.
    pub damage: Option<String>,
    /// Events folded.
    pub events: Seq,
    /// Seconds the folding took.
    pub seconds: f64,
    /// Digest of the old rows after catching up with the log; `None` if they could not be read.
    pub digest_before: Option<[u8; 32]>,
    /// Digest of the new rows.
    pub digest_after: [u8; 32],
    /// Whether both have the same fold version, so that the digests must be equal.
    pub same_fold: bool,
}

/// Makes all rows again from the log, and compares them with the old rows if those can be read.
///
/// # Errors
/// As [`catch_up`], except that unreadable rows are no error. If the log cannot be read to its end, or is
/// not what the last checkpoint says, the old rows stay as they are.
pub fn rebuild(
    store: &Store,
    mut progress: impl FnMut(Seq, Seq),
) -> Result<Rebuilt, ProjectorError> {
    let before = digest_now(store, &mut progress);
    let (digest_before, same_fold, damage) = match before {
        Ok((digest, same_fold)) => (Some(digest), same_fold, None),
        Err(error) if error.is_row_damage() => (None, true, Some(with_causes(&error))),
        Err(error) => return Err(error),
    };
    check_log(store)?;
    store.clear_rows()?;
    let watch = Stopwatch::start();
    let events = catch_up(store, &mut progress)?;
    let seconds = watch.elapsed().as_secs_f64();
    let digest_after = digest(&store.snapshot())?;
    store.flush(true)?;
    Ok(Rebuilt { damage, events, seconds, digest_before, digest_after, same_fold })
}

/// The digest of the rows after catching up, and whether they were made by this fold version.
fn digest_now(
    store: &Store,
    progress: impl FnMut(Seq, Seq),
) -> Result<([u8; 32], bool), ProjectorError> {
    let watermark = store.snapshot().watermark()?;
    catch_up(store, progress)?;
    let same_fold = watermark.is_none_or(|(_, version)| version == FOLD_VERSION);
    Ok((digest(&store.snapshot())?, same_fold))
}

#[cfg(test)]
mod tests {
    use event::codec::encode;
    use event::codec::{FramedPart, OpenedPart, PartError, PartPlace, Parts, Plain, StoredPart};
    use event::{
        Application, ApplicationAdded, Attribute, Changes, Content, Effect, Event, Fact, Header,
        Lifecycle, Mention, MentionedName, Method, Number, Operation, Part, Path, ResourceType,
        Route, Structure, SubjectsErased, Timestamp, ValueChange, Values,
    };
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use store::{Direction, Options, ReadRows, Row, key};

    use super::*;

    fn added(seq: Seq) -> Event {
        let number = Application(seq as u32 + 1);
        Event {
            seq,
            header: Header {
                application: number,
                recorded_at: Timestamp(seq as i64 * 300_000),
                raw_clock: Timestamp(0),
                origin: None,
                fact: Fact::ApplicationAdded(ApplicationAdded {
                    number,
                    slug: format!("app-{seq}"),
                    profile: "generic".into(),
                    settings: b"{}".to_vec(),
                    profile_sha256: None,
                }),
            },
            structure: Structure::default(),
            parts: vec![],
        }
    }

    fn store(folder: &std::path::Path, events: Seq) -> Store {
        let store = Store::open(folder, &Options::default(), 7).unwrap();
        for seq in 0..events {
            store.append(&[(seq, encode(&added(seq)).unwrap())], false).unwrap();
        }
        store
    }

    fn all_rows(store: &Store) -> [u8; 32] {
        digest(&store.snapshot()).unwrap()
    }

    #[test]
    fn only_what_the_rows_miss_is_folded() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 9);
        let mut told = vec![];
        assert_eq!(catch_up(&store, |reached, size| told.push((reached, size))).unwrap(), 9);
        assert_eq!(told, [(9, 9)]);
        let whole = all_rows(&store);
        assert_eq!(catch_up(&store, |_, _| ()).unwrap(), 0);
        store.append(&[(9, encode(&added(9)).unwrap())], false).unwrap();
        assert_eq!(catch_up(&store, |_, _| ()).unwrap(), 1);
        assert_ne!(all_rows(&store), whole);
    }

    #[test]
    fn rows_of_another_fold_version_are_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 9);
        catch_up(&store, |_, _| ()).unwrap();
        let expected = all_rows(&store);
        let stray = [(key::slug("no-such"), Some(vec![0, 0, 0, 1]))];
        store.publish(&stray.into(), 9, FOLD_VERSION + 1).unwrap();
        assert_ne!(all_rows(&store), expected);
        assert_eq!(catch_up(&store, |_, _| ()).unwrap(), 9);
        assert_eq!(all_rows(&store), expected);
    }

    #[test]
    fn a_rebuild_tells_when_the_rows_were_not_what_the_log_says() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 9);
        catch_up(&store, |_, _| ()).unwrap();
        let good = rebuild(&store, |_, _| ()).unwrap();
        assert_eq!((good.events, good.same_fold), (9, true));
        assert_eq!(good.digest_before, Some(good.digest_after));
        let stray = [(key::slug("no-such"), Some(vec![0, 0, 0, 1]))];
        store.publish(&stray.into(), 9, FOLD_VERSION).unwrap();
        let bad = rebuild(&store, |_, _| ()).unwrap();
        assert_ne!(bad.digest_before, Some(bad.digest_after));
        assert_eq!(bad.digest_after, good.digest_after);
    }

    #[test]
    fn a_log_that_cannot_be_read_whole_leaves_the_rows_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 9);
        catch_up(&store, |_, _| ()).unwrap();
        let before = all_rows(&store);
        store.append(&[(4, vec![1, 2, 3])], false).unwrap();
        let error = rebuild(&store, |_, _| ()).unwrap_err();
        assert!(matches!(error, ProjectorError::Event { seq: 4, .. }), "{error}");
        assert_eq!(all_rows(&store), before);
    }

    #[test]
    fn the_rows_of_a_log_that_is_not_what_was_signed_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 9);
        catch_up(&store, |_, _| ()).unwrap();
        let name = tlog::KeyName::parse("log.example/a").unwrap();
        let key = tlog::SignerKey::from_seed(name, tlog::KeyKind::Ed25519, [1; 32]).unwrap();
        let keep = |size| {
            let head = crate::tree::frontier(&store.snapshot(), size).unwrap().head();
            let checkpoint = tlog::Checkpoint::new("log.example/a", head).unwrap();
            let signed = tlog::SignedCheckpoint::sign(checkpoint, &key).unwrap();
            store.keep(size, Timestamp(0), Some(signed.to_string())).unwrap();
        };
        let altered = [(4, encode(&Event { seq: 4, ..added(40) }).unwrap())];
        let original = [(4, store.event_bytes(4).unwrap().unwrap())];
        let before = all_rows(&store);
        for size in [9, 5] {
            keep(size);
            store.append(&altered, false).unwrap();
            let error = rebuild(&store, |_, _| ()).unwrap_err();
            assert!(
                matches!(error, ProjectorError::Contradicted { signed } if signed == size),
                "{error}"
            );
            assert_eq!(all_rows(&store), before);
            store.append(&original, false).unwrap();
            rebuild(&store, |_, _| ()).unwrap();
        }
        // Behind the checkpoint the log is what counts.
        keep(4);
        store.append(&altered, false).unwrap();
        rebuild(&store, |_, _| ()).unwrap();
        assert_ne!(all_rows(&store), before);
    }

    #[test]
    fn rows_ahead_of_the_log_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 2);
        store.publish(&RowChanges::new(), 3, FOLD_VERSION).unwrap();
        let error = catch_up(&store, |_, _| ()).unwrap_err();
        assert!(matches!(error, ProjectorError::RowsAhead { rows: 3, log: 2 }), "{error}");
    }

    /// Users come, are changed, join and leave a group, and go; others are only mentioned.
    fn busy_log() -> Vec<Event> {
        const GROUP: Number = Number(1);
        let mut random = 5_u64;
        let mut below = |limit: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % limit
        };
        let text = |attribute: &str, text: String| ValueChange {
            path: Path { schema: None, attribute: attribute.into(), element: None, sub: None },
            old: None,
            new: Some(serde_json::to_vec(&text).unwrap()),
        };
        let (mut living, mut members): (Vec<Number>, Vec<Number>) = (vec![], vec![]);
        // Who can be erased: nobody who exists, is a member, or was erased before.
        let (mut mentioned, mut gone): (Vec<Number>, Vec<Number>) = (vec![], vec![]);
        let mut next = 2;
        let mut log = vec![added(0)];
        for seq in 1..900 {
            let mut changes = Changes::default();
            if below(12) == 0 {
                let mut numbers = vec![];
                for list in [&mut gone, &mut mentioned] {
                    if !list.is_empty() {
                        numbers.push(list.swap_remove(below(list.len())));
                    }
                }
                numbers.sort_unstable();
                let fact = Fact::SubjectsErased(SubjectsErased { numbers });
                log.push(event(seq, fact, vec![]));
                continue;
            }
            let (kind, number) = match below(8) {
                0..3 => {
                    changes.lifecycle = Some(Lifecycle::Created(ResourceType::USER));
                    // Some names are shared, and some were mentioned before.
                    let (name, own, mail) = (below(60), below(60), below(60));
                    let state = serde_json::json!({
                        "displayName": format!("person-{next}-"),
                        "emails": [{"value": format!("name-{mail}")}, {"value": format!("name-{name}")}],
                        "externalId": format!("external-{own}"),
                        "id": format!("id-{next}"),
                        "userName": format!("name-{name}"),
                    });
                    changes.values = Values::State(Arc::new(state.to_string().into_bytes()));
                    living.push(Number(next));
                    next += 1;
                    (ResourceType::USER, Number(next - 1))
                }
                3 => {
                    let value = match below(3) {
                        0 => format!("person-{next}-"),
                        // Few, so that names go back and forth.
                        _ => format!("name-{}", below(6)),
                    };
                    changes.mention = Some(Mention {
                        attribute: Attribute::UserName,
                        resource_type: ResourceType::USER,
                        name: Some(MentionedName { value, display: None }),
                    });
                    // Somebody is mentioned again, by this name too.
                    let again = (below(2) == 0 && !mentioned.is_empty())
                        .then(|| mentioned[mentioned.len() - 1 - below(mentioned.len().min(3))]);
                    let number = again.unwrap_or(Number(next));
                    if again.is_none() {
                        mentioned.push(number);
                        next += 1;
                    }
                    (ResourceType::USER, number)
                }
                4 if !living.is_empty() => {
                    let number = living.swap_remove(below(living.len()));
                    gone.push(number);
                    changes.lifecycle = Some(Lifecycle::Deleted);
                    (ResourceType::USER, number)
                }
                5 if !living.is_empty() => {
                    let attribute = ["externalId", "userName"][below(2)];
                    changes.values = vec![text(attribute, format!("name-{}", below(60)))].into();
                    (ResourceType::USER, living[below(living.len())])
                }
                6 if !members.is_empty() => {
                    changes.left = vec![members.swap_remove(below(members.len()))];
                    (ResourceType::GROUP, GROUP)
                }
                _ => {
                    members.push(Number(next));
                    changes.joined = vec![Number(next)];
                    next += 1;
                    (ResourceType::GROUP, GROUP)
                }
            };
            let operation = Operation {
                route: Route::Resource,
                method: Method::Patch,
                resource_type: kind,
                number,
                touches: changes.joined.clone(),
                status: if below(9) == 0 { 500 } else { 200 },
                scim_type: 0,
                effect: Effect::Applied,
                index: 0,
                saw_seq: None,
                results: None,
                decided_after_us: 0,
            };
            let part = Part::new(number, Content::Changes(changes));
            log.push(event(seq, Fact::Operation(operation), vec![part]));
        }
        log
    }

    fn event(seq: Seq, fact: Fact, parts: Vec<Part>) -> Event {
        let recorded_at = Timestamp(seq as i64 * 300_000);
        let header = Header {
            application: Application(1),
            recorded_at,
            raw_clock: recorded_at,
            origin: None,
            fact,
        };
        Event { seq, header, structure: Structure::default(), parts }
    }

    /// The parts of some people cannot be read any more.
    struct Forgotten(BTreeSet<Number>);

    impl Parts for Forgotten {
        fn seal(&self, at: PartPlace, part: &FramedPart<'_>) -> Result<StoredPart, PartError> {
            Plain.seal(at, part)
        }

        fn open<'a>(
            &self,
            at: PartPlace,
            part: &FramedPart<'a>,
        ) -> Result<OpenedPart<'a>, PartError> {
            match part.subject.is_some_and(|subject| self.0.contains(&subject)) {
                true => Ok(OpenedPart::Erased),
                false => Plain.open(at, part),
            }
        }
    }

    /// Whether the keys are destroyed before the fold, after it or meanwhile, the rows are the same.
    #[test]
    fn rows_of_erased_people_are_those_of_people_who_were_never_readable() {
        let log = busy_log();
        let erased: BTreeSet<Number> = log
            .iter()
            .filter_map(|event| match &event.header.fact {
                Fact::SubjectsErased(erased) => Some(erased.numbers.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        assert!(erased.len() > 60, "{}", erased.len());
        let encoded = |event: &Event| (event.seq, encode(event).unwrap());
        let rows_when_erased_after = |events: usize| {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), &Options::default(), 7).unwrap();
            let (before, after) = log.split_at(events);
            for (part, forgets) in [(before, false), (after, true)] {
                if forgets {
                    store.set_parts(Arc::new(Forgotten(erased.clone())));
                }
                store.append(&part.iter().map(encoded).collect::<Vec<_>>(), false).unwrap();
                catch_up(&store, |_, _| ()).unwrap();
            }
            let mut rows = vec![];
            let all = key::KeyRange { from: vec![2], to: vec![u8::MAX] };
            let visit = &mut |key: &[u8], value: &[u8]| {
                rows.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            };
            store.snapshot().scan(&all, Direction::Forward, visit).unwrap();
            rows
        };
        let live = rows_when_erased_after(log.len());
        for events in [0, 1, 200, 450, 700, 899] {
            let rows = rows_when_erased_after(events);
            // The first rows that differ, and not all.
            let differ = |rows: &[Row], others: &[Row]| {
                rows.iter().find(|row| !others.contains(row)).cloned()
            };
            assert_eq!(differ(&live, &rows), None, "only when read before, {events}");
            assert_eq!(differ(&rows, &live), None, "only when never read, {events}");
        }
        for number in erased {
            let name = format!("person-{}-", number.0).into_bytes();
            let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|window| window == name);
            let left = live.iter().find(|(key, value)| holds(key) || holds(value));
            assert_eq!(left, None, "{number}");
        }
    }

    /// Neither where a publish ends nor what is remembered from the one before shows in the rows.
    #[test]
    fn rows_are_the_same_whatever_is_published_together() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default(), 7).unwrap();
        let log = busy_log();
        let encoded = |event: &Event| (event.seq, encode(event).unwrap());
        store.append(&log.iter().map(encoded).collect::<Vec<_>>(), false).unwrap();
        assert_eq!(catch_up(&store, |_, _| ()).unwrap(), 900);
        let whole = all_rows(&store);

        let mut random = 77_u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((random >> 33) % limit) as usize
        };
        for most in [1, 30, 300, 3_000] {
            store.clear_rows().unwrap();
            let mut publishes = 0;
            let limits = || Limits { rows: 1 + below(most), bytes: 1 + below(most * 50) };
            catch_up_within(&store, limits, |_, _| publishes += 1).unwrap();
            assert!(publishes > 2, "{publishes} publishes of at most {most} rows");
            assert_eq!(all_rows(&store), whole, "at most {most} rows");
        }

        // As after crashes: nothing is remembered at the start of each part.
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default(), 7).unwrap();
        let mut rest = &log[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(1 + below(80)));
            store.append(&part.iter().map(encoded).collect::<Vec<_>>(), false).unwrap();
            catch_up(&store, |_, _| ()).unwrap();
            rest = after;
        }
        assert_eq!(all_rows(&store), whole);
    }
}
