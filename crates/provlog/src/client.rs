//! The HTTP client of the commands that ask a running server.

use std::io::Write;
use std::time::Duration;

pub(crate) use answers::encoded;
use serde_json::{Map, Value};
use store::with_causes;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::tls;

/// Longer answers are refused: a page has at most 1,000 rows.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The time limit of a whole request.
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// The most ids that the error message of an ambiguous name lists.
const CANDIDATES_MAX: usize = 20;

/// A running server and the token for it.
pub(crate) struct Client {
    agent: ureq::Agent,
    server: String,
    token: String,
}

impl Client {
    /// # Errors
    /// When there is no token, or the file of CA certificates cannot be used.
    pub(crate) fn new(config: &ClientConfig) -> Result<Client, Failure> {
        let mut agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(ANSWER_MAX));
        if let Some(path) = &config.ca_file {
            let authorities = tls::authorities(path).map_err(Failure::Wrong)?;
            let authorities = authorities.iter().map(|one| Certificate::from_der(one).to_owned());
            let roots = RootCerts::from(authorities);
            agent = agent.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        let agent = agent.build();
        let token = token(config)?;
        Ok(Client { agent: agent.into(), server: config.server.clone(), token })
    }

    /// Sends a GET request to a path with its query.
    ///
    /// # Errors
    /// Here and in the following methods: the server's own message if it refuses, and what to do if it
    /// cannot be reached.
    pub(crate) fn get(&self, path: &str) -> Result<Map<String, Value>, Failure> {
        let url = format!("{}{path}", self.server);
        self.answer(path, self.agent.get(&url).header("Authorization", self.bearer()).call())
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Map<String, Value>, Failure> {
        let url = format!("{}{path}", self.server);
        let request = self.agent.post(&url).header("Authorization", self.bearer());
        self.answer(path, request.send_json(body))
    }

    /// Sends a PATCH request with JSON.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Map<String, Value>, Failure> {
        let url = format!("{}{path}", self.server);
        let request = self.agent.patch(&url).header("Authorization", self.bearer());
        self.answer(path, request.send_json(body))
    }

    /// Posts bytes.
    pub(crate) fn post_bytes(
        &self,
        path: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Map<String, Value>, Failure> {
        let url = format!("{}{path}", self.server);
        let request = self.agent.post(&url).header("Authorization", self.bearer());
        self.answer(path, request.header("Content-Type", media_type).send(bytes))
    }

    /// Writes the body of a GET request, of any size, to `out` and returns its length in bytes.
    pub(crate) fn download(&self, path: &str, out: &mut dyn Write) -> Result<u64, Failure> {
        let url = format!("{}{path}", self.server);
        let sent = self.agent.get(&url).header("Authorization", self.bearer()).call();
        let sent = match sent {
            Ok(response) if response.status().is_success() => response,
            refused => {
                self.answer(path, refused)?;
                return Ok(0);
            }
        };
        let copied = std::io::copy(&mut sent.into_body().into_reader(), out);
        copied.map_err(|error| Failure::Failed(format!("the answer broke off: {error}")))
    }

    /// Sends a DELETE request.
    pub(crate) fn delete(&self, path: &str) -> Result<Map<String, Value>, Failure> {
        let url = format!("{}{path}", self.server);
        self.answer(path, self.agent.delete(&url).header("Authorization", self.bearer()).call())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn answer(
        &self,
        path: &str,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Map<String, Value>, Failure> {
        let server = &self.server;
        let mut response = sent.map_err(|error| {
            Failure::Failed(format!(
                "cannot reach {server}: {}; is the server running? (--server, PROVLOG_SERVER)",
                with_causes(&error)
            ))
        })?;
        let status = response.status();
        let failure = |text| match status.is_client_error() {
            true => Failure::Wrong(text),
            false => Failure::Failed(text),
        };
        let path = path.split('?').next().unwrap_or_default();
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json();
        let answer: Map<String, Value> = read.map_err(|error| {
            failure(format!("{server}{path} answered {status}, but no JSON object: {error}"))
        })?;
        if status.is_success() { Ok(answer) } else { Err(failure(refusal(&answer))) }
    }
}

/// The message of a problem document (RFC 9457), with the ids that an ambiguous name could mean.
fn refusal(problem: &Map<String, Value>) -> String {
    let member = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{}: {}", member("title"), member("detail"));
    let candidates = problem.get("candidates").and_then(Value::as_array);
    let ids: Vec<&str> = candidates.into_iter().flatten().filter_map(Value::as_str).collect();
    if !ids.is_empty() {
        let shown = &ids[..ids.len().min(CANDIDATES_MAX)];
        text.push_str(&format!(" (one of {}", shown.join(", ")));
        if shown.len() < ids.len() {
            text.push_str(&format!(" and {} more", ids.len() - shown.len()));
        }
        text.push(')');
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_lists_the_ids_that_a_name_may_mean() {
        let told = |problem: Value| refusal(problem.as_object().unwrap());
        let plain = json!({"title": "Not found", "detail": "no such user"});
        assert_eq!(told(plain), "Not found: no such user");
        let mut ids: Vec<String> = vec!["a".into(), "b".into()];
        let of = |ids: &[String]| json!({"title": "T", "detail": "D", "candidates": ids});
        assert_eq!(told(of(&ids)), "T: D (one of a, b)");
        ids.resize(30, "c".into());
        assert!(told(of(&ids)).ends_with("c, c and 10 more)"), "{}", told(of(&ids)));
    }
}
