use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use data_encoding::HEXLOWER;
use event::codec::encode;
use event::{
    Attribute, Changes, Content, Fact, Header, Lifecycle, LinkKind, Number, NumberLinks, Part,
    RecorderStopped, ResourceType, Structure, Values,
};

use super::*;

const SEQ: Seq = 42;

fn log() -> LogId {
    LogId::from_random(0x0123_4567_89ab_cdef)
}

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data")
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    HEXLOWER.decode(digits.as_bytes()).unwrap()
}

/// The stored events of every kind that the codec's tests keep, by name.
fn stored_events() -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let files =
        std::fs::read_dir(data().join("event/v2")).unwrap().map(|file| file.unwrap().path());
    let mut events: Vec<_> =
        files.map(|path| (name(&path), unhex(&std::fs::read_to_string(&path).unwrap()))).collect();
    events.sort();
    assert!(events.len() > 25);
    events
}

/// The entries of stored events, as a file. `UPDATE_GOLDEN=1` writes it anew; what changes then are the
/// leaves of every tree that was ever signed.
#[test]
fn entries_are_those_of_the_golden_file() {
    let mut entries = String::new();
    for (name, stored) in stored_events() {
        let entry = Entry::of_stored(log(), SEQ, &stored).unwrap();
        let bytes = entry.to_bytes();
        assert_eq!(Entry::parse(&bytes).unwrap(), entry, "{name}");
        writeln!(entries, "{name} {}", HEXLOWER.encode(&bytes)).unwrap();
    }
    let file = data().join("evidence/entries.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &entries).unwrap();
    }
    assert_eq!(entries, std::fs::read_to_string(file).unwrap());
}

/// A tree over records, by another implementation.
fn root_of(records: &[Vec<u8>]) -> Hash {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    records.iter().for_each(|record| tree.push(record.clone()));
    let root: RootHash<Sha256> = tree.root();
    Hash::new(root.as_bytes().as_slice().try_into().unwrap())
}

/// The drawing, followed by hand.
#[test]
fn an_entry_is_what_the_drawing_says() {
    let changes = |changes| Content::Changes(changes);
    let group = Changes {
        joined: vec![Number(5), Number(9)],
        left: vec![Number(7)],
        links: NumberLinks {
            state: None,
            members: Some(40),
            memberships: vec![None, Some(3), Some(41)],
        },
        ..Changes::default()
    };
    let user = Changes {
        lifecycle: Some(Lifecycle::Created(ResourceType::USER)),
        active: Some(true),
        values: Values::State(std::sync::Arc::new(b"{}".to_vec())),
        ..Changes::default()
    };
    let mention = Changes {
        mention: Some(event::Mention {
            attribute: Attribute::UserName,
            resource_type: ResourceType::USER,
            name: Some(event::MentionedName { value: "mira".into(), display: None }),
        }),
        ..Changes::default()
    };
    let body = Part {
        subject: Number(8),
        others: vec![Number(2), Number(70_000)],
        content: Content::Body(b"[1]".to_vec()),
    };
    let event = Event {
        seq: SEQ,
        header: Header {
            application: Application(3),
            recorded_at: Timestamp(1_772_442_847_120_001),
            raw_clock: Timestamp(0),
            origin: None,
            fact: Fact::RecorderStopped(RecorderStopped { broken_requests: 1 }),
        },
        structure: Structure { population: Some(12), recorder: Some(0), ..Structure::default() },
        parts: vec![
            body,
            Part::new(Number(4), changes(group)),
            Part::new(Number(6), changes(user)),
            Part::new(Number(1), changes(mention)),
        ],
    };
    let stored = encode(&event).unwrap();
    let frame = Frame::read(&stored).unwrap();

    let mut expected = b"provlog entry/1\n".to_vec();
    expected.extend(log().get().to_be_bytes());
    expected.extend([0, 0, 0, 0, 0, 0, 0, 42]);
    expected.extend([0, 0, 0, 3]);
    expected.extend(1_772_442_847_120_001_i64.to_be_bytes());
    expected.push(3);
    expected.extend(Sha256::digest(frame.header));
    expected.extend(Sha256::digest(frame.structure));
    let link = |kind: u8, number: u8, before: Option<u8>| -> Vec<u8> {
        let [is, seq] = before.map_or([0, 0], |seq| [1, seq]);
        vec![kind, 0, 0, 0, number, is, 0, 0, 0, 0, 0, 0, 0, seq]
    };
    let links = [
        link(1, 6, None),
        link(2, 4, Some(40)),
        link(3, 5, None),
        link(3, 7, Some(41)),
        link(3, 9, Some(3)),
        link(4, 0, Some(12)),
        link(5, 0, Some(0)),
    ];
    expected.extend([0, 0, 0, 7]);
    expected.extend(root_of(&links).as_bytes());
    let part = |kind: u8, subjects: &[u32], bytes: &[u8]| -> Vec<u8> {
        let mut record = vec![kind, 0];
        record.extend((subjects.len() as u32).to_be_bytes());
        subjects.iter().for_each(|subject| record.extend(subject.to_be_bytes()));
        record.extend([0; 33]);
        record.extend(Sha256::digest(bytes));
        record
    };
    let parts = [
        part(3, &[8, 2, 70_000], b"[1]"),
        part(5, &[6], b"{}"),
        part(6, &[1], frame.parts[2].bytes),
    ];
    expected.extend([0, 0, 0, 3]);
    expected.extend(root_of(&parts).as_bytes());

    let entry = Entry::of_stored(log(), SEQ, &stored).unwrap();
    assert_eq!(HEXLOWER.encode(&entry.to_bytes()), HEXLOWER.encode(&expected));
    assert_eq!(Entry::of_event(log(), &event, &stored).unwrap(), entry);
    assert_eq!(event.links().iter().filter(|link| link.kind == LinkKind::Members).count(), 1);
}

/// Whichever stored bit is changed, the entry is another one, or there is none.
#[test]
fn an_entry_covers_every_stored_bit() {
    for (name, stored) in stored_events() {
        let entry = Entry::of_stored(log(), SEQ, &stored).unwrap();
        for bit in 0..stored.len() * 8 {
            let mut changed = stored.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = Entry::of_stored(log(), SEQ, &changed) {
                assert_ne!(other.leaf(), entry.leaf(), "{name}: bit {bit}");
            }
        }
        let others = [
            Entry::of_stored(LogId::from_random(7), SEQ, &stored).unwrap(),
            Entry::of_stored(log(), SEQ + 1, &stored).unwrap(),
        ];
        assert!(others.iter().all(|other| other.leaf() != entry.leaf()), "{name}");
    }
}

#[test]
fn what_is_no_entry_is_refused() {
    let (_, stored) = stored_events().remove(0);
    let bytes = Entry::of_stored(log(), SEQ, &stored).unwrap().to_bytes();
    for end in 0..bytes.len() {
        assert_eq!(Entry::parse(&bytes[..end]), Err(EntryError::Length { found: end }));
    }
    let mut other = bytes;
    other[14] = b'2';
    assert_eq!(Entry::parse(&other), Err(EntryError::FirstLine));
    other = bytes;
    other[16] = 0xff;
    assert_eq!(Entry::parse(&other), Err(EntryError::Log));
}
