//! Asking one witness once.

use std::io::Read;
use std::time::Duration;

use tlog::{
    AddCheckpoint, NoteError, SIZE_MEDIA_TYPE, Signature, SizeError, parse_cosignatures, parse_size,
};
use ureq::Agent;
use ureq::tls::TlsConfig;

/// A whole request with its answer takes at most so long.
pub const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Bytes of an answer at most: some cosignatures, of post-quantum keys too.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Characters of what a witness says against a checkpoint that are passed on.
const REASON_CHARS_MAX: usize = 200;

/// Connections to witnesses, for [`ask`]. Redirects are not followed: a witness is what its address says.
/// Without `tls` the public authorities are trusted. A proxy is taken from the environment, as in the command
/// line's client.
#[must_use]
pub fn agent(answer_max: Duration, tls: Option<TlsConfig>) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(answer_max));
    if let Some(tls) = tls {
        config = config.tls_config(tls);
    }
    config.build().into()
}

/// Sends a request to the witness at this address, without `/add-checkpoint`, and returns the signatures
/// that it answers. **None of them is checked**; there may be any number by anybody.
///
/// Blocks, at most as long as the agent allows.
pub fn ask(agent: &Agent, url: &str, request: &AddCheckpoint) -> Result<Vec<Signature>, AskError> {
    let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    let sent = agent.post(&address).content_type("text/plain; charset=utf-8");
    let answer = sent.send(request.to_string()).map_err(AskError::Unreachable)?;
    let status = answer.status().as_u16();
    let media_type = answer.headers().get("Content-Type");
    let is_size = media_type.is_some_and(|text| text.as_bytes() == SIZE_MEDIA_TYPE.as_bytes());
    let mut body = Vec::new();
    // What is counted here is what is kept, also of a compressed answer.
    let reader = answer.into_body().into_reader();
    let read = reader.take(ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut body);
    match status {
        200 | 409 => {
            read.map_err(AskError::BrokenOff)?;
            if body.len() > ANSWER_BYTES_MAX {
                return Err(AskError::TooLong);
            }
        }
        // It is refused in any case.
        _ => {}
    }
    match status {
        200 => parse_cosignatures(&body).map_err(AskError::Cosignatures),
        409 if is_size => {
            let size = parse_size(&body).map_err(AskError::Size)?;
            Err(AskError::OtherSize { size })
        }
        status => Err(AskError::Refused { status, reason: reason(&body) }),
    }
}

/// What a witness says, fit for a log line.
fn reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * REASON_CHARS_MAX)]);
    let shown = text.trim().chars().take(REASON_CHARS_MAX);
    shown.map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There was no answer in time.
    #[error("the witness cannot be reached")]
    Unreachable(#[source] ureq::Error),
    /// The answer did not come whole in time.
    #[error("the answer of the witness broke off")]
    BrokenOff(#[source] std::io::Error),
    /// The answer is longer than [`ANSWER_BYTES_MAX`].
    #[error("the answer of the witness is too long")]
    TooLong,
    /// It signed another size last than the request says.
    #[error("the last checkpoint that the witness signed has {size} entries")]
    OtherSize {
        /// That size, as the witness states it.
        size: u64,
    },
    /// It says that it signed another size last, and not which.
    #[error("the size in the answer of the witness cannot be read")]
    Size(#[source] SizeError),
    /// It says that it signed, and the signatures cannot be read.
    #[error("the signatures in the answer of the witness cannot be read")]
    Cosignatures(#[source] NoteError),
    /// It refused.
    #[error("the witness answered {status}: {reason}")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// The beginning of what it says, without control characters.
        reason: String,
    },
}
