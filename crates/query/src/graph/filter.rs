//! `$filter` of the provisioning log (OData 4.01, URL conventions §5.1.1): parses a filter, matches
//! entries, and extracts what an index can answer.
//!
//! `tree.rs` has the types of a filter, `parse.rs` the grammar, `token.rs` the tokens, `property.rs` the
//! table of properties.

use std::cmp::Ordering;
use std::slice;

use serde_json::{Map, Value};

mod parse;
mod property;
mod token;
mod tree;

use tree::{Condition, Held, Operand};
pub(crate) use tree::{FilterError, Literal, Operator};

/// A filter over entries in Graph's shape. Names are resolved, and both sides of every comparison have
/// the same type.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    condition: Condition,
}

/// A comparison that every matching entry satisfies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Required<'a> {
    /// Path in canonical spelling, such as `provisioningStatusInfo/status`. Where it begins with a list
    /// (`provisioningSteps/name`), some element of the list satisfies the comparison.
    pub property: &'static str,
    /// The key as the filter spells it, if the property is a free map (`sourceIdentity/details`). Keys
    /// ignore case.
    pub key: Option<&'a str>,
    /// How the property compares with the values.
    pub operator: Operator,
    /// The values to compare with: one, or several after `in`.
    pub values: &'a [Literal],
}

impl Filter {
    /// Parses a filter from the percent-decoded query.
    ///
    /// At most 4 096 bytes, 200 nodes (names, values, functions, operators), 32 levels (parentheses,
    /// functions, `not`) and 100 values after one `in`.
    pub(crate) fn parse(text: &str) -> Result<Filter, FilterError> {
        Ok(Filter { condition: parse::parse(text, false)? })
    }

    /// The same, and accepts `action` and `statusInfo` of the beta for their successors in v1.0.
    pub(crate) fn parse_beta(text: &str) -> Result<Filter, FilterError> {
        Ok(Filter { condition: parse::parse(text, true)? })
    }

    /// Whether an entry matches; its members have Graph's spelling.
    ///
    /// A member that is missing, null or of the wrong type equals `null`, differs from every other value,
    /// and satisfies no other comparison. List elements that are not objects are skipped.
    pub(crate) fn fits(&self, entry: &Map<String, Value>) -> bool {
        self.condition.holds(entry)
    }

    /// What every matching entry satisfies: the plain comparisons joined by `and` at the top level, and
    /// those in an `any` there.
    pub(crate) fn required(&self) -> impl Iterator<Item = Required<'_>> {
        self.condition
            .terms()
            .iter()
            .flat_map(Condition::within_any)
            .filter_map(Condition::required)
    }

    /// Whether `required` is the whole filter: then every entry that satisfies it matches.
    pub(crate) fn is_all_required(&self) -> bool {
        // Two comparisons in one `any` must hold for the same element; `required` cannot say that.
        self.condition.terms().iter().all(|term| match term.within_any() {
            [only] => only.required().is_some(),
            _ => false,
        })
    }
}

impl Condition {
    /// The conditions that `and` joins here.
    fn terms(&self) -> &[Condition] {
        match self {
            Condition::And(terms) => terms,
            single => slice::from_ref(single),
        }
    }

    /// The conditions that `and` joins inside an `any`; else the condition itself.
    fn within_any(&self) -> &[Condition] {
        match self {
            Condition::Elements { every: false, condition, .. } => condition.terms(),
            other => slice::from_ref(other),
        }
    }

    fn required(&self) -> Option<Required<'_>> {
        let (left, operator, values) = match self {
            Condition::Compare { left, operator, right: Operand::Literal(value) } => {
                (left, *operator, slice::from_ref(value))
            }
            Condition::In { left, values } => (left, Operator::Eq, values.as_slice()),
            _ => return None,
        };
        let Operand::Property { property, key } = left else {
            return None;
        };
        Some(Required { property: property.path, key: key.as_deref(), operator, values })
    }

    /// Whether the condition holds for an entry, or for a list element inside `any` or `all`.
    fn holds(&self, object: &Map<String, Value>) -> bool {
        match self {
            Condition::And(terms) => terms.iter().all(|term| term.holds(object)),
            Condition::Or(terms) => terms.iter().any(|term| term.holds(object)),
            Condition::Not(term) => !term.holds(object),
            Condition::Compare { left, operator, right } => {
                operator.accepts(&left.held(object), &right.held(object))
            }
            Condition::In { left, values } => {
                let left = left.held(object);
                values.iter().any(|value| left == value.held())
            }
            Condition::Elements { list, every, condition } => {
                let elements = object.get(*list).and_then(Value::as_array);
                let mut elements = elements.into_iter().flatten().filter_map(Value::as_object);
                if *every {
                    elements.all(|element| condition.holds(element))
                } else {
                    elements.any(|element| condition.holds(element))
                }
            }
            Condition::Constant(value) => *value,
        }
    }
}

impl Operator {
    fn accepts(self, left: &Held<'_>, right: &Held<'_>) -> bool {
        match self {
            Operator::Eq => left == right,
            Operator::Ne => left != right,
            Operator::Gt => left.order(right).is_some_and(Ordering::is_gt),
            Operator::Ge => left.order(right).is_some_and(Ordering::is_ge),
            Operator::Lt => left.order(right).is_some_and(Ordering::is_lt),
            Operator::Le => left.order(right).is_some_and(Ordering::is_le),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                let (Held::Text(left), Held::Text(right)) = (left, right) else {
                    return false;
                };
                let right = right.as_ref();
                match self {
                    Operator::StartsWith => left.starts_with(right),
                    Operator::EndsWith => left.ends_with(right),
                    _ => left.contains(right),
                }
            }
        }
    }

    fn is_equality(self) -> bool {
        matches!(self, Operator::Eq | Operator::Ne)
    }

    /// The operator for exchanged sides, if there is one.
    fn mirrored(self) -> Operator {
        match self {
            Operator::Gt => Operator::Lt,
            Operator::Ge => Operator::Le,
            Operator::Lt => Operator::Gt,
            Operator::Le => Operator::Ge,
            same => same,
        }
    }
}

impl Operand {
    fn held<'a>(&'a self, object: &'a Map<String, Value>) -> Held<'a> {
        match self {
            Operand::Property { property, key } => property.held(key.as_deref(), object),
            Operand::Literal(value) => value.held(),
            Operand::Lower(inner) => match inner.held(object) {
                Held::Text(text) => Held::Text(text.to_lowercase().into()),
                other => other,
            },
            Operand::Upper(inner) => match inner.held(object) {
                Held::Text(text) => Held::Text(text.to_uppercase().into()),
                other => other,
            },
        }
    }
}

impl Literal {
    fn held(&self) -> Held<'_> {
        match self {
            Literal::Text(text) => Held::Text(text.into()),
            Literal::Integer(integer) => Held::Integer(*integer),
            Literal::Time(time) => Held::Time(*time),
            Literal::Null => Held::Null,
        }
    }
}

impl Held<'_> {
    /// The order of two integers or two times; the parser allows no other types here.
    fn order(&self, other: &Held<'_>) -> Option<Ordering> {
        match (self, other) {
            (Held::Integer(left), Held::Integer(right)) => Some(left.cmp(right)),
            (Held::Time(left), Held::Time(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
