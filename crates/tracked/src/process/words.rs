//! The lock that lies in shared memory: a robust, process-shared mutex of the C library, and a word on who has it.
//!
//! | somebody | then the next one to lock it |
//! |---|---|
//! | holds it and unlocks it | gets it |
//! | holds it and dies, however | gets it as well; the mark `dead` says of whom, until it is taken away |
//!
//! The kernel keeps the list of robust mutexes that a thread holds and looks through it when the thread ends, so that
//! nobody has to ask in turns whether a holder is alive.

use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::name;
use crate::base::Site;

/// Bytes kept of the sentence on the holder.
const TEXT: usize = 112;
/// Bytes that the words take at the most: what they protect may begin there.
pub(super) const WORDS_MAX: usize = 192;

/// The lock, as it lies in memory.
#[repr(C)]
pub(super) struct LockWords {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    /// The process that holds it, or held it last; 0: nobody yet.
    holder: AtomicU32,
    /// The process that died with it; 0: none did, or what it left was put right.
    dead: AtomicU32,
    /// Whom and which line `text` is about: the address of the line, in the holder's memory.
    text_for: AtomicU64,
    text_len: AtomicU32,
    /// Who holds it, and where it was taken; the same after a death. Touched by the holder only.
    text: UnsafeCell<[u8; TEXT]>,
}

const _: () = assert!(size_of::<LockWords>() <= WORDS_MAX);

// SAFETY: the mutex is made to be shared, also between processes; the text is touched by its holder only.
unsafe impl Sync for LockWords {}

impl LockWords {
    /// Makes the lock, in memory that nobody else sees yet.
    pub(super) fn init(&self) -> io::Result<()> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised by the first call before the others use them, and destroyed last; the
        // mutex is not in use.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes))?;
            let made = check(libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED))
                .and_then(|()| {
                    check(libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST))
                })
                .and_then(|()| check(libc::pthread_mutex_init(self.mutex.get(), attributes)));
            libc::pthread_mutexattr_destroy(attributes);
            made
        }
    }

    /// Takes it if that is possible at once.
    pub(super) fn try_lock(&self) -> bool {
        // SAFETY: initialised before anybody else could see it.
        self.taken(unsafe { libc::pthread_mutex_trylock(self.mutex.get()) })
    }

    /// Takes it, however long that takes.
    pub(super) fn lock(&self) {
        // SAFETY: as above.
        let taken = self.taken(unsafe { libc::pthread_mutex_lock(self.mutex.get()) });
        assert!(taken, "a lock between processes is damaged: something else has written to its memory");
    }

    /// Takes it unless `deadline` passes first. The C library counts by the wall clock, which may be set meanwhile:
    /// the deadline's own clock has the last word.
    pub(super) fn lock_until(&self, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let until = wall.saturating_add(left.min(Duration::from_secs(3600)));
            let until = libc::timespec {
                tv_sec: until.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: until.subsec_nanos().into(),
            };
            // SAFETY: as above; the time is a valid one.
            if self.taken(unsafe { libc::pthread_mutex_timedlock(self.mutex.get(), &until) }) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// What the C library's answer means; takes note of a death.
    fn taken(&self, answer: libc::c_int) -> bool {
        match answer {
            0 => {}
            libc::EOWNERDEAD => {
                // Relaxed: the lock itself orders these words.
                self.dead.store(self.holder.load(Ordering::Relaxed).max(1), Ordering::Relaxed);
                // SAFETY: the calling thread has the mutex, in the state that this call is for.
                unsafe { libc::pthread_mutex_consistent(self.mutex.get()) };
            }
            _ => return false,
        }
        if self.dead.load(Ordering::Relaxed) == 0 {
            self.holder.store(std::process::id(), Ordering::Relaxed);
        }
        true
    }

    /// Says where the holder, the calling thread, took it. Not said while there is something to say of a dead one.
    pub(super) fn note(&self, site: Site) {
        let about = std::ptr::from_ref(site).addr() as u64 ^ u64::from(std::process::id()) << 48;
        if self.dead.load(Ordering::Relaxed) != 0 || self.text_for.load(Ordering::Relaxed) == about {
            return;
        }
        let sentence =
            format!("process `{}` (pid {}), at {}:{},", name(), std::process::id(), site.file(), site.line());
        let len = sentence.floor_char_boundary(TEXT);
        // SAFETY: the calling thread holds the lock, and only its holder touches the text.
        let text = unsafe { &mut *self.text.get() };
        text[..len].copy_from_slice(&sentence.as_bytes()[..len]);
        self.text_len.store(len as u32, Ordering::Relaxed);
        self.text_for.store(about, Ordering::Relaxed);
    }

    /// Who died with it, if somebody did. The calling thread holds it.
    pub(super) fn dead(&self) -> Option<String> {
        let pid = self.dead.load(Ordering::Relaxed);
        if pid == 0 {
            return None;
        }
        let len = (self.text_len.load(Ordering::Relaxed) as usize).min(TEXT);
        // SAFETY: as in `note`.
        let text = unsafe { &*self.text.get() };
        Some(match len {
            0 => format!("process {pid}"),
            _ => String::from_utf8_lossy(&text[..len]).into_owned(),
        })
    }

    /// What the dead one left has been put right. The calling thread holds it.
    pub(super) fn forget_death(&self) {
        self.dead.store(0, Ordering::Relaxed);
        self.holder.store(std::process::id(), Ordering::Relaxed);
        self.text_for.store(0, Ordering::Relaxed);
        self.text_len.store(0, Ordering::Relaxed);
    }

    /// Whether this process is, or was, the last to hold it and somebody holds it now: then its memory must stay.
    pub(super) fn may_be_held_here(&self) -> bool {
        if self.holder.load(Ordering::Relaxed) != std::process::id() {
            return false;
        }
        let free = self.try_lock();
        if free {
            // SAFETY: just taken.
            unsafe { self.unlock() };
        }
        !free
    }

    /// # Safety
    ///
    /// The calling thread holds it, by an acquisition that nobody else gives up.
    pub(super) unsafe fn unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { libc::pthread_mutex_unlock(self.mutex.get()) };
    }
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(answer)) }
}
