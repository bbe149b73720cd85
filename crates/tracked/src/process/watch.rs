//! How objects between processes show up in reports: which they are, who waits for them, what comes after what.
//! Watched or plain, with the same items; everything else in this module is written once.

#[cfg(not(instrumented))]
pub(super) use plain::*;
#[cfg(instrumented)]
pub(super) use watched::*;

use serde::{Deserialize, Serialize};

use crate::base::Site;

/// What an object between processes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Lock,
    Reentrant,
    Semaphore,
    Condition,
    Event,
    Queue,
    Pipe,
    Process,
    /// An object that a manager's process keeps.
    Manager,
}

impl Kind {
    /// What it is called in errors.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Lock => "lock",
            Kind::Reentrant => "re-entrant lock",
            Kind::Semaphore => "semaphore",
            Kind::Condition => "condition",
            Kind::Event => "event",
            Kind::Queue => "queue",
            Kind::Pipe => "pipe",
            Kind::Process => "process",
            Kind::Manager => "object",
        }
    }
}

/// Where an object lies: the same in every process that has it, and no other object's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Identity {
    pub device: u64,
    pub inode: u64,
    pub offset: u64,
}

/// What an object is known by to people: its name, and the line that made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Label {
    pub name: Option<String>,
    pub file: String,
    pub line: u32,
    pub column: u32,
}

impl Label {
    pub(super) fn at(site: Site) -> Label {
        Label { name: None, file: site.file().to_owned(), line: site.line(), column: site.column() }
    }

    /// For errors: "queue `results`", or "the queue made at src/main.rs:3".
    pub(super) fn describe(&self, kind: Kind) -> String {
        match &self.name {
            Some(name) => format!("{} `{name}`", kind.word()),
            None => format!("the {} made at {}:{}", kind.word(), self.file, self.line),
        }
    }
}

#[cfg(instrumented)]
mod watched {
    use std::collections::HashMap;
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::sync::Mutex;
    use std::time::Instant;

    pub(crate) use lockcheck_events::wait_board::Awaited;
    use lockcheck_events::{Attempt, LockKind, Mode, RawSite, Record, TokenId};
    use serde::{Deserialize, Serialize};

    use super::{Identity, Kind, Label};
    use crate::base::Site;
    use crate::base::park::ignore_poison;
    use crate::rt::{self, HeldLock, Meta, Wait, board, knowledge, lifecycle, registry};

    impl Kind {
        pub(in crate::process) const fn lock_kind(self) -> LockKind {
            match self {
                Kind::Lock => LockKind::Mutex,
                Kind::Reentrant => LockKind::Reentrant,
                Kind::Semaphore => LockKind::Semaphore,
                Kind::Condition => LockKind::Condition,
                Kind::Event => LockKind::Event,
                Kind::Queue => LockKind::Queue,
                Kind::Pipe => LockKind::Pipe,
                Kind::Process => LockKind::Process,
                // What is waited for is a message.
                Kind::Manager => LockKind::Queue,
            }
        }
    }

    /// The line that a label names, as one of this process's. Equal ones are one, so that what is never freed is
    /// bounded by the program's lines.
    pub(in crate::process) fn place_of(label: &Label) -> Site {
        static PLACES: Mutex<Option<HashMap<RawSite, Site>>> = Mutex::new(None);
        let raw = RawSite { file: label.file.clone(), line: label.line, column: label.column };
        let mut places = ignore_poison(PLACES.lock());
        let places = places.get_or_insert_default();
        places.entry(raw.clone()).or_insert_with(|| registry::place_for(raw))
    }

    /// Says where an object of this process's lies.
    pub(in crate::process) fn introduce(
        meta: &Meta,
        kind: Kind,
        identity: Option<Identity>,
        name: Option<&str>,
    ) {
        if let Some(name) = name {
            meta.name(kind.lock_kind(), name);
        }
        introduce_as(meta, kind.lock_kind(), identity);
    }

    fn introduce_as(meta: &Meta, kind: LockKind, identity: Option<Identity>) {
        let Some(thread) = rt::current() else { return };
        let object = wanted_as(meta, kind, meta.created(), Attempt::Block);
        let lock = object.id;
        let shared =
            identity.map(|Identity { device, inode, offset }| Record::Shared { lock, device, inode, offset });
        knowledge::introduce(thread, &object, shared);
    }

    /// The object as one that the calling thread, which is watched, asks for.
    fn wanted(meta: &Meta, kind: Kind, site: Site, attempt: Attempt) -> HeldLock {
        wanted_as(meta, kind.lock_kind(), site, attempt)
    }

    fn wanted_as(meta: &Meta, kind: LockKind, site: Site, attempt: Attempt) -> HeldLock {
        let thread = rt::current();
        HeldLock {
            id: thread.map_or_else(Default::default, |thread| meta.id(thread)),
            site,
            created: meta.created(),
            event: thread.map_or(0, |thread| thread.event()),
            mode: Mode::Exclusive,
            attempt,
            kind,
        }
    }

    /// The identity of an object that threads wait for.
    pub(in crate::process) struct Watch {
        meta: Meta,
        kind: Kind,
        identity: Option<Identity>,
    }

    impl Watch {
        pub(in crate::process) fn new(kind: Kind, identity: Option<Identity>, created: Site) -> Watch {
            let watch = Watch { meta: Meta::new(created), kind, identity };
            introduce(&watch.meta, kind, identity, None);
            watch
        }

        /// The same object, in a process that was given it.
        pub(in crate::process) fn known(kind: Kind, identity: Identity, label: &Label) -> Watch {
            let watch = Watch { meta: Meta::new(place_of(label)), kind, identity: Some(identity) };
            introduce(&watch.meta, kind, Some(identity), label.name.as_deref());
            watch
        }

        /// Something that lies in another process's memory.
        pub(in crate::process) fn of_remote(kind: Kind, label: &Label) -> Watch {
            let watch = Watch { meta: Meta::new(place_of(label)), kind, identity: None };
            introduce(&watch.meta, kind, None, label.name.as_deref());
            watch
        }

        pub(in crate::process) fn name(&self, name: &str) {
            introduce(&self.meta, self.kind, self.identity, Some(name));
        }

        /// Runs `block`, visible to others, outside as well, as a wait for this object.
        pub(in crate::process) fn waiting<R>(
            &self,
            site: Site,
            deadline: Option<Instant>,
            awaited: Awaited,
            block: impl FnOnce() -> R,
        ) -> R {
            let Some(thread) = rt::current() else { return block() };
            let attempt = if deadline.is_some() { Attempt::Timed } else { Attempt::Block };
            let wanted = wanted(&self.meta, self.kind, site, attempt);
            thread.next_event();
            let published = rt::publish(thread, Wait::for_anyone(wanted).ended_from_outside());
            let posted = board::post(thread, awaited);
            let result = block();
            drop(posted);
            drop(published);
            // Whoever ended the wait may have done things first that this thread now comes after.
            thread.wait_slot().set_anchor(thread);
            result
        }
    }

    /// What the detector knows the names of one namespace by.
    #[derive(Default)]
    pub(in crate::process) struct Accesses(Mutex<HashMap<String, Meta>>);

    impl Accesses {
        /// Takes note that the calling thread reads or writes a name at `site`. The name is that of an object of the
        /// manager at an address; `label` is the object's.
        pub(in crate::process) fn note(
            &self,
            (address, object, name): (&str, u64, &str),
            label: impl FnOnce() -> Label,
            site: Site,
            writes: bool,
        ) {
            let Some(thread) = rt::current() else { return };
            let mut names = ignore_poison(self.0.lock());
            let meta = names.entry(name.to_owned()).or_insert_with(|| {
                let label = label();
                let meta = Meta::new(place_of(&label));
                let full = label.name.map_or_else(|| name.to_owned(), |own| format!("{own}.{name}"));
                meta.name(LockKind::Variable, &full);
                let identity =
                    Identity { device: REMOTE, inode: hash(&address), offset: hash(&(object, name)) };
                introduce_as(&meta, LockKind::Variable, Some(identity));
                meta
            });
            let mode = if writes { Mode::Exclusive } else { Mode::Shared };
            let access = HeldLock { mode, ..wanted_as(meta, LockKind::Variable, site, Attempt::Block) };
            drop(names);
            thread.next_event();
            let key = thread.key(&access);
            if !thread.known().contains(key) {
                knowledge::learn_access(thread, &access, key);
            }
        }
    }

    /// The device of what lies in the memory of a manager's process.
    const REMOTE: u64 = u64::MAX;

    /// The same in every process of the program.
    fn hash(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// A point in a process's life that a child of it comes after.
    #[derive(Clone, Copy, Default, Serialize, Deserialize)]
    pub(in crate::process) struct Origin {
        pid: u32,
        /// 0: the parent is not watched.
        token: u32,
    }

    impl Origin {
        /// This point of the calling thread's.
        pub(in crate::process) fn here() -> Origin {
            let token = rt::current().map_or(TokenId(0), knowledge::before);
            Origin { pid: std::process::id(), token: token.0 }
        }

        /// The calling thread has seen the end of process `pid`.
        pub(in crate::process) fn ended(pid: u32) {
            if let Some(thread) = rt::current() {
                let _busy = thread.enter();
                thread.wait_slot().set_anchor(thread);
                knowledge::file(Record::Joined { thread: thread.id(), pid });
            }
        }
    }

    /// The process begins, under this name.
    pub(in crate::process) fn started(name: &str, origin: Origin) {
        lifecycle::name_process(name);
        if let Some(thread) = rt::current().filter(|_| origin.token != 0) {
            let _busy = thread.enter();
            knowledge::file(Record::Parent { pid: origin.pid, token: TokenId(origin.token) });
        }
    }
}

#[cfg(not(instrumented))]
mod plain {
    use std::time::Instant;

    use serde::{Deserialize, Serialize};

    use super::{Identity, Kind, Label};
    use crate::base::Site;

    /// What a thread waits for: of no interest here.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(in crate::process) enum Awaited {
        Exit { pid: u32 },
        Item,
        Room,
        Signal,
    }

    /// The identity of an object that threads wait for: of no interest here.
    pub(in crate::process) struct Watch;

    impl Watch {
        pub(in crate::process) fn new(_: Kind, _: Option<Identity>, _: Site) -> Watch {
            Watch
        }

        pub(in crate::process) fn known(_: Kind, _: Identity, _: &Label) -> Watch {
            Watch
        }

        pub(in crate::process) fn of_remote(_: Kind, _: &Label) -> Watch {
            Watch
        }

        pub(in crate::process) fn name(&self, _: &str) {}

        #[inline]
        pub(in crate::process) fn waiting<R>(
            &self,
            _: Site,
            _: Option<Instant>,
            _: Awaited,
            block: impl FnOnce() -> R,
        ) -> R {
            block()
        }
    }

    /// What the detector knows names by: of no interest here.
    #[derive(Default)]
    pub(in crate::process) struct Accesses(());

    impl Accesses {
        #[inline]
        pub(in crate::process) fn note(
            &self,
            _: (&str, u64, &str),
            _: impl FnOnce() -> Label,
            _: Site,
            _: bool,
        ) {
        }
    }

    /// A point in a process's life: of no interest here.
    #[derive(Clone, Copy, Default, Serialize, Deserialize)]
    pub(in crate::process) struct Origin;

    impl Origin {
        pub(in crate::process) fn here() -> Origin {
            Origin
        }

        pub(in crate::process) fn ended(_: u32) {}
    }

    /// The process begins.
    pub(in crate::process) fn started(_: &str, _: Origin) {}
}
