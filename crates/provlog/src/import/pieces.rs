//! Records on their way: gathered into pieces that the server takes, and what it says came of them.

use std::ops::ControlFlow;
use std::sync::mpsc;

use entra_log::Record;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::failure::Failure;

/// A request has at most so many bytes, and with one more record less than what the server takes.
const PIECE_BYTES_MAX: usize = 4 << 20;
/// So many broken records are told together; a file may hold nothing else.
const BROKEN_MAX: usize = 1_000;
/// Of a broken file so many records are named; the others are counted. The same of entries of others.
const SHOWN_MAX: usize = 100;
const OTHERS_SHOWN_MAX: usize = 10_000;

/// A record in one of the files: the place among the files, and the line, from 1.
pub(super) type Place = (usize, u64);

/// Records that are sent together.
#[derive(Default)]
pub(super) struct Piece {
    /// Where it is sent to.
    path: String,
    /// One record in each line.
    lines: Vec<u8>,
    places: Vec<Place>,
    /// What is no record.
    broken: Vec<(Place, String)>,
    /// Somebody waits until it was dealt with.
    _done: Option<mpsc::Sender<()>>,
}

/// Gathers records into pieces.
pub(super) struct Gathering<'a> {
    /// Takes a piece; breaks off when nobody sends any more.
    sink: &'a mut dyn FnMut(Piece) -> ControlFlow<()>,
    path: &'a str,
    piece: Piece,
}

impl<'a> Gathering<'a> {
    /// Gathers pieces for an address.
    pub(super) fn new(
        sink: &'a mut dyn FnMut(Piece) -> ControlFlow<()>,
        path: &'a str,
    ) -> Gathering<'a> {
        Gathering { sink, path, piece: Piece::default() }
    }

    /// Takes a record of a file. Breaks off when nobody sends any more.
    pub(super) fn take(&mut self, file: usize, record: Record) -> ControlFlow<()> {
        let place = (file, record.line);
        match record.text {
            Err(what) => self.piece.broken.push((place, what)),
            Ok(text) => {
                // A record stands in one line; within its texts there is no line's end.
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

    /// Hands over what was gathered.
    pub(super) fn hand_over(&mut self) -> ControlFlow<()> {
        let piece = std::mem::take(&mut self.piece);
        (self.sink)(Piece { path: self.path.to_owned(), ..piece })
    }
}

impl Piece {
    /// One without records, and what ends once all before it were sent, or nobody sends any more.
    pub(super) fn last() -> (Piece, mpsc::Receiver<()>) {
        let (done, waiting) = mpsc::channel();
        (Piece { _done: Some(done), ..Piece::default() }, waiting)
    }

    /// Posts the records, and answers what the server says of them; nothing when there are none.
    pub(super) fn post(&self, client: &Client) -> Result<Option<Map<String, Value>>, Failure> {
        if self.places.is_empty() {
            return Ok(None);
        }
        client.post_bytes(&self.path, super::NDJSON, &self.lines).map(Some)
    }
}

/// An application at the provider, and how many entries of it were met.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Principal {
    /// The id of its service principal; nothing where no entry tells it.
    pub(super) id: Option<String>,
    /// Its display name; nothing, and no id either, for entries that name none.
    pub(super) name: Option<String>,
    pub(super) entries: u64,
    /// How many of them tell of a request that the server recorded.
    pub(super) joined: u64,
}

impl Principal {
    /// Those of a server's answer.
    fn read(answer: &Map<String, Value>) -> impl Iterator<Item = Principal> {
        let all = answer.get("otherApplications").and_then(Value::as_array);
        all.into_iter().flatten().map(|one| Principal {
            id: one["servicePrincipal"].as_str().map(str::to_owned),
            name: one["displayName"].as_str().map(str::to_owned),
            entries: one["entries"].as_u64().unwrap_or_default(),
            joined: one["joined"].as_u64().unwrap_or_default(),
        })
    }

    /// What it is chosen by: its id, else its name.
    pub(super) fn key(&self) -> Option<&str> {
        self.id.as_deref().or(self.name.as_deref())
    }

    /// Whether it is what is chosen so.
    pub(super) fn is(&self, key: Option<&str>) -> bool {
        let key = key.unwrap_or_default();
        match self.key() {
            Some(_) => self.id.iter().chain(&self.name).any(|text| text.eq_ignore_ascii_case(key)),
            None => key.is_empty(),
        }
    }

    /// What it is called in what is told of it.
    pub(super) fn shown(&self) -> String {
        match (&self.id, &self.name) {
            (Some(id), Some(name)) => format!("{id} ({name})"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "what names no application".to_owned(),
        }
    }

    /// Adds those of a server's answer to others.
    pub(super) fn add(all: &mut Vec<Principal>, answer: &Map<String, Value>) {
        Principal::read(answer).for_each(|one| Principal::add_one(all, one));
    }

    /// Adds those that a server's answer says to have been imported before, by id, else by name.
    pub(super) fn add_before(all: &mut Vec<Principal>, answer: &Map<String, Value>) {
        let keys = answer.get("importedServicePrincipals").and_then(Value::as_array);
        let keys = keys.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        keys.for_each(|key| {
            Principal::add_one(all, Principal { name: Some(key), ..Principal::default() });
        });
    }

    /// Adds one; what is known by a name alone is the one that has the name beside its id.
    pub(super) fn add_one(all: &mut Vec<Principal>, one: Principal) {
        let is_it = |known: &Principal| match (&known.id, &one.id) {
            (Some(id), Some(other)) => id.eq_ignore_ascii_case(other),
            _ => known.is(one.key()) || one.is(known.key()),
        };
        match all.iter_mut().find(|known| is_it(known)) {
            Some(known) => {
                known.entries += one.entries;
                known.joined += one.joined;
            }
            None => all.push(one),
        }
    }
}

/// What came of the records.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) read: u64,
    pub(super) new: u64,
    pub(super) known: u64,
    pub(super) refused: u64,
    pub(super) passed_over: u64,
    pub(super) of_others: u64,
    pub(super) refusals: Vec<(Place, String)>,
    pub(super) principals: Vec<Principal>,
    /// Entries of others that were asked for: entry and service principal, by its id, else its name.
    pub(super) others: Vec<(Place, String, Option<String>)>,
}

impl Counts {
    fn refuse(&mut self, place: Place, what: String) {
        self.refused += 1;
        if self.refusals.len() < SHOWN_MAX {
            self.refusals.push((place, what));
        }
    }

    /// Sends a piece and counts what came of it.
    pub(super) fn send(&mut self, mut piece: Piece, client: &Client) -> Result<(), Failure> {
        self.read += piece.broken.len() as u64;
        for (place, what) in std::mem::take(&mut piece.broken) {
            self.refuse(place, what);
        }
        let Some(answer) = piece.post(client)? else { return Ok(()) };
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
            let of = other["servicePrincipal"].as_str().map(str::to_owned);
            self.others.push((place(&piece.places, other.get("line")), entry, of));
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

/// Where a record of a piece stands in its file.
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
