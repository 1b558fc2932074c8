//! Version 1 of the stored form of what is configured beyond the first fields of applications and
//! tokens.

use serde::{Deserialize, Serialize};

use crate::claim::{GroupMarked, QuestionRemoved, QuestionSaved};
use crate::clock::Timestamp;
use crate::codec::CodecError;
use crate::event::{ApplicationAdded, CredentialAdded, IdentitySet, ProfileChanged};
use crate::id::{Application, Credential, Number};

/// An application with the digest of its profile. One without has the older form.
#[derive(Serialize, Deserialize)]
pub(super) struct ProfiledApplicationV1 {
    number: u32,
    slug: String,
    profile: String,
    settings: Vec<u8>,
    profile_sha256: [u8; 32],
}

impl ProfiledApplicationV1 {
    pub(super) fn of(added: &ApplicationAdded) -> Option<ProfiledApplicationV1> {
        let ApplicationAdded { number, slug, profile, settings, profile_sha256 } = added;
        let profile_sha256 = (*profile_sha256)?;
        let (slug, profile) = (slug.clone(), profile.clone());
        let settings = settings.clone();
        Some(ProfiledApplicationV1 { number: number.0, slug, profile, settings, profile_sha256 })
    }
}

impl From<ProfiledApplicationV1> for ApplicationAdded {
    fn from(stored: ProfiledApplicationV1) -> ApplicationAdded {
        ApplicationAdded {
            number: Application(stored.number),
            slug: stored.slug,
            profile: stored.profile,
            settings: stored.settings,
            profile_sha256: Some(stored.profile_sha256),
        }
    }
}

/// A token with a name or an end. One with neither has the older form.
#[derive(Serialize, Deserialize)]
pub(super) struct NamedCredentialV1 {
    number: u32,
    role: u8,
    sha256: [u8; 32],
    name: Option<String>,
    expires_at_us: Option<i64>,
}

impl NamedCredentialV1 {
    pub(super) fn of(added: &CredentialAdded) -> Option<NamedCredentialV1> {
        let CredentialAdded { number, role, sha256, name, expires_at } = added;
        let (name, expires_at_us) = (name.clone(), expires_at.map(|time| time.0));
        let has_more = name.is_some() || expires_at_us.is_some();
        let (role, sha256) = (*role as u8, *sha256);
        has_more.then_some(NamedCredentialV1 {
            number: number.0,
            role,
            sha256,
            name,
            expires_at_us,
        })
    }

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
pub(super) struct IdentitySetV1 {
    number: u32,
    role: u8,
    sha256: [u8; 32],
    issuer: String,
}

impl From<&IdentitySet> for IdentitySetV1 {
    fn from(set: &IdentitySet) -> IdentitySetV1 {
        IdentitySetV1 {
            number: set.number.0,
            role: set.role as u8,
            sha256: set.sha256,
            issuer: set.issuer.clone(),
        }
    }
}

impl IdentitySetV1 {
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
pub(super) struct ProfileChangedV1 {
    sha256: [u8; 32],
}

impl From<&ProfileChanged> for ProfileChangedV1 {
    fn from(changed: &ProfileChanged) -> ProfileChangedV1 {
        ProfileChangedV1 { sha256: changed.sha256 }
    }
}

impl From<ProfileChangedV1> for ProfileChanged {
    fn from(stored: ProfileChangedV1) -> ProfileChanged {
        ProfileChanged { sha256: stored.sha256 }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct GroupMarkedV1 {
    number: u32,
    privileged: bool,
}

impl From<&GroupMarked> for GroupMarkedV1 {
    fn from(marked: &GroupMarked) -> GroupMarkedV1 {
        GroupMarkedV1 { number: marked.number.0, privileged: marked.privileged }
    }
}

impl From<GroupMarkedV1> for GroupMarked {
    fn from(stored: GroupMarkedV1) -> GroupMarked {
        GroupMarked { number: Number(stored.number), privileged: stored.privileged }
    }
}

/// A saved question, and one that was removed.
#[derive(Serialize, Deserialize)]
pub(super) struct QuestionNameV1 {
    name: String,
}

impl QuestionNameV1 {
    pub(super) fn of(name: &str) -> QuestionNameV1 {
        QuestionNameV1 { name: name.to_owned() }
    }
}

impl From<QuestionNameV1> for QuestionSaved {
    fn from(stored: QuestionNameV1) -> QuestionSaved {
        QuestionSaved { name: stored.name }
    }
}

impl From<QuestionNameV1> for QuestionRemoved {
    fn from(stored: QuestionNameV1) -> QuestionRemoved {
        QuestionRemoved { name: stored.name }
    }
}
