//! The way of an import: which files belong together, what must be known of them, and their records.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use entra_log::{
    DateOrder, Dates, Form, PortalCsv, PortalCsvError, Record, Records, TableCsv, Undecided,
    service_principal_id,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::files::File;
use crate::pieces::{Counts, Gathering, Parameters, Piece, Principal};
use crate::report::Report;
use crate::{Asked, Progress, Server};

/// How the reader of a report says what cannot be decided from the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wording {
    /// How to say the order of dates.
    pub dates: &'static str,
    /// How to choose the service principal.
    pub service_principal: &'static str,
}

/// Files that are imported together: one file, or those of a CSV download.
struct Unit(Vec<usize>);

/// Why a unit was not imported, or only in part.
enum Stop<F> {
    /// One of its files has an error.
    File(usize, String),
    /// The whole unit has an error.
    Unit(String),
    /// The server refused it or cannot be reached.
    Failed(F),
    /// The sending thread has ended, or nobody wants it to go on.
    Broken,
}

/// What is found out about a unit before it is uploaded.
#[derive(Default)]
struct Survey {
    dates: Option<DateOrder>,
    service_principal: Option<String>,
}

/// An import that the server lets begin.
pub struct Begun<'a, S> {
    asked: Asked<'a>,
    server: &'a S,
    /// Whether the server knows which service principal is the application's own.
    knows_own: bool,
    /// The service principals whose entries were imported before.
    before: Vec<Principal>,
}

impl<'a, S: Server> Begun<'a, S> {
    /// Asks the server what it knows. It refuses whoever may not import, before any file is read.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub fn new(asked: Asked<'a>, server: &'a S) -> Result<Begun<'a, S>, S::Failure> {
        let known = server.post(&checking(asked.run), b"")?;
        Ok(Begun::told(asked, server, &known))
    }

    /// The same with what the server said to a request with the parameters of [`checking`] and no records.
    pub fn told(asked: Asked<'a>, server: &'a S, known: &Map<String, Value>) -> Begun<'a, S> {
        let knows_own = tells_own(known);
        let mut before = vec![];
        Principal::add_before(&mut before, known);
        Begun { asked, server, knows_own, before }
    }

    /// Imports files. Each has its name in the report, and the file itself or why it cannot be imported.
    ///
    /// Returns the report, with why the import stopped before its end if it did.
    pub fn import(
        self,
        files: Vec<(String, Result<File, String>)>,
        progress: &dyn Progress,
    ) -> (Report, Option<S::Failure>) {
        let Begun { asked, server, knows_own, before } = self;
        let mut report = Report::default();
        let mut sources = vec![];
        for (place, (name, file)) in files.into_iter().enumerate() {
            report.names.push(name);
            sources.push(file.map_err(|what| report.failed.push((place, what))).ok());
        }
        let is_cut = &AtomicBool::new(false);
        let mut run =
            Run { asked, server, progress, sources, knows_own, before, met: vec![], is_cut };
        // Reads the next piece while the server works on one.
        let (pieces, waiting) = mpsc::sync_channel::<Piece>(1);
        let (stopped, counts, sent) = thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut counts = Counts::default();
                let sent = waiting.into_iter().try_for_each(|piece| {
                    if !piece.is_empty() && !progress.goes_on() {
                        is_cut.store(true, Ordering::Relaxed);
                        return Ok(());
                    }
                    let sent = counts.send(piece, server);
                    progress.counted(&counts);
                    sent
                });
                (counts, sent)
            });
            let mut sink = |piece| match pieces.send(piece) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            let stopped = run.import_all(&mut report.failed, &mut sink);
            drop(pieces);
            let (counts, sent) = sending.join().unwrap_or_else(|panic| resume_unwind(panic));
            (stopped, counts, sent)
        });
        report.counts = counts;
        report.is_cut = is_cut.load(Ordering::Relaxed);
        report.failed.sort_unstable();
        (report, sent.and(stopped).err())
    }
}

/// A running import.
struct Run<'a, S> {
    asked: Asked<'a>,
    server: &'a S,
    progress: &'a dyn Progress,
    sources: Vec<Option<File>>,
    knows_own: bool,
    before: Vec<Principal>,
    /// The service principals whose entries this import adds while the application's own is unknown.
    met: Vec<Principal>,
    /// Whether records are left out because nobody wants the import to go on.
    is_cut: &'a AtomicBool,
}

/// The parameters of every request of an import.
fn of_run(run: u64) -> Parameters {
    vec![("run", format!("{run:x}"))]
}

/// The parameters of a request that imports nothing.
#[must_use]
pub fn checking(run: u64) -> Parameters {
    let mut parameters = of_run(run);
    parameters.push(("check", "true".to_owned()));
    parameters
}

/// Whether an answer to an import says that the server knows the application's own service principal.
fn tells_own(answer: &Map<String, Value>) -> bool {
    answer.get("servicePrincipal").is_some_and(Value::is_string)
}

type Sink<'a> = &'a mut dyn FnMut(Piece) -> ControlFlow<()>;

impl<S: Server> Run<'_, S> {
    /// Imports one unit after the other. Adds errors in files to `failed`.
    fn import_all(
        &mut self,
        failed: &mut Vec<(usize, String)>,
        sink: Sink<'_>,
    ) -> Result<(), S::Failure> {
        for Unit(mut files) in self.units() {
            loop {
                match self.import(&files, sink) {
                    Ok(()) => break,
                    Err(Stop::Failed(failure)) => return Err(failure),
                    // The sending thread reports its failure, if it has one.
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

    fn import(&mut self, files: &[usize], sink: Sink<'_>) -> Result<(), Stop<S::Failure>> {
        let survey = self.survey(files, sink)?;
        let mut parameters = of_run(self.asked.run);
        if let Some(dates) = survey.dates {
            parameters.push(("dates", dates.to_string()));
        }
        if let Some(id) = &survey.service_principal {
            parameters.push(("servicePrincipal", id.clone()));
        }
        if self.asked.lists_others {
            parameters.push(("list", "others".to_owned()));
        }
        self.gather(files, &parameters, false, sink)?;
        self.knows_own |= survey.service_principal.is_some();
        Ok(())
    }

    /// Passes the records to `sink` in pieces, to be posted with these parameters.
    fn gather(
        &self,
        files: &[usize],
        parameters: &Parameters,
        is_survey: bool,
        sink: Sink<'_>,
    ) -> Result<(), Stop<S::Failure>> {
        let mut gathering = Gathering::new(sink, parameters);
        self.each_record(
            files,
            is_survey,
            &mut |file, record| match gathering.take(file, record) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Stop::Broken),
            },
        )?;
        match gathering.hand_over() {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Broken),
        }
    }

    fn survey(&mut self, files: &[usize], sink: Sink<'_>) -> Result<Survey, Stop<S::Failure>> {
        let mut survey = Survey {
            dates: self.asked.dates,
            service_principal: self.asked.service_principal.map(str::to_owned),
        };
        let needs_own = survey.service_principal.is_none() && !self.knows_own;
        let mut only = Only::default();
        if survey.dates.is_none() || needs_own {
            let mut dates = Dates::default();
            self.each_record(files, true, &mut |_, record| {
                if let Ok(text) = &record.text {
                    dates.add(text);
                    only.add(text);
                }
                Ok(())
            })?;
            if survey.dates.is_none() {
                let order = dates.order();
                survey.dates = order.map_err(|error| Stop::Unit(self.undecided(error)))?;
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

    /// Why the order of dates is not decided, and how to say it.
    fn undecided(&self, why: Undecided) -> String {
        why.to_string().replace("`dates`, dmy or mdy", self.asked.wording.dates)
    }

    /// Asks whether the server now knows the application's own service principal. It may have recognised
    /// it in entries sent since the import began.
    fn ask_own(&mut self, sink: Sink<'_>) -> Result<(), Stop<S::Failure>> {
        let (last, sent) = Piece::last();
        if sink(last).is_break() {
            return Err(Stop::Broken);
        }
        // Nothing is ever sent: the channel closes when all earlier pieces have been answered.
        let _ = sent.recv();
        let told = self.server.post(&checking(self.asked.run), b"");
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
    ) -> Result<Option<String>, Stop<S::Failure>> {
        let mut parameters = checking(self.asked.run);
        if let Some(dates) = dates {
            parameters.push(("dates", dates.to_string()));
        }
        let (mut all, mut before): (Vec<Principal>, Vec<Principal>) = (vec![], vec![]);
        let (mut failure, mut knows_own) = (None, false);
        let mut sink = |piece: Piece| match piece.post(self.server) {
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
        let gathered = self.gather(files, &parameters, true, &mut sink);
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
            return Err(Stop::Unit(several(&mut all, self.asked.wording.service_principal)));
        }
        self.met = all;
        Ok(None)
    }

    /// Calls `visit` with each record of a unit, and the place of its file.
    fn each_record(
        &self,
        files: &[usize],
        is_survey: bool,
        visit: &mut dyn FnMut(usize, Record) -> Result<(), Stop<S::Failure>>,
    ) -> Result<(), Stop<S::Failure>> {
        let of = |place: &usize| Some((*place, self.sources.get(*place)?.as_ref()?));
        let sources: Vec<(usize, &File)> = files.iter().filter_map(of).collect();
        let Some((first, source)) = sources.first() else { return Ok(()) };
        let unreadable =
            |error: std::io::Error| Stop::File(*first, format!("cannot be read: {error}"));
        self.progress.begins(*first, source.bytes, is_survey);
        let mut visit = |file, record| match self.progress.goes_on() {
            true => visit(file, record),
            false => {
                self.is_cut.store(true, Ordering::Relaxed);
                Err(Stop::Broken)
            }
        };
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
                let rows_max = self.asked.portal_rows_max;
                let mut records = PortalCsv::new(readers, rows_max).map_err(named)?;
                if let Some((place, source)) = sources.get(records.file_of_entries()) {
                    self.progress.begins(*place, source.bytes, is_survey);
                }
                while let Some(record) = records.next() {
                    let record = record.map_err(unreadable)?;
                    let file = sources.get(record.file).map_or(*first, |(place, _)| *place);
                    visit(file, record)?;
                    self.progress.reached(records.bytes_read());
                }
            }
            Form::LogAnalyticsCsv => {
                let table = TableCsv::new(source.reader().map_err(unreadable)?);
                let mut table = table.map_err(|error| Stop::File(*first, error.to_string()))?;
                while let Some(record) = table.next() {
                    visit(*first, record.map_err(unreadable)?)?;
                    self.progress.reached(table.bytes_read());
                }
            }
            Form::Graph | Form::PortalJson | Form::Stream | Form::LogAnalytics | Form::Audit => {
                let reader = source.reader().map_err(unreadable)?;
                let mut records = Records::new(reader, self.asked.form).map_err(unreadable)?;
                while let Some(record) = records.next() {
                    visit(*first, record.map_err(unreadable)?)?;
                    self.progress.reached(records.bytes_read());
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
fn several(all: &mut [Principal], choose: &str) -> String {
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
         one with {choose}: {}",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::Room;

    /// Notes what is posted; every record is new.
    #[derive(Default)]
    struct Notes(Mutex<Vec<(Parameters, usize)>>);

    impl Server for Notes {
        type Failure = &'static str;

        fn post(
            &self,
            parameters: &[(&'static str, String)],
            lines: &[u8],
        ) -> Result<Map<String, Value>, &'static str> {
            let read = lines.split_inclusive(|byte| *byte == b'\n').count();
            let mut posted = self.0.lock().unwrap();
            if posted.len() >= 2 {
                return Err("gone");
            }
            posted.push((parameters.to_vec(), read));
            let told = json!({"read": read, "new": read, "servicePrincipal": "sp"});
            Ok(told.as_object().unwrap().clone())
        }
    }

    /// Goes on for so many records.
    struct Until(AtomicUsize);

    impl Progress for Until {
        fn begins(&self, _: usize, _: u64, _: bool) {}
        fn reached(&self, _: u64) {}
        fn counted(&self, _: &Counts) {}
        fn goes_on(&self) -> bool {
            self.0.fetch_sub(1, Ordering::Relaxed) > 0
        }
    }

    const FIELDS: Wording = Wording { dates: "the field Dates", service_principal: "the field" };

    fn run(text: &str, records_max: usize) -> (Report, Option<&'static str>, Notes) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        let room = Room::of_system(0, "");
        let file = File::of("log.ndjson".to_owned(), file, None, &room, &|| true);
        let server = Notes::default();
        let asked = Asked {
            run: 171,
            form: None,
            dates: None,
            service_principal: None,
            lists_others: false,
            portal_rows_max: 2,
            wording: FIELDS,
        };
        let begun = Begun::new(asked, &server).unwrap();
        let progress = Until(AtomicUsize::new(records_max));
        let (report, stopped) = begun.import(vec![("log".to_owned(), file)], &progress);
        (report, stopped, server)
    }

    fn entries(time: &str, count: usize) -> String {
        (0..count)
            .map(|at| {
                json!({"id": at.to_string(), "activityDateTime": time, "provisioningAction": "create"})
                    .to_string()
                    + "\n"
            })
            .collect()
    }

    #[test]
    fn what_is_read_is_sent_and_told() {
        let (report, stopped, server) = run(&entries("2026-09-14T08:02:11Z", 3), usize::MAX >> 1);
        assert_eq!(stopped, None);
        assert_eq!(report.summary(), "3 read: 3 new, 0 known, 0 refused");
        assert_eq!((report.lines(), report.wrong()), (vec![], None));
        let posted = server.0.into_inner().unwrap();
        let run = ("run", "ab".to_owned());
        let check = ("check", "true".to_owned());
        assert_eq!(posted, [(vec![run.clone(), check], 0), (vec![run], 3)]);
    }

    #[test]
    fn what_cannot_be_decided_is_said_in_the_words_of_the_reader() {
        let (report, stopped, server) = run(&entries("05/10/2026 08:02:11", 2), usize::MAX >> 1);
        assert_eq!((stopped, report.is_nothing()), (None, true));
        assert!(report.lines()[0].contains("say which with the field Dates"), "{report:?}");
        assert_eq!(report.wrong().as_deref(), Some("none of the files was imported"));
        assert_eq!(server.0.into_inner().unwrap().len(), 1, "nothing was sent");
    }

    #[test]
    fn an_import_stops_when_the_server_is_gone_or_nobody_wants_it() {
        let wide = format!("\"zone\":\"{}\"}}", "z".repeat(1 << 19));
        let wide = entries("2026-09-14T08:02:11Z", 24).replace('}', &format!(",{wide}"));
        let (report, stopped, _) = run(&wide, usize::MAX >> 1);
        assert_eq!((stopped, report.counts.new), (Some("gone"), 8));
        // Each record is looked at twice: to learn the order of dates, and to send it.
        let (report, stopped, _) = run(&entries("2026-09-14T08:02:11Z", 6), 8);
        assert_eq!((stopped, report.counts.new, report.is_cut), (None, 0, true));
        // Then they are sent together.
        for (looks, new, is_cut) in [(12, 0, true), (13, 6, false)] {
            let (report, stopped, _) = run(&entries("2026-09-14T08:02:11Z", 6), looks);
            assert_eq!((stopped, report.counts.new, report.is_cut), (None, new, is_cut));
        }
    }
}
