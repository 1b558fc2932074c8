//! The gate cuts secrets out of every draft before it is stored: our own tokens, secrets that were
//! registered with the gate, and values that a text itself calls a password.
//!
//! Whoever makes a draft cuts the secrets they know of. The gate looks at all texts of the draft, however
//! they got there, so a path into the log that nobody thought of is covered too. It changes texts only,
//! never numbers, codes or the shape of a draft.
//!
//! The committer passes every draft through the gate, and only the committer makes events. Deciding
//! waits for that, so long texts pass earlier, in the task of their request: [`Gate::passed`] makes a
//! [`Passed`], which nothing else can make.
//!
//! After a cut a text is checked again, because undoing escapes can reveal another secret. Should the
//! gate miss a token, [`cut_tokens`] cuts it from the event, so that the event is not lost.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use event::{Changes, Content, Event, Values, secret};
use serde_json::Value;

use crate::draft::{Draft, PassedPart};
use texts::Visit;

mod texts;

/// How many registered secrets are kept; a new one replaces the oldest.
const KNOWN_MAX: usize = 256;
/// How often a text is checked again after a cut. A text that still holds a secret then is cut whole.
const LOOKS_MAX: usize = 4;
/// How deep JSON is parsed within strings of JSON.
const TEXTS_DEEP_MAX: usize = 4;
/// An attribute whose name ends so is secret.
const PASSWORD: &str = "password";
/// What replaces a secret.
const CUT: &str = "null";
/// Words in the names of query parameters that usually carry secrets (RFC 6750 §2.3).
const PARAMETERS: [&str; 6] = ["token", "secret", "authorization", "apikey", "key", PASSWORD];
/// In an object that names an attribute by one of these members, the `NAMED` members hold its values.
const NAMING: [&str; 4] = ["displayname", "name", "path", "attribute"];
const NAMED: [&str; 3] = ["value", "oldvalue", "newvalue"];
/// The operators of a filter that compare an attribute with a value.
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// Knows what must not be stored. It holds secrets, so it has no `Debug`.
#[derive(Default)]
pub struct Gate {
    /// Names of secret attributes beside `password`: their letters and digits, in lower case.
    names: RwLock<Vec<String>>,
    known: RwLock<Vec<String>>,
    /// How many names and secrets were added.
    learnt: AtomicU64,
}

/// The content of a part that has passed the gate.
#[derive(Clone, Debug)]
pub struct Passed {
    content: Content,
    /// The gate's count at that time. If it has grown by the time of storing, the content passes again.
    learnt: u64,
    /// It is a body in which nothing is secret by its form.
    is_plain: bool,
}

impl Passed {
    pub(crate) fn into_content(self) -> Content {
        self.content
    }
}

impl Gate {
    /// From now on cuts the values of attributes of this name, wherever a text names them.
    pub fn add_name(&self, name: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let name = squashed(name);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
            self.learnt.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// From now on cuts this secret, such as an upstream's token, which the upstream may repeat in its
    /// answers. Secrets of less than [`secret::KNOWN_BYTES_MIN`] bytes are ignored. Only the last 256 are
    /// kept.
    pub fn add_secret(&self, secret: &str) {
        let is_last = |known: &[String]| known.last().is_some_and(|one| one == secret);
        if secret.len() < secret::KNOWN_BYTES_MIN
            || is_last(&self.known.read().unwrap_or_else(PoisonError::into_inner))
        {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known.iter().position(|one| one == secret) {
            // Already known, so nothing needs to pass again.
            known[place..].rotate_left(1);
            return;
        }
        if known.len() >= KNOWN_MAX {
            known.remove(0);
        }
        known.push(secret.to_owned());
        self.learnt.fetch_add(1, Ordering::SeqCst);
    }

    /// The secrets that were added.
    pub fn known(&self) -> Vec<String> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a text holds no secret.
    pub fn lets_pass(&self, text: &str) -> bool {
        let mut passed = text.to_owned();
        self.passing(|passing| passing.text(&mut passed));
        passed == text
    }

    /// Cuts every secret out of a part's content, in time that grows with its length.
    pub fn passed(&self, mut content: Content) -> Passed {
        let learnt = self.passing(|passing| {
            texts::of_content(&mut content, passing);
            passing.learnt
        });
        Passed { content, learnt, is_plain: false }
    }

    /// The same of a content in which nothing is secret by its form, unless it has something that only the
    /// gate knows: then `None`.
    pub fn passed_plain(&self, content: Content) -> Option<Passed> {
        let Content::Body(json) = &content else { return None };
        let learnt = self.passing(|passing| {
            (!secret::stands_in(json, passing.known)).then_some(passing.learnt)
        })?;
        Some(Passed { content, learnt, is_plain: true })
    }

    /// Cuts every secret out of a draft.
    pub(crate) fn pass(&self, draft: &mut Draft) {
        self.passing(|passing| {
            draft.origin.iter_mut().for_each(|origin| texts::of_origin(origin, passing));
            texts::of_fact(&mut draft.fact, passing);
            // The state of a new resource has only texts of its body.
            let plain =
                |part: &PassedPart| part.content.is_plain && part.content.learnt == passing.learnt;
            let has_plain_body = draft.passed.iter().any(plain);
            let parts = draft.parts.iter_mut().map(|part| &mut part.content);
            parts
                .filter(|content| !(has_plain_body && is_state(content)))
                .for_each(|content| texts::of_content(content, passing));
            let passed = draft.passed.iter_mut().map(|part| &mut part.content);
            passed.filter(|passed| passed.learnt != passing.learnt).for_each(|passed| {
                texts::of_content(&mut passed.content, passing);
                passed.learnt = passing.learnt;
            });
        });
    }

    fn passing<T>(&self, pass: impl FnOnce(&Passing<'_>) -> T) -> T {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        // The count belongs to what is read here: it is only raised under one of these two locks.
        let learnt = self.learnt.load(Ordering::SeqCst);
        pass(&Passing { known: &known, names: &names, learnt })
    }
}

/// Whether a content is the whole state of a resource.
fn is_state(content: &Content) -> bool {
    matches!(content, Content::Changes(Changes { mention: None, values: Values::State(_), .. }))
}

/// Cuts our tokens out of all texts of an event, names included, in case the gate missed one.
pub(crate) fn cut_tokens(event: &mut Event) {
    event.header.origin.iter_mut().for_each(|origin| texts::of_origin(origin, &LastLook));
    texts::of_fact(&mut event.header.fact, &LastLook);
    event.parts.iter_mut().for_each(|part| texts::of_content(&mut part.content, &LastLook));
}

struct LastLook;

impl Visit for LastLook {
    fn text(&self, text: &mut String) {
        replace(text, |text| secret::cut(text, &[]));
    }

    fn name(&self, name: &mut String) {
        self.text(name);
    }

    fn address(&self, address: &mut String) {
        self.text(address);
    }

    fn body(&self, json: &mut Vec<u8>) {
        cut_strings(json, &[]);
    }

    fn json(&self, json: &mut Vec<u8>) {
        cut_strings(json, &[]);
    }
}

struct Passing<'a> {
    known: &'a [String],
    names: &'a [String],
    /// The gate's count of names and secrets.
    learnt: u64,
}

impl Visit for Passing<'_> {
    fn text(&self, text: &mut String) {
        for _ in 0..LOOKS_MAX {
            replace(text, |text| secret::cut(text, self.known));
            match self.without_named(text, 0) {
                Some(cut) => *text = cut,
                None => return,
            }
        }
        *text = CUT.to_owned();
    }

    fn name(&self, _: &mut String) {}

    fn address(&self, address: &mut String) {
        self.without_parameters(address);
    }

    /// Cuts tokens and known secrets in its strings.
    fn body(&self, json: &mut Vec<u8>) {
        cut_strings(json, self.known);
    }

    /// Cuts those, and the values of secret attributes.
    fn json(&self, json: &mut Vec<u8>) {
        for _ in 0..LOOKS_MAX {
            cut_strings(json, self.known);
            let Ok(text) = std::str::from_utf8(json) else { return };
            if !self.may_name(text) {
                return;
            }
            let Ok(mut value) = serde_json::from_str::<Value>(text) else { return };
            if !self.hide(&mut value, 0) {
                return;
            }
            // Written again it has fewer escapes, so check again.
            *json = canonical::json(&value);
        }
        *json = CUT.as_bytes().to_vec();
    }
}

impl Passing<'_> {
    /// Cuts a path and query: the values of secret parameters, path segments that name a secret
    /// attribute, and the secrets of any text.
    fn without_parameters(&self, address: &mut String) {
        replace(address, |address| secret::cut(address, self.known));
        let (path, query) = match address.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (address.as_str(), None),
        };
        let segments = path.split('/').map(|segment| match self.names_within(segment) {
            true => "null",
            false => segment,
        });
        let mut cut = segments.collect::<Vec<_>>().join("/");
        if let Some(query) = query {
            let parameters = query.split('&').map(|parameter| match self.is_secret(parameter) {
                true => format!("{}=null", parameter.split('=').next().unwrap_or_default()),
                false => parameter.to_owned(),
            });
            cut = format!("{cut}?{}", parameters.collect::<Vec<_>>().join("&"));
        }
        replace(&mut cut, |address| secret::cut(address, self.known));
        *address = cut;
    }

    /// Whether a query parameter carries a secret.
    fn is_secret(&self, parameter: &str) -> bool {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = secret::plain(name);
        let mut words = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        !value.is_empty()
            && value != "null"
            && (self.is_name(&name)
                || words.any(|word| PARAMETERS.contains(&word.as_str()))
                || self.names_within(value))
    }

    /// Whether a piece of an address assigns a value to a secret attribute, or compares it with one.
    fn names_within(&self, piece: &str) -> bool {
        let plain = secret::plain(&piece.replace('+', " "));
        self.without_named(&plain, 0).is_some() || self.compares(&plain)
    }

    /// Whether a text is a filter over a secret attribute (RFC 7644 §3.4.2.2).
    fn compares(&self, text: &str) -> bool {
        let mut words = text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let operator = words.peek().map(|word| word.to_lowercase()).unwrap_or_default();
            // The left operand; in a value filter the path before the bracket counts too.
            let mut names = word.split(['(', '[', '"']).filter(|name| !name.is_empty());
            if OPERATORS.contains(&operator.as_str()) && names.any(|name| self.is_name(name)) {
                return true;
            }
        }
        false
    }

    /// Whether an attribute with this name or path is secret.
    fn is_name(&self, name: &str) -> bool {
        let name = squashed(name);
        let mut rest = name.as_str();
        loop {
            if rest.ends_with(PASSWORD) || self.names.iter().any(|one| rest.ends_with(one)) {
                return true;
            }
            // Strip an index or `value` at the end (`passwords.value`, `password2`) and look again.
            let shorter = rest.strip_suffix(|c: char| c.is_ascii_digit());
            match shorter.or_else(|| rest.strip_suffix("value")) {
                Some(shorter) => rest = shorter,
                None => return false,
            }
        }
    }

    /// A quick check: whether a text may contain the value of a secret attribute.
    fn may_name(&self, text: &str) -> bool {
        if !text.contains(['{', '[', '=', ':', '>']) {
            return false;
        }
        let names =
            |text: &str| holds(text, PASSWORD) || self.names.iter().any(|name| holds(text, name));
        text.contains("\\u") || names(text) || (text.contains('%') && names(&secret::plain(text)))
    }

    /// The text without the values of secret attributes, in JSON or as `password=…`; `None` if it has
    /// none. If the name was only found after percent-decoding, the result is percent-decoded.
    fn without_named(&self, text: &str, depth: usize) -> Option<String> {
        self.without_said(text, depth).or_else(|| {
            let plain = text.contains('%').then(|| secret::plain(text))?;
            self.without_said(&plain, depth)
        })
    }

    fn without_said(&self, text: &str, depth: usize) -> Option<String> {
        if !self.may_name(text) {
            return None;
        }
        if depth < TEXTS_DEEP_MAX
            && text.trim_start().starts_with(['{', '[', '"'])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            return self.hide(&mut value, depth).then(|| canonical::text(&value));
        }
        self.without_assigned(text)
    }

    /// Cuts a text that is not JSON, or nested too deep, at the first value of a secret attribute: after
    /// `=`, after a colon behind a quoted name, or after an XML tag. A colon behind an unquoted name is
    /// prose: "Password: admins".
    fn without_assigned(&self, text: &str) -> Option<String> {
        for (at, sign) in text.match_indices(['=', ':', '>']) {
            let before = text[..at].trim_end();
            let name = before.trim_end_matches(['"', '\'', '\\']);
            if sign == ":" && name.len() == before.len() {
                continue;
            }
            let begin = name
                .char_indices()
                .rev()
                .take_while(|(_, c)| c.is_alphanumeric() || "-_.$:".contains(*c))
                .last();
            let begin = begin.map_or(name.len(), |(begin, _)| begin);
            if sign == ">" && !name[..begin].ends_with('<') {
                continue;
            }
            if !self.is_name(&name[begin..]) {
                continue;
            }
            // Trim the front only: trimming the end each time would cost as much as the whole text.
            let rest = text[at + 1..].trim_start();
            if !rest.is_empty() && !is_null(rest) {
                return Some(format!("{}null", &text[..=at]));
            }
        }
        None
    }

    /// Cuts within a JSON value; returns whether there was something to cut.
    fn hide(&self, value: &mut Value, depth: usize) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::String(text) => match self.without_named(text, depth + 1) {
                Some(cut) => {
                    *text = cut;
                    true
                }
                None => false,
            },
            Value::Array(items) => {
                items.iter_mut().fold(false, |hidden, one| self.hide(one, depth) | hidden)
            }
            Value::Object(members) => {
                let names_secret = members.iter().any(|(name, value)| {
                    NAMING.contains(&name.to_lowercase().as_str())
                        && value.as_str().is_some_and(|text| self.is_name(text))
                });
                let mut hidden = false;
                // A member's name can be JSON too.
                let names: Vec<_> = members.keys().cloned().collect();
                for name in names {
                    if let Some(cut) = self.without_named(&name, depth + 1)
                        && let Some(value) = members.remove(&name)
                    {
                        members.insert(cut, value);
                        hidden = true;
                    }
                }
                for (name, value) in members {
                    let is_named = names_secret && NAMED.contains(&name.to_lowercase().as_str());
                    if is_named || self.is_name(name) {
                        hidden |= !value.is_null();
                        *value = Value::Null;
                    } else {
                        hidden |= self.hide(value, depth);
                    }
                }
                hidden
            }
        }
    }
}

/// Whether a text begins with the word `null`.
fn is_null(text: &str) -> bool {
    let ends = |rest: &str| {
        rest.chars().next().is_none_or(|c| c.is_whitespace() || r#"\"'<>/,;&)]}"#.contains(c))
    };
    text.strip_prefix(CUT).is_some_and(ends)
}

/// Cuts the secrets out of the strings of a JSON text.
fn cut_strings(json: &mut Vec<u8>, known: &[String]) {
    if let Cow::Owned(cut) = secret::cut_json(json, known) {
        // A token outside of the strings means that this is not JSON: keep nothing of it.
        let is_clean = !secret::stands_in(&cut, &[]);
        *json = if is_clean { cut } else { CUT.as_bytes().to_vec() };
    }
}

fn replace(text: &mut String, cut: impl FnOnce(&str) -> Cow<'_, str>) {
    if let Cow::Owned(cut) = cut(text) {
        *text = cut;
    }
}

/// Whether [`squashed`] of a text contains an already squashed word. Runs on every JSON text, so it
/// allocates nothing.
fn holds(text: &str, word: &str) -> bool {
    let first = word.bytes().next().unwrap_or_default();
    // Other characters lower-case to these two as well: the Kelvin sign and the dotted capital I.
    if !first.is_ascii() || matches!(first, b'k' | b'i') {
        return squashed(text).contains(word);
    }
    let begins = |at: usize| {
        let chars = text.get(at..).unwrap_or_default().chars();
        let mut plain = chars.filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        word.chars().all(|wanted| plain.next() == Some(wanted))
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|byte| byte.to_ascii_lowercase() == first))
    {
        at += found;
        if begins(at) {
            return true;
        }
        at += 1;
    }
    word.is_empty()
}

/// The letters and digits of a text, in lower case.
fn squashed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
