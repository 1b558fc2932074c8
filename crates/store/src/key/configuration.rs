//! Keys of configuration: changes, the last use of each token, privileged groups, saved questions.

use std::ops::Range;

use event::{Application, Credential, Number, Seq};

use super::{
    CONFIGURATION, CONFIGURED, IDENTITY, IDENTITY_ROLE, Key, KeyRange, PRIVILEGED, SAVED_QUESTION,
    TOKEN_USE,
};

/// A configuration change.
pub fn configuration(seq: Seq) -> Vec<u8> {
    Key::new(CONFIGURATION).u64(!seq).0
}

/// The configuration changes in a range of events, newest first.
pub fn configurations(seqs: &Range<Seq>) -> KeyRange {
    Key::new(CONFIGURATION).newest_first(seqs)
}

/// The last change of one configured thing. `subject` identifies it within its kind.
pub fn configured(application: Application, kind: u8, subject: &[u8]) -> Vec<u8> {
    Key::new(CONFIGURED).app(application).u8(kind).bytes(subject).0
}

/// When a credential was last used.
pub fn token_use(credential: Credential) -> Vec<u8> {
    Key::new(TOKEN_USE).u32(credential.0).0
}

/// When each credential was last used.
pub fn token_uses() -> KeyRange {
    KeyRange::prefix(vec![TOKEN_USE])
}

/// Whether a group is privileged from `seq` on.
pub fn privileged(application: Application, group: Number, seq: Seq) -> Vec<u8> {
    Key::new(PRIVILEGED).app(application).u32(group.0).u64(!seq).0
}

/// The credential of somebody who signs in with an identity provider. A token's digest is never under a
/// key of this kind.
pub fn identity(sha256: &[u8; 32]) -> Vec<u8> {
    Key::new(IDENTITY).bytes(sha256).0
}

/// The role that the event at `seq` gave to such a credential.
pub fn identity_role(credential: Credential, seq: Seq) -> Vec<u8> {
    Key::new(IDENTITY_ROLE).u32(credential.0).u64(!seq).0
}

/// The roles that were given to such a credential up to and including `until`, newest first.
pub fn identity_roles(credential: Credential, until: Seq) -> KeyRange {
    let all = KeyRange::prefix(Key::new(IDENTITY_ROLE).u32(credential.0).0);
    KeyRange { from: identity_role(credential, until), to: all.to }
}

/// The marks of a group up to and including `until`, newest first.
pub fn privileged_until(application: Application, group: Number, until: Seq) -> KeyRange {
    let all = KeyRange::prefix(Key::new(PRIVILEGED).app(application).u32(group.0).0);
    KeyRange { from: privileged(application, group, until), to: all.to }
}

/// The marks of all groups of an application, by group, newest first.
pub fn all_privileged(application: Application) -> KeyRange {
    KeyRange::prefix(Key::new(PRIVILEGED).app(application).0)
}

/// The group and the seq of a [`privileged`] key.
pub fn privileged_parts(key: &[u8]) -> Option<(Number, Seq)> {
    let (group, seq) = key.get(5..)?.split_first_chunk::<4>()?;
    let seq = <[u8; 8]>::try_from(seq).ok()?;
    Some((Number(u32::from_be_bytes(*group)), !u64::from_be_bytes(seq)))
}

/// From the key of a mark or saved question: the keys of the same thing up to and including `until`,
/// newest first. Keys after the range belong to other things.
pub fn same_until(key: &[u8], until: Seq) -> Option<KeyRange> {
    let (same, _) = key.split_last_chunk::<8>()?;
    let from = [same, &(!until).to_be_bytes()].concat();
    Some(KeyRange { from, to: KeyRange::prefix(same.to_vec()).to })
}

/// A saved question, from `seq` on.
pub fn saved_question(name: &str, seq: Seq) -> Vec<u8> {
    Key::new(SAVED_QUESTION).text(name).u64(!seq).0
}

/// All saved questions, by name, newest first.
pub fn saved_questions() -> KeyRange {
    KeyRange::prefix(vec![SAVED_QUESTION])
}

/// The name and the seq of a [`saved_question`] key.
pub fn saved_question_parts(key: &[u8]) -> Option<(&str, Seq)> {
    super::reference_list_parts(key)
}
