//! Switching from one thread to another without the kernel: what makes a thread, but for the kernel's part, as something
//! that can be put aside and taken up again.
//!
//! A *strand* is a thread's stack, its registers and its thread-local storage. Each belongs to a thread of the operating
//! system that was started as any other, and which first puts its strand aside and goes to sleep ([`Strand::board`]). From
//! then on the one kernel thread that explores takes it up and puts it aside ([`Strand::switch_to`]), which costs some
//! twenty instructions where a hand-off from one kernel thread to the next costs two thousand nanoseconds. Whoever runs on
//! a strand sees the thread it belongs to: its stack, its thread-locals, `std::thread::current`, `pthread_self`. What it
//! does not see is the kernel's idea of that thread: `gettid`, the signal mask, the name in `/proc`. Where that matters,
//! the strand is [sent home](Strand::send_home): its own kernel thread wakes up and goes on with it from where it is.
//!
//! | state | the strand is | its kernel thread |
//! |---|---|---|
//! | `ASHORE` | run by its own kernel thread | runs |
//! | `ABOARD` | put aside, or run by the one that explores | sleeps, all signals blocked |
//! | `HOMEWARD` | put aside | is being woken up, to go on with it |
//!
//! Only on x86-64 Linux, where a program may set the base of its thread-local storage; see [`is_possible`]. A debugger
//! that looks at a kernel thread which sleeps in `board` finds the strand's stack: the unwinding table says where it is.
//!
//! Not here: who is taken up when ([`super::carrier`]).

use std::arch::{asm, naked_asm};
use std::cell::{Cell, UnsafeCell};
use std::ffi::CStr;
use std::mem::{MaybeUninit, offset_of};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::futex;

/// See the module.
const ASHORE: u32 = 0;
const ABOARD: u32 = 1;
const HOMEWARD: u32 = 2;

/// Bytes of stack for a kernel thread that sleeps, beside what the kernel itself saves there: for the two signals that are
/// libc's own, which it does not let anybody block (`setuid` of one thread is to be that of all), where neither std nor the
/// program has given the thread a stack for signals.
const CRADLE_BYTES: usize = 16 * 1024;

thread_local! {
    /// The kernel's number for the calling thread, once it has boarded; until then, 0.
    static TASK: Cell<u32> = const { Cell::new(0) };
}

/// The kernel's number for the calling thread, if it may run on another kernel thread than its own.
pub(crate) fn task() -> Option<u32> {
    Some(TASK.get()).filter(|task| *task != 0)
}

/// See the module.
#[repr(C)]
pub(super) struct Strand {
    /// Where the stack ends while the strand is put aside, at the registers saved there; else the end of [`NOWHERE`].
    /// Relaxed: the state, and that one kernel thread does all of it, order it.
    top: AtomicUsize,
    /// The base of the thread-local storage. Written once, before the strand is first put aside.
    base: AtomicUsize,
    /// The end of `cradle`.
    cradle_end: AtomicUsize,
    state: AtomicU32,
    /// The signals that the thread has blocked. Only its own kernel thread touches it.
    blocked: UnsafeCell<MaybeUninit<libc::sigset_t>>,
    /// Where the kernel thread sleeps; made by it, in words of 16 bytes.
    cradle: UnsafeCell<Vec<u128>>,
}

// SAFETY: `blocked` and `cradle` are touched by the strand's own kernel thread only, and the rest is atomic.
unsafe impl Send for Strand {}
// SAFETY: as above.
unsafe impl Sync for Strand {}

/// By whom a strand that had been put aside was taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TakenUp {
    /// By the kernel thread that explores.
    Carried,
    /// By its own.
    Home,
}

impl Strand {
    /// The strand of a thread that is yet to board, or to explore.
    pub(super) fn new() -> Strand {
        Strand {
            top: AtomicUsize::new(0),
            base: AtomicUsize::new(0),
            cradle_end: AtomicUsize::new(0),
            state: AtomicU32::new(ASHORE),
            blocked: UnsafeCell::new(MaybeUninit::uninit()),
            cradle: UnsafeCell::new(Vec::new()),
        }
    }

    /// The strand is that of the calling thread, which will explore: it takes up the others, and its own again.
    pub(super) fn explores(&self) {
        let outermost: unsafe extern "C" fn() = runs_on_another_kernel_thread;
        NOWHERE.goes_on.store(outermost as usize + 1, Ordering::Relaxed);
        self.base.store(own_base(), Ordering::Relaxed);
        self.state.store(ABOARD, Ordering::Relaxed);
    }

    /// Whether the strand is put aside, or run by the kernel thread that explores.
    pub(super) fn is_aboard(&self) -> bool {
        // Acquire pairs with the store in `sleep_aboard`: whoever sees it finds the registers saved.
        self.state.load(Ordering::Acquire) == ABOARD
    }

    /// Puts the calling thread's own strand aside for the first time; its kernel thread sleeps from then on. Returns on
    /// the kernel thread that takes it up.
    ///
    /// # Safety
    ///
    /// The strand is that of the calling thread, is kept in memory for as long as its kernel thread sleeps, and only
    /// [`switch_to`](Self::switch_to) and [`send_home`](Self::send_home) end that.
    pub(super) unsafe fn board(&self) -> TakenUp {
        self.base.store(own_base(), Ordering::Relaxed);
        // SAFETY: nobody else touches it, see the declaration.
        let cradle = unsafe { &mut *self.cradle.get() };
        if cradle.is_empty() {
            // SAFETY: reads a table that the kernel made when the program started; 0 from kernels that do not say.
            let saved = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
            *cradle = vec![0; (CRADLE_BYTES + saved) / size_of::<u128>()];
        }
        // SAFETY: takes no arguments and cannot fail.
        TASK.set(unsafe { libc::gettid() } as u32);
        self.cradle_end.store(cradle.as_mut_ptr_range().end.addr(), Ordering::Relaxed);
        // SAFETY: both sets are valid for writing. A set that cannot be changed stays as it was: then a signal may come to
        // a kernel thread that sleeps, where it has the cradle for a stack.
        unsafe {
            let mut all = MaybeUninit::uninit();
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), (*self.blocked.get()).as_mut_ptr());
        }
        // SAFETY: the cradle is there, and the caller promises the rest.
        let taken_up = unsafe { sleep_aboard(self) };
        self.arrive(taken_up)
    }

    /// Puts this strand, on which the caller runs, aside and goes on with `other`. Returns when it is taken up again.
    ///
    /// # Safety
    ///
    /// Both are aboard; the caller is on the kernel thread that explores, runs on this one, and the other is put aside.
    pub(super) unsafe fn switch_to(&self, other: &Strand) -> TakenUp {
        // SAFETY: as the caller promises.
        let taken_up = unsafe { switch(self, other) };
        self.arrive(taken_up)
    }

    fn arrive(&self, taken_up: usize) -> TakenUp {
        if taken_up == 0 {
            return TakenUp::Carried;
        }
        // SAFETY: its own kernel thread runs it, which has filled in the set when it boarded.
        unsafe {
            let blocked = (*self.blocked.get()).as_ptr();
            libc::pthread_sigmask(libc::SIG_SETMASK, blocked, std::ptr::null_mut());
        }
        TakenUp::Home
    }

    /// Has the strand's own kernel thread go on with it, which may then end, and the strand with it.
    ///
    /// # Safety
    ///
    /// The strand is aboard and put aside, and not that of the thread that explores.
    pub(super) unsafe fn send_home(strand: *const Strand) {
        // SAFETY: it is there until it is told.
        let state = unsafe { (*strand).state.as_ptr() };
        // Release pairs with the load in `sleep_aboard` (x86 orders every load so): what was done on the strand, and where
        // it was put aside, is seen by the kernel thread that goes on with it.
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(state) }.store(HOMEWARD, Ordering::Release);
        futex::wake(state);
    }

    /// Sleeps until the strand's kernel thread has put it aside.
    pub(super) fn wait_until_aboard(&self) {
        while !self.is_aboard() {
            futex::wait(&self.state, ASHORE, None);
        }
    }
}

/// The base of the calling thread's thread-local storage.
fn own_base() -> usize {
    let base: usize;
    // SAFETY: the first word there is its own address: the x86-64 ABI has it so, for programs to find it.
    unsafe { asm!("mov {}, fs:0", out(reg) base, options(nostack, readonly, preserves_flags)) };
    base
}

/// What is saved of a strand, from its top: the control words of both floating-point units, the registers that the
/// platform's C calls keep, and where to go on.
#[repr(C)]
struct Saved {
    _registers: [usize; 7],
    goes_on: AtomicUsize,
}

/// The escape in `sleep_aboard` says so.
const _: () = assert!(offset_of!(Strand, top) == 0 && size_of::<Saved>() == 64);

/// What unwinders of a kernel thread that sleeps find in the place of its strand while another one runs it: as if it had
/// been called from behind the first instruction of `runs_on_another_kernel_thread`, where `explores` says that is.
static NOWHERE: Saved = Saved { _registers: [0; 7], goes_on: AtomicUsize::new(0) };

/// Never called: the outermost frame that an unwinder finds, for whoever reads its name in a debugger.
#[unsafe(naked)]
unsafe extern "C" fn runs_on_another_kernel_thread() {
    naked_asm!(".cfi_startproc", ".cfi_undefined rip", "nop", "ud2", ".cfi_endproc")
}

/// Saves the registers at the end of the stack.
macro_rules! save {
    () => {
        "push rbp
        .cfi_def_cfa_offset 16
        .cfi_offset rbp, -16
        push rbx
        .cfi_def_cfa_offset 24
        .cfi_offset rbx, -24
        push r12
        .cfi_def_cfa_offset 32
        .cfi_offset r12, -32
        push r13
        .cfi_def_cfa_offset 40
        .cfi_offset r13, -40
        push r14
        .cfi_def_cfa_offset 48
        .cfi_offset r14, -48
        push r15
        .cfi_def_cfa_offset 56
        .cfi_offset r15, -56
        sub rsp, 8
        .cfi_def_cfa_offset 64
        stmxcsr [rsp]
        fnstcw [rsp + 4]
        mov [rdi + {top}], rsp"
    };
}

/// Takes them from there, and goes on.
macro_rules! restore {
    () => {
        "ldmxcsr [rsp]
        fldcw [rsp + 4]
        add rsp, 8
        .cfi_def_cfa_offset 56
        pop r15
        .cfi_restore r15
        .cfi_def_cfa_offset 48
        pop r14
        .cfi_restore r14
        .cfi_def_cfa_offset 40
        pop r13
        .cfi_restore r13
        .cfi_def_cfa_offset 32
        pop r12
        .cfi_restore r12
        .cfi_def_cfa_offset 24
        pop rbx
        .cfi_restore rbx
        .cfi_def_cfa_offset 16
        pop rbp
        .cfi_restore rbp
        .cfi_def_cfa_offset 8
        ret"
    };
}

/// See [`Strand::switch_to`]; 0, or what `sleep_aboard` gives.
#[unsafe(naked)]
unsafe extern "C" fn switch(own: &Strand, other: &Strand) -> usize {
    naked_asm!(
        ".cfi_startproc",
        save!(),
        "mov rax, [rsi + {base}]",
        "wrfsbase rax",
        "mov rsp, [rsi + {top}]",
        "lea rax, [rip + {nowhere}]",
        "mov [rsi + {top}], rax",
        "xor eax, eax",
        restore!(),
        ".cfi_endproc",
        top = const offset_of!(Strand, top),
        base = const offset_of!(Strand, base),
        nowhere = sym NOWHERE,
    )
}

/// See [`Strand::board`]; 0 where the strand was taken up by `switch`, else 1. Between the two, on the kernel thread that
/// sleeps, no word of the strand's stack is touched. The unwinding table has the end of the stack from the strand, whose
/// address is in `rbx`.
#[unsafe(naked)]
unsafe extern "C" fn sleep_aboard(own: &Strand) -> usize {
    naked_asm!(
        ".cfi_startproc",
        save!(),
        "mov rbx, rdi",
        "mov rsp, [rbx + {cradle_end}]",
        ".cfi_remember_state",
        // The frame's address is what `top` has, which is the strand's first word, and 64.
        ".cfi_escape 0x0f, 5, 0x73, 0, 0x06, 0x23, 64",
        "mov dword ptr [rbx + {state}], {aboard}",
        // Whoever started the thread may wait for that.
        "lea rdi, [rbx + {state}]",
        "mov esi, {wake}",
        "mov edx, 0x7fffffff",
        "mov eax, {futex}",
        "syscall",
        "2:",
        "cmp dword ptr [rbx + {state}], {aboard}",
        "jne 3f",
        "lea rdi, [rbx + {state}]",
        "mov esi, {wait}",
        "mov edx, {aboard}",
        "xor r10d, r10d",
        "mov eax, {futex}",
        "syscall",
        "jmp 2b",
        "3:",
        "mov dword ptr [rbx + {state}], {ashore}",
        "mov rsp, [rbx + {top}]",
        ".cfi_restore_state",
        "mov eax, 1",
        restore!(),
        ".cfi_endproc",
        top = const offset_of!(Strand, top),
        cradle_end = const offset_of!(Strand, cradle_end),
        state = const offset_of!(Strand, state),
        ashore = const ASHORE,
        aboard = const ABOARD,
        wake = const libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
        wait = const libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
        futex = const libc::SYS_futex,
    )
}

/// Whether strands can be switched in this process: not where something follows the stacks and would lose its way, or is to
/// see each thread on its own.
pub(super) fn is_possible() -> bool {
    static LASTS: OnceLock<bool> = OnceLock::new();
    // A debugger that comes later finds the threads all the same, but for what only the kernel knows of them.
    *LASTS.get_or_init(|| !cfg!(miri) && may_set_base() && !has_shadow_stack() && !is_instrumented())
        && !is_traced()
}

/// Whether the processor has the instruction, and the kernel lets programs use it (Linux 5.9).
fn may_set_base() -> bool {
    const FSGSBASE: libc::c_ulong = 1 << 1;
    // SAFETY: reads a table that the kernel made when the program started.
    unsafe { libc::getauxval(libc::AT_HWCAP2) & FSGSBASE != 0 }
}

/// Whether the processor keeps a second stack of return addresses.
fn has_shadow_stack() -> bool {
    let mut shadow: usize = 0;
    // SAFETY: reads where the shadow stack ends, and does nothing where there is none.
    unsafe { asm!("rdsspq {}", inout(reg) shadow, options(nomem, nostack, preserves_flags)) };
    shadow != 0
}

/// Whether valgrind or a sanitizer follows the stacks.
fn is_instrumented() -> bool {
    const INSIDE: [&CStr; 4] = [c"__tsan_init", c"__asan_init", c"__msan_init", c"__hwasan_init"];
    // SAFETY: looks a name up among what is loaded.
    let is_there = |name: &CStr| !unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.is_null();
    let preloaded = std::env::var_os("LD_PRELOAD").unwrap_or_default();
    preloaded.to_string_lossy().contains("vgpreload") || INSIDE.into_iter().any(is_there)
}

/// Whether a debugger is attached.
fn is_traced() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
}

#[cfg(all(test, feature = "check"))]
mod tests {
    use crate::rt::lifecycle::os_id;
    use crate::{Explore, explore, thread};

    #[test]
    fn a_thread_goes_by_its_own_number_whoever_runs_it() {
        let report = Explore::new().runs(2).check(|| {
            let other = thread::spawn(|| {
                // SAFETY: takes no arguments and cannot fail.
                let own = || explore::external(|| unsafe { libc::gettid() } as u64);
                (os_id(), own())
            });
            let (told, own) = other.join().unwrap();
            assert_eq!(told, own);
        });
        assert!(report.is_clean(), "{report}");
    }
}
