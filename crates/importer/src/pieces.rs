//! Sends records: gathers them into pieces of a size that the server accepts, and counts its answers.

use std::ops::ControlFlow;
use std::sync::mpsc;

use entra_log::Record;
use serde_json::{Map, Value};

use crate::Server;

/// A piece is sent once it has this many bytes. With one more record it is still below the server's
/// limit.
const PIECE_BYTES_MAX: usize = 4 << 20;
/// A piece is also handed over after this many broken records, because a file may hold nothing else.
const BROKEN_MAX: usize = 1_000;
/// The most refused records, and entries of other applications, that are listed; the rest is only
/// counted.
const SHOWN_MAX: usize = 100;
const OTHERS_SHOWN_MAX: usize = 10_000;
/// More other applications than these are only counted: a file may name one in each of its records.
const PRINCIPALS_MAX: usize = 1_000;

/// The place of a record: the index of its file, and the line, from 1.
pub type Place = (usize, u64);

/// The parameters of a request.
pub type Parameters = Vec<(&'static str, String)>;

/// Records that are sent together.
#[derive(Default)]
pub(crate) struct Piece {
    parameters: Parameters,
    /// One record per line.
    lines: Vec<u8>,
    places: Vec<Place>,
    /// Records that cannot be read, and why.
    broken: Vec<(Place, String)>,
    /// Its drop tells the waiting receiver of [`Piece::last`] that the piece was handled.
    _done: Option<mpsc::Sender<()>>,
}

/// Gathers records into pieces.
pub(crate) struct Gathering<'a> {
    /// Receives a piece; breaks if nothing sends pieces any more.
    sink: &'a mut dyn FnMut(Piece) -> ControlFlow<()>,
    parameters: &'a Parameters,
    piece: Piece,
}

impl<'a> Gathering<'a> {
    /// Gathers pieces that are sent with these parameters.
    pub(crate) fn new(
        sink: &'a mut dyn FnMut(Piece) -> ControlFlow<()>,
        parameters: &'a Parameters,
    ) -> Gathering<'a> {
        Gathering { sink, parameters, piece: Piece::default() }
    }

    /// Adds a record of a file. Breaks if nothing sends pieces any more.
    pub(crate) fn take(&mut self, file: usize, record: Record) -> ControlFlow<()> {
        let place = (file, record.line);
        match record.text {
            Err(what) => self.piece.broken.push((place, what)),
            Ok(text) => {
                // A record must be one line. JSON strings contain no line break, so the others are only
                // whitespace.
                let flat = text.get().bytes().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    byte => byte,
                });
                self.piece.lines.extend(flat);
                self.piece.lines.push(b'\n');
                self.piece.places.push(place);
            }
        }
        let is_full =
            self.piece.lines.len() >= PIECE_BYTES_MAX || self.piece.broken.len() >= BROKEN_MAX;
        if is_full { self.hand_over() } else { ControlFlow::Continue(()) }
    }

    /// Hands over the current piece.
    pub(crate) fn hand_over(&mut self) -> ControlFlow<()> {
        let piece = std::mem::take(&mut self.piece);
        (self.sink)(Piece { parameters: self.parameters.clone(), ..piece })
    }
}

impl Piece {
    /// A piece without records, and a receiver that disconnects once all earlier pieces were sent, or
    /// nothing sends pieces any more.
    pub(crate) fn last() -> (Piece, mpsc::Receiver<()>) {
        let (done, waiting) = mpsc::channel();
        (Piece { _done: Some(done), ..Piece::default() }, waiting)
    }

    /// Whether nothing is lost if it is not sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.broken.is_empty()
    }

    /// Posts the records and returns the server's answer; `None` without records.
    pub(crate) fn post<S: Server>(
        &self,
        server: &S,
    ) -> Result<Option<Map<String, Value>>, S::Failure> {
        if self.places.is_empty() {
            return Ok(None);
        }
        server.post(&self.parameters, &self.lines).map(Some)
    }
}

/// An application at the provider, and how many of its entries were read.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Principal {
    /// The id of its service principal, if an entry has it.
    pub id: Option<String>,
    /// Its display name. Entries that name no application have neither.
    pub name: Option<String>,
    /// How many of its entries were read.
    pub entries: u64,
    /// How many of them match a recorded request.
    pub joined: u64,
}

impl Principal {
    /// The other applications of a server's answer.
    fn read(answer: &Map<String, Value>) -> impl Iterator<Item = Principal> {
        let all = answer.get("otherApplications").and_then(Value::as_array);
        all.into_iter().flatten().map(|one| Principal {
            id: one["servicePrincipal"].as_str().map(str::to_owned),
            name: one["displayName"].as_str().map(str::to_owned),
            entries: one["entries"].as_u64().unwrap_or_default(),
            joined: one["joined"].as_u64().unwrap_or_default(),
        })
    }

    /// What selects it on the command line: its id, else its name.
    pub(crate) fn key(&self) -> Option<&str> {
        self.id.as_deref().or(self.name.as_deref())
    }

    /// Whether a key selects it.
    pub(crate) fn is(&self, key: Option<&str>) -> bool {
        let key = key.unwrap_or_default();
        match self.key() {
            Some(_) => self.id.iter().chain(&self.name).any(|text| text.eq_ignore_ascii_case(key)),
            None => key.is_empty(),
        }
    }

    /// Its name in messages.
    #[must_use]
    pub fn shown(&self) -> String {
        match (&self.id, &self.name) {
            (Some(id), Some(name)) => format!("{id} ({name})"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "what names no application".to_owned(),
        }
    }

    /// Adds the other applications of a server's answer.
    pub(crate) fn add(all: &mut Vec<Principal>, answer: &Map<String, Value>) {
        Principal::read(answer).for_each(|one| Principal::add_one(all, one));
    }

    /// Adds those that a server's answer lists as imported before, each by its id or name.
    pub(crate) fn add_before(all: &mut Vec<Principal>, answer: &Map<String, Value>) {
        let keys = answer.get("importedServicePrincipals").and_then(Value::as_array);
        let keys = keys.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        keys.for_each(|key| {
            Principal::add_one(all, Principal { name: Some(key), ..Principal::default() });
        });
    }

    /// Adds one. An application known by its name alone is merged with the one that has this name and
    /// an id. Of too many, those that match recorded requests are kept.
    pub(crate) fn add_one(all: &mut Vec<Principal>, one: Principal) {
        let is_it = |known: &Principal| match (&known.id, &one.id) {
            (Some(id), Some(other)) => id.eq_ignore_ascii_case(other),
            _ => known.is(one.key()) || one.is(known.key()),
        };
        let is_full = all.len() >= PRINCIPALS_MAX;
        match all.iter_mut().find(|known| is_it(known)) {
            Some(known) => {
                known.entries += one.entries;
                known.joined += one.joined;
            }
            None if !is_full => all.push(one),
            None if one.joined > 0 => {
                if let Some(place) = all.iter_mut().find(|known| known.joined == 0) {
                    *place = one;
                }
            }
            None => {}
        }
    }
}

/// The results of an import.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Records that were read.
    pub read: u64,
    /// Entries that were recorded.
    pub new: u64,
    /// Entries that had been imported before.
    pub known: u64,
    /// Records that were refused.
    pub refused: u64,
    /// Entries of other logs.
    pub passed_over: u64,
    /// Entries of other applications, which were kept out.
    pub of_others: u64,
    /// The first that were refused, and why.
    pub refusals: Vec<(Place, String)>,
    /// The other applications; of very many, the first.
    pub principals: Vec<Principal>,
    /// Entries of other applications, if the user asked for them: entry id, and the service principal's
    /// id or name.
    pub others: Vec<(Place, String, Option<String>)>,
}

impl Counts {
    fn refuse(&mut self, place: Place, what: String) {
        self.refused += 1;
        if self.refusals.len() < SHOWN_MAX {
            self.refusals.push((place, what));
        }
    }

    /// Sends a piece and counts the results.
    pub(crate) fn send<S: Server>(
        &mut self,
        mut piece: Piece,
        server: &S,
    ) -> Result<(), S::Failure> {
        self.read += piece.broken.len() as u64;
        for (place, what) in std::mem::take(&mut piece.broken) {
            self.refuse(place, what);
        }
        let Some(answer) = piece.post(server)? else { return Ok(()) };
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
        self.read += count("read");
        self.new += count("new");
        self.known += count("known");
        self.passed_over += count("passedOver");
        self.of_others += count("ofOtherApplications");
        Principal::add(&mut self.principals, &answer);
        let list = |name: &str| answer.get(name).and_then(Value::as_array).into_iter().flatten();
        for other in list("others").take(OTHERS_SHOWN_MAX.saturating_sub(self.others.len())) {
            let entry = other["entryId"].as_str().unwrap_or_default().to_owned();
            let principal = other["servicePrincipal"].as_str().map(str::to_owned);
            self.others.push((place(&piece.places, other.get("line")), entry, principal));
        }
        let mut told = 0;
        for refusal in list("refusals") {
            told += 1;
            let place = place(&piece.places, refusal.get("line"));
            self.refuse(place, refusal_text(refusal));
        }
        self.refused += count("refused").saturating_sub(told);
        Ok(())
    }
}

/// The place of a record of a piece.
fn place(places: &[Place], line: Option<&Value>) -> Place {
    let line = line.and_then(Value::as_u64).unwrap_or_default();
    let place = usize::try_from(line).ok().and_then(|line| line.checked_sub(1));
    place.and_then(|place| places.get(place)).copied().unwrap_or_default()
}

fn refusal_text(refusal: &Value) -> String {
    let text = |name: &str| refusal[name].as_str().unwrap_or_default().to_owned();
    match text("path") {
        path if path.is_empty() => text("what"),
        path => format!("{path}: {}", text("what")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_applications_are_bounded() {
        let principal = |at: usize, joined| Principal {
            id: Some(format!("sp-{at}")),
            entries: 2,
            joined,
            ..Principal::default()
        };
        let mut counts = Counts { of_others: 2 * 1_502, ..Counts::default() };
        for at in 0..1_500 {
            Principal::add_one(&mut counts.principals, principal(at, 0));
        }
        for at in [1_500, 1_501, 7] {
            Principal::add_one(&mut counts.principals, principal(at, 1));
        }
        assert_eq!(counts.principals.len(), PRINCIPALS_MAX);
        let joined = counts.principals.iter().filter(|one| one.joined > 0);
        assert_eq!(joined.count(), 3, "what decides whose a file is is not lost");
        let report = crate::Report { counts, ..crate::Report::default() };
        let last = report.lines().pop().unwrap();
        assert_eq!(last, "kept out of applications that are not listed: 1002");
    }
}
