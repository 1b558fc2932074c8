//! What must never reach the disk is cut out of a request before it is stored: the values of
//! `password` and every other `writeOnly` attribute, the display names of members, and tokens.
//! Everything else stays as it was received, byte for byte.
//!
//! A cut value is replaced by `null`. A name counts as secret when it contains the word, whatever
//! stands around it, for a client's typing error must not store a password. When in doubt more is
//! cut: a stored body is evidence of what was asked, and the state never comes from it.

use std::borrow::Cow;
use std::ops::Range;

use event::secret;
use scim::{Mutability, Registry};
use serde_json::Value;

/// The attributes whose values are cut, in lower case.
pub(crate) struct Secrets {
    names: Vec<String>,
    /// The letters and digits alone of what every body with something to cut contains.
    marks: Vec<String>,
}

/// Words in the names of query parameters that carry secrets by custom (RFC 6750 §2.3).
const SECRET_PARAMETERS: [&str; 5] = ["token", "secret", "authorization", "apikey", "key"];

/// What passwords are called besides, as `unicodePwd` in a directory; in lower case.
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

    /// Whether there may be anything to cut in a text of JSON: whether it contains a word that says
    /// so, whatever stands between its letters. Escapes could hide one.
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

/// In any compound it says that a value is secret.
const PASSWORD: &str = "password";
/// What the names of lists of members begin with.
const MEMBER: &str = "member";

/// The letters and digits of a text, in lower case.
fn squashed(text: &str) -> String {
    if text.is_ascii() {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    }
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a text in lower case, where those are as long as names of attributes may be (RFC 7643
/// §2.1).
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

/// Whether a text may hold names and values of its own, as JSON within a text does: what is in it cannot
/// be told from outside.
fn is_opaque(text: &str) -> bool {
    text.contains(['{', '"', ':', '=', '<'])
}

/// The body with its cuts. `json` must be JSON text that was parsed before, which bounds its depth.
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
        // An operation's `value` is judged by its `path`, which may stand behind it: look first.
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
            // The name of an attribute, or a path, says what its value is, and has none itself.
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

    /// The object's `path` member: its text, or its JSON when it is no string; and another text by
    /// which a client may name what the `value` is of. Leaves the place wherever it came to.
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

/// A PATCH path or filter with its cuts: one that names a secret and is more than the plain name
/// goes whole, and of one over members' display names the quoted texts.
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

/// A shorter secret of a request is not looked for in what is answered to it.
const SECRET_BYTES_MIN: usize = 4;

/// The secrets that a request's body gives, such as a password, so that they can be kept out of what
/// an upstream answers. One that the body shows elsewhere too, as a userName say, is none.
pub(crate) fn secrets_of(body: &Value, secrets: &Secrets) -> Vec<String> {
    let (mut hidden, mut shown) = (vec![], vec![]);
    sort_texts(body, false, secrets, &mut hidden, &mut shown);
    hidden.retain(|secret: &String| {
        secret.len() >= SECRET_BYTES_MIN && !shown.iter().any(|text| text.contains(secret.as_str()))
    });
    hidden
}

/// Tells the texts of secret attributes from all others.
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

/// Path and query with their cuts, at most `bytes_max` long. `presented` are the tokens that the
/// request's head shows.
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

/// `%XX` and `+` of a query as the text they stand for; what is no UTF-8 becomes U+FFFD.
pub(crate) fn percent_decode(text: &str) -> String {
    String::from_utf8_lossy(&percent_bytes(text)).into_owned()
}

/// The bytes that `%XX` and `+` of a query stand for.
pub(crate) fn percent_bytes(text: &str) -> Vec<u8> {
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
    out
}

pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
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
        serde_json::from_slice::<Value>(&cut).expect("what remains is JSON");
    }

    fn unchanged(body: &str) {
        check(body, body);
        assert!(matches!(cut_body(body.as_bytes(), &secrets()), Cow::Borrowed(_)));
    }

    #[test]
    fn names_that_hold_a_value_are_cut_too_and_other_words_for_passwords_count() {
        for (body, expected) in [
            (r#"{"{\"password\":\"x\"}":1,"b":2}"#, r#"{"null":null,"b":2}"#),
            (r#"{"password=x":1}"#, r#"{"null":null}"#),
            (r#"{"title":"a=1&pa%73%73word=x","b":"100%"}"#, r#"{"title":null,"b":"100%"}"#),
            (
                r#"{"unicodePwd":"x","a":{"Pwd":"x","pwdLastSet":7}}"#,
                r#"{"unicodePwd":null,"a":{"Pwd":null,"pwdLastSet":7}}"#,
            ),
            (r#"{"a":"<passphrase>x</passphrase>"}"#, r#"{"a":null}"#),
            (
                r#"{"path":"urn:x:2.0:User:passwd","value":"x"}"#,
                r#"{"path":"urn:x:2.0:User:passwd","value":null}"#,
            ),
        ] {
            let cut = cut_body(body.as_bytes(), &secrets());
            assert_eq!(std::str::from_utf8(&cut).unwrap(), expected);
        }
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
        check(r#"{"path":"x[password eq \"s3\"]","a":1}"#, r#"{"path":"null","a":1}"#);
        check(r#"{"filter":"password sw \"s\" and a pr"}"#, r#"{"filter":"null"}"#);
    }

    #[test]
    fn typing_errors_do_not_store_a_password() {
        for path in [" password", "password ", "\\u00a0password", "/password", "\\\"password\\\""] {
            let body = format!(r#"{{"path":"{path}","value":"hunter2"}}"#);
            let cut = cut_body(body.as_bytes(), &secrets()).into_owned();
            assert!(!String::from_utf8(cut).unwrap().contains("hunter2"), "{path}");
        }
        for body in [
            r#"{"path":"password[x eq \"a:b\"]","value":"hunter2"}"#,
            r#"{"op":"remove","path":"password[value eq \"hunter2\"]"}"#,
            r#"{"op":"remove","path":"password=hunter2"}"#,
            r#"{"path":["password"],"value":"hunter2"}"#,
            r#"{" path ":"password"," value":"hunter2"}"#,
            r#"{" password":"hunter2","password\t":"hunter2"}"#,
            r#"{"password[x eq \"a:b\"]":"hunter2"}"#,
            r#"{"path":"members[value eq \"a:b\"]","value":{"display":"hunter2"}}"#,
            r#"{"members[value eq \"a:b\"]":[{"display":"hunter2"}]}"#,
        ] {
            let cut = cut_body(body.as_bytes(), &secrets()).into_owned();
            assert!(!String::from_utf8(cut).unwrap().contains("hunter2"), "{body}");
        }
    }

    #[test]
    fn names_of_secrets_may_hold_what_names_may_hold() {
        let schema = r#"{"id": "urn:x:1", "attributes": [
            {"name": "pin-code", "mutability": "writeOnly", "returned": "never"},
            {"name": "api_key", "mutability": "writeOnly", "returned": "never"}]}"#;
        let secrets = Secrets::of(&Registry::parse(&[schema], &[]).unwrap());
        for body in [
            r#"{"urn:x:1":{"PIN-code":"hunter2"}}"#,
            r#"{"path":"urn:x:1:api_key","value":"hunter2"}"#,
            r#"{"urn:x:1:Api_Key":"hunter2","newPassword":"hunter2","pass_word":"hunter2"}"#,
            r#"{"op":"replace","value":"{\"password\":\"hunter2\"}"}"#,
            r#"{"op":"replace","value":"{\"pass\\u0077ord\":\"hunter2\"}"}"#,
            r#"[{"name":"password","value":"hunter2"}]"#,
            r#"{"op":"password","value":"hunter2"}"#,
        ] {
            let cut = cut_body(body.as_bytes(), &secrets).into_owned();
            assert!(!String::from_utf8(cut).unwrap().contains("hunter2"), "{body}");
        }
        let target = "/Users?filter=urn:x:1:api_key%20eq%20%22hunter2%22";
        assert!(!cut_target(target, &secrets, &[], 200).contains("hunter2"));
        assert!(!secrets.names("shipping code"));
    }

    #[test]
    fn tokens_are_known_by_their_shape() {
        let token = format!("plg_{}", "0a".repeat(32));
        let escaped = token.replace('p', "%70");
        let target = |text: &str| cut_target(text, &secrets(), &["Presented".into()], 200);
        assert_eq!(target(&format!("/Users/{token}")), "/Users/null");
        assert_eq!(target(&format!("/Users/{escaped}?x=1")), "/Users/null?x=1");
        let twice = escaped.replace('%', "%25");
        assert_eq!(target(&format!("/Users/{twice}?x={twice}")), "/Users/null?x=null");
        assert!(!target(&format!("/Users?filter=userName eq \"{token}\"")).contains("0a0a"));
        assert_eq!(target("/Users/Presented"), "/Users/null");
        assert!(json_holds_token(&serde_json::json!({"a": [{"b": token}]})));
        assert!(json_holds_token(&serde_json::json!({ token: 1 })));
        assert!(!json_holds_token(&serde_json::json!({"a": "plg_"})));
    }

    #[test]
    fn a_request_tells_its_secrets() {
        let check = |body: Value, expected: &[&str]| {
            assert_eq!(secrets_of(&body, &secrets()), expected, "{body}");
        };
        check(serde_json::json!({"userName": "mira", "password": "hunter2"}), &["hunter2"]);
        check(serde_json::json!({"userName": "mira", "password": "mira"}), &[]);
        check(serde_json::json!({"userName": "mira@x.example", "PassWord": "mira"}), &[]);
        check(serde_json::json!({"password": "abc"}), &[]);
        let patch = serde_json::json!({"Operations": [
            {"op": "replace", "path": "password", "value": "hunter2"},
            {"op": "add", "value": {"Password": ["hunter3"], "title": "x"}}]});
        check(patch, &["hunter2", "hunter3"]);
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
        unchanged(r#"{"passages":"no such attribute","path":"displayName"}"#);
        unchanged(r#"{"displayName":"Password admins","title":"a: b"}"#);
    }

    #[test]
    fn queries_lose_tokens_and_secret_literals() {
        let check = |target: &str, expected: &str| {
            assert_eq!(cut_target(target, &secrets(), &[], 200), expected);
        };
        check("/Users?filter=userName%20eq%20%22m%22", "/Users?filter=userName%20eq%20%22m%22");
        check("/Users?filter=Password+eq+%22s3%22&count=1", "/Users?filter=null&count=1");
        check("/Users?filter=password=\"s3\"", "/Users?filter=null");
        check(
            "/Users?access_token=abc&Auth-Token=x&a",
            "/Users?access_token=null&Auth-Token=null&a",
        );
        check("/Users?%20password=s3", "/Users?%20password=null");
        check("/Users?count=1;password=s3", "/Users?count=null");
        assert_eq!(cut_target("/ääää", &secrets(), &[], 4), "/ä…");
    }

    #[test]
    fn no_text_makes_the_scanners_panic() {
        for text in ["\"\\", "\"ä\\ä", "{", "{\"", "{\"a\"", "[1,", "{\"path\":\"", "%", "%4", "\\"]
        {
            let _ = cut_body(text.as_bytes(), &secrets());
            let _ = cut_target(text, &secrets(), &[], 9);
            let _ = cut_path(text, &secrets());
            let _ = cut_quoted(text);
        }
    }

    /// What the quick look passes over, the whole one finds nothing in.
    #[test]
    fn every_body_with_something_to_cut_shows_it_at_a_glance() {
        let secrets = Secrets::of(Registry::core());
        let names = [
            "password",
            "PassWord",
            "pass-word",
            "p.a.s.s.w.o.r.d",
            "\u{ff50}assword",
            "userName",
            "members",
            "MEMBERS",
            "urn:x:Members[value eq \"a\"]",
            "member s",
            "m\u{e9}mbers",
            "display",
            "path",
            "value",
            "passw\\u006frd",
            "a=password",
            "stra\u{df}e",
            "",
        ];
        let mut random = 7_u64;
        let mut one = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            names[(random >> 33) as usize % names.len()].replace('"', "\\\"")
        };
        let mut cut = 0;
        for _ in 0..20_000 {
            let (a, b, c, d) = (one(), one(), one(), one());
            let json = format!(r#"{{"{a}":"{b}","{c}":[{{"{d}":"hunter2","display":"x"}}]}}"#);
            let mut scanner =
                Scanner { json: json.as_bytes(), at: 0, secrets: &secrets, cuts: Vec::new() };
            scanner.value(false);
            if !scanner.cuts.is_empty() {
                cut += 1;
                assert!(secrets.may_be_in(json.as_bytes()), "{json}");
            }
        }
        assert!(cut > 5_000, "{cut}");
    }
}
