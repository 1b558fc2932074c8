//! Calls to an identity provider.

use std::io::Read;
use std::sync::Arc;

use query::sign_in::{CALL_MAX, Call, Settings, SignIn};
use store::with_causes;
use tokio::task::spawn_blocking;

/// Signing in with the provider of these settings.
pub(super) fn sign_in(settings: Settings) -> SignIn {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(CALL_MAX))
        // Where a secret goes is written in the discovery document, and nowhere else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .accept_encoding("identity");
    let agent = match settings.issuer.starts_with("http://") {
        // What may go without TLS stays on this machine.
        true => agent.proxy(None),
        false => agent,
    };
    let agent = ureq::Agent::from(agent.build());
    let call = move |call| {
        let agent = agent.clone();
        let called = spawn_blocking(move || answer(&agent, &call));
        Box::pin(async { called.await.map_err(|_| "the call failed".to_owned())? }) as _
    };
    SignIn::new(settings, Arc::new(call))
}

/// The body of an answer; what went wrong repeats nothing of it.
fn answer(agent: &ureq::Agent, call: &Call) -> Result<Vec<u8>, String> {
    let sent = match &call.form {
        None => agent.get(&call.url).header("Accept", "application/json").call(),
        Some(form) => {
            let mut request = agent.post(&call.url).header("Accept", "application/json");
            if let Some(authorization) = &call.authorization {
                request = request.header("Authorization", authorization);
            }
            let form = form.as_bytes();
            request.header("Content-Type", "application/x-www-form-urlencoded").send(form)
        }
    };
    let failed = |error: ureq::Error| {
        let words = with_causes(&error);
        tracing::warn!(error = words, "a call to the identity provider failed");
        "its server cannot be reached".to_owned()
    };
    let mut response = sent.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        tracing::warn!(%status, "the identity provider refused a call");
        return Err(format!("it answered {status}"));
    }
    // ureq's own limit is one of the bytes that arrive, before they are decoded.
    let mut answer = vec![];
    let body = response.body_mut().as_reader();
    match body.take(call.answer_bytes_max + 1).read_to_end(&mut answer) {
        Err(error) => Err(failed(error.into())),
        Ok(_) if answer.len() as u64 > call.answer_bytes_max => {
            Err(format!("its answer is longer than {} bytes", call.answer_bytes_max))
        }
        Ok(_) => Ok(answer),
    }
}
