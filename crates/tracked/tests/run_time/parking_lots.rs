//! Both mirrors of parking_lot where hardly anything works: while a thread ends, while a panic is under way, with guards
//! that nobody drops. One file of tests, included for each.

#[cfg(feature = "parking_lot_0_12")]
mod line_0_12 {
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tracked::{Tier, parking_lot_0_12 as pl, thread};

    use crate::alone::alone;

    const PATH: &str = "parking_lots::line_0_12";

    include!("corners_of_parking_lot.rs");

    /// Whoever knows of a forgotten guard may release the lock. (In the other line that takes what the guard had.)
    #[test]
    fn a_hold_whose_thread_is_gone_is_released_by_force() {
        alone(&own("a_hold_whose_thread_is_gone_is_released_by_force"), &[], || {
            let mutex = Arc::new(pl::Mutex::new(1));
            let inner = mutex.clone();
            thread::spawn(move || std::mem::forget(inner.lock())).join().unwrap();
            // SAFETY: the guard is forgotten and its thread gone, so that nobody else releases the lock.
            unsafe { mutex.force_unlock() };
            *mutex.lock() += 1;
            assert_eq!(*mutex.lock(), 2);
            nothing_counts();
        });
    }
}

#[cfg(feature = "parking_lot_0_13")]
mod line_0_13 {
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tracked::{Tier, parking_lot as pl, thread};

    use crate::alone::alone;

    const PATH: &str = "parking_lots::line_0_13";

    include!("corners_of_parking_lot.rs");
}
