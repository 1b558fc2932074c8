//! The secret key beside the database that signs page cursors.
//!
//! It is not part of the record. Without it only cursors given out before become invalid, so a missing
//! key is replaced by a new one.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::StoreError;
use crate::folder::{file_error, replace_file};

/// The name of the key's file in the data folder.
const NAME: &str = "cursor.key";

/// The secret key of the data folder. If there is none, the random bytes `fresh` become the key and are
/// synced to disk before this returns.
///
/// # Errors
/// When the file cannot be read or written, and [`StoreError::SecretLength`] when it is not a key.
pub fn secret_file(data: &Path, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let path = data.join(NAME);
    match fs::read(&path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|bytes: Vec<u8>| StoreError::SecretLength { path, found: bytes.len() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace_file(&path, &fresh).map_err(file_error("write", &path))?;
            Ok(fresh)
        }
        Err(source) => Err(StoreError::File { attempt: "read", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cursor.key.part"), "left by a killed start").unwrap();
        assert_eq!(secret_file(folder.path(), [7; 32]).unwrap(), [7; 32]);
        assert_eq!(secret_file(folder.path(), [8; 32]).unwrap(), [7; 32]);
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");

        fs::remove_file(folder.path().join(NAME)).unwrap();
        assert_eq!(secret_file(folder.path(), [9; 32]).unwrap(), [9; 32]);
    }

    #[test]
    fn a_file_of_another_length_is_refused_by_name_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        for length in [0, 31, 33] {
            fs::write(&path, vec![7; length]).unwrap();
            let error = secret_file(folder.path(), [8; 32]).unwrap_err();
            assert!(matches!(&error, StoreError::SecretLength { found, .. } if *found == length));
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
            assert_eq!(fs::read(&path).unwrap().len(), length);
        }
        let absent = secret_file(&folder.path().join("absent"), [8; 32]);
        assert!(matches!(absent, Err(StoreError::File { attempt: "write", .. })));
    }
}
