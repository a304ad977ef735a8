//! The command filter.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::contexts::CLIENT;
use super::server::{Server, is_refused, state};
use super::strings;

/// What is filtered: the words of a command.
type Words = RefCell<Vec<*mut raw::RedisModuleString>>;

/// A command that a client has sent and the server has not run yet.
pub struct CommandLine<'s> {
    words: Box<Words>,
    _server: &'s Server,
}

impl Server {
    /// A command of these words.
    pub fn command(&self, words: &[&[u8]]) -> CommandLine<'_> {
        CommandLine {
            words: Box::new(RefCell::new(
                words.iter().map(|word| strings::new(word)).collect(),
            )),
            _server: self,
        }
    }
}

impl CommandLine<'_> {
    /// Shows the command to the filters, in the order in which they were registered.
    pub fn filter(&self) {
        for place in 0.. {
            let Some(filter) = state(|state| state.filters.get(place).copied()) else {
                return;
            };
            // SAFETY: the words are alive during the call, and whoever has the server has its global lock.
            unsafe { filter(std::ptr::from_ref::<Words>(&self.words).cast_mut().cast()) };
        }
    }

    /// The words as they are now.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let words = self.words.borrow();
        // SAFETY: the command has a share of each of its words.
        let bytes = words.iter().map(|&word| unsafe { strings::bytes(word) }.to_vec());
        bytes.collect()
    }
}

impl Drop for CommandLine<'_> {
    fn drop(&mut self) {
        for word in self.words.take() {
            // SAFETY: the command has a share of each of its words.
            unsafe { strings::release(word) };
        }
    }
}

/// # Safety
/// `command` is what `filter` gave, during the call.
unsafe fn words<'c>(command: *mut raw::RedisModuleCommandFilterCtx) -> &'c Words {
    // SAFETY: contract of this function.
    unsafe { &*command.cast::<Words>() }
}

// SAFETY: only the API's wrappers call it, with what `filter` gave.
unsafe extern "C" fn count(command: *mut raw::RedisModuleCommandFilterCtx) -> c_int {
    // SAFETY: as above.
    unsafe { words(command) }.borrow().len() as c_int
}

// SAFETY: only the API's wrappers call it, with what `filter` gave.
unsafe extern "C" fn get(
    command: *mut raw::RedisModuleCommandFilterCtx,
    place: c_int,
) -> *mut raw::RedisModuleString {
    // SAFETY: as above.
    let words = unsafe { words(command) }.borrow();
    words.get(place as usize).copied().unwrap_or(null_mut())
}

// SAFETY: only the API's wrappers call it, with what `filter` gave and a share of a string.
unsafe extern "C" fn replace(
    command: *mut raw::RedisModuleCommandFilterCtx,
    place: c_int,
    word: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as above; the old word's share is the command's.
    unsafe {
        match words(command).borrow_mut().get_mut(place as usize) {
            Some(old) => strings::release(std::mem::replace(old, word)),
            None => return 1,
        }
    }
    0
}

// SAFETY: only the API's wrappers call it, with what `filter` gave and a share of a string.
unsafe extern "C" fn insert(
    command: *mut raw::RedisModuleCommandFilterCtx,
    place: c_int,
    word: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as above.
    let mut words = unsafe { words(command) }.borrow_mut();
    if place as usize > words.len() {
        return 1;
    }
    words.insert(place as usize, word);
    0
}

/// All commands are of one client, that of the contexts.
unsafe extern "C" fn client_id(_command: *mut raw::RedisModuleCommandFilterCtx) -> u64 {
    CLIENT
}

// SAFETY: only the API's wrappers call it.
unsafe extern "C" fn register(
    _ctx: *mut raw::RedisModuleCtx,
    callback: raw::RedisModuleCommandFilterFunc,
    _flags: c_int,
) -> *mut raw::RedisModuleCommandFilter {
    if is_refused("RedisModule_RegisterCommandFilter") {
        return null_mut();
    }
    state(|state| state.filters.extend(callback));
    NonNull::dangling().as_ptr()
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_CommandFilterArgsCount = Some(count);
        raw::RedisModule_CommandFilterArgGet = Some(get);
        raw::RedisModule_CommandFilterArgReplace = Some(replace);
        raw::RedisModule_CommandFilterArgInsert = Some(insert);
        raw::RedisModule_CommandFilterGetClientId = Some(client_id);
        raw::RedisModule_RegisterCommandFilter = Some(register);
    }
}
