//! Ids, sites, operations, event records, the trace file and the STD text format
