//! Examples in documentation comments. They are programs of their own that are compiled against the crate, whose locks
//! are the mirrors': a mutex of std's that they pass to it would no longer fit.
//!
//! What stands behind `///` and `//!` between fences is looked at, if it is Rust that is to compile. Examples in
//! `#[doc = "..."]`, in block comments and in included files stay as they are.

use std::ops::Range;

use proc_macro2::{TokenStream, TokenTree};
use syn::Stmt;
use syn::parse::Parser;
use syn::visit::Visit;

use crate::edit::Place;
use crate::mirrors::{Edition, Mirrors};
use crate::names::Names;
use crate::source::Swap;

/// One line of a documentation comment, behind its mark.
struct Line {
    /// Its bytes in the file.
    content: Range<usize>,
    /// Whether it goes on where the line before left off.
    continues: bool,
}

/// An example, line by line.
type Example = Vec<Range<usize>>;

/// Swaps what the examples of a file say. `rust` is the text from `offset` on.
pub fn swap(swap: &mut Swap<'_>, rust: &str, offset: usize) {
    for example in examples(swap.text, &lines(swap.text, rust, offset)) {
        one(swap, &example);
    }
}

/// The lines of all documentation comments, those in the bodies of macros included.
fn lines(text: &str, rust: &str, offset: usize) -> Vec<Line> {
    let mut marks = Vec::new();
    if let Ok(tokens) = rust.parse::<TokenStream>() {
        collect(&tokens, &mut marks);
    }
    let mut before = None;
    let mut lines = Vec::new();
    for mark in marks {
        let comment = mark.start + offset..mark.end + offset;
        let is_line =
            text.get(comment.clone()).is_some_and(|it| it.starts_with("///") || it.starts_with("//!"));
        if !is_line {
            continue;
        }
        let between = before.and_then(|end| text.get(end..comment.start));
        let continues = between.is_some_and(|it| it.trim().is_empty() && it.matches('\n').count() <= 1);
        before = Some(comment.end);
        lines.push(Line { content: comment.start + 3..comment.end, continues });
    }
    lines
}

/// Where a `#` stands: that of a documentation comment is the whole comment.
fn collect(tokens: &TokenStream, marks: &mut Vec<Range<usize>>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => collect(&group.stream(), marks),
            TokenTree::Punct(punct) if punct.as_char() == '#' => marks.push(punct.span().byte_range()),
            _ => {}
        }
    }
}

/// The fenced blocks that `rustdoc` compiles.
fn examples(text: &str, lines: &[Line]) -> Vec<Example> {
    let mut found = Vec::new();
    // The fence that is open, and what stands in it if that is an example.
    let mut open: Option<(&str, Option<Example>)> = None;
    for line in lines {
        if !line.continues {
            open = None;
        }
        let content = text[line.content.clone()].trim();
        let fence = fence_of(content);
        open = match open.take() {
            None if fence.is_empty() => None,
            None => Some((fence, is_compiled(&content[fence.len()..]).then(Vec::new))),
            Some((own, example))
                if content.starts_with(own)
                    && content.trim_start_matches(own.as_bytes()[0] as char).is_empty() =>
            {
                found.extend(example);
                None
            }
            Some((own, mut example)) => {
                if let Some(example) = &mut example {
                    example.push(line.content.clone());
                }
                Some((own, example))
            }
        };
    }
    found
}

/// The marks that open or close a block.
fn fence_of(content: &str) -> &str {
    let marks = |mark: char| content.len() - content.trim_start_matches(mark).len();
    let count = marks('`').max(marks('~'));
    // Three and more on one line with others behind are code within the line.
    if count < 3 || content[count..].contains('`') { "" } else { &content[..count] }
}

/// Whether a block with this behind its fence is Rust that must compile.
fn is_compiled(info: &str) -> bool {
    info.split([',', ' ', '\t', '{', '}']).filter(|word| !word.is_empty()).all(|word| {
        matches!(
            word,
            "rust" | "no_run" | "should_panic" | "test_harness" | "standalone_crate" | "standalone"
        ) || word.starts_with("edition")
    })
}

fn one(swap: &mut Swap<'_>, example: &Example) {
    let (Some(first), Some(last)) = (example.first(), example.last()) else { return };
    let whole = first.start..last.end;
    let code = code(swap.text, example, whole.clone());
    if !concerns_us(&code, swap.mirrors) {
        return;
    }
    let parsed: syn::Result<Vec<Stmt>> = syn::Block::parse_within.parse_str(&code);
    let Ok(statements) = parsed else {
        let place = Place::of(swap.text, whole.start);
        let why = "the example does not parse as it stands";
        return swap.leave_at(place, "an example in the documentation", why);
    };
    let mut inner = Swap::new(swap.text, whole.start, swap.mirrors, Names::of_statements(&statements));
    statements.iter().for_each(|statement| inner.visit_stmt(statement));
    if swap.mirrors.edition == Edition::E2015 {
        let why = "in an example of the documentation, which would need an `extern crate tracked;`";
        inner.swapped.into_iter().for_each(|(place, what)| swap.leave_at(place, what, why));
        return;
    }
    swap.edits.extend(inner.edits);
    swap.swapped.append(&mut inner.swapped);
    swap.left.append(&mut inner.left);
    swap.features.append(&mut inner.features);
}

/// What is compiled of an example: as long as `whole`, with blanks for what stands before the code of each line, so that
/// every byte has its place in the file.
fn code(text: &str, example: &Example, whole: Range<usize>) -> String {
    let mut code: Vec<u8> =
        text[whole.clone()].bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect();
    for line in example {
        let content = &text[line.clone()];
        let indent = content.len() - content.trim_start().len();
        let shown = &content[indent..];
        // `# ` hides a line, `##` stands for one `#`; attributes of the whole program are none of a block.
        let skip = match shown {
            _ if shown.starts_with("#!") || shown.trim_end() == "#" => shown.len(),
            _ if shown.starts_with("##") || shown.starts_with("# ") => 1,
            _ => 0,
        };
        let start = line.start + indent + skip;
        code[start - whole.start..line.end - whole.start].copy_from_slice(&text.as_bytes()[start..line.end]);
    }
    // Whole characters were replaced, each of its bytes by a blank.
    String::from_utf8(code).unwrap_or_default()
}

/// Whether a root of ours is so much as named.
fn concerns_us(code: &str, mirrors: &Mirrors) -> bool {
    let names = |name: &str| code.contains(name);
    names("std") || names("thread_local") || mirrors.parking_lots.iter().any(|own| names(&own.name))
}
