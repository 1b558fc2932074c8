//! Servers in child processes, each pinned to one core: provlog, and a handler that does nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use event::Clock;
use provlog::listen;
use provlog::run::Server;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::load::Target;
use crate::{Outcome, in_process, machine};

/// What a child serves.
#[derive(clap::Args, Clone, Debug)]
pub struct ChildArguments {
    /// Folder of the log; without one, a handler that does nothing
    #[arg(long)]
    data: Option<PathBuf>,
    /// The core that the process has for itself
    #[arg(long)]
    core: usize,
}

/// The main function of a child process: serves until its standard input ends.
pub fn run(arguments: &ChildArguments) -> Outcome<()> {
    machine::pin(arguments.core)?;
    // Created after pinning, so that it starts as many threads as one core needs.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            drop(stop);
        });
        let shutdown = async {
            let _ = stopped.await;
        };
        let ready = || writeln!(std::io::stdout(), "{address}");
        match &arguments.data {
            Some(data) => {
                let config = in_process::config(data, Clock::System, &format!("http://{address}"));
                let server = Server::open(config).await?;
                ready()?;
                server.serve(listener, None, shutdown).await;
            }
            None => {
                ready()?;
                let empty = async |_body: Bytes| StatusCode::NO_CONTENT;
                let router = Router::new().route("/", post(empty));
                let drain_max = Duration::from_secs(1);
                let serving = listen::Serving::new(router, Clock::System);
                listen::serve(listener, serving, shutdown, drain_max).await;
            }
        }
        Ok(())
    })
}

/// A child process that serves. It is killed when dropped.
pub struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    /// Starts a server over the log of a folder; without one, the handler that does nothing.
    pub fn start(data: Option<&Path>, core: usize) -> Outcome<Serving> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve-child", "--core", &core.to_string()]);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("a child without standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        match line.trim_end().parse() {
            Ok(address) => Ok(Serving { child, address }),
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                Err("a server did not start; see above".into())
            }
        }
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What the load is sent to.
    pub fn target(&self) -> Target {
        Target { address: self.address, process: self.process() }
    }

    /// Its metrics, as text.
    pub fn metrics(&self) -> Outcome<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Stops it in order.
    pub fn stop(mut self) -> Outcome<()> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }

    /// Kills it: nothing is flushed, nothing is recorded.
    pub fn kill(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
