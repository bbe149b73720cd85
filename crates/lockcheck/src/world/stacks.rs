//! Where stuck threads stand: their stacks, as places in the files that they run, of any program, watched or not, and
//! wherever the thread waits.
//!
//! | step | how |
//! |---|---|
//! | registers | `ptrace` stops the thread, one at a time, for as long as it takes to read them and its stack |
//! | return addresses | by the unwind tables of the loaded files (framehop), after the thread has been let go |
//! | names and lines | when the report is written (`symbols`) |
//!
//! Only what can never move again is looked at so, after the verdict has fallen. A thread that has been stopped goes on
//! with its system call, which the kernel begins again unseen, for no handler of a signal runs; `epoll_wait` alone would
//! come back with an error, so that a thread in it has no stack here.
//!
//! Why not by a signal and a handler in the program: a handler may not walk the stack, because that can take the dynamic
//! loader's lock; it would show in the program (`SigCgt`, calls that end with `EINTR`), could be the program's own, and is
//! not there in one that is not watched. What is needed, the right to trace, is needed for `/proc/PID/syscall` already.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// A place in a file of code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file.
    pub path: String,
    /// The address that the file itself gives it; of a call, not of what comes after.
    pub address: u64,
}

/// Frames kept of a stack.
const FRAMES_MAX: usize = 64;
/// Bytes kept of one.
const STACK_MAX: usize = 1 << 20;
/// How long the threads of a process may take to stop, all together. They sleep, so that each stops as soon as a
/// processor is free for it, or not at all.
const STOP: Duration = Duration::from_secs(2);

/// The stacks of these threads of a process, innermost first; those that cannot be had are not there.
pub fn take(pid: i32, tids: &[i32]) -> BTreeMap<i32, Vec<Place>> {
    let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else { return BTreeMap::new() };
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let segments: Vec<Segment> = text.lines().filter_map(Segment::parse).collect();
    let mut stopped = Vec::new();
    let until = Instant::now() + STOP;
    for &tid in tids.iter().filter(|tid| !waits_by_epoll(pid, **tid)) {
        let registers = Registers::of(tid, until, |registers| {
            let stack = copy_stack(&memory, &segments, registers.stack_pointer());
            (registers, stack)
        });
        stopped.extend(registers.map(|(registers, stack)| (tid, registers, stack)));
    }
    let code = unwind::Code::new(&segments);
    stopped.into_iter().map(|(tid, registers, stack)| (tid, code.walk(&registers, &stack))).collect()
}

/// Whether the call would not be begun again.
fn waits_by_epoll(pid: i32, tid: i32) -> bool {
    #[cfg(target_arch = "x86_64")]
    const CALLS: [i64; 3] = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
    #[cfg(not(target_arch = "x86_64"))]
    const CALLS: [i64; 2] = [libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).unwrap_or_default();
    let number = text.split_whitespace().next().and_then(|word| word.parse::<i64>().ok());
    number.is_none_or(|number| CALLS.contains(&number))
}

/// A range of a process's memory.
struct Segment {
    start: u64,
    end: u64,
    offset: u64,
    executable: bool,
    path: String,
}

impl Segment {
    /// `start-end perms offset dev inode path`.
    fn parse(line: &str) -> Option<Segment> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let permissions = words.next()?;
        let hex = |word| u64::from_str_radix(word, 16).ok();
        let offset = hex(words.next()?)?;
        let path = words.nth(2).unwrap_or_default().trim_start().to_owned();
        let executable = permissions.as_bytes().get(2) == Some(&b'x');
        Some(Segment { start: hex(start)?, end: hex(end)?, offset, executable, path })
    }
}

/// What lies on a stack, from an address on.
struct Stack {
    start: u64,
    bytes: Vec<u8>,
}

impl Stack {
    fn word(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(8)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }
}

fn copy_stack(memory: &File, segments: &[Segment], pointer: u64) -> Stack {
    let end = segments.iter().find(|segment| (segment.start..segment.end).contains(&pointer));
    let length = end.map_or(0, |segment| segment.end - pointer);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(STACK_MAX).min(STACK_MAX)];
    let read = memory.read_at(&mut bytes, pointer).unwrap_or(0);
    bytes.truncate(read);
    Stack { start: pointer, bytes }
}

/// What a thread's processor would go on with.
struct Registers(libc::user_regs_struct);

impl Registers {
    /// Stops the thread, has `then` look while it stands, and lets it go.
    fn of<R>(tid: i32, until: Instant, then: impl FnOnce(Registers) -> R) -> Option<R> {
        // SAFETY: takes numbers only; the thread is none of ours, so that no memory of this process is concerned.
        if unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, 0_usize, 0_usize) } != 0 {
            return None;
        }
        // SAFETY: as above.
        unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, tid, 0_usize, 0_usize) };
        // One that does not stop in time is let go when this process ends.
        let signal = wait_for_stop(tid, until)?;
        let result = Registers::read(tid).map(then);
        // SAFETY: as above; a signal that has stopped it on its way is passed on.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, 0_usize, signal as usize) };
        result
    }

    fn read(tid: i32) -> Option<Registers> {
        /// `NT_PRSTATUS` of `linux/elf.h`.
        const GENERAL: usize = 1;
        let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
        let mut part = libc::iovec {
            iov_base: registers.as_mut_ptr().cast(),
            iov_len: size_of::<libc::user_regs_struct>(),
        };
        // SAFETY: the kernel writes at most `iov_len` bytes to `registers`, which has as many, and all of which may
        // hold any bits.
        let done = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, GENERAL, &raw mut part) };
        // SAFETY: made of zeros, and of what the kernel has put there.
        (done == 0).then(|| Registers(unsafe { registers.assume_init() }))
    }

    #[cfg(target_arch = "x86_64")]
    fn stack_pointer(&self) -> u64 {
        self.0.rsp
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn stack_pointer(&self) -> u64 {
        self.0.sp
    }
}

/// Waits until the thread has stopped; gives the signal that was about to be delivered to it, 0 for none. Leaves the end
/// of a process to those who reap it.
fn wait_for_stop(tid: i32, until: Instant) -> Option<i32> {
    let options = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
    loop {
        let mut about = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the kernel fills in a `siginfo_t`, or leaves the zeros.
        let done = unsafe { libc::waitid(libc::P_PID, tid as libc::id_t, about.as_mut_ptr(), options) };
        // SAFETY: zeros are a value of it.
        let about = unsafe { about.assume_init() };
        // SAFETY: the fields of a child's news are filled in where it is one, else zero.
        let (who, status) = unsafe { (about.si_pid(), about.si_status()) };
        if done != 0 || Instant::now() > until {
            return None;
        }
        if who == tid {
            // The event stands above the signal; the stop that was asked for has one.
            return Some(if status >> 8 == 0 { status & 0xff } else { 0 });
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod unwind {
    //! From registers and the stack's bytes to return addresses.

    use std::fs::File;

    use framehop::{
        CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, UnwindRegsNative, Unwinder,
        UnwinderNative,
    };
    use object::{Object, ObjectSection, ObjectSegment, ReadCache, SegmentFlags};

    use super::{FRAMES_MAX, Place, Registers, Segment, Stack};

    /// The code of a process.
    pub struct Code {
        unwinder: UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>,
        /// Each mapped range, with what it is mapped from and how much later than the file says.
        files: Vec<(std::ops::Range<u64>, String, u64)>,
    }

    impl Code {
        pub fn new(segments: &[Segment]) -> Code {
            let mut code = Code { unwinder: UnwinderNative::new(), files: Vec::new() };
            for segment in
                segments.iter().filter(|segment| segment.executable && segment.path.starts_with('/'))
            {
                let range = segment.start..segment.end;
                if let Some((module, bias)) = load(segment, range.clone()) {
                    code.unwinder.add_module(module);
                    code.files.push((range, segment.path.clone(), bias));
                }
            }
            code
        }

        pub fn walk(&self, registers: &Registers, stack: &Stack) -> Vec<Place> {
            let mut cache = CacheNative::<MayAllocateDuringUnwind>::new();
            let mut read = |address| stack.word(address).ok_or(());
            let (pc, registers) = native(registers);
            let mut frames = self.unwinder.iter_frames(pc, registers, &mut cache, &mut read);
            let mut places = Vec::new();
            while let Ok(Some(frame)) = frames.next() {
                let address = frame.address_for_lookup();
                let file = self.files.iter().find(|(range, _, _)| range.contains(&address));
                let Some((_, path, bias)) = file else { break };
                places.push(Place { path: path.clone(), address: address.wrapping_sub(*bias) });
                if places.len() == FRAMES_MAX {
                    break;
                }
            }
            places
        }
    }

    /// What framehop needs of a file, and how much later it is mapped than it says.
    fn load(segment: &Segment, range: std::ops::Range<u64>) -> Option<(Module<Vec<u8>>, u64)> {
        let data = ReadCache::new(File::open(&segment.path).ok()?);
        let file = object::File::parse(&data).ok()?;
        let mapped = file.segments().find(|part| {
            // A mapping begins with the page that the segment begins in.
            let in_file = segment.offset..segment.offset + (segment.end - segment.start);
            is_code(part.flags()) && in_file.contains(&part.file_range().0)
        })?;
        let bias = (segment.start - segment.offset)
            .wrapping_add(mapped.file_range().0)
            .wrapping_sub(mapped.address());
        let bytes = |name: &str| file.section_by_name(name)?.data().ok().map(<[u8]>::to_vec);
        let place = |name: &str| {
            let section = file.section_by_name(name)?;
            Some(section.address()..section.address() + section.size())
        };
        let sections = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: place(".text"),
            text: bytes(".text"),
            got_svma: place(".got"),
            eh_frame_svma: place(".eh_frame"),
            eh_frame: bytes(".eh_frame"),
            eh_frame_hdr_svma: place(".eh_frame_hdr"),
            eh_frame_hdr: bytes(".eh_frame_hdr"),
            debug_frame: bytes(".debug_frame"),
            ..Default::default()
        };
        Some((Module::new(segment.path.clone(), range, bias, sections), bias))
    }

    fn is_code(flags: SegmentFlags) -> bool {
        matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags.0 & libc::PF_X != 0)
    }

    #[cfg(target_arch = "x86_64")]
    fn native(Registers(registers): &Registers) -> (u64, UnwindRegsNative) {
        use framehop::x86_64::Reg;
        let mut known = UnwindRegsNative::new(registers.rip, registers.rsp, registers.rbp);
        known.set(Reg::RBX, registers.rbx);
        known.set(Reg::R12, registers.r12);
        known.set(Reg::R13, registers.r13);
        known.set(Reg::R14, registers.r14);
        known.set(Reg::R15, registers.r15);
        (registers.rip, known)
    }

    #[cfg(target_arch = "aarch64")]
    fn native(Registers(registers): &Registers) -> (u64, UnwindRegsNative) {
        let [fp, lr] = [registers.regs[29], registers.regs[30]];
        (registers.pc, UnwindRegsNative::new(lr, registers.sp, fp))
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod unwind {
    //! Machines whose unwind tables framehop does not read.

    use super::{Place, Registers, Segment, Stack};

    pub struct Code;

    impl Code {
        pub fn new(_segments: &[Segment]) -> Code {
            Code
        }

        pub fn walk(&self, _registers: &Registers, _stack: &Stack) -> Vec<Place> {
            Vec::new()
        }
    }
}

#[cfg(test)]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::symbols::Symbols;

    #[test]
    fn memory_is_read_as_the_system_writes_it() {
        let line = "7f00-7f10 r-xp 00001000 00:1a 77                 /lib/a b.so";
        let segment = Segment::parse(line).unwrap();
        assert_eq!((segment.start, segment.end, segment.offset), (0x7f00, 0x7f10, 0x1000));
        assert!(segment.executable && segment.path == "/lib/a b.so");
        assert!(!Segment::parse("55-66 r--p 00000000 00:00 0 ").unwrap().executable);
        for wrong in ["", "1-2", "x-y rw-p 0 0:0 0", "1-2 rw-p z 00 0"] {
            assert!(Segment::parse(wrong).is_none(), "{wrong}");
        }
        let stack = Stack { start: 16, bytes: (0..24).collect() };
        assert_eq!(stack.word(24), Some(u64::from_ne_bytes([8, 9, 10, 11, 12, 13, 14, 15])));
        assert_eq!([stack.word(8), stack.word(33), stack.word(u64::MAX)], [None; 3]);
    }

    /// The child stops for a moment, and then reads on as if nothing had been.
    #[test]
    fn a_thread_that_reads_is_seen_in_its_read_and_reads_on() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id() as i32;
        // Of its input, which is never there: what its loader reads may come from the disk at any moment.
        let waits_for_input = || {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            let is_cat = exe.ends_with("cat") || exe.ends_with("coreutils");
            let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            is_cat && call.starts_with(&format!("{} 0x0 ", libc::SYS_read))
        };
        while !waits_for_input() {
            std::thread::yield_now();
        }
        let stacks = take(pid, &[pid]);
        let stack = &stacks[&pid];
        let symbols = Symbols::default();
        let functions: Vec<String> = stack
            .iter()
            .flat_map(|place| symbols.resolve(&place.path, place.address))
            .map(|symbol| symbol.function)
            .collect();
        assert!(stack.len() > 2, "{stack:?}");
        assert!(functions.iter().any(|name| name.contains("read")), "{functions:?}");
        assert_eq!(take(pid, &[0]), BTreeMap::new(), "no such thread");
        drop(child.stdin.take());
        assert!(child.wait_with_output().unwrap().status.success());
    }
}
