//! The sentences of a finding: what could happen, and what to do about it. Layout is the report crate's.

use crate::finding::Finding;

/// What could happen or did, in one sentence.
pub fn message(finding: &Finding) -> String {
    finding.code.title().to_owned()
}

/// What to do, in one sentence that fits this finding.
pub fn advice(finding: &Finding) -> String {
    finding.code.title().to_owned()
}
