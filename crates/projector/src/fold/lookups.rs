//! The rows by which resources are found: by id, name, externalId and e-mail, and who had which name when.

use std::borrow::Cow;
use std::collections::BTreeSet;

use canonical::{Document, raw};
use event::{Application, Attribute, Number, ResourceType, Seq};
use store::ReadRows;
use store::key;

use super::ResourceFold;
use crate::error::ProjectorError;
use crate::holder::Holder;
use crate::overlay::Overlay;
use crate::row;
use crate::text::{LOOKUP_BYTES_MAX, case_folded, unique};
use crate::view::View;

impl ResourceFold<'_> {
    /// Writes what changes in these rows when a state becomes another one.
    pub(super) fn fold_lookups(
        &self,
        rows: &mut Overlay<'_>,
        resource_type: ResourceType,
        old: Option<&Document>,
        new: Option<&Document>,
    ) -> Result<(), ProjectorError> {
        let application = self.application();
        let ([old_id, old @ ..], [id, new @ ..]) = (looked_up(old), looked_up(new));
        if let Some(id) = id.filter(|_| id != old_id).and_then(raw::text) {
            // Never removed: ids are not reused, and a deleted resource still has a history.
            let key = key::id(application, resource_type, &id);
            rows.put(key, row::encode_number(self.number.0));
        }
        // E-mails are the last; who had none has no row of one.
        let had_email = old.last().is_some_and(Option::is_some);
        let by_value = LOOKED_UP.iter().skip(1).zip(old.into_iter().zip(new));
        for ((attribute, _), (old, new)) in by_value.filter(|(_, (old, new))| old != new) {
            let attribute = *attribute;
            let (was, is) = (lookup_values(old, attribute), lookup_values(new, attribute));
            let name = |value| Name { application, resource_type, attribute, value };
            for gone in was.difference(&is) {
                if let Some(since) = name(gone).release(rows, self.number)? {
                    let stay = (self.number, since);
                    let key = key::named(application, resource_type, attribute, gone, stay);
                    rows.put(key, self.seq().to_be_bytes().to_vec());
                }
            }
            for come in is.difference(&was) {
                name(come).assign(rows, (self.number, self.seq()), had_email)?;
            }
        }
        Ok(())
    }
}

/// A case-folded value by which resources are looked up.
struct Name<'a> {
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    value: &'a str,
}

impl Name<'_> {
    fn unique_key(&self) -> Option<Vec<u8>> {
        let Name { application, resource_type, attribute, value } = *self;
        let is_unique = unique(resource_type, attribute);
        is_unique.then(|| key::unique(application, resource_type, attribute, value))
    }

    fn lookup_key(&self, number: Number) -> Vec<u8> {
        let Name { application, resource_type, attribute, value } = *self;
        key::lookup(application, resource_type, attribute, value, number)
    }

    /// Writes that a resource has the value; `had_email` says whether it had an e-mail before. For a unique
    /// attribute the first holder has the unique row. Further holders get lookup rows; they can only come from
    /// an upstream, or from the time before names were compared as they are now.
    fn assign(
        &self,
        rows: &mut Overlay<'_>,
        (number, seq): (Number, Seq),
        had_email: bool,
    ) -> Result<(), ProjectorError> {
        match self.unique_key() {
            Some(row) if rows.get(&row)?.is_none() => {
                let holder = match had_email {
                    true => self.first_holder(rows, number, seq)?,
                    false => Holder { number, since: seq, email_since: None },
                };
                rows.put(row, holder.encode());
            }
            Some(_) | None => match self.holder_named_alike(rows, number)? {
                Some((row, holder)) => {
                    rows.put(row, Holder { email_since: Some(seq), ..holder }.encode());
                }
                None => rows.put(self.lookup_key(number), seq.to_be_bytes().to_vec()),
            },
        }
        Ok(())
    }

    /// The holder of the unique row, which takes in the lookup of an e-mail with the same text. So the rows
    /// are the same whoever else had the name before, and whether that is still known.
    fn first_holder(
        &self,
        rows: &mut Overlay<'_>,
        number: Number,
        since: Seq,
    ) -> Result<Holder, ProjectorError> {
        let mut email_since = None;
        if self.attribute == Attribute::UserName {
            let email = (Name { attribute: Attribute::Email, ..*self }).lookup_key(number);
            let found = rows.get(&email)?;
            email_since = found.map(|value| row::decode_seq("a lookup", &value)).transpose()?;
            if email_since.is_some() {
                rows.delete(email);
            }
        }
        Ok(Holder { number, since, email_since })
    }

    /// If this is an e-mail that is the userName of `number` too: the unique row of that name.
    fn holder_named_alike(
        &self,
        rows: &Overlay<'_>,
        number: Number,
    ) -> Result<Option<(Vec<u8>, Holder)>, ProjectorError> {
        if self.attribute != Attribute::Email {
            return Ok(None);
        }
        let Some(row) = (Name { attribute: Attribute::UserName, ..*self }).unique_key() else {
            return Ok(None);
        };
        let holder = rows.get(&row)?.map(|held| Holder::decode(&held)).transpose()?;
        let holder = holder.filter(|holder| holder.number == number);
        Ok(holder.map(|holder| (row, holder)))
    }

    /// Writes that a resource no longer has the value, and returns since when it had it. If others share
    /// a unique value, the one who has had it longest gets the unique row.
    fn release(
        &self,
        rows: &mut Overlay<'_>,
        number: Number,
    ) -> Result<Option<Seq>, ProjectorError> {
        if let Some(row) = self.unique_key()
            && let Some(held) = rows.get(&row)?
            && let Holder { number: holder, since, email_since } = Holder::decode(&held)?
            && holder == number
        {
            rows.delete(row.clone());
            if let Some(since) = email_since {
                // The name goes and the e-mail may stay.
                let email = Name { attribute: Attribute::Email, ..*self };
                rows.put(email.lookup_key(number), since.to_be_bytes().to_vec());
            }
            let Name { application, resource_type, attribute, value } = *self;
            let others =
                View::new(rows).other_holders(application, resource_type, attribute, value)?;
            if let Some((next, since)) = others.into_iter().min_by_key(|(_, since)| *since) {
                rows.delete(self.lookup_key(next));
                let holder = self.first_holder(rows, next, since)?;
                rows.put(row, holder.encode());
            }
            return Ok(Some(since));
        }
        if let Some((row, holder)) = self.holder_named_alike(rows, number)?
            && holder.email_since.is_some()
        {
            rows.put(row, Holder { email_since: None, ..holder }.encode());
            return Ok(holder.email_since);
        }
        let row = self.lookup_key(number);
        let since = rows.get(&row)?.map(|value| row::decode_seq("a lookup", &value)).transpose()?;
        rows.delete(row);
        Ok(since)
    }
}

/// The attributes that have rows, each with the member of the state that holds its values. The first is the
/// id, which has a row of its own.
const LOOKED_UP: [(Attribute, &str); 5] = [
    (Attribute::Id, "id"),
    (Attribute::UserName, "userName"),
    (Attribute::ExternalId, "externalId"),
    (Attribute::DisplayName, "displayName"),
    (Attribute::Email, "emails"),
];

/// The names in a state by which a resource is found, case-folded; without its id.
pub fn names_of(state: &Document) -> Vec<(Attribute, String)> {
    let values = LOOKED_UP.iter().zip(looked_up(Some(state))).skip(1);
    let named = values.flat_map(|((attribute, _), member)| {
        lookup_values(member, *attribute).into_iter().map(|value| (*attribute, value))
    });
    named.collect()
}

/// The members of a state that [`LOOKED_UP`] names.
fn looked_up(state: Option<&Document>) -> [Option<&[u8]>; LOOKED_UP.len()] {
    let names = LOOKED_UP.map(|(_, member)| member);
    state.map_or([None; LOOKED_UP.len()], |state| raw::get_all(state.bytes(), names))
}

/// The values of a member that get lookup rows, case-folded, each once.
fn lookup_values(member: Option<&[u8]>, attribute: Attribute) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    let Some(member) = member else { return values };
    let mut add = |value: Cow<'_, str>| {
        let value = case_folded(attribute, &value);
        if value.len() <= LOOKUP_BYTES_MAX {
            values.insert(value);
        }
    };
    match attribute {
        Attribute::Email => raw::each_text(member, "value", add),
        _ => raw::text(member).into_iter().for_each(&mut add),
    }
    values
}
