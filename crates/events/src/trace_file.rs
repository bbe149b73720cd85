//! The trace file: an append-only shared mapping of framed records that survives the death of its writer.
