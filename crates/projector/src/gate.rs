//! The gate that everything passes before it is stored: no token of ours, no secret that is known as
//! such, no value that a text itself calls a password.
//!
//! Whoever makes a draft cuts what they know of; the gate goes by the texts alone, after whatever
//! decoding made them, so that an entrance that nobody thought of stays closed. It changes texts, and
//! never numbers, codes or the shape of a draft.
//!
//! The committer passes every draft, and nothing else makes events. Deciding waits meanwhile, so what is long
//! passes before, in the task of its request: [`Gate::passed`] makes a [`Passed`], and only the gate can.
//!
//! A text without its secrets is looked at again, for what was taken out of escapes shows what stood
//! in them. And [`cut_tokens`] is the last look at an event: what the gate missed must not cost the record
//! its event.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use event::{Content, Event, secret};
use serde_json::Value;

use crate::draft::Draft;
use texts::Visit;

mod texts;

/// The secrets that are known as such: the newest are kept.
const KNOWN_MAX: usize = 256;
/// A text is looked at so often; of one that still shows something new then, nothing is kept.
const LOOKS_MAX: usize = 4;
/// Texts of JSON within texts of JSON are looked through so deep.
const TEXTS_DEEP_MAX: usize = 4;
/// In any compound it says that a value is secret.
const PASSWORD: &str = "password";
/// What stands where a secret stood.
const CUT: &str = "null";
/// Words in the names of query parameters that carry secrets by custom (RFC 6750 §2.3).
const PARAMETERS: [&str; 6] = ["token", "secret", "authorization", "apikey", "key", PASSWORD];
/// Members of an object of JSON that say what its values are of, and those values.
const NAMING: [&str; 4] = ["displayname", "name", "path", "attribute"];
const NAMED: [&str; 3] = ["value", "oldvalue", "newvalue"];
/// What compares an attribute with a value in a filter.
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// What must not be stored. It has no `Debug`: it holds secrets.
#[derive(Default)]
pub struct Gate {
    /// Names of attributes that are secret beside `password`: letters and digits in lower case.
    names: RwLock<Vec<String>>,
    known: RwLock<Vec<String>>,
    /// Counts what it came to know.
    learnt: AtomicU64,
}

/// What a part holds after it has passed the gate.
#[derive(Clone, Debug)]
pub struct Passed {
    content: Content,
    /// What the gate knew then. It passes again when the gate knows more by the time it is stored.
    learnt: u64,
}

impl Passed {
    pub(crate) fn into_content(self) -> Content {
        self.content
    }
}

impl Gate {
    /// Keeps the values of attributes of this name out of the record, wherever a text names them.
    pub fn add_name(&self, name: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let name = squashed(name);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
            self.learnt.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Keeps a secret out of the record, such as the token of an upstream, which it may repeat. One of
    /// less than [`secret::KNOWN_BYTES_MIN`] bytes is passed over. Of more than `KNOWN_MAX` those are kept that
    /// were given last.
    pub fn add_secret(&self, secret: &str) {
        let is_last = |known: &[String]| known.last().is_some_and(|one| one == secret);
        if secret.len() < secret::KNOWN_BYTES_MIN
            || is_last(&self.known.read().unwrap_or_else(PoisonError::into_inner))
        {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known.iter().position(|one| one == secret) {
            // Known already, so what has passed need not pass again.
            known[place..].rotate_left(1);
            return;
        }
        if known.len() >= KNOWN_MAX {
            known.remove(0);
        }
        known.push(secret.to_owned());
        self.learnt.fetch_add(1, Ordering::SeqCst);
    }

    /// The secrets that are known as such.
    pub fn known(&self) -> Vec<String> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a text passes as it is.
    pub fn lets_pass(&self, text: &str) -> bool {
        let mut passed = text.to_owned();
        self.passing(|passing| passing.text(&mut passed));
        passed == text
    }

    /// What a part may hold of this: every secret is cut. It takes time that grows with the length, in the
    /// thread that asks.
    pub fn passed(&self, mut content: Content) -> Passed {
        let learnt = self.passing(|passing| {
            texts::of_content(&mut content, passing);
            passing.learnt
        });
        Passed { content, learnt }
    }

    /// Cuts every secret out of a draft.
    pub(crate) fn pass(&self, draft: &mut Draft) {
        self.passing(|passing| {
            draft.origin.iter_mut().for_each(|origin| texts::of_origin(origin, passing));
            texts::of_fact(&mut draft.fact, passing);
            draft.parts.iter_mut().for_each(|part| texts::of_content(&mut part.content, passing));
            let passed = draft.passed.iter_mut().map(|(_, passed)| passed);
            passed.filter(|passed| passed.learnt != passing.learnt).for_each(|passed| {
                texts::of_content(&mut passed.content, passing);
                passed.learnt = passing.learnt;
            });
        });
    }

    fn passing<T>(&self, pass: impl FnOnce(&Passing<'_>) -> T) -> T {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        // Both locks are held, and whoever adds to what is behind them counts before they let go.
        let learnt = self.learnt.load(Ordering::SeqCst);
        pass(&Passing { known: &known, names: &names, learnt })
    }
}

/// Cuts the tokens of ours out of an event, wherever they stand and whatever becomes of it: the last
/// look, should the gate have left one.
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
    /// How much the gate knew.
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

    /// Tokens and known secrets in its strings.
    fn body(&self, json: &mut Vec<u8>) {
        cut_strings(json, self.known);
    }

    /// The same, and what its strings name.
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
            // Written anew, it has fewer escapes.
            *json = canonical::json(&value);
        }
        *json = CUT.as_bytes().to_vec();
    }
}

impl Passing<'_> {
    /// Path and query: the values of parameters that carry secrets, and all else of a text.
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

    /// Whether a parameter of a query carries a secret.
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

    /// Whether a piece of an address gives a secret attribute a value, or compares it with one.
    fn names_within(&self, piece: &str) -> bool {
        let plain = secret::plain(&piece.replace('+', " "));
        self.without_named(&plain, 0).is_some() || self.compares(&plain)
    }

    /// Whether a text is a filter over a secret attribute (RFC 7644 §3.4.2.2).
    fn compares(&self, text: &str) -> bool {
        let mut words = text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let operator = words.peek().map(|word| word.to_lowercase()).unwrap_or_default();
            // An operand; in a filter over values the path before the bracket counts as well.
            let mut names = word.split(['(', '[', '"']).filter(|name| !name.is_empty());
            if OPERATORS.contains(&operator.as_str()) && names.any(|name| self.is_name(name)) {
                return true;
            }
        }
        false
    }

    /// Whether an attribute of this name, or of this path, is secret.
    fn is_name(&self, name: &str) -> bool {
        let name = squashed(name);
        let mut rest = name.as_str();
        loop {
            if rest.ends_with(PASSWORD) || self.names.iter().any(|one| rest.ends_with(one)) {
                return true;
            }
            // The value of one, and one of several; a name may end so itself.
            let shorter = rest.strip_suffix(|c: char| c.is_ascii_digit());
            match shorter.or_else(|| rest.strip_suffix("value")) {
                Some(shorter) => rest = shorter,
                None => return false,
            }
        }
    }

    /// Whether a text may say something of the value of a secret attribute.
    fn may_name(&self, text: &str) -> bool {
        if !text.contains(['{', '[', '=', ':', '>']) {
            return false;
        }
        let names =
            |text: &str| holds(text, PASSWORD) || self.names.iter().any(|name| holds(text, name));
        text.contains("\\u") || names(text) || (text.contains('%') && names(&secret::plain(text)))
    }

    /// A text without the values that it itself calls secret: a text of JSON, or `password=…`. None
    /// when there are none. Where only the escapes of addresses hide a name, what is left is without them.
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

    /// A text that is no JSON, or JSON too deep within texts, up to where it gives a secret attribute a
    /// value: behind `=`, behind a colon after a quoted name, or behind a tag of XML. A mere colon is
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
            // From the front alone: each look at the end would cost as much as the whole text.
            let rest = text[at + 1..].trim_start();
            if !rest.is_empty() && !is_null(rest) {
                return Some(format!("{}null", &text[..=at]));
            }
        }
        None
    }

    /// Cuts within a value of JSON; whether there was something to cut.
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
                // A name can be a text of JSON too.
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

/// Whether a text begins with `null` and not with a longer word.
fn is_null(text: &str) -> bool {
    let ends = |rest: &str| {
        rest.chars().next().is_none_or(|c| c.is_whitespace() || r#"\"'<>/,;&)]}"#.contains(c))
    };
    text.strip_prefix(CUT).is_some_and(ends)
}

/// Cuts the secrets out of the strings of a text of JSON.
fn cut_strings(json: &mut Vec<u8>, known: &[String]) {
    if let Cow::Owned(cut) = secret::cut_json(json, known) {
        // What holds a token outside of its strings is no JSON, and nothing of it can be kept.
        let is_clean = !secret::stands_in(&cut, &[]);
        *json = if is_clean { cut } else { CUT.as_bytes().to_vec() };
    }
}

fn replace(text: &mut String, cut: impl FnOnce(&str) -> Cow<'_, str>) {
    if let Cow::Owned(cut) = cut(text) {
        *text = cut;
    }
}

/// Whether [`squashed`] of a text has a squashed word in it. Every text of JSON is asked, so nothing is
/// made of one.
fn holds(text: &str, word: &str) -> bool {
    let first = word.bytes().next().unwrap_or_default();
    // These are what other characters too become in lower case: the Kelvin sign and an I with a dot.
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
