//! A lock order as a file: TOML that people read and change (docs/lock-order.md).
//!
//! ```toml
//! [[lock]]
//! level = 0
//! name = "registry"                 # or, or beside it:
//! created = "src/registry.rs:12:9"  # the column may be left out; a list, where there are several
//! package = "server"                # may be left out
//! nested = true                     # locks of this class are taken under each other
//!
//! [[undecided]]
//! locks = ["registry", "src/cache.rs:7:5"]
//! ```

use std::fmt::Write;
use std::path::Path;

use lockcheck_checker::declared::{Created, Declared, LockOrder, Step};
use serde::Deserialize;
use toml::Spanned;

use crate::error::{CliError, Result};
use crate::expectations::position;

/// A file above this size counts as a mistake.
const BYTES_MAX: u64 = 16 << 20;
/// Steps that are told of each class.
const STEPS_SHOWN: usize = 4;

/// What to do about a malformed one.
const REMEDY: &str = "each `[[lock]]` needs a `level` (0 or more) and a `name` or where it is `created` \
    (`\"src/main.rs:31\"`); each `[[undecided]]` needs `locks` that are declared above";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    lock: Vec<Spanned<Lock>>,
    #[serde(default)]
    undecided: Vec<Undecided>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    level: Option<Spanned<i64>>,
    name: Option<Spanned<String>>,
    created: Option<Spanned<OneOrMany>>,
    package: Option<String>,
    #[serde(default)]
    nested: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Undecided {
    locks: Spanned<Vec<Spanned<String>>>,
}

/// What is wrong, and the offset of the byte where.
type Fault = (usize, String);

/// Reads an order.
pub fn read(path: &Path) -> Result<LockOrder> {
    let size = std::fs::metadata(path).map_err(|error| CliError::io("read", path, &error))?.len();
    if size > BYTES_MAX {
        let message = format!("malformed lock order: {size} bytes; at most {BYTES_MAX} are read");
        return Err(CliError::usage("lock-order", message).at(path, 1, 1));
    }
    let bytes = std::fs::read(path).map_err(|error| CliError::io("read", path, &error))?;
    let parsed = match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text),
        Err(error) => Err((error.valid_up_to(), "it is not UTF-8".to_owned())),
    };
    parsed.map_err(|(offset, what)| {
        let (line, column) = position(&bytes, offset);
        CliError::usage("lock-order", format!("malformed lock order: {what}"))
            .at(path, line, column)
            .help(REMEDY)
    })
}

fn parse(text: &str) -> std::result::Result<LockOrder, Fault> {
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        (offset, error.message().trim().replace('\n', ", "))
    })?;
    let mut order = LockOrder::default();
    for spanned in &file.lock {
        let class = declared(spanned.span().start, spanned.get_ref())?;
        let same = |other: &Declared| {
            (class.name.is_some() && other.name == class.name)
                || class.created.iter().any(|created| other.created.contains(created))
        };
        if order.locks.iter().any(same) {
            return Err((spanned.span().start, format!("{} is declared twice", label(&class))));
        }
        order.locks.push(class);
    }
    for undecided in &file.undecided {
        let index = |word: &Spanned<String>| {
            let is = |class: &Declared| label(class) == *word.get_ref();
            let unknown = || (word.span().start, format!("no lock `{}` is declared", word.get_ref()));
            order.locks.iter().position(is).ok_or_else(unknown)
        };
        let members: std::result::Result<Vec<usize>, Fault> =
            undecided.locks.get_ref().iter().map(index).collect();
        order.undecided.push(members?);
    }
    Ok(order)
}

fn declared(start: usize, lock: &Lock) -> std::result::Result<Declared, Fault> {
    let Some(level) = &lock.level else { return Err((start, "a lock has no `level`".to_owned())) };
    let wrong = || (level.span().start, format!("`{}` is not a level", level.get_ref()));
    let level = u32::try_from(*level.get_ref()).map_err(|_| wrong())?;
    let name = match &lock.name {
        Some(name) if name.get_ref().is_empty() => {
            return Err((name.span().start, "the `name` is empty".to_owned()));
        }
        name => name.as_ref().map(|name| name.get_ref().clone()),
    };
    let places = match &lock.created {
        None => Vec::new(),
        Some(places) => {
            let texts = match places.get_ref() {
                OneOrMany::One(one) => std::slice::from_ref(one),
                OneOrMany::Many(many) => many,
            };
            let place = |text: &String| created(text, lock.package.as_deref());
            let parsed: std::result::Result<Vec<Created>, String> = texts.iter().map(place).collect();
            parsed.map_err(|what| (places.span().start, what))?
        }
    };
    if name.is_none() && places.is_empty() {
        return Err((start, "a lock has neither `name` nor `created`".to_owned()));
    }
    Ok(Declared { name, created: places, level, nested: lock.nested })
}

/// `file:line` or `file:line:column`.
fn created(text: &str, package: Option<&str>) -> std::result::Result<Created, String> {
    let wrong = || format!("`{text}` is not a place; expected `src/main.rs:31` or `src/main.rs:31:9`");
    let number = |part: &str| part.parse::<u32>().ok().filter(|&number| number > 0);
    let (head, last) = text.rsplit_once(':').ok_or_else(wrong)?;
    let last = number(last).ok_or_else(wrong)?;
    let (file, line, column) =
        match head.rsplit_once(':').and_then(|(file, line)| Some((file, number(line)?))) {
            Some((file, line)) => (file, line, Some(last)),
            None => (head, last, None),
        };
    if file.is_empty() {
        return Err(wrong());
    }
    Ok(Created { package: package.map(str::to_owned), file: file.to_owned(), line, column })
}

/// How the file and remarks about it name a class.
pub fn label(class: &Declared) -> String {
    class.name.clone().unwrap_or_else(|| class.created.first().map(place).unwrap_or_default())
}

fn place(created: &Created) -> String {
    let column = created.column.map(|column| format!(":{column}")).unwrap_or_default();
    format!("{}:{}{column}", created.file, created.line)
}

/// The order as text. `steps` are what it was observed from, for the reader.
pub fn print(order: &LockOrder, steps: &[Step], target: &str) -> String {
    let told = tell(order, steps);
    let mut text = format!(
        "# The order in which `{}` takes its locks, as it was observed.\n\
         #\n\
         # A lock may be asked for while locks of lower levels are held, never of higher ones. Between locks of one\n\
         # level no order is declared. A class is known by its name, or by where its locks are created. Change what\n\
         # should be otherwise, and let `lockcheck order --check` report what is done against it.\n",
        one_line(target)
    );
    for (index, class) in order.locks.iter().enumerate() {
        text += "\n";
        told[index].iter().for_each(|line| text += &format!("# {line}\n"));
        text += "[[lock]]\n";
        print_class(&mut text, class);
    }
    for circle in &order.undecided {
        text += "\n# Taken in both orders: a deadlock, if threads that differ do so. Give these locks levels of their own,\n\
                 # and take this entry away.\n";
        let inside = |step: &&Step| {
            let classes = (order.class_of(&step.held), order.class_of(&step.wanted));
            matches!(classes, (Some(a), Some(b)) if a != b && circle.contains(&a) && circle.contains(&b))
        };
        for step in steps.iter().filter(inside).take(STEPS_SHOWN * circle.len()) {
            let name =
                |lock| order.class_of(lock).map(|class| label(&order.locks[class])).unwrap_or_default();
            let (held, wanted) = (one_line(&name(&step.held)), one_line(&name(&step.wanted)));
            let (taken, asked) = (one_line(&step.places.0.to_string()), one_line(&step.places.1.to_string()));
            text += &format!("# `{held}` (taken at {taken}), then `{wanted}` (asked for at {asked})\n");
        }
        let labels: Vec<String> = circle.iter().map(|&class| quoted(&label(&order.locks[class]))).collect();
        text += &format!("[[undecided]]\nlocks = [{}]\n", labels.join(", "));
    }
    text
}

fn print_class(text: &mut String, class: &Declared) {
    *text += &format!("level = {}\n", class.level);
    if let Some(name) = &class.name {
        *text += &format!("name = {}\n", quoted(name));
    }
    match class.created.as_slice() {
        [] => {}
        [only] => *text += &format!("created = {}\n", quoted(&place(only))),
        several => {
            let places: Vec<String> = several.iter().map(|created| quoted(&place(created))).collect();
            *text += &format!("created = [{}]\n", places.join(", "));
        }
    }
    let package = class.created.first().and_then(|created| created.package.as_deref());
    if let Some(package) = package
        && class.created.iter().all(|created| created.package.as_deref() == Some(package))
    {
        *text += &format!("package = {}\n", quoted(package));
    }
    if class.nested {
        *text += "nested = true\n";
    }
}

/// For each class, what is asked for under its locks.
fn tell(order: &LockOrder, steps: &[Step]) -> Vec<Vec<String>> {
    let mut told = vec![Vec::new(); order.locks.len()];
    let mut more = vec![0_usize; order.locks.len()];
    let mut seen = std::collections::BTreeSet::new();
    for step in steps {
        let (Some(held), Some(wanted)) = (order.class_of(&step.held), order.class_of(&step.wanted)) else {
            continue;
        };
        if !seen.insert((held, wanted)) {
            continue;
        }
        if told[held].len() >= STEPS_SHOWN {
            more[held] += 1;
            continue;
        }
        let (taken, asked) = &step.places;
        told[held]
            .push(one_line(&format!("taken at {taken}, then `{}` at {asked}", label(&order.locks[wanted]))));
    }
    for (lines, more) in told.iter_mut().zip(more).filter(|(_, more)| *more > 0) {
        lines.push(format!("and then {more} more"));
    }
    told
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Text for a comment.
fn one_line(text: &str) -> String {
    lockcheck_report::escape::text(text).into_owned()
}

#[cfg(test)]
mod tests {
    use lockcheck_checker::declared::LockClass;
    use lockcheck_events::Site;
    use proptest::prelude::*;

    use super::*;

    fn site(file: &str, line: u32) -> Site {
        Site { package: "p".to_owned(), file: file.to_owned(), line, column: 5 }
    }

    fn fault(text: &str) -> (usize, String) {
        let (offset, what) = parse(text).unwrap_err();
        (position(text.as_bytes(), offset).0, what)
    }

    #[test]
    fn what_people_write_is_read() {
        let text = "[[lock]]\nlevel = 1\nname = 'a'\ncreated = ['src/a.rs:3', 'src/b.rs:4:5']\nnested = true\n\
                    [[lock]]\nlevel = 1\ncreated = 'src/c.rs:7'\npackage = 'q'\n\
                    [[undecided]]\nlocks = ['a', 'src/c.rs:7']\n";
        let order = parse(text).unwrap();
        assert_eq!((order.locks[0].name.as_deref(), order.locks[0].nested), (Some("a"), true));
        assert_eq!((order.locks[0].created[1].line, order.locks[0].created[1].column), (4, Some(5)));
        assert_eq!(order.locks[1].created[0].package.as_deref(), Some("q"));
        assert_eq!(order.undecided, [[0, 1]]);
        assert_eq!(parse("# nothing\n"), Ok(LockOrder::default()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let said = |text: &str, line: usize, words: &str| {
            let (at, what) = fault(text);
            assert!(at == line && what.contains(words), "{text}: {at}: {what}");
        };
        said("[[lock]]\nname = 'a'\n", 1, "no `level`");
        said("\n[[lock]]\nlevel = -1\nname = 'a'\n", 3, "not a level");
        said("[[lock]]\nlevel = 0\n", 1, "neither");
        said("[[lock]]\nlevel = 0\nname = ''\n", 3, "empty");
        said("[[lock]]\nlevel = 0\ncreated = 'x'\n", 3, "not a place");
        said("[[lock]]\nlevel = 0\ncreated = 'a.rs:0'\n", 3, "not a place");
        said("[[lock]]\nlevel = 0\nname = 'a'\n[[lock]]\nlevel = 1\nname = 'a'\n", 4, "declared twice");
        said("[[lock]]\nlevel = 0\nname = 'a'\n[[undecided]]\nlocks = ['b']\n", 5, "no lock `b`");
        said("[[lock]]\nlevel = 0\nname = 'a'\nlevle = 3\n", 4, "unknown field");
        said("[[lock]\n", 1, "");
    }

    proptest! {
        /// What is written says the same when it is read, whatever locks are called.
        #[test]
        fn an_order_survives_its_file(
            steps in prop::collection::vec((0_usize..6, 0_usize..6), 0..12),
            names in prop::collection::vec(prop::option::of("[a-c\"\\\\\n#\u{7f}é]{1,4}"), 6),
            target in "\\PC{0,9}\n?",
        ) {
            let lock = |at: usize| LockClass { name: names[at].clone(), created: site("src/a b.rs", at as u32 / 2 + 1) };
            let steps: Vec<Step> = steps
                .into_iter()
                .map(|(held, wanted)| Step { held: lock(held), wanted: lock(wanted), places: (site("x\ny", 1), site("z", 2)) })
                .collect();
            let order = LockOrder::observed(&steps);
            let text = print(&order, &steps, &target);
            prop_assert_eq!(parse(&text), Ok(order), "{}", text);
        }
    }
}
