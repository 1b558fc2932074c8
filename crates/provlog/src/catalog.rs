//! Further schemas and resource types, from a folder of JSON files.

use std::fs;
use std::path::Path;

use scim::Registry;

/// A larger file is no schema.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The registry of a folder's `*.json` files, each one schema or resource type in the form of the
/// discovery endpoints; the core one without a folder.
///
/// # Errors
/// One line that names the file, the line in it, and what is wrong there.
pub(crate) fn load(folder: Option<&Path>) -> Result<Registry, String> {
    let Some(folder) = folder else { return Ok(Registry::core().clone()) };
    let unreadable =
        |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
        if !metadata.is_file() {
            return Err(format!("{}:1: no regular file", path.display()));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(format!("{}:1: larger than {FILE_BYTES_MAX} bytes", path.display()));
        }
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("{}:1: cannot be read: {error}", path.display()))?;
        files.push((path.display().to_string(), text));
    }
    Registry::with_files(&files).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_files_is_read_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            load(None).unwrap().schemas().len(),
            load(Some(folder.path())).unwrap().schemas().len()
        );
        let path = folder.path().join("a.json");
        fs::write(&path, "{\n  \"id\": 7\n}").unwrap();
        fs::write(folder.path().join("notes.txt"), "{").unwrap();
        let error = load(Some(folder.path())).unwrap_err();
        assert!(error.starts_with(&format!("{}:", path.display())), "{error}");
        assert!(load(Some(&folder.path().join("absent"))).unwrap_err().contains("cannot read"));
    }
}
