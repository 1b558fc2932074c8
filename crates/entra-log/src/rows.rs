//! Reads the rows of a CSV file of any size (RFC 4180), with the place of each.
//!
//! The separator is a comma, a semicolon or a tab: the one that the first line names (`sep=;`, as Excel
//! writes it), else the one that gives the first row the most cells. Skipped are PowerShell's type line
//! at the beginning, rows of empty cells, which spreadsheets leave at the end, and repeated headings of
//! joined files. Empty cells beyond the last heading are dropped.

use std::io::{self, Read, Seek};
use std::ops::Range;

use super::window::Window;

const ROW_BYTES_MAX: usize = 1024 * 1024;
const CELLS_MAX: usize = 1_000;
/// Small, because rows are also read at random places.
const CHUNK_BYTES: usize = 8 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A row, or what is wrong with it.
pub(super) struct Row {
    /// Where it begins in the file.
    pub offset: u64,
    /// The line where it begins, from 1.
    pub line: u64,
    pub cells: Result<Vec<String>, String>,
}

pub(super) struct Rows<R> {
    window: Window<R>,
    separator: u8,
    /// The first row, which says how many cells each row has; empty until it is read.
    headings: Vec<String>,
}

enum Split {
    /// The row's length with its line end.
    Row(usize, Vec<Range<usize>>),
    More,
    Broken(&'static str),
}

impl<R: Read + Seek> Rows<R> {
    /// Opens a file before its first row, the headings.
    pub(super) fn new(reader: R) -> io::Result<Rows<R>> {
        let mut window = Window::new(reader, CHUNK_BYTES);
        // The whole first row is needed to find the separator.
        while window.more()? && !has_row(window.bytes()) && window.bytes().len() < HEAD_BYTES_MAX {}
        let head = head(window.bytes(), window.is_ended());
        window.consume(head.skipped);
        Ok(Rows { window, separator: head.separator, headings: vec![] })
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.window.read_bytes()
    }

    /// Moves to the row that begins at this place.
    pub(super) fn seek(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.window.seek(offset, line)
    }

    /// Where the next row begins, and its line.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.window.offset(), self.window.line())
    }

    /// The next row that is not blank and does not repeat the headings. After a broken row, continues
    /// at the next line that is a row.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            self.skip_blank()?;
            if self.window.byte()?.is_none() {
                return Ok(None);
            }
            let (offset, line) = self.place();
            let cells = match self.cells()? {
                Ok((cells, length)) => {
                    self.window.consume(length);
                    if self.says_nothing(&cells) {
                        continue;
                    }
                    if self.headings.is_empty() {
                        self.headings.clone_from(&cells);
                    }
                    Ok(cells)
                }
                Err(what) => {
                    let lines = self.find_next()?;
                    Err(match lines {
                        0 | 1 => what,
                        more => format!("{what}; {} lines after it were passed over", more - 1),
                    })
                }
            };
            return Ok(Some(Row { offset, line, cells }));
        }
    }

    /// Whether a row after the first is blank or repeats the headings.
    fn says_nothing(&self, cells: &[String]) -> bool {
        !self.headings.is_empty()
            && (cells.iter().all(|cell| cell.trim().is_empty())
                || cells
                    .iter()
                    .zip(&self.headings)
                    .all(|(cell, heading)| bare(cell) == bare(heading)))
    }

    fn skip_blank(&mut self) -> io::Result<()> {
        while let Some(b'\r' | b'\n') = self.window.byte()? {
            self.window.consume(1);
        }
        Ok(())
    }

    /// The row that begins here and its length in bytes, or what is wrong with it.
    fn cells(&mut self) -> io::Result<Result<(Vec<String>, usize), String>> {
        loop {
            let bytes = self.window.bytes();
            match split(bytes, self.window.is_ended(), self.separator) {
                Split::Row(length, mut cells) if self.fits(&cells) => {
                    if !self.headings.is_empty() {
                        cells.truncate(self.headings.len());
                    }
                    let cells = cells.into_iter().map(|cell| text(bytes, cell));
                    let cells = cells.collect::<Option<Vec<_>>>();
                    return Ok(match cells {
                        Some(cells) => Ok((cells, length)),
                        None => Err("is not UTF-8".to_owned()),
                    });
                }
                Split::Row(_, cells) => {
                    let (has, needs) = (cells.len(), self.headings.len());
                    return Ok(Err(format!("has {has} cells, the first row has {needs}")));
                }
                Split::Broken(what) => return Ok(Err(what.to_owned())),
                Split::More if bytes.len() > ROW_BYTES_MAX => {
                    return Ok(Err(format!("is larger than {ROW_BYTES_MAX} bytes")));
                }
                Split::More => {
                    self.window.more()?;
                }
            }
        }
    }

    /// Whether a row has as many cells as the headings; further ones must be empty.
    fn fits(&self, cells: &[Range<usize>]) -> bool {
        let width = self.headings.len();
        let beyond = cells.get(width..);
        width == 0 || beyond.is_some_and(|beyond| beyond.iter().all(Range::is_empty))
    }

    /// Skips lines until one begins a row. Returns how many.
    fn find_next(&mut self) -> io::Result<u64> {
        let mut lines = 0;
        loop {
            self.skip_line()?;
            lines += 1;
            if self.window.byte()?.is_none() || self.cells()?.is_ok() {
                return Ok(lines);
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while self.window.byte()?.is_some() {
            let bytes = self.window.bytes();
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(bytes.len(), |end| end + 1);
            self.window.consume(count);
            if end.is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// The cells of the first row of a file, of which only the beginning may be given.
pub(super) fn head_cells(bytes: &[u8]) -> Option<Vec<String>> {
    let head = head(bytes, true);
    let bytes = bytes.get(head.skipped..).unwrap_or_default();
    let bytes = bytes.trim_ascii_start();
    match split(bytes, true, head.separator) {
        Split::Row(_, cells) => cells.into_iter().map(|cell| text(bytes, cell)).collect(),
        Split::More | Split::Broken(_) => None,
    }
}

/// How many bytes are searched for the end of the first row.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const SEPARATORS: [u8; 3] = *b",;\t";
/// The first line of a CSV file of objects by Windows PowerShell begins so.
const TYPE_LINE: &[u8] = b"#TYPE ";

/// What the beginning of a file says about its rows.
struct Head {
    separator: u8,
    /// How many bytes are before the first row.
    skipped: usize,
}

/// A cell without quotes, and without the byte order mark that each of several joined files may begin
/// with.
fn bare(cell: &str) -> &str {
    cell.trim_start_matches('\u{feff}').trim_matches('"')
}

fn has_row(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    let lines = if bytes.starts_with(TYPE_LINE) { 2 } else { 1 };
    bytes.iter().filter(|byte| **byte == b'\n').nth(lines - 1).is_some()
}

fn head(bytes: &[u8], is_ended: bool) -> Head {
    let mut skipped = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let rest = bytes.get(skipped..).unwrap_or_default();
    if rest.starts_with(TYPE_LINE) {
        skipped += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    }
    let rest = bytes.get(skipped..).unwrap_or_default();
    let line_end = rest.iter().position(|byte| *byte == b'\n');
    let line = rest.get(..line_end.unwrap_or(rest.len())).unwrap_or_default();
    let said = match line.trim_ascii_end() {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator]
        | [b'"', b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator, b'"'] => Some(*separator),
        // `trim_ascii_end` removed a tab that is the separator.
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'='] if line.get(4) == Some(&b'\t') => Some(b'\t'),
        _ => None,
    };
    if let Some(separator) = said.filter(|separator| SEPARATORS.contains(separator)) {
        skipped += line_end.map_or(rest.len(), |end| end + 1);
        return Head { separator, skipped };
    }
    let row = rest.trim_ascii_start();
    let cells = |separator: u8| match split(row, is_ended, separator) {
        Split::Row(_, cells) => cells.len(),
        Split::More | Split::Broken(_) => 0,
    };
    // With equal counts take the first, because a file with one column has no separator.
    let most = SEPARATORS.into_iter().rev().max_by_key(|separator| cells(*separator));
    Head { separator: most.unwrap_or(b','), skipped }
}

/// Splits the row at the beginning of the bytes.
fn split(bytes: &[u8], is_ended: bool, separator: u8) -> Split {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let begin = at;
        if bytes.get(at) == Some(&b'"') {
            at = match quoted_end(bytes, at + 1) {
                Some(end) => end,
                None if is_ended => return Split::Broken("the file ends within a quoted cell"),
                None => return Split::More,
            };
        } else {
            let rest = bytes.get(at..).unwrap_or_default();
            let is_end = |byte: &u8| *byte == separator || matches!(byte, b'\n' | b'\r');
            let end = rest.iter().position(is_end);
            at += end.unwrap_or(rest.len());
        }
        if cells.len() == CELLS_MAX {
            return Split::Broken("has too many cells");
        }
        cells.push(begin..at);
        match bytes.get(at) {
            Some(byte) if *byte == separator => at += 1,
            Some(b'\n') => return Split::Row(at + 1, cells),
            Some(b'\r') => match bytes.get(at + 1) {
                Some(b'\n') => return Split::Row(at + 2, cells),
                None if !is_ended => return Split::More,
                _ => return Split::Row(at + 1, cells),
            },
            None if is_ended => return Split::Row(at, cells),
            None => return Split::More,
            Some(_) => return Split::Broken("has text after the end of a quoted cell"),
        }
    }
}

/// The end of a quoted cell, after its closing quote; `None` if more bytes are needed to see it.
fn quoted_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn text(bytes: &[u8], cell: Range<usize>) -> Option<String> {
    let text = str::from_utf8(bytes.get(cell)?).ok()?;
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => Some(quoted.replace("\"\"", "\"")),
        None => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Rows, head_cells};

    /// The rows of a file, its cells with bars between them.
    fn rows(file: &str) -> Vec<(u64, String)> {
        let mut rows = Rows::new(Cursor::new(file.as_bytes().to_vec())).unwrap();
        let mut found = vec![];
        while let Some(row) = rows.next_row().unwrap() {
            found.push((row.line, row.cells.unwrap().join("|")));
        }
        found
    }

    fn expected(first: u64) -> Vec<(u64, String)> {
        vec![(first, "a|b c|d".to_owned()), (first + 1, "1|2;3,4|5".to_owned())]
    }

    #[test]
    fn the_separator_is_told_by_the_first_row() {
        for separator in [",", ";", "\t"] {
            let file =
                format!("a{separator}b c{separator}d\n1{separator}\"2;3,4\"{separator}5\r\n");
            assert_eq!(rows(&file), expected(1), "{separator:?}");
            assert_eq!(rows(&format!("\u{feff}{file}")), expected(1), "{separator:?}");
            assert_eq!(head_cells(file.as_bytes()).unwrap(), ["a", "b c", "d"]);
            let said = format!("\u{feff}sep={separator}\r\n{file}");
            assert_eq!(rows(&said), expected(2), "{separator:?}");
            assert_eq!(head_cells(said.as_bytes()).unwrap(), ["a", "b c", "d"]);
        }
        // What is said goes before what is counted.
        assert_eq!(rows("\"sep=;\"\na;b,c,d\n"), [(2, "a|b,c,d".to_owned())]);
    }

    #[test]
    fn rows_that_say_nothing_are_passed_over() {
        let expected = [(1, "a|b".to_owned()), (2, "1|2".to_owned()), (8, "3|4".to_owned())];
        let file = "a;b\n1;2;;\n;\n;;;\n \t;\na;b\n\u{feff}\"a\";b\n3;4\n;\n";
        assert_eq!(rows(file), expected);
        // What stands beyond the last heading is no cell of the row's.
        let mut broken = Rows::new(Cursor::new(b"a;b\n1;2;3\n".to_vec())).unwrap();
        broken.next_row().unwrap();
        let told = broken.next_row().unwrap().unwrap().cells.unwrap_err();
        assert_eq!(told, "has 3 cells, the first row has 2");
    }

    #[test]
    fn the_line_of_a_type_is_no_row() {
        let file =
            "#TYPE Microsoft.Graph.PowerShell.Models.MicrosoftGraphThing\r\n\"a\",\"b\"\r\n1,2\r\n";
        assert_eq!(rows(file), [(2, "a|b".to_owned()), (3, "1|2".to_owned())]);
        assert_eq!(head_cells(file.as_bytes()).unwrap(), ["a", "b"]);
        assert_eq!(rows("#TYPE x"), []);
    }

    #[test]
    fn a_separator_within_quotes_separates_nothing() {
        assert_eq!(rows("\"a;b;c;d\",e\n"), [(1, "a;b;c;d|e".to_owned())]);
        assert_eq!(rows("alone\nother\n"), [(1, "alone".to_owned()), (2, "other".to_owned())]);
    }
}
