//! Arguments that several questions share, and how they are written in an address.

use clap::Args;

use crate::client::encoded;

/// Query parameters; those without a value are left out.
pub(crate) type Parameters = Vec<(&'static str, Option<String>)>;

/// How much of a list is shown, and as what.
#[derive(Args, Debug)]
pub(crate) struct Paging {
    /// Show at most this many rows
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show every row, page by page as they arrive; with --json still as one object
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print every row as CSV; times that were not recorded are named on stderr
    #[arg(long, conflicts_with_all = ["limit", "json"])]
    pub(crate) csv: bool,
}

impl Paging {
    /// The most rows to show; `None` for all.
    pub(crate) fn rows_max(&self) -> Option<u64> {
        (!self.all).then_some(self.limit)
    }
}

/// An address below an application's.
pub(crate) fn under(app: &str, rest: &str) -> String {
    format!("/api/v1/apps/{}/{rest}", encoded(app))
}

/// Appends the parameters that have a value to a path.
pub(crate) fn with_query(path: &str, parameters: Parameters) -> String {
    let mut address = path.to_owned();
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
    for (place, (name, value)) in given.enumerate() {
        let sign = if place == 0 { '?' } else { '&' };
        address.push_str(&format!("{sign}{name}={}", encoded(&value)));
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_asked() {
        let given = |value: &str| Some(value.to_owned());
        assert_eq!(with_query("/a", vec![("at", None), ("active", None)]), "/a");
        let both =
            vec![("at", given("-90d")), ("x", None), ("to", given("2026-03-31T17:00:00+02:00"))];
        assert_eq!(with_query("/a", both), "/a?at=-90d&to=2026-03-31T17%3A00%3A00%2B02%3A00");
    }
}
