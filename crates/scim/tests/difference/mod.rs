//! What we do otherwise than scim2-models, and the clause that decides. Each is proved as far as one
//! operation or one filter allows: what it does not explain is no difference of that name.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Both refuse, with another `scimType`: RFC 7644 §3.12 says what each means, not which of two
    /// faults is told, nor whether a filter in a path is the one or the other.
    Keyword,
    /// Theirs trims a path; RFC 7644 §3.5.2 has no white space in one.
    SpaceInPath,
    /// A `remove` with a value. RFC 7644 §3.5.2.2 gives it no meaning: ours is passed over, except for
    /// a list, where it is the selection that clients mean; theirs is refused if it is no selection.
    RemoveValue,
    /// `add` and `replace` of `members[...]` and `members.x`: RFC 7643 §4.2, a member is `immutable`,
    /// so it is removed and another added; theirs looks at what the operation comes to.
    MemberFixed,
    /// Unknown names in a filter: RFC 7644 §3.4.2.1, as if the attribute had no value; theirs refuses
    /// them in a path.
    UnknownInFilter,
    /// An `add` whose filter matches nothing makes the element in every profile, as clients need;
    /// RFC 7644 §3.5.2.3 asks for `noTarget` of a `replace` alone.
    AddMiss,
    /// A made element whose new value is not what the filter said; RFC 7644 has no such elements.
    NewElementValue,
    /// A part of a list that is not there: RFC 7644 §3.5.2.1, what does not exist is added; theirs
    /// changes nothing.
    PartOfNothing,
    /// `""` and `{}`, and `null` in an `add`, unassign like `null` (RFC 7643 §2.5 names `null` and
    /// `[]`); theirs takes them for values of the wrong type.
    Unassigned,
    /// One value for a list, a list of one for a single value, a text for `value`; RFC 7644 §3.5.2
    /// wants the attribute's type, but clients mix them up.
    LooseShape,
    /// Elements are the same by `type` and `value` (RFC 7643 §2.4), members by `value`; theirs are the
    /// same if all parts are, so they keep both.
    SameElement,
    /// An element left with nothing but `type` and `primary` goes (RFC 7644 §3.5.2.2: with no values
    /// left the attribute is unassigned); theirs stays.
    EmptiedElement,
    /// `replace attr[filter]` with an object: RFC 7644 §3.5.2.3, the matching values are replaced;
    /// theirs are merged.
    ReplacedElement,
    /// `primary` for several elements at once: refused, RFC 7643 §2.4 allows one; theirs lets the last
    /// one have it if another was the primary one before.
    TwoPrimaries,
    /// A `replace` with nothing whose filter matches nothing leaves nothing to do; RFC 7644 §3.5.2.3
    /// asks for `noTarget`, as theirs says, and as ours does where an application wants the letter.
    ClearedMiss,
    /// A `remove` whose filter matches nothing: RFC 7644 §3.12, `noTarget` where an application wants the
    /// letter; theirs has nothing to do.
    RemovedMiss,
    /// A filter on a single complex attribute selects its value, as clients send it; theirs takes
    /// filters for lists alone, which RFC 7644 §3.5.2 does not say.
    FilterOnSingle,
    /// A path that names what no schema has: RFC 7644 §3.12, `noTarget` where an application wants the
    /// letter; theirs passes it over.
    UnknownPath,
    /// `name eq "x"`: an attribute with parts but no `value` (RFC 7643 §2.4) has nothing to compare,
    /// `invalidFilter`; theirs never matches.
    Whole,
    /// An attribute that the type has not: RFC 7644 §3.4.2.1, as if it had no value, so `ne` holds and
    /// it is equal to `null`; theirs never matches.
    UnknownUnassigned,
    /// `meta.created sw "2026-03"`: ours looks at the text; theirs never matches. RFC 7644 §3.4.2.2
    /// says nothing of parts of a dateTime.
    InstantAsText,
    /// `ne` of a list: RFC 7644 §3.4.2.2, it matches if any value does; theirs if all do.
    NotEqualInList,
    /// `null` with a list: ours is about the list having any such value; theirs about each element.
    NullInList,
}

impl Difference {
    /// For the tally.
    pub fn name(self) -> &'static str {
        match self {
            Difference::Keyword => "keyword",
            Difference::SpaceInPath => "space in path",
            Difference::RemoveValue => "remove with value",
            Difference::MemberFixed => "member fixed",
            Difference::UnknownInFilter => "unknown in filter",
            Difference::AddMiss => "add on a miss",
            Difference::NewElementValue => "value of a new element",
            Difference::PartOfNothing => "part of nothing",
            Difference::Unassigned => "unassigned",
            Difference::LooseShape => "loose shape",
            Difference::SameElement => "same element",
            Difference::EmptiedElement => "emptied element",
            Difference::ReplacedElement => "replaced element",
            Difference::TwoPrimaries => "two primaries",
            Difference::ClearedMiss => "cleared on a miss",
            Difference::RemovedMiss => "removed on a miss",
            Difference::FilterOnSingle => "filter on a single value",
            Difference::UnknownPath => "unknown path",
            Difference::Whole => "whole",
            Difference::UnknownUnassigned => "unknown is unassigned",
            Difference::InstantAsText => "instant as text",
            Difference::NotEqualInList => "not equal in a list",
            Difference::NullInList => "null in a list",
        }
    }
}

/// One operation on one resource.
pub struct Step<'a> {
    pub state: &'a State,
    pub create: bool,
    pub operation: &'a Value,
}

/// The path of an operation in pieces: `list[filter].part`, in lower case but for the filter.
struct Pieces<'a> {
    attribute: String,
    filter: Option<&'a str>,
    part: Option<String>,
}

fn pieces(path: &str) -> Pieces<'_> {
    let (head, filter, tail) = match path.split_once('[') {
        Some((head, rest)) => match rest.rsplit_once(']') {
            Some((filter, tail)) => (head, Some(filter), tail.strip_prefix('.')),
            None => (head, Some(rest), None),
        },
        None => match path.rsplit_once(':').map_or(path, |(_, name)| name).split_once('.') {
            Some((_, part)) if path.get(..4) != Some("urn:") || path.contains(':') => {
                (&path[..path.len() - part.len() - 1], None, Some(part))
            }
            _ => (path, None, None),
        },
    };
    Pieces { attribute: head.to_lowercase(), filter, part: tail.map(str::to_lowercase) }
}

/// Why the two differ on an operation.
pub fn of_patch(step: &Step<'_>, ours: &Outcome, theirs: &Outcome) -> Option<Difference> {
    let op = step.operation["op"].as_str()?.to_lowercase();
    let path = step.operation.get("path").and_then(Value::as_str);
    let value = step.operation.get("value");
    let pieces = pieces(path.unwrap_or_default());
    let is_list = ["emails", "roles", "addresses", "members"].contains(&&*pieces.attribute);
    if path.is_some_and(|path| path.trim() != path) && *ours == Err("invalidPath".to_owned()) {
        return Some(Difference::SpaceInPath);
    }
    if op == "remove" && value.is_some_and(|value| !value.is_null()) {
        let is_selection = pieces.filter.is_none() && pieces.part.is_none() && is_list;
        let given = match value? {
            Value::Array(list) => list.as_slice(),
            single => std::slice::from_ref(single),
        };
        let fits = given.iter().all(|one| one.as_object().is_some_and(|one| !one.is_empty()));
        // A member is selected by its id, whatever else is said of it. A selection is checked like a
        // list that is to be kept.
        let is_refused = *ours == Err("invalidValue".to_owned());
        if !is_selection || !fits || pieces.attribute == "members" || is_refused {
            return Some(Difference::RemoveValue);
        }
    }
    let is_member_changed =
        pieces.attribute == "members" && (pieces.part.is_some() || pieces.filter.is_some());
    if is_member_changed && *ours == Err("mutability".to_owned()) {
        return Some(Difference::MemberFixed);
    }
    let unknown = pieces.filter.is_some_and(|filter| {
        filter.contains("shoe") || (pieces.attribute == "members" && filter.contains("primary"))
    });
    if unknown && *theirs == Err("invalidFilter".to_owned()) {
        return Some(Difference::UnknownInFilter);
    }
    if pieces.filter.is_some() && pieces.attribute == "name" && theirs.is_err() {
        return Some(Difference::FilterOnSingle);
    }
    match (ours, theirs) {
        (Err(ours), Err(theirs)) => of_keywords(ours, theirs),
        (Ok(_), Err(theirs)) => match theirs.as_str() {
            "noTarget" if op == "add" && pieces.filter.is_some() && !step.create => {
                Some(Difference::AddMiss)
            }
            "noTarget" if step.create && value.is_some_and(is_clearing) => {
                Some(Difference::ClearedMiss)
            }
            "noTarget" if step.create && value.is_some_and(|one| is_loose(is_list, one)) => {
                Some(Difference::LooseShape)
            }
            "invalidValue" if value.is_some_and(is_empty) => Some(Difference::Unassigned),
            "invalidValue" if value.is_some_and(|one| repeats(&pieces.attribute, one)) => {
                Some(Difference::SameElement)
            }
            "invalidValue"
                if pieces.attribute == "externalid" && value.is_some_and(Value::is_number) =>
            {
                Some(Difference::LooseShape)
            }
            "invalidValue" if value.is_some_and(|one| is_loose(is_list, one)) => {
                Some(Difference::LooseShape)
            }
            "invalidValue" if pieces.filter.is_some() && step.create => {
                Some(Difference::NewElementValue)
            }
            _ => None,
        },
        (Err(ours), Ok(_)) => {
            let is_part = pieces.part.is_some() && pieces.filter.is_none() && is_list;
            let sets_primary = pieces.part.as_deref() == Some("primary")
                || value.is_some_and(|one| one.get("primary") == Some(&Value::Bool(true)));
            match ours.as_str() {
                "invalidValue" if value.is_some_and(is_empty) => Some(Difference::Unassigned),
                "invalidValue" if is_part && step.state.outcome() == theirs.clone().ok()? => {
                    Some(Difference::PartOfNothing)
                }
                "invalidValue"
                    if pieces.filter.is_some() && sets_primary
                        || value.is_some_and(|one| primaries(one) > 1) =>
                {
                    Some(Difference::TwoPrimaries)
                }
                "noTarget" if pieces.filter.is_some() && step.create => {
                    Some(Difference::NewElementValue)
                }
                "noTarget" if !step.create && step.state.outcome() == theirs.clone().ok()? => {
                    let names_nothing = path.is_some_and(|path| path.contains("shoe"));
                    let misses = op == "remove" && pieces.filter.is_some();
                    match names_nothing {
                        true => Some(Difference::UnknownPath),
                        false => misses.then_some(Difference::RemovedMiss),
                    }
                }
                _ => None,
            }
        }
        (Ok(ours), Ok(theirs)) => {
            let unchanged = step.state.outcome() == *theirs;
            let is_part = pieces.part.is_some() && pieces.filter.is_none() && is_list;
            if is_part && op != "remove" && unchanged {
                return Some(Difference::PartOfNothing);
            }
            if value.is_some_and(is_empty) {
                return Some(Difference::Unassigned);
            }
            if by_identity(ours) == by_identity(theirs) {
                return Some(Difference::SameElement);
            }
            if without_emptied(ours) == without_emptied(theirs) {
                return Some(Difference::EmptiedElement);
            }
            let replaces = op == "replace" && pieces.filter.is_some() && pieces.part.is_none();
            if replaces && value.is_some_and(Value::is_object) {
                return Some(Difference::ReplacedElement);
            }
            None
        }
    }
}

fn of_keywords(ours: &str, theirs: &str) -> Option<Difference> {
    match (ours, theirs) {
        // A filter that cannot be read, or stands where none can.
        ("invalidFilter", "invalidPath") | ("invalidPath", "invalidFilter")
        // What is required cannot be unassigned.
        | ("invalidValue", "mutability")
        // The value is wrong too, or missing.
        | (_, "invalidValue") | ("invalidValue", _) => Some(Difference::Keyword),
        _ => None,
    }
}

fn is_clearing(value: &Value) -> bool {
    !value.is_object() && is_empty(value)
}

/// Whether two elements of a list are the same, also in a value for several attributes.
fn repeats(list: &str, value: &Value) -> bool {
    let given = match value {
        Value::Array(given) => given,
        Value::Object(object) => return object.iter().any(|(name, one)| repeats(name, one)),
        _ => return false,
    };
    let mut identities: Vec<String> =
        given.iter().map(|one| identity(list, one).to_string()).collect();
    identities.sort_unstable();
    identities.windows(2).any(|two| two[0] == two[1])
}

/// How many elements are to be the primary one.
fn primaries(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(primaries).sum(),
        Value::Object(object) if object.get("primary") == Some(&Value::Bool(true)) => 1,
        Value::Object(object) => object.values().map(primaries).sum(),
        _ => 0,
    }
}

/// Whether a value, or a part of it, unassigns.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty() || list.iter().any(is_empty),
        Value::Object(object) => object.is_empty() || object.values().any(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_loose(is_list: bool, value: &Value) -> bool {
    match value {
        Value::Array(_) => !is_list,
        Value::Object(_) => false,
        _ => is_list,
    }
}

/// Lists by what makes elements the same, each once.
fn by_identity(resource: &Value) -> Value {
    let mut resource = resource.clone();
    for (name, value) in resource.as_object_mut().into_iter().flatten() {
        if let Value::Array(list) = value {
            let mut identities: Vec<Value> = list.iter().map(|one| identity(name, one)).collect();
            identities.sort_by_cached_key(Value::to_string);
            identities.dedup();
            *list = identities;
        }
    }
    resource
}

fn identity(list: &str, element: &Value) -> Value {
    let part = |name: &str| element.get(name).and_then(Value::as_str).map(case_folded);
    match (list, element.get("value")) {
        ("members", Some(value)) => value.clone(),
        (_, Some(_)) => json!([part("type"), part("value")]),
        (_, None) => Value::String(case_folded(&element.to_string())),
    }
}

/// Without elements that say nothing but `type` and `primary`.
fn without_emptied(resource: &Value) -> Value {
    let mut resource = resource.clone();
    for (_, value) in resource.as_object_mut().into_iter().flatten() {
        if let Value::Array(list) = value {
            list.retain(|one| {
                !one.as_object()
                    .is_some_and(|one| one.keys().all(|name| name == "type" || name == "primary"))
            });
        }
    }
    plain(&resource).unwrap_or_default()
}

/// Why the two differ on a filter: one of its comparisons must be of a kind that differs.
pub fn of_match(
    rt: &ResourceType,
    text: &str,
    ours: &Result<bool, String>,
    theirs: &Result<bool, String>,
) -> Option<Difference> {
    if theirs.is_err() {
        return None;
    }
    let comparisons = comparisons(text);
    if ours.is_err() {
        let whole = comparisons.iter().any(|one| one.path == "name" && one.op != "pr");
        return whole.then_some(Difference::Whole);
    }
    comparisons.iter().find_map(|one| {
        let full = match &one.list {
            Some(list) => format!("{list}.{}", one.path),
            None => one.path.clone(),
        };
        let registry = Registry::core();
        let path = AttrPath::parse(&full, Some(rt), registry).ok()?;
        let attribute = registry.attribute(Some(rt), &path);
        let is_known = attribute.is_some_and(|attribute| match &path.sub {
            None => true,
            Some(sub) => attribute.sub_attributes.iter().any(|one| one.name == *sub),
        });
        let is_list = one.list.is_none() && attribute.is_some_and(|one| one.multi_valued);
        let is_null = one.value == "null";
        match one.op.as_str() {
            "ne" if !is_known => Some(Difference::UnknownUnassigned),
            "eq" if !is_known && is_null => Some(Difference::UnknownUnassigned),
            "co" | "sw" | "ew" if path.attribute == "meta" => Some(Difference::InstantAsText),
            _ if is_list && is_null => Some(Difference::NullInList),
            "ne" if is_list => Some(Difference::NotEqualInList),
            _ => None,
        }
    })
}

/// `path op value`, in a bracket after `list`.
#[derive(Debug, Default)]
struct Comparison {
    list: Option<String>,
    path: String,
    op: String,
    value: String,
}

/// The comparisons of a filter as the cases here are made: of a path, an operator and a quoted text
/// or a plain value, with single spaces.
fn comparisons(text: &str) -> Vec<Comparison> {
    let mut found = Vec::new();
    let mut list = None;
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        let mut word = word.trim_start_matches('(');
        if ["and", "or", "not"].contains(&word) {
            continue;
        }
        if let Some((head, rest)) = word.split_once('[') {
            list = Some(head.to_owned());
            word = rest.trim_start_matches('(');
            if word == "not" {
                continue;
            }
        }
        let op = words.next().unwrap_or_default();
        let (op, value) = match op.strip_prefix("pr") {
            Some(rest) => ("pr", rest),
            None => (op, words.next().unwrap_or_default()),
        };
        found.push(Comparison {
            list: list.clone(),
            path: word.to_owned(),
            op: op.to_owned(),
            value: value.trim_end_matches([')', ']']).to_owned(),
        });
        if value.ends_with([')', ']']) && value.contains(']') {
            list = None;
        }
    }
    found
}
