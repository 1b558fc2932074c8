//! The machine: what it is, on which core something runs, what a process took of it.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Serialize;

use crate::Outcome;

/// Where the numbers were measured.
#[derive(Clone, Debug, Serialize)]
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

/// Whether a folder lies in memory, where a sync means nothing.
pub fn in_memory(folder: &Path) -> Outcome<bool> {
    let disk = disk(folder)?;
    Ok(disk.contains("(tmpfs)") || disk.contains("(ramfs)"))
}

/// Keeps the calling thread, and the threads that it starts, on one core.
pub fn pin(core: usize) -> Outcome<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)?;
    Ok(())
}

/// The cores for the server and for the load: different ones where there are two.
pub fn cores() -> Outcome<(usize, usize)> {
    let available = std::thread::available_parallelism()?.get();
    Ok((0, usize::from(available > 1)))
}

/// The most memory that a process had so far, in bytes.
pub fn memory_peak_bytes(process: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmHWM")?;
    Ok(kib.trim().parse::<u64>()? << 10)
}

/// The seconds of processor time that a process has taken so far.
pub fn process_cpu_seconds(process: u32) -> Outcome<f64> {
    cpu_seconds(&format!("/proc/{process}/stat"))
}

/// The seconds of processor time that the calling thread has taken so far.
pub fn thread_cpu_seconds() -> Outcome<f64> {
    cpu_seconds("/proc/thread-self/stat")
}

fn cpu_seconds(path: &str) -> Outcome<f64> {
    let stat = fs::read_to_string(path)?;
    // The name of the program stands in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields in stat")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next().ok_or("no user time")?.parse()?;
    let system: u64 = fields.next().ok_or("no system time")?.parse()?;
    Ok((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}
