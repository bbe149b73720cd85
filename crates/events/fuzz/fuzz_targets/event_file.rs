//! Any bytes as recorded events: events in the order of their numbers, or an error that names the file; and the same as
//! a trace, which keeps the rules of one.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use lockcheck_events::event_file::EventReader;
use lockcheck_events::recorded::RecordedReader;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room for it");
    let name = file.path().to_string_lossy().into_owned();
    match EventReader::open(file.path()) {
        Err(error) => assert!(error.to_string().starts_with(&name)),
        Ok(reader) => {
            let stamps: Vec<u32> = reader.map_while(Result::ok).map(|event| event.stamp).collect();
            assert!(stamps.is_sorted());
            let mut recorded = RecordedReader::open(file.path()).expect("it could be opened");
            recorded.by_ref().for_each(drop);
        }
    }
});
