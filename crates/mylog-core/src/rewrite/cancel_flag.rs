//! The flag by which the parent gives a switch up, as long as the last step has not begun.

use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const CANCELLED: u8 = 1;
const EXCLUSIVE: u8 = 2;

/// Says whether the switch may still be given up.
#[derive(Debug, Default)]
pub struct CancelFlag(AtomicU8);

impl CancelFlag {
    /// Gives the switch up. False if it is too late: the last step has begun, and its outcome will come.
    pub fn cancel(&self) -> bool {
        self.leave_open(CANCELLED) || self.is_cancelled()
    }

    /// True once it is given up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) == CANCELLED
    }

    /// Begins the last step; false if it was given up.
    pub(super) fn begin_exclusive(&self) -> bool {
        self.leave_open(EXCLUSIVE)
    }

    fn leave_open(&self, to: u8) -> bool {
        self.0
            .compare_exchange(OPEN, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
