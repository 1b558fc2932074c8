//! Resources and persons whose last write failed. One row each, as long as it is so.

use event::{Action, Application, Number, Seq, Status};
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

/// Folds a write, and returns how many have failed since one that did not; `failures` is the number before.
pub(crate) fn record(
    rows: &mut Overlay<'_>,
    (application, number): (Application, Number),
    (seq, failed): (Seq, bool),
    failures: u64,
) -> u64 {
    let key = key::failing(application, number);
    if failed {
        rows.put(key, [seq, failures + 1].map(u64::to_be_bytes).concat());
        return failures + 1;
    }
    if failures > 0 {
        rows.delete(key);
    }
    0
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
