//! How fast traces are read and judged, and in how much memory. Prints a table; times nothing in tests.
//!
//!     cargo bench -p lockcheck-checker --bench analyze [-- --full]
//!
//! The traces are generated, the same each time: threads take locks, sometimes nested, and access the variables that
//! belong to them; a few accesses are unprotected and two lock orders are inverted, so that every predictor has work.
//! `--full` adds the traces of 100 million events (800 MB in the temporary directory), `--quick` leaves out those of 10
//! million, `--only N` measures only one of 10 million events and N threads. Seconds are of processor time; those "at end" are
//! the part spent on searches after the last event. Each row is a process of its own, so that its peak memory is.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use lockcheck_checker::trace::{Analysis, Config, TraceFindings};
use lockcheck_events::rapid_binary::{BinaryReader, BinaryWriter};
use lockcheck_events::std_text::{TextReader, TextWriter};
use lockcheck_events::trace_event::{Event, Located, Names, Op, TraceReader};

/// Order, happens-before and sync-preserving deadlocks: what the budget is about.
const BUDGET: Config = Config {
    deadlocks: true,
    hb: true,
    shb: false,
    syncp: false,
    osr: false,
    locksets: false,
    atomicity: false,
    history: true,
};

/// A generator of traces with these many threads, locks and variables.
struct Generator {
    /// State of the random numbers (xorshift64).
    random: u64,
    /// Threads, the first of which forks the others.
    threads: u32,
    /// Locks.
    locks: u32,
    /// Variables, a few of each lock.
    variables: u32,
    /// By thread: events still to come of its current critical section.
    plans: Vec<Vec<(Op, u32, u32)>>,
    /// By lock: whether it is held.
    held: Vec<bool>,
}

impl Generator {
    /// A generator.
    fn new(threads: u32, locks: u32, variables: u32) -> Self {
        Generator {
            random: 0x9E37_79B9_7F4A_7C15,
            threads,
            locks,
            variables,
            plans: vec![Vec::new(); threads as usize],
            held: vec![false; locks as usize],
        }
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as u32 % limit
    }

    /// A critical section as the events of one thread, last one first.
    fn section(&mut self) -> Vec<(Op, u32, u32)> {
        let mut outer = self.below(self.locks);
        let mut inner = (outer + 1 + self.below(7)) % self.locks;
        let nested = inner > outer && self.below(3) == 0;
        if self.below(100_000) == 0 {
            (outer, inner) = (inner, outer);
        }
        let variable = |lock: u32, pick: u32| (lock + pick * self.locks) % self.variables;
        let (x, y) = (variable(outer, 0), variable(outer, 1));
        let mut plan = vec![(Op::Release, outer, 5)];
        plan.push((Op::Write, x, 4));
        if nested {
            let z = variable(inner, 2);
            plan.extend([
                (Op::Release, inner, 9),
                (Op::Write, z, 8),
                (Op::Read, z, 7),
                (Op::Acquire, inner, 6),
            ]);
        }
        plan.extend([(Op::Read, y, 3), (Op::Read, x, 2), (Op::Acquire, outer, 1)]);
        if self.below(50_000) == 0 {
            plan.push((Op::Write, x, 10));
        }
        plan
    }

    /// Writes at least `events` events, and ends with all locks released.
    fn write(&mut self, events: u32, mut out: impl FnMut(Event)) {
        for child in 1..self.threads {
            out(Event { thread: 0, target: child, location: 0, op: Op::Fork });
        }
        let mut written = self.threads - 1;
        while written < events || self.plans.iter().any(|plan| !plan.is_empty()) {
            let thread = self.below(self.threads);
            for _ in 0..1 + self.below(12) {
                if self.plans[thread as usize].is_empty() {
                    if written >= events {
                        break;
                    }
                    self.plans[thread as usize] = self.section();
                }
                let Some(&(op, target, location)) = self.plans[thread as usize].last() else { break };
                match op {
                    Op::Acquire if self.held[target as usize] => break,
                    Op::Acquire => self.held[target as usize] = true,
                    Op::Release => self.held[target as usize] = false,
                    _ => {}
                }
                self.plans[thread as usize].pop();
                out(Event { thread, target, location, op });
                written += 1;
            }
            self.break_inversion(thread, &mut out, &mut written);
        }
    }

    /// A thread that waits for a lock while it holds another gives up, so that the generator never hangs itself.
    fn break_inversion(&mut self, thread: u32, out: &mut impl FnMut(Event), written: &mut u32) {
        let plan = &mut self.plans[thread as usize];
        if let Some(&(Op::Acquire, lock, 6)) = plan.last()
            && self.held[lock as usize]
        {
            plan.truncate(2);
            while let Some((op, target, location)) = plan.pop() {
                if op == Op::Release {
                    self.held[target as usize] = false;
                }
                out(Event { thread, target, location, op });
                *written += 1;
            }
        }
    }
}

/// Peak resident memory of the process, in bytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Seconds that the main thread has run; wall-clock time where the system does not say. Other work on the machine
/// does not count.
fn cpu_seconds(start: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

/// Reads and judges a trace.
fn analyse(mut reader: impl TraceReader, config: Config) -> (TraceFindings, f64) {
    let mut analysis = Analysis::new(config);
    analysis.expect_threads(reader.threads());
    for located in reader.by_ref() {
        let located = located.expect("the generator writes readable traces");
        analysis.event(&located).expect("the generator writes well-formed traces");
    }
    let before = cpu_seconds(Instant::now());
    let findings = analysis.finish();
    (findings, cpu_seconds(Instant::now()) - before)
}

/// What a row of the table measures.
#[derive(Clone, Copy)]
enum What {
    /// Reading and judging a file of the binary form.
    Binary(Config),
    /// The same of STD text.
    Text(Config),
    /// Reading the binary form alone.
    Reading,
}

/// The rows by the names that they have on the command line.
fn rows() -> [(&'static str, What); 8] {
    let screening = Config { history: false, ..BUDGET };
    let without_searches = Config { syncp: false, osr: false, ..Config::default() };
    [
        ("order+HB+SPD", What::Binary(BUDGET)),
        ("screening for it", What::Binary(screening)),
        ("all but SyncP and OSR", What::Binary(without_searches)),
        ("all but OSR", What::Binary(Config { osr: false, ..Config::default() })),
        ("all", What::Binary(Config::default())),
        ("reading alone", What::Reading),
        ("text, order+HB+SPD", What::Text(BUDGET)),
        ("text, all", What::Text(Config::default())),
    ]
}

/// Reads and judges a file once.
fn run(what: What, file: &Path) -> (TraceFindings, f64) {
    let input = || File::open(file).expect("it was just written");
    let binary = || BinaryReader::new("trace.bin", input()).expect("it has a header");
    match what {
        What::Binary(config) => analyse(binary(), config),
        What::Text(config) => analyse(TextReader::new("trace.std", input()), config),
        What::Reading => {
            let mut findings = TraceFindings::default();
            findings.stats.events = binary().map(|event| u32::from(event.is_ok())).sum();
            (findings, 0.0)
        }
    }
}

/// Has a process of its own, whose memory is the row's alone, measure one row of the table.
fn row(name: &str, file: &Path, title: &str) {
    let program = std::env::current_exe().expect("it runs");
    let mut command = std::process::Command::new(program);
    let status = command.args(["--row", name, title]).arg(file).status().expect("it runs again");
    assert!(status.success(), "{name}: {status}");
}

/// Prints one row of the table: the best of three.
fn measure(name: &str, title: &str, file: &Path) {
    let (_, what) = rows().into_iter().find(|row| row.0 == name).expect("the row is one of the table's");
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let (mut best, mut end) = (f64::MAX, 0.0);
    let epoch = Instant::now();
    let mut findings = TraceFindings::default();
    let rounds = if bytes > 400_000_000 { 1 } else { 3 };
    for _ in 0..rounds {
        let before = cpu_seconds(epoch);
        (findings, end) = run(what, file);
        best = best.min(cpu_seconds(epoch) - before);
    }
    let (stats, memory) = (findings.stats, peak());
    println!(
        "{:34} {:>11} {best:>8.3} {end:>8.3} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>7} {:>7} {:>6}",
        format!("{name}, {title}"),
        stats.events,
        f64::from(stats.events) / best / 1e6,
        bytes as f64 / 1e6,
        memory as f64 / 1e6,
        stats.history_bytes as f64 / 1e6,
        findings.cycles.len(),
        stats.searches,
        findings.races.len(),
    );
}

/// Writes a generated trace in the binary form.
fn generate(path: &Path, threads: u32, locks: u32, events: u32) {
    let file = File::create(path).expect("the temporary directory is writable");
    let mut writer = BinaryWriter::new(BufWriter::new(file)).expect("the disk takes it");
    let mut line = 0;
    Generator::new(threads, locks, 8 * locks).write(events, |event| {
        line += 1;
        writer.write(&Located { event, line }).expect("the disk takes it");
    });
    writer.finish().expect("the disk takes it");
}

/// The rows of one binary trace.
fn binary_rows(directory: &Path, (threads, locks, events): (u32, u32, u32), all: bool) {
    let path = directory.join("trace.bin");
    generate(&path, threads, locks, events);
    let title = format!("{threads} threads, {locks} locks");
    let of_binary = rows().into_iter().filter(|row| !matches!(row.1, What::Text(_)));
    for (name, _) in of_binary.take(if all { usize::MAX } else { 2 }) {
        row(name, &path, &title);
    }
}

/// The rows of one text trace.
fn text_rows(directory: &Path, threads: u32, locks: u32, events: u32) {
    let path = directory.join("trace.std");
    let file = File::create(&path).expect("the temporary directory is writable");
    let mut writer = TextWriter::new(BufWriter::new(file));
    let mut line = 0;
    Generator::new(threads, locks, 8 * locks).write(events, |event| {
        line += 1;
        let located = Located { event, line };
        writer.write(&Names::default(), &located).expect("the disk takes it");
    });
    let mut out = writer.finish().expect("the disk takes it");
    out.flush().expect("the disk takes it");
    for (name, _) in rows().into_iter().filter(|row| matches!(row.1, What::Text(_))) {
        row(name, &path, &format!("{threads} threads"));
    }
}

/// The number after `--only`.
fn only() -> Option<u32> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--only");
    arguments.nth(1)?.parse().ok()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, name, title, file, ..] = &arguments[..]
        && flag == "--row"
    {
        return measure(name, title, Path::new(file));
    }
    let full = std::env::args().any(|argument| argument == "--full");
    let quick = std::env::args().any(|argument| argument == "--quick");
    let directory: PathBuf = std::env::temp_dir().join(format!("lockcheck-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the temporary directory is writable");
    println!(
        "{:34} {:>11} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>6}",
        "trace",
        "events",
        "seconds",
        "at end",
        "Mev/s",
        "file MB",
        "peak MB",
        "hist MB",
        "cycles",
        "search",
        "races"
    );
    if let Some(threads) = only() {
        binary_rows(&directory, (threads, 200, 10_000_000), true);
        std::fs::remove_dir_all(&directory).expect("what was written can be removed");
        return;
    }
    binary_rows(&directory, (21, 2_000, 143_000), true);
    for threads in [8, 64] {
        binary_rows(&directory, (threads, 200, 1_000_000), false);
        if !quick {
            binary_rows(&directory, (threads, 200, 10_000_000), true);
        }
        if full {
            binary_rows(&directory, (threads, 200, 100_000_000), false);
        }
    }
    text_rows(&directory, 8, 200, 3_000_000);
    std::fs::remove_dir_all(&directory).expect("what was written can be removed");
}
