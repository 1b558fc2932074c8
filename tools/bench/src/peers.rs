//! Other software under the same load in the same minutes: public SCIM servers, and PostgreSQL. What
//! cannot be had on this machine is said and left out.

mod postgres;
mod scim;

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use crate::child::Serving;
use crate::folder::Copy;
use crate::load::{self, LoadResult, Requests};
use crate::play::Filled;
use crate::rounds::Rounds;
use crate::table::Row;
use crate::{Outcome, Plan, machine, tell};

/// Concurrent connections.
const CONNECTIONS: usize = 64;

/// Other software that is running. It ends when dropped.
trait Peer {
    /// What it is.
    fn name(&self) -> &'static str;
    /// What has to be known to compare it.
    fn note(&self) -> &'static str;
    /// Writes as fast as it can for some time.
    fn write(&mut self, duration: Duration, core: usize) -> Outcome<LoadResult>;
}

/// Measures on a copy of the filled store. Each peer has the core that the server has.
pub fn measure(plan: &Plan, filled: &Filled) -> Outcome<Vec<Row>> {
    let (server_core, load_core) = machine::cores()?;
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for (name, started) in [
        ("SCIMMY's routers", scim::scimmy(server_core)),
        ("scim2-server", scim::scim2_server(server_core)),
        ("PostgreSQL", postgres::start(&plan.store(), server_core)),
    ] {
        match started {
            Ok(peer) => peers.push(peer),
            Err(error) => tell(&format!("without {name}: {error}")),
        }
    }
    let copy = Copy::of(&plan.store(), "peers")?;
    let provlog = Serving::start(Some(copy.path()), server_core)?;
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let mut creates = Requests::creates(&format!("/apps/{slug}/scim/v2/Users"), token, 0);
    let mut own = Rounds::default();
    let mut others: Vec<Rounds> = peers.iter().map(|_| Rounds::default()).collect();
    for _ in 0..plan.rounds {
        let target = provlog.target();
        own.add(load::run(target, CONNECTIONS, plan.round, load_core, &mut creates)?);
        for (peer, rounds) in peers.iter_mut().zip(&mut others) {
            let written = peer.write(plan.round, load_core);
            rounds.add(written.map_err(|error| format!("{}: {error}", peer.name()))?);
        }
    }
    provlog.stop()?;
    let mut rows = Vec::new();
    for (peer, rounds) in peers.iter().zip(&others) {
        let name = peer.name();
        let row = Row::new(format!("creates at 64 beside {name}"), "/s", &own.rate);
        rows.push(row.on(peer.note()).beside(name, &rounds.rate));
        rows.push(
            Row::new(format!("creates at 64 beside {name}, p99"), "ms", &own.p99_ms)
                .beside(name, &rounds.p99_ms),
        );
    }
    Ok(rows)
}

/// A port that is free now, and most likely in a moment.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Runs something whose processes are to have one core.
fn on_core<T: Send>(core: usize, run: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| {
            machine::pin(core)?;
            run()
        });
        ran.join().map_err(|_| "it panicked")?
    })
}
