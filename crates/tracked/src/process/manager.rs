//! `Manager`: a process that keeps dictionaries, lists and namespaces for others, and the proxies through which they use
//! them. What a proxy does is one message to that process and one back.
//!
//! Each operation is whole; two of them are not. Who reads and writes back takes a [`Lock`](super::Lock) around both,
//! or else an update of another process may come in between: for namespaces, the detector is told of reads and writes,
//! with the locks held around them.
//!
//! The process listens at a socket in the abstract namespace, which leaves no file behind, and answers its own user
//! only. It ends when the manager is dropped, or the process that has it dies.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::panic::Location;
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::connection::{Connection, pipe};
use super::entry::{self, Arguments, Entry, Failed};
use super::error::{Cause, ProcessError};
use super::locks::label;
use super::spawn::{Builder, Process};
use super::watch::{Accesses, Awaited, Kind, Label, Watch};
use crate::base::Site;
use crate::base::park::ignore_poison;

/// A message may be so long at the most.
const MESSAGE_MAX: u32 = 1 << 30;

/// A value, encoded: the manager's process need not know its type.
type Bytes = Vec<u8>;

/// What a proxy asks for.
#[derive(Debug, Serialize, Deserialize)]
enum Op {
    MakeDict,
    MakeList,
    MakeNamespace,
    Insert(Bytes, Bytes),
    Get(Bytes),
    Remove(Bytes),
    Items,
    Len,
    Clear,
    Extend(Vec<Bytes>),
    At(u64),
    Replace(u64, Bytes),
    Pop,
    All,
    Set(String, Bytes),
    Attribute(String),
    Names,
}

/// What it gets.
#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Made(u64),
    Done,
    Maybe(Option<Bytes>),
    Many(Vec<Bytes>),
    Pairs(Vec<(Bytes, Bytes)>),
    Names(Vec<String>),
    Number(u64),
    /// There is no such object, or it is of another kind.
    Wrong,
}

/// An object of the manager's.
enum Object {
    Dict(BTreeMap<Bytes, Bytes>),
    List(Vec<Bytes>),
    Namespace(BTreeMap<String, Bytes>),
}

/// All objects, by number. None is ever taken away: a proxy on its way to a process cannot be counted.
#[derive(Default)]
struct Store(Mutex<Vec<Object>>);

impl Store {
    fn answer(&self, object: u64, op: Op) -> Reply {
        let mut objects = ignore_poison(self.0.lock());
        let new = match op {
            Op::MakeDict => Object::Dict(BTreeMap::new()),
            Op::MakeList => Object::List(Vec::new()),
            Op::MakeNamespace => Object::Namespace(BTreeMap::new()),
            op => {
                let object = usize::try_from(object).ok().and_then(|object| objects.get_mut(object));
                return object.map_or(Reply::Wrong, |object| object.answer(op));
            }
        };
        objects.push(new);
        Reply::Made(objects.len() as u64 - 1)
    }
}

impl Object {
    fn answer(&mut self, op: Op) -> Reply {
        match (self, op) {
            (Object::Dict(dict), Op::Insert(key, value)) => Reply::Maybe(dict.insert(key, value)),
            (Object::Dict(dict), Op::Get(key)) => Reply::Maybe(dict.get(&key).cloned()),
            (Object::Dict(dict), Op::Remove(key)) => Reply::Maybe(dict.remove(&key)),
            (Object::Dict(dict), Op::Items) => {
                Reply::Pairs(dict.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            }
            (Object::Dict(dict), Op::Len) => Reply::Number(dict.len() as u64),
            (Object::Dict(dict), Op::Clear) => {
                dict.clear();
                Reply::Done
            }
            (Object::List(list), Op::Extend(values)) => {
                list.extend(values);
                Reply::Number(list.len() as u64)
            }
            (Object::List(list), Op::At(index)) => Reply::Maybe(list.get(index as usize).cloned()),
            (Object::List(list), Op::Replace(index, value)) => {
                Reply::Maybe(list.get_mut(index as usize).map(|old| std::mem::replace(old, value)))
            }
            (Object::List(list), Op::Pop) => Reply::Maybe(list.pop()),
            (Object::List(list), Op::All) => Reply::Many(list.clone()),
            (Object::List(list), Op::Len) => Reply::Number(list.len() as u64),
            (Object::List(list), Op::Clear) => {
                list.clear();
                Reply::Done
            }
            (Object::Namespace(names), Op::Set(name, value)) => {
                names.insert(name, value);
                Reply::Done
            }
            (Object::Namespace(names), Op::Attribute(name)) => Reply::Maybe(names.get(&name).cloned()),
            (Object::Namespace(names), Op::Names) => Reply::Names(names.keys().cloned().collect()),
            _ => Reply::Wrong,
        }
    }
}

/// The manager's process: answers until the other end of `owner` is closed.
fn serve(address: String, owner: Connection<(), ()>) {
    let listener = match listen(&address) {
        Ok(listener) => listener,
        // The owner sees the end of this process.
        Err(error) => panic!("cannot listen: {error}"),
    };
    if owner.send(&()).is_err() {
        return;
    }
    let store = Arc::new(Store::default());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten().filter(is_own_user) {
            let store = Arc::clone(&store);
            std::thread::spawn(move || attend(client, &store));
        }
    });
    // Nothing is ever sent: this is its end.
    let _ = owner.recv();
}

/// What `#[entry]` makes of a function, for one of this crate's own.
fn run_serve(arguments: Arguments<'_>) -> Result<Vec<u8>, Failed> {
    let (address, owner): (String, Connection<(), ()>) = arguments.decode()?;
    serve(address, owner);
    entry::encode(&())
}

inventory::submit! {
    Entry::new(|| std::any::type_name_of_val(&serve), run_serve)
}

fn listen(address: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(address)?)
}

fn is_own_user(client: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(client);
    peer.is_ok_and(|peer| peer.uid == rustix::process::getuid())
}

/// Answers one client until it goes.
fn attend(mut client: UnixStream, store: &Store) {
    while let Ok(Some(message)) = read_message(&mut client) {
        let reply = match entry::decode::<(u64, Op)>(&message) {
            Ok((object, op)) => store.answer(object, op),
            Err(_) => Reply::Wrong,
        };
        let sent = entry::with_encoded(&reply, |bytes| write_message(&mut client, bytes));
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// The next message; `None` at the end of the stream.
fn read_message(stream: &mut UnixStream) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_ne_bytes(length);
    if length > MESSAGE_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = Vec::new();
    // Memory follows what comes, not what was announced.
    let came = stream.take(length.into()).read_to_end(&mut message)?;
    if came < length as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some(message)) }
}

fn write_message(stream: &mut UnixStream, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_ne_bytes(), message].concat())
}

/// A process that keeps objects for others. Dropping it ends that process and with it the objects.
pub struct Manager {
    process: Process<()>,
    owner: Option<Connection<(), ()>>,
    address: String,
}

impl Manager {
    /// Starts the process.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    #[track_caller]
    pub fn new() -> Result<Manager, ProcessError> {
        // Nobody else's address, and not to be guessed by who might want to be there first.
        let random = RandomState::new().hash_one(std::process::id());
        let address = format!("tracked-manager-{}-{random:016x}", std::process::id());
        let (owner, there) = pipe()?;
        let process = Builder::new().name("Manager").spawn(serve, (address.clone(), there))?;
        let manager = Manager { process, owner: Some(owner.named("manager")), address };
        if let Some(Err(error)) = manager.owner.as_ref().map(Connection::recv) {
            return Err(error);
        }
        Ok(manager)
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// An empty dictionary. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the manager's process is gone.
    #[track_caller]
    pub fn dict<K, V>(&self) -> Result<DictProxy<K, V>, ProcessError> {
        let remote = self.make("dict", Op::MakeDict, Location::caller())?;
        Ok(DictProxy { remote, items: PhantomData })
    }

    /// An empty list. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the manager's process is gone.
    #[track_caller]
    pub fn list<T>(&self) -> Result<ListProxy<T>, ProcessError> {
        let remote = self.make("list", Op::MakeList, Location::caller())?;
        Ok(ListProxy { remote, items: PhantomData })
    }

    /// An empty namespace. The calling line is its creation site.
    ///
    /// # Errors
    ///
    /// If the manager's process is gone.
    #[track_caller]
    pub fn namespace(&self) -> Result<Namespace, ProcessError> {
        let remote = self.make("namespace", Op::MakeNamespace, Location::caller())?;
        Ok(Namespace { remote, accesses: Accesses::default() })
    }

    fn make(&self, what: &'static str, op: Op, site: Site) -> Result<Remote, ProcessError> {
        let mut remote = Remote::new(self.address.clone(), u64::MAX, what, Label::at(site));
        match remote.ask(what, op, site)? {
            Reply::Made(object) => {
                remote.object = object;
                Ok(remote)
            }
            _ => Err(remote.fail(what, wrong())),
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.owner = None;
        // It ends now; how is nobody's business any more.
        let _ = self.process.wait();
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("pid", &self.pid()).finish_non_exhaustive()
    }
}

fn wrong() -> Cause {
    Cause::WrongMemory("the manager has no such object".to_owned())
}

/// An object of a manager's, from any process.
struct Remote {
    address: String,
    object: u64,
    /// What it is called in errors: "dict".
    what: &'static str,
    label: Mutex<Label>,
    watch: Watch,
    /// The way there, once it was needed. One question at a time.
    stream: Mutex<Option<UnixStream>>,
}

impl Remote {
    fn new(address: String, object: u64, what: &'static str, label: Label) -> Remote {
        let watch = Watch::of_remote(Kind::Manager, &label);
        Remote { address, object, what, label: label.into(), watch, stream: Mutex::default() }
    }

    /// The same object, with a way there of its own.
    fn again(&self) -> Remote {
        Remote::new(self.address.clone(), self.object, self.what, label(&self.label).clone())
    }

    fn name(&self, name: &str) {
        label(&self.label).name = Some(name.to_owned());
        self.watch.name(name);
    }

    fn fail(&self, call: &str, cause: Cause) -> ProcessError {
        let label = label(&self.label);
        let which = match &label.name {
            Some(name) => format!("{} `{name}`", self.what),
            None => format!("the {} made at {}:{}", self.what, label.file, label.line),
        };
        ProcessError::here(format_args!("`{call}` on {which}"), cause)
    }

    /// One message there and one back.
    fn ask(&self, call: &str, op: Op, site: Site) -> Result<Reply, ProcessError> {
        let fail = |cause| self.fail(call, cause);
        let mut stream = ignore_poison(self.stream.lock());
        let stream = match &mut *stream {
            Some(stream) => stream,
            none => none.insert(self.connect().map_err(fail)?),
        };
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                fail(Cause::Closed)
            }
            _ => fail(error.into()),
        };
        let sent = entry::with_encoded(&(self.object, op), |bytes| write_message(stream, bytes));
        sent.map_err(|reason| fail(Cause::Encode { what: "value", reason }))?.map_err(gone)?;
        let reply = self.watch.waiting(site, None, Awaited::Item, || read_message(stream));
        let reply = reply.map_err(gone)?.ok_or_else(|| fail(Cause::Closed))?;
        match entry::decode(&reply) {
            Ok(Reply::Wrong) => Err(fail(wrong())),
            Ok(reply) => Ok(reply),
            Err(reason) => Err(fail(Cause::Decode { what: "reply", reason })),
        }
    }

    fn connect(&self) -> Result<UnixStream, Cause> {
        let address = SocketAddr::from_abstract_name(&self.address)?;
        UnixStream::connect_addr(&address).map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Cause::Closed,
            _ => error.into(),
        })
    }

    fn encode<T: Serialize + ?Sized>(&self, call: &str, value: &T) -> Result<Bytes, ProcessError> {
        entry::with_encoded(value, <[u8]>::to_vec)
            .map_err(|reason| self.fail(call, Cause::Encode { what: "value", reason }))
    }

    fn decode<T: DeserializeOwned>(&self, call: &str, bytes: &[u8]) -> Result<T, ProcessError> {
        entry::decode(bytes).map_err(|reason| self.fail(call, Cause::Decode { what: "value", reason }))
    }

    /// For an operation that gives a value, or none.
    fn maybe<T: DeserializeOwned>(&self, call: &str, op: Op, site: Site) -> Result<Option<T>, ProcessError> {
        match self.ask(call, op, site)? {
            Reply::Maybe(value) => value.map(|bytes| self.decode(call, &bytes)).transpose(),
            _ => Err(self.fail(call, wrong())),
        }
    }

    fn number(&self, call: &str, op: Op, site: Site) -> Result<usize, ProcessError> {
        match self.ask(call, op, site)? {
            Reply::Number(number) => Ok(number as usize),
            _ => Err(self.fail(call, wrong())),
        }
    }
}

/// What all proxies can do: be cloned, named, shown, and sent to another process.
macro_rules! proxy {
    ($name:ident $(<$($t:ident),+>)?, $what:literal, $rest:ident) => {
        impl$(<$($t),+>)? $name$(<$($t),+>)? {
            /// Gives it a name for reports and errors.
            #[must_use]
            pub fn named(self, name: &str) -> Self {
                self.remote.name(name);
                self
            }
        }

        impl$(<$($t),+>)? Clone for $name$(<$($t),+>)? {
            /// The same object.
            fn clone(&self) -> Self {
                $name { remote: self.remote.again(), $rest: Default::default() }
            }
        }

        impl$(<$($t),+>)? Serialize for $name$(<$($t),+>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let label = label(&self.remote.label).clone();
                (&self.remote.address, self.remote.object, label).serialize(serializer)
            }
        }

        impl<'de $(, $($t),+)?> Deserialize<'de> for $name$(<$($t),+>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (address, object, label) = <(String, u64, Label)>::deserialize(deserializer)?;
                Ok($name { remote: Remote::new(address, object, $what, label), $rest: Default::default() })
            }
        }

        impl$(<$($t),+>)? fmt::Debug for $name$(<$($t),+>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = label(&self.remote.label).name.clone();
                f.debug_struct(stringify!($name)).field("name", &name).finish_non_exhaustive()
            }
        }
    };
}

/// A dictionary that a [`Manager`] keeps. A clone is the same dictionary.
///
/// Every operation fails if the manager's process is gone, or a value does not travel.
pub struct DictProxy<K, V> {
    remote: Remote,
    items: PhantomData<fn() -> (K, V)>,
}

proxy!(DictProxy<K, V>, "dict", items);

#[expect(clippy::missing_errors_doc, reason = "said of all of them at the type")]
impl<K: Serialize + DeserializeOwned, V: Serialize + DeserializeOwned> DictProxy<K, V> {
    /// Puts a value under `key`, and gives the one that was there.
    #[track_caller]
    pub fn insert(&self, key: &K, value: &V) -> Result<Option<V>, ProcessError> {
        let op = Op::Insert(self.remote.encode("insert", key)?, self.remote.encode("insert", value)?);
        self.remote.maybe("insert", op, Location::caller())
    }

    /// The value under `key`.
    #[track_caller]
    pub fn get(&self, key: &K) -> Result<Option<V>, ProcessError> {
        let key = self.remote.encode("get", key)?;
        self.remote.maybe("get", Op::Get(key), Location::caller())
    }

    /// Takes the value under `key` away.
    #[track_caller]
    pub fn remove(&self, key: &K) -> Result<Option<V>, ProcessError> {
        let key = self.remote.encode("remove", key)?;
        self.remote.maybe("remove", Op::Remove(key), Location::caller())
    }

    /// All keys and values, in no order that means anything.
    #[track_caller]
    pub fn items(&self) -> Result<HashMap<K, V>, ProcessError>
    where
        K: Eq + std::hash::Hash,
    {
        let Reply::Pairs(pairs) = self.remote.ask("items", Op::Items, Location::caller())? else {
            return Err(self.remote.fail("items", wrong()));
        };
        let decode = |(key, value): (Bytes, Bytes)| {
            Ok((self.remote.decode("items", &key)?, self.remote.decode("items", &value)?))
        };
        pairs.into_iter().map(decode).collect()
    }

    /// How many keys there are.
    #[track_caller]
    pub fn len(&self) -> Result<usize, ProcessError> {
        self.remote.number("len", Op::Len, Location::caller())
    }

    /// Whether there are none.
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool, ProcessError> {
        self.remote.number("is_empty", Op::Len, Location::caller()).map(|len| len == 0)
    }

    /// Takes everything away.
    #[track_caller]
    pub fn clear(&self) -> Result<(), ProcessError> {
        self.remote.ask("clear", Op::Clear, Location::caller()).map(|_| ())
    }
}

/// A list that a [`Manager`] keeps. A clone is the same list.
///
/// Every operation fails if the manager's process is gone, or a value does not travel.
pub struct ListProxy<T> {
    remote: Remote,
    items: PhantomData<fn() -> T>,
}

proxy!(ListProxy<T>, "list", items);

#[expect(clippy::missing_errors_doc, reason = "said of all of them at the type")]
impl<T: Serialize + DeserializeOwned> ListProxy<T> {
    /// Adds a value at the end.
    #[track_caller]
    pub fn push(&self, value: &T) -> Result<(), ProcessError> {
        let value = self.remote.encode("push", value)?;
        self.remote.number("push", Op::Extend(vec![value]), Location::caller()).map(|_| ())
    }

    /// Adds values at the end, all at once; gives the list's length.
    #[track_caller]
    pub fn extend<'a>(&self, values: impl IntoIterator<Item = &'a T>) -> Result<usize, ProcessError>
    where
        T: 'a,
    {
        let values: Result<_, _> =
            values.into_iter().map(|value| self.remote.encode("extend", value)).collect();
        self.remote.number("extend", Op::Extend(values?), Location::caller())
    }

    /// The value at `index`.
    #[track_caller]
    pub fn get(&self, index: usize) -> Result<Option<T>, ProcessError> {
        self.remote.maybe("get", Op::At(index as u64), Location::caller())
    }

    /// Puts a value in the place of the one at `index`, and gives that; `None` if there is none.
    #[track_caller]
    pub fn set(&self, index: usize, value: &T) -> Result<Option<T>, ProcessError> {
        let value = self.remote.encode("set", value)?;
        self.remote.maybe("set", Op::Replace(index as u64, value), Location::caller())
    }

    /// Takes the last value away.
    #[track_caller]
    pub fn pop(&self) -> Result<Option<T>, ProcessError> {
        self.remote.maybe("pop", Op::Pop, Location::caller())
    }

    /// All values.
    #[track_caller]
    pub fn to_vec(&self) -> Result<Vec<T>, ProcessError> {
        let Reply::Many(values) = self.remote.ask("to_vec", Op::All, Location::caller())? else {
            return Err(self.remote.fail("to_vec", wrong()));
        };
        values.iter().map(|value| self.remote.decode("to_vec", value)).collect()
    }

    /// How many values there are.
    #[track_caller]
    pub fn len(&self) -> Result<usize, ProcessError> {
        self.remote.number("len", Op::Len, Location::caller())
    }

    /// Whether there are none.
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool, ProcessError> {
        self.remote.number("is_empty", Op::Len, Location::caller()).map(|len| len == 0)
    }

    /// Takes everything away.
    #[track_caller]
    pub fn clear(&self) -> Result<(), ProcessError> {
        self.remote.ask("clear", Op::Clear, Location::caller()).map(|_| ())
    }
}

/// Values by name, of any type, that a [`Manager`] keeps. A clone is the same namespace.
///
/// A value that is read and written back is an update: the detector wants one lock around both, as soon as another
/// process writes the name as well. Every operation fails if the manager's process is gone, or a value does not travel.
pub struct Namespace {
    remote: Remote,
    /// What the detector knows the names by.
    accesses: Accesses,
}

proxy!(Namespace, "namespace", accesses);

#[expect(clippy::missing_errors_doc, reason = "said of all of them at the type")]
impl Namespace {
    /// Sets the value of `name`.
    #[track_caller]
    pub fn set<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), ProcessError> {
        let (site, value) = (Location::caller(), self.remote.encode("set", value)?);
        self.accessed(name, site, true);
        self.remote.ask("set", Op::Set(name.to_owned(), value), site).map(|_| ())
    }

    /// The value of `name`, if it has one.
    #[track_caller]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ProcessError> {
        let site = Location::caller();
        self.accessed(name, site, false);
        self.remote.maybe("get", Op::Attribute(name.to_owned()), site)
    }

    /// The names that have values.
    #[track_caller]
    pub fn names(&self) -> Result<Vec<String>, ProcessError> {
        match self.remote.ask("names", Op::Names, Location::caller())? {
            Reply::Names(names) => Ok(names),
            _ => Err(self.remote.fail("names", wrong())),
        }
    }

    fn accessed(&self, name: &str, site: Site, writes: bool) {
        let label = || label(&self.remote.label).clone();
        self.accesses.note((&self.remote.address, self.remote.object, name), label, site, writes);
    }
}
