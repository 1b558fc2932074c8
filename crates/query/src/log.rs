//! The operations of the log: a page of those that fit a filter, newest first, and how many there
//! are. Pure over rows and log.
//!
//! Application, credential, status and action have few values, so the operations of a filter on them
//! are those of some [`Class`]es: pages are merged from the classes' indexes, and counts come from
//! the places that those indexes hold, with two reads a class and no walk. A resource's index holds
//! places too. What else a filter of it says, and what is asked of a request, is asked of each summary
//! that its index leads to.
//!
//! Imported entries stand among the operations by the time that their source gives them, so a page is
//! merged from two lists: what was recorded, in the log's order, and what is claimed, in its own.

mod claims;

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::{ControlFlow, Range};

use event::codec::decode_header;
use event::{
    Action, Application, CodeKind, Credential, Number, Seq, Source as ImportSource, Status,
    Timestamp,
};
use projector::{Claim, OperationCounts, OperationSummary, ProjectorError, View, request_id_hash};
use store::key::{Class, Moment};
use store::{Store, StoreError};

/// Which operations; what is `None` is not asked for.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    /// Those of this application.
    pub application: Option<Application>,
    /// Those with this credential.
    pub credential: Option<Credential>,
    /// Those that ended so.
    pub status: Option<Status>,
    /// Those that asked for this.
    pub action: Option<Action>,
    /// Those on one of these resources or persons.
    pub resources: Option<BTreeSet<(Application, Number)>>,
    /// Those of the request with this id.
    pub request_id: Option<String>,
    /// Imported ones of this log.
    pub log: Option<ImportSource>,
    /// Imported ones with this code.
    pub code: Option<(CodeKind, String)>,
}

/// What a list is to hold: of what was recorded and of what was imported; `None` for nothing of it.
#[derive(Clone, Default, Debug)]
pub struct Wanted {
    /// Requests that arrived, and what we saw at an upstream.
    pub recorded: Option<Filter>,
    /// Entries of a provider's log.
    pub imported: Option<Filter>,
}

impl Wanted {
    /// Both, by one filter. What only one of them can have leaves the other out.
    pub fn both(filter: Filter) -> Wanted {
        let is_of_any = filter.code.is_none() && filter.log.is_none();
        let recorded = is_of_any.then(|| filter.clone());
        let imported = filter.request_id.is_none().then_some(filter);
        Wanted { recorded, imported }
    }
}

/// What stands in the list of operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    /// What we recorded.
    Recorded(OperationSummary),
    /// What was imported.
    Imported(Claim),
}

impl Item {
    /// Its place in the list: the newest comes first.
    pub fn moment(&self) -> Moment {
        match self {
            Item::Recorded(one) => Moment { occurred_at: one.recorded_at, seq: one.seq },
            Item::Imported(claim) => claim.moment,
        }
    }
}

/// What a question is about: events of the record, and claims of the same time.
#[derive(Clone, PartialEq, Debug)]
pub struct Stretch {
    /// The recorded events.
    pub seqs: Range<Seq>,
    /// The claims, from a moment on and before one.
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
    }

    fn asks_for_classes(&self) -> bool {
        let Filter { application, credential, status, action, .. } = self;
        application.is_some() || credential.is_some() || status.is_some() || action.is_some()
    }
}

/// One page of the operations.
#[derive(Clone, PartialEq, Debug)]
pub struct Page {
    /// Newest first.
    pub rows: Vec<Item>,
    /// Whether older ones of the stretch are left.
    pub more: bool,
}

/// How many seqs an index hands over at first; each further time twice as many.
const CHUNK_FIRST: usize = 4;
const CHUNK_MAX: usize = 256;
/// When this share of all operations fits, the summaries themselves are the shortest way to a page.
const DENSE_SHARE: u64 = 4;
/// The walk along the summaries gives up after so many for each row of the page: what is frequent
/// in the whole log may be rare in a stretch of it.
const WALKED_PER_ROW_MAX: usize = 4;

/// The operations of a log.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    view: View<'a>,
    store: &'a Store,
}

impl<'a> Log<'a> {
    /// Reads these rows and the events under them.
    pub fn new(view: View<'a>, store: &'a Store) -> Log<'a> {
        Log { view, store }
    }

    /// The newest operations of a stretch that fit, at most `limit`.
    ///
    /// # Errors
    /// Here and in the following, when the rows or the log cannot be read.
    pub fn page(
        &self,
        wanted: &Wanted,
        stretch: &Stretch,
        limit: usize,
    ) -> Result<Page, ProjectorError> {
        // One more than is shown tells whether there are more.
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

    /// How many operations of a stretch fit.
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

    /// What was recorded in a range and fits, newest first, at most `wanted`.
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
                // In pieces, for an ascending page asks for a whole stretch.
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
        let of_class = |class| -> Result<u64, ProjectorError> {
            let until = self.view.class_count_before(class, seqs.end)?;
            let before = match seqs.start {
                0 => 0,
                start => self.view.class_count_before(class, start)?,
            };
            Ok(until.saturating_sub(before))
        };
        match self.sources(filter)? {
            Sources::Summaries => of_class(Class::ALL),
            Sources::Classes { classes, .. } => classes
                .into_iter()
                .map(|source| match source {
                    Source::Class(class) => of_class(class),
                    Source::Resource(..) | Source::Request(_) => Ok(0),
                })
                .sum(),
            Sources::Few(few) => {
                if let Some(count) = self.count_by_places(filter, &seqs)? {
                    return Ok(count);
                }
                let mut count = 0;
                self.merge(few, seqs, &mut |seq| {
                    count += u64::from(self.fits(filter, &self.summary(seq)?)?);
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(count)
            }
        }
    }

    /// How many operations of a range are on the resources of a filter; `None` when it asks for more.
    fn count_by_places(
        &self,
        filter: &Filter,
        seqs: &Range<Seq>,
    ) -> Result<Option<u64>, ProjectorError> {
        let Filter { application, credential, status, action, resources, request_id, .. } = filter;
        let is_more =
            credential.is_some() || status.is_some() || action.is_some() || request_id.is_some();
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

    /// The operations of a stretch that are on one of some resources or persons, or concern one, newest
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

    /// How many operations [`Log::timeline`] has in a stretch.
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
            // One operation may concern several of them.
            Some(_) | None => {
                self.merge(timelines(application, numbers), stretch.seqs.clone(), &mut |_| {
                    count += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
            }
        }
        Ok(count + self.claimed_count(&about(application, numbers), stretch.moments)?)
    }

    /// Where the operations of a filter stand with the least reading.
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

    /// Walks the summaries of a range for a while, and returns what is left of it.
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

    /// Shows the seqs that several indexes have in a range, newest first, each once.
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
        // A name may have been borne by very many, so the run that comes next is not looked for.
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

    /// Whether a summary that an index led to is what the filter asks for.
    fn fits(&self, filter: &Filter, summary: &OperationSummary) -> Result<bool, ProjectorError> {
        let on = (summary.application, summary.number);
        if !filter.fits_class(summary.class())
            || filter.resources.as_ref().is_some_and(|wanted| !wanted.contains(&on))
        {
            return Ok(false);
        }
        let Some(id) = &filter.request_id else { return Ok(true) };
        if summary.request_id_hash != request_id_hash(id) {
            return Ok(false);
        }
        // Clients choose their ids, and so can make two with one hash.
        let seq = summary.seq;
        let bytes = self.store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
        let header =
            decode_header(&bytes).map_err(|source| ProjectorError::Event { seq, source })?;
        Ok(header.origin.is_some_and(|origin| origin.request_id == *id))
    }
}

/// What concerns some resources or persons.
fn about(application: Application, numbers: &BTreeSet<Number>) -> Filter {
    let resources = numbers.iter().map(|number| (application, *number)).collect();
    Filter { application: Some(application), resources: Some(resources), ..Filter::default() }
}

/// Two lists, newest first, as one.
fn merged(recorded: impl Iterator<Item = Item>, claimed: Vec<Claim>) -> Vec<Item> {
    let mut rows: Vec<Item> = recorded.chain(claimed.into_iter().map(Item::Imported)).collect();
    // Both are in order already, which this sort makes use of.
    rows.sort_by_key(|item| std::cmp::Reverse(item.moment()));
    rows
}

/// The indexes of some resources or persons.
fn timelines(application: Application, numbers: &BTreeSet<Number>) -> Vec<Source> {
    numbers.iter().map(|number| Source::Resource(application, *number)).collect()
}

/// Where the operations of a filter stand.
enum Sources {
    /// All operations, or all of a range: their summaries in order.
    Summaries,
    /// In the indexes of these classes, each of which fits whole.
    Classes { classes: Vec<Source>, dense: bool },
    /// In indexes that lead to few operations, each of which is to be looked at.
    Few(Vec<Source>),
}

/// One index, at one value.
#[derive(Clone, Copy)]
enum Source {
    Class(Class),
    Resource(Application, Number),
    Request(u64),
}

/// The seqs of one index, some of them read ahead.
struct Run {
    source: Source,
    left: Range<Seq>,
    /// How many are read at a time.
    chunk: usize,
    /// Oldest first, so that the newest is taken from the end.
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
