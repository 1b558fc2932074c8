//! What can be asked of the record, each question described once.
//!
//! A question is a type: its fields are the names in its address and its parameters, and
//! [`Question`] adds the path, who may ask, the row of its answer and how people read that row. From
//! [`all`] come the reading and refusing of parameters, the commands of the command line, the tables,
//! the columns of CSV, OpenAPI and the reference page. Nothing here computes an answer or does I/O.
//!
//! To add a question: its file and its line in the lists below, its computation and its address in `query`.

#![warn(unreachable_pub)]

pub mod act;
mod answer;
mod command;
mod envelope;
mod fields;
mod lead;
mod openapi;
mod operation_filter;
mod parameter;
mod question;
mod read;
mod reference;
mod sentence;
mod spread;
pub mod table;
mod topic;
mod words;

pub use answer::{Answer, Content};
pub use command::quoted;
pub use coverage::GAP_REASONS;
pub use envelope::{Coverage, Envelope, Gap, Head, SignedHead};
pub use fields::fields;
pub use lead::{API, Lead, encoded, named};
pub use openapi::openapi;
pub use operation_filter::OperationFilters;
pub use parameter::{
    App, AppFilter, AttributePath, Choice, Duration, Group, Groups, Instant, Kind, ListName,
    Parameter, Place, QuestionName, Resource, Role, TokenId, User,
};
pub use question::{
    Below, Described, Grid, Nothing, Part, Question, Schemas, Shape, Table, Time, Who, all,
    described, question_at,
};
pub use read::{Misread, read};
pub use reference::reference;
pub use reviews::Outcome;
pub use sentence::{basis, created};
pub use spread::{FileColumn, Spread};
pub use table::{Cell, Column, Heading, Look, Width, cells};
pub use topic::Topic;
pub use words::{Exists, Moment, Present, plain};

/// Words that filters take.
pub mod choice {
    pub use crate::configuration_log::Configured;
    pub use crate::operation_filter::{Action, Effect, Log, Source, Status};
}

/// Names the questions: a module each, in the order in which help and reference tell them. Each has its
/// topic and its label for menus.
macro_rules! questions {
    ($($module:ident: $($topic:ident $question:ident $label:literal),+;)+) => {
        $(mod $module; pub use $module::{$($question),+};)+

        fn list() -> Vec<Described> {
            vec![$($(Described::of::<$question>(Topic::$topic, $label)),+),+]
        }
    };
}

questions! {
    apps: Applications Apps "Applications", Applications OneApp "Configuration";
    overview: Applications Overview "Overview";
    profiles: Configuration Profiles "Profiles";
    users: People Users "Users";
    user: People OneUser "User";
    timeline: People TimelineOfUser "Timeline", Groups TimelineOfGroup "Timeline";
    why: People Why "Why";
    blame: People BlameOfUser "What set it", Groups BlameOfGroup "What set it";
    groups: Groups EveryGroup "Groups";
    group: Groups OneGroup "Group";
    members: Groups Members "Members";
    matrix: Groups AccessMatrix "Access matrix";
    privileged: Groups PrivilegedGroups "Privileged groups";
    diff: Groups Diff "Changes";
    sizes: Groups GroupSizes "Size over time";
    intervals: Groups StaysInGroup "Stays of members", People StaysOfUser "Stays in groups";
    joiners: Reports Joiners "Joiners";
    leavers: Reports Leavers "Leavers";
    movers: Reports Movers "Movers";
    reactivated: Reports Reactivated "Active again";
    orphans: Reports Orphans "Accounts without an owner";
    overlap: Reports Overlap "In several groups at once";
    failing: Reports Failing "Failing";
    unapproved: Reports Unapproved "Changes without evidence";
    drifted: Reports Drifted "Differences at upstreams";
    operations: Operations Operations "Operations";
    histogram: Operations OperationHistogram "Operations over time";
    facets: Operations OperationFacets "Values of operations";
    operation: Operations OneOperation "Operation";
    access_log: Integrity AccessLog "Access log";
    configuration_log: Integrity ConfigurationLog "Configuration log";
    coverage: Integrity Unwatched "Coverage";
    job: Applications Job "Provisioning";
    cycles: Applications Cycles "Cycles";
    imports: Applications Imports "Imports";
    evidence: Operations EvidenceOf "Evidence";
    reviews: Groups Reviews "Reviews", Groups OneReview "Review";
    reference_lists: Configuration ReferenceLists "Reference lists";
    saved: Configuration SavedQuestions "Saved questions", Configuration OneSaved "Saved question";
    tokens: Configuration Tokens "Tokens";
}

#[cfg(test)]
mod tests;

/// The rows of the questions.
pub mod row {
    pub use crate::access_log::Access;
    pub use crate::apps::{Application, WholeApplication};
    pub use crate::blame::{Blamed, Existence, ExistingGroup, ExistingUser};
    pub use crate::configuration_log::ConfigurationChange;
    pub use crate::coverage::Stretch;
    pub use crate::cycles::Cycle;
    pub use crate::diff::{AttributeChanged, Difference, GroupChanged};
    pub use crate::evidence::{Evidence, OfOperation};
    pub use crate::facets::FacetValue;
    pub use crate::failing::Failed;
    pub use crate::group::GroupState;
    pub use crate::groups::Group;
    pub use crate::histogram::{HistogramSeen, OperationBucket};
    pub use crate::imports::ImportRun;
    pub use crate::intervals::Stay;
    pub use crate::job::{Provisioning, Quarantine};
    pub use crate::joiners::Joiner;
    pub use crate::leavers::{Leaver, ListSeen};
    pub use crate::matrix::{Compared, Holder, Matrix, MatrixCell, MatrixGroup};
    pub use crate::members::{GroupSeen, Member};
    pub use crate::movers::{HeldGroup, Mover};
    pub use crate::operation::{
        BodyNote, Change, ExplainedBy, Explains, ExportedChange, ExportedStep, Request, Response,
        Step, WholeOperation,
    };
    pub use crate::operations::{Flag, Operation, Settled};
    pub use crate::orphans::Orphan;
    pub use crate::overlap::Together;
    pub use crate::overview::ApplicationSeen;
    pub use crate::privileged::PrivilegedGroup;
    pub use crate::profiles::{Profile, ProfileVersion};
    pub use crate::reactivated::Reactivation;
    pub use crate::reference_lists::ReferenceList;
    pub use crate::reviews::{Review, Revocation, WholeReview};
    pub use crate::saved::SavedQuestion;
    pub use crate::sizes::{GroupSize, GroupSized};
    pub use crate::tokens::IssuedToken;
    pub use crate::user::{GroupOf, UserSeen};
    pub use crate::users::{Rests, User};
    pub use crate::why::{Cause, Node, Reasons};
    pub use crate::words::{OfGroup, OfUser, ScimResource};
}
