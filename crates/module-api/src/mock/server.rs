//! What the server of the unit tests knows.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis_module::raw;

use super::registered::Registered;
use crate::gil::Gil;

/// A filter as it was registered.
pub(super) type Filter = unsafe extern "C" fn(*mut raw::RedisModuleCommandFilterCtx);

/// What hears of notifications.
pub(super) type Notified = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    c_int,
    *const c_char,
    *mut raw::RedisModuleString,
) -> c_int;

/// What hears of an event.
pub(super) type Raised =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, raw::RedisModuleEvent, u64, *mut c_void);

/// What is run with a context and data of its own.
pub(super) type Job = unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut c_void);

/// A timer that is set.
#[derive(Clone, Copy)]
pub(super) struct Timer {
    pub(super) id: u64,
    pub(super) due_ms: i64,
    pub(super) callback: Job,
    pub(super) data: *mut c_void,
}

/// What is under a key.
#[derive(Clone, Copy)]
pub(super) struct Value {
    /// Type and word of a value of the module's.
    pub(super) word: Option<(usize, usize)>,
    pub(super) expire_at: i64,
}

/// A config that was registered.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) name: String,
    pub(super) default: String,
    pub(super) flags: u32,
    pub(super) calls: ConfigCalls,
    pub(super) data: usize,
}

/// How the module is asked for a config.
#[derive(Clone, Copy)]
pub(super) enum ConfigCalls {
    Number {
        get: raw::RedisModuleConfigGetNumericFunc,
        set: raw::RedisModuleConfigSetNumericFunc,
    },
    Text {
        get: raw::RedisModuleConfigGetStringFunc,
        set: raw::RedisModuleConfigSetStringFunc,
    },
}

/// What a command answers that the module calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A status line.
    Status(String),
    /// An error.
    Error(String),
    /// An integer.
    Int(i64),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Null.
    Null,
    /// An array.
    Array(Vec<Answer>),
}

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
    pub(super) commands: Vec<(Registered, raw::RedisModuleCmdFunc)>,
    pub(super) keyspace: Vec<(c_int, Notified)>,
    pub(super) events: Vec<(u64, Raised)>,
    /// What waits for the end of the unit.
    pub(super) jobs: Vec<(Job, *mut c_void)>,
    pub(super) now_ms: i64,
    pub(super) last_timer: u64,
    pub(super) timers: Vec<Timer>,
    /// What waits for the event loop to wake.
    pub(super) one_shots: Vec<(unsafe extern "C" fn(*mut c_void), *mut c_void)>,
    pub(super) keys: BTreeMap<(u32, Vec<u8>), Value>,
    pub(super) open_keys: usize,
    /// The callbacks of the types, in the order in which they were created.
    pub(super) types: Vec<raw::RedisModuleTypeMethods>,
    /// What the module was given to free.
    pub(super) buffers: Vec<Vec<u8>>,
    pub(super) configs: Vec<Config>,
    pub(super) answers: Vec<(String, Answer)>,
    pub(super) calls: Vec<Vec<Vec<u8>>>,
    /// Replies of calls that are alive.
    pub(super) replies: usize,
}

impl State {
    const fn new() -> Self {
        Self {
            refused: Vec::new(),
            filters: Vec::new(),
            strings: 0,
            commands: Vec::new(),
            keyspace: Vec::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            now_ms: 1_000_000,
            last_timer: 0,
            timers: Vec::new(),
            one_shots: Vec::new(),
            keys: BTreeMap::new(),
            open_keys: 0,
            types: Vec::new(),
            buffers: Vec::new(),
            configs: Vec::new(),
            answers: Vec::new(),
            calls: Vec::new(),
            replies: 0,
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
