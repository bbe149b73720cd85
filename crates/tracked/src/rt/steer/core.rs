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

/// Where a thread may run, for `restore`.
#[cfg(target_os = "linux")]
pub(crate) struct Affinity(libc::cpu_set_t);

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
        (libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &only) == 0).then_some(Affinity(before))
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_: Option<usize>) -> Option<Affinity> {
    None
}

/// Lets the calling thread run where it could before.
#[cfg(target_os = "linux")]
pub(crate) fn restore(before: &Affinity) {
    // SAFETY: the set was filled in by `pin`.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &before.0) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn restore(_: &Affinity) {}
