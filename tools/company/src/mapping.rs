//! The attribute mappings of each application. They are what its profile lists, except for one old
//! mapping.

use serde_json::{Value, json};

use crate::company::{App, OFFICES, Person};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const JOSTLE: &str = "urn:ietf:params:scim:schemas:extension:jostle:2.0:User";

/// An attribute or sub-attribute with a single text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attribute {
    Simple(&'static str),
    Name(&'static str),
    /// List, type of the element, sub-attribute.
    Element(&'static str, &'static str, &'static str),
    /// Schema, attribute.
    Extension(&'static str, &'static str),
}

/// The mapped values of one person.
pub(crate) type Values = Vec<(Attribute, String)>;

pub(crate) const USER_NAME: Attribute = Attribute::Simple("userName");
pub(crate) const EXTERNAL_ID: Attribute = Attribute::Simple("externalId");
/// The `active` of a broken mapping: neither true nor false.
pub(crate) const BAD_ACTIVE: &str = "Enabled";
const WORK_EMAIL: Attribute = Attribute::Element("emails", "work", "value");

/// The old mapping: its application and attribute.
pub(crate) const OLD: (App, Attribute) = (App::Jostle, Attribute::Simple("title"));

/// The attributes for addresses and labels of further e-mails.
const ALTERNATES: [(Attribute, Attribute); 2] = [
    (
        Attribute::Element("emails", "alternate1", "value"),
        Attribute::Extension(JOSTLE, "alternateEmail1Label"),
    ),
    (
        Attribute::Element("emails", "alternate2", "value"),
        Attribute::Extension(JOSTLE, "alternateEmail2Label"),
    ),
];

/// The values that an application gets of a person; `with_old` includes the old mapping.
pub(crate) fn mapped(app: App, user: &Person, with_old: bool) -> Values {
    let office = &OFFICES[user.office];
    let mut values = vec![
        (USER_NAME, user.user_name()),
        (Attribute::Name("givenName"), user.given.clone()),
        (Attribute::Name("familyName"), user.family.clone()),
    ];
    match app {
        App::Hootsuite => values.extend([
            (WORK_EMAIL, user.user_name()),
            (Attribute::Simple("displayName"), user.display_name()),
            (Attribute::Simple("preferredLanguage"), user.language.to_owned()),
            (Attribute::Simple("timezone"), office.timezone.to_owned()),
        ]),
        App::Hoxhunt => values.extend([
            (WORK_EMAIL, user.user_name()),
            (Attribute::Simple("preferredLanguage"), user.language.to_owned()),
            (Attribute::Extension(ENTERPRISE, "department"), user.department.name().to_owned()),
            (Attribute::Extension(ENTERPRISE, "division"), user.department.division().to_owned()),
            (Attribute::Element("addresses", "work", "country"), office.country.to_owned()),
        ]),
        App::Jostle => {
            values.push((WORK_EMAIL, user.user_name()));
            let personal = Attribute::Element("emails", "personal", "value");
            values.extend(user.personal_email().map(|address| (personal, address)));
            for ((email, label), (words, address)) in
                ALTERNATES.into_iter().zip(user.alternate_emails())
            {
                values.extend([(email, address), (label, words.to_owned())]);
            }
        }
        App::Howspace => {
            values.push((EXTERNAL_ID, user.external_id()));
            let mobile = Attribute::Element("phoneNumbers", "mobile", "value");
            values.extend(user.mobile().map(|number| (mobile, number)));
        }
    }
    if with_old && app == OLD.0 {
        values.push((OLD.1, user.title.clone()));
    }
    values
}

/// The value of an attribute.
pub(crate) fn value_of(values: &[(Attribute, String)], attribute: Attribute) -> Option<&str> {
    let found = values.iter().find(|(one, _)| *one == attribute);
    found.map(|(_, value)| value.as_str())
}

/// A user's body with these values.
pub(crate) fn body(values: &[(Attribute, String)]) -> Value {
    let mut body = json!({
        "schemas": [USER],
        "active": true,
        "meta": {"resourceType": "User"},
        // Such clients send this for everybody.
        "roles": [],
    });
    for (attribute, value) in values {
        attribute.put(&mut body, value);
    }
    body
}

impl Attribute {
    /// Its PATCH path.
    pub(crate) fn path(self) -> String {
        match self {
            Attribute::Simple(name) => name.to_owned(),
            Attribute::Name(part) => format!("name.{part}"),
            Attribute::Element(list, kind, part) => format!("{list}[type eq \"{kind}\"].{part}"),
            Attribute::Extension(urn, name) => format!("{urn}:{name}"),
        }
    }

    fn put(self, body: &mut Value, value: &str) {
        match self {
            Attribute::Simple(name) => body[name] = value.into(),
            Attribute::Name(part) => body["name"][part] = value.into(),
            Attribute::Element(list, kind, part) => {
                let mut element = json!({"type": kind, part: value});
                if self == WORK_EMAIL {
                    element["primary"] = true.into();
                }
                push(&mut body[list], element);
            }
            Attribute::Extension(urn, name) => {
                if body.get(urn).is_none() {
                    push(&mut body["schemas"], urn.into());
                }
                body[urn][name] = value.into();
            }
        }
    }
}

/// Adds an element to a list; creates the list if needed.
fn push(list: &mut Value, element: Value) {
    match list {
        Value::Array(elements) => elements.push(element),
        _ => *list = json!([element]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::Department;

    #[test]
    fn a_body_has_what_is_mapped_and_a_patch_has_its_path() {
        let user = Person {
            given: "Zoë".to_owned(),
            family: "Lund".to_owned(),
            local: "zoe.lund".to_owned(),
            department: Department::Care,
            title: "Care Lead".to_owned(),
            office: 1,
            employee_number: 10_207,
            language: "pl-PL",
            has_mobile: true,
            has_personal_email: true,
            alternates: vec![2, 0],
        };
        let paths: Vec<String> = App::ALL
            .into_iter()
            .flat_map(|app| mapped(app, &user, true))
            .map(|(attribute, _)| attribute.path())
            .collect();
        for path in ["title", "name.familyName", "addresses[type eq \"work\"].country"] {
            assert!(paths.iter().any(|one| one == path), "{path}: {paths:?}");
        }
        assert!(paths.contains(&format!("{JOSTLE}:alternateEmail2Label")), "{paths:?}");
        let body = body(&mapped(App::Jostle, &user, true));
        assert_eq!(
            body,
            json!({
                "schemas": [USER, JOSTLE],
                "active": true,
                "meta": {"resourceType": "User"},
                "roles": [],
                "userName": "zoe.lund@fjordlight.example",
                "name": {"givenName": "Zoë", "familyName": "Lund"},
                "emails": [
                    {"type": "work", "value": "zoe.lund@fjordlight.example", "primary": true},
                    {"type": "personal", "value": "zoe07@post.example"},
                    {"type": "alternate1", "value": "zoe07@choir.example"},
                    {"type": "alternate2", "value": "zoe07@council.example"},
                ],
                JOSTLE: {
                    "alternateEmail1Label": "Choir",
                    "alternateEmail2Label": "Works council",
                },
                "title": "Care Lead",
            })
        );
        assert_eq!(value_of(&mapped(App::Jostle, &user, false), OLD.1), None);
    }
}
