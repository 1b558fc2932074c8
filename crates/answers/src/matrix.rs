//! Who was in which groups, as a matrix.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::members::account_of;
use crate::table::{Cell, Column, Heading, count, first, or_nothing};
use crate::words::marked;
use crate::{App, Below, Exists, Grid, Groups, Instant, Lead, Moment, Question, Shape, Spread, Time};

/// Who was in which groups: an access matrix
///
/// A row is somebody who was in at least one of the groups, of whatever type; with `allUsers`, also every other
/// user that existed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AccessMatrix {
    /// The application's name in addresses
    pub app: App,
    /// Up to 50 groups: SCIM ids, displayName:NAME or externalId:ID; on the command line any other texts
    /// are display names, in double quotes if they contain a comma; without it all groups, if there are
    /// at most 50
    #[schemars(extend("x-accepts" = "1 to 50 groups by id or name, with commas between them; a name with \
                                     a comma in double quotes"))]
    pub groups: Option<Groups>,
    /// Compare with the memberships at this earlier instant: a time, a date (its last instant), or -90d
    #[schemars(extend("x-words" = "compared with", "x-label" = "Compared with"))]
    pub compare: Option<Instant>,
    /// Also count the members of groups within a group, however deep
    #[serde(default)]
    #[schemars(extend("x-label" = "Members of nested groups too"))]
    pub nested: bool,
    /// Also show the users that existed and were in none of the groups
    #[serde(default)]
    #[schemars(extend("x-label" = "Users in no group too"))]
    pub all_users: bool,
}

/// Somebody, and the groups that they were in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// SCIM id; null if no event created the user
    pub user_id: Option<String>,
    /// SCIM `userName`; null for a group
    pub user_name: Option<String>,
    /// SCIM `displayName`
    pub display_name: Option<String>,
    /// The type of the member, such as `User` or `Group`; null for one that no event created
    pub member_type: Option<String>,
    /// Whether the account was active; null for a group, or if it did not exist
    pub account_active: Option<bool>,
    /// Whether a group names somebody that did not exist
    pub dangling: bool,
    /// One for each of the answer's `groups`, in their order; null where there was no membership
    pub cells: Vec<Option<MatrixCell>>,
}

/// A membership in the group of a column.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MatrixCell {
    /// When the membership began; null if it had ended
    pub member_since: Option<Moment>,
    /// The event that began it
    pub added_by_seq: Option<u64>,
    /// False if it was only seen at an upstream: it began then or earlier
    pub start_known: Option<bool>,
    /// Whether it is a direct membership, not only through another group
    pub direct: Option<bool>,
    /// What has become of the membership since the instant that is compared with
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

/// A membership at two instants.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Compared {
    /// Not a member at the earlier instant
    Added,
    /// A member only at the earlier instant
    Removed,
    /// A member at both
    Same,
}

/// A group of the matrix.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct MatrixGroup {
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// Its display name at that instant, or the last one before
    pub group_name: Option<String>,
    /// Whether the group existed
    pub exists: Exists,
    /// Whether the group was marked as privileged
    pub privileged: bool,
    /// How many members it had, as the matrix counts them
    pub member_count: u64,
}

/// The groups of the matrix.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// The groups, in the order of the cells: as they were named, else by number
    pub groups: Vec<MatrixGroup>,
    /// Whether the cells include members of groups within a group
    pub nested: bool,
}

impl Question for AccessMatrix {
    type Row = Holder;
    type Beside = Matrix;
    const COMMAND: &'static str = "matrix";
    const PATH: &'static str = "/api/v1/apps/{app}/matrix";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "matrix" };
    const CONTEXT: &'static [&'static str] = &["at", "atSeq"];
    const SPREAD: Option<Spread> = Some(Spread {
        member: "cells",
        things: "groups",
        names: &["groupName", "groupId"],
        blocks: &[
            ("memberSince", None),
            ("compared", Some("compare")),
            ("addedBySeq", None),
            ("startKnown", None),
            ("direct", Some("nested")),
        ],
    });

    fn title(&self, _: &Matrix) -> String {
        let what = if self.nested { "Direct and indirect access" } else { "Access" };
        format!("{what} to the groups of {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<Holder>> {
        vec![
            Column::text("Name", &["userName", "displayName"], |row: &Holder| {
                first(&[&row.user_name, &row.display_name])
            })
            .leads(resource),
            Column::status("Account", &["dangling", "accountActive", "memberType"], |row| {
                account_of(row.dangling, row.account_active, row.member_type.as_ref())
            }),
            Column::whole("Groups", &["cells"], |row| row.cells.iter().map(sign).collect()),
            Column::id("Id", &["userId"], |row: &Holder| or_nothing(row.user_id.as_ref()))
                .leads(resource),
        ]
    }

    /// The groups in the order of their signs.
    fn below(&self, matrix: &Matrix, _: u64) -> Below {
        let groups = (1..).zip(&matrix.groups).map(|(place, group): (u64, _)| {
            let (id, name) = (group.group_id.as_ref(), group.group_name.as_ref());
            vec![
                place.to_string().into(),
                Cell::from(marked(name, group.privileged)).leads(Lead::group(None, id, name)),
                count(group.member_count).into(),
                Cell::from(or_nothing(id)).leads(Lead::group(None, id, name)),
            ]
        });
        let headings = vec![
            Heading::number("Place"),
            Heading::text("Group"),
            Heading::number("Members"),
            Heading::id("Id"),
        ];
        let table =
            (!matrix.groups.is_empty()).then(|| Grid { headings, rows: groups.collect() });
        let compared = match self.compare {
            Some(_) => ", + since the earlier instant, - only at the earlier instant",
            None => "",
        };
        let signs = format!("A sign for each group in its place: x a member{compared}, . none.");
        let lines = table.is_some().then_some(signs).into_iter().collect();
        Below { table, lines, ..Below::default() }
    }
}

fn resource(row: &Holder) -> Option<Lead> {
    Lead::resource(None, row.member_type.as_ref(), row.user_id.as_ref())
}

/// A cell as one character.
fn sign(cell: &Option<MatrixCell>) -> char {
    match cell {
        None => '.',
        Some(cell) => match cell.compared {
            Some(Compared::Added) => '+',
            Some(Compared::Removed) => '-',
            Some(Compared::Same) | None => 'x',
        },
    }
}
