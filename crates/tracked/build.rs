//! Two switches out of three:
//!
//! | on | `mirrored`: the mirrors of std are watched types | `instrumented`: there is a run-time, see `watched` |
//! |---|---|---|
//! | feature `check`, or `--cfg lockcheck` from outside | yes | yes |
//! | feature `runtime` | no | yes |

fn main() {
    println!("cargo::rustc-check-cfg=cfg(instrumented)");
    println!("cargo::rustc-check-cfg=cfg(mirrored)");
    println!("cargo::rustc-check-cfg=cfg(lockcheck)");
    println!("cargo::rerun-if-changed=build.rs");
    let on = |name| std::env::var_os(name).is_some();
    let mirrored = on("CARGO_FEATURE_CHECK") || on("CARGO_CFG_LOCKCHECK");
    if mirrored {
        println!("cargo::rustc-cfg=mirrored");
    }
    if mirrored || on("CARGO_FEATURE_RUNTIME") {
        println!("cargo::rustc-cfg=instrumented");
    }
}
