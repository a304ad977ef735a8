//! Memory that this process shares with the children that the server forks.

use std::sync::atomic::AtomicU64;

/// Numbers that a child reads as its parent has them now, not as of the fork; all 0 at first. They stay for as long as
/// the process lives. `None` if the system gives no memory.
pub fn numbers<const N: usize>() -> Option<&'static [AtomicU64; N]> {
    let bytes = size_of::<[AtomicU64; N]>();
    // SAFETY: a new mapping, which touches no other memory.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the mapping is as large, aligned to a page, and never taken away. It is zeroed, which every number may be.
    Some(unsafe { &*page.cast::<[AtomicU64; N]>() })
}
