//! Parses scripts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Expected, Like, Part, Script, Step, filled, is_name, names};

/// The folder of scripts in the repository.
const FOLDER: &str = "tests/scripts";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(FOLDER)
}

impl Script {
    /// The names of all scripts.
    pub fn all() -> Vec<String> {
        let files = std::fs::read_dir(folder()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> =
            names.filter_map(|name| name.strip_suffix(".txt").map(str::to_owned)).collect();
        names.sort_unstable();
        names
    }

    /// Loads the script with this name.
    pub fn load(name: &str) -> Script {
        let path = folder().join(format!("{name}.txt"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {path:?}"));
        Script::parse(name, &text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Parses a script; the error names line and problem.
    pub fn parse(name: &str, text: &str) -> Result<Script, String> {
        let mut reader = Reader::new(text);
        reader.read().map_err(|problem| {
            let place = place(name, reader.line);
            format!("{place}: {problem}")
        })?;
        let Reader { profiles, settings, headers, steps, .. } = reader;
        let script = Script { name: name.to_owned(), profiles, settings, headers, steps };
        script.check_names()?;
        Ok(script)
    }

    /// Checks that every name is kept before it is used, also without the sections about groups.
    fn check_names(&self) -> Result<(), String> {
        for has_groups in [true, false] {
            let mut kept: BTreeSet<&str> = ["base", "startIndex"].into();
            let steps = self.steps.iter().filter(|step| has_groups || !step.needs_groups);
            for step in steps {
                let heads = self.headers.iter().chain(&step.headers).map(|(_, value)| value);
                let used = heads.chain([&step.address, &step.body]).flat_map(|text| names(text));
                check_kept(used, &kept).map_err(|problem| self.error(step.line, &problem))?;
                for (line, expected) in &step.expected {
                    let texts = expected.texts();
                    let used = texts.iter().flat_map(|text| names(text));
                    check_kept(used, &kept).map_err(|problem| self.error(*line, &problem))?;
                    if let Expected::Let(name, _) = expected {
                        kept.insert(name);
                    }
                }
            }
        }
        let first = self.steps.iter().find(|step| step.needs_groups);
        match first.filter(|step| !step.address.starts_with("/Groups")) {
            Some(step) => Err(self.error(step.line, "a section about groups begins at /Groups")),
            None => Ok(()),
        }
    }

    pub(super) fn error(&self, line: usize, problem: &str) -> String {
        format!("{}: {problem}", place(&self.name, line))
    }
}

fn place(name: &str, line: usize) -> String {
    format!("{FOLDER}/{name}.txt:{line}")
}

fn check_kept<'a>(
    mut used: impl Iterator<Item = &'a str>,
    kept: &BTreeSet<&str>,
) -> Result<(), String> {
    match used.find(|name| !kept.contains(name)) {
        Some(name) => Err(format!("nothing was kept as {{{name}}} up to here")),
        None => Ok(()),
    }
}

impl Expected {
    /// Its texts that may contain names.
    fn texts(&self) -> Vec<String> {
        match self {
            Expected::Part(part, like) => {
                let value = match like {
                    Like::Equal(value) => value.to_string(),
                    Like::Absent | Like::Has(_) => String::new(),
                };
                vec![part.pointer().to_owned(), value]
            }
            Expected::Let(_, part) => vec![part.pointer().to_owned()],
            Expected::Event { changes, .. } => changes.iter().map(Value::to_string).collect(),
            Expected::Status(_) | Expected::Pages(_) => vec![],
        }
    }
}

impl Part {
    fn pointer(&self) -> &str {
        match self {
            Part::Header(at) | Part::Body(at) | Part::Recorded(at) => at,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The bytes read; always at the start of a line.
    at: usize,
    /// The start of the last line read, and its number from 1.
    line_start: usize,
    line: usize,
    profiles: Vec<String>,
    settings: Value,
    headers: Vec<(String, String)>,
    in_section: bool,
    needs_groups: bool,
    intent: Option<String>,
    repeated: Option<(String, Vec<String>)>,
    step: Option<Step>,
    steps: Vec<Step>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Reader<'a> {
        Reader {
            text,
            at: 0,
            line_start: 0,
            line: 0,
            profiles: vec![],
            settings: json!({}),
            headers: vec![],
            in_section: false,
            needs_groups: false,
            intent: None,
            repeated: None,
            step: None,
            steps: vec![],
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line = rest.lines().next().unwrap_or_default();
        self.line_start = self.at;
        self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        self.line += 1;
        Some(line)
    }

    fn read(&mut self) -> Result<(), String> {
        while let Some(line) = self.next().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with('{') {
                self.body()?;
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            self.directive(word, rest.trim(), line)?;
        }
        self.finish_step()?;
        if self.intent.is_some() || self.repeated.is_some() {
            return Err("no request follows".to_owned());
        }
        if self.profiles.is_empty() {
            return Err("the script does not begin with `profiles`".to_owned());
        }
        if self.steps.is_empty() {
            return Err("the script has no request".to_owned());
        }
        Ok(())
    }

    fn directive(&mut self, word: &str, rest: &str, line: &str) -> Result<(), String> {
        match word {
            "profiles" | "settings" => self.head(word, rest),
            "header" if self.step.is_none() => {
                let (name, value) = header_line(rest).ok_or("expected `header NAME: VALUE`")?;
                self.headers.push((name, value));
                self.in_head("header")
            }
            "==" => {
                self.finish_step()?;
                self.in_section = true;
                self.needs_groups = rest.ends_with("(groups)");
                match rest.ends_with(')') && !self.needs_groups {
                    true => Err("the only mark of a section is (groups)".to_owned()),
                    false => Ok(()),
                }
            }
            "intent" => {
                self.finish_step()?;
                self.intent = Some(rest.to_owned());
                Ok(())
            }
            "for" => {
                self.finish_step()?;
                self.repeated = Some(repetition(rest)?);
                Ok(())
            }
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => self.request(word, rest),
            "status" | "header" | "body" | "recorded" | "let" | "pages" | "event" => {
                let expected = expectation(word, rest)?;
                let line = self.line;
                self.step()?.expected.push((line, expected));
                Ok(())
            }
            "+" | "-" | "~" => {
                let row = change(word, rest)?;
                match self.step()?.expected.last_mut() {
                    Some((_, Expected::Event { changes, .. })) => {
                        changes.push(row);
                        Ok(())
                    }
                    _ => Err("a change stands below an `event`".to_owned()),
                }
            }
            _ => self.header(line),
        }
    }

    fn in_head(&self, word: &str) -> Result<(), String> {
        if self.in_section || self.step.is_some() {
            return Err(format!("`{word}` stands before the first section"));
        }
        Ok(())
    }

    fn head(&mut self, word: &str, rest: &str) -> Result<(), String> {
        self.in_head(word)?;
        if word == "profiles" {
            self.profiles = rest.split_whitespace().map(str::to_owned).collect();
        } else {
            let settings: Map<String, Value> =
                serde_json::from_str(rest).map_err(|error| format!("settings: {error}"))?;
            self.settings = Value::Object(settings);
        }
        Ok(())
    }

    fn request(&mut self, method: &str, address: &str) -> Result<(), String> {
        self.finish_step()?;
        if !self.in_section {
            return Err("a request stands in a section (`== …`)".to_owned());
        }
        if !address.starts_with('/') {
            return Err("an address begins with /, below the tenant URL".to_owned());
        }
        self.step = Some(Step {
            line: self.line,
            needs_groups: self.needs_groups,
            intent: self.intent.take(),
            method: method.to_owned(),
            address: address.to_owned(),
            headers: vec![],
            body: String::new(),
            expected: vec![],
        });
        Ok(())
    }

    fn step(&mut self) -> Result<&mut Step, String> {
        self.step.as_mut().ok_or_else(|| "there is no request that this is about".to_owned())
    }

    /// Parses a header of the current request; nothing else is possible here.
    fn header(&mut self, line: &str) -> Result<(), String> {
        let unknown = || format!("not understood: {line}");
        let step = self.step.as_mut().ok_or_else(unknown)?;
        if !step.body.is_empty() || !step.expected.is_empty() {
            return Err(unknown());
        }
        step.headers.push(header_line(line).ok_or_else(unknown)?);
        Ok(())
    }

    /// Parses a body from the last line on; it ends where its JSON ends.
    fn body(&mut self) -> Result<(), String> {
        let start = self.line_start;
        let (_, rest) = json_and_rest(&self.text[start..])?;
        let end = self.text.len() - rest.len();
        let body = self.text[start..end].trim();
        let step = self.step()?;
        if !step.body.is_empty() || !step.expected.is_empty() {
            return Err("a body stands once, between a request and what is expected".to_owned());
        }
        step.body = body.to_owned();
        while self.at < end {
            self.next();
        }
        match self.text[end..self.at].trim() {
            "" => Ok(()),
            _ => Err("something stands behind the body".to_owned()),
        }
    }

    fn finish_step(&mut self) -> Result<(), String> {
        let Some(step) = self.step.take() else { return Ok(()) };
        let count = |wanted: fn(&Expected) -> bool| {
            step.expected.iter().filter(|(_, expected)| wanted(expected)).count()
        };
        let problem = if count(|one| matches!(one, Expected::Status(_))) != 1 {
            Some("needs one `status`")
        } else if step.is_write() && count(|one| matches!(one, Expected::Event { .. })) != 1 {
            Some("is a write and needs one `event`")
        } else if step.intent.is_some() && !step.is_write() {
            Some("is no write and has no `intent`")
        } else if step.is_paged() != (count(|one| matches!(one, Expected::Pages(_))) == 1) {
            Some("needs `pages` if its address has {startIndex}, and only then")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(format!("the request of line {} {problem}", step.line));
        }
        match self.repeated.take() {
            None => self.steps.push(step),
            Some((name, words)) => {
                self.steps.extend(words.iter().map(|word| step.with(&name, word)));
            }
        }
        Ok(())
    }
}

impl Step {
    /// The same step with a word in place of a name.
    fn with(&self, name: &str, word: &str) -> Step {
        let text = |text: &String| text.replace(&format!("{{{name}}}"), word);
        let value = |value: &Value| {
            let fill = |asked: &str| {
                Some(if asked == name { word.to_owned() } else { format!("{{{asked}}}") })
            };
            let done = super::each_text(value, &mut |one| filled(one, fill));
            done.expect("every name is filled by something")
        };
        let part = |part: &Part| match part {
            Part::Header(at) => Part::Header(text(at)),
            Part::Body(at) => Part::Body(text(at)),
            Part::Recorded(at) => Part::Recorded(text(at)),
        };
        let expected = self.expected.iter().map(|(line, expected)| {
            let expected = match expected {
                Expected::Part(one, Like::Equal(equal)) => {
                    Expected::Part(part(one), Like::Equal(value(equal)))
                }
                Expected::Part(one, like) => Expected::Part(part(one), like.clone()),
                Expected::Let(kept, from) => Expected::Let(text(kept), part(from)),
                Expected::Event { action, effect, changes } => Expected::Event {
                    action: action.clone(),
                    effect: effect.clone(),
                    changes: changes.iter().map(value).collect(),
                },
                Expected::Status(_) | Expected::Pages(_) => expected.clone(),
            };
            (*line, expected)
        });
        Step {
            intent: self.intent.as_ref().map(text),
            address: text(&self.address),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            body: text(&self.body),
            expected: expected.collect(),
            ..self.clone()
        }
    }
}

fn header_line(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_header = !name.is_empty() && name.bytes().all(plain);
    is_header.then(|| (name.to_lowercase(), value.trim().to_owned()))
}

/// `n in 1..8` or `n in red green blue`.
fn repetition(text: &str) -> Result<(String, Vec<String>), String> {
    let form = || "expected `for NAME in WORDS` or `for NAME in 1..8`".to_owned();
    let (name, words) = text.split_once(" in ").ok_or_else(form)?;
    let words = match words.split_once("..") {
        Some((first, last)) => {
            let number = |text: &str| text.parse::<u32>().map_err(|_| form());
            (number(first)?..=number(last)?).map(|number| number.to_string()).collect()
        }
        None => words.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
    };
    if !is_name(name) || words.is_empty() { Err(form()) } else { Ok((name.to_owned(), words)) }
}

fn expectation(word: &str, rest: &str) -> Result<Expected, String> {
    let number = |text: &str| {
        text.parse::<usize>().map_err(|_| format!("`{word}` takes a number, not {text:?}"))
    };
    match word {
        "status" => {
            let status = rest.parse().map_err(|_| "`status` takes a number".to_owned())?;
            Ok(Expected::Status(status))
        }
        "pages" => Ok(Expected::Pages(number(rest)?)),
        "event" => match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
            [action, effect] => Ok(Expected::Event {
                action: (*action).to_owned(),
                effect: (*effect).to_owned(),
                changes: vec![],
            }),
            _ => Err("`event` takes an action and an effect".to_owned()),
        },
        "let" => {
            let form = "expected `let NAME = body POINTER` or `let NAME = header NAME`";
            let (name, from) = rest.split_once(" = ").ok_or(form)?;
            let (kind, at) = from.split_once(' ').ok_or(form)?;
            let part = part_at(kind, at.trim())?;
            if !is_name(&name.replace(['{', '}'], "-")) {
                return Err(form.to_owned());
            }
            Ok(Expected::Let(name.to_owned(), part))
        }
        _ => {
            let (at, like) = if let Some((at, value)) = rest.split_once(" = ") {
                let value = match word {
                    "header" => Value::from(value.trim()),
                    _ => match json_and_rest(value)? {
                        (value, rest) if rest.trim().is_empty() => value,
                        _ => return Err("something stands behind the value".to_owned()),
                    },
                };
                (at, Like::Equal(value))
            } else if let Some(at) = rest.strip_suffix(" absent") {
                (at, Like::Absent)
            } else if let Some((at, count)) = rest.split_once(" has ") {
                (at, Like::Has(number(count.trim())?))
            } else {
                return Err("expected `= VALUE`, `absent` or `has NUMBER`".to_owned());
            };
            Ok(Expected::Part(part_at(word, at.trim())?, like))
        }
    }
}

fn part_at(kind: &str, at: &str) -> Result<Part, String> {
    match kind {
        "header" => Ok(Part::Header(at.to_lowercase())),
        "body" | "recorded" if !at.starts_with('/') => {
            Err(format!("{at:?} is no JSON pointer: it begins with /"))
        }
        "body" => Ok(Part::Body(at.to_owned())),
        "recorded" => Ok(Part::Recorded(at.to_owned())),
        _ => Err(format!("{kind:?} is neither header nor body")),
    }
}

/// Parses a change: the sign, `PATH: VALUE`, optionally ` -> VALUE`, optionally ` in ID`.
fn change(sign: &str, text: &str) -> Result<Value, String> {
    let (path, values) = text.split_once(": ").ok_or("expected `PATH: VALUE`")?;
    let (first, rest) = json_and_rest(values)?;
    let rest = rest.trim_start();
    let (op, old, new, rest) = match (sign, rest.strip_prefix("-> ")) {
        ("+", None) => ("add", Value::Null, first, rest),
        ("-", None) => ("remove", first, Value::Null, rest),
        ("~", Some(second)) => {
            let (second, rest) = json_and_rest(second)?;
            ("replace", first, second, rest.trim_start())
        }
        _ => return Err("`~` takes two values with -> between, `+` and `-` take one".to_owned()),
    };
    let mut row = json!({"path": path, "op": op, "oldValue": old, "newValue": new});
    match (rest, rest.strip_prefix("in ")) {
        ("", _) => Ok(row),
        (_, Some(id)) => {
            row["resourceId"] = id.into();
            Ok(row)
        }
        (_, None) => Err("something stands behind the value".to_owned()),
    }
}

/// The JSON value at the start of a text, and the rest.
fn json_and_rest(text: &str) -> Result<(Value, &str), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(format!("no JSON: {error}")),
        None => return Err("a value of JSON is missing".to_owned()),
    };
    let rest = &text[values.byte_offset()..];
    Ok((value, rest))
}
