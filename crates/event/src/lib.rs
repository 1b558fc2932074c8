//! Events and their stored bytes.
//!
//! An [`Event`] is an immutable fact: what was asked, by whom, when, what was decided, and the resolved
//! [`Changes`] that all state is folded from. This crate has the types, the ids, the clock, and
//! [`codec`], the only place that knows how an event becomes bytes. It depends on no other crate of this
//! workspace, and knows neither SCIM nor the store.

#![warn(unreachable_pub)]

mod action;
mod claim;
mod clock;
pub mod codec;
mod commitment;
mod content;
// The crate is named for its one subject, and so is the file that holds it.
#[allow(clippy::module_inception)]
mod event;
mod id;
mod links;
mod parts;
mod privacy;
pub mod secret;
mod stored {
    pub(crate) mod frame;
    pub(crate) mod structure;
    pub(crate) mod v2;
}

pub use action::{Action, Status};
pub use claim::{
    Access, CodeKind, EvidenceAdded, GroupMarked, ImportBatch, Imported, QuestionRemoved,
    QuestionSaved, ReferenceListAdded, ReviewAdded, ReviewOutcome, Revocation, ServicePrincipalSet,
    Source,
};
pub use clock::{Clock, ManualClock, Stopwatch, Timestamp};
pub use commitment::{StateCommitted, StateRoot, StateSecret};
pub use content::{
    Answer, BodyNote, Changes, Content, Detail, Element, Flag, FlagKind, Lifecycle, Mention,
    MentionedName, NumberLinks, Part, Path, ValueChange, Values,
};
pub use event::{
    ApplicationAdded, ConnectionsRefused, CredentialAdded, CredentialRevoked, Effect, Event,
    Extent, Fact, Header, IdentitySet, Listed, Method, Observation, Occasion, Operation, Origin,
    ProfileChanged, RecorderStarted, RecorderStopped, ResourceType, ResourceTypeAdded, Role, Route,
    Structure, Unauthenticated, UpstreamSet, Verdict,
};
pub use id::{Application, Attribute, Credential, EventId, LogId, Number, Seq};
pub use links::{Link, LinkKind};
pub use privacy::{ErasureCompleted, LegalHold, RetentionSet, SentErased, SubjectsErased};
