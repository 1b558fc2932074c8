//! Which read-backs are under way, and what each is for.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{Application, Attribute, ResourceType, Seq};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::proxy::request::UpstreamRequest;

/// Read-backs of one application that are asked at once.
pub(super) const AT_ONCE_MAX: usize = 2;
/// Resources of one application that are being read back, half of them without a doubt at most. Of others
/// the doubt stays, and coverage says so.
pub(super) const WAITING_MAX: usize = 1_000;

/// The read-backs that are under way, of all applications.
pub(crate) struct ReadBacks {
    /// When to look, from the answer on; ascending. Only the last look may say that a write did not
    /// happen.
    pub(super) after: Vec<Duration>,
    queues: Mutex<HashMap<Application, ApplicationQueue>>,
}

/// Those of one application.
pub(super) struct ApplicationQueue {
    pub(super) turns: Arc<Semaphore>,
    /// It wants to be left alone until then.
    pub(super) not_before: Option<Instant>,
    pub(super) waiting: HashMap<Target, ReadBackJob>,
}

/// What is read back.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Target {
    Id(ResourceType, String),
    Name(ResourceType, Attribute, String),
    /// Several resources, or none that is known: of one request.
    Request(Seq),
}

/// What a read-back is for.
#[derive(Clone, Default)]
pub(super) struct ReadBackJob {
    /// Grows when another write asks for the same: the looks begin anew.
    pub(super) round: u64,
    /// The operations in doubt.
    pub(super) doubts: BTreeSet<Seq>,
    /// Whether there is a last look, when what was under way has come to its end; without a doubt it is the
    /// only one.
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

    /// Adds what is wanted; whether a task of its own is needed for it.
    pub(super) fn add(&self, application: Application, target: &Target, job: ReadBackJob) -> bool {
        self.with(application, |queue| {
            if let Some(known) = queue.waiting.get_mut(target) {
                known.round += 1;
                known.doubts.extend(job.doubts);
                known.is_late |= job.is_late;
                known.requests = job.requests;
                return false;
            }
            // Whoever asks for nobody in particular leaves room for what is in doubt.
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

    /// Ends a read-back, unless another write asked for it since `round`.
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
    fn what_is_in_doubt_has_a_place_whoever_else_is_looked_at() {
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
        // Who has a place keeps it.
        assert!(!backs.add(app, &target(0), doubtful()));
        assert!(!backs.job(app, &target(0)).doubts.is_empty());
    }
}
