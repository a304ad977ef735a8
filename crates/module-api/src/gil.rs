//! State guarded by the server's global lock: no thread of its own, no lock of its own.

use std::cell::RefCell;

/// A cell that only code holding the server's global lock may open: the main thread in a callback, the
/// fork child, and nobody else. It is not a mutex: a second opening while one is open is a bug of ours and
/// ends the process, since two changers of one state would end in a wrong log.
pub struct Gil<T>(RefCell<T>);

// SAFETY: contract of the type: whoever calls `with` holds the server's global lock, so there is one user
// at a time. Other threads (writer, catch-up, lazy free) never name a `Gil`.
unsafe impl<T> Sync for Gil<T> {}

impl<T> Gil<T> {
    /// A closed cell.
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Opens the cell. `f` must not call back into the server: RM_Call, RM_DeleteKey, RM_OpenKey for
    /// writing and notifications can re-enter the module, which would open the cell a second time.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }
}
