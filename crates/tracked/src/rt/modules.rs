//! The loaded modules: a map of them, so that the CLI can resolve addresses of a process that is dead, and whether
//! something is a static of one.

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;

use lockcheck_events::Record;

/// One record for each executable segment of each module.
pub(crate) fn loaded() -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    // SAFETY: `each` matches the callback's type and the pointer is to a live vector that only it uses meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut records).cast()) };
    records
}

/// Whether the address lies in a module, as statics do.
pub(crate) fn has(address: u64) -> bool {
    let mut wanted = address;
    // SAFETY: `holds` matches the callback's type and the pointer is to a live number that only it uses meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(holds), (&raw mut wanted).cast()) != 0 }
}

/// Called by the loader for each module, until one says that it has the address.
unsafe extern "C" fn holds(info: *mut libc::dl_phdr_info, _size: usize, address: *mut c_void) -> c_int {
    // SAFETY: the loader hands over a valid description, and `address` is the number of `has`.
    let (info, address) = unsafe { (&*info, *address.cast::<u64>()) };
    // SAFETY: the description is the loader's.
    let mut segments = unsafe { segments(info) };
    c_int::from(segments.any(|(range, _)| range.contains(&address)))
}

/// What of a module is in memory: where, and whether it is code.
///
/// # Safety
///
/// The description is one that the loader hands over, and the module stays loaded for as long as this is used.
unsafe fn segments(info: &libc::dl_phdr_info) -> impl Iterator<Item = (Range<u64>, bool)> {
    let headers = match info.dlpi_phdr.is_null() {
        true => &[],
        // SAFETY: `dlpi_phdr` points to `dlpi_phnum` headers for as long as the module is loaded.
        false => unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) },
    };
    let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    loaded.map(|header| {
        let start = wide(info.dlpi_addr) + wide(header.p_vaddr);
        (start..start + wide(header.p_memsz), header.p_flags & libc::PF_X != 0)
    })
}

/// Called by the loader once for each module.
unsafe extern "C" fn each(info: *mut libc::dl_phdr_info, _size: usize, records: *mut c_void) -> c_int {
    // SAFETY: the loader hands over a valid description, and `records` is the vector of `loaded`.
    let (info, records) = unsafe { (&*info, &mut *records.cast::<Vec<Record>>()) };
    let (path, base) = (module_path(info), wide(info.dlpi_addr));
    // SAFETY: the description is the loader's.
    let segments = unsafe { segments(info) };
    for (Range { start, end }, _) in segments.filter(|(_, is_code)| *is_code) {
        records.push(Record::Module { path: path.clone(), base, range: (start, end) });
    }
    0
}

/// An address or a size, which has 32 bits on some machines.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// The file a module was loaded from; the executable itself has no name here.
fn module_path(info: &libc::dl_phdr_info) -> String {
    if !info.dlpi_name.is_null() {
        // SAFETY: a non-null name is a C string that lives as long as the module.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy();
        if !name.is_empty() {
            return name.into_owned();
        }
    }
    std::env::current_exe().map(|exe| exe.to_string_lossy().into_owned()).unwrap_or_default()
}
