//! Rows as CSV (RFC 4180).
//!
//! | value            | cell                                                                   |
//! |------------------|------------------------------------------------------------------------|
//! | null, or absent  | nothing                                                                |
//! | empty text       | `""`, for the readers that can tell it from nothing                    |
//! | text             | as it is; with a leading `'` where it could be taken for a formula     |
//! | number, boolean  | as in JSON                                                             |
//! | array, object    | compact JSON, names sorted                                             |
//!
//! An array of texts is JSON too: joined, a text that holds the separator would read as two, and its
//! first text could begin a formula, which a `[` cannot.

use serde_json::{Map, Value};

/// Writes the header.
pub(super) fn header(out: &mut Vec<u8>, columns: &[&str], bom: bool) {
    if bom {
        out.extend_from_slice("\u{feff}".as_bytes());
    }
    for (n, column) in columns.iter().enumerate() {
        separate(out, n);
        quote_if_needed(out, column);
    }
    end(out);
}

/// Writes a row; gives the number of cells that got a leading `'`.
pub(super) fn record(
    out: &mut Vec<u8>,
    columns: &[&str],
    row: &Map<String, Value>,
) -> Result<u64, serde_json::Error> {
    let begin = out.len();
    let mut guarded = 0;
    for (n, column) in columns.iter().enumerate() {
        separate(out, n);
        match row.get(*column) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => out.extend_from_slice(b"\"\""),
            Some(Value::String(text)) if begins_formula(text) => {
                guarded += 1;
                quote_if_needed(out, &format!("'{text}"));
            }
            Some(Value::String(text)) => quote_if_needed(out, text),
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => {
                serde_json::to_writer(&mut *out, plain)?;
            }
            Some(nested @ (Value::Array(_) | Value::Object(_))) => {
                quote_if_needed(out, &serde_json::to_string(nested)?);
            }
        }
    }
    if out.len() == begin {
        // Readers skip an empty line; a row must not be lost that way.
        out.extend_from_slice(b"\"\"");
    }
    end(out);
    Ok(guarded)
}

/// Whether a spreadsheet could calculate it.
fn begins_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn quote_if_needed(out: &mut Vec<u8>, text: &str) {
    if !text.contains(['"', ',', '\r', '\n']) {
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
