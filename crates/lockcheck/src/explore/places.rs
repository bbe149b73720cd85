//! Where the sides of a predicted cycle are met in a run under control.
//!
//! A prediction comes from another run, in which threads had other numbers and other events. What both runs have in
//! common are lines of source: a side is met where some thread asks for a lock at the side's line while it holds locks
//! taken at the side's other lines, and the sides together must mean the same locks.

use std::collections::HashMap;

use lockcheck_checker::{Evidence, Finding};
use lockcheck_events::source::SourceMap;
use lockcheck_events::{LockId, RawSite, Record, Site, SiteId, ThreadId};
use lockcheck_explorer::{
    Before, Constraints, Draw, Moment, Obstacle, Point, RunEnd, Side, Strategy, ThreadPath, Worker,
};

/// Different sets of threads that a prediction is tried with.
const CASTS_MAX: usize = 64;
/// Steps of the search for them.
const STEPS_MAX: usize = 100_000;

/// A strategy, and the paths of the workers of its last run.
pub struct Traced<S> {
    pub strategy: S,
    pub paths: Vec<ThreadPath>,
}

impl<S: Strategy> Strategy for Traced<S> {
    fn begin(&mut self) -> bool {
        self.strategy.begin()
    }

    fn choose(&mut self, moment: &Moment<'_>) -> Option<Worker> {
        self.strategy.choose(moment)
    }

    fn draw(&mut self, moment: &Moment<'_>, worker: Worker, draw: Draw, options: u32) -> u32 {
        self.strategy.draw(moment, worker, draw, options)
    }

    fn end(&mut self, moment: &Moment<'_>, how: RunEnd) {
        self.paths = moment.workers().map(|(worker, _)| ThreadPath::of(moment, worker)).collect();
        self.strategy.end(moment, how);
    }
}

/// A request under a lock, in a run under control.
struct Asked {
    worker: usize,
    event: u32,
    lock: LockId,
    site: Site,
    holds: Vec<(LockId, u32, Site)>,
}

/// The requests of one run under control.
#[derive(Default)]
pub struct Places {
    asked: Vec<Asked>,
    paths: Vec<ThreadPath>,
    /// By worker.
    names: Vec<String>,
}

impl Places {
    /// From the records of a run and its workers' paths. Each worker has a thread of its own, in the order of spawning.
    pub fn new(records: &[Record], paths: Vec<ThreadPath>, sources: &SourceMap) -> Places {
        let mut places = Places { paths, ..Places::default() };
        let mut workers: HashMap<ThreadId, usize> = HashMap::new();
        let mut sites: HashMap<SiteId, &RawSite> = HashMap::new();
        for record in records {
            match record {
                Record::ThreadStart { thread, name, .. } => {
                    let worker = workers.len();
                    workers.insert(*thread, worker);
                    let name = name.clone().filter(|name| !name.is_empty());
                    places.names.push(name.unwrap_or_else(|| format!("thread {worker}")));
                }
                Record::Site { site, raw } => drop(sites.insert(*site, raw)),
                Record::Request(request) => {
                    let site = |id: SiteId| sites.get(&id).map(|raw| sources.site(raw));
                    let (Some(&worker), Some(at)) = (workers.get(&request.thread), site(request.site)) else {
                        continue;
                    };
                    let holds = request.holds.iter();
                    let holds = holds.filter_map(|hold| Some((hold.lock, hold.event, site(hold.site)?)));
                    let holds = holds.collect();
                    places.asked.push(Asked {
                        worker,
                        event: request.event,
                        lock: request.lock,
                        site: at,
                        holds,
                    });
                }
                _ => {}
            }
        }
        places
    }

    /// What must come before what for the prediction to come true: one set for each cast of threads that could.
    pub fn casts(&self, finding: &Finding) -> Vec<Constraints> {
        let mut search = Search {
            places: self,
            finding,
            chosen: Vec::new(),
            locks: Vec::new(),
            steps: 0,
            casts: Vec::new(),
        };
        search.go();
        search.casts
    }

    /// Why it cannot come true, with names.
    pub fn explain(&self, obstacle: &Obstacle) -> String {
        let (waiting, index) = obstacle.waiting;
        let mut text = format!("`{}` cannot go on", self.name(waiting));
        if let Some(site) = self.site(waiting, index) {
            text += &format!(" at {site}");
        }
        match obstacle.holder {
            Some((holder, acquired)) => {
                text += &format!(" while `{}` has what it took", self.name(holder));
                match self.site(holder, acquired) {
                    Some(site) => text += &format!(" at {site}"),
                    None => text += " before",
                }
                text += ", and in the other order it is the same the other way round";
            }
            None => match obstacle.object.and_then(lockcheck_explorer::Object::whose_life) {
                Some(other) => text += &format!(" before `{}` has ended", self.name(other)),
                None => text += " yet",
            },
        }
        text
    }

    /// Which order forbids it, where no search came upon another.
    pub fn forbids(&self, unmet: &Before) -> Option<String> {
        let end = |point: &Point| {
            let worker = self.paths.iter().position(|path| *path == point.thread)?;
            let worker = Worker(worker as u32);
            Some((self.name(worker), self.site(worker, point.index)?))
        };
        let ((early, at), (late, there)) = (end(&unmet.first)?, end(&unmet.then)?);
        Some(format!("`{early}` never comes past {at} before `{late}` has passed {there}"))
    }

    fn name(&self, worker: Worker) -> String {
        self.names.get(worker.place()).cloned().unwrap_or_else(|| format!("thread {}", worker.0))
    }

    /// Where the worker's operation is, if it is a request under a lock or a hold.
    fn site(&self, worker: Worker, index: u32) -> Option<&Site> {
        let own = || self.asked.iter().filter(|asked| asked.worker == worker.place());
        let asked = own().find(|asked| asked.event == index).map(|asked| &asked.site);
        asked
            .or_else(|| own().flat_map(|asked| &asked.holds).find(|hold| hold.1 == index).map(|hold| &hold.2))
    }
}

/// Finds for each side of a finding a request that is one.
struct Search<'a> {
    places: &'a Places,
    finding: &'a Finding,
    chosen: Vec<&'a Asked>,
    /// What the finding's locks are in this run, so far.
    locks: Vec<(&'a str, LockId)>,
    steps: usize,
    casts: Vec<Constraints>,
}

impl<'a> Search<'a> {
    fn go(&mut self) {
        let Some(side) = self.finding.evidence.get(self.chosen.len()) else {
            if self.chosen.len() > 1 {
                self.take();
            }
            return;
        };
        let places = self.places;
        for asked in &places.asked {
            self.steps += 1;
            if self.casts.len() >= CASTS_MAX || self.steps > STEPS_MAX {
                return;
            }
            if self.chosen.iter().any(|other| other.worker == asked.worker) || asked.site != side.site {
                continue;
            }
            let before = self.locks.len();
            if self.means(&side.lock, asked.lock) && self.holds_the_same(side, asked) {
                self.chosen.push(asked);
                self.go();
                self.chosen.pop();
            }
            self.locks.truncate(before);
        }
    }

    /// Whether the finding's lock can be this one, given what the others are; if so, it is from here on.
    fn means(&mut self, id: &'a str, lock: LockId) -> bool {
        let known = self.locks.iter().find(|(other, is)| *other == id || *is == lock);
        match known {
            Some(known) => *known == (id, lock),
            None => {
                self.locks.push((id, lock));
                true
            }
        }
    }

    /// Whether all that the side holds of the cycle's locks is held here, from the same lines.
    fn holds_the_same(&mut self, side: &'a Evidence, asked: &'a Asked) -> bool {
        let of_cycle = |id: &str| self.finding.evidence.iter().any(|other| other.lock == id);
        let wanted: Vec<_> = side.holds.iter().filter(|hold| of_cycle(&hold.lock)).collect();
        wanted.into_iter().all(|hold| {
            let same = asked.holds.iter().find(|(_, _, site)| *site == hold.site);
            same.is_some_and(|(lock, ..)| self.means(&hold.lock, *lock))
        })
    }

    fn take(&mut self) {
        let side = |asked: &&Asked| {
            let thread = self.places.paths.get(asked.worker)?.clone();
            let holds = asked.holds.iter().map(|(_, event, _)| *event).collect();
            Some(Side { thread, holds, request: asked.event })
        };
        let sides: Option<Vec<Side>> = self.chosen.iter().map(side).collect();
        self.casts.extend(sides.map(|sides| Constraints::of_cycle(&sides)));
    }
}
