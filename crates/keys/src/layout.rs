//! The bytes of headers and slots. The crate's page draws them.

use event::{Application, LogId, Number, Seq};
use sealing::{MasterKeyId, Month, Owner, WRAPPED_BYTES, WrapKey, Wrapped};

const FIRST_WORDS: &[u8; 12] = b"provlog keys";
/// The version that is written, and the newest that is read.
pub(crate) const VERSION: u16 = 1;
/// Bytes of a header, with the zeros behind it. A disk writes so many at once.
pub(crate) const HEADER_BYTES: usize = 4096;
/// Where the slots begin.
pub(crate) const SLOTS_BEGIN: u64 = 2 * HEADER_BYTES as u64;
/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = 80;
/// Slots that are made at once.
pub(crate) const BLOCK: u32 = 256;
/// More slots than this are never made: the last block that can be counted.
pub(crate) const SLOTS_MAX: u32 = u32::MAX - (BLOCK - 1);

const LIVE: u8 = 1;
const ERASED: u8 = 2;
const MARK_END: usize = 9 + 16;
/// Bytes that the checksum of a slot covers.
const SLOT_CHECKED: usize = SLOT_BYTES - 4;
/// Bytes that the checksum of a header covers.
const HEADER_CHECKED: usize = 48;

/// Which table a file is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Table {
    pub(crate) application: Application,
    pub(crate) kind: TableKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum TableKind {
    Persons = 1,
    Months = 2,
    Sent = 3,
}

impl Table {
    /// The table and slot of an owner.
    pub(crate) fn of(owner: Owner) -> (Table, u32) {
        match owner {
            Owner::Person { application, number } => {
                (Table { application, kind: TableKind::Persons }, number.0)
            }
            Owner::Month { application, month } => {
                (Table { application, kind: TableKind::Months }, month.0)
            }
            Owner::Sent { application, month } => {
                (Table { application, kind: TableKind::Sent }, month.0)
            }
        }
    }

    /// Whose key is in a slot.
    pub(crate) fn owner(self, slot: u32) -> Owner {
        let Table { application, kind } = self;
        match kind {
            TableKind::Persons => Owner::Person { application, number: Number(slot) },
            TableKind::Months => Owner::Month { application, month: Month(slot) },
            TableKind::Sent => Owner::Sent { application, month: Month(slot) },
        }
    }

    pub(crate) fn file_name(self) -> String {
        let kind = match self.kind {
            TableKind::Persons => "persons",
            TableKind::Months => "months",
            TableKind::Sent => "sent",
        };
        format!("{kind}-{}", self.application)
    }

    /// The table of a file with this name; `None` for any other file.
    pub(crate) fn of_file(name: &str) -> Option<Table> {
        let (kind, application) = name.split_once('-')?;
        let kind = match kind {
            "persons" => TableKind::Persons,
            "months" => TableKind::Months,
            "sent" => TableKind::Sent,
            _ => return None,
        };
        let table = Table { application: Application(application.parse().ok()?), kind };
        // Not `persons-07` beside `persons-7`.
        (table.file_name() == name).then_some(table)
    }
}

/// Where a slot begins.
pub(crate) fn slot_at(slot: u32) -> u64 {
    SLOTS_BEGIN + u64::from(slot) * SLOT_BYTES as u64
}

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) table: Table,
    pub(crate) log: LogId,
    pub(crate) master: MasterKeyId,
    /// Slots that were made and synced.
    pub(crate) slots: u32,
    pub(crate) generation: u64,
}

/// What bytes are if they are no header of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoHeader {
    Damaged,
    Newer { version: u16 },
}

impl Header {
    /// Which of the two places it stands at.
    pub(crate) fn offset(&self) -> u64 {
        self.generation % 2 * HEADER_BYTES as u64
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..12].copy_from_slice(FIRST_WORDS);
        bytes[12..14].copy_from_slice(&VERSION.to_be_bytes());
        bytes[14] = self.table.kind as u8;
        bytes[16..20].copy_from_slice(&self.table.application.0.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.log.get().to_be_bytes());
        bytes[28..36].copy_from_slice(&self.master.0);
        bytes[36..40].copy_from_slice(&self.slots.to_be_bytes());
        bytes[40..48].copy_from_slice(&self.generation.to_be_bytes());
        let check = crc32c::crc32c(&bytes[..HEADER_CHECKED]);
        bytes[48..52].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    pub(crate) fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Header, NoHeader> {
        let check = crc32c::crc32c(&bytes[..HEADER_CHECKED]);
        if &bytes[..12] != FIRST_WORDS || array(bytes, 48) != check.to_be_bytes() {
            return Err(NoHeader::Damaged);
        }
        let version = u16::from_be_bytes(array(bytes, 12));
        if version > VERSION {
            return Err(NoHeader::Newer { version });
        }
        let kind = match bytes[14] {
            1 => TableKind::Persons,
            2 => TableKind::Months,
            3 => TableKind::Sent,
            _ => return Err(NoHeader::Damaged),
        };
        let application = Application(u32::from_be_bytes(array(bytes, 16)));
        let header = Header {
            table: Table { application, kind },
            log: LogId::from_random(u64::from_be_bytes(array(bytes, 20))),
            master: MasterKeyId(array(bytes, 28)),
            slots: u32::from_be_bytes(array(bytes, 36)),
            generation: u64::from_be_bytes(array(bytes, 40)),
        };
        // There is only one way to write these values.
        if header.to_bytes() == *bytes { Ok(header) } else { Err(NoHeader::Damaged) }
    }
}

/// What a slot's bytes say.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A wrapped key; whether it is of its owner is not known yet.
    Live(Wrapped),
    /// A mark; whether it is of its owner is not known yet.
    Erased {
        seq: Seq,
        mark: [u8; 16],
    },
    Damaged,
}

impl Slot {
    /// The slot of a key that was destroyed.
    pub(crate) fn erased(wrap: &WrapKey, owner: Owner, seq: Seq) -> Slot {
        Slot::Erased { seq, mark: wrap.mark(owner, seq) }
    }

    pub(crate) fn to_bytes(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        match self {
            Slot::Live(wrapped) => {
                bytes[0] = LIVE;
                bytes[1..=WRAPPED_BYTES].copy_from_slice(wrapped);
            }
            Slot::Erased { seq, mark } => {
                bytes[0] = ERASED;
                bytes[1..9].copy_from_slice(&seq.to_be_bytes());
                bytes[9..MARK_END].copy_from_slice(mark);
            }
            Slot::Damaged => return bytes,
        }
        let check = crc32c::crc32c(&bytes[..SLOT_CHECKED]);
        bytes[SLOT_CHECKED..].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    pub(crate) fn read(bytes: &[u8; SLOT_BYTES]) -> Slot {
        let slot = match bytes[0] {
            LIVE => Slot::Live(array(bytes, 1)),
            ERASED => {
                Slot::Erased { seq: u64::from_be_bytes(array(bytes, 1)), mark: array(bytes, 9) }
            }
            _ => Slot::Damaged,
        };
        if slot.to_bytes() == *bytes { slot } else { Slot::Damaged }
    }
}

/// `N` of these bytes. Every caller names a place within them.
fn array<const N: usize>(bytes: &[u8], begin: usize) -> [u8; N] {
    std::array::from_fn(|at| bytes[begin + at])
}
