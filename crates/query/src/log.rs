//! Lists the operations of the log: a page of those that match a filter, newest first, and their
//! number. Pure over rows and log.
//!
//! Application, credential, status, action, resource type, effect and HTTP status have few values, so a
//! filter on them selects some [`Class`]es. Pages are merged from the indexes of these classes. Counts come from the ordinals in
//! the indexes, with two reads for each class. The index of a resource has such ordinals too. Other
//! filters are checked against the summary of each operation that an index finds.
//!
//! Imported entries are listed among the operations by their source's time. So a page is merged from two
//! lists: the recorded operations in log order, and the claims in the order of their own times.

mod claims;
mod counts;

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::{ControlFlow, Range};

use event::codec::decode;
use event::{
    Action, Application, CodeKind, Credential, Effect, Number, ResourceType, Seq,
    Source as ImportSource, Status, Timestamp,
};
use projector::{Claim, OperationCounts, OperationSummary, ProjectorError, View, request_id_hash};
use store::key::{Class, Moment};
use store::{Store, StoreError};

pub use self::counts::{Buckets, ByStatus, Field, Kind};

/// Selects operations; a field that is `None` selects all.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    /// The application.
    pub application: Option<Application>,
    /// The credential they were sent with.
    pub credential: Option<Credential>,
    /// How they ended.
    pub status: Option<Status>,
    /// What they asked for.
    pub action: Option<Action>,
    /// The type of resource.
    pub resource_type: Option<ResourceType>,
    /// What they did.
    pub effect: Option<Effect>,
    /// The HTTP status that was answered.
    pub http_status: Option<u16>,
    /// The resources or persons they are on.
    pub resources: Option<BTreeSet<(Application, Number)>>,
    /// The request id.
    pub request_id: Option<String>,
    /// Imported entries only: the provider's log.
    pub log: Option<ImportSource>,
    /// Imported entries only: a code.
    pub code: Option<(CodeKind, String)>,
}

/// What a list selects. `None` leaves the whole kind out.
#[derive(Clone, Default, Debug)]
pub struct Wanted {
    /// Recorded requests and observations.
    pub recorded: Option<Filter>,
    /// Imported entries.
    pub imported: Option<Filter>,
}

impl Wanted {
    /// Both kinds by one filter. A filter that only one kind can match leaves the other out.
    pub fn both(filter: Filter) -> Wanted {
        let is_of_any = filter.code.is_none() && filter.log.is_none();
        let recorded = is_of_any.then(|| filter.clone());
        let imported = filter.request_id.is_none() && filter.http_status.is_none();
        let imported = imported.then_some(filter).and_then(Filter::by_status_of_effect);
        Wanted { recorded, imported }
    }
}

/// An item of the list of operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    /// A recorded operation.
    Recorded(OperationSummary),
    /// An imported entry.
    Imported(Claim),
}

impl Item {
    /// Its place in the list, which is sorted newest first.
    pub fn moment(&self) -> Moment {
        match self {
            Item::Recorded(one) => Moment { occurred_at: one.recorded_at, seq: one.seq },
            Item::Imported(claim) => claim.moment,
        }
    }
}

/// The stretch of time that a question is about, as a range of events and of claims.
#[derive(Clone, PartialEq, Debug)]
pub struct Stretch {
    /// The recorded events.
    pub seqs: Range<Seq>,
    /// The claims: from the first moment (included) to the second (excluded).
    pub moments: (Moment, Moment),
}

impl Stretch {
    /// The whole record, and all claims.
    pub fn all() -> Stretch {
        let start = Moment::start_of(Timestamp(i64::MIN));
        Stretch { seqs: 0..Seq::MAX, moments: (start, Moment::END) }
    }
}

impl Filter {
    fn fits_class(&self, class: Class) -> bool {
        self.application.is_none_or(|wanted| class.application == wanted)
            && self.credential.is_none_or(|wanted| class.credential == wanted)
            && self.status.is_none_or(|wanted| class.status == wanted as u8)
            && self.action.is_none_or(|wanted| class.action == wanted as u8)
            && self.resource_type.is_none_or(|wanted| class.resource_type == wanted)
            && self.effect.is_none_or(|wanted| class.effect == wanted as u8)
            && self.http_status.is_none_or(|wanted| class.http_status == wanted)
    }

    fn asks_for_classes(&self) -> bool {
        self.application.is_some() || self.asks_for_more()
    }

    /// Whether it selects by a value of the classes other than the application.
    fn asks_for_more(&self) -> bool {
        let Filter { credential, status, action, resource_type, effect, http_status, .. } = self;
        credential.is_some()
            || status.is_some()
            || action.is_some()
            || resource_type.is_some()
            || effect.is_some()
            || http_status.is_some()
    }

    /// The same filter for imported entries. The only effect that they tell is that of their status: that
    /// they were skipped. `None` if it selects none of them.
    fn by_status_of_effect(self) -> Option<Filter> {
        match (self.effect, self.status) {
            (None, _) => Some(self),
            (Some(Effect::Skipped), None | Some(Status::Skipped)) => {
                Some(Filter { effect: None, status: Some(Status::Skipped), ..self })
            }
            (Some(_), _) => None,
        }
    }
}

/// One page of the operations.
#[derive(Clone, PartialEq, Debug)]
pub struct Page {
    /// Newest first.
    pub rows: Vec<Item>,
    /// Whether the stretch has older ones.
    pub more: bool,
}

/// How many seqs are read from an index at first; doubled each time up to the maximum.
const CHUNK_FIRST: usize = 4;
const CHUNK_MAX: usize = 256;
/// If at least a quarter of all operations matches, scanning the summaries is the fastest way to a page.
const DENSE_SHARE: u64 = 4;
/// That scan stops after this many summaries for each row of the page, because what is frequent in the
/// whole log may be rare in a stretch.
const WALKED_PER_ROW_MAX: usize = 4;

/// The operations of a log.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    view: View<'a>,
    store: &'a Store,
}

impl<'a> Log<'a> {
    /// Reads from these rows and events.
    pub fn new(view: View<'a>, store: &'a Store) -> Log<'a> {
        Log { view, store }
    }

    /// The newest matching operations of a stretch, at most `limit`.
    ///
    /// # Errors
    /// Here and below, when the rows or the log cannot be read.
    pub fn page(
        &self,
        wanted: &Wanted,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Page, ProjectorError> {
        // Read one more, to see whether there are more.
        let most = limit.saturating_add(1);
        let recorded = match &wanted.recorded {
            Some(filter) => self.recorded(filter, stretch.seqs.clone(), most)?,
            None => vec![],
        };
        let claimed = match &wanted.imported {
            Some(filter) => self.claimed(filter, stretch.moments, most)?,
            None => vec![],
        };
        let mut rows = merged(recorded.into_iter().map(Item::Recorded), claimed);
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok(Page { rows, more })
    }

    /// The number of matching operations in a stretch.
    pub fn count(&self, wanted: &Wanted, stretch: &Stretch) -> Result<u64, ProjectorError> {
        let mut count = 0;
        if let Some(filter) = &wanted.recorded {
            count += self.recorded_count(filter, stretch.seqs.clone())?;
        }
        if let Some(filter) = &wanted.imported {
            count += self.claimed_count(filter, stretch.moments)?;
        }
        Ok(count)
    }

    /// The matching recorded operations in a range, newest first, at most `wanted`.
    fn recorded(
        &self,
        filter: &Filter,
        seqs: Range<Seq>,
        wanted: usize,
    ) -> Result<Vec<OperationSummary>, ProjectorError> {
        let mut rows = Vec::with_capacity(wanted.min(CHUNK_MAX));
        let mut take = |summary| {
            rows.push(summary);
            if rows.len() == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match self.sources(filter)? {
            Sources::Summaries => self.view.operations(seqs, &mut take)?,
            Sources::Classes { classes, dense } => {
                let mut left = seqs;
                if dense {
                    left = self.walk(filter, left, wanted, &mut take)?;
                }
                let (mut seqs, missing) = (vec![], wanted.saturating_sub(rows.len()));
                if missing > 0 {
                    self.merge(classes, left, &mut |seq| {
                        seqs.push(seq);
                        let is_full = seqs.len() == missing;
                        Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                    })?;
                }
                // In chunks, because an ascending page asks for a whole stretch.
                for some in seqs.chunks(CHUNK_MAX) {
                    rows.append(&mut self.view.operations_at(some)?);
                }
            }
            Sources::Few(few) => self.merge(few, seqs, &mut |seq| {
                let summary = self.summary(seq)?;
                Ok(if self.fits(filter, &summary)? {
                    take(summary)
                } else {
                    ControlFlow::Continue(())
                })
            })?,
        }
        Ok(rows)
    }

    fn recorded_count(&self, filter: &Filter, seqs: Range<Seq>) -> Result<u64, ProjectorError> {
        match self.sources(filter)? {
            Sources::Summaries => self.class_count(Class::ALL, &seqs),
            Sources::Classes { classes, .. } => classes
                .into_iter()
                .map(|source| match source {
                    Source::Class(class) => self.class_count(class, &seqs),
                    Source::Resource(..) | Source::Request(_) => Ok(0),
                })
                .sum(),
            Sources::Few(few) => {
                if let Some(count) = self.count_by_places(filter, &seqs)? {
                    return Ok(count);
                }
                let mut count = 0;
                self.visit_few(filter, few, seqs, &mut |_| count += 1)?;
                Ok(count)
            }
        }
    }

    /// The number of operations in a range on the filter's resources; `None` if it filters by more.
    fn count_by_places(
        &self,
        filter: &Filter,
        seqs: &Range<Seq>,
    ) -> Result<Option<u64>, ProjectorError> {
        let Filter { application, resources, request_id, .. } = filter;
        let is_more = filter.asks_for_more() || request_id.is_some();
        let Some(resources) = resources.as_ref().filter(|_| !is_more) else { return Ok(None) };
        let mut count = 0;
        for (of, number) in resources {
            if application.is_none_or(|wanted| wanted == *of) {
                count += self.places(*of, *number, seqs, |places| places.own)?;
            }
        }
        Ok(Some(count))
    }

    fn places(
        &self,
        application: Application,
        number: Number,
        seqs: &Range<Seq>,
        which: fn(&OperationCounts) -> u64,
    ) -> Result<u64, ProjectorError> {
        let before = |seq| self.view.operation_counts_before(application, number, seq);
        let (until, before) = (before(seqs.end)?, before(seqs.start)?);
        Ok(which(&until).saturating_sub(which(&before)))
    }

    /// The operations of a stretch that are on one of these resources or persons, or touch one; newest
    /// first, at most `limit`.
    pub fn timeline(
        &self,
        application: Application,
        numbers: &BTreeSet<Number>,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Vec<Item>, ProjectorError> {
        let mut recorded = Vec::new();
        self.merge(timelines(application, numbers), stretch.seqs.clone(), &mut |seq| {
            if recorded.len() == limit {
                return Ok(ControlFlow::Break(()));
            }
            recorded.push(Item::Recorded(self.summary(seq)?));
            Ok(ControlFlow::Continue(()))
        })?;
        let filter = about(application, numbers);
        let claimed = self.claimed(&filter, stretch.moments, limit)?;
        let mut items = merged(recorded.into_iter(), claimed);
        items.truncate(limit);
        Ok(items)
    }

    /// The number of operations that [`Log::timeline`] has in a stretch.
    pub(crate) fn timeline_count(
        &self,
        application: Application,
        numbers: &BTreeSet<Number>,
        stretch: &Stretch,
    ) -> Result<u64, ProjectorError> {
        let mut count = 0;
        match numbers.first() {
            Some(number) if numbers.len() == 1 => {
                let places = |places: &OperationCounts| places.concerned;
                count = self.places(application, *number, &stretch.seqs, places)?;
            }
            // Do not add counts: one operation may touch several of them.
            Some(_) | None => {
                self.merge(timelines(application, numbers), stretch.seqs.clone(), &mut |_| {
                    count += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
            }
        }
        Ok(count + self.claimed_count(&about(application, numbers), stretch.moments)?)
    }

    /// The cheapest indexes for a filter.
    fn sources(&self, filter: &Filter) -> Result<Sources, ProjectorError> {
        if let Some(id) = &filter.request_id {
            return Ok(Sources::Few(vec![Source::Request(request_id_hash(id))]));
        }
        if let Some(resources) = &filter.resources {
            let few = resources
                .iter()
                .map(|(application, number)| Source::Resource(*application, *number));
            return Ok(Sources::Few(few.collect()));
        }
        if !filter.asks_for_classes() {
            return Ok(Sources::Summaries);
        }
        let (mut all, mut fitting, mut classes) = (0, 0, vec![]);
        for (class, count) in self.view.classes()? {
            all += count;
            if filter.fits_class(class) {
                fitting += count;
                classes.push(Source::Class(class));
            }
        }
        let dense = classes.len() > 1 && fitting >= all / DENSE_SHARE;
        Ok(Sources::Classes { classes, dense })
    }

    /// Scans the summaries of a range up to a limit, and returns the rest of the range.
    fn walk(
        &self,
        filter: &Filter,
        seqs: Range<Seq>,
        wanted: usize,
        take: &mut dyn FnMut(OperationSummary) -> ControlFlow<()>,
    ) -> Result<Range<Seq>, ProjectorError> {
        let mut left = wanted.saturating_mul(WALKED_PER_ROW_MAX);
        let start = seqs.start;
        let mut rest = start..start;
        self.view.operations(seqs, &mut |summary| {
            if left == 0 {
                rest = start..summary.seq + 1;
                return ControlFlow::Break(());
            }
            left -= 1;
            if filter.fits_class(summary.class()) {
                take(summary)
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(rest)
    }

    /// Visits the seqs of several indexes in a range, newest first, each once.
    fn merge(
        &self,
        sources: Vec<Source>,
        seqs: Range<Seq>,
        visit: &mut dyn FnMut(Seq) -> Result<ControlFlow<()>, ProjectorError>,
    ) -> Result<(), ProjectorError> {
        let mut runs = Vec::with_capacity(sources.len());
        for source in sources {
            let mut run = Run { source, left: seqs.clone(), chunk: CHUNK_FIRST, ahead: vec![] };
            run.fill(&self.view)?;
            runs.push(run);
        }
        // A heap, because there may be very many runs: a name may have had many holders.
        let mut next: BinaryHeap<(Seq, usize)> = BinaryHeap::with_capacity(runs.len());
        next.extend(runs.iter().zip(0..).filter_map(|(run, place)| Some((run.newest()?, place))));
        let mut last = None;
        while let Some((seq, place)) = next.pop() {
            let run = &mut runs[place];
            run.ahead.pop();
            if run.ahead.is_empty() {
                run.fill(&self.view)?;
            }
            next.extend(run.newest().map(|newest| (newest, place)));
            if last.replace(seq) != Some(seq) && visit(seq)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn summary(&self, seq: Seq) -> Result<OperationSummary, ProjectorError> {
        let summary = self.view.operation(seq)?;
        summary.ok_or(ProjectorError::Row { what: "an operation", source: None })
    }

    /// Whether a summary found by an index matches the whole filter.
    fn fits(&self, filter: &Filter, summary: &OperationSummary) -> Result<bool, ProjectorError> {
        let on = (summary.application, summary.number);
        if !filter.fits_class(summary.class())
            || filter.resources.as_ref().is_some_and(|wanted| !wanted.contains(&on))
        {
            return Ok(false);
        }
        let Some(id) = &filter.request_id else { return Ok(true) };
        // Clients choose request ids, and can make two with the same hash.
        let seq = summary.seq;
        let bytes = self.store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
        let event = decode(seq, &bytes, self.store.parts()).map_err(ProjectorError::event(seq))?;
        Ok(event.header.origin.is_some_and(|origin| origin.request_id == *id))
    }
}

/// A filter on some resources or persons.
fn about(application: Application, numbers: &BTreeSet<Number>) -> Filter {
    let resources = numbers.iter().map(|number| (application, *number)).collect();
    Filter { application: Some(application), resources: Some(resources), ..Filter::default() }
}

/// Merges two lists, both newest first.
fn merged(recorded: impl Iterator<Item = Item>, claimed: Vec<Claim>) -> Vec<Item> {
    let mut rows: Vec<Item> = recorded.chain(claimed.into_iter().map(Item::Imported)).collect();
    // This sort is fast for two sorted runs.
    rows.sort_by_key(|item| std::cmp::Reverse(item.moment()));
    rows
}

/// The indexes of some resources or persons.
fn timelines(application: Application, numbers: &BTreeSet<Number>) -> Vec<Source> {
    numbers.iter().map(|number| Source::Resource(application, *number)).collect()
}

/// Where to find the operations of a filter.
enum Sources {
    /// The filter selects all: scan the summaries.
    Summaries,
    /// The indexes of these classes, whose operations all match. `dense`: scanning the summaries is
    /// faster.
    Classes { classes: Vec<Source>, dense: bool },
    /// Indexes with few operations, each of which must be checked against the filter.
    Few(Vec<Source>),
}

/// One value of an index.
#[derive(Clone, Copy)]
enum Source {
    Class(Class),
    Resource(Application, Number),
    Request([u8; 6]),
}

/// The seqs of one index, some of them read ahead.
struct Run {
    source: Source,
    left: Range<Seq>,
    /// How many are read next.
    chunk: usize,
    /// Read ahead, oldest first, so that the newest can be popped.
    ahead: Vec<Seq>,
}

impl Run {
    fn newest(&self) -> Option<Seq> {
        self.ahead.last().copied()
    }

    fn fill(&mut self, view: &View<'_>) -> Result<(), ProjectorError> {
        if self.left.is_empty() {
            return Ok(());
        }
        let limit = self.chunk;
        self.chunk = CHUNK_MAX.min(2 * limit);
        let seqs = self.left.clone();
        self.ahead = match self.source {
            Source::Class(class) => view.by_class(class, seqs, limit)?,
            Source::Resource(application, number) => {
                view.by_resource(application, number, seqs, limit)?
            }
            Source::Request(hash) => view.by_request(hash, seqs, limit)?,
        };
        self.left.end = match self.ahead.last() {
            Some(oldest) if self.ahead.len() == limit => *oldest,
            Some(_) | None => self.left.start,
        };
        self.ahead.reverse();
        Ok(())
    }
}
