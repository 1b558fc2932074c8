//! How many operations each value of a filter has; each value is a link that adds or removes the filter.

use answers::row::FacetValue;
use answers::{Described, plain};
use askama::Template;

use crate::address::Given;
use crate::text::grouped;

/// So many values of a facet are in view; the others are folded away.
const VALUES_SHOWN: usize = 7;
/// Facets that say something even if all operations have the same value.
const ALWAYS: [&str; 2] = ["status", "app"];

/// A value of a facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    words: String,
    count: String,
    href: String,
    is_chosen: bool,
}

/// A facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facet {
    title: String,
    values: Vec<Value>,
    more: Vec<Value>,
}

/// All facets of a list.
#[derive(Template)]
#[template(path = "operations/facets.html")]
pub(super) struct Facets {
    facets: Vec<Facet>,
}

impl Facets {
    pub(super) fn new(described: &'static Described, given: &Given, rows: &[FacetValue]) -> Facets {
        let mut facets = vec![];
        for rows in rows.chunk_by(|one, next| one.facet == next.facet) {
            let name = rows[0].facet.as_str();
            let chosen = given.get(name);
            if rows.len() < 2 && chosen.is_none() && !ALWAYS.contains(&name) {
                continue;
            }
            let mut values: Vec<Value> = rows.iter().map(|row| value(given, chosen, row)).collect();
            // The chosen value stays in view.
            let place = values.iter().position(|one| one.is_chosen);
            if let Some(place) = place.filter(|place| *place >= VALUES_SHOWN) {
                let chosen = values.remove(place);
                values.insert(0, chosen);
            }
            let more = values.split_off(values.len().min(VALUES_SHOWN));
            let title = described.parameter(name).map(|one| one.label.clone());
            facets.push(Facet { title: title.unwrap_or_else(|| plain(name)), values, more });
        }
        Facets { facets }
    }
}

fn value(given: &Given, chosen: Option<&str>, row: &FacetValue) -> Value {
    let name = row.facet.as_str();
    let is_chosen = chosen == Some(row.value.as_str());
    let words = match (name, &row.label) {
        (_, Some(label)) => label.clone(),
        ("credential", None) if row.value == "none" => "no valid token".to_owned(),
        ("credential", None) => format!("token {}", row.value),
        ("status" | "action" | "effect" | "source" | "log", None) => plain(&row.value),
        _ => row.value.clone(),
    };
    let wanted = (!is_chosen).then_some(row.value.as_str());
    let mut changes = vec![(name, wanted), ("open", None), ("q", None)];
    // Only one code can be asked for at a time.
    if name == "errorCode" {
        changes.extend(["skipReason", "cycleId", "changeId"].map(|other| (other, None)));
    }
    Value { words, count: grouped(row.count), href: given.with(&changes).page(), is_chosen }
}

#[cfg(test)]
mod tests {
    use super::*;
    use answers::{Operations, described};

    #[test]
    fn a_value_adds_its_filter_and_takes_it_back() {
        let log = described::<Operations>().unwrap();
        let uri = "/operations?status=failure&cursor=x&cycleId=c&open=5".parse().unwrap();
        let given = Given::read(log, &["q", "open"], vec![], &uri);
        let row = |facet: &str, value: &str, count| FacetValue {
            facet: facet.to_owned(),
            value: value.to_owned(),
            label: None,
            count,
        };
        let mut rows = vec![row("status", "success", 1_200), row("status", "failure", 3)];
        rows.push(row("source", "recorded", 3));
        rows.extend((0..10).map(|place| row("errorCode", &format!("Code{place}"), 10 - place)));
        let facets = Facets::new(log, &given, &rows).facets;
        let [status, codes] = facets.as_slice() else { panic!("{facets:?}") };
        let links: Vec<_> = status.values.iter().map(|one| one.href.as_str()).collect();
        assert_eq!(links, ["/operations?cycleId=c&status=success", "/operations?cycleId=c"]);
        assert_eq!(status.values[0].count, "1,200");
        assert!(status.values[1].is_chosen);
        assert_eq!((codes.values.len(), codes.more.len()), (VALUES_SHOWN, 10 - VALUES_SHOWN));
        assert_eq!(codes.values[0].href, "/operations?status=failure&errorCode=Code0");
    }
}
