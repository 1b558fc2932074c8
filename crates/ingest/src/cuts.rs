//! What must never reach the disk is cut out of a request before it is stored: the values of
//! `password` and every other `writeOnly` attribute, the display names of members, and tokens that
//! came in a query. Everything else stays as it was received, byte for byte.
//!
//! A cut value is replaced by `null`. When in doubt more is cut: a stored body is evidence of what
//! was asked, and the state never comes from it.

use std::borrow::Cow;
use std::ops::Range;

use scim::{Mutability, Registry};

/// The attributes whose values are cut, in lower case.
pub(crate) struct Secrets(Vec<String>);

/// Query parameters that carry secrets by custom (RFC 6750 §2.3), in lower case.
const SECRET_PARAMETERS: [&str; 8] = [
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "client_secret",
    "password",
    "secret",
    "token",
];

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
        names.sort_unstable();
        names.dedup();
        Secrets(names)
    }

    /// Whether an attribute path, in any case and with or without its schema, names a secret.
    fn names(&self, path: &str, of_members: bool) -> bool {
        let local = path.rsplit(':').next().unwrap_or(path);
        local.split(['.', '[', ']']).any(|segment| {
            let segment = segment.to_lowercase();
            self.0.contains(&segment) || (of_members && MEMBER_NAMES.contains(&segment.as_str()))
        })
    }
}

/// The body with its cuts. `json` must be JSON text that was parsed before, which bounds its depth.
pub(crate) fn cut_body<'a>(json: &'a [u8], secrets: &Secrets) -> Cow<'a, [u8]> {
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
    /// In order, none inside another.
    cuts: Vec<(Range<usize>, Vec<u8>)>,
}

impl Scanner<'_> {
    /// Passes over one value and notes the cuts in it.
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
                self.string();
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
        // An operation's `value` is judged by its `path`, which may stand behind it: look first.
        let start = self.at;
        let path = self.find_path();
        self.at = start + 1;
        let path_is_secret =
            path.as_deref().is_some_and(|path| self.secrets.names(path, is_members(path)));
        let path_is_members = path.as_deref().is_some_and(is_members);
        while self.more(b'}') {
            let key = self.string().to_lowercase();
            self.space();
            self.at += 1; // the colon
            self.space();
            let from = self.at;
            let is_value = key == "value";
            if self.secrets.names(&key, of_members) || (is_value && path_is_secret) {
                self.skip();
                self.cuts.push((from..self.at, b"null".to_vec()));
            } else if (key == "path" || key == "filter") && self.json.get(from) == Some(&b'"') {
                let text = self.string();
                if let Cow::Owned(cut) = cut_filter(&text, self.secrets) {
                    // A string of JSON has no way to fail.
                    let json = serde_json::to_vec(&cut).unwrap_or_else(|_| b"null".to_vec());
                    self.cuts.push((from..self.at, json));
                }
            } else {
                self.value(of_members || is_members(&key) || (is_value && path_is_members));
            }
        }
    }

    /// The text of the object's `path` member. Leaves the place wherever it came to.
    fn find_path(&mut self) -> Option<String> {
        let mut found = None;
        self.at += 1;
        while self.more(b'}') {
            let key = self.string();
            self.space();
            self.at += 1;
            self.space();
            if key.eq_ignore_ascii_case("path") && self.json.get(self.at) == Some(&b'"') {
                found = Some(self.string());
            } else {
                self.skip();
            }
        }
        found
    }

    /// Whether another item comes before `end`; passes over the comma, or over `end` itself.
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

    /// Passes over a value without noting anything.
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

    /// Passes over a string and returns what it says.
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

/// Whether an attribute path is that of members or of something in them.
fn is_members(path: &str) -> bool {
    let local = path.rsplit(':').next().unwrap_or(path).trim_start().to_lowercase();
    local
        .strip_prefix("members")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.', ' ']))
}

/// A filter or PATCH path with the literals that are compared with secrets replaced by `null`.
pub(crate) fn cut_filter<'a>(text: &'a str, secrets: &Secrets) -> Cow<'a, str> {
    let of_members = is_members(text) || text.to_lowercase().contains("members");
    let mut out = String::new();
    let mut from = 0;
    let (mut attribute, mut operator) = ("", "");
    for token in tokens(text) {
        let word = &text[token.clone()];
        let compares = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
            .iter()
            .any(|op| operator.eq_ignore_ascii_case(op));
        if compares && secrets.names(attribute, of_members) {
            out.push_str(&text[from..token.start]);
            out.push_str("null");
            from = token.end;
        }
        (attribute, operator) = (operator, word);
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// The places of words and of quoted strings; brackets and parentheses stand between words.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                // An escape may have led into the middle of a character.
                while !text.is_char_boundary(at) {
                    at += 1;
                }
                tokens.push(from..at);
            }
            byte if byte.is_ascii_whitespace() || b"()[]".contains(&byte) => at += 1,
            _ => {
                let end = |byte: &u8| byte.is_ascii_whitespace() || b"()[]\"".contains(byte);
                at += bytes[at..].iter().position(end).unwrap_or(bytes.len() - at);
                tokens.push(from..at);
            }
        }
    }
    tokens
}

/// Path and query with their cuts, at most `bytes_max` long.
pub(crate) fn cut_target(target: &str, secrets: &Secrets, bytes_max: usize) -> String {
    let mut out = match target.split_once('?') {
        None => target.to_owned(),
        Some((path, query)) => {
            let parameters = query.split('&').map(|parameter| cut_parameter(parameter, secrets));
            format!("{path}?{}", parameters.collect::<Vec<_>>().join("&"))
        }
    };
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

fn cut_parameter<'a>(parameter: &'a str, secrets: &Secrets) -> Cow<'a, str> {
    let Some((name, value)) = parameter.split_once('=') else { return Cow::Borrowed(parameter) };
    let plain_name = percent_decode(name).to_lowercase();
    if SECRET_PARAMETERS.contains(&plain_name.as_str()) || secrets.names(&plain_name, false) {
        return Cow::Owned(format!("{name}=null"));
    }
    match cut_filter(&percent_decode(value), secrets) {
        Cow::Borrowed(_) => Cow::Borrowed(parameter),
        Cow::Owned(cut) => Cow::Owned(format!("{name}={}", percent_encode(&cut))),
    }
}

/// `%XX` and `+` of a query as the text they stand for; what is no UTF-8 becomes U+FFFD.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|digits| bytes[at] == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::of(Registry::core())
    }

    fn check(body: &str, expected: &str) {
        let cut = cut_body(body.as_bytes(), &secrets());
        assert_eq!(std::str::from_utf8(&cut).unwrap(), expected);
        serde_json::from_slice::<serde_json::Value>(&cut).expect("what remains is JSON");
    }

    fn unchanged(body: &str) {
        check(body, body);
        assert!(matches!(cut_body(body.as_bytes(), &secrets()), Cow::Borrowed(_)));
    }

    #[test]
    fn passwords_are_cut_in_every_case_and_form() {
        check(r#"{"password":"hunter2"}"#, r#"{"password":null}"#);
        check(r#"{ "PassWord" : "a\"}b" , "x":1}"#, r#"{ "PassWord" : null , "x":1}"#);
        check(r#"{"p\u0061ssword":"x"}"#, r#"{"p\u0061ssword":null}"#);
        check(r#"{"password":{"value":["x",{"y":"]"}]}}"#, r#"{"password":null}"#);
        check(
            r#"{"urn:ietf:params:scim:schemas:core:2.0:User:password":"x"}"#,
            r#"{"urn:ietf:params:scim:schemas:core:2.0:User:password":null}"#,
        );
        check(
            r#"{"Operations":[{"op":"replace","value":"x","path":"password"},{"value":{"Password":"y"}}]}"#,
            r#"{"Operations":[{"op":"replace","value":null,"path":"password"},{"value":{"Password":null}}]}"#,
        );
        check(
            r#"{"Operations":[{"Path":"urn:ietf:params:scim:schemas:core:2.0:User:PASSWORD","Value":["x"]}]}"#,
            r#"{"Operations":[{"Path":"urn:ietf:params:scim:schemas:core:2.0:User:PASSWORD","Value":null}]}"#,
        );
        check(
            r#"{"path":"x[password eq \"s3\"]","a":1}"#,
            r#"{"path":"x[password eq null]","a":1}"#,
        );
        check(
            r#"{"filter":"password sw \"s\" and a pr"}"#,
            r#"{"filter":"password sw null and a pr"}"#,
        );
    }

    #[test]
    fn display_names_of_members_are_cut_and_those_of_others_stay() {
        check(
            r#"{"displayName":"Crew","members":[{"value":"1","display":"Mira"},{"displayName":"Lund","value":"2"}]}"#,
            r#"{"displayName":"Crew","members":[{"value":"1","display":null},{"displayName":null,"value":"2"}]}"#,
        );
        check(
            r#"{"Operations":[{"op":"add","path":"members","value":[{"value":"1","display":"Mira"}]}]}"#,
            r#"{"Operations":[{"op":"add","path":"members","value":[{"value":"1","display":null}]}]}"#,
        );
        check(
            r#"{"Operations":[{"op":"Remove","path":"members[display eq \"Mira\"]"}]}"#,
            r#"{"Operations":[{"op":"Remove","path":"members[display eq null]"}]}"#,
        );
        check(
            r#"{"Operations":[{"op":"add","value":{"members":[{"display":"M"}],"displayName":"G"}}]}"#,
            r#"{"Operations":[{"op":"add","value":{"members":[{"display":null}],"displayName":"G"}}]}"#,
        );
        unchanged(r#"{"displayName":"Mira","emails":[{"display":"x"}]}"#);
    }

    #[test]
    fn the_rest_stays_byte_for_byte() {
        unchanged(" { \"a\" : [ 1.50 , true , null , \"\\u00e9\\\\\" ] ,\n\"b\":{} } ");
        unchanged("[]");
        unchanged("17");
        unchanged(r#"{"passwords":"no such attribute","path":"displayName"}"#);
    }

    #[test]
    fn queries_lose_tokens_and_secret_literals() {
        let check = |target: &str, expected: &str| {
            assert_eq!(cut_target(target, &secrets(), 200), expected);
        };
        check("/Users?filter=userName%20eq%20%22m%22", "/Users?filter=userName%20eq%20%22m%22");
        check(
            "/Users?filter=Password+eq+%22s3%22&count=1",
            "/Users?filter=Password%20eq%20null&count=1",
        );
        check("/Users?access_token=abc&Token=x&a", "/Users?access_token=null&Token=null&a");
        check("/Users?filter=password eq \"abc", "/Users?filter=password%20eq%20null");
        assert_eq!(cut_target("/ääää", &secrets(), 4), "/ä…");
    }

    #[test]
    fn no_text_makes_the_scanners_panic() {
        for text in ["\"\\", "\"ä\\ä", "{", "{\"", "{\"a\"", "[1,", "{\"path\":\"", "%", "%4", "\\"]
        {
            let _ = cut_body(text.as_bytes(), &secrets());
            let _ = cut_target(text, &secrets(), 9);
            let _ = cut_filter(text, &secrets());
        }
    }
}
