//! What is practised on: published versions with a known hang and the versions that fixed it, and healthy suites.

/// A crate in two versions.
pub struct Case {
    /// What it is called here; also its driver's name.
    pub name: &'static str,
    /// The crate whose locks are swapped.
    pub krate: &'static str,
    pub bad: &'static str,
    pub fixed: &'static str,
    /// What the driver depends on, as lines of a manifest, with `VERSION` for the version under test.
    pub dependencies: &'static str,
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
    pub hangs: bool,
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
        runs: &[
            Run {
                arguments: &["once"],
                kinds: &["lock-order-cycle"],
                tier: "order",
                places: 2,
                hangs: false,
            },
            Run {
                arguments: &["apart"],
                kinds: &["lock-order-cycle"],
                tier: "likely",
                places: 2,
                hangs: false,
            },
            Run { arguments: &["hammer"], kinds: DEADLOCK, tier: "actual", places: 2, hangs: true },
        ],
    },
    Case {
        name: "sentry",
        krate: "sentry-core",
        bad: "0.32.1",
        fixed: "0.32.2",
        dependencies: "sentry-core = { version = \"=VERSION\", features = [\"client\"] }",
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: true }],
    },
    Case {
        name: "egui",
        krate: "epaint",
        bad: "0.17.0",
        fixed: "0.18.0",
        dependencies: "egui = { version = \"=VERSION\", default-features = false, features = [\"multi_threaded\", \"default_fonts\"] }",
        runs: &[
            Run {
                arguments: &["once"],
                kinds: &["rwlock-recursion"],
                tier: "order",
                places: 1,
                hangs: false,
            },
            Run { arguments: &["hammer"], kinds: DEADLOCK, tier: "actual", places: 1, hangs: true },
        ],
    },
    Case {
        name: "internment",
        krate: "internment",
        bad: "0.3.6",
        fixed: "0.3.7",
        dependencies: "internment = \"=VERSION\"",
        runs: &[Run { arguments: &[], kinds: DEADLOCK, tier: "actual", places: 1, hangs: true }],
    },
    Case {
        name: "waitout",
        krate: "waitout",
        bad: "0.1.0",
        fixed: "0.1.1",
        dependencies: "waitout = \"=VERSION\"",
        runs: &[Run {
            arguments: &[],
            kinds: &["lost-wakeup", "stuck-wait"],
            tier: "likely",
            places: 1,
            hangs: true,
        }],
    },
    Case {
        name: "serial_test",
        krate: "serial_test",
        bad: "0.5.1",
        fixed: "0.7.0",
        dependencies: "serial_test = \"=VERSION\"",
        runs: &[
            Run { arguments: &["nest"], kinds: DEADLOCK, tier: "actual", places: 1, hangs: true },
            Run { arguments: &["read"], kinds: DEADLOCK, tier: "actual", places: 1, hangs: true },
        ],
    },
    Case {
        name: "electrum",
        krate: "electrum-client",
        bad: "0.10.2",
        fixed: "0.11.0",
        dependencies: "electrum-client = { version = \"=VERSION\", default-features = false }\nbitcoin = \"0.28\"",
        runs: &[Run {
            arguments: &[],
            kinds: &["wait-while-holding", "deadlock", "stuck-wait"],
            tier: "likely",
            places: 1,
            hangs: true,
        }],
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
    },
    /// One integration test, whose type is a port of one that the mirror has.
    Retargeted { file: &'static str, from: &'static str, to: &'static str, dependencies: &'static str },
}

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
