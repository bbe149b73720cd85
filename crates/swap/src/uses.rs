//! Imports. Where all that is under `std` (or a line of parking_lot) has a mirror, its name is replaced and nothing
//! else changes; where only a part has, that part leaves its group and gets an import of its own behind the old one.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{ItemUse, UseGroup, UsePath, UseTree};

use crate::edit::Edits;
use crate::mirrors::{Root, Verdict, verdict};
use crate::source::Swap;

/// A moved part that is longer than this keeps its lines.
const LINE_MAX: usize = 100;

/// What of a tree goes to the mirror.
enum Part {
    All,
    Nothing,
    /// This, which has been taken out of the tree.
    Some(String),
}

/// Swaps one import. `may_split`: there may be an import of its own behind it.
pub fn import(swap: &mut Swap<'_>, node: &ItemUse, may_split: bool) {
    let split = may_split.then_some(node);
    let after_colons = node.leading_colon.is_some();
    Import { swap, split, behind: Vec::new() }.top(&node.tree, after_colons);
}

/// Lists what it would swap.
pub fn list(swap: &mut Swap<'_>, node: &ItemUse, why: &str) {
    each_leaf(&node.tree, &mut Vec::new(), &mut |names, span| {
        let [root, rest @ ..] = names else { return };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        if let Some(root) = swap.root(root, node.leading_colon.is_some())
            && verdict(root, &rest) != Verdict::Foreign
        {
            swap.leave(span, names.join("::"), why);
        }
    });
}

fn each_leaf(tree: &UseTree, names: &mut Vec<String>, visit: &mut dyn FnMut(&[String], Span)) {
    let mut leaf = |name: Option<String>, span: Span| {
        let all: Vec<String> = names.iter().cloned().chain(name).collect();
        visit(&all, span);
    };
    match tree {
        UseTree::Path(path) => {
            names.push(path.ident.to_string());
            each_leaf(&path.tree, names, visit);
            names.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|item| each_leaf(item, names, visit)),
        UseTree::Name(name) => leaf(Some(name.ident.to_string()), tree.span()),
        UseTree::Rename(rename) => leaf(Some(rename.ident.to_string()), tree.span()),
        _ => leaf(None, tree.span()),
    }
}

struct Import<'s, 'a, 'n> {
    swap: &'s mut Swap<'a>,
    /// The import, if it may be split.
    split: Option<&'n ItemUse>,
    /// The names between the root and the place.
    behind: Vec<String>,
}

impl<'a> Import<'_, 'a, '_> {
    /// A tree that begins with a crate's name, or a group of such.
    fn top(&mut self, tree: &UseTree, after_colons: bool) {
        match tree {
            UseTree::Group(group) => group.items.iter().for_each(|item| self.top(item, after_colons)),
            UseTree::Path(path) => {
                let Some(root) = self.import_root(path, after_colons) else { return };
                let mut edits = Edits::default();
                match self.part(&path.tree, root, &mut edits) {
                    Part::Nothing => {}
                    Part::All => {
                        let with = self.swap.replacement(root, after_colons);
                        edits.replace(self.swap.range(path.ident.span()), with);
                        self.take(edits, tree.span());
                    }
                    Part::Some(moved) => self.split_off(root, &moved, tree.span(), edits),
                }
            }
            UseTree::Name(name) => self.root_itself(&name.ident, None, after_colons),
            UseTree::Rename(rename) => self.root_itself(&rename.ident, Some(&rename.rename), after_colons),
            _ => {}
        }
    }

    /// The root that an import begins with. Where the file has something of that name itself, the import stays.
    fn import_root(&mut self, path: &UsePath, after_colons: bool) -> Option<Root<'a>> {
        let name = path.ident.to_string();
        let root = self.swap.root(&name, after_colons);
        let of_ours = self.swap.mirrors.root(&name).filter(|root| !matches!(root, Root::BelowStd(_)));
        if root.is_none() && of_ours.is_some() {
            let what = self.swap.text[self.swap.range(path.span())].to_owned();
            self.swap.leave(path.ident.span(), what, format!("this file has a `{name}` of its own"));
        }
        root
    }

    fn take(&mut self, edits: Edits, at: Span) {
        self.swap.edits.extend(edits);
        let what = self.swap.text[self.swap.range(at)].to_owned();
        self.swap.took(at, what);
    }

    /// `use parking_lot;` and `use parking_lot as x;`.
    fn root_itself(&mut self, name: &syn::Ident, rename: Option<&syn::Ident>, after_colons: bool) {
        let text = name.to_string();
        let mirrors = self.swap.mirrors;
        match (mirrors.root(&text), rename) {
            (Some(root @ Root::ParkingLot(own)), _) if own.line.is_some() => {
                let with = self.swap.replacement(root, after_colons);
                let with = if rename.is_none() { format!("{with} as {text}") } else { with };
                let mut edits = Edits::default();
                edits.replace(self.swap.range(name.span()), with);
                self.take(edits, name.span());
            }
            (Some(Root::Std), Some(rename)) if rename != "_" => {
                let why = "what is reached by this other name is not swapped";
                self.swap.leave(name.span(), format!("std as {rename}"), why);
            }
            _ => {}
        }
    }

    /// Which part of `tree`, which stands behind `root` and `self.behind`, has a mirror.
    fn part(&mut self, tree: &UseTree, root: Root<'a>, edits: &mut Edits) -> Part {
        match tree {
            UseTree::Path(path) => {
                let name = path.ident.to_string();
                if self.is_foreign(root, &name) {
                    return Part::Nothing;
                }
                self.behind.push(name.clone());
                let part = self.part(&path.tree, root, edits);
                self.behind.pop();
                match part {
                    Part::Some(moved) => Part::Some(format!("{name}::{moved}")),
                    part => part,
                }
            }
            UseTree::Name(name) => self.leaf(tree, &name.ident, root, edits),
            UseTree::Rename(rename) => self.leaf(tree, &rename.ident, root, edits),
            UseTree::Group(group) => self.group(group, root, edits),
            _ => self.glob(tree, root),
        }
    }

    /// Whether nothing behind `name` can concern us.
    fn is_foreign(&self, root: Root<'_>, name: &str) -> bool {
        root == Root::Std && self.behind.is_empty() && !matches!(name, "sync" | "thread" | "thread_local")
    }

    fn leaf(&mut self, tree: &UseTree, name: &syn::Ident, root: Root<'a>, edits: &mut Edits) -> Part {
        let text = name.to_string();
        let names: Vec<&str> = self.behind.iter().map(String::as_str).chain([text.as_str()]).collect();
        match verdict(root, &names) {
            Verdict::Foreign => Part::Nothing,
            Verdict::Missing(why) => {
                let what = format!("{}::{}", self.root_name(root), names.join("::"));
                self.swap.leave(tree.span(), what, why);
                Part::Nothing
            }
            Verdict::Mirrored => {
                // `parking_lot::{self}` binds the name of the crate, which changes.
                if let (Root::ParkingLot(own), UseTree::Name(_), true, "self") =
                    (root, tree, self.behind.is_empty(), text.as_str())
                {
                    edits.replace(self.swap.range(name.span()), format!("self as {}", own.name));
                }
                Part::All
            }
        }
    }

    fn root_name(&self, root: Root<'_>) -> String {
        match root {
            Root::Std => "std".to_owned(),
            Root::ParkingLot(own) => own.name.clone(),
            Root::BelowStd(name) => name.to_owned(),
        }
    }

    fn glob(&mut self, tree: &UseTree, root: Root<'a>) -> Part {
        match root {
            Root::Std if self.behind.is_empty() => self.glob_of_std(tree),
            Root::BelowStd(name) if self.behind.first().is_some_and(|first| first == "sync") => {
                let what = format!("{name}::sync::*");
                self.swap.leave(tree.span(), what, "only paths that begin with `std` are swapped");
                Part::Nothing
            }
            Root::BelowStd(_) => Part::Nothing,
            Root::ParkingLot(own) if own.line.is_none() => {
                if let Verdict::Missing(why) = verdict(root, &["*"]) {
                    self.swap.leave(tree.span(), format!("{}::*", own.name), why);
                }
                Part::Nothing
            }
            Root::Std | Root::ParkingLot(_) => Part::All,
        }
    }

    /// `std::*` brings in `sync` and `thread` among all the rest, which stays; what is imported by name beside it goes
    /// before what a glob brings in.
    fn glob_of_std(&mut self, tree: &UseTree) -> Part {
        let explicit = self.swap.explicit.as_ref().filter(|_| self.split.is_some());
        let Some(explicit) = explicit else {
            let why =
                "it brings in `sync` and `thread` among all the rest; name them in an import of their own";
            self.swap.leave(tree.span(), "std::*", why);
            return Part::Nothing;
        };
        let is_settled = |name: &&str| explicit.settled.contains(*name);
        let open: Vec<&str> = ["sync", "thread"].into_iter().filter(|name| !is_settled(name)).collect();
        let (own, missing): (Vec<&str>, Vec<&str>) =
            open.into_iter().partition(|name| explicit.own.contains(*name));
        for name in own {
            let why = format!(
                "it brings in `{name}`, unless by some condition this module's own `{name}` is there"
            );
            self.swap.leave(tree.span(), "std::*", why);
        }
        match &missing[..] {
            [] => Part::Nothing,
            [only] => Part::Some((*only).to_owned()),
            several => Part::Some(format!("{{{}}}", several.join(", "))),
        }
    }

    fn group(&mut self, group: &UseGroup, root: Root<'a>, edits: &mut Edits) -> Part {
        let mut own = Edits::default();
        let parts: Vec<Part> = group.items.iter().map(|item| self.part(item, root, &mut own)).collect();
        if !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::All)) {
            edits.extend(own);
            return Part::All;
        }
        if parts.iter().all(|part| matches!(part, Part::Nothing)) {
            return Part::Nothing;
        }
        if self.split.is_none() {
            let why = "inside a macro, and only a part of the import has a mirror";
            self.swap.leave(group.span(), self.swap.text[self.swap.range(group.span())].to_owned(), why);
            return Part::Nothing;
        }
        let moved: Vec<String> = group
            .items
            .iter()
            .zip(&parts)
            .filter_map(|(item, part)| match part {
                Part::All => Some(self.moved_text(item, root)),
                Part::Some(moved) => Some(moved.clone()),
                Part::Nothing => None,
            })
            .collect();
        // What is moved as a whole must not be edited in its old place.
        let gone: Vec<bool> = parts.iter().map(|part| matches!(part, Part::All)).collect();
        let inner = parts.iter().any(|part| matches!(part, Part::Some(_)));
        if inner {
            edits.extend(own);
        }
        shrink(self.swap, group, &gone, inner, edits);
        match &moved[..] {
            [only] => Part::Some(only.clone()),
            several => Part::Some(format!("{{{}}}", several.join(", "))),
        }
    }

    fn moved_text(&self, item: &UseTree, root: Root<'_>) -> String {
        if let (Root::ParkingLot(own), UseTree::Name(name), true) = (root, item, self.behind.is_empty())
            && name.ident == "self"
        {
            return format!("self as {}", own.name);
        }
        tidy(&self.swap.text[self.swap.range(item.span())])
    }

    /// Puts an import of `moved` behind the old one, with its attributes and visibility.
    fn split_off(&mut self, root: Root<'a>, moved: &str, at: Span, mut edits: Edits) {
        let Some(node) = self.split else {
            let why = "inside a macro, and only a part of the import has a mirror";
            self.swap.leave(at, self.swap.text[self.swap.range(at)].to_owned(), why);
            return;
        };
        let text = self.swap.text;
        let range = |span: Span| self.swap.range(span);
        let start = range(node.span()).start;
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = &text[line_start..start];
        let alone = before.chars().all(char::is_whitespace);
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let between = if alone { format!("{newline}{before}") } else { " ".to_owned() };
        let mut new = String::new();
        // A glob that brings in what nobody uses is not warned of; an import by name is.
        if has_bare_glob(&node.tree) {
            new += &format!("{between}#[allow(unused_imports)]");
        }
        for attr in node.attrs.iter().filter(|attr| !attr.path().is_ident("doc")) {
            new += &between;
            new += &text[range(attr.span())];
        }
        new += &between;
        let visibility = &text[range(node.vis.span())];
        if !matches!(node.vis, syn::Visibility::Inherited) {
            new += visibility;
            new += " ";
        }
        let colons = if node.leading_colon.is_some() { "::" } else { "" };
        let end = range(node.semi_token.span()).end;
        let replacement = self.swap.replacement(root, node.leading_colon.is_some());
        new += &format!("use {colons}{replacement}::{moved};");
        edits.insert(end, new);
        self.take(edits, at);
    }
}

/// Whether it has `std::*` in it.
fn has_bare_glob(tree: &UseTree) -> bool {
    match tree {
        UseTree::Group(group) => group.items.iter().any(has_bare_glob),
        UseTree::Path(path) if path.ident == "std" => match &*path.tree {
            UseTree::Glob(_) => true,
            UseTree::Group(group) => group.items.iter().any(|item| matches!(item, UseTree::Glob(_))),
            _ => false,
        },
        _ => false,
    }
}

/// Takes items out of a group. `inner`: what stays is edited as well.
fn shrink(swap: &Swap<'_>, group: &UseGroup, gone: &[bool], inner: bool, edits: &mut Edits) {
    let text = swap.text;
    let pairs: Vec<_> = group.items.pairs().collect();
    let kept: Vec<usize> = (0..pairs.len()).filter(|&index| !gone[index]).collect();
    let Some(&last_kept) = kept.last() else { return };
    let item = |index: usize| swap.range(pairs[index].value().span());
    let comma_end =
        |index: usize| pairs[index].punct().map_or(item(index).end, |comma| swap.range(comma.span()).end);
    let whole = swap.range(group.span());
    if kept.len() == 1 && !inner && !has_comment(&text[whole.clone()]) {
        let only = &text[item(last_kept)];
        if only != "self" {
            edits.replace(whole, only);
            return;
        }
    }
    for index in (0..last_kept).filter(|&index| gone[index]) {
        let range = item(index).start..item(index + 1).start;
        let rest = &text[item(index).end..range.end];
        let end = if has_comment(rest) { comma_end(index) } else { range.end };
        edits.replace(range.start..end, "");
    }
    let last = pairs.len() - 1;
    if last_kept == last {
        return;
    }
    let tail_has_comma = pairs[last].punct().is_some();
    let start = if tail_has_comma { comma_end(last_kept) } else { item(last_kept).end };
    let between: String = (last_kept..last).map(|i| &text[item(i).end..item(i + 1).start]).collect();
    if has_comment(&between) {
        for index in last_kept + 1..=last {
            edits.replace(item(index).start..comma_end(index), "");
        }
    } else {
        edits.replace(start..comma_end(last), "");
    }
}

fn has_comment(text: &str) -> bool {
    text.contains("//") || text.contains("/*")
}

/// On one line, where it has no comments and fits.
fn tidy(text: &str) -> String {
    if !text.contains('\n') || has_comment(text) {
        return text.to_owned();
    }
    let one = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let one = one.replace("{ ", "{").replace(", }", "}").replace(" }", "}");
    if one.len() <= LINE_MAX { one } else { text.to_owned() }
}
