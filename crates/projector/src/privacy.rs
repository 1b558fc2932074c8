//! Rows about erased people, legal holds, and for how long what is sent is kept.

use event::{Application, Attribute, Event, LegalHold, Number, RetentionSet, SentErased, Seq};
use store::key;

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::row;
use crate::view::View;

/// In a row: not yet.
const NO_EVENT: Seq = Seq::MAX;

/// An erasure of people of one application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// Its event.
    pub seq: Seq,
    /// The application.
    pub application: Application,
    /// The event that says it was carried out.
    pub completed_seq: Option<Seq>,
}

/// For how long what is sent to an application is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// So many whole months behind the present one; `None` for ever.
    pub months: Option<u16>,
    /// What was sent up to this month is erased, counted from January 1970 as 0.
    pub erased_through: Option<u32>,
}

pub(crate) fn fold_erasure(
    rows: &mut Overlay<'_>,
    application: Application,
    seq: Seq,
    completed_seq: Option<Seq>,
) {
    let mut value = row::encode_number(application.0);
    value.extend_from_slice(&completed_seq.unwrap_or(NO_EVENT).to_be_bytes());
    rows.put(key::erasure(seq), value);
}

pub(crate) fn fold_hold(rows: &mut Overlay<'_>, event: &Event, hold: &LegalHold) {
    for number in &hold.numbers {
        let key = key::hold(event.header.application, *number);
        match hold.held {
            true => rows.put(key, event.seq.to_be_bytes().to_vec()),
            false => rows.delete(key),
        }
    }
}

pub(crate) fn fold_retention(
    rows: &mut Overlay<'_>,
    application: Application,
    set: &RetentionSet,
) -> Result<(), ProjectorError> {
    let before = View::new(rows).retention(application)?;
    put_retention(rows, application, Retention { months: set.months, ..before });
    Ok(())
}

pub(crate) fn fold_sent_erased(
    rows: &mut Overlay<'_>,
    application: Application,
    erased: &SentErased,
) -> Result<(), ProjectorError> {
    let before = View::new(rows).retention(application)?;
    let erased_through = before.erased_through.max(Some(erased.through));
    put_retention(rows, application, Retention { erased_through, ..before });
    Ok(())
}

fn put_retention(rows: &mut Overlay<'_>, application: Application, retention: Retention) {
    let Retention { months, erased_through } = retention;
    // 0 is none; months are at least 1.
    let mut value = months.unwrap_or(0).to_be_bytes().to_vec();
    let through = erased_through.map_or(0, |month| month.saturating_add(1));
    value.extend_from_slice(&through.to_be_bytes());
    rows.put(key::retention(application), value);
}

impl View<'_> {
    /// The event that erased somebody. Not limited to the view: nothing of an erased person is shown, at
    /// whatever time.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
    pub fn erased(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Option<Seq>, ProjectorError> {
        let value = self.rows().get(&key::erased(application, number))?;
        value.map(|value| row::decode_seq("an erasure", &value)).transpose()
    }

    /// The names by which a number was mentioned, case-folded.
    pub fn names_mentioned(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Vec<(Attribute, String)>, ProjectorError> {
        let damaged = || ProjectorError::row("a mention");
        self.collect(&key::mention_names(application, number), |key, _| {
            let (attribute, name) =
                key::mention_of_name(key).and_then(key::mention_name_parts).ok_or_else(damaged)?;
            Ok((Attribute::from_code(attribute).ok_or_else(damaged)?, name.to_owned()))
        })
    }

    /// The event that put a legal hold on somebody, if it lasts.
    pub fn hold(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Option<Seq>, ProjectorError> {
        let value = self.rows().get(&key::hold(application, number))?;
        value.map(|value| row::decode_seq("a legal hold", &value)).transpose()
    }

    /// All who are held in an application, by number, and since which event.
    pub fn holds(&self, application: Application) -> Result<Vec<(Number, Seq)>, ProjectorError> {
        let what = "a legal hold";
        self.collect(&key::holds(application), |key, value| {
            let number = key::last_number(key).ok_or_else(|| ProjectorError::row(what))?;
            Ok((number, row::decode_seq(what, value)?))
        })
    }

    /// All erasures, oldest first.
    pub fn erasures(&self) -> Result<Vec<Erasure>, ProjectorError> {
        let damaged = || ProjectorError::row("an erasure");
        self.collect(&key::erasures(), |key, value| {
            let (application, completed) = value.split_first_chunk::<4>().ok_or_else(damaged)?;
            let completed = row::decode_seq("an erasure", completed)?;
            Ok(Erasure {
                seq: key::last_seq(key).ok_or_else(damaged)?,
                application: Application(u32::from_be_bytes(*application)),
                completed_seq: Some(completed).filter(|seq| *seq != NO_EVENT),
            })
        })
    }

    /// For how long what is sent to an application is kept.
    pub fn retention(&self, application: Application) -> Result<Retention, ProjectorError> {
        let Some(value) = self.rows().get(&key::retention(application))? else {
            return Ok(Retention::default());
        };
        let damaged = || ProjectorError::row("a retention");
        let (months, through) = value.split_first_chunk::<2>().ok_or_else(damaged)?;
        let through = row::decode_number("a retention", through)?;
        Ok(Retention {
            months: Some(u16::from_be_bytes(*months)).filter(|months| *months > 0),
            erased_through: through.checked_sub(1),
        })
    }
}
