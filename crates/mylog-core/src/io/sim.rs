//! A file system in memory that knows what was synced, for tests of everything that touches the disk.
//!
//! Reads see every change at once, as under a live kernel. A power cut is something else: [`SimFs::crash_images`]
//! yields every state it can leave, at every point of what was recorded. Contents become durable by
//! [`File::sync_data`] alone, names by [`Fs::sync_dir`] of their folder alone; it must never be kinder than that,
//! or a test would pass that fails on some disk.

pub mod crash;
mod disk;

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use parking_lot::Mutex;

use disk::{Change, Disk, Op};

use super::{File, FileId, Fs};

/// A file system in memory. Clones share it. It begins with an empty, durable folder `/`.
#[derive(Debug, Clone)]
pub struct SimFs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Durable from the first: what the recorded operations began with.
    base: Disk,
    /// `base` with every operation of `ops` applied: what reads see.
    live: Disk,
    /// What was done since, syncs included, in order.
    ops: Vec<Op>,
    next_ino: u64,
    free_bytes: u64,
    /// Syncs of contents still to fail.
    failing_syncs: u32,
}

impl Default for SimFs {
    fn default() -> Self {
        Self::new()
    }
}

impl SimFs {
    /// An empty file system.
    pub fn new() -> Self {
        Self::over(Disk::empty())
    }

    /// A file system that holds `disk`, all of it durable.
    fn over(disk: Disk) -> Self {
        let next_ino = disk.highest_ino() + 1;
        let state = State {
            base: disk.clone(),
            live: disk,
            ops: Vec::new(),
            next_ino,
            free_bytes: 1 << 40,
            failing_syncs: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Operations recorded so far. A test notes it beside what it was promised at that point, and compares
    /// with [`CrashImage::at`](crash::CrashImage::at).
    pub fn op_count(&self) -> usize {
        self.state.lock().ops.len()
    }

    /// Declares everything up to now durable and forgets the operations.
    pub fn settle(&self) {
        let mut state = self.state.lock();
        state.base = state.live.clone();
        state.ops.clear();
    }

    /// What reads see now, as a file system of its own: what another program, or a restart without a power
    /// cut, would find in the page cache. Unsynced is still unsynced in it.
    pub fn fork(&self) -> Self {
        let state = self.state.lock();
        let copy = State {
            base: state.base.clone(),
            live: state.live.clone(),
            ops: state.ops.clone(),
            next_ino: state.next_ino,
            free_bytes: state.free_bytes,
            failing_syncs: state.failing_syncs,
        };
        Self {
            state: Arc::new(Mutex::new(copy)),
        }
    }

    /// Makes the next `times` calls of [`File::sync_data`] fail as Linux does: the data stay readable and
    /// their pages count as clean, so that no later sync makes them durable. Only writing them again does.
    pub fn fail_sync_data(&self, times: u32) {
        self.state.lock().failing_syncs = times;
    }

    /// How many syncs are still to fail.
    pub fn fails_left(&self) -> u32 {
        self.state.lock().failing_syncs
    }

    /// What [`Fs::free_bytes`] answers from now on.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.state.lock().free_bytes = bytes;
    }

    /// The bytes that reads of `path` see.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let ino = state.live.names.get(path)?;
        state.live.files.get(ino).map(|bytes| bytes.to_vec())
    }

    /// Gives `path` these bytes, and settles: test data that was on the disk from the first. Missing folders
    /// are made.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state.lock();
        if let Some(parent) = path.parent() {
            let ancestors = parent.ancestors().map(Path::to_path_buf);
            state.live.dirs.extend(ancestors);
        }
        let ino = state.next_ino;
        state.next_ino += 1;
        state.live.names.insert(path.to_path_buf(), ino);
        state.live.files.insert(ino, Arc::new(bytes.to_vec()));
        drop(state);
        self.settle();
    }

    fn handle(&self, path: &Path, writable: bool) -> io::Result<Box<dyn File>> {
        let ino = self.state.lock().ino(path)?;
        Ok(Box::new(SimFile {
            fs: self.clone(),
            ino,
            writable,
        }))
    }
}

impl State {
    fn change(&mut self, change: Change) {
        self.live.apply(&change);
        self.ops.push(Op::Change(change));
    }

    fn ino(&self, path: &Path) -> io::Result<u64> {
        self.live
            .names
            .get(path)
            .copied()
            .ok_or_else(|| Errno::ENOENT.into())
    }

    /// The folder that a new name at `path` would stand in must exist, and the name must be free.
    fn expect_free(&self, path: &Path) -> io::Result<()> {
        self.expect_parent(path)?;
        if self.live.names.contains_key(path) || self.live.dirs.contains(path) {
            return Err(Errno::EEXIST.into());
        }
        Ok(())
    }

    fn expect_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if self.live.dirs.contains(parent) => Ok(()),
            _ => Err(Errno::ENOENT.into()),
        }
    }
}

impl Fs for SimFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        {
            let mut state = self.state.lock();
            state.expect_free(path)?;
            let ino = state.next_ino;
            state.next_ino += 1;
            state.change(Change::Name {
                set: Some((path.to_path_buf(), ino)),
                unset: None,
            });
        }
        self.handle(path, true)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.handle(path, true)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.handle(path, false)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let ino = state.ino(from)?;
        state.expect_parent(to)?;
        let unset = (from != to).then(|| from.to_path_buf());
        state.change(Change::Name {
            set: Some((to.to_path_buf(), ino)),
            unset,
        });
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let ino = state.ino(from)?;
        state.expect_free(to)?;
        state.change(Change::Name {
            set: Some((to.to_path_buf(), ino)),
            unset: None,
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.ino(path)?;
        state.change(Change::Name {
            set: None,
            unset: Some(path.to_path_buf()),
        });
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state.lock();
        if state.live.dirs.contains(path) {
            return Ok(false);
        }
        state.expect_free(path)?;
        state.change(Change::Dir {
            path: path.to_path_buf(),
        });
        Ok(true)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if !state.live.dirs.contains(path) {
            return Err(Errno::ENOENT.into());
        }
        state.ops.push(Op::SyncDir {
            path: path.to_path_buf(),
        });
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state.lock();
        if !state.live.dirs.contains(path) {
            return Err(Errno::ENOENT.into());
        }
        let inside = |at: &&PathBuf| at.parent() == Some(path);
        let all = state
            .live
            .names
            .keys()
            .filter(inside)
            .chain(state.live.dirs.iter().filter(inside));
        let mut names: Vec<OsString> = all.filter_map(|at| at.file_name()).map(OsString::from).collect();
        names.sort();
        Ok(names)
    }

    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        Ok(FileId {
            dev: 1,
            ino: self.state.lock().ino(path)?,
        })
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.state.lock().free_bytes)
    }

    /// Leaves no trace: a power cut between its steps leaves a file that every start sweeps away.
    fn probe(&self, path: &Path) -> io::Result<()> {
        self.state.lock().expect_parent(path)
    }
}

#[derive(Debug, Clone)]
struct SimFile {
    fs: SimFs,
    /// Leads to the contents for as long as the handle lives, whatever becomes of the name.
    ino: u64,
    writable: bool,
}

impl SimFile {
    fn expect_writable(&self) -> io::Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(Errno::EBADF.into())
        }
    }
}

impl File for SimFile {
    fn id(&self) -> io::Result<FileId> {
        Ok(FileId {
            dev: 1,
            ino: self.ino,
        })
    }

    fn has_name(&self) -> io::Result<bool> {
        let state = self.fs.state.lock();
        Ok(state.live.names.values().any(|ino| *ino == self.ino))
    }

    fn second(&self) -> io::Result<Box<dyn File>> {
        Ok(Box::new(self.clone()))
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.fs.state.lock();
        Ok(state
            .live
            .files
            .get(&self.ino)
            .map_or(0, |bytes| bytes.len() as u64))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.fs.state.lock();
        let bytes = state
            .live
            .files
            .get(&self.ino)
            .map_or(&[][..], |bytes| bytes.as_slice());
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let (_, rest) = bytes.split_at(from);
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.expect_writable()?;
        let data: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        let n = data.len();
        if n > 0 {
            self.fs.state.lock().change(Change::Write {
                ino: self.ino,
                at: offset,
                data: data.into(),
            });
        }
        Ok(n)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.expect_writable()?;
        self.fs
            .state
            .lock()
            .change(Change::Truncate { ino: self.ino, len });
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut state = self.fs.state.lock();
        if let Some(left) = state.failing_syncs.checked_sub(1) {
            state.failing_syncs = left;
            state.ops.push(Op::FailedSync { ino: self.ino });
            return Err(Errno::EIO.into());
        }
        state.ops.push(Op::SyncData { ino: self.ino });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
