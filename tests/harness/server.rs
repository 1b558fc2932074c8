//! The real binary as a child process, and a plain HTTP client for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::{Value, json};
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The binary under test.
pub fn provlog() -> Command {
    bare(Command::new(env!("CARGO_BIN_EXE_provlog")))
}

fn bare(mut command: Command) -> Command {
    // Settings in the environment of the user must not affect the tests.
    for (name, _) in std::env::vars() {
        if name.starts_with("PROVLOG_") || name == "FAILPOINTS" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

/// A running server over a data folder.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`, or `https://…` with a certificate.
    pub url: String,
    data: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits for its ready line.
    pub fn start(data: &Path) -> Server {
        Server::start_with(data, &[], &[]).unwrap_or_else(|log| panic!("no start:\n{log}"))
    }

    /// The same with more flags and variables; the error has the log lines if it does not start.
    pub fn start_with(
        data: &Path,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Server, String> {
        let mut command = provlog();
        command.envs(variables.iter().copied());
        Server::launch(command, data, flags)
    }

    /// Starts a server with a limit of open files.
    pub fn start_with_files(data: &Path, files: u32) -> Server {
        let mut command = bare(Command::new("sh"));
        let script = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_provlog")]);
        Server::launch(command, data, &[]).unwrap_or_else(|log| panic!("no start:\n{log}"))
    }

    fn launch(mut command: Command, data: &Path, flags: &[&str]) -> Result<Server, String> {
        let log = data.with_extension("log");
        let lines = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            // By default, tests have the tokens of upstreams beside the data folder.
            .env("PROVLOG_UPSTREAM_SECRETS", data.parent().unwrap())
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(lines)
            .spawn()
            .expect("the binary starts");
        let mut ready = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut ready).expect("stdout can be read");
        match ready.trim_end().strip_prefix("provlog listening on ") {
            Some(url) => Ok(Server { child, url: url.to_owned(), data: data.to_owned(), log }),
            None => {
                let status = child.wait().unwrap();
                Err(format!("{status}\n{}", std::fs::read_to_string(&log).unwrap()))
            }
        }
    }

    /// A client with the first admin token.
    pub fn admin(&self) -> Client {
        let token = std::fs::read_to_string(self.data.join("admin.token")).unwrap();
        Client::new(&self.url, token.trim_end())
    }

    /// Runs a command of ours against this server, with the first admin token.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = provlog();
        command.env("PROVLOG_SERVER", &self.url);
        command.env("PROVLOG_TOKEN_FILE", self.data.join("admin.token"));
        run(command.args(arguments))
    }

    /// A client that provisions into a new application.
    pub fn add_app(&self, slug: &str) -> Client {
        self.add_app_with(slug, json!({}))
    }

    /// The same with settings.
    pub fn add_app_with(&self, slug: &str, settings: Value) -> Client {
        self.add_app_of(slug, "generic", settings)
    }

    /// The same of another profile.
    pub fn add_app_of(&self, slug: &str, profile: &str, settings: Value) -> Client {
        let body = json!({ "application": slug, "profile": profile, "settings": settings });
        let added = self.admin().post("/api/v1/apps", &body);
        assert_eq!(added.status, 201, "{:?}", added.body);
        let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
        Client::new(&text("tenantUrl"), &text("secretToken"))
    }

    /// All log lines so far, over all starts.
    pub fn log_lines(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// How many rows its store has read.
    pub fn rows_read(&self) -> u64 {
        let metrics = self.admin().get("/metrics").text;
        let mut lines = metrics.lines();
        let line = lines.find_map(|line| line.strip_prefix("provlog_rows_read_total "));
        line.expect("the metric is there").parse().unwrap()
    }

    /// The peak memory of the process since [`Server::forget_memory_peak`].
    pub fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib * 1024
    }

    /// Resets the peak to the current memory.
    pub fn forget_memory_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// Kills the process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Sends SIGHUP, so that it reloads its certificate.
    pub fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.log_lines());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer of a server.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    /// The bytes of the body as text.
    pub text: String,
    /// The body, or null when it is no JSON.
    pub body: Value,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The SCIM id of the resource in the answer.
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }
}

/// An HTTP client with a base address and a token. Each client has its own connections.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    pub token: String,
}

impl Client {
    pub fn new(base: &str, token: &str) -> Client {
        Client::with_tls(base, token, TlsConfig::default())
    }

    /// A client that trusts only this certificate.
    pub fn trusting(base: &str, token: &str, certificate: &[u8]) -> Client {
        let certificate = Certificate::from_der(certificate).to_owned();
        let roots = RootCerts::from([certificate]);
        Client::with_tls(base, token, TlsConfig::builder().root_certs(roots).build())
    }

    fn with_tls(base: &str, token: &str, tls: TlsConfig) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // Do not follow redirects.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(std::time::Duration::from_secs(60)))
            .tls_config(tls)
            .build();
        Client { agent: config.into(), base: base.to_owned(), token: token.to_owned() }
    }

    /// Its base address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same address with another token.
    pub fn with_token(&self, token: &str) -> Client {
        Client::new(&self.base, token)
    }

    /// Sends a request; an error if the connection breaks.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/scim+json");
        }
        let mut response = if body.is_empty() {
            self.agent.run(request.body(()).unwrap())?
        } else {
            self.agent.run(request.body(body).unwrap())?
        };
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes)?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// GET of something that is no text: the status and the bytes.
    pub fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        let mut request = Request::builder().uri(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let mut response = self.agent.run(request.body(()).unwrap()).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").unwrap()
    }

    /// GET with parameters.
    pub fn query(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        self.get(&format!("{path}?{}", pairs.collect::<Vec<_>>().join("&")))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body.to_string().as_bytes()).unwrap()
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], body.to_string().as_bytes()).unwrap()
    }

    pub fn patch(&self, path: &str, operations: &Value) -> Answer {
        self.send("PATCH", path, &[], patch(operations).to_string().as_bytes()).unwrap()
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"").unwrap()
    }

    /// Every row of a list, over all its pages.
    pub fn rows(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut next = format!("{path}{separator}limit=1000");
        loop {
            let answer = self.get(&next);
            assert_eq!(answer.status, 200, "{answer:?}");
            rows.extend(answer.body["rows"].as_array().unwrap().iter().cloned());
            match answer.body["next"].as_str() {
                None => return rows,
                Some(cursor) => {
                    next = format!("{path}{separator}limit=1000&cursor={cursor}");
                }
            }
        }
    }
}

/// Percent-encodes a text for a query.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// A PATCH body with these operations.
pub fn patch(operations: &Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

/// A user that can be created.
pub fn user(user_name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
    })
}

/// A Bulk body with these operations.
pub fn bulk(operations: &Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    })
}

/// A group that can be created.
pub fn group(display_name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": display_name,
    })
}
