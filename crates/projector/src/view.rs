//! Typed reading of rows: from a snapshot, or a snapshot with an overlay of unpublished changes; with
//! everything that is known, or only what was known at an earlier event.

use std::ops::{ControlFlow, Range};

use event::codec::decode_header;
use event::{Application, Attribute, Number, ResourceType, Seq, Timestamp};
use store::key::{self, KeyRange};
use store::{Direction, ReadRows, Row, Store, StoreError};
use tlog::Hash;

use crate::error::ProjectorError;
use crate::holder::Holder;
use crate::row::{self, Gap, Identity, Mentioned, Recorder, ResourceHead, Version};
use crate::text::unique;

mod configuration;
mod operations;
mod sets;

pub use configuration::{identity_sha256, token_sha256};
pub use operations::Order;

/// Scan this many of a resource's newest versions before seeking the wanted one.
const NEWEST_WALKED_MAX: usize = 4;

/// What a resource was called at an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamesAt {
    /// It existed, or had existed, with these names.
    Known(Identity),
    /// It was created later. Only the id is the same at any time.
    CreatedLater {
        /// The SCIM id.
        id: Option<String>,
    },
    /// The number never had a resource.
    NoResource,
}

/// Typed access to rows. A `seq` argument asks for the state right after that event, [`View::NOW`] for
/// the newest state that the view knows.
#[derive(Clone, Copy)]
pub struct View<'a> {
    rows: &'a dyn ReadRows,
    /// How many events the view knows; `Seq::MAX` for all.
    size: Seq,
}

impl<'a> View<'a> {
    /// The hash of an event's leaf in the log's tree; `None` if the rows do not have the event.
    ///
    /// # Errors
    /// When the row cannot be read.
    pub fn leaf(&self, seq: Seq) -> Result<Option<Hash>, ProjectorError> {
        let row = self.rows.get(&key::tile_hash(0, seq))?;
        let hash = row.map(|row| <[u8; 32]>::try_from(row).map(Hash::new));
        hash.transpose().map_err(|_| ProjectorError::row("the log's tree"))
    }

    /// Asks for the newest state.
    pub const NOW: Seq = Seq::MAX;

    /// A view of everything that these rows hold.
    pub fn new(rows: &'a dyn ReadRows) -> View<'a> {
        View { rows, size: Seq::MAX }
    }

    /// The same rows as they were known when the log had `size` events: later events are left out of
    /// every answer. Configuration (applications, credentials) is always read as it is now.
    pub fn limited_to(self, size: Seq) -> View<'a> {
        View { size: self.size.min(size), ..self }
    }

    /// Whether the view knows the event at `seq`.
    pub(crate) fn knows(&self, seq: Seq) -> bool {
        seq < self.size
    }

    /// How many events it knows.
    pub(crate) fn size(&self) -> Seq {
        self.size
    }

    /// Whether it knows all events.
    fn knows_all(&self) -> bool {
        self.size == Seq::MAX
    }

    /// `seq`, or the last event that the view knows if that is earlier; `None` if it knows none.
    pub(crate) fn until(&self, seq: Seq) -> Option<Seq> {
        Some(seq.min(self.size.checked_sub(1)?))
    }

    pub(crate) fn rows(&self) -> &'a dyn ReadRows {
        self.rows
    }

    /// The part of a range that the view knows.
    pub(crate) fn within(&self, seqs: Range<Seq>) -> Range<Seq> {
        seqs.start..seqs.end.min(self.size)
    }

    /// The number for the next person or resource of an application.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
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
        let number = value.map(|value| row::number_of("an id", &value)).transpose()?;
        match number {
            Some(number) if !self.knows_all() => {
                let is_known = self.version(application, number, View::NOW)?.is_some();
                Ok(is_known.then_some(number))
            }
            number => Ok(number),
        }
    }

    /// The living resources that have a value, given as [`case_folded`](crate::case_folded) makes it. A
    /// value of more than [`LOOKUP_BYTES_MAX`](crate::LOOKUP_BYTES_MAX) bytes has no rows, so nobody is
    /// found: the caller must then scan the resources.
    pub fn lookup(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Vec<Number>, ProjectorError> {
        let all = self.holders(application, resource_type, attribute, case_folded)?;
        Ok(all.into_iter().map(|(number, _)| number).collect())
    }

    /// Who has a value, and since when. For a unique attribute the holder of the unique row comes first,
    /// else they are sorted by number. An e-mail that is its user's name too is found with the name.
    fn holders(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Vec<(Number, Seq)>, ProjectorError> {
        let named_alike =
            attribute == Attribute::Email && unique(resource_type, Attribute::UserName);
        if named_alike {
            let mut all = self.other_holders(application, resource_type, attribute, case_folded)?;
            let holder =
                self.holder(application, resource_type, Attribute::UserName, case_folded)?;
            let by_email = holder.and_then(|one| Some((one.number, one.email_since?)));
            all.extend(by_email);
            all.sort_unstable();
            return Ok(all);
        }
        if !unique(resource_type, attribute) {
            return self.other_holders(application, resource_type, attribute, case_folded);
        }
        let holder = self.holder(application, resource_type, attribute, case_folded)?;
        let Some(holder) = holder else { return Ok(vec![]) };
        let mut all = vec![(holder.number, holder.since)];
        all.append(&mut self.other_holders(application, resource_type, attribute, case_folded)?);
        Ok(all)
    }

    /// The users whose userName another user holds too, by name. They got it from an upstream, or before
    /// names were compared as they are now.
    pub fn users_sharing_a_name(
        &self,
        application: Application,
    ) -> Result<Vec<Number>, ProjectorError> {
        let range = key::all_lookups(application, ResourceType::USER, Attribute::UserName);
        self.collect(&range, |key, _| {
            key::lookup_number(key).ok_or_else(|| ProjectorError::row("a lookup"))
        })
    }

    /// Who has a value, and since when, by number. For a unique attribute: who shares it with the holder
    /// of the unique row.
    pub(crate) fn other_holders(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Vec<(Number, Seq)>, ProjectorError> {
        let range = key::lookups(application, resource_type, attribute, case_folded);
        self.collect(&range, |key, since| {
            let number = key::lookup_number(key).ok_or_else(|| ProjectorError::row("a lookup"))?;
            Ok((number, row::decode_seq("a lookup", since)?))
        })
    }

    /// Who holds the unique row of a value.
    pub(crate) fn holder(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Option<Holder>, ProjectorError> {
        let value =
            self.rows.get(&key::unique(application, resource_type, attribute, case_folded))?;
        value.map(|value| Holder::decode(&value)).transpose()
    }

    /// The number of a name that was mentioned when no resource had it; if several, the last one. An id
    /// that was mentioned without a type matches any type; one mentioned with another type does not.
    pub fn mention(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let mut last: Option<(Seq, Number)> = None;
        for kind in kinds_of_mention(resource_type, attribute) {
            let key = key::mention(application, kind, attribute, case_folded);
            let value = self.rows.get(&key)?;
            let found = match value.map(|value| row::decode_holder(&value)).transpose()? {
                None => None,
                Some((number, since)) if self.knows(since) => Some((since, number)),
                Some(_) => {
                    self.mentions_of(application, kind, attribute, case_folded)?.first().copied()
                }
            };
            last = last.max(found);
        }
        Ok(last.map(|(_, number)| number))
    }

    /// All numbers that were mentioned by a name, the last first. A name can be used again for somebody
    /// else.
    pub fn mentions(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Vec<Number>, ProjectorError> {
        let mut all = vec![];
        for kind in kinds_of_mention(resource_type, attribute) {
            all.extend(self.mentions_of(application, kind, attribute, case_folded)?);
        }
        all.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
        Ok(all.into_iter().map(|(_, number)| number).collect())
    }

    /// The mentions of one type, and since when, the last first.
    fn mentions_of(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Vec<(Seq, Number)>, ProjectorError> {
        let last =
            self.rows.get(&key::mention(application, resource_type, attribute, case_folded))?;
        let Some(last) = last else { return Ok(vec![]) };
        let range = key::mentions_before(application, resource_type, attribute, case_folded);
        let before = self.collect(&range, |key, number| {
            let number = row::number_of("a mention", number)?;
            Ok(key::mention_since(key, &range).map(|since| (number, since)))
        })?;
        let all = std::iter::once(row::decode_holder(&last)?).chain(before.into_iter().flatten());
        let known = all.filter(|(_, since)| self.knows(*since));
        Ok(known.map(|(number, since)| (since, number)).collect())
    }

    /// The first mention of a number, if it was mentioned before it had a resource.
    pub fn mentioned(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Option<Mentioned>, ProjectorError> {
        let value = self.rows.get(&key::mentioned(application, number))?;
        let mentioned = value.map(|value| Mentioned::decode(&value)).transpose()?;
        let known = mentioned.filter(|(_, seq)| self.knows(*seq));
        Ok(known.map(|(mut mentioned, _)| {
            mentioned.external_id = mentioned.external_id.filter(|(_, seq)| self.knows(*seq));
            mentioned
        }))
    }

    /// The version of a resource right after the event at `seq`: `None` before its creation, with a
    /// `state` of `None` after its deletion.
    pub fn version(
        &self,
        application: Application,
        number: Number,
        seq: Seq,
    ) -> Result<Option<Version>, ProjectorError> {
        let Some(seq) = self.until(seq) else { return Ok(None) };
        let range = key::versions_until(application, number, seq);
        let found = self.rows.first(&range, Direction::Forward)?;
        found.map(|(key, value)| Version::decode(&key, &value)).transpose()
    }

    /// What a resource was called right after the event at `seq`; if it was deleted by then, what it was
    /// called before.
    pub fn names_at(
        &self,
        application: Application,
        number: Number,
        seq: Seq,
    ) -> Result<NamesAt, ProjectorError> {
        let Some(last) = self.until(View::NOW) else { return Ok(NamesAt::NoResource) };
        // The wanted version is usually among the newest, and this scan also finds a number without any.
        let mut later = vec![];
        let (mut found, mut steps) = (None, 0);
        let range = key::versions_until(application, number, last);
        self.rows.scan(&range, Direction::Forward, &mut |key, value| {
            match key::version_seq(key) {
                Some(made) if made > seq => later = value.to_vec(),
                _ => found = Version::identity(value).transpose(),
            }
            steps += 1;
            if found.is_some() || steps == NEWEST_WALKED_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if found.is_none() && steps == NEWEST_WALKED_MAX {
            let range = key::versions_until(application, number, seq);
            self.rows.scan(&range, Direction::Forward, &mut |_, value| {
                found = Version::identity(value).transpose();
                // A deletion has no names; the version before it has.
                if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        match found {
            Some(identity) => identity.map(NamesAt::Known),
            None if later.is_empty() => Ok(NamesAt::NoResource),
            None => {
                let identity = Version::identity(&later)?;
                Ok(NamesAt::CreatedLater { id: identity.and_then(|identity| identity.id) })
            }
        }
    }

    /// Visits the versions of a resource at `seq` and before, newest first, until `visit` breaks off.
    pub fn versions(
        &self,
        application: Application,
        number: Number,
        seq: Seq,
        visit: &mut dyn FnMut(Version) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let Some(seq) = self.until(seq) else { return Ok(()) };
        let range = key::versions_until(application, number, seq);
        let mut failed = None;
        self.rows.scan(&range, Direction::Forward, &mut |key, value| match Version::decode(
            key, value,
        ) {
            Ok(version) => visit(version),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// The seqs of a resource's versions at `seq` and before, newest first.
    pub fn version_seqs(
        &self,
        application: Application,
        number: Number,
        seq: Seq,
    ) -> Result<Vec<Seq>, ProjectorError> {
        let Some(seq) = self.until(seq) else { return Ok(vec![]) };
        self.collect(&key::versions_until(application, number, seq), |key, _| {
            key::version_seq(key).ok_or_else(|| ProjectorError::row("a version"))
        })
    }

    /// Whether the event at `seq` deleted a resource.
    pub fn was_deleted_by(
        &self,
        application: Application,
        number: Number,
        seq: Seq,
    ) -> Result<bool, ProjectorError> {
        if !self.knows(seq) {
            return Ok(false);
        }
        // Most events have no such row, and the filter then saves reading a block.
        let row = self.rows.get(&key::version(application, number, seq))?;
        let is_deletion = row.map(|row| Version::is_deletion(&row)).transpose()?;
        Ok(is_deletion.unwrap_or(false))
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

    /// The intents to forward a request that have no recorded outcome, oldest first.
    pub fn intents(&self) -> Result<Vec<Seq>, ProjectorError> {
        self.collect(&key::intents(), |key, _| {
            key::last_seq(key).ok_or_else(|| ProjectorError::row("an intent"))
        })
    }

    /// All present and former holders of a value, given as in [`View::lookup`].
    pub fn name_holders(
        &self,
        application: Application,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Vec<NameHolder>, ProjectorError> {
        let damaged = || ProjectorError::row("a lookup");
        let holders = self.holders(application, resource_type, attribute, case_folded)?.into_iter();
        let holders = holders.map(|(number, since)| NameHolder { number, since, until: None });
        let mut holders: Vec<NameHolder> = holders.collect();
        let range = key::names(application, resource_type, attribute, case_folded);
        holders.append(&mut self.collect(&range, |key, until| {
            let (number, since) = key::named_parts(key).ok_or_else(damaged)?;
            Ok(NameHolder { number, since, until: Some(row::decode_seq("a name", until)?) })
        })?);
        holders.retain(|holder| self.knows(holder.since));
        for holder in &mut holders {
            holder.until = holder.until.filter(|until| self.knows(*until));
        }
        Ok(holders)
    }

    /// The gaps in the record that were known at `seq`, oldest first.
    pub fn gaps(&self, seq: Seq) -> Result<Vec<Gap>, ProjectorError> {
        let Some(seq) = self.until(seq) else { return Ok(vec![]) };
        self.collect(&key::gaps(seq), |_, value| row::decode("a gap", value))
    }

    /// What is known of a resource or person up to the last event that concerned it.
    pub(crate) fn resource_head(
        &self,
        application: Application,
        number: Number,
    ) -> Result<ResourceHead, ProjectorError> {
        let value = self.rows.get(&key::resource_head(application, number))?;
        value.map_or(Ok(ResourceHead::default()), |value| ResourceHead::decode(&value))
    }

    /// The last event that changed who exists or is active in an application.
    pub(crate) fn population(
        &self,
        application: Application,
    ) -> Result<Option<Seq>, ProjectorError> {
        let value = self.rows.get(&key::population(application))?;
        value.map(|value| row::decode_seq("a population", &value)).transpose()
    }

    /// The last event about what was watched.
    pub(crate) fn coverage(&self) -> Result<Option<Seq>, ProjectorError> {
        let value = self.rows.get(&key::coverage())?;
        value.map(|value| row::decode_seq("the coverage", &value)).transpose()
    }

    pub(crate) fn recorder(&self) -> Result<Option<Recorder>, ProjectorError> {
        let value = self.rows.get(&key::recorder())?;
        value.map(|value| row::decode("the recorder", &value)).transpose()
    }

    /// The first seq of the last second with events up to `seconds`, and the first seq of the next second
    /// with events.
    fn second(&self, seconds: i64) -> Result<(Option<Seq>, Option<Seq>), ProjectorError> {
        let seq = |found: Option<Row>| {
            found.map(|(_, value)| row::decode_seq("a second", &value)).transpose()
        };
        let until = self.rows.first(&key::seconds_until(seconds), Direction::Backward)?;
        let after = self.rows.first(&key::seconds_after(seconds), Direction::Forward)?;
        Ok((seq(until)?, seq(after)?))
    }

    pub(crate) fn collect<T>(
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

/// A resource that has, or had, a looked-up value, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameHolder {
    /// The resource.
    pub number: Number,
    /// The event that gave it the value.
    pub since: Seq,
    /// The event that took the value away; `None` while it has it.
    pub until: Option<Seq>,
}

/// The types under which a mention may be stored: an id also without a type.
fn kinds_of_mention(
    resource_type: ResourceType,
    attribute: Attribute,
) -> impl Iterator<Item = ResourceType> {
    let untyped = (attribute == Attribute::Id && resource_type != ResourceType::NONE)
        .then_some(ResourceType::NONE);
    std::iter::once(resource_type).chain(untyped)
}

/// The last of the first `size` events that was recorded at `time` or before; `None` when the first event
/// is later. Finds the second in the rows of `view`, then searches by the times of operation summaries,
/// or of the events' headers where there is no summary.
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
    // Binary search: times never decrease with the seq. The rows may have seconds beyond `size`.
    let (mut low, mut high) = (first.min(size), next.unwrap_or(size).min(size));
    while low < high {
        let middle = low + (high - low) / 2;
        // Most events have a summary, and summaries are close together on disk.
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
