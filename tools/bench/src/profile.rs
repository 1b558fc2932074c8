//! Where the instructions of a create go: valgrind counts them, also on a machine without counters.
//! Two runs of different length are compared, so that opening and closing the store cancel out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use event::Clock;

use crate::callgrind::Counts;
use crate::folder::Copy;
use crate::in_process::InProcess;
use crate::play::Filled;
use crate::table::Row;
use crate::{Outcome, Plan, engine, tell};

/// Creates of the two runs. Fifty times as slow as without counting.
const CREATES: [u64; 2] = [500, 2_500];

/// What a child does that is counted.
#[derive(clap::Args, Clone, Debug)]
pub struct ProfileArguments {
    /// Folder of the log
    #[arg(long)]
    data: PathBuf,
    /// Address of the application's users
    #[arg(long)]
    target: String,
    /// Its token
    #[arg(long)]
    token: String,
    /// The number of the first create
    #[arg(long)]
    begin: u64,
    /// Creates
    #[arg(long)]
    creates: u64,
}

/// The main function of the child: creates in process, then an orderly end.
pub fn run(arguments: &ProfileArguments) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let open = InProcess::open(&arguments.data, Clock::System).await?;
        let ProfileArguments { target, token, begin, creates, .. } = arguments;
        engine::creates(&open, target, token, *begin, *creates).await?;
        open.close().await;
        Ok(())
    })
}

/// Counts on copies of the filled store.
pub fn measure(plan: &Plan, filled: &Filled) -> Outcome<Vec<Row>> {
    let [short, long] = CREATES;
    let (Some(few), Some(many)) = (count(plan, filled, short)?, count(plan, filled, long)?) else {
        tell("no instructions: valgrind is not installed (apt-get install valgrind)");
        return Ok(vec![]);
    };
    let mut rows = Vec::new();
    for (stage, instructions) in many.by_stage() {
        let before = few.by_stage().into_iter().find(|(other, _)| *other == stage);
        let more = instructions - before.map_or(0.0, |(_, instructions)| instructions);
        let thousands = more / (long - short) as f64 / 1e3;
        rows.push(Row::new(format!("instructions of a create: {stage}"), "k", &[thousands]));
    }
    let whole = rows.iter().map(|row| row.value).sum();
    rows.push(Row::new("instructions of a create", "k", &[whole]));
    Ok(rows)
}

/// The instructions of a run, by function; `None` if there is no valgrind.
fn count(plan: &Plan, filled: &Filled, creates: u64) -> Outcome<Option<Counts>> {
    let copy = Copy::of(&plan.store(), "profile")?;
    let counts = copy.path().join("callgrind.out");
    let (slug, token) = filled.applications.first().ok_or("no application")?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe()?)
        .args(["profile-child", "--begin", "0", "--token", token])
        .args(["--target", &format!("/apps/{slug}/scim/v2/Users")])
        .args(["--creates", &creates.to_string()])
        .arg("--data")
        .arg(copy.path());
    let status = match command.stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) => status,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !status.success() {
        return Err("the creates under valgrind failed; see above".into());
    }
    read(&counts).map(Some)
}

fn read(path: &Path) -> Outcome<Counts> {
    // Names of functions may hold any byte.
    Ok(Counts::read(&String::from_utf8_lossy(&std::fs::read(path)?)))
}
