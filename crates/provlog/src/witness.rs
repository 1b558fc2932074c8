//! `provlog witness`: a witness for the transparency logs of others.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware;
use axum::response::Response;
use clap::{Args, Subcommand};
use event::Clock;
use store::with_causes;
use tlog::{KeyKind, KeyName, SignerKey, VerifierKey};
use witness::{KnownLog, REQUESTS_MAX, Witness};

use crate::config::{LogFormat, directives};
use crate::failure::Failure;
use crate::listen::{self, Serving};
use crate::output::Output;
use crate::run::shutdown_signal;
use crate::{logging, offline, signing};

/// How long a stop waits for requests in progress.
const DRAIN_MAX: Duration = Duration::from_secs(8);

#[derive(Subcommand, Debug)]
pub(crate) enum WitnessCommand {
    /// Make the key of a witness: write the private key to a file, print the verifier key
    Key {
        /// Name of the witness: its address without http:// or https://, such as witness.example/w1
        name: String,
        /// File for the private key; it must not exist
        #[arg(long, value_name = "FILE", default_value = "witness.key")]
        key: PathBuf,
    },
    /// Run a witness: sign the checkpoints of logs as long as they only grow
    Serve(Box<WitnessConfig>),
}

/// Settings of `provlog witness serve`.
#[derive(Args, Debug)]
pub(crate) struct WitnessConfig {
    /// File of the private key, as `provlog witness key` writes it
    #[arg(long, env = "PROVLOG_WITNESS_KEY", value_name = "FILE")]
    key: PathBuf,

    /// Verifier key of a log to witness; its name is the log's origin. After an equals sign the address
    /// of the log, which only messages show. Once for each log, and once more for each further key
    #[arg(long = "log", value_name = "VKEY[=URL]", required = true, value_parser = known_log)]
    logs: Vec<KnownLog>,

    /// Folder of what was signed; created at the first start. Never go back to an older copy of it
    #[arg(long, env = "PROVLOG_WITNESS_DATA", default_value = "witness-data")]
    data: PathBuf,

    /// Address and port to listen on
    #[arg(long, env = "PROVLOG_WITNESS_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,

    /// Sign although the clock is more than a minute behind the last signature
    #[arg(long)]
    accept_clock: bool,

    /// Format of the log lines on stderr
    #[arg(long, env = "PROVLOG_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// Which log lines to print: a level, or directives such as `info,witness=debug`
    #[arg(long, env = "PROVLOG_LOG", default_value = "info", value_parser = directives)]
    log_level: String,
}

impl WitnessCommand {
    pub(crate) fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            WitnessCommand::Key { name, key } => make_key(&name, &key, output),
            WitnessCommand::Serve(config) => serve(*config),
        }
    }
}

fn make_key(name: &str, path: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let wrong = |error: &dyn std::error::Error| {
        Failure::Wrong(format!("{name} cannot be the name of a witness: {}", with_causes(error)))
    };
    let name = KeyName::parse(name).map_err(|error| wrong(&error))?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::Failed(format!("cannot get random bits: {error}")))?;
    let key = SignerKey::from_seed(name, KeyKind::CosignatureV1, seed);
    let key = key.map_err(|error| wrong(&error))?;
    write_new(path, &format!("{}\n", key.secret_text())).map_err(|error| {
        let path = path.display();
        Failure::Wrong(match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{path} exists already; a key is not overwritten")
            }
            _ => format!("cannot write {path}: {error}"),
        })
    })?;
    output.print(&format!("{}\n", key.verifier()))
}

/// Writes a file that nobody else may read. It must not exist.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read_key(path: &Path) -> Result<SignerKey, Failure> {
    let wrong = |cause| {
        let path = path.display();
        Failure::Wrong(format!("cannot read the key of the witness in {path}: {cause}"))
    };
    signing::read(path).map_err(|error| wrong(with_causes(&error)))
}

/// Parses `VKEY` or `VKEY=URL`. The key may have equals signs of its own.
fn known_log(text: &str) -> Result<KnownLog, String> {
    let starts = ["=http://", "=https://"];
    let (key, url) = match starts.iter().filter_map(|start| text.find(start)).min() {
        Some(at) => (&text[..at], Some(text[at + 1..].to_owned())),
        None => (text, None),
    };
    if url.as_ref().is_some_and(|url| url.chars().any(|one| one.is_control() || one == ' ')) {
        return Err("the address after the key has a space or a control character".to_owned());
    }
    let key = VerifierKey::parse(key).map_err(|error| {
        format!("{}; it must look like NAME+ID+BASE64=https://log.example", with_causes(&error))
    })?;
    Ok(KnownLog { key, url })
}

/// Serves until SIGTERM or SIGINT.
fn serve(config: WitnessConfig) -> Result<(), Failure> {
    logging::init(&config.log_level, config.log_format).map_err(Failure::Wrong)?;
    offline::private_files();
    let key = read_key(&config.key)?;
    let unheard = |error| Failure::Wrong(format!("cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).map_err(unheard)?;
    listener.set_nonblocking(true).map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let witness = Witness::open(&config.data, key, config.logs, now_s, config.accept_clock);
    let witness = witness.map_err(|error| Failure::Wrong(with_causes(&error)))?;
    tracing::info!(verifier_key = %witness.verifier(), "the key of this witness");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(REQUESTS_MAX)
        .build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let shutdown = shutdown_signal().map_err(|error| Failure::Failed(with_causes(&error)))?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(unheard)?;
        let serving = Serving::new(dated(witness::router(Arc::new(witness))), Clock::System);
        // Other programs wait for this line. That nothing may read it is no error.
        let _ = writeln!(io::stdout(), "provlog listening on http://{address}");
        listen::serve(listener, serving, shutdown, DRAIN_MAX).await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// The clock of a witness: seconds since 1970, and 0 before that, at which nothing is signed.
fn now_s() -> u64 {
    u64::try_from(Clock::System.now().0 / 1_000_000).unwrap_or_default()
}

/// The same routes, with a `Date` in each answer (RFC 9110 §6.6.1); the listener writes none.
fn dated(router: Router) -> Router {
    router.layer(middleware::map_response(async |mut response: Response| {
        let date = Clock::System.now().to_http_date();
        if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
            response.headers_mut().insert(DATE, date);
        }
        response
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn a_log_is_a_key_and_perhaps_an_address() {
        let log = known_log(KEY).unwrap();
        assert_eq!((log.key.to_string().as_str(), log.url), (KEY, None));
        for url in ["http://log.example", "https://log.example/a?b=https://c"] {
            let log = known_log(&format!("{KEY}={url}")).unwrap();
            assert_eq!((log.key.to_string().as_str(), log.url.as_deref()), (KEY, Some(url)));
        }
        for wrong in
            ["", "log.example", &format!("{KEY}=log.example"), &format!("{KEY}=http://a b")]
        {
            assert!(known_log(wrong).is_err(), "{wrong}");
        }
    }
}
