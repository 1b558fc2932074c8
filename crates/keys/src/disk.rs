//! What is done to files, in the few steps of which a crash may leave some. The tests record these steps and
//! make from them every state that a loss of power can leave.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::KeysError;

/// The permission bits of group and others.
pub(crate) const OTHERS: u32 = 0o077;

pub(crate) fn failed<'a>(
    attempt: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> KeysError + 'a {
    move |source| KeysError::File { attempt, path: path.to_owned(), source }
}

/// Options that follow no link and wait for no pipe.
pub(crate) fn careful() -> OpenOptions {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    options
}

/// An open file and its path.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl Disk {
    /// Opens a plain file to read and write, and takes other users' permissions away.
    pub(crate) fn open(path: &Path) -> Result<Disk, KeysError> {
        let not_plain = || KeysError::NotPlain { path: path.to_owned() };
        // A device may do something when it is opened, so look before.
        if !fs::symlink_metadata(path).map_err(failed("look at", path))?.is_file() {
            return Err(not_plain());
        }
        let file = careful().write(true).open(path).map_err(failed("open", path))?;
        let metadata = file.metadata().map_err(failed("look at", path))?;
        if !metadata.is_file() {
            return Err(not_plain());
        }
        let mode = metadata.permissions().mode();
        if mode & OTHERS != 0 {
            let private = Permissions::from_mode(mode & 0o700);
            file.set_permissions(private).map_err(failed("make private", path))?;
        }
        Ok(Disk { file, path: path.to_owned() })
    }

    /// Makes a new file that only its owner may read, in place of what an attempt that failed left.
    pub(crate) fn create(path: &Path) -> Result<Disk, KeysError> {
        if fs::symlink_metadata(path).is_ok() {
            remove(path)?;
        }
        step(Step::Create { path }).map_err(failed("create", path))?;
        let file = careful().write(true).create_new(true).mode(0o600).open(path);
        Ok(Disk { file: file.map_err(failed("create", path))?, path: path.to_owned() })
    }

    pub(crate) fn bytes(&self) -> Result<u64, KeysError> {
        Ok(self.file.metadata().map_err(failed("look at", &self.path))?.len())
    }

    pub(crate) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), KeysError> {
        self.file.read_exact_at(bytes, offset).map_err(failed("read", &self.path))
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), KeysError> {
        step(Step::Write { path: &self.path, bytes, offset })
            .and_then(|()| self.file.write_all_at(bytes, offset))
            .map_err(failed("write", &self.path))
    }

    /// When this returns, all that was written before survives a loss of power.
    pub(crate) fn sync(&self) -> Result<(), KeysError> {
        step(Step::Sync { path: &self.path })
            .and_then(|()| self.file.sync_data())
            .map_err(failed("sync", &self.path))
    }
}

/// Gives a file the name of another one, which it replaces. When this returns, that survives a loss of power.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), KeysError> {
    step(Step::Rename { from, to })
        .and_then(|()| fs::rename(from, to))
        .map_err(failed("replace", to))?;
    sync_folder_of(to)
}

/// Syncs the names in the folder that a file is in.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), KeysError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    step(Step::SyncFolder)
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(failed("sync", folder))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), KeysError> {
    step(Step::Remove { path }).and_then(|()| fs::remove_file(path)).map_err(failed("remove", path))
}

/// One change of the disk, about to be made.
#[cfg_attr(not(test), expect(dead_code, reason = "the tests record them"))]
pub(crate) enum Step<'a> {
    Create { path: &'a Path },
    Write { path: &'a Path, bytes: &'a [u8], offset: u64 },
    Sync { path: &'a Path },
    Rename { from: &'a Path, to: &'a Path },
    SyncFolder,
    Remove { path: &'a Path },
}

#[cfg(not(test))]
fn step(_: Step<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
fn step(step: Step<'_>) -> io::Result<()> {
    crate::tests::crashes::record(step)
}
