//! What the server's clients may take of its memory: `maxmemory-clients`.
//!
//! The functions are not in the module API; `clients` says how they are found. Read in `networking.c` and `zmalloc.c` of
//! Redis 7.0.15 and of the branch that became 8.0; looked up, and used by the tests, in the servers that `clients` names.

use std::ffi::c_int;
use std::sync::OnceLock;

use super::{address, function};

type Bytes = unsafe extern "C" fn() -> usize;

struct Found {
    limit: Bytes,
    used: Bytes,
    inside_a_command: *const c_int,
}

// SAFETY: a variable of the server, which is never unloaded. It is read on the main thread alone.
unsafe impl Send for Found {}
// SAFETY: as above.
unsafe impl Sync for Found {}

static FOUND: OnceLock<Option<Found>> = OnceLock::new();

fn found() -> Option<&'static Found> {
    let look_up = || {
        // SAFETY: `size_t getClientEvictionLimit(void)` of networking.c and `size_t zmalloc_used_memory(void)` of zmalloc.c.
        let (limit, used) = unsafe {
            (
                function(c"getClientEvictionLimit")?,
                function(c"zmalloc_used_memory")?,
            )
        };
        Some(Found {
            limit,
            used,
            // `int ProcessingEventsWhileBlocked` of networking.c.
            inside_a_command: address(c"ProcessingEventsWhileBlocked")?.cast::<c_int>(),
        })
    };
    FOUND.get_or_init(look_up).as_ref()
}

/// The bytes at which the server closes clients, the largest first; 0 where it closes none.
pub fn limit() -> usize {
    // SAFETY: the main thread; reads the configuration.
    found().map_or(0, |found| unsafe { (found.limit)() })
}

/// All memory in use.
pub fn used() -> usize {
    // SAFETY: reads counters, on any thread.
    found().map_or(0, |found| unsafe { (found.used)() })
}

/// True while the server handles events in the middle of a command, which it may have protected the client of.
pub fn is_inside_a_command() -> bool {
    // SAFETY: an int of the server that is always there, on the main thread.
    found().is_some_and(|found| unsafe { *found.inside_a_command } != 0)
}
