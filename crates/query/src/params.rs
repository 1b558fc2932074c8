//! Reads the query parameters of an address. Each name must be known and given once, and the length is
//! limited.

use axum::extract::Query as Pairs;
use axum::http::Uri;
use event::Timestamp;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::instant::{self, Role, Zone};

const QUERY_BYTES_MAX: usize = 8 << 10;
const LIMIT_DEFAULT: usize = 100;
/// The most rows of a page.
pub(crate) const LIMIT_MAX: usize = 1_000;
/// A longer unknown name is not repeated in the error.
const NAME_BYTES_MAX: usize = 40;

/// Parses the maximum number of rows of a page: 1 to 1000.
pub(crate) fn page_rows(text: &str) -> Option<usize> {
    // Digits only: `parse` would accept a sign too.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|rows| digits && (1..=LIMIT_MAX).contains(rows))
}

/// The given parameters, in the order of the known names.
pub(crate) struct Params {
    known: &'static [&'static str],
    given: Vec<(&'static str, String)>,
}

impl Params {
    /// Reads the query of an address that takes the parameters `known`.
    pub(crate) fn read(uri: &Uri, known: &'static [&'static str]) -> Result<Params, Error> {
        if uri.query().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
            return Err(Error::QueryTooLong { bytes_max: QUERY_BYTES_MAX });
        }
        // Any query parses as a list of pairs, so this cannot fail.
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Error::Defect)?;
        Params::of(pairs.0, known)
    }

    /// The same from names and values.
    pub(crate) fn of(
        pairs: impl IntoIterator<Item = (String, String)>,
        known: &'static [&'static str],
    ) -> Result<Params, Error> {
        let mut values: Vec<Option<String>> = vec![None; known.len()];
        for (name, value) in pairs {
            let Some(place) = known.iter().position(|known| *known == name) else {
                let name = Some(name).filter(|name| is_plain(name));
                return Err(Error::UnknownParameter { name, known });
            };
            if values[place].replace(value).is_some() {
                return Err(Error::RepeatedParameter { name: known[place] });
            }
        }
        let given = known.iter().zip(values);
        let given = given.filter_map(|(name, value)| Some((*name, value?))).collect();
        Ok(Params { known, given })
    }

    /// Whether the address accepts a parameter.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.known.contains(&name)
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.given.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter as an instant. Relative times count back from `now`, and dates are in the
    /// time zone `tz`.
    pub(crate) fn instant(
        &self,
        name: &'static str,
        role: Role,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let zone = self.read_as("tz", Zone::ACCEPTED, Zone::parse)?.unwrap_or(Zone::UTC);
        let read = |text: &str| instant::parse(text, role, now, zone);
        self.read_as(name, role.accepted(), read)
    }

    /// Converts the value of a parameter. The error says what the parameter takes.
    pub(crate) fn read_as<'a, T>(
        &'a self,
        name: &'static str,
        accepts: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        read(text).map(Some).ok_or(Error::Parameter { name, accepts })
    }

    /// The maximum number of rows of a page.
    pub(crate) fn limit(&self) -> Result<usize, Error> {
        let Some(text) = self.get("limit") else { return Ok(LIMIT_DEFAULT) };
        page_rows(text)
            .ok_or(Error::Parameter { name: "limit", accepts: "a number from 1 to 1000" })
    }

    /// All parameters except those for paging.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let paging = |name: &str| matches!(name, "limit" | "cursor");
        let filters = self.given.iter().filter(move |(name, _)| !paging(name));
        filters.map(|(name, value)| (*name, value.as_str()))
    }

    /// Names and values, in the order of the known names.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(name, value)| -> (&str, &str) { (name, value) })
    }

    /// The parameters for the answer's `query`, with instants unresolved.
    pub(crate) fn echo(&self) -> Map<String, Value> {
        let pairs = self.given.iter();
        pairs.map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect()
    }
}

/// Whether a text looks like a parameter's name, and not like a value or token in its place.
fn is_plain(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Params, Error> {
        let uri = format!("/x?{query}").parse().unwrap();
        Params::read(&uri, &["at", "limit", "cursor"])
    }

    #[test]
    fn values_are_unescaped_and_names_checked() {
        assert_eq!(read("at=a%3Ab&limit=3").unwrap().get("at"), Some("a:b"));
        assert_eq!(read("").unwrap().get("at"), None);
        let refusal = |query| read(query).err().unwrap().to_string();
        assert_eq!(
            refusal("sort=x"),
            "unknown parameter `sort`; this address takes at, limit, cursor"
        );
        let unnamed = "unknown parameter; this address takes at, limit, cursor";
        let (token, long) = (format!("plg_{}", "0a".repeat(32)), "x".repeat(41));
        for query in ["ana@northwind.test", "user-1=x", "=x", &token, &long] {
            assert_eq!(refusal(query), unnamed, "{query}");
        }
        assert_eq!(refusal("at=1&at=1"), "parameter `at` is given more than once");
        assert_eq!(refusal(&"x".repeat(9_000)), "the query is longer than 8192 bytes");
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(read("").unwrap().limit().unwrap(), 100);
        assert_eq!(read("limit=1").unwrap().limit().unwrap(), 1);
        assert_eq!(read("limit=1000").unwrap().limit().unwrap(), 1_000);
        for text in ["0", "1001", "-1", "%2B5", "", "x", "99999999999999999999"] {
            assert!(read(&format!("limit={text}")).unwrap().limit().is_err(), "{text}");
        }
    }
}
