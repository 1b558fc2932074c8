//! Sessions of identity providers as plain-text scripts, and their runner.
//!
//! A script holds the requests of one provider as it sends them and, below each, what must follow: the
//! answer, and the recorded event. It contains no code, so that anybody who knows the provider can
//! check and correct it.
//!
//! ```text
//! # A comment has a line of its own. Most say why the provider does what follows.
//! profiles generic hootsuite                  the profiles that it runs against
//! settings {"unique_group_names": true}       settings of its application, if any
//! header Accept: application/scim+json        what every request carries, if anything
//!
//! == Group push (groups)                      a section; `(groups)`: it needs groups
//!
//! intent rename the group                     what the next request is for, whatever the dialect
//! for n in 1..8                               the next request eight times, with {n} from 1 to 8
//! PATCH /Groups/{crew}?attributes=id          method and address, below the tenant URL
//! If-Match: {etag}                            headers
//! {"schemas": […], "Operations": […]}         a body; it goes out as it stands
//!   status 200                                what is expected, indented or not
//!   header Location = {base}/Groups/{crew}
//!   header Retry-After absent
//!   body /displayName = "Deck Crew"           a JSON pointer (RFC 6901) and a value of JSON
//!   body /members absent
//!   body /schemas has 1                       so many elements
//!   let etag = header ETag                    kept; from here on {etag} stands for it
//!   let crew = body /id
//!   recorded /password = null                 the request's body as it is on record
//!   event update applied                      action and effect of its event, and below it all that
//!     + externalId: "7"                       the event changed, in its order: what is new,
//!     ~ displayName: "Crew" -> "Deck Crew"    what is another now,
//!     - members: "{mira}"                     what is gone,
//!     - members: "{mira}" in {crew}           and what changed of another resource
//! ```
//!
//! - `{base}` is the tenant URL. A name that nobody kept is an error. Characters that may not stand in
//!   an address, such as spaces and quotes, are sent escaped.
//! - Every request needs a `status`, and every write an `event`. An event without lines below it
//!   changed nothing.
//! - What nobody writes down holds too: each request is on record exactly once, with its status and its
//!   address as it was sent; answers are `application/scim+json`; 204 has no body.
//! - An address with `{startIndex}` is asked for page after page, from 1, until `totalResults` are
//!   reached. All pages together must hold each resource that the script made there and did not delete,
//!   once, in the order of creation. `pages 3` says how many there are.
//! - An application whose profile has no groups is asked for the first request of the sections with
//!   `(groups)`, which must be answered 404 and recorded. The rest of those sections is left out.
//!
//! Failures name file and line, what was expected and what came.

mod parse;
mod run;
mod story;

use serde_json::Value;

pub use run::{Session, Write};
pub use story::first_difference;

/// A parsed script.
pub struct Script {
    /// The file's name without its ending.
    pub name: String,
    /// The profiles that it runs against.
    pub profiles: Vec<String>,
    /// Settings of its application.
    settings: Value,
    /// Headers of every request.
    headers: Vec<(String, String)>,
    /// A repeated request is listed each time.
    steps: Vec<Step>,
}

/// A request and its expectations. Texts may have names in braces.
#[derive(Clone)]
struct Step {
    /// The line of the request.
    line: usize,
    needs_groups: bool,
    intent: Option<String>,
    method: String,
    address: String,
    headers: Vec<(String, String)>,
    /// Empty for none.
    body: String,
    /// Each with its line.
    expected: Vec<(usize, Expected)>,
}

#[derive(Clone)]
enum Expected {
    Status(u16),
    /// A part must be like this.
    Part(Part, Like),
    /// A part is kept under a name.
    Let(String, Part),
    Pages(usize),
    /// The changes are rows as answers show them.
    Event {
        action: String,
        effect: String,
        changes: Vec<Value>,
    },
}

/// A part of an exchange.
#[derive(Clone)]
enum Part {
    /// A header of the answer.
    Header(String),
    /// A JSON pointer into the answer's body.
    Body(String),
    /// A JSON pointer into the recorded body of the request.
    Recorded(String),
}

#[derive(Clone)]
enum Like {
    Equal(Value),
    Absent,
    Has(usize),
}

/// Marks an address that is read page by page.
const START_INDEX: &str = "{startIndex}";

impl Step {
    fn is_write(&self) -> bool {
        let is_search = self.method == "POST" && self.address.contains("/.search");
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE") && !is_search
    }

    fn is_paged(&self) -> bool {
        self.address.contains(START_INDEX)
    }
}

/// The names in braces of a text. A brace in JSON is never followed by a letter.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|after| {
        let (name, _) = after.split_once('}')?;
        is_name(name).then_some(name)
    })
}

/// Letters, digits and `-`, from a letter on.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Replaces the names in braces of a text; the error is an unknown name.
fn filled(text: &str, value_of: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                out.push_str(&value_of(name).ok_or_else(|| name.to_owned())?);
                rest = behind;
            }
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Changes every text in a value.
fn each_text<E>(
    value: &Value,
    change: &mut impl FnMut(&str) -> Result<String, E>,
) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => Value::String(change(text)?),
        Value::Array(list) => {
            let list = list.iter().map(|one| each_text(one, change));
            Value::Array(list.collect::<Result<_, _>>()?)
        }
        Value::Object(object) => {
            let object =
                object.iter().map(|(name, one)| Ok((name.clone(), each_text(one, change)?)));
            Value::Object(object.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// A change in the syntax of scripts.
fn change_line(row: &Value) -> String {
    let path = row["path"].as_str().unwrap_or_default();
    let change = match row["op"].as_str() {
        Some("add") => format!("+ {path}: {}", row["newValue"]),
        Some("remove") => format!("- {path}: {}", row["oldValue"]),
        _ => format!("~ {path}: {} -> {}", row["oldValue"], row["newValue"]),
    };
    match row["resourceId"].as_str() {
        Some(id) => format!("{change} in {id}"),
        None => change,
    }
}
