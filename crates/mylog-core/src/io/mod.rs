//! The one door to the disk. Everything the engine does to a file goes through [`Fs`] and [`File`], so that
//! the real file system, a simulated one that knows what was synced, and a faulty one run the same code.

pub mod fault;
pub mod os;
pub mod sim;

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::Path;

/// What tells a file apart from another one that took its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

/// A folder's worth of files.
///
/// A new name, a rename and a removal are durable only after [`Fs::sync_dir`] of their folder.
pub trait Fs: Send + Sync + 'static {
    /// Creates a file that must not exist yet, for reading and writing.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading only.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Replaces `to` by `from` in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives the file `from` the further name `to`.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the folder and says whether it was missing.
    fn create_dir(&self, path: &Path) -> io::Result<bool>;
    /// Makes the names inside a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The names inside a folder, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    /// Which file a name leads to now.
    fn file_id(&self, path: &Path) -> io::Result<FileId>;
    /// Bytes that an ordinary user could still write below `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Makes, writes, syncs and removes a small file at `path`: does its folder take a new file now?
    fn probe(&self, path: &Path) -> io::Result<()>;
}

/// An open file, addressed by offset: there is no file position to lose.
pub trait File: Send {
    /// Which file this is, whatever its name is by now.
    fn id(&self) -> io::Result<FileId>;
    /// True while some name leads to the file: without one it is gone once it is closed.
    fn has_name(&self) -> io::Result<bool>;
    /// Another handle of the same open file, for another thread.
    fn second(&self) -> io::Result<Box<dyn File>>;
    /// Size in bytes.
    fn len(&self) -> io::Result<u64>;
    /// True for a file of no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads up to `buf.len()` bytes at `offset`; 0 is the end of the file. Never `Interrupted`.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some of the bytes at `offset`, in one system call, and says how many. Never `Interrupted`.
    fn write_at(&mut self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;
    /// Cuts or extends to `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Makes the contents durable. After an error the contents are unknown for good: the caller must not
    /// call it again on this file and believe a success (Linux marks failed pages clean).
    fn sync_data(&mut self) -> io::Result<()>;
}
