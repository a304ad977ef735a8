//! Going over to a rewritten file, the last step: on the writer's thread, between two appends. At every
//! instant one complete file has the live name. Before the rename any failure leaves the old file as it was.
//!
//! Orderings 1 to 4 stand in `residual.rs` and `switch.rs`.

use std::path::Path;
use std::thread;
use std::time::Instant;

use super::switch_outcome::{SwitchFailure, SwitchOutcome, SwitchReport, SwitchStage};
use super::switch_plan::{Attempt, Prepared};
use crate::io::FileId;
use crate::log::clock::Now;
use crate::log::file::{LogFile, TaintStage, errno};
use crate::log::names;
use crate::log::successor_slot::Successor;

/// A caught-up file on its way to the live name.
pub(super) struct NewFile {
    attempt: Attempt,
    prepared: Option<Prepared>,
}

impl NewFile {
    pub fn new(attempt: Attempt, prepared: Prepared) -> Self {
        Self {
            attempt,
            prepared: Some(prepared),
        }
    }

    /// Brings the file up to `dequeued_seq` and on disk.
    fn complete(&self, new: &mut Prepared, dequeued_seq: u64, now: Now) -> Result<(), SwitchFailure> {
        let plan = &self.attempt.plan;
        // Ordering 5. From here an abort comes too late. Otherwise the parent would remove the file, and
        // start the next rewrite, while this one renames it.
        if !plan.cancel.begin_exclusive() {
            return Err(SwitchFailure::new(
                SwitchStage::Cancelled,
                0,
                "the rewrite was aborted",
            ));
        }
        // Ordering 6. All that the writer ever dequeued goes into the new file, written to the old one or
        // kept because that failed; later groups wait in its queue. Less would lose what stands only in the
        // old file, more would be appended twice.
        let slice = plan.residual.take_through(dequeued_seq);
        new.file
            .append(slice.groups(), new.synced_seq)
            .map_err(|error| SwitchFailure::append(SwitchStage::Append, &error))?;
        new.residual_bytes += slice.bytes();
        if new.file.last_seq() != dequeued_seq {
            let detail = format!(
                "the residual ends at seq {}, not at {dequeued_seq}",
                new.file.last_seq()
            );
            return Err(SwitchFailure::new(SwitchStage::Append, 0, detail));
        }
        // It vouches for the slice before the sync: true by the time that anybody can load the file.
        new.file
            .vouch(dequeued_seq, now.wall_ms)
            .map_err(|error| SwitchFailure::append(SwitchStage::Append, &error))?;
        // Ordering 7. On disk before the rename: after a power cut the live name could otherwise lead to a
        // file with holes where the old one had acknowledged groups.
        new.file
            .sync()
            .map_err(|taint| SwitchFailure::taint(SwitchStage::Sync, &taint))
    }

    /// Gives the file the live name. The file comes back tainted, with the failure, if it may lose it again.
    fn rename(&self, file: &mut LogFile, old: FileId) -> Result<Option<SwitchFailure>, SwitchFailure> {
        let plan = &self.attempt.plan;
        let renamed = |error: std::io::Error| SwitchFailure::io(SwitchStage::Rename, &error);
        if plan.fs.file_id(&plan.temp).map_err(renamed)? != file.id() {
            let detail = format!("{} is another file now", plan.temp.display());
            return Err(SwitchFailure::new(SwitchStage::Rename, 0, detail));
        }
        // Ordering 8. The old file gets its further name before it loses the live one, or it would have none.
        self.keep_history()?;
        self.keep_foreign(old);
        if let Err(error) = plan.fs.rename(&plan.temp, &plan.live) {
            // Some failures come after the deed.
            if plan.fs.file_id(&plan.live).ok() != Some(file.id()) {
                self.forget_history();
                return Err(renamed(error));
            }
            file.set_taint(TaintStage::Folder, errno(&error));
            return Ok(Some(SwitchFailure::io(SwitchStage::Folder, &error)));
        }
        // Ordering 9. The name is on disk before `durable` passes the switch: groups acknowledged in the new
        // file alone would be lost with the name in a power cut.
        if let Err(error) = plan.fs.sync_dir(folder_of(&plan.live)) {
            file.set_taint(TaintStage::Folder, errno(&error));
            return Ok(Some(SwitchFailure::io(SwitchStage::Folder, &error)));
        }
        // Somebody else may have cut it since its sync.
        let cut = file.look().err();
        Ok(cut.map(|taint| SwitchFailure::taint(SwitchStage::Folder, &taint)))
    }

    fn keep_history(&self) -> Result<(), SwitchFailure> {
        let plan = &self.attempt.plan;
        let failed = |error: std::io::Error| SwitchFailure::io(SwitchStage::History, &error);
        let (Some(kept), Ok(live)) = (&plan.history, plan.fs.file_id(&plan.live)) else {
            // Without a live file, somebody took it away, there is nothing to keep.
            return Ok(());
        };
        match plan.fs.hard_link(&plan.live, kept) {
            // The link of an earlier attempt.
            Err(_) if plan.fs.file_id(kept).ok() == Some(live) => {}
            linked => linked.map_err(failed)?,
        }
        plan.fs.sync_dir(folder_of(kept)).map_err(|error| {
            self.forget_history();
            failed(error)
        })
    }

    /// A file that somebody put in the live one's place is none of ours to destroy. Where it can't be kept, on
    /// a file system without links, the log comes first: memory has what was acknowledged, that file has not.
    fn keep_foreign(&self, old: FileId) {
        let plan = &self.attempt.plan;
        if let Ok(found) = plan.fs.file_id(&plan.live) {
            if found != old {
                let kept = folder_of(&plan.live).join(names::replaced(found.ino));
                let _ = plan.fs.hard_link(&plan.live, &kept);
            }
        }
    }

    /// The old file stays the log: a further name would be a copy that goes on changing.
    fn forget_history(&self) {
        if let Some(kept) = &self.attempt.plan.history {
            let _ = self.attempt.plan.fs.remove(kept);
        }
    }
}

impl Successor for NewFile {
    fn publish(&mut self, dequeued_seq: u64, old: FileId, now: Now) -> Option<LogFile> {
        let began = Instant::now();
        let mut new = self.prepared.take()?;
        let result = self
            .complete(&mut new, dequeued_seq, now)
            .and_then(|()| self.rename(&mut new.file, old));
        self.attempt.outcome = Some(match &result {
            Ok(None) => SwitchOutcome::Switched(SwitchReport {
                exclusive_usec: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
                residual_bytes: new.residual_bytes,
                new_size: new.file.end(),
                base_size: self.attempt.plan.report.bytes,
                last_seq: new.file.last_seq(),
            }),
            Ok(Some(failure)) | Err(failure) => SwitchOutcome::Failed(failure.clone()),
        });
        result.is_ok().then_some(new.file)
    }

    fn conclude(self: Box<Self>, retired: Option<LogFile>) {
        // Ordering 10. The old file, or the temporary, is let go last and elsewhere: freeing the blocks of a
        // large file takes long, and every commit would wait for it. Without a thread it happens here.
        let _ = thread::Builder::new()
            .name("mylog-close".to_owned())
            .spawn(move || {
                drop(self);
                drop(retired);
            });
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
