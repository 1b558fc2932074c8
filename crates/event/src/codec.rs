//! How an event, and the value of a row, becomes bytes. The only place that names bincode.
//!
//! An event, version 1 (integers big-endian; the seq is the log's key and not repeated):
//!
//! ```text
//!  0        1     2                 6
//! +--------+-----+-----------------+------------------+-----------------+-------- …
//! | version| kind| header length   | header (bincode) | parts, count    | parts
//! |   1    |  u8 |  u32            |                  |  u32            |
//! +--------+-----+-----------------+------------------+-----------------+-------- …
//!
//! part:  | kind u8 | form u8 | subject u32 | length u32 | bytes |
//! ```
//!
//! Kinds of event: 1 operation, 2 recorder started, 3 recorder stopped, 4 application added,
//! 5 credential added, 6 resource type added, 7 unauthenticated requests, 8 credential revoked,
//! 9 intent, 10 observation, 11 upstream set. Kinds of part: 1 target, 2 body, 3 changes, 4 detail,
//! 5 flags, 6 answer. Forms: 0 plain.
//! The header stands alone at the front so that a scan never touches a part, and a part's bytes
//! can later be compressed and sealed without the header noticing.
//!
//! The value of a row is one version byte and bincode; rows are made anew from the log when their
//! form changes, so they carry no history of versions.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::{Answer, Changes, Content, Detail, Event, Flag, Header, Part};
use crate::id::{Number, Seq};
use crate::stored::v1;

/// Why bytes are not an event or a row.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes end before they are complete, or go on afterwards.
    #[error("the bytes end or go on where they should not")]
    Length,
    /// A newer program wrote this.
    #[error("format version {0} is newer than this program knows")]
    Version(u8),
    /// A number that no table has.
    #[error("unknown {what} {code}")]
    Code {
        /// What the number should name.
        what: &'static str,
        /// The number.
        code: u32,
    },
    /// The bincode layer failed.
    #[error("malformed field")]
    Decode(#[source] bincode::error::DecodeError),
    /// The value is larger than what is read back.
    #[error("{bytes} bytes are too many to store in one place")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bincode layer failed.
    #[error("cannot be encoded")]
    Encode(#[source] bincode::error::EncodeError),
}

/// The version byte of the events that this program writes.
const EVENT_VERSION: u8 = 1;
/// The version byte of row values.
const ROW_VERSION: u8 = 1;
/// No header, part or row is larger than this. What is larger is not written, since it would not be
/// read back either; decide bounds resources far below.
const FIELD_BYTES_MAX: usize = 64 << 20;

const PART_TARGET: u8 = 1;
const PART_BODY: u8 = 2;
const PART_CHANGES: u8 = 3;
const PART_DETAIL: u8 = 4;
const PART_FLAGS: u8 = 5;
const PART_ANSWER: u8 = 6;
const FORM_PLAIN: u8 = 0;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<FIELD_BYTES_MAX>()
}

fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(value, config()).map_err(CodecError::Encode)?;
    // bincode itself knows the limit when it decodes only.
    if bytes.len() > FIELD_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) =
        bincode::serde::decode_from_slice(bytes, config()).map_err(CodecError::Decode)?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError::Length) }
}

/// The bytes of an event as the log stores them.
///
/// # Errors
/// When a field is larger than 64 MiB: nothing is written that cannot be read back.
pub fn encode(event: &Event) -> Result<Vec<u8>, CodecError> {
    let (kind, header) = v1::header_to_stored(&event.header, to_bytes)?;
    let mut out = Vec::with_capacity(256);
    out.push(EVENT_VERSION);
    out.push(kind);
    put_length(&mut out, header.len())?;
    out.extend_from_slice(&header);
    put_length(&mut out, event.parts.len())?;
    for part in &event.parts {
        let encoded;
        let (kind, bytes): (u8, &[u8]) = match &part.content {
            Content::Target(text) => (PART_TARGET, text.as_bytes()),
            Content::Body(bytes) => (PART_BODY, bytes),
            Content::Changes(changes) => {
                encoded = to_bytes(&v1::ChangesV1::from(changes))?;
                (PART_CHANGES, &encoded)
            }
            Content::Detail(detail) => {
                encoded = to_bytes(&v1::DetailV1::from(detail))?;
                (PART_DETAIL, &encoded)
            }
            Content::Flags(flags) => {
                let flags: Vec<v1::FlagV1> = flags.iter().map(v1::FlagV1::from).collect();
                encoded = to_bytes(&flags)?;
                (PART_FLAGS, &encoded)
            }
            Content::Answer(answer) => {
                encoded = to_bytes(&v1::AnswerV1::from(answer))?;
                (PART_ANSWER, &encoded)
            }
        };
        out.push(kind);
        out.push(FORM_PLAIN);
        out.extend_from_slice(&part.subject.0.to_be_bytes());
        put_length(&mut out, bytes.len())?;
        out.extend_from_slice(bytes);
    }
    Ok(out)
}

fn put_length(out: &mut Vec<u8>, length: usize) -> Result<(), CodecError> {
    let length = u32::try_from(length).map_err(|_| CodecError::Length)?;
    out.extend_from_slice(&length.to_be_bytes());
    Ok(())
}

/// The event that [`encode`] wrote for the place `seq`.
///
/// # Errors
/// [`CodecError`] when the bytes are damaged or newer than this program.
pub fn decode(seq: Seq, bytes: &[u8]) -> Result<Event, CodecError> {
    let mut rest = bytes;
    let header = take_header(&mut rest)?;
    let count = take_u32(&mut rest)?;
    // A part takes at least ten bytes, so a damaged count cannot make us allocate.
    if count as usize > rest.len() / 10 {
        return Err(CodecError::Length);
    }
    let mut parts = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let [kind, form] = take(&mut rest, 2)? else { return Err(CodecError::Length) };
        if *form != FORM_PLAIN {
            return Err(CodecError::Code { what: "form of a part", code: u32::from(*form) });
        }
        let subject = Number(take_u32(&mut rest)?);
        let length = take_u32(&mut rest)? as usize;
        let bytes = take(&mut rest, length)?;
        let content = match *kind {
            PART_TARGET => {
                Content::Target(String::from_utf8(bytes.to_vec()).map_err(|_| CodecError::Length)?)
            }
            PART_BODY => Content::Body(bytes.to_vec()),
            PART_CHANGES => {
                Content::Changes(Changes::try_from(from_bytes::<v1::ChangesV1>(bytes)?)?)
            }
            PART_DETAIL => Content::Detail(Detail::from(from_bytes::<v1::DetailV1>(bytes)?)),
            PART_FLAGS => {
                let flags = from_bytes::<Vec<v1::FlagV1>>(bytes)?.into_iter();
                Content::Flags(flags.map(Flag::try_from).collect::<Result<_, _>>()?)
            }
            PART_ANSWER => Content::Answer(Answer::from(from_bytes::<v1::AnswerV1>(bytes)?)),
            code => return Err(CodecError::Code { what: "kind of part", code: u32::from(code) }),
        };
        parts.push(Part { subject, content });
    }
    if !rest.is_empty() {
        return Err(CodecError::Length);
    }
    Ok(Event { seq, header, parts })
}

/// The header alone, without touching the parts.
///
/// # Errors
/// As [`decode`].
pub fn decode_header(bytes: &[u8]) -> Result<Header, CodecError> {
    let mut rest = bytes;
    take_header(&mut rest)
}

fn take_header(rest: &mut &[u8]) -> Result<Header, CodecError> {
    let [version, kind] = take(rest, 2)? else { return Err(CodecError::Length) };
    if *version != EVENT_VERSION {
        return Err(CodecError::Version(*version));
    }
    let length = take_u32(rest)? as usize;
    let header = take(rest, length)?;
    v1::header_from_stored(*kind, header)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CodecError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CodecError::Length)?;
    *rest = left;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, CodecError> {
    let bytes = take(rest, 4)?.try_into().map_err(|_| CodecError::Length)?;
    Ok(u32::from_be_bytes(bytes))
}

/// The bytes of a row's value.
///
/// # Errors
/// Only when the value is larger than 64 MiB.
pub fn encode_row<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = vec![ROW_VERSION];
    out.extend_from_slice(&to_bytes(value)?);
    Ok(out)
}

/// The value that [`encode_row`] wrote.
///
/// # Errors
/// [`CodecError`] when the bytes are damaged.
pub fn decode_row<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&ROW_VERSION, rest)) => from_bytes(rest),
        Some((version, _)) => Err(CodecError::Version(*version)),
        None => Err(CodecError::Length),
    }
}

pub(crate) fn header_fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::*;

    fn origin() -> Option<Origin> {
        Some(Origin {
            credential: Credential(7),
            client: Some("192.0.2.14".parse().unwrap()),
            user_agent: "fjord-sync/1.2".into(),
            request_id: "req-0001".into(),
        })
    }

    fn event(origin: Option<Origin>, fact: Fact, parts: Vec<Part>) -> Event {
        Event {
            seq: 42,
            header: Header {
                application: Application(3),
                recorded_at: Timestamp(1_772_442_847_120_001),
                raw_clock: Timestamp(1_772_442_847_119_999),
                origin,
                fact,
            },
            parts,
        }
    }

    fn operation() -> Operation {
        Operation {
            route: Route::Resource,
            method: Method::Patch,
            resource_type: ResourceType::GROUP,
            number: Number(9),
            touches: vec![Number(4), Number(5)],
            status: 204,
            scim_type: 0,
            effect: Effect::Applied,
            index: 0,
            saw_seq: None,
            results: None,
            decided_after_us: 412,
        }
    }

    fn path(attribute: &str) -> Path {
        Path { schema: None, attribute: attribute.into(), element: None, sub: None }
    }

    fn answered(
        name: &'static str,
        method: Method,
        route: Route,
        resource_type: ResourceType,
    ) -> (&'static str, Event) {
        let operation = Operation {
            route,
            method,
            resource_type,
            number: Number::NOBODY,
            touches: vec![],
            status: 200,
            effect: Effect::Read,
            saw_seq: Some(41),
            results: Some(2),
            ..operation()
        };
        (name, event(origin(), Fact::Operation(operation), vec![]))
    }

    /// One event of each kind, with every field in use in one of them.
    fn samples() -> Vec<(&'static str, Event)> {
        let part = |subject, content| Part { subject: Number(subject), content };
        vec![
            (
                "operation-applied",
                event(
                    origin(),
                    Fact::Operation(operation()),
                    vec![
                        part(9, Content::Target("/Groups/g-1?x=1".into())),
                        part(9, Content::Body(br#"{"schemas":[]}"#.to_vec())),
                        part(
                            9,
                            Content::Changes(Changes {
                                lifecycle: Some(Lifecycle::Created(ResourceType::GROUP)),
                                mention: None,
                                values: vec![
                                    ValueChange {
                                        path: path("displayName"),
                                        old: None,
                                        new: Some(br#""Harbour crew""#.to_vec()),
                                    },
                                    ValueChange {
                                        path: Path {
                                            schema: Some("urn:example:2.0:Group".into()),
                                            attribute: "marks".into(),
                                            element: Some(Element::Type("work".into())),
                                            sub: Some("value".into()),
                                        },
                                        old: Some(b"1".to_vec()),
                                        new: None,
                                    },
                                ],
                                joined: vec![Number(4), Number(5)],
                                left: vec![Number(6)],
                            }),
                        ),
                        part(
                            5,
                            Content::Changes(Changes {
                                mention: Some(Mention {
                                    attribute: Attribute::Id,
                                    value: "String id 1".into(),
                                    folded: "String id 1".into(),
                                    resource_type: ResourceType::NONE,
                                }),
                                ..Changes::default()
                            }),
                        ),
                        part(
                            6,
                            Content::Changes(Changes {
                                lifecycle: Some(Lifecycle::Deleted),
                                ..Changes::default()
                            }),
                        ),
                    ],
                ),
            ),
            (
                "operation-refused",
                event(
                    Some(Origin {
                        client: Some("2001:db8::7".parse().unwrap()),
                        ..origin().unwrap()
                    }),
                    Fact::Operation(Operation {
                        method: Method::Other,
                        route: Route::Unknown,
                        status: 413,
                        scim_type: 5,
                        effect: Effect::Rejected,
                        touches: vec![],
                        index: 3,
                        ..operation()
                    }),
                    vec![part(
                        0,
                        Content::Detail(Detail {
                            error: Some("the body is larger than 8388608 bytes".into()),
                            method: Some("BREW".into()),
                            body: Some(BodyNote {
                                reason: "too large".into(),
                                length_bytes: Some(9_437_184),
                                media_type: Some("application/json".into()),
                                line: 3,
                                column: 7,
                            }),
                        }),
                    )],
                ),
            ),
            (
                "operation-read",
                event(
                    origin(),
                    Fact::Operation(Operation {
                        method: Method::Get,
                        route: Route::Collection,
                        resource_type: ResourceType::USER,
                        status: 200,
                        effect: Effect::Read,
                        saw_seq: Some(41),
                        results: Some(1),
                        touches: vec![],
                        ..operation()
                    }),
                    vec![],
                ),
            ),
            (
                "recorder-started",
                event(
                    None,
                    Fact::RecorderStarted(RecorderStarted {
                        log: 0x0123_4567_89ab,
                        version: "0.1.0".into(),
                        last_alive: Some(Timestamp(1_772_442_000_000_000)),
                    }),
                    vec![],
                ),
            ),
            (
                "recorder-stopped",
                event(None, Fact::RecorderStopped(RecorderStopped { broken_requests: 3 }), vec![]),
            ),
            (
                "application-added",
                event(
                    origin(),
                    Fact::ApplicationAdded(ApplicationAdded {
                        number: Application(3),
                        slug: "paperboat".into(),
                        profile: "generic".into(),
                        settings: b"{}".to_vec(),
                    }),
                    vec![],
                ),
            ),
            (
                "credential-added",
                event(
                    origin(),
                    Fact::CredentialAdded(CredentialAdded {
                        number: Credential(8),
                        role: Role::Scim,
                        sha256: [0xa5; 32],
                    }),
                    vec![],
                ),
            ),
            (
                "resource-type-added",
                event(
                    origin(),
                    Fact::ResourceTypeAdded(ResourceTypeAdded {
                        number: ResourceType(3),
                        name: "Boat".into(),
                    }),
                    vec![],
                ),
            ),
            (
                "unauthenticated",
                event(
                    None,
                    Fact::Unauthenticated(Unauthenticated {
                        count: 70_000,
                        first: Timestamp(1_772_442_787_119_999),
                        last: Timestamp(1_772_442_847_119_990),
                    }),
                    vec![],
                ),
            ),
            (
                "intent",
                event(
                    origin(),
                    Fact::Intent(Operation { status: 0, effect: Effect::Unknown, ..operation() }),
                    vec![part(9, Content::Target("/Groups/g-1".into()))],
                ),
            ),
            (
                "operation-forwarded",
                event(
                    origin(),
                    Fact::Operation(Operation { effect: Effect::Unverified, ..operation() }),
                    vec![part(
                        9,
                        Content::Answer(Answer {
                            intent: Some(41),
                            body: Some(br#"{"id":"g-1"}"#.to_vec()),
                            body_note: Some(BodyNote {
                                reason: "it is no JSON".into(),
                                length_bytes: Some(12),
                                media_type: Some("text/html".into()),
                                line: 1,
                                column: 2,
                            }),
                            location: Some("https://app.example/scim/v2/Groups/g-1".into()),
                            answered_after_us: 48_200,
                        }),
                    )],
                ),
            ),
            (
                "observation",
                event(
                    origin(),
                    Fact::Observation(Observation {
                        resource_type: ResourceType::GROUP,
                        number: Number(9),
                        touches: vec![Number(4)],
                        occasion: Occasion::Drift,
                        settles: vec![40, 41],
                        verdict: Verdict::Contradicted,
                    }),
                    vec![],
                ),
            ),
            (
                "upstream-set",
                event(
                    origin(),
                    Fact::UpstreamSet(UpstreamSet {
                        url: "https://app.example/scim/v2".into(),
                        token_file: "/etc/provlog/app.token".into(),
                        ca_file: Some("/etc/provlog/ca.pem".into()),
                        rewrites_locations: true,
                        shows_members: false,
                    }),
                    vec![],
                ),
            ),
            (
                "credential-revoked",
                event(
                    origin(),
                    Fact::CredentialRevoked(CredentialRevoked { number: Credential(8) }),
                    vec![],
                ),
            ),
            (
                "operation-flagged",
                event(
                    origin(),
                    Fact::Operation(operation()),
                    vec![part(
                        9,
                        Content::Flags(vec![
                            Flag {
                                kind: FlagKind::OutsideProfile,
                                path: "urn:example:2.0:User:teamIds".into(),
                            },
                            Flag { kind: FlagKind::NoSchema, path: "shoeSize".into() },
                            Flag { kind: FlagKind::NotFilterable, path: "emails".into() },
                        ]),
                    )],
                ),
            ),
            answered("operation-root", Method::Get, Route::Root, ResourceType::NONE),
            answered("operation-search", Method::Post, Route::Search, ResourceType::USER),
            answered("operation-bulk", Method::Post, Route::Bulk, ResourceType::NONE),
            answered("operation-me", Method::Get, Route::Me, ResourceType::NONE),
            (
                "operation-mention-of-an-e-mail-value",
                event(
                    origin(),
                    Fact::Operation(Operation {
                        number: Number(7),
                        touches: vec![],
                        effect: Effect::Read,
                        saw_seq: Some(41),
                        results: Some(0),
                        ..operation()
                    }),
                    vec![part(
                        7,
                        Content::Changes(Changes {
                            mention: Some(Mention {
                                attribute: Attribute::Email,
                                value: "Mira@Fjord.test".into(),
                                folded: "mira@fjord.test".into(),
                                resource_type: ResourceType::USER,
                            }),
                            ..Changes::default()
                        }),
                    )],
                ),
            ),
        ]
    }

    fn hex(bytes: &[u8]) -> String {
        let mut text = String::new();
        for line in bytes.chunks(32) {
            for byte in line {
                text.push_str(&format!("{byte:02x}"));
            }
            text.push('\n');
        }
        text
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
            .collect()
    }

    /// The stored bytes of every kind, as files. `UPDATE_GOLDEN=1` writes them anew; what changes
    /// then is a change of the stored format and is reviewed as one.
    #[test]
    fn stored_bytes_are_those_of_the_golden_files() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/event/v1");
        let update = std::env::var_os("UPDATE_GOLDEN").is_some();
        for (name, event) in samples() {
            let file = folder.join(name).with_extension("hex");
            if update {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, hex(&encode(&event).unwrap())).unwrap();
            }
            let golden = std::fs::read_to_string(&file).unwrap();
            assert_eq!(hex(&encode(&event).unwrap()), golden, "{name} encodes differently");
            assert_eq!(decode(42, &unhex(&golden)).unwrap(), event, "{name} decodes differently");
            assert_eq!(decode_header(&unhex(&golden)).unwrap(), event.header);
        }
    }

    #[test]
    fn damaged_bytes_are_errors_and_never_panic() {
        for (name, event) in samples() {
            let bytes = encode(&event).unwrap();
            for end in 0..bytes.len() {
                assert!(decode(42, &bytes[..end]).is_err(), "{name} cut at {end}");
            }
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= 1 << bit;
                    let _ = decode(42, &damaged);
                }
            }
            let mut longer = bytes.clone();
            longer.push(0);
            assert!(decode(42, &longer).is_err(), "{name} with a byte too many");
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let value = vec![0_u8; FIELD_BYTES_MAX - 16];
        assert_eq!(decode_row::<Vec<u8>>(&encode_row(&value).unwrap()).unwrap(), value);
        let value = vec![0_u8; FIELD_BYTES_MAX + 1];
        assert!(matches!(encode_row(&value), Err(CodecError::TooLarge { .. })));
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = encode(&samples()[0].1).unwrap();
        bytes[0] = 9;
        assert!(matches!(decode(0, &bytes), Err(CodecError::Version(9))));
        assert!(matches!(decode_row::<u8>(&[9, 1]), Err(CodecError::Version(9))));
    }
}
