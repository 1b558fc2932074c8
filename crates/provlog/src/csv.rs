//! Rows as CSV (RFC 4180).
//!
//! Null is nothing, an empty text `""`. A text that a spreadsheet could calculate gets a leading `'`.
//! Arrays and objects are JSON: names that are joined by a character could hold it themselves.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::text;

/// The line with the names of the columns.
pub(crate) fn head(columns: &[&str]) -> String {
    line(columns.iter().map(|name| Cow::Borrowed(*name)))
}

/// The line of a row; what it does not have is nothing.
pub(crate) fn record(columns: &[&str], row: &Map<String, Value>) -> String {
    line(columns.iter().map(|name| match row.get(*name) {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) if text.is_empty() => Cow::Borrowed("\"\""),
        Some(Value::String(text)) if begins_formula(text) => quoted(format!("'{text}").into()),
        Some(Value::String(text)) => quoted(text.into()),
        Some(plain @ (Value::Bool(_) | Value::Number(_))) => plain.to_string().into(),
        Some(nested @ (Value::Array(_) | Value::Object(_))) => quoted(text::json(nested).into()),
    }))
}

fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> String {
    let cells: Vec<Cow<'_, str>> = cells.collect();
    let mut text = cells.join(",");
    if text.is_empty() {
        // Readers skip an empty line; a row must not be lost that way.
        text.push_str("\"\"");
    }
    text + "\r\n"
}

fn begins_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn quoted(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_a_cell_that_no_spreadsheet_calculates() {
        let check = |value: Value, expected: &str| {
            let row = json!({"a": 7, "b": value, "c": true});
            let expected = format!("7,{expected},true\r\n");
            assert_eq!(record(&["a", "b", "c"], row.as_object().unwrap()), expected, "{value}");
        };
        check(json!(null), "");
        check(json!(""), "\"\"");
        check(json!("mira"), "mira");
        check(json!("Lund, Mira"), "\"Lund, Mira\"");
        check(json!("the \"boat\""), "\"the \"\"boat\"\"\"");
        check(json!("a\nb"), "\"a\nb\"");
        check(json!("=1+1"), "'=1+1");
        check(json!("+47"), "'+47");
        check(json!("-1"), "'-1");
        check(json!("@x"), "'@x");
        check(json!("\tx"), "'\tx");
        check(json!("\rx"), "\"'\rx\"");
        check(json!("=a,\"b\""), "\"'=a,\"\"b\"\"\"");
        check(json!("a=1"), "a=1");
        check(json!(-5), "-5");
        check(json!(["=a", "b"]), "\"[\"\"=a\"\",\"\"b\"\"]\"");
        check(json!([]), "[]");
        check(json!({"z": 1, "a": 2}), "\"{\"\"a\"\":2,\"\"z\"\":1}\"");
    }

    #[test]
    fn every_row_is_a_line_with_all_columns() {
        assert_eq!(head(&["a", "b"]), "a,b\r\n");
        let none = Map::new();
        assert_eq!(record(&["a", "b"], &none), ",\r\n", "what is absent is nothing");
        assert_eq!(record(&["a"], &none), "\"\"\r\n", "no empty line");
    }
}
