//! Which groups a matrix is about: a list to tick, for an application that has more of them than a matrix shows.

use answers::row::Group;
use answers::{AccessMatrix, EveryGroup, described};
use askama::Template;
use query::name::{joined, parted};
use query::visit::{Refusal, Visit};

use crate::address::{Given, template};
use crate::text::grouped;

/// The parameter of a ticked group, of which an address may have many.
pub(super) const GROUP: &str = "group";
/// The parameter of the page with the list.
pub(super) const CHOOSE: &str = "choose";
/// More groups than these are named in the form.
const LISTED_MAX: usize = 2_000;

/// The list.
#[derive(Template)]
#[template(path = "matrix/choice.html")]
struct Choice {
    action: String,
    /// The other parameters of the address.
    kept: Vec<(String, String)>,
    legend: String,
    groups: Vec<Tick>,
    left_out: Option<String>,
}

/// A group that can be ticked.
struct Tick {
    name: String,
    label: String,
    about: String,
    is_chosen: bool,
}

/// The address with the ticked groups as one parameter; `None` if none is ticked.
pub(super) fn with_ticked(given: &Given) -> Option<String> {
    let ticked = given.own_pairs().filter(|(name, _)| *name == GROUP);
    let ticked: Vec<String> = ticked.map(|(_, text)| text.to_owned()).collect();
    if ticked.is_empty() {
        return None;
    }
    let changes = [(GROUP, None), (CHOOSE, None), ("groups", Some(joined(&ticked)))];
    let changes: Vec<(&str, Option<&str>)> =
        changes.iter().map(|(name, text)| (*name, text.as_deref())).collect();
    Some(given.with(&changes).page())
}

/// The address of the page with the list.
pub(super) fn address(given: &Given) -> String {
    given.with(&[(CHOOSE, Some("groups")), ("cursor", None)]).page()
}

/// The list of the groups that there were at the instant of the address.
pub(super) fn choice(visit: &Visit<'_>, given: &Given) -> Result<String, Refusal> {
    let of_groups = described::<EveryGroup>().ok_or_else(Refusal::not_found)?;
    let groups = given.about(of_groups);
    let answer = visit.whole::<EveryGroup>(&groups.pairs(), LISTED_MAX)?;
    let chosen = given.get("groups").and_then(parted).unwrap_or_default();
    let rows = answer.content.rows();
    let left_out = answer.envelope.row_count.saturating_sub(rows.len() as u64);
    let kept = given.with(&[("groups", None), ("cursor", None), (GROUP, None), (CHOOSE, None)]);
    let described = described::<AccessMatrix>().ok_or_else(Refusal::not_found)?;
    let kept = kept.pairs().into_iter().chain(kept.own_pairs());
    let kept = kept.filter(|(name, _)| !given.is_in_path(name));
    let choice = Choice {
        action: given.fill(template(described)),
        kept: kept.map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
        legend: format!("Tick the groups of the matrix, up to {}", query::MATRIX_GROUPS_MAX),
        groups: rows.iter().filter_map(|row| tick(row, &chosen)).collect(),
        left_out: (left_out > 0).then(|| {
            format!("{} more groups are not in this list: name them above.", grouped(left_out))
        }),
    };
    Ok(choice.to_string())
}

fn tick(group: &Group, chosen: &[String]) -> Option<Tick> {
    let id = group.group_id.as_ref().filter(|id| !id.is_empty())?;
    let label = group.display_name.clone().unwrap_or_else(|| id.clone());
    let names = [format!("id:{id}"), format!("displayName:{label}"), id.clone()];
    let members = group.member_count.map(|count| match count {
        1 => "1 member".to_owned(),
        _ => format!("{} members", grouped(count)),
    });
    let privileged = group.privileged.then(|| "privileged".to_owned());
    let [name, ..] = names.clone();
    Some(Tick {
        is_chosen: chosen.iter().any(|one| names.contains(one)),
        about: members.into_iter().chain(privileged).collect::<Vec<_>>().join(", "),
        name,
        label,
    })
}
