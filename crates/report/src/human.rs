//! Findings for people, laid out like a compiler's errors (annotate-snippets).
//!
//! One finding is a title that says what could happen; for each side the lines where it took the one lock and
//! asked for the other; where the locks were created; and one line of advice. The order is that of a reader who
//! wants to know the cause first. This module chooses what to show; the sentences are `lockcheck_checker::words`'.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Padding, Renderer, Snippet,
};
use anstyle::Style;
use lockcheck_checker::{Code, Evidence, Finding, HeldLock, LockDetail, Report, Tier, words};
use lockcheck_events::{Attempt, Frame, Mode, Site};

use crate::snippet::window;
use crate::{Backtrace, Options, Severity, escape, summary};

/// Sides of a cycle that are all shown; of more, the first `SIDES_OF_MANY` are, unless all are asked for.
const SIDES_MAX: usize = 4;
const SIDES_OF_MANY: usize = 3;
/// Places where locks were created that are shown unless all are asked for.
const CREATIONS_MAX: usize = 4;
/// Frames of a trimmed stack that are shown unless all are asked for.
const FRAMES_MAX: usize = 8;
/// Characters of a function's name that are shown: generic arguments can be pages long.
const FUNCTION_CHARS_MAX: usize = 100;

/// The whole report: every finding, the notes, and a summary line. Ends with a newline.
pub fn render(report: &Report, options: &Options<'_>) -> String {
    let mut layout = Layout::new(options);
    let mut out = String::new();
    for finding in &report.findings {
        out.push_str(&layout.finding(finding));
        out.push_str("\n\n");
    }
    for note in &report.notes {
        out.push_str(&layout.renderer.render(&[note_title(escape::text(note).into_owned())]));
        out.push_str("\n\n");
    }
    if layout.hid_frames {
        let text = "frames outside the program are left out; LOCKCHECK_BACKTRACE=full shows them";
        out.push_str(&layout.renderer.render(&[note_title(text.to_owned())]));
        out.push_str("\n\n");
    }
    let bold = if options.color { Style::new().bold() } else { Style::new() };
    out.push_str(&format!("{bold}{}{bold:#}\n", summary(report)));
    out
}

/// One finding, without the summary: what a failing test shows.
pub fn render_finding(finding: &Finding, options: &Options<'_>) -> String {
    Layout::new(options).finding(finding)
}

fn note_title(text: String) -> Group<'static> {
    Group::with_title(Level::NOTE.primary_title(text))
}

/// A place to underline, and what happened there.
struct Mark<'a> {
    site: &'a Site,
    label: String,
    kind: AnnotationKind,
}

/// What stays the same while the findings of a report are laid out.
struct Layout<'a> {
    options: &'a Options<'a>,
    renderer: Renderer,
    /// The text of each file asked for; `None` where there is none.
    texts: HashMap<(String, String), Option<Rc<str>>>,
    /// Whether frames were left out that another setting would show.
    hid_frames: bool,
}

impl<'a> Layout<'a> {
    fn new(options: &'a Options<'a>) -> Layout<'a> {
        let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.term_width(options.width);
        Layout { options, renderer, texts: HashMap::new(), hid_frames: false }
    }

    fn finding(&mut self, finding: &Finding) -> String {
        let view = View::new(finding);
        let level = match Severity::of(finding) {
            Severity::Note => Level::NOTE,
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let title = level.primary_title(escape::text(&finding.message).into_owned());
        let mut groups = vec![Group::with_title(title.id(finding.code.as_str()))];
        let sides = finding.evidence.len();
        let shown = if self.options.all || sides <= SIDES_MAX { sides } else { SIDES_OF_MANY };
        for side in 0..shown {
            let group = match side {
                0 => groups.pop().unwrap_or_else(|| Group::with_level(Level::NOTE)),
                side => Group::with_title(Level::NOTE.secondary_title(view.side_title(side))),
            };
            groups.push(group.elements(self.side(&view, side)));
        }
        if sides > shown {
            let text = format!("... {} more sides; `--all` shows them", sides - shown);
            groups.push(Group::with_title(Level::NOTE.secondary_title(text)));
        }
        groups.extend(self.locks(&view));
        if let Some(last) = groups.pop() {
            let padding = (!groups.is_empty()).then_some(Padding.into());
            groups.push(last.elements(padding.into_iter().chain(footer(finding, self.options.all))));
        }
        self.renderer.render(&groups)
    }

    fn side(&mut self, view: &View<'_>, side: usize) -> Vec<Element<'static>> {
        let evidence = &view.finding.evidence[side];
        let mut elements = self.marks(&view.marks(side));
        let notes: Vec<String> = view.other_holds(side).into_iter().chain(self.backtrace(evidence)).collect();
        // In the first group, annotate-snippets puts the empty line before the notes itself.
        if side > 0 && !notes.is_empty() {
            elements.push(Padding.into());
        }
        elements.extend(notes.into_iter().map(|note| Level::NOTE.message(note).into()));
        elements
    }

    /// One snippet for each file, in the order of the marks; a plain place and a sentence where the text is not
    /// to be had.
    fn marks(&mut self, marks: &[Mark<'_>]) -> Vec<Element<'static>> {
        let mut files: Vec<(&str, &str)> = Vec::new();
        for mark in marks {
            let file = (mark.site.package.as_str(), mark.site.file.as_str());
            if !files.contains(&file) {
                files.push(file);
            }
        }
        let mut elements = Vec::new();
        for (package, file) in files {
            let of_file = |mark: &&Mark<'_>| mark.site.package == package && mark.site.file == file;
            let marks: Vec<&Mark<'_>> = marks.iter().filter(of_file).collect();
            match self.snippet(package, file, &marks) {
                Some(snippet) => elements.push(snippet.into()),
                None => self.without_text(&marks, &mut elements),
            }
        }
        elements
    }

    fn snippet(
        &mut self,
        package: &str,
        file: &str,
        marks: &[&Mark<'_>],
    ) -> Option<Snippet<'static, Annotation<'static>>> {
        let text = self.text(package, file)?;
        let places: Vec<(u32, u32)> = marks.iter().map(|mark| (mark.site.line, mark.site.column)).collect();
        let window = window(&text, &places)?;
        let annotations = marks
            .iter()
            .zip(window.spans)
            .map(|(mark, span)| mark.kind.span(span).label(escape::text(&mark.label).into_owned()));
        let snippet = Snippet::source(window.text).line_start(window.line_start);
        Some(snippet.path(self.path(package, file)).annotations(annotations))
    }

    fn without_text(&self, marks: &[&Mark<'_>], elements: &mut Vec<Element<'static>>) {
        for mark in marks {
            let site = mark.site;
            let mut origin = Origin::path(self.path(&site.package, &site.file));
            if site.line != 0 {
                origin = origin.line(site.line.try_into().unwrap_or(0));
            }
            if site.column != 0 {
                origin = origin.char_column(site.column.try_into().unwrap_or(0));
            }
            elements.push(origin.into());
            elements.push(Level::NOTE.message(escape::text(&mark.label).into_owned()).into());
        }
    }

    fn text(&mut self, package: &str, file: &str) -> Option<Rc<str>> {
        let key = (package.to_owned(), file.to_owned());
        let sources = self.options.sources;
        self.texts.entry(key).or_insert_with(|| sources.text(package, file).map(Rc::from)).clone()
    }

    fn path(&self, package: &str, file: &str) -> String {
        let path = self.options.sources.path(package, file);
        escape::text(path.as_deref().unwrap_or(file)).into_owned()
    }

    /// Where the locks were created, and what they are called.
    fn locks(&mut self, view: &View<'_>) -> Option<Group<'static>> {
        if view.finding.code == Code::Panic {
            // Its object is the thread.
            return None;
        }
        let locks = &view.finding.locks;
        let mut by_site: BTreeMap<&Site, Vec<String>> = BTreeMap::new();
        // A trace does not say where its locks were created.
        for (lock, label) in locks.iter().zip(&view.labels).filter(|(lock, _)| lock.created.line != 0) {
            let unnamed = lock.name.is_none() && locks.len() == 1;
            let label = if unnamed { "it has no name".to_owned() } else { label.clone() };
            by_site.entry(&lock.created).or_default().push(label);
        }
        let sites = by_site.len();
        let shown = if self.options.all { sites } else { sites.min(CREATIONS_MAX) };
        let marks = by_site.into_iter().take(shown).map(|(site, mut labels)| {
            labels.sort_by_key(|label| (label.len(), label.clone()));
            Mark { site, label: words::list(&labels), kind: AnnotationKind::Context }
        });
        let marks: Vec<Mark<'_>> = marks.collect();
        let title = match locks.len() {
            _ if sites == 0 => return None,
            1 => format!("{} was created here", view.lock(&locks[0].id)),
            _ if sites > shown => format!("the locks were created at {sites} places, such as here"),
            _ if !view.finding.evidence.iter().all(words::asks_for_a_lock) => {
                "what they hold and wait for was created here".to_owned()
            }
            _ => "the locks were created here".to_owned(),
        };
        let title = Level::NOTE.secondary_title(escape::text(&title).into_owned());
        Some(Group::with_title(title).elements(self.marks(&marks)))
    }

    fn backtrace(&mut self, side: &Evidence) -> Option<String> {
        let full = match self.options.backtrace {
            Backtrace::None => return None,
            Backtrace::User => false,
            Backtrace::Full => true,
        };
        let frames: Vec<&Frame> = side.backtrace.iter().filter(|frame| full || frame.user).collect();
        self.hid_frames |= frames.len() < side.backtrace.len();
        if frames.is_empty() {
            return None;
        }
        let shown = if full || self.options.all { frames.len() } else { frames.len().min(FRAMES_MAX) };
        let who = words::thread_label(&side.thread);
        let mut lines = vec![format!("{} got here through", escape::text(&who))];
        lines.extend(frames[..shown].iter().map(|frame| self.frame(frame, &side.site.package)));
        if frames.len() > shown {
            lines.push(format!("  ... {} more", frames.len() - shown));
        }
        Some(lines.join("\n"))
    }

    fn frame(&self, frame: &Frame, package: &str) -> String {
        let mut function: String = frame.function.chars().take(FUNCTION_CHARS_MAX).collect();
        if function.len() < frame.function.len() {
            function.push('…');
        }
        let function = escape::text(&function).into_owned();
        // A frame does not name its package. The user's frames are taken to be of the side's own.
        let path = match frame.user {
            true => self.path(package, &frame.file),
            false => escape::text(&frame.file).into_owned(),
        };
        match (path.as_str(), frame.line) {
            ("", _) => format!("  {function}"),
            (path, 0) => format!("  {function} at {path}"),
            (path, line) => format!("  {function} at {path}:{line}"),
        }
    }
}

/// Advice first, then how sure it is and where to read on.
fn footer(finding: &Finding, all: bool) -> Vec<Element<'static>> {
    let mut notes = Vec::new();
    if let Some(scope) = &finding.scope {
        notes.push(format!("found in {}", words::quoted(scope)));
    }
    if finding.instances > 1 {
        notes.push(format!("seen with {} different sets of locks", finding.instances));
        let sets = finding.instance_locks.iter().filter(|_| all);
        notes.extend(sets.map(|locks| format!("seen with {}", locks.join(", "))));
    }
    notes.push(certainty(finding));
    if let Some(schedule) = &finding.schedule {
        notes.push(format!("the schedule `{schedule}` replays it"));
    }
    let code = finding.code;
    notes.push(format!(
        "{code} is explained by `lockcheck explain {code}`; fingerprint {}",
        finding.fingerprint
    ));
    let help = Level::HELP.message(escape::text(&finding.advice).into_owned());
    let notes = notes.into_iter().map(|note| Level::NOTE.message(escape::text(&note).into_owned()).into());
    std::iter::once(help.into()).chain(notes).collect()
}

/// The tier in words.
fn certainty(finding: &Finding) -> String {
    let sides = finding.evidence.len();
    if finding.code.is_lint() {
        return format!("{}: a lint, which counts only with `--deny {}`", finding.tier, finding.code);
    }
    let text = match finding.tier {
        Tier::Order if finding.code == Code::InconsistentLocking => {
            "a hint: forks, joins or flags may order the accesses"
        }
        Tier::Likely if finding.code == Code::DataRace => {
            "unordered by happens-before in this run, which is no proof; not yet confirmed"
        }
        _ if words::is_breach(finding) => {
            "an order of these locks is stated, and this is another one; whether they can deadlock is not asked"
        }
        Tier::Likely if words::is_gate(finding) => {
            "it happened in this run that the gate was no gate; whether harm comes of it is not asked"
        }
        Tier::Likely if matches!(finding.code, Code::LostUpdate | Code::AtomicityViolation) => {
            "no order and no lock keep the other one out; whether the value written depends on the value read is not \
             recorded"
        }
        Tier::Order => {
            "the order is inconsistent; it takes more than what was seen, such as a second thread, to deadlock"
        }
        Tier::Likely if finding.code == Code::ExecutorStarvation => {
            "as many such waits as workers, and nothing seen keeps them apart; not yet confirmed"
        }
        Tier::Likely if matches!(finding.code, Code::StuckWait | Code::LostWakeup) => {
            "nobody that is watched could end the wait"
        }
        Tier::Likely if words::is_under_way(finding) => "each was seen to wait for what the others have",
        Tier::Likely if sides < 2 => "nothing seen rules it out; not yet confirmed",
        Tier::Likely => {
            let number = if sides == 2 { "two".to_owned() } else { sides.to_string() };
            return format!(
                "likely: {number} threads, no common lock, no spawn or join seen that orders them; not yet confirmed"
            );
        }
        Tier::Predicted => "a valid reordering of what was recorded reaches it",
        Tier::Confirmed => "the program was driven into it",
        Tier::Actual => "it happened in this run",
    };
    format!("{}: {text}", finding.tier)
}

/// Whether the side touches data, instead of asking for what another side has.
fn is_access(side: &Evidence) -> bool {
    matches!(side.action.as_str(), "read" | "write" | "begin" | "release" | "acquire" | "spawn")
}

/// A finding with the names that all its parts use.
struct View<'a> {
    finding: &'a Finding,
    /// As `words::lock_labels`.
    labels: Vec<String>,
}

impl<'a> View<'a> {
    fn new(finding: &'a Finding) -> View<'a> {
        View { finding, labels: words::lock_labels(finding) }
    }

    fn detail(&self, id: &str) -> Option<&LockDetail> {
        self.finding.locks.iter().find(|lock| lock.id == id)
    }

    fn lock(&self, id: &str) -> String {
        let index = self.finding.locks.iter().position(|lock| lock.id == id);
        index.map_or_else(|| "another lock".to_owned(), |index| self.labels[index].clone())
    }

    fn next_thread(&self, side: usize) -> Option<String> {
        let sides = &self.finding.evidence;
        let next = (side + 1) % sides.len();
        let other = sides.len() > 1 && sides[next].thread != sides[side].thread;
        other.then(|| words::thread_label(&sides[next].thread))
    }

    fn side_title(&self, side: usize) -> String {
        let sides = &self.finding.evidence;
        let who = words::thread_label(&sides[side].thread);
        let also = if sides[side].thread == sides[0].thread { "also " } else { "" };
        if !sides.iter().all(words::asks_for_a_lock) {
            return escape::text(&self.mixed_title(side, &who)).into_owned();
        }
        let text = match (sides.len(), self.finding.locks.len()) {
            _ if is_access(&sides[0]) => format!("{who} comes in here"),
            (2, 2) => format!("{who} {also}takes them the other way round"),
            (2, _) => format!("{who} {also}does so"),
            (number, _) => format!("{who} is side {} of {number}", side + 1),
        };
        escape::text(&text).into_owned()
    }

    /// The title of a side among some that do not wait for locks.
    fn mixed_title(&self, side: usize, who: &str) -> String {
        let evidence = &self.finding.evidence[side];
        let lock = self.lock(&evidence.lock);
        match evidence.action.as_str() {
            "notify" if self.finding.code == Code::LostWakeup => format!("{who} notified it before"),
            "notify" => format!("{who} would end the wait"),
            "submit" => format!("{who} submitted what it waits for"),
            "join" => format!("{who} joins {lock}"),
            "wait" if evidence.lock == self.finding.evidence[0].lock => format!("{who} waits for it too"),
            "wait" => format!("{who} waits for {lock}"),
            "recv" => format!("{who} reads from {lock}"),
            "send" => format!("{who} writes to {lock}"),
            _ => format!("{who} needs {lock}"),
        }
    }

    /// Where the side took the lock that links it to the side before, and where it asks for the next one.
    fn marks(&self, side: usize) -> Vec<Mark<'a>> {
        let evidence = &self.finding.evidence[side];
        let who = words::thread_label(&evidence.thread);
        let access = is_access(evidence);
        let Some(hold) = words::linking_hold(self.finding, side).filter(|_| !access) else {
            let label = format!("{who} {}", self.asks(side));
            return vec![Mark { site: &evidence.site, label, kind: AnnotationKind::Primary }];
        };
        let takes = format!("{who} {}", self.takes(hold));
        if hold.site == evidence.site {
            let label = format!("{takes}, and here again {}", self.asks(side));
            return vec![Mark { site: &evidence.site, label, kind: AnnotationKind::Primary }];
        }
        let asks = format!("then {}", self.asks(side));
        vec![
            Mark { site: &hold.site, label: takes, kind: AnnotationKind::Context },
            Mark { site: &evidence.site, label: asks, kind: AnnotationKind::Primary },
        ]
    }

    fn takes(&self, hold: &HeldLock) -> String {
        let lock = self.lock(&hold.lock);
        let rwlock = self.detail(&hold.lock).is_some_and(|lock| lock.class == "rwlock");
        match hold.mode {
            Mode::Upgradable => format!("takes an upgradable read of {lock}"),
            Mode::Exclusive if rwlock => format!("takes {lock} for writing"),
            Mode::Shared | Mode::SharedRecursive if rwlock => format!("takes {lock} for reading"),
            _ => format!("takes {lock}"),
        }
    }

    fn asks(&self, side: usize) -> String {
        let evidence = &self.finding.evidence[side];
        if let Some(deed) = words::deed(evidence, &self.lock(&evidence.lock)) {
            return deed;
        }
        let happened = words::is_under_way(self.finding);
        let verb = if happened { "waits" } else { "asks" };
        let timed = if evidence.attempt == Attempt::Timed { ", with a timeout," } else { "" };
        let lock = self.lock(&evidence.lock);
        match evidence.action.as_str() {
            "join" => return format!("joins {lock}"),
            "notify" if self.finding.code == Code::LostWakeup => {
                let missed = self.next_thread(side).map(|waiter| format!(", which {waiter} does not get"));
                return format!("notifies {lock}{}", missed.unwrap_or_default());
            }
            "notify" => return format!("signals {lock}"),
            "submit" => return format!("submits a task to {lock}"),
            _ if self.finding.code == Code::Contention && side > 0 => {
                return format!("waits for {lock}");
            }
            _ if self.finding.code == Code::Contention => {
                return format!("takes {lock}, and holds it longest");
            }
            "wait" => return format!("waits{timed} for {lock}"),
            _ => {}
        }
        let rwlock = self.detail(&evidence.lock).is_some_and(|lock| lock.class == "rwlock");
        let purpose = match evidence.mode {
            Mode::Upgradable => format!("for an upgradable read of {lock}"),
            Mode::Exclusive if rwlock => format!("to write {lock}"),
            Mode::Shared | Mode::SharedRecursive if rwlock => format!("to read {lock}"),
            _ => format!("for {lock}"),
        };
        let holder = match self.next_thread(side) {
            _ if self.finding.code == Code::StuckWait => String::new(),
            Some(holder) if happened => format!(", which {holder} holds"),
            Some(holder) => format!(", which {holder} may hold"),
            None if words::is_breach(self.finding) => String::new(),
            None if self.finding.evidence.len() == 1 => ", which it already holds".to_owned(),
            None if happened => ", which the other holds".to_owned(),
            None if self.finding.tier > Tier::Order => ", which the other may hold".to_owned(),
            None => String::new(),
        };
        format!("{verb}{timed} {purpose}{holder}")
    }

    /// Whether the lock is held beside what the finding is about.
    fn is_aside(&self, hold: &HeldLock) -> bool {
        self.finding.code == Code::Panic || self.detail(&hold.lock).is_none()
    }

    /// The locks that the side held beside those of the cycle.
    fn other_holds(&self, side: usize) -> Option<String> {
        let holds = &self.finding.evidence[side].holds;
        let mut places: Vec<String> = holds
            .iter()
            .filter(|hold| self.is_aside(hold) && hold.site.line != 0)
            .map(|hold| escape::text(&format!("{}:{}", hold.site.file, hold.site.line)).into_owned())
            .collect();
        let number = places.len();
        places.dedup();
        match number {
            0 => None,
            1 => Some(format!("it also holds another lock, taken at {}", places[0])),
            _ => Some(format!("it also holds {number} other locks, taken at {}", words::list(&places))),
        }
    }
}
