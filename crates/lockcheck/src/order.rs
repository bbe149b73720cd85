//! `lockcheck order`: writes down the order in which a program takes its locks, or holds what it does against such an
//! order. What an order is and what breaks it is the checker's business (`declared`); how it looks as a file, `file`'s;
//! where steps come from, `steps`'.

mod file;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockcheck_checker::declared::{Checked, LockClass, LockOrder, Step};
use lockcheck_checker::{Finding, Report};
use tempfile::TempDir;

use crate::args::{Format, OrderArgs, SelectArgs};
use crate::config::{Judgement, Style};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::outcome::{self, Facts};
use crate::output;
use crate::package;
use crate::traces;
use steps::Steps;

/// Remarks of one kind that are made one by one.
const REMARKS_MAX: usize = 20;

/// Carries it out.
pub fn order(args: &OrderArgs, style: Style) -> Result<Exit> {
    let declared = args.check.as_deref().map(file::read).transpose()?;
    let current = std::env::current_dir().map_err(|error| CliError::io("find", Path::new("."), &error))?;
    let judgement = Judgement::new(&args.judge, &current)?;
    if let Some(path) = &args.emit {
        may_write(path, args.force)?;
    }
    let (paths, _run) = look_at(args, &current)?;
    let steps = Steps::read(paths)?;
    let target = args.targets.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(" ");
    match (&args.emit, declared) {
        (Some(path), _) => emit(path, &target, &steps, style),
        (None, Some(order)) => {
            let name = args.check.as_deref().unwrap_or(Path::new(""));
            check(&order, name, &target, &steps, style, judgement)
        }
        (None, None) => Err(CliError::usage("no-file", "name a file, with `--emit` or `--check`")),
    }
}

/// What people have written is not overwritten unless they say so.
fn may_write(path: &Path, force: bool) -> Result<()> {
    let has_text = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
    if path == Path::new("-") || force || !has_text {
        return Ok(());
    }
    let message = format!("`{}` is there already and may have been changed by hand", path.display());
    Err(CliError::usage("file-exists", message).at(path, 0, 0).help("`--force` overwrites it"))
}

/// The traces to look at; a program is run for them. Its traces vanish with the folder.
fn look_at(args: &OrderArgs, current: &Path) -> Result<(Vec<PathBuf>, Option<TempDir>)> {
    let is_program = |path: &PathBuf| {
        path.join("Cargo.toml").is_file() || path.file_name().is_some_and(|name| name == "Cargo.toml")
    };
    let is_name = |path: &PathBuf| !path.exists() && package::find_manifest(path, current).is_ok();
    match args.targets.as_slice() {
        [target] if is_program(target) || is_name(target) => {
            let folder = run(target, args)?;
            Ok((traces::expand(&[folder.path().to_owned()])?, Some(folder)))
        }
        targets => Ok((traces::expand(targets)?, None)),
    }
}

/// Runs the program by this program's own `run`, for its traces.
fn run(target: &Path, args: &OrderArgs) -> Result<TempDir> {
    let place = std::env::temp_dir();
    let folder = tempfile::Builder::new().prefix("lockcheck-order-").tempdir_in(&place);
    let folder = folder.map_err(|error| CliError::io("make a folder in", &place, &error))?;
    let own = std::env::current_exe()
        .map_err(|error| CliError::internal(format!("cannot find this program: {error}")))?;
    let mut command = Command::new(own);
    command.arg("run").arg(target).arg("--out").arg(folder.path());
    command.args(["--fail-on", "never", "--color", "never"]);
    command.args(selection(&args.select)).arg("--").args(&args.rest);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| CliError::internal(format!("cannot start this program: {error}")))?;
    let code = output.status.code().unwrap_or_default();
    let failures = [Exit::Usage, Exit::Internal, Exit::BuildFailed, Exit::NothingRecorded];
    match failures.into_iter().find(|failure| i32::from(failure.code()) == code) {
        Some(exit) => {
            let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            let mut error = CliError::usage("run-failed", format!("`{}` could not be run", target.display()));
            error.exit = exit;
            Err(error.help(said))
        }
        None => Ok(folder),
    }
}

/// The flags again.
fn selection(select: &SelectArgs) -> Vec<String> {
    let mut words = Vec::new();
    let mut value = |flag: &str, value: &Option<String>| {
        words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    };
    value("--bin", &select.bin);
    value("--example", &select.example);
    value("--package", &select.package);
    words.extend(select.features.iter().flat_map(|features| ["--features".to_owned(), features.clone()]));
    let switches = [
        (select.release, "--release"),
        (select.all_features, "--all-features"),
        (select.no_default_features, "--no-default-features"),
    ];
    words.extend(switches.into_iter().filter(|(on, _)| *on).map(|(_, flag)| flag.to_owned()));
    words
}

fn emit(path: &Path, target: &str, steps: &Steps, style: Style) -> Result<Exit> {
    if steps.traces == 0 {
        output::note(style, "there is no trace here, and no order to write down");
        return Ok(Exit::NothingRecorded);
    }
    let order = LockOrder::observed(&steps.steps);
    let text = file::print(&order, &steps.steps, target);
    if path == Path::new("-") {
        output::to_stdout(&text)?;
        return Ok(Exit::Clean);
    }
    output::write(path, &text)?;
    let levels = order.locks.last().map_or(0, |class| class.level + 1);
    let (locks, undecided) = (order.locks.len(), order.undecided.len());
    let number =
        |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let (classes, on) =
        (number(locks, "class of locks", "classes of locks"), number(levels as usize, "level", "levels"));
    output::note(style, &format!("wrote {}: {classes} on {on}", path.display()));
    for note in &steps.notes {
        output::note(style, note);
    }
    if undecided > 0 {
        let circles = number(undecided, "circle is", "circles are");
        output::note(style, &format!("{circles} left to decide, at the end of the file"));
    }
    if style.format == Format::Json {
        let object = serde_json::json!({
            "schema": "lockcheck.order.v1", "file": path, "locks": locks, "levels": levels, "undecided": undecided,
        });
        output::to_stdout(&format!("\n{object}\n"))?;
    }
    Ok(Exit::Clean)
}

fn check(
    order: &LockOrder,
    path: &Path,
    target: &str,
    steps: &Steps,
    style: Style,
    mut judgement: Judgement,
) -> Result<Exit> {
    let checked = order.check(&steps.steps);
    let mut report = Report::empty(target);
    report.stats = steps.stats;
    report.findings = breaches(&checked, path, steps);
    report.notes.extend(steps.notes.iter().cloned());
    report.notes.extend(remarks(order, path, &checked, &steps.steps));
    judgement.suppress(&mut report, true);
    judgement.settle(&report)?;
    let facts = Facts { recorded: steps.traces > 0, must_record: true, ..Facts::default() };
    report.verdict = outcome::verdict(&report, facts, &judgement);
    output::show(&report, &steps.texts, style, &judgement);
    output::deliver(&report, &steps.texts, style, &judgement)?;
    Ok(outcome::exit(&report, facts, &judgement))
}

/// The steps against the order as findings, those at the same places as one.
fn breaches(checked: &Checked, path: &Path, steps: &Steps) -> Vec<Finding> {
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    for breach in &checked.breaches {
        let (held, wanted) = breach.levels;
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let remark = format!("level {wanted} is asked for under level {held} of {file}");
        let finding = steps.finding(breach.step, &remark);
        findings
            .entry(finding.fingerprint.clone())
            .and_modify(|known| known.add_instances(&finding))
            .or_insert(finding);
    }
    findings.into_values().collect()
}

/// What the order does not say, and what it says in vain.
fn remarks(order: &LockOrder, path: &Path, checked: &Checked, steps: &[Step]) -> Vec<String> {
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut remarks = Vec::new();
    let mut say = |kind: Vec<String>, more: &str| {
        let left = kind.len().saturating_sub(REMARKS_MAX);
        remarks.extend(kind.into_iter().take(REMARKS_MAX));
        if left > 0 {
            remarks.push(format!("{left} more {more}"));
        }
    };
    let undeclared = checked.undeclared.iter().map(|lock| format!("{file} does not declare {}", named(lock)));
    say(undeclared.collect(), "locks are not declared");
    let unordered = checked.unordered.iter().map(|(&(held, wanted), &step)| {
        let (held_name, wanted_name) = (file::label(&order.locks[held]), file::label(&order.locks[wanted]));
        let (taken, asked) = &steps[step].places;
        let place = format!("(taken at {taken}, asked for at {asked})");
        if held == wanted {
            format!("{file} does not say that locks of `{held_name}` are `nested` {place}")
        } else if order.is_undecided(held, wanted) {
            format!("{file} leaves `{held_name}` and `{wanted_name}` undecided {place}")
        } else {
            format!("{file} declares no order between `{held_name}` and `{wanted_name}` {place}")
        }
    });
    say(unordered.collect(), "pairs of locks are in no order");
    let stale = checked.stale.iter().map(|&class| {
        format!("{file} declares `{}`, which takes part in no nesting here", file::label(&order.locks[class]))
    });
    say(stale.collect(), "declared locks take part in no nesting here");
    remarks
}

fn named(lock: &LockClass) -> String {
    match &lock.name {
        Some(name) => format!("`{name}`"),
        None => format!("the locks created at {}", lock.created),
    }
}
