//! Secrets within texts: tokens of ours, known by their shape, and secrets that are known as such.
//!
//! A secret may be written with escapes: those of addresses (RFC 3986 §2.1), those of JSON texts (RFC
//! 8259 §7), one inside the other. So a text is read character by character through up to
//! `LAYERS` layers of escapes, and what is cut is what stands in the text, escapes and all. What was
//! coded otherwise, in base64 say, is not found.

use std::borrow::Cow;
use std::ops::Range;

/// What our tokens begin with, and how many hexadecimal digits follow.
const PREFIX: &[u8] = b"plg_";
const DIGITS: usize = 64;
/// A token at the end of a text that was cut short is known by this many digits.
const DIGITS_AT_END: usize = 16;
/// So often may a character be escaped again.
const LAYERS: usize = 3;
/// What stands where a secret stood.
const CUT: &str = "null";

/// A shorter secret is not looked for: it could be a word, and is none that protects anything.
pub const KNOWN_BYTES_MIN: usize = 8;

/// The text with `null` for each token and for each of the `known` secrets.
pub fn cut<'a>(text: &'a str, known: &[String]) -> Cow<'a, str> {
    let mut out = String::new();
    let mut from = 0;
    while let Some(place) = find(text.as_bytes(), from, known) {
        out.push_str(&text[from..place.start]);
        out.push_str(CUT);
        from = place.end;
    }
    if from == 0 { Cow::Borrowed(text) } else { Cow::Owned(out + &text[from..]) }
}

/// The same for the strings of a JSON text, so that JSON remains; numbers stay as they are.
pub fn cut_json<'a>(json: &'a [u8], known: &[String]) -> Cow<'a, [u8]> {
    if find(json, 0, known).is_none() {
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

/// What a text says, read through all layers of escapes; what is no UTF-8 then becomes U+FFFD.
pub fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some((byte, after)) = read(text.as_bytes(), at, LAYERS) {
        bytes.push(byte);
        at = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a text holds a token.
pub fn holds_token(text: &str) -> bool {
    stands_in(text.as_bytes(), &[])
}

/// Whether some bytes hold a token, or one of the `known` secrets.
pub fn stands_in(bytes: &[u8], known: &[String]) -> bool {
    find(bytes, 0, known).is_some()
}

/// The end of a string of JSON that begins at `at`, behind its quote.
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

/// The first secret from a place on.
fn find(bytes: &[u8], from: usize, known: &[String]) -> Option<Range<usize>> {
    // Every text is looked through, and nearly nowhere may one begin.
    let mut begins = [false; 256];
    let firsts = known.iter().filter_map(|secret| secret.as_bytes().first());
    for byte in firsts.chain(b"pP%\\") {
        begins[usize::from(*byte)] = true;
    }
    let mut start = from;
    loop {
        let rest = bytes.get(start..)?;
        start += rest.iter().position(|byte| begins[usize::from(*byte)])?;
        let token = if may_be_token(bytes, start) { token_at(bytes, start) } else { None };
        let end = token.or_else(|| {
            let byte = bytes[start];
            let may_begin = |secret: &&String| {
                is_escape(byte) || secret.as_bytes().first().is_some_and(|first| *first == byte)
            };
            let mut known = known.iter().filter(may_begin);
            known.find_map(|secret| known_at(bytes, start, secret.as_bytes()))
        });
        if let Some(end) = end {
            return Some(start..end);
        }
        start += 1;
    }
}

/// Whether a byte may be the first of an escape.
fn is_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\')
}

/// Whether the first two characters of a token may stand at a place.
fn may_be_token(bytes: &[u8], start: usize) -> bool {
    let may_be = |at: usize, letter: u8| {
        bytes.get(at).is_some_and(|byte| is_escape(*byte) || byte.eq_ignore_ascii_case(&letter))
    };
    may_be(start, b'p') && (is_escape(bytes[start]) || may_be(start + 1, b'l'))
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

/// One byte of what a text says, and where the next one begins, read through some layers of escapes.
fn read(bytes: &[u8], at: usize, layers: usize) -> Option<(u8, usize)> {
    let first = *bytes.get(at)?;
    let Some(inner) = layers.checked_sub(1).filter(|_| is_escape(first)) else {
        return Some((first, at + 1));
    };
    let (byte, after) = read(bytes, at, inner)?;
    let escaped = match byte {
        b'%' => hex(bytes, after, inner, 2),
        b'\\' => match read(bytes, after, inner) {
            Some((b'u' | b'U', digits)) => hex(bytes, digits, inner, 4),
            Some((quoted @ (b'\\' | b'"' | b'/'), after)) => Some((quoted, after)),
            Some(_) | None => None,
        },
        _ => None,
    };
    Some(escaped.unwrap_or((byte, after)))
}

/// The byte that some hexadecimal digits stand for.
fn hex(bytes: &[u8], at: usize, layers: usize, digits: usize) -> Option<(u8, usize)> {
    let (mut value, mut at) = (0_u32, at);
    for _ in 0..digits {
        let (byte, after) = read(bytes, at, layers)?;
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
