//! What cargo knows of a package, in the words of the swap crate: its targets, its edition, its parking_lot.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use cargo_metadata::semver::{Version, VersionReq};
use cargo_metadata::{Dependency, DependencyKind, Metadata, Package, Target, TargetKind};
use lockcheck_swap::{Edition, Entry, Line, Mirrors, ParkingLot};

/// parking_lot's features that the mirror has as well.
const FEATURES: [&str; 4] = ["arc_lock", "owning_ref", "send_guard", "serde"];
/// No line of parking_lot has had more releases than this.
const PATCH_MAX: u64 = 200;

/// The lines whose raw locks are those of the mirrors' lock_api, or of a newer one.
const LINES_OF_LOCK_API_0_4: RangeInclusive<u64> = 11..=13;

/// A package to be swapped.
pub struct Crate {
    pub folder: PathBuf,
    pub manifest: PathBuf,
    pub entries: Vec<Entry>,
    pub mirrors: Mirrors,
    /// parking_lot's features in use, as far as the mirror has them.
    features: BTreeSet<String>,
}

/// The packages that PATH means. The crate `tracked` itself is none.
pub fn chosen<'a>(metadata: &'a Metadata, manifest: &Path, workspace: bool) -> Vec<&'a Package> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let wanted = real(manifest);
    let members = metadata.workspace_packages();
    let is_own = |package: &&Package| real(package.manifest_path.as_std_path()) == wanted;
    let own: Vec<&Package> = members.iter().copied().filter(is_own).collect();
    let all = if workspace || own.is_empty() { members } else { own };
    all.into_iter().filter(|package| package.name.as_str() != "tracked").collect()
}

impl Crate {
    pub fn of(package: &Package) -> Crate {
        let manifest: PathBuf = package.manifest_path.clone().into();
        let parking_lots: Vec<&Dependency> =
            package.dependencies.iter().filter(|dependency| dependency.name == "parking_lot").collect();
        let old = package.edition == cargo_metadata::Edition::E2015;
        Crate {
            folder: manifest.parent().unwrap_or(Path::new("/")).to_owned(),
            manifest,
            entries: package.targets.iter().map(entry).collect(),
            mirrors: Mirrors {
                edition: if old { Edition::E2015 } else { Edition::E2018 },
                parking_lots: parking_lots
                    .iter()
                    .map(|dependency| parking_lot(dependency, package))
                    .collect(),
                shadowed: false,
                examples: package.targets.iter().any(|target| target.doctest),
            },
            features: features(package, &parking_lots),
        }
    }

    /// The features that the package needs of `tracked`: the mirrors in use, and what it has on in parking_lot.
    pub fn features_of_tracked(&self, mirrors: BTreeSet<String>) -> Vec<String> {
        let own = self.features.iter().filter(|_| !mirrors.is_empty()).cloned().collect();
        mirrors.union(&own).cloned().collect()
    }
}

fn entry(target: &Target) -> Entry {
    let is = |kind: TargetKind| target.kind.contains(&kind);
    let keep = if is(TargetKind::CustomBuild) {
        Some("part of a build script, which runs in the build and not in the program")
    } else if is(TargetKind::ProcMacro) {
        Some("part of a procedural macro, which runs in the compiler and not in the program")
    } else {
        None
    };
    Entry {
        root: target.src_path.clone().into(),
        keep: keep.map(str::to_owned),
        dev: is(TargetKind::Test) || is(TargetKind::Example) || is(TargetKind::Bench),
    }
}

fn parking_lot(dependency: &Dependency, package: &Package) -> ParkingLot {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    // Of the raw locks of another lock_api than the mirror's nothing can be built.
    let builds_on_raw_locks = package.dependencies.iter().any(|own| own.name == "lock_api");
    let lacks = builds_on_raw_locks && !admits(&dependency.req, &LINES_OF_LOCK_API_0_4);
    ParkingLot {
        name: name.replace('-', "_"),
        line: line_of(&dependency.req).filter(|_| !lacks),
        requirement: dependency.req.to_string().trim_start_matches('^').to_owned(),
    }
}

/// The newest line with a mirror that the requirement admits. The mirror of 0.12 has all that 0.6 to 0.11 have.
pub fn line_of(requirement: &VersionReq) -> Option<Line> {
    [(13..=13, Line::V0_13), (6..=12, Line::V0_12)]
        .into_iter()
        .find(|(minors, _)| admits(requirement, minors))
        .map(|(_, line)| line)
}

fn admits(requirement: &VersionReq, minors: &RangeInclusive<u64>) -> bool {
    let admits = |minor: u64| (0..PATCH_MAX).any(|patch| requirement.matches(&Version::new(0, minor, patch)));
    minors.clone().any(admits)
}

/// What is on in parking_lot, by the dependency itself or by a feature of the package.
fn features(package: &Package, parking_lots: &[&Dependency]) -> BTreeSet<String> {
    let direct = parking_lots
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Build)
        .flat_map(|dependency| dependency.features.iter().cloned());
    let by_feature = package.features.values().flatten().filter_map(|entry| {
        let (name, feature) = entry.split_once('/')?;
        let name = name.trim_end_matches('?');
        let is_own =
            |dependency: &&Dependency| dependency.rename.as_ref().unwrap_or(&dependency.name) == name;
        parking_lots.iter().any(is_own).then(|| feature.to_owned())
    });
    direct.chain(by_feature).filter(|feature| FEATURES.contains(&&**feature)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_mean_lines() {
        let line = |text: &str| line_of(&text.parse().unwrap());
        for text in ["0.12", "^0.12.3", "=0.12.1", "0.11", "~0.11.2", ">=0.11, <0.13", "0.10", "0.6.4"] {
            assert_eq!(line(text), Some(Line::V0_12), "{text}");
        }
        for text in ["0.13", ">=0.12", "*"] {
            assert_eq!(line(text), Some(Line::V0_13), "{text}");
        }
        assert_eq!(line("0.5"), None);
    }
}
