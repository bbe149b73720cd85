//! The litmus notation: a locking protocol in a few lines of text, and every interleaving of it judged.
//!
//! The notation is defined in `docs/litmus-notation.md`; "section N" below means a section of it. This crate parses a
//! sketch ([`parse`]), searches all its runs for deadlocks, races and the like, and predicts from one sequential run
//! what others could do. It is a pure library: no files, no threads, no clock; the same bytes give the same answer.
//! It does not run sketches with real locks; [`Code`] is public so that another crate can.

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
/// by the limits of section 10.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Program, ParseError> {
    let tree = parse::parse_tree(bytes).map_err(|fault| fault.in_file(file))?;
    let code = compile::compile(&tree).map_err(|fault| fault.in_file(file))?;
    Ok(Program { tree, code })
}
