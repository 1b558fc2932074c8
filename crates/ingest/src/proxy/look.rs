//! A look at everything that an upstream has: to begin with, or to compare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use event::{Content, Lifecycle, Number, Occasion, Origin, ResourceType, Seq, UpstreamSet};
use projector::{CommitError, ProjectorError, Revoked, View};
use scim::Bounds;
use serde_json::Value;
use store::key::Set;

use crate::context::Context;
use crate::http::Ingest;
use crate::proxy::derive;
use crate::proxy::observe::{Observed, Sight};
use crate::proxy::upstream::{Answered, Broken};

const PAGE: u64 = 100;
/// More resources of one type are not listed: an upstream that never ends would never let go of us.
const RESOURCES_MAX: u64 = 5_000_000;
/// More differences are counted and not shown.
const DIFFERENCES_MAX: usize = 10_000;

/// What a look brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// How many resources there are, by the name of their type.
    pub seen: BTreeMap<String, u64>,
    /// How many observations were recorded: one for each resource that was not as we knew it.
    pub recorded: u64,
    /// Where it was not.
    pub differences: Vec<Difference>,
    /// Whether there are more than those.
    pub more: bool,
}

/// One thing that was not as the record had it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The name of the resource's type.
    pub resource_type: String,
    /// Its SCIM id.
    pub id: String,
    /// What differs: an attribute, `members`, or empty for the resource as a whole.
    pub path: String,
    /// What the record had; null for nothing.
    pub recorded: Value,
    /// What there is; null for nothing.
    pub seen: Value,
}

/// Why a look came to no end. What was seen until then is recorded.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// There is no application of this name, or nothing stands behind it.
    #[error("the application has no upstream")]
    NoUpstream,
    /// It cannot be reached.
    #[error("the upstream cannot be reached: {0}")]
    Broken(String),
    /// It answered something else than a list.
    #[error("the upstream answered {status} to {path}, and no list of resources")]
    Answer {
        /// The status.
        status: u16,
        /// The path below its base.
        path: String,
    },
    /// What was seen cannot be recorded.
    #[error("what was seen cannot be recorded")]
    Commit(#[from] CommitError),
    /// The credential that asked for it was revoked meanwhile.
    #[error(transparent)]
    Revoked(#[from] Revoked),
    /// The record cannot be read.
    #[error("the record cannot be read")]
    Read(#[from] ProjectorError),
}

struct Look<'a> {
    ingest: &'a Ingest,
    context: Context,
    upstream: Arc<UpstreamSet>,
    occasion: Occasion,
    origin: Origin,
    looked: Looked,
}

impl Ingest {
    /// Lists everything that an application's upstream has, users first, and records what is not as we
    /// knew it; what we knew and is not there any more, too.
    ///
    /// # Errors
    /// [`LookError`]; what was seen until then is recorded.
    pub async fn look(
        &self,
        slug: &str,
        origin: Origin,
        occasion: Occasion,
    ) -> Result<Looked, LookError> {
        let context = self.context_of(slug)?.ok_or(LookError::NoUpstream)?;
        let upstream = context.upstream.clone().ok_or(LookError::NoUpstream)?;
        let looked = Looked::default();
        let mut look = Look { ingest: self, context, upstream, occasion, origin, looked };
        let mut types: Vec<_> = look.context.stored_types().collect();
        // Members are known before the groups that they are in.
        types.sort_by_key(|stored| look.context.catalog.has_members(*stored));
        for stored_type in types {
            look.all(stored_type).await?;
        }
        Ok(look.looked)
    }
}

impl Look<'_> {
    async fn all(&mut self, stored_type: ResourceType) -> Result<(), LookError> {
        let Some(resource_type) = self.context.resource_type(stored_type) else { return Ok(()) };
        let (name, endpoint) = (resource_type.name.clone(), resource_type.endpoint.clone());
        let mut ids = BTreeSet::new();
        let mut start = 1;
        loop {
            let path = format!("{endpoint}?startIndex={start}&count={PAGE}");
            let saw_seq = self.ingest.last_seq();
            let (status, body) = self.get(&path).await?;
            // Not every application has every type.
            if start == 1 && matches!(status, 404 | 501) {
                return Ok(());
            }
            let wrong = || LookError::Answer { status, path: path.clone() };
            let list = body.filter(|_| status == 200).ok_or_else(wrong)?;
            let total = list.get("totalResults").and_then(Value::as_u64).ok_or_else(wrong)?;
            let shown = list.get("Resources").and_then(Value::as_array);
            let shown = shown.cloned().unwrap_or_default();
            let count = shown.len() as u64;
            for one in shown {
                let seen = derive::seen(&self.context, &self.upstream, stored_type, &one, true);
                if let Some(seen) = seen {
                    let id = seen.id.clone();
                    ids.insert(id.clone());
                    let sight = Sight::Resource(Box::new(seen));
                    self.observe(stored_type, &name, id, sight, saw_seq).await?;
                }
            }
            start += count;
            if count == 0 || start > total || start > RESOURCES_MAX {
                break;
            }
        }
        self.looked.seen.insert(name.clone(), ids.len() as u64);
        for id in self.unseen(stored_type, &ids)? {
            // It may have come since its page was read, so it is asked for by itself.
            let saw_seq = self.ingest.last_seq();
            let (status, _) = self.get(&format!("{endpoint}/{}", encoded(&id))).await?;
            if status == 404 {
                let sight = Sight::Gone { id: id.clone() };
                self.observe(stored_type, &name, id, sight, saw_seq).await?;
            }
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<(u16, Option<Value>), LookError> {
        self.check_authority()?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/scim+json"));
        let upstreams = &self.ingest.upstreams;
        let sent = upstreams.send(&self.upstream, Method::GET, path, &headers, vec![]).await;
        let Answered { status, body, .. } = sent.map_err(|broken| match broken {
            Broken::NotSent(words) | Broken::Unknown(words) => LookError::Broken(words),
        })?;
        Ok((status, scim::parse_json(&body, &Bounds::default()).ok()))
    }

    /// A look may take long, and ends with the token of whoever asked for it.
    fn check_authority(&self) -> Result<(), LookError> {
        let snapshot = self.ingest.committer.store().snapshot();
        Ok(View::new(&snapshot).authority(self.origin.credential)??)
    }

    /// The ids that the record has and the list has not.
    fn unseen(
        &self,
        stored_type: ResourceType,
        ids: &BTreeSet<String>,
    ) -> Result<Vec<String>, LookError> {
        let snapshot = self.ingest.committer.store().snapshot();
        let view = View::new(&snapshot);
        let application = self.context.application;
        let existing = view.members(application, Set::Existing(stored_type), View::NOW)?;
        let mut unseen = Vec::new();
        for standing in existing {
            let version = view.version(application, standing.member, View::NOW)?;
            let id = version.as_ref().and_then(|version| version.id());
            unseen.extend(id.filter(|id| !ids.contains(*id)).map(str::to_owned));
        }
        Ok(unseen)
    }

    async fn observe(
        &mut self,
        stored_type: ResourceType,
        name: &str,
        id: String,
        sight: Sight,
        saw_seq: Option<Seq>,
    ) -> Result<(), LookError> {
        let occasion = (self.occasion, Some(self.origin.clone()));
        let ingest = self.ingest;
        let observed = ingest.observe(&self.context, stored_type, sight, occasion, saw_seq).await?;
        let Some(observed) = observed else { return Ok(()) };
        self.looked.recorded += 1;
        for difference in self.differences(name, &id, &observed)? {
            if self.looked.differences.len() < DIFFERENCES_MAX {
                self.looked.differences.push(difference);
            } else {
                self.looked.more = true;
            }
        }
        Ok(())
    }

    fn differences(
        &self,
        name: &str,
        id: &str,
        observed: &Observed,
    ) -> Result<Vec<Difference>, LookError> {
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
                Some(Lifecycle::Created(_)) => {
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
            for change in &changes.values {
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

fn encoded(id: &str) -> String {
    crate::cuts::percent_encode(id)
}
