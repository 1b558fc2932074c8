//! The data folder: its lock, its permissions, and replacing a small file in it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::StoreError;

/// The permission bits of group and others.
const OTHERS: u32 = 0o077;
/// The names that may be in the data folder if only we use it, beside `*.part`. `lost+found` is there if
/// the folder is the root of a file system.
const OURS: [&str; 9] = [
    "db",
    "keys",
    "kept",
    "cosigned",
    "cursor.key",
    "master.key",
    "signing.key",
    "admin.token",
    "lost+found",
];

/// A data folder that this process has locked.
///
/// The folder itself is locked and not a file in it: a file could be removed, and the next process would
/// lock a new one of the same name. The database's folder is locked too, because another data folder may
/// have a link to it. The locks end with the process, however it ends.
pub(crate) struct Folder {
    data: Locked,
    database: Option<Locked>,
}

struct Locked {
    path: PathBuf,
    handle: File,
    /// Device and inode, which identify the folder if the path later leads elsewhere.
    identity: (u64, u64),
}

impl Locked {
    /// `data` is the data folder to name in the error.
    fn new(path: &Path, data: &Path) -> Result<Locked, StoreError> {
        let handle = File::open(path).map_err(file_error("open", path))?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(StoreError::Locked { folder: data.to_owned() });
            }
            Err(error) => return Err(file_error("lock", path)(error.into())),
        }
        let metadata = handle.metadata().map_err(file_error("look at", path))?;
        Ok(Locked { path: path.to_owned(), handle, identity: identity(&metadata) })
    }

    /// Whether the path still leads to the locked folder.
    fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

impl Folder {
    /// Creates the folder if it is missing, locks it, and takes other users' permissions away.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NotPrivate`], and what the operating system refuses.
    pub(crate) fn open(path: &Path) -> Result<Folder, StoreError> {
        let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(path).map_err(file_error("create", path))?;
        let folder = Folder::lock(path)?;
        folder.make_private()?;
        if folder.database.is_some() {
            return Ok(folder);
        }
        // If it cannot be created, say because a file is in its place, RocksDB reports that.
        let _ = private(&path.join("db"));
        Folder::with_database(folder.data)
    }

    /// Locks an existing folder and changes nothing in it.
    ///
    /// # Errors
    /// [`StoreError::Locked`], and what the operating system refuses.
    pub(crate) fn lock(path: &Path) -> Result<Folder, StoreError> {
        Folder::with_database(Locked::new(path, path)?)
    }

    fn with_database(data: Locked) -> Result<Folder, StoreError> {
        let path = data.path.join("db");
        let database = path.is_dir().then(|| Locked::new(&path, &data.path)).transpose()?;
        Ok(Folder { data, database })
    }

    /// The path of the data folder.
    pub(crate) fn path(&self) -> &Path {
        &self.data.path
    }

    /// Checks that the path still leads to the locked folder and database.
    ///
    /// # Errors
    /// [`StoreError::NotAlone`].
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.data.is_there() && self.database.as_ref().is_none_or(Locked::is_there) {
            true => Ok(()),
            false => Err(self.not_alone()),
        }
    }

    pub(crate) fn not_alone(&self) -> StoreError {
        StoreError::NotAlone { folder: self.data.path.clone() }
    }

    /// Takes other users' permissions on the folder and our files away. A folder that holds other files
    /// too is not changed, but refused.
    fn make_private(&self) -> Result<(), StoreError> {
        let metadata =
            self.data.handle.metadata().map_err(file_error("look at", &self.data.path))?;
        let mode = metadata.mode() & 0o7777;
        let refuse = |why| StoreError::NotPrivate { folder: self.data.path.clone(), mode, why };
        if mode & OTHERS != 0 {
            if !self.holds_only_ours()? {
                return Err(refuse("holds other files than ours"));
            }
            let private = Permissions::from_mode(mode & 0o700);
            self.data.handle.set_permissions(private).map_err(|_| refuse("is somebody else's"))?;
        }
        let database = self.data.path.join("db");
        let tables = match fs::read_dir(&database) {
            Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
            Err(_) => vec![],
        };
        let beside = OURS.iter().map(|name| self.data.path.join(name));
        for path in beside.chain(tables) {
            // Skip what does not exist. Links have no mode of their own.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let mode = metadata.mode() & 0o7777;
            if (metadata.is_file() || path == database) && mode & OTHERS != 0 {
                let private = Permissions::from_mode(mode & 0o700);
                fs::set_permissions(&path, private).map_err(file_error("make private", &path))?;
            }
        }
        Ok(())
    }

    fn holds_only_ours(&self) -> Result<bool, StoreError> {
        let failed = file_error("look into", &self.data.path);
        for entry in fs::read_dir(&self.data.path).map_err(&failed)? {
            let name = entry.map_err(&failed)?.file_name();
            let ours = name.to_str().is_some_and(|name| {
                OURS.contains(&name) || name.ends_with(".part") || name.starts_with("db.")
            });
            if !ours {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

pub(crate) fn file_error<'a>(
    attempt: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::File { attempt, path: path.to_owned(), source }
}

/// Replaces a small file atomically, with mode 0600. When this returns, the new file survives a loss of
/// power. It is written as `NAME.part` first; an existing file or link of that name is removed.
///
/// # Errors
/// When the operating system cannot; the old file then stays.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {} // a killed process may have left one
    }
    // Open the folder first, so that nothing after the rename can fail for lack of file descriptors.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    // `create_new` follows no link, and the mode is private from the start.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)?;
    folder.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_folder_and_our_files_in_it_are_taken_from_others_sight() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        fs::create_dir_all(data.join("db")).unwrap();
        for name in ["kept", "cursor.key", "signing.key", "admin.token", "db/000007.sst"] {
            fs::write(data.join(name), "x").unwrap();
            fs::set_permissions(data.join(name), Permissions::from_mode(0o644)).unwrap();
        }
        for given in [0o755, 0o750, 0o707, 0o711] {
            fs::set_permissions(&data, Permissions::from_mode(given)).unwrap();
            drop(Folder::open(&data).unwrap());
            assert_eq!(mode(&data), 0o700, "{given:o}");
        }
        assert_eq!(mode(&data.join("db")), 0o700);
        for name in ["kept", "cursor.key", "signing.key", "admin.token", "db/000007.sst"] {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_folder_with_other_files_is_refused_with_the_command_and_left_alone() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("letters.txt"), "x").unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o1777)).unwrap();
        let Err(error) = Folder::open(&data) else { panic!("a shared folder was closed") };
        assert!(error.to_string().contains("chmod -R go-rwx"), "{error}");
        assert!(error.to_string().contains("1777"), "{error}");
        assert_eq!(mode(&data), 0o1777);
        // Closed to others it may hold what it likes.
        fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
        Folder::open(&data).unwrap();
    }

    #[test]
    fn the_lock_is_on_the_folder_and_a_folder_that_was_moved_is_noticed() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        let first = Folder::open(&data).unwrap();
        assert!(matches!(Folder::open(&data), Err(StoreError::Locked { .. })));
        first.check().unwrap();
        fs::rename(&data, around.path().join("moved")).unwrap();
        assert!(matches!(first.check(), Err(StoreError::NotAlone { .. })));
        let second = Folder::open(&data).unwrap();
        assert!(matches!(first.check(), Err(StoreError::NotAlone { .. })));
        second.check().unwrap();
        drop(first);
        Folder::open(&around.path().join("moved")).unwrap();
    }

    #[test]
    fn a_database_is_in_one_folder_alone() {
        let around = tempfile::tempdir().unwrap();
        let (data, other) = (around.path().join("data"), around.path().join("other"));
        let first = Folder::open(&data).unwrap();
        fs::create_dir(&other).unwrap();
        symlink(data.join("db"), other.join("db")).unwrap();
        for locked in [Folder::open(&other), Folder::lock(&other)] {
            assert!(matches!(locked, Err(StoreError::Locked { .. })));
        }
        first.check().unwrap();
        fs::rename(data.join("db"), data.join("db.old")).unwrap();
        assert!(matches!(first.check(), Err(StoreError::NotAlone { .. })));
        fs::create_dir(data.join("db")).unwrap();
        assert!(matches!(first.check(), Err(StoreError::NotAlone { .. })));
        drop(first);
        drop(Folder::open(&data).unwrap());
    }

    #[test]
    fn a_file_is_replaced_without_following_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("kept"), folder.path().join("other"));
        fs::write(&other, "theirs").unwrap();
        for _ in 0..2 {
            symlink(&other, folder.path().join("kept.part")).unwrap();
            replace_file(&path, b"ours").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"ours");
            assert_eq!(fs::read(&other).unwrap(), b"theirs");
            assert_eq!(mode(&path), 0o600);
        }
        // A dangling one makes no file where it points.
        symlink(folder.path().join("absent"), folder.path().join("kept.part")).unwrap();
        replace_file(&path, b"again").unwrap();
        assert!(!folder.path().join("absent").exists());
    }
}
