//! Mutated requests: none makes a panic, and only one that says the same as the original is signed.
//!
//! `PROVLOG_TEST_MUTATIONS` is the number of mutations. They are the same in each run.

use tlog::AddCheckpoint;

use super::*;

/// A small generator of numbers (xorshift64*), so that each run is the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }
}

fn mutated(numbers: &mut Numbers, bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut body = bodies[numbers.below(bodies.len())].clone();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(body.len().max(1));
        let to = (at + numbers.below(60)).min(body.len());
        match numbers.below(9) {
            0 => body.truncate(at),
            1 => drop(body.drain(at..to)),
            2 if at < body.len() => body[at] ^= 1 << numbers.below(8),
            3 if at < body.len() => body[at] = b"\n 019+=/\xe2\x00"[numbers.below(10)],
            4 => body.insert(at, b"\n 019+=/\xe2\x00"[numbers.below(10)]),
            5 => {
                let piece = body[at.min(to)..to].to_vec();
                let place = numbers.below(body.len() + 1);
                body.splice(place..place, piece);
            }
            // Lines change places, or come twice.
            6 | 7 => {
                let mut lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
                if lines.is_empty() {
                    continue;
                }
                let (one, other) = (numbers.below(lines.len()), numbers.below(lines.len()));
                match numbers.below(2) {
                    0 => lines.swap(one, other),
                    _ => lines.insert(one, lines[other]),
                }
                body = lines.concat();
            }
            // The beginning of one, and the end of another.
            _ => {
                let other = &bodies[numbers.below(bodies.len())];
                body.truncate(at);
                body.extend_from_slice(&other[numbers.below(other.len())..]);
            }
        }
    }
    body
}

#[test]
fn mutated_requests_are_never_signed_when_they_are_wrong() {
    let count = std::env::var("PROVLOG_TEST_MUTATIONS").ok();
    let count: usize = count.map_or(20_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (log, fork, clock) = (Log::new(320), Log::forked(320, 150), Clock::new());
    let witness = opened(folder.path(), &log, &clock).unwrap();
    let other = Log::named("log.example/other", 320);
    witness.add_checkpoint(&log.body(0, 200)).unwrap();
    // 319 entries are what the log has not signed. Whoever gets there by mutations has forged.
    let bodies: Vec<Vec<u8>> = vec![
        log.body(200, 200),
        log.body(199, 200),
        log.body(0, 200),
        fork.body(200, 200),
        fork.body(200, 300),
        other.body(200, 300),
        log.body(100, 200),
        log.body(199, 199),
    ];
    let (mut numbers, mut signed, mut refused) = (Numbers(20_772), 0, 0);
    for _ in 0..count {
        let body = mutated(&mut numbers, &bodies);
        match witness.add_checkpoint(&body) {
            Ok(signature) => {
                signed += 1;
                let request = AddCheckpoint::parse(&body).unwrap();
                assert_eq!(request.old_size(), 200);
                let checkpoint = request.checkpoint().unverified();
                assert_eq!(checkpoint, log.signed(200).unverified());
                let expected = tlog::cosign(checkpoint, NOW_S, &witness_key(1)).unwrap();
                assert_eq!(signature, expected);
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    // Signatures of unknown keys are ignored, so some mutations are good.
    assert!(signed > count / 1_000 && refused > count / 2, "{signed} signed, {refused} refused");
    // And it stands where it stood.
    witness.add_checkpoint(&log.body(200, 300)).unwrap();
}
