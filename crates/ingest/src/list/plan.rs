//! How a filter is answered: by an index if there is one, and by a scan for the rest.

use event::Attribute;
use projector::{LOOKUP_BYTES_MAX, case_folded};
use scim::{AttrPath, Filter};

/// A name by which a lookup found nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FailedLookup {
    pub attribute: Attribute,
    pub value: String,
}

/// Rows that answer one comparison exactly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Index {
    /// Resources with this value.
    Attribute(Attribute, String),
    /// Groups with a member of this id.
    Member(String),
}

/// How a filter is answered: by an index, by a scan, or by both.
pub(super) struct Plan {
    pub index: Option<Index>,
    /// What must still be checked for each candidate.
    pub rest: Option<Filter>,
}

impl Plan {
    /// `is_now`: the answer shows the present. `is_core`: the indexes compare values as the schemas do,
    /// so that their matches need not be checked again.
    pub(super) fn of(filter: Option<&Filter>, is_now: bool, is_core: bool) -> Plan {
        let Some(filter) = filter else { return Plan { index: None, rest: None } };
        let usable = |index: &Index| is_now || index.knows_the_past();
        let terms = match filter {
            Filter::And(terms) => terms.as_slice(),
            other => std::slice::from_ref(other),
        };
        // A term that an index answers need not be checked again.
        let exact = |(place, term)| Some((place, exact(term).filter(usable)?));
        if let Some((place, index)) = terms.iter().enumerate().find_map(exact) {
            let mut rest: Vec<Filter> = terms.to_vec();
            if is_core {
                rest.remove(place);
            }
            let rest = if rest.len() > 1 { Some(Filter::And(rest)) } else { rest.pop() };
            return Plan { index: Some(index), rest };
        }
        // A term within a value path must also hold within one element, but its index narrows the scan.
        let required = filter.required();
        let index = required.iter().find_map(|(path, value)| index(path, value).filter(usable));
        Plan { index, rest: Some(filter.clone()) }
    }
}

impl Index {
    /// Whether it also answers for earlier seqs: ids never change, and memberships are kept over time.
    fn knows_the_past(&self) -> bool {
        matches!(self, Index::Attribute(Attribute::Id, _) | Index::Member(_))
    }
}

/// The index that answers a term.
fn exact(term: &Filter) -> Option<Index> {
    let (path, value) = term.as_equality()?;
    index(path, value)
}

fn index(path: &AttrPath, value: &str) -> Option<Index> {
    if path.attribute == "members" && path.schema.is_none() && path.sub.as_deref() == Some("value")
    {
        return Some(Index::Member(value.to_owned()));
    }
    let attribute = indexed_attribute(path)?;
    // A longer value than a key may have is not in the index.
    let fits = case_folded(attribute, value).len() <= LOOKUP_BYTES_MAX;
    fits.then(|| Index::Attribute(attribute, value.to_owned()))
}

fn indexed_attribute(path: &AttrPath) -> Option<Attribute> {
    let core = path.schema.is_none();
    match (path.attribute.as_str(), path.sub.as_deref()) {
        ("emails", Some("value")) if core => Some(Attribute::Email),
        (name, None) if core => {
            [Attribute::Id, Attribute::UserName, Attribute::ExternalId, Attribute::DisplayName]
                .into_iter()
                .find(|attribute| attribute.name() == name)
        }
        _ => None,
    }
}

/// The name that a filter looks up, if it is a lookup of one resource.
pub(crate) fn lookup(filter: &Filter) -> Option<FailedLookup> {
    let (path, value) = filter.as_lookup()?;
    let attribute = indexed_attribute(&path)?;
    Some(FailedLookup { attribute, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_with_names_are_answered_by_an_index() {
        let check = |rt: &str, text: &str, expected: Option<Index>, rest: bool| {
            let registry = scim::Registry::core();
            let filter = Filter::parse(text, registry.resource_type(rt), registry).unwrap();
            let plan = Plan::of(Some(&filter), true, true);
            assert_eq!((&plan.index, plan.rest.is_some()), (&expected, rest), "{text}");
            // Another schema may compare differently.
            let plan = Plan::of(Some(&filter), true, false);
            assert_eq!((&plan.index, plan.rest), (&expected, Some(filter.clone())), "{text}");
            // For an earlier seq only ids and memberships have an index.
            let past = expected.as_ref().filter(|index| index.knows_the_past());
            let plan = Plan::of(Some(&filter), false, true);
            let rest = if past.is_some() { rest } else { true };
            assert_eq!((plan.index.as_ref(), plan.rest.is_some()), (past, rest), "{text}");
        };
        let by = |attribute, value: &str| Some(Index::Attribute(attribute, value.to_owned()));
        check("User", r#"USERNAME Eq "m""#, by(Attribute::UserName, "m"), false);
        check("User", r#"externalId eq "7""#, by(Attribute::ExternalId, "7"), false);
        check("User", r#"active eq true and id eq "7""#, by(Attribute::Id, "7"), true);
        check("User", r#"emails eq "a@x""#, by(Attribute::Email, "a@x"), false);
        check(
            "User",
            r#"emails[type eq "work"].value eq "a@x""#,
            by(Attribute::Email, "a@x"),
            true,
        );
        check("Group", r#"members eq "7""#, Some(Index::Member("7".to_owned())), false);
        check("User", r#"userName sw "m""#, None, true);
        check("User", r#"name.givenName eq "m""#, None, true);
        check("User", r#"userName eq "m" or active eq true"#, None, true);
        check("User", &format!(r#"displayName eq "{}""#, "x".repeat(4_000)), None, true);
    }
}
