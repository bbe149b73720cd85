//! What holds for the workspace as a whole: who may import whom, where features are turned on, what lies where.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

use crate::command::root;

/// Who may import whom among the crates, tests left out. A crate without a row may not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("lockcheck-events", &[]),
    ("lockcheck-checker", &["lockcheck-events"]),
    ("lockcheck-report", &["lockcheck-checker", "lockcheck-events"]),
    ("lockcheck-explorer", &["lockcheck-events"]),
    ("lockcheck-litmus", &["lockcheck-checker", "lockcheck-events", "lockcheck-explorer"]),
    (
        "tracked",
        &[
            "lockcheck-checker",
            "lockcheck-events",
            "lockcheck-explorer",
            "lockcheck-report",
            "tracked-macros",
        ],
    ),
    ("tracked-macros", &[]),
    ("lockcheck-observe", &["lockcheck-checker", "lockcheck-litmus", "tracked"]),
    (
        "lockcheck",
        &[
            "lockcheck-checker",
            "lockcheck-events",
            "lockcheck-explorer",
            "lockcheck-litmus",
            "lockcheck-observe",
            "lockcheck-report",
            "lockcheck-swap",
            "tracked",
        ],
    ),
    ("lockcheck-swap", &[]),
    ("tracked-parking-lot", &["tracked"]),
    ("lockcheck-bench", &["lockcheck-bench-cases", "tracked"]),
    ("lockcheck-bench-cases", &[]),
    ("lockcheck-practice", &[]),
    ("scenarios", &["lockcheck-report", "tracked"]),
];

/// Programs to be watched, besides the fixtures.
const WATCHED: [&str; 2] = ["lockcheck-bench", "scenarios"];

/// Who alone may use a library. The benchmark is a command line of its own, which nobody imports.
const KEPT_BY: &[(&str, &[&str])] = &[
    ("petgraph", &["lockcheck-checker"]),
    ("clap", &["lockcheck", "lockcheck-bench"]),
    ("signal-hook", &["lockcheck", "graceful_shutdown"]),
];

/// What may lie at the top, besides files that begin with a dot and what git ignores.
const AT_THE_TOP: [&str; 7] =
    ["Cargo.lock", "Cargo.toml", "README.md", "crates", "docs", "fixtures", "tests"];

/// The workspace as cargo sees it, without the libraries it uses.
pub fn workspace() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let mut command = MetadataCommand::new();
        command.manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
    })
}

/// What a package needs to be used, not to be tested.
fn needs(package: &Package) -> impl Iterator<Item = &Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
}

fn is_fixture(package: &Package) -> bool {
    package.manifest_path.starts_with(root().join("fixtures").to_str().unwrap())
}

#[test]
fn imports_run_one_way() {
    let rows: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let members: Vec<&str> =
        workspace().workspace_packages().iter().map(|package| package.name.as_str()).collect();
    for package in workspace().workspace_packages() {
        let name = package.name.as_str();
        let allowed = match rows.get(name) {
            Some(allowed) => allowed,
            None if is_fixture(package) => &["tracked"][..],
            None if name == "lockcheck-tests" => &[],
            None => panic!("`{name}` has no row in the table of imports"),
        };
        for dependency in needs(package).filter(|dependency| members.contains(&&*dependency.name)) {
            assert!(allowed.contains(&&*dependency.name), "`{name}` must not import `{}`", dependency.name);
        }
    }
}

#[test]
fn the_table_of_imports_has_no_circle() {
    let mut open: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    while !open.is_empty() {
        let ready: Vec<&str> = open
            .iter()
            .filter(|(_, imports)| imports.iter().all(|import| !open.contains_key(import)))
            .map(|(name, _)| *name)
            .collect();
        assert!(!ready.is_empty(), "a circle among {:?}", open.keys());
        open.retain(|name, _| !ready.contains(name));
    }
}

#[test]
fn some_libraries_have_one_home() {
    for (library, homes) in KEPT_BY {
        let users: Vec<&str> = workspace()
            .workspace_packages()
            .into_iter()
            .filter(|package| needs(package).any(|dependency| dependency.name == *library))
            .map(|package| package.name.as_str())
            .collect();
        assert!(users.iter().all(|user| homes.contains(user)), "`{library}` is used by {users:?}");
    }
}

/// Features unify: one crate that turned it on would turn it on for all.
#[test]
fn nobody_turns_check_on_but_watched_programs() {
    for package in workspace().workspace_packages() {
        let name = package.name.as_str();
        if is_fixture(package) || WATCHED.contains(&name) {
            continue;
        }
        let on = |dependency: &&Dependency| dependency.features.iter().any(|feature| feature == "check");
        let turned_on: Vec<&str> = needs(package)
            .filter(|dependency| dependency.name == "tracked")
            .filter(on)
            .map(|dependency| dependency.name.as_str())
            .collect();
        assert!(turned_on.is_empty(), "`{name}` turns `check` on");
        // A drop-in package hands on what its user asks for by the same name.
        let others = package.features.iter().filter(|(feature, _)| *feature != "check");
        let by_feature = others.flat_map(|(_, turns_on)| turns_on).any(|entry| entry == "tracked/check");
        assert!(!by_feature, "a feature of `{name}` turns `check` on");
    }
    let defaults: Vec<String> =
        workspace().workspace_default_packages().iter().map(|package| package.name.to_string()).collect();
    for package in workspace().workspace_packages() {
        let name = package.name.to_string();
        let watched = is_fixture(package) || WATCHED.contains(&&*name);
        assert_ne!(watched, defaults.contains(&name), "`{name}`: watched programs are no default members");
    }
}

#[test]
fn fixtures_are_not_published() {
    for package in workspace().workspace_packages().into_iter().filter(|package| is_fixture(package)) {
        assert_eq!(package.publish.as_deref(), Some(&[][..]), "{}", package.name);
        let folder = package.manifest_path.parent().unwrap();
        assert_eq!(folder.file_name(), Some(package.name.as_str()), "a fixture is called as its folder is");
    }
}

#[test]
fn nothing_else_lies_at_the_top() {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_ignored = ignored.lines().any(|line| line.trim_start_matches('/') == name);
        assert!(name.starts_with('.') || is_ignored || AT_THE_TOP.contains(&&*name), "`{name}` at the top");
    }
}

#[test]
fn the_readme_s_test_command_is_the_one_that_ci_runs() {
    let command = "cargo test --workspace";
    for file in ["README.md", ".ci/run"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.lines().any(|line| line.starts_with(command)), "`{command}` in {file}");
    }
}

#[test]
fn every_finding_code_has_its_page() {
    let folder = root().join("docs/findings");
    for code in lockcheck_checker::Code::ALL {
        let page = fs::read_to_string(folder.join(format!("{code}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# {code} {}", code.kind())), "docs/findings/{code}.md");
    }
    assert_eq!(
        fs::read_dir(folder).unwrap().count(),
        lockcheck_checker::Code::ALL.len(),
        "no page is left over"
    );
}

#[test]
fn every_source_says_what_it_is_for() {
    let mut sources = Vec::new();
    for folder in ["crates", "fixtures", "tests"] {
        collect_sources(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 50, "{sources:?}");
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        // What is included where docs may not stand has a plain comment.
        let opening = if is_included(&path) { "// " } else { "//! " };
        assert!(text.starts_with(opening), "{} does not open with `{opening}`", path.display());
    }
}

/// Whether a source beside it includes the text.
fn is_included(path: &Path) -> bool {
    let name = format!("{:?}", path.file_name().unwrap());
    let beside = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let mut sources = beside.filter(|beside| beside.extension().is_some_and(|extension| extension == "rs"));
    sources.any(|source| {
        let text = fs::read_to_string(source).unwrap();
        // Also by way of a macro, which is given the name.
        text.contains("include!") && text.contains(&name)
    })
}

fn collect_sources(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is = |name: &str| path.file_name().is_some_and(|own| own == name);
        if path.is_dir() && !is("target") {
            collect_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}
