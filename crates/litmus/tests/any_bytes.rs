//! Any bytes give a program or an error with a place inside the file; never a panic. Programs that come out are judged
//! within small limits.

use lockcheck_litmus::{Limits, judge};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;

/// All files of the corpus and of the syntax folder.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/litmus");
    let mut files = Vec::new();
    for part in ["corpus", "syntax"] {
        let entries = std::fs::read_dir(folder.join(part)).expect("the folder is in the repository");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        files.extend(paths.iter().map(|path| std::fs::read(path).expect("a file")));
    }
    files
});

/// Pieces that reach deep into the grammar.
const PIECES: [&str; 48] = [
    "mutex a\n",
    "rwlock x\n",
    "var v = 1\n",
    "pool p = 2\n",
    "channel c = 0\n",
    "condvar w\n",
    "thread T",
    "thread U spawned",
    ":",
    "{",
    "}",
    "\n",
    ";",
    " lock a",
    " unlock a",
    " wait w with a until v",
    " submit p { add v 1 } as f",
    " await f",
    " send c",
    " recv c as k",
    " if v",
    " else",
    " repeat 3",
    " break",
    " assert v == k",
    " store v = ",
    "1",
    "-",
    "(",
    ")",
    " not ",
    " or ",
    " and ",
    "order T\n",
    "finally v\n",
    "#",
    " spawn U",
    " join U",
    "999999",
    "1000001",
    "7x",
    " read x",
    " upgrade x",
    " write x",
    " unlock x",
    " call_once o",
    "once o\n",
    " =",
];

fn check(bytes: &[u8]) {
    let limits = Limits { states: 300, bytes: 1 << 20, findings: 3, reduce: true };
    match judge("any", bytes, &limits) {
        Ok(judgement) => {
            let text = judgement.render(bytes);
            assert!(text.starts_with("any: ") && text.lines().count() < 300, "{text}");
        }
        Err(e) => {
            let lines = bytes.iter().filter(|&&b| b == b'\n').count() + 1;
            assert!(e.line() >= 1 && e.line() as usize <= lines && e.column() >= 1, "{e}");
            assert!(e.column() as usize <= bytes.len() + 1, "{e}");
            assert!(e.message.len() < 300 && !e.message.contains('\n'), "{e}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn pieces_of_the_grammar(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)) {
        check(pieces.concat().as_bytes());
    }

    #[test]
    fn mutated_files(
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..6),
    ) {
        let mut bytes = file.get(&FILES).clone();
        for (place, edit, byte) in edits {
            let place = place.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(place, byte),
                1 => bytes.truncate(place),
                2 if place < bytes.len() => drop(bytes.remove(place)),
                _ if place < bytes.len() => bytes[place] = b" \n;{}=aT1-#"[usize::from(byte) % 11],
                _ => bytes.push(b'}'),
            }
        }
        check(&bytes);
    }
}
