//! Immutable facts and their stored bytes.
//!
//! An [`Event`] is a fact that was stored: what was asked, by whom, when, what was decided, and the
//! resolved [`Changes`] from which all state is folded. This crate holds the types, the ids, the
//! clock as a value, and [`codec`], the only place that knows how an event becomes bytes. It knows
//! no SCIM, no store and no other crate of this workspace.

mod action;
mod claim;
mod clock;
pub mod codec;
// The crate is named for its one subject, and so is the file that holds it.
#[allow(clippy::module_inception)]
mod event;
pub mod head;
mod id;
pub mod secret;
mod stored {
    pub(crate) mod v1;
}

pub use action::{Action, Status};
pub use claim::{
    Access, CodeKind, EvidenceAdded, ImportBatch, Imported, ReferenceListAdded,
    ServicePrincipalSet, Source,
};
pub use clock::{Clock, ManualClock, Stopwatch, Timestamp};
pub use event::{
    Answer, ApplicationAdded, BodyNote, Changes, ConnectionsRefused, Content, CredentialAdded,
    CredentialRevoked, Detail, Effect, Element, Event, Extent, Fact, Flag, FlagKind, Header,
    Lifecycle, Listed, Mention, Method, Observation, Occasion, Operation, Origin, Part, Path,
    RecorderStarted, RecorderStopped, ResourceType, ResourceTypeAdded, Role, Route,
    Unauthenticated, UpstreamSet, ValueChange, Verdict,
};
pub use id::{Application, Attribute, Credential, EventId, LogId, Number, Seq};
