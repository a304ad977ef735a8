//! The modules of a crate: in which file each is, what it defines, and what it calls by another path.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::tree::Tree;

/// Names from the crate's root, or as written.
pub type Path = Vec<String>;

/// A module.
#[derive(Debug, Default)]
pub struct Module {
    pub file: String,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    /// What it defines itself.
    pub defined: BTreeSet<String>,
    /// What its `use` lines bring, by the name that it has here.
    pub aliases: BTreeMap<String, Path>,
    /// What it brings whole.
    pub globs: Vec<Path>,
    /// Every path in it, as written, outside of tests.
    pub named: Vec<Path>,
}

/// The modules of a crate, the root first.
pub fn modules(tree: &Tree, root: &str) -> Vec<Module> {
    let mut all = vec![Module {
        file: root.to_owned(),
        ..Module::default()
    }];
    read(tree, &mut all, 0, &tree.file(root).unwrap().items);
    all
}

fn read(tree: &Tree, all: &mut Vec<Module>, at: usize, items: &[syn::Item]) {
    let children = {
        let mut reader = Reader {
            module: &mut all[at],
            children: Vec::new(),
        };
        items.iter().for_each(|item| reader.visit_item(item));
        reader.children
    };
    for child in children {
        let name = child.ident.to_string();
        let (file, items) = match &child.content {
            Some((_, items)) => (all[at].file.clone(), items),
            None => {
                let Some(path) = file_of(tree, &all[at].file, &name) else {
                    continue;
                };
                let items = &tree.file(&path).unwrap().items;
                (path, items)
            }
        };
        let index = all.len();
        all.push(Module {
            file,
            parent: Some(at),
            ..Module::default()
        });
        all[at].children.insert(name, index);
        read(tree, all, index, items);
    }
}

/// Where `mod name;` leads to.
fn file_of(tree: &Tree, parent: &str, name: &str) -> Option<String> {
    let (folder, file) = parent.rsplit_once('/').unwrap_or(("", parent));
    let folder = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    };
    let places = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    places.into_iter().find(|path| tree.file(path).is_some())
}

struct Reader<'a, 'ast> {
    module: &'a mut Module,
    children: Vec<&'ast syn::ItemMod>,
}

impl Reader<'_, '_> {
    fn define(&mut self, name: &syn::Ident) {
        self.module.defined.insert(name.to_string());
    }

    fn bring(&mut self, before: &[String], tree: &syn::UseTree) {
        let mut path = before.to_vec();
        match tree {
            syn::UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.bring(&path, &step.tree);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.bring(before, tree)),
            syn::UseTree::Glob(_) => self.module.globs.push(path),
            syn::UseTree::Name(leaf) => self.name(path, &leaf.ident, &leaf.ident),
            syn::UseTree::Rename(leaf) => self.name(path, &leaf.ident, &leaf.rename),
        }
    }

    fn name(&mut self, mut path: Path, name: &syn::Ident, alias: &syn::Ident) {
        let mut alias = alias.to_string();
        if name == "self" {
            if *name == alias {
                alias = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(name.to_string());
        }
        self.module.named.push(path.clone());
        self.module.aliases.insert(alias, path);
    }

    /// Paths in the arguments of a macro or of an attribute, or in the rules of a macro.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.keep(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.keep(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.scan(group.stream());
                    }
                }
            }
        }
        self.keep(&mut path);
    }

    fn keep(&mut self, path: &mut Path) {
        let path = std::mem::take(path);
        if !path.is_empty() {
            self.module.named.push(path);
        }
    }
}

/// Only compiled for unit tests: these may use whatever they want.
fn for_tests(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => attr.path().is_ident("test"),
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader<'_, 'ast> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if for_tests(attributes(item)) {
            return;
        }
        match item {
            syn::Item::Const(item) => self.define(&item.ident),
            syn::Item::Enum(item) => self.define(&item.ident),
            syn::Item::Fn(item) => self.define(&item.sig.ident),
            syn::Item::Static(item) => self.define(&item.ident),
            syn::Item::Struct(item) => self.define(&item.ident),
            syn::Item::Trait(item) => self.define(&item.ident),
            syn::Item::Type(item) => self.define(&item.ident),
            syn::Item::Union(item) => self.define(&item.ident),
            syn::Item::Macro(item) => item.ident.iter().for_each(|name| self.define(name)),
            syn::Item::Mod(item) => {
                self.children.push(item);
                return;
            }
            syn::Item::Use(item) => {
                self.bring(&[], &item.tree);
                return;
            }
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string());
        self.module.named.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.scan(list.tokens.clone());
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.scan(item.tokens.clone());
    }
}
