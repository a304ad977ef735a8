//! The pipe trio: data (parent to child), ack up (child to parent), ack down (parent to child).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

/// The wanted size of the data pipe: the kernel's default limit for an unprivileged user.
const DATA_PIPE_BYTES: i32 = 1 << 20;

/// The parent's ends.
#[derive(Debug)]
pub(super) struct ParentEnds {
    pub(super) data: File,
    pub(super) ack_up: File,
    pub(super) ack_down: File,
}

/// The child's ends.
#[derive(Debug)]
pub(super) struct ChildEnds {
    pub(super) data: File,
    pub(super) ack_up: File,
    pub(super) ack_down: File,
}

/// Makes the trio. All ends are non-blocking except the child's ack up, whose pipe has room for all that the child ever sends.
pub(super) fn make() -> io::Result<(ParentEnds, ChildEnds)> {
    let (data_read, data_write) = pipe()?;
    let (up_read, up_write) = pipe()?;
    let (down_read, down_write) = pipe()?;
    for fd in [
        data_read.as_fd(),
        data_write.as_fd(),
        up_read.as_fd(),
        down_read.as_fd(),
        down_write.as_fd(),
    ] {
        set_nonblocking(fd)?;
    }
    // A smaller pipe works, too: the same bytes then take more turns of the event loop.
    let _ = fcntl(&data_write, FcntlArg::F_SETPIPE_SZ(DATA_PIPE_BYTES));
    let parent = ParentEnds {
        data: data_write,
        ack_up: up_read,
        ack_down: down_write,
    };
    let child = ChildEnds {
        data: data_read,
        ack_up: up_write,
        ack_down: down_read,
    };
    Ok((parent, child))
}

fn pipe() -> io::Result<(File, File)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((read.into(), write.into()))
}

fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// The result of a read that does not wait.
pub(super) enum Taken {
    /// The number of bytes read.
    Bytes(usize),
    /// The pipe is empty now.
    Nothing,
    /// The other end is closed.
    Closed,
}

/// Reads without waiting. Repeats a read that a signal interrupted.
pub(super) fn take(mut from: impl Read, buf: &mut [u8]) -> io::Result<Taken> {
    loop {
        match from.read(buf) {
            Ok(0) => return Ok(Taken::Closed),
            Ok(n) => return Ok(Taken::Bytes(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Taken::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes slices without waiting, and returns the number of bytes written: 0 if the pipe has no room.
pub(super) fn give(mut to: impl Write, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
    loop {
        match to.write_vectored(slices) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
