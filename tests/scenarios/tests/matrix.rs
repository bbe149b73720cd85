//! The table of cases that other tools were measured by, and what is due here for each: one process a case, with a
//! bounded wait. Which problem, how sure, how often; never luck.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A program that is not through by then hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for those that are known to hang without a word.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);

/// What must come out of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    /// Not even a note.
    Nothing,
    /// Nothing at or above `likely`; a note may stand.
    NothingThatCounts,
    /// Exactly this one finding, from so many threads.
    One { kind: &'static str, tier: &'static str, sides: usize },
    /// Exactly these two.
    Two { kind: &'static str, tier: &'static str },
    /// As `One`, and notes beside it.
    OneThatCounts { kind: &'static str, tier: &'static str, sides: usize },
    /// This lint, from so many threads or more.
    Lint { kind: &'static str, at_least: usize },
    /// As `One`, and so many sets of locks show it.
    Counted { kind: &'static str, tier: &'static str, instances: u64 },
    /// One error of this code, said once; as no panic can leave where its threads wait, the process is aborted.
    Abort { code: &'static str },
}

use Due::{Abort, Counted, Lint, Nothing, NothingThatCounts, One, OneThatCounts, Two};

const CYCLE: &str = "lock-order-cycle";
const DEADLOCK: &str = "deadlock";
const SELF: &str = "self-deadlock";
const JOIN: &str = "join-deadlock";
const LOST: &str = "lost-wakeup";
const STUCK: &str = "stuck-wait";
const WAIT: &str = "wait-while-holding";
const MISUSE: &str = "not-the-owner";
const BLOCKING: &str = "blocking-while-holding";
const CONTENTION: &str = "contention";
const STARVED: &str = "executor-starvation";
const UNASKED: &str = "wait-without-predicate";
const RECURSION: &str = "rwlock-recursion";

const fn likely(sides: usize) -> Due {
    One { kind: CYCLE, tier: "likely", sides }
}

const fn actual(kind: &'static str, sides: usize) -> Due {
    One { kind, tier: "actual", sides }
}

const fn foretold(kind: &'static str) -> Due {
    One { kind, tier: "likely", sides: 2 }
}

const fn note(kind: &'static str, sides: usize) -> Due {
    One { kind, tier: "order", sides }
}

const MATRIX: &[(&str, Due)] = &[
    ("abba-one-thread", note(CYCLE, 2)),
    ("abba-after-join", Nothing),
    ("abba-after-scope", Nothing),
    ("abba-concurrent", likely(2)),
    ("abba-in-unjoined-threads", likely(2)),
    ("closed-by-a-later-thread", likely(2)),
    ("abba-gated", Nothing),
    ("abba-gated-on-one-side", likely(2)),
    ("cycle-of-3", likely(3)),
    ("cycle-of-5-with-chords", likely(4)),
    ("real-abba", actual(DEADLOCK, 2)),
    ("real-abba-beside-running-threads", actual(DEADLOCK, 2)),
    ("real-abba-with-one-behind", actual(DEADLOCK, 2)),
    ("real-abba-of-lock-and-rlock", actual(DEADLOCK, 2)),
    ("real-cycle-of-5", actual(DEADLOCK, 5)),
    ("self-relock", actual(SELF, 1)),
    ("self-relock-after-contention", actual(SELF, 1)),
    ("read-read-while-a-writer-waits", actual(DEADLOCK, 2)),
    ("read-read-while-a-writer-waits-written-before", actual(DEADLOCK, 2)),
    ("read-read-no-writer", note(RECURSION, 1)),
    ("read-read-writer-joined-before", note(RECURSION, 1)),
    ("read-read-writer-elsewhere", note(RECURSION, 1)),
    ("read-then-write", actual(SELF, 1)),
    ("write-then-read", actual(SELF, 1)),
    ("two-readers-upgrade", actual(SELF, 1)),
    ("two-upgraders", actual(DEADLOCK, 2)),
    ("try-on-one-side", Nothing),
    ("timed-on-both-sides", One { kind: "masked-by-timeout", tier: "order", sides: 2 }),
    ("timed-on-one-side", NothingThatCounts),
    ("drop-the-middle", likely(2)),
    ("read-inversion-no-writer", NothingThatCounts),
    // Could hang if both writers queued in between: a may-block on both sides.
    ("read-inversion-with-writers", note(CYCLE, 2)),
    ("hand-over-hand-ring-2-threads", NothingThatCounts),
    ("hand-over-hand-ring-3-threads", likely(3)),
    ("hand-over-hand-list", Nothing),
    ("repeats-1000", Counted { kind: CYCLE, tier: "likely", instances: 1 }),
    ("instances-100", Counted { kind: CYCLE, tier: "likely", instances: 100 }),
    ("rwlock-abba-write-write", likely(2)),
    ("rwlock-abba-write-read", likely(2)),
    ("rwlock-abba-read-write", likely(2)),
    ("rwlock-abba-read-held-read-wanted", likely(2)),
    ("rwlock-abba-reader-gate", likely(2)),
    ("rwlock-abba-writer-gate", Nothing),
    ("real-rwlock-abba", actual(DEADLOCK, 2)),
    ("real-rwlock-abba-written-before", actual(DEADLOCK, 2)),
    ("downgrade-then-order", likely(2)),
    // The three traps of the cache and of incremental cycle detection.
    ("read-edge-then-write-edge", OneThatCounts { kind: CYCLE, tier: "likely", sides: 2 }),
    ("spawn-then-again", likely(2)),
    ("spawn-then-not-again", Nothing),
    ("harmless-closing-edge", Nothing),
    ("harmless-closing-edge-then-harm", likely(2)),
    ("new-locks-at-an-old-address", Nothing),
    ("hundred-held", likely(2)),
    ("join-holding-a-lock", actual(JOIN, 2)),
    ("join-holding-a-lock-blocked-first", actual(JOIN, 2)),
    ("join-each-other", actual(DEADLOCK, 2)),
    ("dump-of-a-deadlock", actual(DEADLOCK, 2)),
    ("condvar-with-predicate", Nothing),
    // Semaphores take no part in the order of locks, neither as sides nor as gates.
    ("semaphores-in-opposite-order", Nothing),
    ("real-semaphores-beside-one-that-polls", One { kind: DEADLOCK, tier: "likely", sides: 2 }),
    ("real-semaphore-and-mutex-beside-one-that-polls", One { kind: DEADLOCK, tier: "likely", sides: 2 }),
    ("semaphores-opened-by-one-that-polls", Nothing),
    ("permit-handed-on-to-one-that-polls", Nothing),
    ("semaphore-as-a-gate", likely(2)),
    ("channels-crossed-beside-one-that-polls", One { kind: DEADLOCK, tier: "likely", sides: 2 }),
    ("channel-and-mutex-beside-one-that-polls", One { kind: DEADLOCK, tier: "likely", sides: 2 }),
    ("barrier-and-mutex-beside-one-that-polls", One { kind: DEADLOCK, tier: "likely", sides: 2 }),
    ("full-channel-and-mutex-beside-one-that-polls", One { kind: DEADLOCK, tier: "likely", sides: 2 }),
    ("channels-crossed-until-a-third-sends", Nothing),
    ("channels-crossed-with-a-shared-sender", Nothing),
    ("sender-taken-along-by-one-that-polls", Nothing),
    ("barrier-with-a-place-for-one-that-polls", Nothing),
    ("lost-wakeup", actual(LOST, 2)),
    ("wait-holding-what-the-notifier-needs", actual(DEADLOCK, 2)),
    ("send-holding-a-lock", actual(DEADLOCK, 2)),
    ("event-nobody-sets", actual(STUCK, 1)),
    ("event-nobody-sets-last-one-leaves", actual(STUCK, 1)),
    ("event-nobody-sets-beside-an-unwatched-sleeper", actual(STUCK, 1)),
    ("event-nobody-sets-with-a-signal-handler", One { kind: STUCK, tier: "likely", sides: 1 }),
    ("pulse-nobody-sees", actual(LOST, 2)),
    ("consumers-left-alone", actual(STUCK, 3)),
    ("permit-nobody-gives-back", actual(STUCK, 1)),
    ("two-ways-to-be-stuck", Two { kind: STUCK, tier: "actual" }),
    ("one-of-three-told-before-an-unwatched-join", actual(STUCK, 2)),
    ("event-nobody-sets-before-an-unwatched-join", actual(STUCK, 1)),
    ("event-under-an-unwatched-join-with-a-lock", actual(STUCK, 1)),
    ("event-set-after-an-unwatched-timed-wait", Nothing),
    ("event-set-after-a-child-has-spoken", Nothing),
    ("event-set-after-a-signal", Nothing),
    ("event-set-after-a-timed-wait", Nothing),
    ("event-set-by-an-unwatched-thread", Nothing),
    ("event-set-by-a-reader", Nothing),
    ("ping-pong", Nothing),
    ("event-under-a-lock-its-setter-needs", One { kind: WAIT, tier: "likely", sides: 2 }),
    ("event-under-a-lock-its-setter-holds", One { kind: WAIT, tier: "likely", sides: 2 }),
    ("event-under-a-lock-not-every-setter-needs", Nothing),
    ("event-under-a-lock-its-setter-took-before", Nothing),
    ("condition-under-a-lock-its-notifier-needs-not", Nothing),
    ("join-under-a-lock-the-worker-took", One { kind: JOIN, tier: "likely", sides: 2 }),
    ("scope-under-a-lock-the-worker-took", One { kind: JOIN, tier: "likely", sides: 2 }),
    ("wait-after-one-s-own-notification", actual(STUCK, 1)),
    ("join-under-a-lock-handed-over", Nothing),
    ("join-under-a-lock-taken-again-after-that", One { kind: JOIN, tier: "likely", sides: 2 }),
    ("join-under-another-lock", Nothing),
    ("send-under-a-lock-the-receiver-needs", foretold(WAIT)),
    ("send-with-room-under-a-lock-the-receiver-needs", Nothing),
    ("recv-under-a-lock-the-sender-needs", foretold(WAIT)),
    ("recv-under-a-lock-one-sender-needs-not", Nothing),
    ("recv-then-lock-in-a-loop", Nothing),
    ("get-under-a-lock-the-putter-needs", foretold(WAIT)),
    ("put-under-a-lock-the-getter-needs", foretold(WAIT)),
    ("queue-join-under-a-lock-the-worker-needs", foretold(WAIT)),
    ("queue-join-worker-died", actual(STUCK, 1)),
    ("queue-join-worker-died-beside-one-that-polls", One { kind: STUCK, tier: "likely", sides: 1 }),
    ("queue-join-task-passed-on", Nothing),
    ("pill-short", actual(STUCK, 1)),
    ("barrier-under-a-lock-another-needs", foretold(WAIT)),
    ("barrier-after-the-lock", Nothing),
    ("event-under-a-lock-after-a-message", Nothing),
    ("event-under-a-lock-after-an-item", Nothing),
    ("join-under-a-lock-after-a-message", Nothing),
    ("result-under-a-lock-the-task-needs", foretold(WAIT)),
    ("result-under-a-lock-after-looking", Nothing),
    ("result-under-another-lock", Nothing),
    ("results-under-a-lock-one-task-needs", foretold(WAIT)),
    ("abba-after-wait-for-all", Nothing),
    ("abba-after-wait-for-first", Nothing),
    ("abba-after-as-completed", Nothing),
    ("abba-after-a-callback", Nothing),
    // The workers, and the submission of a task that no worker is left for.
    ("pool-of-1-starved", actual(STARVED, 2)),
    ("pool-of-2-starved", actual(STARVED, 3)),
    ("pool-of-2-could-starve", foretold(STARVED)),
    ("pool-of-3-has-room", Nothing),
    ("pool-of-2-parents-in-turn", Nothing),
    ("tasks-wait-for-each-other", actual(DEADLOCK, 2)),
    ("consumer-woken-for-a-producer", actual(LOST, 2)),
    ("permit-given-back-twice", actual(MISUSE, 1)),
    ("permit-given-back", Nothing),
    ("task-done-too-often", actual(MISUSE, 1)),
    ("condition-with-two-mutexes", actual(MISUSE, 1)),
    ("condition-with-one-mutex-after-another", Nothing),
    ("guard-forgotten", actual("lock-leaked", 1)),
    ("guard-forgotten-and-lock-dropped", Nothing),
    ("sleep-under-a-lock", note(BLOCKING, 1)),
    ("sleep-beside-a-lock", Nothing),
    ("join-under-a-lock-for-long", note(BLOCKING, 1)),
    ("one-lock-for-all", Lint { kind: CONTENTION, at_least: 3 }),
    ("one-lock-now-and-then", Nothing),
    ("timeout-breaks-a-deadlock", note("masked-by-timeout", 2)),
    ("callback", actual(MISUSE, 1)),
    ("wait-that-asks-nothing", note(UNASKED, 1)),
    ("wait-that-asked-before", note(UNASKED, 1)),
    ("wait-whose-data-is-used", Nothing),
    ("wait-in-a-loop", Nothing),
    ("wait-for-a-predicate-elsewhere", Nothing),
    ("condition-that-asks-nothing", note(UNASKED, 1)),
    ("condition-that-is-asked", Nothing),
    ("free-lock-unlocked", Two { kind: MISUSE, tier: "actual" }),
    ("forgotten-guard-unlocked", Nothing),
    ("lock-unlocked-elsewhere", Nothing),
    // The note: to ask for the upgradable read in the opposite order, which would not block.
    ("real-upgrade-against-a-reader", OneThatCounts { kind: DEADLOCK, tier: "actual", sides: 2 }),
    ("upgrade-after-a-reader", Nothing),
    ("read-recursively-while-a-writer-waits", Nothing),
    ("recv-beside-its-own-sender", actual(STUCK, 1)),
    ("recv-after-all-senders", Nothing),
    ("send-after-the-receiver", Nothing),
    ("barrier-short-of-one", actual(STUCK, 2)),
    ("once-in-itself", actual(SELF, 1)),
    ("real-lazies-in-a-circle", actual(DEADLOCK, 2)),
    ("lazies-in-a-row", Nothing),
    ("real-scope-holding-a-lock", actual(JOIN, 2)),
    ("park-nobody-unparks", Abort { code: "error[LC0007]" }),
    ("unpark-before-park", Nothing),
    ("notify-one-of-two", actual(STUCK, 1)),
];

/// Lints that depend on how long something took, which on a busy machine may be long everywhere.
fn is_measured(finding: &Value) -> bool {
    finding["kind"] == BLOCKING || finding["kind"] == CONTENTION
}

/// How a scenario ended.
struct Outcome {
    /// `None`: it hung, and was killed.
    status: Option<ExitStatus>,
    stdout: String,
    stderr: String,
}

fn start(name: &str, on_deadlock: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_scenarios"))
        .arg(name)
        .env_remove("LOCKCHECK")
        .env_remove("LOCKCHECK_OUT")
        .env("LOCKCHECK_BACKTRACE", "0")
        .env("LOCKCHECK_ON_DEADLOCK", on_deadlock)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the scenarios were built with this test")
}

/// Waits for the end of `child`, and ends it if that does not come.
fn wait(mut child: Child, patience: Duration) -> Outcome {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        let stdout = scope.spawn(move || text(stdout.as_mut()));
        let stderr = scope.spawn(move || text(stderr.as_mut()));
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = child.try_wait().expect("the child is ours") {
                break Some(status);
            }
            if Instant::now() > deadline {
                child.kill().expect("the child is ours");
                child.wait().expect("the child is ours");
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |thread: std::thread::ScopedJoinHandle<'_, String>| thread.join().expect("reading ends");
        Outcome { status, stdout: text(stdout), stderr: text(stderr) }
    })
}

fn text(stream: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The report that the scenario printed last.
fn findings(outcome: &Outcome) -> Result<Vec<Value>, String> {
    match outcome.status {
        None => return Err("hung without end".to_owned()),
        Some(status) if !status.success() => return Err(format!("ended with {status}")),
        Some(_) => {}
    }
    let line = outcome.stdout.lines().last().unwrap_or_default();
    let report: Value = serde_json::from_str(line).map_err(|error| format!("no report: {error}"))?;
    if report["stats"]["dropped"] != 0 || report["notes"].as_array().is_some_and(|notes| !notes.is_empty()) {
        return Err(format!("some knowledge was lost: {} {}", report["stats"], report["notes"]));
    }
    Ok(report["findings"].as_array().cloned().unwrap_or_default())
}

/// Whether it said this and nothing else before it was aborted.
fn aborted(outcome: &Outcome, code: &str) -> Result<(), String> {
    use std::os::unix::process::ExitStatusExt;

    let signal = outcome.status.and_then(|status| status.signal());
    let said = (outcome.stderr.matches(code).count(), outcome.stderr.matches("error[LC").count());
    let good = signal == Some(6) && said == (1, 1);
    if good { Ok(()) } else { Err(format!("ended by {signal:?} after {said:?} errors")) }
}

/// Whether these findings are what is due.
fn judge(due: Due, findings: &[Value]) -> Result<(), String> {
    let counts = |finding: &&Value| finding["tier"] != "order" && finding["kind"] != "masked-by-timeout";
    let is = |finding: &Value, kind: &str, tier: &str| finding["kind"] == kind && finding["tier"] == tier;
    let one = |finding: &Value, kind: &str, tier: &str, sides: usize| {
        is(finding, kind, tier) && finding["evidence"].as_array().is_some_and(|all| all.len() == sides)
    };
    let named = match due {
        One { kind, .. } | Lint { kind, .. } => kind,
        _ => "",
    };
    let findings: Vec<Value> = findings
        .iter()
        .filter(|finding| finding["kind"] == named || !is_measured(finding))
        .cloned()
        .collect();
    let good = match (due, findings.as_slice()) {
        (Nothing, findings) => findings.is_empty(),
        (NothingThatCounts, findings) => !findings.iter().any(|finding| counts(&finding)),
        (One { kind, tier, sides }, [finding]) => one(finding, kind, tier, sides),
        (Two { kind, tier }, [one, other]) => is(one, kind, tier) && is(other, kind, tier),
        (OneThatCounts { kind, tier, sides }, findings) => {
            let mut counted = findings.iter().filter(counts);
            counted.next().is_some_and(|finding| one(finding, kind, tier, sides)) && counted.next().is_none()
        }
        (Lint { kind, at_least }, [finding]) => {
            let sides = finding["evidence"].as_array().map_or(0, Vec::len);
            is(finding, kind, "order") && sides >= at_least
        }
        (Counted { kind, tier, instances }, [finding]) => {
            is(finding, kind, tier) && finding["instances"] == instances
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(format!("due was {due:?}, found {}", describe(&findings))) }
}

fn describe(findings: &[Value]) -> String {
    let each = |finding: &Value| {
        let sides = finding["evidence"].as_array().map_or(0, Vec::len);
        format!("{} {} {} ({sides} sides)", finding["instances"], finding["tier"], finding["kind"])
    };
    match findings {
        [] => "nothing".to_owned(),
        findings => findings.iter().map(each).collect::<Vec<_>>().join(", "),
    }
}

/// Runs `work` on all of them, a few at a time; gives what it complains about.
fn for_each(
    cases: &[(&'static str, Due)],
    work: impl Fn(&'static str, Due) -> Option<String> + Sync,
) -> String {
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(&(name, due)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(complaint) = work(name, due) {
                        complaints.lock().expect("nobody panics").push(format!("{name}: {complaint}"));
                    }
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().expect("nobody panics");
    complaints.sort();
    complaints.join("\n")
}

#[test]
fn every_scenario_gives_what_is_due() {
    let wrong = for_each(MATRIX, |name, due| {
        let outcome = wait(start(name, "panic"), PATIENCE);
        let result = match due {
            Abort { code } => aborted(&outcome, code),
            due => findings(&outcome).and_then(|findings| judge(due, &findings)),
        };
        result.err().map(|complaint| format!("{complaint}\n{}", outcome.stderr))
    });
    assert!(wrong.is_empty(), "{wrong}");
}

/// Left alone, a deadlocked program goes on hanging, and says so once.
#[test]
fn a_deadlock_is_said_once() {
    let cases = [
        "real-abba",
        "real-abba-with-one-behind",
        "self-relock",
        "read-then-write",
        "join-holding-a-lock",
        "lost-wakeup",
        "event-nobody-sets",
        "consumers-left-alone",
    ];
    let cases = cases.map(|name| (name, Nothing));
    let wrong = for_each(&cases, |name, _| {
        let outcome = wait(start(name, "report"), SHORT_PATIENCE);
        let said = outcome.stderr.matches("error[LC").count();
        (said != 1 || outcome.status.is_some())
            .then(|| format!("said {said} times, ended with {:?}\n{}", outcome.status, outcome.stderr))
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_deadlock_can_abort_the_process() {
    use std::os::unix::process::ExitStatusExt;

    for name in ["real-abba", "self-relock", "join-holding-a-lock", "event-nobody-sets", "lost-wakeup"] {
        let outcome = wait(start(name, "abort"), PATIENCE);
        let signal = outcome.status.and_then(|status| status.signal());
        assert_eq!(signal, Some(6), "{name}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("error[LC000"), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn a_dump_says_who_holds_and_who_waits() {
    let outcome = wait(start("dump-of-a-deadlock", "report"), PATIENCE);
    assert!(outcome.status.is_some_and(|status| status.success()), "{}", outcome.stderr);
    let (_, dump) = outcome.stderr.split_once("lockcheck: who holds and who waits\n").expect("a dump");
    let lines: Vec<&str> = dump.lines().collect();
    let about = |name: &str| {
        let holds = |line: &&str| line.starts_with("    holds mutex ") && line.contains(name);
        let holder = lines.iter().position(holds);
        let holder = lines[holder.expect("somebody holds it") - 1];
        let waiter = lines.iter().find(|line| line.contains(" waits at ") && line.contains(name));
        (holder, *waiter.expect("somebody waits for it"))
    };
    let ((left_holder, left_waiter), (right_holder, right_waiter)) = (about("`left`"), about("`right`"));
    assert_eq!((left_holder, right_holder), (right_waiter, left_waiter), "{dump}");
    assert!(left_waiter.contains("hang.rs:") && left_waiter.contains(", held by thread "), "{dump}");
}

/// Each report stands on lines of its own.
#[test]
fn reports_do_not_run_together() {
    let outcome = wait(start("real-abba", "panic"), PATIENCE);
    for line in outcome.stderr.lines().filter(|line| line.contains("[LC")) {
        assert!(line.starts_with("warning[") || line.starts_with("error["), "{line}");
    }
}

/// Those who wait behind a circle have nothing to give up: one of its members must give way, every time.
#[test]
fn a_member_of_the_circle_gives_way() {
    let cases = [("real-abba-with-one-behind", Nothing); 40];
    let wrong = for_each(&cases, |name, _| {
        let outcome = wait(start(name, "panic"), PATIENCE);
        findings(&outcome).err().map(|complaint| format!("{complaint}\n{}", outcome.stderr))
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_scenario_is_in_the_table_once() {
    let outcome = wait(start("no such scenario", "panic"), PATIENCE);
    let (_, names) = outcome.stderr.split_once("expected one of ").expect("the names are listed");
    let names: Vec<_> = names.trim().split(", ").collect();
    for name in &names {
        assert_eq!(MATRIX.iter().filter(|(known, _)| known == name).count(), 1, "{name}");
    }
    for (name, _) in MATRIX {
        assert!(names.contains(name), "{name}");
    }
}
