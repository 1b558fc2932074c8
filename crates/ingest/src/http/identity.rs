//! Identifies the application of an address and the client of a token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use event::{Application, Credential, Role, Timestamp};
use projector::{ProjectorError, View, token_sha256};

use crate::context::Context;
use crate::http::provider::Ingest;

/// At most this many are cached; a server normally has a few tokens.
const REMEMBERED_MAX: usize = 1_024;

/// The application of an address, and its client if the token belongs to that application.
#[derive(Clone)]
pub(super) struct Identified {
    /// The recorder if the address names none.
    pub application: Application,
    /// `None` without a valid token.
    pub client: Option<Client>,
}

/// A client of an application.
#[derive(Clone)]
pub(super) struct Client {
    pub context: Context,
    pub credential: Credential,
    /// From then on the credential is refused; it has no end without.
    pub expires_at: Option<Timestamp>,
}

/// A cache of identified clients, valid until the configuration changes. Requests without a valid token
/// are not cached.
#[derive(Default)]
pub(super) struct Identities(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// The value of [`projector::Committer::configuration`] when they were read.
    configuration: u64,
    found: HashMap<Presented, Arc<Identified>>,
}

/// A slug, and the digest of a token.
type Presented = (String, [u8; 32]);

impl Identities {
    /// `now` shows whether the same version of the profile still applies, and the token is still valid.
    fn get(
        &self,
        configuration: u64,
        presented: &Presented,
        now: Timestamp,
    ) -> Option<Arc<Identified>> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = (remembered.configuration == configuration)
            .then(|| remembered.found.get(presented).cloned())?;
        found.filter(|found| {
            found.client.as_ref().is_none_or(|one| {
                one.context.profile_times.contains(&now.0)
                    && one.expires_at.is_none_or(|end| now < end)
            })
        })
    }

    fn put(&self, configuration: u64, presented: Presented, identified: Arc<Identified>) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.configuration != configuration || remembered.found.len() >= REMEMBERED_MAX {
            remembered.found.clear();
            remembered.configuration = configuration;
        }
        remembered.found.insert(presented, identified);
    }
}

impl Ingest {
    /// Identifies application and client.
    pub(super) fn identify(
        &self,
        slug: &str,
        token: Option<&str>,
    ) -> Result<Arc<Identified>, ProjectorError> {
        // Read before the snapshot, so that a later change of configuration invalidates the entry.
        let (configuration, now) = (self.committer.configuration(), self.now());
        let presented = token.map(|token| (slug.to_owned(), token_sha256(token)));
        if let Some(presented) = &presented
            && let Some(identified) = self.identities.get(configuration, presented, now)
        {
            return Ok(identified);
        }
        let identified = Arc::new(self.look_up(slug, token, now)?);
        if let (Some(presented), Some(_)) = (presented, &identified.client) {
            self.identities.put(configuration, presented, Arc::clone(&identified));
        }
        Ok(identified)
    }

    /// The current context of a slug.
    pub(crate) fn context_of(&self, slug: &str) -> Result<Option<Context>, ProjectorError> {
        let snapshot = self.committer.store().snapshot();
        let row = View::new(&snapshot).application(slug)?;
        Ok(row.and_then(|row| Context::of(&row, &self.public_url, &self.catalog, self.now())))
    }

    /// The current context of an application's number; `None` without an upstream.
    pub(crate) fn context_of_proxied(
        &self,
        application: Application,
    ) -> Result<Option<Context>, ProjectorError> {
        let snapshot = self.committer.store().snapshot();
        let row = View::new(&snapshot).application_of(application)?;
        let row = row.filter(|row| row.upstream.is_some());
        Ok(row.and_then(|row| Context::of(&row, &self.public_url, &self.catalog, self.now())))
    }

    fn look_up(
        &self,
        slug: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Identified, ProjectorError> {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let row = view.application(slug)?;
        // Look the token up whatever the address names, and make the context only for clients, so that
        // response time tells others nothing.
        let credential =
            token.map(|token| view.valid_credential(token, now)).transpose()?.flatten();
        let application = row.as_ref().map_or(Application::RECORDER, |row| row.number);
        let credential =
            credential.filter(|found| found.role == Role::Scim && found.application == application);
        // The profile exists: it is checked when an application is added and at each start.
        let client = row.zip(credential).and_then(|(row, credential)| {
            let context = Context::of(&row, &self.public_url, &self.catalog, now)?;
            Some(Client {
                context,
                credential: credential.number,
                expires_at: credential.expires_at,
            })
        });
        Ok(Identified { application, client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(7);

    #[test]
    fn the_cache_is_emptied_when_the_configuration_changes() {
        let identities = Identities::default();
        let presented = |slug: &str| (slug.to_owned(), [7; 32]);
        let found = Arc::new(Identified { application: Application(3), client: None });
        identities.put(1, presented("boat"), Arc::clone(&found));
        let again = identities.get(1, &presented("boat"), NOW).unwrap();
        assert_eq!(again.application, Application(3));
        assert!(identities.get(1, &presented("kite"), NOW).is_none());
        assert!(identities.get(1, &("boat".to_owned(), [8; 32]), NOW).is_none(), "another token");
        assert!(identities.get(2, &presented("boat"), NOW).is_none(), "configured since");
        identities.put(2, presented("kite"), Arc::clone(&found));
        assert!(identities.get(1, &presented("boat"), NOW).is_none(), "the old ones are gone");
        for number in 0..3 * REMEMBERED_MAX {
            identities.put(2, presented(&number.to_string()), Arc::clone(&found));
        }
        assert!(identities.0.lock().unwrap().found.len() <= REMEMBERED_MAX);
    }
}
