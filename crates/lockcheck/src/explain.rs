//! The pages about findings, as they stand in `docs/findings/`, inside the executable.

use std::fmt::Write;

use lockcheck_checker::Code;

macro_rules! pages {
    ($($code:ident $file:literal,)*) => {
        /// The page about a code, in Markdown.
        pub fn page(code: Code) -> &'static str {
            match code { $(Code::$code => include_str!(concat!("../findings/", $file, ".md")),)* }
        }
    };
}

pages! {
    LockOrderCycle "LC0001",
    SelfDeadlock "LC0002",
    Deadlock "LC0003",
    RwlockRecursion "LC0004",
    WaitWhileHolding "LC0005",
    LostWakeup "LC0006",
    StuckWait "LC0007",
    JoinDeadlock "LC0008",
    ExecutorStarvation "LC0009",
    CrossProcessDeadlock "LC0010",
    DataRace "LC0101",
    LostUpdate "LC0102",
    AtomicityViolation "LC0103",
    InconsistentLocking "LC0104",
    Panic "LC0105",
    NotTheOwner "LC0201",
    LockLeaked "LC0202",
    WaitWithoutPredicate "LC0203",
    Contention "LC0301",
    BlockingWhileHolding "LC0302",
    MaskedByTimeout "LC0303",
}

/// All codes, one a line.
pub fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.kind().len()).max().unwrap_or(0);
    let mut text = String::new();
    for code in Code::ALL {
        let lint = if code.is_lint() { " (lint)" } else { "" };
        let _ = writeln!(text, "{code}  {:width$}  {}{lint}", code.kind(), code.title());
    }
    text + "\n`lockcheck explain CODE` tells more about one of them.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_page() {
        for &code in Code::ALL {
            assert!(page(code).starts_with(&format!("# {} {}", code.as_str(), code.kind())), "{code}");
        }
    }

    #[test]
    fn the_list_is_complete() {
        assert!(Code::ALL.iter().all(|code| list().contains(&format!("{code}  {}", code.kind()))));
    }
}
