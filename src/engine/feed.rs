//! Where sealed groups go beside the log: nowhere, to the child, or into the residual.

use std::sync::Arc;

use mylog_core::group::Group;
use mylog_core::rewrite::backlog::{Backlog, OverLimit};
use mylog_core::rewrite::residual::Residual;

use crate::settings::config;

/// Where sealed groups go beside the log. The bytes that are kept for the new log are limited, in each state.
#[derive(Debug, Default)]
pub(crate) enum Feed {
    /// No rewrite runs, or it has been given up.
    #[default]
    None,
    /// To the child, as fast as it reads them.
    Child(Backlog),
    /// The stream to the child has ended: the groups are kept for the switch to the new file.
    Residual(Arc<Residual>),
}

impl Feed {
    /// Takes a sealed group. After an error the rewrite is to be given up.
    pub(crate) fn push(&mut self, group: &Arc<Group>) -> Result<(), OverLimit> {
        let limit = config::backlog_limit();
        match self {
            Self::None => Ok(()),
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
        }
    }

    /// Bytes that are kept now, and the most that were.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        match self {
            Self::None => (0, 0),
            Self::Child(backlog) => (backlog.bytes(), backlog.peak()),
            Self::Residual(residual) => (residual.held_bytes(), residual.peak_bytes()),
        }
    }
}
