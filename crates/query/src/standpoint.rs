//! What an answer is about and may use: the instant, the events, the page.

use std::ops::Range;

use event::{Number, Seq, Timestamp};
use scim::CursorKey;
use serde_json::{Map, Value};
use store::key::Moment;

use crate::as_of::Slice;
use crate::cursor::{self, Cursor};
use crate::error::Error;
use crate::instant::Role;
use crate::log::Stretch;
use crate::params::Params;
use crate::record::Record;

/// The instant of a question, and the events that its answer uses. They are the same for all pages of a
/// list.
pub(crate) struct Standpoint {
    /// The question with its instants resolved, as the answer repeats it.
    pub(crate) question: Map<String, Value>,
    /// The instant that is asked about.
    pub(crate) time: Timestamp,
    /// When the answer, or its first page, was made; with `knownAt` the instant that it names.
    pub(crate) now: Timestamp,
    /// Whether the question has a `knownAt`, so that its answer never changes.
    pub(crate) is_repeatable: bool,
    /// How many events the answer may use.
    pub(crate) size: Seq,
    /// The last of these events up to the instant.
    pub(crate) at_seq: Option<Seq>,
    /// The `atSeq` and `head` of the answer: the same, and the last event of all, as the caller may see
    /// them.
    pub(crate) told: (Option<Seq>, Option<Seq>),
    /// An earlier instant to compare with, if any, and the last event up to it.
    pub(crate) compare: Option<(Timestamp, Option<Seq>)>,
    /// The beginning of the stretch that is asked about, if any.
    pub(crate) from: Option<Timestamp>,
    /// The end of the stretch (excluded), if any.
    pub(crate) to: Option<Timestamp>,
    /// The events of the stretch; all events if the question has none.
    pub(crate) seqs: Range<Seq>,
    /// The maximum number of rows of the page.
    pub(crate) limit: usize,
    /// The row after which the page begins.
    pub(crate) after: Option<u64>,
    after_time: Timestamp,
    binding: u64,
    cursor_key: CursorKey,
}

impl Standpoint {
    /// For a question about the one thing that the address names.
    pub(crate) fn of_one(
        record: &Record<'_>,
        params: &Params,
        names: &[(&'static str, &str)],
    ) -> Result<Standpoint, Error> {
        Standpoint::on(record, params, names, record.size, record.now, None)
    }

    /// For a page of a list: the standpoint of its first page. `list` distinguishes lists with the same
    /// parameters.
    pub(crate) fn of_page(
        record: &Record<'_>,
        params: &Params,
        names: &[(&'static str, &str)],
        list: &'static str,
    ) -> Result<Standpoint, Error> {
        let parts: Vec<(&str, &str)> =
            [("", list)].into_iter().chain(names.iter().copied()).chain(params.filters()).collect();
        let binding = cursor::binding(record.log(), &parts);
        let mut stand = match params.get("cursor") {
            None => Standpoint::on(record, params, names, record.size, record.now, None)?,
            Some(text) => {
                let accepts = "the `next` of the page before, unchanged";
                let unknown = Error::Parameter { name: "cursor", accepts };
                let cursor = Cursor::open(text, record.cursor_key).ok_or(unknown)?;
                if cursor.binding != binding {
                    return Err(Error::CursorMismatch);
                }
                let Cursor { time, now, size, after, after_time, .. } = cursor;
                // `size` can only exceed the log's if an older copy of the log was restored.
                let mut stand =
                    Standpoint::on(record, params, names, size.min(record.size), now, Some(time))?;
                (stand.after, stand.after_time) = (Some(after), after_time);
                stand
            }
        };
        stand.limit = params.limit()?;
        stand.question.insert("limit".into(), stand.limit.into());
        stand.binding = binding;
        Ok(stand)
    }

    /// For a question that was first asked at `now` and may use the first `size` events. `time` is the
    /// instant of a later page.
    fn on(
        record: &Record<'_>,
        params: &Params,
        names: &[(&'static str, &str)],
        size: Seq,
        now: Timestamp,
        time: Option<Timestamp>,
    ) -> Result<Standpoint, Error> {
        let is_later_page = time.is_some();
        // A later page uses what the first one did: a relative `knownAt` would now be another instant.
        let known = match is_later_page {
            true => params.get("knownAt").map(|_| (size, now)),
            false => known_at(record, params)?,
        };
        let (size, now) = known.unwrap_or((size, now));
        let time = match time {
            Some(time) => time,
            None => params.instant("at", Role::At, now)?.unwrap_or(now),
        };
        let from = params.instant("from", Role::From, now)?;
        let to = params.instant("to", Role::To, now)?;
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            let accepts = "an instant that is not after `to`";
            return Err(Error::Parameter { name: "from", accepts });
        }
        let compare = params.instant("compare", Role::At, now)?;
        if compare.is_some_and(|compare| compare > time) {
            let accepts = "an instant that is not after `at`";
            return Err(Error::Parameter { name: "compare", accepts });
        }
        let mut question = params.echo();
        for (name, value) in names {
            question.insert((*name).to_owned(), (*value).into());
        }
        if params.get("knownAt").is_some_and(|text| !is_seq(text)) {
            // Repeat an instant resolved, a seq as it is.
            question.insert("knownAt".into(), now.to_string().into());
        }
        let at = params.knows("at").then_some(time);
        for (name, time) in [("at", at), ("compare", compare), ("from", from), ("to", to)] {
            if let Some(time) = time {
                question.insert(name.into(), time.to_string().into());
            }
        }
        let before = |time: Timestamp| -> Result<Seq, Error> {
            let last = record.seq_at(size, Timestamp(time.0.saturating_sub(1)))?;
            Ok(last.map_or(0, |last| last + 1))
        };
        let at_seq = record.seq_at(size, time)?;
        let compare = match compare {
            Some(compare) => Some((compare, record.seq_at(size, compare)?)),
            None => None,
        };
        let told_at = record.last_told(at_seq.map_or(0, |seq| seq + 1))?;
        let told = (told_at, record.last_told(record.head)?);
        let end = to.map_or(Ok(size), before)?;
        let start = from.map_or(Ok(0), before)?.min(end);
        Ok(Standpoint {
            question,
            time,
            now,
            is_repeatable: known.is_some(),
            size,
            at_seq,
            told,
            compare,
            from,
            to,
            seqs: start..end,
            limit: 1,
            after: None,
            after_time: Timestamp(0),
            binding: 0,
            cursor_key: record.cursor_key.clone(),
        })
    }

    /// The last event before the stretch, and the last up to its end.
    pub(crate) fn ends(&self) -> (Option<Seq>, Option<Seq>) {
        (self.seqs.start.checked_sub(1), self.seqs.end.checked_sub(1))
    }

    /// The stretch that is asked about, on all pages.
    pub(crate) fn stretch(&self) -> Stretch {
        let from = self.from.unwrap_or(Timestamp(i64::MIN));
        let before = self.to.map_or(Moment::END, Moment::start_of);
        Stretch { seqs: self.seqs.clone(), moments: (Moment::start_of(from), before) }
    }

    /// The rest of the stretch for this page of a list that goes from new to old.
    pub(crate) fn stretch_left(&self, record: &Record<'_>) -> Result<Stretch, Error> {
        let mut stretch = self.stretch();
        let Some(seq) = self.after else { return Ok(stretch) };
        let after = Moment { occurred_at: self.after_time, seq };
        // Among events recorded at that very time, the seq decides.
        let until = |time: Timestamp| -> Result<Seq, Error> {
            Ok(record.seq_at(self.size, time)?.map_or(0, |last| last + 1))
        };
        let earlier = until(Timestamp(after.occurred_at.0.saturating_sub(1)))?;
        let end = seq.clamp(earlier, until(after.occurred_at)?.max(earlier));
        stretch.seqs.end = stretch.seqs.end.min(end);
        stretch.moments.1 = stretch.moments.1.min(after);
        Ok(stretch)
    }

    /// The cursor of the page that begins after a moment.
    pub(crate) fn next_after(&self, moment: Moment) -> String {
        self.seal(moment.seq, moment.occurred_at)
    }

    /// The rows of the page out of all rows, and the cursor of the next page.
    pub(crate) fn part_of<'a, T>(&self, all: &'a [T]) -> (&'a [T], Option<String>) {
        let begin = self.after.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX));
        let left = all.get(begin..).unwrap_or_default();
        let page = &left[..left.len().min(self.limit)];
        let end = begin.saturating_add(page.len());
        (page, (end < all.len()).then(|| self.next(end as u64)))
    }

    /// Begins the page of a list of events that are found newest first.
    pub(crate) fn newest_first<T>(&self) -> NewestFirst<T> {
        let begin = self.after.unwrap_or(Seq::MAX);
        NewestFirst { begin, limit: self.limit, count: 0, page: vec![] }
    }

    /// The page of a list ordered by number.
    pub(crate) fn slice(&self) -> Slice {
        let after = self.after.map(|after| Number(u32::try_from(after).unwrap_or(u32::MAX)));
        Slice { after, limit: self.limit }
    }

    /// The cursor of the page that begins after a row.
    pub(crate) fn next(&self, after: u64) -> String {
        self.seal(after, Timestamp(0))
    }

    fn seal(&self, after: u64, after_time: Timestamp) -> String {
        let Standpoint { binding, time, now, size, .. } = *self;
        Cursor { binding, time, now, size, after, after_time }.seal(&self.cursor_key)
    }
}

/// Counts all that is found, newest first, and keeps what is on the page.
pub(crate) struct NewestFirst<T> {
    begin: Seq,
    limit: usize,
    count: u64,
    page: Vec<(Seq, T)>,
}

impl<T> NewestFirst<T> {
    /// The next one that fits the question.
    pub(crate) fn add(&mut self, seq: Seq, one: T) {
        self.count += 1;
        // One more than is shown tells whether there are more.
        if seq < self.begin && self.page.len() <= self.limit {
            self.page.push((seq, one));
        }
    }

    /// What is on the page, how many there are in all, and the cursor of the next page.
    pub(crate) fn cut(mut self, stand: &Standpoint) -> (Vec<T>, u64, Option<String>) {
        let more = self.page.len() > self.limit;
        self.page.truncate(self.limit);
        let next = self.page.last().filter(|_| more).map(|(seq, _)| stand.next(*seq));
        (self.page.into_iter().map(|(_, one)| one).collect(), self.count, next)
    }
}

const KNOWN_AT: &str = "the seq of an event, or an instant that has passed: an RFC 3339 time, a date, or a \
                        time before now (-90d)";

/// The `knownAt` of a question: how many events it may use, and its present. `None` if it has none.
fn known_at(record: &Record<'_>, params: &Params) -> Result<Option<(Seq, Timestamp)>, Error> {
    let refused = Error::Parameter { name: "knownAt", accepts: KNOWN_AT };
    let Some(text) = params.get("knownAt") else { return Ok(None) };
    if is_seq(text) {
        // A caller limited to one application must not find out how many events there are in all.
        let last = record.last_told(record.head)?;
        let seq: Option<Seq> =
            text.parse().ok().filter(|seq| last.is_some_and(|last| *seq <= last));
        let seq = seq.ok_or(refused)?;
        return Ok(Some((seq + 1, record.recorded_at(seq)?)));
    }
    let time = params.instant("knownAt", Role::At, record.now).map_err(|_| refused)?;
    // Events of this very instant may still be recorded, and would change the answer.
    let Some(time) = time.filter(|time| *time < record.now) else {
        return Err(Error::Parameter { name: "knownAt", accepts: KNOWN_AT });
    };
    Ok(Some((record.seq_at(record.head, time)?.map_or(0, |seq| seq + 1), time)))
}

fn is_seq(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
