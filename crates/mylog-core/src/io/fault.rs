//! A file system that fails on order: the nth call of a kind gives an errno, once or from then on, or a write
//! is cut short. Every call is counted, so a test can loop over n until nothing fires any more. A call that
//! fails here never reaches the file system below it. Before a call something else may happen, as if another
//! program had done it.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use parking_lot::Mutex;

use super::{File, FileId, Fs};

/// The kinds of calls: the methods of [`Fs`] and [`File`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum OpKind {
    /// [`Fs::create_new`].
    CreateNew,
    /// [`Fs::open`].
    Open,
    /// [`Fs::open_read`].
    OpenRead,
    /// [`Fs::rename`].
    Rename,
    /// [`Fs::hard_link`].
    HardLink,
    /// [`Fs::remove`].
    Remove,
    /// [`Fs::create_dir`].
    CreateDir,
    /// [`Fs::sync_dir`].
    SyncDir,
    /// [`Fs::list`].
    List,
    /// [`Fs::file_id`], [`File::id`] and [`File::has_name`].
    Id,
    /// [`Fs::free_bytes`].
    FreeBytes,
    /// [`Fs::probe`].
    Probe,
    /// [`File::len`].
    Len,
    /// [`File::read_at`].
    ReadAt,
    /// [`File::write_at`].
    WriteAt,
    /// [`File::truncate`].
    Truncate,
    /// [`File::sync_data`].
    SyncData,
}

impl OpKind {
    /// All of them, for loops.
    pub const ALL: [OpKind; 17] = [
        Self::CreateNew,
        Self::Open,
        Self::OpenRead,
        Self::Rename,
        Self::HardLink,
        Self::Remove,
        Self::CreateDir,
        Self::SyncDir,
        Self::List,
        Self::Id,
        Self::FreeBytes,
        Self::Probe,
        Self::Len,
        Self::ReadAt,
        Self::WriteAt,
        Self::Truncate,
        Self::SyncData,
    ];
}

/// What becomes of the call that was ordered to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// That call gives this errno; the next one works again.
    Once(Errno),
    /// That call and every later one of its kind give this errno, until [`FaultFs::heal`].
    Forever(Errno),
    /// That write takes this many bytes at most. Other kinds of calls are not touched.
    Short(usize),
}

/// Wraps a file system; clones share its counters and orders.
#[derive(Debug)]
pub struct FaultFs<F> {
    inner: Arc<F>,
    plan: Arc<Mutex<Plan>>,
}

impl<F> Clone for FaultFs<F> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            plan: Arc::clone(&self.plan),
        }
    }
}

#[derive(Debug, Default)]
struct Plan {
    /// Calls so far, by kind.
    counts: [u64; OpKind::ALL.len()],
    orders: Vec<Order>,
    fired: u64,
    /// What happens before a call, and how many calls there are until then, that one included.
    deed: Option<(u64, Deed)>,
}

struct Deed(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deed")
    }
}

#[derive(Debug)]
struct Order {
    /// `None`: calls of every kind count, and the nth of all fails.
    kind: Option<OpKind>,
    /// Calls of the kind left until the fault, that one included. 0: it has fired.
    left: u64,
    fault: Fault,
}

impl Plan {
    /// Counts a call; the result says what becomes of it.
    fn call(&mut self, kind: OpKind) -> Option<Fault> {
        if let Some(count) = self.counts.get_mut(kind as usize) {
            *count += 1;
        }
        let mut result = None;
        for order in self
            .orders
            .iter_mut()
            .filter(|o| o.kind.is_none_or(|k| k == kind))
        {
            let due = order.left == 1 || (order.left == 0 && matches!(order.fault, Fault::Forever(_)));
            order.left = order.left.saturating_sub(1);
            if due && result.is_none() {
                result = Some(order.fault);
            }
        }
        self.fired += u64::from(result.is_some());
        result
    }

    fn deed_due(&mut self) -> Option<Deed> {
        let (left, _) = self.deed.as_mut()?;
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        self.fired += 1;
        self.deed.take().map(|(_, deed)| deed)
    }
}

/// Counts a call and fails it if that was ordered; gives the most bytes a write may take.
fn pass(plan: &Mutex<Plan>, kind: OpKind) -> io::Result<usize> {
    let due = plan.lock().deed_due();
    if let Some(Deed(act)) = due {
        act();
    }
    match plan.lock().call(kind) {
        Some(Fault::Once(errno) | Fault::Forever(errno)) => Err(errno.into()),
        Some(Fault::Short(most)) => Ok(most),
        None => Ok(usize::MAX),
    }
}

impl<F: Fs> FaultFs<F> {
    /// Wraps `inner`; nothing fails yet.
    pub fn new(inner: F) -> Self {
        Self {
            inner: Arc::new(inner),
            plan: Arc::default(),
        }
    }

    /// Orders the `nth` call from now, counted from 1, to fail: of `kind`, or of all kinds for `None`.
    pub fn fail(&self, kind: impl Into<Option<OpKind>>, nth: u64, fault: Fault) {
        self.plan.lock().orders.push(Order {
            kind: kind.into(),
            left: nth,
            fault,
        });
    }

    /// Before the `nth` call of any kind from now, counted from 1, this happens.
    pub fn before(&self, nth: u64, act: impl FnOnce() + Send + 'static) {
        self.plan.lock().deed = Some((nth, Deed(Box::new(act))));
    }

    /// Takes back every order. The counters stay.
    pub fn heal(&self) {
        self.plan.lock().orders.clear();
    }

    /// Calls of a kind so far, failed ones included.
    pub fn count(&self, kind: OpKind) -> u64 {
        self.plan.lock().counts.get(kind as usize).copied().unwrap_or(0)
    }

    /// How many calls were failed or cut short so far. 0 ends a loop over n.
    pub fn fired(&self) -> u64 {
        self.plan.lock().fired
    }

    /// The file system below.
    pub fn inner(&self) -> &F {
        &self.inner
    }

    fn pass(&self, kind: OpKind) -> io::Result<usize> {
        pass(&self.plan, kind)
    }

    fn wrap(&self, file: Box<dyn File>) -> Box<dyn File> {
        Box::new(FaultFile {
            file,
            plan: Arc::clone(&self.plan),
        })
    }
}

impl<F: Fs> Fs for FaultFs<F> {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.pass(OpKind::CreateNew)?;
        Ok(self.wrap(self.inner.create_new(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.pass(OpKind::Open)?;
        Ok(self.wrap(self.inner.open(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.pass(OpKind::OpenRead)?;
        Ok(self.wrap(self.inner.open_read(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(OpKind::Rename)?;
        self.inner.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(OpKind::HardLink)?;
        self.inner.hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass(OpKind::Remove)?;
        self.inner.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<bool> {
        self.pass(OpKind::CreateDir)?;
        self.inner.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.pass(OpKind::SyncDir)?;
        self.inner.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.pass(OpKind::List)?;
        self.inner.list(path)
    }

    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        self.pass(OpKind::Id)?;
        self.inner.file_id(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.pass(OpKind::FreeBytes)?;
        self.inner.free_bytes(path)
    }

    fn probe(&self, path: &Path) -> io::Result<()> {
        self.pass(OpKind::Probe)?;
        self.inner.probe(path)
    }
}

struct FaultFile {
    file: Box<dyn File>,
    plan: Arc<Mutex<Plan>>,
}

impl File for FaultFile {
    fn id(&self) -> io::Result<FileId> {
        pass(&self.plan, OpKind::Id)?;
        self.file.id()
    }

    fn has_name(&self) -> io::Result<bool> {
        pass(&self.plan, OpKind::Id)?;
        self.file.has_name()
    }

    fn second(&self) -> io::Result<Box<dyn File>> {
        Ok(Box::new(Self {
            file: self.file.second()?,
            plan: Arc::clone(&self.plan),
        }))
    }

    fn len(&self) -> io::Result<u64> {
        pass(&self.plan, OpKind::Len)?;
        self.file.len()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        pass(&self.plan, OpKind::ReadAt)?;
        self.file.read_at(buf, offset)
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let most = pass(&self.plan, OpKind::WriteAt)?;
        let mut left = most;
        let mut cut = Vec::with_capacity(bufs.len());
        for buf in bufs {
            let part = buf.get(..left).unwrap_or(buf);
            left -= part.len();
            cut.push(IoSlice::new(part));
        }
        self.file.write_at(&cut, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        pass(&self.plan, OpKind::Truncate)?;
        self.file.truncate(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        pass(&self.plan, OpKind::SyncData)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::sim::SimFs;

    #[test]
    fn the_nth_call_of_a_kind_fails_and_the_others_pass() {
        let fs = FaultFs::new(SimFs::new());
        let mut file = fs.create_new(Path::new("/a")).unwrap();
        fs.fail(OpKind::SyncData, 2, Fault::Once(Errno::EIO));
        assert!(file.sync_data().is_ok());
        assert_eq!(
            file.sync_data().unwrap_err().raw_os_error(),
            Some(Errno::EIO as i32)
        );
        assert!(file.sync_data().is_ok());
        assert_eq!((fs.count(OpKind::SyncData), fs.fired()), (3, 1));
    }

    #[test]
    fn forever_lasts_until_healed() {
        let fs = FaultFs::new(SimFs::new());
        fs.fail(None, 2, Fault::Forever(Errno::ENOSPC));
        let mut file = fs.create_new(Path::new("/a")).unwrap();
        assert!(file.write_at(&[IoSlice::new(b"x")], 0).is_err());
        assert!(fs.list(Path::new("/")).is_err());
        fs.heal();
        assert_eq!(file.write_at(&[IoSlice::new(b"x")], 0).unwrap(), 1);
    }

    #[test]
    fn a_short_write_takes_only_that_much_of_all_its_buffers() {
        let fs = FaultFs::new(SimFs::new());
        let mut file = fs.create_new(Path::new("/a")).unwrap();
        fs.fail(OpKind::WriteAt, 1, Fault::Short(3));
        assert_eq!(
            file.write_at(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")], 0)
                .unwrap(),
            3
        );
        assert_eq!(fs.inner().contents(Path::new("/a")).unwrap(), b"abc");
    }
}
