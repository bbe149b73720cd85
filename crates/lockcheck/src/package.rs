//! From what the user typed to a package and one of its programs. Asks cargo; builds and runs nothing.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package, Target, TargetKind};

use crate::args::SelectArgs;
use crate::error::{CliError, Result};

/// How many fixtures or binaries a message lists at most.
const LISTED_MAX: usize = 40;
/// How many folders above the current one are searched for `fixtures/`.
const ANCESTORS_MAX: usize = 64;

/// The cargo to use: the one that started this tool, if one did.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// A program of a package.
#[derive(Clone, Debug)]
pub struct Program {
    /// The package.
    pub package: Package,
    /// The binary's or example's name.
    pub name: String,
    /// Whether it is an example.
    pub example: bool,
    /// The folder of the package's manifest.
    pub folder: PathBuf,
    /// The workspace's root.
    pub workspace_root: PathBuf,
    /// Where builds of this tool go.
    pub target_dir: PathBuf,
    /// Flags for the compiler, besides those that are in force.
    pub rustflags: Vec<String>,
}

/// The manifest that `path` means: a folder with a Cargo.toml, the file itself, or a fixture's name.
pub fn find_manifest(path: &Path, current: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(CliError::usage("no-such-path", "the path is empty"));
    }
    // Without the `.` that people type, which would stand in messages.
    let here: PathBuf = current.join(path).components().collect();
    if here.file_name().is_some_and(|name| name == "Cargo.toml") && here.is_file() {
        return Ok(here);
    }
    if here.join("Cargo.toml").is_file() {
        return Ok(here.join("Cargo.toml"));
    }
    let is_name = path.components().count() == 1 && !path.is_absolute();
    let fixture =
        fixture_folders(current).map(|folder| folder.join(path).join("Cargo.toml")).find(|m| m.is_file());
    if let Some(manifest) = fixture.filter(|_| is_name) {
        return Ok(manifest);
    }
    Err(not_found(path, &here, is_name, current))
}

fn fixture_folders(current: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = current.ancestors().take(ANCESTORS_MAX).map(|folder| folder.join("fixtures"));
    folders.filter(|folder| folder.is_dir()).collect::<Vec<_>>().into_iter()
}

fn not_found(path: &Path, here: &Path, is_name: bool, current: &Path) -> CliError {
    let shown = path.display();
    if here.is_file() {
        return CliError::usage("not-a-package", format!("`{shown}` is a file, not a package"))
            .at(path, 0, 0)
            .help(format!(
                "name the folder of its Cargo.toml; to watch a program: lockcheck run -- {shown}"
            ));
    }
    let mut message = if here.is_dir() {
        format!("there is no Cargo.toml in `{shown}`")
    } else {
        format!("there is no folder or Cargo.toml `{shown}`")
    };
    let fixtures = fixture_names(current);
    if is_name {
        message += ", and no fixture of that name";
    }
    let help = match (fixtures.is_empty(), closest(&path.to_string_lossy(), &fixtures)) {
        (true, _) => {
            "name a folder with a Cargo.toml, or a fixture under `fixtures/` here or above".to_owned()
        }
        (false, Some(close)) => format!("did you mean `{close}`? fixtures: {}", list(&fixtures)),
        (false, None) => format!("fixtures here: {}", list(&fixtures)),
    };
    CliError::usage("no-such-path", message).at(path, 0, 0).help(help)
}

fn fixture_names(current: &Path) -> Vec<String> {
    let mut names: Vec<String> = fixture_folders(current)
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The name that differs least from `wanted`, if it is near.
fn closest<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.chars().take(100).collect();
    let near = names.iter().map(|name| (distance(&wanted, name), name));
    near.filter(|(distance, _)| *distance <= (wanted.len() / 3).max(2) && *distance < wanted.len())
        .min()
        .map(|(_, name)| name.as_str())
}

/// Levenshtein's edit distance.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, other) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &one) in a.iter().enumerate() {
            let replaced = diagonal + usize::from(one != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

fn list(names: &[String]) -> String {
    let mut text = names.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED_MAX {
        text += &format!(" and {} more", names.len() - LISTED_MAX);
    }
    text
}

/// What cargo knows of a manifest, with its dependencies or without resolving them.
pub fn metadata(manifest: &Path, with_dependencies: bool) -> Result<Metadata> {
    ask(manifest, |command| {
        if !with_dependencies {
            command.no_deps();
        }
    })
}

/// The same with every dependency that the workspace may have, whichever features are on.
pub fn whole_tree(manifest: &Path) -> Result<Metadata> {
    ask(manifest, |command| {
        command.features(cargo_metadata::CargoOpt::AllFeatures);
    })
}

fn ask(manifest: &Path, options: impl FnOnce(&mut MetadataCommand)) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo()).manifest_path(manifest);
    if let Some(folder) = manifest.parent() {
        command.current_dir(folder);
    }
    options(&mut command);
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            CliError::build(format!("cargo cannot read `{}`\n{}", manifest.display(), stderr.trim_end()))
        }
        cargo_metadata::Error::Io(error) => {
            CliError::internal(format!("cannot start cargo: {error}")).help("is cargo on the PATH?")
        }
        other => CliError::internal(format!("cargo metadata: {other}")),
    })
}

/// The program that the options select, as `cargo run` would.
pub fn select(manifest: &Path, select: &SelectArgs) -> Result<Program> {
    let metadata = metadata(manifest, false)?;
    let package = select_package(&metadata, manifest, select)?;
    let (name, example) = select_target(package, select)?;
    let folder = package.manifest_path.parent().map(|folder| folder.to_path_buf().into_std_path_buf());
    Ok(Program {
        package: package.clone(),
        name,
        example,
        folder: folder.unwrap_or_else(|| metadata.workspace_root.clone().into()),
        workspace_root: metadata.workspace_root.clone().into(),
        target_dir: metadata.target_directory.join("lockcheck").into(),
        rustflags: Vec::new(),
    })
}

fn select_package<'a>(metadata: &'a Metadata, manifest: &Path, select: &SelectArgs) -> Result<&'a Package> {
    let members = metadata.workspace_packages();
    let names = || {
        let mut names: Vec<String> = members.iter().map(|package| package.name.to_string()).collect();
        names.sort();
        list(&names)
    };
    if let Some(wanted) = &select.package {
        let found = members.iter().find(|package| package.name.as_str() == wanted);
        return found.copied().ok_or_else(|| {
            CliError::usage("no-such-package", format!("the workspace has no package `{wanted}`"))
                .help(format!("packages: {}", names()))
        });
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let wanted = real(manifest);
    let own = members.iter().find(|package| real(package.manifest_path.as_std_path()) == wanted);
    let virtual_root = || {
        CliError::usage("which-package", format!("`{}` is a workspace, not a package", manifest.display()))
            .help(format!("choose one with --package: {}", names()))
    };
    own.copied().ok_or_else(virtual_root)
}

fn select_target(package: &Package, select: &SelectArgs) -> Result<(String, bool)> {
    if let Some(wanted) = &select.example {
        return named(package, wanted, &TargetKind::Example, "example").map(|name| (name, true));
    }
    if let Some(wanted) = &select.bin {
        return named(package, wanted, &TargetKind::Bin, "binary").map(|name| (name, false));
    }
    let bins = targets(package, &TargetKind::Bin);
    match (&bins[..], &package.default_run) {
        ([], _) => {
            Err(CliError::usage("no-binary", format!("package `{}` has no binary to run", package.name))
                .help(examples_help(package)))
        }
        (_, Some(default)) => Ok((default.clone(), false)),
        ([only], None) => Ok((only.clone(), false)),
        (several, None) => {
            Err(CliError::usage("which-binary", format!("package `{}` has several binaries", package.name))
                .help(format!("choose one with --bin: {}", list(several))))
        }
    }
}

fn examples_help(package: &Package) -> String {
    let examples = targets(package, &TargetKind::Example);
    match &examples[..] {
        [] => "its tests run under `lockcheck test`".to_owned(),
        examples => format!("choose an example with --example: {}", list(examples)),
    }
}

fn targets(package: &Package, kind: &TargetKind) -> Vec<String> {
    let is_kind = |target: &&Target| target.kind.contains(kind);
    let mut names: Vec<String> =
        package.targets.iter().filter(is_kind).map(|target| target.name.clone()).collect();
    names.sort();
    names
}

fn named(package: &Package, wanted: &str, kind: &TargetKind, word: &str) -> Result<String> {
    let all = targets(package, kind);
    if all.iter().any(|name| name == wanted) {
        return Ok(wanted.to_owned());
    }
    let help = match &all[..] {
        [] => format!("it has none of that kind ({word})"),
        all => format!("it has: {}", list(all)),
    };
    let message = format!("package `{}` has no {word} `{wanted}`", package.name);
    Err(CliError::usage("no-such-target", message).help(help))
}

/// Whether the workspace unifies features over builds that should be separate (resolver 1), which would turn
/// `check` on where nobody asked for it.
pub fn resolver_is_one(workspace_root: &Path) -> bool {
    let manifest = std::fs::read_to_string(workspace_root.join("Cargo.toml")).unwrap_or_default();
    let Ok(table) = manifest.parse::<toml::Table>() else { return false };
    let get = |path: [&str; 2]| Some(table.get(path[0])?.get(path[1])?.as_str()?.to_owned());
    match get(["workspace", "resolver"]).or_else(|| get(["package", "resolver"])) {
        Some(resolver) => resolver == "1",
        None => match get(["package", "edition"]) {
            Some(edition) => edition == "2015" || edition == "2018",
            // A virtual workspace does not follow its members' edition; an inherited edition cannot be older.
            None => table.get("package").is_none_or(|package| package.get("edition").is_none()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture_tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in ["bank", "bad_workers", "good_workers"] {
            let folder = dir.path().join("fixtures").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("Cargo.toml"), "").unwrap();
        }
        std::fs::create_dir_all(dir.path().join("deep/er")).unwrap();
        dir
    }

    #[test]
    fn a_path_a_manifest_and_a_fixture_s_name_mean_the_same() {
        let dir = fixture_tree();
        let root = dir.path();
        let bank = root.join("fixtures/bank/Cargo.toml");
        for (path, current) in [
            ("fixtures/bank", root.to_owned()),
            ("fixtures/bank/Cargo.toml", root.to_owned()),
            ("bank", root.to_owned()),
            ("bank", root.join("deep/er")),
            ("../fixtures/bank", root.join("fixtures")),
        ] {
            let found = find_manifest(Path::new(path), &current).unwrap();
            assert_eq!(found.canonicalize().unwrap(), bank.canonicalize().unwrap(), "{path}");
        }
        assert_eq!(find_manifest(&bank, root).unwrap(), bank);
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let dir = fixture_tree();
        let say = |path: &str| find_manifest(Path::new(path), dir.path()).unwrap_err().human();
        let text = say("bnak");
        assert!(
            text.contains("no folder or Cargo.toml `bnak`, and no fixture") && text.contains("mean `bank`")
        );
        let text = say("something/else");
        assert!(!text.contains("did you mean") && text.contains("bad_workers, bank, good_workers"), "{text}");
        assert!(say("deep").contains("there is no Cargo.toml in `deep`"));
        std::fs::write(dir.path().join("x.sh"), "").unwrap();
        assert!(say("x.sh").contains("lockcheck run -- x.sh"));
        assert!(say("").contains("empty"));
    }

    #[test]
    fn edit_distance() {
        let distance = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("bank", "bank"), 0);
        assert_eq!(distance("bnak", "bank"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn resolver_one_is_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let is_one = |text: &str| {
            std::fs::write(dir.path().join("Cargo.toml"), text).unwrap();
            resolver_is_one(dir.path())
        };
        assert!(is_one("[workspace]\nmembers = []"));
        assert!(!is_one("[workspace]\nresolver = '3'"));
        assert!(is_one("[package]\nname = 'a'\nedition = '2018'"));
        assert!(is_one("[package]\nname = 'a'"));
        assert!(!is_one("[package]\nname = 'a'\nedition = '2021'"));
        assert!(is_one("[package]\nname = 'a'\nedition = '2021'\nresolver = '1'"));
        assert!(!is_one("[package]\nname = 'a'\nedition.workspace = true\n[workspace]"));
    }
}
