//! The complete server in this process: its router is called without a socket.

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use event::Clock;
use provlog::run::{Server, ServerConfig};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::Outcome;

/// A server without a socket.
pub struct InProcess {
    /// The server.
    pub server: Server,
    /// The token of the administrator.
    pub admin_token: String,
    router: Router,
}

/// A request with its body, ready to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// `POST`, say.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// The secret token of an application, or of an auditor.
    pub token: String,
    /// The `X-Request-Id`, if any.
    pub request_id: Option<String>,
    /// Empty without a body.
    pub body: Vec<u8>,
}

impl InProcess {
    /// Opens the log of a folder.
    pub async fn open(data: &Path, clock: Clock) -> Outcome<InProcess> {
        let server = Server::open(config(data, clock, "http://audit.example")).await?;
        let router = server.router();
        let admin_token = std::fs::read_to_string(data.join("admin.token"))?.trim_end().to_owned();
        Ok(InProcess { server, admin_token, router })
    }

    /// A clone of the router, for a task.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Adds an application and returns its secret token.
    pub async fn add_application(&self, slug: &str) -> Outcome<String> {
        self.secret("/api/v1/apps", &json!({ "application": slug }), "secretToken").await
    }

    /// Adds a second token to an application.
    pub async fn add_token(&self, slug: &str) -> Outcome<String> {
        self.secret("/api/v1/tokens", &json!({"role": "scim", "application": slug}), "token").await
    }

    async fn secret(&self, path: &str, body: &Value, member: &str) -> Outcome<String> {
        let message = Message {
            method: "POST",
            target: path.to_owned(),
            token: self.admin_token.clone(),
            request_id: None,
            body: body.to_string().into_bytes(),
        };
        let (status, bytes) = send(self.router(), message).await?;
        let answer: Value = serde_json::from_slice(&bytes)?;
        match answer[member].as_str() {
            Some(secret) if status == 201 => Ok(secret.to_owned()),
            _ => Err(format!("{path} answers {status}: {answer}").into()),
        }
    }

    /// Stops in order and closes the store.
    pub async fn close(self) {
        drop(self.router);
        self.server.close().await;
    }
}

/// The configuration of the bench's servers: the defaults of `provlog serve`.
pub fn config(data: &Path, clock: Clock, public_url: &str) -> ServerConfig {
    let (registry, profiles) = scim::Profiles::built_in();
    ServerConfig {
        pages: true,
        master: Default::default(),
        signing: provlog::signing::SigningKeys::default(),
        witnesses: vec![],
        witness_every: std::time::Duration::from_secs(60),
        sign_in: None,
        data: data.to_owned(),
        public_url: public_url.to_owned(),
        trusted_proxies: vec![],
        memtable_bytes: store::Options::default().memtable_bytes,
        registry,
        profiles,
        disk_reserve_bytes: 512 << 20,
        scrub_bytes_per_second: 0,
        clock,
        // The workload lies in the past, or, if the machine's clock is wrong, in the future.
        accept_clock: true,
        clock_ahead_days_max: 365,
        upstream_secrets: None,
        read_back_after: vec![],
    }
}

/// Sends one request and reads the answer: its status and its body.
pub async fn send(router: Router, message: Message) -> Outcome<(u16, Vec<u8>)> {
    let mut request = Request::builder()
        .method(message.method)
        .uri(message.target)
        .header("authorization", format!("Bearer {}", message.token))
        .header("content-type", "application/scim+json")
        .header("user-agent", "bench");
    if let Some(id) = message.request_id {
        request = request.header("x-request-id", id);
    }
    let request = request.body(Body::from(message.body))?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await?;
    Ok((status, bytes.into()))
}
