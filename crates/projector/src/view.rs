//! Typed reading of rows: of a snapshot, or of a snapshot with an overlay of unpublished changes.

use std::ops::{ControlFlow, Range};

use event::codec::decode_header;
use event::{
    Application, Attribute, Credential, Effect, Number, ResourceType, Seq, Timestamp, Verdict,
};
use sha2::{Digest, Sha256};
use store::key::{self, Class, KeyRange, Set};
use store::{Direction, ReadRows, Row, RowChanges, Store, StoreError, Visit};
use subtle::ConstantTimeEq;

use crate::error::ProjectorError;
use crate::fold::unique;
use crate::operation::OperationSummary;
use crate::row::{self, ApplicationRow, CredentialRow, Gap, Mentioned, Recorder, Version};
use crate::set::{self, Standing, Stay};

/// Rows with changes over them that are not published yet.
pub struct Overlay<'a> {
    base: &'a dyn ReadRows,
    changes: RowChanges,
}

impl<'a> Overlay<'a> {
    /// An overlay without changes.
    pub fn new(base: &'a dyn ReadRows) -> Overlay<'a> {
        Overlay { base, changes: RowChanges::new() }
    }

    /// Sets the value of a key.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// What is to be published.
    pub fn into_changes(self) -> RowChanges {
        self.changes
    }

    /// How many rows are to be published.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }
}

impl ReadRows for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        if range.from >= range.to {
            return Ok(());
        }
        let over = self.changes.range(range.from.clone()..range.to.clone());
        // Our own changes in the scan's direction; the base's rows are merged in as they come.
        let mut over: Box<dyn Iterator<Item = _>> = match direction {
            Direction::Forward => Box::new(over),
            Direction::Backward => Box::new(over.rev()),
        };
        let mut ahead = over.next();
        let mut stopped = false;
        self.base.scan(range, direction, &mut |key, value| {
            while let Some((own_key, own_value)) = ahead {
                let order = match direction {
                    Direction::Forward => own_key.as_slice().cmp(key),
                    Direction::Backward => key.cmp(own_key.as_slice()),
                };
                if order.is_gt() {
                    break;
                }
                ahead = over.next();
                if let Some(own_value) = own_value
                    && visit(own_key, own_value).is_break()
                {
                    stopped = true;
                    return ControlFlow::Break(());
                }
                if order.is_eq() {
                    return ControlFlow::Continue(()); // ours stands in its place, or removes it
                }
            }
            let flow = visit(key, value);
            stopped = flow.is_break();
            flow
        })?;
        while let (false, Some((own_key, own_value))) = (stopped, ahead) {
            if let Some(own_value) = own_value {
                stopped = visit(own_key, own_value).is_break();
            }
            ahead = over.next();
        }
        Ok(())
    }
}

/// Typed access to rows. `seq` arguments ask for the state right after that event;
/// [`View::NOW`] for the newest.
#[derive(Clone, Copy)]
pub struct View<'a> {
    rows: &'a dyn ReadRows,
}

impl<'a> View<'a> {
    /// The state after every event that the rows know.
    pub const NOW: Seq = Seq::MAX;

    /// Reads these rows.
    pub fn new(rows: &'a dyn ReadRows) -> View<'a> {
        View { rows }
    }

    /// The application of a slug.
    ///
    /// # Errors
    /// Here and in all of the following, when the rows cannot be read.
    pub fn application(&self, slug: &str) -> Result<Option<ApplicationRow>, ProjectorError> {
        let Some(number) = self.rows.get(&key::slug(slug))? else { return Ok(None) };
        let number = Application(row::decode_number("a slug", &number)?);
        self.application_of(number)
    }

    /// The application of a number.
    pub fn application_of(
        &self,
        number: Application,
    ) -> Result<Option<ApplicationRow>, ProjectorError> {
        let value = self.rows.get(&key::application(number))?;
        value.map(|value| ApplicationRow::decode(number, &value)).transpose()
    }

    /// All applications in the order in which they were added.
    pub fn applications(&self) -> Result<Vec<ApplicationRow>, ProjectorError> {
        self.collect(&key::applications(), |key, value| {
            let number = row::decode_number("an application", &key[1..])?;
            ApplicationRow::decode(Application(number), value)
        })
    }

    /// The number that the next application gets.
    pub fn next_application(&self) -> Result<Application, ProjectorError> {
        let last = self.rows.first(&key::applications(), Direction::Backward)?;
        let last =
            last.map_or(Ok(0), |(key, _)| row::decode_number("an application", &key[1..]))?;
        Ok(Application(last + 1))
    }

    /// The credential of a token that a client presents.
    pub fn credential(&self, token: &str) -> Result<Option<CredentialRow>, ProjectorError> {
        let presented = token_sha256(token);
        let Some(number) = self.rows.get(&key::token(&presented))? else { return Ok(None) };
        let number = Credential(row::decode_number("a token", &number)?);
        let credential = self.credential_of(number)?.filter(|one| one.revoked_seq.is_none());
        // The row was found by the digest; this comparison tells nothing by the time it takes.
        Ok(credential.filter(|credential| credential.sha256.ct_eq(&presented).into()))
    }

    /// A credential by its number, revoked or not.
    pub fn credential_of(
        &self,
        number: Credential,
    ) -> Result<Option<CredentialRow>, ProjectorError> {
        let value = self.rows.get(&key::credential(number))?;
        value.map(|value| CredentialRow::decode(number, &value)).transpose()
    }

    /// All credentials, in the order in which they were issued.
    pub fn credentials(&self) -> Result<Vec<CredentialRow>, ProjectorError> {
        self.collect(&key::credentials(), |key, value| {
            let number = row::decode_number("a credential", &key[1..])?;
            CredentialRow::decode(Credential(number), value)
        })
    }

    /// The number that the next credential gets.
    pub fn next_credential(&self) -> Result<Credential, ProjectorError> {
        let last = self.rows.first(&key::credentials(), Direction::Backward)?;
        let last = last.map_or(Ok(0), |(key, _)| row::decode_number("a credential", &key[1..]))?;
        Ok(Credential(last + 1))
    }

    /// The number that the next person or resource of an application gets.
    pub fn next_number(&self, application: Application) -> Result<Number, ProjectorError> {
        let given = self.rows.get(&key::numbers(application))?;
        let given = given.map_or(Ok(0), |value| row::decode_number("numbers", &value))?;
        Ok(Number(given + 1))
    }

    /// The number of a SCIM id, living or deleted.
    pub fn number_of_id(
        &self,
        application: Application,
        resource_type: ResourceType,
        id: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let value = self.rows.get(&key::id(application, resource_type, id))?;
        value.map(|value| row::number_of("an id", &value)).transpose()
    }

    /// The living resources that have a value, which is [`folded`](crate::folded) as its attribute is
    /// compared. Folded values of more than [`LOOKUP_BYTES_MAX`](crate::LOOKUP_BYTES_MAX) bytes have
    /// no rows: whoever asks for a longer one finds nobody here, and must look through the resources.
    pub fn lookup(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        folded: &str,
    ) -> Result<Vec<Number>, ProjectorError> {
        if unique(resource_type, attribute) {
            let holder = self.holder(application, resource_type, attribute, folded)?;
            return Ok(holder.into_iter().map(|(number, _)| number).collect());
        }
        let range = key::lookups(application, resource_type, attribute, folded);
        self.collect(&range, |key, _| {
            key::lookup_number(key).ok_or_else(|| ProjectorError::row("a lookup"))
        })
    }

    /// Who holds a value of which there is one, and since when.
    fn holder(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        folded: &str,
    ) -> Result<Option<(Number, Seq)>, ProjectorError> {
        let value = self.rows.get(&key::unique(application, resource_type, attribute, folded))?;
        value.map(|value| row::decode_holder(&value)).transpose()
    }

    /// The number under which somebody without a resource was last mentioned.
    pub fn mention(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        folded: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let key = key::mention(application, resource_type, attribute, folded);
        let value = self.rows.get(&key)?;
        value.map(|value| row::number_of("a mention", &value)).transpose()
    }

    /// By what a number was first mentioned, if it was mentioned before it had a resource.
    pub fn mentioned(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Option<Mentioned>, ProjectorError> {
        let value = self.rows.get(&key::mentioned(application, number))?;
        value.map(|value| Mentioned::decode(&value)).transpose()
    }

    /// The state of a resource right after the event at `seq`; its `state` is `None` when it was
    /// deleted by then, and there is none before its creation.
    pub fn version(
        &self,
        application: Application,
        number: Number,
        seq: Seq,
    ) -> Result<Option<Version>, ProjectorError> {
        let range = key::versions_until(application, number, seq);
        let found = self.rows.first(&range, Direction::Forward)?;
        found.map(|(key, value)| Version::decode(&key, &value)).transpose()
    }

    /// Whether a number ever had a resource.
    pub fn was_resource(
        &self,
        application: Application,
        number: Number,
    ) -> Result<bool, ProjectorError> {
        let range = key::versions_until(application, number, View::NOW);
        Ok(self.rows.first(&range, Direction::Forward)?.is_some())
    }

    /// The members of a set, by number.
    pub fn members(
        &self,
        application: Application,
        set: Set,
        seq: Seq,
    ) -> Result<Vec<Standing>, ProjectorError> {
        set::members_at(self.rows, application, set, seq)
    }

    /// The stay of a member in a set.
    pub fn stay(
        &self,
        application: Application,
        set: Set,
        member: Number,
        seq: Seq,
    ) -> Result<Option<Stay>, ProjectorError> {
        set::stay_at(self.rows, application, set, member, seq)
    }

    /// The groups of a member: every stay, ended ones included, by group and newest first.
    pub fn stays(
        &self,
        application: Application,
        member: Number,
    ) -> Result<Vec<Stay>, ProjectorError> {
        set::stays_in(self.rows, &key::mirrors(application, member))
    }

    /// Shows the summaries of a range's operations, newest first, until `visit` breaks off.
    pub fn operations(
        &self,
        seqs: Range<Seq>,
        visit: &mut dyn FnMut(OperationSummary) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let mut failed = None;
        self.rows.scan(&key::operations(&seqs), Direction::Backward, &mut |key, value| {
            let summary =
                key::operation_seq(key).and_then(|seq| OperationSummary::decode(seq, value));
            match summary {
                Some(summary) => visit(summary),
                None => {
                    failed = Some(ProjectorError::row("an operation"));
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// The summary of the operation at `seq`; `None` where another kind of event stands.
    pub fn operation(&self, seq: Seq) -> Result<Option<OperationSummary>, ProjectorError> {
        let Some(value) = self.rows.get(&key::operation(seq))? else { return Ok(None) };
        let summary = OperationSummary::decode(seq, &value);
        summary.map(Some).ok_or_else(|| ProjectorError::row("an operation"))
    }

    /// The classes that have operations, and how many.
    pub fn classes(&self) -> Result<Vec<(Class, u64)>, ProjectorError> {
        let what = "a class";
        let mut classes = self.collect(&key::classes(), |key, value| {
            let class = key::class_parts(key).ok_or_else(|| ProjectorError::row(what))?;
            Ok((class, row::decode_seq(what, value)?))
        })?;
        classes.retain(|(class, _)| *class != Class::ALL);
        Ok(classes)
    }

    /// How many operations a class has, or with [`Class::ALL`] the log.
    pub fn class_count(&self, class: Class) -> Result<u64, ProjectorError> {
        let count = self.rows.get(&key::class(class))?;
        count.map_or(Ok(0), |count| row::decode_seq("a class", &count))
    }

    /// How many operations of a class are older than `before`.
    pub fn class_count_before(&self, class: Class, before: Seq) -> Result<u64, ProjectorError> {
        let last = match class {
            Class::ALL => {
                let last = self.rows.first(&key::operations(&(0..before)), Direction::Backward)?;
                let Some((key, value)) = last else { return Ok(0) };
                let summary =
                    key::operation_seq(&key).and_then(|seq| OperationSummary::decode(seq, &value));
                return summary
                    .map(|one| one.ordinal)
                    .ok_or_else(|| ProjectorError::row("an operation"));
            }
            class => {
                self.rows.first(&key::all_by_class(class, &(0..before)), Direction::Forward)?
            }
        };
        last.map_or(Ok(0), |(_, place)| row::decode_seq("a class", &place))
    }

    /// The places of a class's operations in a range, newest first, at most `limit`.
    pub fn by_class(
        &self,
        class: Class,
        seqs: Range<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        self.index(&key::all_by_class(class, &seqs), limit)
    }

    /// The places of a range's operations that are on a resource or person, or concern it; newest
    /// first, at most `limit`.
    pub fn by_resource(
        &self,
        application: Application,
        number: Number,
        seqs: Range<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        self.index(&key::all_by_resource(application, number, &seqs), limit)
    }

    /// The places of a range's operations whose request's id has this hash, newest first, at most
    /// `limit`.
    pub fn by_request(
        &self,
        request_id_hash: u64,
        seqs: Range<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, ProjectorError> {
        self.index(&key::all_by_request(request_id_hash, &seqs), limit)
    }

    fn index(&self, range: &KeyRange, limit: usize) -> Result<Vec<Seq>, ProjectorError> {
        let mut seqs = Vec::new();
        let mut damaged = false;
        self.rows.scan(range, Direction::Forward, &mut |key, _| {
            if seqs.len() == limit {
                return ControlFlow::Break(());
            }
            match key::index_seq(key) {
                Some(seq) => seqs.push(seq),
                None => damaged = true,
            }
            if damaged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if damaged { Err(ProjectorError::row("an index")) } else { Ok(seqs) }
    }

    /// The operations on a resource or person whose outcome is not known or not confirmed, oldest first.
    pub fn unsettled(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Vec<(Seq, Effect)>, ProjectorError> {
        self.collect(&key::all_unsettled(application, number), |key, value| {
            let effect = [Effect::Unknown, Effect::Unverified];
            let effect = effect.into_iter().find(|effect| value == [*effect as u8]);
            key::last_seq(key).zip(effect).ok_or_else(|| ProjectorError::row("what is unsettled"))
        })
    }

    /// What a later look said of an operation, and the event of that look.
    pub fn settled(&self, seq: Seq) -> Result<Option<(Seq, Verdict)>, ProjectorError> {
        let Some(value) = self.rows.get(&key::settled(seq))? else { return Ok(None) };
        let damaged = || ProjectorError::row("what was settled");
        let (by, code) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
        let verdicts = [Verdict::Confirmed, Verdict::Contradicted];
        let verdict = verdicts.into_iter().find(|verdict| code == [*verdict as u8]);
        Ok(Some((Seq::from_be_bytes(*by), verdict.ok_or_else(damaged)?)))
    }

    /// The requests that were about to be sent on and have no outcome, oldest first.
    pub fn intents(&self) -> Result<Vec<Seq>, ProjectorError> {
        self.collect(&key::intents(), |key, _| {
            key::last_seq(key).ok_or_else(|| ProjectorError::row("an intent"))
        })
    }

    /// Who has a value, and who had it: by whom, since when and until when. The value is
    /// [`folded`](crate::folded) and as long as in [`View::lookup`].
    pub fn bearers(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        folded: &str,
    ) -> Result<Vec<Bearer>, ProjectorError> {
        let damaged = || ProjectorError::row("a lookup");
        let mut bearers = if unique(resource_type, attribute) {
            let holder = self.holder(application, resource_type, attribute, folded)?;
            let holder = holder.map(|(number, since)| Bearer { number, since, until: None });
            holder.into_iter().collect()
        } else {
            let range = key::lookups(application, resource_type, attribute, folded);
            self.collect(&range, |key, since| {
                let number = key::lookup_number(key).ok_or_else(damaged)?;
                Ok(Bearer { number, since: row::decode_seq("a lookup", since)?, until: None })
            })?
        };
        let range = key::names(application, resource_type, attribute, folded);
        bearers.append(&mut self.collect(&range, |key, until| {
            let (number, since) = key::named_parts(key).ok_or_else(damaged)?;
            Ok(Bearer { number, since, until: Some(row::decode_seq("a name", until)?) })
        })?);
        Ok(bearers)
    }

    /// The resource types beyond `User` and `Group`, by number.
    pub fn resource_types(&self) -> Result<Vec<(ResourceType, String)>, ProjectorError> {
        let what = "a resource type";
        self.collect(&key::resource_types(), |key, name| {
            let number = key::resource_type_number(key).ok_or_else(|| ProjectorError::row(what))?;
            Ok((number, row::decode(what, name)?))
        })
    }

    /// The stretches without a recorder that were known at `seq`, oldest first.
    pub fn gaps(&self, seq: Seq) -> Result<Vec<Gap>, ProjectorError> {
        self.collect(&key::gaps(seq), |_, value| row::decode("a gap", value))
    }

    pub(crate) fn recorder(&self) -> Result<Option<Recorder>, ProjectorError> {
        let value = self.rows.get(&key::recorder())?;
        value.map(|value| row::decode("the recorder", &value)).transpose()
    }

    /// The first seq of the last second that has events and is not after `seconds`, and the first
    /// seq of the next such second.
    fn second(&self, seconds: i64) -> Result<(Option<Seq>, Option<Seq>), ProjectorError> {
        let seq = |found: Option<Row>| {
            found.map(|(_, value)| row::decode_seq("a second", &value)).transpose()
        };
        let until = self.rows.first(&key::seconds_until(seconds), Direction::Backward)?;
        let after = self.rows.first(&key::seconds_after(seconds), Direction::Forward)?;
        Ok((seq(until)?, seq(after)?))
    }

    fn collect<T>(
        &self,
        range: &KeyRange,
        mut read: impl FnMut(&[u8], &[u8]) -> Result<T, ProjectorError>,
    ) -> Result<Vec<T>, ProjectorError> {
        let mut found = Vec::new();
        let mut failed = None;
        self.rows.scan(range, Direction::Forward, &mut |key, value| match read(key, value) {
            Ok(item) => {
                found.push(item);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(found), Err)
    }
}

/// Who had a value of those that are looked up by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bearer {
    /// Who.
    pub number: Number,
    /// The event that gave it.
    pub since: Seq,
    /// The event that took it; `None` while it is theirs.
    pub until: Option<Seq>,
}

/// The digest under which a token is stored. Tokens are 256 random bits, so one round suffices.
pub fn token_sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The last event of the first `size` that was recorded at `time` or before; `None` when the first
/// event is later. `view` gives the second and most of the rest, the log's own headers what is missing.
///
/// # Errors
/// When the rows or the log cannot be read.
pub fn seq_at(
    store: &Store,
    view: &View<'_>,
    size: Seq,
    time: Timestamp,
) -> Result<Option<Seq>, ProjectorError> {
    let (first, next) = view.second(time.0.div_euclid(1_000_000))?;
    let Some(first) = first else { return Ok(None) };
    // Times never decrease with the seq, so the events that are early enough come first.
    // The rows may know of seconds that begin after `size`.
    let (mut low, mut high) = (first.min(size), next.unwrap_or(size).min(size));
    while low < high {
        let middle = low + (high - low) / 2;
        // Summaries stand close together, and few events have none.
        let recorded_at = match view.operation(middle)? {
            Some(summary) => summary.recorded_at,
            None => {
                let bytes = store.event_bytes(middle)?;
                let bytes = bytes.ok_or(StoreError::Gap { expected: middle })?;
                let header = decode_header(&bytes);
                header.map_err(|source| ProjectorError::Event { seq: middle, source })?.recorded_at
            }
        };
        if recorded_at <= time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Rows in a plain map.
    #[derive(Default)]
    pub(crate) struct MapRows(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

    impl ReadRows for MapRows {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.get(key).cloned())
        }

        fn scan(
            &self,
            range: &KeyRange,
            direction: Direction,
            visit: Visit<'_>,
        ) -> Result<(), StoreError> {
            let rows = self.0.range(range.from.clone()..range.to.clone());
            let rows: Vec<_> = match direction {
                Direction::Forward => rows.collect(),
                Direction::Backward => rows.rev().collect(),
            };
            for (key, value) in rows {
                if visit(key, value).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }

    /// Every small overlay over every small base reads like the map that both together make.
    #[test]
    fn an_overlay_reads_like_the_merged_map() {
        let key = |index: u8| vec![1, index];
        let range = KeyRange { from: vec![1], to: vec![2] };
        for pattern in 0..3_u32.pow(4) * 2_u32.pow(4) {
            let (mut base, mut merged) = (MapRows::default(), BTreeMap::new());
            for index in 0..4 {
                if pattern >> index & 1 == 1 {
                    base.0.insert(key(index), vec![index]);
                    merged.insert(key(index), vec![index]);
                }
            }
            let mut overlay = Overlay::new(&base);
            let mut rest = pattern / 16;
            for index in 0..4 {
                match rest % 3 {
                    1 => {
                        overlay.put(key(index), vec![100 + index]);
                        merged.insert(key(index), vec![100 + index]);
                    }
                    2 => {
                        overlay.delete(key(index));
                        merged.remove(&key(index));
                    }
                    _ => {}
                }
                rest /= 3;
            }
            for direction in [Direction::Forward, Direction::Backward] {
                let mut expected: Vec<_> = merged.clone().into_iter().collect();
                if direction == Direction::Backward {
                    expected.reverse();
                }
                for take in 1..=5 {
                    let mut seen = vec![];
                    overlay
                        .scan(&range, direction, &mut |key, value| {
                            seen.push((key.to_vec(), value.to_vec()));
                            if seen.len() == take {
                                ControlFlow::Break(())
                            } else {
                                ControlFlow::Continue(())
                            }
                        })
                        .unwrap();
                    assert_eq!(seen, expected[..take.min(expected.len())], "{pattern}");
                }
            }
            for index in 0..4 {
                assert_eq!(overlay.get(&key(index)).unwrap(), merged.get(&key(index)).cloned());
            }
        }
    }
}
