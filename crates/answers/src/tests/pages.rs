//! What holds for the pages that people wrote: what they name is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Folders whose files are meant where a page names something below them.
const FOLDERS: [&str; 4] = ["crates/", "docs/", "tests/", "tools/"];
const README_WORDS_MAX: usize = 30;

/// The pages of the root and of `docs`, by their paths from the root.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    for folder in ["", "docs", "docs/applications", "tests/scripts"] {
        for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let name = Path::new(folder).join(path.file_name().unwrap());
                pages.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(pages.len() > 10, "{:?}", pages.keys());
    pages
}

/// Lines that are no code.
fn prose(page: &str) -> Vec<&str> {
    let mut in_code = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    lines.collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let heading =
        |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_owned());
    let headings = prose(page).into_iter().filter_map(heading);
    let anchor = |text: String| -> String {
        let kept = text.to_lowercase().replace(' ', "-");
        kept.chars().filter(|one| one.is_alphanumeric() || "-_".contains(*one)).collect()
    };
    headings.map(anchor).collect()
}

/// A path without `..`.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path {
        match part == ".." {
            true => drop(straight.pop()),
            false => straight.push(part),
        }
    }
    straight
}

#[test]
fn links_lead_to_a_file_and_a_heading() {
    let pages = pages();
    let mut checked = 0;
    for (name, page) in &pages {
        for rest in prose(page).join("\n").split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => name.clone(),
                file => straight(&name.parent().unwrap().join(file)),
            };
            let at = format!("{}: {target}", name.display());
            assert!(Path::new(ROOT).join(&path).exists(), "{at}: no such file");
            if !anchor.is_empty() {
                assert!(anchors(&pages[&path]).contains(anchor), "{at}: no such heading");
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn files_that_pages_name_are_there() {
    let mut checked = 0;
    for (name, page) in &pages() {
        for named in prose(page).join("\n").split('`').skip(1).step_by(2) {
            let path = named.split_whitespace().next().unwrap_or_default();
            let is_pattern = path.contains(['*', '{', '…']) || path.contains("NAME");
            if !FOLDERS.iter().any(|folder| path.starts_with(folder)) || is_pattern {
                continue;
            }
            assert!(Path::new(ROOT).join(path).exists(), "{}: {path}", name.display());
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn sentences_of_the_readme_are_short() {
    let page = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let mut paragraphs = vec![String::new()];
    for line in prose(&page) {
        let ends = line.is_empty() || line.starts_with(['#', '|', '-']);
        if ends {
            paragraphs.push(String::new());
        }
        for (place, cell) in line.split('|').enumerate() {
            if place > 0 {
                paragraphs.push(String::new());
            }
            let paragraph = paragraphs.last_mut().unwrap();
            paragraph.push(' ');
            paragraph.push_str(cell);
        }
    }
    let mut checked = 0;
    for paragraph in &paragraphs {
        let sentences = paragraph.replace(". ", ".\n").replace("? ", "?\n").replace(".** ", ".\n");
        for sentence in sentences.lines() {
            let words = sentence.split_whitespace().count();
            assert!(words <= README_WORDS_MAX, "{words} words:{sentence}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

/// The crates of ours that a crate's manifest names, in no order.
fn uses(manifest: &str) -> BTreeSet<String> {
    let after = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = after.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let is_ours =
        |name: &&str| !name.is_empty() && Path::new(ROOT).join("crates").join(name).is_dir();
    names.filter(is_ours).map(str::to_owned).collect()
}

#[test]
fn the_table_of_crates_is_that_of_the_manifests() {
    let page = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let mut edges = 0;
    for entry in fs::read_dir(Path::new(ROOT).join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Ok(manifest) = fs::read_to_string(path.join("Cargo.toml")) else { continue };
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md: no row of `{name}`"));
        let told = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap().trim();
        if told == "all" {
            continue;
        }
        let told: BTreeSet<String> =
            told.split(", ").filter(|one| *one != "–").map(str::to_owned).collect();
        assert_eq!(told, uses(&manifest), "ARCHITECTURE.md: what `{name}` may use");
        edges += told.len();
    }
    assert!(edges > 20, "{edges}");
}
