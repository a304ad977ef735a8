//! The lock of a log's folder: one server a folder.
//!
//! A POSIX record lock on a file that is opened once. A fork does not inherit it, so an orphaned rewrite child
//! can't keep the next server out; flock and OFD locks would. The price: any other open and close of the file
//! in this process drops it, and two locks in one process don't conflict. Nothing else may touch the file.

use std::ffi::c_short;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
// A lock of `fcntl` is described to `nix` in the words of C alone.
use nix::libc::{F_UNLCK, F_WRLCK, SEEK_SET, flock};
use parking_lot::Mutex;

use super::names::LOCK;

/// The folder is ours for as long as this lives.
#[derive(Debug)]
pub struct FolderLock {
    /// Closing it is what lets go of the lock.
    file: File,
}

/// Why the folder can't be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{}: locked by {}; stop that server, or give this one another mylog.dir",
        path.display(), holder(*pid)
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Process that has it, if it can be told.
        pid: Option<i32>,
    },
    /// The lock file may be somebody else's, whose contents are not ours to replace.
    #[error(
        "{}: it is {what}, and the lock has to be an ordinary file with no other name; remove it, it is made anew",
        path.display()
    )]
    Foreign {
        /// The lock file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The lock file can't be used.
    #[error("{}: {action}: {source}; the folder must exist and be writable by the server", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

fn holder(pid: Option<i32>) -> String {
    pid.map_or_else(
        || "a process that can't be seen from here".to_owned(),
        |pid| format!("process {pid}"),
    )
}

impl FolderLock {
    /// Locks an existing folder, and writes this process's id into the lock file.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join(LOCK);
        let failed = |action| {
            let path = path.clone();
            move |source| LockError::Io { path, action, source }
        };
        // Not truncated: the holder's id stands in it. And never through a link: what it led to would be emptied.
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&path);
        let foreign = |what| LockError::Foreign {
            path: path.clone(),
            what,
        };
        let mut file = match opened {
            Err(error) if error.raw_os_error().map(Errno::from_raw) == Some(Errno::ELOOP) => {
                return Err(foreign("a symbolic link"));
            }
            opened => opened.map_err(failed("opening"))?,
        };
        if let Some(what) = not_ours(&file.metadata().map_err(failed("looking at it"))?) {
            return Err(foreign(what));
        }
        match fcntl(&file, FcntlArg::F_SETLK(&whole_file())) {
            Ok(_) => {}
            Err(Errno::EACCES | Errno::EAGAIN) => {
                return Err(LockError::Held {
                    pid: holder_of(&mut file),
                    path,
                });
            }
            Err(errno) => return Err(failed("locking")(errno.into())),
        }
        // For people, and for a holder that the kernel can't tell. A full disk must not keep the server out.
        let _ = write_pid(&mut file);
        Ok(Self { file })
    }
}

/// Why a file may be somebody else's.
fn not_ours(found: &Metadata) -> Option<&'static str> {
    if !found.is_file() {
        return Some("no ordinary file");
    }
    (found.nlink() > 1).then_some("a file with several names (hard links)")
}

/// The lock of a folder that may be removed or replaced while it is held.
#[derive(Debug)]
pub struct Claim {
    dir: PathBuf,
    held: Mutex<(FolderLock, (u64, u64))>,
}

impl Claim {
    /// Locks an existing folder.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let lock = FolderLock::take(dir)?;
        let id = id_of(lock.file.metadata(), dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            held: Mutex::new((lock, id)),
        })
    }

    /// Makes sure that the folder which now has the name is locked by us. Another server may have it meanwhile.
    pub fn keep(&self) -> Result<(), LockError> {
        let mut held = self.held.lock();
        // By its name, never by opening it: a close would drop the lock.
        let found = std::fs::symlink_metadata(self.dir.join(LOCK));
        if found.is_ok_and(|found| (found.dev(), found.ino()) == held.1) {
            return Ok(());
        }
        let lock = FolderLock::take(&self.dir)?;
        let id = id_of(lock.file.metadata(), &self.dir)?;
        *held = (lock, id);
        Ok(())
    }
}

fn id_of(found: io::Result<Metadata>, dir: &Path) -> Result<(u64, u64), LockError> {
    found
        .map(|found| (found.dev(), found.ino()))
        .map_err(|source| LockError::Io {
            path: dir.join(LOCK),
            action: "looking at it",
            source,
        })
}

fn whole_file() -> flock {
    flock {
        l_type: F_WRLCK as c_short,
        l_whence: SEEK_SET as c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

/// The kernel knows the holder, unless it is in another pid namespace (0) or on another machine (any number);
/// the text in the file is the fallback.
fn holder_of(file: &mut File) -> Option<i32> {
    let mut lock = whole_file();
    let told = fcntl(&*file, FcntlArg::F_GETLK(&mut lock));
    if told.is_ok() && lock.l_type != F_UNLCK as c_short && lock.l_pid > 0 {
        return Some(lock.l_pid);
    }
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}
