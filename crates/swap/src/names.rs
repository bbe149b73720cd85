//! Which names a file gives away itself: a path that begins with one of them may mean the file's own thing.

use std::collections::HashSet;

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
