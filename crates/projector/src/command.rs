//! What waits for the committer: a decision to be made, and whoever wants its reply.

use event::{Application, LogId, Seq, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::clock_guard::ClockFault;
use crate::draft::Draft;
use crate::error::{CommitError, ProjectorError};
use crate::view::View;

/// Whether a decision's events must survive a loss of power before the reply leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// The reply leaves after a sync.
    Synced,
    /// The reply leaves after the append; a loss of power may take the last second of these.
    Appended,
}

/// What decide knows of its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The log's name.
    pub log: LogId,
    /// The seq that the decision's first event gets.
    pub seq: Seq,
    /// The time that the decision's events get.
    pub recorded_at: Timestamp,
    /// What the clock shows.
    pub raw_clock: Timestamp,
    /// Why the clock is not believed: no change may be recorded then.
    pub clock_fault: Option<ClockFault>,
    /// So little of the disk is free that what is left must do for the record itself.
    pub disk_full: bool,
}

/// What decide returns: the events to store and what the client gets once they are.
#[derive(Clone, Debug)]
pub struct Decision<R> {
    /// In order; they get consecutive seqs from the stamp's on.
    pub events: Vec<Draft>,
    /// Handed back after publish.
    pub reply: R,
}

/// A waiting decision with the reply's type hidden.
pub(crate) trait Command: Send {
    /// In whose lane it waits.
    fn application(&self) -> Application;
    fn durability(&self) -> Durability;
    fn decide(&mut self, view: &View<'_>, stamp: Stamp) -> Result<Vec<Draft>, ProjectorError>;
    fn finish(self: Box<Self>, outcome: Result<(), CommitError>);
}

pub(crate) struct Pending<D, R> {
    pub application: Application,
    pub durability: Durability,
    pub decide: Option<D>,
    pub reply: Option<R>,
    pub sender: oneshot::Sender<Result<R, CommitError>>,
    // Gives its place in the queue back when the command is finished.
    pub _permit: OwnedSemaphorePermit,
}

impl<D, R> Command for Pending<D, R>
where
    D: FnOnce(&View<'_>, Stamp) -> Result<Decision<R>, ProjectorError> + Send,
    R: Send,
{
    fn application(&self) -> Application {
        self.application
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn decide(&mut self, view: &View<'_>, stamp: Stamp) -> Result<Vec<Draft>, ProjectorError> {
        let Some(decide) = self.decide.take() else { return Ok(vec![]) };
        let decision = decide(view, stamp)?;
        self.reply = Some(decision.reply);
        Ok(decision.events)
    }

    fn finish(self: Box<Self>, outcome: Result<(), CommitError>) {
        let result = match (outcome, self.reply) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(reply)) => Ok(reply),
            (Ok(()), None) => Err(CommitError::Defect),
        };
        // Nobody waits any more when the client has gone; its events stand nevertheless.
        let _ = self.sender.send(result);
    }
}
