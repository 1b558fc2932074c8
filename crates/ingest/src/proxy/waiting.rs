//! The read-backs in progress.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{Application, Attribute, ResourceType, Seq};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::proxy::request::UpstreamRequest;

/// At most this many read-backs of one application run at once.
pub(super) const AT_ONCE_MAX: usize = 2;
/// At most this many read-backs of one application, half of them without a doubt at most. Beyond that
/// the doubt stays, and coverage shows it.
pub(super) const WAITING_MAX: usize = 1_000;

/// The read-backs of all applications.
pub(crate) struct ReadBacks {
    /// The delays of the attempts from the answer on, ascending. Only the last attempt may contradict a
    /// write.
    pub(super) after: Vec<Duration>,
    queues: Mutex<HashMap<Application, ApplicationQueue>>,
}

/// The read-backs of one application.
pub(super) struct ApplicationQueue {
    pub(super) turns: Arc<Semaphore>,
    /// When its `Retry-After` is over.
    pub(super) not_before: Option<Instant>,
    pub(super) waiting: HashMap<Target, ReadBackJob>,
}

/// What is read back.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Target {
    Id(ResourceType, String),
    Name(ResourceType, Attribute, String),
    /// The resources of one request: several, or unknown ones.
    Request(Seq),
}

/// Why a target is read back.
#[derive(Clone, Default)]
pub(super) struct ReadBackJob {
    /// Raised when another write needs the same target: the attempts start again.
    pub(super) round: u64,
    /// The operations in doubt.
    pub(super) doubts: BTreeSet<Seq>,
    /// Whether an attempt at the last delay is needed; without a doubt it is the only one.
    pub(super) is_late: bool,
    pub(super) requests: Arc<Vec<UpstreamRequest>>,
}

impl ReadBackJob {
    pub(super) fn of(requests: Vec<UpstreamRequest>) -> ReadBackJob {
        ReadBackJob { requests: Arc::new(requests), ..ReadBackJob::default() }
    }
}

impl ReadBacks {
    pub(crate) fn new(after: Vec<Duration>) -> ReadBacks {
        ReadBacks { after, queues: Mutex::default() }
    }

    pub(super) fn with<T>(
        &self,
        application: Application,
        work: impl FnOnce(&mut ApplicationQueue) -> T,
    ) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(application).or_insert_with(|| ApplicationQueue {
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            not_before: None,
            waiting: HashMap::new(),
        });
        work(queue)
    }

    /// Adds a job. Returns whether the caller must start a task for it.
    pub(super) fn add(&self, application: Application, target: &Target, job: ReadBackJob) -> bool {
        self.with(application, |queue| {
            if let Some(known) = queue.waiting.get_mut(target) {
                known.round += 1;
                known.doubts.extend(job.doubts);
                known.is_late |= job.is_late;
                known.requests = job.requests;
                return false;
            }
            // Jobs without a doubt leave room for those with one.
            let waiting_max = match job.doubts.is_empty() {
                true => WAITING_MAX / 2,
                false => WAITING_MAX,
            };
            if queue.waiting.len() >= waiting_max {
                metrics::counter!("provlog_read_backs_total", "outcome" => "dropped").increment(1);
                return false;
            }
            queue.waiting.insert(target.clone(), job);
            true
        })
    }

    pub(super) fn job(&self, application: Application, target: &Target) -> ReadBackJob {
        self.with(application, |queue| queue.waiting.get(target).cloned()).unwrap_or_default()
    }

    /// Ends a read-back, unless another write needed it since `round`.
    pub(super) fn end(&self, application: Application, target: &Target, round: u64) -> bool {
        self.with(application, |queue| {
            let is_done = queue.waiting.get(target).is_none_or(|job| job.round == round);
            if is_done {
                queue.waiting.remove(target);
            }
            is_done
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_without_a_doubt_leave_room_for_those_with_one() {
        let (backs, app) = (ReadBacks::new(vec![Duration::ZERO]), Application(1));
        let target = |id: usize| Target::Id(ResourceType::USER, id.to_string());
        let late = || ReadBackJob { is_late: true, ..ReadBackJob::default() };
        let doubtful = || ReadBackJob { doubts: BTreeSet::from([7]), ..ReadBackJob::default() };
        let count = |job: &dyn Fn() -> ReadBackJob, ids: std::ops::Range<usize>| {
            ids.filter(|id| backs.add(app, &target(*id), job())).count()
        };
        assert_eq!(count(&late, 0..2 * WAITING_MAX), WAITING_MAX / 2);
        assert_eq!(count(&ReadBackJob::default, 0..2 * WAITING_MAX), 0);
        let ids = 3 * WAITING_MAX..5 * WAITING_MAX;
        assert_eq!(count(&doubtful, ids), WAITING_MAX - WAITING_MAX / 2);
        // A job that was added stays.
        assert!(!backs.add(app, &target(0), doubtful()));
        assert!(!backs.job(app, &target(0)).doubts.is_empty());
    }
}
