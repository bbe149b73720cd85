//! The controlled scheduler with real threads: what it must find, what it must stay silent about, and that it lets go
//! of everything it took.

mod atomics;
mod channels;
mod deadlocks;
mod failures;
mod program;
mod signals;
mod threads;
