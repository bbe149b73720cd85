//! Which signals a process handles, and what that says: a process that asks for a signal may be moved by one.

/// A set of signals: bit `number - 1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signals(u64);

/// Signals that say nothing about what a process waits for: faults, notices of the terminal and of children, clocks of
/// CPU time, and the two that the C library keeps for itself.
const USUAL: [i32; 19] = [
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGPIPE,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGWINCH,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGXCPU,
    32,
    33,
];

const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

impl Signals {
    /// From the field `SigCgt` of a process's status.
    pub fn parse(field: &str) -> Option<Signals> {
        u64::from_str_radix(field, 16).ok().map(Signals)
    }

    /// Those that are handled and not in this mask.
    pub fn handled_but(self, blocked: u64) -> Signals {
        Signals(self.0 & !blocked)
    }

    /// Whether one of them is handled on purpose, as far as can be seen.
    pub fn asked_for(self) -> bool {
        let usual = USUAL.iter().fold(0, |set, &signal| set | bit(signal));
        self.0 & !usual != 0
    }

    /// The same, where the interrupt from the keyboard is left out: the interpreter of Python handles it in every
    /// program.
    pub fn asked_for_beside_interrupt(self) -> bool {
        self.handled_but(bit(libc::SIGINT)).asked_for()
    }

    /// Whether the end of a child is handled.
    pub fn child_end(self) -> bool {
        self.0 & bit(libc::SIGCHLD) != 0
    }

    /// Whether that, and nothing else that is asked for.
    pub fn child_end_alone(self) -> bool {
        self.child_end() && !self.asked_for()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_interpreters_and_run_times_handle_is_not_asked_for() {
        // Python, Rust's standard library, dash waiting for a child, a debugger's friend.
        let python = Signals::parse("0000000100000002").unwrap();
        assert!(python.asked_for() && !python.asked_for_beside_interrupt());
        assert!(!Signals::parse("0000000100000440").unwrap().asked_for());
        let dash = Signals::parse("0000000000010000").unwrap();
        assert!(!dash.asked_for() && dash.child_end_alone());
        assert!(Signals::parse("0000000000004000").unwrap().asked_for_beside_interrupt(), "SIGTERM");
        assert!(Signals::parse("0000000000002000").unwrap().asked_for_beside_interrupt(), "SIGALRM");
        let both = Signals::parse("0000000000014000").unwrap();
        assert!(!both.child_end_alone() && both.handled_but(bit(libc::SIGTERM)).child_end_alone());
        assert_eq!(Signals::parse("x"), None);
    }
}
