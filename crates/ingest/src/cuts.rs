//! What must never reach the disk is cut out of a request before it is stored: the values of
//! `password` and every other `writeOnly` attribute, the display names of members, and tokens.
//! Everything else stays as it was received, byte for byte.
//!
//! A cut value is replaced by `null`. A name counts as secret if it contains the word anywhere, so that
//! a client's typing error cannot store a password. In doubt, more is cut: a stored body is evidence
//! only, and the state never comes from it.

use std::borrow::Cow;
use std::ops::Range;

use event::secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use scim::{Mutability, Registry};
use serde_json::Value;

/// The attributes whose values are cut, in lower case.
pub(crate) struct Secrets {
    names: Vec<String>,
    /// Words, reduced to letters and digits; every body with something to cut contains one of them.
    marks: Vec<String>,
}

/// A query parameter carries a secret if its name contains one of these words (RFC 6750 §2.3).
const SECRET_PARAMETERS: [&str; 5] = ["token", "secret", "authorization", "apikey", "key"];

/// Other names for passwords, such as `unicodePwd` in a directory; in lower case.
const OTHER_NAMES: [&str; 5] = ["passwd", "pwd", "unicodepwd", "userpwd", "passphrase"];

/// How members' display names are spelled by clients, in lower case.
const MEMBER_NAMES: [&str; 2] = ["display", "displayname"];

impl Secrets {
    /// Every attribute of these schemas that is never given out.
    pub(crate) fn of(registry: &Registry) -> Secrets {
        let attributes = registry.schemas().iter().flat_map(|schema| &schema.attributes);
        let all = attributes.flat_map(|attribute| {
            std::iter::once(attribute).chain(attribute.sub_attributes.iter())
        });
        let hidden = all.filter(|attribute| attribute.mutability == Mutability::WriteOnly);
        let mut names: Vec<String> =
            hidden.map(|attribute| attribute.name.to_lowercase()).collect();
        names.extend(OTHER_NAMES.map(str::to_owned));
        names.sort_unstable();
        names.dedup();
        let mut marks: Vec<String> = names.iter().map(|name| squashed(name)).collect();
        marks.extend([PASSWORD, MEMBER].map(str::to_owned));
        Secrets { names, marks }
    }

    /// The names of these attributes.
    pub(crate) fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// A quick check whether JSON text may hold something to cut: looks for the marks and ignores other
    /// characters between their letters. Text with a backslash may, since escapes could hide a mark.
    fn may_be_in(&self, json: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(json) else { return true };
        if text.contains('\\') {
            return true;
        }
        let marked = |text: &str| {
            let squashed = squashed(text);
            self.marks.iter().any(|mark| squashed.contains(mark.as_str()))
        };
        marked(text) || (text.contains('%') && marked(&secret::plain(text)))
    }

    /// Whether a text contains the name of a secret as a word of its own, or `password` in any
    /// compound.
    fn names(&self, text: &str) -> bool {
        squashed(text).contains(PASSWORD)
            || words(text).chain(attribute_names(text)).any(|word| self.names.contains(&word))
    }
}

/// A name that contains this word is secret.
const PASSWORD: &str = "password";
/// The names of lists of members begin with this.
const MEMBER: &str = "member";

/// The letters and digits of a text, in lower case.
fn squashed(text: &str) -> String {
    if text.is_ascii() {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a text in lower case, where `-`, `_` and `$` belong to a word, as in names of
/// attributes (RFC 7643 §2.1).
fn attribute_names(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && !"-_$".contains(c)).map(str::to_lowercase)
}

/// The words of a text, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase)
}

/// Whether an attribute path is that of members or of something in them.
fn is_members(path: &str) -> bool {
    let before_filter = path.split('[').next().unwrap_or(path);
    let local = before_filter.rsplit(':').next().unwrap_or(before_filter);
    words(local).find(|word| !word.is_empty()).is_some_and(|word| word == "members")
}

/// Whether a name is that of a member's display name.
fn is_member_name(key: &str) -> bool {
    words(key).any(|word| MEMBER_NAMES.contains(&word.as_str()))
}

/// Whether a text may itself contain names and values, such as JSON within a string.
fn is_opaque(text: &str) -> bool {
    text.contains(['{', '"', ':', '=', '<'])
}

/// The body without its secrets. `json` must have been parsed before, which bounds its depth.
pub(crate) fn cut_body<'a>(json: &'a [u8], secrets: &Secrets) -> Cow<'a, [u8]> {
    if !secrets.may_be_in(json) {
        return Cow::Borrowed(json);
    }
    let mut scanner = Scanner { json, at: 0, secrets, cuts: Vec::new() };
    scanner.value(false);
    let cuts = scanner.cuts;
    if cuts.is_empty() {
        return Cow::Borrowed(json);
    }
    let mut out = Vec::with_capacity(json.len());
    let mut from = 0;
    for (range, replacement) in cuts {
        out.extend_from_slice(&json[from..range.start]);
        out.extend_from_slice(&replacement);
        from = range.end;
    }
    out.extend_from_slice(&json[from..]);
    Cow::Owned(out)
}

struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
    secrets: &'a Secrets,
    /// Ascending, and none inside another.
    cuts: Vec<(Range<usize>, Vec<u8>)>,
}

impl Scanner<'_> {
    /// Scans one value and records what to cut in it.
    fn value(&mut self, of_members: bool) {
        self.space();
        match self.json.get(self.at) {
            Some(b'{') => self.object(of_members),
            Some(b'[') => {
                self.at += 1;
                while self.more(b']') {
                    self.value(of_members);
                }
            }
            Some(b'"') => {
                let from = self.at;
                let text = self.string();
                let names_member = of_members && is_member_name(&text);
                let names = |text: &str| self.secrets.names(text);
                if is_opaque(&text)
                    && (names_member || names(&text) || names(&secret::plain(&text)))
                {
                    self.cuts.push((from..self.at, b"null".to_vec()));
                }
            }
            Some(_) => {
                let rest = &self.json[self.at..];
                let end = rest.iter().position(|byte| b",]} \t\r\n".contains(byte));
                self.at += end.unwrap_or(rest.len());
            }
            None => {}
        }
    }

    fn object(&mut self, of_members: bool) {
        // Whether an operation's `value` is secret depends on its `path`, which may follow it: find
        // that first.
        let start = self.at;
        let (path, name) = self.find_path();
        self.at = start + 1;
        let path = path.as_deref();
        let path_is_secret =
            [path, name.as_deref()].into_iter().flatten().any(|path| self.secrets.names(path));
        let path_is_members = path.is_some_and(is_members);
        while self.more(b'}') {
            let key_from = self.at;
            let key = self.string().to_lowercase();
            // A name that itself holds a value, such as `password=x`, is cut as well.
            if key.contains(['{', '=', '<']) && self.secrets.names(&key) {
                self.cuts.push((key_from..self.at, b"\"null\"".to_vec()));
            }
            self.space();
            self.at += 1; // the colon
            self.space();
            let from = self.at;
            let key = key.trim();
            let (is_path, is_value) = (key == "path" || key == "filter", key == "value");
            let is_secret = self.secrets.names(key)
                || (is_value && path_is_secret)
                || (of_members && is_member_name(key));
            if is_secret {
                self.skip();
                self.cuts.push((from..self.at, b"null".to_vec()));
            } else if is_path && self.json.get(from) == Some(&b'"') {
                let text = self.string();
                if let Cow::Owned(cut) = cut_path(&text, self.secrets) {
                    // A string of JSON has no way to fail.
                    let json = serde_json::to_vec(&cut).unwrap_or_else(|_| b"null".to_vec());
                    self.cuts.push((from..self.at, json));
                }
            } else {
                self.value(of_members || is_members(key) || (is_value && path_is_members));
            }
        }
    }

    /// The object's `path` (its text, or its JSON if it is not a string), and the texts of `name`, `op`
    /// and `attribute`, by which clients also name what `value` belongs to. The caller resets `at`.
    fn find_path(&mut self) -> (Option<String>, Option<String>) {
        let (mut found, mut named) = (None, None);
        self.at += 1;
        while self.more(b'}') {
            let key = self.string();
            self.space();
            self.at += 1;
            self.space();
            let from = self.at;
            let is_text = self.json.get(from) == Some(&b'"');
            if ["name", "op", "attribute"].contains(&key.trim().to_lowercase().as_str()) && is_text
            {
                let text = self.string();
                named = Some(named.map_or(text.clone(), |before: String| before + " " + &text));
            } else if !key.trim().eq_ignore_ascii_case("path") {
                self.skip();
            } else if self.json.get(from) == Some(&b'"') {
                found = Some(self.string());
            } else {
                self.skip();
                found = Some(String::from_utf8_lossy(&self.json[from..self.at]).into_owned());
            }
        }
        (found, named)
    }

    /// Whether another item comes before `end`. Skips the comma, or `end` itself.
    fn more(&mut self, end: u8) -> bool {
        self.space();
        if self.json.get(self.at) == Some(&b',') {
            self.at += 1;
            self.space();
        }
        match self.json.get(self.at) {
            Some(byte) if *byte == end => {
                self.at += 1;
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Skips a value.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.json.get(self.at) {
            match byte {
                b'"' => {
                    self.string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Skips a string and returns its text.
    fn string(&mut self) -> String {
        let from = self.at;
        self.at += 1;
        while let Some(byte) = self.json.get(self.at) {
            self.at += match byte {
                b'\\' => 2,
                b'"' => break,
                _ => 1,
            };
        }
        self.at = (self.at + 1).min(self.json.len());
        serde_json::from_slice(&self.json[from..self.at]).unwrap_or_default()
    }

    fn space(&mut self) {
        while self.json.get(self.at).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            self.at += 1;
        }
    }
}

/// Cuts a PATCH path or filter: all of it if it names a secret and is more than the plain name; the
/// quoted texts if it compares members' display names.
fn cut_path<'a>(text: &'a str, secrets: &Secrets) -> Cow<'a, str> {
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || ".:$_- ".contains(c));
    if secrets.names(text) && !is_plain {
        return Cow::Owned("null".to_owned());
    }
    if is_members(text) && is_member_name(text) { cut_quoted(text) } else { Cow::Borrowed(text) }
}

/// The text with `null` for everything in double quotes, closed or not.
fn cut_quoted(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('"') else { return Cow::Borrowed(text) };
    let mut out = text[..first].to_owned();
    let mut chars = text[first..].chars();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (false, '"') => {
                out.push_str("null");
                quoted = true;
            }
            (false, c) => out.push(c),
            (true, '\\') => {
                chars.next();
            }
            (true, '"') => quoted = false,
            (true, _) => {}
        }
    }
    Cow::Owned(out)
}

/// Shorter secrets are not searched for in the upstream's answer: they would match by chance.
const SECRET_BYTES_MIN: usize = 4;

/// The secret values in a request's body, such as a password, so that they can be cut from the
/// upstream's answer. A value that the body also shows elsewhere, as the userName say, does not count.
pub(crate) fn secrets_of(body: &Value, secrets: &Secrets) -> Vec<String> {
    let (mut hidden, mut shown) = (vec![], vec![]);
    sort_texts(body, false, secrets, &mut hidden, &mut shown);
    hidden.retain(|secret: &String| {
        secret.len() >= SECRET_BYTES_MIN && !shown.iter().any(|text| text.contains(secret.as_str()))
    });
    hidden
}

/// Sorts the texts of a body into those of secret attributes and all others.
fn sort_texts<'a>(
    value: &'a Value,
    is_secret: bool,
    secrets: &Secrets,
    hidden: &mut Vec<String>,
    shown: &mut Vec<&'a str>,
) {
    match value {
        Value::String(text) if is_secret => hidden.push(text.clone()),
        Value::String(text) => shown.push(text),
        Value::Array(items) => {
            items.iter().for_each(|item| sort_texts(item, is_secret, secrets, hidden, shown));
        }
        Value::Object(members) => {
            let path = members.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("path"));
            let path = path.and_then(|(_, path)| path.as_str()).unwrap_or_default();
            for (name, value) in members {
                let is_value = name.trim().eq_ignore_ascii_case("value");
                let named = secrets.names(name) || (is_value && secrets.names(path));
                sort_texts(value, is_secret || named, secrets, hidden, shown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether any text of a JSON value holds a token of ours.
pub(crate) fn json_holds_token(value: &Value) -> bool {
    match value {
        Value::String(text) => secret::holds_token(text),
        Value::Array(items) => items.iter().any(json_holds_token),
        Value::Object(object) => {
            object.iter().any(|(name, value)| secret::holds_token(name) || json_holds_token(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Path and query without secrets, at most `bytes_max` long. `presented` are the tokens in the
/// request's headers.
pub(crate) fn cut_target(
    target: &str,
    secrets: &Secrets,
    presented: &[String],
    bytes_max: usize,
) -> String {
    let (path, query) = match target.split_once('?') {
        None => (target, None),
        Some((path, query)) => (path, Some(query)),
    };
    let mut out = secret::cut(path, presented).into_owned();
    if let Some(query) = query {
        out.push('?');
        for (index, parameters) in query.split('&').enumerate() {
            if index > 0 {
                out.push('&');
            }
            out.push_str(&cut_parameter(parameters, secrets, presented));
        }
    }
    if out.len() > bytes_max {
        let mut end = bytes_max;
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
        out.push('…');
    }
    out
}

fn cut_parameter<'a>(parameter: &'a str, secrets: &Secrets, presented: &[String]) -> Cow<'a, str> {
    let (name, value) = match parameter.split_once('=') {
        Some((name, value)) => (name, value),
        None => (parameter, ""),
    };
    let (plain_name, plain_value) = (percent_decode(name), percent_decode(value));
    let is_secret = secrets.names(&plain_name)
        || words(&plain_name).any(|word| SECRET_PARAMETERS.contains(&word.as_str()))
        || secrets.names(&plain_value);
    if is_secret && !value.is_empty() {
        return Cow::Owned(format!("{}=null", secret::cut(name, presented)));
    }
    secret::cut(parameter, presented)
}

/// Decodes `%XX` and `+` of a query; invalid UTF-8 becomes U+FFFD.
pub(crate) fn percent_decode(text: &str) -> String {
    String::from_utf8_lossy(&percent_bytes(text)).into_owned()
}

/// The bytes that `%XX` and `+` of a query stand for.
pub(crate) fn percent_bytes(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

/// All but the slash and the characters that a path shows as they are (RFC 3986 §2.3).
const OF_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A text as a path, or as a value of a query.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, OF_PATH).to_string()
}

#[cfg(test)]
mod tests;
