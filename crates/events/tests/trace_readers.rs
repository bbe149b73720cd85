//! Readers and writers of traces on arbitrary input: never a panic, every error names the file and a place in it, and
//! what one form can hold survives the way there and back.

use std::io::Cursor;

use lockcheck_events::rapid_binary::{BinaryReader, BinaryWriter, HEADER_BYTES, Header};
use lockcheck_events::std_text::{TextReader, TextWriter, WriteError};
use lockcheck_events::trace_event::{Event, Located, Op, ReadError, Trace, WellFormed};
use proptest::prelude::*;

/// Reads all of a text.
fn text(bytes: &[u8]) -> Result<Trace, ReadError> {
    Trace::read(TextReader::new("f.std", bytes))
}

/// Reads all of a binary trace.
fn binary(bytes: &[u8]) -> Result<Trace, ReadError> {
    Trace::read(BinaryReader::new("f.bin", bytes)?)
}

/// Whether an error names the file and a line or byte, and says what was expected.
fn is_clear(error: &ReadError) -> bool {
    let message = error.to_string();
    let place = message.starts_with("f.std:") || message.starts_with("f.bin: byte ");
    place && message.contains("expected")
}

/// Feeds a trace to the rules; how far it is well-formed.
fn well_formed(trace: &Trace) -> usize {
    let mut rules = WellFormed::default();
    let good = |e: &&Located| rules.check_named("f.std", &trace.names, e).is_ok();
    trace.events.iter().take_while(good).count()
}

/// The events without lines and with names for numbers.
fn plain(trace: &Trace) -> Vec<(String, String, Op, u32)> {
    let one = |e: &Located| {
        let Event { thread, target, location, op } = e.event;
        (trace.names.thread(thread), trace.names.target(op.target_kind(), target), op, location)
    };
    trace.events.iter().map(one).collect()
}

/// Text that is almost a trace.
fn nearly_text() -> impl Strategy<Value = String> {
    let op = prop::sample::select(
        "acq rel r w fork join begin end req branch racq rrel wait notify notifyAll lock"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    let line = ("[a-c#]{1,2}", op, "(\\([a-c]{0,9}\\))?", "[0-9]{1,11}", "(\r|\\|| |)")
        .prop_map(|(thread, op, arg, location, end)| format!("{thread}|{op}{arg}|{location}{end}\n"));
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_as_text(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        match text(&bytes) {
            Ok(trace) => prop_assert!(well_formed(&trace) <= trace.events.len()),
            Err(error) => prop_assert!(is_clear(&error), "{}", error),
        }
    }

    #[test]
    fn nearly_right_text(input in nearly_text(), cut in 0usize..400) {
        let input = &input.as_bytes()[..input.len().min(cut)];
        match text(input) {
            Ok(trace) => {
                let mut writer = TextWriter::new(Vec::new());
                for located in &trace.events {
                    writer.write(&trace.names, located).expect("what was read can be written");
                }
                let again = text(&writer.finish().expect("memory takes it")).expect("it was just written");
                prop_assert_eq!(plain(&again), plain(&trace));
                well_formed(&trace);
            }
            Err(error) => {
                prop_assert!(is_clear(&error), "{}", error);
                prop_assert!(!error.is_truncation() || !input.ends_with(b"\n"));
            }
        }
    }

    #[test]
    fn any_bytes_as_binary(
        header in (0u16..4, 0u32..9, 0u32..9, 0u64..30),
        words in prop::collection::vec((0u64..16, 0u64..1024, 0u64..12, any::<u16>()), 0..30),
        cut in 0usize..400,
    ) {
        let (threads, locks, variables, events) = header;
        let mut bytes = Header { threads, locks, variables, events }.to_bytes().to_vec();
        for (op, thread, operand, location) in words {
            let word = thread | op << 10 | operand << 14 | u64::from(location) << 48;
            bytes.extend(word.to_be_bytes());
        }
        bytes.truncate(cut);
        match binary(&bytes) {
            Ok(trace) => prop_assert_eq!(trace.events.len() as u64, events),
            Err(error) => prop_assert!(is_clear(&error), "{}", error),
        }
    }

    #[test]
    fn wild_bytes_as_binary(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = binary(&bytes) {
            let too_long = matches!(error, ReadError::TooLong { .. });
            prop_assert!(too_long || is_clear(&error), "{}", error);
        }
    }

    #[test]
    fn text_to_binary_and_back(input in nearly_text()) {
        let Ok(trace) = text(input.as_bytes()) else { return Ok(()) };
        let mut writer = BinaryWriter::new(Cursor::new(Vec::new())).expect("memory takes it");
        for (number, located) in trace.events.iter().enumerate() {
            if let Err(error) = writer.write(located) {
                let WriteError::CannotHold { event, line, .. } = error else { panic!("{error}") };
                prop_assert_eq!((event, line), (number as u64 + 1, located.line));
                let Event { op, location, .. } = located.event;
                prop_assert!(op > Op::Branch || location > 32_767);
                return Ok(());
            }
        }
        let bytes = writer.finish().expect("memory takes it").into_inner();
        prop_assert_eq!(bytes.len(), HEADER_BYTES + 8 * trace.events.len());
        let again = binary(&bytes).expect("it was just written");
        prop_assert_eq!(again.events.len(), trace.events.len());
        for (a, b) in again.events.iter().zip(&trace.events) {
            prop_assert_eq!((a.event.op, a.event.location), (b.event.op, b.event.location));
            let original = again.names.threads.original(a.event.thread);
            prop_assert_eq!(original, Some(u64::from(b.event.thread)));
        }
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let trace = text("\u{feff}T1|acq(l)|1\r\nT1|rel(l)|2\r\n".as_bytes()).unwrap();
    assert_eq!((well_formed(&trace), trace.names.thread(0)), (2, "T1".to_owned()));
    let error = text("\u{feff}T1|foo(l)|1\n".as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("f.std:1:4: expected one of acq"), "{error}");
}

#[test]
fn a_header_that_promises_the_world_costs_nothing() {
    let header = Header { threads: u16::MAX, locks: u32::MAX, variables: u32::MAX, events: 1 << 31 };
    let mut bytes = header.to_bytes().to_vec();
    let word = 2u64 << 10 | u64::from(u32::MAX - 1) << 14;
    bytes.extend(word.to_be_bytes());
    let error = binary(&bytes).expect_err("it has one event");
    assert!(error.is_truncation(), "{error}");
}
