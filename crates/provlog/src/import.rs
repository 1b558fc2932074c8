//! `provlog import`: splits files of a provider's log, of any size, into records and uploads them in pieces.
//!
//! A file that cannot be read is reported and the others are still imported. A file may be read more than
//! once: first to find its date order and service principal, then to upload it.

use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use clap::Args;
use entra_log::{
    DateOrder, Dates, Form, PortalCsv, PortalCsvError, Record, Records, TableCsv,
    service_principal_id,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::{self, escaped};
use files::{Source, shown};
use pieces::{Counts, Gathering, Piece, Place, Principal};

mod files;
mod pieces;

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

/// Files that are imported together: one file, or those of a CSV download.
struct Unit(Vec<usize>);

/// Why a unit was not imported, or only in part.
enum Stop {
    /// One of its files has an error.
    File(usize, String),
    /// The whole unit has an error.
    Unit(String),
    /// The server refused it or cannot be reached.
    Failed(Failure),
    /// The sending thread has ended.
    Broken,
}

/// What is found out about a unit before it is uploaded.
#[derive(Default)]
struct Survey {
    dates: Option<DateOrder>,
    service_principal: Option<String>,
}

/// A running import.
struct Run<'a> {
    asked: &'a Import,
    client: &'a Client,
    path: String,
    sources: Vec<Option<Source>>,
    bar: ProgressBar,
    /// Whether the server knows which service principal is the application's own.
    knows_own: bool,
    /// The service principals whose entries were imported before.
    before: Vec<Principal>,
    /// The service principals whose entries this import adds while the application's own is unknown.
    met: Vec<Principal>,
}

impl Import {
    pub(crate) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = Client::new(&self.client)?;
        let number = Uuid::new_v4().as_u64_pair().0;
        let path = format!("/api/v1/apps/{}/imports?run={number:x}", encoded(&self.app));
        let known = client.post_bytes(&format!("{path}&check=true"), NDJSON, b"")?;
        let knows_own = tells_own(&known);

        let mut before = vec![];
        Principal::add_before(&mut before, &known);
        let mut failed: Vec<(usize, String)> = vec![];
        let mut sources: Vec<Option<Source>> = vec![];
        for (place, path) in self.files.iter().enumerate() {
            let opened = Source::open(path, self.format);
            sources.push(opened.map_err(|what| failed.push((place, what))).ok());
        }
        let total_bytes = sources.iter().flatten().map(|source| source.bytes).sum();
        let bar = bar(total_bytes, self.client.json);
        let mut run = Run {
            asked: &self,
            client: &client,
            path,
            sources,
            bar,
            knows_own,
            before,
            met: vec![],
        };
        // Reads the next piece while the server works on one.
        let (pieces, waiting) = mpsc::sync_channel::<Piece>(1);
        let (stopped, counts, sent) = thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut counts = Counts::default();
                let sent = waiting.into_iter().try_for_each(|piece| counts.send(piece, &client));
                (counts, sent)
            });
            let mut sink = |piece| match pieces.send(piece) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            let stopped = run.import_all(&mut failed, &mut sink);
            drop(pieces);
            let (counts, sent) = sending.join().unwrap_or_else(|panic| resume_unwind(panic));
            (stopped, counts, sent)
        });
        run.bar.finish_and_clear();
        if let Err(failure) = sent.and(stopped) {
            // What was imported stays. A repeated import recognises it.
            output.tell(&format!("{} entries were imported before.\n", counts.new));
            return Err(failure);
        }
        failed.sort_unstable();
        if let ([(place, what)], 1) = (failed.as_slice(), self.files.len()) {
            return Err(Failure::Wrong(format!("{}: {what}", self.shown(*place))));
        }
        output.print(&self.told(&counts, &failed))?;
        let files = match failed.len() {
            0 => None,
            count if count == self.files.len() => {
                return Err(Failure::Wrong("none of the files was imported".to_owned()));
            }
            count => Some(format!("{count} of {} files were not imported", self.files.len())),
        };
        let records = match counts.refused {
            0 => None,
            1 => Some("one record was refused".to_owned()),
            count => Some(format!("{count} records were refused")),
        };
        let wrong: Vec<String> = files.into_iter().chain(records).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Failure::Failed(wrong.join(", "))) }
    }

    fn shown(&self, place: usize) -> String {
        self.files.get(place).map(shown).unwrap_or_default()
    }

    fn told(&self, counts: &Counts, failed: &[(usize, String)]) -> String {
        if self.client.json {
            return format!("{}\n", text::json(&self.told_json(counts, failed)));
        }
        let mut told = format!(
            "{} read: {} new, {} known, {} refused",
            counts.read, counts.new, counts.known, counts.refused
        );
        for (what, count) in
            [("of other applications", counts.of_others), ("passed over", counts.passed_over)]
        {
            if count > 0 {
                told.push_str(&format!(", {what}: {count}"));
            }
        }
        told.push('\n');
        let at = |(file, line): Place| format!("{}:{line}", self.shown(file));
        let mut lines = vec![];
        for (file, what) in failed {
            lines.push(format!("{}: {what}", self.shown(*file)));
        }
        for one in &counts.principals {
            lines.push(format!("kept out of {}: {}", one.shown(), one.entries));
        }
        for (place, entry, principal) in &counts.others {
            let of = principal.as_deref().unwrap_or("no application that is named");
            lines.push(format!("{}: entry {entry} of {of}", at(*place)));
        }
        for (place, what) in &counts.refusals {
            lines.push(format!("{}: {what}", at(*place)));
        }
        let left = counts.refused.saturating_sub(counts.refusals.len() as u64);
        if left > 0 {
            lines.push(format!("and {left} more"));
        }
        for line in lines {
            told.push_str(&escaped(&line));
            told.push('\n');
        }
        told
    }

    fn told_json(&self, counts: &Counts, failed: &[(usize, String)]) -> Value {
        let refusals = counts.refusals.iter().map(
            |((file, line), what)| json!({"file": self.shown(*file), "line": line, "what": what}),
        );
        let principals = counts.principals.iter().map(|one| {
            json!({"servicePrincipal": one.id, "displayName": one.name, "entries": one.entries})
        });
        let others = counts.others.iter().map(|((file, line), entry, principal)| {
            json!({"file": self.shown(*file), "line": line, "entryId": entry,
                "servicePrincipal": principal})
        });
        let files =
            failed.iter().map(|(file, what)| json!({"file": self.shown(*file), "what": what}));
        json!({
            "application": self.app,
            "read": counts.read,
            "new": counts.new,
            "known": counts.known,
            "refused": counts.refused,
            "refusals": refusals.collect::<Vec<_>>(),
            "passedOver": counts.passed_over,
            "ofOtherApplications": counts.of_others,
            "otherApplications": principals.collect::<Vec<_>>(),
            "others": others.collect::<Vec<_>>(),
            "failedFiles": files.collect::<Vec<_>>(),
        })
    }
}

const NDJSON: &str = "application/x-ndjson";
const FLAG: &str = "--dates dmy or --dates mdy";

/// Whether an answer to an import says that the server knows the application's own service principal.
fn tells_own(answer: &Map<String, Value>) -> bool {
    answer.get("servicePrincipal").is_some_and(Value::is_string)
}

type Sink<'a> = &'a mut dyn FnMut(Piece) -> ControlFlow<()>;

impl Run<'_> {
    /// Imports one unit after the other. Adds errors in files to `failed`.
    fn import_all(
        &mut self,
        failed: &mut Vec<(usize, String)>,
        sink: Sink<'_>,
    ) -> Result<(), Failure> {
        for Unit(mut files) in self.units() {
            loop {
                match self.import(&files, sink) {
                    Ok(()) => break,
                    Err(Stop::Failed(failure)) => return Err(failure),
                    // The sending thread reports its failure.
                    Err(Stop::Broken) => return Ok(()),
                    Err(Stop::Unit(what)) => {
                        failed.extend(files.iter().map(|file| (*file, what.clone())));
                        break;
                    }
                    Err(Stop::File(file, what)) => {
                        failed.push((file, what));
                        // The other files of a CSV download may still be usable.
                        files.retain(|one| *one != file);
                        if files.is_empty() {
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Groups the files that belong together.
    fn units(&self) -> Vec<Unit> {
        let (mut units, mut portal) = (vec![], vec![]);
        for (place, source) in self.sources.iter().enumerate() {
            match source.as_ref().map(|source| source.form) {
                None => {}
                Some(Form::PortalCsv) => portal.push(place),
                Some(_) => units.push(Unit(vec![place])),
            }
        }
        if !portal.is_empty() {
            units.push(Unit(portal));
        }
        units
    }

    fn import(&mut self, files: &[usize], sink: Sink<'_>) -> Result<(), Stop> {
        let survey = self.survey(files, sink)?;
        let mut path = self.path.clone();
        if let Some(dates) = survey.dates {
            path.push_str(&format!("&dates={dates}"));
        }
        if let Some(id) = &survey.service_principal {
            path.push_str(&format!("&servicePrincipal={}", encoded(id)));
        }
        if self.asked.list_others {
            path.push_str("&list=others");
        }
        self.gather(files, &path, sink)?;
        self.knows_own |= survey.service_principal.is_some();
        Ok(())
    }

    /// Passes the records to `sink` in pieces, to be posted to `path`.
    fn gather(&self, files: &[usize], path: &str, sink: Sink<'_>) -> Result<(), Stop> {
        let mut gathering = Gathering::new(sink, path);
        self.each_record(files, &mut |file, record| match gathering.take(file, record) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Broken),
        })?;
        match gathering.hand_over() {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Broken),
        }
    }

    fn survey(&mut self, files: &[usize], sink: Sink<'_>) -> Result<Survey, Stop> {
        let mut survey = Survey {
            dates: self.asked.dates,
            service_principal: self.asked.service_principal.clone(),
        };
        let needs_own = survey.service_principal.is_none() && !self.knows_own;
        let mut only = Only::default();
        if survey.dates.is_none() || needs_own {
            let mut dates = Dates::default();
            self.each_record(files, &mut |_, record| {
                if let Ok(text) = &record.text {
                    dates.add(text);
                    only.add(text);
                }
                Ok(())
            })?;
            if survey.dates.is_none() {
                survey.dates = dates.order().map_err(|error| {
                    Stop::Unit(error.to_string().replace("`dates`, dmy or mdy", FLAG))
                })?;
            }
        }
        if needs_own && !self.is_known_alone(only) {
            self.ask_own(sink)?;
            if !self.knows_own {
                survey.service_principal = self.own_of(files, survey.dates)?;
            }
        }
        Ok(survey)
    }

    /// Asks whether the server now knows the application's own service principal. It may have recognised
    /// it in entries sent since the import began.
    fn ask_own(&mut self, sink: Sink<'_>) -> Result<(), Stop> {
        let (last, sent) = Piece::last();
        if sink(last).is_break() {
            return Err(Stop::Broken);
        }
        // Nothing is ever sent: the channel closes when all earlier pieces have been answered.
        let _ = sent.recv();
        let told = self.client.post_bytes(&format!("{}&check=true", self.path), NDJSON, b"");
        self.knows_own |= tells_own(&told.map_err(Stop::Failed)?);
        Ok(())
    }

    /// Whether all records, now and before, name the same service principal. Then there is no choice to make,
    /// and the server need not check the files first.
    fn is_known_alone(&mut self, only: Only) -> bool {
        let Some(id) = only.id.filter(|_| !only.is_unsure) else { return false };
        if !self.before.iter().chain(&self.met).all(|one| one.is(Some(&id))) {
            return false;
        }
        self.met = vec![Principal { id: Some(id), ..Principal::default() }];
        true
    }

    /// Which service principal in the files is the application's own. The server compares their entries with
    /// the requests that it recorded. `None` if the server knows already, or if there is only one to choose.
    fn own_of(
        &mut self,
        files: &[usize],
        dates: Option<DateOrder>,
    ) -> Result<Option<String>, Stop> {
        let mut path = format!("{}&check=true", self.path);
        if let Some(dates) = dates {
            path.push_str(&format!("&dates={dates}"));
        }
        let (mut all, mut before): (Vec<Principal>, Vec<Principal>) = (vec![], vec![]);
        let (mut failure, mut knows_own) = (None, false);
        let mut sink = |piece: Piece| match piece.post(self.client) {
            Ok(answer) => {
                for answer in answer.iter() {
                    knows_own |= tells_own(answer);
                    Principal::add(&mut all, answer);
                    Principal::add_before(&mut before, answer);
                }
                ControlFlow::Continue(())
            }
            Err(refused) => {
                failure = Some(refused);
                ControlFlow::Break(())
            }
        };
        let gathered = self.gather(files, &path, &mut sink);
        if let Some(failure) = failure {
            return Err(Stop::Failed(failure));
        }
        gathered?;
        if knows_own {
            // Another client has set it meanwhile.
            self.knows_own = true;
            return Ok(None);
        }
        let joined: Vec<&Principal> = all.iter().filter(|one| one.joined > 0).collect();
        if let [one] = joined.as_slice() {
            return Ok(one.key().map(str::to_owned));
        }
        for one in before.into_iter().chain(self.met.iter().cloned()) {
            Principal::add_one(&mut all, Principal { entries: 0, ..one });
        }
        if all.len() > 1 {
            return Err(Stop::Unit(several(&mut all)));
        }
        self.met = all;
        Ok(None)
    }

    /// Calls `visit` with each record of a unit, and the place of its file.
    fn each_record(
        &self,
        files: &[usize],
        visit: &mut dyn FnMut(usize, Record) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let of = |place: &usize| Some((*place, self.sources.get(*place)?.as_ref()?));
        let sources: Vec<(usize, &Source)> = files.iter().filter_map(of).collect();
        let Some((first, source)) = sources.first() else { return Ok(()) };
        let unreadable =
            |error: std::io::Error| Stop::File(*first, format!("cannot be read: {error}"));
        self.bar.set_length(source.bytes);
        match source.form {
            Form::PortalCsv => {
                let mut readers = vec![];
                for (_, source) in &sources {
                    readers.push((source.name.clone(), source.reader().map_err(unreadable)?));
                }
                let named = |error: PortalCsvError| {
                    let name = error.file();
                    let wrong = sources.iter().find(|(_, one)| Some(one.name.as_str()) == name);
                    Stop::File(wrong.map_or(*first, |(place, _)| *place), error.to_string())
                };
                for record in PortalCsv::new(readers).map_err(named)? {
                    let record = record.map_err(unreadable)?;
                    let file = sources.get(record.file).map_or(*first, |(place, _)| *place);
                    visit(file, record)?;
                }
            }
            Form::LogAnalyticsCsv => {
                let table = TableCsv::new(source.reader().map_err(unreadable)?);
                let mut table = table.map_err(|error| Stop::File(*first, error.to_string()))?;
                while let Some(record) = table.next() {
                    visit(*first, record.map_err(unreadable)?)?;
                    self.bar.set_position(table.bytes_read());
                }
            }
            Form::Graph | Form::PortalJson | Form::Stream | Form::LogAnalytics | Form::Audit => {
                let reader = source.reader().map_err(unreadable)?;
                let mut records = Records::new(reader, self.asked.format).map_err(unreadable)?;
                while let Some(record) = records.next() {
                    visit(*first, record.map_err(unreadable)?)?;
                    self.bar.set_position(records.bytes_read());
                }
            }
        }
        Ok(())
    }
}

/// The service principal that all records name, as far as it can be seen without parsing whole entries.
#[derive(Default)]
struct Only {
    id: Option<String>,
    is_unsure: bool,
}

impl Only {
    fn add(&mut self, record: &RawValue) {
        if self.is_unsure {
            return;
        }
        match (service_principal_id(record), &self.id) {
            (Some(id), None) => self.id = Some(id),
            (Some(id), Some(known)) if known.eq_ignore_ascii_case(&id) => {}
            (Some(_), Some(_)) | (None, _) => self.is_unsure = true,
        }
    }
}

/// The error for files of several applications, with a list of their service principals.
fn several(all: &mut [Principal]) -> String {
    all.sort_by_key(|one| std::cmp::Reverse(one.entries));
    let shown = all.iter().take(20).map(|one| match one.entries {
        0 => format!("{}: imported before", one.shown()),
        entries => format!("{}: {entries} entries", one.shown()),
    });
    let mut shown: Vec<String> = shown.collect();
    if all.len() > shown.len() {
        shown.push(format!("and {} more", all.len() - shown.len()));
    }
    format!(
        "it is of several applications at the provider, and which of them is this one is not known. Choose \
         one with --service-principal ID: {}",
        shown.join(", ")
    )
}

/// A progress bar; hidden if stderr is not a terminal.
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
