//! Stored bytes against golden files, and against damage.

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
        structure: Structure::default(),
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
    let part = |subject, content| Part::new(Number(subject), content);
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
                            lifecycle: None,
                            mention: None,
                            active: Some(false),
                            values: Values::Changed(vec![
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
                            ]),
                            joined: vec![Number(4), Number(5)],
                            left: vec![Number(6)],
                            links: NumberLinks {
                                state: Some(41),
                                members: Some(0),
                                memberships: vec![None, Some(40), Some(2)],
                            },
                        }),
                    ),
                    part(
                        5,
                        Content::Changes(Changes {
                            mention: Some(Mention {
                                attribute: Attribute::Id,
                                resource_type: ResourceType::NONE,
                                name: Some(MentionedName {
                                    value: "String id 1".into(),
                                    display: Some("Mira".into()),
                                }),
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
            "operation-created",
            Event {
                structure: Structure {
                    action: Some(Action::Create),
                    population: Some(17),
                    ..Structure::default()
                },
                ..event(
                    origin(),
                    Fact::Operation(Operation {
                        method: Method::Post,
                        route: Route::Collection,
                        status: 201,
                        ..operation()
                    }),
                    vec![
                        part(9, Content::Target("/Groups".into())),
                        Part {
                            others: vec![Number(4), Number(300)],
                            ..part(9, Content::Body(br#"{"displayName":"Crew"}"#.to_vec()))
                        },
                        part(
                            9,
                            Content::Changes(Changes {
                                lifecycle: Some(Lifecycle::Created(ResourceType::GROUP)),
                                active: Some(true),
                                values: Values::State(Arc::new(
                                    br#"{"displayName":"Crew","id":"g-1"}"#.to_vec(),
                                )),
                                joined: vec![Number(4), Number(300)],
                                ..Changes::default()
                            }),
                        ),
                    ],
                )
            },
        ),
        (
            "operation-refused",
            event(
                Some(Origin { client: Some("2001:db8::7".parse().unwrap()), ..origin().unwrap() }),
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
                    profile_sha256: None,
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
                    name: None,
                    expires_at: None,
                }),
                vec![],
            ),
        ),
        (
            "application-added-with-profile",
            event(
                origin(),
                Fact::ApplicationAdded(ApplicationAdded {
                    number: Application(3),
                    slug: "paperboat".into(),
                    profile: "generic".into(),
                    settings: b"{}".to_vec(),
                    profile_sha256: Some([0x3c; 32]),
                }),
                vec![],
            ),
        ),
        (
            "credential-added-with-name",
            event(
                origin(),
                Fact::CredentialAdded(CredentialAdded {
                    number: Credential(8),
                    role: Role::Auditor,
                    sha256: [0xa5; 32],
                    name: Some("yearly audit".into()),
                    expires_at: Some(Timestamp(1_775_000_000_000_000)),
                }),
                vec![],
            ),
        ),
        (
            "profile-changed",
            event(None, Fact::ProfileChanged(ProfileChanged { sha256: [0x3d; 32] }), vec![]),
        ),
        (
            "group-marked",
            event(
                origin(),
                Fact::GroupMarked(GroupMarked { number: Number(9), privileged: true }),
                vec![],
            ),
        ),
        (
            "question-saved",
            event(
                origin(),
                Fact::QuestionSaved(QuestionSaved { name: "failed-today".into() }),
                vec![part(
                    0,
                    Content::Note(b"/api/v1/operations?status=failure&from=-1d".to_vec()),
                )],
            ),
        ),
        (
            "question-removed",
            event(
                origin(),
                Fact::QuestionRemoved(QuestionRemoved { name: "failed-today".into() }),
                vec![],
            ),
        ),
        (
            "subjects-erased",
            event(
                origin(),
                Fact::SubjectsErased(SubjectsErased { numbers: vec![Number(9), Number(300)] }),
                vec![],
            ),
        ),
        (
            "erasure-completed",
            event(None, Fact::ErasureCompleted(ErasureCompleted { erasure: 41 }), vec![]),
        ),
        (
            "legal-hold",
            event(
                origin(),
                Fact::LegalHold(LegalHold { numbers: vec![Number(9)], held: true }),
                vec![part(9, Content::Note(br#""case 7""#.to_vec()))],
            ),
        ),
        (
            "retention-set",
            event(origin(), Fact::RetentionSet(RetentionSet { months: Some(12) }), vec![]),
        ),
        ("sent-erased", event(None, Fact::SentErased(SentErased { through: 674 }), vec![])),
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
            "connections-refused",
            event(
                None,
                Fact::ConnectionsRefused(ConnectionsRefused {
                    count: 4_100,
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
            Event {
                structure: Structure {
                    action: Some(Action::Update),
                    forwarded: true,
                    intent: Some(41),
                    request_hash: Some([0xcb, 0xf2, 0x9c, 0xe4, 0x84, 0x22]),
                    ..Structure::default()
                },
                ..event(
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
                )
            },
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
            "listed",
            event(
                origin(),
                Fact::Listed(Listed {
                    occasion: Occasion::Baseline,
                    extent: Extent::Incomplete,
                    seen: 250,
                    refused: 2,
                }),
                vec![],
            ),
        ),
        (
            "observation-restored",
            event(
                None,
                Fact::Observation(Observation {
                    resource_type: ResourceType::USER,
                    number: Number(9),
                    touches: vec![],
                    occasion: Occasion::ReadBack,
                    settles: vec![40],
                    verdict: Verdict::Contradicted,
                }),
                vec![part(
                    9,
                    Content::Changes(Changes {
                        lifecycle: Some(Lifecycle::Restored),
                        active: Some(false),
                        values: Values::State(Arc::new(br#"{"active":false,"id":"u-1"}"#.to_vec())),
                        ..Changes::default()
                    }),
                )],
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
            "service-principal-set",
            event(
                origin(),
                Fact::ServicePrincipalSet(ServicePrincipalSet {
                    id: Some("5e9d4c3b-2a19-4087-b6a5-9c8d7e6f5a4b".into()),
                }),
                vec![],
            ),
        ),
        (
            "imported",
            event(
                origin(),
                Fact::Imported(Imported {
                    source: Source::Provisioning,
                    occurred_at: Timestamp(1_772_440_000_441_027),
                    resource_type: ResourceType::USER,
                    number: Number(9),
                    action: Action::StagedDelete,
                    status: Status::Warning,
                    entry: "6f0c9e0a-2f3d-4c55-9f0e-1a2b3c4d5e01".into(),
                    codes: vec![
                        (CodeKind::SkipReason, "NotEffectivelyEntitled".into()),
                        (CodeKind::Cycle, "a4d0b7c2".into()),
                    ],
                }),
                vec![part(9, Content::Entry(br#"{"id":"e-1"}"#.to_vec()))],
            ),
        ),
        (
            "import-batch",
            event(
                origin(),
                Fact::ImportBatch(ImportBatch {
                    run: 0x0123_4567_89ab,
                    span: Some((
                        Timestamp(1_772_440_000_441_027),
                        Timestamp(1_772_441_000_000_000),
                    )),
                    new: 980,
                    known: 19,
                    refused: 1,
                }),
                vec![],
            ),
        ),
        (
            "access",
            event(
                origin(),
                Fact::Access(Access {
                    route: "/api/v1/apps/{app}/groups/{group}/members".into(),
                    exported: true,
                    status: 200,
                    rows: 36_000,
                    saw_seq: Some(41),
                    number: Number(9),
                    all_applications: false,
                }),
                vec![part(9, Content::Target("/api/v1/apps/paperboat/groups/g-1/members".into()))],
            ),
        ),
        (
            "evidence-added",
            event(
                origin(),
                Fact::EvidenceAdded(EvidenceAdded { operation: 40 }),
                vec![part(9, Content::Note(br#"{"kind":"ticket","ref":"CHG-7"}"#.to_vec()))],
            ),
        ),
        (
            "review-added",
            event(
                origin(),
                Fact::ReviewAdded(ReviewAdded {
                    at: Timestamp(1_772_442_000_000_000),
                    known_at: 41,
                    rows: 4,
                    sha256: [0x5a; 32],
                    outcome: ReviewOutcome::ApprovedWithRevocations,
                    revoke: vec![Revocation { member: Number(7), group: Number(9) }],
                }),
                vec![part(0, Content::Note(br#"{"remark":"one too many"}"#.to_vec()))],
            ),
        ),
        (
            "reference-list-added",
            event(
                origin(),
                Fact::ReferenceListAdded(ReferenceListAdded {
                    name: "leavers".into(),
                    rows: 1,
                    sha256: [0x5a; 32],
                }),
                vec![part(0, Content::Note(br#"[{"userName":"mira.lund"}]"#.to_vec()))],
            ),
        ),
        (
            "identity-set",
            event(
                None,
                Fact::IdentitySet(IdentitySet {
                    number: Credential(9),
                    role: Role::AppAuditor,
                    sha256: [0x5b; 32],
                    issuer: "https://id.example".into(),
                }),
                vec![part(0, Content::Note(br#"{"name":"Mira Lund","subject":"248"}"#.to_vec()))],
            ),
        ),
        (
            "state-secret",
            event(
                None,
                Fact::StateCommitted(StateCommitted::Secret(StateSecret([0x5e; 32]))),
                vec![],
            ),
        ),
        (
            "state-committed",
            event(
                None,
                Fact::StateCommitted(StateCommitted::Root(StateRoot {
                    at: 40,
                    numbers: 300,
                    root: [0x70; 32],
                    secret: 17,
                })),
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
                        Flag { kind: FlagKind::SchemaViolation, path: "active".into() },
                        Flag { kind: FlagKind::TooLarge, path: "title".into() },
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
                            resource_type: ResourceType::USER,
                            name: Some(MentionedName {
                                value: "Mira@Fjord.test".into(),
                                display: None,
                            }),
                        }),
                        ..Changes::default()
                    }),
                )],
            ),
        ),
    ]
}

/// What an event does to each number, without values and names.
fn structural(event: &Event) -> Vec<(Number, Changes)> {
    let changes = event.parts.iter().filter_map(|part| match &part.content {
        Content::Changes(changes) => Some((part.subject, changes.clone())),
        _ => None,
    });
    let without = changes.map(|(number, changes)| {
        let values = match changes.values {
            Values::None => Values::None,
            _ => Values::Unreadable,
        };
        let mention = changes.mention.map(|mention| Mention { name: None, ..mention });
        (number, Changes { values, mention, ..changes })
    });
    without.collect()
}

/// Without any part, what is structural is the same.
#[test]
fn header_and_structural_facts_need_no_part() {
    for (name, event) in samples() {
        let bytes = encode(&event).unwrap();
        let facts = decode_facts(42, &bytes).unwrap();
        assert_eq!(facts.structure, event.structure, "{name}");
        assert_eq!(facts.header.fact, event.header.fact, "{name}");
        assert_eq!(structural(&facts), structural(&event), "{name}");
        assert!(
            facts
                .parts
                .iter()
                .all(|part| matches!(part.content, Content::Changes(_) | Content::Unreadable(_))),
            "{name}"
        );
        if facts.parts.iter().any(|part| matches!(part.content, Content::Unreadable(_))) {
            assert!(encode(&facts).is_err(), "{name}: what cannot be read is not written");
        }
    }
}

#[test]
fn what_the_fold_reads_is_decoded_for_it_and_nothing_else() {
    for (name, event) in samples() {
        let folded = decode_to_fold(42, &encode(&event).unwrap(), &Plain).unwrap();
        assert_eq!(folded.header, without_texts(&event.header), "{name}");
        assert_eq!(folded.structure, event.structure, "{name}");
        assert_eq!(folded.parts.len(), event.parts.len(), "{name}");
        for (part, whole) in folded.parts.iter().zip(&event.parts) {
            assert_eq!((part.subject, &part.others), (whole.subject, &whole.others), "{name}");
            match &whole.content {
                changes @ Content::Changes(_) => assert_eq!(part.content, *changes, "{name}"),
                _ => assert!(matches!(part.content, Content::Unreadable(_)), "{name}"),
            }
        }
    }
}

/// The header alone: the texts of the origin stand in a part.
fn without_texts(header: &Header) -> Header {
    let origin = header.origin.as_ref();
    let origin = origin.map(|origin| Origin { credential: origin.credential, ..Origin::default() });
    Header { origin, ..header.clone() }
}

/// Seals by turning each byte over, with the place in front; one kind of part was erased.
struct Turned {
    erased: Option<u8>,
}

impl Parts for Turned {
    fn seal(&self, place: PartPlace, part: &FramedPart<'_>) -> Result<StoredPart, PartError> {
        let mut bytes = format!("{place:?}").into_bytes();
        bytes.extend(part.bytes.iter().map(|byte| !byte));
        Ok(StoredPart { form: 9, commitment: Some([part.kind; COMMITMENT_BYTES]), bytes })
    }

    fn open<'a>(
        &self,
        place: PartPlace,
        part: &FramedPart<'a>,
    ) -> Result<OpenedPart<'a>, PartError> {
        assert_eq!((part.form, part.commitment), (9, Some([part.kind; COMMITMENT_BYTES])));
        let sealed = part.bytes.strip_prefix(format!("{place:?}").as_bytes());
        let sealed = sealed.ok_or("it is of another place")?;
        if self.erased == Some(part.kind) {
            return Ok(OpenedPart::Erased);
        }
        Ok(OpenedPart::Content(sealed.iter().map(|byte| !byte).collect::<Vec<u8>>().into()))
    }
}

#[test]
fn what_was_sealed_is_opened_at_its_place_alone_and_what_was_erased_is_unreadable() {
    let whole = Turned { erased: None };
    for (name, event) in samples() {
        let sealed = seal(&event, &encode(&event).unwrap(), &whole).unwrap();
        assert_eq!(decode(42, &sealed, &whole).unwrap(), event, "{name}");
        let frame = Frame::read(&sealed).unwrap();
        if frame.parts.is_empty() {
            continue;
        }
        let elsewhere = decode(43, &sealed, &whole).unwrap_err();
        assert!(matches!(elsewhere, CodecError::Part { index: 0, .. }), "{name}: {elsewhere}");
        assert!(decode(42, &sealed, &Plain).is_err(), "{name} without keys");
        for part in &frame.parts {
            let left = decode(42, &sealed, &Turned { erased: Some(part.kind) }).unwrap();
            assert_ne!(left, event, "{name}");
            assert_eq!(left.structure, event.structure, "{name}");
            assert_eq!(structural(&left), structural(&event), "{name}");
        }
    }
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
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/event/v2");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (name, event) in samples() {
        let file = folder.join(name).with_extension("hex");
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, hex(&encode(&event).unwrap())).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap();
        assert_eq!(hex(&encode(&event).unwrap()), golden, "{name} encodes differently");
        assert_eq!(
            decode(42, &unhex(&golden), &Plain).unwrap(),
            event,
            "{name} decodes differently"
        );
        assert_eq!(decode_header(&unhex(&golden)).unwrap(), without_texts(&event.header));
    }
}

#[test]
fn damaged_bytes_are_errors_and_never_panic() {
    for (name, event) in samples() {
        let bytes = encode(&event).unwrap();
        for end in 0..bytes.len() {
            assert!(decode(42, &bytes[..end], &Plain).is_err(), "{name} cut at {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let _ = decode(42, &damaged, &Plain);
            }
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode(42, &longer, &Plain).is_err(), "{name} with a byte too many");
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
    assert!(matches!(decode(0, &bytes, &Plain), Err(CodecError::Version(9))));
    bytes[0] = 1;
    let error = decode(0, &bytes, &Plain).unwrap_err();
    assert!(matches!(error, CodecError::Unreleased), "{error}");
    assert!(error.to_string().contains("never released"), "{error}");
    assert!(matches!(decode_row::<u8>(&[9, 1]), Err(CodecError::Version(9))));
}
