//! Creation sites by number: a number fits into a lock's id, so that a hold which says which lock it is of says where that
//! was created as well.
//!
//! A table of a fixed size that is only added to, without a lock and without allocating: a lock gets its number on its first
//! use, which may be inside the allocator. A program with more lines that create locks than the table has room for has some
//! whose locks have no number; those go the slow ways.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::context::Place;
use super::hash::fold;

/// Room for so many; a power of two.
const SITES: usize = 1 << 14;
/// Entries that are looked at for one site.
const PROBES: usize = 64;

/// The site of number `index + 1`. Written once each.
static TABLE: [AtomicPtr<Location<'static>>; SITES] = [const { AtomicPtr::new(ptr::null_mut()) }; SITES];

/// The number of a creation site, from 1; 0: there is no room for it.
#[inline]
pub(crate) fn number(site: Place) -> u64 {
    let address = ptr::from_ref(site).cast_mut();
    let start = fold(address.addr() as u64, 0) as usize;
    for probe in 0..PROBES {
        let index = (start + probe) % SITES;
        // Relaxed, here and below: what is pointed to is constant data of the program.
        let found = TABLE[index].load(Ordering::Relaxed);
        if found == address {
            return index as u64 + 1;
        }
        if found.is_null() {
            let fresh =
                TABLE[index].compare_exchange(ptr::null_mut(), address, Ordering::Relaxed, Ordering::Relaxed);
            if fresh.is_ok() || fresh == Err(address) {
                return index as u64 + 1;
            }
        }
    }
    0
}

/// The site of this number, if it has been given.
pub(crate) fn site(number: u64) -> Option<Place> {
    let entry = TABLE.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    // SAFETY: null, or written from a `&'static Location` in `number`.
    unsafe { entry.load(Ordering::Relaxed).as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_keeps_its_number_and_a_number_its_site() {
        let sites: Vec<Place> =
            (0..500).map(|_| -> Place { Box::leak(Box::new(*Location::caller())) }).collect();
        let numbers: Vec<u64> = sites.iter().map(|it| number(it)).collect();
        for (place, &own) in sites.iter().zip(&numbers) {
            assert_eq!(number(place), own);
            assert!(site(own).is_some_and(|found| ptr::eq(found, *place)));
        }
        let mut distinct = numbers.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), sites.len());
        assert!(site(0).is_none() && site(SITES as u64 + 1).is_none() && site(u64::MAX).is_none());
    }
}
