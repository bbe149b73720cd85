//! Thousands of small random programs: the checker and the naive twin agree.

use std::collections::{BTreeMap, BTreeSet};

use lockcheck_checker::{Code, OrderFinding, Tier};

use crate::language::{Program, run};
use crate::twin::{SideKey, Truth, judge, sides_of};

/// A xorshift generator: the same programs on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }
}

/// What the random programs are made of.
struct Shape {
    threads: u64,
    locks: u64,
    lines: u64,
    /// How many of ten acquisitions are plain.
    plain: u64,
    /// How many of ten lines are spawns, joins or barriers.
    points: u64,
    /// How many pieces of code the lines share; 0: each is its own.
    codes: u64,
}

fn random_program(dice: &mut Dice, shape: &Shape) -> String {
    let mut lines = Vec::new();
    for _ in 0..shape.lines {
        let thread = dice.roll(shape.threads) + 1;
        let other = (thread + dice.roll(shape.threads - 1)) % shape.threads + 1;
        if dice.roll(10) < shape.points && other != thread {
            lines.push(match dice.roll(3) {
                0 => format!("T{thread}: spawn T{other}"),
                1 => format!("T{thread}: join T{other}"),
                _ => format!("barrier T{thread} T{other}"),
            });
            continue;
        }
        let mut words = Vec::new();
        for _ in 0..2 + dice.roll(3).saturating_sub(dice.roll(2)) {
            let name = (b'a' + dice.roll(shape.locks) as u8) as char;
            // An exclusive lock is not taken twice: that is the run-time's to report.
            if words.iter().any(|word: &String| word.starts_with(name)) {
                continue;
            }
            words.push(format!("{name}{}", random_manner(dice, shape.plain)));
        }
        let code = if shape.codes > 0 { format!("@{}", dice.roll(shape.codes)) } else { String::new() };
        lines.push(format!("T{thread}{code}: {}", words.join(" ")));
    }
    with_ends(dice, lines).join("\n")
}

/// Drops some locks and ends some threads after the last line that names them, which must change nothing.
fn with_ends(dice: &mut Dice, lines: Vec<String>) -> Vec<String> {
    let names = |line: &String| -> BTreeSet<String> {
        let words = line.split([' ', ':', '@']).filter(|word| !word.is_empty());
        words.map(|word| word.split('.').next().unwrap_or(word).to_owned()).collect()
    };
    let mut ended = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        ended.push(line.clone());
        for name in names(line) {
            let last = lines[index + 1..].iter().all(|later| !names(later).contains(&name));
            if last && dice.roll(2) == 0 {
                match name.as_bytes() {
                    [b'a'..=b'z'] => ended.push(format!("drop {name}")),
                    [b'T', ..] => ended.push(format!("end {name}")),
                    _ => {}
                }
            }
        }
    }
    ended
}

fn random_manner(dice: &mut Dice, plain: u64) -> &'static str {
    if dice.roll(10) < plain {
        return "";
    }
    [".r", ".r", ".rr", ".u", ".try", ".timed", ".r.timed", ".r.try"][dice.roll(8) as usize]
}

fn kinds(findings: &[OrderFinding], code: Code, tier: Tier) -> impl Iterator<Item = &OrderFinding> {
    findings.iter().filter(move |finding| finding.code == code && finding.tier == tier)
}

fn agree(text: &str, seed: u64) -> Truth {
    let program = Program::parse(text);
    let truth = judge(&program);
    let findings = run(&program);
    let context = format!("seed {seed}\n{text}\n{truth:#?}\n{findings:#?}");
    let some = |code, tier| kinds(&findings, code, tier).next().is_some();
    assert_eq!(some(Code::LockOrderCycle, Tier::Likely), !truth.likely.is_empty(), "likely, {context}");
    if truth.likely.is_empty() {
        assert_eq!(some(Code::LockOrderCycle, Tier::Order), !truth.order.is_empty(), "order, {context}");
        assert_eq!(some(Code::MaskedByTimeout, Tier::Order), !truth.masked.is_empty(), "masked, {context}");
    }
    assert_eq!(some(Code::RwlockRecursion, Tier::Order), truth.recursion, "recursion, {context}");
    // Nothing is reported that the rule does not know, and no line that takes part in a cycle that counts is left
    // out of all reports.
    let said = |finding: &OrderFinding| (sides_of(finding), finding.links.len());
    for finding in kinds(&findings, Code::LockOrderCycle, Tier::Likely) {
        assert!(truth.likely.contains(&said(finding)), "invented, {context}");
    }
    for finding in kinds(&findings, Code::LockOrderCycle, Tier::Order) {
        assert!(truth.order.contains(&said(finding)), "invented, {context}");
    }
    for finding in kinds(&findings, Code::MaskedByTimeout, Tier::Order) {
        assert!(truth.masked.contains(&said(finding)), "invented, {context}");
    }
    let shown: BTreeSet<SideKey> =
        kinds(&findings, Code::LockOrderCycle, Tier::Likely).flat_map(sides_of).collect();
    let due: BTreeSet<SideKey> = truth.likely.iter().flat_map(|(sides, _)| sides.clone()).collect();
    assert_eq!(shown, due, "sides, {context}");
    truth
}

#[test]
fn agrees_with_the_naive_twin() {
    let shapes = [
        Shape { threads: 3, locks: 3, lines: 6, plain: 10, points: 0, codes: 0 },
        Shape { threads: 3, locks: 4, lines: 8, plain: 5, points: 1, codes: 0 },
        Shape { threads: 4, locks: 4, lines: 9, plain: 8, points: 4, codes: 0 },
        Shape { threads: 4, locks: 5, lines: 9, plain: 9, points: 2, codes: 3 },
        Shape { threads: 2, locks: 3, lines: 8, plain: 4, points: 3, codes: 0 },
        Shape { threads: 5, locks: 6, lines: 10, plain: 10, points: 1, codes: 0 },
    ];
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..4000_u64 {
        let mut dice = Dice::new(seed + 1);
        let text = random_program(&mut dice, &shapes[seed as usize % shapes.len()]);
        let truth = agree(&text, seed);
        *seen.entry("likely").or_default() += u32::from(!truth.likely.is_empty());
        *seen.entry("order only").or_default() +=
            u32::from(truth.likely.is_empty() && !truth.order.is_empty());
        *seen.entry("masked").or_default() += u32::from(!truth.masked.is_empty());
        *seen.entry("silent").or_default() += u32::from(truth.likely.is_empty() && truth.order.is_empty());
    }
    // The programs are worth their while only if each verdict is frequent.
    assert!(seen.values().all(|&count| count > 200), "{seen:?}");
}

/// The order in which threads happen to teach their lock orders does not change what is found.
#[test]
fn permutations_of_threads_find_the_same() {
    let programs = [
        "T1: a b\nT2: b c\nT3: c d\nT4: d a",
        "T1: a b\nT2: b a\nT3: b c\nT4: c a",
        "T1: a b c\nT2: c b\nT3: b a\nT4: c a",
        "T1: g a b\nT2: g b a\nT3: a b\nT4: b c\nT5: c a",
        "T1@1: a b\nT2@1: b c\nT3@1: c a\nT4@1: b a",
        "T1: a b.r\nT2: b.r a\nT3: b a\nT4: a b.timed\nT5: b a.timed",
    ];
    for text in programs {
        let lines: Vec<&str> = text.lines().collect();
        let mut sets = BTreeSet::new();
        for order in permutations(lines.len()) {
            let permuted: Vec<&str> = order.iter().map(|&index| lines[index]).collect();
            let program = renumbered(&permuted, &order);
            let program = Program::parse(&program);
            let found: BTreeSet<String> = run(&program)
                .iter()
                .map(|finding| format!("{} {:?}", finding.tier, named(finding)))
                .collect();
            sets.insert(found);
        }
        assert_eq!(sets.len(), 1, "{text}\n{sets:#?}");
    }
}

/// Gives each line the code of its place in the original text.
fn renumbered(lines: &[&str], order: &[usize]) -> String {
    let mut text = String::new();
    for (line, index) in lines.iter().zip(order) {
        let (who, steps) = line.split_once(": ").expect("a thread");
        let who = if who.contains('@') { who.to_owned() } else { format!("{who}@{}", index + 10) };
        text.push_str(&format!("{who}: {steps}\n"));
    }
    text
}

/// What makes a problem: its code and the set of its sides.
fn named(finding: &OrderFinding) -> (Code, BTreeSet<(u32, u32)>) {
    let sides = sides_of(finding).into_iter().map(|(held, _, wanted, _)| (held, wanted)).collect();
    (finding.code, sides)
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for at in 0..count {
            let mut longer = shorter.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}
