//! Read-backs: if the answer to a write leaves its outcome in doubt, the recorder reads the resource
//! itself, at once and again later, until the doubt is settled.
//!
//! ```text
//!  forward ─▶ read_back(doubt) ─▶ one task for each resource, after 0, 5 and 60 s:
//!                                   a turn of the application; probe; observe
//!                                 settled: it ends; else it tries again, and the last try may contradict
//! ```
//!
//! Doubts are on record, so nothing is lost if a read-back ends early: a stop cancels them all, and the
//! next start repeats those still needed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use event::{Application, Number, Occasion, ResourceType, Seq, Verdict};
use projector::{Decision, Durability, View, case_folded};
use tokio::time::Instant;

use crate::context::Context;
use crate::http::Ingest;
use crate::proxy::observe::UpstreamState;
use crate::proxy::probe::{Probe, ProbeResult};
use crate::proxy::request::UpstreamRequest;
use crate::proxy::settle::{settling_event, verdict_from_state};
use crate::proxy::waiting::{ApplicationQueue, ReadBackJob, Target};

/// With a longer `Retry-After` the read-back ends.
const LATER_MAX: Duration = Duration::from_secs(3_600);
/// How long to wait while a write of the resource is in flight.
const BUSY_AFTER: Duration = Duration::from_secs(1);
/// A read-back that is postponed more often ends.
const POSTPONED_MAX: u32 = 120;

/// The result of one attempt.
enum Attempt {
    Settled,
    Open,
    Postponed(Duration),
}

/// What the upstream says about the subject of a write.
enum Probed {
    State(UpstreamState),
    /// Another resource has the name of the one that was to be created.
    OtherResource,
    Unknown,
}

impl Ingest {
    /// Reads back the resources of an operation in doubt.
    pub(crate) fn read_back(
        self: &Arc<Self>,
        context: &Context,
        requests: Vec<UpstreamRequest>,
        doubt: Seq,
    ) {
        let doubts = BTreeSet::from([doubt]);
        self.begin_read_back(context, ReadBackJob { doubts, ..ReadBackJob::of(requests) });
    }

    /// Reads the resource once, at the last delay, after a write that the upstream says failed but may
    /// have carried out.
    pub(crate) fn check_later(self: &Arc<Self>, context: &Context, requests: Vec<UpstreamRequest>) {
        self.begin_read_back(context, ReadBackJob { is_late: true, ..ReadBackJob::of(requests) });
    }

    /// Reads a resource once to see whether it exists, after an answer that leaves that open. Only if
    /// it is on record.
    pub(crate) fn confirm(
        self: &Arc<Self>,
        context: &Context,
        stored_type: ResourceType,
        id: &str,
    ) {
        let is_on_record = {
            let snapshot = self.committer.store().snapshot();
            View::new(&snapshot).number_of_id(context.application, stored_type, id)
        };
        // If rows cannot be read, the decision reports it.
        if matches!(is_on_record, Ok(Some(_))) {
            self.begin_read_back(
                context,
                ReadBackJob::of(vec![UpstreamRequest::look(stored_type, id)]),
            );
        }
    }

    fn begin_read_back(self: &Arc<Self>, context: &Context, job: ReadBackJob) {
        let target = match (job.requests.as_slice(), job.doubts.first()) {
            ([one], _) => match (&one.id, one.surest_name()) {
                (Some(id), _) => Target::Id(one.stored_type, id.clone()),
                (None, Some((attribute, value))) => {
                    Target::Name(one.stored_type, attribute, case_folded(attribute, value))
                }
                (None, None) => return,
            },
            ([], _) | (_, None) => return,
            (_, Some(doubt)) => Target::Request(*doubt),
        };
        if self.read_backs.after.is_empty() || self.stopping.is_cancelled() {
            return;
        }
        if !self.read_backs.add(context.application, &target, job) {
            return;
        }
        let (this, context) = (Arc::clone(self), context.clone());
        self.tasks.spawn(async move {
            let stopping = this.stopping.clone();
            // The next start repeats what is cancelled here.
            let settled = stopping.run_until_cancelled(this.look_until_settled(&context, &target));
            let outcome = match settled.await {
                Some(true) => "settled",
                Some(false) => "open",
                None => "cut",
            };
            metrics::counter!("provlog_read_backs_total", "outcome" => outcome).increment(1);
        });
    }

    /// Tries at each delay. Returns whether the doubts were settled.
    async fn look_until_settled(&self, context: &Context, target: &Target) -> bool {
        let (application, backs) = (context.application, &self.read_backs);
        let mut job = backs.job(application, target);
        let last = backs.after.len().saturating_sub(1);
        let first = |job: &ReadBackJob| match job.is_late && job.doubts.is_empty() {
            true => last,
            false => 0,
        };
        let (mut began, mut look, mut postponed) = (Instant::now(), first(&job), 0);
        loop {
            // Without a doubt, one attempt is enough.
            let is_last = look >= last || job.doubts.is_empty();
            let due = began + backs.after.get(look).copied().unwrap_or_default();
            let turn = self.turn(application, due).await;
            let now = backs.job(application, target);
            let looked = match now.round == job.round {
                true => self.look_back(context, &job, is_last).await,
                false => Attempt::Open,
            };
            drop(turn);
            let done = match looked {
                // A write that failed may still be carried out, so try once more at the last delay.
                Attempt::Settled if now.is_late && look < last => {
                    look = last;
                    None
                }
                Attempt::Settled => Some(true),
                Attempt::Postponed(after) if after > LATER_MAX || postponed >= POSTPONED_MAX => {
                    Some(false)
                }
                Attempt::Postponed(after) => {
                    postponed += 1;
                    // Repeat this attempt later.
                    let earliest = Instant::now() + after;
                    tokio::time::sleep_until(earliest).await;
                    None
                }
                Attempt::Open if is_last && now.round == job.round => Some(false),
                Attempt::Open => {
                    look += 1;
                    None
                }
            };
            if let Some(settled) = done
                && backs.end(application, target, job.round)
            {
                return settled;
            }
            let now = backs.job(application, target);
            if now.round != job.round {
                (began, look) = (Instant::now(), first(&now));
                job = now;
            }
        }
    }

    /// Waits until `due`, for a permit, and until the application's `Retry-After` is over.
    async fn turn(
        &self,
        application: Application,
        due: Instant,
    ) -> Option<tokio::sync::OwnedSemaphorePermit> {
        tokio::time::sleep_until(due).await;
        let turns = self.read_backs.with(application, |queue| Arc::clone(&queue.turns));
        let turn = turns.acquire_owned().await.ok();
        loop {
            let until = self.read_backs.with(application, |queue| queue.not_before);
            match until.filter(|until| *until > Instant::now()) {
                None => return turn,
                Some(until) => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Reads every resource of a job and records what it finds.
    async fn look_back(&self, context: &Context, job: &ReadBackJob, is_last: bool) -> Attempt {
        let mut is_all_known = true;
        let before = self.last_seq();
        for request in job.requests.iter() {
            let saw_seq = self.last_seq();
            let state = match self.probe(context, request).await {
                Ok(Probed::State(state)) => state,
                Ok(Probed::OtherResource) => continue,
                Ok(Probed::Unknown) => {
                    is_all_known = false;
                    continue;
                }
                Err(after) => {
                    let until = Instant::now() + after.min(LATER_MAX);
                    let set = |queue: &mut ApplicationQueue| {
                        queue.not_before = queue.not_before.max(Some(until))
                    };
                    self.read_backs.with(context.application, set);
                    return Attempt::Postponed(after);
                }
            };
            let is_busy = match &request.id {
                Some(id) => self.in_flight.is_busy(context.application, id),
                None => self.in_flight.is_creating(context.application, Some(&request.lookups())),
            };
            if is_busy {
                return Attempt::Postponed(BUSY_AFTER);
            }
            let occasion = (Occasion::ReadBack, None);
            let stored_type = request.stored_type;
            let observed =
                self.observe(context, stored_type, state, occasion, saw_seq, is_last).await;
            if let Err(error) = observed {
                tracing::warn!(%error, app = context.application.0, "the result of a read-back could not be recorded");
                return Attempt::Open;
            }
        }
        if is_all_known && !self.are_settled(&job.doubts) {
            self.settle_request(context, job, before, is_last).await;
        }
        match self.are_settled(&job.doubts) {
            true => Attempt::Settled,
            false => Attempt::Open,
        }
    }

    /// Asks the upstream about the subject of a write. The error is the `Retry-After`.
    async fn probe(
        &self,
        context: &Context,
        request: &UpstreamRequest,
    ) -> Result<Probed, Duration> {
        let Some(upstream) = context.upstream.clone() else { return Ok(Probed::Unknown) };
        let stored_type = request.stored_type;
        let probe = Probe { ingest: self, context, upstream: &upstream, stored_type };
        if let Some(id) = &request.id {
            return match probe.by_id(id).await {
                ProbeResult::Found(seen) => Ok(Probed::State(UpstreamState::Resource(seen))),
                ProbeResult::Absent => Ok(Probed::State(UpstreamState::Gone { id: id.clone() })),
                ProbeResult::Unconfirmed | ProbeResult::Unknown => Ok(Probed::Unknown),
                ProbeResult::RetryAfter(after) => Err(after),
            };
        }
        let mut probed = Probed::Unknown;
        for (attribute, value) in request.lookups() {
            match probe.by_name(attribute, &value).await {
                ProbeResult::Found(seen)
                    if request.names.has_other_external_id(&seen.resource.attributes) =>
                {
                    if matches!(probed, Probed::Unknown) {
                        probed = Probed::OtherResource;
                    }
                }
                ProbeResult::Found(seen) => {
                    return Ok(Probed::State(UpstreamState::Resource(seen)));
                }
                // If the surest name finds nobody, another name does not change that.
                ProbeResult::Absent => match (&probed, request.surest_name()) {
                    (Probed::State(_), Some((surest, _))) if surest != attribute => {}
                    _ => probed = Probed::State(UpstreamState::NoMatch { attribute, value }),
                },
                ProbeResult::Unconfirmed | ProbeResult::Unknown => return Ok(Probed::Unknown),
                ProbeResult::RetryAfter(after) => return Err(after),
            }
        }
        Ok(probed)
    }

    fn are_settled(&self, doubts: &BTreeSet<Seq>) -> bool {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        doubts.iter().all(|seq| matches!(view.settled(*seq), Ok(Some(_))))
    }

    /// Settles a request for several resources, once the state of each is known.
    async fn settle_request(
        &self,
        context: &Context,
        job: &ReadBackJob,
        saw_seq: Option<Seq>,
        is_last: bool,
    ) {
        let (context, job, app) = (context.clone(), job.clone(), context.application.0);
        let committer = self.committer.of(context.application);
        let settled = committer.submit(Durability::Appended, move |view, _| {
            let verdict = verdict_from_state(&context, &job.requests, view)?;
            let mut events = vec![];
            for doubt in view.unsettled(context.application, Number::NOBODY)? {
                let is_own = job.doubts.contains(&doubt.seq) && Some(doubt.seq) <= saw_seq;
                if is_own && (is_last || verdict == Verdict::Confirmed) {
                    let whom = (Number::NOBODY, ResourceType::NONE);
                    let occasion = (Occasion::ReadBack, None);
                    events.push(settling_event(&context, whom, doubt.seq, verdict, occasion));
                }
            }
            Ok(Decision { events, reply: () })
        });
        if let Err(error) = settled.await {
            tracing::warn!(%error, app, "the result of a read-back could not be recorded");
        }
    }
}
