//! A question, and the one list of all.

use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fields::fields;
use crate::parameter::{Parameter, Place, own};
use crate::table::{Column, Width};

/// A question that the record answers. The type is the question itself: its fields are the names in
/// its address and its parameters, its first line of documentation is what help says of it.
pub trait Question: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// A row of the answer, or the one thing that was asked for. Its fields are the columns of CSV, in
    /// their order; what is added later comes last.
    type Row: Serialize + DeserializeOwned + JsonSchema;
    /// What the answer says beside its rows; [`Nothing`] where that is nothing.
    type Beside: Serialize + DeserializeOwned + JsonSchema + 'static;
    /// The words of its command, such as `report leavers`. Questions about a user and about a group
    /// may share one.
    const COMMAND: &'static str;
    /// The template of its address.
    const PATH: &'static str;
    /// Who may ask.
    const WHO: Who = Who::Reader;
    /// Of which instants it is asked.
    const TIME: Time;
    /// What its answer looks like.
    const SHAPE: Shape;
    /// In which order its rows are, where a title has to say it.
    const ORDER: &'static str = "";
    /// Columns of CSV that all rows share, before those of the rows.
    const CONTEXT: &'static [&'static str] = &[];
    /// Names of the path that are flags of the command although they are no application.
    const FLAGS: &'static [&'static str] = &[];
    /// Members of a row that no table shows, with a reason.
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[];

    /// What the answer shows, without its instants: `Members of Crew in paperboat`.
    fn title(&self, beside: &Self::Beside) -> String;

    /// How people read a row: a table of a list, lines of one thing.
    fn columns(&self) -> Vec<Column<Self::Row>>;

    /// What stands below the lines of one thing, each part under a title of its own.
    fn parts(&self, _: &Self::Row) -> Vec<Part> {
        vec![]
    }

    /// What is said below the rows.
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

/// Of which instants a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Of the present alone.
    Now,
    /// Of the present, with what was known at an earlier one.
    Known,
    /// Of an instant.
    Instant,
    /// Of a stretch.
    Stretch,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Rows in pages; in an export a file of that name.
    List {
        /// Without its ending.
        file: &'static str,
    },
    /// The same of operations, newest first, whose steps and changes have files of their own.
    Operations {
        /// Without its ending.
        file: &'static str,
    },
    /// One thing.
    One,
}

/// What stands below the rows of a table.
#[derive(Default, Debug)]
pub struct Below {
    /// A second, small table.
    pub table: Option<Grid>,
    /// Whole sentences.
    pub lines: Vec<String>,
    /// Whether the rows are what was not watched, so that it is not told again.
    pub names_gaps: bool,
}

/// A part of one thing, under a title of its own: a small table, or lines.
#[derive(Default, Debug)]
pub struct Part {
    /// Stands above it.
    pub title: &'static str,
    /// Its table, when it has one.
    pub table: Option<Grid>,
    /// Its lines. Whatever shows them escapes them.
    pub lines: Vec<String>,
}

/// A small table that is shown whole.
#[derive(Default, Debug)]
pub struct Grid {
    /// Its headings, with how they give way.
    pub headings: Vec<(&'static str, Width)>,
    /// Its cells, row by row.
    pub rows: Vec<Vec<String>>,
}

/// Nothing beside the rows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
pub struct Nothing {}

/// A question as data.
pub struct Described {
    /// The words of its command.
    pub name: &'static str,
    /// What it asks, without a full stop.
    pub about: String,
    /// The template of its address.
    pub path: &'static str,
    /// Who may ask.
    pub who: Who,
    /// Of which instants.
    pub time: Time,
    /// What its answer looks like.
    pub shape: Shape,
    /// In which order its rows are, where a title has to say it.
    pub order: &'static str,
    /// Names of the path that are flags.
    pub flags: &'static [&'static str],
    /// All parameters: of the path, its own, of instants, of pages.
    pub parameters: Vec<Parameter>,
    /// The names of all that stand in the query.
    pub known: Vec<&'static str>,
    /// Columns of CSV that all rows share.
    pub context: &'static [&'static str],
    /// The members of a row, in the order of their columns.
    pub members: &'static [&'static str],
    /// Members that no table shows, with a reason.
    pub not_shown: &'static [(&'static str, &'static str)],
    /// All columns of CSV.
    pub columns: Vec<&'static str>,
    table: fn(&Map<String, Value>) -> Result<Table, serde_json::Error>,
    schemas: fn(&mut SchemaGenerator) -> Schemas,
}

/// The schemas of a question.
pub struct Schemas {
    /// Of its parameters.
    pub asked: Schema,
    /// Of a row.
    pub row: Schema,
    /// Of what stands beside the rows.
    pub beside: Schema,
}

/// A column's heading.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The words.
    pub text: &'static str,
    /// How it gives way.
    pub width: Width,
    /// The members that it shows.
    pub members: &'static [&'static str],
    /// Whether a title that names the application makes it needless.
    pub is_application: bool,
}

/// How people read the answer to a question as it was asked.
pub struct Table {
    /// The headings.
    pub headings: Vec<Heading>,
    cells: OfRow<Vec<String>>,
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
    /// When it is not a row of this question.
    pub fn cells(&self, row: Value) -> Result<Vec<String>, serde_json::Error> {
        (self.cells)(row)
    }

    /// What stands below the lines of one thing.
    ///
    /// # Errors
    /// When it is not what this question asks for.
    pub fn parts(&self, one: Value) -> Result<Vec<Part>, serde_json::Error> {
        (self.parts)(one)
    }

    /// What the answer shows, given the answer without its rows.
    ///
    /// # Errors
    /// When it is not an answer to this question.
    pub fn title(&self, answer: &Map<String, Value>) -> Result<String, serde_json::Error> {
        (self.title)(answer)
    }

    /// What stands below so many rows.
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
    pub(crate) fn of<Q: Question>() -> Described {
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
            table: table::<Q>,
            schemas: |generator| Schemas {
                asked: generator.subschema_for::<Q>(),
                row: generator.subschema_for::<Q::Row>(),
                beside: generator.subschema_for::<Q::Beside>(),
            },
        }
    }

    /// The parameter of a name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|one| one.name == name)
    }

    /// Whether its answer has rows in pages.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.shape != Shape::One
    }

    /// The name of its file in an export, when its answer has rows.
    #[must_use]
    pub fn file(&self) -> Option<&'static str> {
        match self.shape {
            Shape::List { file } | Shape::Operations { file } => Some(file),
            Shape::One => None,
        }
    }

    /// Adds to a row what its answer says of all rows alike, as members of its own or of its `query`: in
    /// a file no answer stands around the rows.
    pub fn with_context(&self, row: &mut Map<String, Value>, answer: &Map<String, Value>) {
        for name in self.context {
            let value = answer.get(*name).or_else(|| answer.get("query")?.get(*name));
            row.insert((*name).to_owned(), value.cloned().unwrap_or_default());
        }
    }

    /// What an answer's `exists` speaks of.
    #[must_use]
    pub fn thing(&self) -> &'static str {
        match self.path {
            path if path.contains("{group}") => "group",
            path if path.contains("{user}") => "user",
            _ => "application",
        }
    }

    /// How people read the answer to the question that an answer repeats, or that was asked with these
    /// texts.
    ///
    /// # Errors
    /// When they are not those of this question.
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

    /// The schemas of its parameters, rows and envelope.
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
    let headings = columns.iter().map(|column| Heading {
        text: column.heading,
        width: column.width,
        members: column.members,
        is_application: column.is_application,
    });
    let headings = headings.collect();
    let asked = Rc::new(asked);
    let (below, whole) = (Rc::clone(&asked), Rc::clone(&asked));
    let beside = |answer: &Map<String, Value>| -> Result<Q::Beside, serde_json::Error> {
        serde_json::from_value(answer.clone().into())
    };
    Ok(Table {
        headings,
        cells: Box::new(move |row| {
            let row: Q::Row = serde_json::from_value(row)?;
            Ok(columns.iter().map(|column| (column.cell)(&row)).collect())
        }),
        parts: Box::new(move |one| Ok(whole.parts(&serde_json::from_value(one)?))),
        title: Box::new(move |answer| Ok(asked.title(&beside(answer)?))),
        below: Box::new(move |answer| {
            let (question, beside) = (Rc::clone(&below), beside(answer)?);
            Ok(Box::new(move |rows| question.below(&beside, rows)))
        }),
    })
}

/// Every question, in the order in which help and reference tell them.
#[must_use]
pub fn all() -> &'static [Described] {
    static ALL: LazyLock<Vec<Described>> = LazyLock::new(crate::list);
    &ALL
}

/// The question at an address without its parameters; `None` where there is none.
#[must_use]
pub fn question_at(path: &str) -> Option<&'static Described> {
    all().iter().find(|one| is_at(one.path, path))
}

/// Whether an address is one of a template.
fn is_at(template: &str, path: &str) -> bool {
    let mut segments = path.trim_end_matches('/').split('/');
    template.split('/').all(|name| match segments.next() {
        Some(segment) => name.starts_with('{') || name == segment,
        None => false,
    }) && segments.next().is_none()
}

/// The description of a question; `None` for one that is not in the list.
#[must_use]
pub fn described<Q: Question>() -> Option<&'static Described> {
    all().iter().find(|one| one.path == Q::PATH)
}
