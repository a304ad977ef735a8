//! What the filter allocates, beside a server that is none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{c_char, c_int};

use redis_grammar::prefixes::{self, Prefixes};
use redis_module::raw;

use super::filter;
use crate::execute::twins;
use crate::settings::captured_keys;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is left to the system's allocator; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: contract of GlobalAlloc.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: contract of GlobalAlloc.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: contract of GlobalAlloc.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A string of this server.
struct Text {
    bytes: Vec<u8>,
    shares: usize,
}

/// The command that is filtered.
type Words = Vec<*mut Text>;

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn count(words: *mut raw::RedisModuleCommandFilterCtx) -> c_int {
    // SAFETY: as above.
    unsafe { (*words.cast::<Words>()).len() as c_int }
}

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn get(
    words: *mut raw::RedisModuleCommandFilterCtx,
    place: c_int,
) -> *mut raw::RedisModuleString {
    // SAFETY: as above.
    let words = unsafe { &*words.cast::<Words>() };
    let word = words.get(place as usize).copied();
    word.unwrap_or(std::ptr::null_mut()).cast()
}

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn replace(
    words: *mut raw::RedisModuleCommandFilterCtx,
    place: c_int,
    word: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as above; the old word's share is the command's, the new one's now is.
    unsafe {
        let words = &mut *words.cast::<Words>();
        free(std::ptr::null_mut(), words[place as usize].cast());
        words[place as usize] = word.cast();
    }
    0
}

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn bytes(text: *const raw::RedisModuleString, len: *mut usize) -> *const c_char {
    // SAFETY: as above.
    unsafe {
        let text = &*text.cast::<Text>();
        *len = text.bytes.len();
        text.bytes.as_ptr().cast()
    }
}

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn create(
    _ctx: *mut raw::RedisModuleCtx,
    bytes: *const c_char,
    len: usize,
) -> *mut raw::RedisModuleString {
    // SAFETY: as above.
    text(unsafe { std::slice::from_raw_parts(bytes.cast(), len) }).cast()
}

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn retain(_ctx: *mut raw::RedisModuleCtx, text: *mut raw::RedisModuleString) {
    // SAFETY: as above.
    unsafe { (*text.cast::<Text>()).shares += 1 };
}

// SAFETY: only the filter calls it, with what this file gave it.
unsafe extern "C" fn free(_ctx: *mut raw::RedisModuleCtx, text: *mut raw::RedisModuleString) {
    // SAFETY: as above; nobody has a share any more.
    unsafe {
        let text = text.cast::<Text>();
        (*text).shares -= 1;
        if (*text).shares == 0 {
            drop(Box::from_raw(text));
        }
    }
}

fn text(bytes: &[u8]) -> *mut Text {
    Box::into_raw(Box::new(Text {
        bytes: bytes.to_vec(),
        shares: 1,
    }))
}

/// Puts this server's functions in their places.
fn pretend() {
    // SAFETY: this is the one test that names any of them.
    unsafe {
        raw::RedisModule_CommandFilterArgsCount = Some(count);
        raw::RedisModule_CommandFilterArgGet = Some(get);
        raw::RedisModule_CommandFilterArgReplace = Some(replace);
        raw::RedisModule_StringPtrLen = Some(bytes);
        raw::RedisModule_CreateString = Some(create);
        raw::RedisModule_RetainString = Some(retain);
        raw::RedisModule_FreeString = Some(free);
    }
}

/// The name that a command has behind the filter, and how often memory was allocated in it.
fn filtered(command: &str) -> (String, usize) {
    let mut words: Words = command.split(' ').map(|word| text(word.as_bytes())).collect();
    let before = ALLOCATIONS.get();
    // SAFETY: the functions above know what this is.
    unsafe { filter((&raw mut words).cast()) };
    let allocations = ALLOCATIONS.get() - before;
    // SAFETY: the words are the command's, each has a share left.
    let name = unsafe { String::from_utf8_lossy(&(*words[0]).bytes).into_owned() };
    for word in words {
        // SAFETY: as above.
        unsafe { free(std::ptr::null_mut(), word.cast()) };
    }
    (name, allocations)
}

#[test]
fn the_filter_allocates_nothing_for_the_cache_nor_for_captured_keys() {
    pretend();
    twins::prepare();
    let cache = [
        "PING",
        "GET page:1",
        "GET other:1",
        "SET page:1 v EX 10",
        "SET other:1 v",
        "MGET page:1 other:2 page:3",
        "MSET page:1 v other:2 v",
        "SORT page:1 BY w:* GET # STORE other:1",
        "ZUNIONSTORE page:1 2 page:2 page:3 WEIGHTS 1 2",
        "SCAN 0 MATCH * COUNT 10",
        "EVAL code 1 page:1",
        "FLUSHALL ASYNC",
        "NO-SUCH-COMMAND-OF-THE-SERVER page:1 other:1",
    ];
    for text in [
        "",
        "order: queue: quota:",
        "order: queue: !queue:*:e quota: !quota:2",
    ] {
        captured_keys::set_prefixes(Prefixes::of(&prefixes::Words::parse(text.as_bytes()).unwrap()));
        for command in cache {
            let name = command.split(' ').next().unwrap_or_default();
            assert_eq!(filtered(command), (name.to_owned(), 0), "{command}, {text}");
        }
    }
    // With the exclusions of the last turn.
    for command in ["GET quota:2:1", "XADD queue:1:e * f v", "MGET queue:1:e quota:2"] {
        let name = command.split(' ').next().unwrap_or_default();
        assert_eq!(filtered(command), (name.to_owned(), 0), "{command}");
    }
    for (command, twin) in [
        ("SET order:1 v", "MYLOG.set"),
        ("set order:1 v EX 10", "MYLOG.set"),
        ("GET quota:1", "MYLOG.get"),
        ("BLPOP queue:1 queue:2 0", "MYLOG.blpop"),
        ("MSET order:1 v order:2 v", "MYLOG.mset"),
        ("RENAME page:1 order:1", "MYLOG.rename"),
        ("ZUNION 2 order:1 order:2", "MYLOG.zunion"),
        ("SCAN 0 TYPE string", "MYLOG.scan"),
    ] {
        // Twice: the first one's end must leave the name to the next.
        for _ in 0..2 {
            assert_eq!(filtered(command), (twin.to_owned(), 0), "{command}");
        }
    }
    captured_keys::set_prefixes(Prefixes::NONE);
}
