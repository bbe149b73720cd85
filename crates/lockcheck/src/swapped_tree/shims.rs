//! What takes parking_lot's place: the locked versions' own sources under other names, `tracked` on top of these, and
//! packages named `parking_lot` on top of `tracked`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, Package};
use lockcheck_swap::Line;
use toml_edit::{Array, DocumentMut, Item, Table};

use super::copy::{each_dependency, mirror, read_manifest, write};
use super::{Place, line};
use crate::error::{CliError, Result};
use crate::package;

/// A package that replaces parking_lot.
pub struct Shim {
    pub line: Line,
    pub version: String,
    pub manifest: PathBuf,
}

/// Writes all of it.
pub fn make(place: &Place, used: &[Package]) -> Result<Vec<Shim>> {
    let mut plains = Vec::new();
    for package in used {
        if let Some(line) = line(package) {
            plains.push((line, plain(place, package)?, package));
        }
    }
    let names: Vec<(Line, PathBuf)> =
        plains.iter().map(|(line, folder, _)| (*line, folder.clone())).collect();
    tracked(place, &names)?;
    plains.iter().map(|(line, folder, package)| shim(place, *line, folder, package)).collect()
}

/// What a line's own sources are called.
fn plain_name(line: Line) -> &'static str {
    match line {
        Line::V0_12 => "lockcheck-plain-parking-lot-0-12",
        Line::V0_13 => "lockcheck-plain-parking-lot-0-13",
    }
}

/// parking_lot's own sources, under a name that no patch matches.
fn plain(place: &Place, package: &Package) -> Result<PathBuf> {
    let Some(line) = line(package) else { return Ok(PathBuf::new()) };
    let original = package.manifest_path.parent().map_or(Path::new("/"), |folder| folder.as_std_path());
    let folder = place.base.join(format!("plain/parking_lot-{}", package.version));
    mirror(
        original,
        &folder,
        &["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", "tests", "benches", ".cargo-ok"],
    )?;
    let mut manifest = read_manifest(&original.join("Cargo.toml"))?;
    without_tests(&mut manifest);
    manifest["package"]["name"] = plain_name(line).into();
    manifest["lib"]["name"] = "parking_lot".into();
    silence(&mut manifest);
    alone(&mut manifest);
    write(&folder.join("Cargo.toml"), &manifest.to_string())?;
    Ok(folder)
}

fn without_tests(manifest: &mut DocumentMut) {
    for key in ["dev-dependencies", "test", "bench", "example"] {
        manifest.remove(key);
    }
}

/// Other people's warnings are not the user's; cargo shows them for what lies in a folder.
fn silence(manifest: &mut DocumentMut) {
    let mut rust = Table::new();
    rust.insert("warnings", "allow".into());
    let mut lints = Table::new();
    lints.set_implicit(true);
    lints.insert("rust", Item::Table(rust));
    manifest.insert("lints", Item::Table(lints));
}

/// Not part of a workspace further up.
fn alone(manifest: &mut DocumentMut) {
    manifest.insert("workspace", Item::Table(Table::new()));
}

/// `tracked` and what it is made of, with parking_lot by its other names.
fn tracked(place: &Place, plains: &[(Line, PathBuf)]) -> Result<()> {
    let manifest = place.tracked.join("Cargo.toml");
    let metadata = package::metadata(&manifest, false)?;
    let root = metadata.workspace_root.clone().into_std_path_buf();
    let new_root = place.base.join("tracked");
    let members = made_of(&metadata, &place.tracked);
    let mut names = Array::new();
    for member in &members {
        let within = member.strip_prefix(&root).map_err(|_| {
            CliError::usage("tracked-path", format!("`{}` is not under its workspace", member.display()))
        })?;
        names.push(within.to_string_lossy().into_owned());
        let to = new_root.join(within);
        mirror(member, &to, &["Cargo.toml", "tests", "benches", "examples", "target"])?;
        let mut manifest = read_manifest(&member.join("Cargo.toml"))?;
        without_tests(&mut manifest);
        write(&to.join("Cargo.toml"), &manifest.to_string())?;
    }
    let mut manifest = read_manifest(&root.join("Cargo.toml"))?;
    rename(&mut manifest, plains);
    if let Some(workspace) = manifest.get_mut("workspace").and_then(Item::as_table_like_mut) {
        workspace.insert("members", Item::Value(names.into()));
        workspace.remove("default-members");
        workspace.remove("exclude");
    }
    manifest.remove("profile");
    manifest.remove("patch");
    write(&new_root.join("Cargo.toml"), &manifest.to_string())
}

/// The folders of `tracked` and of the packages beside it that it needs.
fn made_of(metadata: &Metadata, tracked: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![tracked.to_owned()];
    while let Some(folder) = open.pop() {
        if !found.insert(folder.clone()) {
            continue;
        }
        let manifest = folder.join("Cargo.toml");
        let own = metadata.packages.iter().find(|package| package.manifest_path.as_std_path() == manifest);
        let needed = own.into_iter().flat_map(|package| &package.dependencies);
        let needed = needed.filter(|dependency| dependency.kind != DependencyKind::Development);
        open.extend(needed.filter_map(|dependency| dependency.path.clone()).map(PathBuf::from));
    }
    found
}

/// Turns what asks for a swapped line of parking_lot to its own sources.
fn rename(manifest: &mut DocumentMut, plains: &[(Line, PathBuf)]) {
    plain_strings_become_tables(manifest);
    each_dependency(manifest, &mut |key, dependency| {
        let package = dependency.get("package").and_then(Item::as_str).unwrap_or(key);
        let requirement = dependency.get("version").and_then(Item::as_str).and_then(|text| text.parse().ok());
        if package != "parking_lot" {
            return;
        }
        let line = requirement.as_ref().and_then(crate::swap::line_of);
        let Some((line, folder)) = plains.iter().find(|(own, _)| Some(*own) == line) else { return };
        dependency.remove("version");
        dependency.insert("package", plain_name(*line).into());
        dependency.insert("path", folder.to_string_lossy().into_owned().into());
    });
}

/// `parking_lot = "0.12"` as a table, which can be added to.
fn plain_strings_become_tables(manifest: &mut DocumentMut) {
    let dependencies = manifest
        .get_mut("workspace")
        .and_then(|workspace| workspace.get_mut("dependencies"))
        .and_then(Item::as_table_like_mut);
    let Some(item) = dependencies.and_then(|table| table.get_mut("parking_lot")) else { return };
    if let Some(version) = item.as_str().map(str::to_owned) {
        let mut table = toml_edit::InlineTable::new();
        table.insert("version", version.into());
        *item = Item::Value(table.into());
    }
}

/// The package named `parking_lot`.
fn shim(place: &Place, line: Line, plain: &Path, package: &Package) -> Result<Shim> {
    let version = package.version.to_string();
    let folder = place.base.join(format!("shim/parking_lot-{version}"));
    std::fs::create_dir_all(&folder).map_err(|error| CliError::io("create", &folder, &error))?;
    let manifest = folder.join("Cargo.toml");
    write(&manifest, &shim_manifest(place, line, plain, package))?;
    write(&folder.join("lib.rs"), &shim_source(line, package))?;
    Ok(Shim { line, version, manifest })
}

/// What turning a feature of parking_lot on means here. All of them are accepted.
fn feature_of(name: &str, turns_on: &[String]) -> Vec<String> {
    match name {
        "default" => turns_on.to_vec(),
        "arc_lock" | "owning_ref" | "send_guard" | "serde" => vec![format!("tracked/{name}")],
        // It watches the real locks underneath; that costs and says nothing new, but is what was asked for.
        "deadlock_detection" | "hardware-lock-elision" => vec![format!("plain/{name}")],
        // `nightly` and whatever there will be: matters of speed, or of another compiler.
        _ => Vec::new(),
    }
}

fn shim_manifest(place: &Place, line: Line, plain: &Path, package: &Package) -> String {
    // A string, or a list of strings, of JSON is one of TOML.
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy().into_owned()).to_string();
    let mut text = format!(
        "[package]\nname = \"parking_lot\"\nversion = \"{}\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[features]\n",
        package.version
    );
    for (name, turns_on) in &package.features {
        let list = serde_json::Value::from(feature_of(name, turns_on));
        let _ = writeln!(text, "{name} = {list}");
    }
    let _ = write!(
        text,
        "\n[dependencies]\ntracked = {{ path = {}, features = [\"{}\"] }}\nplain = {{ package = \"{}\", path = {} }}\n",
        quoted(&place.tracked_copy()),
        line.feature(),
        plain_name(line),
        quoted(plain),
    );
    text
}

fn shim_source(line: Line, package: &Package) -> String {
    let mut text = format!(
        "//! Stands in for parking_lot {}: the same names, watched.\n\npub use tracked::{}::*;\n",
        package.version,
        line.module()
    );
    if package.features.contains_key("deadlock_detection") {
        text += "\n#[cfg(feature = \"deadlock_detection\")]\npub use plain::deadlock;\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_turned_to_its_own_sources() {
        let text = "[workspace.dependencies]\nparking_lot = \"0.12\" # why\n\
                    newer = { package = \"parking_lot\", version = \"0.13\", features = [\"serde\"] }\nlock_api = \"0.4\"\n";
        let mut manifest: DocumentMut = text.parse().unwrap();
        rename(&mut manifest, &[(Line::V0_12, "/plain/a".into())]);
        let new = manifest.to_string();
        assert!(new.contains("package = \"lockcheck-plain-parking-lot-0-12\", path = \"/plain/a\""), "{new}");
        assert!(new.contains("package = \"parking_lot\", version = \"0.13\""), "{new}");
        rename(&mut manifest, &[(Line::V0_13, "/plain/b".into())]);
        let new = manifest.to_string();
        assert!(
            new.contains("package = \"lockcheck-plain-parking-lot-0-13\", features = [\"serde\"]"),
            "{new}"
        );
    }

    #[test]
    fn every_feature_is_accepted() {
        assert_eq!(feature_of("send_guard", &[]), ["tracked/send_guard"]);
        assert_eq!(feature_of("deadlock_detection", &[]), ["plain/deadlock_detection"]);
        assert_eq!(feature_of("nightly", &["lock_api/nightly".to_owned()]), [] as [&str; 0]);
        assert_eq!(feature_of("default", &["serde".to_owned()]), ["serde"]);
    }
}
