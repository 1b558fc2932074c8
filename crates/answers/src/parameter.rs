//! The parameters of questions: their names, their kinds, and the texts about them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fields::fields;
use crate::words::plain;

/// A parameter of a question.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name in path or query.
    pub name: &'static str,
    /// The part of the request that it belongs to.
    pub place: Place,
    /// The kind of value that it takes.
    pub kind: Kind,
    /// Its name for people, such as `Request id`, for a form.
    pub label: String,
    /// Whether it must be given.
    pub is_required: bool,
    /// What it means, in one or two sentences without a full stop.
    pub help: String,
    /// The words before its value in a title, such as `with status`.
    pub words: Option<String>,
    /// Another parameter that must be given with it.
    pub requires: Option<String>,
    /// The values that it takes, for the error about a wrong one.
    pub accepts: String,
    /// The placeholder for its value in help.
    pub value_name: String,
    /// The limits of a text, as keywords of JSON Schema.
    pub bounds: Map<String, Value>,
}

/// The part of the request that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A segment of the path.
    Path,
    /// A query parameter of the question itself.
    Query,
    /// A query parameter for the time that is asked about.
    Time,
    /// A query parameter for pages.
    Page,
}

/// The use of an instant, which decides what a date stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The instant that is asked about: a date stands for its last instant.
    At,
    /// The inclusive start of a time range: a date stands for its first instant.
    From,
    /// The exclusive end of a time range: a date stands for the first instant of the next date.
    To,
}

/// The kind of value that a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`; `false` if not given.
    Flag,
    /// `true`, `false`, or not given.
    Bool,
    /// One word of a list.
    Choice(Vec<Choice>),
    /// A whole number.
    Number {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// An application, by its name in addresses.
    App,
    /// A user, by id or name.
    User,
    /// A group, by id or name.
    Group,
    /// A user or group, by id or by name with its prefix.
    Resource,
    /// Several groups, separated by commas.
    Groups,
    /// A length of time.
    Duration,
    /// A token, by its id.
    Token,
    /// A list of people, by its name.
    ListName,
    /// A saved question, by its name.
    QuestionName,
    /// The name or path of an attribute.
    AttributePath,
    /// An instant.
    Instant(Role),
    /// The number of an event, or a time in the past.
    KnownAt,
    /// A time zone.
    Zone,
    /// The start of a page.
    Cursor,
}

/// A word that a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The word.
    pub word: String,
    /// The word for people, such as `Staged delete`, for a form.
    pub label: String,
    /// What it means; may be empty.
    pub help: String,
}

impl Choice {
    fn new(word: &str, help: &str) -> Choice {
        let label = label(word);
        Choice { word: word.to_owned(), label, help: help.to_owned() }
    }
}

/// A name or a word of the API in plain words, with a capital letter.
fn label(name: &str) -> String {
    let words = plain(name);
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// All words of a choice.
fn words_of(choices: &[Choice]) -> Vec<&str> {
    choices.iter().map(|one| one.word.as_str()).collect()
}

impl Kind {
    /// The placeholder for the value in help.
    fn value_name(&self, name: &str) -> String {
        match self {
            Kind::Flag | Kind::Bool => "true|false".to_owned(),
            Kind::Choice(words) => words_of(words).join("|"),
            Kind::Number { .. } => "N".to_owned(),
            Kind::Token => "ID".to_owned(),
            Kind::ListName | Kind::QuestionName => "NAME".to_owned(),
            Kind::AttributePath => "PATH".to_owned(),
            Kind::App => "SLUG".to_owned(),
            Kind::User => "USER".to_owned(),
            Kind::Group => "GROUP".to_owned(),
            Kind::Resource => "NAME".to_owned(),
            Kind::Groups => "GROUP,GROUP".to_owned(),
            Kind::Duration => "DURATION".to_owned(),
            Kind::Instant(_) => "TIME".to_owned(),
            Kind::KnownAt => "EVENT|TIME".to_owned(),
            Kind::Zone => "ZONE".to_owned(),
            Kind::Text | Kind::Cursor => {
                let last = name.rfind(char::is_uppercase).unwrap_or(0);
                name[last..].to_uppercase()
            }
        }
    }

    /// The kind that a schema's `format` stands for.
    fn of_format(format: &str) -> Option<Kind> {
        Some(match format {
            "slug" => Kind::App,
            "user" => Kind::User,
            "group" => Kind::Group,
            "resource" => Kind::Resource,
            "groups" => Kind::Groups,
            "duration-or-short" => Kind::Duration,
            "token-id" => Kind::Token,
            "list-name" => Kind::ListName,
            "question-name" => Kind::QuestionName,
            "attribute-path" => Kind::AttributePath,
            "instant" => Kind::Instant(Role::At),
            _ => return None,
        })
    }

    /// The kind of value that a property takes.
    fn of(schema: &Map<String, Value>) -> Kind {
        let some = |list: &str| {
            let list = schema.get(list)?.as_array()?;
            list.iter().find_map(|one| one.as_object().filter(|one| !is_null(one)))
        };
        // The schema of an optional enum is `anyOf` the enum and null.
        if let Some(inner) = some("anyOf") {
            return Kind::of(inner);
        }
        if let Some(Value::Array(all)) = schema.get("oneOf") {
            let word = |one: &Value| {
                let text = |name| one.get(name).and_then(Value::as_str).unwrap_or_default();
                (!text("const").is_empty()).then(|| Choice::new(text("const"), text("description")))
            };
            return Kind::Choice(all.iter().filter_map(word).collect());
        }
        if let Some(Value::Array(all)) = schema.get("enum") {
            let words = all.iter().filter_map(Value::as_str);
            return Kind::Choice(words.map(|word| Choice::new(word, "")).collect());
        }
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        match type_of(schema) {
            "boolean" if schema.get("type").is_some_and(Value::is_array) => Kind::Bool,
            "boolean" => Kind::Flag,
            "integer" => Kind::Number {
                min: schema.get("minimum").and_then(Value::as_u64).unwrap_or(0),
                max: schema.get("maximum").and_then(Value::as_u64).unwrap_or(u64::MAX),
            },
            _ => Kind::of_format(format).unwrap_or(Kind::Text),
        }
    }

    /// The label of a parameter with this name, if its description has none.
    fn label(&self, name: &str) -> String {
        match self {
            Kind::App => "Application".to_owned(),
            Kind::Resource => "User or group".to_owned(),
            Kind::Token => "Token".to_owned(),
            Kind::AttributePath => "Attribute".to_owned(),
            _ => label(name),
        }
    }

    /// Its JSON Schema for the OpenAPI document.
    #[must_use]
    pub fn schema(&self) -> Value {
        match self {
            Kind::Flag => json!({"type": "boolean", "default": false}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Choice(words) => json!({"type": "string", "enum": words_of(words)}),
            Kind::Number { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Kind::App => json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"}),
            Kind::Text
            | Kind::User
            | Kind::Group
            | Kind::Resource
            | Kind::Groups
            | Kind::ListName
            | Kind::QuestionName
            | Kind::AttributePath
            | Kind::Cursor => {
                json!({"type": "string"})
            }
            Kind::Token => json!({"type": "string", "pattern": "^[0-9]+$"}),
            Kind::Duration => json!({"type": "string", "examples": ["24h", "PT4H"]}),
            Kind::Instant(_) => json!({
                "type": "string", "examples": ["2026-03-31T17:00:00Z", "2026-03-31", "-90d"],
            }),
            Kind::KnownAt => {
                json!({"type": "string", "examples": ["1842", "2026-03-31T17:00:00Z"]})
            }
            Kind::Zone => json!({"type": "string", "examples": ["Europe/Oslo", "+02:00"]}),
        }
    }

    fn accepts(&self) -> String {
        match self {
            Kind::Flag | Kind::Bool => "true or false".to_owned(),
            Kind::Choice(words) => one_of(&words_of(words)),
            Kind::Number { min, max } => format!("a number from {min} to {max}"),
            Kind::App => "the name of an application in addresses".to_owned(),
            Kind::User | Kind::Group | Kind::Resource => "an id or a name".to_owned(),
            Kind::Token => "the id of a token".to_owned(),
            Kind::ListName => "the name of a reference list".to_owned(),
            Kind::QuestionName => "the name of a saved question".to_owned(),
            Kind::AttributePath => "an attribute such as department, or its path".to_owned(),
            Kind::Groups => {
                "2 to 10 groups by id or name, with commas between them; a name with a \
                             comma in double quotes"
                    .to_owned()
            }
            Kind::Duration => {
                "a duration such as 1d, 24h or 1h30m (units s, m, h, d, w), or one of \
                               ISO 8601 such as P1D or PT24H"
                    .to_owned()
            }
            Kind::Instant(role) => {
                let date = match role {
                    Role::At => "its last instant",
                    Role::From => "from its start on",
                    Role::To => "to its end",
                };
                format!(
                    "an RFC 3339 time (2026-03-31T17:00:00Z, an offset is fine), a date (2026-03-31: \
                     {date}, in UTC unless `tz` says otherwise), or a time before now (-90d; units s, \
                     m, h, d, w)"
                )
            }
            Kind::KnownAt => {
                "the seq of an event, or an instant that has passed: an RFC 3339 time, \
                              a date, or a time before now (-90d)"
                    .to_owned()
            }
            Kind::Zone => {
                "a time zone by name (Europe/Oslo) or an offset from UTC (+02:00)".to_owned()
            }
            Kind::Cursor => "the `next` of the page before, unchanged".to_owned(),
            Kind::Text => "a text".to_owned(),
        }
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn is_null(schema: &Map<String, Value>) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// The type in a schema, without null.
fn type_of(schema: &Map<String, Value>) -> &str {
    match schema.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|one| *one != "null").unwrap_or_default()
        }
        _ => "",
    }
}

impl Parameter {
    /// The parameter that a property describes.
    pub(crate) fn of(
        name: &'static str,
        place: Place,
        schema: &Map<String, Value>,
        is_required: bool,
    ) -> Parameter {
        let kind = Kind::of(schema);
        let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
        let help = text("description").unwrap_or_default().replace('\n', " ");
        let accepts = text("x-accepts").unwrap_or_else(|| kind.accepts());
        let (words, requires) = (text("x-words"), text("x-requires"));
        let bounds = ["pattern", "minLength", "maxLength"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), schema.get(*name)?.clone())));
        let bounds = bounds.collect();
        let value_name = text("x-value").unwrap_or_else(|| kind.value_name(name));
        let label = text("x-label").unwrap_or_else(|| kind.label(name));
        Parameter {
            name,
            place,
            kind,
            label,
            is_required,
            help,
            words,
            requires,
            accepts,
            value_name,
            bounds,
        }
    }

    fn shared(
        (name, label): (&'static str, &str),
        place: Place,
        kind: Kind,
        help: &str,
    ) -> Parameter {
        let accepts = kind.accepts();
        let (label, help) = (label.to_owned(), help.to_owned());
        let (is_required, words, requires, bounds) = (false, None, None, Map::new());
        let value_name = kind.value_name(name);
        Parameter {
            name,
            place,
            kind,
            label,
            is_required,
            help,
            words,
            requires,
            accepts,
            value_name,
            bounds,
        }
    }

    /// `at`, the instant that is asked about.
    pub(crate) fn at() -> Parameter {
        let help = "As of this instant: 2026-03-31T17:00:00Z, 2026-03-31 (its last instant), -90d (s, \
                    m, h, d, w); now without it";
        Parameter::shared(("at", "As of"), Place::Time, Kind::Instant(Role::At), help)
    }

    /// `from` and `to`, the time range that is asked about.
    pub(crate) fn stretch() -> [Parameter; 2] {
        let from = "From this instant on: 2026-03-31T17:00:00Z, 2026-03-31 (its start), -90d";
        let to = "Up to this instant, which is excluded; a date means its end";
        [
            Parameter::shared(("from", "From"), Place::Time, Kind::Instant(Role::From), from),
            Parameter::shared(("to", "To"), Place::Time, Kind::Instant(Role::To), to),
        ]
    }

    /// `knownAt` and `tz`.
    pub(crate) fn known() -> [Parameter; 2] {
        let known = "Use only what was recorded by then: the number of an event, or an instant that has \
                     passed";
        let zone = "The time zone of dates: Europe/Oslo, +02:00; UTC without it";
        [
            Parameter::shared(("knownAt", "Known at"), Place::Time, Kind::KnownAt, known),
            Parameter::shared(("tz", "Time zone"), Place::Time, Kind::Zone, zone),
        ]
    }

    /// `limit` and `cursor`.
    pub(crate) fn page() -> [Parameter; 2] {
        let limit = Kind::Number { min: 1, max: 1_000 };
        let cursor =
            "The `next` of the previous page, unchanged, with all other parameters the same";
        [
            Parameter::shared(
                ("limit", "Rows per page"),
                Place::Page,
                limit,
                "At most this many rows; 100 without it",
            ),
            Parameter::shared(("cursor", "Page"), Place::Page, Kind::Cursor, cursor),
        ]
    }
}

/// The parameters for the fields of a type, in order. Fields named in the template `path` are in the path.
pub(crate) fn own<T: DeserializeOwned>(schema: &Schema, path: &str) -> Vec<Parameter> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array);
    let own = fields::<T>().iter().filter_map(|name| {
        let is_path = path.contains(&format!("{{{name}}}"));
        let place = if is_path { Place::Path } else { Place::Query };
        let is_required = required.is_some_and(|all| all.iter().any(|one| one == name));
        let schema = properties.get(*name)?.as_object()?;
        Some(Parameter::of(name, place, schema, is_required))
    });
    own.collect()
}

/// Defines a newtype of a text with its own schema format.
macro_rules! text {
    ($($(#[$doc:meta])* $name:ident, $format:literal, $help:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "description": $help })
            }
        }
    )+};
}

text! {
    /// The application that a question is about.
    App, "slug", "The application's name in addresses";
    /// The one application that an answer is narrowed to.
    AppFilter, "slug", "Only this application; without it, all that the token may see";
    /// A user by id or name.
    User, "user", "SCIM id, userName:NAME, externalId:ID or displayName:NAME; on the command line any other text is a user name";
    /// A group by id or name.
    Group, "group", "SCIM id, displayName:NAME or externalId:ID; on the command line any other text is a display name";
    /// A user or a group by id or name.
    Resource, "resource", "SCIM id, or userName:NAME, externalId:ID, displayName:NAME";
    /// Several groups.
    Groups, "groups", "2 to 10 groups: SCIM ids, displayName:NAME or externalId:ID; on the command line any other texts are display names, in double quotes where they have a comma";
    /// A length of time.
    Duration, "duration-or-short", "How long, such as 24h";
    /// The name of an uploaded list of people.
    ListName, "list-name", "The uploaded list, by its name";
    /// The name of a saved question.
    QuestionName, "question-name", "The saved question, by its name";
    /// An attribute or a path.
    AttributePath, "attribute-path", "An attribute such as department, or its path";
    /// An instant beside the one that is asked about.
    Instant, "instant", "An instant: 2026-03-31T17:00:00Z, 2026-03-31 (its last instant), -90d";
    /// The id of a token.
    TokenId, "token-id", "The id of a token";
}
