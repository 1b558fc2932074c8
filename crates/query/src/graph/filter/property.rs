//! The properties of a provisioning log entry that a filter can name, in Graph's spelling.

use std::fmt;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::tree::Held;

/// The types that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Time,
}

impl fmt::Display for Kind {
    /// What to write instead, for the error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "a text in single quotes",
            Kind::Integer => "an integer such as 1500",
            Kind::Time => "a time such as 2026-07-30 or 2026-07-30T08:00:00Z",
        })
    }
}

/// The words of an enumeration. Compared without regard to case, because Graph spells them in several
/// ways.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Enumeration {
    /// Its type, without the namespace.
    pub(super) name: &'static str,
    /// Ordered by number, from 0.
    words: &'static [&'static str],
}

/// The namespace before a type's name.
const NAMESPACE: &str = "microsoft.graph.";

static ACTION: Enumeration = Enumeration {
    name: "provisioningAction",
    words: &[
        "other",
        "create",
        "delete",
        "disable",
        "update",
        "stagedDelete",
        "unknownFutureValue",
    ],
};
static RESULT: Enumeration = Enumeration {
    name: "provisioningResult",
    words: &["success", "failure", "skipped", "warning", "unknownFutureValue"],
};
static STEP_TYPE: Enumeration = Enumeration {
    name: "provisioningStepType",
    words: &[
        "import",
        "scoping",
        "matching",
        "processing",
        "referenceResolution",
        "export",
        "unknownFutureValue",
    ],
};
static ERROR_CATEGORY: Enumeration = Enumeration {
    name: "provisioningStatusErrorCategory",
    words: &["failure", "nonServiceFailure", "success", "unknownFutureValue"],
};
static INITIATOR_TYPE: Enumeration = Enumeration {
    name: "initiatorType",
    words: &["user", "application", "system", "unknownFutureValue"],
};

impl Enumeration {
    /// The enumeration of a type such as `microsoft.graph.provisioningResult`.
    pub(super) fn of_type(name: &str) -> Option<&'static Enumeration> {
        let (namespace, name) = name.split_at_checked(NAMESPACE.len())?;
        if !namespace.eq_ignore_ascii_case(NAMESPACE) {
            return None;
        }
        let all = [&ACTION, &RESULT, &STEP_TYPE, &ERROR_CATEGORY, &INITIATOR_TYPE];
        all.into_iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    /// The canonical spelling of a word.
    pub(super) fn word(&self, text: &str) -> Option<&'static str> {
        self.words.iter().find(|word| word.eq_ignore_ascii_case(text)).copied()
    }

    /// The word of a typed literal, given as the word or its number.
    pub(super) fn literal(&self, text: &str) -> Option<&'static str> {
        let numbered = text.parse::<usize>().ok().and_then(|number| self.words.get(number));
        self.word(text).or(numbered.copied())
    }

    /// All words, for the error.
    pub(super) fn choices(&self) -> String {
        self.words.join(", ")
    }
}

/// A property that has a value, unlike a group or list.
#[derive(Debug)]
pub(super) struct Property {
    /// Canonical spelling from the entry down; for a property of list elements it starts with the list.
    pub(super) path: &'static str,
    /// The type of the value, or of every value of a free map.
    pub(super) kind: Kind,
    /// Whether it is a free map, whose path continues with a key.
    is_map: bool,
    /// Whether it belongs to the elements of the list that begins its path.
    pub(super) of_list: bool,
    /// The words that the text may be.
    pub(super) words: Option<&'static Enumeration>,
}

const fn value(path: &'static str, kind: Kind) -> Property {
    Property { path, kind, is_map: false, of_list: false, words: None }
}

const fn word(path: &'static str, words: &'static Enumeration) -> Property {
    Property { words: Some(words), ..text(path) }
}

const fn text(path: &'static str) -> Property {
    value(path, Kind::Text)
}

const fn map(path: &'static str) -> Property {
    Property { is_map: true, ..text(path) }
}

const fn of_list(property: Property) -> Property {
    Property { of_list: true, ..property }
}

/// The members that are lists of objects.
const LISTS: [&str; 2] = ["provisioningSteps", "modifiedProperties"];

static PROPERTIES: &[Property] = &[
    text("id"),
    value("activityDateTime", Kind::Time),
    text("tenantId"),
    text("jobId"),
    text("cycleId"),
    text("changeId"),
    word("provisioningAction", &ACTION),
    value("durationInMilliseconds", Kind::Integer),
    word("provisioningStatusInfo/status", &RESULT),
    text("provisioningStatusInfo/errorInformation/errorCode"),
    word("provisioningStatusInfo/errorInformation/errorCategory", &ERROR_CATEGORY),
    text("provisioningStatusInfo/errorInformation/reason"),
    text("provisioningStatusInfo/errorInformation/additionalDetails"),
    text("provisioningStatusInfo/errorInformation/recommendedAction"),
    text("servicePrincipal/id"),
    text("servicePrincipal/displayName"),
    text("sourceSystem/id"),
    text("sourceSystem/displayName"),
    map("sourceSystem/details"),
    text("targetSystem/id"),
    text("targetSystem/displayName"),
    map("targetSystem/details"),
    text("initiatedBy/id"),
    text("initiatedBy/displayName"),
    word("initiatedBy/initiatorType", &INITIATOR_TYPE),
    text("sourceIdentity/id"),
    text("sourceIdentity/displayName"),
    text("sourceIdentity/identityType"),
    map("sourceIdentity/details"),
    text("targetIdentity/id"),
    text("targetIdentity/displayName"),
    text("targetIdentity/identityType"),
    map("targetIdentity/details"),
    of_list(text("provisioningSteps/name")),
    of_list(word("provisioningSteps/provisioningStepType", &STEP_TYPE)),
    of_list(word("provisioningSteps/status", &RESULT)),
    of_list(text("provisioningSteps/description")),
    of_list(map("provisioningSteps/details")),
    of_list(text("modifiedProperties/displayName")),
    of_list(text("modifiedProperties/oldValue")),
    of_list(text("modifiedProperties/newValue")),
];

impl Property {
    /// Whether the property is the id of an entry.
    pub(super) fn is_id(&self) -> bool {
        self.path == "id"
    }

    /// The property's value in an entry, or in an element of its list.
    pub(super) fn held<'a>(&self, key: Option<&str>, object: &'a Map<String, Value>) -> Held<'a> {
        let mut members = self.path.split('/').skip(usize::from(self.of_list));
        let first = members.next().and_then(|member| object.get(member));
        let found = members.fold(first, |found, member| found?.get(member));
        let found = match key {
            Some(key) => found.and_then(Value::as_object).and_then(|map| keyed(map, key)),
            None => found,
        };
        let held = match self.kind {
            Kind::Text => found.and_then(Value::as_str).map(|text| {
                let word = self.words.and_then(|words| words.word(text));
                Held::Text(word.unwrap_or(text).into())
            }),
            Kind::Integer => found.and_then(Value::as_i64).map(Held::Integer),
            Kind::Time => found
                .and_then(Value::as_str)
                .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
                .map(|time| Held::Time(time.to_utc())),
        };
        held.unwrap_or(Held::Null)
    }
}

/// The value of a key: the exact key if it exists, else the first that differs only in ASCII case.
fn keyed<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).or_else(|| {
        map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    })
}

/// The list with a name, in any case.
pub(super) fn list(name: &str) -> Option<&'static str> {
    LISTS.into_iter().find(|list| list.eq_ignore_ascii_case(name))
}

/// Beta names of properties, and their paths in v1.0.
const BETA: [(&str, &str); 7] = [
    ("action", "provisioningAction"),
    ("statusInfo/status", "provisioningStatusInfo/status"),
    ("statusInfo/errorCode", "provisioningStatusInfo/errorInformation/errorCode"),
    ("statusInfo/errorCategory", "provisioningStatusInfo/errorInformation/errorCategory"),
    ("statusInfo/reason", "provisioningStatusInfo/errorInformation/reason"),
    ("statusInfo/additionalDetails", "provisioningStatusInfo/errorInformation/additionalDetails"),
    ("statusInfo/recommendedAction", "provisioningStatusInfo/errorInformation/recommendedAction"),
];

/// The v1.0 path of a beta path.
pub(super) fn of_beta(path: &str) -> Option<&'static str> {
    BETA.iter().find(|(beta, _)| beta.eq_ignore_ascii_case(path)).map(|(_, path)| *path)
}

/// The property with a path, in any case, and the key if it is a free map.
pub(super) fn find(path: &str) -> Option<(&'static Property, Option<&str>)> {
    PROPERTIES.iter().find_map(|property| {
        let (head, rest) = path.split_at_checked(property.path.len())?;
        if !head.eq_ignore_ascii_case(property.path) {
            return None;
        }
        let key = rest.strip_prefix('/').filter(|key| !key.is_empty() && !key.contains('/'));
        match (property.is_map, key) {
            (true, Some(key)) => Some((property, Some(key))),
            (false, _) if rest.is_empty() => Some((property, None)),
            _ => None,
        }
    })
}

/// What to write instead of an unknown path, for the error.
pub(super) fn advice(path: &str) -> String {
    let mut parent = "";
    for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
        match path.get(..end).and_then(parent_of_some) {
            Some(known) => parent = known,
            None => break,
        }
    }
    let mut parts: Vec<String> = vec![];
    for property in PROPERTIES {
        let below = match parent {
            "" => Some(property.path),
            _ => property.path.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(below) = below else { continue };
        let part = match below.split_once('/') {
            Some((list, _)) if LISTS.contains(&list) => format!("{list}/any(…)"),
            Some((group, _)) => format!("{group}/…"),
            None if property.is_map => format!("{below}/<key>"),
            None => below.to_owned(),
        };
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    match parent {
        "" => format!("use {}", parts.join(", ")),
        _ => format!("{parent} has {}", parts.join(", ")),
    }
}

/// The canonical spelling of a path to a group of properties or a list.
fn parent_of_some(path: &str) -> Option<&'static str> {
    PROPERTIES.iter().find_map(|property| {
        let (head, rest) = property.path.split_at_checked(path.len())?;
        (rest.starts_with('/') && head.eq_ignore_ascii_case(path)).then_some(head)
    })
}
