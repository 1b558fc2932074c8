//! Runs a target on files and on mutations of them, and minimizes failing inputs.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use event::Stopwatch;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// The longest time for one input.
const SLOW: Duration = Duration::from_secs(2);
/// After this the process is ended: nothing else stops an endless loop.
const HANGING: Duration = Duration::from_secs(60);
/// The time for minimizing a failure.
const SHRINKING: Duration = Duration::from_secs(60);
const INPUT_BYTES_MAX: usize = 256 * 1024;

type Target = fn(&[u8]);

/// Tokens of the parsed languages.
const TOKENS: [&str; 70] = [
    "eq",
    " ne ",
    " co ",
    " sw ",
    " gt ",
    " le ",
    " pr",
    " and ",
    " or ",
    "not (",
    "not(",
    "(",
    ")",
    "[",
    "]",
    "].",
    ".",
    ":",
    ",",
    "{",
    "}",
    "\"",
    "\\",
    "\\\"",
    "\\u0000",
    "\\ud83d",
    " ",
    "+",
    "\u{a0}",
    "é",
    "ß",
    "null",
    "true",
    "false",
    "\"True\"",
    "-0",
    "1e308",
    "1e999",
    "18446744073709551616",
    "0.1",
    "[]",
    "{}",
    "\"\"",
    "userName",
    "emails",
    "emails.value",
    "members",
    "name.givenName",
    "password",
    "groups",
    "meta.created",
    "$ref",
    "active",
    "primary",
    "type eq \"work\"",
    "value eq \"u-1\"",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    ":manager",
    "\"op\":",
    "\"add\"",
    "\"replace\"",
    "\"remove\"",
    "\"path\":",
    "\"value\":",
    "\"Operations\":[",
    "{\"op\":\"add\",\"value\":",
    "\"2026-03-01T10:00:00Z\"",
    "s3cret",
    "\"bulkId:a\"",
];

/// One mutation of an input; positions are fractions of its length.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, &'static str),
    Repeat(Index, &'static str, usize),
    Flip(Index, u8),
    Set(Index, u8),
    Truncate(Index),
    Remove(Index, usize),
    Double(Index, usize),
    Splice(Index, Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let token = || select(TOKENS.to_vec());
    prop_oneof![
        6 => (place(), token()).prop_map(|(place, token)| Change::Insert(place, token)),
        1 => (place(), token(), 2_usize..3_000)
            .prop_map(|(place, token, times)| Change::Repeat(place, token, times)),
        3 => (place(), 0_u8..8).prop_map(|(place, bit)| Change::Flip(place, bit)),
        2 => (place(), any::<u8>()).prop_map(|(place, byte)| Change::Set(place, byte)),
        1 => place().prop_map(Change::Truncate),
        3 => (place(), 1_usize..40).prop_map(|(place, length)| Change::Remove(place, length)),
        3 => (place(), 1_usize..400).prop_map(|(place, length)| Change::Double(place, length)),
        3 => (place(), place(), place())
            .prop_map(|(seed, from, place)| Change::Splice(seed, from, place)),
    ]
}

fn apply(mut bytes: Vec<u8>, change: &Change, seeds: &[Vec<u8>]) -> Vec<u8> {
    let within = |bytes: &[u8], place: &Index| place.index(bytes.len() + 1);
    match change {
        Change::Insert(place, token) => {
            let at = within(&bytes, place);
            bytes.splice(at..at, token.bytes());
        }
        Change::Repeat(place, token, times) => {
            let at = within(&bytes, place);
            bytes.splice(at..at, token.repeat(*times).into_bytes());
        }
        Change::Flip(place, bit) if !bytes.is_empty() => {
            let at = place.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Change::Set(place, byte) if !bytes.is_empty() => {
            let at = place.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Flip(..) | Change::Set(..) => {}
        Change::Truncate(place) => bytes.truncate(within(&bytes, place)),
        Change::Remove(place, length) => {
            let at = within(&bytes, place);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Change::Double(place, length) => {
            let at = within(&bytes, place);
            let part = bytes[at..bytes.len().min(at + length)].to_vec();
            bytes.splice(at..at, part);
        }
        Change::Splice(seed, from, place) => {
            let seed = &seeds[seed.index(seeds.len())];
            let at = within(&bytes, place);
            bytes.truncate(at);
            bytes.extend_from_slice(&seed[within(seed, from)..]);
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

thread_local! {
    /// While a target runs, the driver reports its panics, once and with the input.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

fn quiet_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
}

/// The current input, and since when it runs.
type Running = Arc<Mutex<Option<(Stopwatch, Vec<u8>)>>>;

struct Driver {
    name: &'static str,
    target: Target,
    folder: PathBuf,
    running: Running,
}

impl Driver {
    /// Why the target fails on an input, if it does.
    fn failure(&self, input: &[u8]) -> Option<String> {
        // A busy machine may be slow, but not three times for the same input.
        for _ in 0..3 {
            let started = Stopwatch::start();
            *self.running.lock().unwrap() = Some((Stopwatch::start(), input.to_vec()));
            QUIET.set(true);
            let result = panic::catch_unwind(AssertUnwindSafe(|| (self.target)(input)));
            QUIET.set(false);
            *self.running.lock().unwrap() = None;
            if let Err(panic) = result {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&one| one.into()));
                return Some(text.unwrap_or_default());
            }
            if started.elapsed() < SLOW {
                return None;
            }
        }
        Some(format!("takes longer than {SLOW:?}"))
    }

    fn files(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(entries) = std::fs::read_dir(self.folder.join(folder)) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    /// Removes whatever is not needed for the failure.
    fn smallest(&self, mut input: Vec<u8>) -> Vec<u8> {
        let started = Stopwatch::start();
        let mut length = input.len() / 2;
        while length > 0 {
            let mut at = 0;
            while at < input.len() && started.elapsed() < SHRINKING {
                let mut less = input.clone();
                less.drain(at..input.len().min(at + length));
                if self.failure(&less).is_some() {
                    input = less;
                } else {
                    at += length;
                }
            }
            length /= 2;
        }
        input
    }

    /// Stores a failing input and ends the test.
    fn keep(&self, input: Vec<u8>) -> ! {
        let input = self.smallest(input);
        let why = self.failure(&input).unwrap_or_default();
        let path = write(&self.folder, &input);
        panic!(
            "fuzz {}: {why}\ninput: {:?}\nkept as {}",
            self.name,
            String::from_utf8_lossy(&input),
            path.display()
        );
    }
}

fn write(folder: &Path, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let folder = folder.join("regressions");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{:016x}", hasher.finish()));
    std::fs::write(&path, input).unwrap();
    path
}

/// Ends the process if an input hangs.
#[expect(clippy::print_stderr, reason = "no other way is left")]
fn watch(name: &'static str, folder: PathBuf, running: Running) {
    std::thread::spawn(move || {
        // The driver holds the other reference until it is done.
        while Arc::strong_count(&running) > 1 {
            std::thread::sleep(Duration::from_secs(1));
            let running = running.lock().unwrap();
            let Some((started, input)) = &*running else {
                continue;
            };
            if started.elapsed() > HANGING {
                let path = write(&folder, input);
                eprintln!("fuzz {name}: hangs; input kept as {}", path.display());
                std::process::exit(1);
            }
        }
    });
}

/// Runs a target on its files, then on mutations of them.
#[expect(clippy::print_stdout, reason = "tools/test shows how much was done")]
pub fn fuzz(name: &'static str, target: Target) {
    quiet_hook();
    let seconds = crate::seconds();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/fuzz");
    let folder = Path::new(data).join(name);
    let running = Running::default();
    watch(name, folder.clone(), Arc::clone(&running));
    let driver = Driver { name, target, folder, running };

    let mut seeds = Vec::new();
    for (path, input) in driver.files("regressions").into_iter().chain(driver.files("corpus")) {
        if let Some(why) = driver.failure(&input) {
            panic!("fuzz {name}: {}: {why}", path.display());
        }
        seeds.push(input);
    }
    assert!(seeds.len() >= 10, "fuzz {name}: {} files to begin with", seeds.len());

    let inputs = (any::<Index>(), proptest::collection::vec(change(), 1..8));
    let mut runner = TestRunner::default();
    let started = Stopwatch::start();
    let mut executions = seeds.len();
    while started.elapsed() < Duration::from_secs(seconds) {
        let mut tree = inputs.new_tree(&mut runner).unwrap();
        let input = |(seed, changes): (Index, Vec<Change>)| {
            let first = seeds[seed.index(seeds.len())].clone();
            changes.iter().fold(first, |bytes, change| apply(bytes, change, &seeds))
        };
        executions += 1;
        let mut failing = input(tree.current());
        if driver.failure(&failing).is_none() {
            continue;
        }
        // First remove mutations, then bytes.
        let found = Stopwatch::start();
        while found.elapsed() < SHRINKING {
            let current = input(tree.current());
            let more = if driver.failure(&current).is_some() {
                failing = current;
                tree.simplify()
            } else {
                tree.complicate()
            };
            if !more {
                break;
            }
        }
        driver.keep(failing);
    }
    println!("fuzz {name}: {executions} inputs in {} s", started.elapsed().as_secs());
}
