//! Commands on a data folder that no server has open.

use std::io::{IsTerminal, Write};
use std::path::Path;

use event::Seq;
use store::{Options, Store};

use crate::cli::{Failure, with_causes};
use crate::output::Output;

/// Brings the rows to the log's end and prints their digest.
pub(crate) fn digest(data: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let store = open(data)?;
    projector::catch_up(&store, progress()).map_err(failed)?;
    let digest = store::digest(&store.snapshot()).map_err(failed)?;
    output.print(&format!("{}\n", hex(&digest)))
}

/// Makes the rows anew and compares them with those that were there.
pub(crate) fn rebuild(data: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let store = open(data)?;
    let rebuilt = projector::rebuild(&store, progress()).map_err(failed)?;
    let rate = rebuilt.events as f64 / rebuilt.seconds.max(1e-9);
    let (before, after) = (hex(&rebuilt.digest_before), hex(&rebuilt.digest_after));
    output.print(&format!(
        "events         {}\nevents/s       {rate:.0}\ndigest before  {before}\ndigest after   {after}\n",
        rebuilt.events
    ))?;
    if !rebuilt.same_fold {
        return output.print("The rows were of another fold version; they are made anew.\n");
    }
    if before != after {
        return Err(Failure::Failed(
            "the rows were not what the log says; they are made anew now. \
             Keep a copy of the folder and report this"
                .to_owned(),
        ));
    }
    output.print("The rows were exactly what the log says.\n")
}

fn open(data: &Path) -> Result<Store, Failure> {
    Store::open_existing(data, &Options::default()).map_err(failed)
}

fn failed(error: impl std::error::Error) -> Failure {
    Failure::Failed(with_causes(&error))
}

/// Shows how far the folding is, on a terminal.
fn progress() -> impl FnMut(Seq, Seq) {
    let shown = std::io::stderr().is_terminal();
    move |reached, size| {
        if shown {
            let end = if reached == size { "\n" } else { "" };
            let _ = write!(std::io::stderr(), "\r{reached} of {size} events{end}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
