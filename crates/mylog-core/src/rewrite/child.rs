//! The child: writes its copy of the store while it applies the diffs to that copy, so that the result is
//! compact as of the end of the rewrite. The handshake is that of Redis 3.0 to 6.2.
//!
//! It takes no lock, gives no large value back, and never renames: it leaves a finished file or none.

mod entries;

use std::io;
use std::time::Duration;

use super::delta::Deltas;
use super::dirty::Dirty;
use super::entry_records::Sizes;
use super::pauses::{Pauses, QUIET_BYTES};
use super::rounds::Rounds;
use super::snapshot_file::{SnapshotError, SnapshotFile, SnapshotReport};
use super::wire::{GroupReader, Report, WireError};
use crate::effect::{BadRecord, Change, Db, Effect, decode_records};
use crate::group::Group;
use crate::store::{ApplyError, Store};

/// Empty slots walked between two looks at the data pipe.
const DRAIN_EVERY_SLOTS: u32 = 4096;
/// Taken of the stream between two looks at the clock.
const DRAIN_STEP_BYTES: usize = 128 << 10;
/// A look at the data pipe takes no longer than this times what was done since the last one, however much comes: a
/// parent that sends as fast as its groups are applied here would leave nothing for the walk, and a rewrite of a second
/// would take minutes. What is not taken waits in the parent, which bounds it (`mylog.rewrite-backlog-limit`). The
/// larger this is, the less waits there as long as the child can keep pace at all.
const DRAIN_SHARE: u32 = 3;
/// Where there is nothing else to do, a look ends after this.
const DRAIN_LONGEST: Duration = Duration::from_millis(100);
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
    /// Lets others have the processor; returns at once if nobody waits for it.
    fn pause(&mut self);
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
    /// Slots below it are written: an effect on one of their entries makes it dirty, one on any other
    /// entry is absorbed without a trace.
    cursor: u32,
    /// What the file lacks of what is below `cursor`.
    dirty: Dirty,
    /// What the file lacks of the large values that it has. Of a dirty entry with one only that is written.
    deltas: Deltas,
    sizes: Sizes,
    entries: u64,
    absorbed: u64,
    emitted: u64,
    rounds: Rounds,
    pauses: Pauses,
    /// Bytes of records given to `out`, and as many of them at the last look at the pipe.
    produced: u64,
    drained_at: u64,
    /// When that look ended.
    drained_when: Duration,
    /// The parent has answered and all up to `H` is applied: the pipe is not looked at any more.
    stream_ended: bool,
}

impl<'a, L: ParentLink> Child<'a, L> {
    /// A child whose `store` is the state as of `fork_seq` and which writes to `out`.
    pub fn new(store: &'a mut Store, fork_seq: u64, link: L, out: SnapshotFile) -> Self {
        store.append_only();
        let now = link.now();
        Self {
            store,
            link,
            out,
            reader: GroupReader::new(fork_seq + 1),
            cursor: 0,
            dirty: Dirty::default(),
            deltas: Deltas::default(),
            sizes: Sizes::default(),
            entries: 0,
            absorbed: 0,
            emitted: 0,
            rounds: Rounds::default(),
            pauses: Pauses::new(now),
            produced: 0,
            drained_at: 0,
            drained_when: now,
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
            // Before it is: what changes of a large one while it is written is behind the walk.
            self.cursor += 1;
            self.entries += u64::from(self.store.at_slot(slot).is_some());
            self.write_slot(slot)?;
        }
        Ok(())
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

    /// Writes the present contents of all that is dirty now. What becomes so meanwhile is left.
    fn write_dirty(&mut self) -> Result<(), ChildError> {
        let (slots, gone) = std::mem::take(&mut self.dirty).into_parts();
        for slot in slots {
            self.look_at_pipe()?;
            // It may have changed again since this round began. This writes the newest contents.
            self.dirty.unmark(slot);
            if self.store.at_slot(slot).is_some() {
                self.write_again(slot)?;
            }
        }
        for name in gone {
            self.look_at_pipe()?;
            match self.store.find(name.0, &name.1) {
                // The walk will come to it and replace what the file has.
                Some(id) if id.slot >= self.cursor => self.dirty.lose(name.0, &name.1),
                // It is dirty as an entry, or was.
                Some(_) => {}
                None => {
                    let mut record = Vec::new();
                    let (db, key) = (name.0, &*name.1);
                    Change::Del.of(db, key).encode(&mut record);
                    self.dirty.told(&name);
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

    /// About how many bytes it takes to write what is dirty.
    fn dirty_bytes(&self) -> u64 {
        let entries = self.dirty.slots().filter_map(|slot| {
            let entry = self.store.at_slot(slot)?;
            let delta = self.deltas.pending_bytes(slot, entry);
            Some(delta.unwrap_or(entry.live_bytes() as u64))
        });
        let names = self.dirty.gone().map(|(_, key)| key.len() as u64);
        entries.sum::<u64>() + names.sum::<u64>()
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

    /// Between two pieces of the child's own work: takes of the data pipe what that leaves time for, and pauses if
    /// nothing is urgent.
    fn drain(&mut self) -> Result<(), ChildError> {
        let worked = self.link.now().saturating_sub(self.drained_when);
        let before = self.reader.received();
        let empty = self.drain_for(worked * DRAIN_SHARE)?;
        let now = self.link.now();
        self.pauses.looked(now, self.reader.received() - before, empty);
        // After the stream's end the parent keeps all that it writes until this is done.
        if !self.stream_ended && self.pauses.may(now) {
            self.link.pause();
            self.drained_when = self.link.now();
            self.pauses.paused(now, self.drained_when);
        }
        Ok(())
    }

    /// Takes what the data pipe has, and applies all groups that are whole, for about this time; says whether the
    /// pipe was seen empty. It ends even if the parent fills the pipe as fast as it is emptied.
    fn drain_for(&mut self, longest: Duration) -> Result<bool, ChildError> {
        self.drained_at = self.produced;
        let end = self.store.slots_end().max(1);
        self.link
            .progress(f64::from(self.cursor.min(end)) / f64::from(end));
        if self.stream_ended {
            return Ok(true);
        }
        let until = self.link.now() + longest;
        loop {
            // A group may be larger than a step: always take more than what is held.
            let limit = self.reader.buffered() + DRAIN_STEP_BYTES;
            let empty = read_available(&mut self.link, &mut self.reader, limit)?;
            while let Some(group) = self.reader.next_group()? {
                self.apply(&group)?;
            }
            self.drained_when = self.link.now();
            if empty || self.drained_when >= until {
                return Ok(empty);
            }
        }
    }

    fn apply(&mut self, group: &Group) -> Result<(), ChildError> {
        decode_records(group.payload(), group.count(), |_, effect| {
            let names = effect.keys();
            let before = names.map(|name| name.is_some_and(|name| self.written(name, &effect)));
            self.store.apply(&effect)?;
            for (name, before) in names.into_iter().zip(before) {
                let Some((db, key)) = name else { continue };
                match self.store.find(db, key) {
                    Some(id) if id.slot < self.cursor => self.dirty.mark(id.slot),
                    _ if before => self.dirty.lose(db, key),
                    _ => {}
                }
            }
            // Giving a large value back would copy all its pages; the child ends soon.
            self.store.take_discarded().into_iter().for_each(std::mem::forget);
            self.absorbed += 1;
            Ok(())
        })
    }

    /// True if the walk has written the entry of this name, which an effect is going to change.
    fn written(&mut self, (db, key): (Db, &[u8]), effect: &Effect<'_>) -> bool {
        let Some(id) = self.store.find(db, key) else {
            return false;
        };
        // The effect looks for it as well, and so does who looks what has become of it.
        self.store.guess(id);
        let written = id.slot < self.cursor;
        if let Some(entry) = self.store.at_slot(id.slot).filter(|_| written) {
            self.deltas.touch(id.slot, effect, entry);
        }
        written
    }

    /// Drains until little comes any more, or the deadline. One look at an empty pipe says nothing: a parent
    /// with a long backlog fills the pipe slower than it is emptied here, and what it has not sent by the end
    /// of the stream goes into the file as it is.
    fn drain_until_quiet(&mut self) -> Result<(), ChildError> {
        let deadline = self.link.now() + QUIET_DEADLINE;
        loop {
            let before = self.reader.received();
            self.link.nap().map_err(ChildError::Pipe)?;
            let empty = self.drain_for(DRAIN_LONGEST)?;
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
            self.drain_for(DRAIN_LONGEST)?;
            match self.link.answer().map_err(ChildError::Pipe)? {
                Some(h) => break h,
                None => self.link.wait().map_err(ChildError::Pipe)?,
            }
        };
        // Everything up to H was in the pipe before the answer was. What is beyond H is a part of a group.
        while self.reader.taken() < h && !self.drain_for(DRAIN_LONGEST)? {}
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
