//! The numbers of persons and resources within one decision.
//!
//! A number is given at the first mention: a create, an unknown member, or a lookup that found nobody.
//! It belongs to at most one resource ever: a create takes the number of a mention that no resource has
//! had.

use std::borrow::Cow;
use std::collections::HashMap;

use canonical::{Document, raw};
use event::{
    Application, Attribute, Changes, Content, Mention, MentionedName, Number, Part, ResourceType,
};
use projector::{ProjectorError, View, case_folded};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::list::FailedLookup;

/// The number under which a lookup that found nobody is recorded, and its mention, if new. A literal
/// that looks like a GUID is a probe and concerns nobody.
pub(crate) fn mention_failed_lookup(
    view: &View<'_>,
    context: &Context,
    stored_type: ResourceType,
    failed_lookup: &FailedLookup,
) -> Result<(Number, Vec<Part>), ProjectorError> {
    if looks_like_guid(&failed_lookup.value) {
        return Ok((Number::NOBODY, vec![]));
    }
    let mut numbers = Numbers::new(view, context, stored_type)?;
    let number = numbers.mention(
        failed_lookup.attribute,
        &failed_lookup.value,
        &MentionDetails::default(),
    )?;
    Ok((number, numbers.mentions))
}

fn looks_like_guid(text: &str) -> bool {
    let bare = text.trim().trim_start_matches('{').trim_end_matches('}').replace('-', "");
    bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a client says about an unknown resource besides its name.
#[derive(Default)]
pub(crate) struct MentionDetails<'a> {
    pub resource_type: ResourceType,
    /// Its display name.
    pub display: Option<&'a str>,
}

/// The names in a create. Names that are too long to be looked up are left out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Names {
    /// The userName of a person, the displayName of a group.
    pub name: Option<(Attribute, String)>,
    /// The externalId.
    pub external_id: GivenExternalId,
}

/// The externalId of a request, as far as it can be looked up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum GivenExternalId {
    /// None was given.
    #[default]
    None,
    Given(String),
    /// One was given that cannot be looked up: too long, or not text. Nobody on record has it.
    Unusable,
}

impl GivenExternalId {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        match self {
            GivenExternalId::Given(text) => Some(text),
            GivenExternalId::None | GivenExternalId::Unusable => None,
        }
    }
}

impl Names {
    const BYTES_MAX: usize = 1 << 10;

    /// The names in the body of a refused request, read as leniently as in an accepted one: in any
    /// letter case, with a URN, or with an object around the value.
    pub(crate) fn of(context: &Context, stored_type: ResourceType, body: &Value) -> Names {
        let Some(resource_type) = context.catalog.resource_type(stored_type) else {
            return Names::default();
        };
        let registry = context.registry();
        let read = scim::UpstreamResource::read(resource_type, registry, &context.settings, body);
        let Some(read) = read else { return Names::default() };
        let mut names = Names::of_attributes(stored_type, &read.resource.attributes);
        if read.misfits.left_out.contains(Attribute::ExternalId.name()) {
            names.external_id = GivenExternalId::Unusable;
        }
        names
    }

    /// The names in the body of a forwarded create. A resource of a further type is looked up by its
    /// userName or displayName, whichever it has.
    pub(crate) fn of_new(context: &Context, stored_type: ResourceType, body: &Value) -> Names {
        let mut names = Names::of(context, stored_type, body);
        if !matches!(stored_type, ResourceType::USER | ResourceType::GROUP) {
            let text = |attribute: Attribute| {
                let mut members = body.as_object()?.iter();
                let named = |name: &str| name.eq_ignore_ascii_case(attribute.name());
                let text = members.find(|(name, _)| named(name))?.1.as_str()?;
                Names::fits(text).then(|| (attribute, text.to_owned()))
            };
            names.name = text(Attribute::UserName).or_else(|| text(Attribute::DisplayName));
        }
        names
    }

    /// Whether the attributes have another externalId, so that they are of another resource.
    pub(crate) fn has_other_external_id(&self, attributes: &Map<String, Value>) -> bool {
        let attribute = Attribute::ExternalId;
        let theirs = Names::of_attributes(ResourceType::NONE, attributes).external_id;
        match (&self.external_id, &theirs) {
            (GivenExternalId::Given(own), GivenExternalId::Given(theirs)) => {
                case_folded(attribute, own) != case_folded(attribute, theirs)
            }
            (GivenExternalId::None, _) | (_, GivenExternalId::None) => false,
            // Two externalIds that cannot be looked up count as equal.
            (own, theirs) => own != theirs,
        }
    }

    fn fits(text: &str) -> bool {
        (1..=Names::BYTES_MAX).contains(&text.len())
    }

    /// The names among the attributes of a resource.
    pub(crate) fn of_attributes(
        stored_type: ResourceType,
        attributes: &Map<String, Value>,
    ) -> Names {
        Names::of_texts(stored_type, |name| {
            attributes.get(name).map(|value| value.as_str().map(Cow::from))
        })
    }

    /// The names in a state.
    pub(crate) fn of_state(stored_type: ResourceType, state: &Document) -> Names {
        let names = [Attribute::UserName, Attribute::DisplayName, Attribute::ExternalId];
        let names = names.map(Attribute::name);
        let values = raw::get_all(state.bytes(), names);
        Names::of_texts(stored_type, |name| {
            let place = names.iter().position(|one| *one == name)?;
            values[place].map(raw::text)
        })
    }

    /// The names in what `value` returns for an attribute: none, or its text if it is one.
    fn of_texts<'a>(
        stored_type: ResourceType,
        value: impl Fn(&str) -> Option<Option<Cow<'a, str>>>,
    ) -> Names {
        let text = |value: Option<Cow<'a, str>>| {
            value.filter(|text| Names::fits(text)).map(Cow::into_owned)
        };
        let named_by = match stored_type {
            ResourceType::USER => Some(Attribute::UserName),
            ResourceType::GROUP => Some(Attribute::DisplayName),
            _ => None,
        };
        let name = named_by.and_then(|one| Some((one, text(value(one.name())?)?)));
        let external_id = match value(Attribute::ExternalId.name()) {
            None => GivenExternalId::None,
            Some(value) => text(value).map_or(GivenExternalId::Unusable, GivenExternalId::Given),
        };
        Names { name, external_id }
    }
}

/// The subject that a refused create was meant for.
pub(crate) struct IntendedSubject {
    pub number: Number,
    /// Who holds the name that it asks for.
    pub holders: Vec<Number>,
}

/// Whether the resource of a number has another externalId on record than `names`.
pub(crate) fn is_recorded_with_other_external_id(
    view: &View<'_>,
    application: Application,
    names: &Names,
    number: Number,
) -> Result<bool, ProjectorError> {
    let version = view.version(application, number, View::NOW)?;
    let state = version.map(|version| version.attributes()).transpose()?.unwrap_or_default();
    Ok(names.has_other_external_id(&state))
}

/// Gives numbers within one decision.
pub(crate) struct Numbers<'a> {
    view: &'a View<'a>,
    context: &'a Context,
    stored_type: ResourceType,
    /// The first number that was not given before this decision.
    first: Number,
    next: Number,
    /// The mentions that this decision makes.
    pub(crate) mentions: Vec<Part>,
    /// Their numbers by attribute and case-folded name.
    mentioned_now: HashMap<(Attribute, String), Number>,
}

impl<'a> Numbers<'a> {
    /// Starts after the last number that was given.
    pub(crate) fn new(
        view: &'a View<'a>,
        context: &'a Context,
        stored_type: ResourceType,
    ) -> Result<Numbers<'a>, ProjectorError> {
        let next = view.next_number(context.application)?;
        let (mentions, mentioned_now) = (vec![], HashMap::new());
        Ok(Numbers { view, context, stored_type, first: next, next, mentions, mentioned_now })
    }

    /// Whether this decision gave the number.
    pub(crate) fn is_new(&self, number: Number) -> bool {
        number >= self.first
    }

    /// A new number.
    pub(crate) fn fresh(&mut self) -> Number {
        let number = self.next;
        self.next = Number(number.0 + 1);
        number
    }

    /// The number of a mention that no resource has had, including the mentions of this decision.
    pub(crate) fn mentioned(
        &self,
        attribute: Attribute,
        value: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let case_folded = case_folded(attribute, value);
        let name = (attribute, case_folded);
        if let Some(number) = self.mentioned_now.get(&name) {
            return Ok(Some(*number));
        }
        self.mentioned_of_type(self.stored_type, attribute, &name.1)
    }

    /// The same by the id of a member, which may be of any type.
    pub(crate) fn mentioned_member(&self, id: &str) -> Result<Option<Number>, ProjectorError> {
        if let Some(number) = self.mentioned(Attribute::Id, id)? {
            return Ok(Some(number));
        }
        let case_folded = case_folded(Attribute::Id, id);
        for resource_type in self.context.catalog.known_types() {
            if let Some(number) =
                self.mentioned_of_type(resource_type, Attribute::Id, &case_folded)?
            {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn mentioned_of_type(
        &self,
        resource_type: ResourceType,
        attribute: Attribute,
        case_folded: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let application = self.context.application;
        match self.view.mention(application, resource_type, attribute, case_folded)? {
            Some(number) if !self.view.was_resource(application, number)? => Ok(Some(number)),
            Some(_) | None => Ok(None),
        }
    }

    /// The subject of a refused create. The externalId comes first: the holder of the name may be
    /// somebody else, and is, if its externalId differs.
    pub(crate) fn intended_subject(
        &mut self,
        names: &Names,
    ) -> Result<IntendedSubject, ProjectorError> {
        let (application, stored_type) = (self.context.application, self.stored_type);
        let lookup = |attribute: Attribute, value: &str| {
            let case_folded = case_folded(attribute, value);
            self.view.lookup(application, stored_type, attribute, &case_folded)
        };
        let holders = match &names.name {
            Some((attribute, value)) => lookup(*attribute, value)?,
            None => vec![],
        };
        let external_id = names.external_id.as_deref();
        if let Some(external_id) = external_id {
            let same = lookup(Attribute::ExternalId, external_id)?;
            let by_both = same.iter().find(|number| holders.contains(number));
            if let Some(number) = by_both.or(same.first()) {
                return Ok(IntendedSubject { number: *number, holders });
            }
        }
        for holder in &holders {
            // None of the holders has the given externalId.
            let version = self.view.version(application, *holder, View::NOW)?;
            let state = version.and_then(|version| version.state).unwrap_or_default();
            let has_external_id = state.get(Attribute::ExternalId.name()).is_some();
            if !has_external_id || names.external_id == GivenExternalId::None {
                return Ok(IntendedSubject { number: *holder, holders });
            }
        }
        let name = names.name.as_ref().filter(|_| holders.is_empty());
        let name = name.map(|(attribute, value)| (*attribute, value.as_str()));
        let given = external_id.map(|text| (Attribute::ExternalId, text)).into_iter().chain(name);
        let number = self.mention_all(&given.collect::<Vec<_>>(), &names.external_id)?;
        Ok(IntendedSubject { number, holders })
    }

    /// The number of a mention by one of these names that no resource has had; the surest name comes
    /// first. A mention with another externalId than the given one is of somebody else, whatever its
    /// other names.
    pub(crate) fn mentioned_by_any(
        &self,
        names: &[(Attribute, &str)],
        external_id: &GivenExternalId,
    ) -> Result<Option<Number>, ProjectorError> {
        for (attribute, value) in names {
            let Some(number) = self.mentioned(*attribute, value)? else { continue };
            let is_sure = matches!(attribute, Attribute::Id | Attribute::ExternalId);
            if is_sure || *external_id == GivenExternalId::None || !self.has_external_id(number)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Whether a number without a resource was mentioned with an externalId.
    fn has_external_id(&self, number: Number) -> Result<bool, ProjectorError> {
        let mentioned = self.view.mentioned(self.context.application, number)?;
        Ok(mentioned.is_some_and(|mentioned| mentioned.external_id.is_some()))
    }

    /// The number of the mention that [`Numbers::mentioned_by_any`] finds, else a new one; nobody if
    /// `names` is empty. Mentions it by each of the names that it does not have yet.
    pub(crate) fn mention_all(
        &mut self,
        names: &[(Attribute, &str)],
        external_id: &GivenExternalId,
    ) -> Result<Number, ProjectorError> {
        if names.is_empty() {
            return Ok(Number::NOBODY);
        }
        let number = self.mentioned_by_any(names, external_id)?;
        let number = number.unwrap_or_else(|| self.fresh());
        for (attribute, value) in names {
            if self.mentioned(*attribute, value)? != Some(number) {
                self.push(number, *attribute, value, &MentionDetails::default());
            }
        }
        Ok(number)
    }

    /// The number of a mention by this value that no resource has had, else a new one.
    pub(crate) fn mention(
        &mut self,
        attribute: Attribute,
        value: &str,
        details: &MentionDetails<'_>,
    ) -> Result<Number, ProjectorError> {
        if let Some(number) = self.mentioned(attribute, value)? {
            return Ok(number);
        }
        let number = self.fresh();
        self.push(number, attribute, value, details);
        Ok(number)
    }

    fn push(
        &mut self,
        number: Number,
        attribute: Attribute,
        value: &str,
        details: &MentionDetails<'_>,
    ) {
        // The first number that this decision mentions by a name keeps it.
        self.mentioned_now.entry((attribute, case_folded(attribute, value))).or_insert(number);
        let display = details.display.map(str::to_owned);
        let name = Some(MentionedName { value: value.to_owned(), display });
        let mention = Mention { attribute, resource_type: details.resource_type, name };
        let changes = Changes { mention: Some(mention), ..Changes::default() };
        self.mentions.push(Part::new(number, Content::Changes(changes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_external_id_is_another_resource() {
        let check = |external_id: GivenExternalId, theirs: Value, expected: bool| {
            let names = Names { name: None, external_id };
            let mut attributes = Map::new();
            attributes.insert("userName".to_owned(), "mira".into());
            if !theirs.is_null() {
                attributes.insert("externalId".to_owned(), theirs.clone());
            }
            assert_eq!(
                names.has_other_external_id(&attributes),
                expected,
                "{:?} {theirs}",
                names.external_id
            );
        };
        let given = || GivenExternalId::Given("e-1".to_owned());
        check(given(), "e-1".into(), false);
        check(given(), "e-2".into(), true);
        check(given(), Value::Null, false);
        check(given(), "x".repeat(Names::BYTES_MAX + 1).into(), true);
        check(GivenExternalId::Unusable, "e-1".into(), true);
        check(GivenExternalId::Unusable, 7.5.into(), false);
        check(GivenExternalId::None, "e-1".into(), false);
    }

    #[test]
    fn guids_are_probes_and_names_are_not() {
        assert!(looks_like_guid("67e55044-10b1-426f-9247-bb680e5fe0c8"));
        assert!(looks_like_guid("{67E5504410B1426F9247BB680E5FE0C8}"));
        assert!(!looks_like_guid("67e55044-10b1-426f-9247-bb680e5fe0cx"));
        assert!(!looks_like_guid("mira.lund@fjord.example"));
    }
}
