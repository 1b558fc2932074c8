//! Version 1 of the stored form. The order of fields and the numbers are the format: once released,
//! nothing here changes, and a further version gets a file of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::codec::{CodecError, header_fields};
use crate::event::{
    ApplicationAdded, ConnectionsRefused, CredentialAdded, CredentialRevoked, Effect, Extent, Fact,
    Header, Listed, Method, Observation, Occasion, Operation, Origin, RecorderStarted,
    RecorderStopped, ResourceType, ResourceTypeAdded, Role, Route, Unauthenticated, UpstreamSet,
    Verdict,
};
use crate::id::{Application, Credential, Number};

mod claims;
mod configuration;
mod parts;

use claims::{
    AccessV1, EvidenceAddedV1, ImportBatchV1, ImportedV1, ReferenceListAddedV1, ReviewAddedV1,
    ServicePrincipalSetV1,
};
use configuration::{
    GroupMarkedV1, IdentitySetV1, NamedCredentialV1, ProfileChangedV1, ProfiledApplicationV1,
    QuestionNameV1,
};
pub(crate) use parts::{AnswerV1, ChangesV1, DetailV1, FlagV1};

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
const PROFILED_APPLICATION_ADDED: u8 = 20;
const NAMED_CREDENTIAL_ADDED: u8 = 21;
const PROFILE_CHANGED: u8 = 22;
const GROUP_MARKED: u8 = 23;
const QUESTION_SAVED: u8 = 24;
const QUESTION_REMOVED: u8 = 25;
const REVIEW_ADDED: u8 = 26;
const IDENTITY_SET: u8 = 27;

/// What every kind's header begins with.
#[derive(Serialize, Deserialize)]
struct CommonV1 {
    application: u32,
    recorded_at_us: i64,
    /// `raw_clock` less `recorded_at`: small, so it takes a byte.
    raw_clock_offset_us: i64,
    origin: Option<OriginV1>,
}

#[derive(Serialize, Deserialize)]
struct OriginV1 {
    credential: u32,
    /// Empty, 4 or 16 bytes.
    client: Vec<u8>,
    user_agent: String,
    request_id: String,
}

#[derive(Serialize, Deserialize)]
struct OperationV1 {
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
struct ObservationV1 {
    resource_type: u8,
    number: u32,
    touches: Vec<u32>,
    occasion: u8,
    settles: Vec<u64>,
    verdict: u8,
}

#[derive(Serialize, Deserialize)]
struct ListedV1 {
    occasion: u8,
    extent: u8,
    seen: u64,
    refused: u64,
}

#[derive(Serialize, Deserialize)]
struct UpstreamSetV1 {
    url: String,
    token_file: String,
    ca_file: Option<String>,
    rewrites_locations: bool,
    shows_members: bool,
}

#[derive(Serialize, Deserialize)]
struct RecorderStartedV1 {
    log: u64,
    version: String,
    last_alive_us: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct RecorderStoppedV1 {
    broken_requests: u64,
}

#[derive(Serialize, Deserialize)]
struct ApplicationAddedV1 {
    number: u32,
    slug: String,
    profile: String,
    settings: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct CredentialAddedV1 {
    number: u32,
    role: u8,
    sha256: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct CredentialRevokedV1 {
    number: u32,
}

#[derive(Serialize, Deserialize)]
struct ResourceTypeAddedV1 {
    number: u8,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct ConnectionsRefusedV1 {
    count: u64,
    first_us: i64,
    last_us: i64,
}

#[derive(Serialize, Deserialize)]
struct UnauthenticatedV1 {
    count: u64,
    first_us: i64,
    last_us: i64,
}

fn unknown(what: &'static str, code: u8) -> CodecError {
    CodecError::Code { what, code: u32::from(code) }
}

fn common_to_stored(header: &Header) -> CommonV1 {
    CommonV1 {
        application: header.application.0,
        recorded_at_us: header.recorded_at.0,
        raw_clock_offset_us: header.raw_clock.0.wrapping_sub(header.recorded_at.0),
        origin: header.origin.as_ref().map(|origin| OriginV1 {
            credential: origin.credential.0,
            client: match origin.client {
                None => vec![],
                Some(IpAddr::V4(v4)) => v4.octets().to_vec(),
                Some(IpAddr::V6(v6)) => v6.octets().to_vec(),
            },
            user_agent: origin.user_agent.clone(),
            request_id: origin.request_id.clone(),
        }),
    }
}

fn common_from_stored(common: CommonV1, fact: Fact) -> Result<Header, CodecError> {
    let origin = match common.origin {
        None => None,
        Some(stored) => Some(Origin {
            credential: Credential(stored.credential),
            client: match stored.client.as_slice() {
                [] => None,
                bytes => Some(if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
                    IpAddr::V4(Ipv4Addr::from(v4))
                } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
                    IpAddr::V6(Ipv6Addr::from(v6))
                } else {
                    return Err(CodecError::Length);
                }),
            },
            user_agent: stored.user_agent,
            request_id: stored.request_id,
        }),
    };
    Ok(Header {
        application: Application(common.application),
        recorded_at: Timestamp(common.recorded_at_us),
        raw_clock: Timestamp(common.recorded_at_us.wrapping_add(common.raw_clock_offset_us)),
        origin,
        fact,
    })
}

fn operation_to_stored(op: &Operation) -> OperationV1 {
    OperationV1 {
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
    to_bytes: impl Fn(&HeaderV1) -> Result<Vec<u8>, CodecError>,
) -> Result<(u8, Vec<u8>), CodecError> {
    let common = common_to_stored(header);
    let (kind, fields) = match &header.fact {
        Fact::Operation(op) => (OPERATION, FieldsV1::Operation(operation_to_stored(op))),
        Fact::Intent(op) => (INTENT, FieldsV1::Operation(operation_to_stored(op))),
        Fact::Observation(seen) => (
            OBSERVATION,
            FieldsV1::Observation(ObservationV1 {
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
            FieldsV1::UpstreamSet(UpstreamSetV1 {
                url: set.url.clone(),
                token_file: set.token_file.clone(),
                ca_file: set.ca_file.clone(),
                rewrites_locations: set.rewrites_locations,
                shows_members: set.shows_members,
            }),
        ),
        Fact::RecorderStarted(started) => (
            RECORDER_STARTED,
            FieldsV1::RecorderStarted(RecorderStartedV1 {
                log: started.log,
                version: started.version.clone(),
                last_alive_us: started.last_alive.map(|time| time.0),
            }),
        ),
        Fact::RecorderStopped(stopped) => (
            RECORDER_STOPPED,
            FieldsV1::RecorderStopped(RecorderStoppedV1 {
                broken_requests: stopped.broken_requests,
            }),
        ),
        Fact::ApplicationAdded(added) => match ProfiledApplicationV1::of(added) {
            Some(profiled) => {
                (PROFILED_APPLICATION_ADDED, FieldsV1::ProfiledApplicationAdded(profiled))
            }
            None => (
                APPLICATION_ADDED,
                FieldsV1::ApplicationAdded(ApplicationAddedV1 {
                    number: added.number.0,
                    slug: added.slug.clone(),
                    profile: added.profile.clone(),
                    settings: added.settings.clone(),
                }),
            ),
        },
        Fact::CredentialAdded(added) => match NamedCredentialV1::of(added) {
            Some(named) => (NAMED_CREDENTIAL_ADDED, FieldsV1::NamedCredentialAdded(named)),
            None => (
                CREDENTIAL_ADDED,
                FieldsV1::CredentialAdded(CredentialAddedV1 {
                    number: added.number.0,
                    role: added.role as u8,
                    sha256: added.sha256,
                }),
            ),
        },
        Fact::ProfileChanged(changed) => {
            (PROFILE_CHANGED, FieldsV1::ProfileChanged(changed.into()))
        }
        Fact::GroupMarked(marked) => (GROUP_MARKED, FieldsV1::GroupMarked(marked.into())),
        Fact::QuestionSaved(saved) => {
            (QUESTION_SAVED, FieldsV1::QuestionName(QuestionNameV1::of(&saved.name)))
        }
        Fact::QuestionRemoved(removed) => {
            (QUESTION_REMOVED, FieldsV1::QuestionName(QuestionNameV1::of(&removed.name)))
        }
        Fact::IdentitySet(set) => (IDENTITY_SET, FieldsV1::IdentitySet(set.into())),
        Fact::CredentialRevoked(revoked) => (
            CREDENTIAL_REVOKED,
            FieldsV1::CredentialRevoked(CredentialRevokedV1 { number: revoked.number.0 }),
        ),
        Fact::ResourceTypeAdded(added) => (
            RESOURCE_TYPE_ADDED,
            FieldsV1::ResourceTypeAdded(ResourceTypeAddedV1 {
                number: added.number.0,
                name: added.name.clone(),
            }),
        ),
        Fact::Unauthenticated(requests) => (
            UNAUTHENTICATED,
            FieldsV1::Unauthenticated(UnauthenticatedV1 {
                count: requests.count,
                first_us: requests.first.0,
                last_us: requests.last.0,
            }),
        ),
        Fact::Listed(listed) => (
            LISTED,
            FieldsV1::Listed(ListedV1 {
                occasion: listed.occasion as u8,
                extent: listed.extent as u8,
                seen: listed.seen,
                refused: listed.refused,
            }),
        ),
        Fact::ConnectionsRefused(refused) => (
            CONNECTIONS_REFUSED,
            FieldsV1::ConnectionsRefused(ConnectionsRefusedV1 {
                count: refused.count,
                first_us: refused.first.0,
                last_us: refused.last.0,
            }),
        ),
        Fact::Imported(entry) => (IMPORTED, FieldsV1::Imported(entry.into())),
        Fact::ImportBatch(batch) => (IMPORT_BATCH, FieldsV1::ImportBatch(batch.into())),
        Fact::Access(access) => (ACCESS, FieldsV1::Access(access.into())),
        Fact::EvidenceAdded(added) => (EVIDENCE_ADDED, FieldsV1::EvidenceAdded(added.into())),
        Fact::ReviewAdded(added) => (REVIEW_ADDED, FieldsV1::ReviewAdded(added.into())),
        Fact::ReferenceListAdded(added) => {
            (REFERENCE_LIST_ADDED, FieldsV1::ReferenceListAdded(added.into()))
        }
        Fact::ServicePrincipalSet(set) => {
            (SERVICE_PRINCIPAL_SET, FieldsV1::ServicePrincipalSet(set.into()))
        }
    };
    Ok((kind, to_bytes(&HeaderV1 { common, fields })?))
}

/// A header on its way to bytes. The kind's number stands before it, so the variant leaves none.
pub(crate) struct HeaderV1 {
    common: CommonV1,
    fields: FieldsV1,
}

enum FieldsV1 {
    Operation(OperationV1),
    Observation(ObservationV1),
    Listed(ListedV1),
    UpstreamSet(UpstreamSetV1),
    RecorderStarted(RecorderStartedV1),
    RecorderStopped(RecorderStoppedV1),
    ApplicationAdded(ApplicationAddedV1),
    CredentialAdded(CredentialAddedV1),
    CredentialRevoked(CredentialRevokedV1),
    ResourceTypeAdded(ResourceTypeAddedV1),
    Unauthenticated(UnauthenticatedV1),
    ConnectionsRefused(ConnectionsRefusedV1),
    Imported(ImportedV1),
    ImportBatch(ImportBatchV1),
    Access(AccessV1),
    EvidenceAdded(EvidenceAddedV1),
    ReviewAdded(ReviewAddedV1),
    ReferenceListAdded(ReferenceListAddedV1),
    ServicePrincipalSet(ServicePrincipalSetV1),
    ProfiledApplicationAdded(ProfiledApplicationV1),
    NamedCredentialAdded(NamedCredentialV1),
    ProfileChanged(ProfileChangedV1),
    GroupMarked(GroupMarkedV1),
    QuestionName(QuestionNameV1),
    IdentitySet(IdentitySetV1),
}

impl Serialize for HeaderV1 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.fields {
            FieldsV1::Operation(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::Observation(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::Listed(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::UpstreamSet(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::RecorderStarted(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::RecorderStopped(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ApplicationAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::CredentialAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::CredentialRevoked(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ResourceTypeAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::Unauthenticated(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ConnectionsRefused(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::Imported(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ImportBatch(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::Access(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::EvidenceAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ReviewAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ReferenceListAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ServicePrincipalSet(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ProfiledApplicationAdded(fields) => {
                (&self.common, fields).serialize(serializer)
            }
            FieldsV1::NamedCredentialAdded(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::ProfileChanged(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::GroupMarked(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::QuestionName(fields) => (&self.common, fields).serialize(serializer),
            FieldsV1::IdentitySet(fields) => (&self.common, fields).serialize(serializer),
        }
    }
}

/// The header that [`header_to_stored`] wrote.
pub(crate) fn header_from_stored(kind: u8, bytes: &[u8]) -> Result<Header, CodecError> {
    let (common, fact) = match kind {
        OPERATION => {
            let (common, op): (CommonV1, OperationV1) = header_fields(bytes)?;
            (common, Fact::Operation(operation_from_stored(op)?))
        }
        INTENT => {
            let (common, op): (CommonV1, OperationV1) = header_fields(bytes)?;
            (common, Fact::Intent(operation_from_stored(op)?))
        }
        OBSERVATION => {
            let (common, seen): (CommonV1, ObservationV1) = header_fields(bytes)?;
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
            let (common, set): (CommonV1, UpstreamSetV1) = header_fields(bytes)?;
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
            let (common, started): (CommonV1, RecorderStartedV1) = header_fields(bytes)?;
            let fact = Fact::RecorderStarted(RecorderStarted {
                log: started.log,
                version: started.version,
                last_alive: started.last_alive_us.map(Timestamp),
            });
            (common, fact)
        }
        RECORDER_STOPPED => {
            let (common, stopped): (CommonV1, RecorderStoppedV1) = header_fields(bytes)?;
            let stopped = RecorderStopped { broken_requests: stopped.broken_requests };
            (common, Fact::RecorderStopped(stopped))
        }
        APPLICATION_ADDED => {
            let (common, added): (CommonV1, ApplicationAddedV1) = header_fields(bytes)?;
            let fact = Fact::ApplicationAdded(ApplicationAdded {
                number: Application(added.number),
                slug: added.slug,
                profile: added.profile,
                settings: added.settings,
                profile_sha256: None,
            });
            (common, fact)
        }
        CREDENTIAL_ADDED => {
            let (common, added): (CommonV1, CredentialAddedV1) = header_fields(bytes)?;
            let fact = Fact::CredentialAdded(CredentialAdded {
                number: Credential(added.number),
                role: role_from_stored(added.role)?,
                sha256: added.sha256,
                name: None,
                expires_at: None,
            });
            (common, fact)
        }
        CREDENTIAL_REVOKED => {
            let (common, revoked): (CommonV1, CredentialRevokedV1) = header_fields(bytes)?;
            let number = Credential(revoked.number);
            (common, Fact::CredentialRevoked(CredentialRevoked { number }))
        }
        RESOURCE_TYPE_ADDED => {
            let (common, added): (CommonV1, ResourceTypeAddedV1) = header_fields(bytes)?;
            let number = ResourceType(added.number);
            let added = ResourceTypeAdded { number, name: added.name };
            (common, Fact::ResourceTypeAdded(added))
        }
        UNAUTHENTICATED => {
            let (common, requests): (CommonV1, UnauthenticatedV1) = header_fields(bytes)?;
            let requests = Unauthenticated {
                count: requests.count,
                first: Timestamp(requests.first_us),
                last: Timestamp(requests.last_us),
            };
            (common, Fact::Unauthenticated(requests))
        }
        LISTED => {
            let (common, listed): (CommonV1, ListedV1) = header_fields(bytes)?;
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
            let (common, refused): (CommonV1, ConnectionsRefusedV1) = header_fields(bytes)?;
            let refused = ConnectionsRefused {
                count: refused.count,
                first: Timestamp(refused.first_us),
                last: Timestamp(refused.last_us),
            };
            (common, Fact::ConnectionsRefused(refused))
        }
        IMPORTED => {
            let (common, fields): (CommonV1, ImportedV1) = header_fields(bytes)?;
            (common, Fact::Imported(fields.try_into()?))
        }
        IMPORT_BATCH => {
            let (common, fields): (CommonV1, ImportBatchV1) = header_fields(bytes)?;
            (common, Fact::ImportBatch(fields.into()))
        }
        ACCESS => {
            let (common, fields): (CommonV1, AccessV1) = header_fields(bytes)?;
            (common, Fact::Access(fields.into()))
        }
        EVIDENCE_ADDED => {
            let (common, fields): (CommonV1, EvidenceAddedV1) = header_fields(bytes)?;
            (common, Fact::EvidenceAdded(fields.into()))
        }
        REVIEW_ADDED => {
            let (common, fields): (CommonV1, ReviewAddedV1) = header_fields(bytes)?;
            (common, Fact::ReviewAdded(fields.try_into()?))
        }
        REFERENCE_LIST_ADDED => {
            let (common, fields): (CommonV1, ReferenceListAddedV1) = header_fields(bytes)?;
            (common, Fact::ReferenceListAdded(fields.into()))
        }
        SERVICE_PRINCIPAL_SET => {
            let (common, fields): (CommonV1, ServicePrincipalSetV1) = header_fields(bytes)?;
            (common, Fact::ServicePrincipalSet(fields.into()))
        }
        PROFILED_APPLICATION_ADDED => {
            let (common, fields): (CommonV1, ProfiledApplicationV1) = header_fields(bytes)?;
            (common, Fact::ApplicationAdded(fields.into()))
        }
        NAMED_CREDENTIAL_ADDED => {
            let (common, fields): (CommonV1, NamedCredentialV1) = header_fields(bytes)?;
            (common, Fact::CredentialAdded(fields.read()?))
        }
        PROFILE_CHANGED => {
            let (common, fields): (CommonV1, ProfileChangedV1) = header_fields(bytes)?;
            (common, Fact::ProfileChanged(fields.into()))
        }
        GROUP_MARKED => {
            let (common, fields): (CommonV1, GroupMarkedV1) = header_fields(bytes)?;
            (common, Fact::GroupMarked(fields.into()))
        }
        QUESTION_SAVED => {
            let (common, fields): (CommonV1, QuestionNameV1) = header_fields(bytes)?;
            (common, Fact::QuestionSaved(fields.into()))
        }
        QUESTION_REMOVED => {
            let (common, fields): (CommonV1, QuestionNameV1) = header_fields(bytes)?;
            (common, Fact::QuestionRemoved(fields.into()))
        }
        IDENTITY_SET => {
            let (common, fields): (CommonV1, IdentitySetV1) = header_fields(bytes)?;
            (common, Fact::IdentitySet(fields.read()?))
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

fn operation_from_stored(op: OperationV1) -> Result<Operation, CodecError> {
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
