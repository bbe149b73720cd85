//! `--swap parking_lot`: a whole dependency tree with watched locks, and not a byte of it changed.
//!
//! The problem: a crate deep in the tree that uses parking_lot cannot be edited, but cargo can be told to take another
//! `parking_lot` (`[patch.crates-io]`). That must not happen to the user's own Cargo.toml and Cargo.lock; and since what
//! replaces parking_lot is made of it, the replacement would depend on itself. Hence, in one folder below the target
//! directory:
//!
//! | folder | what |
//! |---|---|
//! | `copy` | the workspace: manifests rewritten, Cargo.lock copied, everything else links to the originals (`copy`) |
//! | `plain` | the locked parking_lot's own sources, under another package name, which no patch matches |
//! | `tracked` | the sources of `tracked`, whose manifest asks for that name |
//! | `shim` | packages named `parking_lot`, at the locked versions, that re-export `tracked`'s mirrors (`shims`) |
//! | `target` | what is built |
//!
//! Paths in what is built are mapped back (`--remap-path-prefix`), so that reports name the user's own files.
//!
//! std cannot be replaced in this way: it is no dependency.

mod copy;
mod shims;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, Package};
use lockcheck_swap::Line;

use crate::args::TreeArgs;
use crate::error::{CliError, Result};
use crate::package;
use crate::swap::TrackedSource;
use shims::Shim;

/// What can be swapped in a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swappable {
    /// parking_lot, in both lines.
    ParkingLot,
}

impl std::str::FromStr for Swappable {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Swappable, String> {
        match text {
            "parking_lot" => Ok(Swappable::ParkingLot),
            "std" => {
                Err("std is no dependency, so that cargo cannot be told to take another one; rewrite the \
                          imports of a package with `lockcheck swap PATH`"
                    .to_owned())
            }
            _ => Err("only `parking_lot` can be swapped in a whole dependency tree".to_owned()),
        }
    }
}

/// A tree that is ready to be built.
#[derive(Clone, Debug)]
pub struct SwappedTree {
    /// The manifest of the same package in the copy.
    pub manifest: PathBuf,
    /// Where to build.
    pub target_dir: PathBuf,
    /// What rustc is to be told.
    pub rustflags: Vec<String>,
    /// The original workspace.
    pub original: PathBuf,
    /// Its copy.
    copy: PathBuf,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl SwappedTree {
    /// The folder that one in the copy is a copy of.
    pub fn original_of(&self, folder: &Path) -> PathBuf {
        folder
            .strip_prefix(&self.copy)
            .map_or_else(|_| folder.to_owned(), |within| self.original.join(within))
    }
}

/// The tree that the options ask for, if they do.
pub fn asked_for(args: &TreeArgs, manifest: &Path, current: &Path) -> Result<Option<SwappedTree>> {
    match args.swap {
        None => Ok(None),
        Some(Swappable::ParkingLot) => {
            let source = TrackedSource::choose(args.tracked_path.as_deref(), None, current)?;
            prepare(manifest, &source).map(Some)
        }
    }
}

/// Makes the copy and everything beside it.
fn prepare(manifest: &Path, source: &TrackedSource) -> Result<SwappedTree> {
    let TrackedSource::Folder { folder: tracked, .. } = source else {
        return Err(CliError::usage("swap-needs-sources", "--swap builds `tracked` from its sources")
            .help("name them with --tracked-path: crates/tracked in lockcheck's repository"));
    };
    let metadata = package::metadata(manifest, false)?;
    let original: PathBuf = metadata.workspace_root.clone().into();
    let base = metadata.target_directory.join("lockcheck/swap").into_std_path_buf();
    let place = Place { base, original, tracked: tracked.clone() };
    let copied = copy::make(&place, &metadata, manifest)?;
    let tree = package::whole_tree(&copied)?;
    let (used, notes) = parking_lots(&tree)?;
    if tree.packages.iter().any(|package| package.name.as_str() == "tracked" && !place.is_ours(package)) {
        return Err(CliError::usage(
            "two-run-times",
            "the tree has a `tracked` of its own from somewhere else",
        )
        .help("name its sources with --tracked-path, so that both are one"));
    }
    let shims = shims::make(&place, &used)?;
    copy::patch(&place, &shims)?;
    let patched = package::whole_tree(&copied)?;
    verify(&place, &patched, &shims)?;
    let (from, to) = (place.copy(), &place.original);
    Ok(SwappedTree {
        manifest: copied,
        target_dir: place.base.join("target"),
        rustflags: vec![format!("--remap-path-prefix={}={}", from.display(), to.display())],
        original: place.original.clone(),
        copy: place.copy(),
        notes,
    })
}

/// Where everything lies.
struct Place {
    base: PathBuf,
    original: PathBuf,
    /// The sources of `tracked`.
    tracked: PathBuf,
}

impl Place {
    fn copy(&self) -> PathBuf {
        self.base.join("copy")
    }

    /// The copy of `tracked`, in a folder as deep as its own, so that paths within its workspace hold.
    fn tracked_copy(&self) -> PathBuf {
        self.base.join("tracked/crates/tracked")
    }

    fn is_ours(&self, package: &Package) -> bool {
        package.manifest_path.starts_with(self.base.to_string_lossy().as_ref())
    }
}

/// The parking_lots of a tree that have a mirror, and a word on those that have not.
fn parking_lots(tree: &Metadata) -> Result<(Vec<Package>, Vec<String>)> {
    let mut used = Vec::new();
    let mut notes = Vec::new();
    for package in tree.packages.iter().filter(|package| package.name.as_str() == "parking_lot") {
        let version = &package.version;
        let from_crates_io = package.source.as_ref().is_some_and(|source| source.is_crates_io());
        if !from_crates_io {
            notes.push(format!("parking_lot {version} is not from crates.io and stays as it is"));
        } else if line(package).is_none() {
            let users = users(tree, package);
            notes.push(format!("parking_lot {version} has no mirror and stays as it is; used by {users}"));
        } else {
            used.push(package.clone());
        }
    }
    if !used.is_empty() {
        return Ok((used, notes));
    }
    let message = "nothing in the dependency tree uses parking_lot 0.12 or 0.13 from crates.io";
    let help = if notes.is_empty() {
        "to rewrite a package's own imports: lockcheck swap PATH".to_owned()
    } else {
        notes.join("\n")
    };
    Err(CliError::usage("nothing-to-swap", message).help(help))
}

/// The line that a package named parking_lot belongs to.
fn line(package: &Package) -> Option<Line> {
    match (package.version.major, package.version.minor) {
        (0, 12) => Some(Line::V0_12),
        (0, 13) => Some(Line::V0_13),
        _ => None,
    }
}

fn users(tree: &Metadata, package: &Package) -> String {
    let nodes = tree.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let users: BTreeSet<String> = nodes
        .filter(|node| node.dependencies.contains(&package.id))
        .map(|node| tree[&node.id].name.to_string())
        .collect();
    users.into_iter().collect::<Vec<_>>().join(", ")
}

/// Cargo only warns of a patch that it did not take, and then builds the real thing: here that is an error.
fn verify(place: &Place, patched: &Metadata, shims: &[Shim]) -> Result<()> {
    let lock_path = place.copy().join("Cargo.lock");
    let lock =
        std::fs::read_to_string(&lock_path).map_err(|error| CliError::io("read", &lock_path, &error))?;
    let unused = unused_patches(&lock);
    let escaped = patched.packages.iter().find(|package| {
        package.name.as_str() == "parking_lot"
            && package.source.is_some()
            && shims.iter().any(|shim| line(package) == Some(shim.line))
    });
    let missing = shims.iter().find(|shim| {
        !patched.packages.iter().any(|package| package.manifest_path.as_std_path() == shim.manifest)
    });
    let what = match (unused.first(), escaped, missing) {
        (Some(unused), ..) => format!("cargo did not use the patch for {unused}"),
        (_, Some(package), _) => format!("parking_lot {} is still in the tree", package.version),
        (.., Some(shim)) => format!("the replacement of parking_lot {} is not in the tree", shim.version),
        _ => return Ok(()),
    };
    Err(CliError::usage("patch-unused", format!("{what}, so that its locks would not be watched"))
        .at(lock_path, 0, 0)
        .help("does a configuration file or the workspace patch parking_lot as well?"))
}

/// What stands under `[[patch.unused]]` in a Cargo.lock.
fn unused_patches(lock: &str) -> Vec<String> {
    let table: toml::Table = lock.parse().unwrap_or_default();
    let unused = table.get("patch").and_then(|patch| patch.get("unused")).and_then(toml::Value::as_array);
    let shown = |entry: &toml::Value| {
        let word = |key: &str| entry.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        format!("{} {}", word("name"), word("version"))
    };
    unused.into_iter().flatten().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parking_lot_can_be_swapped_in_a_tree() {
        assert_eq!("parking_lot".parse(), Ok(Swappable::ParkingLot));
        let error = "std".parse::<Swappable>().unwrap_err();
        assert!(error.contains("no dependency") && error.contains("lockcheck swap PATH"), "{error}");
        assert!("tokio".parse::<Swappable>().is_err());
    }

    #[test]
    fn unused_patches_are_seen() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n\
                    [[patch.unused]]\nname = \"parking_lot\"\nversion = \"0.12.5\"\n";
        assert_eq!(unused_patches(lock), ["parking_lot 0.12.5"]);
        assert_eq!(unused_patches("version = 4\n"), [] as [&str; 0]);
    }
}
