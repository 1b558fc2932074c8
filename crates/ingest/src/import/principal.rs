//! Which application at the provider the entries are of. A log of a whole tenant tells of all of them, and
//! only the entries of this one may tell of it.

use std::fmt::Write;
use std::ops::ControlFlow;

use entra_log::said::service_principal;
use event::{Action, Application, ResourceType, Seq, Status};
use projector::{Committer, Decision, Durability, Order, ProjectorError, Stamp, View};
use serde_json::{Map, Value};

use super::{ImportError, Options, Ready, type_of};

/// So many service principals are told apart; a tenant has fewer that provision.
const PRINCIPALS_MAX: usize = 1_000;
/// So many entries of each are compared with what was recorded, and so many requests with each.
const COMPARED_MAX: usize = 200;
const REQUESTS_MAX: usize = 16;
/// An entry and the request that it tells of stand no further apart.
const APART_MICROS_MAX: i64 = 120 * 1_000_000;

/// An application at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The id of its service principal, 1 to 256 bytes.
    pub id: String,
    /// Its display name there.
    pub name: Option<String>,
    /// How many of the entries are of it.
    pub entries: u64,
    /// How many of them tell of a request that was recorded here: same id in the application, same
    /// action, both successful, within two minutes. No more than 200 are compared.
    pub joined: u64,
}

impl Principal {
    /// The service principal that an entry is of, with no entries counted.
    pub(super) fn of(body: &Map<String, Value>) -> Option<Principal> {
        let found = service_principal(body)?;
        let is_id = found.id.len() <= event::Imported::CODE_BYTES_MAX;
        let name = found.name.map(str::to_owned);
        is_id.then(|| Principal { id: found.id.to_owned(), name, entries: 0, joined: 0 })
    }
}

/// The ids with their names and numbers of entries, for a message.
pub(super) fn list(principals: &[Principal]) -> String {
    let mut text = String::new();
    for one in principals.iter().take(20) {
        let comma = if text.is_empty() { "" } else { ", " };
        let name = one.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        // Text has no way to fail.
        let _ = match one.entries {
            0 => write!(text, "{comma}{}{name}: imported before", one.id),
            entries => write!(text, "{comma}{}{name}: {entries} entries", one.id),
        };
    }
    if let Some(more) = principals.len().checked_sub(20).filter(|more| *more > 0) {
        let _ = write!(text, ", and {more} more");
    }
    text
}

/// Counts an entry of a service principal.
pub(super) fn count(principals: &mut Vec<Principal>, of: &Principal, entries: u64) {
    let is_full = principals.len() == PRINCIPALS_MAX;
    match principals.iter_mut().find(|one| one.id == of.id) {
        Some(one) => {
            one.entries += entries;
            one.name = one.name.take().or_else(|| of.name.clone());
        }
        None if is_full => {}
        None => principals.push(Principal { entries, ..of.clone() }),
    }
}

/// What the records tell of the application's own service principal.
pub(super) struct Choice {
    pub(super) principals: Vec<Principal>,
    given: Option<String>,
    /// Those whose entries were imported before.
    pub(super) before: Vec<String>,
}

impl Choice {
    /// The application's own, from now on; nothing when there is but one, and nothing proves it.
    pub(super) fn decided(self) -> Result<Option<String>, ImportError> {
        if self.given.is_some() {
            return Ok(self.given);
        }
        let mut joined = self.principals.iter().filter(|one| one.joined > 0);
        let (first, second) = (joined.next(), joined.next());
        if let (Some(own), None) = (first, second) {
            return Ok(Some(own.id.clone()));
        }
        let mut all = self.principals;
        for id in self.before {
            if !all.iter().any(|one| one.id == id) {
                all.push(Principal { id, name: None, entries: 0, joined: 0 });
            }
        }
        if all.len() > 1 { Err(ImportError::Several(all)) } else { Ok(None) }
    }
}

/// One entry that may tell of a recorded request.
struct Compared {
    principal: usize,
    resource_type: ResourceType,
    target: String,
    action: Action,
    at: i64,
}

/// Compares entries with what was recorded.
pub(super) async fn choose(
    committer: &Committer,
    application: Application,
    entries: &[Vec<Ready>],
    options: &Options,
) -> Result<Choice, ImportError> {
    let mut principals: Vec<Principal> = vec![];
    let mut compared: Vec<Compared> = vec![];
    let mut taken: Vec<usize> = vec![];
    for ready in entries.iter().flatten() {
        let Some(of) = &ready.principal else { continue };
        count(&mut principals, of, 1);
        let Some(principal) = principals.iter().position(|one| one.id == of.id) else { continue };
        let writes = !matches!(ready.entry.action, Action::Other | Action::StagedDelete);
        taken.resize(principals.len(), 0);
        let Some(taken) = taken.get_mut(principal) else { continue };
        if let Some(target) = &ready.entry.target_id
            && ready.entry.status == Status::Success
            && writes
            && *taken < COMPARED_MAX
        {
            *taken += 1;
            compared.push(Compared {
                principal,
                resource_type: type_of(&ready.entry),
                target: target.clone(),
                action: ready.entry.action,
                at: ready.entry.occurred_at_us,
            });
        }
    }
    let decide = move |view: &View<'_>, _: Stamp| {
        let mut joined = vec![];
        for one in &compared {
            if tells(view, application, one)? {
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

/// Whether an entry tells of a request that was recorded.
fn tells(
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
