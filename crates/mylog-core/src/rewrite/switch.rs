//! Going over to a rewritten file, the part beside the writer: checks the child's file and brings it close to
//! the present while the writer goes on with the old one, then hands it to the writer for the last step in
//! `successor.rs`. It must never touch the live name or the live file.
//!
//! The orderings of the switch, and what each prevents, are numbered through [`super::residual`] (1), this
//! file (2 to 4) and the last step (5 to 10).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use super::residual::{Residual, Slice};
use super::snapshot_file::SnapshotReport;
use super::successor::NewFile;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Kind};
use crate::format::header::{self, HEADER_BYTES, Identity};
use crate::format::snapshot_end::{SNAPSHOT_END_BYTES, SnapshotEnd};
use crate::io::os::block_size_signal;
use crate::io::{File, Fs};
use crate::log::file::{AppendError, LogFile, Taint, errno};
use crate::log::queue::{Job, JobQueue};

/// Residual that is normally left to the last step, during which the writer does nothing else.
pub const EXCLUSIVE_BYTES: u64 = 256 << 10;
/// What is synced at once while catching up. The live log's own syncs wait behind it on the same disk: with
/// all of a large residual in one sync, every acknowledgement would wait for all of it.
const SLICE_BYTES: u64 = 1 << 20;
/// Rounds of catching up. When writes come as fast as the disk takes them, more rounds gain nothing: the last
/// step is longer then, but bounded by the limit of the backlog.
const MAX_ROUNDS: u32 = 32;

/// A finished child and what it takes to go over to its file.
pub struct SwitchPlan {
    /// The door to the disk.
    pub fs: Arc<dyn Fs>,
    /// Path of the child's file.
    pub temp: PathBuf,
    /// Path of the live name, in the same folder.
    pub live: PathBuf,
    /// Name under which the old file is kept, if it is.
    pub history: Option<PathBuf>,
    /// Identity that the child's file was to have.
    pub identity: Identity,
    /// This server start.
    pub run: u64,
    /// What the child reported; `base_seq` is the `H` that the parent told it.
    pub report: SnapshotReport,
    /// The groups after `H`, to which the event loop adds.
    pub residual: Arc<Residual>,
    /// Residual to leave to the last step, normally [`EXCLUSIVE_BYTES`].
    pub exclusive_bytes: u64,
    /// By which the parent gives the switch up.
    pub cancel: Arc<CancelFlag>,
}

/// Hears how a switch ended, on a thread of its own.
pub type OnDone = Box<dyn FnOnce(SwitchOutcome) + Send>;

/// How a switch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchOutcome {
    /// The new file is the log.
    Switched(SwitchReport),
    /// The old file is the log as before, and the temporary is removed; but see [`SwitchStage::Folder`].
    Failed(SwitchFailure),
}

/// Sizes and times of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchReport {
    /// How long the writer did nothing else.
    pub exclusive_usec: u64,
    /// Payload bytes that came after the child's last group.
    pub residual_bytes: u64,
    /// Size of the new file.
    pub new_size: u64,
    /// Size of its header and snapshot section: what growth is measured against.
    pub base_size: u64,
    /// Last seq in it.
    pub last_seq: u64,
}

/// Where a switch failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchStage {
    /// Opening the child's file.
    Open,
    /// It is not what the child reported.
    Verify,
    /// Appending the residual while the writer went on.
    CatchUp,
    /// The parent gave it up.
    Cancelled,
    /// Appending the last of the residual.
    Append,
    /// Syncing the new file.
    Sync,
    /// Keeping the old file under its name in the history.
    History,
    /// The rename.
    Rename,
    /// The new file has the live name, but not durably: the log is tainted, and another rewrite heals it.
    Folder,
    /// The writer had stopped, or no thread could be started.
    Abandoned,
}

/// Why a switch failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the switch to the rewritten log failed ({stage:?}): {detail}")]
pub struct SwitchFailure {
    /// Where.
    pub stage: SwitchStage,
    /// The errno, 0 if there was none.
    pub errno: i32,
    /// One sentence.
    pub detail: String,
}

impl SwitchFailure {
    pub(super) fn new(stage: SwitchStage, errno: i32, detail: impl Into<String>) -> Self {
        Self {
            stage,
            errno,
            detail: detail.into(),
        }
    }

    pub(super) fn io(stage: SwitchStage, error: &std::io::Error) -> Self {
        Self::new(stage, errno(error), error.to_string())
    }

    pub(super) fn append(stage: SwitchStage, error: &AppendError) -> Self {
        let errno = match error {
            AppendError::CutBack { source, .. } => errno(source),
            AppendError::Tainted(taint) => taint.errno,
            AppendError::Gap { .. } => 0,
        };
        Self::new(stage, errno, error.to_string())
    }

    pub(super) fn taint(stage: SwitchStage, taint: &Taint) -> Self {
        Self::new(stage, taint.errno, taint.to_string())
    }
}

const OPEN: u8 = 0;
const CANCELLED: u8 = 1;
const EXCLUSIVE: u8 = 2;

/// Says whether the switch may still be given up.
#[derive(Debug, Default)]
pub struct CancelFlag(AtomicU8);

impl CancelFlag {
    /// Gives the switch up. False if it is too late: the last step has begun, and its outcome will come.
    pub fn cancel(&self) -> bool {
        self.leave_open(CANCELLED) || self.is_cancelled()
    }

    /// True once it is given up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) == CANCELLED
    }

    /// Begins the last step; false if it was given up.
    pub(super) fn begin_exclusive(&self) -> bool {
        self.leave_open(EXCLUSIVE)
    }

    fn leave_open(&self, to: u8) -> bool {
        self.0
            .compare_exchange(OPEN, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// A switch under way. Dropping it ends it, wherever it stands: the residual is closed, a temporary that did
/// not get the live name is removed, and the outcome is told.
pub(super) struct Attempt {
    pub plan: SwitchPlan,
    pub outcome: Option<SwitchOutcome>,
    on_done: Option<OnDone>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.plan.residual.close();
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let why = "the writer had stopped, or no thread could be started";
            SwitchOutcome::Failed(SwitchFailure::new(SwitchStage::Abandoned, 0, why))
        });
        if let SwitchOutcome::Failed(failure) = &outcome {
            if failure.stage != SwitchStage::Folder {
                // Left over, it costs space until the next start sweeps it.
                let _ = self.plan.fs.remove(&self.plan.temp);
            }
        }
        if let Some(on_done) = self.on_done.take() {
            on_done(outcome);
        }
    }
}

/// Starts the switch on a thread of its own, `mylog-catchup`. The outcome always comes, by `on_done`.
pub fn start(plan: SwitchPlan, queue: Arc<JobQueue>, on_done: OnDone) {
    let attempt = Attempt {
        plan,
        outcome: None,
        on_done: Some(on_done),
    };
    // Without a thread the closure is dropped, and with it the attempt, which tells so.
    let _ = thread::Builder::new()
        .name("mylog-catchup".to_owned())
        .spawn(move || {
            block_size_signal();
            run(attempt, &queue);
        });
}

/// As [`start`], on this thread; the last step is left in the writer's queue.
pub fn catch_up(plan: SwitchPlan, queue: &JobQueue, on_done: OnDone) {
    run(
        Attempt {
            plan,
            outcome: None,
            on_done: Some(on_done),
        },
        queue,
    );
}

fn run(mut attempt: Attempt, queue: &JobQueue) {
    match prepare(&attempt.plan, queue) {
        Ok(prepared) => {
            // A writer that has stopped drops the job, and with it the attempt.
            queue.push(Job::Switch(Box::new(NewFile::new(attempt, prepared))));
        }
        Err(failure) => attempt.outcome = Some(SwitchOutcome::Failed(failure)),
    }
}

/// The new file, close to the present.
pub(super) struct Prepared {
    pub file: LogFile,
    /// Last seq that is on disk in the new file.
    pub synced_seq: u64,
    /// Payload bytes appended so far.
    pub residual_bytes: u64,
}

fn prepare(plan: &SwitchPlan, queue: &JobQueue) -> Result<Prepared, SwitchFailure> {
    let mut file = open_child_file(plan)?;
    // Ordering 2. A frame vouches for what is on disk in *this* file, never for the live log's `durable_seq`:
    // that may be ahead of what was caught up, and the file would claim seqs that it does not hold.
    // The child synced the section before it reported.
    let mut synced_seq = file.last_seq();
    let mut residual_bytes = 0;
    let mut rounds = 0;
    while plan.residual.waiting_bytes() >= plan.exclusive_bytes && rounds < MAX_ROUNDS {
        rounds += 1;
        // Ordering 3. Only what was submitted to the writer is taken. A group taken earlier could stand in
        // the new file while the switch overtakes it in the writer's queue, and then be appended again.
        let queued = queue.watermarks().queued();
        loop {
            let slice = plan.residual.take(queued, SLICE_BYTES);
            if slice.groups().is_empty() {
                break;
            }
            append_slice(plan, &mut file, &slice, synced_seq)?;
            synced_seq = file.last_seq();
            residual_bytes += slice.bytes();
        }
    }
    Ok(Prepared {
        file,
        synced_seq,
        residual_bytes,
    })
}

fn append_slice(
    plan: &SwitchPlan,
    file: &mut LogFile,
    slice: &Slice,
    synced_seq: u64,
) -> Result<(), SwitchFailure> {
    if plan.cancel.is_cancelled() {
        let why = "the rewrite was aborted";
        return Err(SwitchFailure::new(SwitchStage::Cancelled, 0, why));
    }
    file.append(slice.groups(), synced_seq)
        .map_err(|error| SwitchFailure::append(SwitchStage::CatchUp, &error))?;
    // Ordering 4. Synced here, so that the sync of the last step, for which all commits wait, is short.
    file.sync()
        .map_err(|taint| SwitchFailure::taint(SwitchStage::CatchUp, &taint))
}

/// Opens the child's file and makes sure that it is the one of the report, whole.
fn open_child_file(plan: &SwitchPlan) -> Result<LogFile, SwitchFailure> {
    let opened = |error| SwitchFailure::io(SwitchStage::Open, &error);
    let report = &plan.report;
    let file = plan.fs.open(&plan.temp).map_err(opened)?;
    let (id, len) = (file.id().map_err(opened)?, file.len().map_err(opened)?);
    let wrong = |what: &str| {
        let detail = format!("{}: {what}; the rewrite has to be repeated", plan.temp.display());
        SwitchFailure::new(SwitchStage::Verify, 0, detail)
    };
    if id != report.file_id || len != report.bytes {
        return Err(wrong(
            "is not the file that the child reported, or not of that size",
        ));
    }
    let head = read_exactly(file.as_ref(), 0, HEADER_BYTES).map_err(opened)?;
    if header::decode(&head).ok() != Some(plan.identity) {
        return Err(wrong("does not have the identity of this rewrite"));
    }
    let end_bytes = FRAME_HEADER_BYTES + SNAPSHOT_END_BYTES;
    let at = len
        .checked_sub(end_bytes as u64)
        .ok_or_else(|| wrong("is too short for an end record"))?;
    let tail = read_exactly(file.as_ref(), at, end_bytes).map_err(opened)?;
    let end = decode_end(&tail, plan).ok_or_else(|| wrong("does not end with a snapshot's end record"))?;
    if (end.base_seq, end.records, end.bytes) != (report.base_seq, report.records, at) {
        return Err(wrong("its end record is not what the child reported"));
    }
    LogFile::new(file, plan.identity, plan.run, len, report.base_seq + 1).map_err(opened)
}

fn decode_end(tail: &[u8], plan: &SwitchPlan) -> Option<SnapshotEnd> {
    let frame = FrameHeader::decode(tail, plan.identity.seed()).ok()?;
    let payload = tail.get(FRAME_HEADER_BYTES..)?;
    let whole = frame.kind == Kind::SnapshotEnd
        && frame.run == plan.run
        && frame.payload_len as usize == payload.len()
        && frame.payload_crc == crc32c::crc32c(payload);
    if whole { SnapshotEnd::decode(payload) } else { None }
}

fn read_exactly(file: &dyn File, at: u64, len: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + have as u64)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => have += n,
        }
    }
    Ok(bytes)
}
