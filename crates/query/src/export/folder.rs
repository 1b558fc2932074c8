//! Writes an export into a folder. A file has a temporary name until it is complete and synced, and never
//! replaces an existing one.

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
    /// Creates the folder if it is missing. Refuses a folder that holds an export already.
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
        // Check only now: nobody else can create the file while this process holds its part.
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

/// A file being written.
#[derive(Debug)]
pub struct FolderFile {
    file: File,
    /// Its temporary path.
    part: PathBuf,
    /// Its final path.
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
        // Otherwise a power loss could keep the manifest and lose an earlier file.
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
