//! The CSV download of Log Analytics. Each row becomes the record that the table's JSON would have.

use std::io::{self, Read, Seek};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::headings::{TIME_GENERATED, is_table, shown, without_zone};
use super::rows::{Row, Rows};
use super::split::{RECORD_BYTES_MAX, Record};

/// Why a download cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableCsvError {
    /// It could not be read.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// It is not such a table.
    #[error("expected the columns TimeGenerated and Id of AADProvisioningLogs; found are {found}")]
    Unknown {
        /// Its headings, the first of them.
        found: String,
    },
    /// Its times are in a local time zone that is not known.
    #[error(
        "its times are in a local time zone: set the time zone of the query to UTC and export it again"
    )]
    LocalTime,
}

/// The rows of a table as JSON records; broken rows are reported. Ends after an error of the reader.
pub struct TableCsv<R> {
    rows: Rows<R>,
    columns: Vec<String>,
    is_over: bool,
}

impl<R: Read + Seek> TableCsv<R> {
    /// Reads the headings.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not such a table, or its times are in a local time zone.
    pub fn new(reader: R) -> Result<TableCsv<R>, TableCsvError> {
        let mut rows = Rows::new(reader)?;
        let headings = match rows.next_row()? {
            Some(Row { cells: Ok(headings), .. }) => headings,
            _ => return Err(TableCsvError::Unknown { found: String::new() }),
        };
        if !is_table(&headings) {
            return Err(TableCsvError::Unknown { found: shown(&headings) });
        }
        let is_local = |heading: &String| {
            let (name, zone) = without_zone(heading);
            name.eq_ignore_ascii_case(TIME_GENERATED)
                && zone.is_some_and(|zone| !zone.eq_ignore_ascii_case("UTC"))
        };
        if headings.iter().any(is_local) {
            return Err(TableCsvError::LocalTime);
        }
        let columns = headings.iter().map(|heading| without_zone(heading).0.to_owned()).collect();
        Ok(TableCsv { rows, columns, is_over: false })
    }

    /// How many bytes of the file were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.rows.read_bytes()
    }

    fn record(&self, cells: Vec<String>) -> io::Result<Result<Box<RawValue>, String>> {
        let mut members = Map::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            // An empty cell is no value. Of two columns with one name the first counts.
            if !cell.is_empty() && !members.contains_key(column) {
                members.insert(column.clone(), Value::String(cell));
            }
        }
        let raw = to_raw_value(&members).map_err(io::Error::from)?;
        if raw.get().len() > RECORD_BYTES_MAX {
            return Ok(Err(format!("is larger than {RECORD_BYTES_MAX} bytes")));
        }
        Ok(Ok(raw))
    }
}

impl<R: Read + Seek> Iterator for TableCsv<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        if self.is_over {
            return None;
        }
        let found = self.rows.next_row().and_then(|row| {
            let Some(Row { line, cells, .. }) = row else { return Ok(None) };
            let text = match cells {
                Ok(cells) => self.record(cells)?,
                Err(what) => Err(what),
            };
            Ok(Some(Record { file: 0, line, text }))
        });
        self.is_over = !matches!(found, Ok(Some(_)));
        found.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{TableCsv, TableCsvError};
    use crate::{Dates, Status, understand};

    fn open(file: &str) -> Result<TableCsv<Cursor<Vec<u8>>>, TableCsvError> {
        TableCsv::new(Cursor::new(file.as_bytes().to_vec()))
    }

    #[test]
    fn rows_are_read_as_those_of_the_table() {
        let file = "\u{feff}\"TenantId\",\"TimeGenerated [UTC]\",Id,ProvisioningAction,ResultType,\
            ProvisioningSteps,Category\r\n\
            w,\"9/14/2026, 8:02:11.441 AM\",x-1,create,Success,\"[{\"\"name\"\":\"\"EntryExportAdd\"\"}]\",\
            ProvisioningLogs\r\n\
            w,\"9/14/2026, 8:02:12.000 AM\",si-1,,0,,SignInLogs\r\n";
        let records: Vec<_> = open(file).unwrap().map(Result::unwrap).collect();
        let mut dates = Dates::default();
        records.iter().for_each(|record| dates.add(record.text.as_ref().unwrap()));
        let dates = dates.order().unwrap();
        let read = |place: usize| {
            let record = records[place].text.as_ref().unwrap().get();
            understand(serde_json::from_str(record).unwrap(), dates).unwrap()
        };
        let entry = read(0).unwrap();
        assert_eq!((records[0].line, entry.id.as_str()), (2, "x-1"));
        assert_eq!(entry.occurred_at_us, 1_789_372_931_441_000);
        assert_eq!(
            (entry.status, entry.step_names),
            (Status::Success, vec!["EntryExportAdd".into()])
        );
        assert_eq!(read(1), None, "a sign-in is no entry of this log");
    }

    #[test]
    fn local_times_and_other_tables_are_refused() {
        let refused = |file: &str| open(file).err().map(|error| error.to_string()).unwrap();
        assert!(refused("TimeGenerated [Local Time],Id\n").contains("UTC"));
        let other = refused("Zeit;Nummer;Ergebnis\n1;2;3\n");
        assert!(
            other.contains("TimeGenerated") && other.ends_with("Zeit, Nummer, Ergebnis"),
            "{other}"
        );
    }
}
