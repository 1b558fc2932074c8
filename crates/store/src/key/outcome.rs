//! The keys of forwarded requests: intents, and outcomes in doubt; and of listings of an upstream.

use event::{Application, Number, Seq};

use super::{DOUBT, FAILING, INTENT, Key, KeyRange, LISTING, SETTLED, UNSETTLED};

/// An intent to forward a request whose outcome is not recorded yet.
pub fn intent(seq: Seq) -> Vec<u8> {
    Key::new(INTENT).u64(seq).0
}

/// All [`intent`] rows, oldest first.
pub fn intents() -> KeyRange {
    KeyRange::prefix(vec![INTENT])
}

/// An operation on a resource or person whose outcome is in doubt now.
pub fn unsettled(application: Application, number: Number, seq: Seq) -> Vec<u8> {
    Key::new(UNSETTLED).app(application).u32(number.0).u64(seq).0
}

/// A resource or person whose last write failed.
pub fn failing(application: Application, number: Number) -> Vec<u8> {
    Key::new(FAILING).app(application).u32(number.0).0
}

/// All [`failing`] rows of an application, by number.
pub fn all_failing(application: Application) -> KeyRange {
    KeyRange::prefix(Key::new(FAILING).app(application).0)
}

/// The number of a [`failing`] key.
pub fn failing_number(key: &[u8]) -> Option<Number> {
    Some(Number(u32::from_be_bytes(*key.last_chunk::<4>()?)))
}

/// All [`unsettled`] rows of a resource or person, oldest first.
pub fn all_unsettled(application: Application, number: Number) -> KeyRange {
    KeyRange::prefix(Key::new(UNSETTLED).app(application).u32(number.0).0)
}

/// All [`unsettled`] rows of an application.
pub fn all_unsettled_of(application: Application) -> KeyRange {
    KeyRange::prefix(Key::new(UNSETTLED).app(application).0)
}

/// A listing of an upstream at which completeness changed.
pub fn listing(application: Application, seq: Seq) -> Vec<u8> {
    Key::new(LISTING).app(application).u64(seq).0
}

/// All [`listing`] rows, oldest first.
pub fn listings(application: Application) -> KeyRange {
    KeyRange::prefix(Key::new(LISTING).app(application).0)
}

/// An operation whose outcome is or was in doubt, and how that was settled.
pub fn doubt(seq: Seq) -> Vec<u8> {
    Key::new(DOUBT).u64(seq).0
}

/// An operation whose outcome the observation at `by` settled.
pub fn settled(application: Application, by: Seq, seq: Seq) -> Vec<u8> {
    Key::new(SETTLED).app(application).u64(by).u64(seq).0
}

/// The [`settled`] rows of observations from `by` on.
pub fn settled_since(application: Application, by: Seq) -> KeyRange {
    let from = Key::new(SETTLED).app(application).u64(by).0;
    KeyRange { from, ..KeyRange::prefix(Key::new(SETTLED).app(application).0) }
}
