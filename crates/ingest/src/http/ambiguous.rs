//! Requests that two readers could understand differently: they would be on record as one thing and be
//! carried out as another by the application behind us. They are refused, whatever stands behind us, so
//! that a client learns it before there is an application.

use axum::http::request::Parts;
use data_encoding::HEXLOWER_PERMISSIVE;
use event::Route;
use percent_encoding::percent_decode;
use scim::{Registry, ScimError};
use serde_json::Value;

use crate::address::Address;
use crate::members::in_other_cases;

/// A path that is still encoded after so many layers were taken off hides something.
const LAYERS_MAX: usize = 8;

/// The length of `%uXXXX`.
const WIDE_BYTES: usize = 6;

/// Headers and parameters by which a request asks to be taken for one of another method; `_` is `-`, as
/// gateway interfaces have it.
const METHOD_OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "-method"];

/// Endings by which some servers are told the form of the answer; they take them off the path.
const FORM_ENDINGS: [&str; 2] = [".json", ".xml"];

/// Bytes that some take for `.`, `/` or `\`: overlong UTF-8, and letters of the same shape that
/// normalising makes the same.
const ALIKE: [(&[u8], &[u8]); 10] = [
    (b"\xC0\xAE", b"."),
    (b"\xC0\xAF", b"/"),
    (b"\xC1\x9C", b"\\"),
    (b"\xE0\x80\xAE", b"."),
    (b"\xE0\x80\xAF", b"/"),
    ("\u{FF0E}".as_bytes(), b"."),
    ("\u{2024}".as_bytes(), b"."),
    ("\u{2025}".as_bytes(), b".."),
    ("\u{FF0F}".as_bytes(), b"/"),
    ("\u{FF3C}".as_bytes(), b"\\"),
];

/// Why a request is refused whose head could be understood in two ways.
pub(super) fn in_head(parts: &Parts, address: &Address) -> Option<ScimError> {
    let query = address.parameters();
    let headers = parts.headers.keys().map(|name| name.as_str());
    let parameters = query.iter().map(|(name, _)| name.as_str());
    if headers.chain(parameters).any(overrides_method) {
        return Some(refusal(
            "the request has one method in its first line and another in a header or parameter; \
             send it with the method that it means",
        ));
    }
    if has_dot_segment(parts.uri.path()) {
        return Some(dot_segment());
    }
    None
}

/// The same of what is sent on to another server: paths that it may decode before it reads them, and
/// bodies that name a method of their own.
pub(super) fn in_forwarded(
    address: &Address,
    registry: &Registry,
    media_type: Option<&str>,
    body: Option<&Value>,
) -> Option<ScimError> {
    if address.route == Route::Unknown {
        let plain = plain(&address.target);
        if address.of_operation(&plain, registry).route != Route::Unknown {
            return Some(refusal(
                "the path names a resource only after it is decoded or its empty segments are \
                 dropped, which servers do differently; send it in its plain form",
            ));
        }
    }
    let media_type = media_type.unwrap_or_default().trim().to_lowercase();
    if ["application/x-www-form-urlencoded", "multipart/"]
        .iter()
        .any(|one| media_type.starts_with(one))
    {
        let detail = "a form is no SCIM request: the media type must be application/scim+json";
        return Some(ScimError::new(415, None, detail));
    }
    let object = body.and_then(Value::as_object)?;
    if object.keys().any(|name| overrides_method(name)) {
        return Some(refusal("the body names a method of its own"));
    }
    let named = |wanted: &str| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let operations = named("Operations").filter(|_| address.route == Route::Bulk)?.1.as_array()?;
    let mut members = operations.iter().filter_map(Value::as_object).flatten();
    let is_path = |name: &str| name.eq_ignore_ascii_case("path");
    members
        .any(|(name, path)| is_path(name) && path.as_str().is_some_and(has_dot_segment))
        .then(dot_segment)
}

/// Whether another server may take an id, decoded once, for the id of another resource: it decodes once
/// more, cuts it at what ends a path or a segment, drops empty segments, or passes over what is not seen.
pub(super) fn hides_another(id: &str) -> bool {
    let is_unseen = |letter: char| scim::is_unseen(letter) || letter == '\u{fffd}';
    let ends = |letter: char| matches!(letter, '/' | '\\' | ';' | '?' | '#');
    id.trim() != id
        || id.chars().any(|letter| is_unseen(letter) || ends(letter))
        || decode(id.as_bytes()) != id.as_bytes()
}

/// The ids for which another server may take this one, whatever it is: without the ending by which some
/// are told the form of the answer, and in another case where it compares in any.
pub(super) fn taken_for(id: &str, in_any_case: bool) -> Vec<String> {
    let ended = |ending: &&str| {
        let at = id.len().checked_sub(ending.len())?;
        let is_ending = id.get(at..)?.eq_ignore_ascii_case(ending);
        id.get(..at).filter(|plain| is_ending && !plain.is_empty())
    };
    let plain = FORM_ENDINGS.iter().find_map(ended);
    let mut others: Vec<String> = plain.into_iter().map(str::to_owned).collect();
    if in_any_case {
        others.extend([Some(id), plain].into_iter().flatten().flat_map(in_other_cases));
    }
    others.retain(|other| other != id);
    others
}

/// Why a write of such a resource is refused that is not on record.
pub(super) fn id() -> ScimError {
    refusal(
        "the id in the path may be read as that of another resource, and none of this id is on record; \
         if it is so, read the resource first, or list everything by a baseline",
    )
}

pub(super) fn dot_segment() -> ScimError {
    refusal("the path has a segment that is `.` or `..`, plain or encoded; send it without")
}

fn refusal(detail: &str) -> ScimError {
    ScimError::new(400, None, detail)
}

fn overrides_method(name: &str) -> bool {
    let name = name.to_lowercase().replace('_', "-");
    METHOD_OVERRIDES.contains(&name.as_str())
}

/// Whether a path has a segment that is `.` or `..` for whoever decodes it, be it more than once, takes
/// `\` for `/`, or cuts a segment at `;`.
pub(super) fn has_dot_segment(path: &str) -> bool {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..LAYERS_MAX {
        let alike = alike(&bytes);
        let segments = alike.split(|byte| matches!(byte, b'/' | b'\\'));
        let dots = segments.map(|segment| {
            let ends = |byte: &u8| matches!(byte, b';' | b'?' | b'#' | 0);
            let end = segment.iter().position(ends).unwrap_or(segment.len());
            segment[..end].trim_ascii()
        });
        if dots.into_iter().any(|segment| segment == b"." || segment == b"..") {
            return true;
        }
        let decoded = decode(&bytes);
        if decoded == bytes {
            return false;
        }
        bytes = decoded;
    }
    true
}

/// A target as one reads it who decodes everything first, drops empty segments, and cuts segments at
/// `;`.
fn plain(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..LAYERS_MAX {
        bytes = decode(&bytes);
    }
    let bytes = alike(&bytes);
    let mut plain = String::new();
    for segment in bytes.split(|byte| matches!(byte, b'/' | b'\\')) {
        let end = segment.iter().position(|byte| *byte == b';').unwrap_or(segment.len());
        let segment = String::from_utf8_lossy(&segment[..end]).replace('?', "");
        if !segment.is_empty() {
            plain.push('/');
            plain.push_str(&segment);
        }
    }
    plain
}

fn alike(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        match ALIKE.iter().find(|(from, _)| rest.starts_with(from)) {
            Some((from, to)) => {
                out.extend_from_slice(to);
                rest = &rest[from.len()..];
            }
            None => {
                out.push(byte);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// Takes one layer of `%XX` off, and of the `%uXXXX` that some servers read too.
fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut from, mut at) = (0, 0);
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'%') {
        at += found;
        match wide(&bytes[at..]) {
            Some(letter) => {
                out.extend(percent_decode(&bytes[from..at]));
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                at += WIDE_BYTES;
                from = at;
            }
            None => at += 1,
        }
    }
    out.extend(percent_decode(&bytes[from..]));
    out
}

/// The letter that a text begins with when that is written as `%uXXXX`.
fn wide(text: &[u8]) -> Option<char> {
    let [b'%', b'u' | b'U', digits @ ..] = text.get(..WIDE_BYTES)? else { return None };
    let unit = HEXLOWER_PERMISSIVE.decode(digits).ok()?.try_into().ok()?;
    char::from_u32(u16::from_be_bytes(unit).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_found_in_any_encoding() {
        for path in [
            "/..",
            "/Users/.",
            "/Users/../../admin",
            "/Users/%2e%2e/admin",
            "/Users/.%2E",
            "/Users/%252e%252e/x",
            "/Users/%25252e./x",
            "/Users/..%2Fadmin",
            "/Users/..%5cadmin",
            "/Users/..\\admin",
            "/Users/..;/admin",
            "/Users/..;x=1/admin",
            "/Users/%2e%2e%3bx/admin",
            "/Users/..%00/admin",
            "/Users/..%20/admin",
            "/Users/%c0%ae%c0%ae/admin",
            "/Users/%u002e%u002e/admin",
            "/Users/%EF%BC%8E%EF%BC%8E/admin",
            "/Users/a%2f..%2fb",
            "/%25252525252525252541",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in [
            "/Users",
            "/Users/.search",
            "/Users/...",
            "/Users/a..b",
            "/Users/..a",
            "/Users/a%2Fb",
            "/Users/a%252Fb",
            "/Users/50%25",
            "/Users/50%",
            "/Users/FJORD%5Cbo",
            "/Users/cn=bo;ou=x",
            "/Users/%E2%82%AC",
        ] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }

    #[test]
    fn one_layer_is_taken_off_at_a_time() {
        for (text, plain) in [
            ("%41%2e%2E", "A.."),
            ("%u0041%U002e", "A."),
            ("%2541", "%41"),
            ("%25u0041", "%u0041"),
            ("%u002541", "%41"),
            ("%%41%%u0041", "%A%A"),
            ("%4%u0041", "%4A"),
            ("%uD800%u00g0%u004", "%uD800%u00g0%u004"),
            ("%u%4", "%u%4"),
            ("%e2%u20ac%82%ac", "\u{fffd}\u{20ac}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(String::from_utf8_lossy(&decode(text.as_bytes())), plain, "{text}");
        }
    }

    #[test]
    fn another_method_is_found_however_it_is_spelled() {
        for name in
            ["X-HTTP-Method-Override", "x_http_method", "X-Method-Override", "_method", "_Method"]
        {
            assert!(overrides_method(name), "{name}");
        }
        for name in ["x-request-id", "method", "access-control-request-method"] {
            assert!(!overrides_method(name), "{name}");
        }
    }

    #[test]
    fn a_path_that_another_server_reads_otherwise_is_not_sent_on() {
        let check = |path: &str, refused: bool| {
            let whole = format!("/apps/boat/scim/v2{path}");
            let address = Address::parse(&whole, None, Registry::core());
            let got = in_forwarded(&address, Registry::core(), None, None);
            assert_eq!(got.is_some(), refused, "{path}");
        };
        for path in
            ["//Users/1", "/Users//1", "/Users%2F1", "/%55sers/1", "/Users;x=1", "/Users\\1"]
        {
            check(path, true);
        }
        for path in ["/Users/1", "/Users/1/", "/Users/a%2Fb", "/Devices/1", "/Users/1/x", "", "/"] {
            check(path, false);
        }
    }

    #[test]
    fn an_id_that_is_another_one_for_others_is_found() {
        for id in [
            "u1;x=1",
            "u1;",
            "u1/",
            "/u1",
            "u1\\",
            "u1?x",
            "u1#",
            "%75%31",
            "%u0075",
            " u1",
            "u1\t",
            "u1\0",
            "u1\u{a0}",
            "\u{feff}u1",
            "u\u{200b}1",
            "u1\u{fffd}",
            "u1\u{202e}",
            "u1\u{61c}",
            "\u{180e}u1",
            "u1\u{2066}",
            "u1\u{e0041}",
        ] {
            assert!(hides_another(id), "{id:?}");
        }
        for id in
            ["u1", "a b", "mira+lund@fjord.example", "cn=bo,ou=x", "50%", "100%25x", "ø", "a.json"]
        {
            assert_eq!(hides_another(id), id == "100%25x", "{id:?}");
        }
    }

    #[test]
    fn an_id_may_be_taken_for_others() {
        let check = |id: &str, in_any_case: bool, expected: &[&str]| {
            assert_eq!(taken_for(id, in_any_case), expected, "{id:?}");
        };
        check("u1", false, &[]);
        check("u1", true, &["U1"]);
        check("U1", true, &["u1"]);
        check("42", true, &[]);
        check("u1.json", false, &["u1"]);
        check("42.XML", false, &["42"]);
        check("u1.json", true, &["u1", "U1.JSON", "u1", "U1"]);
        check("Ø", true, &["ø"]);
        check(".json", false, &[]);
        check("mira.lund", false, &[]);
        check("ø.jsøn", false, &[]);
    }

    #[test]
    fn a_body_names_no_method_and_no_dot_segment() {
        let check = |path: &str, media_type: &str, body: Value, status: Option<u16>| {
            let whole = format!("/apps/boat/scim/v2{path}");
            let address = Address::parse(&whole, None, Registry::core());
            let got = in_forwarded(&address, Registry::core(), Some(media_type), Some(&body));
            assert_eq!(got.map(|error| error.status), status, "{path} {body}");
        };
        let json = "application/scim+json";
        check("/Users", json, serde_json::json!({"userName": "bo"}), None);
        check(
            "/Users",
            json,
            serde_json::json!({"userName": "bo", "_method": "DELETE"}),
            Some(400),
        );
        check("/Users", "Application/x-www-form-urlencoded; x", Value::Null, Some(415));
        check("/Users", "multipart/form-data", Value::Null, Some(415));
        let bulk =
            |path: &str| serde_json::json!({"Operations": [{"method": "DELETE", "path": path}]});
        check("/Bulk", json, bulk("/Users/1"), None);
        check("/Bulk", json, bulk("/Users/%2e%2e/x"), Some(400));
    }
}
