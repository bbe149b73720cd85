//! Replacements by byte range, and places by line and column. Knows nothing of Rust.

use std::ops::Range;

/// A place in a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Place {
    /// Where the byte at `offset` stands in `text`.
    pub fn of(text: &str, offset: usize) -> Place {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Place { line, column: String::from_utf8_lossy(&before[line_start..]).chars().count() + 1 }
    }
}

/// Replacements in one text. No two overlap; insertions at one place keep their order.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// Replaces what stands in `range`.
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        debug_assert!(
            self.list.iter().all(|(other, _)| other.end <= range.start || range.end <= other.start),
            "{range:?} overlaps one of {:?}",
            self.list
        );
        self.list.push((range, with.into()));
    }

    /// Puts something before the byte at `offset`.
    pub fn insert(&mut self, offset: usize, text: impl Into<String>) {
        self.replace(offset..offset, text);
    }

    /// Takes over what another one has.
    pub fn extend(&mut self, other: Edits) {
        for (range, text) in other.list {
            self.replace(range, text);
        }
    }

    /// The text with everything replaced.
    pub fn apply(mut self, text: &str) -> String {
        // Stable: what is inserted at the same place stays in its order.
        self.list.sort_by_key(|(range, _)| (range.start, range.end));
        let mut result = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (range, with) in &self.list {
            result.push_str(&text[at..range.start]);
            result.push_str(with);
            at = range.end;
        }
        result.push_str(&text[at..]);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_apply_in_the_order_of_the_text() {
        let mut edits = Edits::default();
        edits.replace(4..5, "E");
        edits.insert(0, ">");
        edits.replace(1..3, "");
        assert_eq!(edits.apply("abcdef"), ">adEf");
    }

    #[test]
    fn places_count_characters() {
        let text = "a\näö std";
        assert_eq!(Place::of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(Place::of(text, text.find("std").unwrap()), Place { line: 2, column: 4 });
    }
}
