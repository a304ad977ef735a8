//! Which file uses what which other file of its crate defines: by the `use` lines and every other path, those in macros
//! included. What a module only passes on counts for the file that defines it; to name a module alone counts for nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Module, modules};
use super::tree::Tree;

/// Files, and those that they use.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// Of all crates.
pub fn imports(tree: &Tree) -> Imports {
    let mut all = Imports::new();
    let roots = tree.ending("src/lib.rs").chain(tree.ending("src/main.rs"));
    for (root, _) in roots {
        let modules = modules(tree, root);
        for (at, module) in modules.iter().enumerate() {
            let used = all.entry(module.file.clone()).or_default();
            for path in &module.named {
                if let Some(Place::Item(file)) = follow(&modules, at, path, 0) {
                    used.insert(file.to_owned());
                }
            }
            used.remove(&module.file);
        }
    }
    all
}

/// What a path names.
enum Place<'a> {
    Module(usize),
    /// Something defined in this file, or brought by it from another crate.
    Item(&'a str),
}

/// A chain of names longer than this goes in circles.
const TOO_DEEP: usize = 20;

fn follow<'a>(all: &'a [Module], from: usize, path: &[String], depth: usize) -> Option<Place<'a>> {
    let (first, rest) = path.split_first()?;
    if depth > TOO_DEEP {
        return None;
    }
    let start = match first.as_str() {
        "crate" => Place::Module(0),
        "self" => Place::Module(from),
        "super" => Place::Module(all[from].parent?),
        name => step(all, from, name, rest.is_empty(), depth)?,
    };
    let mut at = match start {
        Place::Module(at) => at,
        item => return Some(item),
    };
    for (i, name) in rest.iter().enumerate() {
        let last = i + 1 == rest.len();
        match name.as_str() {
            "super" => at = all[at].parent?,
            name => match step(all, at, name, last, depth) {
                Some(Place::Module(found)) => at = found,
                Some(item) => return Some(item),
                // Made by a macro of that module.
                None => return Some(Place::Item(&all[at].file)),
            },
        }
    }
    Some(Place::Module(at))
}

/// A name in a module. A name may be that of a child, or of a module that is brought, and of a function: with nothing behind
/// it, it is the latter.
fn step<'a>(all: &'a [Module], at: usize, name: &str, last: bool, depth: usize) -> Option<Place<'a>> {
    let module = &all[at];
    let child = module.children.get(name).map(|&child| Place::Module(child));
    if !last && child.is_some() {
        return child;
    }
    let brought = !last && module.aliases.contains_key(name);
    if module.defined.contains(name) && !brought {
        return Some(Place::Item(&module.file));
    }
    if let Some(path) = module.aliases.get(name) {
        // `use other;` of another crate, and of a macro of this very module.
        let itself = path.len() == 1 && path[0] == name && child.is_none();
        let found = if itself {
            None
        } else {
            follow(all, at, path, depth + 1)
        };
        return found.or(Some(Place::Item(&module.file)));
    }
    if child.is_some() {
        return child;
    }
    module
        .globs
        .iter()
        .find_map(|path| match follow(all, at, path, depth + 1)? {
            Place::Module(found) if found != at => step(all, found, name, last, depth + 1),
            _ => None,
        })
}
