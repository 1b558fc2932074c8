//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::client::{self, Line};
use crate::config::{ClientConfig, ServeConfig};
use crate::{logging, offline, run};

/// The provisioning audit store: a SCIM endpoint that remembers.
#[derive(Parser, Debug)]
#[command(name = "provlog", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the server
    Serve(ServeConfig),
    /// Configure applications of a running server
    #[command(subcommand)]
    App(AppCommand),
    /// Issue tokens of a running server
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make all rows anew from the log and compare them; the server must be stopped
    Rebuild {
        /// Folder of the log
        #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
        data: PathBuf,
    },
    /// Print the digest of all rows; the server must be stopped
    Digest {
        /// Folder of the log
        #[arg(long, env = "PROVLOG_DATA", default_value = "data")]
        data: PathBuf,
    },
}

#[derive(Subcommand, Debug)]
enum AppCommand {
    /// Add an application and print what its identity provider needs
    Add {
        /// Its name in addresses: lower-case letters, digits and hyphens
        slug: String,
        /// The profile by which its requests are judged
        #[arg(long, default_value = "generic")]
        profile: String,
        /// How its clients want to be understood, such as patch_response=empty; see docs/scim.md
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
        settings: Vec<(String, serde_json::Value)>,
        #[command(flatten)]
        client: ClientConfig,
    },
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Issue a token; it is shown this once
    Add {
        /// What it allows
        #[arg(long, value_enum)]
        role: RoleName,
        /// The application it is limited to (roles app-auditor and scim)
        #[arg(long)]
        app: Option<String>,
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
    fn name(self) -> &'static str {
        match self {
            RoleName::Admin => "admin",
            RoleName::Auditor => "auditor",
            RoleName::AppAuditor => "app-auditor",
            RoleName::Scim => "scim",
        }
    }
}

/// Why a command ends without success: one line on stderr and the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command or what it was given is wrong: 2.
    Wrong(String),
    /// The command failed: 1.
    Failed(String),
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a wrong command.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(message)) => {
            let _ = writeln!(std::io::stderr(), "provlog: {message}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            let _ = writeln!(std::io::stderr(), "provlog: {message}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(config) => {
            logging::init(&config.log, config.log_format).map_err(Failure::Wrong)?;
            run::serve(&config).map_err(|error| match error {
                run::RunError::Config(message) => Failure::Wrong(message),
                error => Failure::Failed(with_causes(&error)),
            })
        }
        Command::App(AppCommand::Add { slug, profile, settings, client }) => {
            let settings: serde_json::Map<_, _> = settings.into_iter().collect();
            let body = serde_json::json!({
                "application": slug, "profile": profile, "settings": settings,
            });
            let answer = client::post(&client, "/api/v1/apps", &body)?;
            print_answer(
                &client,
                &answer,
                &[
                    Line("Application", "application"),
                    Line("Tenant URL", "tenantUrl"),
                    Line("Secret token", "secretToken"),
                ],
                "The token is shown this once; the server keeps only its digest.",
            )
        }
        Command::Token(TokenCommand::Add { role, app, client }) => {
            let mut body = serde_json::json!({ "role": role.name() });
            if let Some(app) = app {
                body["application"] = app.into();
            }
            let answer = client::post(&client, "/api/v1/tokens", &body)?;
            print_answer(
                &client,
                &answer,
                &[Line("Role", "role"), Line("Id", "id"), Line("Token", "token")],
                "The token is shown this once; the server keeps only its digest.",
            )
        }
        Command::Rebuild { data } => offline::rebuild(&data),
        Command::Digest { data } => offline::digest(&data),
    }
}

/// `NAME=VALUE`; a value that is no JSON is a text.
fn setting(text: &str) -> Result<(String, serde_json::Value), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("it must look like patch_response=empty".to_owned());
    };
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn print_answer(
    client: &ClientConfig,
    answer: &serde_json::Value,
    lines: &[Line],
    note: &str,
) -> Result<(), Failure> {
    let text = if client.json {
        format!("{answer}\n")
    } else {
        let mut text = String::new();
        for Line(label, member) in lines {
            let value = answer.get(*member).and_then(serde_json::Value::as_str).unwrap_or("");
            text.push_str(&format!("{label:<14}{value}\n"));
        }
        text + "\n" + note + "\n"
    };
    print(&text)
}

/// Prints to stdout; a closed pipe is no failure of ours.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
