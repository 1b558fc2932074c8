//! Claims: entries imported from a provider's log. And what people do with the record: questions,
//! evidence, reference lists, reviews.

use crate::action::{Action, Status};
use crate::clock::Timestamp;
use crate::event::ResourceType;
use crate::id::{Number, Seq};

/// One imported entry of a provider's log. It is a claim: it changes no recorded state. The entry itself
/// is a part, [`crate::Content::Entry`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// Which log it comes from.
    pub source: Source,
    /// When it happened, by the provider's clock.
    pub occurred_at: Timestamp,
    /// The type of resource that it is about; none if it is about no resource.
    pub resource_type: ResourceType,
    /// The resource or person that it is about.
    pub number: Number,
    /// What the provider meant to do.
    pub action: Action,
    /// How it ended.
    pub status: Status,
    /// The provider's id of the entry. An application never records the same entry twice.
    pub entry: String,
    /// Codes to find it by: any number of skip reasons, the first being why it was skipped and the others
    /// from further steps; at most one code of every other kind.
    pub codes: Vec<(CodeKind, String)>,
}

/// The kinds of code by which imported entries are found. None of them holds personal data. The numbers
/// are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum CodeKind {
    /// Why it failed.
    Error = 1,
    /// Why it was skipped.
    SkipReason = 2,
    /// The id of the provider's provisioning cycle.
    Cycle = 3,
    /// The id that all entries of one change share.
    Change = 4,
    /// The id of the provisioning job.
    Job = 5,
    /// The id of the application's service principal.
    ServicePrincipal = 6,
}

impl CodeKind {
    /// The kind with a stored number.
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
    /// Maximum length of a code, and of an entry's id. Entries with a longer one are refused.
    pub const CODE_BYTES_MAX: usize = 256;

    /// The first code of a kind.
    pub fn code(&self, kind: CodeKind) -> Option<&str> {
        let found = self.codes.iter().find(|(one, _)| *one == kind);
        found.map(|(_, text)| text.as_str())
    }
}

/// The service principal of the event's application at the provider was set. Entries about another
/// service principal are then not imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServicePrincipalSet {
    /// Its id, at most [`Imported::CODE_BYTES_MAX`] bytes; `None` removes the setting.
    pub id: Option<String>,
}

/// A log of a provider. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Source {
    /// The provisioning log: one entry for each provisioned object.
    Provisioning = 1,
    /// The directory audit log: changes of the provider's configuration.
    DirectoryAudit = 2,
}

impl Source {
    /// The log with a [`name`](Source::name).
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

/// The end of one request of an import; recorded after its entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportBatch {
    /// The id of the import; the same for all of its requests.
    pub run: u64,
    /// The earliest and the latest time of its entries, with those that were imported before.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many entries were recorded.
    pub new: u32,
    /// How many entries had been imported before.
    pub known: u32,
    /// How many entries could not be read.
    pub refused: u32,
}

/// A question about the record was answered, or an export was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The template of the address.
    pub route: String,
    /// Whether it was an export and not a page of an answer.
    pub exported: bool,
    /// The HTTP status that was answered.
    pub status: u16,
    /// How many rows were answered.
    pub rows: u64,
    /// The last event that the answer could use; `None` if the log was empty.
    pub saw_seq: Option<Seq>,
    /// The person or resource that was asked about.
    pub number: Number,
    /// Whether the question was about all applications that existed then. Otherwise it was about the
    /// event's own application, or about none if that is the recorder.
    pub all_applications: bool,
}

/// Somebody attached evidence to an operation: a ticket, an approval. Its text is a part,
/// [`crate::Content::Note`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EvidenceAdded {
    /// The seq of the operation.
    pub operation: Seq,
}

/// Somebody reviewed the answer to a question about an application: who was in its groups at an instant.
/// What the question was and what the reviewer remarked is a part, [`crate::Content::Note`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReviewAdded {
    /// The instant that the question is about.
    pub at: Timestamp,
    /// The last event that the answer used.
    pub known_at: Seq,
    /// How many rows the answer had.
    pub rows: u64,
    /// SHA-256 of the answer's rows.
    pub sha256: [u8; 32],
    /// What the reviewer decided.
    pub outcome: ReviewOutcome,
    /// The memberships that are to end.
    pub revoke: Vec<Revocation>,
}

/// What a reviewer decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReviewOutcome {
    /// All is as it should be.
    Approved = 1,
    /// All but the memberships that are to end.
    ApprovedWithRevocations = 2,
    /// It is not as it should be.
    Rejected = 3,
}

impl ReviewOutcome {
    /// The outcome of a stored number.
    pub fn from_code(code: u8) -> Option<ReviewOutcome> {
        Some(match code {
            1 => ReviewOutcome::Approved,
            2 => ReviewOutcome::ApprovedWithRevocations,
            3 => ReviewOutcome::Rejected,
            _ => return None,
        })
    }
}

/// A membership that is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// Whose membership it is.
    pub member: Number,
    /// In which group.
    pub group: Number,
}

/// A list of people from outside of SCIM was uploaded: employees, or leavers and their dates. Its rows
/// are a part, [`crate::Content::Note`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceListAdded {
    /// The list's name. A later upload of the same name replaces it from then on.
    pub name: String,
    /// How many rows it has.
    pub rows: u32,
    /// SHA-256 of the upload as it was received.
    pub sha256: [u8; 32],
}

/// A group was marked as privileged: what its members may do needs more care than usual. Or the mark was
/// taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupMarked {
    /// The group, of the event's application.
    pub number: Number,
    /// Whether it is privileged from here on.
    pub privileged: bool,
}

/// A question was saved under a name. The question itself is a part, [`crate::Content::Note`]: its
/// address, which can name a person. The event's application is the one that it asks about, the recorder
/// when it is none alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuestionSaved {
    /// By what it is asked again; a later one of the same name takes its place.
    pub name: String,
}

/// A saved question was removed. The event's application is that of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuestionRemoved {
    /// Its name.
    pub name: String,
}
