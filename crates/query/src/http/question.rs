//! Questions that `answers` describes: their addresses, and how each is read and answered.

use std::sync::Arc;

use answers::act::{Act, DescribedAct, described_act};
use answers::{Described, Misread, Place, Question, Who, described};
use axum::Router;
use axum::http::Uri;
use axum::routing::get;
use event::{Application, Credential, Number};
use projector::ApplicationRow;

use super::ask::{Ask, Names, Reading};
use crate::Query;
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::params::Params;
use crate::record::Record;
use crate::standpoint::Standpoint;

/// A question that this crate computes the answer to.
pub(super) trait Answered: Question {
    /// Computes it over one snapshot.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Self>, Error>;
}

/// A question as it came.
pub(super) struct Asked<'a> {
    /// Who asks, and the snapshot that answers.
    pub(super) reading: &'a Reading<'a>,
    pub(super) described: &'static Described,
    params: Params,
    names: Vec<(&'static str, String)>,
}

impl Asked<'_> {
    /// On what the answer stands.
    pub(super) fn standpoint(&self) -> Result<Standpoint, Error> {
        let (record, params) = (&self.reading.record, &self.params);
        let names: Vec<_> = self.names.iter().map(|(name, text)| (*name, text.as_str())).collect();
        match self.described.is_list() {
            true => Standpoint::of_page(record, params, &names, self.described.path),
            false => Standpoint::of_one(record, params, &names),
        }
    }

    /// The application that an answer is narrowed to, when it is, which the caller may see.
    pub(super) fn narrowed_to(
        &self,
        name: Option<&answers::AppFilter>,
    ) -> Result<Option<Application>, Error> {
        let (caller, view) = (&self.reading.caller, &self.reading.record.view);
        let row = name.map(|name| caller.application(view, &name.0)).transpose()?;
        Ok(row.map(|row| row.number))
    }

    /// The token of an id. A number has one name, so it has no sign and no zeros in front.
    pub(super) fn credential(&self, id: &answers::TokenId) -> Result<Credential, Error> {
        let number = id.0.parse().map(Credential).ok();
        let number = number.filter(|number| number.to_string() == id.0);
        number.ok_or_else(|| self.refusal("credential"))
    }

    /// Refuses what was given for a parameter, in the words that describe it.
    pub(super) fn refusal(&self, name: &'static str) -> Error {
        let accepts = self.described.parameter(name).map(|one| one.accepts.as_str());
        Error::Parameter { name, accepts: accepts.unwrap_or_default() }
    }

    /// The application of a name, which the caller may see.
    pub(super) fn application(&self, name: &answers::App) -> Result<ApplicationRow, Error> {
        self.reading.caller.application(&self.reading.record.view, &name.0)
    }
}

/// The answer to a question: its rows and what stands beside them have the types that describe it.
pub(super) struct Found<Q> {
    answer: Answer,
    question: std::marker::PhantomData<fn() -> Q>,
}

impl<Q: Question> Found<Q> {
    /// An answer with its envelope, without rows yet.
    pub(super) fn new(record: &Record<'_>, stand: &Standpoint, coverage: &Coverage) -> Found<Q> {
        Found::of(Answer::new(record, stand, coverage))
    }

    fn of(answer: Answer) -> Found<Q> {
        Found { answer, question: std::marker::PhantomData }
    }

    /// Says whom or what was asked about, for the record of who asked: a resource or person of an
    /// application, the application, or with the recorder all of them.
    pub(super) fn about(self, application: Application, number: Number) -> Found<Q> {
        Found::of(self.answer.about(application, number))
    }

    /// What the answer says beside its rows.
    pub(super) fn beside(self, beside: Q::Beside) -> Result<Found<Q>, Error> {
        Ok(Found::of(self.answer.beside(&beside)?))
    }

    /// One page of rows; `count` is that of all pages.
    pub(super) fn rows(
        self,
        rows: impl IntoIterator<Item = Q::Row>,
        count: u64,
        next: Option<String>,
    ) -> Result<Found<Q>, Error> {
        let rows = rows.into_iter().map(|row| serde_json::to_value(row).map_err(|_| Error::Defect));
        Ok(Found::of(self.answer.rows(rows.collect::<Result<_, _>>()?, count, next)))
    }

    /// The one thing that was asked for, or null.
    pub(super) fn resource(self, resource: Option<Q::Row>) -> Result<Found<Q>, Error> {
        let resource = resource.map(serde_json::to_value).transpose().map_err(|_| Error::Defect)?;
        Ok(Found::of(self.answer.resource(resource)))
    }
}

/// Adds the address of a question.
pub(super) fn serve<Q: Answered>(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    // A test sees to it that every question of the list has an address.
    let Some(described) = described::<Q>() else { return router };
    let answer = move |ask: Ask, Names(names): Names<Vec<(String, String)>>| async move {
        ask.answer(move |reading| answer::<Q>(&reading, described, names)).await
    };
    router.route(described.path, get(answer))
}

fn answer<Q: Answered>(
    reading: &Reading<'_>,
    described: &'static Described,
    names: Vec<(String, String)>,
) -> Result<Answer, Error> {
    if described.who == Who::Admin {
        reading.caller.check_admin()?;
    }
    let params = Params::read(reading.uri, &described.known)?;
    let pairs = names.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let question: Q = answers::read(&described.parameters, pairs.chain(params.given()))?;
    // In the order in which they are described, whatever the router's is.
    let in_path = described.parameters.iter().filter(|one| one.place == Place::Path);
    let text = |wanted: &str| {
        let found = names.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let names = in_path.map(|one| (one.name, text(one.name))).collect();
    let asked = Asked { reading, described, params, names };
    Ok(question.answer(&asked)?.answer)
}

/// Names in an address, as the router found them.
pub(super) type NamesOf = Names<Vec<(String, String)>>;

/// Reads the address of what is no question.
pub(super) fn read_act<A: Act>(reading: &Reading<'_>, names: &NamesOf) -> Result<A, Error> {
    // A test sees to it that every address is in the list.
    let described = described_act::<A>().ok_or(Error::Defect)?;
    read_address(described, reading.uri, names)
}

/// The same where nobody is known yet.
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
            // Whoever reads the query has refused it before.
            Misread::Unknown { .. } | Misread::Untyped => Error::Defect,
            Misread::Repeated { name } => Error::RepeatedParameter { name },
            Misread::Wrong { name, accepts } => Error::Parameter { name, accepts },
        }
    }
}
