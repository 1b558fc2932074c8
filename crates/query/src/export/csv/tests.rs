use proptest::prelude::*;
use serde_json::json;

use super::*;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The lines for one row with the columns `a`, `b`, and the number of guarded cells.
fn written(row: Value) -> (String, u64) {
    let mut out = vec![];
    let guarded = record(&mut out, &["a", "b"].map(FileColumn::of), &map(row)).unwrap();
    (String::from_utf8(out).unwrap(), guarded)
}

#[test]
fn a_heading_that_somebody_chose_is_no_formula() {
    let mut columns = ["a", "b"].map(FileColumn::of);
    columns[1].heading = "=Crew,1".to_owned();
    let mut out = vec![];
    assert_eq!(header(&mut out, &columns, false), 1);
    assert_eq!(String::from_utf8(out).unwrap(), "a,\"'=Crew,1\"\r\n");
}

/// Checks the bytes of a cell.
#[track_caller]
fn check(value: Value, cell: &str) {
    let (text, guarded) = written(json!({"b": value, "z": "not a column"}));
    assert_eq!(text, format!(",{cell}\r\n"), "{value}");
    let starts_guarded = cell.trim_start_matches('"').starts_with('\'');
    assert_eq!(guarded, u64::from(starts_guarded), "{value}");
}

#[test]
fn values_are_cells() {
    check(Value::Null, "");
    check(json!(true), "true");
    check(json!(false), "false");
    check(json!(18_446_744_073_709_551_615_u64), "18446744073709551615");
    check(json!(1.5), "1.5");
    check(json!(""), r#""""#);
    check(json!("Lund"), "Lund");
    check(json!("Åsa 李 🛠 \u{feff}\u{0}"), "Åsa 李 🛠 \u{feff}\u{0}");
    check(json!([]), "[]");
    check(json!(["active", "title"]), r#""[""active"",""title""]""#);
    check(json!([7, 1]), r#""[7,1]""#);
    check(
        json!({"verdict": "confirmed", "bySeq": 7}),
        r#""{""bySeq"":7,""verdict"":""confirmed""}""#,
    );
}

#[test]
fn what_ends_a_cell_is_quoted() {
    check(json!("Lund, Mira"), r#""Lund, Mira""#);
    check(json!("Mira \"Mi\" Lund"), r#""Mira ""Mi"" Lund""#);
    check(json!("\""), r#""""""#);
    check(json!("one\ntwo"), "\"one\ntwo\"");
    check(json!("one\r\ntwo"), "\"one\r\ntwo\"");
    check(json!("one\rtwo"), "\"one\rtwo\"");
    check(json!("a;b\tc 'd'"), "\"a;b\tc 'd'\"");
    check(json!("a 'd'"), "a 'd'");
}

#[test]
fn what_begins_a_formula_is_guarded() {
    check(json!("=1+1"), "'=1+1");
    check(
        json!("=HYPERLINK(\"http://fjord.example\",\"x\")"),
        r#""'=HYPERLINK(""http://fjord.example"",""x"")""#,
    );
    check(json!("+47 555 01 00"), "'+47 555 01 00");
    check(json!("-"), "'-");
    check(json!("@SUM(1)"), "'@SUM(1)");
    check(json!("\t=1"), "\"'\t'=1\"");
    check(json!("\r=1"), "\"'\r'=1\"");
    check(json!("\nx"), "\"'\nx\"");
    check(json!("\u{ff1d}1"), "'\u{ff1d}1");
}

#[test]
fn what_begins_a_formula_for_another_separator_is_guarded() {
    let check = |value: Value, cell: &str| {
        assert_eq!(written(json!({"b": value})), (format!(",{cell}\r\n"), 1));
    };
    check(json!("a;=1+1;-2"), "\"a;'=1+1;'-2\"");
    check(json!("a\t@x"), "\"a\t'@x\"");
    check(json!("a\n+1"), "\"a\n'+1\"");
    check(json!("a; \"=1\""), "\"a; \"\"'=1\"\"\"");
    check(json!(" \u{200b}=1"), " \u{200b}'=1");
    check(json!(["a;=1"]), "\"[\"\"a;'=1\"\"]\"");
}

#[test]
fn what_begins_no_formula_is_not_guarded() {
    check(json!(-1), "-1");
    check(json!(-1.5e-7), "-1.5e-7");
    check(json!("a=1"), "a=1");
    check(json!("mira.lund@fjord.example"), "mira.lund@fjord.example");
    check(json!(["=1"]), r#""[""=1""]""#);
    check(json!({"=1": "=1"}), r#""{""=1"":""=1""}""#);
}

#[test]
fn guarded_cells_are_counted() {
    assert_eq!(written(json!({"a": "=1", "b": "@b"})).1, 2);
    assert_eq!(written(json!({"a": "=1", "b": 1, "c": "=1"})).1, 1);
}

#[test]
fn a_row_of_nothing_is_still_a_row() {
    let mut out = vec![];
    header(&mut out, &["only"].map(FileColumn::of), false);
    record(&mut out, &["only"].map(FileColumn::of), &map(json!({"only": null}))).unwrap();
    record(&mut out, &["only"].map(FileColumn::of), &map(json!({}))).unwrap();
    assert_eq!(read(&out).1, [[""], [""]]);
}

#[test]
fn a_byte_order_mark_stands_before_the_header() {
    for (bom, expected) in [(true, "\u{feff}seq,at\r\n"), (false, "seq,at\r\n")] {
        let mut out = vec![];
        header(&mut out, &["seq", "at"].map(FileColumn::of), bom);
        assert_eq!(out, expected.as_bytes());
    }
}

/// The header and records, read by another crate.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = ::csv::Reader::from_reader(bytes);
    let cells = |record: &::csv::StringRecord| record.iter().map(str::to_owned).collect();
    let header = cells(reader.headers().unwrap());
    (header, reader.records().map(|record| cells(&record.unwrap())).collect())
}

/// A second implementation of the guard: `'` before each sign with nothing visible to its left.
fn guarded(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let before = out.rsplit([';', '\t', '\r', '\n']).next().unwrap();
        let shows = |c: char| !c.is_whitespace() && c != '"' && !is_invisible(c);
        if "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c) && !before.contains(shows) {
            out.push('\'');
        }
        out.push(c);
    }
    if text.starts_with(['\t', '\r', '\n']) { format!("'{out}") } else { out }
}

/// A value as it is read back from a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text),
        other if other.is_number() => other.to_string(),
        other => guarded(&other.to_string()),
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[=+@a\"',\r\n\t;-]{0,6}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::collection::vec("[=\",\n]{0,3}", 0..3).prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn another_reader_sees_every_cell(rows in prop::collection::vec([value(), value(), value()], 0..8)) {
        let columns = ["a", "b", "c"];
        let mut out = vec![];
        header(&mut out, &columns.map(FileColumn::of), false);
        for row in &rows {
            let row = columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.clone()));
            record(&mut out, &columns.map(FileColumn::of), &row.collect()).unwrap();
        }
        let expected: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        prop_assert_eq!(read(&out), (columns.map(str::to_owned).to_vec(), expected));
    }
}
