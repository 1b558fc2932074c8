//! Writes filter trees as texts and entries as JSON, in varied ways.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value, json};

use super::{DAY_NS, Entry, INTEGER, MODIFIED, Plain, STEPS, TEXTS, TIME, Term, Tree, Values};

/// Chooses among several ways to write something; 0 is the plainest.
pub(super) struct Spelling<'a> {
    choices: &'a [u8],
    at: usize,
}

impl Spelling<'_> {
    pub(super) fn new(choices: &[u8]) -> Spelling<'_> {
        Spelling { choices, at: 0 }
    }

    fn choose(&mut self, ways: u8) -> u8 {
        self.at += 1;
        self.choices[self.at % self.choices.len()] % ways
    }

    /// White space, at least `least` characters.
    fn space(&mut self, least: u8) -> String {
        let more = self.choose(3);
        (0..least + more).map(|_| if self.choose(4) == 3 { '\t' } else { ' ' }).collect()
    }

    fn cased(&mut self, word: &str) -> String {
        match self.choose(4) {
            0 | 1 => word.to_owned(),
            2 => word.to_ascii_uppercase(),
            _ => word
                .chars()
                .map(|c| {
                    if self.choose(2) == 0 {
                        c.to_ascii_uppercase()
                    } else {
                        c.to_ascii_lowercase()
                    }
                })
                .collect(),
        }
    }

    fn word(&mut self, word: &str) -> String {
        self.space(1) + &self.cased(word) + &self.space(1)
    }

    fn bracketed(&mut self, inner: &str) -> String {
        format!("({}{inner}{})", self.space(0), self.space(0))
    }

    fn called(&mut self, name: &str, arguments: &[String]) -> String {
        let comma = format!("{},{}", self.space(0), self.space(0));
        let arguments = arguments.join(&comma);
        self.cased(name) + &self.bracketed(&arguments)
    }

    /// Writes a tree, in parentheses if needed. Binding: 0 `or`, 1 `and`, 2 a comparison, 3 an atom.
    pub(super) fn tree(&mut self, tree: &Tree, variable: Option<&str>) -> String {
        self.bound(tree, 0, variable)
    }

    fn bound(&mut self, tree: &Tree, least: u8, variable: Option<&str>) -> String {
        let (text, binds) = match tree {
            Tree::And(terms) => {
                let terms: Vec<_> =
                    terms.iter().map(|term| self.bound(term, 1, variable)).collect();
                (terms.join(&self.word("and")), 1)
            }
            Tree::Or(terms) => {
                let terms: Vec<_> =
                    terms.iter().map(|term| self.bound(term, 0, variable)).collect();
                (terms.join(&self.word("or")), 0)
            }
            Tree::Not(term) => {
                let term = self.bound(term, 3, variable);
                let space = self.space(u8::from(!term.starts_with('(')));
                (self.cased("not") + &space + &term, 3)
            }
            Tree::Is(term, equal, value) => {
                let term = self.bound(term, 3, variable);
                let operator = self.word(if *equal { "eq" } else { "ne" });
                let value = self.cased(if *value { "true" } else { "false" });
                let text = match self.choose(2) {
                    0 => term + &operator + &value,
                    _ => value + &operator + &term,
                };
                (text, 2)
            }
            Tree::Compare(left, operator, right) => {
                let with_field = matches!(left, Term::Field(_)) || matches!(right, Term::Field(_));
                let left = self.term(left, variable, with_field);
                let operator = self.word(operator);
                (left + &operator + &self.term(right, variable, with_field), 2)
            }
            Tree::Function(name, left, right) => {
                let arguments =
                    [self.term(left, variable, false), self.term(right, variable, false)];
                (self.called(name, &arguments), 3)
            }
            Tree::In(left, list) => {
                let with_field = matches!(left, Term::Field(_));
                let left = self.term(left, variable, false);
                let values: Vec<_> =
                    list.iter().map(|value| self.value(value, with_field)).collect();
                let operator = self.space(1) + &self.cased("in") + &self.space(0);
                (left + &operator + &self.called("", &values), 2)
            }
            Tree::Any(list, term) | Tree::All(list, term) => {
                let name = if matches!(tree, Tree::Any(..)) { "any" } else { "all" };
                let path = self.cased(&format!("{list}/{name}"));
                if name == "any" && matches!(**term, Tree::Constant(true)) && self.choose(2) == 0 {
                    (path + "()", 3)
                } else {
                    let own =
                        ["s", "p", "_x1", "element", "not", "id"][usize::from(self.choose(6))];
                    let colon = format!("{}:{}", self.space(0), self.space(0));
                    let inner = self.cased(own) + &colon + &self.tree(term, Some(own));
                    (path + &self.bracketed(&inner), 3)
                }
            }
            Tree::Constant(value) => (self.cased(if *value { "true" } else { "false" }), 3),
        };
        if binds < least || self.choose(5) == 4 { self.bracketed(&text) } else { text }
    }

    fn term(&mut self, term: &Term, variable: Option<&str>, with_field: bool) -> String {
        let text = match term {
            Term::Field(path) => match variable {
                Some(variable) => self.cased(variable) + "/" + &self.cased(path),
                None => self.cased(path),
            },
            Term::Value(value) => self.value(value, with_field),
            Term::Lower(inner) | Term::Upper(inner) => {
                let name = if matches!(term, Term::Lower(_)) { "tolower" } else { "toupper" };
                let argument = self.term(inner, variable, false);
                self.called(name, &[argument])
            }
        };
        if self.choose(6) == 5 { self.bracketed(&text) } else { text }
    }

    /// A literal. Beside a time property, a time may be quoted.
    fn value(&mut self, value: &Option<Plain>, with_field: bool) -> String {
        match value {
            None => self.cased("null"),
            Some(Plain::Text(text)) => format!("'{}'", text.replace('\'', "''")),
            Some(Plain::Integer(integer)) => integer.to_string(),
            Some(Plain::Time(time_ns)) => {
                let text = match time_ns % DAY_NS == 0 && self.choose(2) == 0 {
                    true => rfc3339(*time_ns, 0, 0)[..10].to_owned(),
                    false => self.time(*time_ns),
                };
                let text = if self.choose(3) == 2 { text.replace('+', " ") } else { text };
                if with_field && self.choose(3) == 2 { format!("'{text}'") } else { text }
            }
        }
    }

    fn time(&mut self, time_ns: i64) -> String {
        let offset_minutes = [0, 120, -90][usize::from(self.choose(3))];
        rfc3339(time_ns, offset_minutes, usize::from(self.choose(10)))
    }

    pub(super) fn json(&mut self, entry: &Entry) -> Map<String, Value> {
        let fields = TEXTS.into_iter().chain([INTEGER, TIME]);
        let mut json = self.object(fields, &entry.values);
        for ((list, fields), elements) in
            [STEPS, MODIFIED].iter().map(|list| (list, &entry.lists[list.0]))
        {
            let elements: Vec<Value> = elements
                .iter()
                .map(|element| self.object(fields.iter().copied(), element).into())
                .collect();
            match elements.is_empty() && self.choose(3) == 0 {
                true => json.insert((*list).to_owned(), Value::Null),
                false => json.insert((*list).to_owned(), elements.into()),
            };
        }
        json
    }

    fn object(
        &mut self,
        fields: impl Iterator<Item = &'static str>,
        values: &Values,
    ) -> Map<String, Value> {
        let mut object = Map::new();
        for field in fields {
            let value = match (values.get(field), self.choose(4)) {
                (Some(Plain::Text(text)), _) => json!(text),
                (Some(Plain::Integer(integer)), _) => json!(integer),
                (Some(Plain::Time(time_ns)), _) => json!(self.time(*time_ns)),
                (None, 0 | 1) => continue,
                (None, 2) => Value::Null,
                // A value of a type that no property has.
                (None, _) => json!(true),
            };
            let mut place = &mut object;
            let mut names = field.split('/').peekable();
            while let Some(name) = names.next() {
                if names.peek().is_none() {
                    place.insert(name.to_owned(), value);
                    break;
                }
                let inner = place.entry(name).or_insert_with(|| json!({}));
                place = inner.as_object_mut().unwrap();
            }
        }
        object
    }
}

/// At least `digits` digits after the point, more if needed.
fn rfc3339(time_ns: i64, offset_minutes: i32, digits: usize) -> String {
    let offset = FixedOffset::east_opt(offset_minutes * 60).unwrap();
    let time = DateTime::from_timestamp_nanos(time_ns).with_timezone(&offset);
    let nanoseconds = format!("{:09}", time_ns % 1_000_000_000);
    let needed = nanoseconds.trim_end_matches('0').len().max(digits);
    let fraction = if needed == 0 { String::new() } else { format!(".{}", &nanoseconds[..needed]) };
    let zone = if offset_minutes == 0 { "Z".to_owned() } else { time.format("%:z").to_string() };
    format!("{}{fraction}{zone}", time.format("%Y-%m-%dT%H:%M:%S"))
}
