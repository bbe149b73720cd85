//! One crate in its bad and in its fixed version: the bad one is reported with places in the crate, the fixed one is
//! silent, and either does under watch what it does alone.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Row;
use crate::cases::{Case, Hangs, Run};
use crate::workshop::{BUILD, Ran, Workshop, run};

/// A driver that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// The tiers, surest first.
const TIERS: [&str; 5] = ["actual", "confirmed", "predicted", "likely", "order"];
/// The tiers that count.
const COUNTING: usize = 4;

/// All runs of both versions.
pub fn practise(workshop: &Workshop, case: &Case) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (version, is_bad) in [(case.bad, true), (case.fixed, false)] {
        let names = match build(workshop, case, version, is_bad) {
            Ok(names) => names,
            Err(error) => {
                let what = format!("{} {version}", case.krate);
                rows.push(Row { what, seen: "not built".to_owned(), lost: vec![error] });
                continue;
            }
        };
        for way in case.runs {
            rows.push(practise_one(workshop, case, way, version, is_bad, &names)?);
        }
    }
    Ok(rows)
}

/// The packages of a driver: as it is, and with the crate swapped.
struct Names {
    plain: String,
    swapped: String,
}

fn build(workshop: &Workshop, case: &Case, version: &str, is_bad: bool) -> Result<Names, String> {
    let side = if is_bad { "bad" } else { "fixed" };
    let folder = workshop.place.join(case.name).join(side);
    let krate = folder.join("crate");
    workshop.fetch(case.krate, version, &krate)?;
    let said = workshop.swap(&krate)?;
    if said.contains("nothing to swap") {
        return Err(format!("nothing of {} {version} was swapped:\n{said}", case.krate));
    }
    let feature =
        if is_bad { "[features]\nfixed = []\n" } else { "[features]\ndefault = [\"fixed\"]\nfixed = []\n" };
    let dependencies = case
        .dependencies
        .replace("VERSION", version)
        .replace("FEATURES", case.features[usize::from(!is_bad)]);
    let manifest = format!("{feature}\n[dependencies]\n{dependencies}\n");
    let patch = format!("\n[patch.crates-io]\n{} = {{ path = \"../crate\" }}\n", case.krate);
    let driver = workshop.driver(case.name)?;
    let names =
        Names { plain: format!("{}_{side}_plain", case.name), swapped: format!("{}_{side}", case.name) };
    let files = [("src/main.rs", driver.as_str())];
    workshop.package(&folder.join("plain"), &names.plain, &manifest, &files)?;
    let swapped = folder.join("swapped");
    workshop.package(&swapped, &names.swapped, &format!("{manifest}{patch}"), &files)?;
    if case.driver_too {
        workshop.swap(&swapped)?;
    }
    let built = run(workshop.cargo(&folder.join("plain")).arg("build"), BUILD)?;
    if built.code != Some(0) {
        return Err(format!("the driver of {} {version} does not build:\n{}", case.krate, built.stderr));
    }
    Ok(names)
}

fn practise_one(
    workshop: &Workshop,
    case: &Case,
    way: &Run,
    version: &str,
    is_bad: bool,
    names: &Names,
) -> Result<Row, String> {
    let side = if is_bad { "bad" } else { "fixed" };
    let folder = workshop.place.join(case.name).join(side).join("swapped");
    let mut command = workshop.lockcheck(&folder);
    let how = if case.explored { "explore" } else { "run" };
    command.args([how, ".", "--message-format", "json", "--hang-after", "15s", "--"]).args(way.arguments);
    let watched = run(&mut command, BUILD)?;
    let report = report_of(&watched)?;
    let mut lost = Vec::new();
    let seen = if is_bad {
        let found = findings(&report).find(|finding| answers(finding, way, case.krate));
        if found.is_none() {
            lost.push(format!("not reported as one of {:?}", way.kinds));
        }
        found.map(describe).unwrap_or_else(|| shown(&report))
    } else {
        let counts = findings(&report).filter(|finding| rank(finding) < COUNTING).count();
        if counts > 0 {
            lost.push(format!("reported although it is fixed: {}", shown(&report)));
        }
        // 100: the program itself fails, which it then does alone as well.
        if !matches!(watched.code, Some(0 | 100)) {
            lost.push(format!("ends with {:?} under watch", watched.code));
        }
        "silent".to_owned()
    };
    let alone = by_itself(Command::new(workshop.built_plain(&names.plain)), way)?;
    let beside = by_itself(Command::new(workshop.built_swapped(&names.swapped)), way)?;
    let by_chance = is_bad && way.hangs == Hangs::ByChance && (alone.late || beside.late);
    if !by_chance && (alone.code, alone.late, &alone.stdout) != (beside.code, beside.late, &beside.stdout) {
        lost.push(format!("behaves differently: alone {}, swapped {}", ended(&alone), ended(&beside)));
    }
    if is_bad && way.hangs != Hangs::ByChance && alone.late != (way.hangs == Hangs::Always) {
        lost.push(format!("alone it {}", ended(&alone)));
    }
    let what =
        [case.krate, version].into_iter().chain(way.arguments.iter().copied()).collect::<Vec<_>>().join(" ");
    Ok(Row { what, seen: format!("{seen}; {} alone, {} swapped", ended(&alone), ended(&beside)), lost })
}

/// By itself a watched program reports and goes on.
fn by_itself(mut command: Command, way: &Run) -> Result<Ran, String> {
    run(command.args(way.arguments), PATIENCE)
}

fn ended(ran: &Ran) -> String {
    match ran.code {
        Some(code) => format!("ends with {code}"),
        None if ran.late => "hangs".to_owned(),
        None => "is ended by a signal".to_owned(),
    }
}

fn report_of(ran: &Ran) -> Result<Value, String> {
    let last = ran.stdout.lines().next_back().unwrap_or_default();
    let report: Value = serde_json::from_str(last)
        .map_err(|error| format!("lockcheck gave no report ({error}):\n{}", ran.stderr))?;
    if report["schema"] != "lockcheck.report.v1" {
        return Err(format!("lockcheck gives up:\n{}", ran.stderr));
    }
    Ok(report)
}

pub fn findings(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().into_iter().flatten()
}

/// How sure a finding is: 0 is the surest.
pub fn rank(finding: &Value) -> usize {
    TIERS.iter().position(|tier| finding["tier"] == *tier).unwrap_or(TIERS.len())
}

/// Whether it is what was to be found, in the crate.
fn answers(finding: &Value, way: &Run, krate: &str) -> bool {
    let least = TIERS.iter().position(|tier| *tier == way.tier).unwrap_or(0);
    let places = finding["evidence"].as_array().into_iter().flatten().flat_map(|side| {
        let held = side["holds"].as_array().into_iter().flatten().map(|hold| &hold["site"]);
        held.chain([&side["site"]]).collect::<Vec<_>>()
    });
    let mut own: Vec<String> =
        places.filter(|site| site["package"] == krate).map(|site| site.to_string()).collect();
    own.sort();
    own.dedup();
    way.kinds.iter().any(|kind| finding["kind"] == *kind) && rank(finding) <= least && own.len() >= way.places
}

fn describe(finding: &Value) -> String {
    let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let sites: Vec<String> = finding["evidence"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|side| format!("{}:{}", side["site"]["file"].as_str().unwrap_or("?"), side["site"]["line"]))
        .collect();
    format!("{} {} ({}) at {}", word("code"), word("kind"), word("tier"), sites.join(", "))
}

/// All that was reported, for a row that is lost.
pub fn shown(report: &Value) -> String {
    let all: Vec<String> = findings(report).map(describe).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}
