use std::io::{Cursor, Write};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::export::{Export, Folder, Form, Sink, Target, Zip};

/// The files of an export, for tests to change.
type Files = Vec<(String, Vec<u8>)>;

/// The content of `one.ndjson`.
const ONE: &[u8] = b"{\"userName\":\"mira.lund@fjord.example\"}\n";

fn files() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::new(Folder::create(folder.path()).unwrap(), "0.1.0", json!({}));
    let row = json!({"userName": "mira.lund@fjord.example"});
    for name in ["one.ndjson", "two.ndjson"] {
        let mut file = export.file(name, Form::Ndjson).unwrap();
        file.row(row.as_object().unwrap()).unwrap();
        file.finish().unwrap();
    }
    let envelope =
        json!({"generatedAt": "", "atSeq": 1, "head": {}, "coverage": {}, "rowCount": 2});
    export.finish(&envelope).unwrap();
    let names = ["one.ndjson", "two.ndjson", "manifest.json"];
    let files = names.map(|name| (name.to_owned(), fs::read(folder.path().join(name)).unwrap()));
    assert_eq!(files[0].1, ONE);
    files.to_vec()
}

fn zip(files: &Files) -> Vec<u8> {
    let mut bytes = vec![];
    let mut target = Zip::new(&mut bytes);
    for (name, bytes) in files {
        let mut sink = target.create(name).unwrap();
        sink.write_all(bytes).unwrap();
        sink.close().unwrap();
    }
    target.finish().unwrap();
    bytes
}

fn check_zip(bytes: &[u8]) -> Result<CheckReport, CheckError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.zip");
    fs::write(&path, bytes).unwrap();
    check(&path)
}

/// Checks an export as a folder and as a zip.
fn both(files: &Files) -> [Result<CheckReport, CheckError>; 2] {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    [check(folder.path()), check_zip(&zip(files))]
}

/// Checks the findings for a changed export.
#[track_caller]
fn expect(change: impl FnOnce(&mut Files), expected: &[(&str, Finding)]) {
    let mut files = files();
    change(&mut files);
    for report in both(&files) {
        let report = report.unwrap();
        let found: Vec<_> =
            report.files.iter().map(|file| (file.name.as_str(), file.finding)).collect();
        assert_eq!(found, expected);
        let sound = expected.iter().all(|(_, finding)| *finding == Finding::Same);
        assert_eq!(report.is_sound(), sound);
    }
}

/// Checks why a manifest is refused.
#[track_caller]
fn refuse(change: impl FnOnce(&mut Value), reason: &str) {
    let mut files = files();
    let mut manifest = serde_json::from_slice(&files[2].1).unwrap();
    change(&mut manifest);
    files[2].1 = serde_json::to_vec(&manifest).unwrap();
    for refused in both(&files) {
        assert_eq!(refused.unwrap_err().to_string(), reason);
    }
}

#[test]
fn an_untouched_export_is_sound() {
    expect(|_| {}, &[("one.ndjson", Finding::Same), ("two.ndjson", Finding::Same)]);
}

#[test]
fn every_changed_file_is_named() {
    let differs = [("one.ndjson", Finding::Differs), ("two.ndjson", Finding::Same)];
    expect(|files| files[0].1[14] = b'M', &differs);
    expect(|files| files[0].1.push(b'\n'), &differs);
    expect(|files| files[0].1.extend([b' '; 200_000]), &differs);
    expect(|files| files[0].1.truncate(ONE.len() - 1), &differs);
    expect(|files| files[0].1.clear(), &differs);
}

#[test]
fn a_length_that_is_listed_wrongly_is_told() {
    for bytes in [0, ONE.len() - 1, ONE.len() + 1] {
        let mut files = files();
        let mut manifest: Value = serde_json::from_slice(&files[2].1).unwrap();
        manifest["files"][0]["bytes"] = bytes.into();
        files[2].1 = serde_json::to_vec(&manifest).unwrap();
        for report in both(&files) {
            assert_eq!(report.unwrap().files[0].finding, Finding::Differs, "{bytes}");
        }
    }
}

#[test]
fn what_is_missing_and_what_is_not_listed_is_named() {
    expect(
        |files| drop(files.remove(1)),
        &[("one.ndjson", Finding::Same), ("two.ndjson", Finding::Missing)],
    );
    expect(
        |files| files.push(("three.ndjson".to_owned(), ONE.to_vec())),
        &[
            ("one.ndjson", Finding::Same),
            ("two.ndjson", Finding::Same),
            ("three.ndjson", Finding::NotListed),
        ],
    );
    expect(
        |files| files[0].0 = "ONE.ndjson".to_owned(),
        &[
            ("one.ndjson", Finding::Missing),
            ("two.ndjson", Finding::Same),
            ("ONE.ndjson", Finding::NotListed),
        ],
    );
}

#[test]
fn names_are_shown_without_what_could_steer_a_terminal() {
    let long = "x".repeat(200);
    let shown = "x".repeat(100);
    expect(
        |files| files.extend([("\u{1b}[2J\n".to_owned(), vec![]), (long, vec![])]),
        &[
            ("one.ndjson", Finding::Same),
            ("two.ndjson", Finding::Same),
            (r"\u{1b}[2J\n", Finding::NotListed),
            (&shown, Finding::NotListed),
        ],
    );
}

#[test]
fn a_name_that_stands_twice_in_a_zip_is_told() {
    let mut twice = files();
    twice.insert(0, ("one.ndjson".to_owned(), ONE.to_vec()));
    let report = check_zip(&zip(&twice)).unwrap();
    assert_eq!(report.files[0].finding, Finding::Repeated);
    let mut twice = files();
    twice.insert(0, twice[2].clone());
    let refused = check_zip(&zip(&twice)).unwrap_err();
    assert_eq!(refused.to_string(), "manifest.json is damaged: there are several");
}

#[test]
fn a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let (here, there) = (folder.path().join("one.ndjson"), elsewhere.path().join("one.ndjson"));
    fs::rename(&here, &there).unwrap();
    std::os::unix::fs::symlink(&there, &here).unwrap();
    assert_eq!(fs::read(&here).unwrap(), ONE);
    assert_eq!(check(folder.path()).unwrap().files[0].finding, Finding::Differs);
}

#[test]
fn what_is_no_export_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(check(folder.path()), Err(CheckError::NoManifest)));
    assert!(matches!(check(&folder.path().join("none")), Err(CheckError::NotAnExport { .. })));
    assert!(matches!(check_zip(b"seq,at\r\n"), Err(CheckError::NotAnExport { .. })));
    assert!(matches!(check_zip(&zip(&vec![])), Err(CheckError::NoManifest)));
    let many: Files = (0..=ENTRIES_MAX).map(|n| (n.to_string(), vec![])).collect();
    for refused in both(&many) {
        assert!(matches!(refused, Err(CheckError::TooMany)));
    }
}

#[test]
fn a_manifest_that_no_export_writes_is_refused() {
    let damaged = |what: &str| format!("manifest.json is damaged: {what}");
    refuse(|manifest| *manifest = json!([]), &damaged("it has no `format`"));
    refuse(
        |manifest| manifest["format"] = 2.into(),
        "manifest.json has format 2; a newer provlog reads it",
    );
    refuse(|manifest| manifest["files"] = json!({}), &damaged("it lists no `files`"));
    refuse(
        |manifest| manifest["files"] = vec![json!({}); 101].into(),
        &damaged("it lists more files than an export has"),
    );
    for name in ["../one.ndjson", "/etc/hosts", "manifest.json", ""] {
        refuse(
            |manifest| manifest["files"][0]["name"] = name.into(),
            &damaged("a file has no name that an export gives"),
        );
    }
    refuse(
        |manifest| manifest["files"][1]["name"] = "one.ndjson".into(),
        &damaged("it lists a file twice"),
    );
    for member in ["bytes", "sha256"] {
        refuse(
            |manifest| manifest["files"][0][member] = Value::Null,
            &damaged("a file has no `bytes` or `sha256`"),
        );
    }
    let long = " ".repeat(MANIFEST_BYTES_MAX as usize + 1);
    let mut files = files();
    for (bytes, what) in [(long.into_bytes(), "it is too long"), (b"{".to_vec(), "it is not JSON")]
    {
        files[2].1 = bytes;
        for refused in both(&files) {
            assert_eq!(refused.unwrap_err().to_string(), damaged(what));
        }
    }
}

#[test]
fn a_file_packed_anew_is_the_same_file() {
    let mut bytes = vec![];
    let mut writer = ::zip::ZipWriter::new(Cursor::new(&mut bytes));
    let stored = ::zip::write::SimpleFileOptions::default()
        .compression_method(::zip::CompressionMethod::Stored);
    for (name, bytes) in files() {
        writer.start_file(name, stored).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap();
    assert!(check_zip(&bytes).unwrap().is_sound());
}

#[test]
fn a_zip_that_was_cut_is_never_sound() {
    let whole = zip(&files());
    assert!(check_zip(&whole).unwrap().is_sound());
    for end in 0..whole.len() {
        assert!(check_zip(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn broken_bytes_in_a_zip_name_their_file() {
    let whole = zip(&files());
    // The compressed bytes of the first file: after its local header, before the second.
    let second = whole.windows(4).skip(1).position(|four| four == b"PK\x03\x04").unwrap() + 1;
    let mut found = 0;
    for at in 60..second - 20 {
        let mut broken = whole.clone();
        broken[at] ^= 0x20;
        let report = check_zip(&broken).unwrap();
        assert_eq!(report.files[1].finding, Finding::Same, "{at}");
        found += usize::from(report.files[0].finding == Finding::Differs);
    }
    // Some changed bits decompress to the same bytes.
    assert!(found > (second - 80) / 2, "{found}");
}

#[test]
fn a_directory_that_other_programs_stumble_over_is_told() {
    let whole = zip(&files());
    let directory = whole.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    // Compression, checksum and place of the first file.
    for at in [10, 16, 42] {
        let mut broken = whole.clone();
        broken[directory + at] ^= 0x40;
        assert_eq!(check_zip(&broken).unwrap().files[0].finding, Finding::Differs, "{at}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = zip(&files());
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        // It only must return.
        let _ = check_zip(&bytes);
    }

    #[test]
    fn any_manifest_is_refused_or_read(text in "[\\[\\]{}\":,0-9a-z]{0,60}") {
        let _ = manifest::read(text.as_bytes());
    }
}
