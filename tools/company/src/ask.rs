//! Asks a running server as the command line does.

use serde_json::{Value, json};

use crate::call::escaped;
use crate::questions::Question;

/// The answer to a question, from the server at `server`; `flags` are further ones, such as `--json`.
///
/// This is the one place to change when the commands are there: `provlog::cli::run` of "provlog",
/// [`Question::arguments`] and the flags. Until then answers are JSON, and users and groups are named
/// by [`Question::arguments_by_id`].
pub fn ask(question: &Question, server: &str, token: &str, flags: &[&str]) -> String {
    let mut arguments = question.arguments_by_id.clone();
    arguments.extend(["--server", server, "--token", token].map(str::to_owned));
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    answer(&arguments).unwrap_or_else(|error| format!("{error}\n"))
}

fn answer(arguments: &[String]) -> Result<String, String> {
    let flag = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).map(String::as_str)
    };
    let required = |name: &'static str| flag(name).ok_or(format!("{name} is missing"));
    let command = arguments.first().map_or("", String::as_str);
    let named = arguments.get(3).map_or("", String::as_str);
    let app = required("--app")?;
    let mut query = String::from("limit=1000");
    for (name, parameter) in [("--at", "at"), ("--active", "active")] {
        if let Some(value) = flag(name) {
            query.push_str(&format!("&{parameter}={}", escaped(value)));
        }
    }
    let get = |path: &str| get(required("--server")?, required("--token")?, path);
    let answer = match command {
        "members" => get(&format!("/api/v1/apps/{app}/groups/{named}/members?{query}"))?,
        "users" => get(&format!("/api/v1/apps/{app}/users?{query}"))?,
        "timeline" => {
            let mut rows = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = get(&format!("/api/v1/operations?app={app}&{query}{cursor}"))?;
                let own =
                    page["rows"].as_array().into_iter().flatten().filter(|row| {
                        row["resourceId"].as_str().is_some_and(|id| named.contains(id))
                    });
                rows.extend(own.cloned());
                match page["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={}", escaped(next)),
                    None => break,
                }
            }
            json!({ "rows": rows })
        }
        other => return Err(format!("no such command: {other}")),
    };
    Ok(format!("{answer:#}\n"))
}

fn get(server: &str, token: &str, path: &str) -> Result<Value, String> {
    let request = ureq::get(format!("{server}{path}"));
    let sent = request.header("Authorization", format!("Bearer {token}")).call();
    let mut response = sent.map_err(|error| error.to_string())?;
    response.body_mut().read_json().map_err(|error| error.to_string())
}
