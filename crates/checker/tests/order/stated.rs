//! What the program states about its locking, as records: followed, broken, contradicted, ignored, gated and refuted.

use lockcheck_checker::{Code, Context, Finding, Ignore, Judge, LockInfo, News, Tier, stale};
use lockcheck_events::{
    Attempt, Frame, Hold, Inside, Intent, LockId, LockKind, Mode, Rank, Ranked, Record, Refuted, Request,
    Site, SiteId, StackId, ThreadId,
};
use proptest::prelude::*;

/// Names that say no more than the ids.
struct Bare;

impl Context for Bare {
    fn thread_name(&self, thread: ThreadId) -> String {
        format!("t{}", thread.0)
    }

    fn thread_scope(&self, _: ThreadId) -> Option<String> {
        None
    }

    fn lock(&self, _: LockId) -> LockInfo {
        LockInfo { kind: LockKind::Mutex, name: None, created: self.site(SiteId(1)) }
    }

    fn site(&self, site: SiteId) -> Site {
        Site { package: "p".to_owned(), file: "src/a.rs".to_owned(), line: site.0, column: 1 }
    }

    fn backtrace(&self, _: StackId) -> Vec<Frame> {
        Vec::new()
    }
}

/// One thread that takes some locks, each under all before it.
struct Nest {
    thread: u32,
    /// Which lines it is done at.
    code: u32,
    locks: Vec<u64>,
    ranks: Vec<Rank>,
    ignored: Option<SiteId>,
}

fn nest(thread: u32, locks: &[u64]) -> Nest {
    Nest { thread, code: thread, locks: locks.to_vec(), ranks: Vec::new(), ignored: None }
}

impl Nest {
    fn levels(mut self, levels: &[u32]) -> Nest {
        self.ranks = levels.iter().map(|&level| Rank::Level(level)).collect();
        self
    }

    fn keys(mut self, keys: &[u8]) -> Nest {
        self.ranks = keys.iter().map(|&key| Rank::Key { order: vec![key], shown: key.to_string() }).collect();
        self
    }

    fn ignored(mut self, site: u32) -> Nest {
        self.ignored = Some(SiteId(site));
        self
    }

    fn ranked(&self, event: usize) -> Ranked {
        let (statement, stated) = (event as u32, SiteId(900));
        let rank = self.ranks[event].clone();
        Ranked {
            event: event as u32,
            stated,
            statement,
            file: 1,
            created: SiteId(1),
            own: true,
            line: 1,
            name: 0,
            rank,
        }
    }

    fn site(&self, event: usize) -> SiteId {
        SiteId(self.code * 10 + event as u32)
    }

    /// The records of the request for the lock at this place.
    fn request(&self, at: usize) -> Vec<Record> {
        let hold = |event: usize| Hold {
            lock: LockId(self.locks[event]),
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            site: self.site(event),
            event: event as u32,
        };
        let (thread, event) = (ThreadId(self.thread), at as u32);
        let request = Request {
            thread,
            event,
            lock: LockId(self.locks[at]),
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            site: self.site(at),
            stack: StackId(0),
            holds: (0..at).map(hold).collect(),
        };
        let mut records = Vec::new();
        if !self.ranks.is_empty() || self.ignored.is_some() {
            let ranked =
                if self.ranks.is_empty() { Vec::new() } else { (0..=at).map(|at| self.ranked(at)).collect() };
            records.push(Record::Intent(Intent { thread, event, ranked, ignored: self.ignored }));
        }
        records.push(Record::Request(request));
        records
    }

    fn records(&self) -> Vec<Record> {
        (1..self.locks.len()).flat_map(|at| self.request(at)).collect()
    }
}

fn judged(nests: &[Nest]) -> Judge {
    let mut judge = Judge::new();
    nests.iter().flat_map(Nest::records).for_each(|record| drop(judge.feed(&record)));
    judge
}

fn findings(nests: &[Nest]) -> Vec<Finding> {
    judged(nests).report("t", &Bare).findings
}

/// Tier and number of sides of each.
fn shapes(nests: &[Nest]) -> Vec<(Tier, usize)> {
    findings(nests).iter().map(|finding| (finding.tier, finding.evidence.len())).collect()
}

#[test]
fn a_rank_that_does_not_rise_is_a_finding_with_both_sites() {
    let found = findings(&[nest(1, &[1, 2]).levels(&[3, 1])]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].tier), (Code::LockOrderCycle, Tier::Likely));
    assert_eq!(found[0].evidence[0].site.line, 11);
    assert_eq!(found[0].evidence[0].holds[0].site.line, 10);
    assert_eq!(found[0].locks.len(), 2);
    assert!(found[0].message.ends_with("level 1 is asked for under level 3"), "{}", found[0].message);
    assert_eq!(shapes(&[nest(1, &[1, 2]).keys(&[4, 4])]), [(Tier::Likely, 1)]);
    assert_eq!(shapes(&[nest(1, &[1, 2, 3]).keys(&[4, 9, 6])]), [(Tier::Likely, 1)], "under any hold");
    assert_eq!(shapes(&[nest(1, &[1, 2, 3]).keys(&[4, 5, 6])]), []);
    assert_eq!(shapes(&[nest(1, &[1, 1]).levels(&[1, 0])]), [], "a lock is in no order with itself");
}

#[test]
fn levels_make_a_cycle_a_note_and_keys_do_not() {
    let levels = [nest(1, &[1, 2]).levels(&[0, 1]), nest(2, &[2, 1]).levels(&[0, 1])];
    let found = findings(&levels);
    assert_eq!((found.len(), found[0].tier, found[0].evidence.len()), (1, Tier::Order, 2));
    assert!(found[0].message.contains("unless each of the locks has only one"), "{}", found[0].message);
    let keys = [nest(1, &[1, 2]).keys(&[0, 1]), nest(2, &[2, 1]).keys(&[0, 1])];
    assert_eq!(shapes(&keys), [(Tier::Likely, 2)]);
    let half = [nest(1, &[1, 2]).levels(&[0, 1]), nest(2, &[2, 1])];
    assert_eq!(shapes(&half), [(Tier::Likely, 2)], "a side that states nothing keeps to nothing");
}

#[test]
fn a_breach_and_the_cycle_at_the_same_places_are_one_problem() {
    let swapped = || nest(2, &[2, 1]).keys(&[2, 1]);
    let found = shapes(&[nest(1, &[1, 2]).keys(&[1, 2]), swapped()]);
    assert_eq!(found.len(), 2, "at other places they are two");
    assert!(found.contains(&(Tier::Likely, 1)) && found.contains(&(Tier::Likely, 2)));
    let same = Nest { code: 1, ..swapped() };
    assert_eq!(shapes(&[nest(1, &[1, 2]).keys(&[1, 2]), same]), [(Tier::Likely, 2)], "the cycle says more");
}

#[test]
fn an_ignored_side_is_counted_and_not_told() {
    let mut judge = Judge::new();
    let reason = |site: u32| Record::Ignore { site: SiteId(site), reason: "known".to_owned() };
    let news: Vec<News> = [reason(70), reason(71)]
        .into_iter()
        .chain(nest(1, &[1, 2]).records())
        .chain(nest(2, &[2, 1]).ignored(70).records())
        .flat_map(|record| judge.feed(&record))
        .collect();
    assert!(news.is_empty() && judge.report("t", &Bare).findings.is_empty());
    let silenced: Vec<(u32, u64)> =
        judge.ignores().into_iter().map(|Ignore { site, silenced, .. }| (site.0, silenced)).collect();
    assert_eq!(silenced, [(70, 1), (71, 0)]);
    let said = stale(judge.ignores().into_iter().map(|ignore| ignore.at(&Bare)));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("src/a.rs:71"), "{}", said[0]);
    // The same done outside of it is told.
    let news: Vec<News> = nest(2, &[2, 1]).records().iter().flat_map(|record| judge.feed(record)).collect();
    assert_eq!(news.len(), 1);
}

#[test]
fn an_ignored_side_does_not_hide_another_cycle() {
    let nests = [nest(1, &[1, 2]).ignored(70), nest(2, &[2, 3]), nest(3, &[3, 1]), nest(4, &[1, 2])];
    assert_eq!(shapes(&nests), [(Tier::Likely, 3)]);
    assert_eq!(shapes(&nests[..3]), []);
}

const GATE: u64 = 99;

#[test]
fn a_refuted_gate_gives_back_what_it_kept_silent() {
    let mut judge = judged(&[nest(1, &[GATE, 1, 2]), nest(2, &[GATE, 2, 1])]);
    assert!(judge.report("t", &Bare).findings.is_empty());
    let inside = |thread: u32| Inside { thread: ThreadId(thread), site: SiteId(thread * 10), event: 0 };
    let refuted = Refuted { gate: LockId(GATE), first: inside(1), second: inside(2) };
    let news = judge.feed(&Record::GateRefuted(refuted));
    let codes: Vec<(Code, Tier)> = news.iter().map(|news| (news.code, news.tier)).collect();
    assert_eq!(codes, [(Code::AtomicityViolation, Tier::Likely), (Code::LockOrderCycle, Tier::Likely)]);
    let after = [nest(3, &[GATE, 4, 5]), nest(4, &[GATE, 5, 4])];
    let news: Vec<News> =
        after.iter().flat_map(Nest::records).flat_map(|record| judge.feed(&record)).collect();
    assert_eq!(news.len(), 1, "from then on it is no gate");
}

/// Locks that are gone leave empty places behind. The search for what a refuted gate kept silent took them for edges, and
/// went round in one for ever.
#[test]
fn a_gate_is_refuted_where_locks_are_gone() {
    // The first places are those of the locks that go.
    let mut judge =
        judged(&[nest(5, &[7, 8]), nest(6, &[8, 9]), nest(1, &[GATE, 1, 2]), nest(2, &[GATE, 2, 1])]);
    for lock in [7, 8, 9] {
        assert_eq!(judge.feed(&Record::LockDropped { lock: LockId(lock) }).len(), 0);
    }
    let inside = |thread: u32| Inside { thread: ThreadId(thread), site: SiteId(thread * 10), event: 0 };
    let refuted = Refuted { gate: LockId(GATE), first: inside(1), second: inside(2) };
    let news = judge.feed(&Record::GateRefuted(refuted));
    let codes: Vec<(Code, Tier)> = news.iter().map(|news| (news.code, news.tier)).collect();
    assert_eq!(codes, [(Code::AtomicityViolation, Tier::Likely), (Code::LockOrderCycle, Tier::Likely)]);
}

/// A naive twin: each pair of a held and a wanted lock by itself.
fn breaks(nest: &Nest) -> bool {
    let rank = |at: usize| match &nest.ranks[at] {
        Rank::Level(level) => *level,
        Rank::Key { order, .. } => order[0].into(),
        Rank::Plain => 0,
    };
    (0..nest.locks.len()).any(|wanted| {
        (0..wanted).any(|held| nest.locks[held] != nest.locks[wanted] && rank(held) >= rank(wanted))
    })
}

proptest! {
    #[test]
    fn a_breach_is_found_exactly_where_ranks_do_not_rise(
        locks in prop::collection::vec(1_u64..6, 2..6),
        ranks in prop::collection::vec(0_u8..5, 6),
        by_key: bool,
    ) {
        let one = nest(1, &locks);
        let ranks = &ranks[..locks.len()];
        let levels: Vec<u32> = ranks.iter().map(|&rank| rank.into()).collect();
        let one = if by_key { one.keys(ranks) } else { one.levels(&levels) };
        let told = findings(std::slice::from_ref(&one)).iter().any(|finding| finding.evidence.len() == 1 && finding.code == Code::LockOrderCycle);
        prop_assert_eq!(told, breaks(&one));
    }

    /// Whoever follows keys that belong to the locks cannot form a cycle.
    #[test]
    fn keys_of_the_locks_own_are_silent(nests in prop::collection::vec(prop::collection::btree_set(1_u64..9, 2..5), 2..6)) {
        let nests: Vec<Nest> = nests.iter().enumerate().map(|(thread, locks)| {
            let locks: Vec<u64> = locks.iter().copied().collect();
            let keys: Vec<u8> = locks.iter().map(|&lock| lock as u8).collect();
            nest(thread as u32 + 1, &locks).keys(&keys)
        }).collect();
        prop_assert_eq!(shapes(&nests), []);
    }

    /// Statements that are kept to leave what is found of others as it was.
    #[test]
    fn an_ignore_takes_away_and_never_adds(
        nests in prop::collection::vec((prop::collection::btree_set(1_u64..5, 2..4), any::<bool>(), any::<bool>()), 2..6),
    ) {
        let build = |keep_ignored: bool, mark: bool| -> Vec<Nest> {
            nests.iter().enumerate().filter(|(_, (_, _, ignored))| keep_ignored || !ignored).map(|(thread, (locks, reverse, ignored))| {
                let mut locks: Vec<u64> = locks.iter().copied().collect();
                if *reverse { locks.reverse(); }
                let nest = nest(thread as u32 + 1, &locks);
                if mark && *ignored { nest.ignored(70) } else { nest }
            }).collect()
        };
        let prints = |nests: &[Nest]| -> Vec<String> { findings(nests).into_iter().map(|finding| finding.fingerprint).collect() };
        prop_assert_eq!(prints(&build(true, true)), prints(&build(false, false)), "as if the ignored had not been done");
    }
}
