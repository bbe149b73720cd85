//! The name of a function as reports show it, the same whichever way the compiler mangled it: the older scheme and
//! "v0" (RFC 2603) differ in what they keep, and suppressions and what reads reports go by the name. Not
//! demangling itself, which is rustc-demangle's.

/// A demangled name, given also as the symbol has it: without the hash, and with what only v0 spells out left away:
/// `<bank::Account>::with::<u64, _>::{closure#1}` is `bank::Account::with::{{closure}}`.
pub fn function_name(symbol: &[u8], demangled: &str) -> String {
    let is_v0 = symbol.starts_with(b"_R") || symbol.starts_with(b"__R");
    if !is_v0 || symbol == demangled.as_bytes() {
        return without_hash(demangled).to_owned();
    }
    let unwrapped = inherent(demangled);
    let mut name = String::with_capacity(unwrapped.len());
    let mut rest = unwrapped.as_str();
    while let Some(first) = rest.chars().next() {
        // `::<impl Trait for Type>` is a place, not arguments.
        if let Some(arguments) = rest.strip_prefix("::").filter(|arguments| !arguments.starts_with("<impl "))
            && let Some(end) = closing(arguments)
        {
            rest = &arguments[end + 1..];
            continue;
        }
        if let Some((closure, after)) = rest.strip_prefix("{closure#").and_then(|rest| rest.split_once('}'))
            && closure.bytes().all(|byte| byte.is_ascii_digit())
        {
            name.push_str("{{closure}}");
            rest = after;
            continue;
        }
        name.push(first);
        rest = &rest[first.len_utf8()..];
    }
    name
}

/// Takes off `::h` and 16 hex digits, which change from build to build.
fn without_hash(name: &str) -> &str {
    let hash = |tail: &str| tail.len() == 16 && tail.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.rsplit_once("::h") {
        Some((rest, tail)) if hash(tail) => rest,
        _ => name,
    }
}

/// `<a::B>::c` as `a::B::c`; what implements a trait, or is no path, as it is.
fn inherent(name: &str) -> String {
    let Some(end) = closing(name) else { return name.to_owned() };
    let inner = &name[1..end];
    let is_path = inner.starts_with(|c: char| c.is_alphabetic() || c == '_') && !inner.starts_with("dyn ");
    if !is_path || top_level_as(inner) || !name[end + 1..].starts_with("::") {
        return name.to_owned();
    }
    format!("{inner}{}", &name[end + 1..])
}

/// Where the angle bracket that the text begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // `->` closes nothing.
            '>' if before != '-' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (c == '>').then_some(at);
        }
        before = c;
    }
    None
}

/// Whether ` as ` stands outside of all brackets.
fn top_level_as(text: &str) -> bool {
    let depth_at = |at: usize| {
        let before = text[..at].replace("->", "");
        before.matches('<').count() as isize - before.matches('>').count() as isize
    };
    text.match_indices(" as ").any(|(at, _)| depth_at(at) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn v0(demangled: &str, expected: &str) {
        assert_eq!(function_name(b"_RNvCs1_4bank4main", demangled), expected);
    }

    #[test]
    fn what_v0_spells_out_goes() {
        v0("bank::main", "bank::main");
        v0("bank::main::{closure#0}::{closure#12}", "bank::main::{{closure}}::{{closure}}");
        v0("bank::locked::<u64, fn(i32) -> i32>::{closure#0}", "bank::locked::{{closure}}");
        v0("<bank::Account>::transfer", "bank::Account::transfer");
        v0("<bank::Account<u64>>::transfer::<()>", "bank::Account<u64>::transfer");
        v0("<bank::Account as core::fmt::Display>::fmt", "<bank::Account as core::fmt::Display>::fmt");
        v0("<<bank::A as bank::T>::B>::c", "<<bank::A as bank::T>::B>::c");
        v0("<bank::A<<x::B as y::C>::D>>::e", "bank::A<<x::B as y::C>::D>::e");
        v0("<dyn bank::Teller>::serve", "<dyn bank::Teller>::serve");
        v0("core::slice::<impl [u8]>::sort::<u8>", "core::slice::<impl [u8]>::sort");
    }

    #[test]
    fn what_is_not_whole_stays() {
        for name in ["<bank::Account", "a::<b", "{closure#", "{closure#x}", "<>", "", "a->b", "::<", "é::<ü"]
        {
            v0(name, name);
        }
    }

    #[test]
    fn the_hash_at_the_end_goes() {
        for (demangled, name) in [
            ("a::b::h0123456789abcdef", "a::b"),
            ("a::b::help", "a::b::help"),
            ("a::h0123456789abcdefg", "a::h0123456789abcdefg"),
            ("a::f::{{closure}}", "a::f::{{closure}}"),
        ] {
            assert_eq!(function_name(b"_ZN1a1bE", demangled), name);
        }
    }
}
