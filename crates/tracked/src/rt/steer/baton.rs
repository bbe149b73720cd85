//! How an order goes from one thread to another: a word, and a sleep that ends when the word is set. The only lock-free
//! part of the scheduler; whatever else its threads share, they hand on with an order.
//!
//! It stands on its own, generic over the word, so that loom can run it: `tests/baton.rs`. It knows nothing of what the
//! orders mean.
//!
//! | word | means | set by |
//! |---|---|---|
//! | 0 | nothing was ordered: the taker sleeps, or runs | the taker, by a swap |
//! | any other | an order that has not been taken | a giver; never while another one stands there |

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A word that threads can sleep on.
pub(crate) trait Word {
    fn load(&self, order: Ordering) -> u32;
    fn store(&self, value: u32, order: Ordering);
    fn swap(&self, value: u32, order: Ordering) -> u32;
    /// Ends the taker's sleep, if it sleeps.
    fn rouse(&self);
    /// Sleeps until roused, or for so long; at once over if the word is not 0, which is looked at in one step with
    /// falling asleep. May end for no reason.
    fn sleep_while_zero(&self, patience: Option<Duration>);
}

/// See the module.
pub(crate) struct Baton<W>(pub W);

impl<W: Word> Baton<W> {
    /// Gives an order, which is not 0. Release pairs with the Acquire in `poll`: what the giver did is seen by the taker.
    pub(crate) fn give(&self, order: u32) {
        self.0.store(order, Ordering::Release);
        self.0.rouse();
    }

    /// Takes the order, if there is one; else 0.
    pub(crate) fn poll(&self) -> u32 {
        // Relaxed: it keeps the cache line shared as long as there is nothing to take; the swap is what counts.
        if self.0.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.0.swap(0, Ordering::Acquire)
    }

    /// Sleeps until an order comes.
    pub(crate) fn wait(&self) -> u32 {
        loop {
            match self.poll() {
                0 => self.0.sleep_while_zero(None),
                order => return order,
            }
        }
    }

    /// The same, for so long at the most; 0: none came.
    pub(crate) fn wait_for(&self, patience: Duration) -> u32 {
        let deadline = Instant::now() + patience;
        loop {
            let order = self.poll();
            let left = deadline.saturating_duration_since(Instant::now());
            if order != 0 || left.is_zero() {
                return order;
            }
            self.0.sleep_while_zero(Some(left));
        }
    }
}
