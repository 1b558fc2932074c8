//! Rows as CSV (RFC 4180).
//!
//! | value            | cell                                                                   |
//! |------------------|------------------------------------------------------------------------|
//! | null, or absent  | nothing                                                                |
//! | empty text       | `""`, for the readers that can tell it from nothing                    |
//! | text             | as it is; with a `'` before whatever could be taken for a formula      |
//! | number, boolean  | as in JSON                                                             |
//! | array, object    | compact JSON, names sorted; with the same `'`                          |
//!
//! A formula begins with `=`, `+`, `-` or `@`, or their full-width forms. It could begin at the start
//! of a cell, behind blanks, quotes and invisible characters, and behind a `;`, a tab or an end of line
//! within it: a spreadsheet that separates by another character than we do sees a cell beginning there.
//! A cell that itself begins with a tab or an end of line gets a leading `'` too.
//!
//! An array of texts is JSON too: joined, a text that holds the separator would read as two, and its
//! first text could begin a formula, which a `[` cannot.

use std::borrow::Cow;

use answers::FileColumn;
use serde_json::{Map, Value};

/// Writes the header; returns the number of headings that got a leading `'`. A heading can be the name of a
/// group, which somebody chose.
pub(super) fn header(out: &mut Vec<u8>, columns: &[FileColumn], bom: bool) -> u64 {
    if bom {
        out.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut guarded = 0;
    for (n, column) in columns.iter().enumerate() {
        separate(out, n);
        let text = guard(&column.heading);
        guarded += u64::from(matches!(text, Cow::Owned(_)));
        quote_if_needed(out, &text);
    }
    end(out);
    guarded
}

/// Writes a row; returns the number of cells that got a leading `'`.
pub(super) fn record(
    out: &mut Vec<u8>,
    columns: &[FileColumn],
    row: &Map<String, Value>,
) -> Result<u64, serde_json::Error> {
    let begin = out.len();
    let mut guarded = 0;
    for (n, column) in columns.iter().enumerate() {
        separate(out, n);
        match column.value(row) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => out.extend_from_slice(b"\"\""),
            Some(Value::String(text)) => {
                let text = guard(text);
                guarded += u64::from(matches!(text, Cow::Owned(_)));
                quote_if_needed(out, &text);
            }
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => {
                serde_json::to_writer(&mut *out, plain)?;
            }
            Some(nested @ (Value::Array(_) | Value::Object(_))) => {
                let text = canonical::text(nested);
                let text = guard(&text);
                guarded += u64::from(matches!(text, Cow::Owned(_)));
                quote_if_needed(out, &text);
            }
        }
    }
    if out.len() == begin {
        // Readers skip empty lines; the row must not be lost.
        out.extend_from_slice(b"\"\"");
    }
    end(out);
    Ok(guarded)
}

/// Puts a `'` before whatever a spreadsheet could take for a formula.
fn guard(text: &str) -> Cow<'_, str> {
    let ends_cell = |c: char| matches!(c, ';' | '\t' | '\r' | '\n');
    let mut out = String::new();
    let (mut copied, mut begins) = (0, true);
    if text.starts_with(|c| c != ';' && ends_cell(c)) {
        out.push('\'');
    }
    for (at, c) in text.char_indices() {
        let is_sign = "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c);
        if begins && is_sign {
            out.push_str(&text[copied..at]);
            out.push('\'');
            copied = at;
        }
        let is_passed_over = c.is_whitespace() || c == '"' || is_invisible(c);
        begins = ends_cell(c) || (begins && !is_sign && is_passed_over);
    }
    if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + &text[copied..]) }
}

/// Whether a character is displayed as nothing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn quote_if_needed(out: &mut Vec<u8>, text: &str) {
    if !text.contains(['"', ',', ';', '\t', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for (n, piece) in text.split('"').enumerate() {
        if n > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(piece.as_bytes());
    }
    out.push(b'"');
}

fn separate(out: &mut Vec<u8>, n: usize) {
    if n > 0 {
        out.push(b',');
    }
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
