//! The records of a log, as the check sees them: decoded and applied as the server does at its start, so that a
//! log that passes is one that loads.

use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::log::damage::BadRecords;
use mylog_core::log::replay::Replay;
use mylog_core::store::{Bounds, Store};

/// Takes the records in order.
pub struct Records {
    /// The state after the records so far.
    store: Store,
    bounds: Bounds,
}

/// The end record counts other keys than the records make.
#[derive(Debug)]
struct Keys {
    told: u64,
    made: u64,
}

impl std::error::Error for Keys {}

impl std::fmt::Display for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the end record counts {} keys, the records make {}",
            self.told, self.made
        )
    }
}

impl Records {
    /// Nothing taken yet.
    pub fn new() -> Self {
        Self {
            store: Store::new(),
            // Which server the log is for is not known; more than this machine has can't be checked on it.
            bounds: Bounds::new(u64::MAX, memory().unwrap_or(u64::MAX)),
        }
    }
}

/// Bytes of memory that are free for use here.
fn memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

impl Replay for Records {
    fn snapshot(&mut self, payload: &[u8], record_count: u32) -> Result<(), BadRecords> {
        self.store
            .load_snapshot(payload, record_count, &mut self.bounds)
            .map_err(BadRecords::new)
    }

    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords> {
        let made = self.store.len() as u64;
        if made == totals.keys {
            Ok(())
        } else {
            Err(BadRecords::new(Keys {
                told: totals.keys,
                made,
            }))
        }
    }

    fn group(&mut self, _seq: u64, count: u32, payload: &[u8], _wall_ms: u64) -> Result<(), BadRecords> {
        self.store
            .load_group(payload, count, &mut self.bounds)
            .map_err(BadRecords::new)
    }
}
