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
