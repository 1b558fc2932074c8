//! Filters (RFC 7644 §3.4.2.2): their form, and whether a resource matches.

use std::cmp::Ordering;

use caseless::case_folded;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::limits::{Budget, ELEMENT_BYTES};
use crate::member::Member;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, Registry, ResourceType};
use crate::value::instant;

mod lookup;
mod number;
mod parse;

pub use number::Numeral;
pub(crate) use parse::parse_bracket;

/// This many comparisons cost as much as looking at one element once.
const COMPARISONS: usize = 3;

/// A filter. Attribute paths are resolved and literals converted to the type of their attribute, so that
/// `active eq "True"` and `active eq true` are the same filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All match; at least two.
    And(Vec<Filter>),
    /// Any matches; at least two.
    Or(Vec<Filter>),
    /// The inner one does not match.
    Not(Box<Filter>),
    /// Some value of the attribute compares so.
    Compare {
        /// The compared attribute. `sub` is `value` if the text only named a complex attribute.
        path: AttrPath,
        /// The operator.
        op: CompareOp,
        /// The value to compare with.
        value: Literal,
    },
    /// The attribute has a value that is not empty.
    Present(AttrPath),
    /// One element of the attribute matches the inner filter, whose paths name sub-attributes.
    ValuePath {
        /// The attribute, without sub-attribute.
        path: AttrPath,
        /// The filter that one element must match.
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
    String(Text),
    Number(Numeral),
    Boolean(bool),
    /// Equal to being unassigned.
    Null,
}

impl Literal {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Literal::String(text) => Value::String(text.as_str().to_owned()),
            Literal::Number(number) => Value::Number(number.as_number().clone()),
            Literal::Boolean(value) => Value::Bool(*value),
            Literal::Null => Value::Null,
        }
    }
}

/// A string to compare with. Its other forms are computed once, because a filter may be applied to every
/// resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    written: String,
    case_folded: String,
    instant: Option<DateTime<Utc>>,
}

impl Text {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl From<String> for Text {
    fn from(written: String) -> Text {
        Text { case_folded: case_folded(&written), instant: instant(&written), written }
    }
}

impl Filter {
    /// Reads a filter for resources of one type, or of any type (a search at the root).
    ///
    /// Besides the grammar of the RFC it accepts what clients send: strings without quotes, booleans in
    /// any case or in quotes, `attr[filter].sub eq value`, and `+` or any Unicode white space around
    /// words and brackets. At most 8 KiB, 1,000 comparisons and 32 nested brackets.
    ///
    /// 400 `invalidFilter` for anything else, and for `password`: a filter could be used to guess it.
    pub fn parse(
        text: &str,
        rt: Option<&ResourceType>,
        registry: &Registry,
    ) -> Result<Filter, ScimError> {
        parse::parse(text, rt, registry)
    }

    /// Whether a resource matches. Its names must be spelled as in the schema, and it must hold
    /// everything that the filter may use (`id`, `meta`, `members`, …).
    ///
    /// A multi-valued attribute matches if any of its values does. Unknown and absent attributes are
    /// unassigned: equal to `null`, and not equal to anything else.
    pub fn matches(
        &self,
        rt: &ResourceType,
        registry: &Registry,
        resource: &Map<String, Value>,
    ) -> bool {
        self.holds(Scope::Resource { rt, registry, resource })
    }

    /// Whether a member matches a filter of [`crate::MemberOperation::RemoveMatching`]. Only the fields
    /// of [`Member`] can be compared.
    pub fn matches_member(&self, rt: &ResourceType, registry: &Registry, member: &Member) -> bool {
        let members = registry.attribute(Some(rt), &Member::path());
        self.matches_element(members, &member.to_json())
    }

    /// Whether one element of an attribute matches a filter over its sub-attributes.
    pub(crate) fn matches_element(&self, attribute: Option<&Attribute>, element: &Value) -> bool {
        self.holds(Scope::Element { attribute, element })
    }

    /// The maximum number of comparisons it makes. A string counts once more for each `bytes` of its
    /// length.
    pub(crate) fn weight(&self, bytes: usize) -> usize {
        match self {
            Filter::And(terms) | Filter::Or(terms) => {
                terms.iter().map(|term| term.weight(bytes)).sum()
            }
            Filter::Not(term) | Filter::ValuePath { filter: term, .. } => term.weight(bytes),
            Filter::Compare { value: Literal::String(text), .. } => 1 + text.as_str().len() / bytes,
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

/// What the paths of a filter are relative to.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource { rt: &'a ResourceType, registry: &'a Registry, resource: &'a Map<String, Value> },
    Element { attribute: Option<&'a Attribute>, element: &'a Value },
}

impl<'a> Scope<'a> {
    /// The schema's attribute for a path, and all values there; none if unassigned.
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
                    // An element of a simple list has only its value.
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
            op.accepts(literal.compare(value).reverse())
        }
        _ => op == CompareOp::Ne,
    }
}

fn compare_text(attribute: Option<&Attribute>, op: CompareOp, value: &str, literal: &Text) -> bool {
    let is_instant = attribute.is_some_and(|one| one.kind == Kind::DateTime);
    if is_instant
        && (op.is_equality() || op.is_ordering())
        && let (Some(value), Some(literal)) = (instant(value), literal.instant)
    {
        return op.accepts(value.cmp(&literal));
    }
    if attribute.is_some_and(|one| one.case_exact) {
        return compare_exact(op, value, &literal.written);
    }
    compare_case_folded(op, value, &literal.case_folded)
}

/// Compares a string, case-folded, with `form`, which is. Most strings are ASCII and need no copy.
fn compare_case_folded(op: CompareOp, value: &str, form: &str) -> bool {
    if !value.is_ascii() {
        return compare_exact(op, &case_folded(value), form);
    }
    let (bytes, form_bytes) = (value.as_bytes(), form.as_bytes());
    let is_form = |part: &[u8]| part.eq_ignore_ascii_case(form_bytes);
    match op {
        // The standard library's search is linear in the worst case.
        CompareOp::Co => value.to_ascii_lowercase().contains(form),
        CompareOp::Sw => bytes.get(..form.len()).is_some_and(is_form),
        CompareOp::Ew => {
            let start = bytes.len().checked_sub(form.len());
            start.and_then(|start| bytes.get(start..)).is_some_and(is_form)
        }
        // UTF-8 bytes sort like the characters.
        _ => op.accepts(bytes.iter().map(u8::to_ascii_lowercase).cmp(form.bytes())),
    }
}

fn compare_exact(op: CompareOp, value: &str, literal: &str) -> bool {
    match op {
        CompareOp::Co => value.contains(literal),
        CompareOp::Sw => value.starts_with(literal),
        CompareOp::Ew => value.ends_with(literal),
        _ => op.accepts(value.cmp(literal)),
    }
}

impl Budget {
    /// Charges for testing each element of a list.
    pub(crate) fn filter(
        &mut self,
        list: &[Value],
        filter: Option<&Filter>,
    ) -> Result<(), ScimError> {
        self.look_often(list, filter.map_or(1, |one| 1 + one.weight(ELEMENT_BYTES) / COMPARISONS))
    }
}

#[cfg(test)]
mod tests;
