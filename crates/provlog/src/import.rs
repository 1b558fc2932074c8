//! `provlog import`: imports files of a provider's log, of any size.

use std::fs::File;
use std::io::{IsTerminal, stderr, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use importer::{Asked, Begun, Counts, DateOrder, Form, Progress, Room, Server, Wording};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::{self, escaped};

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The application that the log is about
    #[arg(long)]
    app: String,
    /// The form of the files; recognised without it
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// Whether the day or the month comes first in dates such as 05/10/2026: dmy or mdy; without it,
    /// decided from all dates of a file
    #[arg(long, value_name = "ORDER")]
    dates: Option<DateOrder>,
    /// The service principal (enterprise application) of this application at the provider: its id, or its
    /// display name if the log has no ids; it is kept for later imports
    #[arg(long, value_name = "ID")]
    service_principal: Option<String>,
    /// List each entry of another application; these are not imported
    #[arg(long)]
    list_others: bool,
    /// The files, also compressed with gzip; name the three of the portal's CSV download together; `-` is
    /// the standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    client: ClientConfig,
}

/// The file name that means standard input.
const STDIN: &str = "-";
/// The most that is copied from a pipe, and that a file may unpack to.
const COPIED_BYTES_MAX: u64 = 64 << 30;
const NDJSON: &str = "application/x-ndjson";

const FLAGS: Wording =
    Wording { dates: "--dates dmy or --dates mdy", service_principal: "--service-principal ID" };

/// The import address of an application, over HTTP.
struct Address<'a> {
    client: &'a Client,
    app: &'a str,
}

impl Server for Address<'_> {
    type Failure = Failure;

    fn post(
        &self,
        parameters: &[(&'static str, String)],
        lines: &[u8],
    ) -> Result<Map<String, Value>, Failure> {
        let pairs = parameters.iter().map(|(name, text)| format!("{name}={}", encoded(text)));
        let pairs: Vec<String> = pairs.collect();
        let path = format!("/api/v1/apps/{}/imports?{}", encoded(self.app), pairs.join("&"));
        self.client.post_bytes(&path, NDJSON, lines)
    }
}

/// Shows the progress on a terminal.
struct Bar(ProgressBar);

impl Progress for Bar {
    fn begins(&self, _: usize, bytes: u64, _: bool) {
        self.0.set_length(bytes);
    }

    fn reached(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    fn counted(&self, _: &Counts) {}
}

impl Import {
    pub(crate) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = Client::new(&self.client)?;
        let address = Address { client: &client, app: &self.app };
        let asked = Asked {
            run: Uuid::new_v4().as_u64_pair().0,
            form: self.format,
            dates: self.dates,
            service_principal: self.service_principal.as_deref(),
            lists_others: self.list_others,
            portal_rows_max: importer::PORTAL_ROWS_MAX,
            wording: FLAGS,
        };
        let begun = Begun::new(asked, &address)?;
        let files = self.files.iter().map(|path| (shown(path), opened(path, self.format)));
        let bar = Bar(bar(self.client.json));
        let (report, stopped) = begun.import(files.collect(), &bar);
        bar.0.finish_and_clear();
        if let Some(failure) = stopped {
            // What was imported stays. A repeated import recognises it.
            output.tell(&format!("{} entries were imported before.\n", report.counts.new));
            return Err(failure);
        }
        if let ([(_, what)], [name]) = (report.failed.as_slice(), report.names.as_slice()) {
            return Err(Failure::Wrong(format!("{name}: {what}")));
        }
        let told = match self.client.json {
            true => format!("{}\n", text::json(&report.json(&self.app))),
            false => {
                let mut told = format!("{}\n", report.summary());
                for line in report.lines() {
                    told.push_str(&escaped(&line));
                    told.push('\n');
                }
                told
            }
        };
        output.print(&told)?;
        match report.wrong() {
            None => Ok(()),
            Some(wrong) if report.is_nothing() => Err(Failure::Wrong(wrong)),
            Some(wrong) => Err(Failure::Failed(wrong)),
        }
    }
}

/// The name of a file in messages.
fn shown(path: &PathBuf) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Opens a file. A pipe can be read only once, so it is copied like standard input.
fn opened(path: &Path, form: Option<Form>) -> Result<importer::File, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let room = Room::of_system(COPIED_BYTES_MAX, "is longer than 64 GiB");
    let file = if path == Path::new(STDIN) {
        room.keep(stdin().lock(), COPIED_BYTES_MAX, None)?
    } else {
        let file = File::open(path).map_err(cannot)?;
        let kind = file.metadata().map_err(cannot)?;
        match kind.is_file() {
            true => file,
            false if kind.is_dir() => return Err("is a folder".to_owned()),
            false => room.keep(file, COPIED_BYTES_MAX, None)?,
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // What it unpacks to has room of its own.
    importer::File::of(
        name,
        file,
        form,
        &Room::of_system(COPIED_BYTES_MAX, "is longer than 64 GiB"),
        &|| true,
    )
}

/// A progress bar; hidden if stderr is not a terminal.
fn bar(quiet: bool) -> ProgressBar {
    if quiet || !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::opened;

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(opened(folder.path(), None).err().unwrap(), "is a folder");
        let missing = opened(Path::new("/nowhere/at/all.json"), None);
        assert!(missing.err().unwrap().starts_with("cannot be read"));
    }
}
