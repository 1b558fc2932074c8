//! What a filter is once it was read: conditions over values.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::property::Property;

/// Why a text is no filter: where, counted in characters from 1, and what would be right there. It
/// never repeats a value; an unknown name is repeated where it is short and plain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {position}: {message}")]
pub(crate) struct FilterError {
    /// The character at which reading stopped; one past the last where the text ended too early.
    pub position: usize,
    pub(super) message: String,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Equal to it, or to one of several; nothing but `null` equals a value that is not there.
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
    /// The text holds the other.
    Contains,
    /// The text begins with the other.
    StartsWith,
    /// The text ends with the other.
    EndsWith,
}

/// A value that a filter gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    /// Compared with regard to case; the word of an enumeration stands in its own spelling.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// To the nanosecond.
    Time(DateTime<Utc>),
    /// What a property is that is not there.
    Null,
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// Every one holds.
    And(Vec<Condition>),
    /// One holds at least.
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
    /// Some element of the list fits; every one of them where `every` is set.
    Elements {
        list: &'static str,
        every: bool,
        condition: Box<Condition>,
    },
    Constant(bool),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// The key belongs to a free map and only to that.
    Property {
        property: &'static Property,
        key: Option<String>,
    },
    Literal(Literal),
    Lower(Box<Operand>),
    Upper(Box<Operand>),
}

/// A value at hand while an entry is looked at.
#[derive(PartialEq)]
pub(super) enum Held<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Time(DateTime<Utc>),
    Null,
}
