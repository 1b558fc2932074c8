//! Reads JSON with limits, and without duplicate names.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Limits on what this crate reads of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Nesting of objects and arrays in a body.
    pub depth_max: usize,
    /// Values in a body. Each string, number, `true`, `false`, `null`, object, array, and each name in an
    /// object counts.
    pub values_max: usize,
    /// Operations in one PATCH or Bulk body.
    pub operations_max: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { depth_max: 32, values_max: 200_000, operations_max: 10_000 }
    }
}

/// serde_json itself refuses deeper input, with an error that cannot be told from others.
const DEPTH_MAX: usize = 126;

/// Why a body is refused as JSON, and where. It never holds content of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct JsonError {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1; 0 before the first byte of a line was read.
    pub column: usize,
    /// What is wrong.
    pub kind: JsonErrorKind,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Not JSON, or there is more after the value.
    Syntax,
    /// Not UTF-8 (RFC 8259 §8.1).
    NotUtf8,
    /// Objects and arrays are nested deeper than allowed.
    TooDeep,
    /// There are more values than allowed.
    TooMany,
    /// An object has the same name twice. Names that differ only in case are the same.
    DuplicateName,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JsonErrorKind::Syntax => "invalid JSON",
            JsonErrorKind::NotUtf8 => "the text is not UTF-8",
            JsonErrorKind::TooDeep => "JSON nested too deep",
            JsonErrorKind::TooMany => "more values than are allowed",
            JsonErrorKind::DuplicateName => "a name that occurs twice in one object",
        })
    }
}

/// Removes a byte order mark at the beginning, which some clients send and a reader may ignore (RFC 8259
/// §8.1).
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reads one JSON value with at most `depth_max` nested objects and arrays (but at most 126) and at most
/// `values_max` values. Stops at the limit. `operations_max` is used by [`crate::parse_patch`].
///
/// Refuses duplicate names, because readers disagree about which one counts. They are compared without
/// ASCII case, because attribute names are case-insensitive (RFC 7643 §2.1).
///
/// Ignores a byte order mark at the beginning.
pub fn parse_json(bytes: &[u8], bounds: &Bounds) -> Result<Value, JsonError> {
    let bytes = without_mark(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        JsonError {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + before.len() - line_start,
            kind: JsonErrorKind::NotUtf8,
        }
    })?;
    // JSON has no NUL, but UTF-16 and UTF-32 without a byte order mark have one in the first two bytes.
    if bytes.iter().take(2).any(|byte| *byte == 0) {
        return Err(JsonError { line: 1, column: 1, kind: JsonErrorKind::NotUtf8 });
    }
    let refusal = Cell::new(JsonErrorKind::Syntax);
    let values_left = Cell::new(bounds.values_max);
    let seed = Seed {
        depth_left: bounds.depth_max.min(DEPTH_MAX),
        values_left: &values_left,
        refusal: &refusal,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| JsonError {
            // The line is 0 before anything is read.
            line: error.line().max(1),
            column: error.column(),
            kind: refusal.get(),
        })
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth_left: usize,
    values_left: &'a Cell<usize>,
    /// Why we refused; stays `Syntax` if serde_json did.
    refusal: &'a Cell<JsonErrorKind>,
}

impl Seed<'_> {
    fn refuse<E: serde::de::Error>(&self, kind: JsonErrorKind) -> E {
        self.refusal.set(kind);
        E::custom("refused")
    }

    /// Counts a value or a name before memory is allocated for it.
    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.values_left.get().checked_sub(1) {
            Some(left) => {
                self.values_left.set(left);
                Ok(())
            }
            None => Err(self.refuse(JsonErrorKind::TooMany)),
        }
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Seed { depth_left, ..self }),
            None => Err(self.refuse(JsonErrorKind::TooDeep)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

/// Reads a name in an object.
struct NameSeed<'a>(Seed<'a>);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        self.0.count()?;
        String::deserialize(deserializer)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(inner)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut names = HashSet::new();
        let mut object = Map::new();
        while let Some(name) = access.next_key_seed(NameSeed(inner))? {
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(self.refuse(JsonErrorKind::DuplicateName));
            }
            object.insert(name, access.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deep(depth_max: usize) -> Bounds {
        Bounds { depth_max, ..Bounds::default() }
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, JsonErrorKind>) {
        let got = parse_json(bytes, &deep(3));
        if let Err(error) = &got {
            assert!(error.line >= 1, "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let got = got.map(|value| String::from_utf8(canonical::json(&value)).unwrap());
        assert_eq!(got.map_err(|error| error.kind), expected.map(str::to_owned));
    }

    #[test]
    fn reads_and_sorts() {
        check(
            br#" {"b": [1, -2, 2.5, null], "a": {"c": true}} "#,
            Ok(r#"{"a":{"c":true},"b":[1,-2,2.5,null]}"#),
        );
        check(br#""\u00e5""#, Ok("\"å\""));
        check(b"18446744073709551615", Ok("18446744073709551615"));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_other_encodings_are_named() {
        check(b"\xef\xbb\xbf{\"a\": 1}", Ok(r#"{"a":1}"#));
        check(b"\xef\xbb\xbf\xef\xbb\xbf{}", Err(JsonErrorKind::Syntax));
        check(b"{\"a\": \xef\xbb\xbf1}", Err(JsonErrorKind::Syntax));
        let place = |bytes: &[u8]| {
            let error = parse_json(bytes, &Bounds::default()).unwrap_err();
            (error.kind, error.line, error.column)
        };
        let latin_1 = b"{\"a\": 1,\n \"name\": \"J\xfcrgen\"}";
        assert_eq!(place(latin_1), (JsonErrorKind::NotUtf8, 2, 12));
        assert_eq!(place(b"\xff\xfe{\0}\0"), (JsonErrorKind::NotUtf8, 1, 1));
        for utf_16 in [b"{\0}\0".as_slice(), b"\0{\0}", b"\0\0\0{"] {
            assert_eq!(place(utf_16), (JsonErrorKind::NotUtf8, 1, 1));
        }
        assert_eq!(place(b"\"\xc3"), (JsonErrorKind::NotUtf8, 1, 2), "cut off in a character");
    }

    #[test]
    fn refuses() {
        check(b"", Err(JsonErrorKind::Syntax));
        check(b"{} {}", Err(JsonErrorKind::Syntax));
        check(b"{\"secret\": }", Err(JsonErrorKind::Syntax));
        check(b"\"secret\xff\"", Err(JsonErrorKind::NotUtf8));
        check(b"1e999", Err(JsonErrorKind::Syntax));
        check(br#"{"secret":1,"SECRET":2}"#, Err(JsonErrorKind::DuplicateName));
        check(br#"[{"a":{"secret":1,"secret":2}}]"#, Err(JsonErrorKind::DuplicateName));
    }

    #[test]
    fn depth_is_bounded() {
        check(b"[[[1]]]", Ok("[[[1]]]"));
        check(b"[[[[1]]]]", Err(JsonErrorKind::TooDeep));
        check(br#"{"a":[{"b":{}}]}"#, Err(JsonErrorKind::TooDeep));
        let nested = "[".repeat(100_000);
        let error = parse_json(nested.as_bytes(), &deep(usize::MAX)).unwrap_err();
        assert_eq!((error.kind, error.line), (JsonErrorKind::TooDeep, 1));
    }

    #[test]
    fn values_are_bounded() {
        let check = |text: &str, count: usize| {
            let read = |values_max: usize| {
                let bounds = Bounds { values_max, ..Bounds::default() };
                parse_json(text.as_bytes(), &bounds).map_err(|error| (error.kind, error.line))
            };
            assert!(read(count).is_ok(), "{text}");
            assert_eq!(read(count - 1), Err((JsonErrorKind::TooMany, 1)), "{text}");
        };
        check("7", 1);
        check("[0, \"a\", null, true, -1.5]", 6);
        check(r#"{"a": {}, "b": [[]]}"#, 6);
    }

    #[test]
    fn many_values_are_refused_early() {
        let refused_at = |text: String| {
            let error = parse_json(text.as_bytes(), &Bounds::default()).unwrap_err();
            assert_eq!(error.kind, JsonErrorKind::TooMany);
            error.column
        };
        // The array, then so many times a number and a comma.
        let list = format!("[{}0]", "0,".repeat(4 * 1024 * 1024));
        assert!((399_000..401_000).contains(&refused_at(list)));
        let names: Vec<String> = (0..1_000_000).map(|n| format!("\"{n:07}\":0")).collect();
        assert!(refused_at(format!("{{{}}}", names.join(","))) < 1_300_000);
        let error = parse_json(b"[]", &Bounds { values_max: 0, ..Bounds::default() }).unwrap_err();
        let error = crate::ScimError::from(error);
        assert_eq!((error.status, error.scim_type), (413, None));
        assert!(error.detail.contains("more values"), "{error}");
    }

    #[test]
    fn position_is_told() {
        let error = parse_json(b"{\n \"a\": 1,\n \"A\": 2}", &deep(9)).unwrap_err();
        assert_eq!((error.kind, error.line), (JsonErrorKind::DuplicateName, 3));
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = parse_json(&bytes, &deep(8));
        }

        #[test]
        fn canonical_is_read_back(text in "\\PC*", number: i64) {
            let value = serde_json::json!({"b": text, "a": [number, {"z": null, "y": true}]});
            prop_assert_eq!(parse_json(&canonical::json(&value), &deep(8)).unwrap(), value);
        }
    }
}
