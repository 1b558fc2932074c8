use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use serde_json::json;

use super::*;

const COLUMNS: &[&str] = &["seq", "userName", "displayName", "memberSince"];

fn columns() -> Vec<FileColumn> {
    COLUMNS.iter().map(|column| FileColumn::of(column)).collect()
}
/// More rows than one buffer holds.
const ROWS: u64 = 3000;

fn envelope() -> Value {
    json!({
        "query": {"not": "taken from here"},
        "generatedAt": "2026-03-03T10:00:00.000000Z",
        "atSeq": 1842,
        "head": {"seq": 1900},
        "coverage": {"state": "complete", "gaps": []},
        "rowCount": ROWS,
        "rows": [],
    })
}

fn row(n: u64) -> Map<String, Value> {
    let display = ["Lund, Mira", "=1+1", "Åsa \"Å\"\r\nBerg", ""][n as usize % 4];
    let value = json!({
        "seq": n,
        "userName": format!("mira.lund{n}@fjord.example"),
        "displayName": display,
        "memberSince": null,
        "flags": [{"kind": "unknownAttribute", "path": "title"}],
    });
    value.as_object().unwrap().clone()
}

/// An export with one file of each format.
fn export<T: Target>(target: T) -> Result<(), ExportError> {
    let mut export =
        Export::new(target, "0.1.0", json!({"path": "/api/v1/apps/crm/groups/7/members"}));
    let forms = [
        ("members.csv", Form::Csv { columns: columns(), bom: true }),
        ("members.ndjson", Form::Ndjson),
    ];
    for (name, form) in forms {
        let mut file = export.file(name, form)?;
        for n in 0..ROWS {
            file.row(&row(n))?;
        }
        file.finish()?;
    }
    export.finish(&envelope())
}

fn zipped() -> Vec<u8> {
    let mut bytes = vec![];
    export(Zip::new(&mut bytes)).unwrap();
    bytes
}

/// The files of a zip in order, read by another crate.
fn unzipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ::zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let files = (0..archive.len()).map(|n| {
        let mut file = archive.by_index(n).unwrap();
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    });
    files.collect()
}

fn in_folder(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(path).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    });
    files.collect()
}

fn names(path: &Path) -> Vec<String> {
    in_folder(path).into_keys().collect()
}

#[test]
fn another_reader_sees_every_row_and_the_manifest_last() {
    let files = unzipped(&zipped());
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["members.csv", "members.ndjson", "manifest.json"]);
    let (csv, ndjson) = (&files[0].1, &files[1].1);

    let mut reader = ::csv::Reader::from_reader(csv.strip_prefix("\u{feff}".as_bytes()).unwrap());
    assert_eq!(reader.headers().unwrap(), COLUMNS);
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len() as u64, ROWS);
    for (n, record) in (0..).zip(&records) {
        let row = row(n);
        let display = row["displayName"].as_str().unwrap().replace("=1", "'=1");
        let user = row["userName"].as_str().unwrap();
        assert_eq!(record, &[n.to_string().as_str(), user, &display, ""][..]);
    }

    let lines: Vec<&str> = std::str::from_utf8(ndjson).unwrap().split_terminator('\n').collect();
    assert_eq!(lines.len() as u64, ROWS);
    for (n, line) in (0..).zip(lines) {
        assert_eq!(serde_json::from_str::<Map<String, Value>>(line).unwrap(), row(n));
    }
}

#[test]
fn the_manifest_says_what_was_asked_and_what_the_files_are() {
    let files = unzipped(&zipped());
    let listed = |(name, bytes): &(String, Vec<u8>), guarded: u64| {
        let digest: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        json!({"name": name, "rows": ROWS, "bytes": bytes.len(), "sha256": digest,
               "guardedCells": guarded, "seqs": {"first": 0, "last": ROWS - 1}})
    };
    let expected = json!({
        "format": 1,
        "generator": "provlog 0.1.0",
        "query": {"path": "/api/v1/apps/crm/groups/7/members"},
        "generatedAt": "2026-03-03T10:00:00.000000Z",
        "atSeq": 1842,
        "head": {"seq": 1900},
        "coverage": {"state": "complete", "gaps": []},
        "rowCount": ROWS,
        "seqs": {"first": 0, "last": ROWS - 1},
        "files": [listed(&files[0], ROWS / 4), listed(&files[1], 0)],
    });
    assert_eq!(serde_json::from_slice::<Value>(&files[2].1).unwrap(), expected);
}

#[test]
fn the_manifest_names_the_events_that_the_rows_are() {
    let mut bytes = vec![];
    let mut export = Export::new(Zip::new(&mut bytes), "0.1.0", json!({}));
    for (name, seqs) in [("one", &[7, 9, 3][..]), ("two", &[4]), ("none", &[])] {
        let mut file = export.file(&format!("{name}.ndjson"), Form::Ndjson).unwrap();
        file.row(json!({"bySeq": 99}).as_object().unwrap()).unwrap();
        for seq in seqs {
            file.row(json!({"seq": seq}).as_object().unwrap()).unwrap();
        }
        file.finish().unwrap();
    }
    export.finish(&envelope()).unwrap();
    let manifest: Value = serde_json::from_slice(&unzipped(&bytes)[3].1).unwrap();
    let of_files: Vec<&Value> =
        manifest["files"].as_array().unwrap().iter().map(|file| &file["seqs"]).collect();
    let range = |first, last| json!({"first": first, "last": last});
    assert_eq!(of_files, [&range(3, 9), &range(4, 4), &Value::Null]);
    assert_eq!(manifest["seqs"], range(3, 9));
}

#[test]
fn a_folder_has_the_files_of_the_zip() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reviews/march");
    export(Folder::create(&path).unwrap()).unwrap();
    assert_eq!(in_folder(&path), unzipped(&zipped()).into_iter().collect());
}

#[test]
fn the_same_rows_make_the_same_zip_of_no_date() {
    let zip = zipped();
    assert_eq!(zip, zipped());
    let mut archive = ::zip::ZipArchive::new(Cursor::new(&zip)).unwrap();
    for n in 0..archive.len() {
        let file = archive.by_index(n).unwrap();
        assert_eq!(file.last_modified().unwrap().to_string(), "1980-01-01 00:00:00");
        assert_eq!(file.unix_mode().unwrap() & 0o777, 0o644);
    }
}

#[test]
fn a_folder_that_breaks_off_has_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::new(Folder::create(folder.path()).unwrap(), "0.1.0", json!({}));
    export.file("one.ndjson", Form::Ndjson).unwrap().finish().unwrap();
    let mut file = export.file("two.ndjson", Form::Ndjson).unwrap();
    file.row(&row(1)).unwrap();
    drop(file);
    drop(export);
    assert_eq!(names(folder.path()), ["one.ndjson", "two.ndjson.part"]);
    assert!(matches!(check(folder.path()), Err(CheckError::NoManifest)));
}

#[test]
fn a_zip_that_breaks_off_is_none() {
    let mut bytes = vec![];
    let mut export = Export::new(Zip::new(&mut bytes), "0.1.0", json!({}));
    export.file("one.ndjson", Form::Ndjson).unwrap().finish().unwrap();
    let mut file = export.file("two.ndjson", Form::Ndjson).unwrap();
    file.row(&row(1)).unwrap();
    drop(file);
    drop(export);
    assert!(!bytes.is_empty());
    assert!(::zip::ZipArchive::new(Cursor::new(&bytes)).is_err());
}

#[test]
fn a_file_that_was_not_finished_stops_the_export() {
    let mut bytes = vec![];
    let mut export = Export::new(Zip::new(&mut bytes), "0.1.0", json!({}));
    drop(export.file("one.csv", Form::Csv { columns: columns(), bom: false }).unwrap());
    let next = export.file("two.csv", Form::Ndjson).map(drop);
    assert!(matches!(next, Err(ExportError::Unfinished { name }) if name == "one.csv"));
    let end = export.finish(&envelope());
    assert!(matches!(end, Err(ExportError::Unfinished { name }) if name == "one.csv"));
}

#[test]
fn a_folder_is_never_written_over() {
    for (there, stops) in [
        ("manifest.json", None),
        ("manifest.json.part", Some("manifest.json")),
        ("members.csv", Some("members.csv")),
        ("members.ndjson.part", Some("members.ndjson")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(there), "kept").unwrap();
        let target = Folder::create(folder.path());
        let error = match stops {
            None => target.map(drop).unwrap_err(),
            Some(stops) => match export(target.unwrap()) {
                Err(ExportError::Write { name, source }) if name == stops => source,
                other => panic!("{there}: {other:?}"),
            },
        };
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{there}");
        assert!(error.to_string().contains(there), "{error}");
        assert_eq!(fs::read(folder.path().join(there)).unwrap(), b"kept");
        if there == "members.csv" {
            assert_eq!(names(folder.path()), [there]);
        }
    }
}

#[test]
fn names_are_plain_and_stand_once() {
    let mut bytes = vec![];
    let mut export = Export::new(Zip::new(&mut bytes), "0.1.0", json!({}));
    let long = "a".repeat(65);
    for name in [
        "",
        ".",
        "..",
        ".csv",
        "-a.csv",
        "a/b.csv",
        "../a.csv",
        "a\\b.csv",
        "A.csv",
        "ä.csv",
        "a b.csv",
        "a\0.csv",
        "manifest.json",
        "a.csv.part",
        &long,
    ] {
        let refused = export.file(name, Form::Ndjson).map(drop);
        assert!(matches!(refused, Err(ExportError::Name { .. })), "{name:?}");
    }
    for n in 0..FILES_MAX {
        export.file(&format!("users-{n}.csv"), Form::Ndjson).unwrap().finish().unwrap();
    }
    let again = export.file("users-0.csv", Form::Ndjson).map(drop);
    assert!(matches!(again, Err(ExportError::Repeated { .. })));
    let more = export.file("more.csv", Form::Ndjson).map(drop);
    assert!(matches!(more, Err(ExportError::TooManyFiles)));
}

#[test]
fn an_envelope_that_lacks_a_member_ends_no_export() {
    for member in ["generatedAt", "atSeq", "head", "coverage", "rowCount"] {
        let mut bytes = vec![];
        let export = Export::new(Zip::new(&mut bytes), "0.1.0", json!({}));
        let mut envelope = envelope();
        envelope.as_object_mut().unwrap().remove(member);
        match export.finish(&envelope) {
            Err(ExportError::Envelope { member: named }) => assert_eq!(named, member),
            other => panic!("{other:?}"),
        }
        assert!(::zip::ZipArchive::new(Cursor::new(&bytes)).is_err());
    }
}

/// A client that leaves after this many bytes.
struct Leaving(usize);

impl Write for Leaving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_that_goes_away_is_told_from_other_failures() {
    let whole = zipped().len();
    assert!(export(Zip::new(Leaving(whole))).is_ok());
    for bytes in (0..whole).step_by(997).chain(whole - 200..whole) {
        match export(Zip::new(Leaving(bytes))) {
            Err(ExportError::Write { source, .. }) => {
                assert_eq!(source.kind(), io::ErrorKind::BrokenPipe, "after {bytes}");
            }
            other => panic!("after {bytes}: {other:?}"),
        }
    }
}
