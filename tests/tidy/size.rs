//! Functions and files that one reads in one breath, and that say first what they are.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;
use super::tree::Tree;

/// Lines of a function, from its `fn` to its end.
const OF_A_FUNCTION: usize = 70;
/// Lines of a file.
const OF_A_FILE: usize = 500;

/// Functions over the limit.
pub fn long_functions(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, rust) in tree.rust() {
        let mut reader = Reader {
            path,
            found: &mut found,
        };
        reader.visit_file(&rust.file);
    }
    found
}

struct Reader<'a> {
    path: &'a str,
    found: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        let lines = last + 1 - first;
        if lines > OF_A_FUNCTION {
            self.found.push(Finding {
                rule: "function",
                place: format!("{}:{}", self.path, signature.ident),
                count: lines,
                detail: format!("lines {first} to {last}, {OF_A_FUNCTION} at most"),
            });
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// Files over the limit.
pub fn long_files(tree: &Tree) -> Vec<Finding> {
    let files = tree
        .ending(".rs")
        .map(|(path, text)| (path, text.lines().count()));
    files
        .filter(|&(_, lines)| lines > OF_A_FILE)
        .map(|(path, lines)| Finding {
            rule: "file",
            place: path.to_owned(),
            count: lines,
            detail: format!("{OF_A_FILE} lines at most"),
        })
        .collect()
}

/// Files that don't begin with what they are.
pub fn without_a_head(tree: &Tree) -> Vec<Finding> {
    let files = tree.ending(".rs").filter(|(_, text)| !text.starts_with("//!"));
    files
        .map(|(path, _)| Finding {
            rule: "head",
            place: path.to_owned(),
            count: 1,
            detail: "begins with something else than `//!`".to_owned(),
        })
        .collect()
}
