//! The reader of recorded events on damaged files: never a panic, every error names the file, and what it gives is in
//! order and keeps the rules of a trace.

use std::path::Path;

use lockcheck_events::event_file::{
    EventFile, EventKind, EventReader, FILE_BYTES_MAX, Lane, Manner, RecordedEvent,
};
use lockcheck_events::recorded::RecordedReader;
use lockcheck_events::trace_event::WellFormed;
use proptest::prelude::*;

/// Where the chunks begin.
const CHUNKS: usize = 1 << 20;

/// What happens: thread, kind, lock kind, mode, object.
type Choice = (u32, u8, u8, u8, u64);

const KINDS: [EventKind; 22] = [
    EventKind::Acquire,
    EventKind::Release,
    EventKind::Request,
    EventKind::Fork,
    EventKind::Join,
    EventKind::Downgrade,
    EventKind::Read,
    EventKind::Write,
    EventKind::AtomicLoad,
    EventKind::AtomicStore,
    EventKind::AtomicUpdate,
    EventKind::Wait,
    EventKind::Notify,
    EventKind::NotifyAll,
    EventKind::Signal,
    EventKind::Await,
    EventKind::Before,
    EventKind::After,
    EventKind::Begin,
    EventKind::End,
    EventKind::Arrive,
    EventKind::Object,
];

/// Writes a file of these events.
fn write(path: &Path, choices: &[Choice]) {
    let file = EventFile::create(path, 1, FILE_BYTES_MAX).unwrap();
    for place in 1..4 {
        assert!(file.name_place(place, "src/main.rs", place * 10, 1));
    }
    let mut lanes = [const { Lane::new() }; 4];
    for (stamp, &(thread, kind, lock_kind, mode, object)) in (1..).zip(choices) {
        let lane = &mut lanes[thread as usize];
        if lane.is_full() {
            lane.refill(&file, thread, stamp, stamp).unwrap();
        }
        let manner = Manner { kind: KINDS[kind as usize % KINDS.len()], mode, attempt: 0, lock_kind };
        lane.append(&RecordedEvent { stamp, thread, manner, object, place: stamp % 4, index: stamp });
    }
    file.finish();
}

/// Everything that must hold of a file, whatever is in it. Gives how many events it has.
fn check(path: &Path) -> Result<usize, TestCaseError> {
    let name = path.to_string_lossy().into_owned();
    let reader = match EventReader::open(path) {
        Ok(reader) => reader,
        Err(error) => {
            prop_assert!(error.to_string().starts_with(&name), "{}", error);
            return Ok(0);
        }
    };
    let mut stamps = Vec::new();
    for event in reader {
        match event {
            Ok(event) => stamps.push(event.stamp),
            Err(error) => prop_assert!(error.to_string().starts_with(&name), "{}", error),
        }
    }
    prop_assert!(stamps.is_sorted());
    let mut rules = WellFormed::default();
    let mut line = 0;
    for located in RecordedReader::open(path).expect("it could be opened") {
        let Ok(located) = located else { break };
        line += 1;
        prop_assert_eq!(located.line, line);
        prop_assert!(rules.check(&located.event, line).is_ok(), "{:?}", located);
    }
    Ok(stamps.len())
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((0..4_u32, any::<u8>(), 0..16_u8, 0..4_u8, 0..5_u64), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_become_a_trace(choices in choices()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-0.lcevents");
        write(&path, &choices);
        prop_assert_eq!(check(&path)?, choices.len());
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(
        choices in choices(),
        damage in prop::collection::vec((0..1200_usize, any::<u8>()), 1..8),
        cut in 0..3000_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1-0.lcevents");
        write(&path, &choices);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in damage {
            // Half of it in the header and the places, half in the chunks.
            let at = if at % 2 == 0 { at / 2 } else { CHUNKS + at / 2 };
            if let Some(there) = bytes.get_mut(at) {
                *there = byte;
            }
        }
        bytes.truncate(if cut < 1000 { cut } else { CHUNKS + cut });
        std::fs::write(&path, &bytes).unwrap();
        check(&path)?;
    }
}
