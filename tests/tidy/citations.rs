//! What documents and comments name exists: paths, and documents.

use super::Finding;
use super::tree::{ROOTS, Tree};

/// Names with these ends are names of files of ours.
const ENDS: [&str; 5] = [".rs", ".md", ".sh", ".py", ".yaml"];

/// What was written down once and may name what is gone.
const HISTORY: &str = "CHANGELOG.md";

/// Every text that a person reads: documents whole, of programs the comments.
fn prose(tree: &Tree) -> Vec<(&str, String)> {
    let documents = tree.ending(".md").filter(|(path, _)| *path != HISTORY);
    let mut all: Vec<(&str, String)> = documents.map(|(path, text)| (path, text.to_owned())).collect();
    all.extend(tree.rust().map(|(path, _)| (path, tree.comments(path))));
    for end in [".sh", ".py", ".toml", ".yaml", "Makefile", "Dockerfile"] {
        all.extend(tree.ending(end).map(|(path, text)| (path, hash_comments(text))));
    }
    all
}

fn hash_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// Paths that are named and lead nowhere.
pub fn stale_paths(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in prose(tree) {
        let part_of_a_path = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        for word in text.split(|c| !part_of_a_path(c)) {
            let word = word.trim_end_matches(['.', '/', '-']);
            if looks_like_ours(word) && !leads_somewhere(tree, path, word) {
                found.push(finding("path", path, word));
            }
        }
    }
    merged(found)
}

/// True if there is such a file or folder, from the top or from a folder on. Crates have a `src`, too: from the top that
/// is the module's, in a crate its own.
fn leads_somewhere(tree: &Tree, at: &str, word: &str) -> bool {
    let with_end = format!("{word}.rs");
    let mut spellings = [word, &with_end].into_iter();
    if word.starts_with("src/") {
        let folder = at.split_inclusive('/').take(2).collect::<String>();
        let own = if at.starts_with("crates/") {
            folder
        } else {
            String::new()
        };
        return spellings.any(|path| tree.has_exactly(path) || tree.has_exactly(&format!("{own}{path}")));
    }
    spellings.any(|path| tree.has(path))
}

fn looks_like_ours(word: &str) -> bool {
    // What is left of an address, or of another folder than the repository's.
    if word.starts_with(['/', '.', '-']) {
        return false;
    }
    let below_a_root = word
        .split_once('/')
        .is_some_and(|(root, _)| ROOTS.contains(&root));
    below_a_root
        || ENDS
            .iter()
            .any(|end| word.strip_suffix(end).is_some_and(|stem| !stem.is_empty()))
}

/// Documents that the repository lacks, named by what they are.
pub fn foreign_documents(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in prose(tree) {
        let words: Vec<&str> = text
            .split_whitespace()
            .filter(|word| !word.starts_with("//"))
            .collect();
        for pair in words.windows(2) {
            let (first, second) = (pair[0].to_lowercase(), pair[1].trim_start_matches('#'));
            let numbered = second.starts_with(|c: char| c.is_ascii_digit());
            let cited = match first.trim_start_matches(['(', '[']) {
                "issue" | "issues" => numbered,
                "design" => second.starts_with("section"),
                _ => false,
            };
            if cited {
                found.push(finding("document", path, &pair.join(" ")));
            }
        }
    }
    merged(found)
}

fn finding(rule: &'static str, path: &str, what: &str) -> Finding {
    Finding {
        rule,
        place: format!("{path}:{}", what.replace(' ', "_")),
        count: 1,
        detail: format!("names `{what}`, which the repository lacks"),
    }
}

/// What a text names twice counts twice in one line of the list.
fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort();
    found.dedup_by(|next, kept| {
        let same = next.place == kept.place;
        kept.count += usize::from(same);
        same
    });
    found
}
