//! What is practised on: published versions with a known hang and the versions that fixed it, and healthy suites.

/// A crate in two versions.
pub struct Case {
    /// What it is called here; also its driver's name.
    pub name: &'static str,
    /// The crate whose locks are swapped.
    pub krate: &'static str,
    pub bad: &'static str,
    pub fixed: &'static str,
    /// What the driver depends on, as lines of a manifest, with `VERSION` for the version under test and `FEATURES` for
    /// what follows.
    pub dependencies: &'static str,
    /// Features of the bad version, and of the fixed one; or whatever else differs between the two.
    pub features: [&'static str; 2],
    /// Whether the driver is swapped as well, because the crate takes or gives locks or channels.
    pub driver_too: bool,
    /// Whether the driver is run order after order, because by itself it hangs once in a long while.
    pub explored: bool,
    pub runs: &'static [Run],
}

/// One call of a driver.
pub struct Run {
    pub arguments: &'static [&'static str],
    /// What the bad version must be reported for: one of these kinds.
    pub kinds: &'static [&'static str],
    /// At least this sure.
    pub tier: &'static str,
    /// How many of the finding's places lie in the crate itself, at least.
    pub places: usize,
    /// Whether the bad version hangs.
    pub hangs: Hangs,
}

/// Whether a program hangs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hangs {
    Never,
    Always,
    /// If two threads meet: then nothing can be told from one run that hangs and another that does not.
    ByChance,
}

const DEADLOCK: &[&str] = &["deadlock", "self-deadlock", "rwlock-recursion"];

/// The crates.
pub const CASES: &[Case] = &[
    Case {
        name: "indicatif",
        krate: "indicatif",
        bad: "0.17.0-rc.10",
        fixed: "0.17.0-rc.11",
        dependencies: "indicatif = \"=VERSION\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[
            Run {
                arguments: &["once"],
                kinds: &["lock-order-cycle"],
                tier: "order",
                places: 2,
                hangs: Hangs::Never,
            },
            Run {
                arguments: &["apart"],
                kinds: &["lock-order-cycle"],
                tier: "likely",
                places: 2,
                hangs: Hangs::Never,
            },
            Run { arguments: &["hammer"], kinds: DEADLOCK, tier: "actual", places: 2, hangs: Hangs::Always },
        ],
    },
    Case {
        name: "sentry",
        krate: "sentry-core",
        bad: "0.32.1",
        fixed: "0.32.2",
        dependencies: "sentry-core = { version = \"=VERSION\", features = [\"client\"] }",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always }],
    },
    Case {
        name: "egui",
        krate: "epaint",
        bad: "0.17.0",
        fixed: "0.18.0",
        dependencies: "egui = { version = \"=VERSION\", default-features = false, features = [FEATURES] }",
        features: ["\"multi_threaded\", \"default_fonts\"", "\"default_fonts\""],
        driver_too: false,
        explored: false,
        runs: &[
            Run {
                arguments: &["once"],
                kinds: &["rwlock-recursion"],
                tier: "order",
                places: 1,
                hangs: Hangs::Never,
            },
            Run { arguments: &["hammer"], kinds: DEADLOCK, tier: "order", places: 1, hangs: Hangs::ByChance },
        ],
    },
    Case {
        name: "internment",
        krate: "internment",
        bad: "0.3.6",
        fixed: "0.3.7",
        dependencies: "internment = \"=VERSION\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always }],
    },
    Case {
        name: "waitout",
        krate: "waitout",
        bad: "0.1.0",
        fixed: "0.1.1",
        dependencies: "waitout = \"=VERSION\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run {
            arguments: &[],
            kinds: &["lost-wakeup", "stuck-wait"],
            tier: "likely",
            places: 1,
            hangs: Hangs::Always,
        }],
    },
    Case {
        name: "serial_test",
        krate: "serial_test",
        bad: "0.5.1",
        fixed: "0.7.0",
        dependencies: "serial_test = \"=VERSION\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[
            Run { arguments: &["nest"], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always },
            Run { arguments: &["read"], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always },
        ],
    },
    Case {
        name: "electrum",
        krate: "electrum-client",
        bad: "0.10.2",
        fixed: "0.11.0",
        dependencies: "electrum-client = { version = \"=VERSION\", default-features = false }\nbitcoin = \"0.28\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run {
            arguments: &[],
            // The caller itself reads the socket, so that it asks for what it holds.
            kinds: &["wait-while-holding", "deadlock", "self-deadlock"],
            tier: "likely",
            places: 1,
            hangs: Hangs::Always,
        }],
    },
    Case {
        name: "notify",
        krate: "notify",
        bad: "4.0.13",
        fixed: "4.0.14",
        dependencies: "notify = \"=VERSION\"",
        features: ["", ""],
        // It takes a sender.
        driver_too: true,
        explored: false,
        runs: &[Run {
            arguments: &[],
            kinds: &["lock-order-cycle"],
            tier: "likely",
            places: 2,
            hangs: Hangs::Never,
        }],
    },
    Case {
        name: "tracing_core",
        krate: "tracing-core",
        bad: "0.1.26",
        fixed: "0.1.27",
        dependencies: "tracing = { version = \"=FEATURES\", default-features = false, features = [\"std\"] }\ntracing-core = \"=VERSION\"",
        features: ["0.1.34", "0.1.35"],
        driver_too: false,
        explored: false,
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always }],
    },
    Case {
        name: "redb_savepoint",
        krate: "redb",
        bad: "0.7.0",
        fixed: "0.8.0",
        dependencies: "redb = \"=VERSION\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run {
            arguments: &["apart"],
            kinds: &["lock-order-cycle"],
            tier: "likely",
            places: 2,
            hangs: Hangs::Never,
        }],
    },
    Case {
        name: "redb_drop",
        krate: "redb",
        bad: "4.1.0",
        fixed: "4.2.0",
        dependencies: "redb = \"=VERSION\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run {
            arguments: &[],
            kinds: &["lost-wakeup", "stuck-wait"],
            tier: "actual",
            places: 1,
            hangs: Hangs::Always,
        }],
    },
    Case {
        name: "tokio_reactor",
        krate: "tokio-reactor",
        bad: "0.1.1",
        fixed: "0.1.2",
        dependencies: "tokio-reactor = \"=VERSION\"\nfutures = \"0.1.31\"\nmio = \"0.6.23\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always }],
    },
    Case {
        name: "stm",
        krate: "stm",
        bad: "0.2.3",
        fixed: "0.2.4",
        dependencies: "stm = \"=VERSION\"",
        features: ["", ""],
        // Its threads are what is to be ordered.
        driver_too: true,
        explored: true,
        runs: &[Run {
            arguments: &[],
            kinds: &["lost-wakeup"],
            tier: "confirmed",
            places: 2,
            hangs: Hangs::Never,
        }],
    },
    Case {
        name: "tracing_tree",
        krate: "tracing-tree",
        bad: "0.3.0",
        fixed: "0.3.1",
        dependencies: "tracing-tree = \"=VERSION\"\ntracing = \"0.1\"\ntracing-subscriber = \"0.3\"",
        features: ["", ""],
        driver_too: false,
        explored: false,
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: Hangs::Always }],
    },
];

/// Healthy code with tests of its own.
pub struct Suite {
    pub name: &'static str,
    pub krate: &'static str,
    pub version: &'static str,
    pub tests: Tests,
    /// Arguments for `cargo test`.
    pub arguments: &'static [&'static str],
    /// How many tests pass at least.
    pub passing: usize,
}

/// Which tests, and what is swapped.
pub enum Tests {
    /// The crate's own, with the crate swapped.
    Own,
    /// The unit tests in these files, which test types that the mirror has: taken out of the crate, and swapped.
    Unit {
        files: &'static [&'static str],
        /// What the tests depend on, as lines of a manifest.
        dependencies: &'static str,
        /// A call of something private, and what is called instead.
        private: (&'static str, &'static str),
        /// A function for that, at the end of each file that calls it.
        instead: &'static str,
    },
    /// One integration test, whose type is a port of one that the mirror has.
    Retargeted { file: &'static str, from: &'static str, to: &'static str, dependencies: &'static str },
}

/// What parking_lot's private function does, by its public ones.
const WAIT_WHILE: &str = "
fn wait_while_until_internal<T: ?Sized>(
    condvar: &parking_lot::Condvar,
    guard: &mut parking_lot::MutexGuard<'_, T>,
    condition: impl FnMut(&mut T) -> bool,
    timeout: Option<std::time::Instant>,
) -> parking_lot::WaitTimeoutResult {
    let never = std::time::Instant::now() + std::time::Duration::from_secs(3600);
    condvar.wait_while_until(guard, condition, timeout.unwrap_or(never))
}
";

/// The suites.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "parking_lot-tests",
        krate: "parking_lot",
        version: "0.12.5",
        tests: Tests::Unit {
            files: &["condvar", "fair_mutex", "mutex", "once", "remutex", "rwlock"],
            dependencies: "parking_lot = { version = \"=0.12.5\", features = [\"arc_lock\", \"serde\"] }\n\
                           bincode = \"1.3.3\"\nrand = \"0.8.3\"",
            private: ("cv.wait_while_until_internal(", "crate::wait_while_until_internal(&cv, "),
            instead: WAIT_WHILE,
        },
        arguments: &[],
        passing: 80,
    },
    Suite {
        name: "sharded_lock-tests",
        krate: "crossbeam-utils",
        version: "0.8.23",
        tests: Tests::Retargeted {
            file: "tests/sharded_lock.rs",
            from: "use crossbeam_utils::sync::ShardedLock;",
            to: "use std::sync::RwLock as ShardedLock;",
            dependencies: "rand = \"0.8\"",
        },
        arguments: &[],
        passing: 14,
    },
    Suite {
        name: "flume-tests",
        krate: "flume",
        version: "0.12.0",
        tests: Tests::Own,
        arguments: &["--tests"],
        passing: 200,
    },
    Suite {
        name: "rayon-core-tests",
        krate: "rayon-core",
        version: "1.13.0",
        tests: Tests::Own,
        arguments: &["--tests"],
        passing: 90,
    },
];
