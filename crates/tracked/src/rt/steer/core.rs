//! All threads of an exploration on one processor: a hand-off is then a switch, not a message between processors.

/// The processor that the calling thread runs on, where threads can be kept to one.
#[cfg(target_os = "linux")]
pub(crate) fn own() -> Option<usize> {
    // SAFETY: takes no arguments.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// Elsewhere the system decides.
#[cfg(not(target_os = "linux"))]
pub(crate) fn own() -> Option<usize> {
    None
}

/// Where a thread may run, and how the system schedules it, for `restore`.
#[cfg(target_os = "linux")]
pub(crate) struct Affinity {
    processors: libc::cpu_set_t,
    policy: libc::c_int,
}

#[cfg(not(target_os = "linux"))]
pub(crate) struct Affinity;

/// Where the calling thread may run, if that can be told.
#[cfg(target_os = "linux")]
pub(crate) fn affinity() -> Option<Affinity> {
    // SAFETY: a set of processors is an array of integers, for which zeros are a value.
    let mut processors: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid for the length given; the second call asks about the calling thread only.
    let (failed, policy) = unsafe {
        (
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut processors),
            libc::sched_getscheduler(0),
        )
    };
    (failed == 0).then_some(Affinity { processors, policy })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn affinity() -> Option<Affinity> {
    None
}

/// Keeps the calling thread to one processor, if there is one to keep it to and that is permitted.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: Option<usize>) {
    let Some(core) = core.filter(|core| *core < libc::CPU_SETSIZE as usize) else { return };
    // SAFETY: a set of processors is an array of integers, for which zeros are a value; the processor is below its size,
    // and it is valid for the length given.
    let pinned = unsafe {
        let mut only: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut only);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &only) == 0
    };
    if pinned {
        do_not_interrupt();
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_: Option<usize>) {}

/// Whoever is handed the baton is not to interrupt the one who hands it on and is about to sleep anyway: in the class
/// `SCHED_BATCH`, a thread that wakes up waits until the processor is free, which halves the switches. Where the class
/// cannot be changed, exploring is slower.
#[cfg(target_os = "linux")]
fn do_not_interrupt() {
    // SAFETY: asks about, and changes, the calling thread only; a thread may always choose this class.
    unsafe {
        if libc::sched_getscheduler(0) == libc::SCHED_OTHER {
            libc::sched_setscheduler(0, libc::SCHED_BATCH, &plain());
        }
    }
}

/// The only priority of classes without one.
#[cfg(target_os = "linux")]
fn plain() -> libc::sched_param {
    // SAFETY: a structure of integers, for which zeros are a value.
    unsafe { std::mem::zeroed() }
}

/// Lets the calling thread run where and as it could before.
#[cfg(target_os = "linux")]
pub(crate) fn restore(before: &Affinity) {
    // SAFETY: the set was filled in by `pin`; the class is that before, which needs no right where it was the usual one.
    unsafe {
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &before.processors);
        if before.policy == libc::SCHED_OTHER {
            libc::sched_setscheduler(0, libc::SCHED_OTHER, &plain());
        }
    };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn restore(_: &Affinity) {}
