//! Ids, sites, operations, event records, the trace file and the STD text format

pub mod rapid_binary;
pub mod std_text;
pub mod trace_event;
