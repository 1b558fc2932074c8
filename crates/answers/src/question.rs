//! The trait of a question, its description as data, and the list of all questions.

use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Topic;
use crate::fields::fields;
use crate::parameter::{Parameter, Place, own};
use crate::spread::Spread;
use crate::table::{Cell, Column, Heading, cells};

/// A question that the record answers. The fields of the type are its parameters, in path and query. The
/// first paragraph of its documentation is its help.
pub trait Question: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// A row of the answer, or the one thing that was asked for. Its fields are the columns of the CSV, in
    /// order. Add new fields at the end.
    type Row: Serialize + DeserializeOwned + JsonSchema;
    /// The other members of the answer; [`Nothing`] if there are none.
    type Beside: Serialize + DeserializeOwned + JsonSchema + 'static;
    /// The words of its command, such as `report leavers`. A question about users and one about groups may
    /// share a command.
    const COMMAND: &'static str;
    /// The template of its path.
    const PATH: &'static str;
    /// Who may ask.
    const WHO: Who = Who::Reader;
    /// The times that it can be asked about.
    const TIME: Time;
    /// The shape of its answer.
    const SHAPE: Shape;
    /// The order of its rows, where the title must say it.
    const ORDER: &'static str = "";
    /// Columns of the CSV with the same value in all rows; they come before those of the row.
    const CONTEXT: &'static [&'static str] = &[];
    /// Path parameters other than the application that are flags of the command.
    const FLAGS: &'static [&'static str] = &[];
    /// A member of a row that a file spreads over several columns.
    const SPREAD: Option<Spread> = None;
    /// Members of a row that no table shows, each with the reason.
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[];

    /// What the answer shows, without its times: `Members of Crew in paperboat`.
    fn title(&self, beside: &Self::Beside) -> String;

    /// The columns of a list's table, or the lines of one thing.
    fn columns(&self) -> Vec<Column<Self::Row>>;

    /// Further parts below the lines of one thing, each with its own title.
    fn parts(&self, _: &Self::Row) -> Vec<Part> {
        vec![]
    }

    /// A footer below the rows.
    fn below(&self, _: &Self::Beside, _rows: u64) -> Below {
        Below::default()
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Admins, auditors, and auditors of the application.
    Reader,
    /// Admins.
    Admin,
}

/// The times that a question can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Only now.
    Now,
    /// Now, as far as it was known at an earlier time (`knownAt`).
    Known,
    /// One instant.
    Instant,
    /// A time range.
    Stretch,
}

/// The shape of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Pages of rows. An export writes them to a file of this name.
    List {
        /// Without the extension.
        file: &'static str,
    },
    /// Operations, newest first. An export writes their steps and changes to files of their own.
    Operations {
        /// Without the extension.
        file: &'static str,
    },
    /// One thing, without pages.
    One,
}

/// The footer below the rows of a table.
#[derive(Default, Debug)]
pub struct Below {
    /// A second, small table.
    pub table: Option<Grid>,
    /// Full sentences.
    pub lines: Vec<String>,
    /// Whether the rows are the gaps in the record. The footer then does not list them again.
    pub names_gaps: bool,
}

/// A part of an answer about one thing: a small table, or lines.
#[derive(Default, Debug)]
pub struct Part {
    /// Its heading.
    pub title: &'static str,
    /// Its table, if it has one.
    pub table: Option<Grid>,
    /// Its lines, not yet escaped.
    pub lines: Vec<String>,
}

/// A small table that is always shown whole, without pages.
#[derive(Default, Debug)]
pub struct Grid {
    /// Its headings.
    pub headings: Vec<Heading>,
    /// Its cells, row by row.
    pub rows: Vec<Vec<Cell>>,
}

/// Nothing beside the rows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
pub struct Nothing {}

/// The description of a question as data.
pub struct Described {
    /// The words of its command.
    pub name: &'static str,
    /// Its help, without a full stop.
    pub about: String,
    /// What it is about, for a menu.
    pub topic: Topic,
    /// Its name in a menu.
    pub label: &'static str,
    /// The template of its path.
    pub path: &'static str,
    /// Who may ask.
    pub who: Who,
    /// The times that it can be asked about.
    pub time: Time,
    /// The shape of its answer.
    pub shape: Shape,
    /// The order of its rows, where the title must say it.
    pub order: &'static str,
    /// Path parameters that are flags of the command.
    pub flags: &'static [&'static str],
    /// All parameters: path, query, times, pages.
    pub parameters: Vec<Parameter>,
    /// The names of all query parameters.
    pub known: Vec<&'static str>,
    /// Columns of the CSV with the same value in all rows.
    pub context: &'static [&'static str],
    /// The members of a row, in the order of their columns.
    pub members: &'static [&'static str],
    /// Members that no table shows, each with the reason.
    pub not_shown: &'static [(&'static str, &'static str)],
    /// All columns of the CSV, by the members that they show.
    pub columns: Vec<&'static str>,
    /// The member of a row that a file spreads over several columns.
    pub spread: Option<Spread>,
    table: fn(&Map<String, Value>) -> Result<Table, serde_json::Error>,
    schemas: fn(&mut SchemaGenerator) -> Schemas,
}

/// The schemas of a question.
pub struct Schemas {
    /// The question's own parameters.
    pub asked: Schema,
    /// A row.
    pub row: Schema,
    /// The answer's members other than its rows.
    pub beside: Schema,
}

/// How the answer to a question with given parameters is rendered.
pub struct Table {
    /// The headings.
    pub headings: Vec<Heading>,
    cells: OfRow<Vec<Cell>>,
    parts: OfRow<Vec<Part>>,
    title: OfAnswer<String>,
    below: OfAnswer<Box<dyn Fn(u64) -> Below>>,
}

type OfRow<T> = Box<dyn Fn(Value) -> Result<T, serde_json::Error>>;
type OfAnswer<T> = Box<dyn Fn(&Map<String, Value>) -> Result<T, serde_json::Error>>;

impl Table {
    /// The cells of a row.
    ///
    /// # Errors
    /// When the row does not belong to this question.
    pub fn cells(&self, row: Value) -> Result<Vec<Cell>, serde_json::Error> {
        (self.cells)(row)
    }

    /// The parts below the lines of one thing.
    ///
    /// # Errors
    /// When it is not a resource of this question.
    pub fn parts(&self, one: Value) -> Result<Vec<Part>, serde_json::Error> {
        (self.parts)(one)
    }

    /// The title of an answer, given its members without the rows.
    ///
    /// # Errors
    /// When it is not an answer to this question.
    pub fn title(&self, answer: &Map<String, Value>) -> Result<String, serde_json::Error> {
        (self.title)(answer)
    }

    /// The footer below this many rows.
    ///
    /// # Errors
    /// When it is not an answer to this question.
    pub fn below(
        &self,
        answer: &Map<String, Value>,
        rows: u64,
    ) -> Result<Below, serde_json::Error> {
        Ok((self.below)(answer)?(rows))
    }
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Described {
    /// Describes a question.
    pub(crate) fn of<Q: Question>(topic: Topic, label: &'static str) -> Described {
        let mut inline = SchemaSettings::draft2020_12();
        inline.inline_subschemas = true;
        let schema = inline.into_generator().into_root_schema_for::<Q>();
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = about.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let parameters = parameters::<Q>(&schema);
        let in_query = parameters.iter().filter(|one| one.place != Place::Path);
        let members = fields::<Q::Row>();
        let context = Q::CONTEXT;
        Described {
            name: Q::COMMAND,
            about,
            topic,
            label,
            path: Q::PATH,
            who: Q::WHO,
            time: Q::TIME,
            shape: Q::SHAPE,
            order: Q::ORDER,
            flags: Q::FLAGS,
            known: in_query.map(|one| one.name).collect(),
            parameters,
            context,
            members,
            not_shown: Q::NOT_SHOWN,
            columns: context.iter().chain(members).copied().collect(),
            spread: Q::SPREAD,
            table: table::<Q>,
            schemas: |generator| Schemas {
                asked: generator.subschema_for::<Q>(),
                row: generator.subschema_for::<Q::Row>(),
                beside: generator.subschema_for::<Q::Beside>(),
            },
        }
    }

    /// The parameter with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|one| one.name == name)
    }

    /// Whether the answer has pages of rows.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.shape != Shape::One
    }

    /// The name of its file in an export, if the answer has rows.
    #[must_use]
    pub fn file(&self) -> Option<&'static str> {
        match self.shape {
            Shape::List { file } | Shape::Operations { file } => Some(file),
            Shape::One => None,
        }
    }

    /// Adds the columns of the context to a row, with their values from the answer or its `query`. A file
    /// needs them because it holds rows only.
    pub fn with_context(&self, row: &mut Map<String, Value>, answer: &Map<String, Value>) {
        for name in self.context {
            let value = answer.get(*name).or_else(|| answer.get("query")?.get(*name));
            row.insert((*name).to_owned(), value.cloned().unwrap_or_default());
        }
    }

    /// The kind of thing that `exists` in an answer is about.
    #[must_use]
    pub fn thing(&self) -> &'static str {
        match self.path {
            path if path.contains("{group}") => "group",
            path if path.contains("{user}") => "user",
            _ => "application",
        }
    }

    /// How an answer is rendered, given the question's parameters, as typed or as the answer repeats them.
    ///
    /// # Errors
    /// When they are not valid for this question.
    pub fn table(&self, asked: &[(&str, &str)]) -> Result<Table, serde_json::Error> {
        let mut given = Map::new();
        for (name, text) in asked {
            let Some(parameter) = self.parameter(name) else { continue };
            if matches!(parameter.place, Place::Path | Place::Query) {
                given.insert(
                    (*name).to_owned(),
                    parameter.value(text).unwrap_or_else(|| (*text).into()),
                );
            }
        }
        (self.table)(&given)
    }

    /// The schemas of its parameters, its rows, and the other members of its answer.
    pub fn schemas(&self, generator: &mut SchemaGenerator) -> Schemas {
        (self.schemas)(generator)
    }
}

/// All parameters of a question.
fn parameters<Q: Question>(schema: &Schema) -> Vec<Parameter> {
    let mut all = own::<Q>(schema, Q::PATH);
    match Q::TIME {
        Time::Now => {}
        Time::Known => all.extend(Parameter::known()),
        Time::Instant => {
            all.push(Parameter::at());
            all.extend(Parameter::known());
        }
        Time::Stretch => {
            all.extend(Parameter::stretch());
            all.extend(Parameter::known());
        }
    }
    if Q::SHAPE != Shape::One {
        all.extend(Parameter::page());
    }
    all
}

fn table<Q: Question>(asked: &Map<String, Value>) -> Result<Table, serde_json::Error> {
    let asked: Q = serde_json::from_value(asked.clone().into())?;
    let columns = asked.columns();
    let headings = columns.iter().map(|column| column.heading).collect();
    let asked = Rc::new(asked);
    let (below, whole) = (Rc::clone(&asked), Rc::clone(&asked));
    let beside = |answer: &Map<String, Value>| -> Result<Q::Beside, serde_json::Error> {
        serde_json::from_value(answer.clone().into())
    };
    Ok(Table {
        headings,
        cells: Box::new(move |row| {
            let row: Q::Row = serde_json::from_value(row)?;
            Ok(cells(&columns, &row))
        }),
        parts: Box::new(move |one| Ok(whole.parts(&serde_json::from_value(one)?))),
        title: Box::new(move |answer| Ok(asked.title(&beside(answer)?))),
        below: Box::new(move |answer| {
            let (question, beside) = (Rc::clone(&below), beside(answer)?);
            Ok(Box::new(move |rows| question.below(&beside, rows)))
        }),
    })
}

/// Every question, in the order of help and reference.
#[must_use]
pub fn all() -> &'static [Described] {
    static ALL: LazyLock<Vec<Described>> = LazyLock::new(crate::list);
    &ALL
}

/// The question at this path; `None` if there is none.
#[must_use]
pub fn question_at(path: &str) -> Option<&'static Described> {
    all().iter().find(|one| is_at(one.path, path))
}

/// Whether a path matches a template.
fn is_at(template: &str, path: &str) -> bool {
    let mut segments = path.trim_end_matches('/').split('/');
    template.split('/').all(|name| match segments.next() {
        Some(segment) => name.starts_with('{') || name == segment,
        None => false,
    }) && segments.next().is_none()
}

/// The description of a question; `None` if it is not in the list.
#[must_use]
pub fn described<Q: Question>() -> Option<&'static Described> {
    all().iter().find(|one| one.path == Q::PATH)
}
