//! What is remembered of a request: who, where, how, and everything that was held.
//!
//! A request made with the same hold set from the same place in the same segment teaches nothing new, so requests
//! are stored once. Hold sets are chains that share their older holds: the set at `c` in `a, b, c` is the set at
//! `b` and one more. What stands in a chain is the same for all who hold it so; the event numbers, which are not,
//! stand with the request.
//!
//! Nothing here knows the graph.

use hashbrown::{HashMap, HashSet, HashTable};
use lockcheck_events::{Hold, LockId, Request, SiteId, StackId, ThreadId};

use super::history::History;
use super::modes::{Conflict, Manner, conflict};
use super::slab::{NONE, Slab, mix};
use super::stated::Stated;

/// The last hold of a hold set, and with its parents the whole set.
struct Held {
    lock: u64,
    /// The hold before it; `NONE` for the oldest.
    parent: u32,
    site: u32,
    /// Chains and requests that build on it.
    refs: u32,
    /// One bit for each lock of the chain (by hash): two sets without a common bit have no common lock.
    mask: u32,
    /// Holds in the chain.
    depth: u32,
    manner: Manner,
}

/// What stands in the place of a hold that was taken out: a chain ends with it.
impl Default for Held {
    fn default() -> Self {
        let manner = Manner::default();
        Held { lock: 0, parent: NONE, site: 0, refs: 0, mask: 0, depth: 0, manner }
    }
}

/// A place in the program that asks for locks.
struct Place {
    site: u32,
    stack: u32,
    manner: Manner,
}

/// A request without the lock it is for, which the edge knows.
#[derive(Default)]
pub struct Ask {
    /// Where in the order of threads' lives.
    pub segment: u32,
    /// The last hold of what was held. Never `NONE`.
    holds: u32,
    place: u32,
    event: u32,
    /// The event of the one hold; if there are several, the number of their `Many`.
    extra: u32,
}

/// What a request with several holds needs beside its `Ask`.
#[derive(Default)]
struct Many {
    /// Edges that rest on the request.
    refs: u32,
    /// The events of the holds, oldest first.
    events: Box<[u32]>,
}

/// All evidence.
#[derive(Default)]
pub struct Evidence {
    held: Slab<Held>,
    /// Numbers of `held`, by content.
    held_index: HashTable<u32>,
    /// Never shrinks: bounded by the program's text.
    places: Vec<Place>,
    place_index: HashTable<u32>,
    asks: Slab<Ask>,
    many: Slab<Many>,
    /// What is stated about requests: those about which something is.
    stated: HashMap<u32, Stated>,
    /// Of these, how many were made within an `ignore`.
    ignored: usize,
    /// Gates that turned out to serialise nothing.
    refuted: HashSet<u64>,
    /// Who made the requests when.
    pub history: History,
}

impl Evidence {
    /// Remembers a request made with at least one hold. The caller owns one reference.
    pub fn add(&mut self, request: &Request) -> u32 {
        let holds = self.intern_holds(&request.holds);
        let place = self.intern_place(request);
        let segment = self.history.learn(request.thread.0);
        let extra = match &*request.holds {
            [only] => only.event,
            several => {
                let events = several.iter().map(|hold| hold.event).collect();
                self.many.insert(Many { refs: 1, events })
            }
        };
        self.asks.insert(Ask { segment, holds, place, event: request.event, extra })
    }

    /// One more edge rests on the request. Only for requests with several holds.
    pub fn retain(&mut self, ask: u32) {
        let extra = self.asks[ask].extra;
        if !self.is_single(ask) {
            self.many[extra].refs += 1;
        }
    }

    /// One edge fewer rests on the request; with the last one it is forgotten.
    pub fn release(&mut self, ask: u32) {
        if !self.is_single(ask) {
            let extra = self.asks[ask].extra;
            let many = &mut self.many[extra];
            many.refs = many.refs.saturating_sub(1);
            if many.refs > 0 {
                return;
            }
            self.many.remove(extra);
        }
        let gone = self.asks.remove(ask);
        if !self.stated.is_empty()
            && let Some(stated) = self.stated.remove(&ask)
        {
            self.ignored -= usize::from(stated.ignored != 0);
        }
        self.history.release(gone.segment);
        self.release_holds(gone.holds);
    }

    /// Adds what is stated about a request.
    pub fn state(&mut self, ask: u32, stated: Stated) {
        self.ignored += usize::from(stated.ignored != 0);
        self.stated.insert(ask, stated);
    }

    /// What is stated about the request.
    #[inline]
    pub fn stated(&self, ask: u32) -> Option<&Stated> {
        if self.stated.is_empty() { None } else { self.stated.get(&ask) }
    }

    /// Whether any request was made within an `ignore`.
    #[inline]
    pub fn any_ignored(&self) -> bool {
        self.ignored > 0
    }

    /// The `ignore` that the request was made within; 0: none.
    #[inline]
    pub fn ignored(&self, ask: u32) -> u32 {
        self.stated(ask).map_or(0, |stated| stated.ignored)
    }

    /// From here on the gate keeps nobody apart.
    pub fn refute(&mut self, gate: u64) {
        self.refuted.insert(gate);
    }

    /// Whether the request was made while the lock was held.
    pub fn is_under(&self, ask: u32, lock: u64) -> bool {
        self.chain(self.asks[ask].holds).any(|held| held.lock == lock)
    }

    fn digest(&self, ask: u32) -> u64 {
        self.stated(ask).map_or(0, |stated| stated.digest)
    }

    /// Whether the request would teach nothing that `ask` has not taught (for the same wanted lock). `digest` is that
    /// of what is stated about it; 0: nothing.
    pub fn is_same(&self, ask: u32, request: &Request, digest: u64) -> bool {
        let known = &self.asks[ask];
        let place = &self.places[known.place as usize];
        let segment = self.history.segment(known.segment);
        segment.current
            && segment.thread == request.thread.0
            && place.site == request.site.0
            && place.manner == Manner::new(request.mode, request.attempt)
            && self.same_holds(known.holds, &request.holds)
            && self.digest(ask) == digest
    }

    /// Whether two requests differ in nothing but thread and time.
    pub fn same_class(&self, one: u32, two: u32) -> bool {
        let (first, second) = (&self.asks[one], &self.asks[two]);
        first.holds == second.holds && first.place == second.place && self.digest(one) == self.digest(two)
    }

    /// The request.
    #[inline]
    pub fn ask(&self, ask: u32) -> &Ask {
        &self.asks[ask]
    }

    /// How the request asked.
    #[inline]
    pub fn manner(&self, ask: u32) -> Manner {
        self.places[self.asks[ask].place as usize].manner
    }

    /// Who asked.
    #[inline]
    pub fn thread(&self, ask: u32) -> u32 {
        self.history.segment(self.asks[ask].segment).thread
    }

    /// Whether a request for `lock` in the manner `wanted` waits for what the thread of `ask` held of it.
    pub fn conflict(&self, ask: u32, lock: u64, wanted: Manner) -> Conflict {
        self.chain(self.asks[ask].holds)
            .filter(|held| held.lock == lock)
            .map(|held| conflict(held.manner.mode(), wanted.mode()))
            .max()
            .unwrap_or(Conflict::Never)
    }

    /// Whether two requests can never be pending at the same time: a lock that both threads hold keeps them apart
    /// (a gate), or spawn, join and barrier order them.
    pub fn excluded(&self, one: u32, two: u32) -> bool {
        let (one, two) = (&self.asks[one], &self.asks[two]);
        self.gated(one.holds, two.holds) || self.history.ordered(one.segment, two.segment)
    }

    /// How many holds the request was made with.
    pub fn depth(&self, ask: u32) -> u64 {
        self.held[self.asks[ask].holds].depth.into()
    }

    /// The request as it was made.
    pub fn request(&self, ask: u32, lock: u64) -> Request {
        let known = &self.asks[ask];
        let place = &self.places[known.place as usize];
        let single = [known.extra];
        let events = if self.is_single(ask) { &single[..] } else { &self.many[known.extra].events };
        let mut holds: Vec<Hold> = self
            .chain(known.holds)
            .zip(events.iter().rev())
            .map(|(held, &event)| Hold {
                lock: LockId(held.lock),
                mode: held.manner.mode(),
                attempt: held.manner.attempt(),
                site: SiteId(held.site),
                event,
            })
            .collect();
        holds.reverse();
        Request {
            thread: ThreadId(self.thread(ask)),
            event: known.event,
            lock: LockId(lock),
            mode: place.manner.mode(),
            attempt: place.manner.attempt(),
            site: SiteId(place.site),
            stack: StackId(place.stack),
            holds,
        }
    }

    fn is_single(&self, ask: u32) -> bool {
        self.held[self.asks[ask].holds].parent == NONE
    }

    /// The holds of a set, youngest first.
    fn chain(&self, last: u32) -> impl Iterator<Item = &Held> {
        let mut next = last;
        std::iter::from_fn(move || {
            let held = (next != NONE).then(|| &self.held[next])?;
            next = held.parent;
            Some(held)
        })
    }

    fn same_holds(&self, last: u32, holds: &[Hold]) -> bool {
        let mut next = last;
        for hold in holds.iter().rev() {
            if next == NONE || !self.held[next].is(hold) {
                return false;
            }
            next = self.held[next].parent;
        }
        next == NONE
    }

    fn gated(&self, one: u32, two: u32) -> bool {
        let common = self.held[one].mask & self.held[two].mask;
        common != 0
            && self.chain(one).filter(|held| common & mask(held.lock) != 0).any(|a| {
                !self.refuted.contains(&a.lock)
                    && self.chain(two).any(|b| a.lock == b.lock && a.manner.mode().excludes(b.manner.mode()))
            })
    }

    fn intern_holds(&mut self, holds: &[Hold]) -> u32 {
        let mut last = NONE;
        for hold in holds {
            let hash = held_hash(last, hold.lock.0, hold.site.0, Manner::new(hold.mode, hold.attempt));
            let table = &self.held;
            let known =
                self.held_index.find(hash, |&index| table[index].parent == last && table[index].is(hold));
            last = match known {
                Some(&index) => index,
                None => self.new_held(last, hold, hash),
            };
        }
        if last != NONE {
            self.held[last].refs += 1;
        }
        last
    }

    fn new_held(&mut self, parent: u32, hold: &Hold, hash: u64) -> u32 {
        let (mut bits, mut depth) = (mask(hold.lock.0), 1);
        if parent != NONE {
            let parent = &mut self.held[parent];
            parent.refs += 1;
            bits |= parent.mask;
            depth += parent.depth;
        }
        let index = self.held.insert(Held {
            lock: hold.lock.0,
            parent,
            site: hold.site.0,
            refs: 0,
            mask: bits,
            depth,
            manner: Manner::new(hold.mode, hold.attempt),
        });
        let held = &self.held;
        self.held_index.insert_unique(hash, index, |&index| held[index].hash());
        index
    }

    fn release_holds(&mut self, last: u32) {
        let mut next = last;
        while next != NONE {
            let held = &mut self.held[next];
            held.refs = held.refs.saturating_sub(1);
            if held.refs > 0 {
                return;
            }
            if let Ok(entry) = self.held_index.find_entry(held.hash(), |&index| index == next) {
                entry.remove();
            }
            next = self.held.remove(next).parent;
        }
    }

    fn intern_place(&mut self, request: &Request) -> u32 {
        let place = Place {
            site: request.site.0,
            stack: request.stack.0,
            manner: Manner::new(request.mode, request.attempt),
        };
        let places = &self.places;
        let same = |&index: &u32| places[index as usize] == place;
        if let Some(&index) = self.place_index.find(place.hash(), same) {
            return index;
        }
        let index = self.places.len() as u32;
        self.places.push(place);
        let places = &self.places;
        self.place_index
            .insert_unique(places[index as usize].hash(), index, |&index| places[index as usize].hash());
        index
    }
}

impl Held {
    #[inline]
    fn is(&self, hold: &Hold) -> bool {
        self.lock == hold.lock.0
            && self.site == hold.site.0
            && self.manner == Manner::new(hold.mode, hold.attempt)
    }

    fn hash(&self) -> u64 {
        held_hash(self.parent, self.lock, self.site, self.manner)
    }
}

fn held_hash(parent: u32, lock: u64, site: u32, manner: Manner) -> u64 {
    mix(mix(lock, parent.into()), u64::from(site) << 8 | manner.bits())
}

/// The bit of `Held::mask` that stands for the lock.
#[inline]
fn mask(lock: u64) -> u32 {
    1 << (mix(lock, 0) & 31)
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        self.site == other.site && self.stack == other.stack && self.manner == other.manner
    }
}

impl Place {
    fn hash(&self) -> u64 {
        mix(u64::from(self.site) << 32 | u64::from(self.stack), self.manner.bits())
    }
}
