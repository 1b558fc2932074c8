//! Reads the body of a form with files (RFC 7578): parts between lines of a boundary, from a body of any size
//! as it arrives, or from one that is in memory.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use query::visit::Refusal;

/// The form with the most fields is that of an import: its files and four others.
pub(crate) const PARTS_MAX: usize = 24;
const HEAD_BYTES_MAX: usize = 4 << 10;

/// What comes next of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A field begins. It has the name of the file, if it is one.
    Field { name: String, file_name: Option<String> },
    /// Bytes of the field.
    Bytes(&'a [u8]),
    /// More of the body is needed.
    More,
    /// The form ends.
    End,
}

/// The body of a form as it arrives.
pub(crate) struct Reader {
    /// What stands between two parts.
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    /// Where the unread rest of the buffer begins.
    at: usize,
    state: State,
    parts: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first boundary comes, without a line break before it.
    First,
    /// A boundary was read: a part comes, or the end.
    Boundary,
    Part,
    End,
}

impl Reader {
    /// The body of a request with these headers.
    ///
    /// # Errors
    /// When they announce no form with files.
    pub(crate) fn new(headers: &HeaderMap) -> Result<Reader, Refusal> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary =
            kind.and_then(boundary).ok_or_else(|| Refusal::form("this is not a form"))?;
        Ok(Reader::of(&boundary, vec![]))
    }

    fn of(boundary: &str, body: Vec<u8>) -> Reader {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Reader { delimiter, buffer: body, at: 0, state: State::First, parts: 0 }
    }

    /// Adds the next bytes of the body.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// What comes next.
    ///
    /// # Errors
    /// When the body is no such form.
    pub(crate) fn next(&mut self) -> Result<Next<'_>, Refusal> {
        self.step().ok_or_else(|| Refusal::form("the form cannot be read"))
    }

    fn step(&mut self) -> Option<Next<'_>> {
        if self.state == State::First {
            let first = &self.delimiter[2..];
            let rest = &self.buffer[self.at..];
            if rest.len() < first.len() {
                return first.starts_with(rest).then_some(Next::More);
            }
            if !rest.starts_with(first) {
                return None;
            }
            self.at += first.len();
            self.state = State::Boundary;
        }
        if self.state == State::Part {
            let rest = &self.buffer[self.at..];
            let (end, is_end) = match find(rest, &self.delimiter) {
                Some(end) => (end, true),
                // The last bytes may be the beginning of a boundary.
                None => ((rest.len() + 1).saturating_sub(self.delimiter.len()), false),
            };
            if end > 0 {
                let from = self.at;
                self.at += end;
                return Some(Next::Bytes(&self.buffer[from..self.at]));
            }
            if !is_end {
                return Some(Next::More);
            }
            self.at += self.delimiter.len();
            self.state = State::Boundary;
        }
        if self.state == State::End {
            return Some(Next::End);
        }
        let rest = &self.buffer[self.at..];
        match rest.get(..2) {
            None => return Some(Next::More),
            Some(b"--") => {
                self.state = State::End;
                return Some(Next::End);
            }
            Some(b"\r\n") => {}
            Some(_) => return None,
        }
        let head = &rest[2..rest.len().min(HEAD_BYTES_MAX)];
        let Some(end) = find(head, b"\r\n\r\n") else {
            return (rest.len() < HEAD_BYTES_MAX).then_some(Next::More);
        };
        let (name, file_name) = disposition(std::str::from_utf8(&head[..end]).ok()?)?;
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return None;
        }
        self.at += 2 + end + 4;
        self.state = State::Part;
        Some(Next::Field { name, file_name })
    }
}

/// A field of a form that is in memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Part {
    /// The text of a field, without spaces around it; empty if there is none.
    pub(crate) fn text(parts: &[Part], name: &str) -> String {
        let part = parts.iter().find(|part| part.name == name);
        let text = part.map(|part| String::from_utf8_lossy(&part.bytes).trim().to_owned());
        text.unwrap_or_default()
    }

    /// Takes the bytes of a field out; empty if there is none.
    pub(crate) fn take(parts: &mut [Part], name: &str) -> Vec<u8> {
        let part = parts.iter_mut().find(|part| part.name == name);
        part.map(|part| std::mem::take(&mut part.bytes)).unwrap_or_default()
    }
}

/// The fields of a form.
///
/// # Errors
/// When the body is not such a form.
pub(crate) fn parts(headers: &HeaderMap, body: Vec<u8>) -> Result<Vec<Part>, Refusal> {
    let reader = Reader::new(headers)?;
    collected(Reader { buffer: body, ..reader })
}

fn collected(mut reader: Reader) -> Result<Vec<Part>, Refusal> {
    let mut parts: Vec<Part> = vec![];
    loop {
        match reader.next()? {
            Next::Field { name, .. } => parts.push(Part { name, bytes: vec![] }),
            Next::Bytes(bytes) => {
                if let Some(part) = parts.last_mut() {
                    part.bytes.extend_from_slice(bytes);
                }
            }
            Next::More => return Err(Refusal::form("the form cannot be read")),
            Next::End => return Ok(parts),
        }
    }
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

    fn read(boundary: &str, body: &[u8]) -> Option<Vec<Part>> {
        collected(Reader::of(boundary, body.to_vec())).ok()
    }

    #[test]
    fn fields_and_files_are_read() {
        let body = body(&[
            ("csrf", None, b"t0k"),
            ("file", Some("a %22b.csv"), b"userName\r\n--c\r\nmira\r\n"),
        ]);
        let mut parts = read("b", &body).unwrap();
        assert_eq!(Part::text(&parts, "csrf"), "t0k");
        assert_eq!(Part::text(&parts, "absent"), "");
        assert_eq!(Part::take(&mut parts, "file"), b"userName\r\n--c\r\nmira\r\n");
        let mut reader = Reader::of("b", body);
        let mut names = vec![];
        loop {
            match reader.next().unwrap() {
                Next::Field { file_name, .. } => names.push(file_name),
                Next::End => break,
                _ => {}
            }
        }
        assert_eq!(names, [None, Some("a \"b.csv".to_owned())]);
    }

    #[test]
    fn what_is_no_such_form_is_refused() {
        assert_eq!(read("b", b""), None);
        assert_eq!(read("b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"), None);
        assert_eq!(read("b", b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"), None);
        assert_eq!(read("b", b"--c\r\n"), None);
        let many: Vec<_> = (0..=PARTS_MAX).map(|_| ("a", None, &b"x"[..])).collect();
        assert_eq!(read("b", &body(&many)), None);
        let long = format!("--b\r\nx: {}\r\n", "y".repeat(HEAD_BYTES_MAX));
        let mut reader = Reader::of("b", long.into_bytes());
        assert!(reader.next().is_err(), "it does not wait for the end of a head without end");
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
        fn any_bytes_of_a_file_come_back_however_they_arrive(
            // Bytes of which boundaries are made.
            bytes in prop::collection::vec(prop::sample::select(&b"\r\n-bc\0"[..]), 0..300),
            cuts in prop::collection::vec(1..9_usize, 1..9),
        ) {
            prop_assume!(find(&bytes, b"\r\n--b").is_none());
            let body = body(&[("file", Some("f"), &bytes), ("csrf", None, b"x")]);
            let parts = read("b", &body).unwrap();
            prop_assert_eq!(&parts[0].bytes, &bytes);
            let (mut reader, mut sizes) = (Reader::of("b", vec![]), cuts.iter().cycle());
            let (mut rest, mut found) = (&body[..], Vec::<Part>::new());
            loop {
                match reader.next().unwrap() {
                    Next::Field { name, .. } => found.push(Part { name, bytes: vec![] }),
                    Next::Bytes(bytes) => found.last_mut().unwrap().bytes.extend(bytes),
                    Next::More => {
                        let (now, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                        prop_assert!(!now.is_empty());
                        reader.add(now);
                        rest = later;
                    }
                    Next::End => break,
                }
            }
            prop_assert_eq!(found, parts);
        }

        #[test]
        fn no_body_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut body = b"--b\r\n".to_vec();
            body.extend(bytes);
            let _ = read("b", &body);
        }
    }
}
