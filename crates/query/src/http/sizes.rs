//! The number of members of a group over time.

use answers::GroupSizes;
use answers::row::{GroupSize, GroupSized};
use event::{Application, Number, ResourceType, Seq, Timestamp};
use projector::SetSize;
use store::key::Set;

use super::question::{Answered, Asked, Found};
use super::resource;
use crate::coverage::{Coverage, NO_MEMBERSHIPS};
use crate::error::Error;
use crate::imported_accounts::is_only_imported;
use crate::person::identity;
use crate::record::Record;
use crate::standpoint::Standpoint;

const POINTS: u16 = 200;

impl Answered for GroupSizes {
    /// Oldest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<GroupSizes>, Error> {
        let application = asked.application(&self.app)?.number;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let (_, after) = stand.ends();
        let named = &self.group.0;
        let group = resource::named(&record.view, application, ResourceType::GROUP, named, after)?;
        let sizes = Sizes { record, stand: &stand, application, group: group.number };
        let points = usize::from(self.points.unwrap_or(POINTS));
        let (all, sampled) = match sizes.steps(points)? {
            Some(steps) => (steps, false),
            None => (sizes.samples(points)?, true),
        };
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|(at, size)| {
            let at = at.map_or_else(|| record.recorded_briefly(size.seq), Ok)?;
            Ok(GroupSize { at: at.to_string().into(), seq: size.seq, count: size.count })
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let who = identity(record, application, group.number, after)?;
        let beside = GroupSized { group_id: who.id, group_name: who.display_name, sampled };
        let mut coverage = Coverage::between(record, &stand, &[application])?;
        if is_only_imported(record, application)? {
            coverage = coverage.with(NO_MEMBERSHIPS);
        }
        let found = Found::new(record, &stand, &coverage).about(application, group.number);
        Ok(found.beside(beside).rows(rows, all.len() as u64, next))
    }
}

/// A size, and the instant that it is for; `None` for that of its event.
type Point = (Option<Timestamp>, SetSize);

struct Sizes<'a> {
    record: &'a Record<'a>,
    stand: &'a Standpoint,
    application: Application,
    group: Number,
}

impl Sizes<'_> {
    fn at(&self, seq: Seq) -> Result<Option<SetSize>, Error> {
        let set = Set::Members(self.group);
        Ok(self.record.view.last_set_size(self.application, set, seq)?)
    }

    /// The size before the stretch, if it has a beginning.
    fn before(&self) -> Result<Option<Point>, Error> {
        let (Some(from), (Some(before), _)) = (self.stand.from, self.stand.ends()) else {
            return Ok(None);
        };
        Ok(self.at(before)?.map(|size| (Some(from), size)))
    }

    /// Every change of the stretch; `None` if there are more than `most`.
    fn steps(&self, most: usize) -> Result<Option<Vec<Point>>, Error> {
        let mut steps: Vec<Point> = self.before()?.into_iter().collect();
        let (view, set) = (&self.record.view, Set::Members(self.group));
        let mut left = self.stand.seqs.clone();
        while let Some(size) = view.next_set_size(self.application, set, left.clone())? {
            if steps.len() == most {
                return Ok(None);
            }
            left.start = size.seq + 1;
            steps.push((None, size));
        }
        Ok(Some(steps))
    }

    /// The sizes at `count` instants.
    fn samples(&self, count: usize) -> Result<Vec<Point>, Error> {
        let (stand, view) = (self.stand, &self.record.view);
        let start = match self.before()? {
            Some((from, _)) => from,
            None => {
                let set = Set::Members(self.group);
                let first = view.next_set_size(self.application, set, stand.seqs.clone())?;
                first.map(|size| self.record.recorded_briefly(size.seq)).transpose()?
            }
        };
        let Some(start) = start else { return Ok(vec![]) };
        let end = stand.to.map_or(stand.now, |to| to.min(stand.now));
        let length = i128::from(end.0) - i128::from(start.0);
        let mut samples = vec![];
        for place in 0..count {
            let part = length * place as i128 / (count as i128 - 1).max(1);
            // It is between the start and the end.
            let time = Timestamp(start.0.saturating_add(part as i64));
            let last = self.record.seq_at(stand.size, time)?;
            let last = last.map(|seq| seq.min(stand.seqs.end.saturating_sub(1)));
            if let Some(seq) = last
                && let Some(size) = self.at(seq)?
            {
                samples.push((Some(time), size));
            }
        }
        Ok(samples)
    }
}
