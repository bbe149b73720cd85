//! Types that lack exactly one trait, to show that an impl asks for it, and the macro that shows it.

use std::cell::{Cell, UnsafeCell};
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// Has the auto traits and nothing else.
pub struct Bare;

/// Everything but `Send`.
pub struct LacksSend(PhantomData<*const u8>);
// SAFETY: there is nothing in it.
unsafe impl Sync for LacksSend {}

/// Everything but `Sync`.
pub struct LacksSync(PhantomData<Cell<u8>>);
impl RefUnwindSafe for LacksSync {}

/// Everything but `Unpin`.
pub struct LacksUnpin(PhantomPinned);

/// Everything but `UnwindSafe`.
pub struct LacksUnwindSafe(PhantomData<&'static mut u8>);
impl RefUnwindSafe for LacksUnwindSafe {}

/// Everything but `RefUnwindSafe`.
pub struct LacksRefUnwindSafe(PhantomData<UnsafeCell<u8>>);
impl UnwindSafe for LacksRefUnwindSafe {}
// SAFETY: there is nothing in it.
unsafe impl Sync for LacksRefUnwindSafe {}

/// Compiles only if the type does not have the trait: otherwise two impls fit and none is chosen.
macro_rules! lacks {
    ($type:ty, $($trait:tt)+) => {
        const _: fn() = || {
            trait Fits<Way> {
                fn fits() {}
            }
            struct ByTrait;
            impl<X: ?Sized> Fits<()> for X {}
            impl<X: ?Sized + $($trait)+> Fits<ByTrait> for X {}
            let _ = <$type as Fits<_>>::fits;
        };
    };
}
pub(crate) use lacks;

lacks!(LacksSend, Send);
lacks!(LacksSync, Sync);
lacks!(LacksUnpin, Unpin);
lacks!(LacksUnwindSafe, UnwindSafe);
lacks!(LacksRefUnwindSafe, RefUnwindSafe);

const fn has_the_rest<
    T: Sync + Unpin + UnwindSafe + RefUnwindSafe,
    U: Send + Unpin + UnwindSafe + RefUnwindSafe,
>() {
}
const _: () = has_the_rest::<LacksSend, LacksSync>();
