//! The child: writes its copy of the store while it applies the diffs to that copy, so that the result is
//! compact as of the end of the rewrite. Design section 6.2; the handshake is that of Redis 3.0 to 6.2.
//!
//! It takes no lock, gives no large value back, and never renames: it leaves a finished file or none.

mod entries;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::delta::Deltas;
use super::entry_records::Sizes;
use super::rounds::Rounds;
use super::snapshot_file::{SnapshotError, SnapshotFile, SnapshotReport};
use super::wire::{GroupReader, Report, WireError};
use crate::effect::{BadRecord, Db, Effect, decode_records};
use crate::group::Group;
use crate::store::{ApplyError, Store};

/// Empty slots walked between two looks at the data pipe.
const DRAIN_EVERY_SLOTS: u32 = 4096;
/// Most of the stream taken at one look, in steps.
const DRAIN_STEPS: usize = 8;
const DRAIN_STEP_BYTES: usize = 1 << 20;
/// What comes between two looks at the data pipe where the parent only passes on what it writes just now.
const QUIET_BYTES: u64 = 16 << 10;
/// Longest that the end of the stream is awaited after the last sync before asking for it.
const QUIET_DEADLINE: Duration = Duration::from_secs(2);

/// What the pipe gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// As many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The parent has closed it or died.
    Closed,
}

/// Places where a test can hold the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the first entry.
    Start,
    /// After the walk over the store.
    Walked,
    /// Before it asks for the end of the stream.
    Asking,
    /// After the parent's answer.
    Answered,
    /// Before the report.
    Reporting,
}

/// The child's ends of the pipes, and its clock.
pub trait ParentLink {
    /// Reads some of the data pipe without waiting.
    fn read_diffs(&mut self, buf: &mut [u8]) -> io::Result<Got>;
    /// Sends `!` up.
    fn ask(&mut self) -> io::Result<()>;
    /// Takes the answer if it is there. `Err` of kind `BrokenPipe` when the parent is gone.
    fn answer(&mut self) -> io::Result<Option<u64>>;
    /// Waits for a while until a pipe has something.
    fn wait(&mut self) -> io::Result<()>;
    /// As `wait`, but for no longer than the parent needs to send some of what it has.
    fn nap(&mut self) -> io::Result<()>;
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Tells how far the walk is, 0 to 1. Called often.
    fn progress(&mut self, done: f64);
    /// A test may hold the child here.
    fn stage(&mut self, stage: Stage);
}

/// Why the child failed. The parent counts it and keeps the live log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// Writing the file failed.
    #[error(transparent)]
    Output(#[from] SnapshotError),
    /// A pipe failed.
    #[error("a pipe of the rewrite failed: {0}")]
    Pipe(#[source] io::Error),
    /// The parent closed the pipes or died.
    #[error("the parent is gone or has given up this rewrite")]
    ParentGone,
    /// The stream is not what the parent sends.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A diff can't be read.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// A diff does not fit the child's copy.
    #[error("a diff does not fit: {0}")]
    Apply(#[from] ApplyError),
    /// The parent's answer is not where the stream can end.
    #[error("the parent ended the stream at seq {h}, but the child already has {taken}")]
    Answer {
        /// The answer.
        h: u64,
        /// What was taken.
        taken: u64,
    },
}

/// A rewrite in the child.
pub struct Child<'a, L> {
    store: &'a mut Store,
    link: L,
    out: SnapshotFile,
    reader: GroupReader,
    /// Slots below it are written: an effect on one of their names makes the name dirty, one on any other
    /// entry is absorbed without a trace.
    cursor: u32,
    /// Names whose newest contents the file does not have. Never effects: a counter raised a million
    /// times is one name. Ordered, so that the same writes give the same file whatever the hash seed.
    dirty: BTreeSet<(Db, Box<[u8]>)>,
    /// What the file lacks of the large values that it has. Of a dirty name with one only that is written.
    deltas: Deltas,
    sizes: Sizes,
    entries: u64,
    absorbed: u64,
    emitted: u64,
    rounds: Rounds,
    /// Bytes of records given to `out`, and as many of them at the last look at the pipe.
    produced: u64,
    drained_at: u64,
    /// The parent has answered and all up to `H` is applied: the pipe is not looked at any more.
    stream_ended: bool,
}

impl<'a, L: ParentLink> Child<'a, L> {
    /// A child whose `store` is the state as of `fork_seq` and which writes to `out`.
    pub fn new(store: &'a mut Store, fork_seq: u64, link: L, out: SnapshotFile) -> Self {
        store.append_only();
        Self {
            store,
            link,
            out,
            reader: GroupReader::new(fork_seq + 1),
            cursor: 0,
            dirty: BTreeSet::new(),
            deltas: Deltas::default(),
            sizes: Sizes::default(),
            entries: 0,
            absorbed: 0,
            emitted: 0,
            rounds: Rounds::default(),
            produced: 0,
            drained_at: 0,
            stream_ended: false,
        }
    }

    /// With other sizes than the usual ones.
    pub fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// Writes the whole file and says what it is. `wall_ms` is the Unix time for its end record.
    pub fn run(mut self, wall_ms: u64) -> Result<Report, ChildError> {
        self.link.stage(Stage::Start);
        self.walk()?;
        self.link.progress(1.0);
        self.link.stage(Stage::Walked);
        self.rounds()?;
        // The slow sync comes while the parent still streams: what is left for the end is small.
        self.out.sync()?;
        self.link.stage(Stage::Asking);
        self.drain_until_quiet()?;
        let base_seq = self.handshake()?;
        self.link.stage(Stage::Answered);
        self.walk()?;
        self.write_dirty()?;
        self.write_lineages()?;
        let keys = self.store.len() as u64;
        let SnapshotReport {
            bytes,
            file_id: file,
            records,
            ..
        } = self.out.finish(base_seq, keys, wall_ms)?;
        self.link.stage(Stage::Reporting);
        let Self {
            entries,
            absorbed,
            emitted,
            rounds,
            ..
        } = self;
        Ok(Report {
            base_seq,
            bytes,
            file,
            records,
            entries,
            absorbed,
            emitted,
            rounds: rounds.done(),
        })
    }

    /// Writes every entry that is not written. Those which diffs add meanwhile are left: a parent that adds
    /// them faster than they are written would keep the walk going without end.
    fn walk(&mut self) -> Result<(), ChildError> {
        let end = self.store.slots_end();
        while self.cursor < end {
            if self.cursor % DRAIN_EVERY_SLOTS == 0 {
                self.drain()?;
            }
            self.look_at_pipe()?;
            let slot = self.cursor;
            self.forget_dirty(slot);
            // Before it is: what changes of a large one while it is written is behind the walk.
            self.cursor += 1;
            self.entries += u64::from(self.store.at_slot(slot).is_some());
            self.write_slot(slot)?;
        }
        Ok(())
    }

    /// The walk is going to write this entry's newest contents under its name.
    fn forget_dirty(&mut self, slot: u32) {
        if self.dirty.is_empty() {
            return;
        }
        if let Some(entry) = self.store.at_slot(slot) {
            self.dirty
                .remove(&(self.store.db_of(entry), Box::from(entry.key())));
        }
    }

    /// Writes what became dirty, and the entries that diffs have added, as long as that gets less. The rest is
    /// written after the stream has ended.
    fn rounds(&mut self) -> Result<(), ChildError> {
        loop {
            self.drain()?;
            if !self.rounds.another(self.dirty_bytes() + self.added_bytes()) {
                return Ok(());
            }
            self.walk()?;
            self.write_dirty()?;
        }
    }

    /// Writes the present contents of every name that is dirty now. Names that become so meanwhile are left.
    fn write_dirty(&mut self) -> Result<(), ChildError> {
        for (db, key) in std::mem::take(&mut self.dirty) {
            self.look_at_pipe()?;
            match self.store.find(db, &key) {
                // The walk will come to it and replace what the file has. Until then the name stays dirty:
                // deleted once more before the walk, it must still lose what the file has.
                Some(id) if id.slot >= self.cursor => {
                    self.dirty.insert((db, key));
                }
                Some(id) => {
                    // It may have changed again since this round began. This writes the newest contents.
                    self.dirty.remove(&(db, key));
                    self.write_again(id.slot)?;
                }
                None => {
                    let mut record = Vec::new();
                    Effect::Del { db, key: &key }.encode(&mut record);
                    self.dirty.remove(&(db, key));
                    self.emit(&record)?;
                    self.emitted += 1;
                }
            }
        }
        Ok(())
    }

    /// All of them, at the end: what came with a diff is among them.
    fn write_lineages(&mut self) -> Result<(), ChildError> {
        let lineages: Vec<Effect<'_>> = self.store.lineages().collect();
        for lineage in lineages {
            let mut record = Vec::new();
            lineage.encode(&mut record);
            self.emit(&record)?;
        }
        Ok(())
    }

    fn emit(&mut self, record: &[u8]) -> Result<(), ChildError> {
        self.produced += record.len() as u64;
        Ok(self.out.append_records(record, 1)?)
    }

    /// About how many bytes the dirty names are to write.
    fn dirty_bytes(&self) -> u64 {
        let bytes = self
            .dirty
            .iter()
            .map(|(db, key)| match self.store.find(*db, key) {
                // The walk writes it.
                Some(id) if id.slot >= self.cursor => 0,
                Some(id) => self.store.entry(id).map_or(0, |entry| {
                    let delta = self.deltas.pending_bytes(id.slot, entry);
                    delta.unwrap_or(entry.live_bytes() as u64)
                }),
                None => key.len() as u64,
            });
        bytes.sum()
    }

    /// About how many bytes the entries are to write that the walk has not come to.
    fn added_bytes(&self) -> u64 {
        let added = (self.cursor..self.store.slots_end()).filter_map(|slot| self.store.at_slot(slot));
        added.map(|entry| entry.live_bytes() as u64).sum()
    }

    /// Takes what the data pipe has, if enough was written since the last time.
    fn look_at_pipe(&mut self) -> Result<(), ChildError> {
        if self.produced - self.drained_at >= self.sizes.look {
            self.drain()?;
        }
        Ok(())
    }

    /// Takes about what the data pipe has, applies all groups that are whole, and says whether the pipe was
    /// seen empty. It ends even if the parent fills the pipe as fast as it is emptied.
    fn drain(&mut self) -> Result<bool, ChildError> {
        self.drained_at = self.produced;
        let end = self.store.slots_end().max(1);
        self.link
            .progress(f64::from(self.cursor.min(end)) / f64::from(end));
        if self.stream_ended {
            return Ok(true);
        }
        for _ in 0..DRAIN_STEPS {
            // A group may be larger than a step: always take more than what is held.
            let limit = self.reader.buffered() + DRAIN_STEP_BYTES;
            let empty = read_available(&mut self.link, &mut self.reader, limit)?;
            while let Some(group) = self.reader.next_group()? {
                self.apply(&group)?;
            }
            if empty {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn apply(&mut self, group: &Group) -> Result<(), ChildError> {
        decode_records(group.payload(), group.count(), |_, effect| {
            let names = effect.names();
            for (db, key) in names.iter().flatten() {
                let written = self.mark_if_written(*db, key);
                if let Some((slot, entry)) = written.and_then(|slot| Some((slot, self.store.at_slot(slot)?)))
                {
                    self.deltas.touch(slot, &effect, entry);
                }
            }
            self.store.apply(&effect)?;
            for (db, key) in names.iter().flatten() {
                self.mark_if_written(*db, key);
            }
            // Giving a large value back would copy all its pages; the child ends soon.
            self.store.take_discarded().into_iter().for_each(std::mem::forget);
            self.absorbed += 1;
            Ok(())
        })
    }

    /// Marks a name dirty whose entry is written, and says where that is.
    fn mark_if_written(&mut self, db: Db, key: &[u8]) -> Option<u32> {
        let id = self.store.find(db, key).filter(|id| id.slot < self.cursor)?;
        self.dirty.insert((db, key.into()));
        Some(id.slot)
    }

    /// Drains until little comes any more, or the deadline. One look at an empty pipe says nothing: a parent
    /// with a long backlog fills the pipe slower than it is emptied here, and what it has not sent by the end
    /// of the stream goes into the file as it is.
    fn drain_until_quiet(&mut self) -> Result<(), ChildError> {
        let deadline = self.link.now() + QUIET_DEADLINE;
        loop {
            let before = self.reader.received();
            self.link.nap().map_err(ChildError::Pipe)?;
            let empty = self.drain()?;
            let little = self.reader.received() - before <= QUIET_BYTES;
            if (empty && little) || self.link.now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Asks for the end of the stream, waits for it while the parent lives, and applies all up to it.
    fn handshake(&mut self) -> Result<u64, ChildError> {
        self.link.ask().map_err(ChildError::Pipe)?;
        let h = loop {
            self.drain()?;
            match self.link.answer().map_err(ChildError::Pipe)? {
                Some(h) => break h,
                None => self.link.wait().map_err(ChildError::Pipe)?,
            }
        };
        // Everything up to H was in the pipe before the answer was. What is beyond H is a part of a group.
        while self.reader.taken() < h && !self.drain()? {}
        self.stream_ended = true;
        match self.reader.taken() {
            taken if taken == h => Ok(h),
            taken => Err(ChildError::Answer { h, taken }),
        }
    }
}

/// Reads what the pipe has, up to about `limit` bytes held, and says whether that left it empty.
fn read_available<L: ParentLink>(
    link: &mut L,
    reader: &mut GroupReader,
    limit: usize,
) -> Result<bool, ChildError> {
    let mut buf = vec![0; 64 << 10];
    while reader.buffered() < limit {
        match link.read_diffs(&mut buf).map_err(ChildError::Pipe)? {
            Got::Bytes(n) => reader.push(buf.get(..n).unwrap_or_default()),
            Got::Nothing => return Ok(true),
            Got::Closed => return Err(ChildError::ParentGone),
        }
    }
    Ok(false)
}
