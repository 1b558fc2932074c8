//! Writes in flight to upstreams: one at a time for each resource; what is seen of a resource meanwhile
//! does not count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use event::{Application, Attribute};
use projector::case_folded;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// From this many entries on, unused ones are removed.
const ENTRIES_MAX: usize = 1_024;

/// An application and a SCIM id.
type Key = (Application, String);

/// A create in flight: the case-folded names of its resource; without names it may be of any resource.
type Creation = (Application, Vec<(Attribute, String)>);

/// The writes that are sent and not yet recorded.
#[derive(Default)]
pub(crate) struct InFlight {
    writes: Mutex<HashMap<Key, Arc<AsyncMutex<()>>>>,
    creations: Arc<Mutex<Creations>>,
}

#[derive(Default)]
struct Creations {
    next: u64,
    all: HashMap<u64, Creation>,
}

/// Keeps a write in flight until it is dropped.
pub(crate) struct WriteGuard {
    _counted: Option<Arc<AsyncMutex<()>>>,
    _alone: Option<OwnedMutexGuard<()>>,
    _creation: Option<CreationGuard>,
}

struct CreationGuard(Arc<Mutex<Creations>>, u64);

impl Drop for CreationGuard {
    fn drop(&mut self) {
        let mut creations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        creations.all.remove(&self.1);
    }
}

fn compared(names: &[(Attribute, String)]) -> Vec<(Attribute, String)> {
    let names = names.iter();
    names.map(|(attribute, value)| (*attribute, case_folded(*attribute, value))).collect()
}

impl InFlight {
    /// Begins a write of a resource; waits for an earlier one. Otherwise two answers could be recorded
    /// in another order than the upstream carried the writes out.
    pub(crate) async fn begin(&self, application: Application, id: &str) -> WriteGuard {
        let key = (application, id.to_owned());
        let lock = {
            let mut entries = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            if entries.len() >= ENTRIES_MAX {
                entries.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(entries.entry(key).or_default())
        };
        let alone = Some(Arc::clone(&lock).lock_owned().await);
        WriteGuard { _counted: Some(lock), _alone: alone, _creation: None }
    }

    /// Begins a create; creates do not wait for each other. Without names it may be of any resource.
    pub(crate) fn begin_creation(
        &self,
        application: Application,
        names: &[(Attribute, String)],
    ) -> WriteGuard {
        let mut creations = self.creations.lock().unwrap_or_else(PoisonError::into_inner);
        let own = creations.next;
        creations.next += 1;
        creations.all.insert(own, (application, compared(names)));
        let guard = CreationGuard(Arc::clone(&self.creations), own);
        WriteGuard { _counted: None, _alone: None, _creation: Some(guard) }
    }

    /// Whether a resource is being written.
    pub(crate) fn is_busy(&self, application: Application, id: &str) -> bool {
        let key = (application, id.to_owned());
        let entries = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&key).is_some_and(|lock| Arc::strong_count(lock) > 1)
    }

    /// Whether a create in flight may be of a resource with one of these names; with `None`, whether
    /// any is in flight.
    pub(crate) fn is_creating(
        &self,
        application: Application,
        names: Option<&[(Attribute, String)]>,
    ) -> bool {
        let names = names.map(compared);
        let creations = self.creations.lock().unwrap_or_else(PoisonError::into_inner);
        creations.all.values().any(|(of, created)| {
            let may_be = names.as_ref().is_none_or(|names| {
                created.is_empty() || created.iter().any(|name| names.contains(name))
            });
            *of == application && may_be
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_write_to_a_resource_at_a_time() {
        let (in_flight, app) = (InFlight::default(), Application(1));
        let first = in_flight.begin(app, "a").await;
        let other = in_flight.begin(app, "b").await;
        let elsewhere = in_flight.begin(Application(2), "a").await;
        let second = tokio::time::timeout(Duration::from_secs(1), in_flight.begin(app, "a"));
        assert!(second.await.is_err(), "it waits");
        assert!(in_flight.is_busy(app, "a"));
        drop(first);
        assert!(!in_flight.is_busy(app, "a"));
        assert!(in_flight.is_busy(app, "b"), "that one still is");
        drop((other, elsewhere, in_flight.begin(app, "a").await));
        for number in 0..3 * ENTRIES_MAX {
            in_flight.begin(app, &number.to_string()).await;
        }
        assert!(in_flight.writes.lock().unwrap().len() <= ENTRIES_MAX);
    }

    #[test]
    fn a_create_is_found_by_each_of_its_names() {
        let (in_flight, app) = (InFlight::default(), Application(1));
        let mira = [(Attribute::UserName, "Mira".to_owned())];
        let ole = [(Attribute::UserName, "ole".to_owned())];
        let both = [(Attribute::ExternalId, "7".to_owned()), mira[0].clone()];
        let first = in_flight.begin_creation(app, &mira);
        let is_creating = |names: &[(Attribute, String)]| in_flight.is_creating(app, Some(names));
        assert!(is_creating(&[(Attribute::UserName, "MIRA".to_owned())]) && is_creating(&both));
        assert!(!is_creating(&ole) && in_flight.is_creating(app, None));
        assert!(!in_flight.is_creating(Application(2), None));
        let of_anybody = in_flight.begin_creation(app, &[]);
        assert!(is_creating(&ole) && is_creating(&[]));
        drop(of_anybody);
        assert!(!is_creating(&ole) && is_creating(&mira));
        drop(first);
        assert!(!is_creating(&mira) && !in_flight.is_creating(app, None));
    }
}
