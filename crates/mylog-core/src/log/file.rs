//! The live file as its one writer sees it: where the last whole group ends, which seq comes next, and
//! whether the file may still be trusted. It decides what a failed write or sync, and a stranger's hand, mean for
//! the file. It must never write behind bytes it could not cut off, nor touch a file whose sync has failed.

use std::io;
use std::sync::Arc;

use nix::errno::Errno;

use super::frame_batch::{Contents, FrameBatch, Interrupted, Stamp};
use super::witness::{self, Foul, Mark};
use crate::format::frame::Kind;
use crate::format::header::Identity;
use crate::group::Group;
use crate::io::{File, FileId};

/// What made a file untrustworthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaintStage {
    /// A write failed with EIO: the device is in trouble, what it says next is not believed.
    Write,
    /// The bytes of a failed write could not be cut off.
    CutBack,
    /// A sync failed. The kernel may have marked the lost pages clean, so a later success proves nothing.
    Fsync,
    /// The rename to the live name could not be made durable: after a power cut either file may have it.
    Folder,
    /// A group did not follow on the one before it, so that the log would have a hole.
    Sequence,
    /// Somebody else has cut the file or written to it: it has this length.
    Length(u64),
    /// Somebody else has cut the file, and what was written behind the cut left a hole.
    Hole,
}

impl From<Foul> for TaintStage {
    fn from(foul: Foul) -> Self {
        match foul {
            Foul::Length(found) => Self::Length(found),
            Foul::Contents => Self::Hole,
        }
    }
}

/// Why a file is never written or synced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: a rewrite into a new file heals it", self.what())]
pub struct Taint {
    /// What failed.
    pub stage: TaintStage,
    /// Its errno, 0 if there was none.
    pub errno: i32,
    /// End of the last whole group.
    pub offset: u64,
    /// The seq that would have come next.
    pub next_seq: u64,
}

impl Taint {
    fn what(&self) -> String {
        let Self {
            stage,
            errno,
            offset,
            next_seq,
        } = self;
        match stage {
            TaintStage::Length(found) => format!(
                "somebody else has cut the log or written to it: it has {found} bytes and should have {offset}, up to \
                 seq {}",
                next_seq.saturating_sub(1)
            ),
            TaintStage::Hole => {
                format!("somebody else has cut the log in place: what stood before offset {offset} is gone")
            }
            stage => {
                format!("the log is tainted at offset {offset}, seq {next_seq} ({stage:?}, errno {errno})")
            }
        }
    }
}

/// Why an append did not happen, or not as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The write failed and the file was cut back to its last whole group. Nothing is lost: the groups that
    /// are not in the file can be appended later.
    #[error("writing the log failed and was cut back to offset {offset}, next seq {next_seq}: {source}")]
    CutBack {
        /// How many of the groups are in the file.
        kept: usize,
        /// End of the last whole group.
        offset: u64,
        /// Seq that comes next.
        next_seq: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The file must not be used any more.
    #[error(transparent)]
    Tainted(#[from] Taint),
    /// The groups do not follow on what the file holds. Nothing was written.
    #[error("a group with seq {got} was to be appended where seq {want} comes next; nothing was written")]
    Gap {
        /// Next seq of the file.
        want: u64,
        /// First seq of the group.
        got: u64,
    },
}

/// The errno of an I/O error; 0 if it has none.
pub fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// A log file open for appending.
pub struct LogFile {
    file: Box<dyn File>,
    id: FileId,
    identity: Identity,
    seed: u32,
    run: u64,
    /// End of the last whole group. No byte stands behind it unless `taint` is set.
    end: u64,
    /// Seq of the first record of the group that will stand at `end`.
    next_seq: u64,
    /// Highest `durable_seq` that a frame of the file carries; `< next_seq`.
    vouched: u64,
    /// The Run frame of this start is not in the file: nothing else may be appended before it.
    run_due: bool,
    /// Set once, never cleared: the file's contents are in doubt.
    taint: Option<Taint>,
    /// What was written last before `end`, if anything can stand for it.
    mark: Option<Mark>,
}

impl LogFile {
    /// Takes over an open file whose last whole frame ends at `end`, before which `next_seq - 1` is the last
    /// seq. Whoever opened it has cut off what stood behind `end`, a seal too, and synced the rest.
    pub fn new(
        file: Box<dyn File>,
        identity: Identity,
        run: u64,
        end: u64,
        next_seq: u64,
    ) -> io::Result<Self> {
        let id = file.id()?;
        let seed = identity.seed();
        let mark = Mark::read(file.as_ref(), end)?;
        Ok(Self {
            file,
            id,
            identity,
            seed,
            run,
            end,
            next_seq,
            vouched: 0,
            run_due: false,
            taint: None,
            mark,
        })
    }

    /// Which log, and which rewrite of it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The server start that writes.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// End of the last whole group: the size of the file.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Seq of the first record to come.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Seq of the last record in the file, or before its first.
    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// Highest seq that a frame of this file vouches for.
    pub fn vouched_seq(&self) -> u64 {
        self.vouched
    }

    /// Why the file must not be used any more, if so.
    pub fn taint(&self) -> Option<Taint> {
        self.taint
    }

    /// Which file this is, whatever its name is by now.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// False if no name leads to the file any more; true also if that can't be told.
    pub fn may_have_name(&self) -> bool {
        self.file.has_name().unwrap_or(true)
    }

    /// Appends groups behind each other in as few writes as the system allows and says how many bytes they
    /// took. `durable_seq` is the highest seq whose sync has returned.
    pub fn append(&mut self, groups: &[Arc<Group>], durable_seq: u64) -> Result<u64, AppendError> {
        self.check_sequence(groups)?;
        let mut batch = FrameBatch::new(self.stamp(durable_seq), groups.len());
        let mut ends = Vec::with_capacity(groups.len());
        for group in groups {
            batch.push(&Contents {
                kind: Kind::Data,
                seq: group.first_seq(),
                count: group.count(),
                wall_ms: group.wall_ms(),
                payload: group.payload(),
                payload_crc: group.payload_crc(),
            });
            ends.push((self.end + batch.bytes(), group.last_seq() + 1));
        }
        self.write(&batch, &ends, durable_seq)
    }

    /// Appends the frame that begins a server start: frames of another run no longer belong to the log.
    /// After a [`AppendError::CutBack`] it is still due, and the writer tries it again.
    pub fn begin_run(&mut self, run: u64, durable_seq: u64, wall_ms: u64) -> Result<u64, AppendError> {
        self.run = run;
        self.run_due = true;
        let begun = self.append_mark(Kind::Run, durable_seq, wall_ms);
        self.run_due = begun.is_err();
        begun
    }

    /// True while the frame of [`LogFile::begin_run`] could not be written.
    pub fn run_is_due(&self) -> bool {
        self.run_due
    }

    /// Appends an empty frame, so that damage to the last group can be told from a torn tail.
    pub fn vouch(&mut self, durable_seq: u64, wall_ms: u64) -> Result<u64, AppendError> {
        self.append_mark(Kind::Data, durable_seq, wall_ms)
    }

    /// Appends the mark of a clean stop. Everything before it must have been synced.
    pub fn seal(&mut self, wall_ms: u64) -> Result<u64, AppendError> {
        self.append_mark(Kind::Seal, self.last_seq(), wall_ms)
    }

    /// Makes what was appended durable. After a failure the file is tainted.
    pub fn sync(&mut self) -> Result<(), Taint> {
        if let Some(taint) = self.taint {
            return Err(taint);
        }
        self.file
            .sync_data()
            .map_err(|source| self.set_taint(TaintStage::Fsync, errno(&source)))?;
        // Last: what was cut off before this is not on disk, whatever the sync says.
        self.look()
    }

    /// Another handle of the file, by which another thread may sync what was appended.
    pub(crate) fn second(&self) -> io::Result<Box<dyn File>> {
        self.file.second()
    }

    /// Looks whether somebody else has cut the file or written to it, which taints it.
    pub fn look(&mut self) -> Result<(), Taint> {
        if let Some(taint) = self.taint {
            return Err(taint);
        }
        witness::look(self.file.as_ref(), self.end, self.mark).map_err(|foul| self.set_taint(foul.into(), 0))
    }

    /// Gives the file up: nothing is written to it or synced any more.
    pub fn set_taint(&mut self, stage: TaintStage, errno: i32) -> Taint {
        let taint = Taint {
            stage,
            errno,
            offset: self.end,
            next_seq: self.next_seq,
        };
        *self.taint.get_or_insert(taint)
    }

    fn stamp(&self, durable_seq: u64) -> Stamp {
        debug_assert!(
            durable_seq < self.next_seq,
            "a frame can't vouch for what comes after it"
        );
        Stamp {
            seed: self.seed,
            run: self.run,
            durable_seq,
        }
    }

    fn check_sequence(&self, groups: &[Arc<Group>]) -> Result<(), AppendError> {
        let mut want = self.next_seq;
        for group in groups {
            if group.first_seq() != want {
                return Err(AppendError::Gap {
                    want,
                    got: group.first_seq(),
                });
            }
            want = group.last_seq() + 1;
        }
        Ok(())
    }

    fn append_mark(&mut self, kind: Kind, durable_seq: u64, wall_ms: u64) -> Result<u64, AppendError> {
        let mut batch = FrameBatch::new(self.stamp(durable_seq), 1);
        batch.push(&Contents::mark(kind, self.next_seq, wall_ms));
        let end = self.end + batch.bytes();
        self.write(&batch, &[(end, self.next_seq)], durable_seq)
    }

    /// `ends` holds, for each group of the batch, where it ends and the seq that follows it.
    fn write(
        &mut self,
        batch: &FrameBatch<'_>,
        ends: &[(u64, u64)],
        durable_seq: u64,
    ) -> Result<u64, AppendError> {
        if let Some(taint) = self.taint {
            return Err(taint.into());
        }
        match batch.write(self.file.as_mut(), self.end) {
            Ok(()) => {
                // After the write, with the mark from before it: a file that was cut since the last look has a
                // hole now. A look before the write would leave a moment between the two.
                witness::look(self.file.as_ref(), self.end + batch.bytes(), self.mark)
                    .map_err(|foul| self.set_taint(foul.into(), 0))?;
                self.mark = batch.mark(self.end).or(self.mark);
                self.advance(ends, durable_seq);
                Ok(batch.bytes())
            }
            Err(interrupted) => Err(self.cut_back(interrupted, ends, durable_seq)),
        }
    }

    fn advance(&mut self, ends: &[(u64, u64)], durable_seq: u64) {
        if let Some(&(end, next_seq)) = ends.last() {
            self.end = end;
            self.next_seq = next_seq;
            self.vouched = self.vouched.max(durable_seq);
        }
    }

    /// Keeps the groups that are whole and removes the rest: a half group would end the log at the next
    /// start, with everything appended behind it.
    fn cut_back(&mut self, failed: Interrupted, ends: &[(u64, u64)], durable_seq: u64) -> AppendError {
        // Before the truncation: it would make a file that somebody else has cut as long as it should be.
        let found = self.file.len();
        if let Some(len) = found.ok().filter(|len| *len < failed.reached) {
            return self.set_taint(TaintStage::Length(len), 0).into();
        }
        if witness::look_at_mark(self.file.as_ref(), self.mark).is_err() {
            return self.set_taint(TaintStage::Hole, 0).into();
        }
        let kept = ends.iter().take_while(|(end, _)| *end <= failed.reached).count();
        self.advance(ends.get(..kept).unwrap_or_default(), durable_seq);
        if kept > 0 {
            let mark = Mark::read(self.file.as_ref(), self.end);
            self.mark = mark.ok().flatten().or(self.mark);
        }
        if let Err(source) = self.file.truncate(self.end) {
            return self.set_taint(TaintStage::CutBack, errno(&source)).into();
        }
        if failed.source.raw_os_error() == Some(Errno::EIO as i32) {
            return self.set_taint(TaintStage::Write, Errno::EIO as i32).into();
        }
        AppendError::CutBack {
            kept,
            offset: self.end,
            next_seq: self.next_seq,
            source: failed.source,
        }
    }
}
