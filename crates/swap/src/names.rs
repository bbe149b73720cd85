//! Which names a file gives away itself: a path that begins with one of them may mean the file's own thing.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMacro, ItemMod, ItemUse, Stmt, UseTree};

/// What a file declares under its own names, anywhere in it.
#[derive(Debug, Default)]
pub struct Names {
    /// Modules, and what imports bring in from elsewhere than a crate of the same name.
    pub modules: HashSet<String>,
    /// `macro_rules!`.
    pub macros: HashSet<String>,
}

impl Names {
    /// Those of `file`.
    pub fn of(file: &syn::File) -> Names {
        let mut names = Names::default();
        names.visit_file(file);
        names
    }

    /// Those of a file that does not parse, by the looks of its tokens.
    pub fn of_tokens(tokens: &TokenStream) -> Names {
        let mut names = Names::default();
        names.take(tokens);
        names
    }

    fn take(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match (token, tokens.get(at + 1), tokens.get(at + 2)) {
                (TokenTree::Group(group), ..) => self.take(&group.stream()),
                (TokenTree::Ident(word), Some(TokenTree::Ident(name)), _) if word == "mod" => {
                    self.modules.insert(name.to_string());
                }
                (TokenTree::Ident(word), Some(_), Some(TokenTree::Ident(name))) if word == "macro_rules" => {
                    self.macros.insert(name.to_string());
                }
                (TokenTree::Ident(word), ..) if word == "use" => {
                    let is_end =
                        |token: &TokenTree| matches!(token, TokenTree::Punct(end) if end.as_char() == ';');
                    let end = tokens[at..].iter().position(is_end).map_or(tokens.len(), |end| at + end + 1);
                    if let Ok(node) = syn::parse2::<ItemUse>(tokens[at..end].iter().cloned().collect()) {
                        self.import(&node.tree, 0);
                    }
                }
                _ => {}
            }
        }
    }

    /// Those of an example.
    pub fn of_statements(statements: &[Stmt]) -> Names {
        let mut names = Names::default();
        statements.iter().for_each(|statement| names.visit_stmt(statement));
        names
    }

    fn import(&mut self, tree: &UseTree, depth: usize) {
        match tree {
            UseTree::Path(path) => self.import(&path.tree, depth + 1),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, depth)),
            // `use std;` is std itself.
            UseTree::Name(name) if depth > 0 => {
                self.modules.insert(name.ident.to_string());
            }
            UseTree::Rename(rename) => {
                self.modules.insert(rename.rename.to_string());
            }
            _ => {}
        }
    }
}

/// What one module declares by name, so that a glob's name of the same spelling does not count there.
#[derive(Debug, Default)]
pub struct Explicit {
    /// Its own modules and types, and what it imports from elsewhere.
    pub own: HashSet<String>,
    /// What it imports from std or from the mirror.
    pub settled: HashSet<String>,
}

impl Explicit {
    /// Those of a module with these items.
    pub fn of(items: &[Item]) -> Explicit {
        let mut explicit = Explicit::default();
        for item in items {
            let name = match item {
                Item::Mod(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Union(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::Type(item) => &item.ident,
                Item::Use(item) => {
                    explicit.import(&item.tree, &mut Vec::new());
                    continue;
                }
                _ => continue,
            };
            explicit.own.insert(name.to_string());
        }
        explicit
    }

    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, before)),
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.bind(last, before);
            }
            UseTree::Name(name) => self.bind(name.ident.to_string(), before),
            UseTree::Rename(rename) => self.bind(rename.rename.to_string(), before),
            UseTree::Glob(_) => {}
        }
    }

    fn bind(&mut self, name: String, before: &[String]) {
        let of_std = before.first().is_some_and(|root| root == "std" || root == "tracked");
        if of_std {
            self.settled.insert(name)
        } else {
            self.own.insert(name)
        };
    }
}

impl Visit<'_> for Names {
    fn visit_item_mod(&mut self, node: &ItemMod) {
        self.modules.insert(node.ident.to_string());
        visit::visit_item_mod(self, node);
    }

    fn visit_item_use(&mut self, node: &ItemUse) {
        self.import(&node.tree, 0);
    }

    fn visit_item_macro(&mut self, node: &ItemMacro) {
        self.macros.extend(node.ident.iter().map(ToString::to_string));
    }
}
