//! The mirrors behave as the originals: one file of tests, run against std and against `tracked`, with the feature
//! `check` and without. It asks for what users notice: values, errors, poisoning, panic messages, disconnection,
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
