//! PostgreSQL as Debian packages it, with its own settings but for the address: one row of the same
//! bytes in each transaction, committed to disk, and a unique name as an account has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{CONNECTIONS, Peer, free_port, on_core};
use crate::folder::Copy;
use crate::load::LoadResult;
use crate::{Outcome, bodies};

/// Where Debian keeps the commands, by version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// It refuses to run as root, so root runs it as the user of Debian's package.
const USER: &str = "postgres";

struct Postgres {
    commands: PathBuf,
    folder: Copy,
    port: u16,
    as_root: bool,
    runs: usize,
}

/// Makes a cluster beside the store and starts it.
pub fn start(beside: &Path, core: usize) -> Outcome<Box<dyn Peer>> {
    let mut versions: Vec<PathBuf> = fs::read_dir(VERSIONS)
        .map_err(|_| "it is not installed (apt-get install postgresql)")?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| ["initdb", "pgbench"].iter().all(|one| bin.join(one).exists()))
        .collect();
    versions.sort();
    let commands = versions.pop().ok_or("it is not installed (apt-get install postgresql)")?;
    let folder = Copy::fresh(&fs::canonicalize(beside)?, "postgres")?;
    fs::create_dir_all(folder.path())?;
    let as_root = rustix::process::geteuid().is_root();
    let peer = Postgres { commands, folder, port: free_port()?, as_root, runs: 0 };
    if as_root {
        done(Command::new("chown").arg(USER).arg(peer.folder.path()))?;
    }
    let data = peer.folder.path().join("data");
    done(peer.command("initdb").args(["--auth=trust", "--username=postgres", "-D"]).arg(&data))?;
    let options =
        format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", peer.port);
    on_core(core, || {
        let mut control = peer.command("pg_ctl");
        control.args(["start", "--wait", "--silent", "--options", &options, "-D"]).arg(&data);
        done(control.arg("--log").arg(peer.folder.path().join("log")))
    })?;
    // pgbench would take the colons of a body for variables, so the body is the column's default.
    let body = bodies::user(0).replace('\'', "''");
    let table = format!(
        "CREATE TABLE events (seq bigserial PRIMARY KEY, recorded_at timestamptz NOT NULL DEFAULT now(), \
         user_name text NOT NULL UNIQUE, body text NOT NULL DEFAULT '{body}')"
    );
    done(peer.client("psql").args(["--quiet", "--command", &table, "postgres"]))?;
    let insert = "\\set n random(1, 9000000000000000)\n\
                  INSERT INTO events (user_name) VALUES ('load.' || :n::bigint || '@northwind.test');\n";
    fs::write(peer.folder.path().join("insert.sql"), insert)?;
    Ok(Box::new(peer))
}

impl Postgres {
    /// One of its commands, run by a user that it accepts.
    fn command(&self, name: &str) -> Command {
        let program = self.commands.join(name);
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }

    fn client(&self, name: &str) -> Command {
        let mut command = self.command(name);
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        command
    }
}

impl Peer for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn note(&self) -> &'static str {
        "which commits one row each, without any meaning"
    }

    fn write(&mut self, duration: Duration, core: usize) -> Outcome<LoadResult> {
        self.runs += 1;
        let prefix = self.folder.path().join(format!("run-{}", self.runs));
        let seconds = duration.as_secs().max(1).to_string();
        let clients = CONNECTIONS.to_string();
        on_core(core, || {
            let mut bench = self.client("pgbench");
            bench.args(["--no-vacuum", "--protocol=prepared", "--client", &clients]);
            bench.args(["--time", &seconds, "--log", "--log-prefix"]).arg(&prefix);
            done(bench.arg("--file").arg(self.folder.path().join("insert.sql")).arg("postgres"))
        })?;
        let (mut latencies_ns, mut ended_us) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.to_string_lossy().starts_with(&format!("{}.", prefix.display())) {
                for line in fs::read_to_string(path)?.lines() {
                    let (latency_us, end_us) = transaction(line).ok_or("an odd line of pgbench")?;
                    latencies_ns.push(latency_us * 1_000);
                    ended_us.push(end_us);
                }
            }
        }
        let first = ended_us.iter().min().zip(ended_us.iter().max());
        let seconds = first.map_or(1.0, |(first, last)| (last - first) as f64 / 1e6);
        Ok(LoadResult { latencies_ns, seconds, ..LoadResult::default() })
    }
}

/// How long a transaction took, and when it ended, in microseconds.
fn transaction(line: &str) -> Option<(u64, u64)> {
    // client, number, duration, script, seconds, microseconds
    let fields: Vec<u64> = line.split(' ').map_while(|field| field.parse().ok()).collect();
    let [_, _, took_us, _, seconds, microseconds, ..] = fields[..] else { return None };
    Some((took_us, seconds * 1_000_000 + microseconds))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let mut control = self.command("pg_ctl");
        let _ = done(control.args(["stop", "--silent", "--mode=immediate", "-D"]).arg(data));
    }
}

/// Runs a command that must succeed.
fn done(command: &mut Command) -> Outcome<()> {
    // A server that it starts would keep a pipe open, so what it says goes to a file.
    let said = tempfile::tempfile()?;
    let (out, error) = (said.try_clone()?, said.try_clone()?);
    let status = command.stdin(Stdio::null()).stdout(out).stderr(error).status()?;
    if status.success() {
        return Ok(());
    }
    let mut said = said;
    let mut text = String::new();
    std::io::Seek::rewind(&mut said)?;
    std::io::Read::read_to_string(&mut said, &mut text)?;
    let program = command.get_args().map(|one| one.to_string_lossy()).find(|one| one.contains('/'));
    let last = text.lines().last().unwrap_or("it failed");
    Err(format!("{}: {last}", program.unwrap_or_default()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_pgbench_tells_how_long_a_transaction_took() {
        assert_eq!(
            transaction("0 199 2241 0 1175850568 995598"),
            Some((2_241, 1_175_850_568_995_598))
        );
        assert_eq!(transaction("0 199"), None);
    }
}
