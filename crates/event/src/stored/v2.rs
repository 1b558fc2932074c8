//! Version 2 of the stored form. The order of fields and the numbers are the format: once released,
//! nothing here changes, and a further version gets a file of its own.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::codec::{CodecError, header_fields};
use crate::event::{
    ConnectionsRefused, CredentialRevoked, Effect, Extent, Fact, Header, Listed, Method,
    Observation, Occasion, Operation, Origin, RecorderStarted, RecorderStopped, ResourceType,
    ResourceTypeAdded, Role, Route, Unauthenticated, UpstreamSet, Verdict,
};
use crate::id::{Application, Credential, Number};

mod claims;
mod commitment;
mod configuration;
mod parts;
mod privacy;

use claims::{
    AccessV2, EvidenceAddedV2, ImportBatchV2, ImportedV2, ReferenceListAddedV2, ReviewAddedV2,
    ServicePrincipalSetV2,
};
use commitment::StateCommittedV2;
use configuration::{
    ApplicationAddedV2, CredentialAddedV2, GroupMarkedV2, IdentitySetV2, ProfileChangedV2,
    QuestionNameV2,
};
pub(crate) use parts::{AnswerV2, DetailV2, FlagV2, NameV2, ValueChangeV2};
use privacy::{ErasureCompletedV2, LegalHoldV2, RetentionSetV2, SentErasedV2, SubjectsErasedV2};

const OPERATION: u8 = 1;
const RECORDER_STARTED: u8 = 2;
const RECORDER_STOPPED: u8 = 3;
const APPLICATION_ADDED: u8 = 4;
const CREDENTIAL_ADDED: u8 = 5;
const RESOURCE_TYPE_ADDED: u8 = 6;
const UNAUTHENTICATED: u8 = 7;
const CREDENTIAL_REVOKED: u8 = 8;
const INTENT: u8 = 9;
const OBSERVATION: u8 = 10;
const UPSTREAM_SET: u8 = 11;
const IMPORTED: u8 = 12;
const IMPORT_BATCH: u8 = 13;
const ACCESS: u8 = 14;
const EVIDENCE_ADDED: u8 = 15;
const REFERENCE_LIST_ADDED: u8 = 16;
const SERVICE_PRINCIPAL_SET: u8 = 17;
const LISTED: u8 = 18;
const CONNECTIONS_REFUSED: u8 = 19;
const PROFILE_CHANGED: u8 = 20;
const GROUP_MARKED: u8 = 21;
const QUESTION_SAVED: u8 = 22;
const QUESTION_REMOVED: u8 = 23;
const REVIEW_ADDED: u8 = 24;
const IDENTITY_SET: u8 = 25;
const STATE_COMMITTED: u8 = 26;
const SUBJECTS_ERASED: u8 = 27;
const ERASURE_COMPLETED: u8 = 28;
const LEGAL_HOLD: u8 = 29;
const RETENTION_SET: u8 = 30;
const SENT_ERASED: u8 = 31;

/// What every kind's header begins with.
#[derive(Serialize, Deserialize)]
struct CommonV2 {
    application: u32,
    recorded_at_us: i64,
    /// `raw_clock` less `recorded_at`: small, so it takes a byte.
    raw_clock_offset_us: i64,
    /// Of a request; 0 if it had none that is valid. The rest of the origin is a part.
    credential: Option<u32>,
}

/// The part of an origin.
#[derive(Serialize, Deserialize)]
pub(crate) struct OriginV2<'a> {
    /// Empty, 4 or 16 bytes.
    #[serde(borrow, with = "serde_bytes")]
    client: Cow<'a, [u8]>,
    user_agent: Cow<'a, str>,
    request_id: Cow<'a, str>,
}

impl<'a> From<&'a Origin> for OriginV2<'a> {
    fn from(origin: &'a Origin) -> OriginV2<'a> {
        OriginV2 {
            client: match origin.client {
                None => vec![],
                Some(IpAddr::V4(v4)) => v4.octets().to_vec(),
                Some(IpAddr::V6(v6)) => v6.octets().to_vec(),
            }
            .into(),
            user_agent: origin.user_agent.as_str().into(),
            request_id: origin.request_id.as_str().into(),
        }
    }
}

impl OriginV2<'_> {
    /// The origin of a request with a credential.
    pub(crate) fn with(self, credential: Credential) -> Result<Origin, CodecError> {
        let client = match &*self.client {
            [] => None,
            bytes => Some(if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
                IpAddr::V4(Ipv4Addr::from(v4))
            } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
                IpAddr::V6(Ipv6Addr::from(v6))
            } else {
                return Err(CodecError::Length);
            }),
        };
        let (user_agent, request_id) = (self.user_agent.into_owned(), self.request_id.into_owned());
        Ok(Origin { credential, client, user_agent, request_id })
    }
}

#[derive(Serialize, Deserialize)]
struct OperationV2 {
    route: u8,
    method: u8,
    resource_type: u8,
    number: u32,
    touches: Vec<u32>,
    status: u16,
    scim_type: u8,
    effect: u8,
    index: u32,
    saw_seq: Option<u64>,
    results: Option<u32>,
    decided_after_us: u32,
}

#[derive(Serialize, Deserialize)]
struct ObservationV2 {
    resource_type: u8,
    number: u32,
    touches: Vec<u32>,
    occasion: u8,
    settles: Vec<u64>,
    verdict: u8,
}

#[derive(Serialize, Deserialize)]
struct ListedV2 {
    occasion: u8,
    extent: u8,
    seen: u64,
    refused: u64,
}

#[derive(Serialize, Deserialize)]
struct UpstreamSetV2 {
    url: String,
    token_file: String,
    ca_file: Option<String>,
    rewrites_locations: bool,
    shows_members: bool,
}

#[derive(Serialize, Deserialize)]
struct RecorderStartedV2 {
    log: u64,
    version: String,
    last_alive_us: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct RecorderStoppedV2 {
    broken_requests: u64,
}

#[derive(Serialize, Deserialize)]
struct CredentialRevokedV2 {
    number: u32,
}

#[derive(Serialize, Deserialize)]
struct ResourceTypeAddedV2 {
    number: u8,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct ConnectionsRefusedV2 {
    count: u64,
    first_us: i64,
    last_us: i64,
}

#[derive(Serialize, Deserialize)]
struct UnauthenticatedV2 {
    count: u64,
    first_us: i64,
    last_us: i64,
}

pub(super) fn unknown(what: &'static str, code: u8) -> CodecError {
    CodecError::Code { what, code: u32::from(code) }
}

fn common_to_stored(header: &Header) -> CommonV2 {
    CommonV2 {
        application: header.application.0,
        recorded_at_us: header.recorded_at.0,
        raw_clock_offset_us: header.raw_clock.0.wrapping_sub(header.recorded_at.0),
        credential: header.origin.as_ref().map(|origin| origin.credential.0),
    }
}

fn common_from_stored(common: CommonV2, fact: Fact) -> Result<Header, CodecError> {
    let credential = common.credential.map(Credential);
    let origin = credential.map(|credential| Origin { credential, ..Origin::default() });
    Ok(Header {
        application: Application(common.application),
        recorded_at: Timestamp(common.recorded_at_us),
        raw_clock: Timestamp(common.recorded_at_us.wrapping_add(common.raw_clock_offset_us)),
        origin,
        fact,
    })
}

fn operation_to_stored(op: &Operation) -> OperationV2 {
    OperationV2 {
        route: op.route as u8,
        method: op.method as u8,
        resource_type: op.resource_type.0,
        number: op.number.0,
        touches: numbers_to_stored(&op.touches),
        status: op.status,
        scim_type: op.scim_type,
        effect: op.effect as u8,
        index: op.index,
        saw_seq: op.saw_seq,
        results: op.results,
        decided_after_us: op.decided_after_us,
    }
}

/// The kind's number and the header's bytes.
pub(crate) fn header_to_stored(
    header: &Header,
    to_bytes: impl Fn(&HeaderV2) -> Result<Vec<u8>, CodecError>,
) -> Result<(u8, Vec<u8>), CodecError> {
    let common = common_to_stored(header);
    let (kind, fields) = match &header.fact {
        Fact::Operation(op) => (OPERATION, FieldsV2::Operation(operation_to_stored(op))),
        Fact::Intent(op) => (INTENT, FieldsV2::Operation(operation_to_stored(op))),
        Fact::Observation(seen) => (
            OBSERVATION,
            FieldsV2::Observation(ObservationV2 {
                resource_type: seen.resource_type.0,
                number: seen.number.0,
                touches: numbers_to_stored(&seen.touches),
                occasion: seen.occasion as u8,
                settles: seen.settles.clone(),
                verdict: seen.verdict as u8,
            }),
        ),
        Fact::UpstreamSet(set) => (
            UPSTREAM_SET,
            FieldsV2::UpstreamSet(UpstreamSetV2 {
                url: set.url.clone(),
                token_file: set.token_file.clone(),
                ca_file: set.ca_file.clone(),
                rewrites_locations: set.rewrites_locations,
                shows_members: set.shows_members,
            }),
        ),
        Fact::RecorderStarted(started) => (
            RECORDER_STARTED,
            FieldsV2::RecorderStarted(RecorderStartedV2 {
                log: started.log,
                version: started.version.clone(),
                last_alive_us: started.last_alive.map(|time| time.0),
            }),
        ),
        Fact::RecorderStopped(stopped) => (
            RECORDER_STOPPED,
            FieldsV2::RecorderStopped(RecorderStoppedV2 {
                broken_requests: stopped.broken_requests,
            }),
        ),
        Fact::ApplicationAdded(added) => {
            (APPLICATION_ADDED, FieldsV2::ApplicationAdded(added.into()))
        }
        Fact::CredentialAdded(added) => (CREDENTIAL_ADDED, FieldsV2::CredentialAdded(added.into())),
        Fact::ProfileChanged(changed) => {
            (PROFILE_CHANGED, FieldsV2::ProfileChanged(changed.into()))
        }
        Fact::GroupMarked(marked) => (GROUP_MARKED, FieldsV2::GroupMarked(marked.into())),
        Fact::QuestionSaved(saved) => {
            (QUESTION_SAVED, FieldsV2::QuestionName(QuestionNameV2::of(&saved.name)))
        }
        Fact::QuestionRemoved(removed) => {
            (QUESTION_REMOVED, FieldsV2::QuestionName(QuestionNameV2::of(&removed.name)))
        }
        Fact::SubjectsErased(fact) => (SUBJECTS_ERASED, FieldsV2::SubjectsErased(fact.into())),
        Fact::ErasureCompleted(fact) => {
            (ERASURE_COMPLETED, FieldsV2::ErasureCompleted(fact.into()))
        }
        Fact::LegalHold(fact) => (LEGAL_HOLD, FieldsV2::LegalHold(fact.into())),
        Fact::RetentionSet(fact) => (RETENTION_SET, FieldsV2::RetentionSet(fact.into())),
        Fact::SentErased(fact) => (SENT_ERASED, FieldsV2::SentErased(fact.into())),
        Fact::IdentitySet(set) => (IDENTITY_SET, FieldsV2::IdentitySet(set.into())),
        Fact::StateCommitted(committed) => {
            (STATE_COMMITTED, FieldsV2::StateCommitted(committed.into()))
        }
        Fact::CredentialRevoked(revoked) => (
            CREDENTIAL_REVOKED,
            FieldsV2::CredentialRevoked(CredentialRevokedV2 { number: revoked.number.0 }),
        ),
        Fact::ResourceTypeAdded(added) => (
            RESOURCE_TYPE_ADDED,
            FieldsV2::ResourceTypeAdded(ResourceTypeAddedV2 {
                number: added.number.0,
                name: added.name.clone(),
            }),
        ),
        Fact::Unauthenticated(requests) => (
            UNAUTHENTICATED,
            FieldsV2::Unauthenticated(UnauthenticatedV2 {
                count: requests.count,
                first_us: requests.first.0,
                last_us: requests.last.0,
            }),
        ),
        Fact::Listed(listed) => (
            LISTED,
            FieldsV2::Listed(ListedV2 {
                occasion: listed.occasion as u8,
                extent: listed.extent as u8,
                seen: listed.seen,
                refused: listed.refused,
            }),
        ),
        Fact::ConnectionsRefused(refused) => (
            CONNECTIONS_REFUSED,
            FieldsV2::ConnectionsRefused(ConnectionsRefusedV2 {
                count: refused.count,
                first_us: refused.first.0,
                last_us: refused.last.0,
            }),
        ),
        Fact::Imported(entry) => (IMPORTED, FieldsV2::Imported(entry.into())),
        Fact::ImportBatch(batch) => (IMPORT_BATCH, FieldsV2::ImportBatch(batch.into())),
        Fact::Access(access) => (ACCESS, FieldsV2::Access(access.into())),
        Fact::EvidenceAdded(added) => (EVIDENCE_ADDED, FieldsV2::EvidenceAdded(added.into())),
        Fact::ReviewAdded(added) => (REVIEW_ADDED, FieldsV2::ReviewAdded(added.into())),
        Fact::ReferenceListAdded(added) => {
            (REFERENCE_LIST_ADDED, FieldsV2::ReferenceListAdded(added.into()))
        }
        Fact::ServicePrincipalSet(set) => {
            (SERVICE_PRINCIPAL_SET, FieldsV2::ServicePrincipalSet(set.into()))
        }
    };
    Ok((kind, to_bytes(&HeaderV2 { common, fields })?))
}

/// A header on its way to bytes. The kind's number stands before it, so the variant leaves none.
pub(crate) struct HeaderV2 {
    common: CommonV2,
    fields: FieldsV2,
}

enum FieldsV2 {
    Operation(OperationV2),
    Observation(ObservationV2),
    Listed(ListedV2),
    UpstreamSet(UpstreamSetV2),
    RecorderStarted(RecorderStartedV2),
    RecorderStopped(RecorderStoppedV2),
    ApplicationAdded(ApplicationAddedV2),
    CredentialAdded(CredentialAddedV2),
    CredentialRevoked(CredentialRevokedV2),
    ResourceTypeAdded(ResourceTypeAddedV2),
    Unauthenticated(UnauthenticatedV2),
    ConnectionsRefused(ConnectionsRefusedV2),
    Imported(ImportedV2),
    ImportBatch(ImportBatchV2),
    Access(AccessV2),
    EvidenceAdded(EvidenceAddedV2),
    ReviewAdded(ReviewAddedV2),
    ReferenceListAdded(ReferenceListAddedV2),
    ServicePrincipalSet(ServicePrincipalSetV2),
    ProfileChanged(ProfileChangedV2),
    GroupMarked(GroupMarkedV2),
    QuestionName(QuestionNameV2),
    IdentitySet(IdentitySetV2),
    SubjectsErased(SubjectsErasedV2),
    ErasureCompleted(ErasureCompletedV2),
    LegalHold(LegalHoldV2),
    RetentionSet(RetentionSetV2),
    SentErased(SentErasedV2),
    StateCommitted(StateCommittedV2),
}

impl Serialize for HeaderV2 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.fields {
            FieldsV2::Operation(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::Observation(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::Listed(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::UpstreamSet(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::RecorderStarted(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::RecorderStopped(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ApplicationAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::CredentialAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::CredentialRevoked(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ResourceTypeAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::Unauthenticated(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ConnectionsRefused(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::Imported(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ImportBatch(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::Access(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::EvidenceAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ReviewAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ReferenceListAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ServicePrincipalSet(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ProfileChanged(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::GroupMarked(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::QuestionName(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::IdentitySet(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::SubjectsErased(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::ErasureCompleted(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::LegalHold(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::RetentionSet(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::SentErased(fields) => (&self.common, fields).serialize(serializer),
            FieldsV2::StateCommitted(fields) => (&self.common, fields).serialize(serializer),
        }
    }
}

/// The header that [`header_to_stored`] wrote.
pub(crate) fn header_from_stored(kind: u8, bytes: &[u8]) -> Result<Header, CodecError> {
    let (common, fact) = match kind {
        OPERATION => {
            let (common, op): (CommonV2, OperationV2) = header_fields(bytes)?;
            (common, Fact::Operation(operation_from_stored(op)?))
        }
        INTENT => {
            let (common, op): (CommonV2, OperationV2) = header_fields(bytes)?;
            (common, Fact::Intent(operation_from_stored(op)?))
        }
        OBSERVATION => {
            let (common, seen): (CommonV2, ObservationV2) = header_fields(bytes)?;
            let fact = Fact::Observation(Observation {
                resource_type: ResourceType(seen.resource_type),
                number: Number(seen.number),
                touches: numbers_from_stored(seen.touches),
                occasion: occasion_from_stored(seen.occasion)?,
                settles: seen.settles,
                verdict: match seen.verdict {
                    0 => Verdict::None,
                    1 => Verdict::Confirmed,
                    2 => Verdict::Contradicted,
                    code => return Err(unknown("verdict", code)),
                },
            });
            (common, fact)
        }
        UPSTREAM_SET => {
            let (common, set): (CommonV2, UpstreamSetV2) = header_fields(bytes)?;
            let fact = Fact::UpstreamSet(UpstreamSet {
                url: set.url,
                token_file: set.token_file,
                ca_file: set.ca_file,
                rewrites_locations: set.rewrites_locations,
                shows_members: set.shows_members,
            });
            (common, fact)
        }
        RECORDER_STARTED => {
            let (common, started): (CommonV2, RecorderStartedV2) = header_fields(bytes)?;
            let fact = Fact::RecorderStarted(RecorderStarted {
                log: started.log,
                version: started.version,
                last_alive: started.last_alive_us.map(Timestamp),
            });
            (common, fact)
        }
        RECORDER_STOPPED => {
            let (common, stopped): (CommonV2, RecorderStoppedV2) = header_fields(bytes)?;
            let stopped = RecorderStopped { broken_requests: stopped.broken_requests };
            (common, Fact::RecorderStopped(stopped))
        }
        APPLICATION_ADDED => {
            let (common, fields): (CommonV2, ApplicationAddedV2) = header_fields(bytes)?;
            (common, Fact::ApplicationAdded(fields.into()))
        }
        CREDENTIAL_ADDED => {
            let (common, fields): (CommonV2, CredentialAddedV2) = header_fields(bytes)?;
            (common, Fact::CredentialAdded(fields.read()?))
        }
        CREDENTIAL_REVOKED => {
            let (common, revoked): (CommonV2, CredentialRevokedV2) = header_fields(bytes)?;
            let number = Credential(revoked.number);
            (common, Fact::CredentialRevoked(CredentialRevoked { number }))
        }
        RESOURCE_TYPE_ADDED => {
            let (common, added): (CommonV2, ResourceTypeAddedV2) = header_fields(bytes)?;
            let number = ResourceType(added.number);
            let added = ResourceTypeAdded { number, name: added.name };
            (common, Fact::ResourceTypeAdded(added))
        }
        UNAUTHENTICATED => {
            let (common, requests): (CommonV2, UnauthenticatedV2) = header_fields(bytes)?;
            let requests = Unauthenticated {
                count: requests.count,
                first: Timestamp(requests.first_us),
                last: Timestamp(requests.last_us),
            };
            (common, Fact::Unauthenticated(requests))
        }
        LISTED => {
            let (common, listed): (CommonV2, ListedV2) = header_fields(bytes)?;
            let fact = Fact::Listed(Listed {
                occasion: occasion_from_stored(listed.occasion)?,
                extent: Extent::from_code(listed.extent)
                    .ok_or_else(|| unknown("extent", listed.extent))?,
                seen: listed.seen,
                refused: listed.refused,
            });
            (common, fact)
        }
        CONNECTIONS_REFUSED => {
            let (common, refused): (CommonV2, ConnectionsRefusedV2) = header_fields(bytes)?;
            let refused = ConnectionsRefused {
                count: refused.count,
                first: Timestamp(refused.first_us),
                last: Timestamp(refused.last_us),
            };
            (common, Fact::ConnectionsRefused(refused))
        }
        IMPORTED => {
            let (common, fields): (CommonV2, ImportedV2) = header_fields(bytes)?;
            (common, Fact::Imported(fields.try_into()?))
        }
        IMPORT_BATCH => {
            let (common, fields): (CommonV2, ImportBatchV2) = header_fields(bytes)?;
            (common, Fact::ImportBatch(fields.into()))
        }
        ACCESS => {
            let (common, fields): (CommonV2, AccessV2) = header_fields(bytes)?;
            (common, Fact::Access(fields.into()))
        }
        EVIDENCE_ADDED => {
            let (common, fields): (CommonV2, EvidenceAddedV2) = header_fields(bytes)?;
            (common, Fact::EvidenceAdded(fields.into()))
        }
        REVIEW_ADDED => {
            let (common, fields): (CommonV2, ReviewAddedV2) = header_fields(bytes)?;
            (common, Fact::ReviewAdded(fields.try_into()?))
        }
        REFERENCE_LIST_ADDED => {
            let (common, fields): (CommonV2, ReferenceListAddedV2) = header_fields(bytes)?;
            (common, Fact::ReferenceListAdded(fields.into()))
        }
        SERVICE_PRINCIPAL_SET => {
            let (common, fields): (CommonV2, ServicePrincipalSetV2) = header_fields(bytes)?;
            (common, Fact::ServicePrincipalSet(fields.into()))
        }
        PROFILE_CHANGED => {
            let (common, fields): (CommonV2, ProfileChangedV2) = header_fields(bytes)?;
            (common, Fact::ProfileChanged(fields.into()))
        }
        GROUP_MARKED => {
            let (common, fields): (CommonV2, GroupMarkedV2) = header_fields(bytes)?;
            (common, Fact::GroupMarked(fields.into()))
        }
        QUESTION_SAVED => {
            let (common, fields): (CommonV2, QuestionNameV2) = header_fields(bytes)?;
            (common, Fact::QuestionSaved(fields.into()))
        }
        QUESTION_REMOVED => {
            let (common, fields): (CommonV2, QuestionNameV2) = header_fields(bytes)?;
            (common, Fact::QuestionRemoved(fields.into()))
        }
        IDENTITY_SET => {
            let (common, fields): (CommonV2, IdentitySetV2) = header_fields(bytes)?;
            (common, Fact::IdentitySet(fields.read()?))
        }
        STATE_COMMITTED => {
            let (common, fields): (CommonV2, StateCommittedV2) = header_fields(bytes)?;
            (common, Fact::StateCommitted(fields.try_into()?))
        }
        SUBJECTS_ERASED => {
            let (common, fields): (CommonV2, SubjectsErasedV2) = header_fields(bytes)?;
            (common, Fact::SubjectsErased(fields.into()))
        }
        ERASURE_COMPLETED => {
            let (common, fields): (CommonV2, ErasureCompletedV2) = header_fields(bytes)?;
            (common, Fact::ErasureCompleted(fields.into()))
        }
        LEGAL_HOLD => {
            let (common, fields): (CommonV2, LegalHoldV2) = header_fields(bytes)?;
            (common, Fact::LegalHold(fields.into()))
        }
        RETENTION_SET => {
            let (common, fields): (CommonV2, RetentionSetV2) = header_fields(bytes)?;
            (common, Fact::RetentionSet(fields.into()))
        }
        SENT_ERASED => {
            let (common, fields): (CommonV2, SentErasedV2) = header_fields(bytes)?;
            (common, Fact::SentErased(fields.into()))
        }
        code => return Err(unknown("kind of event", code)),
    };
    common_from_stored(common, fact)
}

fn occasion_from_stored(code: u8) -> Result<Occasion, CodecError> {
    Ok(match code {
        1 => Occasion::Baseline,
        2 => Occasion::Read,
        3 => Occasion::Drift,
        4 => Occasion::ReadBack,
        code => return Err(unknown("occasion", code)),
    })
}

fn operation_from_stored(op: OperationV2) -> Result<Operation, CodecError> {
    Ok(Operation {
        route: match op.route {
            0 => Route::Unknown,
            1 => Route::Collection,
            2 => Route::Resource,
            3 => Route::ServiceProviderConfig,
            4 => Route::ResourceTypes,
            5 => Route::Schemas,
            6 => Route::Root,
            7 => Route::Search,
            8 => Route::Bulk,
            9 => Route::Me,
            code => return Err(unknown("route", code)),
        },
        method: match op.method {
            0 => Method::Other,
            1 => Method::Get,
            2 => Method::Post,
            3 => Method::Put,
            4 => Method::Patch,
            5 => Method::Delete,
            6 => Method::Head,
            code => return Err(unknown("method", code)),
        },
        resource_type: ResourceType(op.resource_type),
        number: Number(op.number),
        touches: numbers_from_stored(op.touches),
        status: op.status,
        scim_type: op.scim_type,
        effect: Effect::from_code(op.effect).ok_or_else(|| unknown("effect", op.effect))?,
        index: op.index,
        saw_seq: op.saw_seq,
        results: op.results,
        decided_after_us: op.decided_after_us,
    })
}

fn role_from_stored(code: u8) -> Result<Role, CodecError> {
    match code {
        1 => Ok(Role::Admin),
        2 => Ok(Role::Auditor),
        3 => Ok(Role::AppAuditor),
        4 => Ok(Role::Scim),
        code => Err(unknown("role", code)),
    }
}

fn numbers_to_stored(numbers: &[Number]) -> Vec<u32> {
    numbers.iter().map(|number| number.0).collect()
}

fn numbers_from_stored(numbers: Vec<u32>) -> Vec<Number> {
    numbers.into_iter().map(Number).collect()
}
