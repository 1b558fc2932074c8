//! Plays scripts against a server.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Expected, Like, Part, Script, Step, change_line, each_text, filled};
use crate::harness::server::{Answer, Client, Server};

/// A script that is being played against one application.
pub struct Session<'a> {
    script: &'a Script,
    /// The application's name in addresses.
    pub application: String,
    has_groups: bool,
    /// The client of the tenant URL.
    pub scim: Client,
    pub(super) admin: Client,
    /// The kept names and values.
    pub kept: BTreeMap<String, String>,
    /// How many steps were played.
    next: usize,
    asked_for_groups: bool,
    requests: usize,
    /// The ids of existing resources that the script created, by collection, in the order of creation.
    living: BTreeMap<String, Vec<String>>,
    /// Every exchange, as a client sees it.
    pub(super) exchanges: Vec<Value>,
    /// Every write that has an intent.
    pub writes: Vec<Write>,
}

/// The result of a write, in terms of the script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Its intent in the script.
    pub intent: String,
    /// The action and effect of its event.
    pub event: String,
    /// Its changes in the syntax of scripts, with names for kept values.
    pub changes: Vec<String>,
}

/// An answer, and its recorded operation.
struct Exchange {
    answer: Answer,
    operation: Value,
}

impl<'a> Session<'a> {
    /// Starts a script with a new application of this profile.
    pub fn begin(
        server: &Server,
        script: &'a Script,
        application: &str,
        profile: &str,
        has_groups: bool,
    ) -> Session<'a> {
        let scim = server.add_app_of(application, profile, script.settings.clone());
        let kept = BTreeMap::from([("base".to_owned(), scim.base().to_owned())]);
        Session {
            script,
            application: application.to_owned(),
            has_groups,
            scim,
            admin: server.admin(),
            kept,
            next: 0,
            asked_for_groups: false,
            requests: 0,
            living: BTreeMap::new(),
            exchanges: vec![],
            writes: vec![],
        }
    }

    /// How often [`Session::step`] can be called until the end.
    pub fn steps(&self) -> usize {
        self.script.steps.len() - self.next
    }

    /// Plays the rest of the script.
    pub fn run(&mut self) -> Result<(), String> {
        while self.step()? {}
        Ok(())
    }

    /// Plays the next request of the script; `false` at the end.
    pub fn step(&mut self) -> Result<bool, String> {
        let script = self.script;
        let Some(step) = script.steps.get(self.next) else { return Ok(false) };
        self.next += 1;
        let made = if self.has_groups || !step.needs_groups {
            self.make(step)
        } else if !std::mem::replace(&mut self.asked_for_groups, true) {
            self.ask_for_groups(step)
        } else {
            Ok(())
        };
        made.map(|()| true).map_err(|problem| match problem.line {
            Some(line) => script.error(line, &problem.text),
            None => script.error(step.line, &problem.text),
        })
    }

    fn make(&mut self, step: &Step) -> Result<(), Problem> {
        if step.is_paged() {
            return self.walk(step);
        }
        let exchange = self.exchange(step)?;
        self.check(step, &exchange)?;
        self.remember(step, &exchange.answer);
        Ok(())
    }

    /// Reads page after page to the end.
    fn walk(&mut self, step: &Step) -> Result<(), Problem> {
        let (mut found, mut pages) = (Vec::new(), 0);
        let mut total = None;
        loop {
            let start_index = found.len() + 1;
            self.kept.insert("startIndex".to_owned(), start_index.to_string());
            let exchange = self.exchange(step)?;
            self.check(step, &exchange)?;
            let body = &exchange.answer.body;
            let resources = body["Resources"].as_array().cloned().unwrap_or_default();
            let told = json!([body["startIndex"], body["itemsPerPage"]]);
            same("startIndex and itemsPerPage", &json!([start_index, resources.len()]), &told)?;
            let of_first = total.get_or_insert_with(|| body["totalResults"].clone());
            same("totalResults on every page", of_first, &body["totalResults"])?;
            pages += 1;
            found.extend(resources.iter().map(|one| one["id"].as_str().unwrap_or("").to_owned()));
            if Some(found.len() as u64) >= of_first.as_u64() || resources.is_empty() {
                break;
            }
        }
        self.check_union(collection(&step.address), &found)?;
        same("totalResults", &json!(found.len()), &json!(total))?;
        for (line, expected) in &step.expected {
            if let Expected::Pages(expected) = expected {
                same("pages", &json!(expected), &json!(pages)).map_err(|one| one.at(*line))?;
            }
        }
        Ok(())
    }

    /// Checks that all pages together hold each resource once, in the order of creation.
    fn check_union(&self, collection: &str, found: &[String]) -> Result<(), Problem> {
        let living = self.living.get(collection).cloned().unwrap_or_default();
        if living == found {
            return Ok(());
        }
        // Report only the differences: there may be hundreds of ids.
        let among = |list: &[String], id: &String| list.iter().filter(|one| *one == id).count();
        let named = |ids: Vec<&String>| self.named(&json!(ids));
        let missing = living.iter().filter(|id| among(found, id) == 0).collect();
        let unknown = found.iter().filter(|id| among(&living, id) == 0).collect();
        let repeated = found.iter().filter(|id| among(found, id) > 1).collect();
        let got = format!(
            "{} of them: missing {}, unknown {}, more than once {}",
            found.len(),
            named(missing),
            named(unknown),
            named(repeated)
        );
        let expected = format!("{} in the order of their creation", living.len());
        Err(Problem::unequal(&format!("all pages of {collection}"), &expected, &got))
    }

    /// Plays the first request about groups against an application without groups.
    fn ask_for_groups(&mut self, step: &Step) -> Result<(), Problem> {
        let Exchange { answer, operation } = self.exchange(step)?;
        same("status without groups", &json!(404), &json!(answer.status))?;
        same("changes without groups", &json!([]), &operation["changes"])
    }

    /// Sends the request of a step and finds its operation.
    fn exchange(&mut self, step: &Step) -> Result<Exchange, Problem> {
        self.requests += 1;
        let request_id = format!("{}-{}-{}", self.application, step.line, self.requests);
        let address = escaped(&self.filled(&step.address)?);
        let mut headers = vec![("x-request-id".to_owned(), request_id.clone())];
        for (name, value) in self.script.headers.iter().chain(&step.headers) {
            let is_body = name == "content-type";
            if !is_body || !step.body.is_empty() {
                headers.push((name.clone(), self.filled(value)?));
            }
        }
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = self.filled_json(&step.body)?;
        let answer = self
            .scim
            .send(&step.method, &address, &headers, body.as_bytes())
            .map_err(|error| Problem::of(format!("no answer: {error}")))?;
        self.exchanges.push(seen(step, &answer));

        let operation = self.operation(&request_id)?;
        same("status on record", &json!(answer.status), &operation["httpStatus"])?;
        same("address on record", &json!(address), &operation["request"]["target"])?;
        match answer.status {
            204 | 304 => same("body", &json!(""), &json!(answer.text))?,
            _ => {
                let media_type = json!(answer.header("content-type"));
                same("media type", &json!("application/scim+json"), &media_type)?;
            }
        }
        Ok(Exchange { answer, operation })
    }

    /// The only operation of a request.
    fn operation(&self, request_id: &str) -> Result<Value, Problem> {
        let application = &self.application;
        let path = format!("/api/v1/operations?app={application}&requestId={request_id}");
        let found = self.ask(&path)?;
        same("events of the request", &json!(1), &found["rowCount"])?;
        let seq = &found["rows"][0]["seq"];
        let answer = self.ask(&format!("/api/v1/operations/{seq}"))?;
        Ok(answer["resource"].clone())
    }

    pub(super) fn ask(&self, path: &str) -> Result<Value, Problem> {
        let asked = self.admin.send("GET", path, &[], b"");
        let answer = asked.map_err(|error| Problem::of(format!("no answer: {error}")))?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(Problem::of(format!("{path} was answered {status}: {}", answer.text))),
        }
    }

    /// Checks the expectations of a step in order, and keeps its names.
    fn check(&mut self, step: &Step, exchange: &Exchange) -> Result<(), Problem> {
        for (line, expected) in &step.expected {
            self.check_one(step, exchange, expected).map_err(|problem| problem.at(*line))?;
        }
        Ok(())
    }

    fn check_one(
        &mut self,
        step: &Step,
        exchange: &Exchange,
        expected: &Expected,
    ) -> Result<(), Problem> {
        match expected {
            Expected::Pages(_) => Ok(()),
            Expected::Status(status) => {
                let answer = &exchange.answer;
                same("status", &json!(status), &json!(answer.status))
                    .map_err(|problem| problem.with(&answer.text))
            }
            Expected::Part(part, like) => {
                let (what, found) = self.part(part, exchange)?;
                match like {
                    Like::Equal(value) => {
                        let value = self.filled_value(value)?;
                        let found = found.unwrap_or_else(|| json!("(absent)"));
                        same(&what, &self.named(&value), &self.named(&found))
                    }
                    Like::Absent => match found {
                        None => Ok(()),
                        Some(found) => Err(Problem::unequal(&what, "(absent)", &found.to_string())),
                    },
                    Like::Has(count) => {
                        let length = match &found {
                            Some(Value::Array(list)) => json!(list.len()),
                            Some(Value::Object(object)) => json!(object.len()),
                            Some(other) => other.clone(),
                            None => json!(0),
                        };
                        same(&format!("{what} has"), &json!(count), &length)
                    }
                }
            }
            Expected::Let(name, part) => {
                let (what, found) = self.part(part, exchange)?;
                let text = match found {
                    Some(Value::String(text)) => text,
                    Some(other) => other.to_string(),
                    None => return Err(Problem::of(format!("{what} is not there to be kept"))),
                };
                self.kept.insert(name.clone(), text);
                Ok(())
            }
            Expected::Event { action, effect, changes } => {
                let operation = &exchange.operation;
                let text = |name: &str| operation[name].as_str().unwrap_or_default();
                let event = format!("{} {}", text("action"), text("effect"));
                let found = operation["changes"].as_array().cloned().unwrap_or_default();
                let found = self.lines(&found);
                let changes: Vec<Value> =
                    changes.iter().map(|row| self.filled_value(row)).collect::<Result<_, _>>()?;
                let told = |event: &str, changes: &[String]| format!("{event}{}", below(changes));
                let expected = told(&format!("{action} {effect}"), &self.lines(&changes));
                let got = told(&event, &found);
                if let Some(intent) = step.intent.clone() {
                    self.writes.push(Write { intent, event, changes: found });
                }
                if expected == got {
                    Ok(())
                } else {
                    Err(Problem::unequal("event", &expected, &got))
                }
            }
        }
    }

    /// The description of a part for failures, and its value.
    fn part(&self, part: &Part, exchange: &Exchange) -> Result<(String, Option<Value>), Problem> {
        Ok(match part {
            Part::Header(name) => {
                let found = exchange.answer.headers.get(name);
                let found = found.map(|value| String::from_utf8_lossy(value.as_bytes()));
                (format!("header {name}"), found.map(|value| json!(value)))
            }
            Part::Body(at) => {
                let at = self.filled(at)?;
                let found = exchange.answer.body.pointer(&at).cloned();
                (format!("body {at}"), found)
            }
            Part::Recorded(at) => {
                let at = self.filled(at)?;
                let found = exchange.operation["request"]["body"].pointer(&at).cloned();
                (format!("recorded {at}"), found)
            }
        })
    }

    /// Updates the list of existing resources.
    fn remember(&mut self, step: &Step, answer: &Answer) {
        let collection = collection(&step.address);
        if step.method == "POST"
            && answer.status == 201
            && let Some(id) = answer.body["id"].as_str()
        {
            self.living.entry(collection.to_owned()).or_default().push(id.to_owned());
        }
        if step.method == "DELETE"
            && answer.status == 204
            && let Ok(address) = self.filled(&step.address)
        {
            let living = self.living.entry(collection.to_owned()).or_default();
            living.retain(|id| !address.contains(id.as_str()));
        }
    }

    fn filled(&self, text: &str) -> Result<String, Problem> {
        filled(text, |name| self.kept.get(name).cloned()).map_err(Problem::unknown)
    }

    /// The same for JSON text, where kept values are inside strings.
    fn filled_json(&self, text: &str) -> Result<String, Problem> {
        let inside = |name: &str| {
            let quoted = json!(self.kept.get(name)?).to_string();
            Some(quoted[1..quoted.len() - 1].to_owned())
        };
        filled(text, inside).map_err(Problem::unknown)
    }

    fn filled_value(&self, value: &Value) -> Result<Value, Problem> {
        each_text(value, &mut |text| self.filled(text))
    }

    /// Replaces kept ids and addresses by their names, as scripts write them.
    fn named(&self, value: &Value) -> Value {
        let named = each_text(value, &mut |text| {
            let mut text = text.to_owned();
            for (name, kept) in &self.kept {
                if kept.len() >= 20 {
                    text = text.replace(kept, &format!("{{{name}}}"));
                }
            }
            Ok::<_, Problem>(text)
        });
        named.unwrap_or(Value::Null)
    }

    fn lines(&self, changes: &[Value]) -> Vec<String> {
        changes.iter().map(|row| change_line(&self.named(row))).collect()
    }
}

/// A failure, and its line if that is not the request's.
pub(super) struct Problem {
    line: Option<usize>,
    pub(super) text: String,
}

impl Problem {
    fn of(text: String) -> Problem {
        Problem { line: None, text }
    }

    fn unknown(name: String) -> Problem {
        Problem::of(format!("nothing was kept as {{{name}}}"))
    }

    fn unequal(what: &str, expected: &str, got: &str) -> Problem {
        Problem::of(format!("{what}\n  expected {expected}\n  got      {got}"))
    }

    fn at(self, line: usize) -> Problem {
        Problem { line: Some(self.line.unwrap_or(line)), ..self }
    }

    fn with(self, more: &str) -> Problem {
        Problem { text: format!("{}\n  {more}", self.text), ..self }
    }
}

fn same(what: &str, expected: &Value, got: &Value) -> Result<(), Problem> {
    if expected == got {
        return Ok(());
    }
    Err(Problem::unequal(what, &expected.to_string(), &got.to_string()))
}

/// Indents further lines.
fn below(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

/// The collection of an address: `/Users`, `/Groups`.
fn collection(address: &str) -> &str {
    let path = address.split('?').next().unwrap_or_default();
    let end = path.get(1..).and_then(|rest| rest.find('/')).map_or(path.len(), |end| end + 1);
    &path[..end]
}

/// Escapes characters that an address must not contain; existing escapes stay.
fn escaped(address: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>[\\]^`{|}".contains(&byte);
    address
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// An answer without what the transport adds.
fn seen(step: &Step, answer: &Answer) -> Value {
    let of_transport = ["date", "content-length", "connection", "transfer-encoding"];
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .filter(|(name, _)| !of_transport.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    json!({
        "line": step.line,
        "status": answer.status,
        "headers": headers,
        "body": if answer.body.is_null() { json!(answer.text) } else { answer.body.clone() },
    })
}
