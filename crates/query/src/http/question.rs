//! Questions that `answers` describes: their addresses, and how each is read and answered.

use std::sync::Arc;

use answers::act::{Act, DescribedAct, described_act};
use answers::{Described, Misread, Place, Question, described};
use axum::Router;
use axum::http::Uri;
use axum::routing::get;
use event::{Application, Credential};
use projector::ApplicationRow;

use super::ask::{Ask, Names, Reading};
use crate::Query;
pub(super) use crate::answer::Found;
use crate::answer::Written;
use crate::error::Error;
use crate::params::Params;
use crate::standpoint::Standpoint;

/// A question that this crate answers.
pub trait Answered: Question {
    /// Computes the answer over one snapshot.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Self>, Error>;
}

/// A question as it arrived.
pub struct Asked<'a> {
    /// The caller, and the snapshot that answers.
    pub(super) reading: &'a Reading<'a>,
    pub(super) described: &'static Described,
    params: Params,
    names: Vec<(&'static str, String)>,
}

impl Asked<'_> {
    /// The instant and the events that the answer uses.
    pub(super) fn standpoint(&self) -> Result<Standpoint, Error> {
        let (record, params) = (&self.reading.record, &self.params);
        let names: Vec<_> = self.names.iter().map(|(name, text)| (*name, text.as_str())).collect();
        match self.described.is_list() {
            true => Standpoint::of_page(record, params, &names, self.described.path),
            false => Standpoint::of_one(record, params, &names),
        }
    }

    /// The application to which the answer is limited, if any; the caller may see it.
    pub(super) fn narrowed_to(
        &self,
        name: Option<&answers::AppFilter>,
    ) -> Result<Option<Application>, Error> {
        let (caller, view) = (&self.reading.caller, &self.reading.record.view);
        let row = name.map(|name| caller.application(view, &name.0)).transpose()?;
        Ok(row.map(|row| row.number))
    }

    /// The token with an id. An id has no sign and no leading zeros.
    pub(super) fn credential(&self, id: &answers::TokenId) -> Result<Credential, Error> {
        let number = id.0.parse().map(Credential).ok();
        let number = number.filter(|number| number.to_string() == id.0);
        number.ok_or_else(|| self.refusal("credential"))
    }

    /// The error for a bad parameter, with the description of what it takes.
    pub(super) fn refusal(&self, name: &'static str) -> Error {
        let accepts = self.described.parameter(name).map(|one| one.accepts.as_str());
        Error::Parameter { name, accepts: accepts.unwrap_or_default() }
    }

    /// The application with a name, if the caller may see it.
    pub(super) fn application(&self, name: &answers::App) -> Result<ApplicationRow, Error> {
        self.reading.caller.application(&self.reading.record.view, &name.0)
    }
}

/// Adds the route of a question.
pub(super) fn serve<Q: Answered>(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    // A test checks that every described question has an address.
    let Some(described) = described::<Q>() else { return router };
    let answer = move |ask: Ask, Names(names): Names<Vec<(String, String)>>| async move {
        ask.answer(move |reading| {
            let params = Params::read(reading.uri, &described.known)?;
            Written::of(answer::<Q>(&reading, described, names, params)?)
        })
        .await
    };
    router.route(described.path, get(answer))
}

/// Answers a question with these names in its path and these parameters.
pub(crate) fn answer<Q: Answered>(
    reading: &Reading<'_>,
    described: &'static Described,
    names: Vec<(String, String)>,
    params: Params,
) -> Result<Found<Q>, Error> {
    reading.caller.check_may(described.who)?;
    let pairs = names.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let question: Q = answers::read(&described.parameters, pairs.chain(params.given()))?;
    // Parameters in the order of their descriptions; the router's order may differ.
    let in_path = described.parameters.iter().filter(|one| one.place == Place::Path);
    let text = |wanted: &str| {
        let found = names.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let names = in_path.map(|one| (one.name, text(one.name))).collect();
    let asked = Asked { reading, described, params, names };
    question.answer(&asked)
}

/// Names in an address, as the router found them.
pub(super) type NamesOf = Names<Vec<(String, String)>>;

/// Reads the address of a request that is not a question.
pub(super) fn read_act<A: Act>(reading: &Reading<'_>, names: &NamesOf) -> Result<A, Error> {
    // A test checks that every address is described.
    let described = described_act::<A>().ok_or(Error::Defect)?;
    read_address(described, reading.uri, names)
}

/// The same before the caller is identified.
pub(super) fn read_address<A: Act>(
    described: &'static DescribedAct,
    uri: &Uri,
    Names(names): &NamesOf,
) -> Result<A, Error> {
    let params = Params::read(uri, &described.known)?;
    let pairs = names.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    Ok(answers::read(&described.parameters, pairs.chain(params.given()))?)
}

impl From<Misread> for Error {
    fn from(misread: Misread) -> Error {
        match misread {
            // `Params::read` has refused these already.
            Misread::Unknown { .. } | Misread::Untyped => Error::Defect,
            Misread::Repeated { name } => Error::RepeatedParameter { name },
            Misread::Wrong { name, accepts } => Error::Parameter { name, accepts },
        }
    }
}
