//! Reads the body of a form with a file (RFC 7578): parts between lines of a boundary.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use query::visit::Refusal;

/// A form of ours has far fewer fields.
const PARTS_MAX: usize = 16;
const HEAD_BYTES_MAX: usize = 4 << 10;

/// A field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    /// The name of the file, if it is one.
    pub(super) file_name: Option<String>,
    pub(super) bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// The field with a name.
    pub(super) fn named<'p>(parts: &'p [Part<'a>], name: &str) -> Option<&'p Part<'a>> {
        parts.iter().find(|part| part.name == name)
    }

    /// The text of a field, without spaces around it; empty if there is none.
    pub(super) fn text(parts: &[Part<'a>], name: &str) -> String {
        let part = Part::named(parts, name);
        let text = part.map(|part| String::from_utf8_lossy(part.bytes).trim().to_owned());
        text.unwrap_or_default()
    }
}

/// The fields of a form.
///
/// # Errors
/// When the body is not such a form.
pub(super) fn parts<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Vec<Part<'a>>, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = kind.and_then(boundary).ok_or_else(|| Refusal::form("this is not a form"))?;
    read(&boundary, body).ok_or_else(|| Refusal::form("the form cannot be read"))
}

fn boundary(kind: &str) -> Option<String> {
    let (name, parameters) = kind.split_once(';')?;
    if !name.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|one| {
        let (name, value) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (1..=70).contains(&boundary.len()).then(|| boundary.to_owned())
}

fn read<'a>(boundary: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let first = format!("--{boundary}");
    let later = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = vec![];
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest.get(..rest.len().min(HEAD_BYTES_MAX))?, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?;
        rest = &rest[head_end + 4..];
        let end = find(rest, later.as_bytes())?;
        let (name, file_name) = disposition(head)?;
        parts.push(Part { name, file_name, bytes: &rest[..end] });
        if parts.len() > PARTS_MAX {
            return None;
        }
        rest = &rest[end + later.len()..];
    }
}

/// The names of field and file in a part's head.
fn disposition(head: &str) -> Option<(String, Option<String>)> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    Some((quoted(line, "name")?, quoted(line, "filename")))
}

/// A parameter as browsers write it: a quotation mark in the value is `%22`, and a line break `%0D%0A`.
fn quoted(line: &str, name: &str) -> Option<String> {
    let start = format!("; {name}=\"");
    let (_, rest) = line.split_once(&start)?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    // The first byte first: looking at every window of 8 MiB would take long without optimisation.
    let first = wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| byte == first)?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
        let mut body = vec![];
        for (name, file, bytes) in parts {
            let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
            let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n");
            body.extend(head.into_bytes());
            if !file.is_empty() {
                body.extend(b"Content-Type: text/csv\r\n");
            }
            body.extend(b"\r\n");
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        body
    }

    #[test]
    fn fields_and_files_are_read() {
        let body = body(&[
            ("csrf", None, b"t0k"),
            ("file", Some("a %22b.csv"), b"userName\r\n--c\r\nmira\r\n"),
        ]);
        let parts = read("b", &body).unwrap();
        assert_eq!(Part::text(&parts, "csrf"), "t0k");
        let file = Part::named(&parts, "file").unwrap();
        assert_eq!(file.file_name.as_deref(), Some("a \"b.csv"));
        assert_eq!(file.bytes, b"userName\r\n--c\r\nmira\r\n");
        assert_eq!(Part::text(&parts, "absent"), "");
    }

    #[test]
    fn what_is_no_such_form_is_refused() {
        assert_eq!(read("b", b""), None);
        assert_eq!(read("b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"), None);
        assert_eq!(read("b", b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"), None);
        let many: Vec<_> = (0..=PARTS_MAX).map(|_| ("a", None, &b"x"[..])).collect();
        assert_eq!(read("b", &body(&many)), None);
        for (kind, expected) in [
            ("multipart/form-data; boundary=x", Some("x")),
            ("Multipart/Form-Data; charset=utf-8; Boundary=\"x y\"", Some("x y")),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=x", None),
            ("application/json", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_of_a_file_come_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assume!(find(&bytes, b"\r\n--b").is_none());
            let body = body(&[("file", Some("f"), &bytes), ("csrf", None, b"x")]);
            let parts = read("b", &body).unwrap();
            prop_assert_eq!(parts[0].bytes, &bytes[..]);
        }

        #[test]
        fn no_body_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut body = b"--b\r\n".to_vec();
            body.extend(bytes);
            let _ = read("b", &body);
        }
    }
}
