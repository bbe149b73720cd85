//! The mirrors behave as the originals: one file of tests, run against std and against `tracked`, with the feature
//! `check` and without; another one against both lines of parking_lot and their mirrors. They ask for what users notice: values, errors, poisoning, panic messages, disconnection,
//! zero capacity, order of drops. Nothing here is about findings.

/// The originals: what they do is right by definition.
mod originals {
    use std::{sync, thread};

    include!("std.rs");
}

/// The mirrors.
mod mirrors {
    use tracked::{sync, thread};

    include!("std.rs");
}

/// parking_lot 0.12 and its mirror.
#[cfg(feature = "parking_lot_0_12")]
mod line_0_12 {
    mod original {
        use parking_lot as pl;

        include!("parking_lot.rs");
        include!("parking_lot_0_12.rs");
    }

    mod mirror {
        use tracked::parking_lot_0_12 as pl;

        include!("parking_lot.rs");
        include!("parking_lot_0_12.rs");
    }
}

/// parking_lot 0.13 and its mirror.
#[cfg(feature = "parking_lot_0_13")]
mod line_0_13 {
    mod original {
        use parking_lot_0_13 as pl;

        include!("parking_lot.rs");
        include!("parking_lot_0_13.rs");
    }

    mod mirror {
        use tracked::parking_lot as pl;

        include!("parking_lot.rs");
        include!("parking_lot_0_13.rs");
    }
}

/// Every type of the mirrors takes a name, whatever the features.
#[cfg(all(feature = "parking_lot_0_12", feature = "parking_lot_0_13"))]
#[test]
fn everything_takes_a_name() {
    use tracked::{Named, parking_lot, parking_lot_0_12};

    assert_eq!(*parking_lot::Mutex::new(1).named("name").lock(), 1);
    assert_eq!(*parking_lot::FairMutex::new(1).named("name").lock(), 1);
    assert_eq!(*parking_lot::ReentrantMutex::new(1).named("name").lock(), 1);
    assert_eq!(*parking_lot_0_12::ReentrantMutex::new(1).named("name").lock(), 1);
    assert_eq!(*parking_lot::RecursiveRwLock::new(1).named("name").read(), 1);
    assert_eq!(*parking_lot_0_12::RwLock::new(1).named("name").read(), 1);
    assert!(!Named::named(parking_lot_0_12::Condvar::new(), "name").notify_one());
    assert!(!Named::named(parking_lot::Once::new(), "name").is_completed());
    assert_eq!(*tracked::Mutex::new(1).named("name").lock().unwrap(), 1);
    assert_eq!(*tracked::LazyLock::new(|| 1).named("name"), 1);
    assert_eq!(tracked::OnceLock::from(1).named("name").get(), Some(&1));
}
