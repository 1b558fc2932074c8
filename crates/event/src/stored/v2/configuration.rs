//! Version 2 of the stored form of what is configured.

use serde::{Deserialize, Serialize};

use crate::claim::{GroupMarked, QuestionRemoved, QuestionSaved};
use crate::clock::Timestamp;
use crate::codec::CodecError;
use crate::event::{ApplicationAdded, CredentialAdded, IdentitySet, ProfileChanged};
use crate::id::{Application, Credential, Number};

#[derive(Serialize, Deserialize)]
pub(super) struct ApplicationAddedV2 {
    number: u32,
    slug: String,
    profile: String,
    #[serde(with = "serde_bytes")]
    settings: Vec<u8>,
    profile_sha256: Option<[u8; 32]>,
}

impl From<&ApplicationAdded> for ApplicationAddedV2 {
    fn from(added: &ApplicationAdded) -> ApplicationAddedV2 {
        ApplicationAddedV2 {
            number: added.number.0,
            slug: added.slug.clone(),
            profile: added.profile.clone(),
            settings: added.settings.clone(),
            profile_sha256: added.profile_sha256,
        }
    }
}

impl From<ApplicationAddedV2> for ApplicationAdded {
    fn from(stored: ApplicationAddedV2) -> ApplicationAdded {
        ApplicationAdded {
            number: Application(stored.number),
            slug: stored.slug,
            profile: stored.profile,
            settings: stored.settings,
            profile_sha256: stored.profile_sha256,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct CredentialAddedV2 {
    number: u32,
    role: u8,
    sha256: [u8; 32],
    name: Option<String>,
    expires_at_us: Option<i64>,
}

impl From<&CredentialAdded> for CredentialAddedV2 {
    fn from(added: &CredentialAdded) -> CredentialAddedV2 {
        CredentialAddedV2 {
            number: added.number.0,
            role: added.role as u8,
            sha256: added.sha256,
            name: added.name.clone(),
            expires_at_us: added.expires_at.map(|time| time.0),
        }
    }
}

impl CredentialAddedV2 {
    pub(super) fn read(self) -> Result<CredentialAdded, CodecError> {
        Ok(CredentialAdded {
            number: Credential(self.number),
            role: super::role_from_stored(self.role)?,
            sha256: self.sha256,
            name: self.name,
            expires_at: self.expires_at_us.map(Timestamp),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct IdentitySetV2 {
    number: u32,
    role: u8,
    sha256: [u8; 32],
    issuer: String,
}

impl From<&IdentitySet> for IdentitySetV2 {
    fn from(set: &IdentitySet) -> IdentitySetV2 {
        IdentitySetV2 {
            number: set.number.0,
            role: set.role as u8,
            sha256: set.sha256,
            issuer: set.issuer.clone(),
        }
    }
}

impl IdentitySetV2 {
    pub(super) fn read(self) -> Result<IdentitySet, CodecError> {
        Ok(IdentitySet {
            number: Credential(self.number),
            role: super::role_from_stored(self.role)?,
            sha256: self.sha256,
            issuer: self.issuer,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ProfileChangedV2 {
    sha256: [u8; 32],
}

impl From<&ProfileChanged> for ProfileChangedV2 {
    fn from(changed: &ProfileChanged) -> ProfileChangedV2 {
        ProfileChangedV2 { sha256: changed.sha256 }
    }
}

impl From<ProfileChangedV2> for ProfileChanged {
    fn from(stored: ProfileChangedV2) -> ProfileChanged {
        ProfileChanged { sha256: stored.sha256 }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct GroupMarkedV2 {
    number: u32,
    privileged: bool,
}

impl From<&GroupMarked> for GroupMarkedV2 {
    fn from(marked: &GroupMarked) -> GroupMarkedV2 {
        GroupMarkedV2 { number: marked.number.0, privileged: marked.privileged }
    }
}

impl From<GroupMarkedV2> for GroupMarked {
    fn from(stored: GroupMarkedV2) -> GroupMarked {
        GroupMarked { number: Number(stored.number), privileged: stored.privileged }
    }
}

/// A saved question, and one that was removed.
#[derive(Serialize, Deserialize)]
pub(super) struct QuestionNameV2 {
    name: String,
}

impl QuestionNameV2 {
    pub(super) fn of(name: &str) -> QuestionNameV2 {
        QuestionNameV2 { name: name.to_owned() }
    }
}

impl From<QuestionNameV2> for QuestionSaved {
    fn from(stored: QuestionNameV2) -> QuestionSaved {
        QuestionSaved { name: stored.name }
    }
}

impl From<QuestionNameV2> for QuestionRemoved {
    fn from(stored: QuestionNameV2) -> QuestionRemoved {
        QuestionRemoved { name: stored.name }
    }
}
