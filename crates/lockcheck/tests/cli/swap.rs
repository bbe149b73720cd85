//! `lockcheck swap`: which files it finds, what it writes, and the way back. What becomes of a text is tested in the swap
//! crate; that the result builds and is watched, end to end.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Called, Package, call_in};

/// A package with sources of all kinds.
fn package() -> Package {
    let manifest = "[dependencies] # none yet\n\n[features]\nextra = []\n";
    Package::new(
        manifest,
        &[
            (
                "src/lib.rs",
                "//! Docs: std::sync::Mutex.\nmod a;\nmod inline { mod deep; }\n#[path = \"odd/place.rs\"]\nmod moved;\n",
            ),
            ("src/a.rs", "use std::{io, sync::Mutex};\nmod child;\n"),
            ("src/a/child.rs", "pub type Lock = std::sync::Mutex<u8>;\n"),
            ("src/inline/deep.rs", "use std::thread;\n"),
            ("src/odd/place.rs", "mod beside;\n"),
            ("src/odd/beside.rs", "use std::sync::Arc;\n"),
            ("src/nobody.rs", "use std::sync::Mutex;\n"),
            ("src/bin/tool.rs", "fn main() { std::thread::yield_now(); }\n"),
            ("tests/t.rs", "mod common;\n#[test]\nfn t() {}\n"),
            ("tests/common/mod.rs", "use std::sync::mpsc;\n"),
            ("examples/e.rs", "fn main() { std::thread::spawn(|| ()); }\n"),
            ("build.rs", "use std::sync::Mutex;\nfn main() { let _: Mutex<u8>; }\n"),
        ],
    )
}

/// All files of a folder but the target directory.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        for entry in std::fs::read_dir(&here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

fn swap(package: &Package, options: &[&str]) -> Called {
    let arguments = [&["swap", "."], options].concat();
    let mut command = crate::support::lockcheck();
    command.env_remove("LOCKCHECK_TRACKED_PATH").current_dir(package.path()).args(arguments);
    Called::of(command.output().unwrap())
}

const REGISTRY: [&str; 2] = ["--tracked-version", "0.1"];

#[test]
fn a_package_is_swapped_and_restored_byte_for_byte() {
    let package = package();
    let before = files(package.path());
    swap(&package, &REGISTRY).assert_code(0);
    let after = files(package.path());
    let changed: Vec<&str> =
        before.iter().filter(|(name, text)| after[*name] != **text).map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        changed,
        [
            "Cargo.toml",
            "examples/e.rs",
            "src/a.rs",
            "src/a/child.rs",
            "src/bin/tool.rs",
            "src/inline/deep.rs",
            "src/odd/beside.rs",
            "tests/common/mod.rs",
        ]
    );
    assert_eq!(after["src/a.rs"], "use std::io;\nuse tracked::sync::Mutex;\nmod child;\n");
    assert!(
        after["Cargo.toml"].contains("[dependencies] # none yet\ntracked = \"0.1\"\n"),
        "{}",
        after["Cargo.toml"]
    );
    assert!(after["Cargo.toml"].contains("tracked = { version = \"0.1\", features = [\"check\"] }"));
    assert!(after.contains_key(".lockcheck-swap"));
    swap(&package, &["--undo"]).assert_code(0);
    assert_eq!(files(package.path()), before, "and the journal is gone");
    assert!(swap(&package, &["--undo"]).assert_code(2).stderr.contains("no swap to undo"));
}

#[test]
fn what_is_left_is_listed_with_its_place() {
    let package = package();
    let called = swap(&package, &REGISTRY);
    let line = "not swapped: build.rs:1:5: `std::sync::Mutex`: part of a build script";
    assert!(called.stderr.contains(line), "{}", called.stderr);
    let json = swap(&package, &["--message-format", "json"]).json();
    assert_eq!(json["schema"], "lockcheck.swap.v1");
    assert_eq!(json["files"], serde_json::json!([]), "a second time, nothing is to be done");
    let left = &json["left"][0];
    assert_eq!((left["file"].as_str(), left["line"].as_u64()), (Some("build.rs"), Some(1)));
}

#[test]
fn what_runs_in_the_compiler_is_left() {
    let package = Package::new(
        "[lib]\nproc-macro = true\n",
        &[
            ("src/lib.rs", "mod inner;\nuse std::sync::Mutex;\n"),
            ("src/inner.rs", "static A: std::sync::Once = std::sync::Once::new();\n"),
        ],
    );
    let before = files(package.path());
    let called = swap(&package, &REGISTRY);
    let said = &called.assert_code(0).stderr;
    assert!(
        said.contains("not swapped: src/inner.rs:1:11: `std::sync::Once`: part of a procedural macro"),
        "{said}"
    );
    assert!(said.contains("not swapped: src/lib.rs:2:5: `std::sync::Mutex`"), "{said}");
    assert_eq!(files(package.path()), before);
}

/// Its examples are compiled with the library's.
#[test]
fn a_readme_that_the_documentation_includes_is_swapped() {
    let readme = "# Own\n\n```rust\nuse std::{io, sync::Mutex};\n```\n\n```sh\n$ std::sync\n```\n";
    let package = Package::new(
        "",
        &[
            (
                "src/lib.rs",
                "#![doc = include_str!(\"../README.md\")]\n#![cfg_attr(x, doc = include_str!(\"b.md\"))]\n",
            ),
            ("src/b.md", "```\nstd::thread::park();\n```\n"),
            ("src/c.md", "```\nstd::thread::park();\n```\n"),
            ("README.md", readme),
        ],
    );
    let before = files(package.path());
    swap(&package, &REGISTRY).assert_code(0);
    let after = files(package.path());
    let swapped = readme.replace("{io, sync::Mutex};", "io;\nuse tracked::sync::Mutex;");
    assert_eq!(after["README.md"], swapped);
    assert_eq!(after["src/b.md"], "```\ntracked::thread::park();\n```\n");
    assert_eq!(after["src/c.md"], before["src/c.md"], "nobody includes it");
    swap(&package, &["--undo"]).assert_code(0);
    assert_eq!(files(package.path()), before);
}

#[test]
fn a_diff_and_a_dry_run_change_nothing() {
    let package = package();
    let before = files(package.path());
    let called = swap(&package, &["--diff", "--tracked-version", "0.1"]);
    let hunk = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,2 +1,3 @@\n-use std::{io, sync::Mutex};\n+use std::io;\n\
                +use tracked::sync::Mutex;\n mod child;\n";
    assert!(called.assert_code(0).stdout.contains(hunk), "{}", called.stdout);
    assert!(swap(&package, &["--dry-run"]).assert_code(0).stderr.contains("would swap 7 places in 8 files"));
    assert_eq!(files(package.path()), before);
}

#[test]
fn an_edited_file_is_not_restored_unless_forced() {
    let package = package();
    let before = files(package.path());
    swap(&package, &REGISTRY).assert_code(0);
    let edited = "use tracked::sync::Mutex; // mine\n";
    package.write("src/a.rs", edited);
    let called = swap(&package, &["--undo"]);
    assert!(called.assert_code(2).stderr.contains("left alone: src/a.rs"), "{}", called.stderr);
    let now = files(package.path());
    assert_eq!((now["src/a.rs"].as_str(), &now["Cargo.toml"]), (edited, &before["Cargo.toml"]));
    swap(&package, &["--undo", "--force"]).assert_code(0);
    assert_eq!(files(package.path()), before);
}

/// The text from before the first swap would lose what was written between the two.
#[test]
fn a_file_that_was_edited_between_two_swaps_is_not_restored_unless_forced() {
    let package = package();
    swap(&package, &REGISTRY).assert_code(0);
    package.write("src/a.rs", "use tracked::sync::Mutex;\nuse std::thread; // more\nmod child;\n");
    swap(&package, &REGISTRY).assert_code(0);
    assert!(swap(&package, &["--undo"]).assert_code(2).stderr.contains("src/a.rs"));
    assert!(files(package.path())["src/a.rs"].contains("use tracked::thread; // more"));
}

#[test]
fn the_dependency_comes_from_where_the_options_say() {
    let package = package();
    package.write("lib/tracked/Cargo.toml", "[package]\nname = \"tracked\"\n");
    swap(&package, &["--tracked-path", "lib/tracked"]).assert_code(0);
    let manifest = &files(package.path())["Cargo.toml"];
    assert!(manifest.contains("tracked = { path = \"lib/tracked\" }"), "{manifest}");
    let wrong = swap(&package, &["--tracked-path", "lib"]);
    assert!(wrong.assert_code(2).stderr.contains("not the crate `tracked`"));
    let both = swap(&package, &["--tracked-path", "lib", "--tracked-version", "1"]);
    both.assert_code(2);
}

#[test]
fn tests_alone_get_a_dev_dependency() {
    let package = Package::new(
        "",
        &[
            ("src/lib.rs", "pub fn f() {}\n"),
            ("tests/t.rs", "#[test]\nfn t() { std::thread::spawn(|| ()); }\n"),
        ],
    );
    swap(&package, &REGISTRY).assert_code(0);
    let manifest = &files(package.path())["Cargo.toml"];
    assert!(!manifest.contains("[dependencies]") && manifest.contains("[dev-dependencies]"), "{manifest}");
}

#[test]
fn parking_lot_brings_its_line_and_its_features() {
    let package = Package::new(
        "[dependencies]\npl = { package = 'parking_lot', version = '0.12', features = ['send_guard'] }\n\
         newer = { package = 'parking_lot', version = '0.13', optional = true }\n\
         [features]\nserde = ['newer/serde', 'dep:newer']",
        &[("src/lib.rs", "use pl::Mutex;\npub fn f() -> newer::Once { newer::Once::new() }\n")],
    );
    swap(&package, &REGISTRY).assert_code(0);
    let files = files(package.path());
    assert!(
        files["src/lib.rs"].starts_with("use tracked::parking_lot_0_12::Mutex;\n"),
        "{}",
        files["src/lib.rs"]
    );
    assert!(files["src/lib.rs"].contains("-> tracked::parking_lot::Once"));
    let features = "features = [\"parking_lot_0_12\", \"parking_lot_0_13\", \"send_guard\", \"serde\"]";
    assert!(files["Cargo.toml"].contains(features), "{}", files["Cargo.toml"]);
}

#[test]
fn a_workspace_is_swapped_member_by_member() {
    let dir = tempfile::tempdir().unwrap();
    let package = Package { dir };
    package.write("Cargo.toml", "[workspace]\nmembers = ['old', 'new']\n");
    package.write("old/Cargo.toml", "[package]\nname = 'old'\nversion = '0.1.0'\nedition = '2015'\n");
    package.write("old/src/lib.rs", "//! Old.\n\nmod inner;\n");
    package.write("old/src/inner.rs", "use std::sync::Mutex;\nfn f(_: ::std::thread::Thread) {}\n");
    package.write("new/Cargo.toml", "[package]\nname = 'new'\nversion = '0.1.0'\nedition = '2021'\n");
    package.write("new/src/lib.rs", "mod tracked;\nuse std::sync::Mutex;\n");
    package.write("new/src/tracked.rs", "");
    let before = files(package.path());
    let called = swap(&package, &REGISTRY);
    assert!(called.assert_code(0).stderr.contains("resolver 1"), "{}", called.stderr);
    let after = files(package.path());
    assert_eq!(after["old/src/lib.rs"], "//! Old.\n\nextern crate tracked;\nmod inner;\n");
    assert_eq!(
        after["old/src/inner.rs"],
        "use tracked::sync::Mutex;\nfn f(_: ::tracked::thread::Thread) {}\n"
    );
    assert_eq!(after["new/src/lib.rs"], "mod tracked;\nuse ::tracked::sync::Mutex;\n");
    assert!(after["old/Cargo.toml"].contains("tracked") && after["new/Cargo.toml"].contains("tracked"));
    swap(&package, &["--undo"]).assert_code(0);
    assert_eq!(files(package.path()), before);
}

#[test]
fn a_file_that_does_not_parse_is_left_and_named() {
    let package = Package::new(
        "",
        &[
            ("src/lib.rs", "mod broken;\nuse std::sync::Mutex;\n"),
            ("src/broken.rs", "\nfn f( {\nuse std::sync::Mutex;"),
        ],
    );
    let called = swap(&package, &REGISTRY);
    assert!(called.assert_code(0).stderr.contains("not swapped: src/broken.rs:2:"), "{}", called.stderr);
    assert!(files(package.path())["src/lib.rs"].contains("use tracked::sync::Mutex;"));
}

#[test]
fn without_a_package_there_is_nothing_to_swap() {
    let dir = tempfile::tempdir().unwrap();
    let called = call_in(dir.path(), &["swap", "."]);
    assert!(called.assert_code(2).stderr.contains("there is no Cargo.toml"), "{}", called.stderr);
}

/// The versions that are locked here, so that nothing is asked of a registry.
fn with_lock(package: &Package) {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
    package.write("Cargo.lock", &lock);
}

#[test]
fn what_cannot_be_swapped_in_a_whole_tree_is_said() {
    let package = Package::new("", &[("src/main.rs", "fn main() {}\n")]);
    let say = |arguments: &[&str]| call_in(package.path(), arguments).assert_code(2).stderr.clone();
    let std = say(&["run", ".", "--swap", "std"]);
    assert!(std.contains("std is no dependency") && std.contains("lockcheck swap PATH"), "{std}");
    assert!(say(&["test", "--swap", "std"]).contains("std is no dependency"));
    assert!(say(&["run", ".", "--swap", "tokio"]).contains("only `parking_lot`"));
    assert!(say(&["run", "--swap", "parking_lot", "--", "true"]).contains("a command is none"));
    assert!(
        say(&["run", ".", "--swap", "parking_lot"])
            .contains("nothing in the dependency tree uses parking_lot")
    );
    assert!(!package.path().join("Cargo.lock").exists(), "nothing of the user's is written to");
}

#[test]
fn a_workspace_that_patches_parking_lot_is_not_overruled() {
    // A dependency that is optional, and not wanted by default, is in the tree as well.
    for dependency in ["'0.12'", "{ version = '0.12', optional = true }"] {
        let patch = "[patch.crates-io.lot]\npackage = 'parking_lot'\npath = 'lot'\n";
        let package = Package::new(
            &format!("[dependencies]\nparking_lot = {dependency}\n{patch}"),
            &[
                ("src/main.rs", "fn main() {}\n"),
                ("lot/Cargo.toml", "[package]\nname = 'parking_lot'\nversion = '0.11.0'\n"),
                ("lot/src/lib.rs", ""),
            ],
        );
        with_lock(&package);
        let called = call_in(package.path(), &["run", ".", "--swap", "parking_lot"]);
        assert!(called.assert_code(2).stderr.contains("patches parking_lot itself"), "{}", called.stderr);
    }
}

/// Cargo would only warn of it, and build the real thing.
#[test]
fn a_patch_that_cargo_leaves_unused_is_an_error() {
    let package = Package::new(
        "[dependencies]\nparking_lot = '0.12'\n",
        &[
            ("src/main.rs", "fn main() {}\n"),
            (".cargo/config.toml", "[patch.crates-io]\nparking_lot = { path = 'lot' }\n"),
            // Not the version that is locked.
            ("lot/Cargo.toml", "[package]\nname = 'parking_lot'\nversion = '0.12.0'\n"),
            ("lot/src/lib.rs", ""),
        ],
    );
    with_lock(&package);
    let lock = std::fs::read(package.path().join("Cargo.lock")).unwrap();
    let called = call_in(package.path(), &["run", ".", "--swap", "parking_lot"]);
    let said = &called.assert_code(2).stderr;
    assert!(said.contains("did not use the patch for parking_lot 0.12.0"), "{said}");
    assert_eq!(std::fs::read(package.path().join("Cargo.lock")).unwrap(), lock);
}
