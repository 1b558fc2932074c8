//! Reads a plain body by its plan: notes where the values stand, then writes them in canonical order.

use std::collections::{BTreeSet, HashSet};

use canonical::Document;
use caseless::case_folded;

use super::secrets::{CLASSES, Class, END, PERCENT, SIGN, UNDERSCORE, WIDE, holds, may_hold_token};
use super::{Flat, ListRule, PARTS_MAX, Plan, SLOTS_MAX, Slot, SlotContent, TextRule};
use crate::member::{Member, check_member_id};
use crate::schema::Kind;
use crate::value::{LOOKUP_BYTES_MAX, instant, is_base64};

/// Longer bodies are not plain. Shorter ones keep all limits on the number of values.
const BODY_BYTES_MAX: usize = 256 << 10;
/// Elements of a list; more are not compared here.
const ELEMENTS_MAX: usize = 16;
/// Nesting of what is ignored.
const IGNORED_DEPTH_MAX: usize = 6;
/// Names in an object that is ignored.
const IGNORED_NAMES_MAX: usize = 12;
/// Digits of an integer that surely fits.
const DIGITS_MAX: usize = 18;

pub(super) fn read(
    plan: &Plan,
    body: &[u8],
    id: Option<&str>,
    active: Option<bool>,
) -> Option<Flat> {
    if body.len() > BODY_BYTES_MAX {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader {
        plan,
        text,
        at: 0,
        // Values move, and grow only by what is passed here.
        built: Vec::with_capacity(body.len()),
        members: None,
        lists_schema: false,
        unexpected: BTreeSet::new(),
    };
    let places: [Place; SLOTS_MAX] = reader.values(&plan.slots, None)?;
    reader.space();
    if reader.at != body.len() || (plan.require_schemas && !reader.lists_schema) {
        return None;
    }
    reader.finish(&places, id, active)
}

/// Where a value stands.
#[derive(Clone, Copy, Default)]
struct Place {
    whence: Whence,
    from: u32,
    to: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Whence {
    /// The name did not occur.
    #[default]
    Nowhere,
    /// The name occurred without a value.
    Unassigned,
    /// In the body.
    Body,
    /// Among the values that were written anew.
    Built,
}

impl Place {
    const UNASSIGNED: Place = Place { whence: Whence::Unassigned, from: 0, to: 0 };

    /// Both ends are below `BODY_BYTES_MAX` or not far above it.
    fn of(whence: Whence, from: usize, to: usize) -> Place {
        Place { whence, from: from as u32, to: to as u32 }
    }

    fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }

    fn is_assigned(self) -> bool {
        matches!(self.whence, Whence::Body | Whence::Built)
    }
}

struct Reader<'a> {
    plan: &'a Plan,
    text: &'a str,
    at: usize,
    /// Canonical texts of objects and lists, one after the other; a later one may contain earlier ones.
    built: Vec<u8>,
    members: Option<Vec<Member>>,
    lists_schema: bool,
    unexpected: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    /// The places of an object's values, by slot.
    fn values<const N: usize>(
        &mut self,
        slots: &'a [Slot],
        schema: Option<&'a str>,
    ) -> Option<[Place; N]> {
        let mut places = [Place::default(); N];
        let mut next = 0;
        self.open(b'{')?;
        let mut is_first = true;
        while self.more(b'}', &mut is_first)? {
            let name = self.name()?;
            // Clients mostly send names in an order of their own, but often in that of the slots.
            let at = match slots.get(next) {
                Some(slot) if slot.name == name => next,
                _ => slots.binary_search_by(|slot| slot.name.as_str().cmp(name)).ok()?,
            };
            next = at + 1;
            let (slot, place) = (&slots[at], places.get_mut(at)?);
            if place.whence != Whence::Nowhere {
                return None;
            }
            *place = self.value(slot, schema)?;
            if slot.required && !place.is_assigned() {
                return None;
            }
        }
        Some(places)
    }

    fn value(&mut self, slot: &'a Slot, schema: Option<&'a str>) -> Option<Place> {
        if let SlotContent::Ignored
        | SlotContent::General
        | SlotContent::Schemas
        | SlotContent::Members = slot.content
        {
            match &slot.content {
                SlotContent::Ignored => self.pass_over(IGNORED_DEPTH_MAX)?,
                SlotContent::Schemas => self.schemas()?,
                SlotContent::Members => self.members()?,
                _ => return None,
            }
            return Some(Place::UNASSIGNED);
        }
        if self.skips("null") {
            return Some(Place::UNASSIGNED);
        }
        match &slot.content {
            SlotContent::Text(rule) => {
                let place = self.text(*rule)?;
                self.note(slot, schema, None, None, place);
                Some(place)
            }
            SlotContent::Boolean => {
                let from = self.at;
                if !self.skips("true") && !self.skips("false") {
                    return None;
                }
                let place = Place::of(Whence::Body, from, self.at);
                self.note(slot, schema, None, None, place);
                Some(place)
            }
            SlotContent::Integer => {
                let from = self.at;
                self.integer()?;
                let place = Place::of(Whence::Body, from, self.at);
                self.note(slot, schema, None, None, place);
                Some(place)
            }
            SlotContent::Complex(parts) => {
                let places: [Place; PARTS_MAX] = self.values(parts, None)?;
                self.note_parts(slot, schema, None, parts, &places);
                self.build(parts, &places)
            }
            SlotContent::List(rule) => self.list(slot, rule, schema),
            SlotContent::Extension(slots) => {
                let places: [Place; SLOTS_MAX] = self.values(slots, Some(&slot.name))?;
                self.build(slots, &places)
            }
            _ => None,
        }
    }

    /// Notes a value that the profile does not list.
    fn note(
        &mut self,
        slot: &Slot,
        schema: Option<&str>,
        element_type: Option<&str>,
        sub: Option<&str>,
        place: Place,
    ) {
        if slot.asks_profile && place.is_assigned() {
            let (rt, profile) = (&self.plan.rt, &self.plan.profile);
            let at = (schema, slot.name.as_str());
            profile.note_unexpected(rt, at, element_type, sub, &mut self.unexpected);
        }
    }

    fn note_parts(
        &mut self,
        slot: &Slot,
        schema: Option<&str>,
        element_type: Option<&str>,
        parts: &[Slot],
        places: &[Place; PARTS_MAX],
    ) {
        if slot.asks_profile {
            for (part, place) in parts.iter().zip(places) {
                self.note(slot, schema, element_type, Some(&part.name), *place);
            }
        }
    }

    /// Writes an object; nothing if it has no values. `None` if one is missing that is required.
    fn build(&mut self, slots: &[Slot], places: &[Place]) -> Option<Place> {
        let from = self.built.len();
        let mut is_missing = false;
        self.built.push(b'{');
        for (slot, place) in slots.iter().zip(places) {
            if place.is_assigned() {
                self.put(slot, *place);
            } else {
                is_missing |= slot.required;
            }
        }
        if self.built.len() == from + 1 {
            self.built.pop();
            return Some(Place::UNASSIGNED);
        }
        *self.built.last_mut()? = b'}';
        (!is_missing).then(|| Place::of(Whence::Built, from, self.built.len()))
    }

    /// Appends a member and a comma.
    fn put(&mut self, slot: &Slot, place: Place) {
        self.built.extend_from_slice(&slot.key);
        match place.whence {
            Whence::Built => self.built.extend_from_within(place.range()),
            _ => self.built.extend_from_slice(&self.text.as_bytes()[place.range()]),
        }
        self.built.push(b',');
    }

    fn finish(
        mut self,
        places: &[Place; SLOTS_MAX],
        id: Option<&str>,
        active: Option<bool>,
    ) -> Option<Flat> {
        let plan = self.plan;
        let mut state = Vec::with_capacity(self.text.len() + 96);
        let mut schemas = [b"[\"", plan.rt.schema.as_bytes(), b"\""].concat();
        state.push(b'{');
        for (at, (slot, place)) in plan.slots.iter().zip(places).enumerate() {
            let word;
            let value = match place.whence {
                Whence::Body => &self.text.as_bytes()[place.range()],
                Whence::Built => &self.built[place.range()],
                Whence::Nowhere | Whence::Unassigned if slot.required => return None,
                Whence::Nowhere | Whence::Unassigned => match (id, active) {
                    (Some(id), _) if at == plan.id => {
                        word = serde_json::to_vec(id).ok()?;
                        word.as_slice()
                    }
                    (_, Some(active)) if plan.active == Some(at) => {
                        if slot.asks_profile {
                            let at = (None, slot.name.as_str());
                            let found = &mut self.unexpected;
                            plan.profile.note_unexpected(&plan.rt, at, None, None, found);
                        }
                        if active { b"true".as_slice() } else { b"false".as_slice() }
                    }
                    _ => continue,
                },
            };
            if let SlotContent::Extension(_) = slot.content {
                // The key is the name as JSON, with a colon.
                schemas.push(b',');
                schemas.extend_from_slice(slot.key.strip_suffix(b":")?);
            }
            state.extend_from_slice(&slot.key);
            state.extend_from_slice(value);
            state.push(b',');
        }
        schemas.push(b']');
        match state.last_mut() {
            Some(last) if *last == b',' => *last = b'}',
            _ => state.push(b'}'),
        }
        let state = Document::from_canonical(state);
        Some(Flat { state, schemas, members: self.members, unexpected: self.unexpected })
    }

    fn list(&mut self, slot: &'a Slot, rule: &'a ListRule, schema: Option<&str>) -> Option<Place> {
        self.open(b'[')?;
        let mut elements: Vec<Place> = Vec::new();
        let mut identities: [[Option<&str>; 2]; ELEMENTS_MAX] = Default::default();
        let mut primaries = 0;
        let mut is_first = true;
        while self.more(b']', &mut is_first)? {
            if self.skips("null") {
                continue;
            }
            let places: [Place; PARTS_MAX] = self.values(&rule.parts, None)?;
            let text = self.text;
            let said = |part: Option<usize>| {
                let place = *places.get(part?)?;
                (place.whence == Whence::Body).then(|| &text[place.range()])
            };
            let identity = [said(rule.kind), said(rule.value)];
            // Types are told apart in the list of the profile too.
            let inner = |said: &'a str| said.strip_prefix('"')?.strip_suffix('"');
            self.note_parts(slot, schema, identity[0].and_then(inner), &rule.parts, &places);
            primaries += usize::from(said(rule.primary) == Some("true"));
            let element = self.build(&rule.parts, &places)?;
            if !element.is_assigned() {
                continue;
            }
            let before = &identities[..elements.len()];
            if primaries > 1 || !before.iter().all(|one| is_surely_other(*one, identity)) {
                return None;
            }
            *identities.get_mut(elements.len())? = identity;
            elements.push(element);
        }
        if elements.is_empty() {
            return Some(Place::UNASSIGNED);
        }
        let from = self.built.len();
        self.built.push(b'[');
        for element in elements {
            self.built.extend_from_within(element.range());
            self.built.push(b',');
        }
        *self.built.last_mut()? = b']';
        Some(Place::of(Whence::Built, from, self.built.len()))
    }

    fn text(&mut self, rule: TextRule) -> Option<Place> {
        let from = self.at;
        let (text, class) = self.string()?;
        if text.is_empty() {
            return Some(Place::UNASSIGNED);
        }
        let marks = &self.plan.marks;
        let may_name = rule.is_naming || class & SIGN != 0;
        let fits = match rule.kind {
            Kind::DateTime => instant(text).is_some(),
            Kind::Binary => is_base64(text),
            _ => true,
        };
        let is_plain = text.len() <= rule.bytes_max
            && fits
            && !(may_name && marks.are_in(text))
            && !(rule.is_reference && text.contains('/'));
        // A required text must not be blank; no other may need to be either.
        let is_blank = text.trim().is_empty();
        (is_plain && !is_blank).then(|| Place::of(Whence::Body, from, self.at))
    }

    /// The texts of `schemas`, which only say what is in the body.
    fn schemas(&mut self) -> Option<()> {
        let plan = self.plan;
        self.open(b'[')?;
        let mut is_first = true;
        while self.more(b']', &mut is_first)? {
            let (text, _) = self.string()?;
            let is_extension = |slot: &Slot| {
                slot.name == text && matches!(slot.content, SlotContent::Extension(_))
            };
            let is_own = text == plan.rt.schema;
            self.lists_schema |= is_own || text.eq_ignore_ascii_case(&plan.rt.schema);
            if !is_own && !plan.slots.iter().any(is_extension) && plan.marks.are_in(text) {
                return None;
            }
        }
        Some(())
    }

    fn members(&mut self) -> Option<()> {
        let members = self.members.insert(Vec::new());
        let mut members = std::mem::take(members);
        if !self.skips("null") {
            self.open(b'[')?;
            let mut seen = HashSet::new();
            let mut is_first = true;
            while self.more(b']', &mut is_first)? {
                let member = self.member()?;
                if seen.insert(member.value.clone()) {
                    members.push(member);
                }
            }
        }
        self.members = Some(members);
        Some(())
    }

    /// A member with an id, and perhaps a type and an address.
    fn member(&mut self) -> Option<Member> {
        let (mut value, mut kind, mut address) = (None, None, None);
        self.open(b'{')?;
        let mut is_first = true;
        while self.more(b'}', &mut is_first)? {
            let name = self.name()?;
            let slot = match name {
                "value" => &mut value,
                "type" => &mut kind,
                "$ref" => &mut address,
                _ => return None,
            };
            let is_null = self.skips("null");
            let (text, class) = if is_null { ("", 0) } else { self.string()? };
            // The names of members are secret as well.
            let may_name = class & SIGN != 0
                && (self.plan.marks.are_in(text)
                    || holds(&text.as_bytes().to_ascii_lowercase(), b"display"));
            if may_name || text.len() > LOOKUP_BYTES_MAX || slot.replace(text).is_some() {
                return None;
            }
        }
        let value = value?;
        check_member_id(value).ok()?;
        let kind = kind.filter(|kind| !kind.is_empty()).map(str::to_owned);
        Some(Member { value: value.to_owned(), kind, display: None })
    }

    /// Passes over a value that does not count.
    fn pass_over(&mut self, depth_left: usize) -> Option<()> {
        let depth_left = depth_left.checked_sub(1)?;
        match self.text.as_bytes().get(self.at)? {
            b'"' => {
                let (text, _) = self.string()?;
                return (!self.plan.marks.are_in(text)).then_some(());
            }
            b'[' => {
                self.at += 1;
                let mut is_first = true;
                while self.more(b']', &mut is_first)? {
                    self.pass_over(depth_left)?;
                }
            }
            b'{' => {
                self.at += 1;
                let mut names: [&str; IGNORED_NAMES_MAX] = Default::default();
                let mut count = 0;
                let mut is_first = true;
                while self.more(b'}', &mut is_first)? {
                    let name = self.name()?;
                    let is_odd = self.plan.marks.are_in(name)
                        || holds(&name.as_bytes().to_ascii_lowercase(), b"member")
                        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'$')
                        || super::STEERING.iter().any(|one| one.eq_ignore_ascii_case(name))
                        || names[..count].iter().any(|one| one.eq_ignore_ascii_case(name));
                    if is_odd {
                        return None;
                    }
                    *names.get_mut(count)? = name;
                    count += 1;
                    self.pass_over(depth_left)?;
                }
            }
            b't' | b'f' | b'n' => {
                let is_word = self.skips("true") || self.skips("false") || self.skips("null");
                return is_word.then_some(());
            }
            _ => self.integer()?,
        }
        Some(())
    }

    /// A string without escapes, in which no token can stand, and the classes of its bytes.
    fn string(&mut self) -> Option<(&'a str, Class)> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let from = self.at + 1;
        let mut class = 0;
        let length = bytes[from..].iter().position(|byte| {
            class |= CLASSES[usize::from(*byte)];
            class & END != 0
        })?;
        let end = from + length;
        if bytes[end] != b'"' || class & PERCENT != 0 {
            return None;
        }
        if class & UNDERSCORE != 0 && may_hold_token(&bytes[from..end]) {
            return None;
        }
        self.at = end + 1;
        Some((&self.text[from..end], class & (SIGN | WIDE)))
    }

    /// A name and its colon.
    fn name(&mut self) -> Option<&'a str> {
        let (name, _) = self.string()?;
        self.space();
        if self.text.as_bytes().get(self.at) != Some(&b':') {
            return None;
        }
        self.at += 1;
        self.space();
        Some(name)
    }

    fn integer(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let begins_well = match digits.first()? {
            // -0 is no integer to the reader of JSON.
            b'0' => length == 1 && digits.len() == rest.len(),
            _ => (1..=DIGITS_MAX).contains(&length),
        };
        self.at += rest.len() - digits.len() + length;
        begins_well.then_some(())
    }

    /// Whether a word stands here, which is then passed over.
    fn skips(&mut self, word: &str) -> bool {
        let is_here = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if is_here {
            self.at += word.len();
        }
        is_here
    }

    fn open(&mut self, bracket: u8) -> Option<()> {
        self.space();
        if self.text.as_bytes().get(self.at) != Some(&bracket) {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// Whether another item follows before the closing bracket, which is passed over.
    fn more(&mut self, close: u8, is_first: &mut bool) -> Option<bool> {
        self.space();
        let bytes = self.text.as_bytes();
        match *bytes.get(self.at)? {
            byte if byte == close => {
                self.at += 1;
                return Some(false);
            }
            b',' if !*is_first => {
                self.at += 1;
                self.space();
                if bytes.get(self.at) == Some(&close) {
                    return None;
                }
            }
            _ if !*is_first => return None,
            _ => {}
        }
        *is_first = false;
        Some(true)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }
}

/// Whether two elements of a list, by the JSON of their type and value, cannot be duplicates.
fn is_surely_other(one: [Option<&str>; 2], other: [Option<&str>; 2]) -> bool {
    one.into_iter().zip(other).any(|pair| match pair {
        (None, None) => false,
        (Some(one), Some(other)) => {
            let are_texts = one.starts_with('"') && other.starts_with('"');
            let is_same = match one.is_ascii() && other.is_ascii() {
                true => one.eq_ignore_ascii_case(other),
                false => case_folded(one) == case_folded(other),
            };
            are_texts && !is_same
        }
        _ => true,
    })
}
