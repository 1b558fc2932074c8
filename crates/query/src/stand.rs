//! On what an answer stands: which instant, which events, which page.

use event::{Number, Seq, Timestamp};
use serde_json::{Map, Value};

use crate::as_of::Slice;
use crate::cursor::{self, Cursor, List};
use crate::error::Error;
use crate::params::Params;
use crate::record::Record;

/// An event that waits longer than this between getting its time and being seen is taken for one
/// that the first page stood on.
const UNSEEN_MAX_US: i64 = 60_000_000;

/// The instant of a question, and the events that its answer rests on. All pages of one list have
/// the same.
pub(crate) struct Stand {
    /// The question with its instants resolved, as the answer repeats it.
    pub(crate) question: Map<String, Value>,
    /// The instant that is asked about.
    pub(crate) time: Timestamp,
    /// When the answer, or its first page, was made.
    pub(crate) now: Timestamp,
    /// How many events are known.
    pub(crate) size: Seq,
    /// The last known event up to the instant.
    pub(crate) at_seq: Option<Seq>,
    /// How many rows the page has at most.
    pub(crate) limit: usize,
    /// The row after which the page begins.
    pub(crate) after: Option<u64>,
    binding: u64,
}

impl Stand {
    /// The stand of a question about what the address names.
    pub(crate) fn of_one(
        record: &Record<'_>,
        params: &Params,
        names: &[(&'static str, &str)],
    ) -> Result<Stand, Error> {
        let time = params.instant("at", record.now)?.unwrap_or(record.now);
        let mut question = params.echo();
        for (name, value) in names {
            question.insert((*name).to_owned(), (*value).into());
        }
        if params.knows("at") {
            question.insert("at".into(), time.to_string().into());
        }
        Ok(Stand {
            question,
            time,
            now: record.now,
            size: record.size,
            at_seq: record.seq_at(record.size, time)?,
            limit: 1,
            after: None,
            binding: 0,
        })
    }

    /// The stand of a page of a list: that of its first page, when there was one before.
    pub(crate) fn of_page(
        record: &Record<'_>,
        params: &Params,
        names: &[(&'static str, &str)],
        list: List,
    ) -> Result<Stand, Error> {
        let mut stand = Stand::of_one(record, params, names)?;
        stand.limit = params.limit()?;
        stand.question.insert("limit".into(), stand.limit.into());
        let parts: Vec<(&str, &str)> = names.iter().copied().chain(params.filters()).collect();
        stand.binding = cursor::binding(record.log(), &parts);
        let Some(text) = params.get("cursor") else { return Ok(stand) };

        let accepts = "the `next` of the page before, unchanged";
        let unknown = Error::Parameter { name: "cursor", accepts };
        let Some((kind, cursor)) = Cursor::decode(text) else { return Err(unknown) };
        if kind != list as u8 || cursor.binding != stand.binding {
            return Err(Error::CursorMismatch);
        }
        if !is_ours(record, params, &cursor)? {
            return Err(unknown);
        }
        stand.time = cursor.time;
        stand.now = cursor.now;
        stand.size = cursor.size;
        stand.at_seq = record.seq_at(cursor.size, cursor.time)?;
        stand.after = Some(cursor.after);
        if params.knows("at") {
            stand.question.insert("at".into(), stand.time.to_string().into());
        }
        Ok(stand)
    }

    /// The last event that is known.
    pub(crate) fn head(&self) -> Option<Seq> {
        self.size.checked_sub(1)
    }

    /// The rows of the page, where they are ordered by number.
    pub(crate) fn slice(&self) -> Slice {
        let after = self.after.map(|after| Number(u32::try_from(after).unwrap_or(u32::MAX)));
        Slice { after, limit: self.limit }
    }

    /// The cursor of the page that begins after a row.
    pub(crate) fn next(&self, list: List, after: u64) -> String {
        let Stand { binding, time, now, size, .. } = *self;
        Cursor { binding, time, now, size, after }.encode(list)
    }
}

/// Whether we can have given a cursor out. It is not signed, so what it says of its first page has
/// to agree with the record: else it could hide from an answer that the answer is partial.
fn is_ours(record: &Record<'_>, params: &Params, cursor: &Cursor) -> Result<bool, Error> {
    let Cursor { time, now, size, .. } = *cursor;
    // The present only moves on, and the log never gets shorter; nobody asks an empty one.
    if now > record.now || !(1..=record.size).contains(&size) {
        return Ok(false);
    }
    // The page stood on all events up to its present, and on no later one.
    if record.recorded_at(size - 1)? > now {
        return Ok(false);
    }
    if size < record.size && now.micros_since(record.recorded_at(size)?) > UNSEEN_MAX_US {
        return Ok(false);
    }
    // The question is the same, so its instant is the one that it had then: `at` as it is always
    // read, or a present between two that the record knows. RFC 3339 can write either.
    let then = params.instant("at", now).ok().map(|at| at.unwrap_or(now));
    Ok(then == Some(time))
}
