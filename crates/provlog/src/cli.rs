//! The command line.

use std::ffi::OsString;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use answers::act::{Act as _, AddedLoginLink, Proof, Prove, SignedNow};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use event::Role;
use serde_json::{Map, Value, json};
use store::with_causes;

use crate::bundle::{BundleArgs, bundle};
use crate::client::{Client, encoded};
use crate::config::{ClientConfig, ServeConfig};
use crate::export::Export;
use crate::failure::Failure;
use crate::import::Import;
use crate::output::Output;
use crate::questions::{self, Question, told};
use crate::run::{RunError, serve as run_server};
use crate::settings::{self, Settings};
use crate::unlock::MasterConfig;
use crate::verify::{
    VerificationCommand, VerifyArgs, VerifyEvidenceArgs, verification, verify, verify_evidence,
};
use crate::witness::WitnessCommand;
use crate::{logging, offline, text};
use query::Issue;

/// The exit code when the command or its arguments are wrong.
const WRONG: u8 = 2;
const FAILED: u8 = 1;

/// Records every SCIM request and answers audit questions about them.
#[derive(Parser, Debug)]
#[command(name = "provlog", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the server
    Serve(Box<ServeConfig>),
    #[command(flatten)]
    Ask(Question),
    /// One that `answers` describes.
    #[command(skip)]
    Described(questions::Described),
    /// Import files of a provider's logs; entries that were imported before are recognised
    Import(Import),
    /// Export the whole answer of a question as a zip with a manifest, or check such a zip
    Export(Export),
    /// Configure the applications of a running server
    #[command(subcommand)]
    App(AppCommand),
    /// Issue, list and revoke tokens of a running server, or issue one for a stopped server
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make a link that signs a browser in, once, with the role of the token
    LoginLink(ClientConfig),
    /// Sign a checkpoint of everything recorded so far, and print it: a file of it shows later that nothing
    /// was changed since
    Checkpoint(ClientConfig),
    /// Prove that an operation is in the log: prints a file that anybody checks offline
    Proof {
        /// Its event id, or the number of its event
        operation: String,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Make a bundle: a file from which anybody derives an answer offline, and sees that nothing was left out
    Bundle(BundleArgs),
    /// Verify the log of a running server, and show what was found
    #[command(subcommand)]
    Verification(VerificationCommand),
    /// Show the settings of the server
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Compute all rows again from the log and compare them with the stored ones; the server must be
    /// stopped
    Rebuild {
        /// Folder of the log
        #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
        data: PathBuf,
        /// Make a new folder from the log alone and leave the old one unchanged, for a database that does
        /// not open
        #[arg(long, value_name = "NEW")]
        into: Option<PathBuf>,
        #[command(flatten)]
        master: MasterConfig,
    },
    /// Read the whole log and all rows, and report damage; the server must be stopped
    Scrub {
        /// Folder of the log
        #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
        data: PathBuf,
    },
    /// Verify that the log is what was signed; the server must be stopped
    Verify(VerifyArgs),
    /// Verify a proof or a bundle offline, without any server
    VerifyEvidence(VerifyEvidenceArgs),
    /// Print the digest of all rows; the server must be stopped
    Digest {
        /// Folder of the log
        #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
        data: PathBuf,
        #[command(flatten)]
        master: MasterConfig,
    },
    /// Witness the logs of others: sign that they only grow
    #[command(subcommand)]
    Witness(WitnessCommand),
}

#[derive(Subcommand, Debug)]
enum ConfigCommand {
    /// Print the settings that `serve` would use, and where each comes from
    Check(Box<ServeConfig>),
}

#[derive(Subcommand, Debug)]
enum AppCommand {
    /// Add an application and print what its identity provider needs
    Add {
        /// Its name in addresses: lower-case letters, digits and hyphens
        slug: String,
        /// Its profile; `provlog profiles` lists them
        #[arg(long, default_value = "generic")]
        profile: String,
        /// A setting of the application, such as patch_response=empty; see docs/scim.md
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
        settings: Vec<(String, Value)>,
        /// Send its requests on to this SCIM base address, and record what it answers
        #[arg(long, value_name = "URL", requires = "upstream_token_file")]
        upstream: Option<String>,
        /// File on the server with the bearer token of the upstream
        #[arg(long, value_name = "FILE", requires = "upstream")]
        upstream_token_file: Option<PathBuf>,
        /// File on the server with the certificates of the authorities to trust (PEM); without it those of
        /// the system
        #[arg(long, value_name = "FILE", requires = "upstream")]
        upstream_ca_file: Option<PathBuf>,
        /// Do not rewrite the upstream's addresses in its answers
        #[arg(long, requires = "upstream")]
        keep_locations: bool,
        /// The upstream never shows the members of groups
        #[arg(long, requires = "upstream")]
        hides_members: bool,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Change an application
    Set {
        /// The application
        slug: String,
        /// Its service principal (enterprise application) at the provider: the id, or the display name if
        /// logs have no ids. Imports then leave out the entries of others
        #[arg(long, value_name = "ID")]
        service_principal: String,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Record all users and groups that the application behind the proxy has; exit code 1 if its list is
    /// incomplete
    Baseline {
        /// The application
        slug: String,
        /// Accept a list that lacks more than a quarter of what the record has
        #[arg(long)]
        accept_shrink: bool,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Compare the application behind the proxy with the record, and record what differs; exit code 1 if
    /// something differs or the list is incomplete
    Drift {
        /// The application
        slug: String,
        /// Accept a list that lacks more than a quarter of what the record has
        #[arg(long)]
        accept_shrink: bool,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Issue a second secret token for an application; both work until the old one is revoked
    Rotate {
        /// The application
        slug: String,
        #[command(flatten)]
        label: Label,
        #[command(flatten)]
        client: ClientConfig,
    },
}

/// What a new token is for, and when it ends.
#[derive(clap::Args, Debug)]
struct Label {
    /// What the token is for; lists and logs show it
    #[arg(long)]
    name: Option<String>,
    /// From when on it is refused: 2027-03-31, 2027-03-31T17:00:00Z, or a length of time from now such as
    /// 90d; without it, it has no end
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Revoke a token: it is refused from the next request on
    Revoke {
        /// Its id, as `token list` shows it
        id: String,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Issue a token; it is shown only this once
    Add {
        /// What the token allows
        #[arg(long, value_enum)]
        role: RoleName,
        /// The application that it is limited to (roles app-auditor and scim)
        #[arg(long)]
        app: Option<String>,
        #[command(flatten)]
        label: Label,
        /// Issue it in this folder while the server is stopped, for a server whose tokens are all lost
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// With --data: go on although the clock is far ahead of the last event
        #[arg(long, requires = "data")]
        accept_clock: bool,
        #[command(flatten)]
        master: MasterConfig,
        #[command(flatten)]
        client: ClientConfig,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum RoleName {
    /// Read everything and configure
    Admin,
    /// Read everything
    Auditor,
    /// Read one application
    AppAuditor,
    /// Provision into one application
    Scim,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            RoleName::Admin => Role::Admin,
            RoleName::Auditor => Role::Auditor,
            RoleName::AppAuditor => Role::AppAuditor,
            RoleName::Scim => Role::Scim,
        }
    }
}

/// Runs the command that the process's arguments give.
pub fn main() -> ExitCode {
    let columns = terminal_columns();
    let (mut out, mut err) = (stdout(), stderr());
    ExitCode::from(run_on(std::env::args_os(), &mut out, columns, &mut err))
}

/// Runs a command and returns its exit code: 0 if it succeeded, 1 if it failed, 2 if the arguments are
/// wrong. The first argument is the program's name. Answers go to `out` without being cut to a width;
/// errors go to `err`.
///
/// Blocks until done. `serve` sets up log lines and signal handlers for the whole process, and prints its
/// ready line to the standard output.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    run_on(arguments, out, None, err)
}

fn run_on(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    columns: Option<usize>,
    err: &mut dyn Write,
) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let failure = match understand(&arguments) {
        Ok(understood) => {
            let mut output = Output::new(out, columns);
            let done = execute(understood, &mut output);
            // If stderr cannot be written, there is nowhere to report it.
            let _ = err.write_all(output.into_told().as_bytes());
            match done {
                Ok(()) => return 0,
                Err(failure) => failure,
            }
        }
        Err(Misunderstood::Failure(failure)) => failure,
        Err(Misunderstood::Clap(error)) => {
            let shown = error.render().to_string();
            // Help and version are answers; all else is a wrong command.
            let (written, code) = match error.use_stderr() {
                true => (err.write_all(shown.as_bytes()), WRONG),
                false => (out.write_all(shown.as_bytes()), 0),
            };
            let _ = written;
            return code;
        }
    };
    let (message, code) = match failure {
        Failure::Closed => return 0,
        Failure::Wrong(message) => (message, WRONG),
        Failure::Failed(message) => (message, FAILED),
    };
    let _ = writeln!(err, "provlog: {}", text::escaped(&message));
    code
}

/// The width of the terminal; `None` if stdout is not one.
fn terminal_columns() -> Option<usize> {
    if !stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// A command with the settings of its configuration file.
struct Understood {
    command: Command,
    matches: ArgMatches,
    settings: Option<Settings>,
}

enum Misunderstood {
    Clap(clap::Error),
    Failure(Failure),
}

impl From<clap::Error> for Misunderstood {
    fn from(error: clap::Error) -> Misunderstood {
        Misunderstood::Clap(error)
    }
}

/// The commands written in this file. Those of questions are added from their descriptions.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Parses the arguments: once to find the configuration file, and again with its settings.
fn understand(arguments: &[OsString]) -> Result<Understood, Misunderstood> {
    let cli = questions::add_to(command());
    let matches = cli.clone().try_get_matches_from(arguments)?;
    if let Some(asked) = questions::find(&matches)? {
        return Ok(Understood { command: Command::Described(asked), matches, settings: None });
    }
    let command = Cli::from_arg_matches(&matches)?.command;
    let Some(path) = config_path(&command) else {
        return Ok(Understood { command, matches, settings: None });
    };
    let settings = Settings::read(path, &serve()).map_err(Misunderstood::Failure)?;
    let cli = cli
        .mut_subcommand("serve", |serve| settings.as_defaults(serve))
        .mut_subcommand("config", |config| {
            config.mut_subcommand("check", |check| settings.as_defaults(check))
        });
    let matches = cli.try_get_matches_from(arguments)?;
    let command = Cli::from_arg_matches(&matches)?.command;
    Ok(Understood { command, matches, settings: Some(settings) })
}

fn config_path(command: &Command) -> Option<&Path> {
    match command {
        Command::Serve(config) | Command::Config(ConfigCommand::Check(config)) => {
            config.config.as_deref()
        }
        _ => None,
    }
}

/// The `serve` command with its arguments.
fn serve() -> clap::Command {
    <ServeConfig as clap::Args>::augment_args(clap::Command::new("serve"))
}

fn execute(understood: Understood, output: &mut Output<'_>) -> Result<(), Failure> {
    let Understood { command, matches, settings } = understood;
    match command {
        Command::Serve(config) => {
            logging::init(&config.log, config.log_format).map_err(Failure::Wrong)?;
            offline::private_files();
            run_server(&config).map_err(|error| match error {
                RunError::Config(message) => Failure::Wrong(message),
                error => Failure::Failed(with_causes(&error)),
            })
        }
        Command::Config(ConfigCommand::Check(config)) => {
            config.tls_files().map_err(Failure::Wrong)?;
            config.sign_in().map_err(Failure::Wrong)?;
            let matches = matches.subcommand_matches("config");
            let matches = matches.and_then(|config| config.subcommand_matches("check"));
            let text = matches.map(|check| settings::effective(&serve(), check, settings.as_ref()));
            output.print(&text.unwrap_or_default())
        }
        Command::Ask(question) => questions::ask(question, output),
        Command::Described(asked) => questions::ask_described(asked, output),
        Command::Import(import) => import.send(output),
        Command::Export(export) => export.run(output),
        Command::App(AppCommand::Set { slug, service_principal, client }) => {
            let path = format!("/api/v1/apps/{}", encoded(&slug));
            let body = serde_json::json!({"servicePrincipal": service_principal});
            let answer = Client::new(&client)?.patch(&path, &body)?;
            output.print(&match client.json {
                true => format!("{}\n", text::json(&answer.into())),
                false => format!(
                    "Imports into {} keep out what is not of {}.\n",
                    text::escaped(&slug),
                    text::escaped(&service_principal)
                ),
            })
        }
        Command::App(AppCommand::Baseline { slug, accept_shrink, client }) => {
            questions::look((&slug, "baseline"), accept_shrink, &client, output)
        }
        Command::App(AppCommand::Drift { slug, accept_shrink, client }) => {
            questions::look((&slug, "drift"), accept_shrink, &client, output)
        }
        Command::App(AppCommand::Add {
            slug,
            profile,
            settings,
            upstream,
            upstream_token_file,
            upstream_ca_file,
            keep_locations,
            hides_members,
            client,
        }) => {
            let settings: Map<_, _> = settings.into_iter().collect();
            let mut body = serde_json::json!({
                "application": slug, "profile": profile, "settings": settings,
            });
            if let Some(url) = upstream {
                body["upstream"] = serde_json::json!({
                    "url": url,
                    "tokenFile": absolute(upstream_token_file)?,
                    "caFile": absolute(upstream_ca_file)?,
                    "rewritesLocations": !keep_locations,
                    "showsMembers": !hides_members,
                });
            }
            let answer = Client::new(&client)?.post("/api/v1/apps", &body)?;
            let lines = [
                ("Application", "application"),
                ("Tenant URL", "tenantUrl"),
                ("Secret token", "secretToken"),
            ];
            output.print(&with_secret(&client, &lines, answer))
        }
        Command::Token(TokenCommand::Add {
            role,
            app,
            label: Label { name, expires },
            data: Some(data),
            accept_clock,
            master,
            client,
        }) => {
            let issue = Issue::new(role.role().name(), app);
            let issue = issue.and_then(|issue| issue.named(name)?.until(expires.as_deref()));
            let issue = issue.map_err(|error| Failure::Wrong(error.to_string()))?;
            let answer = offline::add_token(&data, &master, &issue, accept_clock)?;
            output.print(&with_secret(&client, &TOKEN_LINES, answer))
        }
        Command::Token(TokenCommand::Add { role, app, label, data: None, client, .. }) => {
            let body = new_token(role, app, label);
            let answer = Client::new(&client)?.post("/api/v1/tokens", &body)?;
            output.print(&with_secret(&client, &TOKEN_LINES, answer))
        }
        Command::App(AppCommand::Rotate { slug, label, client }) => {
            let body = new_token(RoleName::Scim, Some(slug), label);
            let answer = Client::new(&client)?.post("/api/v1/tokens", &body)?;
            let lines = [("Application", "application"), ("Id", "id"), ("Secret token", "token")];
            output.print(&with_secret(&client, &lines, answer))?;
            match client.json {
                true => Ok(()),
                false => output.print(
                    "The old one works until `provlog token revoke ID`; `provlog token list` has \
                     its id.\n",
                ),
            }
        }
        Command::Token(TokenCommand::Revoke { id, client }) => {
            let path = format!("/api/v1/tokens/{}", encoded(&id));
            let answer = Client::new(&client)?.delete(&path)?;
            output.print(&match client.json {
                true => format!("{}\n", text::json(&answer.into())),
                false => {
                    let seq = answer.get("revokedSeq").map(text::shown).unwrap_or_default();
                    format!("Token {} is not valid any more (event {seq}).\n", text::escaped(&id))
                }
            })
        }
        Command::LoginLink(client) => {
            let answer = Client::new(&client)?.post("/api/v1/login-links", &json!({}))?;
            output.print(&told(&client, answer, |made: AddedLoginLink| {
                let (url, until) = (text::escaped(&made.url), made.expires_at.second());
                format!("{url}\nOpen it in a browser before {until}; it works once.\n")
            })?)
        }
        Command::Checkpoint(client) => {
            let answer = Client::new(&client)?.post("/api/v1/checkpoint", &json!({}))?;
            output.print(&told(&client, answer, |signed: SignedNow| signed.checkpoint)?)
        }
        Command::Proof { operation, client } => {
            let address = Prove::PATH.replace("{operation}", &encoded(&operation));
            let answer = Client::new(&client)?.get(&address)?;
            output.print(&told(&client, answer, |proof: Proof| proof.proof)?)
        }
        Command::Bundle(args) => bundle(&args, output),
        Command::Verification(command) => verification(&command, output),
        Command::VerifyEvidence(args) => verify_evidence(&args, output),
        Command::Rebuild { data, into, master } => match into {
            Some(into) => offline::rebuild_into(&data, &into, &master, output),
            None => offline::rebuild(&data, &master, output),
        },
        Command::Scrub { data } => offline::scrub(&data, output),
        Command::Verify(args) => verify(&args, output),
        Command::Digest { data, master } => offline::digest(&data, &master, output),
        Command::Witness(command) => command.run(output),
    }
}

/// The request body for a new token.
fn new_token(role: RoleName, app: Option<String>, label: Label) -> Value {
    let members = [("application", app), ("name", label.name), ("expires", label.expires)];
    let given =
        members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
    let mut body: Map<String, Value> = given.collect();
    body.insert("role".to_owned(), role.role().name().into());
    Value::Object(body)
}

/// The labels and members shown of a new token.
const TOKEN_LINES: [(&str, &str); 5] = [
    ("Role", "role"),
    ("Id", "id"),
    ("Name", "name"),
    ("Expires", "expiresAt"),
    ("Token", "token"),
];

/// An absolute path, since the server may run in another folder.
fn absolute(path: Option<PathBuf>) -> Result<Option<PathBuf>, Failure> {
    let path = path.map(std::path::absolute).transpose();
    path.map_err(|error| Failure::Wrong(format!("the path cannot be understood: {error}")))
}

/// Parses `NAME=VALUE`. A value that is not JSON is taken as a text.
fn setting(text: &str) -> Result<(String, Value), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("it must look like patch_response=empty".to_owned());
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// Renders an answer that contains a token: a label and a member per line.
fn with_secret(
    client: &ClientConfig,
    lines: &[(&str, &str)],
    answer: Map<String, Value>,
) -> String {
    if client.json {
        return format!("{}\n", text::json(&answer.into()));
    }
    let mut text = String::new();
    for (label, member) in lines {
        let Some(value) = answer.get(*member).map(text::shown) else { continue };
        text.push_str(&format!("{label:<14}{value}\n"));
    }
    text + "\nThe token is shown this once; the server keeps only its digest.\n"
}
