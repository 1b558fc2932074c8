//! Finds and cuts secrets in texts: our own tokens, recognised by their form, and known secrets that the
//! caller passes.
//!
//! A secret may be written with escapes of addresses (RFC 3986 §2.1) or of JSON (RFC 8259 §7), one
//! inside the other. So texts are read through up to `LAYERS` layers of escapes, and a secret is cut
//! together with its escapes. Other encodings, such as base64, are not decoded.

use std::borrow::Cow;
use std::ops::Range;

/// The prefix of our tokens, and the number of hexadecimal digits that follow.
const PREFIX: &[u8] = b"plg_";
const DIGITS: usize = 64;
/// At the end of a text, which may have been cut short, this many digits are enough.
const DIGITS_AT_END: usize = 16;
/// The byte of the prefix that is rarest in texts.
const PREFIX_MARK: u8 = b'_';
/// The bytes that begin an escape.
const ESCAPES: [u8; 2] = [b'%', b'\\'];
/// How many layers of escapes are read through.
const LAYERS: usize = 3;
/// What replaces a secret.
const CUT: &str = "null";

/// Shorter secrets are not searched for: they could be ordinary words, and protect nothing anyway.
pub const KNOWN_BYTES_MIN: usize = 8;

/// The text with `null` for each token and for each of the `known` secrets.
pub fn cut<'a>(text: &'a str, known: &[String]) -> Cow<'a, str> {
    let mut out = String::new();
    let mut from = 0;
    for place in Search::new(text.as_bytes(), known) {
        out.push_str(&text[from..place.start]);
        out.push_str(CUT);
        from = place.end;
    }
    if from == 0 { Cow::Borrowed(text) } else { Cow::Owned(out + &text[from..]) }
}

/// The same within the strings of a JSON text, which so stays JSON. Text outside of strings is kept.
pub fn cut_json<'a>(json: &'a [u8], known: &[String]) -> Cow<'a, [u8]> {
    if !stands_in(json, known) {
        return Cow::Borrowed(json);
    }
    let mut out = Vec::with_capacity(json.len());
    let mut at = 0;
    while at < json.len() {
        let end = match json[at] {
            b'"' => end_of_string(json, at),
            _ => json[at..].iter().position(|byte| *byte == b'"').map_or(json.len(), |to| at + to),
        };
        match std::str::from_utf8(&json[at..end]) {
            Ok(text) if json[at] == b'"' => out.extend_from_slice(cut(text, known).as_bytes()),
            Ok(_) | Err(_) => out.extend_from_slice(&json[at..end]),
        }
        at = end;
    }
    Cow::Owned(out)
}

/// The text without its escapes, up to all layers. What is not UTF-8 then becomes U+FFFD.
pub fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some((byte, after)) = read(text.as_bytes(), at, LAYERS) {
        bytes.push(byte);
        at = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a text holds one of our tokens.
pub fn holds_token(text: &str) -> bool {
    stands_in(text.as_bytes(), &[])
}

/// Whether bytes hold one of our tokens, or one of the `known` secrets.
pub fn stands_in(bytes: &[u8], known: &[String]) -> bool {
    Search::new(bytes, known).next().is_some()
}

/// The end of the JSON string that begins at `at`, after its closing quote.
fn end_of_string(json: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = json.get(end) {
        end += match byte {
            b'\\' => 2,
            b'"' => return end + 1,
            _ => 1,
        };
    }
    json.len()
}

/// The text is searched in stretches of this length.
const STRETCH_BYTES: usize = 8 << 10;
/// How many bytes can encode one byte through all layers: six (`\u0070`) for each layer.
const ESCAPE_BYTES_MAX: usize = 6_usize.pow(LAYERS as u32);
/// How many bytes of a secret are compared first; nearly no other text begins the same.
const BEGIN_BYTES: usize = KNOWN_BYTES_MIN;
/// With more escapes than one in this many bytes, a stretch is decoded in advance.
const BYTES_PER_ESCAPE_MIN: usize = 32;
/// How much is decoded beyond a stretch, for a secret that begins at its end.
const BEHIND_BYTES: usize = (BEGIN_BYTES + 1) * ESCAPE_BYTES_MAX;

/// Finds the secrets of a text, from left to right and without overlaps, in time linear in its length.
///
/// A secret may begin anywhere, even within an escape, so every place is tried, stretch by stretch.
/// Where escapes are few they are decoded when met. Where they are many, decoding each place anew would
/// cost too much: the stretch is decoded once, backwards, so that each layer can use the results of the
/// one below.
struct Search<'a> {
    bytes: &'a [u8],
    known: &'a [String],
    /// The possible first and second bytes of a secret.
    first: [bool; 256],
    second: [bool; 256],
    /// The bytes at which a secret may begin: `first`, and those that begin an escape.
    begins: [bool; 256],
    /// The next place to try.
    at: usize,
    /// The decoded places of the stretch; empty where escapes are few.
    said: Vec<Said>,
    stretch: Range<usize>,
}

/// For each number of layers: the byte that is encoded at a place, and the length of its encoding.
#[derive(Clone, Copy)]
struct Said([(u8, u8); LAYERS + 1]);

impl<'a> Search<'a> {
    fn new(bytes: &'a [u8], known: &'a [String]) -> Search<'a> {
        let (mut first, mut second) = ([false; 256], [false; 256]);
        let secrets = known.iter().map(String::as_bytes);
        for secret in secrets.chain([PREFIX, &PREFIX.to_ascii_uppercase()]) {
            match secret {
                [] => {}
                [one] => {
                    first[usize::from(*one)] = true;
                    second = [true; 256];
                }
                [one, two, ..] => {
                    first[usize::from(*one)] = true;
                    second[usize::from(*two)] = true;
                }
            }
        }
        let mut begins = first;
        for escape in ESCAPES {
            begins[usize::from(escape)] = true;
        }
        Search { bytes, known, first, second, begins, at: 0, said: vec![], stretch: 0..0 }
    }

    /// Begins the stretch at the next place, or skips it if no secret can begin in it.
    fn read_on(&mut self) {
        let end = self.bytes.len().min(self.at + STRETCH_BYTES);
        let seen = self.bytes.len().min(end + BEHIND_BYTES);
        self.stretch = self.at..end;
        self.said.clear();
        let bytes = &self.bytes[self.at..seen];
        if !ESCAPES.iter().any(|escape| bytes.contains(escape)) {
            if !self.may_begin_in(bytes) {
                self.at = end;
            }
            return;
        }
        let escapes = bytes.iter().filter(|byte| is_escape(**byte)).count();
        if escapes <= bytes.len() / BYTES_PER_ESCAPE_MIN {
            return;
        }
        self.said.resize(bytes.len(), Said([(0, 1); LAYERS + 1]));
        for (at, byte) in bytes.iter().enumerate().rev() {
            let mut here = [(*byte, 1); LAYERS + 1];
            if is_escape(*byte) {
                for layers in 1..=LAYERS {
                    let (byte, length) = here[layers - 1];
                    let inner = |at: usize| {
                        let (byte, length) = self.said.get(at)?.0[layers - 1];
                        Some((byte, at + usize::from(length)))
                    };
                    here[layers] = match unescaped(byte, at + usize::from(length), inner) {
                        // At most `ESCAPE_BYTES_MAX` (216), so it fits a byte.
                        Some((byte, after)) => (byte, (after - at) as u8),
                        None => (byte, length),
                    };
                }
            }
            self.said[at] = Said(here);
        }
    }

    /// Whether a secret may begin among bytes without escapes: whether all of its first bytes occur.
    fn may_begin_in(&self, bytes: &[u8]) -> bool {
        let is_there = |secret: &String| {
            let mut begin = secret.as_bytes().iter().take(BEGIN_BYTES);
            !secret.is_empty() && begin.all(|byte| bytes.contains(byte))
        };
        bytes.contains(&PREFIX_MARK) || self.known.iter().any(is_there)
    }

    /// The byte encoded at a place through all layers, and where the next one begins.
    fn said(&self, at: usize) -> Option<(u8, usize)> {
        if self.said.is_empty() {
            return read(self.bytes, at, LAYERS);
        }
        let (byte, length) = self.said.get(at - self.stretch.start)?.0[LAYERS];
        Some((byte, at + usize::from(length)))
    }

    /// The end of the secret that begins at a place.
    fn end(&self, start: usize) -> Option<usize> {
        let (one, after) = self.said(start)?;
        if !self.first[usize::from(one)] {
            return None;
        }
        let (mut begin, mut length, mut next) = ([one; BEGIN_BYTES], 1, after);
        while length < BEGIN_BYTES
            && let Some((byte, after)) = self.said(next)
        {
            if length == 1 && !self.second[usize::from(byte)] {
                return None;
            }
            begin[length] = byte;
            length += 1;
            next = after;
        }
        let begin = &begin[..length];
        let is_token = begin.split_at_checked(PREFIX.len()).is_some_and(|(prefix, digits)| {
            prefix.eq_ignore_ascii_case(PREFIX) && digits.iter().all(u8::is_ascii_hexdigit)
        });
        let token = if is_token { token_at(self.bytes, start) } else { None };
        token.or_else(|| {
            let known = self.known.iter().map(String::as_bytes);
            let mut known = known.filter(|secret| {
                let length = secret.len().min(BEGIN_BYTES);
                length > 0 && begin.get(..length) == secret.get(..length)
            });
            known.find_map(|secret| known_at(self.bytes, start, secret))
        })
    }
}

impl Iterator for Search<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at < self.bytes.len() {
            if self.at >= self.stretch.end {
                self.read_on();
                continue;
            }
            let mut rest = self.bytes[self.at..self.stretch.end].iter();
            let Some(start) = rest.position(|byte| self.begins[usize::from(*byte)]) else {
                self.at = self.stretch.end;
                continue;
            };
            let start = self.at + start;
            let end = self.end(start);
            self.at = end.unwrap_or(start + 1);
            if let Some(end) = end {
                return Some(start..end);
            }
        }
        None
    }
}

fn is_escape(byte: u8) -> bool {
    ESCAPES.contains(&byte)
}

/// The end of the token that begins at a place.
fn token_at(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for wanted in PREFIX {
        let (byte, after) = read(bytes, at, LAYERS)?;
        if !byte.eq_ignore_ascii_case(wanted) {
            return None;
        }
        at = after;
    }
    for digit in 0..DIGITS {
        match read(bytes, at, LAYERS) {
            Some((byte, after)) if byte.is_ascii_hexdigit() => at = after,
            None if digit >= DIGITS_AT_END => return Some(at),
            Some(_) | None => return None,
        }
    }
    Some(at)
}

/// The end of a known secret that begins at a place.
fn known_at(bytes: &[u8], start: usize, secret: &[u8]) -> Option<usize> {
    let mut at = start;
    for wanted in secret {
        let (byte, after) = read(bytes, at, LAYERS)?;
        if byte != *wanted {
            return None;
        }
        at = after;
    }
    Some(at)
}

/// The byte encoded at a place through some layers of escapes, and where the next one begins.
fn read(bytes: &[u8], at: usize, layers: usize) -> Option<(u8, usize)> {
    let first = *bytes.get(at)?;
    let Some(inner) = layers.checked_sub(1).filter(|_| is_escape(first)) else {
        return Some((first, at + 1));
    };
    let (byte, after) = read(bytes, at, inner)?;
    Some(unescaped(byte, after, |at| read(bytes, at, inner)).unwrap_or((byte, after)))
}

/// Decodes the escape that begins with `byte`: the byte it encodes, and where it ends. `inner` reads what
/// follows through the layers below.
fn unescaped(
    byte: u8,
    after: usize,
    inner: impl Fn(usize) -> Option<(u8, usize)>,
) -> Option<(u8, usize)> {
    match byte {
        b'%' => hex(after, inner, 2),
        b'\\' => match inner(after)? {
            (b'u' | b'U', digits) => hex(digits, inner, 4),
            (quoted @ (b'\\' | b'"' | b'/'), after) => Some((quoted, after)),
            _ => None,
        },
        _ => None,
    }
}

/// The byte that some hexadecimal digits stand for.
fn hex(
    at: usize,
    inner: impl Fn(usize) -> Option<(u8, usize)>,
    digits: usize,
) -> Option<(u8, usize)> {
    let (mut value, mut at) = (0_u32, at);
    for _ in 0..digits {
        let (byte, after) = inner(at)?;
        value = value * 16 + char::from(byte).to_digit(16)?;
        at = after;
    }
    Some((u8::try_from(value).ok()?, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> String {
        format!("plg_{}", "0a".repeat(32))
    }

    fn percent(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    fn json(text: &str) -> String {
        text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
    }

    #[test]
    fn tokens_are_cut_however_they_are_written() {
        let token = token();
        let twice = percent(&token).replace('%', "%25");
        let quoted = json(&token).replace('\\', "\\\\");
        for written in [
            token.clone(),
            token.to_uppercase(),
            token.replacen('p', "%70", 1),
            token.replacen('_', "%5F", 1),
            percent(&token),
            twice,
            token.replacen('p', "\\u0070", 1),
            json(&token),
            quoted,
            percent(&json(&token)),
            percent(&token).replace('%', "\\u0025"),
        ] {
            assert!(holds_token(&written), "{written}");
            assert_eq!(cut(&format!("a é{written}, b"), &[]), "a énull, b", "{written}");
            assert_eq!(cut(&format!("\\{written}{written}0"), &[]).matches("null").count(), 2);
        }
    }

    /// The search as it is meant, with no thought of time.
    fn cut_slowly(text: &str, known: &[String]) -> String {
        let (mut out, mut at, mut from) = (String::new(), 0, 0);
        while at < text.len() {
            let known = known.iter().map(String::as_bytes);
            let end = token_at(text.as_bytes(), at)
                .or_else(|| known.clone().find_map(|secret| known_at(text.as_bytes(), at, secret)));
            if let Some(end) = end {
                out.push_str(&text[from..at]);
                out.push_str("null");
                (at, from) = (end, end);
            } else {
                at += 1;
            }
        }
        out + &text[from..]
    }

    #[test]
    fn texts_of_any_length_are_searched_at_every_place() {
        const PIECES: [&str; 26] = [
            "%", "\\", "u", "U", "0", "7", "5", "c", "2", "p", "P", "l", "g", "_", "\"", "/",
            "%70", "\\u0070", "plg_", "5f", "%25", "\\\\", "é", "12345678", "secr", "\\u005c",
        ];
        let known = ["12345678", "secr%\\u00", "plg_0a0a", "7"].map(str::to_owned);
        let token = token();
        // A linear congruential generator (Knuth, MMIX), of which the upper bits are taken.
        let mut state = 1_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let mut cuts = 0;
        for round in 0..1_500 {
            let mut text = String::new();
            // Some are longer than what is read at once, and some of those have a long end without
            // escapes.
            let pieces = if round % 250 == 0 { 5_000 } else { 30 };
            for _ in 0..draw(pieces) {
                text.push_str(PIECES[draw(PIECES.len())]);
                if draw(50) == 0 {
                    text.push_str(&token[..draw(token.len() + 1)]);
                }
            }
            if round % 500 == 0 {
                text.push_str(&"x".repeat(2 * STRETCH_BYTES - draw(100)));
                text.push_str(&percent(&token));
            }
            for known in [&known[..], &known[..3], &[]] {
                let expected = cut_slowly(&text, known);
                cuts += usize::from(expected != text);
                assert_eq!(cut(&text, known), expected, "{text}");
            }
        }
        assert!(cuts > 500, "{cuts} texts held a secret");
    }

    #[test]
    fn what_is_no_token_stays() {
        let token = token();
        for text in [
            "",
            "plg_",
            &format!("{} ", &token[..67]),
            &token[1..],
            &token.replace('_', "-"),
            &token[..19],
            "%70%",
            "\\u007",
            "\\",
            "100 % plg_0",
        ] {
            assert!(matches!(cut(text, &[]), Cow::Borrowed(same) if same == text), "{text}");
        }
        assert_eq!(cut(&format!("agent {}", &token[..40]), &[]), "agent null", "cut off");
    }

    #[test]
    fn known_secrets_are_cut_from_strings_alone() {
        let known = ["12345678".to_owned(), "a\"b/c%d+e=".to_owned()];
        assert_eq!(cut("x 12345678 y a\"b/c%d+e= z", &known), "x null y null z");
        assert_eq!(cut(&percent(&known[1]), &known), "null");
        let text = r#"{"12345678":112345678,"b":["x12345678","a\"b\/c%25d+e=\\"]}"#;
        let expected = r#"{"null":112345678,"b":["xnull","null\\"]}"#;
        assert_eq!(cut_json(text.as_bytes(), &known), expected.as_bytes());
    }
}
