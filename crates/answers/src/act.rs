//! Addresses that are no question: what changes something, and the export of whole answers.

mod apps;
mod checkpoint;
mod export;
mod imports;
mod links;
mod lists;
mod privileged;
mod proof;
mod reviews;
mod saved;
mod subjects;
mod tokens;
mod verification;

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::apps::{
    AddApp, AddedApp, Baseline, ChangeApp, ChangedApp, Drift, DriftReport, NewApp, NewUpstream,
    SeenDifference, ServicePrincipal, UpstreamProblem,
};
pub use self::checkpoint::{Checkpoint, SignedNow};
pub use self::export::{Export, Form};
pub use self::imports::{
    DateOrder, Import, ImportRefusal, Imported, ListOf, OtherApplication, OtherEntry,
};
pub use self::links::{AddedLoginLink, LoginLink};
pub use self::lists::{AddEvidence, AddList, AddedEvidence, AddedList, NewEvidence};
pub use self::privileged::{MarkGroup, MarkedGroup, UnmarkGroup};
pub use self::proof::{BundleKind, MadeBundle, MakeBundle, Proof, Prove};
pub use self::reviews::{AddReview, AddedReview, NewReview, NewRevocation, REVIEW_BYTES_MAX};
pub use self::saved::{NewQuestion, RemoveQuestion, RemovedQuestion, SaveQuestion, SavedAs};
pub use self::subjects::{
    EraseSubjects, Erased, ErasureOf, ExportSubject, FindSubjects, FoundSubjects, Held,
    HoldSubjects, NewRetention, ReleaseSubjects, RetentionOf, Retentions, SetRetention,
    ShowRetention, Subject, SubjectList, SubjectName, SubjectNumbers,
};
pub use self::tokens::{AddToken, AddedToken, NewToken, RevokeToken, RevokedToken};
pub use self::verification::{
    ShowVerification, VerificationEnded, VerificationRunning, VerificationState, Verify,
};
use crate::parameter::{Parameter, own};
use crate::question::Who;

/// An address that is no question. The type is the request: its fields are the names in the address and
/// the parameters, its first line of documentation is what the reference says of it.
pub trait Act: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// What the body holds; [`crate::Nothing`] where there is none or it is no JSON.
    type Body: JsonSchema;
    /// What the answer holds; [`crate::Nothing`] where it is no JSON.
    type Reply: JsonSchema;
    /// The words of its command.
    const COMMAND: &'static str;
    /// How it is sent.
    const METHOD: Method;
    /// The template of its address.
    const PATH: &'static str;
    /// Who may send it.
    const WHO: Who = Who::Admin;
    /// What it brings.
    const TAKES: Takes = Takes::Nothing;
    /// Bodies that it takes, each with its media type.
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];
    /// The status of its answer.
    const STATUS: u16 = 200;
    /// What it gives.
    const GIVES: Gives = Gives::Json;
    /// Statuses of its refusals besides those of every address.
    const REFUSALS: &'static [u16] = &[];
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// It reads.
    Get,
    /// It adds.
    Post,
    /// It changes a part.
    Patch,
    /// It takes away.
    Delete,
}

impl Method {
    /// The word of HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A body that is a JSON object has at most so many bytes.
pub const JSON_BYTES_MAX: usize = 64 << 10;
/// A body of another kind has at most so many bytes. A longer import is sent in several.
pub const UPLOAD_BYTES_MAX: usize = 8 << 20;

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// No body.
    Nothing,
    /// A JSON object of at most [`JSON_BYTES_MAX`] bytes.
    Json,
    /// A longer JSON object.
    LongJson {
        /// At most so many.
        bytes_max: usize,
    },
    /// Bytes of another kind.
    Bytes {
        /// What they are, as a sentence without a full stop.
        words: &'static str,
        /// At most so many.
        bytes_max: usize,
    },
}

/// What an answer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A JSON object.
    Json,
    /// A zip.
    Zip,
}

/// Such an address as data.
pub struct DescribedAct {
    /// The words of its command.
    pub name: &'static str,
    /// What it does, without a full stop.
    pub about: String,
    /// How it is sent.
    pub method: Method,
    /// The template of its address.
    pub path: &'static str,
    /// Who may send it.
    pub who: Who,
    /// Its parameters, those of the path first.
    pub parameters: Vec<Parameter>,
    /// The names of all that stand in the query.
    pub known: Vec<&'static str>,
    /// What it brings.
    pub takes: Takes,
    /// Bodies that it takes, each with its media type.
    pub examples: &'static [(&'static str, &'static str)],
    /// The status of its answer.
    pub status: u16,
    /// What it gives.
    pub gives: Gives,
    /// Statuses of its refusals besides those of every address.
    pub refusals: &'static [u16],
    body: fn(&mut SchemaGenerator) -> Schema,
    reply: fn(&mut SchemaGenerator) -> Schema,
}

impl DescribedAct {
    fn of<A: Act>() -> DescribedAct {
        let mut inline = SchemaSettings::draft2020_12();
        inline.inline_subschemas = true;
        let schema = inline.into_generator().into_root_schema_for::<A>();
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = about.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let parameters = own::<A>(&schema, A::PATH);
        let in_query = parameters.iter().filter(|one| one.place == crate::Place::Query);
        DescribedAct {
            name: A::COMMAND,
            about,
            method: A::METHOD,
            path: A::PATH,
            who: A::WHO,
            known: in_query.map(|one| one.name).collect(),
            parameters,
            takes: A::TAKES,
            examples: A::EXAMPLES,
            status: A::STATUS,
            gives: A::GIVES,
            refusals: A::REFUSALS,
            body: SchemaGenerator::subschema_for::<A::Body>,
            reply: SchemaGenerator::subschema_for::<A::Reply>,
        }
    }

    /// The schema of its body.
    pub fn body(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.body)(generator)
    }

    /// The schema of its answer.
    pub fn reply(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.reply)(generator)
    }
}

/// Every such address, in the order in which the reference tells them.
#[must_use]
pub fn acts() -> &'static [DescribedAct] {
    static ALL: LazyLock<Vec<DescribedAct>> = LazyLock::new(|| {
        vec![
            DescribedAct::of::<AddApp>(),
            DescribedAct::of::<ChangeApp>(),
            DescribedAct::of::<Baseline>(),
            DescribedAct::of::<Drift>(),
            DescribedAct::of::<Import>(),
            DescribedAct::of::<AddToken>(),
            DescribedAct::of::<LoginLink>(),
            DescribedAct::of::<RevokeToken>(),
            DescribedAct::of::<AddEvidence>(),
            DescribedAct::of::<AddReview>(),
            DescribedAct::of::<AddList>(),
            DescribedAct::of::<MarkGroup>(),
            DescribedAct::of::<UnmarkGroup>(),
            DescribedAct::of::<SaveQuestion>(),
            DescribedAct::of::<RemoveQuestion>(),
            DescribedAct::of::<FindSubjects>(),
            DescribedAct::of::<ExportSubject>(),
            DescribedAct::of::<HoldSubjects>(),
            DescribedAct::of::<ReleaseSubjects>(),
            DescribedAct::of::<EraseSubjects>(),
            DescribedAct::of::<SetRetention>(),
            DescribedAct::of::<ShowRetention>(),
            DescribedAct::of::<Export>(),
            DescribedAct::of::<Prove>(),
            DescribedAct::of::<MakeBundle>(),
            DescribedAct::of::<Checkpoint>(),
            DescribedAct::of::<Verify>(),
            DescribedAct::of::<ShowVerification>(),
        ]
    });
    &ALL
}

/// The description of such an address; `None` for one that is not in the list.
#[must_use]
pub fn described_act<A: Act>() -> Option<&'static DescribedAct> {
    acts().iter().find(|one| one.path == A::PATH && one.method == A::METHOD)
}

/// A request whose address says all.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
pub struct Empty {}
