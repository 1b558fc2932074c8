//! The configuration file of `serve`, and what is in effect.
//!
//! ```toml
//! listen = "0.0.0.0:8080"
//! memtable-bytes = 134217728
//! trusted-proxies = ["10.0.0.0/8", "::1"]
//! ```
//!
//! The keys are the long names of clap's arguments, and the values become their defaults: clap
//! validates them like flags, and a flag or an environment variable overrides them as it overrides
//! every default.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::builder::{OsStr, Resettable};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::{DeTable, DeValue};

use crate::failure::Failure;
use crate::text;

const FILE_BYTES_MAX: u64 = 64 << 10;
/// The argument that names the file; the file cannot set it.
const CONFIG: &str = "config";
/// The column at which the source of a setting begins.
const SOURCE_COLUMN: usize = 48;

/// A valid configuration file.
pub(crate) struct Settings {
    path: PathBuf,
    /// By the long name of the flag.
    by_name: BTreeMap<String, Setting>,
}

struct Setting {
    line: usize,
    values: Vec<String>,
}

impl Settings {
    /// Reads and validates a file for the arguments of `serve`.
    ///
    /// # Errors
    /// A message of one line, with the file, the line in it and the key.
    pub(crate) fn read(path: &Path, serve: &Command) -> Result<Settings, Failure> {
        let bytes = bytes(path).map_err(|words| {
            Failure::Wrong(format!("the configuration file {}: {words}", path.display()))
        })?;
        let by_name = parse(&bytes, serve).map_err(|(line, words)| {
            Failure::Wrong(format!("{}:{line}: {words}", path.display()))
        })?;
        Ok(Settings { path: path.to_owned(), by_name })
    }

    /// The command with the file's values as the defaults of its arguments.
    pub(crate) fn as_defaults(&self, command: Command) -> Command {
        command.mut_args(|arg| match arg.get_long().and_then(|name| self.by_name.get(name)) {
            Some(setting) => {
                let values = setting.values.iter();
                arg.default_values(values.map(|value| OsStr::from(OsString::from(value))))
            }
            None => arg,
        })
    }
}

/// The settings in effect, as a valid configuration file; a comment tells the source of each.
pub(crate) fn effective(
    command: &Command,
    matches: &ArgMatches,
    settings: Option<&Settings>,
) -> String {
    let mut lines = String::new();
    for (name, arg) in arguments(command) {
        let id = arg.get_id().as_str();
        let values = matches.get_raw(id).into_iter().flatten();
        let values: Vec<String> = values.map(|value| quoted(&value.to_string_lossy())).collect();
        let value = match (kind(arg), values.as_slice()) {
            (_, []) => None,
            (Kind::Texts, values) => Some(format!("[{}]", values.join(", "))),
            (Kind::Text, values) => Some(values.join(",")),
            (Kind::Flag | Kind::Number, values) => Some(values.join(",").replace('"', "")),
        };
        let setting = match value {
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name} is not set"),
        };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag".to_owned(),
            Some(ValueSource::EnvVariable) => {
                let variable = arg.get_env().map(std::ffi::OsStr::to_string_lossy);
                format!("environment {}", variable.unwrap_or_default())
            }
            _ => match settings.and_then(|file| Some((file, file.by_name.get(name)?))) {
                Some((file, Setting { line, .. })) => {
                    format!("file {}:{line}", text::escaped(&file.path.to_string_lossy()))
                }
                None => "default".to_owned(),
            },
        };
        lines.push_str(&format!("{setting:<SOURCE_COLUMN$}  # {source}\n"));
    }
    lines
}

/// A TOML string; every JSON string is one.
fn quoted(value: &str) -> String {
    text::json(&value.into())
}

/// The TOML type of a setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flag,
    Number,
    Text,
    Texts,
}

fn kind(arg: &Arg) -> Kind {
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Flag,
        ArgAction::Append => Kind::Texts,
        _ if arg.get_value_parser().type_id() == TypeId::of::<u64>() => Kind::Number,
        _ => Kind::Text,
    }
}

/// The arguments that a file may set, by the long names of their flags.
fn arguments(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let named = command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
    named.filter(|(name, arg)| *name != CONFIG && !is_help(arg))
}

fn is_help(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong)
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(cannot)?;
    let mut bytes = vec![];
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

/// The settings of a file. On failure, the line and what is wrong with it.
fn parse(bytes: &[u8], serve: &Command) -> Result<BTreeMap<String, Setting>, (usize, String)> {
    let line = |byte: usize| {
        let before = &bytes[..byte.min(bytes.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    };
    let source = str::from_utf8(bytes)
        .map_err(|error| (line(error.valid_up_to()), "this is no UTF-8 text".to_owned()))?;
    let table = DeTable::parse(source).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        (line(place), format!("this is no TOML: {}", error.message()))
    })?;
    let mut settings = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let (name, line) = (key.get_ref().as_ref(), line(key.span().start));
        let Some((_, arg)) = arguments(serve).find(|(known, _)| *known == name) else {
            let known: Vec<&str> = arguments(serve).map(|(known, _)| known).collect();
            return Err((line, format!("unknown key `{name}`; known are {}", known.join(", "))));
        };
        let values = values(kind(arg), value.get_ref()).map_err(|takes| {
            let found = value.get_ref().type_str();
            (line, format!("`{name}` takes {takes}, and this is of type {found}"))
        })?;
        if kind(arg) != Kind::Flag {
            for value in &values {
                validate(arg, value).map_err(|words| (line, format!("`{name}`: {words}")))?;
            }
        }
        settings.insert(name.to_owned(), Setting { line, values });
    }
    Ok(settings)
}

/// A value as arguments for clap. On failure, the expected type.
fn values(kind: Kind, value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(value)) => Ok(vec![value.to_string()]),
        (Kind::Flag, _) => Err("true or false"),
        (Kind::Number, DeValue::Integer(number)) => {
            // A number that exceeds even this type exceeds every setting's limit: clap refuses it.
            let value = i128::from_str_radix(number.as_str(), number.radix());
            Ok(vec![value.map_or_else(|_| number.as_str().to_owned(), |value| value.to_string())])
        }
        (Kind::Number, _) => Err("a whole number"),
        (Kind::Text, DeValue::String(text)) => Ok(vec![text.to_string()]),
        (Kind::Text, _) => Err("a text in quotes"),
        (Kind::Texts, DeValue::Array(array)) => {
            let texts = array.iter().map(|one| one.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or(TEXTS)
        }
        (Kind::Texts, _) => Err(TEXTS),
    }
}

const TEXTS: &str = "an array of texts in quotes";

/// Lets clap validate a value as if it were given by its flag alone. (Clap panics on an invalid
/// default.)
fn validate(arg: &Arg, value: &str) -> Result<(), String> {
    let name = arg.get_long().unwrap_or_default();
    let alone = arg.clone().env(Resettable::Reset);
    let result = Command::new(CONFIG)
        .no_binary_name(true)
        .disable_help_flag(true)
        .arg(alone)
        .try_get_matches_from([format!("--{name}={value}")]);
    let Err(error) = result else { return Ok(()) };
    let words = match error.source() {
        Some(cause) => cause.to_string(),
        None => {
            let known = arg.get_possible_values();
            let known: Vec<&str> = known.iter().map(|value| value.get_name()).collect();
            if known.is_empty() {
                "a value is missing".to_owned()
            } else {
                format!("possible are {}", known.join(", "))
            }
        }
    };
    Err(format!("{} is not possible: {words}", quoted(value)))
}
