//! What a witness answers, by status and byte for byte.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use tlog::{
    ADD_CHECKPOINT_BYTES_MAX, AddCheckpoint, Checkpoint, ConsistencyProof, Hash, KeyKind, Policy,
    SignedCheckpoint, TreeHead, cosign, parse_cosignatures, print_cosignatures,
};

use super::*;
use crate::{REQUESTS_MAX, Refusal};

const TEXT: &str = "text/plain; charset=utf-8";

/// Checks that an answer is this witness's signature of the log's checkpoint at a time, alone.
fn check_signed(got: &Got, log: &Log, size: u64, time_s: u64) {
    let checkpoint = log.signed(size);
    let expected = cosign(checkpoint.unverified(), time_s, &witness_key(1)).unwrap();
    let body = print_cosignatures(&[expected]);
    assert_eq!(*got, Got { status: 200, media_type: TEXT.to_owned(), body }, "size {size}");
    // So it is for who believes the witness.
    let mut checkpoint = checkpoint;
    for signature in parse_cosignatures(got.body.as_bytes()).unwrap() {
        checkpoint.add(signature).unwrap();
    }
    let keys = (vec![log.key.verifier().clone()], vec![witness_key(1).verifier().clone()]);
    let policy = Policy::new("log.example/audit", keys.0, keys.1, 1).unwrap();
    let verified = policy.verify(&checkpoint).unwrap();
    assert_eq!(verified.witnesses()[0].time_s, Some(time_s));
}

fn check_refused(got: &Got, status: u16, reason: &str) {
    assert_eq!((got.status, got.media_type.as_str()), (status, TEXT), "{got:?}");
    assert!(got.body.contains(reason) && got.body.ends_with('\n'), "{reason}: {got:?}");
    assert_eq!(got.body.lines().count(), 1, "{got:?}");
    assert!(!got.body.contains('\u{2014}'), "no signature: {got:?}");
}

fn check_size(got: &Got, size: u64) {
    let media_type = "text/x.tlog.size".to_owned();
    assert_eq!(*got, Got { status: 409, media_type, body: format!("{size}\n") });
}

#[test]
fn a_log_that_grows_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(600), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    let mut old = 0;
    for (turn, new) in
        [0, 0, 1, 2, 3, 255, 256, 257, 257, 512, 513, 600, 600].into_iter().enumerate()
    {
        let time_s = NOW_S + turn as u64;
        clock.set(time_s);
        check_signed(&post(&serving.url, &log.body(old, new)), &log, new, time_s);
        old = new;
    }
}

#[test]
fn each_refusal_has_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    let send = |body: &[u8]| post(&serving.url, body);
    let text = |old, new| String::from_utf8(log.body(old, new)).unwrap();
    let good = text(0, 100);

    // 400: not a request. 403: not signed. 404: another log.
    for (body, reason) in [
        ("", "does not begin with the old size"),
        ("old 0\n", "the proof cannot be read"),
        (&good.replace("old 0", "old 00"), "leading zero"),
        (&good.replace("old 0", "old -1"), "not a digit"),
        (&good.replace("old 0", "old 101"), "cannot go on from one of 101"),
        (&good[..good.len() - 1], "does not end in a line end"),
        (&good.replacen("\n100\n", "\n0100\n", 1), "leading zero"),
    ] {
        check_refused(&send(body.as_bytes()), 400, reason);
    }
    check_refused(&send(b"old 0\n\n\xff"), 400, "not UTF-8");
    let proof = format!("{}\n", Hash::EMPTY_TREE).repeat(64);
    let many = good.replacen("\n\n", &format!("\n{proof}\n"), 1);
    check_refused(&send(many.as_bytes()), 400, "proof");
    let other = Log::named("log.example/other", 100);
    check_refused(&send(&other.body(0, 100)), 404, "does not know the log");
    let unsigned = |note: &SignedCheckpoint| {
        AddCheckpoint::new(0, ConsistencyProof::default(), note.clone()).unwrap().to_string()
    };
    let checkpoint = Checkpoint::new("log.example/audit", log.head(100)).unwrap();
    let by_other = SignedCheckpoint::sign(checkpoint.clone(), &other.key).unwrap();
    check_refused(&send(unsigned(&by_other).as_bytes()), 403, "not signed by its log: no known");
    let forger = key("log.example/audit", KeyKind::Ed25519, 3);
    let by_forger = SignedCheckpoint::sign(checkpoint, &forger).unwrap();
    check_refused(&send(unsigned(&by_forger).as_bytes()), 403, "no known");
    let changed = good.replacen("\n100\n", "\n101\n", 1);
    check_refused(&send(changed.as_bytes()), 403, "not by the key");
    // A good signature does not excuse a bad one.
    let bad = changed.lines().last().unwrap();
    let line = log.signed(99).to_string();
    let line = line.lines().last().unwrap();
    check_refused(&send(format!("{good}{line}\n").as_bytes()), 403, "not by the key");
    // Those of unknown keys are ignored, also when they cannot be right.
    let unknown = bad.replacen("log.example", "unknown.example", 1);
    check_signed(&send(format!("{good}{unknown}\n").as_bytes()), &log, 100, NOW_S);

    // 409: another old size, whatever else is wrong.
    for (old, new) in [(0, 100), (0, 200), (99, 100), (99, 200), (101, 200), (0, 99), (99, 99)] {
        check_size(&send(text(old, new).as_bytes()), 100);
    }
    let nonsense = text(99, 200).replacen("old 99", "old 98", 1);
    check_size(&send(nonsense.as_bytes()), 100);

    // 422: not shown that the tree only grew.
    let no_proof = AddCheckpoint::new(100, ConsistencyProof::default(), log.signed(200)).unwrap();
    check_refused(&send(no_proof.to_string().as_bytes()), 422, "does not go on from");
    let mut hashes = log.prove(100, 200).unwrap().hashes().to_vec();
    let whole = AddCheckpoint::new(100, ConsistencyProof::new(hashes.clone()), log.signed(200));
    assert_eq!(whole.unwrap().to_string(), text(100, 200));
    hashes.swap(0, 1);
    let swapped = AddCheckpoint::new(100, ConsistencyProof::new(hashes), log.signed(200)).unwrap();
    check_refused(&send(swapped.to_string().as_bytes()), 422, "leads to the root");
    let needless = ConsistencyProof::new(vec![Hash::EMPTY_TREE]);
    let needless = AddCheckpoint::new(100, needless, log.signed(100)).unwrap();
    check_refused(&send(needless.to_string().as_bytes()), 422, "has 0 hashes, and there are 1");
    let forked = Log::forked(300, 50);
    check_refused(&send(&forked.body(100, 200)), 422, "leads to the root");
    check_refused(&send(&forked.body(100, 100)), 422, "different roots");
    check_signed(&send(&log.body(100, 200)), &log, 200, NOW_S);
    check_size(&send(&log.body(100, 200)), 200);

    // Other addresses and methods.
    let agent = patient();
    for path in ["/", "/add-checkpoint/", "/w1/add-checkpoint", "/add-checkpoints"] {
        let answer = agent.post(&format!("{}{path}", serving.url)).send(&log.body(200, 201)[..]);
        assert_eq!(answer.unwrap().status(), 404, "{path}");
    }
    let answer = agent.get(&format!("{}/add-checkpoint", serving.url)).call().unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["Allow"]),
        (405, &"POST".parse().unwrap())
    );
}

#[test]
fn nothing_was_signed_yet() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    check_size(&post(&serving.url, &log.body(1, 300)), 0);
    check_size(&post(&serving.url, &log.body(300, 300)), 0);
    let proof = ConsistencyProof::new(vec![Hash::EMPTY_TREE]);
    let needless = AddCheckpoint::new(0, proof, log.signed(300)).unwrap().to_string();
    check_refused(&post(&serving.url, needless.as_bytes()), 422, "has 0 hashes");
    let empty = log.signed_head(TreeHead { size: 0, root: log.head(1).root });
    let empty = AddCheckpoint::new(0, ConsistencyProof::default(), empty).unwrap().to_string();
    check_refused(&post(&serving.url, empty.as_bytes()), 422, "without entries");
    let hash = crate::state::digest(b"log.example/audit");
    let last = || got(patient().get(&format!("{}/{hash}/checkpoint", serving.url)).call().unwrap());
    check_refused(&last(), 404, "nothing was signed");
    check_signed(&post(&serving.url, &log.body(0, 0)), &log, 0, NOW_S);
    check_size(&post(&serving.url, &log.body(1, 300)), 0);
    check_signed(&post(&serving.url, &log.body(0, 300)), &log, 300, NOW_S);
}

#[test]
fn the_last_checkpoint_is_shown_with_both_signatures_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    let body = String::from_utf8(log.body(0, 300)).unwrap();
    let line = body.lines().last().unwrap().to_owned();
    let unknown = line.replacen("log.example", "unknown.example", 1);
    let sent = format!("{body}{unknown}\n{line}\n");
    assert_eq!(post(&serving.url, sent.as_bytes()).status, 200);
    let mut expected = log.signed(300);
    expected.add(cosign(expected.unverified(), NOW_S, &witness_key(1)).unwrap()).unwrap();
    // SHA-256 of "log.example/audit".
    let hash = "cbd6947f91d08f4fc904bb0987574379ac5e35b4aad20e968c683c236868c40a";
    let last = |hash: &str| {
        got(patient().get(&format!("{}/{hash}/checkpoint", serving.url)).call().unwrap())
    };
    let body = expected.to_string();
    assert_eq!(last(hash), Got { status: 200, media_type: TEXT.to_owned(), body });
    for other in [hash.to_uppercase(), "log.example".to_owned(), hash[1..].to_owned()] {
        check_refused(&last(&other), 404, "nothing was signed");
    }
}

#[test]
fn several_keys_of_a_log_and_several_logs_have_their_own_states() {
    let folder = tempfile::tempdir().unwrap();
    let (log, other) = (Log::new(300), Log::named("log.example/other", 300));
    let second = key("log.example/audit", KeyKind::Ed25519, 9);
    let known = [&log.key, &other.key, &second].map(|key| KnownLog {
        key: key.verifier().clone(),
        url: Some("https://log.example".to_owned()),
    });
    let witness =
        Witness::open(folder.path(), witness_key(1), known.to_vec(), || NOW_S, false).unwrap();
    let serving = Serving::of(witness);
    check_signed(&post(&serving.url, &log.body(0, 300)), &log, 300, NOW_S);
    check_size(&post(&serving.url, &other.body(300, 300)), 0);
    assert_eq!(post(&serving.url, &other.body(0, 200)).status, 200);
    check_size(&post(&serving.url, &log.body(0, 300)), 300);
    // The key that came later counts as much, and both together too.
    let by_second = |signed: &SignedCheckpoint| {
        SignedCheckpoint::sign(signed.unverified().clone(), &second).unwrap()
    };
    let mut both = by_second(&log.signed(300));
    let ask = |note: &SignedCheckpoint| {
        let request = AddCheckpoint::new(300, ConsistencyProof::default(), note.clone()).unwrap();
        post(&serving.url, request.to_string().as_bytes())
    };
    assert_eq!(ask(&both).status, 200);
    both.add(log.signed(300).note().signatures()[0].clone()).unwrap();
    assert_eq!(ask(&both).status, 200);
    let mut half = by_second(&log.signed(300));
    half.add(log.signed(299).note().signatures()[0].clone()).unwrap();
    check_refused(&ask(&half), 403, "not by the key");
}

#[test]
fn a_witness_can_have_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(3);
    let witness = opened(folder.path(), &log, &Clock::new()).unwrap();
    let routes = axum::Router::new().nest("/a/w1", router(Arc::new(witness)));
    let serving = Serving::start(routes);
    check_signed(&post(&format!("{}/a/w1", serving.url), &log.body(0, 3)), &log, 3, NOW_S);
    assert_eq!(post(&serving.url, &log.body(3, 3)).status, 404);
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(3);
    let serving = Serving::of(opened(folder.path(), &log, &Clock::new()).unwrap());
    let address = serving.url.strip_prefix("http://").unwrap();
    let answered = |head: &str, body: &[u8]| {
        let mut client = TcpStream::connect(address).unwrap();
        let head = format!("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n{head}\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        // The server may stop reading.
        let _ = client.write_all(body);
        let mut status = [0; 12];
        client.read_exact(&mut status).unwrap();
        String::from_utf8(status.to_vec()).unwrap()
    };
    // Announced, and nothing sent.
    let over = ADD_CHECKPOINT_BYTES_MAX + 1;
    assert_eq!(answered(&format!("Content-Length: {over}"), b""), "HTTP/1.1 413");
    assert_eq!(answered("Content-Length: 99999999999999999", b""), "HTTP/1.1 413");
    // Not announced. The second piece is never sent whole.
    let pieces = |bytes: usize| {
        let piece = vec![b'a'; bytes];
        [format!("{bytes:x}\r\n").as_bytes(), &piece, b"\r\n"].concat()
    };
    let unending = [pieces(ADD_CHECKPOINT_BYTES_MAX), pieces(1)].concat();
    assert_eq!(answered("Transfer-Encoding: chunked", &unending), "HTTP/1.1 413");
    // The largest body is read, and means nothing.
    assert_eq!(post(&serving.url, &vec![b'a'; ADD_CHECKPOINT_BYTES_MAX]).status, 400);
    let chunked = [pieces(4), b"0\r\n\r\n".to_vec()].concat();
    assert_eq!(answered("Transfer-Encoding: chunked", &chunked), "HTTP/1.1 400");
}

/// Clients that have sent the head of a request, and of which the server waits for the body.
fn slow(serving: &Serving, count: usize) -> Vec<TcpStream> {
    let address = serving.url.strip_prefix("http://").unwrap();
    let head = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\n\
                Content-Length: 9\r\n\r\n";
    let client = |_| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(head.as_bytes()).unwrap();
        let mut goes_on = [0; 25];
        client.read_exact(&mut goes_on).unwrap();
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        client
    };
    (0..count).map(client).collect()
}

#[test]
fn requests_at_once_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(3);
    let serving = Serving::of(opened(folder.path(), &log, &Clock::new()).unwrap());
    let clients = slow(&serving, REQUESTS_MAX);
    let url = format!("{}/add-checkpoint", serving.url);
    let refused = patient().post(&url).send(&log.body(0, 3)[..]).unwrap();
    assert_eq!(refused.headers()["Retry-After"], "1");
    check_refused(&got(refused), 503, "busy");
    drop(clients);
    // Their places are free once the server has noticed.
    let answers = std::iter::repeat_with(|| post(&serving.url, &log.body(0, 3)));
    let answer = answers.take(100_000).find(|answer| answer.status != 503);
    check_signed(&answer.unwrap(), &log, 3, NOW_S);
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(3);
    let witness = Arc::new(opened(folder.path(), &log, &Clock::new()).unwrap());
    let serving = Serving::start(crate::http::routes(witness, Duration::from_millis(100)));
    for mut client in slow(&serving, 3) {
        client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut status = [0; 12];
        client.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 408");
    }
    check_signed(&post(&serving.url, &log.body(0, 3)), &log, 3, NOW_S);
}

#[test]
fn the_time_of_a_signature_never_falls() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let witness = opened(folder.path(), &log, &clock).unwrap();
    let time_s = |signature: &tlog::Signature| {
        u64::from_be_bytes(*signature.bytes().first_chunk::<8>().unwrap())
    };
    let sign = |old, new| witness.add_checkpoint(&log.body(old, new));
    assert_eq!(time_s(&sign(0, 1).unwrap()), NOW_S);
    clock.set(NOW_S - 60);
    assert_eq!(time_s(&sign(1, 2).unwrap()), NOW_S);
    clock.set(NOW_S - 61);
    assert!(matches!(sign(2, 3), Err(Refusal::ClockBehind { behind_s: 61 })));
    clock.set(NOW_S + 5);
    assert_eq!(time_s(&sign(2, 3).unwrap()), NOW_S + 5, "and nothing was kept of the refused one");
    clock.set(1_000_000);
    assert!(matches!(sign(3, 4), Err(Refusal::ClockBehind { .. })));
    drop(witness);
    // Unless a person says that the clock is right.
    let known = KnownLog { key: log.key.verifier().clone(), url: None };
    let accepts = Witness::open(folder.path(), witness_key(1), vec![known], || 1_000_000, true);
    assert_eq!(time_s(&accepts.unwrap().add_checkpoint(&log.body(3, 4)).unwrap()), 1_000_000);
}
