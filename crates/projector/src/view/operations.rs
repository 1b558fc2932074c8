//! Reads the summaries of operations, and the indexes by which they are found and counted.

use std::ops::{ControlFlow, Range};

use event::{Application, Number, Seq};
use store::Direction;
use store::key::{self, Class, KeyRange};

use super::View;
use crate::class::{ClassHead, ClassRow};
use crate::error::ProjectorError;
use crate::operation::OperationSummary;
use crate::row::OperationCounts;

/// Summaries are read in batches that double from the first size to the maximum, because most callers
/// want only the first few.
const SUMMARIES_READ_FIRST: usize = 2;
const SUMMARIES_READ_MAX: usize = 64;

/// The order in which events are visited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Descending by seq.
    NewestFirst,
    /// Ascending by seq.
    OldestFirst,
}

impl View<'_> {
    /// Visits the summaries of the operations in a range, newest first, until `visit` breaks off.
    pub fn operations(
        &self,
        seqs: Range<Seq>,
        visit: &mut dyn FnMut(OperationSummary) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let mut failed = None;
        self.rows.scan(
            &key::operations(&self.within(seqs)),
            Direction::Backward,
            &mut |key, value| {
                let summary =
                    key::operation_seq(key).and_then(|seq| OperationSummary::decode(seq, value));
                match summary {
                    Some(summary) => visit(summary),
                    None => {
                        failed = Some(ProjectorError::row("an operation"));
                        ControlFlow::Break(())
                    }
                }
            },
        )?;
        failed.map_or(Ok(()), Err)
    }

    /// The summaries of the operations at these seqs. It is an error if one of them has none.
    pub fn operations_at(&self, seqs: &[Seq]) -> Result<Vec<OperationSummary>, ProjectorError> {
        let keys: Vec<Vec<u8>> = seqs.iter().map(|seq| key::operation(*seq)).collect();
        let values = self.rows.get_all(&keys)?;
        let summaries = seqs.iter().zip(values).map(|(seq, value)| {
            let value = value.filter(|_| self.knows(*seq));
            let summary = value.and_then(|value| OperationSummary::decode(*seq, &value));
            summary.ok_or_else(|| ProjectorError::row("an operation"))
        });
        summaries.collect()
    }

    /// The summary of the operation at `seq`; `None` for another kind of event.
    pub fn operation(&self, seq: Seq) -> Result<Option<OperationSummary>, ProjectorError> {
        if !self.knows(seq) {
            return Ok(None);
        }
        let Some(value) = self.rows.get(&key::operation(seq))? else { return Ok(None) };
        let summary = OperationSummary::decode(seq, &value);
        summary.map(Some).ok_or_else(|| ProjectorError::row("an operation"))
    }

    /// The classes that have operations, and how many each has.
    pub fn classes(&self) -> Result<Vec<(Class, u64)>, ProjectorError> {
        let what = "a class";
        let mut classes = self.collect(&key::classes(), |key, value| {
            let class = key::class_parts(key).ok_or_else(|| ProjectorError::row(what))?;
            Ok((class, ClassHead::decode(value)?.count))
        })?;
        classes.retain(|(class, _)| *class != Class::ALL);
        Ok(classes)
    }

    /// How many operations of a class are older than `before`.
    pub fn class_count_before(&self, class: Class, before: Seq) -> Result<u64, ProjectorError> {
        let before = self.within(0..before).end;
        let last = match class {
            Class::ALL => {
                let last = self.rows.first(&key::operations(&(0..before)), Direction::Backward)?;
                let Some((key, value)) = last else { return Ok(0) };
                let summary =
                    key::operation_seq(&key).and_then(|seq| OperationSummary::decode(seq, &value));
                return summary
                    .map(|one| one.ordinal)
                    .ok_or_else(|| ProjectorError::row("an operation"));
            }
            class => self.rows.first(&key::by_class_before(class, before), Direction::Forward)?,
        };
        let Some((key, value)) = last else { return Ok(0) };
        let row = ClassRow::decode(&key, &value)?;
        let older = row.seqs().take_while(|seq| *seq < before).count() as u64;
        Ok(row.first_place() + older - 1)
    }

    /// The seqs of a class's operations in a range, newest first, at most `limit`.
    pub fn by_class(
        &self,
        class: Class,
        seqs: Range<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        let seqs = self.within(seqs);
        let mut found = vec![];
        let mut outcome = Ok(());
        if limit == 0 || seqs.is_empty() {
            return Ok(found);
        }
        let range = key::by_class_before(class, seqs.end);
        self.rows.scan(&range, Direction::Forward, &mut |key, value| {
            let row = match ClassRow::decode(key, value) {
                Ok(row) => row,
                Err(error) => {
                    outcome = Err(error);
                    return ControlFlow::Break(());
                }
            };
            let inside = row.seqs().rev().filter(|seq| seqs.contains(seq));
            found.extend(inside.take(limit - found.len()));
            // Older rows have only what is before the first of this one.
            if found.len() == limit || row.first_seq() <= seqs.start {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        outcome.map(|()| found)
    }

    /// The first operation of a class.
    pub fn first_of_class(&self, class: Class) -> Result<Option<Seq>, ProjectorError> {
        let range = key::by_class_before(class, self.within(0..Seq::MAX).end);
        let first = self.rows.first(&range, Direction::Backward)?;
        first.map(|(key, value)| Ok(ClassRow::decode(&key, &value)?.first_seq())).transpose()
    }

    /// The seqs of the operations in a range that are on a resource or person, or touch it; newest first,
    /// at most `limit`.
    pub fn by_resource(
        &self,
        application: Application,
        number: Number,
        seqs: Range<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        self.index(&key::all_by_resource(application, number, &self.within(seqs)), limit)
    }

    /// How many operations older than `before` are on a resource or person, or touch it.
    pub fn operation_counts_before(
        &self,
        application: Application,
        number: Number,
        before: Seq,
    ) -> Result<OperationCounts, ProjectorError> {
        let older = key::all_by_resource(application, number, &self.within(0..before));
        let last = self.rows.first(&older, Direction::Forward)?;
        last.map_or(Ok(OperationCounts::default()), |(_, places)| OperationCounts::decode(&places))
    }

    /// The seqs of the operations in a range whose request id has this hash, newest first, at most
    /// `limit`.
    pub fn by_request(
        &self,
        request_id_hash: [u8; 6],
        seqs: Range<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        self.index(&key::all_by_request(request_id_hash, &self.within(seqs)), limit)
    }

    /// Visits the summaries of the operations in a range that are on a resource or person, or touch it,
    /// until `visit` breaks off.
    pub fn operations_of(
        &self,
        application: Application,
        number: Number,
        seqs: Range<Seq>,
        order: Order,
        visit: &mut dyn FnMut(OperationSummary) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        // The keys of an index go from new to old.
        let direction = match order {
            Order::NewestFirst => Direction::Forward,
            Order::OldestFirst => Direction::Backward,
        };
        let mut left = self.within(seqs);
        let mut together = SUMMARIES_READ_FIRST;
        loop {
            let range = key::all_by_resource(application, number, &left);
            let chunk = self.index_in(&range, direction, together)?;
            together = (together * 2).min(SUMMARIES_READ_MAX);
            let Some(last) = chunk.last() else { return Ok(()) };
            match order {
                Order::NewestFirst => left.end = *last,
                Order::OldestFirst => left.start = *last + 1,
            }
            for summary in self.operations_at(&chunk)? {
                if visit(summary).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn index(&self, range: &KeyRange, limit: usize) -> Result<Vec<Seq>, ProjectorError> {
        self.index_in(range, Direction::Forward, limit)
    }

    fn index_in(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        let mut seqs = Vec::new();
        let mut damaged = false;
        self.rows.scan(range, direction, &mut |key, _| {
            if seqs.len() == limit {
                return ControlFlow::Break(());
            }
            match key::index_seq(key) {
                Some(seq) => seqs.push(seq),
                None => damaged = true,
            }
            if damaged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if damaged { Err(ProjectorError::row("an index")) } else { Ok(seqs) }
    }
}
