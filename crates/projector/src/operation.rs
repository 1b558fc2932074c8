//! The summary of an operation: what a list shows and filters by, without opening the event. Requests
//! without a valid credential that were only counted have one together.

use event::{
    Application, Credential, Effect, Event, Fact, Method, Number, ResourceType, Seq, Timestamp,
};

/// Numbers and codes of one operation; 43 bytes as a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationSummary {
    /// Its place in the log.
    pub seq: Seq,
    /// Whose operation.
    pub application: Application,
    /// With which credential.
    pub credential: Credential,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The resource or person.
    pub number: Number,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// The answered status.
    pub status: u16,
    /// Stored number of the method.
    pub method: u8,
    /// Stored number of the effect.
    pub effect: u8,
    /// How many requests it stands for: 1, save for those that were only counted; `u32::MAX` for
    /// more than that.
    pub count: u32,
    /// Hash of the request id; equal ids have equal hashes, and the event decides.
    pub request_id_hash: u64,
}

impl OperationSummary {
    pub(crate) fn of(event: &Event) -> Option<OperationSummary> {
        let origin = event.header.origin.as_ref();
        // What counted requests have in common.
        let refused = OperationSummary {
            seq: event.seq,
            application: event.header.application,
            credential: origin.map_or(Credential::NONE, |origin| origin.credential),
            recorded_at: event.header.recorded_at,
            number: Number::NOBODY,
            resource_type: ResourceType::NONE,
            status: 401,
            method: Method::Other as u8,
            effect: Effect::Rejected as u8,
            count: 1,
            request_id_hash: request_id_hash(origin.map_or("", |origin| &origin.request_id)),
        };
        match &event.header.fact {
            Fact::Operation(op) => Some(OperationSummary {
                number: op.number,
                resource_type: op.resource_type,
                status: op.status,
                method: op.method as u8,
                effect: op.effect as u8,
                ..refused
            }),
            Fact::Unauthenticated(requests) => Some(OperationSummary {
                count: u32::try_from(requests.count).unwrap_or(u32::MAX),
                ..refused
            }),
            Fact::RecorderStarted(_)
            | Fact::RecorderStopped(_)
            | Fact::ApplicationAdded(_)
            | Fact::CredentialAdded(_)
            | Fact::ResourceTypeAdded(_) => None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(43);
        out.extend_from_slice(&self.application.0.to_be_bytes());
        out.extend_from_slice(&self.credential.0.to_be_bytes());
        out.extend_from_slice(&self.recorded_at.0.to_be_bytes());
        out.extend_from_slice(&self.number.0.to_be_bytes());
        out.push(self.resource_type.0);
        out.extend_from_slice(&self.status.to_be_bytes());
        out.push(self.method);
        out.push(self.effect);
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.request_id_hash.to_be_bytes());
        out
    }

    pub(crate) fn decode(seq: Seq, bytes: &[u8]) -> Option<OperationSummary> {
        let mut rest = bytes;
        let summary = OperationSummary {
            seq,
            application: Application(u32::from_be_bytes(take(&mut rest)?)),
            credential: Credential(u32::from_be_bytes(take(&mut rest)?)),
            recorded_at: Timestamp(i64::from_be_bytes(take(&mut rest)?)),
            number: Number(u32::from_be_bytes(take(&mut rest)?)),
            resource_type: ResourceType(u8::from_be_bytes(take(&mut rest)?)),
            status: u16::from_be_bytes(take(&mut rest)?),
            method: u8::from_be_bytes(take(&mut rest)?),
            effect: u8::from_be_bytes(take(&mut rest)?),
            count: u32::from_be_bytes(take(&mut rest)?),
            request_id_hash: u64::from_be_bytes(take(&mut rest)?),
        };
        rest.is_empty().then_some(summary)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

/// The hash under which a request id stands in a summary: FNV-1a, 64 bits, the same for ever.
pub fn request_id_hash(request_id: &str) -> u64 {
    request_id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
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
            status: 409,
            method: 2,
            effect: 4,
            count: 70_000,
            request_id_hash: request_id_hash("req-1"),
        };
        let bytes = summary.encode();
        assert_eq!(OperationSummary::decode(5, &bytes), Some(summary));
        assert_eq!(OperationSummary::decode(5, &bytes[1..]), None);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(request_id_hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(request_id_hash("a"), 0xaf63_dc4c_8601_ec8c); // the published check value
    }
}
