//! `provlog import`: files of a provider's log, of any size, split into records and sent in pieces.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Read, Seek, SeekFrom, stderr};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::import::{Form, HEAD_BYTES, PortalCsv, Record, Records, detect};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cli::Failure;
use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::output::Output;
use crate::text::{self, escaped};

/// A request has at most so many bytes, and with one more record less than what the server takes.
const PIECE_BYTES_MAX: usize = 4 << 20;
/// Of a broken file so many records are named; the others are counted.
const REFUSALS_SHOWN_MAX: usize = 100;

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The application that the log is about
    #[arg(long)]
    app: String,
    /// Which form the files have; found out when it is missing
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// The files; the three of the portal's CSV download belong together
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    client: ClientConfig,
}

/// What came of the records.
#[derive(Default)]
struct Counts {
    read: u64,
    new: u64,
    known: u64,
    refused: u64,
    refusals: Vec<Refusal>,
}

struct Refusal {
    file: usize,
    line: u64,
    what: String,
}

impl Import {
    pub(crate) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let forms = self.forms()?;
        let client = Client::new(&self.client)?;
        let run = Uuid::new_v4().as_u64_pair().0;
        let path = format!("/api/v1/apps/{}/imports?run={run:x}", encoded(&self.app));
        let total = self.files.iter().filter_map(|file| file.metadata().ok()).map(|one| one.len());
        let bar = bar(total.sum(), self.client.json);
        let mut sender =
            Sender { client, path, piece: vec![], places: vec![], counts: Counts::default() };
        let sent = match forms.first() {
            Some(Form::PortalCsv) => self.send_csv(&mut sender, &bar),
            _ => self.send_json(&mut sender, &bar),
        };
        bar.finish_and_clear();
        let ended = sent.and_then(|()| sender.flush());
        let counts = sender.counts;
        if let Err(failure) = ended {
            // What was imported so far stays, and an import that is repeated takes it for known.
            output.tell(&format!("{} entries were imported before.\n", counts.new));
            return Err(failure);
        }
        output.print(&self.told(&counts))?;
        match counts.refused {
            0 => Ok(()),
            1 => Err(Failure::Failed("one record was refused".to_owned())),
            count => Err(Failure::Failed(format!("{count} records were refused"))),
        }
    }

    /// The form of each file; CSV and JSON do not go together.
    fn forms(&self) -> Result<Vec<Form>, Failure> {
        let mut forms = vec![];
        for path in &self.files {
            let mut head = vec![];
            let file = open(path)?;
            let read = file.take(HEAD_BYTES as u64).read_to_end(&mut head);
            read.map_err(|error| unreadable(path, &error))?;
            let form = match self.format {
                Some(form) => form,
                None => detect(&name(path), &head)
                    .map_err(|error| Failure::Wrong(format!("{}: {error}", path.display())))?,
            };
            forms.push(form);
        }
        let is_csv = |form: &Form| *form == Form::PortalCsv;
        if forms.iter().any(is_csv) && !forms.iter().all(is_csv) {
            let told =
                "the portal's CSV files are imported by themselves, without JSON beside them";
            return Err(Failure::Wrong(told.to_owned()));
        }
        Ok(forms)
    }

    fn send_csv(&self, sender: &mut Sender, bar: &ProgressBar) -> Result<(), Failure> {
        let mut files = vec![];
        for path in &self.files {
            files.push((name(path), BufReader::new(open(path)?)));
        }
        let mut records =
            PortalCsv::new(files).map_err(|error| Failure::Wrong(error.to_string()))?;
        while let Some(record) = records.next() {
            let first = self.files.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
            sender.take(record.map_err(|error| unreadable(first, &error))?, None)?;
            bar.set_position(records.bytes_read());
        }
        Ok(())
    }

    fn send_json(&self, sender: &mut Sender, bar: &ProgressBar) -> Result<(), Failure> {
        let mut before = 0;
        for (place, path) in self.files.iter().enumerate() {
            let mut file = open(path)?;
            let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
            file.rewind().map_err(|error| unreadable(path, &error))?;
            let mut records =
                Records::new(file, self.format).map_err(|error| unreadable(path, &error))?;
            while let Some(record) = records.next() {
                sender.take(record.map_err(|error| unreadable(path, &error))?, Some(place))?;
                bar.set_position(before + records.bytes_read());
            }
            before += length;
        }
        Ok(())
    }

    fn told(&self, counts: &Counts) -> String {
        let place = |file: usize| match self.files.get(file) {
            Some(path) => path.display().to_string(),
            None => String::new(),
        };
        if self.client.json {
            let refusals = counts
                .refusals
                .iter()
                .map(|one| json!({"file": place(one.file), "line": one.line, "what": one.what}));
            let told = json!({
                "application": self.app,
                "read": counts.read,
                "new": counts.new,
                "known": counts.known,
                "refused": counts.refused,
                "refusals": refusals.collect::<Vec<_>>(),
            });
            return format!("{}\n", text::json(&told));
        }
        let mut told = format!(
            "{} read: {} new, {} known, {} refused\n",
            counts.read, counts.new, counts.known, counts.refused
        );
        for one in &counts.refusals {
            let line = format!("{}:{}: {}", place(one.file), one.line, one.what);
            told.push_str(&escaped(&line));
            told.push('\n');
        }
        let left = counts.refused.saturating_sub(counts.refusals.len() as u64);
        if left > 0 {
            told.push_str(&format!("and {left} more\n"));
        }
        told
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Wrong(format!("{} cannot be read: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A bar for a person who waits; nothing where nobody looks.
fn bar(total_bytes: u64, quiet: bool) -> ProgressBar {
    if quiet || !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total_bytes);
    let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

/// Gathers records and sends them.
struct Sender {
    client: Client,
    path: String,
    piece: Vec<u8>,
    /// File and line of each record of the piece.
    places: Vec<(usize, u64)>,
    counts: Counts,
}

impl Sender {
    fn take(&mut self, record: Record, file: Option<usize>) -> Result<(), Failure> {
        let file = file.unwrap_or(record.file);
        match record.text {
            Err(what) => {
                self.counts.read += 1;
                self.refuse(file, record.line, what);
            }
            Ok(text) => {
                // A record stands in one line; within its texts there is no line's end.
                let flat = text.get().bytes().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    byte => byte,
                });
                self.piece.extend(flat);
                self.piece.push(b'\n');
                self.places.push((file, record.line));
            }
        }
        if self.piece.len() >= PIECE_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    fn refuse(&mut self, file: usize, line: u64, what: String) {
        self.counts.refused += 1;
        if self.counts.refusals.len() < REFUSALS_SHOWN_MAX {
            self.counts.refusals.push(Refusal { file, line, what });
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.places.is_empty() {
            return Ok(());
        }
        let answer = self.client.post_bytes(&self.path, "application/x-ndjson", &self.piece)?;
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
        self.counts.read += count("read");
        self.counts.new += count("new");
        self.counts.known += count("known");
        let refused = count("refused");
        let refusals = answer.get("refusals").and_then(Value::as_array).cloned();
        let refusals = refusals.unwrap_or_default();
        let told = refusals.len() as u64;
        for refusal in &refusals {
            let (file, line) = self.place(refusal.get("line"));
            self.refuse(file, line, refusal_text(refusal.as_object()));
        }
        self.counts.refused += refused.saturating_sub(told);
        self.piece.clear();
        self.places.clear();
        Ok(())
    }

    /// Where a record of the piece stands in its file.
    fn place(&self, line: Option<&Value>) -> (usize, u64) {
        let line = line.and_then(Value::as_u64).unwrap_or_default();
        let place = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
        place.and_then(|place| self.places.get(place)).copied().unwrap_or_default()
    }
}

fn refusal_text(refusal: Option<&Map<String, Value>>) -> String {
    let text = |name: &str| {
        let value = refusal.and_then(|refusal| refusal.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    match text("path") {
        path if path.is_empty() => text("what"),
        path => format!("{path}: {}", text("what")),
    }
}
