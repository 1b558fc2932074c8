//! Folders of stores, and copies of the filled store for measurements that write.

use std::fs;
use std::path::{Path, PathBuf};

use provlog::unlock::MasterConfig;
use store::{Options, Store};

use crate::Outcome;

/// A copy of a store, removed when dropped.
pub struct Copy(PathBuf);

impl Copy {
    /// Copies a closed store within its file system. Table files never change, so they are linked;
    /// everything else is copied.
    pub fn of(store: &Path, name: &str) -> Outcome<Copy> {
        let copy = Copy(store.with_file_name(name));
        copy.remove()?;
        copy_folder(store, &copy.0)?;
        Ok(copy)
    }

    /// A folder that does not exist yet.
    pub fn fresh(beside: &Path, name: &str) -> Outcome<Copy> {
        let fresh = Copy(beside.with_file_name(name));
        fresh.remove()?;
        Ok(fresh)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn remove(&self) -> Outcome<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

fn copy_folder(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&path, &copy)?;
        } else if path.extension().is_some_and(|extension| extension == "sst") {
            fs::hard_link(&path, &copy)?;
        } else {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}

/// Opens the log in a folder with its keys, which only its own server makes.
pub fn open_unlocked(folder: &Path) -> Outcome<Store> {
    let store = Store::open_existing(folder, &Options::default())?;
    MasterConfig::default().unlock(folder, &store)?;
    Ok(store)
}
