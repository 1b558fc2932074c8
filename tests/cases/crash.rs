//! Promise 5, killed it loses nothing it acknowledged, and promise 3, state is a fold: the server is
//! killed under load, started again without repair, and its rows are compared with a rebuild.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde_json::{Value, json};

use crate::harness::repetitions;
use crate::harness::server::{Client, Server, group, patch, provlog, run, user};

const WRITERS: usize = 8;
/// So small that flushes and compactions happen during the test.
const SMALL: [&str; 2] = ["--memtable-bytes", "262144"];

/// An acknowledged write of one writer.
struct Acknowledged {
    request_id: String,
    kind: Kind,
}

enum Kind {
    Created { id: String, user_name: String },
    Titled { id: String, title: u32 },
    Joined { id: String },
    Deleted { id: String },
}

/// Creates users, changes their titles, puts them into one group and deletes some, until the
/// connection breaks.
fn write(client: &Client, round: u32, writer: usize, group: &str, out: &Sender<Acknowledged>) {
    let mut step = 0;
    let mut send = |method: &str, path: &str, body: Option<Value>| {
        step += 1;
        let request_id = format!("kill-{round}-{writer}-{step}");
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("x-request-id", request_id.as_str())];
        let answer = client.send(method, path, &headers, body.as_bytes()).ok()?;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        Some((request_id, answer))
    };
    let tell = |request_id, kind| out.send(Acknowledged { request_id, kind }).is_ok();
    for index in 0.. {
        let user_name = format!("user-{round}-{writer}-{index}");
        let Some((request_id, answer)) = send("POST", "/Users", Some(user(&user_name))) else {
            return;
        };
        let id = answer.id();
        tell(request_id, Kind::Created { id: id.clone(), user_name });
        for title in 0..2 {
            let change = json!([{"op": "replace", "path": "title", "value": title.to_string()}]);
            let path = format!("/Users/{id}");
            let Some((request_id, _)) = send("PATCH", &path, Some(patch(&change))) else { return };
            tell(request_id, Kind::Titled { id: id.clone(), title });
        }
        let join = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        let path = format!("/Groups/{group}");
        let Some((request_id, _)) = send("PATCH", &path, Some(patch(&join))) else { return };
        tell(request_id, Kind::Joined { id: id.clone() });
        if index % 4 == 3 {
            let Some((request_id, _)) = send("DELETE", &format!("/Users/{id}"), None) else {
                return;
            };
            tell(request_id, Kind::Deleted { id });
        }
    }
}

/// The acknowledged state of one user. Writes without an answer may have happened too.
#[derive(Default)]
struct Expected {
    user_name: String,
    title: Option<u32>,
    joined: bool,
    deleted: bool,
}

#[derive(Default)]
struct Ledger {
    users: BTreeMap<String, Expected>,
    request_ids: BTreeSet<String>,
}

impl Ledger {
    fn note(&mut self, acknowledged: Acknowledged) {
        assert!(self.request_ids.insert(acknowledged.request_id));
        match acknowledged.kind {
            Kind::Created { id, user_name } => {
                self.users.insert(id, Expected { user_name, ..Expected::default() });
            }
            Kind::Titled { id, title } => {
                self.users.get_mut(&id).unwrap().title = Some(title);
            }
            Kind::Joined { id } => self.users.get_mut(&id).unwrap().joined = true,
            Kind::Deleted { id } => self.users.get_mut(&id).unwrap().deleted = true,
        }
    }

    /// Everything that was acknowledged is there.
    fn check(&self, server: &Server, scim: &Client, group: &str) {
        let operations = server.admin().rows("/api/v1/operations");
        let mut recorded = BTreeMap::new();
        for row in &operations {
            *recorded.entry(row["requestId"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        for request_id in &self.request_ids {
            assert_eq!(recorded.get(request_id), Some(&1), "the event of {request_id}");
        }
        let members = server.admin().rows(&format!("/api/v1/apps/boat/groups/{group}/members"));
        let members: BTreeSet<&str> =
            members.iter().map(|row| row["userId"].as_str().unwrap()).collect();
        for (id, expected) in &self.users {
            let answer = scim.get(&format!("/Users/{id}"));
            if answer.status == 404 {
                // Deleted, or its deletion was in progress, which also ends its membership.
                assert!(expected.deleted || expected.joined, "{id} is lost");
                assert!(!members.contains(id.as_str()), "{id} was deleted and is a member");
                continue;
            }
            assert_eq!(answer.status, 200);
            assert!(!expected.deleted, "{id} was deleted and is back");
            assert_eq!(answer.body["userName"], expected.user_name.as_str());
            let title = answer.body["title"].as_str().map(|text| text.parse::<u32>().unwrap());
            assert!(
                title == expected.title || title == Some(expected.title.map_or(0, |t| t + 1)),
                "{id} has title {title:?}, acknowledged was {:?}",
                expected.title
            );
            if expected.joined {
                assert!(members.contains(id.as_str()), "{id} lost its membership");
            }
        }
    }
}

/// The digest of the folder's rows, after the missing events are folded.
fn digest(data: &Path) -> String {
    let output = run(provlog().arg("digest").arg("--data").arg(data));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Rebuilds the rows: no gap in the log, and the same rows byte for byte.
fn rebuild(data: &Path) -> String {
    let output = run(provlog().arg("rebuild").arg("--data").arg(data));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("digest after ")).unwrap();
    line.trim().to_owned()
}

/// Verifies the log, and returns what is said of it.
fn verify(data: &Path) -> String {
    let output = run(provlog().arg("verify").arg("--data").arg(data));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Kills per log; then the next campaign starts with an empty one. Every round checks all acknowledged
/// writes, and those reads add events.
const KILLS_PER_LOG: u32 = 10;

#[test]
fn killed_under_load_it_loses_nothing_that_it_acknowledged() {
    let kills = repetitions("PROVLOG_TEST_KILLS", 3);
    for first in (0..kills).step_by(KILLS_PER_LOG as usize) {
        campaign(first, kills.min(first + KILLS_PER_LOG));
    }
}

fn campaign(first: u32, end: u32) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut random = 0x5eed_u64 + u64::from(first);
    let mut ledger = Ledger::default();
    let server = Server::start_with(&data, &SMALL, &[]).unwrap();
    let mut scim = server.add_app("boat");
    let group = scim.post("/Groups", &group("Harbour crew")).id();
    server.stop();

    for round in first..end {
        let server = Server::start_with(&data, &SMALL, &[]).unwrap();
        scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let kill_after = 1 + (random >> 33) % 300;
        let (sender, acknowledged) = channel();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (client, sender, group) = (scim.clone(), sender.clone(), group.as_str());
                scope.spawn(move || write(&client, round, writer, group, &sender));
            }
            drop(sender);
            for _ in 0..kill_after {
                ledger.note(acknowledged.recv().unwrap());
            }
            server.kill();
            // Writes that were acknowledged before the kill and are still in the channel.
            acknowledged.iter().for_each(|one| ledger.note(one));
        });

        // The rows may end before the log; folding the rest equals a rebuild.
        let caught_up = digest(&data);
        assert_eq!(rebuild(&data), caught_up, "round {round}");
        verify(&data);

        let server = Server::start_with(&data, &SMALL, &[]).unwrap();
        scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
        ledger.check(&server, &scim, &group);
        server.stop();
        // The running server has written all rows to disk; nothing is left to fold.
        let live = digest(&data);
        assert_eq!(rebuild(&data), live, "round {round}");
        let told = verify(&data);
        assert!(
            told.contains("All events are those that were signed (") && !told.contains("but for")
        );
    }
}

/// Needs failpoints: kills rarely hit the short time between append and publish, or before the reply.
#[cfg(feature = "failpoints")]
#[test]
fn stopped_between_append_and_publish_or_reply_the_event_is_found_again() {
    for failpoint in ["appended=40*off->return", "published=40*off->return"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Server::start_with(&data, &SMALL, &[("FAILPOINTS", failpoint)]).unwrap();
        let scim = server.add_app("boat");
        let mut acknowledged = vec![];
        let unanswered = loop {
            let user_name = format!("user-{}", acknowledged.len());
            let headers = [("x-request-id", user_name.as_str())];
            let body = user(&user_name).to_string();
            match scim.send("POST", "/Users", &headers, body.as_bytes()) {
                Ok(answer) => acknowledged.push((user_name.clone(), answer.id())),
                Err(_) => break user_name,
            }
        };
        assert!(!server.wait().success());
        assert!(acknowledged.len() > 10, "the failpoint was reached under way");

        let caught_up = digest(&data);
        assert_eq!(rebuild(&data), caught_up);
        verify(&data);
        let server = Server::start_with(&data, &SMALL, &[]).unwrap();
        let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
        for (user_name, id) in &acknowledged {
            let answer = scim.get(&format!("/Users/{id}"));
            assert_eq!(answer.body["userName"], user_name.as_str(), "{failpoint}");
        }
        // Its event was appended before the process ended, so it happened although nobody got an
        // answer.
        let path = format!("/api/v1/operations?requestId={unanswered}");
        assert_eq!(server.admin().rows(&path).len(), 1, "{failpoint}");
        let path = format!("/Users?filter=userName%20eq%20%22{unanswered}%22");
        assert_eq!(scim.get(&path).body["totalResults"], 1, "{failpoint}");
        server.stop();
    }
}

/// RocksDB's point-in-time recovery truncates a damaged log silently; the kept file detects that.
#[test]
fn a_log_cut_below_the_kept_head_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    for index in 0..50 {
        assert_eq!(scim.post("/Users", &user(&format!("user-{index}"))).status, 201);
    }
    // The kept file follows at most a second later.
    let kept_size = || {
        let text = fs::read_to_string(data.join("kept")).unwrap();
        let size = text.lines().find_map(|line| line.strip_prefix("size ")).unwrap();
        size.parse::<u64>().unwrap()
    };
    while kept_size() < 50 {
        thread::yield_now();
    }
    server.kill();

    let mut logs: Vec<_> = fs::read_dir(data.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    let newest = logs.last().expect("there is a write-ahead log");
    let file = fs::File::options().write(true).open(newest).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length / 2).unwrap();

    let refused = Server::start_with(&data, &[], &[]).err().expect("the damage is noticed");
    assert!(refused.contains("exit status: 1"), "{refused}");
    assert!(refused.contains("the log is damaged: it ends after"), "{refused}");
    assert!(refused.contains("were synced before"), "{refused}");
    // Offline commands refuse it too: there is no other repair than a backup.
    let output = run(provlog().arg("rebuild").arg("--data").arg(&data));
    assert_eq!(output.status.code(), Some(1));
}
