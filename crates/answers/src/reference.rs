//! Generates the reference page in Markdown: every address with its parameters and members.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::act::{DescribedAct, Gives, Takes, acts};
use crate::parameter::{Choice, Kind, Parameter, Place};
use crate::question::{Described, Who, all};
use crate::{Envelope, Shape};

const BEGIN: &str = "\
# Reference of the questions API

This page is generated from the descriptions in `crates/answers`; a test fails when it is out of date. The guide is
[answers](answers.md). A running server serves the same description for programs at `/openapi.json`.

Every address takes `Authorization: Bearer TOKEN`. A refusal is a problem (RFC 9457) whose `detail` says what was
wrong and what to do. A parameter that an address does not take, or that is given twice, is refused. Instants are
RFC 3339 times, dates, or times before now such as `-90d`.

## What every answer has
";

/// The reference page.
#[must_use]
pub fn reference() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut generator = settings.into_generator();
    let mut page = BEGIN.to_owned();
    let envelope = generator.root_schema_for::<Envelope>();
    let envelope = envelope.as_object().cloned().unwrap_or_default();
    members(
        &mut page,
        &["query", "generatedAt", "atSeq", "head", "coverage", "rowCount", "next"],
        &envelope,
        &generator,
    );
    page.push_str("\n`rows` has one page of rows; an answer about one thing has `resource` instead, which is null if it did not exist at that instant.\n");
    page.push_str("\n## Questions\n");
    // The tables of rows so far, each with the heading that it is under, so that others can link to it.
    let mut rows: Vec<(String, &str)> = vec![];
    for one in all() {
        question(&mut page, one, &mut generator, &mut rows);
    }
    page.push_str("\n## Changes and exports\n");
    for one in acts() {
        act(&mut page, one, &mut generator);
    }
    page.push_str("\n## Objects within\n");
    // An object's members may link to further objects, so repeat until all linked ones are on the page.
    let mut told: Vec<String> = vec![];
    while let Some((name, schema)) = next(&generator, &page, &told) {
        page.push_str(&format!("\n### {name}\n"));
        if let Some(words) = text(&schema, "description") {
            page.push_str(&format!("\n{words}\n"));
        }
        let names = schema.get("properties").and_then(Value::as_object);
        let names: Vec<&str> = names.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        members(&mut page, &names, &schema, &generator);
        told.push(name);
    }
    page
}

/// The first definition that the page links to but does not contain yet.
fn next(
    generator: &SchemaGenerator,
    page: &str,
    told: &[String],
) -> Option<(String, Map<String, Value>)> {
    generator.definitions().iter().find_map(|(name, schema)| {
        let is_linked = page.contains(&format!("(#{})", name.to_lowercase()));
        let is_new = told.iter().all(|one| one != name);
        (is_linked && is_new)
            .then(|| (name.clone(), schema.as_object().cloned().unwrap_or_default()))
    })
}

fn question(
    page: &mut String,
    one: &'static Described,
    generator: &mut SchemaGenerator,
    rows: &mut Vec<(String, &'static str)>,
) {
    head(page, &one.about, "GET", one.path, one.who, one.name);
    parameters(page, &one.parameters);
    let schemas = one.schemas(generator);
    let beside = object(&schemas.beside, generator);
    let own = beside.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    if !own.is_empty() {
        page.push_str("\nBeside the envelope:\n");
        let names: Vec<&str> = own.keys().map(String::as_str).collect();
        members(page, &names, &beside, generator);
    }
    let row = object(&schemas.row, generator);
    let own = row.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let names: Vec<&str> = match one.members {
        [] => own.keys().map(String::as_str).collect(),
        members => members.to_vec(),
    };
    if names.is_empty() {
        return;
    }
    let mut table = String::new();
    members(&mut table, &names, &row, generator);
    let what = match one.shape {
        Shape::One => "`resource`",
        Shape::List { .. } | Shape::Operations { .. } => "A row, and the columns of its CSV",
    };
    match rows.iter().find(|(before, _)| *before == table) {
        Some((_, heading)) => {
            let link = anchor(heading);
            page.push_str(&format!("\n{what}: the same as under [{heading}](#{link}).\n"));
        }
        None => {
            page.push_str(&format!("\n{what}:\n{table}"));
            rows.push((table, &one.about));
        }
    }
    if let Some(spread) = one.spread {
        let (member, things) = (spread.member, spread.things);
        page.push_str(&format!(
            "\nFiles have columns for each of `{things}` instead of `{member}`.\n"
        ));
    }
    if !one.context.is_empty() {
        page.push_str(&format!("\nFiles have `{}` first.\n", one.context.join("`, `")));
    }
}

/// The link target of a heading, as GitHub generates it.
fn anchor(heading: &str) -> String {
    let words = heading.to_lowercase().replace(' ', "-");
    words.chars().filter(|one| one.is_alphanumeric() || "-_".contains(*one)).collect()
}

fn act(page: &mut String, one: &DescribedAct, generator: &mut SchemaGenerator) {
    head(page, &one.about, one.method.name(), one.path, one.who, one.name);
    parameters(page, &one.parameters);
    let (body, reply) = (one.body(generator), one.reply(generator));
    match one.takes {
        Takes::Nothing => {}
        Takes::Json | Takes::LongJson { .. } => {
            let limit = match one.takes {
                Takes::LongJson { bytes_max } => format!(", of at most {} MiB", bytes_max >> 20),
                _ => String::new(),
            };
            page.push_str(&format!("\nThe body{limit}:\n"));
            plain(page, &object(&body, generator), generator);
        }
        Takes::Bytes { words, bytes_max, .. } => {
            page.push_str(&format!("\nThe body: {words}; at most {} MiB.\n", bytes_max >> 20));
        }
    }
    match one.gives {
        Gives::Json => {
            page.push_str(&format!("\nAnswers {}:\n", one.status));
            plain(page, &object(&reply, generator), generator);
        }
        Gives::Zip => page.push_str(&format!("\nAnswers {} with a zip.\n", one.status)),
    }
}

fn plain(page: &mut String, schema: &Map<String, Value>, generator: &SchemaGenerator) {
    let names = schema.get("properties").and_then(Value::as_object);
    let names: Vec<&str> = names.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    members(page, &names, schema, generator);
}

fn head(page: &mut String, about: &str, method: &str, path: &str, who: Who, command: &str) {
    let who = match who {
        Who::Reader => "",
        Who::Admin => " For admins.",
    };
    page.push_str(&format!("\n### {about}\n\n`{method} {path}`, `provlog {command}`.{who}\n"));
}

fn parameters(page: &mut String, parameters: &[Parameter]) {
    let own = |one: &&Parameter| matches!(one.place, Place::Path | Place::Query);
    let shared: Vec<String> =
        parameters.iter().filter(|one| !own(one)).map(|one| format!("`{}`", one.name)).collect();
    if parameters.iter().any(|one| own(&one)) {
        page.push_str("\n| parameter | takes | |\n|---|---|---|\n");
        for one in parameters.iter().filter(own) {
            let needed = if one.is_required { "" } else { " (optional)" };
            let words = match &one.kind {
                Kind::Choice(words) => told_words(words),
                _ => String::new(),
            };
            let help = cell(&format!("{}{words}", one.help));
            page.push_str(&format!(
                "| `{}`{needed} | {} | {help} |\n",
                one.name,
                cell(&one.accepts)
            ));
        }
    }
    if !shared.is_empty() {
        page.push_str(&format!("\nAlso {}.\n", shared.join(", ")));
    }
}

/// The help texts of a choice's words, where there are any.
fn told_words(words: &[Choice]) -> String {
    let told = words.iter().filter(|one| !one.help.is_empty());
    let told: Vec<String> = told.map(|one| format!("`{}` {}", one.word, one.help)).collect();
    if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) }
}

fn members(
    page: &mut String,
    names: &[&str],
    schema: &Map<String, Value>,
    generator: &SchemaGenerator,
) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array);
    if names.is_empty() {
        return;
    }
    page.push_str("\n| member | is | |\n|---|---|---|\n");
    for name in names {
        let Some(property) = properties.get(*name) else { continue };
        let none = Map::new();
        let property = property.as_object().unwrap_or(&none);
        let is_always = required.is_some_and(|all| all.iter().any(|one| one == name));
        let sometimes = if is_always { "" } else { " (not always)" };
        let words = text(property, "description").unwrap_or_default();
        let kind = kind(&Value::Object(property.clone()), generator);
        page.push_str(&format!("| `{name}`{sometimes} | {kind} | {} |\n", cell(&words)));
    }
}

/// The type of a value, in words.
fn kind(schema: &Value, generator: &SchemaGenerator) -> String {
    let Some(schema) = schema.as_object() else { return "any JSON".to_owned() };
    if let Some(target) = text(schema, "$ref") {
        let name = target.rsplit('/').next().unwrap_or_default().to_owned();
        let found = generator.definitions().get(&name).and_then(Value::as_object);
        let words = found.and_then(choice);
        return words.unwrap_or_else(|| format!("[{name}](#{})", name.to_lowercase()));
    }
    if let Some(words) = choice(schema) {
        return words;
    }
    if let Some(Value::Array(several)) = schema.get("anyOf") {
        let kinds: Vec<String> = several.iter().map(|one| kind(one, generator)).collect();
        return kinds.join(" or ");
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return "any JSON".to_owned(),
    };
    let is_time = schema.get("format").is_some_and(|format| format == "date-time");
    let words = types.iter().map(|one| match *one {
        "string" if is_time => "time".to_owned(),
        "string" => "text".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => {
            let items = schema.get("items").map(|items| kind(items, generator));
            format!("list of {}", items.unwrap_or_else(|| "any JSON".to_owned()))
        }
        other => other.to_owned(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// The words that a value may be; `None` if it is not a choice.
fn choice(schema: &Map<String, Value>) -> Option<String> {
    let consts = |all: &[Value]| {
        let words = all.iter().filter_map(|one| one.get("const").and_then(Value::as_str));
        words.map(|word| format!("`{word}`")).collect::<Vec<_>>()
    };
    let words = match (schema.get("oneOf"), schema.get("enum")) {
        (Some(Value::Array(all)), _) => consts(all),
        (_, Some(Value::Array(all))) => {
            all.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect()
        }
        _ => return None,
    };
    (!words.is_empty()).then(|| words.join(" or "))
}

/// A schema, or the definition that it refers to.
fn object(schema: &schemars::Schema, generator: &SchemaGenerator) -> Map<String, Value> {
    let target = schema.get("$ref").and_then(Value::as_str);
    let name = target.and_then(|target| target.rsplit('/').next());
    let found = name.and_then(|name| generator.definitions().get(name)).and_then(Value::as_object);
    found.or(schema.as_object()).cloned().unwrap_or_default()
}

fn text(schema: &Map<String, Value>, name: &str) -> Option<String> {
    schema.get(name).and_then(Value::as_str).map(|text| text.replace('\n', " "))
}

/// Escapes a text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
