//! One record of a file is broken, in many ways: it is reported, and every other comes through.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{JSON_FORMS, json, line_of, split, understand, value};
use crate::{DateOrder, Record, detect};

/// Where the records of a file stand in it.
fn places(form: &str, bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let text = str::from_utf8(bytes).unwrap();
    if form == "log-analytics" {
        #[derive(serde::Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            tables: Vec<Table<'a>>,
        }
        #[derive(serde::Deserialize)]
        struct Table<'a> {
            #[serde(borrow)]
            rows: Vec<&'a RawValue>,
        }
        let answer: Answer<'_> = serde_json::from_str(text).unwrap();
        let rows = answer.tables[0].rows.iter();
        return rows
            .map(|row| {
                let begin = row.get().as_ptr() as usize - text.as_ptr() as usize;
                begin..begin + row.get().len()
            })
            .collect();
    }
    let mut from = 0;
    let place = |record: &Record| {
        let raw = record.text.as_ref().unwrap().get();
        let begin = from + text[from..].find(raw).unwrap();
        from = begin + raw.len();
        begin..from
    };
    split(bytes).iter().map(place).collect()
}

/// What one file is when the record at a place is replaced.
struct Broken {
    form: &'static str,
    record: usize,
    bytes: Vec<u8>,
    whole: Vec<Value>,
    /// In what is now the file.
    lines: Vec<u64>,
}

fn replaced(form: &'static str, record: usize, change: impl Fn(&[u8]) -> Vec<u8>) -> Broken {
    let bytes = json(form);
    let places = places(form, &bytes);
    let whole = split(&bytes).iter().map(value).collect();
    let record = record % places.len();
    let place = places[record].clone();
    let new = change(&bytes[place.clone()]);
    let mut broken = bytes[..place.start].to_vec();
    broken.extend(&new);
    broken.extend(&bytes[place.end..]);
    let shift = |at: usize| if at > place.start { at + new.len() - place.len() } else { at };
    let lines = places.iter().map(|place| line_of(&broken, shift(place.start))).collect();
    Broken { form, record, bytes: broken, whole, lines }
}

/// Every other record comes through as it was, with its line. In the place of the broken one stand one
/// or two, which are given: what is left of it may be whole.
#[track_caller]
fn check(broken: &Broken) -> Vec<Record> {
    let mut found = split(&broken.bytes);
    let reports: Vec<_> = found.iter().filter_map(|record| record.text.as_ref().err()).collect();
    let shown = format!("{} record {}: {reports:?}", broken.form, broken.record);
    let after = broken.whole.len() - broken.record - 1;
    assert!(found.len() >= broken.whole.len(), "{shown}");
    let of_broken = broken.record..found.len() - after;
    assert!(of_broken.len() <= 2, "{shown}");
    let others = found[..broken.record].iter().chain(&found[of_broken.end..]);
    let whole = broken.whole.iter().zip(&broken.lines).enumerate();
    let whole = whole.filter(|(index, _)| *index != broken.record);
    for (record, (index, (whole, line))) in others.zip(whole) {
        assert!(record.text.is_ok(), "{shown} instead of {index}");
        assert_eq!((&value(record), record.line), (whole, *line), "{shown}");
    }
    let of_broken: Vec<_> = found.drain(of_broken).collect();
    assert_eq!(of_broken[0].line, broken.lines[broken.record], "{shown}");
    of_broken
}

fn is_reported(found: &[Record]) -> bool {
    found.iter().any(|record| record.text.is_err())
}

/// Changes a needed member: of a row the cell in its column, else the member wherever the entry is.
fn with_member(bytes: &[u8], name: &str, column: usize, change: fn(Option<&mut Value>)) -> Vec<u8> {
    let mut record: Value = serde_json::from_slice(bytes).unwrap();
    if let Value::Array(cells) = &mut record {
        change(cells.get_mut(column));
    } else {
        let is_enveloped = record.get("properties").is_some();
        let entry = if is_enveloped { &mut record["properties"] } else { &mut record };
        change(entry.as_object_mut().unwrap().get_mut(name));
    }
    serde_json::to_vec(&record).unwrap()
}

#[test]
fn a_record_that_lacks_what_it_needs_is_refused_and_no_other() {
    for form in JSON_FORMS {
        for (name, column) in [("id", 9), ("activityDateTime", 2)] {
            for index in 0..6 {
                let change_to_null = |value: Option<&mut Value>| *value.unwrap() = Value::Null;
                let change_to_number = |value: Option<&mut Value>| *value.unwrap() = 5.into();
                for change in [change_to_null, change_to_number] {
                    let broken =
                        replaced(form, index, |bytes| with_member(bytes, name, column, change));
                    let record = value(&check(&broken)[0]);
                    let Err(refused) = understand(record.clone()) else {
                        // The envelope says the time too.
                        assert_eq!(
                            (name, record.get("time").is_some()),
                            ("activityDateTime", true)
                        );
                        continue;
                    };
                    let last = refused.path.rsplit('.').next().unwrap();
                    let names = [name, if name == "id" { "Id" } else { "TimeGenerated" }];
                    assert!(names.contains(&last), "{form}: {refused}");
                }
            }
        }
    }
}

/// Bytes that JSON is made of, and some that it is never made of.
const BYTES: &[u8] = b"\"{}[],:\\x\n\x01\xFF 0";

fn form() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&JSON_FORMS[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_byte_that_is_put_into_a_record_breaks_no_other(
        form in form(), record in 0..8_usize, at in any::<prop::sample::Index>(), which in 0..BYTES.len(),
    ) {
        check(&replaced(form, record, |bytes| {
            let mut new = bytes.to_vec();
            new.insert(1 + at.index(bytes.len() - 1), BYTES[which]);
            new
        }));
    }

    #[test]
    fn a_byte_that_is_lost_from_a_record_breaks_no_other(
        form in form(), record in 0..8_usize, at in any::<prop::sample::Index>(),
    ) {
        let found = check(&replaced(form, record, |bytes| {
            let mut new = bytes.to_vec();
            new.remove(1 + at.index(bytes.len() - 1));
            new
        }));
        prop_assert!(found.len() == 1 || is_reported(&found));
    }

    #[test]
    fn bytes_that_are_no_text_are_reported(
        form in form(), record in 0..8_usize, at in any::<prop::sample::Index>(),
    ) {
        let found = check(&replaced(form, record, |bytes| {
            let mut new = bytes.to_vec();
            new.insert(1 + at.index(bytes.len() - 1), 0xFF);
            new
        }));
        prop_assert!(is_reported(&found));
    }

    #[test]
    fn a_record_that_was_cut_off_is_reported_and_no_other(
        form in form(), record in 0..8_usize, at in any::<prop::sample::Index>(),
    ) {
        let broken = replaced(form, record, |bytes| bytes[..=at.index(bytes.len() - 1)].to_vec());
        prop_assert!(is_reported(&check(&broken)));
    }

    #[test]
    fn of_a_file_that_was_cut_off_every_whole_record_comes_through(
        form in form(), at in any::<prop::sample::Index>(),
    ) {
        let bytes = json(form);
        let at = at.index(bytes.len());
        let whole: Vec<Value> = split(&bytes).iter().map(value).collect();
        // Of one that ends with the file, nobody can say whether it would have gone on.
        let count = places(form, &bytes).iter().filter(|place| place.end < at).count();
        let found = split(&bytes[..at]);
        prop_assert!((count..=count + 2).contains(&found.len()), "{found:?}");
        for (found, whole) in found.iter().zip(&whole[..count]) {
            prop_assert_eq!(&value(found), whole);
        }
        if let Some(last) = found.get(count).filter(|last| last.text.is_ok()) {
            prop_assert_eq!(&value(last), &whole[count]);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![
        prop::sample::select(BYTES), any::<u8>(),
    ], 0..200)) {
        let _ = detect("x", &bytes);
        if let Ok(records) = crate::Records::new(bytes.as_slice(), None) {
            let count = records.map(Result::unwrap).map(|record| {
                if let Ok(raw) = &record.text && let Ok(value) = serde_json::from_str(raw.get()) {
                    let _ = crate::understand(value, None);
                }
            }).count();
            prop_assert!(count <= bytes.len());
        }
        let files = ["ProvisioningLogs", "ProvisioningSteps"].map(|name| {
            let mut file = b"Id,Date,Change Id,Name\n".to_vec();
            file.extend(&bytes);
            (name.to_owned(), std::io::Cursor::new(file))
        });
        let joined = crate::PortalCsv::new(files.into(), usize::MAX).unwrap();
        prop_assert!(joined.map(Result::unwrap).count() <= 2 * bytes.len());
    }

    #[test]
    fn no_value_at_a_known_member_makes_it_panic(
        form in form(), record in 0..8_usize, member in any::<prop::sample::Index>(),
        new in prop::sample::select(&["null", "5", "-1e300", "\"\"", "\"{}\"", "\"[[]]\"", "[]", "{}", "[{}]", "true"][..]),
    ) {
        let records = split(&json(form));
        let mut value = value(&records[record % records.len()]);
        let entry = if value.get("properties").is_some() { &mut value["properties"] } else { &mut value };
        let entry = entry.as_object_mut().unwrap();
        let name = entry.keys().nth(member.index(entry.len())).unwrap().clone();
        entry.insert(name.clone(), serde_json::from_str(new).unwrap());
        match crate::understand(value, Some(DateOrder::MonthFirst)) {
            Ok(None) => prop_assert!(["category", "properties", "type"].contains(&name.to_lowercase().as_str()), "{}", name),
            // What was understood is understood again as the same.
            Ok(Some(entry)) => {
                let again = understand(Value::Object(entry.body.clone())).unwrap();
                for (name, value) in &entry.body {
                    prop_assert_eq!(again.body.get(name), Some(value), "{}", name);
                }
                prop_assert_eq!(again, entry);
            }
            // A row's time has another name, and a time that is nowhere has its own.
            Err(refused) => {
                let names = [name.as_str(), if name == "TimeGenerated" { "activityDateTime" } else { &name }];
                prop_assert!(names.iter().any(|name| refused.path.contains(name)), "{}", refused);
            }
        }
    }
}
