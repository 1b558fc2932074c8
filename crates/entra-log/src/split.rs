//! Splits a file of any size into its records.
//!
//! ```text
//!  {"@odata.context": …, "value": [ R, R ]}    a page, or several one after the other
//!  [ R, R ]                                    a bare list, or one per line
//!  R ⏎ R ⏎                                     JSON lines, or objects one after the other
//!  {"records": [ R, R ]}                       messages of an event hub
//!  {"tables": [ {"columns": …, "rows": … } ]}  an answer of Log Analytics, or of Data Explorer
//! ```
//!
//! Lists may be nested. The file is read once, with at most a few megabytes of it in memory. A broken
//! record is reported with the line where it begins, and the search for the next record starts right
//! after its first byte. The next record is one of these:
//!
//! * If the broken record began a line: an object or list that begins a line and fills it, or is broken too.
//! * A complete object with a time (`activityDateTime`, `time` or `TimeGenerated`) that follows a comma, a
//!   bracket or a line's end and is not the value of a member. No part of a record looks like that.
//! * In a table: a list with as many items as there are columns.
//!
//! So with a broken record these can be lost too: another broken record next to it on the same line
//! (one report covers both), records without a time next to it on the same line, the record before one
//! that lost its opening brace (it seems to end too soon), and the rest of a table whose columns cannot
//! be read.

use std::io::{self, Read};

use serde_json::Value;
use serde_json::value::RawValue;

use super::form::{Form, judge};
use super::scan::{self, Opening, Scan};
use super::window::Window;

/// The largest record, in bytes.
pub(crate) const RECORD_BYTES_MAX: usize = 1024 * 1024;
const CHUNK_BYTES: usize = 256 * 1024;
/// How deep lists of records may be nested.
const FRAMES_MAX: usize = 8;
const COLUMNS_MAX: usize = 1_000;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A record of a file, or a report of one that cannot be read.
#[derive(Debug)]
pub struct Record {
    /// The index of its file in the list of files; 0 for a single file.
    pub file: usize,
    /// The line where it begins, from 1.
    pub line: u64,
    /// The record as valid JSON of at most 1 MiB, or what is wrong with it, without quoting it.
    pub text: Result<Box<RawValue>, String>,
}

/// The records of one JSON file, in order. Ends after an error of the reader.
pub struct Records<R> {
    window: Window<R>,
    frames: Vec<Frame>,
    form: Option<Form>,
    /// The columns of the last rows, while their table is open. Used to go on if the rows ended too soon.
    ended_rows: Option<Vec<String>>,
    /// Something broken was reported, so missing or extra brackets are not reported again.
    is_doubtful: bool,
    is_over: bool,
}

/// An open bracket around a record.
enum Frame {
    List,
    Tables,
    /// The rows of a table with these columns, as JSON strings.
    Rows(Vec<String>),
    /// The rest of an object after its list.
    Rest,
}

enum Step {
    Record(Record),
    Again,
    End,
}

impl<R: Read> Records<R> {
    /// Begins to read. With `form`, records of other forms are reported as errors.
    ///
    /// # Errors
    ///
    /// When the reader fails; `InvalidData` when the file is UTF-16 or compressed, or `form` is CSV.
    pub fn new(reader: R, form: Option<Form>) -> io::Result<Records<R>> {
        if matches!(form, Some(Form::PortalCsv | Form::LogAnalyticsCsv)) {
            let what = "the file is JSON, and its form was said to be CSV";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut window = Window::new(reader, CHUNK_BYTES);
        window.more()?;
        if let Some(what) = unreadable(window.bytes()) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Records {
            window,
            frames: Vec::new(),
            form,
            ended_rows: None,
            is_doubtful: false,
            is_over: false,
        })
    }

    /// How many bytes of the file were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.window.read_bytes()
    }

    /// How much of the file is in memory.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.window.memory_bytes()
    }

    fn step(&mut self) -> io::Result<Step> {
        let Some(byte) = self.next_byte()? else {
            return Ok(self.end());
        };
        match (self.frames.last(), byte) {
            (Some(Frame::Rest), b',') => return self.pass_member(),
            (Some(Frame::Rest), b'}') => self.close(),
            (Some(Frame::Rest), _) if self.is_doubtful => {
                self.frames.pop();
            }
            // A record without its end may have consumed the list's.
            (Some(Frame::List | Frame::Tables | Frame::Rows(_)), b'}') if self.is_doubtful => {
                self.frames.pop();
            }
            // Missing and extra commas are ignored.
            (_, b',') => self.window.consume(1),
            (Some(Frame::List | Frame::Tables | Frame::Rows(_)), b']') => self.close(),
            (None, b']') if self.is_doubtful => {
                self.window.consume(1);
                self.frames.push(Frame::Rest);
            }
            (None, b'}') if self.is_doubtful => self.window.consume(1),
            (None | Some(Frame::List), b'[') if self.frames.len() < FRAMES_MAX => {
                self.window.consume(1);
                self.frames.push(Frame::List);
            }
            (None | Some(Frame::List), b'{') => return self.object(),
            (Some(Frame::Tables), b'{') => return self.table(),
            (Some(Frame::Rows(_)), b'[') => return self.row(),
            _ => return self.broken("expected a record, a JSON object"),
        }
        Ok(Step::Again)
    }

    fn close(&mut self) {
        self.window.consume(1);
        self.ended_rows = match self.frames.pop() {
            Some(Frame::Rows(columns)) => Some(columns),
            _ => None,
        };
    }

    /// The next byte that is not white space. Joined files may have byte order marks in the middle.
    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        loop {
            let spaces = scan::skip_space(self.window.bytes(), 0);
            self.window.consume(spaces);
            match self.window.byte()? {
                Some(0xEF) if self.window.bytes().len() < 3 && self.window.more()? => {}
                Some(0xEF) if self.window.bytes().starts_with(BYTE_ORDER_MARK) => {
                    self.window.consume(BYTE_ORDER_MARK.len());
                }
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                other => return Ok(other),
            }
        }
    }

    fn end(&mut self) -> Step {
        self.is_over = true;
        if self.frames.is_empty() || self.is_doubtful {
            return Step::End;
        }
        let text = Err("the file ends before its list of records does: it was cut off".to_owned());
        Step::Record(Record { file: 0, line: self.window.line(), text })
    }

    /// Whether it makes sense to read more for an incomplete value, and more was read.
    fn grows(&mut self) -> io::Result<bool> {
        Ok(self.window.bytes().len() <= RECORD_BYTES_MAX && self.window.more()?)
    }

    /// A record, or an object that holds a list of records.
    fn object(&mut self) -> io::Result<Step> {
        let opening = loop {
            match scan::opening(self.window.bytes()) {
                Scan::More if self.grows()? => {}
                Scan::Found(opening) => break opening,
                Scan::More | Scan::Broken => break Opening::Record,
            }
        };
        match opening {
            Opening::Record => self.record(),
            _ if self.frames.len() + 2 > FRAMES_MAX => self.broken("lists are nested too deep"),
            Opening::List(at) => Ok(self.open(at, Frame::List)),
            Opening::Tables(at) => Ok(self.open(at, Frame::Tables)),
        }
    }

    fn open(&mut self, bracket_at: usize, frame: Frame) -> Step {
        self.window.consume(bracket_at + 1);
        self.frames.push(Frame::Rest);
        self.frames.push(frame);
        Step::Again
    }

    fn record(&mut self) -> io::Result<Step> {
        let line = self.window.line();
        // After damage every line may be tried as a record, so fail cheaply.
        if self.is_doubtful && scan::value_end(self.window.bytes(), 0) == Scan::Broken {
            return self.broken("is no JSON or nested too deep");
        }
        let (raw, length) = match self.raw()? {
            Ok(found) => found,
            Err(what) => return self.broken(&what),
        };
        if self.is_suspect(length)? {
            if holds_record(raw.get().as_bytes()) {
                return self.broken("has no end: another record is within it");
            }
            if self.is_in_page() && !self.is_doubtful && self.takes_end(raw.get(), length) {
                return self.broken("has no end: it takes the end of its list");
            }
        }
        if self.goes_on(length)? {
            return self.broken("ends too soon: what follows is no record");
        }
        self.window.consume(length);
        let text = match self.form {
            Some(form) => insist(form, raw),
            None => Ok(raw),
        };
        Ok(Step::Record(Record { file: 0, line, text }))
    }

    /// Whether a record of a page, followed by neither comma nor bracket, consumed the page's end:
    /// another page follows, or the record ends as a page does. Otherwise the file was cut off right
    /// after it.
    fn takes_end(&self, record: &str, length: usize) -> bool {
        let is_last = scan::skip_space(self.window.bytes(), length) == self.window.bytes().len();
        let within = record.strip_suffix('}').unwrap_or(record).trim_ascii_end();
        !is_last || within.ends_with(']') || record.contains("\"@odata.")
    }

    fn is_in_page(&self) -> bool {
        matches!(self.frames.as_slice(), [Frame::Rest, Frame::List])
    }

    /// Whether the record of this length may have consumed its list's end, and all records before that.
    /// Then it is not followed by a comma or bracket as an item is; with nested lists it may even be.
    fn is_suspect(&mut self, length: usize) -> io::Result<bool> {
        if !matches!(self.frames.last(), Some(Frame::List)) {
            return Ok(false);
        }
        loop {
            let after = scan::skip_space(self.window.bytes(), length);
            match self.window.bytes().get(after).copied() {
                Some(b',' | b']') => return Ok(self.frames.len() > 2),
                None if self.grows()? => {}
                _ => return Ok(true),
            }
        }
    }

    /// Whether an extra brace ended the record of this length too soon: what follows are members of an
    /// object. Outside of lists only the same line counts.
    fn goes_on(&mut self, length: usize) -> io::Result<bool> {
        let is_in_list = matches!(self.frames.last(), Some(Frame::List));
        loop {
            let bytes = self.window.bytes();
            let after = scan::skip_space(bytes, length);
            let passed = bytes.get(length..after).unwrap_or_default();
            let is_same_line = !passed.contains(&b'\n');
            let member = match bytes.get(after) {
                Some(b',') => scan::member(bytes, after + 1),
                Some(b'}' | b'"') if is_in_list || is_same_line => return Ok(true),
                Some(b']' | b'{' | b'[' | 0xEF) => return Ok(false),
                Some(_) => return Ok(is_same_line),
                None => Scan::More,
            };
            if member == Scan::Broken {
                return Ok(false);
            }
            if member != Scan::More {
                return Ok(is_in_list || is_same_line);
            }
            if !self.grows()? {
                return Ok(false);
            }
        }
    }

    /// The value that begins here and its length in bytes, or what is wrong.
    fn raw(&mut self) -> io::Result<Result<(Box<RawValue>, usize), String>> {
        loop {
            let bytes = self.window.bytes();
            let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
            match values.next() {
                Some(Ok(raw)) if raw.get().len() <= RECORD_BYTES_MAX => {
                    return Ok(Ok((raw.to_owned(), values.byte_offset())));
                }
                Some(Ok(_)) => return Ok(Err(too_large())),
                Some(Err(error)) if error.is_eof() => {
                    if bytes.len() > RECORD_BYTES_MAX {
                        return Ok(Err(too_large()));
                    }
                    if !self.window.more()? {
                        return Ok(Err("has no end".to_owned()));
                    }
                }
                Some(Err(error)) => {
                    let line = self.window.line() + error.line().saturating_sub(1) as u64;
                    let column = error.column();
                    let from = if error.line() > 1 { "of the line" } else { "of the record" };
                    return Ok(Err(format!("is no JSON: see line {line}, byte {column} {from}")));
                }
                None => return Ok(Err("is empty".to_owned())),
            }
        }
    }

    /// A table: its columns must come before its rows.
    fn table(&mut self) -> io::Result<Step> {
        loop {
            let bytes = self.window.bytes();
            let mut columns = None;
            // The first version of Data Explorer's answers writes these names with a capital letter.
            let found = scan::members(bytes, 0, |name, value| {
                if name.eq_ignore_ascii_case(b"columns") {
                    columns = Some(value);
                }
                let is_list = bytes.get(value) == Some(&b'[');
                (is_list && name.eq_ignore_ascii_case(b"rows")).then_some(value)
            });
            if found == Scan::More && self.grows()? {
                continue;
            }
            let Scan::Found(Ok(rows_at)) = found else {
                return self.broken("expected a table with columns and rows");
            };
            let bytes = self.window.bytes();
            let names = columns
                .and_then(|at| bytes.get(at..rows_at))
                .and_then(column_names)
                .filter(|names| (1..=COLUMNS_MAX).contains(&names.len()));
            return match names {
                Some(names) => Ok(self.open(rows_at, Frame::Rows(names))),
                None => self.broken("the table's columns must be named before its rows"),
            };
        }
    }

    /// A row becomes an object with the table's columns as members.
    fn row(&mut self) -> io::Result<Step> {
        let line = self.window.line();
        let (raw, length) = match self.raw()? {
            Ok(found) => found,
            Err(what) => return self.broken(&what),
        };
        let Some(Frame::Rows(columns)) = self.frames.last() else {
            return Ok(Step::Again);
        };
        let text = match joined(columns, &raw) {
            Ok(text) if text.len() <= RECORD_BYTES_MAX => {
                RawValue::from_string(text).map_err(|_| "is no JSON".to_owned())
            }
            Ok(_) => Err(too_large()),
            Err(NoRow::Cells(what)) => {
                self.is_doubtful = true;
                Err(what)
            }
            Err(NoRow::RowWithin) => return self.broken("has no end: another row is within it"),
        };
        self.window.consume(length);
        let text = match self.form {
            Some(form) => text.and_then(|raw| insist(form, raw)),
            None => text,
        };
        Ok(Step::Record(Record { file: 0, line, text }))
    }

    /// Skips a member that follows a list.
    fn pass_member(&mut self) -> io::Result<Step> {
        loop {
            let bytes = self.window.bytes();
            let end = match scan::member(bytes, 1) {
                Scan::Found(Some((_, value))) => scan::value_end(bytes, value),
                Scan::Found(None) => Scan::Found(1),
                Scan::More => Scan::More,
                Scan::Broken => Scan::Broken,
            };
            match end {
                Scan::More if self.grows()? => {}
                Scan::Found(end) => {
                    self.window.consume(end);
                    return Ok(Step::Again);
                }
                Scan::More | Scan::Broken if self.is_doubtful => {
                    self.close();
                    return Ok(Step::Again);
                }
                Scan::More | Scan::Broken => {
                    return self.broken("expected a member or the end of the page");
                }
            }
        }
    }

    /// Reports what begins here as broken, and moves to the next record.
    fn broken(&mut self, what: &str) -> io::Result<Step> {
        let line = self.window.line();
        let begin = self.window.offset();
        self.is_doubtful = true;
        if let Some(columns) = self.ended_rows.take() {
            self.frames.push(Frame::Rows(columns));
        }
        self.find_next()?;
        let passed = self.window.offset() - begin;
        let text = Err(format!("{what}; {passed} bytes were passed over"));
        Ok(Step::Record(Record { file: 0, line, text }))
    }

    fn find_next(&mut self) -> io::Result<()> {
        let layout = match self.frames.last() {
            Some(Frame::Rows(columns)) => Layout::Rows(columns.len()),
            _ if self.window.is_at_line_start() => Layout::Lines,
            _ => Layout::Anywhere,
        };
        let mut at = 1;
        loop {
            let bytes = self.window.bytes();
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(found) = rest.iter().position(|byte| matches!(byte, b'{' | b'[')) else {
                // Keep a few bytes, because `begins` looks at what precedes an opening bracket.
                let past = bytes.len().saturating_sub(CONTEXT_BYTES);
                self.window.consume(past);
                at = self.window.bytes().len().max(1);
                if !self.window.more()? {
                    let left = self.window.bytes().len();
                    self.window.consume(left);
                    return Ok(());
                }
                continue;
            };
            at += found;
            match begins(bytes, at, layout) {
                Scan::Found(()) => {
                    let is_table =
                        matches!(layout, Layout::Rows(_)) && bytes.get(at) == Some(&b'{');
                    self.window.consume(at);
                    if is_table {
                        // Leave the rows and their table.
                        self.frames.truncate(self.frames.len().saturating_sub(2));
                    }
                    // The beginning of the list itself may have been broken.
                    if !is_table && matches!(self.frames.last(), Some(Frame::Rest | Frame::Tables))
                    {
                        self.frames.push(Frame::List);
                    }
                    return Ok(());
                }
                Scan::More if bytes.len() - at <= RECORD_BYTES_MAX && !self.window.is_ended() => {
                    let past = at.saturating_sub(CONTEXT_BYTES);
                    self.window.consume(past);
                    at -= past;
                    self.window.more()?;
                }
                Scan::More | Scan::Broken => at += 1,
            }
        }
    }
}

/// How far to look back from an opening bracket.
const CONTEXT_BYTES: usize = 64;

/// Where the records of a list are found.
#[derive(Clone, Copy)]
enum Layout {
    Anywhere,
    /// The broken record began a line, so the others do too.
    Lines,
    /// Rows with this many cells.
    Rows(usize),
}

/// Whether a record begins at the bracket `at`.
fn begins(bytes: &[u8], at: usize, layout: Layout) -> Scan<()> {
    let before = bytes.get(..at).unwrap_or_default();
    let is_object = bytes.get(at) == Some(&b'{');
    if matches!(layout, Layout::Lines) && before.last() == Some(&b'\n') {
        return scan::is_line(bytes, at);
    }
    let trimmed = before.trim_ascii_end();
    let opens_line = before.get(trimmed.len()..).is_some_and(|space| space.contains(&b'\n'));
    let is_apart = match trimmed.last() {
        Some(b',' | b'[' | b'}' | b']') => true,
        Some(b':') => false,
        _ => opens_line,
    };
    match layout {
        _ if !is_apart => Scan::Broken,
        Layout::Rows(cells) if !is_object => scan::is_row(bytes, at, cells),
        // Its rows have other columns.
        Layout::Rows(_) => scan::is_table(bytes, at),
        // An entry in an envelope is complete too, but is not a record.
        _ if is_object => scan::is_record(bytes, at, is_in_envelope(trimmed)),
        _ => Scan::Broken,
    }
}

fn is_in_envelope(before: &[u8]) -> bool {
    const MEMBER: &[u8] = b"\"properties\"";
    let near = before.get(before.len().saturating_sub(MEMBER.len() + 4)..).unwrap_or_default();
    near.windows(MEMBER.len()).any(|part| part == MEMBER)
}

impl<R: Read> Iterator for Records<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<io::Result<Record>> {
        while !self.is_over {
            match self.step() {
                Ok(Step::Record(record)) => return Some(Ok(record)),
                Ok(Step::Again) => {}
                Ok(Step::End) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Whether another record is an item of a list within this record.
fn holds_record(record: &[u8]) -> bool {
    let is_item = |at: usize| {
        let before = record.get(..at).unwrap_or_default().trim_ascii_end();
        matches!(before.last(), Some(b',' | b'['))
    };
    let opens = record.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'{');
    opens
        .map(|(at, _)| at)
        .any(|at| is_item(at) && scan::is_record(record, at, false) == Scan::Found(()))
}

/// Why a file with this beginning cannot be read at all; `None` if it can.
pub(super) fn unreadable(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..] => {
            Some("the file is UTF-16: save it as UTF-8")
        }
        [0x1F, 0x8B, ..] | [b'P', b'K', 3, 4, ..] => {
            Some("the file is compressed: unpack it first")
        }
        _ => None,
    }
}

fn too_large() -> String {
    format!("is larger than {RECORD_BYTES_MAX} bytes")
}

fn insist(form: Form, raw: Box<RawValue>) -> Result<Box<RawValue>, String> {
    let members: Vec<(String, &RawValue)> = match serde_json::from_str::<Members<'_>>(raw.get()) {
        Ok(members) => members.into_iter().collect(),
        Err(_) => Vec::new(),
    };
    let named = members.iter().map(|(name, text)| (name.as_str(), text.get().trim_matches('"')));
    match judge(named) {
        Some(found) if form.takes(found) => Ok(raw),
        Some(found) => Err(format!("expected the form `{form}`, this is `{found}`")),
        // A record of another log, which is skipped later.
        None => Ok(raw),
    }
}

type Members<'a> = std::collections::BTreeMap<String, &'a RawValue>;

/// The names of a table's columns, each as a JSON string.
fn column_names(bytes: &[u8]) -> Option<Vec<String>> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Vec<Value>>();
    let columns = values.next()?.ok()?;
    let name = |column: &Value| {
        let name = column.get("name").or(column.get("ColumnName"))?.as_str()?;
        Some(Value::from(name).to_string())
    };
    columns.iter().map(name).collect()
}

/// Why a list is no row of a table.
enum NoRow {
    Cells(String),
    RowWithin,
}

fn joined(columns: &[String], row: &RawValue) -> Result<String, NoRow> {
    let cells: Result<Vec<&RawValue>, _> = serde_json::from_str(row.get());
    let cells = cells.map_err(|_| NoRow::Cells("is no JSON".to_owned()))?;
    // A row that lost its end contains the next ones.
    let is_row = |cell: &&RawValue| {
        cell.get().starts_with('[')
            && scan::is_row(cell.get().as_bytes(), 0, columns.len()) == Scan::Found(())
    };
    if cells.iter().any(is_row) {
        return Err(NoRow::RowWithin);
    }
    if cells.len() != columns.len() {
        let (has, needs) = (cells.len(), columns.len());
        return Err(NoRow::Cells(format!("the row has {has} cells, the table {needs} columns")));
    }
    let mut text = String::with_capacity(row.get().len() * 2);
    for (column, cell) in columns.iter().zip(cells) {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(column);
        text.push(':');
        text.push_str(cell.get());
    }
    text.push('}');
    Ok(text)
}
