//! Where the cells of tables lead: to an operation, a user, a group.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    OneApp, OneGroup, OneOperation, OneSaved, OneUser, Operations, Question, TimelineOfGroup,
    TimelineOfUser, question_at,
};

/// What an address in the API begins with. A page has the same address without it.
pub const API: &str = "/api/v1";

/// Where a cell leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// An operation, by the number of its event.
    Operation(u64),
    /// A user.
    User {
        /// The application; `None` for the one in the address of the question.
        application: Option<String>,
        /// The name in addresses: the SCIM id, or `userName:…` if there is none.
        name: String,
    },
    /// A group.
    Group {
        /// The application; `None` for the one in the address of the question.
        application: Option<String>,
        /// The name in addresses: the SCIM id, or `displayName:…` if there is none.
        name: String,
    },
    /// An application, by its name in addresses.
    Application(String),
    /// A saved question, by its name.
    Saved(String),
    /// A question with its parameters, by its address in the API.
    Question(String),
}

impl Lead {
    /// Leads to the user with this SCIM id, or else with this `userName`.
    pub(crate) fn user(
        application: Option<&String>,
        id: Option<&String>,
        user_name: Option<&String>,
    ) -> Option<Lead> {
        let name = name(id, "userName", user_name)?;
        Some(Lead::User { application: application.cloned(), name })
    }

    /// Leads to the group with this SCIM id, or else with this `displayName`.
    pub(crate) fn group(
        application: Option<&String>,
        id: Option<&String>,
        display_name: Option<&String>,
    ) -> Option<Lead> {
        let name = name(id, "displayName", display_name)?;
        Some(Lead::Group { application: application.cloned(), name })
    }

    /// Leads to the user or group with this SCIM id. Resources of other types have no question of their own.
    pub(crate) fn resource(
        application: Option<&String>,
        resource_type: Option<&String>,
        id: Option<&String>,
    ) -> Option<Lead> {
        match resource_type?.as_str() {
            "User" => Lead::user(application, id, None),
            "Group" => Lead::group(application, id, None),
            _ => None,
        }
    }

    /// Leads to what happened to the user or group that this leads to. It is known of those that never were,
    /// too: that they were refused.
    pub(crate) fn timeline(self) -> Option<Lead> {
        let (path, kind, application, name) = match self {
            Lead::User { application, name } => (TimelineOfUser::PATH, "user", application?, name),
            Lead::Group { application, name } => {
                (TimelineOfGroup::PATH, "group", application?, name)
            }
            _ => return None,
        };
        Some(Lead::Question(filled(path, &[("app", &application), (kind, &name)])))
    }

    /// Leads to an operation, if there is one.
    pub(crate) fn operation(seq: Option<u64>) -> Option<Lead> {
        seq.map(Lead::Operation)
    }

    /// Leads to an application, if there is one.
    pub(crate) fn application(name: Option<&String>) -> Option<Lead> {
        name.cloned().map(Lead::Application)
    }

    /// Leads to the entries of a cycle.
    pub(crate) fn cycle(id: &str) -> Option<Lead> {
        Some(Lead::Question(format!("{}?cycleId={}", Operations::PATH, encoded(id))))
    }

    /// Leads to a question, if its address is one. What is sent to the same path, such as an import with
    /// parameters of its own, is none.
    pub(crate) fn question(address: &str) -> Option<Lead> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let described = question_at(path)?;
        let is_known = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default();
            described.parameter(name).is_some()
        };
        let is_question = query.split('&').filter(|pair| !pair.is_empty()).all(is_known);
        is_question.then(|| Lead::Question(address.to_owned()))
    }

    /// Its address in the API without [`API`], which is the address of its page. `application` is the one in
    /// the address of the question. `None` if the lead has no application and there is none in the address.
    #[must_use]
    pub fn address(&self, application: Option<&str>) -> Option<String> {
        let of = |own: &Option<String>| own.clone().or(application.map(str::to_owned));
        let path = match self {
            Lead::Operation(seq) => filled(OneOperation::PATH, &[("operation", &seq.to_string())]),
            Lead::User { application, name } => {
                filled(OneUser::PATH, &[("app", &of(application)?), ("user", name)])
            }
            Lead::Group { application, name } => {
                filled(OneGroup::PATH, &[("app", &of(application)?), ("group", name)])
            }
            Lead::Application(name) => filled(OneApp::PATH, &[("app", name)]),
            Lead::Saved(name) => filled(OneSaved::PATH, &[("name", name)]),
            Lead::Question(address) => address.clone(),
        };
        path.strip_prefix(API).map(str::to_owned)
    }
}

/// A user or group as addresses name it. An id that reads as another name, or as a step in a path, gets the
/// prefix of ids.
fn name(id: Option<&String>, prefix: &str, name: Option<&String>) -> Option<String> {
    let is_there = |text: &&String| !text.is_empty();
    if let Some(id) = id.filter(is_there) {
        let needs_prefix = id.contains(':') || id == "." || id == "..";
        return Some(if needs_prefix { format!("id:{id}") } else { id.clone() });
    }
    name.filter(is_there).map(|name| format!("{prefix}:{name}"))
}

/// What can stand before a name in addresses.
const PREFIXES: [&str; 4] = ["id:", "userName:", "externalId:", "displayName:"];

/// A name that a person typed, as addresses take it: `attribute` becomes the prefix of one that is not a SCIM id and has no prefix.
#[must_use]
pub fn named(name: &str, attribute: &str) -> String {
    if is_uuid(name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        name.to_owned()
    } else {
        format!("{attribute}:{name}")
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Characters that are not percent-encoded (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A percent-encoded text, for one segment of a path or one value of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The template of a path with its names filled in.
fn filled(template: &str, names: &[(&str, &str)]) -> String {
    let segments = template.split('/').map(|segment| {
        let name = names.iter().find(|(name, _)| segment == format!("{{{name}}}"));
        name.map_or_else(|| segment.to_owned(), |(_, text)| encoded(text))
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_lead_is_an_address_in_the_api() {
        let check = |lead: Option<Lead>, expected: Option<&str>| {
            let address = lead.and_then(|lead| lead.address(Some("paperboat")));
            assert_eq!(address.as_deref(), expected);
        };
        check(Some(Lead::Operation(311)), Some("/operations/311"));
        check(Lead::application(Some(&text("kite"))), Some("/apps/kite"));
        check(Some(Lead::Saved(text("q 1"))), Some("/saved-questions/q%201"));
        let (id, none) = (Some(text("26")), None);
        let (mira, crew) = (Some(text("mira/lund")), Some(text("R&D: Oslo")));
        let user = |id: &Option<String>, name: &Option<String>| {
            Lead::user(None, id.as_ref(), name.as_ref())
        };
        check(user(&id, &mira), Some("/apps/paperboat/users/26"));
        check(user(&none, &mira), Some("/apps/paperboat/users/userName%3Amira%2Flund"));
        check(user(&none, &Some(String::new())), None);
        check(user(&none, &none), None);
        let kite = Some(text("kite"));
        let group = Lead::group(kite.as_ref(), None, crew.as_ref());
        check(group, Some("/apps/kite/groups/displayName%3AR%26D%3A%20Oslo"));
        let asked = "/api/v1/apps/kite/imports?limit=5";
        check(Lead::question(asked), Some("/apps/kite/imports?limit=5"));
        check(Lead::question("/api/v1/apps/kite/imports?run=26&check=true"), None);
        check(Lead::question("/api/v1/nothing"), None);
        assert_eq!(user(&id, &none).unwrap().address(None), None, "no application");
    }

    #[test]
    fn an_id_that_reads_as_something_else_has_its_prefix() {
        for (id, expected) in
            [("..", "id%3A.."), (".", "id%3A."), ("userName:a", "id%3AuserName%3Aa")]
        {
            let lead = Lead::user(None, Some(&text(id)), None).unwrap();
            assert_eq!(lead.address(Some("a")).unwrap(), format!("/apps/a/users/{expected}"));
        }
    }

    #[test]
    fn only_users_and_groups_have_a_question_of_their_own() {
        let lead = |kind: &str| Lead::resource(None, Some(&text(kind)), Some(&text("7")));
        assert!(matches!(lead("User"), Some(Lead::User { .. })));
        assert!(matches!(lead("Group"), Some(Lead::Group { .. })));
        assert_eq!(lead("Device"), None);
    }

    #[test]
    fn a_question_leads_to_its_address_and_nothing_else_does() {
        let address = "/api/v1/reports/leavers?from=2026-01-01";
        let lead = Lead::question(address).unwrap();
        assert_eq!(lead.address(None).as_deref(), Some("/reports/leavers?from=2026-01-01"));
        let cycle = Lead::cycle("a&b").unwrap();
        assert_eq!(cycle.address(None).as_deref(), Some("/operations?cycleId=a%26b"));
        assert_eq!(Lead::question("/v1.0/auditLogs/provisioning"), None);
        assert_eq!(Lead::question("//evil.example/api/v1/apps"), None);
    }

    #[test]
    fn a_text_is_encoded_as_one_segment() {
        let check = |text: &str, expected: &str| assert_eq!(encoded(text), expected);
        check("2819c223-7f76", "2819c223-7f76");
        check("displayName:R&D / Zoë?#%", "displayName%3AR%26D%20%2F%20Zo%C3%AB%3F%23%25");
        check("\r\n", "%0D%0A");
    }

    #[test]
    fn a_typed_name_is_an_id_a_named_attribute_or_a_name() {
        let check = |name: &str, expected: &str| {
            assert_eq!(encoded(&named(name, "userName")), expected, "{name}");
        };
        let id = "2819c223-7f76-453a-919d-413861904646";
        check(id, id);
        check(&id.to_uppercase(), &id.to_uppercase());
        check("id:17", "id%3A17");
        check("externalId:a/b", "externalId%3Aa%2Fb");
        check("displayName:Mira Lund", "displayName%3AMira%20Lund");
        check("userName:mira", "userName%3Amira");
        check("mira@fjord.example", "userName%3Amira%40fjord.example");
        // Nearly a UUID.
        check(
            "2819c223-7f76-453a-919d-41386190464",
            "userName%3A2819c223-7f76-453a-919d-41386190464",
        );
        check(
            "2819c223-7f76-453a-919d-41386190464g",
            "userName%3A2819c223-7f76-453a-919d-41386190464g",
        );
        check("urn:x", "userName%3Aurn%3Ax");
        check("", "userName%3A");
    }
}
