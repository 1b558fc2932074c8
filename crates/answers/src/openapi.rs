//! Generates the OpenAPI 3.1 document. Its dialect is JSON Schema 2020-12, so the schemas of the types are
//! included unchanged.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::act::{DescribedAct, Gives, Takes, acts};
use crate::parameter::{Parameter, Place};
use crate::question::{Described, Who, all};
use crate::{Envelope, Shape};

const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal (RFC 9457).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Problem {
    /// What kind of refusal it is, such as `/problems/unknown-parameter`
    r#type: String,
    /// The kind in words, the same for every refusal of it
    title: String,
    /// The HTTP status
    status: u16,
    /// What was wrong with this request, and what to do
    detail: String,
    /// The path of the request
    instance: String,
    /// The id of the request, which log lines have too
    #[schemars(rename = "requestId")]
    request_id: String,
    /// SCIM ids of those that an ambiguous name may mean, or service principals of which a log tells
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<String>,
}

/// The OpenAPI document for this version of the server.
#[must_use]
pub fn openapi(version: &str) -> Value {
    let settings = |settings: SchemaSettings| {
        settings.with(|settings| settings.definitions_path = "/components/schemas".into())
    };
    let draft = SchemaSettings::draft2020_12;
    let mut answers = settings(draft().for_serialize()).into_generator();
    let mut bodies = settings(draft().for_deserialize()).into_generator();

    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for one in all() {
        let operation = question(one, &mut answers);
        paths.entry(one.path).or_default().insert("get".into(), operation);
    }
    for one in acts() {
        let method = one.method.name().to_ascii_lowercase();
        let operation = act(one, &mut answers, &mut bodies);
        paths.entry(one.path).or_default().insert(method, operation);
    }
    answers.subschema_for::<Problem>();
    let mut schemas = answers.take_definitions(true);
    // A test checks that bodies and answers have no schema name in common.
    schemas.extend(bodies.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "provlog",
            "version": version,
            "summary": "Questions to the record of provisioning, and its configuration",
            "description": "SCIM and Microsoft Graph have addresses and descriptions of their own.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer",
                "description": "A token of a role that may ask; shown once when it is issued",
            }},
            "responses": {"Problem": {
                "description": "A refusal, which says what was wrong and what to do",
                "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
        },
    })
}

fn question(one: &Described, generator: &mut SchemaGenerator) -> Value {
    let schemas = one.schemas(generator);
    let envelope = generator.root_schema_for::<Envelope>();
    let mut properties = Map::new();
    let mut required = vec![];
    for schema in [resolved(&envelope, generator), resolved(&schemas.beside, generator)] {
        let own = schema.get("properties").and_then(Value::as_object);
        properties.extend(own.cloned().unwrap_or_default());
        required
            .extend(schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default());
    }
    let (name, rows) = match one.shape {
        Shape::One => (
            "resource",
            json!({
                "description": "What was asked for; null when it was not there",
                "anyOf": [schemas.row, {"type": "null"}],
            }),
        ),
        Shape::List { .. } | Shape::Operations { .. } => (
            "rows",
            json!({"description": "One page of rows", "type": "array", "items": schemas.row}),
        ),
    };
    properties.insert(name.into(), rows);
    required.push(name.into());
    if one.shape == Shape::One {
        properties.remove("next");
    }
    let schema = json!({"type": "object", "properties": properties, "required": required});
    let answer = json!({
        "description": "The answer",
        "content": {"application/json": {"schema": schema}},
    });
    operation(
        &one.about,
        one.name,
        one.path,
        "get",
        one.who,
        &one.parameters,
        (200, answer),
        &[414],
    )
}

fn act(one: &DescribedAct, answers: &mut SchemaGenerator, bodies: &mut SchemaGenerator) -> Value {
    let (reply, body) = (one.reply(answers), one.body(bodies));
    let content = match one.gives {
        Gives::Json => json!({"application/json": {"schema": reply}}),
        Gives::Zip => json!({"application/zip": {}}),
    };
    let answer = json!({"description": "What came of it", "content": content});
    let method = one.method.name().to_ascii_lowercase();
    let (about, parameters) = (&one.about, &one.parameters);
    let mut operation = operation(
        about,
        one.name,
        one.path,
        &method,
        one.who,
        parameters,
        (one.status, answer),
        one.refusals,
    );
    operation["requestBody"] = match one.takes {
        Takes::Nothing => return operation,
        Takes::Json | Takes::LongJson { .. } => {
            let mut content = json!({"schema": body});
            if let Some((_, text)) = one.examples.first() {
                content["example"] = serde_json::from_str(text).unwrap_or_default();
            }
            json!({"required": true, "content": {"application/json": content}})
        }
        Takes::Bytes { words, bytes_max } => {
            // Each example shows one media type that the body may have.
            let content = one.examples.iter().map(|(media_type, text)| {
                let schema = json!({"schema": {"type": "string"}, "example": text});
                ((*media_type).to_owned(), schema)
            });
            let content: Map<String, Value> = content.collect();
            json!({
                "description": format!("{words}; at most {} MiB", bytes_max >> 20),
                "required": true,
                "content": content,
            })
        }
    };
    operation
}

/// The properties of a schema, or of the definition that it refers to.
fn resolved(schema: &Schema, generator: &SchemaGenerator) -> Map<String, Value> {
    let target = schema.get("$ref").and_then(Value::as_str);
    let name = target.and_then(|target| target.rsplit('/').next());
    let found = name.and_then(|name| generator.definitions().get(name)).and_then(Value::as_object);
    found.or(schema.as_object()).cloned().unwrap_or_default()
}

#[expect(clippy::too_many_arguments, reason = "each is a part of what OpenAPI calls an operation")]
fn operation(
    about: &str,
    name: &str,
    path: &str,
    method: &str,
    who: Who,
    parameters: &[Parameter],
    (status, answer): (u16, Value),
    refusals: &[u16],
) -> Value {
    let mut responses = Map::new();
    responses.insert(status.to_string(), answer);
    for refusal in [400, 401, 403, 404, 500, 503].iter().chain(refusals) {
        responses.insert(refusal.to_string(), json!({"$ref": "#/components/responses/Problem"}));
    }
    let parameters: Vec<Value> = parameters.iter().map(parameter).collect();
    let words = path.trim_start_matches("/api/v1/").replace(['{', '}'], "");
    let who = match who {
        Who::Reader => "For admins, auditors, and auditors of the application.",
        Who::Admin => "For admins.",
    };
    json!({
        "operationId": format!("{method} {words}").replace([' ', '/'], "-"),
        "summary": about,
        "description": format!("{who} On the command line: `provlog {name}`."),
        "parameters": parameters,
        "responses": responses,
    })
}

fn parameter(one: &Parameter) -> Value {
    let place = match one.place {
        Place::Path => "path",
        Place::Query | Place::Time | Place::Page => "query",
    };
    let mut schema = one.kind.schema();
    if let Some(schema) = schema.as_object_mut() {
        schema.extend(one.bounds.clone());
    }
    json!({
        "name": one.name,
        "in": place,
        "required": one.is_required,
        "description": one.help,
        "schema": schema,
    })
}
