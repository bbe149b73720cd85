//! A manager's dictionaries, lists and namespaces, from several processes, and after its end.

use tracked::process::{
    self, Cause, DictProxy, ListProxy, Lock, Manager, Namespace, Process, ProcessError, Queue,
};

use crate::Test;

pub const TESTS: &[Test] = &[
    ("a_dictionary", a_dictionary),
    ("a_list", a_list),
    ("a_namespace", a_namespace),
    ("many_processes_use_one_manager", many_processes_use_one_manager),
    ("a_proxy_travels_in_a_message", a_proxy_travels_in_a_message),
    ("values_of_another_type", values_of_another_type),
    ("a_manager_that_is_gone", a_manager_that_is_gone),
];

fn a_dictionary() {
    let manager = Manager::new().unwrap();
    let ages: DictProxy<String, u32> = manager.dict().unwrap().named("ages");
    let (ada, bob) = ("ada".to_owned(), "bob".to_owned());
    assert!(ages.is_empty().unwrap());
    assert_eq!(ages.insert(&ada, &36).unwrap(), None);
    assert_eq!(ages.insert(&ada, &37).unwrap(), Some(36));
    ages.clone().insert(&bob, &1).unwrap();
    assert_eq!((ages.len().unwrap(), ages.get(&ada).unwrap()), (2, Some(37)));
    assert_eq!(ages.items().unwrap(), [(ada.clone(), 37), (bob.clone(), 1)].into());
    assert_eq!((ages.remove(&bob).unwrap(), ages.remove(&bob).unwrap()), (Some(1), None));
    ages.clear().unwrap();
    assert_eq!(ages.get(&ada).unwrap(), None);
}

fn a_list() {
    let manager = Manager::new().unwrap();
    let words: ListProxy<String> = manager.list().unwrap();
    words.push(&"a".to_owned()).unwrap();
    assert_eq!(words.extend(&["b".to_owned(), "c".to_owned()]).unwrap(), 3);
    assert_eq!(words.set(1, &"B".to_owned()).unwrap().as_deref(), Some("b"));
    assert_eq!(words.set(7, &"x".to_owned()).unwrap(), None);
    assert_eq!(words.to_vec().unwrap(), ["a", "B", "c"]);
    assert_eq!((words.get(0).unwrap().as_deref(), words.get(9).unwrap()), (Some("a"), None));
    assert_eq!((words.pop().unwrap().as_deref(), words.len().unwrap()), (Some("c"), 2));
    words.clear().unwrap();
    assert!(words.is_empty().unwrap());
}

fn a_namespace() {
    let manager = Manager::new().unwrap();
    let space = manager.namespace().unwrap().named("space");
    space.set("counter", &0u32).unwrap();
    space.set("status", "Idle").unwrap();
    assert_eq!(space.get::<u32>("counter").unwrap(), Some(0));
    assert_eq!(space.get::<String>("status").unwrap().as_deref(), Some("Idle"));
    assert_eq!(space.get::<u32>("nothing").unwrap(), None);
    assert_eq!(space.names().unwrap(), ["counter", "status"]);
}

#[process::entry]
fn count(space: Namespace, list: ListProxy<u32>, lock: Lock, number: u32) {
    for _ in 0..20 {
        let _held = lock.lock().unwrap();
        let counter: u32 = space.get("counter").unwrap().unwrap();
        space.set("counter", &(counter + 1)).unwrap();
    }
    list.push(&number).unwrap();
}

fn many_processes_use_one_manager() {
    let (manager, lock) = (Manager::new().unwrap(), Lock::new().unwrap());
    let (space, list) = (manager.namespace().unwrap(), manager.list().unwrap());
    space.set("counter", &0u32).unwrap();
    let children: Vec<_> = (0..4)
        .map(|number| Process::spawn(count, (space.clone(), list.clone(), lock.clone(), number)).unwrap())
        .collect();
    for child in children {
        child.join().unwrap();
    }
    assert_eq!(space.get::<u32>("counter").unwrap(), Some(80));
    let mut numbers = list.to_vec().unwrap();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[process::entry]
fn push_to(lists: Queue<ListProxy<u8>>) {
    lists.get().unwrap().push(&7).unwrap();
}

/// It is an address and a number, unlike what lies in memory.
fn a_proxy_travels_in_a_message() {
    let manager = Manager::new().unwrap();
    let (list, lists) = (manager.list().unwrap(), Queue::new().unwrap());
    lists.put(&list).unwrap();
    Process::spawn(push_to, (lists,)).unwrap().join().unwrap();
    assert_eq!(list.to_vec().unwrap(), [7]);
}

fn values_of_another_type() {
    let manager = Manager::new().unwrap();
    let space = manager.namespace().unwrap().named("space");
    space.set("name", "no number").unwrap();
    let error = space.get::<(u8, u8)>("name").unwrap_err();
    assert!(matches!(error.cause(), Cause::Decode { .. }), "{error}");
    assert!(
        error.to_string().starts_with("process `main`: `get` on namespace `space`: the value cannot"),
        "{error}"
    );
}

fn closed<T: std::fmt::Debug>(result: Result<T, ProcessError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error.cause(), Cause::Closed), "{error}");
    error.to_string()
}

fn a_manager_that_is_gone() {
    let manager = Manager::new().unwrap();
    let list: ListProxy<u8> = manager.list().unwrap().named("numbers");
    let never_used = list.clone();
    list.push(&1).unwrap();
    drop(manager);
    let said = "process `main`: `push` on list `numbers`: the other end is closed";
    assert_eq!(closed(list.push(&2)), said);
    assert_eq!(closed(never_used.push(&2)), said);

    let manager = Manager::new().unwrap();
    let list: ListProxy<u8> = manager.list().unwrap();
    // SAFETY: a plain system call, on a child that nobody has waited for.
    assert_eq!(unsafe { libc::kill(manager.pid() as i32, libc::SIGKILL) }, 0);
    while list.push(&1).is_ok() {}
    closed(list.len());
    closed(manager.namespace());
}
