//! Commands that talk to a running server.

use serde_json::Value;

use crate::cli::Failure;
use crate::config::ClientConfig;

/// A line of a readable answer: the label and the member that it shows.
pub(crate) struct Line(pub &'static str, pub &'static str);

/// Posts JSON and returns the JSON of the answer.
///
/// # Errors
/// With the server's own words when it refuses; with what to do when it cannot be reached.
pub(crate) fn post(config: &ClientConfig, path: &str, body: &Value) -> Result<Value, Failure> {
    let token = token(config)?;
    let url = format!("{}{path}", config.server);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let sent = agent.post(&url).header("Authorization", format!("Bearer {token}")).send_json(body);
    let mut response = sent.map_err(|error| {
        Failure::Failed(format!(
            "cannot reach {}: {error}; is the server running? (--server, PROVLOG_SERVER)",
            config.server
        ))
    })?;
    let status = response.status();
    let answer: Value = response.body_mut().read_json().map_err(|error| {
        Failure::Failed(format!("{url} answered {status} with something else than JSON: {error}"))
    })?;
    if status.is_success() {
        return Ok(answer);
    }
    let member = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = format!("{}: {}", member("title"), member("detail"));
    if status.is_client_error() { Err(Failure::Wrong(text)) } else { Err(Failure::Failed(text)) }
}

fn token(config: &ClientConfig) -> Result<String, Failure> {
    if let Some(token) = &config.token {
        return Ok(token.trim().to_owned());
    }
    let Some(path) = &config.token_file else {
        return Err(Failure::Wrong(
            "a token is missing: set PROVLOG_TOKEN, or PROVLOG_TOKEN_FILE to the server's \
             DATA/admin.token"
                .to_owned(),
        ));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Wrong(format!("cannot read the token file {}: {error}", path.display()))
    })?;
    Ok(text.trim().to_owned())
}
