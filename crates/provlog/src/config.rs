//! Everything that can be set. A flag wins over its environment variable, that over the
//! configuration file (crate::settings), that over the default.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use oidc::RoleMap;
use query::sign_in::Settings;

use crate::logging;
use crate::signing::{self, SigningKeys};
use crate::unlock::MasterConfig;
use crate::witnesses::{WitnessAt, witness_at};

/// A clock that stands more days ahead of the last event is most likely wrong.
pub(crate) const CLOCK_AHEAD_DAYS_MAX: u64 = 365;
/// Replicas of an application lag by seconds; a minute is long for one, and short for who waits.
const READ_BACK_AFTER_MS: [u64; 3] = [0, 5_000, 60_000];
const READ_BACK_AFTER_MS_MAX: u64 = 24 * 3_600_000;

/// Settings of `provlog serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeConfig {
    /// TOML file with further settings; its keys are the flags without the leading hyphens
    #[arg(long, env = "PROVLOG_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder of the log; created at the first start
    #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
    pub data: PathBuf,

    /// Address and port to listen on
    #[arg(long, env = "PROVLOG_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// The address at which clients reach this server, used in every absolute link [default:
    /// http://LISTEN, with a certificate https://LISTEN]
    #[arg(long, env = "PROVLOG_PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// Certificate for TLS, followed by those it depends on (PEM); read again on SIGHUP
    #[arg(long, env = "PROVLOG_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of that certificate (PEM: PKCS#8, PKCS#1 or SEC1)
    #[arg(long, env = "PROVLOG_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Folder of further schemas and resource types, each a *.json file in the form in which
    /// /Schemas and /ResourceTypes show them
    #[arg(long, env = "PROVLOG_SCHEMAS")]
    pub schemas: Option<PathBuf>,

    /// Folder of further profiles of applications, each a *.toml file like those of docs/profiles.md
    #[arg(long, env = "PROVLOG_PROFILES")]
    pub profiles: Option<PathBuf>,

    /// Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8,::1/128
    #[arg(long, env = "PROVLOG_TRUSTED_PROXIES", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Memory for events, and for rows, that are not flushed yet; limits the work of a restart
    #[arg(long, env = "PROVLOG_MEMTABLE_BYTES", default_value_t = store::MEMTABLE_BYTES as u64,
          value_parser = clap::value_parser!(u64).range((64 << 10)..=(1 << 30)))]
    pub memtable_bytes: u64,

    /// Refuse requests with 503 when less of the disk is free; they are still recorded
    #[arg(long, env = "PROVLOG_DISK_RESERVE_BYTES", default_value_t = 512 << 20)]
    pub disk_reserve_bytes: u64,

    /// How fast to verify the log and read the rows in the background; 0 for only when somebody asks
    #[arg(long, env = "PROVLOG_SCRUB_BYTES_PER_SECOND", default_value_t = 4 << 20)]
    pub scrub_bytes_per_second: u64,

    /// Start although the clock is more than a minute behind the last event, or far ahead of it
    #[arg(long, env = "PROVLOG_ACCEPT_CLOCK")]
    pub accept_clock: bool,

    /// Refuse to start when the clock is more days than this ahead of the last event
    #[arg(long, env = "PROVLOG_CLOCK_AHEAD_DAYS_MAX", default_value_t = CLOCK_AHEAD_DAYS_MAX)]
    pub clock_ahead_days_max: u64,

    /// Folder of the tokens and certificates of upstreams; files elsewhere are not read
    /// [default: the data folder]
    #[arg(long, env = "PROVLOG_UPSTREAM_SECRETS", value_name = "FOLDER")]
    pub upstream_secrets: Option<PathBuf>,
    /// When to read a resource behind the proxy again after a write whose outcome is in doubt, in
    /// milliseconds from its answer; only the last read may say that the write did not happen
    #[arg(long, env = "PROVLOG_READ_BACK_AFTER_MS", value_delimiter = ',',
          default_values_t = READ_BACK_AFTER_MS, value_parser = clap::value_parser!(u64).range(..=READ_BACK_AFTER_MS_MAX))]
    pub read_back_after_ms: Vec<u64>,

    #[command(flatten)]
    pub master: MasterConfig,

    /// File of the key that signs checkpoints of the log; given several times, each key signs [default:
    /// DATA/signing.key, made at the first start]
    #[arg(long, env = "PROVLOG_SIGNING_KEY_FILE", value_name = "FILE", value_delimiter = ',')]
    pub signing_key: Vec<PathBuf>,

    /// Witness to ask for a signature of the log's checkpoints: its verifier key, and after an equals
    /// sign its address; may be given several times
    #[arg(long, env = "PROVLOG_WITNESS", value_name = "VKEY=URL", value_delimiter = ',',
          value_parser = witness_at)]
    pub witness: Vec<WitnessAt>,

    /// How often to ask them while the log grows, in seconds
    #[arg(long, env = "PROVLOG_WITNESS_EVERY_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub witness_every_seconds: u64,

    /// Serve no pages for browsers, only the API
    #[arg(long, env = "PROVLOG_NO_PAGES")]
    pub no_pages: bool,

    /// Signing in with an identity provider.
    #[command(flatten)]
    pub oidc: OidcConfig,

    /// Format of the log lines on stderr
    #[arg(long, env = "PROVLOG_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Which log lines to print: a level, or directives such as `info,ingest=debug`
    #[arg(long, env = "PROVLOG_LOG", default_value = "info", value_parser = directives)]
    pub log: String,
}

impl ServeConfig {
    /// The keys that sign checkpoints. The environment may hold one itself, which no setting shows.
    pub(crate) fn signing_keys(&self) -> SigningKeys {
        SigningKeys { files: self.signing_key.clone(), text: std::env::var_os(signing::VARIABLE) }
    }

    /// The same as durations, ascending.
    pub(crate) fn read_back_after(&self) -> Vec<Duration> {
        let mut after: Vec<u64> = self.read_back_after_ms.clone();
        after.sort_unstable();
        after.into_iter().map(Duration::from_millis).collect()
    }

    /// How people sign in with an identity provider, if they may. Reads the secret.
    ///
    /// # Errors
    /// When it is not configured as it must be.
    pub(crate) fn sign_in(&self) -> Result<Option<Settings>, String> {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        let own = || format!("{scheme}://{}", self.listen);
        self.oidc.settings(self.no_pages, &self.public_url.clone().unwrap_or_else(own))
    }

    /// The files of the certificate and its key, when the server speaks TLS. That one needs the other
    /// is no rule of clap's: each may come from the configuration file, whose settings are defaults
    /// there.
    ///
    /// # Errors
    /// When there is only one of them.
    pub(crate) fn tls_files(&self) -> Result<Option<(&Path, &Path)>, String> {
        let alone = |file: &Path, given: &str, missing: &str| {
            format!("{given} is {}, but {missing} is missing: TLS needs both", file.display())
        };
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (Some(certificate), None) => Err(alone(certificate, "--tls-cert", "--tls-key")),
            (None, Some(key)) => Err(alone(key, "--tls-key", "--tls-cert")),
            (None, None) => Ok(None),
        }
    }
}

/// How people sign in with an identity provider. Without these settings they need a token.
#[derive(Args, Clone, Debug)]
pub struct OidcConfig {
    /// Identity provider that people sign in with over OpenID Connect, such as https://id.example;
    /// register PUBLIC-URL/login/oidc/callback there
    #[arg(long, env = "PROVLOG_OIDC_ISSUER", value_name = "URL", value_parser = oidc::issuer)]
    pub oidc_issuer: Option<String>,

    /// Id of this server at the identity provider
    #[arg(long, env = "PROVLOG_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,

    /// File with the secret of this server at the identity provider
    #[arg(long, env = "PROVLOG_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub oidc_client_secret_file: Option<PathBuf>,

    /// What to ask the identity provider for
    #[arg(long, env = "PROVLOG_OIDC_SCOPES", default_value = "openid profile", value_parser = scopes)]
    pub oidc_scopes: String,

    /// Claim of the ID token that gives roles: a text, or a list of texts
    #[arg(long, env = "PROVLOG_OIDC_ROLE_CLAIM", default_value = "roles", value_name = "NAME")]
    pub oidc_role_claim: String,

    /// Which value of the claim gives which role, such as
    /// admins=admin,auditors=auditor,boat-auditors=app-auditor:boat; the first that fits counts
    #[arg(long, env = "PROVLOG_OIDC_ROLE_MAP", value_name = "MAP", value_parser = role_map)]
    pub oidc_role_map: Option<String>,
}

/// Longer secrets are refused.
const SECRET_BYTES_MAX: u64 = 4_096;

impl OidcConfig {
    /// What signing in needs at a server that is reached at `url`, if it is configured. Reads the secret.
    ///
    /// # Errors
    /// When only some of it is configured, the secret cannot be read, there are no pages to sign in at, or what
    /// signs somebody in would be sent without protection.
    pub(crate) fn settings(&self, no_pages: bool, url: &str) -> Result<Option<Settings>, String> {
        let given = [
            ("--oidc-issuer", self.oidc_issuer.is_some()),
            ("--oidc-client-id", self.oidc_client_id.is_some()),
            ("--oidc-client-secret-file", self.oidc_client_secret_file.is_some()),
            ("--oidc-role-map", self.oidc_role_map.is_some()),
        ];
        let (Some(issuer), Some(client), Some(file), Some(map)) = (
            self.oidc_issuer.clone(),
            self.oidc_client_id.clone(),
            &self.oidc_client_secret_file,
            &self.oidc_role_map,
        ) else {
            let Some((one, _)) = given.iter().find(|(_, is_given)| *is_given) else {
                return Ok(None);
            };
            let missing = given.iter().filter(|(_, is_given)| !is_given).map(|(name, _)| *name);
            let missing = missing.collect::<Vec<_>>().join(", ");
            return Err(format!("{one} is set, but signing in with it also needs {missing}"));
        };
        if no_pages {
            return Err("--oidc-issuer is set, but --no-pages leaves no page to sign in at".into());
        }
        if oidc::issuer(url).is_err() {
            return Err(format!(
                "--oidc-issuer is set, but whoever signs in would come back to {url}, where others can read \
                 along: --public-url must be https (http is for this machine only)"
            ));
        }
        Ok(Some(Settings {
            issuer,
            client,
            secret: secret(file)?,
            scopes: self.oidc_scopes.clone(),
            role_claim: self.oidc_role_claim.clone(),
            role_map: map.parse()?,
        }))
    }
}

/// A secret from a file, without the line's end.
fn secret(path: &Path) -> Result<String, String> {
    let name = path.display();
    let read = std::fs::File::open(path).and_then(|file| {
        let mut text = String::new();
        file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)?;
        Ok(text)
    });
    let text = read.map_err(|error| format!("--oidc-client-secret-file {name}: {error}"))?;
    match text.trim() {
        "" => Err(format!("--oidc-client-secret-file {name} is empty")),
        _ if text.len() as u64 > SECRET_BYTES_MAX => {
            Err(format!("--oidc-client-secret-file {name} is longer than {SECRET_BYTES_MAX} bytes"))
        }
        secret => Ok(secret.to_owned()),
    }
}

/// The map of roles: the text stays as it is when it can be understood.
fn role_map(text: &str) -> Result<String, String> {
    text.parse::<RoleMap>().map(|_| text.to_owned())
}

fn scopes(text: &str) -> Result<String, String> {
    match text.split(' ').any(|scope| scope == "openid") {
        true => Ok(text.to_owned()),
        false => Err("it must hold openid".to_owned()),
    }
}

/// Form of the log lines.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How a command reaches a running server.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientConfig {
    /// Address of the running server
    #[arg(long, env = "PROVLOG_SERVER", default_value = "http://127.0.0.1:8080",
          value_parser = public_url)]
    pub server: String,

    /// Certificates of the authorities to trust (PEM), instead of the public ones
    #[arg(long, env = "PROVLOG_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Token for the server; an environment variable or a file is safer
    #[arg(long, env = "PROVLOG_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// File with the token, for example DATA/admin.token
    #[arg(long, env = "PROVLOG_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which log lines: the text stays as it is when it can be understood.
pub(crate) fn directives(text: &str) -> Result<String, String> {
    logging::filter(text).map(|_| text.to_owned())
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse().or_else(|_| {
        let address: Result<IpAddr, _> = text.parse();
        address.map(IpNet::from).map_err(|_| "it must look like 10.0.0.0/8 or ::1".to_owned())
    })
}

fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.trim_matches('/').is_empty() && !rest.contains(['?', '#', ' ']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("it must look like https://audit.example".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_is_configured_whole_or_not_at_all() {
        const URL: &str = "https://audit.example";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "s3cret\n").unwrap();
        let whole = OidcConfig {
            oidc_issuer: Some("https://id.example".into()),
            oidc_client_id: Some("provlog".into()),
            oidc_client_secret_file: Some(file.clone()),
            oidc_scopes: "openid".into(),
            oidc_role_claim: "roles".into(),
            oidc_role_map: Some("a=admin".into()),
        };
        let settings = whole.settings(false, URL).unwrap().unwrap();
        assert_eq!((settings.secret.as_str(), settings.client.as_str()), ("s3cret", "provlog"));
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert!(whole.settings(true, URL).unwrap_err().contains("--no-pages"));
        for url in ["http://127.0.0.1:8080", "http://[::1]:0", "http://localhost:1"] {
            assert!(whole.settings(false, url).is_ok(), "{url}");
        }
        for url in ["http://audit.example", "http://0.0.0.0:8080", "http://192.0.2.1:8080"] {
            assert!(whole.settings(false, url).unwrap_err().contains(url));
        }

        let half = OidcConfig { oidc_client_id: None, oidc_role_map: None, ..whole.clone() };
        let words = half.settings(false, URL).unwrap_err();
        assert_eq!(
            words,
            "--oidc-issuer is set, but signing in with it also needs --oidc-client-id, --oidc-role-map"
        );
        let none = OidcConfig { oidc_issuer: None, oidc_client_secret_file: None, ..half };
        assert!(none.settings(true, URL).unwrap().is_none());

        std::fs::write(&file, " \n").unwrap();
        assert!(whole.settings(false, URL).unwrap_err().contains("is empty"));
        std::fs::write(&file, "x".repeat(5_000)).unwrap();
        assert!(whole.settings(false, URL).unwrap_err().contains("is longer than"));
        std::fs::remove_file(&file).unwrap();
        assert!(whole.settings(false, URL).unwrap_err().contains("No such file"));
    }

    #[test]
    fn public_urls_have_a_scheme_and_a_host_and_lose_their_last_slash() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(public_url(text).ok().as_deref(), expected, "{text}");
        };
        check("https://audit.example/", Some("https://audit.example"));
        check("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("audit.example", None);
        check("https://", None);
        check("https://audit.example?x", None);
    }
}
