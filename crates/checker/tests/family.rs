//! Lock order across processes: records of several processes, as each would write them.

use lockcheck_checker::family::{Source, judge};
use lockcheck_checker::{Context, Finding, LockInfo, Tier};
use lockcheck_events::{
    Attempt, Frame, Hold, LockId, LockKind, Mode, RawSite, Record, Request, Site, SiteId, StackId, ThreadId,
    TokenId,
};

/// Every process has a thread 1, locks 1 and 2, and takes the one at line 10 * process, the other on the next.
struct Script {
    records: Vec<Record>,
    event: u32,
}

impl Script {
    fn new() -> Script {
        Script { records: Vec::new(), event: 0 }
    }

    /// Shared locks 1 and 2 lie at these offsets of one file; others are the process's own.
    fn shared(mut self, offsets: [u64; 2]) -> Script {
        for (lock, offset) in [1, 2].map(LockId).into_iter().zip(offsets) {
            let created = SiteId(0);
            self.records.push(Record::Lock { lock, kind: LockKind::Mutex, created, name: None });
            self.records.push(Record::Shared { lock, device: 1, inode: 7, offset });
        }
        self
    }

    fn starts(mut self) -> Script {
        let (name, parent, scope) = (Some("main".to_owned()), None, None);
        self.records.push(Record::ThreadStart { thread: ThreadId(1), name, parent, os_id: 1, scope });
        self
    }

    fn takes(mut self, held: u64, wanted: u64, line: u32) -> Script {
        for site in [line, line + 1] {
            let raw = RawSite { file: "/x/src/main.rs".to_owned(), line: site, column: 1 };
            self.records.push(Record::Site { site: SiteId(site), raw });
        }
        self.event += 2;
        let mode = Mode::Exclusive;
        let attempt = Attempt::Block;
        let site = SiteId(line);
        let hold = Hold { lock: LockId(held), mode, attempt, site, event: self.event - 1 };
        self.records.push(Record::Request(Request {
            thread: ThreadId(1),
            event: self.event,
            lock: LockId(wanted),
            mode,
            attempt,
            site: SiteId(line + 1),
            stack: StackId(0),
            holds: vec![hold],
        }));
        self
    }

    fn says(mut self, record: Record) -> Script {
        self.records.push(record);
        self
    }
}

/// Names things by their numbers.
struct Numbers(u32);

impl Context for Numbers {
    fn thread_name(&self, thread: ThreadId) -> String {
        format!("t{}", thread.0)
    }

    fn thread_scope(&self, _thread: ThreadId) -> Option<String> {
        None
    }

    fn lock(&self, _lock: LockId) -> LockInfo {
        LockInfo { kind: LockKind::Mutex, name: None, created: self.site(SiteId(1)) }
    }

    fn site(&self, site: SiteId) -> Site {
        Site { package: "x".to_owned(), file: "src/main.rs".to_owned(), line: site.0, column: 1 }
    }

    fn backtrace(&self, _stack: StackId) -> Vec<Frame> {
        Vec::new()
    }

    fn process(&self) -> u32 {
        self.0
    }
}

fn findings(processes: Vec<(u32, Script)>) -> Vec<Finding> {
    let contexts: Vec<Numbers> = (0..processes.len() as u32).map(Numbers).collect();
    let contexts: Vec<&dyn Context> = contexts.iter().map(|context| context as &dyn Context).collect();
    let source = |(pid, script): (u32, Script)| Source { pid, records: Box::new(script.records.into_iter()) };
    judge(processes.into_iter().map(source).collect()).findings(&contexts)
}

#[test]
fn opposite_orders_in_two_processes_are_a_cycle() {
    let one = Script::new().starts().shared([0, 64]).takes(1, 2, 10);
    // The other process calls them the other way round.
    let other = Script::new().starts().shared([64, 0]).takes(1, 2, 20);
    let [finding] = &findings(vec![(5, one), (6, other)])[..] else { panic!() };
    assert_eq!((finding.code.as_str(), finding.tier), ("LC0010", Tier::Likely));
    let sides: Vec<(u32, u32, u32)> =
        finding.evidence.iter().map(|side| (side.process, side.holds[0].site.line, side.site.line)).collect();
    assert_eq!(sides, [(0, 10, 11), (1, 20, 21)]);
    let ids: Vec<&str> = finding.locks.iter().map(|lock| lock.id.as_str()).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("shared.")), "{ids:?}");
    assert!(
        finding.message.starts_with("threads `t1 of process 0` and `t1 of process 1` could deadlock"),
        "{}",
        finding.message
    );
}

#[test]
fn one_order_and_locks_of_ones_own_are_silent() {
    let shared = |offsets, line| Script::new().starts().shared(offsets).takes(1, 2, line);
    assert_eq!(findings(vec![(5, shared([0, 64], 10)), (6, shared([0, 64], 20))]), []);
    let own = |held, wanted, line| Script::new().starts().takes(held, wanted, line);
    assert_eq!(findings(vec![(5, own(1, 2, 10)), (6, own(2, 1, 20))]), []);
}

#[test]
fn what_one_process_finds_alone_is_its_own_business() {
    let both = Script::new().starts().shared([0, 64]).takes(1, 2, 10).takes(2, 1, 12);
    assert_eq!(findings(vec![(5, both)]), []);
}

#[test]
fn what_comes_before_a_child_is_not_concurrent_with_it() {
    let token = TokenId(3);
    let parent = || Script::new().starts().shared([0, 64]);
    let child = || {
        let child = Script::new().starts().says(Record::Parent { pid: 5, token });
        child.shared([64, 0]).takes(1, 2, 20)
    };
    let point = || Record::Before { thread: ThreadId(1), token };
    let before = parent().takes(1, 2, 10).says(point());
    assert_eq!(findings(vec![(5, before), (6, child())]), []);
    let meanwhile = parent().says(point()).takes(1, 2, 10);
    assert_eq!(findings(vec![(5, meanwhile), (6, child())]).len(), 1);
    let joined = Record::Joined { thread: ThreadId(1), pid: 6 };
    let after = parent().says(point()).says(joined).takes(1, 2, 10);
    assert_eq!(findings(vec![(5, after), (6, child())]), []);
}

#[test]
fn a_number_that_was_given_again_is_another_process() {
    let joined = Record::Joined { thread: ThreadId(1), pid: 6 };
    let parent = Script::new().starts().shared([0, 64]).says(joined).takes(1, 2, 10);
    let first = Script::new().starts();
    let second = Script::new().starts().shared([64, 0]).takes(1, 2, 20);
    assert_eq!(findings(vec![(5, parent), (6, first), (6, second)]).len(), 1);
}

#[test]
fn a_trace_that_lacks_its_end_keeps_nobody_waiting() {
    let parent = Record::Parent { pid: 6, token: TokenId(9) };
    let one = Script::new().starts().says(Record::Joined { thread: ThreadId(1), pid: 6 });
    let other = Script::new().starts().says(parent).says(Record::Joined { thread: ThreadId(1), pid: 6 });
    assert_eq!(findings(vec![(5, one), (6, other)]), []);
}
