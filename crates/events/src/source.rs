//! Turns the compiler's paths into (package, file) pairs that are the same on every machine.
