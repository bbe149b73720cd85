//! Which names a file gives away itself: a path that begins with one of them may mean the file's own thing.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMacro, ItemMod, ItemUse, Stmt, UseTree};

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
