//! What was typed: the command line as clap reads it, and its help texts. What it means is `config`'s business.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lockcheck_checker::{Code, Tier};

use crate::exit::Exit;
use crate::explore::args::{ConfirmArgs, ExploreArgs, ReplayArgs};
use crate::swapped_tree::Swappable;

const EXAMPLES: &str = "\
Examples:
  lockcheck run .                          build the package here instrumented, run it, report
  lockcheck run bank -- --fast             the fixture `bank` under fixtures/, with an argument
  lockcheck run -- cargo nextest run       watch any command
  lockcheck test -- --lib                  the package's tests, with findings per test
  lockcheck run . --message-format json    the report as one JSON object, the last line of stdout
  lockcheck run . --swap parking_lot       the same, with the locks of all dependencies on parking_lot watched as well
  lockcheck swap . --diff                  what to change so that the package's own locks are watched
  lockcheck litmus protocol.litmus         all runs of a protocol sketch: a proof or a counterexample
  lockcheck analyze run.std                races and deadlocks that another order of a trace's events reaches
  lockcheck explain LC0001                 what a finding means and what to do about it

Environment: LOCKCHECK=off|check|record, LOCKCHECK_OUT, LOCKCHECK_BACKTRACE=0|1|full, LOCKCHECK_ON_DEADLOCK=report|panic|abort.
";

/// Finds deadlocks in Rust programs, also those that did not happen in this run.
#[derive(Debug, Parser)]
#[command(name = "lockcheck", version, max_term_width = 110, after_help = help_tail())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// The form of the report. `human` and `short` go to stderr; `json` is the last line of stdout.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Human)]
    pub message_format: Format,

    /// When to use colour.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
}

fn help_tail() -> String {
    format!("{EXAMPLES}\n{}", Exit::table())
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a package instrumented, run it and report; or watch any command.
    #[command(after_help = Exit::table())]
    Run(RunArgs),
    /// Build the package's tests instrumented, run them and report, finding by finding with the test's name.
    #[command(after_help = Exit::table())]
    Test(TestArgs),
    /// Rewrite a package's imports of std's and parking_lot's locks to the watched mirrors.
    #[command(after_help = SWAP_HELP)]
    Swap(SwapArgs),
    /// Judge recorded traces: what happened, and what could have happened instead.
    #[command(after_help = Exit::table())]
    Analyze(AnalyzeArgs),
    /// Write a trace of events in another form.
    #[command(after_help = Exit::table())]
    Convert(ConvertArgs),
    /// Print the lock-order graph of traces as DOT: `lockcheck graph TRACE | dot -Tsvg`; or as one object, with
    /// `--message-format json`.
    Graph {
        /// Traces in any form that `analyze` takes, or folders with traces.
        #[arg(value_name = "TRACE", required = true)]
        traces: Vec<PathBuf>,
    },
    /// Write down the order in which a program takes its locks, or hold what it does against such an order.
    #[command(after_help = Exit::table())]
    Order(OrderArgs),
    /// Judge protocol sketches: execute every interleaving, or (`--observe`) one run with the real locks.
    #[command(after_help = Exit::table())]
    Litmus(LitmusArgs),
    /// Run the sketch on stdin once, in this process: what `litmus --observe` calls.
    #[command(hide = true, name = OBSERVE_ONE)]
    ObserveOne {
        /// What the sketch is called in the report.
        name: String,
    },
    /// Run a program many times under a controlled scheduler: other orders, other ends; or all of them.
    #[command(after_help = Exit::table())]
    Explore(ExploreArgs),
    /// Run a program once, by the schedule of a finding.
    #[command(after_help = Exit::table())]
    Replay(ReplayArgs),
    /// Drive a program into what was predicted of it, or say why that cannot be.
    #[command(after_help = Exit::table())]
    Confirm(ConfirmArgs),
    /// Explain a finding code; without one, list them all.
    Explain {
        /// `LC0001` or `lock-order-cycle`, in any case.
        #[arg(value_name = "CODE")]
        code: Option<Code>,
    },
    /// Run every fixture under a folder against its own lockcheck.toml.
    #[command(after_help = Exit::table())]
    Verify(VerifyArgs),
}

/// `lockcheck run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The package: a folder with a Cargo.toml, the Cargo.toml itself, or the name of a fixture under `fixtures/`
    /// here or in a folder above. Left out: the command behind `--` is watched.
    #[arg(value_name = "PATH|FIXTURE", required_unless_present = "rest")]
    pub target: Option<PathBuf>,

    /// Arguments for the program; without PATH, the command to watch and its arguments.
    ///
    /// Processes that outlive the command are ended one second after it.
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<OsString>,

    #[command(flatten)]
    pub select: SelectArgs,

    #[command(flatten)]
    pub tree: TreeArgs,
    /// Record every event of the tracked objects (LOCKCHECK=record), and judge what other orders of them reach.
    ///
    /// Up to 1 GiB of each process, about 65 million events; beyond, it is only checked, and the report says so.
    #[arg(long, help_heading = "Watching")]
    pub record: bool,

    /// Take the program for hung when no thread of it or its children has run for this long (`30`, `500ms`, `2m`),
    /// report which calls they wait in, and end it.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = "Watching")]
    pub hang_after: Option<Duration>,

    /// What to do when the program deadlocks: `kill` reports and ends it within a second; `report` leaves it alone.
    ///
    /// Defaults to `kill`, and to `report` where LOCKCHECK_ON_DEADLOCK is set: then the program acts by itself.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Watching")]
    pub on_deadlock: Option<OnDeadlock>,

    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// Which program of a package, built how: as `cargo run` has them.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Package")]
pub struct SelectArgs {
    /// The binary to run.
    #[arg(long, value_name = "NAME", conflicts_with = "example")]
    pub bin: Option<String>,
    /// The example to run.
    #[arg(long, value_name = "NAME")]
    pub example: Option<String>,
    /// The package of a workspace.
    #[arg(long, short, value_name = "NAME")]
    pub package: Option<String>,
    /// Build with optimisations.
    #[arg(long, short)]
    pub release: bool,
    /// Features to turn on, separated by comma or space.
    #[arg(long, short = 'F', value_name = "FEATURES")]
    pub features: Vec<String>,
    /// Turn all features on.
    #[arg(long)]
    pub all_features: bool,
    /// Leave the default features off.
    #[arg(long)]
    pub no_default_features: bool,
}

/// What takes the place of what, in a whole dependency tree.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Swapping")]
pub struct TreeArgs {
    /// Build with all of the dependency tree's `parking_lot` replaced by the watched mirrors, on a copy: neither sources
    /// nor Cargo.lock change. Both lines, 0.12 and 0.13, at the locked versions. (`std` cannot be swapped so: `lockcheck
    /// swap` rewrites a package's imports.)
    #[arg(long, value_name = "CRATE")]
    pub swap: Option<Swappable>,

    /// With --swap: the folder of the crate `tracked`; else what LOCKCHECK_TRACKED_PATH says, else the sources that this
    /// lockcheck was built from.
    #[arg(long, value_name = "DIR", requires = "swap")]
    pub tracked_path: Option<PathBuf>,
}

/// `lockcheck test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    #[command(flatten)]
    pub tree: TreeArgs,

    /// Arguments for `cargo test`: `lockcheck test -- --lib -- --nocapture`. With `nextest` as the first of them,
    /// cargo-nextest runs the tests: `lockcheck test -- nextest --lib`.
    #[arg(last = true, value_name = "CARGO TEST ARGS")]
    pub rest: Vec<OsString>,

    /// As for `run`.
    #[arg(long, help_heading = "Watching")]
    pub record: bool,

    /// As for `run`.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = "Watching")]
    pub hang_after: Option<Duration>,

    /// As for `run`.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Watching")]
    pub on_deadlock: Option<OnDeadlock>,

    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// What `lockcheck swap --help` ends with.
const SWAP_HELP: &str = "\
What is swapped: paths that begin with std::sync, std::thread or parking_lot (0.11, 0.12, 0.13, also under another name),
and thread_local!, in the examples of documentation comments too. Build scripts, procedural macros and what the mirrors
lack stay, and are listed.

Cargo.toml gets `tracked` in [dependencies], and with the feature `check` in [dev-dependencies]: `cargo test` watches,
a release build does not. Where `tracked` comes from: --tracked-path or --tracked-version; else the folder in the variable
LOCKCHECK_TRACKED_PATH; else the sources this lockcheck was built from, if they are still there; else the registry.

The file .lockcheck-swap beside the Cargo.toml keeps the texts from before, for --undo. Do not commit it.
";

/// `lockcheck swap`.
#[derive(Debug, Args)]
pub struct SwapArgs {
    /// The package: a folder with a Cargo.toml or the Cargo.toml itself. A workspace without a package of its own means
    /// all of its packages.
    #[arg(value_name = "PATH")]
    pub target: PathBuf,

    /// All packages of the workspace, also where PATH has a package of its own.
    #[arg(long, conflicts_with = "undo")]
    pub workspace: bool,

    /// Show what would change, as a diff on stdout, and change nothing.
    #[arg(long)]
    pub diff: bool,

    /// Name the files that would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Restore every file that was swapped, byte for byte. A file that was edited since is left alone and named.
    #[arg(long)]
    pub undo: bool,

    /// With --undo: restore edited files too; the edits are lost.
    #[arg(long, requires = "undo")]
    pub force: bool,

    /// The folder of the crate `tracked`, which becomes a path dependency.
    #[arg(long, value_name = "DIR", help_heading = "Dependency")]
    pub tracked_path: Option<PathBuf>,

    /// The version of `tracked` to ask the registry for.
    #[arg(long, value_name = "VERSION", conflicts_with = "tracked_path", help_heading = "Dependency")]
    pub tracked_version: Option<String>,
}

/// `lockcheck analyze`.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Traces, or folders with traces (`.lctrace`, `.lcevents` and `.std`, directly in them).
    ///
    /// `.lctrace` is what a watched process leaves; those of one run are judged together. `.lcevents`
    /// beside it are its events, if they were recorded. `.std` is STD text, one
    /// event per line: `thread|op(arg)|location`. `.rapid`, `.data` and `.bin` are the published binary form, 8 bytes
    /// an event. A file with another extension is taken for what its content is.
    #[arg(value_name = "TRACE", required = true)]
    pub traces: Vec<PathBuf>,

    /// Which races to look for in traces of events.
    ///
    /// `hb`: unordered by happens-before, which is `likely`. `shb`, `syncp` and `osr` are sound, hence `predicted`:
    /// schedulable happens-before, reorderings that keep the order of critical sections, and such that reverse it
    /// (which find all that `syncp` does).
    #[arg(long, value_enum, value_name = "RULE", default_value_t = RaceRule::All)]
    pub race: RaceRule,

    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `lockcheck order`.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// What to look at: traces of any form that `analyze` takes, folders with traces, or one package or fixture, which
    /// is built and run.
    #[arg(value_name = "TRACE|PATH|FIXTURE", required = true)]
    pub targets: Vec<PathBuf>,

    /// Arguments for the program, where one is run.
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<OsString>,

    /// Write the observed order here, to be read and changed by people (`-`: to stdout).
    #[arg(long, value_name = "FILE", required_unless_present = "check", conflicts_with = "check")]
    pub emit: Option<PathBuf>,

    /// Overwrite the file that `--emit` names.
    #[arg(long, requires = "emit")]
    pub force: bool,

    /// Report what is done against the order in this file.
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,

    #[command(flatten)]
    pub select: SelectArgs,

    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// The subcommand by which this program calls itself.
pub const OBSERVE_ONE: &str = "observe-one-sketch";

/// `lockcheck litmus`.
#[derive(Debug, Args)]
pub struct LitmusArgs {
    /// Sketches in the litmus notation (docs/litmus-notation.md), or folders with `.litmus` files, at any depth.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Run each sketch once, in its `order`, with the real watched locks, and say what that foretells: `none`,
    /// `order-only` or `likely`. `likely` counts as a finding.
    #[arg(long)]
    pub observe: bool,

    /// How many states are considered of one sketch; a million, if left out. Beyond, the answer is incomplete and says
    /// so.
    #[arg(long, value_name = "STATES", conflicts_with = "observe", value_parser = parse_limit)]
    pub limit: Option<usize>,

    /// How many sketches are judged at a time; as many as there are processors, if left out.
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,

    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `lockcheck convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The trace to read, in any form that `analyze` takes, except what holds no events.
    #[arg(value_name = "IN")]
    pub input: PathBuf,

    /// The file to write. Its extension says in which form: `.std`, or `.rapid`, `.data` or `.bin` for the binary one,
    /// which has numbers for names, no shared modes and no conditions.
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
}

/// `--race`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum RaceRule {
    /// Happens-before.
    Hb,
    /// Schedulable happens-before.
    Shb,
    /// Sync-preserving reorderings.
    Syncp,
    /// Reorderings that may reverse critical sections.
    Osr,
    /// All of them.
    #[default]
    All,
}

/// `lockcheck verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Where to look for fixtures: packages with a lockcheck.toml, at any depth.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// How many fixtures run at a time; as many as there are processors, if left out.
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,

    /// How long one fixture may take, its build left out, before it is ended and fails with `timeout`.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "60")]
    pub timeout: Duration,
}

/// What counts, and where the report goes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub struct JudgeArgs {
    /// The least sure tier that makes the call fail: order, likely, predicted, confirmed, actual; or `never`.
    ///
    /// Lints never count unless `--deny` names them.
    #[arg(long, value_name = "TIER|never", default_value = "likely")]
    pub fail_on: FailOn,

    /// A code (or kind) that counts at whatever tier, lints too. May be repeated.
    #[arg(long, value_name = "CODE")]
    pub deny: Vec<Code>,

    /// Findings that are known: a report.json, a JSON list of fingerprints, or a text file with one per line.
    ///
    /// They do not count and are left out of the human and short report, which says how many there were; the JSON
    /// report keeps them, marked `"known":true`, so that it can serve as the next baseline.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// Write the findings of this run to the baseline file, which need not exist yet: from then on only new ones count.
    #[arg(long, visible_alias = "write-baseline", requires = "baseline")]
    pub update_baseline: bool,

    /// Findings to live with, each with a reason (docs/suppressions.md).
    ///
    /// Left out: the file `lockcheck.suppressions.toml` beside the package's Cargo.toml, or the workspace's.
    #[arg(long, value_name = "FILE")]
    pub suppressions: Option<PathBuf>,

    /// Keep the traces here, and write report.json beside them.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Write the findings here in the form of code-scanning services (SARIF 2.1.0).
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,

    /// Leave nothing out: every side of a large cycle, every frame of a long stack, every set of locks that shows a
    /// problem (in the JSON too).
    #[arg(long)]
    pub all: bool,
}

/// `--fail-on`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailOn(pub Option<Tier>);

impl Default for FailOn {
    fn default() -> FailOn {
        FailOn(Some(Tier::Likely))
    }
}

impl std::str::FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<FailOn, String> {
        match text {
            "never" => Ok(FailOn(None)),
            _ => text.parse().map(|tier| FailOn(Some(tier))).map_err(|error| format!("{error}, or `never`")),
        }
    }
}

/// `--message-format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Format {
    /// With source snippets, for people.
    #[default]
    Human,
    /// One clickable line per finding.
    Short,
    /// One object, for programs.
    Json,
}

/// `--color`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Color {
    /// Where the terminal takes it.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `--on-deadlock`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OnDeadlock {
    /// Report and leave the program alone.
    Report,
    /// Report and end the program.
    Kill,
}

/// A number of states.
fn parse_limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(states) => Ok(states),
        Err(_) => Err("expected a whole number, for instance `100000`".to_owned()),
    }
}

/// `10`, `10s`, `500ms`, `2m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit_ms = match &text[digits..] {
        "" | "s" => 1_000,
        "ms" => 1,
        "m" | "min" => 60_000,
        _ => return Err("expected a number and `ms`, `s` or `m`, for instance `30s`".to_owned()),
    };
    let number: u64 =
        text[..digits].parse().map_err(|_| "expected a whole number, for instance `30s`".to_owned())?;
    match number.checked_mul(unit_ms) {
        None => Err("that is too long".to_owned()),
        Some(0) => Err("must be more than nothing".to_owned()),
        Some(ms) => Ok(Duration::from_millis(ms)),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn run_takes_a_package_or_a_command_and_not_nothing() {
        let Command::Run(run) = parse("lockcheck run bank --release -- a --b").unwrap().command else {
            panic!()
        };
        assert_eq!((run.target, run.rest.len(), run.select.release), (Some("bank".into()), 2, true));
        let Command::Run(run) = parse("lockcheck run -- cargo test --lib").unwrap().command else { panic!() };
        assert_eq!((run.target, run.rest[0].clone()), (None, "cargo".into()));
        assert_eq!(parse("lockcheck run").unwrap_err().exit_code(), 2);
        assert_eq!(parse("lockcheck run a b").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn formats_may_stand_anywhere() {
        assert_eq!(parse("lockcheck --message-format json run x").unwrap().message_format, Format::Json);
        assert_eq!(parse("lockcheck run x --message-format json").unwrap().message_format, Format::Json);
        assert_eq!(parse("lockcheck run x").unwrap().message_format, Format::Human);
    }

    #[test]
    fn durations_tiers_and_codes_say_what_they_expect() {
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "s", "1h", "0", "-1", "99999999999999999999", "9999999999999999999m"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        let message = parse("lockcheck run x --fail-on maybe").unwrap_err().to_string();
        assert!(message.contains("predicted") && message.contains("never"), "{message}");
        let message = parse("lockcheck run x --deny LC9999").unwrap_err().to_string();
        assert!(message.contains("lockcheck explain"), "{message}");
    }

    #[test]
    fn the_help_holds_the_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("101  it did not build"), "{help}");
    }
}
