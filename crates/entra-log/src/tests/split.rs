//! How files are split into records.

use std::io::{self, Read};

use super::{JSON_FORMS, json, line_of, split};
use crate::{Form, Records};

/// Of each record its line and its id, or `!` and what is reported.
fn found(text: &str) -> Vec<(u64, String)> {
    let show = |record: crate::Record| match record.text {
        Ok(raw) => {
            let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap();
            (record.line, value["id"].as_str().unwrap_or("?").to_owned())
        }
        Err(what) => (record.line, format!("!{what}")),
    };
    split(text.as_bytes()).into_iter().map(show).collect()
}

#[track_caller]
fn check(text: &str, expected: &[(u64, &str)]) {
    let found = found(text);
    let matches = found.len() == expected.len()
        && found.iter().zip(expected).all(|((line, what), (expected_line, expected))| {
            line == expected_line
                && match expected.strip_prefix('!') {
                    Some(part) => what.starts_with('!') && what.contains(part),
                    None => what == expected,
                }
        });
    assert!(matches, "{text}\nfound {found:?}\nexpected {expected:?}");
}

const A: &str = r#"{"id":"a","time":"t"}"#;
const B: &str = r#"{"id":"b","time":"t"}"#;

#[test]
fn every_way_to_hold_records_is_split() {
    check(&format!("{A}\n{B}\n"), &[(1, "a"), (2, "b")]);
    check(&format!("{A}{B}"), &[(1, "a"), (1, "b")]);
    check(&format!("\u{feff}{A}\r\n\r\n{B}"), &[(1, "a"), (3, "b")]);
    check(&format!("{A}\n\u{feff}{B}"), &[(1, "a"), (2, "b")]);
    check(&format!("[{A},\n{B}]"), &[(1, "a"), (2, "b")]);
    check(&format!("[{A}]\n[{B}]\n"), &[(1, "a"), (2, "b")]);
    check(&format!("{{\"records\":[{A},{B}]}}"), &[(1, "a"), (1, "b")]);
    check(&format!("[{{\"records\":[{A}]}},{{\"records\":[{B}]}}]"), &[(1, "a"), (1, "b")]);
    let page = format!("{{\"@odata.context\":\"c\",\"value\":[{A}],\"@odata.nextLink\":\"l\"}}");
    check(&page, &[(1, "a")]);
    check(&format!("{page}\n{page}{page}"), &[(1, "a"), (2, "a"), (2, "a")]);
    check(&format!("[{page},{page}]"), &[(1, "a"), (1, "a")]);
    let table = r#"{"tables":[{"name":"n","columns":[{"name":"id"},{"name":"n"}],"rows":[["a",1],
        ["b",null]],"more":{}},{"columns":[{"name":"id"}],"rows":[["c"]]}],"statistics":{}}"#;
    check(table, &[(1, "a"), (2, "b"), (2, "c")]);
    let first = table.replace("tables", "Tables").replace("columns", "Columns");
    let first = first.replace("rows", "Rows").replace("\"name\":\"id", "\"ColumnName\":\"id");
    check(&first, &[(1, "a"), (2, "b"), (2, "c")]);
    check("", &[]);
    check("[]", &[]);
    check("{\"value\":[]}", &[]);
}

#[test]
fn a_member_that_is_called_like_a_list_of_records_does_not_make_a_record_a_page() {
    check(r#"{"id":"a","value":[{"id":"x"}]}"#, &[(1, "a")]);
    check(r#"{"id":"a","records":[]}"#, &[(1, "a")]);
    check(r#"{"value":5,"id":"a"}"#, &[(1, "a")]);
}

#[test]
fn a_broken_line_is_reported_and_no_other() {
    check(&format!("{A}\n{{\"id\":\n{B}\n"), &[(1, "a"), (2, "!has no end"), (3, "b")]);
    check(&format!("{A}\nhello\nworld\n{B}\n"), &[(1, "a"), (2, "!expected a record"), (4, "b")]);
    check(&format!("{A}\n{{\"i\n{{\"j\n{B}\n"), &[(1, "a"), (2, "!"), (3, "!"), (4, "b")]);
    check(&format!("{A}\n5\n{B}"), &[(1, "a"), (2, "!"), (3, "b")]);
    // Records of no known form are come by as well, when they open a line.
    check("{\"id\":\"x\"}\n{{\n{\"id\":\"y\"}\n", &[(1, "x"), (2, "!"), (3, "y")]);
}

#[test]
fn a_broken_record_within_a_list_is_reported_and_no_other() {
    check(&format!("[{A},{{\"id\":\"x\",\"y\":,{B}]"), &[(1, "a"), (1, "!"), (1, "b")]);
    check(&format!("[{A},{{\"id\":\"x\",\"y\":{{\"id\":1}},{B}]"), &[(1, "a"), (1, "!"), (1, "b")]);
    check(&format!("[{A},null,{B}]"), &[(1, "a"), (1, "!expected a record"), (1, "b")]);
    check(&format!("[x,{A},{B}]\n{A}"), &[(1, "!"), (1, "a"), (1, "b"), (2, "a")]);
    let page = format!("{{\"@odata.context\":\"c\"x,\"value\":[{A},{B}],\"more\":1}}\n{A}");
    check(&page, &[(1, "!"), (1, "a"), (1, "b"), (2, "a")]);
}

#[test]
fn a_record_that_lost_its_end_does_not_take_others_with_it() {
    // Its inner list goes on into the records after it, and takes the end of the page for its own.
    let cut = r#"{"id":"x","time":"t","steps":[{"name":"n"}"#;
    let page = format!("{{\"value\":[{cut},{A},{B}]}}");
    check(&page, &[(1, "!another record"), (1, "a"), (1, "b")]);
    check(&format!("{page}\n{A}"), &[(1, "!another record"), (1, "a"), (1, "b"), (2, "a")]);
    // The last one of a page takes nothing but the ends, and is not whole either.
    let page = format!("{{\"value\":[{A},{cut}]}}");
    check(&format!("{page}\n{{\"value\":[{B}]}}"), &[(1, "a"), (1, "!end of its list"), (2, "b")]);
    check(&page, &[(1, "a"), (1, "!end of its list")]);
    let page = format!("{{\"value\":[{cut},{A},{B}]}}");
    check(
        &format!("[{page},\n{{\"value\":[{A}]}}]"),
        &[(1, "!another record"), (1, "a"), (1, "b"), (2, "a")],
    );
}

#[test]
fn a_record_that_ends_too_soon_is_not_taken_for_whole() {
    let short = r#"{"id":"x","time":"t"},"steps":[]}"#;
    check(&format!("[{A},{short},{B}]"), &[(1, "a"), (1, "!ends too soon"), (1, "b")]);
    check(&format!("{A}\n{short}\n{B}"), &[(1, "a"), (2, "!ends too soon"), (3, "b")]);
    check(&format!("[{A}5,{B}]"), &[(1, "!ends too soon"), (1, "b")]);
    // It looks the same when the next one lost its opening brace.
    check(&format!("[{A},{},{B}]", &B[1..]), &[(1, "!ends too soon"), (1, "b")]);
    // What stands on a line of its own is no part of the record before.
    check(&format!("{A}\n,\"x\":1\n{B}"), &[(1, "a"), (2, "!expected a record"), (3, "b")]);
    check(&format!("[{A}\nx\n,{B}]"), &[(1, "a"), (2, "!expected a record"), (3, "b")]);
}

#[test]
fn a_line_that_was_broken_in_two_is_no_line_of_records() {
    let halves = r#"{"id":"x","time":"t","steps":[
{"name":"n"},{"name":"m"}],"more":
{"id":"y"}}"#;
    check(&format!("{A}\n{}\n{B}", halves.replace("[\n", "[x\n")), &[(1, "a"), (2, "!"), (5, "b")]);
}

#[test]
fn a_part_of_a_broken_record_is_never_taken_for_a_record() {
    // The inner entry is whole; without its envelope it would be taken for another.
    let inner = r#"{"id":"x","activityDateTime":"t"}"#;
    check(&format!("[{{\"time\":\"t\"x,\"properties\":{inner}}},{B}]"), &[(1, "!"), (1, "b")]);
    let comma = format!("[{{\"time\":\"t\",\"properties\":,{inner}}},{B}]");
    check(&comma, &[(1, "!"), (1, "b")]);
    // A record with its own envelope is none, even there.
    let other = r#"{"id":"y","time":"t","properties":{}}"#;
    let cut = format!("[{{\"time\":\"t\",\"properties\":,{other},{B}]");
    check(&cut, &[(1, "!"), (1, "y"), (1, "b")]);
    // The inner object lost its end, so it runs into the members of the outer one.
    check(&format!("[{{\"s\":{{\"id\":\"x\",\"time\":\"t\"}},{B}]"), &[(1, "!"), (1, "b")]);
}

#[test]
fn a_row_with_too_few_cells_or_broken_ones_is_reported_and_no_other() {
    let open = r#"{"tables":[{"columns":[{"name":"id"},{"name":"n"}],"rows":[["a",1],"#;
    check(&format!("{open}[\"x\"],[\"b\",2]]}}]}}"), &[(1, "a"), (1, "!1 cells"), (1, "b")]);
    check(&format!("{open}[\"x\",,2],[\"b\",2]]}}]}}"), &[(1, "a"), (1, "!"), (1, "b")]);
    // A row without its end is not one with the next row as its last cell.
    check(&format!("{open}[\"x\",[\"b\",2]]}}]}}"), &[(1, "a"), (1, "!another row"), (1, "b")]);
    // A bracket that is the wrong way round ends the rows, and they go on.
    check(&format!("{open}]\"x\",1],[\"b\",2]]}}]}}"), &[(1, "a"), (1, "!"), (1, "b")]);
    // The next table has other columns.
    let next = r#"{"columns":[{"name":"n"},{"name":"id"}],"rows":[[2,"b"]]}"#;
    check(&format!("{open}[\"x\",,]]}},{next}]}}"), &[(1, "a"), (1, "!"), (1, "b")]);
    check(r#"{"tables":[{"rows":[["a"]],"columns":[]}]}"#, &[(1, "!columns must be named before")]);
}

#[test]
fn a_file_that_was_cut_off_says_so_once() {
    check(&format!("[{A},{B}"), &[(1, "a"), (1, "b"), (1, "!cut off")]);
    check(&format!("{{\"value\":[{A}]"), &[(1, "a"), (1, "!cut off")]);
    check(&format!("[{A},\n{{\"id\":\"b"), &[(1, "a"), (2, "!has no end")]);
    check(&format!("{A}\n{{\"id\":\"b\",\"x\":{{\"y\":{{}}"), &[(1, "a"), (2, "!has no end")]);
}

#[test]
fn a_report_never_repeats_what_stands_there() {
    for text in ["{\"tuva.lie\": tuva.lie}", "tuva.lie", "[\"tuva.lie\"]", "{\"tuva.lie"] {
        for (_, what) in found(text) {
            assert!(what.starts_with('!') && !what.contains("tuva"), "{what}");
        }
    }
}

#[test]
fn other_encodings_are_refused_with_what_to_do() {
    for bytes in [&[0xFF, 0xFE, b'{', 0][..], &[b'[', 0, b'{', 0], &[0x1F, 0x8B, 8, 0]] {
        let error = Records::new(bytes, None).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().starts_with("the file is "), "{error}");
    }
}

#[test]
fn a_form_that_is_insisted_on_lets_no_other_pass() {
    let all = [Form::Graph, Form::PortalJson, Form::Stream, Form::LogAnalytics, Form::Audit];
    for (name, own) in JSON_FORMS.into_iter().zip(all) {
        for form in all {
            let bytes = json(name);
            let records = Records::new(bytes.as_slice(), Some(form)).unwrap().map(Result::unwrap);
            let entries_of_graph = [Form::Graph, Form::PortalJson];
            let fits = form == own
                || (entries_of_graph.contains(&form) && entries_of_graph.contains(&own));
            for record in records {
                assert_eq!(record.text.is_ok(), fits, "{name} as {form}: {:?}", record.text);
            }
        }
    }
    assert!(Records::new(&b"[]"[..], Some(Form::PortalCsv)).is_err());
}

/// Gives its bytes a few at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

#[test]
fn records_are_the_same_however_the_file_is_read() {
    let one: String = (0..3_000)
        .map(|n| format!("{{\"id\":\"{n}\",\"time\":\"t\",\"x\":\"{}\"}},\n", "y".repeat(n % 700)))
        .collect();
    let text = format!("[\n{one}{{]");
    let expected = split(text.as_bytes());
    assert_eq!(expected.len(), 3_001);
    let mut slow = Records::new(Slowly(text.as_bytes(), 1_021), None).unwrap();
    for (found, expected) in slow.by_ref().map(Result::unwrap).zip(&expected) {
        assert_eq!(found.line, expected.line);
        let texts = (found.text.map(|raw| raw.to_string()), expected.text.as_ref());
        assert_eq!(texts.0.as_deref(), texts.1.map(|raw| raw.get()));
        if let Some(id) = texts.1.ok().and_then(|raw| raw.get().split('"').nth(3)) {
            let at = text.find(&format!("{{\"id\":\"{id}\"")).unwrap();
            assert_eq!(found.line, line_of(text.as_bytes(), at));
        }
    }
    assert_eq!(slow.bytes_read(), text.len() as u64);
}

#[test]
fn a_record_of_any_size_is_passed_over_in_little_memory() {
    let head = format!("{A}\n{{\"id\":\"x\",\"y\":\"");
    let tail = format!("\"}}\n{B}\n");
    let reader = head.as_bytes().chain(io::repeat(b'x').take(64 << 20)).chain(tail.as_bytes());
    let mut records = Records::new(reader, None).unwrap();
    let mut lines = Vec::new();
    while let Some(record) = records.next().map(Result::unwrap) {
        lines.push((record.line, record.text.is_ok()));
        assert!(records.memory_bytes() < 4 << 20, "{}", records.memory_bytes());
    }
    assert_eq!(lines, [(1, true), (2, false), (3, true)]);
}

#[test]
fn what_is_nested_without_end_does_not_take_long() {
    // Every bracket may open a record; each is given up after a few levels.
    let text = format!("[{{\"time\":{}", "[{\"time\":".repeat(400_000));
    check(&text, &[(1, "!")]);
    let text = format!("[x{}", "{\"a\":".repeat(800_000));
    check(&text, &[(1, "!")]);
    // Here each line may.
    let lines = 300_000;
    assert_eq!(found(&"{\"a\":\n".repeat(lines)).len(), lines);
    assert_eq!(found(&"[{\"a\":\n".repeat(lines)).len(), 1);
}

#[test]
fn a_reader_that_fails_ends_the_records() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    // The record before the failure is not sure to have ended, so it is not given.
    let text = format!("{A}\n{B}\n{}", " ".repeat(300 * 1024));
    let mut records = Records::new(text.as_bytes().chain(Fails), None).unwrap();
    assert!(records.next().unwrap().unwrap().text.is_ok());
    assert!(records.next().unwrap().is_err());
    assert!(records.next().is_none());
}
