//! The columns of a file, and those of them that depend on the answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Described;

/// A member of a row with one element for each of several things that the answer names, such as the groups
/// of a matrix. A file has a column for each thing instead of the member.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The member of a row: a list with an element for each thing, null where there is nothing.
    pub member: &'static str,
    /// The member of the answer that lists the things.
    pub things: &'static str,
    /// The members of a thing that can name it, the best first. The last one is unique.
    pub names: &'static [&'static str],
    /// The members of an element. Each gives a block with one column for each thing; those of the first
    /// block are headed by the things' names alone. A block may need a parameter of the question.
    pub blocks: &'static [(&'static str, Option<&'static str>)],
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// Its heading.
    pub heading: String,
    /// The member of a row that it shows.
    member: &'static str,
    /// The element of that member, and the element's member.
    within: Option<(usize, &'static str)>,
}

impl FileColumn {
    /// The column of a member, which is its heading too.
    #[must_use]
    pub fn of(member: &'static str) -> FileColumn {
        FileColumn { heading: member.to_owned(), member, within: None }
    }

    /// Its value in a row.
    #[must_use]
    pub fn value<'a>(&self, row: &'a Map<String, Value>) -> Option<&'a Value> {
        let value = row.get(self.member)?;
        match self.within {
            None => Some(value),
            Some((place, member)) => value.get(place)?.get(member),
        }
    }
}

impl Described {
    /// The columns of a file with the rows of this answer.
    #[must_use]
    pub fn file_columns(&self, answer: &Map<String, Value>) -> Vec<FileColumn> {
        let plain = self.columns.iter();
        let Some(spread) = self.spread else {
            return plain.map(|column| FileColumn::of(column)).collect();
        };
        let plain = plain.filter(|column| **column != spread.member);
        let mut columns: Vec<FileColumn> = plain.map(|column| FileColumn::of(column)).collect();
        let names = spread.names_in(answer, &self.columns);
        for (block, (member, needed)) in spread.blocks.iter().enumerate() {
            let asked = needed.and_then(|name| answer.get("query")?.get(name));
            if needed.is_some() && matches!(asked.and_then(Value::as_str), None | Some("false")) {
                continue;
            }
            columns.extend(names.iter().enumerate().map(|(place, name)| FileColumn {
                heading: match block {
                    0 => name.clone(),
                    _ => format!("{name} {member}"),
                },
                member: spread.member,
                within: Some((place, member)),
            }));
        }
        columns
    }
}

impl Spread {
    /// A different name for each thing.
    fn names_in(&self, answer: &Map<String, Value>, taken: &[&str]) -> Vec<String> {
        let things = answer.get(self.things).and_then(Value::as_array);
        let things = things.map(Vec::as_slice).unwrap_or_default();
        let text = |thing: &Value, name: &str| thing.get(name)?.as_str().map(str::to_owned);
        let best = |thing: &Value| self.names.iter().find_map(|name| text(thing, name));
        let mut bearers: BTreeMap<String, usize> =
            taken.iter().map(|column| ((*column).to_owned(), 1)).collect();
        for name in things.iter().filter_map(best) {
            *bearers.entry(name).or_default() += 1;
        }
        let name_of = |(place, thing): (usize, &Value)| {
            let Some(name) = best(thing) else { return format!("{}", place + 1) };
            let unique = self.names.last().and_then(|last| text(thing, last));
            match unique {
                Some(unique) if bearers.get(&name).is_some_and(|bearers| *bearers > 1) => {
                    format!("{name} ({unique})")
                }
                _ => name,
            }
        };
        things.iter().enumerate().map(name_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{AccessMatrix, Members, described};

    use super::*;

    fn headings(columns: &[FileColumn]) -> Vec<&str> {
        columns.iter().map(|column| column.heading.as_str()).collect()
    }

    const OWN: [&str; 8] = [
        "at",
        "atSeq",
        "userId",
        "userName",
        "displayName",
        "memberType",
        "accountActive",
        "dangling",
    ];

    #[test]
    fn each_thing_has_a_column_in_each_block() {
        let matrix = described::<AccessMatrix>().unwrap();
        let answer = json!({"query": {"compare": "2026-01-31T00:00:00Z", "nested": "false"}, "groups": [
            {"groupId": "7", "groupName": "Crew"}, {"groupId": "8", "groupName": "Deck"},
        ]});
        let columns = matrix.file_columns(answer.as_object().unwrap());
        let rest = [
            "Crew",
            "Deck",
            "Crew compared",
            "Deck compared",
            "Crew addedBySeq",
            "Deck addedBySeq",
            "Crew startKnown",
            "Deck startKnown",
        ];
        assert_eq!(headings(&columns), [&OWN[..], &rest].concat());
        let row = json!({"userId": "26", "cells": [null, {"memberSince": "2026-01-01", "addedBySeq": 4}]});
        let row = row.as_object().unwrap();
        let values: Vec<_> = columns.iter().map(|column| column.value(row)).collect();
        assert_eq!(values[2], Some(&json!("26")));
        assert_eq!(values[8..10], [None, Some(&json!("2026-01-01"))]);
        assert_eq!(values[12..14], [None, Some(&json!(4))]);
    }

    #[test]
    fn things_of_one_name_are_told_apart() {
        let matrix = described::<AccessMatrix>().unwrap();
        let answer = json!({"query": {}, "groups": [
            {"groupId": "7", "groupName": "Crew"}, {"groupId": "8", "groupName": "Crew"},
            {"groupId": "9", "groupName": null}, {"groupId": "10", "groupName": "userId"},
            {"groupId": null, "groupName": null},
        ]});
        let columns = matrix.file_columns(answer.as_object().unwrap());
        let expected = ["Crew (7)", "Crew (8)", "9", "userId (10)", "5"];
        assert_eq!(headings(&columns)[8..13], expected);
    }

    #[test]
    fn other_answers_have_the_columns_of_their_rows() {
        let members = described::<Members>().unwrap();
        assert_eq!(headings(&members.file_columns(&Map::new())), members.columns);
    }
}
