//! Read-backs: where the answer to a write left its outcome in doubt, the recorder reads the resource
//! itself, at once and again later, until the doubt is settled.
//!
//! ```text
//!  forward ─▶ read_back(doubt) ─▶ one task for each resource, after 0, 5 and 60 s:
//!                                   a turn of the application; probe; observe
//!                                 settled: it ends; else it tries again, and the last try may contradict
//! ```
//!
//! What is in doubt is on record, so nothing is lost when a read-back ends early: an orderly stop cuts them
//! all, and a start begins those again that are still needed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use event::{Application, Number, Occasion, ResourceType, Seq, Verdict};
use projector::{Decision, Durability, View, case_folded};
use tokio::time::Instant;

use crate::context::Context;
use crate::http::Ingest;
use crate::proxy::asked::Asked;
use crate::proxy::observe::Sight;
use crate::proxy::probe::{Probe, Said};
use crate::proxy::settle::{happened, settling};
use crate::proxy::waiting::{Line, Target, Wanted};

/// Who wants to be left alone for longer is not asked at all.
const LATER_MAX: Duration = Duration::from_secs(3_600);
/// While a write of the resource is on its way nothing that is seen of it counts.
const BUSY_AFTER: Duration = Duration::from_secs(1);
/// A read-back that was put off more often ends.
const PUT_OFF_MAX: u32 = 120;

/// What a look came to.
enum Looked {
    Settled,
    Open,
    PutOff(Duration),
}

/// What the upstream says of whom a write was about.
enum Probed {
    Seen(Sight),
    /// Who is called so is not who was to be created.
    SomebodyElse,
    Unsaid,
}

impl Ingest {
    /// Reads back what an operation in doubt was about.
    pub(crate) fn read_back(self: &Arc<Self>, context: &Context, asked: Vec<Asked>, doubt: Seq) {
        let doubts = BTreeSet::from([doubt]);
        self.begin_read_back(context, Wanted { doubts, ..Wanted::of(asked) });
    }

    /// Looks once, and late, at what a write was about that the application says it did not carry out,
    /// though it may have.
    pub(crate) fn check_later(self: &Arc<Self>, context: &Context, asked: Vec<Asked>) {
        self.begin_read_back(context, Wanted { is_late: true, ..Wanted::of(asked) });
    }

    /// Looks once whether a resource that is on record is there, where what a client was answered does not
    /// say it. Of whom nobody has heard there is nothing to find out.
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
        // Rows that cannot be read are found by whoever decides.
        if matches!(is_on_record, Ok(Some(_))) {
            self.begin_read_back(context, Wanted::of(vec![Asked::look(stored_type, id)]));
        }
    }

    fn begin_read_back(self: &Arc<Self>, context: &Context, wanted: Wanted) {
        let target = match (wanted.asked.as_slice(), wanted.doubts.first()) {
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
        if !self.read_backs.add(context.application, &target, wanted) {
            return;
        }
        let (this, context) = (Arc::clone(self), context.clone());
        self.tasks.spawn(async move {
            let stopping = this.stopping.clone();
            // What is cut is begun again at the next start.
            let settled = stopping.run_until_cancelled(this.look_until_settled(&context, &target));
            let outcome = match settled.await {
                Some(true) => "settled",
                Some(false) => "open",
                None => "cut",
            };
            metrics::counter!("provlog_read_backs_total", "outcome" => outcome).increment(1);
        });
    }

    /// Whether the doubts were settled.
    async fn look_until_settled(&self, context: &Context, target: &Target) -> bool {
        let (application, backs) = (context.application, &self.read_backs);
        let mut wanted = backs.wanted(application, target);
        let last = backs.after.len().saturating_sub(1);
        let first = |wanted: &Wanted| match wanted.is_late && wanted.doubts.is_empty() {
            true => last,
            false => 0,
        };
        let (mut began, mut look, mut put_off) = (Instant::now(), first(&wanted), 0);
        loop {
            // Without a doubt there is nothing to wait for.
            let is_last = look >= last || wanted.doubts.is_empty();
            let due = began + backs.after.get(look).copied().unwrap_or_default();
            let turn = self.turn(application, due).await;
            let now = backs.wanted(application, target);
            let looked = match now.round == wanted.round {
                true => self.look_back(context, &wanted, is_last).await,
                false => Looked::Open,
            };
            drop(turn);
            let done = match looked {
                // The write that failed may still be carried out, whatever became of the others.
                Looked::Settled if now.is_late && look < last => {
                    look = last;
                    None
                }
                Looked::Settled => Some(true),
                Looked::PutOff(after) if after > LATER_MAX || put_off >= PUT_OFF_MAX => Some(false),
                Looked::PutOff(after) => {
                    put_off += 1;
                    // The same look again, later.
                    let earliest = Instant::now() + after;
                    tokio::time::sleep_until(earliest).await;
                    None
                }
                Looked::Open if is_last && now.round == wanted.round => Some(false),
                Looked::Open => {
                    look += 1;
                    None
                }
            };
            if let Some(settled) = done
                && backs.end(application, target, wanted.round)
            {
                return settled;
            }
            let now = backs.wanted(application, target);
            if now.round != wanted.round {
                (began, look) = (Instant::now(), first(&now));
                wanted = now;
            }
        }
    }

    /// Waits until `due`, until the application may be asked again, and for a turn.
    async fn turn(
        &self,
        application: Application,
        due: Instant,
    ) -> Option<tokio::sync::OwnedSemaphorePermit> {
        tokio::time::sleep_until(due).await;
        let turns = self.read_backs.with(application, |line| Arc::clone(&line.turns));
        let turn = turns.acquire_owned().await.ok();
        loop {
            let until = self.read_backs.with(application, |line| line.not_before);
            match until.filter(|until| *until > Instant::now()) {
                None => return turn,
                Some(until) => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Looks at everything that was asked for, and records what it finds.
    async fn look_back(&self, context: &Context, wanted: &Wanted, is_last: bool) -> Looked {
        let mut is_all_said = true;
        let before = self.last_seq();
        for asked in wanted.asked.iter() {
            let saw_seq = self.last_seq();
            let sight = match self.probe(context, asked).await {
                Ok(Probed::Seen(sight)) => sight,
                Ok(Probed::SomebodyElse) => continue,
                Ok(Probed::Unsaid) => {
                    is_all_said = false;
                    continue;
                }
                Err(after) => {
                    let until = Instant::now() + after.min(LATER_MAX);
                    let set = |line: &mut Line| line.not_before = line.not_before.max(Some(until));
                    self.read_backs.with(context.application, set);
                    return Looked::PutOff(after);
                }
            };
            let is_busy = match &asked.id {
                Some(id) => self.under_way.is_busy(context.application, id),
                None => self.under_way.is_creating(context.application, Some(&asked.lookups())),
            };
            if is_busy {
                return Looked::PutOff(BUSY_AFTER);
            }
            let occasion = (Occasion::ReadBack, None);
            let stored_type = asked.stored_type;
            let observed =
                self.observe(context, stored_type, sight, occasion, saw_seq, is_last).await;
            if let Err(error) = observed {
                tracing::warn!(%error, app = context.application.0, "a read-back is not recorded");
                return Looked::Open;
            }
        }
        if is_all_said && !self.are_settled(&wanted.doubts) {
            self.settle_request(context, wanted, before, is_last).await;
        }
        match self.are_settled(&wanted.doubts) {
            true => Looked::Settled,
            false => Looked::Open,
        }
    }

    /// What the upstream says of whom a write was about. It fails with how long the upstream wants to be left
    /// alone.
    async fn probe(&self, context: &Context, asked: &Asked) -> Result<Probed, Duration> {
        let Some(upstream) = context.upstream.clone() else { return Ok(Probed::Unsaid) };
        let stored_type = asked.stored_type;
        let probe = Probe { ingest: self, context, upstream: &upstream, stored_type };
        if let Some(id) = &asked.id {
            return match probe.by_id(id).await {
                Said::There(seen) => Ok(Probed::Seen(Sight::Resource(seen))),
                Said::NotThere => Ok(Probed::Seen(Sight::Gone { id: id.clone() })),
                Said::NotFound | Said::Nothing => Ok(Probed::Unsaid),
                Said::Later(after) => Err(after),
            };
        }
        let mut probed = Probed::Unsaid;
        for (attribute, value) in asked.lookups() {
            match probe.by_name(attribute, &value).await {
                Said::There(seen) if asked.names.is_another(&seen.resource.attributes) => {
                    if matches!(probed, Probed::Unsaid) {
                        probed = Probed::SomebodyElse;
                    }
                }
                Said::There(seen) => return Ok(Probed::Seen(Sight::Resource(seen))),
                // Whom the surest name does not find, nobody of another name is.
                Said::NotThere => match (&probed, asked.surest_name()) {
                    (Probed::Seen(_), Some((surest, _))) if surest != attribute => {}
                    _ => probed = Probed::Seen(Sight::Nobody { attribute, value }),
                },
                Said::NotFound | Said::Nothing => return Ok(Probed::Unsaid),
                Said::Later(after) => return Err(after),
            }
        }
        Ok(probed)
    }

    fn are_settled(&self, doubts: &BTreeSet<Seq>) -> bool {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        doubts.iter().all(|seq| matches!(view.settled(*seq), Ok(Some(_))))
    }

    /// Settles a request for several resources, once each of them was seen or was not there.
    async fn settle_request(
        &self,
        context: &Context,
        wanted: &Wanted,
        saw_seq: Option<Seq>,
        is_last: bool,
    ) {
        let (context, wanted, app) = (context.clone(), wanted.clone(), context.application.0);
        let committer = self.committer.of(context.application);
        let settled = committer.submit(Durability::Appended, move |view, _| {
            let verdict = happened(&context, &wanted.asked, view)?;
            let mut events = vec![];
            for doubt in view.unsettled(context.application, Number::NOBODY)? {
                let is_own = wanted.doubts.contains(&doubt.seq) && Some(doubt.seq) <= saw_seq;
                if is_own && (is_last || verdict == Verdict::Confirmed) {
                    let whom = (Number::NOBODY, ResourceType::NONE);
                    let occasion = (Occasion::ReadBack, None);
                    events.push(settling(&context, whom, doubt.seq, verdict, occasion));
                }
            }
            Ok(Decision { events, reply: () })
        });
        if let Err(error) = settled.await {
            tracing::warn!(%error, app, "a read-back is not recorded");
        }
    }
}
