//! The summary of an operation: what a list shows and filters by, without reading the event. Requests
//! without a valid credential that were only counted share one summary.

use event::codec::{put_varint, read_varint};
use event::{
    Action, Application, Changes, Credential, Effect, Event, Fact, Number, Operation, Part,
    ResourceType, Seq, Status, Timestamp,
};
use store::key::Class;

/// Numbers and codes of one operation; about 22 bytes as a row's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationSummary {
    /// Its place in the log.
    pub seq: Seq,
    /// The application.
    pub application: Application,
    /// The credential it was sent with.
    pub credential: Credential,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The resource or person it is about.
    pub number: Number,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// What was asked for.
    pub action: Action,
    /// How it ended.
    pub status: Status,
    /// What it did.
    pub effect: Effect,
    /// The HTTP status that was answered; 0 for an observation.
    pub http_status: u16,
    /// The number of requests it stands for: 1, or more for counted requests; at most `u32::MAX`.
    pub count: u32,
    /// Its place among the operations of the log, from 1.
    pub ordinal: u64,
}

/// What an observation did: it changed the record, or found it as it is.
pub fn effect_of_observation(parts: &[Part]) -> Effect {
    let mut changes = parts.iter().filter_map(|part| part.content.changes());
    if changes.any(Changes::changes_resource) { Effect::Applied } else { Effect::NoOp }
}

/// How an operation ended.
pub fn status_of(operation: &Operation) -> Status {
    match (operation.effect, operation.status) {
        (Effect::Skipped, _) => Status::Skipped,
        // The client was not told that it worked.
        (Effect::Unknown, _) | (Effect::Unverified, 300..) => Status::Failure,
        (_, ..400) => Status::Success,
        (_, _) => Status::Failure,
    }
}

impl OperationSummary {
    /// The summary of an event that is listed among the operations, as the `ordinal`th of them.
    pub(crate) fn of(event: &Event, ordinal: u64) -> Option<OperationSummary> {
        let origin = event.header.origin.as_ref();
        // The fields of counted requests; the other kinds override them.
        let refused = OperationSummary {
            seq: event.seq,
            application: event.header.application,
            credential: origin.map_or(Credential::NONE, |origin| origin.credential),
            recorded_at: event.header.recorded_at,
            number: Number::NOBODY,
            resource_type: ResourceType::NONE,
            action: Action::Other,
            status: Status::Failure,
            effect: Effect::Rejected,
            http_status: 401,
            count: 1,
            ordinal,
        };
        match &event.header.fact {
            Fact::Operation(op) => Some(OperationSummary {
                number: op.number,
                resource_type: op.resource_type,
                action: event.structure.action.unwrap_or(Action::Other),
                status: status_of(op),
                effect: op.effect,
                http_status: op.status,
                ..refused
            }),
            Fact::Unauthenticated(requests) => Some(OperationSummary {
                count: u32::try_from(requests.count).unwrap_or(u32::MAX),
                ..refused
            }),
            Fact::Observation(seen) => Some(OperationSummary {
                number: seen.number,
                resource_type: seen.resource_type,
                action: event.structure.action.unwrap_or(Action::Other),
                status: Status::Success,
                effect: effect_of_observation(&event.parts),
                http_status: 0,
                ..refused
            }),
            // Its outcome is a separate operation.
            Fact::Intent(_)
            | Fact::Listed(_)
            | Fact::UpstreamSet(_)
            | Fact::ServicePrincipalSet(_)
            | Fact::RecorderStarted(_)
            | Fact::RecorderStopped(_)
            | Fact::ApplicationAdded(_)
            | Fact::CredentialAdded(_)
            | Fact::CredentialRevoked(_)
            | Fact::IdentitySet(_)
            | Fact::ResourceTypeAdded(_)
            | Fact::ConnectionsRefused(_)
            // Claims have rows of their own; questions, evidence and lists are not operations.
            | Fact::Imported(_)
            | Fact::ImportBatch(_)
            | Fact::Access(_)
            | Fact::EvidenceAdded(_)
            | Fact::ReviewAdded(_)
            | Fact::ReferenceListAdded(_)
            | Fact::ProfileChanged(_)
            | Fact::GroupMarked(_)
            | Fact::QuestionSaved(_)
            | Fact::QuestionRemoved(_)
            | Fact::SubjectsErased(_)
            | Fact::ErasureCompleted(_)
            | Fact::LegalHold(_)
            | Fact::RetentionSet(_)
            | Fact::SentErased(_)
            | Fact::StateCommitted(_) => None,
        }
    }

    /// Whether it is an observation of the upstream and not a request.
    pub fn is_observation(&self) -> bool {
        self.http_status == 0 && self.status == Status::Success
    }

    /// The class under which it is counted and listed.
    pub fn class(&self) -> Class {
        Class {
            application: self.application,
            credential: self.credential,
            status: self.status as u8,
            action: self.action as u8,
            resource_type: self.resource_type,
            effect: self.effect as u8,
            http_status: self.http_status,
        }
    }

    /// Numbers that are the same, or nearly so, in many operations in a row are written so that their bytes
    /// are the same too; that compresses well.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(&self.recorded_at.0.to_be_bytes());
        out.extend_from_slice(&[
            self.resource_type.0,
            self.action as u8,
            self.status as u8,
            self.effect as u8,
        ]);
        out.extend_from_slice(&self.http_status.to_be_bytes());
        for number in [self.application.0, self.credential.0, self.number.0, self.count] {
            put_varint(&mut out, number.into());
        }
        // How many events before it were no operations.
        put_varint(&mut out, (self.seq + 1).saturating_sub(self.ordinal));
        out
    }

    pub(crate) fn decode(seq: Seq, bytes: &[u8]) -> Option<OperationSummary> {
        let mut rest = bytes;
        let recorded_at = Timestamp(i64::from_be_bytes(take(&mut rest)?));
        let [resource_type, action, status, effect] = take(&mut rest)?;
        let http_status = u16::from_be_bytes(take(&mut rest)?);
        let mut number = || read_varint(&mut rest).ok();
        let mut short = || u32::try_from(number()?).ok();
        let (application, credential) = (Application(short()?), Credential(short()?));
        let (on, count) = (Number(short()?), short()?);
        let ordinal = (seq + 1).checked_sub(number()?)?;
        let summary = OperationSummary {
            seq,
            application,
            credential,
            recorded_at,
            number: on,
            resource_type: ResourceType(resource_type),
            action: Action::from_code(action)?,
            status: Status::from_code(status)?,
            effect: Effect::from_code(effect)?,
            http_status,
            count,
            ordinal,
        };
        rest.is_empty().then_some(summary)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

/// The hash of a request id: FNV-1a, of its 64 bits the first 48. Events have it, so it must not change.
/// Different ids may have the same hash; the event's origin has the id.
pub fn request_id_hash(request_id: &str) -> [u8; 6] {
    let hash = request_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [first @ .., _, _] = hash.to_be_bytes();
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_round_trips() {
        let summary = OperationSummary {
            seq: 5,
            application: Application(1),
            credential: Credential(2),
            recorded_at: Timestamp(-3),
            number: Number(u32::MAX),
            resource_type: ResourceType::GROUP,
            action: Action::Create,
            status: Status::Failure,
            effect: Effect::Rejected,
            http_status: 409,
            count: 70_000,
            ordinal: 4,
        };
        let bytes = summary.encode();
        assert_eq!(OperationSummary::decode(5, &bytes), Some(summary));
        for end in 0..bytes.len() {
            assert_eq!(OperationSummary::decode(5, &bytes[..end]), None);
        }
        assert_eq!(OperationSummary::decode(5, &[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(request_id_hash(""), [0xcb, 0xf2, 0x9c, 0xe4, 0x84, 0x22]);
        assert_eq!(request_id_hash("a"), [0xaf, 0x63, 0xdc, 0x4c, 0x86, 0x01]); // the published check value
    }
}
