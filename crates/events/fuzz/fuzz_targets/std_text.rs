//! Any bytes as STD text: events, or an error that names the file and a place in it; what was read writes and reads
//! back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockcheck_events::std_text::{TextReader, TextWriter};
use lockcheck_events::trace_event::Trace;

fuzz_target!(|bytes: &[u8]| {
    match Trace::read(TextReader::new("f.std", bytes)) {
        Err(error) => assert!(error.to_string().starts_with("f.std:")),
        Ok(trace) => {
            let mut writer = TextWriter::new(Vec::new());
            for located in &trace.events {
                if writer.write(&trace.names, located).is_err() {
                    return;
                }
            }
            let text = writer.finish().expect("memory takes it");
            let again = Trace::read(TextReader::new("f.std", text.as_slice())).expect("it was just written");
            assert_eq!(again.events.len(), trace.events.len());
        }
    }
});
