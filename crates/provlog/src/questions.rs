//! The questions of the command line: each is one address of the questions API.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::listing::{self, List};
use crate::output::Output;
use crate::readable;
use crate::text::{self, escaped};

/// By what a user or a group may be named.
const PREFIXES: [&str; 4] = ["id:", "userName:", "externalId:", "displayName:"];

#[derive(Subcommand, Debug)]
pub(crate) enum Question {
    /// Who was in a group
    Members {
        #[command(flatten)]
        app: App,
        /// SCIM id, displayName:NAME or externalId:ID; any other text is a display name
        group: String,
        #[command(flatten)]
        instant: Instant,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Who had an account, or an active one
    Users {
        #[command(flatten)]
        app: App,
        /// Only accounts that were active, or only those that were not
        #[arg(long, value_name = "true|false")]
        active: Option<bool>,
        #[command(flatten)]
        instant: Instant,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// What a user looked like
    User {
        #[command(flatten)]
        app: App,
        /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; any other text is a user name
        user: String,
        #[command(flatten)]
        instant: Instant,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// What happened to a user or a group, newest first
    Timeline {
        #[command(flatten)]
        app: App,
        /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; any other text is a user name
        #[arg(required_unless_present = "group", conflicts_with = "group")]
        user: Option<String>,
        /// The group to ask about: SCIM id, displayName:NAME or externalId:ID; any other text is a
        /// display name
        #[arg(long)]
        group: Option<String>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Which requests arrived and what came of them, newest first
    Log {
        #[command(flatten)]
        filters: LogFilters,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Which applications there are
    Apps {
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Which profiles an application can have
    Profiles {
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
}

/// The application of a question.
#[derive(Args, Debug)]
pub(crate) struct App {
    /// The application, by its name in addresses
    #[arg(long = "app", value_name = "SLUG")]
    slug: String,
}

/// The instant of a question.
#[derive(Args, Debug)]
pub(crate) struct Instant {
    /// As of this instant: 2026-03-31T17:00:00Z, 2026-03-31 (its last instant in UTC), -90d (s, m, h,
    /// d, w); as of now when it is missing
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
}

/// The time that a question is about.
#[derive(Args, Debug)]
pub(crate) struct Range {
    /// Nothing before this instant: 2026-03-31T17:00:00Z, 2026-03-31 (its start in UTC), -90d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Nothing from this instant on; a date means its end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
}

/// How much of a list is shown.
#[derive(Args, Debug)]
pub(crate) struct Paging {
    /// Show at most so many rows
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show every row, page by page as they arrive; with --json still one object, whose rows are
    /// those of all pages
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Paging {
    fn rows_max(&self) -> Option<u64> {
        (!self.all).then_some(self.limit)
    }
}

/// Which operations a log shows.
#[derive(Args, Debug)]
pub(crate) struct LogFilters {
    /// Only this application's
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    /// Only those that ended so: success, failure or skipped
    #[arg(long)]
    status: Option<String>,
    /// Only those that asked for this: create, update, disable, delete or other
    #[arg(long)]
    action: Option<String>,
    /// Only those on this user or group: SCIM id, or userName:NAME, externalId:ID, displayName:NAME
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// Only those with the token of this id, or with none
    #[arg(long, value_name = "ID|none")]
    credential: Option<String>,
    /// Only those of the request that came with this id
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl LogFilters {
    /// Every filter as the API calls it and as people read it.
    fn parts(&self) -> [(&'static str, &'static str, Option<&String>); 6] {
        [
            ("app", "in", self.app.as_ref()),
            ("status", "with status", self.status.as_ref()),
            ("action", "with action", self.action.as_ref()),
            ("resource", "on resource", self.resource.as_ref()),
            ("credential", "by credential", self.credential.as_ref()),
            ("requestId", "of request", self.request_id.as_ref()),
        ]
    }
}

/// Asks and prints the answer.
pub(crate) fn ask(question: Question, output: &mut Output<'_>) -> Result<(), Failure> {
    match question {
        Question::Members { app: App { slug: app }, group, instant, paging, client } => {
            let path = format!("{}/groups/{}/members", under(&app), segment(&group, "displayName"));
            let heading = |answer: &Map<String, Value>| {
                let name = answer.get("groupName").and_then(Value::as_str).unwrap_or(&group);
                let (name, app) = (escaped(name), escaped(&app));
                format!("Members of {name} in {app} {}", readable::as_of(answer))
            };
            let list = List {
                path: with_query(&path, &[("at", instant.at)]),
                rows_max: paging.rows_max(),
                shape: &readable::MEMBERS,
                thing: "group",
                heading: &heading,
            };
            listing::show(&client, &list, output)
        }
        Question::Users { app: App { slug: app }, active, instant, paging, client } => {
            let who = match active {
                None => "Users",
                Some(true) => "Active users",
                Some(false) => "Users that are not active",
            };
            let heading = |answer: &Map<String, Value>| {
                format!("{who} of {} {}", escaped(&app), readable::as_of(answer))
            };
            let active = active.map(|active| active.to_string());
            let path = format!("{}/users", under(&app));
            let list = List {
                path: with_query(&path, &[("at", instant.at), ("active", active)]),
                rows_max: paging.rows_max(),
                shape: &readable::USERS,
                thing: "application",
                heading: &heading,
            };
            listing::show(&client, &list, output)
        }
        Question::User { app: App { slug: app }, user, instant, client } => {
            let path = format!("{}/users/{}", under(&app), segment(&user, "userName"));
            let answer = Client::new(&client)?.get(&with_query(&path, &[("at", instant.at)]))?;
            output.print(&match client.json {
                true => format!("{}\n", text::json(&answer.into())),
                false => readable::user(&app, &user, &answer),
            })
        }
        Question::Timeline { app: App { slug: app }, user, group, range, paging, client } => {
            // clap sees to it that one of the two is there.
            let (kind, name, attribute) = match (user, group) {
                (_, Some(group)) => ("group", group, "displayName"),
                (user, None) => ("user", user.unwrap_or_default(), "userName"),
            };
            let path = format!("{}/{kind}s/{}/timeline", under(&app), segment(&name, attribute));
            let heading = |answer: &Map<String, Value>| {
                let stretch = readable::stretch(answer);
                format!("Timeline of {kind} {} in {}{stretch}", escaped(&name), escaped(&app))
            };
            let list = List {
                path: with_query(&path, &[("from", range.from), ("to", range.to)]),
                rows_max: paging.rows_max(),
                shape: &readable::TIMELINE,
                thing: kind,
                heading: &heading,
            };
            listing::show(&client, &list, output)
        }
        Question::Log { filters, range, paging, client } => {
            let parts = filters.parts();
            let mut asked = "Operations".to_owned();
            for (_, words, value) in parts {
                if let Some(value) = value {
                    asked.push_str(&format!(" {words} {}", escaped(value)));
                }
            }
            let heading =
                |answer: &Map<String, Value>| format!("{asked}{}", readable::stretch(answer));
            // The heading has the application when there is but one.
            let shape = if filters.app.is_some() { &readable::TIMELINE } else { &readable::LOG };
            let mut query = parts.map(|(name, _, value)| (name, value.cloned())).to_vec();
            query.extend([("from", range.from), ("to", range.to)]);
            let list = List {
                path: with_query("/api/v1/operations", &query),
                rows_max: paging.rows_max(),
                shape,
                thing: "application",
                heading: &heading,
            };
            listing::show(&client, &list, output)
        }
        Question::Apps { paging, client } => {
            let heading =
                |answer: &Map<String, Value>| format!("Applications ({})", readable::event(answer));
            let list = List {
                path: "/api/v1/apps".to_owned(),
                rows_max: paging.rows_max(),
                shape: &readable::APPLICATIONS,
                thing: "application",
                heading: &heading,
            };
            listing::show(&client, &list, output)
        }
        Question::Profiles { paging, client } => {
            let list = List {
                path: "/api/v1/profiles".to_owned(),
                rows_max: paging.rows_max(),
                shape: &readable::PROFILES,
                thing: "profile",
                heading: &|_| "Profiles".to_owned(),
            };
            listing::show(&client, &list, output)
        }
    }
}

/// Has the server look at an upstream, and prints what it saw. Gives the number of differences.
pub(crate) fn look(
    slug: &str,
    what: &str,
    client: &ClientConfig,
    output: &mut Output<'_>,
) -> Result<u64, Failure> {
    let path = format!("{}/{what}", under(slug));
    let answer = Client::new(client)?.post(&path, &Value::Null)?;
    let count = answer.get("rowCount").and_then(Value::as_u64).unwrap_or_default();
    output.print(&match client.json {
        true => format!("{}\n", text::json(&answer.into())),
        false => readable::looked(slug, what, &answer, output.columns),
    })?;
    Ok(count)
}

/// Prints the tokens that were issued.
pub(crate) fn tokens(
    paging: &Paging,
    client: &ClientConfig,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let list = List {
        path: "/api/v1/tokens".to_owned(),
        rows_max: paging.rows_max(),
        shape: &readable::TOKENS,
        thing: "token",
        heading: &|answer| format!("Tokens ({})", readable::event(answer)),
    };
    listing::show(client, &list, output)
}

fn under(app: &str) -> String {
    format!("/api/v1/apps/{}", encoded(app))
}

/// Whom an argument names, as a segment of a path: a SCIM id, a name with its attribute, or else a
/// value of `attribute`.
fn segment(name: &str, attribute: &str) -> String {
    if is_uuid(name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        encoded(name)
    } else {
        encoded(&format!("{attribute}:{name}"))
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A path with those parameters that have a value.
fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut address = path.to_owned();
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (place, (name, value)) in given.enumerate() {
        let sign = if place == 0 { '?' } else { '&' };
        address.push_str(&format!("{sign}{name}={}", encoded(value)));
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_an_id_a_named_attribute_or_a_name() {
        let check = |name: &str, expected: &str| {
            assert_eq!(segment(name, "userName"), expected, "{name}");
        };
        let id = "2819c223-7f76-453a-919d-413861904646";
        check(id, id);
        check(&id.to_uppercase(), &id.to_uppercase());
        check("id:17", "id%3A17");
        check("externalId:a/b", "externalId%3Aa%2Fb");
        check("displayName:Mira Lund", "displayName%3AMira%20Lund");
        check("userName:mira", "userName%3Amira");
        check("mira@fjord.example", "userName%3Amira%40fjord.example");
        // Like an id, but none.
        check(
            "2819c223-7f76-453a-919d-41386190464",
            "userName%3A2819c223-7f76-453a-919d-41386190464",
        );
        check(
            "2819c223-7f76-453a-919d-41386190464g",
            "userName%3A2819c223-7f76-453a-919d-41386190464g",
        );
        check("urn:x", "userName%3Aurn%3Ax");
        check("", "userName%3A");
    }

    #[test]
    fn only_what_was_given_is_asked() {
        let given = |value: &str| Some(value.to_owned());
        assert_eq!(with_query("/a", &[("at", None), ("active", None)]), "/a");
        let both = [("at", given("-90d")), ("x", None), ("to", given("2026-03-31T17:00:00+02:00"))];
        assert_eq!(with_query("/a", &both), "/a?at=-90d&to=2026-03-31T17%3A00%3A00%2B02%3A00");
    }
}
