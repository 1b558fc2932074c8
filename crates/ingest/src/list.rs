//! Answers to queries (RFC 7644 §3.4.2): which resources match, in which order, and which page of them.
//!
//! A page is asked for by index (RFC 7644 §3.4.2.4) or by cursor (RFC 9865). A cursor carries the seq
//! of its first page, so that all its pages show one moment, whatever is written meanwhile.

use std::cmp::Ordering;
use std::time::Duration;

use event::{Attribute, Number, ResourceType, Seq, Stopwatch, Timestamp};
use projector::{LOOKUP_BYTES_MAX, View, folded};
use scim::{
    AttrPath, CursorKey, Filter, Projection, ScimError, ScimType, SearchRequest, Selection, Sort,
    SortKey,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::key::Set;

use crate::context::Context;
use crate::cuts::holds_token;
use crate::members::terms;
use crate::outcome::Stop;
use crate::render::{Living, Load, Renderer};

/// Resources in one page, when the client does not say; and at most.
pub(crate) const PAGE_DEFAULT: usize = 100;
pub(crate) const PAGE_MAX: usize = 1000;
/// A cursor is good for so long.
pub(crate) const CURSOR_SECONDS_MAX: i64 = 3600;
/// A page ends early rather than to grow beyond this.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// Looking for what matches ends here.
const SCAN_MAX: Duration = Duration::from_secs(10);
/// Comparisons that a filter makes with the members of one group: looking at one resource must not
/// take long either.
const MEMBERS_COMPARED_MAX: usize = 20_000_000;

/// A name by which a lookup found nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Missed {
    pub attribute: Attribute,
    pub value: String,
}

/// What a query found.
pub(crate) struct Found {
    /// The ListResponse.
    pub body: Vec<u8>,
    /// How many resources it holds.
    pub results: u32,
    /// Whom it concerned, if it looked for one and found one.
    pub number: Number,
    /// Whom it looked for in vain.
    pub missed: Option<Missed>,
}

/// A query over the resources of some types.
pub(crate) struct Query<'a> {
    pub view: &'a View<'a>,
    pub context: &'a Context,
    /// One for a collection, all for a search at the root.
    pub types: Vec<ResourceType>,
    pub request: &'a SearchRequest,
    pub key: &'a CursorKey,
    /// The last event that the view knows.
    pub seq: Seq,
    pub now: Timestamp,
}

/// A resource that may match, in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    created: Seq,
    number: Number,
}

/// Where a page begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// At a 1-based index.
    Index(usize),
    /// After a resource, in the order of creation.
    After(Candidate),
    /// So far into the sorted list.
    Sorted(usize),
}

/// The resources of a page.
#[derive(Default)]
struct Page {
    /// As JSON, with commas between them.
    text: Vec<u8>,
    results: usize,
    /// How many candidates they stand for.
    taken: usize,
}

/// What a cursor says.
struct Cursor {
    seq: Seq,
    issued_at_s: i64,
    count: u32,
    place: Place,
}

impl Query<'_> {
    /// Answers the query.
    pub(crate) fn answer(&self) -> Result<Found, Stop> {
        let filter = self.filter()?;
        let sort = self.sort()?;
        let by_cursor = self.request.cursor.is_some();
        let cursor = match self.request.cursor.as_deref() {
            None | Some("") => None,
            Some(text) => Some(self.open(text)?),
        };
        let count = self.count(cursor.as_ref())?;
        let seq = cursor.as_ref().map_or(self.seq, |cursor| cursor.seq);
        let place = match cursor {
            Some(cursor) => cursor.place,
            None if by_cursor => Place::Index(1),
            None => Place::Index(self.request.start_index.max(1)),
        };
        let renderer = Renderer { view: self.view, context: self.context, seq };

        // A later page of a cursor shows an earlier moment, which not every index knows.
        let plan = Plan::of(filter.as_ref(), seq == self.seq);
        let mut candidates = match &plan.index {
            Some(index) => self.indexed(&renderer, index)?,
            None => self.all(seq)?,
        };
        let first = matches!(place, Place::Index(_));
        if let Place::After(last) = place {
            candidates.drain(..candidates.partition_point(|one| *one <= last));
        }
        let enough = match (by_cursor, &sort, &plan.rest) {
            (true, None, Some(_)) if count > 0 => Some(count + 1),
            _ => None,
        };
        let matching = self.matching(&renderer, candidates, plan.rest.as_ref(), &sort, enough)?;
        let total = (first || sort.is_some())
            .then_some(matching.len())
            .filter(|total| enough.is_none_or(|enough| *total < enough));

        let skip = match place {
            Place::Index(index) => index - 1,
            Place::After(_) => 0,
            Place::Sorted(offset) => offset,
        };
        let page = self.page(&renderer, matching.iter().skip(skip).take(count))?;
        let end = skip + page.taken;
        // Index is the announced default: who did not ask for a cursor gets none.
        let goes_on = by_cursor && page.taken > 0;
        let next = goes_on.then(|| following(sort.is_some(), &matching, end)).flatten();
        let next = next.map(|place| {
            self.seal(&Cursor { seq, issued_at_s: self.now_s(), count: count as u32, place })
        });

        let lookup = filter.as_ref().and_then(lookup);
        let number = match (&lookup, matching.as_slice()) {
            (Some(_), [one]) => one.number,
            _ => Number::NOBODY,
        };
        let missed = lookup.filter(|_| first && matching.is_empty() && self.types.len() == 1);
        Ok(Found {
            results: page.results as u32,
            body: list_response(total, (!by_cursor).then_some(skip + 1), page, next.as_deref()),
            number,
            missed,
        })
    }

    /// The one type of a collection; none for a search over all.
    fn scope(&self) -> Option<&scim::ResourceType> {
        match self.types.as_slice() {
            [only] => self.context.resource_type(*only),
            _ => None,
        }
    }

    fn filter(&self) -> Result<Option<Filter>, Stop> {
        let Some(text) = &self.request.filter else { return Ok(None) };
        if holds_token(text) {
            // A lookup that finds nobody mentions its literal, and a token is no mention.
            return Err(ScimError::invalid_filter("the filter holds a secret token").into());
        }
        Ok(Some(Filter::parse(text, self.scope(), self.context.registry())?))
    }

    fn sort(&self) -> Result<Option<Sort>, Stop> {
        let Some(text) = &self.request.sort_by else { return Ok(None) };
        let registry = self.context.registry();
        Ok(Some(Sort::parse(text, self.request.descending, self.scope(), registry)?))
    }

    fn count(&self, cursor: Option<&Cursor>) -> Result<usize, Stop> {
        let invalid =
            |detail: String| Err(ScimError::new(400, Some(ScimType::InvalidCount), detail).into());
        match (self.request.count, cursor) {
            (None, Some(cursor)) => Ok(cursor.count as usize),
            (Some(count), Some(cursor)) if count != cursor.count as usize => {
                invalid("count differs from that of the first page".to_owned())
            }
            (Some(count), _) if self.request.cursor.is_some() && count > PAGE_MAX => {
                invalid(format!("count may be at most {PAGE_MAX} with a cursor"))
            }
            (Some(count), _) => Ok(count.min(PAGE_MAX)),
            (None, None) => Ok(PAGE_DEFAULT),
        }
    }

    /// All resources of the types that existed at a seq.
    fn all(&self, seq: Seq) -> Result<Vec<Candidate>, Stop> {
        let mut found = Vec::new();
        for stored in &self.types {
            let set = Set::Existing(*stored);
            let existing = self.view.members(self.context.application, set, seq)?;
            found.extend(
                existing
                    .into_iter()
                    .map(|one| Candidate { created: one.since, number: one.member }),
            );
        }
        found.sort_unstable();
        Ok(found)
    }

    fn indexed(&self, renderer: &Renderer<'_>, index: &Index) -> Result<Vec<Candidate>, Stop> {
        let application = self.context.application;
        let mut numbers = Vec::new();
        match index {
            Index::Attribute(Attribute::Id, value) => {
                for stored in &self.types {
                    numbers.extend(self.view.number_of_id(application, *stored, value)?);
                }
            }
            Index::Attribute(attribute, value) => {
                let folded = folded(*attribute, value);
                for stored in &self.types {
                    numbers.extend(self.view.lookup(application, *stored, *attribute, &folded)?);
                }
            }
            Index::Member(id) => {
                for member in self.members_called(id)? {
                    let stays = self.view.stays(application, member)?;
                    numbers.extend(
                        stays.iter().filter(|stay| stay.covers(renderer.seq)).filter_map(|stay| {
                            match stay.set {
                                Set::Members(group) => Some(group),
                                Set::Existing(_) | Set::Active => None,
                            }
                        }),
                    );
                }
            }
        }
        let mut found = Vec::with_capacity(numbers.len());
        for number in numbers {
            // An id stays in its index after the resource is deleted.
            if let Some(living) = renderer.living(number)?
                && self.types.contains(&living.version.resource_type)
            {
                found.push(Candidate { created: living.version.created_seq, number });
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The numbers that a member of this id may have: its own, and that of a mention.
    fn members_called(&self, id: &str) -> Result<Vec<Number>, Stop> {
        let application = self.context.application;
        let mut numbers = Vec::new();
        for stored in self.context.catalog.known_types() {
            numbers.extend(self.view.number_of_id(application, stored, id)?);
        }
        let folded = folded(Attribute::Id, id);
        numbers.extend(self.view.mention(
            application,
            ResourceType::NONE,
            Attribute::Id,
            &folded,
        )?);
        Ok(numbers)
    }

    /// The candidates that match, in order; with `enough`, only the first so many.
    fn matching(
        &self,
        renderer: &Renderer<'_>,
        candidates: Vec<Candidate>,
        filter: Option<&Filter>,
        sort: &Option<Sort>,
        enough: Option<usize>,
    ) -> Result<Vec<Candidate>, Stop> {
        if filter.is_none() && sort.is_none() {
            return Ok(candidates);
        }
        let looks_at = |attribute: &str| {
            filter.is_some_and(|filter| filter.looks_at(attribute))
                || sort.as_ref().is_some_and(|sort| sort.attribute() == attribute)
        };
        let load = Load { members: looks_at("members"), groups: looks_at("groups") };
        let registry = self.context.registry();
        let watch = Stopwatch::start();
        let comparisons = filter.map_or(0, terms);
        let mut matching: Vec<(Candidate, Option<SortKey>)> = Vec::new();
        for candidate in candidates {
            // One group can take seconds, so the time is looked at for each.
            if watch.elapsed() > SCAN_MAX {
                return Err(too_many().into());
            }
            let Some(living) = renderer.living(candidate.number)? else { continue };
            let resource = renderer.attributes(&living, load)?;
            let members = resource.get("members").and_then(Value::as_array).map_or(0, Vec::len);
            if members.saturating_mul(comparisons) > MEMBERS_COMPARED_MAX {
                return Err(too_many().into());
            }
            if filter.is_some_and(|one| !one.matches(living.resource_type, registry, &resource)) {
                continue;
            }
            let key = sort.as_ref().map(|sort| sort.key(living.resource_type, registry, &resource));
            matching.push((candidate, key));
            if enough == Some(matching.len()) {
                break;
            }
        }
        if let Some(sort) = sort {
            // Stable: what is equal stays in the order of creation.
            matching.sort_by(|(_, one), (_, other)| match (one, other) {
                (Some(one), Some(other)) => sort.compare(one, other),
                _ => Ordering::Equal,
            });
        }
        Ok(matching.into_iter().map(|(candidate, _)| candidate).collect())
    }

    /// Writes the resources of a page behind each other, as long as it does not grow too large.
    fn page<'c>(
        &self,
        renderer: &Renderer<'_>,
        candidates: impl Iterator<Item = &'c Candidate>,
    ) -> Result<Page, Stop> {
        let mut projections: Vec<(ResourceType, Projection)> = Vec::new();
        let mut page = Page::default();
        for candidate in candidates {
            let Some(living) = renderer.living(candidate.number)? else {
                page.taken += 1;
                continue;
            };
            let stored = living.version.resource_type;
            if !projections.iter().any(|(one, _)| *one == stored) {
                projections.push((stored, self.projection(&living)));
            }
            let projection = projections.iter().find(|(one, _)| *one == stored);
            let Some((_, projection)) = projection else { continue };
            let end = page.text.len();
            // The first is written whole, whatever its size: otherwise nobody would get on.
            let room = match page.results {
                0 => usize::MAX,
                _ => {
                    page.text.push(b',');
                    PAGE_BYTES_MAX.saturating_sub(end)
                }
            };
            if !renderer.write(&mut page.text, &living, projection, room)? {
                page.text.truncate(end);
                break;
            }
            page.results += 1;
            page.taken += 1;
        }
        Ok(page)
    }

    fn projection(&self, living: &Living<'_>) -> Projection {
        Projection::of(&self.request.selection, living.resource_type, self.context.registry())
    }

    fn now_s(&self) -> i64 {
        self.now.0.div_euclid(1_000_000)
    }

    /// What a cursor is bound to: the application and every parameter but the count, which it carries.
    fn binding(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        add(&self.context.application.to_string());
        for stored in &self.types {
            add(&stored.0.to_string());
        }
        add(self.request.filter.as_deref().unwrap_or_default());
        add(self.request.sort_by.as_deref().unwrap_or_default());
        add(if self.request.descending { "descending" } else { "ascending" });
        let (kind, names): (&str, &[String]) = match &self.request.selection {
            Selection::Default => ("default", &[]),
            Selection::Only(names) => ("only", names),
            Selection::Without(names) => ("without", names),
        };
        add(kind);
        names.iter().for_each(|name| add(name));
        let digest: [u8; 32] = hash.finalize().into();
        let mut binding = [0; 16];
        binding.copy_from_slice(&digest[..16]);
        binding
    }

    fn seal(&self, cursor: &Cursor) -> String {
        let mut bytes = vec![CURSOR_FORM];
        bytes.extend_from_slice(&self.binding());
        bytes.extend_from_slice(&cursor.seq.to_be_bytes());
        bytes.extend_from_slice(&cursor.issued_at_s.to_be_bytes());
        bytes.extend_from_slice(&cursor.count.to_be_bytes());
        let (kind, one, other) = match cursor.place {
            Place::Index(index) => (0, index as u64, 0),
            Place::After(candidate) => (1, candidate.created, candidate.number.0),
            Place::Sorted(offset) => (2, offset as u64, 0),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&one.to_be_bytes());
        bytes.extend_from_slice(&other.to_be_bytes());
        self.key.seal(&bytes)
    }

    fn open(&self, text: &str) -> Result<Cursor, Stop> {
        let invalid = || {
            let detail = "the cursor is none of this query: begin again without a cursor value";
            Stop::from(ScimError::new(400, Some(ScimType::InvalidCursor), detail))
        };
        let bytes = self.key.open(text).ok_or_else(invalid)?;
        let cursor = read_cursor(&bytes, &self.binding()).ok_or_else(invalid)?;
        let age_s = self.now_s().saturating_sub(cursor.issued_at_s);
        if age_s > CURSOR_SECONDS_MAX {
            let detail = "the cursor is too old: begin again without a cursor value";
            return Err(ScimError::new(400, Some(ScimType::ExpiredCursor), detail).into());
        }
        // A log that was set back to a backup does not reach so far any more.
        if cursor.seq > self.seq { Err(invalid()) } else { Ok(cursor) }
    }
}

/// Where the page after one begins that ends before the `end`th of what matches.
fn following(is_sorted: bool, matching: &[Candidate], end: usize) -> Option<Place> {
    let last = *matching.get(..end)?.last()?;
    let place = if is_sorted { Place::Sorted(end) } else { Place::After(last) };
    (end < matching.len()).then_some(place)
}

const CURSOR_FORM: u8 = 1;

fn read_cursor(bytes: &[u8], binding: &[u8; 16]) -> Option<Cursor> {
    let (head, rest) = bytes.split_first_chunk::<17>()?;
    if head[0] != CURSOR_FORM || head[1..] != binding[..] {
        return None;
    }
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (issued_at_s, rest) = rest.split_first_chunk::<8>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<1>()?;
    let (one, rest) = rest.split_first_chunk::<8>()?;
    let other = u32::from_be_bytes(rest.try_into().ok()?);
    let one = u64::from_be_bytes(*one);
    Some(Cursor {
        seq: Seq::from_be_bytes(*seq),
        issued_at_s: i64::from_be_bytes(*issued_at_s),
        count: u32::from_be_bytes(*count),
        place: match kind {
            [1] => Place::After(Candidate { created: one, number: Number(other) }),
            [2] => Place::Sorted(usize::try_from(one).ok()?),
            _ => return None,
        },
    })
}

fn too_many() -> ScimError {
    let seconds = SCAN_MAX.as_secs();
    let detail = format!(
        "the query looks at more resources than can be compared in {seconds} seconds: narrow it \
         by an eq on userName, externalId, displayName or an e-mail value"
    );
    ScimError::new(400, Some(ScimType::TooMany), detail)
}

/// The text of a page becomes the body in place: it may be large.
fn list_response(
    total: Option<usize>,
    start_index: Option<usize>,
    page: Page,
    next: Option<&str>,
) -> Vec<u8> {
    let mut head =
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"#.to_owned();
    if let Some(total) = total {
        head.push_str(&format!(r#""totalResults":{total},"#));
    }
    if let Some(start_index) = start_index {
        head.push_str(&format!(r#""startIndex":{start_index},"#));
    }
    if let Some(next) = next {
        head.push_str(&format!(r#""nextCursor":"{next}","#));
    }
    head.push_str(&format!(r#""itemsPerPage":{},"Resources":["#, page.results));
    let mut out = page.text;
    out.reserve_exact(head.len() + 2);
    out.splice(0..0, head.into_bytes());
    out.extend_from_slice(b"]}");
    out
}

/// Rows that hold the answer to one comparison exactly.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Index {
    /// Resources with this value.
    Attribute(Attribute, String),
    /// Groups with a member of this id.
    Member(String),
}

/// How a filter is answered: by an index, by looking, or both.
struct Plan {
    index: Option<Index>,
    /// What is left to be looked at in each candidate.
    rest: Option<Filter>,
}

impl Plan {
    /// `is_now`: the moment of the answer is the present.
    fn of(filter: Option<&Filter>, is_now: bool) -> Plan {
        let Some(filter) = filter else { return Plan { index: None, rest: None } };
        let usable = |index: &Index| is_now || index.knows_the_past();
        let terms = match filter {
            Filter::And(terms) => terms.as_slice(),
            other => std::slice::from_ref(other),
        };
        // A term that an index answers need not be looked at again.
        let exact = |(place, term)| Some((place, exact(term).filter(usable)?));
        if let Some((place, index)) = terms.iter().enumerate().find_map(exact) {
            let mut rest: Vec<Filter> = terms.to_vec();
            rest.remove(place);
            let rest = if rest.len() > 1 { Some(Filter::And(rest)) } else { rest.pop() };
            return Plan { index: Some(index), rest };
        }
        // Within one element of a list it must be, but it narrows all the same.
        let required = filter.required();
        let index = required.iter().find_map(|(path, value)| index(path, value).filter(usable));
        Plan { index, rest: Some(filter.clone()) }
    }
}

impl Index {
    /// Whether it answers for every moment: ids never change, and memberships have their time.
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
    // What is longer than a key may be was never put there.
    let fits = folded(attribute, value).len() <= LOOKUP_BYTES_MAX;
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

/// The one name by which a filter looks for somebody.
fn lookup(filter: &Filter) -> Option<Missed> {
    let (path, value) = filter.as_lookup()?;
    let attribute = indexed_attribute(&path)?;
    Some(Missed { attribute, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_with_names_are_answered_by_an_index() {
        let check = |rt: &str, text: &str, expected: Option<Index>, rest: bool| {
            let registry = scim::Registry::core();
            let filter = Filter::parse(text, registry.resource_type(rt), registry).unwrap();
            let plan = Plan::of(Some(&filter), true);
            assert_eq!((&plan.index, plan.rest.is_some()), (&expected, rest), "{text}");
            // At an earlier moment only what never changes, or has its time, is found so.
            let past = expected.as_ref().filter(|index| index.knows_the_past());
            let plan = Plan::of(Some(&filter), false);
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

    #[test]
    fn every_page_but_the_last_has_a_following_one() {
        let matching: Vec<_> =
            (1..=3).map(|number| Candidate { created: 9, number: Number(number) }).collect();
        let check = |is_sorted: bool, end: usize, expected: Option<Place>| {
            assert_eq!(following(is_sorted, &matching, end), expected, "{is_sorted} {end}");
        };
        check(false, 2, Some(Place::After(matching[1])));
        check(true, 2, Some(Place::Sorted(2)));
        for end in [0, 3, 4, usize::MAX] {
            check(false, end, None);
            check(true, end, None);
        }
    }

    #[test]
    fn a_cursor_reads_back_as_it_was_sealed_and_in_no_other_form() {
        let binding = [3; 16];
        let mut bytes = vec![CURSOR_FORM];
        bytes.extend_from_slice(&binding);
        bytes.extend_from_slice(&[0; 20]);
        bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
        bytes.push(4);
        let cursor = read_cursor(&bytes, &binding).unwrap();
        assert!(matches!(cursor.place, Place::After(Candidate { created: 9, number: Number(4) })));
        assert!(read_cursor(&bytes, &[4; 16]).is_none());
        for end in 0..bytes.len() {
            assert!(read_cursor(&bytes[..end], &binding).is_none());
        }
    }
}
