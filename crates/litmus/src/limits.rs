//! The limits of section 10 of the notation. The limits of the search are the caller's: see [`crate::Limits`].

/// Bytes of a file.
pub const FILE_BYTES: usize = 65_536;
/// Characters of a name.
pub const NAME: usize = 32;
/// Declared objects.
pub const OBJECTS: usize = 256;
/// Declared threads.
pub const THREADS: usize = 16;
/// Workers of one pool.
pub const WORKERS: i64 = 8;
/// Any number.
pub const NUMBER: i64 = 1_000_000;
/// Permits of a semaphore, capacity of a channel or queue.
pub const COUNT: i64 = 1000;
/// Arrivals of a barrier.
pub const ARRIVALS: i64 = 16;
/// Copies of a `repeat`.
pub const REPEAT: i64 = 1000;
/// Nested blocks.
pub const BLOCKS: usize = 16;
/// Nested parentheses, `not` and unary `-` in one expression.
pub const NESTING: usize = 32;
/// Operands of one expression.
pub const OPERANDS: usize = 64;
/// Statements in a file.
pub const STATEMENTS: usize = 4096;
/// Statements after unrolling every `repeat`.
pub const UNROLLED: u64 = 20_000;
