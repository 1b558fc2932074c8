//! Reads the parameters of a question from the pairs of an address.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::parameter::{Kind, Parameter, Place};

/// Why a question cannot be understood. Nothing here repeats a value that somebody sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Misread {
    /// A parameter that it does not have.
    Unknown {
        /// As it was written.
        name: String,
    },
    /// One that is given twice.
    Repeated {
        /// Its name.
        name: &'static str,
    },
    /// One whose value it does not take, or that is missing.
    Wrong {
        /// Its name.
        name: &'static str,
        /// What it takes.
        accepts: &'static str,
    },
    /// Values that have the kinds of their parameters, and not of its fields: a defect.
    Untyped,
}

/// A question, or another request, from what its address says: names of the path, then pairs of the query. Instants, zone
/// and page are looked at by name alone; whoever resolves them reads them.
///
/// # Errors
/// [`Misread`], the first in the order of the pairs.
pub fn read<'a, Q: DeserializeOwned>(
    parameters: &'static [Parameter],
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Q, Misread> {
    let find = |name: &str| parameters.iter().find(|one| one.name == name);
    let mut given = Map::new();
    for (name, text) in pairs {
        let unknown = || Misread::Unknown { name: name.to_owned() };
        let parameter = find(name).ok_or_else(unknown)?;
        let wrong = Misread::Wrong { name: parameter.name, accepts: &parameter.accepts };
        let value = parameter.value(text).ok_or(wrong)?;
        if given.insert(name.to_owned(), value).is_some() {
            return Err(Misread::Repeated { name: parameter.name });
        }
    }
    let missing = parameters.iter().find(|one| one.is_required && !given.contains_key(one.name));
    if let Some(Parameter { name, accepts, .. }) = missing {
        return Err(Misread::Wrong { name, accepts });
    }
    given.retain(|name, _| {
        let place = find(name).map(|one| one.place);
        matches!(place, Some(Place::Path | Place::Query))
    });
    // Every value has the kind that its field takes; a test asks every question.
    serde_json::from_value(given.into()).map_err(|_| Misread::Untyped)
}

impl Parameter {
    /// The value that a text means; `None` when it is none that the parameter takes.
    pub(crate) fn value(&self, text: &str) -> Option<Value> {
        match &self.kind {
            Kind::Flag | Kind::Bool => text.parse().ok().map(Value::Bool),
            Kind::Choice(words) => {
                words.iter().any(|(word, _)| word == text).then(|| Value::from(text))
            }
            Kind::Number { min, max } => {
                let number: Option<u64> = text.parse().ok();
                let fits = |number: &u64| is_digits(text) && (min..=max).contains(&number);
                number.filter(fits).map(Value::from)
            }
            Kind::Token => {
                let id: Option<u64> = text.parse().ok();
                id.filter(|_| is_digits(text)).map(|_| Value::from(text))
            }
            _ => Some(Value::from(text)),
        }
    }
}

/// Digits alone: a number's own reading takes a sign too.
fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
