//! Who is who: the numbers of persons and resources within one decision.
//!
//! A number is given at the first mention, be it a create, an unknown member or a lookup that found
//! nobody, and belongs to at most one resource ever: a create takes a mention's number over while no
//! resource has had it.

use event::{Attribute, Changes, Content, Mention, Number, Part, ResourceType};
use projector::{ProjectorError, View, folded};

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
    let number = numbers.mention(missed.attribute, &missed.value, ResourceType::NONE)?;
    Ok((number, numbers.mentions))
}

fn looks_like_guid(text: &str) -> bool {
    let bare = text.trim().trim_start_matches('{').trim_end_matches('}').replace('-', "");
    bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Gives numbers within one decision.
pub(crate) struct Numbers<'a> {
    view: &'a View<'a>,
    context: &'a Context,
    stored_type: ResourceType,
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
        Ok(Numbers { view, context, stored_type, next, mentions: vec![] })
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
        let application = self.context.application;
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
        match self.view.mention(application, self.stored_type, attribute, &folded)? {
            Some(number) if !self.view.was_resource(application, number)? => Ok(Some(number)),
            Some(_) | None => Ok(None),
        }
    }

    /// The number of whoever is called so without having a resource; a new one at the first mention,
    /// and after the resource that was mentioned so has come and gone. `resource_type` is what the
    /// client said it is.
    pub(crate) fn mention(
        &mut self,
        attribute: Attribute,
        value: &str,
        resource_type: ResourceType,
    ) -> Result<Number, ProjectorError> {
        if let Some(number) = self.unborn(attribute, value)? {
            return Ok(number);
        }
        let folded = folded(attribute, value);
        let number = self.fresh();
        let mention = Mention { attribute, value: value.to_owned(), folded, resource_type };
        let changes = Changes { mention: Some(mention), ..Changes::default() };
        self.mentions.push(Part { subject: number, content: Content::Changes(changes) });
        Ok(number)
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
