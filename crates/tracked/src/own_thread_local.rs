//! `thread_local!` that begins anew in each run of an exploration: the same key of std's, and a word to the pool of
//! threads that a value has been made, so that the thread is not lent again. Not a key of its own: types and methods are
//! std's.

/// Declares thread-locals as `std::thread_local!` does; the keys are std's.
///
/// Under [`explore`](crate::explore) a thread that has made such a value ends with its run, so that each thread of a run
/// begins without one, as it would in the program, and destructors run. The values of the thread that calls `explore`
/// live as long as it does, and so do those that `std::thread_local!` declares in any thread that is lent from run to run.
#[macro_export]
#[doc(hidden)]
macro_rules! __watched_thread_local {
    () => {};
    (
        $(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $init:expr $(; $($rest:tt)*)?
    ) => {
        ::std::thread_local! {
            $(#[$attribute])*
            $visible static $name: $type = {
                $crate::__thread_local_made();
                $init
            };
        }
        $($crate::__watched_thread_local! { $($rest)* })?
    };
}

#[doc(inline)]
pub use __watched_thread_local as thread_local;
