//! Losses of power, at every step of a history and with every kind of leftover: writes that were not synced
//! are there, missing, or there in part, by sectors of 512 bytes; names that were not synced are there up to
//! one of them. What was promised before must hold, and what was begun must be completed by doing it again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::disk::Step;

/// A step that was made.
enum Made {
    Create { name: String },
    Write { name: String, bytes: Vec<u8>, offset: usize },
    Sync { name: String },
    Rename { from: String, to: String },
    SyncFolder,
    Remove { name: String },
}

#[derive(Default)]
struct Recording {
    steps: Vec<Made>,
    /// The step that fails, if any does; so does every later one.
    fails_at: Option<usize>,
}

thread_local! {
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

/// Called before each step that is made on this thread.
pub(crate) fn record(step: Step<'_>) -> io::Result<()> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let made = match step {
        Step::Create { path } => Made::Create { name: name(path) },
        Step::Write { path, bytes, offset } => {
            Made::Write { name: name(path), bytes: bytes.to_vec(), offset: offset as usize }
        }
        Step::Sync { path } => Made::Sync { name: name(path) },
        Step::Rename { from, to } => Made::Rename { from: name(from), to: name(to) },
        Step::SyncFolder => Made::SyncFolder,
        Step::Remove { path } => Made::Remove { name: name(path) },
    };
    RECORDING.with_borrow_mut(|recording| {
        let Some(recording) = recording else { return Ok(()) };
        if recording.fails_at.is_some_and(|fails_at| recording.steps.len() >= fails_at) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        recording.steps.push(made);
        Ok(())
    })
}

fn steps() -> usize {
    RECORDING.with_borrow(|recording| recording.as_ref().map_or(0, |one| one.steps.len()))
}

/// Runs something and gives the steps that it made.
fn recorded<T>(fails_at: Option<usize>, run: impl FnOnce() -> T) -> (T, Vec<Made>) {
    let begin = Recording { steps: vec![], fails_at };
    RECORDING.with_borrow_mut(|recording| *recording = Some(begin));
    let value = run();
    let recording = RECORDING.with_borrow_mut(Option::take).unwrap();
    (value, recording.steps)
}

/// Numbers that look random (SplitMix64), the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A file: what of it survives, and what was written since.
#[derive(Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    written: Vec<(usize, Vec<u8>)>,
}

fn put(bytes: &mut Vec<u8>, offset: usize, piece: &[u8]) {
    let end = offset + piece.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(piece);
}

#[derive(Clone)]
enum NameChange {
    Set(String, usize),
    Remove(String),
}

/// A folder as its disk sees it.
#[derive(Clone, Default)]
struct Disk {
    inodes: Vec<Inode>,
    /// As running programs see them.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    changes: Vec<NameChange>,
}

impl Disk {
    fn of(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            disk.names.insert(name, disk.inodes.len());
            disk.inodes.push(Inode { synced: fs::read(path).unwrap(), written: vec![] });
        }
        disk.synced_names = disk.names.clone();
        disk
    }

    fn change(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.changes.push(change);
    }

    fn step(&mut self, made: &Made) {
        match made {
            Made::Create { name } => {
                self.inodes.push(Inode::default());
                self.change(NameChange::Set(name.clone(), self.inodes.len() - 1));
            }
            Made::Write { name, bytes, offset } => {
                let inode = self.names[name];
                self.inodes[inode].written.push((*offset, bytes.clone()));
            }
            Made::Sync { name } => {
                let inode = &mut self.inodes[self.names[name]];
                for (offset, bytes) in std::mem::take(&mut inode.written) {
                    put(&mut inode.synced, offset, &bytes);
                }
            }
            Made::Rename { from, to } => {
                self.change(NameChange::Set(to.clone(), self.names[from]));
                self.change(NameChange::Remove(from.clone()));
            }
            Made::SyncFolder => {
                for change in std::mem::take(&mut self.changes) {
                    apply(&mut self.synced_names, &change);
                }
            }
            Made::Remove { name } => self.change(NameChange::Remove(name.clone())),
        }
    }

    /// What a loss of power now leaves, as files in a folder.
    fn lose_power(&self, random: &mut Random, folder: &Path) {
        let mut below = |end: usize| random.next() as usize % end.max(1);
        let mut names = self.synced_names.clone();
        let survive = below(self.changes.len() + 1);
        for change in &self.changes[..survive] {
            apply(&mut names, change);
        }
        for (name, inode) in names {
            let Inode { synced: mut bytes, written } = self.inodes[inode].clone();
            for (offset, piece) in written {
                match below(4) {
                    0 => {}
                    1 => put(&mut bytes, offset, &piece),
                    // Its length is there, its content not.
                    2 => bytes.resize(bytes.len().max(offset + piece.len()), 0),
                    _ => {
                        let end = offset + piece.len();
                        let mut begin = offset;
                        while begin < end {
                            let until = end.min((begin / 512 + 1) * 512);
                            if below(2) == 0 {
                                put(&mut bytes, begin, &piece[begin - offset..until - offset]);
                            }
                            begin = until;
                        }
                    }
                }
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Set(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

/// Every state that was drawn, for each step after which the power may be lost.
fn each_loss(before: &Disk, steps: &[Made], times: usize, mut check: impl FnMut(usize, &Path)) {
    let mut random = Random(1);
    let mut disk = before.clone();
    for done in 0..=steps.len() {
        for _ in 0..times {
            let folder = tempfile::tempdir().unwrap();
            disk.lose_power(&mut random, folder.path());
            check(done, folder.path());
        }
        if let Some(step) = steps.get(done) {
            disk.step(step);
        }
    }
}

/// What is true once so many steps were made.
enum Promise {
    Made { owner: Owner, key: Arc<DataKey> },
    Erased { owner: Owner, wrapped: Vec<u8>, seq: u64 },
}

/// A history of everything that is done to files, and its promises with the number of steps after which each
/// was given.
fn history(folder: &Path) -> (Vec<(usize, Promise)>, Vec<Made>) {
    let mut promises = Vec::new();
    let ((), steps) = recorded(None, || {
        let keys = open(folder);
        keys.add_application(APP).unwrap();
        let made = |promises: &mut Vec<_>, owners: &[Owner]| {
            for owner in owners {
                let key = keys.key(*owner).unwrap();
                promises.push((steps(), Promise::Made { owner: *owner, key }));
            }
        };
        let erase = |promises: &mut Vec<_>, owners: &[Owner], seq| {
            let wrapped: Vec<Vec<u8>> =
                owners.iter().map(|owner| wrapped(folder, *owner)).collect();
            keys.erase(owners, seq).unwrap();
            for (owner, wrapped) in owners.iter().zip(wrapped) {
                promises.push((steps(), Promise::Erased { owner: *owner, wrapped, seq }));
            }
        };
        keys.make_numbers(APP, Number(10)).unwrap();
        made(&mut promises, &[1, 5, 6, 7, 255].map(person));
        keys.make_numbers(APP, Number(300)).unwrap();
        made(&mut promises, &[256, 300, 511].map(person));
        erase(&mut promises, &[person(5), person(6)], 77);
        keys.make_months(APP, Month(682)).unwrap();
        made(&mut promises, &[month(682), month(767)]);
        keys.make_numbers(APP, Number(600)).unwrap();
        made(&mut promises, &[512, 767].map(person));
        erase(&mut promises, &[person(300), month(682)], 99);
        keys.make_numbers(APP, Number(1100)).unwrap();
        made(&mut promises, &[768, 1100].map(person));
        erase(&mut promises, &[person(1100)], 100);
    });
    (promises, steps)
}

/// What must be so after a loss of power when `done` steps were made.
fn check_promises(promises: &[(usize, Promise)], done: usize, folder: &Path) {
    let keys = open(folder);
    let mut erasures = Vec::new();
    let mut used = 0;
    for (at, promise) in promises {
        match promise {
            Promise::Made { owner, key } if *at <= done => {
                let erasure = promises.iter().find_map(|(at, promise)| match promise {
                    Promise::Erased { owner: of, seq, .. } if of == owner => Some((*at, *seq)),
                    _ => None,
                });
                match (keys.key(*owner), erasure) {
                    (Ok(found), None) => assert!(found == *key, "{owner} has another key"),
                    // It may have been begun, and is not promised.
                    (Ok(found), Some((at, _))) => assert!(found == *key && at > done, "{owner}"),
                    (Err(KeysError::Erased { seq, .. }), Some((_, of))) => assert_eq!(seq, of),
                    (Err(KeysError::Damaged { .. }), Some((at, _))) => {
                        assert!(at > done, "{owner}")
                    }
                    (Err(error), _) => panic!("{owner}: {error}"),
                }
                if let Owner::Person { number, .. } = owner {
                    used = used.max(number.0 + 1);
                }
            }
            // The event of an erasure is in the log before it is begun, and the next start repeats it.
            Promise::Erased { owner, wrapped, seq } => {
                let was_made = promises.iter().any(|(at, promise)| {
                    matches!(promise, Promise::Made { owner: of, .. } if of == owner) && *at <= done
                });
                if was_made {
                    erasures.push((*owner, wrapped, *seq, *at <= done));
                }
            }
            Promise::Made { .. } => {}
        }
    }
    if used > 0 {
        keys.require_numbers(APP, used).unwrap();
        keys.make_numbers(APP, Number(keys.numbers_made(APP).unwrap())).unwrap();
    }
    for (owner, wrapped, seq, is_promised) in erasures {
        if is_promised {
            assert!(!is_left(folder, wrapped), "{owner} is left");
        }
        keys.erase(&[owner], seq).unwrap();
        assert!(!is_left(folder, wrapped), "{owner} is left after the second time");
        assert!(matches!(keys.key(owner), Err(KeysError::Erased { seq: of, .. }) if of == seq));
    }
    // Whatever was left half made is whole or was never made.
    drop(keys);
    open(folder).scan(|owner, state| assert_ne!(state, KeyState::Damaged, "{owner}")).unwrap();
}

#[test]
fn a_loss_of_power_takes_no_key_and_brings_none_back() {
    let folder = tempfile::tempdir().unwrap();
    let (promises, steps) = history(folder.path());
    assert!(steps.len() > 30, "{}", steps.len());
    each_loss(&Disk::default(), &steps, 10, |done, folder| check_promises(&promises, done, folder));
}

#[test]
fn a_loss_of_power_while_wrapping_anew_leaves_each_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    let keys = made(folder.path());
    keys.add_application(Application(7)).unwrap();
    keys.erase(&[person(5)], 77).unwrap();
    let owners = [person(1), person(511), month(0), month(767)];
    let before = owners.map(|owner| key(&keys, owner));
    drop(keys);
    let (disk, new) = (Disk::of(folder.path()), MasterKey::new(&[9; 32]));
    let (result, steps) = recorded(None, || rewrap(folder.path(), log(), &master(), &new));
    assert_eq!(result.unwrap().files, 6);
    let mut partly = 0;
    each_loss(&disk, &steps, 10, |done, folder| {
        let again = rewrap(folder, log(), &master(), &new).unwrap();
        assert_eq!(again.files + again.files_before, 6);
        assert!(done < steps.len() || again.files == 0);
        partly += usize::from(again.files > 0 && again.files_before > 0);
        assert!(
            fs::read_dir(folder)
                .unwrap()
                .all(|entry| { !entry.unwrap().file_name().to_str().unwrap().ends_with(".part") })
        );
        let keys = KeyStore::open(folder, log(), &new).unwrap();
        for (owner, before) in owners.iter().zip(&before) {
            assert!(key(&keys, *owner) == *before, "{owner}");
        }
        assert!(matches!(keys.key(person(5)), Err(KeysError::Erased { seq: 77, .. })));
    });
    assert!(partly > 10, "{partly}");
}

/// Without its syncs the history would not survive: the test above can fail.
#[test]
fn a_loss_of_power_is_noticed_where_a_sync_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (promises, steps) = history(folder.path());
    let syncs: Vec<usize> =
        (0..steps.len()).filter(|at| matches!(steps[*at], Made::Sync { .. })).collect();
    let mut noticed = 0;
    for left_out in &syncs {
        let mut random = Random(1);
        let mut disk = Disk::default();
        let mut is_broken = false;
        for (done, step) in steps.iter().enumerate() {
            // Later syncs of the same file do what this one left.
            if done > *left_out && matches!(step, Made::Sync { .. }) {
                break;
            }
            if done != *left_out {
                disk.step(step);
            }
            if done < *left_out {
                continue;
            }
            for _ in 0..8 {
                let folder: PathBuf = tempfile::tempdir().unwrap().keep();
                disk.lose_power(&mut random, &folder);
                let check = || check_promises(&promises, done + 1, &folder);
                is_broken |= std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err();
                fs::remove_dir_all(folder).unwrap();
            }
        }
        noticed += usize::from(is_broken);
    }
    // The first sync of a making is followed by that of its header, which promises; a sync of the header
    // alone is what the promise stands on.
    assert!(noticed * 2 >= syncs.len(), "{noticed} of {}", syncs.len());
}

#[test]
fn after_a_failed_write_nothing_is_written_until_the_file_is_opened_anew() {
    for fails_at in 0..6 {
        for erases in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let keys = made(folder.path());
            let before = key(&keys, person(7));
            let write = || match erases {
                true => keys.erase(&[person(5)], 77),
                false => keys.make_numbers(APP, Number(512)),
            };
            let (result, steps) = recorded(Some(fails_at), write);
            if result.is_ok() {
                assert!(steps.len() <= fails_at);
                continue;
            }
            assert!(matches!(result, Err(KeysError::File { .. })));
            assert!(matches!(write(), Err(KeysError::Failed { .. })));
            assert!(key(&keys, person(7)) == before, "reading goes on");
            assert_eq!(keys.numbers_made(APP).unwrap(), 512);
            drop(keys);
            let keys = open(folder.path());
            assert!(key(&keys, person(7)) == before);
            keys.erase(&[person(5)], 77).unwrap();
            keys.make_numbers(APP, Number(1000)).unwrap();
        }
    }
}

/// What failed once can be tried again.
#[test]
fn an_application_whose_files_could_not_be_made_can_be_added_again() {
    for fails_at in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let keys = open(folder.path());
        let (result, steps) = recorded(Some(fails_at), || keys.add_application(APP));
        if result.is_ok() {
            assert!(steps.len() >= 10, "{}", steps.len());
            break;
        }
        keys.add_application(APP).unwrap();
        keys.make_numbers(APP, Number(1)).unwrap();
        keys.key(person(1)).unwrap();
    }
}
