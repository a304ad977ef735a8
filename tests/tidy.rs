//! The rules of the house, held by a test that needs no server. Each rule is a function over an in-memory tree of paths
//! and texts, so that each is tried on a planted fault, too. What breaks a rule today is in `tests/tidy/exceptions.txt`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

#[path = "tidy/citations.rs"]
mod citations;
#[path = "tidy/exceptions.rs"]
mod exceptions;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/loops.rs"]
mod loops;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/size.rs"]
mod size;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/wall.rs"]
mod wall;

use tree::Tree;

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The rule, in a word.
    pub rule: &'static str,
    /// The file, or what else identifies the place whatever its line is.
    pub place: String,
    /// How often it breaks the rule, or by how much.
    pub count: usize,
    /// For whoever is to mend it.
    pub detail: String,
}

/// All rules on a tree.
fn findings(tree: &Tree) -> Vec<Finding> {
    let imports = imports::imports(tree);
    let mut all = floors::upward(tree, &imports);
    all.extend(loops::loops(&imports));
    all.extend(wall::unsafe_outside(tree));
    all.extend(size::long_functions(tree));
    all.extend(size::long_files(tree));
    all.extend(size::without_a_head(tree));
    all.extend(citations::stale_paths(tree));
    all.extend(citations::foreign_documents(tree));
    all.sort();
    all
}

#[test]
fn the_house_is_tidy_but_for_the_listed_exceptions() {
    let found = findings(&Tree::of_the_repository());
    let listed = include_str!("tidy/exceptions.txt");
    // For a list that got shorter, or whose files have moved.
    let as_found = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("exceptions.txt");
    std::fs::write(&as_found, exceptions::list(listed, &found)).unwrap();
    let complaints = exceptions::compare(listed, &found);
    assert!(
        complaints.is_empty(),
        "{}\n{} complaints. The list as it would be: {}",
        complaints.join("\n"),
        complaints.len(),
        as_found.display()
    );
}
