//! Tests of the whole crate: against published vectors and other implementations, golden values, and mutated
//! parts and openings.

mod commitments;
mod dictionary;
mod golden;
mod keys;
mod others;
mod parts;
mod samples;

use event::{Application, LogId, Number};

use crate::*;

fn log() -> LogId {
    LogId::from_random(0x0123_4567_89ab_cdef)
}

fn person(number: u32) -> Owner {
    Owner::Person { application: Application(1), number: Number(number) }
}

fn data_key(seed: u8) -> DataKey {
    DataKey::new(&[seed; DATA_KEY_BYTES])
}

/// The key of the parts of one person alone.
fn part_key(number: u32) -> PartKey {
    PartKey::derive(&[(person(number), &data_key(number as u8))]).unwrap()
}

/// Of the states of persons in the invented log.
fn context() -> SealContext {
    SealContext { log: log(), kind: 5 }
}

fn at(seq: u64) -> PartAt {
    PartAt { log: log(), seq, part: 2 }
}
