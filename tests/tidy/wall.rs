//! `unsafe`, the raw bindings and `libc` are in the API alone.

use proc_macro2::{TokenStream, TokenTree};

use super::Finding;
use super::tree::Tree;

/// Where they may be.
const API: [&str; 1] = ["crates/module-api/"];

/// The module's entry: the server finds it by its name, and a name that the linker keeps is `unsafe`. Once.
const ENTRY: &str = "src/lib.rs";

/// What may not be elsewhere, and how it is called in the list.
const WORDS: [(&str, &str); 3] = [("unsafe", "unsafe"), ("redis_module", "raw"), ("libc", "libc")];

/// Every file outside of the API that has one of these.
pub fn unsafe_outside(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, rust) in tree.rust() {
        let of_the_module =
            path.starts_with("src/") || (path.starts_with("crates/") && path.contains("/src/"));
        if !of_the_module || API.iter().any(|api| path.starts_with(api)) {
            continue;
        }
        for (word, rule) in WORDS {
            let mut lines = Vec::new();
            lines_with(rust.tokens.clone(), word, &mut lines);
            lines.dedup();
            if path == ENTRY && word == "unsafe" && lines.len() == 1 {
                continue;
            }
            if !lines.is_empty() {
                found.push(Finding {
                    rule,
                    place: path.to_owned(),
                    count: lines.len(),
                    detail: format!("in lines {lines:?}"),
                });
            }
        }
    }
    found
}

fn lines_with(tokens: TokenStream, word: &str, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == word => lines.push(ident.span().start().line),
            TokenTree::Group(group) => lines_with(group.stream(), word, lines),
            _ => {}
        }
    }
}
