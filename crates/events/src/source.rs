//! Turns the compiler's paths into (package, file) pairs that are the same on every machine, and finds the files
//! again for snippets (design contract 5.3).
//!
//! The problem: `#[track_caller]` and debug information give the path the compiler was called with. That is
//! relative to the workspace root for a workspace's own packages and absolute for everything else, so it names a
//! machine, a user and a toolchain. What is stable is the package and the file's place inside it.
//!
//! Reads `Cargo.toml` files and asks whether files exist; it never writes, and it reads source text only when
//! asked for a snippet. It is used when a report is made, never on the path of an acquisition.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::{Frame, RawSite, Site};

/// A source file above this size gives no snippet.
pub const SOURCE_BYTES_MAX: u64 = 4 << 20;
/// A `Cargo.toml` above this size counts as unreadable.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// The package name of everything that comes with the toolchain.
const STD: &str = "std";

/// Packages whose `src/` is the watcher's machinery, not the user's program.
const MACHINERY: &[&str] = &[
    "tracked",
    "tracked-macros",
    "lockcheck",
    "lockcheck-checker",
    "lockcheck-events",
    "lockcheck-explorer",
    "lockcheck-report",
    "backtrace",
    "lock_api",
    "parking_lot",
    "parking_lot_core",
];

/// Resolves paths and remembers what it found. Shared freely between threads.
pub struct SourceMap {
    /// Folders a relative path may start from, most trusted first, without repeats.
    bases: Vec<PathBuf>,
    /// Text of files changed after this moment is withheld: the program was not built from it.
    not_after: Option<SystemTime>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    /// One entry per path the compiler gave.
    files: HashMap<String, Arc<SourceFile>>,
    /// One entry per folder asked about: the package whose `Cargo.toml` lies in it, if one does.
    manifests: HashMap<PathBuf, Option<Manifest>>,
    /// Where the file of a (package, file) pair is on disk; the first one found is kept.
    on_disk: HashMap<(String, String), PathBuf>,
}

/// What is known of one source file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct SourceFile {
    /// As in `Site::package`.
    package: String,
    /// As in `Site::file`.
    file: String,
    /// The file's path inside its package, without the `name-version/` of registry crates.
    within: String,
    /// Whether it came with the toolchain.
    toolchain: bool,
    /// Where it is, if it is there.
    path: Option<PathBuf>,
}

/// What a `Cargo.toml` says that matters here.
#[derive(Clone, Debug)]
struct Manifest {
    /// `None` for a virtual workspace.
    package: Option<String>,
    /// `None` where there is no `[workspace]`; else the folders it excludes.
    workspace: Option<Vec<String>>,
}

impl SourceMap {
    /// Looks for relative paths from each of these folders, most telling first: the workspace root, the folder of
    /// the package's manifest, the folder the process was started in. Ancestors are searched as well.
    pub fn new(hints: impl IntoIterator<Item = PathBuf>) -> SourceMap {
        let hints: Vec<PathBuf> = hints.into_iter().filter(|hint| hint.is_absolute()).collect();
        let mut map = SourceMap { bases: Vec::new(), not_after: None, cache: Mutex::default() };
        let mut bases: Vec<PathBuf> = Vec::new();
        let roots: Vec<PathBuf> = hints.iter().filter_map(|hint| map.workspace_root(hint)).collect();
        let ancestors = hints.iter().flat_map(|hint| hint.ancestors().map(Path::to_path_buf));
        for base in roots.into_iter().chain(ancestors) {
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        map.bases = bases;
        map
    }

    /// The map of the running process: from `CARGO_MANIFEST_DIR`, which cargo sets, and the current folder.
    pub fn of_this_process() -> SourceMap {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        SourceMap::new(manifest.into_iter().chain(std::env::current_dir().ok()))
    }

    /// Withholds the text of files that changed after `moment`, usually the start of the watched process: what
    /// they say now is not what ran.
    #[must_use]
    pub fn not_after(mut self, moment: SystemTime) -> SourceMap {
        self.not_after = Some(moment);
        self
    }

    /// The place as reports name it.
    pub fn site(&self, raw: &RawSite) -> Site {
        let file = self.file(&raw.file);
        Site { package: file.package.clone(), file: file.file.clone(), line: raw.line, column: raw.column }
    }

    /// The file on disk, if it is there.
    pub fn locate(&self, raw: &RawSite) -> Option<PathBuf> {
        self.file(&raw.file).path.clone()
    }

    /// A frame as reports show it; `file` and `line` as debug information gives them.
    pub fn frame(&self, function: &str, file: Option<&str>, line: u32) -> Frame {
        let Some(file) = file.filter(|file| !file.is_empty()) else {
            return Frame {
                function: function.to_owned(),
                file: String::new(),
                line: 0,
                user: is_user_function(function),
            };
        };
        let source = self.file(file);
        let machinery = source.toolchain
            || (MACHINERY.contains(&source.package.as_str()) && source.within.starts_with("src/"))
            || is_start_up(function);
        Frame { function: function.to_owned(), file: source.file.clone(), line, user: !machinery }
    }

    /// Where the file of a resolved site is on disk; `None` for files this map has not resolved.
    pub fn path(&self, package: &str, file: &str) -> Option<PathBuf> {
        self.cache().on_disk.get(&(package.to_owned(), file.to_owned())).cloned()
    }

    /// The text of a resolved site's file; `None` where it is missing, too large, not text, or changed since.
    pub fn text(&self, package: &str, file: &str) -> Option<String> {
        let path = self.path(package, file)?;
        if let Some(moment) = self.not_after {
            let changed = fs::metadata(&path).and_then(|data| data.modified()).ok()?;
            if changed > moment {
                return None;
            }
        }
        read_text(&path, SOURCE_BYTES_MAX)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, raw: &str) -> Arc<SourceFile> {
        if let Some(known) = self.cache().files.get(raw) {
            return Arc::clone(known);
        }
        let found = Arc::new(self.resolve(raw));
        let mut cache = self.cache();
        if let Some(path) = &found.path {
            cache.on_disk.entry((found.package.clone(), found.file.clone())).or_insert_with(|| path.clone());
        }
        Arc::clone(cache.files.entry(raw.to_owned()).or_insert(found))
    }

    fn resolve(&self, raw: &str) -> SourceFile {
        let text = normalize(raw);
        if let Some(file) = toolchain_file(&text) {
            return file;
        }
        if let Some(file) = registry_file(&text).or_else(|| build_output_file(&text)) {
            return file;
        }
        let candidates: Vec<PathBuf> = if is_absolute(&text) {
            Some(PathBuf::from(&text)).filter(|path| path.is_absolute()).into_iter().collect()
        } else {
            self.bases.iter().map(|base| base.join(&text)).filter(|path| path.is_file()).collect()
        };
        candidates
            .into_iter()
            .find_map(|path| self.packaged_file(&path))
            .unwrap_or_else(|| self.unpackaged_file(&text))
    }

    /// Names the file by the nearest `Cargo.toml` above it that describes a package.
    fn packaged_file(&self, path: &Path) -> Option<SourceFile> {
        path.ancestors().skip(1).find_map(|folder| {
            let package = self.manifest(folder)?.package?;
            let within = path.strip_prefix(folder).ok()?.to_str()?.replace('\\', "/");
            Some(SourceFile {
                package,
                file: within.clone(),
                within,
                toolchain: false,
                path: path.is_file().then(|| path.to_path_buf()),
            })
        })
    }

    /// Names a file that no package claims: by the folder before `/src/`, else by its path alone.
    fn unpackaged_file(&self, text: &str) -> SourceFile {
        let (package, file) = guess_package(text).unwrap_or_else(|| {
            let inside = self.bases.first().and_then(|base| Path::new(text).strip_prefix(base).ok());
            let file = inside.and_then(Path::to_str).unwrap_or(text);
            ("", file)
        });
        let path = if is_absolute(text) {
            Some(PathBuf::from(text)).filter(|path| path.is_file())
        } else {
            self.bases.iter().map(|base| base.join(text)).find(|path| path.is_file())
        };
        SourceFile {
            package: package.to_owned(),
            file: file.to_owned(),
            within: file.to_owned(),
            toolchain: false,
            path,
        }
    }

    fn manifest(&self, folder: &Path) -> Option<Manifest> {
        match self.cache().manifests.entry(folder.to_path_buf()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(free) => free.insert(read_manifest(folder)).clone(),
        }
    }

    /// The folder that cargo calls the compiler in for a package in `folder`.
    fn workspace_root(&self, folder: &Path) -> Option<PathBuf> {
        folder
            .ancestors()
            .find(|root| {
                let excludes = self.manifest(root).and_then(|manifest| manifest.workspace);
                excludes.is_some_and(|excludes| {
                    excludes.iter().all(|excluded| !folder.starts_with(root.join(excluded)))
                })
            })
            .map(Path::to_path_buf)
    }
}

fn read_text(path: &Path, bytes_max: u64) -> Option<String> {
    let file = fs::File::open(path).ok()?;
    let mut text = String::new();
    file.take(bytes_max + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= bytes_max).then_some(text)
}

/// Reads the folder's manifest. One that cannot be read still marks a package, by the name of its folder.
fn read_manifest(folder: &Path) -> Option<Manifest> {
    let path = folder.join("Cargo.toml");
    if !path.is_file() {
        return None;
    }
    let table = read_text(&path, MANIFEST_BYTES_MAX).and_then(|text| text.parse::<toml::Table>().ok());
    let Some(table) = table else {
        let name = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        return Some(Manifest { package: name, workspace: None });
    };
    let package = table.get("package").and_then(|package| package.get("name"));
    let workspace = table.get("workspace").map(|workspace| {
        let excluded = workspace.get("exclude").and_then(toml::Value::as_array);
        let texts = excluded.into_iter().flatten().filter_map(toml::Value::as_str);
        texts.map(str::to_owned).collect()
    });
    Some(Manifest { package: package.and_then(toml::Value::as_str).map(str::to_owned), workspace })
}

/// `/` throughout, no `.` and no `x/..`, no Windows verbatim prefix.
fn normalize(raw: &str) -> String {
    let text = raw.replace('\\', "/");
    let text = text.strip_prefix("//?/").unwrap_or(&text);
    let root = if text.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

fn is_absolute(text: &str) -> bool {
    let drive = text.as_bytes();
    text.starts_with('/') || (drive.len() > 2 && drive[0].is_ascii_alphabetic() && &drive[1..3] == b":/")
}

fn on_disk(text: &str) -> Option<PathBuf> {
    Some(PathBuf::from(text)).filter(|path| path.is_absolute() && path.is_file())
}

/// `/rustc/<hash>/library/...`, the same files where the `rust-src` component put them, and the crates that std
/// is built with.
fn toolchain_file(text: &str) -> Option<SourceFile> {
    let file = if let Some(rest) = text.strip_prefix("/rustc/") {
        rest.split_once('/')?.1
    } else if let Some((_, rest)) = text.split_once("/rustlib/src/rust/") {
        rest
    } else {
        text.strip_prefix("/rust/")?
    };
    Some(SourceFile {
        package: STD.to_owned(),
        file: file.to_owned(),
        within: file.to_owned(),
        toolchain: true,
        path: on_disk(text),
    })
}

/// `.../registry/src/<index>/<name>-<version>/rest`.
fn registry_file(text: &str) -> Option<SourceFile> {
    let (_, inside) = text.split_once("/registry/src/")?;
    let (_index, file) = inside.split_once('/')?;
    let (folder, within) = file.split_once('/')?;
    let package = split_version(folder)?.0;
    Some(SourceFile {
        package: package.to_owned(),
        file: file.to_owned(),
        within: within.to_owned(),
        toolchain: false,
        path: on_disk(text),
    })
}

/// `.../build/<name>-<hash>/out/rest`: code that a build script wrote. The hash differs between machines.
fn build_output_file(text: &str) -> Option<SourceFile> {
    let (before, rest) = text.rsplit_once("/out/")?;
    let (before, folder) = before.rsplit_once('/')?;
    let (package, hash) = folder.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !before.ends_with("/build") || !is_hash {
        return None;
    }
    Some(SourceFile {
        package: package.to_owned(),
        file: format!("out/{rest}"),
        within: format!("out/{rest}"),
        toolchain: false,
        path: on_disk(text),
    })
}

/// Splits `name-1.2.3-pre.1+build` before the version. A crate's name has no dot, so the version starts at the
/// dash before the digits that stand before the first dot.
fn split_version(folder: &str) -> Option<(&str, &str)> {
    let dot = folder.find('.')?;
    let dash = folder[..dot].rfind('-')?;
    let (name, version) = (&folder[..dash], &folder[dash + 1..]);
    let major = &folder[dash + 1..dot];
    let numeric = !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit());
    (numeric && !name.is_empty()).then_some((name, version))
}

/// Without the disk: `.../<package>/src/...`, or another folder that cargo looks for targets in; a git checkout's
/// root package by the repository's name.
fn guess_package(text: &str) -> Option<(&str, &str)> {
    if let Some((_, inside)) = text.split_once("/git/checkouts/") {
        let mut parts = inside.splitn(3, '/');
        if let (Some(repository), Some(_revision), Some(rest)) = (parts.next(), parts.next(), parts.next())
            && rest.starts_with("src/")
        {
            return Some((repository.rsplit_once('-').map_or(repository, |(name, _)| name), rest));
        }
    }
    ["/src/", "/tests/", "/examples/", "/benches/"].into_iter().find_map(|folder| {
        let at = text.rfind(folder)?;
        let package = text[..at].rsplit('/').next()?;
        (!package.is_empty()).then_some((package, &text[at + 1..]))
    })
}

/// Without a file, a frame is judged by the crate its function belongs to. A name without a path is a symbol of
/// C or of the start-up code.
fn is_user_function(function: &str) -> bool {
    let Some(root) = function_crate(function) else { return false };
    let machinery = MACHINERY.iter().any(|package| package.replace('-', "_") == root);
    let toolchain = ["std", "core", "alloc", "proc_macro", "test", "rustc_demangle", "gimli", "addr2line"];
    !machinery && !toolchain.contains(&root) && !is_start_up(function)
}

/// The first path segment of a demangled name: `bank` in `<&mut bank::Teller as core::ops::Fn>::call`.
fn function_crate(function: &str) -> Option<&str> {
    let mut rest = function.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
    while let Some(shorter) = ["dyn ", "mut ", "const "].iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    // The v0 mangling may show the crate's disambiguator: `bank[8f3a]::main`.
    let after = rest[end..].split_once(']').filter(|_| rest[end..].starts_with('[')).map(|(_, after)| after);
    after.unwrap_or(&rest[end..]).starts_with("::").then_some(&rest[..end])
}

/// What runs before `main`, before a thread's closure and before a process's entry point, wherever debug information puts it.
fn is_start_up(function: &str) -> bool {
    const SYMBOLS: &[&str] = &["_start", "main", "clone", "clone3", "start_thread", "thread_start"];
    function.contains("__rust_begin_short_backtrace")
        || function.contains("__rust_end_short_backtrace")
        || function.contains("lang_start")
        || function.starts_with("__libc_start")
        || function.starts_with("__scrt_")
        // What `#[tracked::process::entry]` puts beside the user's function, at the user's line.
        || function.ends_with("::__tracked_entry")
        || SYMBOLS.contains(&function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(file: &str) -> RawSite {
        RawSite { file: file.to_owned(), line: 3, column: 5 }
    }

    fn named(map: &SourceMap, file: &str) -> (String, String) {
        let site = map.site(&raw(file));
        assert_eq!((site.line, site.column), (3, 5));
        (site.package, site.file)
    }

    fn pair(package: &str, file: &str) -> (String, String) {
        (package.to_owned(), file.to_owned())
    }

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A virtual workspace with two members, and one package that it excludes.
    fn workspace() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "Cargo.toml", "[workspace]\nmembers = ['fixtures/*']\nexclude = ['alone']\n");
        write(root.path(), "fixtures/bank/Cargo.toml", "[package]\nname = 'the-bank' # not the folder's\n");
        write(root.path(), "fixtures/bank/src/main.rs", "fn main() {}\n");
        write(root.path(), "fixtures/bank/src/deep/er.rs", "");
        write(root.path(), "fixtures/tracked-shop/Cargo.toml", "package.name = \"tracked-shop\"\n");
        write(root.path(), "fixtures/tracked-shop/src/main.rs", "");
        write(root.path(), "alone/Cargo.toml", "package = { name = 'alone' }\n");
        write(root.path(), "alone/src/main.rs", "");
        root
    }

    #[test]
    fn relative_paths_are_found_from_any_hint_below_the_workspace_root() {
        let root = workspace();
        for hint in ["", "fixtures", "fixtures/bank", "fixtures/bank/src/deep", "fixtures/tracked-shop"] {
            let map = SourceMap::new([root.path().join(hint)]);
            assert_eq!(named(&map, "fixtures/bank/src/main.rs"), pair("the-bank", "src/main.rs"), "{hint}");
            assert_eq!(
                named(&map, "./fixtures/bank/src/deep/../deep/er.rs"),
                pair("the-bank", "src/deep/er.rs")
            );
            assert_eq!(
                named(&map, r"fixtures\tracked-shop\src\main.rs"),
                pair("tracked-shop", "src/main.rs")
            );
            let located = map.locate(&raw("fixtures/bank/src/main.rs")).unwrap();
            assert_eq!(located, root.path().join("fixtures/bank/src/main.rs"));
            assert_eq!(map.path("the-bank", "src/main.rs"), Some(located));
            assert_eq!(map.text("the-bank", "src/main.rs").as_deref(), Some("fn main() {}\n"));
            assert_eq!(map.text("the-bank", "src/lib.rs"), None);
        }
    }

    #[test]
    fn a_short_path_means_the_workspace_root_and_not_the_member_one_stands_in() {
        let root = workspace();
        write(root.path(), "Cargo.toml", "[workspace]\nexclude = ['alone']\n[package]\nname = 'top'\n");
        write(root.path(), "src/main.rs", "");
        let map = SourceMap::new([root.path().join("fixtures/bank")]);
        assert_eq!(named(&map, "src/main.rs"), pair("top", "src/main.rs"));
        let map = SourceMap::new([root.path().join("alone")]);
        assert_eq!(named(&map, "src/main.rs"), pair("alone", "src/main.rs"));
    }

    #[test]
    fn absolute_paths_belong_to_the_nearest_package_even_when_the_file_is_gone() {
        let root = workspace();
        let map = SourceMap::new([]);
        let path = root.path().join("alone/src/gone.rs");
        assert_eq!(named(&map, path.to_str().unwrap()), pair("alone", "src/gone.rs"));
        assert_eq!(map.locate(&raw(path.to_str().unwrap())), None);
        write(root.path(), "alone/Cargo.toml", "[package\nname = ");
        let map = SourceMap::new([]);
        assert_eq!(named(&map, path.to_str().unwrap()), pair("alone", "src/gone.rs"));
    }

    #[test]
    fn registry_crates_keep_their_version_in_the_file() {
        let map = SourceMap::new([]);
        for (folder, name) in [
            ("rayon-1.10.0", "rayon"),
            ("sha-1-0.10.1", "sha-1"),
            ("winapi-x86_64-pc-windows-gnu-0.4.0", "winapi-x86_64-pc-windows-gnu"),
            ("wasi-0.11.0+wasi-snapshot-preview1", "wasi"),
            ("toml-1.2.1+spec-1.1.0", "toml"),
            ("rand_core-1.0.0-rc.2", "rand_core"),
            ("h2-2-3.0.0-alpha-1.x", "h2-2"),
        ] {
            let file =
                format!("/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/{folder}/src/a.rs");
            assert_eq!(named(&map, &file), pair(name, &format!("{folder}/src/a.rs")));
        }
        let windows =
            r"C:\Users\me\.cargo\registry\src\index.crates.io-1949cf8c6b5b557f\rayon-1.10.0\src\lib.rs";
        assert_eq!(named(&map, windows), pair("rayon", "rayon-1.10.0/src/lib.rs"));
    }

    #[test]
    fn the_toolchain_is_std_wherever_it_is_installed() {
        let map = SourceMap::new([]);
        let hash = "f2d3ce0bd7f24a49f8f72d9000448f8838c4e850";
        for file in [
            format!("/rustc/{hash}/library/core/src/ops/function.rs"),
            "/home/me/.rustup/toolchains/s/lib/rustlib/src/rust/library/core/src/ops/function.rs".to_owned(),
            format!(r"/rustc/{hash}\library\core\src\ops\function.rs"),
        ] {
            assert_eq!(named(&map, &file), pair("std", "library/core/src/ops/function.rs"));
        }
    }

    #[test]
    fn generated_and_checked_out_code_is_named_without_hashes() {
        let root = workspace();
        let checkout = "home/.cargo/git/checkouts/money-1f2e3d4c5b6a7980/0a1b2c3";
        write(root.path(), &format!("{checkout}/coins/Cargo.toml"), "[package]\nname='coins'\n");
        write(root.path(), &format!("{checkout}/coins/src/lib.rs"), "");
        let map = SourceMap::new([root.path().to_path_buf()]);
        let there = root.path().join(checkout).join("coins/src/lib.rs");
        assert_eq!(named(&map, there.to_str().unwrap()), pair("coins", "src/lib.rs"));
        let gone = "/nowhere/git/checkouts/money-1f2e3d4c5b6a7980/0a1b2c3/src/lib.rs";
        assert_eq!(named(&map, gone), pair("money", "src/lib.rs"));
        let built = "/nowhere/target/debug/build/the-bank-00112233445566ff/out/tables/gen.rs";
        assert_eq!(named(&map, built), pair("the-bank", "out/tables/gen.rs"));
    }

    #[test]
    fn without_a_disk_the_folder_before_src_is_the_package() {
        let map = SourceMap::new([]);
        assert_eq!(named(&map, "/ci/work/bank/src/main.rs"), pair("bank", "src/main.rs"));
        assert_eq!(named(&map, r"D:\ci\bank\src\bin\x.rs"), pair("bank", "src/bin/x.rs"));
        assert_eq!(named(&map, "fixtures/bank/tests/all.rs"), pair("bank", "tests/all.rs"));
        assert_eq!(named(&map, "src/main.rs"), pair("", "src/main.rs"));
        assert_eq!(named(&map, "/src/main.rs"), pair("", "/src/main.rs"));
        assert_eq!(named(&map, ""), pair("", ""));
        assert_eq!(named(&map, "../../x.rs"), pair("", "../../x.rs"));
    }

    #[test]
    fn text_that_changed_since_is_withheld() {
        let root = workspace();
        let file = raw("fixtures/bank/src/main.rs");
        let past = SystemTime::UNIX_EPOCH;
        let map = SourceMap::new([root.path().to_path_buf()]).not_after(past);
        assert_eq!(map.site(&file).package, "the-bank");
        assert_eq!(map.text("the-bank", "src/main.rs"), None);
        assert!(map.locate(&file).is_some());
    }

    #[test]
    fn only_the_users_frames_are_the_users() {
        let root = workspace();
        write(root.path(), "crates/tracked/Cargo.toml", "[package]\nname = 'tracked'\n");
        write(root.path(), "crates/tracked/src/mutex.rs", "");
        write(root.path(), "crates/tracked/tests/mutex.rs", "");
        let map = SourceMap::new([root.path().to_path_buf()]);
        let user = |function: &str, file: &str| map.frame(function, Some(file), 7).user;
        let nowhere = |function: &str| map.frame(function, None, 0).user;
        let registry = "/h/registry/src/index.crates.io-1949cf8c6b5b557f";

        assert!(user("the_bank::main", "fixtures/bank/src/main.rs"));
        assert!(user("tracked_shop::main", "fixtures/tracked-shop/src/main.rs"));
        assert!(user("mutex::two_threads", "crates/tracked/tests/mutex.rs"));
        assert!(user("rayon::join", &format!("{registry}/rayon-1.10.0/src/lib.rs")));
        assert!(!user("tracked::Mutex<T>::lock", "crates/tracked/src/mutex.rs"));
        assert!(!user("tracked::Mutex<T>::lock", &format!("{registry}/tracked-0.1.0/src/mutex.rs")));
        assert!(!user("backtrace::trace", &format!("{registry}/backtrace-0.3.77/src/lib.rs")));
        assert!(!user("core::ops::FnOnce::call_once", "/rustc/abc/library/core/src/ops/function.rs"));
        assert!(!user("the_bank::__rust_begin_short_backtrace", "fixtures/bank/src/main.rs"));

        assert!(nowhere("the_bank::main::{{closure}}"));
        assert!(nowhere("<&mut the_bank::Teller as core::ops::function::FnOnce<()>>::call_once"));
        assert!(nowhere("the_bank[8f3a]::main"));
        assert!(nowhere("tracked_shop::main"));
        assert!(!nowhere("tracked::mutex::Mutex<T>::lock"));
        assert!(!nowhere("<tracked::Guard<T> as core::ops::Drop>::drop"));
        assert!(!nowhere("<alloc::boxed::Box<dyn the_bank::F> as core::ops::FnOnce>::call_once"));
        assert!(!nowhere("std::rt::lang_start"));
        for symbol in ["_start", "main", "clone", "__libc_start_main_impl", "start_thread", "", "<unknown>"] {
            assert!(!nowhere(symbol), "{symbol}");
        }
    }
}
