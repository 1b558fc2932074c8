//! The SCIM service provider: what all requests share.

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
    pub(super) rates: Rates,
    pub(super) identities: Identities,
    pub(crate) upstreams: Upstreams,
    pub(crate) in_flight: InFlight,
    pub(crate) read_backs: ReadBacks,
}

/// What the service provider shares with the rest of the server.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Bodies and answers take their memory from it.
    pub budget: Budget,
    /// Requests run as its tasks: when those have ended, every request that arrived is recorded.
    pub tasks: TaskTracker,
    /// Once it is cancelled, bodies that are still on their way are refused.
    pub stopping: CancellationToken,
}

impl Ingest {
    /// A service provider whose addresses begin with `public_url` (without a slash at the end).
    /// `cursor_key` seals the cursors of its lists; `secrets` has the tokens of upstreams.
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
            rates: Rates::default(),
            identities: Identities::default(),
            upstreams,
            in_flight: InFlight::default(),
            read_backs: ReadBacks::new(vec![]),
        }
    }

    /// The same, which reads back what the answer of an upstream leaves in doubt: after each of these,
    /// ascending, from the answer on.
    pub fn reading_back(self, after: Vec<Duration>) -> Ingest {
        Ingest { read_backs: ReadBacks::new(after), ..self }
    }
}
