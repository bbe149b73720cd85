//! One file: which of its bytes are replaced, what is left, and which other files it names as its modules.

use std::ops::Range;

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Item, ItemExternCrate, ItemMacro, ItemMod, ItemUse, Macro, Meta, MetaNameValue, Path,
    Visibility,
};

use crate::edit::{Edits, Place};
use crate::mirrors::{Edition, Mirrors, Root, Verdict, verdict};
use crate::modules::Module;
use crate::names::{Explicit, Names};
use crate::{Left, examples, tokens, uses};

/// A file after the swap.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    /// Its text.
    pub text: String,
    /// The paths and imports that were replaced: where, and what stood there.
    pub swapped: Vec<(Place, String)>,
    /// What was left, in the order of the text.
    pub left: Vec<Left>,
    /// The modules that lie in other files.
    pub(crate) modules: Vec<Module>,
    /// The lines of parking_lot that something was replaced of, as features of `tracked`.
    pub features: Vec<&'static str>,
    /// Whether something of its own is called `tracked`.
    pub(crate) declares_tracked: bool,
}

/// Swaps what `text` says.
///
/// # Errors
///
/// If it does not parse: the place and why.
pub fn rewrite(text: &str, mirrors: &Mirrors) -> Result<Rewritten, Left> {
    let rust = without_shebang(text);
    let offset = text.len() - rust.len();
    let file = match syn::parse_file(rust) {
        Ok(file) => file,
        Err(error) => return rewrite_tokens(text, offset, mirrors, &error),
    };
    let names = Names::of(&file);
    let declares_tracked = names.modules.contains("tracked") && !imports_only_tracked(&file);
    let mut swap = Swap::new(text, offset, mirrors, names);
    swap.visit_file(&file);
    if mirrors.examples {
        examples::swap(&mut swap, rust, offset);
    }
    Ok(Rewritten { declares_tracked, ..swap.finish() })
}

/// The same for a file that does not parse, as long as its brackets match.
fn rewrite_tokens(
    text: &str,
    offset: usize,
    mirrors: &Mirrors,
    error: &syn::Error,
) -> Result<Rewritten, Left> {
    let rust = &text[offset..];
    let Ok(tokens) = rust.parse::<TokenStream>() else {
        let place = Place::of(text, offset + error.span().byte_range().start);
        let why = format!("it does not parse: {error}");
        return Err(Left { place, what: "the whole file".to_owned(), why });
    };
    let mut swap = Swap::new(text, offset, mirrors, Names::of_tokens(&tokens));
    tokens::swap_file(&mut swap, &tokens);
    if mirrors.examples {
        examples::swap(&mut swap, rust, offset);
    }
    Ok(swap.finish())
}

/// Swaps what the examples in a Markdown file say, which documentation includes.
pub fn rewrite_markdown(text: &str, mirrors: &Mirrors) -> Rewritten {
    let mut swap = Swap::new(text, 0, mirrors, Names::default());
    if mirrors.examples {
        examples::swap_markdown(&mut swap);
    }
    swap.finish()
}

/// `use tracked;` and `use x::tracked` bind the name as well; a module is what counts.
fn imports_only_tracked(file: &syn::File) -> bool {
    struct Finds(bool);
    impl Visit<'_> for Finds {
        fn visit_item_mod(&mut self, node: &ItemMod) {
            self.0 |= node.ident == "tracked";
            visit::visit_item_mod(self, node);
        }
    }
    let mut finds = Finds(false);
    finds.visit_file(file);
    !finds.0
}

/// What syn leaves out before it counts bytes: a byte-order mark, and a `#!` line that is no attribute.
fn without_shebang(text: &str) -> &str {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => text.find('\n').map_or("", |end| &text[end..]),
        _ => text,
    }
}

/// What is known while a file is walked through.
pub struct Swap<'a> {
    pub text: &'a str,
    /// Where what syn saw begins.
    offset: usize,
    pub mirrors: &'a Mirrors,
    names: Names,
    pub edits: Edits,
    pub swapped: Vec<(Place, String)>,
    pub left: Vec<Left>,
    pub features: Vec<&'static str>,
    modules: Vec<Module>,
    /// What the module around the place declares by name; none within a function or a macro.
    pub explicit: Option<Explicit>,
    /// The inline modules around the place, outermost first, each with the folder that `#[path]` gives it.
    inside: Vec<(String, Option<String>)>,
}

impl<'a> Swap<'a> {
    /// For what syn saw of `text` from `offset` on.
    pub fn new(text: &'a str, offset: usize, mirrors: &'a Mirrors, names: Names) -> Swap<'a> {
        Swap {
            text,
            offset,
            mirrors,
            names,
            edits: Edits::default(),
            swapped: Vec::new(),
            left: Vec::new(),
            features: Vec::new(),
            modules: Vec::new(),
            explicit: None,
            inside: Vec::new(),
        }
    }

    /// What has become of the file. Its spans mean nothing from here on.
    fn finish(self) -> Rewritten {
        proc_macro2::extra::invalidate_current_thread_spans();
        let Swap { text, edits, mut swapped, mut left, modules, mut features, .. } = self;
        swapped.sort();
        left.sort();
        left.dedup();
        features.sort_unstable();
        features.dedup();
        Rewritten { text: edits.apply(text), swapped, left, modules, features, declares_tracked: false }
    }

    /// The bytes of a span.
    pub fn range(&self, span: Span) -> Range<usize> {
        let range = span.byte_range();
        range.start + self.offset..range.end + self.offset
    }

    /// Lists a place.
    pub fn leave(&mut self, span: Span, what: impl Into<String>, why: impl Into<String>) {
        let place = Place::of(self.text, self.range(span).start);
        self.left.push(Left { place, what: what.into(), why: why.into() });
    }

    /// The same where there is no span.
    pub fn leave_at(&mut self, place: Place, what: impl Into<String>, why: impl Into<String>) {
        self.left.push(Left { place, what: what.into(), why: why.into() });
    }

    /// Notes that something was replaced.
    pub fn took(&mut self, span: Span, what: impl Into<String>) {
        let place = Place::of(self.text, self.range(span).start);
        self.swapped.push((place, what.into()));
    }

    /// What a path that begins with `name` begins with, if that concerns us and is not the file's own.
    pub fn root(&self, name: &str, after_colons: bool) -> Option<Root<'a>> {
        let mirrors: &'a Mirrors = self.mirrors;
        let root = mirrors.root(name)?;
        let own = !after_colons && self.names.modules.contains(name);
        (!own).then_some(root)
    }

    /// Whether a path would concern us, were its first name not the file's own.
    fn shadowed(&self, name: &str, after_colons: bool) -> bool {
        !after_colons && self.names.modules.contains(name) && self.mirrors.root(name).is_some()
    }

    /// What replaces the name of the root, behind `::` or not.
    pub fn replacement(&mut self, root: Root<'_>, after_colons: bool) -> String {
        let tracked = self.mirrors.tracked(after_colons);
        match root {
            Root::ParkingLot(own) => {
                let Some(line) = own.line else { return tracked.to_owned() };
                self.features.push(line.feature());
                format!("{tracked}::{}", line.module())
            }
            Root::Std | Root::BelowStd(_) => tracked.to_owned(),
        }
    }

    /// Replaces a path's first name, if what follows it is in the mirror; lists it, if it ought to be.
    pub fn path(&mut self, names: &[String], first: Span, whole: Span, after_colons: bool) {
        let [root_name, rest @ ..] = names else { return };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        if self.shadowed(root_name, after_colons) {
            let root = self.mirrors.root(root_name);
            if root.is_some_and(|root| verdict(root, &rest) == Verdict::Mirrored) {
                self.leave(whole, names.join("::"), format!("this file has a `{root_name}` of its own"));
            }
            return;
        }
        let Some(root) = self.root(root_name, after_colons) else { return };
        match verdict(root, &rest) {
            Verdict::Mirrored => {
                let with = self.replacement(root, after_colons);
                let range = self.range(first);
                self.edits.replace(range, with);
                self.took(first, names.join("::"));
            }
            Verdict::Missing(why) => self.leave(whole, names.join("::"), why),
            Verdict::Foreign => {}
        }
    }

    /// `thread_local!` without a path before it.
    fn bare_macro(&mut self, path: &Path) {
        if path.leading_colon.is_none() && path.is_ident("thread_local") {
            self.bare_thread_local(path.span());
        }
    }

    /// The same, in a macro's body.
    pub fn bare_thread_local(&mut self, at: Span) {
        if !self.names.macros.contains("thread_local") && !self.names.modules.contains("thread_local") {
            let start = self.range(at).start;
            self.edits.insert(start, format!("{}::", self.mirrors.tracked(false)));
            self.took(at, "thread_local");
        }
    }

    fn module(&mut self, name: String, attrs: &[Attribute]) {
        let inside = self.inside.clone();
        self.modules.push(Module { name, paths: paths_of(attrs), inside });
    }

    /// A module that a macro's body declares.
    pub fn module_in_macro(&mut self, name: String) {
        self.module(name, &[]);
    }

    fn included(&mut self, node: &Macro) {
        if node.path.segments.last().is_some_and(|last| last.ident == "include") {
            self.includes(node);
        }
    }

    fn includes(&mut self, node: &Macro) {
        if let Ok(path) = syn::parse2::<syn::LitStr>(node.tokens.clone()) {
            self.modules.push(Module { name: String::new(), paths: vec![path.value()], inside: Vec::new() });
        }
    }
}

/// Every `name = value`, also behind `cfg_attr`.
fn each_pair(attr: &Attribute, visit: &mut dyn FnMut(&MetaNameValue)) {
    match &attr.meta {
        Meta::NameValue(pair) => visit(pair),
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let metas =
                list.parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated);
            for meta in metas.into_iter().flatten().skip(1) {
                if let Meta::NameValue(pair) = meta {
                    visit(&pair);
                }
            }
        }
        _ => {}
    }
}

/// What `#[path]` says.
fn paths_of(attrs: &[Attribute]) -> Vec<String> {
    let mut paths = Vec::new();
    for attr in attrs {
        each_pair(attr, &mut |pair| {
            if pair.path.is_ident("path") {
                paths.extend(string(&pair.value));
            }
        });
    }
    paths
}

fn string(value: &syn::Expr) -> Option<String> {
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Swap<'_> {
    fn visit_file(&mut self, node: &'ast syn::File) {
        self.explicit = Some(Explicit::of(&node.items));
        visit::visit_file(self, node);
    }

    fn visit_block(&mut self, node: &'ast syn::Block) {
        let around = self.explicit.take();
        visit::visit_block(self, node);
        self.explicit = around;
    }

    fn visit_item_use(&mut self, node: &'ast ItemUse) {
        uses::import(self, node, true);
    }

    fn visit_path(&mut self, node: &'ast Path) {
        if let Some(first) = node.segments.first()
            && node.segments.len() > 1
        {
            let names: Vec<String> = node.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.path(&names, first.ident.span(), node.span(), node.leading_colon.is_some());
        }
        visit::visit_path(self, node);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, node: &'ast Macro) {
        self.bare_macro(&node.path);
        self.visit_path(&node.path);
        self.included(node);
        let name = node.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        match tokens::writes_code(&name) {
            true => tokens::list(self, &node.tokens, &format!("inside `{name}!`, which writes code")),
            false => tokens::swap(self, &node.tokens),
        }
    }

    fn visit_item_macro(&mut self, node: &'ast ItemMacro) {
        let exported = node.attrs.iter().any(|attr| attr.path().is_ident("macro_export"));
        if node.ident.is_some() && exported {
            let why = "inside an exported macro, which other crates expand that do not have `tracked`";
            tokens::list(self, &node.mac.tokens, why);
        } else {
            visit::visit_item_macro(self, node);
        }
    }

    fn visit_item_mod(&mut self, node: &'ast ItemMod) {
        let name = unraw(&node.ident);
        let Some((_, items)) = &node.content else {
            self.module(name, &node.attrs);
            return;
        };
        let around = self.explicit.replace(Explicit::of(items));
        self.inside.push((name, paths_of(&node.attrs).into_iter().next()));
        visit::visit_item_mod(self, node);
        self.inside.pop();
        self.explicit = around;
    }

    fn visit_item_extern_crate(&mut self, node: &'ast ItemExternCrate) {
        let concerned = matches!(
            self.mirrors.root(&node.ident.to_string()),
            Some(Root::Std | Root::ParkingLot(_)) if node.rename.as_ref().is_some_and(|(_, name)| name != "_")
        );
        if concerned {
            let why = "what is reached by this other name is not swapped";
            self.leave(node.span(), self.text[self.range(node.span())].to_owned(), why);
        }
    }

    fn visit_attribute(&mut self, node: &'ast Attribute) {
        if let Meta::List(list) = &node.meta {
            tokens::list(self, &list.tokens, "inside an attribute");
        }
        each_pair(node, &mut |pair| {
            if let syn::Expr::Macro(included) = &pair.value
                && pair.path.is_ident("doc")
                && included.mac.path.is_ident("include_str")
                && self.mirrors.examples
            {
                self.includes(&included.mac);
            }
        });
    }

    /// What syn does not understand.
    fn visit_token_stream(&mut self, node: &'ast TokenStream) {
        tokens::swap(self, node);
    }
}

/// The name without `r#`.
pub fn unraw(ident: &proc_macro2::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Puts `extern crate tracked;` before the first item of a crate's root, where the edition wants it and it is not
/// there. None where nothing is to be done.
pub fn add_extern_crate(text: &str, edition: Edition) -> Option<String> {
    if edition != Edition::E2015 {
        return None;
    }
    let rust = without_shebang(text);
    let offset = text.len() - rust.len();
    let first = match syn::parse_file(rust) {
        Ok(file) => {
            let is_there = |item: &Item| matches!(item, Item::ExternCrate(own) if own.ident == "tracked");
            if file.items.iter().any(is_there) {
                return None;
            }
            file.items.first()?.span()
        }
        Err(_) if text.contains("extern crate tracked;") => return None,
        Err(_) => tokens::first_item(&rust.parse().ok()?)?,
    };
    let at = offset + first.byte_range().start;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edits = Edits::default();
    edits.insert(at, format!("extern crate tracked;{newline}"));
    Some(edits.apply(text))
}
