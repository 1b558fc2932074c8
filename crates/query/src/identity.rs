//! The names of those who may ask: of tokens, and of people who sign in with an identity provider.

use event::{Content, Event};
use projector::CredentialRow;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::record::Record;

/// What an identity provider said about somebody; the note of the event. It is personal data.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Said {
    /// Their id at the provider.
    #[serde(default)]
    pub(crate) subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
}

impl Said {
    /// What the event at which somebody got a role says of them; nothing if that was erased.
    pub(crate) fn of(event: &Event) -> Said {
        let note = event.parts.iter().find_map(|part| match &part.content {
            Content::Note(note) => serde_json::from_slice(note).ok(),
            _ => None,
        });
        note.unwrap_or_default()
    }

    /// What they are called.
    pub(crate) fn called(self) -> Option<String> {
        self.name.or(self.email)
    }
}

/// What a credential is called: as its issuer wrote it, or as the identity provider names the person.
pub(crate) fn name_of(
    record: &Record<'_>,
    credential: &CredentialRow,
) -> Result<Option<String>, Error> {
    match &credential.identity {
        None => Ok(credential.name.clone()),
        Some(identity) => Ok(Said::of(&record.event(identity.seq)?).called()),
    }
}
