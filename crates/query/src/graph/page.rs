//! Pages of matching entries, ordered by time.

use event::{Seq, Timestamp};
use store::key::Moment;

use super::entry::{Entries, Entry};
use super::filter::Filter;
use super::push::{Pushed, event_of, everything, push};
use crate::error::Error;
use crate::log::{Log, Stretch};
use crate::record::Record;
use crate::shown::Shown;

/// How many items one request reads. A page cut short by this has a next page. If no entry was found by
/// then, the request is refused, because clients take an empty page for the last one.
const LOOKED_AT_MAX: usize = 200_000;
/// How many items are read at a time if each must be checked against the filter.
const CHUNK: usize = 512;

/// Which entries to list.
pub(crate) struct Asked<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) scope: Option<event::Application>,
    pub(crate) filter: Option<&'a Filter>,
    /// Oldest first if set; else newest first.
    pub(crate) ascending: bool,
}

/// One page of entries.
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// The moment of the last entry, if there is a next page.
    pub(crate) next: Option<Moment>,
}

fn seqs_of(moments: &[Moment]) -> Vec<Seq> {
    moments.iter().map(|moment| moment.seq).collect()
}

impl Asked<'_> {
    fn pushed(&self) -> Result<Pushed, Error> {
        match self.filter {
            Some(filter) => push(self.record, self.scope, filter),
            None => Ok(everything(self.scope)),
        }
    }

    /// At most `limit` entries after a moment.
    pub(crate) fn page(
        &self,
        entries: &Entries<'_>,
        after: Option<Moment>,
        limit: usize,
    ) -> Result<Page, Error> {
        let pushed = self.pushed()?;
        let mut found: Vec<(Moment, Entry)> = vec![];
        let (mut looked_at, mut place) = (0, after);
        // If the index answers the whole filter, read the page at once.
        let is_exact = pushed.is_exact && pushed.only.is_none();
        let chunk = if is_exact { limit + 1 } else { CHUNK.max(limit) };
        loop {
            let (moments, more) = self.moments(&pushed, place, chunk)?;
            for (moment, entry) in moments.iter().zip(entries.read(&seqs_of(&moments))) {
                let entry = entry?;
                looked_at += 1;
                if is_exact || self.fits(&entry)? {
                    found.push((*moment, entry));
                }
                if found.len() > limit {
                    break;
                }
            }
            place = moments.last().copied().or(place);
            if found.len() > limit || !more {
                break;
            }
            if looked_at >= LOOKED_AT_MAX {
                if found.is_empty() {
                    return Err(Error::TooWide { items: LOOKED_AT_MAX });
                }
                let entries = found.into_iter().map(|(_, entry)| entry).collect();
                return Ok(Page { entries, next: place });
            }
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(moment, _)| *moment);
        Ok(Page { entries: found.into_iter().map(|(_, entry)| entry).collect(), next })
    }

    fn fits(&self, entry: &Entry) -> Result<bool, Error> {
        match self.filter {
            Some(filter) => Ok(filter.fits(&entry.members()?)),
            None => Ok(true),
        }
    }

    /// The number of matching entries.
    pub(crate) fn count(&self, entries: &Entries<'_>) -> Result<u64, Error> {
        let pushed = self.pushed()?;
        if pushed.is_exact && pushed.only.is_none() {
            return Ok(self.log().count(&pushed.wanted, &self.stretch(&pushed)?)?);
        }
        let (mut count, mut place, mut looked_at) = (0, None, 0);
        loop {
            let (moments, more) = self.moments(&pushed, place, CHUNK)?;
            for entry in entries.read(&seqs_of(&moments)) {
                count += u64::from(self.fits(&entry?)?);
            }
            looked_at += moments.len();
            place = moments.last().copied();
            if !more {
                return Ok(count);
            }
            if looked_at >= LOOKED_AT_MAX {
                return Err(Error::TooWide { items: LOOKED_AT_MAX });
            }
        }
    }

    /// The event of the entry with an id, if the caller may see it.
    pub(crate) fn one(&self, id: &str) -> Result<Option<Seq>, Error> {
        for seq in event_of(self.record, self.scope, id)? {
            let event = self.record.event(seq)?;
            let may_see = self.scope.is_none_or(|scope| scope == event.header.application);
            if may_see && Shown::of(&event).is_some() {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }

    fn log(&self) -> Log<'_> {
        Log::new(self.record.view, self.record.store)
    }

    /// The recorded and imported events in the filter's time range.
    fn stretch(&self, pushed: &Pushed) -> Result<Stretch, Error> {
        let before = |us: i64| self.size_before(Timestamp(us));
        let end =
            if pushed.before_us == i64::MAX { self.record.size } else { before(pushed.before_us)? };
        let start = if pushed.from_us == i64::MIN { 0 } else { before(pushed.from_us)?.min(end) };
        let from = Moment::start_of(Timestamp(pushed.from_us));
        let until = match pushed.before_us {
            i64::MAX => Moment::END,
            us => Moment::start_of(Timestamp(us)),
        };
        Ok(Stretch { seqs: start..end, moments: (from, until) })
    }

    /// How many events were recorded before a time.
    fn size_before(&self, time: Timestamp) -> Result<Seq, Error> {
        let last = self.record.seq_at(self.record.size, Timestamp(time.0.saturating_sub(1)))?;
        Ok(last.map_or(0, |last| last + 1))
    }

    /// At most `limit` moments after a place, and whether there are more.
    fn moments(
        &self,
        pushed: &Pushed,
        after: Option<Moment>,
        limit: usize,
    ) -> Result<(Vec<Moment>, bool), Error> {
        if let Some(only) = &pushed.only {
            return self.only(only.iter().copied(), after);
        }
        let mut stretch = self.stretch(pushed)?;
        if self.ascending {
            return self.moments_ascending(pushed, &stretch, after, limit);
        }
        if let Some(after) = after {
            stretch.seqs.end = stretch.seqs.end.min(self.size_until(after)?);
            stretch.moments.1 = stretch.moments.1.min(after);
        }
        let page = self.log().page(&pushed.wanted, &stretch, limit)?;
        Ok((page.rows.iter().map(crate::log::Item::moment).collect(), page.more))
    }

    /// How many recorded events come before a moment.
    fn size_until(&self, moment: Moment) -> Result<Seq, Error> {
        let earlier = self.size_before(moment.occurred_at)?;
        let at_once = self.size_before(Timestamp(moment.occurred_at.0.saturating_add(1)))?;
        Ok(moment.seq.clamp(earlier, at_once.max(earlier)))
    }

    /// The same, oldest first: finds by counting the shortest time range after the place that has enough
    /// items, reads it newest first and reverses it.
    fn moments_ascending(
        &self,
        pushed: &Pushed,
        whole: &Stretch,
        after: Option<Moment>,
        limit: usize,
    ) -> Result<(Vec<Moment>, bool), Error> {
        let mut left = whole.clone();
        if let Some(after) = after {
            let next = Moment { occurred_at: after.occurred_at, seq: after.seq.saturating_add(1) };
            left.seqs.start = left.seqs.start.max(self.size_until(next)?).min(left.seqs.end);
            left.moments.0 = left.moments.0.max(next);
        }
        let log = self.log();
        let total = log.count(&pushed.wanted, &left)?;
        let enough = limit as u64;
        let mut until = left.clone();
        if total > enough {
            let span = self.span(&left)?;
            let (mut low, mut high) = (span.0.0, span.1.0);
            // Binary search for the earliest end with enough items.
            while low < high {
                let middle = low + (high - low) / 2;
                if log.count(&pushed.wanted, &self.cut(&left, middle)?)? >= enough {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            until = self.cut(&left, low)?;
        }
        let page = log.page(&pushed.wanted, &until, usize::MAX - 1)?;
        let mut moments: Vec<Moment> = page.rows.iter().map(crate::log::Item::moment).collect();
        moments.reverse();
        moments.truncate(limit);
        let more = (moments.len() as u64) < total;
        Ok((moments, more))
    }

    /// The stretch up to and including a time.
    fn cut(&self, stretch: &Stretch, us: i64) -> Result<Stretch, Error> {
        let beyond = Timestamp(us.saturating_add(1));
        let end = self.size_before(beyond)?.clamp(stretch.seqs.start, stretch.seqs.end);
        let before = Moment::start_of(beyond).min(stretch.moments.1);
        Ok(Stretch { seqs: stretch.seqs.start..end, moments: (stretch.moments.0, before) })
    }

    /// The times of the first and last item of a stretch.
    fn span(&self, stretch: &Stretch) -> Result<(Timestamp, Timestamp), Error> {
        // Times outside these years are refused, from sources and from our own clock.
        const EARLIEST: Timestamp = Timestamp(946_684_800_000_000 - 1);
        const LATEST: Timestamp = Timestamp(7_258_118_400_000_000);
        let from = stretch.moments.0.occurred_at.max(EARLIEST);
        let to = stretch.moments.1.occurred_at.min(LATEST);
        Ok((from, to.max(from)))
    }

    /// The moments of the only events that can match, if the filter names an id.
    fn only(
        &self,
        seqs: impl Iterator<Item = Seq>,
        after: Option<Moment>,
    ) -> Result<(Vec<Moment>, bool), Error> {
        let mut moments = vec![];
        for seq in seqs {
            let event = self.record.event(seq)?;
            let may_see = self.scope.is_none_or(|scope| scope == event.header.application);
            let occurred_at = match &event.header.fact {
                event::Fact::Imported(entry) => entry.occurred_at,
                _ => event.header.recorded_at,
            };
            if may_see && Shown::of(&event).is_some() {
                moments.push(Moment { occurred_at, seq });
            }
        }
        moments.sort_unstable();
        if !self.ascending {
            moments.reverse();
        }
        if let Some(after) = after {
            let is_left = |moment: &Moment| {
                if self.ascending { *moment > after } else { *moment < after }
            };
            moments.retain(is_left);
        }
        Ok((moments, false))
    }
}
