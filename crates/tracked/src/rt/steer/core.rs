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

/// Keeps the calling thread to one processor, if that is permitted; gives where it could run before.
#[cfg(target_os = "linux")]
pub(crate) fn pin(core: Option<usize>) -> Option<Affinity> {
    let core = core.filter(|core| *core < libc::CPU_SETSIZE as usize)?;
    // SAFETY: a set of processors is an array of integers, for which zeros are a value.
    let mut before: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let mut only = before;
    // SAFETY: the processor is below the size of the set, and both sets are valid for the length given.
    unsafe {
        libc::CPU_SET(core, &mut only);
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut before) != 0 {
            return None;
        }
        if libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &only) != 0 {
            return None;
        }
    }
    Some(Affinity { processors: before, policy: do_not_interrupt() })
}

/// Whoever is handed the baton is not to interrupt the one who hands it on and is about to sleep anyway: in the class
/// `SCHED_BATCH`, a thread that wakes up waits until the processor is free, which halves the switches. Gives the class
/// before; where it cannot be changed, exploring is slower.
#[cfg(target_os = "linux")]
fn do_not_interrupt() -> libc::c_int {
    // SAFETY: asks about, and changes, the calling thread only; a thread may always choose this class.
    unsafe {
        let before = libc::sched_getscheduler(0);
        if before == libc::SCHED_OTHER {
            libc::sched_setscheduler(0, libc::SCHED_BATCH, &plain());
        }
        before
    }
}

/// The only priority of classes without one.
#[cfg(target_os = "linux")]
fn plain() -> libc::sched_param {
    // SAFETY: a structure of integers, for which zeros are a value.
    unsafe { std::mem::zeroed() }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_: Option<usize>) -> Option<Affinity> {
    None
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
