//! Reports made by hand, each with the source text its sites point into. They stand for what the checker gives;
//! what a real program gives is pinned by the end-to-end tests.

use lockcheck_checker::{
    Code, Evidence, Finding, HeldLock, LockDetail, ProgramStatus, Report, Stats, Tier, Verdict, words,
};
use lockcheck_events::{Attempt, Frame, Mode, Site};
use lockcheck_report::Sources;

/// Source text by file name.
pub struct Files(pub Vec<(&'static str, &'static str)>);

impl Sources for Files {
    fn text(&self, _package: &str, file: &str) -> Option<String> {
        self.0.iter().find(|(name, _)| *name == file).map(|(_, text)| (*text).to_owned())
    }

    fn path(&self, package: &str, file: &str) -> Option<String> {
        (!package.is_empty()).then(|| format!("fixtures/{package}/{file}"))
    }
}

/// A report, and the text of the program it is about.
pub struct Sample {
    pub name: &'static str,
    pub report: Report,
    pub files: Files,
}

const FILE: &str = "src/main.rs";

/// The place of the first `text` in a line that holds `line`, as the compiler would give it.
fn at(source: &str, line: &str, text: &str) -> Site {
    let found = source.lines().enumerate().find(|(_, content)| content.contains(line));
    let (index, content) = found.unwrap_or_else(|| panic!("no line with {line}"));
    let byte = content.find(text).unwrap_or_else(|| panic!("no {text} in {content}"));
    let column = content[..byte].chars().count() + 1;
    Site {
        package: "bank".to_owned(),
        file: FILE.to_owned(),
        line: u32::try_from(index + 1).unwrap(),
        column: u32::try_from(column).unwrap(),
    }
}

fn lock(id: &str, class: &str, name: Option<&str>, created: Site) -> LockDetail {
    LockDetail { id: id.to_owned(), class: class.to_owned(), name: name.map(str::to_owned), created }
}

/// A side that holds `held` since one place and asks for `wanted` at another, exclusively, blocking.
fn side(thread: &str, held: (&str, Site), wanted: (&str, Site), functions: &[&str]) -> Evidence {
    let library = |function: &str, file: &str| Frame {
        function: function.to_owned(),
        file: file.to_owned(),
        line: 88,
        user: false,
    };
    let mut backtrace = vec![library("tracked::mutex::Mutex<T>::lock", "src/mutex.rs")];
    backtrace.extend(functions.iter().enumerate().map(|(depth, function)| Frame {
        function: (*function).to_owned(),
        file: FILE.to_owned(),
        line: wanted.1.line + 10 * u32::try_from(depth).unwrap(),
        user: true,
    }));
    backtrace.push(library(
        "std::sys::backtrace::__rust_begin_short_backtrace",
        "library/std/src/sys/backtrace.rs",
    ));
    Evidence {
        process: 0,
        thread: thread.to_owned(),
        event: 2,
        action: "request".to_owned(),
        attempt: Attempt::Block,
        lock: wanted.0.to_owned(),
        mode: Mode::Exclusive,
        holds: vec![HeldLock { lock: held.0.to_owned(), mode: Mode::Exclusive, event: 1, site: held.1 }],
        site: wanted.1,
        backtrace,
    }
}

fn finding(code: Code, tier: Tier, locks: Vec<LockDetail>, evidence: Vec<Evidence>) -> Finding {
    let mut finding =
        Finding { fingerprint: "0123456789abcdef".to_owned(), locks, evidence, ..Finding::bare(code, tier) };
    finding.message = words::message(&finding);
    finding.advice = words::advice(&finding);
    finding
}

fn sample(name: &'static str, source: &'static str, finding: Finding) -> Sample {
    let hang = finding.tier == Tier::Actual;
    let counts = finding.tier >= Tier::Likely && !finding.code.is_lint();
    let sides = finding.evidence.len() as u64;
    let report = Report {
        verdict: match (hang, counts) {
            (true, _) => Verdict::Hang,
            (false, true) => Verdict::Findings,
            (false, false) => Verdict::Clean,
        },
        program: Some(if hang {
            ProgramStatus { code: None, signal: Some(9) }
        } else {
            ProgramStatus { code: Some(0), signal: None }
        }),
        stats: Stats {
            threads: sides + 1,
            locks: finding.locks.len() as u64,
            events: 40,
            edges: sides,
            processes: 1,
            dropped: 0,
        },
        findings: vec![finding],
        ..Report::empty("bank")
    };
    Sample { name, report, files: Files(vec![(FILE, source)]) }
}

pub fn all() -> Vec<Sample> {
    vec![
        bank(),
        bad_workers(Tier::Likely),
        bad_workers(Tier::Actual),
        masked_by_timeout(),
        ring(),
        ring_of_twenty(),
        self_deadlock(),
        own_upgrade(),
        rwlock_recursion(),
        rwlock_upgrades(),
        loop_at_one_place(),
        order_by_one_thread(),
        hostile(),
    ]
}

const BANK: &str = r#"use tracked::{Mutex, thread};

struct Account {
    balance: Mutex<i64>,
}

impl Account {
    fn new(balance: i64) -> Account {
        Account { balance: Mutex::new(balance) }
    }
}

/// Moves money from one account to another.
fn transfer(from: &Account, to: &Account, amount: i64) {
    let mut source = from.balance.lock().unwrap();
    let mut target = to.balance.lock().unwrap();
    *source -= amount;
    *target += amount;
}
"#;

/// Both sides run the same two lines.
pub fn bank() -> Sample {
    let created = at(BANK, "Account { balance", "Mutex::new");
    let (first, second) = (at(BANK, "from.balance", "lock"), at(BANK, "to.balance", "lock"));
    let side = |thread, held, wanted| {
        side(
            thread,
            (held, first.clone()),
            (wanted, second.clone()),
            &["bank::transfer", "bank::main::{{closure}}"],
        )
    };
    let mut finding = finding(
        Code::LockOrderCycle,
        Tier::Likely,
        vec![lock("2", "mutex", None, created.clone()), lock("1", "mutex", None, created)],
        vec![side("alice", "1", "2"), side("bob", "2", "1")],
    );
    finding.instances = 3;
    sample("bank", BANK, finding)
}

const WORKERS: &str = r#"static LOCK_1: Mutex<()> = Mutex::named("lock 1", ());
static LOCK_2: Mutex<()> = Mutex::named("lock 2", ());

fn bad_worker_1() {
    let _one = LOCK_1.lock();
    println!("worker 1 has lock 1");
    let _two = LOCK_2.lock();
}

fn bad_worker_2() {
    let _two = LOCK_2.lock();
    println!("worker 2 has lock 2");
    let _one = LOCK_1.lock();
}
"#;

fn worker_locks() -> Vec<LockDetail> {
    vec![
        lock("2", "mutex", Some("lock 2"), at(WORKERS, "static LOCK_2", "Mutex::named")),
        lock("1", "mutex", Some("lock 1"), at(WORKERS, "static LOCK_1", "Mutex::named")),
    ]
}

fn worker_sides() -> Vec<Evidence> {
    let [one_1, two_1] = [
        Site { line: 5, ..at(WORKERS, "_one", "lock()") },
        Site { line: 7, ..at(WORKERS, "_two", "lock()") },
    ];
    let [two_2, one_2] = [Site { line: 11, ..two_1.clone() }, Site { line: 13, ..one_1.clone() }];
    vec![
        side("worker-1", ("1", one_1), ("2", two_1), &["bad_workers::bad_worker_1"]),
        side("worker-2", ("2", two_2), ("1", one_2), &["bad_workers::bad_worker_2"]),
    ]
}

/// Two functions, opposite order; as it might happen, or as it did.
pub fn bad_workers(tier: Tier) -> Sample {
    let (name, code) = match tier {
        Tier::Actual => ("deadlock", Code::Deadlock),
        _ => ("bad_workers", Code::LockOrderCycle),
    };
    sample(name, WORKERS, finding(code, tier, worker_locks(), worker_sides()))
}

pub fn masked_by_timeout() -> Sample {
    let mut sides = worker_sides();
    for side in &mut sides {
        side.attempt = Attempt::Timed;
    }
    sample("masked_by_timeout", WORKERS, finding(Code::MaskedByTimeout, Tier::Order, worker_locks(), sides))
}

const TABLE: &str = r#"fn dine(left: &Mutex<Fork>, right: &Mutex<Fork>) {
    let left = left.lock().unwrap();
    let right = right.lock().unwrap();
    eat(left, right);
}

fn main() {
    let forks = [Mutex::new(Fork), Mutex::new(Fork), Mutex::new(Fork)];
}
"#;

fn ring_sides(number: usize) -> Vec<Evidence> {
    let (first, second) = (at(TABLE, "left.lock", "lock"), at(TABLE, "right.lock", "lock"));
    (0..number)
        .map(|index| {
            let (held, wanted) = (index.to_string(), ((index + 1) % number).to_string());
            side(
                &format!("philosopher {index}"),
                (&held, first.clone()),
                (&wanted, second.clone()),
                &["table::dine"],
            )
        })
        .collect()
}

/// Three threads in a circle, forks made at three places of one line.
pub fn ring() -> Sample {
    let line = TABLE.lines().nth(7).unwrap();
    let columns: Vec<usize> = line.match_indices("Mutex::new").map(|(byte, _)| byte + 1).collect();
    let created = |index: usize| Site {
        column: u32::try_from(columns[index]).unwrap(),
        ..at(TABLE, "let forks", "Mutex::new")
    };
    let locks = [1, 2, 0].map(|index| lock(&index.to_string(), "mutex", None, created(index)));
    sample("ring", TABLE, finding(Code::LockOrderCycle, Tier::Likely, locks.to_vec(), ring_sides(3)))
}

pub fn ring_of_twenty() -> Sample {
    let created = at(TABLE, "let forks", "Mutex::new");
    let locks = (0..20).map(|index| lock(&((index + 1) % 20).to_string(), "mutex", None, created.clone()));
    sample(
        "ring_of_twenty",
        TABLE,
        finding(Code::LockOrderCycle, Tier::Likely, locks.collect(), ring_sides(20)),
    )
}

const TREE: &str = r#"fn insert(tree: &Mutex<Tree>, value: u32) {
    let mut guard = tree.lock().unwrap();
    if guard.is_full() {
        rebalance(tree);
    }
    guard.push(value);
}

fn rebalance(tree: &Mutex<Tree>) {
    tree.lock().unwrap().split();
}

fn main() {
    let tree = Mutex::new(Tree::default());
}
"#;

pub fn self_deadlock() -> Sample {
    let held = ("1", at(TREE, "let mut guard", "lock"));
    let wanted = ("1", at(TREE, "tree.lock().unwrap().split", "lock"));
    let sides = vec![side("main", held, wanted, &["tree::rebalance", "tree::insert", "tree::main"])];
    let locks = vec![lock("1", "mutex", None, at(TREE, "let tree", "Mutex::new"))];
    sample("self_deadlock", TREE, finding(Code::SelfDeadlock, Tier::Actual, locks, sides))
}

const CONFIG: &str = r#"static CONFIG: RwLock<Config> = RwLock::new(Config::DEFAULT);

fn reload() {
    let config = CONFIG.read();
    if config.is_old() {
        *CONFIG.write() = load();
    }
}

fn show() {
    let config = CONFIG.read();
    print(config.title(), CONFIG.read().theme());
}
"#;

fn config_lock() -> Vec<LockDetail> {
    vec![lock("7", "rwlock", Some("config"), at(CONFIG, "static CONFIG", "RwLock::new"))]
}

fn upgrade(thread: &str) -> Evidence {
    let held = ("7", at(CONFIG, "CONFIG.read()", "read"));
    let mut side = side(thread, held, ("7", at(CONFIG, "CONFIG.write()", "write")), &["site::reload"]);
    side.holds[0].mode = Mode::Shared;
    side
}

pub fn own_upgrade() -> Sample {
    let finding = finding(Code::SelfDeadlock, Tier::Actual, config_lock(), vec![upgrade("reloader")]);
    sample("own_upgrade", CONFIG, finding)
}

pub fn rwlock_upgrades() -> Sample {
    let sides = vec![upgrade("reloader"), upgrade("reloader")];
    sample("rwlock_upgrades", CONFIG, finding(Code::LockOrderCycle, Tier::Likely, config_lock(), sides))
}

pub fn rwlock_recursion() -> Sample {
    let held = ("7", Site { line: 11, ..at(CONFIG, "CONFIG.read()", "read") });
    let mut reader = side("page", held, ("7", at(CONFIG, "print(", "read")), &["site::show"]);
    reader.mode = Mode::Shared;
    reader.holds[0].mode = Mode::Shared;
    let finding = finding(Code::RwlockRecursion, Tier::Likely, config_lock(), vec![reader]);
    sample("rwlock_recursion", CONFIG, finding)
}

const LOOP: &str = r#"fn lock_all(rows: &[RwLock<Row>]) -> Vec<Guard<'_>> {
    rows.iter().map(|row| row.write()).collect()
}
fn main() {
    let rows: Vec<_> = (0..9).map(|_| RwLock::new(Row::new())).collect();
}
"#;

pub fn loop_at_one_place() -> Sample {
    let place = at(LOOP, "row.write", "write");
    let created = at(LOOP, "let rows", "RwLock::new");
    let sides = [("1", "2"), ("2", "1")].map(|(held, wanted)| {
        side(
            "writer",
            (held, place.clone()),
            (wanted, place.clone()),
            &["rows::lock_all::{{closure}}", "rows::lock_all"],
        )
    });
    let locks = vec![lock("2", "rwlock", None, created.clone()), lock("1", "rwlock", None, created)];
    sample("loop_at_one_place", LOOP, finding(Code::LockOrderCycle, Tier::Likely, locks, sides.to_vec()))
}

pub fn order_by_one_thread() -> Sample {
    let mut sides = worker_sides();
    for side in &mut sides {
        side.thread = "main".to_owned();
        side.backtrace.clear();
    }
    let before = Site { line: 3, ..sides[0].site.clone() };
    sides[1]
        .holds
        .insert(0, HeldLock { lock: "9".to_owned(), mode: Mode::Exclusive, event: 0, site: before });
    sample("order_by_one_thread", WORKERS, finding(Code::LockOrderCycle, Tier::Order, worker_locks(), sides))
}

/// Names, paths and functions that try to break out of every format; no source text to be had.
pub fn hostile() -> Sample {
    let evil = "a\u{1b}[2J\r\nerror[LC9999]: fake\u{202e} \"]; x [label=\"<b>&`\\";
    let place = |line| Site {
        package: String::new(),
        file: "src/\u{1b}]0;x\u{7}\nmain.rs".to_owned(),
        line,
        column: 0,
    };
    let sides = vec![
        side(evil, ("1", place(1)), ("2", place(2)), &["f::<\n\u{9b}>"]),
        side("x\u{2028}y", ("2", place(3)), ("1", place(4)), &[]),
    ];
    let long = "long ".repeat(100);
    let locks = vec![lock("2", "mutex", Some(evil), place(5)), lock("1", "mutex", Some(&long), place(6))];
    let mut finding = finding(Code::LockOrderCycle, Tier::Likely, locks, sides);
    finding.scope = Some(evil.to_owned());
    let mut sample = sample("hostile", "", finding);
    sample.report.target = evil.to_owned();
    sample.report.notes = vec![evil.to_owned()];
    sample.files = Files(Vec::new());
    sample
}
