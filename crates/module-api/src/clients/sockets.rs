//! The sockets of the server's clients.

use std::os::fd::RawFd;

/// Ends the connection of a socket in both directions. The descriptor stays the server's, which closes it. False for
/// what is no connected socket.
pub fn shut_down(socket: RawFd) -> bool {
    // SAFETY: takes numbers only; a descriptor that is not open, or no socket, is refused.
    unsafe { libc::shutdown(socket, libc::SHUT_RDWR) == 0 }
}
