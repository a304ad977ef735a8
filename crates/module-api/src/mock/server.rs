//! What the server of the unit tests knows.

use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis_module::raw;

use crate::gil::Gil;

/// A filter as it was registered.
pub(super) type Filter = unsafe extern "C" fn(*mut raw::RedisModuleCommandFilterCtx);

/// The global lock of the one server that there is.
static LOCK: Mutex<()> = Mutex::new(());

/// What the server knows.
static STATE: Gil<State> = Gil::new(State::new());

/// What the server knows: anew in each test.
pub(super) struct State {
    /// Calls that are refused.
    refused: Vec<&'static str>,
    /// Filters in the order in which they were registered.
    pub(super) filters: Vec<Filter>,
    /// Strings that are alive.
    pub(super) strings: usize,
}

impl State {
    const fn new() -> Self {
        Self {
            refused: Vec::new(),
            filters: Vec::new(),
            strings: 0,
        }
    }
}

/// Opens the state. `f` must not call back into the module.
pub(super) fn state<R>(f: impl FnOnce(&mut State) -> R) -> R {
    STATE.with(f)
}

/// True for a call that the test has the server refuse.
pub(super) fn is_refused(call: &str) -> bool {
    state(|state| state.refused.contains(&call))
}

/// The status of a call that may be refused: REDISMODULE_OK or REDISMODULE_ERR.
pub(super) fn status(call: &str) -> c_int {
    c_int::from(is_refused(call))
}

/// The server, for the length of a test.
pub struct Server {
    _lock: MutexGuard<'static, ()>,
}

impl Server {
    /// The only one, without a state. Strings that statics of the module have kept are still alive.
    pub(super) fn alone() -> Self {
        let lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        STATE.with(|state| *state = State::new());
        Self { _lock: lock }
    }

    /// Has the server refuse an API function from now on.
    pub fn refuse(&self, call: &'static str) {
        state(|state| state.refused.push(call));
    }
}
