//! The real file system. Each call is one system call on a close-on-exec descriptor, begun again when a
//! signal interrupts it. It must never buffer: the engine decides what is written and when it is synced.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::statvfs::statvfs;
use nix::sys::uio::pwritev;

use super::{File, FileId, Fs};

/// Most buffers one `pwritev` takes on Linux; with more of them it fails instead of writing less.
const IOV_MAX: usize = 1024;

/// What a probe writes: a block, so that it needs room of its own.
const PROBE: [u8; 4096] = [0; 4096];

/// The file system of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

/// A descriptor of its own; std opens it close-on-exec.
#[derive(Debug)]
struct OsFile(fs::File);

/// Lets writes of this thread past a file size limit fail with EFBIG, as on a full disk, where SIGXFSZ would end the
/// process. For threads that write to the log: the signal's disposition is the process's own, and stays.
pub fn block_size_signal() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    // It can only fail for an unknown request.
    let _ = signals.thread_block();
}

fn boxed(options: &OpenOptions, path: &Path) -> io::Result<Box<dyn File>> {
    // std begins an interrupted open again.
    Ok(Box::new(OsFile(options.open(path)?)))
}

/// Begins `call` again for as long as a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn file_id(meta: &fs::Metadata) -> FileId {
    FileId {
        dev: meta.dev(),
        ino: meta.ino(),
    }
}

impl Fs for OsFs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        boxed(OpenOptions::new().read(true).write(true).create_new(true), path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        // Not through a link, which may lead to a file of somebody else, or of another server; and without waiting
        // for the other end of a pipe.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(path)
            .map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ELOOP) => io::Error::other("is a symbolic link; put the file itself there"),
                _ => error,
            })?;
        if file.metadata()?.is_file() {
            Ok(Box::new(OsFile(file)))
        } else {
            Err(io::Error::other("is no ordinary file"))
        }
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        boxed(OpenOptions::new().read(true), path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        retry(|| fs::rename(from, to))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        retry(|| fs::hard_link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        retry(|| fs::remove_file(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<bool> {
        match retry(|| fs::create_dir(path)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if retry(|| fs::metadata(path))?.is_dir() {
                    Ok(false)
                } else {
                    Err(Errno::ENOTDIR.into())
                }
            }
            Err(e) => Err(e),
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // fsync, not fdatasync: std's sync_all also begins again when interrupted.
        fs::File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut names = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        let named = retry(|| fs::symlink_metadata(path))?;
        if named.is_symlink() {
            // A folder may be reached by a link, a file is the link itself.
            let target = retry(|| fs::metadata(path))?;
            if target.is_dir() {
                return Ok(file_id(&target));
            }
        }
        Ok(file_id(&named))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = retry(|| statvfs(path).map_err(io::Error::from))?;
        Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
    }

    fn probe(&self, path: &Path) -> io::Result<()> {
        match self.remove(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = self.create_new(path)?;
        let written = file
            .write_at(&[IoSlice::new(&PROBE)], 0)
            .and_then(|n| {
                if n == PROBE.len() {
                    Ok(())
                } else {
                    Err(Errno::ENOSPC.into())
                }
            })
            .and_then(|()| file.sync_data());
        written.and(self.remove(path))
    }
}

impl File for OsFile {
    fn id(&self) -> io::Result<FileId> {
        Ok(file_id(&retry(|| self.0.metadata())?))
    }

    fn has_name(&self) -> io::Result<bool> {
        Ok(retry(|| self.0.metadata())?.nlink() > 0)
    }

    fn second(&self) -> io::Result<Box<dyn File>> {
        Ok(Box::new(Self(self.0.try_clone()?)))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(retry(|| self.0.metadata())?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        retry(|| self.0.read_at(buf, offset))
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let offset = i64::try_from(offset).map_err(|_| io::Error::from(Errno::EFBIG))?;
        let bufs = bufs.get(..IOV_MAX).unwrap_or(bufs);
        retry(|| pwritev(&self.0, bufs, offset).map_err(io::Error::from))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        retry(|| self.0.set_len(len))
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("mylog-os-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        assert!(OsFs.create_dir(&dir).unwrap());
        dir
    }

    #[test]
    fn more_buffers_than_one_call_takes_are_written_in_part_not_refused() {
        let dir = folder("iov");
        let mut file = OsFs.create_new(&dir.join("f")).unwrap();
        let bufs = vec![IoSlice::new(b"x"); IOV_MAX + 7];
        assert_eq!(file.write_at(&bufs, 3).unwrap(), IOV_MAX);
        assert_eq!(file.len().unwrap(), 3 + IOV_MAX as u64);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_folder_that_exists_is_not_made_and_a_file_in_its_place_is_an_error() {
        let dir = folder("dir");
        assert!(!OsFs.create_dir(&dir).unwrap());
        OsFs.create_new(&dir.join("f")).unwrap();
        assert!(OsFs.create_dir(&dir.join("f")).is_err());
        assert!(OsFs.create_new(&dir.join("f")).is_err());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn nothing_is_opened_for_writing_through_a_link_and_a_link_has_an_id_of_its_own() {
        let dir = folder("links");
        let (file, link) = (dir.join("file"), dir.join("link"));
        fs::write(&file, b"somebody's").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(OsFs.open(&link).is_err());
        assert!(OsFs.create_new(&link).is_err());
        assert!(OsFs.open(&dir).is_err());
        assert!(OsFs.open(&file).is_ok());
        assert_ne!(OsFs.file_id(&link).unwrap(), OsFs.file_id(&file).unwrap());
        let folder_link = dir.join("folder");
        std::os::unix::fs::symlink(&dir, &folder_link).unwrap();
        assert_eq!(OsFs.file_id(&folder_link).unwrap(), OsFs.file_id(&dir).unwrap());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_renamed_file_keeps_its_id_and_names_are_sorted() {
        let dir = folder("id");
        let mut file = OsFs.create_new(&dir.join("b")).unwrap();
        assert_eq!(file.write_at(&[IoSlice::new(b"hello")], 0).unwrap(), 5);
        file.truncate(4).unwrap();
        file.sync_data().unwrap();
        OsFs.rename(&dir.join("b"), &dir.join("c")).unwrap();
        OsFs.hard_link(&dir.join("c"), &dir.join("a")).unwrap();
        OsFs.sync_dir(&dir).unwrap();
        assert_eq!(OsFs.list(&dir).unwrap(), ["a", "c"]);
        assert_eq!(OsFs.file_id(&dir.join("a")).unwrap(), file.id().unwrap());
        let mut buf = [0u8; 9];
        let read = OsFs
            .open_read(&dir.join("a"))
            .unwrap()
            .read_at(&mut buf, 1)
            .unwrap();
        assert_eq!(&buf[..read], b"ell");
        assert!(OsFs.free_bytes(&dir).unwrap() > 0);
        OsFs.probe(&dir.join("probe")).unwrap();
        assert_eq!(OsFs.list(&dir).unwrap(), ["a", "c"]);
        assert!(file.has_name().unwrap());
        OsFs.remove(&dir.join("c")).unwrap();
        assert!(file.has_name().unwrap());
        OsFs.remove(&dir.join("a")).unwrap();
        assert!(!file.has_name().unwrap());
        fs::remove_dir_all(&dir).unwrap();
        assert!(OsFs.probe(&dir.join("probe")).is_err());
    }
}
