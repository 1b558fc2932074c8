//! What is stored, as a file in `tests/data/sealing`: a change of it is a change of the format.
//! `UPDATE_GOLDEN=1` writes it anew. Contents that zstd compresses are not compared, because another version
//! of it may compress otherwise, but must open for ever.

use std::fmt::Write as _;
use std::path::PathBuf;

use data_encoding::HEXLOWER;

use super::samples::contents;
use super::*;

fn file(name: &str, written: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/sealing");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, written).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn keys_parts_and_commitments() {
    let mut text = String::new();
    let mut line = |name: &str, bytes: &[u8]| {
        writeln!(text, "{name} {}", HEXLOWER.encode(bytes)).unwrap();
    };
    let nonce = Nonce::new(std::array::from_fn(|at| at as u8));
    let month = Owner::Month { application: Application(2), month: Month(682) };
    let (one, two) = (data_key(1), data_key(2));
    let of_two = PartKey::derive(&[(person(3), &one), (month, &two)]).unwrap();
    for (name, key) in [("one-owner", part_key(1)), ("two-owners", of_two)] {
        let sealed = seal(&key, context(), &nonce, b"seventeen").unwrap();
        assert_eq!(sealed.form, Form::Sealed);
        line(&format!("{name}-sealed"), &sealed.bytes);
        let salts = Salts::new(&key, at(1842), &nonce);
        line(&format!("{name}-whole"), commit_whole(&salts, b"seventeen").as_bytes());
        let values = [(&b"active"[..], &b"true"[..]), (b"id", b"\"g-1\""), (b"title", b"\"x\"")];
        line(&format!("{name}-values"), commit_values(&salts, values).as_bytes());
        let opening = ValueTree::new(&salts, values.to_vec()).open(2).unwrap();
        line(&format!("{name}-salt"), &opening.salt.0);
    }
    let master = MasterKey::new(&[7; 32]);
    let wrap = WrapKey::new(&master, log());
    line("wrapped-person", &wrap.wrap(person(3), &nonce, &one));
    line("wrapped-month", &wrap.wrap(month, &nonce, &two));
    line("mark", &wrap.mark(person(3), 1842));
    line("master-id", &master.id().0);
    writeln!(text, "master {}", *master.to_text()).unwrap();
    assert_eq!(file("vectors.txt", &text), text);
}

/// Parts that were compressed with each released dictionary.
#[test]
fn compressed_parts_of_before_open() {
    let mut text = String::new();
    for content in contents(77) {
        let nonce = Nonce::new([text.len() as u8; 24]);
        let Sealed { form, bytes } = seal(&part_key(1), context(), &nonce, &content).unwrap();
        writeln!(text, "{} {}", form as u8, HEXLOWER.encode(&bytes)).unwrap();
    }
    let kept = file("compressed-1.txt", &text);
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(lines.len(), contents(77).len());
    assert!(lines.iter().filter(|line| line.starts_with('2')).count() > 8);
    for (line, content) in lines.iter().zip(contents(77)) {
        let (form, bytes) = line.split_once(' ').unwrap();
        let bytes = HEXLOWER.decode(bytes.as_bytes()).unwrap();
        assert_eq!(open(&part_key(1), context(), form.parse().unwrap(), &bytes), Ok(content));
    }
}
