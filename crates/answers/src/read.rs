//! Reads the parameters of a question from the pairs of a request.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::parameter::{Kind, Parameter, Place};

/// Why parameters cannot be read. Never holds a value that the client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Misread {
    /// The question has no such parameter.
    Unknown {
        /// The name in the request.
        name: String,
    },
    /// The parameter is given twice.
    Repeated {
        /// Its name.
        name: &'static str,
    },
    /// The parameter has a wrong value or is missing.
    Wrong {
        /// Its name.
        name: &'static str,
        /// The values that it takes.
        accepts: &'static str,
    },
    /// The values fit the kinds of their parameters, but not the fields of the type: a defect.
    Untyped,
}

/// Reads a question, or another request, from its pairs: those of the path, then those of the query. Time
/// and page parameters may be given but are left out of the result: other code reads their values.
///
/// # Errors
/// [`Misread`] for the first wrong pair, or else for the first parameter that is missing.
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
    // Each value has the kind of its parameter, which should fit its field; a test checks every question.
    serde_json::from_value(given.into()).map_err(|_| Misread::Untyped)
}

impl Parameter {
    /// The JSON value of a text; `None` if the parameter does not take it.
    pub(crate) fn value(&self, text: &str) -> Option<Value> {
        match &self.kind {
            Kind::Flag | Kind::Bool => text.parse().ok().map(Value::Bool),
            Kind::Choice(words) => {
                words.iter().any(|one| one.word == text).then(|| Value::from(text))
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

/// Whether the text has digits only. Rust's own parser would allow a `+` sign.
fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
