//! Finds the subject of a refused request, and the number of a new resource.

use canonical::{Document, raw};
use event::{Attribute, Number, ResourceType};
use projector::ProjectorError;

use super::{Deciding, Intent};
use crate::numbers::{IntendedSubject, Names};
use crate::outcome::Stop;

impl Deciding<'_> {
    /// The subject of a write that is refused unexamined.
    pub(super) fn subject_of_intent(&mut self, intent: &Intent) -> Result<Number, Stop> {
        match intent {
            Intent::Create(new) => self.subject_of_refused(None, &self.names_of(&new.state)),
            Intent::Replace { id, .. } | Intent::Patch { id, .. } | Intent::Delete { id } => {
                self.subject_of_refused(Some(id), &Names::default())
            }
            Intent::Refused { id, names, .. } => self.subject_of_refused(id.as_deref(), names),
        }
    }

    /// The subject of a refused request: by its id, else by its names.
    pub(super) fn subject_of_refused(
        &mut self,
        id: Option<&str>,
        names: &Names,
    ) -> Result<Number, Stop> {
        match id {
            Some(id) => {
                let application = self.context.application;
                let number = self.view.number_of_id(application, self.stored_type, id)?;
                Ok(number.unwrap_or(Number::NOBODY))
            }
            None => Ok(self.intended_subject(names)?),
        }
    }

    pub(super) fn names_of(&self, state: &Document) -> Names {
        Names::of_state(self.stored_type, state)
    }

    /// The intended subject of a refused create. Sets `holders` to those who hold its name.
    pub(super) fn intended_subject(&mut self, names: &Names) -> Result<Number, ProjectorError> {
        let IntendedSubject { number, holders } = self.numbers.intended_subject(names)?;
        self.holders = holders;
        Ok(number)
    }

    /// The number of a new resource: that of an earlier mention if no resource has had it, the
    /// externalId's mention first; else a fresh one.
    pub(super) fn number_for(&mut self, state: &Document) -> Result<Number, ProjectorError> {
        const HOLDERS: [Attribute; 4] =
            [Attribute::Id, Attribute::ExternalId, Attribute::UserName, Attribute::DisplayName];
        let [id, external_id, user_name, display_name, emails] =
            raw::get_all(state.bytes(), ["id", "externalId", "userName", "displayName", "emails"]);
        let values = [id, external_id, user_name, display_name];
        let text = |attribute: Attribute| {
            let place = HOLDERS.iter().position(|one| *one == attribute)?;
            raw::text(values[place]?)
        };
        let id = text(Attribute::Id).filter(|_| self.decided_upstream);
        let id = id.map(|id| (Attribute::Id, id));
        let named =
            [Attribute::ExternalId, Attribute::UserName, Attribute::DisplayName].into_iter();
        // Two people may have one displayName.
        let names_one = |one: &Attribute| {
            *one != Attribute::DisplayName || self.stored_type == ResourceType::GROUP
        };
        let named = named.filter(names_one).filter_map(|one| Some((one, text(one)?)));
        let mut names: Vec<_> = id.into_iter().chain(named).collect();
        if let Some(emails) = emails {
            raw::each_text(emails, "value", |email| names.push((Attribute::Email, email)));
        }
        let names: Vec<_> = names.iter().map(|(attribute, name)| (*attribute, &**name)).collect();
        let external_id = self.names_of(state).external_id;
        let number = self.numbers.mentioned_by_any(&names, &external_id)?;
        Ok(number.unwrap_or_else(|| self.numbers.fresh()))
    }
}
