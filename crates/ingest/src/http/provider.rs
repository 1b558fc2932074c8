//! The SCIM service provider: the state that all requests share.

use std::sync::Arc;
use std::time::Duration;

use budget::Budget;
use projector::Committer;
use scim::CursorKey;
use store::SecretFolder;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::Catalog;
use crate::http::body::Reception;
use crate::http::handles::Handles;
use crate::http::identity::Identities;
use crate::http::rate::Rates;
use crate::proxy::in_flight::InFlight;
use crate::proxy::upstream::Upstreams;
use crate::proxy::waiting::ReadBacks;

/// The SCIM service provider of all applications.
pub struct Ingest {
    pub(crate) committer: Committer,
    pub(super) public_url: String,
    pub(super) catalog: Arc<Catalog>,
    pub(super) cursor_key: CursorKey,
    pub(crate) budget: Budget,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(super) reception: Reception,
    pub(super) handles: Handles,
    pub(super) rates: Rates,
    pub(super) identities: Identities,
    pub(crate) upstreams: Upstreams,
    pub(crate) in_flight: InFlight,
    pub(crate) read_backs: ReadBacks,
}

/// What the service provider shares with the server.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The memory for bodies and answers.
    pub budget: Budget,
    /// Tracks the tasks of requests: once all have ended, every request that arrived is recorded.
    pub tasks: TaskTracker,
    /// Cancelled at a stop: bodies that are still arriving are refused.
    pub stopping: CancellationToken,
}

impl Ingest {
    /// A service provider whose addresses start with `public_url` (no slash at the end). `cursor_key`
    /// seals the cursors of lists; `secrets` holds the tokens of upstreams.
    pub fn new(
        committer: Committer,
        public_url: String,
        catalog: Catalog,
        cursor_key: CursorKey,
        secrets: SecretFolder,
        shared: Shared,
    ) -> Ingest {
        let Shared { budget, tasks, stopping } = shared;
        let reception = Reception::new(budget.clone(), stopping.clone());
        let upstreams = Upstreams::new(secrets, committer.clone());
        catalog.secrets().attribute_names().for_each(|name| committer.gate().add_name(name));
        Ingest {
            committer,
            public_url,
            catalog: Arc::new(catalog),
            cursor_key,
            budget,
            tasks,
            stopping,
            reception,
            handles: Handles::new(),
            rates: Rates::default(),
            identities: Identities::default(),
            upstreams,
            in_flight: InFlight::default(),
            read_backs: ReadBacks::new(vec![]),
        }
    }

    /// Enables read-backs of writes that an upstream's answer leaves in doubt, after each of these
    /// delays (ascending, counted from the answer).
    pub fn reading_back(self, after: Vec<Duration>) -> Ingest {
        Ingest { read_backs: ReadBacks::new(after), ..self }
    }
}
