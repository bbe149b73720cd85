//! What was typed for `explore`, `replay` and `confirm`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::args::{JudgeArgs, SelectArgs, parse_duration};

/// `lockcheck explore`.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// As for `run`.
    #[arg(value_name = "PATH|FIXTURE")]
    pub target: PathBuf,

    /// Arguments for the program.
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<OsString>,

    /// Which orders are tried.
    #[arg(long, value_enum, value_name = "STRATEGY", default_value_t = StrategyName::Portfolio, help_heading = "Search")]
    pub strategy: StrategyName,

    /// At most so many runs, each in a process of its own.
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Search")]
    pub runs: u64,

    /// No further run begins after so long.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "60", help_heading = "Search")]
    pub time: Duration,

    /// Where the random strategies begin: the same seed, the same runs.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    pub seed: u64,

    /// For `exhaustive`: only orders in which a thread that could go on is interrupted at most so many times.
    #[arg(long, value_name = "PREEMPTIONS", help_heading = "Search")]
    pub bound: Option<u32>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

/// `lockcheck replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// As for `run`.
    #[arg(value_name = "PATH|FIXTURE")]
    pub target: PathBuf,

    /// What `explore`, `confirm` or a test printed, as in `b1:0.102>1`; or a file that holds it.
    #[arg(value_name = "SCHEDULE")]
    pub schedule: String,

    /// Arguments for the program.
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<OsString>,

    #[command(flatten)]
    pub shared: SharedArgs,
}

/// `lockcheck confirm`.
#[derive(Debug, Args)]
pub struct ConfirmArgs {
    /// A package or fixture, which is run once for its findings; or a trace (or a folder with traces) that a watched
    /// program left, whose executable is run again.
    #[arg(value_name = "TRACE|FIXTURE")]
    pub target: PathBuf,

    /// Only the findings whose fingerprint begins like this.
    #[arg(value_name = "ID")]
    pub id: Option<String>,

    /// Arguments for the program.
    #[arg(last = true, value_name = "ARGS")]
    pub rest: Vec<OsString>,

    /// At most so many runs for each finding.
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Search")]
    pub runs: u32,

    /// Where the random search begins that follows where driving does not lead anywhere.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    pub seed: u64,

    #[command(flatten)]
    pub shared: SharedArgs,
}

/// What all three take.
#[derive(Debug, Args)]
pub struct SharedArgs {
    #[command(flatten)]
    pub select: SelectArgs,

    /// Take a run for hung when the program has neither asked for a decision nor ended for this long.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10", help_heading = "Watching")]
    pub hang_after: Duration,

    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// `--strategy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum StrategyName {
    /// The default order, then exhaustive search and the random strategies in turn.
    Portfolio,
    /// Every interleaving, up to the order of operations that commute.
    Exhaustive,
    /// Anybody goes on, with equal chance.
    Random,
    /// Probabilistic concurrency testing: random priorities that change at two random points.
    Pct,
    /// Partial-order sampling: random priorities for operations.
    Pos,
    /// A random walk weighted by what each thread still has to do.
    Urw,
    /// The same, over the operations on one object at a time.
    Surw,
}
