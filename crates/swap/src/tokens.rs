//! The bodies of macros, which are tokens and not yet Rust: paths are found by how they look, imports by parsing what
//! stands between `use` and `;`. Files that syn does not parse (trait objects without `dyn` and parameters without names,
//! as the 2015 edition has them) are taken in the same way.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use syn::ItemUse;

use crate::mirrors::{Verdict, verdict};
use crate::source::{Swap, unraw};
use crate::uses;

/// Whether what stands in a call of this macro becomes code (or text) elsewhere.
pub fn writes_code(name: &str) -> bool {
    matches!(
        name,
        "quote"
            | "quote_spanned"
            | "parse_quote"
            | "parse_quote_spanned"
            | "quote_token"
            | "quote_each_token"
            | "stringify"
            | "concat"
    )
}

/// What is done with what is found.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// It is swapped.
    Swap,
    /// The same, and imports may be split: there is no macro around.
    SwapFile,
    /// It is listed, for this reason.
    List(&'a str),
}

/// Swaps what looks like a path or an import.
pub fn swap(swap: &mut Swap<'_>, tokens: &TokenStream) {
    walk(swap, tokens, Way::Swap);
}

/// The same for a whole file.
pub fn swap_file(swap: &mut Swap<'_>, tokens: &TokenStream) {
    walk(swap, tokens, Way::SwapFile);
}

/// Lists it, and changes nothing.
pub fn list(swap: &mut Swap<'_>, tokens: &TokenStream, why: &str) {
    walk(swap, tokens, Way::List(why));
}

fn walk(swap: &mut Swap<'_>, tokens: &TokenStream, way: Way<'_>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let only_list = if let Way::List(why) = way { Some(why) } else { None };
    let mut at = 0;
    while at < tokens.len() {
        at += match &tokens[at] {
            TokenTree::Group(group) => {
                walk(swap, &group.stream(), within(&tokens[..at], way));
                1
            }
            TokenTree::Ident(ident) if ident == "use" => {
                let may_split = matches!(way, Way::SwapFile) && stands_alone(&tokens[..at]);
                import(swap, &tokens[at..], only_list, may_split).unwrap_or(1)
            }
            TokenTree::Ident(ident) if ident == "mod" => {
                module(swap, &tokens[at..]);
                1
            }
            TokenTree::Ident(ident) if ident == "thread_local" && only_list.is_none() => {
                thread_local(swap, &tokens, at);
                1
            }
            TokenTree::Ident(_) if begins_path(&tokens, at) => path(swap, &tokens, at, only_list),
            _ => 1,
        };
    }
}

/// Where a file's first item begins: behind what is said of the whole file.
pub fn first_item(tokens: &TokenStream) -> Option<Span> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut rest = &tokens[..];
    while let [mark, bang, TokenTree::Group(_), behind @ ..] = rest
        && is_punct(mark, '#')
        && is_punct(bang, '!')
    {
        rest = behind;
    }
    rest.first().map(TokenTree::span)
}

/// What is done within a group behind these tokens, itself among what is dealt with in this way.
fn within<'a>(before: &[TokenTree], way: Way<'a>) -> Way<'a> {
    match (way, before) {
        (Way::List(_), _) => way,
        (_, [.., TokenTree::Ident(name), mark]) if is_punct(mark, '!') && writes_code(&name.to_string()) => {
            Way::List("inside a macro which writes code")
        }
        (_, [rest @ .., TokenTree::Ident(rules), mark, TokenTree::Ident(_)])
            if is_punct(mark, '!') && rules == "macro_rules" && is_exported(rest) =>
        {
            Way::List("inside an exported macro, which other crates expand that do not have `tracked`")
        }
        (Way::SwapFile, [.., mark]) if is_punct(mark, '#') => Way::List("inside an attribute"),
        (Way::SwapFile, [.., first, mark]) if is_punct(first, '#') && is_punct(mark, '!') => {
            Way::List("inside an attribute")
        }
        (Way::SwapFile, [.., mark] | [.., mark, TokenTree::Ident(_)]) if is_punct(mark, '!') => Way::Swap,
        _ => way,
    }
}

/// Whether one of the attributes at the end of these tokens is `#[macro_export]`.
fn is_exported(before: &[TokenTree]) -> bool {
    match before {
        [rest @ .., mark, TokenTree::Group(group)] if is_punct(mark, '#') => {
            group.stream().to_string().starts_with("macro_export") || is_exported(rest)
        }
        _ => false,
    }
}

/// Whether what comes next has neither attributes nor a visibility.
fn stands_alone(before: &[TokenTree]) -> bool {
    match before {
        [] => true,
        [.., last] if is_punct(last, ';') => true,
        [.., mark, TokenTree::Group(_)] if is_punct(mark, '#') => false,
        [.., TokenTree::Group(group)] => group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

/// `use ... ;`: how many tokens it has, if it parses and is dealt with.
fn import(
    swap: &mut Swap<'_>,
    tokens: &[TokenTree],
    only_list: Option<&str>,
    may_split: bool,
) -> Option<usize> {
    let end = tokens.iter().position(|token| is_punct(token, ';'))?;
    let stream: TokenStream = tokens[..=end].iter().cloned().collect();
    let node: ItemUse = syn::parse2(stream).ok()?;
    match only_list {
        Some(why) => uses::list(swap, &node, why),
        None => uses::import(swap, &node, may_split),
    }
    Some(end + 1)
}

fn module(swap: &mut Swap<'_>, tokens: &[TokenTree]) {
    if let [_, TokenTree::Ident(name), end, ..] = tokens
        && is_punct(end, ';')
    {
        swap.module_in_macro(unraw(name));
    }
}

/// `thread_local!` within a macro's body.
fn thread_local(swap: &mut Swap<'_>, tokens: &[TokenTree], at: usize) {
    let called = tokens.get(at + 1).is_some_and(|next| is_punct(next, '!'));
    if called && begins_path(tokens, at) && !colons_before(tokens, at) {
        swap.bare_thread_local(tokens[at].span());
    }
}

/// Whether the name at `at` is the first of its path.
fn begins_path(tokens: &[TokenTree], at: usize) -> bool {
    if colons_before(tokens, at) {
        // `::std` begins a path, `a::std`, `$crate::std` and `<T>::std` do not.
        let before = at.checked_sub(3).map(|index| &tokens[index]);
        return !matches!(before, Some(TokenTree::Ident(_)))
            && !before.is_some_and(|token| is_punct(token, '>'));
    }
    let before = at.checked_sub(1).map(|index| &tokens[index]);
    !before.is_some_and(|token| ['.', '$', '\''].iter().any(|&mark| is_punct(token, mark)))
}

fn colons_before(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && are_colons(&tokens[at - 2..])
}

fn are_colons(tokens: &[TokenTree]) -> bool {
    let joint = |token: &TokenTree| matches!(token, TokenTree::Punct(own) if own.spacing() == Spacing::Joint);
    matches!(tokens, [first, second, ..] if is_punct(first, ':') && joint(first) && is_punct(second, ':'))
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(own) if own.as_char() == mark)
}

/// The path at `at`: how many tokens it has.
fn path(swap: &mut Swap<'_>, tokens: &[TokenTree], at: usize, only_list: Option<&str>) -> usize {
    let mut names = Vec::new();
    let mut length = 0;
    while let Some(TokenTree::Ident(name)) = tokens.get(at + length) {
        names.push(name.to_string());
        length += 1;
        if !are_colons(&tokens[at + length..]) {
            break;
        }
        length += 2;
    }
    let first = tokens[at].span();
    let after_colons = colons_before(tokens, at);
    // It goes on with what only the macro knows.
    let open = tokens.get(at + length).is_some_and(|next| is_punct(next, '$'))
        && are_colons(&tokens[at + length - 2.min(length)..]);
    let why = if open { Some("a part of the path is the macro's argument") } else { only_list };
    match why {
        Some(why) => mention(swap, &names, first, after_colons, why),
        None if names.len() > 1 => swap.path(&names, first, first, after_colons),
        None => {}
    }
    length.max(1)
}

fn mention(swap: &mut Swap<'_>, names: &[String], at: Span, after_colons: bool, why: &str) {
    let [root, rest @ ..] = names else { return };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    if let Some(root) = swap.root(root, after_colons)
        && verdict(root, &rest) != Verdict::Foreign
    {
        swap.leave(at, names.join("::"), why);
    }
}
