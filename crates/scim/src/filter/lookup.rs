//! How a filter can use an index.

use super::{CompareOp, Filter, Literal};
use crate::member::Member;
use crate::path::AttrPath;

impl Filter {
    /// Attribute and string, if the filter is a single `eq` with a string, which an index can answer.
    /// `None` for a filter in brackets.
    pub fn as_equality(&self) -> Option<(&AttrPath, &str)> {
        match self {
            Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(text) } => {
                Some((path, text.as_str()))
            }
            _ => None,
        }
    }

    /// Attribute and string, if the filter looks up one name: a single `eq` with a string, or `eq`
    /// tests of one element of a list with exactly one on its `value`. For `emails[type eq "work" and
    /// value eq "x"]` the attribute is `emails.value`.
    pub fn as_lookup(&self) -> Option<(AttrPath, &str)> {
        if let Filter::ValuePath { path, filter } = self {
            let terms = match filter.as_ref() {
                Filter::And(terms) => terms.as_slice(),
                single => std::slice::from_ref(single),
            };
            if !terms.iter().all(|term| matches!(term, Filter::Compare { op: CompareOp::Eq, .. })) {
                return None;
            }
            let mut texts = terms.iter().filter(|term| is_of_value(term));
            let (text, more) = (texts.next(), texts.next());
            let (_, text) = text.filter(|_| more.is_none())?.as_equality()?;
            return Some((path.with_sub(Some("value")), text));
        }
        self.as_equality().map(|(path, text)| (path.clone(), text))
    }

    /// Attributes and strings that every match must have. An index of any of them finds all matches, and
    /// perhaps others. Empty if no such test is required.
    pub fn required(&self) -> Vec<(AttrPath, String)> {
        let mut found = Vec::new();
        self.each_required(&mut |term| match term {
            Filter::ValuePath { path, filter } => filter.each_required(&mut |inner| {
                if is_of_value(inner)
                    && let Some((_, text)) = inner.as_equality()
                {
                    found.push((path.with_sub(Some("value")), text.to_owned()));
                }
            }),
            other => {
                if let Some((path, text)) = other.as_equality() {
                    found.push((path.clone(), text.to_owned()));
                }
            }
        });
        found
    }

    /// A filter over members in which `id_of` replaces the ids compared by `eq` and `ne`. A comparison of
    /// `$ref` becomes one of `value`. Other comparisons stay.
    pub fn with_member_ids(&self, id_of: &mut dyn FnMut(&str) -> Option<String>) -> Filter {
        match self {
            Filter::And(terms) => {
                Filter::And(terms.iter().map(|term| term.with_member_ids(id_of)).collect())
            }
            Filter::Or(terms) => {
                Filter::Or(terms.iter().map(|term| term.with_member_ids(id_of)).collect())
            }
            Filter::Not(term) => Filter::Not(Box::new(term.with_member_ids(id_of))),
            Filter::Compare { path, op, value: Literal::String(text) }
                if op.is_equality() && ["value", "$ref"].contains(&path.attribute.as_str()) =>
            {
                match id_of(text.as_str()) {
                    None => self.clone(),
                    Some(id) => Filter::Compare {
                        path: AttrPath { attribute: "value".to_owned(), ..path.clone() },
                        op: *op,
                        value: Literal::String(id.into()),
                    },
                }
            }
            Filter::Compare { .. } | Filter::Present(_) | Filter::ValuePath { .. } => self.clone(),
        }
    }

    /// The same for a filter over resources: replaces the ids compared with `members.value` or
    /// `members.$ref`.
    pub fn with_ids_of_members(&self, id_of: &mut dyn FnMut(&str) -> Option<String>) -> Filter {
        match self {
            Filter::And(terms) => {
                Filter::And(terms.iter().map(|term| term.with_ids_of_members(id_of)).collect())
            }
            Filter::Or(terms) => {
                Filter::Or(terms.iter().map(|term| term.with_ids_of_members(id_of)).collect())
            }
            Filter::Not(term) => Filter::Not(Box::new(term.with_ids_of_members(id_of))),
            Filter::ValuePath { path, filter } if Member::is_at(path) => Filter::ValuePath {
                path: path.clone(),
                filter: Box::new(filter.with_member_ids(id_of)),
            },
            Filter::Compare { path, op, value: Literal::String(text) }
                if Member::is_at(path)
                    && op.is_equality()
                    && matches!(path.sub.as_deref(), Some("value" | "$ref")) =>
            {
                match id_of(text.as_str()) {
                    None => self.clone(),
                    Some(id) => Filter::Compare {
                        path: path.with_sub(Some("value")),
                        op: *op,
                        value: Literal::String(id.into()),
                    },
                }
            }
            Filter::Compare { .. } | Filter::Present(_) | Filter::ValuePath { .. } => self.clone(),
        }
    }

    /// Visits the terms that every match must match.
    fn each_required<'a>(&'a self, visit: &mut dyn FnMut(&'a Filter)) {
        match self {
            Filter::And(terms) => terms.iter().for_each(|term| term.each_required(visit)),
            other => visit(other),
        }
    }

    /// Whether a path in the filter names this top-level attribute, spelled as in the schema. If not, the
    /// attribute need not be loaded. An extension's attribute of the same name counts too.
    pub fn looks_at(&self, attribute: &str) -> bool {
        match self {
            Filter::And(terms) | Filter::Or(terms) => {
                terms.iter().any(|term| term.looks_at(attribute))
            }
            Filter::Not(term) => term.looks_at(attribute),
            // Paths inside the brackets name its parts.
            Filter::Compare { path, .. }
            | Filter::Present(path)
            | Filter::ValuePath { path, .. } => path.attribute == attribute,
        }
    }
}

/// Whether a test of one element compares its `value`.
fn is_of_value(term: &Filter) -> bool {
    matches!(term, Filter::Compare { path, .. } if path.attribute == "value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;

    fn parse(text: &str) -> Filter {
        let registry = Registry::core();
        Filter::parse(text, registry.resource_type("User"), registry).unwrap()
    }

    #[test]
    fn equality() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let filter = parse(text);
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
    fn lookups() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let filter = parse(text);
            let got = filter.as_lookup().map(|(path, text)| (path.to_string(), text));
            assert_eq!(got, expected.map(|(path, text)| (path.to_owned(), text)), "{text}");
        };
        check(r#"username Eq "x""#, Some(("userName", "x")));
        check(r#"emails eq "x""#, Some(("emails.value", "x")));
        check(r#"emails[type eq "work"].value eq "x""#, Some(("emails.value", "x")));
        check(r#"EMAILS[Value eq "x" and primary eq true]"#, Some(("emails.value", "x")));
        check(r#"emails[value eq "x"]"#, Some(("emails.value", "x")));
        check(r#"emails[type eq "work"]"#, None);
        check(r#"emails[type ne "work" and value eq "x"]"#, None);
        check(r#"emails[type eq "work" or value eq "x"]"#, None);
        check(r#"emails[value eq "x" and value eq "y"]"#, None);
        check(r#"emails[value eq "x" and value eq null]"#, None);
        check("emails[value eq null]", None);
        check(r#"emails[type eq "work"].value sw "x""#, None);
        check(r#"userName eq "x" and active eq true"#, None);
        check(r#"not (userName eq "x")"#, None);
    }

    #[test]
    fn required_texts() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let got = parse(text).required();
            let got: Vec<(String, &str)> =
                got.iter().map(|(path, text)| (path.to_string(), text.as_str())).collect();
            let expected: Vec<(String, &str)> =
                expected.iter().map(|(path, text)| ((*path).to_owned(), *text)).collect();
            assert_eq!(got, expected, "{text}");
        };
        check(r#"userName eq "x""#, &[("userName", "x")]);
        check(
            r#"active eq true and (userName eq "x" and (id pr and emails.value eq "y"))"#,
            &[("userName", "x"), ("emails.value", "y")],
        );
        check(r#"emails[type eq "work" and value eq "x"]"#, &[("emails.value", "x")]);
        check(
            r#"emails[type pr].value eq "x" and id eq "1""#,
            &[("emails.value", "x"), ("id", "1")],
        );
        for none in [
            r#"userName eq "x" or id eq "1""#,
            r#"not (userName eq "x")"#,
            r#"userName sw "x" and active eq true"#,
            r#"emails[type eq "work"]"#,
            r#"emails[not (value eq "x")]"#,
            r#"emails[type eq "work" or value eq "x"]"#,
        ] {
            check(none, &[]);
        }
    }

    #[test]
    fn attributes_it_looks_at() {
        let check = |text: &str, attribute: &str, expected: bool| {
            assert_eq!(parse(text).looks_at(attribute), expected, "{text}");
        };
        check(r#"not (id pr or GROUPS.value eq "g")"#, "groups", true);
        check("groups pr", "groups", true);
        check(r#"id pr and groups[type eq "direct"]"#, "groups", true);
        check("urn:ietf:params:scim:schemas:core:2.0:Group:members pr", "members", true);
        check("emails.type pr and emails[type pr]", "type", false);
        check("id pr", "groups", false);
    }
}
