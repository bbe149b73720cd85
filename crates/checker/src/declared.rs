//! A lock order that somebody has written down: made from what was observed, and held against what is.
//!
//! Locks are told apart by class: by their name, or by where they were created. An order gives each class a level; a
//! lock may be asked for while locks of lower levels are held, never of higher ones. Between classes of one level no
//! order is declared: nothing is found there, and pairs that occur are told. That is the form of Go's runtime
//! (`mklockrank.go`): a text that people read and change.
//!
//! What is observed becomes levels by the longest way in the graph of classes, whose strongly connected components
//! (Tarjan, by petgraph) are one level each: what is taken in both orders somebody has to decide. How an order is
//! written to a file is the CLI's business.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lockcheck_events::Site;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// A lock, as far as its class depends on it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LockClass {
    /// The user's name for it.
    pub name: Option<String>,
    /// Where it was created; line 0 where that is not known.
    pub created: Site,
}

/// A request under a hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What was held.
    pub held: LockClass,
    /// What was asked for.
    pub wanted: LockClass,
    /// Where the one was taken and the other asked for, for a reader.
    pub places: (Site, Site),
}

/// A class with its place in the order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declared {
    /// The name of its locks. A class has this, or a place, or both.
    pub name: Option<String>,
    /// Where its locks are created.
    pub created: Vec<Created>,
    /// Where it stands.
    pub level: u32,
    /// Whether locks of the class are taken under others of it.
    pub nested: bool,
}

/// A place of creation as it is written down.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Created {
    /// The package that the file belongs to; any, if left out.
    pub package: Option<String>,
    /// Relative to the package.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; any, if left out.
    pub column: Option<u32>,
}

impl Created {
    fn of(site: &Site) -> Option<Created> {
        let known = site.line != 0;
        known.then(|| Created {
            package: (!site.package.is_empty()).then(|| site.package.clone()),
            file: site.file.clone(),
            line: site.line,
            column: (site.column != 0).then_some(site.column),
        })
    }

    fn is(&self, site: &Site) -> bool {
        self.file == site.file
            && self.line == site.line
            && self.column.is_none_or(|column| column == site.column)
            && self.package.as_ref().is_none_or(|package| *package == site.package)
    }
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LockOrder {
    /// The classes, each once.
    pub locks: Vec<Declared>,
    /// Classes that were seen in both orders, as indices into `locks`: to be decided.
    pub undecided: Vec<Vec<usize>>,
}

/// What an order says about some steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Steps against the order.
    pub breaches: Vec<Breach>,
    /// Classes that the order does not have.
    pub undeclared: BTreeSet<LockClass>,
    /// Pairs of one level, each with a step that takes the second under the first; a class with itself too, unless it
    /// is declared to nest.
    pub unordered: BTreeMap<(usize, usize), usize>,
    /// Classes of the order that did not occur.
    pub stale: Vec<usize>,
}

/// A step against the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breach {
    /// Which step.
    pub step: usize,
    /// The levels of what was held and what was asked for; the second is lower.
    pub levels: (u32, u32),
}

/// How a lock's class is known: by its name, unless locks of several names are created at the same place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Name(String),
    Created(Site),
}

/// The keys of some locks.
struct Keys {
    /// The names of the locks created at each place.
    names: HashMap<Site, BTreeSet<String>>,
}

impl Keys {
    fn new<'a>(locks: impl Iterator<Item = &'a LockClass>) -> Keys {
        let mut names: HashMap<Site, BTreeSet<String>> = HashMap::new();
        for lock in locks {
            names.entry(lock.created.clone()).or_default().extend(lock.name.clone());
        }
        Keys { names }
    }

    fn key(&self, lock: &LockClass) -> Key {
        let known = lock.created.line != 0;
        let names = self.names.get(&lock.created).filter(|_| known);
        match (names.map_or(0, BTreeSet::len), names.and_then(BTreeSet::first), &lock.name) {
            (1, Some(name), _) => Key::Name(name.clone()),
            (0, _, Some(name)) => Key::Name(name.clone()),
            _ => Key::Created(lock.created.clone()),
        }
    }
}

impl LockOrder {
    /// The order that the steps follow, lowest level first.
    pub fn observed(steps: &[Step]) -> LockOrder {
        let locks = || steps.iter().flat_map(|step| [&step.held, &step.wanted]);
        let keys = Keys::new(locks());
        let mut places: BTreeMap<Key, BTreeSet<Site>> = BTreeMap::new();
        for lock in locks() {
            places.entry(keys.key(lock)).or_default().insert(lock.created.clone());
        }
        let numbers: BTreeMap<&Key, usize> = places.keys().zip(0..).collect();
        let pairs: BTreeSet<(usize, usize)> = steps
            .iter()
            .map(|step| (numbers[&keys.key(&step.held)], numbers[&keys.key(&step.wanted)]))
            .collect();
        let (levels, circles) = levels(places.len(), &pairs);
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|&class| (levels[class], class));
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &class)| position[class] = at);
        let places: Vec<(&Key, &BTreeSet<Site>)> = places.iter().collect();
        let declare = |&class: &usize| {
            let (key, created) = places[class];
            let name = match key {
                Key::Name(name) => Some(name.clone()),
                Key::Created(_) => None,
            };
            let created = created.iter().filter_map(Created::of).collect();
            Declared { name, created, level: levels[class], nested: pairs.contains(&(class, class)) }
        };
        let mut undecided: Vec<Vec<usize>> = circles
            .into_iter()
            .map(|circle| {
                let mut members: Vec<usize> = circle.into_iter().map(|class| position[class]).collect();
                members.sort_unstable();
                members
            })
            .collect();
        undecided.sort();
        LockOrder { locks: order.iter().map(declare).collect(), undecided }
    }

    /// The class that the lock belongs to: one without a name by where the lock was created, else by its name, else by
    /// where it was created.
    pub fn class_of(&self, lock: &LockClass) -> Option<usize> {
        let created = |class: &Declared| class.created.iter().any(|created| created.is(&lock.created));
        let nameless = |class: &Declared| class.name.is_none() && created(class);
        let named = |class: &Declared| class.name.is_some() && class.name == lock.name;
        let find = |is: &dyn Fn(&Declared) -> bool| self.locks.iter().position(is);
        find(&nameless).or_else(|| find(&named)).or_else(|| find(&created))
    }

    /// Holds the steps against the order.
    pub fn check(&self, steps: &[Step]) -> Checked {
        let mut checked = Checked::default();
        let mut seen = vec![false; self.locks.len()];
        for (index, step) in steps.iter().enumerate() {
            let mut class = |lock: &LockClass| {
                let class = self.class_of(lock);
                match class {
                    Some(class) => seen[class] = true,
                    None => drop(checked.undeclared.insert(lock.clone())),
                }
                class
            };
            let (held, wanted) = (class(&step.held), class(&step.wanted));
            let (Some(held), Some(wanted)) = (held, wanted) else { continue };
            let levels = (self.locks[held].level, self.locks[wanted].level);
            if levels.1 < levels.0 {
                checked.breaches.push(Breach { step: index, levels });
            } else if levels.1 == levels.0 && !(held == wanted && self.locks[held].nested) {
                checked.unordered.entry((held, wanted)).or_insert(index);
            }
        }
        checked.stale = (0..seen.len()).filter(|&class| !seen[class]).collect();
        checked
    }

    /// Whether the two stand in a circle that is still to be decided.
    pub fn is_undecided(&self, one: usize, two: usize) -> bool {
        one != two && self.undecided.iter().any(|circle| circle.contains(&one) && circle.contains(&two))
    }
}

/// The level of each class, and the components of more than one.
fn levels(classes: usize, pairs: &BTreeSet<(usize, usize)>) -> (Vec<u32>, Vec<Vec<usize>>) {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..classes).map(|_| graph.add_node(())).collect();
    for &(held, wanted) in pairs.iter().filter(|(held, wanted)| held != wanted) {
        graph.add_edge(nodes[held], nodes[wanted], ());
    }
    // Tarjan gives a component before those that lead to it.
    let mut components = tarjan_scc(&graph);
    components.reverse();
    let mut component_of = vec![0; classes];
    for (number, component) in components.iter().enumerate() {
        component.iter().for_each(|node| component_of[node.index()] = number);
    }
    let mut level_of = vec![0_u32; components.len()];
    for (number, component) in components.iter().enumerate() {
        for next in component.iter().flat_map(|&node| graph.neighbors(node)) {
            let next = component_of[next.index()];
            if next != number {
                level_of[next] = level_of[next].max(level_of[number] + 1);
            }
        }
    }
    let levels = component_of.iter().map(|&component| level_of[component]).collect();
    let circles = components.into_iter().filter(|component| component.len() > 1);
    (levels, circles.map(|circle| circle.into_iter().map(NodeIndex::index).collect()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn site(line: u32) -> Site {
        Site { package: "p".to_owned(), file: "src/a.rs".to_owned(), line, column: 5 }
    }

    /// `a` is the name of what is created at a line of its own; `a1` and `a2` are created at the same one.
    fn lock(text: &str) -> LockClass {
        let line = u32::from(text.as_bytes()[0]);
        LockClass { name: Some(text.to_owned()).filter(|_| text != "_"), created: site(line) }
    }

    fn steps(text: &str) -> Vec<Step> {
        let step = |pair: &str| {
            let (held, wanted) = pair.split_once('>').unwrap();
            Step { held: lock(held), wanted: lock(wanted), places: (site(1), site(2)) }
        };
        text.split_whitespace().map(step).collect()
    }

    fn shown(order: &LockOrder) -> Vec<String> {
        let name = |class: &Declared| {
            class.name.clone().unwrap_or_else(|| {
                class.created.first().map(|created| created.line.to_string()).unwrap_or_default()
            })
        };
        order
            .locks
            .iter()
            .map(|class| format!("{}{}{}", class.level, name(class), if class.nested { "*" } else { "" }))
            .collect()
    }

    #[test]
    fn levels_follow_the_longest_way() {
        assert_eq!(shown(&LockOrder::observed(&steps("a>b b>c a>c d>c"))), ["0a", "0d", "1b", "2c"]);
        assert_eq!(shown(&LockOrder::observed(&steps("a>a a>b"))), ["0a*", "1b"]);
        assert_eq!(shown(&LockOrder::observed(&[])), [""; 0]);
    }

    #[test]
    fn what_is_taken_in_both_orders_is_one_level_and_undecided() {
        let order = LockOrder::observed(&steps("a>b b>c c>b c>d"));
        assert_eq!(shown(&order), ["0a", "1b", "1c", "2d"]);
        assert_eq!(order.undecided, [[1, 2]]);
        assert!(order.is_undecided(1, 2) && !order.is_undecided(0, 1));
    }

    #[test]
    fn locks_of_several_names_at_one_place_are_one_class_by_that_place() {
        let order = LockOrder::observed(&steps("a1>b a2>b a1>a2"));
        assert_eq!(shown(&order), [format!("0{}*", u32::from(b'a')), "1b".to_owned()]);
        assert_eq!(order.class_of(&lock("a3")), Some(0));
        assert_eq!(order.class_of(&LockClass { name: Some("b".to_owned()), created: site(9) }), Some(1));
        assert_eq!(order.class_of(&lock("c")), None);
    }

    #[test]
    fn steps_are_held_against_the_levels() {
        let order = LockOrder::observed(&steps("a>b b>c d>c"));
        let checked = order.check(&steps("a>b b>a c>a a>d x>a b>b"));
        let breaches: Vec<(usize, (u32, u32))> =
            checked.breaches.iter().map(|breach| (breach.step, breach.levels)).collect();
        assert_eq!(breaches, [(1, (1, 0)), (2, (2, 0))]);
        assert_eq!(checked.undeclared.into_iter().collect::<Vec<_>>(), [lock("x")]);
        assert_eq!(checked.unordered, BTreeMap::from([((0, 1), 3), ((2, 2), 5)]));
        assert_eq!(order.check(&steps("a>b")).stale, [1, 3]);
    }

    fn random() -> impl Strategy<Value = Vec<Step>> {
        let lock = || {
            let name = prop::sample::select(vec![None, Some("a"), Some("b"), Some("c")]);
            (name, 1_u32..6)
                .prop_map(|(name, line)| LockClass { name: name.map(str::to_owned), created: site(line) })
        };
        let step = (lock(), lock());
        let step = step.prop_map(|(held, wanted)| Step { held, wanted, places: (site(1), site(2)) });
        prop::collection::vec(step, 0..14)
    }

    /// Whether one class leads to another: every way, one step at a time.
    fn leads(steps: &[Step], order: &LockOrder, from: usize, to: usize) -> bool {
        let mut reached = BTreeSet::from([from]);
        for _ in 0..order.locks.len() {
            for step in steps {
                let class = |lock| order.class_of(lock).unwrap();
                if reached.contains(&class(&step.held)) {
                    reached.insert(class(&step.wanted));
                }
            }
        }
        reached.contains(&to) && from != to
    }

    proptest! {
        #[test]
        fn what_was_observed_is_followed(steps in random()) {
            let order = LockOrder::observed(&steps);
            let checked = order.check(&steps);
            prop_assert!(checked.breaches.is_empty() && checked.undeclared.is_empty() && checked.stale.is_empty());
            for &(held, wanted) in checked.unordered.keys() {
                prop_assert!(order.is_undecided(held, wanted));
            }
        }

        #[test]
        fn a_step_backwards_is_a_breach_exactly_where_one_class_leads_to_the_other(steps in random()) {
            let order = LockOrder::observed(&steps);
            for step in &steps {
                let (held, wanted) = (order.class_of(&step.held).unwrap(), order.class_of(&step.wanted).unwrap());
                let back = Step { held: step.wanted.clone(), wanted: step.held.clone(), places: step.places.clone() };
                let circle = leads(&steps, &order, wanted, held);
                prop_assert_eq!(circle, order.is_undecided(held, wanted));
                prop_assert_eq!(order.check(&[back]).breaches.len() == 1, held != wanted && !circle);
            }
        }
    }
}
