//! The little language of these tests: programs as text, findings as text.
//!
//! One line is what one thread does, in the order in which it happens:
//!
//! | text            | meaning                                                                     |
//! |-----------------|-----------------------------------------------------------------------------|
//! | `T1: a b -a c`  | T1 takes a, then b, gives a back, takes c; at the line's end it gives all back |
//! | `T1@7: a b`     | the same, in the code of line 7 (else each line of text is code of its own) |
//! | `a.r a.rr a.u`  | shared, shared-recursive, upgradable; else exclusive                        |
//! | `a.try a.timed` | how long it is ready to wait; else for ever                                 |
//! | `spawn T2`, `join T2` | within a line, between its locks                                      |
//! | `barrier T1 T2` | on a line of its own: all these threads meet                                |
//! | `drop a`, `end T1` | on a line of its own                                                     |
//!
//! An expectation is one line a problem: `likely a b`, `order a b`, `masked a b`, `recursion a`, with the locks of
//! its first instance sorted, and ` x3` for three instances.

use std::collections::BTreeMap;

use lockcheck_checker::{Code, Novelty, OrderChecker, OrderFinding, Tier};
use lockcheck_events::{Attempt, Hold, LockId, Mode, Request, SiteId, StackId, ThreadId, TokenId};

/// What the checker is told.
#[derive(Clone, Debug)]
pub enum Call {
    Request(Request),
    Before(ThreadId, TokenId),
    After(ThreadId, TokenId),
    Dropped(LockId),
    Ended(ThreadId),
}

/// Turns text into calls.
#[derive(Default)]
pub struct Program {
    pub calls: Vec<Call>,
    threads: Vec<String>,
    locks: Vec<String>,
    events: BTreeMap<ThreadId, u32>,
    tokens: u32,
}

impl Program {
    pub fn parse(text: &str) -> Program {
        let mut program = Program::default();
        for (number, line) in text.lines().enumerate() {
            program.line(number as u32 + 1, line.trim());
        }
        program
    }

    fn line(&mut self, number: u32, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("", _) => {}
            ("barrier", names) => self.barrier(names),
            ("drop", name) => {
                let lock = self.lock(name);
                self.calls.push(Call::Dropped(lock));
            }
            ("end", name) => {
                let thread = self.thread(name);
                self.calls.push(Call::Ended(thread));
            }
            (who, steps) => {
                let (name, code) =
                    who.trim_end_matches(':').split_once('@').unwrap_or((who.trim_end_matches(':'), ""));
                let code = code.parse().unwrap_or(1000 + number);
                let thread = self.thread(name);
                self.steps(thread, code, steps);
            }
        }
    }

    fn barrier(&mut self, names: &str) {
        let threads: Vec<ThreadId> = names.split_whitespace().map(|name| self.thread(name)).collect();
        let token = self.token();
        self.calls.extend(threads.iter().map(|&thread| Call::Before(thread, token)));
        self.calls.extend(threads.iter().map(|&thread| Call::After(thread, token)));
    }

    fn steps(&mut self, thread: ThreadId, code: u32, steps: &str) {
        let mut holds: Vec<Hold> = Vec::new();
        let mut words = steps.split_whitespace().enumerate();
        while let Some((column, word)) = words.next() {
            match word {
                "spawn" | "join" => {
                    let other = self.thread(words.next().expect("a thread's name").1);
                    let (first, second) = if word == "spawn" { (thread, other) } else { (other, thread) };
                    let token = self.token();
                    self.calls.push(Call::Before(first, token));
                    self.calls.push(Call::After(second, token));
                }
                _ if word.starts_with('-') => {
                    let lock = self.lock(&word[1..]);
                    let at = holds.iter().rposition(|hold| hold.lock == lock).expect("a lock that is held");
                    holds.remove(at);
                }
                _ => self.take(thread, code * 100 + column as u32, word, &mut holds),
            }
        }
    }

    fn take(&mut self, thread: ThreadId, site: u32, word: &str, holds: &mut Vec<Hold>) {
        let mut parts = word.split('.');
        let lock = self.lock(parts.next().expect("a lock's name"));
        let (mut mode, mut attempt) = (Mode::Exclusive, Attempt::Block);
        for part in parts {
            match part {
                "r" => mode = Mode::Shared,
                "rr" => mode = Mode::SharedRecursive,
                "u" => mode = Mode::Upgradable,
                "try" => attempt = Attempt::Try,
                "timed" => attempt = Attempt::Timed,
                _ => panic!("`{part}` is no mode"),
            }
        }
        let event = self.events.entry(thread).or_default();
        *event += 1;
        let (site, event) = (SiteId(site), *event);
        let request =
            Request { thread, event, lock, mode, attempt, site, stack: StackId(0), holds: holds.clone() };
        if !holds.is_empty() {
            self.calls.push(Call::Request(request));
        }
        holds.push(Hold { lock, mode, attempt, site, event });
    }

    fn token(&mut self) -> TokenId {
        self.tokens += 1;
        TokenId(self.tokens)
    }

    fn thread(&mut self, name: &str) -> ThreadId {
        ThreadId(number(&mut self.threads, name) as u32)
    }

    fn lock(&mut self, name: &str) -> LockId {
        LockId(number(&mut self.locks, name) as u64)
    }

    pub fn lock_name(&self, lock: LockId) -> &str {
        &self.locks[lock.0 as usize - 1]
    }
}

fn number(names: &mut Vec<String>, name: &str) -> usize {
    assert!(!name.is_empty(), "a name is missing");
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    }) + 1
}

/// Tells the checker.
pub fn tell(checker: &mut OrderChecker, call: &Call) -> Vec<OrderFinding> {
    match call {
        Call::Request(request) => return checker.request(request),
        Call::Before(thread, token) => checker.before(*thread, *token),
        Call::After(thread, token) => checker.after(*thread, *token),
        Call::Dropped(lock) => checker.dropped(*lock),
        Call::Ended(thread) => checker.ended(*thread),
    }
    Vec::new()
}

/// All that a fresh checker says about the program.
pub fn run(program: &Program) -> Vec<OrderFinding> {
    let mut checker = OrderChecker::new();
    program.calls.iter().flat_map(|call| tell(&mut checker, call)).collect()
}

/// The problems as text.
pub fn show(program: &Program, findings: &[OrderFinding]) -> Vec<String> {
    let mut problems: BTreeMap<u32, (String, u32)> = BTreeMap::new();
    for finding in findings {
        let word = match (finding.code, finding.tier) {
            (Code::LockOrderCycle, Tier::Likely) => "likely",
            (Code::LockOrderCycle, Tier::Order) => "order",
            (Code::MaskedByTimeout, Tier::Order) => "masked",
            (Code::RwlockRecursion, Tier::Order) => "recursion",
            other => panic!("no such finding: {other:?}"),
        };
        let mut locks: Vec<&str> =
            finding.links.iter().map(|link| program.lock_name(link.request.lock)).collect();
        locks.sort_unstable();
        let text = format!("{word} {}", locks.join(" "));
        match (finding.novelty, problems.get_mut(&finding.problem)) {
            (Novelty::Problem, None) | (Novelty::Tier, Some(_)) => {
                problems.insert(finding.problem, (text, 1));
            }
            (Novelty::Locks, Some((_, instances))) => *instances += 1,
            (novelty, known) => panic!("{novelty:?} of a problem that is known as {known:?}"),
        }
    }
    let mut lines: Vec<String> = problems
        .into_values()
        .map(|(text, instances)| if instances == 1 { text } else { format!("{text} x{instances}") })
        .collect();
    lines.sort();
    lines
}

/// The checker says exactly this about the program.
#[track_caller]
pub fn check(text: &str, expect: &str) {
    let program = Program::parse(text);
    let mut expected: Vec<&str> = expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    expected.sort_unstable();
    assert_eq!(show(&program, &run(&program)), expected, "\n{text}");
}
