//! What std and parking_lot keep from compiling does not compile with the watched types either, and says why in their
//! words. (`src/must_not_compile.rs` has what concerns lifetimes alone.)
//!
//! `TRYBUILD=overwrite cargo test --workspace --test must_not_compile` writes the messages anew. With the feature
//! `process` the compiler spells some names out, because there are two of each.

#[test]
fn what_must_not_compile_does_not() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/must_not_compile/std/*.rs");
    #[cfg(feature = "process")]
    cases.compile_fail("tests/must_not_compile/vocabulary/*.rs");
    #[cfg(all(feature = "process", target_os = "linux"))]
    cases.compile_fail("tests/must_not_compile/process/*.rs");
    #[cfg(all(feature = "parking_lot_0_12", not(feature = "send_guard")))]
    cases.compile_fail("tests/must_not_compile/parking_lot_0_12/*.rs");
}
