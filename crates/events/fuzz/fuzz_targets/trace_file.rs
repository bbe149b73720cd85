//! Any bytes as the knowledge of a process: records, or an error that names the file.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use lockcheck_events::trace_file::TraceReader;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room for it");
    let name = file.path().to_string_lossy().into_owned();
    let opened = TraceReader::open(file.path());
    if let Err(error) = opened.and_then(|reader| reader.collect::<Result<Vec<_>, _>>()) {
        assert!(error.to_string().starts_with(&name));
    }
});
