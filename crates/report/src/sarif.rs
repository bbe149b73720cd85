//! Findings as SARIF 2.1.0, for code-scanning services: one rule for each code of the one table, one result for
//! each finding, one thread flow for each side.
//!
//! Files are given relative to `%SRCROOT%` where they can be reached from the current folder; services take that
//! for the repository's root.

use std::collections::BTreeMap;

use lockcheck_checker::{Code, Evidence, Finding, Report, words};
use lockcheck_events::{Frame, Site};
use serde_sarif::sarif as s;

use crate::{Severity, Sources, escape};

/// The name under which the fingerprint stands in `partialFingerprints`.
const FINGERPRINT: &str = "lockcheck/v1";

/// The whole log, as indented JSON that ends with a newline.
pub fn render(report: &Report, sources: &dyn Sources) -> String {
    let log = s::Sarif::builder()
        .schema(s::SCHEMA_URL.to_owned())
        .version(serde_json::json!("2.1.0"))
        .runs(vec![run(report, sources)])
        .build();
    let text = serde_json::to_string_pretty(&log).expect("a log holds nothing but text, numbers and lists");
    text + "\n"
}

fn run(report: &Report, sources: &dyn Sources) -> s::Run {
    let driver = s::ToolComponent::builder()
        .name("lockcheck")
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(Code::ALL.iter().copied().map(rule).collect::<Vec<_>>())
        .build();
    let notes = report.notes.iter().map(|note| {
        s::Notification::builder().message(message(note)).level(serde_json::json!("note")).build()
    });
    let invocation = s::Invocation::builder()
        .execution_successful(true)
        .tool_execution_notifications(notes.collect::<Vec<_>>())
        .build();
    s::Run::builder()
        .tool(s::Tool::builder().driver(driver).build())
        .invocations(vec![invocation])
        .column_kind(serde_json::json!("unicodeCodePoints"))
        .results(results(report, sources))
        .build()
}

/// The findings, and behind them those that are suppressed, marked as such: services list them apart.
fn results(report: &Report, sources: &dyn Sources) -> Vec<s::Result> {
    let findings = report.findings.iter().map(|finding| result(finding, sources));
    let suppressed = report.suppressed.iter().map(|known| {
        let suppression = s::Suppression::builder()
            .kind(serde_json::json!("external"))
            .justification(escape::text(&known.reason).into_owned())
            .build();
        let mut result = result(&known.finding, sources);
        result.suppressions = Some(vec![suppression]);
        result
    });
    findings.chain(suppressed).collect()
}

fn rule(code: Code) -> s::ReportingDescriptor {
    let text = |text: String| s::MultiformatMessageString::builder().text(text).build();
    let level = if code.is_lint() { Severity::Note } else { Severity::Warning };
    s::ReportingDescriptor::builder()
        .id(code.as_str())
        .name(code.kind())
        .short_description(text(code.title().to_owned()))
        .help(text(format!("`lockcheck explain {code}` shows the page of this finding")))
        .default_configuration(
            s::ReportingConfiguration::builder().level(serde_json::json!(level.as_str())).build(),
        )
        .build()
}

fn result(finding: &Finding, sources: &dyn Sources) -> s::Result {
    let places = Places { finding, sources, labels: words::lock_labels(finding) };
    let level = match Severity::of(finding) {
        Severity::Note => s::ResultLevel::Note,
        Severity::Warning => s::ResultLevel::Warning,
        Severity::Error => s::ResultLevel::Error,
    };
    let index = Code::ALL.iter().position(|code| *code == finding.code);
    let fingerprint = BTreeMap::from([(FINGERPRINT.to_owned(), finding.fingerprint.clone())]);
    let properties = BTreeMap::from([
        ("tier".to_owned(), serde_json::json!(finding.tier.as_str())),
        ("advice".to_owned(), serde_json::json!(finding.advice)),
        ("instances".to_owned(), serde_json::json!(finding.instances)),
        ("scope".to_owned(), serde_json::json!(finding.scope)),
    ]);
    s::Result::builder()
        .rule_id(finding.code.as_str())
        .rule_index(index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1))
        .level(level)
        .message(message(&format!("{}. Advice: {}.", finding.message, finding.advice)))
        .locations(finding.evidence.first().map(|side| places.of_side(side)).into_iter().collect::<Vec<_>>())
        .related_locations(places.related())
        .code_flows(places.flows())
        .stacks(finding.evidence.iter().filter_map(|side| places.stack(side)).collect::<Vec<_>>())
        .partial_fingerprints(fingerprint)
        .properties(s::PropertyBag::builder().additional_properties(properties).build())
        .build()
}

fn message(text: &str) -> s::Message {
    s::Message::builder().text(escape::sarif(text)).build()
}

/// Turns the sites of one finding into locations.
struct Places<'a> {
    finding: &'a Finding,
    sources: &'a dyn Sources,
    /// As `words::lock_labels`.
    labels: Vec<String>,
}

impl Places<'_> {
    fn lock(&self, id: &str) -> &str {
        let index = self.finding.locks.iter().position(|lock| lock.id == id);
        index.map_or("another lock", |index| &self.labels[index])
    }

    fn physical(&self, site: &Site) -> s::PhysicalLocation {
        let path = self.sources.path(&site.package, &site.file).unwrap_or_else(|| site.file.clone());
        let artifact = if path.starts_with('/') {
            s::ArtifactLocation::builder().uri(format!("file://{}", escape::uri(&path))).build()
        } else {
            s::ArtifactLocation::builder().uri(escape::uri(&path)).uri_base_id("%SRCROOT%").build()
        };
        let mut region = s::Region::builder().build();
        region.start_line = Some(i64::from(site.line.max(1)));
        region.start_column = (site.column > 0).then_some(i64::from(site.column));
        s::PhysicalLocation::builder().artifact_location(artifact).region(region).build()
    }

    fn place(&self, site: &Site, text: &str) -> s::Location {
        s::Location::builder().physical_location(self.physical(site)).message(message(text)).build()
    }

    /// Where a side asks for its lock, with the function it does so in.
    fn of_side(&self, side: &Evidence) -> s::Location {
        let lock = self.lock(&side.lock);
        let does = words::deed(side, lock).unwrap_or_else(|| format!("asks for {lock}"));
        let mut place = self.place(&side.site, &format!("{} {does}", words::thread_label(&side.thread)));
        place.logical_locations = function(side).map(|frame| vec![logical(frame)]);
        place
    }

    /// Where a side took the lock that links it to the side before.
    fn of_hold(&self, index: usize) -> Option<s::Location> {
        let hold = words::linking_hold(self.finding, index).filter(|hold| hold.site.line != 0)?;
        let who = words::thread_label(&self.finding.evidence[index].thread);
        Some(self.place(&hold.site, &format!("{who} takes {}", self.lock(&hold.lock))))
    }

    /// Everything but the first side's request: the other places of the sides, and where the locks were created.
    fn related(&self) -> Vec<s::Location> {
        let sides = self.finding.evidence.iter().enumerate().flat_map(|(index, side)| {
            let asks = (index > 0).then(|| self.of_side(side));
            self.of_hold(index).into_iter().chain(asks)
        });
        let created = self.finding.locks.iter().zip(&self.labels).filter(|(lock, _)| lock.created.line != 0);
        let created =
            created.map(|(lock, label)| self.place(&lock.created, &format!("{label} was created here")));
        let mut related: Vec<s::Location> = sides.chain(created).collect();
        for (id, location) in related.iter_mut().enumerate() {
            location.id = i64::try_from(id).ok();
        }
        related
    }

    fn flows(&self) -> Vec<s::CodeFlow> {
        let step = |location| s::ThreadFlowLocation::builder().location(location).build();
        let flows: Vec<s::ThreadFlow> = (0..self.finding.evidence.len())
            .map(|index| {
                let side = &self.finding.evidence[index];
                let steps = self.of_hold(index).into_iter().chain([self.of_side(side)]).map(step);
                s::ThreadFlow::builder()
                    .id(index.to_string())
                    .message(message(&words::thread_label(&side.thread)))
                    .locations(steps.collect::<Vec<_>>())
                    .build()
            })
            .collect();
        match flows.is_empty() {
            true => Vec::new(),
            false => vec![s::CodeFlow::builder().thread_flows(flows).build()],
        }
    }

    /// The user's frames of a side; `None` where there are none.
    fn stack(&self, side: &Evidence) -> Option<s::Stack> {
        let frames: Vec<s::StackFrame> = side
            .backtrace
            .iter()
            .filter(|frame| frame.user)
            .map(|frame| s::StackFrame::builder().location(self.frame(frame, &side.site.package)).build())
            .collect();
        let text = words::thread_label(&side.thread);
        (!frames.is_empty()).then(|| s::Stack::builder().message(message(&text)).frames(frames).build())
    }

    fn frame(&self, frame: &Frame, package: &str) -> s::Location {
        let mut location = s::Location::builder().logical_locations(vec![logical(frame)]).build();
        if !frame.file.is_empty() {
            let (package, file) = (package.to_owned(), frame.file.clone());
            location.physical_location =
                Some(self.physical(&Site { package, file, line: frame.line, column: 0 }));
        }
        location
    }
}

/// The innermost frame of the user.
fn function(side: &Evidence) -> Option<&Frame> {
    side.backtrace.iter().find(|frame| frame.user)
}

fn logical(frame: &Frame) -> s::LogicalLocation {
    s::LogicalLocation::builder().fully_qualified_name(frame.function.as_str()).kind("function").build()
}
