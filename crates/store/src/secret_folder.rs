//! Reads small secret files that an operator put on the server: upstreams' tokens and certificates.
//!
//! Their paths come over the API, so they are not trusted: a path must lead to a plain file inside one
//! folder, and not to a file of the log. Reading never waits for a writer of a pipe.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Maximum size of a file, in bytes.
pub(crate) const SECRET_FILE_BYTES_MAX: u64 = 16 << 10;

/// Files of the log in the data folder: all names that begin with one of these, which covers the
/// temporary files beside them.
const OWN_NAMES: [&str; 8] = ["admin", "cursor", "db", "kept", "keys", "lock", "master", "signing"];

/// The one folder from which secret files are read.
#[derive(Clone, Debug)]
pub struct SecretFolder {
    folder: PathBuf,
    data: PathBuf,
}

/// Why a file is not read. No message quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The path, or the link's target, is outside of the folder.
    #[error("must be in the folder {}", folder.display())]
    Outside {
        /// The folder.
        folder: PathBuf,
    },
    /// It is a file of the log, or a link to one.
    #[error("is a file of the log itself")]
    Own,
    /// It is a folder, a pipe, a device or a socket.
    #[error("is not a plain file")]
    NotPlain,
    /// It is larger than 16 KiB.
    #[error("is larger than {SECRET_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// It should hold a token but is empty or blank.
    #[error("is empty: write the token into it, alone on one line")]
    Empty,
    /// It should hold a token but has several lines.
    #[error("has more than one line: write the token into it, alone on one line")]
    Lines,
    /// It should hold a token but is not UTF-8.
    #[error("is not UTF-8 text: write the token into it, alone on one line")]
    NotText,
    /// It should hold a token but has other characters than visible ASCII.
    #[error("has characters that no token has: a token is visible ASCII without spaces")]
    NotToken,
    /// The operating system cannot read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

impl From<io::Error> for SecretFileError {
    fn from(error: io::Error) -> SecretFileError {
        SecretFileError::Unreadable(error.kind())
    }
}

impl SecretFolder {
    /// Reads files of `folder`. `data` is the data folder, which may be the same.
    pub fn new(folder: &Path, data: &Path) -> SecretFolder {
        SecretFolder { folder: folder.to_owned(), data: data.to_owned() }
    }

    /// The bytes of a file. Blocks on the disk but on nothing else. Links are resolved first, and the
    /// target must be allowed.
    ///
    /// # Errors
    /// [`SecretFileError`], see there.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, SecretFileError> {
        let outside = || SecretFileError::Outside { folder: self.folder.clone() };
        let folder = fs::canonicalize(&self.folder)?;
        // Do not reveal whether a path outside of the folder exists.
        let named = path.starts_with(&self.folder) || path.starts_with(&folder);
        if !path.is_absolute() || !named {
            return Err(outside());
        }
        let path = fs::canonicalize(path)?;
        if !path.starts_with(&folder) {
            return Err(outside());
        }
        let data = fs::canonicalize(&self.data)?;
        let below = path.strip_prefix(&data).ok().and_then(|below| below.iter().next());
        if below.is_some_and(is_own) {
            return Err(SecretFileError::Own);
        }
        // Check before opening, because opening a device can have effects, and again after, because the
        // file may have been replaced.
        let is_plain = |metadata: fs::Metadata| metadata.file_type().is_file();
        if !is_plain(fs::symlink_metadata(&path)?) {
            return Err(SecretFileError::NotPlain);
        }
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&path)?;
        let metadata = file.metadata()?;
        if metadata.nlink() > 1 && is_linked_in(&data, (metadata.dev(), metadata.ino()))? {
            return Err(SecretFileError::Own);
        }
        if !is_plain(metadata) {
            return Err(SecretFileError::NotPlain);
        }
        bounded(file)
    }

    /// The token in a file: one line, space around it removed. Accepts all visible ASCII, which is more
    /// than RFC 6750 §2.1 allows, because some applications issue such tokens.
    ///
    /// # Errors
    /// As [`SecretFolder::read`], and when it holds something else.
    pub fn read_token(&self, path: &Path) -> Result<String, SecretFileError> {
        let bytes = self.read(path)?;
        let text = str::from_utf8(&bytes).map_err(|_| SecretFileError::NotText)?;
        match text.trim() {
            "" => Err(SecretFileError::Empty),
            token if token.contains(['\n', '\r']) => Err(SecretFileError::Lines),
            token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(SecretFileError::NotToken)
            }
            token => Ok(token.to_owned()),
        }
    }
}

/// Whether a file of the log is the same file, by device and inode.
fn is_linked_in(data: &Path, file: (u64, u64)) -> io::Result<bool> {
    let mut entries: Vec<_> = fs::read_dir(data)?.collect();
    entries.retain(|entry| entry.as_ref().is_ok_and(|entry| is_own(&entry.file_name())));
    match fs::read_dir(data.join("db")) {
        Ok(tables) => entries.extend(tables),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    for entry in entries {
        match entry?.metadata() {
            Ok(metadata) if (metadata.dev(), metadata.ino()) == file => return Ok(true),
            Ok(_) => {}
            // Tables may be deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether a name in the data folder is that of a file of the log.
fn is_own(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    OWN_NAMES.contains(&name.split('.').next().unwrap_or_default())
}

/// Reads a file up to the maximum, without trusting the length that its metadata gives.
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

        let outside = format!("must be in the folder {}", data.display());
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

    /// A second name of a file is no other file; two names of one secret are.
    #[test]
    fn a_hard_link_to_a_file_of_the_log_is_one() {
        let root = tempfile::tempdir().unwrap();
        let (data, secret) = (root.path().join("data"), root.path().join("secret"));
        fs::create_dir_all(data.join("db")).unwrap();
        fs::create_dir(&secret).unwrap();
        for (folder, place) in [(&data, "in the data folder"), (&secret, "in one of its own")] {
            let secrets = SecretFolder::new(folder, &data);
            for own in [
                "admin.token",
                "cursor.key",
                "signing.key",
                "master.key",
                "kept",
                "db/000007.log",
                "db/000008.sst",
            ] {
                fs::write(data.join(own), "x").unwrap();
                let link = folder.join("up.token");
                fs::hard_link(data.join(own), &link).unwrap();
                assert_eq!(
                    refused(&secrets, &link),
                    "is a file of the log itself",
                    "{own} {place}"
                );
                fs::remove_file(&link).unwrap();
            }
            fs::write(folder.join("up.token"), "t").unwrap();
            fs::hard_link(folder.join("up.token"), folder.join("again.token")).unwrap();
            assert_eq!(secrets.read(&folder.join("again.token")).unwrap(), b"t", "{place}");
        }
    }

    #[test]
    fn a_token_is_one_line() {
        let root = tempfile::tempdir().unwrap();
        let secrets = SecretFolder::new(root.path(), root.path());
        let read = |bytes: &[u8]| {
            let path = root.path().join("up.token");
            fs::write(&path, bytes).unwrap();
            secrets.read_token(&path).map_err(|error| error.to_string())
        };
        for text in ["t0k.en-_~+/==", "t0k.en-_~+/==\n", " \tt0k.en-_~+/==\r\n\n"] {
            assert_eq!(read(text.as_bytes()).as_deref(), Ok("t0k.en-_~+/=="), "{text:?}");
        }
        for (bytes, words) in [
            (&b""[..], "is empty"),
            (b" \r\n\n", "is empty"),
            (b"one\ntwo", "more than one line"),
            (b"one\r\ntwo\n", "more than one line"),
            (b"one\rtwo\n", "more than one line"),
            (b"\xff\xfet\0", "is not UTF-8 text"),
            (b"caf\xe9", "is not UTF-8 text"),
            ("caf\u{e9}".as_bytes(), "no token has"),
            ("\u{feff}token".as_bytes(), "no token has"),
            (b"one two", "no token has"),
            (b"one\0", "no token has"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(words), "{bytes:?}: {error}");
            assert!(!error.contains("one two"), "no text says what is in it");
        }
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
            assert_eq!(refused(&secrets, &path(name)), "is not a plain file", "{name}");
        }
        let devices = SecretFolder::new(Path::new("/dev"), root.path());
        assert_eq!(refused(&devices, Path::new("/dev/zero")), "is not a plain file");
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
        assert!(refused(&secrets, &data.join("up.token")).starts_with("must be in"));
        let around = SecretFolder::new(root.path(), &data);
        assert_eq!(refused(&around, &data.join("admin.token")), "is a file of the log itself");
    }
}
