//! One line per finding, in the form that editors and terminals turn into a link. No snippets.

use lockcheck_checker::{Finding, Report};
use lockcheck_events::Site;

use crate::{Options, Severity, escape};

/// `file:line:column: warning[LC0001]: message [fingerprint]`, one line for each finding. Empty for none.
pub fn render(report: &Report, options: &Options<'_>) -> String {
    report.findings.iter().map(|finding| line(finding, options) + "\n").collect()
}

fn line(finding: &Finding, options: &Options<'_>) -> String {
    let site = finding.evidence.first().map(|side| &side.site);
    let site = site.or_else(|| finding.locks.first().map(|lock| &lock.created));
    let place = site.map(|site| place(site, options) + ": ").unwrap_or_default();
    let severity = Severity::of(finding).as_str();
    let message = escape::text(&finding.message);
    format!("{place}{severity}[{}]: {message} [{}]", finding.code, escape::text(&finding.fingerprint))
}

fn place(site: &Site, options: &Options<'_>) -> String {
    let path = options.sources.path(&site.package, &site.file);
    let path = escape::text(path.as_deref().unwrap_or(&site.file)).into_owned();
    Site { package: String::new(), file: path, ..site.clone() }.to_string()
}
