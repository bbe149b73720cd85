//! Events in, findings out: lock order, waits, prediction
