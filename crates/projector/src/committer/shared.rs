//! What the committer's callers and its thread share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use event::Application;
use store::Store;
use tlog::SignedCheckpoint;
use tokio::sync::{Semaphore, oneshot};

use crate::clock_guard::ClockGuard;
use crate::command::Command;
use crate::error::CommitError;
use crate::gate::Gate;
use crate::signer::Signer;
use crate::unauthenticated::limit::UnauthenticatedLimit;

/// What both sides see.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) clock: ClockGuard,
    pub(super) poisoned: AtomicBool,
    pub(super) disk_free_bytes: AtomicU64,
    /// How many batches changed configuration.
    pub(super) configurations: AtomicU64,
    pub(super) gate: Gate,
    pub(super) commands_max: usize,
    /// Free queue places, by application. At most one entry for each application.
    pub(super) permits: Mutex<BTreeMap<Application, Arc<Semaphore>>>,
    pub(super) unauthenticated: UnauthenticatedLimit,
    pub(super) signer: Option<Arc<Signer>>,
    /// The one that was signed last and stands in the kept file.
    pub(super) checkpoint: RwLock<Option<Arc<SignedCheckpoint>>>,
}

impl Shared {
    pub(super) fn checkpoint(&self) -> Option<Arc<SignedCheckpoint>> {
        self.checkpoint.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn check(&self) -> Result<(), CommitError> {
        if self.store.needs_rebuild() {
            Err(CommitError::RowsDamaged)
        } else if self.poisoned.load(Ordering::SeqCst) {
            let log_damaged = self.store.damage().log.is_some();
            Err(if log_damaged { CommitError::LogDamaged } else { CommitError::Poisoned })
        } else {
            Ok(())
        }
    }
}

/// What waits in the queue.
pub(super) enum Message {
    Command(Box<dyn Command>),
    /// Sign a checkpoint of all that there is.
    Sign(oneshot::Sender<Option<Arc<SignedCheckpoint>>>),
    Stop(oneshot::Sender<()>),
}
