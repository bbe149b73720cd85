//! What a swap makes of a text: each case is a text before and the same text after.

use lockcheck_swap::{Edition, Left, Line, Mirrors, ParkingLot, add_extern_crate, rewrite};

fn mirrors() -> Mirrors {
    let lot = |name: &str, line, requirement: &str| ParkingLot {
        name: name.to_owned(),
        line,
        requirement: requirement.to_owned(),
    };
    Mirrors {
        edition: Edition::E2018,
        parking_lots: vec![
            lot("parking_lot", Some(Line::V0_12), "0.12"),
            lot("newer", Some(Line::V0_13), "0.13"),
            lot("ancient", None, "0.5"),
        ],
        shadowed: false,
        examples: true,
    }
}

#[track_caller]
fn swap(before: &str) -> (String, Vec<Left>) {
    let first = rewrite(before, &mirrors()).unwrap();
    let again = rewrite(&first.text, &mirrors()).unwrap();
    assert_eq!((again.swapped.len(), &again.text), (0, &first.text), "a second time changes nothing");
    assert_eq!(!first.swapped.is_empty(), first.text != before);
    (first.text, first.left)
}

/// Nothing of it is left.
#[track_caller]
fn check(before: &str, after: &str) {
    let (text, left) = swap(before);
    assert_eq!(text, after);
    assert_eq!(left, []);
}

/// What is left: the line, the words, and what the reason says among other things.
#[track_caller]
fn check_left(before: &str, after: &str, expected: &[(usize, &str, &str)]) {
    let (text, left) = swap(before);
    assert_eq!(text, after);
    assert_eq!(left.len(), expected.len(), "{left:#?}");
    for (left, (line, what, why)) in left.iter().zip(expected) {
        assert_eq!((left.place.line, left.what.as_str()), (*line, *what));
        assert!(left.why.contains(why), "{}", left.why);
    }
}

#[test]
fn an_import_keeps_all_but_its_first_name() {
    check("use std::sync::Mutex;", "use tracked::sync::Mutex;");
    check("use ::std::sync::Mutex;", "use ::tracked::sync::Mutex;");
    check(
        "pub(crate) use std::sync::{self, Mutex as M};",
        "pub(crate) use tracked::sync::{self, Mutex as M};",
    );
    check("use std::sync;\nfn f(_: sync::Mutex<u8>) {}", "use tracked::sync;\nfn f(_: sync::Mutex<u8>) {}");
    check("use std::thread::*;", "use tracked::thread::*;");
    check("use std :: sync // why\n :: mpsc;", "use tracked :: sync // why\n :: mpsc;");
    check("use std::{sync::Mutex, thread};", "use tracked::{sync::Mutex, thread};");
    check("use {std::sync::Mutex, std::io};", "use {tracked::sync::Mutex, std::io};");
    check("use std::collections::HashMap;", "use std::collections::HashMap;");
}

#[test]
fn a_group_with_others_in_it_is_split() {
    check("use std::{io, sync::Mutex};\n", "use std::io;\nuse tracked::sync::Mutex;\n");
    check("use std::{sync::Mutex, io};\n", "use std::io;\nuse tracked::sync::Mutex;\n");
    check(
        "use std::{fmt, sync::{Arc, Mutex}, io, thread};\n",
        "use std::{fmt, io};\nuse tracked::{sync::{Arc, Mutex}, thread};\n",
    );
    check(
        "fn f() {\n    use std::{io, thread}; // both\n}\n",
        "fn f() {\n    use std::io;\n    use tracked::thread; // both\n}\n",
    );
    check("fn f() { use std::{io, thread}; }\n", "fn f() { use std::io; use tracked::thread; }\n");
    check("use std::{self, sync::Mutex};\n", "use std::{self};\nuse tracked::sync::Mutex;\n");
}

#[test]
fn a_split_import_keeps_its_attributes_its_lines_and_its_comments() {
    check(
        "/// Docs.\n#[cfg(unix)]\npub use std::{io, thread};\n",
        "/// Docs.\n#[cfg(unix)]\npub use std::io;\n#[cfg(unix)]\npub use tracked::thread;\n",
    );
    check(
        "use std::{\n    collections::HashMap,\n    sync::{\n        Arc,\n        Mutex,\n    },\n    time::Duration,\n};\n",
        "use std::{\n    collections::HashMap,\n    time::Duration,\n};\nuse tracked::sync::{Arc, Mutex};\n",
    );
    check(
        "use std::{\n    fmt,\n    io,\n    sync::Mutex,\n};\n",
        "use std::{\n    fmt,\n    io,\n};\nuse tracked::sync::Mutex;\n",
    );
    check(
        "use std::{\n    io, // reads\n    sync::Mutex, // locks\n    // the end\n};\n",
        "use std::{\n    io, // reads\n     // locks\n    // the end\n};\nuse tracked::sync::Mutex;\n",
    );
    check("use std::{io, thread};\r\n", "use std::io;\r\nuse tracked::thread;\r\n");
}

#[test]
fn what_the_mirror_lacks_stays_behind() {
    check_left(
        "use std::sync::{mpmc, Mutex};\n",
        "use std::sync::mpmc;\nuse tracked::sync::Mutex;\n",
        &[(1, "std::sync::mpmc", "has no `mpmc`")],
    );
    check_left(
        "use std::{io, sync::{poison::Flag, Arc, Mutex}};\n",
        "use std::{io, sync::poison::Flag};\nuse tracked::sync::{Arc, Mutex};\n",
        &[(1, "std::sync::poison::Flag", "has no `poison`")],
    );
    check_left(
        "fn f(_: std::sync::Exclusive<u8>) {}",
        "fn f(_: std::sync::Exclusive<u8>) {}",
        &[(1, "std::sync::Exclusive", "has no `Exclusive`")],
    );
    check_left("use std as s;", "use std as s;", &[(1, "std as s", "other name")]);
    check_left(
        "use core::sync::atomic::AtomicU8;\nuse alloc::sync::Arc;",
        "use core::sync::atomic::AtomicU8;\nuse alloc::sync::Arc;",
        &[
            (1, "core::sync::atomic::AtomicU8", "begin with `std`"),
            (2, "alloc::sync::Arc", "begin with `std`"),
        ],
    );
}

#[test]
fn paths_in_types_expressions_and_patterns_are_swapped() {
    check(
        "static A: std::sync::Mutex<Vec<std::sync::Arc<u8>>> = std::sync::Mutex::new(Vec::new());",
        "static A: tracked::sync::Mutex<Vec<tracked::sync::Arc<u8>>> = tracked::sync::Mutex::new(Vec::new());",
    );
    check(
        "fn f() { ::std::thread::spawn(|| <std::sync::Mutex<u8> as Default>::default()); }",
        "fn f() { ::tracked::thread::spawn(|| <tracked::sync::Mutex<u8> as Default>::default()); }",
    );
    check(
        "fn f(e: E) { if let Err(std::sync::TryLockError::WouldBlock) = e {} }",
        "fn f(e: E) { if let Err(tracked::sync::TryLockError::WouldBlock) = e {} }",
    );
    check("fn f() { std::io::stdout(); x.std::<u8>(); }", "fn f() { std::io::stdout(); x.std::<u8>(); }");
}

#[test]
fn a_path_is_one_wherever_it_stands() {
    for (before, after) in [
        ("impl A for std::sync::Mutex<u8> {}", "impl A for tracked::sync::Mutex<u8> {}"),
        ("fn f<T>() where std::sync::Mutex<T>: Send {}", "fn f<T>() where tracked::sync::Mutex<T>: Send {}"),
        ("type A = dyn Fn(std::sync::Arc<u8>) + Send;", "type A = dyn Fn(tracked::sync::Arc<u8>) + Send;"),
        ("type A = <std::sync::Mutex<u8> as B>::C;", "type A = <tracked::sync::Mutex<u8> as B>::C;"),
        ("struct A(#[x] std::thread::JoinHandle<()>);", "struct A(#[x] tracked::thread::JoinHandle<()>);"),
        ("fn f(self: std::sync::Arc<Self>) {}", "fn f(self: tracked::sync::Arc<Self>) {}"),
        ("fn f() { g::<std::sync::Once, 1>() }", "fn f() { g::<tracked::sync::Once, 1>() }"),
        ("fn f() { g.map(std::sync::Mutex::new) }", "fn f() { g.map(tracked::sync::Mutex::new) }"),
        (
            "async fn f() { loop { std::thread::park() } }",
            "async fn f() { loop { tracked::thread::park() } }",
        ),
        ("#[cfg(test)]\nuse std::sync::Mutex;", "#[cfg(test)]\nuse tracked::sync::Mutex;"),
        ("mod a { mod b { use std::thread; } }", "mod a { mod b { use tracked::thread; } }"),
        (
            "use std::sync::{self as s, atomic::{self, AtomicU8 as A}};",
            "use tracked::sync::{self as s, atomic::{self, AtomicU8 as A}};",
        ),
        ("pub use std::thread as t;", "pub use tracked::thread as t;"),
        ("use std::{sync::{self}, thread::{self}};", "use tracked::{sync::{self}, thread::{self}};"),
        ("extern crate std;\nuse std::sync::Once;", "extern crate std;\nuse tracked::sync::Once;"),
    ] {
        check(before, after);
    }
    for own in
        ["use crate::std::sync::Mutex;", "use self::sync::Mutex;", "fn f(_: super::std::sync::Mutex) {}"]
    {
        check(own, own);
    }
}

#[test]
fn parking_lot_goes_by_its_name_and_its_line() {
    check("use parking_lot::{Mutex, RwLock};", "use tracked::parking_lot_0_12::{Mutex, RwLock};");
    check("use newer::*;", "use tracked::parking_lot::*;");
    check("use parking_lot;", "use tracked::parking_lot_0_12 as parking_lot;");
    check("use parking_lot as pl;", "use tracked::parking_lot_0_12 as pl;");
    check("use parking_lot::{self, Mutex};", "use tracked::parking_lot_0_12::{self as parking_lot, Mutex};");
    check(
        "static A: parking_lot::Mutex<u8> = parking_lot::const_mutex(1);",
        "static A: tracked::parking_lot_0_12::Mutex<u8> = tracked::parking_lot_0_12::const_mutex(1);",
    );
    check_left(
        "use ancient::Mutex;\nuse parking_lot::{deadlock::check_deadlock, Mutex};",
        "use ancient::Mutex;\nuse parking_lot::deadlock::check_deadlock;\nuse tracked::parking_lot_0_12::Mutex;",
        &[
            (1, "ancient::Mutex", "parking_lot 0.5 has no mirror"),
            (2, "parking_lot::deadlock::check_deadlock", "what it does"),
        ],
    );
    let text = "static A: parking_lot::Once = parking_lot::ONCE_INIT;";
    check_left(
        text,
        "static A: tracked::parking_lot_0_12::Once = parking_lot::ONCE_INIT;",
        &[(1, "parking_lot::ONCE_INIT", "`Once::new()`")],
    );
    let features = rewrite("use parking_lot::Mutex; use newer::Once;", &mirrors()).unwrap().features;
    assert_eq!(features, ["parking_lot_0_12", "parking_lot_0_13"]);
}

#[test]
fn a_module_of_the_crate_is_not_taken_for_parking_lot() {
    let text = "mod parking_lot;\nfn f(_: parking_lot::Mutex<u8>) {}\n";
    check_left(text, text, &[(2, "parking_lot::Mutex", "of its own")]);
    check_left(
        "use crate::shim::parking_lot;\nfn f(_: parking_lot::Mutex<u8>, _: ::parking_lot::Once) {}\n",
        "use crate::shim::parking_lot;\nfn f(_: parking_lot::Mutex<u8>, _: ::tracked::parking_lot_0_12::Once) {}\n",
        &[(2, "parking_lot::Mutex", "of its own")],
    );
    let text = "mod std { pub mod sync {} }\nuse std::sync::Mutex;\n";
    check_left(text, text, &[(2, "std::sync::Mutex", "of its own")]);
}

#[test]
fn thread_locals_are_the_mirror_s() {
    check(
        "thread_local! { static A: std::sync::Arc<u8> = f(); }",
        "tracked::thread_local! { static A: tracked::sync::Arc<u8> = f(); }",
    );
    check("std::thread_local!(static A: u8 = 1);", "tracked::thread_local!(static A: u8 = 1);");
    check(
        "macro_rules! thread_local { () => {} }\nthread_local!();",
        "macro_rules! thread_local { () => {} }\nthread_local!();",
    );
}

#[test]
fn what_stands_in_macros_is_swapped_by_its_looks() {
    check(
        "fn f() { vec![std::sync::Mutex::new(1), ::std::thread::current(), a::std::sync::b]; }",
        "fn f() { vec![tracked::sync::Mutex::new(1), ::tracked::thread::current(), a::std::sync::b]; }",
    );
    check(
        "cfg_if! { if #[cfg(unix)] { use std::sync::{Arc, Mutex}; use std::io; } }",
        "cfg_if! { if #[cfg(unix)] { use tracked::sync::{Arc, Mutex}; use std::io; } }",
    );
    check(
        "lazy_static! { static ref A: parking_lot::Mutex<u8> = parking_lot::Mutex::new(1); }",
        "lazy_static! { static ref A: tracked::parking_lot_0_12::Mutex<u8> = tracked::parking_lot_0_12::Mutex::new(1); }",
    );
    check(
        "macro_rules! m { ($t:ty) => { std::sync::Mutex<$t> } }",
        "macro_rules! m { ($t:ty) => { tracked::sync::Mutex<$t> } }",
    );
    check(
        "m! { thread_local! { static A: u8 = 1; } }",
        "m! { tracked::thread_local! { static A: u8 = 1; } }",
    );
}

#[test]
fn what_a_macro_makes_for_others_is_left() {
    let text = "#[macro_export]\nmacro_rules! m {\n    () => { ::std::sync::Mutex::new(()) };\n}";
    check_left(text, text, &[(3, "std::sync::Mutex::new", "exported macro")]);
    let text = "fn f() { quote! { use std::sync::Mutex; ::std::thread::spawn } }";
    check_left(
        text,
        text,
        &[(1, "std::sync::Mutex", "writes code"), (1, "std::thread::spawn", "writes code")],
    );
    let text = "macro_rules! m { ($n:ident) => { std::sync::$n } }";
    check_left(text, text, &[(1, "std::sync", "the macro's argument")]);
    let text = "m! { use std::{io, thread}; }";
    check_left(text, text, &[(1, "{io, thread}", "only a part")]);
    let text = "#[derive(X)]\n#[x(std::sync::Mutex<u8>)]\nstruct A;";
    check_left(text, text, &[(2, "std::sync::Mutex", "an attribute")]);
}

#[test]
fn comments_strings_and_names_are_nobody_s_paths() {
    for text in [
        "// use std::sync::Mutex;\nfn f() { \"std::sync::Mutex\"; }",
        "fn f() { println!(\"{}\", \"std::sync\"); }",
        "fn std() { std(); m!($std::sync::Mutex 'std::sync); }",
        "extern crate std;\nextern crate parking_lot;",
    ] {
        check(text, text);
    }
    check(
        "/// `std::sync::Mutex`\nuse std::sync::Mutex;",
        "/// `std::sync::Mutex`\nuse tracked::sync::Mutex;",
    );
}

#[test]
fn a_renamed_crate_is_left() {
    let text = "extern crate parking_lot as pl;\nextern crate std as mystd;\n";
    check_left(
        text,
        text,
        &[
            (1, "extern crate parking_lot as pl;", "other name"),
            (2, "extern crate std as mystd;", "other name"),
        ],
    );
}

#[test]
fn offsets_hold_behind_whatever_opens_a_file() {
    check("\u{feff}use std::sync::Mutex;", "\u{feff}use tracked::sync::Mutex;");
    check("#!/usr/bin/env run\nuse std::sync::Mutex;", "#!/usr/bin/env run\nuse tracked::sync::Mutex;");
    check("#![allow(x)]\nuse std::sync::Mutex;", "#![allow(x)]\nuse tracked::sync::Mutex;");
    check("// ä€𝄞\nuse std::sync::Mutex; // ä", "// ä€𝄞\nuse tracked::sync::Mutex; // ä");
    check("use std::sync::Mutex;\r\n\r\nfn f() {}\r\n", "use tracked::sync::Mutex;\r\n\r\nfn f() {}\r\n");
}

#[test]
fn a_module_called_tracked_makes_the_dependency_absolute() {
    let shadowed = Mirrors { shadowed: true, ..mirrors() };
    let text = "mod tracked;\nuse std::sync::Mutex;\nuse ::std::thread;\nfn f(_: std::sync::Once) {}";
    assert_eq!(
        rewrite(text, &shadowed).unwrap().text,
        "mod tracked;\nuse ::tracked::sync::Mutex;\nuse ::tracked::thread;\nfn f(_: ::tracked::sync::Once) {}"
    );
}

#[test]
fn what_does_not_parse_is_said_with_its_place() {
    let left = rewrite("fn f() {}\nfn g( {}", &mirrors()).unwrap_err();
    assert_eq!(left.place.line, 2);
    assert!(left.why.contains("does not parse"), "{}", left.why);
    for text in
        ["", "\u{feff}", "#!", "#!x", "#![", "use std::{", "\u{0}", "r#\"", "use std::sync::{{{{", "'"]
    {
        let _ = rewrite(text, &mirrors());
    }
}

#[test]
fn the_2015_edition_gets_its_extern_crate() {
    let text = "//! Docs.\n#![allow(x)]\n\n// first\n#[macro_use]\nextern crate a;\nmod b;\n";
    let expected =
        "//! Docs.\n#![allow(x)]\n\n// first\nextern crate tracked;\n#[macro_use]\nextern crate a;\nmod b;\n";
    let new = add_extern_crate(text, Edition::E2015).unwrap();
    assert_eq!(new, expected);
    assert_eq!(add_extern_crate(&new, Edition::E2015), None);
    assert_eq!(add_extern_crate(text, Edition::E2018), None);
    let unparsed = "//! Docs.\n#![allow(x)]\n\n/// Own.\ntype A = Fn(u8) + Send;\n";
    let new = add_extern_crate(unparsed, Edition::E2015).unwrap();
    assert_eq!(new, unparsed.replace("/// Own.", "extern crate tracked;\n/// Own."));
    assert_eq!(add_extern_crate(&new, Edition::E2015), None);
}

#[test]
fn examples_in_the_documentation_are_swapped_where_they_are_compiled() {
    check(
        "/// Locks:\n///\n/// ```\n/// use std::sync::Mutex;\n/// let a = std::sync::Arc::new(Mutex::new(1));\n/// # std::thread::spawn(|| ());\n/// ```\n///\n/// But not `std::sync::Mutex`.\nfn f() {}\n",
        "/// Locks:\n///\n/// ```\n/// use tracked::sync::Mutex;\n/// let a = tracked::sync::Arc::new(Mutex::new(1));\n/// # tracked::thread::spawn(|| ());\n/// ```\n///\n/// But not `std::sync::Mutex`.\nfn f() {}\n",
    );
    check(
        "//! ```rust,no_run\n//! # use std::{io, sync::Mutex};\n//! #![allow(unused)]\n//! #[derive(Debug)] struct A;\n//! fn main() -> io::Result<()> { Ok(()) }\n//! ```\n",
        "//! ```rust,no_run\n//! # use std::io; use tracked::sync::Mutex;\n//! #![allow(unused)]\n//! #[derive(Debug)] struct A;\n//! fn main() -> io::Result<()> { Ok(()) }\n//! ```\n",
    );
    check(
        "impl A {\n    /// ~~~\n    /// use std::{\n    ///     io,\n    ///     sync::{\n    ///         Arc,\n    ///         Mutex,\n    ///     },\n    /// };\n    /// ä(\"ä\");\n    /// use parking_lot::Once;\n    /// ~~~\n    fn f() {}\n}\n",
        "impl A {\n    /// ~~~\n    /// use std::{\n    ///     io,\n    ///     \n    /// }; use tracked::sync::{\n    ///         Arc,\n    ///         Mutex,\n    ///     };\n    /// ä(\"ä\");\n    /// use tracked::parking_lot_0_12::Once;\n    /// ~~~\n    fn f() {}\n}\n",
    );
    check(
        "cfg! {\n    /// ```should_panic\n    /// std::thread::park();\n    /// ```\n    fn f() {}\n}\n",
        "cfg! {\n    /// ```should_panic\n    /// tracked::thread::park();\n    /// ```\n    fn f() {}\n}\n",
    );
    for text in [
        "/// ```text\n/// use std::sync::Mutex;\n/// ```\nfn f() {}\n",
        "/// ```compile_fail\n/// use std::sync::Mutex;\n/// ```\nfn f() {}\n",
        "/// ```ignore\n/// use std::sync::Mutex;\n/// ```\nfn f() {}\n",
        "// ```\n// use std::sync::Mutex;\n// ```\nfn f() {}\n",
        "fn f() { \"\n/// ```\n/// use std::sync::Mutex;\n/// ```\n\" }\n",
        "/// ```\n/// mod std { pub mod sync {} }\n/// let a = 1;\n/// ```\nfn f() {}\n",
    ] {
        check(text, text);
    }
}

#[test]
fn an_example_that_cannot_be_swapped_is_listed() {
    let text = "/// ```\n/// let a = std::sync::Mutex::new(...);\n/// ```\nfn f() {}\n";
    check_left(text, text, &[(2, "an example in the documentation", "does not parse")]);
    let old = Mirrors { edition: Edition::E2015, ..mirrors() };
    let text = "/// ```\n/// use std::sync::Mutex;\n/// ```\nfn f() {}\n";
    let swapped = rewrite(text, &old).unwrap();
    assert_eq!((swapped.text.as_str(), swapped.left.len(), swapped.left[0].place.line), (text, 1, 2));
    let not_compiled = Mirrors { examples: false, ..mirrors() };
    assert_eq!(rewrite(text, &not_compiled).unwrap().text, text);
}

/// Trait objects without `dyn`, parameters without names: syn does not know them any more, the 2015 edition does.
#[test]
fn what_only_the_2015_edition_parses_is_swapped_by_its_looks() {
    let old = "type A = Fn(u8) + Send + Sync;\ntrait B { fn f(u8, &str); }\n";
    let swap = |rest: &str| {
        let text = format!("{old}{rest}");
        assert!(syn::parse_file(&text).is_err(), "it is not for this that the test is there");
        let done = rewrite(&text, &mirrors()).unwrap();
        (done.text.strip_prefix(old).unwrap().to_owned(), done.left)
    };
    for (before, after) in [
        ("use std::{io, sync::{Arc, Mutex}};\n", "use std::io;\nuse tracked::sync::{Arc, Mutex};\n"),
        (
            "pub use std::sync::Once;\n#[cfg(x)]\nuse std::thread;\n",
            "pub use tracked::sync::Once;\n#[cfg(x)]\nuse tracked::thread;\n",
        ),
        ("static C: ::std::sync::Mutex<u8> = f();\n", "static C: ::tracked::sync::Mutex<u8> = f();\n"),
        ("fn f() { vec![std::sync::Mutex::new(1)]; }\n", "fn f() { vec![tracked::sync::Mutex::new(1)]; }\n"),
        ("thread_local! { static D: u8 = 1 }\n", "tracked::thread_local! { static D: u8 = 1 }\n"),
        (
            "/// ```\n/// std::thread::park();\n/// ```\nfn f() {}\n",
            "/// ```\n/// tracked::thread::park();\n/// ```\nfn f() {}\n",
        ),
    ] {
        assert_eq!(swap(before), (after.to_owned(), vec![]), "{before}");
    }
    for (text, why) in [
        ("pub use std::{io, thread};\n", "only a part"),
        ("#[macro_export]\nmacro_rules! m { () => { std::sync::Once } }\n", "exported macro"),
        ("fn f() { quote! { std::sync::Once } }\n", "writes code"),
        ("#[x(std::sync::Once)]\nstruct S;\n", "an attribute"),
        ("mod std {}\nfn f(_: std::sync::Once) {}\n", "of its own"),
    ] {
        let (after, left) = swap(text);
        assert_eq!((after.as_str(), left.len()), (text, 1), "{left:?}");
        assert!(left[0].why.contains(why), "{left:?}");
    }
}

/// tracing-core reaches std through `mod stdlib { pub(crate) use std::*; }`, so that without it another can stand there.
#[test]
fn a_glob_of_std_is_joined_by_the_mirrors_names() {
    check(
        "#[cfg(feature = \"std\")]\npub(crate) use std::*;\n#[cfg(not(feature = \"std\"))]\nmod no_std {\n    pub(crate) mod sync {}\n}\n",
        "#[cfg(feature = \"std\")]\npub(crate) use std::*;\n#[allow(unused_imports)]\n#[cfg(feature = \"std\")]\npub(crate) use tracked::{sync, thread};\n#[cfg(not(feature = \"std\"))]\nmod no_std {\n    pub(crate) mod sync {}\n}\n",
    );
    check(
        "use std::{io::*, *};\nuse std::sync;\n",
        "use std::{io::*, *};\n#[allow(unused_imports)]\nuse tracked::thread;\nuse tracked::sync;\n",
    );
    check(
        "mod a { pub use ::std::*; }\n",
        "mod a { pub use ::std::*; #[allow(unused_imports)] pub use ::tracked::{sync, thread}; }\n",
    );
    check_left(
        "pub use std::*;\nmod sync {}\n",
        "pub use std::*;\n#[allow(unused_imports)]\npub use tracked::thread;\nmod sync {}\n",
        &[(1, "std::*", "this module's own `sync`")],
    );
    for text in ["fn f() { use std::*; }\n", "m! { use std::*; }\n"] {
        check_left(text, text, &[(1, "std::*", "an import of their own")]);
    }
}

#[test]
fn a_crate_s_own_core_is_none_of_ours() {
    let text = "mod core;\nuse core::sync::atomic::AtomicU8;\nuse core::{a, b};\n";
    check(text, text);
}
