//! The values of rows. Their form may change with any release: raise the fold version, and the next
//! start makes all rows again.

use std::borrow::Cow;

use canonical::Document;
use event::codec::{decode_row, encode_row, put_varint, read_varint};
use event::{
    Application, Attribute, Credential, Number, ResourceType, Role, Seq, Timestamp, UpstreamSet,
};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use store::key;

use crate::error::ProjectorError;

/// An application as it is configured.
#[derive(Clone, PartialEq, Debug)]
pub struct ApplicationRow {
    /// Its number.
    pub number: Application,
    /// Its name in addresses.
    pub slug: String,
    /// Its profile's name.
    pub profile: String,
    /// Settings that override the profile's, as JSON text.
    pub settings: Vec<u8>,
    /// SHA-256 of the profile as it was last recorded.
    pub profile_sha256: Option<[u8; 32]>,
    /// When it was added.
    pub added_at: Timestamp,
    /// The event that added it.
    pub added_seq: Seq,
    /// The upstream its requests are forwarded to; `None` when they are carried out here.
    pub upstream: Option<UpstreamSet>,
    /// The id of its service principal at the provider, if known.
    pub service_principal: Option<String>,
    /// The service principals whose log entries were imported; the first
    /// [`ApplicationRow::PRINCIPALS_MAX`].
    pub imported_principals: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredApplication {
    slug: String,
    profile: String,
    settings: Vec<u8>,
    profile_sha256: Option<[u8; 32]>,
    added_at: Timestamp,
    added_seq: Seq,
    upstream: Option<StoredUpstream>,
    service_principal: Option<String>,
    imported_principals: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredUpstream {
    url: String,
    token_file: String,
    ca_file: Option<String>,
    rewrites_locations: bool,
    shows_members: bool,
}

impl ApplicationRow {
    /// An application has more than one only if its service principal was changed.
    pub const PRINCIPALS_MAX: usize = 16;

    pub(crate) fn encode(&self) -> Result<Vec<u8>, ProjectorError> {
        let stored = StoredApplication {
            slug: self.slug.clone(),
            profile: self.profile.clone(),
            settings: self.settings.clone(),
            profile_sha256: self.profile_sha256,
            added_at: self.added_at,
            added_seq: self.added_seq,
            upstream: self.upstream.clone().map(|set| StoredUpstream {
                url: set.url,
                token_file: set.token_file,
                ca_file: set.ca_file,
                rewrites_locations: set.rewrites_locations,
                shows_members: set.shows_members,
            }),
            service_principal: self.service_principal.clone(),
            imported_principals: self.imported_principals.clone(),
        };
        encode_row(&stored).map_err(ProjectorError::encoding("an application"))
    }

    pub(crate) fn decode(number: Application, bytes: &[u8]) -> Result<Self, ProjectorError> {
        let stored: StoredApplication =
            decode_row(bytes).map_err(ProjectorError::undecodable("an application"))?;
        Ok(ApplicationRow {
            number,
            slug: stored.slug,
            profile: stored.profile,
            settings: stored.settings,
            profile_sha256: stored.profile_sha256,
            added_at: stored.added_at,
            added_seq: stored.added_seq,
            upstream: stored.upstream.map(|stored| UpstreamSet {
                url: stored.url,
                token_file: stored.token_file,
                ca_file: stored.ca_file,
                rewrites_locations: stored.rewrites_locations,
                shows_members: stored.shows_members,
            }),
            service_principal: stored.service_principal,
            imported_principals: stored.imported_principals,
        })
    }
}

/// A token that was issued, or somebody who signs in with an identity provider.
#[derive(Clone, PartialEq, Debug)]
pub struct CredentialRow {
    /// Its number.
    pub number: Credential,
    /// The application it is limited to; the recorder if it is not limited.
    pub application: Application,
    /// What it allows.
    pub role: Role,
    /// SHA-256 of the token; for an identity of its issuer and subject.
    pub sha256: [u8; 32],
    /// When it was issued.
    pub added_at: Timestamp,
    /// The event that issued it.
    pub added_seq: Seq,
    /// The event that revoked it.
    pub revoked_seq: Option<Seq>,
    /// What it is for, in the words of whoever issued it.
    pub name: Option<String>,
    /// From then on nothing is allowed with it; it has no end without.
    pub expires_at: Option<Timestamp>,
    /// Whose it is, if it is no token. Such a credential cannot be presented: only a sign-in proves it.
    pub identity: Option<SignInIdentity>,
}

/// Somebody who signs in with an identity provider.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct SignInIdentity {
    /// The identity provider.
    pub issuer: String,
    /// The event that last gave them a role. Their name stands in a part of it.
    pub seq: Seq,
}

#[derive(Serialize, Deserialize)]
struct StoredCredential {
    application: Application,
    role: u8,
    sha256: [u8; 32],
    added_at: Timestamp,
    added_seq: Seq,
    revoked_seq: Option<Seq>,
    name: Option<String>,
    expires_at: Option<Timestamp>,
    identity: Option<SignInIdentity>,
}

/// The role of a stored number.
pub(crate) fn role_of(code: u8, what: &'static str) -> Result<Role, ProjectorError> {
    let role = Role::ALL.into_iter().find(|role| *role as u8 == code);
    role.ok_or_else(|| ProjectorError::row(what))
}

impl CredentialRow {
    /// Whether something is allowed with it at an instant.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_seq.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, ProjectorError> {
        let stored = StoredCredential {
            application: self.application,
            role: self.role as u8,
            sha256: self.sha256,
            added_at: self.added_at,
            added_seq: self.added_seq,
            revoked_seq: self.revoked_seq,
            name: self.name.clone(),
            expires_at: self.expires_at,
            identity: self.identity.clone(),
        };
        encode_row(&stored).map_err(ProjectorError::encoding("a credential"))
    }

    pub(crate) fn decode(number: Credential, bytes: &[u8]) -> Result<Self, ProjectorError> {
        let what = "a credential";
        let stored: StoredCredential =
            decode_row(bytes).map_err(ProjectorError::undecodable(what))?;
        Ok(CredentialRow {
            number,
            application: stored.application,
            role: role_of(stored.role, what)?,
            sha256: stored.sha256,
            added_at: stored.added_at,
            added_seq: stored.added_seq,
            revoked_seq: stored.revoked_seq,
            name: stored.name,
            expires_at: stored.expires_at,
            identity: stored.identity,
        })
    }
}

/// How many operations there were on a resource or person, up to and including one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OperationCounts {
    /// Operations that are on it or touch it.
    pub concerned: u64,
    /// Operations on itself.
    pub own: u64,
}

impl OperationCounts {
    /// Counts one more.
    pub(crate) fn with(self, is_own: bool) -> OperationCounts {
        OperationCounts { concerned: self.concerned + 1, own: self.own + u64::from(is_own) }
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8);
        put_varint(&mut out, self.concerned);
        // Nearly all operations are on the resource itself, so this is mostly a zero.
        put_varint(&mut out, self.concerned - self.own);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<OperationCounts, ProjectorError> {
        let what = "an operation's places";
        let mut rest = bytes;
        let mut number = || read_varint(&mut rest).map_err(ProjectorError::undecodable(what));
        let (concerned, others) = (number()?, number()?);
        match (concerned.checked_sub(others), rest) {
            (Some(own), []) => Ok(OperationCounts { concerned, own }),
            _ => Err(ProjectorError::row(what)),
        }
    }
}

/// What is known of a resource or person up to the last event that concerned it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ResourceHead {
    /// Its operations.
    pub counts: OperationCounts,
    /// How many of its writes failed since one that did not.
    pub failures: u64,
    /// The event that last changed its values, or whether it exists.
    pub state: Option<Seq>,
    /// The event that last changed its members.
    pub members: Option<Seq>,
    /// The event by which it last joined or left something.
    pub memberships: Option<Seq>,
}

impl ResourceHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let OperationCounts { concerned, own } = self.counts;
        let mut out = Vec::with_capacity(24);
        for number in [concerned, own, self.failures] {
            put_varint(&mut out, number);
        }
        for seq in [self.state, self.members, self.memberships] {
            // 0 is none.
            put_varint(&mut out, seq.map_or(0, |seq| seq.saturating_add(1)));
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<ResourceHead, ProjectorError> {
        let what = "what is known of a resource";
        let mut rest = bytes;
        let mut number = || read_varint(&mut rest).map_err(ProjectorError::undecodable(what));
        let counts = OperationCounts { concerned: number()?, own: number()? };
        let failures = number()?;
        let mut seq = || Ok::<_, ProjectorError>(number()?.checked_sub(1));
        let (state, members, memberships) = (seq()?, seq()?, seq()?);
        match rest {
            [] => Ok(ResourceHead { counts, failures, state, members, memberships }),
            _ => Err(ProjectorError::row(what)),
        }
    }
}

/// The state of a resource from one event until the next version.
#[derive(Clone, PartialEq, Debug)]
pub struct Version {
    /// The event that made this state.
    pub seq: Seq,
    /// The resource's type.
    pub resource_type: ResourceType,
    /// The event that created the resource.
    pub created_seq: Seq,
    /// When it was created.
    pub created_at: Timestamp,
    /// When this state began.
    pub modified_at: Timestamp,
    /// Whether the account is enabled; meaningful for users only.
    pub active: bool,
    /// The attributes without members; `None` once the resource was deleted. Of a resource whose values
    /// cannot be read it is empty.
    pub state: Option<Document>,
}

#[derive(Serialize, Deserialize)]
struct StoredVersion<'a> {
    resource_type: u8,
    created_seq: Seq,
    created_at: Timestamp,
    modified_at: Timestamp,
    active: bool,
    /// Canonical JSON.
    #[serde(borrow)]
    state: Option<&'a Bytes>,
}

impl Version {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ProjectorError> {
        let stored = StoredVersion {
            resource_type: self.resource_type.0,
            created_seq: self.created_seq,
            created_at: self.created_at,
            modified_at: self.modified_at,
            active: self.active,
            state: self.state.as_ref().map(|state| Bytes::new(state.bytes())),
        };
        encode_row(&stored).map_err(ProjectorError::encoding("a version"))
    }

    pub(crate) fn decode(key: &[u8], bytes: &[u8]) -> Result<Version, ProjectorError> {
        let what = "a version";
        let stored: StoredVersion<'_> =
            decode_row(bytes).map_err(ProjectorError::undecodable(what))?;
        let state = stored.state.map(|state| Document::from_canonical(state.to_vec()));
        Ok(Version {
            seq: key::version_seq(key).ok_or_else(|| ProjectorError::row(what))?,
            resource_type: ResourceType(stored.resource_type),
            created_seq: stored.created_seq,
            created_at: stored.created_at,
            modified_at: stored.modified_at,
            active: stored.active,
            state,
        })
    }

    /// The names of the resource; `None` once it was deleted.
    pub(crate) fn identity(bytes: &[u8]) -> Result<Option<Identity>, ProjectorError> {
        let what = "a version";
        let stored: StoredVersion<'_> =
            decode_row(bytes).map_err(ProjectorError::undecodable(what))?;
        let identity = stored.state.map(|state| Identity::of(state)).transpose();
        identity.map_err(|_| ProjectorError::row(what))
    }

    pub(crate) fn is_deletion(bytes: &[u8]) -> Result<bool, ProjectorError> {
        let stored: StoredVersion<'_> =
            decode_row(bytes).map_err(ProjectorError::undecodable("a version"))?;
        Ok(stored.state.is_none())
    }

    /// The SCIM id, while the resource exists.
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.state.as_ref()?.text("id")
    }

    /// The attributes as a tree; empty once the resource was deleted.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn attributes(&self) -> Result<Map<String, Value>, ProjectorError> {
        let state = self.state.as_ref().map(Document::to_map).transpose();
        Ok(state.map_err(|_| ProjectorError::row("a version"))?.unwrap_or_default())
    }

    /// An attribute as text, while the resource exists and has it. If a custom schema or a careless
    /// upstream made it something else than a string, its JSON text.
    pub fn text(&self, attribute: &str) -> Option<String> {
        let state = self.state.as_ref()?;
        match state.get(attribute)? {
            b"null" => None,
            [b'"', ..] => state.text(attribute).map(Cow::into_owned),
            other => Some(String::from_utf8_lossy(other).into_owned()),
        }
    }
}

/// The names of a resource. Reading them skips the other attributes of the state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// The SCIM id.
    pub id: Option<String>,
    /// `userName`
    pub user_name: Option<String>,
    /// `externalId`
    pub external_id: Option<String>,
    /// `displayName`
    pub display_name: Option<String>,
}

/// The values stay raw because a custom schema may define these names as something else than strings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawIdentity<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user_name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    external_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    display_name: Option<&'a RawValue>,
}

impl Identity {
    fn of(state: &[u8]) -> Result<Identity, serde_json::Error> {
        let raw: RawIdentity<'_> = serde_json::from_slice(state)?;
        let text = |value: Option<&RawValue>| {
            let text = value.map(RawValue::get).filter(|text| text.starts_with('"'));
            text.map(serde_json::from_str).transpose()
        };
        Ok(Identity {
            id: text(raw.id)?,
            user_name: text(raw.user_name)?,
            external_id: text(raw.external_id)?,
            display_name: text(raw.display_name)?,
        })
    }
}

/// How a number was first mentioned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mentioned {
    /// What kind of name it was.
    pub attribute: Attribute,
    /// The name as it was sent.
    pub value: String,
    /// The resource type that the client said it names; none if it did not say.
    pub resource_type: ResourceType,
    /// The `display` that the client sent with it.
    pub display: Option<String>,
    /// The first externalId it was mentioned by, then or later, and the event that did so.
    pub external_id: Option<(String, Seq)>,
}

#[derive(Serialize, Deserialize)]
struct StoredMentioned {
    seq: Seq,
    attribute: u8,
    value: String,
    resource_type: u8,
    display: Option<String>,
    external_id: Option<(String, Seq)>,
}

impl Mentioned {
    /// `seq` is the event that made the mention.
    pub(crate) fn encode(&self, seq: Seq) -> Result<Vec<u8>, ProjectorError> {
        let stored = StoredMentioned {
            seq,
            attribute: self.attribute as u8,
            value: self.value.clone(),
            resource_type: self.resource_type.0,
            display: self.display.clone(),
            external_id: self.external_id.clone(),
        };
        encode("a mention", &stored)
    }

    /// The mention, and the event that made it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Mentioned, Seq), ProjectorError> {
        let what = "a mention";
        let stored: StoredMentioned = decode(what, bytes)?;
        let mentioned = Mentioned {
            attribute: Attribute::from_code(stored.attribute)
                .ok_or_else(|| ProjectorError::row(what))?,
            value: stored.value,
            resource_type: ResourceType(stored.resource_type),
            display: stored.display,
            external_id: stored.external_id,
        };
        Ok((mentioned, stored.seq))
    }
}

/// A stretch of time in which requests may have gone unrecorded; half-open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// When the recorder was last known to run, or first refused a connection.
    pub from: Timestamp,
    /// When the recorder started again, or just after it refused the last connection.
    pub to: Timestamp,
    /// Why there is a gap.
    pub reason: GapReason,
}

/// Why there is a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum GapReason {
    /// The recorder was stopped in order.
    Stopped,
    /// It was killed, or power was lost.
    Killed,
    /// It was overloaded, and closed connections or kept them waiting.
    Refused,
}

impl GapReason {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            GapReason::Stopped => "recorder stopped",
            GapReason::Killed => "recorder killed",
            GapReason::Refused => "connections refused",
        }
    }
}

/// Whether the recorder runs, according to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Recorder {
    Running,
    Stopped,
}

pub(crate) fn encode<T: Serialize>(
    what: &'static str,
    value: &T,
) -> Result<Vec<u8>, ProjectorError> {
    encode_row(value).map_err(ProjectorError::encoding(what))
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, ProjectorError> {
    decode_row(bytes).map_err(ProjectorError::undecodable(what))
}

/// A number as a row's value.
pub(crate) fn encode_number(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(crate) fn decode_number(what: &'static str, bytes: &[u8]) -> Result<u32, ProjectorError> {
    let bytes = bytes.try_into().map_err(|_| ProjectorError::row(what))?;
    Ok(u32::from_be_bytes(bytes))
}

pub(crate) fn decode_seq(what: &'static str, bytes: &[u8]) -> Result<Seq, ProjectorError> {
    let bytes = bytes.try_into().map_err(|_| ProjectorError::row(what))?;
    Ok(Seq::from_be_bytes(bytes))
}

/// The number of a person or resource from a row.
pub(crate) fn number_of(what: &'static str, bytes: &[u8]) -> Result<Number, ProjectorError> {
    decode_number(what, bytes).map(Number)
}

/// The holder of a unique value, or the number mentioned by a name, and since when, as a row's value.
pub(crate) fn encode_holder(number: Number, since: Seq) -> Vec<u8> {
    [&number.0.to_be_bytes()[..], &since.to_be_bytes()].concat()
}

pub(crate) fn decode_holder(bytes: &[u8]) -> Result<(Number, Seq), ProjectorError> {
    let what = "a name";
    let (number, since) =
        bytes.split_first_chunk::<4>().ok_or_else(|| ProjectorError::row(what))?;
    Ok((Number(u32::from_be_bytes(*number)), decode_seq(what, since)?))
}
