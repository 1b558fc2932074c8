//! Removes repetitions.
//!
//! Some forms repeat facts: the envelope repeats the time, old members repeat the status. A repetition
//! that agrees with the entry's own member is dropped, one whose member is empty is moved there, and
//! one that disagrees is kept where it was.

use serde_json::{Map, Value};

use super::shape::{self, Path, Reading, Shape};

/// A member that repeats another.
pub(super) struct Claim {
    /// Its name, in any letter case.
    pub name: &'static str,
    /// The member of the entry that it repeats.
    pub place: &'static str,
    pub shape: Shape,
    /// Whether it may be moved to an empty place.
    pub fills: bool,
}

/// Moves the envelope's repetitions into the body, or drops them.
pub(super) fn settle(
    body: &mut Map<String, Value>,
    envelope: &mut Map<String, Value>,
    claims: &[Claim],
    reading: &Reading,
) {
    for claim in claims {
        let Some((name, given)) = take(envelope, claim.name) else { continue };
        let mut value = given.clone();
        // A repetition that cannot be read is no reason to refuse the entry.
        let mut apart = Reading::of(reading.dates);
        let read = shape::value(&mut value, &claim.shape, false, &Path::Record, &mut apart);
        let is_read = read.is_ok() && apart.irregular.is_empty();
        let place = body.entry(claim.place).or_insert(Value::Null);
        let settled =
            is_read && (value.is_null() || *place == value || (place.is_null() && claim.fills));
        if settled && place.is_null() {
            *place = value;
        }
        if !settled {
            envelope.insert(name, given);
        }
    }
}

/// Removes a member, whatever its letter case.
pub(super) fn take(members: &mut Map<String, Value>, name: &str) -> Option<(String, Value)> {
    let found = members.keys().find(|other| other.eq_ignore_ascii_case(name))?.clone();
    members.remove_entry(&found)
}

/// If the claim does not contradict the place, fills the place's empty members from it. Returns whether
/// it did, so that the claim can be dropped.
pub(super) fn covers(place: &mut Value, claim: &Value) -> bool {
    let agrees = agrees(place, claim);
    if agrees {
        fill(place, claim);
    }
    agrees
}

fn agrees(place: &Value, claim: &Value) -> bool {
    match (place, claim) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(place), Value::Object(claim)) => claim
            .iter()
            .all(|(name, claim)| place.get(name).is_none_or(|place| agrees(place, claim))),
        (place, claim) => place == claim,
    }
}

fn fill(place: &mut Value, claim: &Value) {
    match (place, claim) {
        (place @ Value::Null, claim) => place.clone_from(claim),
        (Value::Object(place), Value::Object(claim)) => {
            for (name, claim) in claim {
                fill(place.entry(name.clone()).or_insert(Value::Null), claim);
            }
        }
        _ => {}
    }
}

/// Stores the rest of the envelope under `envelope`, and the unreadable parts under `irregular`.
pub(super) fn keep(
    body: &mut Map<String, Value>,
    envelope: Map<String, Value>,
    irregular: Map<String, Value>,
) {
    keep_under("envelope", body, envelope);
    keep_under("irregular", body, irregular);
}

fn keep_under(place: &str, body: &mut Map<String, Value>, mut kept: Map<String, Value>) {
    if kept.is_empty() {
        return;
    }
    match body.remove(place) {
        Some(Value::Object(inner)) => {
            for (name, value) in inner {
                kept.entry(name).or_insert(value);
            }
        }
        Some(other) => {
            kept.entry(place).or_insert(other);
        }
        None => {}
    }
    body.insert(place.to_owned(), Value::Object(kept));
}
