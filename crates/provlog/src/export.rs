//! `provlog export`: saves the whole answer of a question as a zip, or checks that an export is unchanged.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use query::export::{Finding, check};

use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::escaped;

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The address of a list below /api/v1, such as "apps/paperboat/users?at=2026-03-31"
    #[arg(required_unless_present = "check", conflicts_with = "check")]
    question: Option<String>,
    /// File to write the zip to; it must not exist yet
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    out: Option<PathBuf>,
    /// Format of the rows
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Begin CSV with a byte order mark, so that Excel recognises the encoding
    #[arg(long)]
    bom: bool,
    /// Instead, compare an export (zip or folder) with its manifest; exit code 1 if it differs
    #[arg(long, value_name = "PATH")]
    check: Option<PathBuf>,
    #[command(flatten)]
    client: ClientConfig,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Format {
    Csv,
    Ndjson,
}

impl Export {
    pub(crate) fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        if let Some(path) = &self.check {
            return checked(path, output);
        }
        let (Some(question), Some(out)) = (&self.question, &self.out) else {
            return Err(Failure::Wrong("an export takes a question and --out".to_owned()));
        };
        let format = match self.format {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        };
        let path = format!(
            "/api/v1/export?question={}&format={format}&bom={}",
            encoded(question),
            self.bom
        );
        let bytes = save(&Client::new(&self.client)?, &path, out)?;
        output.print(&format!(
            "{} has {bytes} bytes; provlog export --check compares it with its manifest\n",
            escaped(&out.display().to_string())
        ))
    }
}

/// Saves what is at an address as a new file, and returns its length in bytes.
pub(crate) fn save(client: &Client, path: &str, out: &Path) -> Result<u64, Failure> {
    let wrong =
        |error: io::Error| Failure::Wrong(format!("{} cannot be written: {error}", out.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(out).map_err(wrong)?;
    let copied = client.download(path, &mut file);
    let copied = copied.and_then(|bytes| file.flush().map(|()| bytes).map_err(wrong));
    // Leave no incomplete file behind.
    copied.inspect_err(|_| drop(std::fs::remove_file(out)))
}

fn checked(path: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let report = check(path).map_err(|error| Failure::Wrong(error.to_string()))?;
    for file in &report.files {
        let word = match file.finding {
            Finding::Same => "same",
            Finding::Missing => "missing",
            Finding::Differs => "differs",
            Finding::Repeated => "is there twice",
            Finding::NotListed => "is not in the manifest",
        };
        output.print(&format!("{}: {word}\n", escaped(&file.name)))?;
    }
    match report.is_sound() {
        true => Ok(()),
        false => Err(Failure::Failed("the export is not as it was made".to_owned())),
    }
}
