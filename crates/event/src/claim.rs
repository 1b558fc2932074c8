//! What others say: entries of a provider's log, and what people add to the record.

use crate::action::{Action, Status};
use crate::clock::Timestamp;
use crate::event::ResourceType;
use crate::id::{Number, Seq};

/// One entry of a provider's log, as it was imported: a claim beside the record, which changes nothing
/// that was recorded. The entry itself is a part, [`crate::Content::Entry`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// Which log it comes from.
    pub source: Source,
    /// When, by the provider's clock, it happened.
    pub occurred_at: Timestamp,
    /// The type of resource that it is about; none when it is about no resource.
    pub resource_type: ResourceType,
    /// The resource or person that it is about.
    pub number: Number,
    /// What the provider meant to do.
    pub action: Action,
    /// How it ended.
    pub status: Status,
    /// The provider's id of the entry; the same entry is never recorded twice.
    pub entry: String,
    /// What else it is found by. Of several skip reasons the first is why it was passed over, and the
    /// others are told by further steps; of the other kinds there is at most one.
    pub codes: Vec<(CodeKind, String)>,
}

/// Codes by which imported entries are found. None is a person's value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum CodeKind {
    /// Why it failed.
    Error = 1,
    /// Why it was passed over.
    SkipReason = 2,
    /// The provider's run over everybody in which it happened.
    Cycle = 3,
    /// What one change did, in all its entries.
    Change = 4,
    /// The provider's job.
    Job = 5,
    /// The application at the provider, by the id of its service principal.
    ServicePrincipal = 6,
}

impl CodeKind {
    /// The kind of a stored number.
    pub fn from_code(code: u8) -> Option<CodeKind> {
        match code {
            1 => Some(CodeKind::Error),
            2 => Some(CodeKind::SkipReason),
            3 => Some(CodeKind::Cycle),
            4 => Some(CodeKind::Change),
            5 => Some(CodeKind::Job),
            6 => Some(CodeKind::ServicePrincipal),
            _ => None,
        }
    }
}

impl Imported {
    /// Longer codes, and ids of entries, are refused.
    pub const CODE_BYTES_MAX: usize = 256;

    /// The first code of a kind.
    pub fn code(&self, kind: CodeKind) -> Option<&str> {
        let found = self.codes.iter().find(|(one, _)| *one == kind);
        found.map(|(_, text)| text.as_str())
    }
}

/// Which application at the provider the event's application is: entries of its logs about another one
/// are kept out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServicePrincipalSet {
    /// The id of its service principal, at most [`Imported::CODE_BYTES_MAX`] bytes; none when that is not
    /// known any more.
    pub id: Option<String>,
}

/// A log of a provider.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Source {
    /// What was provisioned, object by object.
    Provisioning = 1,
    /// What people did to the provider's configuration.
    DirectoryAudit = 2,
}

impl Source {
    /// The log of a word in answers.
    pub fn from_name(name: &str) -> Option<Source> {
        [Source::Provisioning, Source::DirectoryAudit].into_iter().find(|one| one.name() == name)
    }

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Source::Provisioning => "provisioning",
            Source::DirectoryAudit => "directoryAudit",
        }
    }
}

/// One request of an import, after its entries: how many there were, and which time they span.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportBatch {
    /// What the requests of one import have in common.
    pub run: u64,
    /// The earliest and the latest time of the entries, those included that were known before.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many were recorded.
    pub new: u32,
    /// How many had been imported before.
    pub known: u32,
    /// How many could not be understood.
    pub refused: u32,
}

/// Somebody asked the record a question, or exported it, and was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The template of the address.
    pub route: String,
    /// Whether whole files left, and not a page.
    pub exported: bool,
    /// The status that was answered.
    pub status: u16,
    /// How many rows were answered.
    pub rows: u64,
    /// The last event that the answer could know of; none when there was none.
    pub saw_seq: Option<Seq>,
    /// The person or resource that was asked about.
    pub number: Number,
    /// Whether all applications that the log had by then were asked about. Otherwise it was the event's
    /// own application, and none where that is the recorder.
    pub all_applications: bool,
}

/// Somebody said why an operation was right: a ticket, an approval. What it says is a part,
/// [`crate::Content::Note`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EvidenceAdded {
    /// The operation's place.
    pub operation: Seq,
}

/// A list of people that SCIM does not have: employees, or who left and when. Its rows are a part,
/// [`crate::Content::Note`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceListAdded {
    /// The list's name; a later one of the same name takes its place from then on.
    pub name: String,
    /// How many rows it has.
    pub rows: u32,
    /// SHA-256 of the upload as it was received.
    pub sha256: [u8; 32],
}
