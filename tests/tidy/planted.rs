//! Each rule finds a fault that was put there for it, and nothing where there is none.

use super::exceptions::{compare, list};
use super::tree::Tree;
use super::{Finding, citations, floors, imports, loops, size, wall};

const ROOT: &str = "//! The door.\nmod acks;\nmod commands;\nmod engine;\n";

fn places(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.place.as_str()).collect()
}

/// A house of three rooms: what is in acks, in a command, in the engine.
fn house(acks: &str, command: &str, engine: &str) -> Tree {
    Tree::of(&[
        ("src/lib.rs", ROOT),
        ("src/acks/mod.rs", "//! Acks.\nmod held;\npub use held::hold;\n"),
        ("src/acks/held.rs", acks),
        (
            "src/commands/mod.rs",
            "//! Commands.\nmod set;\npub use set::set;\n",
        ),
        ("src/commands/set.rs", command),
        ("src/engine/mod.rs", engine),
    ])
}

fn upward(tree: &Tree) -> Vec<String> {
    let found = floors::upward(tree, &imports::imports(tree));
    let floors = found.into_iter().filter(|finding| finding.rule == "floor");
    floors.map(|finding| finding.place).collect()
}

fn tied(tree: &Tree) -> Vec<String> {
    loops::loops(&imports::imports(tree))
        .into_iter()
        .map(|finding| finding.place)
        .collect()
}

const HOLD: &str = "use crate::engine;\npub fn hold() { engine::seal() }";
const SET: &str = "use crate::acks;\npub fn set() { acks::hold() }";
const SEAL: &str = "pub fn seal() {}";

#[test]
fn what_looks_down_is_left_alone() {
    let tree = house(HOLD, SET, SEAL);
    let of = |file: &str| imports::imports(&tree)[file].iter().cloned().collect::<Vec<_>>();
    assert_eq!(of("src/acks/held.rs"), ["src/engine/mod.rs"]);
    // Through the name that the folder passes on.
    assert_eq!(of("src/commands/set.rs"), ["src/acks/held.rs"]);
    assert!(upward(&tree).is_empty() && tied(&tree).is_empty());
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    let upwards = [
        "use crate::commands::set;\npub fn seal() { set() }",
        "use crate::{commands as c};\npub fn seal() { c::set() }",
        "pub fn seal() { crate::commands::set() }",
        "pub fn seal() { super::commands::set() }",
        "use super::*;\npub fn seal() { commands::set() }",
        "macro_rules! all { () => { $crate::commands::set() } }\npub fn seal() { all!() }",
        "use crate::commands;\npub fn seal() { assert!(true, \"{}\", commands::set()) }",
        "pub fn seal() { fn inner() { use crate::commands::set; set() } }",
        "use crate::commands;\nfn commands() {}\npub fn seal() { commands::set() }",
        "use crate::commands::*;\npub fn seal() { assert!(set()) }",
        "#[error(\"{}\", crate::commands::set())]\npub struct Seal;",
    ];
    for engine in upwards {
        let tree = house("pub fn hold() {}", "pub fn set() {}", engine);
        assert_eq!(
            upward(&tree),
            ["src/engine/mod.rs -> src/commands/set.rs"],
            "{engine}"
        );
    }
    let in_a_test = "pub fn seal() {}\n#[cfg(test)]\nmod tests { use crate::commands::set; }";
    assert!(upward(&house(HOLD, SET, in_a_test)).is_empty());
}

#[test]
fn another_room_of_the_same_floor_is_not_below() {
    let tree = Tree::of(&[
        ("src/lib.rs", "mod commands;\nmod filter;"),
        ("src/commands/mod.rs", "use crate::filter::route;"),
        ("src/filter/mod.rs", "pub fn route() {}"),
    ]);
    assert_eq!(upward(&tree), ["src/commands/mod.rs -> src/filter/mod.rs"]);
}

#[test]
fn a_file_without_a_room_is_found() {
    let tree = Tree::of(&[("src/lib.rs", "mod cellar;"), ("src/cellar.rs", "")]);
    let found = floors::upward(&tree, &imports::imports(&tree));
    assert!(places(&found).contains(&"src/cellar.rs"));
}

#[test]
fn a_loop_is_found_and_only_those_that_are_in_it() {
    let tree = house(HOLD, SET, "use crate::acks::hold;\npub fn seal() { hold() }");
    assert_eq!(tied(&tree), ["src/acks/held.rs", "src/engine/mod.rs"]);
    let child_and_parent = Tree::of(&[
        ("src/lib.rs", "mod engine;"),
        (
            "src/engine.rs",
            "mod log;\npub const MOST: u8 = 1;\npub fn seal() { log::write() }",
        ),
        (
            "src/engine/log.rs",
            "use super::MOST;\npub fn write() -> u8 { MOST }",
        ),
    ]);
    assert_eq!(tied(&child_and_parent), ["src/engine.rs", "src/engine/log.rs"]);
}

#[test]
fn unsafe_and_the_raw_bindings_are_found_outside_of_the_api() {
    let tree = Tree::of(&[
        (
            "src/acks/held.rs",
            "//! No unsafe here.\nfn f() { unsafe { g() } }\nunsafe fn g() {}",
        ),
        ("src/acks/mod.rs", "macro_rules! hidden { () => { unsafe {} } }"),
        (
            "src/acks/plain.rs",
            "//! Nothing unsafe.\nconst A: &str = \"unsafe\";",
        ),
        (
            "crates/module-api/src/call.rs",
            "use redis_module::raw;\nfn f() { unsafe { g() } }",
        ),
        (
            "src/engine/mod.rs",
            "use redis_module::raw;\nfn f() -> libc::c_int { 0 }",
        ),
    ]);
    let found = wall::unsafe_outside(&tree);
    let found: Vec<_> = found
        .iter()
        .map(|f| (f.rule, f.place.as_str(), f.count))
        .collect();
    let expected = [
        ("unsafe", "src/acks/held.rs", 2),
        ("unsafe", "src/acks/mod.rs", 1),
        ("raw", "src/engine/mod.rs", 1),
        ("libc", "src/engine/mod.rs", 1),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_entry_may_have_one_unsafe_line_and_no_more() {
    let count = |source| {
        let tree = Tree::of(&[("src/lib.rs", source)]);
        wall::unsafe_outside(&tree).first().map_or(0, |found| found.count)
    };
    assert_eq!(count("#[unsafe(no_mangle)]\nfn entry() {}"), 0);
    assert_eq!(
        count("#[unsafe(no_mangle)]\nfn entry() { f(); }\nfn f() { unsafe { g() } }"),
        2
    );
}

#[test]
fn long_functions_and_files_and_missing_heads_are_found() {
    let body = "    f();\n".repeat(69);
    let long = format!("//! Long.\nimpl A {{\nfn f() {{\n{body}}}\n}}\n");
    let short = long.replacen("    f();\n", "", 1);
    let many = format!("//! Many.\n{}", "const A: u8 = 1;\n".repeat(500));
    let tree = Tree::of(&[
        ("src/long.rs", &long),
        ("src/short.rs", &short),
        ("src/many.rs", &many),
        ("src/bare.rs", "// No head.\n"),
    ]);
    let functions = size::long_functions(&tree);
    assert_eq!(places(&functions), ["src/long.rs:f"]);
    assert_eq!(functions[0].count, 71);
    assert_eq!(places(&size::long_files(&tree)), ["src/many.rs"]);
    assert_eq!(places(&size::without_a_head(&tree)), ["src/bare.rs"]);
}

#[test]
fn a_path_that_leads_nowhere_is_found() {
    let tree = Tree::of(&[
        (
            "README.md",
            "See `src/acks/held.rs`, `src/acks`, `held.rs`, `src/acks/gone.rs`.",
        ),
        (
            "docs/ARCHITECTURE.md",
            "In `acks/held.rs`; https://example.org/src/no.rs; as `gone.rs` did.",
        ),
        (
            "src/acks/held.rs",
            "//! As in `src/engine.rs`.\nconst A: &str = \"src/no/comment.rs\"; // `tools/gone.sh`\n",
        ),
        (
            "crates/grammar/src/glob.rs",
            "//! As in `src/glob.rs`, not as in `src/text.rs`.\n",
        ),
        ("docs/FORMAT.md", "Not `src/glob.rs`."),
        (
            "Makefile",
            "# tools/no.sh is gone\nall:\n\ttools/not-a-comment.sh\n",
        ),
    ]);
    let expected = [
        "README.md:src/acks/gone.rs",
        "docs/ARCHITECTURE.md:gone.rs",
        "src/acks/held.rs:src/engine.rs",
        "src/acks/held.rs:tools/gone.sh",
        "Makefile:tools/no.sh",
        "crates/grammar/src/glob.rs:src/text.rs",
        "docs/FORMAT.md:src/glob.rs",
    ];
    let found = citations::stale_paths(&tree);
    let mut found = places(&found);
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_document_that_the_repository_lacks_is_found() {
    let tree = Tree::of(&[
        ("docs/FORMAT.md", "Section 2. An issue of time."),
        (
            "src/a.rs",
            "//! Design section 6.1. As in docs/FORMAT.md, section 2.\n",
        ),
        ("src/b.rs", "// For issue 11, and issue #12; redis/redis#9054.\n"),
        ("src/c.rs", "// See plan.md.\n"),
    ]);
    let found = citations::foreign_documents(&tree);
    assert_eq!(
        places(&found),
        [
            "src/a.rs:Design_section",
            "src/b.rs:issue_#12;",
            "src/b.rs:issue_11,"
        ]
    );
    assert_eq!(places(&citations::stale_paths(&tree)), ["src/c.rs:plan.md"]);
}

#[test]
fn the_list_may_only_get_shorter() {
    let found = |place: &str, count| Finding {
        rule: "loop",
        place: place.to_owned(),
        count,
        detail: String::new(),
    };
    let listed = "# Head.\n\n2 loop src/a.rs\n1 loop src/b.rs\n";
    assert!(compare(listed, &[found("src/a.rs", 2), found("src/b.rs", 1)]).is_empty());
    for wrong in [
        vec![found("src/a.rs", 3), found("src/b.rs", 1)],
        vec![found("src/a.rs", 1), found("src/b.rs", 1)],
        vec![found("src/a.rs", 2)],
        vec![found("src/a.rs", 2), found("src/b.rs", 1), found("src/c.rs", 1)],
    ] {
        assert_eq!(compare(listed, &wrong).len(), 1, "{wrong:?}");
        assert!(compare(&list(listed, &wrong), &wrong).is_empty());
    }
}
