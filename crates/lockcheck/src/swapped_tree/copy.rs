//! The copy of the user's workspace: folders with a manifest are real, manifests are rewritten, Cargo.lock is copied, and
//! all else links to the originals. Nothing of the user's is written to.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use cargo_metadata::Metadata;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike};

use super::Place;
use super::shims::Shim;
use crate::error::{CliError, Result};

/// The tables of a manifest that list dependencies, at the top and under `[target.*]`.
const DEPENDENCY_TABLES: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

/// Makes it anew; gives the place of `manifest` in it.
pub fn make(place: &Place, metadata: &Metadata, manifest: &Path) -> Result<PathBuf> {
    let copy = place.copy();
    if copy.exists() {
        // Links are removed, not followed.
        fs::remove_dir_all(&copy).map_err(|error| CliError::io("remove", &copy, &error))?;
    }
    let packages = packages_within(place, metadata)?;
    let skip = metadata.target_directory.clone().into_std_path_buf();
    fill(place, Path::new(""), &packages, &skip)?;
    let real = manifest.canonicalize().map_err(|error| CliError::io("find", manifest, &error))?;
    let root =
        place.original.canonicalize().map_err(|error| CliError::io("find", &place.original, &error))?;
    let within = real.strip_prefix(&root).map_err(|_| {
        CliError::usage("outside-workspace", format!("`{}` is not under its workspace", manifest.display()))
            .help("--swap copies the workspace's folder only")
    })?;
    Ok(copy.join(within))
}

/// The folders, as seen from the workspace's, of all packages in it: its members and what these name by path.
fn packages_within(place: &Place, metadata: &Metadata) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::from([PathBuf::new()]);
    let members = metadata.workspace_packages().into_iter().map(|member| member.manifest_path.clone());
    let mut open: Vec<PathBuf> =
        members.filter_map(|manifest| manifest.parent().map(|folder| folder.to_path_buf().into())).collect();
    open.push(place.original.clone());
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        let Ok(within) = folder.strip_prefix(&place.original) else { continue };
        found.insert(within.to_owned());
        let document = read_manifest(&folder.join("Cargo.toml"))?;
        open.extend(paths_of(&document).iter().map(|path| normal(&folder.join(path))));
    }
    Ok(found)
}

/// All paths that a manifest's dependencies have.
fn paths_of(document: &DocumentMut) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut document = document.clone();
    each_dependency(&mut document, &mut |_, dependency| {
        paths.extend(dependency.get("path").and_then(Item::as_str).map(PathBuf::from));
    });
    paths
}

/// One folder of the copy.
fn fill(place: &Place, within: &Path, packages: &BTreeSet<PathBuf>, skip: &Path) -> Result<()> {
    let (from, to) = (place.original.join(within), place.copy().join(within));
    fs::create_dir_all(&to).map_err(|error| CliError::io("create", &to, &error))?;
    let entries = fs::read_dir(&from).map_err(|error| CliError::io("read", &from, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| CliError::io("read", &from, &error))?;
        let (path, name) = (entry.path(), entry.file_name());
        let inside = within.join(&name);
        if path == skip || name == ".git" || place.base.starts_with(&path) {
            continue;
        }
        if packages.iter().any(|package| package.starts_with(&inside)) && path.is_dir() {
            fill(place, &inside, packages, skip)?;
        } else if name == "Cargo.toml" && packages.contains(within) {
            let text = rewritten(place, &path, &from)?;
            write(&to.join(&name), &text)?;
        } else if name == "Cargo.lock" && within == Path::new("") {
            let text = fs::read_to_string(&path).map_err(|error| CliError::io("read", &path, &error))?;
            write(&to.join(&name), &text)?;
        } else {
            link(&path, &to.join(&name))?;
        }
    }
    Ok(())
}

fn link(original: &Path, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(original, link).map_err(|error| CliError::io("link", link, &error))
}

/// A manifest whose paths out of the workspace are absolute, and whose `tracked` is the one that is built here.
fn rewritten(place: &Place, manifest: &Path, folder: &Path) -> Result<String> {
    let mut document = read_manifest(manifest)?;
    each_dependency(&mut document, &mut |_, dependency| {
        let Some(path) = dependency.get("path").and_then(Item::as_str).map(PathBuf::from) else { return };
        let full = normal(&folder.join(&path));
        let is_tracked = full.canonicalize().is_ok_and(|full| full == place.tracked);
        let new = match (is_tracked, full.starts_with(&place.original)) {
            (true, _) => place.tracked_copy(),
            (false, false) => full,
            (false, true) if path.is_absolute() => {
                place.copy().join(full.strip_prefix(&place.original).unwrap_or(&full))
            }
            (false, true) => return,
        };
        dependency.insert("path", Item::Value(new.to_string_lossy().into_owned().into()));
    });
    // The root of a workspace of one package may go without the table, which the copy needs: it lies below another one.
    if folder == place.original && !document.contains_key("workspace") {
        document.insert("workspace", Item::Table(Table::new()));
    }
    Ok(document.to_string())
}

/// Adds the patches to the copy's root.
pub fn patch(place: &Place, shims: &[Shim]) -> Result<()> {
    let manifest = place.copy().join("Cargo.toml");
    let mut document = read_manifest(&manifest)?;
    let wrong = || {
        CliError::usage("manifest", "`patch.crates-io` is not a table").at(
            place.original.join("Cargo.toml"),
            0,
            0,
        )
    };
    let all = document.entry("patch").or_insert_with(implicit).as_table_like_mut().ok_or_else(wrong)?;
    let patches = all.entry("crates-io").or_insert_with(implicit).as_table_like_mut().ok_or_else(wrong)?;
    let theirs = patches.iter().any(|(key, item)| {
        let package = item.as_table_like().and_then(|table| table.get("package")).and_then(Item::as_str);
        package.unwrap_or(key) == "parking_lot"
    });
    if theirs {
        let message = "the workspace patches parking_lot itself, so that it cannot be swapped";
        return Err(CliError::usage("patched-already", message)
            .at(place.original.join("Cargo.toml"), 0, 0)
            .help("take that patch out, or rewrite the imports with `lockcheck swap PATH`"));
    }
    for shim in shims {
        let folder = shim.manifest.parent().unwrap_or(Path::new(""));
        let mut entry = InlineTable::new();
        entry.insert("package", "parking_lot".into());
        entry.insert("path", folder.to_string_lossy().into_owned().into());
        let key = format!("lockcheck-parking-lot-{}", shim.version);
        patches.insert(&key.replace(['.', '+'], "-"), Item::Value(entry.into()));
    }
    write(&manifest, &document.to_string())
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// Calls `visit` with the key and the table of every dependency that has one, those of `[workspace]`, `[patch]` and
/// `[target.*]` included.
pub fn each_dependency(document: &mut DocumentMut, visit: &mut dyn FnMut(&str, &mut dyn TableLike)) {
    let root: &mut dyn TableLike = document.as_table_mut();
    each_in_tables(root, visit);
    if let Some(workspace) = root.get_mut("workspace").and_then(Item::as_table_like_mut) {
        each_in_tables(workspace, visit);
    }
    for section in ["target", "patch"] {
        let Some(tables) = root.get_mut(section).and_then(Item::as_table_like_mut) else { continue };
        for (_, item) in tables.iter_mut() {
            let Some(table) = item.as_table_like_mut() else { continue };
            if section == "patch" {
                each_in(table, visit);
            } else {
                each_in_tables(table, visit);
            }
        }
    }
}

fn each_in_tables(table: &mut dyn TableLike, visit: &mut dyn FnMut(&str, &mut dyn TableLike)) {
    for name in DEPENDENCY_TABLES {
        if let Some(table) = table.get_mut(name).and_then(Item::as_table_like_mut) {
            each_in(table, visit);
        }
    }
}

fn each_in(table: &mut dyn TableLike, visit: &mut dyn FnMut(&str, &mut dyn TableLike)) {
    for (key, item) in table.iter_mut() {
        if let Some(dependency) = item.as_table_like_mut() {
            visit(key.get(), dependency);
        }
    }
}

/// Reads one.
pub fn read_manifest(path: &Path) -> Result<DocumentMut> {
    let text = fs::read_to_string(path).map_err(|error| CliError::io("read", path, &error))?;
    text.parse().map_err(|error: toml_edit::TomlError| {
        CliError::usage("manifest", error.message().to_owned()).at(path, 0, 0)
    })
}

/// Leaves a file alone that says so already: cargo goes by its time.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| CliError::io("write", path, &error))
}

/// Makes `to` like `from`, without what is called as `skip` says at its top.
pub fn mirror(from: &Path, to: &Path, skip: &[&str]) -> Result<()> {
    fs::create_dir_all(to).map_err(|error| CliError::io("create", to, &error))?;
    let entries = fs::read_dir(from).map_err(|error| CliError::io("read", from, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| CliError::io("read", from, &error))?;
        let name = entry.file_name();
        if skip.iter().any(|skip| OsStr::new(skip) == name) {
            continue;
        }
        let (path, new) = (entry.path(), to.join(&name));
        if path.is_dir() {
            mirror(&path, &new, &[])?;
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| CliError::io("read", &path, &error))?;
        if fs::read(&new).is_ok_and(|old| old == bytes) {
            continue;
        }
        fs::write(&new, bytes).map_err(|error| CliError::io("write", &new, &error))?;
    }
    Ok(())
}

/// Without `.` and `..`, as cargo reads paths.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
