//! What a user sees, end to end.
