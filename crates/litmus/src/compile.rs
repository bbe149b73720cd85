//! Syntax tree to [`Code`]: looks names up (section 4 of the notation), checks kinds and the remaining limits, unrolls
//! `repeat` and splits statements into steps (section 5).

use crate::ast::{Action, Attempt, Block, Declaration, Expr, Kind, Name, Simple, Statement, Tree};
use crate::code::{
    Body, Code, FinalCheck, Formula, FormulaId, Instruction, Object, ObjectId, Op, Pc, Role, Slot, Target,
    Term, TextId, Thread, ThreadId,
};
use crate::error::{ErrorCode, Fault, Position};
use crate::limits;
use crate::scope::{Holds, Scope};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

type Compiled<T> = Result<T, Fault>;

/// What a declared name stands for.
#[derive(Clone, Copy)]
enum Referent {
    Object(ObjectId),
    Thread(ThreadId),
}

/// Compiles a tree; the result is executable as it stands.
pub(crate) fn compile(tree: &Tree) -> Compiled<Code> {
    let mut c = Compiler::default();
    c.declare_objects(tree)?;
    c.declare_threads(tree)?;
    check_unrolled(tree)?;
    c.bodies(tree)?;
    c.finals(tree)?;
    c.order(tree)?;
    c.add_workers();
    Ok(Code {
        objects: c.objects,
        threads: c.threads,
        declared: c.spawned.len(),
        instructions: c.instructions,
        formulas: c.formulas,
        texts: c.texts,
        finals: c.finals,
        order: c.order,
    })
}

#[derive(Default)]
struct Compiler<'a> {
    names: HashMap<&'a str, Referent>,
    objects: Vec<Object>,
    threads: Vec<Thread>,
    /// For each declared thread: it waits for `spawn`.
    spawned: Vec<bool>,
    instructions: Vec<Instruction>,
    formulas: Vec<Formula>,
    /// Equal formulas are stored once.
    formula_ids: HashMap<Formula, FormulaId>,
    texts: Vec<String>,
    text_ids: HashMap<String, TextId>,
    finals: Vec<FinalCheck>,
    order: Vec<ThreadId>,
}

impl<'a> Compiler<'a> {
    fn declare(&mut self, name: &'a Name, referent: Referent) -> Compiled<()> {
        if self.names.insert(&name.text, referent).is_none() {
            return Ok(());
        }
        fault(ErrorCode::Duplicate, name, "is declared twice; objects and threads share one name space")
    }

    fn declare_objects(&mut self, tree: &'a Tree) -> Compiled<()> {
        for (index, declaration) in tree.objects.iter().enumerate() {
            let id = ObjectId(u16::try_from(index).unwrap_or(u16::MAX));
            self.declare(&declaration.name, Referent::Object(id))?;
            let value = checked_value(declaration)?;
            self.objects.push(Object {
                kind: declaration.kind,
                name: declaration.name.text.clone(),
                value,
                bounded: declaration.bounded,
                line: declaration.name.at.line,
            });
        }
        match tree.objects.get(limits::OBJECTS) {
            Some(first) => too_many(&first.name, limits::OBJECTS, "objects"),
            None => Ok(()),
        }
    }

    fn declare_threads(&mut self, tree: &'a Tree) -> Compiled<()> {
        for item in &tree.threads {
            for name in &item.names {
                let id = ThreadId(self.spawned.len() as u16);
                self.declare(name, Referent::Thread(id))?;
                if self.spawned.len() >= limits::THREADS {
                    return too_many(name, limits::THREADS, "threads");
                }
                self.spawned.push(item.spawned);
            }
        }
        if self.spawned.iter().any(|spawned| !spawned) {
            return Ok(());
        }
        let message = "no thread starts by itself; declare one without `spawned`";
        Fault::err(ErrorCode::Empty, Position { line: 1, column: 1 }, message)
    }

    fn bodies(&mut self, tree: &'a Tree) -> Compiled<()> {
        for item in &tree.threads {
            let body = BodyCompiler::new(self).thread(item)?;
            let role = if item.spawned { Role::Spawned(body) } else { Role::Starts(body) };
            self.threads.extend(item.names.iter().map(|name| Thread { name: name.text.clone(), role }));
        }
        Ok(())
    }

    fn finals(&mut self, tree: &'a Tree) -> Compiled<()> {
        for last in &tree.finals {
            let mut terms = Vec::new();
            self.final_terms(&last.condition, &mut terms)?;
            let condition = Formula(terms.into());
            self.finals.push(FinalCheck { condition, text: last.condition.to_string(), line: last.line.0 });
        }
        Ok(())
    }

    fn final_terms(&self, e: &Expr, terms: &mut Vec<Term>) -> Compiled<()> {
        match e {
            Expr::Number(n) => terms.push(Term::Number(*n)),
            Expr::Name(name) => terms.push(Term::Object(self.object(name, &DATA, "finally")?)),
            Expr::Negate(e) => {
                self.final_terms(e, terms)?;
                terms.push(Term::Negate);
            }
            Expr::Not(e) => {
                self.final_terms(e, terms)?;
                terms.push(Term::Not);
            }
            Expr::Binary(op, left, right) => {
                self.final_terms(left, terms)?;
                self.final_terms(right, terms)?;
                terms.push(Term::Binary(*op));
            }
        }
        Ok(())
    }

    fn order(&mut self, tree: &'a Tree) -> Compiled<()> {
        for name in tree.order.iter().flatten() {
            let thread = self.thread(name, "order")?;
            if self.order.contains(&thread) {
                return fault(ErrorCode::Duplicate, name, "is listed twice; list each thread once");
            }
            self.order.push(thread);
        }
        let rest = (0..self.threads.len() as u16).map(ThreadId).filter(|t| !self.order.contains(t));
        let rest: Vec<_> = rest.collect();
        self.order.extend(rest);
        Ok(())
    }

    fn add_workers(&mut self) {
        for (index, object) in self.objects.iter().enumerate() {
            if object.kind != Kind::Pool {
                continue;
            }
            for worker in 1..=object.value.unwrap_or(0) {
                self.order.push(ThreadId(self.threads.len() as u16));
                let name = format!("{}.{worker}", object.name);
                self.threads.push(Thread { name, role: Role::Worker(ObjectId(index as u16)) });
            }
        }
    }

    fn object(&self, name: &Name, kinds: &[Kind], word: &str) -> Compiled<ObjectId> {
        match self.find(name)? {
            Referent::Object(o) if kinds.contains(&self.objects[o.index()].kind) => Ok(o),
            other => self.wrong_kind(name, other, &kind_list(kinds), word),
        }
    }

    fn thread(&self, name: &Name, word: &str) -> Compiled<ThreadId> {
        match self.find(name)? {
            Referent::Thread(t) => Ok(t),
            other => self.wrong_kind(name, other, "thread", word),
        }
    }

    fn find(&self, name: &Name) -> Compiled<Referent> {
        match self.names.get(name.text.as_str()) {
            Some(referent) => Ok(*referent),
            None => {
                fault(ErrorCode::Unknown, name, "is not declared; declare it, or bind it with `as` before")
            }
        }
    }

    fn wrong_kind<T>(&self, name: &Name, found: Referent, wanted: &str, word: &str) -> Compiled<T> {
        let kind = match found {
            Referent::Object(o) => self.objects[o.index()].kind.as_str(),
            Referent::Thread(_) => "thread",
        };
        fault(ErrorCode::Kind, name, &format!("is a {kind}, and `{word}` needs a {wanted}; name one"))
    }

    fn formula(&mut self, terms: Vec<Term>) -> FormulaId {
        let formula = Formula(terms.into());
        let next = FormulaId(self.formulas.len() as u32);
        let id = *self.formula_ids.entry(formula.clone()).or_insert(next);
        if id == next {
            self.formulas.push(formula);
        }
        id
    }

    fn text(&mut self, text: String) -> TextId {
        let next = TextId(self.texts.len() as u32);
        let id = *self.text_ids.entry(text.clone()).or_insert(next);
        if id == next {
            self.texts.push(text);
        }
        id
    }
}

const MUTEXES: [Kind; 2] = [Kind::Mutex, Kind::RLock];
const LOCKS: [Kind; 3] = [Kind::Mutex, Kind::RLock, Kind::RwLock];
const DATA: [Kind; 3] = [Kind::Var, Kind::Atomic, Kind::Event];
const STORES: [Kind; 2] = [Kind::Var, Kind::Atomic];

fn kind_list(kinds: &[Kind]) -> String {
    kinds.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(" or ")
}

fn fault<T>(code: ErrorCode, name: &Name, what: &str) -> Compiled<T> {
    Fault::err(code, name.at, format!("`{}` {what}", name.text))
}

fn too_many<T>(name: &Name, limit: usize, what: &str) -> Compiled<T> {
    fault(
        ErrorCode::Limit,
        name,
        &format!("is one too many: at most {limit} {what} are allowed; split the sketch"),
    )
}

/// The value of a declaration, if it fits the kind; `None` is an unlimited capacity.
fn checked_value(declaration: &Declaration) -> Compiled<Option<i64>> {
    let Declaration { kind, name, value, .. } = declaration;
    let (range, infinite) = match kind {
        Kind::Semaphore => (0..=limits::COUNT, false),
        Kind::Barrier => (1..=limits::ARRIVALS, false),
        Kind::Pool => (1..=limits::WORKERS, false),
        Kind::Channel => (0..=limits::COUNT, true),
        Kind::Queue => (1..=limits::COUNT, true),
        Kind::Var | Kind::Atomic => (-limits::NUMBER..=limits::NUMBER, false),
        _ => (0..=0, false),
    };
    let takes_value = range != (0..=0);
    let word = kind.as_str();
    let Some(value) = value else {
        if !takes_value || matches!(kind, Kind::Var | Kind::Atomic) {
            return Ok(Some(0));
        }
        let message = format!("the {word} `{}` has no value; write `{0} = N`", name.text);
        return Fault::err(ErrorCode::Value, name.at, message);
    };
    let problem = match value.number {
        _ if !takes_value => format!("a {word} has no value; drop `= {value}`"),
        None if infinite => return Ok(None),
        None => format!("`inf` is for channels and queues only; give the {word} a number"),
        Some(n) if range.contains(&n) => return Ok(Some(n)),
        Some(n) => {
            format!("{n} does not fit a {word}; use a number from {} to {}", range.start(), range.end())
        }
    };
    Fault::err(ErrorCode::Value, value.at, problem)
}

fn check_unrolled(tree: &Tree) -> Compiled<()> {
    let mut total = 0_u64;
    for item in &tree.threads {
        total = total.saturating_add(unrolled(&item.body));
        if total > limits::UNROLLED {
            let what = format!(
                "brings the sketch above {} statements after unrolling every `repeat`; repeat less",
                limits::UNROLLED
            );
            return fault(ErrorCode::Limit, &item.names[0], &what);
        }
    }
    Ok(())
}

/// Number of statements after unrolling.
fn unrolled(body: &Block) -> u64 {
    body.iter().fold(0, |sum: u64, s| sum.saturating_add(1).saturating_add(unrolled_inside(&s.action)))
}

fn unrolled_inside(action: &Action) -> u64 {
    match action {
        Action::Trying { then, otherwise, .. } | Action::If(_, then, otherwise) => {
            unrolled(then).saturating_add(unrolled(otherwise))
        }
        Action::CallOnce(_, body) | Action::Submit { body, .. } => unrolled(body),
        Action::Repeat(count, body) => {
            unrolled(body).saturating_mul(count.number.unwrap_or(0).unsigned_abs())
        }
        _ => 0,
    }
}

/// A task body that is compiled after the body that submits it.
struct Deferred<'a> {
    /// The `Submit` that needs its entry.
    submit: Pc,
    body: &'a Block,
    /// Number of the submitter's locals it knows.
    known: usize,
}

/// Compiles one thread's body and the task bodies inside it.
struct BodyCompiler<'c, 'a> {
    c: &'c mut Compiler<'a>,
    /// The locals known here.
    scope: Scope<'a>,
    /// The `break`s of the innermost `repeat`, to be patched; `None` outside.
    breaks: Option<Vec<Pc>>,
    /// The tasks this body submits.
    deferred: Vec<Deferred<'a>>,
    /// Values the current statement has loaded.
    temporaries: u16,
}

impl<'c, 'a> BodyCompiler<'c, 'a> {
    fn new(c: &'c mut Compiler<'a>) -> Self {
        BodyCompiler { c, scope: Scope::default(), breaks: None, deferred: Vec::new(), temporaries: 0 }
    }

    fn thread(mut self, item: &'a crate::ast::ThreadItem) -> Compiled<Body> {
        let line = item.body.last().map_or(item.names[0].at.line, |s| s.at.line);
        let mut waiting = VecDeque::new();
        let body = self.body(&item.body, Op::End, line, &mut waiting)?;
        while let Some((Deferred { submit, body, known }, parent)) = waiting.pop_front() {
            let Instruction { op: Op::Submit { pool, .. }, line } = self.c.instructions[submit.index()]
            else {
                unreachable!("a deferred body belongs to a submit");
            };
            self.scope = Scope::of_task(parent, submit, known);
            let compiled = self.body(body, Op::TaskEnd(pool), line, &mut waiting)?;
            if let Op::Submit { body, .. } = &mut self.c.instructions[submit.index()].op {
                *body = compiled;
            }
        }
        Ok(body)
    }

    /// Compiles one body in the current scope; what it submits goes to `waiting` with that scope.
    fn body(
        &mut self,
        block: &'a Block,
        end: Op,
        line: u32,
        waiting: &mut VecDeque<(Deferred<'a>, Rc<Scope<'a>>)>,
    ) -> Compiled<Body> {
        let entry = self.here();
        self.breaks = None;
        self.block(block)?;
        self.emit(end, line);
        let body = Body { entry, locals: self.scope.len() as u16 };
        let scope = Rc::new(std::mem::take(&mut self.scope));
        waiting.extend(self.deferred.drain(..).map(|d| (d, Rc::clone(&scope))));
        Ok(body)
    }

    fn here(&self) -> Pc {
        Pc(self.c.instructions.len() as u32)
    }

    fn emit(&mut self, op: Op, line: u32) -> Pc {
        let at = self.here();
        self.c.instructions.push(Instruction { op, line });
        at
    }

    /// Lets the jump at `at` lead to the next instruction to be emitted.
    fn land(&mut self, at: Pc) {
        let here = self.here();
        match &mut self.c.instructions[at.index()].op {
            Op::Jump(to)
            | Op::Branch { otherwise: to, .. }
            | Op::Try { otherwise: to, .. }
            | Op::Once { skip: to, .. }
            | Op::CondWait { misused: to, .. } => *to = here,
            other => unreachable!("{other:?} does not jump"),
        }
    }

    fn block(&mut self, body: &'a Block) -> Compiled<()> {
        body.iter().try_for_each(|s| self.statement(s))
    }

    fn statement(&mut self, s: &'a Statement) -> Compiled<()> {
        let line = s.at.line;
        self.temporaries = 0;
        match &s.action {
            Action::Simple(simple, name) => {
                let op = self.simple(*simple, name)?;
                self.emit(op, line);
            }
            Action::Trying { attempt, object, then, otherwise } => {
                let object = self.c.object(object, attempt_kinds(*attempt), attempt.as_str())?;
                let at = self.emit(Op::Try { attempt: *attempt, object, otherwise: Pc(0) }, line);
                self.two_way(at, then, otherwise, line)?;
            }
            Action::If(condition, then, otherwise) => {
                let condition = self.formula(condition)?;
                let at = self.emit(Op::Branch { condition, otherwise: Pc(0) }, line);
                self.two_way(at, then, otherwise, line)?;
            }
            Action::Wait(name) => {
                let op = self.event_wait(name)?;
                self.emit(op, line);
            }
            Action::WaitWith { condvar, lock, until } => {
                self.cond_wait(condvar, lock, until.as_ref(), line)?
            }
            Action::CallOnce(name, body) => self.call_once(name, body, line)?,
            Action::Submit { pool, body, task } => self.submit(pool, body, task.as_ref(), line)?,
            Action::Repeat(count, body) => self.repeat(count, body)?,
            Action::Break => {
                if self.breaks.is_none() {
                    let message = "`break` outside a `repeat` of the same thread, task or once body; drop it";
                    return Fault::err(ErrorCode::Break, s.at, message);
                }
                let at = self.emit(Op::Jump(Pc(0)), line);
                self.breaks.get_or_insert_default().push(at);
            }
            Action::Assert(condition) => {
                let text = self.c.text(condition.to_string());
                let condition = self.formula(condition)?;
                self.emit(Op::Assert { condition, text }, line);
            }
            Action::Yield => drop(self.emit(Op::Yield, line)),
            Action::Sleep => drop(self.emit(Op::Sleep, line)),
            data => self.data(data, line)?,
        }
        Ok(())
    }

    /// The statements that move values.
    fn data(&mut self, action: &'a Action, line: u32) -> Compiled<()> {
        let op = match action {
            Action::Send(name, value) => {
                let channel = self.c.object(name, &[Kind::Channel], "send")?;
                Op::Send { channel, value: self.value_or_one(value.as_ref())? }
            }
            Action::Put(name, value) => {
                let queue = self.c.object(name, &[Kind::Queue], "put")?;
                Op::Put { queue, value: self.value_or_one(value.as_ref())? }
            }
            Action::Recv(name, into) => {
                let channel = self.c.object(name, &[Kind::Channel], "recv")?;
                Op::Recv { channel, into: self.target(into.as_ref())? }
            }
            Action::Get(name, into) => {
                let queue = self.c.object(name, &[Kind::Queue], "get")?;
                Op::Get { queue, into: self.target(into.as_ref())? }
            }
            Action::Load(name, into) => {
                let object = self.c.object(name, &STORES, "load")?;
                Op::Load { object, into: self.target(into.as_ref())? }
            }
            Action::Store(name, value) => {
                let object = self.c.object(name, &STORES, "store")?;
                Op::Store { object, value: self.formula(value)? }
            }
            Action::Add(name, value) => return self.add(name, value, line),
            Action::Await(name) => self.await_task(name)?,
            other => unreachable!("{other:?} is compiled elsewhere"),
        };
        self.emit(op, line);
        Ok(())
    }

    fn simple(&self, simple: Simple, name: &Name) -> Compiled<Op> {
        let word = simple.as_str();
        let object = |kinds: &[Kind]| self.c.object(name, kinds, word);
        Ok(match simple {
            Simple::Lock => Op::Lock(object(&MUTEXES)?),
            Simple::Unlock => Op::Unlock(object(&LOCKS)?),
            Simple::Read => Op::Read(object(&[Kind::RwLock])?),
            Simple::ReadRecursive => Op::ReadRecursive(object(&[Kind::RwLock])?),
            Simple::UpgradableRead => Op::UpgradableRead(object(&[Kind::RwLock])?),
            Simple::Write => Op::Write(object(&[Kind::RwLock])?),
            Simple::Upgrade => Op::Upgrade(object(&[Kind::RwLock])?),
            Simple::Downgrade => Op::Downgrade(object(&[Kind::RwLock])?),
            Simple::Acquire => Op::Acquire(object(&[Kind::Semaphore])?),
            Simple::Release => Op::Release(object(&[Kind::Semaphore])?),
            Simple::Notify => Op::Notify(object(&[Kind::Condvar])?),
            Simple::NotifyAll => Op::NotifyAll(object(&[Kind::Condvar])?),
            Simple::Set => Op::Set(object(&[Kind::Event])?),
            Simple::Clear => Op::Clear(object(&[Kind::Event])?),
            Simple::Arrive => Op::Arrive(object(&[Kind::Barrier])?),
            Simple::Close => Op::Close(object(&[Kind::Channel])?),
            Simple::TaskDone => Op::TaskDone(object(&[Kind::Queue])?),
            Simple::Spawn => {
                let thread = self.c.thread(name, word)?;
                if !self.c.spawned[thread.index()] {
                    return fault(
                        ErrorCode::Kind,
                        name,
                        "starts by itself; declare it `spawned` to spawn it",
                    );
                }
                Op::Spawn(thread)
            }
            Simple::Join => match self.c.find(name)? {
                Referent::Thread(thread) => Op::Join(thread),
                Referent::Object(o) if self.c.objects[o.index()].kind == Kind::Queue => Op::QueueJoin(o),
                other => return self.c.wrong_kind(name, other, "thread or queue", word),
            },
        })
    }

    fn event_wait(&self, name: &Name) -> Compiled<Op> {
        let object = self.c.object(name, &[Kind::Event, Kind::Condvar], "wait")?;
        if self.c.objects[object.index()].kind == Kind::Condvar {
            return fault(
                ErrorCode::Kind,
                name,
                "is a condvar; say which lock to give up: `wait c with LOCK`",
            );
        }
        Ok(Op::EventWait(object))
    }

    fn cond_wait(&mut self, condvar: &Name, lock: &Name, until: Option<&'a Expr>, line: u32) -> Compiled<()> {
        let condvar = self.c.object(condvar, &[Kind::Condvar], "wait ... with")?;
        let lock = self.c.object(lock, &MUTEXES, "with")?;
        let top = self.here();
        let branch = match until {
            Some(condition) => {
                // The branch leaves the loop when the negated condition is false.
                let condition = self.negated(condition)?;
                Some(self.emit(Op::Branch { condition, otherwise: Pc(0) }, line))
            }
            None => None,
        };
        let wait = self.emit(Op::CondWait { condvar, lock, misused: Pc(0) }, line);
        if let Some(branch) = branch {
            self.emit(Op::Jump(top), line);
            self.land(branch);
        }
        self.land(wait);
        Ok(())
    }

    fn call_once(&mut self, name: &Name, body: &'a Block, line: u32) -> Compiled<()> {
        let once = self.c.object(name, &[Kind::Once], "call_once")?;
        let at = self.emit(Op::Once { once, skip: Pc(0) }, line);
        let outer = self.breaks.take();
        self.block(body)?;
        self.breaks = outer;
        self.emit(Op::OnceDone(once), line);
        self.land(at);
        Ok(())
    }

    fn submit(&mut self, pool: &Name, body: &'a Block, task: Option<&'a Name>, line: u32) -> Compiled<()> {
        let pool = self.c.object(pool, &[Kind::Pool], "submit")?;
        let name = self.c.text(task.map_or_else(|| format!("task@{line}"), |t| t.text.clone()));
        let known = self.scope.len();
        let into = match task {
            Some(task) => Some(self.bind(task, Holds::Task)?),
            None => None,
        };
        let unknown = Body { entry: Pc(0), locals: 0 };
        let submit = self.emit(Op::Submit { pool, body: unknown, inherit: 0, into, name }, line);
        self.deferred.push(Deferred { submit, body, known });
        Ok(())
    }

    fn repeat(&mut self, count: &crate::ast::Value, body: &'a Block) -> Compiled<()> {
        let copies = count.number.unwrap_or(0);
        if !(1..=limits::REPEAT).contains(&copies) {
            let message = format!("{copies} copies; `repeat` takes a number from 1 to {}", limits::REPEAT);
            return Fault::err(ErrorCode::Limit, count.at, message);
        }
        let outer = self.breaks.replace(Vec::new());
        for _ in 0..copies {
            self.block(body)?;
        }
        let breaks = std::mem::replace(&mut self.breaks, outer);
        breaks.into_iter().flatten().for_each(|at| self.land(at));
        Ok(())
    }

    /// The two blocks of a branch at `at`.
    fn two_way(&mut self, at: Pc, then: &'a Block, otherwise: &'a Block, line: u32) -> Compiled<()> {
        self.block(then)?;
        if otherwise.is_empty() {
            self.land(at);
            return Ok(());
        }
        let jump = self.emit(Op::Jump(Pc(0)), line);
        self.land(at);
        self.block(otherwise)?;
        self.land(jump);
        Ok(())
    }

    fn add(&mut self, name: &'a Name, value: &'a Expr, line: u32) -> Compiled<()> {
        let object = self.c.object(name, &STORES, "add")?;
        if self.c.objects[object.index()].kind == Kind::Atomic {
            let value = self.formula(value)?;
            self.emit(Op::Add { object, value }, line);
            return Ok(());
        }
        let mut terms = Vec::new();
        self.terms(value, &mut terms)?;
        let own = self.load_temporary(object, line);
        terms.extend([own, Term::Binary(crate::ast::BinaryOp::Plus)]);
        let value = self.c.formula(terms);
        self.emit(Op::Store { object, value }, line);
        Ok(())
    }

    fn await_task(&mut self, name: &'a Name) -> Compiled<Op> {
        let Some((slot, holds)) = self.local(name) else {
            let remedy = "bind it before with `submit ... as`";
            if self.c.names.contains_key(name.text.as_str()) {
                return fault(
                    ErrorCode::Kind,
                    name,
                    &format!("is not a task; `await` needs a local, {remedy}"),
                );
            }
            return fault(ErrorCode::Unknown, name, &format!("is not known here; {remedy}"));
        };
        if holds != Holds::Task {
            return fault(
                ErrorCode::Kind,
                name,
                "is a value, not a task; `await` what `submit ... as` bound",
            );
        }
        let text = self.c.text(name.text.clone());
        Ok(Op::Await { task: slot, name: text })
    }

    /// A known local; the tasks on the way from where it was bound hand it on.
    fn local(&mut self, name: &Name) -> Option<(Slot, Holds)> {
        let found = self.scope.find(&name.text)?;
        for submit in self.scope.handed_on_by(found.0) {
            if let Op::Submit { inherit, .. } = &mut self.c.instructions[submit.index()].op {
                *inherit = (*inherit).max(found.0.0 + 1);
            }
        }
        Some(found)
    }

    fn target(&mut self, into: Option<&'a Name>) -> Compiled<Target> {
        into.map_or(Ok(Target::Nothing), |name| self.bind(name, Holds::Value).map(Target::Local))
    }

    /// The slot of a local introduced by `as`.
    fn bind(&mut self, name: &'a Name, holds: Holds) -> Compiled<Slot> {
        if self.c.names.contains_key(name.text.as_str()) {
            return fault(ErrorCode::Duplicate, name, "is declared already; a local needs a name of its own");
        }
        if let Some((slot, held)) = self.local(name) {
            if held != holds {
                let what = if holds == Holds::Task { "a value" } else { "a task" };
                return fault(ErrorCode::Kind, name, &format!("is {what} already; a local keeps its kind"));
            }
            return Ok(slot);
        }
        Ok(self.scope.add(&name.text, holds))
    }

    fn value_or_one(&mut self, value: Option<&'a Expr>) -> Compiled<FormulaId> {
        match value {
            Some(value) => self.formula(value),
            None => Ok(self.c.formula(vec![Term::Number(1)])),
        }
    }

    /// Emits the loads of an expression and returns what remains to be computed.
    fn formula(&mut self, e: &'a Expr) -> Compiled<FormulaId> {
        let mut terms = Vec::new();
        self.terms(e, &mut terms)?;
        Ok(self.c.formula(terms))
    }

    fn negated(&mut self, e: &'a Expr) -> Compiled<FormulaId> {
        let mut terms = Vec::new();
        self.terms(e, &mut terms)?;
        terms.push(Term::Not);
        Ok(self.c.formula(terms))
    }

    fn terms(&mut self, e: &'a Expr, terms: &mut Vec<Term>) -> Compiled<()> {
        match e {
            Expr::Number(n) => terms.push(Term::Number(*n)),
            Expr::Name(name) => {
                let term = self.name_term(name)?;
                terms.push(term);
            }
            Expr::Negate(e) => {
                self.terms(e, terms)?;
                terms.push(Term::Negate);
            }
            Expr::Not(e) => {
                self.terms(e, terms)?;
                terms.push(Term::Not);
            }
            Expr::Binary(op, left, right) => {
                self.terms(left, terms)?;
                self.terms(right, terms)?;
                terms.push(Term::Binary(*op));
            }
        }
        Ok(())
    }

    fn name_term(&mut self, name: &'a Name) -> Compiled<Term> {
        if let Some((slot, holds)) = self.local(name) {
            if holds == Holds::Task {
                return fault(ErrorCode::Kind, name, "is a task, not a value; `await` it");
            }
            return Ok(Term::Local(slot));
        }
        let object = self.c.object(name, &DATA, "expression")?;
        Ok(self.load_temporary(object, name.at.line))
    }

    fn load_temporary(&mut self, object: ObjectId, line: u32) -> Term {
        self.emit(Op::Load { object, into: Target::Temporary }, line);
        self.temporaries += 1;
        Term::Temporary(self.temporaries - 1)
    }
}

fn attempt_kinds(attempt: Attempt) -> &'static [Kind] {
    match attempt {
        Attempt::TryLock | Attempt::LockTimeout => &MUTEXES,
        Attempt::TryRead | Attempt::TryWrite => &[Kind::RwLock],
        Attempt::TryAcquire => &[Kind::Semaphore],
    }
}
