//! The locals known at one place of a body. A task sees those its submitter had at the `submit`; instead of a copy
//! (a `repeat` may submit thousands of tasks) it keeps a link to the submitter's scope and the number it may see.

use crate::code::{Pc, Slot};
use std::collections::HashMap;
use std::rc::Rc;

/// What a local holds, for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Value,
    Task,
}

/// The locals of one body. Slots are numbered through: inherited ones first. Never shrinks.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    /// The submitter's scope and the `submit` in its body; `None` for a thread.
    parent: Option<(Rc<Scope<'a>>, Pc)>,
    /// Number of inherited slots.
    base: usize,
    /// What each own local holds; the first one has slot `base`.
    own: Vec<Holds>,
    /// Own locals by name; an index into `own`.
    index: HashMap<&'a str, usize>,
}

impl<'a> Scope<'a> {
    pub(crate) fn of_task(parent: Rc<Scope<'a>>, submit: Pc, base: usize) -> Self {
        Scope { parent: Some((parent, submit)), base, ..Scope::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.base + self.own.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<(Slot, Holds)> {
        if let Some(&i) = self.index.get(name) {
            return Some((Slot((self.base + i) as u16), self.own[i]));
        }
        let (parent, _) = self.parent.as_ref()?;
        parent.find(name).filter(|(slot, _)| slot.index() < self.base)
    }

    /// Adds a local that is not known yet.
    pub(crate) fn add(&mut self, name: &'a str, holds: Holds) -> Slot {
        self.index.insert(name, self.own.len());
        self.own.push(holds);
        Slot(self.len() as u16 - 1)
    }

    /// The `submit`s that have to hand this slot on so that it is known here.
    pub(crate) fn handed_on_by(&self, slot: Slot) -> impl Iterator<Item = Pc> + '_ {
        let mut scope = self;
        std::iter::from_fn(move || {
            let (parent, submit) = scope.parent.as_ref().filter(|_| slot.index() < scope.base)?;
            scope = parent;
            Some(*submit)
        })
    }
}
