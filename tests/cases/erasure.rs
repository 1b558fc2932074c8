//! A person is erased: nothing of theirs stays readable, and every proof that was given before still verifies.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{Client, Server, group, provlog, run};

/// Texts that stand nowhere but in what is about one person. They look random, so that they show in compressed
/// files too.
const PLANTED: [&str; 8] = [
    "q7vz2kx9wm4t.name",
    "j3hd8rb5yfc6.extern",
    "p9gs4nqa7ekw.display",
    "x2mt6vjz8hrd.family",
    "b5yc9fwk3qgs@fjord.example",
    "n8ea4pxv7mtj.title",
    "z6rd2hyb9cfk.ticket",
    "w4qg8snj5xvm.number",
];

/// Whatever is waited for takes less.
const WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(60);

fn person() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": PLANTED[0],
        "externalId": PLANTED[1],
        "displayName": PLANTED[2],
        "name": {"familyName": PLANTED[3], "givenName": "Mira"},
        "emails": [{"value": PLANTED[4], "type": "work", "primary": true}],
        "active": true,
    })
}

/// A server with one person in all that it records, and some others. Returns the person's SCIM id.
fn record(server: &Server) -> (Client, String) {
    let admin = server.admin();
    let scim = server.add_app("boat");
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    let filter = format!("userName eq \"{}\"", PLANTED[0]);
    assert_eq!(scim.query("/Users", &[("filter", &filter)]).status, 200);
    let id = scim.post("/Users", &person()).id();
    assert_eq!(scim.post("/Users", &person()).status, 409, "it is there already");
    let other = json!({"userName": "ole.berg", "externalId": "ole-1"});
    let other = scim.post("/Users", &other).id();
    let title = json!([{"op": "replace", "path": "title", "value": PLANTED[5]}]);
    assert_eq!(scim.patch(&format!("/Users/{id}"), &title).status, 200);
    let number = json!([{"op": "add", "path": "phoneNumbers", "value": [{"value": PLANTED[7], "type": "work"}]}]);
    assert_eq!(scim.patch(&format!("/Users/{id}"), &number).status, 200);
    let crew = scim.post("/Groups", &group("Deck crew")).id();
    for member in [&id, &other] {
        let add = json!([{"op": "add", "path": "members",
                          "value": [{"value": member, "display": PLANTED[2]}]}]);
        assert!(scim.patch(&format!("/Groups/{crew}"), &add).status < 300);
    }
    assert_eq!(scim.get(&format!("/Users/{id}")).status, 200);
    let operations = admin.rows(&format!("/api/v1/operations?app=boat&resource={id}"));
    let seq = operations[0]["seq"].as_u64().unwrap();
    let ticket = json!({"kind": "ticket", "ref": PLANTED[6]});
    assert_eq!(admin.post(&format!("/api/v1/operations/{seq}/evidence"), &ticket).status, 201);
    // Looking at the person is recorded with the person's name.
    let asked = format!("/api/v1/apps/boat/users/userName:{}", PLANTED[0]);
    assert_eq!(admin.get(&asked).status, 200);
    let list = format!("userName,terminatedAt\n{},2026-03-31\nole.berg,\n", PLANTED[0]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), list).unwrap();
    let added = server.command(&["list", "add", "leavers", file.path().to_str().unwrap()]);
    assert!(added.status.success(), "{added:?}");
    (scim, id)
}

/// The numbers of the person in the application, and of the lists that name the person.
fn find(server: &Server) -> (Vec<u64>, Vec<u64>) {
    let found = server.admin().post("/api/v1/subjects/find", &json!({"name": PLANTED[0]})).body;
    let numbers = |list: &str| -> Vec<u64> {
        let all = found[list].as_array().unwrap().iter();
        all.map(|one| one["number"].as_u64().unwrap()).collect()
    };
    (numbers("subjects"), numbers("lists"))
}

/// The planted texts that stand in the bytes.
fn planted_in(bytes: &[u8]) -> Vec<&'static str> {
    let stands = |text: &&str| {
        bytes.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
    };
    PLANTED.into_iter().filter(stands).collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// The planted texts that stand anywhere in a data folder, in compressed blocks too, each with its file.
fn left_in(data: &Path) -> Vec<(String, &'static str)> {
    let mut left = vec![];
    for path in files(data) {
        let bytes = fs::read(&path).unwrap();
        let mut found = planted_in(&bytes);
        for begin in 0..bytes.len().saturating_sub(4) {
            if bytes[begin..begin + 4] == [0x28, 0xb5, 0x2f, 0xfd]
                && let Ok(length) = zstd_safe::find_frame_compressed_size(&bytes[begin..])
            {
                let mut block = Vec::with_capacity(8 << 20);
                if zstd_safe::decompress(&mut block, &bytes[begin..begin + length]).is_ok() {
                    found.extend(planted_in(&block));
                }
            }
        }
        let name = path.strip_prefix(data).unwrap().display().to_string();
        left.extend(found.into_iter().map(|text| (name.clone(), text)));
    }
    left
}

/// The questions in whose answers the person stood.
fn answers(server: &Server, id: &str) -> String {
    let admin = server.admin();
    let mut all = String::new();
    for path in [
        "/api/v1/operations?app=boat".to_owned(),
        "/api/v1/apps/boat/users".to_owned(),
        "/api/v1/apps/boat/groups".to_owned(),
        "/api/v1/apps/boat/groups/displayName:Deck%20crew/members".to_owned(),
        "/api/v1/access-log".to_owned(),
        "/api/v1/configuration-log".to_owned(),
        "/api/v1/reference-lists".to_owned(),
        format!("/api/v1/operations?app=boat&resource={id}"),
        "/v1.0/auditLogs/provisioning".to_owned(),
    ] {
        let (_, bytes) = admin.bytes(&path);
        all += &String::from_utf8(bytes).unwrap();
    }
    for row in admin.rows("/api/v1/operations?app=boat") {
        let (_, bytes) = admin.bytes(&format!("/api/v1/operations/{}", row["seq"]));
        all += &String::from_utf8(bytes).unwrap();
    }
    all
}

#[test]
fn nothing_of_an_erased_person_stays_readable_and_old_proofs_verify() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (scim, id) = record(&server);
    assert_eq!(planted_in(answers(&server, &id).as_bytes()).len(), PLANTED.len(), "it is shown");
    let created = server.admin().rows(&format!("/api/v1/operations?app=boat&resource={id}"));
    let seq = created.last().unwrap()["seq"].to_string();
    let proof = folder.path().join("proof");
    let proven = server.command(&["proof", &seq]);
    assert!(proven.status.success(), "{proven:?}");
    fs::write(&proof, proven.stdout).unwrap();
    // The rows are in files, in which the texts stand: so they would be found.
    server.stop();
    let before = left_in(&data);
    for text in &PLANTED[..5] {
        assert!(
            before.iter().any(|(_, found)| found == text),
            "{text} is not looked for: {before:?}"
        );
    }

    let server = Server::start(&data);
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    let (numbers, lists) = find(&server);
    assert_eq!((numbers.len(), lists.len()), (1, 1), "the lookups took the number of the account");
    let erase = |application: Option<&str>, numbers: &[u64]| {
        let body = json!({"application": application, "numbers": numbers});
        server.admin().post("/api/v1/subjects/erase", &body)
    };
    // Not while the account exists, nor under a legal hold.
    let refused = erase(Some("boat"), &numbers);
    assert_eq!(refused.status, 409);
    assert!(refused.body["detail"].as_str().unwrap().contains("still exists"), "{refused:?}");
    assert_eq!(scim.delete(&format!("/Users/{id}")).status, 204);
    let hold = json!({"application": "boat", "numbers": numbers, "reason": "case 7"});
    assert_eq!(server.admin().post("/api/v1/subjects/hold", &hold).status, 200);
    let refused = erase(Some("boat"), &numbers);
    assert!(refused.body["detail"].as_str().unwrap().contains("legal hold"), "{refused:?}");
    let release = json!({"application": "boat", "numbers": numbers});
    assert_eq!(server.admin().post("/api/v1/subjects/release", &release).status, 200);
    // What is held about the person can be had before.
    let export = format!("/api/v1/apps/boat/subjects/{}/export", numbers[0]);
    let (status, zip) = server.admin().bytes(&export);
    assert_eq!(status, 200);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let mut held = String::new();
    for name in ["subject.json", "events.json"] {
        held += &std::io::read_to_string(zip.by_name(name).unwrap()).unwrap();
    }
    for text in &PLANTED[..6] {
        assert!(held.contains(text), "{text} is held: {held}");
    }

    let erased = erase(Some("boat"), &numbers);
    assert_eq!(erased.status, 200, "{erased:?}");
    let completed = erased.body["completedSeq"].to_string();
    assert_eq!(erase(None, &lists).status, 200);
    assert_eq!(erase(Some("boat"), &numbers).status, 409, "only once");
    let check = |server: &Server| {
        let shown = answers(server, &id);
        assert_eq!(planted_in(shown.as_bytes()), [""; 0], "in answers");
        assert!(shown.contains("erased"));
        assert!(shown.contains("ole.berg"), "others stay");
        assert_eq!(find(server), (vec![], vec![]));
    };
    check(&server);
    // The receipt, and the proof from before.
    assert!(server.command(&["proof", &completed]).status.success());
    server.stop();

    // RocksDB's list of files names the ends of older files until it is written anew, by the next start.
    let server = Server::start(&data);
    check(&server);
    let digest = |data: &Path| {
        let output = run(provlog().arg("digest").arg("--data").arg(data));
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    server.stop();
    assert_eq!(left_in(&data), [], "in files");
    let live = digest(&data);
    let rebuilt = run(provlog().arg("rebuild").arg("--data").arg(&data));
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(digest(&data), live, "a rebuild gives the same rows");
    let verified = run(provlog().args(["verify", "--deep", "--data"]).arg(&data));
    assert!(verified.status.success(), "{verified:?}");
    let text = fs::read_to_string(data.join("signing.key")).unwrap();
    let key = tlog::SignerKey::parse(text.trim_end()).unwrap().verifier().to_string();
    let verified = run(provlog().arg("verify-evidence").arg(&proof).args(["--key", &key]));
    assert!(verified.status.success(), "the proof from before: {verified:?}");
}

/// Deletes the account and orders its erasure, whatever becomes of the answer.
fn order(server: &Server, scim: &Client, id: &str) -> Vec<u64> {
    assert_eq!(scim.delete(&format!("/Users/{id}")).status, 204);
    let (numbers, _) = find(server);
    let body = json!({"application": "boat", "numbers": numbers});
    // It may be killed before it answers.
    let _ = server.admin().send("POST", "/api/v1/subjects/erase", &[], body.to_string().as_bytes());
    numbers
}

/// Waits until every erasure is carried out.
fn carried_out(server: &Server) {
    let watch = event::Stopwatch::start();
    loop {
        assert!(watch.elapsed() < WAIT_MAX, "it is not carried out");
        let all = server.admin().get("/api/v1/retention").body;
        let erasures = all["erasures"].as_array().unwrap();
        assert!(!erasures.is_empty(), "{all}");
        if erasures.iter().all(|one| one["completedSeq"].is_u64()) {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn an_erasure_that_is_killed_goes_on_with_the_next_start() {
    for point in ["keys-destroyed", "rows-purged"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = Server::start(&data);
        let (scim, id) = record(&server);
        let token = scim.token.clone();
        server.stop();
        let kill = format!("{point}=return");
        let server = Server::start_with(&data, &[], &[("FAILPOINTS", &kill)]).unwrap();
        let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &token);
        order(&server, &scim, &id);
        assert!(!server.wait().success(), "{point} kills it");

        let server = Server::start(&data);
        carried_out(&server);
        assert_eq!(planted_in(answers(&server, &id).as_bytes()), [""; 0], "{point}");
        server.stop();
        Server::start(&data).stop();
        assert_eq!(left_in(&data), [], "{point}");
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let copied = run(std::process::Command::new("cp").arg("-a").arg(from).arg(to));
    assert!(copied.status.success(), "{copied:?}");
}

#[test]
fn keys_of_an_older_backup_do_not_bring_an_erased_person_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (scim, id) = record(&server);
    server.stop();
    let backup = folder.path().join("keys");
    copy(&data.join("keys"), &backup);

    let server = Server::start(&data);
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    order(&server, &scim, &id);
    carried_out(&server);
    server.stop();
    copy(&backup, &data.join("keys"));
    let server = Server::start(&data);
    assert_eq!(planted_in(answers(&server, &id).as_bytes()), [""; 0]);
    server.stop();
    // The start destroyed them again: without this one the log reads as before.
    let rebuilt = run(provlog().arg("rebuild").arg("--data").arg(&data));
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert_eq!(left_in(&data), []);

    // The other way round a key is missing of which the log has no erasure.
    let older = folder.path().join("older");
    let server = Server::start(&older);
    record(&server);
    server.stop();
    let log = store::Store::open_existing(&older, &store::Options::default()).unwrap().log_id();
    let text = fs::read_to_string(older.join("master.key")).unwrap();
    let master = sealing::MasterKey::parse(text.trim_end()).unwrap();
    let keys = keys::KeyStore::open(&older.join("keys"), log, &master).unwrap();
    let (application, number) = (event::Application(1), event::Number(1));
    keys.erase(&[sealing::Owner::Person { application, number }], 7).unwrap();
    drop(keys);
    let Err(refused) = Server::start_with(&older, &[], &[]) else { panic!("it starts") };
    assert!(refused.contains("the log has no erasure"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_erased_when_its_retention_ends_and_what_it_changed_stays() {
    const DAY_US: i64 = 86_400_000_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // In March.
    let server = InProcess::open(&data, START).await;
    let boat = server.add_app("boat").await;
    let created = server.send("POST", "/apps/boat/scim/v2/Users", &boat, &person()).await;
    assert_eq!(created.status, 201, "{created:?}");
    let operations = server.admin("GET", "/api/v1/operations?app=boat", &Value::Null).await;
    let seq = operations.body["rows"][0]["seq"].to_string();
    let one = format!("/api/v1/operations/{seq}");
    let before = server.admin("GET", &one, &Value::Null).await.body["resource"].clone();
    assert!(planted_in(before["request"].to_string().as_bytes()).len() == 5, "{before}");
    for (months, status) in [(json!(0), 400), (json!(601), 400), (json!(1), 200)] {
        let body = json!({"months": months});
        let set = server.admin("PATCH", "/api/v1/apps/boat/retention", &body).await;
        assert_eq!(set.status, status, "{set:?}");
    }
    server.close().await;

    // In April all of March is still kept.
    let erased_through = async |server: &InProcess| {
        let all = server.admin("GET", "/api/v1/retention", &Value::Null).await.body;
        all["applications"][0]["erasedThrough"].clone()
    };
    let server = InProcess::open(&data, event::Timestamp(START.0 + 45 * DAY_US)).await;
    assert_eq!(erased_through(&server).await, Value::Null);
    server.close().await;

    let server = InProcess::open(&data, event::Timestamp(START.0 + 65 * DAY_US)).await;
    let watch = event::Stopwatch::start();
    while erased_through(&server).await != json!("2026-03") {
        assert!(watch.elapsed() < WAIT_MAX, "the retention does not end");
        tokio::task::yield_now().await;
    }
    // The keys are destroyed right after that is recorded.
    let after = loop {
        assert!(watch.elapsed() < WAIT_MAX, "what was sent is not erased");
        let after = server.admin("GET", &one, &Value::Null).await.body["resource"].clone();
        if after["request"]["bodyNote"].is_object() {
            break after;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(after["request"]["bodyNote"]["reason"], "erased");
    assert_eq!(after["request"]["target"], "erased");
    assert_eq!(planted_in(after["request"].to_string().as_bytes()), [""; 0]);
    assert_eq!(after["changes"], before["changes"], "what it changed stays");
    assert_eq!(
        (&after["userName"], &after["eventHash"]),
        (&before["userName"], &before["eventHash"])
    );
    server.close().await;
    let rebuilt = run(provlog().arg("rebuild").arg("--data").arg(&data));
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let words = String::from_utf8(rebuilt.stdout).unwrap();
    assert!(words.contains("exactly what the log says"), "{words}");
}

#[test]
fn a_member_without_an_account_is_taken_out_before_it_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let scim = server.add_app("boat");
    let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
    let crew = scim.post("/Groups", &group("Deck crew")).id();
    let patch = |op: &str| {
        let patch = json!([{"op": op, "path": "members", "value": [{"value": PLANTED[0]}]}]);
        assert!(scim.patch(&format!("/Groups/{crew}"), &patch).status < 300);
    };
    patch("add");
    let (numbers, _) = find(&server);
    assert_eq!(numbers.len(), 1);
    let body = json!({"application": "boat", "numbers": numbers});
    let refused = server.admin().post("/api/v1/subjects/erase", &body);
    assert_eq!(refused.status, 409);
    assert!(refused.body["detail"].as_str().unwrap().contains("member of a group"), "{refused:?}");
    patch("remove");
    assert_eq!(server.admin().post("/api/v1/subjects/erase", &body).status, 200);
}
