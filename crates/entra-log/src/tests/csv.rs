//! The portal's three files.

use std::io::Cursor;

use super::{CSV_ENTRIES, csv_files, entries, join, understand, value};
use crate::{PortalCsv, PortalCsvError};

fn open(files: &[(&str, &str)]) -> Result<PortalCsv<Cursor<Vec<u8>>>, PortalCsvError> {
    within(files, usize::MAX)
}

fn within(
    files: &[(&str, &str)],
    rows_max: usize,
) -> Result<PortalCsv<Cursor<Vec<u8>>>, PortalCsvError> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    PortalCsv::new(files.map(|(name, bytes)| (name, Cursor::new(bytes))).collect(), rows_max)
}

/// Of each record its file and line, and the names of its steps or what is reported.
fn found(files: &[(&str, &str)]) -> Vec<(usize, u64, String)> {
    let records = open(files).unwrap().map(Result::unwrap);
    let show = |record: crate::Record| match &record.text {
        Ok(_) => {
            let steps = understand(value(&record)).unwrap().step_names.join(" ");
            (record.file, record.line, steps)
        }
        Err(what) => (record.file, record.line, format!("!{what}")),
    };
    records.map(show).collect()
}

const LOGS: &str =
    "Id,Date,Change Id,Deck\n1,2026-03-09T08:02:11Z,c1,\n2,2026-03-09T08:02:12Z,c2,9\n";
const STEPS: &str = "Change Id,Name,Status\nc2,B,0\nc1,A,0\nc2,C,1\n";

#[test]
fn rows_are_joined_whatever_their_order() {
    let files = [("ProvisioningLogs.csv", LOGS), ("ProvisioningLogs_ProvisioningSteps.csv", STEPS)];
    assert_eq!(found(&files), [(0, 2, "A".to_owned()), (0, 3, "B C".to_owned())]);
    let files = [("s", "CHANGE_ID,step name\nc1,A\n"), ("l", LOGS)];
    assert_eq!(found(&files), [(1, 2, "A".to_owned()), (1, 3, String::new())]);
}

#[test]
fn rows_beside_the_entries_are_bounded() {
    let files = [("ProvisioningLogs.csv", LOGS), ("ProvisioningLogs_ProvisioningSteps.csv", STEPS)];
    let joined = within(&files, 3).unwrap();
    assert_eq!((joined.file_of_entries(), joined.count()), (0, 2));
    let error = within(&files, 2).err().unwrap();
    assert_eq!(error.file(), Some("ProvisioningLogs_ProvisioningSteps.csv"));
    assert!(error.to_string().contains("has more than 2 rows"), "{error}");
}

#[test]
fn side_rows_without_an_entry_are_reported_where_they_stand() {
    let steps = format!("{STEPS}c9,D,0\n\"c\n8\",E,0\n,F,0\n");
    let files = [("ProvisioningSteps", steps.as_str()), ("ProvisioningLogs", LOGS)];
    let orphan = "!no entry has the change id of this row".to_owned();
    let expected = [
        (1, 2, "A".to_owned()),
        (1, 3, "B C".to_owned()),
        (0, 5, orphan.clone()),
        (0, 6, orphan.clone()),
        (0, 8, orphan),
    ];
    assert_eq!(found(&files), expected);
}

#[test]
fn broken_rows_are_reported_and_no_others() {
    let logs = "Id,Date,Change Id\n1,2026-03-09T08:02:11Z\n2,2026-03-09T08:02:12Z,c2\n";
    let steps = "Change Id,Name\nc2,\"B\nc2,\"C\"\nc2,D\n";
    let files = [("ProvisioningLogs", logs), ("ProvisioningSteps", steps)];
    let expected = [
        (0, 2, "!has 2 cells, the first row has 3".to_owned()),
        (0, 3, "C D".to_owned()),
        (1, 2, "!has text after the end of a quoted cell".to_owned()),
    ];
    assert_eq!(found(&files), expected);
}

#[test]
fn a_row_that_goes_on_over_broken_lines_is_one_report() {
    let logs = "Id,Date,Change Id\n1,\"over\nsome\nlines\"x,c\n2,2026-03-09T08:02:12Z,c2\n";
    let what = "has text after the end of a quoted cell; 2 lines after it were passed over";
    let expected = [(0, 2, format!("!{what}")), (0, 5, String::new())];
    assert_eq!(found(&[("ProvisioningLogs", logs)]), expected);
}

#[test]
fn of_two_columns_for_one_member_the_first_counts_and_the_second_is_unknown() {
    let logs =
        "Id,Date,Change Id,Action,Provisioning Action\n1,2026-03-09T08:02:11Z,c,Create,Delete\n";
    let records: Vec<_> =
        open(&[("ProvisioningLogs", logs)]).unwrap().map(Result::unwrap).collect();
    let found = entries(&records);
    assert_eq!(found[0].body["provisioningAction"], "create");
    assert_eq!(found[0].body["envelope"], serde_json::json!({"Provisioning Action": "Delete"}));
}

#[test]
fn unknown_columns_are_kept_under_envelope() {
    let records: Vec<_> =
        open(&[("ProvisioningLogs", LOGS)]).unwrap().map(Result::unwrap).collect();
    let found = entries(&records);
    assert!(!found[0].body.contains_key("envelope"), "an empty cell says nothing");
    assert_eq!(found[1].body["envelope"], serde_json::json!({"Deck": "9"}));
}

#[test]
fn a_cell_may_hold_the_whole_object() {
    let logs = "Id,Date,Change Id,Source Identity,Source Identity Type\n\
        1,2026-03-09T08:02:11Z,c,\"{\"\"Id\"\":\"\"u\"\",\"\"Name\"\":\"\"Tuva\"\"}\",User\n\
        2,2026-03-09T08:02:11Z,d,{crew},Group\n";
    let records: Vec<_> =
        open(&[("ProvisioningLogs", logs)]).unwrap().map(Result::unwrap).collect();
    let found = entries(&records);
    assert_eq!(found[0].source_id.as_deref(), Some("u"));
    assert_eq!(found[0].source_name.as_deref(), Some("Tuva"));
    assert_eq!(found[1].source_name.as_deref(), Some("{crew}"));
}

#[test]
fn what_is_no_download_is_refused_with_what_is_needed() {
    let refused =
        |files: &[(&str, &str)]| open(files).err().map(|error| error.to_string()).unwrap();
    assert_eq!(
        refused(&[("ProvisioningLogs.csv", "Id,Action\n")]),
        "ProvisioningLogs.csv: needs the columns id, activityDateTime, changeId; missing are \
         activityDateTime, changeId; found are Id, Action"
    );
    assert_eq!(
        refused(&[("x_ProvisioningSteps.csv", "Change Id,Status\n"), ("l", LOGS)]),
        "x_ProvisioningSteps.csv: needs the columns changeId, name; missing are name; found are Change Id, \
         Status"
    );
    assert!(refused(&[("ProvisioningSteps", STEPS)]).contains("ProvisioningLogs is missing"));
    assert!(refused(&[("l", LOGS), ("again", LOGS)]).starts_with("again: another file"));
    assert!(refused(&[("x.csv", "a,b\n1,2\n")]).starts_with("x.csv: expected the headings"));
    assert!(refused(&[("x.csv", "")]).starts_with("x.csv: expected the headings"));
}

#[test]
fn an_entry_with_too_many_rows_is_reported() {
    let steps = format!("Change Id,Name\n{}", "c1,A\n".repeat(1_001));
    let files = [("ProvisioningLogs", LOGS), ("ProvisioningSteps", steps.as_str())];
    let found = found(&files);
    assert_eq!(found[0], (0, 2, "!has more than 1000 rows in another file".to_owned()));
    assert_eq!(found[1], (0, 3, String::new()));
}

#[test]
fn bytes_break_no_other_entry() {
    // One byte that is put into one row touches the entry of that row alone. Every 11th place is
    // enough, since 11 divides the length of no row.
    let files = csv_files();
    let whole = entries(&join(&files));
    for file in 0..files.len() {
        let bytes = files[file].1.clone();
        let text = String::from_utf8(bytes.clone()).unwrap();
        for at in ((text.find('\n').unwrap() + 1)..bytes.len()).step_by(11) {
            let change = change_at(&text, at);
            for byte in [b'"', b',', b'\n', 0xFF, b'x'] {
                let mut files = files.clone();
                files[file].1.insert(at, byte);
                let found = join(&files);
                let ids: Vec<_> = found.iter().filter(|record| record.text.is_ok()).collect();
                for entry in whole.iter().filter(|entry| entry.change_id != change) {
                    let same = ids.iter().filter_map(|record| understand(value(record)).ok());
                    let same = same.filter(|found| found == entry).count();
                    assert_eq!(same, 1, "{} byte {byte} at {at} of {file}", entry.id);
                }
                let entries = found.iter().filter(|record| record.file == CSV_ENTRIES).count();
                assert!((7..=8).contains(&entries), "byte {byte} at {at} of {file}: {entries}");
            }
        }
    }
}

/// The change id of the row in which a byte stands; of its end, none is sure.
fn change_at(text: &str, at: usize) -> Option<String> {
    let mut place = 0;
    for row in text.split_inclusive("\r\n") {
        if at < place + row.len() {
            let found = row.find("c4b5a697").unwrap();
            return Some(row[found..found + 36].to_owned());
        }
        place += row.len();
    }
    None
}
