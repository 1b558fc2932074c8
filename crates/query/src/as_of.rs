//! The state right after an event: resources, users, members. Pure over the rows.
//!
//! `at` is the last event that counts; `None` asks about a time before the first event.

use event::{Application, Attribute, Number, ResourceType, Seq};
use projector::{Identity, MemberSince, NamesAt, ProjectorError, Version, View};
use store::key::Set;

use crate::history::{Reached, nested_members};

/// Which rows of a list to show. Lists are ordered by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Begin after this number.
    pub after: Option<Number>,
    /// Maximum number of rows; at least 1.
    pub limit: usize,
}

/// One page of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// How many rows the whole list has.
    pub count: u64,
    /// The number after which the next page begins; `None` on the last page.
    pub next: Option<Number>,
}

impl<T> Page<T> {
    /// The page of an empty list.
    pub fn empty() -> Page<T> {
        Page { rows: vec![], count: 0, next: None }
    }
}

/// Whether a resource existed at an event.
#[derive(Clone, PartialEq, Debug)]
pub enum Existence {
    /// It existed in this state; the version's `state` is `Some`.
    Exists(Version),
    /// It was created later, by this event.
    NotYet {
        /// The event that created it.
        created_seq: Seq,
    },
    /// It was deleted by then.
    Deleted {
        /// The event that deleted it.
        seq: Seq,
    },
}

/// A resource that existed at some time.
#[derive(Clone, PartialEq, Debug)]
pub struct Resource {
    /// Its number.
    pub number: Number,
    /// Whether it existed at the event, and in which state.
    pub existence: Existence,
}

/// The resource with a SCIM id; `None` if there never was one.
///
/// # Errors
/// Here and below, when the rows cannot be read.
pub fn resource_at(
    view: &View<'_>,
    application: Application,
    resource_type: ResourceType,
    id: &str,
    at: Option<Seq>,
) -> Result<Option<Resource>, ProjectorError> {
    let number = view.number_of_id(application, resource_type, id)?;
    number.map(|number| resource_of(view, application, number, at)).transpose()
}

/// The resource of a number. It is an error if the number never had one.
pub(crate) fn resource_of(
    view: &View<'_>,
    application: Application,
    number: Number,
    at: Option<Seq>,
) -> Result<Resource, ProjectorError> {
    let version = match at {
        Some(seq) => view.version(application, number, seq)?,
        None => None,
    };
    let existence = match version {
        Some(version) if version.state.is_some() => Existence::Exists(version),
        Some(version) => Existence::Deleted { seq: version.seq },
        None => {
            let newest = view.version(application, number, View::NOW)?;
            let created_seq = newest.ok_or_else(missing_version)?.created_seq;
            Existence::NotYet { created_seq }
        }
    };
    Ok(Resource { number, existence })
}

/// A user that existed.
#[derive(Clone, PartialEq, Debug)]
pub struct User {
    /// Its number.
    pub number: Number,
    /// Its state; `state` is `Some`.
    pub version: Version,
}

/// The users that existed: all, the active ones, or the inactive ones.
pub fn users_at(
    view: &View<'_>,
    application: Application,
    active: Option<bool>,
    at: Option<Seq>,
    slice: Slice,
) -> Result<Page<User>, ProjectorError> {
    let Some(seq) = at else { return Ok(Page::empty()) };
    let existing = Set::Existing(ResourceType::USER);
    let users = match active {
        None => view.members(application, existing, seq)?,
        Some(true) => view.members(application, Set::Active, seq)?,
        Some(false) => {
            let mut users = view.members(application, existing, seq)?;
            remove(&mut users, &view.members(application, Set::Active, seq)?);
            users
        }
    };
    page(&users, slice, |user| {
        let version = version_at(view, application, user.member, seq)?;
        Ok(User { number: user.member, version })
    })
}

/// A group that existed.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Its number.
    pub number: Number,
    /// Its state; `state` is `Some`.
    pub version: Version,
    /// How many direct members it had.
    pub member_count: u64,
}

/// The groups that existed.
pub(crate) fn groups_at(
    view: &View<'_>,
    application: Application,
    at: Option<Seq>,
    slice: Slice,
) -> Result<Page<Group>, ProjectorError> {
    let Some(seq) = at else { return Ok(Page::empty()) };
    let groups = view.members(application, Set::Existing(ResourceType::GROUP), seq)?;
    page(&groups, slice, |group| {
        let number = group.member;
        let members = view.members(application, Set::Members(number), seq)?;
        let version = version_at(view, application, number, seq)?;
        Ok(Group { number, version, member_count: members.len() as u64 })
    })
}

/// The state of a resource that existed.
fn version_at(
    view: &View<'_>,
    application: Application,
    number: Number,
    seq: Seq,
) -> Result<Version, ProjectorError> {
    let version = view.version(application, number, seq)?;
    version.filter(|version| version.state.is_some()).ok_or_else(missing_version)
}

/// A member of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// Its number.
    pub number: Number,
    /// The event that added the member.
    pub since: Seq,
    /// The groups between the group and the member; empty for a direct member.
    pub via: Vec<Number>,
    /// The member's state; `None` if the member did not exist.
    pub version: Option<Version>,
    /// The member's SCIM id.
    pub id: Option<String>,
}

/// The direct members of a group.
pub fn members_at(
    view: &View<'_>,
    application: Application,
    group: Number,
    at: Option<Seq>,
    slice: Slice,
) -> Result<Page<Member>, ProjectorError> {
    let Some(seq) = at else { return Ok(Page::empty()) };
    let members = view.members(application, Set::Members(group), seq)?;
    page(&members, slice, |&MemberSince { member, since }| {
        member_of(view, application, seq, Reached { number: member, since, via: vec![] })
    })
}

/// The members of a group, with the members of the groups among them.
pub(crate) fn nested_members_at(
    view: &View<'_>,
    application: Application,
    group: Number,
    at: Option<Seq>,
    slice: Slice,
) -> Result<Page<Member>, ProjectorError> {
    let Some(seq) = at else { return Ok(Page::empty()) };
    let reached = nested_members(view, application, group, seq)?;
    page(&reached, slice, |one| member_of(view, application, seq, one.clone()))
}

fn member_of(
    view: &View<'_>,
    application: Application,
    seq: Seq,
    Reached { number, since, via }: Reached,
) -> Result<Member, ProjectorError> {
    let version = view.version(application, number, seq)?;
    let version = version.filter(|version| version.state.is_some());
    let id = match version.as_ref().and_then(Version::id) {
        Some(id) => Some(id.into_owned()),
        None => scim_id(view, application, number)?,
    };
    Ok(Member { number, since, via, version, id })
}

/// The SCIM id of a number: that of its resource, living or deleted, or the unknown id by which it was
/// mentioned. `None` if it was only mentioned by another name.
pub fn scim_id(
    view: &View<'_>,
    application: Application,
    number: Number,
) -> Result<Option<String>, ProjectorError> {
    let id = match view.names_at(application, number, View::NOW)? {
        NamesAt::Known(identity) => identity.id,
        NamesAt::CreatedLater { id } => id,
        NamesAt::NoResource => mentioned_identity(view, application, number)?.id,
    };
    match id {
        // Only who was erased, or was mentioned by another name, has none.
        None if view.erased(application, number)?.is_some() => Ok(Some(ERASED.to_owned())),
        id => Ok(id),
    }
}

/// The names of a resource right after an event, or before its deletion; if it never existed, the name by
/// which it was mentioned.
pub(crate) fn identity_at(
    view: &View<'_>,
    application: Application,
    number: Number,
    seq: Seq,
) -> Result<Identity, ProjectorError> {
    if number == Number::NOBODY {
        return Ok(Identity::default());
    }
    let mentioned = || mentioned_identity(view, application, number);
    let identity = match view.names_at(application, number, seq)? {
        NamesAt::Known(identity) => identity,
        NamesAt::CreatedLater { id } => Identity { id, ..mentioned()? },
        NamesAt::NoResource => mentioned()?,
    };
    // Who has a name is not asked about.
    if identity == Identity::default() && view.erased(application, number)?.is_some() {
        let erased = || Some(ERASED.to_owned());
        return Ok(Identity {
            id: erased(),
            user_name: erased(),
            external_id: erased(),
            display_name: erased(),
        });
    }
    Ok(identity)
}

/// What answers show in place of what was erased.
pub(crate) const ERASED: &str = "erased";

/// The name by which a number without a resource was mentioned.
fn mentioned_identity(
    view: &View<'_>,
    application: Application,
    number: Number,
) -> Result<Identity, ProjectorError> {
    let mut identity = Identity::default();
    if let Some(mentioned) = view.mentioned(application, number)? {
        identity.external_id = mentioned.external_id.map(|(external_id, _)| external_id);
        let name = Some(mentioned.value);
        match mentioned.attribute {
            Attribute::Id => identity.id = name,
            Attribute::UserName => identity.user_name = name,
            Attribute::DisplayName => identity.display_name = name,
            Attribute::ExternalId | Attribute::Email | Attribute::SourceId => {}
        }
    }
    Ok(identity)
}

/// An item of a list that is ordered by number.
trait Numbered {
    fn number(&self) -> Number;
}

impl Numbered for MemberSince {
    fn number(&self) -> Number {
        self.member
    }
}

impl Numbered for Reached {
    fn number(&self) -> Number {
        self.number
    }
}

fn page<T, L: Numbered>(
    list: &[L],
    slice: Slice,
    row: impl FnMut(&L) -> Result<T, ProjectorError>,
) -> Result<Page<T>, ProjectorError> {
    let begin = match slice.after {
        Some(after) => list.partition_point(|one| one.number() <= after),
        None => 0,
    };
    let left = &list[begin..];
    let shown = &left[..left.len().min(slice.limit)];
    let next = if shown.len() < left.len() { shown.last() } else { None };
    Ok(Page {
        rows: shown.iter().map(row).collect::<Result<_, _>>()?,
        count: list.len() as u64,
        next: next.map(Numbered::number),
    })
}

/// Removes the members of one list from another; both are ordered by number.
fn remove(from: &mut Vec<MemberSince>, others: &[MemberSince]) {
    let mut others = others.iter().map(|standing| standing.member).peekable();
    from.retain(|standing| {
        while others.next_if(|other| *other < standing.member).is_some() {}
        others.peek() != Some(&standing.member)
    });
}

fn missing_version() -> ProjectorError {
    ProjectorError::Row { what: "a version", source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(numbers: &[u32]) -> Vec<MemberSince> {
        numbers.iter().map(|number| MemberSince { member: Number(*number), since: 0 }).collect()
    }

    #[test]
    fn pages_follow_each_other_without_loss() {
        let all = list(&[2, 3, 5, 7, 11]);
        let mut seen = vec![];
        let mut after = None;
        loop {
            let slice = Slice { after, limit: 2 };
            let page = page(&all, slice, |standing| Ok(standing.member.0)).unwrap();
            assert_eq!(page.count, 5);
            seen.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [2, 3, 5, 7, 11]);
        let whole = page(&all, Slice { after: None, limit: 5 }, |_| Ok(())).unwrap();
        assert_eq!(whole.next, None, "an exactly full page is the last");
        let beyond = Slice { after: Some(Number(11)), limit: 2 };
        assert_eq!(page(&all, beyond, |_| Ok(())).unwrap().rows.len(), 0);
    }

    #[test]
    fn one_list_is_taken_from_another() {
        let check = |from: &[u32], others: &[u32], expected: &[u32]| {
            let mut left = list(from);
            remove(&mut left, &list(others));
            assert_eq!(left, list(expected));
        };
        check(&[1, 2, 3, 5], &[2, 5], &[1, 3]);
        check(&[1, 2], &[], &[1, 2]);
        check(&[1, 2], &[1, 2], &[]);
        check(&[4], &[1, 2, 3, 5], &[4]);
    }
}
