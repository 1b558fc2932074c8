//! The client: against our witness, and against what lies.

use std::sync::atomic::AtomicUsize;

use tlog::{NOTE_BYTES_MAX, cosign, parse_cosignatures, print_cosignatures};

use super::stub::{Stub, reply};
use super::*;
use crate::{
    ANSWER_BYTES_MAX, Answer, AskError, AskFailure, BACK_OFF_S_MAX, BACK_OFF_S_MIN, PEERS_MAX,
    Peer, PeersError, TIME_DIFFERENCE_S_MAX, Witnesses, ask,
};

const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

fn peer(number: u8, url: &str, known_size: u64) -> Peer {
    Peer { url: url.to_owned(), key: witness_key(number).verifier().clone(), known_size }
}

fn witnesses(peers: Vec<Peer>) -> Witnesses {
    Witnesses::new(patient(), peers).unwrap()
}

/// Asks all that are due to sign a size.
fn round(witnesses: &mut Witnesses, log: &Log, size: u64, now_s: u64) -> Vec<Answer> {
    witnesses.ask(&log.signed(size), now_s, |old, new| log.prove(old, new))
}

/// What witness 1 says of a size at a time.
fn signature(log: &Log, size: u64, time_s: u64) -> String {
    print_cosignatures(&[cosign(log.signed(size).unverified(), time_s, &witness_key(1)).unwrap()])
}

#[test]
fn a_log_asks_its_witness_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(600), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    let mut asks = witnesses(vec![peer(1, &format!("{}/", serving.url), 0)]);
    for (turn, size) in [0, 1, 1, 256, 599, 600].into_iter().enumerate() {
        let now_s = NOW_S + turn as u64;
        clock.set(now_s);
        let answers = round(&mut asks, &log, size, now_s);
        let [
            Answer {
                place: 0,
                outcome: Ok(cosigned),
                known_size,
                forgot_size: None,
                back_off_s: 0,
            },
        ] = &answers[..]
        else {
            panic!("{answers:?}")
        };
        let expected = signature(&log, size, now_s);
        assert_eq!(print_cosignatures(std::slice::from_ref(&cosigned.signature)), expected);
        assert_eq!((cosigned.time_s, *known_size), (now_s, size));
    }

    // A log that has forgotten what the witness knows is told, and goes on.
    let mut asks = witnesses(vec![peer(1, &serving.url, 0)]);
    let answers = round(&mut asks, &log, 600, NOW_S);
    assert!(answers[0].outcome.is_ok() && answers[0].known_size == 600, "{answers:?}");
    // One that knows too much, too.
    let mut asks = witnesses(vec![peer(1, &serving.url, 700)]);
    let answers = round(&mut asks, &log, 600, NOW_S);
    assert!(answers[0].outcome.is_ok() && answers[0].known_size == 600, "{answers:?}");
    assert_eq!(answers[0].forgot_size, Some(700));
    // One that stands below what the witness signed is told so.
    let answers = round(&mut asks, &log, 500, NOW_S);
    let ahead = &answers[0].outcome;
    assert!(matches!(ahead, Err(AskFailure::Ahead { size: 500, stated: 600 })), "{answers:?}");
    assert_eq!((answers[0].known_size, answers[0].forgot_size), (600, None));
}

#[test]
fn a_log_with_two_histories_gets_no_signature() {
    let folder = tempfile::tempdir().unwrap();
    let (log, fork, clock) = (Log::new(300), Log::forked(300, 100), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    let mut asks = witnesses(vec![peer(1, &serving.url, 0)]);
    assert!(round(&mut asks, &log, 200, NOW_S)[0].outcome.is_ok());
    for size in [200, 201, 300] {
        let mut asks = witnesses(vec![peer(1, &serving.url, 200)]);
        let answers = round(&mut asks, &fork, size, NOW_S);
        let outcome = &answers[0].outcome;
        let refused = matches!(
            outcome,
            Err(AskFailure::Asked(AskError::Refused { status: 422, reason }))
                if reason.starts_with("the checkpoint does not go on from")
        );
        assert!(refused, "{size}: {outcome:?}");
        assert_eq!(answers[0].known_size, 200);
    }
}

/// What a witness that lies answers, and what becomes of it.
fn check(
    answer: impl Fn(usize, &str) -> Option<Vec<u8>> + Send + 'static,
    requests: usize,
    is_expected: impl Fn(&AskFailure) -> bool,
) {
    let log = Log::new(300);
    let stub = Stub::start(answer);
    let mut asks = witnesses(vec![peer(1, &stub.url, 100)]);
    let answers = round(&mut asks, &log, 200, NOW_S);
    let [Answer { outcome: Err(failure), known_size: 100, back_off_s: BACK_OFF_S_MIN, .. }] =
        &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert!(is_expected(failure), "{failure:?}");
    assert_eq!(stub.seen().len(), requests, "{failure:?}");
}

#[test]
fn signatures_that_are_wrong_are_not_taken() {
    let log = Log::new(300);
    let signed = |body: String| move |_: usize, _: &str| reply(200, TEXT, &body);
    let bad = |failure: &AskFailure| matches!(failure, AskFailure::BadSignature(_));
    // Of another size, or changed.
    check(signed(signature(&log, 199, NOW_S)), 1, bad);
    let good = signature(&log, 200, NOW_S);
    let place = good.len() - 6;
    let other = if &good[place..=place] == "A" { "B" } else { "A" };
    check(signed(format!("{}{other}{}", &good[..place], &good[place + 1..])), 1, bad);
    // A bad one beside a good one.
    check(signed(format!("{good}{}", signature(&log, 199, NOW_S))), 1, bad);
    // By others, among them the log.
    let by_other =
        print_cosignatures(
            &[cosign(log.signed(200).unverified(), NOW_S, &witness_key(2)).unwrap()],
        );
    let unknown = |failure: &AskFailure| matches!(failure, AskFailure::NotSigned);
    check(signed(by_other.clone()), 1, unknown);
    check(signed(by_other.replacen("/w2", "/w1", 1)), 1, unknown);
    check(signed(print_cosignatures(log.signed(200).note().signatures())), 1, unknown);
    // At another time.
    for time_s in [1, NOW_S - TIME_DIFFERENCE_S_MAX - 1, NOW_S + TIME_DIFFERENCE_S_MAX + 1] {
        let wrong = |failure: &AskFailure| matches!(failure, AskFailure::Time { .. });
        check(signed(signature(&log, 200, time_s)), 1, wrong);
    }
    // No signatures at all.
    for body in ["", "\n", "thanks\n", &good[..good.len() - 1], &good.replace("\u{2014}", "-")] {
        let broken =
            |failure: &AskFailure| matches!(failure, AskFailure::Asked(AskError::Cosignatures(_)));
        check(signed(body.to_owned()), 1, broken);
    }
    // The same beside what is to be ignored is taken, and only that.
    let stub = Stub::start(signed(format!("{by_other}{good}{good}")));
    let mut asks = witnesses(vec![peer(1, &stub.url, 100)]);
    let answers = round(&mut asks, &log, 200, NOW_S + TIME_DIFFERENCE_S_MAX);
    let cosigned = answers[0].outcome.as_ref().unwrap();
    assert_eq!(print_cosignatures(std::slice::from_ref(&cosigned.signature)), good);
    assert_eq!(stub.seen(), [log.request(100, 200).to_string()], "byte for byte");
}

#[test]
fn sizes_that_lead_nowhere_end_the_round() {
    let size = |size: u64| reply(409, SIZE, &format!("{size}\n"));
    // The one that was asked from: it has signed another tree, or lies.
    let same =
        |failure: &AskFailure| matches!(failure, AskFailure::Unsteady { asked: 100, stated: 100 });
    check(move |_, _| size(100), 1, same);
    let goes_on = |failure: &AskFailure| matches!(failure, AskFailure::Unsteady { .. });
    check(move |number, _| size(number as u64), 3, goes_on);
    check(move |number, _| size(200 - number as u64), 3, goes_on);
    let back_and_forth =
        |failure: &AskFailure| matches!(failure, AskFailure::Unsteady { asked: 100, stated: 7 });
    check(move |number, _| size([7, 100, 7][number]), 3, back_and_forth);
    let ahead = |failure: &AskFailure| {
        matches!(failure, AskFailure::Ahead { size: 200, stated: tlog::SIZE_MAX })
    };
    check(move |_, _| size(tlog::SIZE_MAX), 1, ahead);
    // No sizes.
    let unread = |failure: &AskFailure| matches!(failure, AskFailure::Asked(AskError::Size(_)));
    for body in ["", "7", "-1\n", "07\n", "9223372036854775808\n", "7\n7\n"] {
        check(move |_, _| reply(409, SIZE, body), 1, unread);
    }
    let other = |failure: &AskFailure| {
        matches!(failure, AskFailure::Asked(AskError::Refused { status: 409, .. }))
    };
    check(move |_, _| reply(409, TEXT, "7\n"), 1, other);
    // Twice is what may happen, and the requests are what a witness expects.
    let log = Log::new(300);
    let signed = signature(&log, 200, NOW_S);
    let stub = Stub::start(move |number, _| match number {
        0 => size(0),
        1 => size(150),
        _ => reply(200, TEXT, &signed),
    });
    let mut asks = witnesses(vec![peer(1, &stub.url, 100)]);
    let answers = round(&mut asks, &log, 200, NOW_S);
    assert!(answers[0].outcome.is_ok(), "{answers:?}");
    assert_eq!((answers[0].known_size, answers[0].forgot_size), (200, Some(100)));
    let expected = [100, 0, 150].map(|old| log.request(old, 200).to_string());
    assert_eq!(stub.seen(), expected);
}

#[test]
fn answers_that_are_no_answers_end_the_round() {
    let long = |failure: &AskFailure| matches!(failure, AskFailure::Asked(AskError::TooLong));
    let line = "\u{2014} witness.example/w1 AAAAAAA=\n";
    let body = line.repeat(ANSWER_BYTES_MAX / line.len() + 1);
    for status in [200, 409] {
        let body = body.clone();
        check(move |_, _| reply(status, SIZE, &body), 1, long);
    }
    // One that never ends is read no further: there the client would find that it breaks off.
    let endless =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n{}", body.repeat(20));
    check(move |_, _| Some(endless.clone().into_bytes()), 1, long);
    let announced =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{line}", 2 * NOTE_BYTES_MAX);
    let broken =
        |failure: &AskFailure| matches!(failure, AskFailure::Asked(AskError::BrokenOff(_)));
    check(move |_, _| Some(announced.clone().into_bytes()), 1, broken);
    let gone =
        |failure: &AskFailure| matches!(failure, AskFailure::Asked(AskError::Unreachable(_)));
    check(move |_, _| Some(vec![]), 1, gone);
    check(move |_, _| Some(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), 1, gone);
    for status in [204, 302, 400, 403, 404, 500, 503] {
        let location = format!(
            "HTTP/1.1 {status} Stub\r\nLocation: /add-checkpoint\r\nContent-Length: 0\r\n\r\n"
        );
        let refused = move |failure: &AskFailure| matches!(failure, AskFailure::Asked(AskError::Refused { status: found, .. }) if *found == status);
        check(move |_, _| Some(location.clone().into_bytes()), 1, refused);
    }
    // What it says is cut, and has nothing that a terminal would act on.
    let said = format!("no\u{1b}[31m\r\nway{}", "y".repeat(100_000));
    let shown = |failure: &AskFailure| match failure {
        AskFailure::Asked(AskError::Refused { reason, .. }) => {
            reason.starts_with("no [31m  wayy") && reason.chars().count() == 200
        }
        _ => false,
    };
    check(move |_, _| reply(403, TEXT, &said), 1, shown);
}

#[test]
fn a_witness_that_hangs_is_given_up_and_delays_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(300), Clock::new());
    let serving = Serving::of(opened(folder.path(), &log, &clock).unwrap());
    let (hangs, trickles) = (Stub::start(|_, _| None), Stub::start(|_, _| None));
    let agent = agent(Duration::from_millis(300), None);
    let peers = vec![peer(2, &hangs.url, 0), peer(1, &serving.url, 0), peer(3, &trickles.url, 0)];
    let mut asks = Witnesses::new(agent.clone(), peers).unwrap();
    let answers = round(&mut asks, &log, 200, NOW_S);
    assert_eq!(answers.iter().map(|answer| answer.place).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(answers[1].outcome.is_ok(), "{answers:?}");
    for place in [0, 2] {
        let timed_out = matches!(
            &answers[place].outcome,
            Err(AskFailure::Asked(AskError::Unreachable(ureq::Error::Timeout(_))))
        );
        assert!(timed_out, "{answers:?}");
    }
    // A proof that cannot be made asks nobody.
    let asked = hangs.seen().len();
    let mut asks = Witnesses::new(agent, vec![peer(2, &hangs.url, 0)]).unwrap();
    let answers = asks.ask(&log.signed(200), NOW_S, |_, _| Err("no such tile"));
    assert!(matches!(answers[0].outcome, Err(AskFailure::Proof(_))), "{answers:?}");
    assert_eq!(hangs.seen().len(), asked);
}

#[test]
fn a_witness_that_fails_is_left_alone_for_longer_and_longer() {
    let log = Log::new(300);
    let signed = signature(&log, 200, NOW_S + 100_000);
    let fails = Arc::new(AtomicUsize::new(12));
    let left = Arc::clone(&fails);
    let stub = Stub::start(move |_, _| match left.load(Ordering::SeqCst) {
        0 => reply(200, TEXT, &signed),
        _ => reply(500, TEXT, "no\n"),
    });
    let mut asks = witnesses(vec![peer(1, &stub.url, 0)]);
    let mut now_s = NOW_S;
    let mut expected = BACK_OFF_S_MIN;
    for _ in 0..12 {
        let answers = round(&mut asks, &log, 200, now_s);
        assert_eq!(answers[0].back_off_s, expected, "{answers:?}");
        assert!(round(&mut asks, &log, 200, now_s + expected - 1).is_empty(), "not yet");
        now_s += expected;
        expected = (2 * expected).min(BACK_OFF_S_MAX);
    }
    assert_eq!(stub.seen().len(), 12);
    // A clock that is set back delays nobody.
    let answers = round(&mut asks, &log, 200, NOW_S - 1_000_000);
    assert_eq!(answers[0].back_off_s, BACK_OFF_S_MAX);
    fails.store(0, Ordering::SeqCst);
    let answers = round(&mut asks, &log, 200, NOW_S + 100_000);
    assert!(answers[0].outcome.is_ok() && answers[0].back_off_s == 0, "{answers:?}");
    fails.store(1, Ordering::SeqCst);
    let answers = round(&mut asks, &log, 200, NOW_S + 100_000);
    assert_eq!(answers[0].back_off_s, BACK_OFF_S_MIN, "it begins anew");
}

#[test]
fn one_request_is_what_ask_sends() {
    let log = Log::new(300);
    let good = signature(&log, 200, NOW_S);
    let stub = Stub::start({
        let good = good.clone();
        move |_, _| reply(200, TEXT, &good)
    });
    for url in [stub.url.clone(), format!("{}/", stub.url)] {
        let signatures = ask(&patient(), &url, &log.request(0, 200)).unwrap();
        assert_eq!(signatures, parse_cosignatures(good.as_bytes()).unwrap());
    }
    assert_eq!(stub.seen(), [log.request(0, 200).to_string(), log.request(0, 200).to_string()]);
}

#[test]
fn witnesses_that_make_no_sense_are_refused() {
    let refused = |peers| Witnesses::new(patient(), peers).unwrap_err();
    let url = "http://127.0.0.1:1";
    let log_key = Log::new(1).key.verifier().clone();
    let log = Peer { url: url.to_owned(), key: log_key, known_size: 0 };
    assert!(matches!(refused(vec![log]), PeersError::NotAWitness { .. }));
    for url in ["", "witness.example", "ftp://witness.example"] {
        assert!(matches!(refused(vec![peer(1, url, 0)]), PeersError::Address { .. }), "{url}");
    }
    let twice = vec![peer(1, url, 0), peer(2, url, 0), peer(1, url, 0)];
    assert!(matches!(refused(twice), PeersError::Twice { .. }));
    let many = (0..=PEERS_MAX as u8).map(|number| peer(number, url, 0)).collect();
    assert!(matches!(refused(many), PeersError::TooMany));
}
