//! The keys of erasures, legal holds and retention.

use event::{Application, Number, Seq};

use super::{
    ERASED, ERASURE, HOLD, ID, Key, KeyRange, LOOKUP, MENTION, MENTION_BEFORE, MENTION_NAME,
    MENTIONED, NAMED, RETENTION, UNIQUE, VERSION,
};

/// By which name a number was mentioned: the key of that [`mention`](super::mention).
pub fn mention_name(application: Application, number: Number, mention: &[u8]) -> Vec<u8> {
    Key::new(MENTION_NAME).app(application).u32(number.0).bytes(mention).0
}

/// All names by which a number was mentioned.
pub fn mention_names(application: Application, number: Number) -> KeyRange {
    KeyRange::prefix(Key::new(MENTION_NAME).app(application).u32(number.0).0)
}

/// The key of a mention in that of its [`mention_name`].
pub fn mention_of_name(key: &[u8]) -> Option<&[u8]> {
    key.get(9..).filter(|mention| mention.first() == Some(&MENTION))
}

/// The stored number of the attribute and the name in the key of a [`mention`](super::mention).
pub fn mention_name_parts(mention: &[u8]) -> Option<(u8, &str)> {
    let (attribute, name) = mention.get(6..)?.split_first()?;
    Some((*attribute, str::from_utf8(name).ok()?))
}

/// The rows of those who were mentioned by the name of a [`mention`](super::mention) before.
pub fn mentions_before_of(mention: &[u8]) -> Option<KeyRange> {
    let (name, value) = mention.strip_prefix(&[MENTION])?.split_at_checked(6)?;
    let length = (value.len() as u16).to_be_bytes();
    Some(KeyRange::prefix(Key::new(MENTION_BEFORE).bytes(name).bytes(&length).bytes(value).0))
}

/// The row in such a range for the mention since `since`.
pub fn mention_before_of(range: &KeyRange, since: Seq) -> Vec<u8> {
    Key(range.from.clone()).u64(!since).0
}

/// That somebody was erased.
pub fn erased(application: Application, number: Number) -> Vec<u8> {
    Key::new(ERASED).app(application).u32(number.0).0
}

/// All who were erased in an application, by number.
pub fn all_erased(application: Application) -> KeyRange {
    KeyRange::prefix(Key::new(ERASED).app(application).0)
}

/// An erasure, by the seq of its event.
pub fn erasure(seq: Seq) -> Vec<u8> {
    Key::new(ERASURE).u64(seq).0
}

/// All erasures, oldest first.
pub fn erasures() -> KeyRange {
    KeyRange::prefix(vec![ERASURE])
}

/// That somebody must not be erased.
pub fn hold(application: Application, number: Number) -> Vec<u8> {
    Key::new(HOLD).app(application).u32(number.0).0
}

/// All who must not be erased in an application, by number.
pub fn holds(application: Application) -> KeyRange {
    KeyRange::prefix(Key::new(HOLD).app(application).0)
}

/// For how long what is sent is kept.
pub fn retention(application: Application) -> Vec<u8> {
    Key::new(RETENTION).app(application).0
}

/// The rows that hold personal data of some numbers of an application, and others between them. No end of a
/// range has a name in it, so that it can be told to RocksDB, which writes ranges into its own log.
pub fn personal(application: Application, numbers: &[Number]) -> Vec<KeyRange> {
    let by_name = [ID, MENTION, LOOKUP, NAMED, UNIQUE, MENTION_BEFORE].into_iter();
    let by_name = by_name.map(|kind| KeyRange::prefix(Key::new(kind).app(application).0));
    let by_number = numbers.iter().flat_map(|number| {
        [MENTIONED, VERSION, MENTION_NAME]
            .map(|kind| KeyRange::prefix(Key::new(kind).app(application).u32(number.0).0))
    });
    by_name.chain(by_number).collect()
}

/// The number at the end of an [`erased`] or [`hold`] key.
pub fn last_number(key: &[u8]) -> Option<Number> {
    Some(Number(u32::from_be_bytes(*key.last_chunk::<4>()?)))
}
