//! One name for "instrumented": the feature `check`, or `--cfg lockcheck` from outside.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(instrumented)");
    println!("cargo::rustc-check-cfg=cfg(lockcheck)");
    println!("cargo::rerun-if-changed=build.rs");
    let by_feature = std::env::var_os("CARGO_FEATURE_CHECK").is_some();
    let from_outside = std::env::var_os("CARGO_CFG_LOCKCHECK").is_some();
    if by_feature || from_outside {
        println!("cargo::rustc-cfg=instrumented");
    }
}
