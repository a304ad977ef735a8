//! What a switch to a rewritten file needs, and what belongs to it while it is under way.

use std::path::PathBuf;
use std::sync::Arc;

use super::cancel_flag::CancelFlag;
use super::residual::Residual;
use super::snapshot_file::SnapshotReport;
use super::switch_outcome::{OnDone, SwitchFailure, SwitchOutcome, SwitchStage};
use crate::format::header::Identity;
use crate::io::Fs;
use crate::log::file::LogFile;

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
    /// Residual to leave to the last step, normally [`EXCLUSIVE_BYTES`](super::switch::EXCLUSIVE_BYTES).
    pub exclusive_bytes: u64,
    /// By which the parent gives the switch up.
    pub cancel: Arc<CancelFlag>,
}

/// A switch under way. Dropping it ends it, wherever it stands: the residual is closed, a temporary that did
/// not get the live name is removed, and the outcome is told.
pub(super) struct Attempt {
    pub plan: SwitchPlan,
    pub outcome: Option<SwitchOutcome>,
    on_done: Option<OnDone>,
}

impl Attempt {
    pub fn new(plan: SwitchPlan, on_done: OnDone) -> Self {
        Self {
            plan,
            outcome: None,
            on_done: Some(on_done),
        }
    }
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

/// The new file, close to the present.
pub(super) struct Prepared {
    pub file: LogFile,
    /// Last seq that is on disk in the new file.
    pub synced_seq: u64,
    /// Payload bytes appended so far.
    pub residual_bytes: u64,
}
