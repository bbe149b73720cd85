//! Panics of threads under control: heard where they happen, while the thread still holds what it held, and told as
//! findings when it is clear that nobody caught them.
//!
//! Not here: which of several panics counts, see `controller/standstill.rs`.

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use lockcheck_events::{Attempt, Mode, RawSite, Request, SiteId, StackId};

use super::{ME, Me, is_sent_home, operations, program};
use crate::rt::context::{HeldLock, Thread, current};
use crate::rt::{knowledge, registry, stack};

/// Characters kept of a panic's message.
const MESSAGE_CHARS_MAX: usize = 300;

/// A panic, as it was heard.
#[derive(Clone)]
pub(crate) struct Panicked {
    /// All of what it said.
    pub message: String,
    /// `file:line:column`, where it is known.
    pub place: Option<String>,
    /// Who, where and holding what; none where another hook was set, which has heard it instead.
    pub side: Option<Request>,
}

impl Panicked {
    /// The message on one line.
    pub(super) fn line(&self) -> String {
        let line = self.message.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MESSAGE_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    fn unheard(message: String) -> Panicked {
        Panicked { message, place: None, side: None }
    }
}

thread_local! {
    /// The last panic of the calling thread.
    static LAST: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// Sees to it that panics of closures under control are not printed when they happen, but told with the schedule that
/// leads there. Those of a whole program under control are printed as well.
pub(super) fn hear() {
    static HEAR: Once = Once::new();
    HEAR.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if let Some(me) = ME.get() {
                operations::panics(me);
                let panicked = heard(info);
                if program::is_under_control() && me.worker == 0 {
                    me.controller().main_panicked(panicked.clone());
                }
                let _ = LAST.try_with(|last| {
                    if let Ok(mut last) = last.try_borrow_mut() {
                        *last = Some(panicked);
                    }
                });
                if !program::is_under_control() {
                    return;
                }
                if cfg!(panic = "abort") {
                    program::panics_for_good();
                }
            }
            before(info);
        }));
    });
}

fn heard(info: &PanicHookInfo<'_>) -> Panicked {
    let message = words(info.payload());
    let Some((location, thread)) = info.location().zip(current()) else {
        return Panicked::unheard(message);
    };
    let _busy = thread.enter();
    let file = location.file().to_owned();
    let raw = RawSite { file, line: location.line(), column: location.column() };
    let mut records = Vec::new();
    let mut side = side(thread, registry::site_of(raw));
    side.stack = stack::capture(&mut records);
    let held: Vec<HeldLock> = thread.holds().iter().collect();
    records.extend(knowledge::announced(&held, std::slice::from_ref(&side)));
    knowledge::file_all(records);
    Panicked { message, place: Some(location.to_string()), side: Some(side) }
}

/// The thread's panic as evidence. It stands for itself, as where somebody waits for its end.
pub(super) fn side(thread: &Thread, site: SiteId) -> Request {
    Request {
        thread: thread.id(),
        event: thread.event(),
        lock: thread.next_lock_id(),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site,
        stack: StackId(0),
        holds: thread.holds().iter().map(|hold| knowledge::describe(&hold)).collect(),
    }
}

/// The last panic of the calling thread that nobody has asked about.
pub(super) fn take_last() -> Option<Panicked> {
    LAST.try_with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take())).ok().flatten()
}

/// The calling worker's closure has ended by a panic.
pub(super) fn note(payload: &(dyn Any + Send)) {
    let last = take_last();
    if is_sent_home(payload) {
        return;
    }
    let Some(me) = ME.get() else { return };
    // A panic that somebody else's hook has heard is known by its payload only.
    note_as(me, last.unwrap_or_else(|| Panicked::unheard(words(payload))));
}

fn note_as(me: Me, mut panicked: Panicked) {
    let thread = current();
    let busy = thread.map(Thread::enter);
    let mut state = me.controller().state();
    let member = &state.members[me.worker as usize];
    if let (None, Some(thread)) = (&panicked.side, thread) {
        panicked.place = member.site.map(ToString::to_string);
        panicked.side = Some(side(thread, member.site.map_or(SiteId(0), registry::site)));
    }
    state.panicked(me.worker, panicked);
    drop(state);
    drop(busy);
}

/// A panic's message.
fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}
