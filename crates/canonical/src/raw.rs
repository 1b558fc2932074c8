//! Reads canonical JSON text where it lies, without parsing it: finds members of objects and elements of
//! lists, and exchanges members.
//!
//! The text comes from [`crate::object`] or another writer of the same form, so it is not checked. Text
//! that was damaged gives [`Damaged`], `None` or wrong values, but nothing here panics, recurses or runs
//! for ever.
//!
//! Names are compared in their escaped form where that is enough: each name has only one.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// The text is not canonical JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not canonical JSON")
    }
}

impl std::error::Error for Damaged {}

/// The members of an object in their order: each name between its quotes and still escaped, and the text
/// of the value.
pub fn members(object: &[u8]) -> Members<'_> {
    Members(Items::of(object, b'{'))
}

/// The texts of the elements of a list.
pub fn elements(list: &[u8]) -> Elements<'_> {
    Elements(Items::of(list, b'['))
}

/// See [`members`]. Ends after an error.
#[derive(Clone, Debug)]
pub struct Members<'a>(Items<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(|items| {
            let (text, from) = (items.text, items.at);
            if text.get(from) != Some(&b'"') {
                return None;
            }
            let name_end = string_end(text, from)?;
            if text.get(name_end) != Some(&b':') {
                return None;
            }
            items.at = value_end(text, name_end + 1)?;
            Some((&text[from + 1..name_end - 1], &text[name_end + 1..items.at]))
        })
    }
}

/// See [`elements`]. Ends after an error.
#[derive(Clone, Debug)]
pub struct Elements<'a>(Items<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(|items| {
            let from = items.at;
            items.at = value_end(items.text, from)?;
            Some(&items.text[from..items.at])
        })
    }
}

/// What stands between two brackets, with commas between.
#[derive(Clone, Debug)]
struct Items<'a> {
    text: &'a [u8],
    /// Behind the opening bracket, or behind an item.
    at: usize,
    open: u8,
    ended: bool,
}

impl<'a> Items<'a> {
    fn of(text: &'a [u8], open: u8) -> Items<'a> {
        Items { text, at: 0, open, ended: false }
    }

    fn next<T>(
        &mut self,
        item: impl FnOnce(&mut Items<'a>) -> Option<T>,
    ) -> Option<Result<T, Damaged>> {
        if self.ended {
            return None;
        }
        let read = self.begin().and_then(|more| match more {
            true => item(self).map(Some),
            false => Some(None),
        });
        self.ended = !matches!(read, Some(Some(_)));
        match read {
            Some(item) => item.map(Ok),
            None => Some(Err(Damaged)),
        }
    }

    /// Whether an item begins; false at the end. `None` if neither is so.
    fn begin(&mut self) -> Option<bool> {
        // In ASCII, both closing brackets stand two places behind their opening ones.
        let close = self.open + 2;
        let (first, byte) = match self.at {
            0 if *self.text.first()? == self.open => (true, *self.text.get(1)?),
            0 => return None,
            at => (false, *self.text.get(at)?),
        };
        self.at += usize::from(first);
        if byte == close {
            return (self.at + 1 == self.text.len()).then_some(false);
        }
        if !first {
            if byte != b',' {
                return None;
            }
            self.at += 1;
        }
        Some(true)
    }
}

/// The text of an object's member with this plain name.
pub fn get<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let name = escaped(name);
    let mut members = members(object).map_while(Result::ok);
    members.find(|(one, _)| *one == &*name).map(|(_, value)| value)
}

/// The texts of several members, each under a plain name, in one pass.
pub fn get_all<'a, const N: usize>(object: &'a [u8], names: [&str; N]) -> [Option<&'a [u8]>; N] {
    let mut found = [None; N];
    let mut missing = N;
    for (name, value) in members(object).map_while(Result::ok) {
        if let Some(place) = names.iter().position(|wanted| wanted.as_bytes() == name)
            && found[place].is_none()
        {
            found[place] = Some(value);
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    found
}

/// What a value says if it is a string.
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    match plain_end(inner) {
        end if end == inner.len() => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
        _ => serde_json::from_slice(value).ok().map(Cow::Owned),
    }
}

/// What a value says if it is `true` or `false`.
pub fn flag(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// Visits the strings of one part in the elements of a list: the `value` of each of `emails`. Nothing
/// else in the list counts.
pub fn each_text<'a>(list: &'a [u8], part: &str, mut visit: impl FnMut(Cow<'a, str>)) {
    let texts = elements(list).map_while(Result::ok).filter_map(|one| text(get(one, part)?));
    texts.for_each(&mut visit);
}

/// Appends an object to `out` with other members: each change gives the new value's text under its plain
/// name; `None` leaves the member out. Of several changes under one name the last counts.
///
/// # Errors
/// If `object` is damaged. `out` is then as it was.
pub fn with(
    object: &[u8],
    changes: &[(&str, Option<&[u8]>)],
    out: &mut Vec<u8>,
) -> Result<(), Damaged> {
    let mut sorted = Vec::new();
    let mut changes = changes;
    if !changes.is_sorted_by(|(one, _), (next, _)| one < next) {
        // The last of a name comes first, so that it is kept.
        sorted.extend(changes.iter().rev().copied());
        sorted.sort_by_key(|(name, _)| *name);
        sorted.dedup_by_key(|(name, _)| *name);
        changes = &sorted;
    }
    let from = out.len();
    let added: usize =
        changes.iter().map(|(name, new)| name.len() + new.map_or(0, <[u8]>::len)).sum();
    out.reserve(object.len() + added + 4 * changes.len());
    out.push(b'{');
    let mut changes = changes.iter().map(|(name, new)| (escaped(name), *new)).peekable();
    for member in members(object) {
        let Ok((name, value)) = member else {
            out.truncate(from);
            return Err(Damaged);
        };
        while let Some((own, new)) = changes.next_if(|(own, _)| order(own, name).is_lt()) {
            new.into_iter().for_each(|new| put(out, &own, new));
        }
        match changes.next_if(|(own, _)| **own == *name) {
            Some((_, new)) => new.into_iter().for_each(|new| put(out, name, new)),
            None => put(out, name, value),
        }
    }
    for (own, new) in changes {
        new.into_iter().for_each(|new| put(out, &own, new));
    }
    match out.last_mut() {
        Some(last) if *last == b',' => *last = b'}',
        _ => out.push(b'}'),
    }
    Ok(())
}

/// Appends a member and a comma. The name is escaped already.
fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
    out.push(b',');
}

/// A name as it stands between the quotes.
pub fn escaped(name: &str) -> Cow<'_, [u8]> {
    if plain_end(name.as_bytes()) == name.len() {
        return Cow::Borrowed(name.as_bytes());
    }
    // Writing a string to memory cannot fail.
    let quoted = serde_json::to_vec(name).unwrap_or_default();
    Cow::Owned(quoted.get(1..quoted.len() - 1).unwrap_or_default().to_vec())
}

/// What an escaped name says; `None` if it is damaged.
pub fn name(escaped: &[u8]) -> Option<Cow<'_, str>> {
    match escaped.contains(&b'\\') {
        false => std::str::from_utf8(escaped).ok().map(Cow::Borrowed),
        true => {
            let quoted = [b"\"", escaped, b"\""].concat();
            serde_json::from_slice(&quoted).ok().map(Cow::Owned)
        }
    }
}

/// The order of two escaped names, which is that of the names without escapes.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    if !one.contains(&b'\\') && !other.contains(&b'\\') {
        return one.cmp(other);
    }
    name(one).cmp(&name(other))
}

/// The end of the string whose opening quote stands at a place.
fn string_end(text: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        at += plain_end(text.get(at..)?);
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

/// The end of the value that begins at a place.
fn value_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    let mut depth = 0_usize;
    loop {
        match *text.get(at)? {
            b'"' => {
                at = string_end(text, at)?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 1 => depth -= 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' | b',' if depth == 0 => return (at > from).then_some(at),
            _ => {}
        }
        at += 1;
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where a text first has a quote, a backslash or a control character, or its length: what stands before
/// is the same with and without escapes.
pub fn plain_end(text: &[u8]) -> usize {
    // Eight bytes at once. A byte that is found may make those behind it look found too, never one
    // before it; so the first one is right.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = text.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let found = controls | quotes | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return place * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    text.len() - rest.len() + rest.iter().position(is_end).unwrap_or(rest.len())
}
