//! Small random sketches, the same for the same seed on every machine. They are well-formed by construction and touch
//! every kind of object; they are not meant to make sense. For tests only (feature `testing`).
//!
//! [`sketch`] draws statements with little regard for each other: most of its sketches get stuck. [`sections`] draws
//! nested critical sections that are all left again, with threads and tasks started and awaited between them: most of
//! its sketches finish in their sequential run, and what they foretell depends on who comes before whom.

use std::fmt::Write;

/// A xorshift generator: the tests need no better one, and no dependency.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Kinds with their weights; locks are what most sketches are about.
const KINDS: [(&str, usize); 13] = [
    ("mutex", 30),
    ("rlock", 7),
    ("rwlock", 20),
    ("semaphore", 10),
    ("condvar", 12),
    ("event", 9),
    ("barrier", 5),
    ("once", 7),
    ("channel", 9),
    ("queue", 7),
    ("pool", 6),
    ("var", 14),
    ("atomic", 8),
];

struct Sketch<'r> {
    random: &'r mut Random,
    /// Kind and name.
    objects: Vec<(&'static str, String)>,
    spawned: Vec<String>,
    /// Locals of the current body: values and tasks.
    values: Vec<String>,
    tasks: Vec<String>,
    /// Locks that the current body still has to release.
    held: Vec<String>,
    fresh: usize,
    out: String,
}

/// A sketch with at most `size` statements in a thread, or somewhat more.
#[must_use]
pub fn sketch(seed: u64, size: usize) -> String {
    let mut random = Random::new(seed);
    let mut s = Sketch {
        random: &mut random,
        objects: Vec::new(),
        spawned: Vec::new(),
        values: Vec::new(),
        tasks: Vec::new(),
        held: Vec::new(),
        fresh: 0,
        out: String::new(),
    };
    s.declare();
    s.threads(size);
    s.out
}

impl Sketch<'_> {
    fn declare(&mut self) {
        let total = KINDS.iter().map(|(_, weight)| weight).sum();
        for index in 0..2 + self.random.below(3) {
            let mut ticket = self.random.below(total);
            let drawn = KINDS.iter().find(|(_, weight)| {
                let hit = ticket < *weight;
                ticket = ticket.saturating_sub(*weight);
                hit
            });
            let kind = drawn.map_or("mutex", |(kind, _)| kind);
            if kind == "condvar" && !self.objects.iter().any(|(k, _)| *k == "mutex") {
                self.object("mutex", index + 10);
            }
            self.object(kind, index);
        }
    }

    fn object(&mut self, kind: &'static str, index: usize) {
        let value = match kind {
            "semaphore" => self.random.pick(&[" = 0", " = 1", " = 1", " = 1 bounded", " = 2"]),
            "barrier" => self.random.pick(&[" = 1", " = 2", " = 2", " = 3"]),
            "channel" => self.random.pick(&[" = 0", " = 0", " = 1", " = inf"]),
            "queue" => self.random.pick(&[" = 1", " = 2", " = inf"]),
            "pool" => self.random.pick(&[" = 1", " = 2"]),
            "var" | "atomic" => self.random.pick(&["", " = 1"]),
            _ => &"",
        };
        let name = format!("{}{index}", &kind[..2]);
        let _ = writeln!(self.out, "{kind} {name}{value}");
        self.objects.push((kind, name));
    }

    fn threads(&mut self, size: usize) {
        let count = 2 + usize::from(self.random.chance(35));
        let names: Vec<_> = (0..count).map(|i| format!("T{i}")).collect();
        if self.random.chance(25) {
            self.spawned = names[1..].to_vec();
        }
        for (index, name) in names.iter().enumerate() {
            let spawned = if self.spawned.contains(name) { " spawned" } else { "" };
            let _ = writeln!(self.out, "thread {name}{spawned} {{");
            self.values.clear();
            self.tasks.clear();
            if index == 0 {
                for other in self.spawned.clone() {
                    let _ = writeln!(self.out, "spawn {other}");
                }
            }
            let length = 1 + self.random.below(size);
            self.body(length, 0);
            if self.random.chance(15) {
                let other = self.random.pick(&names).clone();
                let _ = writeln!(self.out, "join {other}");
            }
            let _ = writeln!(self.out, "}}");
        }
        let data: Vec<_> =
            self.objects.iter().filter(|(k, _)| matches!(*k, "var" | "atomic" | "event")).cloned().collect();
        if !data.is_empty() && self.random.chance(40) {
            let name = self.random.pick(&data).1.clone();
            let _ = writeln!(self.out, "finally {name} != {}", self.random.below(3));
        }
        if self.random.chance(40) {
            let _ = writeln!(self.out, "order {}", names[names.len() - 1]);
        }
    }

    /// Statements that mostly release what they take.
    fn body(&mut self, length: usize, depth: usize) {
        let outer = std::mem::take(&mut self.held);
        for _ in 0..length {
            self.statement(depth);
        }
        for unlock in std::mem::replace(&mut self.held, outer).iter().rev() {
            if self.random.chance(92) {
                let _ = writeln!(self.out, "{unlock}");
            }
        }
    }

    fn block(&mut self, depth: usize) {
        let _ = writeln!(self.out, "{{");
        let length = 1 + self.random.below(2);
        self.body(length, depth + 1);
        let _ = writeln!(self.out, "}}");
    }

    fn statement(&mut self, depth: usize) {
        if !self.held.is_empty() && self.random.chance(25) {
            let index = self.random.below(self.held.len());
            let unlock = self.held.remove(index);
            let _ = writeln!(self.out, "{unlock}");
            return;
        }
        if depth < 2 && self.random.chance(12) {
            self.control(depth);
            return;
        }
        let (kind, name) = self.random.pick(&self.objects).clone();
        match kind {
            "mutex" | "rlock" => self.lock(&name, depth),
            "rwlock" => self.rwlock(&name, depth),
            "condvar" => self.condvar(&name),
            "pool" => self.pool(&name, depth),
            "channel" | "queue" => self.transfer(kind, &name),
            "var" | "atomic" => self.data(&name),
            "once" if depth < 2 => {
                let _ = write!(self.out, "call_once {name} ");
                self.block(depth);
            }
            "once" => self.say("yield"),
            "semaphore" if depth < 2 && self.random.chance(20) => {
                self.trying("try_acquire", &name, "release", depth)
            }
            "semaphore" => self.one_of(&name, &["acquire", "acquire", "release"]),
            "event" => self.one_of(&name, &["set", "set", "wait", "wait", "clear"]),
            _ => self.one_of(&name, &["arrive"]),
        }
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
    }

    fn one_of(&mut self, name: &str, words: &[&str]) {
        let word = *self.random.pick(words);
        let _ = writeln!(self.out, "{word} {name}");
    }

    fn trying(&mut self, word: &str, name: &str, release: &str, depth: usize) {
        let _ = writeln!(self.out, "{word} {name} {{");
        let length = self.random.below(2);
        self.body(length, depth + 1);
        let _ = write!(self.out, "{release} {name}\n}} else ");
        self.block(depth);
    }

    fn lock(&mut self, name: &str, depth: usize) {
        if depth < 2 && self.random.chance(15) {
            let word = *self.random.pick(&["try_lock", "lock_timeout"]);
            return self.trying(word, name, "unlock", depth);
        }
        self.say(&format!("lock {name}"));
        self.held.push(format!("unlock {name}"));
    }

    fn rwlock(&mut self, name: &str, depth: usize) {
        if depth < 2 && self.random.chance(15) {
            let word = *self.random.pick(&["try_read", "try_write"]);
            return self.trying(word, name, "unlock", depth);
        }
        let word =
            *self.random.pick(&["read", "read", "read_recursive", "upgradable_read", "write", "write"]);
        self.say(&format!("{word} {name}"));
        if word == "upgradable_read" && self.random.chance(60) {
            self.say(&format!("upgrade {name}"));
        }
        if self.random.chance(10) {
            self.say(&format!("downgrade {name}"));
        }
        self.held.push(format!("unlock {name}"));
    }

    fn condvar(&mut self, name: &str) {
        let locks: Vec<_> = self
            .objects
            .iter()
            .filter(|(k, _)| matches!(*k, "mutex" | "rlock"))
            .map(|(_, n)| n.clone())
            .collect();
        if locks.is_empty() || self.random.chance(45) {
            return self.one_of(name, &["notify", "notify", "notify_all"]);
        }
        let lock = self.random.pick(&locks).clone();
        let until =
            if self.random.chance(50) { format!(" until {}", self.expression()) } else { String::new() };
        if self.random.chance(90) {
            self.say(&format!("lock {lock}"));
        }
        self.say(&format!("wait {name} with {lock}{until}"));
        self.held.push(format!("unlock {lock}"));
    }

    fn pool(&mut self, name: &str, depth: usize) {
        if !self.tasks.is_empty() && self.random.chance(50) {
            let task = self.random.pick(&self.tasks).clone();
            return self.say(&format!("await {task}"));
        }
        if depth > 0 {
            return self.say("yield");
        }
        let known = (self.values.len(), self.tasks.len());
        let _ = write!(self.out, "submit {name} ");
        self.block(depth);
        self.values.truncate(known.0);
        self.tasks.truncate(known.1);
        // The name goes behind the closing brace.
        self.out.truncate(self.out.len() - 1);
        self.fresh += 1;
        let task = format!("f{}", self.fresh);
        let _ = writeln!(self.out, " as {task}");
        self.tasks.push(task);
    }

    fn transfer(&mut self, kind: &str, name: &str) {
        let (send, recv) = if kind == "channel" { ("send", "recv") } else { ("put", "get") };
        match self.random.below(10) {
            0..4 => {
                let value = if self.random.chance(40) { self.expression() } else { String::new() };
                self.say(&format!("{send} {name} {value}"));
            }
            4..8 => {
                let local = self.local();
                self.say(&format!("{recv} {name} as {local}"));
            }
            _ if kind == "channel" => self.say(&format!("close {name}")),
            8 => self.say(&format!("task_done {name}")),
            _ => self.say(&format!("join {name}")),
        }
    }

    fn data(&mut self, name: &str) {
        match self.random.below(10) {
            0..3 => {
                let local = self.local();
                self.say(&format!("load {name} as {local}"));
            }
            3..5 => {
                let value = self.expression();
                self.say(&format!("store {name} = {value}"));
            }
            5..9 => self.say(&format!("add {name} 1")),
            _ => {
                let condition = self.expression();
                self.say(&format!("assert {condition}"));
            }
        }
    }

    fn control(&mut self, depth: usize) {
        if self.random.chance(60) {
            let condition = self.expression();
            let _ = write!(self.out, "if {condition} ");
            self.block(depth);
            return;
        }
        let _ = write!(self.out, "repeat {} ", 1 + self.random.below(2));
        self.block(depth);
        if self.random.chance(30) {
            // Put a break before the closing brace.
            self.out.truncate(self.out.len() - 2);
            self.say("break\n}");
        }
    }

    /// An old or new local for a value.
    fn local(&mut self) -> String {
        if self.values.is_empty() || self.random.chance(50) {
            self.fresh += 1;
            let local = format!("k{}", self.fresh);
            self.values.push(local.clone());
            return local;
        }
        self.random.pick(&self.values).clone()
    }

    fn expression(&mut self) -> String {
        let shared = self.objects.iter().filter(|(k, _)| matches!(*k, "var" | "atomic" | "event"));
        let mut names: Vec<String> =
            shared.map(|(_, name)| name.clone()).chain(self.values.clone()).collect();
        names.push(self.random.below(3).to_string());
        let left = self.random.pick(&names).clone();
        let right = self.random.pick(&names).clone();
        let op = *self.random.pick(&["==", "!=", "<", ">=", "+", "-", "*", "and", "or"]);
        match self.random.below(4) {
            0 => left,
            1 => format!("not {left}"),
            2 => format!("-({left} {op} {right})"),
            _ => format!("{left} {op} {right}"),
        }
    }
}

/// A lock of a sketch of nested sections: its kind and name.
type Lock = (&'static str, String);

struct Sections<'r> {
    random: &'r mut Random,
    locks: Vec<Lock>,
    barrier: bool,
    pool: bool,
    /// Threads that some thread has still to spawn.
    unborn: Vec<String>,
    /// Threads that can be joined by those that do not come before them.
    others: Vec<String>,
    /// Tasks of the present body.
    tasks: Vec<String>,
    fresh: usize,
    out: String,
}

/// A sketch of nested critical sections, with at most `size` of them in a thread.
#[must_use]
pub fn sections(seed: u64, size: usize) -> String {
    let mut random = Random::new(seed ^ 0x5ec7_1045);
    let threads: Vec<String> = (0..2 + random.below(3)).map(|i| format!("T{i}")).collect();
    let spawned = if random.chance(40) { threads[1..].to_vec() } else { Vec::new() };
    let (barrier, pool) = (random.chance(25), random.chance(25));
    let mut s = Sections {
        random: &mut random,
        locks: Vec::new(),
        barrier,
        pool,
        unborn: spawned.clone(),
        others: Vec::new(),
        tasks: Vec::new(),
        fresh: 0,
        out: String::new(),
    };
    s.declare(threads.len());
    for (index, thread) in threads.iter().enumerate() {
        s.others = threads[index + 1..].to_vec();
        s.thread(thread, spawned.contains(thread), size);
    }
    s.out
}

impl Sections<'_> {
    fn declare(&mut self, threads: usize) {
        for index in 0..2 + self.random.below(3) {
            let kind = *self.random.pick(&["mutex", "mutex", "mutex", "rwlock", "rwlock", "rlock", "once"]);
            let name = format!("{}{index}", &kind[..2]);
            let _ = writeln!(self.out, "{kind} {name}");
            self.locks.push((kind, name));
        }
        if self.barrier {
            // Now and then one that fewer threads need than use it: it orders nothing.
            let arrivals = if self.random.chance(80) { threads } else { 1 };
            let _ = writeln!(self.out, "barrier b = {arrivals}");
        }
        if self.pool {
            let workers = 1 + self.random.below(3);
            let _ = writeln!(self.out, "pool p = {workers}");
        }
    }

    fn thread(&mut self, name: &str, spawned: bool, size: usize) {
        let word = if spawned { " spawned" } else { "" };
        let _ = writeln!(self.out, "thread {name}{word} {{");
        self.tasks.clear();
        let count = 1 + self.random.below(size);
        let arrives = self.random.below(count + 1);
        for index in 0..count {
            if self.barrier && index == arrives {
                self.say("arrive b");
            }
            self.between();
            self.section(&mut Vec::new());
        }
        if self.barrier && arrives == count {
            self.say("arrive b");
        }
        // The first thread starts those that nobody has started.
        for other in if spawned { Vec::new() } else { std::mem::take(&mut self.unborn) } {
            self.say(&format!("spawn {other}"));
        }
        self.say("}");
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.out, "{line}");
    }

    /// What orders threads: starting one, waiting for one, handing out a task, waiting for it.
    fn between(&mut self) {
        if !self.unborn.is_empty() && self.random.chance(40) {
            let other = self.unborn.remove(0);
            self.say(&format!("spawn {other}"));
        }
        if !self.others.is_empty() && self.unborn.is_empty() && self.random.chance(15) {
            let other = self.random.pick(&self.others).clone();
            self.say(&format!("join {other}"));
        }
        if !self.tasks.is_empty() && self.random.chance(40) {
            let task = self.random.pick(&self.tasks).clone();
            self.say(&format!("await {task}"));
        }
        if self.pool && self.random.chance(40) {
            self.fresh += 1;
            let task = format!("f{}", self.fresh);
            self.say("submit p {");
            self.section(&mut Vec::new());
            self.say(&format!("}} as {task}"));
            self.tasks.push(task);
        }
    }

    /// Takes a lock that is not held, mostly; goes on inside; gives it up.
    fn section(&mut self, held: &mut Vec<String>) {
        let depth = held.len();
        let (kind, name) = self.random.pick(&self.locks).clone();
        let again = held.contains(&name);
        if depth == 3 || (again && kind != "rlock" && !self.random.chance(4)) {
            return self.say("yield");
        }
        held.push(name.clone());
        match kind {
            "once" => {
                self.say(&format!("call_once {name} {{"));
                self.inside(held);
                self.say("}");
            }
            "rwlock" => self.read_or_write(&name, held),
            _ => self.exclusive(&name, held),
        }
        held.pop();
    }

    fn inside(&mut self, held: &mut Vec<String>) {
        if self.random.chance(75) {
            self.section(held);
        } else {
            self.say("yield");
        }
        if self.random.chance(15) {
            self.section(held);
        }
    }

    fn exclusive(&mut self, name: &str, held: &mut Vec<String>) {
        if self.random.chance(12) {
            let word = *self.random.pick(&["try_lock", "lock_timeout"]);
            self.say(&format!("{word} {name} {{"));
            self.inside(held);
            return self.say(&format!("unlock {name}\n}}"));
        }
        self.say(&format!("lock {name}"));
        self.inside(held);
        self.say(&format!("unlock {name}"));
    }

    fn read_or_write(&mut self, name: &str, held: &mut Vec<String>) {
        if self.random.chance(10) {
            let word = *self.random.pick(&["try_read", "try_write"]);
            self.say(&format!("{word} {name} {{"));
            self.inside(held);
            return self.say(&format!("unlock {name}\n}}"));
        }
        let words =
            ["read", "read", "read_recursive", "upgradable_read", "upgradable_read", "write", "write"];
        let word = *self.random.pick(&words);
        self.say(&format!("{word} {name}"));
        if word == "upgradable_read" && self.random.chance(60) {
            if self.random.chance(50) {
                self.inside(held);
            }
            self.say(&format!("upgrade {name}"));
        }
        if ["upgradable_read", "write"].contains(&word) && self.random.chance(20) {
            self.say(&format!("downgrade {name}"));
        }
        self.inside(held);
        self.say(&format!("unlock {name}"));
    }
}
