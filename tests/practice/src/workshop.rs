//! Where the practice is done: fetched sources, packages written on the spot, and calls of cargo and lockcheck, each
//! with an end.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cargo_metadata::MetadataCommand;

/// A build may take as long.
pub const BUILD: Duration = Duration::from_secs(1800);

/// The folders.
pub struct Workshop {
    /// This repository.
    root: PathBuf,
    /// Where everything is made.
    pub place: PathBuf,
}

/// What a call gave.
pub struct Ran {
    /// None if it was ended because its time was up, or by a signal.
    pub code: Option<i32>,
    /// Whether its time was up.
    pub late: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Workshop {
    /// The one in this repository's target directory.
    pub fn open() -> Result<Workshop, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().map_err(|error| format!("the repository is not there: {error}"))?;
        let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec();
        let target = metadata.map_err(|error| error.to_string())?.target_directory;
        let workshop = Workshop { root, place: target.join("practice").into() };
        if !workshop.lockcheck_path().is_file() {
            return Err("lockcheck is not built; call `cargo build -p lockcheck` first".to_owned());
        }
        Ok(workshop)
    }

    fn lockcheck_path(&self) -> PathBuf {
        self.place.with_file_name("debug/lockcheck")
    }

    /// The text of a driver.
    pub fn driver(&self, name: &str) -> Result<String, String> {
        read(&self.root.join(format!("tests/practice/drivers/{name}.rs")))
    }

    /// A copy of a published crate's sources in `folder`, made anew.
    pub fn fetch(&self, krate: &str, version: &str, folder: &Path) -> Result<(), String> {
        let asks = self.place.join("fetch").join(format!("{krate}-{version}"));
        // Under a condition that never holds, so that nothing of it is built.
        let dependency = format!(
            "[target.'cfg(any())'.dependencies.it]\npackage = \"{krate}\"\nversion = \"={version}\"\n"
        );
        self.package(&asks, "asks", &dependency, &[("src/lib.rs", "")])?;
        let metadata = MetadataCommand::new().manifest_path(asks.join("Cargo.toml")).exec();
        let metadata = metadata.map_err(|error| format!("cannot fetch {krate} {version}: {error}"))?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == krate && package.version.to_string() == version)
            .ok_or_else(|| format!("{krate} {version} is not among what cargo fetched"))?;
        let source = package.manifest_path.parent().ok_or("a manifest without a folder")?;
        let _ = fs::remove_dir_all(folder);
        copy(source.as_std_path(), folder)?;
        // A workspace of its own: it lies below another one.
        let manifest = folder.join("Cargo.toml");
        let text = read(&manifest)?;
        write(&manifest, &format!("{text}\n[workspace]\n"))
    }

    /// A package of that name.
    pub fn package(
        &self,
        folder: &Path,
        name: &str,
        manifest: &str,
        files: &[(&str, &str)],
    ) -> Result<(), String> {
        let head = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\npublish = false\n\n"
        );
        write(&folder.join("Cargo.toml"), &format!("{head}{manifest}\n[workspace]\n"))?;
        files.iter().try_for_each(|(path, text)| write(&folder.join(path), text))
    }

    /// Swaps a package; gives what was said.
    pub fn swap(&self, folder: &Path) -> Result<String, String> {
        let mut command = self.lockcheck(folder);
        command.args(["swap", ".", "--tracked-path"]).arg(self.root.join("crates/tracked"));
        let ran = run(&mut command, Duration::from_secs(60))?;
        if ran.code != Some(0) {
            return Err(format!("lockcheck swap fails:\n{}", ran.stderr));
        }
        Ok(ran.stderr)
    }

    /// lockcheck, in that folder. A swapped copy of a published crate is no dependency any more, whose warnings cargo
    /// would hold back.
    pub fn lockcheck(&self, folder: &Path) -> Command {
        self.command(self.lockcheck_path(), folder)
    }

    /// Cargo, in that folder.
    pub fn cargo(&self, folder: &Path) -> Command {
        self.command("cargo", folder)
    }

    /// What was built with the locks swapped.
    pub fn built_swapped(&self, name: &str) -> PathBuf {
        self.place.join("target/lockcheck/debug").join(name)
    }

    /// What was built as it is.
    pub fn built_plain(&self, name: &str) -> PathBuf {
        self.place.join("target/debug").join(name)
    }

    fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", self.place.join("target"))
            .env("RUSTFLAGS", "--cap-lints allow")
            .env_remove("LOCKCHECK")
            .env_remove("LOCKCHECK_OUT")
            .env_remove("LOCKCHECK_ON_DEADLOCK");
        command
    }
}

/// Runs it to its end, or ends it and what it started.
pub fn run(command: &mut Command, limit: Duration) -> Result<Ran, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("{error}: {command:?}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stdout = std::thread::spawn(move || all_of(stdout));
    let stderr = std::thread::spawn(move || all_of(stderr));
    let (code, late) = wait(&mut child, limit)?;
    let text = |reader: std::thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Ran { code, late, stdout: text(stdout), stderr: text(stderr) })
}

fn wait(child: &mut Child, limit: Duration) -> Result<(Option<i32>, bool), String> {
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => return Ok((status.code(), false)),
            None if start.elapsed() > limit => break,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    // The group, so that nobody is left who holds the pipes.
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    child.wait().map_err(|error| error.to_string())?;
    Ok((None, true))
}

fn all_of(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    fs::create_dir_all(to).map_err(fail)?;
    for entry in fs::read_dir(from).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(fail)?;
        }
    }
    Ok(())
}
