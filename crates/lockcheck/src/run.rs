//! `lockcheck run`: a package built with the instrumentation on, or any command as it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::RunArgs;
use crate::build;
use crate::config::{self, Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::expectations;
use crate::output;
use crate::package::{self, Program};
use crate::swapped_tree;
use crate::watch::{self, Job};

/// Carries it out.
pub fn run(args: &RunArgs, style: Style) -> Result<Exit> {
    match &args.target {
        Some(path) => run_package(path, args, style),
        None => run_command(args, style),
    }
}

fn run_package(path: &Path, args: &RunArgs, style: Style) -> Result<Exit> {
    let current = std::env::current_dir().map_err(|error| CliError::io("find", Path::new("."), &error))?;
    let manifest = package::find_manifest(path, &current)?;
    let program = select(&manifest, args, &current, style)?;
    let judgement = Judgement::new(&args.judge, &program.folder)?;
    // A fixture whose expectations cannot be read is a mistake that should not wait for `verify`.
    let expected = expectations::load_if_present(&program.folder)?;
    let record = args.record || expected.is_some_and(|expected| expected.record);
    if package::resolver_is_one(&program.workspace_root) {
        output::note(
            style,
            "the workspace uses resolver 1, which turns features on for builds that did not ask for them; set \
             `resolver = \"2\"` in the workspace's Cargo.toml",
        );
    }
    let built = build::build(&program, &args.select)?;
    let job = Job {
        command: build::run_command(&program, &built, &args.rest),
        target: path.to_string_lossy().into_owned(),
        hints: vec![program.workspace_root.clone(), program.folder.clone(), current],
        executable: Some(built.executable.clone()),
        must_record: true,
        hang_after: args.hang_after,
        on_deadlock: config::on_deadlock(args.on_deadlock)?,
        record,
    };
    watch::watch(job, style, judgement, &|| nothing_recorded(&program))
}

/// The program to be built, in a copy with another parking_lot where that is asked for.
fn select(manifest: &Path, args: &RunArgs, current: &Path, style: Style) -> Result<Program> {
    let Some(tree) = swapped_tree::asked_for(&args.tree, manifest, current)? else {
        return package::select(manifest, &args.select);
    };
    tree.notes.iter().for_each(|text| output::note(style, text));
    let program = package::select(&tree.manifest, &args.select)?;
    Ok(Program {
        folder: tree.original_of(&program.folder),
        workspace_root: tree.original.clone(),
        target_dir: tree.target_dir,
        rustflags: tree.rustflags,
        ..program
    })
}

fn run_command(args: &RunArgs, style: Style) -> Result<Exit> {
    let Some((program, arguments)) = args.rest.split_first() else {
        return Err(CliError::usage("no-command", "there is no command behind `--`"));
    };
    if args.tree.swap.is_some() {
        return Err(CliError::usage("swap-needs-package", "--swap builds a package, and a command is none")
            .help("name the package: lockcheck run PATH --swap parking_lot"));
    }
    let current = std::env::current_dir().unwrap_or_default();
    let judgement = Judgement::new(&args.judge, &current)?;
    let mut command = Command::new(program);
    command.args(arguments);
    build::hide_own_cargo(&mut command);
    let job = Job {
        command,
        target: shown(&args.rest),
        hints: std::env::current_dir().into_iter().collect(),
        executable: None,
        must_record: false,
        hang_after: args.hang_after,
        on_deadlock: config::on_deadlock(args.on_deadlock)?,
        record: args.record,
    };
    let advice = || {
        "the command was watched from outside only: nothing in it uses the `tracked` locks with feature `check`"
            .to_owned()
    };
    watch::watch(job, style, judgement, &advice)
}

/// A command line for people.
pub fn shown(words: &[OsString]) -> String {
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// What to do about a package that left no trace.
fn nothing_recorded(program: &Program) -> String {
    let name = &program.package.name;
    let manifest: PathBuf = program.package.manifest_path.clone().into();
    advise(&format!("the program `{}`", program.name), name, depends_on_tracked(&manifest, Some(name)))
}

/// The same for anything with a name. `uses_tracked` is unknown where cargo could not tell.
pub fn advise(what: &str, package: &str, uses_tracked: Option<bool>) -> String {
    let off = std::env::var("LOCKCHECK").is_ok_and(|mode| mode == "off");
    if off {
        return format!("{what} was not watched because LOCKCHECK=off is set; unset it");
    }
    match uses_tracked {
        Some(true) => format!(
            "{what} was built with `tracked` and recorded nothing: it has not used a tracked lock in this run; check \
             that its locks come from `tracked` (`use tracked::Mutex` in place of `use std::sync::Mutex`)"
        ),
        _ => format!(
            "{what} is not instrumented: package `{package}` does not depend on `tracked`; add it (`cargo add \
             tracked`) and swap the import: `use tracked::Mutex` in place of `use std::sync::Mutex`"
        ),
    }
}

/// Whether the package, or any of the workspace where none is named, depends on `tracked`, directly or not.
pub fn depends_on_tracked(manifest: &Path, package: Option<&str>) -> Option<bool> {
    let metadata = package::metadata(manifest, true).ok()?;
    let resolve = metadata.resolve.as_ref()?;
    let named = |id: &cargo_metadata::PackageId| metadata[id].name.as_str();
    let members = metadata.workspace_members.iter();
    let mut open: Vec<_> = members.filter(|id| package.is_none_or(|package| named(id) == package)).collect();
    let mut seen = std::collections::HashSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if named(id) == "tracked" {
            return Some(true);
        }
        let node = resolve.nodes.iter().find(|node| node.id == *id);
        open.extend(node.into_iter().flat_map(|node| node.deps.iter().map(|dep| &dep.pkg)));
    }
    Some(false)
}
