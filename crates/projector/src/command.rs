//! A command: a decision that waits for the committer, and the caller that waits for its reply.

use event::{Application, LogId, Seq, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::clock_guard::ClockFault;
use crate::draft::Draft;
use crate::error::{CommitError, ProjectorError};
use crate::view::View;

/// Whether a decision's events are synced to disk before the reply leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// The reply leaves after a sync.
    Synced,
    /// The reply leaves after the append; a loss of power may lose the last second of these.
    Appended,
}

/// The place in the log, the time and the state of the machine that a decision is given.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The log's name.
    pub log: LogId,
    /// The seq that the decision's first event gets.
    pub seq: Seq,
    /// The time that the decision's events get.
    pub recorded_at: Timestamp,
    /// What the clock shows, believed or not.
    pub raw_clock: Timestamp,
    /// Set when the clock is not believed; decide must then refuse changes.
    pub clock_fault: Option<ClockFault>,
    /// Set when less than the reserve is free on the disk; decide must then refuse SCIM requests.
    pub disk_full: bool,
}

/// What decide returns: the events to store and what the client gets once they are.
#[derive(Clone, Debug)]
pub struct Decision<R> {
    /// In order; they get consecutive seqs from [`Stamp::seq`] on.
    pub events: Vec<Draft>,
    /// Handed back after publish.
    pub reply: R,
}

/// A waiting decision with the reply's type hidden.
pub(crate) trait Command: Send {
    /// The lane of the queue that it waits in.
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
        // The client may have gone. Its events are stored all the same.
        let _ = self.sender.send(result);
    }
}
