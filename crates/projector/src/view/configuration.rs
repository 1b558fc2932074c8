//! Reads what was configured: applications, credentials, resource types.

use event::{Application, Credential, ResourceType, Role, Seq, Timestamp};
use sha2::{Digest, Sha256};
use store::Direction;
use store::key::{self, KeyRange};
use subtle::ConstantTimeEq;

use super::View;
use crate::error::ProjectorError;
use crate::row::{self, ApplicationRow, CredentialRow};

impl View<'_> {
    /// The application with a slug.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
    pub fn application(&self, slug: &str) -> Result<Option<ApplicationRow>, ProjectorError> {
        let Some(number) = self.rows.get(&key::slug(slug))? else { return Ok(None) };
        let number = Application(row::decode_number("a slug", &number)?);
        self.application_of(number)
    }

    /// The application with a number.
    pub fn application_of(
        &self,
        number: Application,
    ) -> Result<Option<ApplicationRow>, ProjectorError> {
        let value = self.rows.get(&key::application(number))?;
        value.map(|value| ApplicationRow::decode(number, &value)).transpose()
    }

    /// All applications in the order in which they were added.
    pub fn applications(&self) -> Result<Vec<ApplicationRow>, ProjectorError> {
        self.collect(&key::applications(), |key, value| {
            let number = row::decode_number("an application", &key[1..])?;
            ApplicationRow::decode(Application(number), value)
        })
    }

    /// The number for the next application.
    pub fn next_application(&self) -> Result<Application, ProjectorError> {
        Ok(Application(self.last_number(&key::applications(), "an application")? + 1))
    }

    /// The credential of a token that a client presents, if it is valid at `now`.
    pub fn valid_credential(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<CredentialRow>, ProjectorError> {
        Ok(self.credential_of_token(token)?.filter(|one| one.is_valid_at(now)))
    }

    /// The credential of a token that a client presents, revoked or not.
    pub fn credential_of_token(
        &self,
        token: &str,
    ) -> Result<Option<CredentialRow>, ProjectorError> {
        let presented = token_sha256(token);
        let Some(number) = self.rows.get(&key::token(&presented))? else { return Ok(None) };
        let number = Credential(row::decode_number("a token", &number)?);
        let credential = self.credential_of(number)?;
        // The row was found by its digest; compare again in constant time. Nobody can present an identity.
        Ok(credential.filter(|credential| {
            credential.identity.is_none() && credential.sha256.ct_eq(&presented).into()
        }))
    }

    /// The credential of somebody whom an identity provider names, revoked or not.
    pub fn credential_of_identity(
        &self,
        sha256: &[u8; 32],
    ) -> Result<Option<CredentialRow>, ProjectorError> {
        let Some(number) = self.rows.get(&key::identity(sha256))? else { return Ok(None) };
        let number = Credential(row::decode_number("an identity", &number)?);
        let credential = self.credential_of(number)?;
        Ok(credential.filter(|one| one.identity.is_some() && one.sha256 == *sha256))
    }

    /// The role of a credential right after the event at `seq`; `None` if there is no such credential.
    pub fn role_at(&self, number: Credential, seq: Seq) -> Result<Option<Role>, ProjectorError> {
        let Some(credential) = self.credential_of(number)? else { return Ok(None) };
        // Only the role of an identity changes.
        if credential.identity.is_none() {
            return Ok(Some(credential.role));
        }
        let given = self.rows.first(&key::identity_roles(number, seq), Direction::Forward)?;
        let what = "the role of an identity";
        let given = given.map(|(_, value)| match value[..] {
            [code] => row::role_of(code, what),
            _ => Err(ProjectorError::row(what)),
        });
        given.transpose()
    }

    /// A credential by its number, revoked or not.
    pub fn credential_of(
        &self,
        number: Credential,
    ) -> Result<Option<CredentialRow>, ProjectorError> {
        let value = self.rows.get(&key::credential(number))?;
        value.map(|value| CredentialRow::decode(number, &value)).transpose()
    }

    /// All credentials, in the order in which they were issued.
    pub fn credentials(&self) -> Result<Vec<CredentialRow>, ProjectorError> {
        self.collect(&key::credentials(), |key, value| {
            let number = row::decode_number("a credential", &key[1..])?;
            CredentialRow::decode(Credential(number), value)
        })
    }

    /// The number for the next credential.
    pub fn next_credential(&self) -> Result<Credential, ProjectorError> {
        Ok(Credential(self.last_number(&key::credentials(), "a credential")? + 1))
    }

    /// The largest number among the keys of a kind, 0 when there is none.
    fn last_number(&self, range: &KeyRange, what: &'static str) -> Result<u32, ProjectorError> {
        let last = self.rows.first(range, Direction::Backward)?;
        last.map_or(Ok(0), |(key, _)| row::decode_number(what, &key[1..]))
    }

    /// The resource types beyond `User` and `Group`, by number.
    pub fn resource_types(&self) -> Result<Vec<(ResourceType, String)>, ProjectorError> {
        let what = "a resource type";
        self.collect(&key::resource_types(), |key, name| {
            let number = key::resource_type_number(key).ok_or_else(|| ProjectorError::row(what))?;
            Ok((number, row::decode(what, name)?))
        })
    }
}

/// The digest by which a token is stored. Tokens are 256 random bits, so one round of SHA-256 is enough.
pub fn token_sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The digest by which somebody is found whom an identity provider names. What is digested begins with a
/// text and a length of its own, so that no other pair, and no token as they are issued, has the same one.
pub fn identity_sha256(issuer: &str, subject: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"provlog identity of OpenID Connect\0");
    digest.update((issuer.len() as u64).to_be_bytes());
    digest.update(issuer.as_bytes());
    digest.update(subject.as_bytes());
    digest.finalize().into()
}
