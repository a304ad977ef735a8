//! Syncs beside the writer, which goes on writing meanwhile: what a sync holds up would be lost with the process
//! although nobody was told to wait for it. One sync at a time. It decides nothing: the writer hears how a sync
//! ended, and what that means for the log is its affair.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::io::File;

/// How a sync ended.
#[derive(Debug)]
pub struct Synced {
    /// What the system said.
    pub result: io::Result<()>,
    /// How long it took.
    pub took: Duration,
}

/// Syncs a file while its writer does something else.
pub trait Syncer: Send {
    /// Begins a sync of what was written to the file so far. The one before must have been taken.
    fn begin(&mut self, file: Box<dyn File>);
    /// How the sync ended, once it has. The writer is woken for it.
    fn take(&mut self) -> Option<Synced>;
    /// Waits for the end of the sync that was begun.
    fn wait(&mut self) -> Synced;
}

/// A thread that syncs, `mylog-sync`. Dropped, it ends by itself, behind a sync that hangs.
pub struct SyncThread {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Default)]
struct Slot {
    file: Option<Box<dyn File>>,
    synced: Option<Synced>,
    closed: bool,
}

impl SyncThread {
    /// Starts it. `wake` is called when a sync has ended, on that thread.
    pub fn spawn(wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let its = Arc::clone(&shared);
        thread::Builder::new()
            .name("mylog-sync".to_owned())
            .spawn(move || {
                while let Some(mut file) = its.next() {
                    let began = Instant::now();
                    let result = file.sync_data();
                    its.slot.lock().synced = Some(Synced {
                        result,
                        took: began.elapsed(),
                    });
                    its.changed.notify_all();
                    wake();
                }
            })?;
        Ok(Self { shared })
    }
}

impl Shared {
    /// The next file to sync; `None` at the end.
    fn next(&self) -> Option<Box<dyn File>> {
        let mut slot = self.slot.lock();
        loop {
            if slot.closed {
                return None;
            }
            if let Some(file) = slot.file.take() {
                return Some(file);
            }
            self.changed.wait(&mut slot);
        }
    }
}

impl Syncer for SyncThread {
    fn begin(&mut self, file: Box<dyn File>) {
        self.shared.slot.lock().file = Some(file);
        self.shared.changed.notify_all();
    }

    fn take(&mut self) -> Option<Synced> {
        self.shared.slot.lock().synced.take()
    }

    fn wait(&mut self) -> Synced {
        let mut slot = self.shared.slot.lock();
        loop {
            if let Some(synced) = slot.synced.take() {
                return synced;
            }
            self.shared.changed.wait(&mut slot);
        }
    }
}

impl Drop for SyncThread {
    fn drop(&mut self) {
        self.shared.slot.lock().closed = true;
        self.shared.changed.notify_all();
    }
}
