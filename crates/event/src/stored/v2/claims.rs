//! The headers of version 1 that tell what others say.

use serde::{Deserialize, Serialize};

use super::unknown;
use crate::action::{Action, Status};
use crate::claim::{
    Access, CodeKind, EvidenceAdded, ImportBatch, Imported, ReferenceListAdded, ReviewAdded,
    ReviewOutcome, Revocation, ServicePrincipalSet, Source,
};
use crate::clock::Timestamp;
use crate::codec::CodecError;
use crate::event::ResourceType;
use crate::id::Number;

#[derive(Serialize, Deserialize)]
pub(crate) struct ImportedV2 {
    source: u8,
    occurred_at_us: i64,
    resource_type: u8,
    number: u32,
    action: u8,
    status: u8,
    entry: String,
    codes: Vec<(u8, String)>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ImportBatchV2 {
    run: u64,
    span_us: Option<(i64, i64)>,
    new: u32,
    known: u32,
    refused: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AccessV2 {
    route: String,
    exported: bool,
    status: u16,
    rows: u64,
    saw_seq: Option<u64>,
    number: u32,
    all_applications: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct EvidenceAddedV2 {
    operation: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ReviewAddedV2 {
    at_us: i64,
    known_at: u64,
    rows: u64,
    sha256: [u8; 32],
    outcome: u8,
    /// Member and group of each.
    revoke: Vec<(u32, u32)>,
}

impl From<&ReviewAdded> for ReviewAddedV2 {
    fn from(added: &ReviewAdded) -> ReviewAddedV2 {
        let revoke = added.revoke.iter().map(|one| (one.member.0, one.group.0));
        ReviewAddedV2 {
            at_us: added.at.0,
            known_at: added.known_at,
            rows: added.rows,
            sha256: added.sha256,
            outcome: added.outcome as u8,
            revoke: revoke.collect(),
        }
    }
}

impl TryFrom<ReviewAddedV2> for ReviewAdded {
    type Error = CodecError;

    fn try_from(stored: ReviewAddedV2) -> Result<ReviewAdded, CodecError> {
        let revoke = stored
            .revoke
            .into_iter()
            .map(|(member, group)| Revocation { member: Number(member), group: Number(group) });
        Ok(ReviewAdded {
            at: Timestamp(stored.at_us),
            known_at: stored.known_at,
            rows: stored.rows,
            sha256: stored.sha256,
            outcome: ReviewOutcome::from_code(stored.outcome)
                .ok_or_else(|| unknown("outcome of a review", stored.outcome))?,
            revoke: revoke.collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ServicePrincipalSetV2 {
    id: Option<String>,
}

impl From<&ServicePrincipalSet> for ServicePrincipalSetV2 {
    fn from(set: &ServicePrincipalSet) -> ServicePrincipalSetV2 {
        ServicePrincipalSetV2 { id: set.id.clone() }
    }
}

impl From<ServicePrincipalSetV2> for ServicePrincipalSet {
    fn from(stored: ServicePrincipalSetV2) -> ServicePrincipalSet {
        ServicePrincipalSet { id: stored.id }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ReferenceListAddedV2 {
    name: String,
    rows: u32,
    sha256: [u8; 32],
}

impl From<&Imported> for ImportedV2 {
    fn from(entry: &Imported) -> ImportedV2 {
        ImportedV2 {
            source: entry.source as u8,
            occurred_at_us: entry.occurred_at.0,
            resource_type: entry.resource_type.0,
            number: entry.number.0,
            action: entry.action as u8,
            status: entry.status as u8,
            entry: entry.entry.clone(),
            codes: entry.codes.iter().map(|(kind, text)| (*kind as u8, text.clone())).collect(),
        }
    }
}

impl TryFrom<ImportedV2> for Imported {
    type Error = CodecError;

    fn try_from(stored: ImportedV2) -> Result<Imported, CodecError> {
        Ok(Imported {
            source: match stored.source {
                1 => Source::Provisioning,
                2 => Source::DirectoryAudit,
                code => return Err(unknown("source", code)),
            },
            occurred_at: Timestamp(stored.occurred_at_us),
            resource_type: ResourceType(stored.resource_type),
            number: Number(stored.number),
            action: Action::from_code(stored.action)
                .ok_or_else(|| unknown("action", stored.action))?,
            status: Status::from_code(stored.status)
                .ok_or_else(|| unknown("status", stored.status))?,
            entry: stored.entry,
            codes: stored
                .codes
                .into_iter()
                .map(|(code, text)| {
                    let kind = CodeKind::from_code(code);
                    Ok((kind.ok_or_else(|| unknown("kind of code", code))?, text))
                })
                .collect::<Result<_, CodecError>>()?,
        })
    }
}

impl From<&ImportBatch> for ImportBatchV2 {
    fn from(batch: &ImportBatch) -> ImportBatchV2 {
        ImportBatchV2 {
            run: batch.run,
            span_us: batch.span.map(|(first, last)| (first.0, last.0)),
            new: batch.new,
            known: batch.known,
            refused: batch.refused,
        }
    }
}

impl From<ImportBatchV2> for ImportBatch {
    fn from(stored: ImportBatchV2) -> ImportBatch {
        ImportBatch {
            run: stored.run,
            span: stored.span_us.map(|(first, last)| (Timestamp(first), Timestamp(last))),
            new: stored.new,
            known: stored.known,
            refused: stored.refused,
        }
    }
}

impl From<&Access> for AccessV2 {
    fn from(access: &Access) -> AccessV2 {
        AccessV2 {
            route: access.route.clone(),
            exported: access.exported,
            status: access.status,
            rows: access.rows,
            saw_seq: access.saw_seq,
            number: access.number.0,
            all_applications: access.all_applications,
        }
    }
}

impl From<AccessV2> for Access {
    fn from(stored: AccessV2) -> Access {
        Access {
            route: stored.route,
            exported: stored.exported,
            status: stored.status,
            rows: stored.rows,
            saw_seq: stored.saw_seq,
            number: Number(stored.number),
            all_applications: stored.all_applications,
        }
    }
}

impl From<&EvidenceAdded> for EvidenceAddedV2 {
    fn from(added: &EvidenceAdded) -> EvidenceAddedV2 {
        EvidenceAddedV2 { operation: added.operation }
    }
}

impl From<EvidenceAddedV2> for EvidenceAdded {
    fn from(stored: EvidenceAddedV2) -> EvidenceAdded {
        EvidenceAdded { operation: stored.operation }
    }
}

impl From<&ReferenceListAdded> for ReferenceListAddedV2 {
    fn from(added: &ReferenceListAdded) -> ReferenceListAddedV2 {
        ReferenceListAddedV2 { name: added.name.clone(), rows: added.rows, sha256: added.sha256 }
    }
}

impl From<ReferenceListAddedV2> for ReferenceListAdded {
    fn from(stored: ReferenceListAddedV2) -> ReferenceListAdded {
        ReferenceListAdded { name: stored.name, rows: stored.rows, sha256: stored.sha256 }
    }
}
