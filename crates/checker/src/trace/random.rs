//! Numbers for tests that compare with a naive twin on random input. Nothing else uses them.

/// Numbers below what is asked for, the same each time: Marsaglia's xorshift with 64 bits ("Xorshift RNGs", 2003).
pub(super) fn numbers() -> impl FnMut(u32) -> u32 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u32 % below
    }
}
