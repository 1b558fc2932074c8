//! Loads additional schemas, resource types and profiles from folders.

use std::fs;
use std::path::Path;

use scim::{Profiles, Registry};

/// Larger files are refused.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The built-in registry and profiles, with those of two folders: `*.json` files, each with one schema or
/// resource type as the discovery endpoints return it, and `*.toml` files, each with one profile.
///
/// # Errors
/// One line that names the file, the line in it, and the error.
pub(crate) fn load(
    schemas: Option<&Path>,
    profiles: Option<&Path>,
) -> Result<(Registry, Profiles), String> {
    let (schemas, profiles) = (files(schemas, "json")?, files(profiles, "toml")?);
    Profiles::load(&schemas, &profiles).map_err(|error| error.to_string())
}

/// Names and texts of the files in a folder that end in `extension`, sorted by name.
fn files(folder: Option<&Path>, extension: &str) -> Result<Vec<(String, String)>, String> {
    let Some(folder) = folder else { return Ok(vec![]) };
    let unreadable =
        |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|one| one == extension) {
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
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_files_are_read_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let here = Some(folder.path());
        let schemas = |loaded: (Registry, Profiles)| loaded.0.schemas().len();
        assert_eq!(schemas(load(None, None).unwrap()), schemas(load(here, here).unwrap()));
        fs::write(folder.path().join("notes.txt"), "{").unwrap();
        let absent = folder.path().join("absent");
        let bad = |name: &str, text: &str, line: usize| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            let error = load(here, here).unwrap_err();
            assert!(error.starts_with(&format!("{}:{line}: ", path.display())), "{error}");
            fs::remove_file(&path).unwrap();
        };
        bad("a.json", "{\n  \"id\": 7\n}", 1);
        bad("a.toml", "name = \"a\"\ntitel = \"A\"\n", 2);
        assert!(load(Some(&absent), None).unwrap_err().contains("cannot read"));
        assert!(load(None, Some(&absent)).unwrap_err().contains("cannot read"));
    }
}
