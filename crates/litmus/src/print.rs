//! Syntax trees back to text: one statement a line, parentheses only where the grammar needs them (so that a tree
//! that was within the nesting limits prints within them). Comments are not kept.

use crate::ast::{Action, BinaryOp, Block, Declaration, Expr, Name, Statement, ThreadItem, Tree, Value};
use std::fmt::{self, Display, Formatter, Write};

impl Display for Tree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for declaration in &self.objects {
            writeln!(f, "{declaration}")?;
        }
        for thread in &self.threads {
            write!(f, "{thread}")?;
        }
        if let Some(order) = &self.order {
            f.write_str("order")?;
            for name in order {
                write!(f, " {name}")?;
            }
            f.write_char('\n')?;
        }
        for last in &self.finals {
            writeln!(f, "finally {}", last.condition)?;
        }
        Ok(())
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("inf"),
        }
    }
}

impl Display for Declaration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        f.write_str(if self.bounded { " bounded" } else { "" })
    }
}

impl Display for ThreadItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("thread")?;
        for name in &self.names {
            write!(f, " {name}")?;
        }
        f.write_str(if self.spawned { " spawned" } else { "" })?;
        block(f, &self.body, 0)?;
        f.write_char('\n')
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        statement(f, self, 0)
    }
}

/// ` {`, the statements one step further in, and `}`.
fn block(f: &mut Formatter<'_>, body: &Block, depth: usize) -> fmt::Result {
    f.write_str(" {\n")?;
    for one in body {
        write!(f, "{:1$}", "", 2 * (depth + 1))?;
        statement(f, one, depth + 1)?;
        f.write_char('\n')?;
    }
    write!(f, "{:1$}}}", "", 2 * depth)
}

fn else_block(f: &mut Formatter<'_>, body: &Block, depth: usize) -> fmt::Result {
    if body.is_empty() {
        return Ok(());
    }
    f.write_str(" else")?;
    block(f, body, depth)
}

fn named(f: &mut Formatter<'_>, word: &str, name: &Name, tail: Option<impl Display>) -> fmt::Result {
    write!(f, "{word} {name}")?;
    tail.map_or(Ok(()), |tail| write!(f, " {tail}"))
}

fn binding(into: &Option<Name>) -> Option<String> {
    into.as_ref().map(|name| format!("as {name}"))
}

fn statement(f: &mut Formatter<'_>, statement: &Statement, depth: usize) -> fmt::Result {
    match &statement.action {
        Action::Simple(simple, name) => write!(f, "{} {name}", simple.as_str()),
        Action::Trying { attempt, object, then, otherwise } => {
            write!(f, "{} {object}", attempt.as_str())?;
            block(f, then, depth)?;
            else_block(f, otherwise, depth)
        }
        Action::Wait(name) => write!(f, "wait {name}"),
        Action::WaitWith { condvar, lock, until } => {
            write!(f, "wait {condvar} with {lock}")?;
            until.as_ref().map_or(Ok(()), |e| write!(f, " until {e}"))
        }
        Action::CallOnce(name, body) => {
            write!(f, "call_once {name}")?;
            block(f, body, depth)
        }
        Action::Send(name, value) => named(f, "send", name, value.as_ref()),
        Action::Put(name, value) => named(f, "put", name, value.as_ref()),
        Action::Recv(name, into) => named(f, "recv", name, binding(into)),
        Action::Get(name, into) => named(f, "get", name, binding(into)),
        Action::Load(name, into) => named(f, "load", name, binding(into)),
        Action::Submit { pool, body, task } => {
            write!(f, "submit {pool}")?;
            block(f, body, depth)?;
            binding(task).map_or(Ok(()), |task| write!(f, " {task}"))
        }
        Action::Await(name) => write!(f, "await {name}"),
        Action::Store(name, value) => write!(f, "store {name} = {value}"),
        Action::Add(name, value) => write!(f, "add {name} {value}"),
        Action::If(condition, then, otherwise) => {
            write!(f, "if {condition}")?;
            block(f, then, depth)?;
            else_block(f, otherwise, depth)
        }
        Action::Repeat(count, body) => {
            write!(f, "repeat {count}")?;
            block(f, body, depth)
        }
        Action::Assert(condition) => write!(f, "assert {condition}"),
        Action::Break => f.write_str("break"),
        Action::Yield => f.write_str("yield"),
        Action::Sleep => f.write_str("sleep"),
    }
}

/// How tightly the grammar binds: `or`, `and`, `not`, comparison, sum, product, unary, atom.
fn level(e: &Expr) -> u8 {
    match e {
        Expr::Binary(BinaryOp::Or, ..) => 1,
        Expr::Binary(BinaryOp::And, ..) => 2,
        Expr::Not(_) => 3,
        Expr::Binary(BinaryOp::Plus | BinaryOp::Minus, ..) => 5,
        Expr::Binary(BinaryOp::Times, ..) => 6,
        Expr::Binary(..) => 4,
        Expr::Negate(_) => 7,
        Expr::Number(_) | Expr::Name(_) => 8,
    }
}

/// Writes `e` where the grammar wants something that binds at least as tightly as `least`.
fn operand(f: &mut Formatter<'_>, e: &Expr, least: u8) -> fmt::Result {
    if level(e) >= least { write!(f, "{e}") } else { write!(f, "({e})") }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Number(number) => write!(f, "{number}"),
            Expr::Name(name) => write!(f, "{name}"),
            Expr::Negate(e) => {
                f.write_char('-')?;
                operand(f, e, 7)
            }
            Expr::Not(e) => {
                f.write_str("not ")?;
                operand(f, e, 3)
            }
            Expr::Binary(op, left, right) => {
                let own = level(self);
                // Comparisons do not chain; everything else groups to the left.
                operand(f, left, if own == 4 { 5 } else { own })?;
                write!(f, " {} ", op.as_str())?;
                operand(f, right, own + 1)
            }
        }
    }
}
