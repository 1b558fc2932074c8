//! Lists everything that an upstream has and compares it with the record: as a baseline, or as a drift
//! check.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use event::{
    Content, Extent, Fact, Lifecycle, Number, Occasion, Origin, ResourceType, Seq, UpstreamSet,
};
use projector::{CommitError, Decision, Draft, Durability, ProjectorError, Revoked, View};
use serde_json::Value;
use store::key::Set;

use crate::context::Context;
use crate::decide::ObservedResource;
use crate::http::Ingest;
use crate::proxy::derive;
use crate::proxy::observe::{RecordedObservation, UpstreamState, shows_less};
use crate::proxy::pages::{Page, Pages};
use crate::proxy::probe::{Probe, ProbeResult, retry_after};
use crate::proxy::upstream::Broken;

/// At most this many problems are listed.
const PROBLEMS_MAX: usize = 32;
/// At most this many differences are listed.
const DIFFERENCES_MAX: usize = 10_000;
/// A request is not repeated if `Retry-After` is longer than this, or more often than that many times.
const WAIT_MAX: Duration = Duration::from_secs(60);
const WAITS_MAX: u32 = 5;
/// A listing may lack one resource of a type, or a quarter of those on record. If it lacks more, it is
/// more likely that the token is another tenant's, that the list is filtered, or that a migration is
/// under way than that so many were deleted.
const SHRINK_PART: u64 = 4;

/// The result of comparing an upstream with the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriftReport {
    /// How many resources were listed, by the name of their type.
    pub seen: BTreeMap<String, u64>,
    /// How many of them could not be recorded, by the name of their type.
    pub refused: BTreeMap<String, u64>,
    /// How many of them break our schema, by the name of their type; they are recorded all the same.
    pub flagged: BTreeMap<String, u64>,
    /// The types that the upstream does not serve.
    pub not_served: Vec<String>,
    /// Why the listing may be incomplete; empty if it is complete as far as the upstream says.
    pub problems: Vec<Problem>,
    /// How many observations were recorded: one for each resource that differs from the record.
    pub recorded: u64,
    /// The differences.
    pub differences: Vec<Difference>,
    /// Whether there are more differences than listed.
    pub more: bool,
}

/// Why a listing may be incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The name of the type that was listed.
    pub resource_type: String,
    /// What is wrong with the list or its resources.
    pub detail: String,
}

/// One difference between the upstream and the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The name of the resource's type.
    pub resource_type: String,
    /// Its SCIM id.
    pub id: String,
    /// What differs: an attribute, `members`, or empty for the resource as a whole.
    pub path: String,
    /// The value on record; null if none.
    pub recorded: Value,
    /// The value at the upstream; null if none.
    pub seen: Value,
}

/// Why a comparison failed. What was seen until then is recorded.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// There is no application with this slug, or it has no upstream.
    #[error("the application has no upstream")]
    NoUpstream,
    /// The upstream cannot be reached.
    #[error("the upstream cannot be reached: {0}")]
    Broken(String),
    /// The upstream answered something other than a list.
    #[error("the upstream answered {status} to {path}, and no list of resources: {why}")]
    Answer {
        /// The status.
        status: u16,
        /// The path below its base.
        path: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// The upstream serves no type of resource.
    #[error(
        "the upstream answered {status} to the list of every type, so nothing was learnt of it"
    )]
    NoLists {
        /// The last status.
        status: u16,
    },
    /// An observation cannot be recorded.
    #[error("what was seen cannot be recorded")]
    Commit(#[from] CommitError),
    /// The credential of the caller was revoked meanwhile.
    #[error(transparent)]
    Revoked(#[from] Revoked),
    /// The record cannot be read.
    #[error("the record cannot be read")]
    Read(#[from] ProjectorError),
}

struct DriftCheck<'a> {
    ingest: &'a Ingest,
    context: Context,
    upstream: Arc<UpstreamSet>,
    occasion: Occasion,
    accept_shrink: bool,
    origin: Origin,
    report: DriftReport,
}

/// The listing of one resource type.
struct TypeListing {
    resource_type: ResourceType,
    name: String,
    endpoint: String,
    /// The last event before the listing began.
    since: Option<Seq>,
    pages: Pages,
}

impl Ingest {
    /// Lists everything that an application's upstream has, users first, and records each difference as
    /// an observation. Resources that are missing are recorded as gone, unless they are too many (a
    /// quarter of a type) and `accept_shrink` is false. A last event records whether the listing was
    /// complete.
    ///
    /// # Errors
    /// [`DriftError`]; what was seen until then is recorded.
    pub async fn check_drift(
        &self,
        slug: &str,
        origin: Origin,
        occasion: Occasion,
        accept_shrink: bool,
    ) -> Result<DriftReport, DriftError> {
        let context = self.context_of(slug)?.ok_or(DriftError::NoUpstream)?;
        let upstream = context.upstream.clone().ok_or(DriftError::NoUpstream)?;
        let report = DriftReport::default();
        let ingest = self;
        let mut check =
            DriftCheck { ingest, context, upstream, occasion, accept_shrink, origin, report };
        let began = check.ingest.last_seq();
        let result = check.everything().await;
        let extent = match &result {
            Ok(()) if check.report.problems.is_empty() => Extent::Whole,
            Ok(()) => Extent::Incomplete,
            Err(DriftError::Broken(_) | DriftError::Answer { .. } | DriftError::NoLists { .. }) => {
                Extent::Failed
            }
            // These errors say nothing about the upstream.
            Err(
                DriftError::Commit(_)
                | DriftError::Revoked(_)
                | DriftError::Read(_)
                | DriftError::NoUpstream,
            ) => return result.map(|()| check.report),
        };
        if extent == Extent::Whole {
            check.settle(began).await?;
        }
        check.record(extent).await?;
        result.map(|()| check.report)
    }
}

impl DriftCheck<'_> {
    /// Settles the writes still in doubt once everything was listed.
    async fn settle(&self, began: Option<Seq>) -> Result<(), CommitError> {
        let context = &self.context;
        let is_listed = |stored: &ResourceType| {
            let resource_type = context.resource_type(*stored);
            resource_type.is_some_and(|one| self.report.seen.contains_key(&one.name))
        };
        let listed = context.stored_types().filter(is_listed).collect();
        let occasion = (self.occasion, self.origin.clone());
        self.ingest.settle_after_listing(context, listed, occasion, began).await
    }

    async fn everything(&mut self) -> Result<(), DriftError> {
        let mut types: Vec<_> = self.context.stored_types().collect();
        // List types with members last, so that their members are known.
        types.sort_by_key(|stored| self.context.catalog.has_members(*stored));
        let mut refused_with = None;
        for stored_type in types {
            let status = self.all(stored_type).await?;
            refused_with = refused_with.or(status);
        }
        match refused_with {
            Some(status) if self.report.seen.is_empty() => Err(DriftError::NoLists { status }),
            _ => Ok(()),
        }
    }

    /// Lists one type. Returns the status by which the upstream says that it does not serve it.
    async fn all(&mut self, stored_type: ResourceType) -> Result<Option<u16>, DriftError> {
        let Some(resource_type) = self.context.resource_type(stored_type) else { return Ok(None) };
        let mut listed = TypeListing {
            resource_type: stored_type,
            name: resource_type.name.clone(),
            endpoint: resource_type.endpoint.clone(),
            since: self.ingest.last_seq(),
            pages: Pages::default(),
        };
        loop {
            let (start, endpoint) = (listed.pages.start(), &listed.endpoint);
            let path = format!("{endpoint}?{}", listed.pages.query());
            let saw_seq = self.ingest.last_seq();
            let (status, read) = self.get(&path).await?;
            if start == 1 && matches!(status, 404 | 501) {
                self.not_listed(&listed, status)?;
                return Ok(Some(status));
            }
            let page = read.and_then(|value| match (status, value.as_ref().and_then(Page::of)) {
                (200, Some(page)) => Ok(page),
                (200, None) if value.is_none() => Err("it is empty".to_owned()),
                (200, None) => Err("it is JSON, and no ListResponse".to_owned()),
                (300..400, _) => Err("redirects are not followed".to_owned()),
                _ => Err("a list is answered with 200".to_owned()),
            });
            let page = match page {
                Ok(page) => page,
                // Some upstreams answer an error instead of an empty page beyond the end.
                Err(_) if listed.pages.has_all() && matches!(status, 400 | 404 | 416) => break,
                Err(why) => return Err(DriftError::Answer { status, path, why }),
            };
            let ids = self.record_page(&listed, &page, saw_seq).await?;
            if !listed.pages.add(&page, ids) {
                break;
            }
        }
        if let Some(detail) = listed.pages.problem() {
            self.problem(&listed, format!("the list is not whole: {detail}"));
        }
        let refused = listed.pages.without_id;
        if refused > 0 {
            let (app, name) = (self.context.application.0, &listed.name);
            tracing::warn!(
                app,
                name,
                refused,
                "an upstream shows resources of other types, or whose ids cannot be told"
            );
            let why = "has no id of 1 to 1,024 bytes, or says that it is of another type";
            self.refuse(&listed, refused, why);
        }
        self.report.seen.insert(listed.name.clone(), listed.pages.ids.len() as u64);
        self.missing(&listed).await?;
        Ok(None)
    }

    /// Notes a type that is not served. That is a problem if the record has resources of it, which then
    /// stay as they are.
    fn not_listed(&mut self, listed: &TypeListing, status: u16) -> Result<(), DriftError> {
        let (known, _) = self.recorded(listed)?;
        match known {
            0 => self.report.not_served.push(listed.name.clone()),
            known => {
                let detail = format!(
                    "the upstream answered {status} to the list, and the record has {known} of them"
                );
                self.problem(listed, detail);
            }
        }
        Ok(())
    }

    /// Records what a page shows, and returns the ids.
    async fn record_page(
        &mut self,
        listed: &TypeListing,
        page: &Page,
        saw_seq: Option<Seq>,
    ) -> Result<Vec<Option<String>>, DriftError> {
        let mut ids = Vec::with_capacity(page.shown.len());
        for one in &page.shown {
            let seen = derive::observed_resource(
                &self.context,
                &self.upstream,
                listed.resource_type,
                one,
                true,
            );
            let id = seen.as_ref().map(|seen| seen.id.clone());
            let is_new = id.as_ref().is_some_and(|id| !listed.pages.ids.contains(id));
            ids.push(id.clone());
            let (Some(seen), Some(id), true) = (seen, id, is_new) else { continue };
            let seen = self.whole(listed, seen, one).await?;
            if !seen.misfits.is_empty() {
                *self.report.flagged.entry(listed.name.clone()).or_default() += 1;
            }
            let state = UpstreamState::Resource(Box::new(seen));
            match self.observe(listed.resource_type, &listed.name, id, state, saw_seq).await {
                // A resource that cannot be decided does not stop the listing.
                Err(DriftError::Commit(CommitError::Defect)) => {
                    self.refuse(listed, 1, "could not be recorded because of a defect");
                }
                done => done?,
            }
        }
        Ok(ids)
    }

    /// Requests a listed resource by id if the list shows less of it than the record has.
    async fn whole(
        &self,
        listed: &TypeListing,
        seen: ObservedResource,
        shown: &Value,
    ) -> Result<ObservedResource, DriftError> {
        let shows_less = {
            let snapshot = self.ingest.committer.store().snapshot();
            let view = View::new(&snapshot);
            shows_less(&self.context, listed.resource_type, (&seen, shown), &view)?
        };
        if !shows_less {
            return Ok(seen);
        }
        match self.by_id(listed.resource_type, &seen.id).await? {
            ProbeResult::Found(alone) => Ok(*alone),
            _ => Ok(seen.into_partial()),
        }
    }

    /// Requests one resource by id, and repeats that after `Retry-After`.
    async fn by_id(&self, stored_type: ResourceType, id: &str) -> Result<ProbeResult, DriftError> {
        let (ingest, context) = (self.ingest, &self.context);
        let probe = Probe { ingest, context, upstream: &self.upstream, stored_type };
        let mut waits = 0;
        loop {
            self.check_authority()?;
            match probe.by_id(id).await {
                ProbeResult::RetryAfter(after) if after <= WAIT_MAX && waits < WAITS_MAX => {
                    waits += 1;
                    tokio::time::sleep(after).await;
                }
                result => return Ok(result),
            }
        }
    }

    /// Requests each resource that the record has and the list lacks: it may have been created after
    /// its page was read.
    async fn missing(&mut self, listed: &TypeListing) -> Result<(), DriftError> {
        let (known, missing) = self.recorded(listed)?;
        let count = missing.len() as u64;
        if !self.accept_shrink && count > 1 && count.saturating_mul(SHRINK_PART) > known {
            let detail = format!(
                "{count} of the {known} that the record has are not in the list, which is more \
                 than a quarter; none of them is taken to be gone without --accept-shrink"
            );
            self.problem(listed, detail);
            return Ok(());
        }
        let (mut unlisted, mut unknown) = (0_u64, 0_u64);
        for (id, since) in missing {
            let saw_seq = self.ingest.last_seq();
            let (stored_type, name) = (listed.resource_type, &listed.name);
            match self.by_id(stored_type, &id).await? {
                ProbeResult::Found(seen) => {
                    // A resource created during the listing need not be on any page.
                    unlisted += u64::from(Some(since) <= listed.since);
                    let state = UpstreamState::Resource(seen);
                    self.observe(stored_type, name, id, state, saw_seq).await?;
                }
                // The list just read confirms that it is gone, if the list is complete.
                result
                    if matches!(result, ProbeResult::Absent)
                        || (matches!(result, ProbeResult::Unconfirmed)
                            && listed.pages.problem().is_none()) =>
                {
                    let state = UpstreamState::Gone { id: id.clone() };
                    self.observe(stored_type, name, id, state, saw_seq).await?;
                }
                _ => unknown += 1,
            }
        }
        if unlisted > 0 {
            self.problem(listed, format!("{unlisted} that exist are not in the list"));
        }
        if unknown > 0 {
            let detail = format!(
                "{unknown} that the record has are not in the list, and the upstream does not say \
                 whether they exist"
            );
            self.problem(listed, detail);
        }
        Ok(())
    }

    /// Counts resources that are not recorded, and notes why.
    fn refuse(&mut self, listed: &TypeListing, count: u64, why: &str) {
        *self.report.refused.entry(listed.name.clone()).or_default() += count;
        self.problem(listed, format!("{count} not recorded, because each {why}"));
    }

    fn problem(&mut self, listed: &TypeListing, detail: String) {
        if self.report.problems.len() < PROBLEMS_MAX {
            let resource_type = listed.name.clone();
            self.report.problems.push(Problem { resource_type, detail });
        }
    }

    /// Records whether the listing was complete.
    async fn record(&self, extent: Extent) -> Result<(), CommitError> {
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum();
        let (seen, refused) = (sum(&self.report.seen), sum(&self.report.refused));
        let event = Draft {
            application: self.context.application,
            origin: Some(self.origin.clone()),
            fact: Fact::Listed(event::Listed { occasion: self.occasion, extent, seen, refused }),
            parts: vec![],
            passed: vec![],
        };
        let commit = move |_: &View<'_>, _| Ok(Decision { events: vec![event], reply: () });
        self.ingest.committer.submit(Durability::Synced, commit).await
    }

    /// The status of an answer, and its body as JSON or why that cannot be read.
    async fn get(&self, path: &str) -> Result<(u16, Result<Option<Value>, String>), DriftError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/scim+json"));
        let upstreams = &self.ingest.upstreams;
        let room = (&self.ingest.budget, budget::Owner::SERVER);
        let mut waits = 0;
        let answered = loop {
            self.check_authority()?;
            let sent = upstreams.send(&self.upstream, Method::GET, path, &headers, vec![], room);
            let answered = sent.await.map_err(|broken| match broken {
                Broken::NotSent(words) | Broken::Unknown(words) => DriftError::Broken(words),
            })?;
            match retry_after(&answered, self.ingest.committer.clock().now()) {
                Some(after) if after <= WAIT_MAX && waits < WAITS_MAX => {
                    waits += 1;
                    tokio::time::sleep(after).await;
                }
                _ => break answered,
            }
        };
        let media_type = answered.media_type();
        let read = answered.json().map(|read| read.map(|(value, _)| value));
        let read = read.map_err(|words| match media_type {
            Some(media_type) => format!("its body, {media_type}, {words}"),
            None => format!("its body {words}"),
        });
        Ok((answered.status, read))
    }

    /// A comparison may take long; it ends when the caller's token is revoked.
    fn check_authority(&self) -> Result<(), DriftError> {
        let snapshot = self.ingest.committer.store().snapshot();
        Ok(View::new(&snapshot)
            .authority(self.origin.credential, self.ingest.committer.now())??)
    }

    /// How many resources of a type the record has, and the ids of those that the list lacks, each with
    /// the seq that created it.
    fn recorded(&self, listed: &TypeListing) -> Result<(u64, Vec<(String, Seq)>), DriftError> {
        let snapshot = self.ingest.committer.store().snapshot();
        let view = View::new(&snapshot);
        let application = self.context.application;
        let existing = Set::Existing(listed.resource_type);
        let existing = view.members(application, existing, View::NOW)?;
        let mut missing = Vec::new();
        for one in &existing {
            let version = view.version(application, one.member, View::NOW)?;
            if let Some(version) = version
                && let Some(id) = version.id().filter(|id| !listed.pages.ids.contains(&**id))
            {
                missing.push((id.into_owned(), version.created_seq));
            }
        }
        Ok((existing.len() as u64, missing))
    }

    async fn observe(
        &mut self,
        stored_type: ResourceType,
        name: &str,
        id: String,
        state: UpstreamState,
        saw_seq: Option<Seq>,
    ) -> Result<(), DriftError> {
        let occasion = (self.occasion, Some(self.origin.clone()));
        let ingest = self.ingest;
        let observed =
            ingest.observe(&self.context, stored_type, state, occasion, saw_seq, true).await?;
        let Some(observed) = observed else { return Ok(()) };
        self.report.recorded += 1;
        for difference in self.differences(name, &id, &observed)? {
            if self.report.differences.len() < DIFFERENCES_MAX {
                self.report.differences.push(difference);
            } else {
                self.report.more = true;
            }
        }
        Ok(())
    }

    fn differences(
        &self,
        name: &str,
        id: &str,
        observed: &RecordedObservation,
    ) -> Result<Vec<Difference>, DriftError> {
        let snapshot = self.ingest.committer.store().snapshot();
        let view = View::new(&snapshot);
        let mut found = Vec::new();
        let mut push = |path: &str, recorded: Value, seen: Value| {
            let (resource_type, id) = (name.to_owned(), id.to_owned());
            found.push(Difference { resource_type, id, path: path.to_owned(), recorded, seen });
        };
        let own = observed.parts.iter().filter(|part| part.subject == observed.number);
        for part in own {
            let Content::Changes(changes) = &part.content else { continue };
            match changes.lifecycle {
                Some(Lifecycle::Created(_) | Lifecycle::Restored) => {
                    push("", Value::Null, "there".into());
                    continue;
                }
                Some(Lifecycle::Deleted) => {
                    push("", "there".into(), Value::Null);
                    continue;
                }
                None => {}
            }
            let json = |text: &Option<Vec<u8>>| -> Value {
                let value = text.as_deref().map(serde_json::from_slice);
                value.and_then(Result::ok).unwrap_or_default()
            };
            for change in changes.values.changed() {
                let path = change.path.to_string();
                push(&path, json(&change.old), json(&change.new));
            }
            let member = |number: &Number| -> Result<Value, ProjectorError> {
                let version = view.version(self.context.application, *number, View::NOW)?;
                Ok(version.as_ref().and_then(|version| version.id()).into())
            };
            for number in &changes.joined {
                push("members", Value::Null, member(number)?);
            }
            for number in &changes.left {
                push("members", member(number)?, Value::Null);
            }
        }
        Ok(found)
    }
}
