//! Whom a request is about that made nothing, and who it is that a create makes an account for.

use event::{Attribute, Number, ResourceType};
use projector::{ProjectorError, View};
use serde_json::{Map, Value};

use super::{Deciding, Intent, text};
use crate::numbers::Names;
use crate::outcome::Stop;

impl Deciding<'_> {
    /// Whom a request concerns that is refused whatever it asks for.
    pub(super) fn whom_of(&mut self, intent: &Intent) -> Result<Number, Stop> {
        match intent {
            Intent::Create(new) => self.whom(None, &self.names_of(&new.state)),
            Intent::Replace { id, .. } | Intent::Patch { id, .. } | Intent::Delete { id } => {
                self.whom(Some(id), &Names::default())
            }
            Intent::Refused { id, names, .. } => self.whom(id.as_deref(), names),
        }
    }

    /// Whom a refused request concerned.
    pub(super) fn whom(&mut self, id: Option<&str>, names: &Names) -> Result<Number, Stop> {
        match id {
            Some(id) => {
                let application = self.context.application;
                let number = self.view.number_of_id(application, self.stored_type, id)?;
                Ok(number.unwrap_or(Number::NOBODY))
            }
            None => Ok(self.meant_for(names)?),
        }
    }

    pub(super) fn names_of(&self, state: &Map<String, Value>) -> Names {
        Names::of_members(self.stored_type, state)
    }

    /// Whom a refused create was meant for. The client's own name for them goes first: whoever bears the
    /// userName that it asks for may be somebody else, and a living account whose externalId differs is.
    /// Who bears the name is told beside it.
    pub(super) fn meant_for(&mut self, names: &Names) -> Result<Number, ProjectorError> {
        let holders = match &names.name {
            Some((attribute, value)) => self.holders(*attribute, value)?,
            None => vec![],
        };
        self.holders.clone_from(&holders);
        if let Some(external_id) = &names.external_id {
            let same = self.holders(Attribute::ExternalId, external_id)?;
            let by_both = same.iter().find(|number| holders.contains(number));
            if let Some(number) = by_both.or(same.first()) {
                return Ok(*number);
            }
        }
        for holder in &holders {
            let version = self.view.version(self.context.application, *holder, View::NOW)?;
            let state = version.and_then(|version| version.state).unwrap_or_default();
            let theirs = text(&state, Attribute::ExternalId);
            let differs = theirs.zip(names.external_id.as_deref());
            if differs.is_none_or(|(theirs, asked)| theirs == asked) {
                return Ok(*holder);
            }
        }
        let name = names.name.as_ref().filter(|_| holders.is_empty());
        let name = name.map(|(attribute, value)| (*attribute, value.as_str()));
        let external_id = names.external_id.as_deref();
        let given = external_id.map(|text| (Attribute::ExternalId, text)).into_iter().chain(name);
        self.numbers.mention_all(&given.collect::<Vec<_>>())
    }

    /// A create takes over the number of an earlier mention, while no resource has had it; that of the
    /// client's own name first, as for a refused create.
    pub(super) fn number_for(
        &mut self,
        attributes: &Map<String, Value>,
    ) -> Result<Number, ProjectorError> {
        if self.decided_elsewhere
            && let Some(id) = text(attributes, Attribute::Id)
            && let Some(number) = self.numbers.unborn(Attribute::Id, id)?
        {
            return Ok(number);
        }
        for attribute in [Attribute::ExternalId, Attribute::UserName, Attribute::DisplayName] {
            if attribute == Attribute::DisplayName && self.stored_type != ResourceType::GROUP {
                continue; // two people may have one name
            }
            if let Some(value) = text(attributes, attribute)
                && let Some(number) = self.numbers.unborn(attribute, value)?
            {
                return Ok(number);
            }
        }
        for email in attributes.get("emails").and_then(Value::as_array).into_iter().flatten() {
            if let Some(value) = email.get("value").and_then(Value::as_str)
                && let Some(number) = self.numbers.unborn(Attribute::Email, value)?
            {
                return Ok(number);
            }
        }
        Ok(self.numbers.fresh())
    }
}
