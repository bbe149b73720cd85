//! From what was found and how the program ended to the verdict and the exit code: the contract's table, in one
//! place.

use lockcheck_checker::{ProgramStatus, Report, Tier, Verdict};

use crate::config::Judgement;
use crate::exit::Exit;

/// What happened, apart from the findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// How the program ended; `None` where none was run.
    pub status: Option<ProgramStatus>,
    /// Whether it was deadlocked or hung, and was therefore ended by the tool.
    pub hang: bool,
    /// Whether any process left a trace.
    pub recorded: bool,
    /// Whether it is an error that nothing was recorded: it is for a package, not for a command.
    pub must_record: bool,
}

/// The verdict, which does not depend on `--fail-on`: what is clean is the contract's business.
pub fn verdict(report: &Report, facts: Facts, judgement: &Judgement) -> Verdict {
    let mut findings = report.findings.iter().filter(|finding| !judgement.is_known(finding));
    let found = findings.any(|finding| {
        judgement.counts(finding) || (!finding.code.is_lint() && finding.tier >= Tier::Likely)
    });
    match facts {
        Facts { hang: true, .. } => Verdict::Hang,
        _ if found => Verdict::Findings,
        Facts { recorded: false, .. } => Verdict::Inconclusive,
        _ => Verdict::Clean,
    }
}

/// The exit code.
pub fn exit(report: &Report, facts: Facts, judgement: &Judgement) -> Exit {
    let found = report.findings.iter().any(|finding| judgement.counts(finding));
    let failed = facts.status.is_some_and(|status| status.code != Some(0));
    let applying = [
        (facts.hang, Exit::Hang),
        (found, Exit::Findings),
        (failed, Exit::ProgramFailed),
        (facts.must_record && !facts.recorded, Exit::NothingRecorded),
    ];
    Exit::first_of(applying.into_iter().filter(|(applies, _)| *applies).map(|(_, exit)| exit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::JudgeArgs;

    fn ended(code: Option<i32>, signal: Option<i32>) -> Option<ProgramStatus> {
        Some(ProgramStatus { code, signal })
    }

    fn both(facts: Facts) -> (Verdict, Exit) {
        let judgement = Judgement::new(&JudgeArgs::default(), std::path::Path::new("/")).unwrap();
        let report = Report::empty("t");
        (verdict(&report, facts, &judgement), exit(&report, facts, &judgement))
    }

    #[test]
    fn without_findings_the_program_and_the_recording_decide() {
        let watched = Facts { status: ended(Some(0), None), recorded: true, must_record: true, hang: false };
        assert_eq!(both(watched), (Verdict::Clean, Exit::Clean));
        let failed = Facts { status: ended(Some(3), None), ..watched };
        assert_eq!(both(failed), (Verdict::Clean, Exit::ProgramFailed));
        let killed = Facts { status: ended(None, Some(6)), ..watched };
        assert_eq!(both(killed), (Verdict::Clean, Exit::ProgramFailed));
        let unseen = Facts { recorded: false, ..watched };
        assert_eq!(both(unseen), (Verdict::Inconclusive, Exit::NothingRecorded));
        assert_eq!(both(Facts { recorded: false, ..failed }), (Verdict::Inconclusive, Exit::ProgramFailed));
        let command = Facts { must_record: false, ..unseen };
        assert_eq!(both(command), (Verdict::Inconclusive, Exit::Clean));
        let hung = Facts { hang: true, ..killed };
        assert_eq!(both(hung), (Verdict::Hang, Exit::Hang));
        assert_eq!(both(Facts { status: None, ..watched }), (Verdict::Clean, Exit::Clean));
    }
}
