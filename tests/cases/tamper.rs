//! Somebody with the disk alters the log, each time so that every checksum is right again. What finds it is
//! the tree: a start, `provlog verify`, or a checkpoint that was kept elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use event::codec::{Frame, decode_facts, encode, put_varint};
use event::{LogId, Timestamp};
use serde_json::json;
use store::{Options, Store};
use tlog::{Checkpoint, Frontier, KeyKind, SignedCheckpoint, SignerKey};

use crate::harness::repetitions;
use crate::harness::server::{Client, Server, group, provlog, run, user};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A log as it was recorded, and what was kept of it.
struct Original {
    folder: tempfile::TempDir,
    log: LogId,
    events: Vec<Vec<u8>>,
    kept: SignedCheckpoint,
    key: String,
    /// Files of two checkpoints that somebody keeps elsewhere, and their sizes.
    outside: [(PathBuf, usize); 2],
}

impl Original {
    fn record() -> Original {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Server::start(&data);
        let scim = server.add_app("boat");
        let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
        let mut outside = vec![];
        for half in 0..2 {
            for index in 0..40 {
                let id = scim.post("/Users", &user(&format!("user-{half}-{index}"))).id();
                let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
                assert_eq!(scim.patch(&format!("/Users/{id}"), &title).status, 200);
                assert_eq!(scim.get(&format!("/Users/{id}")).status, 200);
            }
            assert_eq!(scim.post("/Groups", &group(&format!("Crew {half}"))).status, 201);
            let printed = server.command(&["checkpoint"]).stdout;
            let file = folder.path().join(format!("checkpoint-{half}"));
            fs::write(&file, &printed).unwrap();
            let signed = SignedCheckpoint::parse(&printed).unwrap();
            outside.push((file, signed.unverified().head().size as usize));
        }
        server.stop();
        let store = Store::open_existing(&data, &Options::default()).unwrap();
        let size = store.log_size().unwrap();
        let events = (0..size).map(|seq| store.event_bytes(seq).unwrap().unwrap()).collect();
        let kept = SignedCheckpoint::parse(store.kept_checkpoint().unwrap().as_bytes()).unwrap();
        let key = fs::read_to_string(data.join("signing.key")).unwrap();
        let outside = outside.try_into().unwrap();
        Original { log: store.log_id(), events, kept, key, outside, folder }
    }

    /// A folder with another log, whose rows and tree are made anew, and with this checkpoint in its kept
    /// file.
    fn forge(&self, name: &str, events: &[Vec<u8>], kept: Option<String>) -> PathBuf {
        let data = self.folder.path().join(name);
        let store = Store::open(&data, &Options::default(), self.log.get()).unwrap();
        let numbered: Vec<_> = (0..).zip(events.iter().cloned()).collect();
        store.append(&numbered, true).unwrap();
        let size = events.len() as u64;
        store.keep(size, Timestamp(0), kept).unwrap();
        drop(store);
        fs::write(data.join("signing.key"), &self.key).unwrap();
        // Who has the disk has the keys of people too.
        for name in ["keys", "master.key"] {
            let from = self.folder.path().join("data").join(name);
            run(std::process::Command::new("cp").arg("-a").arg(from).arg(&data));
        }
        run(std::process::Command::new("chmod").args(["-R", "go-rwx"]).arg(&data));
        data
    }

    /// The original in a folder of its own, with its own rows.
    fn copy(&self, name: &str) -> PathBuf {
        let data = self.folder.path().join(name);
        let copied = run(std::process::Command::new("cp")
            .arg("-a")
            .arg(self.folder.path().join("data"))
            .arg(&data));
        assert!(copied.status.success(), "{copied:?}");
        data
    }

    /// What `provlog verify` says, with the checkpoints from elsewhere or without.
    fn verify(&self, data: &Path, with_outside: bool) -> Result<String, String> {
        let mut command = provlog();
        command.arg("verify").arg("--data").arg(data);
        if with_outside {
            for (file, _) in &self.outside {
                command.arg("--checkpoint").arg(file);
            }
        }
        let output = run(&mut command);
        match output.status.code() {
            Some(0) => Ok(String::from_utf8(output.stdout).unwrap()),
            Some(1) => Err(String::from_utf8(output.stderr).unwrap()),
            _ => panic!("{output:?}"),
        }
    }

    /// The checkpoint that whoever has the key signs for another log; `None` if one of its events cannot
    /// be read at its new place.
    fn resign(&self, events: &[Vec<u8>]) -> Option<SignedCheckpoint> {
        self.sign(events, &self.signer())
    }

    fn signer(&self) -> SignerKey {
        SignerKey::parse(self.key.trim_end()).unwrap()
    }

    fn sign(&self, events: &[Vec<u8>], key: &SignerKey) -> Option<SignedCheckpoint> {
        let mut tree = Frontier::new();
        for (seq, stored) in (0..).zip(events) {
            tree.append(evidence::Entry::of_stored(self.log, seq, stored).ok()?.leaf());
        }
        let origin = self.kept.unverified().origin();
        SignedCheckpoint::sign(Checkpoint::new(origin, tree.head()).unwrap(), key).ok()
    }
}

/// The same event, recorded a little otherwise.
fn altered(seq: usize, stored: &[u8]) -> Vec<u8> {
    let header = Frame::read(stored).unwrap().header;
    let begin = header.as_ptr() as usize - stored.as_ptr() as usize;
    let alter = |at: usize| {
        let mut altered = stored.to_vec();
        altered[at] ^= 1;
        altered
    };
    let mut altered = (begin..begin + header.len()).rev().map(alter);
    altered.find(|altered| decode_facts(seq as u64, altered).is_ok()).unwrap()
}

/// The same event, recorded so much later. Its parts stay as they are.
fn later(seq: usize, stored: &[u8], micros: i64) -> Vec<u8> {
    let mut event = decode_facts(seq as u64, stored).unwrap();
    event.header.recorded_at.0 += micros;
    event.parts.clear();
    let plain = encode(&event).unwrap();
    let header = Frame::read(&plain).unwrap().header;
    let old = Frame::read(stored).unwrap().header;
    let behind = old.as_ptr() as usize - stored.as_ptr() as usize + old.len();
    let mut later = stored[..2].to_vec();
    put_varint(&mut later, header.len() as u64);
    later.extend_from_slice(header);
    later.extend_from_slice(&stored[behind..]);
    later
}

/// A name, and how it makes another log of the same events at a place.
type Harm = (&'static str, fn(&mut Vec<Vec<u8>>, usize));

const HARMS: [Harm; 6] = [
    ("altered", |events, seq| events[seq] = altered(seq, &events[seq])),
    ("dropped", |events, seq| drop(events.remove(seq))),
    ("doubled", |events, seq| events.insert(seq, events[seq].clone())),
    ("swapped with the next", |events, seq| events.swap(seq, seq + 1)),
    ("replaced by an older one", |events, seq| events[seq] = events[seq - 1].clone()),
    ("cut off from there on", |events, seq| events.truncate(seq)),
];

/// Whoever lacks the key cannot make a checkpoint that fits.
#[test]
fn a_log_that_was_rewritten_without_the_key_is_found_each_time() {
    let original = Original::record();
    let mut random = Random(7);
    let turns = repetitions("PROVLOG_TEST_FLIPS", 6) as usize;
    let covered = original.kept.unverified().head().size as usize;
    for turn in 0..turns.max(HARMS.len()) {
        let (name, harm) = HARMS[turn % HARMS.len()];
        let seq = 1 + random.below(covered - 2);
        let mut events = original.events.clone();
        harm(&mut events, seq);
        if events == original.events {
            continue; // two equal events were swapped
        }
        let data =
            original.forge(&format!("forged-{turn}"), &events, Some(original.kept.to_string()));
        let told = format!("{turn}: {name} at {seq}");
        // With nothing but the folder: the kept checkpoint does not fit.
        let found = original.verify(&data, false).unwrap_err();
        let is_named = found.contains("are not those that were signed")
            || found.contains("the log ends after")
            || found.contains("cannot be read");
        assert!(is_named, "{told}: {found}");
        // With the checkpoints from elsewhere: between which two.
        let found = original.verify(&data, true).unwrap_err();
        let [_, (_, half)] = &original.outside;
        let first = original.outside[0].1;
        let between = match seq {
            _ if found.contains("cannot be read") || found.contains("the log ends") => None,
            seq if seq < first => Some(format!("the events 0 to {}", first - 1)),
            seq if seq < *half => Some(format!("the events {first} to {}", half - 1)),
            _ => Some(format!("the events {half} to {}", covered - 1)),
        };
        if let Some(between) = between {
            assert!(found.contains(&between), "{told}: {found}");
        }
        let refused = Server::start_with(&data, &[], &[]).err();
        let refused = refused.unwrap_or_else(|| panic!("{told}: it starts"));
        // An event in another place than its links were made for may not even be readable.
        let is_told = ["estore the data folder from a backup", "cannot be read"];
        assert!(is_told.iter().any(|words| refused.contains(words)), "{told}: {refused}");
        fs::remove_dir_all(&data).unwrap();
    }
}

/// The rows are as they were, so they tell which event it is.
#[test]
fn an_event_that_was_altered_in_place_is_named() {
    let original = Original::record();
    let mut random = Random(11);
    let turns = repetitions("PROVLOG_TEST_FLIPS", 6) as usize;
    for turn in 0..turns {
        let data = original.copy(&format!("copy-{turn}"));
        let seq = random.below(original.events.len());
        let store = Store::open_existing(&data, &Options::default()).unwrap();
        store.append(&[(seq as u64, altered(seq, &original.events[seq]))], true).unwrap();
        drop(store);
        let found = original.verify(&data, false).unwrap_err();
        assert!(found.contains(&format!("event {seq} is not the one")), "{seq}: {found}");
        fs::remove_dir_all(&data).unwrap();
    }
}

/// Whoever has the key signs another history, and a start believes it. A checkpoint that somebody else
/// has kept shows it.
#[test]
fn a_history_that_was_signed_anew_is_found_by_a_checkpoint_from_elsewhere() {
    let original = Original::record();
    let mut found_outside = 0;
    for (name, harm) in HARMS {
        let first = original.outside[0].1;
        let mut events = original.events.clone();
        harm(&mut events, first - 3);
        let Some(forged) = original.resign(&events) else { continue };
        let data = original.forge(&format!("signed: {name}"), &events, Some(forged.to_string()));
        let inside = original.verify(&data, false);
        let outside = original.verify(&data, true).unwrap_err();
        let is_named = outside.contains(&format!("the events 0 to {}", first - 1))
            || outside.contains("the log ends after");
        assert!(is_named, "{name}: {outside}");
        // Times that run back and links that leave out an event are found without it.
        if let Err(found) = inside {
            let by_rules = found.contains("earlier than") || found.contains("does not name");
            assert!(by_rules, "{name}: {found}");
        }
        found_outside += 1;
    }
    assert!(found_outside >= 3, "{found_outside}");
}

/// Whoever lacks the key forges the kept file too, so that log, rows and checkpoint fit together.
#[test]
fn a_checkpoint_that_the_key_did_not_sign_is_not_believed() {
    let original = Original::record();
    let place = original.outside[0].1 + 5;
    let mut events = original.events.clone();
    events[place] = altered(place, &events[place]);
    let name = original.signer().verifier().name().clone();
    let other = SignerKey::from_seed(name, KeyKind::Ed25519, [9; 32]).unwrap();
    let by_other = original.sign(&events, &other).unwrap().to_string();
    let (text, _) = by_other.split_once("\n\n").unwrap();
    let (_, signature) = original.kept.to_string().split_once("\n\n").map(owned).unwrap();
    let cases = [
        ("signed by another key", Some(by_other.clone()), "no known key signed the note"),
        (
            "another signature",
            Some(format!("{text}\n\n{signature}")),
            "a signature is not by the key",
        ),
        ("dropped", None, "has no checkpoint"),
    ];
    for (what, kept, words) in cases {
        let data = original.forge(&format!("forged: {what}"), &events, kept);
        let found = original.verify(&data, false).unwrap_err();
        assert!(found.contains(words), "{what}: {found}");
        let refused = Server::start_with(&data, &[], &[]).err();
        let refused = refused.unwrap_or_else(|| panic!("{what}: it starts"));
        assert!(refused.contains(words), "{what}: {refused}");
        // Nor is a key made for it.
        fs::remove_file(data.join("signing.key")).unwrap();
        assert!(Server::start_with(&data, &[], &[]).is_err(), "{what}");
        assert!(!data.join("signing.key").exists(), "{what}");
        let found = original.verify(&data, false).unwrap_err();
        assert!(found.contains("there is no key to verify"), "{what}: {found}");
    }

    // With a forged key beside it too, the key itself has to be from elsewhere.
    let data = original.forge("with a forged key", &events, Some(by_other));
    fs::write(data.join("signing.key"), other.secret_text()).unwrap();
    original.verify(&data, false).unwrap();
    let key = original.signer().verifier().to_string();
    for (flags, variables) in [
        (vec!["--key", &key], vec![]),
        (vec![], vec![("PROVLOG_SIGNING_KEY", original.key.trim_end())]),
    ] {
        let mut command = provlog();
        command.arg("verify").arg("--data").arg(&data).args(flags).envs(variables.clone());
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let found = String::from_utf8(output.stderr).unwrap();
        assert!(found.contains("no known key signed the note"), "{found}");
        if !variables.is_empty() {
            let refused = Server::start_with(&data, &[], &variables).err().unwrap();
            assert!(refused.contains("no known key signed the note"), "{refused}");
        }
    }
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// An older checkpoint of the log in the place of the last one says nothing of what came later.
#[test]
fn an_older_checkpoint_in_the_kept_file_vouches_for_no_more_than_it_signed() {
    let original = Original::record();
    let (file, first) = &original.outside[0];
    let older = fs::read_to_string(file).unwrap();
    let mut events = original.events.clone();
    events[first - 3] = altered(first - 3, &events[first - 3]);
    let data = original.forge("altered before it", &events, Some(older.clone()));
    let found = original.verify(&data, false).unwrap_err();
    assert!(found.contains(&format!("the events 0 to {}", first - 1)), "{found}");

    // Behind it, as after a crash: what is not covered is counted, and a minute of it is a doubt.
    let mut events = original.events.clone();
    events[first + 3] = altered(first + 3, &events[first + 3]);
    let data = original.forge("altered behind it", &events, Some(older.clone()));
    let told = original.verify(&data, false).unwrap();
    assert!(told.contains(&format!("covered        {first}\n")), "{told}");
    let behind = original.events.len() - first;
    assert!(told.contains(&format!("but for the last {behind}, ")), "{told}");
    assert!(original.verify(&data, true).is_err());
    for (seq, stored) in events.iter_mut().enumerate().skip(first + 3) {
        *stored = later(seq, stored, 61_000_000);
    }
    let data = original.forge("long behind it", &events, Some(older));
    let found = original.verify(&data, false).unwrap_err();
    let words = format!("the events {first} to {}, of more than a minute", events.len() - 1);
    assert!(found.contains(&words), "{found}");
}

/// Parts of an older copy of the folder, beside newer ones.
#[test]
fn an_older_database_beside_a_newer_kept_file_is_refused() {
    let original = Original::record();
    let older = original.copy("older");
    let newer = original.copy("newer");
    let server = Server::start(&newer);
    server.add_app("raft");
    server.stop();
    fs::copy(newer.join("kept"), older.join("kept")).unwrap();
    let refused = Server::start_with(&older, &[], &[]).err().unwrap();
    assert!(refused.contains("is an older list of its tables"), "{refused}");
    assert!(original.verify(&older, false).is_err());
}
