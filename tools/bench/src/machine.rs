//! The machine: its description, pinning to cores, and processor time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use event::Stopwatch;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Where the numbers were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// The kernel's release.
    pub kernel: String,
    /// Device and file system of the data.
    pub disk: String,
    /// When the measurement began.
    pub date: String,
}

impl Machine {
    /// Describes the machine and the disk under a folder.
    pub fn describe(folder: &Path, date: String) -> Outcome<Machine> {
        let info = fs::read_to_string("/proc/cpuinfo")?;
        let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Machine {
            cores: std::thread::available_parallelism()?.get(),
            processor: name.map_or("unknown", |(_, name)| name).to_owned(),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            disk: disk(folder)?,
            date,
        })
    }
}

/// Device and file system of a folder, from the longest mount point above it.
fn disk(folder: &Path) -> Outcome<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mut found = (PathBuf::new(), "unknown".to_owned());
    for mount in mounts.lines() {
        let mut fields = mount.split(' ');
        let (Some(device), Some(point), Some(kind)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let point = Path::new(point);
        if folder.starts_with(point) && point.as_os_str().len() >= found.0.as_os_str().len() {
            found = (point.to_owned(), format!("{device} ({kind})"));
        }
    }
    Ok(found.1)
}

/// Whether a folder is in memory, where syncing is meaningless.
pub fn in_memory(folder: &Path) -> Outcome<bool> {
    let disk = disk(folder)?;
    Ok(disk.contains("(tmpfs)") || disk.contains("(ramfs)"))
}

/// Pins the calling thread, and the threads that it starts, to one core.
pub fn pin(core: usize) -> Outcome<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)?;
    Ok(())
}

/// The cores for the server and for the load: different ones if there are two.
pub fn cores() -> Outcome<(usize, usize)> {
    let available = std::thread::available_parallelism()?.get();
    Ok((0, usize::from(available > 1)))
}

/// The peak memory of a process, in bytes.
pub fn memory_peak_bytes(process: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmHWM")?;
    Ok(kib.trim().parse::<u64>()? << 10)
}

/// The seconds of processor time that a process has taken so far.
pub fn process_cpu_seconds(process: u32) -> Outcome<f64> {
    cpu_seconds(format!("/proc/{process}/stat"))
}

/// The seconds of processor time that the calling thread has taken so far.
pub fn thread_cpu_seconds() -> Outcome<f64> {
    cpu_seconds("/proc/thread-self/stat")
}

/// The seconds of processor time of a process's threads, by their names.
pub fn cpu_seconds_by_thread(process: u32) -> Outcome<BTreeMap<String, f64>> {
    let mut seconds = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let folder = thread?.path();
        let stat = folder.join("stat");
        // A thread may have ended meanwhile.
        if let (Ok(name), Ok(spent)) = (fs::read_to_string(folder.join("comm")), cpu_seconds(&stat))
        {
            *seconds.entry(name.trim_end().to_owned()).or_default() += spent;
        }
    }
    Ok(seconds)
}

fn cpu_seconds(path: impl AsRef<Path>) -> Outcome<f64> {
    Ok(stat_ticks(path.as_ref(), 2)? as f64 / ticks_per_second())
}

/// The sum of the first `count` of: user time, system time, and both for waited-for children.
fn stat_ticks(path: &Path, count: usize) -> Outcome<u64> {
    let stat = fs::read_to_string(path)?;
    // The program's name is in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields in stat")?;
    let ticks = fields.split(' ').skip(11).take(count).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()?)
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// The processor time of the machine at one time.
pub struct Busy {
    watch: Stopwatch,
    all_ticks: u64,
    own_ticks: u64,
}

impl Busy {
    /// The current values.
    pub fn now() -> Outcome<Busy> {
        let stat = fs::read_to_string("/proc/stat")?;
        let fields = stat.lines().next().and_then(|line| line.strip_prefix("cpu "));
        let fields: Vec<u64> =
            fields.ok_or("no cpu line")?.split_whitespace().flat_map(str::parse).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
        let busy = fields.iter().take(8).enumerate().filter(|(place, _)| !matches!(place, 3 | 4));
        Ok(Busy {
            watch: Stopwatch::start(),
            all_ticks: busy.map(|(_, ticks)| ticks).sum(),
            own_ticks: stat_ticks(Path::new("/proc/self/stat"), 4)?,
        })
    }

    /// The share of all cores that other processes used since then, in percent.
    pub fn others_percent(&self) -> Outcome<f64> {
        let now = Busy::now()?;
        let own = now.own_ticks.saturating_sub(self.own_ticks);
        let others = now.all_ticks.saturating_sub(self.all_ticks).saturating_sub(own);
        let cores = std::thread::available_parallelism()?.get() as f64;
        let whole = self.watch.elapsed().as_secs_f64() * ticks_per_second() * cores;
        Ok(others as f64 / whole * 100.0)
    }
}
