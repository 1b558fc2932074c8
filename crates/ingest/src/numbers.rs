//! Who is who: the numbers of persons and resources within one decision.
//!
//! A number is given at the first mention, be it a create, an unknown member or a lookup that found
//! nobody, and belongs to at most one resource ever: a create takes a mention's number over while no
//! resource has had it.

use event::{Attribute, Changes, Content, Mention, Number, Part, Path, ResourceType, ValueChange};
use projector::{ProjectorError, View, folded};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::list::Missed;

/// The number under which a lookup that found nobody is recorded, and the mention, if it is the
/// first. A literal that looks like a GUID is a probe and concerns nobody.
pub(crate) fn mention_missed(
    view: &View<'_>,
    context: &Context,
    stored_type: ResourceType,
    missed: &Missed,
) -> Result<(Number, Vec<Part>), ProjectorError> {
    if looks_like_guid(&missed.value) {
        return Ok((Number::NOBODY, vec![]));
    }
    let mut numbers = Numbers::new(view, context, stored_type)?;
    let number = numbers.mention(missed.attribute, &missed.value, &Said::default())?;
    Ok((number, numbers.mentions))
}

fn looks_like_guid(text: &str) -> bool {
    let bare = text.trim().trim_start_matches('{').trim_end_matches('}').replace('-', "");
    bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a client tells of somebody unknown, besides the name that it looks for or adds.
#[derive(Default)]
pub(crate) struct Said<'a> {
    pub resource_type: ResourceType,
    /// The name for people.
    pub display: Option<&'a str>,
}

/// What a create calls whom it is for. Longer names than can be looked up are passed over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Names {
    /// The userName of a person, the displayName of a group.
    pub name: Option<(Attribute, String)>,
    /// The client's own name for them.
    pub external_id: Option<String>,
}

impl Names {
    const BYTES_MAX: usize = 1 << 10;

    /// The names in a body, well-formed or not.
    pub(crate) fn of(stored_type: ResourceType, body: &Value) -> Names {
        body.as_object().map(|body| Names::of_members(stored_type, body)).unwrap_or_default()
    }

    /// The names among the attributes of a resource.
    pub(crate) fn of_members(stored_type: ResourceType, members: &Map<String, Value>) -> Names {
        let text = |attribute: Attribute| {
            let mut all = members.iter();
            let (_, value) = all.find(|(name, _)| name.eq_ignore_ascii_case(attribute.name()))?;
            let fits = |text: &&str| (1..=Names::BYTES_MAX).contains(&text.len());
            value.as_str().filter(fits).map(str::to_owned)
        };
        let named_by = match stored_type {
            ResourceType::USER => Some(Attribute::UserName),
            ResourceType::GROUP => Some(Attribute::DisplayName),
            _ => None,
        };
        let name = named_by.and_then(|attribute| Some((attribute, text(attribute)?)));
        Names { name, external_id: text(Attribute::ExternalId) }
    }
}

fn display_change(display: &str) -> ValueChange {
    let path = Path { schema: None, attribute: "display".into(), element: None, sub: None };
    ValueChange { path, old: None, new: Some(scim::canonical(&display.into())) }
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
}

impl<'a> Numbers<'a> {
    /// Begins after the numbers that are given.
    pub(crate) fn new(
        view: &'a View<'a>,
        context: &'a Context,
        stored_type: ResourceType,
    ) -> Result<Numbers<'a>, ProjectorError> {
        let next = view.next_number(context.application)?;
        Ok(Numbers { view, context, stored_type, first: next, next, mentions: vec![] })
    }

    /// Whether this decision was the first to give a number.
    pub(crate) fn is_new(&self, number: Number) -> bool {
        number >= self.first
    }

    /// A number that nobody had.
    pub(crate) fn fresh(&mut self) -> Number {
        let number = self.next;
        self.next = Number(number.0 + 1);
        number
    }

    /// The number of a mention that no resource has had yet, be it of this very decision.
    pub(crate) fn unborn(
        &self,
        attribute: Attribute,
        value: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let folded = folded(attribute, value);
        let own = self.mentions.iter().find(|part| match &part.content {
            Content::Changes(Changes { mention: Some(mention), .. }) => {
                mention.attribute == attribute && mention.folded == folded
            }
            _ => false,
        });
        if let Some(part) = own {
            return Ok(Some(part.subject));
        }
        self.unborn_of(self.stored_type, attribute, &folded)
    }

    /// The same by the id of a member, which may be of any type.
    pub(crate) fn unborn_member(&self, id: &str) -> Result<Option<Number>, ProjectorError> {
        if let Some(number) = self.unborn(Attribute::Id, id)? {
            return Ok(Some(number));
        }
        let folded = folded(Attribute::Id, id);
        for resource_type in self.context.catalog.known_types() {
            if let Some(number) = self.unborn_of(resource_type, Attribute::Id, &folded)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    fn unborn_of(
        &self,
        resource_type: ResourceType,
        attribute: Attribute,
        folded: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let application = self.context.application;
        match self.view.mention(application, resource_type, attribute, folded)? {
            Some(number) if !self.view.was_resource(application, number)? => Ok(Some(number)),
            Some(_) | None => Ok(None),
        }
    }

    /// The number of whoever is called by all of these names without having a resource, the surest name
    /// first; nobody without any name. Those by which they are not known yet are mentioned.
    pub(crate) fn mention_all(
        &mut self,
        names: &[(Attribute, &str)],
    ) -> Result<Number, ProjectorError> {
        let mut number = None;
        for (attribute, value) in names {
            if number.is_none() {
                number = self.unborn(*attribute, value)?;
            }
        }
        if names.is_empty() {
            return Ok(Number::NOBODY);
        }
        let number = number.unwrap_or_else(|| self.fresh());
        for (attribute, value) in names {
            if self.unborn(*attribute, value)? != Some(number) {
                self.push(number, *attribute, value, &Said::default());
            }
        }
        Ok(number)
    }

    /// Says of a number without a resource that it is called so too, unless somebody else is.
    pub(crate) fn call(
        &mut self,
        number: Number,
        attribute: Attribute,
        value: &str,
    ) -> Result<(), ProjectorError> {
        if self.unborn(attribute, value)?.is_none() {
            self.push(number, attribute, value, &Said::default());
        }
        Ok(())
    }

    /// The number of whoever is called so without having a resource; a new one at the first mention,
    /// and after the resource that was mentioned so has come and gone. `said` is what
    /// else the client tells of them.
    pub(crate) fn mention(
        &mut self,
        attribute: Attribute,
        value: &str,
        said: &Said<'_>,
    ) -> Result<Number, ProjectorError> {
        if let Some(number) = self.unborn(attribute, value)? {
            return Ok(number);
        }
        let number = self.fresh();
        self.push(number, attribute, value, said);
        Ok(number)
    }

    fn push(&mut self, number: Number, attribute: Attribute, value: &str, said: &Said<'_>) {
        let folded = folded(attribute, value);
        let resource_type = said.resource_type;
        let mention = Mention { attribute, value: value.to_owned(), folded, resource_type };
        let values = said.display.map(display_change).into_iter().collect();
        let changes = Changes { mention: Some(mention), values, ..Changes::default() };
        self.mentions.push(Part { subject: number, content: Content::Changes(changes) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_probes_and_names_are_not() {
        assert!(looks_like_guid("67e55044-10b1-426f-9247-bb680e5fe0c8"));
        assert!(looks_like_guid("{67E5504410B1426F9247BB680E5FE0C8}"));
        assert!(!looks_like_guid("67e55044-10b1-426f-9247-bb680e5fe0cx"));
        assert!(!looks_like_guid("mira.lund@fjord.example"));
    }
}
