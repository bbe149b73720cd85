//! The litmus notation: parser, semantics, exhaustive search, prediction
