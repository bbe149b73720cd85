//! The litmus notation: a locking protocol in a few lines of text, and every interleaving of it judged.
//!
//! The notation is defined in `docs/litmus-notation.md`; "section N" in this crate means a section of it. It is a pure
//! library: no files, no threads, no clock, and the same bytes give the same answer. It does not run sketches with
//! real locks; [`Code`] and [`sequential`] are public so that another crate can.
//!
//! | question | answer |
//! |---|---|
//! | everything about one file, ready to print | [`judge`], [`Judgement::render`], [`Judgement::flags`] |
//! | is it well-formed? | [`parse`] gives a [`Program`] or a [`ParseError`] with line, column and code |
//! | what can any run do? | [`search`] gives a [`Verdict`] with a witness for each finding |
//! | what does one run foretell? | [`predict`] gives a [`Prediction`] with the requests as evidence |
//! | which steps does the sequential run take? | [`sequential`] |
//!
//! ```
//! use lockcheck_litmus::{judge, Limits};
//!
//! let sketch = b"mutex a b\nthread T1: lock a; lock b; unlock b; unlock a\nthread T2: lock b; lock a; unlock a; unlock b\n";
//! let judgement = judge("abba.litmus", sketch, &Limits::default())?;
//! assert!(judgement.verdict.deadlock && judgement.verdict.complete);
//! assert_eq!(judgement.verdict.findings[0].witness[0].to_string(), "T1:lock a");
//! # Ok::<(), lockcheck_litmus::ParseError>(())
//! ```
//!
//! The way of a sketch through the modules: `lex`, `parse` ([`ast`]), `compile` ([`code`]), then `machine` says what a
//! step does to a `state`; `search` (with `reduce` and `stuck`) takes all steps, `sequential` one after the other.
//! `witness` and `verdict` turn what was seen into findings, `render` into text; `predict` judges the sequential run.

pub mod ast;
pub mod code;
mod compile;
mod error;
mod lex;
pub mod limits;
mod machine;
mod parse;
mod predict;
mod print;
mod reduce;
mod render;
mod scope;
mod search;
mod sequential;
mod state;
mod stuck;
mod verdict;
mod witness;

pub use code::Code;
pub use error::{ErrorCode, ParseError, Position};
pub use machine::Remark;
pub use predict::{PredictedCycle, PredictedRequest, Prediction, Tier, Want, predict};
pub use render::{Judgement, judge};
pub use search::Limits;
pub use sequential::{Pending, SequentialRun, SequentialStep, sequential};
pub use state::Mode;
pub use stuck::Class;
pub use verdict::{Finding, FindingKind, Held, Place, ThreadStory, Verdict, WaitsFor, search};
pub use witness::WitnessStep;

/// A sketch without errors: its tree and what it compiles to.
#[derive(Debug, Clone)]
pub struct Program {
    tree: ast::Tree,
    code: Code,
}

impl Program {
    /// The sketch as it was written.
    #[must_use]
    pub fn tree(&self) -> &ast::Tree {
        &self.tree
    }

    /// The executable form.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }
}

impl std::fmt::Display for Program {
    /// The sketch in the notation; comments and layout are not kept.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tree.fmt(f)
    }
}

/// Reads a sketch. `file` is only named in errors. Any bytes give a program or an error; time and memory are bounded
/// by the limits of section 10 ([`limits`]).
pub fn parse(file: &str, bytes: &[u8]) -> Result<Program, ParseError> {
    let tree = parse::parse_tree(bytes).map_err(|fault| fault.in_file(file))?;
    let code = compile::compile(&tree).map_err(|fault| fault.in_file(file))?;
    Ok(Program { tree, code })
}
