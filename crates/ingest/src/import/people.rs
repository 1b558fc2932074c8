//! Who is who among the entries of one decision.

use std::collections::BTreeMap;

use entra_log::Entry;
use entra_log::said::told;
use event::{Application, Attribute, Changes, Content, Mention, Number, Part, ResourceType};
use projector::{LOOKUP_BYTES_MAX, ProjectorError, View, folded};

/// Who is who within one decision.
pub(super) struct People<'a> {
    view: &'a View<'a>,
    application: Application,
    next: Number,
    /// What this decision itself mentions.
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

    /// The number of whom an entry is about, and the mentions that it makes.
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
        // The client's own name for somebody, which a refused create may have told first.
        let external_id = external_id_of(entry).filter(fits);
        let external = (Attribute::ExternalId, external_id);
        let by_external = self.named(resource_type, external)?;
        let mut parts = vec![];
        let number = match by_target.or(by_external).or(by_source) {
            Some(number) => {
                // Whoever was renamed at the source is found by both names.
                if let (attribute, Some(name)) = name
                    && self.is_unheard(resource_type, (attribute, name), number)?
                {
                    parts.push(self.mention(number, attribute, resource_type, name));
                }
                number
            }
            None => match self.called(resource_type, name, external_id)? {
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

    /// Who was last mentioned so.
    fn mentioned(
        &self,
        attribute: Attribute,
        resource_type: ResourceType,
        text: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let folded = folded(attribute, text);
        if let Some(number) = self.mentions.get(&(attribute, resource_type, folded.clone())) {
            return Ok(Some(*number));
        }
        self.view.mention(self.application, resource_type, attribute, &folded)
    }

    /// The one who bears a name; else whoever was mentioned so.
    fn named(
        &self,
        resource_type: ResourceType,
        (attribute, name): (Attribute, Option<&str>),
    ) -> Result<Option<Number>, ProjectorError> {
        let Some(name) = name else { return Ok(None) };
        let folded = folded(attribute, name);
        let bearers = self.view.lookup(self.application, resource_type, attribute, &folded)?;
        match bearers.as_slice() {
            [one] => Ok(Some(*one)),
            // Nobody guesses among several.
            [_, _, ..] => Ok(None),
            [] => self.mentioned(attribute, resource_type, name),
        }
    }

    /// The same by a name that is not the client's own. Who has another externalId than the one given, of
    /// which nothing is known, is somebody else.
    fn called(
        &self,
        resource_type: ResourceType,
        name: (Attribute, Option<&str>),
        external_id: Option<&str>,
    ) -> Result<Option<Number>, ProjectorError> {
        let found = self.named(resource_type, name)?;
        let (Some(number), Some(_)) = (found, external_id) else { return Ok(found) };
        Ok(if self.has_own_name(number)? { None } else { found })
    }

    /// Whether an externalId is known of a number: its account's, or one by which it was mentioned.
    fn has_own_name(&self, number: Number) -> Result<bool, ProjectorError> {
        let own = Attribute::ExternalId;
        let mut mentions = self.mentions.iter();
        if mentions.any(|((attribute, ..), whom)| *attribute == own && *whom == number) {
            return Ok(true);
        }
        let version = self.view.version(self.application, number, View::NOW)?;
        if let Some(state) = version.and_then(|version| version.state) {
            return Ok(state.contains_key(own.name()));
        }
        let mentioned = self.view.mentioned(self.application, number)?;
        Ok(mentioned.is_some_and(|mentioned| mentioned.external_id.is_some()))
    }

    /// Whether nobody bears a name and this number was not mentioned by it last.
    fn is_unheard(
        &self,
        resource_type: ResourceType,
        (attribute, name): (Attribute, &str),
        number: Number,
    ) -> Result<bool, ProjectorError> {
        let folded = folded(attribute, name);
        let bearers = self.view.lookup(self.application, resource_type, attribute, &folded)?;
        let last = self.mentioned(attribute, resource_type, name)?;
        Ok(bearers.is_empty() && last != Some(number))
    }

    fn mention(
        &mut self,
        number: Number,
        attribute: Attribute,
        resource_type: ResourceType,
        text: &str,
    ) -> Part {
        let folded = folded(attribute, text);
        self.mentions.insert((attribute, resource_type, folded.clone()), number);
        let mention = Mention { attribute, value: text.to_owned(), folded, resource_type };
        let changes = Changes { mention: Some(mention), ..Changes::default() };
        Part { subject: number, content: Content::Changes(changes) }
    }
}

/// The externalId that an entry writes, or was to write, if it tells it.
fn external_id_of(entry: &Entry) -> Option<&str> {
    let mut modified = entry.modified.iter();
    let one = modified.find(|one| one.path.eq_ignore_ascii_case(Attribute::ExternalId.name()))?;
    one.new.as_deref().and_then(told).map(|text| text.trim_matches('"'))
}

fn mentions(part: &Part, attribute: Attribute) -> bool {
    match &part.content {
        Content::Changes(changes) => {
            changes.mention.as_ref().is_some_and(|mention| mention.attribute == attribute)
        }
        _ => false,
    }
}
