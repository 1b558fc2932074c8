//! The parsed form of a filter: conditions over values.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::property::Property;

/// Why a text is not a filter: the position, in characters from 1, and what is expected there. Never
/// repeats a value; repeats an unknown name only if it is short and plain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {position}: {message}")]
pub(crate) struct FilterError {
    /// The character at which parsing stopped; one past the last if the text ended too early.
    pub position: usize,
    pub(super) message: String,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Equal to the value, or to one of several; only `null` equals a missing value.
    Eq,
    /// The opposite of `Eq`.
    Ne,
    /// A later time or a larger integer.
    Gt,
    /// `Gt` or equal.
    Ge,
    /// An earlier time or a smaller integer.
    Lt,
    /// `Lt` or equal.
    Le,
    /// The left text contains the right.
    Contains,
    /// The left text begins with the right.
    StartsWith,
    /// The left text ends with the right.
    EndsWith,
}

/// A value written in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    /// Compared with regard to case; an enumeration word has its canonical spelling.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Nanosecond precision.
    Time(DateTime<Utc>),
    /// Equals a missing property.
    Null,
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// At least one holds.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        left: Operand,
        operator: Operator,
        right: Operand,
    },
    /// Equal to one of the values.
    In {
        left: Operand,
        values: Vec<Literal>,
    },
    /// Some element of the list matches; with `every`, all do.
    Elements {
        list: &'static str,
        every: bool,
        condition: Box<Condition>,
    },
    Constant(bool),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// The key is set only for a free map.
    Property {
        property: &'static Property,
        key: Option<String>,
    },
    Literal(Literal),
    Lower(Box<Operand>),
    Upper(Box<Operand>),
}

/// A value of the entry that is being matched.
#[derive(PartialEq)]
pub(super) enum Held<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Time(DateTime<Utc>),
    Null,
}
