//! What an erasure leaves of the rows of a person: that there was somebody, when they existed, and in which
//! groups; no name and no value.
//!
//! The rows are afterwards those that a fold makes to which none of the person's values was ever readable,
//! so that a rebuild after the keys were destroyed gives the same.

use std::collections::BTreeSet;

use canonical::Document;
use event::{Application, Attribute, Number, ResourceType, Seq, SubjectsErased};
use store::key;
use store::{Direction, ReadRows};

use super::lookups::names_of;
use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::row::{self, Version};

/// Erases everybody whom an event names.
pub(super) fn fold_erased(
    rows: &mut Overlay<'_>,
    (application, seq): (Application, Seq),
    erased: &SubjectsErased,
) -> Result<(), ProjectorError> {
    for number in &erased.numbers {
        fold_versions(rows, application, *number)?;
        fold_mentions(rows, application, *number)?;
        rows.put(key::erased(application, *number), seq.to_be_bytes().to_vec());
    }
    Ok(())
}

/// Empties all versions, and removes the rows by which they are found.
fn fold_versions(
    rows: &mut Overlay<'_>,
    application: Application,
    number: Number,
) -> Result<(), ProjectorError> {
    let mut versions = Ok(vec![]);
    rows.scan(
        &key::versions_until(application, number, Seq::MAX),
        Direction::Forward,
        &mut |key, value| {
            let version = Version::decode(key, value);
            if let (Ok(versions), Ok(version)) = (&mut versions, &version) {
                versions.push((key.to_vec(), version.clone()));
                return std::ops::ControlFlow::Continue(());
            }
            versions = version.map(|_| vec![]);
            std::ops::ControlFlow::Break(())
        },
    )?;
    let versions: Vec<(Vec<u8>, Version)> = versions?;
    let mut names: BTreeSet<(ResourceType, Attribute, String)> = BTreeSet::new();
    for (key, version) in versions {
        let Some(state) = &version.state else {
            // As it is: the newest version is the last that is written.
            rows.put(key, version.encode()?);
            continue;
        };
        let resource_type = version.resource_type;
        if let Some(id) = version.id() {
            rows.delete(key::id(application, resource_type, &id));
        }
        names.extend(
            names_of(state).into_iter().map(|(attribute, name)| (resource_type, attribute, name)),
        );
        let empty = Version { state: Some(Document::default()), ..version };
        rows.put(key, empty.encode()?);
    }
    for (resource_type, attribute, name) in names {
        let mut gone = vec![];
        let range = key::names(application, resource_type, attribute, &name);
        rows.scan(&range, Direction::Forward, &mut |key, _| {
            if key::named_parts(key).is_some_and(|(holder, _)| holder == number) {
                gone.push(key.to_vec());
            }
            std::ops::ControlFlow::Continue(())
        })?;
        gone.into_iter().for_each(|key| rows.delete(key));
    }
    Ok(())
}

/// Removes the mentions of a number. A name that was then used for somebody else, or before, is theirs.
fn fold_mentions(
    rows: &mut Overlay<'_>,
    application: Application,
    number: Number,
) -> Result<(), ProjectorError> {
    let mut names = vec![];
    let range = key::mention_names(application, number);
    rows.scan(&range, Direction::Forward, &mut |key, _| {
        names.push(key.to_vec());
        std::ops::ControlFlow::Continue(())
    })?;
    for name in names {
        let damaged = || ProjectorError::row("a mention");
        let mention = key::mention_of_name(&name).ok_or_else(damaged)?;
        let mut others = vec![];
        let range = key::mentions_before_of(mention).ok_or_else(damaged)?;
        rows.scan(&range, Direction::Forward, &mut |key, value| {
            others.push((key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        })?;
        let mut holders: Vec<(Seq, Number)> = vec![];
        for (key, value) in others {
            // `None` is a row of another, overlong name.
            let Some(since) = key::mention_since(&key, &range) else { continue };
            holders.push((since, row::number_of("a mention", &value)?));
            rows.delete(key);
        }
        if let Some(last) = rows.get(mention)? {
            let (holder, since) = row::decode_holder(&last)?;
            holders.push((since, holder));
            rows.delete(mention.to_vec());
        }
        holders.sort_unstable();
        holders.retain(|(_, holder)| *holder != number);
        // Who was mentioned twice in a row has the name since the first time.
        holders.dedup_by_key(|(_, holder)| *holder);
        if let Some((since, holder)) = holders.pop() {
            rows.put(mention.to_vec(), row::encode_holder(holder, since));
        }
        for (since, holder) in holders {
            rows.put(key::mention_before_of(&range, since), row::encode_number(holder.0));
        }
        rows.delete(name);
    }
    rows.delete(key::mentioned(application, number));
    Ok(())
}
