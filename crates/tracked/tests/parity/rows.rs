//! The rows of `api_parity.tsv`, parsed.

use std::fmt;
use std::path::Path;

/// One public item of one of the originals.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// Which original: `std`, or a name with versions.
    pub source: String,
    /// The type's (or, for a function, the module's) full path.
    pub path: String,
    /// `struct`, `enum`, `fn`, `method`, `trait impl`, `auto trait`, ...
    pub kind: String,
    /// The item's name.
    pub item: String,
    /// Its signature, as the documentation prints it.
    pub signature: String,
    /// Whether it is stable in Rust 1.95.
    pub stable: bool,
    /// Whether it is deprecated.
    pub deprecated: bool,
}

impl Row {
    /// The last part of the path.
    pub fn type_name(&self) -> &str {
        self.path.rsplit("::").next().unwrap_or(&self.path)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "api_parity.tsv:{}: {} {} {}", self.line, self.path, self.kind, self.item)
    }
}

/// All rows of `source`.
pub fn read(source: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/api_parity.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = text.lines().enumerate().skip(1).map(|(index, line)| parse(index + 1, line));
    rows.filter(|row| row.source == source).collect()
}

fn parse(line: usize, text: &str) -> Row {
    let fields: Vec<&str> = text.split('\t').collect();
    let [source, path, kind, item, signature, _, _, stable] = fields[..] else {
        panic!("api_parity.tsv:{line}: {} fields instead of 8", fields.len());
    };
    Row {
        line,
        source: source.to_owned(),
        path: path.to_owned(),
        kind: kind.to_owned(),
        item: item.to_owned(),
        // The documentation marks notable traits with a sign of its own.
        signature: signature.replace(" ⓘ", ""),
        stable: stable.starts_with("yes"),
        deprecated: stable.ends_with("(deprecated)"),
    }
}
