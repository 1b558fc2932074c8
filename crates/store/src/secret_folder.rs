//! Small secret files that others put on the server: the tokens of upstreams and their certificates.
//!
//! Their paths come over the API, so a path is not believed: it must lead to a plain file within one
//! folder, and to none of the log's own. Nothing here waits for whoever might write into a pipe.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A larger file is not read.
pub const SECRET_FILE_BYTES_MAX: u64 = 16 << 10;

/// What of the data folder is the log's own, with whatever begins so: files are replaced by way of
/// others beside them.
const OWN_NAMES: [&str; 5] = ["admin", "cursor", "db", "kept", "lock"];

/// The one folder from which secret files are read.
#[derive(Clone, Debug)]
pub struct SecretFolder {
    folder: PathBuf,
    data: PathBuf,
}

/// Why a file is not read. No text says what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It lies elsewhere, or a link leads elsewhere.
    #[error("must lie in the folder {}", folder.display())]
    Outside {
        /// The folder.
        folder: PathBuf,
    },
    /// It belongs to the log.
    #[error("is a file of the log itself")]
    Own,
    /// It is a folder, a pipe, a device or a socket.
    #[error("is no plain file")]
    NotPlain,
    /// It is larger than [`SECRET_FILE_BYTES_MAX`].
    #[error("is larger than {SECRET_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// The operating system does not let us.
    #[error("cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

impl From<io::Error> for SecretFileError {
    fn from(error: io::Error) -> SecretFileError {
        SecretFileError::Unreadable(error.kind())
    }
}

impl SecretFolder {
    /// Files of `folder`; `data` is the folder of the log, which may be the same.
    pub fn new(folder: &Path, data: &Path) -> SecretFolder {
        SecretFolder { folder: folder.to_owned(), data: data.to_owned() }
    }

    /// The bytes of a file. It reads the disk, and does not wait for anything else.
    ///
    /// # Errors
    /// [`SecretFileError`], see there. Links are followed first: where they lead is what counts.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, SecretFileError> {
        let outside = || SecretFileError::Outside { folder: self.folder.clone() };
        let folder = fs::canonicalize(&self.folder)?;
        // Of what lies elsewhere it is not even said whether it is there.
        let named = path.starts_with(&self.folder) || path.starts_with(&folder);
        if !path.is_absolute() || !named {
            return Err(outside());
        }
        let path = fs::canonicalize(path)?;
        if !path.starts_with(&folder) {
            return Err(outside());
        }
        let data = fs::canonicalize(&self.data)?;
        let own = path.strip_prefix(&data).ok().and_then(|below| below.iter().next());
        let own = own.map(|name| name.to_string_lossy().into_owned());
        if own.is_some_and(|name| OWN_NAMES.contains(&name.split('.').next().unwrap_or_default())) {
            return Err(SecretFileError::Own);
        }
        // Before it is opened, for opening a device can do something; and again after, for it may have
        // been replaced.
        let is_plain = |metadata: fs::Metadata| metadata.file_type().is_file();
        if !is_plain(fs::symlink_metadata(&path)?) {
            return Err(SecretFileError::NotPlain);
        }
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&path)?;
        if !is_plain(file.metadata()?) {
            return Err(SecretFileError::NotPlain);
        }
        bounded(file)
    }
}

/// Reads a file as far as it may be long; what it says of its own length is not believed.
fn bounded(file: File) -> Result<Vec<u8>, SecretFileError> {
    let mut bytes = vec![];
    file.take(SECRET_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > SECRET_FILE_BYTES_MAX {
        true => Err(SecretFileError::TooLarge),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn refused(secrets: &SecretFolder, path: &Path) -> String {
        secrets.read(path).unwrap_err().to_string()
    }

    #[test]
    fn plain_files_of_the_folder_are_read_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let (data, elsewhere) = (root.path().join("data"), root.path().join("elsewhere"));
        fs::create_dir_all(data.join("db")).unwrap();
        fs::create_dir_all(data.join("sub")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("token"), "x").unwrap();
        let secrets = SecretFolder::new(&data, &data);
        let write = |name: &str, bytes: &[u8]| {
            fs::write(data.join(name), bytes).unwrap();
            data.join(name)
        };
        for name in ["up.token", "upstream.token", "sub/ca.pem", "administrator.token", "kept-2"] {
            assert_eq!(secrets.read(&write(name, b"secret\n")).unwrap(), b"secret\n", "{name}");
        }
        for name in ["admin.token", "admin.part", "kept", "kept.part", "cursor.key", "db/LOG"] {
            assert_eq!(
                refused(&secrets, &write(name, b"x")),
                "is a file of the log itself",
                "{name}"
            );
        }
        let most = vec![b'x'; SECRET_FILE_BYTES_MAX as usize];
        assert_eq!(secrets.read(&write("large", &most)).unwrap(), most);
        let more = write("larger", &[most, vec![b'x']].concat());
        assert_eq!(refused(&secrets, &more), "is larger than 16384 bytes");
        assert_eq!(refused(&secrets, &data.join("absent")), "cannot be read: entity not found");

        let outside = format!("must lie in the folder {}", data.display());
        for path in ["/etc/hostname", "/dev/zero", "/nowhere", "up.token", ""] {
            assert_eq!(refused(&secrets, Path::new(path)), outside, "{path}");
        }
        for path in ["../elsewhere/token", "sub/../../elsewhere/token"] {
            assert_eq!(refused(&secrets, &data.join(path)), outside, "{path}");
        }
        let link = |name: &str, to: &Path| {
            symlink(to, data.join(name)).unwrap();
            data.join(name)
        };
        assert_eq!(refused(&secrets, &link("link", &elsewhere.join("token"))), outside);
        assert_eq!(refused(&secrets, &link("zero", Path::new("/dev/zero"))), outside);
        assert_eq!(
            refused(&secrets, &link("own", &data.join("admin.token"))),
            "is a file of the log itself"
        );
        assert_eq!(secrets.read(&link("inside", &data.join("up.token"))).unwrap(), b"secret\n");
        link("folder", &elsewhere);
        assert_eq!(refused(&secrets, &data.join("folder/token")), outside);
    }

    #[test]
    fn what_is_no_plain_file_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let secrets = SecretFolder::new(root.path(), root.path());
        let path = |name: &str| root.path().join(name);
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        let _listening = UnixListener::bind(path("socket")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["pipe", "socket", "folder"] {
            assert_eq!(refused(&secrets, &path(name)), "is no plain file", "{name}");
        }
        let devices = SecretFolder::new(Path::new("/dev"), root.path());
        assert_eq!(refused(&devices, Path::new("/dev/zero")), "is no plain file");
    }

    #[test]
    fn a_folder_of_its_own_has_no_files_of_the_log() {
        let root = tempfile::tempdir().unwrap();
        let (data, secret) = (root.path().join("data"), root.path().join("secret"));
        fs::create_dir(&data).unwrap();
        fs::create_dir(&secret).unwrap();
        fs::write(secret.join("admin.token"), "of the upstream's admin").unwrap();
        fs::write(data.join("up.token"), "x").unwrap();
        fs::write(data.join("admin.token"), "x").unwrap();
        let secrets = SecretFolder::new(&secret, &data);
        assert!(secrets.read(&secret.join("admin.token")).is_ok());
        assert!(refused(&secrets, &data.join("up.token")).starts_with("must lie in"));
        let around = SecretFolder::new(root.path(), &data);
        assert_eq!(refused(&around, &data.join("admin.token")), "is a file of the log itself");
    }
}
