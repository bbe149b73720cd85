//! Any bytes as the published binary form: events, or an error that names the file and a byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockcheck_events::rapid_binary::BinaryReader;
use lockcheck_events::trace_event::Trace;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = BinaryReader::new("f.bin", bytes).and_then(Trace::read) {
        assert!(error.to_string().starts_with("f.bin: "));
    }
});
