//! Finds the subject of each entry of one decision.

use std::collections::BTreeMap;

use canonical::Document;
use entra_log::Entry;
use entra_log::said::told;
use event::{
    Application, Attribute, Changes, Content, Mention, MentionedName, Number, Part, ResourceType,
};
use projector::{LOOKUP_BYTES_MAX, ProjectorError, View, case_folded};

/// Finds the subjects of one decision's entries.
pub(super) struct People<'a> {
    view: &'a View<'a>,
    application: Application,
    next: Number,
    /// The mentions that this decision adds.
    mentions: BTreeMap<(Attribute, ResourceType, String), Number>,
}

impl<'a> People<'a> {
    pub(super) fn new(
        view: &'a View<'a>,
        application: Application,
    ) -> Result<People<'a>, ProjectorError> {
        let next = view.next_number(application)?;
        Ok(People { view, application, next, mentions: BTreeMap::new() })
    }

    /// The number of an entry's subject, and the mentions that the entry adds.
    pub(super) fn subject(
        &mut self,
        resource_type: ResourceType,
        entry: &Entry,
    ) -> Result<(Number, Vec<Part>), ProjectorError> {
        if resource_type == ResourceType::NONE {
            return Ok((Number::NOBODY, vec![]));
        }
        let fits = |text: &&str| !text.is_empty() && text.len() <= LOOKUP_BYTES_MAX / 3;
        let target = entry.target_id.as_deref().filter(fits);
        let source = entry.source_id.as_deref().filter(fits);
        let name = match resource_type {
            ResourceType::USER => (Attribute::UserName, entry.user_name.as_deref().filter(fits)),
            _ => (Attribute::DisplayName, entry.source_name.as_deref().filter(fits)),
        };
        let by_target = match target {
            Some(id) => match self.view.number_of_id(self.application, resource_type, id)? {
                Some(number) => Some(number),
                None => self.mentioned(Attribute::Id, resource_type, id)?,
            },
            None => None,
        };
        let by_source = match source {
            Some(id) => self.mentioned(Attribute::SourceId, resource_type, id)?,
            None => None,
        };
        // The externalId, which a refused create may have mentioned earlier.
        let external_id = external_id_of(entry).filter(fits);
        let external = (Attribute::ExternalId, external_id);
        let by_external = self.by_external_id(resource_type, external_id, name)?;
        let mut parts = vec![];
        let number = match by_target.or(by_external).or(by_source) {
            Some(number) => {
                // After a rename at the source, both names find the subject.
                if let (attribute, Some(name)) = name
                    && self.is_new_name(resource_type, (attribute, name), number)?
                {
                    parts.push(self.mention(number, attribute, resource_type, name));
                }
                number
            }
            None => match self.by_name(resource_type, name, external_id)? {
                Some(number) => number,
                None => {
                    let by = match (name, target) {
                        ((attribute, Some(name)), _) => Some((attribute, name)),
                        ((_, None), Some(id)) => Some((Attribute::Id, id)),
                        ((_, None), None) => source.map(|id| (Attribute::SourceId, id)),
                    };
                    let Some((attribute, text)) = by else { return Ok((Number::NOBODY, vec![])) };
                    let number = self.next;
                    self.next = Number(number.0 + 1);
                    parts.push(self.mention(number, attribute, resource_type, text));
                    number
                }
            },
        };
        if let Some(id) = target
            && by_target.is_none()
            && !parts.iter().any(|part| mentions(part, Attribute::Id))
        {
            parts.push(self.mention(number, Attribute::Id, resource_type, id));
        }
        if let (attribute, Some(external_id)) = external
            && by_external.is_none()
        {
            parts.push(self.mention(number, attribute, resource_type, external_id));
        }
        if let Some(id) = source
            && by_source != Some(number)
            && !parts.iter().any(|part| mentions(part, Attribute::SourceId))
        {
            parts.push(self.mention(number, Attribute::SourceId, resource_type, id));
        }
        Ok((number, parts))
    }

    /// Who was last mentioned by this value.
    fn mentioned(
        &self,
        attribute: Attribute,
        resource_type: ResourceType,
        text: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let case_folded = case_folded(attribute, text);
        if let Some(number) = self.mentions.get(&(attribute, resource_type, case_folded.clone())) {
            return Ok(Some(*number));
        }
        self.view.mention(self.application, resource_type, attribute, &case_folded)
    }

    /// The accounts that hold a name.
    fn holders(
        &self,
        resource_type: ResourceType,
        (attribute, name): (Attribute, Option<&str>),
    ) -> Result<Vec<Number>, ProjectorError> {
        let Some(name) = name else { return Ok(vec![]) };
        let case_folded = case_folded(attribute, name);
        self.view.lookup(self.application, resource_type, attribute, &case_folded)
    }

    /// The only holder of a name; else whoever was mentioned by it.
    fn holder_or_mentioned(
        &self,
        resource_type: ResourceType,
        (attribute, name): (Attribute, Option<&str>),
    ) -> Result<Option<Number>, ProjectorError> {
        match (self.holders(resource_type, (attribute, name))?.as_slice(), name) {
            ([one], _) => Ok(Some(*one)),
            // Several hold it: do not guess.
            ([_, _, ..], _) | ([], None) => Ok(None),
            ([], Some(name)) => self.mentioned(attribute, resource_type, name),
        }
    }

    /// The same by externalId. Of several holders, the one that also holds the entry's other name.
    fn by_external_id(
        &self,
        resource_type: ResourceType,
        external_id: Option<&str>,
        name: (Attribute, Option<&str>),
    ) -> Result<Option<Number>, ProjectorError> {
        let external = (Attribute::ExternalId, external_id);
        let same = self.holders(resource_type, external)?;
        if same.len() < 2 {
            return self.holder_or_mentioned(resource_type, external);
        }
        let same_name = self.holders(resource_type, name)?;
        let mut by_both = same.into_iter().filter(|number| same_name.contains(number));
        let (first, second) = (by_both.next(), by_both.next());
        Ok(first.filter(|_| second.is_none()))
    }

    /// The same by a name other than the externalId. Whoever has another externalId on record than the
    /// given one is somebody else.
    fn by_name(
        &self,
        resource_type: ResourceType,
        name: (Attribute, Option<&str>),
        external_id: Option<&str>,
    ) -> Result<Option<Number>, ProjectorError> {
        let found = self.holder_or_mentioned(resource_type, name)?;
        let (Some(number), Some(given)) = (found, external_id) else { return Ok(found) };
        let normal = |text: &str| case_folded(Attribute::ExternalId, text);
        let known = self.external_id_of(number)?;
        Ok(found.filter(|_| known.is_none_or(|known| normal(&known) == normal(given))))
    }

    /// The externalId known for a number: its account's, the last one of a deleted account, else the
    /// one by which it was mentioned.
    fn external_id_of(&self, number: Number) -> Result<Option<String>, ProjectorError> {
        let own = Attribute::ExternalId;
        let mut version = self.view.version(self.application, number, View::NOW)?;
        let is_there = version.as_ref().is_some_and(|version| version.state.is_some());
        if let Some(gone) = version.as_ref().filter(|_| !is_there) {
            version = match gone.seq.checked_sub(1) {
                Some(before) => self.view.version(self.application, number, before)?,
                None => None,
            };
        }
        let state = version.and_then(|version| version.state);
        let told = state.as_ref().filter(|state| state.get(own.name()).is_some());
        if is_there || told.is_some() {
            // A value that is not text equals none that an entry gives.
            let text = |state: &Document| state.text(own.name()).unwrap_or_default().into_owned();
            return Ok(told.map(text));
        }
        let mut mentions = self.mentions.iter();
        let here = mentions.find(|((attribute, ..), whom)| *attribute == own && **whom == number);
        if let Some(((.., text), _)) = here {
            return Ok(Some(text.clone()));
        }
        let mentioned = self.view.mentioned(self.application, number)?;
        Ok(mentioned.and_then(|mentioned| mentioned.external_id).map(|(text, _)| text))
    }

    /// Whether nobody holds a name and the last mention by it is not of this number.
    fn is_new_name(
        &self,
        resource_type: ResourceType,
        (attribute, name): (Attribute, &str),
        number: Number,
    ) -> Result<bool, ProjectorError> {
        let case_folded = case_folded(attribute, name);
        let holders = self.view.lookup(self.application, resource_type, attribute, &case_folded)?;
        let last = self.mentioned(attribute, resource_type, name)?;
        Ok(holders.is_empty() && last != Some(number))
    }

    fn mention(
        &mut self,
        number: Number,
        attribute: Attribute,
        resource_type: ResourceType,
        text: &str,
    ) -> Part {
        let case_folded = case_folded(attribute, text);
        self.mentions.insert((attribute, resource_type, case_folded), number);
        let name = Some(MentionedName { value: text.to_owned(), display: None });
        let mention = Mention { attribute, resource_type, name };
        let changes = Changes { mention: Some(mention), ..Changes::default() };
        Part::new(number, Content::Changes(changes))
    }
}

/// The externalId that an entry wrote or was to write, if it contains one.
fn external_id_of(entry: &Entry) -> Option<&str> {
    let mut modified = entry.modified.iter();
    let one = modified.find(|one| one.path.eq_ignore_ascii_case(Attribute::ExternalId.name()))?;
    one.new.as_deref().and_then(told).map(|text| text.trim_matches('"'))
}

fn mentions(part: &Part, attribute: Attribute) -> bool {
    let mention = part.content.changes().and_then(|changes| changes.mention.as_ref());
    mention.is_some_and(|mention| mention.attribute == attribute)
}
