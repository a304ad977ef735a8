//! Going over to a rewritten file, the part beside the writer: checks the child's file and brings it close to
//! the present while the writer goes on with the old one, then hands it to the writer for the last step in
//! `successor.rs`. It must never touch the live name or the live file.
//!
//! The orderings of the switch, and what each prevents, are numbered through [`super::residual`] (1), this
//! file (2 to 4) and the last step (5 to 10).

use std::sync::Arc;
use std::thread;

use super::residual::Slice;
use super::successor::NewFile;
use super::switch_outcome::{OnDone, SwitchFailure, SwitchOutcome, SwitchStage};
use super::switch_plan::{Attempt, Prepared, SwitchPlan};
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Kind};
use crate::format::header::{self, HEADER_BYTES};
use crate::format::snapshot_end::{SNAPSHOT_END_BYTES, SnapshotEnd};
use crate::io::File;
use crate::io::os::block_size_signal;
use crate::log::file::LogFile;
use crate::log::queue::{Job, JobQueue};

/// Residual that is normally left to the last step, during which the writer does nothing else.
pub const EXCLUSIVE_BYTES: u64 = 256 << 10;
/// What is synced at once while catching up. The live log's own syncs wait behind it on the same disk: with
/// all of a large residual in one sync, every acknowledgement would wait for all of it.
const SLICE_BYTES: u64 = 1 << 20;
/// Rounds of catching up. When writes come as fast as the disk takes them, more rounds gain nothing: the last
/// step is longer then, but bounded by the limit of the backlog.
const MAX_ROUNDS: u32 = 32;

/// Starts the switch on a thread of its own, `mylog-catchup`. The outcome always comes, by `on_done`.
pub fn start(plan: SwitchPlan, queue: Arc<JobQueue>, on_done: OnDone) {
    let attempt = Attempt::new(plan, on_done);
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
    run(Attempt::new(plan, on_done), queue);
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
