//! The map of loaded modules, so that the CLI can resolve addresses of a process that is dead.

use std::ffi::{CStr, c_int, c_void};

use lockcheck_events::Record;

/// One record for each executable segment of each module.
pub(crate) fn loaded() -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    // SAFETY: `each` matches the callback's type and the pointer is to a live vector that only it uses meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut records).cast()) };
    records
}

/// Called by the loader once for each module.
unsafe extern "C" fn each(info: *mut libc::dl_phdr_info, _size: usize, records: *mut c_void) -> c_int {
    // SAFETY: the loader hands over a valid description, and `records` is the vector of `loaded`.
    let (info, records) = unsafe { (&*info, &mut *records.cast::<Vec<Record>>()) };
    let path = module_path(info);
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: `dlpi_phdr` points to `dlpi_phnum` headers for as long as the module is loaded.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    for header in headers {
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0 {
            let (base, start) = (wide(info.dlpi_addr), wide(info.dlpi_addr) + wide(header.p_vaddr));
            records.push(Record::Module {
                path: path.clone(),
                base,
                range: (start, start + wide(header.p_memsz)),
            });
        }
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
