//! The portal's CSV download: joins three files on the change id.
//!
//! The entries are read in order. The files of steps and of modified properties are indexed in memory
//! with 17 bytes for each row, and a row is read when its entry comes. At the end both files are read
//! again to report broken rows, and rows without an entry.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Read, Seek};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::headings::{CHANGE_ID, Column, Role, shown};
use super::rows::{Row, Rows};
use super::split::{RECORD_BYTES_MAX, Record};

/// As many rows of a file as can be joined: far more than the portal exports. The index takes 17 bytes for each.
pub const PORTAL_ROWS_MAX: usize = 20_000_000;
const STEPS_MAX: usize = 1_000;
const MODIFIED_MAX: usize = 10_000;

/// Why a download cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PortalCsvError {
    /// A file could not be read.
    #[error("cannot read {file}")]
    Io {
        /// Its name.
        file: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file is not one of the three.
    #[error(
        "{file}: expected the headings of provisioning logs, steps or modified properties; found are {found}"
    )]
    Unknown {
        /// Its name.
        file: String,
        /// Its headings, the first of them.
        found: String,
    },
    /// A file lacks columns.
    #[error(
        "{file}: needs the columns {}; missing are {}; found are {found}",
        needed.join(", "),
        missing.join(", ")
    )]
    Columns {
        /// Its name.
        file: String,
        /// The columns that it needs, by Graph's names.
        needed: Vec<&'static str>,
        /// The columns that it lacks.
        missing: Vec<&'static str>,
        /// Its headings, the first of them.
        found: String,
    },
    /// Two files hold the same part.
    #[error("{file}: another file holds this part already; import one download at a time")]
    Twice {
        /// The second file's name.
        file: String,
    },
    /// The file of the entries is missing.
    #[error(
        "the download's file ProvisioningLogs is missing: its steps and values have no entries"
    )]
    NoEntries,
    /// A file has more rows than can be joined.
    #[error(
        "{file}: has more than {rows_max} rows, which cannot be joined here; export the logs as JSON"
    )]
    TooManyRows {
        /// Its name.
        file: String,
        /// How many it may have.
        rows_max: usize,
    },
}

impl PortalCsvError {
    /// The name of the wrong file; `None` if a file is missing.
    pub fn file(&self) -> Option<&str> {
        match self {
            PortalCsvError::Io { file, .. }
            | PortalCsvError::Unknown { file, .. }
            | PortalCsvError::Columns { file, .. }
            | PortalCsvError::Twice { file }
            | PortalCsvError::TooManyRows { file, .. } => Some(file),
            PortalCsvError::NoEntries => None,
        }
    }
}

/// The entries of one download as JSON records with Graph's member names, then reports of rows without an
/// entry. Ends after an error of a reader.
pub struct PortalCsv<R> {
    entries: Part<R>,
    steps: Option<Side<R>>,
    modified: Option<Side<R>>,
    hasher: RandomState,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Entries,
    Steps,
    Modified,
    Over,
}

/// One of the files.
struct Part<R> {
    /// Its index in the list of files.
    file: usize,
    rows: Rows<R>,
    headings: Vec<String>,
    columns: Vec<Option<&'static Column>>,
    /// Place and line of the first row after the headings.
    begin: (u64, u64),
}

/// A file whose rows belong to entries of the main file.
struct Side<R> {
    part: Part<R>,
    index: Index,
}

impl<R: Read + Seek> PortalCsv<R> {
    /// Opens the named files of one download, in any order, and indexes them. The files of steps and of
    /// modified properties are optional; neither may have more than `rows_max` rows.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, is not one of the three, comes twice, lacks a needed column or has too
    /// many rows; or when the file of entries is missing.
    pub fn new(files: Vec<(String, R)>, rows_max: usize) -> Result<PortalCsv<R>, PortalCsvError> {
        let (mut entries, mut steps, mut modified) = (None, None, None);
        let hasher = RandomState::new();
        for (file, (name, reader)) in files.into_iter().enumerate() {
            let (role, part) = Part::open(file, &name, reader)?;
            let side = |part| Side::new(part, &name, &hasher, rows_max);
            let is_twice = match role {
                Role::Entries => entries.replace(part).is_some(),
                Role::Steps => steps.replace(side(part)?).is_some(),
                Role::Modified => modified.replace(side(part)?).is_some(),
            };
            if is_twice {
                return Err(PortalCsvError::Twice { file: name });
            }
        }
        let entries = entries.ok_or(PortalCsvError::NoEntries)?;
        Ok(PortalCsv { entries, steps, modified, hasher, phase: Phase::Entries })
    }

    /// The index of the file of entries in the list of files.
    pub fn file_of_entries(&self) -> usize {
        self.entries.file
    }

    /// How many bytes of the file of entries were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.entries.rows.read_bytes()
    }

    fn step(&mut self) -> io::Result<Option<Record>> {
        loop {
            let found = match self.phase {
                Phase::Entries => self.entry()?,
                Phase::Steps => left_over(&mut self.steps, &self.hasher)?,
                Phase::Modified => left_over(&mut self.modified, &self.hasher)?,
                Phase::Over => return Ok(None),
            };
            if found.is_some() {
                return Ok(found);
            }
            let next = match self.phase {
                Phase::Entries => (Phase::Steps, &mut self.steps),
                Phase::Steps => (Phase::Modified, &mut self.modified),
                Phase::Modified | Phase::Over => {
                    self.phase = Phase::Over;
                    continue;
                }
            };
            self.phase = next.0;
            if let Some(side) = next.1 {
                let (offset, line) = side.part.begin;
                side.part.rows.seek(offset, line)?;
            }
        }
    }

    fn entry(&mut self) -> io::Result<Option<Record>> {
        let Some(Row { line, cells, .. }) = self.entries.rows.next_row()? else {
            return Ok(None);
        };
        let text = match cells {
            Ok(cells) => self.joined(cells)?,
            Err(what) => Err(what),
        };
        Ok(Some(Record { file: self.entries.file, line, text }))
    }

    /// The entry of a row with its steps and modified properties, as JSON with Graph's member names.
    fn joined(&mut self, cells: Vec<String>) -> io::Result<Result<Box<RawValue>, String>> {
        let mut entry = self.entries.object(cells);
        let change = entry.get(CHANGE_ID).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut bytes_left = RECORD_BYTES_MAX;
        let sides = [
            (&mut self.steps, "provisioningSteps", STEPS_MAX),
            (&mut self.modified, "modifiedProperties", MODIFIED_MAX),
        ];
        for (side, name, count_max) in sides {
            let Some(side) = side else { continue };
            match side.rows_of(&change, &self.hasher, count_max, &mut bytes_left)? {
                Ok(rows) => entry.insert(name.to_owned(), Value::Array(rows)),
                Err(what) => return Ok(Err(what)),
            };
        }
        let raw = to_raw_value(&entry).map_err(io::Error::from)?;
        if raw.get().len() > RECORD_BYTES_MAX {
            return Ok(Err(too_large()));
        }
        Ok(Ok(raw))
    }
}

fn too_large() -> String {
    format!("is larger than {RECORD_BYTES_MAX} bytes with its steps and modified properties")
}

/// A report of the next row of a side file that is broken or has no entry.
fn left_over<R: Read + Seek>(
    side: &mut Option<Side<R>>,
    hasher: &RandomState,
) -> io::Result<Option<Record>> {
    let Some(side) = side else { return Ok(None) };
    while let Some(row) = side.part.rows.next_row()? {
        let what = match row.cells {
            Err(what) => what,
            Ok(cells) => {
                let change = side.part.change_id(&cells);
                if side.index.was_used(hasher.hash_one(change), row.offset) {
                    continue;
                }
                "no entry has the change id of this row".to_owned()
            }
        };
        return Ok(Some(Record { file: side.part.file, line: row.line, text: Err(what) }));
    }
    Ok(None)
}

impl<R: Read + Seek> Iterator for PortalCsv<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        let found = self.step();
        if found.is_err() {
            self.phase = Phase::Over;
        }
        found.transpose()
    }
}

impl<R: Read + Seek> Part<R> {
    fn open(file: usize, name: &str, reader: R) -> Result<(Role, Part<R>), PortalCsvError> {
        let io = |source| PortalCsvError::Io { file: name.to_owned(), source };
        let unknown = |headings: &[String]| PortalCsvError::Unknown {
            file: name.to_owned(),
            found: shown(headings),
        };
        let mut rows = Rows::new(reader).map_err(io)?;
        let headings = rows.next_row().map_err(io)?.ok_or_else(|| unknown(&[]))?;
        let headings = headings.cells.map_err(|_| unknown(&[]))?;
        let role = Role::of(name, &headings).ok_or_else(|| unknown(&headings))?;
        let columns = role.columns_of(&headings).map_err(|missing| PortalCsvError::Columns {
            file: name.to_owned(),
            needed: role.needs(),
            missing,
            found: shown(&headings),
        })?;
        let begin = rows.place();
        Ok((role, Part { file, rows, headings, columns, begin }))
    }

    /// The cells of a row as an object; those of unknown columns under `envelope`. Empty cells are
    /// skipped, because CSV has no null.
    fn object(&self, cells: Vec<String>) -> Map<String, Value> {
        let (mut object, mut envelope) = (Map::new(), Map::new());
        for ((cell, column), heading) in cells.into_iter().zip(&self.columns).zip(&self.headings) {
            if cell.is_empty() {
                continue;
            }
            match column {
                Some(column) => {
                    let (place, value) = placed(column.place, cell);
                    put(&mut object, place, value);
                }
                None => {
                    envelope.insert(heading.clone(), Value::String(cell));
                }
            }
        }
        if !envelope.is_empty() {
            object.insert("envelope".to_owned(), Value::Object(envelope));
        }
        object
    }

    fn change_id<'a>(&self, cells: &'a [String]) -> &'a str {
        let mut columns = self.columns.iter().zip(cells);
        let found =
            columns.find(|(column, _)| column.is_some_and(|column| column.place == [CHANGE_ID]));
        found.map_or("", |(_, cell)| cell)
    }
}

/// The place of a cell's value. The cell of a name or a status may hold the whole object around it as
/// JSON.
fn placed(place: &'static [&'static str], cell: String) -> (&'static [&'static str], Value) {
    if let [above @ .., "displayName" | "status"] = place
        && !above.is_empty()
        && cell.starts_with('{')
        && let Ok(whole @ Value::Object(_)) = serde_json::from_str(&cell)
    {
        return (above, whole);
    }
    (place, Value::String(cell))
}

/// Puts a value at its place, without replacing values of other columns.
fn put(object: &mut Map<String, Value>, place: &[&str], value: Value) {
    let [name, rest @ ..] = place else { return };
    let held = object.entry(*name).or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(inner) = held else { return };
    match value {
        Value::Object(members) if rest.is_empty() => {
            for (name, member) in members {
                inner.entry(name).or_insert(member);
            }
        }
        value if rest.is_empty() => *held = value,
        value => put(inner, rest, value),
    }
}

impl<R: Read + Seek> Side<R> {
    fn new(
        mut part: Part<R>,
        name: &str,
        hasher: &RandomState,
        rows_max: usize,
    ) -> Result<Side<R>, PortalCsvError> {
        let mut places = Vec::new();
        loop {
            let row = part.rows.next_row();
            let row = row.map_err(|source| PortalCsvError::Io { file: name.to_owned(), source })?;
            let Some(row) = row else { break };
            // Broken rows are reported at the end, when the file is read again.
            let Ok(cells) = row.cells else { continue };
            if places.len() == rows_max {
                return Err(PortalCsvError::TooManyRows { file: name.to_owned(), rows_max });
            }
            places.push((hasher.hash_one(part.change_id(&cells)), row.offset));
        }
        places.sort_unstable();
        let used = vec![false; places.len()];
        Ok(Side { part, index: Index { places, used } })
    }

    /// The rows with this change id as objects, in the order of the file; or what is wrong with them.
    fn rows_of(
        &mut self,
        change: &str,
        hasher: &RandomState,
        count_max: usize,
        bytes_left: &mut usize,
    ) -> io::Result<Result<Vec<Value>, String>> {
        let mut objects = Vec::new();
        if change.is_empty() {
            return Ok(Ok(objects));
        }
        let range = self.index.range(hasher.hash_one(change));
        if range.len() > count_max {
            return Ok(Err(format!("has more than {count_max} rows in another file")));
        }
        for at in range {
            let Some((_, offset)) = self.index.places.get(at) else { continue };
            self.part.rows.seek(*offset, 0)?;
            let Some(Row { cells: Ok(cells), .. }) = self.part.rows.next_row()? else { continue };
            if self.part.change_id(&cells) != change {
                continue;
            }
            if let Some(used) = self.index.used.get_mut(at) {
                *used = true;
            }
            let bytes = cells.iter().map(String::len).sum();
            let Some(left) = bytes_left.checked_sub(bytes) else {
                return Ok(Err(too_large()));
            };
            *bytes_left = left;
            let mut object = self.part.object(cells);
            object.remove(CHANGE_ID);
            objects.push(Value::Object(object));
        }
        Ok(Ok(objects))
    }
}

/// The offsets of the rows by change id.
struct Index {
    /// Hash of the change id and offset of the row, sorted.
    places: Vec<(u64, u64)>,
    /// Whether the row was used by an entry.
    used: Vec<bool>,
}

impl Index {
    fn range(&self, hash: u64) -> std::ops::Range<usize> {
        let begin = self.places.partition_point(|(other, _)| *other < hash);
        let rest = self.places.get(begin..).unwrap_or_default();
        begin..begin + rest.partition_point(|(other, _)| *other == hash)
    }

    fn was_used(&self, hash: u64, offset: u64) -> bool {
        let at = self.places.binary_search(&(hash, offset)).ok();
        at.and_then(|at| self.used.get(at)).is_some_and(|used| *used)
    }
}
