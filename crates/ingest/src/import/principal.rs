//! Which application at the provider the entries belong to. A tenant's log covers all of its
//! applications, and only the entries of this one may be imported.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;

use entra_log::said::service_principal;
use event::{Action, Application, ResourceType, Seq, Status};
use projector::{Committer, Decision, Durability, Order, ProjectorError, Stamp, View};
use serde_json::{Map, Value};

use super::{ImportError, Options, ParsedEntry, type_of};

/// At most this many service principals are told apart; a tenant has fewer that provision.
const PRINCIPALS_MAX: usize = 1_000;
/// At most this many entries of each are compared with the record, and each with at most this many
/// requests.
const COMPARED_MAX: usize = 200;
const REQUESTS_MAX: usize = 16;
/// The most by which the times of an entry and of its request may differ.
const APART_MICROS_MAX: i64 = 120 * 1_000_000;

/// An application at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The id of its service principal, 1 to 256 bytes; `None` if no entry gives it.
    pub id: Option<String>,
    /// Its display name there, 1 to 256 bytes; `None`, with no id, for entries that name no service
    /// principal.
    pub name: Option<String>,
    /// How many of the entries belong to it.
    pub entries: u64,
    /// How many of them match a request recorded here: same id in the application, same action, both
    /// successful, within two minutes. At most 200 are compared.
    pub joined: u64,
}

impl Principal {
    /// The service principal of an entry, with no entries counted.
    pub(super) fn of(body: &Map<String, Value>) -> Option<Principal> {
        let found = service_principal(body)?;
        let fits = |text: &&str| text.len() <= event::Imported::CODE_BYTES_MAX;
        let owned = |text: Option<&str>| text.filter(fits).map(str::to_owned);
        let (id, name) = (owned(found.id), owned(found.name));
        (id.is_some() || name.is_some()).then_some(Principal { id, name, entries: 0, joined: 0 })
    }

    /// Stands for the entries that name no service principal.
    pub(super) fn unnamed() -> Principal {
        Principal { id: None, name: None, entries: 0, joined: 0 }
    }

    /// How a user chooses it: its id, else its name.
    pub fn key(&self) -> Option<&str> {
        self.id.as_deref().or(self.name.as_deref())
    }

    /// Whether the chosen id or name is its own.
    fn is(&self, chosen: &str) -> bool {
        self.id.iter().chain(&self.name).any(|text| text.eq_ignore_ascii_case(chosen))
    }
}

/// The applications with their numbers of entries, for a message.
pub(super) fn list(principals: &[Principal]) -> String {
    let mut text = String::new();
    for one in principals.iter().take(20) {
        let comma = if text.is_empty() { "" } else { ", " };
        let name = one.id.as_ref().and(one.name.as_ref());
        let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
        let key = one.key().unwrap_or("entries that name none");
        // Writing to a string cannot fail.
        let _ = match one.entries {
            0 => write!(text, "{comma}{key}{name}: imported before"),
            entries => write!(text, "{comma}{key}{name}: {entries} entries"),
        };
    }
    if let Some(more) = principals.len().checked_sub(20).filter(|more| *more > 0) {
        let _ = write!(text, ", and {more} more");
    }
    text
}

/// The applications that the entries of one request belong to. Ids and names are compared without
/// letter case.
#[derive(Default)]
pub(super) struct Applications {
    all: Vec<Principal>,
    /// Index into `all`, by id.
    by_id: BTreeMap<String, usize>,
    /// Index into `all`, by name; `None` if several have the name.
    by_name: BTreeMap<String, Option<usize>>,
    /// Those whose entries give only a name.
    of_names: BTreeMap<String, Principal>,
    /// How many entries name none.
    unnamed: u64,
}

impl Applications {
    pub(super) fn add(&mut self, of: Option<&Principal>) {
        let Some(of) = of else {
            self.unnamed += 1;
            return;
        };
        let Some(id) = &of.id else {
            let Some(name) = &of.name else { return };
            let is_full = self.of_names.len() == PRINCIPALS_MAX;
            match self.of_names.get_mut(&name.to_ascii_lowercase()) {
                Some(one) => one.entries += 1,
                None if is_full => {}
                None => {
                    let one = Principal { entries: 1, ..of.clone() };
                    self.of_names.insert(name.to_ascii_lowercase(), one);
                }
            }
            return;
        };
        let place = match self.by_id.get(&id.to_ascii_lowercase()) {
            Some(place) => *place,
            None if self.all.len() == PRINCIPALS_MAX => return,
            None => {
                self.all.push(of.clone());
                self.by_id.insert(id.to_ascii_lowercase(), self.all.len() - 1);
                self.all.len() - 1
            }
        };
        let Some(one) = self.all.get_mut(place) else { return };
        one.entries += 1;
        let Some(name) = &of.name else { return };
        one.name.get_or_insert_with(|| name.clone());
        let named = self.by_name.entry(name.to_ascii_lowercase()).or_insert(Some(place));
        if *named != Some(place) {
            *named = None;
        }
    }

    /// The one with an id that has this name.
    fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied().flatten()
    }

    /// All of them. Entries with a name alone count for the one that has this name and an id.
    pub(super) fn all(&self) -> Vec<Principal> {
        let mut all = self.all.clone();
        for (name, of) in &self.of_names {
            match self.named(name).and_then(|place| all.get_mut(place)) {
                Some(one) => one.entries += of.entries,
                None => all.push(of.clone()),
            }
        }
        all
    }

    /// All of them, and the entries that name none.
    pub(super) fn counted(&self) -> Vec<Principal> {
        let mut all = self.all();
        if self.unnamed > 0 {
            all.push(Principal { entries: self.unnamed, ..Principal::unnamed() });
        }
        all
    }

    /// Index into `all` of the one that an entry names.
    fn place(&self, of: &Principal) -> Option<usize> {
        match (&of.id, &of.name) {
            (Some(id), _) => self.by_id.get(&id.to_ascii_lowercase()).copied(),
            (None, Some(name)) => self.named(name),
            (None, None) => None,
        }
    }

    /// Its index in the result of [`Applications::all`].
    fn place_in(&self, all: &[Principal], of: &Principal) -> Option<usize> {
        let is_it = |one: &Principal| {
            one.id.is_none() && of.id.is_none() && one.is(of.key().unwrap_or_default())
        };
        self.place(of).or_else(|| all.iter().position(is_it))
    }

    /// Whether an entry belongs to the chosen application; `None` if the entry alone does not say.
    pub(super) fn is_own(of: Option<&Principal>, own: &str) -> Option<bool> {
        let of = of?;
        // An entry may lack the name beside its id, and the application may be chosen by its name.
        let is_whole = of.id.is_some() && of.name.is_some();
        if of.is(own) { Some(true) } else { is_whole.then_some(false) }
    }

    /// Whether any entry belongs to another application than the chosen one, once all were added.
    pub(super) fn has_others(&self, own: &str) -> bool {
        let is_alone =
            |one: &Principal| one.id.is_none() && self.all.is_empty() && self.of_names.len() == 1;
        !self.all().iter().all(|one| one.is(own) || is_alone(one))
    }

    /// Whether an entry belongs to the chosen application, once all were added. An entry that names
    /// none, or only a name without an id, counts as its own while there is no other application.
    pub(super) fn is_of(&self, of: Option<&Principal>, own: &str, has_others: bool) -> bool {
        if let Some(is_own) = Applications::is_own(of, own) {
            return is_own;
        }
        if let Some(one) = of.and_then(|of| self.all.get(self.place(of)?)) {
            return one.is(own);
        }
        let is_of_id = of.is_some_and(|of| of.id.is_some());
        !is_of_id && !has_others
    }
}

/// What the records say about the application's own service principal.
pub(super) struct Choice {
    pub(super) principals: Vec<Principal>,
    given: Option<String>,
    /// Those whose entries were imported before, by id or else name.
    pub(super) before: Vec<String>,
}

impl Choice {
    /// The application's own service principal from now on; `None` if there is only one and no request
    /// confirms it.
    pub(super) fn decided(self) -> Result<Option<String>, ImportError> {
        if self.given.is_some() {
            return Ok(self.given);
        }
        let mut joined = self.principals.iter().filter(|one| one.joined > 0);
        let (first, second) = (joined.next(), joined.next());
        if let (Some(own), None) = (first, second) {
            return Ok(own.key().map(str::to_owned));
        }
        let mut all = self.principals;
        for key in self.before {
            if !all.iter().any(|one| one.is(&key)) {
                all.push(Principal { name: Some(key), ..Principal::unnamed() });
            }
        }
        if all.len() > 1 { Err(ImportError::Several(all)) } else { Ok(None) }
    }
}

/// An entry that may match a recorded request.
struct Compared {
    principal: usize,
    resource_type: ResourceType,
    target: String,
    action: Action,
    at: i64,
}

/// Finds the application's own service principal by comparing entries with recorded requests.
pub(super) async fn choose(
    committer: &Committer,
    application: Application,
    entries: &[Vec<ParsedEntry>],
    options: &Options,
) -> Result<Choice, ImportError> {
    let mut applications = Applications::default();
    entries.iter().flatten().for_each(|parsed| applications.add(parsed.principal.as_ref()));
    let mut principals = applications.all();
    let mut compared: Vec<Compared> = vec![];
    let mut counts: Vec<usize> = vec![0; principals.len()];
    for parsed in entries.iter().flatten() {
        let Some(of) = &parsed.principal else { continue };
        let Some(principal) = applications.place_in(&principals, of) else { continue };
        let writes = !matches!(parsed.entry.action, Action::Other | Action::StagedDelete);
        let Some(count) = counts.get_mut(principal) else { continue };
        if let Some(target) = &parsed.entry.target_id
            && parsed.entry.status == Status::Success
            && writes
            && *count < COMPARED_MAX
        {
            *count += 1;
            compared.push(Compared {
                principal,
                resource_type: type_of(&parsed.entry),
                target: target.clone(),
                action: parsed.entry.action,
                at: parsed.entry.occurred_at_us,
            });
        }
    }
    let decide = move |view: &View<'_>, _: Stamp| {
        let mut joined = vec![];
        for one in &compared {
            if matches_recorded(view, application, one)? {
                joined.push(one.principal);
            }
        }
        let row = view.application_of(application)?;
        let before = row.map(|row| row.imported_principals).unwrap_or_default();
        Ok(Decision { events: vec![], reply: (joined, before) })
    };
    let (joined, before) = committer.submit(Durability::Appended, decide).await?;
    for place in joined {
        if let Some(one) = principals.get_mut(place) {
            one.joined += 1;
        }
    }
    principals.sort_by_key(|one| std::cmp::Reverse(one.entries));
    Ok(Choice { principals, given: options.service_principal.clone(), before })
}

/// Whether an entry matches a recorded request.
fn matches_recorded(
    view: &View<'_>,
    application: Application,
    entry: &Compared,
) -> Result<bool, ProjectorError> {
    let number = view.number_of_id(application, entry.resource_type, &entry.target)?;
    let Some(number) = number else { return Ok(false) };
    let (mut left, mut found) = (REQUESTS_MAX, false);
    view.operations_of(application, number, 0..Seq::MAX, Order::NewestFirst, &mut |one| {
        let is_near = one.recorded_at.0.abs_diff(entry.at) <= APART_MICROS_MAX.unsigned_abs();
        let changes = [Action::Update, Action::Disable];
        let is_same = one.action == entry.action
            || (changes.contains(&one.action) && changes.contains(&entry.action));
        found = one.number == number && is_near && is_same && one.status == Status::Success;
        left -= 1;
        let is_before = one.recorded_at.0 < entry.at.saturating_sub(APART_MICROS_MAX);
        match found || left == 0 || is_before {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(found)
}
