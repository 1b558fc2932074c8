//! The written pages of the repository, and what stands in code on them.

use std::path::{Path, PathBuf};

/// The top folder of the repository.
pub fn top() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().unwrap()
}

/// A page.
pub struct Page {
    /// Below the top folder.
    pub name: String,
    /// Its blocks of code, in their order.
    pub blocks: Vec<Block>,
    /// Its pieces of code within lines, each with its line.
    pub spans: Vec<(usize, String)>,
}

/// A block of code.
pub struct Block {
    /// Its first line.
    pub line: usize,
    /// What is said of its language; empty for nothing.
    pub language: String,
    pub lines: Vec<String>,
}

/// Every page there is.
pub fn all() -> Vec<Page> {
    let top = top();
    let files = files(&top, &|path| path.extension().is_some_and(|end| end == "md"));
    let pages = files.iter().map(|path| {
        let name = path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
        read(name, &std::fs::read_to_string(path).unwrap())
    });
    pages.collect()
}

/// The files below a folder that are wanted, in one order.
pub fn files(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match path.is_dir() {
            // What a build or git makes is no page of ours.
            true if name.starts_with('.') || name == "target" || name == "node_modules" => {}
            true => found.extend(files(&path, is_wanted)),
            false if is_wanted(&path) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

fn read(name: String, text: &str) -> Page {
    let mut page = Page { name, blocks: vec![], spans: vec![] };
    let mut open: Option<Block> = None;
    for (place, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                let language = language.trim().to_owned();
                open = Some(Block { line: place + 1, language, lines: vec![] });
            }
            (Some(_), Some(block)) => page.blocks.push(block),
            (None, Some(mut block)) => {
                block.lines.push(line.to_owned());
                open = Some(block);
            }
            (None, None) => page.spans.extend(spans(line).map(|span| (place + 1, span))),
        }
    }
    assert!(open.is_none(), "{}: a block of code does not end", page.name);
    page
}

/// The pieces of code within a line.
pub fn spans(line: &str) -> impl Iterator<Item = String> {
    let pieces: Vec<String> = line.split('`').map(str::to_owned).collect();
    pieces.into_iter().skip(1).step_by(2)
}

impl Block {
    /// The commands that it shows: all of a shell's lines, what stands behind `$`, or all of it where it is
    /// nothing but commands.
    pub fn commands(&self) -> Vec<String> {
        let is_command = |line: &str| {
            ["provlog ", "tools/", "curl "].iter().any(|start| line.starts_with(start))
        };
        let shell = self.language == "sh" || self.lines.iter().all(|line| is_command(line));
        let mut commands: Vec<String> = vec![];
        let mut goes_on = false;
        for line in &self.lines {
            let line = line.trim();
            let text = match line.strip_prefix("$ ") {
                Some(text) => text,
                None if goes_on || (shell && !line.starts_with('#')) => line,
                None => continue,
            };
            // A remark stands behind some blanks.
            let text = text.split("  #").next().unwrap_or_default().trim();
            let (text, more) = text.strip_suffix('\\').map_or((text, false), |text| (text, true));
            match commands.last_mut() {
                Some(last) if goes_on => *last = format!("{last} {}", text.trim()),
                _ if text.is_empty() => {}
                _ => commands.push(text.trim().to_owned()),
            }
            goes_on = more;
        }
        commands
    }
}
