//! `lockcheck swap`: from packages to edits of their sources and manifests, and back again. What is edited, and how, is
//! the swap crate's business; here files are found, written, and kept for `--undo`.

mod journal;
mod listing;
mod packages;
mod tracked_source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lockcheck_swap::{Left, Need, add_dependency, add_extern_crate};

use crate::args::SwapArgs;
use crate::config::Style;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output;
use crate::package;
use journal::Journal;
use listing::Listing;
use packages::Crate;
pub use packages::line_of;
pub use tracked_source::TrackedSource;

/// A file that changes.
#[derive(Clone, Debug)]
pub struct Change {
    pub before: String,
    pub after: String,
    /// How many paths and imports; none in a manifest.
    pub places: usize,
}

/// All that a swap changes, by file.
pub type Changes = BTreeMap<PathBuf, Change>;

/// Carries it out.
pub fn swap(args: &SwapArgs, style: Style) -> Result<Exit> {
    let current = std::env::current_dir().map_err(|error| CliError::io("find", Path::new("."), &error))?;
    let manifest = package::find_manifest(&args.target, &current)?;
    let folder = manifest.parent().unwrap_or(&current).to_owned();
    let mut journal = Journal::open(&folder)?;
    if args.undo {
        return undo(args, &mut journal, &current, style);
    }
    let source =
        TrackedSource::choose(args.tracked_path.as_deref(), args.tracked_version.as_deref(), &current)?;
    warn_of_resolver(&manifest, style);
    let (changes, left) = plan(&manifest, args.workspace, &source)?;
    let writes = !args.diff && !args.dry_run;
    if writes && !changes.is_empty() {
        journal.remember(&changes)?;
        for (path, change) in &changes {
            write(path, &change.after)?;
        }
    }
    let listing =
        Listing { changes: &changes, left: &left, current: &current, source: &source, wrote: writes };
    if args.diff {
        output::to_stdout(&listing.diff())?;
    }
    listing.show(style)?;
    Ok(Exit::Clean)
}

/// With resolver 1 the tests' `check` would be on in every build.
fn warn_of_resolver(manifest: &Path, style: Style) {
    let root = package::metadata(manifest, false).map(|metadata| metadata.workspace_root.into_std_path_buf());
    if root.is_ok_and(|root| package::resolver_is_one(&root)) {
        output::note(
            style,
            "the workspace uses resolver 1: the feature `check` of the dev-dependency is then on in other builds as \
             well; set `resolver = \"2\"` in the workspace's Cargo.toml",
        );
    }
}

/// What there is to change, and what is left.
fn plan(
    manifest: &Path,
    workspace: bool,
    source: &TrackedSource,
) -> Result<(Changes, BTreeMap<PathBuf, Vec<Left>>)> {
    let metadata = package::metadata(manifest, false)?;
    let root: PathBuf = metadata.workspace_root.clone().into();
    let mut changes = Changes::new();
    let mut all_left: BTreeMap<PathBuf, Vec<Left>> = BTreeMap::new();
    for package in packages::chosen(&metadata, manifest, workspace) {
        let own = Crate::of(package);
        let sources = lockcheck_swap::collect(&own.entries, &own.mirrors, &root);
        for (path, left) in sources.left {
            let known = all_left.entry(path).or_default();
            known.extend(left);
            known.sort();
            known.dedup();
        }
        if sources.files.is_empty() {
            continue;
        }
        for (path, file) in sources.files {
            let new = Change { before: file.before, after: file.after, places: file.swapped };
            changes.entry(path).or_insert(new);
        }
        for entry in sources.roots.iter() {
            declare(&mut changes, &entry.root, &own)?;
        }
        let features: BTreeSet<String> =
            sources.features.iter().map(|feature| (*feature).to_owned()).collect();
        let need = Need {
            source: source.seen_from(&own.folder),
            features: own.features_of_tracked(features),
            dev_only: sources.roots.iter().all(|entry| entry.dev),
        };
        depend(&mut changes, &own.manifest, &need)?;
    }
    Ok((changes, all_left))
}

/// `extern crate tracked;` in the root of a target, which need not change otherwise.
fn declare(changes: &mut Changes, root: &Path, own: &Crate) -> Result<()> {
    let before = match changes.get(root) {
        Some(change) => change.after.clone(),
        None => read(root)?,
    };
    if let Some(after) = add_extern_crate(&before, own.mirrors.edition) {
        changes.entry(root.to_owned()).or_insert(Change { before, after: String::new(), places: 0 }).after =
            after;
    }
    Ok(())
}

fn depend(changes: &mut Changes, manifest: &Path, need: &Need) -> Result<()> {
    let before = match changes.get(manifest) {
        Some(change) => change.after.clone(),
        None => read(manifest)?,
    };
    let after = add_dependency(&before, need)
        .map_err(|error| CliError::usage("manifest", error.to_string()).at(manifest, 0, 0))?;
    if let Some(after) = after {
        let change = Change { before, after: String::new(), places: 0 };
        changes.entry(manifest.to_owned()).or_insert(change).after = after;
    }
    Ok(())
}

fn undo(args: &SwapArgs, journal: &mut Journal, current: &Path, style: Style) -> Result<Exit> {
    if journal.is_empty() {
        return Err(CliError::usage("nothing-to-undo", "there is no swap to undo here")
            .at(journal.path(), 0, 0)
            .help("name the folder that was swapped: the file .lockcheck-swap lies in it"));
    }
    let (restored, edited) = journal.restorable(args.force)?;
    if args.diff {
        output::to_stdout(&listing::diff(&restored, current))?;
    }
    let writes = !args.diff && !args.dry_run;
    if writes {
        for (path, change) in &restored {
            write(path, &change.after)?;
        }
        journal.forget(&restored)?;
    }
    listing::show_undo(&restored, current, writes, style)?;
    if edited.is_empty() {
        return Ok(Exit::Clean);
    }
    let names: Vec<String> = edited.iter().map(|path| listing::shown(path, current)).collect();
    Err(CliError::usage(
        "edited-since",
        format!("edited since the swap and left alone: {}", names.join(", ")),
    )
    .help("undo those edits first, or give --force, which loses them"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| CliError::io("read", path, &error))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| CliError::io("write", path, &error))
}
