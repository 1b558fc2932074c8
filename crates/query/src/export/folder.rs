//! An export as a folder. A file bears another name until it is whole and synced, and none replaces
//! one that is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Sink, Target, manifest};

/// Writes into a folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder where it is missing. Refuses one that holds an export already.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Folder> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        refuse_existing(&path.join(manifest::NAME))?;
        Ok(Folder { path })
    }
}

impl Target for Folder {
    type Sink<'a> = FolderFile;

    fn create(&mut self, name: &str) -> io::Result<FolderFile> {
        let path = self.path.join(name);
        let part = self.path.join(format!("{name}{}", manifest::PART));
        let file = OpenOptions::new().write(true).create_new(true).open(&part);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => existing(&part),
            _ => error,
        })?;
        // Only now: who holds the part is the only one to make the file.
        if let Err(error) = refuse_existing(&path) {
            fs::remove_file(&part)?;
            return Err(error);
        }
        Ok(FolderFile { file, part, path, folder: self.path.clone() })
    }

    fn finish(self) -> io::Result<()> {
        Ok(())
    }
}

/// A file under way.
#[derive(Debug)]
pub struct FolderFile {
    file: File,
    /// Where it stands now.
    part: PathBuf,
    /// Where it will stand.
    path: PathBuf,
    folder: PathBuf,
}

impl Write for FolderFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for FolderFile {
    fn close(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        // Else a loss of power could keep the manifest and lose a file before it.
        File::open(&self.folder)?.sync_all()
    }
}

fn refuse_existing(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(existing(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn existing(path: &Path) -> io::Error {
    let text = format!("{} is there already; export into another folder", path.display());
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}
