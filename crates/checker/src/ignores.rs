//! The `ignore`s of a program: which there are, which waits were made within them, and which have become stale.
//!
//! What they keep silent among lock orders is the order checker's business, which counts it.

use std::collections::{BTreeMap, HashMap};

use lockcheck_events::{Request, Site, SiteId, ThreadId};

use crate::finding::Context;

/// Places with an `ignore` that are told apart; further ones work, but are never called stale.
const IGNORES_MAX: usize = 1 << 12;

/// Waits within an `ignore` that are remembered; what later ones lead to is told.
const WAITS_MAX: usize = 1 << 12;

/// What is known of the `ignore`s of one process.
#[derive(Default)]
pub struct Ignores {
    /// The reason given, by the place.
    places: BTreeMap<SiteId, String>,
    /// The `ignore` that a wait was made within, by the wait's thread and event.
    waits: HashMap<(ThreadId, u32), SiteId>,
}

/// One `ignore` in the program's text. `S` is how its place is known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ignore<S> {
    /// Where it stands.
    pub site: S,
    /// Why, in the program's words.
    pub reason: String,
    /// How many findings it kept silent.
    pub silenced: u64,
}

impl Ignore<SiteId> {
    /// The same, with its place by name.
    pub fn at(self, context: &dyn Context) -> Ignore<Site> {
        Ignore { site: context.site(self.site), reason: self.reason, silenced: self.silenced }
    }
}

impl Ignores {
    /// One was entered for the first time.
    pub fn meet(&mut self, site: SiteId, reason: &str) {
        if self.places.len() < IGNORES_MAX {
            self.places.entry(site).or_insert_with(|| reason.to_owned());
        }
    }

    /// A wait was made within one.
    pub fn wait(&mut self, request: &Request, ignored: SiteId) {
        if self.waits.len() < WAITS_MAX {
            self.waits.insert((request.thread, request.event), ignored);
        }
    }

    /// The one that the wait was made within.
    pub fn of_wait(&self, request: &Request) -> Option<SiteId> {
        self.waits.get(&(request.thread, request.event)).copied()
    }

    /// All that were entered.
    pub fn list(&self, silenced: &dyn Fn(SiteId) -> u64) -> Vec<Ignore<SiteId>> {
        let ignore = |(&site, reason): (&SiteId, &String)| Ignore {
            site,
            reason: reason.clone(),
            silenced: silenced(site),
        };
        self.places.iter().map(ignore).collect()
    }
}

/// A sentence for each place whose `ignore`s, in all processes together, have kept nothing silent.
pub fn stale(ignores: impl IntoIterator<Item = Ignore<Site>>) -> Vec<String> {
    let mut places: BTreeMap<(Site, String), u64> = BTreeMap::new();
    for Ignore { site, reason, silenced } in ignores {
        *places.entry((site, reason)).or_default() += silenced;
    }
    let idle = places.into_iter().filter(|(_, silenced)| *silenced == 0);
    let say = |((site, reason), _): ((Site, String), u64)| {
        let reason = crate::words::quoted(&reason);
        format!(
            "the ignore at {}:{} ({reason}) kept nothing silent in this run: take it away if it is stale",
            site.file, site.line
        )
    };
    idle.map(say).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignore_is_stale_only_if_no_process_had_use_for_it() {
        let ignore = |line: u32, silenced: u64| Ignore {
            site: Site { package: "p".to_owned(), file: "src/a.rs".to_owned(), line, column: 1 },
            reason: "known".to_owned(),
            silenced,
        };
        assert_eq!(stale([ignore(1, 0), ignore(2, 0), ignore(2, 3)]).len(), 1);
        assert!(stale([ignore(1, 0)])[0].starts_with("the ignore at src/a.rs:1 (`known`) kept nothing"));
    }
}
