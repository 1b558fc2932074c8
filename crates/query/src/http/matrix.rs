//! Who was in which groups, as a matrix.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use answers::row::{Compared, Holder, Matrix, MatrixCell, MatrixGroup};
use answers::{AccessMatrix, Moment};
use event::{Application, Number, ResourceType, Seq};
use projector::{MemberSince, View};
use store::key::Set;

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::as_of::resource_of;
use crate::coverage::{Coverage, NO_MEMBERSHIPS};
use crate::error::Error;
use crate::history::nested_members_among;
use crate::imported_accounts::is_only_imported;
use crate::name::parted;
use crate::person::{identity, is_privileged, member_type};
use crate::record::Record;
use crate::type_names::TypeNames;

/// More columns are not read at a glance, and each costs the reading of all its members.
pub const GROUPS_MAX: usize = 50;

impl Answered for AccessMatrix {
    /// By number.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<AccessMatrix>, Error> {
        let row_of = asked.application(&self.app)?;
        let application = row_of.number;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let ends = Ends { at: stand.at_seq, earlier: stand.compare.map(|(_, seq)| seq) };
        let groups = groups(&self, asked, record, application, ends)?;
        let (now, earlier) = (Side::read(record, application, ends.at, &groups, self.nested)?, {
            let side = ends.earlier;
            side.map(|seq| Side::read(record, application, seq, &groups, self.nested))
                .transpose()?
        });
        let sides = Sides { now, earlier };

        let mut numbers = sides.members();
        if self.all_users {
            for seq in ends.each() {
                let users = Set::Existing(ResourceType::USER);
                let users = record.view.members(application, users, seq)?;
                numbers.extend(users.iter().map(|user| user.member));
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        let slice = stand.slice();
        let begin =
            slice.after.map_or(0, |after| numbers.partition_point(|number| *number <= after));
        let left = &numbers[begin..];
        let page = &left[..left.len().min(slice.limit)];
        let next = page.last().filter(|_| page.len() < left.len());
        let next = next.map(|number| stand.next(number.0.into()));

        let mut starts = Starts { is_proxied: row_of.upstream.is_some(), known: BTreeMap::new() };
        let types = TypeNames::read(&record.view)?;
        let rows = page.iter().map(|number| {
            let cells = sides.cells(record, &mut starts, *number)?;
            holder(record, &types, (application, *number), ends.at, cells)
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;

        let columns = groups.iter().zip(&sides.now.columns).map(|(group, members)| {
            let found = resource_of(&record.view, application, *group, ends.at)?;
            let who = identity(record, application, *group, ends.at)?;
            Ok(MatrixGroup {
                group_id: who.id,
                group_name: who.display_name,
                exists: resource::existence(&found).0,
                privileged: is_privileged(record, application, *group, ends.at)?,
                member_count: members.len() as u64,
            })
        });
        let columns = columns.collect::<Result<Vec<_>, Error>>()?;
        let mut coverage = Coverage::at(record, &stand, &[application])?;
        if is_only_imported(record, application)? {
            coverage = coverage.with(NO_MEMBERSHIPS);
        }
        let found = Found::new(record, &stand, &coverage).about(application, Number::NOBODY);
        let matrix = Matrix { groups: columns, nested: self.nested };
        Ok(found.beside(matrix).rows(rows, numbers.len() as u64, next))
    }
}

/// The last event up to the instant, and to the earlier one if there is one.
#[derive(Clone, Copy)]
struct Ends {
    at: Option<Seq>,
    earlier: Option<Option<Seq>>,
}

impl Ends {
    /// Those that are after the first event.
    fn each(self) -> impl Iterator<Item = Seq> {
        [self.at, self.earlier.flatten()].into_iter().flatten()
    }
}

/// The groups of the matrix: those that are named, or all that existed.
fn groups(
    question: &AccessMatrix,
    asked: &Asked<'_>,
    record: &Record<'_>,
    application: Application,
    ends: Ends,
) -> Result<Vec<Number>, Error> {
    let view = &record.view;
    let Some(names) = &question.groups else {
        let mut all = vec![];
        for seq in ends.each() {
            let groups = view.members(application, Set::Existing(ResourceType::GROUP), seq)?;
            all.extend(groups.iter().map(|group| group.member));
        }
        all.sort_unstable();
        all.dedup();
        return match all.len() {
            0..=GROUPS_MAX => Ok(all),
            there => Err(Error::TooManyGroups { there, groups_max: GROUPS_MAX }),
        };
    };
    let names = parted(&names.0).filter(|names| {
        (1..=GROUPS_MAX).contains(&names.len()) && names.iter().all(|name| !name.is_empty())
    });
    let mut groups = vec![];
    for name in names.ok_or_else(|| asked.refusal("groups"))? {
        let kind = ResourceType::GROUP;
        let number = resource::named(view, application, kind, &name, ends.at)?.number;
        if !groups.contains(&number) {
            groups.push(number);
        }
    }
    Ok(groups)
}

/// A member of a group: the event that added it, and whether it is a direct member.
#[derive(Clone, Copy)]
struct Standing {
    member: Number,
    since: Seq,
    direct: bool,
}

/// The members of each group at one instant, ascending by number.
struct Side {
    columns: Vec<Vec<Standing>>,
}

impl Side {
    fn read(
        record: &Record<'_>,
        application: Application,
        at: Option<Seq>,
        groups: &[Number],
        is_nested: bool,
    ) -> Result<Side, Error> {
        let Some(at) = at else { return Ok(Side { columns: vec![vec![]; groups.len()] }) };
        let view = &record.view;
        let existing = view.members(application, Set::Existing(ResourceType::GROUP), at)?;
        let columns = groups.iter().map(|group| {
            if existing.binary_search_by_key(group, |one| one.member).is_err() {
                return Ok(vec![]);
            }
            column(view, (application, *group), at, &existing, is_nested)
        });
        Ok(Side { columns: columns.collect::<Result<_, Error>>()? })
    }

    /// The membership of a number in the group of a column.
    fn standing(&self, column: usize, number: Number) -> Option<Standing> {
        let members = self.columns.get(column)?;
        let place = members.binary_search_by_key(&number, |one| one.member).ok()?;
        members.get(place).copied()
    }
}

fn column(
    view: &View<'_>,
    (application, group): (Application, Number),
    at: Seq,
    existing: &[MemberSince],
    is_nested: bool,
) -> Result<Vec<Standing>, Error> {
    if !is_nested {
        let members = view.members(application, Set::Members(group), at)?.into_iter();
        let direct = |MemberSince { member, since }| Standing { member, since, direct: true };
        return Ok(members.map(direct).collect());
    }
    let reached = nested_members_among(view, application, group, at, existing)?;
    let reached = reached.iter().map(|one| Standing {
        member: one.number,
        since: one.since,
        direct: one.via.is_empty(),
    });
    Ok(reached.collect())
}

/// The memberships at the instant, and at the earlier one if there is one.
struct Sides {
    now: Side,
    earlier: Option<Side>,
}

impl Sides {
    /// Everybody who is in one of the groups, some of them repeatedly.
    fn members(&self) -> Vec<Number> {
        let sides = std::iter::once(&self.now).chain(&self.earlier);
        sides.flat_map(|side| &side.columns).flatten().map(|one| one.member).collect()
    }

    /// The cells of a row.
    fn cells(
        &self,
        record: &Record<'_>,
        starts: &mut Starts,
        number: Number,
    ) -> Result<Vec<Option<MatrixCell>>, Error> {
        let cells = (0..self.now.columns.len()).map(|column| {
            let now = self.now.standing(column, number);
            let earlier = self.earlier.as_ref().map(|side| side.standing(column, number));
            let compared = earlier.and_then(|earlier| match (earlier, now) {
                (None, Some(_)) => Some(Compared::Added),
                (Some(_), None) => Some(Compared::Removed),
                (Some(_), Some(_)) => Some(Compared::Same),
                (None, None) => None,
            });
            if now.is_none() && compared.is_none() {
                return Ok(None);
            }
            let start = now.map(|now| starts.of(record, now.since)).transpose()?;
            let (member_since, start_known) = start.unzip();
            Ok(Some(MatrixCell {
                member_since,
                added_by_seq: now.map(|now| now.since),
                start_known,
                direct: now.map(|now| now.direct),
                compared,
            }))
        });
        cells.collect()
    }
}

/// When memberships began. Many of them began with the same event.
struct Starts {
    is_proxied: bool,
    known: BTreeMap<Seq, (Moment, bool)>,
}

impl Starts {
    /// The time of an event, and whether it is the start.
    fn of(&mut self, record: &Record<'_>, seq: Seq) -> Result<(Moment, bool), Error> {
        Ok(match self.known.entry(seq) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(free) => {
                let start_known = resource::start_known(record, self.is_proxied, seq)?;
                free.insert((record.moment(seq)?, start_known)).clone()
            }
        })
    }
}

fn holder(
    record: &Record<'_>,
    types: &TypeNames,
    (application, number): (Application, Number),
    at: Option<Seq>,
    cells: Vec<Option<MatrixCell>>,
) -> Result<Holder, Error> {
    let version = match at {
        Some(at) => record.view.version(application, number, at)?,
        None => None,
    };
    let version = version.filter(|version| version.state.is_some());
    let user = version.as_ref().filter(|one| one.resource_type == ResourceType::USER);
    let who = identity(record, application, number, at)?;
    let is_member = cells.iter().flatten().any(|cell| cell.added_by_seq.is_some());
    Ok(Holder {
        user_id: who.id,
        user_name: who.user_name,
        display_name: who.display_name,
        member_type: member_type(record, types, application, number, at)?,
        account_active: user.map(|user| user.active),
        dangling: version.is_none() && is_member,
        cells,
    })
}
