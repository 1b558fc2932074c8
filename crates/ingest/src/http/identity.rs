//! Which application an address means, and whose token came with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use event::{Credential, Role};
use projector::{ProjectorError, View, token_sha256};

use crate::context::Context;
use crate::http::Ingest;

/// So many are remembered; a server has a few tokens, so more are a sign of something odd.
const REMEMBERED_MAX: usize = 1_024;

/// The application of an address, and the credential when it is one of that application.
#[derive(Clone)]
pub(super) struct Identified {
    pub context: Option<Context>,
    pub credential: Option<Credential>,
}

/// Those that were found, as long as nothing is configured. Strangers are not remembered.
#[derive(Default)]
pub(super) struct Identities(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// What [`projector::Committer::configuration`] said when they were read.
    configuration: u64,
    found: HashMap<Presented, Arc<Identified>>,
}

/// A slug, and the digest of a token.
type Presented = (String, [u8; 32]);

impl Identities {
    fn get(&self, configuration: u64, presented: &Presented) -> Option<Arc<Identified>> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (remembered.configuration == configuration)
            .then(|| remembered.found.get(presented).cloned())?
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
    /// Who asks, and on which application.
    pub(super) fn identify(
        &self,
        slug: &str,
        token: Option<&str>,
    ) -> Result<Arc<Identified>, ProjectorError> {
        // Before the snapshot: whatever is configured after that makes it ask again.
        let configuration = self.committer.configuration();
        let presented = token.map(|token| (slug.to_owned(), token_sha256(token)));
        if let Some(presented) = &presented
            && let Some(identified) = self.identities.get(configuration, presented)
        {
            return Ok(identified);
        }
        let identified = Arc::new(self.look_up(slug, token)?);
        if let (Some(presented), Some(_)) = (presented, identified.credential) {
            self.identities.put(configuration, presented, Arc::clone(&identified));
        }
        Ok(identified)
    }

    fn look_up(&self, slug: &str, token: Option<&str>) -> Result<Identified, ProjectorError> {
        let snapshot = self.committer.store().snapshot();
        let view = View::new(&snapshot);
        let Some(row) = view.application(slug)? else {
            return Ok(Identified { context: None, credential: None });
        };
        let credential = match token {
            None => None,
            Some(token) => view.credential(token)?,
        };
        let credential = credential
            .filter(|found| found.role == Role::Scim && found.application == row.number)
            .map(|found| found.number);
        Ok(Identified {
            context: Some(Context::of(&row, &self.public_url, &self.catalog)),
            credential,
        })
    }
}
