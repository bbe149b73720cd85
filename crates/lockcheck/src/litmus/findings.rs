//! What the search found, as findings of the contract.
//!
//! | the search's finding | code |
//! |---|---|
//! | deadlock in which a thread waits for what only it could give up | `self-deadlock` |
//! | deadlock in which a wake-up was lost | `lost-wakeup` |
//! | any other deadlock | `deadlock` |
//! | race | `data-race` |
//! | misuse | `not-the-owner` |
//! | leak | `lock-leaked` |
//! | assertion | none: a note |
//!
//! The tier is `confirmed`: the search has driven the sketch there, and the schedule says how.

use std::collections::BTreeMap;

use lockcheck_checker::finding::fingerprint_of;
use lockcheck_checker::{Code, Evidence, Finding, HeldLock, LockDetail, Tier};
use lockcheck_events::source::SourceMap;
use lockcheck_events::{Attempt, Mode, Site};
use lockcheck_litmus::code::{ObjectId, Op, Pc};
use lockcheck_litmus::{FindingKind, Held, Place, Verdict};

use super::{Sketch, raw_site};

/// All of them, sorted by fingerprint; those at the same statements are one.
pub fn all(sketch: &Sketch, verdict: &Verdict, sources: &SourceMap) -> Vec<Finding> {
    let teller = Teller { sketch, file: sketch.file(), sources };
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    for found in &verdict.findings {
        let Some(code) = code_of(found) else { continue };
        let finding = teller.finding(code, found);
        findings
            .entry(finding.fingerprint.clone())
            .and_modify(|known| known.instances += 1)
            .or_insert(finding);
    }
    findings.into_values().collect()
}

/// The witness in the notation's own words.
pub fn schedule(found: &lockcheck_litmus::Finding) -> String {
    let steps: Vec<String> = found.witness.iter().map(ToString::to_string).collect();
    steps.join(", ")
}

fn code_of(found: &lockcheck_litmus::Finding) -> Option<Code> {
    match found.kind {
        FindingKind::Deadlock if found.self_deadlock => Some(Code::SelfDeadlock),
        FindingKind::Deadlock if found.lost_wakeup => Some(Code::LostWakeup),
        FindingKind::Deadlock => Some(Code::Deadlock),
        FindingKind::Race => Some(Code::DataRace),
        FindingKind::Misuse => Some(Code::NotTheOwner),
        FindingKind::Leak => Some(Code::LockLeaked),
        FindingKind::Assertion => None,
    }
}

fn advice(code: Code) -> &'static str {
    match code {
        Code::SelfDeadlock => "do not wait for what only the waiting thread can give up",
        Code::LostWakeup => {
            "keep what is signalled in a variable under the lock, and check it before each wait (`until`)"
        }
        Code::Deadlock => {
            "take the locks in one order everywhere, and hold none while waiting for a thread that needs it"
        }
        Code::DataRace => "guard all accesses with one lock, or declare the variable `atomic`",
        Code::NotTheOwner => "give back only what this thread took, once",
        Code::LockLeaked => "unlock on every way to the end of the body",
        _ => "",
    }
}

struct Teller<'a> {
    sketch: &'a Sketch,
    file: String,
    sources: &'a SourceMap,
}

impl Teller<'_> {
    fn finding(&self, code: Code, found: &lockcheck_litmus::Finding) -> Finding {
        let evidence: Vec<Evidence> = found.places.iter().map(|place| self.evidence(found, place)).collect();
        let sites = evidence.iter().map(|side| (side.site.clone(), side.mode.as_str())).collect();
        Finding {
            fingerprint: fingerprint_of(code, sites),
            message: found.message.clone(),
            advice: advice(code).to_owned(),
            schedule: Some(schedule(found)),
            locks: self.locks(found),
            evidence,
            ..Finding::bare(code, Tier::Confirmed)
        }
    }

    fn site(&self, line: u32, column: u32) -> Site {
        self.sources.site(&raw_site(&self.file, line, column))
    }

    fn op(&self, place: &Place) -> Option<Op> {
        place.pc.map(|pc: Pc| self.sketch.program.code().instructions[pc.index()].op)
    }

    /// The objects that the statements are about, and those held there.
    fn locks(&self, found: &lockcheck_litmus::Finding) -> Vec<LockDetail> {
        let code = self.sketch.program.code();
        let asked = found.places.iter().filter_map(|place| self.op(place).and_then(object));
        let asked: Vec<&str> = asked.map(|object| code.object_name(object)).collect();
        let held = found.threads.iter().flat_map(|story| &story.holds).map(|held| held.object.as_str());
        let mut names: Vec<&str> = Vec::new();
        for name in asked.into_iter().chain(held) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let detail = |name: &str| {
            let object = code.objects.iter().find(|object| object.name == name)?;
            Some(LockDetail {
                id: name.to_owned(),
                class: object.kind.as_str().to_owned(),
                name: Some(name.to_owned()),
                created: self.site(object.place.line, object.place.column),
            })
        };
        names.into_iter().filter_map(detail).collect()
    }

    /// What the thread stands before, and what it holds there.
    fn evidence(&self, found: &lockcheck_litmus::Finding, place: &Place) -> Evidence {
        let thread = place.thread.clone().unwrap_or_default();
        let story = found.threads.iter().find(|story| story.thread == thread);
        let holds = story.map(|story| story.holds.as_slice()).unwrap_or_default();
        let steps = found.witness.iter().filter(|step| step.thread == thread).count();
        let op = self.op(place);
        let (action, mode) = op.map_or(("assert", Mode::Exclusive), action);
        Evidence {
            process: 0,
            event: steps as u64,
            action: action.to_owned(),
            attempt: Attempt::Block,
            lock: self.about(op, holds),
            mode,
            holds: holds.iter().map(|held| self.held(found, &thread, held)).collect(),
            site: self.site(place.line, place.column),
            backtrace: Vec::new(),
            thread,
        }
    }

    /// What the statement is about: an object, or the thread or task whose end it awaits. The end of a body is about
    /// the lock that is still held.
    fn about(&self, op: Option<Op>, holds: &[Held]) -> String {
        let code = self.sketch.program.code();
        match op {
            Some(Op::Join(thread) | Op::Spawn(thread)) => code.thread_name(thread).to_owned(),
            Some(Op::Await { name, .. }) => code.texts[name.index()].clone(),
            Some(Op::End | Op::TaskEnd(_)) => {
                holds.first().map(|held| held.object.clone()).unwrap_or_default()
            }
            op => op.and_then(object).map(|object| code.object_name(object).to_owned()).unwrap_or_default(),
        }
    }

    fn held(&self, found: &lockcheck_litmus::Finding, thread: &str, held: &Held) -> HeldLock {
        let steps = found.witness.iter().filter(|step| step.thread == thread);
        let event = steps.enumerate().filter(|(_, step)| step.line == held.since).last();
        HeldLock {
            lock: held.object.clone(),
            mode: match held.mode {
                lockcheck_litmus::Mode::Read => Mode::Shared,
                lockcheck_litmus::Mode::Upgradable => Mode::Upgradable,
                lockcheck_litmus::Mode::Exclusive => Mode::Exclusive,
            },
            event: event.map_or(0, |(index, _)| index as u64),
            site: self.site(held.since, 0),
        }
    }
}

/// The contract's word for what a statement does, and how it wants its object.
fn action(op: Op) -> (&'static str, Mode) {
    let exclusive = |word| (word, Mode::Exclusive);
    match op {
        Op::Read(_) => ("request", Mode::Shared),
        Op::ReadRecursive(_) => ("request", Mode::SharedRecursive),
        Op::UpgradableRead(_) => ("request", Mode::Upgradable),
        Op::Lock(_) | Op::Write(_) | Op::Upgrade(_) | Op::Acquire(_) | Op::Once { .. } => {
            exclusive("request")
        }
        Op::Unlock(_) | Op::Release(_) | Op::Downgrade(_) | Op::OnceDone(_) | Op::TaskDone(_) => {
            exclusive("release")
        }
        Op::Try { .. } => exclusive("try"),
        Op::CondWait { .. } | Op::EventWait(_) | Op::Arrive(_) => exclusive("wait"),
        Op::Notify(_) | Op::NotifyAll(_) | Op::Set(_) => exclusive("notify"),
        Op::Send { .. } | Op::Put { .. } => exclusive("send"),
        Op::Recv { .. } | Op::Get { .. } => exclusive("recv"),
        Op::Join(_) | Op::QueueJoin(_) | Op::Await { .. } => exclusive("join"),
        Op::Spawn(_) | Op::Submit { .. } => exclusive("spawn"),
        Op::Load { .. } => ("read", Mode::Shared),
        Op::Store { .. } | Op::Add { .. } | Op::Clear(_) => exclusive("write"),
        Op::Close(_) => exclusive("close"),
        Op::End | Op::TaskEnd(_) => exclusive("end"),
        Op::Yield | Op::Sleep | Op::Branch { .. } | Op::Jump(_) | Op::Assert { .. } => exclusive("step"),
    }
}

/// The object that a statement is about.
fn object(op: Op) -> Option<ObjectId> {
    match op {
        Op::Lock(o)
        | Op::Unlock(o)
        | Op::Read(o)
        | Op::ReadRecursive(o)
        | Op::UpgradableRead(o)
        | Op::Write(o)
        | Op::Upgrade(o)
        | Op::Downgrade(o)
        | Op::Acquire(o)
        | Op::Release(o)
        | Op::Notify(o)
        | Op::NotifyAll(o)
        | Op::Set(o)
        | Op::Clear(o)
        | Op::EventWait(o)
        | Op::Arrive(o)
        | Op::OnceDone(o)
        | Op::Close(o)
        | Op::TaskDone(o)
        | Op::QueueJoin(o) => Some(o),
        Op::Try { object, .. }
        | Op::Load { object, .. }
        | Op::Store { object, .. }
        | Op::Add { object, .. } => Some(object),
        Op::CondWait { condvar, .. } => Some(condvar),
        Op::Once { once, .. } => Some(once),
        Op::Send { channel, .. } | Op::Recv { channel, .. } => Some(channel),
        Op::Put { queue, .. } | Op::Get { queue, .. } => Some(queue),
        Op::Submit { pool, .. } => Some(pool),
        Op::Spawn(_) | Op::Join(_) | Op::Await { .. } | Op::Yield | Op::Sleep => None,
        Op::Branch { .. } | Op::Jump(_) | Op::Assert { .. } | Op::End | Op::TaskEnd(_) => None,
    }
}
