//! The last line of a report: what the run comes to, and how much was seen.

use lockcheck_checker::{Code, Finding, ProgramStatus, Report, Tier, Verdict};

use crate::{Severity, escape};

/// One line: the verdict, the counts behind it, and how the program ended.
pub fn summary(report: &Report) -> String {
    let mut parts = vec![verdict(report)];
    if report.verdict != Verdict::Inconclusive || report.stats.threads > 0 {
        parts.push(counts(report));
    }
    if let Some(ended) = report.program.as_ref().and_then(program) {
        parts.push(ended);
    }
    if !report.suppressed.is_empty() {
        parts.push(format!("{} suppressed", plural(report.suppressed.len() as u64, "finding")));
    }
    if report.stats.dropped > 0 {
        parts.push("not everything was seen, because a limit was reached".to_owned());
    }
    format!("lockcheck: {}", parts.join("; "))
}

fn verdict(report: &Report) -> String {
    let of = match report.target.as_str() {
        "" => String::new(),
        target => format!(" in `{}`", escape::text(target)),
    };
    let found = found(&report.findings);
    match report.verdict {
        Verdict::Hang if found.is_empty() => {
            format!("the program hung{of}, for a reason that was not watched")
        }
        Verdict::Inconclusive => format!("nothing was watched{of}, so nothing can be said about it"),
        Verdict::Clean if found.is_empty() => format!("clean: no deadlock found{of}"),
        Verdict::Clean => format!("clean{of}, with {found}"),
        Verdict::Hang | Verdict::Findings if !found.is_empty() => format!("{found}{of}"),
        Verdict::Hang | Verdict::Findings => format!("findings{of}"),
    }
}

/// The findings by what a reader would call them, the worst first.
fn found(findings: &[Finding]) -> String {
    let (mut deadlocks, mut potential, mut others, mut notes) = (0, 0, 0, 0);
    for finding in findings {
        match (Severity::of(finding), is_deadlock(finding.code)) {
            (Severity::Note, _) => notes += 1,
            (_, false) => others += 1,
            (_, true) if finding.tier >= Tier::Confirmed => deadlocks += 1,
            (_, true) => potential += 1,
        }
    }
    let parts = [
        (deadlocks, "deadlock"),
        (potential, "potential deadlock"),
        (others, "other finding"),
        (notes, "note"),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|part| part.0 > 0).map(|(number, word)| plural(number, word)).collect();
    parts.join(", ")
}

fn is_deadlock(code: Code) -> bool {
    matches!(
        code,
        Code::LockOrderCycle
            | Code::SelfDeadlock
            | Code::Deadlock
            | Code::RwlockRecursion
            | Code::WaitWhileHolding
            | Code::JoinDeadlock
            | Code::ExecutorStarvation
            | Code::CrossProcessDeadlock
    )
}

fn counts(report: &Report) -> String {
    let stats = &report.stats;
    let mut parts = vec![plural(stats.threads, "thread")];
    if stats.edges > 0 {
        parts.extend([plural(stats.locks, "lock"), plural(stats.edges, "lock-order edge")]);
    } else {
        parts.push("no lock taken under another".to_owned());
    }
    if stats.processes > 1 {
        parts.push(plural(stats.processes, "process"));
    }
    parts.join(", ")
}

fn program(status: &ProgramStatus) -> Option<String> {
    match (status.code, status.signal) {
        (_, Some(signal)) => Some(format!("the program was ended by signal {signal}")),
        (Some(0), None) => Some("the program ended normally".to_owned()),
        (Some(code), None) => Some(format!("the program exited with code {code}")),
        (None, None) => None,
    }
}

fn plural(number: u64, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ if word.ends_with('s') => format!("{number} {word}es"),
        _ => format!("{number} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict) -> Report {
        Report { verdict, ..Report::empty("fixtures/bank") }
    }

    #[test]
    fn each_verdict_has_its_line() {
        let mut clean = report(Verdict::Clean);
        clean.stats.threads = 3;
        clean.stats.processes = 2;
        clean.program = Some(ProgramStatus { code: Some(0), signal: None });
        assert_eq!(
            summary(&clean),
            "lockcheck: clean: no deadlock found in `fixtures/bank`; 3 threads, no lock taken under another, \
             2 processes; the program ended normally"
        );
        let mut hang = report(Verdict::Hang);
        hang.stats = lockcheck_checker::Stats { threads: 1, locks: 1, edges: 1, dropped: 4, ..hang.stats };
        hang.program = Some(ProgramStatus { code: None, signal: Some(9) });
        assert_eq!(
            summary(&hang),
            "lockcheck: the program hung in `fixtures/bank`, for a reason that was not watched; 1 thread, 1 lock, \
             1 lock-order edge; the program was ended by signal 9; not everything was seen, because a limit was \
             reached"
        );
        assert_eq!(
            summary(&report(Verdict::Inconclusive)),
            "lockcheck: nothing was watched in `fixtures/bank`, so nothing can be said about it"
        );
    }
}
