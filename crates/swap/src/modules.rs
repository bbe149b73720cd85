//! Which files make up a crate: from the roots of its targets along `mod`, `#[path]` and `include!`. Conditions are not
//! judged: a module that is there is swapped, whatever `cfg` stands above it, and one that is not is nobody's concern.
//!
//! The rules are those of the reference's chapter on modules: the children of `a.rs` lie in `a/`, those of a root, of a
//! `mod.rs` and of a file that `#[path]` names lie beside it; `#[path]` counts from the file's folder, or, within an
//! inline module, from where its children would lie.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::Left;
use crate::mirrors::Mirrors;
use crate::source::{Rewritten, rewrite, rewrite_markdown};

/// A file above this size is no source that somebody wrote.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// More files than this are not read for one crate.
const FILES_MAX: usize = 20_000;

/// A `mod x;` or an `include!` in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Module {
    /// Its name; empty for an `include!`.
    pub name: String,
    /// What `#[path]` says, with and without conditions; what `include!` names.
    pub paths: Vec<String>,
    /// The inline modules around it, each with its own `#[path]`.
    pub inside: Vec<(String, Option<String>)>,
}

/// The root of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The file.
    pub root: PathBuf,
    /// Whether it is swapped; otherwise what it consists of stays as it is, for this reason.
    pub keep: Option<String>,
    /// Whether only tests, examples and benchmarks need it.
    pub dev: bool,
}

/// A file that changes.
#[derive(Clone, Debug)]
pub struct File {
    /// What it says.
    pub before: String,
    /// What it is to say.
    pub after: String,
    /// How many paths and imports were replaced.
    pub swapped: usize,
}

/// What there is to do in a crate's sources.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The files that change.
    pub files: BTreeMap<PathBuf, File>,
    /// What is left, by file.
    pub left: BTreeMap<PathBuf, Vec<Left>>,
    /// The roots of targets with a change in one of their files.
    pub roots: Vec<Entry>,
    /// The features of `tracked` that the changes need.
    pub features: BTreeSet<&'static str>,
}

/// Reads the targets and works out what changes. `within` is where files may be changed.
pub fn collect(entries: &[Entry], mirrors: &Mirrors, within: &Path) -> Sources {
    let read = read_all(entries, mirrors, within);
    if !mirrors.shadowed && read.values().any(|file| file.swap.declares_tracked) {
        let mirrors = Mirrors { shadowed: true, ..mirrors.clone() };
        return assemble(entries, read_all(entries, &mirrors, within));
    }
    assemble(entries, read)
}

/// A file that was read.
struct Read {
    before: String,
    swap: Rewritten,
    /// Why it stays as it is.
    keep: Option<String>,
    /// The targets (by number) that it is a part of.
    targets: BTreeSet<usize>,
}

fn read_all(entries: &[Entry], mirrors: &Mirrors, within: &Path) -> BTreeMap<PathBuf, Read> {
    let mut read: BTreeMap<PathBuf, Read> = BTreeMap::new();
    for (target, entry) in entries.iter().enumerate() {
        // Path, and whether its children lie beside it.
        let mut open = vec![(normal(&entry.root), true)];
        while let Some((path, beside)) = open.pop() {
            if read.len() >= FILES_MAX {
                break;
            }
            let file = match read.get_mut(&path) {
                Some(file) if file.targets.contains(&target) => continue,
                Some(file) => file,
                None => {
                    let Some(before) = text_of(&path) else { continue };
                    let (swap, keep) = judge(&before, &path, mirrors, within);
                    let new = Read { before, swap, keep, targets: BTreeSet::new() };
                    read.entry(path.clone()).or_insert(new)
                }
            };
            file.targets.insert(target);
            if entry.keep.is_some() {
                file.keep.clone_from(&entry.keep);
            }
            open.extend(file.swap.modules.iter().flat_map(|module| places(&path, beside, module)));
        }
    }
    read
}

/// The file's swap; it stays as it is if it does not parse or lies elsewhere.
fn judge(text: &str, path: &Path, mirrors: &Mirrors, within: &Path) -> (Rewritten, Option<String>) {
    let is_markdown = path.extension().is_some_and(|extension| extension == "md" || extension == "markdown");
    let swapped = if is_markdown { Ok(rewrite_markdown(text, mirrors)) } else { rewrite(text, mirrors) };
    match swapped {
        Ok(swap) if path.starts_with(normal(within)) => (swap, None),
        Ok(swap) => (swap, Some(format!("the file is not under `{}`", within.display()))),
        Err(left) => (Rewritten { text: text.to_owned(), left: vec![left], ..Rewritten::default() }, None),
    }
}

fn text_of(path: &Path) -> Option<String> {
    let size = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
    if size > FILE_BYTES_MAX {
        return None;
    }
    fs::read_to_string(path).ok()
}

/// Where a module may lie, and whether its children lie beside it.
fn places(file: &Path, beside: bool, module: &Module) -> Vec<(PathBuf, bool)> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if module.name.is_empty() {
        return module.paths.iter().map(|path| (normal(&folder.join(path)), true)).collect();
    }
    let stem = file.file_stem().unwrap_or_default();
    let own = if beside { folder.to_owned() } else { folder.join(stem) };
    let mut children = own;
    for (depth, (name, path)) in module.inside.iter().enumerate() {
        children = match path {
            Some(path) if depth == 0 => folder.join(path),
            Some(path) => children.join(path),
            None => children.join(name),
        };
    }
    let from = if module.inside.is_empty() { folder.to_owned() } else { children.clone() };
    let name = &module.name;
    let mut places: Vec<_> = module.paths.iter().map(|path| (normal(&from.join(path)), true)).collect();
    places.push((normal(&children.join(format!("{name}.rs"))), false));
    places.push((normal(&children.join(name).join("mod.rs")), true));
    places
}

/// Without `.` and `..`, as the compiler's messages have it; links are not followed.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn assemble(entries: &[Entry], read: BTreeMap<PathBuf, Read>) -> Sources {
    let mut sources = Sources::default();
    let mut changed = BTreeSet::new();
    for (path, file) in read {
        let mut left = file.swap.left;
        if let Some(why) = file.keep {
            let kept = file.swap.swapped.into_iter();
            left.extend(kept.map(|(place, what)| Left { place, what, why: why.clone() }));
            left.sort();
        } else if !file.swap.swapped.is_empty() {
            changed.extend(file.targets);
            sources.features.extend(file.swap.features);
            let new = File { before: file.before, after: file.swap.text, swapped: file.swap.swapped.len() };
            sources.files.insert(path.clone(), new);
        }
        if !left.is_empty() {
            sources.left.insert(path, left);
        }
    }
    sources.roots = changed.into_iter().map(|target| entries[target].clone()).collect();
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, paths: &[&str], inside: &[(&str, Option<&str>)]) -> Module {
        Module {
            name: name.to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            inside: inside.iter().map(|(a, b)| ((*a).to_owned(), b.map(str::to_owned))).collect(),
        }
    }

    fn shown(file: &str, beside: bool, module: &Module) -> Vec<String> {
        let places = places(Path::new(file), beside, module);
        places.iter().map(|(path, _)| path.display().to_string()).collect()
    }

    #[test]
    fn children_lie_where_the_reference_says() {
        let plain = module("m", &[], &[]);
        assert_eq!(shown("/s/lib.rs", true, &plain), ["/s/m.rs", "/s/m/mod.rs"]);
        assert_eq!(shown("/s/a.rs", false, &plain), ["/s/a/m.rs", "/s/a/m/mod.rs"]);
        let inline = module("m", &[], &[("x", None), ("y", None)]);
        assert_eq!(shown("/s/a.rs", false, &inline)[0], "/s/a/x/y/m.rs");
        let path = module("m", &["../o.rs"], &[]);
        assert_eq!(shown("/s/a.rs", false, &path)[0], "/o.rs");
        let path_inside = module("m", &["o.rs"], &[("x", None)]);
        assert_eq!(shown("/s/a.rs", false, &path_inside)[0], "/s/a/x/o.rs");
        assert_eq!(shown("/s/lib.rs", true, &path_inside)[0], "/s/x/o.rs");
        let redirected = module("m", &[], &[("x", Some("t"))]);
        assert_eq!(shown("/s/a.rs", false, &redirected)[0], "/s/t/m.rs");
        assert_eq!(shown("/s/lib.rs", true, &module("", &["i/f.rs"], &[])), ["/s/i/f.rs"]);
    }
}
