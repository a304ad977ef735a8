//! What the kernel tells the server's event loop of a client's socket.
//!
//! Valkey 8.1 and 9.0 go on watching the socket of a protected TLS client: their `tls.c` keeps a flag of the handshake that asks for
//! that, and is told of bytes which it then does not read, again and again (valkey-io/valkey pull request 3510). Here the
//! kernel is asked to tell of more bytes, and not of those that are there.
//!
//! The event loop's own list, `ae.c`'s, is left as it is: what it has watched before a change, it watches behind it.

use std::fs;
use std::os::fd::RawFd;
use std::sync::OnceLock;

/// The epoll instances that the process had when the module was loaded. The server's is one of them; whoever else may have one
/// does not watch the server's clients, so a change there is refused.
static INSTANCES: OnceLock<Vec<RawFd>> = OnceLock::new();

/// In OnLoad: later there may be very many descriptors to look at.
pub fn find_instances() {
    INSTANCES.get_or_init(instances);
}

/// None if the system does not tell.
fn instances() -> Vec<RawFd> {
    let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let is_one = |at: &fs::DirEntry| {
        fs::read_link(at.path()).is_ok_and(|what| what.as_os_str() == "anon_inode:[eventpoll]")
    };
    let number = |at: fs::DirEntry| at.file_name().to_str()?.parse().ok();
    descriptors.filter(is_one).filter_map(number).collect()
}

const WHILE_READABLE: u32 = u32::from_le_bytes(libc::EPOLLIN.to_le_bytes());
const ONCE: u32 = WHILE_READABLE | u32::from_le_bytes(libc::EPOLLET.to_le_bytes());

/// The event loop is told of bytes that come in this socket once, and not for as long as they are there. False where it does not
/// watch the socket at all.
pub fn tell_once(socket: RawFd) -> bool {
    change(socket, ONCE)
}

/// As it was.
pub fn tell_as_before(socket: RawFd) {
    change(socket, WHILE_READABLE);
}

fn change(socket: RawFd, events: u32) -> bool {
    // The server has the descriptor as its data (`ae_epoll.c`).
    let Ok(data) = u64::try_from(socket) else {
        return false;
    };
    let mut event = libc::epoll_event { events, u64: data };
    INSTANCES.get().into_iter().flatten().any(|instance| {
        // SAFETY: takes numbers and a live struct. Only what an instance watches already is changed, and a number that has become
        // something else's is refused.
        unsafe { libc::epoll_ctl(*instance, libc::EPOLL_CTL_MOD, socket, &raw mut event) == 0 }
    })
}
