//! Resources and persons whose last write failed. One row each, as long as it is so.

use event::{Action, Application, Number, Seq, Status};
use store::ReadRows;
use store::key;

use crate::error::ProjectorError;
use crate::operation::OperationSummary;
use crate::overlay::Overlay;
use crate::view::View;

/// A resource or person whose last write failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failing {
    /// The resource or person.
    pub number: Number,
    /// The last write.
    pub seq: Seq,
    /// How many writes failed since the last one that did not.
    pub failures: u64,
}

impl OperationSummary {
    /// Whether it was a write, and whether it failed; `None` for what says nothing of that. A skipped
    /// operation is neither a failure nor a success.
    pub fn write_failed(&self) -> Option<bool> {
        let says_nothing =
            self.action == Action::Other || self.status == Status::Skipped || self.is_observation();
        (!says_nothing).then_some(self.status == Status::Failure)
    }
}

pub(crate) fn record(
    rows: &mut Overlay<'_>,
    summary: &OperationSummary,
) -> Result<(), ProjectorError> {
    let Some(failed) = summary.write_failed().filter(|_| summary.number != Number::NOBODY) else {
        return Ok(());
    };
    let key = key::failing(summary.application, summary.number);
    let before = rows.get(&key)?;
    if failed {
        let before = before.map(|row| decode(summary.number, &row)).transpose()?;
        let failures = before.map_or(0, |before| before.failures) + 1;
        rows.put(key, [summary.seq, failures].map(u64::to_be_bytes).concat());
    } else if before.is_some() {
        rows.delete(key);
    }
    Ok(())
}

fn decode(number: Number, row: &[u8]) -> Result<Failing, ProjectorError> {
    match row.as_chunks::<8>() {
        ([seq, failures], []) => Ok(Failing {
            number,
            seq: u64::from_be_bytes(*seq),
            failures: u64::from_be_bytes(*failures),
        }),
        _ => Err(damaged()),
    }
}

fn damaged() -> ProjectorError {
    ProjectorError::row("a failing resource")
}

impl View<'_> {
    /// The resources and persons of an application whose last write failed, by number. Not limited to the
    /// view: these rows keep no history.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn failing_now(&self, application: Application) -> Result<Vec<Failing>, ProjectorError> {
        self.collect(&key::all_failing(application), |key, row| {
            decode(key::failing_number(key).ok_or_else(damaged)?, row)
        })
    }
}
