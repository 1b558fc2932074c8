//! The same invented entries in every form, whole and broken.

mod broken;
mod csv;
mod golden;
mod meaning;
mod split;

use std::io::Cursor;
use std::path::PathBuf;

use serde_json::Value;

use super::{DateOrder, Entry, PortalCsv, Record, Records, Refused};

const JSON_FORMS: [&str; 5] = ["graph", "portal-json", "stream", "log-analytics", "audit"];

/// The portal's files, the entries last.
const CSV_FILES: [&str; 3] = [
    "portal-csv.ProvisioningLogs_ProvisioningSteps.csv",
    "portal-csv.ProvisioningLogs_ModifiedProperties.csv",
    "portal-csv.ProvisioningLogs.csv",
];
const CSV_ENTRIES: usize = 2;

/// What a record says that is an entry; dates with slashes have the month first.
fn understand(record: Value) -> Result<Entry, Refused> {
    let found = super::understand(record, Some(DateOrder::MonthFirst));
    found.map(|entry| entry.expect("an entry"))
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/import").join(name)
}

fn data(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn json(form: &str) -> Vec<u8> {
    data(&format!("{form}.json"))
}

fn csv_files() -> Vec<(String, Vec<u8>)> {
    CSV_FILES.iter().map(|name| ((*name).to_owned(), data(name))).collect()
}

fn split(bytes: &[u8]) -> Vec<Record> {
    Records::new(bytes, None).unwrap().map(Result::unwrap).collect()
}

fn join(files: &[(String, Vec<u8>)]) -> Vec<Record> {
    let files = files.iter().map(|(name, bytes)| (name.clone(), Cursor::new(bytes.clone())));
    PortalCsv::new(files.collect(), usize::MAX).unwrap().map(Result::unwrap).collect()
}

fn value(record: &Record) -> Value {
    serde_json::from_str(record.text.as_ref().unwrap().get()).unwrap()
}

fn entries(records: &[Record]) -> Vec<Entry> {
    records.iter().map(|record| understand(value(record)).unwrap()).collect()
}

/// The line of a place in a file.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64
}
