//! Documents against the parsed objects that they stand for.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parsed(value: &Value) -> Document {
    Document::of(value.as_object().unwrap())
}

#[test]
fn members_are_read_and_exchanged() {
    let document = parsed(&json!({
        "userName": "bo", "active": false, "emails": [{"value": "b@x"}, {"type": "home"}, 7, {"value": 1}],
        "name": {"userName": "inner"}, "a\"b": "c\\\"d", "é": [[], {}], "n": null,
    }));
    assert_eq!(document.text("userName").as_deref(), Some("bo"));
    assert_eq!(document.text("a\"b").as_deref(), Some("c\\\"d"));
    assert_eq!(document.flag("active"), Some(false));
    assert_eq!((document.text("active"), document.flag("userName")), (None, None));
    assert_eq!(document.get("é"), Some(&b"[[],{}]"[..]));
    assert_eq!(document.get("inner"), None);
    let mut values = vec![];
    document.each_text("emails", "value", |text| values.push(text.into_owned()));
    assert_eq!(values, ["b@x"]);
    let names: Vec<&[u8]> = document.members().map(|member| member.unwrap().0).collect();
    assert_eq!(names[0], br#"a\"b"#);

    let meta = br#"{"version":"1"}"#.as_slice();
    let changed = document
        .with(&[("active", None), ("meta", Some(meta)), ("n", Some(b"1")), ("zz", Some(b"[]"))])
        .unwrap();
    let mut expected = document.to_map().unwrap();
    expected.remove("active");
    expected.extend([("meta".to_owned(), json!({"version": "1"})), ("n".to_owned(), json!(1))]);
    expected.insert("zz".to_owned(), json!([]));
    assert_eq!(changed, Document::of(&expected));
    assert_eq!(changed.clone().into_bytes(), changed.bytes());
    assert_eq!(format!("{:?}", Document::default()), "{}");
    assert!(Document::default().is_empty() && !changed.is_empty());
}

#[test]
fn of_changes_under_one_name_the_last_counts() {
    let document = parsed(&json!({"b": 1}));
    let changed = document.with(&[("c", Some(b"3")), ("b", Some(b"2")), ("b", None)]).unwrap();
    assert_eq!(changed.bytes(), br#"{"c":3}"#);
}

/// The escaped form of this name sorts behind the other, the name itself before it.
#[test]
fn names_are_ordered_as_they_are_without_escapes() {
    let document = parsed(&json!({"aA": 1}));
    let changed = document.with(&[("a\"", Some(b"2"))]).unwrap();
    assert_eq!(changed, parsed(&json!({"a\"": 2, "aA": 1})));
}

#[test]
fn damage_is_told() {
    for text in [
        "",
        "{",
        "}",
        "[]",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1"#,
        r#"{"a":1}x"#,
        r#"{,}"#,
        r#"{"a":1,}"#,
        r#"{"a":1"b":2}"#,
        r#"{"a\"#,
        "{\"a\nb\":1}",
        r#"{"a":"b"#,
        r#"{"a":[1}"#,
    ] {
        let document = Document::from_canonical(text.as_bytes().to_vec());
        assert!(document.members().any(|member| member.is_err()), "{text}");
        assert_eq!(document.members().filter(Result::is_err).count(), 1, "{text}");
        assert_eq!(document.with(&[]), Err(Damaged), "{text}");
        assert!(document.to_map().is_err(), "{text}");
    }
    let mut out = b"before".to_vec();
    assert_eq!(raw::with(br#"{"a":1,"b"}"#, &[], &mut out), Err(Damaged));
    assert_eq!(out, b"before");
}

/// Texts with everything that is escaped, and with letters of more than one byte.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-e\"\\\\\\x00-\\x1f\\x7f/é€😀]{0,9}", "[a-zA-Z0-9 @._-]{0,24}",]
}

fn values() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    plain.prop_recursive(3, 24, 4, |inner| {
        let object = btree_map(texts(), inner.clone(), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn objects() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(texts(), values(), 0..8).prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn readers_agree_with_the_parsed_object(object in objects(), other in texts()) {
        let document = Document::of(&object);
        let read: Map<String, Value> = document
            .members()
            .map(|member| {
                let (name, value) = member.unwrap();
                let name = raw::name(name).unwrap().into_owned();
                (name, serde_json::from_slice(value).unwrap())
            })
            .collect();
        // Texts, since not every number survives `f64` as an equal `Value`.
        prop_assert_eq!(Document::of(&read), document.clone());
        prop_assert_eq!(Document::of(&document.to_map().unwrap()), document.clone());
        for name in object.keys().chain([&other]) {
            let value = object.get(name);
            let (json, text) = (value.map(crate::json), document.text(name));
            prop_assert_eq!(document.get(name), json.as_deref());
            prop_assert_eq!(text.as_deref(), value.and_then(Value::as_str));
            prop_assert_eq!(document.flag(name), value.and_then(Value::as_bool));
            if let Some(Value::Array(list)) = value {
                let list_text = crate::json(&Value::Array(list.clone()));
                let elements: Vec<Vec<u8>> =
                    raw::elements(&list_text).map(|one| one.unwrap().to_vec()).collect();
                prop_assert_eq!(elements, list.iter().map(crate::json).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn changed_text_is_that_of_the_changed_object(
        object in objects(),
        changes in btree_map(texts(), proptest::option::of(values()), 0..6),
        kept in vec(any::<(bool, bool)>(), 8),
    ) {
        let mut changes = changes;
        // Members that are there are changed and removed too.
        for (name, (is_changed, stays)) in object.keys().zip(kept) {
            if is_changed {
                changes.insert(name.clone(), stays.then(|| Value::from("new")));
            }
        }
        let mut expected = object.clone();
        for (name, value) in &changes {
            match value {
                Some(value) => expected.insert(name.clone(), value.clone()),
                None => expected.remove(name),
            };
        }
        let texts: Vec<(String, Option<Vec<u8>>)> =
            changes.into_iter().map(|(name, value)| (name, value.as_ref().map(crate::json))).collect();
        let changes: Vec<(&str, Option<&[u8]>)> =
            texts.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        prop_assert_eq!(Document::of(&object).with(&changes).unwrap(), Document::of(&expected));
    }

    #[test]
    fn plain_ends_are_those_of_one_byte_at_a_time(
        text in vec(prop_oneof![any::<u8>(), 0x1e_u8..0x24, 0x5a_u8..0x5e, 0x7e_u8..0x82], 0..40),
    ) {
        let is_end = |byte: &u8| *byte < 0x20 || b"\"\\".contains(byte);
        let expected = text.iter().position(is_end).unwrap_or(text.len());
        prop_assert_eq!(raw::plain_end(&text), expected);
    }

    /// Nothing panics or goes on for ever, whatever happened to the text.
    #[test]
    fn damaged_text_is_read_to_an_end(
        object in objects(),
        cut in any::<prop::sample::Index>(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut text = Document::of(&object).into_bytes();
        text.truncate(cut.index(text.len() * 2).max(1));
        for (place, byte) in flips {
            let place = place.index(text.len());
            text[place] = byte;
        }
        let document = Document::from_canonical(text.clone());
        prop_assert!(document.members().count() <= text.len());
        for name in object.keys() {
            let _ = (document.text(name), document.flag(name));
            document.each_text(name, "a", |_| {});
            let _ = document.with(&[(name, None), ("a\"", Some(b"1"))]);
        }
        for (_, value) in document.members().map_while(Result::ok) {
            prop_assert!(!value.is_empty());
            prop_assert!(raw::elements(value).count() <= text.len());
        }
        let _ = (format!("{document:?}"), document.to_map());
    }
}
