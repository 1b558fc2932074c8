//! Public SCIM servers, at the versions that the tests of conformance pin.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{CONNECTIONS, Peer, free_port, on_core};
use crate::Outcome;
use crate::load::{self, LoadResult, Requests, Target};

/// A SCIM server in a process of its own.
struct ScimServer {
    name: &'static str,
    note: &'static str,
    child: Child,
    address: SocketAddr,
    connections: usize,
    requests: Requests,
}

impl Peer for ScimServer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn note(&self) -> &'static str {
        self.note
    }

    fn write(&mut self, duration: Duration, core: usize) -> Outcome<LoadResult> {
        let target = Target { address: self.address, process: self.child.id() };
        load::run(target, self.connections, duration, core, &mut self.requests)
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SCIMMY's routers on Express, from npm.
pub fn scimmy(core: usize) -> Outcome<Box<dyn Peer>> {
    let modules = installed("node", "scimmy")?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/scimmy.cjs");
    let mut child = on_core(core, || {
        let mut node = Command::new("node");
        node.arg(program).env("NODE_PATH", modules).env("NODE_ENV", "production");
        Ok(node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
    })?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let Ok(address) = line.trim_end().parse() else {
        let _ = child.kill();
        child.wait()?;
        return Err("it did not start".into());
    };
    Ok(Box::new(ScimServer {
        name: "SCIMMY's routers",
        note: "which keep nothing on disk",
        child,
        address,
        connections: CONNECTIONS,
        requests: Requests::creates("/scim/Users", "any", 0),
    }))
}

/// scim2-server from PyPI.
pub fn scim2_server(core: usize) -> Outcome<Box<dyn Peer>> {
    let commands = installed("venv", "scim2-server")?;
    // It does not support port 0.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let mut child = on_core(core, || {
        let mut server = Command::new(commands.join("scim2-server"));
        server.args(["--port", &address.port().to_string()]);
        Ok(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    })?;
    while TcpStream::connect(address).is_err() {
        if child.try_wait()?.is_some() {
            return Err("it did not start".into());
        }
        std::thread::yield_now();
    }
    Ok(Box::new(ScimServer {
        name: "scim2-server",
        note: "which keeps nothing on disk and closes each connection; 4 at a time",
        child,
        address,
        // It answers one after the other, and few connections may wait.
        connections: 4,
        requests: Requests::creates("/v2/Users", "any", 0),
    }))
}

/// The folder of what a script of the tests of conformance installs.
fn installed(script: &str, name: &str) -> Outcome<PathBuf> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let output = Command::new(scripts.join(script)).arg(name).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it cannot be installed").to_owned().into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim_end()))
}
