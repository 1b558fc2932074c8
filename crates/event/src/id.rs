//! Identifiers: of the log, of events in it, of applications, resources and credentials.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Place of an event in its log: gapless, from 0. Meaningless without the log's id.
pub type Seq = u64;

/// Id of a log: 58 random bits drawn when the log is created. It never changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LogId(u64);

impl LogId {
    const BITS: u32 = 58;

    /// Takes the lowest 58 of the given random bits.
    pub fn from_random(bits: u64) -> LogId {
        LogId(bits & ((1 << Self::BITS) - 1))
    }

    /// The number, below 2^58.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:015x}", self.0)
    }
}

impl FromStr for LogId {
    type Err = ();

    fn from_str(text: &str) -> Result<LogId, ()> {
        let number = u64::from_str_radix(text, 16).map_err(|_| ())?;
        if text.len() == 15 && number >> Self::BITS == 0 { Ok(LogId(number)) } else { Err(()) }
    }
}

/// Public id of an event: a UUIDv8 (RFC 9562 §5.8) made of the log's id and the seq. So it is unique
/// across logs, sorts in log order and needs no table.
///
/// ```text
///  custom_a: log id, high 48 bits | 8 | custom_b: log id, low 10 bits, seq, high 2 bits
///  variant | custom_c: seq, low 62 bits
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EventId(Uuid);

impl EventId {
    /// The id of the event at `seq` in `log`.
    pub fn new(log: LogId, seq: Seq) -> EventId {
        let packed = (u128::from(log.0) << 64) | u128::from(seq);
        let a = packed >> 74; // 48 bits
        let b = (packed >> 62) & 0xfff; // 12 bits
        let c = packed & ((1 << 62) - 1);
        // `new_v8` puts the version and variant bits over the places that are left free here.
        EventId(Uuid::new_v8(((a << 80) | (b << 64) | c).to_be_bytes()))
    }

    /// The log and the seq. `None` for a UUID that is not of version 8.
    pub fn parts(self) -> Option<(LogId, Seq)> {
        if self.0.get_version_num() != 8 {
            return None;
        }
        let bits = self.0.as_u128();
        let a = bits >> 80;
        let b = (bits >> 64) & 0xfff;
        let c = bits & ((1 << 62) - 1);
        let packed = (a << 74) | (b << 62) | c;
        Some((LogId((packed >> 64) as u64), packed as u64))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<EventId, ()> {
        if text.len() != 36 {
            return Err(()); // accept only the hyphenated form that we write
        }
        Uuid::parse_str(text).map(EventId).map_err(|_| ())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $zero:ident, $zero_doc:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            #[doc = $zero_doc]
            pub const $zero: $name = $name(0);
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A provisioning target, the unit of isolation. Dense from 1, never reused.
    Application, RECORDER, "The recorder itself: for configuration, and requests that name no known application."
);
number!(
    /// A person or resource within an application. Assigned at the first mention, dense from 1, never
    /// reused: a resource that is deleted and created again gets a new one.
    Number, NOBODY, "Nobody: for what concerns no person or resource, and for probes."
);
number!(
    /// A token that was issued. Dense from 1 over the whole log, never reused.
    Credential, NONE, "No credential, or one that we did not issue."
);

/// An attribute by which resources are looked up and mentioned. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Attribute {
    /// The SCIM id (RFC 7643 §3.1).
    Id = 1,
    /// `userName`, unique among the living users of an application.
    UserName = 2,
    /// `externalId`, the client's own name for the resource.
    ExternalId = 3,
    /// `displayName`.
    DisplayName = 4,
    /// An e-mail value; compared without regard to case. A resource has any number of them.
    Email = 5,
    /// The provider's own id in its logs; not an attribute of any schema.
    SourceId = 6,
}

impl Attribute {
    /// The attribute with a stored number.
    pub fn from_code(code: u8) -> Option<Attribute> {
        match code {
            1 => Some(Attribute::Id),
            2 => Some(Attribute::UserName),
            3 => Some(Attribute::ExternalId),
            4 => Some(Attribute::DisplayName),
            5 => Some(Attribute::Email),
            6 => Some(Attribute::SourceId),
            _ => None,
        }
    }

    /// The attribute's name in its schema; for a sub-attribute its path (RFC 7644 §3.10).
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Id => "id",
            Attribute::UserName => "userName",
            Attribute::ExternalId => "externalId",
            Attribute::DisplayName => "displayName",
            Attribute::Email => "emails.value",
            Attribute::SourceId => "sourceId",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_id_is_reversible_and_sorts_by_seq() {
        let log = LogId::from_random(0x03ab_cdef_0123_4567);
        let seqs = [0, 1, 2, (1 << 62) - 1, 1 << 62, u64::MAX];
        let mut last = None;
        for seq in seqs {
            let id = EventId::new(log, seq);
            assert_eq!(id.parts(), Some((log, seq)));
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(&id.to_string()[14..15], "8", "version 8");
            assert!("89ab".contains(&id.to_string()[19..20]), "RFC 9562 variant");
            assert!(last < Some(id));
            last = Some(id);
        }
        assert_ne!(EventId::new(log, 7), EventId::new(LogId::from_random(1), 7));
    }

    #[test]
    fn an_id_of_another_version_has_no_parts() {
        let v4: EventId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        assert_eq!(v4.parts(), None);
        assert!("67e5504410b1426f9247bb680e5fe0c8".parse::<EventId>().is_err());
    }

    #[test]
    fn attributes_come_back_from_their_codes() {
        let known: Vec<_> = (0..=u8::MAX).filter_map(Attribute::from_code).collect();
        assert_eq!(known.len(), 6);
        for attribute in known {
            assert_eq!(Attribute::from_code(attribute as u8), Some(attribute));
        }
    }

    #[test]
    fn log_id_text_round_trips() {
        let log = LogId::from_random(u64::MAX);
        assert_eq!(log.to_string().parse(), Ok(log));
        assert!("7ffffffffffffff".parse::<LogId>().is_err(), "59 bits");
        assert!("abc".parse::<LogId>().is_err());
    }
}
