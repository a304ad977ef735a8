//! The log's time: steady ms for ages and deadlines, Unix ms for what is written into frames. The writer's
//! decisions get the time as a value, so that they can be tested without waiting.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Steady ms, never 0, never going back.
    pub steady_ms: u64,
    /// Unix ms.
    pub wall_ms: u64,
}

/// Reads the system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock {
    /// Steady ms since the clock was made, counted from 1: 0 means "none" in the watermarks.
    pub fn steady_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    /// Both times.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|since| since.as_millis());
        let wall_ms = wall.ok().and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
        Now {
            steady_ms: self.steady_ms(),
            wall_ms,
        }
    }
}
