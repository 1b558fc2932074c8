//! `provlog witness`: the real binary, killed and started again, and with witnesses and logs of others.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;
use tlog::{
    Checkpoint, ConsistencyProof, Frontier, Hash, KeyKind, KeyName, Policy, SignedCheckpoint,
    SignerKey, Tile, TileHash, VerifierKey, prove_consistency, read_frontier,
};
use witness::{ANSWER_MAX, Answer, AskError, AskFailure, Peer, Witnesses, agent};

use crate::harness::server::{Client, Server, provlog, run, user};

const ORIGIN: &str = "log.example/audit";
const SEED: [u8; 32] = [7; 32];

/// A log of at most 255 entries, so that it has a single tile. If it is forked, it has another history from
/// entry 10 on.
struct Log {
    key: SignerKey,
    hashes: Vec<Hash>,
}

impl Log {
    fn new(is_forked: bool) -> Log {
        let name = KeyName::parse(ORIGIN).unwrap();
        let key = SignerKey::from_seed(name, KeyKind::Ed25519, SEED).unwrap();
        let (mut tree, mut hashes) = (Frontier::new(), vec![]);
        for number in 0..255 {
            let entry =
                format!("{number}{}", if is_forked && number >= 10 { " forked" } else { "" });
            tree.append_to_tiles(Hash::of_leaf(entry.as_bytes()), |one: TileHash| {
                if one.level == 0 {
                    hashes.push(one.hash);
                }
            });
        }
        Log { key, hashes }
    }

    fn tiles(&self) -> impl Fn(Tile, &mut [Hash]) -> Result<(), String> {
        |_, hashes| {
            hashes.copy_from_slice(&self.hashes[..hashes.len()]);
            Ok(())
        }
    }

    fn signed(&self, size: u64) -> SignedCheckpoint {
        let head = read_frontier(&self.tiles(), size).unwrap().head();
        SignedCheckpoint::sign(Checkpoint::new(ORIGIN, head).unwrap(), &self.key).unwrap()
    }

    fn prove(&self, old: u64, new: u64) -> Result<ConsistencyProof, String> {
        prove_consistency(&self.tiles(), old, new).map_err(|error| error.to_string())
    }

    /// Asks a witness to sign a size.
    fn ask(&self, url: &str, key: &VerifierKey, known_size: u64, size: u64) -> Answer {
        let peer = Peer { url: url.to_owned(), key: key.clone(), known_size };
        let mut witnesses = Witnesses::new(agent(ANSWER_MAX, None), vec![peer]).unwrap();
        let now_s = u64::try_from(event::Clock::System.now().0 / 1_000_000).unwrap();
        let mut answers = witnesses.ask(&self.signed(size), now_s, |old, new| self.prove(old, new));
        answers.remove(0)
    }
}

/// The folder of a witness, with its key.
struct Place {
    folder: tempfile::TempDir,
    verifier: VerifierKey,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let made = make_key(&folder.path().join("witness.key"));
        assert!(made.status.success(), "{made:?}");
        let verifier = String::from_utf8(made.stdout).unwrap();
        Place { verifier: VerifierKey::parse(verifier.trim_end()).unwrap(), folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `provlog witness serve` with these flags in place of the usual ones.
    fn command(&self, flags: &[(&str, &str)]) -> Command {
        let (key, data) = (self.file("witness.key"), self.file("data"));
        let log = format!("{}=https://log.example/audit", Log::new(false).key.verifier());
        let mut command = provlog();
        command.args(["witness", "serve"]);
        let usual = [
            ("--key", key.to_str().unwrap()),
            ("--data", data.to_str().unwrap()),
            ("--log", &log),
            ("--listen", "127.0.0.1:0"),
        ];
        for (flag, value) in usual {
            let given = flags.iter().find(|(given, _)| *given == flag);
            command.args([flag, given.map_or(value, |(_, value)| value)]);
        }
        command
    }

    fn start(&self) -> Running {
        self.start_with("")
    }

    fn start_with(&self, failpoints: &str) -> Running {
        let mut command = self.command(&[]);
        if !failpoints.is_empty() {
            command.env("FAILPOINTS", failpoints);
        }
        self.running(command)
    }

    fn running(&self, mut command: Command) -> Running {
        let lines = fs::File::options().create(true).append(true).open(self.file("lines")).unwrap();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(lines).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let url = ready.trim_end().strip_prefix("provlog listening on ").map(str::to_owned);
        Running { url: url.unwrap_or_else(|| panic!("{}", self.lines())), child }
    }

    /// All log lines so far.
    fn lines(&self) -> String {
        fs::read_to_string(self.file("lines")).unwrap()
    }

    /// Asks the witness to sign a size, and checks that it does.
    fn check_signs(&self, running: &Running, log: &Log, known_size: u64, size: u64) {
        let answer = log.ask(&running.url, &self.verifier, known_size, size);
        assert!(answer.outcome.is_ok(), "{answer:?}\n{}", self.lines());
        assert_eq!((answer.known_size, answer.forgot_size), (size, None));
    }
}

struct Running {
    url: String,
    child: Child,
}

impl Running {
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn make_key(path: &Path) -> Output {
    run(provlog().args(["witness", "key", "witness.example/w1", "--key"]).arg(path))
}

/// Checks that a command ends with exit code 2 and one line.
fn check_wrong(command: &mut Command, reason: &str) {
    let output = run(command);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(reason) && told.starts_with("provlog: "), "{reason}: {told}");
    assert_eq!((told.lines().count(), output.stdout.len()), (1, 0), "{told}");
}

fn is_refused(answer: &Answer, expected: u16) -> bool {
    matches!(
        &answer.outcome,
        Err(AskFailure::Asked(AskError::Refused { status, .. })) if *status == expected
    )
}

#[test]
fn a_witness_signs_is_killed_and_goes_on_where_it_stood() {
    let (place, log) = (Place::new(), Log::new(false));
    let running = place.start();
    place.check_signs(&running, &log, 0, 100);
    place.check_signs(&running, &log, 100, 150);
    running.kill();
    let running = place.start();
    place.check_signs(&running, &log, 150, 150);
    place.check_signs(&running, &log, 150, 200);
    let fork = Log::new(true);
    assert!(is_refused(&fork.ask(&running.url, &place.verifier, 200, 255), 422));
    assert!(is_refused(&fork.ask(&running.url, &place.verifier, 200, 200), 422));
    running.stop();
    let lines = place.lines();
    for size in [100, 150, 200] {
        let line = lines.lines().find(|line| line.contains(&format!("size={size} ")));
        let line = line.unwrap_or_else(|| panic!("{lines}"));
        assert!(line.contains("signed a checkpoint") && line.contains(ORIGIN), "{line}");
    }
    assert!(lines.contains("SPLIT VIEW") && lines.contains("https://log.example/audit"), "{lines}");
    // The secret is nowhere but in its file.
    let secret = fs::read_to_string(place.file("witness.key")).unwrap();
    let secret = secret.trim_end().splitn(5, '+').last().unwrap();
    assert!(!lines.contains(secret) && !lines.contains("PRIVATE"), "{lines}");
    let kept = fs::read_dir(place.file("data")).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<PathBuf> = kept.collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    for path in kept {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
    }
    // Whoever starts it again is told.
    let running = place.start();
    assert_eq!(place.lines().matches("SPLIT VIEW: proven by the file").count(), 1);
    running.stop();
}

/// Needs failpoints: kills rarely hit the short time between the write and the answer.
#[cfg(feature = "failpoints")]
#[test]
fn a_witness_that_ends_before_its_answer_gives_it_again() {
    let (log, fork) = (Log::new(false), Log::new(true));
    for (failpoint, known) in [("witness-written", 3), ("witness-kept", 4)] {
        let place = Place::new();
        let running = place.start_with(&format!("{failpoint}=3*off->return"));
        for size in 1..=3 {
            place.check_signs(&running, &log, size - 1, size);
        }
        let lost = log.ask(&running.url, &place.verifier, 3, 4);
        let is_lost = matches!(
            lost.outcome,
            Err(AskFailure::Asked(AskError::Unreachable(_) | AskError::BrokenOff(_)))
        );
        assert!(is_lost, "{lost:?}");
        drop(running);
        let running = place.start();
        // What it says it knows, when it is asked from elsewhere.
        let smaller = log.ask(&running.url, &place.verifier, 0, 2);
        let ahead = matches!(
            smaller.outcome,
            Err(AskFailure::Ahead { size: 2, stated }) if stated == known
        );
        assert!(ahead, "{failpoint}: {smaller:?}");
        place.check_signs(&running, &log, 3, 4);
        place.check_signs(&running, &log, 4, 20);
        assert!(is_refused(&fork.ask(&running.url, &place.verifier, 20, 20), 422));
    }
}

#[test]
fn a_key_is_private_and_not_overwritten() {
    let place = Place::new();
    let path = place.file("witness.key");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let key = SignerKey::parse(text.trim_end()).unwrap();
    assert_eq!(*key.verifier(), place.verifier);
    assert_eq!(key.verifier().kind(), KeyKind::CosignatureV1);
    assert_eq!(key.verifier().name().as_str(), "witness.example/w1");
    let again = make_key(&path);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("exists already"));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let other = place.file("other.key");
    assert!(make_key(&other).status.success());
    assert_ne!(fs::read_to_string(&other).unwrap(), text, "each key is another one");
    for name in ["", "a b", "a+b", &"a".repeat(256)] {
        let mut command = provlog();
        check_wrong(command.args(["witness", "key", name, "--key"]).arg(place.file("k")), "name");
    }
}

#[test]
fn a_witness_that_cannot_start_says_why_in_one_line() {
    let place = Place::new();
    let check =
        |flags: &[(&str, &str)], reason: &str| check_wrong(&mut place.command(flags), reason);
    check(&[("--key", "/no/such/file")], "cannot read the key of the witness in /no/such/file");
    let broken = place.file("broken.key");
    let broken_text = broken.to_str().unwrap();
    let secret = fs::read_to_string(place.file("witness.key")).unwrap();
    for (text, reason) in [
        (String::new(), "not a private one"),
        (place.verifier.to_string(), "not a private one"),
        (secret.replacen("w1", "w2", 1), "states the id"),
        ("a".repeat(100_000), "not a private one"),
        (format!("PRIVATE+KEY+{}", "a".repeat(100_000)), "a name, an id and base64"),
    ] {
        fs::write(&broken, &text).unwrap();
        fs::set_permissions(&broken, fs::Permissions::from_mode(0o600)).unwrap();
        let output = run(&mut place.command(&[("--key", broken_text)]));
        let told = String::from_utf8(output.stderr).unwrap();
        let base64 = secret.trim_end().splitn(5, '+').last().unwrap();
        assert!(!told.contains(base64), "the secret is told");
        check(&[("--key", broken_text)], reason);
    }
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o640)).unwrap();
    check(&[("--key", broken_text)], "can be read by others (mode 640)");
    check(&[("--log", &place.verifier.to_string())], "is that of a witness");
    check(&[("--data", broken_text)], "cannot open");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    check(&[("--listen", &taken.local_addr().unwrap().to_string())], "cannot listen on 127.0.0.1");
    let (running, log) = (place.start(), Log::new(false));
    check(&[], "another process uses the folder");
    place.check_signs(&running, &log, 0, 100);
    running.stop();
    let state = fs::read_dir(place.file("data")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replacen("\n100\n", "\n101\n", 1)).unwrap();
    check(&[], "its checksum or its form is wrong");
    // Wrong flags are told as those of all commands are.
    let output = run(&mut place.command(&[("--log", "log.example")]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("NAME+ID+BASE64"));
}

/// The folder of the commands of the Python package aics-witness.
fn others() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/witness");
    let installed = run(&mut Command::new(script));
    assert!(installed.status.success(), "{installed:?}");
    PathBuf::from(String::from_utf8(installed.stdout).unwrap().trim())
}

#[test]
fn a_log_of_others_is_witnessed() {
    let (others, place) = (others(), Place::new());
    let running = place.start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/witness_log.py");
    let seed: String = SEED.iter().map(|byte| format!("{byte:02x}")).collect();
    let steps = ["1", "2", "255", "256", "257", "1000", "1000", "fork:1000", "fork:1001", "1001"];
    let output = run(Command::new(others.join("python"))
        .args([script, &running.url, &place.verifier.to_string(), ORIGIN, &seed])
        .args(steps));
    assert!(output.status.success(), "{output:?}\n{}", place.lines());
    let told = String::from_utf8(output.stdout).unwrap();
    let expected = [&["signed"; 7][..], &["422", "422", "signed"]].concat();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_witness_of_others_is_asked() {
    let others = others();
    let folder = tempfile::tempdir().unwrap();
    let (log, fork) = (Log::new(false), Log::new(true));
    let command = || {
        let mut command = Command::new(others.join("aics-witness"));
        command.current_dir(folder.path()).stdin(Stdio::null());
        command
    };
    let made = run(command().args(["init", "--name", "witness.example/theirs"]));
    assert!(made.status.success(), "{made:?}");
    let verifier = String::from_utf8(made.stdout).unwrap();
    let verifier = VerifierKey::parse(verifier.trim_end()).unwrap();
    let key = log.key.verifier().to_string();
    let added = run(command().args(["add-log", "--origin", ORIGIN, "--vkey", &key]));
    assert!(added.status.success(), "{added:?}");
    let serves = command()
        .args(["serve", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running { url: String::new(), child: serves };
    let mut lines = BufReader::new(running.child.stderr.take().unwrap()).lines();
    let ready = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, rest) = line.split_once("listening on ")?;
        Some(rest.split(' ').next()?.to_owned())
    });
    running.url = ready.unwrap();
    let mut known = 0;
    for size in [1, 2, 2, 100, 254, 255] {
        let answer = log.ask(&running.url, &verifier, known, size);
        assert!(answer.outcome.is_ok(), "{answer:?}");
        known = answer.known_size;
        assert_eq!(known, size);
    }
    // It states what it knows.
    assert!(log.ask(&running.url, &verifier, 0, 255).outcome.is_ok());
    let answer = log.ask(&running.url, &verifier, 0, 254);
    let is_ahead = matches!(answer.outcome, Err(AskFailure::Ahead { size: 254, stated: 255 }));
    assert!(is_ahead, "{answer:?}");
    assert!(is_refused(&fork.ask(&running.url, &verifier, 255, 255), 422));
    drop(running);
    drop(lines);
}

/// Waits until the published checkpoint has a cosignature of at least so many events.
fn cosigned(client: &Client, witness: &VerifierKey, size: u64) -> SignedCheckpoint {
    for _ in 0..10_000 {
        let (status, text) = client.with_token("").bytes("/tlog/checkpoint");
        if status == 200 {
            let signed = SignedCheckpoint::parse(&text).unwrap();
            let by_witness = signed.note().verify([witness]).is_ok();
            if by_witness && signed.unverified().head().size >= size {
                return signed;
            }
        }
    }
    panic!("no cosignature of {size} events came");
}

#[test]
fn a_server_has_its_checkpoints_signed_by_its_witness() {
    let place = Place::new();
    let data = place.file("log");
    let server = Server::start(&data);
    let answer = server.admin().post("/api/v1/checkpoint", &json!({}));
    let log = answer.body["keys"][0].as_str().unwrap().to_owned();
    server.stop();

    let running = place.running(place.command(&[("--log", &log)]));
    let witness = format!("{}={}", place.verifier, running.url);
    let flags = ["--witness", &witness, "--witness-every-seconds", "1"];
    let server = Server::start_with(&data, &flags, &[]).unwrap();
    let first = cosigned(&server.admin(), &place.verifier, 1);
    let log = VerifierKey::parse(&log).unwrap();
    let policy = |witnesses: usize| {
        let all = vec![place.verifier.clone()];
        Policy::new(log.name().as_str(), vec![log.clone()], all, witnesses).unwrap()
    };
    assert_eq!(policy(1).verify(&first).unwrap().witnesses().len(), 1);

    // It goes on as the log grows, and behind a restart.
    let scim = server.add_app("boat");
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    let size = server.admin().post("/api/v1/checkpoint", &json!({})).body["size"].as_u64().unwrap();
    cosigned(&server.admin(), &place.verifier, size);
    server.kill();
    running.kill();
    let server = Server::start_with(&data, &flags, &[]).unwrap();
    let kept = cosigned(&server.admin(), &place.verifier, size);
    let page = server.admin().get("/integrity").text;
    assert!(page.contains("witness.example/w1"), "{page}");
    // What was signed last is still there while the witness is not.
    assert!(policy(1).verify(&kept).unwrap().head().size >= size);
    server.stop();
}

#[test]
fn what_is_no_witness_is_refused_at_the_start() {
    let place = Place::new();
    let log = Log::new(false).key.verifier().to_string();
    let twice = format!("{0}=http://a.example,{0}=http://b.example", place.verifier);
    let of_log = format!("{log}=https://log.example");
    for (value, reason) in
        [("nonsense", "NAME+ID+BASE64"), (of_log.as_str(), "is a log's, and not that of a witness")]
    {
        let output = run(provlog().args(["serve", "--witness", value]));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(reason), "{told}");
    }
    let refused = Server::start_with(&place.file("log"), &["--witness", &twice], &[]).err();
    assert!(refused.unwrap().contains("is there twice"));
}
