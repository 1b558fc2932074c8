//! Where the master key comes from: a file, the environment, or a command that prints it.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sealing::{MASTER_TEXT_BYTES_MAX, MasterKey, MasterTextError, RandomError};
use zeroize::Zeroizing;

use crate::disk::{OTHERS, careful};

/// Where to read the master key.
#[derive(Clone)]
pub enum MasterSource {
    /// A file that nobody but its owner may read; a link to one is followed, because mounted secrets are
    /// links.
    File(PathBuf),
    /// The text itself, as an environment variable holds it.
    Text(Zeroizing<String>),
    /// A command that prints the text, such as the client of a key management service. It is started without a
    /// shell, with our environment, without input; what it says on its error output goes to ours.
    Command {
        /// The program.
        program: OsString,
        /// Its arguments.
        arguments: Vec<OsString>,
        /// After this time it is killed, with all that it started.
        time_max: Duration,
    },
}

/// Without the text, and without arguments, which may be secret.
impl fmt::Debug for MasterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MasterSource::File(path) => write!(f, "File({})", path.display()),
            MasterSource::Text(_) => f.write_str("Text(…)"),
            MasterSource::Command { program, .. } => write!(f, "Command({}, …)", program.display()),
        }
    }
}

/// Why there is no master key. No message quotes what was read.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// The operating system refuses something.
    #[error("cannot {attempt} the master key in {}", path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("the master key {} is not a plain file", path.display())]
    NotPlain {
        /// Which.
        path: PathBuf,
    },
    /// Others may access it.
    #[error(
        "the master key in {} can be accessed by other users (mode {mode:04o}): run `chmod 600 {}`, and \
         make a new one if they may have read it", path.display(), path.display()
    )]
    NotPrivate {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is none, although keys are wrapped by it.
    #[error(
        "the master key in {} is missing, although there are keys that it wraps: restore it, or say where \
         it is", path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A new one cannot be made.
    #[error("cannot make a master key")]
    Random(#[from] RandomError),
    /// What was read is no master key.
    #[error("{origin} gives no master key: restore the right one")]
    Text {
        /// From where it was read.
        origin: String,
        /// What is wrong with it.
        #[source]
        source: MasterTextError,
    },
    /// What was read is not UTF-8.
    #[error("{origin} gives no master key, because it is not UTF-8 text: restore the right one")]
    NotText {
        /// From where it was read.
        origin: String,
    },
    /// The command does not start, or its output cannot be read.
    #[error("cannot run the command for the master key, {program}")]
    Command {
        /// The program.
        program: String,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The command fails.
    #[error("the command for the master key, {program}, failed ({status})")]
    Status {
        /// The program.
        program: String,
        /// How it ended, in words.
        status: String,
    },
    /// The command does not end in time.
    #[error("the command for the master key, {program}, did not end within {} s and was killed", time_max.as_secs_f32())]
    Time {
        /// The program.
        program: String,
        /// How long it may take.
        time_max: Duration,
    },
}

impl MasterSource {
    /// Reads the master key. Reads no more than a master key can be long.
    ///
    /// # Errors
    /// [`MasterError`], see there.
    pub fn read(&self) -> Result<MasterKey, MasterError> {
        match self {
            MasterSource::File(path) => match read_file(path)? {
                Some(key) => Ok(key),
                None => Err(MasterError::File {
                    attempt: "read",
                    path: path.clone(),
                    source: io::ErrorKind::NotFound.into(),
                }),
            },
            MasterSource::Text(text) => parse(text.as_bytes(), || "the environment".to_owned()),
            MasterSource::Command { program, arguments, time_max } => {
                run(program, arguments, *time_max)
            }
        }
    }
}

/// The master key in a file of our own. If there is none and `may_make`, a new one is made, which only its
/// owner may read, and synced. `may_make` is to be whether there are no keys yet
/// ([`holds_keys`](crate::holds_keys)).
///
/// # Errors
/// [`MasterError::Missing`], and as for [`MasterSource::File`].
pub fn own_master_key(path: &Path, may_make: bool) -> Result<MasterKey, MasterError> {
    if let Some(key) = read_file(path)? {
        return Ok(key);
    }
    if !may_make {
        return Err(MasterError::Missing { path: path.to_owned() });
    }
    let key = MasterKey::random()?;
    let mut text = key.to_text();
    text.push('\n');
    let part = path.with_extension("part");
    let written = (|| {
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = careful().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all_at(text.as_bytes(), 0)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    })();
    match written {
        Ok(()) => Ok(key),
        Err(source) => Err(MasterError::File { attempt: "write", path: path.to_owned(), source }),
    }
}

fn parse(bytes: &[u8], origin: impl Fn() -> String) -> Result<MasterKey, MasterError> {
    if bytes.len() > MASTER_TEXT_BYTES_MAX {
        return Err(MasterError::Text { origin: origin(), source: MasterTextError::TooLong });
    }
    let text = str::from_utf8(bytes).map_err(|_| MasterError::NotText { origin: origin() })?;
    MasterKey::parse(text).map_err(|source| MasterError::Text { origin: origin(), source })
}

/// No more than one byte above the longest text.
fn bounded(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let end = MASTER_TEXT_BYTES_MAX + 1;
    // With room for what `read_to_end` probes, so that the bytes are never moved.
    let mut bytes = Zeroizing::new(Vec::with_capacity(end + 64));
    from.take(end as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `None` if there is no such file.
fn read_file(path: &Path) -> Result<Option<MasterKey>, MasterError> {
    let failed =
        |attempt| move |source| MasterError::File { attempt, path: path.to_owned(), source };
    let not_plain = || MasterError::NotPlain { path: path.to_owned() };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(not_plain()),
        // A link that leads nowhere is no first start.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(None);
        }
        Err(source) => return Err(failed("look at")(source)),
    }
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(i32::try_from(flags).unwrap_or_default());
    let file = options.open(path).map_err(failed("open"))?;
    let metadata = file.metadata().map_err(failed("look at"))?;
    if !metadata.is_file() {
        return Err(not_plain());
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(MasterError::NotPrivate { path: path.to_owned(), mode });
    }
    let bytes = bounded(file).map_err(failed("read"))?;
    parse(&bytes, || path.display().to_string()).map(Some)
}

fn run(
    program: &OsString,
    arguments: &[OsString],
    time_max: Duration,
) -> Result<MasterKey, MasterError> {
    let name = || program.display().to_string();
    let failed = |source| MasterError::Command { program: name(), source };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    // A group of its own, to be killed with all that it started.
    let mut child = command.process_group(0).spawn().map_err(failed)?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let kill = || {
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    };
    let (send, receive) = mpsc::channel();
    let output = child.stdout.take();
    // Ends when the command does, and reaps it.
    thread::spawn(move || {
        let bytes = output.map_or(Ok(Zeroizing::default()), bounded);
        // Nobody waits any more if the time is over.
        let _ = send.send((bytes, child.wait()));
    });
    match receive.recv_timeout(time_max) {
        Ok((Ok(bytes), Ok(status))) => {
            // A command that prints too much may fail because nobody reads on.
            if bytes.len() <= MASTER_TEXT_BYTES_MAX && !status.success() {
                return Err(MasterError::Status { program: name(), status: status.to_string() });
            }
            parse(&bytes, || format!("the command {}", name()))
        }
        Ok((Err(error), _) | (_, Err(error))) => Err(failed(error)),
        Err(_) => {
            // Not reaped yet, so the number of the group is still its own.
            kill();
            Err(MasterError::Time { program: name(), time_max })
        }
    }
}
