//! What came about, as a story: who took what where, then who waits for what, and the schedule last. At most a screen; the
//! full form, with sources and stacks, is the report crate's.

use std::fmt::Write;

use lockcheck_checker::{Code, Evidence, Finding};
use lockcheck_report::escape;

/// More sides than this are counted, not told.
const SIDES_MAX: usize = 8;

/// The story of a stuck set.
pub fn tell(finding: &Finding) -> String {
    let mut text = format!("{} {}: {}\n", finding.code, finding.kind, escape::text(&finding.message));
    let sides = &finding.evidence[..finding.evidence.len().min(SIDES_MAX)];
    let mut step = 0;
    let mut line = |words: String| {
        step += 1;
        let _ = writeln!(text, "{step:>4}. {words}");
    };
    for side in sides {
        for hold in &side.holds {
            let lock = name(finding, &hold.lock);
            line(format!("{} takes {lock} at {}", thread(side), escape::text(&hold.site.to_string())));
        }
    }
    // A notification that was lost came before the wait for it.
    let (lost, rest): (Vec<_>, Vec<_>) =
        sides.iter().partition(|side| finding.code == Code::LostWakeup && side.action == "notify");
    for side in lost {
        let (lock, place) = (name(finding, &side.lock), side.site.to_string());
        line(format!("{} notifies {lock} at {}", thread(side), escape::text(&place)));
    }
    for side in rest {
        let place = escape::text(&side.site.to_string()).into_owned();
        let lock = name(finding, &side.lock);
        let what = match side.action.as_str() {
            "panic" => {
                line(format!("{} panics at {place}", thread(side)));
                continue;
            }
            "read" | "write" => {
                line(format!("{} is about to {} {lock} at {place}", thread(side), side.action));
                continue;
            }
            "notify" => {
                line(format!("{} would notify {lock} at {place}", thread(side)));
                continue;
            }
            "submit" => {
                line(format!("{} submits a task to {lock} at {place}", thread(side)));
                continue;
            }
            "join" => "waits for the end of",
            _ => "waits for",
        };
        let holder = sides.iter().find(|other| {
            other.thread != side.thread && other.holds.iter().any(|hold| hold.lock == side.lock)
        });
        let whose = holder.map_or_else(String::new, |holder| format!(", which {} has", thread(holder)));
        line(format!("{} {what} {lock} at {place}{whose}", thread(side)));
    }
    if finding.evidence.len() > SIDES_MAX {
        let _ = writeln!(text, "      and {} more", finding.evidence.len() - SIDES_MAX);
    }
    text
}

fn thread(side: &Evidence) -> String {
    format!("`{}`", escape::text(&side.thread))
}

/// The lock's own name, or what it is and where it was made.
fn name(finding: &Finding, id: &str) -> String {
    let Some(lock) = finding.locks.iter().find(|lock| lock.id == id) else {
        return "another lock".to_owned();
    };
    match &lock.name {
        Some(name) => format!("`{}`", escape::text(name)),
        None => {
            format!("the {} made at {}", escape::text(&lock.class), escape::text(&lock.created.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use lockcheck_checker::Tier;
    use lockcheck_events::{Attempt, Mode, Site};

    use super::*;

    /// As in stm 0.2.3: the wait was told first, and the notification was one that `main` "would" send.
    #[test]
    fn a_lost_notification_is_told_before_the_wait_for_it() {
        let side = |thread: &str, action: &str, line| Evidence {
            process: 0,
            thread: thread.to_owned(),
            event: 1,
            action: action.to_owned(),
            attempt: Attempt::Block,
            lock: "1".to_owned(),
            mode: Mode::Exclusive,
            holds: Vec::new(),
            site: Site { package: "p".to_owned(), file: "src/main.rs".to_owned(), line, column: 9 },
            backtrace: Vec::new(),
        };
        let evidence = vec![side("waiter", "wait", 7), side("main", "notify", 3)];
        let told = tell(&Finding { evidence, ..Finding::bare(Code::LostWakeup, Tier::Actual) });
        let steps: Vec<&str> = told.lines().skip(1).map(str::trim).collect();
        assert_eq!(
            steps,
            [
                "1. `main` notifies another lock at src/main.rs:3:9",
                "2. `waiter` waits for another lock at src/main.rs:7:9",
            ]
        );
    }
}
