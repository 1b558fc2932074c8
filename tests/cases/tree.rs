//! The tree of the log, as others read it: over HTTP, and from files that they kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use evidence::Entry;
use serde_json::{Value, json};
use sha2::Sha256;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog::{
    EntryBundle, Hash, Policy, SignedCheckpoint, Tile, TreeHead, VerifierKey, prove_consistency,
    prove_inclusion, split_entries,
};

use crate::harness::server::{Client, Server, provlog, run, user};

/// Bytes of an address that needs no token.
fn bytes(client: &Client, path: &str) -> (u16, Vec<u8>) {
    client.with_token("").bytes(path)
}

/// A checkpoint of everything, signed now, and the key to verify it with.
fn checkpoint(admin: &Client) -> (SignedCheckpoint, VerifierKey) {
    let answer = admin.post("/api/v1/checkpoint", &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let key = VerifierKey::parse(answer.body["keys"][0].as_str().unwrap()).unwrap();
    let text = answer.body["checkpoint"].as_str().unwrap();
    let signed = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(answer.body["size"], signed.unverified().head().size);
    assert_eq!(answer.body["root"], signed.unverified().head().root.to_string());
    assert_eq!(answer.body["origin"], signed.unverified().origin());
    (signed, key)
}

fn verified(signed: &SignedCheckpoint, key: &VerifierKey) -> TreeHead {
    let origin = key.name().as_str();
    let policy = Policy::new(origin, vec![key.clone()], vec![], 0).unwrap();
    *policy.verify(signed).unwrap().head()
}

/// The tiles of a server.
fn tiles(client: &Client) -> impl Fn(Tile, &mut [Hash]) -> Result<(), String> {
    move |tile, hashes| {
        let (status, bytes) = bytes(client, &format!("/tlog/{tile}"));
        if status != 200 {
            return Err(format!("{tile}: {status}"));
        }
        tile.copy_hashes(&bytes, hashes).map_err(|error| error.to_string())
    }
}

/// Some hundred events.
fn fill(server: &Server) -> Client {
    let scim = server.add_app("boat");
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    for index in 0..300 {
        assert_eq!(scim.post("/Users", &user(&format!("user-{index}"))).status, 201);
    }
    scim
}

#[test]
fn others_read_the_tree_and_find_every_event_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = fill(&server);
    let admin = server.admin();
    let (first, key) = checkpoint(&admin);
    let old = verified(&first, &key);
    assert!(old.size > 300);

    // Another implementation of notes believes it too.
    let verifier = StandardVerifier::new(&key.to_string()).unwrap();
    let note = Note::from_bytes(first.to_string().as_bytes()).unwrap();
    let (by_log, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!(by_log.len(), 1);

    // Another implementation of trees finds the same root over the entries.
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut entries = Vec::new();
    for bundle in EntryBundle::changed(0, old.size) {
        let (status, bytes) = admin.bytes(&format!("/tlog/{bundle}"));
        assert_eq!(status, 200);
        for entry in split_entries(bundle, &bytes).unwrap() {
            tree.push(entry.to_vec());
            entries.push(Entry::parse(entry).unwrap());
        }
    }
    assert_eq!(tree.root().as_bytes().as_slice(), old.root.as_bytes());
    for (seq, entry) in entries.iter().enumerate() {
        assert_eq!(entry.seq, seq as u64);
        assert!(key.name().as_str().ends_with(&entry.log.to_string()));
    }

    // Each is proven to be in it.
    for (index, entry) in entries.iter().enumerate().step_by(97) {
        let proof = prove_inclusion(&tiles(&admin), index as u64, old.size).unwrap();
        proof.verify(entry.leaf(), index as u64, &old).unwrap();
        let other = &entries[(index + 1) % entries.len()];
        assert!(proof.verify(other.leaf(), index as u64, &old).is_err());
    }

    // And the tree goes on from there, also behind a restart.
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    server.stop();
    let server = Server::start(&folder.path().join("data"));
    let admin = server.admin();
    let (second, same) = checkpoint(&admin);
    assert_eq!(same, key);
    let new = verified(&second, &key);
    assert!(new.size > old.size);
    let proof = prove_consistency(&tiles(&admin), old.size, new.size).unwrap();
    proof.verify(&old, &new).unwrap();
    let (status, published) = bytes(&admin, "/tlog/checkpoint");
    let published = SignedCheckpoint::parse(&published).unwrap();
    assert_eq!(status, 200);
    assert!(verified(&published, &key).size >= new.size);
}

#[test]
fn hashes_are_for_all_and_entries_for_auditors_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = fill(&server);
    let admin = server.admin();
    let (signed, _) = checkpoint(&admin);
    let size = signed.unverified().head().size;
    let token = |role: &str, app: Option<&str>| {
        let body = json!({ "role": role, "application": app });
        let answer = admin.post("/api/v1/tokens", &body);
        admin.with_token(answer.body["token"].as_str().unwrap())
    };
    let bundle = "/tlog/tile/entries/000";
    let (auditor, of_app) = (token("auditor", None), token("app-auditor", Some("boat")));
    for (client, expected) in [
        (&admin, 200),
        (&auditor, 200),
        (&of_app, 403),
        (&admin.with_token(""), 401),
        (&admin.with_token(&scim.token), 403),
    ] {
        assert_eq!(client.get(bundle).status, expected);
        assert_eq!(client.get("/tlog/tile/0/000").status, 200);
        assert_eq!(client.get("/tlog/checkpoint").status, 200);
    }
    // Who read entries stands in the access log; who read hashes does not.
    let log = admin.rows("/api/v1/access-log");
    let of_tree = |row: &&Value| row.to_string().contains("/tlog/");
    assert_eq!(log.iter().filter(of_tree).count(), 4, "{log:?}");

    // What the tree of the last checkpoint does not have is not there.
    let beyond = size / 256;
    for path in [
        format!("/tlog/tile/0/{:03}", beyond + 1),
        format!("/tlog/tile/entries/{:03}", beyond + 1),
        format!("/tlog/tile/0/{beyond:03}.p/256"),
        "/tlog/tile/0/0".to_owned(),
        "/tlog/tile/64/000".to_owned(),
        "/tlog/tile/0/x000/000".to_owned(),
        "/tlog/tile/2/000".to_owned(),
        "/tlog/tile/0/000.p/0".to_owned(),
        "/tlog/tile".to_owned(),
        "/tlog".to_owned(),
    ] {
        let answer = admin.get(&path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    // Addresses do not name the log: what stands there may be another one's some day.
    for (path, stored) in [
        ("/tlog/tile/0/000", "public, max-age=3600"),
        (bundle, "private, max-age=3600"),
        ("/tlog/checkpoint", "max-age=1"),
    ] {
        assert_eq!(admin.get(path).header("cache-control"), stored);
    }
}

/// Needs failpoints: signing does not fail by itself.
#[cfg(feature = "failpoints")]
#[test]
fn a_checkpoint_that_cannot_be_signed_is_an_error_and_stops_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start_with(&data, &[], &[("FAILPOINTS", "sign=return")]).unwrap();
    let scim = fill(&server);
    let admin = server.admin();
    let answer = admin.post("/api/v1/checkpoint", &json!({}));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body["detail"].as_str().unwrap().contains("could be signed"), "{answer:?}");
    let operation = admin.rows("/api/v1/operations").pop().unwrap();
    let path = format!("/api/v1/operations/{}/proof", operation["seq"]);
    assert_eq!(admin.get(&path).status, 503);
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    server.stop();
    // How far the log was synced is kept all the same, and the next start signs.
    let kept = fs::read_to_string(data.join("kept")).unwrap();
    let size = |kept: &str| -> u64 {
        let line = kept.lines().find_map(|line| line.strip_prefix("size ")).unwrap();
        line.parse().unwrap()
    };
    assert!(size(&kept) > 300, "{kept}");
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let signed = SignedCheckpoint::parse(store.kept_checkpoint().unwrap().as_bytes()).unwrap();
    assert_eq!(signed.unverified().head().size, 0);
    drop(store);
    let server = Server::start(&data);
    assert!(checkpoint(&server.admin()).0.unverified().head().size > size(&kept));
    server.stop();
}

/// Needs failpoints: an append that fails poisons the log.
#[cfg(feature = "failpoints")]
#[test]
fn the_tree_is_not_shown_once_the_log_is_poisoned() {
    let folder = tempfile::tempdir().unwrap();
    let failing = [("FAILPOINTS", "append=30*off->return")];
    let server = Server::start_with(&folder.path().join("data"), &[], &failing).unwrap();
    let scim = server.add_app("boat");
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    let admin = server.admin();
    checkpoint(&admin);
    assert_eq!(admin.get("/tlog/checkpoint").status, 200);
    let mut numbers = 0..100;
    let name = || format!("user-{}", numbers.next().unwrap());
    let mut failed =
        std::iter::repeat_with(name).map(|name| scim.post("/Users", &user(&name)).status);
    assert_eq!(failed.find(|status| *status != 201), Some(503));
    for path in ["/tlog/checkpoint", "/tlog/tile/0/000.p/1", "/tlog/tile/entries/000.p/1"] {
        assert_eq!(admin.get(path).status, 503, "{path}");
    }
    server.kill();
}

fn verify(data: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run(provlog().arg("verify").arg("--data").arg(data).args(arguments));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_verifies_a_log_and_names_the_event_that_was_altered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    fill(&server);
    let kept = folder.path().join("checkpoint");
    let printed = server.command(&["checkpoint"]);
    assert!(printed.status.success(), "{printed:?}");
    fs::write(&kept, &printed.stdout).unwrap();
    let vkey = checkpoint(&server.admin()).1.to_string();
    server.stop();
    let with = ["--checkpoint", kept.to_str().unwrap()];

    let (code, out, err) = verify(&data, &with);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("All events are those that were signed"), "{out}");
    let (code, out, err) = verify(&data, &[&with[..], &["--key", &vkey, "--deep"]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("All rows are what the log says."), "{out}");
    let scratch = folder.path().join("scratch");
    let deep = ["--deep", "--scratch", scratch.to_str().unwrap()];
    let (code, _, err) = verify(&data, &deep);
    assert_eq!(code, 1);
    assert!(err.contains("give --scratch DIR"), "{err}");
    fs::create_dir(&scratch).unwrap();
    let (code, out, err) = verify(&data, &deep);
    assert_eq!((code, fs::read_dir(&scratch).unwrap().count()), (0, 0), "{err}");
    assert!(out.contains("All rows are what the log says."), "{out}");
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let (code, _, err) = verify(&data, &[&with[..], &["--key", other]].concat());
    assert_eq!(code, 2, "{err}");
    let (code, _, err) = verify(&data, &["--checkpoint", "/dev/zero"]);
    assert_eq!(code, 2, "{err}");

    // A checkpoint of another log says nothing of this one.
    let name = tlog::KeyName::parse("log.example/other").unwrap();
    let key = tlog::SignerKey::from_seed(name, tlog::KeyKind::Ed25519, [7; 32]).unwrap();
    let foreign = tlog::Checkpoint::new("log.example/other", TreeHead::EMPTY).unwrap();
    let file = folder.path().join("foreign");
    fs::write(&file, SignedCheckpoint::sign(foreign, &key).unwrap().to_string()).unwrap();
    let foreign = ["--checkpoint", file.to_str().unwrap(), "--key", &key.verifier().to_string()];
    let (code, _, err) = verify(&data, &[&foreign[..], &["--key", &vkey]].concat());
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is of the log log.example/other"), "{err}");

    // Somebody with the disk changes an event: the time of a start, by a byte of the stored header.
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let mut event = store.event_bytes(200).unwrap().unwrap();
    event[6] ^= 1;
    store.append(&[(200, event)], true).unwrap();
    drop(store);
    let (code, _, err) = verify(&data, &with);
    assert_eq!(code, 1);
    assert!(err.contains("event 200 "), "{err}");

    // A rebuild leaves the rows, which tell the event, as they are.
    let rebuilt = run(provlog().arg("rebuild").arg("--data").arg(&data));
    assert_eq!(rebuilt.status.code(), Some(1), "{rebuilt:?}");
    let told = String::from_utf8(rebuilt.stderr).unwrap();
    assert!(told.contains("`provlog verify --data DIR` says where"), "{told}");
    assert!(verify(&data, &[]).2.contains("event 200 "));

    // And makes the tree anew, so that it fits: the start refuses it, and the file from outside says where.
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    store.clear_rows().unwrap();
    drop(store);
    let (code, _, err) = verify(&data, &with);
    assert_eq!(code, 1);
    assert!(err.contains("the events 0 to "), "{err}");
    let refused = Server::start_with(&data, &[], &[]).err().unwrap();
    assert!(refused.contains("is not the one that was signed"), "{refused}");
}

/// Who asks waits for a round that has a number, and each time a new one is asked for it is another.
#[test]
fn a_running_server_verifies_its_log_when_somebody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let flags = ["--scrub-bytes-per-second", "0"];
    let server = Server::start_with(&data, &flags, &[]).unwrap();
    fill(&server);
    checkpoint(&server.admin());
    let shown = |name: &str| -> Value {
        let output = server.command(&["verification", name, "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    assert_eq!((&shown("show")["round"], &shown("show")["last"]), (&json!(0), &Value::Null));
    for round in 1..4 {
        let state = shown("begin");
        assert_eq!((&state["round"], &state["last"]["round"]), (&json!(round), &json!(round)));
        assert_eq!(state["last"]["faults"], json!([]));
        assert!(state["last"]["covered"].as_u64().unwrap() > 300, "{state}");
    }
    server.stop();

    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let mut event = store.event_bytes(200).unwrap().unwrap();
    event[6] ^= 1;
    store.append(&[(200, event)], true).unwrap();
    drop(store);
    let server = Server::start_with(&data, &flags, &[]).unwrap();
    let output = server.command(&["verification", "begin"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("event 200 is not the one that was recorded"), "{told}");
    let metrics = server.admin().get("/metrics").text;
    assert!(metrics.lines().any(|line| line == "provlog_verify_failures_total 1"), "{metrics}");
    server.kill();
}

/// A log that was cut back with everything beside it looks whole to itself, and not to who kept a
/// checkpoint.
#[test]
fn a_log_that_was_put_back_to_an_earlier_day_is_found_by_a_checkpoint_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = fill(&server);
    server.stop();
    let earlier = folder.path().join("earlier");
    copy(&data, &earlier);

    let server = Server::start(&data);
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    let kept = folder.path().join("checkpoint");
    fs::write(&kept, server.command(&["checkpoint"]).stdout).unwrap();
    server.stop();

    let (code, _, err) = verify(&earlier, &[]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = verify(&earlier, &["--checkpoint", kept.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("the log ends after"), "{err}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => fs::copy(entry.path(), &to).map(|_| ()).unwrap(),
        }
    }
}

#[test]
fn a_log_is_not_signed_by_another_key_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (signed, _) = checkpoint(&server.admin());
    server.stop();
    let own = fs::read(data.join("signing.key")).unwrap();

    fs::remove_file(data.join("signing.key")).unwrap();
    let refused = Server::start_with(&data, &[], &[]).err().unwrap();
    assert!(refused.contains("the key that signed the log is missing"), "{refused}");

    let other = folder.path().join("other.key");
    let name = tlog::KeyName::parse("log.example/other").unwrap();
    let key = tlog::SignerKey::from_seed(name, tlog::KeyKind::Ed25519, [7; 32]).unwrap();
    fs::write(&other, key.secret_text()).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let flags = ["--signing-key", other.to_str().unwrap()];
    let refused = Server::start_with(&data, &flags, &[]).err().unwrap();
    assert!(refused.contains("use a key with the log's name"), "{refused}");

    // One of the same name has not signed the last checkpoint.
    let name = tlog::KeyName::parse(signed.unverified().origin()).unwrap();
    let key = tlog::SignerKey::from_seed(name, tlog::KeyKind::Ed25519, [8; 32]).unwrap();
    fs::write(&other, key.secret_text()).unwrap();
    let refused = Server::start_with(&data, &flags, &[]).err().unwrap();
    assert!(refused.contains("to replace a key, give the old one too"), "{refused}");

    // With the old key beside it both sign, and then it is enough alone.
    fs::write(data.join("signing.key"), own).unwrap();
    let own = data.join("signing.key");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
    let both = ["--signing-key", own.to_str().unwrap(), "--signing-key", other.to_str().unwrap()];
    let server = Server::start_with(&data, &both, &[]).unwrap();
    let (signed, _) = checkpoint(&server.admin());
    assert_eq!(signed.note().signatures().len(), 2);
    verified(&signed, key.verifier());
    server.stop();
    let server = Server::start_with(&data, &flags, &[]).unwrap();
    let (signed, _) = checkpoint(&server.admin());
    assert_eq!(signed.note().signatures().len(), 1);
    server.stop();
}

#[test]
fn an_operation_is_proven_to_who_has_nothing_but_the_file_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = fill(&server);
    let admin = server.admin();
    let key = checkpoint(&admin).1.to_string();
    // One that no checkpoint covers yet, and an early one.
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    let newest = admin.get("/api/v1/operations?limit=1").body["rows"][0].clone();
    let early = admin.rows("/api/v1/operations").pop().unwrap();
    for row in [&newest, &early] {
        let seq = row["seq"].as_u64().unwrap();
        let printed = server.command(&["proof", row["eventId"].as_str().unwrap()]);
        assert!(printed.status.success(), "{printed:?}");
        let file = folder.path().join("proof");
        fs::write(&file, &printed.stdout).unwrap();
        let verify = |key: &str| {
            let output = run(provlog().arg("verify-evidence").arg(&file).args(["--key", key]));
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
        };
        let (code, told) = verify(&key);
        assert_eq!(code, 0, "{told}");
        for words in [
            format!("event          {seq}\n"),
            format!("recorded       {}\n", row["recordedAt"].as_str().unwrap()),
        ] {
            assert!(told.contains(&words), "{told}");
        }
        // The hash is the one that lists of auditors have.
        let shown =
            admin.get(&format!("/api/v1/operations/{seq}")).body["resource"]["eventHash"].clone();
        assert!(told.contains(&format!("hash           {}\n", shown.as_str().unwrap())), "{told}");
        let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        assert_eq!(verify(other).0, 1);
    }
    // Nobody gets a proof of what they may not see.
    server.add_app("raft");
    let token = json!({"role": "app-auditor", "application": "raft"});
    let token = admin.post("/api/v1/tokens", &token).body["token"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/operations/{}/proof", newest["seq"]);
    assert_eq!(admin.with_token(&token).get(&path).status, 404);
    assert_eq!(admin.get(&path).status, 200);
    server.stop();
}
