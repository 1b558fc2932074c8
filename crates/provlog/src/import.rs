//! `provlog import`: files of a provider's log, of any size, split into records and sent in pieces.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Read, Seek, SeekFrom, stderr};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

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
/// So many broken records are told together; a file may hold nothing else.
const BROKEN_MAX: usize = 1_000;
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
        // The next piece is read while the server works on one.
        let (pieces, waiting) = mpsc::sync_channel(1);
        let (read, counts, sent) = thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut counts = Counts::default();
                let sent =
                    waiting.into_iter().try_for_each(|piece| counts.send(piece, &client, &path));
                (counts, sent)
            });
            let mut gathering = Gathering { pieces, piece: Piece::default() };
            let read = match forms.first() {
                Some(Form::PortalCsv) => self.read_csv(&mut gathering, &bar),
                _ => self.read_json(&mut gathering, &bar),
            };
            let _ = gathering.hand_over(); // the sender says what was wrong
            drop(gathering);
            let (counts, sent) = sending.join().unwrap_or_else(|panic| resume_unwind(panic));
            (read, counts, sent)
        });
        bar.finish_and_clear();
        if let Err(failure) = sent.and(read) {
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

    fn read_csv(&self, gathering: &mut Gathering, bar: &ProgressBar) -> Result<(), Failure> {
        let mut files = vec![];
        for path in &self.files {
            files.push((name(path), BufReader::new(open(path)?)));
        }
        let mut records =
            PortalCsv::new(files).map_err(|error| Failure::Wrong(error.to_string()))?;
        while let Some(record) = records.next() {
            let first = self.files.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
            let record = record.map_err(|error| unreadable(first, &error))?;
            let file = record.file;
            if gathering.take(record, file).is_break() {
                break;
            }
            bar.set_position(records.bytes_read());
        }
        Ok(())
    }

    fn read_json(&self, gathering: &mut Gathering, bar: &ProgressBar) -> Result<(), Failure> {
        let mut before = 0;
        for (place, path) in self.files.iter().enumerate() {
            let mut file = open(path)?;
            let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
            file.rewind().map_err(|error| unreadable(path, &error))?;
            let mut records =
                Records::new(file, self.format).map_err(|error| unreadable(path, &error))?;
            while let Some(record) = records.next() {
                let record = record.map_err(|error| unreadable(path, &error))?;
                if gathering.take(record, place).is_break() {
                    return Ok(());
                }
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

/// Records that are sent together.
#[derive(Default)]
struct Piece {
    /// One record in each line.
    lines: Vec<u8>,
    /// File and line of each.
    places: Vec<(usize, u64)>,
    /// What is no record.
    broken: Vec<Refusal>,
}

/// Gathers records into pieces.
struct Gathering {
    pieces: SyncSender<Piece>,
    piece: Piece,
}

impl Gathering {
    /// Breaks off when nobody sends any more.
    fn take(&mut self, record: Record, file: usize) -> ControlFlow<()> {
        match record.text {
            Err(what) => self.piece.broken.push(Refusal { file, line: record.line, what }),
            Ok(text) => {
                // A record stands in one line; within its texts there is no line's end.
                let flat = text.get().bytes().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    byte => byte,
                });
                self.piece.lines.extend(flat);
                self.piece.lines.push(b'\n');
                self.piece.places.push((file, record.line));
            }
        }
        let is_full =
            self.piece.lines.len() >= PIECE_BYTES_MAX || self.piece.broken.len() >= BROKEN_MAX;
        if is_full { self.hand_over() } else { ControlFlow::Continue(()) }
    }

    fn hand_over(&mut self) -> ControlFlow<()> {
        let piece = std::mem::take(&mut self.piece);
        match self.pieces.send(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Counts {
    fn refuse(&mut self, refusal: Refusal) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_SHOWN_MAX {
            self.refusals.push(refusal);
        }
    }

    /// Sends a piece and counts what came of it.
    fn send(&mut self, piece: Piece, client: &Client, path: &str) -> Result<(), Failure> {
        let Piece { lines, places, broken } = piece;
        self.read += broken.len() as u64;
        broken.into_iter().for_each(|refusal| self.refuse(refusal));
        if places.is_empty() {
            return Ok(());
        }
        let answer = client.post_bytes(path, "application/x-ndjson", &lines)?;
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
        self.read += count("read");
        self.new += count("new");
        self.known += count("known");
        let refusals = answer.get("refusals").and_then(Value::as_array);
        let refusals = refusals.map(Vec::as_slice).unwrap_or_default();
        for refusal in refusals {
            let (file, line) = place(&places, refusal.get("line"));
            self.refuse(Refusal { file, line, what: refusal_text(refusal.as_object()) });
        }
        self.refused += count("refused").saturating_sub(refusals.len() as u64);
        Ok(())
    }
}

/// Where a record of a piece stands in its file.
fn place(places: &[(usize, u64)], line: Option<&Value>) -> (usize, u64) {
    let line = line.and_then(Value::as_u64).unwrap_or_default();
    let place = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    place.and_then(|place| places.get(place)).copied().unwrap_or_default()
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
