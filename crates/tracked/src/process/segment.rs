//! Memory that processes share: an anonymous file (memfd) that travels as a descriptor, or one with a name under
//! `/dev/shm`. Nothing here is locked; who touches what when is the business of the objects that lie in it.

use std::any::Any;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use memmap2::MmapRaw;
use rustix::fs::{AtFlags, CWD, MemfdFlags, Mode, OFlags, linkat, memfd_create, open};
use rustix::io::Errno;

use super::error::Cause;
use super::watch::Identity;
use crate::base::park::ignore_poison;

/// Where named memory lies.
const FOLDER: &str = "/dev/shm";
/// The first bytes of named memory: which objects lie there, and how.
const MAGIC: [u8; 8] = *b"lcshm\0\0\x01";
/// Where objects begin; before it, the magic, the size of one element and the number of elements (u64 each, from byte
/// 8), and from byte 32 on a word for conditions.
pub(super) const START: usize = 64;
/// Where the word for conditions stands.
pub(super) const CHANGES: usize = 32;

/// A piece of shared memory, mapped for as long as this lives.
pub(super) struct Segment {
    file: File,
    map: MmapRaw,
    device: u64,
    inode: u64,
    /// The name under which others find it, removed when this is dropped.
    name: Option<PathBuf>,
}

impl Segment {
    /// New anonymous memory of so many bytes, all zero.
    pub(super) fn create(what: &str, bytes: usize) -> io::Result<Segment> {
        Segment::sized(File::from(memfd_create(what, MemfdFlags::CLOEXEC)?), bytes)
    }

    fn sized(file: File, bytes: usize) -> io::Result<Segment> {
        file.set_len(bytes as u64)?;
        std::os::unix::fs::FileExt::write_all_at(&file, &MAGIC, 0)?;
        Segment::map(file)
    }

    fn map(file: File) -> io::Result<Segment> {
        let status = rustix::fs::fstat(&file)?;
        let map = MmapRaw::map_raw(&file)?;
        Ok(Segment { file, map, device: status.st_dev, inode: status.st_ino, name: None })
    }

    /// Writes down what kind of elements lie here, and how many.
    pub(super) fn set_shape(&self, element: usize, count: usize) -> io::Result<()> {
        let shape = [(element as u64).to_ne_bytes(), (count as u64).to_ne_bytes()].concat();
        std::os::unix::fs::FileExt::write_all_at(&self.file, &shape, 8)
    }

    /// How many elements of this size lie here, behind so many bytes.
    pub(super) fn count_of(&self, element: usize, behind: usize) -> Result<usize, Cause> {
        let mut shape = [0; 16];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut shape, 8)?;
        let word = |at: usize| u64::from_ne_bytes(shape[at..at + 8].try_into().expect("eight bytes"));
        let count = usize::try_from(word(8)).unwrap_or(usize::MAX);
        let end = element.checked_mul(count).and_then(|bytes| bytes.checked_add(behind));
        if word(0) != element as u64 || end.is_none_or(|end| end > self.len()) {
            let text = format!("its elements have {} bytes, not {element}, or there are fewer", word(0));
            return Err(Cause::WrongMemory(text));
        }
        Ok(count)
    }

    /// The memory behind a descriptor, of so many bytes at least.
    pub(super) fn adopt(fd: OwnedFd, bytes: usize) -> Result<Segment, Cause> {
        let wrong = |what: &str| Cause::WrongMemory(what.to_owned());
        let file = File::from(fd);
        if file.metadata()?.len() < bytes as u64 {
            return Err(wrong("it is too small"));
        }
        let mut magic = [0; 8];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut magic, 0)?;
        if magic != MAGIC {
            return Err(wrong("it was made by something else"));
        }
        Ok(Segment::map(file)?)
    }

    /// New memory under a name, which `prepare` fills before anybody can find it.
    pub(super) fn create_named(
        name: &str,
        bytes: usize,
        prepare: impl FnOnce(&Segment) -> io::Result<()>,
    ) -> Result<Segment, Cause> {
        let path = path_of(name)?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mut segment = Segment::sized(File::from(open(FOLDER, flags, Mode::RUSR | Mode::WUSR)?), bytes)?;
        prepare(&segment)?;
        let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&segment.file));
        match linkat(CWD, own, CWD, &path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => segment.name = Some(path),
            Err(Errno::EXIST) => return Err(Cause::NameTaken(name.to_owned())),
            Err(error) => return Err(error.into()),
        }
        Ok(segment)
    }

    /// The memory of that name, of so many bytes at least.
    pub(super) fn open_named(name: &str, bytes: usize) -> Result<Segment, Cause> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        Segment::adopt(open(path_of(name)?, flags, Mode::empty())?, bytes)
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Where the object at `offset` lies.
    pub(super) fn identity(&self, offset: usize) -> Identity {
        Identity { device: self.device, inode: self.inode, offset: offset as u64 }
    }

    /// The `T` that lies at `offset`, as an address.
    ///
    /// # Panics
    ///
    /// If it would not lie within the memory, or not be aligned.
    pub(super) fn at<T>(&self, offset: usize) -> *mut T {
        let end = offset.checked_add(size_of::<T>());
        assert!(end.is_some_and(|end| end <= self.map.len()), "an object outside of its memory");
        let address = self.map.as_mut_ptr().wrapping_add(offset);
        assert!(address.addr().is_multiple_of(align_of::<T>()), "an object that is not aligned");
        address.cast()
    }
}

impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(path) = &self.name {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A name becomes one file in one folder.
fn path_of(name: &str) -> Result<PathBuf, Cause> {
    let good = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if !good {
        return Err(Cause::WrongMemory(format!("`{name}` cannot be a name: use letters, digits and dashes")));
    }
    Ok([FOLDER, name].iter().collect())
}

/// An object that is there once, however many handles the process has.
type Known = HashMap<Identity, Weak<dyn Any + Send + Sync>>;

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// The process's one object at this place: the one it has, or what `make` makes. Fails where it is one of another type.
pub(super) fn unique<T: Any + Send + Sync>(
    identity: Identity,
    make: impl FnOnce() -> T,
) -> Result<Arc<T>, Cause> {
    let wrong = |_| Cause::WrongMemory("it is known as an object of another type".to_owned());
    let known = |known: &mut Known| known.get(&identity).and_then(Weak::upgrade);
    if let Some(object) = known(ignore_poison(KNOWN.lock()).get_or_insert_default()) {
        return object.downcast().map_err(wrong);
    }
    // Not under the lock: making it may run code of the run-time's.
    let object: Arc<T> = Arc::new(make());
    let mut all = ignore_poison(KNOWN.lock());
    let all = all.get_or_insert_default();
    if let Some(object) = known(all) {
        return object.downcast().map_err(wrong);
    }
    all.retain(|_, object| object.strong_count() > 0);
    let any: Arc<dyn Any + Send + Sync> = object.clone();
    all.insert(identity, Arc::downgrade(&any));
    Ok(object)
}
