//! The outcome of a switch: its sizes and times, or where and why it failed.

use crate::log::file::{AppendError, Taint, errno};

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
