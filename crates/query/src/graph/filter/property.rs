//! What a filter can name: the properties of a provisioning log entry, in Graph's spelling.

use std::fmt;

use chrono::DateTime;
use serde_json::{Map, Value};

use super::tree::Held;

/// The types that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Time,
}

impl fmt::Display for Kind {
    /// What to write, for the text of a refusal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "a text in single quotes",
            Kind::Integer => "an integer such as 1500",
            Kind::Time => "a time such as 2026-07-30 or 2026-07-30T08:00:00Z",
        })
    }
}

/// A set of words that the schema names. They are compared without regard to case: Graph itself spells
/// them in several ways.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Enumeration {
    /// Its type, without the namespace.
    pub(super) name: &'static str,
    /// In the order of their numbers, from 0.
    words: &'static [&'static str],
}

/// What stands before the name of a type.
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

    /// A word in its own spelling.
    pub(super) fn word(&self, text: &str) -> Option<&'static str> {
        self.words.iter().find(|word| word.eq_ignore_ascii_case(text)).copied()
    }

    /// The word of a typed literal: itself, or its number.
    pub(super) fn literal(&self, text: &str) -> Option<&'static str> {
        let numbered = text.parse::<usize>().ok().and_then(|number| self.words.get(number));
        self.word(text).or(numbered.copied())
    }

    /// All words, for the text of a refusal.
    pub(super) fn choices(&self) -> String {
        self.words.join(", ")
    }
}

/// A property with a value of its own.
#[derive(Debug)]
pub(super) struct Property {
    /// Canonical spelling, from the entry down; the path of a list's element begins with the list.
    pub(super) path: &'static str,
    /// Of the value; of every value where this is a free map.
    pub(super) kind: Kind,
    /// Whether a key follows the path.
    is_map: bool,
    /// Whether it belongs to the elements of the list with which its path begins.
    pub(super) of_list: bool,
    /// The words that its text is one of.
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
    /// Whether it is the id of an entry.
    pub(super) fn is_id(&self) -> bool {
        self.path == "id"
    }

    /// Its value in an entry, or in the element of its list.
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

/// The value under a key, in its own spelling if that is there, else in the first that differs only in
/// the case of ASCII letters.
fn keyed<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).or_else(|| {
        map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    })
}

/// The list of a name in any case.
pub(super) fn list(name: &str) -> Option<&'static str> {
    LISTS.into_iter().find(|list| list.eq_ignore_ascii_case(name))
}

/// What the beta of Graph calls some properties, and their path in v1.0.
const BETA: [(&str, &str); 7] = [
    ("action", "provisioningAction"),
    ("statusInfo/status", "provisioningStatusInfo/status"),
    ("statusInfo/errorCode", "provisioningStatusInfo/errorInformation/errorCode"),
    ("statusInfo/errorCategory", "provisioningStatusInfo/errorInformation/errorCategory"),
    ("statusInfo/reason", "provisioningStatusInfo/errorInformation/reason"),
    ("statusInfo/additionalDetails", "provisioningStatusInfo/errorInformation/additionalDetails"),
    ("statusInfo/recommendedAction", "provisioningStatusInfo/errorInformation/recommendedAction"),
];

/// The path in v1.0 of a path in the beta.
pub(super) fn of_beta(path: &str) -> Option<&'static str> {
    BETA.iter().find(|(beta, _)| beta.eq_ignore_ascii_case(path)).map(|(_, path)| *path)
}

/// The property of a path in any case, and the key if it is a free map.
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

/// What can stand instead of a path that names no property, for the text of a refusal.
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

/// A path in canonical spelling, if it is that of a group of properties or of a list.
fn parent_of_some(path: &str) -> Option<&'static str> {
    PROPERTIES.iter().find_map(|property| {
        let (head, rest) = property.path.split_at_checked(path.len())?;
        (rest.starts_with('/') && head.eq_ignore_ascii_case(path)).then_some(head)
    })
}
