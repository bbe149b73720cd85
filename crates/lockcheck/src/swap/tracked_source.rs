//! Where the crate `tracked` comes from, for a package that is to depend on it.

use std::path::{Component, Path, PathBuf};

use lockcheck_swap::Source;

use crate::error::{CliError, Result};

/// The sources that this tool was built from, which need not be there any more.
const BUILT_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tracked");

/// Where from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrackedSource {
    /// A folder with its Cargo.toml.
    Folder {
        /// Absolute and without links.
        folder: PathBuf,
        /// Whether manifests name it by the way from their own folder: so it is where the user did.
        relative: bool,
    },
    /// The registry.
    Registry {
        /// The requirement.
        version: String,
    },
}

impl TrackedSource {
    /// What the options say; else what the environment says; else the sources of this tool, if they are there; else its
    /// own version.
    pub fn choose(path: Option<&Path>, version: Option<&str>, current: &Path) -> Result<TrackedSource> {
        if let Some(version) = version {
            if cargo_metadata::semver::VersionReq::parse(version).is_err() {
                let message = format!("`{version}` is no version requirement");
                return Err(CliError::usage("tracked-version", message).help("for instance `0.1`"));
            }
            return Ok(TrackedSource::Registry { version: version.to_owned() });
        }
        let variable = std::env::var_os("LOCKCHECK_TRACKED_PATH").filter(|value| !value.is_empty());
        let variable = variable.map(PathBuf::from);
        if let Some(path) = path.or(variable.as_deref()) {
            let folder = current.join(path);
            if !is_tracked(&folder) {
                let message = format!("`{}` is not the crate `tracked`", path.display());
                return Err(CliError::usage("tracked-path", message)
                    .at(path, 0, 0)
                    .help("name the folder of its Cargo.toml: crates/tracked in lockcheck's repository"));
            }
            let folder = folder.canonicalize().map_err(|error| CliError::io("find", path, &error))?;
            return Ok(TrackedSource::Folder { folder, relative: path.is_relative() });
        }
        match Path::new(BUILT_FROM).canonicalize() {
            Ok(folder) if is_tracked(&folder) => Ok(TrackedSource::Folder { folder, relative: false }),
            _ => Ok(TrackedSource::Registry { version: own_version() }),
        }
    }

    /// As a manifest in `folder` says it.
    pub fn seen_from(&self, folder: &Path) -> Source {
        match self {
            TrackedSource::Registry { version } => Source::Version(version.clone()),
            TrackedSource::Folder { folder: own, relative: true } => {
                let from = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                Source::Path(way(&from, own).to_string_lossy().into_owned())
            }
            TrackedSource::Folder { folder, .. } => Source::Path(folder.to_string_lossy().into_owned()),
        }
    }

    /// For people.
    pub fn shown(&self) -> String {
        match self {
            TrackedSource::Registry { version } => format!("version {version}, from the registry"),
            TrackedSource::Folder { folder, .. } => format!("from {}", folder.display()),
        }
    }
}

/// Major and minor, which is what a requirement says.
fn own_version() -> String {
    format!("{}.{}", env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"))
}

fn is_tracked(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let name = text
        .parse::<toml::Table>()
        .ok()
        .and_then(|table| Some(table.get("package")?.get("name")?.as_str()? == "tracked"));
    name == Some(true)
}

/// The way from one folder to another, both absolute and without links.
fn way(from: &Path, to: &Path) -> PathBuf {
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let (from, to) = (parts(from), parts(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| Component::ParentDir.as_os_str().to_owned());
    up.chain(to[common..].iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_goes_up_to_where_they_part() {
        assert_eq!(way(Path::new("/a/b/c"), Path::new("/a/x/y")), Path::new("../../x/y"));
        assert_eq!(way(Path::new("/a"), Path::new("/a/x")), Path::new("x"));
    }

    #[test]
    fn a_folder_must_be_the_crate() {
        let dir = tempfile::tempdir().unwrap();
        let choose = |path: &str| TrackedSource::choose(Some(Path::new(path)), None, dir.path());
        assert!(choose(".").unwrap_err().human().contains("is not the crate `tracked`"));
        std::fs::create_dir(dir.path().join("t")).unwrap();
        std::fs::write(dir.path().join("t/Cargo.toml"), "[package]\nname = 'tracked'\n").unwrap();
        let source = choose("t").unwrap();
        assert_eq!(source.seen_from(dir.path()), Source::Path("t".to_owned()));
        let error = TrackedSource::choose(None, Some("x y"), dir.path()).unwrap_err();
        assert!(error.human().contains("no version requirement"));
    }
}
