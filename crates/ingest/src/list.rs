//! Answers to queries (RFC 7644 §3.4.2): which resources match, in which order, and which page of them.
//!
//! A page is requested by index (RFC 7644 §3.4.2.4) or by cursor (RFC 9865). A cursor carries the seq
//! of its first page, so that all its pages show the same state, whatever is written meanwhile.

mod cursor;
mod plan;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use event::{Attribute, Flag, FlagKind, Number, ResourceType, Seq, Stopwatch, Timestamp, secret};
use projector::{View, case_folded};
use scim::{
    CursorKey, Filter, MemberId, Projection, ScimError, ScimType, SearchRequest, Sort, SortKey,
};
use serde_json::Value;
use store::key::Set;

use crate::address::percent_decode_path;
use crate::context::Context;
use crate::list::cursor::{Candidate, Cursor, Next};
use crate::list::plan::{Index, Plan};
use crate::members::{comparisons, recorded_spelling};
use crate::outcome::Stop;
use crate::render::{Load, Renderer};

pub(crate) use crate::list::plan::{FailedLookup, lookup};

/// Resources in one page: by default, and at most.
pub(crate) const PAGE_DEFAULT: usize = 100;
pub(crate) const PAGE_MAX: usize = 1000;
/// A cursor expires after this.
pub(crate) const CURSOR_SECONDS_MAX: i64 = 3600;
/// A page ends early before it grows beyond this.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// A scan for matches that takes longer is refused.
const SCAN_MAX: Duration = Duration::from_secs(10);
/// At most this many comparisons with the members of one group, so that no single resource takes long
/// either.
const MEMBERS_COMPARED_MAX: usize = 20_000_000;

/// The most resources that [`Query::answer_few`] looks at.
const FEW_MAX: usize = 4;

/// What a query found.
pub(crate) struct Found {
    /// The ListResponse.
    pub body: Vec<u8>,
    /// How many resources it holds.
    pub results: u32,
    /// The resource, if the query looked one up and found it.
    pub number: Number,
    /// The name by which it found nobody.
    pub failed_lookup: Option<FailedLookup>,
    /// Flags for attributes that it filters by and the profile does not list.
    pub flags: Vec<Flag>,
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

/// A query that was read.
struct Asked {
    filter: Option<Filter>,
    sort: Option<Sort>,
    /// The most resources of a page.
    count: usize,
    /// The event as of which it is answered.
    seq: Seq,
    /// Where a later page of a cursor goes on.
    next: Option<Next>,
    plan: Plan,
}

/// The resources of a page.
#[derive(Default)]
struct Page {
    /// As JSON, with commas between them.
    text: Vec<u8>,
    results: usize,
    /// How many candidates the page covers, including those that no longer exist.
    consumed: usize,
}

impl Query<'_> {
    /// Answers the query.
    pub(crate) fn answer(&self) -> Result<Found, Stop> {
        let asked = self.asked()?;
        let candidates = self.candidates(&asked)?;
        self.found(asked, candidates)
    }

    /// Answers the query if that takes only a few rows, as a GET of the resource does: a lookup by a name
    /// that hardly two resources share, of a type without members. Providers send one before each create.
    pub(crate) fn answer_few(&self) -> Result<Option<Found>, Stop> {
        let has_members = |one: &ResourceType| self.context.catalog.has_members(*one);
        if self.request.filter.is_none() || self.types.iter().any(has_members) {
            return Ok(None);
        }
        let asked = self.asked()?;
        // The names answer the whole filter: no resource is compared with anything.
        let (Some(index), None) = (&asked.plan.index, &asked.plan.rest) else { return Ok(None) };
        if !matches!(index, Index::Attribute(Attribute::Id | Attribute::UserName, _)) {
            return Ok(None);
        }
        let renderer = self.renderer(&asked);
        let numbers = self.indexed(&renderer, index)?;
        if numbers.len() > FEW_MAX {
            return Ok(None);
        }
        let candidates = self.existing(&renderer, numbers)?;
        self.found(asked, candidates).map(Some)
    }

    /// What the client asks for.
    fn asked(&self) -> Result<Asked, Stop> {
        let filter = self.filter()?;
        let sort = self.sort()?;
        let cursor = match self.request.cursor.as_deref() {
            None | Some("") => None,
            Some(text) => Some(self.open(text)?),
        };
        let count = self.count(cursor.as_ref())?;
        let seq = cursor.as_ref().map_or(self.seq, |cursor| cursor.seq);
        // A later page of a cursor shows an earlier state, for which not every index works.
        let plan = Plan::of(filter.as_ref(), seq == self.seq, self.types_are_core());
        Ok(Asked { filter, sort, count, seq, next: cursor.map(|cursor| cursor.next), plan })
    }

    /// The resources that can match, in the order of creation.
    fn candidates(&self, asked: &Asked) -> Result<Vec<Candidate>, Stop> {
        match &asked.plan.index {
            Some(index) => {
                let renderer = self.renderer(asked);
                self.existing(&renderer, self.indexed(&renderer, index)?)
            }
            None => self.all(asked.seq),
        }
    }

    fn renderer(&self, asked: &Asked) -> Renderer<'_> {
        Renderer { view: self.view, context: self.context, seq: asked.seq }
    }

    /// The page that the client asks for.
    fn found(&self, asked: Asked, mut candidates: Vec<Candidate>) -> Result<Found, Stop> {
        let renderer = self.renderer(&asked);
        let Asked { filter, sort, count, seq, next, plan } = asked;
        let by_cursor = self.request.cursor.is_some();
        let start_index = if by_cursor { 1 } else { self.request.start_index.max(1) };
        let first = next.is_none();
        if let Some(Next::After(last)) = next {
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

        let skip = match next {
            None => start_index - 1,
            Some(Next::After(_)) => 0,
            Some(Next::Sorted(offset)) => offset,
        };
        let page = self.page(&renderer, matching.iter().skip(skip).take(count))?;
        let end = skip + page.consumed;
        // Paging by index is the announced default: a cursor is sent only to a client that asked for
        // one.
        let goes_on = by_cursor && page.consumed > 0;
        let next = goes_on.then(|| Next::of(sort.is_some(), &matching, end)).flatten();
        let next = next.map(|next| {
            let cursor = Cursor { seq, issued_at_s: self.now_s(), count: count as u32, next };
            self.key.seal(&cursor.to_bytes(&self.binding()))
        });

        let lookup = filter.as_ref().and_then(lookup);
        let number = match (&lookup, matching.as_slice()) {
            (Some(_), [one]) => one.number,
            _ => Number::NOBODY,
        };
        let failed_lookup =
            lookup.filter(|_| first && matching.is_empty() && self.types.len() == 1);
        let flags = match (&filter, self.scope()) {
            (Some(filter), Some(one)) => self.context.profile.unfilterable(one, filter),
            _ => BTreeSet::new(),
        };
        let flag = |path| Flag { kind: FlagKind::NotFilterable, path };
        Ok(Found {
            results: page.results as u32,
            body: list_response(total, (!by_cursor).then_some(skip + 1), page, next.as_deref()),
            number,
            failed_lookup,
            flags: flags.into_iter().map(flag).collect(),
        })
    }

    /// The type of a collection; `None` for a search over all types.
    fn scope(&self) -> Option<&scim::ResourceType> {
        match self.types.as_slice() {
            [only] => self.context.resource_type(*only),
            _ => None,
        }
    }

    fn filter(&self) -> Result<Option<Filter>, Stop> {
        let Some(text) = &self.request.filter else { return Ok(None) };
        if secret::holds_token(text) {
            // A lookup that finds nobody stores its literal as a mention, and no token may be stored.
            return Err(ScimError::invalid_filter(
                "the filter holds a secret token: send it without",
            )
            .into());
        }
        let filter = Filter::parse(text, self.scope(), self.context.registry())?;
        self.by_member_ids(&filter).map(Some)
    }

    /// The filter with member ids as they are on record: it may give them as an address below the
    /// application's base, or in another letter case.
    fn by_member_ids(&self, filter: &Filter) -> Result<Filter, Stop> {
        let mut failed = None;
        let filter = filter.with_ids_of_members(&mut |text| {
            let id = match MemberId::of(text, &self.context.base_url, self.context.registry()) {
                MemberId::Id(id) => id.to_owned(),
                MemberId::Addressed(id) => percent_decode_path(id),
                MemberId::Elsewhere => return None,
            };
            let id = recorded_spelling(self.view, self.context, &id).map(Cow::into_owned);
            id.map_err(|error| failed.get_or_insert(error)).ok()
        });
        failed.map_or(Ok(filter), |error| Err(error.into()))
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
                invalid("count must be the same on every page of a cursor".to_owned())
            }
            (Some(count), _) if self.request.cursor.is_some() && count > PAGE_MAX => {
                invalid(format!("count may be at most {PAGE_MAX} with a cursor"))
            }
            (Some(count), _) => Ok(count.min(PAGE_MAX)),
            (None, None) => Ok(PAGE_DEFAULT),
        }
    }

    /// All resources of these types that existed at a seq.
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

    /// Whom an index finds; some may be deleted, or of another type.
    fn indexed(&self, renderer: &Renderer<'_>, index: &Index) -> Result<Vec<Number>, Stop> {
        let application = self.context.application;
        let mut numbers = Vec::new();
        match index {
            Index::Attribute(Attribute::Id, value) => {
                for stored in &self.types {
                    numbers.extend(self.view.number_of_id(application, *stored, value)?);
                }
            }
            Index::Attribute(attribute, value) => {
                let case_folded = case_folded(*attribute, value);
                for stored in &self.types {
                    numbers.extend(self.view.lookup(
                        application,
                        *stored,
                        *attribute,
                        &case_folded,
                    )?);
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
        Ok(numbers)
    }

    /// Those that exist and are of these types, in the order of creation.
    fn existing(
        &self,
        renderer: &Renderer<'_>,
        numbers: Vec<Number>,
    ) -> Result<Vec<Candidate>, Stop> {
        let mut found = Vec::with_capacity(numbers.len());
        for number in numbers {
            // The index of ids keeps deleted resources.
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

    /// The numbers that a member with this id may have: the resource's and the mention's.
    fn members_called(&self, id: &str) -> Result<Vec<Number>, Stop> {
        let application = self.context.application;
        let mut numbers = Vec::new();
        let case_folded = case_folded(Attribute::Id, id);
        for stored in self.context.catalog.known_types() {
            numbers.extend(self.view.number_of_id(application, stored, id)?);
            numbers.extend(self.view.mention(application, stored, Attribute::Id, &case_folded)?);
        }
        // A mention without a type is found under every type.
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// The candidates that match, in order; at most `enough` of them.
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
        let comparisons = filter.map_or(0, comparisons);
        let mut matching: Vec<(Candidate, Option<SortKey>)> = Vec::new();
        for candidate in candidates {
            // One group can take seconds, so check the time for each resource.
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
            // Stable: equal resources stay in the order of creation.
            matching.sort_by(|(_, one), (_, other)| match (one, other) {
                (Some(one), Some(other)) => sort.compare(one, other),
                _ => Ordering::Equal,
            });
        }
        Ok(matching.into_iter().map(|(candidate, _)| candidate).collect())
    }

    /// Writes the resources of a page until it would grow too large.
    fn page<'c>(
        &self,
        renderer: &Renderer<'_>,
        candidates: impl Iterator<Item = &'c Candidate>,
    ) -> Result<Page, Stop> {
        let mut projections: Vec<(ResourceType, Cow<'_, Projection>)> = Vec::new();
        let mut page = Page::default();
        for candidate in candidates {
            let Some(living) = renderer.living(candidate.number)? else {
                page.consumed += 1;
                continue;
            };
            let stored = living.version.resource_type;
            if !projections.iter().any(|(one, _)| *one == stored) {
                let catalog = &self.context.catalog;
                let projection = catalog.projection(stored, &self.request.selection);
                projections.extend(projection.map(|projection| (stored, projection)));
            }
            let projection = projections.iter().find(|(one, _)| *one == stored);
            let Some((_, projection)) = projection else { continue };
            let end = page.text.len();
            // The first is written whatever its size, so that every page makes progress.
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
            page.consumed += 1;
        }
        Ok(page)
    }

    /// Whether all types have the schemas of the RFC, whose comparison rules the indexes follow.
    fn types_are_core(&self) -> bool {
        self.types.iter().all(|stored| [ResourceType::USER, ResourceType::GROUP].contains(stored))
    }

    fn binding(&self) -> [u8; 16] {
        cursor::binding(self.context.application, &self.types, self.request)
    }

    fn now_s(&self) -> i64 {
        self.now.0.div_euclid(1_000_000)
    }

    fn open(&self, text: &str) -> Result<Cursor, Stop> {
        let invalid = || {
            let detail = "the cursor does not belong to this query: start again with an empty \
                          cursor parameter";
            Stop::from(ScimError::new(400, Some(ScimType::InvalidCursor), detail))
        };
        let bytes = self.key.open(text).ok_or_else(invalid)?;
        let cursor = Cursor::from_bytes(&bytes, &self.binding()).ok_or_else(invalid)?;
        let age_s = self.now_s().saturating_sub(cursor.issued_at_s);
        if age_s > CURSOR_SECONDS_MAX {
            let detail = "the cursor has expired: start again with an empty cursor parameter";
            return Err(ScimError::new(400, Some(ScimType::ExpiredCursor), detail).into());
        }
        // After a restore from a backup the log may end before the cursor's seq.
        if cursor.seq > self.seq { Err(invalid()) } else { Ok(cursor) }
    }
}

fn too_many() -> ScimError {
    let seconds = SCAN_MAX.as_secs();
    let detail = format!(
        "the query looks at more resources than can be compared in {seconds} seconds: narrow it \
         by an eq on userName, externalId, displayName or an e-mail value"
    );
    ScimError::new(400, Some(ScimType::TooMany), detail)
}

/// Turns the text of a page into the body in place, since it may be large.
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
