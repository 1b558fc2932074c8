//! The running server: it opens the log, folds what the rows lack, listens, and stops in order.

mod bridge;
mod commitments;
mod date;
mod erasure;
mod registry;
mod sign_in;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use budget::Budget;
use event::{Clock, ConnectionsRefused, CredentialAdded, Fact, RecorderStopped, Role, Stopwatch};
use ingest::{Catalog, Ingest};
use ipnet::IpNet;
use pages::Uploads;
use projector::{
    CommitError, Committer, CommitterOptions, Decision, Durability, ProjectorError, StateCommitter,
};
use query::session::Sessions;
use query::verification::Verification;
use query::witnessed::Witnessed;
use query::{Query, Token, Took};
use scim::{CursorKey, Profiles, Registry};
use store::{Options, SecretFolder, Store, StoreError, with_causes};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use witness::PeersError;

use self::bridge::{check_drift, import};
use self::commitments::{AT_STOP, commit_by_schedule, commit_due};
use self::date::dated;
use self::erasure::{Eraser, carry_out};
use self::registry::{keep_metrics_small, render_metrics};
use crate::config::ServeConfig;
use crate::listen::{Refusals, Serving};
use crate::scrub::Scrub;
use crate::signing::{SigningError, SigningKeys};
use crate::start::{self, ClockError, LastAlive, last_alive, own, started};
use crate::tls::Tls;
use crate::unlock::{MasterConfig, UnlockError, check_each_key, check_keys};
use crate::witnesses::{self, Asking, WitnessAt};
use crate::{catalog, client_address, listen};

/// The most requests of one application that wait for the committer at once.
const COMMANDS_MAX: usize = 512;
/// How long a stop waits for connections to end, and then again for the requests that are still
/// running.
const DRAIN_MAX: Duration = Duration::from_secs(8);
/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is invalid; nothing was opened.
    #[error("{0}")]
    Config(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's words.
        #[source]
        source: io::Error,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys of persons cannot be opened.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The log cannot be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The witnesses cannot be asked.
    #[error("--witness")]
    Witnesses(#[from] PeersError),
    /// The clock is wrong, or most likely so.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The log cannot be folded into the rows.
    #[error(transparent)]
    Projector(#[from] ProjectorError),
    /// The resource types cannot be served.
    #[error(transparent)]
    Catalog(#[from] ingest::CatalogError),
    /// The start cannot be recorded.
    #[error("cannot record the start")]
    Commit(#[from] CommitError),
    /// The file of the first token cannot be written.
    #[error("cannot write {}", path.display())]
    AdminToken {
        /// The path of the file.
        path: PathBuf,
        /// The operating system's words.
        #[source]
        source: io::Error,
    },
    /// The operating system refused random bits, signals or a thread.
    #[error("cannot {attempt}: {cause}")]
    System {
        /// What was tried.
        attempt: &'static str,
        /// Its message.
        cause: String,
    },
}

/// The configuration of a server.
pub struct ServerConfig {
    /// Folder of the log.
    pub data: PathBuf,
    /// The URL under which clients reach it, without a slash at the end.
    pub public_url: String,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The memtable of each column family, in bytes.
    pub memtable_bytes: usize,
    /// The schemas and resource types that are served.
    pub registry: Registry,
    /// The profiles that applications can have, for the same registry.
    pub profiles: Profiles,
    /// Requests are refused while less of the disk is free.
    pub disk_reserve_bytes: u64,
    /// The rate at which log and rows are read and verified in the background; 0 for only when somebody
    /// asks.
    pub scrub_bytes_per_second: u64,
    /// The clock that stamps events.
    pub clock: Clock,
    /// Start even if the clock is far behind or ahead of the last event.
    pub accept_clock: bool,
    /// More days ahead of the last recorder's run are refused.
    pub clock_ahead_days_max: u64,
    /// Folder of the tokens and certificates of upstreams; by default the data folder.
    pub upstream_secrets: Option<PathBuf>,
    /// Where the master key is, which wraps the keys of persons.
    pub master: MasterConfig,
    /// The keys that sign the log's checkpoints.
    pub signing: SigningKeys,
    /// Witnesses that are asked to sign the log's checkpoints.
    pub witnesses: Vec<WitnessAt>,
    /// How often they are asked.
    pub witness_every: Duration,
    /// Whether browsers get pages.
    pub pages: bool,
    /// How people sign in with an identity provider, if they may.
    pub sign_in: Option<query::sign_in::Settings>,
    /// The times after a write of unknown outcome at which its resource is read back from the upstream,
    /// ascending.
    pub read_back_after: Vec<Duration>,
}

/// An open log and everything that serves it. Opening it records a start, closing it a stop.
pub struct Server {
    router: Router,
    committer: Committer,
    states: Arc<StateCommitter>,
    thread: JoinHandle<()>,
    tasks: TaskTracker,
    scrub: Option<Scrub>,
    asking: Option<Asking>,
    stopping: CancellationToken,
    /// Cancels `stopping` if the server is dropped without a close: its tasks hold the committer, and
    /// with it the folder.
    _stops_tasks: DropGuard,
    broken_requests: Arc<AtomicU64>,
    trusted_proxies: Vec<IpNet>,
    budget: Budget,
    refusals: Arc<Refusals>,
}

impl Server {
    /// Opens the log, folds what the rows lack, and records the start. The first start writes an admin
    /// token to `DATA/admin.token`.
    ///
    /// # Errors
    /// When the log is damaged, in use, or of a newer format; see [`RunError`].
    pub async fn open(config: ServerConfig) -> Result<Server, RunError> {
        registry::install();
        let options = Options { memtable_bytes: config.memtable_bytes, ..Options::default() };
        let random = getrandom::u64().map_err(no_random)?;
        let store = Store::open(&config.data, &options, random)?;
        if let Some(torn) = store.torn_end() {
            tracing::warn!(
                file = %torn.path.display(),
                offset = torn.offset,
                bytes = torn.bytes,
                events = store.log_size()?,
                "the write-ahead log ended in a record that is not whole: what was written last may be \
                 missing, at most the second before the recorder ended"
            );
        }
        let vault = config.master.unlock(&config.data, &store)?;
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(no_random)?;
        let cursor_key = CursorKey::new(store::secret_file(&config.data, fresh)?);
        let watch = Stopwatch::start();
        let folded = projector::catch_up(&store, |reached, size| {
            tracing::info!(reached, size, "folding events");
        })?;
        tracing::info!(
            log = %store.log_id(),
            events = store.log_size()?,
            folded,
            duration_ms = watch.elapsed().as_secs_f64() * 1e3,
            "the rows are up to date"
        );
        check_keys(&vault, &store)?;
        let unfinished = erasure::repeat(&vault, &store)?;
        check_each_key(&vault, &store, &config.data)?;

        let last_alive = last_alive(&store)?;
        let accepted_days = (!config.accept_clock).then_some(config.clock_ahead_days_max);
        start::check_clock(config.clock.now(), last_alive, accepted_days)?;
        let secrets = config.upstream_secrets.as_deref().unwrap_or(&config.data);
        let secrets = SecretFolder::new(secrets, &config.data);
        let profiles = Arc::new(config.profiles);
        // Before the start is recorded, so that an unknown profile leaves no start in the log.
        Catalog::check(&store.snapshot(), &config.registry, &profiles)?;
        getrandom::fill(&mut fresh).map_err(no_random)?;
        // The first start signs before there is an event.
        let is_signed = store.kept_checkpoint().is_some() || store.log_size()? > 0;
        let signer = config.signing.signer(&config.data, store.log_id(), is_signed, fresh)?;
        let witnesses = witnesses::prepare(&config.witnesses, &config.data, &store)?;
        let store = Arc::new(store);
        let options = CommitterOptions {
            clock: config.clock,
            accept_clock: config.accept_clock,
            commands_max: COMMANDS_MAX,
            disk_reserve_bytes: config.disk_reserve_bytes,
            signer: Some(Arc::new(signer)),
        };
        let (committer, thread) = Committer::start(store, options)?;
        record_start(&committer, last_alive).await?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let budget = Budget::new(processors);
        let tasks = TaskTracker::new();
        let stopping = CancellationToken::new();
        let started = async {
            make_admin_token(&committer, &config.data).await?;
            let catalog = Catalog::open(&committer, config.registry, Arc::clone(&profiles)).await?;
            let ingest = Ingest::new(
                committer.clone(),
                config.public_url.clone(),
                catalog,
                cursor_key.clone(),
                secrets.clone(),
                ingest::Shared {
                    budget: budget.clone(),
                    tasks: tasks.clone(),
                    stopping: stopping.clone(),
                },
            );
            let ingest = Arc::new(ingest.reading_back(config.read_back_after));
            let unsettled = ingest.settle_intents().await?;
            if unsettled > 0 {
                tracing::warn!(
                    unsettled,
                    "requests were on their way to an upstream when the recorder ended"
                );
            }
            ingest.resume_read_backs()?;
            Ok::<_, RunError>(ingest)
        };
        let ingest = match started.await {
            Ok(ingest) => ingest,
            Err(error) => {
                // The start is recorded. Without a stop, this run would look killed.
                record_stop(&committer, thread, 0).await;
                return Err(error);
            }
        };
        let is_secure = config.public_url.starts_with("https://");
        let verification = Arc::new(Verification::default());
        let witnessed = Arc::new(Witnessed::default());
        let eraser = Eraser::new(committer.clone(), vault, stopping.clone());
        for request in unfinished {
            tracing::warn!(seq = request.seq, "an erasure goes on that was not finished");
        }
        let retention = Arc::new(Notify::new());
        tasks.spawn(eraser.clone().retain(Arc::clone(&retention)));
        let states = StateCommitter::new(committer.clone());
        let query = Query {
            committer: committer.clone(),
            states: Arc::clone(&states),
            erase: carry_out(eraser, tasks.clone()),
            retention,
            verification: Arc::clone(&verification),
            witnessed: Arc::clone(&witnessed),
            sessions: Sessions::new(is_secure).map_err(no_random)?,
            public_url: config.public_url,
            metrics: render_metrics(committer.clone(), budget.clone()),
            took: Took::default(),
            budget: budget.clone(),
            cursor_key,
            sign_in: config.sign_in.map(sign_in::sign_in),
            version: env!("CARGO_PKG_VERSION"),
            profiles,
            look: check_drift(Arc::clone(&ingest), committer.clone()),
            import: import(committer.clone()),
            secrets,
        };
        let query = Arc::new(query);
        let mut router = ingest::router(ingest).merge(query::router(Arc::clone(&query)));
        if config.pages {
            let (reserve_bytes, store) = (config.disk_reserve_bytes, Arc::clone(committer.store()));
            let uploads = Uploads {
                folder: config.data.clone(),
                // What the committer knows of the disk may be seconds old: an upload fills it faster.
                has_room: Arc::new(move || {
                    store.disk_free_bytes().is_ok_and(|free| free / 2 > reserve_bytes)
                }),
                tasks: tasks.clone(),
                stopping: stopping.clone(),
            };
            router = pages::serve(router, &query, uploads);
        }
        let trusted_proxies = config.trusted_proxies;
        let router = client_address::behind(router, trusted_proxies.clone());
        let router = dated(router, committer.clone());
        tokio::spawn(keep_metrics_small(stopping.clone()));
        let refusals = Arc::new(Refusals::new(committer.clock().clone()));
        tasks.spawn(record_refusals(committer.clone(), Arc::clone(&refusals), stopping.clone()));
        tasks.spawn(commit_by_schedule(Arc::clone(&states), committer.clone(), stopping.clone()));
        let broken_requests = Arc::default();
        let rate = config.scrub_bytes_per_second;
        let scrub = Scrub::start(committer.clone(), verification, rate);
        let scrub = scrub.inspect_err(|error| {
            tracing::error!(error = with_causes(error), "the scrub could not be started");
        });
        let scrub = scrub.ok();
        let every = config.witness_every;
        let asking = Asking::start(committer.clone(), witnessed, witnesses, every);
        let asking = asking.unwrap_or_else(|error| {
            tracing::error!(error = with_causes(&error), "the witnesses cannot be asked");
            None
        });
        Ok(Server {
            router,
            committer,
            states,
            thread,
            tasks,
            scrub,
            asking,
            _stops_tasks: stopping.clone().drop_guard(),
            stopping,
            broken_requests,
            trusted_proxies,
            budget,
            refusals,
        })
    }

    /// All routes, for calls within the process.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The committer, for reading its store.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Serves until `shutdown` completes, then lets running requests finish and closes. With `tls`,
    /// plain HTTP is refused.
    pub async fn serve(
        self,
        listener: tokio::net::TcpListener,
        tls: Option<Arc<Tls>>,
        shutdown: impl Future<Output = ()>,
    ) {
        let serving = Serving {
            router: self.router.clone(),
            tls,
            trusted_proxies: self.trusted_proxies.clone(),
            budget: self.budget.clone(),
            refusals: Arc::clone(&self.refusals),
            broken_requests: Arc::clone(&self.broken_requests),
        };
        let stopping = self.stopping.clone();
        let shutdown = async move {
            shutdown.await;
            stopping.cancel();
        };
        listen::serve(listener, serving, shutdown, DRAIN_MAX).await;
        self.close().await;
    }

    /// Waits for running requests, records the stop and syncs the log.
    pub async fn close(self) {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests were still running");
        }
        if let Some(scrub) = self.scrub {
            let _ = tokio::task::spawn_blocking(|| scrub.stop()).await;
        }
        drop(self.asking);
        if let Some(refused) = self.refusals.take() {
            record_refused(&self.committer, refused).await;
        }
        commit_due(&self.states, &self.committer, AT_STOP, self.committer.now()).await;
        let broken_requests = self.broken_requests.load(Ordering::Relaxed);
        record_stop(&self.committer, self.thread, broken_requests).await;
        tracing::info!("stopped");
    }
}

/// Records each period in which connections were refused, once it has ended.
async fn record_refusals(
    committer: Committer,
    refusals: Arc<Refusals>,
    stopping: CancellationToken,
) {
    while let Some(refused) = refusals.ended(&stopping).await {
        record_refused(&committer, refused).await;
    }
}

async fn record_refused(committer: &Committer, refused: ConnectionsRefused) {
    let recorded = committer
        .submit(Durability::Synced, move |_, _| {
            let fact = Fact::ConnectionsRefused(refused);
            Ok(Decision { events: vec![own(fact)], reply: () })
        })
        .await;
    if let Err(error) = recorded {
        tracing::error!(error = with_causes(&error), "refused connections could not be recorded");
    }
}

/// Runs `provlog serve` until SIGTERM or SIGINT.
///
/// # Errors
/// When the server cannot start.
pub fn serve(config: &ServeConfig) -> Result<(), RunError> {
    let (registry, profiles) = catalog::load(config.schemas.as_deref(), config.profiles.as_deref())
        .map_err(RunError::Config)?;
    let tls = config.tls_files().and_then(|files| {
        files.map(|(certificate, key)| Tls::read(certificate, key).map(Arc::new)).transpose()
    });
    let tls = tls.map_err(RunError::Config)?;
    let sign_in = config.sign_in().map_err(RunError::Config)?;
    // Before the log is opened, so that a port in use leaves no start in the log.
    let failed = |source| RunError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // By default a burst starts hundreds of threads, each of which keeps some MiB for a while.
        .max_blocking_threads(
            budget::threads_max(processors) + ingest::LOOKUPS_MAX + query::sign_in::WAITING_MAX,
        )
        .build()
        .map_err(|error| RunError::System { attempt: "start", cause: error.to_string() })?;
    runtime.block_on(async {
        let server = Server::open(ServerConfig {
            data: config.data.clone(),
            public_url: config.public_url.clone().unwrap_or_else(|| url.clone()),
            trusted_proxies: config.trusted_proxies.clone(),
            memtable_bytes: usize::try_from(config.memtable_bytes).unwrap_or(usize::MAX),
            registry,
            profiles,
            disk_reserve_bytes: config.disk_reserve_bytes,
            scrub_bytes_per_second: config.scrub_bytes_per_second,
            clock: Clock::System,
            accept_clock: config.accept_clock,
            clock_ahead_days_max: config.clock_ahead_days_max,
            upstream_secrets: config.upstream_secrets.clone(),
            master: config.master.clone(),
            signing: config.signing_keys(),
            witnesses: config.witness.clone(),
            witness_every: Duration::from_secs(config.witness_every_seconds),
            pages: !config.no_pages,
            sign_in,
            read_back_after: config.read_back_after(),
        })
        .await?;
        let prepared = || {
            let shutdown = shutdown_signal()?;
            if let Some(tls) = &tls {
                let hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
                tokio::spawn(renew(Arc::clone(tls), hangup));
            }
            Ok((shutdown, tokio::net::TcpListener::from_std(listener).map_err(failed)?))
        };
        let (shutdown, listener) = match prepared() {
            Ok(prepared) => prepared,
            Err(error) => {
                server.close().await;
                return Err(error);
            }
        };
        // Other programs wait for this line. That nothing may read it is no error.
        let _ = writeln!(io::stdout(), "provlog listening on {url}");
        server.serve(listener, tls, shutdown).await;
        Ok(())
    })
}

/// A future that completes at the first SIGTERM or SIGINT from now on.
///
/// # Errors
/// When no signal handler can be registered.
pub fn shutdown_signal() -> Result<impl Future<Output = ()> + Send + 'static, RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

fn no_signals(error: io::Error) -> RunError {
    RunError::System { attempt: "wait for signals", cause: error.to_string() }
}

/// Reloads the certificate and its key at each SIGHUP.
async fn renew(tls: Arc<Tls>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        let tls = Arc::clone(&tls);
        match tokio::task::spawn_blocking(move || tls.read_again()).await {
            Ok(Ok(())) => tracing::info!("the TLS certificate was read again"),
            Ok(Err(error)) => tracing::error!(error, "the TLS certificate stays what it was"),
            Err(error) => tracing::error!(%error, "the TLS certificate stays what it was"),
        }
    }
}

async fn record_start(
    committer: &Committer,
    last_alive: Option<LastAlive>,
) -> Result<(), CommitError> {
    committer
        .submit(Durability::Synced, move |_, stamp| {
            Ok(Decision { events: vec![own(started(stamp, last_alive))], reply: () })
        })
        .await
}

/// Records the stop and ends the committer; then everything is durable.
async fn record_stop(committer: &Committer, thread: JoinHandle<()>, broken_requests: u64) {
    let mut last = committer.take_unauthenticated_counts();
    last.push(own(Fact::RecorderStopped(RecorderStopped { broken_requests })));
    let stopped = committer
        .submit(Durability::Synced, move |_, _| Ok(Decision { events: last, reply: () }))
        .await;
    if let Err(error) = stopped {
        tracing::error!(error = with_causes(&error), "the stop could not be recorded");
    }
    committer.stop().await;
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
}

/// Issues an admin token if the log has no token yet: without one, nothing could be configured.
async fn make_admin_token(committer: &Committer, data: &Path) -> Result<(), RunError> {
    let no_credential = |view: &projector::View<'_>| -> Result<bool, ProjectorError> {
        Ok(view.next_credential()?.0 == 1)
    };
    {
        let snapshot = committer.store().snapshot();
        if !no_credential(&projector::View::new(&snapshot))? {
            return Ok(());
        }
    }
    let token = Token::generate().map_err(no_random)?;
    // The file is written first, because the log has only the token's hash.
    let path = data.join("admin.token");
    store::replace_file(&path, format!("{}\n", token.as_str()).as_bytes())
        .map_err(|source| RunError::AdminToken { path: path.clone(), source })?;
    let sha256 = token.sha256();
    committer
        .submit(Durability::Synced, move |view, _| {
            let number = view.next_credential()?;
            let fact = Fact::CredentialAdded(CredentialAdded {
                number,
                role: Role::Admin,
                sha256,
                name: Some("made by the first start".to_owned()),
                expires_at: None,
            });
            Ok(Decision { events: vec![own(fact)], reply: () })
        })
        .await?;
    tracing::info!(path = %path.display(), "wrote the first admin token");
    Ok(())
}

fn no_random(error: impl std::fmt::Display) -> RunError {
    RunError::System { attempt: "get random bits", cause: error.to_string() }
}
