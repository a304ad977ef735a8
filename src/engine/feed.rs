//! Where sealed groups go beside the log: nowhere, to the child, or into the residual.

use std::sync::Arc;

use mylog_core::group::Group;
use mylog_core::rewrite::backlog::{Backlog, OverLimit};
use mylog_core::rewrite::residual::Residual;

use crate::settings::config;

/// Why a rewrite is to be given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// More waits for the new log than may.
    OverLimit(OverLimit),
    /// Whole databases were flushed or swapped, or the store is another one: a child can't follow that.
    StoreReplaced,
}

/// Where sealed groups go beside the log. The bytes that are kept for the new log are limited, in each state.
#[derive(Debug, Default)]
pub(crate) enum Feed {
    /// No rewrite runs, or it has been given up.
    #[default]
    None,
    /// To the child, as fast as it reads them.
    Child(Backlog),
    /// To no child any more: the child can't follow the store. The backlog is what it had not taken by then.
    CutOff(Backlog),
    /// The stream to the child has ended: the groups are kept for the switch to the new file.
    Residual(Arc<Residual>),
}

impl Feed {
    /// Takes a sealed group. After an error the rewrite is to be given up.
    pub(super) fn push(&mut self, group: &Arc<Group>) -> Result<(), GiveUp> {
        let limit = config::backlog_limit();
        let pushed = match self {
            Self::None | Self::CutOff(_) => Ok(()),
            Self::Child(backlog) => backlog.push(Arc::clone(group), limit),
            Self::Residual(residual) => {
                residual.push(Arc::clone(group));
                let bytes = residual.held_bytes();
                if bytes > limit {
                    Err(OverLimit { bytes, limit })
                } else {
                    Ok(())
                }
            }
        };
        pushed.map_err(GiveUp::OverLimit)
    }

    /// The child can't follow the store any more: it gets no group after this, that being built included. An error means that
    /// the rewrite is to be given up. A residual goes on, since a switch that has begun appends it to a whole log.
    pub(super) fn cut_off(&mut self) -> Result<(), GiveUp> {
        *self = match std::mem::take(self) {
            Self::None => return Ok(()),
            Self::Child(backlog) => Self::CutOff(backlog),
            other => other,
        };
        Err(GiveUp::StoreReplaced)
    }

    /// Bytes that are kept now, and the most that were.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        match self {
            Self::None => (0, 0),
            Self::Child(backlog) | Self::CutOff(backlog) => (backlog.bytes(), backlog.peak()),
            Self::Residual(residual) => (residual.held_bytes(), residual.peak_bytes()),
        }
    }
}
