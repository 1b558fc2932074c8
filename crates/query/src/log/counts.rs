//! Counts operations by their values, and over time. Recorded operations are counted by class from the
//! ordinals in the indexes, imported entries from the counts of days; so only where those do not help is
//! an operation read to be counted.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use event::codec::decode_header;
use event::{
    Action, Application, CodeKind, Credential, Effect, Fact, ResourceType, Seq,
    Source as ImportSource, Status, Timestamp,
};
use projector::{Claim, ClaimKind, OperationSummary, ProjectorError};
use store::StoreError;
use store::key::{Class, Moment};

use super::{CHUNK_MAX, Filter, Log, Source, Sources, Stretch, Wanted};

/// Reading the next row of an index is so many times as fast as finding one.
const NEXT_PER_SEEK: u64 = 10;

/// The values by which operations are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// The provider's log; `None` if it was recorded here.
    pub log: Option<ImportSource>,
    /// The application.
    pub application: Application,
    /// The credential it was sent or imported with.
    pub credential: Credential,
    /// How it ended.
    pub status: Status,
    /// What it asked for.
    pub action: Action,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// What it did; `None` if an imported entry does not say.
    pub effect: Option<Effect>,
    /// The HTTP status that was answered; `None` if it was no request.
    pub http_status: Option<u16>,
}

impl Kind {
    fn of_class(class: Class) -> Result<Kind, ProjectorError> {
        let Class { application, credential, status, action, resource_type, effect, http_status } =
            class;
        let damaged = || ProjectorError::Row { what: "a class", source: None };
        Ok(Kind {
            log: None,
            application,
            credential,
            status: Status::from_code(status).ok_or_else(damaged)?,
            action: Action::from_code(action).ok_or_else(damaged)?,
            resource_type,
            effect: Some(Effect::from_code(effect).ok_or_else(damaged)?),
            http_status: Some(http_status).filter(|status| *status > 0),
        })
    }

    fn of_claim(application: Application, kind: &ClaimKind) -> Kind {
        let ClaimKind { source, action, status, resource_type, credential } = *kind;
        Kind {
            log: Some(source),
            application,
            credential,
            status,
            action,
            resource_type,
            effect: Some(Effect::Skipped).filter(|_| status == Status::Skipped),
            http_status: None,
        }
    }
}

/// One of the values by which operations are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// How it ended.
    Status,
    /// What it asked for.
    Action,
    /// The application.
    Application,
    /// The credential.
    Credential,
    /// The type of resource.
    ResourceType,
    /// What it did.
    Effect,
    /// The HTTP status.
    HttpStatus,
    /// Whether it was recorded or imported.
    Source,
    /// The provider's log.
    Log,
}

impl Filter {
    /// The fields by which the filter rejects operations of a kind.
    pub fn rejects(&self, kind: &Kind) -> Vec<Field> {
        fn differs<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
            wanted.is_some() && wanted != found
        }
        let all = [
            (Field::Status, differs(self.status, Some(kind.status))),
            (Field::Action, differs(self.action, Some(kind.action))),
            (Field::Application, differs(self.application, Some(kind.application))),
            (Field::Credential, differs(self.credential, Some(kind.credential))),
            (Field::ResourceType, differs(self.resource_type, Some(kind.resource_type))),
            (Field::Effect, differs(self.effect, kind.effect)),
            (Field::HttpStatus, differs(self.http_status, kind.http_status)),
            (Field::Log, differs(self.log, kind.log)),
        ];
        all.into_iter().filter(|(_, rejects)| *rejects).map(|(field, _)| field).collect()
    }
}

/// Operations by how they ended.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ByStatus {
    /// Those that did what was asked.
    pub success: u64,
    /// Those that succeeded with a warning.
    pub warning: u64,
    /// Those that were refused.
    pub failure: u64,
    /// Those that were not carried out.
    pub skipped: u64,
}

impl ByStatus {
    /// The number of those that ended so.
    pub(crate) fn of(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Success => &mut self.success,
            Status::Warning => &mut self.warning,
            Status::Failure => &mut self.failure,
            Status::Skipped => &mut self.skipped,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.success + self.warning + self.failure + self.skipped
    }
}

/// Adjacent stretches of time, oldest first: each ends where the next begins. The events before the first
/// edge and after the last are in none.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The edges as times: one more than there are buckets, at least two.
    pub times: Vec<Timestamp>,
    /// For each edge the first event that is not before it.
    pub seqs: Vec<Seq>,
    /// Whether all edges, except the first and the last, are starts of days in UTC.
    pub are_days: bool,
}

impl Buckets {
    fn of_time(&self, time: Timestamp) -> Option<usize> {
        place(self.times.partition_point(|edge| *edge <= time), self.times.len())
    }

    fn of_seq(&self, seq: Seq) -> Option<usize> {
        place(self.seqs.partition_point(|edge| *edge <= seq), self.seqs.len())
    }

    fn seqs(&self) -> Range<Seq> {
        match (self.seqs.first(), self.seqs.last()) {
            (Some(first), Some(last)) => *first..*last,
            _ => 0..0,
        }
    }

    fn moments(&self) -> (Moment, Moment) {
        let edge = |time: Option<&Timestamp>| {
            Moment::start_of(time.copied().unwrap_or(Timestamp(i64::MIN)))
        };
        (edge(self.times.first()), edge(self.times.last()))
    }
}

/// The bucket of something that comes after so many of the edges.
fn place(edges_before: usize, edges: usize) -> Option<usize> {
    edges_before.checked_sub(1).filter(|place| place + 1 < edges)
}

impl Log<'_> {
    /// The number of matching operations in each bucket, by how they ended.
    ///
    /// # Errors
    /// Here and below, when the rows or the log cannot be read.
    pub fn histogram(
        &self,
        wanted: &Wanted,
        buckets: &Buckets,
    ) -> Result<Vec<ByStatus>, ProjectorError> {
        let mut all = vec![ByStatus::default(); buckets.times.len().saturating_sub(1)];
        if let Some(filter) = &wanted.recorded {
            self.spread_recorded(filter, buckets, &mut all)?;
        }
        if let Some(filter) = &wanted.imported {
            let mut add = |status: Status, time: Timestamp, count: u64| {
                if let Some(place) = buckets.of_time(time) {
                    *all[place].of(status) += count;
                }
            };
            let stretch = buckets.moments();
            if filter.resources.is_some() || filter.code.is_some() {
                self.visit_claims(filter, stretch, usize::MAX, &mut |claim| {
                    add(claim.status, claim.moment.occurred_at, 1);
                })?;
            } else {
                let classes = filter.of_claims();
                for application in self.claiming(filter)? {
                    self.view.claim_counts(
                        application,
                        stretch,
                        buckets.are_days,
                        &mut |kind, time, count| {
                            if classes.fits(&kind) {
                                add(kind.status, time, count);
                            }
                        },
                    )?;
                }
            }
        }
        Ok(all)
    }

    fn spread_recorded(
        &self,
        filter: &Filter,
        buckets: &Buckets,
        all: &mut [ByStatus],
    ) -> Result<(), ProjectorError> {
        let classes = match self.sources(filter)? {
            Sources::Few(few) => {
                return self.visit_few(filter, few, buckets.seqs(), &mut |summary| {
                    if let Some(place) = buckets.of_seq(summary.seq) {
                        *all[place].of(summary.status) += 1;
                    }
                });
            }
            Sources::Summaries => {
                let success = Status::Success as u8;
                let classes = self.view.classes()?.into_iter().map(|(class, _)| class);
                let classes: Vec<Class> = classes.filter(|one| one.status != success).collect();
                self.spread_classes(&classes, buckets, all)?;
                // Most operations succeed. Count those as what is left of all.
                let mut before = None::<u64>;
                for (place, edge) in buckets.seqs.iter().enumerate() {
                    let count = self.view.class_count_before(Class::ALL, *edge)?;
                    if let (Some(before), Some(place)) = (before, place.checked_sub(1)) {
                        let others = all[place].total();
                        all[place].success = (count - before).saturating_sub(others);
                    }
                    before = Some(count);
                }
                return Ok(());
            }
            Sources::Classes { classes, .. } => classes,
        };
        let classes = classes.into_iter().filter_map(|source| match source {
            Source::Class(class) => Some(class),
            Source::Resource(..) | Source::Request(_) => None,
        });
        self.spread_classes(&classes.collect::<Vec<_>>(), buckets, all)
    }

    fn spread_classes(
        &self,
        classes: &[Class],
        buckets: &Buckets,
        all: &mut [ByStatus],
    ) -> Result<(), ProjectorError> {
        for class in classes {
            let status = Kind::of_class(*class)?.status;
            let before = |edge: usize| self.view.class_count_before(*class, buckets.seqs[edge]);
            let last = buckets.seqs.len().saturating_sub(1);
            let mut parts = vec![(0..last, before(0)?, before(last)?)];
            // Halve the stretch until the operations of a part are few enough to be read one by one.
            while let Some((edges, from, to)) = parts.pop() {
                let count = to.saturating_sub(from);
                if count == 0 {
                    continue;
                }
                if edges.len() == 1 {
                    *all[edges.start].of(status) += count;
                    continue;
                }
                if count <= NEXT_PER_SEEK * edges.len() as u64 {
                    let seqs = buckets.seqs[edges.start]..buckets.seqs[edges.end];
                    for seq in self.view.by_class(*class, seqs, usize::MAX)? {
                        if let Some(place) = buckets.of_seq(seq) {
                            *all[place].of(status) += 1;
                        }
                    }
                    continue;
                }
                let middle = edges.start + edges.len() / 2;
                let until = before(middle)?;
                parts.push((edges.start..middle, from, until));
                parts.push((middle..edges.end, until, to));
            }
        }
        Ok(())
    }

    /// Visits the operations of a stretch that the filters' resources, request id and code select, counted
    /// by kind. A kind may be visited several times. The other filters do not matter, but the
    /// application's does; kinds that are not `needed` may be left out.
    pub fn kinds(
        &self,
        wanted: &Wanted,
        stretch: &Stretch,
        needed: &dyn Fn(&Kind) -> bool,
        visit: &mut dyn FnMut(Kind, u64),
    ) -> Result<(), ProjectorError> {
        if let Some(filter) = &wanted.recorded {
            self.recorded_kinds(filter, stretch.seqs.clone(), needed, visit)?;
        }
        let Some(filter) = &wanted.imported else { return Ok(()) };
        if filter.resources.is_some() || filter.code.is_some() {
            return self.visit_claims(filter, stretch.moments, usize::MAX, &mut |claim| {
                visit(Kind::of_claim(claim.application, &claim.kind()), 1);
            });
        }
        for application in self.claiming(filter)? {
            self.view.claim_counts(application, stretch.moments, true, &mut |kind, _, count| {
                visit(Kind::of_claim(application, &kind), count);
            })?;
        }
        Ok(())
    }

    fn recorded_kinds(
        &self,
        filter: &Filter,
        seqs: Range<Seq>,
        needed: &dyn Fn(&Kind) -> bool,
        visit: &mut dyn FnMut(Kind, u64),
    ) -> Result<(), ProjectorError> {
        if let Sources::Few(few) = self.sources(filter)? {
            let mut failed = None;
            self.visit_few(
                filter,
                few,
                seqs,
                &mut |summary| match Kind::of_class(summary.class()) {
                    Ok(kind) => visit(kind, 1),
                    Err(error) => failed = Some(error),
                },
            )?;
            return failed.map_or(Ok(()), Err);
        }
        for (class, _) in self.view.classes()? {
            let kind = Kind::of_class(class)?;
            if filter.application.is_some_and(|wanted| wanted != kind.application) || !needed(&kind)
            {
                continue;
            }
            let count = self.class_count(class, &seqs)?;
            if count > 0 {
                visit(kind, count);
            }
        }
        Ok(())
    }

    /// How many operations of a class are in a range.
    pub(super) fn class_count(
        &self,
        class: Class,
        seqs: &Range<Seq>,
    ) -> Result<u64, ProjectorError> {
        let until = self.view.class_count_before(class, seqs.end)?;
        let before = match seqs.start {
            0 => 0,
            start => self.view.class_count_before(class, start)?,
        };
        Ok(until.saturating_sub(before))
    }

    /// Visits the matching operations of a range among those of a few indexes, newest first.
    pub(super) fn visit_few(
        &self,
        filter: &Filter,
        few: Vec<Source>,
        seqs: Range<Seq>,
        visit: &mut dyn FnMut(OperationSummary),
    ) -> Result<(), ProjectorError> {
        let mut found = vec![];
        self.merge(few, seqs, &mut |seq| {
            found.push(seq);
            Ok(ControlFlow::Continue(()))
        })?;
        for some in found.chunks(CHUNK_MAX) {
            for summary in self.view.operations_at(some)? {
                if self.fits(filter, &summary)? {
                    visit(summary);
                }
            }
        }
        Ok(())
    }

    /// The number of matching imported entries in a stretch by their error code; those without one are
    /// left out.
    pub fn error_codes(
        &self,
        filter: &Filter,
        stretch: (Moment, Moment),
    ) -> Result<BTreeMap<String, u64>, ProjectorError> {
        let mut codes = BTreeMap::new();
        if filter.resources.is_some() || filter.code.is_some() {
            let mut seqs = vec![];
            self.visit_claims(filter, stretch, usize::MAX, &mut |claim| {
                seqs.push(claim.moment.seq);
            })?;
            for seq in seqs {
                let bytes = self.store.event_bytes(seq)?;
                let bytes = bytes.ok_or(StoreError::Gap { expected: seq })?;
                let header = decode_header(&bytes);
                let header = header.map_err(|source| ProjectorError::Event { seq, source })?;
                if let Fact::Imported(entry) = &header.fact
                    && let Some(code) = entry.code(CodeKind::Error)
                {
                    *codes.entry(code.to_owned()).or_default() += 1;
                }
            }
            return Ok(codes);
        }
        let classes = filter.of_claims();
        for application in self.claiming(filter)? {
            let found = self.view.claim_codes(application, CodeKind::Error, stretch)?;
            for (code, moments) in found {
                let mut count = moments.len() as u64;
                if !classes.selects_all() {
                    let claims = moments.iter().map(|moment| self.claim(application, *moment));
                    let claims = claims.collect::<Result<Vec<_>, _>>()?;
                    count = claims.iter().filter(|one| classes.fits(&one.kind())).count() as u64;
                }
                if count > 0 {
                    *codes.entry(code).or_default() += count;
                }
            }
        }
        Ok(codes)
    }

    pub(super) fn claim(
        &self,
        application: Application,
        moment: Moment,
    ) -> Result<Claim, ProjectorError> {
        let claim = self.view.claim(application, moment)?;
        claim.ok_or(ProjectorError::Row { what: "a claim", source: None })
    }

    /// The times of the oldest and the newest operation of some applications, recorded or imported; `None`
    /// if they have none.
    pub fn span(
        &self,
        applications: &[Application],
    ) -> Result<Option<(Timestamp, Timestamp)>, ProjectorError> {
        let mut span: Option<(Timestamp, Timestamp)> = None;
        let mut add = |from: Timestamp, to: Timestamp| {
            span = Some(span.map_or((from, to), |known| (known.0.min(from), known.1.max(to))));
        };
        let (mut first, mut last) = (None::<Seq>, None::<Seq>);
        for (class, _) in self.view.classes()? {
            if applications.contains(&class.application) {
                let oldest = self.view.first_of_class(class)?;
                first = first.into_iter().chain(oldest).min();
                last = last.max(self.view.by_class(class, 0..Seq::MAX, 1)?.first().copied());
            }
        }
        if let Some((first, last)) = first.zip(last) {
            add(self.summary(first)?.recorded_at, self.summary(last)?.recorded_at);
        }
        for application in applications {
            if let Some((from, to)) = self.view.claims_span(*application)? {
                add(from, to);
            }
        }
        Ok(span)
    }
}
