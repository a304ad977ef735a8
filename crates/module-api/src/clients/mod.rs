//! The server's own way to keep what a client is told: a *protected* client is neither read nor written to. The server
//! does so with the caller of a script that runs for long.
//!
//! The functions are not in the module API. Every server is linked so that its own functions can be looked up by name
//! (`-rdynamic`): that is done once. Read in `networking.c`, `script.c`, `server.c`, `blocked.c` and `module.c` of Redis 7.0.15
//! and of the branch that became 8.0, and of Valkey 8.0.1; looked up, and used by the tests, in Redis 7.0, 8.2 and 8.6, Valkey
//! 8.0, 8.1 and 9.1. The signatures are the same in all of them.
//!
//! A client is named by its id, as CLIENT LIST has it, and looked up each time: no pointer to one is kept.

pub mod epoll;
pub mod list;
pub mod memory;
pub mod sockets;

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::RawFd;
use std::sync::OnceLock;

use super::Ctx;
use super::context::Flags;

type OfClient = unsafe extern "C" fn(*mut c_void);
type ById = unsafe extern "C" fn(u64) -> *mut c_void;
type Caller = unsafe extern "C" fn() -> *mut c_void;
type Step = unsafe extern "C" fn();
type Asks = unsafe extern "C" fn(*mut c_void) -> c_int;
type Count = unsafe extern "C" fn() -> c_int;

struct Functions {
    protect: OfClient,
    unprotect: OfClient,
    free_soon: OfClient,
    by_id: ById,
    script_caller: Caller,
    /// True while a thread reads for a client, or sends, or has something to say of that. Valkey from 9.1 on has it.
    has_pending_io: Option<Asks>,
    behind_our_look: Option<BehindOurLook>,
}

/// What Redis before 7.2 does between BEFORE_SLEEP and the sending of replies.
struct BehindOurLook {
    handle_unblocked_by_modules: Step,
    run_unblocked: Step,
    send: Count,
}

static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();

/// Where a function, or a variable, of the server is.
pub(crate) fn address(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a name that ends with NUL. What is found is of the server, which is never unloaded.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

/// A function of the server.
///
/// # Safety
/// `F` is the type that the server's function of this name has.
pub(crate) unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
    let address = address(name)?;
    // SAFETY: an address and a function pointer are of one size; contract of this function.
    Some(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
}

fn look_up() -> Option<Functions> {
    // SAFETY: `void protectClient(client *)`, `void unprotectClient(client *)` and `void freeClientAsync(client *)` of
    // networking.c, `client *lookupClientByID(uint64_t)` of networking.c, `client *scriptGetCaller(void)` of script.c; versions as above.
    // `int clientHasPendingIO(client *)` of io_threads.c, in Valkey 9.1.2.
    let found = unsafe {
        Functions {
            protect: function(c"protectClient")?,
            unprotect: function(c"unprotectClient")?,
            free_soon: function(c"freeClientAsync")?,
            by_id: function(c"lookupClientByID")?,
            script_caller: function(c"scriptGetCaller")?,
            has_pending_io: function(c"clientHasPendingIO"),
            behind_our_look: None,
        }
    };
    if Ctx::hears_unit_ends() {
        return Some(found);
    }
    // SAFETY: `void moduleHandleBlockedClients(void)` of module.c, `void processUnblockedClients(void)` of blocked.c and
    // `int handleClientsWithPendingWrites(void)` of networking.c, in Redis 7.0.15.
    let behind_our_look = unsafe {
        BehindOurLook {
            handle_unblocked_by_modules: function(c"moduleHandleBlockedClients")?,
            run_unblocked: function(c"processUnblockedClients")?,
            send: function(c"handleClientsWithPendingWrites")?,
        }
    };
    Some(Functions {
        behind_our_look: Some(behind_our_look),
        ..found
    })
}

fn functions() -> Option<&'static Functions> {
    FUNCTIONS.get_or_init(look_up).as_ref()
}

/// True where the server has all of the functions.
pub fn can_be_protected() -> bool {
    functions().is_some()
}

/// A client of the server.
fn with<R>(id: u64, f: impl FnOnce(&Functions, *mut c_void) -> R) -> Option<R> {
    let functions = functions()?;
    // SAFETY: takes a number only, on the main thread: null for one that is no client's.
    let client = unsafe { (functions.by_id)(id) };
    (!client.is_null()).then(|| f(functions, client))
}

/// True where the server tells what threads have to do for a client.
pub fn tell_pending_io() -> bool {
    functions().is_some_and(|functions| functions.has_pending_io.is_some())
}

/// True while a thread reads for this client, or sends to it, or the server has not heard yet that it has. False where it does
/// not tell.
pub fn has_pending_io(id: u64) -> bool {
    // SAFETY: the client was looked up just now, on the main thread.
    let ask = |functions: &Functions, client| functions.has_pending_io.map(|ask| unsafe { ask(client) });
    with(id, ask).flatten().is_some_and(|pending| pending != 0)
}

/// Protects a client: nothing is read from it, nothing is sent to it. False if there is no such client. Twice is as once.
pub fn protect(id: u64) -> bool {
    // SAFETY: the client was looked up just now, on the main thread.
    with(id, |functions, client| unsafe { (functions.protect)(client) }).is_some()
}

/// Ends that: what it was told meanwhile is sent at the end of this turn, and it is read again. Never inside a command: the
/// server may protect the same client itself then.
pub fn unprotect(id: u64) {
    // SAFETY: as in `protect`.
    with(id, |functions, client| unsafe { (functions.unprotect)(client) });
}

/// Closes a protected client, which gets nothing of what it was told.
pub fn close(id: u64) {
    with(id, |functions, client| {
        // 1. Marked first: who is to be closed is not written to. The other way round it would be told what is not
        //    known to be on disk.
        // SAFETY: as in `protect`.
        unsafe { (functions.free_soon)(client) };
        // 2. The server frees no protected client.
        // SAFETY: the client is marked, not freed: that happens at the end of the turn.
        unsafe { (functions.unprotect)(client) };
    });
}

/// Ends a connection for both sides, whoever else has the socket. Only for a client that was closed in this turn.
pub fn hang_up(socket: RawFd) {
    // SAFETY: takes numbers only. The server has told the number in this turn, at the end of which it closes the socket.
    unsafe { libc::shutdown(socket, libc::SHUT_RDWR) };
}

/// The client whose script runs; `None` if no script runs, or it is nobody's.
pub fn of_running_script() -> Option<u64> {
    let functions = functions()?;
    // The server ends itself if it is asked while no script runs.
    if !Flags::of_server().any(Flags::LUA) {
        return None;
    }
    // SAFETY: a script runs.
    let client = unsafe { (functions.script_caller)() };
    if client.is_null() {
        return None;
    }
    // SAFETY: a client's struct begins with its id in all of these servers; it is alive while its script runs. Believed only if the
    // server finds the same client by it.
    let id = unsafe { client.cast::<u64>().read() };
    with(id, |_, found| found == client)
        .filter(|same| *same)
        .map(|_| id)
}

/// True where commands run, and replies are sent, between BEFORE_SLEEP and the sleep: Redis before 7.2.
pub fn run_behind_our_look() -> bool {
    functions().is_some_and(|functions| functions.behind_our_look.is_some())
}

/// Runs now what the server would run behind BEFORE_SLEEP: the commands of clients that were blocked.
pub fn run_unblocked() {
    if let Some(behind) = functions().and_then(|functions| functions.behind_our_look.as_ref()) {
        // SAFETY: the main thread, in BEFORE_SLEEP, where the server calls both itself, one right behind the other.
        unsafe {
            (behind.handle_unblocked_by_modules)();
            (behind.run_unblocked)();
        }
    }
}

/// Sends now what can be sent. On Redis before 7.2 threads that send do not look whether a client is protected, this does, and
/// leaves them nothing.
pub fn send_from_this_thread() {
    if let Some(behind) = functions().and_then(|functions| functions.behind_our_look.as_ref()) {
        // SAFETY: the main thread, in BEFORE_SLEEP, no thread of the server's sends.
        unsafe { (behind.send)() };
    }
}

/// True for a command that is known to run inside of another one: a script's, and from 7.2 on what another module calls.
/// `client`: whose it is, as the filter is told.
pub fn is_nested(client: Option<u64>) -> bool {
    let nobodys = |id| with(id, |_, _| ()).is_none();
    Flags::of_server().any(Flags::LUA) || client.is_some_and(nobodys)
}
