//! Filters (RFC 7644 §3.4.2.2): what they say, and whether a resource matches.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use crate::error::ScimError;
use crate::path::AttrPath;
use crate::resource::Member;
use crate::schema::{Attribute, Kind, Registry, ResourceType};
use crate::value::instant;

mod parse;

pub(crate) use parse::parse_bracket;

/// A filter. Attribute paths are resolved and literals brought to the type of their attribute, so that
/// `active eq "True"` and `active eq true` are the same filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every one holds; at least two.
    And(Vec<Filter>),
    /// Any one holds; at least two.
    Or(Vec<Filter>),
    /// The inner one does not hold.
    Not(Box<Filter>),
    /// Some value of the attribute compares like this.
    Compare {
        /// The compared attribute; `sub` is filled in where only a complex attribute was named.
        path: AttrPath,
        /// How.
        op: CompareOp,
        /// With what.
        value: Literal,
    },
    /// The attribute has a value that is not empty.
    Present(AttrPath),
    /// One element of the attribute matches the inner filter, whose paths name sub-attributes.
    ValuePath {
        /// The attribute, without sub-attribute.
        path: AttrPath,
        /// What one element must match as a whole.
        filter: Box<Filter>,
    },
}

/// Operators that take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum CompareOp {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl CompareOp {
    fn is_equality(self) -> bool {
        matches!(self, CompareOp::Eq | CompareOp::Ne)
    }

    fn is_ordering(self) -> bool {
        matches!(self, CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le)
    }

    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            CompareOp::Eq => ordering.is_eq(),
            CompareOp::Ne => ordering.is_ne(),
            CompareOp::Gt => ordering.is_gt(),
            CompareOp::Ge => ordering.is_ge(),
            CompareOp::Lt => ordering.is_lt(),
            CompareOp::Le => ordering.is_le(),
            CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
        }
    }
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of JSON")]
pub enum Literal {
    String(String),
    Number(Number),
    Boolean(bool),
    /// Equal to being unassigned.
    Null,
}

impl Literal {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Literal::String(text) => Value::String(text.clone()),
            Literal::Number(number) => Value::Number(number.clone()),
            Literal::Boolean(value) => Value::Bool(*value),
            Literal::Null => Value::Null,
        }
    }
}

/// The form in which texts are compared where the schema does not set `caseExact`: every character in
/// lower, then upper, then lower case (Unicode, without regard to a language), each by itself, so that
/// the form of a prefix is a prefix of the form. Texts have one form if they differ only in case, also
/// where cases are not pairs: `ς` and `σ`, `ſ` and `s`, `ß` and `SS`.
///
/// The form may be longer than the text, and is its own form.
pub fn fold(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            form.push(c.to_ascii_lowercase());
            continue;
        }
        // Lower case first: `ẞ` is upper case as it is, but its lower case is `SS` in upper case.
        for upper in c.to_lowercase().flat_map(char::to_uppercase) {
            form.extend(upper.to_lowercase());
        }
    }
    form
}

impl Filter {
    /// Reads a filter for resources of one type, or of any (a search at the root).
    ///
    /// Besides the grammar of the RFC it takes what clients send: texts without quotes, booleans in any
    /// case or in quotes, `attr[filter].sub eq value`, and `+` or any white space (Unicode) around
    /// words and brackets.
    /// At most 8 KiB, 1 000 comparisons and 32 nested brackets.
    /// Refuses, as 400 `invalidFilter`, comparing `password`: every answer would tell something of it.
    pub fn parse(
        text: &str,
        rt: Option<&ResourceType>,
        registry: &Registry,
    ) -> Result<Filter, ScimError> {
        parse::parse(text, rt, registry)
    }

    /// Whether a resource matches; its names are in schema spelling, and it holds whatever is to be
    /// found (`id`, `meta`, `members`...).
    ///
    /// An attribute with several values matches if any of them does. Unknown and absent attributes are
    /// unassigned: equal to `null`, not equal to anything else.
    pub fn matches(
        &self,
        rt: &ResourceType,
        registry: &Registry,
        resource: &Map<String, Value>,
    ) -> bool {
        self.holds(Scope::Resource { rt, registry, resource })
    }

    /// Whether a member matches a filter of [`crate::MemberOperation::RemoveMatching`]. Only what is
    /// kept of a member can be compared: `value` and `type`.
    pub fn matches_member(&self, rt: &ResourceType, registry: &Registry, member: &Member) -> bool {
        let members = registry.attribute(Some(rt), &Member::path());
        self.matches_element(members, &member.to_json())
    }

    /// Whether one element of an attribute matches a filter over its sub-attributes.
    pub(crate) fn matches_element(&self, attribute: Option<&Attribute>, element: &Value) -> bool {
        self.holds(Scope::Element { attribute, element })
    }

    /// Attribute and text, if the filter is a single `eq` with a text: what an index can answer.
    /// A filter on one element of a list is none.
    pub fn as_equality(&self) -> Option<(&AttrPath, &str)> {
        match self {
            Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(text) } => {
                Some((path, text))
            }
            _ => None,
        }
    }

    /// How many comparisons it makes at the most; with a long text it is one more for every so many
    /// bytes.
    pub(crate) fn weight(&self, bytes: usize) -> usize {
        match self {
            Filter::And(terms) | Filter::Or(terms) => {
                terms.iter().map(|term| term.weight(bytes)).sum()
            }
            Filter::Not(term) | Filter::ValuePath { filter: term, .. } => term.weight(bytes),
            Filter::Compare { value: Literal::String(text), .. } => 1 + text.len() / bytes,
            Filter::Compare { .. } | Filter::Present(_) => 1,
        }
    }

    fn holds(&self, scope: Scope<'_>) -> bool {
        match self {
            Filter::And(terms) => terms.iter().all(|term| term.holds(scope)),
            Filter::Or(terms) => terms.iter().any(|term| term.holds(scope)),
            Filter::Not(term) => !term.holds(scope),
            Filter::Present(path) => scope.values(path).1.into_iter().any(is_present),
            Filter::ValuePath { path, filter } => {
                let (attribute, elements) = scope.values(path);
                elements.into_iter().any(|element| filter.matches_element(attribute, element))
            }
            Filter::Compare { path, op, value } => {
                let (attribute, values) = scope.values(path);
                match (value, values.is_empty()) {
                    (Literal::Null, unassigned) => unassigned == (*op == CompareOp::Eq),
                    (_, true) => *op == CompareOp::Ne,
                    (literal, false) => {
                        values.into_iter().any(|value| compare(attribute, *op, value, literal))
                    }
                }
            }
        }
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Where the paths of a filter begin.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource { rt: &'a ResourceType, registry: &'a Registry, resource: &'a Map<String, Value> },
    Element { attribute: Option<&'a Attribute>, element: &'a Value },
}

impl<'a> Scope<'a> {
    /// What a path names, as the schema has it, and every value there; none if unassigned.
    fn values(self, path: &AttrPath) -> (Option<&'a Attribute>, Vec<&'a Value>) {
        let (attribute, found) = match self {
            Scope::Resource { rt, registry, resource } => {
                let attribute = registry.attribute(Some(rt), path);
                let found = match path.schema.as_deref() {
                    Some(urn) if urn != rt.schema => resource
                        .get(urn)
                        .and_then(Value::as_object)
                        .and_then(|extension| extension.get(&path.attribute)),
                    _ => resource.get(&path.attribute),
                };
                (attribute, found)
            }
            Scope::Element { attribute, element } => {
                let found = match element {
                    Value::Object(object) => object.get(&path.attribute),
                    // An element of a simple list has nothing but its value.
                    simple => (path.attribute == "value").then_some(simple),
                };
                (attribute.and_then(|one| one.sub(&path.attribute)), found)
            }
        };
        let elements = match found {
            None | Some(Value::Null) => [].as_slice(),
            Some(Value::Array(list)) => list,
            Some(single) => std::slice::from_ref(single),
        };
        match &path.sub {
            None => (attribute, elements.iter().collect()),
            Some(sub) => (
                attribute.and_then(|one| one.sub(sub)),
                elements.iter().filter_map(|one| one.get(sub)).collect(),
            ),
        }
    }
}

fn compare(attribute: Option<&Attribute>, op: CompareOp, value: &Value, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::String(value), Literal::String(literal)) => {
            compare_text(attribute, op, value, literal)
        }
        (Value::Bool(value), Literal::Boolean(literal)) => {
            op.is_equality() && op.accepts(value.cmp(literal))
        }
        (Value::Number(value), Literal::Number(literal)) => {
            let ordering = match (value.as_i64(), literal.as_i64()) {
                (Some(value), Some(literal)) => Some(value.cmp(&literal)),
                _ => value.as_f64().partial_cmp(&literal.as_f64()),
            };
            ordering.is_some_and(|ordering| op.accepts(ordering))
        }
        _ => op == CompareOp::Ne,
    }
}

fn compare_text(attribute: Option<&Attribute>, op: CompareOp, value: &str, literal: &str) -> bool {
    let is_instant = attribute.is_some_and(|one| one.kind == Kind::DateTime);
    if is_instant
        && (op.is_equality() || op.is_ordering())
        && let (Some(value), Some(literal)) = (instant(value), instant(literal))
    {
        return op.accepts(value.cmp(&literal));
    }
    if attribute.is_some_and(|one| one.case_exact) {
        return compare_exact(op, value, literal);
    }
    compare_exact(op, &fold(value), &fold(literal))
}

fn compare_exact(op: CompareOp, value: &str, literal: &str) -> bool {
    match op {
        CompareOp::Co => value.contains(literal),
        CompareOp::Sw => value.starts_with(literal),
        CompareOp::Ew => value.ends_with(literal),
        _ => op.accepts(value.cmp(literal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource() -> Map<String, Value> {
        let value = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "Ab-1",
            "externalId": "jdoe",
            "userName": "Åsa@fjord.example",
            "name": {"familyName": "Lund"},
            "active": false,
            "title": "",
            "emails": [
                {"type": "work", "value": "asa@fjord.example", "primary": true},
                {"type": "home", "value": "asa@home.example"},
            ],
            "roles": [{"value": "7", "primary": true}],
            "meta": {"created": "2026-03-01T10:00:00Z", "version": "W/\"1842\""},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "department": "Pilots", "manager": {"value": "u-7"},
            },
        });
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let registry = Registry::core();
        let rt = registry.resource_type("User").unwrap();
        for scope in [Some(rt), None] {
            let filter = Filter::parse(text, scope, registry).unwrap();
            let got = filter.matches(rt, registry, &resource());
            assert_eq!(got, expected, "{text}: {filter:?}");
        }
    }

    #[test]
    fn texts() {
        check(r#"userName eq "åSA@FJORD.example""#, true);
        check(r#"userName eq "\u00e5sa@fjord.example""#, true);
        check(r#"userName ne "åsa@fjord.example""#, false);
        check(r#"userName sw "ÅSA""#, true);
        check(r#"userName ew "EXAMPLE""#, true);
        check(r#"userName co "@FJORD""#, true);
        check(r#"name.familyName gt "luna""#, true);
        check(r#"name.familyName le "lund""#, true);
        check(r#"name.familyName lt "lund""#, false);
        check(r#"id eq "ab-1""#, false);
        check(r#"id eq "Ab-1""#, true);
        check(r#"externalId eq "JDOE""#, false);
        check("externalId eq jdoe", true);
        check("EXTERNALID+eq+jdoe", true);
        check(r#"meta.version eq "W/\"1842\"""#, true);
    }

    #[test]
    fn booleans_and_instants() {
        check("active eq false", true);
        check("active eq False", true);
        check(r#"active eq "False""#, true);
        check("active ne true", true);
        check(r#"roles[primary eq "True"].value eq "7""#, true);
        check("roles.value eq 7", true);
        check(r#"meta.created eq "2026-03-01T11:00:00+01:00""#, true);
        check(r#"meta.created gt "2026-03-01T10:30:00+01:00""#, true);
        check(r#"meta.created lt "2026-03-01T10:00:00.000Z""#, false);
        check(r#"meta.created sw "2026-03""#, true);
    }

    #[test]
    fn several_values() {
        check(r#"emails eq "asa@home.example""#, true);
        check(r#"emails.type eq "work" and emails.value co "@home""#, true);
        check(r#"emails[type eq "work" and value co "@home"]"#, false);
        check(r#"emails[type eq "home" and value co "@home"]"#, true);
        check(r#"emails[type eq "WORK"].value ew "fjord.example""#, true);
        check(r#"emails[type eq "home"].primary pr"#, false);
        check(r#"emails[not (type eq "work")].value pr"#, true);
        check(r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#, true);
    }

    #[test]
    fn extensions() {
        let urn = "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check(&format!(r#"{urn}:department eq "pilots""#), true);
        check(&format!(r#"{urn}:manager eq "u-7""#), true);
        check(&format!(r#"{urn}:manager.value eq "U-7""#), false);
        check(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "å""#, true);
        check(r#"department eq "Pilots""#, false);
    }

    #[test]
    fn presence_and_unassigned() {
        check("emails pr", true);
        check("title pr", false);
        check("nickName pr", false);
        check("name PR", true);
        check("shoeSize pr", false);
        check(r#"shoeSize eq "44""#, false);
        check(r#"nickName ne "Bo""#, true);
        check("nickName eq null", true);
        check("userName eq null", false);
        check("userName ne null", true);
        check("nickName gt \"a\"", false);
    }

    #[test]
    fn precedence() {
        check("active eq true and id pr or userName pr", true);
        check("active eq true and (id pr or userName pr)", false);
        check("not(active eq true) AND NOT (nickName pr)", true);
        check("not (active eq false) or id pr", true);
    }

    #[test]
    fn equality() {
        let registry = Registry::core();
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let filter = Filter::parse(text, registry.resource_type("User"), registry).unwrap();
            let got = filter.as_equality().map(|(path, text)| (path.to_string(), text));
            let expected = expected.map(|(path, text)| (path.to_owned(), text));
            assert_eq!(got, expected, "{text}");
        };
        check(r#"username Eq "x""#, Some(("userName", "x")));
        check("externalId eq 1042", Some(("externalId", "1042")));
        check(r#"(emails eq "x")"#, Some(("emails.value", "x")));
        check(r#"emails[type eq "work"].value eq "x""#, None);
        check(r#"userName ne "x""#, None);
        check("active eq true", None);
        check(r#"userName eq "x" and active eq true"#, None);
    }

    #[test]
    fn members() {
        let registry = Registry::core();
        let rt = registry.resource_type("Group").unwrap();
        let members = registry.attribute(Some(rt), &Member::path());
        let check = |text: &str, expected: bool| {
            let (filter, _) = parse_bracket(text, members, registry).unwrap();
            let member = Member { value: "u-1".to_owned(), kind: Some("User".to_owned()) };
            let got = filter.matches_member(rt, registry, &member);
            assert_eq!(got, expected, "{text}");
        };
        check(r#"type eq "user"]"#, true);
        check(r#"value sw "u-" and type ne "User"]"#, false);
        check(r#"value eq "U-1"]"#, false);
        check("display pr]", false);
    }

    #[test]
    fn folding_is_by_character() {
        assert_eq!(fold("ÅSA Σ"), "åsa σ");
        assert!(fold("ΟΔΟΣ").starts_with(&fold("Οδοσ")));
        assert!(fold("οδος και").starts_with(&fold("ΟΔΟΣ")));
    }

    #[test]
    fn folding_unites_cases_that_are_no_pairs() {
        for (one, other) in [
            ("ΟΔΟΣ", "οδος"),
            ("ſam", "SAM"),
            ("\u{b5}", "\u{3bc}"),
            ("straße", "STRASSE"),
            ("STRAẞE", "straße"),
            ("ﬁn", "FIN"),
        ] {
            assert_eq!(fold(one), fold(other));
            let filter = Filter::Compare {
                path: AttrPath { schema: None, attribute: "userName".to_owned(), sub: None },
                op: CompareOp::Eq,
                value: Literal::String(other.to_owned()),
            };
            let registry = Registry::core();
            let rt = registry.resource_type("User").unwrap();
            let user = json!({"userName": one});
            assert!(filter.matches(rt, registry, user.as_object().unwrap()), "{one} {other}");
        }
    }

    #[test]
    fn folding_does_not_see_case() {
        for c in '\0'..=char::MAX {
            let form = fold(&c.to_string());
            assert_eq!(fold(&form), form, "{c:?}");
            assert_eq!(fold(&c.to_lowercase().to_string()), form, "{c:?}");
            assert_eq!(fold(&c.to_uppercase().to_string()), form, "{c:?}");
        }
    }
}
