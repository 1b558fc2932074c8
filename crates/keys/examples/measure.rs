//! Measures sealing and the files of keys: `cargo run --release -p keys --example measure`.
//!
//! The times are those of one thread; each is the best of five rounds. Files are made in the folder of
//! temporary files, which may be faster than the disk of a data folder.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::hint::black_box;

use event::{Application, LogId, Number, Stopwatch};
use keys::KeyStore;
use sealing::{
    DataKey, MasterKey, Nonce, Owner, PartAt, PartKey, Salts, SealContext, commit_values,
    commit_whole, nonce_of, open, seal,
};

#[path = "../../sealing/src/tests/samples.rs"]
mod samples;

const ROUNDS: usize = 5;

/// Prints the microseconds of one of `times` runs.
fn measure(what: &str, times: usize, mut run: impl FnMut(usize)) {
    let mut best_us = f64::INFINITY;
    for _ in 0..ROUNDS {
        let stopwatch = Stopwatch::start();
        for at in 0..times {
            run(at);
        }
        best_us = best_us.min(stopwatch.elapsed().as_secs_f64() * 1e6 / times as f64);
    }
    println!("{what:<58} {best_us:>9.2} µs");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = LogId::from_random(1);
    let person = |number| Owner::Person { application: Application(1), number: Number(number) };
    let context = SealContext { log, kind: 5 };
    let data_key = DataKey::random()?;
    let key = PartKey::derive(&[(person(1), &data_key)])?;
    let nonce = Nonce::random()?;

    measure("a nonce", 100_000, |_| {
        let _ = black_box(Nonce::random());
    });
    measure("a part key of one owner", 100_000, |_| {
        let _ = black_box(PartKey::derive(&[(person(1), &data_key)]));
    });
    let thousand: Vec<(Owner, &DataKey)> =
        (1..=1000).map(|number| (person(number), &data_key)).collect();
    measure("a part key of 1,000 owners", 1000, |_| {
        let _ = black_box(PartKey::derive(&thousand));
    });

    // Of persons that the dictionary was not trained on.
    let state = |seed| samples::contents(seed).swap_remove(samples::STATE);
    let states: Vec<Vec<u8>> = (50_000..51_000).map(state).collect();
    let others: Vec<Vec<u8>> = (50_000..50_100).flat_map(samples::contents).collect();
    for (name, contents) in [("a user's state", &states), ("a part of any kind", &others)] {
        let bytes: usize = contents.iter().map(Vec::len).sum();
        let sealed = contents
            .iter()
            .map(|content| seal(&key, context, &nonce, content))
            .collect::<Result<Vec<_>, _>>()?;
        let sealed_bytes: usize = sealed.iter().map(|one| one.bytes.len()).sum();
        let count = contents.len();
        println!("{name}: {} bytes, sealed {}", bytes / count, sealed_bytes / count);
        measure("  seal", 20_000, |at| {
            let _ = black_box(seal(&key, context, &nonce, &contents[at % count]));
        });
        measure("  open", 20_000, |at| {
            let one = &sealed[at % count];
            let _ = black_box(open(&key, context, one.form as u8, &one.bytes));
        });
        measure("  commitment to the whole, with its salts", 20_000, |at| {
            let sealed = &sealed[at % count].bytes;
            if let Ok(nonce) = nonce_of(sealed) {
                let at_part = PartAt { log, seq: at as u64, part: 0 };
                let salts = Salts::new(&key, at_part, &nonce);
                black_box(commit_whole(&salts, &contents[at % count]));
            }
        });
    }
    let values: Vec<(Vec<u8>, Vec<u8>)> = (0..20)
        .map(|number| (format!("attribute{number}").into_bytes(), b"\"a value\"".to_vec()))
        .collect();
    measure("commitment to 20 values", 10_000, |at| {
        let salts = Salts::new(&key, PartAt { log, seq: at as u64, part: 0 }, &nonce);
        let values = values.iter().map(|(name, value)| (&name[..], &value[..]));
        black_box(commit_values(&salts, values));
    });

    let folder = std::env::temp_dir().join(format!("provlog-measure-{}", std::process::id()));
    let keys = KeyStore::open(&folder, log, &MasterKey::random()?)?;
    keys.add_application(Application(1))?;
    let mut next = 0;
    measure("256 keys made and synced", 50, |_| {
        let _ = keys.make_numbers(Application(1), Number(next));
        next += 256;
    });
    let stopwatch = Stopwatch::start();
    keys.make_numbers(Application(1), Number(1_000_000))?;
    println!("1,000,000 keys made at once: {:.2} s", stopwatch.elapsed().as_secs_f64());
    measure("a key from the file", 500_000, |at| {
        // So far apart that none is in the cache.
        let number = 1 + (at as u32 * 7919) % 999_999;
        let _ = black_box(keys.key(person(number)));
    });
    measure("a key from the cache", 500_000, |at| {
        let _ = black_box(keys.key(person(1 + at as u32 % 1000)));
    });
    let mut number = 0;
    measure("a key destroyed and synced", 100, |_| {
        number += 1;
        let _ = black_box(keys.erase(&[person(number)], 1));
    });
    let stopwatch = Stopwatch::start();
    let mut live = 0;
    keys.scan(|_, state| live += u64::from(state == keys::KeyState::Live))?;
    println!("{live} keys scanned: {:.2} s", stopwatch.elapsed().as_secs_f64());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
