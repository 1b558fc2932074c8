//! Measures how fast provlog is, and what the hardware allows: everything in one run, each limit in the
//! same rounds.
//!
//! ```sh
//! bench --quick                          # a look, under a minute
//! bench --json 1M.json                   # a million operations over 90 days
//! bench --operations 10M --json 10M.json
//! bench --compare 1M.json 10M.json       # what grows with the number of operations
//! bench --compare old.json               # measures, and shows what became slower since
//! bench --only writes --peers            # beside public SCIM servers and PostgreSQL
//! ```

mod answers;
mod bodies;
mod child;
mod compare;
mod crowd;
mod engine;
mod explanations;
mod figures;
mod folder;
mod in_process;
mod kinds;
mod load;
mod log_pages;
mod machine;
mod pages;
mod peers;
mod play;
mod questions;
mod random;
mod rebuild;
mod restart;
mod rounds;
mod stages;
mod table;
mod workload;
mod writes;
mod yardstick;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use event::Clock;
use store::with_causes;

use crate::child::ChildArguments;
use crate::folder::open_unlocked;
use crate::machine::{Busy, Machine};
use crate::play::Filled;
use crate::table::{Report, Row};
use crate::yardstick::Yardstick;

/// Errors are texts for the user of the bench.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures how fast provlog is.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    child: Option<Child>,
    /// Requests of the workload: 20k, 1M, 10M
    #[arg(long, value_parser = count, default_value = "1M")]
    operations: u64,
    /// A small workload and short rounds
    #[arg(long)]
    quick: bool,
    /// Folder for the stores, on the disk to be measured [default: one in the target folder]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Leave the filled store where it is
    #[arg(long)]
    keep: bool,
    /// Use the store that an earlier run left, when it is the same workload
    #[arg(long)]
    reuse: bool,
    /// Rounds of each measurement
    #[arg(long)]
    rounds: Option<usize>,
    /// Seed of the workload and of everything that is asked
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measurement>,
    /// Write the result here too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also measure public SCIM servers and PostgreSQL, as far as they can be had
    #[arg(long)]
    peers: bool,
    /// Compare this run with an earlier result; with two results, measure nothing
    #[arg(long, num_args = 1..=2, value_names = ["A.json", "B.json"])]
    compare: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum Child {
    /// A server that is measured; started by the bench itself
    #[command(hide = true)]
    ServeChild(ChildArguments),
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Measurement {
    /// Creates over HTTP
    Writes,
    /// Other requests over HTTP
    Kinds,
    /// Creates in process
    Engine,
    /// Rows made anew, bytes on disk
    Rebuild,
    /// Members and users as of a moment
    Questions,
    /// Questions over HTTP, pages of the log
    Answers,
    /// Starts after a stop and after a kill
    Restart,
}

/// How much is measured, and where.
pub struct Plan {
    folder: PathBuf,
    /// Seed of everything.
    pub seed: u64,
    /// Rounds of each measurement.
    pub rounds: usize,
    /// How long a round of load lasts.
    pub round: Duration,
    /// Creates in a round of the engine.
    pub creates: u64,
    /// Operations in a Bulk request.
    pub bulk_operations: usize,
    /// How long a round of one question lasts.
    pub question: Duration,
}

impl Plan {
    /// Where the filled store is.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ran = match (&arguments.child, arguments.compare.as_slice()) {
        (Some(Child::ServeChild(child)), _) => child::run(child),
        (None, [first, second]) => compare::files(first, second).and_then(|text| print(&text)),
        (None, _) => measure(&arguments),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Outcome<()> {
    let earlier = arguments.compare.first().map(|path| compare::read(path)).transpose()?;
    let operations = if arguments.quick { 20_000 } else { arguments.operations };
    let folder = data_folder(arguments.data.as_deref())?;
    std::fs::create_dir_all(&folder)?;
    if machine::in_memory(&folder)? {
        return Err(format!("{} lies in memory: name a folder on a disk", folder.display()).into());
    }
    let machine = Machine::describe(&folder, Clock::System.now().to_string())?;
    let plan = Plan {
        folder,
        seed: arguments.seed,
        rounds: arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 5 }),
        round: Duration::from_millis(if arguments.quick { 700 } else { 3_000 }),
        creates: if arguments.quick { 10_000 } else { 50_000 },
        bulk_operations: if arguments.quick { 100 } else { 1_000 },
        question: Duration::from_millis(if arguments.quick { 50 } else { 300 }),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let filled = filled(&plan, arguments, operations, &runtime)?;

    let busy = Busy::now()?;
    let mut yardstick = Yardstick::default();
    let mut wanted = |which, what| {
        let wanted = arguments.only.is_empty() || arguments.only.contains(&which);
        if wanted {
            tell(what);
            yardstick.take();
        }
        wanted
    };
    let mut rows = vec![Row::new(
        "the workload's own requests, in process",
        "/s",
        &[filled.operations as f64 / filled.seconds],
    )];
    if wanted(Measurement::Writes, "creates over HTTP") {
        rows.extend(writes::measure(&plan, &filled)?);
    }
    if wanted(Measurement::Kinds, "other requests over HTTP") {
        rows.extend(kinds::measure(&plan, &filled, &runtime)?);
    }
    if wanted(Measurement::Engine, "creates in process") {
        rows.extend(runtime.block_on(engine::measure(&plan, &filled))?);
    }
    if wanted(Measurement::Rebuild, "rebuild") {
        rows.extend(rebuild::measure(&plan)?);
    }
    if wanted(Measurement::Questions, "questions") {
        rows.extend(questions::measure(&plan, &filled)?);
    }
    if wanted(Measurement::Answers, "questions over HTTP") {
        rows.extend(answers::measure(&plan, &filled, &runtime)?);
    }
    if wanted(Measurement::Restart, "restart") {
        rows.extend(restart::measure(&plan, &filled)?);
    }
    if arguments.peers {
        tell("peers");
        rows.extend(peers::measure(&plan, &filled)?);
    }
    rows.push(yardstick.row());

    let report = Report {
        machine,
        operations: filled.operations,
        seed: plan.seed,
        others_percent: busy.others_percent()?,
        rows,
    };
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    print(&report.text())?;
    if let Some(earlier) = earlier {
        print(&format!("\n{}", compare::text(&earlier, &report)))?;
    }
    if arguments.keep || arguments.reuse {
        tell(&format!("nothing more; the filled store is left in {}", plan.folder.display()));
        return Ok(());
    }
    remove(&plan.folder)
}

/// Tells on standard error what is measured now.
pub fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "measuring: {what}");
}

fn print(text: &str) -> Outcome<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// The filled store of an earlier run, or a new one; compacted.
fn filled(
    plan: &Plan,
    arguments: &Arguments,
    operations: u64,
    runtime: &tokio::runtime::Runtime,
) -> Outcome<Filled> {
    if arguments.reuse
        && let Some(filled) = Filled::read(&plan.folder)?
    {
        if filled.seed == plan.seed && filled.operations / 10 == operations / 10 {
            // Its rows may have an earlier fold version.
            let store = open_unlocked(&plan.store())?;
            projector::catch_up(&store, |_, _| ())?;
            store.compact()?;
            return Ok(filled);
        }
        return Err("the folder holds another workload; name another with --data".into());
    }
    if plan.store().exists() {
        return Err(format!(
            "{} is there already: --reuse it, or name another folder with --data",
            plan.store().display()
        )
        .into());
    }
    let filled = runtime.block_on(play::fill(&plan.folder, operations, plan.seed))?;
    let store = open_unlocked(&plan.store())?;
    store.compact()?;
    let rows_end = store.snapshot().watermark()?.map(|(next, _)| next);
    if rows_end != Some(store.log_size()?) {
        return Err("the rows do not stand at the log's end".into());
    }
    Ok(filled)
}

/// Removes only what the bench created in the folder.
fn remove(folder: &Path) -> Outcome<()> {
    Filled::remove(folder)?;
    std::fs::remove_dir_all(folder.join("store"))?;
    let _ = std::fs::remove_dir(folder); // stays when something else is in it
    Ok(())
}

/// A folder for this process in the target folder, which is normally on a disk.
fn data_folder(given: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).ok_or("no target folder")?;
    Ok(target.join(format!("bench-{}", std::process::id())))
}

/// A count such as 20k, 1M or 1500.
fn count(text: &str) -> Result<u64, String> {
    let (digits, times) = match text.strip_suffix(['k', 'M']) {
        Some(digits) if text.ends_with('k') => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
        None => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| "it must look like 20k, 1M or 1500")?;
    let number = number.checked_mul(times).filter(|number| *number >= 5_000);
    number.ok_or_else(|| "the workload needs 5k operations at least".to_owned())
}
