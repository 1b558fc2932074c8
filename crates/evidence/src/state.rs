//! The state of an application right after an event, as a tree: what an event commits to, so that an answer
//! can be shown to leave nothing out. It holds numbers and seqs, and no value.

use event::{Application, LogId, Number, Seq, StateSecret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tlog::{Frontier, Hash, InclusionProof};

use crate::entry::Rooted;
use crate::opening::Salt;

mod replay;

pub use replay::{NumberState, Replay};
pub(crate) use replay::{changes_of, target};

/// How every top begins: what it is, and the version of its form.
const FIRST_LINE: &[u8; 16] = b"provlog state/1\n";
/// Bytes of a leaf.
pub const LEAF_BYTES: usize = 32 + 2 + 3 * 9 + 2 * 36;
/// Numbers in a block of a list.
const BLOCK_NUMBERS: u32 = 256;
/// The fewest bytes of a top, and those of one more set.
const TOP_BYTES_MIN: usize = 16 + 8 + 4 + 8 + 36 + 9 + 9 + 4;
const SET_BYTES: usize = 1 + 36;
/// The most sets: one for each resource type, and the active users.
const SETS_MAX: usize = 256;

/// What the committed root is the hash of: SHA-256(0x00 ‖ these bytes), as of a leaf in RFC 6962. Numbers are
/// big-endian:
///
/// ```text
///  bytes
///    16   "provlog state/1\n"
///     8   log id
///     4   application
///     8   seq: the state right after this event
/// 4, 32   how many numbers, and the root of the tree over their leaves: number 0 first, which is nobody
///  1, 8   1 and the last event that changed who exists or is active, or 0 and 0
///  1, 8   the same of what was watched, which concerns the whole log
///     4   number of sets, then each, ascending:
///     1     0 the active users, else a resource type: its resources that exist
/// 4, 32     how many, and the root of the list
///
///  a leaf, 133 bytes:
///    32   salt: HMAC-SHA256(secret, 0 ‖ number)
///     1   resource type; 0 of a number that never had a resource
///     1   1 it exists + 2 it is active, or was when it last existed
///  1, 8   1 and the event that last changed its values or whether it exists, or 0 and 0
///  1, 8   the same of its members
///  1, 8   the same of the groups that it is a member of
/// 4, 32   how many members, and the root of the list
/// 4, 32   how many groups that it is a member of, and the root of the list
///
///  a list is a tree too. Its first leaf:
///    32   salt: HMAC-SHA256(secret, what ‖ number); what: 1 members, 2 groups of the number; 3 those that exist
///         of the type `number`, 4 active users, number 0
///  and one for each block of 256 numbers that has any, ascending:
///     4   numbers of the block / 256
///  1, 8   each: its lowest byte, and the event since which it is in the list
/// ```
///
/// All trees are those of RFC 6962 §2.1. The salts hide what is not shown: a proof has the hashes of others
/// beside it. The secret stands in the log, and never in a proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Top {
    /// The log.
    pub log: LogId,
    /// The application.
    pub application: Application,
    /// The event right after which this is the state.
    pub at: Seq,
    /// The numbers and the root over their leaves.
    pub numbers: Rooted,
    /// The event that last changed who exists or is active.
    pub population: Option<Seq>,
    /// The last event about what was watched, in the whole log.
    pub recorder: Option<Seq>,
    /// The sets of the application that have anybody, ascending.
    pub sets: Vec<(SetOf, Rooted)>,
}

/// A set of an application: [`SetOf::ACTIVE`], or the number of a resource type for its resources that exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SetOf(pub u8);

impl SetOf {
    /// The active users.
    pub const ACTIVE: SetOf = SetOf(0);
}

impl Top {
    /// The bytes that the root is made of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TOP_BYTES_MIN + SET_BYTES * self.sets.len());
        out.extend_from_slice(FIRST_LINE);
        out.extend_from_slice(&self.log.get().to_be_bytes());
        out.extend_from_slice(&self.application.0.to_be_bytes());
        out.extend_from_slice(&self.at.to_be_bytes());
        put_rooted(&mut out, &self.numbers);
        put_seq(&mut out, self.population);
        put_seq(&mut out, self.recorder);
        // A type is a byte, so there are few.
        out.extend_from_slice(&(self.sets.len() as u32).to_be_bytes());
        for (set, rooted) in &self.sets {
            out.push(set.0);
            put_rooted(&mut out, rooted);
        }
        out
    }

    /// The root that is committed to.
    #[must_use]
    pub fn root(&self) -> Hash {
        Hash::of_leaf(&self.to_bytes())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(bytes: &[u8]) -> Result<Top, StateError> {
        let mut rest = bytes.strip_prefix(FIRST_LINE).ok_or(StateError::Top)?;
        let log = u64::from_be_bytes(take(&mut rest)?);
        if LogId::from_random(log).get() != log {
            return Err(StateError::Top);
        }
        let application = Application(u32::from_be_bytes(take(&mut rest)?));
        let at = u64::from_be_bytes(take(&mut rest)?);
        let numbers = take_rooted(&mut rest)?;
        let (population, recorder) = (take_seq(&mut rest)?, take_seq(&mut rest)?);
        let count = u32::from_be_bytes(take(&mut rest)?) as usize;
        if count > SETS_MAX || rest.len() != count * SET_BYTES {
            return Err(StateError::Top);
        }
        let mut sets = Vec::with_capacity(count);
        for _ in 0..count {
            let [set] = take(&mut rest)?;
            sets.push((SetOf(set), take_rooted(&mut rest)?));
        }
        if !sets.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(StateError::Top);
        }
        let log = LogId::from_random(log);
        Ok(Top { log, application, at, numbers, population, recorder, sets })
    }
}

/// What is committed to of one number. [`Top`] draws its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Hides the leaf from whoever does not see it.
    pub salt: Salt,
    /// The type of the resource; 0 of a number that never had one.
    pub resource_type: u8,
    /// Whether the resource exists.
    pub exists: bool,
    /// Whether it is active; of one that does not exist, whether it was.
    pub active: bool,
    /// The event that last changed its values or whether it exists.
    pub state: Option<Seq>,
    /// The event that last changed its members.
    pub members_changed: Option<Seq>,
    /// The event that last changed the groups that it is a member of.
    pub groups_changed: Option<Seq>,
    /// Its members.
    pub members: Rooted,
    /// The groups that it is a member of.
    pub groups: Rooted,
}

impl Leaf {
    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LEAF_BYTES);
        out.extend_from_slice(&self.salt.0);
        out.push(self.resource_type);
        out.push(u8::from(self.exists) | u8::from(self.active) << 1);
        for seq in [self.state, self.members_changed, self.groups_changed] {
            put_seq(&mut out, seq);
        }
        put_rooted(&mut out, &self.members);
        put_rooted(&mut out, &self.groups);
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(bytes: &[u8]) -> Result<Leaf, StateError> {
        if bytes.len() != LEAF_BYTES {
            return Err(StateError::Leaf);
        }
        let mut rest = bytes;
        let salt = Salt(take(&mut rest)?);
        let [resource_type, flags] = take(&mut rest)?;
        if flags > 3 {
            return Err(StateError::Leaf);
        }
        Ok(Leaf {
            salt,
            resource_type,
            exists: flags & 1 != 0,
            active: flags & 2 != 0,
            state: take_seq(&mut rest)?,
            members_changed: take_seq(&mut rest)?,
            groups_changed: take_seq(&mut rest)?,
            members: take_rooted(&mut rest)?,
            groups: take_rooted(&mut rest)?,
        })
    }

    /// The hash that stands in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_leaf(&self.to_bytes())
    }
}

/// A number in a list, and the event since which it is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Since {
    /// The number.
    pub number: Number,
    /// The event.
    pub since: Seq,
}

/// How many there are in a list, and its root. `entries` ascend by number. [`Top`] draws what is hashed.
#[must_use]
pub fn list_root(salt: &Salt, entries: &[Since]) -> Rooted {
    let mut tree = Frontier::new();
    tree.append(Hash::of_leaf(&salt.0));
    let mut bytes = Vec::new();
    let block = |entry: &Since| entry.number.0 / BLOCK_NUMBERS;
    for entries in entries.chunk_by(|one, next| block(one) == block(next)) {
        bytes.clear();
        bytes.extend_from_slice(&block(&entries[0]).to_be_bytes());
        for entry in entries {
            bytes.push((entry.number.0 % BLOCK_NUMBERS) as u8);
            bytes.extend_from_slice(&entry.since.to_be_bytes());
        }
        tree.append(Hash::of_leaf(&bytes));
    }
    // Numbers are below 2^32 and stand there once.
    Rooted { count: entries.len() as u32, root: tree.root() }
}

/// What a salt is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Salted {
    /// The leaf of a number.
    Leaf(Number),
    /// The list of a number's members.
    Members(Number),
    /// The list of the groups that a number is a member of.
    Groups(Number),
    /// The list of a set.
    Set(SetOf),
}

/// The salts of the trees that are keyed by one secret.
#[derive(Clone)]
pub struct Salts(Hmac<Sha256>);

impl Salts {
    /// The salts of a secret.
    #[must_use]
    pub fn new(secret: &StateSecret) -> Salts {
        // HMAC takes keys of every length (RFC 2104 §3), so this cannot fail.
        Salts(Hmac::new_from_slice(&secret.0).expect("HMAC takes keys of every length"))
    }

    /// The salt of one thing.
    #[must_use]
    pub fn salt(&self, of: Salted) -> Salt {
        let (what, number) = match of {
            Salted::Leaf(number) => (0, number.0),
            Salted::Members(number) => (1, number.0),
            Salted::Groups(number) => (2, number.0),
            Salted::Set(SetOf::ACTIVE) => (4, 0),
            Salted::Set(SetOf(resource_type)) => (3, u32::from(resource_type)),
        };
        let mut bytes = [what; 5];
        bytes[1..].copy_from_slice(&number.to_be_bytes());
        Salt(self.0.clone().chain_update(bytes).finalize().into_bytes().into())
    }
}

/// The root over hashes of leaves.
#[must_use]
pub fn root_over(hashes: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    hashes.iter().for_each(|hash| tree.append(*hash));
    tree.root()
}

/// The proof that the hash at `index` is in the tree over `hashes`; `None` if there is none.
#[must_use]
pub fn prove_in(hashes: &[Hash], index: usize) -> Option<InclusionProof> {
    if index >= hashes.len() {
        return None;
    }
    let (mut beside, mut hashes, mut index) = (vec![], hashes, index);
    while hashes.len() > 1 {
        let half = hashes.len().next_power_of_two() / 2;
        let (left, right) = hashes.split_at(half);
        (hashes, index) = match index < half {
            true => {
                beside.push(root_over(right));
                (left, index)
            }
            false => {
                beside.push(root_over(left));
                (right, index - half)
            }
        };
    }
    beside.reverse();
    Some(InclusionProof::new(beside))
}

/// Why bytes are no piece of a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StateError {
    /// They are no top.
    #[error("the top of a state cannot be read")]
    Top,
    /// They are no leaf.
    #[error("the leaf of a number cannot be read")]
    Leaf,
    /// They end too early, or a flag is neither 0 nor 1.
    #[error("a piece of a state is not in its one form")]
    Form,
}

fn put_seq(out: &mut Vec<u8>, seq: Option<Seq>) {
    out.push(u8::from(seq.is_some()));
    out.extend_from_slice(&seq.unwrap_or_default().to_be_bytes());
}

fn put_rooted(out: &mut Vec<u8>, rooted: &Rooted) {
    out.extend_from_slice(&rooted.count.to_be_bytes());
    out.extend_from_slice(rooted.root.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], StateError> {
    let (taken, behind) = rest.split_first_chunk::<N>().ok_or(StateError::Form)?;
    *rest = behind;
    Ok(*taken)
}

fn take_seq(rest: &mut &[u8]) -> Result<Option<Seq>, StateError> {
    let [flag] = take(rest)?;
    match (flag, Seq::from_be_bytes(take(rest)?)) {
        (0, 0) => Ok(None),
        (1, seq) => Ok(Some(seq)),
        _ => Err(StateError::Form),
    }
}

fn take_rooted(rest: &mut &[u8]) -> Result<Rooted, StateError> {
    let count = u32::from_be_bytes(take(rest)?);
    Ok(Rooted { count, root: Hash::new(take(rest)?) })
}

#[cfg(test)]
mod tests;
