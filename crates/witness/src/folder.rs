//! The folder of a witness: its lock, and replacing a small file in it.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, renameat, unlinkat};
use rustix::io::Errno;

/// A folder that this process has locked. Files are opened in the locked folder itself, wherever its path
/// leads later. The lock ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
}

/// Why a folder cannot be had.
#[derive(Debug)]
pub(crate) enum FolderError {
    /// Another process has it.
    Locked,
    /// The operating system refused.
    System(io::Error),
}

impl From<io::Error> for FolderError {
    fn from(error: io::Error) -> FolderError {
        FolderError::System(error)
    }
}

impl Folder {
    /// Creates the folder with mode 0700 if it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Folder, FolderError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let handle = File::open(path)?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Folder { path: path.to_owned(), handle }),
            Err(Errno::WOULDBLOCK) => Err(FolderError::Locked),
            Err(error) => Err(FolderError::System(error.into())),
        }
    }

    /// Where a file of the folder is, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file of at most `bytes_max` bytes, and one byte more of a longer one; `None` if there is
    /// none. Follows no link, and does not wait for a pipe.
    pub(crate) fn read(&self, name: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces a file atomically, with mode 0600. When this returns, the new file survives a loss of
    /// power. It is written as `NAME.part` first; an existing file or link of that name is removed.
    ///
    /// # Errors
    /// When the operating system cannot. Whether the old or the new file is there then is known only if
    /// the rename was not reached; it is one of them, and whole.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = format!("{name}.part");
        match unlinkat(&self.handle, &part, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {} // a killed process may have left one
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(openat(&self.handle, &part, flags, mode)?);
        file.write_all(bytes)?;
        file.sync_all()?;
        fail::fail_point!("witness-written", |_| std::process::abort());
        renameat(&self.handle, &part, &self.handle, name)?;
        self.handle.sync_all()
    }

    /// The names in the folder that begin like this, in order; at most `names_max`.
    pub(crate) fn names(&self, begin: &str, names_max: usize) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with(begin) && !name.ends_with(".part") && names.len() < names_max {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_without_following_a_link() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("deep/data");
        let folder = Folder::open(&data).unwrap();
        let other = around.path().join("other");
        fs::write(&other, "theirs").unwrap();
        assert_eq!(folder.read("kept", 9).unwrap(), None);
        for text in ["one", "two"] {
            symlink(&other, data.join("kept.part")).unwrap();
            folder.replace("kept", text.as_bytes()).unwrap();
            assert_eq!(folder.read("kept", 9).unwrap().unwrap(), text.as_bytes());
            assert_eq!(fs::read(&other).unwrap(), b"theirs");
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&data.join("kept")), 0o600);
        assert_eq!(mode(&data), 0o700);
        symlink(&other, data.join("link")).unwrap();
        assert!(folder.read("link", 9).is_err(), "a link is not followed");
        assert_eq!(folder.read("kept", 1).unwrap().unwrap(), b"tw", "no more than one too many");
        assert_eq!(folder.names("k", 9).unwrap(), ["kept"]);
        assert_eq!(folder.names("", 1).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_is_locked_wherever_its_path_leads() {
        let around = tempfile::tempdir().unwrap();
        let (data, moved) = (around.path().join("data"), around.path().join("moved"));
        let first = Folder::open(&data).unwrap();
        assert!(matches!(Folder::open(&data), Err(FolderError::Locked)));
        fs::rename(&data, &moved).unwrap();
        assert!(matches!(Folder::open(&moved), Err(FolderError::Locked)));
        // What is written goes to the folder that is locked.
        let second = Folder::open(&data).unwrap();
        first.replace("kept", b"first").unwrap();
        assert_eq!(second.read("kept", 9).unwrap(), None);
        assert_eq!(fs::read(moved.join("kept")).unwrap(), b"first");
        drop(first);
        Folder::open(&moved).unwrap();
    }
}
