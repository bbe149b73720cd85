//! Adds `--cfg lockcheck` to the rustflags in force, whichever of cargo's four sources they come from.
//!
//! The problem: cargo takes rustflags from the first of these that exists and ignores the rest: the variable
//! `CARGO_ENCODED_RUSTFLAGS`, the variable `RUSTFLAGS`, all `target.*.rustflags` that apply (joined), and
//! `build.rustflags`. A flag added at one of them hides those behind it, and a program that is built with other
//! flags is another program. So the flag joins the source that is in force:
//!
//! - a variable: its value and the flag, in `CARGO_ENCODED_RUSTFLAGS`;
//! - `target.*`: the flag as `target."cfg(all())".rustflags` on cargo's command line, which cargo joins itself;
//! - `build`: the same, with the flags of `build` repeated there, because they would be hidden.
//!
//! The same for rustdoc, which builds examples in documentation with flags of its own. There cargo does not look at
//! `target.'cfg(...)'`, so that the variable `CARGO_ENCODED_RUSTDOCFLAGS` takes whatever was in force.
//!
//! Reads configuration files as cargo documents them; cargo alone decides about everything else. Configuration
//! that `include`s other files is not followed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use cargo_platform::{Cfg, Platform};
use toml::{Table, Value};

/// What turns the instrumentation on, for the whole dependency tree.
const FLAG: [&str; 2] = ["--cfg", "lockcheck"];
/// A configuration file above this size counts as unreadable.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// How cargo is to be told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rustflags {
    /// A value for `CARGO_ENCODED_RUSTFLAGS`.
    pub encoded: Option<OsString>,
    /// Arguments for cargo, before or behind its subcommand.
    pub config: Vec<String>,
}

/// The environment and the machine, as far as they matter here.
pub struct Sources {
    /// The environment's variables.
    pub variable: fn(&str) -> Option<OsString>,
    /// The contents of the configuration files, closest folder first.
    pub files: Vec<Table>,
    /// Tells whether a key of `[target]` applies.
    pub applies: Box<dyn Fn(&str) -> bool>,
}

impl Sources {
    /// What cargo would see if it were started in `folder`.
    pub fn of(folder: &Path, cargo: &Path) -> Sources {
        let files: Vec<Table> =
            config_files(folder, std::env::var_os("CARGO_HOME").map(PathBuf::from), std::env::home_dir())
                .iter()
                .filter_map(|path| read_config(path))
                .collect();
        let target = build_target(&files).or_else(|| std::env::var("CARGO_BUILD_TARGET").ok());
        let folder = folder.to_owned();
        let rustc = rustc_beside(cargo);
        let machine = std::cell::OnceCell::new();
        let applies = move |key: &str| {
            let (triple, cfgs): &(String, Vec<Cfg>) =
                machine.get_or_init(|| ask_rustc(&rustc, &folder, target.as_deref()));
            Platform::from_str(key).is_ok_and(|platform| platform.matches(triple, cfgs))
        };
        Sources { variable: |name| std::env::var_os(name), files, applies: Box::new(applies) }
    }
}

/// Says how to tell cargo that flag, and `more`.
pub fn compose(sources: &Sources, more: &[String]) -> Rustflags {
    let mut flags = FLAG.map(str::to_owned).to_vec();
    flags.extend_from_slice(more);
    if let Some(encoded) = from_variables(sources, "RUSTFLAGS", &flags) {
        return Rustflags { encoded: Some(encoded), config: Vec::new() };
    }
    if !target_flags_apply(sources) {
        let mut build = build_flags(sources, "rustflags");
        build.extend(flags);
        flags = build;
    }
    // A JSON list of strings is a TOML list of strings.
    let list = serde_json::to_string(&flags).unwrap_or_default();
    let config = format!("target.\"cfg(all())\".rustflags={list}");
    Rustflags { encoded: None, config: vec!["--config".to_owned(), config] }
}

/// A value for `CARGO_ENCODED_RUSTDOCFLAGS` with that flag, and `more`.
pub fn compose_for_rustdoc(sources: &Sources, more: &[String]) -> OsString {
    let mut flags = FLAG.map(str::to_owned).to_vec();
    flags.extend_from_slice(more);
    if let Some(encoded) = from_variables(sources, "RUSTDOCFLAGS", &flags) {
        return encoded;
    }
    let mut all = rustdoc_flags_of_target(sources);
    if all.is_empty() {
        all = build_flags(sources, "rustdocflags");
    }
    all.extend(flags);
    all.join("\x1f").into()
}

/// `target.<triple>.rustdocflags`, the closest folder's last.
fn rustdoc_flags_of_target(sources: &Sources) -> Vec<String> {
    let of_triple = |file: &Table| {
        let tables = file.get("target").and_then(Value::as_table);
        let own = tables.into_iter().flatten().filter(|(key, target)| {
            !key.starts_with("cfg(") && target.get("rustdocflags").is_some() && (sources.applies)(key)
        });
        own.flat_map(|(_, target)| words(target.get("rustdocflags"))).collect::<Vec<_>>()
    };
    sources.files.iter().rev().flat_map(of_triple).collect()
}

/// The variables count even where they are empty: that is how one turns configured flags off.
fn from_variables(sources: &Sources, name: &str, flags: &[String]) -> Option<OsString> {
    let separated = |present: OsString, separator: &str| {
        let mut all = present;
        for flag in flags {
            if !all.is_empty() {
                all.push(separator);
            }
            all.push(flag);
        }
        all
    };
    if let Some(encoded) = (sources.variable)(&format!("CARGO_ENCODED_{name}")) {
        return Some(separated(encoded, "\x1f"));
    }
    let plain = (sources.variable)(name)?;
    // Cargo ignores what is not UTF-8 too.
    let words: Vec<&str> =
        plain.to_str()?.split(' ').map(str::trim).filter(|word| !word.is_empty()).collect();
    Some(separated(words.join("\x1f").into(), "\x1f"))
}

/// Whether any `target.*.rustflags` is in force.
fn target_flags_apply(sources: &Sources) -> bool {
    let tables = sources.files.iter().filter_map(|file| file.get("target")?.as_table());
    let configured = tables
        .flatten()
        .any(|(key, target)| !words(target.get("rustflags")).is_empty() && (sources.applies)(key));
    configured || target_variable_applies(sources)
}

/// `CARGO_TARGET_<TRIPLE>_RUSTFLAGS`, for the triple built for.
fn target_variable_applies(sources: &Sources) -> bool {
    std::env::vars_os().any(|(name, value)| {
        let triple = name.to_str().and_then(|name| {
            let triple = name.strip_prefix("CARGO_TARGET_")?.strip_suffix("_RUSTFLAGS")?;
            Some(triple.to_lowercase().replace('_', "-"))
        });
        // `x86_64` has lost its underscore; the tables of real triples cannot collide over it.
        let applies = |triple: &str| (sources.applies)(triple) || (sources.applies)(&restore_arch(triple));
        !value.is_empty() && triple.is_some_and(|triple| applies(&triple))
    })
}

fn restore_arch(triple: &str) -> String {
    triple.replacen("x86-64", "x86_64", 1)
}

/// `build.rustflags` (or `build.rustdocflags`) as cargo merges it: of lists, the closest folder's flags come last, the variable's after them;
/// of strings, the closest one counts.
fn build_flags(sources: &Sources, key: &str) -> Vec<String> {
    let values = || sources.files.iter().filter_map(|file| file.get("build")?.get(key));
    let mut flags = match values().next() {
        Some(closest @ Value::String(_)) => words(Some(closest)),
        _ => values().collect::<Vec<_>>().into_iter().rev().flat_map(|value| words(Some(value))).collect(),
    };
    if let Some(more) = (sources.variable)(&format!("CARGO_BUILD_{}", key.to_uppercase())) {
        flags.extend(more.to_string_lossy().split_whitespace().map(str::to_owned));
    }
    flags
}

/// A list of strings, or a string of words.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn build_target(files: &[Table]) -> Option<String> {
    let value = files.iter().find_map(|file| file.get("build")?.get("target"))?;
    words(Some(value)).into_iter().next()
}

/// The files cargo reads when it is started in `folder`, closest first.
fn config_files(folder: &Path, cargo_home: Option<PathBuf>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = folder.ancestors().map(|folder| folder.join(".cargo")).collect();
    let cargo_home = cargo_home.or_else(|| home.map(|home| home.join(".cargo")));
    if let Some(cargo_home) = cargo_home
        && !folders.contains(&cargo_home)
    {
        folders.push(cargo_home);
    }
    // The name without extension is the older one and wins where both exist.
    let existing = |folder: &PathBuf| {
        ["config", "config.toml"].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
    };
    folders.iter().filter_map(existing).collect()
}

/// Cargo itself complains about files that cannot be read or parsed, and does so better.
fn read_config(path: &Path) -> Option<Table> {
    if std::fs::metadata(path).ok()?.len() > CONFIG_BYTES_MAX {
        return None;
    }
    std::fs::read_to_string(path).ok()?.parse().ok()
}

/// The compiler that cargo uses.
fn rustc_beside(cargo: &Path) -> PathBuf {
    if let Some(rustc) = std::env::var_os("RUSTC") {
        return rustc.into();
    }
    let beside = cargo.with_file_name(if cfg!(windows) { "rustc.exe" } else { "rustc" });
    if beside.is_file() { beside } else { "rustc".into() }
}

/// The triple that is built for and its `cfg`s; empty where the compiler does not answer.
fn ask_rustc(rustc: &Path, folder: &Path, target: Option<&str>) -> (String, Vec<Cfg>) {
    let ask = |arguments: &[&str]| {
        let output = Command::new(rustc).current_dir(folder).args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let host = || {
        let version = ask(&["-vV"])?;
        version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
    };
    let triple = target.map(str::to_owned).or_else(host).unwrap_or_default();
    let answer = ask(&["--print", "cfg", "--target", &triple]).unwrap_or_default();
    (triple, answer.lines().filter_map(|line| Cfg::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compose(sources: &Sources) -> Rustflags {
        super::compose(sources, &[])
    }

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    /// Configuration files, closest first, on a Linux machine.
    fn sources(variable: fn(&str) -> Option<OsString>, files: &[&str]) -> Sources {
        let files = files.iter().map(|text| text.parse().unwrap()).collect();
        let cfgs = [Cfg::from_str("unix").unwrap(), Cfg::from_str("target_os=\"linux\"").unwrap()];
        let applies = move |key: &str| {
            Platform::from_str(key).is_ok_and(|platform| platform.matches("x86_64-unknown-linux-gnu", &cfgs))
        };
        Sources { variable, files, applies: Box::new(applies) }
    }

    fn config(flags: &str) -> Rustflags {
        let config = format!("target.\"cfg(all())\".rustflags={flags}");
        Rustflags { encoded: None, config: vec!["--config".to_owned(), config] }
    }

    fn encoded(flags: &str) -> Rustflags {
        Rustflags { encoded: Some(flags.into()), config: Vec::new() }
    }

    #[test]
    fn without_flags_the_flag_stands_alone() {
        assert_eq!(compose(&sources(nothing, &[])), config(r#"["--cfg","lockcheck"]"#));
    }

    #[test]
    fn variables_hide_everything_else_even_when_empty() {
        let file = "build.rustflags = ['-Ca']\n[target.'cfg(unix)']\nrustflags = ['-Cb']";
        let plain = |name: &str| (name == "RUSTFLAGS").then(|| " -C  x=y ".into());
        assert_eq!(compose(&sources(plain, &[file])), encoded("-C\x1fx=y\x1f--cfg\x1flockcheck"));
        let empty = |name: &str| (name == "RUSTFLAGS").then(OsString::new);
        assert_eq!(compose(&sources(empty, &[file])), encoded("--cfg\x1flockcheck"));
        let both = |name: &str| match name {
            "RUSTFLAGS" => Some("-Cx".into()),
            "CARGO_ENCODED_RUSTFLAGS" => Some("--cfg\x1fname=\"a b\"".into()),
            _ => None,
        };
        assert_eq!(compose(&sources(both, &[file])), encoded("--cfg\x1fname=\"a b\"\x1f--cfg\x1flockcheck"));
    }

    #[test]
    fn rustdoc_is_told_as_well() {
        let of =
            |variable, files: &[&str]| compose_for_rustdoc(&sources(variable, files), &["-Cx".to_owned()]);
        assert_eq!(of(nothing, &[]), "--cfg\x1flockcheck\x1f-Cx");
        let build = "build.rustdocflags = ['--cfg', 'a']";
        assert_eq!(of(nothing, &[build]), "--cfg\x1fa\x1f--cfg\x1flockcheck\x1f-Cx");
        let target = "[target.x86_64-unknown-linux-gnu]\nrustdocflags = '-Cb'\n[target.'cfg(unix)']\nrustdocflags = '-Cc'";
        assert_eq!(of(nothing, &[build, target]), "-Cb\x1f--cfg\x1flockcheck\x1f-Cx");
        let plain = |name: &str| (name == "RUSTDOCFLAGS").then(|| "-Ca".into());
        assert_eq!(of(plain, &[build, target]), "-Ca\x1f--cfg\x1flockcheck\x1f-Cx");
        // Those of the compiler are not rustdoc's.
        let other = |name: &str| (name == "RUSTFLAGS").then(|| "-Ca".into());
        assert_eq!(of(other, &["build.rustflags = '-Cd'"]), "--cfg\x1flockcheck\x1f-Cx");
    }

    #[test]
    fn build_flags_are_repeated_because_target_flags_hide_them() {
        let closest = "build.rustflags = ['-Cclose']";
        let farther = "build.rustflags = ['--cfg', 'n=\"q\"']";
        let expected = config(r#"["--cfg","n=\"q\"","-Cclose","--cfg","lockcheck"]"#);
        assert_eq!(compose(&sources(nothing, &[closest, farther])), expected);
        let text = "build.rustflags = '-C close'";
        assert_eq!(
            compose(&sources(nothing, &[text, farther])),
            config(r#"["-C","close","--cfg","lockcheck"]"#)
        );
    }

    #[test]
    fn build_flags_stay_hidden_where_target_flags_apply() {
        let build = "build.rustflags = ['-Cbuild']\n";
        let alone = config(r#"["--cfg","lockcheck"]"#);
        for key in ["'cfg(unix)'", "x86_64-unknown-linux-gnu", "'cfg(all(unix, not(windows)))'"] {
            let file = format!("{build}[target.{key}]\nrustflags = ['-Ct']");
            assert_eq!(compose(&sources(nothing, &[&file])), alone, "{key}");
        }
        for other in ["'cfg(windows)'", "aarch64-unknown-linux-gnu"] {
            let file = format!("{build}[target.{other}]\nrustflags = ['-Ct']");
            let expected = config(r#"["-Cbuild","--cfg","lockcheck"]"#);
            assert_eq!(compose(&sources(nothing, &[&file])), expected, "{other}");
        }
        let linker_only = format!("{build}[target.'cfg(unix)']\nlinker = 'cc'");
        assert_ne!(compose(&sources(nothing, &[&linker_only])), alone);
    }

    #[test]
    fn the_triple_of_a_variable_gets_its_underscore_back() {
        assert_eq!(restore_arch("x86-64-unknown-linux-gnu"), "x86_64-unknown-linux-gnu");
    }

    #[test]
    fn configuration_is_looked_for_in_every_folder_above_and_at_home() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(deep.join(".cargo")).unwrap();
        std::fs::create_dir_all(dir.path().join(".cargo")).unwrap();
        let close = deep.join(".cargo/config.toml");
        let far = dir.path().join(".cargo/config");
        std::fs::write(&close, "").unwrap();
        std::fs::write(&far, "").unwrap();
        let found = config_files(&deep, None, None);
        assert_eq!(found[..2], [close.clone(), far.clone()]);
        // A cargo home that is one of the folders above is not read twice.
        let found = config_files(&deep, Some(dir.path().join(".cargo")), None);
        assert_eq!(found.iter().filter(|path| **path == far).count(), 1);
    }
}
