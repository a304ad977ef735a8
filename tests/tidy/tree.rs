//! The files of the repository: paths and texts in memory, those in Rust read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

/// Folders that are looked at.
pub const ROOTS: [&str; 8] = [
    "src", "crates", "tests", "tools", "benches", "examples", "docs", "docker",
];

/// Files with their texts; texts of what is no text are empty.
#[derive(Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
    folders: BTreeSet<String>,
    rust: BTreeMap<String, Rust>,
}

/// A file in Rust, as its tokens and as what they mean.
pub struct Rust {
    pub tokens: TokenStream,
    pub file: syn::File,
}

impl Tree {
    /// A tree of these files alone.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    /// What is in the repository.
    pub fn of_the_repository() -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut tree = Self::default();
        for root in ROOTS {
            tree.walk(top, root);
        }
        for entry in std::fs::read_dir(top).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                tree.read(top, entry.file_name().to_str().unwrap());
            }
        }
        tree
    }

    fn walk(&mut self, top: &Path, folder: &str) {
        for entry in std::fs::read_dir(top.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            // Python leaves its own beside the scripts.
            if path.ends_with("__pycache__") || path.ends_with("/target") {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                self.walk(top, &path);
            } else {
                self.read(top, &path);
            }
        }
    }

    fn read(&mut self, top: &Path, path: &str) {
        let text = std::fs::read_to_string(top.join(path)).unwrap_or_default();
        self.add(path.to_owned(), text);
    }

    fn add(&mut self, path: String, text: String) {
        let mut folder = path.as_str();
        while let Some((above, _)) = folder.rsplit_once('/') {
            self.folders.insert(above.to_owned());
            folder = above;
        }
        if path.ends_with(".rs") {
            let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
            let file = syn::parse2(tokens.clone()).unwrap_or_else(|e| panic!("{path}: {e}"));
            self.rust.insert(path.clone(), Rust { tokens, file });
        }
        self.files.insert(path, text);
    }

    /// All files in Rust.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &Rust)> {
        self.rust.iter().map(|(path, rust)| (path.as_str(), rust))
    }

    /// What this path has in Rust.
    pub fn file(&self, path: &str) -> Option<&syn::File> {
        self.rust.get(path).map(|rust| &rust.file)
    }

    /// The comments of a file in Rust, documentation included, each line in its place.
    pub fn comments(&self, path: &str) -> String {
        let text = &self.files[path];
        let mut left: Vec<u8> = text.as_bytes().to_vec();
        blank(self.rust[path].tokens.clone(), text, &mut left);
        String::from_utf8(left).unwrap()
    }

    /// All files whose path ends so, with their texts.
    pub fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| path.ends_with(end))
    }

    /// Whether a file or a folder has this path.
    pub fn has_exactly(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.folders.contains(path)
    }

    /// Whether a file or a folder has this path, or has it from one of its folders on.
    pub fn has(&self, path: &str) -> bool {
        let all = || self.files.keys().chain(&self.folders);
        self.has_exactly(path)
            || all().any(|known| known.strip_suffix(path).is_some_and(|above| above.ends_with('/')))
    }
}

/// Takes out all tokens but those that documentation has become.
fn blank(tokens: TokenStream, text: &str, left: &mut [u8]) {
    let mut clear = |range: std::ops::Range<usize>| {
        if text[range.clone()].starts_with("//") || text[range.clone()].starts_with("/*") {
            return;
        }
        for byte in &mut left[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let mut inside = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                clear(group.span_open().byte_range());
                clear(group.span_close().byte_range());
                inside.push(group.stream());
            }
            other => clear(other.span().byte_range()),
        }
    }
    for tokens in inside {
        blank(tokens, text, left);
    }
}
