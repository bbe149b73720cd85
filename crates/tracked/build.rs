//! Switches:
//!
//! | on | `mirrored`: the mirrors of std are watched types | `instrumented`: there is a run-time, see `watched` |
//! |---|---|---|
//! | feature `check`, or `--cfg lockcheck` from outside | yes | yes |
//! | feature `runtime` | no | yes |
//!
//! `parking_lot_mirrored` is `mirrored` where a mirror of parking_lot is wanted as well.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(instrumented)");
    println!("cargo::rustc-check-cfg=cfg(mirrored)");
    println!("cargo::rustc-check-cfg=cfg(lockcheck)");
    println!("cargo::rustc-check-cfg=cfg(parking_lot_mirrored)");
    println!("cargo::rerun-if-changed=build.rs");
    let on = |name| std::env::var_os(name).is_some();
    let mirrored = on("CARGO_FEATURE_CHECK") || on("CARGO_CFG_LOCKCHECK");
    if mirrored && (on("CARGO_FEATURE_PARKING_LOT_0_12") || on("CARGO_FEATURE_PARKING_LOT_0_13")) {
        println!("cargo::rustc-cfg=parking_lot_mirrored");
    }
    if mirrored {
        println!("cargo::rustc-cfg=mirrored");
    }
    if mirrored || on("CARGO_FEATURE_RUNTIME") {
        println!("cargo::rustc-cfg=instrumented");
    }
}
